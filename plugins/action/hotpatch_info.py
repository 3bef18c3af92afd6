# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this host on the hotpatch track, and if not, why not. Documentation: plugins/modules/hotpatch_info.py."""

from __future__ import annotations

from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import status

SPEC = {
    "azure": {"type": "dict"},
    "cim_timeout": {"type": "int", "default": 20},
    "now": {"type": "str"},
    "on_problem": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
    "release_table": {"type": "path"},
    "release_table_extend": {"type": "path"},
    "return_signals": {"type": "bool", "default": False},
    "services": {"type": "list", "elements": "str", "default": []},
    "signals": {"type": "dict"},
}
KEYS = [
    "product",
    "edition",
    "build",
    "architecture",
    "last_boot",
    "state",
    "track",
    "reasons",
    "last_baseline",
    "next_baseline_expected",
    "covered_until",
    "restart_required",
    "restart_risks",
    "restart_risks_looked_at",
    "judged_at",
    "problem",
]


class ActionModule(collector.SignalsAction):
    """Collect signals, ask the core, return."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.options(SPEC)
        now = collector.moment(arguments["now"], "now")
        table = collector.release_table(arguments["release_table"], arguments["release_table_extend"])
        wanted = {"services": arguments["services"], "cim_timeout": arguments["cim_timeout"]}
        answer = self.signals(arguments, task_vars or {}, wanted)
        name = (task_vars or {}).get("inventory_hostname", "")
        verdict = status.host_status(name, answer.signals, answer.problem, table, now, azure=arguments["azure"])
        result.update(changed=False, **{key: verdict[key] for key in KEYS})
        result["signals"] = answer.signals if arguments["return_signals"] else None
        return result
