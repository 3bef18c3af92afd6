# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/hotpatch_info.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hotpatch_info
short_description: Tell whether a host is on the hotpatch track, and if not, why not
version_added: 0.1.0
description:
  - Reads a Windows host's signals in one module run (M(rebootless.patching.windows_signals_info)) and judges them on the controller.
  - Says the state on the track with its reasons, and for each reason what puts it right.
  - Changes nothing. What cannot be proved is V(unknown), never guessed.
  - All reason codes are described in C(docs/reasons.md) of the collection.
options:
  signals:
    description: Judge these raw signals instead of asking the host; the host is not contacted.
    type: dict
  services:
    description: Names of further services whose state is to be among the signals.
    type: list
    elements: str
    default: []
  on_problem:
    description:
      - What to do when the host cannot be asked.
      - With V(fail) the task fails, or the host is unreachable.
      - With V(report) the task is ok, O(ignore:state) is V(unknown) and RV(problem) says why; the run goes on with this host.
    type: str
    choices: [fail, report]
    default: fail
  return_signals:
    description: Return the raw signals as well.
    type: bool
    default: false
extends_documentation_fragment:
  - rebootless.patching.attributes.info
  - rebootless.patching.attributes.products
  - rebootless.patching.judgement
  - rebootless.patching.judgement.releases
seealso:
  - module: rebootless.patching.pending_reboot_info
  - module: rebootless.patching.windows_signals_info
  - name: Hotpatch for Windows Server
    description: What Microsoft says of it.
    link: https://learn.microsoft.com/windows-server/get-started/hotpatch
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Read the hotpatch state
  rebootless.patching.hotpatch_info:
  register: hotpatch

- name: Show what keeps this host off the track
  ansible.builtin.debug:
    msg: "{{ hotpatch.reasons | map(attribute='fix') }}"
  when: hotpatch.state != 'on_track'

- name: Read it for a run that must go on with the other hosts, and keep the signals
  rebootless.patching.hotpatch_info:
    on_problem: report
    return_signals: true
  register: hotpatch
"""

RETURN = r"""
state:
  description: The state on the track.
  returned: always
  type: str
  sample: on_track
track:
  description: What this host's updates do this month, V(hotpatch), V(standard) or V(unknown).
  returned: always
  type: str
  sample: hotpatch
reasons:
  description: Why the host is in this state, most important first; empty when there is nothing to say.
  returned: always
  type: list
  elements: dict
  contains:
    code:
      description: The reason's code; see docs/reasons.md.
      type: str
      sample: vbs_not_running
    severity:
      description: V(cause) explains the state, V(warning) does not change it.
      type: str
      sample: cause
    message:
      description: The reason in one sentence.
      type: str
    fix:
      description: What puts it right.
      type: str
product:
  description: The product as the collection names it; V(null) when it is none that hotpatching covers, or unknown.
  returned: always
  type: str
  sample: windows_server_2025_arc
edition:
  description: The host's C(EditionID); V(null) when unknown.
  returned: always
  type: str
  sample: ServerStandard
build:
  description: Build and revision; V(null) when unknown.
  returned: always
  type: str
  sample: '26100.33222'
architecture:
  description: The processor architecture; V(null) when unknown.
  returned: always
  type: str
  sample: AMD64
last_boot:
  description: When the host last booted, UTC; V(null) when unknown.
  returned: always
  type: str
  sample: '2026-07-15T02:10:00Z'
last_baseline:
  description: The newest baseline of the release table that the host's build holds; V(null) when unknown.
  returned: always
  type: dict
  sample: {kb: KB5099536, build: '26100.33158', date: '2026-07-14'}
next_baseline_expected:
  description: The day of the next planned baseline; V(null) when none is planned in the release table.
  returned: always
  type: str
  sample: '2026-10-13'
covered_until:
  description: The day until which hotpatches are expected to reach this host without a restart; V(null) when it is not on the track.
  returned: always
  type: str
  sample: '2026-10-13'
restart_required:
  description: Whether something waits for a restart, V(no), V(yes), V(deferrable) or V(unknown).
  returned: always
  type: str
  sample: 'no'
restart_risks:
  description: What may restart this host by itself.
  returned: always
  type: list
  elements: dict
  contains:
    code:
      description: What it is.
      type: str
      sample: automatic_updates_schedule
    detail:
      description: The setting, in words.
      type: str
    at:
      description: The latest time of the restart, UTC, where the host names one; else V(null).
      type: str
      sample: null
restart_risks_looked_at:
  description: Where restart risks were looked for, by probe, V(read) or why it could not be read. No risk found means no more than this.
  returned: always
  type: dict
  sample: {automatic_updates_policy: read, ccm_reboot: access denied}
judged_at:
  description: The time of judgement, UTC.
  returned: always
  type: str
  sample: '2026-09-20T12:00:00Z'
problem:
  description: Why the host could not be asked (C(kind) and C(message)); V(null) when it answered.
  returned: always
  type: dict
  sample: null
signals:
  description: The raw signals with O(return_signals=true), else V(null).
  returned: always
  type: dict
  sample: null
"""
