# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The raw offers: the search's PowerShell run over a fake update agent, held against the same answers in Python."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import HERE, ROOT, executors, simfleet
from fleet import categories, fast_offers, pwsh, worlds
from fleet import executors as fleet_executors
from fleet.host import Host
from test_collector import Collector, record

Result = dict[str, Any]

MODULE = ROOT / "plugins" / "modules" / "windows_offers_info.ps1"
WIRE_BUDGET = 13_000
NAME = "rebootless.patching.windows_offers_info"
WORLDS = worlds.load(HERE / "worlds")
# One world for each answer: nine in ten have a healthy agent that offers nothing.
LIBRARY = {
    name: WORLDS[name]
    for name in {json.dumps(fast_offers.signals(world, {})): name for name, world in WORLDS.items()}.values()
}
ODD = worlds.load(HERE / "worlds-offers")
# What a way of asking gives the module, and whether in check mode.
WAYS: dict[str, tuple[Result, bool]] = {
    "check": ({}, True),
    "auto": ({}, False),
    "always": ({"restart_answer": "always"}, True),
    "never": ({"restart_answer": "never"}, False),
}
NT = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
HOTPATCH = {"id": "A1", "title": "Hotpatch", "kb": "KB5120228", "bootstrapper": True, "dynamic": "none"}
PLAIN = {"id": "B2", "title": "Plain", "kb": "KB5122871", "eula_accepted": False}
LOCAL: Result = {
    "clock": "2026-09-20T12:00:00Z",
    "logon": "local",
    "registry": {NT: {"CurrentBuild": "26100"}},
    "offers": [HOTPATCH, PLAIN],
}
NETWORK: Result = {**LOCAL, "logon": "network"}

# What is unread when a member cannot be read.
UNREAD = {
    "Identity": ["id", "revision"],
    "Title": ["title"],
    "KBArticleIDs": ["kbs"],
    "SupersededUpdateIDs": ["supersedes"],
    "DownloadContents": ["files"],
    "BundledUpdates": ["files"],
    "Categories": ["categories"],
    "MsrcSeverity": ["severity"],
    "MaxDownloadSize": ["size"],
    "LastDeploymentChangeTime": ["released"],
    "BrowseOnly": ["browse_only"],
    "EulaAccepted": ["eula_accepted"],
    "IsHidden": ["hidden"],
    "IsDownloaded": ["downloaded"],
    "Type": ["driver"],
    "InstallationBehavior": ["reboot_behaviour", "impact", "requires_user_input"],
    "RebootBehavior": ["reboot_behaviour"],
    "Impact": ["impact"],
    "CanRequestUserInput": ["requires_user_input"],
    "ContainsUpdateBootstrapper": [],
}


def signed(number: int) -> int:
    """An HRESULT as Windows shows it."""
    return number - 2**32


def ask(folder: Path, scratch: Path, executor: str, ways: list[str], names: Iterable[str] = ()) -> dict[str, Result]:
    """The answers of every host of a folder, or of some, through ansible-playbook, by host and way of asking."""
    variables = json.dumps({"offers_dest": str(scratch), "offers_ways": ways})
    command = ["ansible-playbook", str(HERE / "playbooks" / "offers.yml"), "-e", variables]
    options = tuple(word for name in names for word in ("--only", name))
    simfleet(command, scratch, worlds=folder, executor=executor, options=options).check()
    return {path.stem: json.loads(path.read_text()) for path in scratch.glob("*.json") if path.stem != "counters"}


@pytest.fixture(scope="module", params=executors())
def odd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """The hosts with odd agents, asked in every way with one executor."""
    return ask(HERE / "worlds-offers", tmp_path_factory.mktemp(f"odd-{request.param}"), request.param, list(WAYS))


@pytest.fixture(scope="module", params=executors())
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """The scenario library's worlds, asked once with one executor."""
    scratch = tmp_path_factory.mktemp(f"library-{request.param}")
    return ask(HERE / "worlds", scratch, request.param, ["auto"], LIBRARY)


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_worlds_of_the_library_give_the_answers_that_python_gives(library: dict[str, Result], name: str) -> None:
    answer = library[name]["auto"]
    assert answer["signals"] == fast_offers.signals(LIBRARY[name], {})
    assert (answer["schema"], answer["changed"], answer.get("failed", False)) == (1, False, False)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", sorted(ODD))
def test_odd_agents_fail_no_module_and_give_equal_answers(odd: dict[str, Result], name: str, way: str) -> None:
    answer, (arguments, check_mode) = odd[name][way], WAYS[way]
    world = {**ODD[name], "logon": "local"} if way == "always" else ODD[name]
    assert answer["signals"] == fast_offers.signals(world, arguments, check_mode)
    assert (answer["schema"], answer["changed"], answer.get("failed", False)) == (1, False, False)


def test_every_unreadable_property_is_named_and_nothing_else(odd: dict[str, Result]) -> None:
    offers = odd["unread"]["auto"]["signals"]["agent_offers"]["value"]
    *members, date = offers
    assert (date["released"], date["unread"]) == (None, ["released"])
    asked = zip(ODD["unread"]["offers"][:-1], members, strict=True)
    seen = set()
    for world, offer in asked:
        ((member, kind),) = world["broken"].items()
        seen.add((member, kind))
        unread = [] if (member, kind) == ("MsrcSeverity", "empty") else UNREAD[member]
        assert offer["unread"] == unread, member
        assert [
            name for name, value in offer.items() if value is None and name not in ("severity", "requires_restart")
        ] == [name for name in unread if name != "severity"]
        if member == "ContainsUpdateBootstrapper":
            wanted = {"empty": "failed", "nonsense": "failed", "missing": "unavailable"}.get(kind, kind)
            assert offer["bootstrapper"]["error"]["type"] == wanted
            assert offer["bootstrapper"]["value"] is None
        else:
            assert offer["bootstrapper"] == {"ok": True, "value": False, "error": None}
    assert {member for member, _kind in seen} == set(UNREAD)
    assert len(seen) == 5 * len(UNREAD) + 1


def test_what_the_agent_says_about_a_restart(odd: dict[str, Result]) -> None:
    answers = [offer["requires_restart"] for offer in odd["bootstrappers"]["auto"]["signals"]["agent_offers"]["value"]]
    said = [
        answer["value"] if answer["ok"] else (answer["error"]["type"], answer["error"]["hresult"]) for answer in answers
    ]
    assert said == [
        ("failed", signed(0x80072EE2)),
        ("timeout", signed(0x80131505)),
        False,
        True,
        ("failed", signed(0x80240037)),
        ("failed", signed(0x80246007)),
        ("failed", signed(0x8024FFFF)),
    ]
    assert answers[0]["error"]["message"] == "The update bootstrapper was not downloaded."
    for way, asked in {"check": False, "always": True, "never": False}.items():
        offers = odd["bootstrappers"][way]["signals"]["agent_offers"]["value"]
        assert [offer["requires_restart"] is not None for offer in offers] == [asked] * 7
        assert [offer["bootstrapper"]["value"] for offer in offers] == [True] * 7


@pytest.mark.parametrize(
    ("name", "probe", "kind", "hresult"),
    [
        ("aborted", "agent_offers", "failed", 0x80131509),
        ("no-session", "agent_busy", "unavailable", 0x80040154),
        ("session-denied", "search_warnings", "denied", 0x80070005),
        ("session-fails", "agent_offers", "failed", 0x8024FFFF),
        ("session-times-out", "agent_offers", "timeout", 0x800705B4),
        ("network-hangs", "agent_offers", "timeout", 0x80131505),
        ("network-fails", "search_warnings", "failed", 0x8024402C),
        ("network-fails", "agent_busy", "denied", 0x80070005),
    ],
)
def test_a_search_that_fails_is_an_answer(
    odd: dict[str, Result], name: str, probe: str, kind: str, hresult: int
) -> None:
    answer = odd[name]["auto"]["signals"][probe]
    assert (answer["ok"], answer["value"]) == (False, None)
    assert (answer["error"]["type"], answer["error"]["hresult"]) == (kind, signed(hresult))
    if name == "aborted":
        assert answer["error"]["message"] == "The search ended with result code 5."


def test_the_build_decides_whether_a_bootstrapper_is_asked_for(odd: dict[str, Result]) -> None:
    def only(name: str) -> Result:
        (offer,) = odd[name]["always"]["signals"]["agent_offers"]["value"]
        return dict(offer)

    assert only("old-build")["bootstrapper"] == {"ok": True, "value": None, "error": None}
    for name in ("no-build", "no-build-key"):
        assert only(name)["bootstrapper"]["error"]["message"] == "CurrentBuild is not in the registry."
    assert only("build-denied")["bootstrapper"]["error"]["type"] == "denied"
    for name in ("old-build", "no-build", "no-build-key", "build-denied"):
        assert only(name)["requires_restart"] is None
        assert only(name)["unread"] == []


def test_warnings_and_a_busy_agent_in_the_library(library: dict[str, Result]) -> None:
    name = "s22-offers-warnings"
    signals = library[name]["auto"]["signals"]
    assert signals["search_warnings"]["value"] == [signed(0x80240437)]
    assert signals["agent_busy"]["value"] is True
    assert signals["agent_offers"]["value"][0]["unread"] == ["reboot_behaviour"]


@pytest.mark.parametrize("executor", executors())
def test_offers_change_from_the_second_search_on(tmp_path: Path, executor: str) -> None:
    variables = json.dumps({"offers_dest": str(tmp_path)})
    command = ["ansible-playbook", str(HERE / "playbooks" / "offers.yml"), "-e", variables]
    name = "s22-offers-warnings"
    simfleet(command, tmp_path, worlds=HERE / "worlds", executor=executor, options=("--only", name)).check()
    answers = json.loads((tmp_path / f"{name}.json").read_text())
    found = {way: [offer["id"][-1] for offer in answers[way]["signals"]["agent_offers"]["value"]] for way in WAYS}
    assert found == {"check": ["6"], "auto": ["7"], "always": ["7"], "never": ["7"]}


def test_german_words_in_the_library_change_nothing_but_the_title(library: dict[str, Result]) -> None:
    update, tool = library["s25-offers-deutsch"]["auto"]["signals"]["agent_offers"]["value"]
    assert update["id"] == "6f1d9c52-4c2b-4b1e-9f4e-3d1f4c1f8b09"
    assert update["categories"][0] == categories.KNOWN["Security Updates"]
    assert update["requires_restart"] == {"ok": True, "value": True, "error": None}
    assert tool["title"].startswith("Windows-Tool zum Entfernen bösartiger Software")
    assert tool["categories"] == [categories.KNOWN["Update Rollups"]]


def test_files_are_named_and_a_list_that_is_cut_says_so(library: dict[str, Result]) -> None:
    _hotpatch, _defender, dotnet, driver = library["s25-offers-hotpatch"]["auto"]["signals"]["agent_offers"]["value"]
    assert dotnet["files"] == ["windows11.0-kb5121455-x64-ndp481_8e2f730bc747.cab"]
    assert driver["files"] == [*(f"part{number}.cab" for number in range(1, 20)), "*"]


def test_what_a_full_offer_of_the_library_looks_like(library: dict[str, Result]) -> None:
    hotpatch, _defender, _dotnet, driver = library["s25-offers-hotpatch"]["auto"]["signals"]["agent_offers"]["value"]
    assert hotpatch == {
        "id": "6f1d9c52-4c2b-4b1e-9f4e-3d1f4c1f8b01",
        "revision": 200,
        "title": "2026-08 Hotpatch for Microsoft server operating system version 24H2 for x64-based Systems (KB5120228) "
        "(26100.33222)",
        "kbs": ["KB5120228"],
        "categories": [categories.KNOWN["Security Updates"], "b256987d-4693-4c87-955d-dbb9341205eb"],
        "supersedes": [],
        "files": [],
        "severity": "Critical",
        "size": 214748364,
        "released": "2026-08-11T17:00:00Z",
        "browse_only": False,
        "eula_accepted": True,
        "hidden": False,
        "downloaded": False,
        "driver": False,
        "reboot_behaviour": 2,
        "impact": 0,
        "requires_user_input": False,
        "bootstrapper": {"ok": True, "value": True, "error": None},
        "requires_restart": {"ok": True, "value": False, "error": None},
        "unread": [],
    }
    assert {name: driver[name] for name in ("kbs", "severity", "driver", "browse_only", "eula_accepted", "impact")} == {
        "kbs": [],
        "severity": None,
        "driver": True,
        "browse_only": True,
        "eula_accepted": False,
        "impact": 2,
    }
    assert (driver["reboot_behaviour"], driver["requires_user_input"], driver["requires_restart"]) == (1, True, None)


# What the agent is asked to do


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    if pwsh.find_pwsh() is None:
        pytest.skip("no pwsh 7.5 or newer: PowerShell is not executed")
    script, stdin = record(tmp_path_factory.mktemp("payload"), "windows_offers_info", {"search_timeout": 60})
    zone = os.environ.get("TZ")
    # A zone in which a local time cannot pass for UTC.
    os.environ["TZ"] = "Asia/Tokyo"
    with asyncio.Runner() as runner:
        made = Search(Collector(runner, script, stdin))
        yield made
        runner.run(made.collector.pool.close())
    os.environ.pop("TZ")
    if zone is not None:
        os.environ["TZ"] = zone


class Search:
    """The module in a warm process, and what it did there."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector

    def __call__(self, world: Result, **arguments: Any) -> tuple[Result, list[str]]:
        """The module's result and the calls that the agent got."""
        arguments = {"search_timeout": 60, "bootstrapper_timeout": 60, "_ansible_check_mode": False, **arguments}
        answer = self.collector(fleet_executors.shown(world), arguments)
        _rc, calls, _err = self.collector.raw({}, "[FakeWindows.World]::CallsBefore", b"")
        return answer, calls.decode().split("\r\n")[:-1]


ASKED = ["ExtendedStaticProperty", "Download2(1) A1", "EvaluateExtendedDynamicProperty A1", "ExtendedStaticProperty"]
NOT_ASKED = ["ExtendedStaticProperty", "ExtendedStaticProperty"]
FOUND = ["BeginSearch", "EndSearch"]


@pytest.mark.parametrize(
    ("arguments", "calls"),
    [
        ({}, [*FOUND, *ASKED]),
        ({"_ansible_check_mode": True}, [*FOUND, *NOT_ASKED]),
        ({"restart_answer": "always"}, [*FOUND, *ASKED]),
        ({"restart_answer": "always", "_ansible_check_mode": True}, [*FOUND, *ASKED]),
        ({"restart_answer": "never"}, [*FOUND, *NOT_ASKED]),
        ({"restart_answer": "never", "_ansible_check_mode": True}, [*FOUND, *NOT_ASKED]),
    ],
)
def test_bootstrappers_are_downloaded_when_the_answer_is_asked_for(
    search: Search, arguments: Result, calls: list[str]
) -> None:
    answer, done = search(LOCAL, **arguments)
    # No AcceptEula, no Download2 of an update without a bootstrapper, nothing else at all.
    assert done == calls
    asked = "Download2(1) A1" in calls
    assert answer["signals"]["agent_offers"]["value"][0]["requires_restart"] == (
        {"ok": True, "value": False, "error": None} if asked else None
    )
    assert answer["signals"]["agent_offers"]["value"][1]["eula_accepted"] is False


def test_a_network_logon_searches_and_is_refused_the_rest(search: Search) -> None:
    answer, done = search(NETWORK)
    assert done == ["BeginSearch", "Search", *NOT_ASKED]
    assert answer["signals"] == fast_offers.signals(NETWORK, {})
    hotpatch, _plain = answer["signals"]["agent_offers"]["value"]
    assert hotpatch["requires_restart"]["error"]["type"] == "denied"
    assert answer["signals"]["agent_busy"]["error"]["type"] == "denied"


@pytest.mark.parametrize(
    ("world", "calls"), [(LOCAL, ["BeginSearch", "RequestAbort"]), (NETWORK, ["BeginSearch", "Search"])]
)
def test_a_search_ends_at_its_time_limit(search: Search, world: Result, calls: list[str]) -> None:
    world = {**world, "update_agent": {"search": {"hangs": True}}}
    answer, done = search(world, search_timeout=1)
    assert done == calls
    assert answer["signals"]["agent_offers"]["error"]["type"] == "timeout"
    assert answer["signals"] == fast_offers.signals(world, {})


def test_a_search_that_fails_does_not_start_another(search: Search) -> None:
    world = {**LOCAL, "update_agent": {"search": {"fails": 0x8024402C}}}
    answer, done = search(world)
    assert done == FOUND
    assert answer["signals"] == fast_offers.signals(world, {})
    assert answer["signals"]["agent_busy"] == {"ok": True, "value": False, "error": None}


def test_an_old_agent_is_not_asked_for_what_it_does_not_know(search: Search) -> None:
    for build, calls in {"26099": [], "26100": ASKED, "26200": ASKED, "9600": []}.items():
        world = {**LOCAL, "registry": {NT: {"CurrentBuild": build}}}
        answer, done = search(world)
        assert done == [*FOUND, *calls], build
        assert answer["signals"] == fast_offers.signals(world, {})


def test_one_bootstrapper_that_hangs_keeps_no_other_from_its_answer(search: Search) -> None:
    offers = [{**HOTPATCH, "id": "H", "bootstrapper_download": {"hangs": True}}, HOTPATCH]
    answer, done = search({**LOCAL, "offers": offers}, bootstrapper_timeout=1)
    answers = [offer["requires_restart"] for offer in answer["signals"]["agent_offers"]["value"]]
    assert answers[0]["error"]["type"] == "timeout"
    assert answers[1] == {"ok": True, "value": False, "error": None}
    assert "EvaluateExtendedDynamicProperty H" not in done


def test_times_of_the_agent_are_in_utc(search: Search) -> None:
    answer, _done = search({**LOCAL, "offers": [{**PLAIN, "released": "2026-09-08T23:30:00Z"}]})
    assert answer["signals"]["agent_offers"]["value"][0]["released"] == "2026-09-08T23:30:00Z"


def test_an_unknown_restart_answer_names_the_choices(search: Search) -> None:
    answer, done = search(LOCAL, restart_answer="perhaps")
    assert done == []
    with pytest.raises(ValueError, match="perhaps") as raised:
        fast_offers.signals(LOCAL, {"restart_answer": "perhaps"})
    assert answer["failed"]
    assert str(raised.value) in answer["msg"]


# Without PowerShell


def test_the_module_keeps_to_the_wire_budget() -> None:
    assert MODULE.stat().st_size < WIRE_BUDGET


def test_the_module_never_accepts_licence_terms_nor_installs() -> None:
    text = MODULE.read_text(encoding="utf-8")
    for word in ("AcceptEula", "BeginInstall", "'Install'", ".Install(", "BeginDownload", "'Download'", ".Download("):
        assert word not in text


def test_documentation_names_the_options_and_the_properties() -> None:
    document = yaml.safe_load(MODULE.with_suffix(".yml").read_text(encoding="utf-8"))
    options = document["DOCUMENTATION"]["options"]
    assert set(options) == {"restart_answer", "search_timeout", "bootstrapper_timeout"}
    assert tuple(options["restart_answer"]["choices"]) == fast_offers.RESTART_ANSWERS
    probes = document["RETURN"]["signals"]["contains"]
    assert list(probes) == list(fast_offers.signals(LOCAL, {}))
    (offer, _plain) = fast_offers.signals(LOCAL, {})["agent_offers"]["value"]
    assert list(probes["agent_offers"]["contains"]["value"]["contains"]) == list(offer)


def test_known_categories_are_guids_that_differ() -> None:
    assert len(set(categories.KNOWN.values())) == len(categories.KNOWN)
    for guid in categories.KNOWN.values():
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", guid)
    assert categories.resolve("Security Updates") == {
        "id": "0fa1201d-4330-4fa8-8ae9-b877473b6441",
        "name": "Security Updates",
    }
    assert categories.resolve({"id": "ABC", "name": "x"}) == {"id": "abc", "name": "x"}


def test_defaults_of_an_offer() -> None:
    (offer,) = fast_offers.filled(
        {"clock": "2026-09-20T12:00:00Z", "offers": [{"id": "1", "title": "t", "kb": "KB123456"}]}
    )
    assert offer == {
        "Identity": {"UpdateID": "1", "RevisionNumber": 1},
        "Title": "t",
        "KBArticleIDs": ["123456"],
        "SupersededUpdateIDs": [],
        "DownloadContents": [],
        "BundledUpdates": [],
        "Categories": [],
        "MsrcSeverity": None,
        "MaxDownloadSize": 104857600,
        "LastDeploymentChangeTime": "2026-09-20T12:00:00Z",
        "BrowseOnly": False,
        "EulaAccepted": True,
        "IsHidden": False,
        "IsDownloaded": False,
        "Type": 1,
        "InstallationBehavior": {"RebootBehavior": 2, "Impact": 0, "CanRequestUserInput": False},
        "ContainsUpdateBootstrapper": False,
        "Download2": 0,
        "DoesUpdateRequireReboot": 0x80240037,
        "broken": {},
    }


OFFER = {"id": "1", "title": "t", "kb": "KB5122871"}
MISTAKES: list[tuple[Result, str]] = [
    (
        {"offers": [{**OFFER, "categories": ["Security Update"]}]},
        'offers[0].categories[0]: "Security Update" has no known id',
    ),
    ({"offers": [{**OFFER, "categories": ["Security Update"]}]}, "(meant Security Updates?)"),
    ({"offers": [{**OFFER, "categories": [{"name": "x"}]}]}, "offers[0].categories[0].id: is missing: GUID"),
    ({"offers": [OFFER, {**OFFER, "title": "u"}]}, "offers[1].id: 1 is offered twice"),
    ({"offers": [{**OFFER, "kbs": []}]}, "offers[0].kbs: stands beside kb; allowed: one of them"),
    ({"offers": [{"id": "1", "title": "t"}]}, "is not allowed; allowed: an offer with either kb or kbs"),
    ({"offers": [{**OFFER, "released": "2026-02-30T00:00:00Z"}]}, "offers[0].released: "),
    ({"offers": [{**OFFER, "build": "33222"}]}, "such as 26100.33222"),
    ({"offers": [{**OFFER, "fails": {"stage": "download"}}]}, "offers[0].fails.hresult: is missing"),
    ({"offers": [{**OFFER, "broken": {"Title": "nonsense"}}]}, "offers[0].broken.Title: "),
    ({"offers": [{**OFFER, "broken": {"title": "failed"}}]}, "allowed: Identity, Title"),
    ({"update_agent": {"search": {"hangs": True, "fails": 1}}}, "update_agent.search: "),
    ({"update_agent": {"search": {"fails": 2**32}}}, "allowed: an HRESULT"),
    (
        {"update_agent": {"offers_after_search": [{**OFFER, "categories": ["x"]}]}},
        "update_agent.offers_after_search[0].categories[0]: ",
    ),
]


@pytest.mark.parametrize(("change", "said"), MISTAKES, ids=[said[:50] for _change, said in MISTAKES])
def test_mistakes_in_offers_are_named(tmp_path: Path, change: Result, said: str) -> None:
    file = tmp_path / "host.yml"
    file.write_text(json.dumps({"title": "a host", "clock": "2026-09-20T12:00:00Z", **change}), encoding="utf-8")
    with pytest.raises(worlds.WorldError) as raised:
        worlds.load(tmp_path)
    assert said in str(raised.value)


def test_numbers_of_both_signs_are_hresults() -> None:
    assert fast_offers.hresult_failure(-2147024891).error == fast_offers.hresult_failure(0x80070005).error
    assert fast_offers.hresult_failure(0x800705B4).error["type"] == "timeout"


def test_only_a_search_moves_the_offers_on() -> None:
    host = Host(
        "host", {"clock": "2026-09-20T12:00:00Z", "update_agent": {"offers_after_search": [OFFER]}, "offers": []}
    )
    fast_offers.searched(host.state)
    assert (host.state["offers"], host.state["update_agent"]) == ([OFFER], {})
    fast_offers.searched(host.state)
    assert host.state["offers"] == [OFFER]
    host.socket.close()
