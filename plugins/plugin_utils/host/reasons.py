# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every reason code: what it says, what puts it right, and the fact it rests on. docs/reasons.md is made of this."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

CAUSE, WARNING = "cause", "warning"
FACTS = "facts/windows-hotpatch.md"


# What helps when a source told nothing, by the causes of signals.py.
ADVICE = {
    "access denied": "ask with an account that may read it",
    "timed out": "ask again when the host is less busy, or give it longer (cim_timeout)",
    "not available on the host": "find out why the host does not have it (a damaged or missing class, component or command)",
    "failed": "look at the probe's error in the signals",
    "not asked": "ask for all subsets of the signals",
    "malformed answer": "collect the signals anew: this is no answer of the collector",
    "no value": "look at the host: Windows has a value there",
    "unusable value": "look at the value on the host: it is none that Windows writes",
    "unusable entry": "look at the list on the host (Get-HotFix): an entry has no readable name",
    "empty list": "look at the list on the host (Get-HotFix): an updated Windows has entries",
}


def advice(causes: Iterable[str], *, sentence: bool = True) -> str:
    """What helps against these causes, each advice once."""
    found = "; ".join(dict.fromkeys(ADVICE.get(cause, ADVICE["failed"]) for cause in causes))
    return found[:1].upper() + found[1:] if sentence else found


# What helps when a host gave no signals, by the kind of its problem.
UNREACHED = {
    "refused": "Make the host reachable for Ansible (power, port)",
    "name": "Mend the host's name or ansible_host in the inventory, or the name in the domain name system",
    "timeout": "See why the host does not answer in time (power, network, load)",
    "auth": "Give Ansible an account that may log on to the host",
    "become": "Take become out of ansible.cfg and the inventory for this host, or set ansible_become_method to runas",
    "controller": "Mend ansible_connection, or install what is missing on the controller",
    "dropped": "See whether the host was restarting, or what cut the connection",
    "failed": "Look at the message: the host was asked and the asking failed",
}


def reach(kind: object) -> str:
    """What helps against a problem of this kind, without a full stop."""
    return UNREACHED.get(str(kind), UNREACHED["failed"])


class Kind(NamedTuple):
    """A reason's texts; `{…}` are filled in per host. `rests_on` are the probes without which it is never said."""

    severity: str
    message: str
    fix: str
    source: str
    rests_on: tuple[str, ...] = ()


REASONS: dict[str, Kind] = {
    "host_not_reached": Kind(
        CAUSE,
        "The host could not be asked ({kind}): {message}",
        "{step} and ask again.",
        "ansible-core",
    ),
    "signals_missing": Kind(
        CAUSE,
        "The host did not tell: {what}.",
        "{advice}.",
        "none: nobody knows",
    ),
    "edition_not_covered": Kind(
        CAUSE,
        "{edition} of Windows Server 2022 gets no hotpatches; Datacenter: Azure Edition does.",
        "Plan one restart a month, or move to Datacenter: Azure Edition (on Azure or Azure Local) or to Server 2025 with Azure "
        "Arc (elsewhere).",
        f"{FACTS} section 1, Products",
        ("build", "edition_id"),
    ),
    "azure_image_not_covered": Kind(
        CAUSE,
        "This is an Azure VM of {edition} (its guest agent runs, and no Azure Arc agent is there); such images get no hotpatches.",
        "Plan one restart a month, or move to an image of Datacenter: Azure Edition; Azure Arc is not for Azure VMs.",
        f"{FACTS} section 1: ordinary 2025-datacenter images on Azure VMs get no hotpatch",
        ("build", "edition_id", "arc_agent", "services"),
    ),
    "build_not_covered": Kind(
        CAUSE,
        "Build {build} is a version of Windows that gets no hotpatches.",
        "Plan one restart a month, or upgrade to Windows Server 2025 or Windows 11 24H2.",
        f"{FACTS} section 1, Products",
        ("build", "edition_id"),
    ),
    "edition_unclear": Kind(
        CAUSE,
        "Whether edition {edition} can get hotpatches is not certain: {why}.",
        "Ask Microsoft for this edition, or use Standard or Datacenter (server) or Enterprise (client).",
        f"{FACTS} section 1",
        ("build", "edition_id"),
    ),
    "product_unclear": Kind(
        CAUSE,
        "Whether build {build} can get hotpatches is not documented.",
        "Bring the collection up to date; until then treat the host as one that restarts.",
        f"{FACTS} section 1",
        ("build", "edition_id"),
    ),
    "vbs_not_running": Kind(
        CAUSE,
        "Virtualization-based security is not running (status {status}, 2 is needed); "
        "EnableVirtualizationBasedSecurity {asked}.",
        "Turn on UEFI, Secure Boot and EnableVirtualizationBasedSecurity (a generation 2 VM on Hyper-V), then restart once.",
        f"{FACTS} section 1: VBS must be running (status 2)",
        ("vbs_running",),
    ),
    "vbs_kept_from_running": Kind(
        CAUSE,
        "Virtualization-based security is enabled and not running (status {status}, 2 is needed): something keeps it from it.",
        "Find what it lacks (msinfo32 names what is required and what is available): UEFI with Secure Boot, virtualization "
        "turned on in the firmware or passed on by the hypervisor, a generation 2 VM; then restart once. It need not be "
        "enabled again.",
        f"{FACTS} section 2 (status 1: enabled, not running) and section 5, VBS stops running",
        ("vbs_running",),
    ),
    "vbs_restart_needed": Kind(
        CAUSE,
        "Virtualization-based security is asked for and not running yet (status {status}).",
        "Restart once; if the status stays below 2, look at Secure Boot and the VM's generation.",
        f"{FACTS} section 1: turning VBS on takes a restart",
        ("vbs_running", "vbs_configured"),
    ),
    "vbs_unknown": Kind(
        CAUSE,
        "Whether virtualization-based security runs could not be read ({why}).",
        "For class Win32_DeviceGuard of root/Microsoft/Windows/DeviceGuard: {advice}.",
        f"{FACTS} section 2",
    ),
    "table_size_not_set": Kind(
        CAUSE,
        "HotPatchTableSize is not set, so the kernel is not prepared for hotpatches.",
        "Set HotPatchTableSize to 0x1000 under Session Manager\\Memory Management as Microsoft's page for ISO installs says, then restart once.",
        f"{FACTS} section 2, server enrollment",
        ("build", "edition_id", "hotpatch_table_size"),
    ),
    "build_too_old": Kind(
        CAUSE,
        "Build {build} is older than 26100.1742, from where hotpatching starts.",
        "Install the current baseline and restart.",
        f"{FACTS} section 1, Server 2025 through Arc",
        ("build", "edition_id"),
    ),
    "arc_agent_missing": Kind(
        CAUSE,
        "The Azure Connected Machine agent is not installed.",
        "Outside of Azure, connect the server to Azure Arc (azcmagent connect), then enable hotpatching for it; a VM of "
        "Azure needs an image of Datacenter: Azure Edition instead.",
        f"{FACTS} section 1, Server 2025 through Arc",
        ("build", "edition_id", "arc_agent", "services"),
    ),
    "chpe_active": Kind(
        CAUSE,
        "CHPE binaries are in use on this Arm64 device (HotPatchRestrictions is not 1).",
        "Set HotPatchRestrictions to 1 (policy DisableCHPE) and restart once.",
        f"{FACTS} section 1, Windows 11",
        ("architecture", "chpe_off"),
    ),
    "enrollment_package_missing": Kind(
        CAUSE,
        "The Hotpatch Enrollment Package is not registered on this host.",
        "Enable hotpatching on the Azure VM, or install the package as Microsoft's page for ISO installs says.",
        f"{FACTS} section 2, server enrollment",
        ("enrollment_package", "hotfixes"),
    ),
    "enrolment_key_gone": Kind(
        WARNING,
        "The Hotpatch Enrollment Package is not registered on this host now, although {proof}; the next hotpatch may not come.",
        "See that hotpatching is still enabled for the machine in Azure, or install the package as Microsoft's page for ISO "
        "installs says.",
        f"{FACTS} section 2, server enrollment: the key is the sign of enrolment",
        ("enrollment_package",),
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
        ("allow_rebootless_policy",),
    ),
    "policy_missing": Kind(
        CAUSE,
        "No policy allows hotpatching on this device (AllowRebootlessUpdates is not set).",
        "Assign the device to a Windows Autopatch quality update policy that allows hotpatch updates.",
        f"{FACTS} section 1: no path outside Autopatch for clients",
        ("allow_rebootless_policy", "hotfixes"),
    ),
    "policy_not_provable": Kind(
        CAUSE,
        "No policy of this device allows hotpatching (AllowRebootlessUpdates is not set), and no recent hotpatch is installed; "
        "since the security update of May 2026 hotpatching may be on without such a policy, the sources do not agree.",
        "See the hotpatch quality update report in Intune, or assign the device to a quality update policy that allows "
        "hotpatch updates.",
        f"{FACTS} section 1: on by default from May 2026 [S], not found on the vendor's page in August 2026 [S]",
        ("allow_rebootless_policy", "hotfixes"),
    ),
    "enrolment_not_provable": Kind(
        CAUSE,
        "Nothing proves that this host is enrolled: {what}.",
        "Give Azure's word to the run (variable rebootless_azure), or see whether the next hotpatch arrives{also}.",
        f"{FACTS} section 2: what the agent writes locally is not documented",
    ),
    "licence_fault": Kind(
        WARNING,
        "Left over from the licensing fault of October 2025: DeviceLicensingServiceCommandMutex; the hotpatch licence may have expired.",
        "Microsoft's fix: set override 4264695439 to 1, delete that value, restart. Not applied by this collection.",
        f"{FACTS} section 5, licensing fault",
        ("licensing_mutex",),
    ),
    "build_not_in_table": Kind(
        CAUSE,
        "Build {build} is not in the release table: {hint}.",
        "{step}, or add the release with rebootless_release_table_extend.",
        f"{FACTS} section 0, 5: an exact match tells the lane",
        ("build",),
    ),
    "build_ambiguous": Kind(
        CAUSE,
        "Build {build} is shared by {kbs}, and {why}.",
        "{step}.",
        f"{FACTS} section 0, 5: KB5070881 and KB5070893 share a build",
        ("build",),
    ),
    "build_is_ordinary_update": Kind(
        CAUSE,
        "The build is that of the cumulative update {kb} ({date}), so this month's updates restart.",
        "If the host is enrolled it comes back with the next baseline{next}.",
        f"{FACTS} section 5",
        ("build",),
    ),
    "off_track_update": Kind(
        CAUSE,
        "The cumulative update {kb} of {date} has put the host off the hotpatch track: every update restarts until the next baseline.",
        "Install {baseline} and restart once: that puts the host back on the track. Until then plan a restart a month.",
        f"{FACTS} section 5: cumulative or out-of-band update installed in a hotpatch month",
        ("build",),
    ),
    "baseline_missing": Kind(
        CAUSE,
        "The host is older than the baseline {kb} of {date}; it gets no hotpatches until that or a later one is in.",
        "Install {kb} or a later baseline, and restart once.",
        f"{FACTS} section 5, stale baseline",
        ("build",),
    ),
    "boot_before_build": Kind(
        WARNING,
        "The build says that {kb} of {date} is in effect, which takes a restart, but the host last booted on {boot}: "
        "one of the two is wrong.",
        "Take the host for one that is patched on paper only: restart it in its next window, and ask again.",
        f"{FACTS} section 5: check last boot and full build, both",
        ("build", "operating_system"),
    ),
    "boot_in_future": Kind(
        WARNING,
        "The host says that it last booted on {boot}, {size} after {than}: a clock is or was wrong.",
        "Set the time of the host and see where it gets it from; until its next restart its boot time proves nothing.",
        f"{FACTS} section 5: the last boot is one of the two witnesses",
        ("operating_system",),
    ),
    "restart_pending": Kind(
        CAUSE,
        "Servicing waits for a restart: {detail}",
        "Restart the host in its next window; until then it is patched on paper only.",
        f"{FACTS} section 5: baseline staged, restart missing",
    ),
    "servicing_in_progress": Kind(
        CAUSE,
        "Windows is in the boot phase of servicing; what it comes to is seen when that has ended.",
        "Leave the host alone and ask again in some minutes.",
        "facts/pending-restart.md section 1.1, source 2",
    ),
    "restart_unknown": Kind(
        CAUSE,
        "Whether servicing waits for a restart could not be read in full ({what}).",
        "{advice}.",
        "facts/pending-restart.md section 1.4",
    ),
    "release_table_outdated": Kind(
        WARNING,
        "The release table ends before the Patch Tuesday of {date}{what}.",
        "Bring the release table up to date.",
        f"{FACTS} section 0",
        ("build",),
    ),
    "release_table_gap": Kind(
        WARNING,
        "The release table has nothing of the Patch Tuesday of {date}{what}, though it has later releases.",
        "Bring the release table up to date; if the vendor's page has that month, add it with rebootless_release_table_extend.",
        "data/hotpatch-releases.yml, omitted",
        ("build",),
    ),
    "hotpatch_waiting": Kind(
        WARNING,
        "The hotpatch {kb} of {date} is not installed yet; it needs no restart.",
        "Install it.",
        f"{FACTS} section 4",
        ("build",),
    ),
    "arc_disconnected": Kind(
        WARNING,
        "The Azure Connected Machine agent is not connected ({status}); the next hotpatch is at risk.",
        "{step} that the host reaches Azure (azcmagent check); its identity expires after 45 to 90 days.",
        f"{FACTS} section 5: 15 minutes without heartbeat is disconnected; the effect on hotpatch rights is not documented",
    ),
    "arc_expired": Kind(
        WARNING,
        "The identity of the Azure Connected Machine agent has expired (status {status}); the next hotpatch is at risk.",
        "Connect the server to Azure Arc anew (azcmagent disconnect --force-local-only, then azcmagent connect), and see that "
        "hotpatching is still enabled for it.",
        f"{FACTS} section 5: the identity expires after 45 to 90 days without connection",
        ("arc_agent",),
    ),
    "arc_not_onboarded": Kind(
        WARNING,
        "The Azure Connected Machine agent is installed and tells of no heartbeat (status {status}): it looks as if it was "
        "never connected (onboarded) to Azure, without which no hotpatch comes.",
        "Connect the server to Azure Arc (azcmagent connect), then enable hotpatching for it; if azcmagent show names a "
        "resource, it is connected already: then start himds.",
        f"{FACTS} section 1, Server 2025 through Arc: a connected agent is needed",
        ("arc_agent",),
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
        "{step} at the machine in Azure Update Manager.",
        f"{FACTS} section 6",
    ),
    "licence_not_provable": Kind(
        WARNING,
        "The device is configured for hotpatching; whether it is entitled is checked in Microsoft's cloud.",
        "See the hotpatch quality update report in Intune.",
        f"{FACTS} section 2, client: configured, not entitled",
        ("allow_rebootless_policy",),
    ),
    "wsus_policy": Kind(
        WARNING,
        "A policy points Windows Update at a WSUS server, which can hide hotpatches.",
        "Let the host take quality updates from Windows Update or Azure Update Manager.",
        f"{FACTS} section 3, catalog and WSUS",
        ("windows_update_policy", "automatic_updates_policy"),
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
        ("allow_rebootless_provider",),
    ),
    "monitor_errors": Kind(
        WARNING,
        "The Application log has {count} warnings or errors about hotpatching among its newest entries.",
        "Read them: on a critical error the host takes the cumulative update instead.",
        f"{FACTS} section 2, monitor service",
        ("event_app",),
    ),
    "disk_low": Kind(
        WARNING,
        "Only {free} GB are free on the system disk.",
        "Free at least 10 GB before the next baseline.",
        "experience; no fact",
        ("system_disk",),
    ),
    "clock_skew": Kind(
        WARNING,
        "The host's clock is {size} {direction} the time of judgement.",
        "Set the time; update searches and certificates fail with a wrong clock.",
        "experience; no fact",
        ("clock",),
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
