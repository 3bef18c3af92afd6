# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins that decide share: both collectors, the policy and the consent. Not part of the core."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller.action_base import Answer
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import decide
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.consent import Consent
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import Policy
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import ReleaseTable

OFFERS_COLLECTOR = "rebootless.patching.windows_offers_info"
SPEC = {
    "azure": {"type": "dict"},
    "cim_timeout": {"type": "int", "default": 20},
    "now": {"type": "str"},
    "on_problem": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
    "release_table": {"type": "path"},
    "release_table_extend": {"type": "path"},
    "search_timeout": {"type": "int", "default": 600},
}


def consent(value: object) -> Consent:
    """What the administrator says to a restart.

    :raises AnsibleActionFail: naming the key, the value and what is allowed
    """
    try:
        return Consent.load(value)
    except PolicyError as error:
        raise AnsibleActionFail(str(error)) from None


def policy(given: object, task_vars: Mapping[str, Any]) -> Policy:
    """The host's policy.

    :raises AnsibleActionFail: naming the key, the value and what is allowed
    """
    try:
        return Policy.load(
            given,
            host=str(task_vars.get("inventory_hostname", "")),
            groups=list(task_vars.get("group_names", [])),
            where="policy",
        )
    except PolicyError as error:
        raise AnsibleActionFail(str(error)) from None


class DecidingAction(collector.SignalsAction):
    """An action plugin that needs to know what a host is offered."""

    def everything(
        self, arguments: Mapping[str, Any], task_vars: Mapping[str, Any], restart_answer: str = "never"
    ) -> Answer:
        """Signals and offers of a host together, in two module runs; the first problem ends it."""
        answer = self.collect({"cim_timeout": arguments["cim_timeout"]}, task_vars)
        if answer.signals is None:
            return answer
        wanted = {"restart_answer": restart_answer, "search_timeout": arguments["search_timeout"]}
        offered = self.collect(wanted, task_vars, OFFERS_COLLECTOR)
        if offered.signals is None:
            return offered
        return Answer({**answer.signals, **offered.signals}, None)

    @staticmethod
    def decide(
        task_vars: Mapping[str, Any],
        answer: Answer,
        table: ReleaseTable,
        rules: Policy,
        now: datetime,
        *,
        azure: object,
        agreed: Consent,
        remembered: Mapping[str, object] | None = None,
    ) -> dict[str, Any]:
        """The core's decision on this host."""
        name = str(task_vars.get("inventory_hostname", ""))
        return decide.decide(
            name,
            answer.signals,
            table,
            rules,
            now,
            azure=azure,
            problem=answer.problem,
            consent=agreed,
            remembered=remembered,
        )
