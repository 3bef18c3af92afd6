# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a release table up to date by what the vendor's pages state, with the MSRC documents as witnesses.

Nothing leaves the table because a page does not show it, and nothing in it changes its meaning by itself: a released
record of which a page says something else is a contradiction, which a person has to accept by name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base import patch_tuesday as calendar
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import shown
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import (
    BASELINES,
    HOTPATCHES,
    PRODUCTS,
    SHOWN,
    ReleaseTable,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update.learn_page import (
    KINDS,
    MARKED,
    RESTARTS,
    Finding,
    Page,
    Row,
    oldest,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update.msrc import Document, Fix

Record = dict[str, Any]
Key = tuple[str, str, str]
# What a calendar states, one of them for each month of a product.
CALENDAR_TYPES = BASELINES | {"hotpatch"}
# What a page shows in its release history only.
HISTORY_TYPES = frozenset({"ordinary", "oob_lcu"})
# Of each of these sorts a product has one update in a month.
ONE_A_MONTH = (CALENDAR_TYPES, frozenset({"ordinary"}))
# How sure a record is; a page that confirms a record raises it.
TRUST = ("secondary", "derived", "vendor_page", "calendar")
ACCEPT = re.compile(rf"({'|'.join(PRODUCTS)})/[^/\s]+/[^/\s]+")


class MergeError(ValueError):
    """A request that cannot be met; the message names the option, the value and what is allowed."""


@dataclass(frozen=True)
class Merged:
    """The outcome. `table` is to be used only when `contradictions` is empty.

    `added` are records; `updated` are `{id, before, after}` (before and after are records); `planned_changed` are
    `{product, month, before, after}`: what was planned and what the page says now, null for nothing;
    `ignored` counts rows by reason.
    """

    table: dict[str, Any]
    changed: bool
    added: tuple[Record, ...]
    updated: tuple[dict[str, Any], ...]
    planned_changed: tuple[dict[str, Any], ...]
    contradictions: tuple[Finding, ...]
    carry_overs: tuple[Finding, ...]
    review: tuple[Finding, ...]
    ignored: Mapping[str, int]
    notes: tuple[str, ...]


def key_of(record: Mapping[str, Any]) -> Key:
    """Product, KB and build of a record."""
    return record["product"], record["kb"], record["build"]


def month_of(record: Mapping[str, Any]) -> str:
    """The month `2026-08` of a record's day."""
    return str(record["date"])[:7]


def family_of(kind: str) -> str:
    """`baseline` for both sorts of baseline, any other type as it is."""
    return "baseline" if kind in BASELINES else kind


class _Merger:
    """The table on its way from one state to the next."""

    def __init__(self, table: Mapping[str, Any], accept: Collection[str]) -> None:
        self.records: dict[Key, Record] = {key_of(record): dict(record) for record in table["releases"]}
        self.planned: dict[tuple[str, str], Record] = {
            (record["product"], record["month"]): dict(record) for record in table.get("planned", [])
        }
        self.accept = set(accept)
        self.unused = set(accept)
        self.added: dict[Key, Record] = {}
        self.updated: dict[Key, dict[str, Any]] = {}
        self.planned_changed: list[dict[str, Any]] = []
        self.contradictions: dict[tuple[str, str], Finding] = {}
        self.carry_overs: dict[str, Finding] = {}
        self.review: dict[tuple[str, str], Finding] = {}
        self.ignored: Counter[str] = Counter()
        self.notes: list[str] = []

    # --- pages ---------------------------------------------------------------------------------------------------

    def page(self, page: Page) -> None:
        """Take what a page states."""
        self.ignored.update(page.ignored)
        self.notes += page.notes
        self.notes += [f"{reason} ({count})" for reason, count in sorted(page.ignored.items()) if "not cover" in reason]
        for finding in page.review:
            self.look_at(finding)
        for finding in page.doubts:
            self.doubt(finding)
        before = list(self.records.values())
        rows = (*page.calendar, *page.ordinary, *page.oob)
        self.here = {row.key for row in rows}
        self.replaced: set[Key] = set()
        for row in rows:
            self.row(row, self.made(row, page))
        first = oldest(page.calendar)
        for product in KINDS[page.kind].products.values():
            mine = [record for record in before if record["product"] == product]
            if product in first or any(row.product == product for row in page.planned):
                self.vanished(mine, page, first.get(product))
                self.plans(product, page)
            elif mine:
                words = (
                    f"{page.title} hotpatch calendar: the page has none for {product}, of which the table has records."
                )
                self.doubt(Finding(product, "calendar", "missing", words))
            else:
                self.notes.append(f"{page.title} hotpatch calendar: the page has none for {product}.")

    @staticmethod
    def made(row: Row, page: Page) -> Record:
        """The record that a row of a page would be."""
        inside = row.type not in HISTORY_TYPES
        section = "hotpatch calendar" if inside else "release history"
        return {
            "product": row.product,
            "date": row.date.isoformat(),
            "kb": row.kb,
            "build": row.build,
            "type": row.type,
            "restart": RESTARTS[row.type],
            "confidence": "calendar" if inside else "vendor_page",
            "source": f"Microsoft Learn, {page.title} {section}" + (f", page of {page.day}" if page.day else ""),
            "note": MARKED if row.marked else None,
        }

    def row(self, row: Row, made: Record) -> None:
        """Hold a row against the table: confirm, raise the trust, contradict or add."""
        known = self.records.get(row.key)
        if known is None:
            self.new(row, made)
            return
        differing = [name for name in ("date", "type") if known[name] != made[name]]
        # Only the calendar states whether an update restarts.
        stated = row.type not in HISTORY_TYPES and None not in (known.get("restart"), made["restart"])
        if stated and known["restart"] != made["restart"]:
            differing.append("restart")
        if differing:
            words = ", ".join(f"{name} {made[name]} (the table: {known[name]})" for name in differing)
            if not self.doubt(row.finding(f"{row.kb}, {row.build}, has {words}.")):
                self.replace(known, known | {key: made[key] for key in (*differing, "confidence", "source")})
        elif TRUST.index(made["confidence"]) > TRUST.index(known["confidence"]):
            better = {key: made[key] for key in ("confidence", "source")}
            if known.get("restart") is None:
                better["restart"] = made["restart"]
            self.replace(known, known | better)

    def replace(self, known: Record, after: Record) -> None:
        """Put a record in the place of another one."""
        key = key_of(after)
        if key_of(known) != key:
            del self.records[key_of(known)]
        self.records[key] = after
        if key in self.added:
            self.added[key] = after
        else:
            before = self.updated[key]["before"] if key in self.updated else known
            self.updated[key] = {"id": "/".join(key), "before": before, "after": after}

    def new(self, row: Row, made: Record) -> None:
        """A row whose product, KB and build the table does not have together."""
        mine = [record for record in self.records.values() if record["product"] == row.product]
        rivals = [record for record in mine if self.rival(record, made)]
        if rivals:
            words = " and ".join(f"{one['kb']}, {one['build']} ({one['type']} of {one['date']})" for one in rivals)
            if self.doubt(row.finding(f"{row.kb}, {row.build} ({row.type} of {row.date}), is {words} in the table.")):
                self.replaced.update(map(key_of, rivals))
                return
            # What the page itself shows beside the row stays.
            gone = [record for record in rivals if key_of(record) not in self.here]
            for record in gone:
                self.replace(record, made)
                self.replaced.add(key_of(record))
            if gone:
                return
        shared = [record["kb"] for record in mine if record["build"] == row.build]
        if shared:
            words = f"Shares its build with {', '.join(shared)}: the build alone does not tell which is installed."
            made["note"] = f"{made['note']} {words}" if made["note"] else words
            self.notes.append(f"{row.where}: {row.kb} has build {row.build} as {', '.join(shared)} has; both are kept.")
        self.records[row.key] = self.added[row.key] = made

    @staticmethod
    def rival(record: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
        """Whether a record of the same product cannot be true beside the new one: its KB, or its month's one of a sort."""
        if record["kb"] == made["kb"]:
            return True
        if month_of(record) != month_of(made):
            return False
        return any(made["type"] in sort and record["type"] in sort for sort in ONE_A_MONTH)

    def vanished(self, records: Sequence[Record], page: Page, first: date | None) -> None:
        """Miss the records of a product that the page should show and does not."""
        for record in records:
            key, kind, day = key_of(record), record["type"], date.fromisoformat(record["date"])
            reach = page.reach.get(key[0])
            calendar_row = kind in CALENDAR_TYPES and first is not None and day >= first
            history_row = kind in HISTORY_TYPES and first is not None and reach is not None and day >= max(first, reach)
            if not (calendar_row or history_row) or key in self.here or key in self.replaced:
                continue
            section = "hotpatch calendar" if calendar_row else "release history"
            words = (
                f"{page.title} {section}, {key[0]}: {record['kb']}, {record['build']} ({kind} of {day}), is in the table,"
                " not there."
            )
            read_there = record["confidence"] == ("calendar" if calendar_row else "vendor_page")
            (self.doubt if read_there else self.look_at)(Finding(*key, words))

    def plans(self, product: str, page: Page) -> None:
        """Bring the planned months of a product up to date; a planned month may change its type."""
        told = {row.month: row for row in page.planned if row.product == product}
        released = {month_of(record): record for record in self.records.values() if self.monthly(record, product)}
        source = f"Microsoft Learn, {page.title} hotpatch calendar" + (f", page of {page.day}" if page.day else "")
        for month in sorted({one for owner, one in self.planned if owner == product} | told.keys()):
            known = self.planned.get((product, month))
            before = known["type"] if known else None
            if month in released:
                self.planned.pop((product, month), None)
                after = released[month]["type"]
                if before not in (None, family_of(after)):
                    self.plan_changed(product, month, before, after)
            elif month in told:
                after = told[month].type
                if before != after:
                    self.planned[product, month] = {"product": product, "month": month, "type": after, "source": source}
                    self.plan_changed(product, month, before, after)
            else:
                words = f"{page.title} hotpatch calendar, {product}: {month}, planned as {before} in the table, is not there."
                if not self.doubt(Finding(product, month, "planned", words)):
                    del self.planned[product, month]
                    self.plan_changed(product, month, before, None)

    @staticmethod
    def monthly(record: Mapping[str, Any], product: str) -> bool:
        """Whether a record is what a month of the product's calendar was planned for."""
        return bool(record["product"] == product and record["type"] in CALENDAR_TYPES)

    def plan_changed(self, product: str, month: str, before: str | None, after: str | None) -> None:
        """Report a planned month."""
        self.planned_changed.append({"product": product, "month": month, "before": before, "after": after})

    # --- witnesses -----------------------------------------------------------------------------------------------

    def document(self, document: Document, now: datetime) -> None:
        """Hold a month's security document against the table; it changes nothing."""
        self.ignored.update(document.ignored)
        self.notes += document.notes
        for fix in document.fixes:
            self.fix(fix, document)
        told = {fix.key for fix in document.fixes}
        for key, record in self.records.items():
            day = date.fromisoformat(record["date"])
            due = (
                record["type"] in CALENDAR_TYPES and month_of(record) == document.month and calendar.released(day, now)
            )
            if due and key not in told:
                words = f"does not list {record['kb']}, {record['build']}, of {record['product']}; that proves nothing."
                self.notes.append(f"MSRC {document.id}: {words}")

    def fix(self, fix: Fix, document: Document) -> None:
        """Hold one KB of a document against the table."""
        where = f"MSRC {document.id}, {fix.product}: {fix.kb}, 10.0.{fix.build}, {shown(fix.subtype, SHOWN)!r}"
        known = self.records.get(fix.key)
        mine = [record for record in self.records.values() if record["product"] == fix.product]
        if known is not None:
            if fix.hotpatch != (known["type"] in HOTPATCHES):
                self.look_at(Finding(*fix.key, f"{where}: the table has it as {known['type']}."))
            elif month_of(known) != document.month:
                words = f"{where}: carried over from {month_of(known)} ({fix.count} times)."
                self.carry_overs[words] = Finding(*fix.key, words)
            return
        same_kb = [record["build"] for record in mine if record["kb"] == fix.kb]
        same_build = [f"{record['kb']} ({record['type']})" for record in mine if record["build"] == fix.build]
        if same_kb:
            self.doubt(Finding(*fix.key, f"{where}: the table has it with build {', '.join(same_kb)}."))
        elif same_build:
            self.look_at(Finding(*fix.key, f"{where}: has the build of {', '.join(same_build)}."))
        else:
            kind = "a hotpatch out of band, or carried over" if fix.hotpatch else "an update"
            self.look_at(Finding(*fix.key, f"{where}: {kind} that the table does not have."))

    # --- outcome -------------------------------------------------------------------------------------------------

    def doubt(self, finding: Finding) -> bool:
        """Keep a contradiction; False when a person has accepted it."""
        if finding.id in self.accept:
            self.unused.discard(finding.id)
            self.notes.append(f"Accepted: {finding.message}")
            return False
        self.contradictions[finding.id, finding.message] = finding
        return True

    def look_at(self, finding: Finding) -> None:
        """Keep a row for a person."""
        self.review[finding.id, finding.message] = finding


def merge(
    table: Mapping[str, Any],
    pages: Sequence[Page],
    documents: Sequence[Document],
    now: datetime,
    accept: Collection[str] = (),
) -> Merged:
    """The table with what pages state and documents confirm; `accept` are contradictions as `product/KB/build`.

    :raises TableError: a broken table
    :raises MergeError: a word of `accept` that cannot name a contradiction
    """
    ReleaseTable.load(table)
    for word in accept:
        if not ACCEPT.fullmatch(word):
            raise MergeError(
                f"accept: {shown(word, SHOWN)!r} is not known; 'product/KB/build' is expected, as a contradiction's id says."
            )
    merger = _Merger(table, accept)
    for page in pages:
        merger.page(page)
    for document in documents:
        merger.document(document, now)
    for word in sorted(merger.unused):
        merger.notes.append(f"accept: {word} contradicts nothing any more and can be left out.")

    result = dict(table)
    old = {key_of(record): record for record in table["releases"]}
    planned = {(record["product"], record["month"]): record for record in table.get("planned", [])}
    changed = merger.records != old or merger.planned != planned
    if changed:
        result["compiled"] = max(str(table["compiled"]), now.date().isoformat())
        result["releases"] = sorted(
            merger.records.values(),
            key=lambda record: (record["product"], record["date"], record["kb"], record["build"]),
        )
        result["planned"] = [merger.planned[key] for key in sorted(merger.planned)]
        ReleaseTable.load(result)
    return Merged(
        table=result,
        changed=changed,
        added=tuple(merger.added[key] for key in sorted(merger.added)),
        updated=tuple(merger.updated[key] for key in sorted(merger.updated)),
        planned_changed=tuple(merger.planned_changed),
        contradictions=tuple(merger.contradictions.values()),
        carry_overs=tuple(merger.carry_overs.values()),
        review=tuple(merger.review.values()),
        ignored=dict(sorted(merger.ignored.items())),
        notes=tuple(merger.notes),
    )


def freshness(table: ReleaseTable, now: datetime) -> dict[str, Any]:
    """Whether the table has the newest Patch Tuesday that is out at `now`, for each of its products.

    `{newest_release, newest_patch_tuesday, outdated, missing: [products]}`; days are ISO dates. A product is missing when
    the table has neither a baseline nor a hotpatch of that day; updates out of band do not count.
    """
    newest = calendar.patch_tuesday(now.year, now.month)
    if not calendar.released(newest, now):
        month_before = now - timedelta(days=now.day)
        newest = calendar.patch_tuesday(month_before.year, month_before.month)
    products = {release.product for release in table.releases}
    missing = sorted(name for name in products if any(table.unknown_months(name, now, newest - date.resolution)))
    return {
        "newest_release": table.about()["newest"],
        "newest_patch_tuesday": newest.isoformat(),
        "outdated": bool(missing),
        "missing": missing,
    }
