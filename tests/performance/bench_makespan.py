# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time of a rolling run beside the same role under `serial` of the same limit, and beside the least time that is possible.

usage: bench_makespan.py [--hosts 24] [--slots 4] [--scale 1] [--seed N] [--spreads mixed,equal,even] [--forks 25,8,4]

How hosts fall into the batches of `serial` is luck: without a seed the draw is the median of many by the least that `serial` can take.

The least time comes from the slots as the run held them: their sum over the number of slots, or the longest one. `serial` runs once
for each spread, ours with each number of forks. Exit status 1 when ours misses its targets with the first spread and forks.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fleet"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "build" / "collections"))

from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record
from fleet import months

ROOT = Path(__file__).resolve().parents[2]
FLEET = ROOT / "tests" / "fleet"
DUE = months.advance(months.start(months.SERVER_2025, "2026-04-14"), "2026-04-15")
# Seconds that restarts take: most hosts are quick and a few are slow; all alike; anything from quick to slow.
SPREADS = {
    "mixed": lambda draw, index: (10, 10, 10, 30, 30, 90)[index % 6],
    "equal": lambda draw, index: 30,
    "even": lambda draw, index: draw.uniform(10, 90),
}
OF_SERIAL, OF_BOUND = 0.65, 1.10
DRAWS = 101
QUICK = {
    "baseline_poll_interval": 0.5,
    "baseline_verify": False,
    "rebootless_verify": False,
    "rebootless_slot_interval": 0.5,
}
# Timed in here, so that the start of the simulated hosts is not counted.
MEASURE = """
import json, subprocess, sys, time
began = time.monotonic()
done = subprocess.run(json.loads(sys.argv[1]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
json.dump(time.monotonic() - began, open(sys.argv[2], "w"))
sys.exit(done.stdout if done.returncode else 0)
"""


class Slots(NamedTuple):
    """A run as its record has it, in seconds: from the first slot to the last, and the least in which these slots can be held."""

    span: float
    bound: float


def took(spread: str, hosts: int, seed: int, scale: float) -> dict[str, float]:
    """How long the restart of each host takes; the same for the same seed."""
    draw = random.Random(seed)
    drawn = [SPREADS[spread](draw, index) * scale for index in range(hosts)]
    draw.shuffle(drawn)
    return {f"srv-{index:03d}": seconds for index, seconds in enumerate(drawn)}


def least_serial(spread: str, hosts: int, seed: int, slots: int) -> float:
    """Seconds of the slowest restart of each batch together."""
    drawn = list(took(spread, hosts, seed, 1).values())
    return sum(max(drawn[at : at + slots]) for at in range(0, hosts, slots))


def ordinary(spread: str, hosts: int, slots: int) -> int:
    """The seed of the draw that is neither lucky for `serial` nor unlucky."""
    seeds = sorted(range(DRAWS), key=lambda seed: least_serial(spread, hosts, seed, slots))
    return seeds[DRAWS // 2]


def worlds(folder: Path, seconds: Mapping[str, float]) -> Path:
    """Hosts whose baseline is due."""
    folder.mkdir()
    for name, down in seconds.items():
        world = {**copy.deepcopy(DUE), "reboot": {"down_seconds": down}}
        (folder / f"{name}.yml").write_text(yaml.safe_dump(world), encoding="utf-8")
    return folder


def serial(folder: Path, slots: int, forks: int) -> list[str]:
    """The role in batches, without the fleet layer."""
    role = {"name": "rebootless.patching.baseline"}
    given = {
        "baseline_consent": True,
        "baseline_now": "{{ rebootless_now }}",
        "baseline_record": str(folder / "record.jsonl"),
    }
    task = {"name": "Patch the host", "ansible.builtin.include_role": role, "vars": {**given, "baseline_run": "serial"}}
    play = {"hosts": "windows", "gather_facts": False, "serial": slots, "tasks": [task]}
    (folder / "serial.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    return ["ansible-playbook", str(folder / "serial.yml"), "-f", str(forks), "-e", json.dumps(QUICK)]


def rolling(folder: Path, slots: int, forks: int, seconds: Mapping[str, float]) -> list[str]:
    """patch.yml with the same limit, which knows from earlier runs how long its hosts take."""
    known = {name: f"{max(1, round(down))}m" for name, down in seconds.items()}
    spec = {"max_unavailable": slots, "durations": known}
    folders = {"rebootless_dest": str(folder), "rebootless_state": str(folder / "fleet")}
    given = {"rebootless_consent": True, "rebootless_fleet": spec, **folders, **QUICK}
    return ["ansible-playbook", "rebootless.patching.patch", "-f", str(forks), "-e", json.dumps(given)]


def measure(command: list[str], folder: Path, seconds: Mapping[str, float], slots: int) -> float:
    """Seconds that the command takes; no host may have restarted otherwise than once, and never more than `slots` at once."""
    environment = dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["ANSIBLE_CONFIG"] = str(ROOT / "tools" / "demo.cfg")
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "build" / "collections")
    fleet = [str(FLEET / "simfleet"), "--worlds", str(worlds(folder / "worlds", seconds)), "--executor", "fast"]
    measured = [sys.executable, "-c", MEASURE, json.dumps(command), str(folder / "seconds")]
    counters = folder / "counters.json"
    subprocess.run([sys.executable, *fleet, "--counters", str(counters), "--", *measured], env=environment, check=True)
    seen = json.loads(counters.read_text())["hosts"]
    assert {one["restarts"] for one in seen.values()} == {1}
    out = [gone for one in seen.values() for gone in one["out_of_service"]]
    assert all(sum(one["from"] <= moment["from"] < one["to"] for one in out) <= slots for moment in out)
    return float(json.loads((folder / "seconds").read_text()))


def held(path: Path, slots: int) -> Slots:
    """The slots of a run."""
    entries, problems = record.read(path)
    assert not problems
    moments: dict[str, dict[str, datetime]] = {"slot_taken": {}, "slot_released": {}}
    for one in entries:
        if one["step"] in moments:
            moments[one["step"]][one["host"]] = datetime.fromisoformat(one["at"])
    taken, given = moments["slot_taken"], moments["slot_released"]
    lengths = [(given[name] - taken[name]).total_seconds() for name in taken]
    span = (max(given.values()) - min(taken.values())).total_seconds()
    return Slots(span, max(sum(lengths) / slots, *lengths))


def row(options: Any, spread: str, seconds: Mapping[str, float], forks: int, batches: float) -> tuple[str, bool]:
    """A row of the table, and whether it meets the targets."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        command = rolling(folder, options.slots, forks, seconds)
        ours = measure(command, folder, seconds, options.slots)
        slots = held(folder / "record.jsonl", options.slots)
    of_serial, of_bound = ours / batches, slots.span / slots.bound
    spans = f"{slots.span:.0f} | {slots.bound:.0f} | {of_bound:.2f}"
    range_of = f"{min(seconds.values()):.0f} to {max(seconds.values()):.0f}"
    words = f"| {spread} | {range_of} | {forks} | {batches:.0f} | {ours:.0f} | {of_serial:.2f} | {spans} |"
    return words, of_serial <= OF_SERIAL and of_bound <= OF_BOUND


def main() -> int:
    """Print one row per spread and number of forks."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--hosts", type=int, default=24)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--scale", type=float, default=1.0, help="of the seconds that restarts take")
    parser.add_argument("--seed", type=int, help="of the draw; the default is an ordinary draw")
    parser.add_argument("--spreads", default=",".join(SPREADS))
    parser.add_argument("--forks", default="25,8,4")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{options.hosts} hosts, {options.slots} slots; load of the machine {load:.1f}.")
    print("| spread | restarts s | forks | serial s | ours s | of serial | slots s | least s | of least |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    met = []
    forks = [int(number) for number in options.forks.split(",")]
    for spread in options.spreads.split(","):
        seed = ordinary(spread, options.hosts, options.slots) if options.seed is None else options.seed
        seconds = took(spread, options.hosts, seed, options.scale)
        with tempfile.TemporaryDirectory() as scratch:
            command = serial(Path(scratch), options.slots, forks[0])
            batches = measure(command, Path(scratch), seconds, options.slots)
        # What the number of forks does shows with one spread.
        for number in forks if not met else forks[:1]:
            words, well = row(options, spread, seconds, number, batches)
            print(words, flush=True)
            met.append(well)
    print(f"Targets, for the first row: at most {OF_SERIAL} of serial, at most {OF_BOUND} of the least.")
    return 0 if met[0] else 1


if __name__ == "__main__":
    sys.exit(main())
