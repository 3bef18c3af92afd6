# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The screen of a rolling run: what progress.py knows, in the lines and columns of a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.text import (
    clean,
    columns_of,
    counted,
    pad,
    paint,
    shorten,
    wrap,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.plan import RUN, named
from ansible_collections.rebootless.patching.plugins.plugin_utils.progress.tracker import (
    BAD,
    GOOD,
    WAITS,
    Member,
    Progress,
    clock,
    counts,
    ticking,
)

NARROWEST = 40
# A host needs so many columns before a second one goes beside it, and its step so many of them.
CELL, STEP = 58, 24
INDENT = " " * 7


def screen(run: Progress, now: datetime, width: int, height: int, color: bool = False) -> list[str]:
    """The run in at most `height` lines of at most `width` columns; of less than 40 it makes 40."""
    width = max(width, NARROWEST)
    lines = [_title(run, now, width, color)]
    if run.members:
        lines += [*_bar(run, width, color), *_waves(run, now, width), *_slots(run, width), *_alarms(run, width, color)]
        rows = _rows(run, now, width, height - len(lines) - 1)
        lines += ["", *rows] if rows else []
    return lines[: max(height, 1)]


def _title(run: Progress, now: datetime, width: int, color: bool) -> str:
    """The run or the play, how long it goes on, and how long it will still take."""
    time = shorten(f"{ticking((now - run.began).total_seconds())}{run.left_words(now)}", width - 12)
    what = f"Run {run.name}{' (check mode)' if run.checking else ''}" if run.members else run.words
    return f"{paint(pad(what, width - columns_of(time) - 2), '1', color)}  {time}"


def _bar(run: Progress, width: int, color: bool) -> Iterator[str]:
    """How many hosts have ended, as a bar (`!` for those that ended badly) and in words."""
    members = run.members.values()
    ended, bad = sum(one.ended is not None for one in members), sum(one.bad for one in members)
    said = f"{ended} of {len(members)} ended" + (f": {counts([one for one in members if one.ended])}" if ended else "")
    cells = max(10, min(40, width - columns_of(said) - 4))
    full = cells * ended // len(members)
    # One host that ended badly is to be seen in the bar, however many there are.
    marks = min(full, -(-cells * bad // len(members)))
    line = paint("#" * (full - marks), GOOD, color) + paint("!" * marks, BAD, color) + "." * (cells - full)
    first, *rest = wrap(said, width - cells - 4, 3)
    yield f"[{line}]  {first}"
    yield from (" " * (cells + 4) + line for line in rest)


def _waves(run: Progress, now: datetime, width: int) -> list[str]:
    """Which waves are over, which is under way, and which are to come; nothing for a run of one wave."""
    if len(run.waves) < 2:
        return []
    over = next(
        (index for index, wave in enumerate(run.waves) if any(one.ended is None for one in wave)), len(run.waves)
    )
    said = ["canary over" if over == 1 and run.canary else f"{over} of {len(run.waves)} over"] if over else []
    if over < len(run.waves):
        wave = run.waves[over]
        name = "canary" if run.canary and not over else f"wave {over + 1}"
        ended = sum(one.ended is not None for one in wave)
        begins = max(one.ended or now for one in run.waves[over - 1]) + run.soak if over else now
        idle = not ended and all(one.taken is None for one in wave)
        said.append(
            f"{name} begins at {clock(begins)}" if idle and begins > now else f"{name}: {ended} of {len(wave)} ended"
        )
    coming = run.waves[over + 1 :]
    said += [f"{len(coming)} to come with {counted(sum(map(len, coming)), 'host')}"] if coming else []
    return _headed("Waves", "; ".join(said), width)


def _headed(head: str, said: str, width: int) -> list[str]:
    """A text of two lines at most, beside its head."""
    first, *rest = wrap(clean(said), width - len(INDENT), 2)
    return [f"{head:<{len(INDENT)}}{first}", *(INDENT + line for line in rest)]


def _slots(run: Progress, width: int) -> list[str]:
    """How many hosts are out, of all and of each limited group, and how many work or wait beside them."""
    if run.checking:
        # Everybody is let out then, and nobody goes.
        return []
    members = run.members.values()
    groups = [*(one.groups for one in members if one.out or one.kept), *run.orphans.values()]
    taken = Counter(limit for found in groups for limit in (RUN, *found))
    said = f"{taken[RUN]} of {run.limits[RUN]} out"
    said += "".join(f", {limit} {taken[limit]} of {most}" for limit, most in run.limits.items() if limit != RUN)
    beside = sum(one.taken is not None and not one.out and not one.kept for one in members)
    waiting = sum(one.step == WAITS for one in members)
    said += f"; {beside} at work without a restart" if beside else ""
    said += f"; {waiting} waiting" if waiting else ""
    return _headed("Slots", said, width)


def _alarms(run: Progress, width: int, color: bool) -> Iterator[str]:
    """What must not be overlooked."""
    members = run.members.values()
    for what, names in (
        ("Ended badly", [f"{one.name} ({one.word})" for one in members if one.bad]),
        ("Still out of service", [one.name for one in members if one.kept]),
        ("Left out by an earlier run", list(run.orphans)),
        ("No further host goes out", [run.stopped] if run.stopped else []),
    ):
        if names:
            yield from (paint(line, BAD, color) for line in wrap(clean(f"{what}: {named(names)}"), width, 2, "  "))


def _rows(run: Progress, now: datetime, width: int, room: int) -> list[str]:
    """The hosts under way, those with a slot first, side by side where there is space; the rest, and those that wait, are a number."""
    going = [one for one in run.members.values() if one.step not in ("", WAITS)]
    going.sort(key=lambda one: one.taken is None)
    if not going or room < 1:
        return []
    across = max(1, (width + 2) // (CELL + 2))
    wide = (width + 2) // across - 2
    shown = going if len(going) <= room * across else going[: (room - 1) * across]
    names = min(max(columns_of(clean(one.name)) for one in going), wide - STEP - 10)
    cells = [_cell(one, now, names, wide) for one in shown]
    deep = -(-len(cells) // across)
    rows = ["  ".join(cells[row::deep]).rstrip() for row in range(deep)]
    return rows if shown == going else [*rows, f"and {counted(len(going) - len(shown), 'more host')}"]


def _cell(one: Member, now: datetime, names: int, wide: int) -> str:
    """A host, what it is at, and since when."""
    time = ticking((now - (one.since or now)).total_seconds())
    return pad(f"{pad(clean(one.name), names)}  {pad(one.step, STEP)} {time:>7}", wide)
