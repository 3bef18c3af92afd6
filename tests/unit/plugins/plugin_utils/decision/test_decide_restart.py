# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a restart is due, and when it is now: windows, consent, what goes along, what stands in its way."""

from __future__ import annotations

from datetime import datetime

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.consent import Consent
from decide_cases import (
    ALWAYS,
    AUGUST,
    AUGUST_NOW,
    CAN_REQUEST,
    HOT,
    JULY,
    JULY_KB,
    JULY_NOW,
    PLUS_12,
    SUNDAYS,
    at,
    august,
    host,
    judge,
    july,
    offer,
    only,
)
from realistic import Raw, build, kbs

# Restart


@pytest.mark.parametrize(
    ("now", "policy", "due", "by", "start", "decision"),
    [
        # Without windows the next run has to be too late.
        ("2026-07-15", {}, True, "2026-08-11T17:00:00Z", None, "restart_due"),
        ("2026-07-15", {"max_wait": {"critical": "5d"}}, True, "2026-07-19T17:00:00Z", None, "restart_due"),
        ("2026-07-30", {"max_wait": {"critical": "5d"}}, True, "2026-07-19T17:00:00Z", None, "restart_due"),
        # The last of the weekly windows that end in time.
        ("2026-07-15", {"windows": [SUNDAYS]}, True, "2026-08-11T17:00:00Z", "2026-08-09T22:00:00Z", "restart_due"),
        (
            "2026-07-15",
            {"windows": [SUNDAYS], "restart_at": "first"},
            True,
            "2026-08-11T17:00:00Z",
            "2026-07-19T22:00:00Z",
            "restart_due",
        ),
        (
            "2026-07-15",
            {"windows": [SUNDAYS], "max_wait": {"critical": "12d9h"}},
            True,
            "2026-07-27T02:00:00Z",
            "2026-07-26T22:00:00Z",
            "restart_due",
        ),
        (
            "2026-07-15",
            {"windows": [SUNDAYS], "max_wait": {"critical": "12d8h59m"}},
            True,
            "2026-07-27T01:59:00Z",
            "2026-07-19T22:00:00Z",
            "restart_due",
        ),
        ("2026-07-15", {"windows": [PLUS_12]}, True, "2026-08-11T17:00:00Z", "2026-07-26T22:00:00Z", "restart_due"),
        # No window ends in time: the nearest, and said at once.
        (
            "2026-07-15",
            {"windows": [PLUS_12], "max_wait": {"critical": "5d"}},
            True,
            "2026-07-19T17:00:00Z",
            "2026-07-26T22:00:00Z",
            "restart_due",
        ),
        ("2026-08-20", {"windows": [PLUS_12]}, True, "2026-08-11T17:00:00Z", "2026-08-23T22:00:00Z", "restart_due"),
        # Open now.
        (
            "2026-08-09 23:00",
            {"windows": [SUNDAYS]},
            True,
            "2026-08-11T17:00:00Z",
            "2026-08-09T22:00:00Z",
            "restart_due",
        ),
    ],
)
def test_restart_due(now: str, policy: dict[str, object], due: bool, by: str, start: str | None, decision: str) -> None:
    made = july(now=at(now), **policy)
    restart = made["restart"]
    assert (restart["due"], restart["by"], made["decision"]) == (due, by, decision)
    assert (restart["window"] or {}).get("start") == start
    assert restart["offers"] == made["put_off"]
    assert not restart["now"]


@pytest.mark.parametrize(
    ("wait", "windows", "due"),
    [
        # Next run: 2026-07-14 17:00.
        ("35d", [], True),
        ("36d", [], False),
        ("60d", [], False),
        ("60d", [SUNDAYS], False),
        ("39d", [SUNDAYS], True),
        ("41d", [SUNDAYS], False),
        ("60d", [PLUS_12], False),
        ("45d", [PLUS_12], True),
    ],
)
def test_due_when_no_later_run_could_say_it(wait: str, windows: list[Raw], due: bool) -> None:
    """June 2026's baseline, which no hotpatch needs, on 2026-06-10."""
    month = {"build": build("26100.32772"), "hotfixes": kbs("KB5082063", "KB5087423")}
    made = judge(host(month, offer("KB5094125")), at("2026-06-10"), True, windows=windows, max_wait={"critical": wait})
    restart = made["restart"]
    assert restart["due"] is due
    assert made["decision"] == ("restart_due" if due else "wait_for_window")
    assert restart["now"] is (due and not windows)
    assert restart["why"].startswith(f"KB5094125 must be in effect by {restart['by'][:10]} 17:00 UTC.")


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        # Eleven days after a Patch Tuesday: the next run is eleven days after the next one.
        ("2026-06-20 17:00", True),
        ("2026-06-09 17:00", False),
        ("2026-06-09 22:59", False),
        ("2026-06-09 23:00", True),
    ],
)
def test_next_run_is_as_long_after_its_patch_tuesday(moment: str, due: bool) -> None:
    one = offer("KB9800001", released="2026-06-14T17:00:00Z", severity="Low")
    made = judge(host(AUGUST, one), at(moment), max_wait={"low": "30d6h"})
    assert (made["restart"]["by"], made["restart"]["due"]) == ("2026-07-14T23:00:00Z", due)


WINDOW_CASES = [
    # moment, restart_at, whether the right window is open
    ("2026-07-19 23:00", "last", False),
    ("2026-07-19 23:00", "first", True),
    ("2026-08-09 21:59", "last", False),
    ("2026-08-09 22:00", "last", True),
    ("2026-08-10 01:59", "last", True),
    ("2026-08-10 02:00", "last", False),
]


@pytest.mark.parametrize("consent", [None, False, True])
@pytest.mark.parametrize(("moment", "which", "open_now"), WINDOW_CASES)
def test_restart_now(moment: str, which: str, open_now: bool, consent: bool | None) -> None:
    made = july(consent, at(moment), windows=[SUNDAYS], restart_at=which)
    one, now = only(made), consent is True and open_now
    assert made["restart"]["due"]
    assert made["restart"]["now"] is now
    assert made["restart"]["consent"] is consent
    assert (one["decision"], one["code"]) == (
        ("install", "agreed_restart") if now else ("put_off", "waits_for_restart")
    )
    assert one["until"] == (None if now else "2026-08-11T17:00:00Z")
    if now:
        assert one["why"][-1] == "The restart is agreed and its window is open: it is installed now."
        assert made["summary"] == "Install KB5099536 and restart."


@pytest.mark.parametrize(("consent", "now"), [(None, False), (False, False), (True, True)])
def test_restart_now_without_windows(consent: bool | None, now: bool) -> None:
    made = july(consent, max_wait={"critical": "20d"})
    assert (made["restart"]["due"], made["restart"]["now"], made["restart"]["window"]) == (True, now, None)
    assert bool(made["install"]) is now


CONSENT = {"agreed": True, "ticket": "CHG-1", "approver": "Ada"}
AT_NOON, IN_WINDOW = at("2026-08-09 12:00"), at("2026-08-09 23:00")
WINDOW_WORDS = "The window for it: 2026-08-09 22:00 UTC to 2026-08-10 02:00 UTC."


@pytest.mark.parametrize(
    ("now", "expires", "restarts", "said", "words"),
    [
        (IN_WINDOW, None, True, True, ""),
        (IN_WINDOW, "2026-08-09T23:00:01Z", True, True, ""),
        (
            IN_WINDOW,
            "2026-08-09T23:00:00Z",
            False,
            False,
            " The consent (CHG-1 by Ada) expired at 2026-08-09 23:00 UTC and counts as no.",
        ),
        (AT_NOON, "2026-08-09T22:00:01Z", False, True, ""),
        (
            AT_NOON,
            "2026-08-09T22:00:00Z",
            False,
            True,
            " The consent expires at 2026-08-09 22:00 UTC, before that window opens.",
        ),
        (
            AT_NOON,
            "2026-08-09T21:00:00Z",
            False,
            True,
            " The consent expires at 2026-08-09 21:00 UTC, before that window opens.",
        ),
        (
            AT_NOON,
            "2026-08-09T12:00:00Z",
            False,
            False,
            " The consent (CHG-1 by Ada) expired at 2026-08-09 12:00 UTC and counts as no.",
        ),
    ],
)
def test_consent_that_expires(now: datetime, expires: str | None, restarts: bool, said: bool, words: str) -> None:
    consent = Consent.load({**CONSENT, "expires": expires})
    made = july(consent, now, windows=[SUNDAYS])
    restart = made["restart"]
    assert (restart["due"], restart["now"], restart["consent"]) == (True, restarts, said)
    assert restart["consent_by"] == {"ticket": "CHG-1", "approver": "Ada", "expires": expires}
    assert restart["why"].endswith(WINDOW_WORDS + words)
    assert bool(made["install"]) is restarts
    if not said:
        assert words in made["summary"]


def test_consent_that_has_expired_is_said_without_windows_and_where_no_restart_is_owed_nothing_is_said() -> None:
    over = Consent.load({"agreed": True, "expires": "2026-07-15T12:00:00Z"})
    made = july(over, max_wait={"critical": "20d"})
    assert (made["restart"]["now"], made["restart"]["consent"]) == (False, False)
    assert made["restart"]["why"] == (
        "KB5099536 must be in effect by 2026-08-03 17:00 UTC. "
        "The consent expired at 2026-07-15 12:00 UTC and counts as no."
    )
    quiet = august(HOT, consent=over)
    assert (quiet["restart"]["consent"], quiet["restart"]["why"]) == (False, None)


def test_refused_consent_keeps_its_ticket() -> None:
    made = july(Consent.load({"agreed": False, "ticket": "CHG-2"}), IN_WINDOW, windows=[SUNDAYS])
    assert (made["restart"]["now"], made["restart"]["consent"]) == (False, False)
    assert made["restart"]["consent_by"] == {"ticket": "CHG-2", "approver": None, "expires": None}


def test_a_longer_window_that_is_open_beside_the_right_one_will_do() -> None:
    made = july(True, IN_WINDOW, windows=[SUNDAYS, {**SUNDAYS, "duration": "48h"}])
    assert made["restart"]["window"]["end"] == "2026-08-10T02:00:00Z"
    assert (made["window"]["current"]["end"], made["restart"]["now"]) == ("2026-08-11T22:00:00Z", True)


def test_overdue_in_any_window() -> None:
    made = july(True, at("2026-08-23 23:00"), windows=[SUNDAYS])
    assert made["restart"]["now"]
    assert made["restart"]["why"] == (
        "KB5099536 had to be in effect by 2026-08-11 17:00 UTC: overdue. "
        "The window for it: 2026-08-23 22:00 UTC to 2026-08-24 02:00 UTC."
    )


def test_words_of_a_due_restart() -> None:
    made = july(windows=[PLUS_12])
    why = (
        "KB5099536 must be in effect by 2026-08-11 17:00 UTC. "
        "The window for it: 2026-07-26 22:00 UTC to 2026-07-27 02:00 UTC."
    )
    assert made["restart"]["why"] == why
    assert made["restart"]["window"] == {
        "start": "2026-07-26T22:00:00Z",
        "end": "2026-07-27T02:00:00Z",
        "name": "monthly",
    }
    assert made["summary"] == f"Put off KB5099536. A restart is due: {why}"
    assert made["window"] == {"current": None, "following": made["restart"]["window"]}
    inside = july(now=at("2026-07-27 01:00"), windows=[PLUS_12])
    assert inside["window"]["current"] == made["restart"]["window"]
    assert inside["window"]["following"]["start"] == "2026-08-23T22:00:00Z"


def test_no_window_ahead() -> None:
    made = july(True, windows=[PLUS_12], blackouts=[{"from": "2026-07-16", "to": "2028-01-01"}])
    assert (made["restart"]["due"], made["restart"]["now"], made["restart"]["window"]) == (True, False, None)
    assert made["restart"]["why"] == (
        "KB5099536 must be in effect by 2026-08-11 17:00 UTC. No window lies ahead within a year."
    )


def test_several_limits_share_a_restart() -> None:
    """The tightest limit chooses the window, and all that share it force it."""
    tight = offer("KB9800001", severity="Low", released="2026-07-14T17:00:00Z")
    loose = offer("KB9800002", severity="Important", released="2026-07-14T17:00:00Z")
    raw = host(JULY, offer(JULY_KB), tight, loose)
    made = judge(raw, JULY_NOW, windows=[SUNDAYS], max_wait={"low": "27d"})
    assert made["restart"]["by"] == "2026-08-10T17:00:00Z"
    assert made["restart"]["offers"] == [tight["id"], offer(JULY_KB)["id"]]
    assert "KB9800001, KB5099536 must be in effect by" in made["restart"]["why"]
    agreed = judge(raw, at("2026-08-09 23:00"), True, windows=[SUNDAYS], max_wait={"low": "27d"})
    assert sorted(agreed["install"]) == sorted(one["id"] for one in (tight, loose, offer(JULY_KB)))


def test_pending_restart_takes_what_waits_along() -> None:
    raw = host(JULY, offer(JULY_KB), cbs_reboot_pending=True)
    later = judge(raw, at("2026-07-15"), True, windows=[SUNDAYS])
    assert (later["restart"]["due"], later["restart"]["now"]) == (True, False)
    assert later["restart"]["window"]["start"] == "2026-07-19T22:00:00Z"
    assert later["restart"]["by"] == "2026-07-15T12:00:00Z"
    made = judge(raw, at("2026-07-19 23:00"), True, windows=[SUNDAYS])
    assert (made["restart"]["now"], made["install"]) == (True, [offer(JULY_KB)["id"]])
    assert judge(raw, at("2026-07-19 23:00"), None, windows=[SUNDAYS])["restart"]["now"] is False


def test_pending_restart_alone_in_words() -> None:
    made = judge(host(AUGUST, cbs_reboot_pending=True), AUGUST_NOW, True)
    assert (made["decision"], made["summary"], made["restart"]["now"]) == ("restart_due", "Restart now.", True)
    assert made["restart"]["why"] == "A restart is pending. The servicing stack has work for the next boot."


@pytest.mark.parametrize(
    ("changes", "policy"),
    [({"agent_busy": True}, {}), ({}, {"blackouts": [{"from": "2026-08-12", "to": "2026-08-12"}]})],
)
def test_no_restart_while_the_agent_installs_or_in_a_blackout(changes: Raw, policy: dict[str, object]) -> None:
    made = judge(host(AUGUST, HOT, cbs_reboot_pending=True, **changes), AUGUST_NOW, True, **policy)
    assert (made["restart"]["due"], made["restart"]["now"]) == (True, False)
    assert made["decision"] == "blocked"


@pytest.mark.parametrize(
    ("now", "changes", "policy"),
    [
        ("2026-07-15", {"agent_busy": True}, {}),
        ("2026-07-15", {"system_disk": {"free_bytes": 0}}, {}),
        ("2026-07-15", {}, {"blackouts": [{"from": "2026-07-15", "to": "2026-07-15"}]}),
    ],
)
def test_restart_is_due_whatever_blocks_the_installation_now(now: str, changes: Raw, policy: dict[str, object]) -> None:
    """The month's only run may meet a full disk or a blackout; the limit comes nearer all the same."""
    made = july(None, at(now), changes, windows=[SUNDAYS], **policy)
    assert made["put_off"] == made["install"] == []
    assert made["restart"]["due"]
    assert made["restart"]["window"]["start"] == "2026-08-09T22:00:00Z"


def test_unplaced_update_goes_along_with_no_restart() -> None:
    """What nobody can place on the track may end it: it is left out of another's restart, and its limit forces none."""
    stranger = offer("KB5199999", reboot_behaviour=ALWAYS, severity="Low")
    raw = host(AUGUST, stranger, cbs_reboot_pending=True)
    made = judge(raw, AUGUST_NOW, True)
    assert (made["restart"]["now"], made["install"], made["put_off"]) == (True, [], [stranger["id"]])
    windows = judge(raw, at("2026-08-16 23:00"), True, windows=[SUNDAYS])
    assert (windows["restart"]["now"], windows["install"], windows["put_off"]) == (True, [], [stranger["id"]])
    unread = host(AUGUST, {**stranger, "reboot_behaviour": None}, cbs_reboot_pending=True)
    assert judge(unread, at("2026-08-16 23:00"), True, windows=[SUNDAYS])["put_off"] == [stranger["id"]]
    maybe = host(AUGUST, {**stranger, "reboot_behaviour": CAN_REQUEST}, cbs_reboot_pending=True)
    assert judge(maybe, at("2026-08-16 23:00"), True, windows=[SUNDAYS])["put_off"] == [stranger["id"]]
    overdue = judge(host(AUGUST, stranger), at("2027-06-13 23:00"), True, windows=[SUNDAYS])
    assert (overdue["restart"]["due"], overdue["install"]) == (False, [])


def test_host_without_a_track_takes_the_unplaced_update_along() -> None:
    stranger = offer("KB5199999", reboot_behaviour=ALWAYS, severity="Low")
    raw = host(AUGUST, stranger, cbs_reboot_pending=True, vbs_running=0)
    assert judge(raw, at("2026-08-16 23:00"), True, windows=[SUNDAYS])["install"] == [stranger["id"]]


@pytest.mark.parametrize(("moment", "words"), [("2026-08-13 17:00", "must be"), ("2026-08-13 17:01", "had to be")])
def test_overdue_is_after_the_limit(moment: str, words: str) -> None:
    why = august(offer("KB9800001"), now=at(moment))["restart"]["why"]
    assert why.startswith(f"KB9800001 {words} in effect by 2026-08-13 17:00 UTC")
