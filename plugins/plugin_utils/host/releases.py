# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release table: which build and KB of which product is a baseline, a hotpatch, or throws a host off its track."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime
from pathlib import Path
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base import patch_tuesday as calendar
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import KB, shown

SHIPPED = Path(__file__).parent / "data" / "releases.json"
BASELINES = frozenset({"baseline", "unplanned_baseline"})
NO_RESTART = frozenset({"hotpatch", "oob_hotpatch"})
# What only an enrolled host is offered; whether the fix for WSUS restarts is not stated anywhere.
HOTPATCHES = NO_RESTART | {"oob_wsus_fix"}
# Installed in a hotpatch month, these end the track until the next baseline.
OFF_TRACK = frozenset({"ordinary", "oob_lcu"})
TYPES = BASELINES | HOTPATCHES | OFF_TRACK
# Every product of the table and the build family it has.
PRODUCTS = {
    "windows_11_24h2": "26100",
    "windows_11_25h2": "26200",
    "windows_server_2022_azure_edition": "20348",
    "windows_server_2025": "26100",
}
PLANNED_TYPES = frozenset({"baseline", "hotpatch"})
CONFIDENCE = frozenset({"calendar", "vendor_page", "secondary", "derived"})
SHOWN = 80
# No calendar is announced further ahead.
MONTHS_AHEAD = 24
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
FIELDS = ("product", "date", "kb", "build", "type", "restart", "confidence", "source", "note")
PLANNED_FIELDS = ("product", "month", "type", "source")
TABLE_FIELDS = ("schema", "compiled", "releases", "planned", "omitted", "$schema")
ONE_PRODUCT = f"one of {', '.join(PRODUCTS)}"


class TableError(ValueError):
    """A broken release table; the message names the record, the field and what is allowed."""


def revision(build: str) -> tuple[int, int]:
    """A build as numbers that compare: family and revision."""
    family, _dot, number = build.partition(".")
    return int(family), int(number)


@dataclass(frozen=True)
class Release:
    """One update of one product."""

    product: str
    date: date
    kb: str
    build: str
    type: str
    restart: bool | None
    confidence: str
    source: str
    note: str | None

    @property
    def keeps_track(self) -> bool:
        """Whether a host that installs it stays on the hotpatch track."""
        return self.type not in OFF_TRACK

    def brief(self) -> dict[str, str]:
        """`{kb, build, date}`, as results show a release."""
        return {"kb": self.kb, "build": self.build, "date": self.date.isoformat()}


@dataclass(frozen=True)
class Planned:
    """A month of the calendar that is announced and not released yet; its type may still change."""

    product: str
    month: str
    type: str

    @property
    def date(self) -> date:
        """The Patch Tuesday of that month."""
        return calendar.patch_tuesday(int(self.month[:4]), int(self.month[5:]))


def _of_a_month(release: Release) -> bool:
    """Whether it is what a month of the calendar brought: a baseline or a hotpatch."""
    return release.type in BASELINES or release.type == "hotpatch"


def _record(where: str, value: object, fields: Iterable[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TableError(f"{where} is {_short(value)}; a mapping is expected.")
    for name in value:
        if name not in fields:
            raise TableError(f"{where}: field {_short(name)} is not known; one of {', '.join(fields)} is expected.")
    return value


def _short(value: object) -> str:
    """A wrong value as an error shows it."""
    words = repr(value)
    return words if len(words) <= SHOWN else words[:SHOWN] + "..."


def _records(
    data: Mapping[str, Any], name: str, fields: Iterable[str], *, required: bool
) -> list[tuple[str, Mapping[str, Any]]]:
    """The records of a list of the table, each with the words that name it in an error."""
    found = data.get(name, None if required else [])
    if not isinstance(found, list):
        raise TableError(f"field {name} is {_short(found)}; a list of records is expected.")
    result = []
    for index, value in enumerate(found):
        keys = [key for key in ("product", "kb", "build", "month") if isinstance(value, Mapping) and key in value]
        label = " ".join(shown(value[key], SHOWN) for key in keys)
        where = f"record {name}[{index}]" + (f" ({label})" if label else "")
        result.append((where, _record(where, value, fields)))
    return result


def _field(
    where: str, record: Mapping[str, Any], name: str, allowed: re.Pattern[str] | Iterable[str], hint: str
) -> str:
    value = record.get(name)
    good = isinstance(value, str) and (
        allowed.fullmatch(value) if isinstance(allowed, re.Pattern) else value in allowed
    )
    if not isinstance(value, str) or not good:
        raise TableError(f"{where}: field {name} is {_short(value)}; {hint} is expected.")
    return value


def _release(where: str, record: Mapping[str, Any]) -> Release:
    """A checked record.

    :raises TableError: naming record, field and what is allowed
    """
    text = re.compile(r".+", re.DOTALL)
    day = _field(where, record, "date", DAY, "a date like 2026-09-08")
    try:
        parsed = date.fromisoformat(day)
    except ValueError as error:
        raise TableError(f"{where}: field date is {_short(day)}; a date like 2026-09-08 is expected.") from error
    restart = record.get("restart")
    if restart is not None and not isinstance(restart, bool):
        raise TableError(f"{where}: field restart is {_short(restart)}; true, false or null is expected.")
    note = record.get("note")
    if note is not None and not isinstance(note, str):
        raise TableError(f"{where}: field note is {_short(note)}; a text or null is expected.")
    product = _field(where, record, "product", PRODUCTS, ONE_PRODUCT)
    build = re.compile(rf"{PRODUCTS[product]}\.[0-9]{{1,6}}")
    return Release(
        product=product,
        date=parsed,
        kb=_field(where, record, "kb", KB, "a KB like KB5122871"),
        build=_field(where, record, "build", build, f"a build of this product, like {PRODUCTS[product]}.4321,"),
        type=_field(where, record, "type", TYPES, f"one of {', '.join(sorted(TYPES))}"),
        restart=restart,
        confidence=_field(where, record, "confidence", CONFIDENCE, f"one of {', '.join(sorted(CONFIDENCE))}"),
        source=_field(where, record, "source", text, "a text that names the source"),
        note=note,
    )


def _planned(where: str, record: Mapping[str, Any]) -> Planned:
    return Planned(
        product=_field(where, record, "product", PRODUCTS, ONE_PRODUCT),
        month=_field(where, record, "month", MONTH, "a month like 2026-10"),
        type=_field(where, record, "type", PLANNED_TYPES, f"one of {', '.join(sorted(PLANNED_TYPES))}"),
    )


def shipped() -> Any:
    """The content of the collection's own table."""
    return json.loads(SHIPPED.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class ReleaseTable:
    """All releases, oldest first, and the planned months."""

    releases: tuple[Release, ...]
    planned: tuple[Planned, ...]
    compiled: str

    @classmethod
    def load(cls, data: object, extend: object = None) -> ReleaseTable:
        """A table from its JSON content; records of `extend` replace those of the same product, KB and build.

        :raises TableError: naming the record, the field and what is allowed
        """
        releases: dict[tuple[str, str, str], Release] = {}
        planned: dict[tuple[str, str], Planned] = {}
        compiled = ""
        for part in (data, extend):
            if part is None:
                continue
            content = _record("the table", part, TABLE_FIELDS)
            if content.get("schema") != 1:
                raise TableError(f"field schema is {_short(content.get('schema'))}; 1 is expected.")
            day = _field("the table", content, "compiled", DAY, "a date like 2026-11-22")
            compiled = max(compiled, day)
            mine: set[tuple[str, str, str]] = set()
            for where, record in _records(content, "releases", FIELDS, required=part is data):
                release = _release(where, record)
                key = (release.product, release.kb, release.build)
                if key in mine:
                    raise TableError(f"{where}: fields product, kb and build stand twice; once is expected.")
                mine.add(key)
                releases[key] = release
            for where, record in _records(content, "planned", PLANNED_FIELDS, required=False):
                month = _planned(where, record)
                planned[month.product, month.month] = month
        if not releases:
            raise TableError("field releases is empty; at least one record is expected.")
        return cls(
            tuple(sorted(releases.values(), key=lambda release: (release.date, release.product, release.kb))),
            tuple(sorted(planned.values(), key=lambda month: (month.month, month.product))),
            compiled,
        )

    def about(self) -> dict[str, str]:
        """`{newest, compiled}`: the day of the newest release, and when the table was made."""
        return {"newest": self.releases[-1].date.isoformat(), "compiled": self.compiled}

    def of(self, product: str, now: datetime) -> tuple[Release, ...]:
        """The product's releases that are out at `now`, oldest first."""
        return tuple(
            release for release in self.releases if release.product == product and calendar.released(release.date, now)
        )

    def at(self, product: str, build: str) -> tuple[Release, ...]:
        """The product's releases of a build; two can share one (KB5070881 and KB5070893)."""
        return tuple(release for release in self.releases if release.product == product and release.build == build)

    def baselines(self, product: str, now: datetime) -> tuple[Release, ...]:
        """The product's baselines that are out at `now`, oldest first."""
        return tuple(release for release in self.of(product, now) if release.type in BASELINES)

    def planned_type(self, product: str, day: date, now: datetime) -> str | None:
        """What the calendar said at `now` of a Patch Tuesday: `baseline` or `hotpatch`; None when nothing is known.

        A row that is not out at `now` was announced by then: an unplanned baseline as the hotpatch it was planned to be.
        """
        for release in self.releases:
            if release.product == product and release.date == day:
                if release.type in BASELINES and (release.type == "baseline" or calendar.released(day, now)):
                    return "baseline"
                if release.type in ("hotpatch", "unplanned_baseline"):
                    return "hotpatch"
        for month in self.planned:
            if month.product == product and month.date == day:
                return month.type
        return None

    def next_baseline(self, product: str, now: datetime) -> date | None:
        """The day of the first baseline that is announced and not out yet; None when none is."""
        day = calendar.patch_tuesday(now.year, now.month)
        for _month in range(MONTHS_AHEAD):
            if not calendar.released(day, now) and self.planned_type(product, day, now) == "baseline":
                return day
            if day.year == MAXYEAR:
                break
            day = calendar.next_patch_tuesday(day)
        return None

    def reaches(self, product: str, day: date) -> bool:
        """Whether the table has a release of the product on a day or after it, out or not."""
        return any(release.product == product and release.date >= day for release in self.releases)

    def gaps(self, product: str, after: date, before: date) -> list[date]:
        """Patch Tuesdays between two days of which the table has neither a baseline nor a hotpatch."""
        days = {release.date for release in self.releases if release.product == product and _of_a_month(release)}
        between = calendar.patch_tuesdays(after, calendar.release_moment(before))
        return [day for day in between if day < before and day not in days]

    def unknown_months(self, product: str, now: datetime, since: date | None = None) -> tuple[list[date], list[date]]:
        """Patch Tuesdays that the table lacks, those planned as hotpatch and all others: since a day, or the newest release.

        A month the table does not know may have been a baseline: five of nine were in 2026.
        """
        own = self.of(product, now)
        if not own:
            return [], []
        hotpatch_months = {
            month.date for month in self.planned if month.product == product and month.type == "hotpatch"
        }
        known = {release.date for release in own if _of_a_month(release)}
        missed = [day for day in calendar.patch_tuesdays(since or own[-1].date, now) if day not in known]
        return [day for day in missed if day in hotpatch_months], [day for day in missed if day not in hotpatch_months]
