# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be seen although it does not decide the state on the track."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals, moment, shown, span, text
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import track

LEAST_FREE = 10 * 10**9
# Without a heartbeat for longer, Azure takes an agent for disconnected.
HEARTBEAT = timedelta(minutes=15)
# The collector gives no more events.
MOST_EVENTS = 20


def _arc(verdict: track.Verdict, signals: Signals, now: datetime) -> None:
    if verdict.product != track.S25_ARC:
        return
    agent, service, clock = signals.table("arc_agent"), signals.service("himds"), signals.clock()
    told = agent if isinstance(agent, Mapping) else {}
    status, beat = text(told.get("status")), moment(told.get("last_heartbeat"))
    word = status.lower() if isinstance(status, str) else ""
    silent = (clock if isinstance(clock, datetime) else now) - beat if isinstance(beat, datetime) else timedelta(0)
    stopped = isinstance(service, str) and service != "Running"
    step = "Start the service himds and see" if stopped else "See"
    if word == "expired":
        verdict.say("arc_expired", status=status)
    elif (alone := track.never_connected(signals)) is not None:
        if not any(one["code"] == "arc_not_onboarded" for one in verdict.reasons):
            verdict.say("arc_not_onboarded", status=alone)
    elif word not in ("", "connected"):
        verdict.say("arc_disconnected", status=f"status {status}", step=step)
    elif stopped:
        verdict.say("arc_disconnected", status=f"service himds {service}", step=step)
    elif silent > HEARTBEAT:
        verdict.say("arc_disconnected", status=f"its last heartbeat is {span(silent)} old", step=step)
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
    places = ("windows_update_policy", "mdm_update_policy")
    deadlines = [signals.setting(place, "ConfigureDeadlineForQualityUpdates") for place in places]
    others = [*deferred, *(f"deadline of {days} days" for days in deadlines if isinstance(days, int))]
    if verdict.product in track.CLIENTS and isinstance(signals.text("allow_rebootless_provider"), str) and others:
        verdict.say("provider_conflict", what=", ".join(dict.fromkeys(others)))


def _host(verdict: track.Verdict, signals: Signals, now: datetime) -> None:
    events = signals.value("event_app")
    if isinstance(events, list) and events:
        count = len(events) if len(events) < MOST_EVENTS else f"{MOST_EVENTS} or more"
        verdict.say("monitor_errors", count=count)
    disk = signals.table("system_disk")
    free = disk.get("free_bytes") if isinstance(disk, Mapping) else None
    # Beyond 2**32: a disk's size is the one number here that is no setting.
    if isinstance(free, int) and not isinstance(free, bool) and 0 <= free < LEAST_FREE:
        verdict.say("disk_low", free=f"{free / 10**9:.1f}")
    utc = signals.clock()
    if isinstance(utc, datetime) and abs(utc - now) > track.MOST_SKEW:
        direction = "ahead of" if utc > now else "behind"
        verdict.say("clock_skew", size=span(utc - now), direction=direction)


def warn(verdict: track.Verdict, signals: Signals, now: datetime) -> None:
    """Add the warnings; a host that hotpatching does not cover has only those of any host."""
    if verdict.product is not None:
        _arc(verdict, signals, now)
        _policies(verdict, signals)
    _host(verdict, signals, now)
