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
    restart = {"due": False, "now": False, "window": None, "why": None, "consent": False, **changes.pop("restart", {})}
    return {
        "reached": True,
        "problem": None,
        "decision": word,
        "summary": "The summary.",
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


def test_every_outcome_of_an_installation_has_ended_or_not() -> None:
    open_ends = {"still_installing", "unknown", "stale", "check_mode"}
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


# --- the one word ----------------------------------------------------------------------------------------------------

HEALTHY, SICK, UNSEEN = ({"after": {"healthy": healthy}} for healthy in (True, False, None))
CHECKS = "The health checks did not all pass."
DUE = {"due": True, "why": "KB1 must be in effect.", "consent": False}
DONE = {"done": True}
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
    ({"install": installed("check_mode", None)}, "check_mode", False, []),
    ({"install": installed("check_mode", None), "decision": decision(restart=DUE)}, "check_mode", False, []),
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


def next_step(outcome: str, failed: bool) -> str | None:
    """Nobody has to say yes or no who has said no already."""
    return host_run.SAY_SOMETHING if (outcome, failed) == ("restart_due", True) else host_run.NEXT_STEPS.get(outcome)


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
        "next_step": next_step(outcome, failed),
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
