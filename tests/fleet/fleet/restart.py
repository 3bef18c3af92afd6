# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restart does to the marks of a pending one; README.md has the table with the source of each.

Nothing else goes: PackagesPending, RebootInProgress, CurrentRebootAttempts and DVDRebootSignal are there again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

State = dict[str, Any]
Key = dict[str, Any]

MICROSOFT = r"HKLM\SOFTWARE\Microsoft"
CURRENT = MICROSOFT + r"\Windows\CurrentVersion"
CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
CBS = CURRENT + r"\Component Based Servicing"
REBOOT_PENDING = CBS + r"\RebootPending"
REBOOT_REQUIRED = CURRENT + r"\WindowsUpdate\Auto Update\RebootRequired"


def _remove_keys(state: State, *keys: str) -> None:
    registry = state.get("registry", {})
    gone = tuple(key.lower() for key in keys)
    for key in list(registry):
        if key.lower() in gone or key.lower().startswith(tuple(one + "\\" for one in gone)):
            del registry[key]


def _key(state: State, key: str) -> Key:
    """The values of a key; what is put into those of an absent one is lost."""
    found: Key = next((values for name, values in state.get("registry", {}).items() if name.lower() == key.lower()), {})
    return found


def _name(values: Key, name: str) -> str:
    """A value's name as the key writes it."""
    return next((known for known in values if known.lower() == name.lower()), name)


def _remove_values(state: State, key: str, *names: str) -> None:
    values = _key(state, key)
    for name in names:
        values.pop(_name(values, name), None)


def _copy_value(state: State, key: str, name: str, to_key: str, to_name: str) -> None:
    values, target = _key(state, key), _key(state, to_key)
    if _name(values, name) in values:
        target[_name(target, to_name)] = values[_name(values, name)]


def _computer_name(state: State) -> None:
    names = CONTROL + r"\ComputerName"
    _copy_value(state, names + r"\ComputerName", "ComputerName", names + r"\ActiveComputerName", "ComputerName")
    _copy_value(state, SERVICES + r"\Tcpip\Parameters", "NV Hostname", SERVICES + r"\Tcpip\Parameters", "Hostname")


def _domain_join(state: State) -> None:
    netlogon = SERVICES + r"\Netlogon"
    _remove_keys(state, netlogon + r"\JoinDomain", netlogon + r"\AvoidSpnSet")
    _remove_values(state, netlogon, "JoinDomain", "AvoidSpnSet")


def _update_exe(state: State) -> None:
    _remove_keys(state, MICROSOFT + r"\Updates\UpdateExeVolatile")
    for key in (MICROSOFT + r"\Updates", r"HKLM\SOFTWARE\Wow6432Node\Microsoft\Updates"):
        _remove_values(state, key, "UpdateExeVolatile")


def _answer(state: State, namespace: str, name: str, method: str) -> dict[str, Any]:
    """What a method of a class returns; nothing where there is none."""
    found: dict[str, Any] = state.get("cim_methods", {}).get(namespace, {}).get(name, {}).get(method, {})
    return found


def _configmgr(state: State) -> None:
    answer = _answer(state, "root/ccm/ClientSDK", "CCM_ClientUtilities", "DetermineIfRebootPending")
    waits = [name for name in ("RebootPending", "IsHardRebootPending") if answer.get(name) is True]
    if waits:
        answer.update({**dict.fromkeys(waits, False), "RebootDeadline": None})


def _lcm(state: State) -> None:
    name = "MSFT_DSCLocalConfigurationManager"
    answer = _answer(state, "root/Microsoft/Windows/DesiredStateConfiguration", name, "GetMetaConfiguration")
    found = answer.get("MetaConfiguration", {})
    if found.get("LCMState") == "PendingReboot":
        found["LCMState"] = "Idle"


# Mark, by the probe that reads it → what takes it away.
MARKS: dict[str, Callable[[State], None]] = {
    "cbs_reboot_pending": lambda state: _remove_keys(state, REBOOT_PENDING),
    "wu_reboot_required": lambda state: _remove_keys(state, REBOOT_REQUIRED),
    "update_screen": lambda state: _remove_values(
        state, MICROSOFT + r"\WindowsUpdate\UX\StateVariables", "RebootRequired"
    ),
    "agent_reboot_required": lambda state: state.setdefault("update_agent", {}).update(reboot_required=False),
    "agent_reboot_before_install": lambda state: state.setdefault("update_agent", {}).update(
        reboot_required_before_installation=False
    ),
    "server_component_cache": lambda state: _remove_values(
        state, MICROSOFT + r"\ServerManager\ServicingStorage\ServerComponentCache", "RestartRequired"
    ),
    "computer_name": _computer_name,
    "domain_join": _domain_join,
    "ccm_reboot": _configmgr,
    "ccm_reboot_data": lambda state: _remove_keys(
        state, MICROSOFT + r"\SMS\Mobile Client\Reboot Management\RebootData"
    ),
    "dsc_lcm_state": _lcm,
    "file_renames": lambda state: _remove_values(
        state, CONTROL + r"\Session Manager", "PendingFileRenameOperations", "PendingFileRenameOperations2"
    ),
    "update_exe_volatile": _update_exe,
}


def carry_out(state: State, keeps: Iterable[str] = ()) -> None:
    """Take the marks away that a restart takes away, but those that this host keeps."""
    for mark, take_away in MARKS.items():
        if mark not in keeps:
            take_away(state)
