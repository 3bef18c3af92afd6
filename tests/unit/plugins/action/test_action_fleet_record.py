# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action fleet_record: one line for each step, of hosts that are down too, and nothing in check mode."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible_collections.rebootless.patching.plugins.action import fleet_record
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record

ROOT = Path(__file__).resolve().parents[4]


def act(arguments: dict[str, Any], check: bool = False, host: str | None = "web1") -> dict[str, Any]:
    """Run the action for a host that cannot be reached: it has no connection at all."""
    task = SimpleNamespace(args=arguments, async_val=0, check_mode=check, diff=False, action="fleet_record")
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    action = fleet_record.ActionModule(task, connection, SimpleNamespace(check_mode=check), None, None, None)
    action._load_name = "fleet_record"
    return action.run(task_vars={"inventory_hostname": host} if host else None)


def test_writes_the_step_of_its_own_host(tmp_path: Path) -> None:
    path = tmp_path / "state" / "record.jsonl"
    result = act({"path": str(path), "run": "r1", "step": "installed", "data": {"outcome": "installed", "token": "x"}})
    entries, problems = record.read(path)
    assert problems == []
    assert len(entries) == 1
    assert (entries[0]["host"], entries[0]["step"], entries[0]["run"]) == ("web1", "installed", "r1")
    assert entries[0]["data"] == {"outcome": "installed", "token": record.HIDDEN}
    told = {key: entries[0][key] for key in ("run", "at", "host", "step")}
    assert {key: result[key] for key in ("changed", "path", "entry", "data")} == {
        "changed": False,
        "path": str(path),
        "entry": told,
        "data": entries[0]["data"],
    }


@pytest.mark.parametrize("run", ["r1", ""])
def test_without_a_path_nothing_is_recorded_and_the_data_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = act({"path": "", "run": run, "step": "announced", "data": {"words": ["soon"], "password": "x"}})
    assert result["data"] == {"words": ["soon"], "password": record.HIDDEN}
    assert (result["changed"], result.get("failed", False), "entry" in result) == (False, False, False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("step", "given", "host"),
    [
        ("decided", None, "web1"),
        ("decided", "web9", "web9"),
        ("run_started", None, None),
        ("run_finished", None, None),
        ("run_finished", "web9", "web9"),
    ],
)
def test_host_of_a_step(tmp_path: Path, step: str, given: str | None, host: str | None) -> None:
    arguments = {"path": str(tmp_path / "r"), "run": "r1", "step": step}
    assert act(arguments | ({"host": given} if given else {}))["entry"]["host"] == host
    assert record.read(tmp_path / "r")[0][0]["data"] == {}


@pytest.mark.parametrize(("check", "only"), [(True, False), (False, True)])
def test_check_mode_and_validate_only_write_nothing(tmp_path: Path, check: bool, only: bool) -> None:
    arguments = {"path": str(tmp_path / "no" / "r"), "run": "r1", "step": "decided", "validate_only": only}
    assert act(arguments, check=check)["entry"]["step"] == "decided"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"step": "rebooted"}, "rebooted"),
        ({"extra": 1}, "extra"),
        ({"path": None}, "path"),
    ],
)
def test_bad_input_is_an_error(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    arguments = {"path": str(tmp_path / "r"), "run": "r1", "step": "decided", **changes}
    with pytest.raises(AnsibleError) as caught:
        act({key: value for key, value in arguments.items() if value is not None})
    assert said in str(caught.value)
    assert not (tmp_path / "r").exists()


def test_host_is_needed_for_a_step_of_one(tmp_path: Path) -> None:
    result = act({"path": str(tmp_path / "r"), "run": "r1", "step": "decided"}, host=None)
    assert (result["failed"], result["msg"]) == (True, "host: None is no host, and decided is a step of one.")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"run": " "}, "run: ' ' is no name of a run"),
        ({"path": "/dev/full"}, "The run record /dev/full cannot be written: No space left on device."),
    ],
)
def test_what_cannot_be_recorded_fails_and_keeps_the_data(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    arguments = {"path": str(tmp_path / "r"), "run": "r1", "step": "decided", "data": {"install": []}, **changes}
    result = act(arguments)
    assert said in result["msg"]
    assert (result["failed"], result["data"], "entry" in result) == (True, {"install": []}, False)
    assert list(tmp_path.iterdir()) == []


def test_hosts_that_are_down_are_recorded_by_many_forks_at_once(tmp_path: Path) -> None:
    hosts = [f"web{number:02}" for number in range(12)]
    inventory = {"all": {"hosts": {name: {"ansible_host": "192.0.2.1", "ansible_connection": "ssh"} for name in hosts}}}
    task = {
        "rebootless.patching.fleet_record": {
            "path": str(tmp_path / "record.jsonl"),
            "run": "r1",
            "step": "{{ item }}",
            "data": {"filling": "x" * 3000, "secret": "{{ 'hunter' ~ 2 }}"},
        },
        "loop": ["decided", "installing", "host_finished"],
    }
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    (tmp_path / "ansible.cfg").touch()
    environment = os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "inventory.yml", "-f", "6", "play.yml"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    entries, problems = record.read(tmp_path / "record.jsonl")
    assert problems == []
    written = sorted((one["host"], one["step"]) for one in entries)
    assert written == sorted((host, step) for host in hosts for step in task["loop"])
    assert b"hunter2" not in (tmp_path / "record.jsonl").read_bytes()
    assert "changed=1" not in done.stdout
