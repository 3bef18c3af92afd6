# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a removal: consent, the removal itself, its restart, the proof, and the word for the host."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import UNKNOWN, Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.consent import Consent
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import rollback_plan as rollback
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import rollback_result as rollback_end
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.rollback_plan import Package
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import vocabulary as run_words
from realistic import NOW, failed, judge, signals

KB, NAME = "KB5120228", "Package_for_KB5120228~31bf3856ad364e35~amd64~~26100.33222.1.3"
BOOT, LATER = "2026-07-15T02:10:00Z", "2026-09-20T12:02:00Z"
HOTPATCHED, BASELINE = "26100.33222", "26100.33158"


def parsed(data: Any) -> Any:
    """The same data as it comes from elsewhere: equal, and not the same objects."""
    return json.loads(json.dumps(data))


def plan(verdict: str = "remove", kind: str | None = "hotpatch", **effect: object) -> dict[str, Any]:
    """A plan to take a hotpatch off."""
    told = {"type": kind, "build_before": HOTPATCHED, "build_after": BASELINE, "track_after": "hotpatch", **effect}
    made: dict[str, Any] = parsed({"kb": KB, "verdict": verdict, "package": NAME, "state": "Installed", "effect": told})
    return made


def host(**changes: object) -> dict[str, Any]:
    """A snapshot of the host before; after a removal with its restart with `after`."""
    told = {
        "boot": BOOT,
        "build": HOTPATCHED,
        "kbs": [KB, "KB5099536"],
        "pending": [],
        "restart_required": "no",
        "state": "on_track",
        "track": "hotpatch",
        "package": "Installed",
    }
    made: dict[str, Any] = parsed({**told, **changes})
    return made


def after(**changes: object) -> dict[str, Any]:
    """The host after a removal with its restart."""
    return host(**{"boot": LATER, "build": BASELINE, "kbs": ["KB5099536"], "package": "absent", **changes})


def agreed(planned: dict[str, Any], said: object, *, lead: int = 0, removed: bool = False) -> dict[str, Any]:
    """What a consent means for a plan, now."""
    return rollback_end.agreed(planned, Consent.load(said), NOW, lead=lead, removed=removed)


# --- consent ---------------------------------------------------------------------------------------------------------

NOBODY = "nobody has said yes or no to that"
SAID = [
    ("remove", True, True, ""),
    ("remove", False, False, f"Nothing was removed: taking {KB} off restarts the host, and that is not agreed to."),
    ("remove", None, False, f"Nothing was removed: taking {KB} off restarts the host, and {NOBODY}."),
    ("restart_left", True, True, ""),
    ("restart_left", None, False, f"The host was not restarted: taking {KB} off restarts the host, and {NOBODY}."),
    *(
        (verdict, said, False, "")
        for verdict, said in itertools.product(("nothing_to_do", "blocked", "unknown"), (True, False, None))
    ),
]


@pytest.mark.parametrize(("verdict", "said", "now", "why"), SAID)
def test_nothing_is_removed_without_a_yes(verdict: str, said: bool | None, now: bool, why: str) -> None:
    expected = {"now": now, "consent": said, "by": None, "why": why}
    assert agreed(plan(verdict), said) == expected


def test_a_consent_that_has_expired_is_none() -> None:
    given = {"agreed": True, "ticket": "CHG1", "expires": "2026-09-20T11:00:00Z"}
    asked = agreed(plan(), given)
    assert (asked["now"], asked["consent"]) == (False, False)
    assert asked["by"] == {"ticket": "CHG1", "approver": None, "expires": "2026-09-20T11:00:00Z"}
    assert asked["why"].endswith(
        "that is not agreed to. The consent (CHG1) expired at 2026-09-20 11:00 UTC and counts as no."
    )
    # Where nothing is to be agreed to, nobody asks.
    assert agreed(plan("blocked"), given)["why"] == ""


# --- the host --------------------------------------------------------------------------------------------------------


def test_a_consent_has_to_hold_until_the_host_goes_down() -> None:
    given = {"agreed": True, "expires": "2026-09-20T12:01:00Z"}
    assert [agreed(plan(), given, lead=lead)["now"] for lead in (0, 59, 60, 61)] == [True, True, False, False]


def test_after_the_removal_the_restart_alone_is_asked_for() -> None:
    asked = agreed(plan(), False, removed=True)
    assert asked["why"] == f"The host was not restarted: taking {KB} off restarts the host, and that is not agreed to."


@pytest.mark.parametrize("consent", [None, False])
def test_half_a_removal_is_a_failure_whoever_says_no(consent: bool | None) -> None:
    no = {"now": False, "consent": consent, "by": None, "why": "No."}
    look = {"outcome": "planned", "words": [], "plan": plan()}
    made = rollback_end.result(
        "a", look, no, {"outcome": "removed", "words": ["Removed."], "plan": plan(), "removal": None}
    )
    assert (made["outcome"], made["failed"], made["words"]) == ("restart_due", True, ["No.", "Removed."])


def test_a_snapshot() -> None:
    raw = signals(cbs_reboot_pending=True)
    found = (Package(NAME, "Superseded", UNKNOWN),)
    assert rollback_end.snapshot(Signals(raw), judge(raw), found, NAME) == {
        "boot": "2026-09-10T02:31:00Z",
        "build": "26100.33438",
        "kbs": ["KB5099536", "KB5120228", "KB5122871"],
        "pending": ["servicing:cbs_reboot_pending"],
        "restart_required": "yes",
        "state": "restart_pending",
        "track": "hotpatch",
        "package": "Superseded",
    }


def test_what_a_host_does_not_tell_is_null() -> None:
    raw = signals(hotfixes=failed(), build=failed(), operating_system=failed())
    shown = rollback_end.snapshot(Signals(raw), judge(raw), UNKNOWN, NAME)
    assert (shown["boot"], shown["build"], shown["kbs"], shown["package"]) == (None, None, None, None)
    assert rollback_end.snapshot(Signals(raw), judge(raw), (), None)["package"] is None
    assert rollback_end.snapshot(Signals(raw), judge(raw), (), NAME)["package"] == "absent"


# --- the removal -----------------------------------------------------------------------------------------------------


def change(changed: bool = True, restart_needed: bool | None = True) -> dict[str, Any]:
    """The module's answer."""
    return {"ok": True, "value": {"changed": changed, "restart_needed": restart_needed}, "error": None}


def error(hresult: int, message: str = "Exception from HRESULT") -> dict[str, Any]:
    """The module's answer to a removal that failed."""
    return {"ok": False, "value": None, "error": {"type": "failed", "hresult": hresult, "message": message}}


SEEN = "The host says so: nobody saw the removal end."
LOST = "Nobody saw the removal end, and the host did not say what became of it."
PERMANENT = 0x800F0825 - 2**32


def told(outcome: str, settled: bool, **more: object) -> dict[str, Any]:
    """What is told of a removal."""
    return {"outcome": outcome, "settled": settled, "restart_needed": None, "hresult": None, "message": None, **more}


REMOVALS: list[tuple[dict[str, Any] | None, str | None, dict[str, Any]]] = [
    (change(), "UninstallPending", told("removed", True, restart_needed=True)),
    (change(restart_needed=False), "absent", told("removed", True, restart_needed=False)),
    (change(restart_needed=None), None, told("removed", True)),
    # Somebody else was quicker, or the state has changed.
    (change(changed=False), "UninstallPending", told("removed", True, message=SEEN)),
    (
        change(changed=False),
        "Installed",
        told("unknown", False, message="Nobody saw the removal end, and the package is Installed."),
    ),
    (
        error(PERMANENT, " no\nway "),
        "Installed",
        told("refused", True, hresult="0x800F0825", message="no way"),
    ),
    (error(PERMANENT), None, told("refused", True, hresult="0x800F0825", message="Exception from HRESULT")),
    (error(-2147024784, "full"), "Installed", told("failed", True, hresult="0x80070070", message="full")),
    (error(-2147024784, "full"), None, told("failed", False, hresult="0x80070070", message="full")),
    (error(0x800F0922 - 2**32, "no"), "Installed", told("failed", True, hresult="0x800F0922", message="no")),
    (error(0x80070070, "full"), "UninstallPending", told("removed", True, hresult="0x80070070", message="full")),
    (None, "UninstallPending", told("removed", True, message=SEEN)),
    (None, "absent", told("removed", True, message=SEEN)),
    *(
        (None, state, told("unknown", False, message=f"Nobody saw the removal end, and the package is {state}."))
        for state in ("Installed", "InstallPending")
    ),
    (None, None, told("unknown", False, message=LOST)),
]


@pytest.mark.parametrize(("answer", "state", "expected"), REMOVALS)
def test_what_became_of_a_removal(answer: dict[str, Any] | None, state: str | None, expected: dict[str, Any]) -> None:
    assert rollback_end.removal(parsed(answer), host(package=state) if state else None) == expected


def test_packages_that_cannot_be_read_say_nothing() -> None:
    found = rollback_end.removal(None, host(package=None))
    assert (found["outcome"], found["settled"]) == ("unknown", False)
    assert found["message"] == "Nobody saw the removal end, and the package is not readable."


def test_a_long_message_is_cut() -> None:
    assert len(rollback_end.removal(error(1, "x" * 999), None)["message"]) == 300


def test_a_removal_that_was_none_in_words() -> None:
    refused = told("refused", True, hresult="0x800F0825")
    words = f"Windows does not let {KB} go: its package is permanent (0x800F0825). Nothing was changed."
    assert rollback_end.removal_words(KB, parsed(refused)) == words
    bad = told("failed", True, hresult="0x80070070", message="full")
    assert rollback_end.removal_words(KB, parsed(bad)) == f"Taking {KB} off failed (0x80070070): full"
    assert (
        rollback_end.removal_words(KB, told("unknown", False, message=LOST))
        == f"Whether {KB} is off is not known. {LOST}"
    )


# --- the restart -----------------------------------------------------------------------------------------------------

RESTARTS: list[tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any], bool, str]] = [
    (
        plan(),
        told("removed", True, restart_needed=False),
        host(package="UninstallPending"),
        True,
        f"{KB} is removed but for the restart.",
    ),
    (plan("restart_left"), None, host(package="UninstallPending"), True, f"{KB} is removed but for the restart."),
    (plan(), None, host(), False, "Nothing was removed."),
    *(
        (plan(), told(outcome, True), host(), False, "Nothing was removed.")
        for outcome in ("refused", "failed", "unknown")
    ),
    (plan(kind=None), told("removed", True, restart_needed=True), after(), True, f"Taking {KB} off needs a restart."),
    (plan(kind=None), told("removed", True), after(), True, f"Taking {KB} off needs a restart."),
    *(
        (
            plan(kind=kind),
            told("removed", True, restart_needed=False),
            after(),
            True,
            f"{KB} is a hotpatch: it leaves memory with a restart.",
        )
        for kind in ("hotpatch", "oob_hotpatch")
    ),
    *(
        (
            plan(kind="dotnet"),
            told("removed", True, restart_needed=False),
            after(pending=["identity:computer_name", f"servicing:{mark}"]),
            True,
            f"Servicing waits for a restart since {KB} was removed.",
        )
        for mark in rollback.MARKS
    ),
    (
        plan(kind="dotnet"),
        told("removed", True, restart_needed=False),
        after(pending=["identity:computer_name", "servicing:wu_reboot_required"]),
        False,
        "Windows says that no restart is needed.",
    ),
    (
        {**plan(), "effect": None},
        told("removed", True, restart_needed=False),
        after(),
        False,
        "Windows says that no restart is needed.",
    ),
]


@pytest.mark.parametrize(("planned", "removed", "seen", "needed", "why"), RESTARTS)
def test_not_to_know_is_a_restart(
    planned: dict[str, Any], removed: dict[str, Any] | None, seen: dict[str, Any], needed: bool, why: str
) -> None:
    assert rollback_end.restart(planned, parsed(removed), seen) == {"needed": needed, "why": why}


# --- the proof -------------------------------------------------------------------------------------------------------

OFF = f"{KB} is off the host, which shows build {BASELINE} and is on_track (track hotpatch)."
BUSY = "Servicing has not ended its work ({})."
PROVED: list[tuple[dict[str, Any] | None, bool, str, bool, list[str]]] = [
    (after(), True, "gone", True, [OFF]),
    (after(package="Staged"), True, "gone", True, [OFF]),
    (after(kbs=None), True, "gone", True, [OFF]),
    (after(boot=BOOT), False, "gone", True, [OFF]),
    (None, True, "unknown", False, ["The host could not be asked what became of it."]),
    (after(boot=BOOT), True, "unknown", False, [f"The host does not say that it has restarted (boot {BOOT})."]),
    (after(boot=None), True, "unknown", False, ["The host does not say that it has restarted (boot None)."]),
    (after(package="UninstallPending"), True, "unknown", False, [BUSY.format("package UninstallPending")]),
    *(
        (
            after(pending=[f"servicing:{mark}"], package=state),
            True,
            "unknown",
            False,
            [BUSY.format(f"servicing:{mark}")],
        )
        for mark, state in itertools.product(rollback.MARKS, ("absent", "Installed"))
    ),
    (
        after(pending=["servicing:cbs_packages_pending", "servicing:cbs_reboot_pending"]),
        True,
        "unknown",
        False,
        [BUSY.format("servicing:cbs_reboot_pending, servicing:cbs_packages_pending")],
    ),
    (after(pending=["identity:computer_name", "servicing:wu_reboot_required"]), True, "gone", True, [OFF]),
    (after(package=None), True, "unknown", False, ["The servicing packages could not be read."]),
    (after(package="Installed"), True, "still_there", True, [f"{KB} is still Installed."]),
    (after(package="InstallPending"), True, "still_there", True, [f"{KB} is still InstallPending."]),
    (after(kbs=[KB]), True, "unknown", True, [f"The package is absent, and Windows still lists {KB}."]),
    (
        after(build=HOTPATCHED),
        True,
        "unknown",
        True,
        [f"The package is absent, and the host still shows build {HOTPATCHED}."],
    ),
    (
        after(build="26100.32995", track="standard", state="behind"),
        True,
        "gone",
        True,
        [
            f"{KB} is off the host, which shows build 26100.32995 and is behind (track standard).",
            f"Build {BASELINE} was expected.",
            "Track hotpatch was expected.",
        ],
    ),
]


@pytest.mark.parametrize(("seen", "restarted", "outcome", "settled", "words"), PROVED)
def test_whether_the_update_is_off(
    seen: dict[str, Any] | None, restarted: bool, outcome: str, settled: bool, words: list[str]
) -> None:
    found = rollback_end.verified(plan(), host(), seen, restarted)
    assert found == {"outcome": outcome, "settled": settled, "words": words}


def test_another_boot_and_another_build_are_told_by_being_others() -> None:
    """A clock that was set back, and a build that has fewer digits, are neither the same nor later."""
    found = rollback_end.verified(plan(), host(), after(boot="2026-01-01T00:00:00Z", build="26100.7092"), True)
    assert found["outcome"] == "gone"
    assert found["words"][1] == f"Build {BASELINE} was expected."


def test_what_was_not_known_before_is_not_expected() -> None:
    unknown = plan(build_after=None, track_after="unknown")
    assert rollback_end.verified(unknown, host(), after(build=HOTPATCHED, track="standard"), True)["words"] == [
        f"{KB} is off the host, which shows build {HOTPATCHED} and is on_track (track standard)."
    ]
    # An update that never showed a build of its own.
    same = plan(build_after=HOTPATCHED)
    assert rollback_end.verified(same, host(), after(build=HOTPATCHED), True)["outcome"] == "gone"
    assert rollback_end.verified({**plan(), "effect": None}, host(), after(), True)["words"] == [OFF]


def test_a_proof() -> None:
    before, later = host(), after()
    assert rollback_end.proof(before, later) == {
        "before": before,
        "after": later,
        "restarted": True,
        "build_changed": True,
        "kbs_removed": [KB],
    }
    # What has come meanwhile was not removed.
    assert rollback_end.proof(before, after(kbs=["KB5094125", "KB5099536"]))["kbs_removed"] == [KB]
    assert rollback_end.proof(before, host()) == {
        "before": before,
        "after": host(),
        "restarted": False,
        "build_changed": False,
        "kbs_removed": [],
    }


NOBODY_SAW = {"restarted": None, "build_changed": None, "kbs_removed": None}


def test_a_proof_of_what_nobody_saw() -> None:
    blind = host(boot=None, build=None, kbs=None)
    assert rollback_end.proof(host(), None) == {"before": host(), "after": None, **NOBODY_SAW}
    assert rollback_end.proof(blind, after()) == {"before": blind, "after": after(), **NOBODY_SAW}
    assert rollback_end.proof(host(), blind) == {"before": host(), "after": blind, **NOBODY_SAW}


# --- the word for the host -------------------------------------------------------------------------------------------


def answer(outcome: str, **more: object) -> dict[str, Any]:
    """A result of remove_update."""
    words = [f"{outcome} it is."]
    made: dict[str, Any] = parsed(
        {"outcome": outcome, "words": words, "plan": "P", "removal": None, "proof": outcome, **more}
    )
    return made


AGREED = {"now": True, "consent": True, "why": ""}
HEALTHY, ILL, UNSURE = ({"before": None, "after": {"healthy": word}} for word in (True, False, None))
LOOK, REMOVED, GONE = answer("planned"), answer("removed", removal="R"), answer("gone")
NO_END = "The run did not come to its end."
ENDS: list[tuple[dict[str, Any], str, bool, list[str]]] = [
    ({}, "failed", True, [NO_END]),
    ({"failure": "No."}, "failed", True, ["No."]),
    ({"look": answer("not_reached")}, "not_reached", True, ["not_reached it is."]),
    ({"look": answer("nothing_to_do"), "consented": {"now": False}}, "nothing_to_do", False, ["nothing_to_do it is."]),
    ({"look": answer("blocked"), "consented": {"now": False}}, "blocked", True, ["blocked it is."]),
    ({"look": answer("unknown"), "consented": {"now": False}}, "unknown", True, ["unknown it is."]),
    *(
        (
            {"look": answer(word), "consented": {"now": False, "consent": said, "why": "Why."}},
            "restart_due",
            said is None,
            ["Why.", f"{word} it is."],
        )
        for word, said in itertools.product(("planned", "restart_left"), (None, False))
    ),
    # What went wrong before anything was removed.
    ({"look": LOOK, "consented": AGREED}, "failed", True, [NO_END]),
    ({"look": LOOK, "consented": AGREED, "failure": "No."}, "failed", True, ["No."]),
    ({"look": LOOK, "failure": "No."}, "failed", True, ["No."]),
    ({"look": LOOK, "consented": AGREED, "removed": answer("restart_left"), "failure": "No."}, "failed", True, ["No."]),
    ({"look": LOOK, "consented": AGREED, "removed": answer("check_mode")}, "check_mode", False, ["check_mode it is."]),
    *(
        ({"look": LOOK, "consented": AGREED, "removed": answer(word)}, end, True, [f"{word} it is."])
        for word, end in {
            "refused": "failed",
            "failed": "failed",
            "unknown": "unknown",
            "blocked": "blocked",
            "not_reached": "not_reached",
        }.items()
    ),
    (
        {"look": LOOK, "consented": AGREED, "removed": answer("nothing_to_do")},
        "nothing_to_do",
        False,
        ["nothing_to_do it is."],
    ),
    # The restart did not come, or nobody could see what became of it.
    (
        {"look": LOOK, "consented": AGREED, "removed": REMOVED, "failure": "No."},
        "failed",
        True,
        ["removed it is.", "No."],
    ),
    (
        {"look": LOOK, "consented": AGREED, "removed": REMOVED, "end": answer("still_there")},
        "failed",
        True,
        ["still_there it is."],
    ),
    (
        {"look": LOOK, "consented": AGREED, "removed": REMOVED, "end": answer("unknown")},
        "unknown",
        True,
        ["unknown it is."],
    ),
    (
        {"look": LOOK, "consented": AGREED, "removed": REMOVED, "end": answer("unknown"), "failure": "No."},
        "unknown",
        True,
        ["unknown it is.", "No."],
    ),
    ({"look": LOOK, "consented": AGREED, "removed": REMOVED, "end": GONE}, "removed", False, ["gone it is."]),
    (
        {"look": LOOK, "consented": AGREED, "removed": REMOVED, "end": GONE, "verify": HEALTHY},
        "removed",
        False,
        ["gone it is."],
    ),
    (
        {"look": LOOK, "consented": AGREED, "removed": REMOVED, "end": GONE, "verify": {"before": {}, "after": None}},
        "removed",
        False,
        ["gone it is."],
    ),
    (
        {"look": LOOK, "consented": AGREED, "removed": REMOVED, "end": GONE, "failure": "No."},
        "failed",
        True,
        ["gone it is.", "No."],
    ),
    *(
        (
            {"look": LOOK, "consented": AGREED, "removed": REMOVED, "end": GONE, "verify": verify},
            word,
            True,
            ["gone it is.", "The health checks did not all pass."],
        )
        for verify, word in ((ILL, "verify_failed"), (UNSURE, "unknown"))
    ),
]


@pytest.mark.parametrize(("given", "outcome", "bad", "words"), ENDS)
def test_the_word_for_a_host(given: dict[str, Any], outcome: str, bad: bool, words: list[str]) -> None:
    look, given = given.get("look"), {key: one for key, one in given.items() if key != "look"}
    found = rollback_end.result("srv", look, **given)
    assert (found["outcome"], found["failed"], found["words"]) == (outcome, bad, words)
    assert found["next_step"] == rollback_end.NEXT_STEPS.get(outcome)
    assert bool(found["next_step"]) is (outcome not in ("removed", "nothing_to_do", "check_mode"))


def test_a_result_holds_what_it_rests_on() -> None:
    restart = {"done": True}
    found = rollback_end.result("srv", {**LOOK, "plan": "old"}, AGREED, REMOVED, GONE, HEALTHY, restart)
    assert found == {
        "name": "srv",
        "decision": None,
        "install": None,
        "verify": HEALTHY,
        "restart": restart,
        "outcome": "removed",
        "words": ["gone it is."],
        "next_step": None,
        "failed": False,
        "rollback": {"plan": "P", "removal": "R", "proof": "gone"},
    }
    assert rollback_end.result("srv", LOOK)["rollback"] == {"plan": "P", "removal": None, "proof": None}
    assert rollback_end.result("srv", LOOK, AGREED, REMOVED)["rollback"] == {
        "plan": "P",
        "removal": "R",
        "proof": "removed",
    }
    assert rollback_end.result("srv", None)["rollback"] == {"plan": None, "removal": None, "proof": None}


def test_every_outcome_of_the_action_ends_in_a_word() -> None:
    for outcome in rollback_end.OUTCOMES:
        found = rollback_end.result("srv", LOOK, AGREED, answer(outcome))
        assert isinstance(found["failed"], bool)
        assert found["outcome"] in {*rollback_end.NEXT_STEPS, "removed", "nothing_to_do", "check_mode"}
        assert found["outcome"] in run_words.OUTCOMES
        assert found["failed"] or found["outcome"] in run_words.GOOD
