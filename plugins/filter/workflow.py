# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks need of the core about a workflow of jobs. Documentation: the .yml of each filter beside this file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.rebootless.patching.plugins.plugin_utils.awx import workflow
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector


def workflow_plan(
    decisions: Sequence[Mapping[str, Any] | None],
    groups: Sequence[Sequence[str]],
    fleet: object = None,
    forks: int = 5,
    domain: str = "",
) -> dict[str, Any]:
    """The plan that goes from node to node; `groups` are those of each decision's host, in the same order."""
    # A host that could not even be asked has none.
    of_host = {one["name"]: list(mine) for one, mine in zip(decisions, groups, strict=True) if one}
    return _said(workflow.plan, [one for one in decisions if one], of_host, fleet or {}, int(forks), domain)


def workflow_wave(
    plan: Mapping[str, Any] | None,
    number: int | str,
    fleet: object = None,
    last: object = False,
    results: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`{hosts, fleet, soak}` of a wave."""
    taken = str(last).strip().lower() in ("true", "yes", "1", "on")
    try:
        wave = int(number)
    except ValueError:
        raise AnsibleFilterError(f"rebootless_wave is {number!r}; a whole number, 0 or more, is expected.") from None
    now = collector.moment(None, "now")
    return _said(workflow.wave, plan or None, wave, fleet or {}, now=now, last=taken, results=results or {})


def workflow_unheard(artifacts: Mapping[str, Any]) -> list[str]:
    """A pattern of the planned hosts that no result tells of."""
    return _said(workflow.unheard, artifacts)


def workflow_fleet(wave: Mapping[str, Any], looks: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """`{fleet, soak}` of a wave with hosts that are out already in front; `looks` are those of `names`."""
    return workflow.drained_first(wave, dict(zip(names, looks, strict=True)))


def service_domains(
    groups: Mapping[str, Sequence[str]],
    domains: Sequence[str],
    fleet: object = None,
    hosts: Sequence[str] | None = None,
) -> dict[str, Any]:
    """`{domain: {hosts, fleet}}` of the inventory's groups."""
    return _said(workflow.service_domains, groups, domains, fleet or {}, hosts)


def _said(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """What the function answers, its refusal as a sentence."""
    try:
        return function(*given, **named)
    except PolicyError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {
            "service_domains": service_domains,
            "workflow_fleet": workflow_fleet,
            "workflow_hosts": workflow.pattern,
            "workflow_key": workflow.artifact_key,
            "workflow_plan": workflow_plan,
            "workflow_unheard": workflow_unheard,
            "workflow_wave": workflow_wave,
        }
