# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""windows_packages: its PowerShell over a fake servicing stack, held against the same answers in Python, and what it does to a host."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import HERE, executors, simfleet

WORLDS = HERE / "worlds-rollback"
NAMES = sorted(path.stem for path in WORLDS.glob("[!_]*.yml"))
KEYS = ("changed", "schema", "change", "packages", "diff", "failed", "msg")
RUNS = yaml.safe_load((HERE / "playbooks" / "packages.yml").read_text())[0]["vars"]["runs"]
NOTHING = {"ok": True, "value": {"changed": False, "restart_needed": None}, "error": None}
HOTPATCH = "Package_for_KB5120228~31bf3856ad364e35~amd64~~26100.33222.1.3"
BASELINE = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.33158.1.11"
STAGED = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.33438.1.0"
CBS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing"
# The places of the runs of the playbook.
READ, CHECKED, UNKNOWN_NAME, REMOVED, AGAIN, NEWER, AFTER, KNOWING = 0, 2, 3, 4, 5, 6, 7, 8

Result = dict[str, Any]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all runs of this file."""
    return tmp_path_factory.mktemp("packages")


def play(scratch: Path, executor: str) -> dict[str, tuple[list[Result], Result]]:
    """Every host of the folder in every way: the answers, and the world at the end."""
    folder = scratch / executor
    folder.mkdir()
    playbook = str(HERE / "playbooks" / "packages.yml")
    command = ["ansible-playbook", playbook, "-e", json.dumps({"offers_dest": str(folder)})]
    options = ("--save-worlds", str(folder / "after"))
    simfleet(command, folder, worlds=WORLDS, executor=executor, options=options).check()
    return {
        name: (
            [{key: each.get(key) for key in KEYS} for each in json.loads((folder / f"{name}.json").read_text())],
            yaml.safe_load((folder / "after" / f"{name}.yml").read_text()),
        )
        for name in NAMES
    }


@pytest.fixture(scope="module")
def all_of(scratch: Path) -> Any:
    """`all_of(executor)`: the answers of every host, asked once."""
    return cache(lambda executor: play(scratch, executor))


@pytest.fixture(params=executors())
def answers(request: pytest.FixtureRequest, all_of: Any) -> dict[str, tuple[list[Result], Result]]:
    """The answers of every host with one executor."""
    found: dict[str, tuple[list[Result], Result]] = all_of(request.param)
    return found


def states(run: Result) -> dict[str, str]:
    """The packages and their states."""
    return {one["name"]: one["state"] for one in run["packages"]["value"]}


@pytest.mark.skipif(len(executors()) < 2, reason="there is no PowerShell here")
@pytest.mark.parametrize("name", NAMES)
def test_both_executors_say_and_do_the_same(all_of: Any, name: str) -> None:
    (executed, world), (answered, same) = all_of("powershell")[name], all_of("fast")[name]
    for run, mine, its in zip(RUNS, executed, answered, strict=True):
        assert mine == its, run
    assert world == same


@pytest.mark.parametrize("name", NAMES)
def test_no_trouble_of_a_host_fails_the_module(answers: Any, name: str) -> None:
    for each in answers[name][0]:
        assert (each["schema"], each["failed"] or False) == (1, False), each
        assert each["changed"] is bool((each["change"]["value"] or {}).get("changed"))
        assert all(each[probe]["ok"] is (each[probe]["error"] is None) for probe in ("change", "packages"))


def test_updates_are_listed_with_what_they_say_of_themselves(answers: Any) -> None:
    first = answers["hotpatched"][0][READ]
    assert list(states(first)) == [
        "Package_for_ServicingStack_33150~31bf3856ad364e35~amd64~~26100.33150.1.2",
        "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.32995.1.9",
        BASELINE,
        HOTPATCH,
    ]
    details = {"description": "Fix for KB5099536", "support": "https://support.microsoft.com/help/5099536"}
    assert first["packages"]["value"][2] == {
        "name": BASELINE,
        "state": "Installed",
        "type": "SecurityUpdate",
        "details": {"ok": True, "value": details, "error": None},
    }
    assert first["change"] == NOTHING


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_of_a_package_is_not_read_again(answers: Any, name: str) -> None:
    runs = answers[name][0]
    before, after = (runs[run]["packages"]["value"] or [] for run in (AFTER, KNOWING))
    assert after == [{**one, "details": None} if one["name"] == BASELINE else one for one in before]


def test_a_package_is_removed_with_the_next_restart(answers: Any) -> None:
    runs, world = answers["hotpatched"]
    assert [each["changed"] for each in runs] == [False, False, True, False, True, False, False, False, False]
    assert runs[CHECKED]["change"]["value"] == {"changed": True, "restart_needed": None}
    assert runs[CHECKED]["diff"] == {"before": f"{HOTPATCH}: Installed\n", "after": f"{HOTPATCH}: removed\n"}
    assert states(runs[REMOVED])[HOTPATCH] == "Installed"
    assert runs[REMOVED]["change"]["value"] == {"changed": True, "restart_needed": True}
    assert states(runs[AGAIN])[HOTPATCH] == "UninstallPending"
    assert {f"{CBS}\\RebootPending", f"{CBS}\\PackagesPending"} <= set(world["registry"])
    assert [one["state"] for one in world["packages"] if one["name"] == HOTPATCH] == ["UninstallPending"]


def test_one_that_needs_no_restart_is_gone_at_once(answers: Any) -> None:
    runs, world = answers["at-once"]
    assert runs[REMOVED]["change"]["value"] == {"changed": True, "restart_needed": False}
    assert list(states(runs[AFTER])) == [BASELINE]
    assert world["registry"][r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"]["UBR"] == 33158
    assert [fix["kb"] for fix in world["hotfixes"]] == ["KB5099536"]


def test_what_windows_does_not_say_is_not_invented(answers: Any) -> None:
    runs, _world = answers["silent"]
    assert runs[REMOVED]["change"]["value"] == {"changed": True, "restart_needed": None}


def test_what_waits_for_its_restart_may_go(answers: Any) -> None:
    runs, world = answers["staged"]
    assert runs[NEWER]["diff"]["before"] == f"{STAGED}: InstallPending\n"
    assert states(runs[AFTER]) == {BASELINE: "Installed", STAGED: "UninstallPending"}
    assert rf"{CBS}\Packages\{STAGED}" not in world["registry"]


def test_only_what_is_in_place_is_removed(answers: Any) -> None:
    runs, _world = answers["other-states"]
    assert [each["changed"] for each in runs] == [False] * len(RUNS)
    assert runs[REMOVED]["change"] == NOTHING


@pytest.mark.parametrize(("name", "kind"), [("list-denied", "denied"), ("no-dism", "unavailable")])
def test_without_a_list_nothing_is_removed(answers: Any, name: str, kind: str) -> None:
    runs, _world = answers[name]
    assert {each["packages"]["error"]["type"] for each in runs} == {kind}
    said = runs[READ]["packages"]["error"]["message"]
    assert [each["change"]["error"]["message"] for each in runs[CHECKED:AFTER]] == [said] * 5


def test_a_package_that_does_not_tell_what_it_is_keeps_no_other_from_telling(answers: Any) -> None:
    told = [one["details"] for one in answers["details-fail"][0][READ]["packages"]["value"]]
    assert [(one["ok"], (one["error"] or {}).get("type")) for one in told] == [(False, "failed"), (True, None)]


@pytest.mark.parametrize(
    ("name", "kind", "hresult"), [("permanent", "failed", 0x800F0825), ("removal-denied", "denied", 0x80070005)]
)
def test_a_refusal_keeps_its_number(answers: Any, name: str, kind: str, hresult: int) -> None:
    runs, world = answers[name]
    error = runs[REMOVED]["change"]["error"]
    assert (error["type"], error["hresult"] & 0xFFFFFFFF) == (kind, hresult)
    assert runs[REMOVED]["diff"] is None
    assert states(runs[AFTER])[HOTPATCH] == "Installed"
    assert f"{CBS}\\RebootPending" not in world["registry"]
