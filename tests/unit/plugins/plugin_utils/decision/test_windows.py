# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance windows: when they are, what blackouts leave of them, and what a broken one is told."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.patch_tuesday import patch_tuesday
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import windows as module
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.windows import (
    WEEKDAYS,
    Blackout,
    Window,
    Windows,
    duration,
)
from hypothesis import given, settings
from hypothesis import strategies as st

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
KEYS = "start, duration, time_zone, weekdays, patch_tuesday_plus, rrule, name"
A_DURATION = "a duration above zero like 30m, 4h, 14d, 2w or 1d12h is expected."
A_START = 'a time of day in quotes, like "22:00", is expected.'
A_ZONE = "an IANA time zone like Europe/Berlin is expected."
A_WORD = "a text of one line, up to 255 characters, is expected."
A_DAY = (
    "a day like 2026-12-20, or a time with a zone like 2026-12-20T18:00:00Z, of the years 2000 to 2999, is expected."
)
ONE_OF = "exactly one of weekdays, patch_tuesday_plus, rrule is expected."
RULE_DAYS = "MO, TU, WE, TH, FR, SA, SU"
A_RULE = "a rule like FREQ=MONTHLY;BYDAY=3SA is expected."
FREQUENCIES = "one of YEARLY, MONTHLY, WEEKLY, DAILY is expected."
RULE_PARTS = (
    "is no part of a rule here; one of FREQ, INTERVAL, BYMONTH, BYMONTHDAY, BYDAY, BYSETPOS, WKST"
    " (the time of day is `start`, and a rule has no first or last day) is expected."
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(**fields: Any) -> dict[str, Any]:
    """A window of every Sunday at 22:00 UTC for four hours, changed; None takes a key away."""
    if any(key in fields for key in ("patch_tuesday_plus", "rrule")):
        fields.setdefault("weekdays", None)
    whole = {"start": "22:00", "duration": "4h", "weekdays": ["sunday"], **fields}
    return {key: value for key, value in whole.items() if value is not None}


def one(*blackouts: dict[str, Any], **fields: Any) -> Windows:
    return Windows.load([window(**fields)], list(blackouts))


def spans(found: Window | None) -> str | None:
    """A window as `start/end` to the minute."""
    return None if found is None else f"{found.start:%Y-%m-%dT%H:%M}/{found.end:%Y-%m-%dT%H:%M}"


def starts(windows: Windows, first: str, count: int) -> list[str]:
    """The starts of the next windows."""
    found = []
    now = at(first)
    for _number in range(count):
        following = windows.following(now)
        if following is None:
            break
        now = following.start
        found.append(f"{now:%Y-%m-%dT%H:%M}")
    return found


# --- when a window is


def test_a_window_from_its_start_until_before_its_end() -> None:
    windows = one(name="sundays")
    expected = Window(at("2026-09-20T22:00"), at("2026-09-21T02:00"), "sundays")
    assert windows.current(at("2026-09-20T21:59:59")) is None
    assert windows.current(at("2026-09-20T22:00")) == expected
    assert windows.current(at("2026-09-21T01:59:59")) == expected
    assert windows.current(at("2026-09-21T02:00")) is None
    assert expected.start.tzinfo is UTC
    assert expected.end.tzinfo is UTC


def test_following_starts_after_now() -> None:
    windows = one()
    assert spans(windows.following(at("2026-09-20T21:59:59"))) == "2026-09-20T22:00/2026-09-21T02:00"
    assert spans(windows.following(at("2026-09-20T22:00"))) == "2026-09-27T22:00/2026-09-28T02:00"


@pytest.mark.parametrize(
    ("moment", "now", "expected"),
    [
        ("2026-10-05T02:00", "2026-09-01T00:00", "2026-10-04T22:00/2026-10-05T02:00"),
        ("2026-10-05T01:59", "2026-09-01T00:00", "2026-09-27T22:00/2026-09-28T02:00"),
        # The current one ends after now.
        ("2026-09-21T02:00", "2026-09-21T01:59", "2026-09-20T22:00/2026-09-21T02:00"),
        ("2026-09-21T02:00", "2026-09-21T02:00", None),
        ("2026-09-20T00:00", "2026-09-21T00:00", None),
        ("2026-09-26T00:00", "2026-09-22T00:00", None),
    ],
)
def test_last_before(moment: str, now: str, expected: str | None) -> None:
    assert spans(one().last_before(at(moment), at(now))) == expected


def test_a_window_longer_than_its_week_is_one_of_two() -> None:
    windows = one(duration="1w1d", name="long")
    now = at("2026-09-21T12:00")
    assert spans(windows.current(now)) == "2026-09-20T22:00/2026-09-28T22:00"
    assert spans(windows.last_before(at("2026-09-28T00:00"), now)) == "2026-09-13T22:00/2026-09-21T22:00"


def test_of_overlapping_windows_the_longest_to_go() -> None:
    windows = Windows.load(
        [window(name="a"), window(start="23:00", duration="6h", name="b"), window(duration="6h", name="c")], []
    )
    inside = windows.current(at("2026-09-20T23:30"))
    assert inside == Window(at("2026-09-20T23:00"), at("2026-09-21T05:00"), "b")
    following = windows.following(at("2026-09-20T12:00"))
    assert following == Window(at("2026-09-20T22:00"), at("2026-09-21T04:00"), "c")
    after = windows.following(at("2026-09-20T22:00"))
    assert after == Window(at("2026-09-20T23:00"), at("2026-09-21T05:00"), "b")
    before = windows.last_before(at("2026-09-21T04:30"), at("2026-09-20T12:00"))
    assert before == Window(at("2026-09-20T22:00"), at("2026-09-21T04:00"), "c")


def test_of_two_that_end_together_the_first_to_start_whatever_their_order() -> None:
    short, long = window(start="23:00", duration="3h", name="short"), window(name="long")
    for order in ([short, long], [long, short]):
        found = Windows.load(order, []).current(at("2026-09-20T23:30"))
        assert found is not None
        assert found.name == "long"


def test_of_two_that_start_together_the_longer_follows_whatever_their_order() -> None:
    short, long = window(duration="1h", name="short"), window(name="long")
    for order in ([short, long], [long, short]):
        found = Windows.load(order, []).following(at("2026-09-20T12:00"))
        assert found is not None
        assert found.name == "long"


def test_of_two_that_are_alike_the_first_written() -> None:
    windows = Windows.load([window(name="a"), window(name="b")], [])
    for found in (
        windows.current(at("2026-09-20T23:00")),
        windows.following(at("2026-09-20T12:00")),
        windows.last_before(at("2026-09-22T00:00"), at("2026-09-20T12:00")),
    ):
        assert found is not None
        assert found.name == "a"


def test_a_cut_window_may_start_after_one_that_began_later() -> None:
    blackout = {"from": "2026-09-20T20:00:00Z", "to": "2026-09-20T23:30:00Z"}
    windows = Windows.load([window(name="cut"), window(start="23:45", name="whole")], [blackout])
    found = windows.following(at("2026-09-20T12:00"))
    assert found == Window(at("2026-09-20T23:30"), at("2026-09-21T02:00"), "cut")
    later = {"from": "2026-09-20T20:00:00Z", "to": "2026-09-20T23:50:00Z"}
    windows = Windows.load(
        [window(name="cut"), window(start="23:45", name="x"), window(start="23:40", duration="5h", name="y")], [later]
    )
    found = windows.following(at("2026-09-20T12:00"))
    assert found == Window(at("2026-09-20T23:50"), at("2026-09-21T04:40"), "y")


def test_no_windows_are_always() -> None:
    windows = Windows.load([], [{"from": "2026-12-20", "to": "2026-12-20"}])
    now = at("2026-12-20T12:00")
    assert windows.always
    assert windows.current(now) is None
    assert windows.following(now) is None
    assert windows.last_before(now + DAY, now) is None
    assert windows.blackout(now) == Blackout(at("2026-12-20T00:00"), at("2026-12-21T00:00"), None)
    assert not one().always


def test_windows_are_searched_for_400_days() -> None:
    windows = one(rrule="FREQ=YEARLY;INTERVAL=2;BYMONTH=7")
    # 2024, 2026, 2028: 1 July 2028 is 731 days after that of 2026.
    start = at("2028-07-01T22:00")
    assert windows.following(start - timedelta(days=400, minutes=1)) is None
    assert spans(windows.following(start - timedelta(days=400))) == "2028-07-01T22:00/2028-07-02T02:00"
    late = start + timedelta(days=30)
    assert windows.last_before(late, start - timedelta(days=400, minutes=1)) is None
    assert spans(windows.last_before(late, start - timedelta(days=400))) == "2028-07-01T22:00/2028-07-02T02:00"


def test_now_may_be_of_any_zone() -> None:
    now = at("2026-09-20T22:30").astimezone(ZoneInfo("Asia/Kolkata"))
    found = one().current(now)
    assert spans(found) == "2026-09-20T22:00/2026-09-21T02:00"
    assert found is not None
    assert found.start.tzinfo is UTC


# --- the clocks of the zones


@pytest.mark.parametrize(
    ("zone", "start", "lasts", "now", "expected"),
    [
        # Berlin, spring: 02:00 becomes 03:00 on 2026-03-29. 02:30 does not exist: 03:30.
        ("Europe/Berlin", "02:30", "2h", "2026-03-28T12:00", "2026-03-29T01:30/2026-03-29T03:30"),
        ("Europe/Berlin", "01:30", "2h", "2026-03-28T12:00", "2026-03-29T00:30/2026-03-29T02:30"),
        ("Europe/Berlin", "03:00", "1h", "2026-03-28T12:00", "2026-03-29T01:00/2026-03-29T02:00"),
        # Autumn: 03:00 becomes 02:00 on 2026-10-25. 02:30 is twice: the first, and two hours are two hours.
        ("Europe/Berlin", "02:30", "2h", "2026-10-24T12:00", "2026-10-25T00:30/2026-10-25T02:30"),
        ("Europe/Berlin", "03:30", "1h", "2026-10-24T12:00", "2026-10-25T02:30/2026-10-25T03:30"),
        ("Europe/Berlin", "22:00", "4h", "2026-07-04T12:00", "2026-07-05T20:00/2026-07-06T00:00"),
        ("Europe/Berlin", "22:00", "4h", "2026-01-03T12:00", "2026-01-04T21:00/2026-01-05T01:00"),
        # New York: 2026-03-08 and 2026-11-01.
        ("America/New_York", "02:15", "1h", "2026-03-07T12:00", "2026-03-08T07:15/2026-03-08T08:15"),
        ("America/New_York", "01:15", "3h", "2026-10-31T12:00", "2026-11-01T05:15/2026-11-01T08:15"),
        ("America/New_York", "23:00", "4h", "2026-06-13T12:00", "2026-06-15T03:00/2026-06-15T07:00"),
        ("Asia/Kolkata", "00:15", "4h", "2026-09-18T00:00", "2026-09-19T18:45/2026-09-19T22:45"),
        # UTC+14: Sunday begins there on Saturday at 10:00 UTC.
        ("Pacific/Kiritimati", "00:00", "4h", "2026-09-18T00:00", "2026-09-19T10:00/2026-09-19T14:00"),
        ("Pacific/Kiritimati", "23:59", "1m", "2026-09-18T00:00", "2026-09-20T09:59/2026-09-20T10:00"),
        ("Pacific/Pago_Pago", "23:00", "4h", "2026-09-18T00:00", "2026-09-21T10:00/2026-09-21T14:00"),
    ],
)
def test_sundays_of_a_zone(zone: str, start: str, lasts: str, now: str, expected: str) -> None:
    windows = one(start=start, duration=lasts, time_zone=zone)
    assert spans(windows.following(at(now))) == expected
    begin = at(expected.partition("/")[0])
    assert spans(windows.current(begin)) == expected
    assert windows.current(begin - MINUTE) is None


def test_a_start_that_moves_into_the_next_day() -> None:
    """Nuuk's clocks go from 23:00 to 00:00 in spring: Saturday's 23:30 is Sunday's 00:30, and over at 01:00 there."""
    windows = one(start="23:30", duration="30m", time_zone="America/Nuuk", weekdays=["saturday"])
    assert spans(windows.current(at("2025-03-30T01:45"))) == "2025-03-30T01:30/2025-03-30T02:00"
    assert windows.current(at("2025-03-30T02:00")) is None


def test_a_day_that_a_zone_left_out_moves_to_the_next() -> None:
    windows = one(start="12:00", duration="1h", time_zone="Pacific/Apia", weekdays=["friday"])
    assert spans(windows.following(at("2011-12-29T00:00"))) == "2011-12-30T22:00/2011-12-30T23:00"


# --- which days


@pytest.mark.parametrize(("number", "name"), list(enumerate(WEEKDAYS)))
def test_each_weekday(number: int, name: str) -> None:
    found = one(weekdays=[name]).following(at("2026-09-13T23:00"))
    assert found is not None
    assert found.start.date() == date(2026, 9, 14) + DAY * number


def test_several_weekdays() -> None:
    windows = one(weekdays=["friday", "monday", "monday"])
    assert starts(windows, "2026-09-20T12:00", 3) == ["2026-09-21T22:00", "2026-09-25T22:00", "2026-09-28T22:00"]


@pytest.mark.parametrize(
    ("plus", "expected"),
    [
        (0, ["2026-09-08", "2026-10-13", "2026-11-10", "2026-12-08", "2027-01-12"]),
        (1, ["2026-09-09", "2026-10-14", "2026-11-11", "2026-12-09", "2027-01-13"]),
        # August's are after it, or of the month before.
        (18, ["2026-09-26", "2026-10-31", "2026-11-28", "2026-12-26", "2027-01-30"]),
        (19, ["2026-09-27", "2026-11-01", "2026-11-29", "2026-12-27", "2027-01-31"]),
        (27, ["2026-09-07", "2026-10-05", "2026-11-09", "2026-12-07", "2027-01-04"]),
    ],
)
def test_days_after_patch_tuesday(plus: int, expected: list[str]) -> None:
    found = starts(one(patch_tuesday_plus=plus), "2026-09-01T00:00", 5)
    assert [start[:10] for start in found] == expected


def test_days_after_patch_tuesday_are_local() -> None:
    windows = one(patch_tuesday_plus=0, start="01:00", time_zone="Pacific/Kiritimati")
    assert spans(windows.following(at("2026-09-01T00:00"))) == "2026-09-07T11:00/2026-09-07T15:00"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=MONTHLY;BYDAY=3SA", ["2026-01-17", "2026-02-21", "2026-03-21"]),
        ("freq=monthly;byday=3sa", ["2026-01-17", "2026-02-21", "2026-03-21"]),
        ("FREQ=MONTHLY;BYDAY=+3SA,-1SU", ["2026-01-17", "2026-01-25", "2026-02-21"]),
        ("FREQ=MONTHLY;BYDAY=5SU", ["2026-03-29", "2026-05-31", "2026-08-30"]),
        ("FREQ=MONTHLY;BYDAY=-5SU", ["2026-03-01", "2026-05-03", "2026-08-02"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", ["2026-01-31", "2026-03-31", "2026-05-31"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR", ["2026-02-13", "2026-03-13", "2026-11-13"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", ["2026-01-30", "2026-02-27", "2026-03-31"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,2", ["2026-01-01", "2026-01-02", "2026-02-02"]),
        ("FREQ=MONTHLY;BYMONTH=3,12;BYDAY=1MO", ["2026-03-02", "2026-12-07", "2027-03-01"]),
        ("FREQ=MONTHLY", ["2026-01-01", "2026-02-01", "2026-03-01"]),
        # Counted from January 2024.
        ("FREQ=MONTHLY;INTERVAL=3", ["2026-01-01", "2026-04-01", "2026-07-01"]),
        ("FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=2", ["2026-02-02", "2026-07-02", "2026-12-02"]),
        ("FREQ=MONTHLY;INTERVAL=12", ["2026-01-01", "2027-01-01", "2028-01-01"]),
        # Weeks from Monday 2024-01-01: 2025-12-29 is 104 weeks later.
        ("FREQ=WEEKLY", ["2026-01-05", "2026-01-12", "2026-01-19"]),
        ("FREQ=WEEKLY;BYDAY=TU,SA", ["2026-01-03", "2026-01-06", "2026-01-10"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SA", ["2026-01-03", "2026-01-17", "2026-01-31"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO", ["2026-01-04", "2026-01-12", "2026-01-18"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU", ["2026-01-11", "2026-01-12", "2026-01-25"]),
        ("FREQ=WEEKLY;BYDAY=SU,MO;BYSETPOS=1;WKST=SU", ["2026-01-04", "2026-01-11", "2026-01-18"]),
        ("FREQ=WEEKLY;BYDAY=SU,MO;BYSETPOS=1", ["2026-01-05", "2026-01-12", "2026-01-19"]),
        ("FREQ=DAILY", ["2026-01-01", "2026-01-02", "2026-01-03"]),
        # 731 days from 2024-01-01 to 2026-01-01, 10 * 73 = 730.
        ("FREQ=DAILY;INTERVAL=10", ["2026-01-10", "2026-01-20", "2026-01-30"]),
        ("FREQ=DAILY;INTERVAL=36", ["2026-01-26", "2026-03-03", "2026-04-08"]),
        ("FREQ=DAILY;BYMONTH=6;BYMONTHDAY=1,30", ["2026-06-01", "2026-06-30", "2027-06-01"]),
        ("FREQ=YEARLY", ["2026-01-01", "2027-01-01", "2028-01-01"]),
        ("FREQ=YEARLY;BYMONTH=3", ["2026-03-01", "2027-03-01", "2028-03-01"]),
        ("FREQ=YEARLY;BYDAY=20MO", ["2026-05-18", "2027-05-17", "2028-05-15"]),
        ("FREQ=YEARLY;BYDAY=-53TH", ["2026-01-01"]),
        ("FREQ=YEARLY;BYDAY=1SU;BYMONTH=4,10", ["2026-04-05", "2026-10-04", "2027-04-04"]),
    ],
)
def test_days_of_a_rule(rule: str, expected: list[str]) -> None:
    windows = one(rrule=rule, start="12:00", duration="1h")
    found = starts(windows, "2026-01-01T00:00", len(expected))
    assert [start[:10] for start in found] == expected


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=WEEKLY;INTERVAL=3;BYDAY=SU,MO;WKST=WE",
        "FREQ=DAILY;INTERVAL=5",
        "FREQ=MONTHLY;INTERVAL=7",
        "FREQ=WEEKLY;BYDAY=SU,MO;BYSETPOS=1;WKST=SU",
    ],
)
def test_a_rule_gives_the_same_days_wherever_it_is_asked_from(rule: str) -> None:
    days = module.RuleDays.load(rule, "rrule")
    first, last = date(2023, 6, 1), date(2025, 6, 1)
    whole = list(days.dates(first, last))
    assert whole
    for number in range((last - first).days):
        since = first + DAY * number
        assert next(days.dates(since, last), None) == next((day for day in whole if day >= since), None)
        assert list(days.dates(since, since)) == [day for day in whole if day == since]


def test_an_interval_of_years() -> None:
    rule = module.RuleDays.load("FREQ=YEARLY;INTERVAL=36", "rrule")
    assert list(rule.dates(date(1980, 1, 1), date(2070, 1, 1))) == [
        date(1988, 1, 1),
        date(2024, 1, 1),
        date(2060, 1, 1),
    ]


@pytest.mark.parametrize(
    ("fields", "first", "last", "expected"),
    [
        ({"weekdays": ["sunday"]}, "2026-09-13", "2026-09-27", ["2026-09-13", "2026-09-20", "2026-09-27"]),
        ({"weekdays": ["sunday"]}, "2026-09-14", "2026-09-26", ["2026-09-20"]),
        ({"patch_tuesday_plus": 25}, "2026-09-05", "2026-10-03", ["2026-09-05", "2026-10-03"]),
        ({"patch_tuesday_plus": 25}, "2026-09-06", "2026-10-02", []),
        ({"rrule": "FREQ=MONTHLY;BYDAY=3SA"}, "2026-09-19", "2026-10-17", ["2026-09-19", "2026-10-17"]),
        ({"rrule": "FREQ=MONTHLY;BYDAY=3SA"}, "2026-09-20", "2026-10-16", []),
    ],
)
def test_first_and_last_day_are_asked_for(fields: dict[str, Any], first: str, last: str, expected: list[str]) -> None:
    days = one(**fields).recurring[0].days.dates(date.fromisoformat(first), date.fromisoformat(last))
    assert [day.isoformat() for day in days] == expected


def test_the_windows_of_one_entry_that_touch_a_time() -> None:
    recurring = one(weekdays=["saturday", "sunday"]).recurring[0]
    second = timedelta(seconds=1)
    first, last = at("2026-09-20T02:00"), at("2026-09-20T22:00")
    assert list(recurring.windows(first, last - second)) == []
    assert list(recurring.windows(first + second, last - second)) == []
    assert [spans(found) for found in recurring.windows(first, last)] == ["2026-09-20T22:00/2026-09-21T02:00"]
    assert [spans(found) for found in recurring.windows(first - second, last - second)] == [
        "2026-09-19T22:00/2026-09-20T02:00"
    ]


def test_what_was_read_stays_as_it_is() -> None:
    windows = Windows.load([window(), window(patch_tuesday_plus=1), window(rrule="FREQ=DAILY")], [])
    for frozen in (windows, windows.recurring[0], *(recurring.days for recurring in windows.recurring)):
        with pytest.raises(FrozenInstanceError):
            setattr(frozen, next(iter(vars(frozen))), None)


# --- blackouts


@pytest.mark.parametrize(
    ("blackouts", "expected"),
    [
        ([], "2026-09-20T22:00/2026-09-21T02:00"),
        # beside it
        ([("21:00", "22:00")], "2026-09-20T22:00/2026-09-21T02:00"),
        ([("26:00", "27:00")], "2026-09-20T22:00/2026-09-21T02:00"),
        # the start, the end, the middle
        ([("21:00", "22:01")], "2026-09-20T22:01/2026-09-21T02:00"),
        ([("25:59", "27:00")], "2026-09-20T22:00/2026-09-21T01:59"),
        ([("23:00", "23:30")], "2026-09-20T23:30/2026-09-21T02:00"),
        ([("24:30", "25:00")], "2026-09-20T22:00/2026-09-21T00:30"),
        # two equal parts: the first
        ([("23:30", "24:30")], "2026-09-20T22:00/2026-09-20T23:30"),
        # several, in any order, overlapping or not
        ([("25:00", "25:30"), ("22:30", "23:00")], "2026-09-20T23:00/2026-09-21T01:00"),
        ([("22:30", "24:00"), ("23:00", "25:00")], "2026-09-21T01:00/2026-09-21T02:00"),
        # all
        ([("22:00", "26:00")], None),
        ([("20:00", "30:00")], None),
        ([("22:00", "24:00"), ("24:00", "26:00")], None),
        # at least a quarter of an hour
        ([("22:15", "26:00")], "2026-09-20T22:00/2026-09-20T22:15"),
        ([("22:14", "26:00")], None),
        ([("22:14", "25:46")], None),
        ([("22:00", "25:45")], "2026-09-21T01:45/2026-09-21T02:00"),
    ],
)
def test_what_blackouts_leave(blackouts: list[tuple[str, str]], expected: str | None) -> None:
    def moment(clock: str) -> str:
        hours, minutes = clock.split(":")
        return f"{at('2026-09-20') + timedelta(hours=int(hours), minutes=int(minutes)):%Y-%m-%dT%H:%M:%SZ}"

    windows = one(*({"from": moment(start), "to": moment(end)} for start, end in blackouts))
    now = at("2026-09-20T12:00")
    assert spans(windows.following(now)) == (expected or "2026-09-27T22:00/2026-09-28T02:00")
    assert spans(windows.last_before(at("2026-09-22T00:00"), now)) == expected
    for half in range(10):
        moment_in = at("2026-09-20T21:45") + timedelta(minutes=30) * half
        found = windows.current(moment_in)
        inside = expected is not None and spans(found) == expected
        start, _slash, end = (expected or "/").partition("/")
        assert inside == bool(expected and at(start) <= moment_in < at(end))
        assert inside or found is None


def test_a_window_whose_cut_end_is_over_is_not_the_last() -> None:
    windows = one({"from": "2026-09-21T00:30:00Z", "to": "2026-09-21T01:00:00Z"})
    moment = at("2026-09-22T00:00")
    assert spans(windows.last_before(moment, at("2026-09-21T00:29"))) == "2026-09-20T22:00/2026-09-21T00:30"
    assert windows.last_before(moment, at("2026-09-21T00:30")) is None
    assert windows.last_before(moment, at("2026-09-21T00:45")) is None


def test_the_longest_window() -> None:
    assert spans(one(duration="31d").current(at("2026-10-01T00:00"))) == "2026-09-27T22:00/2026-10-28T22:00"


def test_a_short_window_without_a_blackout_is_kept() -> None:
    windows = one({"from": "2026-09-20T22:09:00Z", "to": "2026-09-20T23:00:00Z"}, duration="10m")
    assert spans(windows.following(at("2026-09-13T23:00"))) == "2026-09-27T22:00/2026-09-27T22:10"


def test_following_passes_over_a_window_that_is_cut_to_its_past() -> None:
    windows = one({"from": "2026-09-20T23:00:00Z", "to": "2026-09-20T23:30:00Z"})
    assert spans(windows.following(at("2026-09-20T23:29"))) == "2026-09-20T23:30/2026-09-21T02:00"
    assert spans(windows.following(at("2026-09-20T23:30"))) == "2026-09-27T22:00/2026-09-28T02:00"


@pytest.mark.parametrize(
    ("fields", "start", "end"),
    [
        ({"from": "2026-12-20", "to": "2027-01-04"}, "2026-12-20T00:00", "2027-01-05T00:00"),
        ({"from": "2026-12-20", "to": "2026-12-20"}, "2026-12-20T00:00", "2026-12-21T00:00"),
        ({"from": date(2026, 12, 20), "to": date(2027, 1, 4)}, "2026-12-20T00:00", "2027-01-05T00:00"),
        (
            {"from": "2026-12-20", "to": "2027-01-04", "time_zone": "Europe/Berlin"},
            "2026-12-19T23:00",
            "2027-01-04T23:00",
        ),
        (
            {"from": "2026-03-29", "to": "2026-03-29", "time_zone": "Europe/Berlin"},
            "2026-03-28T23:00",
            "2026-03-29T22:00",
        ),
        ({"from": "2026-12-20T18:00:00Z", "to": "2026-12-21T06:30:00+02:00"}, "2026-12-20T18:00", "2026-12-21T04:30"),
        ({"from": at("2026-12-20T18:00"), "to": "2026-12-20"}, "2026-12-20T18:00", "2026-12-21T00:00"),
        ({"from": "2000-01-01", "to": "2999-12-31"}, "2000-01-01T00:00", "3000-01-01T00:00"),
        ({"from": "2026-12-20T18:00:00Z", "to": "2026-12-20T18:00:01Z"}, "2026-12-20T18:00", "2026-12-20T18:00:01"),
    ],
)
def test_days_of_a_blackout_are_whole_and_times_exact(fields: dict[str, Any], start: str, end: str) -> None:
    expected = Blackout(at(start), at(end), "year end")
    windows = Windows.load([], [{**fields, "reason": "year end"}])
    assert windows.blackouts == (expected,)
    assert [moment.tzinfo for moment in windows.blackouts[0][:2]] == [UTC, UTC]
    second = timedelta(seconds=1)
    assert windows.blackout(expected.start - second) is None
    assert windows.blackout(expected.start) == expected
    assert windows.blackout(expected.end - second) == expected
    assert windows.blackout(expected.end) is None


def test_of_two_blackouts_the_one_that_ends_last() -> None:
    blackouts = [{"from": "2026-12-20", "to": f"2026-12-{day}", "reason": str(day)} for day in (22, 24, 23)]
    found = Windows.load([], blackouts).blackout(at("2026-12-21"))
    assert found is not None
    assert found.reason == "24"


# --- durations


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("1m", 1),
        ("30m", 30),
        ("4h", 240),
        ("1d", 1440),
        ("14d", 14 * 1440),
        ("2w", 14 * 1440),
        ("1d12h", 2160),
        ("1w2d3h4m", 10080 + 2880 + 184),
        ("0d5m", 5),
        ("9999w", 9999 * 10080),
        ("9999m", 9999),
    ],
)
def test_durations(text: str, minutes: int) -> None:
    assert duration(text, "x") == MINUTE * minutes


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0m",
        "0w0d0h0m",
        "4",
        "4H",
        "4 h",
        "12h1d",
        "1h1h",
        "-1h",
        "1.5h",
        "10000m",
        "30s",
        "٣h",
        4,
        None,
        True,
        ["4h"],
    ],
)
def test_no_durations(value: object) -> None:
    with pytest.raises(PolicyError) as raised:
        duration(value, "max_wait.low")
    assert str(raised.value) == f"max_wait.low is {value!r}; {A_DURATION}"


# --- what a broken policy is told


def told(windows: object, blackouts: object = (), **options: str) -> str:
    with pytest.raises(PolicyError) as raised:
        Windows.load(windows, list(blackouts) if isinstance(blackouts, tuple) else blackouts, **options)
    return str(raised.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"start": 1320}, f".start is 1320; {A_START}"),
        ({"start": "24:00"}, f".start is '24:00'; {A_START}"),
        ({"start": "22:60"}, f".start is '22:60'; {A_START}"),
        ({"start": "9:00"}, f".start is '9:00'; {A_START}"),
        ({"start": "22:00:00"}, f".start is '22:00:00'; {A_START}"),
        ({"start": None}, f".start is missing; {A_START}"),
        ({"duration": None}, f".duration is missing; {A_DURATION}"),
        ({"duration": 4}, f".duration is 4; {A_DURATION}"),
        ({"duration": "0h"}, f".duration is '0h'; {A_DURATION}"),
        ({"duration": "31d1m"}, ".duration is '31d1m'; a duration of at most 31d is expected."),
        ({"strat": "22:00"}, f".strat is no key of a window; one of {KEYS} (meant start?) is expected."),
        ({"xyz": 1}, f".xyz is no key of a window; one of {KEYS} is expected."),
        ({"weekdays": None}, f" has none of them; {ONE_OF}"),
        ({"weekdays": ["sunday"], "rrule": "FREQ=DAILY"}, f" has weekdays and rrule; {ONE_OF}"),
        (
            {"weekdays": ["sunday"], "rrule": "FREQ=DAILY", "patch_tuesday_plus": 1},
            f" has weekdays and patch_tuesday_plus and rrule; {ONE_OF}",
        ),
        ({"weekdays": []}, ".weekdays is []; at least one weekday is expected."),
        ({"weekdays": "sunday"}, ".weekdays is 'sunday'; a list of weekdays is expected."),
        (
            {"weekdays": ["monday", "sundy"]},
            f".weekdays[1] is 'sundy'; one of {', '.join(WEEKDAYS)} (meant sunday?) is expected.",
        ),
        ({"weekdays": [6]}, f".weekdays[0] is 6; one of {', '.join(WEEKDAYS)} is expected."),
        ({"patch_tuesday_plus": -1}, ".patch_tuesday_plus is -1; a number of days from 0 to 27 is expected."),
        ({"patch_tuesday_plus": 28}, ".patch_tuesday_plus is 28; a number of days from 0 to 27 is expected."),
        ({"patch_tuesday_plus": True}, ".patch_tuesday_plus is True; a number of days from 0 to 27 is expected."),
        ({"patch_tuesday_plus": "4"}, ".patch_tuesday_plus is '4'; a number of days from 0 to 27 is expected."),
        ({"name": " "}, f".name is ' '; {A_WORD}"),
        ({"name": 5}, f".name is 5; {A_WORD}"),
    ],
)
def test_a_broken_window(fields: dict[str, Any], words: str) -> None:
    assert told([window(), window(**fields)]) == f"windows[1]{words}"


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Europe/Berln", "'Europe/Berln'; an IANA time zone like Europe/Berlin (meant Europe/Berlin?) is expected."),
        ("EUROPE/PARRIS", "'EUROPE/PARRIS'; an IANA time zone like Europe/Berlin (meant Europe/Paris?) is expected."),
        ("new york", "'new york'; an IANA time zone like Europe/Berlin (meant America/New_York?) is expected."),
        ("Kolkatta", "'Kolkatta'; an IANA time zone like Europe/Berlin (meant Asia/Kolkata?) is expected."),
        ("W. Europe Standard Time", f"'W. Europe Standard Time'; {A_ZONE}"),
        ("localtime", f"'localtime'; {A_ZONE}"),
        ("Factory", f"'Factory'; {A_ZONE}"),
        ("", f"''; {A_ZONE}"),
        ("..", f"'..'; {A_ZONE}"),
        ("/etc/localtime", f"'/etc/localtime'; {A_ZONE}"),
        ("Europe", f"'Europe'; {A_ZONE}"),
        ("a\0b", f"'a\\x00b'; {A_ZONE}"),
        (
            "posix/Europe/Berlin",
            "'posix/Europe/Berlin'; an IANA time zone like Europe/Berlin (meant Europe/Berlin?) is expected.",
        ),
        (
            "right/Europe/Berlin",
            "'right/Europe/Berlin'; an IANA time zone like Europe/Berlin (meant Europe/Berlin?) is expected.",
        ),
        (5, f"5; {A_ZONE}"),
    ],
)
def test_a_broken_zone(zone: object, words: str) -> None:
    assert told([window(time_zone=zone)]) == f"windows[0].time_zone is {words}"
    assert (
        told([], [{"from": "2026-12-20", "to": "2026-12-20", "time_zone": zone}])
        == f"blackouts[0].time_zone is {words}"
    )


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (5, f" is 5; {A_RULE}"),
        ("", f" is ''; {A_RULE}"),
        ("FREQ=DAILY;", f" is 'FREQ=DAILY;'; {A_RULE}"),
        ("FREQ=DAILY;BYDAY", f" is 'FREQ=DAILY;BYDAY'; {A_RULE}"),
        ("BYDAY=SA", f": FREQ is ''; {FREQUENCIES}"),
        ("FREQ=HOURLY", f": FREQ is 'HOURLY'; {FREQUENCIES}"),
        ("FREQ=MINUTELY", f": FREQ is 'MINUTELY'; {FREQUENCIES}"),
        ("FREQ=SECONDLY", f": FREQ is 'SECONDLY'; {FREQUENCIES}"),
        ("FREQ=DAILY;BYHOUR=3", f": BYHOUR {RULE_PARTS}"),
        ("FREQ=DAILY;BYMINUTE=3", f": BYMINUTE {RULE_PARTS}"),
        ("FREQ=DAILY;BYSECOND=3", f": BYSECOND {RULE_PARTS}"),
        ("FREQ=DAILY;COUNT=3", f": COUNT {RULE_PARTS}"),
        ("FREQ=DAILY;UNTIL=20301231", f": UNTIL {RULE_PARTS}"),
        ("DTSTART=20260101;FREQ=DAILY", f": DTSTART {RULE_PARTS}"),
        ("DTSTART:20260101\nRRULE:FREQ=DAILY", f": DTSTART:20260101 RRULE:FREQ {RULE_PARTS}"),
        ("RRULE:FREQ=DAILY", f": RRULE:FREQ {RULE_PARTS}"),
        ("FREQ=DAILY; BYDAY=SA", f":  BYDAY {RULE_PARTS}".replace("  ", " ")),
        ("FREQ=DAILY;BYEASTER=0", f": BYEASTER {RULE_PARTS}"),
        ("FREQ=DAILY;FREQ=DAILY", " is 'FREQ=DAILY;FREQ=DAILY'; FREQ only once is expected."),
        ("FREQ=DAILY;WKST=XX", f": WKST is 'XX'; one of {RULE_DAYS} is expected."),
        ("FREQ=DAILY;INTERVAL=0", ": INTERVAL is '0'; numbers from 1 to 36 is expected."),
        ("FREQ=DAILY;INTERVAL=-1", ": INTERVAL is '-1'; numbers from 1 to 36 is expected."),
        ("FREQ=DAILY;INTERVAL=37", ": INTERVAL is '37'; numbers from 1 to 36 is expected."),
        ("FREQ=DAILY;INTERVAL=1,2", ": INTERVAL is '1,2'; one number is expected."),
        ("FREQ=DAILY;BYMONTH=13", ": BYMONTH is '13'; numbers from 1 to 12 is expected."),
        ("FREQ=DAILY;BYMONTH=1,-1", ": BYMONTH is '1,-1'; numbers from 1 to 12 is expected."),
        ("FREQ=DAILY;BYMONTHDAY=0", ": BYMONTHDAY is '0'; numbers from 1 to 31 or from -31 to -1 is expected."),
        ("FREQ=DAILY;BYMONTHDAY=32", ": BYMONTHDAY is '32'; numbers from 1 to 31 or from -31 to -1 is expected."),
        ("FREQ=DAILY;BYMONTHDAY=-32", ": BYMONTHDAY is '-32'; numbers from 1 to 31 or from -31 to -1 is expected."),
        ("FREQ=DAILY;BYMONTHDAY=³", ": BYMONTHDAY is '³'; numbers from 1 to 31 or from -31 to -1 is expected."),
        ("FREQ=DAILY;BYMONTHDAY=", ": BYMONTHDAY is ''; numbers from 1 to 31 or from -31 to -1 is expected."),
        ("FREQ=YEARLY;BYSETPOS=367", ": BYSETPOS is '367'; numbers from 1 to 366 or from -366 to -1 is expected."),
        ("FREQ=WEEKLY;BYDAY=3SA", f": BYDAY is '3SA'; days of {RULE_DAYS} without a number is expected."),
        ("FREQ=DAILY;BYDAY=-1SA", f": BYDAY is '-1SA'; days of {RULE_DAYS} without a number is expected."),
        ("FREQ=WEEKLY;BYDAY=SO", f": BYDAY is 'SO'; days of {RULE_DAYS} without a number is expected."),
        (
            "FREQ=MONTHLY;BYDAY=1SA,6SA",
            f": BYDAY is '1SA,6SA'; days of {RULE_DAYS}, or counted from 1 to 5 like 3SA and -1SU is expected.",
        ),
        (
            "FREQ=MONTHLY;BYDAY=0SA",
            f": BYDAY is '0SA'; days of {RULE_DAYS}, or counted from 1 to 5 like 3SA and -1SU is expected.",
        ),
        (
            "FREQ=YEARLY;BYDAY=-54SA",
            f": BYDAY is '-54SA'; days of {RULE_DAYS}, or counted from 1 to 53 like 3SA and -1SU is expected.",
        ),
        ("FREQ=MONTHLY;BYDAY=1SA,SU", ": BYDAY is '1SA,SU'; a number at each day or at none is expected."),
        *(
            (rule, f" is '{rule}'; a rule that gives dates is expected.")
            for rule in (
                "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
                "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
                "FREQ=DAILY;BYSETPOS=2",
                # Counted from a Monday.
                "FREQ=DAILY;INTERVAL=7;BYDAY=SU",
                "FREQ=MONTHLY;INTERVAL=12;BYMONTH=2",
            )
        ),
    ],
)
def test_a_broken_rule(rule: object, words: str) -> None:
    assert told([window(rrule=rule)]) == f"windows[0].rrule{words}"


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;INTERVAL=36",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU",
        "FREQ=MONTHLY;BYDAY=5SU,-5SU",
        "FREQ=MONTHLY;BYMONTHDAY=31,-31",
        "FREQ=YEARLY;BYDAY=53SA,-53SA",
        "FREQ=YEARLY;BYMONTHDAY=1;BYMONTH=1,12;BYSETPOS=1",
        "FREQ=DAILY;BYSETPOS=1,366,-366",
        *(f"FREQ=WEEKLY;WKST={day};BYDAY={day}" for day in RULE_DAYS.split(", ")),
    ],
)
def test_a_rare_rule_is_good(rule: str) -> None:
    assert not one(rrule=rule).always


def test_a_rule_needs_dateutil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HAS_DATEUTIL", False)
    assert told([window(rrule="FREQ=DAILY")]) == (
        "windows[0].rrule needs the Python package python-dateutil on the controller;"
        " install it with: pip install python-dateutil"
    )
    assert one().following(at("2026-09-20T12:00")) is not None


def test_dateutil_is_missed_when_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.HAS_DATEUTIL
    monkeypatch.setitem(sys.modules, "dateutil", None)
    spec = importlib.util.find_spec(module.__name__)
    assert spec is not None
    assert spec.loader is not None
    without = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(without)
    assert not without.HAS_DATEUTIL


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"from": None}, f".from is missing; {A_DAY}"),
        ({"to": None}, f".to is missing; {A_DAY}"),
        ({"from": 5}, f".from is 5; {A_DAY}"),
        ({"from": "2026-12-20T10:00:00"}, f".from is '2026-12-20T10:00:00'; {A_DAY}"),
        ({"from": "20261220"}, f".from is '20261220'; {A_DAY}"),
        ({"from": "2026-02-30"}, f".from is '2026-02-30'; {A_DAY}"),
        ({"from": "christmas"}, f".from is 'christmas'; {A_DAY}"),
        (
            {"from": datetime(2026, 12, 20).replace(tzinfo=None)},
            f".from is datetime.datetime(2026, 12, 20, 0, 0); {A_DAY}",
        ),
        ({"from": "1999-12-31"}, f".from is '1999-12-31'; {A_DAY}"),
        ({"to": "3000-01-01"}, f".to is '3000-01-01'; {A_DAY}"),
        ({"to": "9999-12-31"}, f".to is '9999-12-31'; {A_DAY}"),
        ({"to": "2026-12-01"}, ".to is '2026-12-01'; an end after blackouts[1].from (2026-12-20) is expected."),
        ({"to": "2026-12-19"}, ".to is '2026-12-19'; an end after blackouts[1].from (2026-12-20) is expected."),
        (
            {"to": "2026-12-20T00:00:00Z"},
            ".to is '2026-12-20T00:00:00Z'; an end after blackouts[1].from (2026-12-20) is expected.",
        ),
        ({"reason": ""}, f".reason is ''; {A_WORD}"),
        ({"until": 1}, ".until is no key of a blackout; one of from, to, time_zone, reason is expected."),
    ],
)
def test_a_broken_blackout(fields: dict[str, Any], words: str) -> None:
    good = {"from": "2026-12-20", "to": "2026-12-20"}
    broken = {key: value for key, value in {**good, **fields}.items() if value is not None}
    assert told([], [good, broken]) == f"blackouts[1]{words}"


def test_what_is_no_list_or_mapping() -> None:
    assert told(None) == "windows is None; a list of windows is expected."
    assert told({"start": "22:00"}) == "windows is {'start': '22:00'}; a list of windows is expected."
    assert told([], {}) == "blackouts is {}; a list of blackouts is expected."
    assert told([5]) == f"windows[0] is 5; a mapping with {KEYS} is expected."
    assert told([], ["x"]) == "blackouts[0] is 'x'; a mapping with from, to, time_zone, reason is expected."


def test_errors_name_the_place_they_are_given() -> None:
    assert told([5], where="rebootless_policy.windows").startswith("rebootless_policy.windows[0] is 5;")
    assert told([], [5], where="rebootless_policy.windows").startswith("rebootless_policy.blackouts[0] is 5;")
    assert told([], [5], where="p.groups.web.windows").startswith("p.groups.web.blackouts[0] is 5;")


def test_long_values_are_cut_in_errors() -> None:
    assert told("x" * 79) == f"windows is '{'x' * 79}...; a list of windows is expected."
    assert told("x" * 78) == f"windows is '{'x' * 78}'; a list of windows is expected."
    assert told([window(**{"y" * 81: 1})]) == (
        f"windows[0].{'y' * 80} is no key of a window; one of {KEYS} is expected."
    )
    assert told([window(rrule=f"{'Y' * 81}=1")]) == f"windows[0].rrule: {'Y' * 80} {RULE_PARTS}"


# --- what is true of all windows

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Nuuk",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
)
NOWS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))
CLOCKS = st.times().map(lambda clock: clock.strftime("%H:%M"))
SPANS = st.integers(1, 31 * 1440).map(lambda minutes: f"{minutes // 1440}d{minutes % 1440 // 60}h{minutes % 60}m")
RULES = st.sampled_from(
    ("FREQ=MONTHLY;BYDAY=3SA", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SA", "FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=DAILY;INTERVAL=3")
)
DAYS = st.one_of(
    st.fixed_dictionaries({"weekdays": st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7)}),
    st.fixed_dictionaries({"patch_tuesday_plus": st.integers(0, 27)}),
    st.fixed_dictionaries({"rrule": RULES}),
)
RECURRING = st.builds(
    lambda start, lasts, zone, days: {"start": start, "duration": lasts, "time_zone": zone, **days},
    CLOCKS,
    st.one_of(SPANS, st.just("4h")),
    st.sampled_from(ZONES),
    DAYS,
)
BLACKOUTS = st.builds(
    lambda first, days, zone: {
        "from": first.isoformat(),
        "to": (first + DAY * days).isoformat(),
        "time_zone": zone,
    },
    st.dates(date(2024, 1, 1), date(2028, 6, 1)),
    st.integers(0, 30),
    st.sampled_from(ZONES),
)
GIVEN = st.tuples(st.lists(RECURRING, min_size=1, max_size=3), st.lists(BLACKOUTS, max_size=6))


def begins(entry: dict[str, Any], day: date) -> bool:
    """Whether a window begins on a local day, by another way than the code's."""
    if "weekdays" in entry:
        return WEEKDAYS[day.weekday()] in entry["weekdays"]
    if "patch_tuesday_plus" in entry:
        tuesday = day - DAY * entry["patch_tuesday_plus"]
        return tuesday == patch_tuesday(tuesday.year, tuesday.month)
    checks: dict[str, Callable[[date], bool]] = {
        "FREQ=MONTHLY;BYDAY=3SA": lambda day: day.weekday() == 5 and 15 <= day.day <= 21,
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=SA": lambda day: (day - date(2024, 1, 6)).days % 14 == 0,
        "FREQ=MONTHLY;BYMONTHDAY=-1": lambda day: (day + DAY).day == 1,
        "FREQ=DAILY;INTERVAL=3": lambda day: (day - date(2024, 1, 1)).days % 3 == 0,
    }
    return checks[entry["rrule"]](day)


def expected_windows(entries: list[dict[str, Any]], now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Every window of two months around a moment, day by day."""
    for entry in entries:
        for number in range(-35, 70):
            day = now.date() + DAY * number
            if begins(entry, day):
                wall = datetime.combine(day, time.fromisoformat(entry["start"]), ZoneInfo(entry["time_zone"]))
                start = wall.astimezone(UTC)
                yield start, start + duration(entry["duration"], "")


@settings(deadline=None)
@given(st.lists(RECURRING, min_size=1, max_size=3), NOWS, st.integers(0, 30))
def test_windows_are_those_of_their_days(entries: list[dict[str, Any]], now: datetime, ahead: int) -> None:
    windows = Windows.load(entries, [])
    expected = sorted(expected_windows(entries, now))
    moment = now + DAY * ahead

    current = windows.current(now)
    assert (current and current.end) == max((end for start, end in expected if start <= now < end), default=None)
    following = windows.following(now)
    assert following is not None
    assert following.start == min(start for start, _end in expected if start > now)
    last = windows.last_before(moment, now)
    assert (last and last.end) == max((end for _start, end in expected if now < end <= moment), default=None)


@settings(deadline=None)
@given(GIVEN, NOWS, st.integers(0, 60))
def test_promises(given_: tuple[list[dict[str, Any]], list[dict[str, Any]]], now: datetime, ahead: int) -> None:
    windows = Windows.load(*given_)
    moment = now + DAY * ahead
    current, following, last = windows.current(now), windows.following(now), windows.last_before(moment, now)
    assert current is None or current.start <= now < current.end
    assert following is None or following.start > now
    assert last is None or now < last.end <= moment
    assert current is None or windows.blackout(now) is None
    for found in (current, following, last):
        if found is None:
            continue
        assert found.start < found.end
        assert not [
            blackout for blackout in windows.blackouts if blackout.start < found.end and found.start < blackout.end
        ]
        # It is current from its start to its end, unless another one lasts longer.
        for inside in (found.start, found.end - timedelta(microseconds=1)):
            there = windows.current(inside)
            assert there is not None
            assert there.end >= found.end
    again = Windows.load(*given_)
    assert (again.current(now), again.following(now), again.last_before(moment, now)) == (current, following, last)


@settings(deadline=None)
@given(GIVEN, NOWS)
def test_following_misses_none(given_: tuple[list[dict[str, Any]], list[dict[str, Any]]], now: datetime) -> None:
    windows = Windows.load(*given_)
    following = windows.following(now)
    until = now + DAY * 40 if following is None else following.start
    for part in range(1, 20):
        moment = now + (until - now) * part / 20
        current = windows.current(moment)
        assert current is None or current.start <= now
