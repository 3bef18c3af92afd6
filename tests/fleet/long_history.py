# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole release history month by month, of which CI plays the last months. `make long` runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from conftest import Run
from test_role_hotpatch import play_history


def test_every_month_of_the_history(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    assert play_history(on_fleet, tmp_path, "2024-01", "fast") > 70
