# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the track, product by product: whose rule it is, from which value and moment on, and in which words."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import reasons, releases, status, track
from healthy import CLIENTS, PRODUCTS, S22_AZURE, S25_ARC, S25_AZURE, SERVERS, W11_24H2, W11_25H2, healthy
from realistic import NOW, TABLE, Status, build, codes, failed, judge, kbs, service, warned

ENABLED = {"hotpatch_enablement_status": "Enabled"}
BASELINE = {
    S22_AZURE: {"kb": "KB5122882", "build": "20348.5622", "date": "2026-09-08"},
    S25_AZURE: {"kb": "KB5122871", "build": "26100.33438", "date": "2026-09-08"},
    S25_ARC: {"kb": "KB5122871", "build": "26100.33438", "date": "2026-09-08"},
    W11_24H2: {"kb": "KB5124008", "build": "26100.9445", "date": "2026-09-08"},
    W11_25H2: {"kb": "KB5124008", "build": "26200.9445", "date": "2026-09-08"},
}
OLD = kbs("KB5000001")
GONE: dict[str, object] = {"arc_agent": None, "services": {"himds": None}}
UNREAD: dict[str, object] = {"arc_agent": failed(), "services": failed("denied")}


def booted(last: str | None, product_type: int | None = None) -> dict[str, object]:
    """The value of probe `operating_system` of a host with this last boot."""
    return {"sku": 7, "product_type": product_type, "last_boot": last, "language": 1033}


def at(moment: str) -> datetime:
    """A moment in UTC; noon of a day."""
    return datetime.fromisoformat(f"{moment}T12:00:00+00:00" if len(moment) == 10 else moment)


def texts(host: Status, code: str) -> tuple[str, str, str]:
    """Severity, message and fix of the one reason with this code."""
    (found,) = [one for one in host["reasons"] if one["code"] == code]
    return found["severity"], found["message"], found["fix"]


@pytest.mark.parametrize("product", PRODUCTS)
def test_healthy_product(product: str) -> None:
    host = judge(healthy(product))
    assert (host["product"], host["state"], host["track"], host["reasons"]) == (product, "on_track", "hotpatch", [])
    assert host["last_baseline"] == BASELINE[product]
    planned = None if product in CLIENTS else "2026-10-13"
    assert (host["next_baseline_expected"], host["covered_until"]) == (planned, planned)


# What a rule reads, and the products that the rule is for.
OWN_RULES: list[tuple[str, dict[str, object], tuple[str, ...], str]] = [
    ("table_size_not_set", {"hotpatch_table_size": None}, (S22_AZURE,), "not_ready"),
    ("table_size_not_set", {"hotpatch_table_size": 0}, (S22_AZURE,), "not_ready"),
    ("signals_missing", {"hotpatch_table_size": failed()}, (S22_AZURE,), "unknown"),
    ("arc_agent_missing", GONE, (S25_ARC,), "not_ready"),
    ("signals_missing", UNREAD, (S25_ARC,), "unknown"),
    ("chpe_active", {"architecture": "ARM64", "chpe_off": None}, CLIENTS, "not_ready"),
    ("chpe_active", {"architecture": "Arm64", "chpe_off": 0}, CLIENTS, "not_ready"),
    ("signals_missing", {"architecture": "ARM64", "chpe_off": failed()}, CLIENTS, "unknown"),
    ("signals_missing", {"architecture": failed(), "chpe_off": 1}, CLIENTS, "unknown"),
    ("policy_off", {"allow_rebootless_policy": 0}, CLIENTS, "not_enrolled"),
    ("signals_missing", {"allow_rebootless_policy": failed()}, CLIENTS, "unknown"),
    ("licence_fault", {"licensing_mutex": True}, (S25_ARC, *CLIENTS), "unknown"),
    ("signals_missing", {"licensing_mutex": failed()}, (S25_ARC, *CLIENTS), "unknown"),
    ("vbs_kept_from_running", {"vbs_running": 1}, tuple(PRODUCTS), "not_ready"),
    ("vbs_restart_needed", {"vbs_running": 0, "vbs_configured": 1}, tuple(PRODUCTS), "not_ready"),
    ("vbs_not_running", {"vbs_running": 0, "vbs_configured": 2}, tuple(PRODUCTS), "not_ready"),
    ("vbs_unknown", {"vbs_running": 3}, tuple(PRODUCTS), "unknown"),
    ("vbs_unknown", {"vbs_running": failed()}, tuple(PRODUCTS), "unknown"),
    ("restart_pending", {"cbs_packages_pending": True}, tuple(PRODUCTS), "restart_pending"),
    ("restart_unknown", {"cbs_packages_pending": failed()}, tuple(PRODUCTS), "unknown"),
    ("enrollment_package_missing", {"enrollment_package": None, "hotfixes": OLD}, (S22_AZURE,), "not_enrolled"),
    ("enrolment_not_provable", {"enrollment_package": None, "hotfixes": OLD}, (S25_AZURE, S25_ARC), "unknown"),
    ("policy_not_provable", {"allow_rebootless_policy": None, "hotfixes": OLD}, CLIENTS, "unknown"),
    ("signals_missing", {"enrollment_package": None, "hotfixes": []}, (S22_AZURE,), "unknown"),
    ("signals_missing", {"operating_system": failed("denied")}, tuple(PRODUCTS), "unknown"),
    ("signals_missing", {"clock": failed()}, tuple(PRODUCTS), "unknown"),
    ("boot_before_build", {"operating_system": booted("2026-06-10T02:31:00Z")}, tuple(PRODUCTS), "unknown"),
    ("boot_in_future", {"operating_system": booted("2026-10-01T02:31:00Z")}, tuple(PRODUCTS), "unknown"),
]


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize(("code", "changes", "products", "state"), OWN_RULES)
def test_rule_is_for_its_products_only(
    code: str, changes: dict[str, object], products: tuple[str, ...], state: str, product: str
) -> None:
    host = judge(healthy(product, **changes))
    assert (code in codes(host)) == (product in products)
    if product in products:
        assert (host["state"], codes(host)) == (state, [code])
    elif "hotfixes" not in changes:
        assert (host["state"], host["reasons"]) == ("on_track", [])


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize(("number", "old"), [(1741, True), (1742, False), (1743, False)])
def test_first_build_is_of_server_2025(product: str, number: int, old: bool) -> None:
    family = healthy(product)["build"]["value"]["CurrentBuild"]
    host = judge(healthy(product, build=build(f"{family}.{number}")), azure=ENABLED)
    assert ("build_too_old" in codes(host)) == (old and product in (S25_AZURE, S25_ARC))


@pytest.mark.parametrize("product", PRODUCTS)
def test_azure_settles_enrolment(product: str) -> None:
    raw = healthy(product, enrollment_package=None, hotfixes=OLD, allow_rebootless_policy=None)
    # As it comes out of JSON.
    for key in ("hotpatch_enablement_status", "subscription_status"):
        words = {word: json.loads(f'{{"{key}": "{word}"}}') for word in ("Enabled", "Disabled", "Unknown", "Enabling")}
        enabled = judge(raw, azure=words["Enabled"])
        assert enabled["state"] == "on_track"
        assert warned(enabled) == (["enrolment_key_gone"] if product == S22_AZURE else [])
        disabled = judge(raw, azure=words["Disabled"])
        assert (disabled["state"], codes(disabled)) == ("not_enrolled", ["hotpatch_disabled_in_azure"])
        for word in ("Unknown", "Enabling"):
            host = judge(raw, azure=words[word])
            expected = "not_enrolled" if product == S22_AZURE else "unknown"
            assert host["state"] == expected
            assert warned(host) == (["azure_pending"] if word == "Enabling" else [])


def test_first_of_two_words_of_azure_is_told() -> None:
    azure = {"hotpatch_enablement_status": "Zzz", "subscription_status": "Aaa"}
    assert texts(judge(healthy(S25_ARC), azure=azure), "azure_pending")[1].startswith("Azure says Zzz for")


@pytest.mark.parametrize(
    ("word", "fix"),
    [
        ("PendingEvaluation", "Wait some ten minutes and ask again; then look at the machine in Azure Update Manager."),
        ("ActionRequired", "Look at the machine in Azure Update Manager."),
    ],
)
def test_advice_on_azures_word_fits_it(word: str, fix: str) -> None:
    assert texts(judge(healthy(S25_ARC), azure={"hotpatch_enablement_status": word}), "azure_pending")[2] == fix


def test_words_of_azure_are_cut_and_on_one_line() -> None:
    host = judge(healthy(S25_ARC), azure={"subscription_status": "x\n" + "y" * 60})
    assert texts(host, "azure_pending")[1] == f"Azure says x {'y' * 38} for hotpatching on this host."


@pytest.mark.parametrize("installed", [[], failed()])
def test_ordinary_update_throws_a_client_off_the_track_that_its_policy_enrols(installed: object) -> None:
    host = judge(healthy(W11_25H2, build=build("26200.9168"), hotfixes=installed), at("2026-08-20"))
    assert (host["state"], host["track"], codes(host)) == ("off_track", "standard", ["off_track_update"])


# The ordinary update of August 2026 and a host whose enrolment nobody knows.
@pytest.mark.parametrize(
    ("product", "full", "changes"),
    [
        (S25_ARC, "26100.33296", {"hotfixes": []}),
        (S25_AZURE, "26100.33296", {"hotfixes": [], "enrollment_package": None}),
        (S22_AZURE, "20348.5499", {"hotfixes": failed(), "enrollment_package": None}),
        (S22_AZURE, "20348.5499", {"enrollment_package": failed()}),
        (W11_25H2, "26200.9168", {"allow_rebootless_policy": failed()}),
        (W11_25H2, "26200.9168", {"allow_rebootless_policy": None, "hotfixes": failed()}),
    ],
)
def test_ordinary_update_says_nothing_of_an_unknown_enrolment(
    product: str, full: str, changes: dict[str, object]
) -> None:
    host = judge(healthy(product, build=build(full), **changes), at("2026-08-20"))
    assert (host["state"], host["track"]) == ("unknown", "standard")
    assert "build_is_ordinary_update" in [one["code"] for one in host["reasons"]]
    assert "off_track_update" not in codes(host)


MOMENTS: list[tuple[str, str, str, str, list[str], list[str]]] = [
    (S25_ARC, "26100.33222", "2026-09-08T16:59:59+00:00", "on_track", [], []),
    (S25_ARC, "26100.33222", "2026-09-08T17:00:00+00:00", "behind", ["baseline_missing"], []),
    (S25_ARC, "26100.33158", "2026-08-11T16:59:59+00:00", "on_track", [], []),
    (S25_ARC, "26100.33158", "2026-08-11T17:00:00+00:00", "on_track", [], ["hotpatch_waiting"]),
    (S25_ARC, "26100.33438", "2026-10-13T16:59:59+00:00", "on_track", [], []),
    (S25_ARC, "26100.33438", "2026-10-13T17:00:00+00:00", "unknown", ["release_table_outdated"], []),
    (S22_AZURE, "20348.5440", "2026-09-08T16:59:59+00:00", "on_track", [], []),
    (S22_AZURE, "20348.5440", "2026-09-08T17:00:00+00:00", "behind", ["baseline_missing"], []),
    (W11_24H2, "26100.9106", "2026-09-08T17:00:00+00:00", "behind", ["baseline_missing"], []),
    (W11_25H2, "26200.9445", "2026-10-13T17:00:00+00:00", "unknown", ["release_table_outdated"], []),
    # The same moment on another clock.
    (S25_ARC, "26100.33222", "2026-09-08T18:59:59+02:00", "on_track", [], []),
    (S25_ARC, "26100.33222", "2026-09-08T19:00:00+02:00", "behind", ["baseline_missing"], []),
]


@pytest.mark.parametrize(("product", "full", "moment", "state", "causes", "warnings"), MOMENTS)
def test_releases_are_out_at_17_utc(
    product: str, full: str, moment: str, state: str, causes: list[str], warnings: list[str]
) -> None:
    host = judge(healthy(product, build=build(full)), at(moment), azure=None if product in CLIENTS else ENABLED)
    assert (host["state"], codes(host)) == (state, causes)
    assert [code for code in warned(host) if code != "licence_not_provable"] == warnings


WORDS: list[tuple[str, dict[str, object], str, object, str, tuple[str, str, str]]] = [
    (
        S22_AZURE,
        {"edition_id": "ServerDatacenter"},
        "2026-09-20",
        None,
        "edition_not_covered",
        (
            "cause",
            "ServerDatacenter of Windows Server 2022 gets no hotpatches; Datacenter: Azure Edition does.",
            "Plan one restart a month, or move to Datacenter: Azure Edition (on Azure or Azure Local) or to Server 2025 "
            "with Azure Arc (elsewhere).",
        ),
    ),
    (
        S25_ARC,
        {"build": build("17763.8000")},
        "2026-09-20",
        None,
        "build_not_covered",
        (
            "cause",
            "Build 17763.8000 is a version of Windows that gets no hotpatches.",
            "Plan one restart a month, or upgrade to Windows Server 2025 or Windows 11 24H2.",
        ),
    ),
    (
        W11_25H2,
        {"edition_id": "Professional"},
        "2026-09-20",
        None,
        "edition_unclear",
        (
            "cause",
            "Whether edition Professional can get hotpatches is not certain: Microsoft's page names licences and no "
            "editions, and sources disagree on Pro.",
            "Ask Microsoft for this edition, or use Standard or Datacenter (server) or Enterprise (client).",
        ),
    ),
    (
        W11_25H2,
        {"build": build("28000.1")},
        "2026-09-20",
        None,
        "product_unclear",
        (
            "cause",
            "Whether build 28000.1 can get hotpatches is not documented.",
            "Bring the collection up to date; until then treat the host as one that restarts.",
        ),
    ),
    (
        S25_ARC,
        {"vbs_running": 1},
        "2026-09-20",
        None,
        "vbs_kept_from_running",
        (
            "cause",
            "Virtualization-based security is enabled and not running (status 1, 2 is needed): something keeps it from "
            "it.",
            "Find what it lacks (msinfo32 names what is required and what is available): UEFI with Secure Boot, "
            "virtualization turned on in the firmware or passed on by the hypervisor, a generation 2 VM; then restart "
            "once. It need not be enabled again.",
        ),
    ),
    (
        S25_ARC,
        {"vbs_running": 0, "vbs_configured": None},
        "2026-09-20",
        None,
        "vbs_not_running",
        (
            "cause",
            "Virtualization-based security is not running (status 0, 2 is needed); "
            "EnableVirtualizationBasedSecurity is not set.",
            "Turn on UEFI, Secure Boot and EnableVirtualizationBasedSecurity (a generation 2 VM on Hyper-V), then "
            "restart once.",
        ),
    ),
    (
        S25_ARC,
        {"vbs_running": 0},
        "2026-09-20",
        None,
        "vbs_restart_needed",
        (
            "cause",
            "Virtualization-based security is asked for and not running yet (status 0).",
            "Restart once; if the status stays below 2, look at Secure Boot and the VM's generation.",
        ),
    ),
    (
        S25_ARC,
        {"vbs_running": failed("unavailable")},
        "2026-09-20",
        None,
        "vbs_unknown",
        (
            "cause",
            "Whether virtualization-based security runs could not be read (not available on the host).",
            "For class Win32_DeviceGuard of root/Microsoft/Windows/DeviceGuard: find out why the host does not have it "
            "(a damaged or missing class, component or command).",
        ),
    ),
    (
        S25_ARC,
        {"build": build("26100.1")},
        "2026-09-20",
        None,
        "build_too_old",
        (
            "cause",
            "Build 26100.1 is older than 26100.1742, from where hotpatching starts.",
            "Install the current baseline and restart.",
        ),
    ),
    (
        S25_ARC,
        {"build": build("26100.6905"), "hotfixes": kbs("KB5066835")},
        "2025-10-28",
        ENABLED,
        "build_ambiguous",
        (
            "cause",
            "Build 26100.6905 is shared by KB5070881 and KB5070893, and no installed KB tells which it is.",
            "Settle it by the host's update history.",
        ),
    ),
    (
        S25_ARC,
        {"build": build("26100.33452")},
        "2026-09-20",
        ENABLED,
        "build_not_in_table",
        (
            "cause",
            "Build 26100.33452 is not in the release table: it is newer than the table's newest row.",
            "Bring the release table up to date, or add the release with rebootless_release_table_extend.",
        ),
    ),
    (
        S22_AZURE,
        {"build": build("20348.524")},
        "2026-09-20",
        None,
        "build_not_in_table",
        (
            "cause",
            "Build 20348.524 is not in the release table: it is older than the table's oldest row.",
            "Install the baseline KB5122882 of 2026-09-08 and restart once, or add the release with rebootless_release_table_extend.",
        ),
    ),
    (
        W11_24H2,
        {"build": build("26100.3982")},
        "2026-09-20",
        None,
        "build_not_in_table",
        (
            "cause",
            "Build 26100.3982 is not in the release table: it lies between two rows, so it may be a preview or an "
            "update the table leaves out.",
            "Install the baseline KB5124008 of 2026-09-08 and restart once, or add the release with rebootless_release_table_extend.",
        ),
    ),
    (
        S25_ARC,
        {"build": build("26100.7171")},
        "2025-11-20",
        ENABLED,
        "off_track_update",
        (
            "cause",
            "The cumulative update KB5068861 of 2025-11-11 has put the host off the hotpatch track: every update "
            "restarts until the next baseline.",
            "Install the next baseline, expected on 2026-01-13, and restart once: that puts the host back on the "
            "track. Until then plan a restart a month.",
        ),
    ),
    (
        # The newest of five baselines since then.
        S25_ARC,
        {"build": build("26100.7171")},
        "2026-09-20",
        ENABLED,
        "off_track_update",
        (
            "cause",
            "The cumulative update KB5068861 of 2025-11-11 has put the host off the hotpatch track: every update "
            "restarts until the next baseline.",
            "Install the baseline KB5122871 of 2026-09-08 and restart once: that puts the host back on the track. "
            "Until then plan a restart a month.",
        ),
    ),
    (
        S25_ARC,
        {"build": build("26100.7171"), "hotfixes": []},
        "2026-09-20",
        None,
        "build_is_ordinary_update",
        (
            "cause",
            "The build is that of the cumulative update KB5068861 (2025-11-11), so this month's updates restart.",
            "If the host is enrolled it comes back with the next baseline, expected on 2026-10-13.",
        ),
    ),
    (
        S25_ARC,
        {"build": build("26100.2240")},
        "2026-09-20",
        ENABLED,
        "baseline_missing",
        (
            "cause",
            "The host is older than the baseline KB5122871 of 2026-09-08; it gets no hotpatches until that or a later "
            "one is in.",
            "Install KB5122871 or a later baseline, and restart once.",
        ),
    ),
    (
        # The newest of four hotpatches since then.
        W11_25H2,
        {"build": build("26200.7623")},
        "2026-03-20",
        None,
        "hotpatch_waiting",
        (
            "warning",
            "The hotpatch KB5084597 of 2026-03-13 is not installed yet; it needs no restart.",
            "Install it.",
        ),
    ),
    (
        # The first of three months that the table does not know.
        W11_25H2,
        {},
        "2026-12-20",
        None,
        "release_table_outdated",
        (
            "cause",
            "The release table ends before the Patch Tuesday of 2026-10-13, which may have been a baseline.",
            "Bring the release table up to date.",
        ),
    ),
    (
        S25_ARC,
        {"cbs_reboot_pending": True, "server_component_cache": 1},
        "2026-09-20",
        None,
        "restart_pending",
        (
            "cause",
            "Servicing waits for a restart: The servicing stack has work for the next boot. A role or feature change "
            "wants a restart.",
            "Restart the host in its next window; until then it is patched on paper only.",
        ),
    ),
    (
        S25_ARC,
        {"cbs_reboot_in_progress": failed("denied"), "server_component_cache": "1"},
        "2026-09-20",
        None,
        "restart_unknown",
        (
            "cause",
            "Whether servicing waits for a restart could not be read in full (cbs_reboot_in_progress: access denied, "
            "server_component_cache: unusable value).",
            "Ask with an account that may read it; look at the value on the host: it is none that Windows writes.",
        ),
    ),
]


@pytest.mark.parametrize(("product", "changes", "day", "azure", "code", "expected"), WORDS)
def test_words(
    product: str, changes: dict[str, object], day: str, azure: object, code: str, expected: tuple[str, str, str]
) -> None:
    assert texts(judge(healthy(product, **changes), at(day), azure=azure), code) == expected


MISSING: list[tuple[str, dict[str, object], str]] = [
    (S25_ARC, {"operating_system": failed("denied")}, "when it last booted (access denied)"),
    (S25_ARC, {"operating_system": booted(None)}, "when it last booted (unusable value)"),
    (S25_ARC, {"clock": failed("timeout")}, "its clock (timed out)"),
    (
        S25_ARC,
        {"arc_agent": None, "services": failed("denied")},
        "whether the Azure Connected Machine agent is installed (access denied)",
    ),
    (S22_AZURE, {"enrollment_package": None, "hotfixes": []}, "the installed updates (empty list)"),
    (
        W11_24H2,
        {"allow_rebootless_policy": None, "hotfixes": [*kbs("KB5000001"), {"kb": ""}]},
        "the installed updates (unusable entry)",
    ),
    (S22_AZURE, {"hotpatch_table_size": failed("timeout")}, "HotPatchTableSize (timed out)"),
    (
        S25_ARC,
        {"arc_agent": failed("timeout"), "services": failed()},
        "whether the Azure Connected Machine agent is installed (timed out)",
    ),
    (W11_25H2, {"architecture": "x86"}, "the processor architecture (unusable value)"),
    (W11_24H2, {"architecture": "ARM64", "chpe_off": failed("denied")}, "HotPatchRestrictions (access denied)"),
    (W11_24H2, {"allow_rebootless_policy": 2}, "the policy AllowRebootlessUpdates (unusable value)"),
    (W11_24H2, {"allow_rebootless_policy": None, "hotfixes": failed()}, "the installed updates (failed)"),
    (S22_AZURE, {"enrollment_package": failed()}, "the Hotpatch Enrollment Package (failed)"),
    (S22_AZURE, {"enrollment_package": None, "hotfixes": failed("denied")}, "the installed updates (access denied)"),
    (S25_ARC, {"licensing_mutex": None}, "whether the licensing fault has left its mark (no value)"),
]


@pytest.mark.parametrize(("product", "changes", "what"), MISSING)
def test_what_is_missing_is_named(product: str, changes: dict[str, object], what: str) -> None:
    host = judge(healthy(product, **changes))
    assert (host["state"], host["track"]) == ("unknown", "unknown")
    severity, message, fix = texts(host, "signals_missing")
    assert (severity, message) == ("cause", f"The host did not tell: {what}.")
    cause = what[what.rindex("(") + 1 : -1]
    assert fix == f"{reasons.ADVICE[cause][0].upper()}{reasons.ADVICE[cause][1:]}."


@pytest.mark.parametrize("installed", [["KB5070893"], ["KB5070881"], ["KB5070881", "KB5070893"], ["kb5070893"], []])
@pytest.mark.parametrize("turned", [False, True])
def test_shared_build(installed: list[str], turned: bool) -> None:
    """26100.6905: whatever the order of the list, the update that ends the track does so."""
    found = kbs(*(reversed(installed) if turned else installed), "KB5066835")
    host = judge(healthy(S25_AZURE, build=build("26100.6905"), hotfixes=found), at("2025-11-05"))
    state = "unknown" if not installed else "off_track" if "KB5070881" in installed else "on_track"
    assert host["state"] == state
    assert codes(host) == {"unknown": ["build_ambiguous"], "off_track": ["off_track_update"], "on_track": []}[state]


@pytest.mark.parametrize("product", SERVERS)
def test_package_without_a_name_proves_nothing(product: str) -> None:
    host = judge(healthy(product, enrollment_package={"Name": " ", "Version": "1"}, hotfixes=[]))
    assert host["state"] == "unknown"


@pytest.mark.parametrize("policy", [0, 1, None, 2, "1", True, -1])
def test_policy_of_a_client(policy: Any) -> None:
    states = {0: "not_enrolled", 1: "on_track"}
    expected = "unknown" if isinstance(policy, bool | str) else states.get(policy, "unknown")
    for product in CLIENTS:
        host = judge(healthy(product, allow_rebootless_policy=policy, hotfixes=OLD))
        assert host["state"] == expected
        assert warned(host) == (["licence_not_provable"] if expected == "on_track" else [])


def test_licence_is_no_topic_where_the_state_is_settled() -> None:
    host = judge(healthy(W11_25H2, hotfixes=[], vbs_running=0))
    assert (host["state"], warned(host)) == ("not_ready", [])


def test_verdict_starts_without_a_place() -> None:
    verdict = track.Verdict()
    assert (verdict.state, verdict.track, verdict.product, verdict.reasons) == (None, "unknown", None, [])
    assert track.next_baseline(verdict, TABLE, NOW) is None


@pytest.mark.parametrize("found", [track.Place(None, ()), track.Servicing((), False, ())])
def test_what_was_found_stays(found: Any) -> None:
    for field in dataclasses.fields(found):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(found, field.name, None)


@pytest.mark.parametrize(
    ("product", "older", "newer"),
    [
        (S22_AZURE, "20348.524", "20348.5632"),
        (S25_AZURE, "26100.2239", "26100.33452"),
        (S25_ARC, "26100.2239", "26100.33452"),
        (W11_24H2, "26100.3774", "26100.9458"),
        (W11_25H2, "26200.6898", "26200.9458"),
    ],
)
def test_hint_looks_at_the_rows_of_the_product(product: str, older: str, newer: str) -> None:
    for full, hint in ((older, "it is older than the table's oldest row"), (newer, "it is newer than the table's ne")):
        host = judge(healthy(product, build=build(full)), azure=ENABLED)
        assert texts(host, "build_not_in_table")[1].startswith(f"Build {full} is not in the release table: {hint}")


def test_severity_of_what_is_said_is_named() -> None:
    with pytest.raises(TypeError):
        track.Verdict().say(*("licence_fault", "cause"))


def test_first_of_two_updates_of_the_same_effect_is_told() -> None:
    shipped = releases.shipped()
    row = next(row for row in shipped["releases"] if row["kb"] == "KB5120233")
    second = {**row, "kb": "KB9999999", "date": "2026-08-12"}
    table = releases.ReleaseTable.load(shipped, {"schema": 1, "compiled": "2026-11-23", "releases": [second]})
    host = judge(healthy(S25_ARC, build=build("26100.33296")), at("2026-08-20"), table=table)
    assert texts(host, "off_track_update")[1].startswith("The cumulative update KB5120233 of 2026-08-11 has put")


# --- two witnesses: the last boot and the build ----------------------------------------------------------------------

AUGUST = "2026-08-20"
BOOTS: list[tuple[str, str, str, str, str, list[str], list[str]]] = [
    # Build, day of judgement, last boot, the host's clock, and what comes of it.
    ("26100.33438", "2026-09-20", "2026-09-08T00:00:00Z", "", "on_track", [], []),
    ("26100.33438", "2026-09-20", "2026-09-07T23:59:59Z", "", "unknown", ["boot_before_build"], []),
    # A hotpatch takes no restart, the baseline below it did.
    ("26100.33222", AUGUST, "2026-07-14T19:00:00Z", "", "on_track", [], []),
    ("26100.33222", AUGUST, "2026-07-13T19:00:00Z", "", "unknown", ["boot_before_build"], []),
    ("26100.33222", "2026-09-20", "2026-07-13T19:00:00Z", "", "behind", ["baseline_missing"], ["boot_before_build"]),
    ("26100.33296", AUGUST, "2026-08-10T19:00:00Z", "", "off_track", ["off_track_update"], ["boot_before_build"]),
    ("26100.33296", AUGUST, "2026-08-12T19:00:00Z", "", "off_track", ["off_track_update"], []),
    ("26100.33438", "2026-09-20", "2026-09-20T12:05:00Z", "", "on_track", [], []),
    ("26100.33438", "2026-09-20", "2026-09-20T12:05:01Z", "", "unknown", ["boot_in_future"], []),
    # The clock that told the boot is ahead: by the 19 days since then the host booted before the baseline was out.
    (
        "26100.33438",
        "2026-09-20",
        "2026-10-11T12:00:00Z",
        "2026-10-30T12:00:00Z",
        "unknown",
        ["boot_before_build"],
        ["clock_skew"],
    ),
    ("26100.33438", "2026-09-20", "2026-10-25T12:00:00Z", "2026-10-30T12:00:00Z", "on_track", [], ["clock_skew"]),
    (
        "26100.33438",
        "2026-09-20",
        "2026-09-10T12:00:00Z",
        "2026-08-11T12:00:00Z",
        "unknown",
        ["boot_in_future"],
        ["clock_skew"],
    ),
]


@pytest.mark.parametrize(("full", "day", "boot", "clock", "state", "causes", "warnings"), BOOTS)
def test_last_boot_is_held_against_build_and_clock(
    full: str, day: str, boot: str, clock: str, state: str, causes: list[str], warnings: list[str]
) -> None:
    changes = {"clock": {"utc": clock}} if clock else {}
    host = judge(healthy(S25_ARC, build=build(full), operating_system=booted(boot), **changes), at(day), azure=ENABLED)
    assert (host["state"], codes(host)) == (state, causes)
    assert [code for code in warned(host) if not code.startswith("arc_")] == warnings


@pytest.mark.parametrize(
    ("boot", "clock", "said"),
    [
        (
            "2026-10-02T13:00:00Z",
            {"utc": "2026-09-20T12:00:00Z"},
            "2026-10-02 13:00 UTC, 12 days after the host's own clock",
        ),
        ("2026-09-21T13:00:00Z", failed(), "2026-09-21 13:00 UTC, 1 day after the time of judgement"),
    ],
)
def test_boot_in_the_future_is_told_with_its_size(boot: str, clock: object, said: str) -> None:
    host = judge(healthy(S25_ARC, operating_system=booted(boot), clock=clock))
    assert said in texts(host, "boot_in_future")[1]


@pytest.mark.parametrize(
    ("clock", "said"),
    [("2026-10-30T12:00:00Z", "is 40 days ahead of the time"), ("2026-09-17T11:00:00Z", "is 3 days behind the time")],
)
def test_clock_fault_is_told_with_direction_and_days(clock: str, said: str) -> None:
    host = judge(healthy(S25_ARC, clock={"utc": clock}, operating_system=booted("2026-09-10T02:31:00Z")))
    assert said in texts(host, "clock_skew")[1]


@pytest.mark.parametrize("year", [1, 9999])
def test_clocks_far_apart_are_told(year: int) -> None:
    now = datetime(year, 1, 1, tzinfo=NOW.tzinfo)
    there = {"clock": {"utc": "2026-09-20T12:00:00Z"}, "operating_system": booted("2026-09-10T12:00:00Z")}
    assert "clock_skew" in warned(judge(healthy(S25_ARC, **there), now))


def test_boot_in_the_future_is_told_of_any_host() -> None:
    host = judge(healthy(S25_ARC, build=build("17763.1"), operating_system=booted("2026-10-02T13:00:00Z", 3)))
    assert (host["state"], warned(host)) == ("not_capable", ["boot_in_future"])


# --- what was not read is said to be not read ------------------------------------------------------------------------

HALF = [*kbs("KB5122871"), {"kb": None}]
PROOFS: list[tuple[str, dict[str, object], object, str]] = [
    (
        S25_ARC,
        {"hotfixes": OLD},
        None,
        "the agent leaves no documented trace on the host; no hotpatch of the last 120 days is listed",
    ),
    (
        S25_ARC,
        {"hotfixes": failed("timeout")},
        None,
        "whether a recent hotpatch is installed was not read in full (timed out)",
    ),
    (S25_ARC, {"hotfixes": HALF}, None, "whether a recent hotpatch is installed was not read in full (unusable entry)"),
    (S25_ARC, {"hotfixes": []}, None, "whether a recent hotpatch is installed was not read in full (empty list)"),
    (S25_ARC, {"hotfixes": OLD}, None, "Azure's word was not given"),
    (S25_ARC, {"hotfixes": OLD}, {"hotpatch_enablement_status": "Unknown"}, "Azure says nothing of it"),
    (S25_ARC, {"hotfixes": OLD}, {"hotpatch_enablement_status": "Enabling"}, "Azure says Enabling"),
    (
        S25_AZURE,
        {"hotfixes": OLD, "enrollment_package": failed("denied")},
        None,
        "Package was not read (access denied)",
    ),
    (
        S25_AZURE,
        {"hotfixes": OLD, "enrollment_package": None},
        None,
        "the Hotpatch Enrollment Package is not registered",
    ),
]


@pytest.mark.parametrize(("product", "changes", "azure", "said"), PROOFS)
def test_witnesses_of_enrolment_are_named(product: str, changes: dict[str, object], azure: object, said: str) -> None:
    host = judge(healthy(product, **changes), azure=azure)
    message, fix = texts(host, "enrolment_not_provable")[1:]
    assert said in message
    assert ("for the list of updates" in fix) == ("not read in full" in message)


def test_agent_without_any_heartbeat_is_told_in_place_of_azures_word() -> None:
    alone = {"status": "Disconnected", "last_heartbeat": None, "version": "1", "error_code": ""}
    host = judge(healthy(S25_ARC, hotfixes=OLD, arc_agent=alone))
    assert (host["state"], codes(host), warned(host)) == ("unknown", ["arc_not_onboarded"], [])
    # Where something proves the enrolment it is a warning.
    for proof in ({"hotfixes": kbs("KB5120228")}, {"hotfixes": OLD}):
        azure = ENABLED if proof["hotfixes"] == OLD else None
        host = judge(healthy(S25_ARC, arc_agent=alone, **proof), azure=azure)
        assert (host["state"], warned(host)) == ("on_track", ["arc_not_onboarded"])


def test_bad_entry_costs_that_entry() -> None:
    """The hotpatch beside it proves the enrolment as before."""
    listed = [{"kb": ""}, *kbs("KB5120228")]
    assert judge(healthy(S25_ARC, hotfixes=listed))["state"] == "on_track"


@pytest.mark.parametrize(
    ("listed", "state", "why"),
    [
        ([*kbs("KB5070881"), {}], "off_track", ""),
        ([*kbs("KB5070893"), {}], "unknown", "the list of installed KBs was not read in full (unusable entry)"),
        ([], "unknown", "the list of installed KBs was not read in full (empty list)"),
        (failed("timeout"), "unknown", "the list of installed KBs was not read in full (timed out)"),
        (kbs("KB5066835"), "unknown", "no installed KB tells which it is"),
    ],
)
def test_shared_build_with_half_a_list(listed: object, state: str, why: str) -> None:
    host = judge(healthy(S25_ARC, build=build("26100.6905"), hotfixes=listed), at("2025-10-28"), azure=ENABLED)
    assert host["state"] == state
    assert not why or f"is shared by KB5070881 and KB5070893, and {why}." in texts(host, "build_ambiguous")[1]


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (failed("denied"), "Ask with an account that may read it."),
        (failed("timeout"), "Ask again when the host is less busy, or give it longer (cim_timeout)."),
        (
            failed("unavailable"),
            "Find out why the host does not have it (a damaged or missing class, component or command).",
        ),
        (None, "Look at the host: Windows has a value there."),
        ({"CurrentBuild": "abc", "UBR": 1}, "Look at the value on the host: it is none that Windows writes."),
    ],
)
def test_advice_fits_the_cause(answer: object, advice: str) -> None:
    assert texts(judge(healthy(S25_ARC, build=answer)), "signals_missing")[2] == advice


def test_each_advice_is_given_once() -> None:
    host = judge(healthy(S25_ARC, build=failed("denied"), edition_id=failed("denied")))
    assert texts(host, "signals_missing")[2] == "Ask with an account that may read it."


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("auth", "an account that may log on"),
        ("timeout", "in time"),
        ("refused", "reachable"),
        ("odd", "asking failed"),
    ],
)
def test_advice_on_an_unreached_host_fits_its_problem(kind: str, said: str) -> None:
    host = status.host_status("host", None, {"kind": kind, "message": "no"}, TABLE, NOW)
    assert said in texts(host, "host_not_reached")[2]


# --- the release table has holes -------------------------------------------------------------------------------------


def without(*names: str) -> releases.ReleaseTable:
    """The shipped table without some updates."""
    shipped = releases.shipped()
    rows = [row for row in shipped["releases"] if row["kb"] not in names]
    return releases.ReleaseTable.load({**shipped, "releases": rows})


HOLES: list[tuple[str, str, str, tuple[str, ...], str, list[str], list[str], str | None]] = [
    # The hotpatch of May builds on what the table lacks: it is not advised, and the hole is no end.
    (W11_24H2, "26100.7979", "2026-05-20", ("KB5083769",), "unknown", ["release_table_gap"], [], "KB5074109"),
    (W11_24H2, "26100.8390", "2026-05-20", ("KB5083769",), "on_track", [], [], None),
    (W11_24H2, "26100.8390", "2026-05-20", (), "on_track", [], [], "KB5083769"),
    (W11_24H2, "26100.7979", "2026-05-20", (), "behind", ["baseline_missing"], [], "KB5074109"),
    # A baseline that is known is waiting behind the hole.
    (S25_ARC, "26100.32463", "2026-06-20", ("KB5082063",), "behind", ["baseline_missing"], [], "KB5073379"),
    # Before the hole there is a hotpatch to be had; behind it nobody knows.
    (S25_ARC, "26100.33158", "2026-09-20", ("KB5122871",), "unknown", ["release_table_outdated"], [], "KB5099536"),
    (
        S25_ARC,
        "26100.33222",
        "2026-09-20",
        ("KB5120233", "KB5122871"),
        "unknown",
        ["release_table_outdated"],
        [],
        "KB5099536",
    ),
    (S22_AZURE, "20348.5074", "2026-06-20", (), "unknown", ["release_table_gap"], [], "KB5082142"),
    # Newer than all that the table has: a baseline may be in it.
    (S25_ARC, "26100.33452", "2026-09-20", (), "unknown", ["build_not_in_table"], [], None),
    (S25_ARC, "26100.33300", "2026-09-20", (), "unknown", ["build_not_in_table"], [], "KB5099536"),
    (S25_ARC, "26100.33300", "2026-09-20", ("KB5120228",), "unknown", ["build_not_in_table"], [], None),
]


@pytest.mark.parametrize(("product", "full", "day", "lacking", "state", "causes", "warnings", "baseline"), HOLES)
def test_hole_in_the_table(
    product: str,
    full: str,
    day: str,
    lacking: tuple[str, ...],
    state: str,
    causes: list[str],
    warnings: list[str],
    baseline: str | None,
) -> None:
    host = judge(
        healthy(product, build=build(full), operating_system=booted(f"{day}T01:00:00Z")),
        at(day),
        azure=ENABLED,
        table=without(*lacking, "KB5129235") if "KB5122871" in lacking else without(*lacking),
    )
    assert (host["state"], codes(host)) == (state, causes)
    assert warned(host) == warnings
    assert (host["last_baseline"] or {}).get("kb") == baseline


def test_hotpatch_on_this_side_of_the_hole_is_advised() -> None:
    planned = {"product": "windows_server_2025", "month": "2026-09", "type": "hotpatch"}
    table = without("KB5122871", "KB5129235")
    table = dataclasses.replace(table, planned=(*table.planned, releases.Planned(**planned)))
    host = judge(healthy(S25_ARC, build=build("26100.33158")), at("2026-09-20"), azure=ENABLED, table=table)
    assert (host["state"], warned(host)) == ("on_track", ["release_table_outdated", "hotpatch_waiting"])
    assert "KB5120228" in texts(host, "hotpatch_waiting")[1]


def test_hotpatch_behind_a_hole_that_was_planned_as_one_is_not_advised() -> None:
    planned = releases.Planned(product="windows_server_2025", month="2026-02", type="hotpatch")
    table = dataclasses.replace(without("KB5075942", "KB5075899"), planned=(planned,))
    host = judge(healthy(S25_ARC, build=build("26100.32230")), at("2026-03-20"), azure=ENABLED, table=table)
    assert (host["state"], warned(host)) == ("on_track", ["release_table_gap"])
    assert "2026-02-10, which was planned as a hotpatch, though it has later" in texts(host, "release_table_gap")[1]


@pytest.mark.parametrize(
    "changes",
    [{"vbs_running": failed()}, {"hotfixes": failed()}, {"vbs_running": failed(), "hotfixes": failed()}],
)
def test_hotpatch_is_advised_to_who_is_known_to_take_it(changes: dict[str, object]) -> None:
    host = judge(healthy(S25_ARC, build=build("26100.33158"), **changes), at(AUGUST))
    assert (host["state"], warned(host)) == ("unknown", [])


# --- products and editions -------------------------------------------------------------------------------------------

GUEST = {"himds": None, "WindowsAzureGuestAgent": service("Running")}
EDITIONS: list[tuple[dict[str, object], str, str | None, str, list[str], str]] = [
    (
        {"arc_agent": None, "services": GUEST},
        "26100.33438",
        None,
        "not_capable",
        ["azure_image_not_covered"],
        "an Azure VM of ServerStandard",
    ),
    # The service may have been left behind, or nobody has looked.
    (
        {"arc_agent": None, "services": {**GUEST, "WindowsAzureGuestAgent": service("Stopped")}},
        "26100.33438",
        S25_ARC,
        "not_ready",
        ["arc_agent_missing"],
        "not installed",
    ),
    (
        {"arc_agent": None, "services": {"himds": None}},
        "26100.33438",
        S25_ARC,
        "not_ready",
        ["arc_agent_missing"],
        "not installed",
    ),
    (
        {"arc_agent": failed(), "services": GUEST},
        "26100.33438",
        S25_ARC,
        "unknown",
        ["signals_missing"],
        "agent is installed",
    ),
    ({"services": {**GUEST, "himds": service("Running")}}, "26100.33438", S25_ARC, "on_track", [], ""),
    (
        {"edition_id": "ServerSolution"},
        "26100.33438",
        None,
        "unknown",
        ["edition_unclear"],
        "a public runbook says that Essentials gets none",
    ),
    ({"edition_id": "ServerStandardEval"}, "26100.33222", S25_ARC, "on_track", [], ""),
    (
        {"edition_id": "ServerStandardEval"},
        "26100.33438",
        None,
        "unknown",
        ["edition_unclear"],
        "names Standard and Datacenter.",
    ),
    ({"edition_id": "Education"}, "26200.9106", W11_25H2, "on_track", [], ""),
    ({"edition_id": "Professional"}, "26100.9106", W11_24H2, "on_track", [], ""),
    ({"edition_id": "Education"}, "26200.9168", None, "unknown", ["edition_unclear"], "Education A3 and A5 among them"),
    ({"edition_id": "Core"}, "26200.8875", None, "unknown", ["edition_unclear"], "names licences and no editions."),
    (
        {"edition_id": "ServerRdsh", "operating_system": booted("2026-08-19T02:31:00Z", 3)},
        "26200.8875",
        None,
        "unknown",
        ["edition_unclear"],
        "multi-session",
    ),
    (
        {"edition_id": "ServerRdsh", "operating_system": booted("2026-08-19T02:31:00Z", 3)},
        "26200.9106",
        W11_25H2,
        "on_track",
        [],
        "",
    ),
    ({"edition_id": "ServerRdsh"}, "22631.1", None, "not_capable", ["build_not_covered"], "Build 22631.1"),
]


@pytest.mark.parametrize(("changes", "full", "product", "state", "causes", "said"), EDITIONS)
def test_edition(
    changes: dict[str, object], full: str, product: str | None, state: str, causes: list[str], said: str
) -> None:
    day = AUGUST if "33438" not in full else "2026-09-20"
    client = full.startswith("26200") or full.endswith(".9106")
    raw = healthy(W11_25H2 if client else S25_ARC, build=build(full), **changes)
    host = judge(raw, at(day))
    assert (host["product"], host["state"], codes(host)) == (product, state, causes)
    assert not causes or said in texts(host, causes[0])[1]


@pytest.mark.parametrize(
    ("day", "state"), [("2026-05-12T16:59:59+00:00", "not_enrolled"), ("2026-05-12T17:00:00+00:00", "unknown")]
)
def test_client_without_a_policy_may_be_enrolled_since_may_2026(day: str, state: str) -> None:
    raw = healthy(W11_25H2, build=build("26200.8246"), allow_rebootless_policy=None, hotfixes=kbs("KB5083769"))
    host = judge(raw, at(day))
    assert (host["state"], codes(host)) == (
        state,
        ["policy_missing" if state == "not_enrolled" else "policy_not_provable"],
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [(0, "is 0."), (None, "is not set."), (failed("denied"), "could not be read (access denied).")],
)
def test_what_was_asked_of_vbs_is_told(asked: object, said: str) -> None:
    host = judge(healthy(S25_ARC, vbs_running=0, vbs_configured=asked))
    assert texts(host, "vbs_not_running")[1].endswith(f"EnableVirtualizationBasedSecurity {said}")
