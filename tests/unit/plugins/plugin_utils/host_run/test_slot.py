# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host of a rolling run: the leave it asks for, whether it is decided on anew, how it ends and whether it keeps its slot."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import slot as rolling

ADMITTED = {"admitted": True, "waited": 0, "why": "The host may go out.", "next_step": None}
REFUSED = {"admitted": False, "waited": 9, "why": "The stop file is there: freeze.", "next_step": "Take it out."}


def decision(
    *, reached: bool = True, word: str = "restart_due", now: bool = False, consent: object = True
) -> dict[str, Any]:
    """What of a decision counts here."""
    restart = {"now": now, "consent": consent, "due": False, "why": None, "offers": []}
    problem = None if reached else {"kind": "timeout", "message": "timed out"}
    return {
        "reached": reached,
        "problem": problem,
        "decision": word,
        "summary": "",
        "offers": [],
        "put_off": [],
        "restart_required": "no",
        "restart": restart,
    }


@pytest.mark.parametrize(
    ("word", "now", "consent", "kind"),
    [
        ("restart_due", True, True, "restart"),
        ("restart_due", False, True, "install"),
        ("install_without_restart", False, True, "install"),
        ("unknown", False, True, "restart"),
        ("unknown", False, False, "install"),
        ("unknown", False, None, "install"),
        # Only true is a yes.
        ("unknown", False, "true", "install"),
    ],
)
def test_leave_that_a_host_asks_for(word: str, now: bool, consent: object, kind: str) -> None:
    assert rolling.kind(decision(word=word, now=now, consent=consent)) == kind


@pytest.mark.parametrize(
    ("admitted", "waited", "reached", "again"),
    [
        (True, 0, True, False),
        (True, 1, True, True),
        (True, 0, False, True),
        (True, 1, False, True),
        (False, 1, True, False),
        (False, 0, False, False),
    ],
)
def test_who_waited_or_was_not_reached_is_decided_on_anew(
    admitted: bool, waited: int, reached: bool, again: bool
) -> None:
    assert rolling.again(decision(reached=reached), {"admitted": admitted, "waited": waited}) is again


def test_result_of_the_role_stands() -> None:
    done = {"outcome": "restarted", "words": ["One."], "failed": False, "out": False}
    assert rolling.end("a", decision(), done, ADMITTED, begun=True) == {"result": done, "out": False}


def test_a_host_that_was_never_reached_is_out_nowhere() -> None:
    """The role cannot tell where it is. The run can: nothing was begun on it, so it is where it was."""
    done = {"outcome": "not_reached", "words": ["refused"], "failed": True, "out": True}
    ended = rolling.end("a", decision(reached=False), done, ADMITTED, begun=True)
    assert ended == {"result": {**done, "out": False}, "out": False}


def test_what_fails_after_the_role_has_ended_is_not_lost() -> None:
    done = {"outcome": "restarted", "words": ["One."], "failed": False, "out": False}
    ended = rolling.end("a", decision(), done, ADMITTED, begun=True, failure="Record the end: No space left on device.")
    assert (ended["result"]["failed"], ended["result"]["words"]) == (
        True,
        ["One.", "Record the end: No space left on device."],
    )


BUSY = {"offers": [{"code": "no_restart"}, {"code": "agent_busy"}]}


@pytest.mark.parametrize(
    ("before", "result", "adopted", "out"),
    [
        # The controller that began it may be alive and only not to be heard of.
        (BUSY, {}, True, True),
        ({}, {"decision": BUSY}, True, True),
        ({"offers": [{"code": "servicing_in_progress"}]}, {}, True, True),
        ({"decision": "blocked"}, {}, True, True),
        ({"decision": "blocked", "offers": [{"code": "blackout"}]}, {}, True, False),
        ({}, {"install": {"outcome": "still_installing"}}, True, True),
        # It has ended meanwhile.
        (BUSY, {"decision": {"offers": [{"code": "no_restart"}]}}, True, False),
        ({}, {"install": {"outcome": "installed"}}, True, False),
        # Nobody else had it in its hands.
        (BUSY, {}, False, False),
        ({}, {"install": {"outcome": "still_installing"}}, False, False),
    ],
)
def test_a_slot_that_was_taken_over_is_kept_while_the_host_installs(
    before: dict[str, Any], result: dict[str, Any], adopted: bool, out: bool
) -> None:
    done = {"outcome": "blocked", "words": [], "failed": False, "out": False, **result}
    ended = rolling.end("a", decision() | before, done, ADMITTED, begun=True, adopted=adopted)
    assert (ended["out"], ended["result"]["out"]) == (out, out)
    assert ended["result"]["words"] == ([rolling.AT_WORK, rolling.STAYS] if out else [])


def test_host_that_is_out_keeps_its_slot_and_says_so() -> None:
    done = {"outcome": "verify_failed", "words": ["One."], "failed": True, "out": True}
    ended = rolling.end("a", decision(), done, ADMITTED, begun=True)
    assert ended == {"result": {**done, "words": ["One.", rolling.STAYS]}, "out": True}
    assert done["words"] == ["One."]


def test_refused_host_is_not_started_and_not_failed() -> None:
    ended = rolling.end("a", decision(), None, REFUSED)
    result = {key: ended["result"][key] for key in ("name", "outcome", "words", "next_step", "failed", "install")}
    assert result == {
        "name": "a",
        "outcome": "not_started",
        "words": ["The stop file is there: freeze."],
        "next_step": "Take it out.",
        "failed": False,
        "install": None,
    }
    assert ended["out"] is False


def test_run_that_broke_off_tells_why() -> None:
    result = rolling.end("a", decision(), None, ADMITTED, begun=True, failure="Task: boom")["result"]
    assert (result["outcome"], result["failed"], result["words"]) == ("failed", True, ["Task: boom", rolling.STAYS])
    result = rolling.end("a", None, None, None, failure="Decide: boom")["result"]
    assert (result["outcome"], result["failed"], result["words"]) == ("failed", True, ["Decide: boom"])
    assert result["decision"] is None


@pytest.mark.parametrize(
    ("reached", "done", "begun", "adopted", "out"),
    [
        # The role tells, of a host that was there.
        (True, True, True, False, True),
        (True, False, True, False, False),
        # It was lost before anything was begun, and nobody had left it out.
        (False, True, True, False, False),
        (None, None, True, False, False),
        # An ended run had.
        (False, True, True, True, True),
        (True, False, True, True, False),
        (None, None, False, True, True),
        (True, None, False, True, True),
        # The role has not come to its end.
        (True, None, True, False, True),
        (True, None, False, False, False),
    ],
)
def test_who_keeps_its_slot(reached: bool | None, done: bool | None, begun: bool, adopted: bool, out: bool) -> None:
    decided = None if reached is None else decision(reached=reached)
    result = None if done is None else {"outcome": "x", "words": [], "failed": True, "out": done}
    ended = rolling.end("a", decided, result, ADMITTED, begun=begun, adopted=adopted)
    assert ended["out"] is out
    assert (rolling.STAYS in ended["result"]["words"]) is out


@pytest.mark.parametrize(
    ("groups", "hosts", "group"),
    [
        ({"all": ["a", "b"], "rebootless_planned_1": ["a"]}, ["a", "b"], "rebootless_planned_1"),
        ({"rebootless_planned_1": ["a"], "rebootless_planned_2": ["b"], "web": []}, ["b"], "rebootless_planned_2"),
        ({"rebootless_planned_9": ["a"], "rebootless_planned_10": ["b"]}, ["b"], "rebootless_planned_10"),
        # The newest is that of a run before, which had other hosts.
        ({"rebootless_planned_1": ["a"]}, ["b"], "!all"),
        ({"rebootless_planned_1": ["a", "b"]}, ["b"], "!all"),
        ({"all": ["a"], "web": ["a"]}, ["a"], "!all"),
    ],
)
def test_a_run_is_for_the_hosts_that_it_planned_itself(
    groups: dict[str, list[str]], hosts: list[str], group: str
) -> None:
    assert rolling.planned(groups, hosts) == group
    assert rolling.next_group(groups) not in groups
    assert rolling.planned({**groups, rolling.next_group(groups): hosts}, hosts) == rolling.next_group(groups)
