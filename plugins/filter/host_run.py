# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles need of the core about a host's run. Documentation: the .yml of each filter beside this file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import bitlocker
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import rounds as host_rounds


def restart_agreed(
    decision: Mapping[str, Any], install: Mapping[str, Any] | None = None, now: str | None = None, lead: int | str = 0
) -> dict[str, Any]:
    """`{now, why}`: whether the host may restart now, as it was agreed."""
    return host_run.restart_agreed(decision, install or None, collector.moment(now, "now"), int(lead))._asdict()


def restart_message(reason: str | None, run: str = "", consent_by: Mapping[str, Any] | None = None) -> str:
    """What the people on the host read."""
    return host_run.restart_message(reason or "", run, consent_by or None)


def restart_told(answer: Mapping[str, Any]) -> dict[str, Any]:
    """`{told, refused, confirmed, why}`: what came of telling a host to restart."""
    return host_run.told(answer)


def went_wrong(answer: Mapping[str, Any], task: str | None = None) -> str:
    """Why a task failed."""
    return host_run.went_wrong(answer, task or "")


def host_back(seen: Mapping[str, Any], before: str | None, confirmed: bool) -> dict[str, Any]:
    """`{back, why}`: whether a host is back from its restart."""
    return host_run.back(seen, before or None, confirmed)._asdict()


def bitlocker_proof(answer: Mapping[str, Any] | None, state: str, restarts: int | str = 1) -> dict[str, Any]:
    """`{ok, words}`: whether BitLocker is suspended, or on again."""
    proof = bitlocker.suspended(answer, int(restarts)) if state == "suspended" else bitlocker.resumed(answer)
    return proof._asdict()


def host_result(
    decision: Mapping[str, Any] | None,
    name: str,
    install: Mapping[str, Any] | None = None,
    verify: Mapping[str, Any] | None = None,
    restart: Mapping[str, Any] | None = None,
    failure: str | None = None,
    heard: Sequence[str] = (),
) -> dict[str, Any]:
    """What became of the host, with everything it rests on."""
    given = (one or None for one in (decision, install, verify, restart, failure))
    return host_run.result(name, *given, heard=heard)


def baseline_ahead(decision: Mapping[str, Any], rounds: int | str) -> dict[str, Any]:
    """`{restarts, words}`: what an agreed run is going to do."""
    return host_rounds.ahead(decision, int(rounds))._asdict()


def next_round(decision: Mapping[str, Any], rounds: Sequence[Mapping[str, Any]], most: int | str) -> dict[str, Any]:
    """`{go, decision, failure}`: what to do after a restart."""
    return host_rounds.next_round(decision, rounds, int(most))._asdict()


def baseline_result(
    decision: Mapping[str, Any] | None,
    name: str,
    rounds: Sequence[Mapping[str, Any]],
    verify: Mapping[str, Any] | None = None,
    drain: Mapping[str, Any] | None = None,
    preflight: Mapping[str, Any] | None = None,
    untouched: str | None = None,
    failure: str | None = None,
    heard: Sequence[str] = (),
    check_mode: bool = False,
) -> dict[str, Any]:
    """What became of a host over all its rounds; what is empty was not there."""
    return host_rounds.baseline(
        name,
        decision or None,
        rounds,
        verify=verify or None,
        drain=drain or None,
        preflight=preflight or None,
        untouched=untouched or None,
        failure=failure or None,
        heard=heard,
        check_mode=check_mode,
    )


def stays_out(verify: Mapping[str, Any], rounds: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a host must not be put back."""
    return host_rounds.stays_out(verify, rounds)


def why_unhealthy(looked: Mapping[str, Any]) -> str:
    """Why a host is left as it is."""
    return host_rounds.why_unhealthy(looked)


def whereabouts(looked: Mapping[str, Any], stays: bool) -> dict[str, Any]:
    """`{state, why}`: where a host is now."""
    return host_rounds.whereabouts(looked, stays)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {
            "baseline_ahead": baseline_ahead,
            "baseline_result": baseline_result,
            "bitlocker_proof": bitlocker_proof,
            "host_back": host_back,
            "host_result": host_result,
            "next_round": next_round,
            "restart_agreed": restart_agreed,
            "restart_message": restart_message,
            "restart_told": restart_told,
            "stays_out": stays_out,
            "whereabouts": whereabouts,
            "went_wrong": went_wrong,
            "why_unhealthy": why_unhealthy,
        }
