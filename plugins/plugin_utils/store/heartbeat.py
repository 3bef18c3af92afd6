# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The heartbeat of a run: a process of its own that touches a file as long as ansible-playbook lives, and ends with it.

Run as a script by the Python that runs Ansible, alone: nothing but the standard library is imported.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

BEAT_SECONDS = 5.0
WATCH_SECONDS = 1.0


def started(pid: int) -> str | None:
    """When a process was started, as the system says it; None when there is none, or when it only waits to be buried."""
    if not Path("/proc/self/stat").exists():
        asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return asked.stdout.strip() or None
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name of the program stands in brackets and may hold anything.
    fields = line.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]


def place() -> str:
    """Where process numbers mean the same: this start of this machine, this container; empty when the system is silent."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def beat(path: str, pid: int, start: str) -> None:
    """Touch the file until the process has ended or the file is gone."""
    due = 0.0
    while started(pid) == start:
        if time.monotonic() >= due:
            try:
                os.utime(path)
            except (FileNotFoundError, NotADirectoryError):
                return
            except OSError:
                # A disk that is away comes back, and says meanwhile by the age of the file that nobody is heard of.
                due = time.monotonic() + WATCH_SECONDS
            else:
                due = time.monotonic() + BEAT_SECONDS
        time.sleep(WATCH_SECONDS)
    with contextlib.suppress(OSError):
        # Other controllers need not wait until the file is old.
        os.utime(path, (0, 0))


def main(arguments: list[str]) -> int:
    """Detach and beat. Arguments: the file, the process to live with, its start."""
    path, pid, start = arguments
    if os.fork():
        return 0
    beat(path, int(pid), start)
    # The copy of a process must not do what its first does at its end.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
