# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may restart a host by itself."""

from __future__ import annotations

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.restart_risks import restart_risks
from realistic import Raw, failed, signals

NAMES = [
    "UseWUServer",
    "NoAutoUpdate",
    "AUOptions",
    "ScheduledInstallDay",
    "ScheduledInstallTime",
    "NoAutoRebootWithLoggedOnUsers",
    "AlwaysAutoRebootAtScheduledTime",
    "AlwaysAutoRebootAtScheduledTimeMinutes",
]
HOURS = "Active hours 08:00 to 17:00."
DUE = "2026-09-21T01:00:00Z"


def policy(**values: object) -> Raw:
    """The value of probe `automatic_updates_policy`."""
    return {**dict.fromkeys(NAMES), **values}


def risks(**changes: object) -> list[tuple[str, str]]:
    """What may restart a host that has these policies; Automatic Updates is off unless it is what the test is about."""
    given = {"automatic_updates_policy": policy(NoAutoUpdate=1), **changes}
    return [(risk["code"], risk["detail"]) for risk in restart_risks(Signals(signals(**given)))]


@pytest.mark.parametrize("value", [None, policy(), policy(UseWUServer=1)])
def test_no_policy(value: object) -> None:
    detail = f"No policy rules Automatic Updates, so Windows' own default applies. {HOURS}"
    assert risks(automatic_updates_policy=value) == [("automatic_updates_default", detail)]


@pytest.mark.parametrize("allowed", [0, 5, "x"])
def test_policy_of_the_device_management_is_one(allowed: object) -> None:
    assert risks(automatic_updates_policy=None, mdm_update_policy={"AllowAutoUpdate": allowed}) == []
    assert risks(automatic_updates_policy=None, mdm_update_policy={"AllowAutoUpdate": None}) != []
    assert risks(automatic_updates_policy=None, mdm_update_policy=failed()) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"NoAutoUpdate": 1, "AUOptions": 4}, []),
        ({"NoAutoUpdate": 0, "AUOptions": 3}, []),
        ({"NoAutoUpdate": 0}, []),
        ({"AUOptions": 2}, []),
        (
            {"AUOptions": 4, "ScheduledInstallTime": 3},
            [
                (
                    "automatic_updates_schedule",
                    f"installs on a schedule at 03:00 and restarts when an update wants it. {HOURS}",
                )
            ],
        ),
        ({"AUOptions": 4, "ScheduledInstallTime": 23}, [("automatic_updates_schedule", "schedule at 23:00 and")]),
        ({"AUOptions": 4, "ScheduledInstallTime": 24}, [("automatic_updates_schedule", "on a schedule and restarts")]),
        ({"AUOptions": 4}, [("automatic_updates_schedule", "on a schedule and restarts")]),
        (
            {"AUOptions": 3, "AlwaysAutoRebootAtScheduledTime": 1, "AlwaysAutoRebootAtScheduledTimeMinutes": 15},
            [("automatic_restart", "A policy restarts 15 minutes after an installation, also with users logged on.")],
        ),
        ({"AUOptions": 3, "AlwaysAutoRebootAtScheduledTime": 1}, [("automatic_restart", "A policy restarts after an")]),
        ({"AUOptions": 3, "AlwaysAutoRebootAtScheduledTime": 0}, []),
        (
            {"AUOptions": 4, "AlwaysAutoRebootAtScheduledTime": 1},
            [("automatic_updates_schedule", ""), ("automatic_restart", "")],
        ),
        ({"AUOptions": "4"}, []),
        ({"NoAutoUpdate": -1, "AUOptions": 4}, []),
    ],
)
def test_automatic_updates(values: dict[str, object], expected: list[tuple[str, str]]) -> None:
    found = risks(automatic_updates_policy=policy(**values))
    assert [code for code, _detail in found] == [code for code, _words in expected]
    for (_code, detail), (_same, words) in zip(found, expected, strict=True):
        assert words in detail


@pytest.mark.parametrize(
    "hours",
    [
        None,
        failed(),
        {"ActiveHoursStart": None, "ActiveHoursEnd": 17},
        {"ActiveHoursStart": 8, "ActiveHoursEnd": "17"},
        {"ActiveHoursStart": 24, "ActiveHoursEnd": 17},
        {"ActiveHoursStart": 8, "ActiveHoursEnd": 99},
    ],
)
def test_active_hours_that_are_none(hours: object) -> None:
    [(_code, detail)] = risks(automatic_updates_policy=None, active_hours=hours)
    assert detail.endswith("default applies.")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"return_value": 0, "reboot_pending": True, "hard_reboot_pending": False, "deadline": DUE}, True),
        ({"return_value": 0, "reboot_pending": False, "hard_reboot_pending": True, "deadline": DUE}, True),
        ({"return_value": 0, "reboot_pending": False, "hard_reboot_pending": False, "deadline": DUE}, False),
        ({"return_value": 0, "reboot_pending": True, "hard_reboot_pending": False, "deadline": None}, False),
        ({"return_value": 0, "reboot_pending": 1, "hard_reboot_pending": None, "deadline": DUE}, False),
        ({}, False),
        ([], False),
        (None, False),
    ],
)
def test_configmgr_deadline(value: object, found: bool) -> None:
    expected = [("configmgr_deadline", f"Configuration Manager restarts by {DUE}.")] if found else []
    assert risks(ccm_reboot=value) == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (["Microsoft.CPlat.Core.WindowsPatchExtension"], "(Microsoft.CPlat.Core.WindowsPatchExtension)"),
        (["a", "b", "c", "d"], "(a, b, c)"),
        (["\x1b[31m" + "x" * 200], "(?[31m" + "x" * 75 + ")"),
        ([], ""),
        (None, ""),
        ("x", ""),
    ],
)
def test_platform_patching(value: object, shown: str) -> None:
    found = risks(azure_patch_extensions=value)
    detail = f"Azure's patch extension is on the host {shown}: the platform may pick the time."
    assert found == ([("azure_platform_patching", detail)] if shown else [])


def test_all_at_once() -> None:
    found = risks(
        automatic_updates_policy=None,
        ccm_reboot={"reboot_pending": True, "hard_reboot_pending": True, "deadline": DUE},
        azure_patch_extensions=["a"],
    )
    assert [code for code, _detail in found] == [
        "automatic_updates_default",
        "configmgr_deadline",
        "azure_platform_patching",
    ]


def test_nothing_known() -> None:
    assert restart_risks(Signals({})) == []
