# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host ends: when its agreed restart may happen, and the one word for what became of it."""

from __future__ import annotations

import copy
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils import host_run, install
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 9, 20, 23, tzinfo=UTC)
WINDOW = {"start": "2026-09-20T22:00:00Z", "end": "2026-09-21T02:00:00Z", "name": None}
PROBLEM = {"kind": "timeout", "message": "timed out"}


def decision(word: str = "install_without_restart", **changes: Any) -> dict[str, Any]:
    """A decision, with nothing due; `restart` changes keys of its restart."""
    restart = {"due": False, "now": False, "window": None, "why": None, "consent": False, "offers": []}
    restart |= changes.pop("restart", {})
    return {
        "reached": True,
        "problem": None,
        "decision": word,
        "summary": "The summary.",
        "offers": [],
        "put_off": [],
        "restart_required": "no",
        "restart": restart,
        **changes,
    }


def agreed(**changes: Any) -> dict[str, Any]:
    """A decision whose restart is agreed, in an open window."""
    restart = {"due": True, "now": True, "window": WINDOW, "why": "Why.", "consent": True, **changes.pop("restart", {})}
    return decision("restart_due", restart=restart, **changes)


def installed(outcome: str = "installed", required: str | None = "no", **changes: Any) -> dict[str, Any]:
    """An installation's result; `required` is whether the host wants a restart after it, None when it could not be asked."""
    after = None if required is None else {"restart_required": required}
    return {"outcome": outcome, "words": [], "problem": None, "proof": {"before": {}, "after": after}, **changes}


# --- the agreed restart ----------------------------------------------------------------------------------------------

NONE_AGREED = "No restart is agreed."
CLOSED = f"The window closed at {WINDOW['end']}, so the host is not restarted."
NOBODY_KNOWS = "The host could not be asked what it is now, so it is not restarted."
NOTHING_WAITS = "Nothing waits for a restart."
END = datetime(2026, 9, 21, 2, tzinfo=UTC)
WAITING = installed(required="yes")

RESTARTS: list[tuple[dict[str, Any], dict[str, Any] | None, datetime, bool, str]] = [
    (agreed(), WAITING, NOW, True, "Why."),
    (agreed(restart={"why": None}), WAITING, NOW, True, "An installed update waits for a restart."),
    (agreed(restart={"consent": False}), WAITING, NOW, False, NONE_AGREED),
    (agreed(restart={"consent": None}), WAITING, NOW, False, NONE_AGREED),
    # Only true is a yes.
    (agreed(restart={"consent": "true"}), WAITING, NOW, False, NONE_AGREED),
    (agreed(restart={"consent": 1}), WAITING, NOW, False, NONE_AGREED),
    (agreed(restart={"now": False}), WAITING, NOW, False, NONE_AGREED),
    (agreed(restart={"now": 1}), WAITING, NOW, False, NONE_AGREED),
    # The window: open until just before its end; one whose end nobody can read is shut.
    (agreed(), WAITING, END - timedelta(seconds=1), True, "Why."),
    (agreed(), WAITING, END, False, CLOSED),
    (agreed(), WAITING, END + timedelta(days=1), False, CLOSED),
    (
        agreed(restart={"window": {**WINDOW, "end": "soon"}}),
        WAITING,
        NOW,
        False,
        "The window closed at soon, so the host is not restarted.",
    ),
    (agreed(restart={"window": None}), WAITING, END + timedelta(days=1), True, "Why."),
    # What waits: as the host says after the installation, else as it said before.
    (agreed(), installed(required="no"), NOW, False, NOTHING_WAITS),
    (agreed(), installed(required="unknown"), NOW, False, NOTHING_WAITS),
    (agreed(restart_required="yes"), installed(required="no"), NOW, False, NOTHING_WAITS),
    (agreed(restart_required="yes"), None, NOW, True, "Why."),
    (agreed(restart_required="no"), None, NOW, False, NOTHING_WAITS),
    (agreed(restart_required="unknown"), None, NOW, False, NOTHING_WAITS),
    (agreed(restart_required="yes"), installed("nothing_to_do", proof=None), NOW, True, "Why."),
    (agreed(restart_required="yes"), installed(required=None, problem=PROBLEM), NOW, False, NOBODY_KNOWS),
    (agreed(restart_required="yes"), installed("failed", proof=None, problem=PROBLEM), NOW, False, NOBODY_KNOWS),
    *((agreed(), installed(outcome, "yes"), NOW, True, "Why.") for outcome in host_run.ENDED),
    *(
        (
            agreed(),
            installed(outcome, "yes"),
            NOW,
            False,
            f"The installation has not ended ({outcome}), so the host is not restarted.",
        )
        for outcome in ("still_installing", "unknown", "stale", "check_mode")
    ),
    (
        agreed(),
        {"proof": None},
        NOW,
        False,
        "The installation has not ended (None), so the host is not restarted.",
    ),
]


@pytest.mark.parametrize(("decided", "done", "now", "may", "why"), RESTARTS)
def test_restart_agreed(
    decided: dict[str, Any], done: dict[str, Any] | None, now: datetime, may: bool, why: str
) -> None:
    assert host_run.restart_agreed(decided, done, now) == (may, why)


@pytest.mark.parametrize(("lead", "may"), [(0, True), (1, True), (3599, True), (3600, False), (86400, False)])
def test_users_are_warned_within_the_window(lead: int, may: bool) -> None:
    words = f"The window closes at {WINDOW['end']}, before the {lead} seconds of warning are over"
    why = "Why." if may else f"{words}, so the host is not restarted."
    assert host_run.restart_agreed(agreed(), WAITING, END - timedelta(hours=1), lead) == (may, why)
    assert host_run.restart_agreed(agreed(restart={"window": None}), WAITING, NOW, lead) == (True, "Why.")


@pytest.mark.parametrize(("lead", "may"), [(0, True), (3599, True), (3600, False), (7200, False)])
def test_a_consent_holds_until_the_host_goes_down(lead: int, may: bool) -> None:
    expires = "2026-09-21T00:00:00Z"
    decided = agreed(restart={"consent_by": {"expires": expires}, "window": None})
    why = "Why." if may else f"The consent holds only until {expires}, so the host is not restarted."
    assert host_run.restart_agreed(decided, WAITING, NOW, lead) == (may, why)


def test_a_consent_is_over_at_its_end_without_a_warning_too() -> None:
    decided = agreed(restart={"consent_by": {"expires": WINDOW["start"]}, "window": None})
    end = datetime(2026, 9, 20, 22, tzinfo=UTC)
    ends = [host_run.restart_agreed(decided, WAITING, end + timedelta(seconds=shift)).now for shift in (-1, 0, 1)]
    assert ends == [True, False, False]


@pytest.mark.parametrize("expires", ["soon", "2026", 7, ["2026-09-13T00:00:00Z"]])
def test_an_end_of_the_consent_that_cannot_be_read_is_none_to_rely_on(expires: Any) -> None:
    decided = agreed(restart={"consent_by": {"expires": expires}, "window": None})
    assert host_run.restart_agreed(decided, WAITING, NOW).now is False


def test_every_outcome_of_an_installation_has_ended_or_not() -> None:
    # Nobody restarts a host for a download.
    open_ends = {"still_installing", "unknown", "stale", "check_mode", "downloaded"}
    assert set(host_run.ENDED) == set(install.OUTCOMES) - open_ends
    assert set(host_run.BAD_INSTALL) <= set(install.OUTCOMES)


@given(
    st.sampled_from([True, False, None, "true", 1]),
    st.sampled_from([True, False]),
    st.sampled_from([*install.OUTCOMES, None]),
    st.sampled_from(["yes", "no", "unknown", None]),
    st.sampled_from([WINDOW, None]),
    st.integers(-30, 30),
)
def test_nothing_restarts_without_consent_window_and_an_ended_installation(
    consent: Any, now: bool, outcome: str | None, required: str | None, window: dict[str, Any] | None, hours: int
) -> None:
    decided = agreed(restart={"consent": consent, "now": now, "window": window}, restart_required=required or "unknown")
    done = None if outcome is None else installed(outcome, required, problem=None if required else PROBLEM)
    at = NOW + timedelta(hours=hours)
    if host_run.restart_agreed(decided, done, at).now:
        assert consent is True
        assert now
        assert outcome is None or outcome in host_run.ENDED
        assert required == "yes"
        assert window is None or at < END


@pytest.mark.parametrize(
    ("consent", "step"),
    [
        (True, "It is agreed to: run again in its window, when nothing keeps the host from it."),
        (False, "Agree to the restart (consent: true) for its window."),
        # Only true is a yes.
        ("true", "Agree to the restart (consent: true) for its window."),
        (1, "Agree to the restart (consent: true) for its window."),
        (None, "Agree to the restart (consent: true) for its window, or say false to have it reported only."),
    ],
)
def test_nobody_is_asked_to_agree_to_what_is_agreed_to(consent: Any, step: str) -> None:
    due = decision(restart={"due": True, "why": "KB1 must be in effect.", "consent": consent})
    made = host_run.result("web1", due)
    assert (made["outcome"], made["next_step"]) == ("restart_due", step)


@pytest.mark.parametrize(
    ("word", "given_too", "outcome"),
    [
        ("blocked", {}, "blocked"),
        ("nothing", {"failure": "Boom."}, "failed"),
        ("nothing", {"install": installed()}, "installed"),
        ("nothing", {"verify": {"after": {"healthy": False}}}, "verify_failed"),
        ("unknown", {}, "unknown"),
    ],
)
def test_an_agreed_restart_is_not_what_to_do_about_anything_else(
    word: str, given_too: dict[str, Any], outcome: str
) -> None:
    made = host_run.result("web1", decision(word, restart={"consent": True}), **given_too)
    assert (made["outcome"], made["next_step"]) == (outcome, host_run.NEXT_STEPS.get(outcome))


# --- an agreed restart whose updates are kept back ----------------------------------------------------------------------

FULL, BUSY = "1.0 GB free, 5.0 GB wanted.", "The update agent is installing something."
KEPT_BACK = [
    {"id": "1", "decision": "blocked", "why": ["Released.", FULL]},
    {"id": "2", "decision": "blocked", "why": [BUSY]},
    {"id": "3", "decision": "blocked", "why": [FULL]},
    {"id": "4", "decision": "blocked", "why": []},
    {"id": "5", "decision": "install", "why": ["It may."]},
]
OWED = "A restart is due. KB1 must be in effect."


@pytest.mark.parametrize(
    ("wanted", "changes", "outcome", "words"),
    [
        (["1"], {}, "blocked", f"The summary. {FULL}"),
        (["1", "2", "3", "4"], {}, "blocked", f"The summary. {FULL} {BUSY}"),
        (["1"], {"install": installed("nothing_to_do", proof=None)}, "blocked", f"The summary. {FULL}"),
        # What needed no restart went in.
        (["1"], {"install": installed()}, "restart_due", f"{OWED} {FULL}"),
        (["1"], {"consent": False}, "restart_due", f"{OWED} {FULL}"),
        (["1"], {"consent": 1}, "restart_due", f"{OWED} {FULL}"),
        # The restart is due for more than what is kept back.
        (["1", "5"], {}, "restart_due", OWED),
        (["5"], {}, "restart_due", OWED),
        ([], {}, "restart_due", OWED),
        (["1"], {"restart_required": "yes"}, "restart_due", OWED),
    ],
)
def test_an_agreed_restart_whose_updates_are_kept_back(
    wanted: list[str], changes: dict[str, Any], outcome: str, words: str
) -> None:
    """It is not the agreement that lacks, but what keeps every update back that wants the restart."""
    restart = {"due": True, "why": "KB1 must be in effect.", "offers": wanted, "consent": changes.get("consent", True)}
    required = changes.get("restart_required", "no")
    made = host_run.result(
        "web1",
        decision("blocked", offers=KEPT_BACK, restart=restart, restart_required=required),
        changes.get("install"),
    )
    assert (made["outcome"], made["failed"], made["words"]) == (outcome, False, [words])


# --- the one word ----------------------------------------------------------------------------------------------------

HEALTHY, SICK, UNSEEN = ({"after": {"healthy": healthy}} for healthy in (True, False, None))
CHECKS = "The health checks did not all pass."
DUE = {"due": True, "why": "KB1 must be in effect.", "consent": False}
DONE = {"done": True}
UNTRIED = "Whether the updates go in and the host comes back well, only the run itself tells."
ASKED_NO_MORE = "Nobody could ask the host what it is after the installation."
PENDING = "A restart is due. One is pending since the installation."
NOBODY_SAID = "A restart is due and nobody has said yes or no to it. "

ENDS: list[tuple[dict[str, Any], str, bool, list[str]]] = [
    ({"decision": None}, "failed", True, ["The host was not decided on."]),
    ({"decision": None, "failure": "Decide: boom"}, "failed", True, ["Decide: boom"]),
    ({"decision": decision(reached=False, problem=PROBLEM)}, "not_reached", True, ["timed out"]),
    ({"decision": decision(reached=False)}, "not_reached", True, ["The host gave no answer."]),
    ({"decision": decision(reached=False, problem={})}, "not_reached", True, ["The host gave no answer."]),
    ({"install": installed()}, "installed", False, []),
    ({"install": installed(), "verify": HEALTHY}, "installed", False, []),
    ({"install": installed(), "verify": SICK}, "verify_failed", True, [CHECKS]),
    ({"install": installed(), "verify": UNSEEN}, "unknown", True, [CHECKS]),
    ({"install": installed(), "verify": SICK, "failure": "Boom."}, "verify_failed", True, ["Boom."]),
    ({"install": installed(), "verify": {"before": {"healthy": False}}}, "installed", False, []),
    ({"install": installed(), "verify": {"after": None}}, "installed", False, []),
    ({"install": installed(), "failure": "Boom."}, "failed", True, ["Boom."]),
    ({"install": installed(words=["Said."]), "failure": "Said."}, "failed", True, ["Said."]),
    ({"install": installed(words=["Said."]), "failure": "Boom."}, "failed", True, ["Said.", "Boom."]),
    *(
        ({"install": installed(outcome, words=["Said."]), "verify": SICK}, outcome, True, ["Said."])
        for outcome in host_run.BAD_INSTALL
    ),
    ({"install": installed("failed"), "failure": "Boom."}, "failed", True, ["Boom."]),
    # A host that nobody could ask afterwards has not ended well.
    ({"install": installed(required=None)}, "unknown", True, [ASKED_NO_MORE]),
    ({"install": installed(required=None), "verify": SICK}, "unknown", True, [ASKED_NO_MORE]),
    ({"install": installed(required=None), "failure": "Boom."}, "unknown", True, ["Boom."]),
    ({"install": installed("check_mode", None)}, "check_mode", False, [UNTRIED]),
    ({"install": installed("check_mode", None), "decision": decision(restart=DUE)}, "check_mode", False, [UNTRIED]),
    ({"install": installed("nothing_to_do", proof=None)}, "nothing_to_do", False, []),
    ({"install": installed(required="yes"), "restart": DONE}, "restarted", False, []),
    ({"install": installed(required="yes"), "restart": {"done": False}}, "restart_due", False, [PENDING]),
    ({"restart": DONE, "failure": "Boom."}, "failed", True, ["Boom."]),
    ({"restart": DONE, "install": installed(), "verify": SICK}, "verify_failed", True, [CHECKS]),
    ({"decision": decision("unknown")}, "unknown", True, ["The summary."]),
    ({"decision": decision("unknown", restart=DUE)}, "unknown", True, ["The summary."]),
    ({"decision": decision(restart=DUE)}, "restart_due", False, ["A restart is due. KB1 must be in effect."]),
    (
        {"decision": decision(restart={**DUE, "consent": True})},
        "restart_due",
        False,
        ["A restart is due. KB1 must be in effect."],
    ),
    (
        {"decision": decision(restart={**DUE, "consent": None})},
        "restart_due",
        True,
        [NOBODY_SAID + "KB1 must be in effect."],
    ),
    # What waits is not due, and what the installation left behind is.
    (
        {"decision": decision(restart={**DUE, "due": False}), "install": installed(required="yes")},
        "restart_due",
        False,
        [PENDING],
    ),
    (
        {"decision": decision(restart={"consent": None}), "install": installed(required="yes")},
        "restart_due",
        True,
        [NOBODY_SAID + "One is pending since the installation."],
    ),
    ({"install": installed(required="unknown")}, "installed", False, []),
    ({"decision": decision("blocked")}, "blocked", False, ["The summary."]),
    # What may go in is no reason.
    ({"decision": decision("blocked", offers=KEPT_BACK)}, "blocked", False, [f"The summary. {FULL} {BUSY}"]),
    (
        {"decision": decision("blocked", restart=DUE)},
        "restart_due",
        False,
        ["A restart is due. KB1 must be in effect."],
    ),
    ({"decision": decision("nothing")}, "nothing_to_do", False, []),
    ({"decision": decision("wait_for_window", put_off=["a"])}, "wait_for_window", False, []),
    ({"decision": decision(put_off=["a"]), "install": installed()}, "installed", False, []),
    ({"decision": decision(put_off=["a"]), "install": installed("nothing_to_do")}, "wait_for_window", False, []),
]


def next_step(outcome: str, failed: bool, consent: Any) -> str | None:
    """Nobody has to say yes or no who has said it already."""
    if outcome == "restart_due" and (failed or consent is True):
        return host_run.SAY_SOMETHING if failed else host_run.AGREED
    return host_run.NEXT_STEPS.get(outcome)


@pytest.mark.parametrize(("given_one", "outcome", "failed", "words"), ENDS)
def test_result(given_one: dict[str, Any], outcome: str, failed: bool, words: list[str]) -> None:
    parts = {"decision": decision(), "install": None, "verify": None, "restart": None, **given_one}
    before = copy.deepcopy(parts)
    made = host_run.result("web1", **parts)
    assert parts == before
    assert made == {
        "name": "web1",
        **{key: parts[key] for key in ("decision", "install", "verify", "restart")},
        "outcome": outcome,
        "words": words,
        "next_step": next_step(outcome, failed, ((parts["decision"] or {}).get("restart") or {}).get("consent")),
        "failed": failed,
    }


def test_who_has_failed_is_told_what_to_do() -> None:
    for _given, outcome, failed, _words in ENDS:
        assert not failed or outcome in host_run.NEXT_STEPS
    for good in ("installed", "nothing_to_do", "restarted", "wait_for_window", "check_mode"):
        assert good not in host_run.NEXT_STEPS


@given(
    st.sampled_from(["nothing", "install_without_restart", "restart_due", "wait_for_window", "blocked", "unknown"]),
    st.booleans(),
    st.sampled_from([True, False, None]),
    st.sampled_from([*install.OUTCOMES, None]),
    st.sampled_from(["yes", "no", "unknown", None]),
    st.sampled_from([HEALTHY, SICK, UNSEEN, None]),
    st.sampled_from([None, "Boom."]),
)
def test_a_good_end_rests_on_answers_alone(
    word: str,
    reached: bool,
    consent: bool | None,
    outcome: str | None,
    required: str | None,
    verify: dict[str, Any] | None,
    failure: str | None,
) -> None:
    """Whatever failed, is open, or could not be asked fails the run for the host and says so in words."""
    decided = decision(
        word, reached=reached, problem=PROBLEM, restart={"due": word == "restart_due", "consent": consent}
    )
    done = None if outcome is None else installed(outcome, required, words=["It failed."])
    made = host_run.result("web1", decided, done, verify, None, failure)
    trouble = [
        not reached,
        outcome in host_run.BAD_INSTALL,
        verify in (SICK, UNSEEN),
        failure is not None,
        outcome not in (None, "check_mode") and required is None,
        outcome != "check_mode" and word == "unknown",
    ]
    if any(trouble):
        assert made["failed"]
        assert made["words"]
        assert made["next_step"]
    owed = outcome != "check_mode" and (word == "restart_due" or (outcome is not None and required == "yes"))
    if not any(trouble):
        assert (made["outcome"] == "restart_due") is owed
        assert made["failed"] is (owed and consent is None)


def test_every_combination_ends_in_a_known_word() -> None:
    known = {*host_run.NEXT_STEPS, "installed", "nothing_to_do", "restarted", "wait_for_window", "check_mode"}
    for word, outcome in itertools.product(("nothing", "blocked", "unknown"), (*install.OUTCOMES, None)):
        done = None if outcome is None else installed(outcome)
        assert host_run.result("web1", decision(word), done)["outcome"] in known


def test_what_else_is_heard_is_told() -> None:
    made = host_run.result("web1", decision(), installed(words=["Installed."]), heard=["Heard."])
    assert (made["outcome"], made["words"]) == ("installed", ["Installed.", "Heard."])


def test_a_restart_that_nobody_has_seen_end_is_no_good_end() -> None:
    made = host_run.result("web1", agreed(), installed(), None, {"done": None})
    assert (made["outcome"], made["failed"]) == ("failed", True)
    assert made["words"] == ["Nobody has seen the host come back from its restart."]


# --- several rounds --------------------------------------------------------------------------------------------------


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
    assert host_run.ahead(decided, rounds) == (restarts, words)


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
    made = host_run.next_round(after, rounds, 2)
    assert after == before
    assert (made.go, made.failure) == (True, None)
    assert made.decision == {**after, "install": ["3", "4"]}
    assert made.decision["restart"]["now"] is True


@pytest.mark.parametrize(
    ("before", "most", "go"), [(1, 1, False), (1, 2, True), (2, 2, False), (2, 3, True), (3, 2, False), (3, 1, False)]
)
def test_no_more_rounds_than_are_allowed(before: int, most: int, go: bool) -> None:
    made = host_run.next_round(offering(offer("1")), [one_round(None)] * before, most)
    assert (made.go, made.decision["install"]) == (go, ["1"])


@pytest.mark.parametrize(
    ("result", "again"),
    [("failed", ["1"]), ("installed", []), ("left_out", ["1"]), ("still_installing", ["1"]), ("unknown", ["1"])],
)
def test_what_was_not_installed_is_tried_once_more(result: str, again: list[str]) -> None:
    rounds = [one_round(done(update("1", result, reoffered=result == "installed")))]
    assert host_run.next_round(offering(offer("1")), rounds, 2).decision["install"] == again


@pytest.mark.parametrize("offers", [(), (offer("1", "put_off", code="already_in_effect"),), (offer("9", "put_off"),)])
def test_no_round_without_something_to_install(offers: tuple[dict[str, Any], ...]) -> None:
    made = host_run.next_round(offering(*offers), [one_round(done(update("1")))], 2)
    assert (made.go, made.failure, made.decision["install"]) == (False, None, [])


def test_what_is_installed_already_forces_no_second_restart() -> None:
    """A restart that is pending once more is told and not repeated; what installs without one is installed."""
    after = offering(offer("2"), offer("4", restart="none"), restart_required="yes")
    made = host_run.next_round(after, [one_round(done(update("2", reoffered=True)))], 2)
    assert (made.go, made.decision["install"], made.decision["restart"]["now"]) == (True, ["4"], False)
    for kind in ("possible", "always", "unknown"):
        forced = host_run.next_round(offering(offer("4", restart=kind)), [one_round(None)], 2)
        assert forced.decision["restart"]["now"] is True, kind
    not_agreed = {**after, "restart": {**after["restart"], "now": False}}
    assert host_run.next_round(not_agreed, [one_round(None)], 2).decision["restart"]["now"] is False


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
    made = host_run.next_round(after, [one_round(done(update("1")))], 2)
    words = "Windows has taken KB1 off again in the restart, and offers it as before; the build is 26100.1."
    assert (made.go, made.failure) == (False, words)


def test_a_host_that_does_not_answer_after_its_restart() -> None:
    after = offering(reached=False, problem=PROBLEM)
    assert host_run.next_round(after, [one_round(None)], 2)[::2] == (
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
    assert host_run.stays_out(verify, rounds) is stays


def test_why_an_ill_host_is_left_as_it_is() -> None:
    checks = [
        {"detail": "W3SVC is stopped", "ok": False},
        {"detail": "port 443 answers", "ok": True},
        {"detail": "C: could not be read", "ok": None},
    ]
    words = "The health checks before did not all pass: W3SVC is stopped, C: could not be read"
    assert host_run.why_unhealthy({"healthy": False, "checks": checks}) == words


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
    assert host_run.put_back({"state": "active", "why": "w", "changed": changed, "adapters": []}, stays) == where


def test_one_installation_is_told_as_it_is() -> None:
    assert host_run.together([]) is None
    one = done(update("1"))
    assert host_run.together([one]) == one


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
    made = host_run.together([first, second])
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
    made = host_run.together(three)
    assert made is not None
    assert (made["ended_at"], made["installed"], made["seconds"]) == ("3", ["1", "2", "3"], 21)


def test_a_second_installation_that_did_not_come_to_anything() -> None:
    first, nothing = done(update("1")), done(proof=None)
    stale = {**nothing, "outcome": "stale"}
    assert [(host_run.together(both) or {})["outcome"] for both in ([first, nothing], [first, stale])] == [
        "installed",
        "stale",
    ]
    assert (host_run.together([first, nothing]) or {})["proof"] == first["proof"] | {"restart_wanted_by": None}
    assert (host_run.together([nothing, nothing]) or {})["proof"] is None
    assert (host_run.together([nothing, first]) or {})["outcome"] == "installed"


def outcome_of(*rounds: dict[str, Any], decided: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The result of a host over these rounds."""
    return host_run.baseline("web1", decided or agreed(), rounds, **more)


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
    assert (made["next_step"], made["out"], made["preflight"]) == (host_run.UNTOUCHED, False, given.get("preflight"))


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
    assert (made["words"], made["next_step"]) == ([f"{host_run.OUT[state]}: why not"], host_run.STILL_OUT)
    sick = outcome_of(one_round(done(update("1"))), verify={"after": BAD}, drain={"state": state, "why": None})
    assert (sick["outcome"], sick["words"][-1]) == ("verify_failed", f"{host_run.OUT[state]}: nobody put it back")


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
    assert (made["outcome"], made["failed"], made["next_step"]) == (outcome, True, host_run.NEXT_STEPS[outcome])


# --- back from the restart -------------------------------------------------------------------------------------------

BOOT, LATER = "2026-09-01T00:00:00Z", "2026-09-20T23:05:00Z"


def seen(boot: str | None = LATER, problem: object = None, signals: object = None) -> dict[str, Any]:
    """What a host says after its restart."""
    return {"problem": problem, "last_boot": boot, "signals": signals}


@pytest.mark.parametrize(
    ("looked", "before", "confirmed", "why"),
    [
        (seen(), BOOT, False, ""),
        (seen(), None, False, ""),
        (seen(), BOOT, True, ""),
        (seen(problem=PROBLEM), BOOT, True, "timed out"),
        (seen(BOOT), BOOT, False, f"its last boot is still {BOOT}"),
        (seen(None), BOOT, False, "its last boot is still None"),
        # win_reboot has seen it change: the host's clock may have been set.
        (seen(BOOT), BOOT, True, ""),
        (seen(None), None, True, ""),
        (
            seen(signals={"cbs_reboot_in_progress": {"value": True}}),
            BOOT,
            True,
            "Windows is still in the boot phase of servicing",
        ),
        (seen(signals={"cbs_reboot_in_progress": {"value": False}}), BOOT, True, ""),
        # Not to know does not keep a host out for ever.
        (seen(signals={"cbs_reboot_in_progress": {"value": None}}), BOOT, True, ""),
        (seen(signals={"cbs_reboot_in_progress": None}), BOOT, True, ""),
        (seen(signals={}), BOOT, True, ""),
    ],
)
def test_when_a_host_is_back(looked: dict[str, Any], before: str | None, confirmed: bool, why: str) -> None:
    assert host_run.back(looked, before, confirmed) == (why == "", why)
