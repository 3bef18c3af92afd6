# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a fleet run: canary first, growing waves, an order that keeps the slots busy and never exceeds a limit."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import plan as fleet_plan
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.plan import RUN, Host, Played, Queue
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import FleetSpec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

MANY = 10_000


def host(name: str, seconds: int = 60, *groups: str) -> dict[str, Any]:
    """A host as an action is given it."""
    return {"name": name, "groups": list(groups), "seconds": seconds}


def planned(hosts: Sequence[Mapping[str, Any]], forks: int = MANY, **spec: Any) -> dict[str, Any]:
    """The plan of hosts under a spec."""
    return fleet_plan.plan(hosts, FleetSpec.load(spec), forks)


def run(hosts: Sequence[Mapping[str, Any]], plan: Mapping[str, Any], forks: int = MANY) -> tuple[int, Counter[str]]:
    """Seconds of a run of one wave in the planned order, and the most out of each limit: written apart from the plan's own.

    Only the first `forks` hosts that are not finished are there to ask; the first of them that may go out goes.
    """
    facts = {one["name"]: one for one in hosts}
    waiting = list(plan["order"])
    out: list[tuple[int, str]] = []
    now, most = 0, Counter[str]()
    while waiting or out:
        for name in waiting[: max(0, forks - len(out))]:
            taken = Counter(limit for _end, other in out for limit in ("", *facts[other]["groups"]))
            if all(taken[limit] < plan["limits"].get(limit, MANY) for limit in ("", *facts[name]["groups"])):
                waiting.remove(name)
                heapq.heappush(out, (now + facts[name]["seconds"], name))
        taken = Counter(limit for _end, other in out for limit in ("", *facts[other]["groups"]))
        most |= taken
        now = heapq.heappop(out)[0]
    return now, most


def bound(hosts: Sequence[Mapping[str, Any]], limits: Mapping[str, int]) -> float:
    """What no order can be below: the work of each limit by its slots, and the longest host."""
    work: Counter[str] = Counter()
    for one in hosts:
        for limit in ("", *one["groups"]):
            work[limit] += one["seconds"]
    return max(*(work[limit] / slots for limit, slots in limits.items()), *(one["seconds"] for one in hosts))


# --- hosts -------------------------------------------------------------------------------------------------------


def test_hosts() -> None:
    spec = FleetSpec.load({"durations": {"web": "10m"}})
    given_hosts = [{"name": "a"}, {"name": "b", "groups": ["web", "x"]}, {"name": "c", "groups": None, "seconds": 0}]
    assert fleet_plan.hosts(given_hosts, spec) == [
        Host("a", frozenset(), 1800),
        Host("b", frozenset({"web", "x"}), 600),
        Host("c", frozenset(), 0),
    ]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({}, "hosts[1].name is None; the name of a host, each once, is expected."),
        ({"name": ""}, "hosts[1].name is ''; the name of a host, each once, is expected."),
        ({"name": "a"}, "hosts[1].name is 'a'; the name of a host, each once, is expected."),
        ({"name": "b", "groups": "web"}, "hosts[1].groups is 'web'; a list of names of groups is expected."),
        ({"name": "b", "groups": [1]}, "hosts[1].groups is [1]; a list of names of groups is expected."),
        ({"name": "b", "seconds": -1}, "hosts[1].seconds is -1; a whole number, 0 or more, is expected."),
        ({"name": "b", "seconds": 1.5}, "hosts[1].seconds is 1.5; a whole number, 0 or more, is expected."),
        ({"name": "b", "seconds": True}, "hosts[1].seconds is True; a whole number, 0 or more, is expected."),
    ],
)
def test_broken_hosts(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        planned([host("a"), entry])
    assert str(caught.value) == said


# --- the whole ---------------------------------------------------------------------------------------------------


def test_small_plan() -> None:
    hosts = [
        host("web1", 60, "web"),
        host("web2", 300, "web"),
        host("sql1", 100, "sql", "other"),
        host("sql2", 90, "sql"),
    ]
    plan = planned(
        hosts, 3, canary=["web1"], soak="1m", groups={"web": {"max_unavailable": "50%"}, "sql": {"max_unavailable": 1}}
    )
    assert plan == {
        "schema": 1,
        "hosts": 4,
        "waves": [
            {"number": 1, "canary": True, "hosts": ["web1"]},
            {"number": 2, "canary": False, "hosts": ["web2", "sql1", "sql2"]},
        ],
        "order": ["web1", "web2", "sql1", "sql2"],
        "limits": {"": 4, "web": 1, "sql": 1},
        "forks": 3,
        "forks_needed": 4,
        "seconds": 60 + 60 + 300,
        "warnings": [
            "forks is 3, and this plan needs 4: hosts that wait for a slot hold a fork, so the forks decide how many hosts "
            "are out, not the limits, and the run takes longer."
        ],
    }


def test_no_hosts() -> None:
    plan = planned([])
    assert (plan["waves"], plan["order"], plan["limits"], plan["forks_needed"]) == ([], [], {"": 1}, 0)
    assert (plan["seconds"], plan["warnings"]) == (0, [])


@pytest.mark.parametrize(("hosts", "seconds"), [(0, 0), (1, 60), (2, 2 * 60 + 3600), (4, 4 * 60 + 3 * 3600)])
def test_a_soak_lies_between_two_waves(hosts: int, seconds: int) -> None:
    """None before the first wave, none after the last."""
    assert planned([host(f"h{index}") for index in range(hosts)], waves=[1], soak="1h")["seconds"] == seconds


def test_hosts_of_no_time_still_go() -> None:
    plan = planned([host("a", 0), host("b", 0)], max_unavailable=1)
    assert (plan["order"], plan["seconds"]) == (["a", "b"], 2)


@pytest.mark.parametrize(
    ("most", "hosts", "limit"), [(3, 10, 3), (30, 10, 30), ("25%", 10, 2), ("25%", 3, 1), ("100%", 10, 10)]
)
def test_limit_of_the_run(most: object, hosts: int, limit: int) -> None:
    assert planned([host(f"h{index}") for index in range(hosts)], max_unavailable=most)["limits"] == {"": limit}


@pytest.mark.parametrize(("most", "limit"), [(1, 1), (9, 9), ("34%", 1), ("67%", 2), ("1%", 1)])
def test_limit_of_a_group_is_of_its_hosts(most: object, limit: int) -> None:
    hosts = [host(f"h{index}", 60, *(["web"] if index < 3 else [])) for index in range(9)]
    assert planned(hosts, groups={"web": {"max_unavailable": most}})["limits"]["web"] == limit


# --- waves -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("canary", "waves", "sizes"),
    [
        (0, None, [20]),
        (3, None, [3, 17]),
        ("5%", None, [1, 19]),
        ("4%", None, [1, 19]),
        ("0%", None, [20]),
        (50, None, [20]),
        (0, [5], [5, 5, 5, 5]),
        (2, [1, "25%", 6], [2, 1, 5, 6, 6]),
        (0, [1, 100], [1, 19]),
        (0, {"first": 1}, [1, 2, 4, 8, 5]),
        (1, {"first": "10%", "growth": 1.5}, [1, 2, 3, 4, 6, 4]),
        (0, {"first": 7, "growth": 1}, [7, 7, 6]),
        (0, {"first": "1%", "growth": 100}, [1, 19]),
    ],
)
def test_sizes_of_waves(canary: object, waves: object, sizes: list[int]) -> None:
    plan = planned([host(f"h{index:02}") for index in range(20)], canary=canary, waves=waves)
    assert [len(wave["hosts"]) for wave in plan["waves"]] == sizes
    assert [wave["number"] for wave in plan["waves"]] == list(range(1, len(sizes) + 1))
    assert [wave["canary"] for wave in plan["waves"]] == [
        canary not in (0, "0%") and index == 0 for index in range(len(sizes))
    ]


def test_named_canary_hosts_that_are_not_there() -> None:
    hosts = [host("a"), host("b")]
    plan = planned(hosts, canary=["b", "x", "y"])
    assert [wave["hosts"] for wave in plan["waves"]] == [["b"], ["a"]]
    assert plan["warnings"] == ["canary: x, y are not in the run."]
    assert planned(hosts, canary=["x"])["warnings"] == [
        "canary: x is not in the run.",
        "canary: the run has none of them, so it has no canary.",
    ]
    assert planned(hosts, canary=["a"])["warnings"] == []


def test_waves_take_their_share_of_each_group() -> None:
    hosts = [host(f"a{index}", 60, "a") for index in range(12)] + [host(f"b{index}", 60, "b") for index in range(4)]
    limits = {"a": {"max_unavailable": 1}, "b": {"max_unavailable": 1}}
    plan = planned(hosts, waves=[4], groups=limits)
    assert [Counter(name[0] for name in wave["hosts"]) for wave in plan["waves"]] == [{"a": 3, "b": 1}] * 4


def test_shares_lie_in_the_middle() -> None:
    """The hosts of a small group are not the first of all (so no canary is theirs alone) and not the last."""
    hosts = [host(f"a{index}", 60, "a") for index in range(5)] + [host(f"b{index}", 60, "b") for index in range(2)]
    plan = planned(hosts, waves=[1], groups={"b": {"max_unavailable": 1}})
    assert plan["order"] == ["a0", "b0", "a1", "a2", "a3", "b1", "a4"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("a", "a"),
        ("abcde", "a, b, c, d, e"),
        ("abcdef", "a, b, c, d, e and 1 more"),
        ("abcdefg", "a, b, c, d, e and 2 more"),
    ],
)
def test_many_names_in_a_sentence(names: str, said: str) -> None:
    assert fleet_plan.named(list(names)) == said


def test_a_group_that_nobody_is_in() -> None:
    assert planned([host("a", 60, "web")], groups={"wbe": {"max_unavailable": 1}})["warnings"] == [
        "groups.wbe: no host of the run is in this group."
    ]


# --- order -------------------------------------------------------------------------------------------------------


def test_longest_way_first_then_long_hosts() -> None:
    hosts = [host("a", 40), host("b1", 30, "b"), host("b2", 20, "b"), host("b3", 30, "b"), host("c", 60)]
    plan = planned(hosts, max_unavailable=2, groups={"b": {"max_unavailable": 1}})
    assert plan["order"] == ["b1", "c", "b3", "a", "b2"]
    assert plan["seconds"] == 100


def test_the_group_with_few_slots_goes_first_though_another_has_more_hosts() -> None:
    hosts = [host(f"a{index}", 100, "a") for index in range(9)] + [host(f"b{index}", 100, "b") for index in range(5)]
    plan = planned(hosts, max_unavailable=3, groups={"a": {"max_unavailable": 3}, "b": {"max_unavailable": 1}})
    assert plan["order"][0] == "b0"
    assert plan["seconds"] == 500


@pytest.mark.parametrize(
    ("seconds", "way"), [((2, 2, 3), 3.5), ((2, 2, 9), 9), ((2, 2, 2, 2, 2), 5)], ids=["work", "host", "equal"]
)
def test_the_way_of_a_group_is_its_work_by_its_slots(seconds: Sequence[int], way: float) -> None:
    """It cannot be shorter than its longest host, and hosts of no group with a limit have but their own."""
    hosts = [Host(f"h{index}", frozenset({"web", "x"}), each) for index, each in enumerate(seconds)]
    queue = Queue([*hosts, Host("other", frozenset({"x"}), 1)], {RUN: 1, "web": 2})
    assert (queue.way(hosts[-1]), queue.way(Host("other", frozenset({"x"}), 1))) == (way, 1)


def test_while_more_are_out_than_may_be_nobody_goes_out() -> None:
    """As many as are too many have to come back first, and one more."""
    waiting, others = Host("a", frozenset(), 9), [Host("x", frozenset(), 9), Host("y", frozenset(), 9)]
    queue, taken = Queue([waiting], {RUN: 1}), []
    for other in others:
        queue.out(other)
    for other in others:
        taken.append(queue.take(lambda _queue, host: (host.seconds, 0)))
        queue.back(other)
    assert taken == [None, None]
    assert queue.take(lambda _queue, host: (host.seconds, 0)) == waiting


def test_nobody_takes_no_time_and_no_slot() -> None:
    assert fleet_plan.best([], {RUN: 1}) == Played([], 0, 0)


def test_equal_hosts_keep_their_order() -> None:
    assert planned([host(name) for name in "cab"], max_unavailable=1)["order"] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("hosts", "spec", "needed"),
    [
        (10, {"max_unavailable": 3}, 4),
        (3, {"max_unavailable": 3}, 3),
        (10, {"max_unavailable": 10}, 10),
        (10, {"groups": {"g0": {"max_unavailable": 1}, "g1": {"max_unavailable": 2}}}, 5),
        (10, {"groups": {"g0": {"max_unavailable": 1}, "g1": {"max_unavailable": 2}, "no": {"max_unavailable": 1}}}, 5),
    ],
)
def test_forks_needed(hosts: int, spec: dict[str, Any], needed: int) -> None:
    fleet = [host(f"h{index}", 60, f"g{index % 2}") for index in range(hosts)]
    assert planned(fleet, needed, **spec)["forks_needed"] == needed
    assert not any("forks" in words for words in planned(fleet, needed, **spec)["warnings"])
    assert any("forks" in words for words in planned(fleet, needed - 1, **spec)["warnings"])


def fleets(most: int = 40) -> st.SearchStrategy[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Any hosts and any spec."""
    amount = st.integers(1, 6) | st.integers(1, 100).map(lambda percent: f"{percent}%")
    groups = st.lists(st.sampled_from("abcd"), unique=True, max_size=3)
    hosts = st.lists(st.tuples(groups, st.integers(0, 500)), max_size=most).map(
        lambda entries: [host(f"h{index:02}", seconds, *mine) for index, (mine, seconds) in enumerate(entries)]
    )
    spec = st.fixed_dictionaries(
        {
            "canary": st.integers(0, 3) | st.just("5%"),
            "waves": st.none()
            | st.lists(amount, min_size=1, max_size=3)
            | st.fixed_dictionaries({"first": amount, "growth": st.floats(1, 4)}),
            "max_unavailable": amount,
            "groups": st.dictionaries(st.sampled_from("abcd"), amount.map(lambda most: {"max_unavailable": most})),
        }
    )
    return st.tuples(hosts, spec)


@given(fleets(), st.integers(1, 50))
def test_any_plan(fleet: tuple[list[dict[str, Any]], dict[str, Any]], forks: int) -> None:
    hosts, spec = fleet
    plan = planned(hosts, forks, **spec)
    assert sorted(plan["order"]) == [one["name"] for one in hosts]
    assert [name for wave in plan["waves"] for name in wave["hosts"]] == plan["order"]
    assert all(wave["hosts"] for wave in plan["waves"])
    assert [wave["canary"] for wave in plan["waves"][1:]] == [False] * (len(plan["waves"]) - 1 if plan["waves"] else 0)
    if isinstance(spec["waves"], dict):
        sizes = [len(wave["hosts"]) for wave in plan["waves"] if not wave["canary"]][:-1]
        assert sizes == sorted(sizes)
    assert all(limit >= 1 for limit in plan["limits"].values())
    assert plan["forks_needed"] <= len(hosts)
    assert any("forks" in words for words in plan["warnings"]) == (forks < plan["forks_needed"])
    for wave in plan["waves"]:
        mine = [one for one in hosts if one["name"] in wave["hosts"]]
        _seconds, most = run(mine, {"order": wave["hosts"], "limits": plan["limits"]}, forks)
        assert all(most[limit] <= slots for limit, slots in plan["limits"].items())


@given(fleets())
def test_needed_forks_are_enough(fleet: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
    hosts, spec = fleet
    assume(hosts)
    plan = planned(hosts, **(spec | {"canary": 0, "waves": None}))
    ticking = [one | {"seconds": max(1, one["seconds"])} for one in hosts]
    assert run(ticking, plan, plan["forks_needed"])[0] <= plan["seconds"]


def mixed(seed: int, groups: int, slots: int, each: int) -> Iterator[dict[str, Any]]:
    """Hosts of mixed durations, ten minutes to two hours, `each` of them for every slot of every group."""
    rolled = random.Random(seed)
    for group in range(groups):
        for index in range(each * slots):
            seconds = min(7200, max(600, round(rolled.lognormvariate(7.5, 0.5))))
            yield host(f"g{group}-{index}", seconds, f"g{group}", "all")


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    groups=st.integers(1, 6),
    slots=st.integers(1, 4),
    each=st.integers(8, 12),
    share=st.sampled_from([1.0, 0.75, 0.5]),
)
def test_makespan_is_close_to_the_bound(seed: int, groups: int, slots: int, each: int, share: float) -> None:
    hosts = list(mixed(seed, groups, slots, each))
    limits = {f"g{group}": {"max_unavailable": slots} for group in range(groups)}
    plan = planned(hosts, max_unavailable=max(1, round(share * groups * slots)), groups=limits)
    seconds, most = run(hosts, plan)
    assert seconds <= 1.10 * bound(hosts, plan["limits"])
    assert seconds == plan["seconds"]
    assert all(most[limit] <= slots for limit, slots in plan["limits"].items())


@pytest.mark.parametrize("seed", range(5))
def test_order_is_worth_it(seed: int) -> None:
    hosts = list(mixed(seed, 4, 2, 8))
    limits = {f"g{group}": {"max_unavailable": 2} for group in range(4)}
    plan = planned(hosts, max_unavailable=5, groups=limits)
    as_given = run(hosts, plan | {"order": [one["name"] for one in hosts]}, 8)[0]
    assert run(hosts, plan, 8)[0] < 0.85 * as_given
