# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles need of the core about hooks. Documentation: the .yml of each filter beside this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import hooks


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"hook_file_problems": hooks.file_problems, "hook_phase_problems": hooks.phase_problems}
