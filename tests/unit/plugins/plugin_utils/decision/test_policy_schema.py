# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The published schema and the page on the policy say what the code does."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import decide, policy, windows
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import Hold, Policy
from realistic import TABLE, ok, signals

DOCS = Path(__file__).resolve().parents[5] / "docs"
SCHEMA = json.loads((DOCS / "policy.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker(["regex"]))
KEYS = SCHEMA["$defs"]["keys"]["properties"]
PAGE = (DOCS / "policy.md").read_text(encoding="utf-8")
EXAMPLES = {
    title.strip(): yaml.safe_load(text)["rebootless_policy"]
    for title, text in re.findall(r"^### ([^\n]+)\n(?:(?!^###).)*?^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
}
NIGHT: dict[str, Any] = {"start": "22:00", "duration": "4h", "weekdays": ["saturday"]}
YEAR_END: dict[str, Any] = {"from": "2026-12-20", "to": "2027-01-04"}


def without(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    """A mapping that lacks a key."""
    return {name: value for name, value in mapping.items() if name != key}


# --- schema ----------------------------------------------------------------------------------------------------------


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_keys_and_defaults_of_the_schema() -> None:
    assert list(KEYS) == list(policy.CHECKS)
    assert {key: about["default"] for key, about in KEYS.items()} == policy.DEFAULTS
    assert tuple(SCHEMA["properties"]) == policy.OVERRIDES
    waits = KEYS["max_wait"]["properties"]
    assert {name: about["default"] for name, about in waits.items()} == policy.DEFAULTS["max_wait"]


def test_words_of_the_schema() -> None:
    assert KEYS["categories"]["items"]["enum"] == [word for word in policy.CATEGORIES if word != "drivers"]
    assert tuple(KEYS["possible"]["enum"]) == policy.POSSIBLE
    assert tuple(KEYS["restart_at"]["enum"]) == policy.RESTART_AT
    assert tuple(KEYS["max_wait"]["properties"]) == policy.SEVERITIES
    definitions = SCHEMA["$defs"]
    assert sorted(definitions["window"]["properties"]) == sorted(windows.WINDOW_KEYS)
    assert sorted(definitions["blackout"]["properties"]) == sorted(windows.BLACKOUT_KEYS)
    assert tuple(definitions["window"]["properties"]["weekdays"]["items"]["enum"]) == windows.WEEKDAYS
    assert definitions["window"]["properties"]["patch_tuesday_plus"]["maximum"] == windows.MOST_DAYS_PLUS
    assert [one["required"][0] for one in definitions["window"]["oneOf"]] == list(windows.RECURRENCES)


def described(part: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of a schema, with its place."""
    for name, about in part.get("properties", {}).items():
        yield f"{place}.{name}", about
        yield from described(about, f"{place}.{name}")


def test_every_property_is_described() -> None:
    parts = [*described(SCHEMA, ""), *(one for name, part in SCHEMA["$defs"].items() for one in described(part, name))]
    assert len(parts) > 25
    for place, about in parts:
        target = SCHEMA["$defs"][about["$ref"].rpartition("/")[2]] if "$ref" in about else {}
        assert about.get("description") or target.get("description"), place


def test_the_examples_of_the_schema_are_good() -> None:
    for span in SCHEMA["$defs"]["duration"]["examples"]:
        assert Policy.load({"max_wait": {"low": span}})
    for moment in SCHEMA["$defs"]["day_or_time"]["examples"]:
        assert Policy.load(
            {"hold": {"reason": "x", "until": moment}, "blackouts": [{"from": moment, "to": "2027-01-04"}]}
        )


# --- documents -------------------------------------------------------------------------------------------------------

GOOD: list[dict[str, Any]] = [
    {},
    policy.DEFAULTS,
    {"groups": {}, "hosts": {}},
    {"groups": {"db": policy.DEFAULTS}, "hosts": {"sql01": policy.DEFAULTS}},
    {"hold": True},
    {"hold": {"reason": "x", "until": None}},
    {"min_free_disk": 0},
    {"min_free_disk": " 1.5 gb "},
    {"accept": ["kb5120228", "^a|b$"], "reject": [r"\.NET"]},
    {"max_wait": {}},
    {"windows": [{**NIGHT, "time_zone": "Europe/Berlin", "name": "x"}], "blackouts": [{**YEAR_END, "reason": None}]},
    {"windows": [{**without(NIGHT, "weekdays"), "patch_tuesday_plus": 27}]},
    {"windows": [{**without(NIGHT, "weekdays"), "rrule": "byday=-1su;freq=monthly"}]},
    {"blackouts": [{"from": "2026-12-20T18:00Z", "to": "2027-01-04T06:00:00+01:00", "time_zone": "Europe/Berlin"}]},
]
BAD: list[dict[str, Any]] = [
    {"hoold": True},
    {"groups": []},
    {"hosts": {"sql01": None}},
    {"categories": "security"},
    {"categories": ["drivers"]},
    {"categories": ["Security"]},
    {"accept": "KB5120228"},
    {"accept": [""]},
    {"accept": [" "]},
    {"accept": ["("]},
    {"reject": [5120228]},
    {"reject": ["[a"]},
    {"drivers": "no"},
    {"drivers": 0},
    {"optional": None},
    {"accept_eula": "true"},
    {"hold": "until monday"},
    {"hold": None},
    {"hold": {}},
    {"hold": {"reason": " "}},
    {"hold": {"until": "2026-10-05"}},
    {"hold": {"reason": "x", "untill": "2026-10-05"}},
    {"hold": {"reason": "x", "until": "tomorrow"}},
    {"hold": {"reason": "x", "until": "2026-10-05T06:00:00"}},
    {"hold": {"reason": "x", "until": "1026-10-05"}},
    {"hold": {"reason": "x", "until": 20261005}},
    {"hold_kbs": ["5120228"]},
    {"hold_kbs": ["KB12345"]},
    {"hold_kbs": ["KB123456789"]},
    {"hold_kbs": {"KB5120228": True}},
    {"emergency": "KB5120228"},
    {"emergency": ["KB51202x8"]},
    {"max_wait": "30d"},
    {"max_wait": {"critical": 30}},
    {"max_wait": {"critical": "30"}},
    {"max_wait": {"critical": "0d"}},
    {"max_wait": {"critical": ""}},
    {"max_wait": {"critical": "1h1d"}},
    {"max_wait": {"urgent": "1d"}},
    {"possible": "maybe"},
    {"possible": None},
    {"restart_at": "latest"},
    {"min_free_disk": -1},
    {"min_free_disk": True},
    {"min_free_disk": 5.5},
    {"min_free_disk": "5"},
    {"min_free_disk": "5G"},
    {"min_free_disk": "5,5GB"},
    {"min_free_disk": "9999999999999GB"},
    {"windows": NIGHT},
    {"windows": ["saturday"]},
    {"windows": [without(NIGHT, "start")]},
    {"windows": [without(NIGHT, "duration")]},
    {"windows": [without(NIGHT, "weekdays")]},
    {"windows": [{**NIGHT, "patch_tuesday_plus": 4}]},
    {"windows": [{**NIGHT, "start": 1320}]},
    {"windows": [{**NIGHT, "start": "24:00"}]},
    {"windows": [{**NIGHT, "start": "9:00"}]},
    {"windows": [{**NIGHT, "duration": "0h"}]},
    {"windows": [{**NIGHT, "time_zone": None}]},
    {"windows": [{**NIGHT, "time_zone": ""}]},
    {"windows": [{**NIGHT, "weekdays": []}]},
    {"windows": [{**NIGHT, "weekdays": ["sat"]}]},
    {"windows": [{**NIGHT, "name": 5}]},
    {"windows": [{**NIGHT, "until": "2026-12-20"}]},
    {"windows": [{**without(NIGHT, "weekdays"), "patch_tuesday_plus": 28}]},
    {"windows": [{**without(NIGHT, "weekdays"), "patch_tuesday_plus": -1}]},
    {"windows": [{**without(NIGHT, "weekdays"), "patch_tuesday_plus": True}]},
    {"windows": [{**without(NIGHT, "weekdays"), "rrule": "BYDAY=3SA"}]},
    {"windows": [{**without(NIGHT, "weekdays"), "rrule": "FREQ=HOURLY"}]},
    {"windows": [{**without(NIGHT, "weekdays"), "rrule": None}]},
    {"blackouts": YEAR_END},
    {"blackouts": [without(YEAR_END, "from")]},
    {"blackouts": [without(YEAR_END, "to")]},
    {"blackouts": [{**YEAR_END, "from": "20 December"}]},
    {"blackouts": [{**YEAR_END, "to": "2027-01-04T06:00:00"}]},
    {"blackouts": [{**YEAR_END, "reason": ["year end"]}]},
    {"blackouts": [{**YEAR_END, "name": "year end"}]},
]


@pytest.mark.parametrize("document", GOOD)
def test_good_document(document: dict[str, Any]) -> None:
    for placed in (document, {"groups": {"db": without(without(document, "groups"), "hosts")}}):
        VALIDATOR.validate(placed)
        Policy.load(copy.deepcopy(placed))


@pytest.mark.parametrize("document", BAD)
def test_bad_document(document: dict[str, Any]) -> None:
    for placed in (document, {"groups": {"db": document}}, {"hosts": {"sql01": document}}):
        assert not VALIDATOR.is_valid(placed)
        with pytest.raises(PolicyError):
            Policy.load(placed)


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_names_every_key_and_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", PAGE, re.MULTILINE)
    assert [key for key, _default in rows] == list(policy.CHECKS)
    assert {key: yaml.safe_load(default) for key, default in rows} == policy.DEFAULTS
    assert len(rows) == len(policy.CHECKS)


def test_the_page_names_every_category_choice_and_override() -> None:
    for word in (*policy.CATEGORIES, *policy.POSSIBLE, *policy.RESTART_AT, *policy.OVERRIDES, *windows.RECURRENCES):
        assert word in PAGE


@pytest.mark.parametrize("title", EXAMPLES)
def test_example(title: str) -> None:
    VALIDATOR.validate(EXAMPLES[title])
    Policy.load(EXAMPLES[title])


def example(title: str, host: str = "", *groups: str) -> Policy:
    """An example as a host sees it."""
    return Policy.load(EXAMPLES[title], host=host, groups=groups)


def test_examples_do_what_they_say() -> None:
    assert len(EXAMPLES) == PAGE.count("```yaml\n") == 8
    assert example("Nothing set") == Policy.load()
    careful, all_others = (example("A careful database group", "x", group) for group in ("databases", "web"))
    sunday = careful.windows.following(datetime(2026, 9, 8, 17, tzinfo=UTC))
    assert sunday is not None
    assert (sunday.start, sunday.name) == (datetime(2026, 9, 20, 1, tzinfo=UTC), "databases")
    assert careful.reject[0].fits("SQL Server 2022 RTM Cumulative Update (CU) 21 KB5065865", ["KB5065865"])
    assert (careful.min_free_disk, all_others.min_free_disk, all_others.reject) == (20 << 30, 5 << 30, ())
    station = example("Workstations", "x", "workstations")
    assert (station.drivers, station.possible, station.restart_at) == (True, "in_window", "first")
    hold = example("Hold")
    assert hold.hold == Hold("data centre migration", datetime(2026, 10, 5, 4, tzinfo=UTC))
    assert hold.hold_kbs == {"KB5120228"}
    urgent = example("Emergency for one KB")
    assert (urgent.hold, urgent.emergency) == (Hold("year-end closing", None), {"KB5123456"})
    net = example(".NET in a window")
    title = "2026-09 Cumulative Update for .NET Framework 3.5 and 4.8.1 for Microsoft server operating system"
    assert net.possible == "in_window"
    assert net.accept[0].fits(title, [])
    blackout = example("Blackout over the year end").windows.blackout(datetime(2027, 1, 4, 22, 59, tzinfo=UTC))
    assert blackout is not None
    assert (blackout.start, blackout.end) == (
        datetime(2026, 12, 19, 23, tzinfo=UTC),
        datetime(2027, 1, 4, 23, tzinfo=UTC),
    )
    first, second = (example("One host is different", f"web0{number}.example.com", "web") for number in (1, 2))
    assert (first.hold, second.hold) == (None, Hold("waiting for the first host", None))
    assert [first.wait(name).days for name in ("critical", "important")] == [7, 60]
    assert [second.wait(name).days for name in ("critical", "important")] == [30, 60]


def decided(now: datetime, **keys: Any) -> dict[str, Any]:
    """The decision of the page's example: an important update of 8 September that restarts the host."""
    offer = {
        "id": "a",
        "revision": 1,
        "title": "Update",
        "kbs": [],
        # Of SQL Server: an update of Windows that the release table does not know waits for no restart.
        "categories": [policy.CATEGORIES["security"], "aeefa997-63b8-4c01-b19c-c19e1081b4ce"],
        "severity": "Important",
        "released": "2026-09-08T17:00:00Z",
        "browse_only": False,
        "hidden": False,
        "eula_accepted": True,
        "driver": False,
        "reboot_behaviour": 1,
    }
    raw = {**signals(), "agent_offers": ok([offer]), "agent_busy": ok(False)}
    return decide.decide("host", raw, TABLE, Policy.load({"windows": [NIGHT], **keys}), now)


def test_the_example_of_a_due_restart() -> None:
    for month, due in ((9, False), (10, False), (11, True)):
        made = decided(datetime(2026, month, 20, 12, tzinfo=UTC))
        assert made["offers"][0]["limit"] == "2026-12-12T17:00:00Z"
        assert (made["restart"]["due"], made["decision"] == "restart_due") == (due, due)
        assert made["restart"]["window"]["start"] == "2026-12-05T22:00:00Z"
    out = datetime(2026, 11, 10, 18, tzinfo=UTC)
    assert decided(out)["restart"]["due"]
    assert not decided(out - timedelta(days=6))["restart"]["due"]
    soon = decided(datetime(2026, 9, 9, tzinfo=UTC), max_wait={"important": "30d"})
    assert soon["offers"][0]["limit"] == "2026-10-08T17:00:00Z"
    assert soon["restart"]["due"]
    assert soon["restart"]["window"]["start"] == "2026-10-03T22:00:00Z"
