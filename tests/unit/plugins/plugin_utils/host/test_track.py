# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state on the track: product, readiness, enrolment, position, and which of them wins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import ReleaseTable
from realistic import KINDS, NOW, Raw, Status, build, codes, failed, judge, kbs, message, signals, warned

ENABLED = {"hotpatch_enablement_status": "Enabled"}
DISABLED = {"hotpatch_enablement_status": "Disabled"}
NO_ARC = {"arc_agent": None, "services": {"himds": None}}
OFF = {"vbs_running": 0, "vbs_configured": 0}
SERVER, DOMAIN_CONTROLLER, CLIENT = 3, 2, 1


def system(product_type: object) -> Raw:
    """The value of probe `operating_system`."""
    return {"sku": 7, "product_type": product_type, "last_boot": "2026-09-10T02:31:00Z", "language": 1033}


def at(day: str) -> datetime:
    """Noon of a day."""
    return datetime.fromisoformat(f"{day}T12:00:00+00:00")


def verdict(host: Status) -> tuple[str, str, list[str]]:
    """State, track and causes."""
    return host["state"], host["track"], codes(host)


@pytest.mark.parametrize("kind", KINDS)
def test_healthy_host_is_on_track(kind: str) -> None:
    host = judge(signals(kind))
    assert verdict(host) == ("on_track", "hotpatch", [])
    assert warned(host) == []
    assert host["pending"]["pending"] is False
    assert host["restart_required"] == "no"


PRODUCTS: list[tuple[str, str, object, str | None, list[str]]] = [
    ("ServerTurbine", "20348.5622", SERVER, "windows_server_2022_azure_edition", []),
    ("ServerTurbineCor", "20348.5622", SERVER, "windows_server_2022_azure_edition", []),
    ("ServerTurbineCore", "20348.5622", SERVER, "windows_server_2022_azure_edition", []),
    ("ServerStandard", "20348.5622", SERVER, None, ["edition_not_covered"]),
    ("ServerDatacenter", "20348.5622", DOMAIN_CONTROLLER, None, ["edition_not_covered"]),
    ("Something", "20348.5622", SERVER, None, ["edition_not_covered"]),
    ("ServerTurbine", "26100.33438", SERVER, "windows_server_2025_azure_edition", []),
    ("ServerTurbineCore", "26100.33438", SERVER, "windows_server_2025_azure_edition", []),
    *[
        (f"Server{edition}{core}", "26100.33438", SERVER, "windows_server_2025_arc", [])
        for edition in ("Standard", "Datacenter")
        for core in ("", "Cor", "Core")
    ],
    ("ServerStandard", "26100.33438", DOMAIN_CONTROLLER, "windows_server_2025_arc", []),
    ("ServerStandard", "26100.33438", None, "windows_server_2025_arc", []),
    *[
        (edition, "26100.33438", SERVER, None, ["edition_unclear"])
        for edition in ("ServerSolution", "ServerStandardEval", "ServerStandardCorx", "Enterprise")
    ],
    ("Enterprise", "26100.33438", DOMAIN_CONTROLLER, None, ["edition_unclear"]),
    ("ServerStandard", "17763.5820", SERVER, None, ["build_not_covered"]),
    ("ServerTurbine", "14393.1", SERVER, None, ["build_not_covered"]),
    ("ServerStandard", "20347.1", SERVER, None, ["build_not_covered"]),
    ("ServerDatacenter", "25398.1", SERVER, None, ["build_not_covered"]),
    ("ServerTurbine", "25398.1", SERVER, None, ["build_not_covered"]),
    ("ServerStandard", "20349.1", SERVER, None, ["product_unclear"]),
    ("ServerTurbine", "26200.1", SERVER, None, ["product_unclear"]),
    ("ServerStandard", "26300.1", SERVER, None, ["product_unclear"]),
    ("Enterprise", "26100.9445", CLIENT, "windows_11_24h2", []),
    ("EnterpriseN", "26200.9445", CLIENT, "windows_11_25h2", []),
    ("Enterprise", "26200.9445", None, "windows_11_25h2", []),
    *[
        (edition, "26200.9445", CLIENT, None, ["edition_unclear"])
        for edition in ("Professional", "Education", "IoTEnterprise", "Core", "EnterpriseS", "enterprise")
    ],
    ("Enterprise", "26099.1", CLIENT, None, ["build_not_covered"]),
    ("Enterprise", "22631.1", CLIENT, None, ["build_not_covered"]),
    ("Professional", "19045.1", CLIENT, None, ["build_not_covered"]),
    ("Enterprise", "26300.1", CLIENT, None, ["product_unclear"]),
    ("Enterprise", "26101.1", CLIENT, None, ["product_unclear"]),
    ("Professional", "28000.1", CLIENT, None, ["product_unclear"]),
]


@pytest.mark.parametrize(("edition", "full", "product_type", "product", "causes"), PRODUCTS)
def test_product(edition: str, full: str, product_type: object, product: str | None, causes: list[str]) -> None:
    kind = "server_2022" if full.startswith("20348") else "server_2025"
    host = judge(signals(kind, edition_id=edition, build=build(full), operating_system=system(product_type)))
    assert host["product"] == product
    assert host["edition"] == edition
    assert host["build"] == full
    if causes:
        state, track = ("not_capable", "standard") if causes[0].endswith("covered") else ("unknown", "unknown")
        assert verdict(host) == (state, track, causes)
        assert (host["last_baseline"], host["next_baseline_expected"]) == (None, None)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"edition_id": failed("denied")}, "its edition (access denied)"),
        ({"edition_id": None}, "its edition (no value)"),
        ({"edition_id": ""}, "its edition (unusable value)"),
        ({"build": failed("timeout")}, "its build (timed out)"),
        ({"build": build("26100.1") | {"UBR": None}}, "its build (unusable value)"),
        ({"build": None, "edition_id": 5}, "its build (no value) and its edition (unusable value)"),
    ],
)
def test_host_that_does_not_tell_what_it_is(changes: dict[str, object], what: str) -> None:
    host = judge(signals(**changes))
    assert verdict(host) == ("unknown", "unknown", ["signals_missing"])
    assert f"The host did not tell: {what}." in message(host, "signals_missing")


READY: list[tuple[str, dict[str, object], list[str]]] = [
    ("server_2025", {"vbs_running": 0, "vbs_configured": 0}, ["vbs_not_running"]),
    ("server_2025", {"vbs_running": 0, "vbs_configured": None}, ["vbs_not_running"]),
    ("server_2025", {"vbs_running": 0, "vbs_configured": failed()}, ["vbs_not_running"]),
    ("server_2025", {"vbs_running": 1, "vbs_configured": 1}, ["vbs_kept_from_running"]),
    ("server_2025", {"vbs_running": 0, "vbs_configured": 1}, ["vbs_restart_needed"]),
    ("server_2022", {"hotpatch_table_size": 0}, ["table_size_not_set"]),
    ("server_2022", {"hotpatch_table_size": None}, ["table_size_not_set"]),
    ("server_2025", {"build": build("26100.1741")}, ["build_too_old"]),
    ("server_2025_azure", {"build": build("26100.1741")}, ["build_too_old"]),
    ("server_2025", NO_ARC, ["arc_agent_missing"]),
    ("windows_11", {"architecture": "ARM64"}, ["chpe_active"]),
    ("windows_11", {"architecture": "arm64", "chpe_off": 0}, ["chpe_active"]),
    ("server_2025", {**NO_ARC, **OFF}, ["vbs_not_running", "arc_agent_missing"]),
    (
        "windows_11",
        {**OFF, "architecture": "ARM64", "allow_rebootless_policy": 0},
        ["vbs_not_running", "chpe_active", "policy_off"],
    ),
    ("server_2022", {**OFF, "hotpatch_table_size": failed()}, ["vbs_not_running"]),
]


@pytest.mark.parametrize(("kind", "changes", "causes"), READY)
def test_not_ready(kind: str, changes: dict[str, object], causes: list[str]) -> None:
    assert verdict(judge(signals(kind, **changes))) == ("not_ready", "standard", causes)


UNREADABLE: list[tuple[str, dict[str, object], str]] = [
    *[
        ("server_2025", {"vbs_running": value}, "vbs_unknown")
        for value in (None, 3, "2", True, 2.0, failed("timeout"), failed("unavailable"))
    ],
    ("server_2022", {"hotpatch_table_size": "0x1000"}, "signals_missing"),
    ("server_2022", {"hotpatch_table_size": failed()}, "signals_missing"),
    ("server_2025", {"arc_agent": failed(), "services": failed()}, "signals_missing"),
    ("server_2025", {"arc_agent": None, "services": failed()}, "signals_missing"),
    ("server_2025", {"arc_agent": failed(), "services": {"himds": None}}, "signals_missing"),
    ("server_2025", {"arc_agent": {}, "services": {"himds": None}}, "signals_missing"),
    ("windows_11", {"architecture": failed()}, "signals_missing"),
    ("windows_11", {"architecture": "x86"}, "signals_missing"),
    ("windows_11", {"architecture": "ARM64", "chpe_off": 2}, "signals_missing"),
    ("windows_11", {"architecture": "ARM64", "chpe_off": failed()}, "signals_missing"),
    ("server_2025", {"licensing_mutex": None, "hotfixes": kbs("KB5120228")}, "signals_missing"),
    ("windows_11", {"licensing_mutex": failed()}, "signals_missing"),
]


@pytest.mark.parametrize(("kind", "changes", "code"), UNREADABLE)
def test_prerequisite_that_nobody_can_read(kind: str, changes: dict[str, object], code: str) -> None:
    assert verdict(judge(signals(kind, **changes))) == ("unknown", "unknown", [code])


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("server_2025", {"build": build("26100.1742")}),
        ("server_2025", {"vbs_configured": 0}),
        ("server_2025", {"hotpatch_table_size": failed()}),
        ("server_2025", {"architecture": failed()}),
        ("server_2025", {"arc_agent": failed("timeout")}),
        ("server_2025", {"services": failed()}),
        ("server_2025", {"arc_agent": None}),
        ("server_2025_azure", {"licensing_mutex": True}),
        ("server_2025_azure", {"arc_agent": failed(), "services": failed()}),
        ("server_2022", {"licensing_mutex": failed()}),
        ("windows_11", {"architecture": "ARM64", "chpe_off": 1}),
        ("windows_11", {"chpe_off": failed()}),
    ],
)
def test_what_does_not_matter_to_readiness(kind: str, changes: dict[str, object]) -> None:
    host = judge(signals(kind, **changes), azure=ENABLED)
    assert host["state"] in ("on_track", "unknown")
    assert set(codes(host)) <= {"build_not_in_table"}


ENROLMENT: list[tuple[str, dict[str, object], object, str, list[str], list[str]]] = [
    ("server_2022", {"enrollment_package": None}, None, "not_enrolled", ["enrollment_package_missing"], []),
    ("server_2022", {"enrollment_package": None, "hotfixes": failed()}, None, "unknown", ["signals_missing"], []),
    ("server_2022", {"enrollment_package": failed()}, None, "unknown", ["signals_missing"], []),
    ("server_2022", {"enrollment_package": {"Name": None, "Version": None}}, None, "unknown", ["signals_missing"], []),
    (
        "server_2022",
        {"enrollment_package": None, "hotfixes": kbs("KB5120229")},
        None,
        "unknown",
        ["enrolment_key_gone"],
        [],
    ),
    ("server_2022", {"enrollment_package": None}, ENABLED, "on_track", [], ["enrolment_key_gone"]),
    ("server_2022", {}, DISABLED, "not_enrolled", ["hotpatch_disabled_in_azure"], []),
    ("server_2025_azure", {"enrollment_package": None}, None, "unknown", ["enrolment_not_provable"], []),
    ("server_2025_azure", {"enrollment_package": failed()}, None, "unknown", ["enrolment_not_provable"], []),
    ("server_2025_azure", {"enrollment_package": {}}, None, "unknown", ["enrolment_not_provable"], []),
    ("server_2025_azure", {"enrollment_package": None, "hotfixes": kbs("KB5120228")}, None, "on_track", [], []),
    ("server_2025", {"hotfixes": kbs("KB5122871")}, None, "unknown", ["enrolment_not_provable"], []),
    ("server_2025", {"hotfixes": []}, None, "unknown", ["enrolment_not_provable"], []),
    ("server_2025", {"hotfixes": failed()}, None, "unknown", ["enrolment_not_provable"], []),
    # The package says nothing on the path through Arc.
    (
        "server_2025",
        {"hotfixes": [], "enrollment_package": {"Name": "Hotpatch Enrollment Package", "Version": "1"}},
        None,
        "unknown",
        ["enrolment_not_provable"],
        [],
    ),
    ("server_2025", {"hotfixes": []}, ENABLED, "on_track", [], []),
    ("server_2025", {"hotfixes": []}, {"subscription_status": "Enabled"}, "on_track", [], []),
    (
        "server_2025",
        {"hotfixes": []},
        {**ENABLED, "subscription_status": "Disabled"},
        "not_enrolled",
        ["hotpatch_disabled_in_azure"],
        [],
    ),
    (
        "server_2025",
        {"hotfixes": []},
        {**DISABLED, "subscription_status": "Enabled"},
        "not_enrolled",
        ["hotpatch_disabled_in_azure"],
        [],
    ),
    ("server_2025", {}, DISABLED, "not_enrolled", ["hotpatch_disabled_in_azure"], []),
    ("server_2025", {}, {"hotpatch_enablement_status": "PendingEvaluation"}, "on_track", [], ["azure_pending"]),
    ("server_2025", {}, {"hotpatch_enablement_status": "ActionRequired"}, "on_track", [], ["azure_pending"]),
    (
        "server_2025",
        {"hotfixes": []},
        {"hotpatch_enablement_status": "ActionRequired"},
        "unknown",
        ["enrolment_not_provable"],
        ["azure_pending"],
    ),
    (
        "server_2025",
        {"hotfixes": []},
        {"hotpatch_enablement_status": "Unknown"},
        "unknown",
        ["enrolment_not_provable"],
        [],
    ),
    *[
        ("server_2025", {"hotfixes": []}, azure, "unknown", ["enrolment_not_provable"], [])
        for azure in (
            {},
            {"hotpatch_enablement_status": ""},
            {"hotpatch_enablement_status": True},
            "Enabled",
            ["Enabled"],
        )
    ],
    ("windows_11", {"allow_rebootless_policy": 0}, None, "not_enrolled", ["policy_off"], []),
    ("windows_11", {"allow_rebootless_policy": 0}, ENABLED, "not_enrolled", ["policy_off"], []),
    (
        "windows_11",
        {"allow_rebootless_policy": None, "hotfixes": kbs("KB5124008")},
        None,
        "unknown",
        ["policy_not_provable"],
        [],
    ),
    ("windows_11", {"allow_rebootless_policy": None, "hotfixes": []}, None, "unknown", ["signals_missing"], []),
    ("windows_11", {"allow_rebootless_policy": None, "hotfixes": failed()}, None, "unknown", ["signals_missing"], []),
    ("windows_11", {"allow_rebootless_policy": None}, None, "on_track", [], []),
    ("windows_11", {"allow_rebootless_policy": None, "hotfixes": []}, ENABLED, "on_track", [], []),
    ("windows_11", {"allow_rebootless_policy": failed()}, None, "unknown", ["signals_missing"], []),
    ("windows_11", {"allow_rebootless_policy": 2}, ENABLED, "unknown", ["signals_missing"], []),
    ("windows_11", {"hotfixes": []}, None, "on_track", [], ["licence_not_provable"]),
    ("windows_11", {"hotfixes": failed()}, None, "on_track", [], ["licence_not_provable"]),
    # Keys whose meaning nobody documents decide nothing.
    (
        "server_2025",
        {"hotfixes": [], "arc_hotpatch_subscription": 1, "hotpatch_environment": 1},
        None,
        "unknown",
        ["enrolment_not_provable"],
        ["arc_key_unverified"],
    ),
]


@pytest.fixture(params=ENROLMENT, ids=lambda row: f"{row[0]}-{row[3]}-{row[1]}-{row[2]}"[:110])
def enrolment(request: pytest.FixtureRequest) -> Any:
    """A row of ENROLMENT."""
    return request.param


def test_enrolment(enrolment: Any) -> None:
    kind, changes, azure, state, causes, warnings = enrolment
    host = judge(signals(kind, **changes), azure=azure)
    expected = "hotpatch" if state == "on_track" else "standard" if state == "not_enrolled" else "unknown"
    assert verdict(host) == (state, expected, causes)
    assert warned(host) == warnings


def test_hotpatch_proves_client_licence() -> None:
    august = {"build": build("26200.9106"), "hotfixes": kbs("KB5120994")}
    assert warned(judge(signals("windows_11", **august), at("2026-08-20"))) == []


@pytest.mark.parametrize(("days", "state"), [(120, "on_track"), (121, "unknown")])
def test_hotpatch_proves_enrolment_for_120_days(days: int, state: str) -> None:
    hotpatch = datetime(2026, 5, 12, 12, tzinfo=UTC)
    raw = signals(hotfixes=kbs("KB5087423"), build=build("26100.33438"))
    assert judge(raw, hotpatch + timedelta(days=days))["state"] == state


def test_hotpatch_of_another_product_proves_nothing() -> None:
    assert codes(judge(signals(hotfixes=kbs("KB5120229", "KB5120994")))) == ["enrolment_not_provable"]


def test_hotpatch_of_the_future_proves_nothing() -> None:
    raw = signals(hotfixes=kbs("KB5120228"), build=build("26100.33158"))
    before = datetime(2026, 8, 11, 16, 59, tzinfo=UTC)
    assert codes(judge(raw, before)) == ["enrolment_not_provable"]
    assert judge(raw, before + timedelta(minutes=1))["state"] == "on_track"


def test_running_hotpatch_proves_enrolment_without_the_list() -> None:
    raw = signals(hotfixes=failed(), build=build("26100.33222"))
    assert verdict(judge(raw, at("2026-08-20"))) == ("on_track", "hotpatch", [])


LICENCE: list[tuple[str, dict[str, object], object, str, list[str], list[str]]] = [
    ("server_2025", {}, None, "unknown", ["licence_fault"], []),
    ("server_2025", {}, ENABLED, "on_track", [], ["licence_fault"]),
    ("server_2025", {}, DISABLED, "not_enrolled", ["hotpatch_disabled_in_azure"], ["licence_fault"]),
    ("server_2025", OFF, None, "not_ready", ["vbs_not_running"], ["licence_fault"]),
    ("server_2025", {"hotfixes": []}, None, "unknown", ["enrolment_not_provable"], ["licence_fault"]),
    ("windows_11", {}, None, "unknown", ["licence_fault"], []),
]


@pytest.mark.parametrize(("kind", "changes", "azure", "state", "causes", "warnings"), LICENCE)
def test_licensing_fault(
    kind: str, changes: dict[str, object], azure: object, state: str, causes: list[str], warnings: list[str]
) -> None:
    host = judge(signals(kind, licensing_mutex=True, **changes), azure=azure)
    assert (host["state"], codes(host), warned(host)) == (state, causes, warnings)
    assert "4264695439" in message(host, "licence_fault")
    assert "Not applied" in message(host, "licence_fault")


def test_licensing_fault_is_older_than_a_running_hotpatch() -> None:
    host = judge(signals(licensing_mutex=True, build=build("26100.33222")), at("2026-08-20"))
    assert (host["state"], warned(host)) == ("on_track", ["licence_fault"])
    host = judge(signals(licensing_mutex=failed(), build=build("26100.33222")), at("2026-08-20"))
    assert (host["state"], host["reasons"]) == ("on_track", [])


POSITION: list[tuple[str, str, str, str, list[str], list[str]]] = [
    ("server_2025", "26100.33438", "2026-09-20", "on_track", [], []),
    ("server_2025", "26100.33222", "2026-09-20", "behind", ["baseline_missing"], []),
    ("server_2025", "26100.33222", "2026-09-08", "on_track", [], []),
    ("server_2025", "26100.33158", "2026-08-20", "on_track", [], ["hotpatch_waiting"]),
    ("server_2025", "26100.33158", "2026-08-11", "on_track", [], []),
    ("server_2025", "26100.32690", "2026-08-20", "behind", ["baseline_missing"], []),
    ("server_2025", "26100.33296", "2026-08-20", "off_track", ["off_track_update"], []),
    ("server_2025", "26100.33296", "2026-09-20", "off_track", ["off_track_update"], []),
    ("server_2025", "26100.33451", "2026-09-20", "off_track", ["off_track_update"], []),
    ("server_2025", "26100.33452", "2026-09-20", "unknown", ["build_not_in_table"], []),
    ("server_2025", "26100.33300", "2026-09-20", "unknown", ["build_not_in_table"], []),
    ("server_2025", "26100.1742", "2026-09-20", "unknown", ["build_not_in_table"], []),
    ("server_2025", "26100.33438", "2026-10-13", "on_track", [], []),
    ("server_2025", "26100.33438", "2026-10-14", "unknown", ["release_table_outdated"], []),
    ("server_2025", "26100.33222", "2026-10-14", "behind", ["baseline_missing"], ["release_table_outdated"]),
    ("server_2025", "26100.33296", "2026-10-14", "off_track", ["off_track_update"], ["release_table_outdated"]),
    # A fix that may restart is not announced as one that does not.
    ("server_2025", "26100.6899", "2025-10-28", "on_track", [], []),
    ("server_2022", "20348.5622", "2026-09-20", "on_track", [], []),
    ("server_2022", "20348.5440", "2026-08-20", "on_track", [], []),
    ("server_2022", "20348.5386", "2026-08-20", "on_track", [], ["hotpatch_waiting"]),
    ("server_2022", "20348.5499", "2026-08-20", "off_track", ["off_track_update"], []),
    ("server_2022", "20348.5256", "2026-06-20", "unknown", ["build_not_in_table"], []),
    ("windows_11", "26200.9106", "2026-08-20", "on_track", [], []),
    ("windows_11", "26200.9168", "2026-08-20", "off_track", ["off_track_update"], []),
    # The table plans no month of Windows 11.
    ("windows_11", "26200.9445", "2026-10-14", "unknown", ["release_table_outdated"], []),
]


@pytest.mark.parametrize(("kind", "full", "day", "state", "causes", "warnings"), POSITION)
def test_position(kind: str, full: str, day: str, state: str, causes: list[str], warnings: list[str]) -> None:
    lately = {"last_boot": f"{day}T01:00:00Z"}
    host = judge(signals(kind, build=build(full), operating_system=lately), at(day), azure=ENABLED)
    assert (host["state"], codes(host)) == (state, causes)
    assert warned(host) == warnings
    tracks = {"on_track": "hotpatch", "unknown": "unknown"}
    assert host["track"] == tracks.get(state, "standard")


@pytest.mark.parametrize(
    ("full", "hint"),
    [
        ("26100.33452", "it is newer than the table's newest row"),
        ("26100.33439", "it lies between two rows"),
        ("26100.2239", "it is older than the table's oldest row"),
    ],
)
def test_hint_of_an_unlisted_build(full: str, hint: str) -> None:
    assert f"Build {full} is not in the release table: {hint}" in message(
        judge(signals(build=build(full)), azure=ENABLED), "build_not_in_table"
    )


@pytest.mark.parametrize(
    ("full", "day", "code", "said"),
    [
        ("26100.32230", "2026-03-20", "hotpatch_waiting", "The hotpatch KB5078736 of 2026-03-10 is not installed yet"),
        ("26100.32690", "2026-09-20", "baseline_missing", "older than the baseline KB5122871 of 2026-09-08"),
        (
            "26100.32860",
            "2026-09-20",
            "off_track_update",
            "Install the baseline KB5122871 of 2026-09-08 and restart once",
        ),
    ],
)
def test_newest_of_several_is_named(full: str, day: str, code: str, said: str) -> None:
    assert said in message(judge(signals(build=build(full)), at(day), azure=ENABLED), code)


@pytest.mark.parametrize(
    ("status", "subscription", "said"),
    [
        ("ActionRequired", "Enabling", "Azure says ActionRequired for"),
        ("Unknown", "Enabling", "Azure says Enabling for"),
        ("\x1b" + "x" * 50, None, "Azure says ?" + "x" * 39 + " for"),
    ],
)
def test_word_of_azure_that_decides_nothing(status: str, subscription: str | None, said: str) -> None:
    azure = {"hotpatch_enablement_status": status, "subscription_status": subscription}
    assert said in message(judge(signals(), azure=azure), "azure_pending")


def test_hint_of_a_product_without_rows() -> None:
    shipped = releases.shipped()
    shipped["releases"] = [row for row in shipped["releases"] if row["product"] == "windows_11_24h2"]
    host = judge(signals(), table=ReleaseTable.load(shipped), azure=ENABLED)
    assert "the table holds nothing of this product" in message(host, "build_not_in_table")


@pytest.mark.parametrize(
    ("installed", "state", "causes"),
    [
        (kbs("KB5066835", "KB5070893"), "on_track", []),
        (kbs("KB5066835", "kb5070881"), "off_track", ["off_track_update"]),
        (kbs("KB5070893", "KB5070881"), "off_track", ["off_track_update"]),
        (kbs("KB5066835"), "unknown", ["build_ambiguous"]),
        (failed(), "unknown", ["build_ambiguous"]),
    ],
)
def test_two_updates_of_different_effect_share_a_build(installed: object, state: str, causes: list[str]) -> None:
    host = judge(signals(build=build("26100.6905"), hotfixes=installed), at("2025-10-28"), azure=ENABLED)
    assert (host["state"], codes(host)) == (state, causes)
    if state == "unknown":
        assert "KB5070881 and KB5070893" in message(host, "build_ambiguous")


def test_two_updates_of_the_same_effect_share_a_build() -> None:
    shipped = releases.shipped()
    row = next(row for row in shipped["releases"] if row["kb"] == "KB5122871")
    extended = ReleaseTable.load(
        shipped, {"schema": 1, "compiled": "2026-11-23", "releases": [{**row, "kb": "KB9999999"}]}
    )
    assert judge(signals(hotfixes=failed()), table=extended, azure=ENABLED)["state"] == "on_track"


@pytest.mark.parametrize(
    ("full", "day", "said"),
    [
        ("26100.33296", "2026-09-20", "KB5120233 of 2026-08-11 has put the host off"),
        ("26100.33296", "2026-09-20", "Install the baseline KB5122871 of 2026-09-08 and restart once"),
        ("26100.33296", "2026-08-20", "Install the next baseline, expected on 2026-10-13, and restart once"),
        ("26100.33451", "2026-10-20", "Install the next baseline and restart once"),
    ],
)
def test_way_back_to_the_track(full: str, day: str, said: str) -> None:
    assert said in message(judge(signals(build=build(full)), at(day), azure=ENABLED), "off_track_update")


@pytest.mark.parametrize(
    ("day", "expected"), [("2026-08-20", ", expected on 2026-10-13."), ("2026-10-20", "with the next baseline.")]
)
def test_ordinary_update_of_a_host_whose_enrolment_nobody_knows(day: str, expected: str) -> None:
    host = judge(signals(build=build("26100.33296"), hotfixes=[]), at(day))
    assert verdict(host) == ("unknown", "standard", ["enrolment_not_provable", "build_is_ordinary_update"])
    assert message(host, "build_is_ordinary_update").endswith(expected)


def test_ordinary_update_decides_the_track_whatever_else_is_unknown() -> None:
    host = judge(signals(build=build("26100.33296"), vbs_running=failed()), at("2026-08-20"), azure=ENABLED)
    assert verdict(host) == ("unknown", "standard", ["vbs_unknown", "off_track_update"])


def test_behind_is_told_beside_the_unknown() -> None:
    host = judge(signals(build=build("26100.33222"), vbs_running=failed()), azure=ENABLED)
    assert verdict(host) == ("unknown", "unknown", ["vbs_unknown", "baseline_missing"])
    assert "KB5122871" in message(host, "baseline_missing")


@pytest.mark.parametrize(
    ("planned", "state", "causes", "warnings"),
    [
        (["hotpatch"], "on_track", [], ["release_table_outdated"]),
        (["baseline"], "unknown", ["release_table_outdated"], []),
        ([], "unknown", ["release_table_outdated"], []),
        (["hotpatch", "hotpatch"], "on_track", [], ["release_table_outdated"]),
        (["hotpatch", "baseline"], "unknown", ["release_table_outdated"], []),
    ],
)
def test_table_older_than_patch_tuesday(planned: list[str], state: str, causes: list[str], warnings: list[str]) -> None:
    months = [
        {"product": "windows_server_2025", "month": f"2026-{10 + n}", "type": kind} for n, kind in enumerate(planned)
    ]
    table = ReleaseTable.load({**releases.shipped(), "planned": months})
    now = at("2026-11-20" if len(planned) == 2 else "2026-10-20")
    host = judge(signals(), now, table=table, azure=ENABLED)
    assert (host["state"], codes(host)) == (state, causes)
    assert warned(host) == warnings
    said = message(host, "release_table_outdated")
    assert ("planned as a hotpatch" in said) == (state == "on_track")
    assert "2026-11-10" in said if planned == ["hotpatch", "baseline"] else "2026-10-13" in said


PENDING: list[tuple[dict[str, object], str, list[str]]] = [
    ({}, "hotpatch", []),
    ({"build": build("26100.33222")}, "standard", ["baseline_missing"]),
    ({"build": build("26100.33296")}, "standard", ["off_track_update"]),
    ({"build": build("26100.33300")}, "unknown", ["build_not_in_table"]),
]


@pytest.mark.parametrize(("changes", "track", "further"), PENDING)
@pytest.mark.parametrize("probe", ["cbs_reboot_pending", "cbs_packages_pending", "server_component_cache"])
def test_restart_pending(changes: dict[str, object], track: str, further: list[str], probe: str) -> None:
    value: object = 1 if probe == "server_component_cache" else True
    host = judge(signals(**changes, **{probe: value}), azure=ENABLED)
    assert verdict(host) == ("restart_pending", track, ["restart_pending", *further])
    assert host["pending"]["reasons"][0]["detail"] in message(host, "restart_pending")
    assert host["covered_until"] is None


@pytest.mark.parametrize(
    ("probe", "value"),
    [
        ("wu_reboot_required", ["a"]),
        ("agent_reboot_required", True),
        ("agent_reboot_before_install", True),
    ],
)
def test_missing_baseline_may_be_the_update_that_waits(probe: str, value: object) -> None:
    host = judge(signals(build=build("26100.33222"), **{probe: value}), azure=ENABLED)
    assert verdict(host) == ("restart_pending", "standard", ["restart_pending"])


def test_no_hotpatch_is_awaited_before_the_restart() -> None:
    host = judge(signals(build=build("26100.33158"), cbs_reboot_pending=True), at("2026-08-20"), azure=ENABLED)
    assert verdict(host) == ("restart_pending", "hotpatch", ["restart_pending"])
    assert "hotpatch_waiting" not in warned(host)


@pytest.mark.parametrize(
    ("kind", "changes", "azure", "state"),
    [
        ("server_2025", {"edition_id": "ServerSolution"}, None, "unknown"),
        ("server_2025", {"build": build("17763.1")}, None, "not_capable"),
        ("server_2025", OFF, None, "not_ready"),
        ("server_2025", {}, DISABLED, "not_enrolled"),
        ("server_2025", {"hotfixes": []}, None, "unknown"),
        ("server_2025", {"vbs_running": failed()}, ENABLED, "unknown"),
    ],
)
def test_restart_of_a_host_without_hotpatching_is_told_by_the_pending_section(
    kind: str, changes: dict[str, object], azure: object, state: str
) -> None:
    host = judge(signals(kind, cbs_reboot_pending=True, **changes), azure=azure)
    assert host["state"] == state
    assert "restart_pending" not in codes(host)
    assert host["pending"]["pending"] is True


def test_restart_of_another_class_is_no_state() -> None:
    host = judge(signals(domain_join={"JoinDomain": True, "AvoidSpnSet": False}))
    assert (host["state"], host["restart_required"]) == ("on_track", "yes")


def test_state_does_not_depend_on_the_counted_classes() -> None:
    host = judge(signals(cbs_reboot_pending=True), classes=["legacy"])
    assert (host["state"], host["pending"]["pending"]) == ("restart_pending", False)


def test_on_track_needs_every_source_of_servicing() -> None:
    host = judge(signals(cbs_reboot_pending=failed("timeout"), cbs_packages_pending=failed("denied")))
    assert verdict(host) == ("unknown", "unknown", ["restart_unknown"])
    assert "cbs_reboot_pending: timed out, cbs_packages_pending: access denied" in message(host, "restart_unknown")
    behind = judge(signals(cbs_reboot_pending=failed(), build=build("26100.33222")), azure=ENABLED)
    assert behind["state"] == "behind"
    identity = judge(signals(computer_name=failed()))
    assert (identity["state"], identity["pending"]["pending"]) == ("on_track", None)


PRECEDENCE: list[tuple[dict[str, object], object, str]] = [
    ({"build": build("17763.1"), "vbs_running": 0}, DISABLED, "not_capable"),
    ({"vbs_running": 0}, DISABLED, "not_ready"),
    ({"vbs_running": 0, "hotfixes": failed()}, None, "not_ready"),
    ({"vbs_running": failed()}, DISABLED, "not_enrolled"),
    ({"vbs_running": failed(), "cbs_reboot_pending": True}, ENABLED, "unknown"),
    ({"build": build("26100.33296"), "cbs_reboot_pending": True}, ENABLED, "restart_pending"),
    ({"build": build("26100.33296")}, ENABLED, "off_track"),
    ({"build": build("26100.33222")}, ENABLED, "behind"),
]


@pytest.mark.parametrize(("changes", "azure", "state"), PRECEDENCE)
def test_precedence(changes: dict[str, object], azure: object, state: str) -> None:
    assert judge(signals(**changes), azure=azure)["state"] == state


def test_unknown_explains_no_known_state() -> None:
    host = judge(
        signals(vbs_running=0, licensing_mutex=failed(), hotfixes=failed(), arc_agent=failed(), services=failed())
    )
    assert codes(host) == ["vbs_restart_needed"]


@pytest.mark.parametrize(
    ("kind", "full", "now", "kb", "covered"),
    [
        ("server_2025", "26100.33438", NOW, "KB5122871", "2026-10-13"),
        ("server_2025", "26100.33222", at("2026-08-20"), "KB5099536", "2026-10-13"),
        ("server_2025", "26100.33222", NOW, "KB5099536", None),
        ("server_2025", "26100.33300", NOW, "KB5099536", None),
        ("server_2025", "26100.2240", NOW, None, None),
        ("server_2025", "26100.33438", at("2026-09-07"), "KB5099536", "2026-10-13"),
        ("server_2022", "20348.5622", NOW, "KB5122882", "2026-10-13"),
        ("windows_11", "26200.9445", NOW, "KB5124008", None),
    ],
)
def test_baselines(kind: str, full: str, now: datetime, kb: str | None, covered: str | None) -> None:
    host = judge(signals(kind, build=build(full)), now, azure=ENABLED)
    assert (host["last_baseline"] or {}).get("kb") == kb
    assert host["next_baseline_expected"] == (None if kind == "windows_11" else "2026-10-13")
    assert host["covered_until"] == covered
