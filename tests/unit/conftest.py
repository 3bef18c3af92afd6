# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the files, and hypothesis' profile `few` for another Python or ansible-core, where it is the language that is tested."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("few", max_examples=25, derandomize=True, database=None, deadline=None)

# At the end one worker would wait for it.
LONGEST = "test_decide_properties.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first."""
    items.sort(key=lambda item: item.path.name != LONGEST)
