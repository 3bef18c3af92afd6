# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pending restarts, rules that hold for every source: its class, and every way in which it has no usable answer."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import pending_restart as pending_reboot
from realistic import TABLE, failed, signals

CLASS_OF = {
    "cbs_reboot_pending": "servicing",
    "cbs_reboot_in_progress": "servicing",
    "cbs_packages_pending": "servicing",
    "wu_reboot_required": "servicing",
    "agent_reboot_required": "servicing",
    "agent_reboot_before_install": "servicing",
    "server_component_cache": "servicing",
    "computer_name": "identity",
    "domain_join": "identity",
    "ccm_reboot": "management",
    "ccm_reboot_data": "management",
    "dsc_lcm_state": "management",
    "file_renames": "file_rename",
    "server_manager_attempts": "legacy",
    "update_exe_volatile": "legacy",
    "dvd_reboot_signal": "legacy",
}
ALL = ("servicing", "identity", "management", "file_rename", "legacy")
CCM = {"return_value": 0, "reboot_pending": False, "hard_reboot_pending": False, "deadline": None}
PAIR = {"source": "C:\\a", "destination": "C:\\b", "source_exists": True}
WAITS = "Windows Update has installed updates that wait for a restart ({})."
REGISTRY = " Source registry: the update agent gave no answer."


def pending(raw: object, classes: Collection[str] = pending_reboot.DEFAULT_CLASSES) -> dict[str, Any]:
    """What waits by these signals."""
    return pending_reboot.pending_restart(raw, classes, TABLE)


def queue(*pairs: object, total: object = None) -> dict[str, Any]:
    """The value of probe `file_renames`."""
    return {"total": len(pairs) if total is None else total, "pairs": list(pairs)}


def test_classes() -> None:
    assert pending_reboot.CLASSES == ALL
    assert pending_reboot.DEFAULT_CLASSES == ("identity", "management", "servicing")
    assert [(source.probe, source.klass) for source in pending_reboot.SOURCES] == list(CLASS_OF.items())


# --- no usable answer ------------------------------------------------------------------------------------------------


def unread(probe: str, raw: dict[str, Any]) -> None:
    """The source is listed whatever counts, and hides a restart from its own class alone."""
    # Through JSON, so that equal texts are not the same objects.
    raw, own = json.loads(json.dumps(raw)), json.loads(json.dumps(CLASS_OF[probe]))
    others = [klass for klass in ALL if klass != own]
    nothing: dict[str, Any] = {"reasons": [], "unknown_sources": [probe]}
    rests_on = [source for source, klass in CLASS_OF.items() if klass in others]
    assert pending(raw, [own]) == {"pending": None, "classes": [own], **nothing, "rests_on": []}
    assert pending(raw, others) == {"pending": False, "classes": sorted(others), **nothing, "rests_on": rests_on}
    assert pending_reboot.unread(Signals(raw), own) == (probe,)
    assert [pending_reboot.unread(Signals(raw), klass) for klass in others] == [()] * len(others)
    assert pending_reboot.restart_required(raw, pending(raw, [own])) == "unknown"
    assert pending_reboot.restart_required(raw, pending(raw, others)) == "no"


@pytest.mark.parametrize("probe", CLASS_OF)
@pytest.mark.parametrize(
    "answer",
    [failed("timeout"), failed("failed"), {"ok": True, "error": None}, {"ok": "yes", "value": True}, None, [], True],
)
def test_unread(probe: str, answer: object) -> None:
    unread(probe, {**signals(), probe: answer})


@pytest.mark.parametrize("probe", CLASS_OF)
def test_not_asked(probe: str) -> None:
    raw = signals()
    del raw[probe]
    unread(probe, raw)


@pytest.mark.parametrize("probe", [probe for probe in CLASS_OF if not probe.startswith("agent_")])
def test_denied(probe: str) -> None:
    unread(probe, {**signals(), probe: failed("denied")})


FLAGS: list[Any] = [None, 0, 1, "true", "", [], {}]
NUMBERS: list[Any] = ["1", "", True, False, -1, 1.0, [], {}]
WRONG: dict[str, list[Any]] = {
    **{probe: FLAGS for probe in CLASS_OF if probe.startswith(("cbs_", "agent_", "dvd_"))},
    "server_component_cache": NUMBERS,
    "server_manager_attempts": NUMBERS,
    "wu_reboot_required": ["a", "", {}, {"a": 1}, 0, True, False, [1], ["a", None]],
    "computer_name": [
        None,
        [],
        "SRV01",
        {},
        {"active": "A", "nv_hostname": None},
        {"configured": "A", "nv_hostname": None},
        {"active": 5, "configured": "A", "nv_hostname": None},
        {"active": "A", "configured": " ", "nv_hostname": None},
        {"active": "A", "configured": "A", "nv_hostname": 5},
        {"active": "A", "configured": "A", "nv_hostname": "\x1b[31m"},
    ],
    "domain_join": [
        None,
        [],
        {},
        True,
        {"JoinDomain": False},
        {"AvoidSpnSet": False},
        {"JoinDomain": False, "AvoidSpnSet": None},
        {"JoinDomain": 1, "AvoidSpnSet": False},
    ],
    "ccm_reboot": [
        [],
        {},
        True,
        {"return_value": 0},
        {**CCM, "reboot_pending": True, "return_value": 1},
        {**CCM, "reboot_pending": True, "return_value": "0"},
        {**CCM, "return_value": -1},
        {**CCM, "return_value": False},
        {**CCM, "hard_reboot_pending": None},
        {**CCM, "hard_reboot_pending": 1},
    ],
    "ccm_reboot_data": [[], "x", 0, False, {}, {"NotifyUI": 1}],
    "dsc_lcm_state": ["", " ", 3, [], True, "pendingreboot", "idle", "Ready"],
    "update_exe_volatile": [
        None,
        [],
        {},
        1,
        {"native": 0, "wow64": 0},
        {"native": None, "wow64": "1", "flags": None},
        {"native": True, "wow64": 0, "flags": 0},
        {"native": 0, "wow64": 0, "flags": -1},
    ],
    "file_renames": [
        [],
        "C:\\x",
        {},
        {"total": 1, "pairs": None},
        {"total": 1, "pairs": {}},
        {"total": None, "pairs": []},
        {"pairs": [PAIR]},
        {"total": "1", "pairs": [PAIR]},
        queue(None),
        queue({}),
        queue({**PAIR, "destination": 5}),
        queue({**PAIR, "source_exists": "true"}),
        queue({"source": "C:\\a", "destination": "C:\\b"}),
        queue(total=1),
        queue({**PAIR, "source_exists": False}, None, {**PAIR, "destination": ""}),
    ],
}


@pytest.mark.parametrize(("probe", "value"), [(probe, value) for probe, values in WRONG.items() for value in values])
def test_wrong_type(probe: str, value: object) -> None:
    unread(probe, signals(**{probe: value}))


def test_every_source_is_given_wrong_types() -> None:
    assert set(WRONG) == set(CLASS_OF)


# --- names, and what the details carry -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("active", "configured", "host_name", "renamed_to"),
    [
        ("B-02", "A-01", "b-02", "A-01"),
        ("A-01", "B-02", "a-01", "B-02"),
        ("OLD-01", "old-01", "aaa", "aaa"),
        ("OLD-01", "OLD-01", "zzz", "zzz"),
        # 14, 15 and more characters: NetBIOS keeps 15.
        ("BERLIN-APPSRV-", "BERLIN-APPSRV-", "berlin-appsrv-", None),
        ("BERLIN-APPSRV-1", "BERLIN-APPSRV-1", "berlin-appsrv-1", None),
        ("BERLIN-APPSRV-1", "BERLIN-APPSRV-1", "Berlin-AppSrv-101", None),
        ("BERLIN-APPSRV-1", "BERLIN-APPSRV-1", "berlin-appsrv-2", "berlin-appsrv-2"),
        ("BERLIN-APPSRV-1", "BERLIN-APPSRV-1", "berlin-appsrv-", "berlin-appsrv-"),
        ("BERLIN-APPSRV-", "BERLIN-APPSRV-", "berlin-appsrv-1", "berlin-appsrv-1"),
        ("BERLIN-APPSRV", "BERLIN-APPSRV", "berlin-appsrv-101", "berlin-appsrv-101"),
        ("GRÖSSE", "größe", None, "größe"),
        ("ÄPFEL", "äpfel", "Äpfel", None),
    ],
)
def test_computer_name(active: str, configured: str, host_name: str | None, renamed_to: str | None) -> None:
    answer = pending(
        signals(computer_name={"active": active, "configured": configured, "nv_hostname": host_name}), ["identity"]
    )
    details = [reason["detail"] for reason in answer["reasons"]]
    assert details == ([f"The computer is to be renamed from {active} to {renamed_to}."] if renamed_to else [])
    assert answer["pending"] is (renamed_to is not None)
    assert answer["unknown_sources"] == []


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ({"reboot_pending": True}, ""),
        ({"hard_reboot_pending": True}, ""),
        ({"reboot_pending": True, "hard_reboot_pending": None}, ""),
        ({"reboot_pending": None, "hard_reboot_pending": True}, ""),
        ({"reboot_pending": True, "deadline": "soon"}, ""),
        ({"reboot_pending": True, "deadline": "2026-09-21T03:00:00Z"}, " It will do so by 2026-09-21T03:00:00Z."),
        ({"deadline": "2026-09-21T03:00:00Z"}, None),
    ],
)
def test_configuration_manager(value: dict[str, Any], detail: str | None) -> None:
    answer = pending(signals(ccm_reboot={**CCM, **value}))
    said = [] if detail is None else [f"Configuration Manager wants a restart.{detail}"]
    assert [reason["detail"] for reason in answer["reasons"]] == said
    assert answer["pending"] is bool(said)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([], "no ids given"),
        (["a", "b", "c"], "a, b, c"),
        (["a", "b", "c", "d"], "a, b, c ..."),
        (["x" * 40], "x" * 40),
        (["x" * 41, "two\nlines"], "x" * 40 + ", two lines"),
    ],
)
@pytest.mark.parametrize("agent", [False, failed("denied"), failed("timeout"), None])
def test_update_ids_and_who_answers_for_the_agent(names: list[str], shown: str, agent: object) -> None:
    silent = agent is not False
    answer = pending(signals(wu_reboot_required=names, agent_reboot_required=agent))
    assert answer == {
        "pending": True,
        "classes": ["identity", "management", "servicing"],
        "reasons": [
            {
                "class": "servicing",
                "source": "wu_reboot_required",
                "detail": WAITS.format(shown) + (REGISTRY if silent else ""),
                "blocks_updates": silent,
                "since": None,
            }
        ],
        "unknown_sources": ["agent_reboot_required"] if silent else [],
        "rests_on": ["wu_reboot_required"],
    }


@pytest.mark.parametrize(
    ("refused", "ids", "hides"),
    [
        (["agent_reboot_required"], None, []),
        (["agent_reboot_before_install"], None, []),
        (["agent_reboot_required", "agent_reboot_before_install"], None, []),
        (["agent_reboot_required"], "text", ["wu_reboot_required", "agent_reboot_required"]),
        (["agent_reboot_before_install"], [1], ["wu_reboot_required", "agent_reboot_before_install"]),
    ],
)
def test_refused_agent(refused: list[str], ids: object, hides: list[str]) -> None:
    raw = signals(wu_reboot_required=ids, **dict.fromkeys(refused, failed("denied")))
    answer = pending(raw)
    assert answer["pending"] is (None if hides else False)
    assert answer["unknown_sources"] == (hides or refused)
    assert pending_reboot.unread(Signals(raw), "servicing", TABLE) == tuple(hides)


@pytest.mark.parametrize(
    ("pairs", "total", "said"),
    [
        ([PAIR, {**PAIR, "destination": ""}, {**PAIR, "source_exists": False}], 3, (1, 3, 0)),
        ([PAIR, PAIR], 212, (2, 212, 0)),
        ([{**PAIR, "destination": None}, PAIR, "x", {**PAIR, "source_exists": None}], 4, (1, 4, 0)),
        ([PAIR, {"destination": "C:\\b"}], 2, (1, 2, 0)),
        ([{**PAIR, "destination": "C:\\Windows\\System32"}], 1, (1, 1, 0)),
        ([{**PAIR, "destination": "C:\\App\\driversx\\a"}], 1, (1, 1, 0)),
        ([{**PAIR, "destination": "C:\\Windows\\servicing\\a"}, PAIR], 2, (2, 2, 1)),
        ([{**PAIR, "destination": "C:\\Windows\\System32\\a", "source_exists": False}], 1, None),
    ],
)
def test_file_renames(pairs: list[Any], total: int, said: tuple[int, int, int] | None) -> None:
    answer = pending(signals(file_renames=queue(*pairs, total=total)), ["file_rename"])
    detail = "{} of {} file renames have work to do, {} of them in Windows' own folders."
    assert [reason["detail"] for reason in answer["reasons"]] == ([detail.format(*said)] if said else [])
    assert answer["pending"] is (said is not None)
    assert answer["unknown_sources"] == []


# --- what follows ----------------------------------------------------------------------------------------------------

EXAMPLES: dict[str, dict[str, Any]] = {
    "servicing": {"cbs_reboot_pending": True},
    "identity": {"domain_join": {"JoinDomain": True, "AvoidSpnSet": True}},
    "management": {"dsc_lcm_state": "PendingReboot"},
    "file_rename": {"file_renames": queue(PAIR)},
    "legacy": {"dvd_reboot_signal": True},
}


@pytest.mark.parametrize(
    ("waiting", "classes", "needed"),
    [
        ([], ALL, "no"),
        (["management", "legacy"], pending_reboot.DEFAULT_CLASSES, "deferrable"),
        (["management", "identity"], pending_reboot.DEFAULT_CLASSES, "yes"),
        (["servicing"], ["identity"], "no"),
        (["identity"], ["servicing"], "no"),
        (["servicing", "management"], ["management"], "deferrable"),
        (["identity", "management"], ["management", "servicing"], "deferrable"),
        (["legacy", "file_rename"], ["legacy"], "deferrable"),
        (["servicing", "legacy"], ["legacy", "servicing"], "yes"),
        (ALL, [], "no"),
        (ALL, ALL, "yes"),
    ],
)
def test_classes_that_count(waiting: list[str], classes: list[str], needed: str) -> None:
    raw = json.loads(
        json.dumps(signals(**{name: value for klass in waiting for name, value in EXAMPLES[klass].items()}))
    )
    answer = pending(raw, classes)
    assert pending_reboot.restart_required(raw, answer) == needed
    assert answer["pending"] is (needed != "no")
    assert answer["classes"] == sorted(classes)
    assert [reason["class"] for reason in answer["reasons"]] == [klass for klass in ALL if klass in waiting]


def test_a_reason_that_does_not_count_leaves_the_hidden_hidden() -> None:
    answer = pending(signals(dvd_reboot_signal=True, domain_join=failed()))
    assert answer["pending"] is None
    assert [reason["source"] for reason in answer["reasons"]] == ["dvd_reboot_signal"]


def test_signals_are_not_changed() -> None:
    raw = signals(file_renames=queue(PAIR, "x"), agent_reboot_required=failed("denied"))
    before = copy.deepcopy(raw)
    pending(raw, ALL)
    assert raw == before
