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
  - A TPM opens the volume by itself while what it checks is as it was. That it does rests on the validation profile of its protectors,
    the policies on that profile, Secure Boot, and, where the profile or a policy names PCR 7, that Windows has bound the key to it.
    Where one of these was not read, or PCR 7 is named and not bound, it is not known.
  - An update that lies ahead is in the way when an issue of it is on record and the host meets every condition of that. Where no
    condition is known not to be met it is not known, and not gone on with either.
  - A backup is in the way when one of the processes of O(settings) runs.
  - An update that is blocked for want of free disk is in the way, because the restart would bring nothing.
  - A pending restart is never in the way. It is said, because it may cost a restart of its own.
options:
  settings:
    description:
      - C(bitlocker) and C(backup), V(stop) (the default) or V(ignore), which does not even look.
      - C(known_issues), V(stop) (the default) or V(ignore). With C(bitlocker=ignore) what is known of BitLocker is ignored too.
      - C(suspend_bitlocker), V(0) (the default) to V(15), for how many restarts BitLocker is to be suspended where it might ask and is
        known to be on. This module suspends nothing, it tells so in RV(preflight.suspend_bitlocker), and no longer takes BitLocker as in the way.
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
      - Without one, neither known issues, nor free disk, nor the pending restart is among the checks, and one restart is taken to lie ahead.
    type: dict
  known_issues_extend:
    description:
      - A JSON file of known issues of updates, on top of those that the collection has. A record replaces the one of the same C(id).
      - Its form is C(docs/known_issues.schema.json).
    type: path
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
  - name: GetKeyProtectorPlatformValidationProfile
    description: Which registers of the TPM a protector depends on.
    link: https://learn.microsoft.com/windows/win32/secprov/getkeyprotectorplatformvalidationprofile-win32-encryptablevolume
  - name: PCR 7 and "Binding not possible"
    description: What keeps Windows from binding the key to Secure Boot, and that it takes other registers then.
    link: https://learn.microsoft.com/troubleshoot/windows-server/deployment/pcr7-configuration-binding-not-possible
  - name: Registry keys for Secure Boot
    description: Where the state of the certificates of 2023 is kept.
    link: https://support.microsoft.com/topic/registry-key-updates-for-secure-boot-windows-devices-with-it-managed-updates-a7be69c9-4634-42e1-9ca1-df06f43f360d
  - name: Network Unlock
    description: A protector of type 9. Its server may answer at the boot or not, so it counts as not known.
    link: https://learn.microsoft.com/windows/security/operating-system-security/data-protection/bitlocker/network-unlock
notes:
  - BitLocker is read with an administrator's rights; as a plain user it is not known.
  - That C(wbengine), the Block Level Backup Engine Service, runs while Windows Server Backup works is common knowledge, but in no
    document of Microsoft's that was found. Nor is it known how long it stays afterwards.
  - Other backups, shadow copies and checkpoints of a virtual machine are not seen. Name the processes of your backup in O(settings).
  - A TPM asks for the recovery key too when firmware has changed. Nobody can see that before the restart.
  - C(GetSecureBootBindingState), which msinfo32 shows as "PCR7 Configuration", is in no document of Microsoft's that was found; its numbers are
    those of public headers and scripts. What C(WindowsUEFICA2023Capable) means was read with third parties that quote Microsoft.
    Neither makes a host stop by itself; the second is only looked at for known issues.
  - That nothing is on record about an update does not say that it has no issue.
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
      description: Every check that was made, with C(name), C(ok) as above, C(words), and C(rests_on), the signals that it rests on.
      returned: always
      type: list
      elements: dict
      sample:
        - name: bitlocker
          ok: false
          words: BitLocker would wait at the boot for TPM and PIN. Suspend it for the restart (suspend_bitlocker does), or have somebody
            there and set bitlocker to ignore.
          rests_on: [bitlocker_system_volume]
        - name: backup
          ok: true
          words: No backup runs (looked for wbengine).
          rests_on: [backup_processes]
    suspend_bitlocker:
      description: For how many restarts to suspend BitLocker right before the restart; V(0) where that is not needed, or not wanted.
      returned: always
      type: int
      sample: 0
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
