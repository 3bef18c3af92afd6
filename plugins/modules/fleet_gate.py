# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/fleet_gate.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fleet_gate
short_description: Whether a fleet run goes on
version_added: 0.2.0
description:
  - Holds the hosts of a run that ended badly against the budgets of the run and of its waves, as they are known from
    M(rebootless.patching.fleet_slot) with C(state=released). Hosts that were not reached count too.
  - Decides nothing and never fails for a closed gate; M(rebootless.patching.fleet_slot) lets no host out then.
  - Runs on the controller alone and contacts no host.
options:
  ended:
    description:
      - Whether the run has come to its end. No host goes out in it any more, and one that it leaves out of service is for the next run,
        which may be of the same C(ansible-playbook).
    type: bool
    default: false
  state_dir:
    description: The directory that all runs on the fleet share, as given to M(rebootless.patching.fleet_plan).
    type: path
    required: true
  run:
    description: The name of the run, as given to M(rebootless.patching.fleet_plan).
    type: str
    required: true
extends_documentation_fragment:
  - rebootless.patching.attributes.controller
attributes:
  check_mode:
    support: full
    description: In check mode the gate of a run that is not known is open.
  diff_mode:
    support: none
    description: No host is changed.
seealso:
  - module: rebootless.patching.fleet_plan
  - module: rebootless.patching.fleet_slot
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Ask whether the run goes on
  rebootless.patching.fleet_gate:
    state_dir: /var/lib/rebootless/fleet
    run: 2026-10-baseline
  register: gate
"""

RETURN = r"""
open:
  description: Whether further hosts may go out.
  returned: always
  type: bool
  sample: true
bad:
  description: The hosts that ended badly.
  returned: always
  type: list
  elements: str
  sample: []
budget:
  description: How many may in the whole run; null in check mode.
  returned: always
  type: int
  sample: 2
why:
  description: The reason as a sentence.
  returned: always
  type: str
  sample: No host ended badly; the run's budget is 2.
"""
