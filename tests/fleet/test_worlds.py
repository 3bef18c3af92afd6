# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""World files and faults files: merging, and an error that names file and key for every mistake."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from conftest import HERE
from fleet import faults, host, worlds

FRAGMENT = """
title: base
clock: '2026-09-20T12:00:00Z'
boot: '2026-09-10T02:31:00Z'
registry:
  'HKLM\\SOFTWARE\\A': {One: 1, Two: two}
  'HKLM\\SOFTWARE\\B': {}
services:
  himds: {status: Running, start_type: Automatic}
hotfixes: [{kb: KB5099536, installed_on: 7/15/2026}]
update_agent: {reboot_required: true}
"""
EXPECT = {
    "state": "on_track",
    "track": "hotpatch",
    "reasons": [],
    "warnings": [],
    "pending": False,
    "pending_reasons": [],
    "fact": "a fact",
}


def write(folder: Path, world: str | dict[str, Any], name: str = "host") -> Path:
    """A folder with a fragment and a world."""
    (folder / "_base.yml").write_text(FRAGMENT)
    text = world if isinstance(world, str) else yaml.safe_dump({"title": "a host", "extends": "_base", **world})
    (folder / f"{name}.yml").write_text(text)
    return folder


def mistakes(folder: Path) -> str:
    """What loading says."""
    with pytest.raises(worlds.WorldError) as caught:
        worlds.load(folder)
    return str(caught.value)


def test_world_extends_a_fragment(tmp_path: Path) -> None:
    change = {
        "registry": {r"HKLM\SOFTWARE\A": {"One": 2, "Three": ["x"]}, r"HKLM\SOFTWARE\B": None},
        "hotfixes": [],
        "update_agent": None,
    }
    world = worlds.load(write(tmp_path, change))["host"]
    assert world["registry"] == {r"HKLM\SOFTWARE\A": {"One": 2, "Two": "two", "Three": ["x"]}}
    assert world["hotfixes"] == []
    assert "update_agent" not in world
    assert "extends" not in world
    assert world["title"] == "a host"


def test_fragments_may_lie_in_base_and_extend_each_other(tmp_path: Path) -> None:
    (tmp_path / "_base").mkdir()
    (tmp_path / "_base" / "server.yml").write_text(FRAGMENT)
    (tmp_path / "_base" / "core.yml").write_text("extends: server\nlogon: local\n")
    (tmp_path / "host.yml").write_text("title: t\nextends: core\n")
    assert list(worlds.load(tmp_path)) == ["host"]
    assert worlds.load(tmp_path)["host"]["logon"] == "local"


def test_loaded_world_can_be_written_and_loaded_again(tmp_path: Path) -> None:
    world = worlds.load(write(tmp_path, {"expect": EXPECT}))["host"]
    (tmp_path / "host.yml").write_text(yaml.safe_dump(world))
    assert worlds.load(tmp_path)["host"] == world


def test_dates_stay_text(tmp_path: Path) -> None:
    world = worlds.load(write(tmp_path, "title: t\nextends: _base\nclock: 2026-09-21T12:00:00Z\n"))["host"]
    assert world["clock"] == "2026-09-21T12:00:00Z"


def test_null_stays_where_there_is_nothing_to_delete(tmp_path: Path) -> None:
    method = {"root/ccm/ClientSDK": {"CCM_ClientUtilities": {"Determine": {"RebootDeadline": None}}}}
    world = worlds.load(write(tmp_path, {"cim_methods": method, "expect": {**EXPECT, "pending": None}}))["host"]
    assert world["cim_methods"] == method
    assert world["expect"]["pending"] is None


@pytest.mark.parametrize(
    "value",
    ["text", 5, 2**32 - 1, -1, ["a"], ["a", "b", "c"], ["DWord", 1], ["QWord", 2**40], ["Binary", [0, 255]], []],
)
def test_registry_values_of_every_kind(tmp_path: Path, value: object) -> None:
    world = worlds.load(write(tmp_path, {"registry": {r"HKLM\SOFTWARE\A": {"Value": value}}}))["host"]
    assert world["registry"][r"HKLM\SOFTWARE\A"]["Value"] == value


MISTAKES = [
    ({"regstry": {}}, "regstry: unknown key; allowed: title, extends,"),
    ({"regstry": {}}, "(meant registry?)"),
    ({"clock": None}, "clock: is missing: yyyy-MM-ddTHH:mm:ssZ"),
    ({"clock": "2026-09-20"}, 'clock: "2026-09-20" is not allowed; allowed: yyyy-MM-ddTHH:mm:ssZ'),
    ({"clock": "2026-02-30T12:00:00Z"}, 'clock: "2026-02-30T12:00:00Z" is no date of the calendar'),
    ({"judged_at": "2026-02-30T12:00:00Z"}, 'judged_at: "2026-02-30T12:00:00Z" is no date of the calendar'),
    ({"reboot": {"keeps": ["cbs_reboot"]}}, '"cbs_reboot" is not allowed; allowed: cbs_reboot_pending, wu_reboot'),
    ({"title": ""}, "title: "),
    ({"logon": "remote"}, 'logon: "remote" is not allowed; allowed: network, local'),
    ({"time_zone": {"id": "UTC"}}, "time_zone.utc_offset_minutes: is missing: minutes east"),
    ({"registry": {r"HKLM:\SOFTWARE": {}}}, r"allowed: a key below HKLM\ or HKCU\, with backslashes"),
    ({"registry": {r"HKLM\SOFTWARE\A": {"V": 1.5}}}, r"registry.HKLM\SOFTWARE\A.V: 1.5 is not allowed"),
    ({"registry": {r"HKLM\SOFTWARE\A": {"V": None}}}, "V: null is not allowed; allowed: string or integer or array"),
    ({"registry": {r"HKLM\SOFTWARE\A": {"V": True}}}, "V: true is not allowed; allowed: string or integer or array"),
    ({"registry": {r"HKLM\SOFTWARE\A": {"V": 2**32}}}, "V: 4294967296 is no DWord; allowed: an integer from"),
    (
        {"registry": {r"HKLM\SOFTWARE\A": {"V": ["Dword", 5]}}},
        "V: Dword is no kind; allowed: String, ExpandString, DWord",
    ),
    (
        {"registry": {r"HKLM\SOFTWARE\A": {"V": ["Word", 5]}}},
        "V: Word is no kind; allowed: String, ExpandString, DWord",
    ),
    ({"registry": {r"HKLM\SOFTWARE\A": {"V": ["DWord", "5"]}}}, 'V: "5" is no DWord; allowed: an integer from'),
    (
        {"registry": {r"HKLM\SOFTWARE\A": {"V": ["Binary", [256]]}}},
        "V: [256] is no Binary; allowed: a list of integers",
    ),
    (
        {"registry": {r"HKLM\SOFTWARE\A": {"V": ["MultiString", "x"]}}},
        'V: "x" is no MultiString; allowed: a list of texts',
    ),
    (
        {"registry": {r"HKLM\SOFTWARE\A": {"V": [1, 2, 3]}}},
        "V: [1, 2, 3] is no registry value; allowed: text, an integer",
    ),
    (
        {"registry": {r"HKLM\Software\A": {}}},
        r"is the same key as HKLM\SOFTWARE\A; Windows does not tell capitals apart",
    ),
    ({"registry": {r"HKLM\SOFTWARE\A": {"one": 1}}}, "A.one: is the same value as One"),
    ({"cim": {r"root\cimv2": {}}}, "allowed: a namespace such as root/cimv2, with slashes"),
    ({"cim": {"root/cimv2": {"Win32_X": {}}}}, "cim.root/cimv2.Win32_X: {} is not allowed; allowed: array"),
    ({"hotfixes": [{"kb": 5099536, "installed_on": ""}]}, "hotfixes[0].kb: 5099536 is not allowed; allowed: string"),
    (
        {"hotfixes": [{"kb": "5099536", "installed_on": ""}]},
        'hotfixes[0].kb: "5099536" is not allowed; allowed: KB and',
    ),
    ({"services": {"w": {"status": "started", "start_type": "Manual"}}}, 'services.w.status: "started" is not allowed'),
    (
        {"services": {"HIMDS": {"status": "Running", "start_type": "Manual"}}},
        "services.HIMDS: is the same service as himds",
    ),
    ({"azcmagent": {"last_heartbeat": ""}}, "azcmagent.last_heartbeat: unknown key; allowed: status, lastHeartbeat"),
    ({"azcmagent": {"lastHeartbeat": "2026-13-01T00:00:00Z"}}, "azcmagent.lastHeartbeat: "),
    ({"events": [{"log": "Setup"}]}, "events[0].provider: is missing: name of the provider"),
    ({"files": ["Windows/x"]}, 'files[0]: "Windows/x" is not allowed; allowed: a full path with backslashes'),
    ({"broken": {"registry": {r"HKLM\SOFTWARE\A": "refused"}}}, "allowed: denied, timeout, failed, missing"),
    (
        {"broken": {"commands": {"azcmagnt": "denied"}}},
        '"azcmagnt" is not allowed; allowed: azcmagent, Get-CimInstance',
    ),
    (
        {"broken": {"com": {"Microsoft.Update": "denied"}}},
        "allowed: Microsoft.Update.SystemInfo, Microsoft.Update.Session",
    ),
    ({"broken": {"cim": {"Win32_LogicalDisk": "denied"}}}, "allowed: NAMESPACE/CLASS, or a namespace, with slashes"),
    ({"offers": [{"id": "1", "title": "t", "kb": "KB5122871", "restart": "yes"}]}, "offers[0].restart: "),
    ({"reboot": {"down_seconds": -1}}, "reboot.down_seconds: -1 is not allowed; allowed: how long a restart takes"),
    ({"expect": {**EXPECT, "state": "ontrack"}}, "(meant on_track?)"),
    (
        {"expect": {k: v for k, v in EXPECT.items() if k != "fact"}},
        "expect.fact: is missing: the fact the verdict rests on",
    ),
    ({"expect": {"fact": "f"}}, "expect: "),
    ({"expect": {"fact": "f", "state": {"one_of": ["on_track", "offtrack"]}}}, "(meant off_track?)"),
    ({"expect": {"fact": "f", "state": {"oneof": ["on_track"]}}}, "expect.state.oneof: unknown key; allowed: one_of"),
    (
        {"expect": {"fact": "f", "reasons": {"must_say": []}}},
        "expect.reasons.must_say: [] is not allowed; allowed: these",
    ),
    (
        {"expect": {**EXPECT, "pending_reasons": ["cbs"]}},
        'expect.pending_reasons[0]: "cbs" is not allowed; allowed: class:',
    ),
]


@pytest.mark.parametrize(("change", "said"), MISTAKES, ids=[said[:50] for _change, said in MISTAKES])
def test_mistake_names_file_key_and_what_is_allowed(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    world = {"title": "a host", "extends": "_base", **change}
    found = mistakes(write(tmp_path, world))
    assert said in found
    # The clock is missing because the world deletes it, so the world is named.
    assert f"{tmp_path}/host.yml: " in found


VERDICT = {"state": "unknown", "track": "unknown", "reasons": ["a", "b"], "warnings": [], "pending": None}


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({}, []),
        ({"state": "unknown", "reasons": ["a", "b"], "pending": None}, []),
        ({"state": {"one_of": ["unknown", "behind"]}, "pending": {"one_of": [None, True]}}, []),
        ({"reasons": {"must_say": ["b"], "must_not_say": ["c"]}}, []),
        ({"state": "behind"}, ['state: "unknown", expected "behind"']),
        ({"pending": False}, ["pending: null, expected false"]),
        ({"pending": {"one_of": [True, False]}}, ["pending: null, expected one of [true, false]"]),
        ({"reasons": ["b", "a"]}, ['reasons: ["a", "b"], expected ["b", "a"]']),
        (
            {"reasons": {"must_say": ["c"], "must_not_say": ["a", "d"]}},
            ['reasons: must say c, says ["a", "b"]', "reasons: must not say a"],
        ),
    ],
)
def test_a_part_of_a_verdict_may_be_expected(tmp_path: Path, expect: dict[str, Any], said: list[str]) -> None:
    stated = {"track": "unknown", "fact": "a fact", **expect}
    assert worlds.load(write(tmp_path, {"expect": stated}))["host"]["expect"] == stated
    assert worlds.unmet(stated, VERDICT) == said


def test_odd_answers_of_a_host_load(tmp_path: Path) -> None:
    odd = [{"kb": ""}, {"kb": " ", "installed_on": None}, {"kb": None, "installed_on": ""}, {"kb": "File 1"}]
    times = {"boot": "2026-09-21T02:31:00Z", "judged_at": "2026-09-19T12:00:00Z"}
    world = worlds.load(write(tmp_path, {**times, "hotfixes": odd}))["host"]
    assert (world["hotfixes"], world["boot"] > world["clock"] > world["judged_at"]) == (odd, True)


def test_mistake_of_a_fragment_names_the_fragment(tmp_path: Path) -> None:
    write(tmp_path, {})
    (tmp_path / "_base.yml").write_text(FRAGMENT.replace("Running", "running"))
    assert f'{tmp_path}/_base.yml: services.himds.status: "running" is not allowed; allowed: Stopped' in mistakes(
        tmp_path
    )


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, {"logon": "x", "titel": "y"})
    write(tmp_path, {"azcmagent": []}, "other")
    found = mistakes(tmp_path).splitlines()
    assert [line.removeprefix(f"{tmp_path}/").split(": ")[:2] for line in found] == [
        ["host.yml", "titel"],
        ["host.yml", "logon"],
        ["other.yml", "azcmagent"],
    ]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.yml": "title: [x"}, "a.yml: line "),
        ({"a.yml": "- x"}, 'a.yml: a mapping is needed, this is ["x"]'),
        ({"a.yml": "title: t\ntitle: u\n"}, "a.yml: line 2 title: written twice"),
        ({"a.yml": "title: t\nextends: _no\n", "_yes.yml": ""}, 'a.yml: extends: no fragment "_no"; allowed: _yes'),
        ({"a.yml": "title: t\nextends: [x]\n"}, "allowed: none, there is no fragment"),
        (
            {"a.yml": "extends: _b\n", "_b.yml": "extends: _c\n", "_c.yml": "extends: _b\n"},
            "extends: goes round in a circle",
        ),
        (
            {"a.yaml": "title: t", "b.yml": "title: t\nclock: '2026-01-01T00:00:00Z'"},
            "must be named a.yml to be a world",
        ),
        ({"_a.yml": "title: t"}, "no world here; a world is a file NAME.yml"),
    ],
)
def test_files_that_are_no_worlds(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert said in mistakes(tmp_path)


def test_missing_folder() -> None:
    assert mistakes(Path("/nowhere")) == "/nowhere: no such folder"


def test_only_reads_what_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path, {})
    (tmp_path / "bad.yml").write_text("nonsense: true")
    assert list(worlds.load(tmp_path, ["ho*"])) == ["host"]


@pytest.mark.parametrize("name", ["world.schema.json", "faults.schema.json"])
def test_schemas_are_valid_and_describe_every_key(name: str) -> None:
    schema = worlds.schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)

    def bare(of: Any) -> list[str]:
        if not isinstance(of, dict):
            return [key for item in of for key in bare(item)] if isinstance(of, list) else []
        rules = of.get("properties", {}) if of.get("type") == "object" else {}
        here = [key for key, rule in rules.items() if "description" not in rule]
        return here + [key for value in of.values() for key in bare(value)]

    assert bare(schema) == []


def test_every_key_is_documented() -> None:
    readme = (HERE / "README.md").read_text()
    undocumented = [key for key in worlds.schema()["properties"] if f"`{key}`" not in readme]
    assert undocumented == []


def test_examples_of_the_readme_load(tmp_path: Path) -> None:
    world, fault = re.findall(r"```yaml\n(.*?)```", (HERE / "README.md").read_text(), re.S)
    (tmp_path / "host.yml").write_text(world)
    (tmp_path / "_server-2025-standard.yml").write_text("{}")
    assert set(worlds.load(tmp_path)["host"]) | {"extends"} == set(worlds.schema()["properties"])
    (tmp_path / "faults.yml").write_text(fault)
    assert list(faults.load(tmp_path / "faults.yml")) == ["s25-*", "db-01"]


@pytest.mark.parametrize("name", ["s25-arc-on-track", "s25-cbs-pending"])
def test_worlds_of_the_library_load(name: str) -> None:
    assert list(worlds.load(HERE / "worlds", [name])) == [name]


FAULTS = [
    ("h: {kind: cut}", 'h: {"kind": "cut"} is not allowed; allowed: array'),
    ("h: [{}]", "h[0].kind: is missing: what goes wrong"),
    ("h: [{kind: cutt}]", '"cutt" is not allowed; allowed: refused, cut, operation_timeout'),
    ("h: [{kind: cut, wen: {nth: 1}}]", "h[0].wen: unknown key; allowed: kind, when, seconds, world (meant when?)"),
    ("h: [{kind: cut, when: {}}]", "h[0].when: "),
    ("h: [{kind: cut, when: {nth: 0}}]", "h[0].when.nth: 0 is not allowed; allowed: only at this occasion"),
    ("h: [{kind: slow_answer}]", "h[0].seconds: is missing: slow_answer and slow_boot say for how long"),
    ("h: [{kind: becomes}]", "h[0].world: is missing: becomes and boots_as say what changes"),
    (
        "h: [{kind: never_back, when: {module: x}}]",
        "allowed: nothing: slow_boot, never_back, rolls_back and boots_as come with a restart",
    ),
    (
        "h: [{kind: boots_as, world: {}, when: {restarts: 1}}]",
        "allowed: nothing: nth counts restarts for slow_boot, never_back, rolls_back and boots_as",
    ),
    ("h: [{kind: cut, when: {restarts: 0}}]", "h[0].when.restarts: 0 is not allowed; allowed: only once"),
]


@pytest.mark.parametrize(("text", "said"), FAULTS)
def test_mistakes_in_a_faults_file(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "faults.yml").write_text(text)
    with pytest.raises(worlds.WorldError) as caught:
        faults.load(tmp_path / "faults.yml")
    assert str(caught.value).startswith(f"{tmp_path}/faults.yml: ")
    assert said in str(caught.value)


def test_faults_fire_on_their_occasion() -> None:
    of_host = faults.of_host({"a*": [{"kind": "cut", "when": {"module": "win_*", "nth": 2}}], "b": []}, "a1")
    names = ["ansible.windows.win_ping", "raw", "ansible.windows.win_updates", "ansible.windows.win_ping"]
    assert [[fault.kind for fault in of_host.at_module(name)] for name in names] == [[], [], ["cut"], []]
    later = faults.of_host({"a1": [{"kind": "refused", "when": {"module": "raw", "nth": 1, "restarts": 1}}]}, "a1")
    assert (later.from_the_start(), later.at_module("raw", 0)) == ([], [])
    assert [[fault.kind for fault in later.at_module("raw", 1)] for unused in range(2)] == [["refused"], []]
    assert faults.unmatched({"a*": [], "z": []}, ["a1", "b"]) == ["z"]


def test_a_host_boots_and_becomes_another() -> None:
    """What a fault lays upon the world is there after its restart; one that nobody ordered counts too."""

    async def played() -> tuple[host.Host, list[str]]:
        fate = faults.of_host({"a": [{"kind": "boots_as", "world": {"services": {"Spooler": None}}}]}, "a")
        world = {
            "clock": "2026-09-20T12:00:00Z",
            "reboot": {"down_seconds": 0},
            "services": {"Spooler": {}, "Other": {}},
        }
        made = host.Host("a", world, fate)
        made.becomes({"services": {"Third": {}}})
        before = list(made.state["services"])
        made.restart_by_itself(0)
        await made.settled()
        await made.stop()
        return made, before

    made, before = asyncio.run(played())
    assert (before, list(made.state["services"])) == (["Spooler", "Other", "Third"], ["Other", "Third"])
    assert (made.counters.restarts, made.counters.faults["boots_as"]) == (1, 1)
