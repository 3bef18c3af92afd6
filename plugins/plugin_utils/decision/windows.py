# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance windows: when a host may restart, and the blackouts in which it may not.

A window starts at a wall clock time of its zone: one that a clock change leaves out moves forward by what was left out,
one that a clock change repeats is the first of the two. It lasts elapsed time, whatever the clocks do meanwhile.
"""

from __future__ import annotations

import difflib
import heapq
import re
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple, Protocol

from ansible_collections.rebootless.patching.plugins.plugin_utils.base import patch_tuesday as calendar
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import (
    SHOWN,
    PolicyError,
    mapping,
    meant,
    wrong,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import shown, text

try:
    from dateutil import rrule as recurrence
except ImportError:
    # ansible-core does not bring it, and windows without a rule need none.
    HAS_DATEUTIL = False
else:
    HAS_DATEUTIL = True

# How far ahead windows are searched.
AHEAD = timedelta(days=400)
# What is left of a window beside a blackout has to be worth starting in.
SHORTEST_PART = timedelta(minutes=15)
LONGEST = timedelta(days=31)
DAY = timedelta(days=1)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
RECURRENCES = ("weekdays", "patch_tuesday_plus", "rrule")
WINDOW_KEYS = ("start", "duration", "time_zone", *RECURRENCES, "name")
BLACKOUT_KEYS = ("from", "to", "time_zone", "reason")
MOST_DAYS_PLUS = 27
CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
DURATION = re.compile(r"(?:([0-9]{1,4})w)?(?:([0-9]{1,4})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,4})m)?")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
A_DURATION = "a duration above zero like 30m, 4h, 14d, 2w or 1d12h"
A_DAY_OR_TIME = "a day like 2026-12-20, or a time with a zone like 2026-12-20T18:00:00Z, of the years 2000 to 2999,"
# Zone names are many: less alike ones are found for anything.
CLOSE_ZONE = 0.8
# Copies and stand-ins among the files of a zone database: with leap seconds, the machine's own, none.
NO_ZONES = ("posix/", "right/", "localtime", "Factory")

# Rules are counted from here, a Monday and the first of a year: INTERVAL=3 of months is January, April, July, October.
ORIGIN = date(2024, 1, 1)
# The last years there are. A rule without a date in them has none at all, and dateutil ends its search with them.
LAST_YEARS = date(9960, 1, 1)
# By the numbers dateutil has for them.
FREQUENCIES: dict[str, Literal[0, 1, 2, 3]] = {"YEARLY": 0, "MONTHLY": 1, "WEEKLY": 2, "DAILY": 3}
RULE_PARTS = ("FREQ", "INTERVAL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS", "WKST")
RULE_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
RULE_DAY = re.compile(rf"([+-]?[1-9][0-9]?)?({'|'.join(RULE_DAYS)})")
RULE_NUMBER = re.compile(r"[+-]?[0-9]{1,3}")
# The highest number a day of BYDAY can have, where it can have one: 5SA is the fifth Saturday.
HIGHEST_DAY = {"MONTHLY": 5, "YEARLY": 53}


class Window(NamedTuple):
    """A time in which a host may restart: from `start` on, until before `end`, both in UTC."""

    start: datetime
    end: datetime
    name: str | None


class Blackout(NamedTuple):
    """A time in which no host restarts: from `start` on, until before `end`, both in UTC."""

    start: datetime
    end: datetime
    reason: str | None


class Days(Protocol):
    """The local days on which a window starts."""

    def dates(self, first: date, last: date) -> Iterator[date]:
        """Those from `first` to `last`, ascending."""


def _entries(value: object, where: str, what: str) -> list[tuple[str, Any]]:
    """The entries of a list, each with the words that name it in an error."""
    if not isinstance(value, list):
        raise wrong(where, value, f"a list of {what}")
    return [(f"{where}[{index}]", entry) for index, entry in enumerate(value)]


def _needed(entry: Mapping[str, Any], key: str, where: str, allowed: str) -> Any:
    if key not in entry:
        raise PolicyError(f"{where}.{key} is missing; {allowed} is expected.")
    return entry[key]


def duration(value: object, where: str) -> timedelta:
    """A time span above zero, written as `30m`, `4h`, `14d`, `2w` or several in this order of size: `1d12h`.

    :raises PolicyError: naming `where`, the value and what is allowed
    """
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    weeks, days, hours, minutes = (int(number or 0) for number in match.groups()) if match else (0, 0, 0, 0)
    span = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
    if not span:
        raise wrong(where, value, A_DURATION)
    return span


def _lasts(entry: Mapping[str, Any], where: str) -> timedelta:
    value = _needed(entry, "duration", where, A_DURATION)
    span = duration(value, f"{where}.duration")
    if span > LONGEST:
        raise wrong(f"{where}.duration", value, f"a duration of at most {LONGEST.days}d")
    return span


def _clock(entry: Mapping[str, Any], where: str) -> time:
    # YAML reads 22:00 without quotes as the number 1320.
    allowed = 'a time of day in quotes, like "22:00",'
    value = _needed(entry, "start", where, allowed)
    if not isinstance(value, str) or not CLOCK.fullmatch(value):
        raise wrong(f"{where}.start", value, allowed)
    return time.fromisoformat(value)


def _zone(entry: Mapping[str, Any], where: str) -> zoneinfo.ZoneInfo:
    value = entry.get("time_zone", "UTC")
    try:
        if isinstance(value, str) and not value.startswith(NO_ZONES):
            return zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # Not found, no file of a zone, or a folder of them.
        pass
    raise wrong(f"{where}.time_zone", value, f"an IANA time zone like Europe/Berlin{_meant_zone(str(value))}")


def _meant_zone(value: str) -> str:
    """The zone that a wrong name comes close to, as a whole or by its city."""
    names: dict[str, str] = {}
    for name in sorted(zoneinfo.available_timezones()):
        if not name.startswith(NO_ZONES):
            names |= {name.casefold(): name, name.rpartition("/")[2].casefold(): name}
    close = difflib.get_close_matches(value.casefold(), names, 1, CLOSE_ZONE)
    return f" (meant {names[close[0]]}?)" if close else ""


def _words(entry: Mapping[str, Any], key: str, where: str) -> str | None:
    """An optional text for people."""
    value = entry.get(key)
    if value is None:
        return None
    words = text(value)
    if not isinstance(words, str):
        raise wrong(f"{where}.{key}", value, "a text of one line, up to 255 characters,")
    return words


@dataclass(frozen=True)
class WeekdayDays:
    """Every week on some weekdays, 0 for Monday."""

    weekdays: frozenset[int]

    @classmethod
    def load(cls, value: object, where: str) -> WeekdayDays:
        """From a list of English names.

        :raises PolicyError: naming the key, the value and what is allowed
        """
        found = set()
        for place, entry in _entries(value, where, "weekdays"):
            if entry not in WEEKDAYS:
                raise wrong(place, entry, f"one of {', '.join(WEEKDAYS)}{meant(entry, WEEKDAYS)}")
            found.add(WEEKDAYS.index(entry))
        if not found:
            raise wrong(where, value, "at least one weekday")
        return cls(frozenset(found))

    def dates(self, first: date, last: date) -> Iterator[date]:
        """Those from `first` to `last`, ascending."""
        days = (first + DAY * number for number in range((last - first).days + 1))
        return (day for day in days if day.weekday() in self.weekdays)


@dataclass(frozen=True)
class PatchTuesdayDays:
    """Every month, so many days after its Patch Tuesday; the day may be one of the next month."""

    plus: int

    @classmethod
    def load(cls, value: object, where: str) -> PatchTuesdayDays:
        """From a number of days.

        :raises PolicyError: naming the key, the value and what is allowed
        """
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_DAYS_PLUS:
            raise wrong(where, value, f"a number of days from 0 to {MOST_DAYS_PLUS}")
        return cls(value)

    def dates(self, first: date, last: date) -> Iterator[date]:
        """Those from `first` to `last`, ascending."""
        after = DAY * self.plus
        # The day before may be a Patch Tuesday's already: "after" is later than it.
        tuesday = calendar.next_patch_tuesday(first - after - DAY)
        while tuesday + after <= last:
            yield tuesday + after
            tuesday = calendar.next_patch_tuesday(tuesday)


@dataclass(frozen=True)
class RuleDays:
    """The days of a recurrence rule of RFC 5545; empty parts were not given."""

    frequency: str
    interval: int
    months: tuple[int, ...]
    month_days: tuple[int, ...]
    days: tuple[tuple[int, int | None], ...]
    positions: tuple[int, ...]
    week_start: int

    @classmethod
    def load(cls, value: object, where: str) -> RuleDays:
        """From a text like `FREQ=MONTHLY;BYDAY=3SA`.

        :raises PolicyError: naming the key, the value and what is allowed
        """
        if not HAS_DATEUTIL:
            raise PolicyError(
                f"{where} needs the Python package python-dateutil on the controller;"
                " install it with: pip install python-dateutil"
            )
        parts = _rule_parts(value, where)
        frequency = parts.get("FREQ", "")
        if frequency not in FREQUENCIES:
            raise wrong(f"{where}: FREQ", frequency, f"one of {', '.join(FREQUENCIES)}")
        week_start = parts.get("WKST", "MO")
        if week_start not in RULE_DAYS:
            raise wrong(f"{where}: WKST", week_start, f"one of {', '.join(RULE_DAYS)}")
        interval = _numbers(parts, "INTERVAL", where, 36, signed=False)
        if len(interval) > 1:
            raise wrong(f"{where}: INTERVAL", parts["INTERVAL"], "one number")
        rule = cls(
            frequency=frequency,
            interval=max(interval, default=1),
            months=_numbers(parts, "BYMONTH", where, 12, signed=False),
            month_days=_numbers(parts, "BYMONTHDAY", where, 31, signed=True),
            days=_rule_days(parts, where),
            positions=_numbers(parts, "BYSETPOS", where, 366, signed=True),
            week_start=RULE_DAYS.index(week_start),
        )
        if next(rule.dates(LAST_YEARS, date.max), None) is None:
            raise wrong(where, value, "a rule that gives dates")
        return rule

    def dates(self, first: date, last: date) -> Iterator[date]:
        """Those from `first` to `last`, ascending."""
        found = recurrence.rrule(
            FREQUENCIES[self.frequency],
            dtstart=datetime.combine(self._period(first), time()),
            until=datetime.combine(last, time()),
            interval=self.interval,
            wkst=self.week_start,
            bymonth=self.months or None,
            bymonthday=self.month_days or None,
            byweekday=[recurrence.weekday(*day) for day in self.days] or None,
            bysetpos=self.positions or None,
        )
        return (moment.date() for moment in found if moment.date() >= first)

    def _period(self, day: date) -> date:
        """A day at or before another one that the rule can be counted from as from its origin."""
        if self.frequency in ("DAILY", "WEEKLY"):
            step = 7 * self.interval
            # One step more: the first week is cut where weeks do not start on Monday.
            return ORIGIN + DAY * (((day - ORIGIN).days // step - 1) * step)
        return date(ORIGIN.year + (day.year - ORIGIN.year) // self.interval * self.interval, 1, 1)


def _rule_parts(value: object, where: str) -> dict[str, str]:
    """The parts of a rule by name, in upper case."""
    if not isinstance(value, str):
        raise wrong(where, value, "a rule like FREQ=MONTHLY;BYDAY=3SA")
    parts: dict[str, str] = {}
    for part in value.upper().split(";"):
        name, equals, content = part.partition("=")
        if not equals:
            raise wrong(where, value, "a rule like FREQ=MONTHLY;BYDAY=3SA")
        if name not in RULE_PARTS:
            allowed = (
                f"one of {', '.join(RULE_PARTS)} (the time of day is `start`, and a rule has no first or last day)"
            )
            raise PolicyError(f"{where}: {shown(name, SHOWN)} is no part of a rule here; {allowed} is expected.")
        if name in parts:
            raise wrong(where, value, f"{name} only once")
        parts[name] = content
    return parts


def _numbers(parts: Mapping[str, str], name: str, where: str, highest: int, *, signed: bool) -> tuple[int, ...]:
    """The numbers of a part from 1 to the highest, or counted from the end below zero; none when it is not given."""
    if name not in parts:
        return ()
    found = []
    for entry in parts[name].split(","):
        number = int(entry) if RULE_NUMBER.fullmatch(entry) else 0
        if not 1 <= (abs(number) if signed else number) <= highest:
            allowed = f"numbers from 1 to {highest}" + (f" or from -{highest} to -1" if signed else "")
            raise wrong(f"{where}: {name}", parts[name], allowed)
        found.append(number)
    return tuple(found)


def _rule_days(parts: Mapping[str, str], where: str) -> tuple[tuple[int, int | None], ...]:
    """Weekdays (0 for Monday) with their number in the month or year, None for each of them."""
    if "BYDAY" not in parts:
        return ()
    highest = HIGHEST_DAY.get(parts["FREQ"], 0)
    found: list[tuple[int, int | None]] = []
    for entry in parts["BYDAY"].split(","):
        match = RULE_DAY.fullmatch(entry)
        number = int(match[1]) if match and match[1] else None
        # dateutil would take 3SA of a week for any Saturday.
        if match is None or abs(number or 0) > highest:
            counted = f", or counted from 1 to {highest} like 3SA and -1SU" if highest else " without a number"
            raise wrong(f"{where}: BYDAY", parts["BYDAY"], f"days of {', '.join(RULE_DAYS)}{counted}")
        found.append((RULE_DAYS.index(match[2]), number))
    if len({number is None for _day, number in found}) > 1:
        # dateutil would want both of a day.
        raise wrong(f"{where}: BYDAY", parts["BYDAY"], "a number at each day or at none")
    return tuple(found)


LOADERS: dict[str, Callable[[object, str], Days]] = {
    "weekdays": WeekdayDays.load,
    "patch_tuesday_plus": PatchTuesdayDays.load,
    "rrule": RuleDays.load,
}


@dataclass(frozen=True)
class Recurring:
    """One entry of `windows`."""

    start: time
    lasts: timedelta
    zone: zoneinfo.ZoneInfo
    days: Days
    name: str | None

    @classmethod
    def load(cls, value: object, where: str) -> Recurring:
        """A checked entry.

        :raises PolicyError: naming the key, the value and what is allowed
        """
        entry = mapping(value, where, WINDOW_KEYS, "a window")
        given = [key for key in RECURRENCES if key in entry]
        if len(given) != 1:
            has = " and ".join(given) or "none of them"
            raise PolicyError(f"{where} has {has}; exactly one of {', '.join(RECURRENCES)} is expected.")
        return cls(
            start=_clock(entry, where),
            lasts=_lasts(entry, where),
            zone=_zone(entry, where),
            days=LOADERS[given[0]](entry[given[0]], f"{where}.{given[0]}"),
            name=_words(entry, "name", where),
        )

    def windows(self, first: datetime, last: datetime) -> Iterator[Window]:
        """Those that end after `first` and start at `last` or before, by start."""
        # A start that a clock change leaves out can move into the next day.
        earliest = (first - self.lasts).astimezone(self.zone).date() - DAY
        for day in self.days.dates(earliest, last.astimezone(self.zone).date()):
            window = Window(start := _utc(day, self.start, self.zone), start + self.lasts, self.name)
            if window.start <= last and window.end > first:
                yield window


def _utc(day: date, clock: time, zone: zoneinfo.ZoneInfo) -> datetime:
    """A wall clock time; the first of two, and moved forward when there is none."""
    return datetime.combine(day, clock, zone).astimezone(UTC)


def _blackout(value: object, where: str) -> Blackout:
    """A checked entry of `blackouts`; days are inclusive.

    :raises PolicyError: naming the key, the value and what is allowed
    """
    entry = mapping(value, where, BLACKOUT_KEYS, "a blackout")
    zone = _zone(entry, where)
    start = _moment(entry, "from", where, zone)
    end = _moment(entry, "to", where, zone)
    if start >= end:
        raise wrong(f"{where}.to", entry["to"], f"an end after {where}.from ({entry['from']})")
    return Blackout(start, end, _words(entry, "reason", where))


def _moment(entry: Mapping[str, Any], key: str, where: str, zone: zoneinfo.ZoneInfo) -> datetime:
    """A time with a zone, or the first moment of a day; `to` a day is the first moment after it."""
    value = _needed(entry, key, where, A_DAY_OR_TIME)
    parsed = _parsed(value)
    if parsed is None or not 2000 <= parsed.year <= 2999:
        raise wrong(f"{where}.{key}", value, A_DAY_OR_TIME)
    if isinstance(parsed, datetime):
        return parsed.astimezone(UTC)
    return _utc(parsed + DAY if key == "to" else parsed, time(), zone)


def _parsed(value: object) -> date | datetime | None:
    """A day or an aware time, of a text or as YAML reads one without quotes; None for everything else."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if DATE.fullmatch(value) else datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return None if value.tzinfo is None else value
    return value if isinstance(value, date) else None


def _remaining(window: Window, blackouts: Iterable[Blackout]) -> Window | None:
    """A window without blackouts: its longest part, the first of equal ones; None when no part is worth it."""
    parts = [window]
    for blackout in blackouts:
        before = [part._replace(end=min(part.end, blackout.start)) for part in parts]
        after = [part._replace(start=max(part.start, blackout.end)) for part in parts]
        parts = [part for part in (*before, *after) if part.start < part.end]
    if parts == [window]:
        return window
    worth = [part for part in parts if part.end - part.start >= SHORTEST_PART]
    return min(worth, key=lambda part: (part.start - part.end, part.start), default=None)


@dataclass(frozen=True)
class Windows:
    """The maintenance windows of a host, and the blackouts that cut them."""

    recurring: tuple[Recurring, ...]
    blackouts: tuple[Blackout, ...]

    @classmethod
    def load(cls, windows: object, blackouts: object, *, where: str = "windows") -> Windows:
        """From the lists of a policy; `where` names the first of them in errors, and `blackouts` stands beside it.

        :raises PolicyError: naming the key, the value and what is allowed
        """
        beside = "".join(where.rpartition(".")[:2]) + "blackouts"
        return cls(
            tuple(Recurring.load(entry, place) for place, entry in _entries(windows, where, "windows")),
            tuple(_blackout(entry, place) for place, entry in _entries(blackouts, beside, "blackouts")),
        )

    @property
    def always(self) -> bool:
        """Whether no windows are configured: any time outside of a blackout is good, and no window is ever current."""
        return not self.recurring

    def current(self, now: datetime) -> Window | None:
        """The window that `now` is in; of several the one that ends last."""
        return _last(window for window in self._cut(now, now) if window.start <= now < window.end)

    def following(self, now: datetime) -> Window | None:
        """The window that starts first after `now`; of several the one that ends last."""
        best: Window | None = None
        for whole in self._whole(now, now + AHEAD):
            # Whatever comes now starts later, cut or not.
            if best and whole.start > best.start:
                break
            window = _remaining(whole, self.blackouts)
            if window and window.start > now:
                best = min(best or window, window, key=lambda found: (found.start, now - found.end))
        return best

    def last_before(self, moment: datetime, now: datetime) -> Window | None:
        """The window that ends last of those that end at `moment` or before, and after `now`."""
        windows = self._cut(now, min(moment, now + AHEAD))
        return _last(window for window in windows if now < window.end <= moment)

    def blackout(self, now: datetime) -> Blackout | None:
        """The blackout that `now` is in; of several the one that ends last."""
        found = [blackout for blackout in self.blackouts if blackout.start <= now < blackout.end]
        return max(found, key=lambda blackout: blackout.end, default=None)

    def _whole(self, first: datetime, last: datetime) -> Iterator[Window]:
        """The uncut windows that end after `first` and start at `last` or before, by start."""
        each = (recurring.windows(first, last) for recurring in self.recurring)
        return heapq.merge(*each, key=lambda window: window.start)

    def _cut(self, first: datetime, last: datetime) -> Iterator[Window]:
        """What blackouts leave of them."""
        for whole in self._whole(first, last):
            window = _remaining(whole, self.blackouts)
            if window:
                yield window


def _last(windows: Iterable[Window]) -> Window | None:
    """The window that ends last; of several the one that starts first."""
    return max(sorted(windows, key=lambda window: window.start), key=lambda window: window.end, default=None)
