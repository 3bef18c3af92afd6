# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/install_updates.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: install_updates
short_description: Install exactly what was decided, never restart, and prove it
version_added: 0.2.0
description:
  - Installs the offers that a decision of M(rebootless.patching.updates_info) says to install, through
    M(ansible.windows.win_updates) with C(reboot=false) and an C(accept_list) that matches these offers and no others.
  - Asks the host first, and refuses with nothing installed when the decision is stale, that is when build, last boot, pending reasons,
    or id and revision of an offer to be installed have changed, or the window of its restart has closed, which a download does not need.
  - Two offers with the same title and KBs that were decided differently are both left out.
  - A connection that is lost while installing is asked again until the deadline. What still runs then is RV(still_installing), and is left
    to end by itself; nothing is called failed by guess.
  - Never restarts the host. A restart that is pending afterwards although nobody announced it is reported with the updates behind it,
    where the host tells.
options:
  decision:
    description: RV(rebootless.patching.updates_info#module:decision), as it is.
    type: dict
    required: true
  download_only:
    description:
      - Download what the decision says to install now or later, and install nothing.
      - It changes nothing that a proof could show, so RV(proof) is V(null).
    type: bool
    default: false
  deadline:
    description: Seconds for everything, the installation included.
    type: int
    default: 7200
  poll_interval:
    description: Seconds between two questions to a host that is lost or still installing.
    type: float
    default: 15.0
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
  - rebootless.patching.lease
attributes:
  check_mode:
    support: full
    description: Installs nothing and does not run M(ansible.windows.win_updates); RV(would_install) and RV(accept_list) say what it would get.
  diff_mode:
    support: full
    description: Shows build and KBs before and after.
seealso:
  - module: rebootless.patching.updates_info
  - module: ansible.windows.win_updates
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Decide
  rebootless.patching.updates_info:
  register: updates

- name: Install what was decided
  rebootless.patching.install_updates:
    decision: "{{ updates.decision }}"
    deadline: 3600
  register: installed

- name: Download ahead, so that the window is left for the installation
  rebootless.patching.install_updates:
    decision: "{{ updates.decision }}"
    download_only: true
"""

RETURN = r"""
outcome:
  description:
    - V(nothing_to_do), V(installed), V(partly_installed), V(downloaded), V(failed), V(still_installing), V(unknown), V(stale) or V(check_mode).
    - With O(download_only) one download that failed is V(failed), because C(win_updates) then installs none of them.
  returned: always
  type: str
  sample: installed
installed:
  description: Ids of the updates that are installed.
  returned: always
  type: list
  elements: str
failed_updates:
  description: Updates that failed, each with C(id), C(kb), C(title), C(hresult) and C(message).
  returned: always
  type: list
  elements: dict
left_out:
  description: Updates that were decided and left out, each with C(id) and C(why).
  returned: always
  type: list
  elements: dict
still_installing:
  description: Ids of the updates that the agent was still installing at the deadline.
  returned: always
  type: list
  elements: str
unknown:
  description: Ids of the updates of which nobody knows what became.
  returned: always
  type: list
  elements: str
reoffered:
  description: Ids of the updates that are installed and offered again.
  returned: always
  type: list
  elements: str
updates:
  description: One entry for each update that was to be installed, with C(result), C(hresult) and C(message).
  returned: always
  type: list
  elements: dict
words:
  description: What an administrator must hear, in sentences.
  returned: always
  type: list
  elements: str
proof:
  description:
    - C(before) and C(after), each with C(boot), C(build), C(kbs), C(pending) and C(restart_required); null where nobody could be asked.
      The whole is null where nothing was to be installed or nobody could be asked before.
    - C(restarted), C(kbs_added), C(build_changed), C(track_kept), and C(restart_wanted_by) (null when the host does not tell).
  returned: always
  type: dict
accept_list:
  description: What M(ansible.windows.win_updates) was given.
  returned: always
  type: list
  elements: str
would_install:
  description: Ids of the updates that are to be installed, or downloaded.
  returned: always
  type: list
  elements: str
problem:
  description: Why the host could not be asked, C(kind) and C(message), or null.
  returned: always
  type: dict
started_at:
  description: Start, UTC.
  returned: always
  type: str
ended_at:
  description: End, UTC.
  returned: always
  type: str
seconds:
  description: Seconds from start to end.
  returned: always
  type: int
"""
