# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What waits for a restart: every source, every class, and what nobody could read."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import pending_restart as pending_reboot
from realistic import TABLE, Raw, build, failed, kbs, signals

ALL = pending_reboot.CLASSES
PAIR = {"source": r"C:\x", "destination": r"C:\Program Files\y", "source_exists": True}


def pending(classes: tuple[str, ...] = pending_reboot.DEFAULT_CLASSES, **changes: object) -> dict[str, Any]:
    """What waits on a host that is quiet apart from the changes."""
    return pending_reboot.pending_restart(signals(**changes), classes, TABLE)


def needed(**changes: object) -> str:
    """Whether a host needs a restart that is quiet apart from the changes."""
    return pending_reboot.restart_required(signals(**changes), pending(**changes))


def renames(*pairs: object, total: object = None) -> Raw:
    """The value of probe `file_renames`."""
    return {"total": len(pairs) if total is None else total, "pairs": list(pairs)}


def test_quiet_host() -> None:
    assert pending() == {
        "pending": False,
        "classes": ["identity", "management", "servicing"],
        "reasons": [],
        "unknown_sources": [],
        "rests_on": [
            source.probe for source in pending_reboot.SOURCES if source.klass not in ("file_rename", "legacy")
        ],
    }
    assert pending(ALL)["pending"] is False


REASONS: list[tuple[str, object, str, bool, str]] = [
    ("cbs_reboot_pending", True, "servicing", False, "The servicing stack has work for the next boot."),
    ("cbs_packages_pending", True, "servicing", False, "Packages are in a pending state."),
    (
        "wu_reboot_required",
        ["a", "b"],
        "servicing",
        False,
        "Windows Update has installed updates that wait for a restart (a, b).",
    ),
    ("wu_reboot_required", ["a", "b", "c", "d"], "servicing", False, "(a, b, c ...)."),
    ("wu_reboot_required", ["a", "b", "c"], "servicing", False, "(a, b, c)."),
    ("wu_reboot_required", [], "servicing", False, "(no ids given)."),
    ("wu_reboot_required", ["\x1b[31m" + "x" * 50], "servicing", False, "(?[31m" + "x" * 35 + ")."),
    ("agent_reboot_required", True, "servicing", True, "The update agent wants a restart."),
    (
        "agent_reboot_before_install",
        True,
        "servicing",
        True,
        "The update agent installs nothing more before a restart.",
    ),
    ("server_component_cache", 1, "servicing", False, "A role or feature change wants a restart."),
    (
        "computer_name",
        {"active": "A", "configured": "B", "nv_hostname": "a"},
        "identity",
        False,
        "renamed from A to B.",
    ),
    (
        "computer_name",
        {"active": "A", "configured": "a", "nv_hostname": "B"},
        "identity",
        False,
        "renamed from A to B.",
    ),
    ("computer_name", {"active": "A", "configured": "B", "nv_hostname": 5}, "identity", False, "renamed from A to B."),
    (
        "domain_join",
        {"JoinDomain": True, "AvoidSpnSet": False},
        "identity",
        False,
        "A domain join waits for a restart.",
    ),
    (
        "domain_join",
        {"JoinDomain": False, "AvoidSpnSet": True},
        "identity",
        False,
        "A domain join waits for a restart.",
    ),
    ("domain_join", {"JoinDomain": None, "AvoidSpnSet": True}, "identity", False, "A domain join waits for a restart."),
    (
        "ccm_reboot",
        {"return_value": 0, "reboot_pending": True, "hard_reboot_pending": False, "deadline": None},
        "management",
        False,
        "Configuration Manager wants a restart.",
    ),
    (
        "ccm_reboot",
        {"return_value": 0, "reboot_pending": False, "hard_reboot_pending": True, "deadline": "2026-09-21T01:00:00Z"},
        "management",
        False,
        "Configuration Manager wants a restart. It will do so by 2026-09-21T01:00:00Z.",
    ),
    ("ccm_reboot_data", {"RebootBy": 1}, "management", False, "Configuration Manager counts down to a restart."),
    ("ccm_reboot_data", {"RebootBy": None}, "management", False, "Configuration Manager counts down to a restart."),
    ("dsc_lcm_state", "PendingReboot", "management", False, "(LCM state PendingReboot)."),
    ("file_renames", renames(PAIR), "file_rename", False, "1 of 1 file renames have work to do, 0 of them in Windows"),
    ("server_manager_attempts", 1, "legacy", False, "Server Manager counts restart attempts."),
    ("update_exe_volatile", {"native": 1, "wow64": None, "flags": None}, "legacy", False, "UpdateExeVolatile"),
    ("update_exe_volatile", {"native": 0, "wow64": 3, "flags": None}, "legacy", False, "UpdateExeVolatile"),
    ("update_exe_volatile", {"native": 0, "wow64": "x", "flags": 1}, "legacy", False, "UpdateExeVolatile"),
    ("dvd_reboot_signal", True, "legacy", False, "A setup from DVD wants a restart."),
]


@pytest.mark.parametrize(("probe", "value", "klass", "blocks", "detail"), REASONS)
def test_reason_of_every_source(probe: str, value: object, klass: str, blocks: bool, detail: str) -> None:
    found = pending(**{probe: value})
    [reason] = found["reasons"]
    assert {key: reason[key] for key in ("class", "source", "blocks_updates", "since")} == {
        "class": klass,
        "source": probe,
        "blocks_updates": blocks,
        "since": None,
    }
    assert detail in reason["detail"]
    assert found["pending"] is (klass in pending_reboot.DEFAULT_CLASSES)
    assert found["unknown_sources"] == []
    assert found["rests_on"] == [probe] or klass in ("file_rename", "legacy")
    assert pending((klass,), **{probe: value})["pending"] is True
    assert pending((), **{probe: value})["pending"] is False


def test_servicing_at_work_is_seen_and_no_restart_that_is_pending() -> None:
    found = pending(cbs_reboot_in_progress=True)
    [reason] = found["reasons"]
    assert (reason["source"], reason["blocks_updates"]) == ("cbs_reboot_in_progress", True)
    assert reason["detail"] == "Windows is in the boot phase of servicing: leave it alone and wait."
    # What it leaves behind is seen when it has ended.
    assert (found["pending"], needed(cbs_reboot_in_progress=True)) == (None, "unknown")
    assert pending(("management",), cbs_reboot_in_progress=True)["pending"] is False
    # Nothing can be put off behind it, and what waits beside it does wait.
    assert needed(cbs_reboot_in_progress=True, dsc_lcm_state="PendingReboot") == "unknown"
    assert needed(cbs_reboot_in_progress=True, cbs_reboot_pending=True) == "yes"
    assert pending(cbs_reboot_in_progress=True, cbs_reboot_pending=True)["pending"] is True


QUIET: list[tuple[str, object]] = [
    ("server_component_cache", 0),
    ("server_manager_attempts", 0),
    ("computer_name", {"active": "Srv-01", "configured": "SRV-01", "nv_hostname": "srv-01"}),
    ("computer_name", {"active": "A", "configured": "A", "nv_hostname": None}),
    (
        "computer_name",
        {"active": "LONGHOSTNAME-01", "configured": "LONGHOSTNAME-01", "nv_hostname": "longhostname-01x"},
    ),
    ("update_exe_volatile", {"native": 0, "wow64": 0, "flags": 0}),
    ("ccm_reboot", {"return_value": 0, "reboot_pending": False, "hard_reboot_pending": False, "deadline": None}),
    *[("dsc_lcm_state", state) for state in ("Idle", "Busy", "PendingConfiguration")],
    ("file_renames", renames({**PAIR, "destination": ""})),
    ("file_renames", renames({**PAIR, "source_exists": False})),
    ("file_renames", renames({**PAIR, "destination": "", "source_exists": None})),
    ("file_renames", renames()),
]


@pytest.mark.parametrize(("probe", "value"), QUIET)
def test_quiet_sources(probe: str, value: object) -> None:
    found = pending(ALL, **{probe: value})
    assert (found["pending"], found["reasons"], found["unknown_sources"]) == (False, [], [])


UNREAD: list[tuple[str, object]] = [
    ("cbs_reboot_pending", None),
    ("cbs_reboot_in_progress", "yes"),
    ("cbs_packages_pending", 1),
    ("wu_reboot_required", "ids"),
    ("wu_reboot_required", [5]),
    ("agent_reboot_required", failed()),
    ("agent_reboot_before_install", failed("timeout")),
    ("server_component_cache", "1"),
    ("server_component_cache", -1),
    ("computer_name", None),
    ("computer_name", {"active": "A", "configured": "", "nv_hostname": "A"}),
    ("computer_name", {"active": None, "configured": "A", "nv_hostname": "A"}),
    ("computer_name", {"active": "A", "configured": "A", "nv_hostname": ""}),
    ("computer_name", {"active": "A", "configured": "A"}),
    ("domain_join", None),
    ("domain_join", {"JoinDomain": False}),
    ("domain_join", {"JoinDomain": False, "AvoidSpnSet": 0}),
    ("ccm_reboot", {"return_value": 5, "reboot_pending": False, "hard_reboot_pending": False}),
    ("ccm_reboot", {"return_value": None, "reboot_pending": True, "hard_reboot_pending": True}),
    ("ccm_reboot", {"return_value": 0, "reboot_pending": None, "hard_reboot_pending": False}),
    ("ccm_reboot", []),
    ("ccm_reboot_data", "x"),
    ("ccm_reboot_data", {}),
    ("dsc_lcm_state", ""),
    ("dsc_lcm_state", "Ausstehend"),
    ("file_renames", []),
    ("file_renames", {"total": 1}),
    ("file_renames", {"total": -1, "pairs": []}),
    ("file_renames", renames("x")),
    ("file_renames", renames({**PAIR, "destination": None})),
    ("file_renames", renames({**PAIR, "source_exists": None})),
    ("file_renames", renames({**PAIR, "destination": ""}, total=51)),
    ("server_manager_attempts", True),
    ("update_exe_volatile", None),
    ("update_exe_volatile", {"native": None, "wow64": None}),
    ("update_exe_volatile", {"native": -1, "wow64": None, "flags": 0}),
    ("dvd_reboot_signal", 0),
]


@pytest.mark.parametrize(("probe", "value"), UNREAD)
def test_unread_source_is_neither_yes_nor_no(probe: str, value: object) -> None:
    klass = next(source.klass for source in pending_reboot.SOURCES if source.probe == probe)
    found = pending((klass,), **{probe: value})
    assert (found["pending"], found["reasons"], found["unknown_sources"]) == (None, [], [probe])
    others = tuple(one for one in ALL if one != klass)
    assert pending(others, **{probe: value})["pending"] is False
    assert pending_reboot.unread(Signals(signals(**{probe: value})), klass) == (probe,)
    assert pending_reboot.unread(Signals(signals(**{probe: value})), others[0]) == ()


def test_reason_counts_beside_an_unread_source() -> None:
    found = pending(cbs_reboot_pending=failed(), domain_join={"JoinDomain": True, "AvoidSpnSet": False})
    assert found["pending"] is True
    assert found["unknown_sources"] == ["cbs_reboot_pending"]
    raw = signals(cbs_reboot_pending=failed(), domain_join={"JoinDomain": True, "AvoidSpnSet": False})
    assert pending_reboot.restart_required(raw, found) == "yes"


def test_every_source_is_a_probe_of_the_contract_and_once() -> None:
    probes = [source.probe for source in pending_reboot.SOURCES]
    assert len(set(probes)) == len(probes) == 16
    assert set(probes) <= set(signals())
    assert {source.klass for source in pending_reboot.SOURCES} == set(ALL)
    assert set(pending_reboot.UPDATES) <= {*probes, "hotfixes"}
    assert set(pending_reboot.WITNESSES) <= set(signals())


REFUSED = dict.fromkeys(pending_reboot.AGENT, failed("denied"))
STAGED = "KB5122871 is installed, and Windows shows build 26100.33222, not its 26100.33438: it waits for a restart."


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"update_screen": 0}, False),
        ({"wu_reboot_required": ["a"]}, True),
        # The key goes when somebody restarts from the menu without updating; what is installed and not shown remains.
        ({"build": build("26100.33222")}, True),
        ({"build": build("26100.33222"), "update_screen": 1}, True),
        ({"build": build("26100.33222"), "update_screen": failed()}, True),
        # One public source knows this value: its yes keeps a no away, and is none itself.
        ({"update_screen": 1}, None),
        ({"update_screen": "1"}, None),
        ({"update_screen": failed("denied")}, None),
        # An absent key is no answer while nobody knows whether an installed update is shown.
        ({"hotfixes": failed("timeout")}, None),
        ({"hotfixes": []}, None),
        ({"hotfixes": kbs("KB5099999")}, None),
        ({"hotfixes": kbs("KB5120228")}, None),
        ({"build": failed()}, None),
        ({"build": build("26100.33999")}, None),
        ({"build": build("20348.5622")}, None),
    ],
)
def test_who_answers_for_the_refused_agent(changes: dict[str, object], expected: bool | None) -> None:
    found = pending(**REFUSED, **changes)
    assert found["pending"] is expected
    assert found["unknown_sources"] == list(pending_reboot.AGENT)
    named = {True: {"wu_reboot_required", "hotfixes"}, False: set(pending_reboot.WITNESSES), None: set()}[expected]
    assert set(found["rests_on"]) & set(pending_reboot.WITNESSES) <= named
    assert bool(found["rests_on"]) is (expected is not None)
    assert expected is not False or named <= set(found["rests_on"])
    hidden = pending_reboot.AGENT if expected is None else ()
    assert pending_reboot.unread(Signals(signals(**REFUSED, **changes)), "servicing", TABLE) == hidden


def test_an_installed_update_that_is_not_shown_waits() -> None:
    [reason] = pending(**REFUSED, build=build("26100.33222"))["reasons"]
    assert (reason["class"], reason["source"], reason["detail"]) == ("servicing", "hotfixes", STAGED)
    assert reason["blocks_updates"]
    # Where the agent answers its word is the better one, and without the table nobody knows an update's build.
    assert pending(build=build("26100.33222"))["pending"] is False
    alone = pending_reboot.pending_restart(signals(**REFUSED, build=build("26100.33222")))
    assert (alone["pending"], alone["reasons"]) == (None, [])


def test_registry_stands_in_for_the_refused_agent() -> None:
    refused = REFUSED
    quiet = pending(**refused)
    assert quiet["pending"] is False
    assert quiet["unknown_sources"] == ["agent_reboot_required", "agent_reboot_before_install"]
    found = pending(**refused, wu_reboot_required=["a"])
    [reason] = found["reasons"]
    assert (found["pending"], reason["source"], reason["blocks_updates"]) == (True, "wu_reboot_required", True)
    assert reason["detail"].endswith("Source registry: the update agent gave no answer.")
    both = pending(**refused, wu_reboot_required=failed("denied"))
    assert both["pending"] is None
    assert pending_reboot.unread(Signals(signals(**refused)), "servicing", TABLE) == ()


def test_agent_that_failed_otherwise_is_not_stood_in_for() -> None:
    assert pending(agent_reboot_required=failed("timeout"))["pending"] is None
    assert pending(agent_reboot_before_install=failed("denied"))["pending"] is False
    assert pending(cbs_reboot_pending=failed("denied"))["pending"] is None


def test_registry_list_does_not_block_where_the_agent_answers() -> None:
    [reason] = pending(wu_reboot_required=["a"], agent_reboot_required=False)["reasons"]
    assert not reason["blocks_updates"]
    assert "Source registry" not in reason["detail"]


@pytest.mark.parametrize(
    ("destination", "system"),
    [
        (r"C:\Windows\System32\x.dll", 1),
        (r"c:\WINDOWS\SysWOW64\x.dll", 1),
        (r"C:\Windows\WinSxS\x", 1),
        (r"D:\windows\servicing\x", 1),
        (r"C:\Windows\System32\drivers\x.sys", 1),
        (r"C:\vendor\drivers\x.sys", 1),
        (r"C:\Windows\Temp\x", 0),
        (r"C:\Windows\System32x\x", 0),
        (r"C:\App\C:\Windows\System32\x", 0),
    ],
)
def test_renames_in_windows_own_folders(destination: str, system: int) -> None:
    found = pending(
        ("file_rename",), file_renames=renames({**PAIR, "destination": destination}, PAIR, {**PAIR, "destination": ""})
    )
    [reason] = found["reasons"]
    assert reason["detail"] == f"2 of 3 file renames have work to do, {system} of them in Windows' own folders."


def test_rename_that_is_work_counts_beside_unread_ones() -> None:
    found = pending(("file_rename",), file_renames=renames("x", {**PAIR, "source_exists": None}, PAIR, total=90))
    assert found["pending"] is True
    assert found["reasons"][0]["detail"].startswith("1 of 90 file renames")


@pytest.mark.parametrize(
    ("changes", "classes", "expected"),
    [
        ({}, ALL, "no"),
        ({"cbs_reboot_pending": True}, pending_reboot.DEFAULT_CLASSES, "yes"),
        ({"domain_join": {"JoinDomain": True, "AvoidSpnSet": False}}, pending_reboot.DEFAULT_CLASSES, "yes"),
        ({"dsc_lcm_state": "PendingReboot"}, pending_reboot.DEFAULT_CLASSES, "deferrable"),
        ({"dsc_lcm_state": "PendingReboot", "agent_reboot_required": True}, pending_reboot.DEFAULT_CLASSES, "yes"),
        ({"dsc_lcm_state": "PendingReboot", "agent_reboot_required": True}, ("management",), "deferrable"),
        ({"cbs_reboot_pending": True}, ("management",), "no"),
        ({"file_renames": renames(PAIR)}, pending_reboot.DEFAULT_CLASSES, "no"),
        ({"file_renames": renames(PAIR)}, ALL, "deferrable"),
        ({"dvd_reboot_signal": True}, ("legacy",), "deferrable"),
        ({"cbs_reboot_pending": failed()}, pending_reboot.DEFAULT_CLASSES, "unknown"),
        ({"cbs_reboot_pending": failed(), "cbs_packages_pending": True}, pending_reboot.DEFAULT_CLASSES, "yes"),
        ({"dsc_lcm_state": "PendingReboot", "cbs_reboot_pending": failed()}, pending_reboot.DEFAULT_CLASSES, "unknown"),
        ({"dsc_lcm_state": "PendingReboot", "domain_join": failed()}, pending_reboot.DEFAULT_CLASSES, "unknown"),
        ({"dsc_lcm_state": "PendingReboot", "cbs_reboot_pending": failed()}, ("management",), "deferrable"),
        ({"dsc_lcm_state": "PendingReboot", "ccm_reboot": failed()}, pending_reboot.DEFAULT_CLASSES, "deferrable"),
    ],
)
def test_restart_required(changes: dict[str, object], classes: tuple[str, ...], expected: str) -> None:
    raw = signals(**changes)
    assert pending_reboot.restart_required(raw, pending(classes, **changes)) == expected


def test_nothing_known() -> None:
    found = pending_reboot.pending_restart(None)
    assert found["pending"] is None
    assert found["reasons"] == []
    assert found["unknown_sources"] == [source.probe for source in pending_reboot.SOURCES]
    assert pending_reboot.restart_required(None, found) == "unknown"
