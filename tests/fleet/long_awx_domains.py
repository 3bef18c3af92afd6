# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several controllers: a job for each service domain, side by side, and one report of all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import Run
from rolling import ROLLING, fleet
from test_awx_workflow import play


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
