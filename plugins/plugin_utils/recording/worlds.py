# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real host's raw signals as a world: what a simulated Windows must show to give the same signals again.

The world format is documented in tests/fleet/README.md. A world has no place for the text of an error, only for its
kind; that also keeps the names which such texts hold out of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.recording import anonymiser

_SOFTWARE = r"HKLM\SOFTWARE\Microsoft"
_NT = _SOFTWARE + r"\Windows NT\CurrentVersion"
_CURRENT = _SOFTWARE + r"\Windows\CurrentVersion"
_CBS = _CURRENT + r"\Component Based Servicing"
_MDM = _SOFTWARE + r"\PolicyManager\current\device\Update"
_POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate"
_CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
_SESSION = _CONTROL + r"\Session Manager"
_SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
_NETLOGON = _SERVICES + r"\Netlogon"
_UPDATES = _SOFTWARE + r"\Updates"
_OVERRIDES = r"HKLM\SYSTEM\CurrentControlSet\Policies\Microsoft\FeatureManagement\Overrides"
_RENAMES = "PendingFileRenameOperations"

# Probe → key, and where in the probe's value (None: it is the value) each of the key's values is.
_VALUES: dict[str, tuple[tuple[str, str | None, str], ...]] = {
    "edition_id": ((_NT, None, "EditionID"),),
    "architecture": ((_SESSION + r"\Environment", None, "PROCESSOR_ARCHITECTURE"),),
    "vbs_configured": ((_CONTROL + r"\DeviceGuard", None, "EnableVirtualizationBasedSecurity"),),
    "hotpatch_table_size": ((_SESSION + r"\Memory Management", None, "HotPatchTableSize"),),
    "chpe_off": ((_SESSION + r"\Memory Management", None, "HotPatchRestrictions"),),
    "arc_hotpatch_subscription": (
        (_SOFTWARE + r"\Azure Connected Machine Agent\Windows\Licenses\Features\Hotpatch", None, "Subscription"),
    ),
    "hotpatch_environment": ((_SOFTWARE + r"\Windows\Hotpatch\Environment", None, "AllowRebootlessUpdates"),),
    "allow_rebootless_policy": ((_MDM, None, "AllowRebootlessUpdates"),),
    "allow_rebootless_provider": ((_MDM, None, "AllowRebootlessUpdates_WinningProvider"),),
    "licensing_override": ((_OVERRIDES, None, "4264695439"),),
    "server_manager_attempts": ((_SOFTWARE + r"\ServerManager", None, "CurrentRebootAttempts"),),
    "server_component_cache": (
        (_SOFTWARE + r"\ServerManager\ServicingStorage\ServerComponentCache", None, "RestartRequired"),
    ),
    "update_screen": ((_SOFTWARE + r"\WindowsUpdate\UX\StateVariables", None, "RebootRequired"),),
    "computer_name": (
        (_CONTROL + r"\ComputerName\ActiveComputerName", "active", "ComputerName"),
        (_CONTROL + r"\ComputerName\ComputerName", "configured", "ComputerName"),
        (_SERVICES + r"\Tcpip\Parameters", "nv_hostname", "NV Hostname"),
    ),
    "update_exe_volatile": (
        (_UPDATES, "native", "UpdateExeVolatile"),
        (r"HKLM\SOFTWARE\Wow6432Node\Microsoft\Updates", "wow64", "UpdateExeVolatile"),
        (_UPDATES + r"\UpdateExeVolatile", "flags", "Flags"),
    ),
}
# Probe → key whose values it lists; null when there is no such key.
_TABLES = {
    "build": _NT,
    "enrollment_package": _NT + r"\Update\TargetingInfo\DynamicInstalled\Hotpatch.amd64",
    "windows_update_policy": _POLICY,
    "automatic_updates_policy": _POLICY + r"\AU",
    "mdm_update_policy": _MDM,
    "active_hours": _SOFTWARE + r"\WindowsUpdate\UX\Settings",
    "ccm_reboot_data": _SOFTWARE + r"\SMS\Mobile Client\Reboot Management\RebootData",
}
_KEYS = {
    "cbs_reboot_pending": _CBS + r"\RebootPending",
    "cbs_reboot_in_progress": _CBS + r"\RebootInProgress",
    "cbs_packages_pending": _CBS + r"\PackagesPending",
}
_PRESENT = {
    "licensing_mutex": (_NT + r"\Subscriptions", "DeviceLicensingServiceCommandMutex"),
    "dvd_reboot_signal": (_CURRENT + r"\RunOnce", "DVDRebootSignal"),
}
_WU_REQUIRED = _CURRENT + r"\WindowsUpdate\Auto Update\RebootRequired"
_CIM = {
    "operating_system": ("root/cimv2", "Win32_OperatingSystem"),
    "system_disk": ("root/cimv2", "Win32_LogicalDisk"),
    "hotfixes": ("root/cimv2", "Win32_QuickFixEngineering"),
    "vbs_running": ("root/Microsoft/Windows/DeviceGuard", "Win32_DeviceGuard"),
    "ccm_reboot": ("root/ccm/ClientSDK", "CCM_ClientUtilities"),
    "dsc_lcm_state": ("root/Microsoft/Windows/DesiredStateConfiguration", "MSFT_DSCLocalConfigurationManager"),
}
_METHODS = {"ccm_reboot": "DetermineIfRebootPending", "dsc_lcm_state": "GetMetaConfiguration"}
_COM = {
    "agent_reboot_required": ("Microsoft.Update.SystemInfo", "reboot_required"),
    "agent_reboot_before_install": ("Microsoft.Update.Session", "reboot_required_before_installation"),
    "agent_busy": ("Microsoft.Update.Session", "busy"),
}
_LOGS = {
    "event_mdm": "Microsoft-Windows-DeviceManagement-Enterprise-Diagnostics-Provider/Admin",
    "event_app": "Application",
    "event_setup": "Setup",
}
_PLUGINS = "C:\\Packages\\Plugins\\"
_KINDS = {"string", "expandstring", "dword", "qword", "multistring", "binary"}
_NO_NAMESPACE, _NO_METHOD, _REDIRECTED = 0x8004100E, 0x80041055, 0x80131539
_DWORD = 2**32
# The collector lists no more pairs than this, and counts on.
_LISTED = 50
_UNLISTED = r"\??\C:\not-recorded"

_ORDER = (
    *("title", "clock", "boot", "time_zone", "logon", "registry", "cim", "cim_methods", "hotfixes", "services"),
    *("update_agent", "azcmagent", "events", "files", "broken"),
)

World = dict[str, Any]
Probe = Mapping[str, Any]


def world_from_signals(
    signals: Mapping[str, Any], now: datetime, anonymise: anonymiser.Anonymiser | None = None, name: str = ""
) -> World:
    """The world that gives `signals` when it is asked; `now` is its clock where the host's own could not be read.

    With `anonymise` every name, address and user's path in it is replaced.
    """
    world: World = {"title": f"Recorded from {name}" if name else "Recorded", "registry": {}, "cim": {}, "broken": {}}
    _clock(world, signals, now)
    if any(_hresult(signals, probe) == _REDIRECTED for probe in signals):
        # A 32-bit PowerShell, which answers nothing.
        return {key: world[key] for key in ("title", "clock", "boot")} | {"powershell": "32-bit"}
    for part in (_registry, _cim, _methods, _agent, _commands, _events, _files):
        part(world, signals)
    # An agent that tells nothing of itself is installed all the same.
    kept = {"title", "clock", "boot", "logon", "registry", "azcmagent"}
    whole = {key: world[key] for key in _ORDER if key in world and (world[key] or key in kept)}
    if anonymise is None:
        return whole
    anonymise.learn(whole, [name] if name else [])
    return anonymise.world(whole)


def _probe(signals: Mapping[str, Any], name: str) -> Probe | None:
    """A probe that was asked."""
    probe = signals.get(name)
    return probe if isinstance(probe, Mapping) else None


def _value(signals: Mapping[str, Any], name: str) -> Any:
    """The value of a probe that answered, else None."""
    probe = _probe(signals, name)
    return probe.get("value") if probe and probe.get("ok") else None


def _fault(signals: Mapping[str, Any], name: str) -> str | None:
    """How a probe failed, in a world's words; None when it answered or was not asked."""
    probe = _probe(signals, name)
    if probe is None or probe.get("ok"):
        return None
    kind = str((probe.get("error") or {}).get("type"))
    return {"unavailable": "missing"}.get(kind, kind if kind in {"denied", "timeout"} else "failed")


def _hresult(signals: Mapping[str, Any], name: str) -> int:
    """The HRESULT of a failed probe as Windows writes it, unsigned."""
    probe = _probe(signals, name) or {}
    return int((probe.get("error") or {}).get("hresult") or 0) % _DWORD


def _data(value: object) -> object:
    """A registry value as a world writes it."""
    if isinstance(value, bool) or not isinstance(value, (int, list, tuple)):
        return value
    if isinstance(value, int):
        return value if 0 <= value < _DWORD else ["QWord", value]
    items = list(value)
    if items and all(isinstance(item, int) for item in items):
        return ["Binary", items]
    looks_typed = len(items) == 2 and str(items[0]).lower() in _KINDS
    return ["MultiString", items] if looks_typed else items


def _clock(world: World, signals: Mapping[str, Any], now: datetime) -> None:
    told = _value(signals, "clock") or {}
    world["clock"] = told.get("utc") or now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    offset = told.get("utc_offset_minutes") or 0
    world["time_zone"] = {"id": told.get("time_zone") or "UTC", "utc_offset_minutes": offset}
    last = (_value(signals, "operating_system") or {}).get("last_boot")
    # A world must have one; where nobody knows it, the class itself hides it.
    world["boot"] = last or world["clock"]
    kind = _fault(signals, "clock")
    if kind:
        world["broken"].setdefault("commands", {})["Get-TimeZone"] = kind


def _registry(world: World, signals: Mapping[str, Any]) -> None:
    registry: dict[str, dict[str, Any]] = world["registry"]
    for probe, places in _VALUES.items():
        value = _value(signals, probe)
        for key, part, name in places:
            one = value if part is None or value is None else value.get(part)
            if one is not None:
                registry.setdefault(key, {})[name] = _data(one)
    for probe, key in _TABLES.items():
        table = _value(signals, probe)
        if table is not None:
            known = {name: _data(value) for name, value in table.items() if value is not None}
            registry.setdefault(key, {}).update(known)
    for probe, key in _KEYS.items():
        if _value(signals, probe):
            registry.setdefault(key, {})
    for probe, (key, name) in _PRESENT.items():
        if _value(signals, probe):
            registry.setdefault(key, {})[name] = "not recorded"
    for name, found in (_value(signals, "domain_join") or {}).items():
        if found:
            registry.setdefault(f"{_NETLOGON}\\{name}", {})
    names = _value(signals, "wu_reboot_required")
    if names is not None:
        registry.setdefault(_WU_REQUIRED, {}).update(dict.fromkeys(names, 1))
    renames = _value(signals, "file_renames")
    if renames is not None:
        registry.setdefault(_SESSION, {})[_RENAMES] = _data(_rename_list(renames))
    _registry_faults(world, signals)


def _registry_faults(world: World, signals: Mapping[str, Any]) -> None:
    """Which keys could not be read. Of a probe that reads several keys its first one stands for all."""
    keys = {probe: places[0][0] for probe, places in _VALUES.items()} | _TABLES | _KEYS
    keys |= {probe: key for probe, (key, _name) in _PRESENT.items()}
    keys |= {
        "domain_join": _NETLOGON + r"\JoinDomain",
        "wu_reboot_required": _WU_REQUIRED,
        "file_renames": _SESSION,
    }
    for probe, key in keys.items():
        kind = _fault(signals, probe)
        if kind:
            # A key that is missing is no error.
            world["broken"].setdefault("registry", {})[key] = "failed" if kind == "missing" else kind


def _rename_list(renames: Mapping[str, Any]) -> list[str]:
    """The MULTI_SZ of pending renames: source, destination, source, destination …"""
    entries: list[str] = []
    for pair in renames["pairs"]:
        entries += [f"\\??\\{path}" if path else "" for path in (pair["source"], pair["destination"])]
    for _pair in range(int(renames["total"]) - len(renames["pairs"])):
        entries += [_UNLISTED, ""]
    return entries


def _instances(signals: Mapping[str, Any], probe: str) -> list[dict[str, Any]]:
    """The instances of the class that a probe reads; none when there were none."""
    value = _value(signals, probe)
    if value is None:
        return []
    if probe == "vbs_running":
        return [{"VirtualizationBasedSecurityStatus": value}]
    if probe == "system_disk":
        return [_known({"DeviceID": value["device"], "FreeSpace": value["free_bytes"], "Size": value["size_bytes"]})]
    instance = _known(
        {"OperatingSystemSKU": value["sku"], "ProductType": value["product_type"], "OSLanguage": value["language"]}
    )
    return [instance if value["last_boot"] else instance | {"LastBootUpTime": None}]


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _cim(world: World, signals: Mapping[str, Any]) -> None:
    for probe, (namespace, name) in _CIM.items():
        kind = _fault(signals, probe)
        if kind:
            if _hresult(signals, probe) == _NO_METHOD and probe in _METHODS:
                continue
            gone = kind == "missing" and _hresult(signals, probe) == _NO_NAMESPACE
            world["broken"].setdefault("cim", {})[namespace if gone else f"{namespace}/{name}"] = kind
        elif probe in {"operating_system", "system_disk", "vbs_running"} and _probe(signals, probe):
            world["cim"].setdefault(namespace, {})[name] = _instances(signals, probe)
    fixes = _value(signals, "hotfixes") or []
    if all(isinstance(fix["kb"], str) and re.fullmatch(r"KB\d+", fix["kb"]) for fix in fixes):
        world["hotfixes"] = [dict(fix) for fix in fixes]
    else:
        # Not every entry of the class is a KB article.
        listed = [_known({"HotFixID": fix["kb"], "InstalledOn": fix["installed_on"]}) for fix in fixes]
        world["cim"].setdefault("root/cimv2", {})["Win32_QuickFixEngineering"] = listed


def _methods(world: World, signals: Mapping[str, Any]) -> None:
    answers: dict[str, dict[str, Any]] = {}
    ccm, lcm = _value(signals, "ccm_reboot"), _value(signals, "dsc_lcm_state")
    if ccm is not None:
        answers["ccm_reboot"] = {
            "ReturnValue": ccm["return_value"],
            "RebootPending": ccm["reboot_pending"],
            "IsHardRebootPending": ccm["hard_reboot_pending"],
            "RebootDeadline": ccm["deadline"],
        }
    if lcm is not None:
        answers["dsc_lcm_state"] = {"ReturnValue": 0, "MetaConfiguration": {"LCMState": lcm}}
    for probe, method in _METHODS.items():
        namespace, name = _CIM[probe]
        if probe in answers:
            world.setdefault("cim_methods", {})[namespace] = {name: {method: answers[probe]}}
        elif _fault(signals, probe) and _hresult(signals, probe) == _NO_METHOD:
            world.setdefault("cim_methods", {})[namespace] = {name: {}}


def _agent(world: World, signals: Mapping[str, Any]) -> None:
    """The update agent: refusing everything is what a network logon gets."""
    faults = {probe: _fault(signals, probe) for probe in _COM}
    world["logon"] = "network" if set(faults.values()) <= {"denied"} else "local"
    for probe, (name, key) in _COM.items():
        kind = faults[probe]
        if kind and world["logon"] == "local":
            world["broken"].setdefault("com", {})[name] = kind
        elif not kind and _probe(signals, probe):
            said = _value(signals, probe)
            # In a world null would take away what a fragment says.
            world.setdefault("update_agent", {})[key] = "null" if said is None else said


def _commands(world: World, signals: Mapping[str, Any]) -> None:
    agent = _value(signals, "arc_agent")
    if agent is not None:
        shown = {
            "status": agent["status"],
            "lastHeartbeat": agent["last_heartbeat"],
            "agentVersion": agent["version"],
            "errorCode": agent["error_code"],
        }
        world["azcmagent"] = _known(shown)
    services = _value(signals, "services") or {}
    world["services"] = {name: dict(state) for name, state in services.items() if state is not None}
    for probe, command in (("arc_agent", "azcmagent"), ("services", "Get-Service")):
        kind = _fault(signals, probe)
        if kind:
            world["broken"].setdefault("commands", {})[command] = kind


def _events(world: World, signals: Mapping[str, Any]) -> None:
    for probe, log in _LOGS.items():
        kind = _fault(signals, probe)
        if kind is None and _probe(signals, probe) and _value(signals, probe) is None:
            kind = "missing"
        if kind:
            world["broken"].setdefault("commands", {})[f"Get-WinEvent:{log}"] = kind
        for event in _value(signals, probe) or []:
            one = {"log": log, "provider": event["provider"], "id": event["id"], "level": event["level"]}
            world.setdefault("events", []).append(
                one | {"time": event["time"], "properties": [str(text) for text in event["properties"]]}
            )


def _files(world: World, signals: Mapping[str, Any]) -> None:
    names = _value(signals, "azure_patch_extensions")
    files = [] if names is None else [_PLUGINS, *(f"{_PLUGINS}{name}\\" for name in names)]
    pairs = (_value(signals, "file_renames") or {}).get("pairs", [])
    files += [pair["source"] for pair in pairs if pair["source_exists"]]
    world["files"] = list(dict.fromkeys(files))
