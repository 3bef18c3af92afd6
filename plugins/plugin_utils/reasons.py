# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every reason code: what it says, what puts it right, and the fact it rests on. docs/reasons.md is made of this."""

from __future__ import annotations

from typing import NamedTuple

CAUSE, WARNING = "cause", "warning"
FACTS = "facts/windows-hotpatch.md"


class Kind(NamedTuple):
    """A reason's texts; `{…}` are filled in per host."""

    severity: str
    message: str
    fix: str
    source: str


REASONS: dict[str, Kind] = {
    "host_not_reached": Kind(
        CAUSE,
        "The host could not be asked ({kind}): {message}",
        "Make the host reachable for Ansible (power, name, port, credentials) and ask again.",
        "ansible-core",
    ),
    "signals_missing": Kind(
        CAUSE,
        "The host did not tell: {what}.",
        "Run the status again with an account that may read it; look at the probe's error in the signals.",
        "none: nobody knows",
    ),
    "edition_not_covered": Kind(
        CAUSE,
        "{edition} of Windows Server 2022 gets no hotpatches; Datacenter: Azure Edition does.",
        "Plan one restart a month, or move to Server 2025 with Azure Arc.",
        f"{FACTS} section 1, Products",
    ),
    "build_not_covered": Kind(
        CAUSE,
        "Build {build} is a version of Windows that gets no hotpatches.",
        "Plan one restart a month, or upgrade to Windows Server 2025 or Windows 11 24H2.",
        f"{FACTS} section 1, Products",
    ),
    "edition_unclear": Kind(
        CAUSE,
        "Whether edition {edition} can get hotpatches is not documented.",
        "Ask Microsoft for this edition, or use Standard or Datacenter (server) or Enterprise (client).",
        f"{FACTS} section 1",
    ),
    "product_unclear": Kind(
        CAUSE,
        "Whether build {build} can get hotpatches is not documented.",
        "Bring the collection up to date; until then treat the host as one that restarts.",
        f"{FACTS} section 1",
    ),
    "vbs_not_running": Kind(
        CAUSE,
        "Virtualization-based security is not running (status {status}, 2 is needed).",
        "Turn on UEFI, Secure Boot and EnableVirtualizationBasedSecurity (a generation 2 VM on Hyper-V), then restart once.",
        f"{FACTS} section 1: VBS must be running (status 2)",
    ),
    "vbs_restart_needed": Kind(
        CAUSE,
        "Virtualization-based security is asked for and not running yet (status {status}).",
        "Restart once; if the status stays below 2, look at Secure Boot and the VM's generation.",
        f"{FACTS} section 1: turning VBS on takes a restart",
    ),
    "vbs_unknown": Kind(
        CAUSE,
        "Whether virtualization-based security runs could not be read ({why}).",
        "Ask with an account that may read root/Microsoft/Windows/DeviceGuard.",
        f"{FACTS} section 2",
    ),
    "table_size_not_set": Kind(
        CAUSE,
        "HotPatchTableSize is not set, so the kernel is not prepared for hotpatches.",
        "Set HotPatchTableSize to 0x1000 under Session Manager\\Memory Management as Microsoft's page for ISO installs says, then restart once.",
        f"{FACTS} section 2, server enrollment",
    ),
    "build_too_old": Kind(
        CAUSE,
        "Build {build} is older than 26100.1742, from where hotpatching starts.",
        "Install the current baseline and restart.",
        f"{FACTS} section 1, Server 2025 through Arc",
    ),
    "arc_agent_missing": Kind(
        CAUSE,
        "The Azure Connected Machine agent is not installed.",
        "Connect the server to Azure Arc (azcmagent connect), then enable hotpatching for it.",
        f"{FACTS} section 1, Server 2025 through Arc",
    ),
    "chpe_active": Kind(
        CAUSE,
        "CHPE binaries are in use on this Arm64 device (HotPatchRestrictions is not 1).",
        "Set HotPatchRestrictions to 1 (policy DisableCHPE) and restart once.",
        f"{FACTS} section 1, Windows 11",
    ),
    "enrollment_package_missing": Kind(
        CAUSE,
        "The Hotpatch Enrollment Package is not registered on this host.",
        "Enable hotpatching on the Azure VM, or install the package as Microsoft's page for ISO installs says.",
        f"{FACTS} section 2, server enrollment",
    ),
    "hotpatch_disabled_in_azure": Kind(
        CAUSE,
        "Azure says that hotpatching is disabled for this host.",
        "Enable hotpatching for the machine in Azure Update Manager or through its licence profile.",
        f"{FACTS} section 6",
    ),
    "policy_off": Kind(
        CAUSE,
        "The device's policy turns hotpatching off (AllowRebootlessUpdates 0).",
        "Allow hotpatch updates in the device's Windows quality update policy.",
        f"{FACTS} section 2, client",
    ),
    "policy_missing": Kind(
        CAUSE,
        "No policy allows hotpatching on this device (AllowRebootlessUpdates is not set).",
        "Assign the device to a Windows Autopatch quality update policy that allows hotpatch updates.",
        f"{FACTS} section 1: no path outside Autopatch for clients",
    ),
    "enrolment_not_provable": Kind(
        CAUSE,
        "Enrolment leaves no documented trace on the host, and neither a recent hotpatch nor Azure's word proves it.",
        "Give Azure's word to the run (variable rebootless_azure), or see whether the next hotpatch arrives.",
        f"{FACTS} section 2: what the agent writes locally is not documented",
    ),
    "licence_fault": Kind(
        WARNING,
        "Left over from the licensing fault of October 2025: DeviceLicensingServiceCommandMutex; the hotpatch licence may have expired.",
        "Microsoft's fix: set override 4264695439 to 1, delete that value, restart. Not applied by this collection.",
        f"{FACTS} section 5, licensing fault",
    ),
    "build_not_in_table": Kind(
        CAUSE,
        "Build {build} is not in the release table: {hint}.",
        "Bring the release table up to date, or add the release with rebootless_release_table_extend.",
        f"{FACTS} section 0, 5: an exact match tells the lane",
    ),
    "build_ambiguous": Kind(
        CAUSE,
        "Build {build} is shared by {kbs}, and the installed KBs do not tell which one it is.",
        "Look at the host's update history and settle it by hand.",
        f"{FACTS} section 0, 5: KB5070881 and KB5070893 share a build",
    ),
    "build_is_ordinary_update": Kind(
        CAUSE,
        "The build is that of the cumulative update {kb} ({date}), so this month's updates restart.",
        "If the host is enrolled it comes back with the next baseline{next}.",
        f"{FACTS} section 5",
    ),
    "off_track_update": Kind(
        CAUSE,
        "The cumulative update {kb} of {date} has put the host off the hotpatch track: every update restarts until the next baseline.",
        "Install {baseline} and restart once: that puts the host back on the track. Until then plan a restart a month.",
        f"{FACTS} section 5: cumulative or out-of-band update installed in a hotpatch month",
    ),
    "baseline_missing": Kind(
        CAUSE,
        "The host is older than the current baseline {kb} of {date}; it gets no hotpatches until that is in.",
        "Install {kb} and restart once.",
        f"{FACTS} section 5, stale baseline",
    ),
    "restart_pending": Kind(
        CAUSE,
        "Servicing waits for a restart: {detail}",
        "Restart the host in its next window; until then it is patched on paper only.",
        f"{FACTS} section 5: baseline staged, restart missing",
    ),
    "restart_unknown": Kind(
        CAUSE,
        "Whether servicing waits for a restart could not be read in full ({what}).",
        "Ask with an account that may read these sources.",
        "facts/pending-reboot-and-linux.md section 1.4",
    ),
    "release_table_outdated": Kind(
        WARNING,
        "The release table ends before the Patch Tuesday of {date}{what}.",
        "Bring the release table up to date.",
        f"{FACTS} section 0",
    ),
    "hotpatch_waiting": Kind(
        WARNING,
        "The hotpatch {kb} of {date} is not installed yet; it needs no restart.",
        "Install it.",
        f"{FACTS} section 4",
    ),
    "arc_disconnected": Kind(
        WARNING,
        "The Azure Connected Machine agent is not connected ({status}).",
        "Start himds and see that the host reaches Azure (azcmagent check); identity expires after 45 to 90 days.",
        f"{FACTS} section 5: the effect on hotpatch rights is not documented",
    ),
    "arc_key_unverified": Kind(
        WARNING,
        "The registry shows an Arc hotpatch setting ({what}) whose meaning is not documented; it decides nothing here.",
        "Nothing to do; Azure's word (rebootless_azure) settles it.",
        f"{FACTS} section 2 [U]",
    ),
    "azure_pending": Kind(
        WARNING,
        "Azure says {status} for hotpatching on this host.",
        "Look at the machine in Azure Update Manager.",
        f"{FACTS} section 6",
    ),
    "licence_not_provable": Kind(
        WARNING,
        "The device is configured for hotpatching; whether it is entitled is checked in Microsoft's cloud.",
        "See the hotpatch quality update report in Intune.",
        f"{FACTS} section 2, client: configured, not entitled",
    ),
    "wsus_policy": Kind(
        WARNING,
        "A policy points Windows Update at a WSUS server, which can hide hotpatches.",
        "Let the host take quality updates from Windows Update or Azure Update Manager.",
        f"{FACTS} section 3, catalog and WSUS",
    ),
    "deferral_policy": Kind(
        WARNING,
        "A policy defers or pauses quality updates ({what}), so hotpatches come late or not at all.",
        "Remove the deferral on hotpatch hosts.",
        f"{FACTS} section 5: WSUS or deferral policy",
    ),
    "provider_conflict": Kind(
        WARNING,
        "The hotpatch provider wins over this device's other update policies ({what}), which are ignored.",
        "Keep update deadlines and deferrals in the Autopatch policy alone.",
        f"{FACTS} section 5, policy provider conflict",
    ),
    "monitor_errors": Kind(
        WARNING,
        "The Windows Hotpatch Monitoring Service has written {count} errors to the Application log.",
        "Read them: on a critical error the host takes the cumulative update instead.",
        f"{FACTS} section 2, monitor service",
    ),
    "disk_low": Kind(
        WARNING,
        "Only {free} GB are free on the system disk.",
        "Free at least 10 GB before the next baseline.",
        "experience; no fact",
    ),
    "clock_skew": Kind(
        WARNING,
        "The host's clock is {seconds} s off.",
        "Set the time; update searches and certificates fail with a wrong clock.",
        "experience; no fact",
    ),
}


def reason(code: str, *, severity: str | None = None, **words: object) -> dict[str, str]:
    """`{code, severity, message, fix}` of a reason on a host; a warning can be the cause where nothing else decides."""
    kind = REASONS[code]
    return {
        "code": code,
        "severity": severity or kind.severity,
        "message": kind.message.format(**words),
        "fix": kind.fix.format(**words),
    }
