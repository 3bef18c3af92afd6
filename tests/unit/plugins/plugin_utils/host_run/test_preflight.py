# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host would come back from a restart: settings, every state of BitLocker, backups, and what the decision has."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import bitlocker
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.preflight import Settings, judge
from hypothesis import given
from hypothesis import strategies as st

FIX = bitlocker.FIX
BITLOCKER = Settings(processes=())
BACKUP = Settings(bitlocker=False)
NOTHING = Settings(bitlocker=False, processes=())
STOPPING = Settings(processes=(), unknown_stops=True)
NONE = {"ok": True, "value": None, "error": None}


def good(value: object) -> dict[str, Any]:
    """A probe that answered."""
    return {"ok": True, "value": value, "error": None}


def bad(kind: str, hresult: int = 0) -> dict[str, Any]:
    """A probe that did not."""
    return {"ok": False, "value": None, "error": {"type": kind, "hresult": hresult, "message": "no"}}


# A TPM bound to PCR 7 with Secure Boot on, as Windows does by itself.
BOUND = {
    "bitlocker_profiles": good([[7, 11]]),
    "bitlocker_binding": good(3),
    **{f"bitlocker_policy_{name}": NONE for name in ("uefi", "bios", "old")},
    "secure_boot": good({"UEFISecureBootEnabled": 1}),
    "secure_boot_servicing": good({"WindowsUEFICA2023Capable": 1}),
}
OPENS = "The TPM opens the system volume by itself (it checks PCR 7, 11; Secure Boot on, PCR 7 bound)."


def volume(protection: object, protectors: object, suspended_for: object = None) -> dict[str, Any]:
    """What a host says of its system volume."""
    value = {"protection": protection, "protectors": protectors, "suspended_for": suspended_for}
    return {**BOUND, "bitlocker_system_volume": good(value)}


def decision(*codes: str, pending: bool | None = False, known: bool = True) -> dict[str, Any]:
    """As much of a decision as is read."""
    # As from JSON: equal texts that are not one object.
    offers = [{"code": f" {code}".strip(), "why": ["One.", "Another.", f"Blocked by {code}."]} for code in codes]
    rest = {"free_disk": 8 * 2**30, "stale_when": {"offers": {} if known else None}}
    return {"offers": offers, "pending": {"pending": pending}, **rest}


# Settings


def test_defaults() -> None:
    assert Settings.load(None) == Settings.load({}) == Settings(True, ("wbengine",), False)


def test_everything_given() -> None:
    words = {"bitlocker": "ignore", "backup": "stop", "processes": ["Veeam.Agent.EXE", "a.b"], "unknown": "stop"}
    assert Settings.load(words) == Settings(False, ("Veeam.Agent", "a.b"), True)
    assert Settings.load({"backup": "ignore"}) == Settings(True, (), False)
    assert Settings.load({"bitlocker": "stop", "unknown": "go_on"}) == Settings()
    assert Settings.load({"known_issues": "ignore", "suspend_bitlocker": 15}) == Settings(
        known_issues=False, suspend=15
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            [],
            "x is []; a mapping with backup, bitlocker, known_issues, processes, suspend_bitlocker, unknown is expected.",
        ),
        (
            {"bitlocked": "stop"},
            "x.bitlocked is no key of the preflight; "
            "one of backup, bitlocker, known_issues, processes, suspend_bitlocker, unknown (meant bitlocker?) is expected.",
        ),
        ({"bitlocker": True}, "x.bitlocker is True; stop or ignore is expected."),
        ({"backup": "go_on"}, "x.backup is 'go_on'; stop or ignore is expected."),
        ({"unknown": None}, "x.unknown is None; go_on or stop is expected."),
        ({"processes": "wbengine"}, "x.processes is 'wbengine'; a list of one or more names of processes is expected."),
        ({"processes": []}, "x.processes is []; a list of one or more names of processes is expected."),
        ({"processes": ["a", " "]}, "x.processes[1] is ' '; the name of a process such as wbengine is expected."),
        ({"processes": [7]}, "x.processes[0] is 7; the name of a process such as wbengine is expected."),
        ({"processes": ["sql*"]}, "x.processes[0] is 'sql*'; the name of a process such as wbengine is expected."),
        ({"processes": ["C:\\a"]}, "x.processes[0] is 'C:\\\\a'; the name of a process such as wbengine is expected."),
        ({"known_issues": "go_on"}, "x.known_issues is 'go_on'; stop or ignore is expected."),
        ({"suspend_bitlocker": True}, "x.suspend_bitlocker is True; a number of restarts from 0 to 15 is expected."),
        ({"suspend_bitlocker": -1}, "x.suspend_bitlocker is -1; a number of restarts from 0 to 15 is expected."),
        ({"suspend_bitlocker": 16}, "x.suspend_bitlocker is 16; a number of restarts from 0 to 15 is expected."),
        ({"suspend_bitlocker": "1"}, "x.suspend_bitlocker is '1'; a number of restarts from 0 to 15 is expected."),
        (
            {"suspend_bitlocker": 1, "bitlocker": "ignore"},
            "x.suspend_bitlocker is 1; 0 while x.bitlocker is ignore is expected.",
        ),
        (
            {"backup": "ignore", "processes": []},
            "x.processes is []; a list of one or more names of processes is expected.",
        ),
    ],
)
def test_mistakes_are_named(settings: object, message: str) -> None:
    with pytest.raises(PolicyError) as told:
        Settings.load(settings, "x")
    assert str(told.value) == message


def test_the_name_of_the_option_is_the_default() -> None:
    with pytest.raises(PolicyError, match=r"^settings\.unknown is "):
        Settings.load({"unknown": "no"})


# BitLocker


@pytest.mark.parametrize(
    ("protectors", "alone"),
    [
        ([1], True),
        ([1, 3, 4], True),
        ([0, 1], True),
        ([2], False),
        ([3], False),
        ([4, 3], False),
        ([5], False),
        ([6], False),
        ([8], False),
        ([4, 7, 10], False),
        ([4, 9], None),
        ([0, 4], None),
        ([4, 11], None),
        ([7], None),
        ([10], None),
        ([], None),
    ],
)
def test_who_opens_the_volume(protectors: list[int], alone: bool | None) -> None:
    assert bitlocker.opens(protectors) is alone


@pytest.mark.parametrize(
    ("signals", "ok", "words"),
    [
        ({"bitlocker_system_volume": NONE}, True, "The host has no BitLocker."),
        (volume(0, []), True, "BitLocker's protection of the system volume is off."),
        (
            volume(0, [1, 3]),
            True,
            f"BitLocker is off and not suspended: encryption may be under way. {OPENS}",
        ),
        (volume(1, [1, 3]), True, OPENS),
        (volume(1, [4, 3]), False, f"BitLocker would wait at the boot for TPM and PIN. {FIX}"),
        (volume(1, [3]), False, f"BitLocker would wait at the boot for the recovery password. {FIX}"),
        (volume(1, [8, 2]), False, f"BitLocker would wait at the boot for an external key or a passphrase. {FIX}"),
        (volume(1, [5]), False, f"BitLocker would wait at the boot for TPM and startup key. {FIX}"),
        (volume(1, [6, 6]), False, f"BitLocker would wait at the boot for TPM, PIN and startup key. {FIX}"),
        # A count is of a suspended volume alone.
        (volume(1, [4], 5), False, f"BitLocker would wait at the boot for TPM and PIN. {FIX}"),
        (
            volume(1, [4, 9]),
            None,
            "The system volume opens by the network where a server answers; else BitLocker asks at the boot.",
        ),
        (volume(1, [10, 7]), None, "What opens the system volume at the boot is not known (protectors 7, 10)."),
        (volume(1, []), None, "What opens the system volume at the boot is not known (protectors none)."),
        (volume(0, [4], 0), True, "BitLocker is suspended until somebody resumes it."),
        (volume(0, [4], 1), True, "BitLocker is suspended for 1 restart."),
        (volume(0, [4], 15), True, "BitLocker is suspended for 15 restarts."),
        (
            volume(0, [4]),
            None,
            "BitLocker is off and not suspended: encryption may be under way, and then asks at the boot.",
        ),
        (
            volume(0, [4], "1"),
            None,
            "BitLocker is off and not suspended: encryption may be under way, and then asks at the boot.",
        ),
    ],
)
def test_bitlocker(signals: dict[str, Any], ok: bool | None, words: str) -> None:
    verdict = judge(signals, BITLOCKER)
    [check] = verdict.pop("checks")
    assert (check["name"], check["ok"], check["words"]) == ("bitlocker", ok, words)
    assert check["rests_on"][0] == "bitlocker_system_volume"
    assert verdict == {"ok": ok, "go_on": ok is not False, "suspend_bitlocker": 0, "why": None if ok else words}


UNTOLD = "Whether BitLocker asks for something at the boot is not known: Windows itself does not tell."


@pytest.mark.parametrize(
    ("signals", "words"),
    [
        (volume(2, [1]), UNTOLD),
        (volume(None, [1]), UNTOLD),
        (volume(True, [1]), UNTOLD),
        (volume(1, None), UNTOLD),
        (volume(1, [1, None]), UNTOLD),
        (volume(1, [1, "4"]), UNTOLD),
        (volume(0, "1"), UNTOLD),
        ({"bitlocker_system_volume": good({})}, UNTOLD),
        ({}, "Whether BitLocker asks for something at the boot is not known: not asked."),
        (None, "Whether BitLocker asks for something at the boot is not known: not asked."),
        (
            {"bitlocker_system_volume": good([1])},
            "Whether BitLocker asks for something at the boot is not known: unusable value.",
        ),
        (
            {"bitlocker_system_volume": bad("denied")},
            "Whether BitLocker asks for something at the boot is not known: access denied. It takes an administrator's rights.",
        ),
        (
            {"bitlocker_system_volume": bad("failed", -2144272377)},
            "Whether BitLocker asks for something at the boot is not known: failed (0x80310007).",
        ),
    ],
)
def test_an_unreadable_volume_is_not_known(signals: object, words: str) -> None:
    verdict = judge(signals, BITLOCKER)
    assert (verdict["ok"], verdict["go_on"], verdict["why"]) == (None, True, words)
    assert judge(signals, STOPPING) == {**verdict, "go_on": False}


def test_a_suspension_must_outlast_the_restarts_ahead() -> None:
    two = decision("restart_pending")
    assert judge(volume(0, [4], 1), BITLOCKER, two)["why"] == (
        f"BitLocker is suspended for 1 restart, and 2 restarts lie ahead. BitLocker would wait at the boot for TPM and PIN. {FIX}"
    )
    assert judge(volume(0, [4], 1), BITLOCKER, two)["ok"] is False
    assert judge(volume(0, [4, 9], 1), BITLOCKER, two)["ok"] is None
    for signals in (volume(0, [4], 2), volume(0, [4], 0), volume(0, [1], 1), volume(0, [])):
        assert judge(signals, BITLOCKER, two)["ok"] is True
    assert judge(volume(0, [4], 1), BITLOCKER, decision("disk"))["checks"][0]["ok"] is True


# Backups


@pytest.mark.parametrize(
    ("probe", "ok", "words"),
    [
        (good([]), True, "No backup runs (looked for wbengine)."),
        (good(["wbengine", "x"]), False, "A backup may be running (process wbengine, x). Wait until it has ended."),
        (good(["wbengine", None]), None, "Whether a backup runs is not known: unusable value."),
        (good("wbengine"), None, "Whether a backup runs is not known: unusable value."),
        (good(None), None, "Whether a backup runs is not known: no value."),
        (bad("timeout"), None, "Whether a backup runs is not known: timed out."),
        (bad("failed", 5), None, "Whether a backup runs is not known: failed (0x00000005)."),
    ],
)
def test_backups(probe: dict[str, Any], ok: bool | None, words: str) -> None:
    verdict = judge({"backup_processes": probe}, BACKUP)
    assert verdict["checks"] == [{"name": "backup", "ok": ok, "words": words, "rests_on": ["backup_processes"]}]
    assert (verdict["ok"], verdict["why"]) == (ok, None if ok else words)


def test_all_processes_that_were_looked_for_are_named() -> None:
    verdict = judge({"backup_processes": good([])}, Settings(bitlocker=False, processes=("a", "b")))
    assert verdict["checks"][0]["words"] == "No backup runs (looked for a, b)."


# What the decision has


@pytest.mark.parametrize(
    ("given", "ok", "words"),
    [
        (decision(), True, "The decision blocks no update for want of free disk (8.0 GB free)."),
        *(
            (
                {**decision(), "free_disk": free},
                None,
                "Whether the disk has room for the updates is not known: its free space was not read.",
            )
            for free in (None, True, "8 GB")
        ),
        (decision("waits_for_restart", "disk", "disk"), False, "Blocked by disk. The restart would bring nothing."),
        (
            decision(known=False),
            None,
            "Whether the disk has room for the updates is not known: nobody knows what is offered.",
        ),
        (
            {"offers": None},
            None,
            "Whether the disk has room for the updates is not known: nobody knows what is offered.",
        ),
    ],
)
def test_free_disk(given: dict[str, Any], ok: bool | None, words: str) -> None:
    check = judge({}, NOTHING, given)["checks"][0]
    assert (check["name"], check["ok"], check["words"]) == ("disk", ok, words)


@pytest.mark.parametrize(
    ("given", "ok", "words"),
    [
        (decision(), True, "No restart is pending."),
        (decision(pending=True), True, "A restart is pending and is taken along."),
        (decision(pending=None), None, "Whether a restart is pending is not known."),
        ({"offers": []}, None, "Whether a restart is pending is not known."),
        (
            decision("disk", "restart_pending", pending=True),
            True,
            "Blocked by restart_pending. It costs a restart of its own, before the updates.",
        ),
    ],
)
def test_a_pending_restart_is_never_in_the_way(given: dict[str, Any], ok: bool | None, words: str) -> None:
    check = judge({}, NOTHING, given)["checks"][1]
    assert (check["name"], check["ok"], check["words"]) == ("pending_restart", ok, words)


@pytest.mark.parametrize(("code", "place"), [("disk", 0), ("restart_pending", 1)])
def test_of_several_blocked_updates_the_first_speaks(code: str, place: int) -> None:
    given = decision(code, code)
    given["offers"][1]["why"] = ["Something else."]
    assert judge({}, NOTHING, given)["checks"][place]["words"].startswith(f"Blocked by {code}. ")


# All together


def test_what_is_not_looked_at_is_no_check() -> None:
    nothing = {"ok": True, "go_on": True, "checks": [], "suspend_bitlocker": 0, "why": None}
    assert judge({}, NOTHING) == judge(None, NOTHING, {}) == nothing


def test_what_is_in_the_way_goes_before_what_is_not_known() -> None:
    signals = {**volume(1, [4]), "backup_processes": bad("failed")}
    verdict = judge(signals, Settings(), decision("disk"))
    assert [check["name"] for check in verdict["checks"]] == ["bitlocker", "backup", "disk", "pending_restart"]
    assert (verdict["ok"], verdict["go_on"]) == (False, False)
    assert verdict["why"] == (
        f"BitLocker would wait at the boot for TPM and PIN. {FIX} Blocked by disk. The restart would bring nothing."
    )


def test_a_host_that_could_not_be_asked_is_never_gone_on_with() -> None:
    problem = {"kind": "refused", "message": "connection\nrefused."}
    verdict = judge(None, Settings(), decision(), problem)
    words = "The host could not be asked: connection refused."
    assert [(check["name"], check["ok"], check["words"]) for check in verdict["checks"][:2]] == [
        ("bitlocker", None, words),
        ("backup", None, words),
    ]
    assert (verdict["ok"], verdict["go_on"], verdict["why"]) == (None, False, words)
    assert judge(None, NOTHING, None, problem)["go_on"] is False


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 12) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["ok", "value", "protection", "protectors", "suspended_for"]), inner)
    ),
    max_leaves=8,
)
probes = st.dictionaries(st.sampled_from(["bitlocker_system_volume", "backup_processes"]), anything)


@given(probes | anything, st.builds(Settings, st.booleans(), st.sampled_from([(), ("a",)]), st.booleans()))
def test_whatever_a_host_says_there_is_a_verdict(signals: object, settings: Settings) -> None:
    verdict = judge(signals, settings)
    answers = [check["ok"] for check in verdict["checks"]]
    assert verdict["ok"] is (False if False in answers else None if None in answers else True)
    assert (verdict["why"] is None) is (verdict["ok"] is True)
    assert verdict["go_on"] is (verdict["ok"] is True or (verdict["ok"] is None and not settings.unknown_stops))


@given(st.lists(st.integers(0, 12), max_size=4), st.none() | st.integers(0, 15), st.sampled_from([0, 1]))
def test_nobody_waits_at_the_boot_of_a_host_that_is_gone_on_with(
    protectors: list[int], count: int | None, protection: int
) -> None:
    """True only where a TPM opens the volume, where there is nothing to open, or where it is suspended for long enough."""
    verdict = judge(volume(protection, protectors, count), BITLOCKER)
    suspended = protection == 0 and count is not None
    assert (verdict["ok"] is True) is (1 in protectors or suspended or (protection == 0 and not protectors))
