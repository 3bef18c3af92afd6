# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the reports of a plan and of a run: decisions, outcomes, durations, windows, consent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.text import clean, columns_of, counted
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.page import Word, moment

# In the order of the bar.
DECISIONS: dict[str, Word] = {
    "install_without_restart": Word("Install now", "installs what needs no restart, now", "32", "on_track"),
    "restart_due": Word("Restart due", "needs its restart before the next run could do it", "36", "restart_pending"),
    "wait_for_window": Word("Wait for window", "what is left waits for an agreed restart", "34", "not_enrolled"),
    "blocked": Word("Blocked", "nothing can be installed before something is put right", "31", "off_track"),
    "nothing": Word("Nothing to do", "nothing is offered that the policy wants", "2", "not_capable"),
    "unknown": Word("Unknown", "not asked, or what it is offered could not be read", "1", "unknown"),
}
OUTCOMES: dict[str, Word] = {
    "installed": Word("Installed", "everything that was decided is installed", "32", "on_track"),
    "restarted": Word("Restarted", "restarted as agreed", "32", "on_track"),
    "removed": Word("Removed", "the update is off the host, with the restart that was agreed", "32", "on_track"),
    "restart_due": Word("Restart due", "waits for a restart that nobody has agreed to yet", "36", "restart_pending"),
    "wait_for_window": Word("Wait for window", "what is left waits for an agreed restart", "34", "not_enrolled"),
    "nothing_to_do": Word("Nothing to do", "nothing was to be installed", "2", "not_capable"),
    "check_mode": Word("Check mode", "decided only, nothing was changed", "2", "not_capable"),
    "not_started": Word("Not started", "the run ended before its turn", "34", "not_enrolled"),
    "partly_installed": Word("Partly installed", "some updates failed", "33", "behind"),
    "stale": Word(
        "Stale decision", "the host had changed since the decision, so nothing was installed", "33", "behind"
    ),
    "still_installing": Word(
        "Still installing", "the installation had not ended when the run stopped waiting", "35", "not_ready"
    ),
    "blocked": Word("Blocked", "nothing can be installed before something is put right", "31", "off_track"),
    "failed": Word("Failed", "the updates or the restart failed", "31", "off_track"),
    "verify_failed": Word("Check failed", "a health check failed that had passed before", "31", "off_track"),
    "not_reached": Word("Not reached", "could not be asked", "31", "off_track"),
    "not_finished": Word("Not finished", "the record ends before the host's end", "1", "unknown"),
    "unknown": Word("Unknown", "how it ended could not be proved", "1", "unknown"),
}
# What stands first where the order is ours to choose.
DECISION_ORDER = ("blocked", "unknown", "restart_due", "wait_for_window", "install_without_restart", "nothing")
OUTCOME_ORDER = (
    "failed",
    "verify_failed",
    "not_reached",
    "unknown",
    "not_finished",
    "partly_installed",
    "still_installing",
    "stale",
    "blocked",
    "not_started",
    "restart_due",
    "wait_for_window",
    "restarted",
    "removed",
    "installed",
    "check_mode",
    "nothing_to_do",
)
# An outcome that is not listed is no good end.
GOOD = frozenset(OUTCOME_ORDER[OUTCOME_ORDER.index("blocked") :])
NEXT_STEPS = {
    **host_run.NEXT_STEPS,
    "not_finished": "Look at the host, then run again: it is asked before anything is done to it.",
    "not_started": "Run again.",
}
OUT_STEP = "Put the host back into service: look at why it stays out, mend that, then run again."
OFFER_DECISIONS: dict[str, Word] = {
    "install": Word("Install", "installed now", "32", "on_track"),
    "put_off": Word("Put off", "waits for a restart or a window", "34", "not_enrolled"),
    "refuse": Word("Refuse", "would throw the host off its track", "31", "off_track"),
    "blocked": Word("Blocked", "not wanted, or not possible now", "33", "behind"),
}
RESTARTS = {
    "none": "installs without a restart",
    "possible": "may ask for a restart",
    "always": "restarts the host",
    "unknown": "nobody knows whether it restarts",
}
CONSENTS = {True: "agreed", False: "not agreed: reported only", None: "nobody has said yes or no"}
ANSWERS = {True: "yes", False: "no", None: "unknown"}


def wave_name(one: Mapping[str, Any]) -> str:
    """`canary`, or the number of the wave; empty without one."""
    if one.get("canary"):
        return "canary"
    return "" if one.get("wave") is None else str(one["wave"])


def wave_words(one: Mapping[str, Any]) -> str:
    """`canary` or `wave 2`; empty without one."""
    name = wave_name(one)
    return f"wave {name}" if name and not one.get("canary") else name


def span(seconds: int | None) -> str:
    """A duration in the largest unit of which it has at least two: `12 days`, `30 hours`, `90 seconds`."""
    if seconds is None:
        return ""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return counted(int(seconds // size), unit)
    return counted(int(seconds), "second")


def size_words(size: int | None) -> str:
    """Bytes as `312 MB`."""
    if size is None:
        return ""
    return (
        f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 0.1):.0f} MB" if size >= 1e6 else f"{size} bytes"
    )


def window_words(window: Mapping[str, Any] | None) -> str:
    """`2026-09-26 22:00 to 02:00 UTC (sundays)`; with the day of its end when it lasts a day or longer."""
    if window is None:
        return ""
    start, end = moment(window["start"]), moment(window["end"])
    lasts = datetime.fromisoformat(window["end"]) - datetime.fromisoformat(window["start"])
    until = end[11:] if lasts < timedelta(days=1) else end
    name = f" ({clean(window['name'])})" if window["name"] else ""
    return f"{start.removesuffix(' UTC')} to {until}{name}"


def kb_words(kbs: Sequence[str], width: int = 0) -> str:
    """`KB1, KB2`; longer than `width`, when one is given: the first and the number of further ones."""
    full = ", ".join(kbs)
    return f"{kbs[0]} +{len(kbs) - 1}" if width and len(kbs) > 1 and columns_of(full) > width else full


def failure_words(failure: Mapping[str, Any]) -> str:
    """`KB5122871 failed with 0x80070070: The disk is full.`"""
    code = f" with {clean(failure['hresult'])}" if failure["hresult"] else ""
    said = f": {clean(failure['message'])}" if failure["message"] else "."
    return f"{clean(failure['kb'] or failure['title'] or failure['id'])} failed{code}{said}"


def name_list(names: Sequence[str], most: int = 4) -> str:
    """`a, b, c, d and 3 more`."""
    shown = ", ".join(clean(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def consent_words(consent: bool | None, by: Mapping[str, Any] | None) -> str:
    """`agreed (ticket CHG-1, by Ada, until 2026-09-21 00:00 UTC)`; what nobody named is left out."""
    told = []
    if by:
        told = [
            f"ticket {clean(by['ticket'])}" if by["ticket"] else "",
            f"by {clean(by['approver'])}" if by["approver"] else "",
            f"until {moment(by['expires'])}" if by["expires"] else "",
        ]
    named = ", ".join(filter(None, told))
    return CONSENTS[consent] + (f" ({named})" if named else "")


def age_words(seconds: int | None) -> str:
    """How long an update has been missing; `unknown` where nobody knows."""
    return span(seconds) or "unknown"
