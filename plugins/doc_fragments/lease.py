# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The slot under which a host is changed."""

from __future__ import annotations


class ModuleDocFragment:
    """`lease`: the question that is asked immediately before a change."""

    DOCUMENTATION = r"""
options:
  lease:
    description:
      - The slot of the host under which this is done, see M(rebootless.patching.fleet_slot).
      - Immediately before each change the state directory is asked whether it is still the run's. When it is not, or nobody can
        tell, nothing is changed and the reason is told.
    type: dict
    suboptions:
      run:
        description: The name of the run, as given to M(rebootless.patching.fleet_plan).
        type: str
        required: true
      state_dir:
        description: The directory that all runs on the fleet share.
        type: path
        required: true
"""
