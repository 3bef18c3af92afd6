# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated months: what Windows Update offers, and that a host which takes it is where the collection's core sees it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import patch_tuesday as calendar
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases, status
from fleet import cli, fast, months, updates, worlds
from fleet.host import VERSION, Host
from fleet.months import PRODUCTS, SERVER_2022, SERVER_2025, WINDOWS_11_24H2, WINDOWS_11_25H2

TABLE = releases.ReleaseTable.load(releases.shipped())
ROWS = months.history()
AGENT_ANSWERS = [product for product in PRODUCTS if product != SERVER_2022]


def at(day: str) -> datetime:
    """Noon of a day, two days after a Patch Tuesday in most tests."""
    return months.moment(day)


def state(world: dict[str, Any]) -> str:
    """What the core says of a host."""
    signals = fast.signals({**world, "logon": "local"}, {})
    now = datetime.fromisoformat(world["clock"])
    return str(status.host_status("h", signals, None, TABLE, now, azure=world.get("azure"))["state"])


def month_later(world: dict[str, Any], day: date | datetime | str, **asked: Any) -> tuple[dict[str, Any], int]:
    """The world after a monthly run of win_updates with a restart if one waits; how many restarts it took."""
    host = Host("h", months.advance(world, day))
    host.socket.close()
    updates.start(host, {"category_names": ["*"], **asked})
    waits = host.agent.get("reboot_required", False)
    if waits:
        host.booted()
    return host.world(), int(waits)


def offered(world: dict[str, Any], day: str, **options: Any) -> dict[str, str]:
    """KB and what installing does, of everything that is offered on a day."""
    made = months.advance(world, day, **options)["offers"]
    return {offer.get("kb", offer["title"]): offer.get("does", offer["restart"]) for offer in made}


def test_months_share_nothing_with_the_core() -> None:
    source = Path(months.__file__).read_text()
    assert "import" in source
    assert "ansible_collections" not in source
    assert json.loads(months.HISTORY.read_text())["releases"] == ROWS


def test_patch_tuesdays_are_those_of_the_calendar() -> None:
    for year in range(2022, 2028):
        for month in range(1, 13):
            assert months.patch_tuesday(year, month) == calendar.patch_tuesday(year, month)


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_month_has_its_type_or_says_why_not(product: str) -> None:
    listed = months.patch_tuesdays(product)
    assert [month.day for month in listed] == sorted({month.day for month in listed})
    names = {month.month for month in listed}
    rows = {row["date"][:7]: row for row in ROWS if row["product"] == product and row["type"] in months.MONTHLY}
    assert set(rows) <= names
    for month in listed:
        row = rows.get(month.month)
        assert month.type == (row["type"] if row else "missing")
        assert (month.row is None) is bool(month.why) is (row is None)
        if row and month.row:
            assert (month.row.kb, month.row.build, month.row.day.isoformat()) == (row["kb"], row["build"], row["date"])
        assert (month.ordinary is not None) is (month.type == "hotpatch")
    following = [month.row for month in listed if month.row]
    for month in listed:
        if month.row and month.ordinary:
            after = [row.number for row in following if row.day > month.day]
            assert month.row.number < month.ordinary.number < min(after, default=(99999, 0))


def test_ordinary_updates_are_those_of_the_history_or_marked_as_invented() -> None:
    known = {(row["product"], row["kb"]): row["build"] for row in ROWS if row["type"] == "ordinary"}
    every = [month.ordinary for product in PRODUCTS for month in months.patch_tuesdays(product) if month.ordinary]
    for row in every:
        assert row.invented is ((row.product, row.kb) not in known)
        assert row.invented is row.kb.startswith("KB99")
        assert row.invented or known[row.product, row.kb] == row.build
    assert len({row.kb for row in every if row.invented}) == sum(row.invented for row in every)
    assert {row.kb for row in every if row.invented}.isdisjoint(row["kb"] for row in ROWS)
    taken = {(row["product"], row["build"]) for row in ROWS}
    assert not taken & {(row.product, row.build) for row in every if row.invented}
    assert sum(not row.invented for row in every) == len(known)


@pytest.mark.parametrize(
    ("product", "month", "why"),
    [
        (SERVER_2022, "2026-06", "KB5094128"),
        (SERVER_2022, "2023-06", "No stored copy"),
        (WINDOWS_11_24H2, "2025-08", "No client-specific source"),
    ],
)
def test_missing_month_is_told_and_skipped(product: str, month: str, why: str) -> None:
    listed = {each.month: each for each in months.patch_tuesdays(product)}
    assert (listed[month].type, why in listed[month].why) == ("missing", True)
    before = [each for name, each in listed.items() if name < month and each.row][-1]
    world = months.start(product, before.day + timedelta(days=2))
    made = months.offers(world, ROWS, months.out(listed[month].day) + timedelta(days=1))
    assert all(offer["released"] < f"{listed[month].day}" for offer in made)


def test_history_that_is_given_is_the_one_that_counts() -> None:
    rows = [
        {"product": SERVER_2025, "date": "2030-01-08", "kb": "KB1111111", "build": "26100.40000", "type": "baseline"},
        {"product": SERVER_2025, "date": "2030-03-12", "kb": "KB2222222", "build": "26100.40200", "type": "hotpatch"},
    ]
    assert [month.type for month in months.patch_tuesdays(SERVER_2025, rows)] == ["baseline", "missing", "hotpatch"]
    world = months.start(SERVER_2025, "2030-01-10", rows=rows)
    assert world["registry"][VERSION]["UBR"] == 40000
    # Nobody knows whether the month between was a baseline.
    (offer,) = months.advance(world, "2030-03-14", rows=rows)["offers"]
    assert (offer["kb"], offer["build"], offer["does"]) == ("KB99300302", "26100.40270", "always")


# A host that takes what it is offered


@pytest.mark.parametrize("product", PRODUCTS)
def test_host_that_takes_every_month_stays_on_track_and_restarts_for_baselines(product: str) -> None:
    world: dict[str, Any] | None = None
    for month in months.patch_tuesdays(product):
        after = month.day + timedelta(days=2)
        if world is None:
            world = months.start(product, after) if month.type in months.BASELINES else None
            continue
        world, restarts = month_later(world, after)
        if month.row is None:
            # The history lacks the month: nothing new, then the next baseline.
            world = None if product == WINDOWS_11_24H2 else world
            assert restarts == 0
            continue
        assert restarts == (month.type in months.BASELINES), month
        assert state(world) == "on_track", month
        build = world["registry"][VERSION]
        assert (build["CurrentBuild"], build["UBR"]) == tuple(month.row.build.partition(".")[::2]) or (
            f"{build['CurrentBuild']}.{build['UBR']}" == month.row.build
        )
        assert month.row.kb in [fix["kb"] for fix in world["hotfixes"]]
        assert world["offers"] == []
    assert world is not None


def test_a_year_costs_few_restarts() -> None:
    world, count = months.start(SERVER_2025, "2025-01-20"), 0
    for month in months.patch_tuesdays(SERVER_2025):
        if "2025-02" <= month.month <= "2026-01":
            world, restarts = month_later(world, month.day + timedelta(days=2))
            count += restarts
    assert count == 4


def test_host_that_took_the_ordinary_update_is_off_track_until_the_next_baseline() -> None:
    world = months.start(SERVER_2025, "2025-10-20")
    guard = world["cim"][months.DEVICE_GUARD]["Win32_DeviceGuard"][0]
    guard["VirtualizationBasedSecurityStatus"] = 1
    assert offered(world, "2025-11-13") == {"KB5068861": "always"}
    world, restarts = month_later(world, "2025-11-13")
    world["cim"][months.DEVICE_GUARD]["Win32_DeviceGuard"][0]["VirtualizationBasedSecurityStatus"] = 2
    assert (restarts, state(world)) == (1, "off_track")
    assert offered(world, "2025-12-11") == {"KB5072033": "always"}
    world, restarts = month_later(world, "2025-12-11")
    assert (restarts, state(world)) == (1, "off_track")
    world, restarts = month_later(world, "2026-01-15")
    assert (restarts, state(world)) == (1, "on_track")
    assert offered(world, "2026-02-12") == {"KB5075942": "none"}


def test_host_that_missed_a_baseline_gets_the_ordinary_update() -> None:
    world = months.start(SERVER_2025, "2026-04-20")
    assert offered(world, "2026-05-14") == {"KB5087423": "none"}
    assert offered(world, "2026-07-16") == {"KB5099536": "always"}
    assert offered(world, "2026-08-13") == {"KB5120233": "always"}
    assert state(months.advance(world, "2026-08-13")) == "behind"


def test_host_that_missed_a_hotpatch_gets_the_next_one() -> None:
    world = months.start(SERVER_2022, "2026-01-20")
    assert offered(world, "2026-03-12") == {"KB5078737": "none"}


def test_out_of_band_hotpatch_is_offered_on_the_track_only() -> None:
    world = months.start(WINDOWS_11_25H2, "2026-01-20")
    assert offered(world, "2026-01-25") == {"KB5078167": "none"}
    world["registry"][months.MDM]["AllowRebootlessUpdates"] = 0
    assert offered(world, "2026-01-25") == {}


@pytest.mark.parametrize(
    ("kbs", "offer"),
    [
        (["KB5070893"], {"KB5068966": "none"}),
        (["KB5070881"], {"KB5068861": "always"}),
        (["KB5070881", "KB5070893"], {"KB5068861": "always"}),
        ([], {"KB5068861": "always"}),
    ],
)
def test_two_updates_with_one_build_are_told_apart_by_their_kb(kbs: list[str], offer: dict[str, str]) -> None:
    world = months.start(SERVER_2025, "2025-10-26")
    world["registry"][VERSION]["UBR"] = 6905
    world["hotfixes"] = [{"kb": kb, "installed_on": "10/25/2025"} for kb in kbs]
    assert offered(world, "2025-11-13") == offer


def test_nothing_is_offered_before_its_hour() -> None:
    world = months.start(SERVER_2025, "2026-08-01")
    hour = datetime(2026, 8, 11, 17, tzinfo=UTC)
    assert months.offers(world, ROWS, hour - timedelta(seconds=1)) == []
    assert [offer["kb"] for offer in months.offers(world, ROWS, hour)] == ["KB5120228"]


def test_what_waits_for_its_restart_is_not_offered_again() -> None:
    world = months.start(SERVER_2025, "2026-08-13")
    host = Host("h", months.advance(world, "2026-09-10"))
    host.socket.close()
    assert [offer["kb"] for offer in host.state["offers"]] == ["KB5122871"]
    updates.start(host, {})
    assert months.advance(host.world(), "2026-09-11")["offers"] == []
    assert state(host.world()) == "restart_pending"


# Who is entitled


def setting(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change of a world; None takes the key away."""

    def change(world: dict[str, Any]) -> None:
        at: Any = world
        for name in path[:-1]:
            at = at.setdefault(name, {})
        if value is None:
            del at[path[-1]]
        else:
            at[path[-1]] = value

    return change


VBS = setting("cim", months.DEVICE_GUARD, "Win32_DeviceGuard", value=[{"VirtualizationBasedSecurityStatus": 1}])


@pytest.mark.parametrize(
    ("product", "change"),
    [
        *((product, VBS) for product in PRODUCTS),
        (SERVER_2022, setting("registry", months.ENROLLED, value=None)),
        (SERVER_2022, setting("registry", months.MEMORY, "HotPatchTableSize", value=0)),
        (SERVER_2025, setting("azcmagent", value=None)),
        (SERVER_2025, setting("azure", "hotpatch_enablement_status", value="Disabled")),
        (SERVER_2025, setting("registry", VERSION, "EditionID", value="ServerTurbine")),
        (WINDOWS_11_24H2, setting("registry", months.MDM, "AllowRebootlessUpdates", value=0)),
        (WINDOWS_11_25H2, setting("registry", months.MDM, value=None)),
        (WINDOWS_11_25H2, setting("registry", months.ENVIRONMENT, "PROCESSOR_ARCHITECTURE", value="ARM64")),
    ],
)
def test_without_a_condition_the_ordinary_update_comes(product: str, change: Callable[[dict[str, Any]], None]) -> None:
    world = months.start(product, "2026-08-01")
    (hot,) = offered(world, "2026-08-13").items()
    assert hot[1] == "none"
    change(world)
    (cold,) = offered(world, "2026-08-13").items()
    assert cold[1] == "always"
    assert cold[0] != hot[0]


def test_arm_with_chpe_off_and_azure_edition_are_entitled() -> None:
    world = months.start(WINDOWS_11_25H2, "2026-08-01")
    world["registry"][months.ENVIRONMENT]["PROCESSOR_ARCHITECTURE"] = "ARM64"
    world["registry"][months.MEMORY]["HotPatchRestrictions"] = 1
    (offer,) = months.advance(world, "2026-08-13")["offers"]
    assert "for arm64-based Systems" in offer["title"]
    assert offer["does"] == "none"
    azure = months.start(SERVER_2025, "2026-08-01")
    azure["registry"][VERSION]["EditionID"] = "ServerTurbine"
    azure["registry"][months.ENROLLED] = {"Name": "Hotpatch Enrollment Package"}
    del azure["azcmagent"]
    assert offered(azure, "2026-08-13") == {"KB5120228": "none"}


def test_other_products_are_offered_nothing() -> None:
    for name in ("s19-standard", "s22-standard", "w10-22h2", "w11-26h2"):
        world = worlds.load(months.FRAGMENTS, [name])[name]
        assert months.offers(world, ROWS, at("2026-09-20"), months.COMPANIONS) == []


# How an offer looks


@pytest.mark.parametrize(
    ("product", "day", "title"),
    [
        (
            SERVER_2022,
            "2026-09-10",
            "2026-09 Cumulative Update for Microsoft server operating system version 21H2 for x64-based Systems (KB5122882)",
        ),
        (SERVER_2025, "2026-04-16", "2026-04 Security Update (KB5082063) (26100.32690)"),
        (
            SERVER_2025,
            "2025-10-16",
            "2025-10 Cumulative Update for Microsoft server operating system version 24H2 for x64-based Systems (KB5066835)",
        ),
        (
            WINDOWS_11_24H2,
            "2026-07-16",
            "2026-07 Cumulative Update for Windows 11, version 24H2 for x64-based Systems (KB5101650) (26100.8875)",
        ),
        (SERVER_2025, "2026-05-14", "2026-05 Security Hotpatch Update (KB5087423) (26100.32772)"),
        (
            WINDOWS_11_25H2,
            "2026-05-14",
            "2026-05 Hotpatch Update for Windows 11, version 25H2 for x64-based Systems (KB5089466) (26200.8390)",
        ),
    ],
)
def test_titles(product: str, day: str, title: str) -> None:
    world = months.start(product, at(day) - timedelta(days=9))
    assert [offer["title"] for offer in months.advance(world, day)["offers"]] == [title]


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize(("day", "does"), [("2026-08-13", "none"), ("2026-09-10", "always")])
def test_agents_answers(product: str, day: str, does: str) -> None:
    world = months.start(product, at(day) - timedelta(days=9))
    (offer,) = months.advance(world, day)["offers"]
    assert (offer["restart"], offer["does"], offer["severity"]) == ("possible", does, "Critical")
    assert offer["categories"] == ["Security Updates"]
    assert offer["released"] == f"{at(day) - timedelta(days=2):%Y-%m-%d}T17:00:00Z"
    asked = {"bootstrapper": True, "dynamic": does} if product in AGENT_ANSWERS else {}
    assert {key: offer[key] for key in ("bootstrapper", "dynamic") if key in offer} == asked


def test_an_offer_is_the_same_everywhere_and_another_one_each_month() -> None:
    ids = [
        months.advance(months.start(SERVER_2025, start), day)["offers"][0]["id"]
        for start, day in (("2026-07-16", "2026-08-13"), ("2026-07-20", "2026-08-30"), ("2026-08-13", "2026-09-10"))
    ]
    assert ids[0] == ids[1] != ids[2]


# Companions


def companions(world: dict[str, Any], day: str, *names: str) -> dict[str, dict[str, Any]]:
    """The companions that are offered beside the update of Windows, by title."""
    plain = {offer["id"] for offer in months.advance(world, day)["offers"]}
    made = months.advance(world, day, companions=names)["offers"]
    return {offer["title"]: offer for offer in made if offer["id"] not in plain}


def test_companions_of_a_month() -> None:
    world = months.start(SERVER_2022, "2026-05-01")
    found = companions(world, "2026-05-20", "dotnet", "defender", "tool", "driver")
    dotnet, defender, tool, driver = found
    assert dotnet.startswith("2026-05 Cumulative Update for .NET Framework 3.5, 4.8 and 4.8.1 for Microsoft server")
    assert "KB2267602 (Version 1.433." in defender
    assert tool == "Windows Malicious Software Removal Tool x64 - v5.142 (KB890830)"
    assert [offer["restart"] for offer in found.values()] == ["possible", "none", "none", "always"]
    assert found[driver]["driver"] is True
    assert found[driver]["kbs"] == []
    assert companions(world, "2026-05-12", "tool").keys() == {tool.replace("142", "141")}


def test_companion_that_was_installed_comes_back_when_there_is_a_new_one() -> None:
    world = months.start(SERVER_2022, "2026-05-01")
    names = ("dotnet", "defender", "tool")
    host = Host("h", months.advance(world, "2026-05-20", companions=names))
    host.socket.close()
    updates.start(host, {"category_names": ["*"]})
    assert len(host.counters.updates_installed) == 4
    assert companions(host.world(), "2026-05-20", *names) == {}
    assert [offer["kb"] for offer in companions(host.world(), "2026-05-21", *names).values()] == ["KB2267602"]
    assert len(companions(host.world(), "2026-06-11", *names)) == 3


def test_preview_lies_between_two_months_and_is_optional() -> None:
    world = months.start(SERVER_2025, "2026-07-20")
    assert companions(world, "2026-07-28", "preview") == {}
    (title, offer), *_none = companions(world, "2026-07-30", "preview").items()
    assert title == "2026-07 Preview Update (KB97260702) (26100.33190)"
    assert (offer["browse_only"], offer["categories"], "severity" in offer) == (True, ["Updates"], False)
    assert companions(world, "2026-08-13", "preview") == {}
    host = Host("h", months.advance(world, "2026-07-30", companions=["preview"]))
    host.socket.close()
    updates.start(host, {"category_names": ["*"]})
    host.booted()
    assert state(host.world()) != "on_track"
    assert offered(host.world(), "2026-08-13") == {"KB5120233": "always"}
    assert companions(host.world(), "2026-08-05", "preview") == {}


def test_out_of_band_cumulative_update_only_when_asked_for() -> None:
    world = months.start(SERVER_2025, "2026-09-10")
    assert offered(world, "2026-09-16") == {}
    assert offered(world, "2026-09-16", companions=["out_of_band"]) == {"KB5129235": "always"}
    assert offered(world, "2026-09-13", companions=["out_of_band"]) == {}
    world = months.start(SERVER_2025, "2025-10-20")
    assert offered(world, "2025-10-30", companions=["out_of_band"]) == {"KB5070881": "always"}
    # The next month's updates have it within them.
    assert offered(world, "2025-11-13", companions=["out_of_band"]) == {"KB5068966": "none"}


def test_unknown_companion() -> None:
    with pytest.raises(ValueError, match="companion dot: one of dotnet, defender, tool, driver, preview, out_of_band"):
        months.start(SERVER_2025, "2026-09-10", companions=["dot"])


# Time


def test_advancing_moves_the_clock_and_the_heartbeat_and_leaves_the_given_world_alone() -> None:
    world = months.start(SERVER_2025, "2026-08-01") | {"expect": {"state": "on_track"}}
    before = copy.deepcopy(world)
    made = months.advance(world, "2026-08-13T18:00:00Z")
    assert world == before
    assert (made["clock"], made["azcmagent"]["lastHeartbeat"]) == ("2026-08-13T18:00:00Z", "2026-08-13T17:56:00Z")
    assert made["boot"] == world["boot"]
    assert "expect" not in made
    world["azcmagent"]["status"] = "Disconnected"
    assert months.advance(world, date(2026, 8, 13))["azcmagent"]["lastHeartbeat"] == "2026-08-01T11:56:00Z"
    with pytest.raises(
        ValueError, match=r"to 2026-07-31T12:00:00Z: not before the world's clock, 2026-08-01T12:00:00Z"
    ):
        months.advance(world, "2026-07-31")


@pytest.mark.parametrize("product", PRODUCTS)
def test_started_host_is_healthy_on_every_day(product: str) -> None:
    for month in months.patch_tuesdays(product):
        if month.row is None:
            continue
        for days in (1, 20):
            world = months.start(product, month.day + timedelta(days=days))
            assert state(world) == "on_track", world["title"]
            assert world["offers"] == []
            assert world["boot"] < world["clock"]


def test_start_without_a_release() -> None:
    with pytest.raises(ValueError, match="product windows_10: one of windows_server_2022_azure_edition"):
        months.start("windows_10", "2026-08-01")
    with pytest.raises(ValueError, match="day 2024-11-01: the history of windows_server_2025 has no baseline"):
        months.start(SERVER_2025, "2024-11-01")


def test_worlds_of_a_year_can_be_written_and_loaded(tmp_path: Path) -> None:
    made = {}
    for product in PRODUCTS:
        world = months.start(product, "2026-01-20", companions=months.COMPANIONS)
        for month in ("02-12", "05-28", "08-13", "09-20"):
            world, _restarts = month_later(
                months.advance(world, f"2026-{month}", companions=["driver"]), f"2026-{month}"
            )
            made[f"{product.replace('_', '-')}-{month}"] = world
    cli.save_worlds(tmp_path / "new" / "folder", made)
    assert worlds.load(tmp_path / "new" / "folder") == made
    assert "&id" not in "".join(path.read_text() for path in (tmp_path / "new" / "folder").glob("*.yml"))
