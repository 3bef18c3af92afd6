# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded signals as a world: it gives the same signals again, and no name in it when none is wanted."""

from __future__ import annotations

import copy
import importlib
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases, status
from ansible_collections.rebootless.patching.plugins.plugin_utils.recording import anonymiser, worlds

FLEET = Path(__file__).resolve().parents[4] / "fleet"
sys.path.insert(0, str(FLEET))
fast = importlib.import_module("fleet.fast")
library = importlib.import_module("fleet.worlds")

WORLDS = library.load(FLEET / "worlds")
NOW = datetime(2026, 9, 20, 12, tzinfo=UTC)
NT = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
SESSION = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"
CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate"


def host(**parts: Any) -> dict[str, Any]:
    """The world of a healthy host with some parts replaced."""
    return library.merge(WORLDS["s25-arc-on-track"], parts)


def recorded(world: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """What the recorder makes of a world's signals, through YAML, held against the schema."""
    found = worlds.world_from_signals(fast.signals(world, {}), NOW, **arguments)
    found = yaml.safe_load(yaml.safe_dump(found, allow_unicode=True))
    assert list(library.describe(found, library.schema())) == []
    return found


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_every_world_comes_back(name: str) -> None:
    signals = fast.signals(WORLDS[name], {})
    assert fast.signals(recorded(WORLDS[name], name=name), {}) == signals


RENAMES = [entry for number in range(60) for entry in (rf"\??\C:\old{number}", rf"!\??\C:\new{number}")]
ODD = {
    "more renames than are listed": {"registry": {SESSION: {"PendingFileRenameOperations": RENAMES}}},
    "a rename without its destination": {"registry": {SESSION: {"PendingFileRenameOperations": [r"\??\C:\a"]}}},
    "a rename on a share": {"registry": {SESSION: {"PendingFileRenameOperations": [r"\??\UNC\fs1\x\y", ""]}}},
    "an empty source": {"registry": {SESSION: {"PendingFileRenameOperations": ["", r"\??\C:\a"]}}},
    "both lists of renames": {
        "registry": {SESSION: {"PendingFileRenameOperations": [], "PendingFileRenameOperations2": [r"\??\C:\a", ""]}}
    },
    "an unsigned number": {"registry": {NT: {"UBR": 4294967295}}},
    "a negative number": {"registry": {NT: {"UBR": -1}}},
    "a long number": {"registry": {NT: {"UBR": ["QWord", 2**40]}}},
    "a text with a variable in it": {"registry": {NT: {"EditionID": ["ExpandString", "%windir%"]}}},
    "bytes": {"registry": {NT: {"UBR": ["Binary", [1, 0, 255]]}}},
    "a list that looks like a kind": {"registry": {POLICY: {"WUServer": ["MultiString", ["DWord", "1"]]}}},
    "a key without values": {"registry": {POLICY: {}}},
    "no class": {"cim": {"root/cimv2": {"Win32_LogicalDisk": None}}},
    "no instance": {"cim": {"root/cimv2": {"Win32_LogicalDisk": []}}},
    "no namespace": {"cim": {"root/Microsoft/Windows/DeviceGuard": None}},
    "no property": {"cim": {"root/cimv2": {"Win32_OperatingSystem": [{"ProductType": 3}]}}},
    "no last boot": {"cim": {"root/cimv2": {"Win32_OperatingSystem": [{"LastBootUpTime": None}]}}},
    "no operating system": {"cim": {"root/cimv2": {"Win32_OperatingSystem": []}}},
    "no method": {"cim_methods": {"root/ccm/ClientSDK": {"CCM_ClientUtilities": {}}}},
    "a fix that is no KB": {
        "cim": {"root/cimv2": {"Win32_QuickFixEngineering": [{"HotFixID": "File 1", "InstalledOn": ""}]}}
    },
    "an agent that tells nothing": {"azcmagent": {"status": None, "agentVersion": None, "errorCode": None}},
    "one silent update agent object": {"logon": "local", "broken": {"com": {"Microsoft.Update.Session": "denied"}}},
    "update agent objects that fail": {
        "broken": {"com": {"Microsoft.Update.Session": "missing", "Microsoft.Update.SystemInfo": "timeout"}}
    },
    "no clock": {"broken": {"commands": {"Get-Date": "failed"}}, "clock": "2026-09-20T12:00:00Z"},
    "an absent log": {"broken": {"commands": {"Get-WinEvent:Setup": "missing"}}},
    "a log that may not be read": {"broken": {"commands": {"Get-WinEvent:Application": "denied"}}},
    "a folder without extensions": {"files": ["C:\\Packages\\Plugins\\"]},
}


@pytest.mark.parametrize("parts", ODD.values(), ids=ODD)
def test_odd_answers_come_back(parts: dict[str, Any]) -> None:
    world = host(**copy.deepcopy(parts))
    world.pop("azcmagent") if world["azcmagent"] == {} and "azcmagent" not in parts else None
    assert fast.signals(recorded(world), {}) == fast.signals(world, {})


def test_probes_that_were_not_asked_are_not_answered() -> None:
    signals = fast.signals(host(), {"gather_subset": ["vbs"]})
    found = worlds.world_from_signals(signals, NOW)
    again = fast.signals(found, {"gather_subset": ["vbs"]})
    assert again == signals
    assert "broken" not in found


def test_clock_is_the_given_time_where_the_host_has_none() -> None:
    found = worlds.world_from_signals({}, NOW)
    assert (found["clock"], found["boot"]) == ("2026-09-20T12:00:00Z", "2026-09-20T12:00:00Z")


@pytest.mark.parametrize("signals", [{}, {"hotfixes": {"ok": False, "value": None, "error": None}}, {"build": None}])
def test_fragments_of_signals_make_a_world(signals: dict[str, Any]) -> None:
    found = worlds.world_from_signals(signals, NOW, name="x")
    assert list(library.describe(found, library.schema())) == []


SECRET = ["zeppelin", "ferrous", "quarzwerk", "mmustermann", "erika", "10.20.30", "172.16.9.9", "fd12:3456", "4711-"]
EVENTS = [
    {
        "log": "Application",
        "provider": "hpatchmon",
        "id": 1001,
        "level": 2,
        "time": "2026-08-18T04:12:09Z",
        "properties": [
            r"hotpatch failed for QUARZWERK\mmustermann on ZEPPELIN-DB1 (10.20.30.40, fd12:3456::7)",
            "asked http://ferrous.intern.quarzwerk.de:8530/x and 172.16.9.9:443; erika@quarzwerk.de was told",
            r"\\ferrous\patches$\hotpatch.msu, S-1-5-21-1004711-22-4711-500, Zeppelin-db1$",
            r"C:\Users\MMUSTE~1.QUA\AppData\Local\Temp\x.tmp and c:\users\mmustermann\hotpatch.log",
        ],
    }
]


def secret_host() -> dict[str, Any]:
    """A host whose every free text holds names."""
    key = CONTROL + r"\ComputerName"
    tcp = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
    registry = {
        key + r"\ActiveComputerName": {"ComputerName": "ZEPPELIN-DB1"},
        key + r"\ComputerName": {"ComputerName": "ZEPPELIN-DB1"},
        tcp: {"Hostname": "zeppelin-db1", "NV Hostname": "Zeppelin-DB1"},
        POLICY: {"WUServer": "https://ferrous.intern.quarzwerk.de:8531"},
        SESSION: {
            "PendingFileRenameOperations": [
                r"\??\C:\Users\mmustermann\AppData\Local\Temp\a.tmp",
                "",
                r"\??\C:\Windows\Temp\zeppelin-db1.new",
                r"!\??\C:\Windows\System32\drivers\vsepflt.sys",
                r"\??\UNC\ferrous\patches\erika\x",
                "",
            ]
        },
    }
    files = [r"C:\Users\mmustermann\AppData\Local\Temp\a.tmp"]
    return host(registry=registry, events=EVENTS, files=files)


def test_no_name_survives() -> None:
    invented = anonymiser.Anonymiser()
    invented.learn({}, ["zeppelin-db1.intern.quarzwerk.de", "10.20.30.41"])
    found = recorded(secret_host(), name="zeppelin-db1.intern.quarzwerk.de", anonymise=invented)
    text = json.dumps(found, ensure_ascii=False).lower()
    assert [secret for secret in SECRET if secret in text] == []
    assert "muste" not in text
    assert found["title"] == "Recorded from host-001.example.invalid"


def test_invented_names_keep_what_matters() -> None:
    found = recorded(secret_host(), anonymise=anonymiser.Anonymiser())
    registry = found["registry"]
    names = [values["ComputerName"] for key, values in registry.items() if "ComputerName" in key.rpartition("\\")[2]]
    assert names == ["host-001", "host-001"]
    assert registry[POLICY]["WUServer"] == "https://host-002.example.invalid:8531"
    signals = fast.signals(found, {})
    pairs = signals["file_renames"]["value"]["pairs"]
    assert pairs[0]["source"].startswith("C:\\Users\\user-")
    assert pairs[0]["source_exists"]
    assert re.fullmatch(r"C:\\Windows\\System32\\drivers\\word-\d+\.sys", pairs[1]["destination"])
    assert len(signals["event_app"]["value"]) == 1
    original = fast.signals(secret_host(), {})
    free = {"clock", "computer_name", "windows_update_policy", "file_renames", "event_app"}
    assert {name for name in original if original[name] != signals[name]} == free


TABLE = releases.ReleaseTable.load(releases.shipped())


def judged(world: dict[str, Any]) -> dict[str, Any]:
    """What the core makes of a host: all that is no text of the host's own."""
    host = status.host_status("a", fast.signals(world, {}), None, TABLE, NOW)
    codes = sorted(reason["code"] for reason in host["reasons"])
    pending = [(reason["class"], reason["source"]) for reason in host["pending"]["reasons"]]
    return {
        "codes": codes,
        "pending": pending,
        **{key: host[key] for key in ("state", "track", "build", "last_boot", "product")},
    }


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_without_names_a_host_is_judged_the_same(name: str) -> None:
    assert judged(recorded(WORLDS[name], anonymise=anonymiser.Anonymiser())) == judged(WORLDS[name])


def test_a_name_is_the_same_in_all_worlds() -> None:
    first, second = secret_host(), host()
    second["events"] = [EVENTS[0] | {"properties": ["hotpatch of zeppelin-db1 at 10.20.30.40 by SRV01"]}]
    made = [worlds.world_from_signals(fast.signals(world, {}), NOW) for world in (first, second)]
    invented = anonymiser.Anonymiser()
    for world in made:
        invented.learn(world)
    one, two = (invented.world(world) for world in made)
    address = "192.0.2.1"
    srv = two["registry"][CONTROL + r"\ComputerName\ComputerName"]["ComputerName"]
    assert two["events"][0]["properties"] == [f"hotpatch of host-001 at {address} by {srv}"]
    assert address in one["events"][0]["properties"][0]


@pytest.mark.parametrize(
    ("names", "same"),
    [
        (("FILE01", "file01", "file01"), True),
        (("FILE01", "FILE02", "file02"), False),
        (("ABCDEFGHIJKLMNO", "ABCDEFGHIJKLMNO", "abcdefghijklmnopq"), True),
    ],
)
def test_a_pending_rename_stays_one(names: tuple[str, str, str], same: bool) -> None:
    active, configured, nv = names
    registry = {
        CONTROL + r"\ComputerName\ActiveComputerName": {"ComputerName": active},
        CONTROL + r"\ComputerName\ComputerName": {"ComputerName": configured},
        r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters": {"NV Hostname": nv},
    }
    found = recorded(host(registry=registry), anonymise=anonymiser.Anonymiser())
    told = fast.signals(found, {})["computer_name"]["value"]
    assert (told["active"] == told["configured"] == told["nv_hostname"]) is same


@pytest.mark.parametrize(
    "text",
    [
        r"C:\Windows\System32\drivers\disk.sys",
        r"C:\Config.Msi\4711.rbf",
        r"C:\Users\Public\x",
        "KB5120228 5112 Installed 0x0 WindowsUpdateAgent",
        "10.0.20348.1129 at 02:10:00, 127.0.0.1 and ::1",
        r"NT AUTHORITY\SYSTEM",
        "https://fe3cr.delivery.mp.microsoft.com/x",
    ],
)
def test_words_of_windows_stay(text: str) -> None:
    invented = anonymiser.Anonymiser()
    world = host(events=[EVENTS[0] | {"properties": [text]}])
    invented.learn(world, ["web1.corp.example.com"])
    assert invented.text(text) == text


@pytest.mark.parametrize("name", ["windows", "temp", "x", ""])
def test_a_host_with_an_everyday_name_breaks_no_paths(name: str) -> None:
    invented = anonymiser.Anonymiser()
    invented.learn({}, [name])
    assert invented.text(r"C:\Windows\Temp\x.tmp") == r"C:\Windows\Temp\x.tmp"


def test_many_addresses_stay_apart() -> None:
    invented = anonymiser.Anonymiser()
    made = {invented.text(f"10.1.{number // 250}.{number % 250 + 1}") for number in range(500)}
    assert len(made) == 500
    assert not any(text.startswith("10.") for text in made)
