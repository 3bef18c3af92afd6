# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/fleet_report.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fleet_report
short_description: Report the hotpatch status and the pending restarts of a fleet
version_added: 0.1.0
description:
  - Judges what M(rebootless.patching.hotpatch_info) has collected from many hosts and reports it as a table in the terminal,
    a self-contained HTML page, Markdown and JSON (schema in docs/status.schema.json of the collection).
  - Compares with the last status in O(dest) and names the hosts that left the track or came back.
  - Runs on the controller alone and contacts no host.
  - Fails after everything is written when hosts could not be asked, so that the exit status of a run tells.
options:
  artifact_bytes:
    description:
      - Return the JSON as RV(artifact), for C(ansible.builtin.set_stats), in about so many bytes at most.
      - What does not fit is left out, of hosts that ended well first.
    type: int
    version_added: 0.2.0
  hosts:
    description: Names of the hosts to report; every host that has O(result_var) when not given.
    type: list
    elements: str
  result_var:
    description:
      - The variable under which each host's result of M(rebootless.patching.hotpatch_info) was registered,
        called with O(rebootless.patching.hotpatch_info#module:on_problem=report) and
        O(rebootless.patching.hotpatch_info#module:return_signals=true).
    type: str
    required: true
  dest:
    description: The directory on the controller for C(status.html), C(status.md), C(status.json) and C(history.json); made when missing.
    type: path
    required: true
  query:
    description:
      - A JMESPath expression over the hosts of the JSON; only the hosts it selects are shown.
      - C(status.json) always holds all hosts.
    type: str
  classes:
    description: The classes of pending restarts that count, see M(rebootless.patching.pending_reboot_info).
    type: list
    elements: str
    choices: [servicing, identity, management, file_rename, legacy]
    default: [identity, management, servicing]
  now:
    description: The time of judgement for hosts whose result holds none, ISO 8601 with a zone; the present when not given.
    type: str
  azure_var:
    description: The host variable that holds Azure's own word, see O(rebootless.patching.hotpatch_info#module:azure).
    type: str
    default: rebootless_azure
  show:
    description: Print the table in the terminal.
    type: bool
    default: true
  validate_only:
    description: Check the options and the release table, report nothing; for the beginning of a run, before any host is asked.
    type: bool
    default: false
extends_documentation_fragment:
  - rebootless.patching.attributes.controller
  - rebootless.patching.judgement.releases
attributes:
  check_mode:
    support: full
    description: In check mode the table is printed and no file is written.
  diff_mode:
    support: none
    description: A report changes nothing on any host.
seealso:
  - module: rebootless.patching.hotpatch_info
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Ask every host
  hosts: windows
  gather_facts: false
  tasks:
    - name: Read the signals
      rebootless.patching.hotpatch_info:
        on_problem: report
        return_signals: true
      register: answer

- name: Report
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Report the status of the fleet
      rebootless.patching.fleet_report:
        result_var: answer
        dest: ./rebootless-status
"""

RETURN = r"""
artifact:
  description:
    - The report for the next job; null without O(artifact_bytes).
    - C(summary) is for people; C(json) is the report as a text of JSON, with C(left_out), what it lacks to be small enough, or null.
  returned: always
  type: dict
  version_added: 0.2.0
summary:
  description: Counts of what is shown, by state and by pending restart.
  returned: always
  type: dict
  sample: {hosts: 12, reached: 12, states: {on_track: 5}, pending: {'yes': 2, 'no': 9, unknown: 1}}
changes:
  description: Hosts that left the track, came back, are new or gone since the last status.
  returned: always
  type: list
  elements: dict
files:
  description: Paths of the reports on the controller.
  returned: always
  type: dict
  sample: {html: ./rebootless-status/status.html, json: ./rebootless-status/status.json, md: ./rebootless-status/status.md}
problems:
  description: What of the hosts could not be put into a report, in sentences that name the host; the others are in it.
  returned: always
  type: list
  elements: str
  version_added: 0.2.0
  sample: []
not_reached:
  description: Names of the hosts that could not be asked.
  returned: always
  type: list
  elements: str
  sample: []
"""
