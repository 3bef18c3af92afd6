# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two quarters of the real release history through patch.yml alone: a planned baseline each, and one that nobody had announced.

patch.yml is run on the day after each Patch Tuesday, and at the start of the monthly window in Berlin, one of which lies on the
night in which the clocks go forward. Each host restarts as often as the best possible run would restart it.
`REBOOTLESS_KEEP=DIR` keeps the reports of every run in DIR.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from conftest import Run
from fleet import months, worlds
from rolling import command, roll

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "performance"))
import best_possible

BEGIN, END = datetime(2025, 12, 20, tzinfo=UTC), datetime(2026, 7, 14, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SPRING_FORWARD = datetime(2026, 3, 29, tzinfo=BERLIN).date()
# Nineteen days after Patch Tuesday: in time for the next hotpatch, and on 29 March 2026.
DAYS_AFTER, CLOCK, HOURS = 19, "01:00", 4
WINDOW = {"patch_tuesday_plus": DAYS_AFTER, "start": CLOCK, "duration": f"{HOURS}h", "time_zone": "Europe/Berlin"}
POLICY = {"windows": [WINDOW], "max_wait": {"critical": "30d", "important": "30d"}}
WAIT = timedelta(days=30)
# Product of the hosts of each group, and what comes beside Windows' own updates.
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "web": (months.SERVER_2025, ()),
    "sql": (months.SERVER_2025, ("dotnet",)),
    "file": (months.SERVER_2022, ()),
}
EACH = 2
SPEC = {"groups": {group: {"max_unavailable": 1} for group in GROUPS}}


def moments() -> list[tuple[datetime, bool]]:
    """When patch.yml is run, and whether that is in a window."""
    patch_tuesdays = [months.out(months.patch_tuesday(2026, month)) for month in range(1, 7)]
    found = [(released + timedelta(hours=19), False) for released in patch_tuesdays]
    for released in patch_tuesdays:
        night = (released + timedelta(days=DAYS_AFTER)).date()
        start = datetime.combine(night, datetime.strptime(CLOCK, "%H:%M").time(), BERLIN)
        found.append((start.astimezone(UTC), True))
    return sorted(found)


def best(product: str, companions: tuple[str, ...]) -> int:
    """The fewest restarts that meet every deadline, from a program that knows nothing of the collection."""
    history = best_possible.history(months.history(), [], product, BEGIN, END)
    between = best_possible.days(
        best_possible.after_patch_tuesday(DAYS_AFTER), CLOCK, timedelta(hours=HOURS), "Europe/Berlin"
    )
    times = best_possible.Times(between(BEGIN, END))
    return len(best_possible.fewest(best_possible.Case(history, WAIT, WAIT if companions else None, times), END))


def moved(world: dict[str, Any], group: str, now: datetime) -> dict[str, Any]:
    """The world at a later time; a .NET update restarts, which is the worst that it may do."""
    later = months.advance(world, now, companions=GROUPS[group][1])
    for offer in later["offers"]:
        if ".NET" in offer["title"]:
            offer["does"] = "always"
    return later


def test_two_quarters_with_patch_alone(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    names = {group: [f"{group}-{number}" for number in range(1, EACH + 1)] for group in GROUPS}
    group_of = {name: group for group, members in names.items() for name in members}
    now: dict[str, Any] = {}
    for name, group in group_of.items():
        product, companions = GROUPS[group]
        first = months.start(product, BEGIN, companions=companions)
        # What came before the first month is in.
        now[name] = {**first, "reboot": {"down_seconds": 0.5}}
    restarts: Counter[str] = Counter()
    kept = os.environ.get("REBOOTLESS_KEEP")
    assert any(when.astimezone(BERLIN).date() == SPRING_FORWARD for when, in_window in moments() if in_window)
    for when, in_window in moments():
        later = {name: moved(world, group_of[name], when) for name, world in now.items()}
        after = tmp_path / "after"
        shutil.rmtree(after, ignore_errors=True)
        words = command(
            tmp_path / "run", rebootless_fleet=SPEC, rebootless_policy=POLICY, rebootless_run=f"{when:%Y-%m-%dT%H:%MZ}"
        )
        rolled = roll(on_fleet, tmp_path, later, words, names, options=("--save-worlds", str(after)))
        assert all(rolled.run.counters["hosts"][name]["restarts"] == 0 for name in group_of) or in_window, when
        assert not rolled.out() or max(rolled.most_out(names)[group] for group in GROUPS) == 1, when
        restarts.update(rolled.restarts())
        assert set(rolled.outcomes()) <= {"installed", "restarted", "restart_due", "nothing_to_do", "put_off"}, when
        assert rolled.state.leases() == []
        if kept:
            shutil.copytree(tmp_path / "run", Path(kept) / f"{when:%Y-%m-%d}", dirs_exist_ok=True)
            shutil.copytree(after, Path(kept) / f"{when:%Y-%m-%d}" / "worlds", dirs_exist_ok=True)
        now = worlds.load(after, ["*"])
    assert dict(restarts) == {name: best(*GROUPS[group]) for name, group in group_of.items()}
