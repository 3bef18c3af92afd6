# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Offline validation finds each mistake, and names file, object and key."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import awx_check
import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.awx import content as awx_content
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError

ROOT = Path(__file__).resolve().parents[2]
AWX = ROOT / "extensions" / "awx"
Content = dict[str, Any]
# As roles/inputs documents them.
COMMON: dict[str, Any] = {
    "rebootless_hosts": {"type": "str", "default": "all"},
    "rebootless_consent": {"type": "raw", "default": False},
    "rebootless_deadline": {"type": "int", "default": 7200},
    "rebootless_verify": {"type": "bool", "default": True},
    "rebootless_restart_answer": {"type": "str", "choices": ["auto", "always", "never"], "default": "never"},
    "rebootless_kb": {"type": "str", "required": True},
    "rebootless_wave": {"type": "int", "required": True},
    "rebootless_wave_last": {"type": "bool", "default": False},
    "rebootless_domain": {"type": "str"},
    "rebootless_domains": {"type": "list"},
    "rebootless_fail_not_reached": {"type": "bool", "default": True},
}


def options(playbook: str) -> Mapping[str, Any]:
    """The same of each playbook."""
    return COMMON


def found(content: Content, files: dict[str, str]) -> list[str]:
    """All findings, as they are printed."""
    return [str(one) for one in awx_check.check(content, files, ROOT, options)]


def one(content: Content, kind: str, name: str) -> dict[str, Any]:
    """An object of the content."""
    return next(entry for entry in content[f"controller_{kind}"] if entry["name"] == f"Rebootless{name and ' '}{name}")


def node(content: Content, identifier: str) -> dict[str, Any]:
    """A node of the workflow."""
    nodes = one(content, "workflows", "monthly")["simplified_workflow_nodes"]
    return next(entry for entry in nodes if entry["identifier"] == identifier)


def question(content: Content, template: str, variable: str) -> dict[str, Any]:
    """A question of a survey."""
    spec = one(content, "templates", template)["survey_spec"]["spec"]
    return next(entry for entry in spec if entry["variable"] == variable)


def rule(old: str, new: str) -> Callable[[Content], None]:
    """A mistake in the rule of the monthly schedule."""

    def seed(content: Content) -> None:
        schedule = one(content, "schedules", "monthly")
        schedule["rrule"] = schedule["rrule"].replace(old, new)

    return seed


TEMPLATES, FLOWS, SCHEDULES = "content/templates.yml", "content/workflows.yml", "content/schedules.yml"
PATCH, MONTHLY = "Rebootless patch", "Rebootless monthly"
MISTAKES: list[tuple[str, Callable[[Content], Any], str, str, str]] = [
    ("misspelt key", lambda c: one(c, "templates", "patch").update(forkz=5), TEMPLATES, PATCH, "forkz"),
    (
        "bad choice of a module",
        lambda c: one(c, "templates", "patch").update(job_type="walk"),
        TEMPLATES,
        PATCH,
        "job_type",
    ),
    ("unknown project", lambda c: one(c, "templates", "patch").update(project="nope"), TEMPLATES, PATCH, "project"),
    ("unknown label", lambda c: one(c, "templates", "patch").update(labels=["nope"]), TEMPLATES, PATCH, "labels"),
    (
        "playbook absent",
        lambda c: one(c, "templates", "patch").update(playbook="nope.yml"),
        TEMPLATES,
        PATCH,
        "playbook",
    ),
    (
        "playbook that the scanner does not list",
        lambda c: one(c, "templates", "patch").update(playbook="extensions/awx/tasks/load.yml"),
        TEMPLATES,
        PATCH,
        "playbook",
    ),
    (
        "sliced job",
        lambda c: one(c, "templates", "patch").update(job_slice_count=3),
        TEMPLATES,
        PATCH,
        "job_slice_count",
    ),
    (
        "simultaneous runs",
        lambda c: one(c, "templates", "patch").update(allow_simultaneous=True),
        TEMPLATES,
        PATCH,
        "allow_simultaneous",
    ),
    (
        "timeout before our deadline",
        lambda c: one(c, "templates", "patch").update(timeout=-1),
        TEMPLATES,
        PATCH,
        "timeout",
    ),
    (
        "survey default is not a choice",
        lambda c: question(c, "patch", "rebootless_verify").update(default="perhaps"),
        TEMPLATES,
        PATCH,
        "rebootless_verify.default",
    ),
    (
        "survey default outside min and max",
        lambda c: question(c, "patch", "rebootless_deadline").update(min=9000),
        TEMPLATES,
        PATCH,
        "rebootless_deadline.default",
    ),
    (
        "survey choices as one text",
        lambda c: question(c, "patch", "rebootless_consent").update(choices="false\ntrue\n"),
        TEMPLATES,
        PATCH,
        "rebootless_consent.choices",
    ),
    (
        "survey variable that no playbook has",
        lambda c: question(c, "patch", "rebootless_hosts").update(variable="rebootless_host"),
        TEMPLATES,
        PATCH,
        "rebootless_host",
    ),
    (
        "survey default that the option does not have",
        lambda c: question(c, "patch", "rebootless_deadline").update(default=3600),
        TEMPLATES,
        PATCH,
        "rebootless_deadline.default",
    ),
    (
        "survey type that the option does not have",
        lambda c: question(c, "patch", "rebootless_deadline").update(type="text", default="7200"),
        TEMPLATES,
        PATCH,
        "rebootless_deadline.type",
    ),
    ("rule with a numbered weekday", rule("BYDAY=SA", "BYDAY=2TU"), SCHEDULES, MONTHLY, "rrule"),
    ("rule without INTERVAL", rule("INTERVAL=1;", ""), SCHEDULES, MONTHLY, "rrule"),
    ("rule that has ended", rule("INTERVAL=1;", "INTERVAL=1;UNTIL=20260301T000000Z;"), SCHEDULES, MONTHLY, "rrule"),
    (
        "schedule without a required answer",
        lambda c: one(c, "schedules", "monthly").pop("extra_data"),
        SCHEDULES,
        MONTHLY,
        "extra_data",
    ),
    ("link to an unknown node", lambda c: node(c, "canary").update(success_nodes=["ghost"]), FLOWS, MONTHLY, "canary"),
    (
        "node that no root reaches",
        lambda c: (
            node(c, "wave-3").update(always_nodes=["wave-2"]),
            node(c, "wave-1").update(success_nodes=["report"]),
        ),
        FLOWS,
        MONTHLY,
        "wave-2",
    ),
    (
        "node's answer that is not asked for",
        lambda c: node(c, "canary")["extra_data"].update(foo=1),
        FLOWS,
        MONTHLY,
        "canary.extra_data",
    ),
]


@pytest.fixture(scope="module")
def real() -> tuple[Content, dict[str, str]]:
    """The content as it is."""
    return awx_check.content_of(AWX)


def test_content_is_without_a_finding(real: tuple[Content, dict[str, str]]) -> None:
    assert found(*real) == []


@pytest.mark.parametrize(
    ("seed", "file", "name", "key"), [pytest.param(*mistake[1:], id=mistake[0]) for mistake in MISTAKES]
)
def test_mistake_is_found(
    real: tuple[Content, dict[str, str]], seed: Callable[[Content], Any], file: str, name: str, key: str
) -> None:
    content = copy.deepcopy(real[0])
    seed(content)
    told = found(content, real[1])
    assert [one for one in told if one.startswith(f"{file}: {name}: {key}: ")], told


def test_at_least_twenty_mistakes_are_seeded() -> None:
    assert len({mistake[0] for mistake in MISTAKES}) >= 20


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"default": ["a"]}, "expected to be string"),
        ({"choices": []}, "is empty"),
        ({"choices": None}, "must specify choices"),
        ({"type": "boolean"}, "allowed question types"),
        ({"required": "yes"}, "expected to be boolean"),
        ({"variable": "a b"}, "no name of a variable"),
        ({"colour": "red"}, "no key of a question"),
        ({"type": "integer", "default": "30"}, "expected to be integer"),
        ({"type": "float", "default": 1.5, "min": 0.5}, "expected to be integer"),
        ({"type": "integer", "default": 3, "min": 5, "max": 2}, "is above max"),
        ({"type": "password", "default": "x"}, "a password with a default"),
    ],
)
def test_rules_of_surveys(changed: dict[str, Any], message: str) -> None:
    asked = {
        "question_name": "A",
        "variable": "a",
        "type": "multiplechoice",
        "required": True,
        "choices": ["a"],
        "default": "a",
    }
    spec = {"name": "n", "description": "d", "spec": [asked | changed]}
    assert any(message in one.message for one in awx_check.survey_findings("f", "n", spec))


@pytest.mark.parametrize(
    ("rrule", "message"),
    [
        ("RRULE:FREQ=DAILY;INTERVAL=1", "Valid DTSTART required"),
        ("DTSTART:20270101T020000 RRULE:FREQ=DAILY;INTERVAL=1", "naive datetime"),
        ("DTSTART;TZID=Mars/Base:20270101T020000 RRULE:FREQ=DAILY;INTERVAL=1", "A valid TZID"),
        ("DTSTART:20270101T020000Z", "One or more rule required"),
        ("DTSTART:20270101T020000Z RRULE:FREQ=DAILY;INTERVAL=1;COUNT=1000", "COUNT > 999"),
        ("DTSTART:20270101T020000Z RRULE:FREQ=SECONDLY;INTERVAL=1", "SECONDLY"),
        ("DTSTART:20270101T020000Z RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=XX", "failed validation"),
        ("DTSTART:20270101T020000Z RRULE:FREQ=MONTHLY;INTERVAL=1;BYDAY=-1TU", "numeric prefix"),
        ("DTSTART:20270101T020000Z RRULE:FREQ=DAILY;INTERVAL=1 EXDATE:20270102T020000Z", "EXDATE not allowed"),
        ("DTSTART:20270101T020000Z\nRRULE:FREQ=DAILY;INTERVAL=1", "a newline"),
    ],
)
def test_rules_of_schedules(rrule: str, message: str) -> None:
    assert any(message in one for one in awx_check.rule_findings(rrule))


def test_nodes_in_the_content_are_those_that_the_core_makes(real: tuple[Content, dict[str, str]]) -> None:
    assert real[0]["controller_workflows"][0]["simplified_workflow_nodes"] == awx_content.workflow_nodes(3)


@pytest.mark.parametrize("domains", [{}, {"sql": "db", "web": None}])
def test_fitted_content_is_without_a_finding(real: tuple[Content, dict[str, str]], domains: dict[str, Any]) -> None:
    settings = {
        "prefix": "T ",
        "waves": 5,
        "domains": domains,
        "parts": list(awx_content.PARTS),
        "notification_url": "https://x",
    }
    assert found(awx_content.fit(real[0], settings), real[1]) == []


@pytest.mark.parametrize(
    "settings", [{"consent": True}, {"days_after_patch_tuesday": 11, "schedule_zone": "Europe/Berlin"}]
)
def test_schedules_follow_the_settings(real: tuple[Content, dict[str, str]], settings: dict[str, Any]) -> None:
    monthly = awx_content.fit(real[0], settings)["controller_schedules"][1]
    assert monthly["extra_data"] == {"rebootless_consent": str(settings.get("consent", False)).lower()}
    assert ("BYMONTHDAY=19,20,21,22,23,24,25" in monthly["rrule"]) == ("schedule_zone" in settings)


def test_schedules_keep_their_months(real: tuple[Content, dict[str, str]]) -> None:
    rules = [one["rrule"] for one in awx_content.fit(real[0], {"days_after_patch_tuesday": 7})["controller_schedules"]]
    assert ["BYMONTH=" in rule for rule in rules] == [False, True, True]
    assert "BYMONTH=2,3,5,6,8,9,11,12;BYDAY=TU;BYMONTHDAY=15," in rules[1]
    assert "BYMONTH=1,4,7,10;BYDAY=TU;BYMONTHDAY=15," in rules[2]


@pytest.mark.parametrize(
    "settings",
    [
        {"waves": 0},
        {"parts": ["workflows"]},
        {"days_after_patch_tuesday": 15},
        {"domains": {"a b": None}},
        {"prefix": None},
    ],
)
def test_wrong_settings_are_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match=f"rebootless_awx.{next(iter(settings))}"):
        awx_content.fit({}, settings)


def test_every_key_of_the_content_is_applied(real: tuple[Content, dict[str, str]]) -> None:
    tasks = awx_check.load(AWX / "apply.yml")[0]["tasks"][0]["block"]
    applied = {
        name.removeprefix("awx.awx."): set(task[name]) for task in tasks for name in task if name.startswith("awx.awx.")
    }
    for key, module in awx_check.MODULES.items():
        for entry in real[0].get(key, []):
            assert set(entry) - applied[module] - {"simplified_workflow_nodes"} == set(), entry["name"]
