# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of simfleet: start the hosts, run a command against them, end everything."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fnmatch
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from . import executors, faults, server, tls, worlds
from .host import Host

USER, PASSWORD = "sim", "sim"
USAGE_ERROR = 2


def parser() -> argparse.ArgumentParser:
    """The options; README.md explains them."""
    made = argparse.ArgumentParser(
        prog="simfleet", description="Run a command against simulated Windows hosts.", allow_abbrev=False
    )
    made.add_argument("--worlds", required=True, type=Path, metavar="DIR", help="folder of world files")
    made.add_argument("--only", action="append", metavar="GLOB", help="only these hosts; may be given more than once")
    made.add_argument(
        "--copies", type=int, metavar="N", help="N hosts, spread over the worlds, named WORLD-001 and so on"
    )
    made.add_argument("--faults", type=Path, metavar="FILE", help="what goes wrong, see README.md")
    made.add_argument("--executor", choices=("powershell", "fast"), help="what runs the collection's own modules")
    made.add_argument("--https", action="store_true", help="HTTPS, with a certificate made for this run")
    made.add_argument("--counters", type=Path, metavar="FILE", help="write what the hosts counted, as JSON")
    made.add_argument("--present", action="store_true", help="no rebootless_now, so judged is by the real time")
    made.add_argument("--save-worlds", type=Path, metavar="DIR", help="write the worlds as they are at the end")
    made.add_argument("--operation-timeout", type=int, metavar="SECONDS", help="ansible_winrm_operation_timeout_sec")
    made.add_argument("--read-timeout", type=int, metavar="SECONDS", help="ansible_winrm_read_timeout_sec")
    made.add_argument("--time-scale", type=float, default=1.0, metavar="FACTOR", help="of delays, restarts, installing")
    made.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status of the command; 2 for a mistake in options or files."""
    made = parser()
    options = made.parse_args(argv)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        made.error("a command is needed after --")
    if options.copies is not None and options.copies < 1:
        made.error("--copies: at least 1 is needed")
    if options.time_scale < 0:
        made.error("--time-scale: 0 or more is needed")
    if options.save_worlds is not None:
        try:
            options.save_worlds.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            made.error(f"--save-worlds {options.save_worlds}: {error.strerror}")
    scratch = Path(tempfile.mkdtemp(prefix="simfleet-"))
    # What PowerShell leaves there goes with it, also when only the guard is left to do so.
    tempfile.tempdir = str(scratch)
    try:
        hosts = make_hosts(options)
        executor = executors.choose(options.executor, len(hosts))
        if executor.notice:
            print(f"simfleet: {executor.notice}", file=sys.stderr)
        return asyncio.run(run(options, hosts, executor, command, scratch))
    except (worlds.WorldError, executors.ExecutorError) as error:
        print("\n".join(f"simfleet: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return USAGE_ERROR
    finally:
        tempfile.tempdir = None
        shutil.rmtree(scratch, ignore_errors=True)


def make_hosts(options: argparse.Namespace) -> list[Host]:
    """The hosts that the options ask for.

    :raises WorldError: for every mistake in a file, and when no host is left
    """
    there = worlds.names(options.worlds)
    found = worlds.load(options.worlds, options.only or ["*"])
    planned = faults.load(options.faults) if options.faults else {}
    for glob in options.only or []:
        if not fnmatch.filter(there, glob):
            print(f"simfleet: --only {glob}: no such world in {options.worlds}", file=sys.stderr)
    chosen = sorted(found)
    if not chosen:
        raise worlds.WorldError([f"--only: no host is left; there are {', '.join(there)}"])
    names = {name: name for name in chosen}
    if options.copies is not None:
        numbers = ((index % len(chosen), index // len(chosen) + 1) for index in range(options.copies))
        names = {f"{chosen[which]}-{number:03d}": chosen[which] for which, number in numbers}
    lost = faults.unmatched(planned, {*names, *there})
    if lost:
        raise worlds.WorldError(f"{options.faults}: {glob}: no such host; hosts: {', '.join(names)}" for glob in lost)
    return [
        Host(name, found[world], faults.of_host(planned, name), origin=world, time_scale=options.time_scale)
        for name, world in names.items()
    ]


def inventory(hosts: Sequence[Host], options: argparse.Namespace, trust: Path | None) -> dict[str, Any]:
    """A YAML inventory with the group `windows`."""
    timeouts = {
        "ansible_winrm_operation_timeout_sec": options.operation_timeout,
        "ansible_winrm_read_timeout_sec": options.read_timeout,
    }
    shared = {name: value for name, value in timeouts.items() if value is not None}
    if trust is not None:
        shared["ansible_winrm_ca_trust_path"] = str(trust)
    entries = {}
    for host in hosts:
        entry = server.client_settings(host, USER, PASSWORD, "https" if trust else "http")
        entry["world"] = host.origin
        if not options.present:
            entry["rebootless_now"] = host.state.get("judged_at", host.state["clock"])
        if "azure" in host.state:
            entry["rebootless_azure"] = host.state["azure"]
        entries[host.name] = entry
    return {"all": {"children": {"windows": {"hosts": entries, "vars": shared}}}}


async def run(
    options: argparse.Namespace, hosts: Sequence[Host], executor: executors.Chosen, command: list[str], scratch: Path
) -> int:
    """Serve the hosts while the command runs."""
    trust = tls.make(scratch) if options.https else None
    serving = server.Server(
        hosts, executor.executor, user=USER, password=PASSWORD, tls=tls.context(scratch) if trust else None
    )
    stopped: list[int] = []
    stop = asyncio.Event()

    def asked(number: int) -> None:
        stopped.append(number)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, asked, number)
    try:
        await serving.start()
        (scratch / "inventory.yml").write_text(yaml.safe_dump(inventory(hosts, options, trust)), encoding="utf-8")
        status = await guarded(command, scratch, stop)
    finally:
        await serving.stop()
        if options.counters:
            write_counters(options.counters, hosts, executor.name)
        if options.save_worlds:
            save_worlds(options.save_worlds, {host.name: host.world() for host in hosts})
    return 128 + stopped[0] if stopped else status


async def guarded(command: list[str], scratch: Path, stop: asyncio.Event) -> int:
    """Run the command under a guard, which ends it when asked to and when this process is no more."""
    lifeline, held = os.pipe()
    environment = {**os.environ, "ANSIBLE_INVENTORY": str(scratch / "inventory.yml")}
    guard = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")), str(lifeline), str(scratch)]
    process = await asyncio.create_subprocess_exec(*guard, *command, env=environment, pass_fds=[lifeline])
    os.close(lifeline)
    ended, told = asyncio.ensure_future(process.wait()), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        status = await ended
        told.cancel()
        os.close(held)
    return status


def write_counters(path: Path, hosts: Sequence[Host], executor: str) -> None:
    """Write what the hosts counted."""
    data = {
        "schema": 1,
        "executor": executor,
        "seconds": max(host.elapsed() for host in hosts),
        "hosts": {host.name: host.counters.as_json() for host in hosts},
    }
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


class _Plain(yaml.SafeDumper):
    """YAML in which everything is written out, also what stands twice."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always."""
        return True


def save_worlds(folder: Path, found: Mapping[str, dict[str, Any]]) -> None:
    """Write worlds as files that can be loaded again; `folder` is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, world in found.items():
        text = yaml.dump(world, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=160, explicit_start=True)
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
