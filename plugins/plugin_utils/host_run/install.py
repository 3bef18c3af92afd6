# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an installation came to: is the decision still good, what became of each update, and the proof before and after.

Nothing is called failed by guess: what the host did not say is `unknown`, what its agent is still doing `still_installing`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals, Unknown, moment, shown
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import offers
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.decide import UNPLACED
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.offers import Offer
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import untouchable
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.untouchable import Wait

OUTCOMES = (
    "nothing_to_do",
    "installed",
    "partly_installed",
    "downloaded",
    "failed",
    "still_installing",
    "unknown",
    "stale",
    "check_mode",
)
RESULTS = ("installed", "failed", "left_out", "still_installing", "unknown")
GONE = "win_updates did not find it any more."
UPDATE_IDS = "wu_reboot_required"
HRESULT = re.compile(r"0x([0-9A-Fa-f]{8})(?![0-9A-Fa-f])")


def stale(
    decision: Mapping[str, Any],
    current: Mapping[str, Any],
    now: datetime,
    wanted: Collection[str] | None = None,
    *,
    waits: Iterable[Wait] = (),
    download_only: bool = False,
) -> list[str]:
    """What has changed since the decision, in sentences; empty when it still holds.

    `current` is what a decision made now would rest on (`stale_when`), `waits` why the host must not be touched now. Of
    the offers only those count that are to be installed, or the `wanted`. A download needs no window.
    """
    words = [wait.words for wait in waits]
    before = decision["stale_when"]
    for key, name in (("build", "The build"), ("last_boot", "The last boot")):
        if before[key] != current[key]:
            words.append(f"{name} was {before[key]}, and is {current[key]} now.")
    gone, come = (sorted(set(one) - set(other)) for one, other in _both_ways(before["pending"], current["pending"]))
    if come:
        words.append(f"New reasons for a restart: {', '.join(come)}.")
    if gone:
        words.append(f"No longer a reason for a restart: {', '.join(gone)}.")
    # Not to know is not to be offered no longer.
    if current["offers"] is None:
        words.append("What the host is offered now is not known.")
    names = {offer["id"]: offer["kb"] or offer["title"] for offer in decision["offers"]}
    for update in (decision["install"] if wanted is None else wanted) if current["offers"] is not None else ():
        revision, offered = before["offers"].get(update), current["offers"].get(update)
        if offered is None:
            words.append(f"{names.get(update, update)} is no longer offered.")
        elif offered != revision:
            words.append(
                f"{names.get(update, update)} was offered as revision {revision}, and is revision {offered} now."
            )
    window = decision["restart"]["window"]
    end = moment(window["end"]) if decision["restart"]["now"] and window and not download_only else None
    if isinstance(end, datetime) and now >= end:
        words.append(f"The window for the restart closed at {window['end']}.")
    return words


def _both_ways(one: Collection[str], other: Collection[str]) -> tuple[tuple[Collection[str], Collection[str]], ...]:
    return (one, other), (other, one)


def snapshot(signals: Signals, current: Mapping[str, Any], restart_required: str) -> dict[str, Any]:
    """`{boot, build, kbs, pending, restart_required, leave_alone}` of a host at one moment; null where it did not tell.

    `leave_alone` is why it must not be restarted at that moment, in sentences.
    """
    kbs = signals.kbs()
    return {
        "boot": current["last_boot"],
        "build": current["build"],
        "kbs": None if isinstance(kbs, Unknown) else sorted(kbs),
        "pending": list(current["pending"]),
        "restart_required": restart_required,
        "leave_alone": [wait.words for wait in untouchable.reasons_to_wait(signals, "restart")],
    }


class Report(NamedTuple):
    """What `win_updates` said: its entries by update id, its message when it failed, and whether it reached its end.

    `lost`: part of what it said was lost on the way, so what it does not tell of an update means nothing.
    """

    updates: Mapping[str, Mapping[str, Any]]
    message: str | None
    ended: bool
    lost: bool = False


class After(NamedTuple):
    """The host after the installation: its signals, and what it offers now (UNKNOWN when it did not tell)."""

    signals: Signals
    offered: offers.Offers | Unknown


def result_of(offer: Offer, report: Report, after: After) -> dict[str, Any]:
    """`{id, kb, title, result, hresult, message, reoffered}` of one update that was to be installed."""
    name, hresult, message = _result(offer, report, after)
    again = isinstance(after.offered, offers.Offers) and any(
        one.id == offer.id and one.revision == offer.revision for one in after.offered.known
    )
    return {
        "id": offer.id,
        "kb": offer.kb,
        "title": shown(offer.title),
        "result": name,
        "hresult": hresult,
        "message": message,
        "reoffered": name == "installed" and again,
    }


def _result(offer: Offer, report: Report, after: After) -> tuple[str, str | None, str | None]:
    said = report.updates.get(offer.id)
    if said is not None and said.get("installed") is True:
        return "installed", None, None
    if said is not None and "failure_hresult_code" in said:
        return _failed_with(said)
    whole = report.ended and not report.lost
    # Its message is about what it found, or about a search that found nothing at all.
    if whole and report.message and (said is not None or not report.updates):
        return _failed(report.message)
    if whole and said is None:
        return "left_out", None, GONE
    return _asked(offer, report, after)


def _failed_with(said: Mapping[str, Any]) -> tuple[str, str | None, str | None]:
    """Failed with the HRESULT that win_updates tells of the update."""
    code = int(said["failure_hresult_code"]) & 0xFFFFFFFF
    return "failed", f"0x{code:08X}", shown(said.get("failure_msg", ""), 300)


def _failed(message: str) -> tuple[str, str | None, str | None]:
    """Failed with a message of the whole run, in which the HRESULT stands if there is one."""
    found = HRESULT.search(message)
    return "failed", f"0x{found[1].upper()}" if found else None, shown(message, 300)


def _asked(offer: Offer, report: Report, after: After) -> tuple[str, str | None, str | None]:
    """What the host itself says of an update whose installation nobody saw end."""
    busy = after.signals.flag("agent_busy")
    if busy is True:
        return "still_installing", None, "The update agent is still installing."
    if isinstance(after.offered, Unknown):
        return "unknown", None, "The host did not say what it offers now."
    if any(one.id == offer.id for one in after.offered.known):
        # The run is over, it failed, and this update is still to be had.
        if report.ended and report.message:
            return _failed(report.message)
        return "unknown", None, "It is still offered and nobody saw its installation end; the next run asks again."
    waiting = after.signals.value(UPDATE_IDS)
    listed = any(kb in after.signals.listed() for kb in offer.kbs)
    if listed or (isinstance(waiting, list) and offer.id in [str(name).lower() for name in waiting]):
        return "installed", None, "The host says so: nobody saw the installation end."
    return "unknown", None, "It is not offered any more, and the host does not list it as installed."


def waiting(decision: Mapping[str, Any]) -> list[str]:
    """The ids that can be downloaded ahead: what is to be installed, now or later; not what nobody can place."""
    unplaced = {one["id"] for one in decision.get("offers") or () if one.get("code") in UNPLACED}
    return [*decision["install"], *(one for one in decision["put_off"] if one not in unplaced)]


def download_of(offer: Offer, report: Report) -> dict[str, Any]:
    """What became of an update that was to be downloaded, as `result_of` tells it of an installation."""
    name, hresult, message = _download(offer, report)
    return {
        "id": offer.id,
        "kb": offer.kb,
        "title": shown(offer.title),
        "result": name,
        "hresult": hresult,
        "message": message,
        "reoffered": False,
    }


def _download(offer: Offer, report: Report) -> tuple[str, str | None, str | None]:
    said = report.updates.get(offer.id)
    if said is not None and said.get("downloaded") is True:
        return "downloaded", None, None
    if said is not None and "failure_hresult_code" in said:
        return _failed_with(said)
    if not report.ended or report.lost:
        return "unknown", None, "Nobody saw its download end; the installation asks again."
    if report.message:
        return _failed(report.message)
    # What was there before is downloaded without a word.
    return ("left_out", None, GONE) if said is None else ("downloaded", None, None)


def downloads(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """As `told`, of downloads: one that failed is no good end, because win_updates then installs nothing of all."""
    words = {one["result"] for one in results}
    order = ("unknown", "failed", "downloaded")
    return {**told(results), "outcome": next((name for name in order if name in words), "nothing_to_do")}


def told(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The results sorted out: ids by what became of them, and the failures with what is known of them."""

    def ids(name: str) -> list[str]:
        return [one["id"] for one in results if one["result"] == name]

    failure = ("id", "kb", "title", "hresult", "message")
    return {
        "updates": list(results),
        **{name: ids(name) for name in ("installed", "still_installing", "unknown")},
        "failed_updates": [{key: one[key] for key in failure} for one in results if one["result"] == "failed"],
        "left_out": [{"id": one["id"], "why": one["message"]} for one in results if one["result"] == "left_out"],
        "reoffered": [one["id"] for one in results if one["reoffered"]],
        "outcome": outcome(results),
    }


def promised(decision: Mapping[str, Any]) -> list[str]:
    """The ids that were to install without a restart; none when a restart is agreed."""
    if decision["restart"]["now"]:
        return []
    return [one["id"] for one in decision["offers"] if one["decision"] == "install" and one["restart"] == "none"]


def outcome(results: Sequence[Mapping[str, Any]]) -> str:
    """One word for the host."""
    words = {one["result"] for one in results}
    for name in ("still_installing", "unknown"):
        if name in words:
            return name
    if "installed" in words:
        return "installed" if words == {"installed"} else "partly_installed"
    return "failed" if "failed" in words else "nothing_to_do"


def restart_wanted_by(before: Signals, after: Signals, pending: bool | None) -> list[str] | None:
    """The ids of the updates behind a pending restart, where the host tells; None when it does not.

    Source: names of the values under `Auto Update\\RebootRequired` are update ids (facts/pending-restart.md 1.1).
    """
    if pending is False:
        return []
    named, known = after.value(UPDATE_IDS), before.value(UPDATE_IDS)
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named) or isinstance(known, Unknown):
        return None
    old = {str(name).lower() for name in known} if isinstance(known, list) else set()
    new = sorted({name.lower() for name in named} - old)
    return new or None


def effects(decision: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> list[bool | None]:
    """What the decision knew of the effect on the track of each update that is in, or may be."""
    gone_in = {one["id"] for one in results if one["result"] in ("installed", "still_installing", "unknown")}
    return [one.get("keeps_track") for one in decision["offers"] if one["id"] in gone_in]


def track_kept(
    before: Mapping[str, Any], after: Mapping[str, Any], effects: Collection[bool | None] = ()
) -> bool | None:
    """Whether a host that was on the hotpatch track still is; None when it was not, or when nobody knows.

    `effects` is what the decision knew of each update that was installed, or may have been (`keeps_track`). Of one whose
    effect nobody knew only the build tells, once it has changed to one of the release table and no restart is pending.
    """
    if before["track"] != "hotpatch" or before["state"] not in ("on_track", "restart_pending"):
        return None
    if after["state"] == "unknown" or after["track"] == "unknown":
        return None
    if after["track"] == "hotpatch" and None in effects:
        shown_by_build = after["state"] == "on_track" and after["build"] != before["build"]
        return True if shown_by_build else None
    return bool(after["track"] == "hotpatch")


def proof(
    before: Mapping[str, Any],
    after: Mapping[str, Any] | None,
    *,
    kept: bool | None,
    wanted_by: Sequence[str] | None,
    names: Mapping[str, str | None],
) -> dict[str, Any]:
    """What can be shown of an installation; `after` is None when the host could not be asked any more."""
    added = None
    if after is not None and before["kbs"] is not None and after["kbs"] is not None:
        added = sorted(set(after["kbs"]) - set(before["kbs"]))
    changed = dict.fromkeys(("boot", "build"))
    if after is not None:
        for key in changed:
            if before[key] is not None and after[key] is not None:
                changed[key] = before[key] != after[key]
    return {
        "before": dict(before),
        "after": dict(after) if after is not None else None,
        "restarted": changed["boot"],
        "kbs_added": added,
        "build_changed": changed["build"],
        "track_kept": kept,
        "restart_wanted_by": None if wanted_by is None else [{"id": one, "kb": names.get(one)} for one in wanted_by],
    }


def words(
    results: Sequence[Mapping[str, Any]], shown_proof: Mapping[str, Any] | None, promised: Collection[str]
) -> list[str]:
    """What an administrator must hear, in sentences. `promised` are the ids that were to install without a restart."""
    said = []
    for one in results:
        name = one["kb"] or one["title"]
        if one["reoffered"]:
            said.append(
                f"{name} is installed and offered again: it counts as done, and is not installed a second time."
            )
        elif one["result"] == "failed":
            code = f" ({one['hresult']})" if one["hresult"] else ""
            said.append(f"{name} failed{code}: {one['message']}")
        elif one["result"] not in ("installed", "downloaded"):
            said.append(f"{name} is {one['result'].replace('_', ' ')}: {one['message']}")
    after = shown_proof["after"] if shown_proof else None
    if shown_proof is None or after is None:
        return said
    new = sorted(set(after["pending"]) - set(shown_proof["before"]["pending"]))
    if new and promised:
        behind = shown_proof["restart_wanted_by"]
        names = ", ".join(one["kb"] or one["id"] for one in behind) if behind else "unknown"
        said.append(f"A restart is pending that nobody announced ({', '.join(new)}); the updates behind it: {names}.")
    if shown_proof["restarted"]:
        said.append("The host restarted meanwhile, and not by this collection.")
    if shown_proof["track_kept"] is False:
        said.append("The host has left the hotpatch track.")
    return said
