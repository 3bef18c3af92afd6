# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What on this host waits for a restart, by class. Documentation: plugins/modules/pending_reboot_info.py."""

from __future__ import annotations

from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import pending_restart as pending_reboot
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import untouchable

SPEC = {
    "cim_timeout": {"type": "int", "default": 20},
    "classes": {
        "type": "list",
        "elements": "str",
        "choices": list(pending_reboot.CLASSES),
        "default": list(pending_reboot.DEFAULT_CLASSES),
    },
    "on_problem": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
    "signals": {"type": "dict"},
    "step": {"type": "str", "choices": list(untouchable.STEPS), "default": "restart"},
}


class ActionModule(collector.SignalsAction):
    """Collect the pending-restart sources, ask the core, return."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.options(SPEC)
        wanted = {"gather_subset": ["pending"], "cim_timeout": arguments["cim_timeout"]}
        answer = self.signals(arguments, task_vars or {}, wanted)
        table = collector.release_table(None, None)
        verdict = pending_reboot.pending_restart(answer.signals, arguments["classes"], table)
        waits = untouchable.asked(answer.signals, answer.problem, arguments["step"])
        leave_alone = [wait._asdict() for wait in waits]
        result.update(changed=False, problem=answer.problem, **verdict, leave_alone=leave_alone)
        return result
