# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of the status playbook meets beside the verdicts: trouble with hosts, bad input, a second run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import HERE, Run
from fleet import worlds

LIBRARY = HERE / "worlds"
COMMAND = ["ansible-playbook", "rebootless.patching.status"]


def ask(
    on_fleet: Callable[..., Run], dest: Path, *extra: str, faults: dict | None = None, folder: Path = LIBRARY
) -> Run:
    """A status of three hosts with the fast executor."""
    options = ["--only", "s25-arc-on-track", "--only", "s25-cbs-pending"]
    if faults is not None:
        (dest / "faults.yml").write_text(yaml.safe_dump(faults))
        options += ["--faults", str(dest / "faults.yml")]
    command = [*COMMAND, "-e", f"rebootless_dest={dest}", *extra]
    return on_fleet(command, worlds=folder, executor="fast", options=tuple(options))


def hosts(dest: Path) -> dict[str, dict]:
    """The hosts of the status JSON by name."""
    return {host["name"]: host for host in json.loads((dest / "status.json").read_text())["hosts"]}


@pytest.mark.parametrize(("fault", "kind"), [("refused", "refused"), ("unauthorized", "auth"), ("cut", "dropped")])
def test_host_in_trouble_is_listed_and_the_exit_status_tells(
    on_fleet: Callable[..., Run], tmp_path: Path, fault: str, kind: str
) -> None:
    run = ask(on_fleet, tmp_path, faults={"s25-cbs-pending": [{"kind": fault}]}).check(2)
    found = hosts(tmp_path)
    assert found["s25-cbs-pending"]["problem"]["kind"] == kind
    assert found["s25-cbs-pending"]["state"] == "unknown"
    assert found["s25-arc-on-track"]["state"] == "on_track"
    assert "1 of 2 hosts could not be asked: s25-cbs-pending" in run.output


def test_every_host_down_still_ends_in_a_report(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    ask(on_fleet, tmp_path, faults={"*": [{"kind": "refused"}]}).check(2)
    assert {host["reached"] for host in hosts(tmp_path).values()} == {False}


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("rebootless_query", "[?state=='on_track'", "query:"),
        ("rebootless_now", "tomorrow", "now: 'tomorrow' is not a time"),
        ("rebootless_release_table", "/nowhere.json", "release_table: /nowhere.json cannot be read"),
        ("rebootless_classes", "cosmic", "classes"),
    ],
)
def test_bad_input_ends_before_any_host_is_asked(
    on_fleet: Callable[..., Run], tmp_path: Path, variable: str, value: str, said: str
) -> None:
    run = ask(on_fleet, tmp_path, "-e", json.dumps({variable: value})).check(2)
    assert said in run.output
    assert {counters["requests"] for counters in run.counters["hosts"].values()} == {0}
    assert not (tmp_path / "status.json").exists()


def test_query_filters_what_is_shown_and_keeps_the_data(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    run = ask(on_fleet, tmp_path, "-e", json.dumps({"rebootless_query": "[?state=='on_track']"})).check()
    assert set(hosts(tmp_path)) == {"s25-arc-on-track", "s25-cbs-pending"}
    assert "s25-arc-on-track" in (tmp_path / "status.md").read_text()
    assert "s25-cbs-pending" not in (tmp_path / "status.md").read_text()
    assert "s25-cbs-pending" not in run.output.split("TASK [Report the status")[1].split("TASK [Fail")[0]


def test_second_status_names_the_host_that_left_the_track(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    ask(on_fleet, tmp_path).check()
    changed = tmp_path / "worlds"
    changed.mkdir()
    world = worlds.load(LIBRARY)["s25-arc-on-track"]
    world["cim"]["root/Microsoft/Windows/DeviceGuard"] = {
        "Win32_DeviceGuard": [{"VirtualizationBasedSecurityStatus": 0}]
    }
    (changed / "s25-arc-on-track.yml").write_text(yaml.safe_dump(world))
    run = ask(on_fleet, tmp_path, folder=changed).check()
    changes = json.loads((tmp_path / "status.json").read_text())["changes"]
    assert [(change["name"], change["change"]) for change in changes if change["change"] == "left_track"] == [
        ("s25-arc-on-track", "left_track")
    ]
    assert "left" in run.output


def test_check_mode_writes_nothing(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    ask(on_fleet, tmp_path, "--check").check()
    assert not (tmp_path / "status.json").exists()


def test_limit_reports_on_the_hosts_of_the_limit_alone(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """The plays that check and report belong to the hosts: a play on localhost is skipped under a limit."""
    run = ask(on_fleet, tmp_path, "--limit", "s25-arc-on-track").check()
    assert set(hosts(tmp_path)) == {"s25-arc-on-track"}
    assert run.counters["hosts"]["s25-cbs-pending"]["requests"] == 0


def test_the_host_in_trouble_is_the_one_that_fails(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    run = ask(on_fleet, tmp_path, faults={"s25-cbs-pending": [{"kind": "refused"}]}).check(2)
    recap = {line.split()[0]: line for line in run.output.split("PLAY RECAP")[1].splitlines() if "failed=" in line}
    assert "failed=1" in recap["s25-cbs-pending"]
    assert "failed=0" in recap["s25-arc-on-track"]


def test_a_pattern_that_matches_nothing_is_an_error(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    run = ask(on_fleet, tmp_path, "-e", "rebootless_hosts=nobody").check(2)
    assert "No host was asked: rebootless_hosts is nobody" in run.output
