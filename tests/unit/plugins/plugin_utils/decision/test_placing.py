# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an update does to the hotpatch track, and that what nobody can place gets in by no way."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import offers, placing
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import CATEGORIES
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import install
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run
from decide_cases import (
    ALWAYS,
    AUGUST,
    AUGUST_KB,
    AUGUST_NOW,
    CAN_REQUEST,
    HOT,
    NEVER,
    SQL_SERVER,
    SUNDAYS,
    at,
    host,
    judge,
    offer,
    only,
)
from healthy import S22_AZURE
from realistic import Raw, build, failed, kbs, ok

SECURITY, UPDATES, ROLLUPS = CATEGORIES["security"], CATEGORIES["updates"], CATEGORIES["rollups"]
WINDOWS_11, SERVER_2022 = "72e7624a-5b00-45d2-b92f-e561c0a6a160", "71718f13-7324-4b0f-8f9e-2ca9dc978e53"
DEFENDER, OFFICE = "8c3fcc84-7410-4a95-8b89-a166a0190486", "25aed893-7c2d-4a31-ae22-28ff8ac150ed"
DOTNET = "windows10.0-kb5087068-x64-ndp48_805cf05096bffae4a4f2ff13fa1aa6a888528bb5.cab"
LCU = "windows10.0-kb5034203-x64_14f2cba156944cea66379d78c305f5aa5a6517e7.cab"
# A Server 2022 on October 2025's baseline, offered the out-of-turn update of that month as the release table lacks it.
OCTOBER_22: Raw = {"build": build("20348.4294"), "hotfixes": kbs("KB5003508", "KB5065306", "KB5066782")}
SATURDAY = at("2025-10-25 22:00")
UNKNOWN_KB = "KB5070884"


def read(**changes: object) -> offers.Offer:
    """One offer as the core reads it."""
    raw = {**offer(UNKNOWN_KB), **changes}
    found = offers.read(Signals({"agent_offers": ok([raw])}))
    assert isinstance(found, offers.Offers)
    return found.known[0]


PLACES: list[tuple[str, Raw, str]] = [
    # Of a real machine: a security update of Windows has nothing but its classification.
    ("cumulative", {"categories": [SECURITY]}, placing.UNPLACED),
    ("cumulative of a product", {"categories": [SECURITY, SERVER_2022]}, placing.UNPLACED),
    ("preview", {"categories": [UPDATES, WINDOWS_11]}, placing.UNPLACED),
    ("servicing stack", {"categories": [CATEGORIES["service_packs"], SERVER_2022]}, placing.UNPLACED),
    ("upgrade", {"categories": [CATEGORIES["upgrades"], WINDOWS_11]}, placing.UNPLACED),
    ("nothing told", {"categories": []}, placing.UNPLACED),
    ("not read", {"categories": None}, placing.UNPLACED),
    ("a product nobody knows", {"categories": [SECURITY, "11111111-2222-3333-4444-555555555555"]}, placing.UNPLACED),
    ("for Office and Windows", {"categories": [SECURITY, OFFICE, WINDOWS_11]}, placing.UNPLACED),
    ("a rollup", {"categories": [ROLLUPS, WINDOWS_11]}, placing.UNPLACED),
    ("called a definition", {"title": "Definition Update .NET Framework driver Office"}, placing.UNPLACED),
    ("definitions", {"categories": [CATEGORIES["definitions"], DEFENDER]}, placing.BESIDE),
    ("definitions alone", {"categories": [CATEGORIES["definitions"].upper()]}, placing.BESIDE),
    ("platform of Defender", {"categories": [UPDATES, DEFENDER]}, placing.BESIDE),
    ("driver", {"driver": True}, placing.BESIDE),
    ("driver by its class", {"driver": None, "categories": [CATEGORIES["drivers"]]}, placing.BESIDE),
    ("office", {"categories": [OFFICE, SECURITY]}, placing.BESIDE),
    ("sql server", {"categories": [SECURITY, SQL_SERVER]}, placing.BESIDE),
    ("two products", {"categories": [SECURITY, SQL_SERVER, OFFICE]}, placing.BESIDE),
    ("removal tool", {"kbs": ["KB890830"], "categories": [ROLLUPS, WINDOWS_11]}, placing.BESIDE),
    ("removal tool and another", {"kbs": ["KB890830", UNKNOWN_KB]}, placing.UNPLACED),
    ("no kb", {"kbs": []}, placing.UNPLACED),
    (".net by its files", {"files": [DOTNET, DOTNET.upper()], "categories": [SECURITY, SERVER_2022]}, placing.BESIDE),
    (".net and more", {"files": [DOTNET, LCU]}, placing.UNPLACED),
    (".net and more than told", {"files": [DOTNET, "*"]}, placing.UNPLACED),
    ("files of windows", {"files": [LCU]}, placing.UNPLACED),
    ("files not read", {"files": [DOTNET, None]}, placing.UNPLACED),
    ("named like .net", {"files": [f"x{DOTNET}"]}, placing.UNPLACED),
    # The agent's answer for this host, not its static one.
    ("live", {"requires_restart": ok(False), "bootstrapper": ok(True)}, placing.LIVE),
    ("never by its static answer", {"reboot_behaviour": NEVER}, placing.UNPLACED),
    ("restarts", {"requires_restart": ok(True), "bootstrapper": ok(True)}, placing.UNPLACED),
    ("no answer", {"requires_restart": failed(), "bootstrapper": ok(True)}, placing.UNPLACED),
]


@pytest.mark.parametrize(("changes", "name"), [case[1:] for case in PLACES], ids=[case[0] for case in PLACES])
def test_place(changes: Raw, name: str) -> None:
    found = placing.place(read(**changes), None)
    assert found.name == name
    assert found.keeps_track is (True if name == placing.BESIDE else None)


def server_2022(**changes: object) -> Raw:
    """The host of the case unknown-lcu."""
    return host(OCTOBER_22, offer(UNKNOWN_KB, **changes), product=S22_AZURE)


BEHAVIOURS = [NEVER, ALWAYS, CAN_REQUEST, None]
WAYS: list[tuple[str, dict[str, Any]]] = [
    ("at once", {"possible": "any"}),
    ("in its window", {"possible": "in_window", "windows": [{**SUNDAYS, "weekdays": ["saturday"]}]}),
    ("its limit", {"max_wait": {"critical": "1h"}, "windows": [{**SUNDAYS, "weekdays": ["saturday"]}]}),
    ("accepted by its KB", {"accept": [UNKNOWN_KB]}),
    ("optional taken", {"optional": True, "drivers": True}),
]


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("policy", [way[1] for way in WAYS], ids=[way[0] for way in WAYS])
@pytest.mark.parametrize("pending", [False, True])
def test_what_nobody_can_place_gets_in_by_no_way(behaviour: int | None, policy: dict[str, Any], pending: bool) -> None:
    """Red at 1e1111d: Server 2022 installed it at once, and called its track kept."""
    raw = {**server_2022(reboot_behaviour=behaviour), "cbs_reboot_pending": ok(pending)}
    made = judge(raw, SATURDAY, True, **policy)
    one = only(made)
    assert (made["install"], one["decision"], one["code"], one["limit"]) == ([], "put_off", "unplaced", None)
    assert (one["keeps_track"], made["restart"]["offers"]) == (None, [])
    assert f"Put off {UNKNOWN_KB}: nobody knows what that does to the hotpatch track." in made["summary"]
    assert made["restart"]["due"] is pending


def test_it_is_named_in_the_result_and_not_downloaded_ahead() -> None:
    made = judge(server_2022(), SATURDAY, True)
    result = host_run.result("host", made)
    assert (result["outcome"], result["failed"]) == ("wait_for_window", False)
    [words] = result["words"]
    assert words.startswith(f"{UNKNOWN_KB} is put off. The release table does not know it")
    assert "emergency" in words
    assert install.waiting(made) == []


def test_named_as_an_emergency_it_goes_in_with_words() -> None:
    made = judge(server_2022(), SATURDAY, True, emergency=[UNKNOWN_KB])
    one = only(made)
    assert (made["install"], made["restart"]["now"]) == ([one["id"]], True)
    assert any("it may end the hotpatch track until the next baseline" in words for words in one["why"])


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"vbs_running": failed("timeout")}, "unplaced", "whether this host has a hotpatch track to lose is not known"),
        ({"edition_id": failed("denied")}, "unplaced", "whether this host has a hotpatch track to lose is not known"),
        ({"vbs_running": 0}, "waits_for_restart", "agreed restart"),
        ({"enrollment_package": None, "hotfixes": kbs("KB5066782")}, "waits_for_restart", "agreed restart"),
    ],
)
def test_a_host_that_may_have_a_track_is_not_one_without(changes: Raw, code: str, words: str) -> None:
    raw = host({**OCTOBER_22, **changes}, offer(UNKNOWN_KB), product=S22_AZURE)
    one = only(judge(raw, SATURDAY))
    assert one["code"] == code
    assert words in one["why"][-1]


def test_a_known_update_that_ends_the_track_waits_where_nobody_knows_whether_there_is_one() -> None:
    known = offer("KB5070881")
    month = {"build": build("26100.6899"), "hotfixes": kbs("KB5065474", "KB5066835"), "vbs_running": failed("timeout")}
    one = only(judge(host(month, known), SATURDAY, True))
    assert (one["decision"], one["code"]) == ("put_off", "track_unknown")


def test_a_hotpatch_that_the_table_does_not_know_goes_in_and_the_build_has_to_tell() -> None:
    """The agent's own answer is the witness; that its track is kept nobody says."""
    live = {**HOT, "kbs": ["KB5199999"], "id": "0d5c2a52-4c2b-4b1e-9f4e-3d1f4c1f8a77"}
    made = judge(host(AUGUST, live), AUGUST_NOW)
    one = only(made)
    assert (one["decision"], one["code"], one["keeps_track"]) == ("install", "no_restart", None)
    assert "it is taken for a hotpatch" in " ".join(one["why"])


ON = {"state": "on_track", "track": "hotpatch", "build": "26100.33158"}
NEWER = {**ON, "build": "26100.33222"}


@pytest.mark.parametrize(
    ("after", "effects", "kept"),
    [
        (ON, [], True),
        (ON, [True], True),
        (NEWER, [True, True], True),
        # A restart or an unchanged build says nothing of what was installed.
        (ON, [None], None),
        ({**ON, "state": "restart_pending"}, [True, None], None),
        ({**NEWER, "state": "restart_pending"}, [None], None),
        # The build is one of the table's, and the host on its track with it.
        (NEWER, [None], True),
        ({"state": "unknown", "track": "unknown", "build": "26100.33999"}, [None], None),
        ({"state": "off_track", "track": "standard", "build": "26100.33296"}, [None], False),
        ({"state": "off_track", "track": "standard", "build": "26100.33296"}, [True], False),
    ],
)
def test_track_kept(after: dict[str, str], effects: list[bool | None], kept: bool | None) -> None:
    assert install.track_kept(ON, after, effects) is kept
    assert install.track_kept({**ON, "track": "standard"}, after, effects) is None


def test_effects_are_those_of_what_is_in_or_may_be() -> None:
    decision = {
        "offers": [{"id": name, "keeps_track": effect} for name, effect in zip("abc", (True, None, False), strict=True)]
    }
    results = [{"id": "a", "result": "failed"}, {"id": "b", "result": "unknown"}, {"id": "c", "result": "installed"}]
    assert install.effects(decision, results) == [None, False]


# --- a list that may lack something ----------------------------------------------------------------------------------

WARNED = [0x8024402C]
NAN = {**HOT, "revision": 2**40}


@pytest.mark.parametrize(
    ("now", "offered", "warnings", "complete", "word"),
    [
        # On its track in August, and the hotpatch is out.
        (AUGUST_NOW, [], WARNED, False, "unknown"),
        (AUGUST_NOW, [], failed("timeout"), False, "unknown"),
        (AUGUST_NOW, [], [], True, "nothing"),
        (AUGUST_NOW, [HOT], WARNED, True, "install_without_restart"),
        (AUGUST_NOW, [offer("KB2267602", reboot_behaviour=NEVER)], WARNED, False, "install_without_restart"),
        # Before the hotpatch came out the table knows of nothing that is missing.
        (at("2026-08-01"), [], WARNED, True, "nothing"),
        # Offers that cannot be read: something is offered, and nobody knows what.
        (AUGUST_NOW, [NAN], [], False, "unknown"),
        (at("2026-08-01"), [NAN, {}, "x"], [], False, "unknown"),
        (AUGUST_NOW, [HOT, NAN], [], False, "install_without_restart"),
    ],
)
def test_nothing_is_said_only_of_a_list_that_is_whole(
    now: Any, offered: list[Any], warnings: object, complete: bool, word: str
) -> None:
    """Red at 1e1111d: a search with errors that listed nothing was "nothing to do", and so were unreadable offers."""
    made = judge(host(AUGUST, *offered, search_warnings=warnings), now)
    assert (made["offers_complete"], made["decision"]) == (complete, word)
    done = {"outcome": "installed", "words": [], "proof": None} if made["install"] else None
    result = host_run.result("host", made, done)
    assert (result["outcome"] == "unknown", result["failed"]) == (not complete, not complete)


def test_where_the_table_cannot_say_an_empty_list_with_warnings_says_nothing() -> None:
    plain = host(AUGUST, search_warnings=WARNED, vbs_running=0)
    assert judge(plain, AUGUST_NOW)["decision"] == "unknown"
    assert judge(host(AUGUST, offer("KB9800001"), search_warnings=WARNED, vbs_running=0), AUGUST_NOW)["offers_complete"]


def test_a_host_that_was_not_reached_says_nothing() -> None:
    made = judge(None, AUGUST_NOW)
    assert (made["decision"], made["offers_complete"]) == ("unknown", False)
    assert AUGUST_KB not in str(made["offers"])
