# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fewest restarts: known by hand, and the greedy way against brute force."""

from __future__ import annotations

import ast
import itertools
import random
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "performance"))

import best_possible
from best_possible import Case, Month, Span, Times, brute_force, fewest, history

DAY = timedelta(days=1)
END = datetime(2026, 12, 8, 17, tzinfo=UTC)
SUNDAYS = best_possible.days(best_possible.weekday(best_possible.SUNDAY), "22:00", timedelta(hours=4))
SHORT = {"b": "baseline", "u": "unplanned_baseline", "h": "hotpatch", "m": "missing"}


def months(word: str) -> list[Month]:
    """Months from January 2026 on, by first letters."""
    released = [
        datetime.combine(best_possible.patch_tuesday(2026, number + 1), best_possible.RELEASE_TIME)
        for number in range(len(word))
    ]
    return [Month(moment, SHORT[letter]) for moment, letter in zip(released, word, strict=True)]


def case(word: str, wait: int = 30, companion: int | None = None, windows: list[Span] | None = None) -> Case:
    """Waits in days; windows None for any moment."""
    return Case(months(word), wait * DAY, None if companion is None else companion * DAY, Times(windows))


def on(*days: str, hours: int = 4) -> list[Span]:
    """Windows of some hours from 22:00 on these days of 2026."""
    starts = [datetime.fromisoformat(f"2026-{day}T22:00:00+00:00") for day in days]
    return [Span(start, start + timedelta(hours=hours)) for start in starts]


def test_imports_nothing_of_the_collection() -> None:
    tree = ast.parse(Path(best_possible.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("word", "wait", "companion", "restarts"),
    [
        ("hhh", 30, None, 0),
        ("bhh", 30, None, 1),
        ("bhhbhhbhh", 30, None, 3),
        # A baseline waits for a planned one where its wait allows: 2026-06-09 and 2026-07-14 are 35 days apart.
        ("hhhhhubh", 30, None, 2),
        ("hhhhhubh", 35, None, 2),
        ("hhhhhubh", 36, None, 1),
        # The month after was planned as a hotpatch, so the first of the two has to be in before it.
        ("bubh", 365, None, 2),
        ("buhh", 365, None, 2),
        ("hbuhh", 20, None, 2),
        # Companions: most wait for a baseline; with the longest wait of a month two that are four weeks apart share one.
        ("bhhbhh", 30, 95, 3),
        ("bhhbhh", 30, 30, 4),
        ("hhhhhh", 30, 30, 4),
        ("hhhh", 30, 28, 4),
        ("hhhh", 30, 10, 4),
    ],
)
def test_by_hand_without_windows(word: str, wait: int, companion: int | None, restarts: int) -> None:
    found = case(word, wait, companion)
    assert len(fewest(found, END)) == restarts
    assert brute_force(found, END) == restarts


@pytest.mark.parametrize(
    ("word", "wait", "windows", "restarts"),
    [
        # In time for the hotpatch of 2026-02-10.
        ("bhhb", 30, on("01-25", "02-08", "02-22", "03-22", "04-26"), 2),
        # No window before it: the track is lost, and February and March restart too.
        ("bhhbh", 30, on("02-22", "03-22", "04-26"), 3),
        # March's waits for the baseline of April.
        ("bhhbh", 60, on("02-22", "03-22", "04-26"), 2),
        ("bhhhbh", 30, on("02-22", "03-22", "04-26", "05-24"), 4),
        # Both within the wait of February's ordinary update: one restart takes January in late and February.
        ("bhb", 90, on("02-22"), 1),
        # Beyond the wait, before the hotpatch: late, and the track is kept.
        ("bhh", 5, on("01-25", "02-22", "03-22"), 1),
        # A missing month may have been a baseline.
        ("bmhb", 20, on("01-20", "02-15", "03-15", "04-20"), 3),
        # What ends after the deadline still serves by its beginning.
        ("bh", 30, [Span(datetime(2026, 2, 10, 16, tzinfo=UTC), datetime(2026, 2, 10, 20, tzinfo=UTC))], 1),
        ("b", 30, [], 0),
    ],
)
def test_by_hand_with_windows(word: str, wait: int, windows: list[Span], restarts: int) -> None:
    found = case(word, wait, windows=windows)
    assert len(fewest(found, END)) == restarts
    assert brute_force(found, END) == restarts


def test_restarts_lie_in_windows_and_meet_everything() -> None:
    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)
    found = case("bhhbhubhubhh", 30, 95, SUNDAYS(first, last))
    restarts = fewest(found, END)
    assert all(found.times.good(moment) for moment in restarts)
    assert best_possible.keeps(found, restarts, END)
    for left_out in restarts:
        assert not best_possible.keeps(found, [moment for moment in restarts if moment != left_out], END)


def test_what_can_wait_beyond_the_end_does_not_count() -> None:
    found = case("bhhb", 30)
    assert len(fewest(found, datetime(2026, 5, 1, tzinfo=UTC))) == 1
    assert len(fewest(found, datetime(2026, 5, 14, 17, tzinfo=UTC))) == 2


def _random_case(draw: random.Random) -> Case:
    """Up to six months, and up to nine windows of any length, or none configured."""
    count = draw.randint(1, 6)
    word = "".join(draw.choice("bbuhhhhm") for _number in range(count))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    windows: list[Span] | None = None
    if draw.randrange(4):
        # They do not overlap.
        starts = sorted(draw.sample(range(0, count * 31 + 20), draw.randint(0, 9)))
        windows = [
            Span(at, at + timedelta(hours=draw.choice((1, 4, 12, 23))))
            for at in (start + number * DAY + timedelta(hours=draw.choice((0, 13, 17))) for number in starts)
        ]
        windows = windows[:1] + [b for a, b in itertools.pairwise(windows) if a.end <= b.start]
    wait, companion = draw.choice((3, 10, 20, 30, 36, 45, 70)), draw.choice((None, None, 5, 20, 40, 95))
    return Case(months(word), wait * DAY, None if companion is None else companion * DAY, Times(windows))


def test_greedy_equals_brute_force() -> None:
    draw = random.Random(20260908)
    counts = set()
    for _number in range(600):
        found = _random_case(draw)
        until = found.months[-1].released + draw.choice((5, 30, 100)) * DAY
        greedy = fewest(found, until)
        assert best_possible.keeps(found, greedy, until), found
        assert len(greedy) == brute_force(found, until), found
        counts.add(len(greedy))
    assert counts >= {0, 1, 2, 3, 4, 5}


def test_history_of_a_product() -> None:
    rows = [
        {"product": "p", "date": "2026-01-13", "type": "baseline"},
        {"product": "p", "date": "2026-01-17", "type": "oob_lcu"},
        {"product": "p", "date": "2026-03-10", "type": "hotpatch"},
        {"product": "p", "date": "2026-03-10", "type": "ordinary"},
        {"product": "q", "date": "2026-02-10", "type": "baseline"},
    ]
    planned = [
        {"product": "p", "month": "2026-03", "type": "baseline"},
        {"product": "p", "month": "2026-04", "type": "baseline"},
        {"product": "q", "month": "2026-02", "type": "baseline"},
    ]
    found = history(rows, planned, "p", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 30, tzinfo=UTC))
    assert [(f"{month.released:%m-%d %H}", month.type) for month in found] == [
        ("01-13 17", "baseline"),
        ("02-10 17", "missing"),
        ("03-10 17", "hotpatch"),
        ("04-14 17", "baseline"),
    ]


@pytest.mark.parametrize(
    ("which", "starts"),
    [
        (best_possible.weekday(6), ["08-02", "08-09", "08-16", "08-23", "08-30"]),
        (best_possible.nth(5, 3), ["08-15"]),
        (best_possible.nth(5, 1), ["08-01"]),
        (best_possible.after_patch_tuesday(12), ["08-23"]),
        (best_possible.after_patch_tuesday(25), ["08-08"]),
    ],
)
def test_days_of_windows(which: Callable[[date], bool], starts: list[str]) -> None:
    made = best_possible.days(which, "22:00", timedelta(hours=4))
    found = made(datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 8, 31, 23, tzinfo=UTC))
    assert [f"{window.start:%m-%d}" for window in found] == starts
    assert all(window.end - window.start == timedelta(hours=4) for window in found)


def test_windows_by_the_clock_of_a_zone() -> None:
    made = best_possible.days(best_possible.weekday(6), "22:00", timedelta(hours=4), "Europe/Berlin")
    found = made(datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    assert [f"{window.start:%m-%d %H}" for window in found] == ["03-22 21", "03-29 20"]


def test_patch_tuesdays() -> None:
    assert best_possible.patch_tuesday(2026, 9) == date(2026, 9, 8)
    assert best_possible.patch_tuesday(2025, 7) == date(2025, 7, 8)
    assert best_possible.patch_tuesday(2026, 12) == date(2026, 12, 8)
