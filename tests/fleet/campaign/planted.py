# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs planted in a copy of the collection, one at a time; each must turn the campaign red."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conftest import ROOT

from . import invariants
from .play import play
from .rows import ROWS, Row, due

PARTS = ("plugins", "roles", "playbooks", "meta", "galaxy.yml")
ADMISSION, HOST_RUN = "plugins/plugin_utils/fleet/admission.py", "plugins/plugin_utils/host_run/outcome.py"
WAITING = replace(ROWS["none"], world=due(reboot={"down_seconds": 6}))
NOT_STARTED = replace(ROWS["none"], outcome=("not_started",), restarts=0, world=due())


@dataclass(frozen=True)
class Bug:
    """What is replaced in which file, and the rows that are to notice."""

    file: str
    old: str
    new: str
    rows: Mapping[str, Row]
    spec: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    stop: bool = False


def of(*names: str) -> dict[str, Row]:
    """Rows of the table."""
    return {name: ROWS[name] for name in names}


BUGS: dict[str, Bug] = {
    "consent ignored": Bug(
        "playbooks/patch.yml",
        '__rebootless_consent: "{{ rebootless_consent | default(false) }}"',
        "__rebootless_consent: true",
        of("consent-false"),
    ),
    "lease leaked": Bug(
        "playbooks/shared/tasks/end.yml",
        "{{ 'kept' if __rebootless_end.out else 'released' }}",
        "{{ 'kept' }}",
        of("none"),
    ),
    "gate blind to unreachable": Bug(
        ADMISSION,
        'if finished.get("outcome") == "restart_due":',
        'if finished.get("outcome") in ("restart_due", "not_reached"):',
        {"refused": ROWS["refused"], "after": NOT_STARTED},
        spec={"canary": ["refused"], "budget": {"failed": 0}},
    ),
    "undrain skipped": Bug(
        "roles/baseline/tasks/main.yml",
        "        - baseline_adapters | length > 0\n        # Nobody knows",
        "        - baseline_adapters | length > 99\n        # Nobody knows",
        of("none"),
    ),
    "limit counted wrong": Bug(
        ADMISSION,
        "if limit in most and taken[limit] >= most[limit]), None)",
        "if limit in most and taken[limit] > most[limit]), None)",
        {"one": WAITING, "two": WAITING},
        spec={"groups": {"web": {"max_unavailable": 1}}},
        groups={"web": ["one", "two"]},
        limits={"web": 1},
    ),
    "record step dropped": Bug(
        "roles/hotpatch/tasks/send_restart.yml", "when: hotpatch_record is truthy", "when: false", of("slow-boot")
    ),
    "restarts though nothing waits": Bug(
        HOST_RUN, 'if waiting != "yes":', 'if waiting == "never":', of("install-fails")
    ),
    "window ignored at the restart": Bug(
        HOST_RUN,
        'end = moment(window["end"]) if window else None',
        "window, end = None, None",
        of("window-closes-installing"),
    ),
    "stop file ignored": Bug(
        ADMISSION, "if ask.stop is not None:", 'if ask.stop == "never":', {"stopped": NOT_STARTED}, stop=True
    ),
    "failed host called done": Bug(
        HOST_RUN, 'return str(done), True, failure or ""', 'return "installed", False, ""', of("install-fails")
    ),
    "drain refusal ignored": Bug(
        "roles/baseline/tasks/drain.yml", "when: drain_result.state != 'drained'", "when: false", of("drain-refuses")
    ),
}


def copied(folder: Path, bug: Bug) -> Path:
    """A collections path with a copy of ours that has the bug."""
    base = folder / "collections" / "ansible_collections"
    ours = base / "rebootless" / "patching"
    ours.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, ours / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, ours / part)
    (base / "ansible").symlink_to(ROOT / "build" / "collections" / "ansible_collections" / "ansible")
    file = ours / bug.file
    text = file.read_text(encoding="utf-8")
    if text.count(bug.old) != 1:
        raise RuntimeError(f"{bug.file} has it {text.count(bug.old)} times: {bug.old}")
    file.write_text(text.replace(bug.old, bug.new), encoding="utf-8")
    return folder / "collections"


def noticed(bug: Bug, folder: Path) -> list[str]:
    """What does not hold with the bug."""
    path, dest = copied(folder, bug), folder / "run"
    if bug.stop:
        (dest / "fleet").mkdir(parents=True)
        (dest / "fleet" / "stop").write_text("change freeze", encoding="utf-8")
    groups = bug.groups or None
    played = play(folder / "1", bug.rows, dest, spec=bug.spec, groups=groups, collections=path)
    return invariants.broken(bug.rows, played, groups=bug.groups, limits=bug.limits)
