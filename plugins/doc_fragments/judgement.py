# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is judged by beside its own signals."""

from __future__ import annotations


class ModuleDocFragment:
    """`judgement`: time, Azure's word, time-out of a question; `judgement.releases`: the release table."""

    DOCUMENTATION = r"""
options:
  now:
    description:
      - The time of judgement, ISO 8601 with a zone.
      - The controller's present time when not given.
    type: str
  azure:
    description:
      - Azure's own word on an Arc-enabled server, as read from Azure Resource Manager by the caller.
      - Known keys are C(hotpatch_enablement_status) (C(patchSettings.status.hotpatchEnablementStatus) of the machine)
        and C(subscription_status) (C(subscriptionStatus) of the licence profile's feature C(Hotpatch)).
    type: dict
  cim_timeout:
    description: Seconds after which a single CIM query or call on the host is given up.
    type: int
    default: 20
"""

    RELEASES = r"""
options:
  release_table:
    description: A JSON file of the same shape as the collection's release table, used in its place.
    type: path
  release_table_extend:
    description:
      - A JSON file whose records extend the release table.
      - A record with the same product, KB and build replaces the table's.
    type: path
"""
