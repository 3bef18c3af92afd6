# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/pending_reboot_info.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: pending_reboot_info
short_description: Tell what on a host waits for a restart, by class
version_added: 0.1.0
description:
  - Reads every pending-restart source of a Windows host in one module run and classes what it finds.
  - There is no single right answer to "is a restart pending"; O(classes) chooses which classes count.
  - Changes nothing.
options:
  signals:
    description: Judge these raw signals instead of asking the host; the host is not contacted.
    type: dict
  classes:
    description:
      - The classes that make RV(pending) true.
      - V(servicing) is Windows' own servicing and the update agent, V(identity) a rename or a domain join,
        V(management) ConfigMgr and DSC, V(file_rename) the queue of file renames, which is mostly noise,
        V(legacy) sources of old installers and Server Manager.
    type: list
    elements: str
    choices: [servicing, identity, management, file_rename, legacy]
    default: [identity, management, servicing]
  step:
    description: What is about to be done to the host; RV(leave_alone) tells what stands against it.
    type: str
    choices: [download, install, drain, restart, remove]
    default: restart
    version_added: 0.2.0
  cim_timeout:
    description: Seconds after which a single CIM query on the host is given up.
    type: int
    default: 20
  on_problem:
    description:
      - What to do when the host cannot be asked.
      - With V(fail) the task fails, or the host is unreachable.
      - With V(report) the task is ok, RV(pending) is V(null) and RV(problem) says why.
    type: str
    choices: [fail, report]
    default: fail
extends_documentation_fragment:
  - rebootless.patching.attributes.info
  - rebootless.patching.attributes.products
seealso:
  - module: rebootless.patching.hotpatch_info
  - module: ansible.windows.win_reboot
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Read what waits for a restart
  rebootless.patching.pending_reboot_info:
  register: waiting

- name: Stop when something blocks further updates
  ansible.builtin.assert:
    that: waiting.reasons | selectattr('blocks_updates') | length == 0

- name: Judge the signals that hotpatch_info has read already
  rebootless.patching.pending_reboot_info:
    signals: "{{ hotpatch.signals }}"
    classes: [servicing]
"""

RETURN = r"""
pending:
  description:
    - Whether a reason of the chosen classes exists.
    - V(null) when a source of these classes could not be read and none of the others says yes.
  returned: always
  type: bool
  sample: true
classes:
  description: The classes that counted.
  returned: always
  type: list
  elements: str
  sample: [identity, management, servicing]
reasons:
  description: Everything found, of every class.
  returned: always
  type: list
  elements: dict
  contains:
    class:
      description: The class of the reason.
      type: str
      sample: servicing
    source:
      description: Where it was read.
      type: str
      sample: cbs_reboot_pending
    detail:
      description: What was found, in one sentence.
      type: str
    since:
      description: Since when, UTC, where the host tells; else V(null).
      type: str
      sample: null
    blocks_updates:
      description: Whether the update agent refuses further installations until the restart.
      type: bool
      sample: false
leave_alone:
  description:
    - Why the O(step) must not be done to this host now; empty when it may.
    - Windows in the boot phase of servicing, and an update agent that is installing, stop every step. So does not to know the
      former. V(drain), V(restart) and V(remove) wait too while nobody knows whether the agent is at work, which it tells only
      to a local logon (become with C(runas) and C(SYSTEM)).
  returned: always
  type: list
  elements: dict
  version_added: 0.2.0
  contains:
    code:
      description: The reason's code.
      type: str
      sample: servicing_in_progress
    words:
      description: The reason in one sentence.
      type: str
    known:
      description: Whether the host says so; V(false) where it was not read.
      type: bool
  sample: []
unknown_sources:
  description: Sources that could not be read.
  returned: always
  type: list
  elements: str
  sample: []
rests_on:
  description:
    - The probes that a yes or a no of RV(pending) stands on; empty when it is unknown.
    - Where the update agent refuses the answer, as it does to a network logon, C(wu_reboot_required), C(update_screen), C(hotfixes) and C(build)
      answer for it. An absent C(wu_reboot_required) alone is no answer.
  returned: always
  type: list
  elements: str
  sample: [wu_reboot_required]
problem:
  description: Why the host could not be asked (C(kind) and C(message)); V(null) when it answered.
  returned: always
  type: dict
  sample: null
"""
