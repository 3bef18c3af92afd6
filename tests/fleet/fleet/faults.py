# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults file: what goes wrong on which host, and when."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .worlds import WorldError, describe, read_yaml, schema

AT_RESTART = ("slow_boot", "never_back", "rolls_back", "boots_as")
FROM_THE_START = ("refused", "unauthorized")


@dataclass
class Fault:
    """One fault of one host and how often its condition has been met."""

    kind: str
    module: str | None
    nth: int | None
    restarts: int
    seconds: float | None
    world: dict[str, Any] | None = None
    met: int = 0

    @property
    def from_the_start(self) -> bool:
        """Whether no module run brings it about."""
        return self.kind in FROM_THE_START and self.module is None and self.nth is None and not self.restarts

    def fires(self) -> bool:
        """Count one more occasion; whether the fault comes on this one."""
        self.met += 1
        return self.nth is None or self.nth == self.met


class HostFaults:
    """The faults of one host."""

    def __init__(self, faults: Iterable[dict[str, Any]] = ()) -> None:
        self.faults = [
            Fault(
                fault["kind"],
                fault.get("when", {}).get("module"),
                fault.get("when", {}).get("nth"),
                fault.get("when", {}).get("restarts", 0),
                fault.get("seconds"),
                fault.get("world"),
            )
            for fault in faults
        ]

    def from_the_start(self) -> list[Fault]:
        """Those that no module run brings about."""
        return [fault for fault in self.faults if fault.from_the_start]

    def at_module(self, name: str, restarts: int = 0) -> list[Fault]:
        """Those that come with this run of `name` on a host that has restarted so often."""
        return [
            fault
            for fault in self.faults
            if fault.kind not in AT_RESTART
            and not fault.from_the_start
            and restarts >= fault.restarts
            and matches(name, fault.module or "*")
            and fault.fires()
        ]

    def at_restart(self) -> list[Fault]:
        """Those that come with this restart."""
        return [fault for fault in self.faults if fault.kind in AT_RESTART and fault.fires()]


def matches(name: str, pattern: str) -> bool:
    """Whether a module is meant: by its full name, or by its last part."""
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name.rpartition(".")[2], pattern)


def load(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Host glob → faults.

    :raises WorldError: naming the file and the key of every mistake
    """
    data = read_yaml(path)
    problems = [f"{path}: {where}: {said}" for where, said in describe(data, schema("faults.schema.json"))]
    if problems:
        raise WorldError(problems)
    return dict(data)


def of_host(faults: dict[str, list[dict[str, Any]]], host: str) -> HostFaults:
    """The faults of one host: those of every glob that matches, in the file's order."""
    return HostFaults(fault for glob, entries in faults.items() if fnmatch.fnmatchcase(host, glob) for fault in entries)


def unmatched(faults: dict[str, list[dict[str, Any]]], hosts: Iterable[str]) -> list[str]:
    """Globs that mean no host."""
    names = list(hosts)
    return [glob for glob in faults if not fnmatch.filter(names, glob)]
