# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workflow from end to end under ansible-runner: artifacts from node to node, a wave that fails, soak time. `make long` has the rest."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.awx import workflow
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.status import iso
from conftest import HERE, Run
from fleet import months
from monthly import write
from rolling import ROLLING, Rolled, command, fleet, roll

FLEET = {"canary": ["web-01"], "waves": [2], "groups": {"web": {"max_unavailable": 1}}}
VARS = {**ROLLING, "rebootless_consent": "true", "rebootless_fleet": FLEET, "rebootless_fail_not_reached": "false"}


DECISION = {
    "decision": "nothing",
    "state": "on_track",
    "restart": {"now": False},
    "reached": True,
    "last_boot": None,
    "build": None,
}


def nodes(**cancelled: str) -> list[dict[str, Any]]:
    """The workflow of three waves; a name of a node with the task at which its job is cancelled."""
    made: list[dict[str, Any]] = [
        {"name": "status", "playbook": "status.yml"},
        {"name": "plan", "playbook": "plan.yml", "after": {"status": "success"}},
    ]
    before = "plan"
    for number in range(3):
        one = {"rebootless_wave": number, "rebootless_wave_last": number == 2}
        made.append({"name": f"wave-{number}", "playbook": "wave.yml", "vars": one, "after": {before: "success"}})
        before = f"wave-{number}"
    made.append({"name": "report", "playbook": "report.yml", "after": {one["name"]: "always" for one in made}})
    for one in made:
        if one["name"].replace("-", "_") in cancelled:
            one["cancel_at"] = cancelled[one["name"].replace("-", "_")]
    return made


def document(job: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What a job passed on under a key."""
    found: dict[str, Any] = json.loads(job["artifacts"][key]["json"])
    return found


class Played:
    """What workflows left behind, one after the other."""

    def __init__(self, run: Run, results: Sequence[Mapping[str, Any]]) -> None:
        self.run = run
        self.results = results

    def statuses(self, which: int = -1) -> dict[str, str]:
        """How each node ended that was run."""
        return {name: one["status"] for name, one in self.results[which].items()}

    def report(self, which: int = -1) -> dict[str, Any]:
        """The artifact of the last node."""
        return document(self.results[which]["report"], "rebootless_report")

    def outcomes(self, which: int = -1) -> dict[str, str]:
        """How each host ended, as the report has it."""
        return {one["name"]: one["outcome"] for one in self.report(which)["hosts"]}

    def restarts(self) -> dict[str, int]:
        """How often each host itself says that it restarted."""
        return {name: seen["restarts"] for name, seen in self.run.counters["hosts"].items()}

    def most_out(self, groups: Mapping[str, Sequence[str]]) -> dict[str, int]:
        """The most hosts that were down at once."""
        rolled = Rolled.__new__(Rolled)
        rolled.run = self.run
        return rolled.most_out(groups)


def play(
    on_fleet: Callable[..., Run],
    tmp_path: Path,
    worlds: Mapping[str, Any],
    groups: Mapping[str, Sequence[str]],
    *workflows: Mapping[str, Any],
    faults: Mapping[str, Any] | None = None,
) -> Played:
    """Workflows after each other on one fleet."""
    inventory = tmp_path / "groups.yml"
    inventory.write_text(
        yaml.safe_dump({one: {"hosts": {name: {} for name in names}} for one, names in groups.items()})
    )
    line = []
    for number, one in enumerate(workflows):
        (tmp_path / f"flow-{number}.json").write_text(json.dumps(one), encoding="utf-8")
        line.append(f"{sys.executable} {HERE / 'awx.py'} flow-{number}.json done-{number}.json")
    options: tuple[str, ...] = ()
    if faults:
        (tmp_path / "faults.yml").write_text(yaml.safe_dump(dict(faults)), encoding="utf-8")
        options = ("--faults", str(tmp_path / "faults.yml"))
    command = ["bash", "-c", f"export AWX_GROUPS={inventory}; {' && '.join(line)}"]
    run = on_fleet(command, worlds=write(tmp_path / "worlds", worlds), executor="fast", options=options).check()
    read = [json.loads((tmp_path / f"done-{number}.json").read_text()) for number in range(len(workflows))]
    return Played(run, read)


def test_good_path(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """Every node passes its artifact on; the merged report is all hosts, and the job output has it as Markdown."""
    worlds, groups = fleet(web=[1, 1], sql=[1])
    played = play(on_fleet, tmp_path, worlds, groups, {"nodes": nodes(), "vars": VARS})
    assert set(played.statuses().values()) == {"successful"}, json.dumps(played.results)[-6000:]
    done = played.results[0]
    assert done["status"]["artifacts"]["rebootless_status"]["summary"]["hosts"] == 3
    plan = document(done["plan"], "rebootless_plan")
    assert plan["waves"][0] == ["web-01"]
    assert sorted(name for wave in plan["waves"] for name in wave) == sorted(worlds)
    assert list(done["wave-0"]["artifacts"]) == ["rebootless_wave_0"]
    (canary,) = document(done["wave-0"], "rebootless_wave_0")["hosts"]
    assert (canary["name"], canary["decision"]["restart_required"]) == ("web-01", "no")
    assert played.outcomes() == dict.fromkeys(worlds, "restarted")
    assert played.restarts() == dict.fromkeys(worlds, 1)
    assert "# Patch run" in done["report"]["stdout"]
    assert played.report()["left_out"] is None
    assert {one["name"]: one["canary"] for one in played.report()["hosts"]} == {
        name: name == "web-01" for name in worlds
    }


def test_canary_fails_and_wave_is_unreachable(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """What comes after a bad wave is not begun; the report says what became of whom, and the workflow is red."""
    worlds, groups = fleet(web=[1, 1], sql=[1])
    down = {"web-01": [{"kind": "refused"}]}
    played = play(on_fleet, tmp_path, worlds, groups, {"nodes": nodes(), "vars": VARS}, faults=down)
    assert played.statuses() == {"status": "successful", "plan": "successful", "wave-0": "failed", "report": "failed"}
    told = {one["name"]: (one["outcome"], one["words"]) for one in played.report()["hosts"]}
    assert {name: outcome for name, (outcome, _words) in told.items()} == {
        "web-01": "not_reached",
        "web-02": "not_started",
        "sql-01": "not_started",
    }, told
    words = {one["name"]: " ".join(one["words"]) for one in played.report()["hosts"]}
    assert words["web-02"].endswith("It is in service.")
    assert played.restarts() == dict.fromkeys(worlds, 0)


def test_a_wave_begins_when_the_one_before_has_soaked(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """The host is asked for the first time after the soak time."""
    names = ("web-01", "web-02")
    spec = {"canary": ["web-01"], "soak": "1m"}
    plan = workflow.plan([DECISION | {"name": name} for name in names], dict.fromkeys(names, ()), spec, 5)
    ended = datetime.now(UTC).replace(microsecond=0)
    before = {
        "hosts": [],
        "problems": [],
        "timeline": None,
        "run": {"id": "a", "started_at": None, "ended_at": iso(ended)},
    }
    given = {"rebootless_plan": plan, "rebootless_wave_0": workflow.packed(before, {}), "rebootless_wave": 1}
    words = command(tmp_path / "run", playbook="wave", rebootless_fleet=spec, **given)
    rolled = roll(on_fleet, tmp_path, {name: months.start(months.SERVER_2025, "2026-07-20") for name in names}, words)
    decided = [one for one in rolled.entries if one["step"] == "decided"]
    assert [one["host"] for one in decided] == ["web-02"]
    assert datetime.fromisoformat(decided[0]["at"]) - ended >= timedelta(minutes=1)
    assert rolled.outcomes() == {"nothing_to_do": 1}
