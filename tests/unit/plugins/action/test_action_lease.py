# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every action that changes a host asks immediately before whether the slot is still the run's; without it nothing is changed."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.action import fleet_record
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import plan as fleet_plan
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.admission import Ask
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import FleetSpec
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import disk, record
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import leases as fleet_state
from ansible_collections.rebootless.patching.plugins.plugin_utils.store.leases import State

sys.path.insert(0, str(Path(__file__).parents[1] / "plugin_utils"))
cases: Any = __import__("decide_cases")
realistic: Any = __import__("realistic")
Json = dict[str, Any]
HOST = "host"
NOW = cases.AUGUST_NOW.isoformat()
CHANGES = {"suspend", "resume", "remember", "forget", "absent"}
CLUSTER = {
    "own": "n1",
    "nodes": [{"name": name, "state": "Up", "drain": "NotInitiated"} for name in ("n1", "n2")],
    "groups": [],
    "failed": [],
    "known": [],
    "storage_jobs": 0,
}


def act(name: str, arguments: Json, answer: Callable[[str, Json], Json] = lambda _module, _given: {}) -> Json:
    """Run an action for the host; `answer` is what its modules say."""
    module = importlib.import_module(f"ansible_collections.rebootless.patching.plugins.action.{name}")
    task = SimpleNamespace(args=arguments, async_val=0, check_mode=False, diff=False, action=name)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None), reset=lambda: None)
    action = module.ActionModule(task, connection, SimpleNamespace(check_mode=False), None, None, None)
    action._load_name = name
    action._execute_module = lambda module_name, module_args, **_more: answer(module_name, module_args)
    return dict(action.run(task_vars={"inventory_hostname": HOST}))


def register(state: State, run: str, **spec: Any) -> None:
    """Make a run known for the host and another one."""
    given, loaded = [{"name": HOST}, {"name": "other"}], FleetSpec.load(spec)
    state.register(run, fleet_plan.hosts(given, loaded), loaded.given, fleet_plan.plan(given, loaded, 50))


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """A state directory in which run r1 has a slot for the host."""
    monkeypatch.setattr(State, "_start_beat", lambda _state, _found: None)
    found = State(tmp_path / "state")
    register(found, "r1")
    now = cases.AUGUST_NOW
    assert found.take("r1", Ask(HOST, "restart", now, now)).admitted
    return found


def change(name: str, lease: Json | None) -> tuple[Json, list[str]]:
    """Let an action change the host under a lease: its result, and what it asked of the host that changes it."""
    asked: list[str] = []

    def answer(module: str, given: Json) -> Json:
        asked.append(str(given.get("state")))
        if module.endswith("windows_drain"):
            ok = realistic.ok({"changed": True})
            shown = {"plain": True, "large": False, "sddl": "O:BAG:BAD:PAI(A;;FA;;;SY)(A;;FA;;;BA)"}
            memory = realistic.ok({"base": shown, "folder": None, "file": None, "text": None})
            boot = realistic.ok("2026-08-01T00:00:00Z")
            return {"memory": memory, "boot": boot, "cluster": realistic.ok(CLUSTER), "change": ok | {"value": True}}
        if module.endswith("windows_packages"):
            package = {"name": PACKAGE, "state": "Installed", "type": "SecurityUpdate"}
            package["details"] = realistic.ok({"description": f"Fix for {KB}"})
            return {"packages": realistic.ok([package]), "change": realistic.ok({"changed": False})}
        if name == "remove_update":
            return {"signals": realistic.signals("server_2025")}
        return {"signals": cases.host(cases.AUGUST, cases.HOT)}

    arguments: Json = {
        "install_updates": {"decision": cases.august(cases.HOT) if name == "install_updates" else {}, "now": NOW},
        "remove_update": {"kb": KB, "now": NOW},
        "drain": {"state": "drained", "adapters": [{"type": "cluster"}], "interval": 0},
    }[name]
    on_problem = {} if name == "drain" else {"on_problem": "report"}
    result = act(name, arguments | on_problem | ({"lease": lease} if lease else {}), answer)
    return result, [one for one in asked if one in CHANGES]


KB = "KB5122871"
PACKAGE = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.33438.1.5"
ACTIONS = ("install_updates", "remove_update", "drain")


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("gone", ["taken", "freed", "unreadable"])
def test_without_its_slot_a_host_is_not_changed(
    state: State, monkeypatch: pytest.MonkeyPatch, name: str, gone: str
) -> None:
    """Another run has taken over the slot, has given it away, or nobody can tell."""
    install = importlib.import_module("ansible_collections.rebootless.patching.plugins.action.install_updates")
    monkeypatch.setattr(install.ActionModule, "install", lambda *_given, **_more: pytest.fail("it installs"))
    lease = {"run": "r1", "state_dir": str(state.folder)}
    file = state.folder / "leases" / f"{HOST}.json"
    if gone == "taken":
        file.write_text(file.read_text(encoding="ascii").replace('"run":"r1"', '"run":"r2"'))
        why = "The slot of the host is run r2's now, which took run r1 for dead."
    elif gone == "freed":
        file.unlink()
        why = "The slot that run r1 had for the host is gone."
    else:
        file.write_text("{")
        why = "Nobody can tell whether the host still has its slot: "
    result, changes = change(name, lease)
    assert changes == []
    assert result["changed"] is False
    assert why in result["why"] if name == "drain" else why in " ".join(result["words"])
    assert result.get("outcome", result.get("state")) in ("stale", "refused")


@pytest.mark.parametrize("name", ["remove_update", "drain"])
@pytest.mark.parametrize("held", [True, False])
def test_with_its_slot_or_without_a_fleet_it_is(
    state: State, monkeypatch: pytest.MonkeyPatch, name: str, held: bool
) -> None:
    module = importlib.import_module(f"ansible_collections.rebootless.patching.plugins.action.{name}")
    monkeypatch.setattr(module.time, "monotonic", iter(range(0, 10**9, 10**6)).__next__)
    monkeypatch.setattr(module.time, "sleep", lambda _seconds: None)
    _result, changes = change(name, {"run": "r1", "state_dir": str(state.folder)} if held else None)
    assert {"remove_update": "absent", "drain": "suspend"}[name] in changes


def test_a_restart_is_not_announced_without_the_slot(state: State, tmp_path: Path) -> None:
    """The line of the restart is the last thing before the restart, and its lease stands on it."""
    path = tmp_path / "record.jsonl"
    arguments: Json = {"path": str(path), "run": "r1", "step": "restarting"}
    lease = {"run": "r1", "state_dir": str(state.folder)}
    assert "failed" not in act("fleet_record", arguments | {"lease": lease})
    state.release("r1", HOST)
    result = act("fleet_record", arguments | {"lease": lease})
    assert (result["failed"], result["msg"]) == (
        True,
        "The slot that run r1 had for the host is gone. So nothing is done.",
    )
    assert [one["step"] for one in record.read(path)[0]] == ["restarting"]


def test_the_question_as_a_task(state: State) -> None:
    arguments: Json = {"state": "held", "run": "r1", "state_dir": str(state.folder)}
    result = act("fleet_slot", arguments)
    assert (result["held"], result["why"], "failed" in result) == (True, "The host has its slot.", False)
    state.release("r1", HOST)
    result = act("fleet_slot", arguments)
    assert (result["held"], result["failed"], result["msg"]) == (
        False,
        True,
        "The slot that run r1 had for the host is gone.",
    )


# --- a disk that is full -----------------------------------------------------------------------------------------


class Disk:
    """A disk that is full until a time of a clock that only sleeping moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, until: float) -> None:
        self.clock, self.until, self.told = 0.0, until, list[str]()
        monkeypatch.setattr(disk.time, "monotonic", lambda: self.clock)
        monkeypatch.setattr(disk.time, "sleep", self.sleep)
        real = os.fsync
        monkeypatch.setattr(os, "fsync", lambda handle: real(handle) if self.clock >= self.until else self.full())
        monkeypatch.setattr(collector, "tell_now", self.told.append)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.clock += seconds

    @staticmethod
    def full() -> None:
        """What a full disk says."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("how", ["released", "kept"])
@pytest.mark.parametrize("seconds", [3, 600, 11 * 3600])
def test_a_slot_is_given_back_when_the_disk_takes_it(
    state: State, monkeypatch: pytest.MonkeyPatch, how: str, seconds: float
) -> None:
    full = Disk(monkeypatch, seconds)
    ended = {"outcome": "restarted", "failed": how == "kept"}
    result = act("fleet_slot", {"state": how, "run": "r1", "state_dir": str(state.folder), "outcome": ended})
    assert "failed" not in result
    assert seconds <= full.clock < seconds + disk.LONGEST_PAUSE + 1
    assert full.told == [
        f"{HOST}: {state.folder}/runs/r1.json cannot be written: No space left on device. It is tried again."
    ]
    assert list(state.run("r1")["finished"]) == [HOST]
    assert len(state.leases()) == (how == "kept")


def test_giving_back_returns_when_nobody_waits_any_more(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """It never raises: of a task that raises ansible-core asks neither `failed_when` nor `until`."""
    full = Disk(monkeypatch, 10**9)
    common = {"run": "r1", "state_dir": str(state.folder)}
    result = act("fleet_slot", {"state": "released", "outcome": {"outcome": "x", "failed": False}, **common})
    assert (result["failed"], result["msg"]) == (
        True,
        f"{state.folder}/runs/r1.json cannot be written: No space left on device.",
    )
    assert 12 * 3600 <= full.clock < 12 * 3600 + 60
    # It stays the run's, so a later run finds it and looks.
    assert [lease["host"] for lease in state.leases()] == [HOST]


def test_a_host_that_asks_for_a_slot_waits_for_the_disk(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Disk(monkeypatch, 90)
    result = act("fleet_slot", {"state": "taken", "run": "r1", "host": "other", "state_dir": str(state.folder)})
    assert result["admitted"] is True
    assert full.clock >= 90
    assert len(full.told) == 1


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda state: (state.folder / "runs" / "r1.json").write_text("{"), "is not JSON"),
        (lambda state: shutil.rmtree(state.folder), "run: r1 is not in "),
    ],
)
def test_what_no_waiting_mends_is_told_at_once(
    state: State, monkeypatch: pytest.MonkeyPatch, broken: Callable[[State], object], said: str
) -> None:
    broken(state)
    full = Disk(monkeypatch, 0)
    result = act("fleet_slot", {"state": "released", "run": "r1", "state_dir": str(state.folder)})
    assert result["failed"] is True
    assert said in result["msg"]
    assert (full.clock, full.told) == (0.0, [])


@pytest.mark.parametrize("step", record.STEPS)
def test_what_was_done_is_recorded_when_the_disk_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """What is about to be done is not done then, so nothing waits."""
    full = Disk(monkeypatch, 60)
    result = act("fleet_record", {"path": str(tmp_path / "record.jsonl"), "run": "r1", "step": step})
    done = step in record.DONE_STEPS
    assert result.get("failed", False) is not done
    assert (full.clock >= 60, len(full.told)) == (done, int(done))
    said = f"The run record {tmp_path}/record.jsonl cannot be written: No space left on device."
    assert full.told == ([f"{said} It is tried again."] if done else [])
    assert result.get("msg") == (None if done else said)


def test_what_was_done_and_cannot_be_recorded_fails_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Disk(monkeypatch, 10**9)
    result = act(
        "fleet_record", {"path": str(tmp_path / "r"), "run": "r1", "step": "restarted", "data": {"done": True}}
    )
    assert (result["failed"], result["data"]) == (True, {"done": True})
    assert fleet_record.PATIENCE <= full.clock < fleet_record.PATIENCE + disk.LONGEST_PAUSE
    assert fleet_state.disk is disk
