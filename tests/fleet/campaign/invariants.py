# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold after every run, told by the hosts' own counters and worlds; the record and the report are what is judged by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .play import Played
from .rows import Row

# Every word that a host may end with.
OUTCOMES = {
    *(
        "blocked",
        "failed",
        "installed",
        "not_reached",
        "not_started",
        "nothing_to_do",
        "partly_installed",
        "restart_due",
    ),
    *("restarted", "removed", "stale", "still_installing", "unknown", "verify_failed", "wait_for_window"),
}
CALM = ("nothing_to_do",)


def broken(
    rows: Mapping[str, Row],
    played: Played,
    *,
    playbook: str = "patch",
    groups: Mapping[str, Sequence[str]] | None = None,
    limits: Mapping[str, int] | None = None,
) -> list[str]:
    """A sentence for everything that does not hold after a first run; it begins with the invariant's name."""
    found = [f"limit: {words}" for words in _limits(played, groups or {}, limits or {})]
    ends = [one["step"] for one in played.entries if one["run"] == played.names[-1]]
    if ends[:1] != ["run_started"] or ends[-1:] != ["run_finished"]:
        found.append("record: the run has no beginning or no end")
    for name, row in rows.items():
        found += [f"{what}: {name}: {words}" for what, words in _host(name, row, played, playbook)]
    return found


def not_converged(rows: Mapping[str, Row], first: Played, second: Played, third: Played | None) -> list[str]:
    """The same after the runs without the faults: all is in, all are in service, nobody restarted twice for one baseline."""
    found = [f"slot: {lease['host']} still has one" for lease in second.state.leases()]
    for name, row in rows.items():
        end = second.report[name]
        if end["outcome"] not in row.again:
            found.append(f"converges: {name}: {end['outcome']}, not {' or '.join(row.again)}: {' '.join(end['words'])}")
        both = first.ordered(name) + second.ordered(name)
        if both > row.most:
            found.append(f"once: {name}: restarted {both} times, and {row.most} are enough")
        if _paused(second, name):
            found.append(f"drained: {name}: still drained")
        if third is not None and (third.report[name]["outcome"] not in CALM or third.counters(name)["restarts"]):
            found.append(f"converges: {name}: a further run finds {third.report[name]['outcome']}")
    return found


def _limits(played: Played, groups: Mapping[str, Sequence[str]], limits: Mapping[str, int]) -> Iterator[str]:
    if not played.out():
        return
    most = played.most_out(groups)
    for group, limit in limits.items():
        if most.get(group, 0) > limit:
            yield f"{most[group]} of {group or 'all'} were out at once, {limit} may be"


def _host(name: str, row: Row, played: Played, playbook: str) -> Iterator[tuple[str, str]]:
    seen, told = played.counters(name), played.report.get(name)
    ordered = played.ordered(name)
    if ordered > (row.allowed if row.consent not in (False, None) else 0):
        yield "consent", f"restarted {ordered} times"
    if told is None:
        yield "outcome", "not in the report"
        return
    wanted = row.ends(playbook) or tuple(sorted(OUTCOMES))
    # Only those of the table stand where they must come.
    if row.outcome:
        yield from (("fault", f"{one['kind']} never came") for one in row.faults if one["kind"] not in seen["faults"])
    if told["outcome"] not in wanted:
        yield "outcome", f"{told['outcome']}, not {' or '.join(wanted)}: {' '.join(told['words'])[:300]}"
    exact = len(row.outcome) == 1 and playbook != "hotpatch"
    if exact and (told["failed"], ordered) != (row.failed, row.restarts):
        yield "outcome", f"failed {told['failed']}, {ordered} restarts: {' '.join(told['words'])[:300]}"
    kept = played.hosts()[name]
    if (kept["outcome"], kept["failed"]) != (told["outcome"], told["failed"]):
        yield "record", f"says {kept['outcome']}, the report {told['outcome']}"
    steps = played.steps(name)
    if steps.count("host_finished") != 1:
        yield "record", f"{steps.count('host_finished')} ends"
    if steps.count("restarting") < ordered:
        yield "record", f"{ordered} restarts, {steps.count('restarting')} of them are in it"
    if seen["updates_installed"] and "installing" not in steps:
        yield "record", "the installation is not in it"
    said = "out of service" in " ".join(told["words"])
    if _paused(played, name) and not said:
        yield "drained", "left drained, and nobody says so"
    if row.outcome and playbook != "hotpatch" and said is not row.out:
        yield "drained", f"said to be out of service: {said}"
    lease = playbook != "hotpatch" and played.state.lease(name) is not None
    if lease and not said:
        yield "slot", "keeps one, and nobody says why"


def _paused(played: Played, name: str) -> bool:
    """Whether the host's own cluster says that it is drained."""
    cluster = played.worlds[name].get("cluster")
    return cluster is not None and cluster["nodes"][cluster["own"]] == "Paused"
