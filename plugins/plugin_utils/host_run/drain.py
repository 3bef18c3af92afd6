# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking a host out of service and back: what to do next, from what is wanted, what was found and what was done.

A drain is a chain of steps, and its progress is plain JSON, so another process can go on with it:
see `begin`. A step is `{do, adapter}`; `do` is one of DOS, `adapter` the index of the adapter or null. Nothing about
requests is in it: their headers and bodies are secret.

Of an adapter `found` is what the host was like before the first drain, and is restored; `now` what it was like when this run
began, `remembered` what the host remembers, `own` what this run itself found before its own drain; all are one of FOUND, or
null. `done` is `none`, `drained` or `restored`; `ok` is null when nobody knows. What is seen beats what is remembered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import JITTER, moment, shown
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import drain_memory
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import health as verify
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.drain_memory import (
    FOUND,
    TYPES,
    MemoryProblem,
)

STATES = ("drained", "active")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
DOS = ("read", "wait", "ask", "remember", "drain", "restore", "forget", "end")
# What nobody drains, and nobody restores; and what a drain says of it.
AS_IT_IS = {"drained": "was drained already", "absent": "there is none here"}
LONGEST = 86400
DETAIL = 300
NAMES = 100

Entry = dict[str, Any]
Progress = dict[str, Any]


class DrainError(ValueError):
    """Input that cannot be used: one sentence that names option, value and what is allowed."""


class Request(NamedTuple):
    """A request that drains or restores; `url` has what is good about its answer."""

    url: verify.Url
    method: str
    body: str | None
    json: bool


class Adapter(NamedTuple):
    """One way of taking the host out of service. Which fields are set depends on `type`."""

    type: str
    name: str
    timeout: int
    storage_timeout: int = 0
    ignore_failed: tuple[str, ...] = ()
    paused_nodes: tuple[str, ...] = ()
    drain: Request | None = None
    restore: Request | None = None
    wait: verify.Url | None = None
    check: verify.Url | None = None
    drain_file: str = ""
    restore_file: str = ""
    check_file: str = ""


# Input


def load(value: object, where: str = "adapters") -> tuple[Adapter, ...]:
    """The adapters of an option, in their order.

    :raises DrainError: naming option, value and what is allowed
    """
    if value is None:
        return ()
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise DrainError(f"{where}: {type(value).__name__} is not allowed; give a list.")
    adapters = tuple(_adapter(item, f"{where}[{place}]") for place, item in enumerate(value))
    seen: set[tuple[str, str]] = set()
    for place, one in enumerate(adapters):
        if (one.type, one.name) in seen:
            raise DrainError(f"{where}[{place}]: there are two adapters {one.type} {one.name}; give each its own name.")
        seen.add((one.type, one.name))
    return adapters


def _adapter(item: object, where: str) -> Adapter:
    if not isinstance(item, Mapping):
        raise DrainError(f"{where}: this is no mapping; give type and what belongs to it.")
    kind = item.get("type")
    if kind not in TYPES:
        raise DrainError(f"{where}.type: {verify.told(kind, TYPES)} is not allowed; give {', '.join(TYPES)}.")
    return _LOAD[kind](item, where)


def _cluster(item: Mapping[str, Any], where: str) -> Adapter:
    _keys(item, where, ("type", "timeout", "storage_timeout", "ignore_failed", "paused_nodes"))
    timeout = _whole(item.get("timeout", 600), f"{where}.timeout", LONGEST)
    return Adapter(
        "cluster",
        "cluster",
        timeout,
        storage_timeout=_whole(item.get("storage_timeout", timeout), f"{where}.storage_timeout", LONGEST),
        ignore_failed=_names(item.get("ignore_failed", ()), f"{where}.ignore_failed", "roles or resources"),
        paused_nodes=_names(item.get("paused_nodes", ()), f"{where}.paused_nodes", "nodes"),
    )


def _names(value: object, where: str, what: str) -> tuple[str, ...]:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence) or len(value) > NAMES:
        raise DrainError(
            f"{where}: {verify.told(value)} is not allowed; give a list of at most {NAMES} names of {what}."
        )
    for place, one in enumerate(value):
        if not isinstance(one, str) or not one.strip() or shown(one, DETAIL) != one:
            raise DrainError(f"{where}[{place}]: {verify.told(one)} is not allowed; give a name of {what}.")
    return tuple(value)


def _load_balancer(item: Mapping[str, Any], where: str) -> Adapter:
    _keys(item, where, ("type", "name", "drain", "restore", "wait", "check"))
    drain = _request(item.get("drain"), f"{where}.drain")
    wait, timeout = item.get("wait"), 300
    page = None
    if wait is not None:
        given = _mapping(wait, f"{where}.wait", ("url", "status", "text", "timeout", "validate_certs", "headers"))
        timeout = _whole(given.get("timeout", timeout), f"{where}.wait.timeout", LONGEST)
        page = _url({key: part for key, part in given.items() if key != "timeout"}, f"{where}.wait")
    check = item.get("check")
    if check is not None:
        keys = ("url", "status", "text", "timeout", "validate_certs", "headers")
        check = _url(_mapping(check, f"{where}.check", keys), f"{where}.check")
    name = _name(item.get("name", drain.url.name.partition("?")[0]), where)
    return Adapter(
        "load_balancer",
        name,
        timeout,
        drain=drain,
        restore=_request(item.get("restore"), f"{where}.restore"),
        wait=page,
        # A page of connections is satisfied by an idle member that is in service too; only a page of states tells them apart.
        check=check or page,
    )


def _tasks(item: Mapping[str, Any], where: str) -> Adapter:
    _keys(item, where, ("type", "name", "drain", "restore", "check"))
    files = {key: _text(item.get(key), f"{where}.{key}", "a file of tasks") for key in ("drain", "restore")}
    check = item.get("check")
    return Adapter(
        "tasks",
        _name(item.get("name", files["drain"]), where),
        0,
        drain_file=files["drain"],
        restore_file=files["restore"],
        check_file="" if check is None else _text(check, f"{where}.check", "a file of tasks"),
    )


_LOAD = {"cluster": _cluster, "load_balancer": _load_balancer, "tasks": _tasks}


def _request(value: object, where: str) -> Request:
    keys = ("url", "method", "headers", "body", "status", "timeout", "validate_certs")
    given = _mapping(value, where, keys)
    method = given.get("method", "POST")
    if method not in METHODS:
        raise DrainError(f"{where}.method: {verify.told(method, METHODS)} is not allowed; give {', '.join(METHODS)}.")
    body = given.get("body")
    plain = body is None or isinstance(body, str)
    if not plain and not isinstance(body, Mapping | list):
        raise DrainError(f"{where}.body: it is not allowed; give a text, a mapping or a list.")
    url = {key: part for key, part in given.items() if key not in ("method", "body")}
    url.setdefault("status", [200, 201, 202, 204])
    return Request(_url(url, where), str(method), body if plain else json.dumps(body), not plain)


def _url(given: Mapping[str, Any], where: str) -> verify.Url:
    try:
        (url,) = verify.Wanted.load({"urls": [given]}).urls
    except verify.VerifyError as error:
        raise DrainError(str(error).replace("urls[0]", where, 1)) from error
    return url


def _mapping(value: object, where: str, allowed: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or "url" not in value:
        raise DrainError(f"{where}: the key url is missing; known are {', '.join(allowed)}.")
    _keys(value, where, allowed)
    return value


def _keys(item: Mapping[str, Any], where: str, allowed: Sequence[str]) -> None:
    for key in item:
        if key not in allowed:
            raise DrainError(verify.key_error(where, key, allowed))


def _text(value: object, where: str, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise DrainError(f"{where}: {verify.told(value)} is not allowed; give {what}.")
    return value


def _name(value: object, where: str) -> str:
    return shown(_text(value, f"{where}.name", "a name"), DETAIL)


def _whole(value: object, where: str, most: int) -> int:
    try:
        return verify.whole(value, where, 0, most)
    except verify.VerifyError as error:
        raise DrainError(str(error)) from error


# A cluster


def is_probe(value: object) -> bool:
    """Whether it has the form of a probe: `{ok: true, value}` or `{ok, error: {message}}`."""
    if not isinstance(value, Mapping):
        return False
    error = value.get("error")
    return (value.get("ok") is True and "value" in value) or (isinstance(error, Mapping) and "message" in error)


def cluster_look(probe: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """What windows_drain tells of a cluster in known shapes, and why it cannot be read; a host that is no node gives neither."""
    if probe["ok"] is not True:
        return None, f"the cluster cannot be read: {probe['error']['message']}"
    look = probe["value"]
    if look is None:
        return None, ""
    try:
        return {
            "own": str(look["own"]),
            "nodes": [{key: str(one[key]) for key in ("name", "state", "drain")} for one in look["nodes"]],
            "groups": [str(one) for one in look["groups"]],
            "failed": [{key: str(one[key]) for key in ("name", "group")} for one in look["failed"]],
            "known": [str(one) for one in look["known"]],
            "storage_jobs": int(look["storage_jobs"]),
        }, ""
    except (KeyError, TypeError, ValueError):
        return None, "the cluster cannot be read: the answer of the host has another form"


def cluster_state(look: object) -> str:
    """A node as it is found: one of FOUND; unknown while it is neither up nor paused."""
    if look is None:
        return "absent"
    return {"Up": "active", "Paused": "drained"}.get(_own(look)["state"], "unknown")


def _own(look: Any) -> Mapping[str, Any]:
    """The node that the host is, whatever its capitals."""
    name = str(look["own"]).casefold()
    return next(
        (one for one in look["nodes"] if str(one["name"]).casefold() == name), {"state": "missing", "drain": ""}
    )


class Exceptions(NamedTuple):
    """What an adapter lets pass by name: failed roles and resources, and nodes that are paused."""

    failed: Sequence[str] = ()
    paused: Sequence[str] = ()

    def of(self, look: Any) -> list[str]:
        """What they let pass in this cluster, in words."""
        troubles = _troubles(look, NO_EXCEPTIONS)
        left = _troubles(look, self)
        return [one for one in troubles if one not in left]

    def unknown(self, look: Any) -> list[str]:
        """Which of them name nothing in this cluster, in words."""
        nodes = {str(one["name"]).casefold() for one in look["nodes"]}
        known = {one.casefold() for one in look["known"]}
        return [
            *[
                f"ignore_failed: the cluster has no role and no resource {one}"
                for one in self.failed
                if one.casefold() not in known
            ],
            *[f"paused_nodes: the cluster has no node {one}" for one in self.paused if one.casefold() not in nodes],
        ]


NO_EXCEPTIONS = Exceptions()


def _troubles(look: Any, exceptions: Exceptions) -> list[str]:
    """What keeps the rest of a cluster from being whole, in words; its storage is `_repairs`."""
    own = _own(look)
    paused = {one.casefold() for one in exceptions.paused}
    failed = {one.casefold() for one in exceptions.failed}
    return [
        *[
            f"node {one['name']} is {one['state']}"
            for one in look["nodes"]
            if one != own
            and one["state"] != "Up"
            and not (one["state"] == "Paused" and one["name"].casefold() in paused)
        ],
        *[
            f"resource {one['name']} has failed"
            for one in look["failed"]
            if one["name"].casefold() not in failed and one["group"].casefold() not in failed
        ],
    ]


def _repairs(look: Any) -> str:
    """That storage jobs run, in words; empty when none does."""
    jobs = look["storage_jobs"]
    return f"{jobs} storage job{'' if jobs == 1 else 's'} running" if jobs else ""


def may_drain(look: Any, exceptions: Exceptions = NO_EXCEPTIONS) -> tuple[bool | None, str]:
    """Whether a cluster may lose this node now: True, False (it must not), None (not yet: its storage is repaired); and why."""
    if look is None:
        return True, ""
    own = _own(look)
    if own["state"] == "Paused":
        still = f"this node is paused and still owns {', '.join(look['groups'])}; resume it, or move them"
        return (False, still) if look["groups"] else (True, "")
    if own["state"] != "Up":
        return False, f"this node is {own['state']}"
    if len(look["nodes"]) < 2:
        return False, "there is no other node"
    troubles, repairs = _troubles(look, exceptions), _repairs(look)
    if not troubles and all(one["state"] != "Up" for one in look["nodes"] if one != own):
        troubles = ["there is no other node that is up"]
    if troubles:
        return False, "; ".join([*troubles, *([repairs] if repairs else [])])
    return (None, repairs) if repairs else (True, "")


def drained(look: Any) -> tuple[bool | None, str]:
    """Whether the node is drained by now: True, False (it will not be), None (not yet); and why."""
    if look is None:
        return False, "the cluster is gone"
    own = _own(look)
    kept = f", it still owns {', '.join(look['groups'])}" if look["groups"] else ""
    # With roles still here a completed drain is an earlier one.
    if own["state"] == "Paused" and own["drain"] == "Completed" and not kept:
        return True, "paused, its roles have moved"
    if own["drain"] == "Failed":
        return False, f"the cluster could not move its roles{kept}"
    if own["state"] not in ("Up", "Paused"):
        return False, f"this node is {own['state']}"
    return None, f"the drain is {own['drain'] or 'not begun'}{kept}"


def released(look: Any, whole: bool = True, exceptions: Exceptions = NO_EXCEPTIONS) -> tuple[bool | None, str]:
    """Whether the node is back, and the cluster `whole` but for its storage if that is asked: True or None (not yet); and why."""
    if look is None:
        return None, "the cluster is gone"
    own = _own(look)
    troubles = [] if own["state"] == "Up" else [f"this node is {own['state']}"]
    if whole:
        troubles += _troubles(look, exceptions)
    return (None, "; ".join(troubles)) if troubles else (True, "up")


def repaired(look: Any, exceptions: Exceptions = NO_EXCEPTIONS) -> tuple[bool | None, str]:
    """Whether a node that is back is so in a whole cluster, its storage too: True or None (not yet); and why."""
    ok, why = released(look, exceptions=exceptions)
    if not ok:
        return ok, why
    repairs = _repairs(look)
    return (None, repairs) if repairs else (True, "up, the cluster is whole")


# The chain of steps


def begin(wanted: str, adapters: Sequence[Adapter], *, run: str = "", earlier: object = None) -> Progress:
    """The progress of a drain that has not begun. `run` names the run, `earlier` is the result of this run's own drain."""
    own = _own_finds(earlier)
    return {
        "wanted": wanted,
        "adapters": [
            _entry(
                one.type,
                one.name,
                own=own.get((one.type, one.name)),
                exceptions={"failed": list(one.ignore_failed), "paused": list(one.paused_nodes)},
            )
            for one in adapters
        ],
        # What this run found and no adapter names any more: `[type, name, found]`.
        "unnamed": [
            [kind, name, found]
            for (kind, name), found in own.items()
            if (kind, name) not in {(one.type, one.name) for one in adapters}
        ],
        # Whether there is a memory, whose it is (`{since, run, boot}`), whose one would be that is made now, and whether this run made
        # it; null until the host was read.
        "remembered": None,
        "made": None,
        "fresh": None,
        "first": None,
        "run": shown(run, 100) or None,
        "written": False,
        "forgotten": False,
        # Whether a drain was refused, so that all is put back.
        "undo": False,
        "changed": False,
        # What is to be told however it ends.
        "notes": [],
        # How it ended when it ended early.
        "state": None,
        "why": None,
    }


def _own_finds(earlier: object) -> dict[tuple[str, str], str]:
    """What this run's own drain found, by type and name; nothing of a drain that was refused, and so taken back."""
    if not isinstance(earlier, Mapping) or earlier.get("state") not in ("drained", "unknown"):
        return {}
    entries = [one for one in earlier.get("adapters") or () if isinstance(one, Mapping) and one.get("found") in FOUND]
    return {(str(one.get("type")), str(one.get("name"))): str(one["found"]) for one in entries}


def _entry(kind: str, name: str, **known: Any) -> Entry:
    entry: Entry = {"type": kind, "name": name, "found": None, "now": None, "remembered": None, "own": None}
    entry |= {"done": "none", "ok": None, "detail": "", "started": False, "undone": None}
    # Of a cluster: its exceptions, what they let pass, whether its storage is waited for before, and is still repaired after.
    entry |= {"exceptions": {"failed": [], "paused": []}, "ignored": [], "waits": False, "repairing": False}
    return {**entry, **known}


def exceptions_of(entry: Entry) -> Exceptions:
    """What the adapter of an entry lets pass by name."""
    return Exceptions(**entry["exceptions"])


def _label(entry: Entry) -> str:
    return f"{entry['type']} {entry['name']}"


def _note(progress: Progress, said: str) -> None:
    """Keep what is to be told however it ends."""
    note = shown(said, DETAIL)
    if note not in progress["notes"] and len(progress["notes"]) < NAMES:
        progress["notes"].append(note)


def step(progress: Progress) -> dict[str, Any]:
    """The next step: `{do, adapter}`."""
    entries = progress["adapters"]
    if progress["state"] is not None or (not entries and _drains(progress)):
        return {"do": "end", "adapter": None}
    if progress["remembered"] is None:
        return {"do": "read", "adapter": None}
    if _drains(progress) and not progress["undo"]:
        return _step_drain(progress)
    for place in reversed(range(len(entries))):
        if _to_restore(progress, entries[place]):
            return {"do": "restore", "adapter": place}
    forget = progress["remembered"] and not progress["forgotten"] and (not progress["undo"] or _untouched(progress))
    return {"do": "forget" if forget else "end", "adapter": None}


def _drains(progress: Progress) -> bool:
    return bool(progress["wanted"] == "drained")


def _untouched(progress: Progress) -> bool:
    """After an undo: whether the host is as if this run, and no run before it, had been."""
    return bool(progress["first"]) and _undone(progress)


def _undone(progress: Progress) -> bool:
    return all(entry["undone"] for entry in progress["adapters"] if entry["started"])


def _step_drain(progress: Progress) -> dict[str, Any]:
    entries = progress["adapters"]
    for place, entry in enumerate(entries):
        if entry["waits"]:
            return {"do": "wait", "adapter": place}
    for place, entry in enumerate(entries):
        if entry["now"] is None:
            return {"do": "ask", "adapter": place}
    if not progress["written"]:
        return {"do": "remember", "adapter": None}
    for place, entry in enumerate(entries):
        if entry["ok"] is None:
            return {"do": "drain", "adapter": place}
    return {"do": "end", "adapter": None}


def _to_restore(progress: Progress, entry: Entry) -> bool:
    """Whether an adapter still has to be restored: in an undo what this run began, else what the host remembers."""
    if progress["undo"]:
        return bool(entry["started"]) and entry["undone"] is None
    return entry["ok"] is None


def take(progress: Progress, at: Mapping[str, Any], answer: Mapping[str, Any]) -> Progress:
    """The progress after a step and its answer `{ok, changed, detail}`; of read also `memory`, `boot`, `cluster` and `now`,
    of ask and wait `now`, of restore `repairing`.

    `ok` is null when nobody knows how the step went. That ends the chain: what is out of service stays so, and is reported.
    """
    after: Progress = json.loads(json.dumps(progress))
    after["changed"] = bool(after["changed"] or answer.get("changed"))
    _TAKE[at["do"]](after, at["adapter"], answer)
    return after


def _stop(progress: Progress, state: str, why: object) -> None:
    progress["state"], progress["why"] = state, shown(why, DETAIL)


def _take_read(progress: Progress, _place: int | None, answer: Mapping[str, Any]) -> None:
    """The memory, the cluster and the time now."""
    drain = _drains(progress)
    if not answer["ok"]:
        _stop(progress, "unknown", answer["detail"])
        return
    try:
        place = drain_memory.place(answer["memory"])
        memory = drain_memory.recall(place.text)
    except MemoryProblem as error:
        _stop(progress, "refused" if drain else "unknown", error)
        return
    progress.update(remembered=memory is not None, first=memory is None)
    boot = answer["boot"] if isinstance(answer["boot"], str) else None
    progress["fresh"] = {"since": answer["now"], "run": progress["run"], "boot": boot}
    if memory:
        progress["made"] = {key: memory[key] for key in ("since", "run", "boot")}
        _note_memory(progress, boot)
    elif drain:
        progress["made"] = progress["fresh"]
    if place.foreign:
        _note(progress, f"what lies on the host as its memory (drain.json) is not obeyed: {place.foreign}")
    if place.blocked and drain:
        _stop(progress, "refused", f"nothing can be remembered on the host: {place.blocked}")
    elif place.blocked:
        _note(progress, f"nothing can be remembered on the host: {place.blocked}")
    kept = _compare(progress, memory)
    _look(progress, answer["cluster"])
    # What a host remembers and nobody names any more cannot be restored, so it is not forgotten either.
    for (kind, name), found in kept.items():
        said = "remembered on the host, and not among the adapters"
        known = {"found": found, "now": "unknown", "remembered": found, "ok": drain, "detail": said}
        progress["adapters"].append(_entry(kind, name, **known))
    if not drain:
        _begin_restore(progress, foreign=bool(place.foreign))


def _note_memory(progress: Progress, boot: str | None) -> None:
    """Tell that the memory is another run's, or of before a restart."""
    made = progress["made"]
    if not _drains(progress) and (made["run"] is None or progress["run"] is None or made["run"] == progress["run"]):
        return
    run = f" of run {made['run']}" if made["run"] else ""
    before, now = moment(made["boot"]), moment(boot)
    restarted = isinstance(before, datetime) and isinstance(now, datetime) and (now - before).total_seconds() > JITTER
    since = f"since {made['since']}{', and has restarted meanwhile' if restarted else ''}"
    _note(progress, f"the host remembers a drain{run} {since}")


def _compare(progress: Progress, memory: Mapping[str, Any] | None) -> dict[tuple[str, str], str]:
    """Put down what is remembered of each adapter; what no adapter is named for is given back."""
    kept = {(one["type"], one["name"]): one["found"] for one in memory["adapters"]} if memory else {}
    for entry in progress["adapters"]:
        remembered, own = kept.pop((entry["type"], entry["name"]), None), entry["own"]
        entry.update(remembered=remembered, found=remembered if own is None else own)
        if own is not None and remembered not in (None, own):
            _note(
                progress,
                f"{_label(entry)}: the host remembers it as {remembered}, this run found it {own}, and that counts",
            )
    return {**kept, **{(kind, name): found for kind, name, found in progress["unnamed"]}}


def _look(progress: Progress, probe: Mapping[str, Any]) -> None:
    """Put down what the cluster is like, and whether it may lose the node."""
    entry = next((one for one in progress["adapters"] if one["type"] == "cluster"), None)
    if entry is None:
        return
    look, problem = cluster_look(probe)
    ok: bool | None = False
    why, allowed = problem, exceptions_of(entry)
    if not problem:
        entry["now"] = cluster_state(look)
        ok, why = may_drain(look, allowed)
    if look:
        entry["ignored"] = [shown(one, DETAIL) for one in allowed.of(look)]
        for said in allowed.unknown(look):
            _note(progress, f"{_label(entry)}: {said}")
        if entry["ignored"]:
            _note(progress, f"{_label(entry)}: let pass by name: {', '.join(entry['ignored'])}")
    if not _drains(progress) or progress["state"] is not None:
        return
    if ok is None:
        entry["waits"] = True
    elif not ok:
        entry.update(ok=False, detail=shown(why, DETAIL))
        _stop(progress, "refused", f"cluster: {why}")


def _begin_restore(progress: Progress, foreign: bool) -> None:
    entries = progress["adapters"]
    own = any(entry["own"] is not None for entry in entries)
    for entry in entries:
        if entry["found"] is None:
            entry.update(ok=True, detail="nothing is remembered, so nothing is restored")
            if entry["now"] == "drained":
                _note(progress, f"{_label(entry)}: it is out of service, and no drain is remembered that did it")
        elif entry["found"] in AS_IT_IS:
            said = "is in service now" if entry["now"] == "active" else "stays so"
            entry.update(ok=True, detail=f"was {entry['found']} before, and {said}")
    lost = [_label(entry) for entry in entries if entry["ok"] is False]
    if not progress["remembered"] and not own and not lost:
        out = [_label(entry) for entry in entries if entry["now"] == "drained"]
        if foreign and out:
            _stop(
                progress,
                "unknown",
                f"{', '.join(out)}: out of service, and nobody knows since when: {progress['notes'][0]}",
            )
        else:
            _stop(progress, "active", "the host remembers no drain, so nothing was done")
    elif lost:
        _stop(progress, "drained", f"{', '.join(lost)}: remembered on the host, and not among the adapters")
    elif not progress["remembered"]:
        _note(progress, "the host does not remember the drain of this run any more; this run does")


def _take_wait(progress: Progress, place: int | None, answer: Mapping[str, Any]) -> None:
    """The storage of a cluster is whole, or it was waited for long enough."""
    entry = progress["adapters"][place]
    if answer["ok"]:
        entry.update(waits=False, now=answer["now"])
        return
    entry.update(ok=answer["ok"], detail=shown(answer["detail"], DETAIL))
    _stop(progress, "unknown" if answer["ok"] is None else "refused", f"cluster: {entry['detail']}")


def _take_ask(progress: Progress, place: int | None, answer: Mapping[str, Any]) -> None:
    progress["adapters"][place]["now"] = answer["now"]


def _take_remember(progress: Progress, _place: int | None, answer: Mapping[str, Any]) -> None:
    if answer["ok"] is not True:
        _stop(progress, "unknown" if answer["ok"] is None else "refused", answer["detail"])
        return
    progress["written"] = progress["remembered"] = True
    for entry in progress["adapters"]:
        if entry["now"] in AS_IT_IS and entry["ok"] is None:
            entry.update(ok=True, detail=AS_IT_IS[entry["now"]])


def before_remember(progress: Progress) -> Progress:
    """The progress with what was found filled in: the first memory stays, unless what is seen contradicts it."""
    after: Progress = json.loads(json.dumps(progress))
    for entry in after["adapters"]:
        now, remembered = entry["now"], entry["remembered"]
        entry["found"] = drain_memory.settle(now, remembered)
        if remembered in AS_IT_IS and entry["found"] != remembered:
            _note(
                after, f"{_label(entry)}: the host remembers it as {remembered}, and it is {now}; what is seen counts"
            )
    if all(entry["now"] == "active" or entry["remembered"] in (None, *AS_IT_IS) for entry in after["adapters"]):
        # No drain that is remembered is still going on, so this one is the first.
        after["made"] = after["fresh"]
    return after


def remember(progress: Progress) -> str:
    """The text to keep on the host."""
    return drain_memory.write(progress["made"], progress["adapters"])


def _take_drain(progress: Progress, place: int | None, answer: Mapping[str, Any]) -> None:
    entry = progress["adapters"][place]
    entry.update(started=True, ok=answer["ok"], detail=shown(answer["detail"], DETAIL))
    said = f"{_label(entry)}: {entry['detail']}"
    if answer["ok"] is None:
        _stop(progress, "unknown", said)
    elif answer["ok"]:
        entry["done"] = "drained"
    else:
        progress.update(undo=True, why=said)


def _take_restore(progress: Progress, place: int | None, answer: Mapping[str, Any]) -> None:
    entry = progress["adapters"][place]
    detail = shown(answer["detail"], DETAIL)
    if answer["ok"]:
        entry["done"] = "restored"
        entry["repairing"] = bool(answer.get("repairing"))
    if entry["repairing"]:
        _note(progress, f"{_label(entry)}: {detail}; the host is in service, the next node of the cluster has to wait")
    if progress["undo"]:
        # The others are put back all the same: each that is in service again is one less to look after.
        entry["undone"] = bool(answer["ok"])
        if not answer["ok"]:
            entry["detail"] = shown(f"{entry['detail']}; not restored: {detail}", DETAIL)
        return
    entry.update(ok=answer["ok"], detail=detail)
    if not answer["ok"]:
        state = "unknown" if answer["ok"] is None else "drained"
        _stop(progress, state, f"{_label(entry)}: {detail}")


def _take_forget(progress: Progress, _place: int | None, answer: Mapping[str, Any]) -> None:
    progress["forgotten"] = True
    if answer["ok"]:
        progress["remembered"] = False
    elif progress["undo"]:
        progress["why"] = shown(f"{progress['why']}; the memory of it could not be removed: {answer['detail']}", DETAIL)
    else:
        _stop(progress, "unknown" if answer["ok"] is None else "drained", answer["detail"])


_TAKE = {
    "read": _take_read,
    "wait": _take_wait,
    "ask": _take_ask,
    "remember": _take_remember,
    "drain": _take_drain,
    "restore": _take_restore,
    "forget": _take_forget,
}


def result(progress: Progress) -> dict[str, Any]:
    """What became of the host: `{state, changed, why, adapters, remembered_since, repairing, notes}`."""
    why = progress["why"]
    state = progress["state"] or ("refused" if progress["undo"] else progress["wanted"])
    left = [_label(one) for one in progress["adapters"] if one["undone"] is False]
    if left:
        # Neither out of service as a whole nor as it was: whoever goes on only with `drained` must not go on.
        state, why = "unknown", f"{why}; not put back: {', '.join(left)}"
    keys = ("type", "name", "found", "done", "ok", "detail", "ignored")
    return {
        "state": state,
        "changed": progress["changed"],
        "why": why,
        "adapters": [{key: entry[key] for key in keys} for entry in progress["adapters"]],
        "remembered_since": progress["made"]["since"] if progress["remembered"] else None,
        "repairing": any(entry["repairing"] for entry in progress["adapters"]),
        "notes": list(progress["notes"]),
    }
