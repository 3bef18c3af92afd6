# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a run that is under way will still take: the rest of it is played as the plan was."""

from __future__ import annotations

import heapq
import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.plan import Host, Queue

# A host that is out for so many times what was expected says nothing about when it comes back.
LOST = 2.0
# What is left of a host that should be back, as a part of what was expected.
OVERDUE = 0.1


class Turn(NamedTuple):
    """A host that has not ended: `host.seconds` is how long it is expected to be out, `been` how long it is (None: it waits).

    `limited`: being out it takes one of the places of those that wait.
    """

    host: Host
    been: float | None = None
    limited: bool = True


class Wave(NamedTuple):
    """The hosts of a wave that have not ended, and how many seconds ago the last of the others did (None: none has)."""

    turns: Sequence[Turn]
    ended_ago: float | None = None


class Pace(NamedTuple):
    """What hosts took in this run, as a multiple of what was expected and in seconds; None while none was measured."""

    factor: float | None = None
    seconds: float | None = None

    @classmethod
    def of(cls, measured: Sequence[tuple[float, float | None]]) -> Pace:
        """From seconds taken and seconds expected (None: nobody knew)."""
        factors = [took / expected for took, expected in measured if expected]
        return cls(
            statistics.median(factors) if factors else None,
            statistics.median(took for took, _expected in measured) if measured else None,
        )

    def expected(self, seconds: float | None) -> float | None:
        """How long a host will take that was expected to take `seconds`; None when nobody knows."""
        if seconds is None:
            return self.seconds
        return seconds if self.factor is None else seconds * self.factor


def time_left(waves: Sequence[Wave], most: Mapping[str, int], soak: float) -> float | None:
    """Seconds until the last host has ended; None when a host is lost, or when some can never go out.

    `most` hosts may be out at once, of each limit and, under an empty name, of all; `soak` is the time between two waves.
    """
    at, last_end = 0.0, None
    for wave in waves:
        begun = wave.ended_ago is not None or any(turn.been is not None for turn in wave.turns)
        if wave.turns:
            if last_end is not None and not begun:
                at = max(at, last_end + soak)
            ends = _ends(wave.turns, most, at)
            if ends is None:
                return None
            at = last_end = ends
        elif wave.ended_ago is not None:
            last_end = -wave.ended_ago
    return at


def _ends(turns: Sequence[Turn], most: Mapping[str, int], at: float) -> float | None:
    """When the last of these hosts has ended; those that wait may go out from `at` on."""
    waiting = [turn.host for turn in turns if turn.been is None]
    queue, number = Queue(waiting, most), itertools.count()
    out: list[tuple[float, int, Host | None]] = []
    for host, been, limited in turns:
        if been is None:
            continue
        if been > LOST * host.seconds:
            return None
        out.append((max(host.seconds - been, OVERDUE * host.seconds), next(number), host if limited else None))
        if limited:
            queue.out(host)
    heapq.heapify(out)
    last = at
    while out or queue.waits():
        while (going := queue.take(lambda found, one: (found.way(one), one.seconds))) is not None:
            heapq.heappush(out, (at + going.seconds, next(number), going))
        if not out:
            return None
        now, _number, back = heapq.heappop(out)
        at = max(at, now)
        last = max(last, now)
        if back is not None:
            queue.back(back)
    return last
