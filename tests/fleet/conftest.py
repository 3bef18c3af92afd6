# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running commands against simulated hosts, with the controller and the executor that the environment names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fleet import pwsh

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Seconds that a command against simulated hosts may take; the long tests need more.
LIMIT = int(os.environ.get("REBOOTLESS_LIMIT", "1800"))
# `make long` plays every row of the large tables, CI a part of each.
LONG = os.environ.get("REBOOTLESS_LONG") == "1"


# At the end one worker would wait for them.
LONGEST = (
    "monthly_faults",
    "playbook_patch",
    "role_baseline",
    "role_hotpatch",
    "awx_workflow",
    "windows_drain",
    "status",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    order = {f"test_{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@dataclass(frozen=True)
class Run:
    """What a command against simulated hosts left behind."""

    status: int
    output: str
    counters: dict[str, Any]

    def check(self, status: int = 0) -> Run:
        """This run, which must have ended with `status`."""
        assert self.status == status, self.output[-4000:]
        return self


def controller() -> Path:
    """Where ansible-playbook lies: the environment under test, or the one that REBOOTLESS_CONTROLLER names."""
    return Path(os.environ.get("REBOOTLESS_CONTROLLER") or Path(sys.executable).parent)


def executors() -> list[str]:
    """The executors to test: both, or the fast one alone where there is no PowerShell (in CI that is a failure)."""
    if pwsh.find_pwsh() is not None:
        return ["powershell", "fast"]
    if os.environ.get("REBOOTLESS_REQUIRE_PWSH") == "1":
        raise RuntimeError("REBOOTLESS_REQUIRE_PWSH is set and no pwsh 7.5 or newer was found")
    return ["fast"]


def nearest() -> list[str]:
    """The executor that is nearest to a real host; that both do the same is tested module by module. `make long` takes both."""
    return executors() if LONG else executors()[:1]


def quickest() -> list[str]:
    """The executor that costs least, for a role whose modules are tested with both. `make long` takes both."""
    return executors() if LONG else ["fast"]


def environment() -> dict[str, str]:
    """What ansible-playbook of the controller under test finds: itself, this collection, and the demo's configuration."""
    return {
        **os.environ,
        "PATH": f"{controller()}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
        "ANSIBLE_CONFIG": str(ROOT / "tools" / "demo.cfg"),
    }


def simfleet(command: list[str], scratch: Path, *, worlds: Path, executor: str, options: tuple[str, ...] = ()) -> Run:
    """Run `command` against the hosts of `worlds`; the first word is looked up beside the controller."""
    found = environment() | {"ANSIBLE_ACTION_PLUGINS": str(HERE / "playbooks" / "action_plugins"), "COLUMNS": "160"}
    # Nobody's own leases, where a test names no directory for them.
    found["XDG_STATE_HOME"] = str(scratch / "state")
    counters = scratch / "counters.json"
    fleet = [sys.executable, str(HERE / "simfleet"), "--worlds", str(worlds), "--executor", executor]
    argv = [*fleet, "--counters", str(counters), *options, "--", *command]
    done = subprocess.run(argv, capture_output=True, text=True, env=found, cwd=scratch, timeout=LIMIT, check=False)
    return Run(
        done.returncode, done.stdout + done.stderr, json.loads(counters.read_text()) if counters.exists() else {}
    )


@pytest.fixture
def on_fleet(tmp_path: Path) -> Callable[..., Run]:
    """`on_fleet(command, worlds=..., executor=...)`: a command against simulated hosts."""

    def run(command: list[str], **options: Any) -> Run:
        return simfleet(command, tmp_path, **options)

    return run
