# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector's PowerShell, run under pwsh over fake Windows, held against the same answers in Python."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, controller, environment
from fleet import fast, pwsh

MODULE = ROOT / "plugins" / "modules" / "windows_signals_info.ps1"
DOCUMENTATION = MODULE.with_suffix(".yml")
WIRE_BUDGET = 20_000

Result = dict[str, Any]

# A connection that keeps what ansible-core would send, so the payloads are ansible-core's own.
RECORDER = '''
from __future__ import annotations
DOCUMENTATION = """
name: recorder
short_description: keeps what would be sent
description: keeps what would be sent
author: rebootless.patching
options:
  record_to:
    description: file
    vars: [{name: record_to}]
"""
import base64, json, pathlib
from ansible.plugins.connection import ConnectionBase


class Connection(ConnectionBase):
    transport = "recorder"
    module_implementation_preferences = (".ps1", ".exe", "")
    has_pipelining = True
    allow_executable = False
    always_pipeline_modules = True

    def __init__(self, *args, **kwargs):
        self._shell_type = "powershell"
        super().__init__(*args, **kwargs)

    def _connect(self):
        self._connected = True
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        record = {"line": cmd, "stdin": base64.b64encode(in_data or b"").decode()}
        pathlib.Path(self.get_option("record_to")).write_text(json.dumps(record))
        return 0, b'{"changed": false}', b""

    def put_file(self, in_path, out_path):
        pass

    def fetch_file(self, in_path, out_path):
        pass

    def close(self):
        pass
'''

CV = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
NT = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
CCS = r"HKLM\SYSTEM\CurrentControlSet"

FULL: Result = {
    "clock": "2026-08-20T12:00:00Z",
    "boot": "2026-07-15T02:10:00Z",
    "time_zone": {"id": "W. Europe Standard Time", "utc_offset_minutes": 120},
    "logon": "local",
    "registry": {
        NT: {"EditionID": "ServerStandard", "CurrentBuild": "26100", "UBR": 33222, "InstallationType": "Server"},
        NT + r"\Update\TargetingInfo\DynamicInstalled\Hotpatch.amd64": {"Name": "Hotpatch Enrollment Package"},
        NT + r"\Subscriptions": {"DeviceLicensingServiceCommandMutex": "never shown"},
        CCS + r"\Control\Session Manager": {
            "PendingFileRenameOperations": [
                *(r"\??\C:\Windows\Temp\x.tmp", ""),
                *(r"\??\C:\new.dll", r"!\??\C:\Windows\System32\old.dll"),
                *(r"\??\UNC\server\share\x", ""),
                *("", ""),
            ],
            "PendingFileRenameOperations2": [
                *(r"*1\??\C:\Windows\System32\new.sys", r"!*2\??\C:\Windows\System32\drivers\old.sys"),
                *(r"*\??\C:\a", r"*12\??\C:\b"),
                *(r"+\??\C:\unknown", r"\Device\x"),
                r"\??\D:\alone",
            ],
        },
        CCS + r"\Control\Session Manager\Environment": {"PROCESSOR_ARCHITECTURE": "AMD64"},
        CCS + r"\Control\Session Manager\Memory Management": {
            "HotPatchTableSize": 0xFFFFFFFF,
            "HotPatchRestrictions": ["one"],
        },
        CCS + r"\Control\ComputerName\ActiveComputerName": {"ComputerName": "OLD"},
        CCS + r"\Control\ComputerName\ComputerName": {"ComputerName": "NEW"},
        CCS + r"\Services\Netlogon\JoinDomain": {},
        CCS + r"\Services\Netlogon": {"AvoidSpnSet": 1},
        CV + r"\Component Based Servicing\RebootPending": {},
        CV + r"\WindowsUpdate\Auto Update\RebootRequired": {"b2": 1, "A1": 1, "_": 1},
        CV + r"\RunOnce": {"DVDRebootSignal": 1},
        r"HKLM\SOFTWARE\Microsoft\WindowsUpdate\UX\StateVariables": {"RebootRequired": 1},
        r"HKLM\SOFTWARE\Microsoft\Updates\UpdateExeVolatile": {"Flags": 2},
        r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate": {
            "WUServer": ["ExpandString", "%SystemRoot%"],
            "SetComplianceDeadline": 1,
            "ConfigureDeadlineGracePeriod": 0,
        },
        r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU": {"AUOptions": ["QWord", 5000000000]},
        r"HKLM\SOFTWARE\Microsoft\SMS\Mobile Client\Reboot Management\RebootData": {"RebootBy": 0, "HardReboot": 1},
    },
    "cim": {
        "root/cimv2": {
            "Win32_OperatingSystem": [{"OperatingSystemSKU": 7, "ProductType": 3, "OSLanguage": 1031}],
            "Win32_LogicalDisk": [{"DeviceID": "D:"}, {"DeviceID": "C:", "FreeSpace": 53687091200, "Size": 136365211648}],
        },
        "root/Microsoft/Windows/DeviceGuard": {"Win32_DeviceGuard": [{"VirtualizationBasedSecurityStatus": 2}]},
    },
    "cim_methods": {
        "root/ccm/ClientSDK": {
            "CCM_ClientUtilities": {
                "DetermineIfRebootPending": {
                    "ReturnValue": 0,
                    "RebootPending": True,
                    "RebootDeadline": "2026-08-21T00:00:00Z",
                }
            }
        },
        "root/Microsoft/Windows/DesiredStateConfiguration": {
            "MSFT_DSCLocalConfigurationManager": {
                "GetMetaConfiguration": {"MetaConfiguration": {"LCMState": "PendingReboot"}}
            }
        },
    },
    "hotfixes": [
        {"kb": "KB5082063", "installed_on": "4/14/2026"},
        {"kb": "KB5087537", "installed_on": "01dcc1a2b3c4d5e6"},
        {"kb": "KB5094126", "installed_on": None},
        {"kb": "", "installed_on": ""},
        {"kb": None},
    ],
    "services": {"himds": {"status": "Running", "start_type": "Automatic"}, "Extra": {"status": "Stopped", "start_type": "Manual"}},
    "update_agent": {"reboot_required": True, "reboot_required_before_installation": False},
    "azcmagent": {
        "status": "Connected",
        "lastHeartbeat": "2026-08-20T13:55:00+02:00",
        "agentVersion": "1.52.02926.2264",
        "errorCode": "",
        "tenantId": "never shown",
    },
    "events": [
        {"log": "Setup", "provider": "Microsoft-Windows-Servicing", "id": 2, "level": 4, "time": "2026-08-12T01:00:00Z",
         "properties": ["KB5120228", "5080"]},
        {"log": "Setup", "provider": "Microsoft-Windows-Servicing", "id": 4, "level": 4, "time": "2026-08-13T01:00:00Z"},
        {"log": "Setup", "provider": "Other", "id": 1, "level": 4, "time": "2026-08-14T01:00:00Z"},
        {"log": "Application", "provider": "Hotpatch Monitoring", "id": 9, "level": 2, "time": "2026-08-13T01:00:00Z",
         "properties": ["x" * 300]},
        {"log": "Application", "provider": "Other", "id": 9, "level": 4, "time": "2026-08-13T01:00:00Z",
         "properties": ["hotpatch, but no error"]},
        *({"log": fast.MDM_LOG, "provider": "MDM", "id": number, "level": 4, "time": f"2026-08-13T01:00:{number:02}Z",
           "properties": ["AllowRebootlessUpdates"]} for number in range(25)),
    ],
    "files": [
        r"C:\windows\temp\X.tmp",
        r"C:\Windows\System32\new.sys",
        "C:\\Packages\\Plugins\\Microsoft.SoftwareUpdateManagement.WindowsOsUpdateExtension\\",
        "C:\\Packages\\Plugins\\Microsoft.CPlat.Core.WindowsPatchExtension\\",
        r"C:\Packages\Plugins\Other\x",
    ],
}  # fmt: skip

NETWORK_LOGON: Result = {
    "clock": "2026-01-02T03:04:05Z",
    "registry": {NT: {"EditionID": "ServerTurbine", "CurrentBuild": "20348"}, CCS + r"\Control\Session Manager": {}},
    "cim": {"root/cimv2": {"Win32_OperatingSystem": [{"LastBootUpTime": None}], "Win32_LogicalDisk": []}},
    "cim_methods": {"root/ccm/ClientSDK": {"CCM_ClientUtilities": {}}},
    "azcmagent": {"status": "Disconnected", "lastHeartbeat": "0001-01-01T00:00:00Z"},
    "files": ["C:\\Packages\\Plugins\\"],
}
WORLDS = {"full": FULL, "network logon": NETWORK_LOGON, "nothing": {"clock": "2026-08-20T12:00:00Z"}}

REGISTRY_PROBES = {
    NT: ("edition_id", "build"),
    CCS + r"\Control\Session Manager": ("file_renames",),
    CCS + r"\Services\Netlogon": ("domain_join",),
    CV + r"\Component Based Servicing\RebootInProgress": ("cbs_reboot_in_progress",),
    CV + r"\WindowsUpdate\Auto Update\RebootRequired": ("wu_reboot_required",),
    CV + r"\RunOnce": ("dvd_reboot_signal",),
}
CIM_PROBES = {
    "root/cimv2/Win32_OperatingSystem": "operating_system",
    "root/cimv2/Win32_LogicalDisk": "system_disk",
    "root/cimv2/Win32_QuickFixEngineering": "hotfixes",
    "root/Microsoft/Windows/DeviceGuard": "vbs_running",
    "root/ccm/ClientSDK/CCM_ClientUtilities": "ccm_reboot",
    "root/Microsoft/Windows/DesiredStateConfiguration": "dsc_lcm_state",
}
COMMAND_PROBES = {
    "azcmagent": ("arc_agent",),
    "Get-Service": ("services",),
    "Get-WinEvent": ("event_mdm", "event_app", "event_setup"),
    "Get-TimeZone": ("clock",),
}
COM_PROBES = {
    "Microsoft.Update.SystemInfo": ("agent_reboot_required",),
    "Microsoft.Update.Session": ("agent_reboot_before_install", "agent_busy"),
}


def record(folder: Path, module: str, arguments: Result) -> tuple[str, bytes]:
    """Bootstrap script and standard input that the installed ansible-core sends for a module."""
    plugins = folder / "connections"
    plugins.mkdir(exist_ok=True)
    (plugins / "recorder.py").write_text(RECORDER, encoding="utf-8")
    found = environment() | {"ANSIBLE_CONNECTION_PLUGINS": str(plugins), "ANSIBLE_PIPELINING": "1"}
    host = {"ansible_connection": "recorder", "ansible_shell_type": "powershell", "record_to": str(folder / "record")}
    command = [str(controller() / "ansible"), "sim", "-i", "sim,", "-e", json.dumps(host)]
    command += ["-m", f"rebootless.patching.{module}", "-a", json.dumps(arguments)]
    subprocess.run(command, env=found, check=True, capture_output=True, cwd=folder)
    kept = json.loads((folder / "record").read_text(encoding="utf-8"))
    encoded = re.search(r"-EncodedCommand\s+'?([A-Za-z0-9+/=]+)", kept["line"])
    assert encoded
    return base64.b64decode(encoded[1]).decode("utf-16-le"), base64.b64decode(kept["stdin"])


def with_arguments(stdin: bytes, arguments: Result) -> bytes:
    """A recorded payload with other module arguments."""
    head, body = stdin.decode().split(pwsh.SEPARATOR)
    manifest = json.loads(body)
    if "scripts" in manifest:
        manifest["actions"][-1]["params"]["Variables"][0]["Value"].update(arguments)
        return f"{head}{pwsh.SEPARATOR}\n{json.dumps(manifest)}".encode()
    manifest["module_args"].update(arguments)
    return f"{head}{pwsh.SEPARATOR}{json.dumps(manifest)}".encode()


class Collector:
    """Runs the collector in a pool, on the test's own event loop."""

    def __init__(self, runner: asyncio.Runner, script: str, stdin: bytes) -> None:
        self.runner, self.script, self.stdin = runner, script, stdin
        self.pool = runner.run(self._pool())

    @staticmethod
    async def _pool() -> pwsh.Pool:
        return pwsh.Pool(1)

    def raw(self, world: Result, script: str, stdin: bytes, timeout: float = 120) -> tuple[int, bytes, bytes]:
        return self.runner.run(self.pool.run(world, script, stdin, timeout))

    def __call__(self, world: Result, arguments: Result | None = None) -> Result:
        rc, out, err = self.raw(world, self.script, with_arguments(self.stdin, arguments or {}))
        assert out, (rc, err)
        return dict(json.loads(out))


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    if pwsh.find_pwsh() is None:
        message = "no pwsh 7.5 or newer: put one on PATH or name it in REBOOTLESS_PWSH"
        if os.environ.get("REBOOTLESS_REQUIRE_PWSH") == "1":
            pytest.fail(message)
        pytest.skip(message)
    script, stdin = record(tmp_path_factory.mktemp("payload"), "windows_signals_info", {"cim_timeout": 20})
    # A host is seldom in UTC: a time that is read as local shows.
    with asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patched:
        patched.setenv("TZ", "Europe/Berlin")
        made = Collector(runner, script, stdin)
        yield made
        runner.run(made.pool.close())


def test_the_module_keeps_to_the_wire_budget() -> None:
    assert MODULE.stat().st_size < WIRE_BUDGET


def test_documentation_names_the_subsets_and_probes_the_fast_executor_knows() -> None:
    options = yaml.safe_load(DOCUMENTATION.read_text(encoding="utf-8"))["DOCUMENTATION"]["options"]
    assert tuple(options["gather_subset"]["choices"]) == fast.CHOICES
    assert set(options) == {"gather_subset", "services", "cim_timeout"}


@pytest.mark.parametrize("name", WORLDS)
def test_powershell_and_python_give_the_same_signals(collector: Collector, name: str) -> None:
    arguments = {"services": ["extra", "HIMDS", "absent", ""]}
    answer = collector(WORLDS[name], arguments)
    assert answer["signals"] == fast.signals(WORLDS[name], arguments)
    assert list(answer["signals"]) == list(fast.signals(WORLDS[name], arguments))
    assert (answer["schema"], answer["changed"]) == (1, False)


def test_what_a_full_world_answers(collector: Collector) -> None:
    signals = collector(FULL)["signals"]
    value = {name: signals[name]["value"] for name in signals if signals[name]["ok"]}
    assert len(value) == len(signals) == 46
    assert value["file_renames"] == {
        "total": 8,
        "pairs": [
            {"source": r"C:\Windows\Temp\x.tmp", "destination": "", "source_exists": True},
            {"source": r"C:\new.dll", "destination": r"C:\Windows\System32\old.dll", "source_exists": False},
            {"source": r"UNC\server\share\x", "destination": "", "source_exists": None},
            {"source": "", "destination": "", "source_exists": None},
            {
                "source": r"C:\Windows\System32\new.sys",
                "destination": r"C:\Windows\System32\drivers\old.sys",
                "source_exists": True,
            },
            {"source": r"C:\a", "destination": r"C:\b", "source_exists": False},
            {"source": r"+\??\C:\unknown", "destination": r"\Device\x", "source_exists": None},
            {"source": r"D:\alone", "destination": "", "source_exists": False},
        ],
    }
    assert value["hotpatch_table_size"] == 4294967295
    assert value["chpe_off"] == ["one"]
    assert value["hotfixes"][1:] == [
        {"kb": "KB5087537", "installed_on": "01dcc1a2b3c4d5e6"},
        {"kb": "KB5094126", "installed_on": ""},
        {"kb": "", "installed_on": ""},
        {"kb": None, "installed_on": ""},
    ]
    assert value["arc_agent"] == {
        "status": "Connected",
        "last_heartbeat": "2026-08-20T11:55:00Z",
        "version": "1.52.02926.2264",
        "error_code": "",
    }
    assert value["wu_reboot_required"] == ["A1", "_", "b2"]
    assert value["azure_patch_extensions"] == [
        "Microsoft.CPlat.Core.WindowsPatchExtension",
        "Microsoft.SoftwareUpdateManagement.WindowsOsUpdateExtension",
    ]
    assert value["update_screen"] == 1
    assert value["ccm_reboot"]["hard_reboot_pending"] is None
    assert value["windows_update_policy"]["ConfigureDeadlineGracePeriod"] == 0
    assert value["domain_join"] == {"JoinDomain": True, "AvoidSpnSet": True}
    assert value["windows_update_policy"]["WUServer"] == "%SystemRoot%"
    assert [event["id"] for event in value["event_setup"]] == [4, 2]
    assert [event["properties"] for event in value["event_app"]] == [["x" * 200]]
    assert [event["id"] for event in value["event_mdm"]] == list(range(24, 4, -1))
    assert "never shown" not in json.dumps(signals)


def test_only_fifty_file_renames_are_listed(collector: Collector) -> None:
    entries = [text for number in range(60) for text in (rf"\??\C:\{number}", "")]
    world = {"registry": {CCS + r"\Control\Session Manager": {"PendingFileRenameOperations": entries}}}
    arguments = {"gather_subset": ["!all", "pending"]}
    found = collector(world, arguments)["signals"]["file_renames"]["value"]
    assert (found["total"], len(found["pairs"])) == (60, 50)
    assert found == fast.signals(world, arguments)["file_renames"]["value"]


def test_what_is_null_stays_null(collector: Collector) -> None:
    agent = {"reboot_required": "null", "reboot_required_before_installation": "null"}
    answers = {"ReturnValue": 0, "RebootPending": None, "IsHardRebootPending": False}
    methods = {"root/ccm/ClientSDK": {"CCM_ClientUtilities": {"DetermineIfRebootPending": answers}}}
    world = {**FULL, "update_agent": agent, "cim_methods": methods}
    signals = collector(world)["signals"]
    assert signals == fast.signals(world, {})
    assert signals["agent_reboot_required"]["value"] is signals["agent_reboot_before_install"]["value"] is None
    assert (signals["ccm_reboot"]["value"]["reboot_pending"], signals["ccm_reboot"]["value"]["deadline"]) == (
        None,
        None,
    )


def test_a_time_without_a_zone_is_utc(collector: Collector) -> None:
    assert b"Berlin" in collector.raw({}, "[System.TimeZoneInfo]::Local.Id", b"")[1]
    for beat in ("2026-08-20T11:55:00", "2026-08-20 11:55:00", "2026-08-20T13:55:00+02:00"):
        world = {**FULL, "azcmagent": {"status": "Connected", "lastHeartbeat": beat}}
        signals = collector(world, {"gather_subset": ["!all", "arc"]})["signals"]
        assert signals["arc_agent"]["value"]["last_heartbeat"] == "2026-08-20T11:55:00Z"
        assert signals == fast.signals(world, {"gather_subset": ["!all", "arc"]})


def test_a_program_on_the_path_is_not_the_arc_agent(collector: Collector) -> None:
    plant = r"""
        $file = "$env:SIM_BIN/azcmagent"
        [System.IO.File]::WriteAllText($file, "#!/bin/sh`necho '{`"status`": `"Connected`"}'`n")
        [System.IO.File]::SetUnixFileMode($file, [System.IO.UnixFileMode]'UserRead, UserWrite, UserExecute')
        & azcmagent
    """
    assert b"Connected" in collector.raw({}, plant, b"")[1]
    arguments = {"gather_subset": ["!all", "arc"]}
    absent = {key: value for key, value in FULL.items() if key != "azcmagent"}
    assert collector(absent, arguments)["signals"]["arc_agent"] == {"ok": True, "value": None, "error": None}
    assert collector(FULL, arguments)["signals"]["arc_agent"]["value"]["version"] == "1.52.02926.2264"
    collector.raw({}, '[System.IO.File]::Delete("$env:SIM_BIN/azcmagent")', b"")


def test_a_32_bit_powershell_knows_nothing(collector: Collector) -> None:
    world = {**FULL, "powershell": "32-bit"}
    signals = collector(world)["signals"]
    assert signals == fast.signals(world, {})
    assert {answer["error"]["hresult"] for answer in signals.values()} == {-2146233031}
    assert collector(FULL)["signals"]["arc_agent"]["ok"]


REFUSED = {
    "denied": ["0x80070005", "0x80041003", "0x80041062", "0x80070522", "0x800702E4", "0x80240044"],
    "timeout": ["0x80041069", "0x800705B4"],
    "unavailable": ["0x8004100E", "0x80040154"],
    "failed": ["0x80240016", "0x80070032"],
}


def test_numbers_say_how_a_question_failed(collector: Collector) -> None:
    """Through ConvertTo-ProbeError of the collection itself."""
    module = (MODULE.parents[1] / "module_utils" / "Probe.psm1").read_text(encoding="utf-8")
    codes = [code for known in REFUSED.values() for code in known]
    script = f"""
        $module = New-Module -ScriptBlock {{ {module} }}
        Import-Module -ModuleInfo $module
        foreach ($code in {", ".join(codes)}) {{
            try {{ throw [System.Runtime.InteropServices.COMException]::new('x', $code) }} catch {{ (ConvertTo-ProbeError $_).type }}
        }}
        foreach ($number in 5, 740, 1314, 2) {{
            try {{ throw [System.ComponentModel.Win32Exception]::new($number) }} catch {{ (ConvertTo-ProbeError $_).type }}
        }}
    """
    rc, out, err = collector.raw({}, script, b"")
    assert rc == 0, err
    assert out.decode().split() == [
        *(kind for kind, known in REFUSED.items() for _code in known),
        *("denied", "denied", "denied", "failed"),
    ]


@pytest.mark.parametrize("kind", ["denied", "timeout", "failed", "missing"])
def test_every_source_broken_in_every_way(collector: Collector, kind: str) -> None:
    broken = {
        "registry": dict.fromkeys(REGISTRY_PROBES, kind),
        "cim": dict.fromkeys(CIM_PROBES, kind),
        "commands": dict.fromkeys(COMMAND_PROBES, kind),
        "com": dict.fromkeys(COM_PROBES, kind),
    }
    world = {**FULL, "broken": broken}
    signals = collector(world)["signals"]
    assert signals == fast.signals(world, {})
    com = {name for names in COM_PROBES.values() for name in names}
    asked = {name for names in (*REGISTRY_PROBES.values(), *COMMAND_PROBES.values()) for name in names}
    asked |= {*CIM_PROBES.values(), *com}
    wrong = {name: answer["error"]["type"] for name, answer in signals.items() if not answer["ok"]}
    if kind == "missing":
        # Absent keys and optional products are answers.
        asked = {
            "operating_system",
            "system_disk",
            "hotfixes",
            "vbs_running",
            "services",
            "clock",
            *com,
        }
        kind = "unavailable"
    assert wrong == dict.fromkeys(asked, kind)


@pytest.mark.parametrize("kind", ["denied", "timeout", "failed", "missing"])
@pytest.mark.parametrize("command", ["Get-CimInstance", "Invoke-CimMethod", "Get-Date", "Get-WinEvent:Setup"])
def test_every_command_broken_in_every_way(collector: Collector, command: str, kind: str) -> None:
    world = {**FULL, "broken": {"commands": {command: kind}}}
    assert collector(world)["signals"] == fast.signals(world, {})


@pytest.mark.parametrize(
    ("asked", "subsets"),
    [
        (["all"], set(fast.SUBSETS)),
        (["pending"], {"os", "pending"}),
        (["!events"], set(fast.SUBSETS) - {"events"}),
        (["all", "!pending", "!os"], set(fast.SUBSETS) - {"pending"}),
        (["!all"], {"os"}),
        (["arc", "!all", "vbs"], {"os", "arc", "vbs"}),
        ([], set(fast.SUBSETS)),
    ],
)
def test_subsets(collector: Collector, asked: list[str], subsets: set[str]) -> None:
    signals = collector(FULL, {"gather_subset": asked})["signals"]
    assert set(signals) == {name for subset in subsets for name in fast.PROBES[subset]}
    assert signals == fast.signals(FULL, {"gather_subset": asked} if asked else {})


def test_an_unknown_subset_names_the_choices(collector: Collector) -> None:
    answer = collector(FULL, {"gather_subset": ["hotptach"]})
    assert answer["failed"]
    with pytest.raises(ValueError, match="hotptach") as raised:
        fast.signals(FULL, {"gather_subset": ["hotptach"]})
    assert str(raised.value) in answer["msg"]


def test_check_mode_answers_too(collector: Collector) -> None:
    assert collector(FULL, {"_ansible_check_mode": True})["signals"] == fast.signals(FULL, {})


def test_nothing_a_module_does_can_write_or_restart(collector: Collector) -> None:
    for script in (
        r"New-Item -Path HKLM:\SOFTWARE\Acme",
        r"Set-ItemProperty -LiteralPath 'HKLM:\SOFTWARE' -Name a -Value 1",
        r"Set-Content -LiteralPath C:\x.txt -Value 1",
        "Restart-Computer",
        "Stop-Computer",
        "shutdown",
    ):
        wrapped = f"$ErrorActionPreference = 'Stop'; Import-Module $env:SIM_SHIM -Scope Global; {script}"
        rc, _out, err = collector.raw({"registry": {r"HKLM\SOFTWARE": {}}}, wrapped, b"")
        assert (rc, bool(err)) == (1, True), script


def test_a_process_survives_bad_payloads(collector: Collector) -> None:
    assert collector.raw({}, "throw 'no'", b"") == (1, b"", b"no")
    assert collector.raw({}, "(", b"")[0] == 1
    assert collector.raw({}, "1", b"\xff\xfe")[:2] == (0, b"1\r\n")
    assert collector.raw({}, "1", b"\0\0\0\0{")[2].startswith(b"the payload cannot be read: JSONDecodeError")
    assert collector.raw({"registry": {r"HKLM\A": {"b": {}}}}, "1", b"")[2].startswith(b"worker: ")
    assert collector.raw({}, "[Console]::Out.Write('x'); exit 3", b"")[1] == b"x"
    assert collector.raw({}, "[Console]::Out.Write('out'); $input", b"a\nb") == (0, b"outa\r\nb\r\n", b"")


def test_environment_and_errors_stay_with_their_payload(collector: Collector) -> None:
    collector.raw({}, "$env:LEFT = 'behind'", b"")
    assert collector.raw({}, '"[$env:LEFT]"', b"")[1] == b"[]\r\n"
    rc, _out, err = collector.raw({}, "Write-Error -Message 'said'; $host.SetShouldExit(5)", b"")
    assert (rc, err) == (5, b"said")


def test_a_process_that_takes_too_long_is_replaced(collector: Collector) -> None:
    before = collector.raw({}, "$PID", b"")[1]
    with pytest.raises(TimeoutError):
        collector.raw({}, "Start-Sleep -Seconds 60", b"", timeout=0.3)
    after = collector.raw({}, "$PID", b"")[1]
    assert before != after
    with pytest.raises(ProcessLookupError):
        os.kill(int(before), 0)


def test_processes_die_with_a_killed_parent(collector: Collector) -> None:
    program = textwrap.dedent(
        """
        import asyncio, sys
        sys.path.insert(0, sys.argv[1])
        from fleet import pwsh

        async def main():
            pool = pwsh.Pool(1)
            print((await pool.run({}, "$PID", b"", 60))[1].decode().strip(), flush=True)
            await pool.run({}, "Start-Sleep -Seconds 60", b"", 60)

        asyncio.run(main())
        """
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(Path(pwsh.__file__).parents[1])], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    limit = time.monotonic() + 10
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        while time.monotonic() < limit:
            state = Path(f"/proc/{child}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
            if state == "Z":
                return
        pytest.fail("the child outlived its parent")


@pytest.mark.parametrize("core", ["2.18", "2.19+"])
def test_inject_puts_the_shim_first_and_takes_out_what_needs_windows(core: str) -> None:
    made: Callable[[], bytes] = {"2.18": _payload_2_18, "2.19+": _payload_2_19}[core]
    changed, taken = pwsh.inject(made())
    head, body, data = changed.decode().split(pwsh.SEPARATOR)
    manifest = json.loads(body)
    if core == "2.18":
        assert head == "wrapper"
        assert taken == ["async_wrapper", "async_watchdog"]
        assert manifest["actions"] == ["module_powershell_wrapper"]
        assert list(manifest["powershell_modules"]) == ["Sim.Shim", "A"]
        assert manifest["min_os_version"] is None
    else:
        assert json.loads(head)["params"] == {"MinOSVersion": None, "MinPSVersion": None, "PwshPath": None}
        assert [action["name"] for action in taken] == ["become_wrapper.ps1", "async_wrapper.ps1"]
        assert manifest["actions"][0]["params"]["PowerShellModules"] == [pwsh.SHIM, "A.psm1"]
    assert data.strip() == "data"
    assert pwsh.inject(b"no payload") == (b"no payload", [])


def _payload_2_18() -> bytes:
    actions = ["async_wrapper", "async_watchdog", "module_powershell_wrapper"]
    manifest = {"actions": actions, "powershell_modules": {"A": ""}, "min_os_version": "10.0"}
    return f"wrapper{pwsh.SEPARATOR}{json.dumps(manifest)}{pwsh.SEPARATOR}data".encode()


def _payload_2_19() -> bytes:
    boot = {"name": "exec_wrapper", "params": {"MinOSVersion": "10.0", "MinPSVersion": None, "PwshPath": "powershell"}}
    actions: list[Result] = [{"name": name, "params": {}} for name in ("become_wrapper.ps1", "async_wrapper.ps1")]
    actions.append({"name": "module_wrapper.ps1", "params": {"ForModule": True, "PowerShellModules": ["A.psm1"]}})
    body = json.dumps({"scripts": {}, "actions": actions, "signed_hashlist": []})
    return f"{json.dumps(boot)}\n{pwsh.SEPARATOR}\n{body}\n{pwsh.SEPARATOR}\ndata".encode()


def test_a_line_encoded_twice_is_unwrapped() -> None:
    inner = base64.b64encode("1 + 1".encode("utf-16-le")).decode()
    assert pwsh.unwrap(f"PowerShell -NoProfile -EncodedCommand {inner}") == "1 + 1"
    assert pwsh.unwrap("1 + 1") == "1 + 1"
