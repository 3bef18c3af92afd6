# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patch Tuesdays."""

from __future__ import annotations

from datetime import MAXYEAR, UTC, date, datetime, timedelta

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import patch_tuesday as calendar
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "day", ["2024-01-09", "2024-10-08", "2025-04-08", "2025-07-08", "2026-09-08", "2026-10-13", "2026-12-08"]
)
def test_known_patch_tuesdays(day: str) -> None:
    expected = date.fromisoformat(day)
    assert calendar.patch_tuesday(expected.year, expected.month) == expected


@given(st.integers(1, 9999), st.integers(1, 12))
def test_second_tuesday_of_every_month(year: int, month: int) -> None:
    day = calendar.patch_tuesday(year, month)
    assert (day.year, day.month, day.weekday()) == (year, month, 1)
    assert 8 <= day.day <= 14


def test_released_from_17_utc_on() -> None:
    day = date(2026, 9, 8)
    at = datetime(2026, 9, 8, 17, tzinfo=UTC)
    assert calendar.released(day, at)
    assert not calendar.released(day, at - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("after", "now", "expected"),
    [
        ("2026-09-14", "2026-10-13T16:59:59+00:00", []),
        ("2026-09-14", "2026-10-13T17:00:00+00:00", ["2026-10-13"]),
        ("2026-09-08", "2026-09-20T00:00:00+00:00", []),
        ("2026-09-07", "2026-09-20T00:00:00+00:00", ["2026-09-08"]),
        ("2026-11-10", "2027-02-01T00:00:00+00:00", ["2026-12-08", "2027-01-12"]),
        ("2026-12-01", "2027-01-12T18:00:00+02:00", ["2026-12-08"]),
    ],
)
def test_patch_tuesdays_between(after: str, now: str, expected: list[str]) -> None:
    found = calendar.patch_tuesdays(date.fromisoformat(after), datetime.fromisoformat(now))
    assert [day.isoformat() for day in found] == expected


def test_end_of_the_calendar() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    assert [day.year for day in calendar.patch_tuesdays(date(MAXYEAR, 11, 30), last)] == [MAXYEAR]


@pytest.mark.parametrize(
    ("after", "day"),
    [
        ("2026-09-01", "2026-09-08"),
        ("2026-09-07", "2026-09-08"),
        ("2026-09-08", "2026-10-13"),
        ("2026-09-09", "2026-10-13"),
        ("2026-11-30", "2026-12-08"),
        ("2026-12-08", "2027-01-12"),
        ("2026-12-31", "2027-01-12"),
        ("2027-12-31", "2028-01-11"),
    ],
)
def test_next_patch_tuesday(after: str, day: str) -> None:
    assert calendar.next_patch_tuesday(date.fromisoformat(after)) == date.fromisoformat(day)


def test_release_moment() -> None:
    assert calendar.release_moment(date(2026, 9, 8)) == datetime(2026, 9, 8, 17, tzinfo=UTC)
