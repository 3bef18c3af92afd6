# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions and results of a small fleet in September 2026, with every key that they have. Tests change what they are about."""

from __future__ import annotations

import copy
from typing import Any

Json = dict[str, Any]
ABOUT: Json = {
    "id": "2026-09-patch",
    "started_at": "2026-09-20T20:00:02Z",
    "ended_at": "2026-09-20T22:14:40Z",
    "data": {},
}
WINDOW = {"start": "2026-09-20T20:00:00Z", "end": "2026-09-21T00:00:00Z", "name": "sunday night"}
NEXT_WINDOW = {"start": "2026-10-11T20:00:00Z", "end": "2026-10-12T00:00:00Z", "name": "sunday night"}
IDS = {
    name: f"{number:08x}-7b54-4c1e-9d6d-2f0c6d2f7a11"
    for number, name in enumerate(("hotpatch", "baseline", "lcu", "definitions", "net", "driver", "tools", "rollup"), 1)
}


def offer(name: str, **changes: Any) -> Json:
    """An offer with its decision, as it is before any `changes`."""
    known: dict[str, Json] = {
        "hotpatch": {
            "title": "2026-09 Hotpatch for Windows Server 2025 for x64-based Systems (KB5122871) (26100.33222)",
            "kbs": ["KB5122871"],
            "severity": "Critical",
            "size": 214_300_000,
            "restart": "none",
            "restart_source": "the agent's answer for this host",
            "keeps_track": True,
            "decision": "install",
            "code": "no_restart",
            "why": ["It installs without a restart, says the agent's answer for this host."],
        },
        "baseline": {
            "title": "2026-10 Cumulative Update for Microsoft server operating system version 24H2 (KB5125001)",
            "kbs": ["KB5125001"],
            "severity": "Critical",
            "size": 1_912_000_000,
            "restart": "always",
            "restart_source": "the agent's answer for this host",
            "keeps_track": True,
            "decision": "put_off",
            "code": "waits_for_restart",
            "until": "2026-10-13T17:00:00Z",
            "limit": "2026-10-13T17:00:00Z",
            "why": [
                "Released 2026-09-08 17:00 UTC, may wait 60 days (Moderate): until 2026-11-07 17:00 UTC.",
                "The hotpatch of 2026-10-13 needs this baseline.",
                "It restarts the host, says the agent's answer for this host. It waits for an agreed restart.",
            ],
        },
        "lcu": {
            "title": "2026-09 Cumulative Update for Microsoft server operating system version 24H2 (KB5122900)",
            "kbs": ["KB5122900"],
            "severity": "Critical",
            "size": 1_688_000_000,
            "restart": "always",
            "restart_source": "the release table",
            "keeps_track": False,
            "decision": "refuse",
            "code": "off_track",
            "why": [
                "KB5122900 of 2026-09-08 is a cumulative update outside the baseline: it would throw the host off its track "
                "until the next baseline."
            ],
        },
        "definitions": {
            "title": "Security Intelligence Update for Microsoft Defender Antivirus - KB2267602 (Version 1.437.112.0)",
            "kbs": ["KB2267602"],
            "categories": ["definitions"],
            "size": 98_000_000,
            "released": "2026-09-20T04:12:00Z",
            "missing_since": "2026-09-20T04:12:00Z",
            "waited": 28_080,
            "restart": "none",
            "restart_source": "the agent's static answer",
            "decision": "install",
            "code": "no_restart",
            "why": ["It installs without a restart, says the agent's static answer."],
        },
        "net": {
            "title": "2026-09 Cumulative Update for .NET Framework 3.5 and 4.8.1 (KB5121990)",
            "kbs": ["KB5121990"],
            "severity": "Important",
            "size": 71_600_000,
            "restart": "possible",
            "restart_source": "the agent's static answer",
            "decision": "put_off",
            "code": "waits_for_restart",
            "until": "2026-10-08T17:00:00Z",
            "limit": "2026-10-08T17:00:00Z",
            "why": [
                "Released 2026-09-08 17:00 UTC, may wait 30 days (Important): until 2026-10-08 17:00 UTC.",
                "It may ask for a restart (the agent's static answer). It waits for an agreed restart.",
            ],
        },
        "driver": {
            "title": "Intel - net - 1.1.4.43",
            "kbs": [],
            "categories": ["drivers"],
            "size": 3_100_000,
            "restart": "unknown",
            "restart_source": "nobody",
            "driver": True,
            "decision": "blocked",
            "code": "driver",
            "why": ["It is a driver, and the policy takes no drivers."],
        },
        "tools": {
            "title": "Windows Malicious Software Removal Tool x64 - v5.137 (KB890830)",
            "kbs": ["KB890830"],
            "categories": ["rollups"],
            "size": 76_000_000,
            "restart": "none",
            "restart_source": "the agent's static answer",
            "decision": "install",
            "code": "no_restart",
            "why": ["It installs without a restart, says the agent's static answer."],
        },
    }
    found: Json = {
        "id": IDS[name],
        "revision": 200,
        "categories": ["security"],
        "severity": None,
        "released": "2026-09-08T17:00:00Z",
        "missing_since": "2026-09-08T17:00:00Z",
        "driver": False,
        "optional": False,
        "keeps_track": None,
        "until": None,
        "waited": 1_047_600,
        "limit": None,
        **known[name],
    }
    found["kb"] = found["kbs"][0] if found["kbs"] else None
    return {**found, **copy.deepcopy(changes)}


def decision(name: str, word: str, *offers: Json, **changes: Any) -> Json:
    """The decision on a host that is on the track."""
    of = {
        what: [one["id"] for one in offers if one["decision"] == what]
        for what in ("install", "put_off", "refuse", "blocked")
    }
    open_ones = [one for one in offers if one["severity"] and one["decision"] != "refuse"]
    waits = [one for one in offers if one["code"] == "waits_for_restart"]
    by = min((one["limit"] for one in waits if one["limit"]), default=None)
    found: Json = {
        "schema": 1,
        "name": name,
        "decided_at": "2026-09-20T20:01:00Z",
        "reached": True,
        "problem": None,
        "product": "windows_server_2025_arc",
        "state": "on_track",
        "track": "hotpatch",
        "build": "26100.33158",
        "last_boot": "2026-07-15T02:10:00Z",
        "next_baseline_expected": "2026-10-13",
        "decision": word,
        "summary": "Nothing to do.",
        "offers": list(offers),
        **of,
        "restart": {
            "due": False,
            "now": False,
            "by": by,
            "window": NEXT_WINDOW if by else None,
            "offers": [one["id"] for one in waits],
            "why": f"{waits[0]['kb']} must be in effect by {by}." if waits else None,
            "consent": None,
            "consent_by": None,
        },
        "exposure": {
            "seconds": 1_047_600 if open_ones else None,
            "since": "2026-09-08T17:00:00Z" if open_ones else None,
            "offers": [one["id"] for one in open_ones],
        },
        "pending": {
            "pending": False,
            "classes": ["identity", "management", "servicing"],
            "reasons": [],
            "unknown_sources": [],
            "rests_on": [],
        },
        "restart_required": "no",
        "missing": [],
        "window": {"current": WINDOW, "following": NEXT_WINDOW},
        "stale_when": {
            "build": "26100.33158",
            "last_boot": "2026-07-15T02:10:00Z",
            "pending": [],
            "offers": {one["id"]: one["revision"] for one in offers},
        },
    }
    return {**found, **copy.deepcopy(changes)}


BY = {"ticket": "CHG-4711", "approver": "Ada Lovelace", "expires": "2026-09-21T06:00:00Z"}


def due(why: str, *offers: str, consent: bool | None, now: bool = False, by: str = "2026-09-22T17:00:00Z") -> Json:
    """A restart that is due."""
    return {
        "due": True,
        "now": now,
        "by": by,
        "window": WINDOW,
        "offers": [IDS[name] for name in offers],
        "why": why,
        "consent": consent,
        "consent_by": BY if consent else None,
    }


WAITS = {
    "class": "servicing",
    "source": "wu_reboot_required",
    "detail": "Windows Update: 1 update waits (KB5122345)",
    "since": "2026-09-10T03:02:11Z",
    "blocks_updates": True,
}
DENIED = {
    "what": "the agent's own answer whether KB5121990 restarts this host",
    "why": "access denied",
    "fix": "Run it with become (become_method runas, become_user SYSTEM): a network logon is refused by the update agent.",
}
CLASSES = ["identity", "management", "servicing"]


def decisions() -> list[Json]:
    """The plan of the fleet: every decision, every decision on an offer."""
    return [
        decision(
            "ber-web-01.corp.example",
            "install_without_restart",
            offer("hotpatch"),
            offer("definitions"),
            offer("tools"),
            offer("lcu"),
            offer("driver"),
            summary="Install KB5122871, KB2267602, KB890830 without a restart. Refuse KB5122900.",
        ),
        decision(
            "ber-web-02.corp.example",
            "install_without_restart",
            offer("hotpatch"),
            offer("definitions"),
            offer("net"),
            summary="Install KB5122871, KB2267602 without a restart. Put off KB5121990.",
            missing=[DENIED],
        ),
        decision(
            "ber-web-03.corp.example",
            "nothing",
            offer("driver"),
            exposure={"seconds": None, "since": None, "offers": []},
        ),
        decision(
            "ber-db-01.corp.example",
            "wait_for_window",
            offer("baseline"),
            offer("net"),
            state="behind",
            summary="Put off KB5125001, KB5121990.",
        ),
        decision(
            "ber-db-02.corp.example",
            "restart_due",
            offer("baseline", decision="install", code="agreed_restart", until=None),
            offer("definitions"),
            restart=due(
                "KB5125001 must be in effect by 2026-09-22 17:00 UTC. The window for it: 2026-09-20 20:00 UTC to 2026-09-21 00:00 UTC.",
                "baseline",
                consent=True,
                now=True,
            ),
            state="behind",
            summary="Install KB5125001, KB2267602 and restart.",
        ),
        decision(
            "muc-app-07",
            "restart_due",
            offer("net"),
            restart=due("A restart is pending. Windows Update: 1 update waits (KB5122345)", consent=None),
            state="restart_pending",
            pending={
                "pending": True,
                "classes": CLASSES,
                "reasons": [WAITS],
                "unknown_sources": [],
                "rests_on": [WAITS["source"]],
            },
            restart_required="yes",
            summary="Put off KB5121990. A restart is due: A restart is pending.",
        ),
        decision(
            "muc-file-03",
            "blocked",
            offer(
                "hotpatch",
                decision="blocked",
                code="disk",
                why=["1.4 GB free on the system disk, the policy wants 4.7 GB."],
            ),
            summary="Blocked: KB5122871.",
        ),
        decision(
            "muc-hv-04",
            "unknown",
            reached=False,
            problem={"kind": "timeout", "message": "Connection to muc-hv-04 timed out after 30 s"},
            product=None,
            state="unknown",
            track="unknown",
            build=None,
            last_boot=None,
            next_baseline_expected=None,
            pending={"pending": None, "classes": CLASSES, "reasons": [], "unknown_sources": [], "rests_on": []},
            restart_required="unknown",
            window={"current": None, "following": None},
            summary="What the host is offered is not known: Connection to muc-hv-04 timed out after 30 s.",
            missing=[
                {
                    "what": "what the update agent offers",
                    "why": "not reached",
                    "fix": "Look at the Windows Update service and its source on the host, then ask again.",
                }
            ],
        ),
        decision(
            "zrh-legacy-01",
            "install_without_restart",
            offer("tools"),
            product=None,
            state="not_capable",
            track="standard",
            build="20348.4171",
            summary="Install KB890830 without a restart.",
            missing=[DENIED],
        ),
    ]


def proof(boot: str, build: str, *kbs: str, pending: tuple[str, ...] = (), required: str = "no") -> Json:
    """One half of a proof."""
    return {"boot": boot, "build": build, "kbs": list(kbs), "pending": list(pending), "restart_required": required}


def install(outcome: str, before: Json, after: Json, *names: str, **changes: Any) -> Json:
    """The result of an installation of these offers."""
    offers = [offer(name) for name in names]
    found: Json = {
        "changed": outcome in ("installed", "partly_installed"),
        "outcome": outcome,
        "installed": [one["id"] for one in offers],
        "failed": False,
        "failed_updates": [],
        "left_out": [],
        "still_installing": [],
        "unknown": [],
        "reoffered": [],
        "updates": [{"id": one["id"], "kb": one["kb"], "title": one["title"], "result": "installed"} for one in offers],
        "words": [f"Installed {', '.join(one['kb'] for one in offers)}." if offers else "Nothing was installed."],
        "proof": {
            "before": before,
            "after": after,
            "restarted": before["boot"] != after["boot"],
            "kbs_added": sorted(set(after["kbs"]) - set(before["kbs"])),
            "build_changed": before["build"] != after["build"],
            "track_kept": True,
            "restart_wanted_by": [],
        },
        "started_at": "2026-09-20T20:02:00Z",
        "ended_at": "2026-09-20T20:05:10Z",
        "seconds": 190,
    }
    return {**found, **copy.deepcopy(changes)}


BOOT, REBOOT = "2026-07-15T02:10:00Z", "2026-09-20T21:03:12Z"
OLD = proof(BOOT, "26100.33158", "KB5099536")


def look(*failed: tuple[str, str]) -> Json:
    """A look at the health of a database server, as role verify keeps it."""
    checks = [("host", "host", "answers"), ("service", "MSSQLSERVER", "running"), ("port", "1433", "open")]
    wrong = dict(failed)
    found = [
        {"kind": kind, "name": name, "ok": name not in wrong, "detail": wrong.get(name, detail)}
        for kind, name, detail in checks
    ]
    return {
        "healthy": not failed,
        "checks": found,
        "changed_since_before": [
            {"kind": "service", "name": name, "before": "running", "after": "stopped"} for name in wrong
        ],
        "summary": "Not healthy." if failed else "Healthy: 3 checks passed.",
        "waited": 45,
        "snapshot": {"schema": 1, "problem": None, "services": {}, "checks": found},
    }


SOUND, BROKEN = look(), look(("MSSQLSERVER", "stopped, exit code 1067, ran before"))


def result(name: str, outcome: str, **changes: Any) -> Json:
    """The result of a host of the plan above."""
    known = {one["name"]: one for one in decisions()}
    found: Json = {
        "name": name,
        "decision": known.get(name),
        "install": None,
        "verify": None,
        "restart": None,
        "outcome": outcome,
        "words": [],
        "next_step": None,
    }
    return {**found, **copy.deepcopy(changes)}


def results() -> list[Json]:
    """The run of the plan above: good ends, bad ends, ends that nobody knows."""
    new = proof(BOOT, "26100.33222", "KB5099536", "KB5122871")
    disk = {
        "id": IDS["definitions"],
        "kb": "KB2267602",
        "title": offer("definitions")["title"],
        "hresult": "0x80070070",
        "message": "There is not enough space on the disk.",
    }
    waiting = proof(
        BOOT, "26100.33158", "KB5099536", "KB5125001", pending=("servicing:cbs_reboot_pending",), required="yes"
    )
    return [
        result(
            "ber-web-01.corp.example",
            "installed",
            install=install("installed", OLD, new, "hotpatch", "definitions", "tools"),
            verify={"before": SOUND, "after": SOUND},
            words=["Installed KB5122871, KB2267602 and KB890830 without a restart."],
        ),
        result(
            "ber-web-02.corp.example",
            "partly_installed",
            install=install("partly_installed", OLD, new, "hotpatch", failed_updates=[disk]),
            verify={"before": SOUND, "after": SOUND},
            words=["Installed KB5122871; KB2267602 failed."],
            next_step="Free space on the system disk, then run again.",
        ),
        result("ber-web-03.corp.example", "nothing_to_do"),
        result(
            "ber-db-01.corp.example",
            "wait_for_window",
            words=["Nothing installs without a restart; the next window is on 2026-10-11."],
        ),
        result(
            "ber-db-02.corp.example",
            "verify_failed",
            install=install("installed", OLD, waiting, "baseline", "definitions"),
            restart={
                "done": True,
                "consent": True,
                "reason": "KB5125001 takes effect at the next start.",
                "before": BOOT,
                "after": REBOOT,
                "build": "26100.33400",
                "state": "on_track",
            },
            verify={"before": SOUND, "after": BROKEN},
            words=["Restarted with KB5125001; the service MSSQLSERVER ran before and does not run now."],
            next_step="Start MSSQLSERVER or look into its log.",
        ),
        result(
            "muc-app-07",
            "restart_due",
            words=["A restart is due and nobody has agreed to it."],
            next_step="Agree to the restart.",
        ),
        result("muc-file-03", "blocked", next_step="Free space on the system disk."),
        result("muc-hv-04", "not_reached"),
        result(
            "zrh-legacy-01",
            "installed",
            install=install(
                "installed", proof(BOOT, "20348.4171"), proof("2026-09-20T20:31:00Z", "20348.4171", "KB890830"), "tools"
            ),
            words=["Installed KB890830."],
        ),
        result("zrh-new-02", "not_started"),
        result("zrh-new-03", "not_finished", words=["Its last recorded step is installing."]),
    ]
