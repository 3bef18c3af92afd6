# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/run_inputs.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_inputs
short_description: Refuse a run that is given what cannot be meant
version_added: 0.2.0
description:
  - The first task of every playbook of this collection. Looks at the variables of all hosts of the play and fails, before any host is
    asked, with everything that is wrong.
  - Refuses variables that look like those of the collection and that nothing reads, with the name that comes nearest. Names that begin
    with C(rebootless_) are all ours; of names that begin like a role (C(baseline_), C(verify_), ...) only what comes close to one of ours
    is refused, and not what O(rebootless.patching.inputs#role:patch:rebootless_ignore_variables) names.
  - Refuses facts of hosts that have names of ours. With facts as variables they would stand above the inventory.
  - Refuses settings of the whole run that the hosts do not have alike, and settings that choose the hosts and stand in variables of hosts.
  - Refuses groups and hosts in policy and fleet that the inventory lacks, unless
    O(rebootless.patching.inputs#role:patch:rebootless_optional_names) names them.
  - Refuses values of a wrong type, directories that cannot be written, and two names for one machine. Playbooks that change nothing
    only warn of the last.
  - Refuses a part of a run (C(--tags)). An import of a whole playbook may have a tag.
  - Runs on the controller alone and contacts no host.
options:
  playbook:
    description: The playbook whose variables are looked at, an entry point of role P(rebootless.patching.inputs#role).
    type: str
    required: true
  dest:
    description: The directory that the playbook writes into.
    type: path
  state_dir:
    description:
      - The directory that all runs on the fleet share, for the playbooks V(patch), V(baseline) and V(wave).
      - When not given, or empty, C($XDG_STATE_HOME/rebootless-patching/fleet), else C(~/.local/state/rebootless-patching/fleet).
    type: path
extends_documentation_fragment:
  - rebootless.patching.attributes.controller
attributes:
  check_mode:
    support: full
    description: It changes nothing.
  diff_mode:
    support: none
    description: No host is changed.
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Check the input
  rebootless.patching.run_inputs:
    playbook: status
    dest: ./rebootless-status
  run_once: true
  delegate_to: localhost
  register: given
"""

RETURN = r"""
dest:
  description: The directory that the playbook writes into.
  returned: when the whole playbook is to run
  type: str
  sample: ./rebootless-status
hosts:
  description: The hosts of the play, without those that failed in an earlier play.
  returned: when the whole playbook is to run
  type: list
  elements: str
  sample: [sql-01, web-01]
record:
  description: The run record.
  returned: when the whole playbook is to run
  type: str
  sample: ./rebootless-run/record.jsonl
run:
  description: The name of the run, which is O(rebootless.patching.inputs#role:patch:rebootless_run) or the time.
  returned: when the whole playbook is to run
  type: str
  sample: "2026-12-01T17:43:41.205Z"
state_dir:
  description: The directory that all runs on the fleet share; null where the playbook has none.
  returned: when the whole playbook is to run
  type: str
  sample: /home/ops/.local/state/rebootless-patching/fleet
"""
