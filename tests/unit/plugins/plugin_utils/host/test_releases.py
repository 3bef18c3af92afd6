# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release table: what a broken one is told, what it answers, and that the shipped one kept its sources."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import Release, ReleaseTable, TableError

ROOT = Path(__file__).resolve().parents[5]
SCHEMA = json.loads((ROOT / "docs" / "releases.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker(["date"]))
S25, S22, W24, W25 = (
    "windows_server_2025",
    "windows_server_2022_azure_edition",
    "windows_11_24h2",
    "windows_11_25h2",
)
SHIPPED = releases.shipped()
PRODUCTS = f"one of {W24}, {W25}, {S22}, {S25}"
TYPES = "one of baseline, hotpatch, oob_hotpatch, oob_lcu, oob_wsus_fix, ordinary, unplanned_baseline"
CONFIDENCE = "one of calendar, derived, secondary, vendor_page"
FIELDS = "one of product, date, kb, build, type, restart, confidence, source, note"
LEARN = (
    "Microsoft Learn, Windows Server release information, section Windows Server hotpatch calendar (markdown snapshot"
    " of 2026-05-25 kept in a public ISO-build repo as tests/snapshots/poc_release_info/release-info-2026-05-25.md)"
)


def record(**fields: Any) -> dict[str, Any]:
    """A good record, changed by `fields`."""
    return {
        "product": S25,
        "date": "2026-07-14",
        "kb": "KB5099536",
        "build": "26100.33158",
        "type": "baseline",
        "restart": True,
        "confidence": "calendar",
        "source": "A page.",
        "note": None,
        **fields,
    }


def planned(month: str, kind: str, product: str = S25) -> dict[str, Any]:
    """A planned month."""
    return {"product": product, "month": month, "type": kind, "source": "A page."}


def table(*records: Any, **fields: Any) -> dict[str, Any]:
    """A table of records."""
    return {"schema": 1, "compiled": "2026-11-22", "releases": list(records), **fields}


def at(day: str, hour: int = 20) -> datetime:
    """A moment of a day, UTC."""
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


def kbs(found: tuple[Release, ...]) -> list[str]:
    """The KBs of releases."""
    return [release.kb for release in found]


def error(data: object, extend: object = None) -> str:
    """What a broken table is told."""
    with pytest.raises(TableError) as caught:
        ReleaseTable.load(data, extend)
    assert isinstance(caught.value, ValueError)
    return str(caught.value)


# --- broken tables ---------------------------------------------------------------------------------------------------

SHOW_ALL, CUT = "x" * 78, "x" * 79
BAD_FIELDS: list[tuple[str, list[Any], str]] = [
    (
        "product",
        [None, "", "windows_server_2019", "Windows_Server_2025", "windows_server_2025 ", 2025, [S25], {}, SHOW_ALL],
        PRODUCTS,
    ),
    (
        "date",
        [
            None,
            "",
            "2026-9-8",
            "08.09.2026",
            "2026-09-08T17:00:00Z",
            "2026-13-01",
            "2026-02-29",
            "2026-00-10",
            "0000-01-01",
            "20260908",
            "2026-W37-2",
            " 2026-09-08",
            20260908,
            ["2026-09-08"],
        ],
        "a date like 2026-09-08",
    ),
    (
        "kb",
        [None, "", "5099536", "kb5099536", "KB 5099536", "KB12345", "KB123456789", "KB5099536 ", "KB50995x6", 5099536],
        "a KB like KB5122871",
    ),
    (
        "build",
        [
            None,
            "",
            "26100",
            "26100.",
            "26100.1234567",
            "26100.1.1",
            "2610.1",
            "261000.1",
            "26100x1",
            "26200.1",
            "20348.1",
            "26100.33158 ",
            26100.33158,
            [26100, 1],
        ],
        "a build of this product, like 26100.4321,",
    ),
    ("type", [None, "", "Baseline", "lcu", "planned", 1, ["baseline"]], TYPES),
    ("restart", ["", "true", "no", 0, 1, [], {}], "true, false or null"),
    ("confidence", [None, "", "high", "Calendar", 1, {}], CONFIDENCE),
    ("source", [None, "", 1, [], ["A page."], {}], "a text that names the source"),
    ("note", [0, 1, True, [], {}, ["text"]], "a text or null"),
]
BAD_PLANNED: list[tuple[str, list[Any], str]] = [
    ("product", [None, "", "windows_server_2019", 1, [S25]], PRODUCTS),
    (
        "month",
        [None, "", "2026-00", "2026-13", "2026-9", "2026-10-13", "October", "2026-20", " 2026-10", "12026-10", 202610],
        "a month like 2026-10",
    ),
    ("type", [None, "", "unplanned_baseline", "oob_lcu", "ordinary", 1], "one of baseline, hotpatch"),
]


def cases(fields: list[tuple[str, list[Any], str]]) -> list[tuple[str, Any, str]]:
    """Each bad value of each field."""
    return [(name, value, hint) for name, values, hint in fields for value in values]


@pytest.mark.parametrize(("name", "value", "hint"), cases(BAD_FIELDS))
def test_bad_field_of_a_release(name: str, value: object, hint: str) -> None:
    bad = record(**{name: value})
    label = " ".join(str(bad[key]) for key in ("product", "kb", "build") if str(bad[key]))
    said = error(table(record(kb="KB5000001"), bad))
    assert said == error(table(), table(bad)).replace("releases[0]", "releases[1]")
    assert said.startswith("record releases[1] (")
    assert " ".join(label.split()) in " ".join(said.split())
    assert said.endswith(f": field {name} is {value!r}; {hint} is expected.")
    assert not VALIDATOR.is_valid(table(bad))


@pytest.mark.parametrize("name", ["product", "date", "kb", "build", "type", "confidence", "source"])
def test_missing_field_of_a_release(name: str) -> None:
    bad = record()
    del bad[name]
    hint = next(hint for field, _values, hint in BAD_FIELDS if field == name)
    label = " ".join(bad[key] for key in ("product", "kb", "build") if key in bad)
    assert error(table(bad)) == f"record releases[0] ({label}): field {name} is None; {hint} is expected."
    assert not VALIDATOR.is_valid(table(bad))


@pytest.mark.parametrize("name", ["restart", "note"])
def test_a_release_may_leave_out(name: str) -> None:
    good = record()
    del good[name]
    VALIDATOR.validate(table(good))
    assert getattr(ReleaseTable.load(table(good)).releases[0], name) is None


@pytest.mark.parametrize(("product", "family"), [(S25, "26100"), (W24, "26100"), (W25, "26200"), (S22, "20348")])
def test_builds_belong_to_their_product(product: str, family: str) -> None:
    good = table(record(product=product, build=f"{family}.1"), record(product=product, build=f"{family}.123456"))
    VALIDATOR.validate(good)
    assert [release.build for release in ReleaseTable.load(good).releases] == [f"{family}.1", f"{family}.123456"]
    for other in {"26100", "26200", "20348", "26300"} - {family}:
        bad = table(record(product=product, build=f"{other}.1"))
        assert error(bad) == (
            f"record releases[0] ({product} KB5099536 {other}.1): field build is '{other}.1';"
            f" a build of this product, like {family}.4321, is expected."
        )
        assert not VALIDATOR.is_valid(bad)


@pytest.mark.parametrize("kb", ["KB123456", "KB1234567", "KB12345678"])
@pytest.mark.parametrize("source", ["x", "two\nlines"])
def test_edges_of_good_fields(kb: str, source: str) -> None:
    good = table(record(kb=kb, source=source, note="", restart=None))
    VALIDATOR.validate(good)
    release = ReleaseTable.load(good).releases[0]
    assert (release.kb, release.source, release.note, release.restart) == (kb, source, "", None)


@pytest.mark.parametrize(("name", "value", "hint"), cases(BAD_PLANNED))
def test_bad_field_of_a_planned_month(name: str, value: object, hint: str) -> None:
    bad = {**planned("2026-10", "baseline"), name: value}
    data = table(record(), planned=[planned("2026-11", "hotpatch"), bad])
    said = error(data)
    assert said.startswith("record planned[1] (")
    assert said.endswith(f": field {name} is {value!r}; {hint} is expected.")
    assert not VALIDATOR.is_valid(data)


@pytest.mark.parametrize("name", ["product", "month", "type"])
def test_missing_field_of_a_planned_month(name: str) -> None:
    bad = planned("2026-10", "baseline")
    del bad[name]
    hint = next(hint for field, _values, hint in BAD_PLANNED if field == name)
    label = " ".join(bad[key] for key in ("product", "month") if key in bad)
    data = table(record(), planned=[bad])
    assert error(data) == f"record planned[0] ({label}): field {name} is None; {hint} is expected."
    assert not VALIDATOR.is_valid(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "field releases is empty; at least one record is expected."),
        ([], "the table is []; a mapping is expected."),
        ("text", "the table is 'text'; a mapping is expected."),
        (0, "the table is 0; a mapping is expected."),
        ({}, "field schema is None; 1 is expected."),
        (table(record(), schema=0), "field schema is 0; 1 is expected."),
        (table(record(), schema=2), "field schema is 2; 1 is expected."),
        (table(record(), schema="1"), "field schema is '1'; 1 is expected."),
        (
            table(record(), compiled=None),
            "the table: field compiled is None; a date like 2026-11-22 is expected.",
        ),
        (
            table(record(), compiled="November"),
            "the table: field compiled is 'November'; a date like 2026-11-22 is expected.",
        ),
        (
            table(record(), compiled=20261122),
            "the table: field compiled is 20261122; a date like 2026-11-22 is expected.",
        ),
        (table(), "field releases is empty; at least one record is expected."),
        (table(releases=None), "field releases is None; a list of records is expected."),
        (table(releases={}), "field releases is {}; a list of records is expected."),
        (
            {"schema": 1, "compiled": "2026-11-22"},
            "field releases is None; a list of records is expected.",
        ),
        (table(record(), planned=None), "field planned is None; a list of records is expected."),
        (table(record(), planned={}), "field planned is {}; a list of records is expected."),
        (table(None), "record releases[0] is None; a mapping is expected."),
        (table(record(), "KB5099536"), "record releases[1] is 'KB5099536'; a mapping is expected."),
        (table(record(), planned=[[]]), "record planned[0] is []; a mapping is expected."),
        (table({}), f"record releases[0]: field date is None; {BAD_FIELDS[1][2]} is expected."),
        (
            table(record(), product=S25),
            "the table: field 'product' is not known;"
            " one of schema, compiled, releases, planned, omitted, $schema is expected.",
        ),
        (
            table(record(restrat=True)),
            f"record releases[0] ({S25} KB5099536 26100.33158): field 'restrat' is not known; {FIELDS} is expected.",
        ),
        (
            table(record(), planned=[{**planned("2026-10", "baseline"), "kb": "KB1"}]),
            f"record planned[0] ({S25} KB1 2026-10): field 'kb' is not known;"
            " one of product, month, type, source is expected.",
        ),
        (
            table(record(), record(type="hotpatch")),
            f"record releases[1] ({S25} KB5099536 26100.33158):"
            " fields product, kb and build stand twice; once is expected.",
        ),
    ],
)
def test_broken_table(data: object, said: str) -> None:
    assert error(data) == said
    # The same of the table that extends; that one may hold no releases.
    if data is not None and data not in (table(), {"schema": 1, "compiled": "2026-11-22"}):
        assert error(table(record()), data) == said


def test_a_long_wrong_value_is_cut() -> None:
    # The quotes count: 78 characters make 80.
    assert f"field type is '{SHOW_ALL}';" in error(table(record(type=SHOW_ALL)))
    assert f"field type is '{CUT}...;" in error(table(record(type=CUT)))
    assert error("y" * 200) == f"the table is '{'y' * 79}...; a mapping is expected."


def test_the_label_of_a_record_is_cut_and_harmless() -> None:
    bad = record(product="p" * 90, kb="\x1b[31m", build="1\n2")
    assert error(table(bad)).startswith(f"record releases[0] ({'p' * 80} ?[31m 1 2): field product is 'ppp")


def test_the_first_error_counts() -> None:
    assert "record releases[1]" in error(table(record(), record(kb="x"), record(build="y")))


# --- loading ---------------------------------------------------------------------------------------------------------


def test_a_record_is_kept_whole() -> None:
    loaded = ReleaseTable.load(table(record(note="A note."), planned=[planned("2026-10", "baseline")]))
    assert loaded.releases == (
        Release(
            product=S25,
            date=date(2026, 7, 14),
            kb="KB5099536",
            build="26100.33158",
            type="baseline",
            restart=True,
            confidence="calendar",
            source="A page.",
            note="A note.",
        ),
    )
    assert loaded.planned == (releases.Planned(S25, "2026-10", "baseline"),)
    assert loaded.planned[0].date == date(2026, 10, 13)
    assert loaded.releases[0].brief() == {"kb": "KB5099536", "build": "26100.33158", "date": "2026-07-14"}
    assert loaded.about() == {"newest": "2026-07-14", "compiled": "2026-11-22"}


@pytest.mark.parametrize("month", [f"20{year}-{month:02}" for year in (25, 26) for month in range(1, 13)])
def test_the_day_of_a_planned_month(month: str) -> None:
    day = releases.Planned(S25, month, "hotpatch").date
    assert day.isoformat().startswith(month)
    assert day.isoweekday() == 2
    assert 8 <= day.day <= 14


@pytest.mark.parametrize(
    ("kind", "keeps"),
    [
        ("baseline", True),
        ("unplanned_baseline", True),
        ("hotpatch", True),
        ("oob_hotpatch", True),
        ("oob_wsus_fix", True),
        ("ordinary", False),
        ("oob_lcu", False),
    ],
)
def test_what_keeps_the_track(kind: str, keeps: bool) -> None:
    assert ReleaseTable.load(table(record(type=kind))).releases[0].keeps_track is keeps


def test_kinds() -> None:
    assert {"baseline", "unplanned_baseline"} == releases.BASELINES
    assert {"hotpatch", "oob_hotpatch", "oob_wsus_fix"} == releases.HOTPATCHES
    assert {"ordinary", "oob_lcu"} == releases.OFF_TRACK
    assert releases.TYPES == releases.BASELINES | releases.HOTPATCHES | releases.OFF_TRACK
    assert len(releases.TYPES) == 7


@pytest.mark.parametrize(
    ("build", "numbers"),
    [
        ("26100.33222", (26100, 33222)),
        ("26100.0", (26100, 0)),
        ("20348.525", (20348, 525)),
        ("26200.10000", (26200, 10000)),
    ],
)
def test_revision(build: str, numbers: tuple[int, int]) -> None:
    assert releases.revision(build) == numbers


def test_revisions_compare_as_numbers() -> None:
    builds = ["26200.1", "26100.33158", "26100.9445", "20348.5631", "26100.10000"]
    assert sorted(builds, key=releases.revision) == [
        "20348.5631",
        "26100.9445",
        "26100.10000",
        "26100.33158",
        "26200.1",
    ]


ORDERED = [
    record(product=S22, date="2026-04-14", kb="KB5000009", build="20348.9"),
    record(product=S22, kb="KB5000008", build="20348.8"),
    record(kb="KB5000001", build="26100.9"),
    record(kb="KB5000002", build="26100.1"),
    record(product=W24, date="2026-08-11", kb="KB5000000", build="26100.0"),
]


@pytest.mark.parametrize("order", list(permutations(range(5)))[::7])
def test_releases_are_ordered_by_date_product_and_kb(order: tuple[int, ...]) -> None:
    loaded = ReleaseTable.load(table(*[ORDERED[index] for index in order]))
    assert kbs(loaded.releases) == [one["kb"] for one in ORDERED]
    assert loaded.about()["newest"] == "2026-08-11"


MONTHS = [
    planned("2026-10", "baseline", S22),
    planned("2026-10", "baseline", S25),
    planned("2026-11", "hotpatch", W24),
    planned("2027-01", "baseline", S22),
]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_planned_months_are_ordered_by_month_and_product(order: tuple[int, ...]) -> None:
    loaded = ReleaseTable.load(table(record(), planned=[MONTHS[index] for index in order]))
    assert [(one.month, one.product) for one in loaded.planned] == [(one["month"], one["product"]) for one in MONTHS]


def test_the_same_kb_may_stand_for_other_products_and_builds() -> None:
    loaded = ReleaseTable.load(
        table(
            record(product=W24),
            record(),
            record(build="26100.1"),
            record(kb="KB5000001"),
        )
    )
    assert len(loaded.releases) == 4


def test_extending_adds_and_replaces() -> None:
    own = table(
        record(),
        record(kb="KB5000001", build="26100.1", type="hotpatch"),
        planned=[planned("2026-10", "baseline"), planned("2026-11", "hotpatch")],
    )
    more = table(
        record(type="unplanned_baseline", source="Another page.", date="2026-07-15"),
        record(kb="KB5000002", build="26100.2", date="2026-08-11", type="hotpatch"),
        planned=[planned("2026-11", "baseline"), planned("2026-12", "hotpatch"), planned("2026-11", "hotpatch", S22)],
    )
    before = copy.deepcopy((own, more))
    loaded = ReleaseTable.load(own, more)
    assert [(release.kb, release.type, release.source) for release in loaded.releases] == [
        ("KB5000001", "hotpatch", "A page."),
        ("KB5099536", "unplanned_baseline", "Another page."),
        ("KB5000002", "hotpatch", "A page."),
    ]
    assert [(month.product, month.month, month.type) for month in loaded.planned] == [
        (S25, "2026-10", "baseline"),
        (S22, "2026-11", "hotpatch"),
        (S25, "2026-11", "baseline"),
        (S25, "2026-12", "hotpatch"),
    ]
    assert (own, more) == before


def test_an_extension_may_hold_planned_months_alone() -> None:
    more = {"schema": 1, "compiled": "2026-11-22", "planned": [planned("2026-10", "baseline")]}
    VALIDATOR.validate(more)
    assert len(ReleaseTable.load(table(record()), more).planned) == 1


def test_an_extension_alone_is_a_table() -> None:
    assert kbs(ReleaseTable.load(None, table(record())).releases) == ["KB5099536"]


def test_nothing_can_be_changed() -> None:
    loaded = ReleaseTable.load(table(record(), planned=[planned("2026-10", "baseline")]))
    for one, name in ((loaded, "compiled"), (loaded.releases[0], "type"), (loaded.planned[0], "type")):
        with pytest.raises(FrozenInstanceError):
            setattr(one, name, "hotpatch")


def test_a_duplicate_within_the_extension_is_an_error() -> None:
    assert "releases[1]" in error(table(record()), table(record(), record(type="hotpatch")))


@pytest.mark.parametrize(
    ("own", "more", "compiled"),
    [
        ("2026-11-22", "2026-11-23", "2026-11-23"),
        ("2026-11-22", "2026-11-21", "2026-11-22"),
        ("2026-11-22", "2026-11-22", "2026-11-22"),
    ],
)
def test_the_newer_part_tells_when_the_table_was_compiled(own: str, more: str, compiled: str) -> None:
    loaded = ReleaseTable.load(table(record(), compiled=own), table(record(), compiled=more))
    assert loaded.about() == {"newest": "2026-07-14", "compiled": compiled}


# --- answers ---------------------------------------------------------------------------------------------------------

# Through JSON, so that equal texts are not the same objects.
YEAR_JSON = json.dumps(
    table(
        record(date="2026-04-14", kb="KB5000004", build="26100.4", type="baseline"),
        record(date="2026-05-12", kb="KB5000005", build="26100.5", type="hotpatch"),
        record(date="2026-05-12", kb="KB5000055", build="26100.55", type="ordinary"),
        record(date="2026-05-12", kb="KB5000022", build="20348.5", type="baseline", product=S22),
        record(date="2026-06-09", kb="KB5000006", build="26100.6", type="unplanned_baseline"),
        record(date="2026-06-15", kb="KB5000066", build="26100.6", type="oob_lcu"),
        record(date="2026-05-13", kb="KB5000007", build="26100.6", type="hotpatch", product=W24),
        planned=[
            planned("2026-06", "hotpatch"),
            planned("2026-07", "baseline"),
            planned("2026-08", "hotpatch"),
            planned("2026-09", "hotpatch", S22),
            planned("2026-10", "baseline"),
            planned("2026-08", "baseline", S22),
        ],
    )
)
YEAR = ReleaseTable.load(json.loads(YEAR_JSON))


@pytest.mark.parametrize(
    ("product", "now", "out"),
    [
        (S25, at("2026-04-14", 16), []),
        (S25, at("2026-04-14", 17), ["KB5000004"]),
        (S25, at("2026-06-09", 16), ["KB5000004", "KB5000005", "KB5000055"]),
        (S25, at("2026-06-09", 17), ["KB5000004", "KB5000005", "KB5000055", "KB5000006"]),
        (S25, at("2027-01-01"), ["KB5000004", "KB5000005", "KB5000055", "KB5000006", "KB5000066"]),
        (S22, at("2027-01-01"), ["KB5000022"]),
        (W24, at("2027-01-01"), ["KB5000007"]),
        (W25, at("2027-01-01"), []),
        ("zzz", at("2027-01-01"), []),
        ("", at("2027-01-01"), []),
    ],
)
def test_releases_that_are_out(product: str, now: datetime, out: list[str]) -> None:
    assert kbs(YEAR.of("".join(list(product)), now)) == out


@pytest.mark.parametrize(
    ("product", "build", "found"),
    [
        (S25, "26100.6", ["KB5000006", "KB5000066"]),
        (S25, "26100.5", ["KB5000005"]),
        (S25, "26100.55", ["KB5000055"]),
        (W24, "26100.6", ["KB5000007"]),
        (W24, "26100.5", []),
        (S25, "26100.7", []),
        (S25, "20348.5", []),
    ],
)
def test_releases_of_a_build(product: str, build: str, found: list[str]) -> None:
    assert kbs(YEAR.at("".join(list(product)), "".join(list(build)))) == found


@pytest.mark.parametrize(
    ("product", "now", "found"),
    [
        (S25, at("2026-04-14", 16), []),
        (S25, at("2026-05-30"), ["KB5000004"]),
        (S25, at("2026-06-09", 16), ["KB5000004"]),
        (S25, at("2026-06-09", 17), ["KB5000004", "KB5000006"]),
        (S25, at("2027-01-01"), ["KB5000004", "KB5000006"]),
        (S22, at("2027-01-01"), ["KB5000022"]),
        (W24, at("2027-01-01"), []),
    ],
)
def test_baselines(product: str, now: datetime, found: list[str]) -> None:
    assert kbs(YEAR.baselines(product, now)) == found


@pytest.mark.parametrize(
    ("product", "now", "day"),
    [
        (S25, at("2026-05-30"), date(2026, 7, 14)),
        (S25, at("2026-07-14", 16), date(2026, 7, 14)),
        (S25, at("2026-07-14", 17), date(2026, 10, 13)),
        (S25, at("2026-10-13", 16), date(2026, 10, 13)),
        (S25, at("2026-10-13", 17), None),
        (S22, at("2026-05-30"), date(2026, 8, 11)),
        (S22, at("2026-09-01"), None),
        (W24, at("2026-05-30"), None),
        ("zzz", at("2026-05-30"), None),
        ("aaa", at("2026-05-30"), None),
    ],
)
def test_next_baseline(product: str, now: datetime, day: date | None) -> None:
    assert YEAR.next_baseline(product, now) == day


@pytest.mark.parametrize(
    ("product", "now", "hotpatch", "others"),
    [
        # Before the first record, and while nothing is missing.
        (S25, "2026-04-13", [], []),
        (S25, "2026-04-30", [], []),
        (S25, "2026-07-13", [], []),
        (S25, "2026-07-14", [], ["2026-07-14"]),
        (S25, "2026-08-11", ["2026-08-11"], ["2026-07-14"]),
        (S25, "2026-10-20", ["2026-08-11"], ["2026-07-14", "2026-09-08", "2026-10-13"]),
        (S22, "2026-06-08", [], []),
        (S22, "2026-09-30", ["2026-09-08"], ["2026-06-09", "2026-07-14", "2026-08-11"]),
        (W24, "2026-07-20", [], ["2026-06-09", "2026-07-14"]),
        (W25, "2026-07-20", [], []),
    ],
)
def test_unknown_months(product: str, now: str, hotpatch: list[str], others: list[str]) -> None:
    found = YEAR.unknown_months("".join(list(product)), at(now))
    assert [[day.isoformat() for day in days] for days in found] == [hotpatch, others]


@pytest.mark.parametrize(
    ("product", "day", "now", "kind"),
    [
        # Announced by then, and what it was planned to be.
        (S25, "2026-01-13", "2025-10-20", "baseline"),
        (S25, "2025-11-11", "2025-10-20", "hotpatch"),
        (S25, "2026-09-08", "2026-09-01", "hotpatch"),
        (S25, "2026-09-08", "2026-09-09", "baseline"),
        (S22, "2024-08-13", "2024-07-20", "hotpatch"),
        (S22, "2024-08-13", "2024-08-14", "baseline"),
        # Out of band is no month, and neither is another product's.
        (S25, "2025-10-23", "2025-10-20", None),
        (S25, "2024-04-09", "2024-02-01", None),
        (S25, "2026-10-13", "2026-09-20", "baseline"),
        (S25, "2026-11-10", "2026-09-20", "hotpatch"),
        (S25, "2027-11-09", "2026-09-20", None),
    ],
)
def test_planned_type(product: str, day: str, now: str, kind: str | None) -> None:
    shipped = ReleaseTable.load(SHIPPED)
    assert shipped.planned_type("".join(list(product)), date.fromisoformat(day), at(now)) == kind


@pytest.mark.parametrize(
    ("product", "now", "day"),
    [
        (S22, "2024-02-01", date(2024, 4, 9)),
        (S25, "2025-10-20", date(2026, 1, 13)),
        (S25, "2026-07-13", date(2026, 7, 14)),
        (S25, "2026-07-15", date(2026, 10, 13)),
        (W24, "2025-05-20", date(2025, 7, 8)),
        (S25, "2026-12-31", None),
    ],
)
def test_next_baseline_of_a_past_day(product: str, now: str, day: date | None) -> None:
    assert ReleaseTable.load(SHIPPED).next_baseline(product, at(now)) == day


def test_a_baseline_is_ahead_until_the_hour_of_its_release() -> None:
    shipped = ReleaseTable.load(SHIPPED)
    hour = datetime(2026, 7, 14, 17, tzinfo=UTC)
    assert shipped.next_baseline(S25, hour - timedelta(seconds=1)) == date(2026, 7, 14)
    assert shipped.next_baseline(S25, hour) == date(2026, 10, 13)


@pytest.mark.parametrize(
    ("product", "since", "now", "others"),
    [
        # July 2025 and its baseline are not in the table, September's hotpatch is.
        (W24, "2025-06-10", "2025-09-20", ["2025-08-12"]),
        (W24, "2025-09-09", "2025-09-20", []),
        (S25, "2025-06-10", "2025-09-20", []),
    ],
)
def test_months_that_the_table_lacks_in_its_middle(product: str, since: str, now: str, others: list[str]) -> None:
    found = ReleaseTable.load(SHIPPED).unknown_months(product, at(now), date.fromisoformat(since))
    assert [[day.isoformat() for day in days] for days in found] == [[], others]


def test_months_are_lacked_after_the_newest_release_and_an_ordinary_update_tells_no_month() -> None:
    gap = [
        record(date="2026-01-13", kb="KB1000001", build="26100.1"),
        record(date="2026-04-14", kb="KB1000002", build="26100.2"),
        record(date="2026-05-12", kb="KB1000003", build="26100.3", type="ordinary"),
    ]
    loaded = ReleaseTable.load(table(*gap))
    june = [date(2026, 6, 9)]
    assert loaded.unknown_months(S25, at("2026-06-20")) == ([], june)
    assert loaded.unknown_months(S25, at("2026-06-20"), date(2026, 4, 14)) == ([], [date(2026, 5, 12), *june])


def test_no_baseline_lies_ahead_at_the_end_of_the_calendar() -> None:
    assert ReleaseTable.load(SHIPPED).next_baseline(S25, at("9999-06-01")) is None


# --- the shipped table -----------------------------------------------------------------------------------------------


def test_schema_is_a_schema_and_describes_every_property() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    objects = [SCHEMA, *(one for one in SCHEMA["$defs"].values() if "properties" in one)]
    assert len(objects) == 4
    for one in objects:
        assert one["description"]
        assert one["type"] == "object"
        assert one["additionalProperties"] is False
        assert set(one["required"]) <= set(one["properties"])
        assert [name for name, rule in one["properties"].items() if not rule.get("description")] == []


def test_schema_knows_what_the_code_knows() -> None:
    release, month = SCHEMA["$defs"]["release"]["properties"], SCHEMA["$defs"]["planned"]["properties"]
    assert sorted(SCHEMA["$defs"]["product"]["enum"]) == sorted(releases.PRODUCTS)
    assert sorted(release["type"]["enum"]) == sorted(releases.TYPES)
    assert sorted(release["confidence"]["enum"]) == sorted(releases.CONFIDENCE)
    assert sorted(month["type"]["enum"]) == sorted(releases.PLANNED_TYPES)
    assert sorted(release) == sorted(releases.FIELDS)
    assert sorted(month) == sorted(releases.PLANNED_FIELDS)
    assert sorted(SCHEMA["properties"]) == sorted(releases.TABLE_FIELDS)


def test_shipped_table_validates_and_loads() -> None:
    VALIDATOR.validate(SHIPPED)
    assert list(SHIPPED) == ["schema", "compiled", "releases", "planned", "omitted"]
    loaded = ReleaseTable.load(SHIPPED)
    assert len(loaded.releases) == len(SHIPPED["releases"])
    assert len(loaded.planned) == len(SHIPPED["planned"])
    assert all(list(one) == list(releases.FIELDS) for one in SHIPPED["releases"])
    assert {release.product for release in loaded.releases} == {S25, S22, W24, W25}
    assert len(SHIPPED["omitted"]) >= 9


def test_shipped_builds_rise_with_time() -> None:
    loaded = ReleaseTable.load(SHIPPED)
    for product in releases.PRODUCTS:
        own = [one for one in loaded.of(product, at("2100-01-01")) if one.type in releases.BASELINES]
        builds = [releases.revision(one.build) for one in own]
        assert builds == sorted(set(builds))


def test_shipped_types_fit_their_day_and_their_restart() -> None:
    for release in ReleaseTable.load(SHIPPED).releases:
        tuesday = release.date.isoweekday() == 2 and 8 <= release.date.day <= 14
        assert tuesday is not release.type.startswith("oob_"), release
        if release.type in ("hotpatch", "oob_hotpatch"):
            assert release.restart is False, release
        else:
            assert release.restart in (True, None), release
        assert re.fullmatch(r"\S.*\S", release.source), release


# Spot checks against the researched history: product, KB, date, build, type, restart, confidence, source, note.
KEPT: list[tuple[str, str, str, str, str, bool | None, str, str, str | None]] = [
    (S25, "KB5046696", "2024-11-12", "26100.2240", "hotpatch", False, "calendar", LEARN, None),
    (S25, "KB5082063", "2026-04-14", "26100.32690", "baseline", True, "calendar", LEARN, None),
    (S22, "KB5087424", "2026-05-12", "20348.5074", "hotpatch", False, "calendar", LEARN, None),
    (
        S25,
        "KB5070881",
        "2025-10-23",
        "26100.6905",
        "oob_lcu",
        True,
        "vendor_page",
        "Microsoft Learn / windowsserverdocs, Enable Hotpatch for Azure Arc-enabled servers, Known issues (2025-10-30)",
        "Takes an enrolled machine off the hotpatch track until the 2026-01 baseline.",
    ),
    (
        S25,
        "KB5070893",
        "2025-10-24",
        "26100.6905",
        "oob_wsus_fix",
        None,
        "vendor_page",
        "Microsoft Learn / windowsserverdocs, Enable Hotpatch for Azure Arc-enabled servers, Known issues (2025-10-30)",
        "Same build number as KB5070881 but keeps the machine on the hotpatch track: build alone cannot tell the two"
        " apart, the KB must be checked. Whether it restarts the machine is not stated in the source.",
    ),
    (
        S25,
        "KB5094125",
        "2026-06-09",
        "26100.32995",
        "unplanned_baseline",
        True,
        "derived",
        "Type: Ruiz Solutions blog draft (Hotpatch no Windows Server 2025, reading the Learn calendar on 2026-10-02)."
        " KB and build: MSRC CVRF rows in a public test fixture and CVE-2026-42910 record",
        None,
    ),
    (
        S25,
        "KB5122871",
        "2026-09-08",
        "26100.33438",
        "unplanned_baseline",
        True,
        "derived",
        "Type: support.microsoft.com hotpatch page windows-server-2025/2026/september-8-2026-baseline (cited in public"
        " briefings) and the blog draft. KB and build: public runbooks on the September 2026 RDS fault",
        None,
    ),
    (
        S22,
        "KB5129237",
        "2026-09-14",
        "20348.5631",
        "oob_lcu",
        True,
        "derived",
        "Public runbooks on the September 2026 RDS fault",
        "Restart need is inferred (cumulative update).",
    ),
    (
        S22,
        "KB5099540",
        "2026-07-14",
        "20348.5386",
        "baseline",
        True,
        "derived",
        "Type: July is a planned baseline on the Learn calendar. KB and build: public compliance script citing the"
        " Learn release information page",
        None,
    ),
    (
        W24,
        "KB5061258",
        "2025-05-16",
        "26100.3983",
        "oob_hotpatch",
        False,
        "secondary",
        "windowsnews.ai and windowsforum articles on KB5061258",
        None,
    ),
    (
        W25,
        "KB5072753",
        "2025-11-20",
        "26200.7093",
        "oob_hotpatch",
        False,
        "secondary",
        "windowsforum articles on KB5072753",
        "Fixes the reoffer loop of KB5068966.",
    ),
    (
        W25,
        "KB5120994",
        "2026-08-11",
        "26200.9106",
        "hotpatch",
        False,
        "secondary",
        "Public Windows release notes digest (August 2026) and public test data copied from the Learn Windows 11"
        " hotpatch calendar",
        "The ordinary cumulative update of that day is KB5121003, 26200.9168.",
    ),
    (
        S22,
        "KB5058385",
        "2025-05-13",
        "20348.3692",
        "ordinary",
        True,
        "secondary",
        "public WindowsPatchCheck build table (to March 2026); 2026-08 from a public site changelog of 2026-09-03."
        " Server 2025 rows for late 2025 are listed there for build 26100 without naming the product.",
        "The ordinary cumulative update of a hotpatch month.",
    ),
]


@pytest.mark.parametrize("kept", KEPT, ids=[f"{one[0]}-{one[1]}" for one in KEPT])
def test_shipped_records_kept_source_and_confidence(
    kept: tuple[str, str, str, str, str, bool | None, str, str, str | None],
) -> None:
    names = ("product", "kb", "date", "build", "type", "restart", "confidence", "source", "note")
    own = [one for one in SHIPPED["releases"] if (one["product"], one["kb"]) == kept[:2]]
    assert [tuple(one[name] for name in names) for one in own] == [kept]


def test_shipped_trust_is_that_of_the_history() -> None:
    """Of the 48 records read in Microsoft's calendar none lost its source, and none of another source poses as one."""
    by_source = [one for one in SHIPPED["releases"] if one["source"] == LEARN]
    assert len(by_source) == 48
    assert by_source == [one for one in SHIPPED["releases"] if one["confidence"] == "calendar"]
    derived = [one for one in SHIPPED["releases"] if one["confidence"] == "derived"]
    assert len(derived) == 16
    assert {(one["product"], one["date"][:7]) for one in derived} >= {
        (S25, "2026-09"),
        (S22, "2026-09"),
        (W24, "2026-09"),
    }
    assert all(one["source"].startswith("Microsoft Learn, ") for one in SHIPPED["planned"])


def test_shipped_table_answers_september_2026() -> None:
    loaded = ReleaseTable.load(SHIPPED)
    now = at("2026-09-20")
    assert kbs(loaded.baselines(S25, now))[-1] == "KB5122871"
    assert loaded.next_baseline(S25, now) == date(2026, 10, 13)
    assert kbs(loaded.at(S25, "26100.6905")) == ["KB5070881", "KB5070893"]
    assert loaded.unknown_months(S25, now) == ([], [])
    assert loaded.unknown_months(S25, at("2026-11-30")) == ([date(2026, 11, 10)], [date(2026, 10, 13)])
