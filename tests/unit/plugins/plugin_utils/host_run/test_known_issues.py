# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known issues of updates: the file, what extends it, and what the preflight makes of an issue on a host."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import known_issues
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.bitlocker import CONDITIONS
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.known_issues import KnownIssues
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.preflight import Settings, judge
from bitlocker_cases import NONE, UEFI, bad, good, policy, tpm
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[5]
SCHEMA = json.loads((ROOT / "docs" / "known_issues.schema.json").read_text(encoding="utf-8"))
APRIL = "KB5082063"
SHIPPED = KnownIssues.load(known_issues.shipped())
ONLY = Settings(processes=())
MINE = {
    "id": "line-of-business",
    "kbs": ["KB5120228"],
    "conditions": [],
    "message": "The line-of-business service does not start after it.",
    "fix": "Ask team LOB first.",
    "confidence": "secondary",
    "source": "ticket 4711",
}
# What has every condition of April's issue.
HAS_IT = {UEFI: policy(0, 2, 4, 7, 11), "bitlocker_binding": good(0)}


def file(*issues: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A file of known issues."""
    return {"schema": 1, "compiled": "2026-12-01", "issues": list(issues), **more}


def decision(*kbs: str, code: str = "allowed", pending: bool | None = False) -> dict[str, Any]:
    """A decision to install these."""
    offers = [
        {
            "kb": kb or None,
            "kbs": [kb] if kb else [],
            "title": "A driver",
            "decision": "install",
            "code": code,
            "why": ["x"],
        }
        for kb in kbs
    ]
    return {"offers": offers, "pending": {"pending": pending}, "free_disk": 2**40, "stale_when": {"offers": {}}}


def verdict(
    signals: Any, *kbs: str, settings: Settings = ONLY, issues: KnownIssues = SHIPPED, pending: bool | None = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The judgement, and its check of known issues."""
    made = judge(signals._raw, settings, decision(*kbs, pending=pending), issues=issues)
    [check] = [one for one in made["checks"] if one["name"] == "known_issues"]
    return made, check


# The file


def test_the_collections_own_file_is_as_its_schema_says() -> None:
    data = known_issues.shipped()
    jsonschema.validate(data, SCHEMA)
    assert {name for issue in SHIPPED.issues for name in issue.conditions} <= set(CONDITIONS)
    assert SCHEMA["$defs"]["condition"]["enum"] == sorted(CONDITIONS)


def test_a_file_extends_and_replaces() -> None:
    first = known_issues.shipped()["issues"][0]
    table = KnownIssues.load(known_issues.shipped(), file(MINE, {**first, "message": "Ours."}))
    assert len(table.issues) == len(SHIPPED.issues) + 1
    assert table.of([APRIL])[0].message == "Ours."
    assert [one.id for one in table.of(["KB5120228"])] == ["line-of-business"]
    assert table.of(["KB5120227"]) == ()
    jsonschema.validate(file(MINE), SCHEMA)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"kb": "KB5120228"}, "known_issues_extend.issues[0].kb is no key of a known issue; one of id, kbs,"),
    ({"kbs": []}, "known_issues_extend.issues[0].kbs is []; a list of one or more KBs is expected."),
    ({"kbs": ["5120228"]}, "known_issues_extend.issues[0].kbs[0] is '5120228'; a KB as KB5082063 is expected."),
    ({"kbs": "KB5120228"}, "known_issues_extend.issues[0].kbs is 'KB5120228'; a list is expected."),
    ({"conditions": ["tpm"]}, "known_issues_extend.issues[0].conditions[0] is 'tpm'; one of bitlocker_on,"),
    ({"message": "\x1b[2J"}, "known_issues_extend.issues[0].message is '\\x1b[2J'; a text of one line is expected."),
    ({"fix": None}, "known_issues_extend.issues[0].fix is None; a text of one line is expected."),
    ({"id": "Mine"}, "known_issues_extend.issues[0].id is 'Mine'; small letters, digits and hyphens is expected."),
    (
        {"confidence": "sure"},
        "known_issues_extend.issues[0].confidence is 'sure'; vendor_page or secondary is expected.",
    ),
    ({"fixed_by": ["soon"]}, "known_issues_extend.issues[0].fixed_by[0] is 'soon'; a KB as KB5082063 is expected."),
    ({"products": [1]}, "known_issues_extend.issues[0].products[0] is 1; a text is expected."),
    ({"note": 1}, "known_issues_extend.issues[0].note is 1; a text is expected."),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_mistakes_in_a_record_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError) as told:
        KnownIssues.load(known_issues.shipped(), file({**MINE, **change}))
    assert str(told.value).startswith(message)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "known_issues_extend is []; a mapping with $schema, schema, compiled, issues is expected."),
        (file(schema=2), "known_issues_extend.schema is 2; 1 is expected."),
        (file(compiled="soon"), "known_issues_extend.compiled is 'soon'; a day as 2026-04-14 is expected."),
        ({**file(), "issues": None}, "known_issues_extend.issues is None; a list of records is expected."),
        (file(MINE, MINE), "known_issues_extend.issues[1].id is 'line-of-business'; an id that no other record has"),
        (file({"id": "x"}), "known_issues_extend.issues[0].kbs is None; a value is expected."),
    ],
)
def test_mistakes_in_the_file_are_named(data: Any, message: str) -> None:
    with pytest.raises(PolicyError) as told:
        KnownIssues.load(known_issues.shipped(), data)
    assert str(told.value).startswith(message)


# On a host


def test_a_host_with_every_condition_is_stopped_with_what_is_known_and_whence() -> None:
    made, check = verdict(tpm(**HAS_IT), APRIL)
    assert (made["go_on"], check["ok"]) == (False, False)
    issue = SHIPPED.of([APRIL])[0]
    assert check["words"] == f"Known issue of {APRIL}: {issue.message} {issue.fix} Source: {issue.source}."
    assert {UEFI, "bitlocker_binding", "secure_boot_servicing", "bitlocker_system_volume"} <= set(check["rests_on"])


@pytest.mark.parametrize("name", ["bitlocker_binding", "secure_boot_servicing", "bitlocker_system_volume"])
def test_what_is_not_read_does_not_rule_it_out(name: str) -> None:
    """Nobody knows, and it is not gone on with, whatever the setting for unknown answers."""
    made, check = verdict(tpm(**{**HAS_IT, name: bad("timeout")}), APRIL)
    assert (made["go_on"], check["ok"]) == (False, None)
    assert "It is not ruled out for this host. Not known: " in check["words"]
    assert "(timed out)" in check["words"]
    assert name in check["rests_on"]


@pytest.mark.parametrize(
    ("probes", "words"),
    [
        ({UEFI: NONE}, "bitlocker pcr7 policy: no"),
        ({"bitlocker_binding": good(3)}, "bitlocker pcr7 binding not possible: no"),
        ({"secure_boot_servicing": good({"WindowsUEFICA2023Capable": 2})}, "boot manager 2023 not in use: no"),
        ({"bitlocker_system_volume": NONE}, "bitlocker on: no"),
        # One condition that is not met is enough, whatever else nobody knows.
        ({UEFI: NONE, "bitlocker_binding": bad(), "secure_boot_servicing": bad()}, "bitlocker pcr7 policy: no"),
    ],
)
def test_one_condition_that_is_not_met_rules_it_out(probes: dict[str, Any], words: str) -> None:
    _made, check = verdict(tpm(**{**HAS_IT, **probes}), APRIL)
    assert check["ok"] is True
    assert words in check["words"]


def test_other_updates_have_no_issue_on_record() -> None:
    _made, check = verdict(tpm(**HAS_IT), "KB5099999")
    assert check["ok"] is True
    assert check["words"] == (
        f"No issue that keeps a host from coming back is on record for KB5099999 (records of {SHIPPED.compiled})."
    )


def test_what_has_no_number_cannot_be_looked_up() -> None:
    made, check = verdict(tpm(), "KB5099999", "")
    assert (check["ok"], made["go_on"]) == (None, True)
    assert "A driver" in check["words"]


@pytest.mark.parametrize("code", ["restart_pending", "waits_for_restart"])
def test_updates_that_come_after_a_restart_count_too(code: str) -> None:
    later = decision(APRIL, code=code)
    later["offers"][0]["decision"] = "blocked"
    assert judge(tpm(**HAS_IT)._raw, ONLY, later, issues=SHIPPED)["go_on"] is False


@pytest.mark.parametrize("pending", [True, None])
def test_what_is_pending_may_be_it(pending: bool | None) -> None:
    """An update that somebody else has installed ends in the same restart, and has no number in a mark."""
    made, check = verdict(tpm(**HAS_IT), "KB5099999", pending=pending)
    assert (check["ok"], made["go_on"]) == (None, True)
    assert APRIL in check["words"]
    assert verdict(tpm(), "KB5099999", pending=pending)[1]["ok"] is True


def test_an_issue_of_the_users_own_stops_every_host() -> None:
    issues = KnownIssues.load(known_issues.shipped(), file(MINE))
    made, check = verdict(tpm(), "KB5120228", issues=issues, settings=Settings(processes=(), suspend=1))
    assert (made["go_on"], check["ok"], made["suspend_bitlocker"]) == (False, False, 0)
    assert "Ask team LOB first. Source: ticket 4711." in check["words"]


def test_issues_can_be_ignored_and_take_a_decision() -> None:
    settings = Settings(processes=(), known_issues=False)
    made = judge(tpm(**HAS_IT)._raw, settings, decision(APRIL), issues=SHIPPED)
    assert "known_issues" not in [one["name"] for one in made["checks"]]
    assert [one["name"] for one in judge(tpm()._raw, ONLY, None, issues=SHIPPED)["checks"]] == ["bitlocker"]


def test_who_ignores_bitlocker_ignores_what_is_known_of_it() -> None:
    settings = Settings(bitlocker=False, processes=())
    issues = KnownIssues.load(known_issues.shipped(), file(MINE))
    assert judge({}, settings, decision(APRIL), issues=issues)["go_on"] is True
    assert judge({}, settings, decision("KB5120228"), issues=issues)["go_on"] is False


def test_a_host_that_was_not_asked() -> None:
    made = judge(None, ONLY, decision(APRIL), {"kind": "refused", "message": "no"}, SHIPPED)
    assert [(one["name"], one["ok"]) for one in made["checks"]][:2] == [("bitlocker", None), ("known_issues", None)]
    assert made["go_on"] is False


# Suspending BitLocker for the restart

SUSPEND = Settings(processes=(), suspend=2)


@pytest.mark.parametrize(
    ("probes", "kb", "restarts"),
    [
        (HAS_IT, APRIL, 2),
        ({**HAS_IT, "bitlocker_binding": bad()}, APRIL, 2),
        ({**HAS_IT, "bitlocker_binding": good(0)}, "KB5099999", 2),
        # Where it opens by itself there is nothing to suspend.
        ({}, APRIL, 0),
        ({"bitlocker_system_volume": NONE}, APRIL, 0),
    ],
)
def test_it_is_suspended_where_it_might_ask(probes: dict[str, Any], kb: str, restarts: int) -> None:
    made = judge(tpm(**probes)._raw, SUSPEND, decision(kb), issues=SHIPPED)
    assert (made["suspend_bitlocker"], made["ok"], made["go_on"]) == (restarts, True, True)
    words = " ".join(one["words"] for one in made["checks"])
    assert ("This run suspends BitLocker for 2 restarts" in words) is (restarts > 0)


def test_a_pin_is_suspended_too() -> None:
    volume = good({"protection": 1, "protectors": [4, 3], "suspended_for": None})
    made = judge(tpm(bitlocker_system_volume=volume)._raw, SUSPEND, decision("KB5099999"), issues=SHIPPED)
    assert (made["suspend_bitlocker"], made["go_on"]) == (2, True)
    assert "would wait at the boot for TPM and PIN. This run suspends BitLocker" in made["checks"][0]["words"]


@pytest.mark.parametrize("protection", [0, 2])
def test_only_what_is_known_to_be_on_is_suspended(protection: int) -> None:
    """What somebody else has suspended stays as it is, and what nobody can read is not touched."""
    volume = good({"protection": protection, "protectors": [4], "suspended_for": None})
    made = judge(tpm(bitlocker_system_volume=volume)._raw, SUSPEND, decision("KB5099999"), issues=SHIPPED)
    assert (made["suspend_bitlocker"], made["ok"]) == (0, None)


probe = st.sampled_from(
    [None, NONE, bad(), good(0), good(3), policy(7), policy(4), good({"WindowsUEFICA2023Capable": 2})]
)


@given(
    st.dictionaries(
        st.sampled_from([*HAS_IT, "secure_boot_servicing", "secure_boot", "bitlocker_system_volume"]), probe
    ),
    st.sampled_from([0, 1]),
    st.booleans(),
)
def test_never_gone_on_with_what_is_known_to_ask(probes: dict[str, Any], suspend: int, stops: bool) -> None:
    """Only a condition that was read and is not met lets April's update in, or BitLocker that is suspended for it."""
    signals = tpm(**copy.deepcopy({**HAS_IT, **probes}))
    settings = Settings(processes=(), suspend=suspend, unknown_stops=stops)
    made = judge(signals._raw, settings, decision(APRIL), issues=SHIPPED)
    met = [CONDITIONS[name](signals, 1).met for name in SHIPPED.of([APRIL])[0].conditions]
    if made["go_on"] and not made["suspend_bitlocker"]:
        assert False in met
