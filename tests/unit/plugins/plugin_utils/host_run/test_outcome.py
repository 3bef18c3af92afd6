# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host ends: when its agreed restart may happen, and the one word for what became of it."""

from __future__ import annotations

import copy
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.reasons import UNREACHED
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import install
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run
from host_cases import PROBLEM, WINDOW, agreed, decision
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 9, 20, 23, tzinfo=UTC)


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


def next_step(outcome: str, failed: bool, decided: Any) -> str | None:
    """Nobody has to say yes or no who has said it already; who is not reached is told what helps against that."""
    consent = ((decided or {}).get("restart") or {}).get("consent")
    if outcome == "not_reached" and decided["problem"]:
        return f"{UNREACHED[decided['problem']['kind']]}, then run again."
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
        "next_step": next_step(outcome, failed, parts["decision"]),
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
        # The task itself failed: ansible-core does not ask `until` again, and the rescue asks this.
        ({"failed": True, "msg": "The task ran out of its time."}, BOOT, True, "The task ran out of its time."),
        ({}, BOOT, True, "it was not asked"),
        # Not to know does not keep a host out for ever.
        (seen(signals={"cbs_reboot_in_progress": {"value": None}}), BOOT, True, ""),
        (seen(signals={"cbs_reboot_in_progress": None}), BOOT, True, ""),
        (seen(signals={}), BOOT, True, ""),
    ],
)
def test_when_a_host_is_back(looked: dict[str, Any], before: str | None, confirmed: bool, why: str) -> None:
    assert host_run.back(looked, before, confirmed) == (why == "", why)


# --- what people on the host read, and what came of it -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_to", "said"),
    [
        (("KB5082063 must be in effect by 2026-05-13 17:00 UTC.",), " for KB5082063."),
        (("KB1234, KB12345678 and KB1234 again; xKB7654321, KB123, KB123456789",), " for KB1234, KB12345678."),
        (
            (" ".join(f"KB{1000 + one}" for one in range(12)),),
            f" for {', '.join(f'KB{1000 + one}' for one in range(10))} and 2 more.",
        ),
        (('x" /m \\\\dc01 " must be in effect.',), "."),
        (
            ("KB5082063", "2026-04", {"ticket": "CHG-4711", "approver": 'A "B"'}),
            " for KB5082063 (ticket CHG-4711, run 2026-04).",
        ),
        ((None, 'r" /m \\\\dc01', {"ticket": "`x`$(y)\n\x1b'z'"}), " (ticket xyz, run r m dc01)."),
        (("", "x" * 100, {"ticket": None}), f" (run {'x' * 60})."),
        (("", '"\\', {"ticket": ["a"]}), " (ticket a)."),
    ],
)
def test_what_shutdown_says(given_to: tuple[Any, ...], said: str) -> None:
    assert host_run.restart_message(*given_to) == f"Agreed restart of rebootless.patching{said}"


ARGUMENT = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._:#+-(),")


@given(st.text(), st.text(), st.text())
def test_nobody_adds_arguments_to_shutdown(reason: str, run: str, ticket: str) -> None:
    said = host_run.restart_message(reason, run, {"ticket": ticket})
    assert set(said) <= ARGUMENT
    assert len(said) < 512


@pytest.mark.parametrize(
    ("answer", "told", "refused", "confirmed", "why"),
    [
        ({"rebooted": True}, True, False, True, ""),
        ({"msg": "Timed out", "rebooted": True}, True, False, False, "Timed out"),
        ({"msg": "gone", "unreachable": True}, False, False, False, "gone"),
        ({"msg": "failed", "rc": 1, "stderr": "\x1b[2Jno\r\n"}, False, True, False, "failed \ufffd[2Jno"),
        ({"rc": 5, "stderr": "x" * 20_000}, False, True, True, "x" * 500 + "… (cut at 500 characters)"),
        ({"rc": 5, "stderr": "\ud800"}, False, True, True, "\ufffd"),
    ],
)
def test_what_came_of_the_order(answer: dict[str, Any], told: bool, refused: bool, confirmed: bool, why: str) -> None:
    expected = {"told": told, "refused": refused, "confirmed": confirmed, "why": why}
    assert host_run.told(answer) == expected


@pytest.mark.parametrize(
    ("answer", "task", "said"),
    [
        ({"msg": "no\n\x1b"}, "Drain", "Drain: no \ufffd"),
        ({"msg": ""}, "", "no reason given"),
        ({}, "Drain", "Drain: no reason given"),
        (None, "", "no reason given"),
        (
            {
                "msg": "One or more items failed",
                "results": [{"msg": "a"}, {"msg": "b", "failed": True}, {"failed": True}],
            },
            "T",
            "T: b no reason given",
        ),
        ({"msg": "all", "results": [{"msg": "a"}]}, "T", "T: all"),
        ({"msg": "all", "results": "odd"}, "T", "T: all"),
        ({"msg": "x" * 600}, "", "x" * 500 + "… (cut at 500 characters)"),
    ],
)
def test_why_a_task_failed(answer: Any, task: str, said: str) -> None:
    assert host_run.went_wrong(answer, task) == said


def test_the_words_of_a_result_steer_nothing_and_end() -> None:
    made = host_run.result("h", None, failure="\x1b[2J" + "x" * 3000)
    assert made["words"] == ["\ufffd[2J" + "x" * 1996 + "… (cut at 2000 characters)"]
