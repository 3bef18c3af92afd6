# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Realistic raw signals of healthy hosts, and what breaks a probe. Tests change what they are about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases, status

Raw = dict[str, Any]
Status = dict[str, Any]
NOW = datetime(2026, 9, 20, 12, tzinfo=UTC)
CLOCK = {"utc": "2026-09-20T12:00:03Z", "time_zone": "UTC", "utc_offset_minutes": 0}
BOOTS = ("2026-09-10T02:31:00Z", "2026-09-10T06:40:00Z")
TABLE = releases.ReleaseTable.load(releases.shipped())


def ok(value: object) -> Raw:
    """A probe that answered."""
    return {"ok": True, "value": value, "error": None}


def failed(kind: str = "failed") -> Raw:
    """A probe that gave no answer."""
    return {"ok": False, "value": None, "error": {"type": kind, "hresult": -2147024891, "message": "no"}}


def build(full: str) -> Raw:
    """The value of probe `build` for a full build."""
    family, revision = full.split(".")
    return {"CurrentBuild": family, "UBR": int(revision), "DisplayVersion": "24H2", "InstallationType": "Server"}


def kbs(*names: str) -> list[Raw]:
    """The value of probe `hotfixes`."""
    return [{"kb": name, "installed_on": "9/10/2026"} for name in names]


def service(state: str) -> Raw:
    """A service in the value of probe `services`."""
    return {"status": state, "start_type": "Automatic"}


def _quiet() -> Raw:
    """A host with nothing but the common answers: every probe answers, nothing is pending."""
    absent = (
        "hotpatch_table_size chpe_off enrollment_package arc_hotpatch_subscription hotpatch_environment "
        "allow_rebootless_policy allow_rebootless_provider licensing_override arc_agent windows_update_policy "
        "automatic_updates_policy mdm_update_policy event_mdm azure_patch_extensions wu_reboot_required update_screen "
        "file_renames server_manager_attempts server_component_cache ccm_reboot ccm_reboot_data dsc_lcm_state"
    )
    quiet = (
        "licensing_mutex cbs_reboot_pending cbs_reboot_in_progress cbs_packages_pending agent_reboot_required "
        "agent_reboot_before_install agent_busy dvd_reboot_signal"
    )
    return {
        "architecture": "AMD64",
        "operating_system": {"sku": 7, "product_type": 3, "last_boot": "2026-09-10T02:31:00Z", "language": 1033},
        "clock": CLOCK,
        "system_disk": {"device": "C:", "free_bytes": 53_687_091_200, "size_bytes": 136_365_211_648},
        "vbs_running": 2,
        "vbs_configured": 1,
        "active_hours": {"ActiveHoursStart": 8, "ActiveHoursEnd": 17, "SmartActiveHoursState": None},
        "services": {"himds": None, "hpatchmon": service("Stopped"), "wuauserv": service("Running"), "CcmExec": None},
        "event_app": [],
        "event_setup": [],
        "computer_name": {"active": "SRV01", "configured": "SRV01", "nv_hostname": "srv01"},
        "domain_join": {"JoinDomain": False, "AvoidSpnSet": False},
        "update_exe_volatile": {"native": None, "wow64": None, "flags": None},
        **dict.fromkeys(absent.split()),
        **dict.fromkeys(quiet.split(), False),
    }


KINDS: dict[str, Raw] = {
    "server_2025": {
        "edition_id": "ServerStandard",
        "build": build("26100.33438"),
        "hotfixes": kbs("KB5099536", "KB5120228", "KB5122871"),
        "arc_agent": {
            "status": "Connected",
            "last_heartbeat": "2026-09-20T11:55:00Z",
            "version": "1",
            "error_code": "",
        },
        "services": {**_quiet()["services"], "himds": service("Running")},
    },
    "server_2025_azure": {
        "edition_id": "ServerTurbine",
        "build": build("26100.33438"),
        "hotfixes": kbs("KB5122871"),
        "enrollment_package": {"Name": "Hotpatch Enrollment Package", "Version": "10.0.26100.1"},
    },
    "server_2022": {
        "edition_id": "ServerTurbineCor",
        "build": build("20348.5622"),
        "hotfixes": kbs("KB5003508", "KB5122882"),
        "hotpatch_table_size": 4096,
        "enrollment_package": {"Name": "Hotpatch Enrollment Package", "Version": "10.0.20348.1129"},
    },
    "windows_11": {
        "edition_id": "Enterprise",
        "build": build("26200.9445"),
        "operating_system": {"sku": 4, "product_type": 1, "last_boot": "2026-09-10T06:40:00Z", "language": 1033},
        "hotfixes": kbs("KB5120994", "KB5124008"),
        "allow_rebootless_policy": 1,
        "allow_rebootless_provider": "B04F44A4-B696-4B56-934A-C11667E944E4",
    },
}


def signals(kind: str = "server_2025", **changes: object) -> Raw:
    """The raw signals of a healthy host; a change is a probe's value, or a whole answer made by `failed`."""
    values = {**_quiet(), **KINDS[kind], **changes}
    broken = {name: value for name, value in values.items() if isinstance(value, dict) and value.get("ok") is False}
    return {name: broken.get(name) or ok(value) for name, value in values.items()}


def judge(raw: object, now: datetime = NOW, **options: Any) -> Status:
    """The status of a host; its clock is right, it booted and was in touch with Azure lately, unless a test has changed that."""
    told = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(raw, dict) and raw.get("clock") == ok(CLOCK):
        raw = {**raw, "clock": ok({**CLOCK, "utc": told})}
    before = now.astimezone(UTC) - timedelta(hours=1) if now.year > 1 else now
    agent = KINDS["server_2025"]["arc_agent"]
    if isinstance(raw, dict) and raw.get("arc_agent") == ok(agent):
        raw = {**raw, "arc_agent": ok({**agent, "last_heartbeat": told})}
    answer = raw.get("operating_system") if isinstance(raw, dict) else None
    system = answer.get("value") if isinstance(answer, dict) else None
    if isinstance(system, dict) and system.get("last_boot") in BOOTS:
        raw = {
            **raw,
            "operating_system": ok({**system, "last_boot": min(system["last_boot"], f"{before:%Y-%m-%dT%H:%M:%SZ}")}),
        }
    return status.host_status("host", raw, None, options.pop("table", TABLE), now, **options)


def codes(host: Status, severity: str = "cause") -> list[str]:
    """The codes of a host's reasons of a severity."""
    return [reason["code"] for reason in host["reasons"] if reason["severity"] == severity]


def warned(host: Status) -> list[str]:
    """The codes of a host's warnings."""
    return codes(host, "warning")


def message(host: Status, code: str) -> str:
    """A reason's message and fix."""
    return next(f"{one['message']} {one['fix']}" for one in host["reasons"] if one["code"] == code)
