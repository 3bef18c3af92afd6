# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of two rolling runs over 24 hosts in three waves: every way that a host can be out of service, or stay so."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import run_examples as examples
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import render as run_report
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record, run_history

Json = dict[str, Any]
START = datetime(2026, 9, 20, 20, 0, tzinfo=UTC)
LAST_MONTH = timedelta(days=-28)
FACTS: Json = {"generated_at": "2026-09-20T22:15:00Z", "version": "0.2.0"}
BEFORE, RUN = "2026-08-23T20:00:00Z", "2026-09-20T20:00:00Z"
WHY = "KB5125001 must be in effect by 2026-10-13 17:00 UTC."
CHECK = "The service MSSQLSERVER ran before and does not run now."
NAMES = [
    *(f"ber-web-{number:02}.corp.example" for number in range(1, 11)),
    *(f"ber-db-{number:02}.corp.example" for number in range(1, 7)),
    *(f"muc-app-{number:02}" for number in range(1, 9)),
]
# In the order of their slots; the first two are the canary.
WAVES = {name: 1 if number < 2 else 2 if number < 8 else 3 for number, name in enumerate(NAMES)}
KEPT, LOST, TWICE, SLOW = "ber-db-03.corp.example", "muc-app-04", "ber-db-05.corp.example", "muc-app-02"
NOT_STARTED = ("muc-app-07", "muc-app-08")
# Those whose updates need no restart.
QUIET = ("ber-web-05.corp.example", "muc-app-05", "muc-app-06")


def at(minutes: float, shift: timedelta = timedelta()) -> str:
    """A time so many minutes after the start of the run, as a record has it."""
    return (START + timedelta(minutes=minutes) + shift).strftime("%Y-%m-%dT%H:%M:%SZ")


def entry(minutes: float, host: str | None, step: str, run: str = RUN, **data: Any) -> Json:
    """A line of the record."""
    return {"schema": 1, "run": run, "at": at(minutes), "host": host, "step": step, "data": copy.deepcopy(data)}


def decided(name: str) -> Json:
    """The decision on a host of the run."""
    if name in QUIET:
        return examples.decision(name, "install_without_restart", examples.offer("definitions"), examples.offer("net"))
    taken = examples.offer("baseline", decision="install", code="agreed_restart", until=None)
    due = examples.due(WHY, "baseline", consent=True, now=True, by="2026-10-13T17:00:00Z")
    return examples.decision(name, "restart_due", taken, examples.offer("net"), restart=due, state="behind")


def _restart(name: str, minutes: float, lasts: float, before: str, boot: str) -> list[Json]:
    told = {"consent": True, "reason": WHY, "before": before, "consent_by": examples.BY}
    after = {"after": boot, "build": "26100.33400", "state": "on_track"}
    return [
        entry(minutes, name, "restarting", **told),
        entry(minutes + lasts, name, "restarted", done=True, **told, **after),
    ]


def _host(name: str, minutes: float) -> list[Json]:
    """The steps of a host that got its slot so many minutes after the start."""
    quiet = name in QUIET
    slot = {
        "waited": 60 * minutes,
        "groups": [name[:6]],
        "kind": "install" if quiet else "restart",
        "wave": WAVES[name],
        "canary": WAVES[name] == 1,
    }
    taken = examples.offer("definitions" if quiet else "baseline")
    installed = examples.install("installed", examples.OLD, examples.OLD, "definitions" if quiet else "baseline")
    steps = [entry(minutes, name, "decided", **decided(name)), entry(minutes, name, "slot_taken", **slot)]
    if not quiet:
        steps += [
            entry(minutes + 1, name, "preflight", ok=True, checks=[], why=None),
            entry(minutes + 2, name, "drained", state="drained", why=None),
        ]
    steps += [
        entry(minutes + 3, name, "installing", install=[taken["id"]]),
        entry(minutes + 8, name, "installed", **installed),
    ]
    end = {
        "outcome": "installed" if quiet else "restarted",
        "words": ["All went well."],
        "next_step": None,
        "failed": False,
    }
    if not quiet:
        lasts = 30 if name == SLOW else 6
        steps += _restart(name, minutes + 9, lasts, examples.BOOT, at(minutes + 12))
        if name == LOST:
            del steps[-1]
            end = {
                "outcome": "unknown",
                "words": ["It did not come back within 30 minutes."],
                "next_step": None,
                "failed": True,
            }
            minutes += 30
        elif name == TWICE:
            steps += _restart(name, minutes + 18, 5, at(minutes + 12), at(minutes + 20))
            minutes += 9
        elif name == SLOW:
            minutes += 24
        if name == KEPT:
            end = {"outcome": "verify_failed", "words": [CHECK], "next_step": "Start MSSQLSERVER.", "failed": True}
        elif name != LOST:
            steps.append(entry(minutes + 17, name, "undrained", state="active", why=None))
    kept = name in {KEPT, LOST}
    steps += [
        entry(minutes + 18, name, "host_finished", **end),
        entry(minutes + 18, name, "slot_released", outcome=end["outcome"], failed=end["failed"], kept=kept),
    ]
    return steps


def entries() -> list[Json]:
    """The record: the run of August, in which another host ended badly, and that of September."""
    started = {"playbook": "patch", "hosts": NAMES}
    before = [entry(0, None, "run_started", BEFORE, **started)]
    for name in NAMES[:-1]:
        bad = name in {LOST, "ber-web-03.corp.example"}
        made = examples.decision(name, "nothing", exposure={"seconds": 86_400 * 3, "since": None, "offers": []})
        end = {"outcome": "failed" if bad else "nothing_to_do", "words": [], "next_step": None, "failed": bad}
        before += [entry(1, name, "decided", BEFORE, **made), entry(2, name, "host_finished", BEFORE, **end)]
    before.append(entry(3, None, "run_finished", BEFORE))
    for one in before:
        one["at"] = (datetime.fromisoformat(one["at"]) + LAST_MONTH).strftime("%Y-%m-%dT%H:%M:%SZ")
    steps: list[Json] = []
    for number, name in enumerate(one for one in NAMES if one not in NOT_STARTED):
        steps += _host(name, 2 + 20 * (WAVES[name] - 1) + 4 * (number % 8))
    now = [entry(0, None, "run_started", **started), *sorted(steps, key=lambda one: one["at"])]
    return [*before, *now, entry(110, None, "run_finished")]


def document(lines: list[Json] | None = None, run: str = RUN) -> Json:
    """The report of the run, as the action makes it of its record."""
    lines = entries() if lines is None else lines
    told = run_history.told(lines, run)
    results = [{**one, **told.get(one["name"], {})} for one in record.results(lines, run)]
    return run_report.run(
        results,
        about=record.about(lines, run),
        problems=[],
        slots=run_history.slots(lines, run),
        previous=run_history.previous(lines, run),
        **FACTS,
    )
