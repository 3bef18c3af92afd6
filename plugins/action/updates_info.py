# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is offered and what to do with it. Documentation: plugins/modules/updates_info.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import door
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import deciding
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import exposure
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record

SPEC = {
    **deciding.SPEC,
    "consent": {"type": "raw"},
    "policy": {"type": "dict"},
    "record": {"type": "path"},
    "restart_answer": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
    "return_signals": {"type": "bool", "default": False},
    "signals": {"type": "dict"},
}


class ActionModule(deciding.DecidingAction):
    """Collect signals and offers, ask the core, return."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = self.options(SPEC)
        now = collector.moment(arguments["now"], "now")
        agreed = deciding.consent(arguments["consent"])
        rules = deciding.policy(arguments["policy"], variables)
        table = collector.release_table(arguments["release_table"], arguments["release_table_extend"])
        if arguments["signals"] is not None:
            answer = collector.Answer(door.admit(arguments["signals"]), None)
        else:
            answer = self.everything(arguments, variables, arguments["restart_answer"])
        self.insist(answer, arguments)
        known = self.memory(arguments["record"], variables)
        azure = arguments["azure"]
        decision = self.decide(variables, answer, table, rules, now, azure=azure, agreed=agreed, remembered=known)
        result.update(changed=False, decision=decision, offers=decision["offers"], problem=answer.problem)
        result["signals"] = answer.signals if arguments["return_signals"] else None
        return result

    @staticmethod
    def memory(path: str | None, variables: Mapping[str, Any]) -> dict[str, Any]:
        """What the last decision on this host knew to be missing; nothing without a record.

        :raises AnsibleActionFail: the record cannot be read
        """
        if not path:
            return {}
        try:
            return exposure.memory(*record.last(path, str(variables.get("inventory_hostname", ""))))
        except record.RecordError as error:
            raise AnsibleActionFail(f"record: {error}") from None
