# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole fleet of a plan or a run in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.text import clean, counted
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.page import Word, label, moment
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.vocabulary import (
    DECISIONS,
    OFFER_DECISIONS,
    OUTCOMES,
    name_list,
    span,
)


def about(doc: Mapping[str, Any]) -> str:
    """When and by what the report was made, and of which run."""
    said = f"Generated {moment(doc['generated_at'])} by rebootless.patching {clean(doc['collection_version'])}."
    if doc["kind"] == "plan":
        return said
    ran = doc["run"]
    times = f"started {moment(ran['started_at']) or 'at an unknown time'}, "
    times += f"ended {moment(ran['ended_at'])}" if ran["ended_at"] else "its end is not recorded"
    return f"Run {clean(ran['id'])}: {times}. {said}"


def totals(doc: Mapping[str, Any]) -> list[tuple[str, str]]:
    """`(what, counts)`: hosts, offers, restarts, exposure, who was out, the run before, missing answers."""
    summary = doc["summary"]

    def counts(found: Mapping[str, int], words: Mapping[str, Word]) -> str:
        return ", ".join(f"{count} {label(words, name).lower()}" for name, count in found.items()) or "none"

    lines = [("Hosts", f"{summary['hosts']}, {summary['reached']} reached")]
    if doc["kind"] == "run":
        lines.append(("Outcomes", counts(summary["outcomes"], OUTCOMES)))
        updates = {key: count for key, count in summary["updates"].items() if count}
        told = ", ".join(f"{count} {key.replace('_', ' ')}" for key, count in updates.items())
        lines.append(("Updates", told or "none installed"))
    lines += [
        ("Decisions", counts(summary["decisions"], DECISIONS)),
        ("Offers", counts(summary["offers"], OFFER_DECISIONS)),
    ]
    if doc["put_off"]:
        lines.append(("Put off", put_off_total(doc)))
    lines += [("Restarts", restart_totals(doc)), ("Exposure", exposure_total(doc))]
    if doc["kind"] == "run":
        lines += _run_lines(doc)
    if summary["missing"]:
        lines.append(("Missing", f"{counted(summary['missing'], 'answer')} that the decisions lack"))
    return lines


def _run_lines(doc: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What only a run has: who was out, its waves, the run before."""
    if doc["timeline"] or doc["summary"]["out"]:
        yield "Out", out_total(doc)
    if doc["summary"]["waves"]:
        yield "Waves", wave_total(doc)
    if doc["comparison"]:
        words = "; ".join(comparison_words(doc["comparison"]))
        yield "Compared", f"with run {clean(doc['comparison']['run']['id'])}: {words}"


def put_off_total(doc: Mapping[str, Any]) -> str:
    """How much waits, and for how long."""
    waits = doc["summary"]["put_off"]
    longest = f", missing for up to {span(waits['longest'])}" if waits["longest"] is not None else ""
    return f"{counted(waits['updates'], 'update')} on {counted(waits['hosts'], 'host')}{longest}"


def out_total(doc: Mapping[str, Any]) -> str:
    """How much was out of service in all, and what still is."""
    line, left = doc["timeline"], doc["summary"]["out"]
    said = "nothing is recorded of hosts out of service"
    if line:
        hosts = len({slot["host"] for slot in line["slots"] if slot["out"]})
        if not (hosts or left):
            said = "no host was out of service"
        elif hosts:
            said = (
                f"{counted(hosts, 'host')} for {span(line['out_seconds'])} in all, at most {line['most_out']} at once"
            )
    return f"{said}; {left} STILL OUT OF SERVICE" if left else said


def wave_total(doc: Mapping[str, Any]) -> str:
    """`canary: 2 hosts, 2: 5 hosts (1 did not end well)`."""
    told = []
    for one in doc["summary"]["waves"]:
        bad = f" ({one['failed']} did not end well)" if one["failed"] else ""
        told.append(f"{'canary' if one['canary'] else one['wave']}: {counted(one['hosts'], 'host')}{bad}")
    return ", ".join(told)


def comparison_words(found: Mapping[str, Any]) -> list[str]:
    """What is different from the run before, the worst first."""
    lists = {
        "newly_bad": "newly bad",
        "still_bad": "bad again",
        "mended": "mended",
        "new": "not in that run",
        "gone": "not in this run",
    }
    told = [f"{len(found[key])} {words}: {name_list(found[key])}" for key, words in lists.items() if found[key]]
    then, now = (found["longest_exposure"][key] for key in ("then", "now"))
    return [
        *told,
        f"hosts restarted {_then_now(found['restarted'])}",
        f"updates installed {_then_now(found['installed'])}",
        f"hosts exposed {_then_now(found['exposed'])}",
        f"longest exposure then {span(then) or 'none'}, now {span(now) or 'none'}",
    ]


def _then_now(pair: Mapping[str, Any]) -> str:
    """`then 3, now 5`."""
    return f"then {pair['then']}, now {pair['now']}"


def restart_totals(doc: Mapping[str, Any]) -> str:
    """The restarts of a plan or run in words."""
    restarts = doc["summary"]["restarts"]
    if doc["kind"] == "plan":
        return f"{restarts['due']} due, {restarts['agreed']} agreed, {restarts['now']} in this run"
    said = f"{restarts['done']} done by proof of the boot time, {restarts['due']} were due, {restarts['agreed']} agreed"
    if restarts["unproved"]:
        said += f", {restarts['unproved']} not proved"
    if restarts["unasked"]:
        said += f", {restarts['unasked']} NOT ASKED FOR by this run"
    return said


def exposure_total(doc: Mapping[str, Any]) -> str:
    """How long the fleet is exposed at most."""
    exposure = doc["summary"]["exposure"]
    longest = exposure["longest"]
    if longest is None:
        said = "no security update is known to be open"
    else:
        hosts = counted(exposure["hosts"], "host")
        said = f"{hosts}, at most {span(longest['seconds'])} ({clean(longest['name'])})"
    if exposure["unknown"]:
        said += f"; unknown for {counted(exposure['unknown'], 'host')}"
    return said if doc["kind"] == "plan" else f"{said}; as decided, before the run"
