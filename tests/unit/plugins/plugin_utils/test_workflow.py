# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as jobs that share no file: artifacts as ansible-core reads them back, limits over waves, domains, the merged report."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils import run_history, run_host, workflow
from ansible_collections.rebootless.patching.plugins.plugin_utils.policy_error import PolicyError

NAMES = ("web-01", "web-02", "web-03", "sql-01")
GROUPS = {"web-01": ["web"], "web-02": ["web"], "web-03": ["web"], "sql-01": ["sql"]}
SPEC = {"canary": ["web-01"], "waves": [2], "max_unavailable": 2, "groups": {"web": {"max_unavailable": 1}}}
BOOT, BUILD = "2026-09-01T02:00:00Z", "26100.32460"


def decision(name: str) -> dict[str, Any]:
    """What a plan needs of a decision."""
    return {
        "name": name,
        "decision": "install_and_restart",
        "state": "behind",
        "restart": {"now": True},
        "reached": True,
        "last_boot": BOOT,
        "build": BUILD,
    }


def planned(**spec: Any) -> dict[str, Any]:
    """The artifact of a plan over four hosts."""
    return workflow.plan([decision(name) for name in NAMES], GROUPS, {**SPEC, **spec}, 5)


def result(name: str, **more: Any) -> dict[str, Any]:
    """A host in the run's JSON."""
    return {**run_host.blank(name, "restarted"), "failed": False, "out": False, **more}


def told(*hosts: dict[str, Any], slots: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The artifact of a wave."""
    about = {"id": "one", "started_at": None, "ended_at": None}
    line = None if slots is None else {"slots": slots}
    return workflow.packed({"hosts": hosts, "problems": [], "timeline": line, "run": about}, {})


def slot(name: str, wave: int, canary: bool) -> dict[str, Any]:
    """A slot as a job has it in its timeline."""
    entry = {"run": "one", "at": BOOT, "host": name, "step": "slot_taken", "data": {"wave": wave, "canary": canary}}
    return run_history.slots([entry], "one")[0]


# --- artifacts -------------------------------------------------------------------------------------------------------


def as_read_back(value: Any) -> Any:
    """What ansible-core 2.19 and later make of a text that AWX marks as unsafe: what YAML makes of it without quotes."""
    if isinstance(value, dict):
        return {key: as_read_back(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_read_back(one) for one in value]
    return yaml.safe_load(value) if isinstance(value, str) and not value.startswith("{") else value


def test_an_artifact_comes_back_as_it_was_sent() -> None:
    doc = {"build": "26100.3246", "required": "yes", "day": "2026-09-01", "nothing": "", "count": 3}
    assert as_read_back(doc) != doc
    assert workflow.unpacked("key", as_read_back(workflow.packed(doc, {"hosts": 1}))) == doc


@pytest.mark.parametrize("value", [None, "", 7, [], {}, {"json": None}, {"json": 7}, {"json": "[1]"}, {"hosts": []}])
def test_what_is_no_artifact_is_none(value: Any) -> None:
    assert workflow.unpacked("rebootless_plan", value) is None


def test_an_artifact_that_was_cut_is_an_error_that_names_it() -> None:
    cut = {"json": planned()["json"][:-5]}
    with pytest.raises(PolicyError, match=r"^rebootless_plan_north\.json: this is no JSON "):
        workflow.plans({"rebootless_plan_north": cut})


def test_an_artifact_is_as_small_as_it_must_be() -> None:
    bad = result("bad", outcome="failed", failed=True, decision={"offers": [{"title": "x" * 500}]}, verify={"v": 1})
    good = result("good", decision={"offers": [{"title": "x" * 500}]}, verify={"v": 1})
    doc = {"kind": "run", "hosts": [good, bad], "put_off": [1], "timeline": {"slots": []}, "summary": {"hosts": 2}}
    sizes = {}
    for most in (10**6, 1500, 900, 10):
        artifact = workflow.artifact(doc, most)
        assert artifact["summary"] == {"hosts": 2}
        made = json.loads(artifact["json"])
        sizes[most] = len(artifact["json"])
        assert "bad" in {one["name"] for one in made["hosts"]}
        assert (made["left_out"] is None) is (most == 10**6)
    assert sorted(sizes.values(), reverse=True) == list(sizes.values())
    assert json.loads(workflow.artifact(doc, 10)["json"])["left_out"] == workflow.HOSTS_LEFT


# --- plan and waves --------------------------------------------------------------------------------------------------


def test_waves_of_a_plan() -> None:
    artifact = planned()
    assert artifact["summary"] == {"hosts": 4, "waves": [1, 2, 1]}
    made = json.loads(artifact["json"])
    assert [len(wave) for wave in made["waves"]] == [1, 2, 1]
    assert (made["most"], made["limits"], made["groups"]["web"]) == (2, {"web": 1}, ["web-01", "web-02", "web-03"])
    waves = [workflow.wave(artifact, number, SPEC)["hosts"] for number in range(4)]
    assert waves == [*made["waves"], workflow.NOBODY]
    assert workflow.wave(artifact, 1, SPEC, last=True)["hosts"] == [*made["waves"][1], *made["waves"][2]]


def test_hosts_that_earlier_waves_left_out_take_from_the_limits() -> None:
    out = told(result("sql-01", out=True))
    first = planned(budget={"failed": 1}, canary=["sql-01"])
    fleet = workflow.wave(first, 1, SPEC, results={"rebootless_wave_0": out})["fleet"]
    assert (fleet["max_unavailable"], fleet["groups"]) == (1, {"web": {"max_unavailable": 1}})
    lost = told(result("web-01", out=True, failed=True, outcome="failed"))
    with pytest.raises(PolicyError, match=r"^Of group web 1 may be out, and nobody puts back web-01\.$"):
        workflow.wave(planned(budget={"failed": 1}), 1, SPEC, results={"rebootless_wave_0": lost})


def test_hosts_that_ended_badly_take_from_the_budget() -> None:
    bad = {"rebootless_wave_0": told(result("web-01", failed=True, outcome="failed"))}
    with pytest.raises(PolicyError, match=r"^web-01 ended badly in earlier waves; the plan's budget is 0\.$"):
        workflow.wave(planned(), 1, SPEC, results=bad)
    assert workflow.wave(planned(budget={"failed": 1}), 1, SPEC, results=bad)["fleet"]["budget"]["failed"] == 0


@pytest.mark.parametrize("given", [None, {}, "no", {"json": '{"schema": 2}'}])
def test_no_wave_without_a_plan(given: Any) -> None:
    with pytest.raises(PolicyError, match=r"^rebootless_plan: the artifact of playbook plan is expected"):
        workflow.wave(given, 0, SPEC)


def test_no_wave_below_the_first() -> None:
    with pytest.raises(PolicyError, match=r"^rebootless_wave is -1; 0 or more is expected"):
        workflow.wave(planned(), -1, SPEC)


def test_a_host_that_is_out_already_goes_first() -> None:
    looks = {"web-02": {"state": "drained"}, "web-03": {"state": "active"}}
    assert workflow.drained_first({"x": 1}, looks) == {"x": 1, "canary": ["web-02"]}
    assert workflow.drained_first({"x": 1}, {"web-03": {"state": "active"}}) == {"x": 1}


# --- the merged report -----------------------------------------------------------------------------------------------


def test_hosts_without_a_result() -> None:
    artifacts = {"rebootless_plan": planned(), "rebootless_wave_0": told(result("web-01"))}
    assert workflow.unheard(artifacts) == ["sql-01", "web-02", "web-03"]
    assert workflow.unheard({}) == workflow.NOBODY
    assert workflow.heard({**artifacts, "rebootless_status": told(result("other"))}).keys() == {"web-01"}


@pytest.mark.parametrize(
    ("look", "seen", "outcome", "failed", "out", "words"),
    [
        ({"state": "active"}, {"last_boot": BOOT, "build": BUILD}, "not_started", False, False, "It is in service."),
        # A clock that is set right moves the boot time by seconds.
        (
            {"state": "active"},
            {"last_boot": "2026-09-01T02:00:03Z", "build": BUILD},
            "not_started",
            False,
            False,
            "It is in service.",
        ),
        (
            {"state": "active"},
            {"last_boot": "2026-09-13T02:00:00Z", "build": BUILD},
            "not_finished",
            True,
            False,
            "It is in service.",
        ),
        (
            {"state": "active"},
            {"last_boot": BOOT, "build": "26100.32463"},
            "not_finished",
            True,
            False,
            "It is in service.",
        ),
        (
            {"state": "drained", "remembered_since": BOOT},
            {"last_boot": BOOT, "build": BUILD},
            "not_finished",
            True,
            True,
            f"It is out of service: drained since {BOOT}.",
        ),
        ({}, {}, "not_reached", True, True, "It was not asked."),
        ({"state": "active"}, {"problem": {"message": "refused"}}, "not_reached", True, True, "refused"),
        ({"state": "unknown", "why": "locked"}, {"last_boot": BOOT}, "not_reached", True, True, "locked"),
    ],
)
def test_the_host_itself_tells_where_no_job_did(
    look: dict[str, Any], seen: dict[str, Any], outcome: str, failed: bool, out: bool, words: str
) -> None:
    made = workflow.looked("web-01", decision("web-01"), look, seen)
    assert (made["outcome"], made["failed"], made["out"], made["words"][-1]) == (outcome, failed, out, words)


def test_the_canary_of_a_workflow_is_its_first_wave_whatever_the_jobs_call_it() -> None:
    artifacts = {
        "rebootless_plan": planned(),
        "rebootless_wave_0": told(result("web-01"), slots=[slot("web-01", 1, False)]),
        # Hosts that are out already go first in a job, as its canary.
        "rebootless_wave_1": told(result("web-02"), slots=[slot("web-02", 1, True)]),
        "rebootless_patch_south": told(result("sql-01"), slots=[slot("sql-01", 3, True)]),
    }
    doc = workflow.merge(artifacts, {}, generated_at=BOOT, version="1")
    assert {host["name"]: (host["wave"], host["canary"]) for host in doc["hosts"]} == {
        "web-01": (0, True),
        "web-02": (1, False),
        "sql-01": (3, True),
        "web-03": (None, None),
    }


# --- service domains -------------------------------------------------------------------------------------------------

DOMAINS = {
    "all": ["n1", "n2", "n3", "s1"],
    "north": ["n1", "n2", "n3"],
    "south": ["s1"],
    "sql": ["n1", "n2"],
    "both": ["n1", "s1"],
    "empty": [],
}


@pytest.mark.parametrize(
    ("hosts", "domain", "pattern"),
    [
        ("", "", "all"),
        (None, None, "all"),
        ("web:!web-02", "", "web:!web-02"),
        ("web:!web-02", "north", "web:!web-02:&north"),
        ("", "north", "all:&north"),
        ([], "north", "all:&north"),
        (["web", "sql"], "north", "web,sql:&north"),
    ],
)
def test_hosts_of_a_job(hosts: Any, domain: str | None, pattern: str) -> None:
    assert workflow.pattern(hosts, domain) == pattern


def test_artifacts_of_a_domain_have_keys_of_their_own() -> None:
    assert [workflow.artifact_key("wave_1", domain) for domain in ("", None, "north")] == [
        "rebootless_wave_1",
        "rebootless_wave_1",
        "rebootless_wave_1_north",
    ]
    assert workflow.plans({"rebootless_plan_north": planned()}).keys() == {"rebootless_plan_north"}


def test_a_fleet_split_by_domain_keeps_its_limits() -> None:
    spec = {"max_unavailable": 3, "canary": ["n1"], "groups": {"sql": {"max_unavailable": 1}}}
    made = workflow.service_domains(DOMAINS, ["north", "south"], spec)
    assert {name: one["hosts"] for name, one in made.items()} == {"north": ["n1", "n2", "n3"], "south": ["s1"]}
    assert sum(one["fleet"]["max_unavailable"] for one in made.values()) <= 3
    assert (made["north"]["fleet"]["groups"], made["south"]["fleet"]["groups"]) == (spec["groups"], {})
    assert (made["north"]["fleet"]["canary"], made["south"]["fleet"]["canary"]) == (["n1"], [])


@pytest.mark.parametrize(
    ("names", "spec", "why"),
    [
        (["north", "east"], {}, "rebootless_domains: east is no group with hosts in the inventory."),
        (["north", "empty"], {}, "rebootless_domains: empty is no group with hosts in the inventory."),
        (["north"], {}, "s1: in no service domain (north); put each host into one."),
        (["north", "south", "both"], {}, "n1, s1: in more than one service domain; put each host into one."),
        (
            ["north", "south"],
            {"groups": {"both": {"max_unavailable": 1}}},
            "rebootless_fleet.groups.both: its hosts are",
        ),
        (
            ["north", "south"],
            {"max_unavailable": 1},
            "rebootless_fleet.max_unavailable is 1, and 2 domains run side by",
        ),
    ],
)
def test_a_split_that_cannot_hold_its_limits_is_refused(names: list[str], spec: dict[str, Any], why: str) -> None:
    with pytest.raises(PolicyError) as refused:
        workflow.service_domains(DOMAINS, names, spec)
    assert str(refused.value).startswith(why)
