# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state directory that all runs on a fleet share: who holds a slot, which runs there are, and whether they live.

Not part of the pure core: it reads and writes files. Each file changes as a whole, under one lock, so whoever is killed
leaves files that can be read. What cannot be read is named in an error and never taken for nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import admission as fleet_admission
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.admission import Answer, Ask, Gate, iso
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.plan import Host
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import disk
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import heartbeat as fleet_beat

SCHEMA = 1
# How old the heartbeat of a run on another controller may be.
DEAD_AFTER = 60.0
# A heart that beats every few seconds and was not heard of for this long has stopped, and is started again.
SILENT = 15.0
# How long a host that was told to ask again goes before those after it, without asking.
PATIENCE = 15.0
STOP_READ = 4096
SAFE = " :@+=,"
LEASE: dict[str, tuple[type, ...]] = {
    "host": (str,),
    "run": (str,),
    "groups": (list,),
    "kind": (str,),
    "taken_at": (str,),
    "phase": (str, type(None)),
    "controller": (dict,),
}
RUN: dict[str, tuple[type, ...]] = {
    "run": (str,),
    "plan": (dict,),
    "spec": (dict,),
    "hosts": (dict,),
    "started_at": (str,),
    "controller": (dict,),
    "started": (dict,),
    "finished": (dict,),
    "stopped": (str, type(None)),
}


class StateError(ValueError):
    """A state directory that cannot be used, or a question that makes no sense there; the text names what and why."""


class DiskError(StateError, disk.RefusedError):
    """The system refused to read or write a file."""


class Held(NamedTuple):
    """Whether the slot of a host is still the run's that took it, and why not."""

    held: bool
    why: str


class Given(NamedTuple):
    """What became of a lease that was to be given back: the lease as it was, None when there was none."""

    released: bool
    lease: dict[str, Any] | None
    why: str


def controller() -> dict[str, Any]:
    """The ansible-playbook process: the parent of a worker as the fork told it, or this process when it is no worker.

    :raises StateError: it has ended already
    """
    parent = multiprocessing.parent_process()
    # After its end os.getppid() would name the first process of the machine.
    pid = os.getpid() if parent is None or parent.pid is None else parent.pid
    start = fleet_beat.started(pid)
    if start is None:
        raise StateError(f"The ansible-playbook process {pid} has ended.")
    return {"host": socket.gethostname(), "place": fleet_beat.place(), "pid": pid, "pid_start": start}


def file_name(name: str, ending: str) -> str:
    """The name of the file of a host or run; different names have different files."""
    quoted = urllib.parse.quote(name, safe=SAFE)
    return ("%2E" + quoted[1:] if quoted.startswith(".") else quoted) + ending


class State:
    """A state directory. Nothing is kept in memory, so every process and controller may have its own."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).absolute()
        self.lease_folder = self.folder / "leases"
        self.run_folder = self.folder / "runs"

    # --- runs ----------------------------------------------------------------------------------------------------

    def register(self, run: str, hosts: Sequence[Host], spec: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
        """Make a run known, alive from now on.

        :raises StateError: it is known already, its name is none, or the directory cannot be written
        """
        if not run.strip():
            raise StateError(f"run: {run!r} is no name of a run; give a text that no other run has.")
        with _errors(self.folder, "made"):
            for folder in (self.lease_folder, self.run_folder):
                folder.mkdir(parents=True, exist_ok=True)
        with self._locked(make=True):
            if self._run_file(run).exists():
                raise StateError(
                    f"run: {run} is in {self.folder} already; a run that goes on where another ended is a new one."
                )
            told = {host.name: {"groups": sorted(host.groups), "seconds": host.seconds} for host in hosts}
            self._touch(self.beat_file(run))
            self._write(
                self._run_file(run),
                {
                    "schema": SCHEMA,
                    "run": run,
                    "plan": plan,
                    "spec": spec,
                    "hosts": told,
                    "started_at": iso(datetime.now(UTC)),
                    "controller": controller(),
                    "started": {},
                    "finished": {},
                    "stopped": None,
                },
            )

    def start_beat(self, run: str) -> None:
        """Start the heartbeat of a run; it ends with the run's ansible-playbook. Without one the run is forgotten again.

        :raises StateError: it cannot be started
        """
        try:
            self._start_beat(self.run(run))
        except StateError:
            with contextlib.suppress(OSError):
                self._run_file(run).unlink()
            raise

    def watch(self, run: str) -> None:
        """Start the heartbeat of a run again when it has stopped: somebody may have killed it, or the disk was away.

        :raises StateError: it cannot be started, or a file is broken
        """
        if self._silence(run, self._clock()) is not None:
            with self._locked():
                self._revive(self._living(run, None))

    def _revive(self, found: Mapping[str, Any]) -> None:
        """Beat once and start the heartbeat again, if it has stopped. For who has the lock: nobody takes the run for dead then.

        :raises StateError: it cannot be started
        """
        silence = self._silence(found["run"], self._clock())
        if silence is not None:
            self._touch(self.beat_file(found["run"]))
            self._start_beat(found)

    def _silence(self, run: str, clock: float) -> float | None:
        """How long nothing was heard of the heartbeat of a run; None while it beats."""
        try:
            age = clock - self.beat_file(run).stat().st_mtime
        except FileNotFoundError:
            age = clock
        except OSError as error:
            raise _refused(self.beat_file(run), "read", error) from error
        # A time in the future is of a clock that was wrong: it says nothing of how long ago that was.
        return age if abs(age) >= SILENT else None

    def _start_beat(self, found: Mapping[str, Any]) -> None:
        """Start a process that beats for a run.

        :raises StateError: it cannot be started
        """
        run, whose = found["run"], found["controller"]
        script = [sys.executable, "-I", "-S", str(Path(fleet_beat.__file__))]
        told = [str(self.beat_file(run)), str(whose["pid"]), str(whose["pid_start"])]
        try:
            # It shares neither terminal nor pipes with Ansible, so nobody waits for it and no signal reaches it.
            subprocess.run(
                [*script, *told],
                check=True,
                cwd="/",
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=DEAD_AFTER,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise StateError(f"The heartbeat of run {run} cannot be started: {error}.") from error

    def end(self, run: str) -> None:
        """A run has come to its end, though its ansible-playbook may go on with another: what it leaves out is the next run's.

        :raises StateError: there is no such run, or the directory cannot be written
        """
        self.run(run)
        self._touch(self._end_file(run))

    def run(self, run: str) -> dict[str, Any]:
        """The file of a run.

        :raises StateError: there is none, or it is broken
        """
        found = self._read(self._run_file(run), RUN)
        if found is None:
            raise StateError(f"run: {run} is not in {self.folder}; fleet_plan registers it.")
        return found

    def seconds(self, run: str, host: str) -> int:
        """How long a host is likely to hold its slot, as it was planned.

        :raises StateError: there is no such run, it does not have the host, or its file is broken
        """
        found = self.run(run)
        self._has(found, host)
        return int(found["hosts"][host]["seconds"])

    def known(self, run: str) -> bool:
        """Whether a run was registered."""
        return self._run_file(run).exists()

    def gate(self, run: str) -> Gate:
        """Whether a run goes on; one that was stopped does not.

        :raises StateError: there is no such run, or its file is broken
        """
        found = self.run(run)
        verdict = fleet_admission.gate(found)
        if verdict.open and found["stopped"] is not None:
            return verdict._replace(open=False, why=f"The run was stopped: {found['stopped']}")
        return verdict

    def stop(self) -> str | None:
        """The reason in the stop file; None when there is no such file.

        :raises StateError: it is there and cannot be read
        """
        file = self.folder / "stop"
        try:
            with file.open("rb") as handle:
                return handle.read(STOP_READ).decode("utf-8", "replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"The stop file {file} cannot be read: {error.strerror or error}.") from error

    # --- leases --------------------------------------------------------------------------------------------------

    def leases(self) -> list[dict[str, Any]]:
        """All leases by host, with `alive` of each: whether its run lives. One that does not is an orphan.

        :raises StateError: naming a file that is broken
        """
        found = [self._read(file, LEASE) for file in self._lease_files()]
        clock = self._clock() if found else 0.0
        alive: dict[str, bool] = {}
        leases = []
        for lease in filter(None, found):
            whose = json.dumps([lease["run"], lease["controller"]], sort_keys=True)
            if whose not in alive:
                alive[whose] = self._alive(lease["run"], lease["controller"], clock)
            leases.append(lease | {"alive": alive[whose]})
        return leases

    def lease(self, host: str) -> dict[str, Any] | None:
        """The lease of a host, if it has one.

        :raises StateError: its file is broken
        """
        return self._read(self._lease_file(host), LEASE)

    def take(self, run: str, ask: Ask, phase: str | None = None) -> Answer:
        """Ask for a slot once; on yes the host has its lease. Never waits for anything but the lock.

        :raises StateError: the run has ended, does not have the host, or a file is broken
        """
        found, _leases, ask, answer = self._asked(run, ask)
        if not answer.waits:
            # Only an answer that is given in the lock may be acted on; those that wait leave the lock to others.
            with self._locked():
                found, leases, ask, answer = self._asked(run, ask)
                if answer.admitted:
                    self._admitted(found, leases, ask, phase)
                elif answer.code == "gate_closed" and found["stopped"] is None:
                    self._write(self._run_file(run), found | {"stopped": answer.why})
        self._wait(found, ask.host, waits=answer.code == fleet_admission.WAIT_LIMIT)
        return answer

    def held(self, run: str, host: str) -> Held:
        """Whether the slot of a host is still the run's. To be asked immediately before each change of the host.

        A run that was not heard of for a minute is taken for dead, and its hosts are another run's then. On yes nobody has
        taken it for dead, and nobody will for another minute: its heartbeat is started again if it has stopped.

        :raises StateError: nobody can tell, so the host must not be changed
        """
        with self._locked():
            found = self._living(run, host)
            lease = self.lease(host)
            if lease is None:
                return Held(False, f"The slot that run {run} had for the host is gone.")
            if lease["run"] != run:
                return Held(False, f"The slot of the host is run {lease['run']}'s now, which took run {run} for dead.")
            self._revive(found)
            return Held(True, "The host has its slot.")

    def still_waits(self, run: str, host: str) -> None:
        """Keep the place of a host that was told to ask again."""
        with contextlib.suppress(OSError):
            os.utime(self._waiting(run) / file_name(host, ""))

    def changes(self, run: str) -> tuple[object, ...]:
        """Something that is another as soon as an answer could be another, leaving aside what time alone brings."""
        marks: list[object] = []
        for file in (self.lease_folder, self._run_file(run), self.folder / "stop"):
            try:
                found = file.stat()
            except OSError:
                marks.append(None)
            else:
                marks.append((found.st_mtime_ns, found.st_ino))
        return tuple(marks)

    def release(self, run: str, host: str, outcome: Mapping[str, Any] | None = None) -> Given:
        """Give the slot of a host back, after how it ended is written down: `{outcome, failed}`.

        A lease that is not the run's stays, and so does one that the run could not take over wholly: nothing was done to
        its host, which an ended run has left out.

        :raises StateError: there is no such run, it does not have the host, or a file is broken
        """
        with self._locked():
            self._finish(run, host, outcome)
            lease = self.lease(host)
            if lease is None:
                return Given(False, None, "The host has no slot.")
            if lease["run"] != run:
                return Given(False, lease, f"The slot is run {lease['run']}'s.")
            if host not in self.run(run)["started"]:
                return Given(
                    False, lease, "The slot stays taken: an ended run left it, and nobody has looked at the host."
                )
            self._remove(self._lease_file(host))
            return Given(True, lease, "The slot is free.")

    def keep(self, run: str, host: str, outcome: Mapping[str, Any]) -> Given:
        """A host has ended and stays out of service: how it ended is written down, its lease stays and counts.

        When the run has ended the lease is an orphan, which a later run takes over.

        :raises StateError: there is no such run, it does not have the host, or a file is broken
        """
        with self._locked():
            self._finish(run, host, outcome)
            lease = self.lease(host)
            if lease is None:
                return Given(False, None, "The host has no slot.")
            if lease["run"] != run:
                return Given(False, lease, f"The slot is run {lease['run']}'s.")
            self._write(self._lease_file(host), lease | {"kind": "restart", "phase": str(outcome["outcome"])})
            return Given(False, lease, "The slot stays taken: the host is out of service.")

    def looked(self, run: str, host: str) -> Given:
        """A host that an ended run left out was looked at and is in service: its lease goes.

        :raises StateError: the looking run has ended, there is none, or a file is broken
        """
        with self._locked():
            self._living(run, None)
            return self._free_orphan(host)

    def force(self, host: str) -> Given:
        """An operator says that a host is in service which an ended run left out: its lease goes.

        :raises StateError: a file is broken
        """
        with self._locked():
            return self._free_orphan(host)

    # --- inside --------------------------------------------------------------------------------------------------

    def beat_file(self, run: str) -> Path:
        """The file that the heartbeat of a run touches."""
        return self.run_folder / file_name(run, ".beat")

    def _end_file(self, run: str) -> Path:
        """The file that is there when a run has come to its end, though its ansible-playbook may go on."""
        return self.run_folder / file_name(run, ".ended")

    def _run_file(self, run: str) -> Path:
        return self.run_folder / file_name(run, ".json")

    def _lease_file(self, host: str) -> Path:
        return self.lease_folder / file_name(host, ".json")

    def _waiting(self, run: str) -> Path:
        """The folder with a file for each host of a run that waits for the limits."""
        return self.run_folder / file_name(run, ".waiting")

    def _lease_files(self) -> list[Path]:
        try:
            return sorted(file for file in self.lease_folder.iterdir() if not file.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _refused(self.lease_folder, "read", error) from error

    def _living(self, run: str, host: str | None) -> dict[str, Any]:
        """The run, which lives and has the host.

        :raises StateError: it does not
        """
        found = self.run(run)
        if host is not None:
            self._has(found, host)
        # The workers of an ansible-playbook that was killed go on asking.
        if not self._alive(run, found["controller"], self._clock()):
            raise StateError(f"run: {run} has ended; a run that goes on where another ended is a new one.")
        return found

    @staticmethod
    def _has(found: Mapping[str, Any], host: str) -> None:
        if host not in found["hosts"]:
            raise StateError(f"host: {host} is not in the plan of run {found['run']}.")

    def _alive(self, run: str, whose: Mapping[str, Any], clock: float) -> bool:
        """Whether a run has not come to its end, and its controlling process runs here or was heard of elsewhere."""
        if self._end_file(run).exists():
            return False
        here = (socket.gethostname(), fleet_beat.place())
        if (whose["host"], whose["place"]) == here:
            return bool(fleet_beat.started(whose["pid"]) == whose["pid_start"])
        file = self.beat_file(run)
        try:
            age = clock - file.stat().st_mtime
            if age <= -DEAD_AFTER:
                # A time in the future is no word of a living run, and none of a dead one: from now on it has a minute to beat.
                os.utime(file)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _refused(file, "read", error) from error
        return age < DEAD_AFTER

    def _clock(self) -> float:
        """The time of the disk, by which heartbeats are judged: another controller's clock may be wrong, or ours."""
        file = self.folder / "lock"
        with _errors(file, "touched"):
            os.utime(file)
            return file.stat().st_mtime

    def _asked(self, run: str, ask: Ask) -> tuple[dict[str, Any], list[dict[str, Any]], Ask, Answer]:
        """The run, all leases, the question with what the directory adds to it, and the answer."""
        found = self._living(run, ask.host)
        leases = self.leases()
        ask = ask._replace(stop=self.stop(), ahead=self._ahead(found, ask))
        return found, leases, ask, fleet_admission.admit(found, leases, ask)

    def _admitted(
        self, found: dict[str, Any], leases: Sequence[Mapping[str, Any]], ask: Ask, phase: str | None
    ) -> None:
        """Write the lease, then that the host has started: a run that is killed between is missed at no host."""
        old = next((lease for lease in leases if lease["host"] == ask.host), None)
        mine = old is not None and old["run"] == found["run"]
        lease = {
            "schema": SCHEMA,
            "host": ask.host,
            "run": found["run"],
            "groups": found["hosts"][ask.host]["groups"],
            # A host that is out stays counted, whatever is done to it next.
            "kind": "restart" if old is not None and old["kind"] == "restart" else ask.kind,
            "taken_at": old["taken_at"] if old is not None and mine else iso(ask.now),
            "phase": old["phase"] if old is not None and mine and phase is None else phase,
            "controller": found["controller"],
        }
        if old is None or {key: old[key] for key in lease} != lease:
            self._write(self._lease_file(ask.host), lease)
        if ask.host in found["started"]:
            return
        try:
            self._write(self._run_file(found["run"]), found | {"started": found["started"] | {ask.host: iso(ask.now)}})
        except StateError:
            if old is None:
                # The caller is told no, so nothing will be done to the host.
                self._remove(self._lease_file(ask.host))
            raise

    def _finish(self, run: str, host: str, outcome: Mapping[str, Any] | None) -> None:
        """Write down how a host ended, where that is known, and that it no longer waits."""
        found = self.run(run)
        self._has(found, host)
        if outcome is not None:
            ended = {"outcome": outcome["outcome"], "failed": outcome["failed"], "at": iso(datetime.now(UTC))}
            self._write(self._run_file(run), found | {"finished": found["finished"] | {host: ended}})
        self._wait(found, host, waits=False)

    def _free_orphan(self, host: str) -> Given:
        lease = next((lease for lease in self.leases() if lease["host"] == host), None)
        if lease is None:
            return Given(False, None, "The host has no slot.")
        if lease["alive"]:
            return Given(False, lease, f"Run {lease['run']}, whose slot it is, lives.")
        self._remove(self._lease_file(host))
        return Given(True, lease, f"The slot that run {lease['run']} left behind is free.")

    def _ahead(self, found: Mapping[str, Any], ask: Ask) -> tuple[str, ...]:
        """The hosts before this one in the plan's order that wait for the limits and were heard of lately."""
        if ask.kind != "restart":
            return ()
        waiting = set()
        clock = self._clock()
        folder = self._waiting(found["run"])
        with contextlib.suppress(FileNotFoundError):
            # Without a mark a host only loses its place in the order.
            waiting = {file.name for file in os.scandir(folder) if abs(clock - file.stat().st_mtime) < PATIENCE}
        order = found["plan"]["order"]
        before = order[: order.index(ask.host)] if waiting and ask.host in order else ()
        return tuple(name for name in before if file_name(name, "") in waiting)

    def _wait(self, found: Mapping[str, Any], host: str, *, waits: bool) -> None:
        """Mark that a host waits for the limits, or no longer does."""
        file = self._waiting(found["run"]) / file_name(host, "")
        with contextlib.suppress(OSError):
            if waits:
                file.parent.mkdir(exist_ok=True)
                file.touch(0o660)
            else:
                file.unlink()

    @contextmanager
    def _locked(self, *, make: bool = False) -> Iterator[None]:
        """Be the only one of all processes and controllers.

        :raises StateError: the directory is not there or cannot be written
        """
        file = self.folder / "lock"
        with _errors(file, "locked"):
            handle = self._lock(file, make)
        try:
            yield
        finally:
            os.close(handle)

    @staticmethod
    def _lock(file: Path, make: bool) -> int:
        while True:
            # For writing: a network disk gives exclusive locks on nothing else.
            handle = os.open(file, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if make else 0), 0o660)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(handle), file.stat()):
                    return handle
            except BaseException:
                os.close(handle)
                raise
            # Somebody has put another file in its place meanwhile, and others lock that.
            os.close(handle)

    @staticmethod
    def _touch(file: Path) -> None:
        with _errors(file, "written"):
            file.touch(0o660)

    def _read(self, file: Path, kinds: Mapping[str, tuple[type, ...]]) -> dict[str, Any] | None:
        """A file of the directory; None when it is not there.

        :raises StateError: it is broken
        """
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused(file, "read", error) from error
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            raise self._broken(file, "is not JSON") from None
        if not isinstance(found, dict):
            raise self._broken(file, "is not an object")
        if found.get("schema") != SCHEMA:
            raise self._broken(file, f"has schema {json.dumps(found.get('schema'))}, not {SCHEMA}")
        wrong = [key for key, allowed in kinds.items() if key not in found or not isinstance(found[key], allowed)]
        whose = found.get("controller")
        if isinstance(whose, dict) and not {"host", "place", "pid", "pid_start"} <= whose.keys():
            wrong.append("controller")
        if wrong:
            raise self._broken(file, f"lacks {', '.join(wrong)} or has it of a wrong kind")
        if file.name != file_name(found["host" if "host" in kinds else "run"], ".json"):
            raise self._broken(file, "is not named after what it holds")
        return found

    @staticmethod
    def _broken(file: Path, what: str) -> StateError:
        return StateError(
            f"{file} {what}; look whether a host was left out of service, put it back, then remove the file by hand."
        )

    @staticmethod
    def _write(file: Path, content: Mapping[str, Any]) -> None:
        """Put a whole file in place, on disk when this returns: under another name first, then renamed.

        :raises StateError: the old file is as it was then
        """
        # Only who has the lock writes, so what is left here under this name is of somebody killed.
        new = file.with_name(f".{file.name}.new")
        with _errors(file, "written"):
            new.unlink(missing_ok=True)
            try:
                with open(new, "x", encoding="ascii", opener=_opener) as handle:
                    json.dump(content, handle, separators=(",", ":"))
                    handle.flush()
                    os.fsync(handle.fileno())
                new.replace(file)
            except BaseException:
                new.unlink(missing_ok=True)
                raise
            _sync_folder(file.parent)

    @staticmethod
    def _remove(file: Path) -> None:
        with _errors(file, "removed"):
            file.unlink(missing_ok=True)
            _sync_folder(file.parent)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o660)


def _sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _errors(file: Path, done: str) -> Iterator[None]:
    """Say with the name of the file what the system refused.

    :raises DiskError: in place of every OSError
    """
    try:
        yield
    except OSError as error:
        raise _refused(file, done, error) from error


def _refused(file: Path, done: str, error: OSError) -> DiskError:
    """What the system refused, with the name of the file."""
    return DiskError(f"{file} cannot be {done}: {error.strerror or error}.").because(error)
