# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What windows_preflight_info says of a volume that a TPM opens."""

from __future__ import annotations

from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals

NONE = {"ok": True, "value": None, "error": None}
UEFI = "bitlocker_policy_uefi"


def good(value: object) -> dict[str, Any]:
    """A probe that answered."""
    return {"ok": True, "value": value, "error": None}


def bad(kind: str = "denied", hresult: int = 0) -> dict[str, Any]:
    """A probe that did not."""
    return {"ok": False, "value": None, "error": {"type": kind, "hresult": hresult, "message": "no"}}


def policy(*pcrs: int, enabled: object = 1) -> dict[str, Any]:
    """A policy that names these registers."""
    return good({"Enabled": enabled, **{str(pcr): int(pcr in pcrs) for pcr in range(24)}})


def tpm(**probes: Any) -> Signals:
    """A volume that a TPM opens, bound to PCR 7 with Secure Boot on; `probes` in place of its own."""
    made = {
        "bitlocker_system_volume": good({"protection": 1, "protectors": [1, 3], "suspended_for": None}),
        "bitlocker_profiles": good([[7, 11]]),
        "bitlocker_binding": good(3),
        UEFI: NONE,
        "bitlocker_policy_bios": NONE,
        "bitlocker_policy_old": NONE,
        "secure_boot": good({"UEFISecureBootEnabled": 1}),
        "secure_boot_servicing": good({"WindowsUEFICA2023Capable": 1}),
    }
    return Signals({name: probe for name, probe in {**made, **probes}.items() if probe is not None})
