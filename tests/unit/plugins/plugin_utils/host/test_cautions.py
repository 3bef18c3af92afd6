# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Warnings: seen on the host, told with what puts it right, and never deciding the state."""

from __future__ import annotations

import json

import pytest
from realistic import NOW, failed, judge, message, ok, service, signals, warned

HIMDS = {"himds": service("Running")}
WSUS = {"WUServer": "https://wsus.example"}
PROVIDER = "B04F44A4-B696-4B56-934A-C11667E944E4"
GIGABYTE = 10**9


def agent(status: str, heartbeat: str | None) -> dict[str, object]:
    """The value of probe `arc_agent`."""
    return {"status": status, "last_heartbeat": heartbeat, "version": "1", "error_code": ""}


WARNINGS: list[tuple[str, dict[str, object], list[str], str]] = [
    ("server_2025", {"arc_agent": {"status": "Disconnected"}}, ["arc_disconnected"], "(status Disconnected)"),
    ("server_2025", {"arc_agent": {"status": "connected"}}, [], ""),
    ("server_2025", {"arc_agent": agent("Connected", "2026-09-17T11:56:00Z")}, ["arc_disconnected"], "3 days old"),
    ("server_2025", {"arc_agent": agent("Connected", "2026-09-20T11:44:59Z")}, ["arc_disconnected"], "at risk"),
    ("server_2025", {"arc_agent": agent("Connected", "2026-09-20T11:45:00Z")}, [], ""),
    ("server_2025", {"arc_agent": agent("Connected", "yesterday")}, [], ""),
    ("server_2025", {"arc_agent": agent("Connected", None)}, [], ""),
    # By the host's own clock, and by the time of judgement where that was not read.
    (
        "server_2025",
        {"arc_agent": agent("Connected", "2026-09-20T11:50:00Z"), "clock": {"utc": "2026-09-20T12:05:01Z"}},
        ["arc_disconnected", "clock_skew"],
        "ahead of",
    ),
    ("server_2025", {"arc_agent": agent("Expired", "2026-07-01T11:56:00Z")}, ["arc_expired"], "Connect the server to"),
    ("server_2025", {"arc_agent": agent("Disconnected", None)}, ["arc_not_onboarded"], "never connected (onboarded)"),
    ("server_2025", {"arc_agent": agent("Disconnected", "2026-09-08T17:41:12Z")}, ["arc_disconnected"], "See that"),
    (
        "server_2025",
        {"arc_agent": agent("Disconnected", "2026-09-08T17:41:12Z"), "services": {"himds": service("Stopped")}},
        ["arc_disconnected"],
        "Start the service himds and see that",
    ),
    ("server_2025", {"arc_agent": {"status": "Broken"}}, ["arc_disconnected"], "(status Broken)"),
    ("server_2022", {"arc_agent": {"status": "Disconnected"}}, [], ""),
    ("windows_11", {"arc_agent": {"status": "Disconnected"}}, [], ""),
    ("server_2025", json.loads('{"services": {"himds": {"status": "Running", "start_type": "Automatic"}}}'), [], ""),
    ("server_2025", {"arc_agent": {"status": "Error\x1b[31m"}}, [], ""),
    ("server_2025", {"services": {"himds": service("Stopped")}}, ["arc_disconnected"], "(service himds Stopped)"),
    (
        "server_2025",
        {"arc_agent": {"status": None}, "services": {"himds": service("Paused")}},
        ["arc_disconnected"],
        "Paused",
    ),
    ("server_2025", {"arc_agent": failed("timeout")}, [], ""),
    ("server_2025", {"arc_agent": None}, [], ""),
    ("server_2025_azure", {"arc_agent": {"status": "Disconnected"}}, [], ""),
    ("server_2025", {"arc_hotpatch_subscription": 1}, ["arc_key_unverified"], "(arc_hotpatch_subscription 1)"),
    ("server_2025", {"hotpatch_environment": 0}, ["arc_key_unverified"], "(hotpatch_environment 0)"),
    (
        "server_2025",
        {"arc_hotpatch_subscription": 1, "hotpatch_environment": 1},
        ["arc_key_unverified"],
        "(arc_hotpatch_subscription 1, hotpatch_environment 1)",
    ),
    ("server_2025_azure", {"arc_hotpatch_subscription": 1}, [], ""),
    (
        "server_2025",
        {"windows_update_policy": WSUS, "automatic_updates_policy": {"UseWUServer": 1}},
        ["wsus_policy"],
        "WSUS",
    ),
    ("server_2025", {"windows_update_policy": WSUS, "automatic_updates_policy": {"UseWUServer": 0}}, [], ""),
    ("server_2025", {"windows_update_policy": WSUS}, [], ""),
    (
        "server_2025",
        {"windows_update_policy": {"WUServer": ""}, "automatic_updates_policy": {"UseWUServer": 1}},
        [],
        "",
    ),
    (
        "server_2025",
        {"windows_update_policy": {"WUServer": None}, "automatic_updates_policy": {"UseWUServer": 1}},
        [],
        "",
    ),
    ("server_2025", {"windows_update_policy": failed(), "automatic_updates_policy": {"UseWUServer": 1}}, [], ""),
    ("server_2025", {"windows_update_policy": {"DeferQualityUpdatesPeriodInDays": 1}}, ["deferral_policy"], "(1 days)"),
    ("server_2025", {"windows_update_policy": {"DeferQualityUpdatesPeriodInDays": 0}}, [], ""),
    ("server_2025", {"mdm_update_policy": {"DeferQualityUpdatesPeriodInDays": 14}}, ["deferral_policy"], "(14 days)"),
    (
        "server_2025",
        {
            "windows_update_policy": {
                "DeferQualityUpdatesPeriodInDays": 7,
                "PauseQualityUpdatesStartTime": "2026-09-01\n",
            },
            "mdm_update_policy": {"DeferQualityUpdatesPeriodInDays": 7, "PauseQualityUpdates": 1},
        },
        ["deferral_policy"],
        "(7 days, paused since 2026-09-01, paused)",
    ),
    (
        "server_2025",
        {"windows_update_policy": {"PauseQualityUpdatesStartTime": "x" * 60}},
        ["deferral_policy"],
        f"(paused since {'x' * 40}), so",
    ),
    ("server_2025", {"windows_update_policy": {"PauseQualityUpdatesStartTime": ""}}, [], ""),
    ("server_2025", {"mdm_update_policy": {"PauseQualityUpdates": 0}}, [], ""),
    (
        "windows_11",
        {"mdm_update_policy": {"ConfigureDeadlineForQualityUpdates": 5}},
        ["provider_conflict"],
        "(deadline of 5 days)",
    ),
    (
        "windows_11",
        {"mdm_update_policy": {"ConfigureDeadlineForQualityUpdates": 0, "DeferQualityUpdatesPeriodInDays": 3}},
        ["deferral_policy", "provider_conflict"],
        "(3 days, deadline of 0 days)",
    ),
    (
        "windows_11",
        {"allow_rebootless_provider": None, "mdm_update_policy": {"ConfigureDeadlineForQualityUpdates": 5}},
        [],
        "",
    ),
    (
        "server_2025",
        {"allow_rebootless_provider": PROVIDER, "mdm_update_policy": {"ConfigureDeadlineForQualityUpdates": 5}},
        [],
        "",
    ),
    (
        "server_2025",
        {"event_app": [{"id": 1}, {"id": 2}]},
        ["monitor_errors"],
        "has 2 warnings or errors about hotpatching",
    ),
    ("server_2025", {"event_app": [{"id": 1}] * 20}, ["monitor_errors"], "has 20 or more warnings or errors"),
    ("server_2025", {"event_app": None}, [], ""),
    ("server_2025", {"event_app": "x"}, [], ""),
    ("server_2025", {"services": HIMDS}, [], ""),
    ("server_2025", {"system_disk": {"free_bytes": 10 * GIGABYTE - 1}}, ["disk_low"], "Only 10.0 GB"),
    ("server_2025", {"system_disk": {"free_bytes": 3_460_000_000}}, ["disk_low"], "Only 3.5 GB"),
    ("server_2025", {"system_disk": {"free_bytes": 0}}, ["disk_low"], "Only 0.0 GB"),
    *[
        ("server_2025", {"system_disk": {"free_bytes": value}}, [], "")
        for value in (10 * GIGABYTE, 2**40, -1, None, "5", 5.0, False)
    ],
    ("server_2025", {"system_disk": None}, [], ""),
    ("server_2025", {"clock": {"utc": "2026-09-20T12:05:00Z"}}, [], ""),
    ("server_2025", {"clock": {"utc": "2026-09-20T12:05:01Z"}}, ["clock_skew"], "is 5 minutes ahead of"),
    ("server_2025", {"clock": {"utc": "2026-09-20T11:54:59Z"}}, ["clock_skew"], "is 5 minutes behind"),
]


@pytest.mark.parametrize(("kind", "changes", "expected", "said"), WARNINGS)
def test_warning(kind: str, changes: dict[str, object], expected: list[str], said: str) -> None:
    host = judge(signals(kind, **changes), NOW)
    assert warned(host) == expected
    assert host["state"] == "on_track"
    if expected:
        assert said in message(host, expected[-1])


@pytest.mark.parametrize("clock", [{"utc": ""}, None, failed()])
def test_clock_that_was_not_read_is_not_off(clock: object) -> None:
    silent = agent("Connected", "2026-09-20T11:44:59Z")
    assert warned(judge(signals(clock=clock), NOW)) == []
    assert "15 minutes old" in message(judge(signals(clock=clock, arc_agent=silent), NOW), "arc_disconnected")


def test_host_without_hotpatching_has_only_the_warnings_of_any_host() -> None:
    host = judge(
        signals(
            edition_id="ServerSolution",
            arc_hotpatch_subscription=1,
            windows_update_policy={"DeferQualityUpdatesPeriodInDays": 1},
            system_disk={"free_bytes": 0},
            event_app=[{}],
            clock={"utc": "2026-01-01T00:00:00Z"},
        )
    )
    assert warned(host) == ["monitor_errors", "disk_low", "clock_skew"]


def test_unreadable_arc_status_is_no_warning_and_no_harm() -> None:
    raw = signals(services=failed())
    assert warned(judge(raw)) == []
    raw["arc_agent"] = ok({"status": 5})
    assert warned(judge(raw)) == []
