# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BitLocker and the processes of a world: `windows_preflight_info` answered without PowerShell, and what the fake Windows needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from .fast import Failure, Windows

if TYPE_CHECKING:
    from .host import Host

World = Mapping[str, Any]

NAMESPACE, VOLUME = "root/cimv2/Security/MicrosoftVolumeEncryption", "Win32_EncryptableVolume"
FVE_E_NOT_ACTIVATED = 0x80310008
NOT_SUPPORTED = 50
OTHER = {"DriveLetter": "D:", "ProtectionStatus": 1}
DEFAULT = ("wbengine",)
OFF, ON = 0, 1
WITH_TPM = (1, 4, 5, 6)
BOUND, NOT_POSSIBLE = 3, 0
FVE = r"HKLM\SOFTWARE\Policies\Microsoft\FVE"
SECURE_BOOT = r"HKLM\SYSTEM\CurrentControlSet\Control\SecureBoot"
STATE = SECURE_BOOT + r"\State"
PROFILE_VALUES = ("Enabled", *map(str, range(24)))
KEYS = {
    "bitlocker_policy_uefi": (FVE + r"\OSPlatformValidation_UEFI", PROFILE_VALUES),
    "bitlocker_policy_bios": (FVE + r"\OSPlatformValidation_BIOS", PROFILE_VALUES),
    "bitlocker_policy_old": (FVE + r"\PlatformValidation", PROFILE_VALUES),
    "secure_boot": (STATE, ("UEFISecureBootEnabled",)),
    "secure_boot_servicing": (SECURE_BOOT + r"\Servicing", ("WindowsUEFICA2023Capable",)),
}


def shown(world: dict[str, Any]) -> dict[str, Any]:
    """A world with what it implies: the volumes of a host with BitLocker, how its TPM is bound, and that there are processes."""
    full = {**world, "processes": world.get("processes") or []}
    if "bitlocker" in world:
        volume = {"DriveLetter": "C:", "ProtectionStatus": world["bitlocker"]["protection"]}
        full["cim"] = {**world.get("cim", {}), NAMESPACE: {VOLUME: [OTHER, volume]}}
        full["bitlocker"] = {**_bound(world), **world["bitlocker"]}
    return full


def _bound(world: World) -> dict[str, Any]:
    """What a volume is bound to as long as nobody says otherwise; nobody knows it for a profile that a policy has chosen."""
    whole = Windows({"registry": world.get("registry")}, ())
    chosen = whole.key(KEYS["bitlocker_policy_uefi"][0]) or {}
    if chosen.get("Enabled") == 1:
        return {"profile": [pcr for pcr in range(24) if chosen.get(str(pcr)) == 1]}
    if whole.value(STATE, "UEFISecureBootEnabled") == 1:
        return {"profile": [7, 11], "binding": BOUND}
    return {"profile": [0, 2, 4, 11], "binding": NOT_POSSIBLE}


def signals(world: World, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The probes that were asked for; the world as `shown` gives it."""
    windows = Windows(world, ())
    found = {}
    if arguments.get("bitlocker", True):
        volume = _probe(lambda: _volume(windows))
        for name, ask in VOLUME_PROBES.items():
            found[name] = _probe(partial(ask, windows)) if volume["ok"] else volume
        for name, (key, values) in KEYS.items():
            found[name] = _probe(partial(_table, windows, key, values))
    names = arguments.get("processes", DEFAULT)
    if names:
        found["backup_processes"] = _probe(lambda: _running(windows, names))
    return found


def _table(windows: Windows, key: str, names: tuple[str, ...]) -> dict[str, Any] | None:
    values = windows.key(key)
    return None if values is None else {name: windows.value(key, name) for name in names if name in values}


def _volume(windows: Windows) -> None:
    if not any(volume["DriveLetter"] == "C:" for volume in windows.instances(NAMESPACE, VOLUME)):
        raise Failure("failed", 0x80131509, "C: is not among the volumes that BitLocker knows.")


def _protectors(windows: Windows) -> list[int]:
    windows.command("Invoke-CimMethod")
    asked = windows.world["bitlocker"]
    fails = asked.get("fails", {})
    protectors: list[int] = asked.get("protectors", [])
    code = fails.get("GetKeyProtectors", 0)
    if code == FVE_E_NOT_ACTIVATED:
        return []
    _ended("GetKeyProtectors", code)
    if protectors:
        _ended("GetKeyProtectorType", fails.get("GetKeyProtectorType", 0))
    return protectors


def _protection(windows: Windows) -> dict[str, Any]:
    state = volume_state(windows)
    return {
        "protection": state["protection"],
        "protectors": _protectors(windows),
        "suspended_for": state["suspended_for"],
    }


def volume_state(windows: Windows) -> dict[str, Any]:
    """Whether protection is on, and for how many restarts it is suspended."""
    asked = windows.world["bitlocker"]
    count = None
    if asked["protection"] == 0:
        windows.command("Invoke-CimMethod")
        if "GetSuspendCount" not in asked.get("fails", {}):
            count = asked.get("suspended_for")
    return {"protection": asked["protection"], "suspended_for": count}


def _profiles(windows: Windows) -> list[list[int]]:
    asked = windows.world["bitlocker"]
    found = [asked["profile"] for kind in _protectors(windows) if kind in WITH_TPM]
    if found:
        name = "GetKeyProtectorPlatformValidationProfile"
        _ended(name, asked.get("fails", {}).get(name, 0))
    return found


def _binding(windows: Windows) -> int:
    windows.command("Invoke-CimMethod")
    asked = windows.world["bitlocker"]
    name = "GetSecureBootBindingState"
    _ended(name, asked.get("fails", {}).get(name, 0) or (0 if "binding" in asked else NOT_SUPPORTED))
    state: int = asked["binding"]
    return state


VOLUME_PROBES = {"bitlocker_system_volume": _protection, "bitlocker_profiles": _profiles, "bitlocker_binding": _binding}


# What happens to a host


def change(state: dict[str, Any], protection: int, suspended_for: int | None) -> None:
    """What DisableKeyProtectors and EnableKeyProtectors leave behind."""
    volume = {**state["bitlocker"], "protection": protection}
    volume.pop("suspended_for", None)
    state["bitlocker"] = volume if suspended_for is None else {**volume, "suspended_for": suspended_for}


def take_in(host: Host, told: str) -> None:
    """Carry out what the fake Windows told, one line of JSON for each change."""
    for line in told.splitlines():
        change(host.state, **json.loads(line))


def asks(state: World) -> bool:
    """Whether BitLocker asks for something at the next boot."""
    volume = state.get("bitlocker", {})
    return bool(volume.get("asks_at_boot")) and volume["protection"] == ON


def boot(state: dict[str, Any]) -> None:
    """What a boot does to a suspension: it counts down, and with the last one protection comes back and takes the boot as it was."""
    volume = state.get("bitlocker", {})
    if volume.get("protection") != OFF or not volume.get("suspended_for"):
        return
    left = volume["suspended_for"] - 1
    state["bitlocker"] = {key: value for key, value in volume.items() if key != "asks_at_boot"}
    if left or volume.get("stays_suspended"):
        change(state, OFF, left)
    else:
        change(state, ON, None)


# windows_bitlocker


class Module:
    """One run of windows_bitlocker over a world as `shown` gives it."""

    def __init__(self, world: World, arguments: Mapping[str, Any], check_mode: bool) -> None:
        self.windows = Windows({**world, "bitlocker": dict(world.get("bitlocker", {}))}, ())
        self.state, self.restarts = arguments.get("state", "read"), arguments.get("restarts", 1)
        if self.state not in ("read", "suspended", "resumed"):
            raise ValueError(f"value of state must be one of: read, suspended, resumed. Got no match for: {self.state}")
        self.check_mode = check_mode
        self.changes: list[tuple[int, int | None]] = []
        self.diff: dict[str, str] = {}

    def run(self) -> dict[str, Any]:
        """The module's result; what it did is in `changes`."""
        before = _probe(self._look)
        change = _probe(lambda: self.state != "read" and self._set(before))
        after = _probe(self._look)
        result = {"changed": bool(change["value"]), "schema": 1, "before": before, "change": change, "after": after}
        return {**result, "diff": self.diff} if self.diff else result

    def _look(self) -> dict[str, Any]:
        _volume(self.windows)
        return volume_state(self.windows)

    def _set(self, before: Mapping[str, Any]) -> bool:
        if not before["ok"]:
            raise Failure("failed", 0x80131509, before["error"]["message"])
        was, to = before["value"]["protection"], OFF if self.state == "suspended" else ON
        if was in (to, 2):
            return False
        words = ("off", "on")
        self.diff.update(before=f"protection: {words[was]}\n", after=f"protection: {words[to]}\n")
        if self.check_mode:
            return True
        volume = self.windows.world["bitlocker"]
        method = "EnableKeyProtectors" if to == ON else "DisableKeyProtectors"
        self.windows.command("Invoke-CimMethod")
        _ended(method, volume.get("fails", {}).get(method, 0))
        count = None if to == ON else self.restarts
        change(self.windows.world, to, count)
        self.changes.append((to, count))
        return True


def _ended(method: str, code: int) -> None:
    if code:
        raise Failure("failed", code, f"{method} ended with 0x{code:08X}.")


def _running(windows: Windows, wanted: list[str]) -> list[str]:
    windows.command("Get-Process")
    running = {name.casefold() for name in ("svchost", *windows.world["processes"])}
    return [name for name in wanted if name.casefold() in running]


def _probe(ask: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"ok": True, "value": ask(), "error": None}
    except Failure as failure:
        return {"ok": False, "value": None, "error": failure.error}
