# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/fleet_record.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fleet_record
short_description: Write one step of a run to the run record
version_added: 0.2.0
description:
  - Appends one line of JSON to a file on the controller, from which M(rebootless.patching.run_report) makes the report of a run.
  - What has been done and a full disk refuses is tried again for five minutes; of what is about to be done nothing is done then.
  - The line is written at once and is on disk when the task ends. Several forks and several controllers may write to one
    file; their lines never mix.
  - Values under keys that look like those of secrets (password, token, secret, key of an account and the like) are replaced.
  - Runs on the controller alone and contacts no host, so it works for hosts that are down.
  - Never reports a change, so that recording does not make a host look changed.
options:
  path:
    description: The file on the controller; made when missing, its directory too. An empty one records nothing.
    type: path
    required: true
  run:
    description: The name of the run, the same for all its steps and for no other run.
    type: str
    required: true
  step:
    description:
      - What has happened.
      - V(run_started) and V(run_finished) are steps of the run, the others of a host.
    type: str
    required: true
    choices:
      - run_started
      - decided
      - slot_taken
      - preflight
      - downloaded
      - verified_before
      - announced
      - drained
      - installing
      - installed
      - removing
      - removed
      - verified_after
      - bitlocker_suspending
      - restarting
      - restarted
      - bitlocker_resumed
      - undrained
      - host_finished
      - slot_released
      - run_finished
  host:
    description: The host that the step belongs to; the task's own host when not given, none for steps of the run.
    type: str
  data:
    description:
      - What is to be known of the step.
      - V(run_started) takes C(hosts) (the names of all hosts that the run is for), V(decided) the decision,
        V(installed) the result of the installation, V(removed) that of M(rebootless.patching.remove_update),
        V(verified_before) and V(verified_after) what was verified,
        V(restarting) and V(restarted) C(consent), C(reason), C(before) and C(after), V(restarted) C(done) too,
        V(host_finished) C(outcome), C(words), C(next_step) and C(failed),
        V(slot_taken) C(kind), C(wave), C(canary), C(groups) and C(waited) (seconds), and V(slot_released) C(outcome), C(failed) and C(kept).
    type: dict
    default: {}
  validate_only:
    description: Check the options and write nothing; for the beginning of a run, before any host is asked.
    type: bool
    default: false
extends_documentation_fragment:
  - rebootless.patching.attributes.controller
  - rebootless.patching.lease
attributes:
  check_mode:
    support: full
    description: In check mode nothing is written.
  diff_mode:
    support: none
    description: A record changes nothing on any host.
seealso:
  - module: rebootless.patching.run_report
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Record that the host is about to restart
  rebootless.patching.fleet_record:
    path: /var/lib/rebootless/record.jsonl
    run: 2026-09-patch-tuesday
    step: restarting
    data:
      consent: true
      reason: The baseline KB5122345 takes effect at the next start.
"""

RETURN = r"""
path:
  description: The file of the record.
  returned: always
  type: str
  sample: /var/lib/rebootless/record.jsonl
data:
  description: The O(data) as it is recorded, so that one task both records and, registered, keeps it.
  returned: always, when the record cannot be written too
  type: dict
  sample: {consent: true}
entry:
  description: What identifies the line.
  returned: when the step is recorded, in check mode too
  type: dict
  sample: {run: 2026-09-patch-tuesday, at: '2026-09-20T12:00:00Z', host: web1, step: restarting}
"""
