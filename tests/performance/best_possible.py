# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fewest restarts that meet every deadline of a host over a release history. Imports nothing of the collection.

Every update that restarts and is wanted has to be in effect from its release to its deadline; a restart takes in all
that is offered at that moment, and is made inside a window. A baseline is wanted before the hotpatch that builds on it
too, as far as the calendar had announced one. Where no window lies in the interval, the first window after the release
is taken; a baseline that missed its hotpatch has lost the track, and until the next baseline the ordinary updates of
the hotpatch months restart as well.
"""

from __future__ import annotations

import itertools
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

RELEASE_TIME = time(17, tzinfo=UTC)
DAY = timedelta(days=1)
# The last moment of a window at which a restart can be made in it.
BEFORE_END = timedelta(minutes=1)
BASELINES = ("baseline", "unplanned_baseline")
MONTHLY = (*BASELINES, "hotpatch")
SATURDAY, SUNDAY = 5, 6


class Month(NamedTuple):
    """A Patch Tuesday: when its updates came out, and what came; `missing` where the history has no row."""

    released: datetime
    type: str


class Span(NamedTuple):
    """From `start` on, until before `end`."""

    start: datetime
    end: datetime


class Requirement(NamedTuple):
    """An update that has to be in effect before its deadline; a restart from its release on does it."""

    released: datetime
    deadline: datetime
    what: str


def patch_tuesday(year: int, month: int) -> date:
    """The second Tuesday of a month."""
    days = [date(year, month, day) for day in range(8, 15)]
    return next(day for day in days if day.weekday() == 1)


def history(
    rows: Iterable[Mapping[str, Any]],
    planned: Iterable[Mapping[str, Any]],
    product: str,
    first: datetime,
    last: datetime,
) -> list[Month]:
    """The Patch Tuesdays of a product from `first` to `last`, oldest first; what is only planned counts as announced."""
    types = {}
    for entry in planned:
        if entry["product"] == product:
            day = patch_tuesday(*map(int, entry["month"].split("-")))
            types[day.isoformat()] = entry["type"]
    types |= {row["date"]: row["type"] for row in rows if row["product"] == product and row["type"] in MONTHLY}
    months = []
    at = date(first.year, first.month, 1)
    while at <= last.date():
        day = patch_tuesday(at.year, at.month)
        released = datetime.combine(day, RELEASE_TIME)
        if first <= released <= last:
            months.append(Month(released, types.get(day.isoformat(), "missing")))
        at = (at + 32 * DAY).replace(day=1)
    return months


# Windows


def days(which: Callable[[date], bool], clock: str, lasts: timedelta, zone: str = "UTC") -> Callable[..., list[Span]]:
    """Windows on the days that a rule takes, from a local time on; to be asked for those between two moments."""
    local = zoneinfo.ZoneInfo(zone)

    def between(first: datetime, last: datetime) -> list[Span]:
        found = []
        day = first.date() - lasts - DAY
        while day <= last.date() + DAY:
            start = datetime.combine(day, time.fromisoformat(clock), local).astimezone(UTC)
            if which(day) and start <= last and start + lasts > first:
                found.append(Span(start, start + lasts))
            day += DAY
        return found

    return between


def weekday(number: int) -> Callable[[date], bool]:
    """Every week."""
    return lambda day: day.weekday() == number


def nth(weekday_number: int, count: int) -> Callable[[date], bool]:
    """The first, second ... such weekday of a month."""
    return lambda day: day.weekday() == weekday_number and (day.day - 1) // 7 + 1 == count


def after_patch_tuesday(plus: int) -> Callable[[date], bool]:
    """So many days after a Patch Tuesday."""
    return lambda day: (day - plus * DAY) == patch_tuesday((day - plus * DAY).year, (day - plus * DAY).month)


class Times:
    """When a restart may be made: in windows, or at any moment (None)."""

    def __init__(self, windows: Sequence[Span] | None) -> None:
        self.windows = None if windows is None else sorted(windows)

    def last(self, first: datetime, until: datetime) -> datetime | None:
        """The last good moment from `first` on, before `until`."""
        if self.windows is None:
            return until - BEFORE_END if first < until else None
        ends = (min(window.end, until) - BEFORE_END for window in self.windows if window.start < until)
        return max((moment for moment in ends if moment >= first), default=None)

    def next(self, after: datetime) -> Span | None:
        """The first stretch of good time that is not over at `after`."""
        if self.windows is None:
            return Span(after, after + BEFORE_END)
        window = next((window for window in self.windows if window.end - BEFORE_END >= after), None)
        return window and Span(max(window.start, after), window.end)

    def good(self, moment: datetime) -> bool:
        """Whether a restart may be made at a moment."""
        return self.windows is None or any(window.start <= moment < window.end for window in self.windows)


# The deadlines of a host


class Case(NamedTuple):
    """A history, the longest wait of an update of Windows, that of a monthly companion (None: none), and good times."""

    months: Sequence[Month]
    wait: timedelta
    companion: timedelta | None
    times: Times

    def following(self, month: Month) -> Month | None:
        """The next Patch Tuesday; None after the last."""
        later = [each for each in self.months if each.released > month.released]
        return later[0] if later else None

    def baseline_deadline(self, month: Month) -> datetime:
        """The longest wait, or the next month's hotpatch; the calendar announces planned baselines and no others."""
        deadline, following = month.released + self.wait, self.following(month)
        if following is not None and following.type != "baseline":
            return min(deadline, following.released)
        return deadline


def requirements(case: Case) -> list[Requirement]:
    """Every deadline, where no window lies in time that of the first window after the release."""
    found = []
    lost = False
    for month in case.months:
        if case.companion is not None:
            found.append(Requirement(month.released, month.released + case.companion, "companion"))
        if month.type in BASELINES:
            found.append(Requirement(month.released, case.baseline_deadline(month), month.type))
            following = case.following(month)
            lost = following is not None and case.times.last(month.released, following.released) is None
        elif month.type == "missing":
            # It may have been a baseline, so no hotpatch after it is for this host.
            lost = True
        elif lost:
            found.append(Requirement(month.released, month.released + case.wait, "ordinary"))
    return [met for one in found if (met := _possible(case.times, one)) is not None]


def _possible(times: Times, one: Requirement) -> Requirement | None:
    if times.last(one.released, one.deadline) is not None:
        return one
    window = times.next(one.released)
    return window and one._replace(deadline=window.end)


def greedy(wanted: Iterable[Requirement], times: Times, until: datetime) -> list[datetime]:
    """The fewest restarts: the most urgent deadline takes its last good moment, and all that it meets go with it."""
    latest = sorted((times.last(one.released, one.deadline), one.released) for one in wanted)
    restarts: list[datetime] = []
    for moment, released in latest:
        if moment is not None and moment <= until and not (restarts and released <= restarts[-1]):
            restarts.append(moment)
    return restarts


def fewest(case: Case, until: datetime) -> list[datetime]:
    """The restarts of the best possible run; deadlines whose last good moment comes after `until` do not count."""
    return greedy(requirements(case), case.times, until)


# Brute force


def brute_force(case: Case, until: datetime) -> int:
    """The fewest restarts, found by trying every set of moments on a host that is moved along the history."""
    moments = sorted(set(_moments(case, until)))
    for count in range(len(moments) + 1):
        if any(keeps(case, chosen, until) for chosen in itertools.combinations(moments, count)):
            return count
    raise ValueError("no set of moments meets every deadline")


def _moments(case: Case, until: datetime) -> Iterator[datetime]:
    """The last moment before each edge of a window, release and deadline: between two edges all moments are the same."""
    edges = [month.released for month in case.months]
    edges += [month.released + wait for month in case.months for wait in (case.wait, case.companion) if wait]
    edges += [edge for window in case.times.windows or () for edge in window]
    last = (edge - BEFORE_END for edge in edges)
    return (moment for moment in last if case.times.good(moment) and moment <= until)


def keeps(case: Case, restarts: Sequence[datetime], until: datetime) -> bool:
    """Whether a host that restarts at these moments meets every deadline, or the first window where it cannot."""

    def met(released: datetime, deadline: datetime) -> bool:
        if any(released <= moment < deadline for moment in restarts):
            return True
        last = case.times.last(released, deadline)
        if last is not None:
            return last > until
        window = case.times.next(released)
        return (
            window is None
            or window.end - BEFORE_END > until
            or any(window.start <= moment < window.end for moment in restarts)
        )

    # Since when the newest baseline has been out, and whether it is in: the start is a host in order.
    newest: datetime | None = None
    broken = False
    for month in case.months:
        if case.companion is not None and not met(month.released, month.released + case.companion):
            return False
        if month.type in BASELINES:
            newest, broken = month.released, False
            if not met(newest, case.baseline_deadline(month)):
                return False
        elif month.type == "missing":
            broken = True
        else:
            in_time = newest is None or any(newest <= moment < month.released for moment in restarts)
            # Once off, the host stays off until the next baseline.
            broken = broken or not in_time
            if broken and not met(month.released, month.released + case.wait):
                return False
    return True
