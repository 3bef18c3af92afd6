# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host ends in a run: whether its agreed restart may happen now, and in one word what became of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base import door
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import moment
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.decide import UNPLACED
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.reasons import reach

# An installation that has come to its end, good or bad: only then may a host restart.
ENDED = ("nothing_to_do", "installed", "partly_installed", "failed")
BAD_INSTALL = ("failed", "partly_installed", "stale", "unknown", "still_installing")
NEXT_STEPS = {
    "blocked": "Put right what blocks it (the offers say what), then run again.",
    "failed": "Look at the failure, put it right, then run again: what is installed already is recognised.",
    "not_reached": "Make the host reachable (power, name, port, credentials), then run again.",
    "partly_installed": "Look at the updates that failed, then run again: what is installed already is recognised.",
    "restart_due": "Agree to the restart (consent: true) for its window.",
    "stale": "Run again: the host is asked and decided anew.",
    "still_installing": "Run again later: the host is asked before anything is done to it.",
    "unknown": "Run again: the host is asked before anything is done to it.",
    "verify_failed": "Look at the failed checks; the update can be taken off again by hand.",
}
KB = re.compile(r"(?<![0-9A-Za-z])KB[0-9]{4,8}(?![0-9A-Za-z])")
# Within the quotes of an argument these are nothing but themselves, in every shell on the way.
UNSAFE = re.compile(r"[^A-Za-z0-9 ._:#+-]")
NAMED = 10
WORDS = 2000
AGREED = "It is agreed to: run again in its window, when nothing keeps the host from it."
UNTRIED = "Whether the updates go in and the host comes back well, only the run itself tells."
INCOMPLETE = "What the host is offered is not known in full, so an update may be missing unseen: the decision says what is missing."
SAY_SOMETHING = "Agree to the restart (consent: true) for its window, or say false to have it reported only."


class Restart(NamedTuple):
    """Whether the host is to be restarted now, and why or why not."""

    now: bool
    why: str


def restart_agreed(
    decision: Mapping[str, Any], install: Mapping[str, Any] | None, now: datetime, lead: int = 0
) -> Restart:
    """Whether the restart that the decision agreed to may happen `lead` seconds from `now`, which users are told before.

    Never while anything may still be installing, and never when the window closes before the host goes down.
    """
    agreed = decision["restart"]
    if agreed["consent"] is not True or agreed["now"] is not True:
        return Restart(False, "No restart is agreed.")
    if install is not None and install.get("outcome") not in ENDED:
        return Restart(
            False, f"The installation has not ended ({install.get('outcome')}), so the host is not restarted."
        )
    if install is not None and install.get("problem"):
        return Restart(False, "The host could not be asked what it is now, so it is not restarted.")
    window = agreed["window"]
    end = moment(window["end"]) if window else None
    if window and (not isinstance(end, datetime) or now >= end):
        return Restart(False, f"The window closed at {window['end']}, so the host is not restarted.")
    if isinstance(end, datetime) and now + timedelta(seconds=lead) >= end:
        words = f"The window closes at {window['end']}, before the {lead} seconds of warning are over"
        return Restart(False, f"{words}, so the host is not restarted.")
    expires = (agreed.get("consent_by") or {}).get("expires")
    until = moment(expires) if expires else None
    if expires and (not isinstance(until, datetime) or now + timedelta(seconds=lead) >= until):
        return Restart(False, f"The consent holds only until {expires}, so the host is not restarted.")
    after = ((install or {}).get("proof") or {}).get("after")
    alone = (after or {}).get("leave_alone") or []
    if alone:
        return Restart(False, f"The host is not restarted. {' '.join(alone)}")
    waiting = after["restart_required"] if after else decision["restart_required"]
    if waiting != "yes":
        return Restart(False, "Nothing waits for a restart.")
    return Restart(True, agreed["why"] or "An installed update waits for a restart.")


def restart_message(reason: object, run: object = "", consent_by: object = None) -> str:
    """What shutdown.exe tells the people on the host.

    It becomes an argument of a program, and Windows PowerShell 5.1 does not escape a quotation mark in one. So it holds our own
    words and KB numbers; of the run's name and the ticket, which users write, what is safe; and nothing else that a host has said.
    """
    kbs = list(dict.fromkeys(KB.findall(str(reason))))
    named = ", ".join(kbs[:NAMED]) + (f" and {len(kbs) - NAMED} more" if len(kbs) > NAMED else "")
    ticket = consent_by.get("ticket") if isinstance(consent_by, Mapping) else None
    sources = [f"{what} {safe}" for what, given in (("ticket", ticket), ("run", run)) if (safe := _safe(given))]
    by = f" ({', '.join(sources)})" if sources else ""
    return f"Agreed restart of rebootless.patching{f' for {named}' if named else ''}{by}."


def _safe(given: object) -> str:
    """Of a text that a user has written what may stand in an argument of a program."""
    return " ".join(UNSAFE.sub("", str(given or "")).split())[:60]


def told(answer: Mapping[str, Any]) -> dict[str, Any]:
    """`{told, refused, confirmed, why}`: what came of `win_reboot`, by its result."""
    said = " ".join(str(answer[key]) for key in ("msg", "stderr") if answer.get(key))
    return {
        "told": "rc" not in answer and not answer.get("unreachable"),
        "refused": "rc" in answer,
        # It ends well only when the boot time has changed.
        "confirmed": "msg" not in answer,
        "why": door.line(said),
    }


def went_wrong(answer: object, task: str = "") -> str:
    """Why a task failed, by its result, with the task's name before it; a loop says no more of itself than that an item failed."""
    items = answer.get("results") if isinstance(answer, Mapping) else None
    failed = [one for one in items if isinstance(one, Mapping) and one.get("failed")] if isinstance(items, list) else []
    looked = failed or ([answer] if isinstance(answer, Mapping) else [])
    reasons = [one.get("msg") or "no reason given" for one in looked]
    said = " ".join(door.line(one) for one in reasons[:NAMED]) or "no reason given"
    return f"{door.line(task)}: {said}" if task else said


class Back(NamedTuple):
    """Whether a host is back from its restart, and what is still missing."""

    back: bool
    why: str


def back(seen: Mapping[str, Any], before: str | None, confirmed: bool) -> Back:
    """Whether a host that was told to restart is back, by what it says now (hotpatch_info with its signals).

    `before` is its boot time before, `confirmed` whether win_reboot has seen that time change. A servicing session that
    Windows finishes while it boots still is part of the restart.
    """
    if "problem" not in seen:
        # The task itself has failed, for example because its time was over.
        return Back(False, str(seen.get("msg") or "it was not asked"))
    if seen["problem"] is not None:
        return Back(False, str(seen["problem"]["message"]))
    if not confirmed and seen["last_boot"] in (None, before):
        return Back(False, f"its last boot is still {seen['last_boot']}")
    if ((seen["signals"] or {}).get("cbs_reboot_in_progress") or {}).get("value") is True:
        return Back(False, "Windows is still in the boot phase of servicing")
    return Back(True, "")


def result(
    name: str,
    decision: Mapping[str, Any] | None,
    install: Mapping[str, Any] | None = None,
    verify: Mapping[str, Any] | None = None,
    restart: Mapping[str, Any] | None = None,
    failure: str | None = None,
    heard: Sequence[str] = (),
) -> dict[str, Any]:
    """`{name, decision, install, verify, restart, outcome, words, next_step, failed}` of a host.

    `failed` is what the run's exit status tells; `heard` is what else is to be told, whatever the outcome.
    """
    words = [*((install or {}).get("words") or []), *heard, *_unplaced(decision)]
    outcome, failed, said = _outcome(decision, install, verify, restart, failure)
    if said and said not in words:
        words.append(said)
    words = [door.line(one, WORDS) for one in words]
    return {
        "name": name,
        "decision": decision,
        "install": install,
        "verify": verify,
        "restart": restart,
        "outcome": outcome,
        "words": words,
        "next_step": _next_step(outcome, failed, decision),
        "failed": failed,
    }


def _unplaced(decision: Mapping[str, Any] | None) -> list[str]:
    """The updates that are put off because nobody knows what they do to the track, each with the reason."""
    return [
        f"{one['kb'] or one['title']} is put off. {one['why'][-1]}"
        for one in (decision or {}).get("offers") or ()
        if one.get("code") in UNPLACED
    ]


def _next_step(outcome: str, failed: bool, decision: Mapping[str, Any] | None) -> str | None:
    """What to do next; nobody is asked to agree to what is agreed to."""
    if outcome == "restart_due" and failed:
        return SAY_SOMETHING
    if outcome == "restart_due" and decision and decision["restart"]["consent"] is True:
        return AGREED
    if outcome == "not_reached" and decision and decision["problem"]:
        return f"{reach(decision['problem']['kind'])}, then run again."
    return NEXT_STEPS.get(outcome)


def _outcome(
    decision: Mapping[str, Any] | None,
    install: Mapping[str, Any] | None,
    verify: Mapping[str, Any] | None,
    restart: Mapping[str, Any] | None,
    failure: str | None,
) -> tuple[str, bool, str]:
    if decision is None:
        return "failed", True, failure or "The host was not decided on."
    if not decision["reached"]:
        return "not_reached", True, (decision["problem"] or {}).get("message", "The host gave no answer.")
    done = (install or {}).get("outcome")
    if done in BAD_INSTALL:
        return str(done), True, failure or ""
    proof = (install or {}).get("proof")
    if proof and proof["after"] is None and done != "check_mode":
        return "unknown", True, failure or "Nobody could ask the host what it is after the installation."
    healthy = ((verify or {}).get("after") or {}).get("healthy", True)
    if healthy is not True:
        return (
            ("verify_failed" if healthy is False else "unknown"),
            True,
            failure or "The health checks did not all pass.",
        )
    if failure:
        return "failed", True, failure
    if restart and restart["done"] is None:
        return "failed", True, "Nobody has seen the host come back from its restart."
    if done == "check_mode":
        return "check_mode", False, UNTRIED
    if restart and restart["done"]:
        return "restarted", False, ""
    if decision["decision"] == "unknown":
        return "unknown", True, decision["summary"]
    if _owes_restart(decision, install):
        stuck = _stuck(decision)
        if stuck and decision["restart"]["consent"] is True and done in (None, "nothing_to_do"):
            return "blocked", False, f"{decision['summary']} {stuck}"
        return "restart_due", decision["restart"]["consent"] is None, f"{_consent_words(decision)} {stuck}".rstrip()
    if decision["decision"] == "blocked":
        return "blocked", False, f"{decision['summary']} {_kept_back(decision['offers'])}".rstrip()
    if decision.get("offers_complete") is False:
        return "unknown", True, INCOMPLETE
    if done == "installed":
        return "installed", False, ""
    return ("wait_for_window" if decision["put_off"] else "nothing_to_do"), False, ""


def _owes_restart(decision: Mapping[str, Any], install: Mapping[str, Any] | None) -> bool:
    """Whether a restart is due, or one is pending now that was not before."""
    proof = (install or {}).get("proof") or {}
    after = proof.get("after") or {}
    return bool(decision["restart"]["due"]) or after.get("restart_required") == "yes"


def _stuck(decision: Mapping[str, Any]) -> str:
    """What keeps back every update that a restart is due for; empty when one goes in, or when a restart is pending."""
    wanted = [one for one in decision["offers"] if one["id"] in decision["restart"]["offers"]]
    if decision["restart_required"] == "yes" or any(one["decision"] != "blocked" for one in wanted):
        return ""
    return _kept_back(wanted)


def _kept_back(offers: Iterable[Mapping[str, Any]]) -> str:
    """What keeps back the blocked ones of these offers, each reason once."""
    return " ".join(dict.fromkeys(words for one in offers if one["decision"] == "blocked" for words in one["why"][-1:]))


def _consent_words(decision: Mapping[str, Any]) -> str:
    restart = decision["restart"]
    # What came with the installation was no reason when the host was decided on.
    why = restart["why"] if restart["due"] else "One is pending since the installation."
    if restart["consent"] is None:
        return f"A restart is due and nobody has said yes or no to it. {why}"
    return f"A restart is due. {why}"
