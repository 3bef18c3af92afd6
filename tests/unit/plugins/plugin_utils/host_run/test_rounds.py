# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rounds of an agreed run: what lies ahead, what another one does, what became of the host over all of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import install
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import rounds as host_rounds
from host_cases import PROBLEM, agreed, decision


def offer(name: str, word: str = "install", **changes: Any) -> dict[str, Any]:
    """An offer of a decision; its KB is KB and its id."""
    kb = f"KB{name}"
    return {"id": name, "kb": kb, "title": "Title", "decision": word, "code": "x", "restart": "always", **changes}


def offering(*offers: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An agreed decision with these offers."""
    install_ids = [one["id"] for one in offers if one["decision"] == "install"]
    return agreed(offers=list(offers), install=install_ids, build="26100.1", **changes)


STUCK = offer("1", "blocked", code="restart_pending")
PENDING_FIRST = "A pending restart keeps updates from being installed, so it comes first."
AHEAD: list[tuple[dict[str, Any], int, int, list[str]]] = [
    (offering(offer("1"), offer("2"), offer("3", "put_off")), 2, 1, ["One restart for KB1, KB2."]),
    (offering(offer("1", kb=None)), 1, 1, ["One restart for Title."]),
    (offering(), 2, 1, ["One restart for what waits for it already."]),
    (offering(restart_required="yes"), 2, 1, ["One restart for what waits for it already."]),
    (
        offering(offer("1"), restart_required="yes"),
        2,
        1,
        ["One restart for KB1.", "The restart that is pending already is taken along."],
    ),
    (
        offering(STUCK, restart_required="yes"),
        2,
        2,
        [PENDING_FIRST, "KB1: decided on after it; what restarts then costs a second restart."],
    ),
    (
        offering(STUCK, offer("2", "blocked", code="restart_pending", kb=None), restart_required="yes"),
        1,
        1,
        [PENDING_FIRST, "KB1, Title: left for another run, because one round is allowed."],
    ),
    (
        offering(STUCK, restart_required="yes"),
        3,
        2,
        [PENDING_FIRST, "KB1: decided on after it; what restarts then costs a second restart."],
    ),
    # What is kept from being installed by something else is not waited for.
    *(
        (offering(offer("1", word, code=code)), 2, 1, ["One restart for what waits for it already."])
        for word, code in (
            ("blocked", "agent_busy"),
            ("blocked", "held_kb"),
            ("refuse", "off_track"),
            ("put_off", "waits_for_window"),
        )
    ),
    *(
        (offering(offer("1"), offer("2", word)), 2, 1, ["One restart for KB1."])
        for word in ("blocked", "put_off", "refuse")
    ),
    (offering(offer("1"), restart={"now": False}), 2, 0, []),
    (offering(offer("1"), restart={"now": 1}), 2, 0, []),
]


@pytest.mark.parametrize(("decided", "rounds", "restarts", "words"), AHEAD)
def test_what_lies_ahead(decided: dict[str, Any], rounds: int, restarts: int, words: list[str]) -> None:
    assert host_rounds.ahead(decided, rounds) == (restarts, words)


def update(name: str, result: str = "installed", **changes: Any) -> dict[str, Any]:
    """What became of an update."""
    made = {"id": name, "kb": f"KB{name}", "title": "Title", "result": result, "reoffered": False}
    return {**made, "hresult": None, "message": None, **changes}


def moment(**changes: Any) -> dict[str, Any]:
    """A host at a moment of a proof."""
    return {"boot": "1", "build": "26100.1", "kbs": ["KB0"], "pending": [], "restart_required": "no", **changes}


def done(*updates: dict[str, Any], after: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The result of an installation of these updates."""
    proof = install.proof(moment(), after or moment(), kept=None, wanted_by=None, names={})
    told = install.told(list(updates))
    times = {"changed": bool(updates), "started_at": "a", "ended_at": "b", "seconds": 7}
    return {**told, "words": [], "problem": None, "proof": proof, **times, **changes}


def one_round(made: dict[str, Any] | None, restarted: bool | str | None = True, **changes: Any) -> dict[str, Any]:
    """The result of a round; `restarted` is empty when there was no restart."""
    restart = None if restarted == "" else {"done": restarted, "reason": "Why."}
    return {"decision": agreed(), "install": made, "restart": restart, "words": [], **changes}


def test_another_round_installs_only_what_is_new() -> None:
    rounds = [one_round(done(update("1"), update("2", reoffered=True), update("3", "failed")))]
    after = offering(
        offer("1", "refuse", code="already_in_effect"), offer("2"), offer("3"), offer("4"), offer("5", "put_off")
    )
    before = copy.deepcopy(after)
    made = host_rounds.next_round(after, rounds, 2)
    assert after == before
    assert (made.go, made.failure) == (True, None)
    assert made.decision == {**after, "install": ["3", "4"]}
    assert made.decision["restart"]["now"] is True


@pytest.mark.parametrize(
    ("before", "most", "go"), [(1, 1, False), (1, 2, True), (2, 2, False), (2, 3, True), (3, 2, False), (3, 1, False)]
)
def test_no_more_rounds_than_are_allowed(before: int, most: int, go: bool) -> None:
    made = host_rounds.next_round(offering(offer("1")), [one_round(None)] * before, most)
    assert (made.go, made.decision["install"]) == (go, ["1"])


@pytest.mark.parametrize(
    ("result", "again"),
    [("failed", ["1"]), ("installed", []), ("left_out", ["1"]), ("still_installing", ["1"]), ("unknown", ["1"])],
)
def test_what_was_not_installed_is_tried_once_more(result: str, again: list[str]) -> None:
    rounds = [one_round(done(update("1", result, reoffered=result == "installed")))]
    assert host_rounds.next_round(offering(offer("1")), rounds, 2).decision["install"] == again


@pytest.mark.parametrize("offers", [(), (offer("1", "put_off", code="already_in_effect"),), (offer("9", "put_off"),)])
def test_no_round_without_something_to_install(offers: tuple[dict[str, Any], ...]) -> None:
    made = host_rounds.next_round(offering(*offers), [one_round(done(update("1")))], 2)
    assert (made.go, made.failure, made.decision["install"]) == (False, None, [])


def test_what_is_installed_already_forces_no_second_restart() -> None:
    """A restart that is pending once more is told and not repeated; what installs without one is installed."""
    after = offering(offer("2"), offer("4", restart="none"), restart_required="yes")
    made = host_rounds.next_round(after, [one_round(done(update("2", reoffered=True)))], 2)
    assert (made.go, made.decision["install"], made.decision["restart"]["now"]) == (True, ["4"], False)
    for kind in ("possible", "always", "unknown"):
        forced = host_rounds.next_round(offering(offer("4", restart=kind)), [one_round(None)], 2)
        assert forced.decision["restart"]["now"] is True, kind
    not_agreed = {**after, "restart": {**after["restart"], "now": False}}
    assert host_rounds.next_round(not_agreed, [one_round(None)], 2).decision["restart"]["now"] is False


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("blocked", "agent_busy"),
        ("blocked", "held_kb"),
        ("install", "agreed_restart"),
        ("install", "no_restart"),
        ("put_off", "waits_for_restart"),
    ],
)
def test_an_update_that_windows_took_off_again_ends_the_rounds(word: str, code: str) -> None:
    after = offering(offer("1", word, code=code), offer("2"))
    made = host_rounds.next_round(after, [one_round(done(update("1")))], 2)
    words = "Windows has taken KB1 off again in the restart, and offers it as before; the build is 26100.1."
    assert (made.go, made.failure) == (False, words)


def test_a_host_that_does_not_answer_after_its_restart() -> None:
    after = offering(reached=False, problem=PROBLEM)
    assert host_rounds.next_round(after, [one_round(None)], 2)[::2] == (
        False,
        "The host could not be asked after the restart: timed out",
    )


GOOD, BAD, NOBODY = ({"healthy": one} for one in (True, False, None))


@pytest.mark.parametrize(
    ("verify", "rounds", "stays"),
    [
        (None, [], False),
        ({}, [], False),
        ({"before": GOOD}, [], False),
        ({"before": BAD}, [], True),
        ({"before": NOBODY}, [], True),
        ({"before": GOOD, "after": BAD}, [one_round(None)], True),
        ({"before": BAD, "after": GOOD}, [one_round(None)], False),
        ({"before": GOOD, "after": NOBODY}, [one_round(None, "")], True),
        ({"before": GOOD, "after": GOOD}, [one_round(None, None)], True),
        ({"before": GOOD, "after": GOOD}, [one_round(None, None), one_round(None)], False),
        ({"before": GOOD}, [one_round(None, False)], False),
        ({"before": GOOD, "after": GOOD}, [one_round(None, ""), one_round(None, None)], True),
    ],
)
def test_who_stays_out(verify: dict[str, Any] | None, rounds: list[dict[str, Any]], stays: bool) -> None:
    assert host_rounds.stays_out(verify, rounds) is stays


def test_why_an_ill_host_is_left_as_it_is() -> None:
    checks = [
        {"detail": "W3SVC is stopped", "ok": False},
        {"detail": "port 443 answers", "ok": True},
        {"detail": "C: could not be read", "ok": None},
    ]
    words = "The health checks before did not all pass: W3SVC is stopped, C: could not be read"
    assert host_rounds.why_unhealthy({"healthy": False, "checks": checks}) == words


@pytest.mark.parametrize(
    ("stays", "changed", "where"),
    [
        (False, True, {"state": "active", "why": "w"}),
        (False, False, {"state": "active", "why": "w"}),
        (True, False, {"state": "active", "why": "w"}),
        (True, True, {"state": "drained", "why": "it is not back, or not healthy, so it stays out."}),
    ],
)
def test_where_a_host_is_that_was_to_be_put_back(stays: bool, changed: bool, where: dict[str, Any]) -> None:
    assert host_rounds.whereabouts({"state": "active", "why": "w", "changed": changed, "adapters": []}, stays) == where


def test_one_installation_is_told_as_it_is() -> None:
    assert host_rounds.together([]) is None
    one = done(update("1"))
    assert host_rounds.together([one]) == one


def test_two_installations_are_told_as_one() -> None:
    first = done(
        update("1"),
        update("2", "failed", message="Boom."),
        after=moment(kbs=["KB0", "KB1"], pending=["servicing:x"]),
        words=["A.", "B."],
    )
    second = done(
        update("2"),
        words=["B.", "C."],
        started_at="c",
        ended_at="d",
        seconds=5,
        changed=False,
        after=moment(boot="2", build="26100.2", kbs=["KB0", "KB1", "KB2"]),
    )
    second["proof"]["before"] = moment(boot="2", build="26100.2", kbs=["KB0", "KB1"])
    second["proof"] |= {"track_kept": True, "restart_wanted_by": [{"id": "2", "kb": "KB2"}]}
    made = host_rounds.together([first, second])
    assert made is not None
    assert (made["outcome"], made["installed"], made["failed_updates"]) == ("installed", ["1", "2"], [])
    assert made["words"] == ["A.", "B.", "C."]
    assert (made["changed"], made["started_at"], made["ended_at"], made["seconds"]) == (True, "a", "d", 12)
    assert made["proof"] == {
        "before": moment(),
        "after": second["proof"]["after"],
        "restarted": True,
        "kbs_added": ["KB1", "KB2"],
        "build_changed": True,
        "track_kept": True,
        "restart_wanted_by": [{"id": "2", "kb": "KB2"}],
    }


def test_the_last_of_three_installations_says_when_it_ended() -> None:
    three = [done(update(name), ended_at=name) for name in ("1", "2", "3")]
    made = host_rounds.together(three)
    assert made is not None
    assert (made["ended_at"], made["installed"], made["seconds"]) == ("3", ["1", "2", "3"], 21)


def test_a_second_installation_that_did_not_come_to_anything() -> None:
    first, nothing = done(update("1")), done(proof=None)
    stale = {**nothing, "outcome": "stale"}
    assert [(host_rounds.together(both) or {})["outcome"] for both in ([first, nothing], [first, stale])] == [
        "installed",
        "stale",
    ]
    assert (host_rounds.together([first, nothing]) or {})["proof"] == first["proof"] | {"restart_wanted_by": None}
    assert (host_rounds.together([nothing, nothing]) or {})["proof"] is None
    assert (host_rounds.together([nothing, first]) or {})["outcome"] == "installed"


def outcome_of(*rounds: dict[str, Any], decided: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The result of a host over these rounds."""
    return host_rounds.baseline("web1", decided or agreed(), rounds, **more)


def test_a_baseline_that_ended_well() -> None:
    second = one_round(done(update("2")), decision=agreed(summary="The second."), words=["Heard there."])
    made = outcome_of(
        one_round(done(update("1"))), second, verify={"after": GOOD}, drain={"state": "active", "why": None}
    )
    assert {key: made[key] for key in ("name", "outcome", "failed", "words", "next_step", "out")} == {
        "name": "web1",
        "outcome": "restarted",
        "failed": False,
        "words": ["Heard there."],
        "next_step": None,
        "out": False,
    }
    assert (made["decision"]["summary"], made["install"]["installed"]) == ("The second.", ["1", "2"])
    assert made["restarts"] == [second["restart"]] * 2
    assert (made["restart"], made["drain"], made["preflight"]) == (
        second["restart"],
        {"state": "active", "why": None},
        None,
    )


def test_the_last_restart_is_the_one_that_counts() -> None:
    first, last = one_round(done(update("1"))), one_round(done(update("2")), None)
    assert outcome_of(first, last)["restart"] == last["restart"] != first["restart"]


def test_the_decision_is_the_one_that_was_carried_out() -> None:
    last = agreed(summary="The last.")
    assert (
        outcome_of(one_round(done(), decision=decision(summary="Did.")), decided=last)["decision"]["summary"] == "Did."
    )
    assert outcome_of(one_round(None), decided=last)["decision"] == last


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"untouched": "Somebody is at work."}, ["Somebody is at work."]),
        (
            {"preflight": {"go_on": False, "why": "a backup runs"}},
            ["The preflight stops it: a backup runs"],
        ),
        # What the preflight has found is told with it, and stops nothing by itself.
        ({"untouched": "Somebody is at work.", "preflight": {"go_on": True}}, ["Somebody is at work."]),
    ],
)
def test_nothing_was_done(given: dict[str, Any], words: list[str]) -> None:
    made = outcome_of(failure=f"Stop: {words[0]}", **given)
    assert (made["outcome"], made["failed"], made["words"]) == ("blocked", True, words)
    assert (made["next_step"], made["out"], made["preflight"]) == (host_rounds.UNTOUCHED, False, given.get("preflight"))


def test_a_preflight_that_lets_the_host_go_on_stops_nothing() -> None:
    made = outcome_of(one_round(done(update("1"))), preflight={"go_on": True, "why": "a warning"})
    assert (made["outcome"], made["failed"]) == ("restarted", False)


def test_a_failure_is_told_once() -> None:
    failed = one_round(done(update("1")), words=["Boom.", "Heard."])
    assert outcome_of(failed, failure="Restart: Boom. And more.", heard=["First.", "Heard."])["words"] == [
        "First.",
        "Heard.",
        "Restart: Boom. And more.",
    ]


@pytest.mark.parametrize("state", ["drained", "unknown"])
def test_a_host_that_is_out_of_service_has_not_ended_well(state: str) -> None:
    made = outcome_of(one_round(done(update("1"))), verify={"after": GOOD}, drain={"state": state, "why": "why not"})
    assert (made["outcome"], made["failed"], made["out"]) == ("failed", True, True)
    assert (made["words"], made["next_step"]) == ([f"{host_rounds.OUT[state]}: why not"], host_rounds.STILL_OUT)
    sick = outcome_of(one_round(done(update("1"))), verify={"after": BAD}, drain={"state": state, "why": None})
    assert (sick["outcome"], sick["words"][-1]) == ("verify_failed", f"{host_rounds.OUT[state]}: nobody put it back")


@pytest.mark.parametrize(
    ("rounds", "more", "out"),
    [
        ([one_round(done(update("1")))], {}, False),
        ([], {"decided": agreed(reached=False, problem=PROBLEM)}, True),
        ([one_round(done(), None)], {}, True),
        ([one_round(done(), False)], {}, False),
        ([one_round(done())], {"verify": {"after": BAD}}, True),
        ([one_round(done())], {"verify": {"after": NOBODY}}, True),
        ([one_round(done())], {"verify": {"before": BAD}}, False),
        ([one_round(done())], {"drain": {"state": "refused", "why": "busy"}}, False),
        # Nobody has seen it since the installation.
        ([one_round(done(proof={"before": moment(), "after": None}), "")], {}, True),
        ([one_round(done(proof={"before": moment(), "after": None}, outcome="check_mode"), "")], {}, False),
        ([one_round(done(proof={"before": moment(), "after": None}))], {}, False),
        ([one_round(done(proof={"before": moment(), "after": None}), "")], {"verify": {"after": GOOD}}, False),
    ],
)
def test_who_is_out_of_service(rounds: list[dict[str, Any]], more: dict[str, Any], out: bool) -> None:
    assert outcome_of(*rounds, **more)["out"] is out


def test_check_mode_owes_no_restart_that_the_run_would_do() -> None:
    stuck = one_round(done(), "", decision=offering(STUCK))
    made = outcome_of(stuck, check_mode=True)
    assert (made["outcome"], made["failed"], made["next_step"]) == ("check_mode", False, None)
    assert outcome_of(stuck)["outcome"] == "restart_due"
    later = one_round(done(), "", decision=offering(STUCK, restart={"now": False, "consent": False}))
    assert outcome_of(later, check_mode=True)["outcome"] == "restart_due"


@pytest.mark.parametrize(
    ("given_one", "outcome"),
    [
        ({"failure": "Boom."}, "failed"),
        ({"decided": agreed(reached=False, problem=PROBLEM)}, "not_reached"),
        ({"decided": {**agreed(), "decision": "unknown"}}, "unknown"),
        ({"verify": {"after": BAD}}, "verify_failed"),
    ],
)
def test_check_mode_hides_no_trouble(given_one: dict[str, Any], outcome: str) -> None:
    made = outcome_of(check_mode=True, **given_one)
    step = host_run.NEXT_STEPS[outcome]
    if outcome == "not_reached":
        step = "See why the host does not answer in time (power, network, load), then run again."
    assert (made["outcome"], made["failed"], made["next_step"]) == (outcome, True, step)
