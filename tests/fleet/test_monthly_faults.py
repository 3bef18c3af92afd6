# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault table of the monthly run: what goes wrong at which stage, how the host must end, and how it ends when it is run again.

One fleet, each host with a fault of its own. `python tests/fleet/test_monthly_faults.py` plays and prints the table.
"""

from __future__ import annotations

import copy
import functools
import json
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import LONG, Run, executors, simfleet
from fleet import months
from monthly import FORKS, PLAN, PLAYBOOK, QUICK, Played, of_hosts, play, saved, write

World = dict[str, Any]

DAY = "2026-08-12"
SUMMER = months.advance(months.start(months.SERVER_2025, "2026-07-20"), DAY, companions=("tool",))
SPRING = months.advance(months.start(months.SERVER_2025, "2026-04-14"), "2026-04-15")
HOTPATCH, TOOL, BASELINE = "KB5120228", "KB890830", "KB5082063"
BOTH = (HOTPATCH, TOOL)
NEW_BUILD = next(offer["build"] for offer in SUMMER["offers"] if offer["kb"] == HOTPATCH)
TWIN = "11111111-2222-4333-8444-555555555555"
SIGNALS, OFFERS, WIN_UPDATES = "windows_signals_info", "windows_offers_info", "win_updates"
REBOOT_PENDING = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"
NO_SERVICE, BUSY, NOT_DOWNLOADED, FATAL, DISK_FULL = 0x80240438, 0x80240016, 0x80240034, 0x80070643, 0x80070070
IN, GONE, LATER = ("installed", None), "could not be asked", {"rebootless_deadline": 120}
# Time enough for a loaded machine to come to the installation, and a wait that a test can bear.
SHORT = {"rebootless_deadline": 15}
NETWORK = {"hotpatch_become": False, "assess_become": False}
AGREED = {"rebootless_consent": True}


def world(*kbs: str, on: World = SUMMER, keys: Mapping[str, World] | None = None, **agent: Any) -> World:
    """A healthy Server 2025 that is offered these KBs (August's hotpatch), with further keys of offers and agent."""
    made = copy.deepcopy(on)
    wanted = kbs or (HOTPATCH,)
    made["offers"] = [
        {**offer, **(keys or {}).get(offer["kb"], {})} for offer in made["offers"] if offer["kb"] in wanted
    ]
    assert len(made["offers"]) == len(wanted)
    if agent:
        made["update_agent"] = {**made.get("update_agent", {}), **agent}
    return made


def failing(stage: str, hresult: int, *kbs: str) -> World:
    """A host whose hotpatch fails at a stage."""
    return world(*kbs, keys={HOTPATCH: {"fails": {"stage": stage, "hresult": hresult}}})


def restart_pending() -> World:
    made = world(*BOTH)
    made["registry"][REBOOT_PENDING] = {}
    return made


def disk(made: World, free: int) -> World:
    made["cim"]["root/cimv2"]["Win32_LogicalDisk"][0]["FreeSpace"] = free
    return made


def twins() -> World:
    """Two offers with one text, one of which would accept licence terms."""
    made = world(*BOTH)
    tool = next(offer for offer in made["offers"] if offer["kb"] == TOOL)
    made["offers"].append({**tool, "id": TWIN, "eula_accepted": False})
    return made


def unlisted() -> World:
    """A host that is offered what the release table does not know, and whose agent would say that it needs no restart."""
    made = world(keys={HOTPATCH: {"kb": "KB9999999", "title": "2026-08 Something else (KB9999999)"}})
    del made["offers"][0]["build"]
    return made


def fault(kind: str, module: str | None = None, nth: int | None = None, seconds: float | None = None) -> World:
    """A fault as the faults file has it."""
    when = {key: value for key, value in (("module", module), ("nth", nth)) if value is not None}
    more = {"when": when} if when else {}
    return {"kind": kind, **more, **({"seconds": seconds} if seconds is not None else {})}


@dataclass(frozen=True)
class Row:
    """A host with one fault: where it comes, what it is, how the host must end, and how with the fault gone."""

    stage: str
    what: str
    world: World
    outcome: str
    # Whether the run has failed for the host.
    failed: bool
    # Outcome of the installation, and result and HRESULT of each update; None when nothing was to be installed.
    install: str | None = None
    updates: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    says: str = ""
    fault: World | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    again: str = "nothing_to_do"
    # Agree to the restart that the host owes, when it is run again.
    agree: bool = False
    restarts: int = 0


def well(stage: str, what: str, made: World, *kbs: str, **more: Any) -> Row:
    """A fault that the run gets over."""
    return Row(stage, what, made, "installed", False, "installed", dict.fromkeys(kbs or (HOTPATCH,), IN), **more)


def undone(stage: str, what: str, made: World, outcome: str, **more: Any) -> Row:
    """A fault that keeps everything from being installed, which then goes in when it is run again."""
    return Row(stage, what, made, outcome, more.pop("failed", True), again=more.pop("again", "installed"), **more)


def bad(kb: str, hresult: int | None) -> dict[str, tuple[str, str | None]]:
    return {kb: ("failed", f"0x{hresult:08X}" if hresult else None)}


TABLE: dict[str, Row] = {
    # search: the agent, the connection, the rights
    "search-fails": undone("search", f"fails with 0x{NO_SERVICE:08X}", world(search={"fails": NO_SERVICE}), "unknown"),
    "search-hangs": undone(
        "search",
        "hangs",
        world(search={"hangs": True}),
        "unknown",
        says="timed out",
        variables={"hotpatch_search_timeout": 1},
    ),
    "search-warns": well("search", "ends with warnings", world(search={"warnings": [NO_SERVICE]})),
    "search-agent-busy": undone("search", "the agent installs already", world(busy=True), "blocked", failed=False),
    "search-cut": undone(
        "search", "connection cut", world(), "not_reached", says="aborted", fault=fault("cut", OFFERS, 1)
    ),
    "search-401": undone(
        "search", "401", world(), "not_reached", says="rejected", fault=fault("unauthorized", OFFERS, 1, 1)
    ),
    "search-timeouts": well("search", "operation timeouts", world(), fault=fault("operation_timeout", OFFERS, 1, 1)),
    "refused": undone("search", "refuses connections", world(), "not_reached", says="refused", fault=fault("refused")),
    "network-logon": well("search", "network logon, no become", world(*BOTH), *BOTH, variables=NETWORK),
    "become-refused": well(
        "search", "become refused", world(*BOTH), *BOTH, variables={"ansible_become_flags": "logon_type=nonsense"}
    ),
    "network-logon-unlisted": undone(
        "search",
        "network logon, and the table does not know the offer",
        unlisted(),
        "wait_for_window",
        failed=False,
        variables=NETWORK,
    ),
    # the decision: what is true before anything is done
    "low-disk": undone("decision", "disk nearly full", disk(world(), 2**30), "blocked", failed=False),
    "licence": well(
        "decision",
        "licence terms of one update not accepted",
        world(*BOTH, keys={TOOL: {"eula_accepted": False}}),
        again="installed",
    ),
    "twins": well(
        "decision",
        "two offers that nothing tells apart, decided differently",
        twins(),
        says=f"{TOOL} is left out",
        again="installed",
    ),
    "restart-pending": Row(
        "decision",
        "a restart is pending",
        restart_pending(),
        "restart_due",
        False,
        "installed",
        dict.fromkeys(BOTH, IN),
        "A restart is pending",
        again="restarted",
        agree=True,
    ),
    "restart-before-installing": undone(
        "decision",
        "the agent wants a restart before it installs",
        world(reboot_required=True, reboot_required_before_installation=True),
        "restart_due",
        failed=False,
        says="A restart is pending",
    ),
    # between decision and installation
    "asked-again-cut": undone(
        "before install",
        "connection cut",
        world(),
        "failed",
        install="failed",
        says=GONE,
        fault=fault("cut", OFFERS, 2),
    ),
    "asked-again-401": undone(
        "before install", "401", world(), "failed", install="failed", says=GONE, fault=fault("unauthorized", SIGNALS, 2)
    ),
    "asked-again-gone": undone(
        "before install",
        "refuses connections for good",
        world(),
        "failed",
        install="failed",
        says=GONE,
        fault=fault("refused", SIGNALS, 2),
    ),
    "offer-revised": undone(
        "before install",
        "the offer has another revision",
        world(offers_after_search=[{**world()["offers"][0], "revision": 2}]),
        "stale",
        install="stale",
        says="is revision 2 now",
    ),
    "offer-withdrawn": undone(
        "before install",
        "the offer is gone",
        world(offers_after_search=[]),
        "stale",
        install="stale",
        says="no longer offered",
        again="nothing_to_do",
    ),
    # download
    "download-fails": undone(
        "download",
        "fails for one of two",
        failing("download", NOT_DOWNLOADED, *BOTH),
        "failed",
        install="failed",
        updates=bad(HOTPATCH, NOT_DOWNLOADED) | bad(TOOL, None),
        says=f"0x{NOT_DOWNLOADED:08X}",
    ),
    "download-fails-records-cut": undone(
        "download",
        "fails, and the words about it are lost",
        failing("download", NOT_DOWNLOADED, *BOTH),
        "failed",
        install="failed",
        updates=bad(HOTPATCH, None) | bad(TOOL, None),
        says="Failed to download",
        fault=fault("cut", WIN_UPDATES, 2),
    ),
    # install: the agent
    "install-fails": undone(
        "install",
        "fails",
        failing("install", FATAL),
        "failed",
        install="failed",
        updates=bad(HOTPATCH, FATAL),
        says=f"0x{FATAL:08X}",
    ),
    "one-of-two-fails": undone(
        "install",
        "one of two fails",
        failing("install", FATAL, *BOTH),
        "partly_installed",
        install="partly_installed",
        updates={**bad(HOTPATCH, FATAL), TOOL: IN},
        says=f"0x{FATAL:08X}",
    ),
    "disk-full": undone(
        "install",
        "disk full",
        world(*BOTH, disk_full=True),
        "failed",
        install="failed",
        updates=bad(HOTPATCH, DISK_FULL) | bad(TOOL, DISK_FULL),
        says=f"0x{DISK_FULL:08X}",
    ),
    "install-agent-busy": undone(
        "install",
        "the agent installs already",
        world(busy=True),
        "failed",
        install="failed",
        updates=bad(HOTPATCH, BUSY),
        says=f"0x{BUSY:08X}",
        variables=NETWORK,
    ),
    "install-hangs": undone(
        "install",
        "hangs beyond the deadline",
        world(install_hangs=True),
        "still_installing",
        install="still_installing",
        updates={HOTPATCH: ("still_installing", None)},
        variables=SHORT,
    ),
    "install-hangs-network": undone(
        "install",
        "hangs beyond the deadline, network logon",
        world(install_hangs=True),
        "unknown",
        install="unknown",
        updates={HOTPATCH: ("unknown", None)},
        says="the next run asks again",
        variables=SHORT | NETWORK,
    ),
    "install-ends-unseen": well(
        "install", "says no last word, and ends", world(install_hangs=True, install_seconds=3), variables=SHORT
    ),
    "install-silent": well(
        "install",
        "says nothing beyond the deadline, and ends",
        world(install_seconds=3),
        fault=fault("slow_answer", WIN_UPDATES, 2, 60),
        variables=SHORT | {"ansible_winrm_read_timeout_sec": 90},
    ),
    # install: the connection. Occasion 1 is the start, 2 the first poll, 3 the cancel of an installation that is short.
    "start-cut": well("install", "cut at the start", world(), fault=fault("cut", WIN_UPDATES, 1), variables=LATER),
    "start-timeouts": well(
        "install", "operation timeouts at the start", world(), fault=fault("operation_timeout", WIN_UPDATES, 1, 1)
    ),
    "start-401": well(
        "install", "401 at the start, for a second", world(), fault=fault("unauthorized", WIN_UPDATES, 1, 1)
    ),
    "start-gone": well(
        "install", "refuses from the start on, comes back", world(), fault=fault("refused", WIN_UPDATES, 1, 1)
    ),
    "poll-cut": well("install", "cut at a poll", world(*BOTH), *BOTH, fault=fault("cut", WIN_UPDATES, 2)),
    "poll-cut-slow": well(
        "install",
        "slow, and outlives a cut connection",
        world(install_seconds=3),
        fault=fault("cut", WIN_UPDATES, 2),
        variables=LATER,
    ),
    "poll-cut-one-fails": undone(
        "install",
        "one of two fails, and the words about it are lost",
        failing("install", FATAL, *BOTH),
        "partly_installed",
        install="partly_installed",
        updates={**bad(HOTPATCH, None), TOOL: IN},
        says="Failed to install",
        fault=fault("cut", WIN_UPDATES, 2),
    ),
    "poll-timeouts": well(
        "install", "operation timeouts at a poll", world(), fault=fault("operation_timeout", WIN_UPDATES, 2, 1)
    ),
    "poll-401": well("install", "401 at a poll, for a second", world(), fault=fault("unauthorized", WIN_UPDATES, 2, 1)),
    "poll-401-for-good": Row(
        "install",
        "401 from a poll on",
        world(),
        "unknown",
        True,
        "unknown",
        {HOTPATCH: ("unknown", None)},
        GONE,
        fault("unauthorized", WIN_UPDATES, 2),
        SHORT,
    ),
    "poll-gone": well(
        "install", "refuses from a poll on, comes back", world(), fault=fault("refused", WIN_UPDATES, 2, 1)
    ),
    "poll-gone-for-good": Row(
        "install",
        "refuses from a poll on",
        world(),
        "unknown",
        True,
        "unknown",
        {HOTPATCH: ("unknown", None)},
        GONE,
        fault("refused", WIN_UPDATES, 2),
        SHORT,
    ),
    "cancel-cut": well("install", "cut when all is said", world(), fault=fault("cut", WIN_UPDATES, 3)),
    # after the installation
    "after-cut": well("after install", "connection cut", world(), fault=fault("cut", SIGNALS, 3)),
    "after-timeouts": well(
        "after install", "operation timeouts", world(), fault=fault("operation_timeout", SIGNALS, 3, 1)
    ),
    "after-gone": well(
        "after install", "refuses connections, comes back", world(), fault=fault("refused", SIGNALS, 3, 1)
    ),
    "after-gone-for-good": Row(
        "after install",
        "refuses connections for good",
        world(),
        "unknown",
        True,
        "installed",
        {HOTPATCH: IN},
        GONE,
        fault("refused", SIGNALS, 3),
        SHORT,
    ),
    "broken-promise": Row(
        "after install",
        "what promised no restart wants one",
        world(*BOTH, keys={HOTPATCH: {"does": "always"}}),
        "restart_due",
        False,
        "installed",
        dict.fromkeys(BOTH, IN),
        f"the updates behind it: {HOTPATCH}",
        again="restarted",
        agree=True,
    ),
    "reoffered": well(
        "after install",
        "offered again as if it were not installed",
        world(keys={HOTPATCH: {"installs_but_reoffered": True}}),
        says="offered again",
    ),
    # the agreed restart, the only one there is
    "restart-never-back": Row(
        "restart",
        "does not come back",
        world(BASELINE, on=SPRING),
        "failed",
        True,
        "installed",
        {BASELINE: IN},
        "is not back",
        fault("never_back"),
        {**AGREED, "hotpatch_restart_timeout": 4, "hotpatch_back_timeout": 1},
        restarts=1,
    ),
    "restart-then-cut": Row(
        "restart",
        "comes back, connection cut",
        world(BASELINE, on=SPRING),
        "restarted",
        False,
        "installed",
        {BASELINE: IN},
        "",
        fault("cut", SIGNALS, 5),
        AGREED,
        restarts=1,
    ),
}
# One row of each stage and outcome, and two more whose plan is looked at.
EACH = {(row.stage, row.outcome): name for name, row in reversed(TABLE.items())}
SOME = {name: row for name, row in TABLE.items() if name in (*EACH.values(), "network-logon", "refused")}
PLAYED = TABLE if LONG else SOME
WITH_POWERSHELL = (
    "search-fails",
    "search-hangs",
    "search-warns",
    "network-logon",
    "licence",
    "offer-revised",
    "one-of-two-fails",
    "poll-cut-slow",
    "broken-promise",
)


# A world's update agent without these has nothing wrong with it.
AGENT_FAULTS = ("search", "busy", "disk_full", "install_hangs", "install_seconds", "offers_after_search")
AGENT_WAITS = ("reboot_required", "reboot_required_before_installation")


def healed(row: Row, found: World) -> World:
    """The world with its fault gone: the agent well, room on the disk, licence terms accepted by somebody."""
    made = copy.deepcopy(found)
    agent = made.get("update_agent", {})
    for key in AGENT_FAULTS if row.agree else (*AGENT_FAULTS, *AGENT_WAITS):
        agent.pop(key, None)
    for offer in made["offers"]:
        offer.pop("fails", None)
        offer["eula_accepted"] = True
    return disk({**made, "logon": "local"}, 50 * 2**30)


@dataclass(frozen=True)
class Month:
    """A run over the hosts of a table: what it left behind, its report, and the worlds at its end."""

    played: Played
    report: World
    worlds: Mapping[str, World]


def variables(rows: Mapping[str, Row], *, again: bool = False) -> dict[str, dict[str, Any]]:
    """What the hosts have in the inventory."""
    if again:
        return {name: {"rebootless_consent": row.agree} for name, row in rows.items()}
    return {name: {"rebootless_consent": False, **row.variables} for name, row in rows.items()}


def faults(folder: Path, rows: Mapping[str, Row]) -> tuple[str, ...]:
    """The option of simfleet with the faults of these hosts."""
    file = folder / "faults.yml"
    file.write_text(yaml.safe_dump({name: [row.fault] for name, row in rows.items() if row.fault}), encoding="utf-8")
    return "--faults", str(file)


def monthly(folder: Path, rows: Mapping[str, Row], worlds: Mapping[str, World] | None = None, **options: Any) -> Month:
    """The monthly run: with the faults of the rows, or over other worlds and without a fault."""
    folder.mkdir(parents=True, exist_ok=True)
    more = ("--save-worlds", str(folder / "saved"), *(faults(folder, rows) if worlds is None else ()))
    found = {name: row.world for name, row in rows.items()} if worlds is None else worlds
    on_fleet = functools.partial(simfleet, scratch=folder)
    given = variables(rows, again=worlds is not None)
    played = play(on_fleet, folder, found, status=None, options=more, variables=given, **options)
    report = json.loads((folder / "run" / "run.json").read_text(encoding="utf-8"))
    return Month(played, report, saved(folder / "saved"))


def reported(month: Month, name: str) -> World:
    """The host in the JSON of the report."""
    return next(one for one in month.report["hosts"] if one["name"] == name)


def ends_as_stated(name: str, row: Row, month: Month) -> None:
    """Outcome, each update, words, no restart but an agreed one, a whole record, and nothing asked of win_updates but what was decided."""
    result, seen = month.played.hosts[name], month.played.counters(name)
    install = result["install"] or {}
    assert (result["outcome"], install.get("outcome")) == (row.outcome, row.install), result["words"]
    assert {one["kb"]: (one["result"], one["hresult"]) for one in install.get("updates", [])} == dict(row.updates)
    assert row.says in " ".join(result["words"])
    assert bool(result["next_step"]) is (row.failed or row.outcome in ("blocked", "restart_due"))
    assert seen["restarts"] == row.restarts
    steps = month.played.steps(name)
    assert (steps[0], steps[-1], steps.count("host_finished")) == ("decided", "host_finished", 1)
    assert ("installing" in steps) is (row.install is not None) is ("installed" in steps)
    assert (reported(month, name)["outcome"], reported(month, name)["failed"]) == (row.outcome, row.failed)
    exactly_what_was_decided(name, row, month)


def exactly_what_was_decided(name: str, row: Row, month: Month) -> None:
    """What went over the wire selects the decided updates and no other; licence terms are accepted of none."""
    result, seen = month.played.hosts[name], month.played.counters(name)
    decided = result["decision"]["install"]
    left_out = [one["id"] for one in (result["install"] or {}).get("left_out", [])]
    assert len(seen["updates_asked"]) == (1 if row.updates else 0)
    for asked in seen["updates_asked"]:
        selected = [
            offer["id"]
            for offer in row.world["offers"]
            if any(re.search(one, offer["title"] + offer["kb"], re.I) for one in asked["accept_list"])
        ]
        assert sorted(selected) == sorted(set(decided) - set(left_out))
        assert {key: value for key, value in asked.items() if key != "accept_list"} == {
            "reject_list": [],
            "category_names": ["*"],
            "state": "installed",
            "check_mode": False,
        }
    assert set(seen["updates_installed"]) <= set(decided)
    terms = {offer["id"]: offer.get("eula_accepted", True) for offer in row.world["offers"]}
    for offer in month.worlds[name]["offers"]:
        assert offer.get("eula_accepted", True) is terms[offer["id"]]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """The run with the faults."""
    return monthly(tmp_path_factory.mktemp("first"), PLAYED)


@pytest.fixture(scope="module")
def second(first: Month, tmp_path_factory: pytest.TempPathFactory) -> Month:
    """The run over what the first left behind, with the faults gone."""
    healthy = {name: healed(row, first.worlds[name]) for name, row in PLAYED.items()}
    return monthly(tmp_path_factory.mktemp("second"), PLAYED, healthy)


@pytest.fixture(scope="module")
def third(second: Month, tmp_path_factory: pytest.TempPathFactory) -> Month:
    """And once more."""
    return monthly(tmp_path_factory.mktemp("third"), PLAYED, second.worlds)


@pytest.mark.parametrize("name", PLAYED)
def test_the_host_ends_as_stated(name: str, first: Month) -> None:
    ends_as_stated(name, TABLE[name], first)


@pytest.mark.parametrize("name", PLAYED)
def test_run_again_without_the_fault_it_converges(name: str, second: Month, third: Month) -> None:
    row = TABLE[name]
    assert second.played.hosts[name]["outcome"] == row.again, second.played.hosts[name]["words"]
    assert second.played.counters(name)["restarts"] == (1 if row.again == "restarted" else 0)
    last, seen = third.played.hosts[name], third.played.counters(name)
    assert (last["outcome"], last["decision"]["install"], seen["updates_asked"], seen["restarts"]) == (
        "nothing_to_do",
        [],
        [],
        0,
    )
    assert third.worlds[name] == second.worlds[name]


def test_the_whole_run(first: Month, second: Month, third: Month) -> None:
    """The status tells of the hosts that failed, and every host is in record and report."""
    assert (first.played.run.status, second.played.run.status, third.played.run.status) == (2, 0, 0)
    for month in (first, second, third):
        assert set(month.played.hosts) == set(PLAYED) == {one["name"] for one in month.report["hosts"]}
        assert month.played.mine[-1]["step"] == "run_finished"


@pytest.mark.skipif("powershell" not in executors(), reason="no pwsh 7.5 or newer: the table runs on the fast executor")
def test_with_powershell_executed(tmp_path: Path) -> None:
    rows = {name: TABLE[name] for name in WITH_POWERSHELL}
    month = monthly(tmp_path, rows, executor="powershell")
    for name, row in rows.items():
        ends_as_stated(name, row, month)


# --- nothing is changed where nothing may be -----------------------------------------------------------------------


def untouched(before: World, after: World) -> bool:
    """Whether a world is as it was. What is offered from the second search on is the world's own doing."""
    left, right = (copy.deepcopy(one) for one in (before, after))
    for one in (left, right):
        agent = one.get("update_agent", {})
        if agent.pop("offers_after_search", None) is not None or "offers_after_search" in before.get(
            "update_agent", {}
        ):
            one.pop("offers")
        if not agent:
            one.pop("update_agent", None)
    return left == right


def changes_nothing(folder: Path, command: list[str]) -> Run:
    """The command over the hosts of the table, none of which it may change."""
    folder.mkdir(exist_ok=True)
    worlds = write(folder / "worlds", {name: row.world for name, row in PLAYED.items()})
    # An agreed restart is what check mode must not carry out.
    given = {name: {**values, "rebootless_consent": True} for name, values in variables(PLAYED).items()}
    extra = ["-e", json.dumps({**QUICK, "rebootless_dest": str(folder / "run")})]
    options = ("--save-worlds", str(folder / "saved"), *faults(folder, PLAYED))
    run = simfleet(of_hosts(folder, [*command, *extra], given), folder, worlds=worlds, executor="fast", options=options)
    after = saved(folder / "saved")
    for name, row in PLAYED.items():
        assert untouched(row.world, after[name]), name
        seen = run.counters["hosts"][name]
        assert (seen["restarts"], seen["updates_asked"], seen["updates_installed"]) == (0, [], []), name
    return run


def test_a_plan_changes_nothing_and_names_the_answers_that_it_lacks(tmp_path: Path) -> None:
    changes_nothing(tmp_path, PLAN)
    report = json.loads((tmp_path / "run" / "plan.json").read_text(encoding="utf-8"))
    hosts = {one["name"]: one for one in report["hosts"]}
    assert set(hosts) == set(PLAYED)
    own = f"the agent's own answer whether {HOTPATCH} restarts this host"
    lacks = {name: {one["what"]: one for one in decision["missing"]} for name, decision in hosts.items()}
    assert lacks["install-fails"][own]["why"] == "not asked"
    assert "restart_answer: always" in lacks["install-fails"][own]["fix"]
    assert "become" in lacks["network-logon"]["whether the update agent is installing something"]["fix"]
    assert set(lacks["search-fails"]) == {"what the update agent offers"}
    assert hosts["refused"]["reached"] is False
    text = (tmp_path / "run" / "plan.md").read_text(encoding="utf-8")
    assert own in text


def test_check_mode_changes_nothing(tmp_path: Path) -> None:
    run = changes_nothing(tmp_path, [*PLAYBOOK, "--check", "--diff"])
    assert not (tmp_path / "run").exists()
    # The report of what would have been, and what would have been installed.
    assert "Not reached: connection refused" in run.output
    assert f"+kb: {HOTPATCH}" in run.output
    assert "Check mode" in run.output


# --- bad input ends before any host is asked ------------------------------------------------------------------------

BAD_INPUT = {
    "policy": ({"rebootless_policy": {"catgories": ["security"]}}, r"policy.*catgories.*categories"),
    "consent": ({"rebootless_consent": "maybe"}, r"consent is 'maybe'; true, false, null"),
    "now": ({"rebootless_now": "yesterday"}, r"now: 'yesterday' is not a time; give ISO 8601"),
    "table": (
        {"rebootless_release_table": "/nowhere/table.json"},
        r"release_table: /nowhere/table.json cannot be read",
    ),
    "extend": (
        {"rebootless_release_table_extend": "/nowhere/more.json"},
        r"release_table_extend: /nowhere/more.json cannot be read",
    ),
}


@pytest.mark.parametrize("playbook", ["hotpatch", "plan"])
@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_ends_before_any_host_is_asked(
    name: str, playbook: str, on_fleet: Callable[..., Run], tmp_path: Path
) -> None:
    extra, message = BAD_INPUT[name]
    dest = tmp_path / "run"
    given = json.dumps({**QUICK, "rebootless_dest": str(dest), **extra})
    command = ["ansible-playbook", f"rebootless.patching.{playbook}", *FORKS, "-e", given]
    run = on_fleet(command, worlds=write(tmp_path / "worlds", {"srv": world()}), executor="fast").check(2)
    assert run.counters["hosts"]["srv"]["requests"] == 0
    assert re.search(message, " ".join(run.output.split())), run.output
    assert not dest.exists()


# --- an installation that outlives its run --------------------------------------------------------------------------


def test_the_next_run_asks_before_it_does_anything(tmp_path: Path) -> None:
    """Left behind by a first run: a second one stays away from a busy agent, and sees a build that changed under its decision."""
    worlds = write(tmp_path / "worlds", {"seen": world(install_seconds=40), "unseen": world(install_seconds=40)})
    wait = tmp_path / "until-installed.yml"
    until = {"until": f"__seen.build == '{NEW_BUILD}'", "retries": 90, "delay": 1, "register": "__seen"}
    wait.write_text(yaml.safe_dump([{"name": "Wait", "rebootless.patching.hotpatch_info": {}, **until}]), "utf-8")

    def run(number: int, **extra: Any) -> str:
        given = {**QUICK, "rebootless_consent": False, "rebootless_dest": str(tmp_path / str(number)), **extra}
        return " ".join(PLAYBOOK) + f" -e '{json.dumps(given)}' -i \"$ANSIBLE_INVENTORY\" -i {tmp_path}/variables.yml"

    of_hosts(tmp_path, [], {"seen": {}, "unseen": {**NETWORK, "verify_tasks": [str(wait)]}})
    script = "\n".join((run(1, rebootless_deadline=4, rebootless_verify=False), run(2), run(3)))
    done = simfleet(["bash", "-c", script], tmp_path, worlds=worlds, executor="fast").check(0)
    ends = [Played(done, tmp_path / str(number)).hosts for number in (1, 2, 3)]
    assert {name: one["outcome"] for name, one in ends[0].items()} == {"seen": "still_installing", "unseen": "unknown"}
    assert {name: one["outcome"] for name, one in ends[1].items()} == {"seen": "blocked", "unseen": "stale"}
    assert f"and is {NEW_BUILD} now" in " ".join(ends[1]["unseen"]["words"])
    assert {name: one["outcome"] for name, one in ends[2].items()} == dict.fromkeys(ends[2], "nothing_to_do")
    for name in ends[0]:
        assert (len(done.counters["hosts"][name]["updates_asked"]), done.counters["hosts"][name]["restarts"]) == (1, 0)


# --- the table, printed ---------------------------------------------------------------------------------------------


def line(name: str, row: Row, month: Month, again: Month) -> tuple[str, ...]:
    """A row of the table as it was played; the last word tells whether it is as stated."""
    result = month.played.hosts[name]
    try:
        ends_as_stated(name, row, month)
        said = "as stated" if again.played.hosts[name]["outcome"] == row.again else "OTHERWISE"
    except AssertionError:
        said = "OTHERWISE"
    updates = [
        f"{one['kb']} {one['result']}{' ' + one['hresult'] if one['hresult'] else ''}"
        for one in (result["install"] or {}).get("updates", [])
    ]
    return (
        row.stage,
        row.what,
        result["outcome"],
        ", ".join(updates) or "-",
        str(month.played.counters(name)["restarts"]),
        "yes" if month.played.steps(name)[-1:] == ["host_finished"] else "NO",
        again.played.hosts[name]["outcome"],
        said,
    )


def main() -> int:
    """Play the table, print it; 1 when a row is not as stated."""
    with tempfile.TemporaryDirectory() as scratch:
        month = monthly(Path(scratch) / "first", TABLE)
        again = monthly(
            Path(scratch) / "second", TABLE, {name: healed(row, month.worlds[name]) for name, row in TABLE.items()}
        )
    heads = ("stage", "fault", "host", "updates", "restarts", "recorded", "run again", "")
    lines = [line(name, row, month, again) for name, row in TABLE.items()]
    widths = [max(len(one[column]) for one in (heads, *lines)) for column in range(len(heads))]
    for one in (heads, tuple("-" * width for width in widths), *lines):
        print("| " + " | ".join(text.ljust(width) for text, width in zip(one, widths, strict=True)) + " |")
    wrong = sum(one[-1] != "as stated" for one in lines)
    print(f"\n{len(lines)} faults, {wrong} not as stated.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
