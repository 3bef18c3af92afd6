# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PowerShell behind the simulated hosts: find pwsh, keep processes warm, put the fake Windows under a payload."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ctypes
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import payload

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[2]
WORKER = HERE.parent / "powershell" / "worker.ps1"
CACHE = REPO / "build" / "fleet"

SEPARATOR = "\0\0\0\0"
SHIM = "Sim.Shim.psm1"
# The worker names the file: the payload stays small, the module's own runspace imports it from disk.
SHIM_TEXT = "Import-Module -Name $env:SIM_SHIM -Scope Global -DisableNameChecking"
# What needs Windows' own API; the server does the work of these itself.
OUTER_ACTIONS = frozenset({"async_wrapper", "async_watchdog", "become_wrapper"})

NESTED = re.compile(r"(?is)^\s*&?\s*(?:powershell|pwsh)(?:\.exe)?\s.*?-EncodedCommand\s+['\"]?([A-Za-z0-9+/=]+)")
PR_SET_PDEATHSIG = 1
OLDEST = (7, 5)


class PwshNotFound(RuntimeError):
    """No usable pwsh on this machine."""


def _version(path: str) -> tuple[int, ...]:
    try:
        shown = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.search(r"(\d+)\.(\d+)", shown)
    return (int(found[1]), int(found[2])) if found else ()


def _candidates() -> Iterable[str]:
    if os.environ.get("REBOOTLESS_PWSH"):
        yield os.environ["REBOOTLESS_PWSH"]
    on_path = shutil.which("pwsh")
    if on_path and _version(on_path) >= OLDEST:
        yield on_path
    yield str(REPO.parent / "shared" / "powershell" / "pwsh")


def find_pwsh() -> str | None:
    """The pwsh to use: REBOOTLESS_PWSH, 7.5 or newer on PATH, the one given beside the checkout; None without any."""
    return next((path for path in _candidates() if os.access(path, os.X_OK)), None)


def unwrap(script: str) -> str:
    """The innermost script: ansible-core 2.18 encodes an action plugin's command line a second time."""
    while found := NESTED.match(script):
        script = base64.b64decode(found[1]).decode("utf-16-le")
    return script


def _inject_new(head: str, manifest: dict[str, Any], code: str) -> tuple[str, str, list[Any]]:
    """ansible-core 2.19 and newer: a list of actions, each with parameters."""
    boot = json.loads(head)
    boot["params"]["MinOSVersion"] = None  # needs the version resource of kernel32.dll
    if "PwshPath" in boot["params"]:
        boot["params"]["PwshPath"] = None  # 2.21 would start another interpreter
    manifest["scripts"][SHIM] = {"path": SHIM, "script": code}
    taken = [action for action in manifest["actions"] if action["name"].removesuffix(".ps1") in OUTER_ACTIONS]
    manifest["actions"] = [action for action in manifest["actions"] if action not in taken]
    for action in manifest["actions"]:
        if action["params"].get("ForModule"):
            action["params"]["PowerShellModules"] = [SHIM, *(action["params"].get("PowerShellModules") or [])]
    return json.dumps(boot) + "\n", "\n" + json.dumps(manifest), taken


def _inject_old(head: str, manifest: dict[str, Any], code: str) -> tuple[str, str, list[Any]]:
    """ansible-core 2.18: one flat object, actions are names."""
    manifest["powershell_modules"] = {SHIM.removesuffix(".psm1"): code, **manifest["powershell_modules"]}
    manifest["min_os_version"] = None
    taken = [action for action in manifest["actions"] if action in OUTER_ACTIONS]
    manifest["actions"] = [action for action in manifest["actions"] if action not in taken]
    return head, json.dumps(manifest), taken


def inject(stdin: bytes) -> tuple[bytes, list[Any]]:
    """Put the fake Windows first among the module's PowerShell utils, and take out what only Windows can do.

    :returns: the new payload, and the actions taken out (async, become)
    """
    if SEPARATOR.encode() not in stdin:
        return stdin, []
    head, separator, rest = payload.expanded(stdin).decode().partition(SEPARATOR)
    body, separator_of_data, data = rest.partition(SEPARATOR)
    manifest = json.loads(body)
    code = base64.b64encode(SHIM_TEXT.encode()).decode()
    way = _inject_new if head.lstrip().startswith("{") else _inject_old
    head, body, taken = way(head, manifest, code)
    if separator_of_data:
        body += "\n"
    return (head + separator + body + separator_of_data + data).encode(), taken


def skip_compiled(stdin: bytes, compiled: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """Take the C# utils out of a payload that a process has compiled before: types are process-wide, half the time is theirs.

    :returns: the payload, and what it compiles or has compiled: name of the util and hash of its code
    """
    if SEPARATOR.encode() not in stdin:
        return stdin, {}
    head, separator, rest = stdin.decode().partition(SEPARATOR)
    body, separator_of_data, data = rest.partition(SEPARATOR)
    manifest = json.loads(body)
    if "scripts" in manifest:
        holders = [(action["params"], "CSharpModules") for action in manifest["actions"]]
        codes = {name: script["script"] for name, script in manifest["scripts"].items()}
    else:
        holders = [(manifest, "csharp_utils_module")]
        codes = manifest["csharp_utils"]
    utils: dict[str, str] = {}
    for holder, key in holders:
        names = holder.get(key) or ()
        here = {name.removesuffix(".cs"): hashlib.sha256(codes[name].encode()).hexdigest() for name in names}
        if here and here.items() <= compiled.items():
            holder[key] = []
        utils |= here
    ending = "\n" if separator_of_data else ""
    return (head + separator + "\n" + json.dumps(manifest) + ending + separator_of_data + data).encode(), utils


def _die_with_parent() -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def arrange() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call
            os._exit(1)

    return arrange


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    raise TypeError(f"{value!r} in a world cannot be given to PowerShell")


class _Worker:
    """One warm pwsh process. Talks one line per request."""

    def __init__(self, process: asyncio.subprocess.Process, requests: asyncio.StreamWriter, directory: Path) -> None:
        self.process = process
        self.requests = requests
        self.compiled: dict[str, str] = {}
        self.world = directory / f"world-{process.pid}.json"

    @classmethod
    async def start(cls, pwsh: str, directory: Path) -> _Worker:
        environment = os.environ | {
            "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",
            "POWERSHELL_TELEMETRY_OPTOUT": "1",
            "TMPDIR": str(directory),
        }
        # Not its standard input: pwsh -File takes that for the script's pipeline.
        reading, writing = os.pipe()
        command = [pwsh, "-NoProfile", "-NonInteractive", "-File", str(WORKER), "-Cache", str(CACHE)]
        process = await asyncio.create_subprocess_exec(
            *command,
            "-Requests",
            f"/dev/fd/{reading}",
            pass_fds=[reading],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            limit=64 << 20,
            preexec_fn=_die_with_parent(),
            start_new_session=True,
        )
        os.close(reading)
        loop = asyncio.get_running_loop()
        pipe = os.fdopen(writing, "wb", buffering=0)
        transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, pipe)
        return cls(process, asyncio.StreamWriter(transport, protocol, None, loop), directory)

    async def ask(self, world: dict[str, Any], script: str, stdin: bytes) -> tuple[int, bytes, bytes]:
        """Run one payload over one world. A process that ends instead of answering is an answer too."""
        stdin, utils = skip_compiled(stdin, self.compiled)
        self.world.write_text(json.dumps(world, default=_plain), encoding="utf-8")
        request = {"world": str(self.world), "script": script, "payload": base64.b64encode(stdin).decode()}
        assert self.process.stdout is not None
        with contextlib.suppress(ConnectionError):
            self.requests.write(json.dumps(request).encode() + b"\n")
            await self.requests.drain()
        line = await self.process.stdout.readline()
        if not line:
            return 1, b"", b"the PowerShell process ended"
        answer = json.loads(line)
        if answer["rc"] == 0:
            self.compiled |= utils
        return int(answer["rc"]), answer["stdout"].encode(), answer["stderr"].encode()

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            # The whole session: a hanging program of the world goes too.
            os.killpg(self.process.pid, signal.SIGKILL)
        self.requests.close()
        await self.process.wait()


class Pool:
    """Up to `size` warm processes; each runs one payload at a time, because types and [Console]::Out are process-wide."""

    def __init__(self, size: int, pwsh: str | None = None) -> None:
        found = pwsh or find_pwsh()
        if found is None:
            raise PwshNotFound("no pwsh found: put PowerShell 7.5 or newer on PATH, or name one in REBOOTLESS_PWSH")
        self.pwsh = found
        self._slots = asyncio.Semaphore(size)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._directory = tempfile.TemporaryDirectory(prefix="simfleet-")

    async def run(
        self, world_state: dict[str, Any], script: str, stdin: bytes, timeout: float
    ) -> tuple[int, bytes, bytes]:
        """Run a decoded bootstrap script with its standard input on a host of this world.

        :returns: exit code, standard output, standard error
        :raises TimeoutError: it took longer than `timeout`; the process is gone then
        """
        try:
            stdin, _taken = inject(stdin)
        except (ValueError, KeyError, TypeError) as error:
            return 1, b"", f"the payload cannot be read: {type(error).__name__}: {error}".encode()
        async with self._slots:
            worker = await self._take(stdin)
            answer = None
            try:
                answer = await asyncio.wait_for(worker.ask(world_state, unwrap(script), stdin), timeout)
            finally:
                if answer is not None and worker.alive:
                    self._idle.append(worker)
                else:
                    await worker.kill()
                    self._all.discard(worker)
            return answer

    async def _take(self, stdin: bytes) -> _Worker:
        """An idle process, or a new one in the place of one that died or has compiled another ansible-core's utils."""
        _stdin, utils = skip_compiled(stdin, {})
        while self._idle:
            worker = self._idle.pop()
            if worker.alive and not any(worker.compiled.get(name, code) != code for name, code in utils.items()):
                return worker
            await worker.kill()
            self._all.discard(worker)
        worker = await _Worker.start(self.pwsh, Path(self._directory.name))
        self._all.add(worker)
        return worker

    async def close(self) -> None:
        """End every process."""
        for worker in list(self._all):
            await worker.kill()
        self._all.clear()
        self._idle.clear()
        self._directory.cleanup()
