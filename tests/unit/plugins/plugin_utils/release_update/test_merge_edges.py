# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merging pages into a table, at the edges: the oldest day itself, products that share a KB, what a page has beside a row."""

from __future__ import annotations

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update import learn_page
from test_merge import (
    ALL,
    AUGUST,
    BASELINE,
    HOTPATCH,
    ORDINARY,
    OUT_OF_BAND,
    S22,
    S25,
    UNPLANNED,
    W24,
    W25,
    Record,
    document,
    identity,
    page,
    record,
    run,
    server,
    table,
)


def client(*records: Record, planned: dict[tuple[str, str], str] | None = None) -> learn_page.Page:
    """The Windows 11 page with records."""
    return learn_page.read("learn_windows_11", page("learn_windows_11", records, planned))


# The two products of the Windows 11 page, which have their KBs in common.
OLDER = [
    record(W24, "2026-07-14", "KB5101000", "26100.8500", "baseline"),
    record(W24, "2026-08-11", "KB5102000", "26100.8600", "hotpatch"),
]
NEWER = [one | {"product": W25, "build": one["build"].replace("26100", "26200")} for one in OLDER]
OTHER = [
    record(S22, "2026-07-14", "KB5099540", "20348.5386", "baseline"),
    record(S22, "2026-08-11", "KB5120229", "20348.5440", "hotpatch"),
]


# --- how far back a page goes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "missed"), [("2026-07-13", False), ("2026-07-14", True), ("2026-07-15", True), ("2026-08-11", True)]
)
def test_record_of_the_calendar_is_missed_from_its_oldest_day_on(day: str, missed: bool) -> None:
    extra = record(S25, day, "KB5000001", "26100.33100", "hotpatch")
    merged = run(table(*ALL, extra), server(*ALL))
    assert [finding.id for finding in merged.contradictions] == [identity(extra)] * missed


@pytest.mark.parametrize("kind", ["ordinary", "oob_lcu"])
@pytest.mark.parametrize(
    ("reach", "day", "missed"),
    [
        # The calendar begins on 2026-07-14; the history shows nothing before it, whatever stands there.
        ("2026-06-20", "2026-07-13", False),
        ("2026-06-20", "2026-07-14", True),
        ("2026-06-20", "2026-07-15", True),
        ("2026-07-14", "2026-07-14", True),
        # A history that begins later than the calendar.
        ("2026-08-11", "2026-07-14", False),
        ("2026-08-11", "2026-08-10", False),
        ("2026-08-11", "2026-08-11", True),
        ("2026-08-11", "2026-08-12", True),
    ],
)
def test_record_of_the_history_is_missed_from_its_oldest_day_on(reach: str, day: str, missed: bool, kind: str) -> None:
    old = record(S25, "2026-06-20", "KB5000009", "26100.33000", "oob_lcu")
    lines = page("learn_server", [*ALL, old]).split("\n")
    kept = [line for line in lines if not (line.startswith("| LTSC") and line.split(" | ")[2] < reach)]
    extra = record(S25, day, "KB5000001", "26100.33299", kind)
    merged = run(table(*ALL, extra), learn_page.read("learn_server", "\n".join(kept)))
    assert [finding.id for finding in merged.contradictions] == [identity(extra)] * missed
    assert merged.review == ()


def test_product_without_a_history_misses_nothing_of_one() -> None:
    merged = run(table(HOTPATCH, ORDINARY, OUT_OF_BAND, *OTHER), server(HOTPATCH, *OTHER))
    assert (merged.contradictions, merged.review, merged.changed) == ((), (), False)


# --- what changed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "changes"),
    [
        (HOTPATCH, {"kb": "KB5120229"}),
        (HOTPATCH, {"build": "26100.33223"}),
        (ORDINARY, {"kb": "KB5120234", "build": "26100.33297"}),
        (OUT_OF_BAND, {"build": "26100.33452"}),
    ],
)
def test_accepted_kb_or_build_takes_the_place_of_a_higher_one(known: Record, changes: Record) -> None:
    before = known | changes
    start = table(*[one for one in ALL if one is not known], before)
    assert [finding.id for finding in run(start, server(*ALL)).contradictions] == [identity(known)]
    merged = run(start, server(*ALL), accept=[identity(known)])
    assert [identity(one) for one in merged.table["releases"]] == [identity(one) for one in ALL]
    assert [(change["id"], change["before"]) for change in merged.updated] == [(identity(known), before)]


def test_month_of_which_the_table_has_another_sort_of_update_has_room_for_an_ordinary_one() -> None:
    beside = [
        record(S25, "2026-08-20", "KB5000001", "26100.33300", "oob_lcu"),
        record(S25, "2026-08-21", "KB5000002", "26100.33301", "oob_hotpatch"),
        record(S25, "2026-08-22", "KB5000003", "26100.33302", "oob_wsus_fix"),
    ]
    shown = [*ALL, beside[0]]
    merged = run(table(BASELINE, HOTPATCH, UNPLANNED, OUT_OF_BAND, *beside), server(*shown))
    assert (merged.contradictions, [one["kb"] for one in merged.added]) == ((), [ORDINARY["kb"]])


def test_hotpatch_out_of_band_comes_from_the_calendar() -> None:
    line = "| August | 2026.08 OOB | Hotpatch | 2026-08-20 | 26100.33230 | KB5123303 |"
    text = page("learn_server", ALL, day="2026-09-09").replace(
        "| September | 2026.09 B", f"{line}\n| September | 2026.09 B"
    )
    extra = record(S25, "2026-08-20", "KB5123303", "26100.33230", "oob_hotpatch", restart=False, confidence="calendar")
    extra["source"] = "Microsoft Learn, Windows Server hotpatch calendar, page of 2026-09-09"
    merged = run(table(*ALL), learn_page.read("learn_server", text))
    assert (list(merged.added), merged.contradictions) == ([extra], ())


# --- products side by side -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("known", "new"), [(OLDER, NEWER), (NEWER, OLDER)])
def test_product_is_added_beside_one_that_has_its_kbs(known: list[Record], new: list[Record]) -> None:
    merged = run(table(*known), client(*known, *new))
    assert [identity(one) for one in merged.added] == [identity(one) for one in new]
    assert (merged.contradictions, [one["note"] for one in merged.added]) == ((), [None, None])


@pytest.mark.parametrize(("known", "new"), [(OLDER, NEWER), (NEWER, OLDER)])
def test_witness_of_a_kb_that_another_product_has_is_for_a_person(known: list[Record], new: list[Record]) -> None:
    told = (new[1]["product"], new[1]["kb"], new[1]["build"], "Security Hotpatch Update")
    listed = (known[1]["product"], known[1]["kb"], known[1]["build"], "Security Hotpatch Update")
    merged = run(table(*known), document(listed, told))
    assert [finding.id for finding in merged.review] == [identity(new[1])]
    assert merged.review[0].message.endswith("a hotpatch out of band, or carried over that the table does not have.")
    assert (merged.contradictions, merged.changed) == ((), False)


@pytest.mark.parametrize(("product", "build"), [(S25, "26100.8600"), (W24, "26100.33222")])
def test_witness_of_a_build_that_another_product_has_is_for_a_person(product: str, build: str) -> None:
    merged = run(table(*ALL, *OLDER), document(*AUGUST, (product, "KB5000001", build, "Security Update")))
    assert [finding.message.rpartition(": ")[2] for finding in merged.review] == [
        "an update that the table does not have."
    ]


@pytest.mark.parametrize(("mine", "others"), [(ALL, OTHER), (OTHER, ALL)])
def test_product_that_left_the_calendar_needs_a_person_whatever_is_planned_for_the_other(
    mine: list[Record], others: list[Record]
) -> None:
    gone, there = mine[0]["product"], others[0]["product"]
    ahead = {(there, "2026-10"): "baseline"}
    merged = run(table(*mine, *others, planned=ahead), server(*others, planned=ahead))
    assert [finding.id for finding in merged.contradictions] == [f"{gone}/calendar/missing"]
    assert (merged.review, merged.changed) == ((), False)


@pytest.mark.parametrize(("out", "ahead"), [(OLDER, NEWER), (NEWER, OLDER)])
def test_month_released_for_one_product_stays_planned_for_the_other(out: list[Record], ahead: list[Record]) -> None:
    planned = {(ahead[1]["product"], "2026-08"): "hotpatch"}
    start = table(*out, ahead[0], planned=planned)
    merged = run(start, client(*out, ahead[0], planned=planned))
    assert (merged.contradictions, merged.planned_changed, merged.changed) == ((), (), False)


def test_planned_months_of_both_products_follow_the_page() -> None:
    before = {(W24, "2026-10"): "baseline", (W25, "2026-11"): "hotpatch"}
    after = {(W24, "2026-10"): "hotpatch", (W25, "2026-11"): "baseline"}
    merged = run(table(*OLDER, *NEWER, planned=before), client(*OLDER, *NEWER, planned=after))
    assert merged.contradictions == ()
    assert {(one["product"], one["month"]): one["type"] for one in merged.table["planned"]} == after


# --- witnesses and accept --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "shown"), [("2026-Jul", True), ("2026-Aug", False), ("2026-Sep", True)])
def test_update_of_another_month_in_a_document_is_shown(name: str, shown: bool) -> None:
    merged = run(table(*ALL), document(*AUGUST, name=name))
    assert [finding.id for finding in merged.carry_overs] == [identity(HOTPATCH), identity(ORDINARY)] * shown
    assert (merged.contradictions, merged.review, merged.changed) == ((), (), False)


def test_accepted_contradiction_is_not_called_needless() -> None:
    known = HOTPATCH | {"date": "2026-08-12"}
    start = table(*[one for one in ALL if one is not HOTPATCH], known)
    words = [identity(HOTPATCH), identity(BASELINE)]
    merged = run(start, server(*ALL), accept=words)
    assert [note for note in merged.notes if note.startswith("accept: ")] == [
        f"accept: {identity(BASELINE)} contradicts nothing any more and can be left out."
    ]
