# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take an installed update off a host, and prove it. Documentation: plugins/modules/remove_update.py."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ansible.errors import AnsibleActionFail
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import status
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import rollback_plan as rollback
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import rollback_result as rollback_end
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import fencing as fleet_lease

MODULE = "rebootless.patching.windows_packages"
SPEC = {
    "azure": {"type": "dict"},
    "before": {"type": "dict"},
    "cim_timeout": {"type": "int", "default": 20},
    "deadline": {"type": "int", "default": 3600},
    "kb": {"type": "str", "required": True},
    "lease": fleet_lease.OPTION,
    "now": {"type": "str"},
    "on_problem": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
    "package": {"type": "str"},
    "poll_interval": {"type": "float", "default": 15.0},
    "release_table": {"type": "path"},
    "release_table_extend": {"type": "path"},
    "state": {"type": "str", "choices": ["planned", "removed", "verified"], "default": "removed"},
    "validate_only": {"type": "bool", "default": False},
}
GOOD = ("planned", "restart_left", "nothing_to_do", "check_mode", "removed", "gone")
NOT_ASKED = "The host could not be asked, so nothing was done: "


class Seen(NamedTuple):
    """A host at one moment: its signals, its status, and the raw answer about its packages."""

    signals: Signals
    host: Mapping[str, Any]
    packages: Mapping[str, Any]

    def snapshot(self, package: str | None) -> dict[str, Any]:
        """For the proof."""
        return rollback_end.snapshot(self.signals, self.host, rollback.packages(self.packages), package)


class ActionModule(collector.SignalsAction):
    """Look, remove, look again until it is clear what became of it."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        self.variables = task_vars or {}
        self.arguments = self.options(SPEC)
        self.began = datetime.now(UTC)
        self.ends = time.monotonic() + self.arguments["deadline"]
        try:
            self.kb = rollback.kb_number(self.arguments["kb"])
        except rollback.RollbackError as error:
            raise AnsibleActionFail(str(error)) from None
        self.now = collector.moment(self.arguments["now"], "now")
        self.table = collector.release_table(self.arguments["release_table"], self.arguments["release_table_extend"])
        result.update(self.blank())
        # What each package said of itself, by its identity: that does not change, so each is asked once.
        self.details: dict[str, Any] = {}
        if self.arguments["validate_only"]:
            return self.done(result, None)
        if self.arguments["state"] == "verified":
            return self.verify(result)
        seen = self.look()
        if isinstance(seen, collector.Answer):
            result["problem"] = seen.problem
            result["words"] = [NOT_ASKED + (seen.problem or {})["message"]]
            return self.done(result, "not_reached")
        planned = rollback.plan(
            self.kb, self.arguments["package"], seen.packages, seen.signals, seen.host, self.table, self.now
        )
        before = seen.snapshot(planned["package"])
        words = [planned["why"], *(planned["effect"] or {"words": []})["words"]]
        result.update(plan=planned, words=words, proof=rollback_end.proof(before, None))
        if planned["verdict"] != "remove":
            result["restart"] = rollback_end.restart(planned, None, before)
        if self._task.check_mode and self.arguments["state"] == "removed" and planned["verdict"] in rollback.TO_DO:
            result.update(changed=planned["verdict"] == "remove", diff=difference(planned, rollback.ABSENT))
            return self.done(result, "check_mode")
        if planned["verdict"] != "remove":
            return self.done(result, planned["verdict"])
        if self.arguments["state"] == "planned":
            return self.done(result, "planned")
        lost = fleet_lease.lost(self.arguments["lease"], str(self.variables.get("inventory_hostname", "")))
        if lost:
            result["words"] = [f"{lost} So nothing was removed."]
            return self.done(result, "refused")
        return self.remove(result, planned, before)

    def blank(self) -> dict[str, Any]:
        """Every key of the result, whatever the outcome."""
        empty = dict.fromkeys(("plan", "removal", "proof", "problem"))
        return {"changed": False, "kb": self.kb, "outcome": None, "words": [], "restart": None, **empty}

    # The host

    def look(self) -> Seen | collector.Answer:
        """The host as it is now, or the problem."""
        answer = self.collect({"cim_timeout": self.arguments["cim_timeout"]}, self.variables)
        if answer.signals is None:
            return answer
        packages = self.ask({})
        if isinstance(packages, collector.Answer):
            return packages
        name = str(self.variables.get("inventory_hostname", ""))
        host = status.host_status(name, answer.signals, None, self.table, self.now, azure=self.arguments["azure"])
        return Seen(Signals(answer.signals), host, packages["packages"])

    def ask(self, wanted: Mapping[str, Any]) -> Mapping[str, Any] | collector.Answer:
        """The module's result, or the problem."""
        arguments = {**wanted, "known": list(self.details)}
        try:
            said = self.run_module(MODULE, arguments, self.variables)
        except collector.TROUBLE as error:
            return collector.Answer(None, collector.problem(error))
        if said.get("failed") or "packages" not in said:
            return collector.Answer(None, collector.problem(said.get("msg") or "windows_packages gave no answer"))
        self.remember(Signals(said).value("packages"))
        return said

    def remember(self, packages: object) -> None:
        """Keep what packages said of themselves, and put it where it was not asked for again."""
        for one in packages if isinstance(packages, list) else ():
            if not isinstance(one, dict):
                continue
            name, told = str(one.get("name")), Signals(one).value("details")
            if one.get("details") is None and name in self.details:
                one["details"] = self.details[name]
            elif isinstance(told, Mapping):
                self.details[name] = one["details"]

    def watch(self, settled: Callable[[Seen | None], bool]) -> Seen | collector.Answer:
        """Look again and again until it is settled or the time is over; the last look."""
        while True:
            # The last look begins when the time is over, so a slow one before it costs no verdict.
            last = time.monotonic() >= self.ends
            seen = self.look()
            if settled(seen if isinstance(seen, Seen) else None) or last:
                return seen
            fleet_lease.watch(self.arguments["lease"])
            with contextlib.suppress(*collector.TROUBLE):
                # The host may still be away: that is left to the next look.
                self._connection.reset()
            time.sleep(min(self.arguments["poll_interval"], max(0.0, self.ends - time.monotonic())))

    # Remove, and prove

    def remove(self, result: dict[str, Any], planned: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        """Remove the package; a lost connection is no answer, and the host is asked what became of it."""
        package = planned["package"]
        said = self.ask({"state": "absent", "package": package})
        change = None if isinstance(said, collector.Answer) else said["change"]

        def after(seen: Seen | None) -> dict[str, Any] | None:
            return seen.snapshot(package) if seen else None

        seen = self.watch(lambda one: rollback_end.removal(change, after(one))["settled"] and one is not None)
        proved = after(seen if isinstance(seen, Seen) else None)
        removal = rollback_end.removal(change, proved)
        result.update(
            removal={key: removal[key] for key in ("restart_needed", "hresult", "message")},
            proof=rollback_end.proof(before, proved),
            restart=rollback_end.restart(planned, removal, proved or before),
            changed=removal["outcome"] in ("removed", "unknown"),
        )
        if isinstance(seen, collector.Answer):
            result["problem"] = seen.problem
        if result["changed"]:
            result["diff"] = difference(planned, proved["package"] if proved else None)
        words = rollback_end.removal_words(planned["kb"], removal)
        result["words"] = [result["restart"]["why"] if removal["outcome"] == "removed" else words]
        return self.done(result, removal["outcome"])

    def verify(self, result: dict[str, Any]) -> dict[str, Any]:
        """Ask the host until servicing has ended its work whether the update is gone.

        :raises AnsibleActionFail: what it was before is not given
        """
        given = self.arguments["before"] or {}
        planned, before = given.get("plan"), (given.get("proof") or {}).get("before")
        if not planned or not before:
            raise AnsibleActionFail("before: give the result of this module with state planned or removed, as it is.")
        restarted = bool((given.get("restart") or {}).get("needed"))

        def verdict(seen: Seen | None) -> dict[str, Any]:
            return rollback_end.verified(
                planned, before, seen.snapshot(planned["package"]) if seen else None, restarted
            )

        seen = self.watch(lambda one: bool(verdict(one)["settled"]))
        after = seen if isinstance(seen, Seen) else None
        told = verdict(after)
        result.update(
            plan=planned,
            removal=given.get("removal"),
            restart=given.get("restart"),
            words=told["words"],
            proof=rollback_end.proof(before, after.snapshot(planned["package"]) if after else None),
        )
        if isinstance(seen, collector.Answer):
            result["problem"] = seen.problem
        return self.done(result, told["outcome"])

    def done(self, result: dict[str, Any], outcome: str | None) -> dict[str, Any]:
        """The end: outcome and times, and whether it fails the task."""
        ended = datetime.now(UTC)
        times = {"started_at": status.iso(self.began), "ended_at": status.iso(ended)}
        result.update(outcome=outcome, **times, seconds=int((ended - self.began).total_seconds()))
        if outcome is not None and outcome not in GOOD:
            result.update(failed=self.arguments["on_problem"] == "fail", msg=" ".join(result["words"]))
        return result


def difference(planned: Mapping[str, Any], after: str | None) -> dict[str, str]:
    """The package before and after, for diff mode."""
    name = planned["package"]
    return {"before": f"{name}: {planned['state']}\n", "after": f"{name}: {after or 'unknown'}\n"}
