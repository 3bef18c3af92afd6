# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode beside the real run over the same hosts: it changes none of them, and what it says of each comes true.

What only doing can tell (whether an update goes in, a cluster lets its node go, Windows restarts) it says that it does not know.
Rollback has a test of its own, and status, plan and record change nothing on hosts at any time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from campaign.play import play
from campaign.rows import DEFENDER, ROWS, Row, due

# What a host shows before anything is done to it.
SHOWN = (
    *("none", "pending", "pending-blocks", "consent-false", "consent-null"),
    *("refused", "search-fails", "agent-busy", "disk-low", "bitlocker", "backup", "port-down"),
)
UNTOLD = ("drain-refuses", "install-fails", "restart-refused", "undrain-fails")
CALM = Row("an update that needs no restart", ("installed",), False, world=due(DEFENDER))
UNTRIED = "only the run itself tells"


def predicted(run: str) -> dict[str, dict[str, Any]]:
    """The hosts of the report that a run in check mode passes on instead of writing it."""
    stats = json.JSONDecoder().raw_decode(run[run.index("{", run.index("CUSTOM STATS")) :])[0]
    [artifact] = stats.values()
    return {one["name"]: one for one in json.loads(artifact["json"])["hosts"]}


def kbs(decision: Mapping[str, Any]) -> set[str]:
    """The updates that a decision installs."""
    return {one["kb"] for one in decision["offers"] if one["id"] in decision["install"]}


@pytest.mark.parametrize("playbook", ["patch", "baseline", "hotpatch"])
def test_what_check_mode_says_comes_true(playbook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in (*SHOWN, *UNTOLD) if ROWS[name].ends(playbook)]
    rows = {**{name: ROWS[name] for name in names}, "calm": CALM}
    monkeypatch.setenv("ANSIBLE_SHOW_CUSTOM_STATS", "true")
    dest = tmp_path / "checked"
    dest.mkdir()
    checked = play(tmp_path / "1", rows, dest, playbook=playbook, more=["--check", "--diff"], report=False)
    # The record is one that the test itself has made.
    assert [one.name for one in dest.iterdir()] == ["record.jsonl"]
    assert checked.entries == []
    told = predicted(checked.run.output)
    assert set(told) == set(rows)
    for name, row in rows.items():
        seen = checked.counters(name)
        assert (seen["restarts"], seen["updates_asked"], seen["updates_installed"]) == (0, [], []), name
        assert checked.worlds[name]["offers"] == row.world["offers"], name
        assert checked.worlds[name].get("cluster") == row.world.get("cluster"), name
    done = play(tmp_path / "2", rows, tmp_path / "run", playbook=playbook)
    for name, row in rows.items():
        said, came = told[name], done.report[name]
        if said["outcome"] != "check_mode":
            assert (came["outcome"], came["failed"], done.ordered(name)) == (said["outcome"], said["failed"], 0), name
            # Check mode says beside it what the run would have done.
            assert name == "refused" or set(came["words"]) <= set(said["words"]), name
            continue
        assert UNTRIED in " ".join(said["words"]), name
        if name in UNTOLD:
            assert came["outcome"] != "check_mode", name
            continue
        twice = "a second restart" in " ".join(said["words"])
        restarts = 2 if twice else 1 if said["decision"]["restart"]["now"] else 0
        assert (came["outcome"], done.ordered(name)) == ("restarted" if restarts else "installed", restarts), name
        if not twice:
            installed = {one["kb"] for one in came["install"]["updates"] if one["result"] == "installed"}
            assert installed == kbs(said["decision"]), name
        assert row.outcome == (came["outcome"],), name
