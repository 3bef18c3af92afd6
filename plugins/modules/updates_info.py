# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/updates_info.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: updates_info
short_description: Tell what a Windows host is offered, and decide on each update
version_added: 0.2.0
description:
  - Reads the host's signals (M(rebootless.patching.windows_signals_info)) and what its update agent offers
    (M(rebootless.patching.windows_offers_info)), two module runs, and decides on the controller.
  - Every offer is installed, put off, refused because it would throw the host off its hotpatch track, or blocked;
    with the rules that decided, in words.
  - Says whether a restart is due, by when, in which window, and which offers force it.
  - Changes nothing; RV(decision) is what M(rebootless.patching.install_updates) takes.
  - A network logon is refused by parts of the update agent. C(missing) of RV(decision) names the answers that are missing and how to get
    them (become SYSTEM). That path has been proved on simulated hosts only.
options:
  policy:
    description:
      - What may be installed, how long it may wait, and when the host may restart.
      - Documented in C(docs/policy.schema.json) and C(docs/policy.md) of the collection.
    type: dict
  consent:
    description:
      - What you say to a restart.
      - V(true), V(false), or V(null) for nothing said; also as the texts C(true), C(false), C(null) and an empty one, which
        C(-e) and surveys send.
      - Or a mapping of C(agreed) (V(true) or V(false), required), C(ticket), C(approver) (texts) and C(expires), a time, ISO 8601 with a zone.
        From then on it counts as V(false).
      - Without V(true) nothing that restarts the host is ever decided to be installed.
    type: raw
  restart_answer:
    description:
      - Whether to ask the agent if an update restarts this very host, which downloads the update's bootstrapper.
      - V(auto) asks except in check mode.
    type: str
    choices: [auto, always, never]
    default: auto
  record:
    description:
      - A run record on the controller, see M(rebootless.patching.fleet_record).
      - From the last decision on this host in it comes since when updates have been missing that newer ones have superseded since.
      - Without it such an update counts from its own day.
    type: path
  signals:
    description: Decide by these raw signals (of both collectors) instead of asking the host; the host is not contacted.
    type: dict
  return_signals:
    description: Return the raw signals as well.
    type: bool
    default: false
  search_timeout:
    description: Seconds after which the search of the update agent is given up.
    type: int
    default: 600
  on_problem:
    description:
      - What to do when the host cannot be asked, or the outcome is not good.
      - With V(fail) the task fails, or the host is unreachable.
      - With V(report) the task is ok and RV(problem) says why; the run goes on with this host.
    type: str
    choices: [fail, report]
    default: fail
extends_documentation_fragment:
  - rebootless.patching.attributes.products
  - rebootless.patching.judgement
  - rebootless.patching.judgement.releases
attributes:
  check_mode:
    support: full
    description: Changes nothing; with O(restart_answer=auto) the bootstrapper is not downloaded in check mode.
  diff_mode:
    support: none
    description: Changes nothing, so there is nothing to show.
seealso:
  - module: rebootless.patching.install_updates
  - module: rebootless.patching.hotpatch_info
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Decide what to do with this host now
  rebootless.patching.updates_info:
    policy: "{{ rebootless_policy | default({}) }}"
  register: updates
  become: true
  become_method: ansible.builtin.runas
  become_user: SYSTEM

- name: Show why
  ansible.builtin.debug:
    msg: "{{ updates.decision.summary }}"
"""

RETURN = r"""
decision:
  description:
    - The decision on the host. Its keys are the same whatever the outcome.
    - C(decision) is one of V(nothing), V(install_without_restart), V(restart_due), V(wait_for_window), V(blocked), V(unknown).
    - C(install), C(put_off), C(refuse) and C(blocked) list the ids of the offers; each offer is in exactly one of them.
    - C(restart) says C(due), C(now), C(by), C(window), the C(offers) that force it, C(why), the C(consent) given,
      and in C(consent_by) its C(ticket), C(approver) and C(expires), or null when none of them was given.
    - C(exposure) is C(seconds), C(since) and C(offers) of the oldest wanted security update that is not in effect.
    - C(missing) lists the answers that the decision lacks, each with C(what), C(why) and C(fix).
    - C(offers_complete) is V(false) where an update may be missing unseen; then nothing ends well with nothing to do.
    - C(stale_when) is what the decision rests on; M(rebootless.patching.install_updates) refuses when it has changed.
  returned: always
  type: dict
offers:
  description: The offers of RV(decision).
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Update id.
      type: str
    revision:
      description: Revision of the update.
      type: int
    title:
      description: Title in the host's language.
      type: str
    kb:
      description: First KB, or null.
      type: str
      sample: KB5120228
    kbs:
      description: All KBs.
      type: list
      elements: str
    categories:
      description: Classifications, as words of the policy; GUIDs of what is none.
      type: list
      elements: str
      sample: [security]
    severity:
      description: Microsoft's severity, or null.
      type: str
    size:
      description: Largest download in bytes, as the agent says it; often far more than is really downloaded.
      type: int
    released:
      description: When it came out, UTC.
      type: str
    missing_since:
      description: Since when what it brings has been missing; what it supersedes counts, UTC.
      type: str
    driver:
      description: Whether it is a driver.
      type: bool
    optional:
      description: Whether it is optional (BrowseOnly).
      type: bool
    restart:
      description: Restart class, V(none), V(possible), V(always) or V(unknown).
      type: str
    restart_source:
      description: Who says so.
      type: str
    keeps_track:
      description: Whether the host stays on the hotpatch track with it; null when nobody knows.
      type: bool
    decision:
      description: V(install), V(put_off), V(refuse) or V(blocked).
      type: str
    code:
      description: The rule that decided.
      type: str
      sample: waits_for_restart
    until:
      description: Until when it is put off or blocked, UTC; null when that is open.
      type: str
    waited:
      description: Seconds since C(missing_since).
      type: int
    limit:
      description: When it must be in effect, UTC, of what waits for a restart.
      type: str
    why:
      description: Every rule that fired, in words; the deciding one last.
      type: list
      elements: str
problem:
  description: Why the host could not be asked, C(kind) and C(message), or null.
  returned: always
  type: dict
signals:
  description: The raw signals of both collectors, or null.
  returned: always
  type: dict
"""
