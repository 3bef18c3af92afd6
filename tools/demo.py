# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`: the status of twelve simulated hosts, then what to type for one's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEST = ROOT / "build" / "demo"
# One fleet on 2026-09-20, twelve days after an unplanned baseline: what an administrator would meet.
HOSTS = (ROOT / "tests" / "fleet" / "demo-hosts.txt").read_text(encoding="utf-8").split()
END = """
The report:   file://{report}
Its data:     {json}

For your own hosts (nothing on them is changed):
  1. take a sample inventory from docs/inventories/ (winrm, psrp or ssh) and put your hosts in
  2. ANSIBLE_COLLECTIONS_PATH={collections} {playbook} -i your-inventory.yml rebootless.patching.status
"""


def main() -> int:
    """Run the status playbook against the simulated fleet; its exit status is the demo's."""
    environment = dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "build" / "collections")
    environment["ANSIBLE_CONFIG"] = str(ROOT / "tools" / "demo.cfg")
    only = [part for host in HOSTS for part in ("--only", host)]
    playbook = ["ansible-playbook", "rebootless.patching.status", "-e", f"rebootless_dest={DEST}"]
    fleet = [sys.executable, str(ROOT / "tests" / "fleet" / "simfleet"), "--worlds", str(ROOT / "tests/fleet/worlds")]
    print(
        f"Starting {len(HOSTS)} simulated Windows hosts on 127.0.0.1 and asking them for their status ...", flush=True
    )
    done = subprocess.run([*fleet, *only, "--", *playbook, *sys.argv[1:]], env=environment, check=False)
    if done.returncode == 0:
        collections = ROOT / "build" / "collections"
        runner = Path(sys.executable).parent / "ansible-playbook"
        print(
            END.format(report=DEST / "status.html", json=DEST / "status.json", collections=collections, playbook=runner)
        )
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
