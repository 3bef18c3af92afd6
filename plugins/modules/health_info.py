# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/health_info.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: health_info
short_description: Tell whether a host is healthy, and what has changed since a look before
version_added: 0.2.0
description:
  - Looks at the services of a Windows host in one module run (M(ansible.windows.win_service_info)), at ports and at URLs,
    and judges them on the controller.
  - With O(before), the snapshot of an earlier look, the automatic services that ran then must run now.
  - Repeats the look until the host is healthy or O(deadline) is over.
  - A host that cannot be reached fails no task and is not unreachable. It is a check without an answer, and RV(healthy) is V(null).
  - Changes nothing. The role P(rebootless.patching.verify#role) uses it.
options:
  before:
    description: The RV(snapshot) of an earlier look at this host.
    type: dict
  services:
    description: Names of services that must run, whatever their start type.
    type: list
    elements: str
    default: []
  running:
    description:
      - Whether the automatic services that ran in O(before) must run.
      - Services with triggers, services of a user's session, and the well-known ones that stop by themselves are left out.
    type: bool
    default: true
  ignore_services:
    description: Services to leave out of O(running), by name or with the wildcards V(*) and V(?).
    type: list
    elements: str
    default: []
  ports:
    description: TCP ports that must take connections. A bare number is a port of the host.
    type: list
    elements: dict
    default: []
    suboptions:
      port:
        description: The port, from 1 to 65535.
        type: int
        required: true
      host:
        description: Where it is. C(ansible_host) when asked from the controller, C(127.0.0.1) when asked from the host.
        type: str
      from:
        description:
          - Who connects.
          - V(host) takes one run of M(ansible.windows.win_wait_for) more.
        type: str
        choices: [controller, host]
        default: controller
      timeout:
        description: Seconds to wait, from 1 to 300.
        type: int
        default: 5
  urls:
    description: URLs that must answer, asked from the controller. A bare text is a URL.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: The URL, with C(http) or C(https). Redirects are followed unless O(urls[].status) names one.
        type: str
        required: true
      status:
        description: Good status codes, one or a list.
        type: list
        elements: int
        default: [200]
      text:
        description: A text in the first MiB of the answer.
        type: str
      timeout:
        description: Seconds to wait, from 1 to 300.
        type: int
        default: 10
      validate_certs:
        description: Whether the certificate must be valid.
        type: bool
        default: true
      headers:
        description: Headers of the request. Their values are in no result and no message, and a redirect does not get them.
        type: dict
        default: {}
  tasks:
    description: Results of own checks, which become checks of kind C(task).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the check is called.
        type: str
        required: true
      ok:
        description: Whether it passed, V(null) when nobody knows.
        type: bool
      task:
        description: The task that failed.
        type: str
      result:
        description: That task's result, as a mapping or as JSON.
        type: raw
      hidden:
        description: Whether nobody may read the result (C(no_log)).
        type: bool
      detail:
        description: Why nobody knows.
        type: str
  deadline:
    description: Seconds, counted from O(since), until which looks are repeated while the host is not healthy. A look that has begun is ended.
    type: int
    default: 0
  interval:
    description: Seconds between two looks.
    type: int
    default: 15
  delay:
    description: Seconds to wait before the first look.
    type: int
    default: 0
  since:
    description: When the waiting began, ISO 8601 with a zone. The present when not given.
    type: str
  prefix:
    description: A text that goes before the names of options in errors, for roles whose variables feed them.
    type: str
    default: ''
  validate_only:
    description: Check the options and ask nobody.
    type: bool
    default: false
extends_documentation_fragment:
  - rebootless.patching.attributes.info
attributes:
  platform:
    support: full
    platforms: windows
    description: Services and ports asked from the host need Windows.
notes:
  - A service that Windows does not let the user open counts as unknown, not as stopped.
seealso:
  - module: ansible.windows.win_service_info
  - module: ansible.windows.win_wait_for
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Look before an update
  rebootless.patching.health_info:
    services: [MSSQLSERVER]
    ports: [1433]
  register: earlier

- name: Wait until the host is as healthy as before
  rebootless.patching.health_info:
    before: "{{ earlier.snapshot }}"
    services: [MSSQLSERVER]
    ignore_services: ['Acme Updater*']
    ports:
      - 1433
      - {port: 5022, from: host}
    urls:
      - url: https://shop.example.com/health
        text: '"status":"up"'
        headers:
          Authorization: "Bearer {{ shop_token }}"
    deadline: 600
  register: health

- name: Stop here when it is not
  ansible.builtin.assert:
    that: health.healthy is true
    fail_msg: "{{ health.summary }}"
"""

RETURN = r"""
healthy:
  description: V(false) when a check failed, else V(null) when one has no answer, else V(true). V(null) with O(validate_only=true).
  returned: always
  type: bool
  sample: false
checks:
  description: All checks of the last look.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: V(host) (does it answer), V(service), V(port), V(url) or V(task).
      type: str
      sample: service
    name:
      description: The service, port, URL or file; of a URL without user and password.
      type: str
      sample: MSSQLSERVER
    ok:
      description: Whether it passed, V(null) when nobody knows.
      type: bool
      sample: false
    detail:
      description: What was found. It says C((as before)) when the check failed in O(before) as well.
      type: str
      sample: stopped, exit code 1067, ran before
changed_since_before:
  description:
    - What has become different since O(before), empty without it.
    - Of services the listed ones and the automatic ones.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: The kind of the check.
      type: str
      sample: service
    name:
      description: The name of the check.
      type: str
      sample: MSSQLSERVER
    before:
      description: What it was; a state of services, else V(ok), V(failed) or V(unknown).
      type: str
      sample: running
    after:
      description: What it is.
      type: str
      sample: stopped
waited:
  description: Seconds from O(since) to the end of the last look.
  returned: always
  type: int
  sample: 45
snapshot:
  description: This look, to be given as O(before) to a later one; V(null) with O(validate_only=true).
  returned: always
  type: dict
  sample:
    schema: 1
    problem: null
    services:
      MSSQLSERVER: {state: started, start: auto, alone: false, exit_code: 0}
    checks:
      - {kind: host, name: db-01, ok: true, detail: answers}
summary:
  description: The verdict in one sentence.
  returned: always
  type: str
  sample: 'Not healthy (14 checks, 1 failed): service MSSQLSERVER: stopped, exit code 1067, ran before.'
"""
