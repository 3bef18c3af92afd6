# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be touched is not: the question itself, and whoever has to ask it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import untouchable
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import install
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run
from decide_cases import ALWAYS, AUGUST, AUGUST_NOW, HOT, host, judge, offer
from healthy import S25_ARC, healthy
from host_cases import agreed
from realistic import Raw, failed, ok
from realistic import judge as status_of
from test_outcome import NOW, installed

AT_WORK = "Windows is in the boot phase of servicing: leave it alone and wait."
BUSY = "The update agent is installing something: ask again when it has ended."
BACKUP = "A backup may be running (process wbengine). Wait until it has ended."
NO_MARK = "Not known is whether Windows is in the boot phase of servicing (access denied)."
NO_BUSY = "Not known is whether the update agent is installing something (access denied)."
KNOWN = [
    ({"cbs_reboot_in_progress": ok(True)}, "servicing_in_progress", AT_WORK),
    ({"agent_busy": ok(True)}, "agent_busy", BUSY),
    ({"backup_processes": ok(["wbengine"])}, "backup", BACKUP),
]


def waits(step: str, **changes: object) -> list[tuple[str, str, bool]]:
    """Why a step must not be done to a host that is quiet apart from the changes."""
    found = untouchable.reasons_to_wait(Signals({**healthy(S25_ARC), **changes}), step)
    return [tuple(wait) for wait in found]


@pytest.mark.parametrize("step", untouchable.STEPS)
def test_a_quiet_host_may_be_touched(step: str) -> None:
    assert waits(step) == []
    assert waits(step, backup_processes=ok([])) == []


@pytest.mark.parametrize("step", untouchable.STEPS)
@pytest.mark.parametrize(("changes", "code", "words"), KNOWN)
def test_whatever_says_so_stops_every_step(changes: Raw, code: str, words: str, step: str) -> None:
    assert waits(step, **changes) == [(code, words, True)]


@pytest.mark.parametrize("step", untouchable.STEPS)
@pytest.mark.parametrize("answer", [failed("denied"), None, ok(None), ok("no"), ok(0)])
def test_the_mark_of_the_boot_phase_has_to_be_read_for_every_step(answer: object, step: str) -> None:
    [(code, _words, known)] = waits(step, cbs_reboot_in_progress=answer)
    assert (code, known) == ("servicing_in_progress_unknown", False)


@pytest.mark.parametrize(
    ("step", "codes"),
    [
        ("download", []),
        ("install", []),
        *((step, ["agent_busy_unknown"]) for step in ("drain", "restart", "remove")),
    ],
)
def test_the_agent_guards_itself_against_a_second_installation_and_against_no_restart(
    step: str, codes: list[str]
) -> None:
    assert [wait[0] for wait in waits(step, agent_busy=failed("denied"))] == codes


def test_what_is_known_stands_before_what_is_not() -> None:
    found = waits("restart", cbs_reboot_in_progress=failed("denied"), agent_busy=ok(True))
    assert found == [("agent_busy", BUSY, True), ("servicing_in_progress_unknown", NO_MARK, False)]


def test_a_host_that_could_not_be_asked_is_left_alone() -> None:
    problem = {"kind": "timeout", "message": "timed out\x1b[31m."}
    [wait] = untouchable.asked(None, problem, "install")
    assert wait == ("not_asked", "The host could not be asked: timed out?[31m.", False)
    assert untouchable.asked(None, None, "install")[0].code == "not_asked"
    assert untouchable.asked(healthy(S25_ARC), None, "restart") == []


@pytest.mark.parametrize(
    "changes",
    [{"cbs_reboot_in_progress": True}, {"cbs_reboot_in_progress": failed("denied")}, {"agent_busy": True}],
)
@pytest.mark.parametrize("marks", [{}, {"cbs_reboot_pending": True}])
def test_nothing_is_decided_for_a_host_that_must_not_be_touched(changes: Raw, marks: Raw) -> None:
    """Red at 1e1111d: RebootInProgress with consent was a pending restart that is carried out."""
    made = judge(host(AUGUST, HOT, offer("KB9800001", reboot_behaviour=ALWAYS), **changes, **marks), AUGUST_NOW, True)
    assert (made["install"], made["restart"]["now"]) == ([], False)
    bare = judge(host(AUGUST, **changes, **marks), AUGUST_NOW, True)
    assert bare["restart"]["now"] is False
    assert bare["restart"]["due"] is bool(marks)
    # Nor is there nothing to do: what there is shows when that is over.
    assert bare["decision"] == ("restart_due" if marks else "blocked")
    assert host_run.result("host", bare)["outcome"] == ("restart_due" if marks else "blocked")


def test_a_pending_restart_waits_while_windows_works_and_says_so() -> None:
    made = judge(host(AUGUST, cbs_reboot_pending=True, cbs_reboot_in_progress=True), AUGUST_NOW, True)
    assert made["restart"]["why"] == (
        f"A restart is pending. The servicing stack has work for the next boot. Not now: {AT_WORK}"
    )


def test_nobody_restarts_a_host_whose_agent_does_not_tell_whether_it_is_at_work() -> None:
    made = judge(host(AUGUST, HOT, cbs_reboot_pending=True, agent_busy=failed("denied")), AUGUST_NOW, True)
    # What needs no restart is installed all the same: the agent refuses where it is busy.
    assert (made["install"], made["restart"]["due"], made["restart"]["now"]) == ([HOT["id"]], True, False)
    assert made["restart"]["why"].endswith(f"Not now: {NO_BUSY}")
    assert "whether the update agent is installing something" in [lack["what"] for lack in made["missing"]]


def test_no_restart_after_an_installation_while_the_host_must_not_be_touched() -> None:
    done: dict[str, Any] = installed(required="yes")
    done["proof"]["after"]["leave_alone"] = [AT_WORK]
    assert host_run.restart_agreed(agreed(), done, NOW) == (False, f"The host is not restarted. {AT_WORK}")
    done["proof"]["after"]["leave_alone"] = []
    assert host_run.restart_agreed(agreed(), done, NOW).now


@pytest.mark.parametrize("download", [True, False])
def test_a_decision_is_stale_while_the_host_must_not_be_touched(download: bool) -> None:
    made = judge(host(AUGUST, HOT), AUGUST_NOW)
    wait = [untouchable.Wait("agent_busy", BUSY)]
    words = install.stale(made, made["stale_when"], AUGUST_NOW, waits=wait, download_only=download)
    assert words == [BUSY]
    assert install.stale(made, made["stale_when"], AUGUST_NOW, download_only=download) == []


def test_no_advice_asks_for_a_change_of_a_host_that_must_not_be_touched() -> None:
    at_work = status_of(healthy(S25_ARC, cbs_reboot_in_progress=True, cbs_reboot_pending=True, agent_busy=False))
    assert (at_work["state"], at_work["track"]) == ("unknown", "unknown")
    fixes = {one["code"]: one["fix"] for one in at_work["reasons"]}
    assert fixes["servicing_in_progress"] == "Leave the host alone and ask again in some minutes."
    others = [fix for code, fix in fixes.items() if code != "servicing_in_progress"]
    assert all(fix.startswith(f"First wait. {AT_WORK} Then: ") for fix in others)
    busy = status_of(healthy(S25_ARC, cbs_reboot_pending=True, agent_busy=True))
    [waiting] = [one for one in busy["reasons"] if one["code"] == "restart_pending"]
    assert waiting["fix"].startswith(f"First wait. {BUSY} Then: Restart the host")
