# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a run through a fleet: which host is in which wave, and in which order hosts keep the slots busy.

The order comes from playing the run: whenever a host may go out, the one goes whose group has the longest way to go.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import Amount, FleetSpec

SCHEMA = 1
# The name of the limit that holds for all hosts; no group has it.
RUN = ""
NAMED = 5


class Host(NamedTuple):
    """A host of the run: `seconds` is how long it is likely to hold its slot."""

    name: str
    groups: frozenset[str]
    seconds: int


class Played(NamedTuple):
    """A run as it goes when every host takes as long as it is thought to: names by start, seconds, most out at once."""

    order: list[str]
    seconds: int
    at_once: int


Rank = Callable[["Queue", Host], tuple[float, float]]


def hosts(given: Sequence[Mapping[str, Any]], spec: FleetSpec, where: str = "hosts") -> list[Host]:
    """Checked hosts from `[{name, groups, seconds}]`; seconds that are missing or null are the spec's estimate.

    :raises PolicyError: naming the entry, the value and what is allowed
    """
    found: dict[str, Host] = {}
    for index, entry in enumerate(given):
        name, groups, seconds = entry.get("name"), entry.get("groups") or [], entry.get("seconds")
        if not isinstance(name, str) or not name or name in found:
            raise PolicyError(f"{where}[{index}].name is {name!r}; the name of a host, each once, is expected.")
        if not isinstance(groups, list | tuple) or not all(isinstance(group, str) for group in groups):
            raise PolicyError(f"{where}[{index}].groups is {groups!r}; a list of names of groups is expected.")
        if seconds is None:
            seconds = int(spec.estimate(name, groups).total_seconds())
        if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
            raise PolicyError(f"{where}[{index}].seconds is {seconds!r}; a whole number, 0 or more, is expected.")
        found[name] = Host(str(name), frozenset(str(group) for group in groups), seconds)
    return list(found.values())


def plan(given: Sequence[Mapping[str, Any]], spec: FleetSpec, forks: int) -> dict[str, Any]:
    """`{schema, hosts, waves: [{number, canary, hosts}], order, limits, forks, forks_needed, seconds, warnings}`.

    `limits` says how many hosts may be out, of each limited group and (under an empty name) of all; `seconds` is how
    long the run is likely to take.

    :raises PolicyError: naming the entry of `given` that is wrong
    """
    fleet = hosts(given, spec)
    most = limits(fleet, spec)
    waves, played = [], []
    for number, (canary, members) in enumerate(_waves(fleet, spec), 1):
        # What is likely to take no time still needs a slot.
        played.append(best([host._replace(seconds=max(1, host.seconds)) for host in members], most))
        waves.append({"number": number, "canary": canary, "hosts": played[-1].order})
    needed = _forks_needed(fleet, most, played)
    soaks = int(spec.soak.total_seconds()) * len(waves[1:])
    return {
        "schema": SCHEMA,
        "hosts": len(fleet),
        "waves": waves,
        "order": [name for wave in played for name in wave.order],
        "limits": most,
        "forks": forks,
        "forks_needed": needed,
        "seconds": sum(wave.seconds for wave in played) + soaks,
        "warnings": list(_warnings(fleet, spec, forks, needed)),
    }


def limits(fleet: Collection[Host], spec: FleetSpec) -> dict[str, int]:
    """How many hosts may be out, of all and of each limited group; at least one of each.

    A number stays what it is in a run of fewer hosts: hosts of other runs count too.
    """
    most = {RUN: spec.max_unavailable.of(len(fleet), 1)}
    for group, amount in spec.groups.items():
        size = sum(group in host.groups for host in fleet)
        most[group] = amount.of(size, 1)
    return most


# --- waves -------------------------------------------------------------------------------------------------------


def _waves(fleet: Sequence[Host], spec: FleetSpec) -> Iterator[tuple[bool, list[Host]]]:
    """The canary hosts (True) and the other waves, none empty."""
    spread = _spread(fleet, spec)
    if isinstance(spec.canary, Amount):
        first = [] if spec.canary.percent == 0 else spread[: spec.canary.of(len(fleet), 1)]
    else:
        first = [host for host in fleet if host.name in spec.canary]
    if first:
        yield True, first
    names = {host.name for host in first}
    rest = [host for host in spread if host.name not in names]
    for size in _sizes(len(fleet), spec):
        if not rest:
            return
        yield False, rest[:size]
        rest = rest[size:]


def _sizes(total: int, spec: FleetSpec) -> Iterator[int]:
    """The sizes of the waves after the canary, endless: the last one given repeats, as with Ansible's `serial`."""
    *sizes, last = [amount.of(total, 1) for amount in spec.waves] or [total]
    yield from sizes
    exact = float(last)
    while True:
        yield math.floor(exact)
        exact *= spec.growth or 1


def _spread(fleet: Sequence[Host], spec: FleetSpec) -> list[Host]:
    """The hosts such that every part of the list has its share of each set of limited groups."""
    kinds: dict[frozenset[str], list[Host]] = {}
    for host in fleet:
        kinds.setdefault(host.groups.intersection(spec.groups), []).append(host)
    places = [((index + 0.5) / len(kind), host) for kind in kinds.values() for index, host in enumerate(kind)]
    return [host for _place, host in sorted(places, key=lambda placed: placed[0])]


# --- order -------------------------------------------------------------------------------------------------------


class Queue:
    """Hosts that wait for a slot, and the work that is left for each limit."""

    def __init__(self, members: Sequence[Host], most: Mapping[str, int]) -> None:
        self.most = most
        self.free = dict(most)
        self.work = dict.fromkeys(most, 0)
        self.kinds: dict[frozenset[str], list[Host]] = {}
        # Equal ones keep the order of `members`; they are taken from the end.
        longest_first = sorted(members, key=lambda one: one.seconds, reverse=True)
        for host in reversed(longest_first):
            kind = host.groups.intersection(most) | {RUN}
            self.kinds.setdefault(kind, []).append(host)
            for limit in kind:
                self.work[limit] += host.seconds

    def waits(self) -> bool:
        """Whether any host still waits."""
        return any(self.kinds.values())

    def way(self, host: Host) -> float:
        """The least seconds in which the host's groups can be done: the most work per slot, and not less than the host."""
        return max(
            [
                float(host.seconds),
                *(self.work[group] / self.most[group] for group in host.groups.intersection(self.most)),
            ]
        )

    def take(self, rank: Rank) -> Host | None:
        """The host that goes out next, None when none may."""
        heads = [
            (kind, hosts[-1]) for kind, hosts in self.kinds.items() if hosts and all(self.free[one] > 0 for one in kind)
        ]
        if not heads:
            return None
        kind, host = max(heads, key=lambda head: rank(self, head[1]))
        self.kinds[kind].pop()
        for limit in kind:
            self.work[limit] -= host.seconds
        self.out(host)
        return host

    def out(self, host: Host) -> None:
        """A host is out of service: it was taken from here or is out already, whether or not there was a place for it."""
        for limit in host.groups.intersection(self.most) | {RUN}:
            self.free[limit] -= 1

    def back(self, host: Host) -> None:
        """A host is in service again."""
        for limit in host.groups.intersection(self.most) | {RUN}:
            self.free[limit] += 1


def _way_first(queue: Queue, host: Host) -> tuple[float, float]:
    return queue.way(host), host.seconds


def _long_first(queue: Queue, host: Host) -> tuple[float, float]:
    return host.seconds, queue.way(host)


def best(members: Sequence[Host], most: Mapping[str, int]) -> Played:
    """The shorter of two ways through the hosts: by the way their groups have to go, or just the long ones first."""
    return min((play(members, most, rank) for rank in (_way_first, _long_first)), key=lambda played: played.seconds)


def play(members: Sequence[Host], most: Mapping[str, int], rank: Rank) -> Played:
    """Let hosts go out as the limits allow, those of the highest rank first."""
    queue = Queue(members, most)
    out: list[tuple[int, int, Host]] = []
    order: list[str] = []
    now, at_once = 0, 0
    while queue.waits() or out:
        while (host := queue.take(rank)) is not None:
            order.append(host.name)
            heapq.heappush(out, (now + host.seconds, len(order), host))
        at_once = max(at_once, len(out))
        now = out[0][0]
        while out and out[0][0] == now:
            queue.back(heapq.heappop(out)[2])
    return Played(order, now, at_once)


# --- what to know beforehand -------------------------------------------------------------------------------------


def _forks_needed(fleet: Collection[Host], most: Mapping[str, int], played: Sequence[Played]) -> int:
    """The most hosts out at once, and one that waits for each limit: a slot that gets free is taken at once then."""
    waiting = sum(any(limit in host.groups for host in fleet) for limit in most) or 1
    return max((min(len(fleet), wave.at_once + waiting) for wave in played), default=0)


def _warnings(fleet: Collection[Host], spec: FleetSpec, forks: int, needed: int) -> Iterator[str]:
    if forks < needed:
        yield (
            f"forks is {forks}, and this plan needs {needed}: hosts that wait for a slot hold a fork, "
            "so the forks decide how many hosts are out, not the limits, and the run takes longer."
        )
    members = {group for host in fleet for group in host.groups}
    for group in spec.groups:
        if group not in members:
            yield f"groups.{group}: no host of the run is in this group."
    if not isinstance(spec.canary, Amount):
        names = {host.name for host in fleet}
        missing = [name for name in spec.canary if name not in names]
        if missing:
            yield f"canary: {named(missing)} {'are' if missing[1:] else 'is'} not in the run."
            if names.isdisjoint(spec.canary):
                yield "canary: the run has none of them, so it has no canary."


def named(names: Sequence[str]) -> str:
    """Names for a sentence, the first few of many."""
    rest = len(names[NAMED:])
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest else "")
