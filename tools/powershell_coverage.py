# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which lines of the collection's PowerShell the scenario library executes, by ansible-core's own coverage wrapper.

Prints the figures and every line that was not executed; fails when there is one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLEET = ROOT / "tests" / "fleet"


# Worlds, the playbook that they meet, what it is given, and which of them. A line counts once, so one of each kind is enough:
# with ansible-core's wrapper PowerShell takes twice as long.
RUNS: list[tuple[str, str, dict[str, object], list[str]]] = [
    (
        "worlds",
        "coverage.yml",
        {},
        (FLEET / "kinds.txt").read_text(encoding="utf-8").split(),
    ),
    ("worlds-offers", "offers.yml", {"offers_ways": ["auto", "always"]}, ["*"]),
    # Updates with files.
    ("worlds", "offers.yml", {"offers_ways": ["auto"]}, ["s25-offers-hotpatch"]),
    (
        "worlds-drain",
        "drain.yml",
        {
            "runs": [
                {"state": "read"},
                {"state": "suspend", "cluster": False},
                {"state": "suspend", "check": True},
                {"state": "suspend"},
                {"state": "resume"},
                {"state": "remember", "memory": "{}"},
                {"state": "forget"},
            ]
        },
        [
            *("up", "paused", "no-*", "not-set-up", "services-denied", "refuses-*", "memory-denied", "troubled"),
            *("foreign-folder", "left-new", "linked-folder", "linked-new"),
        ],
    ),
    (
        "worlds-preflight",
        "preflight.yml",
        {"runs": [{"bitlocker": False, "processes": ["W3WP"]}]},
        ["backup", "denied", "encrypting", "locked", "no-bitlocker", "other-volume", "p*", "suspended", "t*"],
    ),
    ("worlds-preflight", "bitlocker.yml", {}, ["denied", "pcr7-policy", "suspended"]),
    ("worlds-rollback", "packages.yml", {}, ["*"]),
]


def collect(scratch: Path) -> None:
    """Run the modules on every world, with each way of calling them, under the coverage wrapper."""
    environment = dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "build" / "collections")
    environment["ANSIBLE_CONFIG"] = str(ROOT / "tools" / "demo.cfg")
    environment["_ANSIBLE_COVERAGE_REMOTE_OUTPUT"] = str(scratch / "coverage")
    environment["_ANSIBLE_COVERAGE_REMOTE_PATH_FILTER"] = "*"
    for worlds, playbook, given, only in RUNS:
        fleet = [sys.executable, str(FLEET / "simfleet"), "--worlds", str(FLEET / worlds), "--executor", "powershell"]
        fleet += [word for glob in only for word in ("--only", glob)]
        extra = json.dumps({"offers_dest": str(scratch), **given})
        play = ["ansible-playbook", str(FLEET / "playbooks" / playbook), "-e", extra]
        done = subprocess.run([*fleet, "--", *play], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)


def hits(scratch: Path) -> dict[str, Counter[int]]:
    """Hit counts by module file and line, over all hosts."""
    total: dict[str, Counter[int]] = {}
    for file in scratch.glob("coverage=*"):
        for path, lines in json.loads(file.read_text(encoding="utf-8")).items():
            if "rebootless" not in path:
                continue
            counter = total.setdefault(Path(path).name, Counter())
            for line in lines if isinstance(lines, list) else [lines]:
                counter[line["Line"]] += line["HitCount"]
    return total


def main() -> int:
    """Print the figures; 1 when a line was never executed or a file was never seen."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        collect(scratch)
        total = hits(scratch)
    missed = 0
    for file in sorted((ROOT / "plugins").rglob("*.ps*1")):
        lines = total.get(file.name, Counter())
        text = file.read_text(encoding="utf-8").splitlines()
        never = sorted(line for line, count in lines.items() if count == 0)
        print(f"{file.relative_to(ROOT)}: {len(lines) - len(never)} of {len(lines)} lines executed")
        for line in never:
            print(f"  {line:4}: {text[line - 1].strip()}")
        missed += len(never) + (0 if lines else 1)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
