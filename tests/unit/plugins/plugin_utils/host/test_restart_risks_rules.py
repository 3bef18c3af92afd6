# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may restart a host by itself: each rule, its edges, and silence where the host does not tell."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.restart_risks import looked_at, restart_risks

POLICY = (
    "NoAutoUpdate",
    "AUOptions",
    "ScheduledInstallTime",
    "AlwaysAutoRebootAtScheduledTime",
    "AlwaysAutoRebootAtScheduledTimeMinutes",
)
DEFAULT = "No policy rules Automatic Updates, so Windows' own default applies."
SCHEDULE = "Automatic Updates installs on a schedule{} and restarts when an update wants it.{}"
RESTART = "A policy restarts{} after an installation, also with users logged on."
OFF = {"NoAutoUpdate": 1}
UNREAD = {"ok": False, "value": None, "error": {"type": "denied", "hresult": -2147024891, "message": "no"}}


def host(policy: dict[str, Any] | None = None, **probes: Any) -> Signals:
    """A host without any risk but those of `policy` and `probes`."""
    values: dict[str, Any] = {
        "automatic_updates_policy": None if policy is None else {**dict.fromkeys(POLICY), **policy},
        "mdm_update_policy": None,
        "active_hours": None,
        "ccm_reboot": None,
        "azure_patch_extensions": None,
        **probes,
    }
    return Signals({name: {"ok": True, "value": value, "error": None} for name, value in values.items()})


def details(found: list[dict[str, str]]) -> dict[str, str]:
    """Details by code; each risk has exactly these keys."""
    assert all(list(risk) == ["code", "detail", "at"] for risk in found)
    return {risk["code"]: risk["detail"] for risk in found}


def test_nothing_is_known_of_a_host_that_tells_nothing() -> None:
    assert restart_risks(Signals(None)) == []
    assert restart_risks(host(OFF)) == []


@pytest.mark.parametrize("policy", [None, {}, {"ScheduledInstallTime": 3}])
def test_no_policy_means_the_default_of_windows(policy: dict[str, Any] | None) -> None:
    assert restart_risks(host(policy)) == [{"code": "automatic_updates_default", "detail": DEFAULT, "at": None}]


@pytest.mark.parametrize(
    ("mdm", "codes"),
    [
        (None, ["automatic_updates_default"]),
        ({"AllowAutoUpdate": None}, ["automatic_updates_default"]),
        ({"AllowAutoUpdate": 0}, []),
        ({"AllowAutoUpdate": 1}, []),
        ({"AllowAutoUpdate": 5}, []),
        ({"AllowAutoUpdate": "1"}, []),
        ({}, []),
        ([], []),
    ],
)
def test_a_policy_of_device_management_is_no_default(mdm: object, codes: list[str]) -> None:
    assert [risk["code"] for risk in restart_risks(host(None, mdm_update_policy=mdm))] == codes


@pytest.mark.parametrize(
    "policy",
    [
        {"NoAutoUpdate": 1, "AUOptions": 4, "AlwaysAutoRebootAtScheduledTime": 1},
        {"NoAutoUpdate": 1},
        {"NoAutoUpdate": "1", "AUOptions": 4},
        {"NoAutoUpdate": True, "AUOptions": 4},
        {"AUOptions": "4"},
        {"AUOptions": -1, "AlwaysAutoRebootAtScheduledTime": 1},
        {"AUOptions": 0},
        {"AUOptions": 2},
        {"AUOptions": 3},
        {"AUOptions": 5},
        {"AUOptions": 7},
        {"NoAutoUpdate": 0, "AUOptions": 3},
        {"NoAutoUpdate": 2, "AUOptions": 3},
        {"AUOptions": 3, "AlwaysAutoRebootAtScheduledTime": 0},
        {"AUOptions": 3, "AlwaysAutoRebootAtScheduledTime": 2},
        {"AUOptions": 3, "AlwaysAutoRebootAtScheduledTime": "1"},
        {"AUOptions": 3, "AlwaysAutoRebootAtScheduledTimeMinutes": 15},
    ],
)
def test_policies_without_risk(policy: dict[str, Any]) -> None:
    assert restart_risks(host(policy)) == []


@pytest.mark.parametrize("answer", [UNREAD, {"ok": True, "value": [], "error": None}, {"ok": True}])
def test_an_unread_policy_is_no_default(answer: dict[str, Any]) -> None:
    assert restart_risks(Signals({"automatic_updates_policy": answer})) == []


@pytest.mark.parametrize("missing", ["NoAutoUpdate", "AUOptions"])
def test_a_policy_of_which_half_is_missing_tells_nothing(missing: str) -> None:
    policy = {name: value for name, value in {"NoAutoUpdate": 0, "AUOptions": 4}.items() if name != missing}
    assert restart_risks(host(OFF, automatic_updates_policy=policy)) == []


@pytest.mark.parametrize(
    ("policy", "when"),
    [
        ({}, ""),
        ({"ScheduledInstallTime": 0}, " at 00:00"),
        ({"ScheduledInstallTime": 3}, " at 03:00"),
        ({"ScheduledInstallTime": 23}, " at 23:00"),
        ({"ScheduledInstallTime": 24}, ""),
        ({"ScheduledInstallTime": 25}, ""),
        ({"ScheduledInstallTime": 300}, ""),
        ({"ScheduledInstallTime": "3"}, ""),
        ({"NoAutoUpdate": 0, "ScheduledInstallTime": 11}, " at 11:00"),
        ({"NoAutoUpdate": 2}, ""),
    ],
)
def test_schedule(policy: dict[str, Any], when: str) -> None:
    found = details(restart_risks(host({"AUOptions": 4, **policy})))
    assert found == {"automatic_updates_schedule": SCHEDULE.format(when, "")}


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        ({"ActiveHoursStart": 8, "ActiveHoursEnd": 17}, " Active hours 08:00 to 17:00."),
        ({"ActiveHoursStart": 22, "ActiveHoursEnd": 6}, " Active hours 22:00 to 06:00."),
        ({"ActiveHoursStart": 0, "ActiveHoursEnd": 23}, " Active hours 00:00 to 23:00."),
        ({"ActiveHoursStart": 23, "ActiveHoursEnd": 0}, " Active hours 23:00 to 00:00."),
        ({"ActiveHoursStart": 8, "ActiveHoursEnd": 24}, ""),
        ({"ActiveHoursStart": 24, "ActiveHoursEnd": 8}, ""),
        ({"ActiveHoursStart": 25, "ActiveHoursEnd": 300}, ""),
        ({"ActiveHoursStart": 8, "ActiveHoursEnd": None}, ""),
        ({"ActiveHoursStart": None, "ActiveHoursEnd": 17}, ""),
        ({"ActiveHoursStart": "8", "ActiveHoursEnd": 17}, ""),
        ({"ActiveHoursStart": 8, "ActiveHoursEnd": True}, ""),
        (None, ""),
        ([], ""),
    ],
)
def test_active_hours(hours: object, words: str) -> None:
    assert details(restart_risks(host({"AUOptions": 4}, active_hours=hours))) == {
        "automatic_updates_schedule": SCHEDULE.format("", words)
    }
    assert details(restart_risks(host(None, active_hours=hours))) == {"automatic_updates_default": DEFAULT + words}


@pytest.mark.parametrize(
    ("minutes", "words"), [(None, ""), (15, " 15 minutes"), (180, " 180 minutes"), ("15", ""), (0, " 0 minutes")]
)
@pytest.mark.parametrize("options", [2, 3, 4])
def test_automatic_restart(minutes: object, words: str, options: int) -> None:
    policy = {
        "AUOptions": options,
        "AlwaysAutoRebootAtScheduledTime": 1,
        "AlwaysAutoRebootAtScheduledTimeMinutes": minutes,
    }
    found = details(restart_risks(host(policy)))
    assert found.pop("automatic_restart") == RESTART.format(words)
    assert list(found) == (["automatic_updates_schedule"] if options == 4 else [])


@pytest.mark.parametrize(("mdm", "default"), [(None, True), ({"AllowAutoUpdate": 1}, False)])
def test_automatic_restart_needs_no_other_policy(mdm: object, default: bool) -> None:
    found = details(restart_risks(host({"AlwaysAutoRebootAtScheduledTime": 1}, mdm_update_policy=mdm)))
    assert found == {
        **({"automatic_updates_default": DEFAULT} if default else {}),
        "automatic_restart": RESTART.format(""),
    }


@pytest.mark.parametrize(
    ("soft", "hard"), [(True, False), (False, True), (True, True), (True, None), (None, True), ("x", True)]
)
def test_configmgr_with_a_deadline(soft: object, hard: object) -> None:
    table = {
        "return_value": 0,
        "reboot_pending": soft,
        "hard_reboot_pending": hard,
        "deadline": "2026-09-21T03:00:00Z",
    }
    assert restart_risks(host(OFF, ccm_reboot=table)) == [
        {
            "code": "configmgr_deadline",
            "detail": "Configuration Manager restarts by 2026-09-21T03:00:00Z.",
            "at": "2026-09-21T03:00:00Z",
        }
    ]


@pytest.mark.parametrize(
    "table",
    [
        None,
        [],
        {},
        {"reboot_pending": False, "hard_reboot_pending": False, "deadline": "2026-09-21T03:00:00Z"},
        {"reboot_pending": 1, "hard_reboot_pending": "true", "deadline": "2026-09-21T03:00:00Z"},
        {"reboot_pending": True, "hard_reboot_pending": True, "deadline": None},
        {"reboot_pending": True, "hard_reboot_pending": True, "deadline": "soon"},
        {"reboot_pending": True, "hard_reboot_pending": True},
        {"deadline": "2026-09-21T03:00:00Z"},
    ],
)
def test_configmgr_without_risk(table: object) -> None:
    assert restart_risks(host(OFF, ccm_reboot=table)) == []


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["A"], "A"),
        (["A", "B", "C"], "A, B, C"),
        (["A", "B", "C", "D"], "A, B, C"),
        (["x" * 90], "x" * 80),
        (["two\nlines", "\x1b[31m"], "two lines, ?[31m"),
        ([7], "7"),
    ],
)
def test_azure(names: list[Any], said: str) -> None:
    assert restart_risks(host(OFF, azure_patch_extensions=names)) == [
        {
            "code": "azure_platform_patching",
            "detail": f"Azure's patch extension is on the host ({said}): the platform may pick the time.",
            "at": None,
        }
    ]


@pytest.mark.parametrize("names", [None, [], "Microsoft.CPlat.Core.WindowsHotpatchExtension", {"a": 1}, 1])
def test_azure_without_risk(names: object) -> None:
    assert restart_risks(host(OFF, azure_patch_extensions=names)) == []


def test_all_risks_in_their_order() -> None:
    table = {"reboot_pending": True, "hard_reboot_pending": False, "deadline": "2026-09-21T03:00:00Z"}
    found = restart_risks(
        host({"AUOptions": 4, "AlwaysAutoRebootAtScheduledTime": 1}, ccm_reboot=table, azure_patch_extensions=["A"])
    )
    assert [risk["code"] for risk in found] == [
        "automatic_updates_schedule",
        "automatic_restart",
        "configmgr_deadline",
        "azure_platform_patching",
    ]


# --- deadlines ----------------------------------------------------------------------------------------------------

GROUP, DEVICE = "windows_update_policy", "mdm_update_policy"
BY = "By {} {} is installed and restarts {} days after it was found{}.{}"
GROUP_WORDS, DEVICE_WORDS = "a group policy", "a policy of the device management"
NAMES = (
    "SetComplianceDeadline",
    "ConfigureDeadlineForQualityUpdates",
    "ConfigureDeadlineGracePeriod",
    "ConfigureDeadlineForFeatureUpdates",
    "ConfigureDeadlineGracePeriodForFeatureUpdates",
    "ConfigureDeadlineNoAutoReboot",
)


@pytest.mark.parametrize(("place", "words"), [(GROUP, GROUP_WORDS), (DEVICE, DEVICE_WORDS)])
@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, []),
        ({"ConfigureDeadlineForQualityUpdates": 2}, [("a quality update", 2, "", "")]),
        ({"ConfigureDeadlineForQualityUpdates": 0}, [("a quality update", 0, "", "")]),
        ({"ConfigureDeadlineForQualityUpdates": 30}, [("a quality update", 30, "", "")]),
        ({"ConfigureDeadlineForQualityUpdates": 31}, []),
        ({"ConfigureDeadlineForQualityUpdates": "2"}, []),
        ({"ConfigureDeadlineForQualityUpdates": True}, []),
        ({"ConfigureDeadlineGracePeriod": 2}, []),
        (
            {"ConfigureDeadlineForQualityUpdates": 2, "ConfigureDeadlineGracePeriod": 0},
            [("a quality update", 2, ", after 0 days of grace", "")],
        ),
        (
            {"ConfigureDeadlineForQualityUpdates": 2, "ConfigureDeadlineNoAutoReboot": 1},
            [("a quality update", 2, "", " No restart before the deadline.")],
        ),
        (
            {"ConfigureDeadlineForQualityUpdates": 2, "ConfigureDeadlineNoAutoReboot": 0},
            [("a quality update", 2, "", "")],
        ),
        ({"ConfigureDeadlineForQualityUpdates": 2, "SetComplianceDeadline": 0}, []),
        ({"ConfigureDeadlineForQualityUpdates": 2, "SetComplianceDeadline": 1}, [("a quality update", 2, "", "")]),
        (
            {"ConfigureDeadlineForFeatureUpdates": 7, "ConfigureDeadlineGracePeriodForFeatureUpdates": 3},
            [("a feature update", 7, ", after 3 days of grace", "")],
        ),
        (
            {"ConfigureDeadlineForFeatureUpdates": 7, "ConfigureDeadlineForQualityUpdates": 2},
            [("a quality update", 2, "", ""), ("a feature update", 7, "", "")],
        ),
    ],
)
def test_deadlines(place: str, words: str, values: dict[str, Any], told: list[tuple[str, int, str, str]]) -> None:
    found = restart_risks(host({"AUOptions": 3}, **{place: {**dict.fromkeys(NAMES), **values}}))
    assert found == [{"code": "update_deadline", "detail": BY.format(words, *one), "at": None} for one in told]


def test_deadlines_of_both_places_are_told() -> None:
    values = {**dict.fromkeys(NAMES), "ConfigureDeadlineForQualityUpdates": 2}
    found = restart_risks(host(OFF, **{GROUP: values, DEVICE: values}))
    assert [risk["detail"] for risk in found] == [
        BY.format(words, "a quality update", 2, "", "") for words in (GROUP_WORDS, DEVICE_WORDS)
    ]


def test_what_was_looked_at_is_told() -> None:
    assert set(looked_at(Signals(None)).values()) == {"not asked"}
    raw = {"ccm_reboot": UNREAD, "mdm_update_policy": {"ok": True, "value": None, "error": None}}
    assert looked_at(Signals(raw)) == {
        "automatic_updates_policy": "not asked",
        "windows_update_policy": "not asked",
        "mdm_update_policy": "read",
        "ccm_reboot": "access denied",
        "azure_patch_extensions": "not asked",
    }
