# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One report of all jobs of a workflow, from their artifacts. Documentation: plugins/modules/workflow_report.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ansible.utils.display import Display
from ansible_collections.rebootless.patching.plugins.action import fleet_report
from ansible_collections.rebootless.patching.plugins.plugin_utils.awx import workflow
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import render as run_report
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record

SPEC = {
    "artifact_bytes": {"type": "int", "default": 1000000},
    "artifacts": {"type": "dict", "required": True},
    "domains": {"type": "list", "elements": "str", "default": []},
    "look_var": {"type": "str", "required": True},
    "seen_var": {"type": "str", "required": True},
    "show": {"type": "bool", "default": True},
}


class ActionModule(collector.SignalsAction):
    """Merge what the jobs passed on, print it as Markdown, and say by failing when hosts did not end well."""

    ASKS_HOST = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.options(SPEC)
        variables = (task_vars or {}).get("hostvars", {})
        given = record.plain(arguments["artifacts"])
        names = [name for name in workflow.unheard(given) if name in variables]
        looks = {
            name: {key: record.plain(variables[name].get(arguments[f"{key}_var"]) or {}) for key in ("look", "seen")}
            for name in names
        }
        whole = workflow.merge(
            given,
            looks,
            generated_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            version=fleet_report.version(),
            domains=arguments["domains"],
        )
        if arguments["show"]:
            Display().display("\n" + run_report.markdown(whole))
        bad = run_report.failed(whole)
        artifact = workflow.artifact(record.plain(whole), arguments["artifact_bytes"])
        result.update(changed=False, summary=whole["summary"], failed_hosts=bad, artifact=artifact, msg="")
        if bad or not whole["hosts"]:
            said = f"{len(bad)} of {len(whole['hosts'])} hosts did not end well: {', '.join(bad)}."
            result.update(failed=True, msg=said if bad else " ".join(whole["problems"]) or "No host was planned.")
        return result
