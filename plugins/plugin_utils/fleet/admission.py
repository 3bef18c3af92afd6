# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host may go out now, and whether a run goes on: questions to plain data, answered without looking at anything.

A run is what its file in the state directory holds (fleet_state.py), a lease too, with `alive` about its run added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.plan import RUN, named
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import FleetSpec

KINDS = ("restart", "install")
# Outcomes that are bad whatever else is said of the host.
BAD = ("failed", "unreachable", "not_reached", "unhealthy", "verify_failed", "unknown", "not_finished")
# Not yet: the only code with which a host asks again.
WAIT = "wait"
WAIT_LIMIT = "wait_limit"
CODES = (
    "admitted",
    "stop_file",
    "gate_closed",
    "run_stopped",
    "window_too_short",
    "slots_kept",
    "waited_too_long",
)
# What to do about a host that was told no; nothing has been done to it.
NEXT_STEPS = {
    "stop_file": "Take the file stop out of the state directory, then run again.",
    "gate_closed": "Look at the hosts that ended badly, then run again.",
    "run_stopped": "Look at the hosts that ended badly, then run again.",
    "window_too_short": "Run again when its next window opens.",
    "slots_kept": "Run again, which looks at the hosts that stay out; the slots of those in no run are released by name.",
    "waited_too_long": "Run again; slot_wait says how long a host waits, max_unavailable how many may be out.",
}


class Ask(NamedTuple):
    """A host that asks for a slot.

    `now` is the real time, `judged` that by which windows are judged; `ahead` are hosts of the run that wait for
    nothing but the limits and go before this one, in their order.
    """

    host: str
    kind: str
    now: datetime
    judged: datetime
    waited: float = 0.0
    stop: str | None = None
    window_end: datetime | None = None
    needs_seconds: int = 0
    ahead: Sequence[str] = ()


class Answer(NamedTuple):
    """`code` is one of CODES, or one of WAIT and WAIT_LIMIT while the host is to ask again."""

    admitted: bool
    code: str
    why: str
    adopted: Mapping[str, Any] | None = None

    @property
    def waits(self) -> bool:
        """Whether the host is to ask again."""
        return self.code in (WAIT, WAIT_LIMIT)


class Gate(NamedTuple):
    """Whether a run goes on: `bad` are the hosts that ended badly, `budget` how many may."""

    open: bool
    bad: list[str]
    budget: int
    why: str


def iso(moment: datetime) -> str:
    """A time as all files have it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_bad(finished: Mapping[str, Any]) -> bool:
    """Whether a host ended badly; one of which that is not known did.

    That nobody has said yes or no to its restart fails a host, and is no trouble of the host.
    """
    if finished.get("outcome") == "restart_due":
        return False
    return finished.get("failed") is not False or finished.get("outcome") in BAD


# --- gate --------------------------------------------------------------------------------------------------------


def gate(run: Mapping[str, Any]) -> Gate:
    """Whether no more hosts ended badly than the budgets of the run and of its waves allow."""
    spec = FleetSpec.load(run["spec"], "spec")
    bad = [name for name in run["plan"]["order"] if name in run["finished"] and is_bad(run["finished"][name])]
    budget = spec.failed.of(run["plan"]["hosts"])
    if len(bad) > budget:
        return Gate(False, bad, budget, f"{_ended(bad)}; the run's budget is {budget}.")
    for wave in run["plan"]["waves"]:
        mine = [name for name in bad if name in wave["hosts"]]
        most = len(mine) if spec.failed_per_wave is None else spec.failed_per_wave.of(len(wave["hosts"]))
        if len(mine) > most:
            return Gate(False, bad, budget, f"{_ended(mine)} in wave {wave['number']}; a wave's budget is {most}.")
    return Gate(True, bad, budget, f"{_ended(bad)}; the run's budget is {budget}.")


def _ended(bad: Sequence[str]) -> str:
    count = {0: "No host", 1: "1 host"}.get(len(bad), f"{len(bad)} hosts")
    return f"{count} ended badly" + (f" ({named(bad)})" if bad else "")


# --- admission ---------------------------------------------------------------------------------------------------


def admit(run: Mapping[str, Any], leases: Sequence[Mapping[str, Any]], ask: Ask) -> Answer:
    """Whether the host may go out now, may not at all, or is to ask again."""
    own = next((lease for lease in leases if lease["host"] == ask.host), None)
    mine = own is not None and own["run"] == run["run"]
    enough = own is not None and ask.kind in (own["kind"], "install")
    if mine and enough:
        return Answer(True, "admitted", "The host has its slot already.")
    theirs = None if mine else own
    left = theirs if theirs is not None and not theirs["alive"] else None
    refusal = _stopped(run, ask) or _too_late(ask)
    if refusal is not None:
        return refusal if left is None else refusal._replace(why=f"{refusal.why} {_still_out(left)}")
    # A host that is out already is counted: to keep it waiting for a slot or a wave helps nobody.
    waiting = None if left is not None and enough else _not_yet(run, leases, theirs, ask)
    if waiting is None:
        why = (
            "The host may go out."
            if left is None
            else f"Run {left['run']} has ended and left its slot, taken over now."
        )
        return Answer(True, "admitted", why, left)
    if not waiting.waits:
        return waiting
    longest = FleetSpec.load(run["spec"], "spec").slot_wait
    if ask.waited >= longest.total_seconds():
        return Answer(False, "waited_too_long", f"No slot got free in {_span(longest.total_seconds())}. {waiting.why}")
    return waiting


def _stopped(run: Mapping[str, Any], ask: Ask) -> Answer | None:
    if ask.stop is not None:
        return Answer(False, "stop_file", f"The stop file is there: {ask.stop or 'it gives no reason'}.")
    verdict = gate(run)
    if not verdict.open:
        return Answer(False, "gate_closed", verdict.why)
    if run["stopped"] is not None:
        return Answer(False, "run_stopped", f"The run was stopped: {run['stopped']}")
    return None


def _too_late(ask: Ask) -> Answer | None:
    """What is still to do has to end in the window."""
    if ask.window_end is None:
        return None
    left = (ask.window_end - ask.judged).total_seconds()
    if left >= ask.needs_seconds and left > 0:
        return None
    why = f"The host needs {_span(ask.needs_seconds)}, and its window has {_span(max(0.0, left))} left."
    return Answer(False, "window_too_short", why)


def _not_yet(
    run: Mapping[str, Any], leases: Sequence[Mapping[str, Any]], theirs: Mapping[str, Any] | None, ask: Ask
) -> Answer | None:
    """What the host has to wait for: another run that has it, earlier waves, their soak time, the limits."""
    if theirs is not None and theirs["alive"]:
        return Answer(False, WAIT, f"Run {theirs['run']} has the host in its hands.")
    why = _wave(run, ask)
    if why is not None:
        return Answer(False, WAIT, why)
    if ask.kind != "restart":
        return None
    return _limited(run, leases, ask)


def _wave(run: Mapping[str, Any], ask: Ask) -> str | None:
    """What is left of earlier waves, or of the soak time after them."""
    finished = run["finished"]
    ends: list[str] = []
    for wave in run["plan"]["waves"]:
        if ask.host in wave["hosts"]:
            break
        left = [name for name in wave["hosts"] if name not in finished]
        if left:
            what = "The canary" if wave["canary"] else f"Wave {wave['number']}"
            return f"{what} is not finished: {named(left)}."
        ends += [finished[name]["at"] for name in wave["hosts"]]
    if not ends:
        return None
    until = datetime.fromisoformat(max(ends)) + FleetSpec.load(run["spec"], "spec").soak
    return f"The wave before soaks until {iso(until)}." if ask.now < until else None


def _limited(run: Mapping[str, Any], leases: Iterable[Mapping[str, Any]], ask: Ask) -> Answer | None:
    """The limit that keeps the host in, with hosts ahead of it that fit counted as if they were out."""
    spec = FleetSpec.load(run["spec"], "spec")
    amounts = {RUN: spec.max_unavailable, **spec.groups}
    # All of them is no limit, so it does not make this run wait for others with hosts of their own.
    most = {limit: slots for limit, slots in run["plan"]["limits"].items() if amounts[limit].percent != 100}
    out = [lease for lease in leases if lease["kind"] == "restart" and lease["host"] != ask.host]
    taken = Counter({RUN: len(out)})
    for lease in out:
        taken.update(set(lease["groups"]))
    for name in ask.ahead:
        groups = run["hosts"][name]["groups"]
        if _full(taken, most, groups) is None:
            taken.update({RUN, *groups})
    limit = _full(taken, most, run["hosts"][ask.host]["groups"])
    if limit is None:
        return None
    whose = f"Of group {limit}" if limit else "Of all hosts"
    mine = [lease for lease in out if limit in (RUN, *lease["groups"])]
    kept = [lease for lease in mine if _stays_out(run, lease)]
    if len(kept) >= most[limit]:
        words = f"{whose} {most[limit]} may be out, and nobody puts back {named([_orphan(lease) for lease in kept])}."
        return Answer(False, "slots_kept", words)
    before = taken[limit] - len(mine)
    now = named([_orphan(lease) for lease in mine]) or "none"
    words = f"{whose} {most[limit]} may be out. Out now: {now}."
    words += f" Waiting ahead of it: {before}." if before else ""
    return Answer(False, WAIT_LIMIT, words)


def _stays_out(run: Mapping[str, Any], lease: Mapping[str, Any]) -> bool:
    """Whether this run has ended with the host of a lease, or never comes to it, and no other run has it in its hands."""
    if lease["alive"] and lease["run"] != run["run"]:
        return False
    return lease["host"] in run["finished"] or lease["host"] not in run["hosts"]


def _full(taken: Mapping[str, int], most: Mapping[str, int], groups: Iterable[str]) -> str | None:
    """The first limit with no room for a host of these groups."""
    return next((limit for limit in (RUN, *sorted(groups)) if limit in most and taken[limit] >= most[limit]), None)


def _still_out(lease: Mapping[str, Any]) -> str:
    """What else is to be known of a host that is told no, when an ended run has left it behind."""
    return f"Run {lease['run']} has ended and left its slot: it may still be out of service."


def _orphan(lease: Mapping[str, Any]) -> str:
    """The host of a lease, with whose it is when nobody looks after it."""
    return str(lease["host"]) if lease["alive"] else f"{lease['host']} (left behind by run {lease['run']})"


def _span(seconds: float) -> str:
    """Seconds for a sentence."""
    return str(timedelta(seconds=int(seconds)))
