# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a removal: is it agreed to, did it end, does it need its restart, and what can be proved of it.

Nothing is called failed by guess: what nobody saw is `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base import door
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals, Unknown, shown
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.consent import Consent
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import HOTPATCHES
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.outcome import WORDS
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.rollback_plan import (
    IN_PLACE,
    LEAVING,
    MARKS,
    TO_DO,
    Package,
    state_of,
)

# A look that has found something to do.
LOOKED = ("planned", "restart_left")
OUTCOMES = (
    *LOOKED,
    *("nothing_to_do", "blocked", "not_reached", "check_mode"),
    *("removed", "refused", "failed", "unknown", "gone", "still_there"),
)
# CBS_E_CANNOT_UNINSTALL.
PERMANENT = 0x800F0825
SERVICING = tuple(f"servicing:{mark}" for mark in MARKS)
NEXT_STEPS = {
    "blocked": "Put right what the words say, then run again.",
    "failed": "Look at the failure, and at C:\\Windows\\Logs\\DISM\\dism.log on the host.",
    "not_reached": "Make the host reachable (power, name, port, credentials), then run again: it is asked first.",
    "restart_due": "Agree to the restart (consent: true), then run again.",
    "unknown": "Look at the host, then run again: it is asked before anything is done to it.",
    "verify_failed": "Look at the failed checks; the update is off the host.",
}


def agreed(planned: Mapping[str, Any], consent: Consent, now: datetime, *, lead: int, removed: bool) -> dict[str, Any]:
    """`{now, consent, by, why}`: whether the update may be removed now, with the restart that this takes.

    The consent has to hold `lead` seconds from `now`, when the host goes down; `removed` is asked of the restart alone.
    """
    now = now + timedelta(seconds=lead)
    said, wanted = consent.at(now), planned["verdict"] in TO_DO
    why = ""
    if wanted and said is not True:
        nobody = "nobody has said yes or no to that" if said is None else "that is not agreed to"
        untouched = planned["verdict"] == "remove" and not removed
        what = "Nothing was removed" if untouched else "The host was not restarted"
        why = f"{what}: taking {planned['kb']} off restarts the host, and {nobody}."
    return {
        "now": wanted and said is True,
        "consent": said,
        "by": consent.by,
        "why": " ".join(filter(None, (why, consent.words(now) if why else ""))),
    }


def snapshot(
    signals: Signals, host: Mapping[str, Any], found: Sequence[Package] | Unknown, name: str | None
) -> dict[str, Any]:
    """`{boot, build, kbs, pending, restart_required, state, track, package}` of a host; null where it did not tell."""
    kbs = signals.kbs()
    return {
        "boot": host["last_boot"],
        "build": host["build"],
        "kbs": None if isinstance(kbs, Unknown) else sorted(kbs),
        "pending": [f"{one['class']}:{one['source']}" for one in host["pending"]["reasons"]],
        "restart_required": host["restart_required"],
        "state": host["state"],
        "track": host["track"],
        "package": state_of(found, name) if name else None,
    }


def removal(answer: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, Any]:
    """`{outcome, settled, restart_needed, hresult, message}` of a removal that was asked for.

    `answer` is the module's `change`, None when it was lost on its way; `after` the snapshot after it. `settled` is false
    while a later look may still tell more.
    """
    state = (after or {}).get("package")
    told: dict[str, Any] = {"settled": True, "restart_needed": None, "hresult": None, "message": None}
    gone = state is not None and state not in IN_PLACE
    error = answer["error"] if answer is not None and not answer["ok"] else None
    if answer is not None and answer["ok"] and answer["value"]["changed"]:
        return {**told, "outcome": "removed", "restart_needed": answer["value"]["restart_needed"]}
    if error is not None:
        code = int(error["hresult"]) & 0xFFFFFFFF
        told.update(hresult=f"0x{code:08X}", message=shown(error["message"], 300))
        if code == PERMANENT:
            return {**told, "outcome": "refused"}
        return {**told, "outcome": "removed" if gone else "failed", "settled": after is not None}
    if gone:
        return {**told, "outcome": "removed", "message": "The host says so: nobody saw the removal end."}
    message = "Nobody saw the removal end, and the host did not say what became of it."
    if after is not None:
        message = f"Nobody saw the removal end, and the package is {state or 'not readable'}."
    return {**told, "outcome": "unknown", "settled": False, "message": message}


def removal_words(kb: str, told: Mapping[str, Any]) -> str:
    """Why a removal was none, in a sentence."""
    if told["outcome"] == "refused":
        return f"Windows does not let {kb} go: its package is permanent ({told['hresult']}). Nothing was changed."
    if told["outcome"] == "failed":
        return f"Taking {kb} off failed ({told['hresult']}): {told['message']}"
    return f"Whether {kb} is off is not known. {told['message']}"


def restart(planned: Mapping[str, Any], removed: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Any]:
    """`{needed, why}`: whether the host has to restart for the removal to take effect; not to know is yes."""
    kind = (planned["effect"] or {}).get("type")
    if after["package"] == LEAVING:
        return {"needed": True, "why": f"{planned['kb']} is removed but for the restart."}
    if removed is None or removed["outcome"] != "removed":
        return {"needed": False, "why": "Nothing was removed."}
    if removed["restart_needed"] is not False:
        return {"needed": True, "why": f"Taking {planned['kb']} off needs a restart."}
    if kind in HOTPATCHES:
        return {"needed": True, "why": f"{planned['kb']} is a hotpatch: it leaves memory with a restart."}
    if any(one in SERVICING for one in after["pending"]):
        return {"needed": True, "why": f"Servicing waits for a restart since {planned['kb']} was removed."}
    return {"needed": False, "why": "Windows says that no restart is needed."}


def verified(
    planned: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any] | None, restarted: bool
) -> dict[str, Any]:
    """`{outcome, settled, words}`: whether the update is off the host; `restarted` whether it has to have restarted.

    `settled` is false while servicing may still be at work, as it is for minutes after the boot.
    """
    kb = planned["kb"]
    if after is None:
        return _proved("unknown", False, "The host could not be asked what became of it.")
    state, effects = after["package"], planned["effect"] or {}
    if restarted and (after["boot"] is None or after["boot"] == before["boot"]):
        return _proved("unknown", False, f"The host does not say that it has restarted (boot {after['boot']}).")
    busy = [one for one in SERVICING if one in after["pending"]]
    if state == LEAVING or busy:
        return _proved("unknown", False, f"Servicing has not ended its work ({', '.join(busy) or f'package {state}'}).")
    if state is None:
        return _proved("unknown", False, "The servicing packages could not be read.")
    if state in IN_PLACE:
        return _proved("still_there", True, f"{kb} is still {state}.")
    if kb in (after["kbs"] or ()):
        return _proved("unknown", True, f"The package is {state}, and Windows still lists {kb}.")
    expected = effects.get("build_after")
    if expected not in (None, before["build"]) and after["build"] == before["build"]:
        return _proved("unknown", True, f"The package is {state}, and the host still shows build {after['build']}.")
    words = [
        f"{kb} is off the host, which shows build {after['build']} and is {after['state']} (track {after['track']})."
    ]
    if expected not in (None, after["build"]):
        words.append(f"Build {expected} was expected.")
    if effects.get("track_after") not in ("unknown", None, after["track"]):
        words.append(f"Track {effects['track_after']} was expected.")
    return _proved("gone", True, *words)


def _proved(outcome: str, settled: bool, *words: str) -> dict[str, Any]:
    return {"outcome": outcome, "settled": settled, "words": list(words)}


def proof(before: Mapping[str, Any], after: Mapping[str, Any] | None) -> dict[str, Any]:
    """`{before, after, restarted, build_changed, kbs_removed}`; null is what nobody could see."""
    seen: dict[str, Any] = {"restarted": None, "build_changed": None, "kbs_removed": None}
    for key, name in (("boot", "restarted"), ("build", "build_changed")):
        if after is not None and before[key] is not None and after[key] is not None:
            seen[name] = before[key] != after[key]
    if after is not None and before["kbs"] is not None and after["kbs"] is not None:
        seen["kbs_removed"] = sorted(set(before["kbs"]) - set(after["kbs"]))
    return {"before": dict(before), "after": dict(after) if after is not None else None, **seen}


def result(
    name: str,
    look: Mapping[str, Any] | None,
    consented: Mapping[str, Any] | None = None,
    removed: Mapping[str, Any] | None = None,
    end: Mapping[str, Any] | None = None,
    verify: Mapping[str, Any] | None = None,
    restarts: Mapping[str, Any] | None = None,
    failure: str | None = None,
) -> dict[str, Any]:
    """`{name, decision, install, verify, restart, outcome, words, next_step, failed, rollback}` of a host, as a run's report takes it.

    `look`, `removed` and `end` are the results of remove_update with state planned, removed and verified.
    """
    outcome, failed, said = _outcome(look, consented, removed, end, verify)
    if failure and (not failed or look is None):
        outcome, failed = "failed", True
    return {
        "name": name,
        "decision": None,
        "install": None,
        "verify": verify,
        "restart": restarts,
        "outcome": outcome,
        "words": [door.line(one, WORDS) for one in (*said, *filter(None, [failure]))]
        or ["The run did not come to its end."],
        "next_step": NEXT_STEPS.get(outcome),
        "failed": failed,
        "rollback": {
            "plan": (removed or look or {}).get("plan"),
            "removal": (removed or {}).get("removal"),
            "proof": (end or removed or {}).get("proof"),
        },
    }


def _outcome(
    look: Mapping[str, Any] | None,
    consented: Mapping[str, Any] | None,
    removed: Mapping[str, Any] | None,
    end: Mapping[str, Any] | None,
    verify: Mapping[str, Any] | None,
) -> tuple[str, bool, list[str]]:
    """The outcome in one word, whether the run has failed for this host, and the words."""
    if look is None:
        return "failed", True, []
    last = end or removed or look
    word, words = str(last["outcome"]), list(last["words"])
    if word in (*LOOKED, "removed") and consented is not None and not consented["now"]:
        # Half of it is done then: that nobody wants the other half is a failure.
        return "restart_due", consented["consent"] is None or word == "removed", [consented["why"], *words]
    if word in ("nothing_to_do", "check_mode"):
        return word, False, words
    if word in ("not_reached", "blocked", "unknown"):
        return word, True, words
    if word in LOOKED:
        # What it would do is of no use to anybody now; what went wrong is said by the failure.
        return "failed", True, []
    if word != "gone":
        # Also removed: the run has not come to its end.
        return "failed", True, words
    healthy = ((verify or {}).get("after") or {}).get("healthy", True)
    if healthy is not True:
        return (
            ("verify_failed" if healthy is False else "unknown"),
            True,
            [*words, "The health checks did not all pass."],
        )
    return "removed", False, words
