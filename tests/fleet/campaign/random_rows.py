# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with faults drawn at random by a seed, in groups with limits drawn too."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from .play import Played
from .rows import OFFERS, ROWS, SIGNALS, WIN_UPDATES, Row, World, fault

# Their own ends wait for long, or are judged by what only they have.
LEFT_OUT = ("hangs", "install-hangs", "by-itself", "window-closes", "window-closes-installing", "consent-expires")
MODULES = (SIGNALS, OFFERS, WIN_UPDATES, "windows_preflight_info", "boot_time")
KINDS = ("cut", "refused", "unauthorized", "garbled", "operation_timeout", "slow_answer")
QUICK = {"rebootless_deadline": 15, "baseline_restart_timeout": 5, "baseline_back_timeout": 3}


@dataclass(frozen=True)
class Fleet:
    """Hosts, their groups, and what a run is told of both."""

    rows: dict[str, Row]
    groups: dict[str, list[str]]
    spec: dict[str, Any]


def draw(seed: int, size: int) -> Fleet:
    """A fleet of so many hosts; the same for the same seed."""
    luck = random.Random(seed)
    names = [f"{luck.choice('abcd')}-{index:03d}" for index in range(size)]
    groups = {group: [name for name in names if name[0] == group] for group in "abcd"}
    groups = {f"group_{group}": found for group, found in groups.items() if found}
    limits = {
        group: {"max_unavailable": luck.randint(max(1, len(found) // 4), len(found))} for group, found in groups.items()
    }
    spec = {"groups": limits, "max_unavailable": luck.randint(max(1, size // 3), size)}
    return Fleet({name: _row(luck) for name in names}, groups, spec)


def _row(luck: random.Random) -> Row:
    """The world of a named row, with up to two faults more, and any consent."""
    base = ROWS[luck.choice([name for name in ROWS if name not in LEFT_OUT])]
    more = tuple(_fault(luck) for unused in range(luck.choice((0, 0, 1, 1, 2))))
    consent = luck.choice((True, True, True, False, None))
    # Windows may undo a restart (old build) and the next one then is another one for the same baseline.
    undone = any(one["kind"] in ("rolls_back", "never_back") for one in base.faults)
    return replace(
        base,
        outcome=(),
        again=("restarted", "installed", "nothing_to_do"),
        faults=(*base.faults, *more),
        consent=consent,
        allowed=base.allowed or 1,
        most=max(base.most, 2 if undone else 1),
        variables={**QUICK, **base.variables},
    )


def _fault(luck: random.Random) -> World:
    kind = luck.choice(KINDS)
    seconds = luck.choice((None, 0.5, 2)) if kind in ("refused", "unauthorized") else luck.choice((0.2, 1))
    return fault(kind, luck.choice(MODULES), luck.randint(1, 6), None if kind in ("cut", "garbled") else seconds)


def over(played: Played, fleet: Fleet) -> Iterator[str]:
    """Groups of which more hosts were out at once than the run was told."""
    limits = {"": fleet.spec["max_unavailable"]}
    limits |= {group: entry["max_unavailable"] for group, entry in fleet.spec["groups"].items()}
    most: dict[str, int] = played.most_out(fleet.groups) if played.out() else {}
    yield from (
        f"{most[one]} of {one or 'all'} were out, {limit} may be"
        for one, limit in limits.items()
        if most.get(one, 0) > limit
    )
