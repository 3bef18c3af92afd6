# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two controllers that share a directory: each has a host name and process numbers of its own, so neither sees whether the other lives.

Needs root on Linux (unshare). The disk is one; what a network disk does to locks is not played.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from conftest import Run
from rolling import command, fleet, killed, roll, together
from test_playbook_patch import assert_both_keep_the_limits


def elsewhere(words: Sequence[str], name: str) -> list[str]:
    """The command on a controller of this name; killed with all that it has started when its first process is."""
    apart = ["unshare", "--uts", "--pid", "--mount-proc", "--fork", "--kill-child"]
    return [*apart, "sh", "-c", 'hostname "$0" && exec "$@"', name, *words]


def test_two_controllers_at_once_keep_the_limits_together(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    worlds, groups = fleet(web=[2, 2, 1], sql=[1, 1])
    spec = {"groups": {"web": {"max_unavailable": 1}, "sql": {"max_unavailable": 1}}}
    runs = [
        elsewhere(command(tmp_path / "run", rebootless_fleet=spec, rebootless_run=name), name)
        for name in ("one", "two")
    ]
    rolled = roll(on_fleet, tmp_path, worlds, together(*runs), groups)
    assert {rolled.state.run(name)["controller"]["host"] for name in ("one", "two")} == {"one", "two"}
    assert len({rolled.state.run(name)["controller"]["place"] for name in ("one", "two")}) == 2
    assert_both_keep_the_limits(rolled, groups)


def test_a_controller_goes_down_and_another_goes_on(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """Its heart is heard of no more: the next one waits until that is certain, then takes over what was left out."""
    worlds, groups = fleet(web=[3, 2, 1], sql=[1, 2])
    spec = {"groups": {"web": {"max_unavailable": 1}, "sql": {"max_unavailable": 1}}}
    words = elsewhere(command(tmp_path / "run", rebootless_fleet=spec), "down")
    rolled = roll(on_fleet, tmp_path, worlds, killed(words, tmp_path / "run", 20261130, 2), groups)
    assert rolled.run.output.count("killed at line") == 2
    assert rolled.restarts() == dict.fromkeys(worlds, 1)
    most = rolled.most_out(groups)
    assert all(most[group] == 1 for group in groups), most
    assert sorted(rolled.hosts()) == sorted(worlds)
    assert set(rolled.outcomes()) <= {"restarted", "nothing_to_do"}
    assert rolled.state.leases() == []
