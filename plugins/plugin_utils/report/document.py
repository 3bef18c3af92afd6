# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON of a plan and of a run, from decisions and results. Decides nothing: counts what was decided and done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.report import host_entry as run_host
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.host_entry import (
    NO_DECISION,
    restarted,
    restarts_of,
    unasked,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.page import STATES, Word
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.timeline import seconds
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.vocabulary import (
    DECISIONS,
    OFFER_DECISIONS,
    OUTCOMES,
)

SCHEMA = 1
# A host's name and its decision.
Named = tuple[str, Mapping[str, Any]]
ENDS = ("installed", "failed", "still_installing", "unknown", "reoffered")


def plan(
    decisions: Sequence[Mapping[str, Any]], *, generated_at: str, version: str, query: str | None = None
) -> dict[str, Any]:
    """The plan's JSON (docs/plan.schema.json) from the hosts' decisions."""
    hosts = [run_host.decision(one) for one in sorted(decisions, key=lambda one: str(one["name"]))]
    waiting = _put_off([(str(one["name"]), one, ()) for one in hosts])
    return {
        "schema": SCHEMA,
        "kind": "plan",
        "generated_at": generated_at,
        "collection_version": version,
        "query": query,
        "summary": _decided([(str(one["name"]), one) for one in hosts], waiting),
        "put_off": waiting,
        "hosts": hosts,
    }


def run(
    results: Sequence[Mapping[str, Any]],
    *,
    about: Mapping[str, Any],
    problems: Sequence[str],
    generated_at: str,
    version: str,
    query: str | None = None,
    slots: Sequence[Mapping[str, Any]] = (),
    previous: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The run's JSON (docs/run.schema.json) from the hosts' results; a next step that nobody named is filled in.

    `slots` and `previous` are what `run_history` finds in the record.
    """
    of_host = {slot["host"]: slot for slot in slots}
    hosts = [
        run_host.filled(one, of_host.get(one["name"])) for one in sorted(results, key=lambda one: str(one["name"]))
    ]
    installed = [(one["install"] or {}).get("installed", ()) for one in hosts]
    decided = [(one["name"], one["decision"] or NO_DECISION) for one in hosts]
    waiting = _put_off([(*one, done) for one, done in zip(decided, installed, strict=True)])
    planned, ended = _decided(decided, waiting), _ended(hosts)
    summary = {**planned, **ended, "restarts": {**planned["restarts"], **ended["restarts"]}}
    return {
        "schema": SCHEMA,
        "kind": "run",
        "generated_at": generated_at,
        "collection_version": version,
        "query": query,
        "run": {key: about[key] for key in ("id", "started_at", "ended_at")},
        "problems": list(problems),
        "summary": summary,
        "put_off": waiting,
        "timeline": timeline(slots, about["ended_at"]),
        "comparison": _comparison(previous, hosts, summary) if previous else None,
        "hosts": hosts,
    }


def failed(doc: Mapping[str, Any]) -> list[str]:
    """The hosts that could not be asked, or whose end is no good one or not known."""
    if doc["kind"] == "plan":
        return [one["name"] for one in doc["hosts"] if not one["reached"] or one["decision"] == "unknown"]
    return [one["name"] for one in doc["hosts"] if one["failed"]]


def _counts(found: Sequence[str], order: Mapping[str, Word]) -> dict[str, int]:
    """How often each word was found, in the order given; words that nobody knows last."""
    counts = Counter(found)
    return {name: counts[name] for name in [*order, *sorted(set(counts) - set(order))] if counts[name]}


def _decided(hosts: Sequence[Named], waiting: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts of what was decided."""
    decided = [decision for _name, decision in hosts]
    ages = [one["waited"] for one in waiting if one["waited"] is not None]
    return {
        "hosts": len(decided),
        "reached": sum(1 for one in decided if one["reached"]),
        "states": _counts([one["state"] for one in decided], STATES),
        "decisions": _counts([one["decision"] for one in decided], DECISIONS),
        "offers": {name: sum(len(one[name]) for one in decided) for name in OFFER_DECISIONS},
        "put_off": {
            "updates": len(waiting),
            "hosts": len({name for one in waiting for name in one["hosts"]}),
            "longest": max(ages, default=None),
        },
        "restarts": {
            "due": sum(1 for one in decided if one["restart"]["due"]),
            "agreed": sum(1 for one in decided if one["restart"]["due"] and one["restart"]["consent"] is True),
            "now": sum(1 for one in decided if one["restart"]["now"]),
        },
        "exposure": _exposure(hosts),
        "missing": sum(len(one["missing"]) for one in decided),
    }


def _exposure(hosts: Sequence[Named]) -> dict[str, Any]:
    """How many hosts are exposed, and the one that is exposed longest."""
    exposed = [(one["exposure"]["seconds"], name, one) for name, one in hosts if one["exposure"]["seconds"] is not None]
    longest = max(exposed, key=lambda item: (item[0], item[1])) if exposed else None
    return {
        "hosts": len(exposed),
        "unknown": sum(1 for _name, one in hosts if one["decision"] == "unknown"),
        "longest": None
        if longest is None
        else {"name": longest[1], "seconds": longest[0], "since": longest[2]["exposure"]["since"]},
    }


def _ended(hosts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts of how it ended."""
    proved = [(one, restarted(one)) for one in hosts]
    waves = Counter(one["wave"] for one in hosts if one["wave"] is not None)
    return {
        "outcomes": _counts([one["outcome"] for one in hosts], OUTCOMES),
        "updates": {key: sum(len((one["install"] or {}).get(key, [])) for one in hosts) for key in ENDS},
        "out": sum(1 for one in hosts if one["out"]),
        "waves": [
            {
                "wave": wave,
                "canary": any(one["wave"] == wave and one["canary"] is True for one in hosts),
                "hosts": waves[wave],
                "failed": sum(1 for one in hosts if one["wave"] == wave and one["failed"]),
            }
            for wave in sorted(waves)
        ],
        "restarts": {
            "made": sum(1 for one in hosts for each in restarts_of(one) if each["done"] is True),
            "done": sum(1 for _host, proof in proved if proof is True),
            "unproved": sum(
                1 for one, proof in proved if one["restart"] and one["restart"]["done"] is not False and not proof
            ),
            "unasked": sum(1 for one, proof in proved if unasked(one, proof)),
        },
    }


def _put_off(hosts: Sequence[tuple[str, Mapping[str, Any], Iterable[str]]]) -> list[dict[str, Any]]:
    """The updates that wait, each once with its hosts, the longest missing first; of `(name, decision, what is installed)`.

    What nobody knows the age of stands first: it is treated as overdue.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, decision, installed in hosts:
        for offer in decision["offers"]:
            if offer["decision"] != "put_off" or offer["id"] in installed:
                continue
            update = str(offer["kb"] or offer["title"] or offer["id"])
            one = found.setdefault(
                update,
                {
                    "name": update,
                    "title": offer["title"],
                    "hosts": [],
                    "waited": [],
                    "since": [],
                    "limit": [],
                    "until": [],
                },
            )
            if name not in one["hosts"]:
                one["hosts"].append(name)
            for key, value in (
                ("waited", "waited"),
                ("since", "missing_since"),
                ("limit", "limit"),
                ("until", "until"),
            ):
                one[key].append(offer[value])
    merged = [
        {
            **one,
            # Unknown on one host is unknown.
            "waited": None if None in one["waited"] else max(one["waited"]),
            "since": None if None in one["since"] else min(one["since"]),
            **{key: min((each for each in one[key] if each), default=None) for key in ("limit", "until")},
        }
        for one in found.values()
    ]
    return sorted(merged, key=lambda one: (one["waited"] is not None, -(one["waited"] or 0), one["name"]))


def timeline(slots: Sequence[Mapping[str, Any]], ended_at: str | None) -> dict[str, Any] | None:
    """`{from, to, most_out, out_seconds, slots}`; None without any slot. An open span is counted until the last moment known."""
    if not slots:
        return None
    spans = [span for slot in slots for span in slot["out"]]
    ends = [(slot["taken_at"], slot["released_at"]) for slot in slots]
    times = [time for pair in (*ends, *((span["from"], span["to"]) for span in spans)) for time in pair if time]
    first, last = min(times), max([*times, ended_at] if ended_at else times)
    changes = [(span["from"], 1) for span in spans] + [(span["to"] or last, -1) for span in spans]
    out = most = 0
    # At the same moment one goes out before another is back: they may have been out together.
    for _time, change in sorted(changes, key=lambda one: (one[0], -one[1])):
        out += change
        most = max(most, out)
    return {
        "from": first,
        "to": last,
        "most_out": most,
        "out_seconds": sum(seconds(span["from"], span["to"] or last) for span in spans),
        "slots": [dict(slot) for slot in slots],
    }


def _comparison(
    previous: Mapping[str, Any], hosts: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]
) -> dict[str, Any]:
    """What is different from the run before: hosts newly bad and mended, restarts and exposure then and now."""
    before = [run_host.filled(one) for one in previous["results"]]
    then = _decided([(one["name"], one["decision"] or NO_DECISION) for one in before], ()) | _ended(before)
    known, now = {one["name"] for one in before}, {one["name"] for one in hosts}
    was_bad = {one["name"] for one in before if one["failed"]}
    is_bad = {one["name"] for one in hosts if one["failed"]}

    def both(*path: str) -> dict[str, Any]:
        ends: list[Any] = [then, summary]
        for key in path:
            ends = [None if one is None else one[key] for one in ends]
        return {"then": ends[0], "now": ends[1]}

    return {
        "run": {key: previous["about"][key] for key in ("id", "started_at", "ended_at")},
        "newly_bad": sorted(is_bad - was_bad),
        "still_bad": sorted(is_bad & was_bad),
        "mended": sorted((was_bad & now) - is_bad),
        "new": sorted(now - known),
        "gone": sorted(known - now),
        "installed": both("updates", "installed"),
        "restarted": both("restarts", "done"),
        "exposed": both("exposure", "hosts"),
        "longest_exposure": both("exposure", "longest", "seconds"),
    }
