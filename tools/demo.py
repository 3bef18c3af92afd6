# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`: the status of twelve simulated hosts, one Patch Tuesday of a fleet, then what to type for one's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "fleet"))

from fleet import months

ROOT = Path(__file__).resolve().parent.parent
FLEET = ROOT / "tests" / "fleet"
DEST = ROOT / "build" / "demo"
COLLECTIONS = ROOT / "build" / "collections"
# One fleet on 2026-09-20, twelve days after an unplanned baseline: what an administrator would meet.
HOSTS = (ROOT / "tests" / "fleet" / "demo-hosts.txt").read_text(encoding="utf-8").split()
# August 2026 brings a hotpatch. The database hosts missed July's baseline, so they cannot take it without a restart.
PATCH_TUESDAY = "2026-08-12"
GROUPS = {
    "web": (months.SERVER_2022, "2026-07-20", 4),
    "app": (months.SERVER_2025, "2026-07-20", 4),
    "sql": (months.SERVER_2025, "2026-06-20", 2),
}
RUN = {
    "rebootless_consent": {"agreed": True, "ticket": "CHG-0412", "approver": "the demo"},
    "rebootless_fleet": {"canary": ["app-01"], "groups": {"sql": {"max_unavailable": 1}}},
    "rebootless_slot_interval": 0.5,
    "baseline_poll_interval": 1,
    "verify_interval": 1,
}
END = """
The status:      file://{dest}/status.html
Patch Tuesday:   file://{dest}/run.html
Their data:      {dest}/status.json, {dest}/run.json

For your own hosts (nothing on them is changed):
  1. take a sample inventory from docs/inventories/ (winrm, psrp or ssh) and put your hosts in
  2. ANSIBLE_COLLECTIONS_PATH={collections} {playbook} -i your-inventory.yml rebootless.patching.status
"""


def play(worlds: Path, playbook: list[str], *options: str, **more: str) -> int:
    """Run a playbook against simulated hosts; its exit status."""
    environment = {**os.environ, **more}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(COLLECTIONS)
    environment["ANSIBLE_CONFIG"] = str(ROOT / "tools" / "demo.cfg")
    fleet = [sys.executable, str(FLEET / "simfleet"), "--worlds", str(worlds), *options]
    return subprocess.run([*fleet, "--", *playbook], env=environment, check=False).returncode


def status() -> int:
    """The status of hosts in every state."""
    print(
        f"Starting {len(HOSTS)} simulated Windows hosts on 127.0.0.1 and asking them for their status ...", flush=True
    )
    only = [part for host in HOSTS for part in ("--only", host)]
    playbook = ["ansible-playbook", "rebootless.patching.status", "-e", f"rebootless_dest={DEST}", *sys.argv[1:]]
    return play(FLEET / "worlds", playbook, *only)


def patch_tuesday() -> int:
    """A rolling run through a fleet: hotpatches without a restart, the baseline with one that was agreed."""
    worlds = DEST / "worlds"
    groups: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
    for group, (product, since, count) in GROUPS.items():
        world = months.advance(months.start(product, since), PATCH_TUESDAY)
        groups[group] = {"hosts": {f"{group}-{number:02d}": {} for number in range(1, count + 1)}}
        for name in groups[group]["hosts"]:
            text = yaml.safe_dump({**world, "reboot": {"down_seconds": 1}}, sort_keys=False)
            (worlds / f"{name}.yml").write_text(text, encoding="utf-8")
    inventory = DEST / "groups.yml"
    inventory.write_text(yaml.safe_dump(groups), encoding="utf-8")
    count = sum(len(one["hosts"]) for one in groups.values())
    print(f"\nOne Patch Tuesday of {count} other hosts, a restart only where it is due and agreed ...", flush=True)
    words = [
        "rebootless.patching.patch",
        "-f",
        "25",
        "-e",
        json.dumps({**RUN, "rebootless_dest": str(DEST), "rebootless_state": str(DEST / "fleet")}),
    ]
    # An inventory that is added to the one of the simulated hosts.
    with_groups = ["bash", "-c", 'exec ansible-playbook -i "$ANSIBLE_INVENTORY" -i "$0" "$@"', str(inventory)]
    return play(
        worlds, [*with_groups, *words], "--executor", "fast", ANSIBLE_STDOUT_CALLBACK="rebootless.patching.progress"
    )


def main() -> int:
    """Play both; the first exit status that is not 0 is the demo's."""
    # Reports compare themselves with earlier ones; the demo begins anew.
    shutil.rmtree(DEST, ignore_errors=True)
    (DEST / "worlds").mkdir(parents=True)
    failed = status() or patch_tuesday()
    if not failed:
        runner = Path(sys.executable).parent / "ansible-playbook"
        print(END.format(dest=DEST, collections=COLLECTIONS, playbook=runner))
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
