# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restarts per host-year over the real release history: our policy, monthly win_updates with a restart, the best possible.

usage: bench_restarts.py [--products NAME,...] [--engine ours|first|blind] [--real N]

Ours is the core's own decide(), asked the day after each Patch Tuesday and at the start of every window, with consent,
on a host that takes in what is installed. Exit status 1 where ours is not the best possible, or misses a deadline that
the best possible meets. An engine that is known to be bad has to come out worse.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fleet"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "build" / "collections"))

import best_possible
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import patch_tuesday as calendar
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import decide, exposure
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import Policy
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases
from best_possible import Case, Month, Times
from fleet import cli, fast, fast_offers, months, updates, worlds
from fleet.host import Host

ROOT = Path(__file__).resolve().parents[2]
FLEET = ROOT / "tests" / "fleet"

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
YEAR = 365.25 * DAY
# When a monthly run starts, after the release of 17:00 UTC on the day before.
RUN = 19 * HOUR
World = dict[str, Any]
Engine = Callable[..., dict[str, Any]]


class Windows(NamedTuple):
    """Windows as a policy has them, and as the best possible knows them by a rule of its own."""

    policy: list[dict[str, Any]]
    between: Callable[..., list[best_possible.Span]] | None


def _windows(given: Mapping[str, Any], which: Callable[..., bool], hours: int = 4, zone: str = "UTC") -> Windows:
    spec = {"start": "22:00", "duration": f"{hours}h", "time_zone": zone, **given}
    return Windows([spec], best_possible.days(which, spec["start"], hours * HOUR, zone))


WINDOWS = {
    "any time": Windows([], None),
    "weekly, Sunday": _windows({"weekdays": ["sunday"]}, best_possible.weekday(best_possible.SUNDAY)),
    "Patch Tuesday + 5": _windows({"patch_tuesday_plus": 5}, best_possible.after_patch_tuesday(5)),
    "Patch Tuesday + 12": _windows({"patch_tuesday_plus": 12}, best_possible.after_patch_tuesday(12)),
    "Patch Tuesday + 27": _windows({"patch_tuesday_plus": 27}, best_possible.after_patch_tuesday(27)),
    "3rd Saturday, New York": _windows(
        {"rrule": "FREQ=MONTHLY;BYDAY=3SA"}, best_possible.nth(best_possible.SATURDAY, 3), 6, "America/New_York"
    ),
    "1st weekend": _windows({"rrule": "FREQ=MONTHLY;BYDAY=1SA"}, best_possible.nth(best_possible.SATURDAY, 1), 48),
    "1st Saturday of a quarter": _windows(
        {"rrule": "FREQ=MONTHLY;INTERVAL=3;BYDAY=1SA"},
        lambda day: best_possible.nth(best_possible.SATURDAY, 1)(day) and day.month in (1, 4, 7, 10),
    ),
}
# By the severity of Windows' own updates (Critical) and of the companion (Important), in days.
WAITS = {"30/95": (30, 95), "14/95": (14, 95), "7/7": (7, 7), "60/180": (60, 180)}
# The severity of the monthly .NET update; "-" without one, which counts as the strictest.
COMPANIONS = {"no companion": None, ".NET Important": "Important", ".NET -": "-"}


class Cell(NamedTuple):
    """One policy of the grid."""

    waits: str
    windows: str
    companion: str

    @property
    def policy(self) -> Policy:
        """As the collection reads it."""
        critical, important = WAITS[self.waits]
        wait = {"critical": f"{critical}d", "important": f"{important}d", "moderate": "180d", "low": "180d"}
        return Policy.load({"max_wait": wait, "windows": WINDOWS[self.windows].policy, "restart_at": "last"})

    def companion_wait(self) -> timedelta | None:
        """How long the companion may wait."""
        severity = COMPANIONS[self.companion]
        if severity is None:
            return None
        return DAY * (WAITS[self.waits][1] if severity == "Important" else min(WAITS[self.waits]))


GRID = [Cell(waits, windows, companion) for companion in COMPANIONS for waits in WAITS for windows in WINDOWS]


class Table(releases.ReleaseTable):
    """The release table, which is asked here many thousand times at few moments."""

    __hash__ = object.__hash__
    of = functools.cache(releases.ReleaseTable.of)
    baselines = functools.cache(releases.ReleaseTable.baselines)
    next_baseline = functools.cache(releases.ReleaseTable.next_baseline)


ROWS, PLANNED = months.history(), releases.shipped()["planned"]


def _with_invented() -> Table:
    """The collection's table with the ordinary updates that stand in for unknown ones: a user's table would have the real ones."""
    rows = [
        {
            "product": row.product,
            "date": row.day.isoformat(),
            "kb": row.kb,
            "build": row.build,
            "type": "ordinary",
            "restart": None,
            "confidence": "derived",
            "source": "invented, see tests/fleet/fleet/months.py",
            "note": None,
        }
        for product in months.PRODUCTS
        for month in months.patch_tuesdays(product)
        if (row := month.ordinary) is not None and row.invented
    ]
    shipped = releases.shipped()
    return Table.load(shipped, extend={"schema": 1, "compiled": shipped["compiled"], "releases": rows})


TABLE = _with_invented()


@dataclasses.dataclass(frozen=True)
class Period:
    """The part of a product's history that is played: from its first month on to the Patch Tuesday after its last."""

    product: str
    begin: datetime
    end: datetime

    @classmethod
    def of(cls, product: str) -> Period:
        """From January 2024 on, or the first month that the history knows."""
        known = [month for month in months.patch_tuesdays(product) if month.row and month.day.year >= 2024]
        begin = months.out(known[0].day) + HOUR
        return cls(product, begin, months.out(calendar.next_patch_tuesday(known[-1].day)))

    @property
    def years(self) -> float:
        """How long it is."""
        return (self.end - self.begin) / YEAR

    @property
    def months(self) -> list[Month]:
        """Those after the start, at which everything of the first is in; the last of them ends the period."""
        return best_possible.history(ROWS, PLANNED, self.product, self.begin, self.end)

    def times(self, cell: Cell) -> Times:
        """When a restart may be made."""
        between = WINDOWS[cell.windows].between
        return Times(None if between is None else between(self.begin, self.end + 90 * DAY))

    def runs(self, cell: Cell) -> list[datetime]:
        """The day after each Patch Tuesday, and the start of every window."""
        moments = {month.released + RUN for month in self.months}
        windows = self.times(cell).windows
        moments |= {window.start for window in windows or ()}
        return sorted(moment for moment in moments if self.begin <= moment < self.end)


# Hosts


def offered(world: World, severity: str | None) -> World:
    """The world with a .NET update that restarts, of this severity: the worst that it may do."""
    for offer in world["offers"]:
        if ".NET" in offer["title"]:
            offer["does"] = "always"
            if severity == "-":
                offer.pop("severity", None)
    return world


def key(world: World) -> str:
    """What tells hosts of a product apart."""
    return json.dumps([world["registry"], world["hotfixes"], world.get("update_agent")], sort_keys=True)


class Simulation:
    """The hosts of one product and companion; what was worked out for one host serves all that are like it."""

    def __init__(self, period: Period, companion: str) -> None:
        self.period, self.companion = period, companion
        self.severity = COMPANIONS[companion]
        self.asked = () if self.severity is None else ("dotnet",)
        start = months.start(period.product, period.begin, companions=self.asked)
        self.first = booted(taken(start, start["offers"])[0])
        self.known: dict[tuple[str, datetime], tuple[World, dict[str, Any]]] = {}

    def at(self, world: World, now: datetime) -> tuple[World, dict[str, Any]]:
        """The world moved on, and its signals."""
        found = (key(world), now)
        if found not in self.known:
            moved = offered(months.advance(world, now, companions=self.asked), self.severity)
            raw = fast.signals({**moved, "logon": "local"}, {})
            raw |= fast_offers.signals({**moved, "logon": "local"}, {"restart_answer": "always"})
            self.known[found] = (moved, raw)
        return self.known[found]

    def play(self, cell: Cell, engine: Engine) -> list[datetime]:
        """The restarts of a host that is patched by an engine."""
        world, policy, restarts = self.first, cell.policy, []
        remembered: dict[str, Any] = {}
        for now in self.period.runs(cell):
            world, raw = self.at(world, now)
            made = engine(raw, policy, now, world.get("azure"), remembered)
            remembered = exposure.memory(made, {"installed": made["install"]})
            if not made["install"] and not made["restart"]["now"]:
                continue
            chosen = [offer for offer in world["offers"] if offer["id"] in made["install"]]
            world, waits = taken(world, chosen)
            if made["restart"]["now"] and waits:
                restarts.append(now)
                world = booted(world)
            elif waits:
                raise AssertionError(f"{self.period.product} {cell} {now}: a restart waits after {made['summary']}")
        return restarts

    def win_updates(self) -> list[datetime]:
        """The restarts of a host that takes everything once a month, and restarts whenever something wants it."""
        world, restarts = self.first, []
        for month in self.period.months[:-1]:
            now = month.released + RUN
            world = offered(months.advance(world, now, companions=self.asked), self.severity)
            for _again in range(3):
                host = host_of(world)
                updates.start(host, {"category_names": ["*"]})
                world = host.world()
                if not host.agent.get("reboot_required"):
                    break
                restarts.append(now)
                world = booted(world)
                world = offered(months.advance(world, world["clock"], companions=self.asked), self.severity)
        return restarts


def host_of(world: World) -> Host:
    """A simulated host that nobody connects to."""
    host = Host("host", json.loads(json.dumps(world)))
    host.socket.close()
    return host


def taken(world: World, chosen: Sequence[World]) -> tuple[World, bool]:
    """The world with these updates installed, and whether a restart waits."""
    host = host_of(world)
    host.take_in([dict(offer) for offer in chosen])
    return host.world(), bool(host.agent.get("reboot_required"))


def booted(world: World) -> World:
    """The world after a restart."""
    host = host_of(world)
    host.booted()
    return host.world()


# Engines


def ours(
    raw: Mapping[str, Any], policy: Policy, now: datetime, azure: object, remembered: Mapping[str, object]
) -> dict[str, Any]:
    """The collection's own core."""
    return decide.decide("host", raw, TABLE, policy, now, azure=azure, consent=True, remembered=remembered)


def first_window(
    raw: Mapping[str, Any], policy: Policy, now: datetime, azure: object, remembered: Mapping[str, object]
) -> dict[str, Any]:
    """A bad one: whatever waits is taken in the first window, however long it may still wait."""
    hasty = dataclasses.replace(policy, max_wait=dict.fromkeys(policy.max_wait, HOUR))
    return ours(raw, hasty, now, azure, remembered)


def blind(
    raw: Mapping[str, Any], policy: Policy, now: datetime, azure: object, remembered: Mapping[str, object]
) -> dict[str, Any]:
    """A bad one: it does not know that the next hotpatch needs the baseline."""
    with_rows = exposure.needed_by
    exposure.needed_by = lambda case, one: None
    try:
        return ours(raw, policy, now, azure, remembered)
    finally:
        exposure.needed_by = with_rows


ENGINES: dict[str, Engine] = {"ours": ours, "first": first_window, "blind": blind}


class Result(NamedTuple):
    """What a cell came to: restarts, deadlines missed that could be met."""

    cell: Cell
    ours: int
    missed: list[str]
    monthly: int
    best: int

    @property
    def good(self) -> bool:
        """Whether ours is the best possible."""
        return self.ours == self.best and not self.missed


def missed(case: Case, restarts: Sequence[datetime], until: datetime) -> list[str]:
    """The deadlines that a run could have met and did not."""
    found = []
    for one in best_possible.requirements(case):
        last = case.times.last(one.released, one.deadline)
        if last is None or last > until:
            continue
        if not any(one.released <= moment < one.deadline for moment in restarts):
            found.append(f"{one.what} {one.released:%Y-%m-%d}")
    return found


def measure(product: str, engine: Engine, grid: Sequence[Cell] = tuple(GRID)) -> Iterator[Result]:
    """Every cell of a product."""
    period = Period.of(product)
    for companion in COMPANIONS:
        cells = [cell for cell in grid if cell.companion == companion]
        if not cells:
            continue
        simulation = Simulation(period, companion)
        monthly = len(simulation.win_updates())
        for cell in cells:
            wait = WAITS[cell.waits][0] * DAY
            case = Case(period.months, wait, cell.companion_wait(), period.times(cell))
            best = best_possible.fewest(case, period.end)
            restarts = simulation.play(cell, engine)
            yield Result(cell, len(restarts), missed(case, restarts, period.end), monthly, len(best))


def _some(missing: Sequence[str]) -> str:
    """How many deadlines were missed, and the first of them."""
    first = ", ".join(missing[:3]) + (" ..." if len(missing) > 3 else "")
    return f"{len(missing)} deadlines missed" + (f": {first}" if missing else "")


def report(product: str, results: Sequence[Result]) -> None:
    """The table of a product: restarts per host-year."""
    years = Period.of(product).years
    print(f"\n{product}: {years:.2f} years\n")
    print("| wait, days | windows | companion | ours | monthly win_updates | best possible | |")
    print("| --- | --- | --- | ---: | ---: | ---: | --- |")
    for result in results:
        rates = " | ".join(f"{count / years:.2f}" for count in (result.ours, result.monthly, result.best))
        words = "" if result.good else f"{result.ours} for {result.best} restarts, {_some(result.missed)}"
        print(f"| {result.cell.waits} | {result.cell.windows} | {result.cell.companion} | {rates} | {words} |")


# For real


def real(product: str, count: int) -> tuple[int, int]:
    """Restarts of monthly win_updates over `count` months: by ansible-playbook on a simulated host, by the simulation."""
    period = Period.of(product)
    simulation = Simulation(period, ".NET Important")
    world, restarts = simulation.first, 0
    played = period.months[:count]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        play = {
            "hosts": "windows",
            "gather_facts": False,
            "tasks": [{"ansible.windows.win_updates": {"category_names": ["*"], "reboot": True}}],
        }
        (folder / "play.yml").write_text(json.dumps([play]))
        for number, month in enumerate(played):
            moved = offered(
                months.advance(world, month.released + RUN, companions=simulation.asked), simulation.severity
            )
            before, after = folder / f"{number}", folder / f"{number}-after"
            cli.save_worlds(before, {"host": moved})
            restarts += _run(folder, before, after)
            world = worlds.load(after, ["*"])["host"]
    last = played[-1].released + RUN
    return restarts, sum(1 for moment in simulation.win_updates() if period.begin < moment <= last)


def _run(folder: Path, before: Path, after: Path) -> int:
    """One month of a host; its restarts."""
    environment = dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["ANSIBLE_CONFIG"] = str(ROOT / "tools" / "demo.cfg")
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "build" / "collections")
    counters = folder / "counters.json"
    fleet = [sys.executable, str(FLEET / "simfleet"), "--worlds", str(before), "--save-worlds", str(after)]
    options = ["--executor", "fast", "--time-scale", "0", "--counters", str(counters)]
    playbook = ["ansible-playbook", str(folder / "play.yml")]
    done = subprocess.run(
        [*fleet, *options, "--", *playbook], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return int(json.loads(counters.read_text())["hosts"]["host"]["restarts"])


def main() -> int:
    """Print the tables; 1 when ours is not the best possible somewhere, or a bad engine is as good."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", default=",".join(months.PRODUCTS))
    parser.add_argument("--engine", default="ours", choices=ENGINES)
    parser.add_argument("--real", type=int, default=0, metavar="N", help="N months of win_updates for real")
    options = parser.parse_args()
    products, good = options.products.split(","), True
    for product in products:
        results = list(measure(product, ENGINES[options.engine]))
        report(product, results)
        good &= all(result.good for result in results)
    if options.engine == "ours":
        good &= _bad_engines(products[0])
    for product in products if options.real else ():
        played, simulated = real(product, options.real)
        print(f"\n{product}: {options.real} months of win_updates for real: {played} restarts, simulated {simulated}")
        good &= played == simulated
    return 0 if good else 1


def _bad_engines(product: str) -> bool:
    """Whether every bad engine is seen to be worse."""
    found = True
    for name, engine in ENGINES.items():
        if engine is ours:
            continue
        results = list(measure(product, engine, [cell for cell in GRID if cell.companion != ".NET -"]))
        worse = [result for result in results if not result.good]
        restarts = sum(max(0, result.ours - result.best) for result in results)
        deadlines = sum(len(result.missed) for result in results)
        print(
            f"\nengine {name}, {product}: worse in {len(worse)} of {len(results)} policies,"
            f" {restarts} restarts too many, {deadlines} deadlines missed"
        )
        for result in worse[:3]:
            print(f"    {' | '.join(result.cell)}: {result.ours} for {result.best} restarts, {_some(result.missed)}")
        found &= bool(worse)
    return found


if __name__ == "__main__":
    sys.exit(main())
