# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks without rebootless_now, as everybody but a test runs them: judged by the real time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record
from conftest import Run, simfleet
from fleet import months
from monthly import QUICK, write
from rolling import DUE, host
from test_playbook_rollback import KB, hotpatch, world

# The hotpatch of August 2026 is offered; the table knows it at any later time too.
HOTPATCH = months.advance(months.start(months.SERVER_2025, "2026-07-20"), "2026-08-12")
RUNS: dict[str, tuple[dict[str, Any], dict[str, Any], str, int]] = {
    "hotpatch": (HOTPATCH, {"rebootless_consent": False}, "installed", 0),
    "patch": (host(1), {"rebootless_consent": True}, "restarted", 1),
    "baseline": (host(1), {"rebootless_consent": True}, "restarted", 1),
    "rollback": (
        world(*hotpatch()),
        {"rebootless_consent": True, "rebootless_kb": KB, "rebootless_lead": 2},
        "removed",
        1,
    ),
}


def play(playbook: str, folder: Path, worlds: Path, **given: Any) -> Run:
    """A playbook against hosts whose inventory names no time."""
    extra = {**QUICK, "rollback_poll_interval": 0.2, "rebootless_dest": str(folder), **given}
    command = ["ansible-playbook", f"rebootless.patching.{playbook}", "-e", json.dumps(extra)]
    return simfleet(command, worlds.parent, worlds=worlds, executor="fast", options=("--present",))


@pytest.mark.parametrize("playbook", RUNS)
def test_a_playbook_runs_by_the_real_time(playbook: str, tmp_path: Path) -> None:
    made, given, outcome, restarts = RUNS[playbook]
    run = play(playbook, tmp_path / "run", write(tmp_path / "worlds", {"srv-01": made}), **given)
    entries, problems = record.read(tmp_path / "run" / "record.jsonl")
    assert problems == []
    [one] = record.results(entries, record.runs(entries)[-1])
    assert (one["outcome"], run.counters["hosts"]["srv-01"]["restarts"]) == (outcome, restarts), run.output


def test_a_plan_and_a_status_by_the_real_time(tmp_path: Path) -> None:
    folder = write(tmp_path / "worlds", {"srv-01": DUE})
    for playbook in ("plan", "status"):
        play(playbook, tmp_path / playbook, folder).check(0)
        assert len(json.loads((tmp_path / playbook / f"{playbook}.json").read_text())["hosts"]) == 1
