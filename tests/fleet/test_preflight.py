# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""windows_preflight_info: its PowerShell over a fake volume, held against the same answers in Python, and what is judged by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import bitlocker
from conftest import HERE, Run, executors, simfleet

WORLDS = HERE / "worlds-preflight"
NAMES = sorted(path.stem for path in WORLDS.glob("[!_]*.yml"))
KEYS = ("changed", "signals", "preflight", "failed", "msg")
BITLOCKER, BACKUP = "bitlocker_system_volume", "backup_processes"
PROFILES, BINDING, UEFI = "bitlocker_profiles", "bitlocker_binding", "bitlocker_policy_uefi"
ASKED = sorted([BACKUP, *bitlocker.NAMES])

# What a host answered: to no question, to a question for processes, and to all, with the judgement.
Results = list[dict[str, Any]]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all runs of this file."""
    return tmp_path_factory.mktemp("preflight")


def play(scratch: Path, executor: str) -> dict[str, Results]:
    """Every host of the folder in every way."""
    folder = scratch / executor
    folder.mkdir()
    playbook = str(HERE / "playbooks" / "preflight.yml")
    command = ["ansible-playbook", playbook, "-e", json.dumps({"offers_dest": str(folder)})]
    simfleet(command, folder, worlds=WORLDS, executor=executor).check()
    return {
        name: [{key: each.get(key) for key in KEYS} for each in json.loads((folder / f"{name}.json").read_text())]
        for name in NAMES
    }


@pytest.fixture(scope="module")
def all_of(scratch: Path) -> Any:
    """`all_of(executor)`: the answers of every host, asked once."""
    return cache(lambda executor: play(scratch, executor))


@pytest.fixture(params=executors())
def answers(request: pytest.FixtureRequest, all_of: Any) -> dict[str, Results]:
    """The answers of every host with one executor."""
    found: dict[str, Results] = all_of(request.param)
    return found


@pytest.mark.skipif(len(executors()) < 2, reason="there is no PowerShell here")
@pytest.mark.parametrize("name", NAMES)
def test_both_executors_say_the_same(all_of: Any, name: str) -> None:
    assert all_of("powershell")[name] == all_of("fast")[name]


@pytest.mark.parametrize("name", NAMES)
def test_no_trouble_of_a_host_fails_the_module(answers: Any, name: str) -> None:
    assert [(each["changed"], each["failed"] or False) for each in answers[name]] == [(False, False)] * 3
    assert [sorted(each["signals"]) for each in answers[name]] == [[], [BACKUP], ASKED]


@pytest.mark.parametrize(
    ("name", "protection", "protectors", "suspended_for"),
    [
        ("off", 0, [], None),
        ("tpm", 1, [3, 1], None),
        ("pin", 1, [4, 3], None),
        ("suspended", 0, [4, 3], 1),
        ("suspended-for-good", 0, [8], 0),
        ("encrypting", 0, [4], None),
        ("count-fails", 0, [4], None),
        ("locked", 2, [4], None),
    ],
)
def test_a_volume_is_read(
    answers: Any, name: str, protection: int, protectors: list[int], suspended_for: int | None
) -> None:
    value = {"protection": protection, "protectors": protectors, "suspended_for": suspended_for}
    assert answers[name][2]["signals"][BITLOCKER] == {"ok": True, "value": value, "error": None}


@pytest.mark.parametrize(
    ("name", "kind", "hresult"),
    [
        ("no-bitlocker", "unavailable", 0x8004100E),
        ("class-missing", "unavailable", 0x80041010),
        ("command-missing", "unavailable", 0x80131501),
        ("denied", "denied", 0x80041003),
        ("hangs", "timeout", 0x80131505),
        ("other-volume", "failed", 0x80131509),
        ("protectors-fail", "failed", 0x80310000),
        ("type-fails", "failed", 0x80070057),
    ],
)
def test_what_cannot_be_read_is_an_error(answers: Any, name: str, kind: str, hresult: int) -> None:
    probe = answers[name][2]["signals"][BITLOCKER]
    assert (probe["ok"], probe["value"], probe["error"]["type"]) == (False, None, kind)
    assert probe["error"]["hresult"] == hresult - 2**32


@pytest.mark.parametrize(
    ("name", "profiles", "binding", "secure_boot"),
    [
        ("tpm", [[0, 2, 4, 11]], 0, None),
        ("tpm-secure-boot", [[7, 11]], 3, {"UEFISecureBootEnabled": 1}),
        ("pcr7-policy", [[0, 2, 4, 7, 11]], 0, {"UEFISecureBootEnabled": 1}),
        ("pcr7-policy-binding-untold", [[0, 2, 4, 7, 11]] * 2, None, {"UEFISecureBootEnabled": 1}),
        ("off", [], 0, None),
        ("no-tpm", [], 0, None),
    ],
)
def test_what_the_tpm_checks_is_read(
    answers: Any, name: str, profiles: list[list[int]], binding: int | None, secure_boot: Any
) -> None:
    signals = answers[name][2]["signals"]
    assert (signals[PROFILES]["value"], signals[BINDING]["value"]) == (profiles, binding)
    assert signals["secure_boot"] == {"ok": True, "value": secure_boot, "error": None}


def test_policies_on_what_the_tpm_checks_are_read(answers: Any) -> None:
    named = answers["pcr7-policy"][2]["signals"]
    assert named[UEFI]["value"] == {"Enabled": 1, "0": 1, "1": 0, "2": 1, "4": 1, "7": 1, "11": 1}
    assert named["secure_boot_servicing"]["value"] == {"WindowsUEFICA2023Capable": 1}
    others = answers["policies-off"][2]["signals"]
    assert (others["bitlocker_policy_bios"]["value"], others[UEFI]["value"]) == ({"Enabled": 0, "7": 1}, None)
    assert others["bitlocker_policy_old"]["value"]["Enabled"] == 1
    assert answers["registry-denied"][2]["signals"][UEFI]["error"]["type"] == "denied"


def test_processes_are_found_in_any_case(answers: Any) -> None:
    _nothing, some, all_ = answers["backup"]
    assert some["signals"][BACKUP]["value"] == ["W3WP", "wbengine"]
    assert all_["signals"][BACKUP]["value"] == ["wbengine"]
    assert answers["tpm"][1]["signals"][BACKUP]["value"] == []
    assert answers["processes-fail"][1]["signals"][BACKUP]["error"]["type"] == "failed"


@pytest.mark.parametrize(
    ("name", "bitlocker", "backup"),
    [
        ("no-bitlocker", True, True),
        ("class-missing", None, True),
        ("command-missing", None, True),
        ("tpm-secure-boot", True, True),
        ("pcr7-policy", None, True),
        ("pcr7-policy-binding-untold", None, True),
        ("policies-off", True, True),
        ("registry-denied", None, True),
        ("profile-fails", None, True),
        ("binding-fails", None, True),
        ("network-unlock", None, True),
        ("startup-key", False, True),
        ("no-tpm", False, True),
        ("refuses", True, True),
        ("refuses-to-resume", True, True),
        ("off", True, True),
        ("tpm", True, True),
        ("pin", False, True),
        ("suspended", True, True),
        ("suspended-for-good", True, True),
        ("encrypting", None, True),
        ("count-fails", None, True),
        ("locked", None, True),
        ("other-volume", None, True),
        ("denied", None, True),
        ("hangs", None, True),
        ("protectors-fail", None, True),
        ("type-fails", None, True),
        ("backup", True, False),
        ("processes-fail", True, None),
    ],
)
def test_hosts_are_judged(answers: Any, name: str, bitlocker: bool | None, backup: bool | None) -> None:
    verdict = answers[name][2]["preflight"]
    assert [(check["name"], check["ok"]) for check in verdict["checks"]] == [
        ("bitlocker", bitlocker),
        ("backup", backup),
    ]
    assert verdict["go_on"] is (False not in (bitlocker, backup))


def test_every_world_is_judged_above() -> None:
    [cases] = [mark.args[1] for mark in test_hosts_are_judged.pytestmark]
    assert sorted(case[0] for case in cases) == NAMES


@pytest.fixture
def ask(on_fleet: Callable[..., Run], tmp_path: Path) -> Callable[..., tuple[Run, dict[str, Any]]]:
    """`ask(arguments, *options)`: run preflight_info on the host with a PIN; the run, and what the action returned."""

    def run(arguments: dict[str, Any], *options: str) -> tuple[Run, dict[str, Any]]:
        told = tmp_path / "told.json"
        look = {"name": "Look", "rebootless.patching.preflight_info": arguments, "register": "look"}
        tell = {
            "name": "Tell",
            "ansible.legacy.keep": {"content": "{{ look | to_json }}", "dest": str(told)},
        }
        playbook = tmp_path / "look.yml"
        playbook.write_text(json.dumps([{"hosts": "windows", "gather_facts": False, "tasks": [look, tell]}]))
        told.unlink(missing_ok=True)
        command = ["ansible-playbook", str(playbook)]
        done = on_fleet(command, worlds=WORLDS, executor="fast", options=("--only", "pin", *options))
        return done, json.loads(told.read_text()) if told.exists() else {}

    return run


def test_a_host_that_is_not_there(ask: Any, tmp_path: Path) -> None:
    faults = tmp_path / "faults.yml"
    faults.write_text("pin: [{kind: refused}]\n")
    done, look = ask({"on_problem": "report", "return_signals": True}, "--faults", str(faults))
    done.check()
    assert (look["changed"], look["problem"]["kind"], look["signals"]) == (False, "refused", None)
    assert (look["preflight"]["ok"], look["preflight"]["go_on"]) == (None, False)
    assert "unreachable=1" in ask({}, "--faults", str(faults))[0].check(4).output


def test_settings_and_decision_count(ask: Any) -> None:
    offer = {"code": "disk", "why": ["1.0 GB free on the system disk, the policy wants 5.0 GB."]}
    decision = {"offers": [offer], "pending": {"pending": True}, "stale_when": {"offers": {}}}
    ignore = {"bitlocker": "ignore", "backup": "ignore"}
    done, look = ask({"settings": ignore, "decision": decision})
    done.check()
    assert [(check["name"], check["ok"]) for check in look["preflight"]["checks"]] == [
        ("known_issues", True),
        ("disk", False),
        ("pending_restart", True),
    ]
    assert (look["signals"], look["problem"]) == (None, None)
    # Nothing to ask, so nobody asked.
    assert done.counters["hosts"]["pin"]["requests"] == 0


def test_given_signals_are_judged_without_the_host(ask: Any) -> None:
    given = {"bitlocker_system_volume": {"ok": True, "value": None, "error": None}}
    done, look = ask({"signals": given, "settings": {"backup": "ignore"}, "return_signals": True})
    assert (look["preflight"]["ok"], look["signals"]) == (True, given)
    assert done.check().counters["hosts"]["pin"]["requests"] == 0


def test_settings_can_be_held_against_what_is_allowed_beforehand(ask: Any) -> None:
    done, look = ask({"validate_only": True, "settings": {"unknown": "stop"}})
    assert (look["changed"], look["preflight"]) == (False, None)
    assert done.check().counters["hosts"]["pin"]["requests"] == 0
    done, _look = ask({"validate_only": True, "settings": {"unknown": "no"}, "settings_name": "baseline_preflight"})
    assert "baseline_preflight.unknown is 'no'; go_on or stop is expected." in " ".join(done.check(2).output.split())


# windows_bitlocker

RUNS = yaml.safe_load((HERE / "playbooks" / "bitlocker.yml").read_text())[0]["vars"]["runs"]
READ, CHECKED, SUSPENDED, AGAIN, CHECKED_ON, RESUMED, DONE = range(len(RUNS))
# What a run answered, and what the host was at the end.
Changed = tuple[list[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def changed_by(scratch: Path) -> Any:
    """`changed_by(executor)`: what windows_bitlocker answered and did on every host."""

    def play_all(executor: str) -> dict[str, Changed]:
        folder = scratch / f"bitlocker-{executor}"
        folder.mkdir()
        playbook = str(HERE / "playbooks" / "bitlocker.yml")
        command = ["ansible-playbook", playbook, "-e", json.dumps({"offers_dest": str(folder)})]
        options = ("--save-worlds", str(folder / "after"))
        simfleet(command, folder, worlds=WORLDS, executor=executor, options=options).check()
        keys = ("changed", "before", "change", "after", "diff", "failed", "msg")
        return {
            name: (
                [{key: each.get(key) for key in keys} for each in json.loads((folder / f"{name}.json").read_text())],
                yaml.safe_load((folder / "after" / f"{name}.yml").read_text()).get("bitlocker"),
            )
            for name in NAMES
        }

    return cache(play_all)


@pytest.fixture(params=executors())
def changed(request: pytest.FixtureRequest, changed_by: Any) -> dict[str, Changed]:
    """What windows_bitlocker did on every host with one executor."""
    found: dict[str, Changed] = changed_by(request.param)
    return found


@pytest.mark.skipif(len(executors()) < 2, reason="there is no PowerShell here")
@pytest.mark.parametrize("name", NAMES)
def test_both_executors_suspend_the_same(changed_by: Any, name: str) -> None:
    assert changed_by("powershell")[name] == changed_by("fast")[name]


def test_bitlocker_is_suspended_for_its_restarts_and_resumed(changed: Any) -> None:
    answers, after = changed["pcr7-policy"]
    on, off = ({"protection": 1, "suspended_for": None}, {"protection": 0, "suspended_for": 2})
    states = [(one["changed"], one["before"]["value"], one["after"]["value"]) for one in answers]
    assert states == [
        (False, on, on),
        (True, on, on),
        (True, on, off),
        # Off already, so its count stays as it was.
        (False, off, off),
        (True, off, off),
        (True, off, on),
        (False, on, on),
    ]
    assert answers[SUSPENDED]["diff"] == {"before": "protection: on\n", "after": "protection: off\n"}
    assert after["protection"] == 1


def test_what_cannot_be_read_or_is_not_known_is_not_touched(changed: Any) -> None:
    for name in ("denied", "locked", "other-volume", "no-bitlocker", "class-missing"):
        assert [one["changed"] for one in changed[name][0]] == [False] * len(RUNS), name
    assert changed["denied"][0][SUSPENDED]["change"]["ok"] is False
    assert changed["locked"][1]["protection"] == 2


def test_a_refusal_is_an_error_and_nothing_has_changed(changed: Any) -> None:
    answers, after = changed["refuses"]
    for at, code in ((SUSPENDED, 0x80310000), (RESUMED, None)):
        error = answers[at]["change"]["error"]
        assert (error["hresult"] if error else None) == (code - 2**32 if code else None)
    assert (answers[SUSPENDED]["changed"], after["protection"]) == (False, 1)
    answers, after = changed["refuses-to-resume"]
    assert answers[RESUMED]["change"]["error"]["hresult"] == 0x80310007 - 2**32
    assert after == {
        "protection": 0,
        "protectors": [1],
        "suspended_for": 2,
        "fails": {"EnableKeyProtectors": 0x80310007},
    }
