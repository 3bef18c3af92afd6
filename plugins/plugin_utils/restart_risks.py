# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may restart a host without anybody of this collection asking for it."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.rebootless.patching.plugins.plugin_utils.signals import Signals, Unknown, flag, moment, shown

# AUOptions of the Automatic Updates policy: download and install on a schedule.
SCHEDULED = 4
HOURS = 24


def _hours(signals: Signals) -> str:
    """Active hours in words, empty when the host does not tell."""
    start, end = signals.setting("active_hours", "ActiveHoursStart"), signals.setting("active_hours", "ActiveHoursEnd")
    if isinstance(start, int) and isinstance(end, int) and max(start, end) < HOURS:
        return f" Active hours {start:02}:00 to {end:02}:00."
    return ""


def _automatic_updates(signals: Signals) -> list[dict[str, str]]:
    policy = "automatic_updates_policy"
    off, options = signals.setting(policy, "NoAutoUpdate"), signals.setting(policy, "AUOptions")
    if isinstance(off, Unknown) or isinstance(options, Unknown) or off == 1:
        return []
    found = []
    if off is None and options is None and signals.setting("mdm_update_policy", "AllowAutoUpdate") is None:
        detail = f"No policy rules Automatic Updates, so Windows' own default applies.{_hours(signals)}"
        found.append({"code": "automatic_updates_default", "detail": detail})
    if options == SCHEDULED:
        hour = signals.setting(policy, "ScheduledInstallTime")
        when = f" at {hour:02}:00" if isinstance(hour, int) and hour < HOURS else ""
        detail = (
            f"Automatic Updates installs on a schedule{when} and restarts when an update wants it.{_hours(signals)}"
        )
        found.append({"code": "automatic_updates_schedule", "detail": detail})
    if signals.setting(policy, "AlwaysAutoRebootAtScheduledTime") == 1:
        minutes = signals.setting(policy, "AlwaysAutoRebootAtScheduledTimeMinutes")
        after = f" {minutes} minutes" if isinstance(minutes, int) else ""
        detail = f"A policy restarts{after} after an installation, also with users logged on."
        found.append({"code": "automatic_restart", "detail": detail})
    return found


def _configmgr(signals: Signals) -> list[dict[str, str]]:
    table = signals.table("ccm_reboot")
    if not isinstance(table, Mapping) or isinstance(moment(table.get("deadline")), Unknown):
        return []
    if True not in [flag(table.get(name)) for name in ("reboot_pending", "hard_reboot_pending")]:
        return []
    return [{"code": "configmgr_deadline", "detail": f"Configuration Manager restarts by {table['deadline']}."}]


def _azure(signals: Signals) -> list[dict[str, str]]:
    names = signals.value("azure_patch_extensions")
    if not isinstance(names, list) or not names:
        return []
    found = ", ".join(shown(name, 80) for name in names[:3])
    detail = f"Azure's patch extension is on the host ({found}): the platform may pick the time."
    return [{"code": "azure_platform_patching", "detail": detail}]


def restart_risks(signals: Signals) -> list[dict[str, str]]:
    """`[{code, detail}]` of what may restart the host by itself; empty also when the host does not tell."""
    return [*_automatic_updates(signals), *_configmgr(signals), *_azure(signals)]
