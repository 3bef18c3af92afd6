# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vendor's release pages on Learn, as Markdown: each row is taken, counted or named; a row in doubt is an error."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple, NoReturn

from ansible_collections.rebootless.patching.plugins.plugin_utils.base import patch_tuesday as calendar
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import KB, shown
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import (
    BASELINES,
    PRODUCTS,
    SHOWN,
    revision,
)

HISTORY_COLUMNS = ("Update type", "Availability date", "Build", "KB article")
CALENDAR_COLUMNS = ("Month", "Update type", "Type", "Availability date", "Build", "KB article")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
# The vendor's word for a month, and ours.
KINDS_OF_MONTH = {"Baseline (Restart)": "baseline", "Hotpatch": "hotpatch"}
# The months for which the vendor announces a baseline; one in another month was not planned.
BASELINE_MONTHS = frozenset({"01", "04", "07", "10"})
RESTARTS = {
    "baseline": True,
    "unplanned_baseline": True,
    "hotpatch": False,
    "oob_hotpatch": False,
    "ordinary": True,
    # The page does not say.
    "oob_lcu": None,
}
MARKED = "Marked on the calendar as first planned to be a hotpatch."
HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*")
BOLD = re.compile(r"\*\*(.+)\*\*")
PRODUCT = re.compile(r"(.+) \(OS build ([0-9]+)\)")
YEAR = re.compile(r"Calendar year ([0-9]{4})")
DASHES = re.compile(r":?-+:?")
LABEL = re.compile(r"([0-9]{4})[-.](0[1-9]|1[0-2]) (A|B|C|D|E|OOB)")
LINKED = re.compile(rf"\[({KB.pattern})\]\([^()\s]*\)|({KB.pattern})")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MARKS = ("^\\*^", "\\*", "*")
ELSEWHERE = "row of a table outside the release history and the hotpatch calendar"
UNCOVERED = "row of a product that the table does not cover"
# The Server page has two more; a page of thousands is none of the vendor's.
MOST_NAMED = 20
NO_KB = "history row without KB or update type"
TWICE = "history row that stands twice"
OPTIONAL = "history row of an optional update (A, C, D, E)"
TOO_OLD = "history row older than the hotpatch calendar"


class PageError(ValueError):
    """A page that cannot be trusted; the message names section, product, line, the value and what is expected."""


class Kind(NamedTuple):
    """One of the vendor's pages: its name in the headings, and what its product labels stand for."""

    title: str
    products: Mapping[str, str]


KINDS = {
    "learn_server": Kind(
        "Windows Server",
        {"Windows Server 2025": "windows_server_2025", "Windows Server 2022": "windows_server_2022_azure_edition"},
    ),
    "learn_windows_11": Kind("Windows 11", {"Version 24H2": "windows_11_24h2", "Version 25H2": "windows_11_25h2"}),
}


@dataclass(frozen=True)
class Finding:
    """Something for a person: a contradiction, or a row to look at. Absent parts are empty."""

    product: str
    kb: str
    build: str
    message: str

    @property
    def id(self) -> str:
        """`product/KB/build`, as `accept` names it."""
        return f"{self.product}/{self.kb}/{self.build}"

    def plain(self) -> dict[str, str]:
        """`{id, message}` for results."""
        return {"id": self.id, "message": self.message}


@dataclass(frozen=True)
class Row:
    """A released update on the page; `type` is the release table's word, empty while nobody has decided it."""

    product: str
    month: str
    letter: str
    date: date
    build: str
    kb: str
    type: str
    marked: bool
    where: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Product, KB and build, as the release table knows a record."""
        return self.product, self.kb, self.build

    def finding(self, message: str) -> Finding:
        """A finding about this row."""
        return Finding(*self.key, f"{self.where}: {message}")


@dataclass(frozen=True)
class PlannedRow:
    """A month of the calendar without a release yet."""

    product: str
    month: str
    type: str
    where: str


@dataclass(frozen=True)
class Page:
    """All that a page states. `calendar`, `ordinary`, `oob` and `planned` are for the table.

    `matched` are history rows of baselines, `review` and `ignored` hold the other rows, so that together with them
    every row of the page's tables is in exactly one place. `doubts` are contradictions inside the page.
    """

    kind: str
    rows: int
    calendar: tuple[Row, ...]
    planned: tuple[PlannedRow, ...]
    ordinary: tuple[Row, ...]
    oob: tuple[Row, ...]
    matched: tuple[Row, ...]
    review: tuple[Finding, ...]
    ignored: Mapping[str, int]
    doubts: tuple[Finding, ...]
    notes: tuple[str, ...]
    # The oldest day that each product's release history reaches.
    reach: Mapping[str, date]
    front: Mapping[str, str]

    @property
    def title(self) -> str:
        """The page's name in its headings."""
        return KINDS[self.kind].title

    @property
    def day(self) -> str:
        """The day on which the page was last changed, as its front matter says; empty when it does not."""
        stamp = self.front.get("updated_at", "")[:10]
        return stamp if DAY.fullmatch(stamp) else ""


def cells(line: str) -> list[str] | None:
    """The cells of a table line, or None when the line is not closed by `|` on both sides."""
    parts = re.split(r"(?<!\\)\|", line.strip())
    if len(parts) < 3 or parts[0] or parts[-1]:
        return None
    return [" ".join(part.split()) for part in parts[1:-1]]


def dashes(line: str) -> int:
    """How many columns the line below a table's header has; 0 when it is no such line."""
    found = cells(line) or []
    return len(found) if all(DASHES.fullmatch(cell) for cell in found) else 0


def _names(columns: list[str]) -> str:
    """The names of a table's columns for an error: harmless, and no more than a line holds."""
    return shown(", ".join(column[:SHOWN] for column in columns[:SHOWN]), 2 * SHOWN)


class _Reader:
    """Goes through a page line by line, and keeps what the headings above a table say."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.title, self.products = KINDS[kind]
        self.sections = {f"{self.title} release history".lower(): "history"}
        self.sections[f"{self.title} hotpatch calendar".lower()] = "calendar"
        # With an empty line at the end, behind which no table goes on.
        self.lines = [*text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"), ""]
        self.front: dict[str, str] = {}
        self.section = ""
        self.seen: set[str] = set()
        self.label = self.family = self.year = ""
        # The heading that still waits for rows; nothing under it means that the page was cut or its shape changed.
        self.open = ""
        self.line = 0
        self.rows = 0
        self.calendar: list[Row] = []
        self.planned: list[PlannedRow] = []
        self.history: list[Row] = []
        self.review: list[Finding] = []
        self.ignored: Counter[str] = Counter()
        self.notes: list[str] = []

    @property
    def in_calendar(self) -> bool:
        """Whether the hotpatch calendar is being read."""
        return self.section == "calendar"

    def where(self) -> str:
        """Section, product and line of what is being read."""
        parts = [f"{self.title} {'hotpatch calendar' if self.in_calendar else 'release history'}"]
        if not self.section:
            parts = [f"{self.title} page"]
        if self.label:
            product = self.products.get(self.label)
            parts.append(f"{self.label} ({product})" if product else shown(self.label, SHOWN))
        return f"{', '.join(parts)}, line {self.line + 1}"

    def error(self, message: str) -> PageError:
        """An error at the present line."""
        return PageError(f"{self.where()}: {message}")

    def fail(self, message: str) -> NoReturn:
        """Give the page up at the present line."""
        raise self.error(message)

    def read(self) -> None:
        """Read the page.

        :raises PageError: naming section, product and line
        """
        self.front_matter()
        while self.line < len(self.lines):
            line = " ".join(self.lines[self.line].split())
            heading, bold = HEADING.fullmatch(line), BOLD.fullmatch(line)
            if line.startswith("|"):
                self.table()
                continue
            if heading:
                self.heading(len(heading[1]), heading[2])
            elif self.section and "|" in line:
                self.fail(f"{shown(line, SHOWN)!r} looks like a row of a table; | is expected at its beginning.")
            elif self.section and line.startswith("**"):
                self.bold(bold[1] if bold else line)
            self.line += 1
        self.line -= 2
        self.close()
        for name, section in self.sections.items():
            if section not in self.seen:
                self.section = self.label = ""
                self.fail(f"there is no section {name!r}; its heading is expected on this page.")

    def front_matter(self) -> None:
        """Read the front matter, and stand at the dashes that end it."""
        if self.lines[0].strip() != "---":
            return
        for index, line in enumerate(self.lines):
            if index and line.strip() == "---":
                self.line = index
                return
            if line.startswith(("|", "#", "**")):
                break
            name, colon, value = line.partition(":")
            if colon:
                self.front[name.strip()] = shown(value, SHOWN)
        raise self.error("the front matter has no end; a line of three dashes is expected after it.")

    def close(self) -> None:
        """Leave a heading; it must have had rows."""
        if self.open:
            self.fail(f"no row follows {shown(self.open, SHOWN)!r}; a table is expected under it.")

    def heading(self, level: int, text: str) -> None:
        """A heading; one of the first or second level ends section, product and year."""
        if level > 2:
            return
        self.close()
        self.label = self.family = self.year = ""
        self.section = self.sections.get(text.lower(), "") if level == 2 else ""
        if not self.section:
            return
        if self.section in self.seen:
            self.fail(f"section {text!r} stands twice; once is expected.")
        self.seen.add(self.section)
        self.open = text

    def bold(self, text: str) -> None:
        """A bold line: the product or the year of the tables below it; other bold text says nothing about them."""
        product, year = PRODUCT.fullmatch(text), YEAR.fullmatch(text)
        if product:
            if self.open and self.label:
                self.close()
            self.label, self.family, self.year = product[1], product[2], ""
            mine = self.products.get(self.label)
            owner = next((label for label, key in self.products.items() if PRODUCTS[key] == self.family), None)
            if owner != (self.label if mine else None):
                family = shown(self.family, SHOWN)
                wanted = f"OS build {PRODUCTS[mine]}" if mine else f"the label {owner!r} for OS build {family}"
                self.fail(f"heading {shown(text, SHOWN)!r} does not fit the product; {wanted} is expected.")
            self.open = text
        elif year and self.in_calendar and self.label:
            if YEAR.fullmatch(self.open):
                self.close()
            self.year = year[1]
            self.open = text
        elif "OS build" in text or "Calendar year" in text:
            self.fail(
                f"heading {shown(text, SHOWN)!r} is not understood here; a product with its OS build, or in the calendar"
                " a product's 'Calendar year YYYY', is expected."
            )

    def table(self) -> None:
        """Read the table that begins at the present line, and stand behind it."""
        header = cells(self.lines[self.line])
        columns = dashes(self.lines[self.line + 1])
        if not self.section:
            self.foreign(header if columns else None)
            return
        if header is None or not columns:
            self.fail("a line of a table stands outside a table; a header and a line of dashes are expected before it.")
        if len(set(header)) != len(header) or columns != len(header):
            self.fail(
                f"the table's header ({_names(header)}) and the dashes below it do not fit; one of each name is expected."
            )
        wanted = CALENDAR_COLUMNS if self.in_calendar else HISTORY_COLUMNS
        lacking = [name for name in wanted if name not in header]
        calendar = {"Month", "Type"} & set(header)
        if lacking or (calendar and not self.in_calendar):
            self.fail(f"the table's columns are {_names(header)}; {', '.join(wanted)} are expected.")
        if not self.label:
            self.fail("the table has no product; a bold line with the product and its OS build is expected before it.")
        if self.in_calendar and not self.year:
            self.fail("the table has no year; a bold line 'Calendar year YYYY' is expected before it.")
        self.line += 2
        while self.lines[self.line].strip().startswith("|"):
            self.rows += 1
            self.open = ""
            self.row(header)
            self.line += 1

    def foreign(self, header: list[str] | None) -> None:
        """Count a table of another section; one of the shape of ours means that a heading was lost."""
        if header and set(HISTORY_COLUMNS) <= set(header):
            self.fail("a table of releases stands outside the release history and the hotpatch calendar.")
        self.line += 2 if header else 0
        while self.lines[self.line].strip().startswith("|"):
            self.rows += 1
            self.ignored[ELSEWHERE] += 1
            self.line += 1

    def row(self, header: list[str]) -> None:
        """Read one row of a table."""
        if self.label not in self.products:
            reason = f"{UNCOVERED}: {shown(self.label, SHOWN)}"
            named = sum(1 for one in self.ignored if one.startswith(UNCOVERED))
            self.ignored[reason if reason in self.ignored or named < MOST_NAMED else f"{UNCOVERED}: further ones"] += 1
            return
        found = cells(self.lines[self.line])
        if found is None:
            self.fail("the row is not closed by | on both sides; the line may be cut.")
        if len(found) < len(header) or any(found[len(header) :]):
            self.fail(f"the row has {len(found)} cells; {len(header)} are expected, further ones only when empty.")
        values = dict(zip(header, found, strict=False))
        label = values["Update type"]
        for mark in MARKS:
            label = label.replace(mark, "")
        marked = label != values["Update type"]
        match = LABEL.fullmatch(label.strip())
        if match is None and (label or self.in_calendar):
            self.fail(
                f"update type {shown(label, SHOWN)!r} is not known; one like '2026-08 B' or '2026-08 OOB' is expected."
            )
        month = f"{match[1]}-{match[2]}" if match else ""
        letter = match[3] if match else ""
        build, kb, day = (
            self.build(values["Build"]),
            self.kb(values["KB article"]),
            self.day(values["Availability date"]),
        )
        if self.in_calendar:
            self.calendar_row(values, month, letter, day, build, kb, marked=marked)
        elif not kb or not letter:
            self.without_kb(month, letter, build)
        elif not build or day is None:
            self.fail(f"{kb} has no {'build' if day else 'availability date'}; every cell is expected to be filled.")
        else:
            product = self.products[self.label]
            self.history.append(Row(product, month, letter, day, build, kb, "", marked, self.where()))

    def without_kb(self, month: str, letter: str, build: str) -> None:
        """A history row that names no update: a first build is noted, a monthly one is for a person."""
        words = f"{NO_KB}: {month or '?'} {letter or '?'}, build {build or '?'}"
        if letter in ("B", "OOB"):
            self.review.append(Finding(self.products[self.label], "", build, f"{self.where()}: {words}."))
            return
        self.ignored[NO_KB] += 1
        self.notes.append(f"{self.where()}: skipped a {words}.")

    def calendar_row(
        self,
        values: Mapping[str, str],
        month: str,
        letter: str,
        day: date | None,
        build: str,
        kb: str,
        *,
        marked: bool,
    ) -> None:
        """A month of the calendar, released or planned."""
        product = self.products[self.label]
        kind = KINDS_OF_MONTH.get(values["Type"])
        if kind is None:
            allowed = " or ".join(KINDS_OF_MONTH)
            self.fail(f"type {shown(values['Type'], SHOWN)!r} is not known; {allowed} is expected.")
        name = values["Month"]
        if name not in MONTHS or month != f"{self.year}-{MONTHS.index(name) + 1:02}":
            self.fail(f"month {shown(name, SHOWN)!r}, update type {month!r} and year {self.year} disagree.")
        if day is not None and day.isoformat()[:7] != month:
            self.fail(f"availability date {day} is not in the row's month {month}.")
        filled = [bool(day), bool(build), bool(kb)]
        if any(filled) and not all(filled):
            self.fail(
                f"date {str(day or '')!r}, build {build!r} and KB {kb!r} are filled in part; all or none is expected."
            )
        there: list[Row | PlannedRow] = [one for one in self.calendar if one.letter == "B"]
        there += self.planned
        if letter == "B" and any((one.product, one.month) == (product, month) for one in there):
            self.fail(f"month {month} stands twice in the product's calendar; once is expected.")
        if letter not in ("B", "OOB") or (letter == "OOB" and (kind != "hotpatch" or day is None)):
            # Never seen; what it would mean is not for a program to guess.
            words = f"a calendar row '{month} {letter}' of type {values['Type']!r} is not known; it was left out."
            self.review.append(Finding(product, kb, build, f"{self.where()}: {words}"))
        elif day is None:
            self.planned.append(PlannedRow(product, month, kind, self.where()))
        else:
            self.twice(product, kb, build)
            if letter == "OOB":
                kind = "oob_hotpatch"
            elif kind == "baseline" and month[5:] not in BASELINE_MONTHS:
                kind = "unplanned_baseline"
            self.calendar.append(Row(product, month, letter, day, build, kb, kind, marked, self.where()))

    def twice(self, product: str, kb: str, build: str) -> None:
        """Refuse a KB or build that the product's calendar has already shown."""
        for one in self.calendar:
            for name, value, other in (("KB", kb, one.kb), ("build", build, one.build)):
                if one.product == product and value == other:
                    self.fail(f"{name} {value} stands twice in the product's calendar ({one.where}); once is expected.")

    def build(self, text: str) -> str:
        """A build of the heading's family; empty when the cell is."""
        if text and not re.fullmatch(rf"{self.family}\.[0-9]{{1,6}}", text):
            self.fail(f"build {shown(text, SHOWN)!r} is not one of family {self.family}, as the heading says.")
        return text

    def kb(self, text: str) -> str:
        """A KB from the text of a link, never from its target; empty when the cell is."""
        match = LINKED.fullmatch(text)
        if text and match is None:
            self.fail(
                f"KB article {shown(text, SHOWN)!r} is not a KB; one like KB5122871, with or without a link, is expected."
            )
        return (match[1] or match[2]) if match else ""

    def day(self, text: str) -> date | None:
        """A day; None when the cell is empty."""
        if not text:
            return None
        wrong = self.error(f"availability date {shown(text, SHOWN)!r} is not a day; one like 2026-09-08 is expected.")
        if not DAY.fullmatch(text):
            raise wrong
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise wrong from error


class _Sorter:
    """Says of each history row what it is, by the calendar of its product."""

    def __init__(self, reader: _Reader) -> None:
        self.calendar = reader.calendar
        self.history = reader.history
        self.months = {(row.product, row.month): row for row in reader.calendar if row.letter == "B"}
        self.planned = {(row.product, row.month) for row in reader.planned}
        self.monthly = {(row.product, row.month) for row in reader.history if row.letter == "B"}
        self.first = oldest(reader.calendar)
        self.reach = oldest(reader.history)
        self.ordinary: list[Row] = []
        self.oob: list[Row] = []
        self.matched: list[Row] = []
        self.review = reader.review
        self.ignored = reader.ignored
        self.doubts: list[Finding] = []
        self.notes = reader.notes

    def sort(self) -> None:
        """Give each history row its place, then hold the calendar against them."""
        known: dict[tuple[str, str, str], Row] = {}
        for row in self.history:
            first = known.setdefault(row.key, row)
            if first is row:
                self.place(row)
                continue
            self.ignored[TWICE] += 1
            if (first.date, first.month, first.letter) != (row.date, row.month, row.letter):
                self.doubts.append(row.finding(f"{row.kb} stands there twice, and not alike ({first.where})."))
        for row in self.calendar:
            self.in_turn(row)
            if row.type in BASELINES:
                self.twin(row)
            elif row.letter == "B":
                self.below(row)

    def place(self, row: Row) -> None:
        """The place of one history row."""
        first = self.first.get(row.product)
        release = self.months.get((row.product, row.month))
        if row.letter not in ("B", "OOB"):
            self.ignored[OPTIONAL] += 1
        elif first is None or row.date < first:
            self.ignored[TOO_OLD] += 1
        elif row.letter == "OOB":
            self.near(row)
            self.oob.append(replace(row, type="oob_lcu"))
        elif release is None:
            state = "only planned" if (row.product, row.month) in self.planned else "not there"
            self.review.append(
                row.finding(f"{row.kb} is released, and its month {row.month} is {state} in the calendar.")
            )
        elif release.type not in BASELINES:
            self.near(row)
            self.in_turn(row)
            self.ordinary.append(replace(row, type="ordinary"))
        elif (release.key, release.date) == (row.key, row.date):
            self.matched.append(row)
        else:
            self.review.append(
                row.finding(f"{row.kb} is not the baseline {release.kb} that the calendar has for the month.")
            )

    def in_turn(self, row: Row) -> None:
        """Doubt a day that is no Patch Tuesday and not called out of band."""
        tuesday = calendar.patch_tuesday(row.date.year, row.date.month)
        if row.letter != "OOB" and row.date != tuesday:
            self.doubts.append(
                row.finding(
                    f"{row.kb} is of {row.date}, which is no Patch Tuesday ({tuesday} is), and of letter {row.letter}, not OOB."
                )
            )

    def near(self, row: Row) -> None:
        """Doubt a day that is far from the month of its label; a month off is usual."""
        months = row.date.year * 12 + row.date.month - int(row.month[:4]) * 12 - int(row.month[5:])
        if abs(months) > 1:
            self.doubts.append(
                row.finding(f"date {row.date} and update type {row.month} {row.letter} are months apart.")
            )

    def twin(self, row: Row) -> None:
        """Doubt a baseline that the release history does not show with the same KB, build and day."""
        if any((one.key, one.date) == (row.key, row.date) for one in self.matched):
            return
        reach = self.reach.get(row.product)
        if reach is not None and row.date < reach and (row.product, row.month) not in self.monthly:
            self.notes.append(
                f"{row.where}: baseline {row.kb} is older than the release history, so it has no twin there."
            )
            return
        self.doubts.append(
            row.finding(f"baseline {row.kb} does not stand in the release history with that build and day.")
        )

    def below(self, row: Row) -> None:
        """Doubt a hotpatch whose revision is not below that of the month's cumulative update."""
        for one in self.ordinary:
            if (one.product, one.month) == (row.product, row.month) and revision(row.build) >= revision(one.build):
                words = (
                    f"hotpatch {row.kb}, {row.build}, is not below the month's cumulative update {one.kb}, {one.build}."
                )
                self.doubts.append(row.finding(words))


def oldest(rows: Iterable[Row]) -> dict[str, date]:
    """The first day of each product among rows."""
    first: dict[str, date] = {}
    for row in rows:
        first[row.product] = min(first.get(row.product, row.date), row.date)
    return first


def read(kind: str, text: str) -> Page:
    """What a page states; `kind` is a key of KINDS, `text` the page's Markdown.

    :raises PageError: naming section, product and line
    """
    if text.lstrip("\ufeff \t\r\n").startswith("<"):
        raise PageError(f"{KINDS[kind].title} page, line 1: this is HTML; the page's Markdown is expected.")
    reader = _Reader(kind, text)
    reader.read()
    sorter = _Sorter(reader)
    sorter.sort()
    return Page(
        kind=kind,
        rows=reader.rows,
        calendar=tuple(reader.calendar),
        planned=tuple(reader.planned),
        ordinary=tuple(sorter.ordinary),
        oob=tuple(sorter.oob),
        matched=tuple(sorter.matched),
        review=tuple(sorter.review),
        ignored=dict(sorter.ignored),
        doubts=tuple(sorter.doubts),
        notes=tuple(sorter.notes),
        reach=sorter.reach,
        front=reader.front,
    )
