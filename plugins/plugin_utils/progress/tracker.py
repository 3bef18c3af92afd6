# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a rolling run stands: tasks as a callback sees them go in, plain lines come out; progress_screen.py makes the screen.

Nothing comes out that a host or somebody's module has said, only names, steps, and words of this collection.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.text import clean, counted
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import admission as fleet_admission
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.plan import RUN, Host, named
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import ESTIMATE, FleetSpec
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.time_left import Pace, Turn, Wave, time_left

OURS = "rebootless.patching."
SLOT = f"{OURS}fleet_slot"
# Whose messages are shown: they are made of names and our words. Others may quote a command or an address with a password in it.
SPEAKS = (
    OURS,
    "ansible.windows.win_reboot",
    "ansible.windows.win_updates",
    "ansible.builtin.add_host",
    "ansible.builtin.assert",
    "ansible.builtin.fail",
    "ansible.builtin.import_",
    "ansible.builtin.include_",
    "ansible.builtin.set_fact",
)
# What a host is at while a task runs; other tasks change nothing.
DOING = {
    "ansible.windows.win_reboot": "restarting",
    f"{OURS}drain": "draining or putting back",
    f"{OURS}health_info": "checking its health",
    f"{OURS}hotpatch_info": "asked for its state",
    f"{OURS}install_updates": "installing",
    f"{OURS}preflight_info": "preflight",
    f"{OURS}updates_info": "deciding",
}
WAITS = "waits for its turn"
# These answers end the run for every host that has no slot yet.
STOPPED = ("stop_file", "gate_closed", "run_stopped")
NOT_STARTED = "not_started"
LONGEST = 500
GOOD, BAD, NOTE = "32", "31", "33"


class Seen(NamedTuple):
    """A task on a host: `action` is its full name, `task` what the playbook calls it.

    `status` is started, ok, failed, ignored (failed, and the playbook does not mind), skipped or unreachable.
    """

    status: str
    host: str
    action: str
    task: str = ""
    args: Mapping[str, Any] = {}
    result: Mapping[str, Any] = {}


class Line(NamedTuple):
    """A line of plain output; one that is `loud` is told above the screen too."""

    text: str
    color: str = ""
    loud: bool = False


@dataclass
class Member:
    """A host of the run. `seconds` is how long it is likely to be out, None when nobody knows."""

    name: str
    groups: frozenset[str]
    wave: int
    seconds: float | None
    step: str = ""
    since: datetime | None = None
    before: tuple[str, datetime | None] = ("", None)
    kind: str | None = None
    taken: datetime | None = None
    ended: datetime | None = None
    took: float | None = None
    outcome: str = ""
    bad: bool = False
    kept: bool = False

    @property
    def out(self) -> bool:
        """Whether it counts against the limits."""
        return self.taken is not None and self.kind == "restart"

    @property
    def word(self) -> str:
        """How it ended."""
        return clean(self.outcome.replace("_", " "))


# --- words -------------------------------------------------------------------------------------------------------


def clock(moment: datetime) -> str:
    """`12:30:01Z`."""
    return moment.astimezone(UTC).strftime("%H:%M:%SZ")


def ticking(seconds: float) -> str:
    """`4:05` or `1:04:05`, for what is still going on."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def span(seconds: float) -> str:
    """`40 s`, `14 min` or `1 h 20 min`, for what is over."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(round(whole / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def about(seconds: float) -> str:
    """`about 1 h 25 min`: rounded up to what an estimate is good for, a minute, five, or a quarter of an hour."""
    minutes = max(1, math.ceil(seconds / 60))
    step = 1 if minutes <= 10 else 5 if minutes <= 120 else 15
    return f"about {span(60 * step * math.ceil(minutes / step))}"


# --- the run -----------------------------------------------------------------------------------------------------


class Progress:
    """A run as its tasks show it. `talkative`: what a failed task says is shown whosever words it is."""

    def __init__(self, now: datetime, talkative: bool = False) -> None:
        self.began = now
        self.talkative = talkative
        self.name = ""
        self.playing = ""
        self.checking = False
        self.members: dict[str, Member] = {}
        self.waves: list[list[Member]] = []
        self.canary = False
        self.limits: dict[str, int] = {}
        self.forks = 0
        self.soak = timedelta()
        self.orphans: dict[str, frozenset[str]] = {}
        self.stopped = ""
        self.problems: Counter[tuple[str, str]] = Counter()

    @property
    def words(self) -> str:
        """The play that goes on."""
        return f"{self.playing} (check mode: nothing is changed)" if self.checking else self.playing

    # --- events in ---

    def play(self, name: str, now: datetime, checking: bool = False) -> list[Line]:
        """A play begins."""
        self.playing, self.checking = clean(name), checking
        return [self._line(now, self.words)] if self.playing else []

    def feed(self, seen: Seen, now: datetime) -> list[Line]:
        """A task begins on a host, or has ended there; the lines that it is worth."""
        handle = _HANDLERS.get((seen.action, seen.status))
        lines = list(handle(self, seen, now)) if handle else []
        if seen.status == "started" and seen.action in DOING:
            self._at(seen.host, DOING[seen.action], now)
        if seen.status == "skipped" and (seen.action in DOING or seen.action == SLOT):
            self._not_done(seen.host)
        if seen.status in ("failed", "unreachable"):
            lines += self._problem(seen, now)
        return lines

    def end(
        self, now: datetime, processed: int, failed: Sequence[str] = (), unreachable: Sequence[str] = ()
    ) -> list[Line]:
        """ansible-playbook ends: `processed` hosts took part, tasks failed on some, some were unreachable."""
        took = f"Ended after {span((now - self.began).total_seconds())}"
        lines = []
        for (task, _message), times in self.problems.items():
            if times > 1:
                lines.append(self._line(now, f"{task or 'A task'}: failed so on {times} hosts.", NOTE, loud=True))
        if not self.members:
            said = f"{took}: {counted(processed, 'host')}"
            said += f"; failed: {named(failed)}" if failed else ""
            said += f"; unreachable: {named(unreachable)}" if unreachable else ""
            return [*lines, self._line(now, f"{said}.", BAD if failed or unreachable else "", loud=True)]
        members = self.members.values()
        bad = [f"{one.name} ({one.word})" for one in members if one.bad]
        kept = [one.name for one in members if one.kept]
        said = f"{took}: {counted(len(members), 'host')}, {counts(members)}"
        lines.append(self._line(now, f"{said}.", BAD if bad else "", loud=True))
        if bad:
            lines.append(self._line(now, f"Ended badly: {named(bad)}.", BAD, loud=True))
        if kept:
            lines.append(self._line(now, f"Still out of service, with the slot kept: {named(kept)}.", BAD, loud=True))
        return lines

    def _planned(self, seen: Seen, now: datetime) -> Iterator[Line]:
        """The plan is made: who is in which wave, what may be out at once."""
        plan = seen.result["plan"]
        try:
            spec = FleetSpec.load(seen.args.get("spec"), "spec")
        except PolicyError:
            # Written as text, for example; the plan itself has understood it.
            spec = FleetSpec.load(None)
        facts = {one["name"]: one for one in seen.result.get("hosts") or ()}
        self.name, self.soak = clean(seen.result.get("run") or ""), spec.soak
        self.limits, self.forks = dict(plan["limits"]), int(plan["forks"])
        self.members, self.waves = {}, []
        for wave in plan["waves"]:
            found = [_member(facts.get(name, {}), name, wave["number"], spec) for name in wave["hosts"]]
            self.members.update((one.name, one) for one in found)
            self.waves.append(found)
        self.canary = any(wave["canary"] for wave in plan["waves"])
        self.orphans = {str(one["host"]): frozenset(one["groups"]) for one in seen.result.get("orphans") or ()}
        said = f"Run {self.name}: {counted(len(self.members), 'host')} in {counted(len(self.waves), 'wave')}"
        said += f", a canary of {len(self.waves[0])} first" if self.canary else ""
        most = ", ".join(f"{limit} {number}" for limit, number in self.limits.items() if limit != RUN)
        said += f"; {self.limits[RUN]} may be out of service at once" + (f" ({most})" if most else "")
        yield self._line(now, f"{said}{self.left_words(now, '; ')}.")
        if self.orphans:
            yield self._line(
                now, f"Left out of service by an earlier run: {named(list(self.orphans))}.", NOTE, loud=True
            )

    def _asks(self, seen: Seen, now: datetime) -> Iterator[Line]:
        """A host asks for a slot; what it has it keeps."""
        if seen.args.get("state") == "taken":
            member = self._at(_host(seen), WAITS, now)
            if member is not None and member.kind is None and seen.args.get("kind") in fleet_admission.KINDS:
                member.kind = str(seen.args["kind"])
        yield from ()

    def _slot(self, seen: Seen, now: datetime) -> Iterator[Line]:
        """A host was let out or was not, or it has given its slot back or kept it."""
        member = self.members.get(_host(seen))
        if member is None or seen.args.get("state") == "looked":
            return
        if "admitted" in seen.result:
            yield from self._answered(member, seen, now) if member.ended is None else ()
        elif "released" in seen.result:
            self._free(member, now, kept=seen.args.get("state") == "kept")
            yield from self._ended(member, seen.args.get("outcome") or {}, now)

    def _answered(self, member: Member, seen: Seen, now: datetime) -> Iterator[Line]:
        if not seen.result["admitted"]:
            why = str(seen.result.get("why") or "")
            member.step, member.since = "does not go out", now
            stops = seen.result.get("code") in STOPPED
            if stops and self.stopped:
                return
            if stops:
                self.stopped = why
                yield self._line(now, f"No further host goes out. {why}", BAD, loud=True)
            else:
                yield self._line(now, f"{member.name} does not go out. {why}", NOTE, loud=True)
            return
        again = member.taken is not None
        member.taken = member.taken or now
        member.kind = str(seen.args.get("kind") or "restart")
        member.step, member.since = "has its slot", now
        self.orphans.pop(member.name, None)
        if not again:
            waited = float(seen.result.get("waited") or 0)
            said = f"{member.name} {'goes out' if member.kind == 'restart' else 'begins'}"
            yield self._line(now, said + (f" after waiting {span(waited)}." if waited >= 1 else "."))

    def _recorded(self, seen: Seen, now: datetime) -> Iterator[Line]:
        """A step of a host was recorded."""
        entry, data = seen.result.get("entry") or {}, seen.args.get("data") or {}
        step, member = str(entry.get("step")), self.members.get(str(entry.get("host")))
        if member is None or not isinstance(data, Mapping):
            return
        if step == "host_finished":
            yield from self._ended(member, data, now)
        elif step == "slot_released":
            member.kept = data.get("kept") is True
        elif step != "slot_taken":
            self._at(member.name, step.replace("_", " "), now)
            if step == "restarting":
                yield self._line(now, f"{member.name} restarts.")

    def _reported(self, seen: Seen, now: datetime) -> Iterator[Line]:
        """The report is written."""
        page = (seen.result.get("files") or {}).get("html")
        if page:
            yield self._line(now, f"Report: {clean(page)}", loud=True)

    def _ended(self, member: Member, outcome: Mapping[str, Any], now: datetime) -> Iterator[Line]:
        """A host has ended; the first who says so is believed, a later one can only make it bad."""
        told = member.ended is not None
        member.outcome = member.outcome or str(outcome.get("outcome") or "unknown")
        member.bad = member.bad or fleet_admission.is_bad({**outcome, "outcome": member.outcome})
        if told:
            return
        member.ended, member.step, member.since = now, "", None
        if member.taken is not None:
            member.took = member.took or (now - member.taken).total_seconds()
        took = f" after {span(member.took)}" if member.took is not None else ""
        ended = sum(one.ended is not None for one in self.members.values())
        said = f"{member.name}: {member.word}{took} ({ended} of {len(self.members)} ended{self.left_words(now)})"
        color = BAD if member.bad else "" if member.outcome == NOT_STARTED else GOOD
        yield self._line(now, f"{'BAD ' if member.bad else ''}{said}", color, loud=member.bad)
        yield from self._wave_over(member.wave, now)

    def _wave_over(self, number: int, now: datetime) -> Iterator[Line]:
        members = self.waves[number - 1]
        if len(self.waves) == 1 or any(one.ended is None for one in members):
            return
        said = f"{'The canary' if self.canary and number == 1 else f'Wave {number}'} has ended: {counts(members)}"
        if number < len(self.waves) and self.soak and not self.stopped:
            said += f"; wave {number + 1} begins at {clock(now + self.soak)}"
        yield self._line(now, f"{said}.")

    def _free(self, member: Member, now: datetime, kept: bool) -> None:
        member.kept = kept
        if member.taken is not None:
            member.took = (now - member.taken).total_seconds()
        if not kept:
            member.taken = None

    def _problem(self, seen: Seen, now: datetime) -> Iterator[Line]:
        """A task failed: the same failure is told of one host only, the end says of how many."""
        message = ""
        if seen.status == "failed" and (self.talkative or seen.action.startswith(SPEAKS)):
            message = str(seen.result.get("msg") or "")
        self.problems[seen.task, message] += 1
        if self.problems[seen.task, message] > 1:
            return
        said = (
            f"{seen.host} {'is unreachable' if seen.status == 'unreachable' else 'failed'}: {seen.task or seen.action}"
        )
        said += f": {message}" if message else ""
        yield self._line(now, said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…", BAD, loud=True)

    def _at(self, host: str, step: str, now: datetime) -> Member | None:
        """The host is at a step now; None when it is not in the plan."""
        member = self.members.get(host)
        if member is not None and member.ended is None:
            member.before = (member.step, member.since)
            if member.step != step:
                member.step, member.since = step, now
        return member

    def _not_done(self, host: str) -> None:
        """A task was not for the host: ansible-core tells its start before it knows."""
        member = self.members.get(host)
        if member is not None and member.ended is None:
            member.step, member.since = member.before

    @staticmethod
    def _line(now: datetime, text: str, color: str = "", loud: bool = False) -> Line:
        return Line(f"{clock(now)} {clean(text)}", color, loud)

    # --- time left ---

    def left(self, now: datetime) -> float | None:
        """Seconds until the last host has ended: what the plan expects, by the pace of this run; None when nobody knows."""
        if not self.members:
            return None
        members = self.members.values()
        pace = Pace.of([(one.took, one.seconds) for one in members if one.took is not None and not one.bad])
        kinds = Counter(one.kind for one in members if one.kind)
        restarts = not kinds or kinds["restart"] >= kinds["install"]
        most = {**self.limits, RUN: min(self.limits[RUN], self.forks)} if restarts else {RUN: self.forks}
        for groups in [*self.orphans.values(), *(one.groups for one in members if one.kept)]:
            for limit in (groups.intersection(most) | {RUN}) if restarts else ():
                most[limit] = max(0, most[limit] - 1)
        waves = []
        for wave in self.waves:
            turns = []
            for one in wave:
                if one.ended is not None or (self.stopped and one.taken is None):
                    continue
                seconds = pace.expected(one.seconds)
                if seconds is None:
                    return None
                groups = one.groups if restarts else frozenset()
                been = None if one.taken is None else (now - one.taken).total_seconds()
                turns.append(Turn(Host(one.name, groups, max(1, round(seconds))), been, one.out or not restarts))
            ends = [one.ended for one in wave if one.ended is not None]
            waves.append(Wave(turns, (now - max(ends)).total_seconds() if ends else None))
        return time_left(waves, most, self.soak.total_seconds())

    def left_words(self, now: datetime, before: str = ", ") -> str:
        """`, about 12 min left`, or nothing when nobody knows."""
        seconds = self.left(now)
        return f"{before}{about(seconds)} left" if seconds else ""


# --- parts -------------------------------------------------------------------------------------------------------


def _member(fact: Mapping[str, Any], name: str, wave: int, spec: FleetSpec) -> Member:
    """A planned host; the plan's half hour for a host of which nobody said anything is no knowledge."""
    groups, seconds = frozenset(fact.get("groups") or ()), fact.get("seconds")
    if seconds == ESTIMATE.total_seconds() and not spec.durations.keys() & {name, *groups}:
        seconds = None
    return Member(name, groups, wave, seconds)


def _host(seen: Seen) -> str:
    """The host that a task speaks of."""
    return str(seen.args.get("host") or seen.host)


def counts(members: Collection[Member]) -> str:
    """How many of those that ended did so well, badly, or without having been started."""
    ended = [one for one in members if one.ended is not None]
    bad = sum(one.bad for one in ended)
    left = sum(one.outcome == NOT_STARTED and not one.bad for one in ended)
    said = [f"{len(ended) - bad - left} well"]
    said += [f"{bad} badly"] if bad else []
    said += [f"{left} not started"] if left else []
    said += [f"{len(members) - len(ended)} not ended"] if len(ended) < len(members) else []
    return ", ".join(said)


_HANDLERS: dict[tuple[str, str], Callable[[Progress, Seen, datetime], Iterator[Line]]] = {
    (f"{OURS}fleet_plan", "ok"): Progress._planned,
    (SLOT, "started"): Progress._asks,
    (SLOT, "ok"): Progress._slot,
    (f"{OURS}fleet_record", "ok"): Progress._recorded,
    (f"{OURS}run_report", "ok"): Progress._reported,
    (f"{OURS}run_report", "failed"): Progress._reported,
}
