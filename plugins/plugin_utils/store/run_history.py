# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the record says of a run beside the hosts' results: who was out of service when, every restart, the run before it.

A run without slots, and one of an older version that recorded fewer steps, has nothing of what it lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import moment
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.slot import stays
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record

Entry = Mapping[str, Any]


def slots(entries: Sequence[Entry], run: str) -> list[dict[str, Any]]:
    """The slots of a run in the order taken, and what of the hosts without one was out of service.

    `{host, wave, canary, kind, groups, waited, taken_at, released_at, out: [{from, to}], restarts: [{from, to}], outcome, failed,
    kept}`; times are null where the record has none, `to` also of a host that is not back.
    """
    found: list[dict[str, Any]] = []
    for host, steps in _by_host(entries, run).items():
        found += _slots(host, steps)
    return sorted(found, key=lambda slot: (_first(slot), slot["host"]))


def told(entries: Sequence[Entry], run: str) -> dict[str, dict[str, Any]]:
    """`{restarts, drain, preflight, out}` of each host: every restart in order, the last word on the others.

    `out` is null where nothing of it is recorded.
    """
    return {host: _told(steps) for host, steps in _by_host(entries, run).items()}


def previous(entries: Sequence[Entry], run: str) -> dict[str, Any] | None:
    """`{about, results}` of the last run before this one that the same playbook made and a host has finished; None without one.

    :raises RecordError: there is no such run
    """
    known = record.runs(entries)
    playbook = record.about(entries, run)["data"].get("playbook")
    ended = {str(one["run"]) for one in entries if one["step"] == "host_finished"}
    for name in reversed(known[: known.index(run)]):
        about = record.about(entries, name)
        if playbook and about["data"].get("playbook") == playbook and name in ended:
            return {"about": about, "results": record.results(entries, name)}
    return None


def _by_host(entries: Iterable[Entry], run: str) -> dict[str, list[Entry]]:
    """The steps of each host that have a time."""
    found: dict[str, list[Entry]] = {}
    for one in entries:
        # A time that is none, which nobody but a hand can have written, cannot be placed.
        if one["run"] == run and one["host"] is not None and isinstance(moment(one["at"]), datetime):
            found.setdefault(one["host"], []).append(one)
    return found


def _slots(host: str, steps: Iterable[Entry]) -> list[dict[str, Any]]:
    """The slots of one host; what happened outside of any is one more."""
    found: list[dict[str, Any]] = []
    held = drained = False
    for one in steps:
        step, at, data = one["step"], one["at"], one["data"]
        goes_out = step == "drained" and data.get("state") in {"drained", "unknown"}
        if step == "slot_taken" and not held:
            found.append(_slot(host, at, data))
            held = True
        elif not found and (goes_out or step == "restarting"):
            found.append(_slot(host, None, {}))
        if not found:
            continue
        slot = found[-1]
        if goes_out:
            drained = True
            _begin(slot["out"], at)
        elif step == "undrained" and data.get("state", "active") == "active":
            drained = False
            _end(slot["out"], at)
        elif step == "restarting":
            _begin(slot["restarts"], at)
            _begin(slot["out"], at)
        elif step == "restarted" and data.get("done", True) is True:
            _end(slot["restarts"], at)
            if not drained:
                _end(slot["out"], at)
        elif step == "slot_released":
            slot["released_at"], held = at, False
            slot["outcome"] = _if(data.get("outcome"), str)
            slot["failed"], slot["kept"] = (_if(data.get(key), bool) for key in ("failed", "kept"))
            # Where the host is was judged at its end; the steps only tell since when.
            if slot["kept"] is True:
                _begin(slot["out"], at)
            elif slot["kept"] is False:
                drained = False
                _end(slot["out"], at)
    return found


def _slot(host: str, at: str | None, data: Mapping[str, Any]) -> dict[str, Any]:
    """A slot that has begun."""
    groups, waited, wave = data.get("groups"), data.get("waited"), data.get("wave")
    whole = isinstance(wave, int) and not isinstance(wave, bool) and wave >= 0
    number = isinstance(waited, int | float) and not isinstance(waited, bool) and waited >= 0
    return {
        "host": host,
        "wave": wave if whole else None,
        "canary": _if(data.get("canary"), bool),
        "kind": _if(data.get("kind"), str),
        "groups": [str(one) for one in groups] if isinstance(groups, list) else [],
        "waited": waited if number else None,
        "taken_at": at,
        "released_at": None,
        "out": [],
        "restarts": [],
        "outcome": None,
        "failed": None,
        "kept": None,
    }


def _begin(spans: list[dict[str, Any]], at: str) -> None:
    """Begin a span, unless one is open."""
    if not spans or spans[-1]["to"] is not None:
        spans.append({"from": at, "to": None})


def _end(spans: list[dict[str, Any]], at: str) -> None:
    """End the open span."""
    if spans and spans[-1]["to"] is None:
        spans[-1]["to"] = at


def _if(value: Any, kind: type) -> Any:
    """The value when it is of a kind, else None."""
    return value if isinstance(value, kind) else None


def _first(slot: Mapping[str, Any]) -> str:
    """The first moment of a slot."""
    return min(str(one) for one in (slot["taken_at"], *(span["from"] for span in slot["out"])) if one)


def _told(steps: Sequence[Entry]) -> dict[str, Any]:
    """What the steps of one host say."""
    last = {one["step"]: one["data"] for one in steps}
    drains = [one["data"] for one in steps if one["step"] in {"drained", "undrained"}]
    slots_of_it = _slots("", steps)
    return {
        "restarts": record.restarts(steps),
        "drain": drains[-1] if drains else None,
        "preflight": last.get("preflight"),
        "out": stays(slots_of_it[-1]) if slots_of_it else None,
    }
