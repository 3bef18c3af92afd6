# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector's `signals` answered from a world without PowerShell; equal to what the .ps1 gives over the fake Windows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

World = Mapping[str, Any]

SUBSETS = ("os", "vbs", "hotpatch", "arc", "policy", "services", "events", "pending", "restart_sources")
CHOICES = ("all", *SUBSETS, "!all", *("!" + name for name in SUBSETS))
SERVICES = ("himds", "hpatchmon", "wuauserv", "TrustedInstaller", "WindowsAzureGuestAgent", "CcmExec")
OPTIONAL = frozenset({"arc_agent", "ccm_reboot", "dsc_lcm_state", "event_mdm", "event_app", "event_setup"})
KINDS = frozenset({"unknown", "string", "expandstring", "binary", "dword", "multistring", "qword"})
MDM_LOG = "Microsoft-Windows-DeviceManagement-Enterprise-Diagnostics-Provider/Admin"
LOGS = frozenset(name.casefold() for name in ("Application", "System", "Setup", MDM_LOG))

SOFTWARE = r"HKLM\SOFTWARE\Microsoft"
WINDOWS = SOFTWARE + r"\Windows\CurrentVersion"
NT = SOFTWARE + r"\Windows NT\CurrentVersion"
CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
SERVICE_KEYS = r"HKLM\SYSTEM\CurrentControlSet\Services"
SESSION_MANAGER = CONTROL + r"\Session Manager"
MEMORY = SESSION_MANAGER + r"\Memory Management"
MDM = SOFTWARE + r"\PolicyManager\current\device\Update"
POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate"
DEADLINE = (
    "ConfigureDeadlineForQualityUpdates ConfigureDeadlineGracePeriod ConfigureDeadlineForFeatureUpdates "
    "ConfigureDeadlineGracePeriodForFeatureUpdates ConfigureDeadlineNoAutoReboot"
)
CBS = WINDOWS + r"\Component Based Servicing"
NETLOGON = SERVICE_KEYS + r"\Netlogon"


class Failure(Exception):
    """What an asked Windows answers instead of a value."""

    def __init__(self, kind: str, hresult: int, message: str) -> None:
        super().__init__(message)
        self.error = {"type": kind, "hresult": hresult - (1 << 32) if hresult >> 31 else hresult, "message": message}


def refuse_if_redirected(world: World) -> None:
    """Raise what every probe answers in a 32-bit PowerShell."""
    if world.get("powershell") == "32-bit":
        text = "This is a 32-bit PowerShell on a 64-bit Windows: what it reads is not what the host has."
        raise Failure("failed", 0x80131539, text)


class Fault(NamedTuple):
    """One row of the table that RegistryProvider.cs has as class Fault."""

    kind: str
    hresult: int
    message: str


REGISTRY_FAULTS = {
    "denied": Fault("denied", 0x8013150A, "Requested registry access is not allowed."),
    "timeout": Fault("timeout", 0x80131505, "The operation has timed out."),
    "failed": Fault(
        "failed", 0x800703FA, "Illegal operation attempted on a registry key that has been marked for deletion."
    ),
}
CIM_FAULTS = {
    "denied": Fault("denied", 0x80041003, "Access denied"),
    "timeout": Fault("timeout", 0x80041069, "Timed out"),
    "failed": Fault("failed", 0x80041001, "Generic failure"),
    "missing": Fault("unavailable", 0x80041010, "Invalid class"),
    "namespace": Fault("unavailable", 0x8004100E, "Invalid namespace"),
    "method": Fault("failed", 0x80041055, "This method is not implemented in any class"),
}
COM_FAULTS = {
    "denied": Fault("denied", 0x80070005, "Access is denied. (0x80070005 (E_ACCESSDENIED))"),
    "timeout": Fault("timeout", 0x800705B4, "This operation returned because the timeout period expired. (0x800705B4)"),
    "failed": Fault(
        "failed", 0x8024FFFF, "An operation failed due to reasons not covered by another error code. (0x8024FFFF)"
    ),
    "missing": Fault("unavailable", 0x80040154, "Class not registered (0x80040154 (REGDB_E_CLASSNOTREG))"),
}
COMMAND_FAULTS = {
    "denied": Fault("denied", 0x80070005, "Attempted to perform an unauthorized operation."),
    "timeout": Fault("timeout", 0x80131505, "The operation has timed out."),
    "failed": Fault("failed", 0x80131509, "Operation is not valid due to the current state of the object."),
    "missing": Fault(
        "unavailable",
        0x80131501,
        "The term '{name}' is not recognized as a name of a cmdlet, function, script file, or executable program.",
    ),
}
AGENT_FAULTS = {
    "denied": Fault("denied", 0x80004005, "Access is denied."),
    "timeout": COMMAND_FAULTS["timeout"],
    "failed": Fault("failed", 0x80131509, "azcmagent show ended with exit code 1"),
}


def _fold(mapping: Mapping[str, Any] | None) -> dict[str, Any]:
    return {str(key).casefold(): value for key, value in (mapping or {}).items()}


def _get(mapping: Any, *path: str) -> Any:
    """What lies at `path`, names in any case; None when there is nothing."""
    for name in path:
        if not isinstance(mapping, Mapping):
            return None
        mapping = _fold(mapping).get(name.casefold())
    return mapping


def _raise(faults: Mapping[str, Fault], kind: str, name: str = "") -> None:
    fault = faults.get(kind) or faults["failed"]
    raise Failure(fault.kind, fault.hresult, fault.message.format(name=name) if name else fault.message)


def utc_text(value: Any) -> str | None:
    """A time as the collector writes it; None for nothing, for no time, and for the default of an unset date."""
    if value is None or value == "":
        return None
    try:
        parsed = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return None
    parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return None if parsed.year < 1981 else parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _normal(key: str) -> str:
    parts = [part for part in re.split(r"[\\/]", key) if part]
    hive = parts[0].rstrip(":").upper()
    parts[0] = {"HKEY_LOCAL_MACHINE": "HKLM", "HKEY_CURRENT_USER": "HKCU"}.get(hive, hive)
    return "\\".join(parts).casefold()


def _data(value: Any) -> Any:
    """A registry value as the collector shows it: a DWORD unsigned, lists as lists."""
    if isinstance(value, list):
        pair = len(value) == 2 and isinstance(value[0], str) and value[0].casefold() in KINDS
        kind, value = (value[0].casefold(), value[1]) if pair else ("multistring", value)
        return value & 0xFFFFFFFF if kind == "dword" else value
    if isinstance(value, bool):
        return int(value)
    return value & 0xFFFFFFFF if isinstance(value, int) else value


ARC_AGENT = r"C:\Program Files\AzureConnectedMachineAgent\azcmagent.exe"


def has_arc_agent(world: World) -> bool:
    """Whether the Arc agent's program lies where it belongs."""
    fault = _get(world, "broken", "commands", "azcmagent")
    return fault != "missing" if fault else world.get("azcmagent") is not None


class Windows:
    """A world, asked as the collector asks."""

    def __init__(self, world: World, services: Iterable[str]) -> None:
        self.world = world
        self.asked = tuple(services)
        self.keys: dict[str, dict[str, Any]] = {}
        for key, values in (world.get("registry") or {}).items():
            if values is not None:
                known = self.keys.setdefault(_normal(key), {})
                known.update({name: data for name, data in values.items() if data is not None})
        self.key_faults = {_normal(key): kind for key, kind in (_get(world, "broken", "registry") or {}).items()}
        files = [*(world.get("files") or ()), *([ARC_AGENT] if has_arc_agent(world) else [])]
        self.paths = {path.casefold() for file in files for path in self._with_parents(file)}

    @staticmethod
    def _with_parents(file: str) -> Iterable[str]:
        parts = [part for part in re.split(r"[\\/]", file) if part]
        return ("\\".join(parts[: count + 1]) for count in range(len(parts)))

    # Registry

    def key(self, path: str) -> dict[str, Any] | None:
        """The values of a key, or None when it is absent."""
        path = _normal(path)
        fault = self.key_faults.get(path)
        if fault == "missing":
            return None
        if fault:
            _raise(REGISTRY_FAULTS, fault)
        if path in self.keys:
            return self.keys[path]
        return {} if any(key.startswith(path + "\\") for key in self.keys) else None

    def value(self, path: str, name: str) -> Any:
        values = self.key(path)
        return None if values is None else _data(_get(values, name))

    def table(self, path: str, *names: str) -> dict[str, Any] | None:
        values = self.key(path)
        return None if values is None else {name: _data(_get(values, name)) for name in names}

    def has_key(self, path: str) -> bool:
        return self.key(path) is not None

    def has_value(self, path: str, name: str) -> bool:
        return name.casefold() in _fold(self.key(path))

    def value_names(self, path: str) -> list[str] | None:
        values = self.key(path)
        return None if values is None else sorted(name for name in values if name)

    # CIM

    def _class(self, root: str, namespace: str, name: str) -> Any:
        kinds = {
            key.replace("\\", "/").casefold(): kind for key, kind in (_get(self.world, "broken", "cim") or {}).items()
        }
        for path, kind in kinds.items():
            if path == f"{namespace}/{name}".casefold():
                _raise(CIM_FAULTS, kind)
            if path == namespace.casefold():
                _raise(CIM_FAULTS, "namespace" if kind == "missing" else kind)
        spaces = {
            part: {key.replace("\\", "/").casefold(): value for key, value in (self.world.get(part) or {}).items()}
            for part in ("cim", "cim_methods")
        }
        found = _get(spaces[root].get(namespace.casefold()), name)
        if found is None and root == "cim" and namespace == "root/cimv2":
            found = self._built_in(name)
        if found is None:
            known = namespace == "root/cimv2" or any(namespace.casefold() in space for space in spaces.values())
            _raise(CIM_FAULTS, "missing" if known else "namespace")
        return found

    def _built_in(self, name: str) -> list[dict[str, Any]] | None:
        if name == "Win32_OperatingSystem" and self.world.get("boot"):
            return [{}]
        if name == "Win32_QuickFixEngineering":
            fixes = self.world.get("hotfixes") or ()
            return [{"HotFixID": fix.get("kb"), "InstalledOn": fix.get("installed_on")} for fix in fixes]
        return None

    def instances(self, namespace: str, name: str) -> list[Mapping[str, Any]]:
        self.command("Get-CimInstance")
        return list(self._class("cim", namespace, name))

    def method(self, namespace: str, name: str, method: str) -> Mapping[str, Any]:
        self.command("Invoke-CimMethod")
        found = _get(self._class("cim_methods", namespace, name), method)
        if found is None:
            _raise(CIM_FAULTS, "method")
        return dict(found)

    # Commands, files

    def command(self, name: str) -> None:
        """Raise what the world says this command does."""
        kind = _get(self.world, "broken", "commands", name)
        if kind:
            _raise(COMMAND_FAULTS, kind, name.partition(":")[0])

    def exists(self, path: str) -> bool:
        return "\\".join(part for part in re.split(r"[\\/]", path) if part).casefold() in self.paths | {"c:"}


def operating_system(windows: Windows) -> dict[str, Any] | None:
    found = windows.instances("root/cimv2", "Win32_OperatingSystem")
    if not found:
        return None
    boot = _get(found[0], "LastBootUpTime") if _has(found[0], "LastBootUpTime") else windows.world.get("boot")
    return {
        "sku": _get(found[0], "OperatingSystemSKU"),
        "product_type": _get(found[0], "ProductType"),
        "last_boot": utc_text(boot),
        "language": _get(found[0], "OSLanguage"),
    }


def _has(mapping: Mapping[str, Any], name: str) -> bool:
    return name.casefold() in _fold(mapping)


def clock(windows: Windows) -> dict[str, Any]:
    windows.command("Get-Date")
    windows.command("Get-TimeZone")
    zone = windows.world.get("time_zone") or {"id": "UTC", "utc_offset_minutes": 0}
    now = windows.world.get("clock") or datetime.now(UTC)
    return {"utc": utc_text(now), "time_zone": zone["id"], "utc_offset_minutes": zone["utc_offset_minutes"]}


def system_disk(windows: Windows) -> dict[str, Any] | None:
    for disk in windows.instances("root/cimv2", "Win32_LogicalDisk"):
        if str(_get(disk, "DeviceID")).casefold() == "c:":
            return {
                "device": _get(disk, "DeviceID"),
                "free_bytes": _get(disk, "FreeSpace"),
                "size_bytes": _get(disk, "Size"),
            }
    return None


def hotfixes(windows: Windows) -> list[dict[str, Any]]:
    found = windows.instances("root/cimv2", "Win32_QuickFixEngineering")
    return [{"kb": _get(fix, "HotFixID"), "installed_on": _get(fix, "InstalledOn") or ""} for fix in found]


def vbs_running(windows: Windows) -> Any:
    found = windows.instances("root/Microsoft/Windows/DeviceGuard", "Win32_DeviceGuard")
    return _get(found[0], "VirtualizationBasedSecurityStatus") if found else None


def arc_agent(windows: Windows) -> dict[str, Any] | None:
    if not has_arc_agent(windows.world):
        return None
    fault = _get(windows.world, "broken", "commands", "azcmagent")
    if fault:
        _raise(AGENT_FAULTS, fault)
    shown = windows.world["azcmagent"]
    return {
        "status": _get(shown, "status"),
        "last_heartbeat": utc_text(_get(shown, "lastHeartbeat")),
        "version": _get(shown, "agentVersion"),
        "error_code": _get(shown, "errorCode"),
    }


def services(windows: Windows) -> dict[str, Any]:
    windows.command("Get-Service")
    table: dict[str, Any] = {}
    for name in (*SERVICES, *windows.asked):
        if name and not _has(table, name):
            service = _get(windows.world.get("services"), name)
            table[name] = service and {"status": service.get("status"), "start_type": service.get("start_type")}
    return table


def _event_match(windows: Windows, log: str, scan: int, pattern: str, **wanted: tuple[int, ...]) -> list[Any] | None:
    windows.command("Get-WinEvent")
    if _get(windows.world, "broken", "commands", f"Get-WinEvent:{log}") == "missing":
        return None
    windows.command(f"Get-WinEvent:{log}")
    found = [
        event
        for event in windows.world.get("events") or ()
        if event["log"].casefold() == log.casefold() and all(event.get(key) in values for key, values in wanted.items())
    ]
    found = sorted(found, key=lambda event: utc_text(event["time"]) or "", reverse=True)[:scan]
    result = []
    for event in found:
        texts = ["" if text is None else str(text) for text in event.get("properties") or ()]
        if any(re.search(pattern, text, re.IGNORECASE) for text in (str(event["provider"]), *texts)):
            result.append(
                {
                    "id": event["id"],
                    "level": event["level"],
                    "time": utc_text(event["time"]),
                    "provider": event["provider"],
                    "properties": [text[:200] for text in texts],
                }
            )
    return result[:20]


# Before the path: what Windows is to do with a file that is there, in its older and its present writing.
PREFIX = r"^(?:[!*][0-9]*)*\\\?\?\\"


def file_renames(windows: Windows) -> dict[str, Any] | None:
    lists = [
        windows.value(SESSION_MANAGER, name) for name in ("PendingFileRenameOperations", "PendingFileRenameOperations2")
    ]
    if lists == [None, None]:
        return None
    pairs = []
    for entries in lists:
        # Pairs by position: an empty text is a destination too.
        for index in range(0, len(entries or ()), 2):
            source, destination = (*(re.sub(PREFIX, "", text) for text in entries[index : index + 2]), "")[:2]
            exists = windows.exists(source) if re.match(r"[A-Za-z]:\\", source) else None
            pairs.append({"source": source, "destination": destination, "source_exists": exists})
    return {"total": len(pairs), "pairs": pairs[:50]}


EXTENSIONS = r"(?i)Microsoft\.CPlat\.Core\.WindowsHotpatch|.*(WindowsPatchExtension|WindowsOsUpdateExtension)"


def azure_patch_extensions(windows: Windows) -> list[str] | None:
    if not windows.exists(r"C:\Packages\Plugins"):
        return None
    names = set()
    for file in windows.world.get("files") or ():
        found = re.match(r"(?i)C:\\Packages\\Plugins\\([^\\]+)\\", file)
        if found and re.match(EXTENSIONS, found[1]):
            names.add(found[1])
    return sorted(names)


def _update_agent(windows: Windows, prog_id: str, answer: str) -> bool | None:
    fault = _get(windows.world, "broken", "com", prog_id)
    if not fault and windows.world.get("logon") != "local":
        fault = "denied"
    if fault:
        _raise(COM_FAULTS, fault)
    said = _get(windows.world, "update_agent", answer)
    return None if said == "null" else bool(said)


def ccm_reboot(windows: Windows) -> dict[str, Any]:
    answer = windows.method("root/ccm/ClientSDK", "CCM_ClientUtilities", "DetermineIfRebootPending")
    return {
        "return_value": _get(answer, "ReturnValue"),
        "reboot_pending": _get(answer, "RebootPending"),
        "hard_reboot_pending": _get(answer, "IsHardRebootPending"),
        "deadline": utc_text(_get(answer, "RebootDeadline")),
    }


def dsc_lcm_state(windows: Windows) -> str:
    space, name = "root/Microsoft/Windows/DesiredStateConfiguration", "MSFT_DSCLocalConfigurationManager"
    return str(_get(windows.method(space, name, "GetMetaConfiguration"), "MetaConfiguration", "LCMState") or "")


def domain_join(windows: Windows) -> dict[str, bool]:
    names = ("JoinDomain", "AvoidSpnSet")
    return {name: windows.has_key(f"{NETLOGON}\\{name}") or windows.has_value(NETLOGON, name) for name in names}


def computer_name(windows: Windows) -> dict[str, Any]:
    return {
        "active": windows.value(CONTROL + r"\ComputerName\ActiveComputerName", "ComputerName"),
        "configured": windows.value(CONTROL + r"\ComputerName\ComputerName", "ComputerName"),
        "nv_hostname": windows.value(SERVICE_KEYS + r"\Tcpip\Parameters", "NV Hostname"),
    }


def update_exe_volatile(windows: Windows) -> dict[str, Any]:
    return {
        "native": windows.value(SOFTWARE + r"\Updates", "UpdateExeVolatile"),
        "wow64": windows.value(r"HKLM\SOFTWARE\Wow6432Node\Microsoft\Updates", "UpdateExeVolatile"),
        "flags": windows.value(SOFTWARE + r"\Updates\UpdateExeVolatile", "Flags"),
    }


Probe = Callable[[Windows], Any]


def _value(key: str, name: str) -> Probe:
    return lambda windows: windows.value(key, name)


def _table(key: str, names: str) -> Probe:
    return lambda windows: windows.table(key, *names.split())


def _key(key: str) -> Probe:
    return lambda windows: windows.has_key(key)


def _events(log: str, scan: int, pattern: str, **wanted: tuple[int, ...]) -> Probe:
    return lambda windows: _event_match(windows, log, scan, pattern, **wanted)


PROBES: dict[str, dict[str, Probe]] = {
    "os": {
        "edition_id": _value(NT, "EditionID"),
        "build": _table(NT, "CurrentBuild UBR DisplayVersion InstallationType"),
        "architecture": _value(SESSION_MANAGER + r"\Environment", "PROCESSOR_ARCHITECTURE"),
        "operating_system": operating_system,
        "clock": clock,
        "system_disk": system_disk,
        "hotfixes": hotfixes,
    },
    "vbs": {
        "vbs_running": vbs_running,
        "vbs_configured": _value(CONTROL + r"\DeviceGuard", "EnableVirtualizationBasedSecurity"),
    },
    "hotpatch": {
        "hotpatch_table_size": _value(MEMORY, "HotPatchTableSize"),
        "chpe_off": _value(MEMORY, "HotPatchRestrictions"),
        "enrollment_package": _table(NT + r"\Update\TargetingInfo\DynamicInstalled\Hotpatch.amd64", "Name Version"),
        "arc_hotpatch_subscription": _value(
            SOFTWARE + r"\Azure Connected Machine Agent\Windows\Licenses\Features\Hotpatch", "Subscription"
        ),
        "hotpatch_environment": _value(SOFTWARE + r"\Windows\Hotpatch\Environment", "AllowRebootlessUpdates"),
        "allow_rebootless_policy": _value(MDM, "AllowRebootlessUpdates"),
        "allow_rebootless_provider": _value(MDM, "AllowRebootlessUpdates_WinningProvider"),
        "licensing_mutex": lambda windows: windows.has_value(
            NT + r"\Subscriptions", "DeviceLicensingServiceCommandMutex"
        ),
        "licensing_override": _value(
            r"HKLM\SYSTEM\CurrentControlSet\Policies\Microsoft\FeatureManagement\Overrides", "4264695439"
        ),
    },
    "arc": {"arc_agent": arc_agent},
    "policy": {
        "windows_update_policy": _table(
            POLICY,
            "WUServer DoNotConnectToWindowsUpdateInternetLocations DeferQualityUpdates DeferQualityUpdatesPeriodInDays "
            "PauseQualityUpdatesStartTime SetPolicyDrivenUpdateSourceForQualityUpdates ExcludeWUDriversInQualityUpdate "
            "TargetReleaseVersionInfo SetActiveHours ActiveHoursStart ActiveHoursEnd SetComplianceDeadline " + DEADLINE,
        ),
        "automatic_updates_policy": _table(
            POLICY + r"\AU",
            "UseWUServer NoAutoUpdate AUOptions ScheduledInstallDay ScheduledInstallTime NoAutoRebootWithLoggedOnUsers "
            "AlwaysAutoRebootAtScheduledTime AlwaysAutoRebootAtScheduledTimeMinutes",
        ),
        "mdm_update_policy": _table(
            MDM,
            "DeferQualityUpdatesPeriodInDays PauseQualityUpdates AllowAutoUpdate ActiveHoursStart ActiveHoursEnd "
            + DEADLINE,
        ),
        "active_hours": _table(
            SOFTWARE + r"\WindowsUpdate\UX\Settings", "ActiveHoursStart ActiveHoursEnd SmartActiveHoursState"
        ),
    },
    "services": {"services": services},
    "events": {
        "event_mdm": _events(MDM_LOG, 500, "AllowRebootlessUpdates"),
        "event_app": _events("Application", 500, "hotpatch|hpatchmon", level=(1, 2, 3)),
        "event_setup": _events("Setup", 200, "^Microsoft-Windows-Servicing$", id=(1, 2, 4)),
    },
    "restart_sources": {"azure_patch_extensions": azure_patch_extensions},
    "pending": {
        "cbs_reboot_pending": _key(CBS + r"\RebootPending"),
        "cbs_reboot_in_progress": _key(CBS + r"\RebootInProgress"),
        "cbs_packages_pending": _key(CBS + r"\PackagesPending"),
        "wu_reboot_required": lambda windows: windows.value_names(
            WINDOWS + r"\WindowsUpdate\Auto Update\RebootRequired"
        ),
        "update_screen": _value(SOFTWARE + r"\WindowsUpdate\UX\StateVariables", "RebootRequired"),
        "agent_reboot_required": lambda windows: _update_agent(
            windows, "Microsoft.Update.SystemInfo", "reboot_required"
        ),
        "agent_reboot_before_install": lambda windows: _update_agent(
            windows, "Microsoft.Update.Session", "reboot_required_before_installation"
        ),
        "agent_busy": lambda windows: _update_agent(windows, "Microsoft.Update.Session", "busy"),
        "file_renames": file_renames,
        "computer_name": computer_name,
        "domain_join": domain_join,
        "server_manager_attempts": _value(SOFTWARE + r"\ServerManager", "CurrentRebootAttempts"),
        "server_component_cache": _value(
            SOFTWARE + r"\ServerManager\ServicingStorage\ServerComponentCache", "RestartRequired"
        ),
        "update_exe_volatile": update_exe_volatile,
        "dvd_reboot_signal": lambda windows: windows.has_value(WINDOWS + r"\RunOnce", "DVDRebootSignal"),
        "ccm_reboot": ccm_reboot,
        "ccm_reboot_data": _table(
            SOFTWARE + r"\SMS\Mobile Client\Reboot Management\RebootData", "RebootBy NotifyUI HardReboot"
        ),
        "dsc_lcm_state": dsc_lcm_state,
    },
}


def subsets(asked: Iterable[str]) -> list[str]:
    """The subsets a `gather_subset` names; `os` always.

    :raises ValueError: a name that is no choice, as Ansible.Basic says it
    """
    asked = list(asked)
    wrong = [name for name in asked if name not in CHOICES]
    if wrong:
        allowed = ", ".join(CHOICES)
        raise ValueError(
            f"value of gather_subset must be one or more of: {allowed}. Got no match for: {', '.join(wrong)}"
        )
    named = [name for name in SUBSETS if name in asked]
    wanted = named
    if "all" in asked or (not named and "!all" not in asked):
        wanted = list(SUBSETS)
    return [name for name in SUBSETS if name == "os" or (name in wanted and "!" + name not in asked)]


def signals(world: World, args: Mapping[str, Any]) -> dict[str, Any]:
    """The collector's `signals` for a merged world and the module's arguments."""
    windows = Windows(world, args.get("services") or ())
    result: dict[str, Any] = {}
    for subset in subsets(args.get("gather_subset") or ["all"]):
        for name, probe in PROBES[subset].items():
            try:
                refuse_if_redirected(world)
                result[name] = {"ok": True, "value": probe(windows), "error": None}
            except Failure as failure:
                absent = failure.error["type"] == "unavailable" and name in OPTIONAL
                result[name] = {"ok": absent, "value": None, "error": None if absent else failure.error}
    return result
