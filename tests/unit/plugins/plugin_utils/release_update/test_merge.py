# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merging pages into a table: a year of them gives the shipped table, and nothing wrong or shorter ever comes out."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import patch_tuesday as calendar
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update import learn_page, msrc
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update import merge as release_merge
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update.learn_page import PageError
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update.merge import Merged, MergeError, merge
from hypothesis import given, settings
from hypothesis import strategies as st

S25, S22, W24, W25 = (
    "windows_server_2025",
    "windows_server_2022_azure_edition",
    "windows_11_24h2",
    "windows_11_25h2",
)
LABELS = {
    "learn_server": {S25: "Windows Server 2025", S22: "Windows Server 2022"},
    "learn_windows_11": {W25: "Version 25H2", W24: "Version 24H2"},
}
NOW = datetime(2026, 9, 20, 12, tzinfo=UTC)
MONTHLY = {"baseline", "unplanned_baseline", "hotpatch"}
ON_HISTORY = {"baseline", "unplanned_baseline", "ordinary", "oob_lcu"}
Record = dict[str, Any]


def record(product: str, day: str, kb: str, build: str, kind: str, **fields: Any) -> Record:
    """A record of the table as a page gives it."""
    return {
        "product": product,
        "date": day,
        "kb": kb,
        "build": build,
        "type": kind,
        "restart": learn_page.RESTARTS.get(kind),
        "confidence": "calendar" if kind in MONTHLY else "vendor_page",
        "source": "A page.",
        "note": None,
        **fields,
    }


BASELINE = record(S25, "2026-07-14", "KB5099536", "26100.33158", "baseline")
HOTPATCH = record(S25, "2026-08-11", "KB5120228", "26100.33222", "hotpatch")
ORDINARY = record(S25, "2026-08-11", "KB5120233", "26100.33296", "ordinary")
UNPLANNED = record(S25, "2026-09-08", "KB5122871", "26100.33438", "unplanned_baseline")
OUT_OF_BAND = record(S25, "2026-09-14", "KB5129235", "26100.33451", "oob_lcu")
ALL = [BASELINE, HOTPATCH, ORDINARY, UNPLANNED, OUT_OF_BAND]
PLANNED = {(S25, "2026-10"): "baseline", (S25, "2026-11"): "hotpatch"}


def identity(one: Record) -> str:
    """A record as `accept` names it."""
    return f"{one['product']}/{one['kb']}/{one['build']}"


def table(*records: Record, planned: dict[tuple[str, str], str] | None = None, **fields: Any) -> dict[str, Any]:
    """A table of records and planned months."""
    months = [
        {"product": product, "month": month, "type": kind, "source": "A page."}
        for (product, month), kind in (planned or {}).items()
    ]
    return {
        "schema": 1,
        "compiled": "2026-07-20",
        "releases": list(records),
        "planned": months,
        "omitted": [],
        **fields,
    }


def row(*cells: str) -> str:
    """A line of a table."""
    return "| " + " | ".join(cells) + " |"


def rows_of_calendar(records: Sequence[Record], planned: dict[str, str], year: str) -> list[str]:
    """The calendar's rows of one product and year."""
    words = {"baseline": "Baseline (Restart)", "unplanned_baseline": "Baseline (Restart)", "hotpatch": "Hotpatch"}
    months = {one["date"][:7]: one for one in records if one["type"] in MONTHLY and one["date"][:4] == year}
    rows = []
    for month in sorted({*months, *(month for month in planned if month[:4] == year)}):
        one = months.get(month)
        kind = words[one["type"] if one else planned[month]]
        link = f"[{one['kb']}](https://s/help/{one['kb'][2:]})" if one else ""
        released = [one["date"], one["build"], link] if one else ["", "", ""]
        rows.append(row(learn_page.MONTHS[int(month[5:]) - 1], f"{month.replace('-', '.')} B", kind, *released))
    return rows


def page(kind: str, records: Sequence[Record], planned: dict[tuple[str, str], str] | None = None, day: str = "") -> str:
    """A page in the vendor's shape that states records and planned months."""
    title = learn_page.KINDS[kind].title
    front = f"---\nupdated_at: {day}T01:40:00.0000000Z\ngit_commit_id: {'0' * 40}\n---\n" if day else ""
    history, months = (
        [f"{front}# Release information\n\n## {title} release history\n"],
        [f"## {title} hotpatch calendar\n"],
    )
    for product, label in LABELS[kind].items():
        mine = [one for one in records if one["product"] == product]
        ahead = {month: what for (owner, month), what in (planned or {}).items() if owner == product}
        heading = f"Some text.\n**{label} (OS build {releases.PRODUCTS[product]})**\n"
        past = [one for one in mine if one["type"] in ON_HISTORY]
        if past:
            history += [heading, row("Servicing option", "Update type", "Availability date", "Build", "KB article")]
            history.append(row(*["---"] * 5))
            for one in sorted(past, key=lambda one: one["date"], reverse=True):
                letter = "OOB" if one["type"] == "oob_lcu" else "B"
                history.append(
                    row("LTSC", f"{one['date'][:7]} {letter}", one["date"], one["build"], f"[{one['kb']}](https://s)")
                )
            history.append("")
        years = {one["date"][:4] for one in mine if one["type"] in MONTHLY} | {month[:4] for month in ahead}
        if years:
            months.append(heading)
        for year in sorted(years, reverse=True):
            months += [f"More text.\n**Calendar year {year}**\n"]
            months.append(row("Month", "Update type", "Type", "Availability date", "Build", "KB article"))
            months += [row(*["---"] * 6), *rows_of_calendar(mine, ahead, year), ""]
    return "\n".join([*history, "", *months, "A footnote.\n"])


def server(
    *records: Record, planned: dict[tuple[str, str], str] | None = None, day: str = "2026-09-09"
) -> learn_page.Page:
    """The Server page with records."""
    return learn_page.read("learn_server", page("learn_server", records, planned, day))


def document(*fixes: tuple[str, str, str, str], name: str = "2026-Aug") -> msrc.Document:
    """A month's document with fixes: product, KB, build, SubType."""
    rows = tuple(
        msrc.Fix(product, kb, build, msrc.hotpatch_class(subtype), subtype, 3) for product, kb, build, subtype in fixes
    )
    return msrc.Document(name, "A title", rows, {"MSRC fix of other products": 4}, ("A note.",))


def run(
    start: dict[str, Any], *sources: learn_page.Page | msrc.Document, accept: Sequence[str] = (), now: datetime = NOW
) -> Merged:
    """A merge, after which the table given is as it was and the new one loads and merges again without a change."""
    before = copy.deepcopy(start)
    pages = [source for source in sources if isinstance(source, learn_page.Page)]
    documents = [source for source in sources if isinstance(source, msrc.Document)]
    merged = merge(start, pages, documents, now, accept)
    assert start == before
    releases.ReleaseTable.load(merged.table)
    if not merged.changed:
        assert merged.table == before
    if not merged.contradictions:
        again = merge(merged.table, pages, documents, now, accept)
        assert (again.changed, again.added, again.updated, again.planned_changed) == (False, (), (), ())
        assert again.table == merged.table
    return merged


def said(merged: Merged) -> list[tuple[str, str]]:
    """Ids and messages of contradictions, without where they stand."""
    return [(finding.id, finding.message.rpartition(": ")[2]) for finding in merged.contradictions]


# --- what comes in ---------------------------------------------------------------------------------------------------


def test_new_rows_become_records() -> None:
    merged = run(table(BASELINE, planned=PLANNED | {(S25, "2026-08"): "hotpatch"}), server(*ALL, planned=PLANNED))
    calendar_source = "Microsoft Learn, Windows Server hotpatch calendar, page of 2026-09-09"
    history_source = "Microsoft Learn, Windows Server release history, page of 2026-09-09"
    wanted = [
        HOTPATCH | {"source": calendar_source},
        ORDINARY | {"source": history_source},
        UNPLANNED | {"source": calendar_source},
        OUT_OF_BAND | {"source": history_source},
    ]
    assert list(merged.added) == wanted
    assert merged.table["releases"] == [BASELINE, *wanted]
    assert [one["restart"] for one in merged.added] == [False, True, True, None]
    assert (merged.updated, merged.contradictions, merged.review, merged.planned_changed) == ((), (), (), ())
    assert merged.table["planned"] == table(planned=PLANNED)["planned"]
    assert merged.table["compiled"] == "2026-09-20"
    assert merged.changed


def test_table_keeps_its_other_keys_and_its_order() -> None:
    start = {"$schema": "x", **table(UNPLANNED, BASELINE, omitted=[{"product": "all", "period": "p", "reason": "r"}])}
    merged = run(start, server(*ALL))
    assert list(merged.table) == list(start)
    assert (merged.table["$schema"], merged.table["omitted"]) == ("x", start["omitted"])
    assert [one["kb"] for one in merged.table["releases"]] == [one["kb"] for one in ALL]


def test_unchanged_table_is_the_same_table() -> None:
    start = table(*reversed(ALL), planned=PLANNED)
    merged = run(start, server(*ALL, planned=PLANNED))
    assert not merged.changed
    assert merged.table == start


def test_compiled_never_goes_back() -> None:
    assert run(table(BASELINE, compiled="2027-01-01"), server(*ALL)).table["compiled"] == "2027-01-01"


def test_page_without_a_day_is_named_without_one() -> None:
    merged = run(table(BASELINE), server(*ALL, planned=PLANNED, day=""))
    assert merged.added[0]["source"] == "Microsoft Learn, Windows Server hotpatch calendar"
    assert merged.table["planned"][0]["source"] == "Microsoft Learn, Windows Server hotpatch calendar"


def test_mark_of_the_calendar_becomes_a_note() -> None:
    text = page("learn_server", ALL).replace("2026.09 B", "2026.09 B^\\*^")
    merged = run(table(BASELINE), learn_page.read("learn_server", text))
    assert {one["kb"]: one["note"] for one in merged.added}["KB5122871"] == learn_page.MARKED
    shared = record(S25, "2026-09-01", "KB5000001", UNPLANNED["build"], "oob_hotpatch")
    merged = run(table(BASELINE, shared), learn_page.read("learn_server", text))
    assert {one["kb"]: one["note"] for one in merged.added}["KB5122871"] == (
        f"{learn_page.MARKED} Shares its build with KB5000001: the build alone does not tell which is installed."
    )


def test_two_kbs_of_one_build_are_both_kept() -> None:
    fix = record(S25, "2025-10-24", "KB5070893", "26100.6905", "oob_wsus_fix")
    first = record(S25, "2025-10-14", "KB5066835", "26100.6899", "baseline")
    merged = run(table(first, fix), server(first, record(S25, "2025-10-23", "KB5070881", "26100.6905", "oob_lcu")))
    assert [one["kb"] for one in merged.table["releases"]] == ["KB5066835", "KB5070881", "KB5070893"]
    assert merged.added[0]["note"] == (
        "Shares its build with KB5070893: the build alone does not tell which is installed."
    )
    assert any(
        note.endswith("KB5070881 has build 26100.6905 as KB5070893 has; both are kept.") for note in merged.notes
    )


@pytest.mark.parametrize(
    ("known", "confidence", "raised"),
    [
        (HOTPATCH, "secondary", True),
        (HOTPATCH, "derived", True),
        (HOTPATCH, "vendor_page", True),
        (HOTPATCH, "calendar", False),
        (ORDINARY, "secondary", True),
        (ORDINARY, "derived", True),
        (ORDINARY, "vendor_page", False),
        (ORDINARY, "calendar", False),
    ],
)
@pytest.mark.parametrize("restart", [True, None])
def test_page_raises_the_trust_in_a_record(known: Record, confidence: str, raised: bool, restart: bool | None) -> None:
    told = known["restart"] if restart else None
    before = known | {"confidence": confidence, "source": "Somebody.", "note": "Kept.", "restart": told}
    others = [one for one in ALL if one is not known]
    merged = run(table(*others, before), server(*ALL))
    assert [change["id"] for change in merged.updated] == [identity(known)] * raised
    assert (merged.contradictions, merged.added) == ((), ())
    if raised:
        section = "hotpatch calendar" if known is HOTPATCH else "release history"
        assert merged.updated[0]["before"] == before
        assert merged.updated[0]["after"] == before | {
            "confidence": known["confidence"],
            "source": f"Microsoft Learn, Windows Server {section}, page of 2026-09-09",
            "restart": known["restart"],
        }


def test_history_that_says_nothing_of_a_restart_takes_no_answer_away() -> None:
    known = OUT_OF_BAND | {"restart": True, "confidence": "derived", "source": "Somebody."}
    merged = run(table(*ALL[:4], known), server(*ALL))
    assert [(change["after"]["confidence"], change["after"]["restart"]) for change in merged.updated] == [
        ("vendor_page", True)
    ]


def test_findings_and_counts_of_a_page_are_handed_on() -> None:
    text = page("learn_server", ALL)
    more = row("LTSC", "2026-08 D", "2026-08-25", "26100.33400", "KB5120999")
    odd = row("LTSC", "2026-08 B", "2026-08-11", "26100.33299", "")
    other = "**Windows Server 2019 (OS build 17763)**\n\n" + "\n".join(
        [
            row("Servicing option", "Update type", "Availability date", "Build", "KB article"),
            row(*["---"] * 5),
            row("x"),
        ]
    )
    text = text.replace("| LTSC | 2026-07 B", f"{more}\n{odd}\n| LTSC | 2026-07 B").replace(
        "## Windows Server hotpatch", f"{other}\n\n## Windows Server hotpatch"
    )
    merged = run(table(BASELINE), learn_page.read("learn_server", text))
    assert merged.ignored == {
        "history row of an optional update (A, C, D, E)": 1,
        "row of a product that the table does not cover: Windows Server 2019": 1,
    }
    assert "row of a product that the table does not cover: Windows Server 2019 (1)" in merged.notes
    assert f"Windows Server hotpatch calendar: the page has none for {S22}." in merged.notes
    assert [finding.build for finding in merged.review] == ["26100.33299"]
    assert merged.review[0].plain() == {"id": f"{S25}//26100.33299", "message": merged.review[0].message}


# --- contradictions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "changes", "words"),
    [
        (HOTPATCH, {"type": "ordinary"}, "has type hotpatch (the table: ordinary)."),
        (HOTPATCH, {"date": "2026-08-12"}, "has date 2026-08-11 (the table: 2026-08-12)."),
        (HOTPATCH, {"restart": True}, "has restart False (the table: True)."),
        (
            HOTPATCH,
            {"type": "baseline", "restart": True},
            "has type hotpatch (the table: baseline), restart False (the table: True).",
        ),
        (UNPLANNED, {"type": "baseline"}, "has type unplanned_baseline (the table: baseline)."),
        (ORDINARY, {"type": "oob_lcu"}, "has type ordinary (the table: oob_lcu)."),
        (OUT_OF_BAND, {"type": "oob_hotpatch"}, "has type oob_lcu (the table: oob_hotpatch)."),
        (OUT_OF_BAND, {"date": "2026-09-13"}, "has date 2026-09-14 (the table: 2026-09-13)."),
    ],
)
@pytest.mark.parametrize("confidence", ["secondary", "calendar"])
def test_released_record_that_changed_needs_a_person(
    known: Record, changes: Record, words: str, confidence: str
) -> None:
    before = known | changes | {"confidence": confidence}
    start = table(*[one for one in ALL if one is not known], before)
    merged = run(start, server(*ALL))
    assert [finding.id for finding in merged.contradictions] == [identity(known)]
    assert merged.contradictions[0].message.endswith(f": {known['kb']}, {known['build']}, {words}")
    assert "line " in merged.contradictions[0].message
    assert merged.updated == ()
    merged = run(start, server(*ALL), accept=[identity(known)])
    assert merged.contradictions == ()
    assert [change["id"] for change in merged.updated] == [identity(known)]
    after = merged.updated[0]["after"]
    assert {key: after[key] for key in changes} == {key: known[key] for key in changes}
    assert any(note.startswith("Accepted: ") for note in merged.notes)


@pytest.mark.parametrize(
    ("known", "stated"), [(BASELINE, True), (HOTPATCH, False), (UNPLANNED, True), (ORDINARY, None), (OUT_OF_BAND, None)]
)
@pytest.mark.parametrize("told", [True, False])
def test_only_the_calendar_contradicts_what_the_table_says_of_a_restart(
    known: Record, stated: bool | None, told: bool
) -> None:
    merged = run(table(*[one for one in ALL if one is not known], known | {"restart": told}), server(*ALL))
    found = [finding.message.rpartition(" has ")[2] for finding in merged.contradictions]
    assert found == ([] if stated in (None, told) else [f"restart {stated} (the table: {told})."])
    assert not merged.changed


@pytest.mark.parametrize(
    ("known", "changes"),
    [
        (HOTPATCH, {"kb": "KB5120227"}),
        (HOTPATCH, {"build": "26100.33221"}),
        (HOTPATCH, {"kb": "KB5120227", "build": "26100.33221", "type": "baseline", "restart": True}),
        (UNPLANNED, {"kb": "KB5122870", "build": "26100.33437", "type": "hotpatch", "restart": False}),
        (ORDINARY, {"kb": "KB5120232"}),
        (ORDINARY, {"build": "26100.33295"}),
        (OUT_OF_BAND, {"build": "26100.33450"}),
        (OUT_OF_BAND, {"build": "26100.33450", "date": "2026-01-02"}),
    ],
)
def test_kb_or_build_that_changed_needs_a_person(known: Record, changes: Record) -> None:
    before = known | changes
    start = table(*[one for one in ALL if one is not known], before)
    merged = run(start, server(*ALL))
    assert said(merged) == [
        (
            identity(known),
            f"{known['kb']}, {known['build']} ({known['type']} of {known['date']}), is {before['kb']}, {before['build']}"
            f" ({before['type']} of {before['date']}) in the table.",
        )
    ]
    merged = run(start, server(*ALL), accept=[identity(known)])
    assert merged.contradictions == ()
    assert [(change["id"], change["before"]) for change in merged.updated] == [(identity(known), before)]
    assert [one["kb"] for one in merged.table["releases"]] == [one["kb"] for one in ALL]
    assert merged.added == ()


def test_page_that_has_a_kb_with_two_builds_needs_a_person_and_keeps_both() -> None:
    second = OUT_OF_BAND | {"build": "26100.33452"}
    start = table(*ALL)
    merged = run(start, server(*ALL, second))
    assert [finding.id for finding in merged.contradictions] == [identity(second)]
    merged = run(start, server(*ALL, second), accept=[identity(second)])
    assert [one["build"] for one in merged.added] == ["26100.33452"]
    assert len(merged.table["releases"]) == 6


@pytest.mark.parametrize(
    ("known", "confidence", "doubted"),
    [
        (HOTPATCH, "calendar", True),
        (HOTPATCH, "vendor_page", False),
        (HOTPATCH, "derived", False),
        (BASELINE, "calendar", False),
        (UNPLANNED, "calendar", True),
        (ORDINARY, "vendor_page", True),
        (ORDINARY, "secondary", False),
        (OUT_OF_BAND, "vendor_page", True),
        (OUT_OF_BAND, "derived", False),
    ],
)
def test_row_that_vanished(known: Record, confidence: str, doubted: bool) -> None:
    before = known | {"confidence": confidence}
    rest = [one for one in ALL if one is not known]
    if known is HOTPATCH:
        rest.remove(ORDINARY)
    start = table(*rest, before)
    merged = run(start, server(*rest))
    found = merged.contradictions if doubted else merged.review
    other = merged.review if doubted else merged.contradictions
    # The oldest row of a page says how far back it goes: what is older cannot vanish.
    assert [finding.id for finding in found] == ([] if known is BASELINE else [identity(known)])
    assert other == ()
    assert before in merged.table["releases"]
    if found:
        section = "hotpatch calendar" if known["type"] in MONTHLY else "release history"
        assert found[0].message == (
            f"Windows Server {section}, {known['product']}: {known['kb']}, {known['build']} ({known['type']} of {known['date']}),"
            " is in the table, not there."
        )
        merged = run(start, server(*rest), accept=[identity(known)])
        assert merged.contradictions == ()
        assert before in merged.table["releases"]


@pytest.mark.parametrize("kind", ["oob_hotpatch", "oob_wsus_fix"])
def test_what_no_page_shows_cannot_vanish(kind: str) -> None:
    extra = record(S25, "2026-08-20", "KB5000001", "26100.33299", kind)
    merged = run(table(*ALL, extra), server(*ALL))
    assert (merged.contradictions, merged.review, merged.changed) == ((), (), False)


def test_history_that_begins_later_misses_nothing_before() -> None:
    old = record(S25, "2026-07-20", "KB5000001", "26100.33160", "oob_lcu")
    text = page("learn_server", [*ALL, old])
    cut = "\n".join(line for line in text.split("\n") if "KB5000001" not in line and "| 2026-07 B" not in line)
    merged = run(table(*ALL, old), learn_page.read("learn_server", cut))
    assert (merged.contradictions, merged.review) == ((), ())
    cut = "\n".join(line for line in text.split("\n") if "KB5000001" not in line)
    assert len(run(table(*ALL, old), learn_page.read("learn_server", cut)).contradictions) == 1


def test_product_without_a_calendar_needs_a_person() -> None:
    known = record(S22, "2026-07-14", "KB5099540", "20348.5386", "baseline")
    merged = run(table(*ALL, known), server(*ALL))
    assert [(finding.id, finding.message) for finding in merged.contradictions] == [
        (
            f"{S22}/calendar/missing",
            f"Windows Server hotpatch calendar: the page has none for {S22}, of which the table has records.",
        )
    ]
    merged = run(table(*ALL, known), server(*ALL), accept=[f"{S22}/calendar/missing"])
    assert (merged.contradictions, merged.changed) == ((), False)


def test_product_with_planned_months_only() -> None:
    merged = run(table(*ALL), server(*ALL, planned={(S22, "2026-10"): "baseline"}))
    assert (merged.contradictions, merged.review) == ((), ())
    assert merged.planned_changed == ({"product": S22, "month": "2026-10", "before": None, "after": "baseline"},)


def test_doubts_inside_a_page_need_a_person() -> None:
    text = page("learn_server", ALL)
    text = "\n".join(line for line in text.split("\n") if "| 2026-09 B" not in line)
    merged = run(table(BASELINE), learn_page.read("learn_server", text))
    assert [finding.id for finding in merged.contradictions] == [identity(UNPLANNED)]
    merged = run(table(BASELINE), learn_page.read("learn_server", text), accept=[identity(UNPLANNED)])
    assert (merged.contradictions, len(merged.added)) == ((), 4)


# --- planned months --------------------------------------------------------------------------------------------------


def test_planned_month_may_change_its_type() -> None:
    now = PLANNED | {(S25, "2026-11"): "baseline", (S25, "2026-12"): "hotpatch"}
    merged = run(table(*ALL, planned=PLANNED), server(*ALL, planned=now))
    assert merged.planned_changed == (
        {"product": S25, "month": "2026-11", "before": "hotpatch", "after": "baseline"},
        {"product": S25, "month": "2026-12", "before": None, "after": "hotpatch"},
    )
    source = "Microsoft Learn, Windows Server hotpatch calendar, page of 2026-09-09"
    assert merged.table["planned"] == [
        {"product": S25, "month": "2026-10", "type": "baseline", "source": "A page."},
        {"product": S25, "month": "2026-11", "type": "baseline", "source": source},
        {"product": S25, "month": "2026-12", "type": "hotpatch", "source": source},
    ]
    assert merged.contradictions == ()
    assert merged.changed


@pytest.mark.parametrize(("planned", "changed"), [("hotpatch", True), ("baseline", False)])
def test_planned_month_that_is_released_leaves_the_plan(planned: str, changed: bool) -> None:
    merged = run(table(*ALL[:3], planned={(S25, "2026-09"): planned}), server(*ALL))
    told = {"product": S25, "month": "2026-09", "before": "hotpatch", "after": "unplanned_baseline"}
    assert merged.planned_changed == ((told,) if changed else ())
    assert merged.table["planned"] == []
    merged = run(table(*ALL, planned={(S25, "2026-09"): planned}), server(*ALL))
    assert (merged.changed, merged.table["planned"]) == (True, [])


def test_planned_month_that_vanished_needs_a_person() -> None:
    start = table(*ALL, planned=PLANNED)
    merged = run(start, server(*ALL, planned={(S25, "2026-10"): "baseline"}))
    assert [(finding.id, finding.message) for finding in merged.contradictions] == [
        (
            f"{S25}/2026-11/planned",
            "Windows Server hotpatch calendar, windows_server_2025: 2026-11, planned as hotpatch in the table, is not there.",
        )
    ]
    assert merged.table["planned"] == start["planned"]
    merged = run(start, server(*ALL, planned={(S25, "2026-10"): "baseline"}), accept=[f"{S25}/2026-11/planned"])
    assert merged.planned_changed == ({"product": S25, "month": "2026-11", "before": "hotpatch", "after": None},)
    assert [one["month"] for one in merged.table["planned"]] == ["2026-10"]


def test_released_month_that_is_planned_again_needs_a_person() -> None:
    merged = run(table(*ALL), server(*ALL[:3], planned={(S25, "2026-09"): "hotpatch"}))
    assert [finding.id for finding in merged.contradictions] == [identity(UNPLANNED), identity(OUT_OF_BAND)]
    assert (merged.table["planned"], merged.planned_changed) == ([], ())


def test_plans_of_other_products_stay() -> None:
    other = {(W25, "2026-10"): "baseline"}
    assert not run(table(*ALL, planned=other), server(*ALL)).changed


# --- accept ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word", ["", "KB5120228", "windows_server_2019/KB5120228/1.1", f"{S25}/KB1", f"{S25}/a/b/c", "x" * 99]
)
def test_accept_is_checked(word: str) -> None:
    with pytest.raises(MergeError) as caught:
        merge(table(*ALL), [], [], NOW, [word])
    assert str(caught.value) == (
        f"accept: {word[:80]!r} is not known; 'product/KB/build' is expected, as a contradiction's id says."
    )


def test_accept_that_is_not_needed_is_noted() -> None:
    merged = run(table(*ALL), server(*ALL), accept=[identity(HOTPATCH)])
    assert f"accept: {identity(HOTPATCH)} contradicts nothing any more and can be left out." in merged.notes


def test_broken_table_is_refused() -> None:
    with pytest.raises(releases.TableError):
        merge(table(BASELINE | {"build": "x"}), [], [], NOW)


# --- witnesses -------------------------------------------------------------------------------------------------------

AUGUST = [
    (S25, HOTPATCH["kb"], HOTPATCH["build"], "Security Hotpatch Update"),
    (S25, ORDINARY["kb"], ORDINARY["build"], "Security Update"),
]


def test_witness_that_agrees_says_nothing() -> None:
    merged = run(table(*ALL), document(*AUGUST))
    assert (merged.changed, merged.contradictions, merged.review, merged.carry_overs) == (False, (), (), ())
    assert merged.notes == ("A note.",)
    assert merged.ignored == {"MSRC fix of other products": 4}


def test_witness_that_lacks_a_release_is_noted() -> None:
    merged = run(table(*ALL), document(AUGUST[1]))
    assert merged.notes[-1] == f"MSRC 2026-Aug: does not list KB5120228, 26100.33222, of {S25}; that proves nothing."
    assert merged.contradictions == ()
    merged = run(table(*ALL), document(AUGUST[0]))
    assert merged.notes == ("A note.",)
    early = datetime(2026, 8, 11, 16, tzinfo=UTC)
    assert run(table(*ALL), document(AUGUST[1]), now=early).notes == ("A note.",)


def test_older_hotpatch_in_a_document_is_a_carry_over() -> None:
    merged = run(table(*ALL), document(*AUGUST, name="2026-Sep"))
    assert [finding.message for finding in merged.carry_overs] == [
        "MSRC 2026-Sep, windows_server_2025: KB5120228, 10.0.26100.33222, 'Security Hotpatch Update': carried over from 2026-08 (3 times).",
        "MSRC 2026-Sep, windows_server_2025: KB5120233, 10.0.26100.33296, 'Security Update': carried over from 2026-08 (3 times).",
    ]
    assert (merged.review, merged.changed) == ((), False)


def test_witness_with_another_build_of_a_kb_needs_a_person() -> None:
    told = (S25, HOTPATCH["kb"], "26100.33223", "Security Hotpatch Update")
    merged = run(table(*ALL), document(*AUGUST, told))
    assert [(finding.id, finding.message) for finding in merged.contradictions] == [
        (
            f"{S25}/KB5120228/26100.33223",
            "MSRC 2026-Aug, windows_server_2025: KB5120228, 10.0.26100.33223, 'Security Hotpatch Update': the table has it with build 26100.33222.",
        )
    ]
    merged = run(table(*ALL), document(*AUGUST, told), accept=[f"{S25}/KB5120228/26100.33223"])
    assert (merged.contradictions, merged.changed) == ((), False)


@pytest.mark.parametrize(
    ("fix", "words"),
    [
        ((S25, "KB5123303", ORDINARY["build"], "Security Update"), "has the build of KB5120233 (ordinary)."),
        ((S25, "KB5123303", HOTPATCH["build"], "Security Only"), "has the build of KB5120228 (hotpatch)."),
        (
            (S25, "KB5123303", "26100.33230", "AzureHotpatch"),
            "a hotpatch out of band, or carried over that the table does not have.",
        ),
        ((S25, "KB5123303", "26100.33230", "Security Update"), "an update that the table does not have."),
        ((W24, HOTPATCH["kb"], HOTPATCH["build"], "AzureHotpatch"), "a hotpatch out of band, or carried over that the"),
        ((S25, HOTPATCH["kb"], HOTPATCH["build"], "Security Update"), "the table has it as hotpatch."),
        ((S25, ORDINARY["kb"], ORDINARY["build"], "Azure Hotpatch"), "the table has it as ordinary."),
    ],
)
def test_what_only_a_witness_says_is_for_a_person(fix: tuple[str, str, str, str], words: str) -> None:
    merged = run(table(*ALL), document(*AUGUST, fix))
    assert [finding.id for finding in merged.review] == ["/".join(fix[:3])]
    assert merged.review[0].message.startswith(f"MSRC 2026-Aug, {fix[0]}: {fix[1]}, 10.0.{fix[2]}, '{fix[3]}': {words}")
    assert (merged.added, merged.contradictions, merged.changed) == ((), (), False)


def test_sample_of_march_2026_over_the_shipped_table() -> None:
    told = msrc.Document(
        "2026-Mar",
        "March 2026 Security Updates",
        (
            msrc.Fix(W24, "KB5084597", "26100.7982", True, "Security Hotpatch Update", 1),
            msrc.Fix(S22, "KB5074353", "20348.4467", False, "Security Only", 1),
            msrc.Fix(S22, "KB5078737", "20348.4830", True, "AzureHotpatch", 1),
            msrc.Fix(S25, "KB5075942", "26100.32313", True, "SecurityHotpatchUpdate", 1),
            msrc.Fix(S25, "KB5078736", "26100.32463", True, "Security Hotpatch Update", 1),
            msrc.Fix(S25, "KB5078740", "26100.32522", False, "Security Update", 1),
        ),
        {},
        (),
    )
    merged = run(releases.shipped(), told)
    assert [finding.kb for finding in merged.carry_overs] == ["KB5075942"]
    assert [finding.id for finding in merged.review] == [f"{S22}/KB5074353/20348.4467"]
    assert merged.review[0].message.endswith("'Security Only': has the build of KB5071413 (hotpatch).")
    assert (merged.contradictions, merged.changed) == ((), False)


# --- a year of pages -------------------------------------------------------------------------------------------------

FIRST, LAST = "2025-10", "2026-09"
SHIPPED: list[Record] = releases.shipped()["releases"]
STATED = MONTHLY | {"ordinary", "oob_lcu"}


def bare(records: Sequence[Record]) -> list[tuple[str, str, str, str, str]]:
    """What records say, without how much they are trusted; in the table's order."""
    return sorted((one["product"], one["date"], one["kb"], one["build"], one["type"]) for one in records)


def plan(month: str, today: str) -> dict[tuple[str, str], str]:
    """What the calendars announce after `today` for the rest of the year, by the rule of January, April, July, October."""
    ahead = [f"{today[:4]}-{number:02}" for number in range(int(today[5:7]) + 1, 13)]
    kinds = {name: "baseline" if name[5:] in learn_page.BASELINE_MONTHS else "hotpatch" for name in ahead}
    # A month of which the shipped table knows nothing is not announced either.
    known = {(one["product"], one["date"][:7]) for one in SHIPPED if one["type"] in MONTHLY}
    return {
        (product, name): kind
        for product in (S25, S22, W25, W24)
        for name, kind in kinds.items()
        if (product, name) in known or name > LAST
    }


def test_year_of_pages_gives_the_shipped_table() -> None:
    months = [f"2025-{number:02}" for number in (10, 11, 12)] + [f"2026-{number:02}" for number in range(1, 10)]
    kept = [one for one in SHIPPED if one["date"][:7] < FIRST or one["type"] not in STATED]
    current = table(*kept, compiled="2025-09-30")
    unplanned = []
    for month in months:
        now = datetime(int(month[:4]), int(month[5:]), 28, 12, tzinfo=UTC)
        out = [one for one in SHIPPED if one["date"][:7] <= month]
        pages = [
            learn_page.read(kind, page(kind, out, plan(month, month), f"{month}-27"))
            for kind in ("learn_server", "learn_windows_11")
        ]
        merged = run(current, *pages, now=now)
        assert merged.contradictions == ()
        assert bare(merged.added) == bare([one for one in out if one["date"][:7] == month and one["type"] in STATED])
        unplanned += [
            (change["product"], change["month"])
            for change in merged.planned_changed
            if change["before"] == "hotpatch" and change["after"] == "unplanned_baseline"
        ]
        assert len(merged.table["releases"]) == len(current["releases"]) + len(merged.added)
        current = merged.table
        fresh = release_merge.freshness(releases.ReleaseTable.load(current), now)
        lacking = {one["product"] for one in SHIPPED} - {
            one["product"] for one in SHIPPED if one["date"][:7] == month and one["type"] in MONTHLY
        }
        assert fresh["missing"] == sorted(lacking)
    assert bare(current["releases"]) == bare(SHIPPED)
    assert {one["restart"] for one in current["releases"] if one["type"] in ("baseline", "unplanned_baseline")} == {
        True
    }
    assert {one["restart"] for one in current["releases"] if one["type"] == "hotpatch"} == {False}
    assert sorted(unplanned) == [
        (W24, "2026-06"),
        (W24, "2026-09"),
        (W25, "2026-06"),
        (W25, "2026-09"),
        (S22, "2026-09"),
        (S25, "2026-06"),
        (S25, "2026-09"),
    ]
    assert {(one["month"], one["type"]) for one in current["planned"]} >= {
        ("2026-10", "baseline"),
        ("2026-11", "hotpatch"),
        ("2026-12", "hotpatch"),
    }


def test_year_of_pages_left_the_rest_to_witnesses() -> None:
    kept = [one for one in SHIPPED if one["type"] in STATED]
    left = [one for one in SHIPPED if one["type"] == "oob_hotpatch" and one["date"] >= "2026"]
    fixes = [(one["product"], one["kb"], one["build"], "Security Hotpatch Update") for one in left]
    merged = run(table(*kept), document(*fixes, name="2026-Mar"))
    assert {finding.id for finding in merged.review} == {identity(one) for one in left}
    assert not merged.changed


# --- any page at all -------------------------------------------------------------------------------------------------

WHOLE = page(
    "learn_server", SHIPPED, {key: kind for key, kind in plan("2026-09", "2026-09").items() if key[0] in (S25, S22)}
)
LINES = WHOLE.split("\n")
TABLE_LINES = [index for index, line in enumerate(LINES) if line.startswith("|")]
CURRENT = merge(releases.shipped(), [learn_page.read("learn_server", WHOLE)], [], NOW).table


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """The page with cells dropped, rows doubled or moved, headers renamed, and lines cut or lost."""
    lines = list(LINES)
    for _round in range(draw(st.integers(1, 3))):
        index = draw(st.sampled_from(TABLE_LINES) | st.integers(0, len(LINES) - 1)) % len(lines)
        line = lines[index]
        cells = line.split("|")
        place = draw(st.integers(0, len(cells) - 1))
        at = draw(st.integers(0, len(line)))
        other = draw(st.integers(0, len(lines) - 1))
        lines[index : index + 1] = draw(
            st.sampled_from(
                [
                    [],
                    [line, line],
                    [line[:at]],
                    [line[at:]],
                    ["|".join(cells[:place] + cells[place + 1 :])],
                    ["|".join([*cells[:place], "  ", *cells[place + 1 :]])],
                    [line.replace("Type", "Kind").replace("Build", "Version")],
                    [line, lines[other]],
                    [lines[other]],
                ]
            )
        )
    return "\n".join(lines)


def planned_of(data: dict[str, Any]) -> dict[tuple[str, str], str]:
    """The planned months of a table."""
    return {(one["product"], one["month"]): one["type"] for one in data["planned"]}


@settings(max_examples=100, deadline=None)
@given(mangled())
def test_mangled_page_never_gives_a_wrong_or_shorter_table(text: str) -> None:
    try:
        read = learn_page.read("learn_server", text)
    except PageError:
        return
    lines = [line for line in text.split("\n") if line.strip().startswith("|")]
    taken = (read.calendar, read.planned, read.ordinary, read.oob, read.matched, read.review)
    # A header is one that a line of dashes follows; others are rows that nobody understands.
    headers = sum("Update type" in one and two.strip().startswith("| ---") for one, two in pairwise(text.split("\n")))
    assert sum(map(len, taken)) + sum(read.ignored.values()) == read.rows == len(lines) - 2 * headers
    merged = merge(CURRENT, [read], [], NOW)
    if merged.contradictions:
        return
    # Whatever was cut away: each record and each planned month is as it was.
    assert bare(merged.table["releases"]) == bare(CURRENT["releases"])
    assert planned_of(merged.table) == planned_of(CURRENT)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from(range(len(SHIPPED)))), st.integers(0, 4))
def test_table_that_lacks_rows_gets_them_back(lost: set[int], rounds: int) -> None:
    keep = [one for index, one in enumerate(SHIPPED) if index not in lost or one["type"] not in STATED]
    keep += [] if keep else SHIPPED[:1]
    read = [
        learn_page.read("learn_server", WHOLE),
        learn_page.read("learn_windows_11", page("learn_windows_11", SHIPPED)),
    ]
    current = table(*keep)
    for _round in range(rounds + 1):
        merged = merge(current, read, [], NOW)
        assert merged.contradictions == ()
        current = merged.table
    assert bare(current["releases"]) == bare(SHIPPED)


# --- age -------------------------------------------------------------------------------------------------------------


def age(now: datetime, *records: Record) -> dict[str, Any]:
    """The age of a table of records."""
    return release_merge.freshness(releases.ReleaseTable.load(table(*records)), now)


@pytest.mark.parametrize(
    ("now", "newest", "missing"),
    [
        ("2026-09-08T16:59:59", "2026-08-11", []),
        ("2026-09-08T17:00:00", "2026-09-08", []),
        ("2026-10-13T16:59:59", "2026-09-08", []),
        ("2026-10-13T17:00:00", "2026-10-13", [S25]),
        ("2027-01-12T16:00:00", "2026-12-08", [S25]),
        ("2027-01-12T17:00:00", "2027-01-12", [S25]),
        ("2027-02-01T00:00:00", "2027-01-12", [S25]),
        ("2026-12-31T23:00:00", "2026-12-08", [S25]),
    ],
)
def test_age_of_a_table(now: str, newest: str, missing: list[str]) -> None:
    assert age(datetime.fromisoformat(now).replace(tzinfo=UTC), *ALL) == {
        "newest_release": "2026-09-14",
        "newest_patch_tuesday": newest,
        "outdated": bool(missing),
        "missing": missing,
    }


def test_age_goes_by_product_and_by_what_the_calendar_states() -> None:
    other = record(S22, "2026-08-11", "KB5120229", "20348.5440", "hotpatch")
    assert age(NOW, *ALL, other)["missing"] == [S22]
    assert age(NOW, *ALL[:3], OUT_OF_BAND)["missing"] == [S25]
    assert age(NOW, HOTPATCH | {"date": "2026-09-08"})["missing"] == []
    assert age(datetime(2026, 8, 20, tzinfo=UTC), UNPLANNED)["missing"] == []
    # A day before the Patch Tuesday: what a status would not take for that month's release does not count here either.
    assert age(NOW, BASELINE | {"date": "2026-09-07"})["missing"] == [S25]


def test_shipped_table_is_as_new_as_it_says() -> None:
    shipped = releases.ReleaseTable.load(releases.shipped())
    day = date.fromisoformat(shipped.about()["newest"])
    told = release_merge.freshness(shipped, datetime(day.year, day.month, day.day, 20, tzinfo=UTC))
    assert told["newest_patch_tuesday"] == calendar.patch_tuesday(day.year, day.month).isoformat()
    assert (told["outdated"], told["missing"]) == (False, [])
    assert json.dumps(told)
