# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patch Tuesdays against a calendar that is read day by day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import islice

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import patch_tuesday as calendar
from hypothesis import given
from hypothesis import strategies as st


def second_tuesdays(first: date, last: date) -> list[date]:
    """Every second Tuesday from `first` to `last`, found by looking at each day."""
    days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    return [day for day in days if day.isoweekday() == 2 and 8 <= day.day <= 14]


def test_second_tuesday_of_every_month_of_a_century() -> None:
    found = [calendar.patch_tuesday(year, month) for year in range(1990, 2091) for month in range(1, 13)]
    assert found == second_tuesdays(date(1990, 1, 1), date(2090, 12, 31))


@pytest.mark.parametrize(
    ("hour", "minute", "offset", "out"),
    [
        (16, 59, 0, False),
        (17, 0, 0, True),
        (0, 0, 0, False),
        (23, 59, 0, True),
        (18, 59, 2, False),
        (19, 0, 2, True),
        (9, 59, -7, False),
        (10, 0, -7, True),
    ],
)
def test_released_in_any_time_zone(hour: int, minute: int, offset: int, out: bool) -> None:
    now = datetime(2026, 9, 8, hour, minute, tzinfo=timezone(timedelta(hours=offset)))
    assert calendar.released(date(2026, 9, 8), now) is out


@given(after=st.dates(date(1990, 1, 1), date(2090, 12, 31)), days=st.integers(-60, 1200), hour=st.integers(0, 23))
def test_patch_tuesdays_are_those_of_the_calendar(after: date, days: int, hour: int) -> None:
    now = datetime(after.year, after.month, after.day, hour, tzinfo=UTC) + timedelta(days=days)
    between = second_tuesdays(after + timedelta(days=1), now.date())
    out = [day for day in between if datetime(day.year, day.month, day.day, 17, tzinfo=UTC) <= now]
    # Cut, so that an answer which never ends fails instead of filling the memory.
    assert list(islice(calendar.patch_tuesdays(after, now), 100)) == out
