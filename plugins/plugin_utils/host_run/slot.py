# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host's way through a rolling run: what leave it asks for, whether to ask once more, and how it ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run

PLANNED = "rebootless_planned_"
NOBODY = "!all"
STAYS = "It is or may be out of service, so it keeps its slot until a later run has looked at it."
AT_WORK_CODES = ("agent_busy", "servicing_in_progress")
AT_WORK = "An ended run left it, and its update agent is at work: that run may go on with it."


def kind(decision: Mapping[str, Any]) -> str:
    """The leave that a host asks for: to `restart`, or only to `install`.

    What nobody could decide on may be out of service, or turn out to restart once it is asked again.
    """
    restart = decision["restart"]
    unclear = restart["consent"] is True and decision["decision"] == "unknown"
    return "restart" if restart["now"] or unclear else "install"


def again(decision: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    """Whether a host that was let in is to be decided on anew before anything is done to it.

    Waiting can take hours, and another run may have had the host in its hands; so may it have had one that was not reached.
    """
    return bool(answer["admitted"]) and (answer["waited"] > 0 or not decision["reached"])


def planned(groups: Mapping[str, Collection[str]], hosts: Collection[str]) -> str:
    """The group with the plan's order of the run that has just been planned for some of these hosts.

    Each run of an ansible-playbook has a group of its own, since hosts never leave one. Where the newest has other hosts, this
    run was not planned, so it is for nobody.
    """
    newest = next((name for name in reversed(list(groups)) if name.startswith(PLANNED)), None)
    return newest if newest is not None and set(groups[newest]) <= set(hosts) else NOBODY


def next_group(groups: Collection[str]) -> str:
    """The name of a group that no run of this ansible-playbook has."""
    return f"{PLANNED}{sum(name.startswith(PLANNED) for name in groups) + 1}"


def end(
    name: str,
    decision: Mapping[str, Any] | None,
    done: Mapping[str, Any] | None,
    slot: Mapping[str, Any] | None,
    *,
    begun: bool = False,
    adopted: bool = False,
    failure: str | None = None,
) -> dict[str, Any]:
    """`{result, out}` of a host: the result of role baseline, or what takes its place, and whether its slot is kept.

    `done` is None when the role has not come to its end, `begun` whether it has begun, `adopted` whether an ended run had
    left the host out. Of a host that was lost before anything was begun nothing has been taken, so it keeps no slot.
    `result.out` is the same as `out`: where a host is has this one source.
    """
    result = dict(done) if done else host_run.result(name, decision, failure=failure)
    if done and failure:
        # The role has come to its end, and what came after that did not.
        result.update(failed=True, words=[*result["words"], failure])
    if not done and slot and slot["admitted"] is False:
        result.update(outcome="not_started", words=[slot["why"]], next_step=slot["next_step"], failed=False)
    known = adopted or bool(decision and decision["reached"])
    out = known and (bool(done["out"]) if done else begun or adopted)
    if adopted and not out and at_work(decision, result):
        out = True
        result["words"] = [*result["words"], AT_WORK]
    if out:
        result["words"] = [*result["words"], STAYS]
    return {"result": {**result, "out": out}, "out": out}


def at_work(decision: Mapping[str, Any] | None, result: Mapping[str, Any]) -> bool:
    """Whether the host's update agent or Windows' servicing was at work when it was asked last.

    The controller that began that may be alive and only not to be heard of.
    """
    last = result.get("decision") or decision or {}
    offered = last.get("offers", ())
    # Blocked with nothing offered is a host that must not be touched.
    busy = any(one.get("code") in AT_WORK_CODES for one in offered) or (
        not offered and last.get("decision") == "blocked"
    )
    return busy or (result.get("install") or {}).get("outcome") == "still_installing"


def stays(slot: Mapping[str, Any]) -> bool:
    """Whether the host of a slot is not back."""
    return slot["kept"] is True or any(one["to"] is None for one in slot["out"])
