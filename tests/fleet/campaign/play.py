# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playing rows: one run of a playbook over many hosts, each with its own fault, and what the hosts themselves then say."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from conftest import ROOT, simfleet
from monthly import QUICK, saved, write
from rolling import Rolled, of_groups

from .rows import Row, World

# Nobody's budget ends a run early, and failed hosts that keep their slots leave room for the others.
WIDE = {"budget": {"failed": "100%"}, "max_unavailable": 20}
OPTIONS = ("--read-timeout", "20", "--operation-timeout", "10")


class Played(Rolled):
    """A run's record, state directory, report, counters, and the worlds at its end."""

    def __init__(self, folder: Path, dest: Path, run: Any) -> None:
        super().__init__(run, dest)
        self.worlds = saved(folder / "saved")
        file = dest / "run.json"
        report = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"hosts": []}
        self.report: dict[str, World] = {one["name"]: one for one in report["hosts"]}

    def ordered(self, host: str) -> int:
        """How often the host itself says that it was told to restart and did."""
        seen = self.counters(host)
        return int(seen["restarts"]) - int(seen["faults"].get("restarts_by_itself", 0))


def variables(row: Row, world: World, *, again: bool) -> dict[str, Any]:
    """What the host has in the inventory; run again it is agreed to."""
    made: dict[str, Any] = {"rebootless_consent": True if again else row.consent, "rebootless_verify": False}
    if "cluster" in world:
        made["baseline_adapters"] = [{"type": "cluster", "timeout": 15}]
    looks = {"rebootless_verify": True} if "Spooler" in world["services"] else {}
    return made | (looks if again else dict(row.variables))


def play(
    folder: Path,
    rows: Mapping[str, Row],
    dest: Path,
    *,
    playbook: str = "patch",
    worlds: Mapping[str, World] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    spec: Mapping[str, Any] | None = None,
    collections: Path | None = None,
    more: Sequence[str] = (),
    wrap: Callable[[list[str]], list[str]] = list,
    report: bool = True,
) -> Played:
    """One run: with the faults of the rows, or over other worlds and without a fault. `collections` in place of ours.

    `wrap` makes another command of that of the run, `report` is false where there may be neither report nor record.
    """
    folder.mkdir(parents=True)
    found = {name: row.world for name, row in rows.items()} if worlds is None else worlds
    faults = {name: list(row.faults) for name, row in rows.items() if row.faults and worlds is None}
    (folder / "faults.yml").write_text(yaml.safe_dump(faults), encoding="utf-8")
    extra = {
        **QUICK,
        "baseline_poll_interval": 0.2,
        "baseline_drain_interval": 1,
        "rebootless_slot_interval": 1,
        "rebootless_dest": str(dest),
        "rebootless_state": str(dest / "fleet"),
        "rebootless_fleet": {**WIDE, **(spec or {})},
    }
    ours = str(collections or ROOT / "build" / "collections")
    words = ["env", f"ANSIBLE_COLLECTIONS_PATH={ours}", f"PYTHONPATH={ours}"]
    words += ["ansible-playbook", f"rebootless.patching.{playbook}", "--forks", str(min(50, len(rows) + 1))]
    words += ["-e", json.dumps(extra), *more]
    given = {name: variables(row, found[name], again=worlds is not None) for name, row in rows.items()}
    whole = of_groups(folder, wrap(words), groups or {"all_hosts": list(rows)}, given)
    options = ("--faults", str(folder / "faults.yml"), "--save-worlds", str(folder / "saved"), *OPTIONS)
    on_fleet = functools.partial(simfleet, scratch=folder)
    run = on_fleet(whole, worlds=write(folder / "worlds", found), executor="fast", options=options)
    if not report:
        (dest / "record.jsonl").touch()
    elif not (dest / "run.json").exists():
        raise RuntimeError(f"the run ended without a report:{os.linesep}{run.output[-3000:]}")
    return Played(folder, dest, run)
