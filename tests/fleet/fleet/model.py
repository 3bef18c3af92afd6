# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs Windows itself, answered from the world: modules of ansible.windows, raw commands, ansible-core's helpers.

Everything that is not modelled is refused by name, so that a play never goes on with an invented answer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from . import updates
from .host import Host
from .payload import Payload

Answer = tuple[int, bytes, bytes]
HOME = r"C:\Users\sim"
FILETIME_EPOCH = 11644473600
# What the service module calls the states and start types that Get-Service names.
STATES = {
    "Stopped": "stopped",
    "StartPending": "start_pending",
    "StopPending": "stop_pending",
    "Running": "started",
    "ContinuePending": "continue_pending",
    "PausePending": "pause_pending",
    "Paused": "paused",
}
START_TYPES = {
    "Boot": "boot",
    "System": "system",
    "Automatic": "auto",
    "AutomaticDelayedStart": "delayed",
    "Manual": "manual",
    "Disabled": "disabled",
}
NAMES = {"407": "Microsoft Windows Server 2022 Datacenter: Azure Edition", "4": "Microsoft Windows 11 Enterprise"}
PRODUCT_TYPES: dict[Any, str] = {1: "workstation", 2: "domain_controller", 3: "server"}
KEY = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
OURS = "ansible.windows."


class Refused(Exception):
    """Something that is not modelled."""


def is_async(run: Payload) -> bool:
    """Whether ansible-core starts this run in the background."""
    return any(wrapper.startswith("async") for wrapper in run.wrappers)


def answer(host: Host, run: Payload) -> Answer:
    """What a run of a module or a helper script gives."""
    if run.kind == "script":
        return _script(host, run)
    try:
        result = _modelled(run)(host, run.arguments)
    except Refused as error:
        result = {"failed": True, "changed": False, "msg": f"{error}."}
    return module_result(run, result)


def _modelled(run: Payload) -> Callable[[Host, dict[str, Any]], dict[str, Any]]:
    if is_async(run):
        raise Refused(f"{run.name} with async: simfleet does not simulate ansible-core's async tasks")
    modelled = MODULES.get(run.name.rpartition(".")[2]) if run.name.startswith(OURS) else None
    if modelled is None:
        known = ", ".join(f"ansible.windows.{name}" for name in sorted(MODULES))
        raise Refused(f"{run.name}: simfleet does not simulate this module; it simulates {known}")
    return modelled


def module_result(run: Payload, result: dict[str, Any]) -> Answer:
    """A module's JSON on standard output, as ansible-core's wrapper prints it."""
    if run.arguments.get("_ansible_inject_invocation", True):
        given = {key: value for key, value in run.arguments.items() if not key.startswith("_ansible_")}
        result = {**result, "invocation": {"module_args": given}}
    return int(bool(result.get("failed"))), json.dumps(result).encode() + b"\r\n", b""


def _win_ping(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    data = arguments.get("data", "pong")
    if data == "crash":
        return {"failed": True, "changed": False, "msg": "Unhandled exception while executing module: boom"}
    return {"changed": False, "ping": data}


def _setup(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    version = _registry(host, KEY)
    system = _instance(host, "Win32_OperatingSystem")
    build = str(version.get("CurrentBuild", "26100"))
    boot, clock = host.boot, datetime.fromisoformat(host.state["clock"])
    name = version.get("ProductName") or NAMES.get(str(system.get("OperatingSystemSKU")))
    return {
        "changed": False,
        "ansible_facts": {
            "ansible_architecture": "64-bit",
            "ansible_distribution": name or "Microsoft Windows Server 2025 Standard",
            "ansible_distribution_major_version": "10",
            "ansible_distribution_version": f"10.0.{build}.0",
            "ansible_hostname": host.name.upper(),
            "ansible_kernel": f"10.0.{build}.0",
            "ansible_lastboot": f"{boot:%Y-%m-%d %H:%M:%S}Z",
            "ansible_nodename": host.name,
            "ansible_os_family": "Windows",
            "ansible_os_installation_type": version.get("InstallationType", "Server"),
            "ansible_os_product_type": {1: "workstation", 2: "domain_controller"}.get(
                system.get("ProductType"), "server"
            ),
            "ansible_powershell_version": 5,
            "ansible_reboot_pending": bool(host.state.get("update_agent", {}).get("reboot_required")),
            "ansible_system": "Win32NT",
            "ansible_uptime_seconds": int((clock - boot).total_seconds()),
            "ansible_user_id": "sim",
            "gather_subset": arguments.get("gather_subset") or ["all"],
            "module_setup": True,
        },
    }


def _win_service_info(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    wanted = arguments.get("name")
    pattern = re.compile(_wildcard(wanted or "*"), re.I)
    services = [
        {
            "name": name,
            "display_name": service.get("display_name", name),
            "state": STATES[service["status"]],
            "start_mode": START_TYPES[service["start_type"]],
            "controls_accepted": ["stop", "shutdown"] if service["status"] == "Running" else [],
            "dependencies": [],
            "dependency_of": [],
            "description": None,
            "process_id": 4000 if service["status"] == "Running" else 0,
            "service_exit_code": 0,
            "service_type": "win32_own_process",
            "username": "NT AUTHORITY\\SYSTEM",
            "win32_exit_code": 0,
        }
        for name, service in host.state.get("services", {}).items()
        if pattern.fullmatch(name)
    ]
    return {"changed": False, "exists": bool(services), "services": services}


def _win_updates(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    operation = arguments.get("_operation", "start")
    options = arguments.get("_operation_options") or {}
    if operation == "start" and options.get("wait"):
        raise Refused("ansible.windows.win_updates with async: simfleet does not simulate ansible-core's async tasks")
    try:
        return updates.OPERATIONS[operation](host, arguments)
    except KeyError:
        raise Refused(f"ansible.windows.win_updates: no operation {operation!r}") from None


MODULES: dict[str, Callable[[Host, dict[str, Any]], dict[str, Any]]] = {
    "setup": _setup,
    "win_ping": _win_ping,
    "win_service_info": _win_service_info,
    "win_updates": _win_updates,
}


def _script(host: Host, run: Payload) -> Answer:
    """A helper of ansible-core 2.19 and newer."""
    if run.name == "winrm_put_file":
        return _put_file(run.extra)
    if run.name == "powershell_mkdtemp":
        folder = str(run.arguments["Directory"]).replace("%TEMP%", HOME + r"\AppData\Local\Temp")
        return 0, f"{folder}\\{run.arguments['Name']}\r\n".encode(), b""
    if run.name == "powershell_expand_user":
        return 0, re.sub(r"^~", lambda _match: HOME, str(run.arguments["Path"])).encode() + b"\r\n", b""
    return 1, b"", f"simfleet: {run.name}: this helper script is not simulated\r\n".encode()


def _put_file(lines: bytes) -> Answer:
    """What arrived, by its SHA-1; nothing is kept."""
    try:
        data = b"".join(base64.b64decode(line, validate=True) for line in lines.split())
    except binascii.Error as error:
        return 1, b"", f"simfleet: put_file: {error}\r\n".encode()
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    return 0, json.dumps({"sha1": digest}).encode() + b"\r\n", b""


def command_name(script: str | None, line: str) -> str:
    """The name under which a command without a payload is counted, and which faults can ask for."""
    text = script if script is not None else line
    return next((name for name, pattern, _run in COMMANDS if pattern.search(text)), "raw")


def command(host: Host, script: str | None, line: str, stdin: bytes) -> Answer:
    """What a command without a payload gives."""
    text = script if script is not None else line
    for _name, pattern, run in COMMANDS:
        match = pattern.search(text)
        if match:
            return run(host, match, stdin)
    return 1, b"", f"simfleet: this command is not simulated: {' '.join(text.split())[:200]}\r\n".encode()


def _boot_time(host: Host, match: re.Match[str], stdin: bytes) -> Answer:
    return 0, f"{int((host.boot.timestamp() + FILETIME_EPOCH) * 10_000_000)}\r\n".encode(), b""


def _shutdown(host: Host, match: re.Match[str], stdin: bytes) -> Answer:
    code = host.restart(float(match[1]))
    said = {0: "", 5: "Access is denied.(5)", 1190: "A system shutdown has already been scheduled.(1190)"}[code]
    # win_reboot's script reports the outcome as JSON and ends with 0 itself.
    return 0, json.dumps({"stdout": "", "stderr": said, "rc": code}).encode() + b"\r\n", b""


def _abort(host: Host, match: re.Match[str], stdin: bytes) -> Answer:
    code = host.abort_restart()
    said = "Unable to abort the system shutdown because no shutdown was in progress.(1116)\r\n" if code else ""
    return code, b"", said.encode()


def _logon_ui(host: Host, match: re.Match[str], stdin: bytes) -> Answer:
    return 0, match[1].encode() + b"\r\n", b""


def _says(text: str) -> Callable[[Host, re.Match[str], bytes], Answer]:
    return lambda host, _match, _stdin: (0, text.format(name=host.name.upper()).encode() + b"\r\n", b"")


def _silent(host: Host, match: re.Match[str], stdin: bytes) -> Answer:
    return 0, b"", b""


def _old_put_file(host: Host, match: re.Match[str], stdin: bytes) -> Answer:
    return _put_file(stdin)


def _old_mkdtemp(host: Host, match: re.Match[str], stdin: bytes) -> Answer:
    folder = match[1].replace("%TEMP%", HOME + r"\AppData\Local\Temp")
    return 0, f"{folder}\\{match[2]}\r\n".encode(), b""


# Strict mode and the exit code line that ansible-core and win_reboot put around every raw command.
BEFORE = r"(?is)^(?:\s*Set-StrictMode -Version Latest\s)?\s*"
AFTER = r"\s*(?:;?\s*If \(-not \$\?\).*)?$"
COMMANDS: tuple[tuple[str, re.Pattern[str], Callable[[Host, re.Match[str], bytes], Answer]], ...] = (
    ("boot_time", re.compile(r"Win32_OperatingSystem.+LastBootUpTime", re.S), _boot_time),
    ("shutdown", re.compile(r"shutdown\.exe\s+/r\s+/t\s+(\d+)"), _shutdown),
    ("shutdown_abort", re.compile(r"shutdown\.exe\s+/a\b"), _abort),
    ("logon_ui", re.compile(r"AutoLogonChecked'.*?'(success-[^']+)'", re.S), _logon_ui),
    ("servicing", re.compile(r"Component Based Servicing\\Interface'"), _silent),
    ("raw", re.compile(BEFORE + "whoami(?:\\.exe)?" + AFTER), _says("{name}\\sim")),
    ("raw", re.compile(BEFORE + r"(?:hostname(?:\.exe)?|\$env:COMPUTERNAME)" + AFTER), _says("{name}")),
    ("put_file", re.compile(r"SHA1CryptoServiceProvider|\[SHA1\]::Create"), _old_put_file),
    ("mkdtemp", re.compile(r"ExpandEnvironmentVariables\('([^']+)'\).*-Name '([^']+)'", re.S), _old_mkdtemp),
    ("remove", re.compile(BEFORE + r"Remove-Item\s"), _silent),
)


def _registry(host: Host, key: str) -> dict[str, Any]:
    """The values of a registry key."""
    registry = host.state.get("registry", {})
    return dict(next((values for name, values in registry.items() if name.lower() == key.lower()), {}))


def _instance(host: Host, name: str) -> dict[str, Any]:
    """The only instance of a class in root/cimv2."""
    instances = host.state.get("cim", {}).get("root/cimv2", {}).get(name) or [{}]
    return dict(instances[0])


def _wildcard(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
