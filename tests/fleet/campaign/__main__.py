# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make campaign`: plays the parts that are asked for (all without options) and prints what came of them; 1 when something does not hold."""

from __future__ import annotations

import argparse
import fnmatch
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from . import controller, invariants, planted, random_rows
from .play import Played, play
from .rows import ROWS, Row, healed

Kind = TypeVar("Kind")


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="campaign", description="Play the fault campaign.", allow_abbrev=False)
    made.add_argument("--named", action="store_true", help="the table of named faults")
    made.add_argument("--controller", action="store_true", help="faults of the controller")
    made.add_argument("--planted", action="store_true", help="the planted bugs")
    made.add_argument("--random", type=int, metavar="HOSTS", help="so many randomly faulted hosts (2000 in all parts)")
    made.add_argument("--playbook", choices=("patch", "baseline", "hotpatch"), action="append", help="of the table")
    made.add_argument("--only", action="append", metavar="GLOB", help="only these faults or bugs")
    made.add_argument("--pack", type=int, default=16, metavar="N", help="named faults in one run (16)")
    made.add_argument("--hosts-a-run", type=int, default=200, metavar="N", help="random hosts in one run (200)")
    made.add_argument(
        "--seed", type=int, default=20261129, help="of the first random run; each further one has the next"
    )
    made.add_argument("--once", action="store_true", help="do not run again without the faults")
    made.add_argument(
        "--twice", action="store_true", help="run again once, leave out the further run that has nothing to do"
    )
    return made


def packed(rows: Mapping[str, Row], size: int) -> Iterator[dict[str, Row]]:
    """The rows in packs of so many."""
    names = list(rows)
    for at in range(0, len(names), size):
        yield {name: rows[name] for name in names[at : at + size]}


def whole(
    folder: Path, rows: Mapping[str, Row], playbook: str, runs: int, **how: object
) -> tuple[list[Played], list[str]]:
    """Run the rows with their faults, then without, up to three times; and what does not hold."""
    dest = folder / "run"
    done = [play(folder / "1", rows, dest, playbook=playbook, **how)]  # type: ignore[arg-type]
    wrong = invariants.broken(rows, done[0], playbook=playbook, groups=how.get("groups"), limits=how.get("limits"))  # type: ignore[arg-type]
    for number in range(2, runs + 1):
        last = done[-1].worlds
        worlds = {name: healed(row, last[name]) for name, row in rows.items()}
        done.append(play(folder / str(number), rows, dest, playbook=playbook, worlds=worlds))
    if runs > 1:
        wrong += invariants.not_converged(rows, done[0], done[1], done[2] if runs > 2 else None)
    return done, wrong


def table(lines: Sequence[tuple[str, ...]]) -> None:
    """Print lines as a table, the first one as its head."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for index, line in enumerate(lines):
        print("| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |")
        if index == 0:
            print("| " + " | ".join("-" * width for width in widths) + " |")
    sys.stdout.flush()


def named(options: argparse.Namespace, runs: int) -> int:
    """Play the table with each playbook; how many sentences do not hold."""
    wrong = []
    for playbook in options.playbook or ("patch", "baseline", "hotpatch"):
        rows = {name: row for name, row in chosen(ROWS, options).items() if row.ends(playbook)}
        lines = [("playbook", "fault", "what", "outcome", "restarts", "run again", "")]
        begun = time.monotonic()
        for pack in packed(rows, options.pack):
            with tempfile.TemporaryDirectory(prefix="campaign-") as scratch:
                done, broken = whole(Path(scratch), pack, playbook, runs)
            wrong += broken
            for name, row in pack.items():
                again = done[1].report[name]["outcome"] if runs > 1 else "-"
                bad = [one for one in broken if f": {name}: " in one]
                restarts = "+".join(str(one.ordered(name)) for one in done)
                lines.append(
                    (
                        playbook,
                        name,
                        row.what,
                        done[0].report[name]["outcome"],
                        restarts,
                        again,
                        "OTHERWISE" if bad else "as stated",
                    )
                )
        table(lines)
        print(f"{len(rows)} faults with {playbook}, {time.monotonic() - begun:.0f} s\n", flush=True)
    for one in wrong:
        print("does not hold:", one)
    return len(wrong)


def of_controller(options: argparse.Namespace) -> int:
    """Play the faults of the controller; how many sentences do not hold."""
    lines, wrong = [("fault of the controller", "what does not hold")], 0
    for name, fault in chosen(controller.FAULTS, options).items():
        with tempfile.TemporaryDirectory(prefix="campaign-") as scratch:
            found = list(fault(Path(scratch)))
        wrong += len(found)
        lines.append((name, "; ".join(found) or "-"))
    table(lines)
    return wrong


def at_random(options: argparse.Namespace, runs: int) -> int:
    """Play random hosts; how many sentences do not hold."""
    left, seed, wrong = options.random, options.seed, 0
    outcomes: Counter[str] = Counter()
    restarts, begun, count = 0, time.monotonic(), 0
    while left > 0:
        size = min(left, options.hosts_a_run)
        fleet = random_rows.draw(seed, size)
        with tempfile.TemporaryDirectory(prefix="campaign-") as scratch:
            done, broken = whole(Path(scratch), fleet.rows, "patch", runs, groups=fleet.groups, spec=fleet.spec)
        broken += [f"limit: {words}" for words in random_rows.over(done[0], fleet)]
        outcomes.update(one["outcome"] for one in done[0].report.values())
        restarts += sum(done[0].ordered(name) for name in fleet.rows)
        for one in broken:
            print(f"does not hold (seed {seed}, {size} hosts): {one}")
        left, seed, wrong, count = left - size, seed + 1, wrong + len(broken), count + size
        print(
            f"{count} random hosts, {restarts} restarts, {time.monotonic() - begun:.0f} s: {dict(outcomes)}", flush=True
        )
    return wrong


def bugs(options: argparse.Namespace) -> int:
    """Plant every bug; how many nobody noticed."""
    lines, unseen = [("bug", "file", "noticed by")], 0
    for name, bug in chosen(planted.BUGS, options).items():
        with tempfile.TemporaryDirectory(prefix="campaign-") as scratch:
            found = planted.noticed(bug, Path(scratch))
        unseen += not found
        lines.append((name, bug.file, "; ".join(found[:2])[:150] or "NOBODY"))
        print(lines[-1], flush=True)
    table(lines)
    return unseen


def chosen(all_of: Mapping[str, Kind], options: argparse.Namespace) -> dict[str, Kind]:
    """Those that --only names."""
    return {
        name: one for name, one in all_of.items() if any(fnmatch.fnmatch(name, glob) for glob in options.only or ["*"])
    }


def main() -> int:
    """Play; 1 when something does not hold."""
    options = parser().parse_args()
    everything = not (options.named or options.controller or options.planted or options.random)
    runs = 1 if options.once else 2 if options.twice else 3
    if everything:
        options.random = 2000
    wrong = named(options, runs) if everything or options.named else 0
    wrong += of_controller(options) if everything or options.controller else 0
    wrong += at_random(options, min(runs, 2)) if options.random else 0
    wrong += bugs(options) if everything or options.planted else 0
    print(f"{wrong} do not hold." if wrong else "Everything holds.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
