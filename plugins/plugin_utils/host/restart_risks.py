# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may restart a host without anybody of this collection asking for it."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import (
    UNKNOWN,
    Signals,
    Unknown,
    flag,
    moment,
    shown,
)

Risk = dict[str, str | None]

# AUOptions of the Automatic Updates policy: download and install on a schedule.
SCHEDULED = 4
HOURS = 24
# The longest deadline, and the longest grace, that the policies know.
MOST_DAYS = 30
LOOKED_AT = (
    "automatic_updates_policy",
    "windows_update_policy",
    "mdm_update_policy",
    "ccm_reboot",
    "azure_patch_extensions",
)
PLACES = (("windows_update_policy", "a group policy"), ("mdm_update_policy", "a policy of the device management"))
# What is updated, its deadline and its grace; without a grace of its own a feature update has that of the others.
DEADLINES = (
    ("a quality update", "ConfigureDeadlineForQualityUpdates", "ConfigureDeadlineGracePeriod"),
    ("a feature update", "ConfigureDeadlineForFeatureUpdates", "ConfigureDeadlineGracePeriodForFeatureUpdates"),
)


def _risk(code: str, detail: str, at: str | None = None) -> Risk:
    return {"code": code, "detail": detail, "at": at}


def _hours(signals: Signals) -> str:
    """Active hours in words, empty when the host does not tell."""
    start, end = signals.setting("active_hours", "ActiveHoursStart"), signals.setting("active_hours", "ActiveHoursEnd")
    if isinstance(start, int) and isinstance(end, int) and max(start, end) < HOURS:
        return f" Active hours {start:02}:00 to {end:02}:00."
    return ""


def _automatic_updates(signals: Signals) -> list[Risk]:
    policy = "automatic_updates_policy"
    off, options = signals.setting(policy, "NoAutoUpdate"), signals.setting(policy, "AUOptions")
    if isinstance(off, Unknown) or isinstance(options, Unknown) or off == 1:
        return []
    found = []
    if off is None and options is None and signals.setting("mdm_update_policy", "AllowAutoUpdate") is None:
        detail = f"No policy rules Automatic Updates, so Windows' own default applies.{_hours(signals)}"
        found.append(_risk("automatic_updates_default", detail))
    if options == SCHEDULED:
        hour = signals.setting(policy, "ScheduledInstallTime")
        when = f" at {hour:02}:00" if isinstance(hour, int) and hour < HOURS else ""
        detail = (
            f"Automatic Updates installs on a schedule{when} and restarts when an update wants it.{_hours(signals)}"
        )
        found.append(_risk("automatic_updates_schedule", detail))
    if signals.setting(policy, "AlwaysAutoRebootAtScheduledTime") == 1:
        minutes = signals.setting(policy, "AlwaysAutoRebootAtScheduledTimeMinutes")
        after = f" {minutes} minutes" if isinstance(minutes, int) else ""
        detail = f"A policy restarts{after} after an installation, also with users logged on."
        found.append(_risk("automatic_restart", detail))
    return found


def _days(signals: Signals, place: str, name: str) -> int | None:
    """A number of days that the policy may hold."""
    days = signals.setting(place, name)
    return days if isinstance(days, int) and days <= MOST_DAYS else None


def _deadlines(signals: Signals) -> list[Risk]:
    """A deadline installs and restarts whatever the Automatic Updates policy says."""
    found = []
    for place, words in PLACES:
        # The group policy's switch; device management has none.
        if signals.setting(place, "SetComplianceDeadline") == 0:
            continue
        for update, name, grace_name in DEADLINES:
            days = _days(signals, place, name)
            if days is None:
                continue
            grace = _days(signals, place, grace_name)
            more = "" if grace is None else f", after {grace} days of grace"
            kept = signals.setting(place, "ConfigureDeadlineNoAutoReboot") == 1
            until = " No restart before the deadline." if kept else ""
            detail = f"By {words} {update} is installed and restarts {days} days after it was found{more}.{until}"
            found.append(_risk("update_deadline", detail))
    return found


def _configmgr(signals: Signals) -> list[Risk]:
    table = signals.table("ccm_reboot")
    if not isinstance(table, Mapping) or isinstance(moment(table.get("deadline")), Unknown):
        return []
    if True not in [flag(table.get(name)) for name in ("reboot_pending", "hard_reboot_pending")]:
        return []
    at = str(table["deadline"])
    return [_risk("configmgr_deadline", f"Configuration Manager restarts by {at}.", at)]


def _azure(signals: Signals) -> list[Risk]:
    names = signals.value("azure_patch_extensions")
    if not isinstance(names, list) or not names:
        return []
    found = ", ".join(shown(name, 80) for name in names[:3])
    detail = f"Azure's patch extension is on the host ({found}): the platform may pick the time."
    return [_risk("azure_platform_patching", detail)]


def restart_risks(signals: Signals) -> list[Risk]:
    """`[{code, detail, at}]` of what may restart the host by itself; empty also when the host does not tell.

    `at` is the latest time, where the host names one.
    """
    return [*_automatic_updates(signals), *_deadlines(signals), *_configmgr(signals), *_azure(signals)]


def looked_at(signals: Signals) -> dict[str, str]:
    """Where risks were looked for: the probe, and `read` or why it could not be read."""
    return {probe: signals.cause(probe) if signals.value(probe) is UNKNOWN else "read" for probe in LOOKED_AT}
