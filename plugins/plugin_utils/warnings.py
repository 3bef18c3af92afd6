# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be seen although it does not decide the state on the track."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ansible_collections.rebootless.patching.plugins.plugin_utils import track
from ansible_collections.rebootless.patching.plugins.plugin_utils.signals import Signals, moment, shown, text

LEAST_FREE = 10 * 10**9
MOST_SKEW = 300


def _arc(verdict: track.Verdict, signals: Signals) -> None:
    if verdict.product != track.S25_ARC:
        return
    agent, service = signals.table("arc_agent"), signals.service("himds")
    status = text(agent.get("status")) if isinstance(agent, Mapping) else None
    if isinstance(status, str) and status.lower() != "connected":
        verdict.say("arc_disconnected", status=f"status {status}")
    elif isinstance(service, str) and service != "Running":
        verdict.say("arc_disconnected", status=f"service himds {service}")
    probes = ("arc_hotpatch_subscription", "hotpatch_environment")
    unverified = [f"{probe} {value}" for probe in probes if isinstance(value := signals.number(probe), int)]
    if unverified:
        verdict.say("arc_key_unverified", what=", ".join(unverified))


def _policies(verdict: track.Verdict, signals: Signals) -> None:
    policy = signals.table("windows_update_policy")
    server = policy.get("WUServer") if isinstance(policy, Mapping) else None
    if isinstance(server, str) and server and signals.setting("automatic_updates_policy", "UseWUServer") == 1:
        verdict.say("wsus_policy")
    deferred = []
    for probe in ("windows_update_policy", "mdm_update_policy"):
        days = signals.setting(probe, "DeferQualityUpdatesPeriodInDays")
        if isinstance(days, int) and days > 0:
            deferred.append(f"{days} days")
    paused = policy.get("PauseQualityUpdatesStartTime") if isinstance(policy, Mapping) else None
    if isinstance(paused, str) and paused:
        deferred.append(f"paused since {shown(paused, 40)}")
    if signals.setting("mdm_update_policy", "PauseQualityUpdates") == 1:
        deferred.append("paused")
    if deferred:
        verdict.say("deferral_policy", what=", ".join(dict.fromkeys(deferred)))
    deadline = signals.setting("mdm_update_policy", "ConfigureDeadlineForQualityUpdates")
    others = [*deferred, *([f"deadline of {deadline} days"] if isinstance(deadline, int) else [])]
    if verdict.product in track.CLIENTS and isinstance(signals.text("allow_rebootless_provider"), str) and others:
        verdict.say("provider_conflict", what=", ".join(dict.fromkeys(others)))


def _host(verdict: track.Verdict, signals: Signals, now: datetime) -> None:
    events = signals.value("event_app")
    if isinstance(events, list) and events:
        verdict.say("monitor_errors", count=len(events))
    disk = signals.table("system_disk")
    free = disk.get("free_bytes") if isinstance(disk, Mapping) else None
    # Beyond 2**32: a disk's size is the one number here that is no setting.
    if isinstance(free, int) and not isinstance(free, bool) and 0 <= free < LEAST_FREE:
        verdict.say("disk_low", free=f"{free / 10**9:.1f}")
    clock = signals.table("clock")
    utc = moment(clock.get("utc")) if isinstance(clock, Mapping) else None
    if isinstance(utc, datetime):
        skew = abs(round((utc - now).total_seconds()))
        if skew > MOST_SKEW:
            verdict.say("clock_skew", seconds=skew)


def warn(verdict: track.Verdict, signals: Signals, now: datetime) -> None:
    """Add the warnings; a host that hotpatching does not cover has only those of any host."""
    if verdict.product is not None:
        _arc(verdict, signals)
        _policies(verdict, signals)
    _host(verdict, signals, now)
