# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rolling playbooks need of the core about one host. Documentation: the .yml of each filter beside this file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import slot as rolling


def slot_end(
    decision: Mapping[str, Any] | None,
    name: str,
    done: Mapping[str, Any] | None = None,
    slot: Mapping[str, Any] | None = None,
    begun: bool = False,
    adopted: bool = False,
    failure: str | None = None,
) -> dict[str, Any]:
    """`{result, out}`: how a host ends; what is empty was not there."""
    given = (one or None for one in (decision, done, slot))
    return rolling.end(name, *given, begun=begun, adopted=adopted, failure=failure or None)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {
            "planned_group": rolling.planned,
            "planned_next": rolling.next_group,
            "slot_again": rolling.again,
            "slot_end": slot_end,
            "slot_kind": rolling.kind,
        }
