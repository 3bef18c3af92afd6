# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's leave to go out of service, and its way back. Documentation: plugins/modules/fleet_slot.py."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from ansible.errors import AnsibleActionFail
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import admission as fleet_admission
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.admission import Answer, Ask, iso
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import FleetSpec
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import disk
from ansible_collections.rebootless.patching.plugins.plugin_utils.store.leases import Given, Held, State, StateError

SPEC = {
    "force": {"type": "bool", "default": False},
    "host": {"type": "str"},
    "kind": {"type": "str", "default": "restart", "choices": list(fleet_admission.KINDS)},
    "needs_seconds": {"type": "int"},
    "now": {"type": "str"},
    "outcome": {
        "type": "dict",
        "options": {"failed": {"type": "bool", "required": True}, "outcome": {"type": "str", "required": True}},
    },
    "phase": {"type": "str"},
    "poll_interval": {"type": "float", "default": 2.0},
    "run": {"type": "str"},
    "state": {"type": "str", "required": True, "choices": ["taken", "held", "released", "kept", "looked"]},
    "state_dir": {"type": "path", "required": True},
    "window_end": {"type": "str"},
}
SHORTEST_POLL = 0.01
LONGEST_POLL = 60.0
# So many polls only look whether anything has changed, then one asks whatever they saw: time alone opens a slot too.
QUICK_POLLS = 5
IN_CHECK_MODE = "In check mode no slot is taken or given back."
Done = TypeVar("Done")


class ActionModule(collector.SignalsAction):
    """Take, give back, or clear up a slot; the host is not contacted."""

    ASKS_HOST = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.options(SPEC)
        host = arguments["host"] or (task_vars or {}).get("inventory_hostname")
        self.check(arguments, host)
        judged = collector.moment(arguments["now"], "now") if arguments["now"] else None
        end = collector.moment(arguments["window_end"], "window_end") if arguments["window_end"] else None
        result["changed"] = False
        taking = arguments["state"] == "taken"
        if self._task.check_mode and arguments["state"] == "held":
            return result | Held(True, IN_CHECK_MODE)._asdict()
        if self._task.check_mode:
            yes = Answer(True, "admitted", IN_CHECK_MODE)
            return result | (self.answer(yes, 0.0) if taking else self.given(Given(False, None, IN_CHECK_MODE)))
        state = State(arguments["state_dir"])
        try:
            if arguments["state"] == "held":
                held = state.held(arguments["run"], host)
                return result | held._asdict() | ({} if held.held else {"failed": True, "msg": held.why})
            if taking:
                ask = Ask(host, arguments["kind"], datetime.now(UTC), datetime.now(UTC), window_end=end)
                return result | self.take(state, arguments, ask, judged)
            return result | self.given(self.give(state, arguments, host))
        except (PolicyError, StateError) as error:
            # Told, not raised: of a task that raises ansible-core asks neither failed_when nor until.
            return result | {"failed": True, "msg": str(error), "why": str(error)}

    @staticmethod
    def check(arguments: Mapping[str, Any], host: str | None) -> None:
        """What the options have to be beyond their types.

        :raises AnsibleActionFail: naming the option and what is allowed
        """
        if not host:
            raise AnsibleActionFail("host: it is missing; give the name of a host.")
        if arguments["force"] and arguments["state"] != "released":
            raise AnsibleActionFail("force: it is for state released alone.")
        if arguments["run"] is None and not arguments["force"]:
            raise AnsibleActionFail("run: it is missing; only with force it is not needed.")
        if arguments["state"] == "kept" and arguments["outcome"] is None:
            raise AnsibleActionFail("outcome: it is missing; a host that stays out of service has ended somehow.")
        if not SHORTEST_POLL <= arguments["poll_interval"] <= LONGEST_POLL:
            raise AnsibleActionFail(
                f"poll_interval: {arguments['poll_interval']} is out of range; "
                f"{SHORTEST_POLL} to {LONGEST_POLL:g} seconds are allowed."
            )
        if (arguments["needs_seconds"] or 0) < 0:
            raise AnsibleActionFail(f"needs_seconds: {arguments['needs_seconds']} is below zero.")

    def take(self, state: State, arguments: Mapping[str, Any], ask: Ask, judged: datetime | None) -> dict[str, Any]:
        """Ask until the answer is yes or no; between two questions nothing is held."""
        run, interval = arguments["run"], arguments["poll_interval"]
        if arguments["needs_seconds"] is not None:
            ask = ask._replace(needs_seconds=arguments["needs_seconds"])
        elif ask.kind == "restart":
            ask = ask._replace(needs_seconds=state.seconds(run, ask.host))
        begun = time.monotonic()
        while True:
            waited, now = time.monotonic() - begun, datetime.now(UTC)
            seen = state.changes(run)
            ask = ask._replace(now=now, judged=judged + timedelta(seconds=waited) if judged else now, waited=waited)
            self.watch(state, run)
            answer = self.patiently(functools.partial(state.take, run, ask, arguments["phase"]), state, run, ask.host)
            if not answer.waits:
                return self.answer(answer, waited, self.known(state, run, ask.host) if answer.admitted else None)
            for _poll in range(QUICK_POLLS):
                time.sleep(interval)
                if state.changes(run) != seen:
                    break
                if answer.code == fleet_admission.WAIT_LIMIT:
                    state.still_waits(run, ask.host)

    @staticmethod
    def watch(state: State, run: str) -> None:
        """Let a host that waits look whether the run's heart beats."""
        with contextlib.suppress(StateError):
            state.watch(run)

    @staticmethod
    def patiently(do: Callable[[], Done], state: State, run: str, host: str, *, whatever: bool = False) -> Done:
        """Do it again while the disk refuses it, for as long as hosts of this run wait for a slot: they would wait for nothing.

        :raises StateError: the disk refuses it still, or something else is wrong
        """

        def longest() -> float:
            return FleetSpec.load(state.run(run)["spec"]).slot_wait.total_seconds()

        return disk.patiently(do, longest, lambda said: collector.tell_now(f"{host}: {said}"), whatever=whatever)

    @staticmethod
    def known(state: State, run: str, host: str) -> dict[str, Any] | None:
        """`{deadline, seconds_left, groups, wave, canary}` of a host with a slot; the deadline counts from when it got it."""
        lease = state.lease(host)
        if lease is None:
            return None
        found = state.run(run)
        deadline = datetime.fromisoformat(lease["taken_at"]) + FleetSpec.load(found["spec"]).deadline
        wave = next((one for one in found["plan"]["waves"] if host in one["hosts"]), None)
        return {
            "deadline": iso(deadline),
            "seconds_left": max(0, int((deadline - datetime.now(UTC)).total_seconds())),
            "groups": lease["groups"],
            "wave": wave["number"] if wave else None,
            "canary": wave["canary"] if wave else None,
        }

    @classmethod
    def give(cls, state: State, arguments: Mapping[str, Any], host: str) -> Given:
        """Give a slot back, or clear up one that an ended run left behind."""
        if arguments["force"]:
            return state.force(host)
        if arguments["state"] == "looked":
            return state.looked(arguments["run"], host)
        way = state.keep if arguments["state"] == "kept" else state.release
        done = functools.partial(way, arguments["run"], host, arguments["outcome"])
        return cls.patiently(done, state, arguments["run"], host, whatever=True)

    @staticmethod
    def answer(answer: Answer, waited: float, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What a host that asked is told."""
        return {
            "deadline": None,
            "seconds_left": None,
            "groups": [],
            "wave": None,
            "canary": None,
            **(known or {}),
            "admitted": answer.admitted,
            "code": answer.code,
            "why": answer.why,
            "waited": round(waited),
            "adopted": dict(answer.adopted) if answer.adopted is not None else None,
            "next_step": fleet_admission.NEXT_STEPS.get(answer.code),
        }

    @staticmethod
    def given(given: Given) -> dict[str, Any]:
        """What became of a slot that was to be free."""
        return {"released": given.released, "why": given.why, "lease": given.lease}
