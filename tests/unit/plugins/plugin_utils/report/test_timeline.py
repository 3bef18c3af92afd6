# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who was out of service when: its words, and bars that lie inside the picture."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.slot import stays
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import document as run_data
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import timeline as run_timeline
from hypothesis import given
from hypothesis import strategies as st
from run_rolling import at

Json = dict[str, Any]


def slot(**changes: Any) -> Json:
    """A slot of an hour, in which the host was out for half of it."""
    return {
        "host": "a",
        "wave": 1,
        "canary": True,
        "kind": "restart",
        "groups": [],
        "waited": 0,
        "taken_at": at(0),
        "released_at": at(60),
        "out": [{"from": at(15), "to": at(45)}],
        "restarts": [{"from": at(30), "to": at(35)}],
        "outcome": "restarted",
        "failed": False,
        "kept": False,
        **changes,
    }


def line(*slots: Json, ended: str | None = None) -> Json:
    """The timeline of these slots."""
    found = run_data.timeline(slots or [slot()], ended)
    assert found is not None
    return found


OPEN = {"from": at(15), "to": None}


def test_the_timeline_is_counted() -> None:
    found = line(slot(), slot(host="b", out=[{"from": at(30), "to": at(50)}]), slot(host="c", out=[]), ended=at(70))
    assert (found["from"], found["to"], found["most_out"], found["out_seconds"]) == (at(0), at(70), 2, 50 * 60)
    assert [one["host"] for one in found["slots"]] == ["a", "b", "c"]
    assert run_data.timeline([], at(70)) is None


@pytest.mark.parametrize(
    ("spans", "most", "minutes"),
    [
        ([], 0, 0),
        ([(0, 10), (20, 30)], 1, 20),
        # One is back at the moment at which the next goes: they may have been out together.
        ([(0, 10), (10, 20)], 2, 20),
        ([(0, 30), (10, 20), (15, 18)], 3, 43),
        # Who is not back is out until the end.
        ([(0, None), (10, None)], 2, 110),
    ],
)
def test_most_out_at_once(spans: list[tuple[int, int | None]], most: int, minutes: int) -> None:
    slots = [slot(out=[{"from": at(one), "to": None if two is None else at(two)}]) for one, two in spans]
    found = line(*(slots or [slot(out=[])]), ended=at(60))
    assert (found["most_out"], found["out_seconds"]) == (most, 60 * minutes)


@pytest.mark.parametrize("ended", [None, at(20)])
def test_the_last_moment_known_is_the_end(ended: str | None) -> None:
    assert line(ended=ended)["to"] == at(60)
    assert line(slot(released_at=None), ended=ended)["to"] == at(45)
    assert line(slot(taken_at=None, released_at=None), ended=ended)["from"] == at(15)


@pytest.mark.parametrize(
    ("changes", "held", "out", "restarts", "ended"),
    [
        ({}, "20:00 to 21:00", "20:15 to 20:45 (30 minutes)", "20:30", "restarted"),
        ({"waited": 59}, "20:00 to 21:00", "20:15 to 20:45 (30 minutes)", "20:30", "restarted"),
        ({"waited": 7200.5}, "20:00 to 21:00, waited 2 hours", "20:15 to 20:45 (30 minutes)", "20:30", "restarted"),
        ({"waited": None}, "20:00 to 21:00", "20:15 to 20:45 (30 minutes)", "20:30", "restarted"),
        ({"out": []}, "20:00 to 21:00", "never", "20:30", "restarted"),
        ({"out": [OPEN]}, "20:00 to 21:00", "since 20:15, NOT BACK", "20:30", "restarted"),
        (
            {"out": [{"from": at(1), "to": at(3)}, OPEN]},
            "20:00 to 21:00",
            "20:01 to 20:03 (2 minutes), since 20:15, NOT BACK",
            "20:30",
            "restarted",
        ),
        ({"restarts": []}, "20:00 to 21:00", "20:15 to 20:45 (30 minutes)", "", "restarted"),
        (
            {"restarts": [{"from": at(20), "to": at(22)}, {"from": at(40), "to": None}]},
            "20:00 to 21:00",
            "20:15 to 20:45 (30 minutes)",
            "20:20, 20:40",
            "restarted",
        ),
        ({"released_at": None}, "20:00 to no end recorded", "20:15 to 20:45 (30 minutes)", "20:30", "not given back"),
        (
            {"kept": True},
            "20:00 to 21:00",
            "20:15 to 20:45 (30 minutes)",
            "20:30",
            "kept: the host stays out of service",
        ),
        (
            {"taken_at": None, "released_at": None, "outcome": None},
            "without a slot",
            "20:15 to 20:45 (30 minutes)",
            "20:30",
            "",
        ),
        ({"outcome": "verify_failed"}, "20:00 to 21:00", "20:15 to 20:45 (30 minutes)", "20:30", "verify failed"),
    ],
)
def test_words_of_a_slot(changes: Json, held: str, out: str, restarts: str, ended: str) -> None:
    one = slot(**changes)
    found = line(one)
    assert run_timeline.held_words(one, found) == held
    assert run_timeline.out_words(one, found) == out
    assert run_timeline.restart_words(one, found) == restarts
    assert run_timeline.ended(one) == ended


def test_times_over_midnight_have_their_day() -> None:
    late = slot(released_at=at(300))
    found = line(late)
    assert run_timeline.held_words(late, found) == "09-20 20:00 to 09-21 01:00"
    assert run_timeline.out_words(late, found) == "09-20 20:15 to 09-20 20:45 (30 minutes)"
    assert run_timeline.caption(found) == "2026-09-20 20:00 to 2026-09-21 01:00 UTC"
    assert run_timeline.caption(line()) == "2026-09-20 20:00 to 21:00 UTC"
    ticks = [tick["label"] for tick in run_timeline.bars(found)["ticks"]]
    assert ticks == ["09-20 20:00", "09-20 22:00", "09-21 00:00"]


def test_bars() -> None:
    assert run_timeline.bars(line()) == {
        "ticks": [
            {
                "x": round(100 * minute / 60, 3),
                "label": (datetime(2026, 9, 20, 20) + timedelta(minutes=minute)).strftime("%H:%M"),
            }
            for minute in range(0, 61, 10)
        ],
        "rows": [
            {
                "slot": slot(),
                "held": {"x": 0.0, "width": 100.0, "open": False},
                "out": [{"x": 25.0, "width": 50.0, "open": False}],
                "restarts": [50.0],
            }
        ],
    }


def test_ticks_are_round_times() -> None:
    found = line(slot(taken_at=at(7), released_at=at(115), out=[], restarts=[]))
    ticks = run_timeline.bars(found)["ticks"]
    assert [tick["label"] for tick in ticks] == ["20:20", "20:40", "21:00", "21:20", "21:40"]
    assert ticks[0]["x"] == round(100 * 13 / 108, 3)


def test_hosts_that_are_not_back_stand_first_and_their_bars_reach_to_the_end() -> None:
    rows = run_timeline.bars(line(slot(), slot(host="b", out=[OPEN]), slot(host="c", kept=True, out=[]), ended=at(75)))[
        "rows"
    ]
    assert [row["slot"]["host"] for row in rows] == ["b", "c", "a"]
    assert rows[0]["out"] == [{"x": 20.0, "width": 80.0, "open": True}]


def test_without_a_slot_there_is_no_bar_of_one_and_no_time_is_a_narrow_one() -> None:
    gone = slot(taken_at=None, released_at=None, out=[{"from": at(60), "to": at(60)}], restarts=[])
    row = run_timeline.bars(line(gone, slot()))["rows"][0]
    assert row["held"] is None
    assert row["out"] == [{"x": 99.5, "width": 0.5, "open": False}]
    alone = run_timeline.bars(line(gone))
    assert alone["rows"][0]["out"] == [{"x": 0.0, "width": 0.5, "open": False}]
    assert alone["ticks"] == [{"x": 0.0, "label": "21:00"}, {"x": 100.0, "label": "21:01"}]


@pytest.mark.parametrize(("kept", "out", "gone"), [(True, [], True), (False, [OPEN], True), (None, [], False)])
def test_who_stays_out(kept: bool | None, out: list[Json], gone: bool) -> None:
    assert stays(slot(kept=kept, out=out)) is gone


MINUTES = st.integers(0, 60 * 24 * 40)


@given(st.lists(st.tuples(MINUTES, MINUTES, st.none() | MINUTES), min_size=1, max_size=6), st.none() | MINUTES)
def test_every_bar_lies_inside_the_picture(spans: list[tuple[int, int, int | None]], ended: int | None) -> None:
    slots = []
    for begin, lasts, out in spans:
        end = None if out is None else at(begin + out)
        slots.append(
            slot(taken_at=at(begin), released_at=at(begin + lasts), out=[{"from": at(begin), "to": end}], restarts=[])
        )
    found = run_timeline.bars(line(*slots, ended=None if ended is None else at(ended)))
    for row in found["rows"]:
        for one in [row["held"], *row["out"]]:
            assert 0 <= one["x"] <= 99.5
            assert one["width"] >= 0.499
            assert one["x"] + one["width"] <= 100.001
    assert all(0 <= tick["x"] <= 100 for tick in found["ticks"])
    with_day = ":" in found["ticks"][0]["label"][5:] if found["ticks"] else False
    assert len(found["ticks"]) <= 1 + (run_timeline.TICKS_WITH_DAY if with_day else run_timeline.TICKS)
