# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may go out of service now, and when a run stops: every reason, in its order, with its words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import admission as fleet_admission
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import plan as fleet_plan
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.admission import Answer, Ask, Gate
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import FleetSpec
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 9, 20, 12, 0, tzinfo=UTC)
FLEET: dict[str, list[str]] = {
    "w1": ["web"],
    "w2": ["web", "x"],
    "w3": ["web"],
    "s1": ["sql"],
    "s2": ["sql", "web"],
    "o1": [],
}


def ended(outcome: str = "restarted", failed: bool | None = False, at: str = "2026-09-20T10:00:00Z") -> dict[str, Any]:
    """How a host has ended."""
    return {"outcome": outcome, "failed": failed, "at": at}


def run(finished: Mapping[str, Any] | None = None, stopped: str | None = None, **spec: Any) -> dict[str, Any]:
    """A run through the fleet as its file has it."""
    hosts = [{"name": name, "groups": groups, "seconds": 60} for name, groups in FLEET.items()]
    return {
        "run": "now",
        "plan": fleet_plan.plan(hosts, FleetSpec.load(spec), 50),
        "spec": spec,
        "hosts": {one["name"]: {"groups": one["groups"], "seconds": 60} for one in hosts},
        "started": {},
        "finished": dict(finished or {}),
        "stopped": stopped,
    }


def lease(host: str, whose: str = "now", kind: str = "restart", alive: bool = True) -> dict[str, Any]:
    """A lease as the state directory gives it."""
    return {"host": host, "run": whose, "kind": kind, "alive": alive, "groups": FLEET.get(host, ["web"])}


def ask(host: str = "w1", kind: str = "restart", **more: Any) -> Ask:
    """A host that asks."""
    return Ask(**({"host": host, "kind": kind, "now": NOW, "judged": NOW} | more))


YES = Answer(True, "admitted", "The host may go out.")
# Names of another run, before this one's in the alphabet and after it.
OTHERS = ["another", "other"]


# --- gate --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", fleet_admission.BAD)
def test_bad_outcomes_are_bad_whatever_is_said(outcome: str) -> None:
    assert fleet_admission.is_bad(ended(outcome, False))


@pytest.mark.parametrize(("failed", "bad"), [(True, True), (None, True), (False, False)])
def test_what_is_not_known_is_bad(failed: bool | None, bad: bool) -> None:
    assert fleet_admission.is_bad(ended("installed", failed)) is bad


@pytest.mark.parametrize("failed", [True, None, False])
def test_a_restart_that_nobody_has_agreed_to_is_not_bad(failed: bool | None) -> None:
    assert not fleet_admission.is_bad(ended("restart_due", failed))


def test_bad_outcomes() -> None:
    assert set(fleet_admission.BAD) == {
        *("failed", "unreachable", "not_reached", "unhealthy", "verify_failed", "unknown", "not_finished"),
    }


@pytest.mark.parametrize(
    ("finished", "spec", "gate"),
    [
        ({}, {}, Gate(True, [], 0, "No host ended badly; the run's budget is 0.")),
        ({"w1": ended()}, {}, Gate(True, [], 0, "No host ended badly; the run's budget is 0.")),
        (
            {"w1": ended("not_reached")},
            {},
            Gate(False, ["w1"], 0, "1 host ended badly (w1); the run's budget is 0."),
        ),
        (
            {"w1": ended("unknown")},
            {"budget": {"failed": 1}},
            Gate(True, ["w1"], 1, "1 host ended badly (w1); the run's budget is 1."),
        ),
        (
            {"w1": ended("failed"), "w2": ended("x", True)},
            {"budget": {"failed": "33%"}},
            Gate(False, ["w1", "w2"], 1, "2 hosts ended badly (w1, w2); the run's budget is 1."),
        ),
        (
            {"w1": ended("failed"), "w2": ended("x", True)},
            {"budget": {"failed": "34%"}},
            Gate(True, ["w1", "w2"], 2, "2 hosts ended badly (w1, w2); the run's budget is 2."),
        ),
        (
            {"w1": ended("failed"), "w2": ended("failed")},
            {"budget": {"failed": 6, "per_wave": 1}, "canary": ["w1"]},
            Gate(True, ["w1", "w2"], 6, "2 hosts ended badly (w1, w2); the run's budget is 6."),
        ),
        (
            {"w1": ended("failed")},
            {"budget": {"failed": 6, "per_wave": 2}},
            Gate(True, ["w1"], 6, "1 host ended badly (w1); the run's budget is 6."),
        ),
        (
            {"w1": ended("failed")},
            {"budget": {"failed": 6, "per_wave": 0}, "canary": ["w2"]},
            Gate(False, ["w1"], 6, "1 host ended badly (w1) in wave 2; a wave's budget is 0."),
        ),
        (
            {"w1": ended("failed"), "w2": ended("failed"), "w3": ended("failed")},
            {"budget": {"failed": 6, "per_wave": "50%"}, "canary": ["w1", "w2", "w3", "o1"]},
            Gate(False, ["w1", "w2", "w3"], 6, "3 hosts ended badly (w1, w2, w3) in wave 1; a wave's budget is 2."),
        ),
    ],
)
def test_gate(finished: dict[str, Any], spec: dict[str, Any], gate: Gate) -> None:
    found = fleet_admission.gate(run(finished, **spec))
    assert found._replace(bad=sorted(found.bad)) == gate


@given(st.dictionaries(st.sampled_from(list(FLEET)), st.booleans()), st.integers(0, 6))
def test_gate_is_open_while_the_budget_lasts(failed: dict[str, bool], budget: int) -> None:
    finished = {name: ended("x", bad) for name, bad in failed.items()}
    verdict = fleet_admission.gate(run(finished, budget={"failed": budget}))
    assert verdict.open is (sum(failed.values()) <= budget)
    assert set(verdict.bad) == {name for name, bad in failed.items() if bad}


# --- admission ---------------------------------------------------------------------------------------------------


def test_first_host() -> None:
    assert fleet_admission.admit(run(), [], ask()) == YES


@pytest.mark.parametrize(
    ("has", "asks", "again"),
    [
        ("restart", "restart", True),
        ("install", "install", True),
        ("restart", "install", True),
        ("install", "restart", False),
    ],
)
def test_own_slot_holds_whatever_stops_others(has: str, asks: str, again: bool) -> None:
    stopped = ask(kind=asks, stop="why", window_end=NOW)
    answer = fleet_admission.admit(run({"w2": ended("failed")}, "x"), [lease("w1", kind=has)], stopped)
    assert answer.admitted is again
    assert answer.why == ("The host has its slot already." if again else "The stop file is there: why.")


@pytest.mark.parametrize(
    ("stop", "finished", "stopped", "code", "why"),
    [
        ("moving house", {"w2": ended("failed")}, "x", "stop_file", "The stop file is there: moving house."),
        ("", {}, None, "stop_file", "The stop file is there: it gives no reason."),
        (None, {"w2": ended("failed")}, "x", "gate_closed", "1 host ended badly (w2); the run's budget is 0."),
        (None, {}, "by hand.", "run_stopped", "The run was stopped: by hand."),
    ],
)
@pytest.mark.parametrize("kind", fleet_admission.KINDS)
def test_stopped(
    stop: str | None, finished: dict[str, Any], stopped: str | None, code: str, why: str, kind: str
) -> None:
    late = ask(kind=kind, stop=stop, window_end=NOW)
    orphan = lease("w1", "old", alive=False)
    assert fleet_admission.admit(run(finished, stopped), [], late) == Answer(False, code, why)
    words = f"{why} Run old has ended and left its slot: it may still be out of service."
    assert fleet_admission.admit(run(finished, stopped), [orphan], late) == Answer(False, code, words)


@pytest.mark.parametrize(
    ("left", "needs", "admitted"),
    [(600, 600, True), (600, 601, False), (1, 0, True), (0, 0, False), (-60, 0, False), (-60, -120, False)],
)
def test_window(left: int, needs: int, admitted: bool) -> None:
    asked = ask(window_end=NOW + timedelta(seconds=left), needs_seconds=needs, now=NOW + timedelta(days=3))
    answer = fleet_admission.admit(run(), [], asked)
    assert (answer.admitted, answer.code) == (admitted, "admitted" if admitted else "window_too_short")


def test_words_of_a_window() -> None:
    asked = ask(window_end=NOW + timedelta(minutes=9), needs_seconds=3600)
    assert fleet_admission.admit(run(), [], asked).why == "The host needs 1:00:00, and its window has 0:09:00 left."
    asked = ask(window_end=NOW - timedelta(minutes=9), needs_seconds=3600)
    assert fleet_admission.admit(run(), [], asked).why == "The host needs 1:00:00, and its window has 0:00:00 left."
    assert fleet_admission.admit(run(), [], ask(needs_seconds=3600)).admitted


def test_who_says_nothing_of_it_needs_no_time_and_has_not_waited() -> None:
    assert (ask().needs_seconds, ask().waited) == (0, 0.0)


@pytest.mark.parametrize("kind", fleet_admission.KINDS)
def test_waves(kind: str) -> None:
    spec: dict[str, Any] = {"canary": ["w2"], "waves": [1, 4], "soak": "30m"}
    second, third = (wave["hosts"][0] for wave in run(**spec)["plan"]["waves"][1:])
    canary = {"w2": ended(at="2026-09-20T11:30:01Z")}
    soaking = Answer(False, "wait", "The wave before soaks until 2026-09-20T12:00:01Z.")
    assert fleet_admission.admit(run(**spec), [], ask("w2", kind)) == YES
    assert fleet_admission.admit(run(**spec), [], ask(second, kind)).why == "The canary is not finished: w2."
    assert fleet_admission.admit(run(canary, **spec), [], ask(second, kind)) == soaking
    later = ask(second, kind, now=NOW + timedelta(seconds=1))
    assert fleet_admission.admit(run(canary, **spec), [], later) == YES
    assert fleet_admission.admit(run(canary, **spec), [], ask(third, kind)).why == f"Wave 2 is not finished: {second}."
    both = {"w2": ended(at="2026-09-20T11:59:00Z"), second: ended(at="2026-09-20T11:29:00Z")}
    assert fleet_admission.admit(run(both, **spec), [], ask(third, kind)).why == (
        "The wave before soaks until 2026-09-20T12:29:00Z."
    )
    no_soak = run(canary, **(spec | {"soak": "0m"}))
    assert fleet_admission.admit(no_soak, [], ask(second, kind)) == YES


def test_soak_is_in_real_time() -> None:
    found = run({"w2": ended(at="2026-09-20T11:59:00Z")}, canary=["w2"], soak="1h")
    assert fleet_admission.admit(found, [], ask(judged=NOW + timedelta(days=1))).code == "wait"
    zone = timezone(timedelta(hours=5))
    assert fleet_admission.admit(found, [], ask(now=(NOW + timedelta(hours=1)).astimezone(zone))) == YES


@pytest.mark.parametrize(
    ("leases", "host", "spec", "why"),
    [
        ([lease("w2")], "w1", {"max_unavailable": 1}, "Of all hosts 1 may be out. Out now: w2."),
        ([lease("w2")], "w1", {"max_unavailable": 2}, None),
        ([lease("w2", kind="install")], "w1", {"max_unavailable": 1}, None),
        (
            [lease("zz", "other"), lease("w2", "old", alive=False)],
            "s1",
            {"max_unavailable": 2},
            "Of all hosts 2 may be out. Out now: zz, w2 (left behind by run old).",
        ),
        ([lease("w2")], "w1", {"groups": {"web": {"max_unavailable": 1}}}, "Of group web 1 may be out. Out now: w2."),
        (
            [lease("zz", "other")],
            "w1",
            {"groups": {"web": {"max_unavailable": 1}}},
            "Of group web 1 may be out. Out now: zz.",
        ),
        ([lease("w2"), lease("s1")], "w1", {"groups": {"web": {"max_unavailable": 2}}}, None),
        ([lease("w2")], "s1", {"groups": {"web": {"max_unavailable": 1}}}, None),
        ([lease("w2")], "o1", {"groups": {"web": {"max_unavailable": 1}}}, None),
        (
            [lease("s1")],
            "s2",
            {"groups": {"web": {"max_unavailable": 1}, "sql": {"max_unavailable": 1}}},
            "Of group sql 1 may be out. Out now: s1.",
        ),
        (
            [lease("w1")],
            "s2",
            {"groups": {"web": {"max_unavailable": 1}, "sql": {"max_unavailable": 1}}},
            "Of group web 1 may be out. Out now: w1.",
        ),
        (
            [lease("w2"), lease("w1", kind="install")],
            "w1",
            {"max_unavailable": 1},
            "Of all hosts 1 may be out. Out now: w2.",
        ),
        ([lease("s1"), lease("w1", kind="install")], "w1", {"max_unavailable": 2}, None),
    ],
)
def test_limits(leases: list[dict[str, Any]], host: str, spec: dict[str, Any], why: str | None) -> None:
    expected = YES if why is None else Answer(False, "wait_limit", why)
    assert fleet_admission.admit(run(**spec), leases, ask(host)) == expected
    assert fleet_admission.admit(run(**spec), leases, ask(host, "install")).admitted


@pytest.mark.parametrize(("most", "admitted"), [("100%", True), ("99%", False), (6, True), (5, False)])
def test_all_of_a_run_is_no_limit_for_hosts_of_other_runs(most: object, admitted: bool) -> None:
    others = [{**lease(f"x{index}", "other"), "groups": ["web"]} for index in range(5)]
    assert fleet_admission.admit(run(max_unavailable=most), others, ask("o1")).admitted is admitted
    web = run(groups={"web": {"max_unavailable": most}})
    assert fleet_admission.admit(web, others, ask("w1")).admitted is admitted
    assert fleet_admission.admit(web, others, ask("o1")).admitted


def test_those_ahead_go_first_when_they_can() -> None:
    spec: dict[str, Any] = {"max_unavailable": 2, "groups": {"web": {"max_unavailable": 1}}}
    out = [lease("w2")]
    assert fleet_admission.admit(run(**spec), out, ask("o1", ahead=["w3"])) == YES
    assert fleet_admission.admit(run(**spec), out, ask("o1", ahead=["w3", "s1"])).why == (
        "Of all hosts 2 may be out. Out now: w2. Waiting ahead of it: 1."
    )
    assert fleet_admission.admit(run(**spec), [], ask("o1", ahead=["w3", "w1"])) == YES
    assert fleet_admission.admit(run(**spec), [], ask("w1", ahead=["w3"])).why == (
        "Of group web 1 may be out. Out now: none. Waiting ahead of it: 1."
    )
    assert fleet_admission.admit(run(max_unavailable=3), [lease("w2"), lease("s1")], ask("o1", ahead=["w3"])).why == (
        "Of all hosts 3 may be out. Out now: w2, s1. Waiting ahead of it: 1."
    )
    assert fleet_admission.admit(run(**spec), [], ask("w1", "install", ahead=["w3"])) == YES


@pytest.mark.parametrize("other", OTHERS)
def test_a_host_that_another_run_has(other: str) -> None:
    held = [lease("w1", other)]
    answer = Answer(False, "wait", f"Run {other} has the host in its hands.")
    assert fleet_admission.admit(run(), held, ask()) == answer
    assert fleet_admission.admit(run(), [lease("w1", other, "install")], ask(kind="install")) == answer
    for host in ("o1", "w2"):
        assert fleet_admission.admit(run(), held, ask(host)) == YES
    assert answer.waits
    assert not YES.waits


@pytest.mark.parametrize(
    ("has", "asks", "at_once"),
    [
        ("restart", "restart", True),
        ("restart", "install", True),
        ("install", "install", True),
        ("install", "restart", False),
    ],
)
@pytest.mark.parametrize("old", OTHERS)
def test_a_host_that_is_out_already_goes_before_waves_and_limits(has: str, asks: str, at_once: bool, old: str) -> None:
    left = lease("w1", old, has, alive=False)
    found = run(canary=["o1"], max_unavailable=1)
    answer = fleet_admission.admit(found, [left, lease("s1")], ask(kind=asks))
    taken_over = Answer(True, "admitted", f"Run {old} has ended and left its slot, taken over now.", left)
    assert answer == (taken_over if at_once else Answer(False, "wait", "The canary is not finished: o1."))
    done = run({"o1": ended()}, canary=["o1"], max_unavailable=1)
    assert fleet_admission.admit(done, [left], ask(kind=asks)) == taken_over


@pytest.mark.parametrize(
    ("waited", "code"), [(3599.9, "wait_limit"), (3600.0, "waited_too_long"), (3615.0, "waited_too_long")]
)
def test_patience(waited: float, code: str) -> None:
    found = run(max_unavailable=1, slot_wait="1h")
    answer = fleet_admission.admit(found, [lease("w2")], ask(waited=waited))
    words = "Of all hosts 1 may be out. Out now: w2."
    late = f"No slot got free in 1:00:00. {words}"
    assert answer == Answer(False, code, words if code == "wait_limit" else late)
    assert answer.waits is (code == "wait_limit")
    assert fleet_admission.admit(found, [], ask(waited=waited)) == YES


@pytest.mark.parametrize(
    ("leases", "finished", "why"),
    [
        ([lease("w2")], ["w2"], "Of group web 1 may be out, and nobody puts back w2."),
        ([lease("w2")], [], None),
        (
            [lease("zz", "old", alive=False)],
            [],
            "Of group web 1 may be out, and nobody puts back zz (left behind by run old).",
        ),
        ([lease("zz", "old")], ["zz"], None),
        *(([lease("w2", other)], ["w2"], None) for other in OTHERS),
        ([lease("w2", "old", alive=False)], [], None),
        (
            [lease("w2", "old", alive=False)],
            ["w2"],
            "Of group web 1 may be out, and nobody puts back w2 (left behind by run old).",
        ),
        ([lease("w2"), lease("w3")], ["w2"], "Of group web 1 may be out, and nobody puts back w2."),
        ([lease("w2"), lease("w3")], ["w2", "w3"], "Of group web 1 may be out, and nobody puts back w2, w3."),
    ],
)
def test_nobody_waits_for_hosts_that_stay_out(
    leases: list[dict[str, Any]], finished: list[str], why: str | None
) -> None:
    found = run({name: ended() for name in finished}, groups={"web": {"max_unavailable": 1}})
    answer = fleet_admission.admit(found, leases, ask())
    if why is None:
        assert answer.code == "wait_limit"
    else:
        assert answer == Answer(False, "slots_kept", why)
    two = run({name: ended() for name in finished}, groups={"web": {"max_unavailable": 2}})
    both = "slots_kept" if len(finished) == 2 else "wait_limit"
    assert fleet_admission.admit(two, leases, ask()).code == ("admitted" if len(leases) == 1 else both)


def test_every_no_has_a_next_step() -> None:
    assert {*fleet_admission.NEXT_STEPS, "admitted"} == set(fleet_admission.CODES)


@given(
    leases=st.lists(
        st.builds(
            lease, st.sampled_from(list(FLEET)), st.sampled_from(["now", "old"]), st.sampled_from(fleet_admission.KINDS)
        ),
        unique_by=lambda one: one["host"],
    ),
    host=st.sampled_from(list(FLEET)),
    ahead=st.lists(st.sampled_from(list(FLEET)), unique=True, max_size=3),
    everyone=st.integers(1, 4),
    web=st.integers(1, 3),
)
def test_no_yes_exceeds_a_limit(
    leases: list[dict[str, Any]], host: str, ahead: list[str], everyone: int, web: int
) -> None:
    found = run(max_unavailable=everyone, groups={"web": {"max_unavailable": web}})
    before = {one["host"] for one in leases if one["kind"] == "restart"}
    answer = fleet_admission.admit(found, leases, ask(host, ahead=[name for name in ahead if name != host]))
    if answer.admitted and host not in before:
        after = before | {host}
        assert len(after) <= everyone
        assert host not in ("w1", "w2", "w3", "s2") or sum("web" in FLEET[name] for name in after) <= web
    elif not answer.admitted and not ahead and not any(one["host"] == host for one in leases):
        mine = [name for name in before if "web" in FLEET[name]]
        assert len(before) >= everyone or ("web" in FLEET[host] and len(mine) >= web)
