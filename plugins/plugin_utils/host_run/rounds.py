# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rounds of installation and restart that one agreed run may take a host through, and what became of it over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import install as installing
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run

UNTOUCHED = "Put right what keeps the host from its restart, then run again: nothing was done to it."
OUT = {"drained": "The host is out of service", "unknown": "The host may be out of service"}
STILL_OUT = "Look at the host: it is out of service. A later run puts it back when it is healthy."


class Ahead(NamedTuple):
    """What an agreed run is going to do: how many restarts it may come to, and in words."""

    restarts: int
    words: list[str]


def ahead(decision: Mapping[str, Any], rounds: int) -> Ahead:
    """What is announced before a host is touched; `rounds` is how many restarts there may be."""
    if decision["restart"]["now"] is not True:
        return Ahead(0, [])
    stuck = [one for one in decision["offers"] if one["code"] == "restart_pending"]
    if stuck and not decision["install"]:
        names = ", ".join(one["kb"] or one["title"] for one in stuck)
        first = "A pending restart keeps updates from being installed, so it comes first."
        if rounds < 2:
            return Ahead(1, [first, f"{names}: left for another run, because one round is allowed."])
        return Ahead(2, [first, f"{names}: decided on after it; what restarts then costs a second restart."])
    names = ", ".join(one["kb"] or one["title"] for one in decision["offers"] if one["decision"] == "install")
    words = [f"One restart for {names}."] if names else ["One restart for what waits for it already."]
    if names and decision["restart_required"] == "yes":
        words.append("The restart that is pending already is taken along.")
    return Ahead(1, words)


class Next(NamedTuple):
    """Whether there is something for another round, the decision for it, and what the restart has failed to do."""

    go: bool
    decision: dict[str, Any]
    failure: str | None


def next_round(decision: Mapping[str, Any], rounds: Sequence[Mapping[str, Any]], most: int) -> Next:
    """What to do after a restart, by a `decision` made after it and the results of the rounds before.

    Nothing is installed twice: what was installed and is offered once more would cost a restart for nothing, however
    often. If it was gone before the restart and is back after it, Windows has taken the update off again.
    """
    installed = {
        update["id"]: update["reoffered"]
        for one in rounds
        for update in (one["install"] or {}).get("updates", ())
        if update["result"] == "installed"
    }
    back = [
        one["kb"] or one["title"]
        for one in decision["offers"]
        if installed.get(one["id"]) is False and one["code"] != "already_in_effect"
    ]
    left = [one for one in decision["install"] if one not in installed]
    failure = None
    if not decision["reached"]:
        failure = f"The host could not be asked after the restart: {(decision['problem'] or {}).get('message')}"
    elif back:
        what = f"Windows has taken {', '.join(back)} off again in the restart, and offers it as before"
        failure = f"{what}; the build is {decision['build']}."
    # A restart that is pending once more is told; only what is installed for it is a reason for another.
    forced = any(one["id"] in left and one["restart"] != "none" for one in decision["offers"])
    restart = {**decision["restart"], "now": decision["restart"]["now"] and forced}
    go = bool(left) and failure is None and len(rounds) < most
    return Next(go, {**decision, "install": left, "restart": restart}, failure)


def stays_out(verify: Mapping[str, Any] | None, rounds: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a host must not be put back: it has not come back, or the last look did not find it healthy."""
    if rounds and rounds[-1]["restart"] and rounds[-1]["restart"]["done"] is None:
        return True
    looked = verify or {}
    last = looked.get("after") or looked.get("before") or {"healthy": True}
    return last["healthy"] is not True


def why_unhealthy(looked: Mapping[str, Any]) -> str:
    """Why a host is left as it is, by the look at its health before."""
    found = ", ".join(one["detail"] for one in looked["checks"] if one["ok"] is not True)
    return f"The health checks before did not all pass: {found}"


def whereabouts(looked: Mapping[str, Any], stays: bool) -> dict[str, Any]:
    """`{state, why}`: where a host is by what role drain has found; with `stays` it has only looked what would be put back."""
    if stays and looked["changed"]:
        return {"state": "drained", "why": "it is not back, or not healthy, so it stays out."}
    return {"state": looked["state"], "why": looked["why"]}


def together(installs: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """One result of all installations: each update as it ended last, the proof from the first moment to the last."""
    if not installs:
        return None
    last = installs[-1]
    if len(installs) < 2:
        return dict(last)
    updates = {update["id"]: update for one in installs for update in one["updates"]}
    made = {**last, **installing.told(list(updates.values()))}
    if not last["updates"] and last["outcome"] in host_run.BAD_INSTALL:
        made["outcome"] = last["outcome"]
    made["words"] = list(dict.fromkeys(word for one in installs for word in one["words"]))
    made["changed"] = any(one["changed"] for one in installs)
    made["started_at"] = installs[0]["started_at"]
    made["seconds"] = sum(one["seconds"] for one in installs)
    proofs = [one["proof"] for one in installs if one["proof"]]
    if proofs:
        first, final = proofs[0], proofs[-1]
        whole = installing.proof(first["before"], final["after"], kept=final["track_kept"], wanted_by=None, names={})
        made["proof"] = {**whole, "restart_wanted_by": final["restart_wanted_by"]}
    return made


def baseline(
    name: str,
    decision: Mapping[str, Any] | None,
    rounds: Sequence[Mapping[str, Any]],
    *,
    verify: Mapping[str, Any] | None = None,
    drain: Mapping[str, Any] | None = None,
    preflight: Mapping[str, Any] | None = None,
    untouched: str | None = None,
    failure: str | None = None,
    heard: Sequence[str] = (),
    check_mode: bool = False,
) -> dict[str, Any]:
    """What became of a host over all its rounds: the keys of `host_run.result`, and `restarts`, `drain`, `preflight` and `out`.

    `decision` is the last one, `untouched` is why nothing was done, when it was not the preflight. `out`: the host is or
    may be out of service now.
    """
    if preflight and not preflight["go_on"]:
        untouched = f"The preflight stops it: {preflight['why']}"
    installs = [one["install"] for one in rounds if one["install"]]
    restarts = [one["restart"] for one in rounds if one["restart"]]
    acted = next((one["decision"] for one in reversed(rounds) if one["install"]), decision)
    said = [*heard, *(word for one in rounds for word in one["words"] if word not in (failure or ""))]
    install, restart = together(installs), restarts[-1] if restarts else None
    made = host_run.result(name, acted, install, verify, restart, untouched or failure, said)
    if untouched:
        made.update(outcome="blocked", next_step=UNTOUCHED)
    elif check_mode and made["outcome"] == "restart_due" and acted and acted["restart"]["now"]:
        made.update(outcome="check_mode", failed=False, next_step=None, words=[*made["words"], host_run.UNTRIED])
    if drain and drain["state"] in ("drained", "unknown"):
        made["words"].append(f"{OUT[drain['state']]}: {drain['why'] or 'nobody put it back'}")
        made.update(outcome=made["outcome"] if made["failed"] else "failed", failed=True, next_step=STILL_OUT)
    made["words"] = list(dict.fromkeys(made["words"]))
    return {
        **made,
        "restarts": restarts,
        "drain": drain,
        "preflight": preflight,
        "out": _out(decision, install, verify, restart, drain),
    }


def _out(
    decision: Mapping[str, Any] | None,
    install: Mapping[str, Any] | None,
    verify: Mapping[str, Any] | None,
    restart: Mapping[str, Any] | None,
    drain: Mapping[str, Any] | None,
) -> bool:
    """Whether a host is out of service, or nobody has seen that it is not."""
    if drain and drain["state"] in ("drained", "unknown"):
        return True
    if (decision and not decision["reached"]) or (restart and restart["done"] is None):
        return True
    after = (verify or {}).get("after")
    if after:
        return after["healthy"] is not True
    proof = (install or {}).get("proof")
    lost = proof is not None and proof["after"] is None and (install or {}).get("outcome") != "check_mode"
    return lost and not restart
