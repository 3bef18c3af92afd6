# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/drain.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: drain
short_description: Take a host out of service, or put it back as it was
version_added: 0.2.0
description:
  - Drains a node of a Windows failover cluster and takes a host out of a load balancer, or undoes that.
  - Writes what it found to the host itself (C(%ProgramData%\rebootless\drain.json)) before it changes anything, and restores exactly that.
    A second drain keeps the first memory. The memory is removed when everything is restored. Any later run can restore.
  - What is seen beats what is remembered. A memory that somebody else than an administrator may have written is not obeyed, and told in RV(notes).
  - A drain that is refused leaves the host as it was. What was drained already is put back, in the opposite order.
  - Fails no task for a host's trouble. Look at RV(state).
  - Files of tasks are run by the role P(rebootless.patching.drain#role), which gives their outcome as O(answer).
options:
  state:
    description: V(drained) takes the host out of service, V(active) puts it back.
    type: str
    choices: [drained, active]
    required: true
  adapters:
    description:
      - How the host is taken out of service, in this order, and put back in the opposite order.
      - Each has a O(adapters[].type), and what is said at each key is for one type only.
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description:
          - V(cluster) is the failover cluster that the host is a node of. A host that is none has nothing to drain.
          - The cluster must be whole before. All nodes are up and no resource has failed, and its storage is waited for.
            When the node is put back it is waited for until that is so again.
          - V(load_balancer) is anything behind HTTP calls, sent from the controller.
          - V(tasks) are files of tasks.
        type: str
        choices: [cluster, load_balancer, tasks]
        required: true
      timeout:
        description: Of V(cluster). Seconds to wait for the drain, and after it for the node to be up and the cluster to be whole but for its storage.
        type: int
        default: 600
      storage_timeout:
        description:
          - Of V(cluster). Seconds to wait for storage jobs, before the drain and after the node is up again. O(adapters[].timeout) when not given.
          - A drain is refused after that. A node that is back is in service all the same, see RV(repairing).
        type: int
      ignore_failed:
        description: Of V(cluster). Names of roles and resources that may have failed.
        type: list
        elements: str
        default: []
      paused_nodes:
        description: Of V(cluster). Names of other nodes that may be paused. One other node must be up.
        type: list
        elements: str
        default: []
      name:
        description: What the adapter is called in results and in the memory. The URL or file of O(adapters[].drain) when not given.
        type: str
      drain:
        description:
          - Of V(load_balancer) the request that takes the host out. C(url), C(method) (V(POST)), C(headers), C(body) (a text, or a mapping or list
            sent as JSON), C(status) (200, 201, 202, 204), C(timeout) (10 seconds) and C(validate_certs) (V(true)).
          - Of V(tasks) a file.
          - Headers and bodies are in no result and no message. Sending the request again must do no harm.
        type: raw
      restore:
        description: As O(adapters[].drain), to put the host back.
        type: raw
      wait:
        description:
          - Of V(load_balancer) a page that shows that the host is drained. C(url), C(status) (200), C(text), C(headers), C(validate_certs) and
            C(timeout) (300 seconds to wait).
          - Without O(adapters[].check) it also tells whether the host is drained already, and stays so. A page that counts connections does not
            know that, an idle host has none.
        type: dict
      check:
        description:
          - Of V(load_balancer) a page that shows that the host is out of service, whoever took it out. C(url), C(status) (200), C(text), C(headers),
            C(validate_certs) and C(timeout) (10 seconds).
          - Of V(tasks) a file that passes when the host is drained already, and fails when it is in service. Not run in check mode.
        type: raw
  interval:
    description: Seconds between two looks while waiting, from 0 to 3600.
    type: int
    default: 5
  earlier:
    description:
      - To put a host back, what this module returned when the same run drained it. What it found counts, whatever the host remembers.
    type: dict
    default: {}
  run:
    description: Name of the run, which the host remembers with the drain.
    type: str
    default: ''
  progress:
    description: The RV(progress) of the last call, to go on from there.
    type: dict
  answer:
    description: What the file of RV(next) did, with C(ok), and when that is false C(task), C(result) and C(hidden).
    type: dict
  prefix:
    description: A text that goes before the names of options in errors, for roles whose variables feed them.
    type: str
    default: ''
  validate_only:
    description: Check the options and ask nobody. An option that makes no sense is not raised but returned, with C(failed) and C(msg).
    type: bool
    default: false
extends_documentation_fragment:
  - rebootless.patching.lease
attributes:
  check_mode:
    support: full
    description: Looks at the host and at O(adapters[].check), changes nothing, and says what would be done. Files of tasks are not run.
  diff_mode:
    support: full
    description: Shows the adapters before and after.
  platform:
    support: full
    platforms: windows
    description: The memory and the cluster need Windows.
notes:
  - A host that goes away in the middle has the state V(unknown). What is out of service stays out, and the next run learns of it from the host.
  - A node that is paused and still owns roles is refused, because nobody could put that back as it was.
  - C(become) holds for what is run on the host.
seealso:
  - module: rebootless.patching.windows_drain
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Take the node out of service
  rebootless.patching.drain:
    state: drained
    adapters: "{{ ways_out }}"
  register: drain
  failed_when: drain.state != 'drained'
  vars:
    ways_out:
      - type: load_balancer
        name: shop
        drain:
          url: https://lb.example.com/api/members/{{ inventory_hostname }}
          method: PATCH
          headers: {Authorization: "Bearer {{ lb_token }}"}
          body: {state: drained}
        restore:
          url: https://lb.example.com/api/members/{{ inventory_hostname }}
          method: PATCH
          headers: {Authorization: "Bearer {{ lb_token }}"}
          body: {state: enabled}
        wait:
          url: https://lb.example.com/api/members/{{ inventory_hostname }}/connections
          text: '"active":0'
        check:
          url: https://lb.example.com/api/members/{{ inventory_hostname }}
          text: '"state":"drained"'
      - type: cluster
        timeout: 1800
"""

RETURN = r"""
state:
  description:
    - V(drained), also when it was to be active and could not be put back, V(active), V(refused) (it was not to be drained, and is as it was) or
      V(unknown) (the host did not answer, or a refused drain could not be taken back as a whole).
    - V(null) while RV(next) has to be done.
  returned: always
  type: str
  sample: drained
why:
  description: Why it is not as wanted, or why there was nothing to do.
  returned: always
  type: str
  sample: 'cluster: node SQL-02 is Down'
adapters:
  description: The adapters, and what the host remembers without there being an adapter for it.
  returned: always
  type: list
  elements: dict
  contains:
    type:
      description: Its type.
      type: str
      sample: cluster
    name:
      description: Its name.
      type: str
      sample: cluster
    found:
      description: What it was before the first drain, V(active), V(drained), V(absent) or V(unknown). V(null) when nobody asked.
      type: str
      sample: active
    done:
      description: What was done, V(none), V(drained) or V(restored).
      type: str
      sample: drained
    ok:
      description: Whether it is as wanted, V(null) when nobody knows.
      type: bool
      sample: true
    detail:
      description: What was found.
      type: str
      sample: paused, its roles have moved
    ignored:
      description: What the adapter's exceptions let pass.
      type: list
      elements: str
      sample: []
remembered_since:
  description: Since when the host remembers a drain, V(null) when it does not.
  returned: always
  type: str
  sample: '2026-09-20T22:05:11Z'
repairing:
  description: Whether the host is in service, and the storage of its cluster is still repaired. The next node has to wait.
  returned: always
  type: bool
  sample: false
notes:
  description:
    - What else is to be told. Of a memory that is another run's, contradicts what is seen or is not believed, of what exceptions let pass or
      name in vain, of storage that is still repaired.
  returned: always
  type: list
  elements: str
  sample: []
files:
  description: The files of tasks among the adapters.
  returned: always
  type: list
  elements: str
  sample: []
next:
  description: The file of tasks to run before going on, with C(do) and C(file); V(null) when this is the end.
  returned: always
  type: dict
  sample: null
progress:
  description: How far it has come.
  returned: always
  type: dict
  sample: {}
"""
