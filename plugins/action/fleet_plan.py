# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a run through a fleet, make it known to all others, keep its heart beating. Documentation: plugins/modules/fleet_plan.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import plan as fleet_plan
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import FleetSpec
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record
from ansible_collections.rebootless.patching.plugins.plugin_utils.store.leases import State, StateError

SPEC = {
    "forks": {"type": "int"},
    "hosts": {"type": "list", "elements": "raw", "required": True},
    "record": {"type": "path"},
    "run": {"type": "str", "required": True},
    "spec": {"type": "dict", "default": {}},
    "state_dir": {"type": "path", "required": True},
}
# Ansible's own, when it says none.
FORKS = 5


class ActionModule(collector.SignalsAction):
    """Plan, register, start the heartbeat; no host is contacted."""

    ASKS_HOST = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.options(SPEC)
        forks = arguments["forks"] or (task_vars or {}).get("ansible_forks") or FORKS
        try:
            spec = FleetSpec.load(arguments["spec"], "spec")
            given = self.described(arguments, task_vars or {})
            fleet = fleet_plan.hosts(given, spec)
            plan = fleet_plan.plan(given, spec, int(forks))
            state = State(arguments["state_dir"])
            orphans = [self.told(lease) for lease in state.leases() if not lease["alive"]]
            # They are let in at once and free what others wait for, who would hold all forks until then.
            first = {lease["host"] for lease in orphans}
            plan["order"].sort(key=lambda name: name not in first)
            if self._task.check_mode:
                if state.known(arguments["run"]):
                    raise AnsibleActionFail(f"run: {arguments['run']} is in {state.folder} already.")
            else:
                state.register(arguments["run"], fleet, spec.given, plan)
                state.start_beat(arguments["run"])
        except (PolicyError, StateError, record.RecordError) as error:
            # The sentence is whole; with its cause ansible-core would say it twice.
            raise AnsibleActionFail(str(error)) from None
        names = {host.name for host in fleet}
        left = [lease["host"] for lease in orphans if lease["host"] not in names]
        if left:
            plan["warnings"].append(
                f"{fleet_plan.named(left)}: an ended run left {'it' if len(left) == 1 else 'them'} out of service, "
                "which counts against the limits, and this run does not look; look, then release by name."
            )
        result["warnings"] = [*result.get("warnings", []), *plan["warnings"]]
        planned = [{"name": host.name, "groups": sorted(host.groups), "seconds": host.seconds} for host in fleet]
        told = {"run": arguments["run"], "plan": plan, "hosts": planned, "orphans": orphans}
        return result | {"changed": False} | told

    @staticmethod
    def described(arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The hosts with their groups, and with how long they were out last, where the record knows.

        :raises RecordError: there is a record and it cannot be read
        """
        held = record.slot_seconds(arguments["record"]) if arguments["record"] else {}
        known = variables.get("hostvars", {})
        found = []
        for given in arguments["hosts"]:
            named = isinstance(given, Mapping)
            host = dict(given) if named else {"name": given, "groups": known.get(given, {}).get("group_names", [])}
            if host.get("seconds") is None:
                host["seconds"] = held.get(str(host.get("name")))
            found.append(host)
        return found

    @staticmethod
    def told(lease: Mapping[str, Any]) -> dict[str, Any]:
        """What is to be known of a lease that an ended run left behind."""
        return {key: record.plain(lease[key]) for key in ("host", "run", "kind", "phase", "taken_at", "groups")}
