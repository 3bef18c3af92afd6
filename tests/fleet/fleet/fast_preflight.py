# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BitLocker and the processes of a world: `windows_preflight_info` answered without PowerShell, and what the fake Windows needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .fast import Failure, Windows

World = Mapping[str, Any]

NAMESPACE, VOLUME = "root/cimv2/Security/MicrosoftVolumeEncryption", "Win32_EncryptableVolume"
FVE_E_NOT_ACTIVATED = 0x80310008
OTHER = {"DriveLetter": "D:", "ProtectionStatus": 1}
DEFAULT = ("wbengine",)


def shown(world: dict[str, Any]) -> dict[str, Any]:
    """A world with what it implies: the volumes of a host with BitLocker, and that there are processes."""
    full = {**world, "processes": world.get("processes") or []}
    if "bitlocker" in world:
        volume = {"DriveLetter": "C:", "ProtectionStatus": world["bitlocker"]["protection"]}
        full["cim"] = {**world.get("cim", {}), NAMESPACE: {VOLUME: [OTHER, volume]}}
    return full


def signals(world: World, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The probes that were asked for; the world as `shown` gives it."""
    windows = Windows(world, ())
    found = {}
    if arguments.get("bitlocker", True):
        found["bitlocker_system_volume"] = _probe(lambda: _volume(windows), optional=True)
    names = arguments.get("processes", DEFAULT)
    if names:
        found["backup_processes"] = _probe(lambda: _running(windows, names))
    return found


def _volume(windows: Windows) -> dict[str, Any]:
    for volume in windows.instances(NAMESPACE, VOLUME):
        if volume["DriveLetter"] == "C:":
            break
    else:
        raise Failure("failed", 0x80131509, "C: is not among the volumes that BitLocker knows.")
    windows.command("Invoke-CimMethod")
    asked = windows.world["bitlocker"]
    fails = asked.get("fails", {})
    protectors = asked.get("protectors", [])
    code = fails.get("GetKeyProtectors", 0)
    if code == FVE_E_NOT_ACTIVATED:
        protectors = []
    else:
        _ended("GetKeyProtectors", code)
        if protectors:
            _ended("GetKeyProtectorType", fails.get("GetKeyProtectorType", 0))
    count = None
    if volume["ProtectionStatus"] == 0 and "GetSuspendCount" not in fails:
        count = asked.get("suspended_for")
    return {"protection": volume["ProtectionStatus"], "protectors": protectors, "suspended_for": count}


def _ended(method: str, code: int) -> None:
    if code:
        raise Failure("failed", code, f"{method} ended with 0x{code:08X}.")


def _running(windows: Windows, wanted: list[str]) -> list[str]:
    windows.command("Get-Process")
    running = {name.casefold() for name in ("svchost", *windows.world["processes"])}
    return [name for name in wanted if name.casefold() in running]


def _probe(ask: Callable[[], Any], *, optional: bool = False) -> dict[str, Any]:
    try:
        return {"ok": True, "value": ask(), "error": None}
    except Failure as failure:
        if optional and failure.error["type"] == "unavailable":
            return {"ok": True, "value": None, "error": None}
        return {"ok": False, "value": None, "error": failure.error}
