# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolling runs through ansible-playbook: limits as the hosts themselves measure them, canary, gate, stop file, kills, two at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import Run
from fleet import months
from rolling import BASELINE, DUE, Rolled, World, command, fleet, host, killed, one_by_one, refused, roll, together

SUMMER = months.advance(months.start(months.SERVER_2025, "2026-07-20"), "2026-08-12")
HOTPATCH = "KB5120228"
LIMITS = {"web": 2, "sql": 1, "app": 2, "file": 3}
SPEC = {"max_unavailable": 5, "groups": {group: {"max_unavailable": most} for group, most in LIMITS.items()}}
UNTOUCHED = {"restarts": 0, "updates_asked": [], "updates_installed": []}


def untouched(rolled: Rolled, name: str) -> bool:
    """Whether a host itself has seen neither an installation nor a restart."""
    return {key: rolled.counters(name)[key] for key in UNTOUCHED} == UNTOUCHED


def test_limits_canary_and_waves_as_the_hosts_measure_them(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """12 hosts in four groups that take 1 to 3 seconds to restart, and two that only have a hotpatch to install."""
    assert_the_limits_are_kept(
        on_fleet, tmp_path, *fleet(web=[1, 2, 3, 1], sql=[1, 1], app=[3, 1, 2], file=[1, 2, 1]), calm=2
    )


def assert_the_limits_are_kept(
    on_fleet: Callable[..., Run], tmp_path: Path, worlds: dict[str, World], groups: dict[str, list[str]], calm: int
) -> None:
    """Assert that a run with canary and two waves keeps LIMITS, as the hosts themselves measure it."""
    restarting = len(worlds)
    calm_ones = [f"calm-{index}" for index in range(calm)]
    worlds |= {name: host(on=SUMMER) for name in calm_ones}
    every = len(worlds)
    spec = {**SPEC, "canary": ["web-01", "sql-01"], "waves": ["50%", "50%"]}
    words = command(tmp_path / "run", rebootless_fleet=spec)
    rolled = roll(on_fleet, tmp_path, worlds, words, groups)
    assert rolled.outcomes() == {"restarted": restarting, "installed": calm}
    assert rolled.restarts() == {name: int(name not in calm_ones) for name in worlds}
    assert len(rolled.out()) == restarting
    most = rolled.most_out(groups)
    assert all(most[group] <= limit for group, limit in LIMITS.items()), most
    assert most[""] <= 5
    # The limits are used, too, beside the hosts that only install.
    assert 5 <= rolled.most_slots() <= 5 + calm
    waves = [wave["hosts"] for wave in rolled.state.run(rolled.names[0])["plan"]["waves"]]
    assert [len(wave) for wave in waves] == [2, every // 2, every - every // 2 - 2]
    for before, after in ((waves[0], waves[1]), (waves[1], waves[2])):
        last_back = max(back for _gone, back, name in rolled.out() if name in before)
        assert all(gone >= last_back for gone, _back, name in rolled.out() if name in after)
    assert rolled.state.leases() == []
    steps = rolled.steps("web-02")
    assert steps[0] == "decided"
    assert steps.index("slot_taken") < steps.index("restarting") < steps.index("restarted")
    assert steps[-2:] == ["host_finished", "slot_released"]
    started = rolled.entries[0]["data"]
    assert (started["playbook"], started["consent"], len(started["hosts"])) == ("patch", True, every)
    slots = {one["host"]: one["data"] for one in rolled.entries if one["step"] == "slot_taken"}
    assert {slots[name]["kind"] for name in calm_ones} == {"install"}
    assert {(slot["wave"], slot["canary"]) for slot in slots.values()} == {(1, True), (2, False), (3, False)}
    # What the run has measured goes before estimates from now on.
    assert rolled.state.seconds(rolled.names[0], "web-01") == 1800


def test_gate_counts_hosts_that_are_not_reached(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """One canary is lost: with a budget of one the run goes on, two lost ones end it before the others go out."""
    worlds, groups = fleet(web=[1, 1, 1, 1])
    (tmp_path / "faults.yml").write_text(yaml.safe_dump({name: [{"kind": "refused"}] for name in ("web-01", "web-02")}))
    spec = {"canary": ["web-01"], "waves": [1], "budget": {"failed": 1}, "groups": {"web": {"max_unavailable": 2}}}
    words = command(tmp_path / "run", rebootless_fleet={**spec, "canary": ["web-01", "web-03"]})
    again = command(tmp_path / "run", rebootless_fleet={**spec, "canary": ["web-01", "web-02"]})
    options = ("--faults", str(tmp_path / "faults.yml"))
    rolled = roll(on_fleet, tmp_path, worlds, one_by_one(words, again), groups, options=options)
    assert rolled.statuses == [2, 2]
    first, second = rolled.names
    outcome = {name: one["outcome"] for name, one in rolled.hosts(first).items()}
    assert outcome["web-01"] == "not_reached"
    assert outcome["web-03"] == "restarted"
    assert rolled.state.gate(second).bad == ["web-01", "web-02"]
    last = rolled.hosts(second)
    assert [last[name]["outcome"] for name in sorted(last)] == [
        "not_reached",
        "not_reached",
        "not_started",
        "not_started",
    ]
    assert last["web-04"]["words"] == ["2 hosts ended badly (web-01, web-02); the run's budget is 1."]
    assert last["web-04"]["next_step"] == "Look at the hosts that ended badly, then run again."
    assert last["web-04"]["failed"] is False
    assert last["web-04"]["decision"] is not None
    assert "slot_taken" not in rolled.steps("web-04")
    assert rolled.state.leases() == []


def test_check_stop_file_no_consent_and_limit(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """Four runs over the same two hosts: only the last may restart, and only the host of its limit."""
    worlds, groups = fleet(web=[1, 1])
    dest = {name: tmp_path / name for name in ("check", "stopped", "not_agreed", "run")}
    (dest["stopped"] / "fleet").mkdir(parents=True)
    (dest["stopped"] / "fleet" / "stop").write_text("change freeze")
    not_said = command(dest["not_agreed"])
    variables = json.loads(not_said[not_said.index("-e") + 1])
    del variables["rebootless_consent"]
    not_said[not_said.index("-e") + 1] = json.dumps(variables)
    runs = [
        command(dest["check"], more=["--check"]),
        command(dest["stopped"]),
        not_said,
        command(dest["run"], more=["--limit", "web-02"]),
    ]
    rolled = roll(on_fleet, tmp_path, worlds, one_by_one(*runs), groups)
    assert rolled.statuses == [0, 0, 0, 0]
    assert untouched(rolled, "web-01")
    assert not dest["check"].exists()
    assert rolled.run.output.count("Check mode") > 0
    stopped = Rolled(rolled.run, dest["stopped"])
    for one in stopped.hosts().values():
        assert (one["outcome"], one["failed"]) == ("not_started", False)
        assert one["words"] == ["The stop file is there: change freeze."]
        assert one["next_step"] == "Take the file stop out of the state directory, then run again."
    not_agreed = Rolled(rolled.run, dest["not_agreed"])
    assert not_agreed.outcomes() == {"restart_due": 2}
    assert {one["decision"]["restart"]["consent"] for one in not_agreed.hosts().values()} == {False}
    assert list(rolled.hosts()) == ["web-02"]
    assert rolled.outcomes() == {"restarted": 1}
    assert rolled.counters("web-02")["restarts"] == 1
    report = json.loads((dest["run"] / "run.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in report["hosts"]] == ["web-02"]


def test_a_wrong_fleet_ends_the_run_before_any_host_is_asked(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    worlds, groups = fleet(web=[1, 1])
    words = command(tmp_path / "run", rebootless_fleet={"max_unavailable": 0})
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "record.jsonl").touch()
    rolled = roll(on_fleet, tmp_path, worlds, words, groups, status=2)
    assert "spec.max_unavailable is 0" in rolled.run.output
    assert {name: rolled.counters(name)["requests"] for name in worlds} == {"web-01": 0, "web-02": 0}
    assert rolled.entries == []


@pytest.mark.parametrize("seed", [20261125])
def test_killed_at_random_and_run_again(on_fleet: Callable[..., Run], tmp_path: Path, seed: int) -> None:
    """No host restarts twice for its baseline, none is left out unsaid, and the limits hold all the while."""
    worlds, groups = fleet(web=[1, 2, 1], sql=[2])
    spec = {"groups": {"web": {"max_unavailable": 2}, "sql": {"max_unavailable": 1}}}
    words = killed(command(tmp_path / "run", rebootless_fleet=spec), tmp_path / "run", seed, 3)
    rolled = roll(on_fleet, tmp_path, worlds, words, groups)
    kills = [line for line in rolled.run.output.splitlines() if line.startswith("killed at line")]
    assert len(kills) == 3
    assert rolled.restarts() == dict.fromkeys(worlds, 1), kills
    most = rolled.most_out(groups)
    assert most["web"] <= 2, kills
    assert most["sql"] <= 1, kills
    assert sorted(rolled.hosts()) == sorted(worlds)
    assert set(rolled.outcomes()) <= {"restarted", "nothing_to_do"}, kills
    assert rolled.state.leases() == []


def test_a_slot_that_cannot_be_given_back_at_once_and_a_host_that_was_never_there(
    on_fleet: Callable[..., Run], tmp_path: Path
) -> None:
    """The state directory cannot be written while the first host restarts: the others go on as soon as it can."""
    worlds, groups = fleet(web=[1, 1, 1])
    (tmp_path / "faults.yml").write_text(yaml.safe_dump({"web-03": [{"kind": "refused"}]}))
    spec = {"canary": ["web-01"], "budget": {"failed": 1}, "groups": {"web": {"max_unavailable": 1}}}
    dest = tmp_path / "run"
    words = refused(command(dest, rebootless_fleet=spec), dest, "web-01")
    options = ("--faults", str(tmp_path / "faults.yml"))
    rolled = roll(on_fleet, tmp_path, worlds, words, groups, options=options, status=2)
    assert "web-01: " in rolled.run.output
    assert "It is tried again." in " ".join(rolled.run.output.split())
    hosts = rolled.hosts()
    assert {name: (one["outcome"], one["failed"]) for name, one in hosts.items()} == {
        "web-01": ("restarted", False),
        "web-02": ("restarted", False),
        "web-03": ("not_reached", True),
    }
    assert rolled.restarts() == {"web-01": 1, "web-02": 1, "web-03": 0}
    assert rolled.state.leases() == []
    # Nothing was begun on the host that was never there, so it was left nowhere.
    kept = {one["host"]: one["data"]["kept"] for one in rolled.entries if one["step"] == "slot_released"}
    assert kept == dict.fromkeys(worlds, False)
    document = json.loads((dest / "run.json").read_text(encoding="utf-8"))
    assert document["summary"]["out"] == 0
    assert {one["name"]: one["out"] for one in document["hosts"]} == dict.fromkeys(worlds, False)
    for text in (rolled.run.output, (dest / "run.md").read_text(encoding="utf-8")):
        assert "OUT OF SERVICE" not in text
    # What the steps record has the kinds that it is read by, whatever Jinja makes of it.
    slots = {one["host"]: one["data"] for one in rolled.entries if one["step"] == "slot_taken"}
    assert {(type(one["wave"]), type(one["waited"]), type(one["canary"])) for one in slots.values()} == {
        (int, int, bool)
    }


def test_a_host_that_stays_out_is_said_counted_and_taken_over(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """One does not come back in time: it keeps its slot, nobody waits for it, and the next run finds it in service."""
    worlds, groups = fleet(web=[1, 1])
    (tmp_path / "faults.yml").write_text(yaml.safe_dump({"web-01": [{"kind": "slow_boot", "seconds": 25}]}))
    spec = {"canary": ["web-01"], "budget": {"failed": 1}, "groups": {"web": {"max_unavailable": 1}}}
    short = {"baseline_restart_timeout": 2, "baseline_back_timeout": 2}
    runs = [command(tmp_path / "run", rebootless_fleet=spec, **short), command(tmp_path / "run", rebootless_fleet=spec)]
    options = ("--faults", str(tmp_path / "faults.yml"))
    rolled = roll(on_fleet, tmp_path, worlds, one_by_one(*runs), groups, options=options)
    assert rolled.statuses == [2, 0]
    first, second = rolled.names
    out, waiting = (rolled.hosts(first)[name] for name in ("web-01", "web-02"))
    assert (out["outcome"], out["failed"]) == ("failed", True)
    kept = [one["data"] for one in rolled.entries if one["step"] == "slot_released" and one["run"] == first]
    assert kept == [{"outcome": "failed", "failed": True, "kept": True}]
    assert (waiting["outcome"], waiting["failed"]) == ("not_started", False)
    assert waiting["words"] == ["Of group web 1 may be out, and nobody puts back web-01."]
    assert "OUT OF SERVICE, LEFT BY THIS RUN: 1 host" in rolled.run.output
    adopted = {
        one["host"]: one["data"]["adopted"]
        for one in rolled.entries
        if one["run"] == second and one["step"] == "slot_taken"
    }
    assert (adopted["web-01"]["run"], adopted["web-01"]["phase"], adopted["web-02"]) == (first, "failed", None)
    assert {name: one["outcome"] for name, one in rolled.hosts(second).items()} == {
        "web-01": "nothing_to_do",
        "web-02": "restarted",
    }
    assert rolled.restarts() == {"web-01": 1, "web-02": 1}
    assert rolled.most_out(groups) == {"": 1, "web": 1}
    assert rolled.state.leases() == []


def test_two_runs_at_once_keep_the_limits_together(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    worlds, groups = fleet(web=[2, 2], sql=[1, 1])
    spec = {"groups": {"web": {"max_unavailable": 1}, "sql": {"max_unavailable": 1}}}
    runs = [command(tmp_path / "run", rebootless_fleet=spec, rebootless_run=name) for name in ("one", "two")]
    assert_both_keep_the_limits(roll(on_fleet, tmp_path, worlds, together(*runs), groups), groups)


def assert_both_keep_the_limits(rolled: Rolled, groups: dict[str, list[str]]) -> None:
    """Assert that runs one and two had a host of each of the two groups out at most, restarted each once, and have all in their results."""
    worlds = [name for names in groups.values() for name in names]
    assert rolled.restarts() == dict.fromkeys(worlds, 1)
    assert rolled.most_out(groups) == {"": 2, **dict.fromkeys(groups, 1)}
    for name in ("one", "two"):
        assert set(rolled.outcomes(name)) <= {"restarted", "nothing_to_do"}
        assert sorted(rolled.hosts(name)) == sorted(worlds)
    assert rolled.state.leases() == []


def test_baseline_takes_the_first_window_and_insists_on_an_answer(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """In a window that is open and not the last in time: patch.yml waits, baseline.yml asks, and restarts once it is agreed."""
    night = {"start": "11:00", "duration": "4h", "weekdays": ["wednesday"]}
    policy = {"rebootless_policy": {"windows": [night]}, "rebootless_fleet": {"durations": {"web": "1h"}}}
    runs = [
        command(tmp_path / "run", **policy),
        command(tmp_path / "run", playbook="baseline", rebootless_consent=None, **policy),
        command(tmp_path / "run", playbook="baseline", **{**policy, "rebootless_fleet": {"durations": {"web": "4h"}}}),
        command(tmp_path / "run", playbook="baseline", **policy),
    ]
    rolled = roll(on_fleet, tmp_path, {"web-01": host(on=DUE)}, one_by_one(*runs), {"web": ["web-01"]})
    assert rolled.statuses == [0, 2, 0, 0]
    results = [rolled.hosts(name)["web-01"] for name in rolled.names]
    assert results[0]["decision"]["restart"]["window"]["start"] > results[1]["decision"]["restart"]["window"]["start"]
    assert [one["outcome"] for one in results] == ["restart_due", "restart_due", "not_started", "restarted"]
    assert results[2]["words"][0].startswith("The host needs 4:00:00, and its window has ")
    assert results[3]["install"]["installed"] == [offer["id"] for offer in DUE["offers"] if offer["kb"] == BASELINE]
    assert rolled.counters("web-01")["restarts"] == 1
    # Whom nobody has answered is no trouble that stops a run.
    assert rolled.state.gate(rolled.names[1]).bad == []
