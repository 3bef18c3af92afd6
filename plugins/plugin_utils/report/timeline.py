# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who was out of service when, in words and as bars in percent of the run's time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.text import clean
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.slot import stays
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.page import moment
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.vocabulary import span

# Minutes between two marks of the axis; the finest of which at most this many intervals fit, also on a phone.
STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080)
TICKS, TICKS_WITH_DAY = 6, 3
# Percent below which nothing can be seen.
NARROWEST = 0.5
NOT_BACK = "NOT BACK"


def seconds(start: str, end: str) -> int:
    """From one time to another, at least none."""
    return max(0, int((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()))


def ended(slot: Mapping[str, Any]) -> str:
    """How the slot ended, in words."""
    if slot["kept"] is True:
        return "kept: the host stays out of service"
    if slot["taken_at"] is not None and slot["released_at"] is None:
        return "not given back"
    return clean(slot["outcome"] or "").replace("_", " ")


def held_words(slot: Mapping[str, Any], line: Mapping[str, Any]) -> str:
    """When the slot was held, and how long the host had waited for it: `20:02 to 20:50, waited 5 minutes`."""
    if slot["taken_at"] is None:
        return "without a slot"
    until = _clock(slot["released_at"], line) if slot["released_at"] else "no end recorded"
    after = f", waited {span(int(slot['waited']))}" if (slot["waited"] or 0) >= 60 else ""
    return f"{_clock(slot['taken_at'], line)} to {until}{after}"


def out_words(slot: Mapping[str, Any], line: Mapping[str, Any]) -> str:
    """When the host was out of service: `20:05 to 20:47 (42 minutes)`."""
    told = []
    for one in slot["out"]:
        if one["to"] is None:
            told.append(f"since {_clock(one['from'], line)}, {NOT_BACK}")
        else:
            lasted = span(seconds(one["from"], one["to"]))
            told.append(f"{_clock(one['from'], line)} to {_clock(one['to'], line)} ({lasted})")
    return ", ".join(told) or "never"


def restart_words(slot: Mapping[str, Any], line: Mapping[str, Any]) -> str:
    """When the host was restarted: `20:31`; several are in order."""
    return ", ".join(_clock(one["from"], line) for one in slot["restarts"])


def bars(line: Mapping[str, Any]) -> dict[str, Any]:
    """`{ticks: [{x, label}], rows: [{slot, held, out, restarts}]}`: places and widths in percent from the first to the last moment.

    The hosts that are not back stand first.
    """
    start = datetime.fromisoformat(line["from"])
    whole = max(60, seconds(line["from"], line["to"]))

    def place(time: str) -> float:
        return round(100 * seconds(line["from"], time) / whole, 3)

    def stretch(begin: str, end: str | None) -> dict[str, Any]:
        x = min(place(begin), 100 - NARROWEST)
        width = max(NARROWEST, place(end or line["to"]) - x)
        return {"x": x, "width": round(min(width, 100 - x), 3), "open": end is None}

    most = TICKS_WITH_DAY if _days(line) else TICKS
    weeks = STEPS[-1] * -(-whole // (60 * STEPS[-1] * most))
    minutes = next((step for step in STEPS if whole / 60 / step <= most), weeks)
    first = start.replace(hour=0, minute=0, second=0)
    ticks: list[dict[str, Any]] = []
    tick = first + timedelta(minutes=minutes) * -((first - start) // timedelta(minutes=minutes))
    while (x := 100 * (tick - start).total_seconds() / whole) <= 100:
        text = tick.strftime("%m-%d %H:%M" if _days(line) else "%H:%M")
        ticks.append({"x": round(x, 3), "label": text})
        tick += timedelta(minutes=minutes)
    rows = [
        {
            "slot": slot,
            "held": stretch(slot["taken_at"], slot["released_at"]) if slot["taken_at"] else None,
            "out": [stretch(one["from"], one["to"]) for one in slot["out"]],
            "restarts": [place(one["from"]) for one in slot["restarts"]],
        }
        for slot in sorted(line["slots"], key=lambda slot: not stays(slot))
    ]
    return {"ticks": ticks, "rows": rows}


def caption(line: Mapping[str, Any]) -> str:
    """`2026-09-20 20:00 to 22:14 UTC`; with the day of its end when that is another."""
    end = moment(line["to"])
    return f"{moment(line['from']).removesuffix(' UTC')} to {end if _days(line) else end[11:]}"


def _days(line: Mapping[str, Any]) -> bool:
    """Whether the times are not all of one day."""
    return bool(line["from"][:10] != line["to"][:10])


def _clock(time: str, line: Mapping[str, Any]) -> str:
    """`20:31`; with its day when the times are not all of one."""
    return time[5:16].replace("T", " ") if _days(line) else time[11:16]
