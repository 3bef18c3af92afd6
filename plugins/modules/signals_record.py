# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/signals_record.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: signals_record
short_description: Record real hosts as files that simulated hosts can be made from
version_added: 0.2.0
description:
  - Writes what M(rebootless.patching.hotpatch_info) has collected from each host as a world file, the format of the
    simulated hosts in tests/fleet of the collection, so that a case can be sent to others and played without the host.
  - A world holds what Windows showed and, under C(expect), what the collection made of it.
  - Of an error only its kind is kept, never its text.
  - Runs on the controller alone and contacts no host.
  - Fails after everything is written when hosts could not be asked.
options:
  hosts:
    description: Names of the hosts to record; every host that has O(result_var) when not given.
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
    description: The directory on the controller for the files, one C(NAME.yml) per host; made when missing.
    type: path
    required: true
  anonymise:
    description:
      - Replace the names of computers, domains and users, IP addresses, and hosts in URLs and shares by invented ones,
        the same one for the same thing in all files; the files are called C(host-001.yml) and so on.
      - Searched are computer names, policies, pending renames, event texts and the names of the inventory. Words
        that are no names by their form, such as a product in a path, stay. Read the files before you send them.
    type: bool
    default: false
  azure_var:
    description: The host variable that holds Azure's own word, see O(rebootless.patching.hotpatch_info#module:azure).
    type: str
    default: rebootless_azure
extends_documentation_fragment:
  - rebootless.patching.attributes.controller
attributes:
  check_mode:
    support: full
    description: In check mode no file is written.
  diff_mode:
    support: none
    description: A recording changes nothing on any host.
seealso:
  - module: rebootless.patching.hotpatch_info
  - module: rebootless.patching.fleet_report
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

- name: Record
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Write what the hosts showed, without their names
      rebootless.patching.signals_record:
        result_var: answer
        dest: ./rebootless-recording
        anonymise: true
"""

RETURN = r"""
files:
  description: Paths of the written files by the host name in them.
  returned: always
  type: dict
  sample: {host-001: ./rebootless-recording/host-001.yml}
not_reached:
  description: Names of the hosts that could not be asked.
  returned: always
  type: list
  elements: str
  sample: []
"""
