# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the command and sees that nothing of it stays behind, even when simfleet is killed.

usage: guard.py LIFELINE SCRATCH COMMAND…: LIFELINE is a pipe whose other end only simfleet holds, SCRATCH a folder to
remove when simfleet ends without having done so. Only the standard library, as it starts with -I -S.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
GRACE = 2.0


def prctl(option: int, value: int) -> None:
    """Linux's prctl; elsewhere the lifeline alone must do."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def descendants(of: int) -> list[int]:
    """Every process below this one; orphans among them have come to it as it is their subreaper."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold anything.
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found, look = [], [of]
    while look:
        below = children.get(look.pop(), [])
        found += below
        look += below
    return found


def signal_each(number: int, done: set[int]) -> bool:
    """Send a signal to everything below that has not had it; whether there is anything below."""
    processes = descendants(os.getpid())
    for process in processes:
        if process not in done:
            done.add(process)
            try:
                os.kill(process, number)
            except ProcessLookupError:
                continue
    return bool(processes)


def reap() -> dict[int, int]:
    """The processes below that have ended, with their status."""
    ended: dict[int, int] = {}
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if process == 0:
            return ended
        ended[process] = status


def end_all() -> dict[int, int]:
    """End everything below: politely, then not."""
    ended: dict[int, int] = {}
    for number, grace in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        deadline, done = time.monotonic() + grace, set[int]()
        # Again and again, as what has not ended yet may start more.
        while signal_each(number, done) and time.monotonic() < deadline:
            time.sleep(0.02)
            ended.update(reap())
    ended.update(reap())
    return ended


def start(command: list[str], guard: int) -> int:
    """Start the command, tied to this process."""
    child = os.fork()
    if child == 0:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        try:
            os.execvp(command[0], command)
        except OSError as error:
            sys.stderr.write(f"simfleet: {command[0]}: {error.strerror}\n")
            sys.stderr.flush()
            os._exit(127 if isinstance(error, FileNotFoundError) else 126)
    return child


def main() -> int:
    """The command's exit status; 128 and the signal's number when a signal ended it."""
    lifeline, scratch, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    os.set_inheritable(lifeline, False)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    asked: list[int] = []
    child = start(command, os.getpid())
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    # The terminal sends it to the command as well.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status, alive = None, True
    # Also covers a child that ended before the handler was there.
    pending = reap()
    while status is None and alive and not asked:
        if child in pending:
            status = pending[child]
            break
        ready, _writable, _broken = select.select([lifeline, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
        alive = lifeline not in ready
        pending = reap()
    if status is None:
        status = pending.get(child)
    ended = end_all()
    if not alive or lifeline in select.select([lifeline], [], [], 0)[0]:
        shutil.rmtree(scratch, ignore_errors=True)
    status = ended.get(child, signal.SIGKILL) if status is None else status
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


if __name__ == "__main__":
    sys.exit(main())
