# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run goes on. Documentation: plugins/modules/fleet_gate.py."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.store.leases import State, StateError

SPEC = {
    "ended": {"type": "bool", "default": False},
    "run": {"type": "str", "required": True},
    "state_dir": {"type": "path", "required": True},
}


class ActionModule(collector.SignalsAction):
    """Hold the hosts that ended badly against the run's budget; no host is contacted."""

    ASKS_HOST = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.options(SPEC)
        state = State(arguments["state_dir"])
        result["changed"] = False
        try:
            if self._task.check_mode and not state.known(arguments["run"]):
                why = "In check mode no run is made known, so no host of it ended badly."
                return result | {"open": True, "bad": [], "budget": None, "why": why}
            verdict = state.gate(arguments["run"])
            if arguments["ended"] and not self._task.check_mode:
                state.end(arguments["run"])
        except (PolicyError, StateError) as error:
            # The sentence is whole; with its cause ansible-core would say it twice.
            raise AnsibleActionFail(str(error)) from None
        return result | verdict._asdict()
