# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/remove_update.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: remove_update
short_description: Take an installed update off a Windows host, and prove it
version_added: 0.2.0
description:
  - Finds the servicing package of an update, says whether it may be removed and what that does to the hotpatch track, and removes it.
  - Never restarts. A removal takes effect with the restart that RV(restart) asks for.
    O(state=verified) after it waits until servicing has ended its work, and proves that the update is gone.
  - A host on which the update is not installed is left alone.
  - Not proved on real hosts. The sources of every rule are in the README of role P(rebootless.patching.rollback#role).
options:
  kb:
    description: The update, with or without KB.
    type: str
    required: true
  package:
    description: The identity of its servicing package, for an update whose package does not tell its KB.
    type: str
  state:
    description:
      - V(planned) only looks.
      - V(removed) removes the package if it may be removed.
      - V(verified) removes nothing and asks, until O(deadline), whether the update is gone.
    type: str
    choices: [planned, removed, verified]
    default: removed
  before:
    description: Of O(state=verified), the result of this module with one of the other states, as it is.
    type: dict
  deadline:
    description:
      - Seconds after which the host is asked no more what became of a removal, or whether servicing has ended its work.
      - What still runs then is left to end by itself.
    type: int
    default: 3600
  poll_interval:
    description: Seconds between two looks at the host.
    type: float
    default: 15
  on_problem:
    description: Whether an end that is no good one fails the task, or is only reported in RV(outcome).
    type: str
    choices: [fail, report]
    default: fail
  validate_only:
    description: Check the options and ask nobody.
    type: bool
    default: false
extends_documentation_fragment:
  - rebootless.patching.judgement
  - rebootless.patching.judgement.releases
  - rebootless.patching.lease
attributes:
  check_mode:
    support: full
    description:
      - Looks at the host, changes nothing and says what would be done. Whether Windows lets the update go, only trying tells.
  diff_mode:
    support: full
    description: Shows the servicing package before and after.
  platform:
    support: full
    platforms: windows
    description: Needs the module Dism of Windows.
notes:
  - Only the newest update of Windows may be removed, and nothing while servicing waits for a restart.
    What waits for its own restart may go for the same one.
  - After a connection that was lost the host is asked what became of the removal. Nothing is tried twice.
  - The removal itself has no time limit, because one that is cut short may be left half done.
  - C(become) holds for what is run on the host. Windows Server 2025 needs it over C(psrp), see M(rebootless.patching.windows_packages).
seealso:
  - module: rebootless.patching.windows_packages
  - module: rebootless.patching.hotpatch_info
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Say what taking an update off would do
  rebootless.patching.remove_update:
    kb: KB5120228
    state: planned
    on_problem: report
  register: look

- name: Take it off
  rebootless.patching.remove_update:
    kb: KB5120228
  register: removal

- name: Restart, as agreed
  ansible.windows.win_reboot:
  when: removal.restart.needed

- name: Prove that it is gone
  rebootless.patching.remove_update:
    kb: KB5120228
    state: verified
    before: "{{ removal }}"
  when: removal.outcome == 'removed'
"""

RETURN = r"""
outcome:
  description:
    - Of O(state=planned) V(planned) (it may be removed), V(restart_left) (it is removed but for the restart), V(nothing_to_do) (it is not
      installed), V(blocked) (it must not be removed, or not now), V(unknown) (nobody knows whether it may) or V(not_reached).
    - Of O(state=removed) the same but V(planned), and V(removed), V(refused) (Windows does not let it go), V(failed), V(unknown) (nobody saw
      how it ended) or V(check_mode).
    - Of O(state=verified) V(gone), V(still_there) or V(unknown).
  returned: always
  type: str
  sample: removed
kb:
  description: The update.
  returned: always
  type: str
  sample: KB5120228
words:
  description: The outcome and its reason, and what the removal does, in sentences.
  returned: always
  type: list
  elements: str
  sample: [KB5120228 is not installed.]
plan:
  description: What was to be done; V(null) when the host was not reached.
  returned: always
  type: dict
  contains:
    kb:
      description: The update.
      returned: always
      type: str
      sample: KB5120228
    verdict:
      description: V(remove), V(restart_left), V(nothing_to_do), V(blocked) or V(unknown).
      returned: always
      type: str
      sample: remove
    code:
      description: The deciding rule as a word, such as V(newer_on_top), V(servicing_stack) or V(package_ambiguous).
      returned: always
      type: str
      sample: remove
    why:
      description: The same in a sentence.
      returned: always
      type: str
      sample: 'KB5120228 is Installed. Whether Windows lets it go, only trying tells: some updates are permanent.'
    package:
      description: The identity of the servicing package; V(null) when there is none, or not one alone.
      returned: always
      type: str
      sample: Package_for_KB5120228~31bf3856ad364e35~amd64~~26100.33222.1.3
    state:
      description: Its state, in DISM's words.
      returned: always
      type: str
      sample: Installed
    packages:
      description: Every package that tells that it is of this update.
      returned: always
      type: list
      elements: str
      sample: [Package_for_KB5120228~31bf3856ad364e35~amd64~~26100.33222.1.3]
    effect:
      description: What the removal does; V(null) when nothing is to be removed.
      returned: always
      type: dict
      contains:
        type:
          description: The type of the update in the release table, V(dotnet), or V(null) for what neither knows.
          returned: always
          type: str
          sample: hotpatch
        build_before:
          description: The build that the host shows.
          returned: always
          type: str
          sample: '26100.33222'
        build_after:
          description: The build that it is expected to show afterwards; V(null) when nobody knows.
          returned: always
          type: str
          sample: '26100.33158'
        track_before:
          description: The host's track, V(hotpatch), V(standard) or V(unknown).
          returned: always
          type: str
          sample: hotpatch
        track_after:
          description: The track that it is expected to be on afterwards.
          returned: always
          type: str
          sample: hotpatch
        words:
          description: The same in sentences. What is inferred says so.
          returned: always
          type: list
          elements: str
          sample: ['KB5120228 is a hotpatch, and the baseline stays: the host stays on the hotpatch track (inferred).']
removal:
  description: What the servicing stack said; V(null) when it was not asked.
  returned: always
  type: dict
  contains:
    restart_needed:
      description: Its own word on the restart; V(null) when nobody heard it.
      returned: always
      type: bool
      sample: true
    hresult:
      description: Why it did not remove the package; V(0x800F0825) is permanent.
      returned: always
      type: str
      sample: null
    message:
      description: The same in the stack's words, or how the end was found out when nobody saw it.
      returned: always
      type: str
      sample: null
restart:
  description: C(needed), whether the removal takes effect with a restart, and C(why). V(null) when the host was not reached.
  returned: always
  type: dict
  sample:
    needed: true
    why: Taking KB5120228 off needs a restart.
proof:
  description:
    - C(before) and C(after), each with C(boot), C(build), C(kbs), C(pending), C(restart_required), C(state), C(track) and C(package)
      (the state of the package, V(absent) when it is gone), and C(restarted), C(build_changed) and C(kbs_removed).
    - V(null) is what nobody could see.
  returned: always
  type: dict
  sample:
    before: {boot: '2026-07-15T02:10:00Z', build: '26100.33222', kbs: [KB5099536, KB5120228], pending: [], restart_required: 'no',
             state: on_track, track: hotpatch, package: Installed}
    after: {boot: '2026-08-20T12:02:00Z', build: '26100.33158', kbs: [KB5099536], pending: [], restart_required: 'no',
            state: on_track, track: hotpatch, package: absent}
    restarted: true
    build_changed: true
    kbs_removed: [KB5120228]
problem:
  description: Why the host did not answer, C(kind) and C(message); V(null) when it did.
  returned: always
  type: dict
  sample: null
started_at:
  description: When the task began.
  returned: always
  type: str
  sample: '2026-08-20T12:00:00Z'
ended_at:
  description: When it ended.
  returned: always
  type: str
  sample: '2026-08-20T12:01:10Z'
seconds:
  description: How long it took.
  returned: always
  type: int
  sample: 70
"""
