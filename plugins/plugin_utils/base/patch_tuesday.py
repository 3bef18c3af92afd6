# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patch Tuesdays: the second Tuesday of a month, when Microsoft releases at 17:00 UTC (10:00 Pacific, summer time)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import MAXYEAR, UTC, date, datetime, time

RELEASE_TIME = time(17, tzinfo=UTC)
TUESDAY = 1


def patch_tuesday(year: int, month: int) -> date:
    """The second Tuesday of a month."""
    first = date(year, month, 1)
    return first.replace(day=8 + (TUESDAY - first.weekday()) % 7)


def released(day: date, now: datetime) -> bool:
    """Whether what is released on `day` is out at `now`."""
    return release_moment(day) <= now


def patch_tuesdays(after: date, now: datetime) -> Iterator[date]:
    """Every Patch Tuesday after a day whose release is out at `now`, oldest first."""
    year, month = after.year, after.month
    while year <= MAXYEAR:
        day = patch_tuesday(year, month)
        if not released(day, now):
            return
        if day > after:
            yield day
        year, month = _month_after(year, month)


def _month_after(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)


def release_moment(day: date) -> datetime:
    """When what is released on `day` is out."""
    return datetime.combine(day, RELEASE_TIME)


def next_patch_tuesday(after: date) -> date:
    """The first Patch Tuesday after a day."""
    here = patch_tuesday(after.year, after.month)
    if here > after:
        return here
    return patch_tuesday(*_month_after(after.year, after.month))
