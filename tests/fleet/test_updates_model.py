# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model of win_updates: its steps and failures, what installing does to a host, and its choice held against the real module."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, executors
from fleet import model, payload, pwsh, updates, worlds
from fleet.host import CBS, PACKAGE, REBOOT_PENDING, REBOOT_REQUIRED, VERSION, Host

REAL = ROOT / "build" / "collections" / "ansible_collections" / "ansible" / "windows" / "plugins" / "modules"
HOTPATCH = {
    "id": "h1",
    "title": "2026-11 Security Hotpatch Update (KB5130001) (26100.33500)",
    "kbs": ["KB5130001"],
    "categories": ["Security Updates"],
    "restart": "possible",
    "bootstrapper": True,
    "dynamic": "none",
    "build": "26100.33500",
}
BASELINE = {
    "id": "b1",
    "title": "2026-10 Security Update (KB5130000) (26100.33490)",
    "kb": "KB5130000",
    "categories": ["Security Updates"],
    "restart": "always",
    "build": "26100.33490",
}
DEFENDER = {
    "id": "d1",
    "title": "Security Intelligence Update for Microsoft Defender Antivirus - KB2267602 (Version 1.437.1.0)",
    "kb": "KB2267602",
    "categories": ["Definition Updates"],
    "restart": "none",
}
DRIVER = {
    "id": "x1",
    "title": "Contoso - Net",
    "kbs": [],
    "categories": ["Drivers"],
    "driver": True,
    "restart": "always",
}
ALL = {"category_names": ["*"]}


class Machine:
    """A host, asked as win_updates' action plugin asks it."""

    def __init__(self, *offers: dict[str, Any], **world: Any) -> None:
        base = {"title": "t", "clock": "2026-11-12T12:00:00Z", "offers": list(offers)}
        base["registry"] = {VERSION: {"CurrentBuild": "26100", "UBR": 33438}}
        self.host = Host("host", {**base, **world})
        self.state = self.host.state

    def ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """One run of the module."""
        run = payload.Payload("module", "ansible.windows.win_updates", {**arguments, "_operation": operation})
        return dict(json.loads(model.answer(self.host, run)[1]))

    def run(self, **arguments: Any) -> dict[str, Any]:
        """A whole run: what each task said, by its name."""
        self.ask("start", **arguments)
        said = self.polled()
        self.ask("cancel")
        return said

    def polled(self) -> dict[str, Any]:
        """The records of one poll."""
        return {record["task"]: record["result"] for record in self.ask("poll")["output"]}

    @property
    def build(self) -> tuple[str, int]:
        """What Windows shows."""
        values = self.state["registry"][VERSION]
        return values["CurrentBuild"], values["UBR"]

    @property
    def kbs(self) -> list[str]:
        """The installed KBs."""
        return [fix["kb"] for fix in self.state.get("hotfixes", [])]

    @property
    def offered(self) -> list[str]:
        """The ids of what is offered."""
        return [offer["id"] for offer in self.state["offers"]]


@pytest.fixture
def machine() -> Iterator[type[Machine]]:
    """Machines whose ports are closed after the test."""
    made: list[Machine] = []

    class Made(Machine):
        def __init__(self, *offers: dict[str, Any], **world: Any) -> None:
            super().__init__(*offers, **world)
            made.append(self)

    yield Made
    for each in made:
        each.host.socket.close()


def results(said: dict[str, Any], step: str) -> dict[str, tuple[int, int]]:
    """Result code and HRESULT by id."""
    return {one["id"]: (one["result_code"], one["hresult"]) for one in said[f"{step}_result"]["info"]}


# What installing does


def test_hotpatch_changes_the_build_at_once(machine: type[Machine]) -> None:
    host = machine(HOTPATCH, update_agent={"reboot_required": False})
    said = host.run()
    assert said["exit"] == {"changed": True, "reboot_required": False, "failed": False}
    assert said["install_result"]["info"] == [{"id": "h1", "result_code": 2, "hresult": 0, "reboot_required": False}]
    assert (host.build, host.kbs, host.offered) == (("26100", 33500), ["KB5130001"], [])
    assert REBOOT_PENDING not in host.state["registry"]
    assert host.state["update_agent"] == {"reboot_required": False}
    assert host.host.counters.updates_installed == ["h1"]


def test_baseline_changes_the_build_at_the_restart(machine: type[Machine]) -> None:
    host = machine(BASELINE, update_agent={"reboot_required": False, "disk_full": False})
    said = host.run()
    assert said["exit"] == {"changed": True, "reboot_required": True, "failed": False}
    assert said["install_result"]["info"][0]["reboot_required"] is True
    assert (host.build, host.kbs) == (("26100", 33438), ["KB5130000"])
    assert host.state["registry"][REBOOT_REQUIRED] == {"b1": 1}
    assert host.state["registry"][PACKAGE.format(build="26100.33490")] == {"CurrentState": 0x60}
    host.host.booted()
    assert host.build == ("26100", 33490)
    assert host.state["registry"][PACKAGE.format(build="26100.33490")] == {"CurrentState": 0x70}
    assert REBOOT_REQUIRED not in host.state["registry"]
    assert host.state["update_agent"] == {
        "reboot_required": False,
        "reboot_required_before_installation": False,
        "disk_full": False,
    }
    host.state["registry"][VERSION]["UBR"] = 1
    host.host.booted()
    assert host.build == ("26100", 1), "a package is completed once"


def test_world_between_installing_and_restart_can_be_saved(machine: type[Machine]) -> None:
    host = machine(BASELINE)
    host.run()
    again = machine(**worlds.merge({}, host.host.world()))
    again.host.booted()
    assert again.build == ("26100", 33490)


def test_build_of_another_family_and_a_registry_in_capitals(machine: type[Machine]) -> None:
    key = VERSION.upper()
    host = machine({**HOTPATCH, "build": "26200.1"}, registry={key: {"CURRENTBUILD": "26100", "ubr": ["DWord", 33438]}})
    host.run()
    assert host.state["registry"] == {key: {"CURRENTBUILD": "26200", "ubr": 1}}


def test_lower_build_changes_nothing(machine: type[Machine]) -> None:
    host = machine({**HOTPATCH, "build": "26100.33000"})
    host.run()
    assert (host.build, host.kbs) == (("26100", 33438), ["KB5130001"])


@pytest.mark.parametrize(
    ("offer", "marks"),
    [
        ({"restart": "always"}, True),
        ({"restart": "always", "dynamic": "none"}, False),
        ({"restart": "none", "dynamic": "always"}, True),
        ({"restart": "always", "dynamic": "not_supported"}, True),
        ({"restart": "possible"}, False),
        ({"restart": "unknown"}, False),
        ({}, False),
        ({"restart": "none", "dynamic": "none", "does": "always"}, True),
        ({"restart": "always", "dynamic": "always", "does": "none"}, False),
    ],
)
def test_what_installing_really_does(machine: type[Machine], offer: dict[str, Any], marks: bool) -> None:
    host = machine({"id": "u", "title": "u", "kb": "KB5130009", **offer})
    said = host.run(**ALL)
    assert (REBOOT_PENDING in host.state["registry"]) is marks
    assert said["exit"]["reboot_required"] is said["install_result"]["info"][0]["reboot_required"] is marks


def test_installing_takes_away_what_it_supersedes(machine: type[Machine]) -> None:
    others = [
        {**DEFENDER},
        {**BASELINE, "id": "same", "build": "26100.33500"},
        {**BASELINE, "id": "higher", "build": "26100.33501"},
        {**BASELINE, "id": "other", "build": "26200.1"},
    ]
    host = machine(HOTPATCH, BASELINE, *others)
    host.run(accept_list=["KB5130001"])
    assert host.offered == ["d1", "higher", "other"]


def test_offer_that_comes_back(machine: type[Machine]) -> None:
    offer = {**HOTPATCH, "installs_but_reoffered": True}
    host = machine(offer)
    for _round in range(2):
        assert host.run()["exit"]["changed"] is True
        assert host.offered == ["h1"]
    assert host.kbs == ["KB5130001"]
    assert host.host.counters.updates_installed == ["h1", "h1"]
    host.state["offers"].append({**HOTPATCH, "id": "h2", "kbs": ["KB5130002"], "build": "26100.33501"})
    host.run(accept_list=["KB5130002"])
    assert host.offered == []


def test_update_without_a_kb_leaves_no_hotfix(machine: type[Machine]) -> None:
    host = machine(DRIVER)
    said = host.run(**ALL)
    assert (said["search_result"]["updates"][0]["kb"], said["search_result"]["updates"][0]["type"]) == ([], "Driver")
    assert (host.kbs, host.offered) == ([], [])


# Search and choice


def test_search_tells_what_the_real_module_tells(machine: type[Machine]) -> None:
    offer = {**HOTPATCH, "revision": 201, "browse_only": True, "downloaded": True, "restart": "unknown", "impact": 2}
    offer["categories"] = ["Updates", {"id": "0fa1201d-4330-4fa8-8ae9-b877473b6441", "name": "Sicherheitsupdates"}]
    (found,) = machine(offer).run(state="searched")["search_result"]["updates"]
    assert len(found) == 22
    wanted = {
        "revision_number": 201,
        "browse_only": True,
        "is_downloaded": True,
        "reboot_behaviour": "Unknown ",
        "impact": "RequiresExclusiveHandling",
        "categories": ["Updates", "Sicherheitsupdates"],
        "kb": ["KB5130001"],
    }
    assert {key: found[key] for key in wanted} == wanted


def chosen(machine: type[Machine], offer: dict[str, Any], **arguments: Any) -> list[str]:
    """Why an offer is left out."""
    filtered = machine(offer).run(**{"category_names": ["*"], "state": "searched", **arguments})["search_result"][
        "filtered"
    ]
    return filtered[0]["reasons"] if filtered else []


@pytest.mark.parametrize(
    ("arguments", "reasons"),
    [
        ({"accept_list": ["KB5130001"]}, []),
        # Title and KBs are one text, so no KB has a beginning of its own.
        ({"accept_list": ["^KB5130001$"]}, ["accept_list"]),
        ({"accept_list": [r"\bKB5130001\b"]}, []),
        ({"accept_list": [r"\)KB5130001 KB5130002$"]}, []),
        ({"accept_list": [r"KB5130002\z"]}, []),
        ({"accept_list": [r"(?<number>kb\d{7})"]}, []),
        ({"accept_list": ["^2026-11 security"]}, []),
        ({"reject_list": ["hotpatch"]}, ["reject_list"]),
        ({"reject_list": []}, []),
        ({"accept_list": "KB1, KB5130001"}, []),
        (
            {"accept_list": ["nothing"], "reject_list": ["."], "category_names": ["Drivers"]},
            [
                "accept_list",
                "reject_list",
                "category_names",
            ],
        ),
        ({"category_names": ["securityupdates"]}, []),
        ({"category_names": ["SECURITY UPDATES"]}, []),
        # Only the module's own older names lose their space.
        ({"category_names": ["Security  Updates"]}, ["category_names"]),
        ({"category_names": None}, []),
    ],
)
def test_choice(machine: type[Machine], arguments: dict[str, Any], reasons: list[str]) -> None:
    assert chosen(machine, {**HOTPATCH, "kbs": ["KB5130001", "KB5130002"]}, **arguments) == reasons


def test_choice_by_marks(machine: type[Machine]) -> None:
    offer = {**HOTPATCH, "hidden": True, "browse_only": True}
    given = {"accept_list": ["x9"], "category_names": ["Tools"], "skip_optional": "yes"}
    assert chosen(machine, offer, **given) == ["accept_list", "hidden", "category_names", "skip_optional"]
    assert chosen(machine, offer) == ["hidden"]


def test_lists_that_cannot_be_read(machine: type[Machine]) -> None:
    for given, said in (("KB(", 'parsing "KB("'), ("", "because it is an empty string")):
        host = machine(HOTPATCH)
        ended = host.run(accept_list=[given])
        assert list(ended) == ["exit"]
        assert ended["exit"]["failed"] is True
        assert said in ended["exit"]["exception"]["message"]
        assert "hresult" not in ended["exit"]["exception"]
        assert host.offered == ["h1"]


def test_empty_category_list_starts_nothing(machine: type[Machine]) -> None:
    host = machine(HOTPATCH)
    answer = host.ask("start", category_names=[])
    assert answer["failed"] is True
    assert "Failed to start new win_updates task" in answer["msg"]
    assert host.offered == ["h1"]


def test_licence_terms_are_accepted_even_in_check_mode(machine: type[Machine]) -> None:
    for harmless in ({"_ansible_check_mode": True}, {"state": "searched"}):
        host = machine({**HOTPATCH, "eula_accepted": False}, {**DEFENDER, "eula_accepted": False}, DRIVER)
        host.run(**harmless)
        marks = {offer["id"]: offer.get("eula_accepted") for offer in host.state["offers"]}
        assert marks == {"h1": True, "d1": False, "x1": None}
        assert host.build == ("26100", 33438)


def test_offers_that_change_after_the_search(machine: type[Machine]) -> None:
    agent = {"offers_after_search": [{**BASELINE, "eula_accepted": False}]}
    host = machine(HOTPATCH, DEFENDER, update_agent=agent)
    assert [found["id"] for found in host.run(state="searched")["search_result"]["updates"]] == ["h1", "d1"]
    assert host.offered == ["b1"]
    assert "offers_after_search" not in host.state["update_agent"]
    assert [found["id"] for found in host.run(state="searched")["search_result"]["updates"]] == ["b1"]


def test_offers_that_change_while_installing(machine: type[Machine]) -> None:
    host = machine(HOTPATCH, update_agent={"offers_after_search": [HOTPATCH, BASELINE, DEFENDER]})
    host.run()
    assert (host.build, host.offered) == (("26100", 33500), ["d1"])


# Failures


def failed(host: Machine, **arguments: Any) -> tuple[str, int | None, bool, bool]:
    """The end of a run that fails: message, HRESULT, changed, reboot_required."""
    end = host.run(**arguments)["exit"]
    assert end["failed"] is True
    return end["exception"]["message"], end["exception"].get("hresult"), end["changed"], end["reboot_required"]


def test_search_that_fails(machine: type[Machine]) -> None:
    host = machine(HOTPATCH, update_agent={"search": {"fails": 0x8024402C}})
    said = "Searching for updates: Exception from HRESULT: 0x8024402C"
    assert failed(host) == (said, -2145107924, False, False)
    host = machine(HOTPATCH, update_agent={"search": {"result_code": 4}})
    assert failed(host) == ("Failed to search for updates (Failed 4)", None, False, False)
    assert host.kbs == []


def test_search_with_warnings_is_a_search(machine: type[Machine]) -> None:
    host = machine(HOTPATCH, update_agent={"search": {"warnings": [0x80240029]}})
    assert host.run()["exit"]["failed"] is False


def test_search_that_hangs(machine: type[Machine]) -> None:
    host = machine(HOTPATCH, update_agent={"search": {"hangs": True}})
    host.ask("start")
    assert [host.ask("poll")["output"] for _round in range(3)] == [[], [], []]
    host.ask("cancel")
    assert host.kbs == []


def test_restart_comes_before_more_updates(machine: type[Machine]) -> None:
    said = "A reboot is required before more updates can be installed"
    for state in ("installed", "downloaded"):
        host = machine(HOTPATCH, update_agent={"reboot_required": True})
        assert failed(host, state=state) == (said, None, False, True)
        assert host.offered == ["h1"]
    # Nothing to install, nothing to refuse.
    for harmless in ({"accept_list": ["x9"]}, {"state": "searched"}, {"_ansible_check_mode": True}):
        assert machine(HOTPATCH, update_agent={"reboot_required": True}).run(**harmless)["exit"]["failed"] is False


@pytest.mark.parametrize("agent", [{"busy": True}, {"reboot_required_before_installation": True}])
def test_agent_that_does_not_let_install(machine: type[Machine], agent: dict[str, Any]) -> None:
    host = machine(HOTPATCH, update_agent=dict(agent))
    assert failed(host) == ("Exception from HRESULT: 0x80240016", -2145124330, True, False)
    assert (host.kbs, host.state["update_agent"]) == ([], agent)
    assert host.run(state="searched")["exit"]["failed"] is False
    assert host.run(state="downloaded")["exit"]["failed"] is False


def test_download_that_fails_installs_nothing(machine: type[Machine]) -> None:
    host = machine({**HOTPATCH, "fails": {"stage": "download", "hresult": 0x80240034}}, BASELINE)
    said = host.run()
    assert results(said, "download") == {"h1": (4, -2145124300), "b1": (2, 0)}
    assert "install_result" not in said
    assert said["exit"]["exception"]["message"].startswith("Failed to download all updates")
    assert (said["exit"]["changed"], host.kbs) == (True, [])
    assert [offer.get("downloaded") for offer in host.state["offers"]] == [None, True]


def test_what_is_downloaded_is_not_downloaded_again(machine: type[Machine]) -> None:
    host = machine(HOTPATCH, {**BASELINE, "downloaded": True})
    assert results(host.run(state="downloaded"), "download") == {"h1": (2, 0)}
    said = host.run(state="downloaded")
    assert "download_result" not in said
    assert said["exit"] == {"changed": False, "reboot_required": False, "failed": False}


def test_one_update_fails_and_the_others_are_installed(machine: type[Machine]) -> None:
    fails = {"stage": "install", "hresult": -2147024784}
    host = machine({**HOTPATCH, "fails": fails, "does": "always"}, {**BASELINE, "restart": "none"}, DEFENDER)
    said = host.run(**ALL)
    assert results(said, "install") == {"h1": (4, -2147024784), "b1": (2, 0), "d1": (2, 0)}
    assert failed_end(said) == ("Failed to install all updates - see updates for more information", True, False)
    assert (host.offered, host.build) == (["h1"], ("26100", 33490))
    assert host.host.counters.updates_installed == ["b1", "d1"]


def failed_end(said: dict[str, Any]) -> tuple[str, bool, bool]:
    """Message, changed and reboot_required of a failed end."""
    end = said["exit"]
    return end["exception"]["message"], end["changed"], end["reboot_required"]


def test_failure_beside_an_update_that_wants_a_restart(machine: type[Machine]) -> None:
    host = machine({**DEFENDER, "fails": {"stage": "install", "hresult": 0x80070643}}, BASELINE)
    assert failed_end(host.run(**ALL))[1:] == (True, True)


def test_full_disk(machine: type[Machine]) -> None:
    host = machine(HOTPATCH, DEFENDER, update_agent={"disk_full": True})
    said = host.run(**ALL)
    assert results(said, "install") == {"h1": (4, -2147024784), "d1": (4, -2147024784)}
    assert (host.kbs, len(host.offered), said["exit"]["reboot_required"]) == ([], 2, False)


# The pipe, and an installation that takes its time


def test_last_word_is_said_until_somebody_cancels(machine: type[Machine]) -> None:
    host = machine(HOTPATCH)
    host.ask("start")
    assert list(host.polled()) == ["search_result", "download_result", "install_result", "exit"]
    assert list(host.polled()) == ["exit"]
    host.ask("cancel")
    answer = host.ask("poll")
    assert (answer["failed"], answer["msg"]) == (True, "Timed out waiting for server pipe to be available")


def test_nobody_polls_and_it_is_installed_all_the_same(machine: type[Machine]) -> None:
    host = machine(HOTPATCH)
    host.ask("start")
    assert host.build == ("26100", 33500)


def test_operation_for_the_modules_own_tests_searches_nothing(machine: type[Machine]) -> None:
    host = machine(HOTPATCH)
    host.ask("test")
    assert host.polled() == {"exit": {"changed": False, "reboot_required": False, "failed": False}}
    assert host.host.counters.updates_asked == []


def test_counters_know_what_was_asked(machine: type[Machine]) -> None:
    host = machine()
    host.run()
    host.run(accept_list="KB1,KB2", reject_list=["x"], category_names=["*"], state="searched", _ansible_check_mode=True)
    assert host.host.counters.as_json()["updates_asked"] == [
        {
            "accept_list": [],
            "reject_list": [],
            "category_names": ["CriticalUpdates", "SecurityUpdates", "UpdateRollups"],
            "state": "installed",
            "check_mode": False,
        },
        {
            "accept_list": ["KB1", "KB2"],
            "reject_list": ["x"],
            "category_names": ["*"],
            "state": "searched",
            "check_mode": True,
        },
    ]


def test_installation_goes_on_without_its_poller(machine: type[Machine]) -> None:
    async def main() -> None:
        host = machine(HOTPATCH, update_agent={"install_seconds": 0.05})
        host.ask("start")
        assert list(host.polled()) == ["search_result", "download_result"]
        assert host.ask("poll")["output"] == []
        assert host.state["update_agent"]["busy"] is True
        host.ask("cancel")
        assert failed(host)[0] == "Exception from HRESULT: 0x80240016"
        host.host.down("refused")
        await host.host.settled()
        assert (host.build, host.kbs, host.offered) == (("26100", 33500), ["KB5130001"], [])
        assert host.state["update_agent"] == {"install_seconds": 0.05, "busy": False}

    asyncio.run(main())


def test_poller_that_stays_sees_the_end(machine: type[Machine]) -> None:
    async def main() -> None:
        host = machine(BASELINE, update_agent={"install_seconds": 0.05})
        host.ask("start")
        host.polled()
        host.host.go_away("refused", None)
        await host.host.settled()
        said = host.polled()
        assert list(said) == ["install_result", "exit"]
        assert said["exit"] == {"changed": True, "reboot_required": True, "failed": False}

    asyncio.run(main())


@pytest.mark.parametrize("seconds", [0, 0.05])
def test_hanging_installation_ends_in_the_world_only(machine: type[Machine], seconds: float) -> None:
    async def main() -> None:
        host = machine(HOTPATCH, update_agent={"install_hangs": True, "install_seconds": seconds})
        host.ask("start")
        host.polled()
        await host.host.settled()
        assert host.build == ("26100", 33500)
        assert host.ask("poll")["output"] == []
        assert not host.state["update_agent"].get("busy")

    asyncio.run(main())


def test_installation_that_never_ends_keeps_the_agent_busy_until_a_restart(machine: type[Machine]) -> None:
    host = machine(HOTPATCH, update_agent={"install_hangs": True})
    host.ask("start")
    host.polled()
    assert host.ask("poll")["output"] == []
    assert host.host.world()["update_agent"] == {"install_hangs": True, "busy": True}
    host.host.booted()
    assert (host.state["update_agent"]["busy"], host.build) == (False, ("26100", 33438))


def test_restart_in_the_middle_rolls_the_installation_back(machine: type[Machine]) -> None:
    async def main() -> None:
        host = machine(HOTPATCH, update_agent={"install_seconds": 30}, reboot={"down_seconds": 0})
        await host.host.start(_nobody, None)
        host.ask("start")
        host.host.restart(0)
        await host.host.settled()
        assert host.ask("poll")["failed"] is True
        assert (host.build, host.offered, host.state["update_agent"]["busy"]) == (("26100", 33438), ["h1"], False)
        await host.host.stop()

    asyncio.run(main())


async def _nobody(*_arguments: Any) -> None:
    """Serves nothing."""


def test_saved_world_has_seen_the_end_of_what_was_under_way(machine: type[Machine]) -> None:
    async def main() -> None:
        host = machine(HOTPATCH, expect={"state": "on_track"}, update_agent={"install_seconds": 30})
        host.ask("start")
        saved = host.host.world()
        assert saved["registry"][VERSION]["UBR"] == 33500
        assert saved["update_agent"]["busy"] is False
        assert "expect" not in saved
        host = machine(BASELINE)
        host.run()
        host.host.restart(3600)
        saved = host.host.world()
        assert saved["registry"][VERSION]["UBR"] == 33490
        assert REBOOT_PENDING not in saved["registry"]
        host.host.restart(3600)
        await host.host.stop()

    asyncio.run(main())


def test_package_keys_lie_where_servicing_keeps_them() -> None:
    assert PACKAGE.startswith(CBS + r"\Packages\Package_for_RollupFix~")


# Held against the module that is installed

SCRIPT = r"""
param ([string] $Path, [string] $Cases)
$ErrorActionPreference = 'Stop'
$ast = [System.Management.Automation.Language.Parser]::ParseFile($Path, [ref] $null, [ref] $null)
function Find-Part ([string] $Kind, [scriptblock] $Test) {
    $found = @($ast.FindAll({ param ($node) $node.GetType().Name -eq $Kind }, $true) | Where-Object $Test)
    if ($found.Count -ne 1) { throw "win_updates.ps1 has $($found.Count) parts of kind $Kind like $Test, 1 is expected" }
    $found[0].Extent.Text
}
foreach ($name in 'Test-InList', 'Format-UpdateInfo') {
    . ([scriptblock]::Create((Find-Part FunctionDefinitionAst { $_.Name -eq $name })))
}
$mapping = [scriptblock]::Create((Find-Part AssignmentStatementAst { $_.Left.Extent.Text -eq '$categoryNames' }) + "`n`$categoryNames")
$loop = [scriptblock]::Create((Find-Part ForEachStatementAst { $_.Condition.Extent.Text -eq '$searchResult.Updates' }))

function New-Update ($Given) {
    $update = [PSCustomObject]@{
        Identity = @{ UpdateID = $Given.id; RevisionNumber = $Given.revision }
        Title = $Given.title; Description = 'Install this update to resolve issues in Windows.'
        KBArticleIDs = @($Given.kbs | ForEach-Object { $_ -replace '^KB' }); Type = $(if ($Given.driver) { 2 } else { 1 })
        DeploymentAction = 1; AutoSelectOnWebSites = -not $Given.browse_only; BrowseOnly = $Given.browse_only
        Categories = @($Given.categories | ForEach-Object { @{ Name = $_ } })
        IsInstalled = $false; IsHidden = $Given.hidden; IsPresent = $false; RebootRequired = $false
        InstallationBehavior = @{ Impact = $Given.impact; RebootBehavior = @{ none = 0; always = 1; possible = 2 }[$Given.restart] }
        IsBeta = $false; IsDownloaded = $Given.downloaded; IsMandatory = $false; IsUninstallable = $false
        AutoSelection = 0; AutoDownload = 0; EulaAccepted = $Given.eula_accepted
    }
    Add-Member -InputObject $update -MemberType ScriptMethod -Name AcceptEula -Value { $this.EulaAccepted = $true }
    $update
}
$api = [PSCustomObject]@{}
Add-Member -InputObject $api -MemberType ScriptMethod -Name WriteLog -Value { }
foreach ($case in Get-Content -LiteralPath $Cases -Raw | ConvertFrom-Json) {
    $module = @{ Params = @{ category_names = $case.category_names } }
    [string[]] $Category = & $mapping
    [string[]] $Accept = @($case.accept_list)
    [string[]] $Reject = @($case.reject_list)
    $SkipOptional = $case.skip_optional
    $searchResult = @{ Updates = @($case.offers | ForEach-Object { New-Update $_ }) }
    $updateCollection = [System.Collections.Generic.List[object]]@()
    $allUpdates = [System.Collections.Generic.List[Hashtable]]@()
    $filteredUpdates = [System.Collections.Generic.List[Hashtable]]@()
    $threw = $false
    try { . $loop } catch { $threw = $true }
    @{
        threw = $threw
        updates = $allUpdates
        filtered = $filteredUpdates
        chosen = @($updateCollection | ForEach-Object { $_.Identity.UpdateID })
        accepted = @($searchResult.Updates | Where-Object EulaAccepted | ForEach-Object { $_.Identity.UpdateID })
    } | ConvertTo-Json -Depth 6 -Compress
}
"""
NUMBERS = ["KB5122871", "KB5120228", "KB890830", "KB2267602", "KB51228710"]
CATEGORIES = [
    "Security Updates",
    "Critical Updates",
    "Update Rollups",
    "Updates",
    "Drivers",
    "Sicherheitsupdates",
    "Tools",
]
ASKED = [
    "*",
    "SecurityUpdates",
    "security updates",
    "UPDATEROLLUPS",
    "Updates",
    "Drivers",
    "Security  Updates",
    "Sicherheits",
]
TITLES = [
    "2026-09 Cumulative Update for Windows 11, version 24H2 for x64-based Systems",
    "2026-08 Security Hotpatch Update",
    "2026-05 Cumulative Update for .NET Framework 3.5, 4.8 and 4.8.1",
    "Windows Malicious Software Removal Tool x64 - v5.139",
    "Contoso - Net - 12.19.2.45",
    "Sicherheitsupdate für Windows (ÄÖÜ) – Vorschau",
]
PATTERNS = [
    *NUMBERS,
    "^KB5122871$",
    "KB5122871$",
    r"KB5122871\z",
    r"\bKB5122871\b",
    r"\(KB5122871\)",
    r"\)KB5122871",
    "KB5122871 KB5120228",
    r"^2026-0[89] .*KB\d{7}$",
    r"(?<number>KB\d{6})\b",
    r"\.NET",
    "hotpatch|vorschau",
    "^contoso - net - [\\d.]+$",
    "ä",
    "SYSTEMSkb",
    r"x64(?!-based)",
    ".",
    "^$",
    "[",
    "",
]


def cases() -> list[dict[str, Any]]:
    """Options and offers; the same ones every time."""
    dice = random.Random(5)

    def some(of: list[str], most: int) -> list[str]:
        return dice.sample(of, dice.randint(0, most))

    def offer(index: int) -> dict[str, Any]:
        kbs = some(NUMBERS, 3)
        suffix = f" ({kbs[0]})" if kbs and dice.random() < 0.6 else ""
        return {
            "id": f"u{index}",
            "title": dice.choice(TITLES) + suffix,
            "kbs": kbs,
            "revision": dice.randint(0, 300),
            "categories": some(CATEGORIES, 3),
            "restart": dice.choice(["none", "always", "possible", "unknown"]),
            "impact": dice.randint(0, 2),
            **{
                key: dice.random() < chance
                for key, chance in (
                    ("hidden", 0.1),
                    ("browse_only", 0.3),
                    ("driver", 0.2),
                    ("downloaded", 0.3),
                    ("eula_accepted", 0.5),
                )
            },
        }

    return [
        {
            "accept_list": some(PATTERNS[:-2], 3) if dice.random() < 0.8 else some(PATTERNS, 4),
            "reject_list": some(PATTERNS[:-2], 2) if dice.random() < 0.8 else some(PATTERNS, 4),
            "category_names": ["*"] if dice.random() < 0.4 else dice.sample(ASKED, dice.randint(1, 3)),
            "skip_optional": dice.random() < 0.4,
            "offers": [offer(index) for index in range(dice.randint(1, 5))],
        }
        for _case in range(400)
    ]


def modelled(case: dict[str, Any], host: Machine) -> dict[str, Any]:
    """What the model makes of a case, in the shape of the script's answers."""
    options = {key: value for key, value in case.items() if key != "offers"}
    said = host.run(**options, state="searched")
    if "search_result" not in said:
        return {"threw": True}
    found = said["search_result"]
    out = {entry["id"] for entry in found["filtered"]}
    return {
        "threw": False,
        "updates": found["updates"],
        "filtered": found["filtered"],
        "chosen": [each["id"] for each in found["updates"] if each["id"] not in out],
        "accepted": [offer["id"] for offer in host.state["offers"] if offer["eula_accepted"]],
    }


@pytest.mark.skipif("powershell" not in executors(), reason="no pwsh 7.5 or newer: PowerShell is not executed")
def test_choice_is_that_of_the_installed_module(machine: type[Machine], tmp_path: Path) -> None:
    given = cases()
    (tmp_path / "choice.ps1").write_text(SCRIPT)
    (tmp_path / "cases.json").write_text(json.dumps(given))
    command = [str(pwsh.find_pwsh()), "-NoProfile", "-NonInteractive", "-File", str(tmp_path / "choice.ps1")]
    command += ["-Path", str(REAL / "win_updates.ps1"), "-Cases", str(tmp_path / "cases.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(given)
    seen: set[str] = set()
    for case, answer in zip(given, answers, strict=True):
        real = {"threw": True} if answer["threw"] else answer
        assert modelled(case, machine(*case["offers"])) == real, case
        seen |= {reason for entry in answer["filtered"] for reason in entry["reasons"]}
    assert seen == {"accept_list", "reject_list", "hidden", "category_names", "skip_optional"}
    assert 5 < sum(answer["threw"] for answer in answers) < 60
    assert sum(bool(answer["chosen"]) for answer in answers) > 60


def test_hresults_are_signed_as_dotnet_has_them() -> None:
    assert [updates.signed(number) for number in (0, 0x80240016, -2145124330, 0x00240005)] == [
        0,
        -2145124330,
        -2145124330,
        0x00240005,
    ]
