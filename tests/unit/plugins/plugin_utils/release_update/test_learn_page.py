# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release pages of Learn: each row is taken, counted or named, and a row in doubt ends in an error that names it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from itertools import pairwise

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import BASELINES, NO_RESTART
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update import learn_page
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update.learn_page import (
    Page,
    PageError,
    PlannedRow,
)
from hypothesis import given, settings
from hypothesis import strategies as st

S25, S22, W24, W25 = (
    "windows_server_2025",
    "windows_server_2022_azure_edition",
    "windows_11_24h2",
    "windows_11_25h2",
)
# release-sources.md section 5, shortened targets; lines that begin with X1 to X3 are errors.
SAMPLE = r"""---
canonicalUrl: https://learn.microsoft.com/en-us/windows/release-health/windows-server-release-info
updated_at: 2026-08-12T01:40:00.0000000Z
git_commit_id: 0000000000000000000000000000000000000000
---

## Windows Server release history

Sample text above the tables.
**Windows Server 2025 (OS build 26100)**

| Servicing option | Update type | Availability date | Build | KB article |
| --- | --- | --- | --- | --- |
| LTSC | 2026-08 B | 2026-08-11 | 26100.33296 | [KB5120233](https://s/help/5120233) |
| LTSC | 2026-06 B | 2026-06-09 | 26100.32995 | [KB5094125](https://s/help/5094125) |
| LTSC | 2026-04 OOB | 2026-04-19 | 26100.32698 | [KB5091157](https://s/help/5091157) |
| LTSC | 2026-01 B | 2026-01-13 | 26100.32230 | [KB5073379](https://s/help/5073379) |
| LTSC | 2024-10 A | 2024-11-01 | 26100.1742 |  |

**Windows Server 2022 (OS build 20348)**

| Servicing option | Update type | Availability date | Build | KB article |
| --- | --- | --- | --- | --- |
| LTSC | 2026-02 OOB | 2026-03-02 | 20348.4776 | [KB5082314](https://s/help/5082314) |
| LTSC | 2024-08 B | 2024-08-13 | 20348.2655 | [KB5041160](https://s/help/5041160) |

## Windows Server hotpatch calendar

Sample text that runs on without a blank line.
**Windows Server 2025 (OS build 26100)**
More sample text.
**Calendar year 2026**

| Month | Update type | Type | Availability date | Build | KB article |
| --- | --- | --- | --- | --- | --- |
| January | 2026.01 B | Baseline (Restart) | 2026-01-13 | 26100.32230 | [KB5073379](https://s/topic/january-13-2026-baseline-0) |
| February | 2026.02 B | Hotpatch | 2026-02-10 | 26100.32313 | [KB5075942](https://s/help/5075942) |  |
| June | 2026.06 B | Baseline (Restart) | 2026-06-09 | 26100.32995 | [KB5094125](https://s/help/5094125) |
| August | 2026.08 B | Hotpatch | 2026-08-11 | 26100.33222 | KB5120228 |
| October | 2026.10 B | Baseline (Restart) |  |  |  |
X1 | November | 2026.11 B | Coldpatch |  |  |  |

**Windows Server 2022 (OS build 20348)**

**Calendar year 2024**

| Month | Update type | Type | Availability date | Build | KB article |
| --- | --- | --- | --- | --- | --- |
| August | 2024.08 B^\*^ | Baseline (Restart) | 2024-08-13 | 20348.2655 | [KB5041160](https://s/help/5041160) |
X2 | September | 2024.09 B | Hotpatch | 2024-09-10 | 26100.2240 | [KB5042880](https://s/help/5042880) |
X3 | November | 2024.11 B | Hotpatch | 2024-11-12 | 20348.2819 |  |

Sample footnote about ^\*^.
"""
GOOD = "\n".join(line for line in SAMPLE.split("\n") if not re.match(r"X[0-9] ", line))
CALENDAR_2025 = "Windows Server hotpatch calendar, Windows Server 2025 (windows_server_2025)"
CALENDAR_2022 = "Windows Server hotpatch calendar, Windows Server 2022 (windows_server_2022_azure_edition)"
HISTORY_2025 = "Windows Server release history, Windows Server 2025 (windows_server_2025)"
JANUARY = (
    "| January | 2026.01 B | Baseline (Restart) | 2026-01-13 | 26100.32230 |"
    " [KB5073379](https://s/topic/january-13-2026-baseline-0) |"
)
FEBRUARY = "| February | 2026.02 B | Hotpatch | 2026-02-10 | 26100.32313 | [KB5075942](https://s/help/5075942) |  |"
AUGUST = "| August | 2026.08 B | Hotpatch | 2026-08-11 | 26100.33222 | KB5120228 |"
OCTOBER = "| October | 2026.10 B | Baseline (Restart) |  |  |  |"
OUT_OF_BAND = "| LTSC | 2026-04 OOB | 2026-04-19 | 26100.32698 | [KB5091157](https://s/help/5091157) |"
ORDINARY = "| LTSC | 2026-08 B | 2026-08-11 | 26100.33296 | [KB5120233](https://s/help/5120233) |"
FIRST_BUILD = "| LTSC | 2024-10 A | 2024-11-01 | 26100.1742 |  |"
CALENDAR_HEADER = "| Month | Update type | Type | Availability date | Build | KB article |"
HISTORY_HEADER = "| Servicing option | Update type | Availability date | Build | KB article |"
DASHES = "| --- | --- | --- | --- | --- | --- |"


def change(old: str, new: str, text: str = GOOD, count: int = 1) -> str:
    """The sample with the first places of `old` changed, which must be there."""
    assert old in text
    return text.replace(old, new, count)


def last(old: str, new: str) -> str:
    """The sample with the last place of `old` changed."""
    before, _old, after = GOOD.rpartition(old)
    assert before
    return before + new + after


def read(text: str) -> Page:
    """The Server page, each of whose rows is in one place."""
    page = learn_page.read("learn_server", text)
    assert accounted(page) == page.rows
    return page


def accounted(page: Page) -> int:
    """How many rows the page has given a place."""
    taken = (page.calendar, page.planned, page.ordinary, page.oob, page.matched, page.review)
    return sum(map(len, taken)) + sum(page.ignored.values())


def error(text: str, kind: str = "learn_server") -> str:
    """What a page in doubt is told."""
    with pytest.raises(PageError) as caught:
        learn_page.read(kind, text)
    assert isinstance(caught.value, ValueError)
    return str(caught.value)


def line_of(text: str, part: str) -> int:
    """The number of the first line that holds a part, from 1."""
    return next(number for number, line in enumerate(text.split("\n"), 1) if part in line)


# --- the sample ------------------------------------------------------------------------------------------------------


def test_sample_gives_what_the_facts_say() -> None:
    page = read(GOOD)
    assert [(row.product, row.month, row.kb, row.build, row.type) for row in page.calendar] == [
        (S25, "2026-01", "KB5073379", "26100.32230", "baseline"),
        (S25, "2026-02", "KB5075942", "26100.32313", "hotpatch"),
        (S25, "2026-06", "KB5094125", "26100.32995", "unplanned_baseline"),
        (S25, "2026-08", "KB5120228", "26100.33222", "hotpatch"),
        (S22, "2024-08", "KB5041160", "20348.2655", "unplanned_baseline"),
    ]
    assert [row.marked for row in page.calendar] == [False, False, False, False, True]
    assert [row.date for row in page.calendar][:2] == [date(2026, 1, 13), date(2026, 2, 10)]
    where = f"{CALENDAR_2025}, line {line_of(GOOD, OCTOBER)}"
    assert page.planned == (PlannedRow(S25, "2026-10", "baseline", where),)
    assert [(row.product, row.month, row.date, row.kb, row.type) for row in page.oob] == [
        (S25, "2026-04", date(2026, 4, 19), "KB5091157", "oob_lcu"),
        (S22, "2026-02", date(2026, 3, 2), "KB5082314", "oob_lcu"),
    ]
    assert [(row.key, row.type) for row in page.ordinary] == [((S25, "KB5120233", "26100.33296"), "ordinary")]
    assert [row.kb for row in page.matched] == ["KB5094125", "KB5073379", "KB5041160"]
    assert page.ignored == {"history row without KB or update type": 1}
    number = line_of(GOOD, FIRST_BUILD)
    assert page.notes == (
        f"{HISTORY_2025}, line {number}: skipped a history row without KB or update type: 2024-10 A, build 26100.1742.",
    )
    assert (page.review, page.doubts, page.rows) == ((), (), 13)
    assert page.reach == {S25: date(2026, 1, 13), S22: date(2024, 8, 13)}
    assert (page.title, page.day) == ("Windows Server", "2026-08-12")
    assert page.front["git_commit_id"] == "0" * 40


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("X1", f"{CALENDAR_2025}, line 41: type 'Coldpatch' is not known; Baseline (Restart) or Hotpatch is expected."),
        ("X2", f"{CALENDAR_2022}, line 49: build '26100.2240' is not one of family 20348, as the heading says."),
        (
            "X3",
            f"{CALENDAR_2022}, line 49: date '2024-11-12', build '20348.2819' and KB '' are filled in part;"
            " all or none is expected.",
        ),
    ],
)
def test_each_bad_row_of_the_sample_is_named(mark: str, said: str) -> None:
    lines = [line.removeprefix(f"{mark} ") for line in SAMPLE.split("\n")]
    assert error("\n".join(line for line in lines if not re.match(r"X[0-9] ", line))) == said


# --- what a page may look like ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.replace("| LTSC |", "|  LTSC • General Availability Channel |"),
        GOOD.replace("2024.08 B^\\*^", "2024.08 B \\*"),
        GOOD.replace("2024.08 B^\\*^", "2024.08 B *"),
        GOOD.replace("2024.08 B^\\*^", "*2024.08 B"),
        GOOD.replace("Baseline (Restart)", "Baseline\u00a0(Restart)"),
        change("## Windows Server hotpatch calendar", "##  Windows Server Hotpatch Calendar ##"),
        change("Sample text above the tables.", "**Bold text** that is no label.\n### A heading of the third level"),
        change("Sample text above the tables.", "**Bold text.**"),
        change(OCTOBER, OCTOBER + "  |  |"),
        # A first line that sorts behind the dashes of a front matter, and none at all in front of the first heading.
        "Text\n" + GOOD.split("---\n", 2)[2],
        GOOD.split("---\n", 2)[2].lstrip("\n"),
        GOOD.replace("---\n\n##", "---\n##"),
        change("\n---\n\n", "\n description: of\n  ## Windows Server release history\n---\n\n"),
        # Longer than the small integers of which Python keeps one object each.
        change("Sample text above the tables.", "Sample text.\n" * 2000),
    ],
)
def test_harmless_differences_change_nothing(text: str) -> None:
    page, sample = read(text), read(GOOD)
    assert [(row.key, row.type, row.marked) for row in page.calendar] == [
        (row.key, row.type, row.marked) for row in sample.calendar
    ]
    assert [row.key for row in (*page.ordinary, *page.oob)] == [row.key for row in (*sample.ordinary, *sample.oob)]
    assert [(row.month, row.type) for row in page.planned] == [("2026-10", "baseline")]


def test_months_of_a_calendar_may_stand_in_any_order() -> None:
    text = change(f"{JANUARY}\n{FEBRUARY}", f"{FEBRUARY}\n{JANUARY}")
    assert {row.key for row in read(text).calendar} == {row.key for row in read(GOOD).calendar}


def test_columns_are_read_by_name_and_further_ones_are_allowed() -> None:
    text = change(CALENDAR_HEADER, "| Month | Update type | Remark | Type | Availability date | Build | KB article |")
    text = change(DASHES, DASHES + " --- |", text)
    for line in (JANUARY, FEBRUARY, AUGUST, OCTOBER):
        text = change(line, line.replace(" B |", " B | text |"), text)
    june = "| June | 2026.06 B |"
    assert [row.key for row in read(change(june, june + " text |", text)).calendar] == [
        row.key for row in read(GOOD).calendar
    ]


def test_tables_of_other_sections_are_counted() -> None:
    table = "## Versions\n\n| Version | Latest update |\n| --- | --- |\n| 2025 | [KB1](https://s) |\n| 2022 | x |\n| cut\n\n"
    text = change("## Windows Server release history", table + "## Windows Server release history")
    page = read(text)
    assert page.rows == 16
    assert page.ignored["row of a table outside the release history and the hotpatch calendar"] == 3


@pytest.mark.parametrize(("table", "rows"), [("| a | b |\n| --- | --- |", 0), ("| a | b |\n| c | d |", 2)])
@pytest.mark.parametrize("after", ["", "\n", "\n\nText."])
def test_only_dashes_make_a_header_of_a_foreign_line_even_at_the_end(table: str, rows: int, after: str) -> None:
    page = read(f"{GOOD}\n## More\n\n{table}{after}")
    assert page.ignored.get("row of a table outside the release history and the hotpatch calendar", 0) == rows


def test_rows_of_other_products_are_counted_by_name() -> None:
    more = f"**Windows Server 2019 (OS build 17763)**\n\n{HISTORY_HEADER}\n| --- | --- | --- | --- | --- |\n| LTSC | x |\n\n"
    page = read(change("**Windows Server 2025 (OS build 26100)**", more + "**Windows Server 2025 (OS build 26100)**"))
    assert page.ignored["row of a product that the table does not cover: Windows Server 2019"] == 1
    assert len(page.calendar) == 5


def test_without_front_matter_the_day_is_unknown() -> None:
    page = read(GOOD.split("---\n", 2)[2])
    assert (page.front, page.day) == ({}, "")
    assert page.planned[0].where.endswith(f"line {line_of(GOOD, OCTOBER) - 5}")
    assert read(change("updated_at: 2026-08-12T", "updated_at: soon")).day == ""


@pytest.mark.parametrize("month", range(1, 13))
def test_baseline_outside_its_months_was_not_planned(month: int) -> None:
    name = learn_page.MONTHS[month - 1]
    day = f"2026-{month:02}-13"
    row = JANUARY.replace("January", name).replace("2026.01", day[:7]).replace("2026-01-13", day)
    text = change(JANUARY, row, re.sub(r"\| June .*\n", "", GOOD))
    text = change("2026-01 B | 2026-01-13", f"{day[:7]} B | {day}", text)
    for line in (FEBRUARY, AUGUST, OCTOBER):
        text = change(line + "\n", "", text)
    wanted = "baseline" if month in (1, 4, 7, 10) else "unplanned_baseline"
    assert [row.type for row in read(text).calendar if row.product == S25] == [wanted]


def windows_11(history: list[str], calendar: list[str], versions: Mapping[str, int]) -> Page:
    """A page with the same rows for each version, in whose builds F stands for the family."""

    def section(heading: str, header: str, rows: list[str], year: str) -> str:
        text = f"## Windows 11 {heading}\n"
        for version, family in versions.items():
            dashes = re.sub(r"[^|]+", " --- ", header)
            body = "\n".join(row.replace("F.", f"{family}.") for row in rows)
            text += f"**Version {version} (OS build {family})**\n{year}\n{header}\n{dashes}\n{body}\n\n"
        return text

    return learn_page.read(
        "learn_windows_11",
        section("release history", HISTORY_HEADER, history, "")
        + section("hotpatch calendar", CALENDAR_HEADER, calendar, "**Calendar year 2026**"),
    )


def test_windows_11_page_knows_its_versions() -> None:
    history = [
        "| GA | 2026-08 B | 2026-08-11 | F.9168 | KB5121003 |",
        "| GA | 2026-08 D | 2026-08-25 | F.9201 | KB5121999 |",
    ]
    calendar = ["| August | 2026.08 B | Hotpatch | 2026-08-11 | F.9106 | KB5120994 |", OCTOBER]
    page = windows_11(history, calendar, {"25H2": 26200, "24H2": 26100, "26H1": 28000})
    assert [row.key for row in page.calendar] == [(W25, "KB5120994", "26200.9106"), (W24, "KB5120994", "26100.9106")]
    assert [row.key for row in page.ordinary] == [(W25, "KB5121003", "26200.9168"), (W24, "KB5121003", "26100.9168")]
    assert page.ignored == {
        "history row of an optional update (A, C, D, E)": 2,
        "row of a product that the table does not cover: Version 26H1": 4,
    }
    assert [row.product for row in page.planned] == [W25, W24]
    assert page.title == "Windows 11"


def test_rows_of_one_version_say_nothing_about_another() -> None:
    history = [
        "| GA | 2026-08 B | 2026-08-11 | F.9168 | KB5121003 |",
        "| GA | 2026-07 B | 2026-07-14 | F.8876 | KB5111003 |",
    ]
    calendar = [
        "| July | 2026.07 B | Hotpatch | 2026-07-14 | F.8800 | KB5110994 |",
        # Above July's cumulative update, and below that of its own month.
        "| August | 2026.08 B | Hotpatch | 2026-08-11 | F.9106 | KB5120994 |",
    ]
    page = windows_11(history, calendar, {"24H2": 26100, "25H2": 26200})
    assert [row.kb for row in page.calendar] == ["KB5110994", "KB5120994"] * 2
    assert (len(page.ordinary), page.doubts, page.review) == (4, (), ())


def test_restart_of_each_type() -> None:
    needed = learn_page.RESTARTS
    assert {kind for kind, restart in needed.items() if restart} == BASELINES | {"ordinary"}
    assert {kind for kind, restart in needed.items() if restart is False} == NO_RESTART
    assert needed["oob_lcu"] is None


# --- rows for a person -----------------------------------------------------------------------------------------------


def test_history_row_twice_is_counted_and_a_different_one_is_a_doubt() -> None:
    page = read(change(OUT_OF_BAND, f"{OUT_OF_BAND}\n{OUT_OF_BAND}"))
    assert page.ignored["history row that stands twice"] == 1
    assert (len(page.oob), page.doubts) == (2, ())
    for day in ("-18", "-20"):
        page = read(change(OUT_OF_BAND, f"{OUT_OF_BAND}\n{OUT_OF_BAND.replace('-19', day)}"))
        assert [finding.id for finding in page.doubts] == [f"{S25}/KB5091157/26100.32698"]
        number = line_of(GOOD, OUT_OF_BAND)
        assert page.doubts[0].message == (
            f"{HISTORY_2025}, line {number + 1}: KB5091157 stands there twice, and not alike"
            f" ({HISTORY_2025}, line {number})."
        )


@pytest.mark.parametrize("letter", ["A", "C", "D", "E"])
def test_optional_updates_are_counted(letter: str) -> None:
    page = read(change("2026-04 OOB", f"2026-04 {letter}"))
    assert page.ignored["history row of an optional update (A, C, D, E)"] == 1
    assert len(page.oob) == 1


def test_rows_older_than_the_calendar_are_counted() -> None:
    page = read(change("2026-04 OOB | 2026-04-19", "2025-12 OOB | 2026-01-12"))
    assert page.ignored["history row older than the hotpatch calendar"] == 1
    assert len(read(change("2026-04 OOB | 2026-04-19", "2026-01 OOB | 2026-01-13")).oob) == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "2026-08 B | 2026-08-11",
            "2026-07 B | 2026-07-14",
            "KB5120233 is released, and its month 2026-07 is not there in the calendar.",
        ),
        (
            "2026-08 B | 2026-08-11",
            "2026-10 B | 2026-10-13",
            "KB5120233 is released, and its month 2026-10 is only planned in the calendar.",
        ),
        (
            "2026-08 B | 2026-08-11",
            "2026-06 B | 2026-06-09",
            "KB5120233 is not the baseline KB5094125 that the calendar has for the month.",
        ),
    ],
)
def test_monthly_update_that_does_not_fit_is_for_a_person(old: str, new: str, said: str) -> None:
    page = read(change(old, new))
    assert [(finding.id, finding.message) for finding in page.review] == [
        (f"{S25}/KB5120233/26100.33296", f"{HISTORY_2025}, line {line_of(GOOD, ORDINARY)}: {said}")
    ]
    assert page.ordinary == ()


@pytest.mark.parametrize("kb", ["KB5094124", "KB5094126"])
def test_monthly_update_of_a_baseline_month_with_another_kb_is_for_a_person(kb: str) -> None:
    page = read(change("[KB5094125](https://s/help/5094125) |\n| LTSC", f"{kb} |\n| LTSC"))
    assert [finding.id for finding in page.review] == [f"{S25}/{kb}/26100.32995"]


@pytest.mark.parametrize("letter", ["B", "OOB"])
def test_monthly_update_without_kb_is_for_a_person(letter: str) -> None:
    page = read(change("2024-10 A", f"2024-10 {letter}"))
    assert [finding.message for finding in page.review] == [
        f"{HISTORY_2025}, line {line_of(GOOD, FIRST_BUILD)}: history row without KB or update type:"
        f" 2024-10 {letter}, build 26100.1742."
    ]
    assert page.ignored == {}


def test_row_without_update_type_is_noted() -> None:
    page = read(change(FIRST_BUILD, "| LTSC |  | 2024-11-01 |  |  |"))
    assert page.notes[0].endswith("skipped a history row without KB or update type: ? ?, build ?.")
    page = read(change("2024-10 A | 2024-11-01 | 26100.1742 |  |", " | 2024-11-01 | 26100.1742 | KB5044284 |"))
    assert page.ignored == {"history row without KB or update type": 1}


def test_calendar_row_of_another_letter() -> None:
    page = read(change(AUGUST, AUGUST + "\n| August | 2026.08 OOB | Hotpatch | 2026-08-20 | 26100.33250 | KB5120300 |"))
    assert [(row.kb, row.type) for row in page.calendar if row.letter == "OOB"] == [("KB5120300", "oob_hotpatch")]
    for row in (
        "| August | 2026.08 OOB | Baseline (Restart) | 2026-08-20 | 26100.33250 | KB5120300 |",
        "| August | 2026.08 A | Hotpatch | 2026-08-04 | 26100.33250 | KB5120300 |",
        "| August | 2026.08 D | Hotpatch | 2026-08-25 | 26100.33250 | KB5120300 |",
    ):
        page = read(change(AUGUST, f"{AUGUST}\n{row}"))
        assert [finding.id for finding in page.review] == [f"{S25}/KB5120300/26100.33250"]
        assert "is not known; it was left out." in page.review[0].message
    page = read(change(AUGUST, AUGUST + "\n| August | 2026.08 OOB | Hotpatch |  |  |  |"))
    assert (len(page.review), len(page.planned)) == (1, 1)


@pytest.mark.parametrize("first", [True, False])
def test_hotpatch_out_of_band_leaves_its_month_as_it_is(first: bool) -> None:
    extra = "| January | 2026.01 OOB | Hotpatch | 2026-01-20 | 26100.33300 | KB5073999 |"
    page, sample = read(change(JANUARY, f"{extra}\n{JANUARY}" if first else f"{JANUARY}\n{extra}")), read(GOOD)
    assert {row.key for row in page.calendar} - {row.key for row in sample.calendar} == {
        (S25, "KB5073999", "26100.33300")
    }
    assert [row.key for row in page.matched] == [row.key for row in sample.matched]
    assert (page.doubts, page.review) == ((), ())


def test_hotpatch_out_of_band_may_be_above_the_months_cumulative_update() -> None:
    extra = "| August | 2026.08 OOB | Hotpatch | 2026-08-20 | 26100.33300 | KB5120300 |"
    assert read(change(AUGUST, f"{AUGUST}\n{extra}")).doubts == ()


# --- doubts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2026-01 B | 2026-01-13", "2026-01 B | 2026-01-14"),
        (
            "2026-01-13 | 26100.32230 | [KB5073379](https://s/help",
            "2026-01-13 | 26100.32231 | [KB5073379](https://s/help",
        ),
        ("26100.32230 | [KB5073379](https://s/help", "26100.32230 | [KB5073380](https://s/help"),
    ],
)
def test_baseline_without_its_twin_is_a_doubt(old: str, new: str) -> None:
    page = read(change(old, new))
    assert [finding.message for finding in page.doubts] == [
        f"{CALENDAR_2025}, line {line_of(GOOD, JANUARY)}: baseline KB5073379 does not stand in the release history with that"
        " build and day."
    ]


def test_baseline_older_than_the_history_has_no_twin() -> None:
    twin = "| LTSC | 2026-01 B | 2026-01-13 | 26100.32230 | [KB5073379](https://s/help/5073379) |\n"
    page = read(change(twin, ""))
    assert page.doubts == ()
    assert page.notes[-1] == (
        f"{CALENDAR_2025}, line {line_of(GOOD, JANUARY) - 1}: baseline KB5073379 is older than the release history,"
        " so it has no twin there."
    )


@pytest.mark.parametrize("letter", ["A", "D", "OOB"])
def test_history_that_begins_after_a_baseline_with_another_row_of_its_month_has_no_twin(letter: str) -> None:
    twin = "| LTSC | 2026-01 B | 2026-01-13 | 26100.32230 | [KB5073379](https://s/help/5073379) |"
    page = read(change(twin, f"| LTSC | 2026-01 {letter} | 2026-01-27 | 26100.32240 | KB5073999 |"))
    assert page.doubts == ()
    assert page.notes[-1].endswith("baseline KB5073379 is older than the release history, so it has no twin there.")


def test_baseline_of_the_first_day_of_the_history_without_its_twin_is_a_doubt() -> None:
    twin = "| LTSC | 2026-01 B | 2026-01-13 | 26100.32230 | [KB5073379](https://s/help/5073379) |"
    page = read(change(twin, "| LTSC | 2026-01 OOB | 2026-01-13 | 26100.32240 | KB5073999 |"))
    assert [finding.id for finding in page.doubts] == [f"{S25}/KB5073379/26100.32230"]


def test_twin_that_is_missing_is_a_doubt() -> None:
    twin = "| LTSC | 2026-06 B | 2026-06-09 | 26100.32995 | [KB5094125](https://s/help/5094125) |\n"
    page = read(change(twin, ""))
    assert [(finding.id, finding.message) for finding in page.doubts] == [
        (
            f"{S25}/KB5094125/26100.32995",
            f"{CALENDAR_2025}, line 37: baseline KB5094125 does not stand in the release history with that build and day.",
        )
    ]


@pytest.mark.parametrize(("revision", "doubted"), [(33221, True), (33222, True), (33223, False)])
def test_hotpatch_is_below_the_months_cumulative_update(revision: int, doubted: bool) -> None:
    page = read(change("26100.33296", f"26100.{revision}"))
    said = [finding.message for finding in page.doubts]
    assert (
        said
        == [
            f"{CALENDAR_2025}, line {line_of(GOOD, AUGUST)}: hotpatch KB5120228, 26100.33222, is not below the month's"
            f" cumulative update KB5120233, 26100.{revision}."
        ]
        * doubted
    )


def test_hotpatch_above_the_cumulative_update_of_a_later_month_is_no_doubt() -> None:
    page = read(change("26100.32313", "26100.33300"))
    assert ([row.month for row in page.ordinary], page.doubts) == (["2026-08"], ())


@pytest.mark.parametrize(
    ("label", "day", "doubted"),
    [
        ("2026-03", "2026-04-19", False),
        ("2026-05", "2026-04-19", False),
        ("2026-02", "2026-04-19", True),
        ("2026-06", "2026-04-19", True),
        ("2025-12", "2026-01-19", False),
        ("2025-04", "2026-04-19", True),
    ],
)
def test_day_far_from_its_label_is_a_doubt(label: str, day: str, doubted: bool) -> None:
    page = read(change("2026-04 OOB | 2026-04-19", f"{label} OOB | {day}"))
    assert [finding.id for finding in page.doubts] == [f"{S25}/KB5091157/26100.32698"] * doubted


# --- errors ----------------------------------------------------------------------------------------------------------

JANUARY_LINE = line_of(GOOD, JANUARY)
ORDINARY_LINE = line_of(GOOD, ORDINARY)
LAST_LINE = len(GOOD.split("\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # shape of a row
        (change(JANUARY, JANUARY[:-2]), "the row is not closed by | on both sides; the line may be cut."),
        (change(JANUARY, "|"), "the row is not closed by | on both sides; the line may be cut."),
        (change(JANUARY, JANUARY[:-30]), "the row is not closed by | on both sides; the line may be cut."),
        (
            change("| January | 2026.01 B |", "| January |"),
            "the row has 5 cells; 6 are expected, further ones only when empty.",
        ),
        (
            change("| January |", "| January | x |"),
            "the row has 7 cells; 6 are expected, further ones only when empty.",
        ),
        # month, label and year
        (
            change("| January |", "| Januar |"),
            "month 'Januar', update type '2026-01' and year 2026 disagree.",
        ),
        (
            change("| January |", "| March |"),
            "month 'March', update type '2026-01' and year 2026 disagree.",
        ),
        (change("2026.01 B", "2025.01 B"), "month 'January', update type '2025-01' and year 2026 disagree."),
        (
            change("**Calendar year 2026**", "**Calendar year 2025**"),
            "month 'January', update type '2026-01' and year 2025 disagree.",
        ),
        *(
            (
                change("2026.01 B", label),
                f"update type '{label}' is not known; one like '2026-08 B' or '2026-08 OOB' is expected.",
            )
            for label in ("2026.01", "2026.01 F", "2026.1 B", "2026.13 B", "2026/01 B", "B 2026.01", "2026.01 OOB B")
        ),
        (change("2026.01 B", ""), "update type '' is not known; one like '2026-08 B' or '2026-08 OOB' is expected."),
        # cells
        *(
            (
                change("Baseline (Restart)", kind),
                f"type '{kind}' is not known; Baseline (Restart) or Hotpatch is expected.",
            )
            for kind in ("", "Baseline", "baseline (restart)", "Hotpatch*")
        ),
        *(
            (
                change("(Restart) | 2026-01-13", f"(Restart) | {day}"),
                f"availability date '{day}' is not a day; one like 2026-09-08 is expected.",
            )
            for day in ("2026-1-13", "2026-01-32", "13.01.2026", "20260113", "soon")
        ),
        (
            change("(Restart) | 2026-01-13", "(Restart) | 2026-02-13"),
            "availability date 2026-02-13 is not in the row's month 2026-01.",
        ),
        (
            change("(Restart) | 2026-01-13", "(Restart) | 2025-12-13"),
            "availability date 2025-12-13 is not in the row's month 2026-01.",
        ),
        *(
            (
                change("26100.32230 | [KB5073379](https://s/topic", f"{build} | [KB5073379](https://s/topic"),
                f"build '{build}' is not one of family 26100, as the heading says.",
            )
            for build in ("20348.32230", "26100", "26100.", "26100.x", "10.0.26100.32230", "126100.1", "26100.1234567")
        ),
        *(
            (
                change("[KB5073379](https://s/topic/january-13-2026-baseline-0)", kb),
                f"KB article {kb!r} is not a KB; one like KB5122871, with or without a link, is expected.",
            )
            for kb in ("5073379", "kb5073379", "[KB5073379]", "[KB5073379](", "KB12345", "KB123456789", "see KB5073379")
        ),
        *(
            (change(JANUARY, row), said)
            for row, said in (
                (
                    "| January | 2026.01 B | Hotpatch |  | 26100.1 | KB5073379 |",
                    "date '', build '26100.1' and KB 'KB5073379' are filled in part; all or none is expected.",
                ),
                (
                    "| January | 2026.01 B | Hotpatch | 2026-01-13 |  | KB5073379 |",
                    "date '2026-01-13', build '' and KB 'KB5073379' are filled in part; all or none is expected.",
                ),
            )
        ),
        # the table
        (
            change(DASHES + "\n", ""),
            "a line of a table stands outside a table; a header and a line of dashes are expected before it.",
        ),
        (
            change(DASHES, f"x{DASHES}"),
            "a line of a table stands outside a table; a header and a line of dashes are expected before it.",
        ),
        (
            change(CALENDAR_HEADER, "| Update type | Type | Availability date | Build | KB article | Other |"),
            "the table's columns are Update type, Type, Availability date, Build, KB article, Other;"
            " Month, Update type, Type, Availability date, Build, KB article are expected.",
        ),
        (
            change(CALENDAR_HEADER + "\n", ""),
            "a line of a table stands outside a table; a header and a line of dashes are expected before it.",
        ),
    ],
)
def test_bad_line_near_january_is_named(text: str, said: str) -> None:
    message = error(text)
    assert message.endswith(f": {said}")
    place = re.fullmatch(rf"{re.escape(CALENDAR_2025)}, line ([0-9]+): .*", message)
    assert place is not None
    assert JANUARY_LINE - 2 <= int(place[1]) <= JANUARY_LINE


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (JANUARY, "month 2026-01 stands twice in the product's calendar; once is expected."),
        (OCTOBER, "month 2026-10 stands twice in the product's calendar; once is expected."),
        (
            "| March | 2026.03 B | Hotpatch | 2026-03-10 | 26100.32463 | KB5075942 |",
            f"KB KB5075942 stands twice in the product's calendar ({CALENDAR_2025}, line {line_of(GOOD, FEBRUARY)});"
            " once is expected.",
        ),
        (
            "| March | 2026.03 B | Hotpatch | 2026-03-10 | 26100.32313 | KB5078736 |",
            f"build 26100.32313 stands twice in the product's calendar ({CALENDAR_2025}, line {line_of(GOOD, FEBRUARY)});"
            " once is expected.",
        ),
    ],
)
def test_what_stands_twice_in_a_calendar_is_named(row: str, said: str) -> None:
    assert error(change(OCTOBER, f"{OCTOBER}\n{row}")) == f"{CALENDAR_2025}, line {line_of(GOOD, OCTOBER) + 1}: {said}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (change(ORDINARY, ORDINARY.replace("2026-08-11", "")), "KB5120233 has no availability date"),
        (change(ORDINARY, ORDINARY.replace("26100.33296", "")), "KB5120233 has no build"),
        (change(ORDINARY, ORDINARY.replace("26100.", "20348.")), "build '20348.33296' is not one of family 26100"),
        (change(ORDINARY, ORDINARY.replace("2026-08 B", "August")), "update type 'August' is not known"),
        (change(ORDINARY, ORDINARY[2:]), "looks like a row of a table; | is expected at its beginning."),
        (change(ORDINARY, "| " + ORDINARY[-3:]), "the row has 1 cells; 5 are expected"),
        (
            change(HISTORY_HEADER, HISTORY_HEADER.replace("Build", "OS build")),
            "the table's columns are Servicing option, ",
        ),
        (change(HISTORY_HEADER, HISTORY_HEADER.replace("Servicing option", "Type")), "the table's columns are Type, "),
        (
            change(HISTORY_HEADER, HISTORY_HEADER.replace("Servicing option", "Month")),
            "the table's columns are Month, ",
        ),
        (change(HISTORY_HEADER, HISTORY_HEADER.replace("Servicing option", "Build")), "the table's header ("),
        (change("| --- | --- | --- | --- | --- |", "| --- | --- | --- | --- |"), "the table's header ("),
        (change("| --- | --- | --- | --- | --- |", DASHES), "the table's header ("),
        (change(ORDINARY + "\n", ORDINARY + "\n\n"), "a line of a table stands outside a table"),
        (change("**Windows Server 2025 (OS build 26100)**\n", ""), "the table has no product"),
        (change("(OS build 26100)", "(OS build 20346)"), "does not fit the product; OS build 26100 is expected."),
        (
            change("Windows Server 2025 (OS", "Windows Server 2028 (OS"),
            "does not fit the product; the label 'Windows Server 2025' for OS build 26100 is expected.",
        ),
        (change("(OS build 26100)**", "(OS build 26100**"), "is not understood here; a product with its OS build"),
        (
            change("(OS build 26100)**", "(OS build 26100)** more"),
            "is not understood here; a product with its OS build",
        ),
        (
            change("**Windows Server 2022", "**Calendar year 2026**\n\n**Windows Server 2022"),
            "heading 'Calendar year 2026' is not understood here",
        ),
    ],
)
def test_bad_history_is_named(text: str, said: str) -> None:
    message = error(text)
    assert message.startswith("Windows Server release history, ")
    assert said in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            change("## Windows Server hotpatch calendar", "## Windows Server hotpatch schedule"),
            "a table of releases stands",
        ),
        (change("## Windows Server release history", "## Releases"), "a table of releases stands outside"),
        (change("## Windows Server release history", "# Windows Server release history"), "a table of releases stands"),
        (
            f"{GOOD}\n# End\n| Update type | Availability date | Build | KB article |\n| --- | --- | --- | --- |",
            "a table of releases stands outside the release history and the hotpatch calendar.",
        ),
        (
            GOOD.partition(DASHES)[0].rstrip(),
            "a line of a table stands outside a table; a header and a line of dashes are expected before it.",
        ),
        (change("## Windows Server hotpatch calendar", ""), "heading 'Calendar year 2026' is not understood here"),
        (
            GOOD.partition("## Windows Server hotpatch calendar")[0],
            "there is no section 'windows server hotpatch calendar'",
        ),
        ("", "there is no section 'windows server release history'; its heading is expected on this page."),
        (
            change("## Windows Server hotpatch", "## Windows Server release history\n\n## Windows Server hotpatch"),
            "section 'Windows Server release history' stands twice; once is expected.",
        ),
        (last("**Calendar year 2024**\n", ""), "the table has no year; a bold line 'Calendar year YYYY' is expected"),
        (
            last("**Calendar year 2024**", "**Calendar year 2025**\n\n**Calendar year 2024**"),
            "no row follows 'Calendar year 2025'; a table is expected under it.",
        ),
        (
            last("**Calendar year 2024**", "**Calendar years 2024**"),
            "heading 'Calendar years 2024' is not understood here",
        ),
        (
            last("**Windows Server 2022 (OS", "**Windows Server 2022 (OS build 20348)**\n**Windows Server 2022 (OS"),
            "no row follows 'Windows Server 2022 (OS build 20348)'; a table is expected under it.",
        ),
        (
            GOOD.rpartition("**Calendar year 2024**")[0],
            "no row follows 'Windows Server 2022 (OS build 20348)'; a table is expected under it.",
        ),
        (GOOD.rpartition("| August")[0], "no row follows 'Calendar year 2024'; a table is expected under it."),
        (
            change("---\n\n##", "\n##"),
            "Windows Server page, line 1: the front matter has no end; a line of three dashes is expected after it.",
        ),
        (
            change("git_commit_id: 0000000000000000000000000000000000000000\n---\n", "# Heading\n---\n"),
            "the front matter has no end; a line of three dashes is expected after it.",
        ),
        ("\n <!DOCTYPE html><html>", "Windows Server page, line 1: this is HTML; the page's Markdown is expected."),
        (
            change("Sample footnote", "## More\n\n## Windows Server hotpatch calendar\n\nSample footnote"),
            "section 'Windows Server hotpatch calendar' stands twice; once is expected.",
        ),
        (
            change("## Windows Server hotpatch calendar", "## Windows Server hotpatch calendar\n\n# End"),
            "no row follows 'Windows Server hotpatch calendar'; a table is expected under it.",
        ),
    ],
)
def test_page_of_another_shape_is_an_error(text: str, said: str) -> None:
    assert said in error(text)


def test_errors_outside_the_sections_name_the_page() -> None:
    assert error("# Nothing").startswith("Windows Server page, line 1: ")
    assert error("# Nothing", "learn_windows_11").startswith("Windows 11 page, line 1: ")


# --- any page at all -------------------------------------------------------------------------------------------------

LINES = GOOD.split("\n")
TABLE_LINES = [index for index, line in enumerate(LINES) if line.startswith("|")]


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """The sample with cells dropped, rows doubled or moved, headers renamed, and lines cut or lost."""
    lines = list(LINES)
    for _round in range(draw(st.integers(1, 3))):
        index = draw(st.sampled_from(TABLE_LINES) | st.integers(0, len(lines) - 1)) % len(lines)
        line = lines[index]
        cells = line.split("|")
        place = draw(st.integers(0, max(len(cells) - 1, 0)))
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
                    ["|".join([*cells[:place], " Something ", *cells[place:]])],
                    [line.replace("Type", "Kind").replace("Build", "Version")],
                    [line, lines[other]],
                    [lines[other]],
                ]
            )
        )
    return "\n".join(lines)


@settings(max_examples=400, deadline=None)
@given(mangled() | st.text("|*-# BOSK25(.)\n", max_size=80))
def test_mangled_page_is_an_error_or_every_row_of_it_has_its_place(text: str) -> None:
    try:
        page = learn_page.read("learn_server", text)
    except PageError:
        return
    # What stands before the page is no row of it.
    front = re.match(r"---\n(?:.*\n)*?---\n", text)
    lines = text[front.end() if front else 0 :].split("\n")
    rows = [line for line in lines if line.strip().startswith("|")]
    # A header is one that a line of dashes follows; others are rows that nobody understands.
    headers = sum("Update type" in one and two.strip().startswith("| ---") for one, two in pairwise(lines))
    assert accounted(page) == page.rows == len(rows) - 2 * headers


# --- a day out of turn, and hostile text -----------------------------------------------------------------------------

NOVEMBER = "| November | 2026.11 B | Hotpatch | 2026-11-{day} | 26100.33900 | KB5200000 |"


@pytest.mark.parametrize(("day", "doubted"), [("10", False), ("11", True), ("03", True), ("17", True)])
def test_hotpatch_on_a_day_that_is_no_patch_tuesday_is_a_doubt(day: str, doubted: bool) -> None:
    text = change(OCTOBER, NOVEMBER.format(day=day))
    words = [one.message for one in read(text).doubts]
    assert words == (
        [
            f"{CALENDAR_2025}, line {line_of(text, 'KB5200000')}: KB5200000 is of 2026-11-{day}, which is no Patch Tuesday"
            " (2026-11-10 is), and of letter B, not OOB."
        ]
        if doubted
        else []
    )


def test_hotpatch_called_out_of_band_may_be_of_any_day() -> None:
    text = change(OCTOBER, NOVEMBER.format(day="11").replace("2026.11 B", "2026.11 OOB"))
    assert read(text).doubts == ()


def test_baseline_and_monthly_update_out_of_turn_are_doubts_too() -> None:
    page = read(GOOD.replace("2026-06-09", "2026-06-10"))
    assert [one.kb for one in page.doubts] == ["KB5094125"]
    page = read(change(ORDINARY, ORDINARY.replace("2026-08-11", "2026-08-12")))
    assert [(one.kb, one.message.startswith(HISTORY_2025)) for one in page.doubts] == [("KB5120233", True)]


HOSTILE = "\x1b[31m" + "y" * 5000
COLUMNS = "|" + "|".join(f" c{number}{HOSTILE[:6]} " for number in range(20_000)) + "|"
PRODUCT_LINE = "**Windows Server 2025 (OS build 26100)**"


@pytest.mark.parametrize(
    "text",
    [
        change(HISTORY_HEADER, COLUMNS),
        change(HISTORY_HEADER, COLUMNS).replace("| --- | --- | --- | --- | --- |", "|" + " --- |" * 20_000, 1),
        change(PRODUCT_LINE, f"**{HOSTILE} (OS build 17763)**")
        .replace("26100.33296", "x")
        .replace(HISTORY_HEADER, "| x |"),
        change(PRODUCT_LINE, f"**{HOSTILE} (OS build 26100)**"),
        change(PRODUCT_LINE, f"**{HOSTILE} (OS build 17763)**\n\n**{HOSTILE} (OS build 17762)**"),
        change(PRODUCT_LINE, f"**Windows Server 2025 (OS build {'1' * 5000})**"),
        change("2026-08 B", HOSTILE),
        change("26100.33296", HOSTILE),
    ],
)
def test_hostile_page_makes_a_short_and_harmless_error(text: str) -> None:
    said = error(text)
    assert said.isprintable()
    assert len(said) < 1000


def test_page_of_a_thousand_products_names_some_of_them() -> None:
    row = f"\n{HISTORY_HEADER}\n| --- | --- | --- | --- | --- |\n{ORDINARY}\n"
    more = "".join(f"**Product {number} (OS build 1)**\n{row}" for number in range(1000))
    page = read(change("## Windows Server hotpatch calendar", f"{more}\n## Windows Server hotpatch calendar"))
    found = {name: count for name, count in page.ignored.items() if "does not cover" in name}
    assert (len(found), sum(found.values())) == (21, 1000)
    assert found["row of a product that the table does not cover: further ones"] == 980


def test_front_matter_is_short_and_harmless() -> None:
    front = read(change("git_commit_id: 0", f"git_commit_id: {HOSTILE}")).front
    assert front["git_commit_id"].isprintable()
    assert len(front["git_commit_id"]) == 80
