# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles need of the core about a host's run. Documentation: host_result.yml and restart_agreed.yml beside this file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils import collector, host_run


def restart_agreed(
    decision: Mapping[str, Any], install: Mapping[str, Any] | None = None, now: str | None = None
) -> dict[str, Any]:
    """`{now, why}`: whether the host may restart now, as it was agreed."""
    return host_run.restart_agreed(decision, install or None, collector.moment(now, "now"))._asdict()


def host_result(
    decision: Mapping[str, Any] | None,
    name: str,
    install: Mapping[str, Any] | None = None,
    verify: Mapping[str, Any] | None = None,
    restart: Mapping[str, Any] | None = None,
    failure: str | None = None,
) -> dict[str, Any]:
    """What became of the host, with everything it rests on."""
    return host_run.result(name, decision or None, install or None, verify or None, restart or None, failure or None)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"restart_agreed": restart_agreed, "host_result": host_result}
