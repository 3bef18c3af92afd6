# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/fleet_plan.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fleet_plan
short_description: Plan a run through a fleet and make it known
version_added: 0.2.0
description:
  - Puts the hosts into a canary wave and further waves, and in each wave into the order in which they keep the slots busy.
  - Makes the run known in a state directory that all runs on the fleet share, on this controller and on others.
  - Starts the heartbeat of the run, a small process by which others see that the run lives. It ends by itself when
    ansible-playbook has ended, however it did.
  - Names the hosts that an earlier run left out of service because it was killed, or because they could not be put back.
    Those of this run come first, ahead of their waves.
  - Run it once, in a play of strategy V(linear) before the hosts' play, and give that play the hosts in the planned order.
  - Runs on the controller alone and contacts no host.
options:
  state_dir:
    description:
      - The directory that all runs on the fleet share; made when missing.
      - Several controllers need one on a disk that they share and that has locks (NFS 4 has them).
    type: path
    required: true
  run:
    description: The name of the run, which no other run has or had. A run that goes on where another ended is a new run.
    type: str
    required: true
  spec:
    description:
      - How the run goes through the fleet. A percentage rounds down, to one host at least; of budgets to none at least.
      - C(canary), the hosts that go first; a number, a percentage of the run, or a list of names (default 0).
      - C(waves), V(null) for one wave (default), a list of sizes of which the last repeats, or C(first) and C(growth) (default 2).
        A size is a number or a percentage of the run.
      - C(soak), the time between the end of a wave and the next (default none).
      - C(max_unavailable), how many hosts may be out at once, over all runs; a number or a percentage of the run
        (default V(100%), which is no limit).
      - C(groups), by name of a group, C(max_unavailable) of its hosts. A host in several of them needs leave of each.
      - C(budget), C(failed) and C(per_wave), a number or a percentage; more hosts that end badly stop the run (default 0, and none for waves).
      - C(deadline), how long a host should hold its slot (default V(3h)).
      - C(slot_wait), how long a host waits for a slot (default V(12h)).
      - C(durations), how long a host, or each host of a group, is likely to take (default V(30m)).
    type: dict
    default: {}
  hosts:
    description:
      - The hosts of the run, each by its name, or C(name), C(groups) (all of its groups) and C(seconds) (how long it is
        likely to hold its slot). A name alone has the groups of the inventory.
    type: list
    elements: raw
    required: true
  record:
    description:
      - The run record of earlier runs. A host without C(seconds) is thought to take as long as it last held a slot to restart;
        without that what O(spec) estimates holds.
    type: path
  forks:
    description: The forks that the run has; those of ansible-playbook when not given.
    type: int
extends_documentation_fragment:
  - rebootless.patching.attributes.controller
attributes:
  check_mode:
    support: full
    description: In check mode the plan is returned, the run is not made known and no heartbeat is started.
  diff_mode:
    support: none
    description: No host is changed.
seealso:
  - module: rebootless.patching.fleet_slot
  - module: rebootless.patching.fleet_gate
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Plan the run
  rebootless.patching.fleet_plan:
    state_dir: /var/lib/rebootless/fleet
    run: 2026-10-baseline
    hosts: "{{ ansible_play_hosts_all }}"
    record: /var/lib/rebootless/record.jsonl
    spec:
      canary: 2
      waves: {first: 10%, growth: 2}
      soak: 30m
      max_unavailable: 25%
      groups:
        web: {max_unavailable: 34%}
        sql: {max_unavailable: 1}
      budget: {failed: 2}
  register: planned
"""

RETURN = r"""
run:
  description: The name of the run.
  returned: always
  type: str
  sample: 2026-10-baseline
plan:
  description:
    - The plan. C(limits) is how many hosts may be out, of each limited group and, under an empty name, of all;
      C(seconds) how long the run is likely to take; C(forks_needed) the forks with which the limits decide.
  returned: always
  type: dict
  sample:
    schema: 1
    hosts: 3
    waves:
      - {number: 1, canary: true, hosts: [web1]}
      - {number: 2, canary: false, hosts: [sql1, web2]}
    order: [web1, sql1, web2]
    limits: {'': 2, web: 1, sql: 1}
    forks: 5
    forks_needed: 3
    seconds: 3600
    warnings: []
hosts:
  description: The hosts as they were planned, each with its groups and the seconds that it is expected to hold its slot.
  returned: always
  type: list
  elements: dict
  sample: [{name: sql1, groups: [sql], seconds: 1800}]
orphans:
  description: Hosts that an ended run left out of service. They count against the limits until somebody has looked.
  returned: always
  type: list
  elements: dict
  sample:
    - {host: sql1, run: 2026-09-baseline, kind: restart, phase: restarting, taken_at: '2026-09-20T12:00:00Z', groups: [sql]}
"""
