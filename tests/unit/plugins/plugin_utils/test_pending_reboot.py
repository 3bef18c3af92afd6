# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What waits for a restart: every source present, absent, unread and malformed, and what follows from it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils import pending_reboot
from ansible_collections.rebootless.patching.plugins.plugin_utils.pending_reboot import (
    pending_restart,
    restart_required,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.signals import Signals

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
ALL = tuple(dict.fromkeys(CLASS_OF.values()))
QUIET: dict[str, Any] = {
    "cbs_reboot_pending": False,
    "cbs_reboot_in_progress": False,
    "cbs_packages_pending": False,
    "wu_reboot_required": None,
    "agent_reboot_required": False,
    "agent_reboot_before_install": False,
    "server_component_cache": None,
    "computer_name": {"active": "BER-APP-01", "configured": "BER-APP-01", "nv_hostname": "ber-app-01"},
    "domain_join": {"JoinDomain": False, "AvoidSpnSet": False},
    "ccm_reboot": None,
    "ccm_reboot_data": None,
    "dsc_lcm_state": None,
    "file_renames": None,
    "server_manager_attempts": None,
    "update_exe_volatile": {"native": None, "wow64": None, "flags": None},
    "dvd_reboot_signal": False,
}
CCM_QUIET = {"return_value": 0, "reboot_pending": False, "hard_reboot_pending": False, "deadline": None}
DEADLINE = "2026-09-21T03:00:00Z"
LCM = "Desired State Configuration wants a restart (LCM state PendingReboot)."
WAITS = "Windows Update has installed updates that wait for a restart ({})."
REGISTRY = " Source registry: the update agent gave no answer."
UNUSABLE: list[dict[str, Any]] = [
    {"ok": False, "value": None, "error": {"type": "timeout", "hresult": None, "message": "x"}},
    {"ok": False, "value": None, "error": {"type": "failed", "hresult": None, "message": "x"}},
    {"ok": True, "error": None},
    {"ok": "yes", "value": True},
]
DENIED: dict[str, Any] = {
    "ok": False,
    "value": None,
    "error": {"type": "denied", "hresult": -2147024891, "message": "Zugriff verweigert"},
}


def raw(**values: Any) -> dict[str, Any]:
    """Signals of a host on which nothing waits, except for `values`."""
    return {name: {"ok": True, "value": value, "error": None} for name, value in {**QUIET, **values}.items()}


def rename(destination: object, exists: object = True, **more: Any) -> dict[str, Any]:
    """A pair of the rename queue."""
    return {"source": "C:\\a.tmp", "destination": destination, "source_exists": exists, **more}


def queue(*pairs: Any, total: Any = None) -> dict[str, Any]:
    """The rename queue as the collector returns it."""
    return {"total": len(pairs) if total is None else total, "pairs": list(pairs)}


def test_classes() -> None:
    assert pending_reboot.CLASSES == ("servicing", "identity", "management", "file_rename", "legacy")
    assert pending_reboot.DEFAULT_CLASSES == ("identity", "management", "servicing")
    assert {source.probe: source.klass for source in pending_reboot.SOURCES} == CLASS_OF
    assert len(pending_reboot.SOURCES) == len(CLASS_OF)


def test_nothing_waits() -> None:
    assert pending_restart(raw()) == {
        "pending": False,
        "classes": ["identity", "management", "servicing"],
        "reasons": [],
        "unknown_sources": [],
    }
    assert pending_restart(raw(), ALL)["pending"] is False


@pytest.mark.parametrize("signals", [None, {}, [], "text"])
def test_nothing_is_known(signals: object) -> None:
    answer = pending_restart(signals)
    assert answer["pending"] is None
    assert answer["reasons"] == []
    assert answer["unknown_sources"] == list(CLASS_OF)
    assert restart_required(answer) == "unknown"


# Every source: what it says, whether it blocks updates.
PRESENT: list[tuple[str, Any, str, bool]] = [
    ("cbs_reboot_pending", True, "The servicing stack has work for the next boot.", False),
    (
        "cbs_reboot_in_progress",
        True,
        "Windows is in the boot phase of servicing: leave it alone and wait.",
        True,
    ),
    ("cbs_packages_pending", True, "Packages are in a pending state.", False),
    ("wu_reboot_required", [], WAITS.format("no ids given"), False),
    ("wu_reboot_required", ["a"], WAITS.format("a"), False),
    ("wu_reboot_required", ["a", "b", "c"], WAITS.format("a, b, c"), False),
    ("wu_reboot_required", ["a", "b", "c", "d"], WAITS.format("a, b, c ..."), False),
    ("wu_reboot_required", ["x" * 41, "two\nlines"], WAITS.format("x" * 40 + ", two lines"), False),
    ("agent_reboot_required", True, "The update agent wants a restart.", True),
    ("agent_reboot_before_install", True, "The update agent installs nothing more before a restart.", True),
    ("server_component_cache", 1, "A role or feature change wants a restart.", False),
    ("server_component_cache", 2, "A role or feature change wants a restart.", False),
    (
        "computer_name",
        {"active": "OLD-01", "configured": "NEW-01", "nv_hostname": "old-01"},
        "The computer is to be renamed from OLD-01 to NEW-01.",
        False,
    ),
    (
        "computer_name",
        {"active": "B-02", "configured": "A-01", "nv_hostname": None},
        "The computer is to be renamed from B-02 to A-01.",
        False,
    ),
    (
        "computer_name",
        {"active": "OLD-01", "configured": "old-01", "nv_hostname": "new-01"},
        "The computer is to be renamed from OLD-01 to new-01.",
        False,
    ),
    (
        "computer_name",
        {"active": "OLD-01", "configured": "OLD-01", "nv_hostname": "aaa"},
        "The computer is to be renamed from OLD-01 to aaa.",
        False,
    ),
    (
        "computer_name",
        {"active": "BERLIN-APPSRV-0", "configured": "BERLIN-APPSRV-0", "nv_hostname": "berlin-appsrv"},
        "The computer is to be renamed from BERLIN-APPSRV-0 to berlin-appsrv.",
        False,
    ),
    (
        "computer_name",
        {"active": "BERLIN-APPSRV-0", "configured": "BERLIN-APPSRV-0", "nv_hostname": "berlin-appsrv-101"},
        "The computer is to be renamed from BERLIN-APPSRV-0 to berlin-appsrv-101.",
        False,
    ),
    # A name that cannot be read hides none that can.
    (
        "computer_name",
        {"active": "OLD-01", "configured": "NEW-01", "nv_hostname": 5},
        "The computer is to be renamed from OLD-01 to NEW-01.",
        False,
    ),
    ("domain_join", {"JoinDomain": True, "AvoidSpnSet": False}, "A domain join waits for a restart.", False),
    ("domain_join", {"JoinDomain": False, "AvoidSpnSet": True}, "A domain join waits for a restart.", False),
    ("domain_join", {"JoinDomain": None, "AvoidSpnSet": True}, "A domain join waits for a restart.", False),
    ("domain_join", {"JoinDomain": True}, "A domain join waits for a restart.", False),
    ("ccm_reboot", {**CCM_QUIET, "reboot_pending": True}, "Configuration Manager wants a restart.", False),
    ("ccm_reboot", {**CCM_QUIET, "hard_reboot_pending": True}, "Configuration Manager wants a restart.", False),
    (
        "ccm_reboot",
        {**CCM_QUIET, "reboot_pending": True, "hard_reboot_pending": None},
        "Configuration Manager wants a restart.",
        False,
    ),
    (
        "ccm_reboot",
        {**CCM_QUIET, "reboot_pending": True, "deadline": "soon"},
        "Configuration Manager wants a restart.",
        False,
    ),
    (
        "ccm_reboot",
        {**CCM_QUIET, "reboot_pending": True, "deadline": DEADLINE},
        f"Configuration Manager wants a restart. It will do so by {DEADLINE}.",
        False,
    ),
    ("ccm_reboot_data", {"RebootBy": 1}, "Configuration Manager counts down to a restart.", False),
    ("ccm_reboot_data", {}, "Configuration Manager counts down to a restart.", False),
    ("dsc_lcm_state", "PendingReboot", LCM, False),
    (
        "file_renames",
        queue(rename("C:\\Program Files\\app.dll")),
        "1 of 1 file renames have work to do, 0 of them in Windows' own folders.",
        False,
    ),
    ("server_manager_attempts", 1, "Server Manager counts restart attempts.", False),
    ("server_manager_attempts", 4, "Server Manager counts restart attempts.", False),
    (
        "update_exe_volatile",
        {"native": 1, "wow64": None, "flags": None},
        "An old update.exe wants a restart (UpdateExeVolatile).",
        False,
    ),
    (
        "update_exe_volatile",
        {"native": 0, "wow64": 3, "flags": "x"},
        "An old update.exe wants a restart (UpdateExeVolatile).",
        False,
    ),
    ("update_exe_volatile", {"flags": 1}, "An old update.exe wants a restart (UpdateExeVolatile).", False),
    ("dvd_reboot_signal", True, "A setup from DVD wants a restart.", False),
]


@pytest.mark.parametrize(("probe", "value", "detail", "blocks"), PRESENT)
def test_present(probe: str, value: object, detail: str, blocks: bool) -> None:
    own = CLASS_OF[probe]
    reason = {"class": own, "source": probe, "detail": detail, "blocks_updates": blocks, "since": None}
    signals = raw(**{probe: value})
    assert pending_restart(signals, [own]) == {
        "pending": True,
        "classes": [own],
        "reasons": [reason],
        "unknown_sources": [],
    }
    # Shown whatever counts; counting by default only for three classes.
    others = [klass for klass in ALL if klass != own]
    assert pending_restart(signals, others) == {
        "pending": False,
        "classes": sorted(others),
        "reasons": [reason],
        "unknown_sources": [],
    }
    assert pending_restart(signals)["pending"] is (own in ("servicing", "identity", "management"))
    assert pending_reboot.unread(Signals(signals), own) == ()


def test_every_source_has_a_test_of_presence() -> None:
    assert {probe for probe, *_ in PRESENT} == set(CLASS_OF)


ABSENT: list[tuple[str, Any]] = [
    ("server_component_cache", 0),
    ("server_manager_attempts", 0),
    ("computer_name", {"active": "ber-app-01", "configured": "BER-APP-01", "nv_hostname": None}),
    (
        "computer_name",
        {"active": "BERLIN-APPSRV-0", "configured": "BERLIN-APPSRV-0", "nv_hostname": "Berlin-AppSrv-001"},
    ),
    ("computer_name", {"active": "BERLIN-APPSRV-1", "configured": "BERLIN-APPSRV-1", "nv_hostname": "berlin-appsrv-1"}),
    ("ccm_reboot", CCM_QUIET),
    ("ccm_reboot", {**CCM_QUIET, "deadline": DEADLINE}),
    ("dsc_lcm_state", "Idle"),
    ("dsc_lcm_state", "Busy"),
    ("dsc_lcm_state", "PendingConfiguration"),
    ("dsc_lcm_state", "pendingreboot"),
    ("dsc_lcm_state", "Ready"),
    ("update_exe_volatile", {"native": 0, "wow64": 0, "flags": 0}),
    ("update_exe_volatile", {"native": 0, "wow64": None, "flags": 0}),
    ("file_renames", queue()),
    ("file_renames", queue(rename(""), rename("", None), rename("C:\\x", False))),
]


@pytest.mark.parametrize(("probe", "value"), ABSENT)
def test_absent(probe: str, value: object) -> None:
    answer = pending_restart(raw(**{probe: value}), ALL)
    assert answer["reasons"] == []
    assert answer["unknown_sources"] == []
    assert answer["pending"] is False


WRONG: dict[str, list[Any]] = {
    "cbs_reboot_pending": [None, 0, 1, "true", [], {}],
    "cbs_reboot_in_progress": [None, 1],
    "cbs_packages_pending": [None, 1],
    "wu_reboot_required": ["a", {}, {"a": 1}, 0, True, [1], ["a", None]],
    "agent_reboot_required": [None, 1],
    "agent_reboot_before_install": [None, "False"],
    "server_component_cache": ["1", True, -1, [], {}],
    "computer_name": [
        None,
        [],
        "BER-APP-01",
        {},
        {"active": "A", "nv_hostname": None},
        {"configured": "A", "nv_hostname": None},
        {"active": None, "configured": "A", "nv_hostname": None},
        {"active": "A", "configured": "", "nv_hostname": None},
        {"active": "A", "configured": "A"},
        {"active": "A", "configured": "A", "nv_hostname": ""},
        {"active": "A", "configured": "A", "nv_hostname": 5},
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
        {**CCM_QUIET, "reboot_pending": True, "return_value": 1},
        {**CCM_QUIET, "reboot_pending": True, "return_value": None},
        {**CCM_QUIET, "return_value": -1},
        {**CCM_QUIET, "return_value": False},
        {**CCM_QUIET, "reboot_pending": None},
        {**CCM_QUIET, "hard_reboot_pending": None},
        {**CCM_QUIET, "hard_reboot_pending": 1},
        {"return_value": 0},
    ],
    "ccm_reboot_data": [[], "x", 0, False],
    "dsc_lcm_state": ["", " ", 3, [], True],
    "file_renames": [
        [],
        "C:\\x",
        {},
        {"total": 1, "pairs": None},
        {"total": 1, "pairs": {}},
        {"total": None, "pairs": []},
        {"pairs": []},
        {"total": -1, "pairs": []},
        {"total": "1", "pairs": [rename("C:\\x")]},
        queue(rename(None)),
        queue(rename(5)),
        queue("C:\\a"),
        queue(None),
        queue({}),
        queue(rename("C:\\x", None)),
        queue(rename("C:\\x", "true")),
        queue({"destination": "C:\\x"}),
        queue(rename(""), total=2),
        queue(total=1),
        queue(rename("C:\\x", False), rename(None), rename("")),
    ],
    "server_manager_attempts": ["1", True, -1, []],
    "update_exe_volatile": [
        None,
        [],
        {},
        1,
        {"native": 0, "wow64": 0},
        {"native": None, "wow64": "1", "flags": None},
        {"native": True, "wow64": 0, "flags": 0},
        {"native": -1, "wow64": 0, "flags": 0},
    ],
    "dvd_reboot_signal": [None, 1, "x"],
}


def unread(probe: str, signals: dict[str, Any]) -> None:
    """The source is listed, and hides a restart from its own class alone."""
    own = CLASS_OF[probe]
    answer = pending_restart(signals, [own])
    assert answer == {"pending": None, "classes": [own], "reasons": [], "unknown_sources": [probe]}
    others = [klass for klass in ALL if klass != own]
    answer = pending_restart(signals, others)
    assert answer == {"pending": False, "classes": sorted(others), "reasons": [], "unknown_sources": [probe]}
    assert pending_reboot.unread(Signals(signals), own) == (probe,)
    assert [pending_reboot.unread(Signals(signals), klass) for klass in others] == [()] * 4


@pytest.mark.parametrize(("probe", "value"), [(probe, value) for probe, values in WRONG.items() for value in values])
def test_wrong_type(probe: str, value: object) -> None:
    unread(probe, raw(**{probe: value}))


@pytest.mark.parametrize("probe", CLASS_OF)
@pytest.mark.parametrize("answer", UNUSABLE)
def test_unread(probe: str, answer: dict[str, Any]) -> None:
    unread(probe, {**raw(), probe: answer})


@pytest.mark.parametrize("probe", [probe for probe in CLASS_OF if not probe.startswith("agent_")])
def test_denied_is_unread(probe: str) -> None:
    unread(probe, {**raw(), probe: DENIED})


@pytest.mark.parametrize("probe", CLASS_OF)
def test_not_asked_is_unread(probe: str) -> None:
    signals = raw()
    del signals[probe]
    unread(probe, signals)


def test_the_worst_of_a_class_wins_over_what_is_hidden() -> None:
    answer = pending_restart({**raw(cbs_reboot_pending=True), "domain_join": UNUSABLE[0]})
    assert answer["pending"] is True
    assert answer["unknown_sources"] == ["domain_join"]


def test_a_reason_that_does_not_count_leaves_the_hidden_hidden() -> None:
    answer = pending_restart({**raw(server_manager_attempts=1), "domain_join": UNUSABLE[0]})
    assert answer["pending"] is None
    assert [reason["source"] for reason in answer["reasons"]] == ["server_manager_attempts"]


# --- network logon: the update agent refuses -------------------------------------------------------------------------


@pytest.mark.parametrize("probes", [["agent_reboot_required"], ["agent_reboot_before_install"]])
def test_the_registry_answers_for_a_refusing_agent(probes: list[str]) -> None:
    signals = {**raw(), **dict.fromkeys(probes, DENIED)}
    answer = pending_restart(signals)
    assert answer == {
        "pending": False,
        "classes": ["identity", "management", "servicing"],
        "reasons": [],
        "unknown_sources": probes,
    }
    assert pending_reboot.unread(Signals(signals), "servicing") == ()


def test_the_registry_answers_for_all_that_the_agent_refuses() -> None:
    both = {"agent_reboot_required": DENIED, "agent_reboot_before_install": DENIED}
    answer = pending_restart({**raw(), **both})
    assert answer["pending"] is False
    assert answer["unknown_sources"] == ["agent_reboot_required", "agent_reboot_before_install"]
    answer = pending_restart({**raw(wu_reboot_required=["id-1"]), **both})
    assert answer["pending"] is True
    assert answer["reasons"] == [
        {
            "class": "servicing",
            "source": "wu_reboot_required",
            "detail": WAITS.format("id-1") + REGISTRY,
            "blocks_updates": True,
            "since": None,
        }
    ]
    assert answer["unknown_sources"] == ["agent_reboot_required", "agent_reboot_before_install"]


@pytest.mark.parametrize("value", ["text", [1], {}])
def test_a_registry_that_is_unread_answers_for_nobody(value: object) -> None:
    signals = {**raw(wu_reboot_required=value), "agent_reboot_required": DENIED}
    answer = pending_restart(signals)
    assert answer["pending"] is None
    assert answer["unknown_sources"] == ["wu_reboot_required", "agent_reboot_required"]
    assert pending_reboot.unread(Signals(signals), "servicing") == ("wu_reboot_required", "agent_reboot_required")


@pytest.mark.parametrize("answer", UNUSABLE)
def test_the_registry_blocks_whenever_the_agent_is_silent(answer: dict[str, Any]) -> None:
    found = pending_restart({**raw(wu_reboot_required=["id-1"]), "agent_reboot_required": answer})
    assert [(reason["detail"], reason["blocks_updates"]) for reason in found["reasons"]] == [
        (WAITS.format("id-1") + REGISTRY, True)
    ]


@pytest.mark.parametrize("agent", [False, True])
def test_an_answering_agent_decides_whether_updates_are_blocked(agent: bool) -> None:
    signals = {**raw(wu_reboot_required=["id-1"], agent_reboot_required=agent), "agent_reboot_before_install": DENIED}
    reasons = pending_restart(signals)["reasons"]
    assert [(reason["source"], reason["blocks_updates"]) for reason in reasons] == [
        ("wu_reboot_required", False),
        *([("agent_reboot_required", True)] if agent else []),
    ]
    assert reasons[0]["detail"] == WAITS.format("id-1")


# --- renames ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([rename("C:\\App\\a.dll"), rename(""), rename("C:\\App\\b.dll", False)], (1, 3, 0)),
        ([rename("C:\\App\\a.dll"), rename("D:\\b")], (2, 2, 0)),
        # One that is malformed or was not looked at hides no other.
        ([rename(None), rename("C:\\App\\a.dll"), "x", rename("C:\\b", None)], (1, 4, 0)),
        ([rename("C:\\App\\a.dll"), {"destination": "C:\\b"}], (1, 2, 0)),
        ([rename("C:\\Windows\\System32\\a.dll"), rename("C:\\App\\a.dll")], (2, 2, 1)),
        ([rename("c:\\windows\\SYSWOW64\\a.dll")], (1, 1, 1)),
        ([rename("D:\\Windows\\WinSxS\\x\\a.dll"), rename("C:\\Windows\\servicing\\a")], (2, 2, 2)),
        ([rename("C:\\Windows\\System32\\drivers\\a.sys")], (1, 1, 1)),
        ([rename("E:\\Vendor\\Drivers\\a.sys")], (1, 1, 1)),
        ([rename("C:\\Windows\\System32")], (1, 1, 0)),
        ([rename("C:\\Windows\\Temp\\a.dll")], (1, 1, 0)),
        ([rename("C:\\Windows\\System32x\\a.dll")], (1, 1, 0)),
        ([rename("C:\\Backup\\C\\Windows\\System32\\a.dll")], (1, 1, 0)),
        ([rename("C:\\App\\driversx\\a.dll")], (1, 1, 0)),
        ([rename("C:\\Windows\\System32\\a.dll", False)], None),
    ],
)
def test_file_renames(pairs: list[Any], said: tuple[int, int, int] | None) -> None:
    answer = pending_restart(raw(file_renames=queue(*pairs)), ["file_rename"])
    text = "{} of {} file renames have work to do, {} of them in Windows' own folders."
    assert [reason["detail"] for reason in answer["reasons"]] == ([text.format(*said)] if said else [])
    assert answer["pending"] is (said is not None)
    assert answer["unknown_sources"] == []


def test_file_renames_beyond_those_listed() -> None:
    renames = queue(*[rename("C:\\App\\a.dll", index % 2 == 0) for index in range(50)], total=212)
    answer = pending_restart(raw(file_renames=renames))
    assert answer["pending"] is False
    assert answer["reasons"][0]["detail"] == (
        "25 of 212 file renames have work to do, 0 of them in Windows' own folders."
    )


# --- what follows ----------------------------------------------------------------------------------------------------

EXAMPLES: dict[str, dict[str, Any]] = {
    "servicing": {"cbs_reboot_pending": True},
    "identity": {"domain_join": {"JoinDomain": True, "AvoidSpnSet": True}},
    "management": {"dsc_lcm_state": "PendingReboot"},
    "file_rename": {"file_renames": queue(rename("C:\\App\\a.dll"))},
    "legacy": {"dvd_reboot_signal": True},
}


@pytest.mark.parametrize(
    ("waiting", "classes", "needed"),
    [
        ([], ALL, "no"),
        (["servicing"], None, "yes"),
        (["identity"], None, "yes"),
        (["management"], None, "deferrable"),
        (["file_rename"], None, "no"),
        (["legacy"], None, "no"),
        (["file_rename", "legacy"], None, "no"),
        (["management", "legacy"], None, "deferrable"),
        (["management", "identity"], None, "yes"),
        (["servicing", "identity", "management"], None, "yes"),
        (["servicing"], ["identity"], "no"),
        (["servicing", "management"], ["management"], "deferrable"),
        (["identity", "management"], ["management", "servicing"], "deferrable"),
        (["file_rename"], ["file_rename"], "deferrable"),
        (["legacy", "file_rename"], ["legacy"], "deferrable"),
        (["legacy", "servicing"], ["legacy", "servicing"], "yes"),
        (list(ALL), [], "no"),
        (list(ALL), ALL, "yes"),
    ],
)
def test_restart_required(waiting: list[str], classes: list[str] | None, needed: str) -> None:
    signals = raw(**{name: value for klass in waiting for name, value in EXAMPLES[klass].items()})
    answer = pending_restart(signals) if classes is None else pending_restart(signals, classes)
    assert restart_required(answer) == needed
    assert answer["pending"] is (needed != "no")
    assert [reason["class"] for reason in answer["reasons"]] == [klass for klass in ALL if klass in waiting]


def test_restart_required_of_what_is_hidden() -> None:
    hidden = {**raw(), "domain_join": UNUSABLE[0]}
    assert restart_required(pending_restart(hidden)) == "unknown"
    assert restart_required(pending_restart(hidden, ["servicing"])) == "no"
    assert restart_required(pending_restart({**hidden, **raw(dsc_lcm_state="PendingReboot")})) == "deferrable"


@pytest.mark.parametrize(
    ("classes", "sorted_classes"),
    [
        (("servicing",), ["servicing"]),
        ({"servicing", "legacy", "file_rename"}, ["file_rename", "legacy", "servicing"]),
        ((), []),
    ],
)
def test_classes_are_returned_in_order(classes: Any, sorted_classes: list[str]) -> None:
    assert pending_restart(raw(), classes)["classes"] == sorted_classes


def test_all_reasons_in_the_order_of_the_sources() -> None:
    first = {probe: value for probe, value, *_ in reversed(PRESENT)}
    answer = pending_restart(raw(**first))
    assert [reason["source"] for reason in answer["reasons"]] == list(CLASS_OF)


def test_signals_are_not_changed() -> None:
    signals = raw(file_renames=queue(rename("C:\\x")), agent_reboot_required=None)
    before = copy.deepcopy(signals)
    pending_restart(signals, ALL)
    assert signals == before
