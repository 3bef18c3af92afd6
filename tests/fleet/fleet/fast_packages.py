# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servicing packages of a world: `windows_packages` answered without PowerShell, and what a removal does to a host."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .fast import COMMAND_FAULTS, Failure

if TYPE_CHECKING:
    from .host import Host

World = Mapping[str, Any]

STATES = ("read", "absent")
KINDS = ("CriticalUpdate", "Hotfix", "SecurityUpdate", "ServicePack", "SoftwareUpdate", "Update", "UpdateRollup")
IN_PLACE = ("Installed", "InstallPending")
INVALID_OPERATION = 0x80131509
CBS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing"
REBOOT_PENDING, IN_PROGRESS, PACKAGES_PENDING = (
    CBS + rf"\{name}" for name in ("RebootPending", "RebootInProgress", "PackagesPending")
)
OF_WINDOWS = re.compile(r"\d{5}\.(\d+)\.\d+\.\d+")


def filled(package: World) -> dict[str, Any]:
    """A package with what its KB implies."""
    told = {"state": "Installed", "type": "SecurityUpdate", "description": "", "support": ""}
    if "kb" in package:
        told["description"] = f"Fix for {package['kb']}"
        told["support"] = f"https://support.microsoft.com/help/{package['kb'].removeprefix('KB')}"
    return {**told, **package}


def shown(world: dict[str, Any]) -> dict[str, Any]:
    """A world as the fake Windows of `powershell/` takes it."""
    return {**world, "packages": [filled(one) for one in world.get("packages", [])]}


# What happens to a host


def take_in(host: Host, told: str) -> None:
    """Carry out what the fake Windows told, one line of JSON for each change."""
    for line in told.splitlines():
        host.remove_package(json.loads(line)["value"])


def remove(state: dict[str, Any], name: str) -> bool:
    """Begin to remove a package, and bring the one back that it has superseded; whether that waits for a restart."""
    packages = state["packages"] = [filled(one) for one in state["packages"]]
    gone = next(one for one in packages if one["name"] == name)
    gone["state"] = "UninstallPending"
    older = [one for one in packages if one["state"] == "Superseded" and _family(one) == _family(gone)]
    if older:
        max(older, key=_version)["state"] = "InstallPending"
    # What servicing would have installed at the next boot.
    for key in [key for key in state.get("registry", {}) if key.lower() == rf"{CBS}\Packages\{name}".lower()]:
        del state["registry"][key]
    waits = bool(gone.get("removal", {}).get("restart", True))
    if waits:
        for key in (REBOOT_PENDING, PACKAGES_PENDING):
            state.setdefault("registry", {}).setdefault(key, {})
    return waits


def boot(state: dict[str, Any]) -> float:
    """What servicing does when the host boots: the seconds that it still needs; the marks of that are set."""
    waiting = [one for one in state.get("packages", []) if one.get("state") == "UninstallPending"]
    seconds = max((float(one.get("removal", {}).get("finish_seconds", 0)) for one in waiting), default=0.0)
    if seconds:
        state.setdefault("registry", {}).setdefault(IN_PROGRESS, {})
    return seconds


def finish(state: dict[str, Any]) -> int | None:
    """Servicing ends its work: the revision that Windows shows now, None when it is as it was."""
    packages = [filled(one) for one in state.get("packages", [])]
    leaving = [one for one in packages if one["state"] == "UninstallPending"]
    if not leaving:
        return None
    for key in (PACKAGES_PENDING, IN_PROGRESS):
        state.get("registry", {}).pop(key, None)
    if any(one.get("removal", {}).get("undone") for one in leaving):
        back = {"UninstallPending": "Installed", "InstallPending": "Superseded"}
        state["packages"] = [{**one, "state": back.get(one["state"], one["state"])} for one in packages]
        return None
    waiting = [*leaving, *(one for one in packages if one["state"] == "InstallPending")]
    today = datetime.fromisoformat(state["clock"])
    for one in waiting:
        kb = one.get("kb")
        fixes = [fix for fix in state.get("hotfixes", []) if fix["kb"] != kb]
        if one["state"] == "InstallPending" and kb:
            fixes.append({"kb": kb, "installed_on": f"{today.month}/{today.day}/{today.year}"})
        state["hotfixes"] = fixes
    state["packages"] = [
        {**one, "state": "Installed"} if one["state"] == "InstallPending" else one
        for one in packages
        if one["state"] != "UninstallPending"
    ]
    if not any(_revision(one) for one in waiting):
        return None
    own = [found for one in state["packages"] if one["state"] == "Installed" and (found := _revision(one))]
    return max(own, default=None)


def _family(package: World) -> str:
    return str(package["name"]).partition("~")[0]


def _version(package: World) -> list[int]:
    return [int(part) for part in str(package["name"]).rpartition("~")[2].split(".")]


def _revision(package: World) -> int | None:
    """The revision of Windows that a package brings."""
    found = OF_WINDOWS.fullmatch(str(package["name"]).rpartition("~")[2])
    stack = _family(package).startswith("Package_for_ServicingStack")
    return int(found[1]) if found and not stack and int(found[1]) > 1 else None


# The module


class Module:
    """One run of windows_packages over a world."""

    def __init__(self, world: World, arguments: Mapping[str, Any], check_mode: bool) -> None:
        self.world = world
        self.state = arguments.get("state") or "read"
        if self.state not in STATES:
            raise ValueError(f"value of state must be one of: {', '.join(STATES)}. Got no match for: {self.state}")
        self.package = arguments.get("package")
        self.known = {str(name).casefold() for name in arguments.get("known") or ()}
        if self.state == "absent" and self.package is None:
            raise ValueError("state is absent but all of the following are missing: package")
        self.check_mode = check_mode
        self.removed: str | None = None
        self.packages = _probe(self._packages)

    def _fault(self, command: str, kind: str | None = None) -> None:
        kind = kind or ((self.world.get("broken") or {}).get("commands") or {}).get(command)
        if kind:
            fault = COMMAND_FAULTS[kind]
            raise Failure(fault.kind, fault.hresult, fault.message.format(name=command))

    def _packages(self) -> list[dict[str, Any]]:
        self._fault("Get-WindowsPackage")
        found = (filled(one) for one in self.world.get("packages", []))
        return [
            {
                "name": one["name"],
                "state": one["state"],
                "type": one["type"],
                "details": None if one["name"].casefold() in self.known else _probe(lambda one=one: self._details(one)),
            }
            for one in found
            if one["type"] in KINDS
        ]

    def _details(self, package: World) -> dict[str, str]:
        if package.get("broken"):
            self._fault("Get-WindowsPackage", package["broken"])
        return {"description": package["description"], "support": package["support"]}

    def run(self) -> dict[str, Any]:
        """The module's result; what it removed is in `removed`."""
        diff: dict[str, str] = {}
        change = _probe(lambda: self._change(diff))
        changed = change["ok"] and change["value"]["changed"]
        result = {"changed": changed, "schema": 1, "change": change, "packages": self.packages}
        return {**result, "diff": diff} if diff else result

    def _change(self, diff: dict[str, str]) -> dict[str, Any]:
        nothing = {"changed": False, "restart_needed": None}
        if self.state == "read":
            return nothing
        if not self.packages["ok"]:
            raise Failure("failed", INVALID_OPERATION, self.packages["error"]["message"])
        wanted = str(self.package).casefold()
        found = [one for one in self.packages["value"] if one["name"].casefold() == wanted and one["state"] in IN_PLACE]
        if not found:
            return nothing
        name = found[0]["name"]
        needed = None if self.check_mode else self._remove(name)
        diff.update(before=f"{name}: {found[0]['state']}\n", after=f"{name}: removed\n")
        return {"changed": True, "restart_needed": needed}

    def _remove(self, name: str) -> bool | None:
        self._fault("Remove-WindowsPackage")
        removal = next(one for one in self.world["packages"] if one["name"] == name).get("removal", {})
        if "fails" in removal:
            code = int(removal["fails"]) & 0xFFFFFFFF
            raise Failure("failed", code, f"Exception from HRESULT: 0x{code:08X}")
        self.removed = name
        return None if removal.get("silent") else bool(removal.get("restart", True))


def _probe(ask: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"ok": True, "value": ask(), "error": None}
    except Failure as failure:
        return {"ok": False, "value": None, "error": failure.error}
