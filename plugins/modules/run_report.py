# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/run_report.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_report
short_description: Report what is to be done to a fleet, or what a run has done
version_added: 0.2.0
description:
  - Reports the decisions on many hosts (a plan) or what became of the hosts in a run, as a table in the terminal, a
    self-contained HTML page, Markdown and JSON (schemas in docs/plan.schema.json and docs/run.schema.json of the collection).
  - For each host it says what is installed, what is put off until when, what is refused and why, which restart is due and
    which updates force it, whose consent it has, which answers were missing and how to get them; of a run also what is
    proved by the state before and after, and whether the host has restarted.
  - For the fleet it lists what is put off and how long it has been missing. With O(record) it also tells which hosts were left out of
    service, who was out of service when, the restarts with reason and consent, the waves, and what is different from the last run of
    the same playbook.
  - Decides nothing. Runs on the controller alone and contacts no host.
  - Fails after everything is written when a host could not be asked or did not end well, so that the exit status tells.
options:
  artifact_bytes:
    description:
      - Return the JSON as RV(artifact), for C(ansible.builtin.set_stats), in about so many bytes at most.
      - What does not fit is left out, of hosts that ended well first.
    type: int
  kind:
    description: What to report, V(plan) for decisions, V(run) for what became of them.
    type: str
    choices: [plan, run]
    required: true
  dest:
    description: The directory on the controller for C(plan.html), C(plan.md) and C(plan.json), or C(run.html) and so on; made when missing.
    type: path
    required: true
  decisions:
    description: The decisions to report with O(kind=plan), as M(rebootless.patching.updates_info) returns them under C(decision).
    type: list
    elements: dict
  result_var:
    description:
      - The host variable that holds what is to be reported; a decision, the registered result of
        M(rebootless.patching.updates_info), or what role P(rebootless.patching.hotpatch#role) sets as C(hotpatch_result).
      - With O(record) too it goes before the record, which then tells what it does not say, and of the hosts that did not get so far.
      - A host of O(hosts) that holds nothing and of which nothing is recorded has failed, as C(not_finished).
    type: str
  hosts:
    description: Names of the hosts whose O(result_var) is reported; every host that has it when not given.
    type: list
    elements: str
  record:
    description: The file of the run record, as M(rebootless.patching.fleet_record) writes it.
    type: path
  run:
    description: The name of the run; the last one in the record when not given.
    type: str
  query:
    description:
      - A JMESPath expression over the hosts of the JSON; only the hosts it selects are shown.
      - The JSON file always holds all hosts.
    type: str
  show:
    description: Print the table in the terminal.
    type: bool
    default: true
  validate_only:
    description: Check the options and report nothing; for the beginning of a run, before any host is asked.
    type: bool
    default: false
extends_documentation_fragment:
  - rebootless.patching.attributes.controller
attributes:
  check_mode:
    support: full
    description: In check mode the table is printed and no file is written.
  diff_mode:
    support: none
    description: A report changes nothing on any host.
seealso:
  - module: rebootless.patching.fleet_record
  - module: rebootless.patching.fleet_report
  - module: rebootless.patching.updates_info
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Report the plan that every host has registered as updates
  rebootless.patching.run_report:
    kind: plan
    result_var: updates
    dest: ./rebootless-plan

- name: Report the last run of a record
  rebootless.patching.run_report:
    kind: run
    record: /var/lib/rebootless/record.jsonl
    dest: ./rebootless-run
    query: "[?outcome!='nothing_to_do']"
"""

RETURN = r"""
artifact:
  description:
    - The report for the next job; null without O(artifact_bytes).
    - C(summary) is for people; C(json) is the report as a text of JSON, with C(left_out), what it lacks to be small enough, or null.
  returned: always
  type: dict
summary:
  description: Counts of what is shown, by decision, by outcome, of offers, restarts and exposure; null with O(validate_only=true).
  returned: always
  type: dict
  sample: {hosts: 9, reached: 8, decisions: {install_without_restart: 3, nothing: 6}, offers: {install: 8, put_off: 4, refuse: 1, blocked: 3}}
files:
  description: Paths of the reports on the controller.
  returned: always
  type: dict
  sample: {html: ./rebootless-run/run.html, json: ./rebootless-run/run.json, md: ./rebootless-run/run.md}
problems:
  description: What of the hosts could not be put into a report, in sentences that name the host; the others are in it.
  returned: always
  type: list
  elements: str
  version_added: 0.2.0
  sample: []
failed_hosts:
  description: Names of the hosts that could not be asked, did not end well, or were left out of service.
  returned: always
  type: list
  elements: str
  sample: []
"""
