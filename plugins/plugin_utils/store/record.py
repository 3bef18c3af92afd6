# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run record: append-only JSON lines with every host's steps, and what a report makes of them.

With `releases` one of the two modules of the core that touch files.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import rounds as host_rounds
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import disk, record_shapes

SCHEMA = 1
# Steps of the run itself belong to no host.
RUN_STEPS = ("run_started", "run_finished")
HOST_STEPS = (
    "decided",
    "slot_taken",
    "preflight",
    "downloaded",
    "verified_before",
    "announced",
    "drained",
    "installing",
    "installed",
    "removing",
    "removed",
    "verified_after",
    "bitlocker_suspending",
    "restarting",
    "restarted",
    "bitlocker_resumed",
    "undrained",
    "host_finished",
    "slot_released",
)
STEPS = ("run_started", *HOST_STEPS, "run_finished")
# What has been done must not be lost. Of what is about to be done nothing is done when it cannot be recorded.
DONE_STEPS = (
    "downloaded",
    "drained",
    "installed",
    "removed",
    "verified_after",
    "restarted",
    "bitlocker_resumed",
    "undrained",
    "host_finished",
    "slot_released",
    "run_finished",
)
RESTART_KEYS = ("consent", "consent_by", "reason", "before", "after", "build", "state")
# What installations need to be told as one.
INSTALL_KEYS = {"outcome", "updates", "words", "changed", "started_at", "seconds", "proof"}
PROOF_KEYS = {"before", "after", "track_kept", "restart_wanted_by"}
MOMENT_KEYS = {"boot", "build", "kbs"}
UPDATE_KEYS = {"id", "kb", "title", "result", "hresult", "message", "reoffered"}
LEFT_SUSPENDED = (
    "BITLOCKER MAY STILL BE SUSPENDED: this run was about to suspend it, and nothing tells that it is on again. "
    "Resume it: Resume-BitLocker -MountPoint $env:SystemDrive."
)
# Values of a wrong kind that are named of one line.
MOST_NAMED = 3
HIDDEN = "(not recorded)"
# The word must end the key or a part of it: the service `TokenBroker` is no secret. The short ones must begin it too.
_SECRET = re.compile(
    r"passw(or)?d|passphrase|connection[_-]?string"
    r"|((?<![a-z])(pass|auth|bearer|sas|pin)"
    r"|pwd|token|secret|credential|authorization|cookie|(api|access|account|private|shared|secret)[_-]?key)s?\d*"
    r"(value|text)?([\W_]|$)",
    re.IGNORECASE,
)
# Whatever a header's name: its value is for one server alone.
_HEADERS = re.compile(r"(^|[\W_])headers?$", re.IGNORECASE)
_KINDS: dict[str, tuple[type, ...]] = {
    "run": (str,),
    "at": (str,),
    "host": (str, type(None)),
    "step": (str,),
    "data": (dict,),
}


class RecordError(ValueError):
    """A record that cannot be written or read; its text names the file and says why."""


class DiskError(RecordError, disk.RefusedError):
    """The system refused to read or write the record."""


def entry(run: str, step: str, host: str | None, data: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A line of the record as a mapping.

    :raises RecordError: the run has no name, the step is unknown, a step of a host names none, or what it tells is of a wrong kind
    """
    if not run.strip():
        raise RecordError(f"run: {run!r} is no name of a run; give a text that no other run has.")
    if step not in STEPS:
        raise RecordError(f"step: {step!r} is unknown; it is one of {', '.join(STEPS)}.")
    if step in HOST_STEPS and not host:
        raise RecordError(f"host: {host!r} is no host, and {step} is a step of one.")
    held, wrong = record_shapes.held(step, data)
    if wrong:
        raise RecordError(f"data: of step {step} {'; '.join(wrong[:MOST_NAMED])}.")
    at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"schema": SCHEMA, "run": run, "at": at, "host": host, "step": step, "data": held}


def plain(value: object, key: str = "") -> Any:
    """The value as JSON knows it, with what stands under the key of a secret replaced.

    What JSON does not know becomes text; a number that is none (NaN, infinity) becomes null.
    """
    if value is None or isinstance(value, bool):
        return value
    if _SECRET.search(key):
        return HIDDEN
    if isinstance(value, Mapping):
        hidden = _HEADERS.search(key) is not None
        return {str(name): HIDDEN if hidden else plain(item, str(name)) for name, item in value.items()}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [plain(item) for item in value]
    if isinstance(value, Set):
        return sorted((plain(item) for item in value), key=str)
    return value.isoformat() if isinstance(value, date) else str(value)


def append(path: str | Path, line: Mapping[str, Any]) -> None:
    """Put one line at the end of the record: locked, in one write, on disk when this returns.

    A line that an earlier writer could not finish is closed first, so that it takes no other with it.

    :raises RecordError: naming the file, for example when the disk is full; nothing of the line is left then
    """
    text = (json.dumps(plain(line), separators=(",", ":")) + "\n").encode("ascii")
    file = Path(path)
    with _errors(file, "written"):
        file.parent.mkdir(parents=True, exist_ok=True)
        with _opened(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, fcntl.LOCK_EX) as handle:
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":
                text = b"\n" + text
            _write(handle, text, size)
            os.fsync(handle)
        if not size:
            # A new file is only there after a crash when its folder is on disk too.
            _sync_folder(file.parent)


def read(path: str | Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The entries of a record in the order written, and a sentence for each line that is none.

    :raises RecordError: the file cannot be read at all
    """
    file = Path(path)
    with (
        _errors(file, "read"),
        _opened(file, os.O_RDONLY, fcntl.LOCK_SH) as handle,
        open(handle, "rb", closefd=False) as stream,
    ):
        content = stream.read()
    return parse(content, str(path))


def parse(content: bytes, name: str = "the record") -> tuple[list[dict[str, Any]], list[str]]:
    """The entries in the content of a record, and a sentence for each line that is none."""
    entries, problems = [], []
    lines = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = _line(line)
        if isinstance(found, dict):
            entries.append(found)
        elif number == len(lines):
            problems.append(f"{name} line {number}: cut off after {len(line)} bytes.")
        else:
            problems.append(f"{name} line {number}: {found}.")
    return entries, problems


def _line(line: bytes) -> dict[str, Any] | str:
    """The entry of a line, or what is wrong with it."""
    try:
        found = json.loads(line.decode("utf-8"), parse_constant=_number, parse_float=_number)
    # Deep nesting ends in a RecursionError.
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(found, dict):
        return "not an object"
    if found.get("schema") != SCHEMA:
        return f"schema {json.dumps(found.get('schema'))} is unknown, it should be {SCHEMA}"
    wrong = [key for key, kinds in _KINDS.items() if key not in found or not isinstance(found[key], kinds)]
    if wrong:
        return f"{', '.join(wrong)} missing or of a wrong kind"
    held, wrong = record_shapes.held(found["step"], found["data"])
    return f"{found['step']}: {'; '.join(wrong[:MOST_NAMED])}" if wrong else found | {"data": held}


def _number(text: str) -> float:
    """A number of a line; NaN and the infinities are none: the record writes none, and no report could be written with one.

    :raises ValueError: it is none
    """
    found = float(text.replace("Infinity", "inf"))
    if not math.isfinite(found):
        raise ValueError(f"{text} is no JSON")
    return found


@contextmanager
def _errors(file: Path, done: str) -> Iterator[None]:
    """Say with the name of the file what the system refused.

    :raises DiskError: in place of every OSError
    """
    try:
        yield
    except OSError as error:
        said = f"The run record {file} cannot be {done}: {error.strerror or error}."
        raise DiskError(said).because(error) from error


@contextmanager
def _opened(file: Path, flags: int, lock: int) -> Iterator[int]:
    """The file's descriptor while this process holds the lock on it; closing it gives the lock back."""
    handle = os.open(file, flags | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(handle, lock)
        yield handle
    finally:
        os.close(handle)


def _write(handle: int, text: bytes, size: int) -> None:
    """Write all, or leave the file as long as it was.

    :raises OSError: the system's own
    """
    rest = text
    try:
        # One write; the system takes less only when it cannot take more, and the next one tells why.
        while rest:
            rest = rest[os.write(handle, rest) :]
    except OSError:
        if rest != text:
            os.ftruncate(handle, size)
        raise


def _sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- what a report is made of ------------------------------------------------------------------------------------


def runs(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the runs in a record, in the order in which they began."""
    return list(dict.fromkeys(str(one["run"]) for one in entries))


def about(entries: Sequence[Mapping[str, Any]], run: str) -> dict[str, Any]:
    """`{id, started_at, ended_at, data}` of a run; null for what the record does not hold.

    :raises RecordError: there is no such run
    """
    mine = _of(entries, run)
    started = [one for one in mine if one["step"] == "run_started"]
    ended = [one for one in mine if one["step"] == "run_finished"]
    return {
        "id": run,
        "started_at": started[0]["at"] if started else None,
        "ended_at": ended[-1]["at"] if ended else None,
        "data": started[0]["data"] if started else {},
    }


def results(entries: Sequence[Mapping[str, Any]], run: str) -> list[dict[str, Any]]:
    """What became of every host of a run, by name: `{name, decision, install, verify, restart, outcome, words, next_step, failed}`.

    Hosts that `run_started` names under `hosts` and that have no step are there too, as `not_started`.

    :raises RecordError: there is no such run
    """
    mine = _of(entries, run)
    steps: dict[str, list[Mapping[str, Any]]] = {}
    for one in mine:
        if one["step"] == "run_started" and isinstance(one["data"].get("hosts"), list):
            for name in one["data"]["hosts"]:
                steps.setdefault(str(name), [])
        if one["host"] is not None:
            steps.setdefault(one["host"], []).append(one)
    return [_result(name, steps[name]) for name in sorted(steps)]


def decisions(entries: Sequence[Mapping[str, Any]], run: str) -> list[dict[str, Any]]:
    """The decision of every host of a run that has one, by name.

    :raises RecordError: there is no such run
    """
    return [one["decision"] for one in results(entries, run) if one["decision"] is not None]


def last(path: str | Path, host: str) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """The last decision on a host in any run, and what was installed by it; None for what the record does not have.

    :raises RecordError: there is a file and it cannot be read
    """
    if not Path(path).exists():
        return None, None
    decision = install = None
    for one in read(path)[0]:
        if one["host"] == host and one["step"] == "decided":
            decision, install = one["data"], None
        elif one["host"] == host and one["step"] == "installed":
            install = one["data"]
    return decision, install


def slot_seconds(path: str | Path) -> dict[str, int]:
    """How long each host last held a slot to restart, in any run in which it ended well; empty without a record.

    :raises RecordError: there is a file and it cannot be read
    """
    if not Path(path).exists():
        return {}
    held: dict[str, int] = {}
    taken: dict[tuple[str, str], Mapping[str, Any]] = {}
    for one in read(path)[0]:
        key = (str(one["run"]), str(one["host"]))
        if one["step"] == "slot_taken":
            taken[key] = one
        elif one["step"] == "slot_released" and key in taken:
            begun = taken.pop(key)
            if begun["data"].get("kind") == "restart" and one["data"].get("failed") is False:
                # A time that is none, which nobody but a hand can have written, measures nothing.
                with suppress(ValueError, TypeError):
                    passed = datetime.fromisoformat(one["at"]) - datetime.fromisoformat(begun["at"])
                    held[key[1]] = max(0, int(passed.total_seconds()))
    return held


def _of(entries: Sequence[Mapping[str, Any]], run: str) -> list[Mapping[str, Any]]:
    """The entries of one run.

    :raises RecordError: there are none
    """
    mine = [one for one in entries if one["run"] == run]
    if not mine:
        known = ", ".join(runs(entries)[-10:]) or "none"
        raise RecordError(f"run: {run!r} is not in the record; its last runs are: {known}.")
    return mine


def _result(name: str, steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The result of one host from its steps in the order written."""
    last = {one["step"]: one["data"] for one in steps}
    finished = last.get("host_finished", {})
    decision, install = _decision(steps), _install(steps)
    restarted = restarts(steps)
    words = finished.get("words") or (install or {}).get("words") or []
    words = [words] if isinstance(words, str) else [str(one) for one in words]
    failed = finished.get("failed")
    if _left_suspended(steps):
        words, failed = [*words, LEFT_SUSPENDED], True
    verify = {"before": last.get("verified_before"), "after": last.get("verified_after")}
    return {
        "name": name,
        "decision": decision,
        "install": install,
        "verify": verify if any(verify.values()) else None,
        "restart": restarted[-1] if restarted else None,
        "outcome": str(finished.get("outcome") or _outcome(steps, decision, install)),
        "words": words,
        "next_step": finished.get("next_step"),
        "failed": failed,
    }


def _left_suspended(steps: Sequence[Mapping[str, Any]]) -> bool:
    """Whether BitLocker was to be suspended and nothing tells that anybody looked afterwards."""
    told = [one["step"] for one in steps if one["step"] in ("bitlocker_suspending", "bitlocker_resumed")]
    return bool(told) and told[-1] == "bitlocker_suspending"


def _decision(steps: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The decision that the last installation carried out; the last one when nothing was installed."""
    found = None
    pending = None
    for one in steps:
        if one["step"] == "decided":
            pending = dict(one["data"])
        elif one["step"] in {"installing", "installed"} and pending is not None:
            found, pending = pending, None
    return found or pending


def restarts(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every restart of a host, `{done, consent, consent_by, reason, before, after, build, state}`.

    `done` is null where it began and its end is not recorded.
    """
    found: list[dict[str, Any]] = []
    begun: Mapping[str, Any] | None = None
    for one in steps:
        if one["step"] == "restarting":
            begun = one["data"]
            found.append(_restart(begun, None))
        elif one["step"] == "restarted":
            if begun is not None:
                found.pop()
            found.append(_restart({**(begun or {}), **one["data"]}, one["data"].get("done", True)))
            begun = None
    return found


def _restart(told: Mapping[str, Any], done: object) -> dict[str, Any]:
    return {"done": done, **{key: told.get(key) for key in RESTART_KEYS}}


def _tells_all(install: Mapping[str, Any]) -> bool:
    """Whether the result of an installation has all that is needed to make one of several."""
    if not install.keys() >= INSTALL_KEYS or None in (install["updates"], install["words"], install["seconds"]):
        return False
    if not all(one.keys() >= UPDATE_KEYS for one in install["updates"]):
        return False
    proof = install["proof"]
    if proof is None:
        return True
    moments = [proof[key] for key in ("before", "after") if proof.get(key) is not None]
    return (
        proof.keys() >= PROOF_KEYS and proof["before"] is not None and all(one.keys() >= MOMENT_KEYS for one in moments)
    )


def _install(steps: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What all installations of a host came to; of an older version, which tells less, the last one alone."""
    found = [one["data"] for one in steps if one["step"] == "installed"]
    if all(map(_tells_all, found)):
        return host_rounds.together(found)
    return dict(found[-1])


def _outcome(
    steps: Sequence[Mapping[str, Any]], decision: Mapping[str, Any] | None, install: Mapping[str, Any] | None
) -> str:
    """How a host ended whose `host_finished` names no outcome, or is not there."""
    if not steps:
        return "not_started"
    if decision is not None and decision.get("reached") is False:
        return "not_reached"
    if not any(one["step"] == "host_finished" for one in steps):
        return "not_finished"
    if install is not None:
        return str(install.get("outcome") or "unknown")
    words = {"nothing": "nothing_to_do", "restart_due": "restart_due", "wait_for_window": "wait_for_window"}
    said = str(decision.get("decision")) if decision else "unknown"
    return "blocked" if said == "blocked" else words.get(said, "unknown")
