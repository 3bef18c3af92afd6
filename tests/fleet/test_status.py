# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every world gives the verdict it expects: through PowerShell, through the fast executor, and from the signals alone."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases, status
from conftest import HERE, LONG, Run, executors, simfleet
from fleet import fast, worlds

WORLDS = worlds.load(HERE / "worlds")
TABLE = releases.ReleaseTable.load(releases.shipped())
EXECUTORS = executors()
# Long enough that a busy machine, which answers late, is not asked twice.
PATIENT = ("--operation-timeout", "300", "--read-timeout", "330")
DEMO = (HERE / "demo-hosts.txt").read_text().split()
# One world of each kind that the PowerShell tells apart; `make long` executes it on all.
KINDS = (HERE / "kinds.txt").read_text().split()
EXECUTED = sorted(WORLDS if LONG else {*DEMO, *KINDS})
# What executed PowerShell says of these worlds is compared below, so CI shows the whole way with it on the demo's hosts alone.
SHOWN = [
    (executor, name) for executor in EXECUTORS for name in (sorted(WORLDS) if LONG or executor == "fast" else DEMO)
]


def verdict(host: dict[str, Any]) -> dict[str, Any]:
    """A host of the status JSON in the words of a world's `expect`."""
    pending = host["pending"]
    return {
        "state": host["state"],
        "track": host["track"],
        "reasons": [reason["code"] for reason in host["reasons"] if reason["severity"] == "cause"],
        "warnings": [reason["code"] for reason in host["reasons"] if reason["severity"] == "warning"],
        "pending": pending["pending"],
        "pending_reasons": sorted(f"{reason['class']}:{reason['source']}" for reason in pending["reasons"]),
    }


def unmet(name: str, host: dict[str, Any]) -> list[str]:
    """Where the status of a world's host is not what the world expects."""
    return worlds.unmet(WORLDS[name]["expect"], verdict(host))


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """`reports(executor)`: the status of the hosts in SHOWN through `ansible-playbook`, asked once with each executor."""

    @functools.cache
    def report(executor: str) -> dict[str, Any]:
        scratch = tmp_path_factory.mktemp(f"status-{executor}")
        command = ["ansible-playbook", "rebootless.patching.status", "-e", f"rebootless_dest={scratch}"]
        only = [word for one, name in SHOWN if one == executor for word in ("--only", name)]
        options = (*PATIENT, *only)
        run: Run = simfleet(command, scratch, worlds=HERE / "worlds", executor=executor, options=options).check()
        document = json.loads((scratch / "status.json").read_text())
        return {"hosts": {host["name"]: host for host in document["hosts"]}, "counters": run.counters}

    return report


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw signals of these worlds as the executed PowerShell gives them, one file each."""
    if "powershell" not in EXECUTORS:
        pytest.skip("no pwsh 7.5 or newer: PowerShell is not executed")
    scratch = tmp_path_factory.mktemp("signals")
    command = ["ansible-playbook", str(HERE / "playbooks" / "signals.yml"), "-e", f"signals_dest={scratch}"]
    only = tuple(word for name in EXECUTED for word in ("--only", name))
    simfleet(command, scratch, worlds=HERE / "worlds", executor="powershell", options=only).check()
    return scratch


@pytest.mark.parametrize(("executor", "name"), SHOWN)
def test_world_gives_what_it_expects(reports: Callable[[str], dict[str, Any]], executor: str, name: str) -> None:
    assert unmet(name, reports(executor)["hosts"][name]) == []


@pytest.mark.parametrize(("executor", "name"), SHOWN)
def test_status_is_one_module_run(reports: Callable[[str], dict[str, Any]], executor: str, name: str) -> None:
    counters = reports(executor)["counters"]["hosts"][name]
    assert counters["module_runs"] == {"rebootless.patching.windows_signals_info": 1}
    assert counters["requests"] <= 7
    assert counters["restarts"] == 0


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_core_alone_gives_the_same(name: str) -> None:
    world = WORLDS[name]
    now = datetime.fromisoformat(world.get("judged_at", world["clock"]))
    host = status.host_status(name, fast.signals(world, {}), None, TABLE, now, azure=world.get("azure"))
    assert unmet(name, host) == []


@pytest.mark.parametrize("name", EXECUTED)
def test_executors_give_equal_signals(executed: Path, name: str) -> None:
    assert json.loads((executed / f"{name}.json").read_text()) == fast.signals(WORLDS[name], {})


def test_every_state_is_in_the_library() -> None:
    found = [world["expect"].get("state") for world in WORLDS.values()]
    assert {state for state in found if isinstance(state, str)} == set(status.STATES)


def test_demo_hosts_are_in_seven_states_at_least() -> None:
    assert len(set(DEMO)) == 12
    assert len({WORLDS[name]["expect"]["state"] for name in DEMO}) >= 7


@pytest.mark.parametrize("executor", EXECUTORS)
def test_status_costs_little_more_than_win_ping(tmp_path: Path, executor: str) -> None:
    options = ("--only", "s25-arc-on-track")
    command = ["ansible-playbook", str(HERE / "playbooks" / "ping_then_status.yml")]
    run = simfleet(command, tmp_path, worlds=HERE / "worlds", executor=executor, options=options).check()
    by_module = run.counters["hosts"]["s25-arc-on-track"]["bytes_by_module"]
    assert set(by_module) == {"ansible.windows.win_ping", "rebootless.patching.windows_signals_info"}
    assert by_module["rebootless.patching.windows_signals_info"] <= 1.25 * by_module["ansible.windows.win_ping"]
