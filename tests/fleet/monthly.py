# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playing the monthly run against simulated hosts, and what it leaves behind: counters, saved worlds, record, report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record
from conftest import Run

FORKS = ("--forks", "25")
PLAYBOOK = ["ansible-playbook", "rebootless.patching.hotpatch", *FORKS]
PLAN = ["ansible-playbook", "rebootless.patching.plan", *FORKS]
QUICK = {"verify_interval": 1, "verify_deadline": 5, "hotpatch_poll_interval": 0.2}
AGREED_NO = {**QUICK, "rebootless_consent": False}
# Ansible has no other way to add variables of single hosts to an inventory that it is given by the environment.
WITH_VARIABLES = ["bash", "-c", 'exec "$@" -i "$ANSIBLE_INVENTORY" -i "$REBOOTLESS_VARIABLES"', "monthly"]


class Played:
    """What a monthly run left behind: counters of the hosts, and the record's results by host."""

    def __init__(self, run: Run, dest: Path) -> None:
        self.run = run
        self.entries, problems = record.read(dest / "record.jsonl")
        assert problems == []
        names = record.runs(self.entries)
        self.hosts: dict[str, dict[str, Any]] = {one["name"]: one for one in record.results(self.entries, names[-1])}
        self.mine = [one for one in self.entries if one["run"] == names[-1]]

    def steps(self, host: str) -> list[str]:
        """The steps of a host that the record holds, in order."""
        return [one["step"] for one in self.mine if one["host"] == host]

    def kbs(self, host: str, what: str) -> set[str]:
        """The KBs of the offers that were decided so."""
        return {offer["kb"] for offer in self.hosts[host]["decision"]["offers"] if offer["decision"] == what}

    def installed(self, host: str) -> set[str]:
        """The KBs that the record says were installed."""
        done = self.hosts[host]["install"] or {"updates": []}
        return {one["kb"] for one in done["updates"] if one["result"] == "installed"}

    def counters(self, host: str) -> Mapping[str, Any]:
        """What the simulated host itself has seen."""
        found: Mapping[str, Any] = self.run.counters["hosts"][host]
        return found


def write(folder: Path, worlds: Mapping[str, Mapping[str, Any]]) -> Path:
    """The worlds as files of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, world in worlds.items():
        (folder / f"{name}.yml").write_text(yaml.safe_dump(dict(world), sort_keys=False), encoding="utf-8")
    return folder


def saved(folder: Path) -> dict[str, dict[str, Any]]:
    """The worlds of a folder, by host."""
    return {path.stem: dict(yaml.safe_load(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.yml"))}


def of_hosts(folder: Path, command: list[str], variables: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The command with variables of single hosts."""
    inventory = folder / "variables.yml"
    hosts = {name: dict(values) for name, values in variables.items()}
    inventory.write_text(yaml.safe_dump({"windows": {"hosts": hosts}}), encoding="utf-8")
    words = [word.replace("$REBOOTLESS_VARIABLES", str(inventory)) for word in WITH_VARIABLES]
    return [*words, *command]


def play(
    on_fleet: Callable[..., Run],
    tmp_path: Path,
    worlds: Mapping[str, Mapping[str, Any]],
    *,
    executor: str = "fast",
    status: int | None = 0,
    extra: Mapping[str, Any] | None = None,
    more: tuple[str, ...] = (),
    options: tuple[str, ...] = (),
    variables: Mapping[str, Mapping[str, Any]] | None = None,
) -> Played:
    """The monthly playbook over these worlds; `extra` for the whole run, `variables` for single hosts."""
    dest = tmp_path / "run"
    folder = write(tmp_path / "worlds", worlds)
    defaults = AGREED_NO if variables is None else QUICK
    command = [*PLAYBOOK, "-e", json.dumps({**defaults, "rebootless_dest": str(dest), **(extra or {})}), *more]
    if variables is not None:
        command = of_hosts(tmp_path, command, variables)
    run = on_fleet(command, worlds=folder, executor=executor, options=options)
    if status is not None:
        run.check(status)
    return Played(run, dest)
