# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the code is plugins/action/preflight_info.py.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: preflight_info
short_description: Tell whether a host would come back from a restart by itself
version_added: 0.2.0
description:
  - Reads how BitLocker protects the system volume and whether a backup runs (M(rebootless.patching.windows_preflight_info)),
    takes free disk and the pending restart from the decision of M(rebootless.patching.updates_info), and judges on the controller.
  - Changes nothing. What cannot be read is not known, and never guessed.
  - BitLocker is in the way when its protection is on and the system volume has no TPM protector, but one that takes a person at the
    boot (PIN, startup key, passphrase, recovery password). A suspended one is not, as long as the suspension outlasts the restarts ahead.
  - A backup is in the way when one of the processes of O(settings) runs.
  - An update that is blocked for want of free disk is in the way, because the restart would bring nothing.
  - A pending restart is never in the way. It is said, because it may cost a restart of its own.
options:
  settings:
    description:
      - C(bitlocker) and C(backup), V(stop) (the default) or V(ignore), which does not even look.
      - C(processes) replaces the list of processes of backups, V([wbengine]). Names with or without C(.exe).
      - C(unknown), V(go_on) (the default) or V(stop), is what an answer that is missing means. A host that could not be asked at all
        is never gone on with.
    type: raw
    default: {}
  settings_name:
    description: What O(settings) is called in messages about it. For roles.
    type: str
    default: settings
  decision:
    description:
      - The decision of M(rebootless.patching.updates_info) on this host.
      - Without one, neither free disk nor the pending restart is among the checks, and one restart is taken to lie ahead.
    type: dict
  signals:
    description: Judge these raw signals instead of asking the host; the host is not contacted.
    type: dict
  cim_timeout:
    description: Seconds after which a single CIM query or call on the host is given up.
    type: int
    default: 20
  on_problem:
    description:
      - What to do when the host cannot be asked.
      - With V(fail) the task fails, or the host is unreachable.
      - With V(report) the task is ok and RV(problem) says why; the run goes on with this host.
    type: str
    choices: [fail, report]
    default: fail
  return_signals:
    description: Return the raw signals as well.
    type: bool
    default: false
  validate_only:
    description: Only hold O(settings) against what is allowed. The host is not contacted and RV(preflight) is V(null).
    type: bool
    default: false
extends_documentation_fragment:
  - rebootless.patching.attributes.info
  - rebootless.patching.attributes.products
seealso:
  - module: rebootless.patching.windows_preflight_info
  - module: rebootless.patching.updates_info
  - name: ProtectionStatus
    description: Off also means that the key lies in the clear, because the protectors are suspended, or that encryption is under way.
    link: https://learn.microsoft.com/windows/win32/secprov/getprotectionstatus-win32-encryptablevolume
  - name: Types of key protectors
    description: The numbers of C(GetKeyProtectorType).
    link: https://learn.microsoft.com/windows/win32/secprov/getkeyprotectortype-win32-encryptablevolume
  - name: Suspend-BitLocker
    description: Protection comes back after one restart, unless C(-RebootCount) says otherwise.
    link: https://learn.microsoft.com/powershell/module/bitlocker/suspend-bitlocker
  - name: GetSuspendCount
    description: How many restarts are left until then.
    link: https://learn.microsoft.com/windows/win32/secprov/getsuspendcount-win32-encryptablevolume
  - name: Network Unlock
    description: A protector of type 9. Its server may answer at the boot or not, so it counts as not known.
    link: https://learn.microsoft.com/windows/security/operating-system-security/data-protection/bitlocker/network-unlock
notes:
  - BitLocker is read with an administrator's rights; as a plain user it is not known.
  - That C(wbengine), the Block Level Backup Engine Service, runs while Windows Server Backup works is common knowledge, but in no
    document of Microsoft's that was found. Nor is it known how long it stays afterwards.
  - Other backups, shadow copies and checkpoints of a virtual machine are not seen. Name the processes of your backup in O(settings).
  - A TPM asks for the recovery key too when firmware or boot files have changed. Nobody can see that before the restart.
  - A startup key that stays plugged in needs nobody. That cannot be seen either; set C(bitlocker) to V(ignore).
  - An update that restarts the host more than once by itself uses up more of a suspension than is counted here.
  - Proved on simulated hosts only.
author:
  - rebootless.patching maintainers (@rebootless)
"""

EXAMPLES = r"""
- name: Look whether the restart can go through
  rebootless.patching.preflight_info:
    decision: "{{ updates.decision }}"
    settings:
      processes: [wbengine, sqlbackup]
      unknown: stop
  register: look
  become: true
  become_method: ansible.builtin.runas
  become_user: SYSTEM

- name: Stop here otherwise
  ansible.builtin.fail:
    msg: "{{ look.preflight.why }}"
  when: not look.preflight.go_on
"""

RETURN = r"""
preflight:
  description: The judgement; V(null) with O(validate_only=true).
  returned: always
  type: dict
  contains:
    ok:
      description: V(true) nothing is in the way, V(false) something is, V(null) an answer is missing and nothing known is in the way.
      returned: always
      type: bool
      sample: false
    go_on:
      description: Whether to go on, as the settings say it.
      returned: always
      type: bool
      sample: false
    checks:
      description: Every check that was made, with C(name), C(ok) as above and C(words).
      returned: always
      type: list
      elements: dict
      sample:
        - name: bitlocker
          ok: false
          words: BitLocker would wait at the boot for TPM and PIN. Suspend it for the restart (Suspend-BitLocker), or have somebody
            there and set bitlocker to ignore.
        - name: backup
          ok: true
          words: No backup runs (looked for wbengine).
    why:
      description: What is in the way, else what is not known, in words; V(null) when there is neither.
      returned: always
      type: str
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
