# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a record holds is of the kinds that it is read in: Jinja's texts become numbers again, and a broken line is named, never used."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import pytest
import run_rolling as rolling
import yaml
from ansible_collections.rebootless.patching.plugins.action import run_report as action
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import render as run_report
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record, record_shapes
from hypothesis import given, settings
from hypothesis import strategies as st

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[4]
NOW = datetime(2026, 9, 20, 12, tzinfo=UTC)
FEW = {"ber-web-01.corp.example", "ber-web-05.corp.example", rolling.KEPT, rolling.LOST, rolling.TWICE}
LINES = [one for one in rolling.entries() if one["host"] is None or one["host"] in FEW]
STRANGE: tuple[Any, ...] = (
    None,
    True,
    3,
    -1,
    1.5,
    "x",
    "",
    [],
    {},
    [None],
    {"a": 1},
    10**400,
    [["x"]],
    [{}],
    float("nan"),
)


# --- written -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "said", "held"),
    [
        (
            "slot_taken",
            {"kind": "restart", "wave": "1", "waited": "0", "canary": "True", "groups": ["web"], "adopted": ""},
            {"kind": "restart", "wave": 1, "waited": 0, "canary": True, "groups": ["web"], "adopted": None},
        ),
        ("slot_taken", {"wave": "", "canary": "", "waited": "12"}, {"wave": None, "canary": None, "waited": 12}),
        ("announced", {"lead": "120", "words": []}, {"lead": 120, "words": []}),
        (
            "restarting",
            {"consent": "True", "consent_by": "", "reason": "3", "before": "2026-09-01T00:00:00Z", "lead": "0"},
            {"consent": True, "consent_by": None, "reason": "3", "before": "2026-09-01T00:00:00Z", "lead": 0},
        ),
        ("removing", {"consent": "False"}, {"consent": False}),
        (
            "host_finished",
            {"outcome": "restarted", "words": ["3"], "failed": "False", "next_step": ""},
            {"outcome": "restarted", "words": ["3"], "failed": False, "next_step": ""},
        ),
        ("slot_released", {"failed": "true", "kept": "false"}, {"failed": True, "kept": False}),
        # What a step tells beside that is its own.
        ("slot_taken", {"wave": 2, "more": "2"}, {"wave": 2, "more": "2"}),
        ("run_finished", {"anything": "2"}, {"anything": "2"}),
        ("preflight", {"checks": 3}, {"checks": 3}),
    ],
)
def test_texts_of_jinja_that_is_not_native_become_what_they_were(step: str, said: Json, held: Json) -> None:
    entry = record.entry("r1", step, None if step in record.RUN_STEPS else "a", said, NOW)
    assert entry["data"] == held
    assert {key: type(value) for key, value in entry["data"].items()} == {key: type(one) for key, one in held.items()}


@pytest.mark.parametrize(
    ("step", "said", "why"),
    [
        ("slot_taken", {"wave": "first"}, "wave is a text, not a whole number"),
        ("slot_taken", {"wave": True}, "wave is true, not a whole number"),
        ("slot_taken", {"waited": "1.5.2"}, "waited is a text, not a number"),
        ("slot_taken", {"groups": "web"}, "groups is a text, not a list"),
        ("slot_released", {"failed": "no"}, "failed is a text, not true or false"),
        ("host_finished", {"words": 3}, "words is a number, not a list of sentences"),
        ("decided", {"restart": []}, "restart is a list, not a mapping"),
        (
            "decided",
            {"offers": [{}]},
            "offers[0].id is missing; offers[0].title is missing; offers[0].restart is missing",
        ),
    ],
)
def test_what_is_of_a_wrong_kind_is_refused_before_it_is_written(step: str, said: Json, why: str) -> None:
    with pytest.raises(record.RecordError) as caught:
        record.entry("r1", step, "a", said, NOW)
    assert str(caught.value) == f"data: of step {step} {why}."


def tasks(node: Any) -> Iterator[Json]:
    """Every task in a file of tasks or plays."""
    if isinstance(node, list):
        for one in node:
            yield from tasks(one)
    elif isinstance(node, dict):
        yield node
        for key in ("tasks", "block", "rescue", "always"):
            yield from tasks(node.get(key))


# Scalars that the tasks give by a template, as Ansible has them.
VALUES: dict[str, dict[str, tuple[Any, ...]]] = {
    "slot_taken": {
        "wave": (1, 0, None),
        "canary": (True, False, None),
        "waited": (0, 312),
        "kind": ("restart", "install"),
    },
    "announced": {"lead": (0, 120)},
    "bitlocker_suspending": {"restarts": (1, 2)},
    "restarting": {
        "consent": (True, False, None),
        "before": ("2026-09-01T00:00:00Z", None),
        "lead": (0, 120),
        "reason": ("KB1", "7"),
    },
    "removing": {"consent": (True, False, None)},
    "host_finished": {"outcome": ("restarted",), "failed": (True, False), "next_step": ("Look.", None)},
    "slot_released": {"outcome": ("restarted",), "failed": (True, False), "kept": (True, False)},
    "run_started": {"playbook": ("patch",), "kb": ("KB1",), "consent": (True, False, None)},
}
# These are lists and mappings, which Ansible makes of texts by itself.
WHOLE = {"words", "groups", "adopted", "consent_by", "hosts", "plan", "orphans", "install"}


def test_every_single_value_that_the_playbooks_record_has_its_kind() -> None:
    """As a text of Jinja that is not native too, for every step that the playbooks and roles write."""
    found: set[tuple[str, str]] = set()
    for file in [*ROOT.glob("playbooks/**/*.yml"), *ROOT.glob("roles/*/tasks/*.yml")]:
        for task in tasks(yaml.safe_load(file.read_text(encoding="utf-8"))):
            wanted = task.get("rebootless.patching.fleet_record") or {}
            if isinstance(wanted.get("data"), dict):
                found |= {(wanted["step"], key) for key, one in wanted["data"].items() if "{{" in str(one)}
    single = {(step, key) for step, key in found if key not in WHOLE}
    assert single <= {(step, key) for step, values in VALUES.items() for key in values}
    for step, values in VALUES.items():
        for key, ones in values.items():
            for one in ones:
                shown = jinja2.Environment().from_string("{{ '' if x is none else x }}").render(x=one)
                held, wrong = record_shapes.held(step, {key: shown})
                assert wrong == []
                expected = "" if one is None and key in {"next_step", "before"} else one
                assert (held[key] or expected, type(held[key])) in ((expected, type(expected)), (expected, type(None)))
                assert record_shapes.held(step, {key: one}) == ({key: one}, [])


# --- read --------------------------------------------------------------------------------------------------------


def content(lines: list[Json]) -> bytes:
    """A record."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


def rendered(path: Path, lines: list[Json]) -> list[str]:
    """Every report of a record; the lines that could not be read."""
    path.write_bytes(content(lines))
    try:
        found = action.ActionModule.recorded(str(path), None)
    except record.RecordError as error:
        return [str(error)]
    decision, _install = record.last(path, "ber-web-01.corp.example")
    assert decision is None or record_shapes.held("decided", decision)[1] == []
    assert all(isinstance(one, int) for one in record.slot_seconds(path).values())
    document = run_report.run(
        found.hosts,
        about=found.about,
        problems=found.problems,
        slots=found.slots,
        previous=found.previous,
        **rolling.FACTS,
    )
    assert json.loads(json.dumps(document, allow_nan=False))["problems"] == found.problems
    for text in (run_report.terminal(document, 120), run_report.markdown(document), run_report.html(document)):
        assert text
    return found.problems


def places(value: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The ways to every value in a line; of a list the first two."""
    if way:
        yield way
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*way, key))


PLACES = [(number, way) for number, line in enumerate(LINES) for way in places(line)]


def test_a_whole_record_has_no_problem(tmp_path: Path) -> None:
    assert rendered(tmp_path / "r", LINES) == []
    assert record.parse(content(LINES))[0] == LINES


@settings(max_examples=150, deadline=None)
@given(place=st.sampled_from(PLACES), value=st.sampled_from((*STRANGE, ...)))
def test_a_value_of_a_wrong_kind_is_named_and_ends_no_report(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[int, tuple[str | int, ...]], value: Any
) -> None:
    number, way = place
    lines = copy.deepcopy(LINES)
    node: Any = lines[number]
    for key in way[:-1]:
        node = node[key]
    if value is ...:
        del node[way[-1]]
    else:
        node[way[-1]] = value
    told = rendered(tmp_path_factory.getbasetemp() / "mutated.jsonl", lines)
    step = LINES[number]["step"]
    changed = {"step": step, "data": lines[number].get("data")}
    if isinstance(value, float) and not math.isfinite(value):
        # The whole line is no JSON then.
        assert any("not JSON" in one for one in told)
    elif way[0] == "data" and isinstance(changed["data"], dict) and record_shapes.held(step, changed["data"])[1]:
        assert any(f"line {number + 1}: {step}: " in one for one in told)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"offers": 3}, "decided: offers is a number, not a list"),
        ({"name": "a", "restart": {"due": "maybe"}}, "decided: restart.now is missing; restart.by is missing; "),
        (
            {"exposure": {"seconds": 10**400, "since": None, "offers": []}},
            "decided: exposure.seconds is a number, not a ",
        ),
        (
            {"window": {"current": None, "following": {"start": "soon", "end": "later", "name": None}}},
            "decided: window.",
        ),
    ],
)
def test_a_line_of_a_wrong_kind_is_named(data: Json, said: str) -> None:
    lines = [rolling.entry(0, "a", "decided"), {**rolling.entry(1, "a", "decided"), "data": data}]
    entries, problems = record.parse(content(lines), "the record")
    assert len(entries) == 1
    assert problems[0].startswith(f"the record line 2: {said}")


UPDATE = dict.fromkeys(("id", "kb", "title", "result"), "installed") | {
    "hresult": None,
    "message": None,
    "reoffered": False,
}
SEEN = {"boot": "2026-09-01T00:00:00Z", "build": "26100.1", "kbs": ["KB1"], "pending": [], "restart_required": "no"}
PROOF = {"before": SEEN, "after": SEEN, "track_kept": True, "restart_wanted_by": []}
INSTALLED = {"outcome": "installed", "updates": [UPDATE], "words": ["One."], "changed": True, "started_at": None}
INSTALLED |= {"seconds": 3, "proof": PROOF}


@pytest.mark.parametrize(
    "changes",
    [
        {"updates": None},
        {"words": None},
        {"seconds": None},
        {"updates": [{key: one for key, one in UPDATE.items() if key != "reoffered"}]},
        {"proof": PROOF | {"before": None}},
        {"proof": PROOF | {"before": {"boot": None}}},
        {"proof": PROOF | {"after": {"boot": None}}},
        {"proof": {"before": SEEN}},
    ],
)
def test_installations_of_which_one_tells_too_little_are_not_made_one(changes: Json) -> None:
    lines = [rolling.entry(number, "a", "installed", **INSTALLED) for number in (0, 1)]
    assert record.results(lines, rolling.RUN)[0]["install"]["words"] == ["One."]
    lines[1]["data"] |= changes
    entries, problems = record.parse(content(lines))
    assert problems == []
    assert record.results(entries, rolling.RUN)[0]["install"] == lines[1]["data"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_is_none_is_no_json(number: str) -> None:
    broken = content(LINES).replace(b'"data": {', b'"data": {"odd": ' + number.encode() + b", ", 1)
    assert broken != content(LINES)
    entries, problems = record.parse(broken)
    assert len(entries) == len(LINES) - 1
    assert [one for one in problems if one.endswith("not JSON.")] == problems
    assert len(problems) == 1
