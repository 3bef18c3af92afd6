# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the controller, a run each: killed, its disk full or shut, two at once, stopped, fed with garbage, hosts gone from the inventory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from rolling import killed, together

from .play import Played, play
from .rows import ROWS, Row, due, node

CALM = {name: replace(ROWS["none"], world=world) for name, world in (("node", node()), ("host", due()))}
Words = list[str]


def ended(played: Played) -> Iterator[str]:
    """What must hold when the last run has come through: all restarted once, none out, all said."""
    for name in CALM:
        if played.ordered(name) != 1:
            yield f"once: {name}: restarted {played.ordered(name)} times"
        outcome = played.report[name]["outcome"]
        if outcome not in ("restarted", "nothing_to_do"):
            yield f"converges: {name}: {outcome}"
    if played.worlds["node"]["cluster"]["nodes"]["A"] != "Up":
        yield "drained: node: left drained"
    yield from (f"slot: {lease['host']} still has one" for lease in played.state.leases())


def kill(folder: Path, seed: int) -> Iterator[str]:
    """Killed with SIGKILL at two points that the seed draws, and run again."""
    dest = folder / "run"
    yield from ended(play(folder / "1", CALM, dest, wrap=lambda words: killed(words, dest, seed, 2)))


def record_full(folder: Path) -> Iterator[str]:
    """No file may grow beyond 24 KiB, the record first; run again with room nobody restarts twice."""
    dest = folder / "run"

    def small(words: Words) -> Words:
        return ["bash", "-c", '(ulimit -f 24; "$@"); exec "$@"', "full", *words]

    played = play(folder / "1", CALM, dest, wrap=small)
    yield from ended(played)
    if "File too large" not in played.run.output:
        yield "record: nobody says that it cannot be written"


def two_at_once(folder: Path) -> Iterator[str]:
    """Two runs over the same hosts, of which one may be out."""
    spec = {"groups": {"web": {"max_unavailable": 1}}}

    def twice(words: Words) -> Words:
        return together(*([*words, "-e", f"rebootless_run={name}"] for name in ("one", "two")))

    played = play(folder / "1", CALM, folder / "run", spec=spec, groups={"web": list(CALM)}, wrap=twice)
    yield from ended(played)
    if played.most_out({"web": CALM})["web"] > 1:
        yield "limit: two of web were out at once"


def untouched(folder: Path, before: Callable[[Path], list[str]], *, asked: bool = False) -> Iterator[str]:
    """What is done `before` ends the run with every host as it was; it gives the options for the run."""
    dest = folder / "run"
    played = play(folder / "1", CALM, dest, more=before(dest), report=asked)
    for name in CALM:
        seen = played.counters(name)
        if seen["restarts"] or seen["updates_asked"] or (seen["requests"] and not asked):
            yield f"untouched: {name}: {seen['restarts']} restarts, {seen['requests']} requests"
        if asked and played.report[name]["outcome"] != "not_started":
            yield f"outcome: {name}: {played.report[name]['outcome']}"
    if not asked and played.run.status == 0:
        yield "outcome: the run says that all is well"


def _stop(dest: Path) -> list[str]:
    (dest / "fleet").mkdir(parents=True)
    (dest / "fleet" / "stop").write_text("change freeze", encoding="utf-8")
    return []


def _shut(dest: Path) -> list[str]:
    dest.mkdir()
    # A file where the directory is to be: root may write into any directory.
    (dest / "fleet").touch()
    return []


def _garbage(dest: Path) -> list[str]:
    dest.mkdir()
    (dest / "table.json").write_text('{"schema": 1, "releases": [{"kb": 5', encoding="utf-8")
    return ["-e", f"rebootless_release_table={dest / 'table.json'}"]


def vanished(folder: Path) -> Iterator[str]:
    """A host that the first run has left drained is not in the inventory of the second, which says so and keeps its slot."""
    dest = folder / "run"
    rows: dict[str, Row] = {"lost": ROWS["lost-drained"], "host": CALM["host"]}
    first = play(folder / "1", rows, dest)
    if first.state.lease("lost") is None:
        yield "slot: lost: has none"
    left: Mapping[str, Row] = {"host": rows["host"]}
    second = play(folder / "2", left, dest, worlds={"host": first.worlds["host"]})
    said = " ".join(second.run.output.split())
    if "lost: an ended run left it out of service" not in said:
        yield "drained: lost: nobody says that it was left out"
    if second.state.lease("lost") is None:
        yield "slot: lost: its slot was given away unseen"
    if second.report["host"]["outcome"] != "nothing_to_do":
        yield f"converges: host: {second.report['host']['outcome']}"


FAULTS: dict[str, Callable[[Path], Iterator[str]]] = {
    **{f"killed, seed {seed}": functools.partial(kill, seed=seed) for seed in range(1, 4)},
    "record full": record_full,
    "two runs at once": two_at_once,
    "stop file": functools.partial(untouched, before=_stop, asked=True),
    "state directory not writable": functools.partial(untouched, before=_shut),
    "garbage in the release table": functools.partial(untouched, before=_garbage),
    "host gone from the inventory": vanished,
}
