# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would this host come back from a restart by itself. Documentation: plugins/modules/preflight_info.py."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import known_issues, preflight

COLLECTOR = "rebootless.patching.windows_preflight_info"
SPEC = {
    "cim_timeout": {"type": "int", "default": 20},
    "decision": {"type": "dict"},
    "known_issues_extend": {"type": "path"},
    "on_problem": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
    "return_signals": {"type": "bool", "default": False},
    "settings": {"type": "raw", "default": {}},
    "settings_name": {"type": "str", "default": "settings"},
    "signals": {"type": "dict"},
    "validate_only": {"type": "bool", "default": False},
}


class ActionModule(collector.SignalsAction):
    """Collect signals, ask the core, return."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.options(SPEC)
        try:
            settings = preflight.Settings.load(arguments["settings"], arguments["settings_name"])
            extend = arguments["known_issues_extend"]
            more = collector.read_json(extend, "known_issues_extend") if extend else None
            issues = known_issues.KnownIssues.load(known_issues.shipped(), more)
        except PolicyError as error:
            raise AnsibleActionFail(str(error)) from None
        result.update(changed=False, preflight=None, problem=None, signals=None)
        if arguments["validate_only"]:
            return result
        answer = self.look(arguments, task_vars or {}, settings)
        verdict = preflight.judge(answer.signals, settings, arguments["decision"], answer.problem, issues)
        result.update(preflight=verdict, problem=answer.problem)
        result["signals"] = answer.signals if arguments["return_signals"] else None
        return result

    def look(
        self, arguments: dict[str, Any], task_vars: dict[str, Any], settings: preflight.Settings
    ) -> collector.Answer:
        """The signals; a host that is to be asked nothing is not contacted."""
        if arguments["signals"] is not None:
            return collector.Answer(arguments["signals"], None)
        if not settings.bitlocker and not settings.processes:
            return collector.Answer({}, None)
        wanted = {
            "bitlocker": settings.bitlocker,
            "cim_timeout": arguments["cim_timeout"],
            "processes": list(settings.processes),
        }
        answer = self.collect(wanted, task_vars, COLLECTOR)
        self.insist(answer, arguments)
        return answer
