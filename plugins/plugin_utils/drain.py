# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking a host out of service and back: what to do next, from what is wanted, what was found and what was done.

A drain is a chain of steps, and its progress is plain JSON, so another process can go on with it:
see `begin`. A step is `{do, adapter}`; `do` is one of DOS, `adapter` the index of the adapter or null. Nothing about
requests is in it: their headers and bodies are secret.

Of an adapter `found` is what the host was like before the first drain, and is restored; `now` what it was like when this run
began; both are one of FOUND, or null. `done` is `none`, `drained` or `restored`; `ok` is null when nobody knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils import verify
from ansible_collections.rebootless.patching.plugins.plugin_utils.signals import shown

SCHEMA = 1
STATES = ("drained", "active")
TYPES = ("cluster", "load_balancer", "tasks")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
DOS = ("read", "ask", "remember", "drain", "restore", "forget", "end")
# active: in service; drained: out of service; absent: there is nothing to drain; unknown: nobody asked or could tell.
FOUND = ("active", "drained", "absent", "unknown")
# What nobody drains, and nobody restores; and what a drain says of it.
AS_IT_IS = {"drained": "was drained already", "absent": "there is none here"}
LONGEST = 86400
DETAIL = 300

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
    drain: Request | None = None
    restore: Request | None = None
    wait: verify.Url | None = None
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
    _keys(item, where, ("type", "timeout"))
    return Adapter("cluster", "cluster", _whole(item.get("timeout", 600), f"{where}.timeout", LONGEST))


def _load_balancer(item: Mapping[str, Any], where: str) -> Adapter:
    _keys(item, where, ("type", "name", "drain", "restore", "wait"))
    drain = _request(item.get("drain"), f"{where}.drain")
    wait, timeout = item.get("wait"), 300
    page = None
    if wait is not None:
        given = _mapping(wait, f"{where}.wait", ("url", "status", "text", "timeout", "validate_certs", "headers"))
        timeout = _whole(given.get("timeout", timeout), f"{where}.wait.timeout", LONGEST)
        page = _url({key: part for key, part in given.items() if key != "timeout"}, f"{where}.wait")
    name = _name(item.get("name", drain.url.name.partition("?")[0]), where)
    return Adapter(
        "load_balancer",
        name,
        timeout,
        drain=drain,
        restore=_request(item.get("restore"), f"{where}.restore"),
        wait=page,
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


# What a host remembers


def remember(progress: Progress) -> str:
    """The text to keep on the host: ASCII, and no word of it is ever carried out."""
    kept = [{key: entry[key] for key in ("type", "name", "found")} for entry in progress["adapters"]]
    return json.dumps({"schema": SCHEMA, "since": progress["since"], "adapters": kept})


def recall(text: object) -> dict[str, Any] | None:
    """What a host remembers: `{since, adapters: [{type, name, found}]}`; None when it remembers nothing.

    :raises DrainError: what lies there is none of ours
    """
    if text is None:
        return None
    try:
        memory = json.loads(str(text))
        entries = [{key: entry[key] for key in ("type", "name", "found")} for entry in memory["adapters"]]
        good = (
            memory["schema"] == SCHEMA
            and isinstance(memory["since"], str)
            and all(isinstance(entry["name"], str) for entry in entries)
            and all(entry["type"] in TYPES and entry["found"] in FOUND for entry in entries)
        )
    except (ValueError, TypeError, KeyError):
        good = False
    if not good:
        raise DrainError("what the host remembers of its drain (drain.json) cannot be read; look at it, and remove it")
    return {"since": shown(memory["since"], 40), "adapters": entries}


# A cluster


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


def _troubles(look: Any) -> list[str]:
    """What keeps the rest of a cluster from being whole, in words."""
    own = _own(look)
    down = [f"node {one['name']} is {one['state']}" for one in look["nodes"] if one != own and one["state"] != "Up"]
    failed = [f"resource {name} has failed" for name in look["failed"]]
    jobs = int(look["storage_jobs"])
    return down + failed + ([f"{jobs} storage job{'' if jobs == 1 else 's'} running"] if jobs else [])


def may_drain(look: Any) -> str:
    """Why a cluster must not lose this node now; empty when it may."""
    if look is None:
        return ""
    own = _own(look)
    if own["state"] == "Paused":
        still = f"this node is paused and still owns {', '.join(look['groups'])}; resume it, or move them"
        return still if look["groups"] else ""
    if own["state"] != "Up":
        return f"this node is {own['state']}"
    if len(look["nodes"]) < 2:
        return "there is no other node"
    return "; ".join(_troubles(look))


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


def released(look: Any, whole: bool = True) -> tuple[bool | None, str]:
    """Whether the node is back, and the cluster `whole` too if that is asked: True or None (not yet); and why."""
    if look is None:
        return None, "the cluster is gone"
    own = _own(look)
    troubles = [] if own["state"] == "Up" else [f"this node is {own['state']}"]
    if whole:
        troubles += _troubles(look)
    return (None, "; ".join(troubles)) if troubles else (True, "up, the cluster is whole" if whole else "up")


# The chain of steps


def begin(wanted: str, adapters: Sequence[Adapter]) -> Progress:
    """The progress of a drain that has not begun."""
    return {
        "wanted": wanted,
        "adapters": [_entry(one.type, one.name) for one in adapters],
        # Whether there is a memory, since when, and whether this run made it; null until the host was read.
        "remembered": None,
        "since": None,
        "first": None,
        "written": False,
        "forgotten": False,
        # Whether a drain was refused, so that all is put back.
        "undo": False,
        "changed": False,
        # How it ended when it ended early.
        "state": None,
        "why": None,
    }


def _entry(kind: str, name: str, **known: Any) -> Entry:
    entry: Entry = {"type": kind, "name": name, "found": None, "now": None, "done": "none", "ok": None, "detail": ""}
    return {**entry, "started": False, "undone": None, **known}


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
    """The progress after a step and its answer `{ok, changed, detail}`; of read also `memory`, `cluster` and `now`, of ask `now`.

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
        memory = recall(answer["memory"])
    except DrainError as error:
        _stop(progress, "refused" if drain else "unknown", error)
        return
    progress.update(remembered=memory is not None, first=memory is None)
    progress["since"] = memory["since"] if memory else answer["now"] if drain else None
    kept = {(one["type"], one["name"]): one["found"] for one in memory["adapters"]} if memory else {}
    named = {(entry["type"], entry["name"]): entry for entry in progress["adapters"]}
    for key, entry in named.items():
        entry["found"] = kept.pop(key, None)
    cluster = named.get(("cluster", "cluster"))
    if cluster:
        look = answer["cluster"]
        if look["ok"]:
            cluster["now"] = cluster_state(look["value"])
        why = may_drain(look["value"]) if look["ok"] else f"the cluster cannot be read: {look['error']['message']}"
        if why and drain:
            cluster.update(ok=False, detail=shown(why, DETAIL))
            _stop(progress, "refused", f"cluster: {why}")
    # What a host remembers and nobody names any more cannot be restored, so it is not forgotten either.
    for (kind, name), found in kept.items():
        said = "remembered on the host, and not among the adapters"
        progress["adapters"].append(_entry(kind, name, found=found, now=found, ok=drain, detail=said))
    if not drain:
        _begin_restore(progress, memory)


def _begin_restore(progress: Progress, memory: Mapping[str, Any] | None) -> None:
    entries = progress["adapters"]
    for entry in entries:
        if entry["found"] is None:
            entry.update(ok=True, detail="nothing is remembered, so nothing is restored")
        elif entry["found"] in AS_IT_IS:
            entry.update(ok=True, detail=f"was {entry['found']} before, and stays so")
    lost = [f"{entry['type']} {entry['name']}" for entry in entries if entry["ok"] is False]
    if memory is None:
        _stop(progress, "active", "the host remembers no drain, so nothing was done")
    elif lost:
        _stop(progress, "drained", f"{', '.join(lost)}: remembered on the host, and not among the adapters")


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
    """The progress with what was found filled in: the first memory stays, what is new is as it is now."""
    after: Progress = json.loads(json.dumps(progress))
    for entry in after["adapters"]:
        if entry["found"] is None:
            entry["found"] = entry["now"]
    return after


def _take_drain(progress: Progress, place: int | None, answer: Mapping[str, Any]) -> None:
    entry = progress["adapters"][place]
    entry.update(started=True, ok=answer["ok"], detail=shown(answer["detail"], DETAIL))
    said = f"{entry['type']} {entry['name']}: {entry['detail']}"
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
    if progress["undo"]:
        # The others are put back all the same: each that is in service again is one less to look after.
        entry["undone"] = bool(answer["ok"])
        if not answer["ok"]:
            entry["detail"] = shown(f"{entry['detail']}; not restored: {detail}", DETAIL)
        return
    entry.update(ok=answer["ok"], detail=detail)
    if not answer["ok"]:
        state = "unknown" if answer["ok"] is None else "drained"
        _stop(progress, state, f"{entry['type']} {entry['name']}: {detail}")


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
    "ask": _take_ask,
    "remember": _take_remember,
    "drain": _take_drain,
    "restore": _take_restore,
    "forget": _take_forget,
}


def result(progress: Progress) -> dict[str, Any]:
    """What became of the host: `{state, changed, why, adapters, remembered_since}`."""
    why = progress["why"]
    state = progress["state"] or ("refused" if progress["undo"] else progress["wanted"])
    left = [f"{one['type']} {one['name']}" for one in progress["adapters"] if one["undone"] is False]
    if left:
        # Neither out of service as a whole nor as it was: whoever goes on only with `drained` must not go on.
        state, why = "unknown", f"{why}; not put back: {', '.join(left)}"
    keys = ("type", "name", "found", "done", "ok", "detail")
    return {
        "state": state,
        "changed": progress["changed"],
        "why": why,
        "adapters": [{key: entry[key] for key in keys} for entry in progress["adapters"]],
        "remembered_since": progress["since"] if progress["remembered"] else None,
    }
