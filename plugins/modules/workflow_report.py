# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/workflow_report.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: workflow_report
short_description: One report of all jobs of a workflow
version_added: 0.2.0
description:
  - Merges the plans and results that jobs of a workflow have passed on as artifacts, and prints them as Markdown.
  - A planned host of which no result tells is told by what it says itself, see O(look_var).
  - Fails when a host did not end well, is or may be out of service, or when nothing was planned.
options:
  artifact_bytes:
    description: How large RV(artifact) may be, in bytes of JSON.
    type: int
    default: 1000000
  artifacts:
    description: Variables of the job by name. Of them C(rebootless_plan), C(rebootless_wave_NUMBER), C(rebootless_patch) and their like are taken.
    type: dict
    required: true
  domains:
    description: Service domains that must have a plan.
    type: list
    elements: str
    default: []
  look_var:
    description: The variable in which hosts hold what M(rebootless.patching.drain) said in check mode, without adapters.
    type: str
    required: true
  seen_var:
    description: The variable in which hosts hold what M(rebootless.patching.hotpatch_info) said.
    type: str
    required: true
  show:
    description: Print the Markdown.
    type: bool
    default: true
extends_documentation_fragment:
  - rebootless.patching.attributes.controller
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: none
    description: A report changes nothing on any host.
seealso:
  - module: rebootless.patching.run_report
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Report what the two waves did
  rebootless.patching.workflow_report:
    artifacts:
      rebootless_plan: "{{ rebootless_plan }}"
      rebootless_wave_0: "{{ rebootless_wave_0 }}"
      rebootless_wave_1: "{{ rebootless_wave_1 }}"
    look_var: looked
    seen_var: seen
"""

RETURN = r"""
artifact:
  description:
    - The report for later jobs. C(summary) is for people.
    - C(json) is the JSON of the run (docs/run.schema.json) as a text, with C(left_out), what it lacks to be small enough, or null.
  returned: always
  type: dict
summary:
  description: Counts, as M(rebootless.patching.run_report) returns them.
  returned: always
  type: dict
failed_hosts:
  description: Names of the hosts that did not end well, or are or may be out of service.
  returned: always
  type: list
  elements: str
  sample: []
"""
