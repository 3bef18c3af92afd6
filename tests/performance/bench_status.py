# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time of a fleet's status beside win_ping on the same hosts in the same run.

usage: bench_status.py [--hosts 12,50,200] [--executors powershell,fast]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FLEET = ROOT / "tests" / "fleet"
# Each command of a run is timed by this shell, so the start of the simulated hosts is not counted.
MEASURE = """
import json, resource, subprocess, sys, time
rows = []
for command in json.loads(sys.argv[1]):
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows.append({"seconds": time.monotonic() - began, "cpu": cpu})
json.dump(rows, open(sys.argv[2], "w"))
"""


def measure(executor: str, hosts: int) -> dict[str, dict[str, float]]:
    """Seconds, controller CPU, requests and bytes of win_ping and of the status, over `hosts` hosts."""
    with tempfile.TemporaryDirectory() as scratch:
        rows, counters = Path(scratch) / "rows.json", Path(scratch) / "counters.json"
        commands = [
            ["ansible", "windows", "-m", "ansible.windows.win_ping", "-f", "25"],
            ["ansible-playbook", "rebootless.patching.status", "-f", "25", "-e", f"rebootless_dest={scratch}"],
        ]
        environment = dict(os.environ)
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        environment["ANSIBLE_CONFIG"] = str(ROOT / "tools" / "demo.cfg")
        environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "build" / "collections")
        fleet = [str(FLEET / "simfleet"), "--worlds", str(FLEET / "worlds"), "--executor", executor]
        size = ["--only", "s25-*", "--copies", str(hosts), "--counters", str(counters)]
        measured = [sys.executable, "-c", MEASURE, json.dumps(commands), str(rows)]
        subprocess.run([sys.executable, *fleet, *size, "--", *measured], env=environment, check=True)
        ping, status = json.loads(rows.read_text())
        for module, row in (("ansible.windows.win_ping", ping), ("rebootless.patching.windows_signals_info", status)):
            for counter in ("requests", "bytes"):
                total = json.loads(counters.read_text())["hosts"].values()
                row[counter] = sum(host[f"{counter}_by_module"].get(module, 0) for host in total) / hosts
        return {"win_ping": ping, "status": status}


def main() -> None:
    """Print one row per size, executor and command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", default="12,50,200")
    parser.add_argument("--executors", default="powershell,fast")
    options = parser.parse_args()
    print(
        "| executor | hosts | command | seconds | per host ms | controller CPU per host ms | requests | kB on the wire |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for executor in options.executors.split(","):
        for hosts in map(int, options.hosts.split(",")):
            for command, row in measure(executor, hosts).items():
                per_host, cpu = row["seconds"] / hosts * 1000, row["cpu"] / hosts * 1000
                tail = f"{per_host:.0f} | {cpu:.0f} | {row['requests']:.1f} | {row['bytes'] / 1000:.0f} |"
                print(f"| {executor} | {hosts} | {command} | {row['seconds']:.1f} | {tail}", flush=True)


if __name__ == "__main__":
    main()
