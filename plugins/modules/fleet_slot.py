# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/fleet_slot.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fleet_slot
short_description: A host's leave to go out of service
version_added: 0.2.0
description:
  - With O(state=taken) the host waits until it may go out of service, or is told that it may not in this run.
  - It may when no stop file is there, not too many hosts of the run ended badly, earlier waves are done and have soaked,
    and no limit is exceeded, counting the hosts of all runs in the state directory, also of those that were killed.
    What is still to do has to end in the host's window.
  - A host that has its slot already is told so at once. One that waits holds a fork, and no lock.
  - A slot never ends by itself. That of a run that was killed stays until a later run takes it over, has looked
    (O(state=looked)), or an operator releases it by name (O(force=true)).
  - A run that is not heard of for a minute is taken for dead, and another run may take its slots over. So each change of a host is
    preceded by the question whether the slot is still the run's (O(state=held), and option C(lease) of the modules that change a host),
    and whoever waits or installs looks whether the run's heartbeat beats and starts it again when it does not.
  - What the disk refuses because it is full or away is tried again for as long as hosts of the run wait for a slot (C(slot_wait) of the
    run). A task that fails tells why in RV(why) as well.
  - The file C(stop) in the state directory lets no further host out, in any run; its text is the reason that hosts are told.
    Hosts that are out finish.
  - Runs on the controller alone and contacts no host.
options:
  state_dir:
    description: The directory that all runs on the fleet share, as given to M(rebootless.patching.fleet_plan).
    type: path
    required: true
  run:
    description: The name of the run, as given to M(rebootless.patching.fleet_plan). Needed unless O(force=true).
    type: str
  host:
    description: The host; the task's own when not given.
    type: str
  state:
    description:
      - V(taken) to go out of service, V(held) immediately before something is done to the host,
        V(released) when the host has ended, whether it got a slot or not,
        V(kept) when it has ended and is still out of service, so that it keeps its slot for a later run to take over,
        V(looked) after a look at a host that an ended run left behind has found it in service.
    type: str
    required: true
    choices: [taken, held, released, kept, looked]
  kind:
    description:
      - What is to be done. Only hosts that restart count against the limits; V(install) waits for its wave alone.
      - A slot for V(install) becomes one for V(restart) by taking it anew.
    type: str
    choices: [restart, install]
    default: restart
  phase:
    description: What is being done to the host, for those who look later. Taking a slot anew changes it.
    type: str
  outcome:
    description: How the host ended, for the gate and for later waves; with O(state=released), needed with O(state=kept).
    type: dict
    suboptions:
      outcome:
        description:
          - One word; V(failed), V(unreachable), V(not_reached), V(unhealthy), V(verify_failed), V(unknown) and V(not_finished)
            are bad whatever O(outcome.failed) says.
        type: str
        required: true
      failed:
        description: Whether the host ended badly.
        type: bool
        required: true
  force:
    description:
      - An operator says that the host is in service. With O(state=released) alone.
      - Frees only the slot of a run that has ended.
    type: bool
    default: false
  poll_interval:
    description: Seconds between two looks while waiting.
    type: float
    default: 2.0
  window_end:
    description: When the host's window ends, ISO 8601 with a zone.
    type: str
  needs_seconds:
    description:
      - How long what is still to do takes; with less of the window left the host is refused.
      - For O(kind=restart) what the plan expects when not given, else 0.
    type: int
  now:
    description: The time by which the window is judged, ISO 8601 with a zone; the present when not given. Waiting adds to it.
    type: str
extends_documentation_fragment:
  - rebootless.patching.attributes.controller
attributes:
  check_mode:
    support: full
    description: In check mode no slot is taken or given back, and every host is admitted.
  diff_mode:
    support: none
    description: No host is changed.
seealso:
  - module: rebootless.patching.fleet_plan
  - module: rebootless.patching.fleet_gate
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Wait for leave to restart
  rebootless.patching.fleet_slot:
    state_dir: /var/lib/rebootless/fleet
    run: 2026-10-baseline
    state: taken
    phase: drain
    window_end: '2026-10-18T02:00:00Z'
    needs_seconds: 3600
  register: slot

- name: Give the slot back
  rebootless.patching.fleet_slot:
    state_dir: /var/lib/rebootless/fleet
    run: 2026-10-baseline
    state: released
    outcome: {outcome: restarted, failed: false}

- name: Say that a host is in service which a killed run left out
  rebootless.patching.fleet_slot:
    state_dir: /var/lib/rebootless/fleet
    host: sql1
    state: released
    force: true
"""

RETURN = r"""
admitted:
  description: Whether the host may go out.
  returned: with O(state=taken)
  type: bool
  sample: true
code:
  description: The reason as a word, C(admitted), C(stop_file), C(gate_closed), C(window_too_short), C(waited_too_long), C(slots_kept) or
    C(run_stopped).
  returned: with O(state=taken)
  type: str
  sample: admitted
held:
  description: Whether the slot is still the run's. The task fails when it is not.
  returned: with O(state=held)
  type: bool
  sample: true
why:
  description: The reason as a sentence.
  returned: always
  type: str
  sample: The host may go out.
waited:
  description: Seconds that the host has waited.
  returned: with O(state=taken)
  type: int
  sample: 312
adopted:
  description: The slot of an ended run that was taken over, null when there was none. Look at what that run has begun first.
  returned: with O(state=taken)
  type: dict
  sample: {host: sql1, run: 2026-09-baseline, kind: restart, phase: restarting, taken_at: '2026-09-20T12:00:00Z'}
deadline:
  description: When the host should be in service again; null when it may not go out, and in check mode.
  returned: with O(state=taken)
  type: str
  sample: '2026-10-18T02:00:00Z'
seconds_left:
  description: Seconds until the deadline; null when there is none.
  returned: with O(state=taken)
  type: int
  sample: 10800
wave:
  description: The number of the host's wave; null when it may not go out, and in check mode.
  returned: with O(state=taken)
  type: int
  sample: 2
canary:
  description: Whether that wave is the canary; null when the host may not go out, and in check mode.
  returned: with O(state=taken)
  type: bool
  sample: false
groups:
  description: The groups that the slot counts for; empty when the host may not go out, and in check mode.
  returned: with O(state=taken)
  type: list
  elements: str
  sample: [sql]
next_step:
  description: What to do about a host that may not go out; null for one that may.
  returned: with O(state=taken)
  type: str
  sample: Look at the hosts that ended badly, then run again.
released:
  description: Whether a slot was given back or cleared up.
  returned: with O(state=released), O(state=kept) or O(state=looked)
  type: bool
  sample: true
lease:
  description: The slot as it was, null when there was none.
  returned: with O(state=released), O(state=kept) or O(state=looked)
  type: dict
  sample: {host: sql1, run: 2026-09-baseline, kind: restart, phase: restarting, taken_at: '2026-09-20T12:00:00Z'}
"""
