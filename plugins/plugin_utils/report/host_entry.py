# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's decision and result in the shape of the reports, and whether it has restarted, by its boot times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import JITTER
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.slot import stays
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.vocabulary import GOOD, NEXT_STEPS, OUT_STEP

# The decision of a host that has none in the record.
NO_DECISION: dict[str, Any] = {
    "reached": None,
    "problem": None,
    "product": None,
    "state": "unknown",
    "track": "unknown",
    "build": None,
    "last_boot": None,
    "decided_at": None,
    "decision": "unknown",
    "summary": "",
    "offers": [],
    "install": [],
    "put_off": [],
    "refuse": [],
    "blocked": [],
    "restart": {
        "due": False,
        "now": False,
        "by": None,
        "window": None,
        "offers": [],
        "why": None,
        "consent": None,
        "consent_by": None,
    },
    "exposure": {"seconds": None, "since": None, "offers": []},
    "pending": {"pending": None, "classes": [], "reasons": [], "unknown_sources": [], "rests_on": []},
    "restart_required": "unknown",
    "missing": [],
    "next_baseline_expected": None,
    "window": {"current": None, "following": None},
}
RESTART_KEYS = ("done", "consent", "reason", "before", "after", "build", "state")
CONSENT_KEYS = ("ticket", "approver", "expires")
ID_LISTS = ("installed", "still_installing", "unknown", "reoffered")


def lacking(decision: Mapping[str, Any]) -> list[str]:
    """The keys that a decision lacks; with none of them missing it can be shown."""
    return [key for key in ("name", *NO_DECISION) if key not in decision]


def blank(name: str, outcome: str) -> dict[str, Any]:
    """The result of a host of which nothing is known but this."""
    keys = ("decision", "install", "verify", "restart", "restarts", "drain", "preflight", "out", "next_step", "failed")
    return {"name": name, "outcome": outcome, "words": [], **dict.fromkeys(keys)}


def unshown(kind: str, name: str, why: str) -> dict[str, Any]:
    """A host of which nothing can be shown but why: a decision for a plan, else a result."""
    if kind == "plan":
        return {**NO_DECISION, "name": name, "reached": False, "problem": {"kind": "failed", "message": why}}
    return {**blank(name, "not_finished"), "words": [why], "failed": True}


def restarts_of(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The restarts of a host in order; a result that knows only its last one has that."""
    several = result.get("restarts")
    if isinstance(several, list) and several:
        return [one for one in several if isinstance(one, Mapping)]
    return [result["restart"]] if result.get("restart") else []


def restarted(result: Mapping[str, Any]) -> bool | None:
    """Whether a host has restarted since it was decided, by its boot times; None when they do not tell."""
    proof = (result["install"] or {}).get("proof") or {}
    restarts = restarts_of(result)
    decision = result["decision"] or NO_DECISION
    places = [decision["last_boot"], proof.get("before"), proof.get("after")]
    places += [one.get(key) for one in restarts for key in ("before", "after")]
    boots = [found for one in places if (found := _boot(one)) is not None]
    if any(abs((two - one).total_seconds()) > JITTER for one, two in pairwise(boots)):
        return True
    if proof.get("restarted") is True:
        return True
    # Of a restart that has begun only the boot time after it tells.
    last = restarts[-1] if restarts else {}
    begun = bool(last) and last["done"] is not False
    ended = _boot(last.get("after")) or (None if begun else _boot(proof.get("after")))
    return False if ended is not None and len(boots) > 1 else None


def unasked(result: Mapping[str, Any], proof: bool | None) -> bool:
    """Whether a host has restarted although the run did not restart it."""
    return proof is True and all(one["done"] is False for one in restarts_of(result))


def _boot(value: object) -> datetime | None:
    """A boot time, given as such or in a proof."""
    text = value.get("boot") if isinstance(value, Mapping) else value
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def decision(given: Mapping[str, Any]) -> dict[str, Any]:
    """A decision; one of an older version does not say whose consent it had."""
    return {**given, "restart": {"consent_by": None, **given["restart"]}}


def filled(result: Mapping[str, Any], slot: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A result with the keys of the report and no others; `failed` and the next step are filled in where nobody said."""
    decided = decision(result["decision"]) if result["decision"] else None
    out = result["out"] if isinstance(result.get("out"), bool) else slot is not None and stays(slot)
    bad = result.get("failed")
    if not isinstance(bad, bool):
        unsaid = result["outcome"] == "restart_due" and (decided or NO_DECISION)["restart"]["consent"] is None
        bad = result["outcome"] not in GOOD or unsaid
    # Somebody has to look at a host that nobody puts back.
    bad = bad or out
    step = result["next_step"] or (OUT_STEP if out else NEXT_STEPS.get(result["outcome"]))
    verify, install = result["verify"], result["install"]
    restarts = [_restart(one, (decided or NO_DECISION)["restart"]) for one in restarts_of(result)]
    return {
        **{key: result[key] for key in ("name", "outcome", "words")},
        "decision": decided,
        "failed": bad,
        "next_step": step or (NEXT_STEPS["unknown"] if bad else None),
        "install": _install(install) if install else None,
        "verify": {key: _look(verify.get(key)) for key in ("before", "after")} if verify else None,
        "restart": restarts[-1] if restarts else None,
        "restarts": restarts,
        "wave": slot["wave"] if slot else None,
        "canary": slot["canary"] if slot else None,
        "out": out,
        "drain": _said(result.get("drain"), ("state", "why")),
        "preflight": dict(result["preflight"]) if isinstance(result.get("preflight"), Mapping) else None,
    }


def _restart(given: Mapping[str, Any], decided: Mapping[str, Any]) -> dict[str, Any]:
    """A restart and whose consent it had: its own word, else that of the decision which agreed to it."""
    by = given.get("consent_by") or (decided["consent_by"] if given.get("consent") is True else None)
    return {**{key: given.get(key) for key in RESTART_KEYS}, "consent_by": _said(by, CONSENT_KEYS)}


def _said(given: object, keys: Sequence[str]) -> dict[str, str | None] | None:
    """These keys of a mapping as texts; None of anything else."""
    if not isinstance(given, Mapping):
        return None
    return {key: None if given.get(key) is None else str(given[key]) for key in keys}


def _install(given: Mapping[str, Any]) -> dict[str, Any]:
    """The result of an installation. Ansible's own `failed` is none of its keys: the list is called `failed_updates` there."""
    failures = given.get("failed_updates", given.get("failed"))
    return {
        "outcome": str(given.get("outcome") or "unknown"),
        **{key: list(given.get(key) or []) for key in (*ID_LISTS, "left_out", "updates", "words")},
        "failed": list(failures) if isinstance(failures, Sequence) else [],
        **{key: given.get(key) for key in ("proof", "started_at", "ended_at", "seconds")},
    }


def _look(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A look at a host's health without the snapshot, which only the next look needs."""
    return {key: value for key, value in given.items() if key != "snapshot"} if given else None
