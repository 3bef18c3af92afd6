# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of a host and of a fleet: what every report, module and playbook shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals, shown
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import cautions as warnings
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import pending_restart as pending_reboot
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import track, untouchable
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.reasons import reach
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import ReleaseTable
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.restart_risks import looked_at, restart_risks

STATES = track.STATES
DEFAULT_CLASSES = pending_reboot.DEFAULT_CLASSES


def iso(moment: datetime) -> str:
    """A time in UTC, ISO 8601."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _known(value: object) -> Any:
    """A text or time for JSON; None when it is unknown."""
    if isinstance(value, datetime):
        return iso(value)
    return value if isinstance(value, str) else None


def host_status(
    name: str,
    signals: object,
    problem: Mapping[str, object] | None,
    releases: ReleaseTable,
    now: datetime,
    *,
    azure: object = None,
    classes: Collection[str] = DEFAULT_CLASSES,
) -> dict[str, Any]:
    """All that is known of a host at `now`; the same keys whatever the outcome, causes before warnings.

    `signals` are the raw ones; None when the host was not reached, and `problem` says why (`{kind, message}`).
    """
    pending = pending_reboot.pending_restart(signals, classes, releases)
    read = Signals(signals)
    trouble = {key: shown(value, 500) for key, value in problem.items()} if problem else None
    if signals is None:
        verdict = track.Verdict(state="unknown")
        words = trouble or {}
        kind, message = words.get("kind", "failed"), words.get("message", "no answer")
        verdict.say("host_not_reached", kind=kind, message=message, step=reach(kind))
    else:
        servicing = [one for one in pending["reasons"] if one["class"] == "servicing"]
        waiting = [one for one in servicing if one["source"] != pending_reboot.AT_WORK]
        unread = pending_reboot.unread(read, "servicing", releases)
        verdict = track.judge(
            read,
            releases,
            now,
            azure,
            track.Servicing(
                tuple(one["detail"] for one in waiting),
                any(one["source"] in pending_reboot.UPDATES for one in waiting),
                unread,
                working=None if pending_reboot.AT_WORK in unread else waiting != servicing,
            ),
        )
        warnings.warn(verdict, read, now)
        _leave_alone(verdict, untouchable.says(read))
    expected = track.next_baseline(verdict, releases, now)
    return {
        "name": name,
        "reached": signals is not None,
        "problem": trouble,
        "product": verdict.product,
        "edition": _known(read.text("edition_id")),
        "build": _known(read.build()),
        "architecture": _known(read.text("architecture")),
        "last_boot": _known(read.last_boot()),
        "state": verdict.state,
        "track": verdict.track,
        "reasons": sorted(verdict.reasons, key=lambda one: one["severity"]),
        "last_baseline": verdict.last_baseline.brief() if verdict.last_baseline else None,
        "next_baseline_expected": expected,
        "covered_until": expected if verdict.state == "on_track" else None,
        "restart_required": pending_reboot.restart_required(signals, pending, releases),
        "pending": pending,
        "restart_risks": restart_risks(read),
        "restart_risks_looked_at": looked_at(read),
        "judged_at": iso(now),
    }


def _leave_alone(verdict: track.Verdict, waits: Sequence[untouchable.Wait]) -> None:
    """No advice asks for a change of a host that says that it must not be touched."""
    for one in verdict.reasons if waits else ():
        if one["code"] not in {wait.code for wait in waits}:
            one["fix"] = f"First wait. {untouchable.in_words(waits)} Then: {one['fix']}"


def summary(hosts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`{hosts, reached, states{state: n}, pending{yes, no, unknown}}`; states that no host is in are left out."""
    states = Counter(host["state"] for host in hosts)
    words = {True: "yes", False: "no", None: "unknown"}
    pending = Counter(words[host["pending"]["pending"]] for host in hosts)
    return {
        "hosts": len(hosts),
        "reached": sum(1 for host in hosts if host["reached"]),
        "states": {state: states[state] for state in STATES if states[state]},
        "pending": {word: pending[word] for word in words.values()},
    }


def _change(before: str | None, after: str | None) -> str | None:
    """What happened to a host between two states; None when nothing did."""
    if before == after:
        return None
    if before is None:
        return "new"
    if after is None:
        return "gone"
    if before == "on_track":
        return "left_track"
    return "returned" if after == "on_track" else "changed"


def compare(previous: Iterable[Mapping[str, Any]], hosts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`[{name, change, from, to}]` since the last status, those that left the track or came back first.

    A host that was not reached has left nothing: its state is not known, so it is not compared.
    """
    before = {host["name"]: host["state"] for host in previous}
    present = list(hosts)
    after = {host["name"]: host["state"] for host in present}
    lost = {host["name"] for host in present if not host.get("reached", True)}
    order = ("left_track", "returned", "changed", "new", "gone")
    changes = [
        {"name": name, "change": change, "from": before.get(name), "to": after.get(name)}
        for name in sorted(before | after)
        if name not in lost and (change := _change(before.get(name), after.get(name)))
    ]
    return sorted(changes, key=lambda change: (order.index(str(change["change"])), str(change["name"])))
