# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as jobs that share no file: artifacts as ansible-core reads them back, limits over waves, domains, the merged report."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.awx import workflow
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import FleetSpec
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import host_entry as run_host
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import run_history

NAMES = ("web-01", "web-02", "web-03", "sql-01")
GROUPS = {"web-01": ["web"], "web-02": ["web"], "web-03": ["web"], "sql-01": ["sql"]}
SPEC = {"canary": ["web-01"], "waves": [2], "max_unavailable": 2, "groups": {"web": {"max_unavailable": 1}}}
BOOT, BUILD = "2026-09-01T02:00:00Z", "26100.32460"
NOON = datetime(2026, 9, 13, 12, tzinfo=UTC)


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


def wave_of(*given: Any, **more: Any) -> dict[str, Any]:
    """A wave at noon."""
    return workflow.wave(*given, now=NOON, **more)


def result(name: str, **more: Any) -> dict[str, Any]:
    """A host in the run's JSON."""
    return {**run_host.blank(name, "restarted"), "failed": False, "out": False, **more}


def told(
    *hosts: dict[str, Any], slots: list[dict[str, Any]] | None = None, run: str = "one", ended: str | None = None
) -> dict[str, Any]:
    """The artifact of a wave."""
    about = {"id": run, "started_at": None, "ended_at": ended}
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


LONG = "x" * 500
OFFERED = {"offers": [{"title": LONG}], "reached": True}
PROVED = {"decision": OFFERED, "verify": {"detail": LONG}, "install": {"proof": {"before": LONG}}}
REPORTS = {
    "run": [result("bad", failed=True, **PROVED), result("good", **PROVED)],
    "plan": [{"name": "bad", **OFFERED, "decision": "unknown"}, {"name": "good", **OFFERED, "decision": "nothing"}],
    "status": [{"name": "bad", "reached": False, "title": LONG}, {"name": "good", "reached": True, "title": LONG}],
}
# What is left out, whose details are in it, who is in it.
SMALLER = [
    (None, {"bad", "good"}, {"bad", "good"}),
    (workflow.GOOD_LEFT, {"bad"}, {"bad", "good"}),
    (workflow.ALL_LEFT, set(), {"bad", "good"}),
    (workflow.HOSTS_LEFT, set(), {"bad"}),
]
# Of a host's status nothing can be left out.
SMALLER_STATUS = [SMALLER[0], (workflow.HOSTS_LEFT, {"bad"}, {"bad"})]


@pytest.mark.parametrize(("kind", "steps"), [("run", SMALLER), ("plan", SMALLER), ("status", SMALLER_STATUS)])
def test_an_artifact_is_as_small_as_it_must_be(kind: str, steps: list[tuple[str | None, set[str], set[str]]]) -> None:
    about = {} if kind == "status" else {"kind": kind, "put_off": [LONG], "timeline": LONG}
    doc = {**about, "hosts": REPORTS[kind], "summary": {"hosts": 2}}
    most = 10**6
    for left_out, detailed, kept in steps:
        artifact = workflow.artifact(doc, most)
        made = json.loads(artifact["json"])
        names = {one["name"]: LONG in json.dumps(one) for one in made["hosts"]}
        assert (made["left_out"], names) == (left_out, {name: name in detailed for name in kept})
        assert artifact["summary"] == {"hosts": 2}
        assert workflow.artifact(doc, len(artifact["json"])) == artifact
        most = len(artifact["json"]) - 1


# --- plan and waves --------------------------------------------------------------------------------------------------


def test_waves_of_a_plan() -> None:
    artifact = planned()
    assert artifact["summary"] == {"hosts": 4, "waves": [1, 2, 1]}
    made = json.loads(artifact["json"])
    assert [len(wave) for wave in made["waves"]] == [1, 2, 1]
    assert (made["most"], made["limits"], made["groups"]["web"]) == (2, {"web": 1}, ["web-01", "web-02", "web-03"])
    waves = [wave_of(artifact, number, SPEC)["hosts"] for number in range(4)]
    assert waves == [*made["waves"], workflow.NOBODY]
    assert wave_of(artifact, 1, SPEC, last=True)["hosts"] == [*made["waves"][1], *made["waves"][2]]


def test_hosts_that_earlier_waves_left_out_take_from_the_limits() -> None:
    out = told(result("sql-01", out=True))
    first = planned(budget={"failed": 1}, canary=["sql-01"], max_unavailable=4)
    fleet = wave_of(first, 1, SPEC, results={"rebootless_wave_0": out})["fleet"]
    assert (fleet["max_unavailable"], fleet["groups"]) == (3, {"web": {"max_unavailable": 1}})
    lost = told(result("web-01", out=True, failed=True, outcome="failed"))
    with pytest.raises(PolicyError, match=r"^Of group web 1 may be out, and nobody puts back web-01\.$"):
        wave_of(planned(budget={"failed": 1}), 1, SPEC, results={"rebootless_wave_0": lost})


def test_hosts_that_ended_badly_take_from_the_budget() -> None:
    bad = {"rebootless_wave_0": told(result("web-01", failed=True, outcome="failed"))}
    with pytest.raises(PolicyError, match=r"^web-01 ended badly in earlier waves; the plan's budget is 0\.$"):
        wave_of(planned(), 1, SPEC, results=bad)
    for most, left in ((1, 0), (3, 2)):
        fleet = wave_of(planned(budget={"failed": most}), 1, SPEC, results=bad)["fleet"]
        assert fleet["budget"]["failed"] == left


def test_a_group_that_is_full_holds_up_only_its_own_hosts() -> None:
    web = [name for name in NAMES if name != "sql-01"]
    lost = {"rebootless_wave_0": told(result("web-01", out=True, failed=True))}
    wave = wave_of(planned(canary=web, budget={"failed": 1}), 1, SPEC, results=lost)
    assert (wave["hosts"], wave["fleet"]["groups"]) == (["sql-01"], {"web": {"max_unavailable": 1}})


def test_a_run_that_is_full_holds_up_every_host() -> None:
    lost = {"rebootless_wave_0": told(result("web-01", out=True, failed=True))}
    full = planned(max_unavailable=1, groups={}, budget={"failed": 1})
    with pytest.raises(PolicyError, match=r"^Of the plan 1 may be out, and nobody puts back web-01\.$"):
        wave_of(full, 1, SPEC, results=lost)


def test_a_wave_of_nobody_is_never_refused() -> None:
    lost = {"rebootless_wave_0": told(*(result(name, out=True, failed=True) for name in NAMES))}
    made = wave_of(planned(), 9, SPEC, results=lost)
    assert made["hosts"] == workflow.NOBODY
    fleet = FleetSpec.load(made["fleet"])
    assert (fleet.max_unavailable.number, fleet.groups["web"].number, fleet.failed.number) == (1, 1, 0)


@pytest.mark.parametrize(
    "results",
    [
        # A wave that is relaunched, and the hosts of another plan.
        {"rebootless_wave_0": told(result("web-01", out=True, failed=True))},
        {"rebootless_wave_1": told(result("lab-01", out=True, failed=True))},
    ],
)
def test_only_other_hosts_of_the_plan_take_from_its_limits_and_budget(results: dict[str, Any]) -> None:
    assert wave_of(planned(), 0, SPEC, results=results) == wave_of(planned(), 0, SPEC)


MINUTES_AGO = {
    minutes: f"2026-09-13T{11 if minutes else 12}:{(60 - minutes) % 60:02d}:00Z" for minutes in (0, 10, 29, 30, 31)
}


@pytest.mark.parametrize(
    ("ended", "soak"),
    [
        ({}, 0),
        ({0: None}, 0),
        ({0: MINUTES_AGO[0]}, 1800),
        ({0: MINUTES_AGO[10]}, 1200),
        ({0: MINUTES_AGO[29]}, 60),
        ({0: MINUTES_AGO[30]}, 0),
        ({0: MINUTES_AGO[31]}, 0),
        # A part of a second is waited for, too.
        ({0: "2026-09-13T11:59:00.500000Z"}, 1741),
        # The last of those before; what was run of this wave or a later one does not count.
        ({0: MINUTES_AGO[10], 1: MINUTES_AGO[29]}, 1200),
        ({0: MINUTES_AGO[29], 1: MINUTES_AGO[10]}, 1200),
        ({0: MINUTES_AGO[31], 2: MINUTES_AGO[0], 3: MINUTES_AGO[0]}, 0),
    ],
)
def test_a_wave_waits_until_those_before_it_have_soaked(ended: dict[int, str | None], soak: int) -> None:
    results = {f"rebootless_wave_{number}": told(ended=end) for number, end in ended.items()}
    results["rebootless_status"] = told(ended=MINUTES_AGO[0])
    assert wave_of(planned(), 2, {**SPEC, "soak": "30m"}, results=results)["soak"] == soak
    assert wave_of(planned(), 2, SPEC, results=results)["soak"] == 0


@pytest.mark.parametrize(
    "given", [None, {}, "no", {"json": "{}"}, {"json": '{"schema": 0}'}, {"json": '{"schema": 2}'}]
)
def test_no_wave_without_a_plan(given: Any) -> None:
    with pytest.raises(PolicyError, match=r"^rebootless_plan: the artifact of playbook plan is expected"):
        wave_of(given, 0, SPEC)


def test_no_wave_below_the_first() -> None:
    with pytest.raises(PolicyError, match=r"^rebootless_wave is -1; 0 or more is expected"):
        wave_of(planned(), -1, SPEC)


def test_a_host_that_is_out_already_goes_first_and_at_once() -> None:
    looks = {
        "web-02": {"state": "drained"},
        "web-03": {"state": "active"},
        "sql-01": {"state": "unknown"},
        "web-01": {},
    }
    wave = {"hosts": list(looks), "fleet": {"x": 1}, "soak": 60}
    assert workflow.drained_first(wave, looks) == {"fleet": {"x": 1, "canary": ["web-02"]}, "soak": 0}
    assert workflow.drained_first(wave, {"web-03": {"state": "active"}}) == {"fleet": {"x": 1}, "soak": 60}


# --- the merged report -----------------------------------------------------------------------------------------------


def test_hosts_without_a_result() -> None:
    artifacts = {"rebootless_plan": planned(), "rebootless_wave_0": told(result("web-01"))}
    assert workflow.unheard(artifacts) == ["sql-01", "web-02", "web-03"]
    assert workflow.unheard({}) == workflow.NOBODY
    assert workflow.heard({**artifacts, "rebootless_status": told(result("other"))}).keys() == {"web-01"}


ACTIVE = {"state": "active"}
AS_PLANNED = {"last_boot": BOOT, "build": BUILD}
UNBEGUN = "Its wave was not begun, or ended before its turn."
BEGUN = "Its job did not come to its end:"
UNHEARD = "No job reported on it, and nobody knows whether it is in service."


def as_sent(value: Any) -> Any:
    """A value as it is on the other end of a wire."""
    return json.loads(json.dumps(value))


@pytest.mark.parametrize(
    ("look", "seen", "outcome", "words"),
    [
        (ACTIVE, AS_PLANNED, "not_started", [UNBEGUN, "It is in service."]),
        # A clock that is set right moves the boot time by seconds.
        (ACTIVE, {"last_boot": "2026-09-01T02:02:00Z", "build": BUILD}, "not_started", [UNBEGUN, "It is in service."]),
        (
            ACTIVE,
            {"last_boot": "2026-09-01T02:02:01Z", "build": BUILD},
            "not_finished",
            [f"{BEGUN} its last boot was {BOOT} at the plan and is 2026-09-01T02:02:01Z.", "It is in service."],
        ),
        (
            ACTIVE,
            {"last_boot": BOOT, "build": "26100.32463"},
            "not_finished",
            [f"{BEGUN} its build was {BUILD} at the plan and is 26100.32463.", "It is in service."],
        ),
        # An update was taken off.
        (
            ACTIVE,
            {"last_boot": "2026-09-13T02:00:00Z", "build": "26100.32370"},
            "not_finished",
            [
                f"{BEGUN} its last boot was {BOOT} at the plan and is 2026-09-13T02:00:00Z "
                f"and its build was {BUILD} at the plan and is 26100.32370.",
                "It is in service.",
            ],
        ),
        (
            {"state": "drained", "remembered_since": BOOT},
            AS_PLANNED,
            "not_finished",
            [UNBEGUN, f"It is out of service: drained since {BOOT}."],
        ),
        ({}, {}, "not_reached", [UNHEARD, "It was not asked."]),
        ({}, AS_PLANNED, "not_reached", [UNHEARD, "It was not asked."]),
        (ACTIVE, {}, "not_reached", [UNHEARD, "It was not asked."]),
        (ACTIVE, {"problem": {"message": "refused"}}, "not_reached", [UNHEARD, "refused"]),
        ({"state": "unknown", "why": "locked"}, AS_PLANNED, "not_reached", [UNHEARD, "locked"]),
        # The look itself went wrong, or has not come to its end.
        ({"failed": True, "msg": "no answer"}, AS_PLANNED, "not_reached", [UNHEARD, "It was not asked."]),
        ({"state": None}, AS_PLANNED, "not_reached", [UNHEARD, "It was not asked."]),
    ],
)
def test_the_host_itself_tells_where_no_job_did(
    look: dict[str, Any], seen: dict[str, Any], outcome: str, words: list[str]
) -> None:
    made = workflow.looked("web-01", decision("web-01"), look, seen)
    assert (made["outcome"], made["words"]) == (outcome, words)
    assert made["failed"] is (outcome != "not_started")
    assert made["out"] is (words[-1] != "It is in service.")


def test_what_the_hosts_themselves_tell_is_in_the_report() -> None:
    looks = {
        "web-02": {"look": ACTIVE, "seen": as_sent(AS_PLANNED)},
        "web-03": {"look": {"state": "drained"}, "seen": as_sent(AS_PLANNED)},
        "sql-01": {"look": {}, "seen": {}},
    }
    artifacts = {"rebootless_plan": planned(), "rebootless_wave_0": told(result("web-01"))}
    doc = workflow.merge(artifacts, looks, generated_at=BOOT, version="1")
    assert {host["name"]: host["outcome"] for host in doc["hosts"]} == {
        "sql-01": "not_reached",
        "web-01": "restarted",
        "web-02": "not_started",
        "web-03": "not_finished",
    }


def test_the_latest_wave_has_the_last_word_on_a_host() -> None:
    keys = ("wave_10", "wave_1", "wave_0", "patch", "wave_2")
    artifacts = {f"rebootless_{key}": told(result("web-01", words=[key])) for key in keys}
    words = [doc["hosts"][0]["words"][0] for _wave, doc in workflow.documents(artifacts)]
    assert words == ["patch", "wave_0", "wave_1", "wave_2", "wave_10"]
    assert workflow.heard(artifacts)["web-01"]["words"] == ["wave_10"]


NOT_RUN = "There is no plan of domain {}, so nothing was run there."
NO_PLAN = "There is no plan and no result: the workflow ended before its plan."


@pytest.mark.parametrize(
    ("keys", "problems"),
    [
        ([], [NOT_RUN.format("north"), NOT_RUN.format("south"), NO_PLAN]),
        (["plan_north"], [NOT_RUN.format("south")]),
        (["plan_north", "wave_0_north"], [NOT_RUN.format("south")]),
        (["plan_north", "plan_south"], []),
        # Playbook patch needs no plan.
        (["patch_north"], []),
    ],
)
def test_a_report_tells_which_plans_it_lacks(keys: list[str], problems: list[str]) -> None:
    artifacts = {f"rebootless_{key}": planned() if key.startswith("plan") else told(result("web-01")) for key in keys}
    doc = workflow.merge(artifacts, {}, generated_at=BOOT, version="1", domains=["north", "south"])
    assert doc["problems"] == problems


@pytest.mark.parametrize(("ids", "named"), [([], "none"), (["one"], "one"), (["one", "two", "one"], "one, two")])
def test_a_report_names_the_runs_of_its_jobs(ids: list[str], named: str) -> None:
    artifacts = {f"rebootless_wave_{number}": told(result("web-01"), run=one) for number, one in enumerate(ids)}
    assert workflow.merge(artifacts, {}, generated_at=BOOT, version="1")["run"]["id"] == named


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


@pytest.mark.parametrize(("given", "domain"), [("north", "north"), ("", None), (None, None)])
def test_a_plan_names_its_domain(given: str | None, domain: str | None) -> None:
    artifact = workflow.plan([decision("web-01")], GROUPS, SPEC, 5, given)
    assert json.loads(artifact["json"])["domain"] == domain


def test_a_fleet_split_by_domain_keeps_its_limits() -> None:
    spec = {"max_unavailable": 3, "canary": ["n1"], "groups": {"sql": {"max_unavailable": 1}}}
    made = workflow.service_domains(DOMAINS, ["north", "south"], spec)
    assert {name: one["hosts"] for name, one in made.items()} == {"north": ["n1", "n2", "n3"], "south": ["s1"]}
    assert (made["north"]["fleet"]["groups"], made["south"]["fleet"]["groups"]) == (spec["groups"], {})
    assert (made["north"]["fleet"]["canary"], made["south"]["fleet"]["canary"]) == (["n1"], [])


@pytest.mark.parametrize(
    ("hosts", "most", "shares"),
    [
        (["n1", "n2", "n3", "s1"], 2, [1, 1]),
        (["n1", "n2", "n3", "s1"], 3, [1, 1]),
        (["n1", "n2", "n3", "s1"], 8, [5, 2]),
        (["n1", "n2", "n3", "s1", "s2"], 8, [4, 3]),
        # A domain without a host takes no share.
        (["n1"], 5, [5, 1]),
        (["s1"], 1, [1, 1]),
        ([], 5, [1, 1]),
        (["n1", "s1"], "50%", ["50%", "50%"]),
    ],
)
def test_domains_share_the_limit_of_the_run_by_their_size(hosts: list[str], most: int | str, shares: list[int]) -> None:
    groups = {**DOMAINS, "south": ["s1", "s2"]}
    made = workflow.service_domains(groups, ["north", "south"], {"max_unavailable": most}, hosts)
    assert [one["fleet"]["max_unavailable"] for one in made.values()] == shares


def test_a_limited_group_without_a_host_of_the_fleet_is_in_no_domain() -> None:
    spec = {"groups": {"empty": {"max_unavailable": 1}, "gone": {"max_unavailable": 1}}}
    made = workflow.service_domains(DOMAINS, ["north", "south"], spec)
    assert [one["fleet"]["groups"] for one in made.values()] == [{}, {}]


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
