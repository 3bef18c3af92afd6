# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the record says of a run beside its results: slots, spans out of service, every restart, the run before."""

from __future__ import annotations

import json
from typing import Any

import pytest
import run_rolling as rolling
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.slot import stays
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record, run_history
from hypothesis import given
from hypothesis import strategies as st
from run_rolling import at, entry

Json = dict[str, Any]
SLOT = {"waited": 12.5, "groups": ["web"], "kind": "restart", "wave": 2, "canary": False}
DRAINED, ACTIVE = {"state": "drained", "why": None}, {"state": "active", "why": None}
DONE = {"done": True, "consent": True, "reason": "r"}


def steps(*told: tuple[float, str, Json], host: str = "a") -> list[Json]:
    """The record of one host, with minutes for times."""
    return [entry(minutes, host, step, **data) for minutes, step, data in told]


def spans(*told: tuple[float, str, Json]) -> list[tuple[str, str | None]]:
    """When the host was out of service."""
    return [(span["from"], span["to"]) for slot in run_history.slots(steps(*told), rolling.RUN) for span in slot["out"]]


def test_a_slot_with_all_it_has() -> None:
    told = steps(
        (1, "decided", {}),
        (2, "slot_taken", SLOT),
        (3, "preflight", {"ok": True}),
        (4, "drained", DRAINED),
        (10, "restarting", {}),
        (14, "restarted", DONE),
        (20, "restarting", {}),
        (22, "restarted", DONE),
        (25, "undrained", ACTIVE),
        (26, "host_finished", {}),
        (27, "slot_released", {"outcome": "restarted", "failed": False, "kept": False}),
    )
    assert run_history.slots(told, rolling.RUN) == [
        {
            "host": "a",
            **SLOT,
            "taken_at": at(2),
            "released_at": at(27),
            "out": [{"from": at(4), "to": at(25)}],
            "restarts": [{"from": at(10), "to": at(14)}, {"from": at(20), "to": at(22)}],
            "outcome": "restarted",
            "failed": False,
            "kept": False,
        }
    ]


@pytest.mark.parametrize(
    ("told", "out"),
    [
        # Without a drain a host is out while it restarts, with a slot and without.
        ([(2, "slot_taken", SLOT), (5, "restarting", {}), (9, "restarted", DONE)], [(5, 9)]),
        ([(5, "restarting", {}), (9, "restarted", DONE)], [(5, 9)]),
        ([(5, "restarting", {}), (9, "restarted", {})], [(5, 9)]),
        ([(5, "restarting", {}), (9, "restarted", {"done": None})], [(5, None)]),
        ([(5, "restarting", {}), (9, "restarted", {"done": False})], [(5, None)]),
        ([(5, "restarting", {})], [(5, None)]),
        ([(5, "restarting", {}), (7, "restarting", {}), (9, "restarted", DONE)], [(5, 9)]),
        ([(5, "restarting", {}), (9, "restarted", DONE), (20, "restarting", {})], [(5, 9), (20, None)]),
        # A drain lasts until the host is in service again.
        ([(3, "drained", DRAINED), (5, "restarting", {}), (9, "restarted", DONE)], [(3, None)]),
        ([(3, "drained", DRAINED), (9, "undrained", ACTIVE)], [(3, 9)]),
        ([(3, "drained", DRAINED), (9, "undrained", {})], [(3, 9)]),
        ([(3, "drained", DRAINED), (9, "undrained", DRAINED)], [(3, None)]),
        ([(3, "drained", DRAINED), (9, "undrained", {"state": "unknown"})], [(3, None)]),
        ([(3, "drained", DRAINED), (4, "undrained", DRAINED), (9, "undrained", ACTIVE)], [(3, 9)]),
        ([(3, "drained", {"state": "unknown"}), (9, "undrained", ACTIVE)], [(3, 9)]),
        ([(3, "drained", {"state": "refused"})], []),
        ([(3, "drained", {"state": "active"})], []),
        ([(3, "drained", {})], []),
        ([(2, "slot_taken", SLOT), (3, "drained", {"state": "refused"}), (4, "slot_released", {})], []),
        # Put back before: what restarts then is out for that alone.
        (
            [(3, "drained", DRAINED), (9, "undrained", ACTIVE), (11, "restarting", {}), (12, "restarted", DONE)],
            [(3, 9), (11, 12)],
        ),
        # Where the host is was judged at the end of its slot; the steps only tell since when.
        ([(2, "slot_taken", SLOT), (5, "restarting", {}), (9, "slot_released", {"kept": False})], [(5, 9)]),
        ([(2, "slot_taken", SLOT), (3, "drained", DRAINED), (9, "slot_released", {"kept": False})], [(3, 9)]),
        ([(2, "slot_taken", SLOT), (3, "drained", DRAINED), (9, "slot_released", {"kept": True})], [(3, None)]),
        ([(2, "slot_taken", SLOT), (9, "slot_released", {"kept": True})], [(9, None)]),
        ([(2, "slot_taken", SLOT), (9, "slot_released", {"kept": None})], []),
        ([(9, "undrained", ACTIVE)], []),
        ([(9, "restarted", DONE)], []),
        ([(9, "slot_released", {"kept": True})], []),
    ],
)
def test_when_a_host_was_out_of_service(told: list[Any], out: list[Any]) -> None:
    assert spans(*told) == [(at(begin), None if end is None else at(end)) for begin, end in out]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"waited": True, "groups": "web", "kind": 1, "wave": True, "canary": 1},
        {"waited": "12", "groups": None, "kind": None, "wave": "2", "canary": "yes"},
        {"waited": -1, "groups": {}, "kind": [], "wave": -1},
        {"wave": 1.5},
    ],
)
def test_a_slot_of_which_less_is_said(data: Json) -> None:
    (slot,) = run_history.slots(steps((1, "slot_taken", data), (2, "slot_released", {"failed": "no"})), rolling.RUN)
    assert (slot["wave"], slot["canary"], slot["groups"], slot["kind"], slot["waited"]) == (None, None, [], None, None)
    assert (slot["taken_at"], slot["released_at"]) == (at(1), at(2))
    assert (slot["outcome"], slot["failed"], slot["kept"]) == (None, None, None)


def test_the_same_slot_taken_again_is_one_and_after_its_release_another() -> None:
    told = steps((1, "slot_taken", SLOT), (2, "slot_taken", SLOT), (3, "slot_released", {}), (5, "slot_taken", SLOT))
    found = run_history.slots(told, rolling.RUN)
    assert [(slot["taken_at"], slot["released_at"]) for slot in found] == [(at(1), at(3)), (at(5), None)]


def test_slots_are_in_the_order_taken_and_only_of_this_run() -> None:
    told = [
        *steps((5, "slot_taken", SLOT), host="b"),
        *steps((1, "slot_taken", SLOT), host="c"),
        *steps((3, "restarting", {}), host="d"),
        *steps((5, "slot_taken", SLOT), host="a"),
        entry(0, "e", "slot_taken", rolling.BEFORE, **SLOT),
        entry(0, None, "run_started"),
    ]
    assert [slot["host"] for slot in run_history.slots(told, rolling.RUN)] == ["c", "d", "a", "b"]
    assert run_history.slots(told, "another") == []


def test_a_time_that_is_none_is_left_out() -> None:
    told = steps((1, "slot_taken", SLOT), (3, "slot_released", {}))
    told[0]["at"] = "yesterday"
    assert run_history.slots(told, rolling.RUN) == []
    assert run_history.told(told, rolling.RUN)["a"]["out"] is None


NO_WORD = dict.fromkeys(("consent", "consent_by", "reason", "before", "after", "build", "state"))


@pytest.mark.parametrize(
    ("told", "restarts"),
    [
        ([], []),
        ([(1, "decided", {})], []),
        ([(1, "restarting", {"reason": "r"})], [{"reason": "r", "done": None}]),
        (
            [(1, "restarting", {"reason": "r"}), (2, "restarted", {"after": "x"})],
            [{"reason": "r", "done": True, "after": "x"}],
        ),
        ([(2, "restarted", {"done": False})], [{"done": False}]),
        (
            [(1, "restarting", {"reason": "r"}), (2, "restarted", {"done": None, "reason": "s"})],
            [{"done": None, "reason": "s"}],
        ),
        (
            [
                (1, "restarting", {"reason": "1"}),
                (2, "restarted", {}),
                (3, "restarting", {"reason": "2"}),
                (4, "restarted", {}),
            ],
            [{"reason": "1", "done": True}, {"reason": "2", "done": True}],
        ),
        (
            [(1, "restarting", {"reason": "1"}), (3, "restarting", {"reason": "2"}), (4, "restarted", {})],
            [{"reason": "1", "done": None}, {"reason": "2", "done": True}],
        ),
        (
            [(1, "restarting", {"reason": "1"}), (2, "restarted", {}), (4, "restarted", {})],
            [{"reason": "1", "done": True}, {"done": True}],
        ),
    ],
)
def test_every_restart(told: list[Any], restarts: list[Json]) -> None:
    found = run_history.told(steps(*told), rolling.RUN)
    assert (found["a"]["restarts"] if found else []) == [{**NO_WORD, **one} for one in restarts]


def test_last_words_on_a_host() -> None:
    told = steps(
        (1, "preflight", {"ok": None, "why": "w"}),
        (2, "drained", DRAINED),
        (3, "undrained", {"state": "drained", "why": "The balancer refuses."}),
    )
    assert run_history.told(told, rolling.RUN) == {
        "a": {
            "restarts": [],
            "drain": {"state": "drained", "why": "The balancer refuses."},
            "preflight": {"ok": None, "why": "w"},
            "out": True,
        }
    }
    assert run_history.told(steps((1, "decided", {})), rolling.RUN)["a"] == {
        "restarts": [],
        "drain": None,
        "preflight": None,
        "out": None,
    }


@pytest.mark.parametrize(
    ("told", "out"),
    [
        ([(1, "slot_taken", SLOT), (2, "slot_released", {"kept": True})], True),
        ([(1, "slot_taken", SLOT), (2, "slot_released", {"kept": False})], False),
        ([(1, "slot_taken", SLOT)], False),
        ([(1, "slot_taken", SLOT), (2, "restarting", {})], True),
        # The last slot tells.
        ([(1, "slot_taken", SLOT), (2, "slot_released", {"kept": True}), (3, "slot_taken", SLOT)], False),
    ],
)
def test_whether_it_is_out(told: list[Any], out: bool) -> None:
    assert run_history.told(steps(*told), rolling.RUN)["a"]["out"] is out
    assert stays(run_history.slots(steps(*told), rolling.RUN)[-1]) is out


def ran(run: str, playbook: str | None = "patch", finished: bool = True) -> list[Json]:
    """A run of one host."""
    data = {} if playbook is None else {"playbook": playbook}
    lines = [entry(0, None, "run_started", run, **data)]
    return lines + ([entry(1, "a", "host_finished", run, outcome="installed")] if finished else [])


@pytest.mark.parametrize(
    ("lines", "before"),
    [
        ([*ran("1"), *ran("now")], "1"),
        ([*ran("1"), *ran("2"), *ran("now"), *ran("later")], "2"),
        ([*ran("1"), *ran("2", "hotpatch"), *ran("now")], "1"),
        ([*ran("1"), *ran("2", finished=False), *ran("now")], "1"),
        ([*ran("1"), *ran("2", None), *ran("now")], "1"),
        ([*ran("1", None), *ran("now", None)], None),
        ([*ran("now")], None),
        ([*ran("now"), *ran("later")], None),
        # Began before, also when it ended later.
        ([*ran("1", finished=False), *ran("now"), entry(9, "a", "host_finished", "1")], "1"),
    ],
)
def test_the_run_before(lines: list[Json], before: str | None) -> None:
    found = run_history.previous(lines, "now")
    assert (None if found is None else found["about"]["id"]) == before
    if found is not None:
        assert [one["name"] for one in found["results"]] == ["a"]


def test_the_run_before_a_run_that_is_not_there() -> None:
    with pytest.raises(record.RecordError, match="'x' is not in the record"):
        run_history.previous(ran("1"), "x")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ab", "b"]),
        st.sampled_from(record.HOST_STEPS),
        st.dictionaries(
            st.sampled_from(["state", "done", "kept", "wave", "waited", "groups", "outcome", "kind"]),
            st.none() | st.booleans() | st.integers() | st.sampled_from(["drained", "active", "unknown", "refused"]),
            max_size=3,
        ),
    ),
    max_size=12,
)


@given(STEPS)
def test_any_order_of_steps_gives_spans_in_order(given_steps: list[tuple[str, str, Json]]) -> None:
    told = [entry(minute, host, step, **data) for minute, (host, step, data) in enumerate(given_steps)]
    found = run_history.slots(told, rolling.RUN)
    assert json.loads(json.dumps(found)) == found
    for slot in found:
        assert slot["taken_at"] or slot["out"]
        for kind in ("out", "restarts"):
            times = [time for span in slot[kind] for time in (span["from"], span["to"])]
            # Only the last span can be open.
            assert None not in times[:-1]
            assert [time for time in times if time] == sorted(time for time in times if time)
    restarts = sum(len(one["restarts"]) for one in run_history.told(told, rolling.RUN).values())
    assert restarts >= sum(step == "restarting" for _host, step, _data in given_steps)
