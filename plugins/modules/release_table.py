# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/release_table.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: release_table
short_description: Bring the table of Windows hotpatch releases up to date from Microsoft's own pages
version_added: 0.1.0
description:
  - Reads Microsoft's release pages on Learn (the hotpatch calendars and the release histories) as the base, and the monthly
    MSRC security documents as witnesses, and merges what they state into a JSON file.
  - Runs on the controller. Sources may be files, for sites without a network.
  - Nothing leaves the table because a source does not show it. A released record of which a source says something else, and
    one that a page should show and does not, is a contradiction; the task fails until a person has named it in O(accept).
  - A planned month may change its type; it is reported in RV(planned_changed).
  - After any error the file is as it was, byte for byte.
options:
  dest:
    description: The JSON file to bring up to date; it is created when it does not exist.
    type: path
    required: true
  base:
    description:
      - The table to start from when O(dest) does not exist.
      - The collection's own table when not given.
    type: path
  sources:
    description:
      - What to read, in this order.
      - When not given, both pages on Learn, and the MSRC documents of the last three months whose Patch Tuesday is out at O(now).
    type: list
    elements: dict
    suboptions:
      kind:
        description:
          - V(learn_server) is the page C(windows-server-release-info), V(learn_windows_11) the page C(windows11-release-information),
            both as Markdown.
          - V(msrc) is a month's CVRF document in JSON or XML.
        type: str
        choices: [learn_server, learn_windows_11, msrc]
        required: true
      url:
        description:
          - Address to read it from; Microsoft's own when neither it nor O(sources[].path) is given.
          - An answer as HTML is refused.
        type: str
      path:
        description: File on the controller to read it from.
        type: path
      month:
        description:
          - The month that an V(msrc) document must be of, for example V(2026-09) or V(2026-Sep).
          - Needed when neither O(sources[].url) nor O(sources[].path) is given.
        type: str
  now:
    description:
      - The present time, ISO 8601 with a zone.
      - The controller's when not given.
    type: str
  accept:
    description:
      - Contradictions that a person has looked at, by their C(id) in RV(contradictions), C(product/KB/build).
      - The sources' word is taken for them; a record that a source no longer shows stays in the table.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - rebootless.patching.attributes.controller
attributes:
  check_mode:
    support: full
    description: Reads the sources and says what would change; the file stays as it is.
  diff_mode:
    support: full
    description: Shows the file before and after.
seealso:
  - module: rebootless.patching.hotpatch_info
  - name: Windows Server release information
    description: The page with the hotpatch calendar.
    link: https://learn.microsoft.com/windows/release-health/windows-server-release-info
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Bring the release table up to date
  rebootless.patching.release_table:
    dest: /srv/patching/releases.json

- name: The same on a site without a network, from files that were carried there
  rebootless.patching.release_table:
    dest: /srv/patching/releases.json
    sources:
      - kind: learn_server
        path: /srv/inbox/windows-server-release-info.md
      - kind: msrc
        month: 2026-09
        path: /srv/inbox/2026-Sep.json

- name: Take the page's word for a record that a person has looked at
  rebootless.patching.release_table:
    dest: /srv/patching/releases.json
    accept:
      - windows_server_2025/KB5122871/26100.33438
"""

RETURN = r"""
added:
  description: The records that came into the table, with all their fields.
  returned: always
  type: list
  elements: dict
updated:
  description: The records that changed, for example because Microsoft's calendar now confirms what only third parties had said.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: The record, C(product/KB/build).
      type: str
      sample: windows_server_2025/KB5122871/26100.33438
    before:
      description: The record before.
      type: dict
    after:
      description: The record now.
      type: dict
planned_changed:
  description: The planned months that are new, have another type, were released as another type than planned, or were withdrawn.
  returned: always
  type: list
  elements: dict
  contains:
    product:
      description: The product.
      type: str
      sample: windows_server_2025
    month:
      description: The month.
      type: str
      sample: 2026-11
    before:
      description: What was planned; V(null) when nothing was.
      type: str
      sample: hotpatch
    after:
      description: What the page says now; V(null) when it says nothing any more.
      type: str
      sample: baseline
contradictions:
  description: What speaks against the table or inside a source, with C(id) for O(accept) and C(message); the task fails when there are any.
  returned: always
  type: list
  elements: dict
review:
  description: Rows that were not taken and that a person should look at, with C(id) and C(message).
  returned: always
  type: list
  elements: dict
ignored:
  description: How many rows of the sources were passed over, by reason.
  returned: always
  type: dict
  sample: {'history row of an optional update (A, C, D, E)': 12}
notes:
  description: What else is worth knowing, among it each source with its digest, and what was carried over or is missing.
  returned: always
  type: list
  elements: str
dest:
  description: The table's file.
  returned: always
  type: str
  sample: /srv/patching/releases.json
newest:
  description: The day of the newest release in the table; V(null) when there is no table to start from.
  returned: always
  type: str
  sample: '2026-09-14'
outdated:
  description:
    - Whether the table lacks the newest Patch Tuesday for one of its products.
    - V(null) when there is no table to start from.
  returned: always
  type: bool
  sample: false
"""
