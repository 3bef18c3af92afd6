# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What CI has no time for of AWX: a cancelled job in each node, a later wave that is lost, each wrapper by itself, domains side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Run
from fleet import months
from rolling import ROLLING, fleet, host
from test_awx_workflow import VARS, document, nodes, play
from test_playbook_rollback import KB, hotpatch, world
from test_playbook_update_releases import GOOD, NOW, table

# A host in each of two waves, the rest in the last.
ONE_BY_ONE = {**VARS["rebootless_fleet"], "waves": [1]}
# Node, and a part of the name of the task at which its job is cancelled; those of a wave lie before, in and after its restart.
CANCELLED = (
    ("status", "Read the signals"),
    ("plan", "Decide"),
    ("wave_0", "Record the slot"),
    ("wave_0", "Restart"),
    ("wave_1", "Record what is about to be installed"),
    ("wave_1", "Record the restart that is about to happen"),
    ("wave_2", "Ask the host what it is now"),
    ("report", "Report the workflow"),
)


@pytest.mark.parametrize(("node", "task"), CANCELLED)
def test_cancelled_in_a_node_and_relaunched(node: str, task: str, on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """The report of the first launch says where every planned host is; the second ends it, and nobody restarts twice."""
    worlds, groups = fleet(web=[1, 1], sql=[1])
    variables = {**VARS, "rebootless_fleet": ONE_BY_ONE}
    first = {"nodes": nodes(**{node: task}), "vars": variables}
    played = play(on_fleet, tmp_path, worlds, groups, first, {"nodes": nodes(), "vars": variables})
    name = node.replace("_", "-")
    assert played.statuses(0)[name] == "canceled", played.results[0][name]["stdout"][-3000:]
    if node.startswith("wave"):
        assert f"rebootless_{node}" not in played.results[0][name]["artifacts"]
        told = played.report(0)["hosts"]
        assert sorted(one["name"] for one in told) == sorted(worlds)
        # The job is red when somebody has ended badly or nobody knows how; who only had no turn is said to be in service.
        assert (played.statuses(0)["report"] == "failed") is any(one["failed"] for one in told)
        assert all(
            "service" in " ".join(one["words"]) for one in told if one["failed"] or one["outcome"] == "not_started"
        )
    assert set(played.statuses(1).values()) == {"successful"}, json.dumps(played.statuses(1))
    assert set(played.outcomes(1).values()) <= {"restarted", "nothing_to_do"}
    assert played.restarts() == dict.fromkeys(worlds, 1)


def test_a_later_wave_is_lost(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """The canary is through; what comes after the lost wave is not begun."""
    worlds, groups = fleet(web=[1, 1], sql=[1, 1])
    down = {name: [{"kind": "refused"}] for name in ("web-02", "sql-01", "sql-02")}
    variables = {**VARS, "rebootless_fleet": ONE_BY_ONE}
    played = play(on_fleet, tmp_path, worlds, groups, {"nodes": nodes(), "vars": variables}, faults=down)
    assert {name: played.statuses()[name] for name in ("wave-0", "wave-1", "report")} == {
        "wave-0": "successful",
        "wave-1": "failed",
        "report": "failed",
    }
    assert "wave-2" not in played.statuses()
    assert played.outcomes() == {"web-01": "restarted", **dict.fromkeys(down, "not_reached")}
    words = [" ".join(one["words"]) for one in played.report()["hosts"]]
    assert sum("No job reported on it" in one for one in words) == 2
    assert played.restarts() == {"web-01": 1, **dict.fromkeys(down, 0)}


CALM = months.advance(months.start(months.SERVER_2025, "2026-07-20"), "2026-08-12")
WRAPPERS: dict[str, tuple[Mapping[str, Any], Mapping[str, Any], str, int]] = {
    "patch": (host(1), {"rebootless_consent": "true"}, "restarted", 1),
    "baseline": (host(1), {"rebootless_consent": "true"}, "restarted", 1),
    "hotpatch": (CALM, {"rebootless_consent": "false"}, "installed", 0),
    "rollback": (
        world(*hotpatch()),
        {"rebootless_consent": "true", "rebootless_kb": KB, "rebootless_lead": 2},
        "removed",
        1,
    ),
}


def test_every_wrapper_is_played() -> None:
    wrappers = {file.stem for file in (ROOT / "extensions" / "awx" / "project").glob("*.yml")}
    assert wrappers == {*WRAPPERS, "status", "plan", "wave", "report", "update_releases"}


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapper_by_itself(name: str, on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """Its artifact is the report, and its output names the host."""
    made, given, outcome, restarts = WRAPPERS[name]
    variables = {**ROLLING, "rollback_poll_interval": 0.2, **given}
    flow = {"nodes": [{"name": name, "playbook": f"{name}.yml"}], "vars": variables}
    played = play(on_fleet, tmp_path, {"srv-01": dict(made)}, {"web": ["srv-01"]}, flow)
    assert played.statuses() == {name: "successful"}, played.results[0][name]["stdout"][-3000:]
    [(key, _artifact)] = played.results[0][name]["artifacts"].items()
    assert key == f"rebootless_{name}"
    [told] = document(played.results[0][name], key)["hosts"]
    assert (told["name"], told["outcome"], told["failed"]) == ("srv-01", outcome, False)
    assert played.restarts() == {"srv-01": restarts}
    assert "srv-01" in played.results[0][name]["stdout"]


def test_the_release_table_by_itself(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """What is new is an artifact; the table lies where the job was told to write it."""
    (tmp_path / "page.md").write_text(GOOD)
    (tmp_path / "releases.json").write_text(table())
    given = {
        "rebootless_now": NOW,
        "rebootless_release_table": str(tmp_path / "releases.json"),
        "rebootless_release_sources": [{"kind": "learn_server", "path": str(tmp_path / "page.md")}],
    }
    worlds, groups = fleet(web=[1])
    flow = {"nodes": [{"name": "table", "playbook": "update_releases.yml"}], "vars": given}
    played = play(on_fleet, tmp_path, worlds, groups, flow)
    assert played.statuses() == {"table": "successful"}, played.results[0]["table"]["stdout"][-3000:]
    news = played.results[0]["table"]["artifacts"]["rebootless_releases"]
    assert (news["newest"], news["outdated"]) == ("2026-08-11", False)
    made = json.loads((tmp_path / "releases.json").read_text(encoding="utf-8"))
    assert {one["kb"] for one in made["releases"]} >= {"KB5120228", "KB5120233"}
    assert played.run.counters["hosts"]["web-01"]["requests"] == 0


def test_three_jobs_side_by_side_by_domain(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """Limits hold within each domain and over all, as the hosts measure it; the last node makes one report."""
    worlds, groups = fleet(north=[1, 1], south=[1, 1], west=[1, 1])
    names = list(groups)
    variables = {
        **ROLLING,
        "rebootless_consent": True,
        "rebootless_domains": names,
        "rebootless_fleet": {"max_unavailable": 3, "groups": {name: {"max_unavailable": 1} for name in names}},
    }
    flow: list[dict[str, Any]] = [
        {"name": one, "playbook": "patch.yml", "vars": {"rebootless_domain": one}, "together": True} for one in names
    ]
    # The last node has no plan to hold against.
    flow.append({"name": "report", "playbook": "report.yml", "after": dict.fromkeys(names, "always")})
    played = play(on_fleet, tmp_path, worlds, groups, {"nodes": flow, "vars": variables})
    assert set(played.statuses().values()) == {"successful"}, json.dumps(played.results)[-6000:]
    assert played.outcomes() == dict.fromkeys(worlds, "restarted")
    most = played.most_out(groups)
    assert all(most[name] == 1 for name in names), most
    assert most[""] <= 3
