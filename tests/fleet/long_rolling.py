# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolling runs that take longer than CI has time for: twenty kills, and two hundred hosts. `make long` runs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from conftest import Run
from rolling import command, fleet, killed, roll
from test_playbook_patch import LIMITS, assert_the_limits_are_kept

KILLS = 20


def test_limits_of_24_hosts(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """20 that restart and four that do not, in four groups."""
    worlds, groups = fleet(web=[1, 2, 3, 1, 2, 1], sql=[1, 1, 2, 1], app=[3, 1, 1, 2, 1], file=[1, 2, 1, 1, 1])
    assert_the_limits_are_kept(on_fleet, tmp_path, worlds, groups, calm=4)


def test_killed_at_twenty_points_and_run_again(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """24 hosts: none restarts twice for its baseline, none is left out unsaid, the limits hold, the last report has all."""
    worlds, groups = fleet(
        web=[1, 2, 3, 1, 2, 1, 1, 1], sql=[1, 1, 2, 1], app=[3, 1, 1, 2, 1, 1], file=[1, 2, 1, 1, 1, 2]
    )
    spec = {"groups": {group: {"max_unavailable": most} for group, most in LIMITS.items()}, "canary": ["web-01"]}
    words = killed(command(tmp_path / "run", rebootless_fleet=spec), tmp_path / "run", 20261129, KILLS)
    rolled = roll(on_fleet, tmp_path, worlds, words, groups)
    kills = [line for line in rolled.run.output.splitlines() if line.startswith("killed at line")]
    print("\n".join(kills))
    assert len(kills) == KILLS
    assert rolled.restarts() == dict.fromkeys(worlds, 1)
    most = rolled.most_out(groups)
    assert all(most[group] <= limit for group, limit in LIMITS.items()), most
    assert sorted(rolled.hosts()) == sorted(worlds)
    assert set(rolled.outcomes()) <= {"restarted", "nothing_to_do"}
    assert rolled.state.leases() == []
    report = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert sorted(one["name"] for one in report["hosts"]) == sorted(worlds)


def test_two_hundred_hosts(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """Eight groups of 25, a tenth of each may be out: no limit is passed, every host restarts once, and slots are used."""
    took = [1, 2, 1, 1, 3] * 5
    worlds, groups = fleet(**{f"group{number}": took for number in range(8)})
    spec = {
        "canary": 4,
        "waves": {"first": "20%", "growth": 2},
        "max_unavailable": 24,
        "groups": {group: {"max_unavailable": "12%"} for group in groups},
    }
    words = [
        word.replace("25", "50") if word == "25" else word for word in command(tmp_path / "run", rebootless_fleet=spec)
    ]
    rolled = roll(on_fleet, tmp_path, worlds, words, groups)
    assert rolled.outcomes() == {"restarted": 200}
    assert rolled.restarts() == dict.fromkeys(worlds, 1)
    most = rolled.most_out(groups)
    print("most out at once:", most, "most slots:", rolled.most_slots())
    assert all(most[group] <= 3 for group in groups), most
    assert most[""] <= 24
    assert rolled.most_slots() >= 12
    assert rolled.state.leases() == []
