# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What role rollback needs of the core. Documentation: rollback_agreed.yml and rollback_result.yml beside this file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.consent import Consent
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import rollback_result as rollback_end


def rollback_agreed(
    plan: Mapping[str, Any] | None, consent: object, now: str | None = None, lead: int | str = 0, removed: bool = False
) -> dict[str, Any]:
    """`{now, consent, by, why}`: whether the update may be removed now, as it was agreed.

    :raises AnsibleFilterError: the consent is none
    """
    try:
        said = Consent.load(consent)
    except PolicyError as error:
        raise AnsibleFilterError(str(error)) from None
    planned = plan or {"kb": "", "verdict": "unknown"}
    return rollback_end.agreed(planned, said, collector.moment(now, "now"), lead=int(lead), removed=removed)


def rollback_result(
    look: Mapping[str, Any] | None,
    name: str,
    agreed: Mapping[str, Any] | None = None,
    removal: Mapping[str, Any] | None = None,
    end: Mapping[str, Any] | None = None,
    verify: Mapping[str, Any] | None = None,
    restart: Mapping[str, Any] | None = None,
    failure: str | None = None,
) -> dict[str, Any]:
    """What became of the host; what is empty was not there."""
    return rollback_end.result(
        name,
        look or None,
        agreed or None,
        removal or None,
        end or None,
        verify or None,
        restart or None,
        failure or None,
    )


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"rollback_agreed": rollback_agreed, "rollback_result": rollback_result}
