# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolling runs through a simulated fleet in groups, and what the hosts themselves say of who was out when."""

from __future__ import annotations

import copy
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record
from ansible_collections.rebootless.patching.plugins.plugin_utils.store.leases import State
from conftest import Run
from fleet import months
from monthly import FORKS, QUICK, WITH_VARIABLES, write

World = dict[str, Any]

BASELINE_DAY = "2026-04-15"
# A Server 2025 whose baseline is due; offered nothing that needs no restart.
DUE = months.advance(months.start(months.SERVER_2025, "2026-04-14"), BASELINE_DAY)
BASELINE = "KB5082063"
ROLLING = {**QUICK, "rebootless_slot_interval": 0.2, "rebootless_verify": False}
# Runs a command again and again, killed at lengths of the record that a seed draws; the last time it may end.
# Prints for each kill how long the record was.
KILLER = """
import json, os, random, select, signal, subprocess, sys
seed, kills, file, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
draw = random.Random(seed)
def lines():
    try:
        with open(file, "rb") as handle:
            return handle.read().count(b"\\n")
    except FileNotFoundError:
        return 0
for number in range(kills):
    until = lines() + draw.randint(2, 40)
    process = subprocess.Popen(command, start_new_session=True)
    ended = os.pidfd_open(process.pid)
    while lines() < until and not select.select([ended], [], [], 0.02)[0]:
        pass
    # Half of them with all workers, as when the machine goes down, half without.
    whole = draw.random() < 0.5
    (os.killpg if whole else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    print("killed at line", lines(), "of", until, "with its workers" if whole else "alone", flush=True)
sys.exit(subprocess.call(command))
"""
# Runs a command with a state directory that cannot be written from the restart of a host until that is told.
REFUSER = """
import json, os, select, subprocess, sys
file, state, name, command = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
ended = os.pidfd_open(process.pid)
def restarting():
    try:
        with open(file, "rb") as handle:
            found = [json.loads(line) for line in handle if line.endswith(b"\\n")]
    except FileNotFoundError:
        found = []
    return next((one["run"] for one in found if (one["host"], one["step"]) == (name, "restarting")), None)
while not (run := restarting()) and not select.select([ended], [], [], 0.02)[0]:
    pass
# The name under which the file of the run is written first.
blocked = os.path.join(state, "runs", f".{run}.json.new")
os.mkdir(blocked)
said = ""
for line in process.stdout:
    print(line, end="")
    # A warning is wrapped.
    said = " ".join(f"{said} {line}".split())[-1000:]
    if "It is tried again" in said and os.path.isdir(blocked):
        os.rmdir(blocked)
sys.exit(process.wait())
"""


def host(seconds: float = 1, on: World = DUE, **keys: Any) -> World:
    """A world whose restart takes so many seconds."""
    return {**copy.deepcopy(on), "reboot": {"down_seconds": seconds}, **keys}


def fleet(**groups: Sequence[float]) -> tuple[dict[str, World], dict[str, list[str]]]:
    """Worlds and groups: in each group a host for each number of seconds that a restart takes there."""
    names = {group: [f"{group}-{index:02d}" for index in range(1, len(took) + 1)] for group, took in groups.items()}
    return {
        name: host(seconds) for group, took in groups.items() for name, seconds in zip(names[group], took, strict=True)
    }, names


def of_groups(
    folder: Path,
    command: Sequence[str],
    groups: Mapping[str, Iterable[str]],
    variables: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[str]:
    """The command with groups, and variables of single hosts, added to the inventory."""
    inventory = folder / "groups.yml"
    whole: dict[str, Any] = {group: {"hosts": {name: {} for name in names}} for group, names in groups.items()}
    if variables:
        whole["windows"] = {"hosts": {name: dict(values) for name, values in variables.items()}}
    inventory.write_text(yaml.safe_dump(whole), encoding="utf-8")
    return [*(word.replace("$REBOOTLESS_VARIABLES", str(inventory)) for word in WITH_VARIABLES), *command]


def killed(command: Sequence[str], dest: Path, seed: int, kills: int) -> list[str]:
    """The command, killed so many times before it may end."""
    return [sys.executable, "-c", KILLER, str(seed), str(kills), str(dest / "record.jsonl"), *command]


def refused(command: Sequence[str], dest: Path, name: str) -> list[str]:
    """The command, with a state directory that refuses every write from the restart of a host until the run says so."""
    return [sys.executable, "-c", REFUSER, str(dest / "record.jsonl"), str(dest / "fleet"), name, *command]


def together(*commands: Sequence[str]) -> list[str]:
    """Commands at once; fails when one of them does."""
    return _each("sys.exit(max(process.wait() for process in [subprocess.Popen(one) for one in commands]))", commands)


def one_by_one(*commands: Sequence[str]) -> list[str]:
    """Commands after each other, whatever becomes of them; their exit statuses are printed."""
    return _each("print('statuses', json.dumps([subprocess.call(one) for one in commands]))", commands)


def _each(does: str, commands: Sequence[Sequence[str]]) -> list[str]:
    """A command that does something with commands, each of which gets the words that are added to this one."""
    code = (
        f"import json, subprocess, sys; commands = [[*one, *sys.argv[2:]] for one in json.loads(sys.argv[1])]; {does}"
    )
    return [sys.executable, "-c", code, json.dumps(commands)]


class Rolled:
    """What runs left behind: counters of the hosts, the record, the state directory."""

    def __init__(self, run: Run, dest: Path) -> None:
        self.run = run
        self.entries, problems = record.read(dest / "record.jsonl")
        assert problems == []
        self.names = record.runs(self.entries)
        self.state = State(dest / "fleet")

    @property
    def statuses(self) -> list[int]:
        """The exit statuses of commands that ran one by one."""
        line = next(one for one in self.run.output.splitlines() if one.startswith("statuses "))
        found: list[int] = json.loads(line.removeprefix("statuses "))
        return found

    def hosts(self, run: str | None = None) -> dict[str, dict[str, Any]]:
        """The results of a run, the last one without a name."""
        return {one["name"]: one for one in record.results(self.entries, run or self.names[-1])}

    def outcomes(self, run: str | None = None) -> Counter[str]:
        """How many hosts ended how."""
        return Counter(one["outcome"] for one in self.hosts(run).values())

    def steps(self, host: str, run: str | None = None) -> list[str]:
        """The steps of a host in a run."""
        name = run or self.names[-1]
        return [one["step"] for one in self.entries if one["run"] == name and one["host"] == host]

    def counters(self, host: str) -> Mapping[str, Any]:
        """What the simulated host itself has seen."""
        found: Mapping[str, Any] = self.run.counters["hosts"][host]
        return found

    def restarts(self) -> dict[str, int]:
        """How often each host itself says that it restarted."""
        return {name: seen["restarts"] for name, seen in self.run.counters["hosts"].items()}

    def out(self) -> list[tuple[float, float, str]]:
        """When each host was down for a restart, as it says itself: from, to, name; in the order of going."""
        return sorted(
            (gone["from"], float("inf") if gone["to"] is None else gone["to"], name)
            for name, seen in self.run.counters["hosts"].items()
            for gone in seen["out_of_service"]
            if gone["reason"] in ("restart", "never_back")
        )

    def most_slots(self, run: str | None = None) -> int:
        """The most slots that a run held at once, as its record has it."""
        name, now, most = run or self.names[-1], 0, 0
        for one in self.entries:
            if one["run"] == name and one["step"] in ("slot_taken", "slot_released"):
                now += 1 if one["step"] == "slot_taken" else -1
                most = max(most, now)
        return most

    def most_out(self, groups: Mapping[str, Iterable[str]]) -> dict[str, int]:
        """The most hosts that were down at once, of each group and (under an empty name) of all."""
        of = {"": {name for _from, _to, name in self.out()}, **{group: set(names) for group, names in groups.items()}}
        return {
            group: max(
                (sum(begun <= moment < ended for begun, ended, name in self.out() if name in names))
                for moment, _ended, _name in self.out()
            )
            for group, names in of.items()
        }


def command(dest: Path, *, playbook: str = "patch", more: Sequence[str] = (), **extra: Any) -> list[str]:
    """A rolling run that agrees to restarts, with variables for the whole run."""
    folders = {"rebootless_dest": str(dest), "rebootless_state": str(dest / "fleet")}
    variables = {**ROLLING, "rebootless_consent": True, **folders, **extra}
    return ["ansible-playbook", f"rebootless.patching.{playbook}", *FORKS, "-e", json.dumps(variables), *more]


def roll(
    on_fleet: Callable[..., Run],
    tmp_path: Path,
    worlds: Mapping[str, World],
    words: Sequence[str],
    groups: Mapping[str, Iterable[str]] | None = None,
    *,
    variables: Mapping[str, Mapping[str, Any]] | None = None,
    options: tuple[str, ...] = (),
    status: int | None = 0,
) -> Rolled:
    """A command over these worlds in these groups; the run's directory is `run` in `tmp_path`."""
    folder = write(tmp_path / "worlds", worlds)
    whole = of_groups(tmp_path, words, groups or {}, variables)
    run = on_fleet(whole, worlds=folder, executor="fast", options=options)
    if status is not None:
        run.check(status)
    return Rolled(run, tmp_path / "run")
