# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state directory: limits hold among processes and runs, whoever is killed leaves what can be read, and nothing is lost."""

from __future__ import annotations

import errno
import fcntl
import functools
import json
import multiprocessing
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import plan as fleet_plan
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.admission import Answer, Ask
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import FleetSpec
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import fencing as fleet_lease
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import heartbeat as fleet_beat
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import leases as fleet_state
from ansible_collections.rebootless.patching.plugins.plugin_utils.store.leases import Given, State, StateError

FORK = multiprocessing.get_context("fork")
LONG_AGO = 1_000_000_000.0
HOSTS = [{"name": f"h{index:02}", "groups": [f"g{index % 2}"], "seconds": 60} for index in range(20)]


def register(state: State, run: str = "r1", hosts: list[dict[str, Any]] | None = None, **spec: Any) -> None:
    """Make a run known."""
    given = HOSTS if hosts is None else hosts
    loaded = FleetSpec.load(spec)
    state.register(run, fleet_plan.hosts(given, loaded), loaded.given, fleet_plan.plan(given, loaded, 50))


def ask(host: str = "h00", kind: str = "restart", **more: Any) -> Ask:
    """A host that asks now."""
    now = datetime.now(UTC)
    return Ask(**({"host": host, "kind": kind, "now": now, "judged": now} | more))


def end(state: State, run: str = "r1") -> None:
    """Let a run look like one whose ansible-playbook has ended: its number is another process's now."""
    for file in [*(state.folder / "runs").glob("*.json"), *(state.folder / "leases").glob("*.json")]:
        found = json.loads(file.read_bytes())
        if found["run"] == run:
            found["controller"]["pid_start"] = "1"
            file.write_text(json.dumps(found))


def elsewhere(state: State, run: str = "r1", **where: str) -> None:
    """Let a run look like one of another controller."""
    for file in [*(state.folder / "runs").glob("*.json"), *(state.folder / "leases").glob("*.json")]:
        found = json.loads(file.read_bytes())
        if found["run"] == run:
            found["controller"] |= where
            file.write_text(json.dumps(found))


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A state directory with a run of 20 hosts of which 2 may be out."""
    found = State(tmp_path / "deep" / "state")
    register(found, max_unavailable=2)
    return found


# --- files -------------------------------------------------------------------------------------------------------


def test_files_of_the_contract(state: State) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    assert state.take("r1", ask("h01"), "drain") == Answer(True, "admitted", "The host may go out.")
    me = {"host": os.uname().nodename, "place": fleet_beat.place(), "pid": os.getpid()}
    me["pid_start"] = fleet_beat.started(os.getpid())
    lease = json.loads((state.folder / "leases" / "h01.json").read_bytes())
    run = json.loads((state.folder / "runs" / "r1.json").read_bytes())
    for moment in (lease["taken_at"], run["started_at"], run["started"]["h01"]):
        assert timedelta() <= datetime.fromisoformat(moment) - before + timedelta(seconds=60) < timedelta(seconds=120)
    assert lease == {
        "schema": 1,
        "host": "h01",
        "run": "r1",
        "groups": ["g1"],
        "kind": "restart",
        "taken_at": lease["taken_at"],
        "phase": "drain",
        "controller": me,
    }
    assert run == {
        "schema": 1,
        "run": "r1",
        "plan": fleet_plan.plan(HOSTS, FleetSpec.load({"max_unavailable": 2}), 50),
        "spec": {"max_unavailable": 2},
        "hosts": {one["name"]: {"groups": one["groups"], "seconds": 60} for one in HOSTS},
        "started_at": run["started_at"],
        "controller": me,
        "started": {"h01": lease["taken_at"]},
        "finished": {},
        "stopped": None,
    }
    assert state.run("r1") == run
    assert state.lease("h01") == lease
    assert state.leases() == [lease | {"alive": True}]
    assert (state.folder / "runs" / "r1.beat").exists()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("web1.example.org", "web1.example.org.json"),
        ("2026-09-20T12:00:00Z", "2026-09-20T12:00:00Z.json"),
        ("a/b", "a%2Fb.json"),
        ("a%2Fb", "a%252Fb.json"),
        ("..", "%2E..json"),
        (".hidden", "%2Ehidden.json"),
        ("ü", "%C3%BC.json"),
    ],
)
def test_names_of_files(tmp_path: Path, name: str, file: str) -> None:
    assert fleet_state.file_name(name, ".json") == file
    state = State(tmp_path / "state")
    register(state, name, [{"name": name}])
    assert state.take(name, ask(name)).admitted
    assert (tmp_path / "state" / "leases" / file).exists()
    assert [lease["host"] for lease in state.leases()] == [name]
    assert state.release(name, name).released


def test_a_run_is_registered_once(state: State) -> None:
    before = state.run("r1")
    with pytest.raises(StateError) as caught:
        register(state)
    assert str(caught.value) == (
        f"run: r1 is in {state.folder} already; a run that goes on where another ended is a new one."
    )
    end(state)
    with pytest.raises(StateError, match="already"):
        register(state)
    assert state.run("r1")["started_at"] == before["started_at"]
    assert (state.known("r1"), state.known("r2")) == (True, False)


@pytest.mark.parametrize("name", ["", " "])
def test_a_run_has_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(StateError) as caught:
        register(State(tmp_path), name)
    assert str(caught.value) == f"run: {name!r} is no name of a run; give a text that no other run has."


@pytest.mark.parametrize(
    "question",
    [
        lambda state: state.run("r9"),
        lambda state: state.gate("r9"),
        lambda state: state.take("r9", ask()),
        lambda state: state.release("r9", "h00"),
        lambda state: state.keep("r9", "h00", {"outcome": "x", "failed": True}),
        lambda state: state.seconds("r9", "h00"),
        lambda state: state.looked("r9", "h00"),
    ],
)
def test_an_unknown_run(state: State, question: Callable[[State], object]) -> None:
    with pytest.raises(StateError) as caught:
        question(state)
    assert str(caught.value) == f"run: r9 is not in {state.folder}; fleet_plan registers it."


@pytest.mark.parametrize("question", [lambda state: state.take("r1", ask("x")), lambda state: state.release("r1", "x")])
def test_a_host_of_no_plan(state: State, question: Callable[[State], object]) -> None:
    with pytest.raises(StateError) as caught:
        question(state)
    assert str(caught.value) == "host: x is not in the plan of run r1."


# --- slots -------------------------------------------------------------------------------------------------------


def test_slots_are_limited_and_come_back(state: State) -> None:
    assert [state.take("r1", ask(f"h0{index}")).code for index in range(3)] == ["admitted", "admitted", "wait_limit"]
    given = state.release("r1", "h00", {"outcome": "restarted", "failed": False})
    assert (given.released, given.why) == (True, "The slot is free.")
    assert given.lease is not None
    assert given.lease["host"] == "h00"
    assert state.take("r1", ask("h02")).admitted
    finished = state.run("r1")["finished"]
    assert finished["h00"] | {"at": ""} == {"outcome": "restarted", "failed": False, "at": ""}
    assert datetime.now(UTC) - datetime.fromisoformat(finished["h00"]["at"]) < timedelta(minutes=1)
    assert list(state.run("r1")["started"]) == ["h00", "h01", "h02"]
    assert state.release("r1", "h00") == Given(False, None, "The host has no slot.")


def test_a_host_that_stays_out_keeps_its_slot_for_a_later_run(state: State) -> None:
    register(state, "r2", max_unavailable=2)
    state.take("r1", ask("h00", "install"), "look")
    before = state.lease("h00")
    assert before is not None
    ended = {"outcome": "verify_failed", "failed": True}
    assert state.keep("r1", "h00", ended) == Given(False, before, "The slot stays taken: the host is out of service.")
    # It counts from now on, whatever it was taken for.
    assert state.lease("h00") == before | {"kind": "restart", "phase": "verify_failed"}
    assert state.run("r1")["finished"]["h00"] | {"at": ""} == ended | {"at": ""}
    assert state.gate("r1").bad == ["h00"]
    assert state.take("r2", ask("h00")).why == "Run r1 has the host in its hands."
    end(state)
    adopted = state.take("r2", ask("h00", "install")).adopted
    assert adopted is not None
    assert (adopted["run"], adopted["phase"]) == ("r1", "verify_failed")
    assert state.keep("r1", "h00", ended) == Given(False, state.lease("h00"), "The slot is run r2's.")
    assert state.keep("r1", "h01", ended) == Given(False, None, "The host has no slot.")
    assert state.run("r1")["finished"]["h01"]["failed"] is True


def test_nobody_waits_for_a_host_that_stays_out(state: State) -> None:
    for name in ("h00", "h01"):
        state.take("r1", ask(name))
    assert state.take("r1", ask("h03")).code == "wait_limit"
    for name in ("h00", "h01"):
        state.keep("r1", name, {"outcome": "x", "failed": False})
    answer = state.take("r1", ask("h03"))
    assert (answer.code, answer.why) == ("slots_kept", "Of all hosts 2 may be out, and nobody puts back h00, h01.")
    assert list((state.folder / "runs" / "r1.waiting").iterdir()) == []


def test_how_long_a_host_is_likely_to_take(state: State) -> None:
    assert state.seconds("r1", "h00") == 60
    with pytest.raises(StateError, match="host: x is not in the plan of run r1"):
        state.seconds("r1", "x")


def test_everything_can_be_said_twice(state: State) -> None:
    assert state.take("r1", ask(now=datetime(2026, 1, 1, tzinfo=UTC)), "drain").admitted
    assert state.take("r1", ask(), None).why == "The host has its slot already."
    lease = state.lease("h00")
    assert lease is not None
    assert (lease["taken_at"], lease["phase"]) == ("2026-01-01T00:00:00Z", "drain")
    state.take("r1", ask(), "restarting")
    lease = state.lease("h00")
    assert lease is not None
    assert (lease["taken_at"], lease["phase"]) == ("2026-01-01T00:00:00Z", "restarting")
    assert state.run("r1")["started"] == {"h00": "2026-01-01T00:00:00Z"}


def test_a_slot_to_install_becomes_one_to_restart_and_stays_one(state: State) -> None:
    for index in range(3):
        assert state.take("r1", ask(f"h0{index}", "install")).admitted
    codes = [state.take("r1", ask(f"h0{index}")).code for index in range(3)]
    assert codes == ["admitted", "admitted", "wait_limit"]
    assert state.take("r1", ask("h00", "install")).admitted
    assert [lease["kind"] for lease in state.leases()] == ["restart", "restart", "install"]


def test_limits_hold_across_runs(state: State) -> None:
    register(state, "r2", max_unavailable=2)
    assert state.take("r1", ask("h00")).admitted
    assert state.take("r2", ask("h01")).admitted
    assert state.take("r1", ask("h02")).why == "Of all hosts 2 may be out. Out now: h00, h01."
    assert state.take("r2", ask("h00")).why == "Run r1 has the host in its hands."
    assert state.release("r2", "h00") == Given(False, state.lease("h00"), "The slot is run r1's.")
    assert state.lease("h00") is not None


def test_those_that_wait_need_no_lock(state: State) -> None:
    for name in ("h00", "h01"):
        assert state.take("r1", ask(name)).admitted
    with (state.folder / "lock").open("r+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert state.take("r1", ask("h02")).code == "wait_limit"


def test_those_that_wait_keep_their_order(state: State) -> None:
    order = state.run("r1")["plan"]["order"]
    for name in order[:2]:
        assert state.take("r1", ask(name)).admitted
    assert state.take("r1", ask(order[3])).code == "wait_limit"
    assert state.take("r1", ask(order[2])).code == "wait_limit"
    state.release("r1", order[0])
    assert state.take("r1", ask(order[3])).why.endswith("Waiting ahead of it: 1.")
    assert state.take("r1", ask(order[3], "install")).admitted
    assert state.take("r1", ask(order[2])).admitted
    state.release("r1", order[1])
    assert state.take("r1", ask(order[3])).admitted
    assert list((state.folder / "runs" / "r1.waiting").iterdir()) == []


def test_who_was_not_heard_of_lately_loses_its_place(state: State) -> None:
    order = state.run("r1")["plan"]["order"]
    for name in order[:3]:
        state.take("r1", ask(name))
    mark = state.folder / "runs" / "r1.waiting" / order[2]
    os.utime(mark, (LONG_AGO, LONG_AGO))
    state.release("r1", order[0])
    state.still_waits("r1", order[2])
    assert state.take("r1", ask(order[3])).code == "wait_limit"
    os.utime(mark, (LONG_AGO, LONG_AGO))
    assert state.take("r1", ask(order[3])).admitted
    state.still_waits("r1", "h19")
    assert not (mark.parent / "h19").exists()


def test_what_can_change_an_answer_is_seen(state: State) -> None:
    def seen(change: Callable[[], object]) -> bool:
        before = state.changes("r1")
        change()
        return state.changes("r1") != before

    stop = state.folder / "stop"
    assert not seen(lambda: None)
    assert seen(lambda: state.take("r1", ask()))
    assert not seen(lambda: state.take("r1", ask()))
    assert seen(lambda: state.release("r1", "h05", {"outcome": "x", "failed": False}))
    assert seen(lambda: state.release("r1", "h00"))
    assert seen(lambda: stop.write_text("x"))
    assert seen(stop.unlink)


# --- gate and stop file ------------------------------------------------------------------------------------------


def test_gate_stops_the_run_for_good(state: State) -> None:
    assert state.gate("r1").open
    state.release("r1", "h05", {"outcome": "not_reached", "failed": True})
    assert (state.gate("r1").open, state.gate("r1").bad) == (False, ["h05"])
    assert state.take("r1", ask()).code == "gate_closed"
    assert state.run("r1")["stopped"] == "1 host ended badly (h05); the run's budget is 0."
    state.release("r1", "h05", {"outcome": "restarted", "failed": False})
    assert state.take("r1", ask()).code == "run_stopped"
    assert state.gate("r1").why == "The run was stopped: 1 host ended badly (h05); the run's budget is 0."
    assert not state.gate("r1").open
    register(state, "r2")
    assert state.take("r2", ask()).admitted


@pytest.mark.parametrize(
    ("content", "reason"), [(b" moving\n", "moving"), (b"", ""), (b"\xff", "\ufffd"), (b"x" * 9999, "x" * 4096)]
)
def test_stop_file(state: State, content: bytes, reason: str) -> None:
    assert state.stop() is None
    (state.folder / "stop").write_bytes(content)
    assert state.stop() == reason
    assert state.take("r1", ask()).code == "stop_file"
    assert state.run("r1")["stopped"] is None
    (state.folder / "stop").unlink()
    assert state.take("r1", ask()).admitted


def test_a_stop_file_that_cannot_be_read_is_no_missing_one(state: State) -> None:
    (state.folder / "stop").mkdir()
    with pytest.raises(StateError, match=f"^The stop file {state.folder}/stop cannot be read: Is a directory"):
        state.take("r1", ask())


# --- runs that have ended ----------------------------------------------------------------------------------------


def test_an_orphan_counts_until_somebody_has_looked(state: State) -> None:
    state.take("r1", ask("h00"), "restarting")
    state.take("r1", ask("h01"))
    end(state)
    register(state, "r2", max_unavailable=2)
    assert [(lease["host"], lease["alive"]) for lease in state.leases()] == [("h00", False), ("h01", False)]
    assert state.take("r2", ask("h02")).why == (
        "Of all hosts 2 may be out. Out now: h00 (left behind by run r1), h01 (left behind by run r1)."
    )
    given = state.looked("r2", "h01")
    assert (given.released, given.why) == (True, "The slot that run r1 left behind is free.")
    assert state.looked("r2", "h01") == Given(False, None, "The host has no slot.")
    assert state.take("r2", ask("h02")).admitted
    adopted = state.take("r2", ask("h00"), "look")
    assert adopted.adopted is not None
    assert (adopted.adopted["run"], adopted.adopted["phase"]) == ("r1", "restarting")
    lease = state.lease("h00")
    assert lease is not None
    assert (lease["run"], lease["phase"]) == ("r2", "look")
    assert state.release("r1", "h00").why == "The slot is run r2's."
    assert [lease["alive"] for lease in state.leases()] == [True, True]


def test_an_orphan_that_is_out_stays_counted(state: State) -> None:
    state.take("r1", ask("h00"))
    end(state)
    register(state, "r2", max_unavailable=1)
    assert state.take("r2", ask("h00", "install")).adopted is not None
    assert [lease["kind"] for lease in state.leases()] == ["restart"]
    assert state.take("r2", ask("h01")).code == "wait_limit"


def test_a_run_ends_before_its_process_does(state: State) -> None:
    """One ansible-playbook may go through several runs: none admits anybody, or keeps anybody, after its end."""
    state.take("r1", ask("h00"), "restarting")
    state.keep("r1", "h00", {"outcome": "unhealthy", "failed": True})
    register(state, "r2", max_unavailable=1)
    assert not state.take("r2", ask("h00")).admitted
    state.end("r1")
    state.end("r1")
    with pytest.raises(StateError, match="run: r1 has ended"):
        state.take("r1", ask("h01"))
    adopted = state.take("r2", ask("h00")).adopted
    assert adopted is not None
    assert adopted["run"] == "r1"
    with pytest.raises(StateError, match="run: r9 is not in"):
        state.end("r9")


def test_an_operator_frees_orphans_alone(state: State) -> None:
    state.take("r1", ask("h00"))
    assert state.force("h00").why == "Run r1, whose slot it is, lives."
    register(state, "r2")
    assert not state.looked("r2", "h00").released
    assert not state.looked("r1", "h00").released
    end(state)
    assert state.force("h00").released
    assert state.force("h00") == Given(False, None, "The host has no slot.")
    assert state.leases() == []


@pytest.mark.parametrize("question", [lambda state: state.take("r1", ask()), lambda state: state.looked("r1", "h00")])
def test_an_ended_run_gets_nothing(state: State, question: Callable[[State], object]) -> None:
    end(state)
    with pytest.raises(StateError) as caught:
        question(state)
    assert str(caught.value) == "run: r1 has ended; a run that goes on where another ended is a new one."
    assert not state.release("r1", "h00", {"outcome": "x", "failed": True}).released
    assert state.gate("r1").bad == ["h00"]


@pytest.mark.parametrize("where", [{"host": "another"}, {"place": "another"}])
@pytest.mark.parametrize(("age", "alive"), [(0, True), (55, True), (65, False), (-500, True)])
def test_a_run_elsewhere_lives_by_its_heartbeat(state: State, where: dict[str, str], age: float, alive: bool) -> None:
    state.take("r1", ask("h00"))
    elsewhere(state, **where)
    end(state)
    moment = time.time() - age
    os.utime(state.folder / "runs" / "r1.beat", (moment, moment))
    assert [lease["alive"] for lease in state.leases()] == [alive]


def test_a_run_elsewhere_without_heartbeat_has_ended(state: State) -> None:
    state.take("r1", ask("h00"))
    elsewhere(state, host="another")
    (state.folder / "runs" / "r1.beat").unlink()
    assert [lease["alive"] for lease in state.leases()] == [False]


def test_a_run_here_lives_by_its_process(state: State) -> None:
    state.take("r1", ask("h00"))
    os.utime(state.folder / "runs" / "r1.beat", (LONG_AGO, LONG_AGO))
    assert [lease["alive"] for lease in state.leases()] == [True]
    (state.folder / "runs" / "r1.json").unlink()
    assert [lease["alive"] for lease in state.leases()] == [True]


# --- what goes wrong ---------------------------------------------------------------------------------------------

BY_HAND = "look whether a host was left out of service, put it back, then remove the file by hand."


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not an object"),
        (b"{}", "has schema null, not 1"),
        (b'{"schema": 2}', "has schema 2, not 1"),
        (
            b'{"schema": 1, "host": 1}',
            "lacks host, run, groups, kind, taken_at, phase, controller or has it of a wrong kind",
        ),
    ],
)
def test_a_broken_lease_is_named_whoever_asks(state: State, content: bytes, what: str) -> None:
    file = state.folder / "leases" / "zz.json"
    file.write_bytes(content)
    for question in (state.leases, lambda: state.take("r1", ask()), lambda: state.force("h00")):
        with pytest.raises(StateError) as caught:
            question()
        assert str(caught.value) == f"{file} {what}; {BY_HAND}"
    assert file.read_bytes() == content


def test_a_lease_with_half_a_controller_or_a_wrong_name(state: State) -> None:
    state.take("r1", ask())
    file = state.folder / "leases" / "h00.json"
    lease = json.loads(file.read_bytes())
    file.write_text(json.dumps(lease | {"controller": {"host": "x"}}))
    with pytest.raises(StateError, match=r"h00\.json lacks controller or has it of a wrong kind;"):
        state.leases()
    file.write_text(json.dumps(lease))
    file.rename(file.with_name("h01.json"))
    with pytest.raises(StateError, match=r"h01\.json is not named after what it holds;"):
        state.leases()


def test_a_broken_run_is_named(state: State) -> None:
    file = state.folder / "runs" / "r1.json"
    file.write_bytes(b"{}")
    for question in (
        lambda: state.run("r1"),
        lambda: state.take("r1", ask()),
        lambda: state.gate("r1"),
        lambda: register(state),
    ):
        with pytest.raises(StateError, match=r"r1\.json has schema null|is in .* already"):
            question()
    assert file.read_bytes() == b"{}"


def test_a_directory_that_is_gone(state: State) -> None:
    state.take("r1", ask())
    shutil.rmtree(state.folder)
    with pytest.raises(StateError, match=r"^run: r1 is not in "):
        state.take("r1", ask())
    with pytest.raises(StateError) as caught:
        state.release("r1", "h00")
    assert str(caught.value) == f"{state.folder}/lock cannot be locked: No such file or directory."
    assert not state.folder.exists()
    assert state.leases() == []


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=rf"^{tmp_path}/file/state cannot be made: Not a directory\.$"):
        register(State(tmp_path / "file" / "state"))


def no_space(_handle: int) -> None:
    """What a full disk says."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("good_writes", [0, 2])
def test_full_disk_leaves_what_was(state: State, monkeypatch: pytest.MonkeyPatch, good_writes: int) -> None:
    before = state.run("r1")
    left = [good_writes]

    def fsync(handle: int, real: Callable[[int], None] = os.fsync) -> None:
        left[0] -= 1
        real(handle) if left[0] >= 0 else no_space(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        # The second write is the run's; what takes the lease away again may fail as well, and the lease stays.
        with pytest.raises(StateError, match=r"cannot be (written|removed): No space left on device\.$"):
            state.take("r1", ask())
    assert state.run("r1") == before
    assert state.leases() == []
    assert not list(state.folder.rglob(".*"))
    assert state.take("r1", ask()).admitted


def test_a_lock_that_was_replaced_is_taken_anew(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = state.folder / "lock"
    calls = []

    def flock(handle: int, how: int, real: Callable[[int, int], None] = fcntl.flock) -> None:
        real(handle, how)
        if not calls:
            lock.unlink()
            lock.touch()
        calls.append(how)

    monkeypatch.setattr(fcntl, "flock", flock)
    assert state.take("r1", ask()).admitted
    assert calls == [fcntl.LOCK_EX, fcntl.LOCK_EX]


@pytest.mark.parametrize("outcome", [{"outcome": "restarted", "failed": False}, None])
def test_giving_back_on_a_full_disk_can_be_tried_again(
    state: State, monkeypatch: pytest.MonkeyPatch, outcome: dict[str, Any] | None
) -> None:
    state.take("r1", ask())
    before = state.run("r1")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", no_space)
        for way in (state.release, state.keep):
            with pytest.raises(fleet_state.DiskError, match=r"cannot be (written|removed): No space") as caught:
                way("r1", "h00", outcome or {"outcome": "x", "failed": True})
            assert caught.value.passes
            # Nobody needs the disk for a lease that goes: what is refused is the word that it is on disk.
            assert state.run("r1") == before
    assert state.release("r1", "h00", outcome).why in ("The slot is free.", "The host has no slot.")
    assert state.leases() == []


def test_what_does_not_pass_is_no_full_disk(state: State) -> None:
    (state.folder / "lock").unlink()
    (state.folder / "lock").mkdir()
    with pytest.raises(fleet_state.DiskError, match="Is a directory") as caught:
        state.release("r1", "h00")
    assert caught.value.passes is False


def test_a_slot_that_was_half_taken_over_is_not_given_away(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full between the lease of a host that an ended run left out and the line that this run has begun with it."""
    state.take("r1", ask())
    end(state)
    register(state, "r2", max_unavailable=2)
    left = [2]

    def fsync(handle: int, real: Callable[[int], None] = os.fsync) -> None:
        left[0] -= 1
        real(handle) if left[0] >= 0 else no_space(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(fleet_state.DiskError):
            state.take("r2", ask())
    given = state.release("r2", "h00", {"outcome": "failed", "failed": True})
    assert (given.released, given.why) == (
        False,
        "The slot stays taken: an ended run left it, and nobody has looked at the host.",
    )
    assert [(lease["host"], lease["kind"]) for lease in state.leases()] == [("h00", "restart")]


# --- whose the slot is -------------------------------------------------------------------------------------------


class Controllers:
    """Two controllers with one state directory: what is asked, is asked by one of them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch, self.hearts = monkeypatch, list[str]()
        self.state = State(folder)
        monkeypatch.setattr(subprocess, "run", lambda words, **_more: self.hearts.append(Path(words[4]).name))

    def at(self, name: str) -> State:
        """The directory as a controller sees it."""
        self.monkeypatch.setattr(fleet_state.socket, "gethostname", lambda: name)
        return self.state

    def silent(self, run: str, seconds: float) -> None:
        """Nothing was heard of a run's heart for so long."""
        then = time.time() - seconds
        os.utime(self.state.beat_file(run), (then, then))


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Controllers:
    """Run r1 of one controller with a slot for h00, run r2 of another; one host may be out."""
    both = Controllers(tmp_path / "state", monkeypatch)
    for name, run in (("one", "r1"), ("two", "r2")):
        register(both.at(name), run, max_unavailable=1)
    assert both.at("one").take("r1", ask("h00")).admitted
    return both


def test_a_run_that_was_taken_for_dead_has_lost_its_slot(two: Controllers) -> None:
    assert two.at("one").held("r1", "h00") == (True, "The host has its slot.")
    two.silent("r1", 61)
    assert two.at("two").take("r2", ask("h00")).adopted is not None
    held = two.at("one").held("r1", "h00")
    assert held == (False, "The slot of the host is run r2's now, which took run r1 for dead.")
    two.silent("r1", 0)
    assert two.at("one").held("r1", "h00").held is False
    # It may not ask for another host in place of that one either.
    assert two.at("one").take("r1", ask("h01")).code == "wait_limit"
    assert two.at("two").held("r2", "h00").held is True
    two.at("two").release("r2", "h00")
    assert two.at("one").held("r1", "h00") == (False, "The slot that run r1 had for the host is gone.")


def test_who_asks_for_its_slot_is_alive_from_then_on(two: Controllers) -> None:
    """The question and the beat are one: nobody can take the run for dead between them and the change."""
    two.silent("r1", 3600)
    assert two.at("one").held("r1", "h00").held
    assert two.hearts == ["r1.beat"]
    assert two.at("two").take("r2", ask("h00")).why == "Run r1 has the host in its hands."
    assert two.at("two").take("r2", ask("h01")).code == "wait_limit"
    assert two.at("one").held("r1", "h00").held
    assert two.hearts == ["r1.beat"]


@pytest.mark.parametrize(("seconds", "hearts"), [(0, 0), (14, 0), (16, 1), (3600, 1), (-14, 0), (-3600, 1)])
def test_a_dead_heart_is_started_again(two: Controllers, seconds: float, hearts: int) -> None:
    two.silent("r1", seconds)
    for _look in range(2):
        two.at("one").watch("r1")
    assert two.hearts == ["r1.beat"] * hearts
    assert abs(time.time() - two.state.beat_file("r1").stat().st_mtime) < 20


def test_a_heart_that_does_not_start_holds_no_slot(two: Controllers, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_words: object, **_more: object) -> None:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

    monkeypatch.setattr(subprocess, "run", broken)
    two.silent("r1", 30)
    with pytest.raises(StateError, match=r"^The heartbeat of run r1 cannot be started: "):
        two.at("one").held("r1", "h00")
    assert two.state.known("r1")


def test_the_workers_of_a_killed_controller_hold_no_slot(two: Controllers) -> None:
    end(two.state, "r1")
    with pytest.raises(StateError, match=r"^run: r1 has ended; "):
        two.at("one").held("r1", "h00")
    two.silent("r1", 30)
    with pytest.raises(StateError, match=r"^run: r1 has ended; "):
        two.at("one").watch("r1")
    assert two.hearts == []


def test_the_question_needs_no_room_on_the_disk(two: Controllers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", no_space)
    assert two.at("one").held("r1", "h00").held
    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", lambda *_: no_space(0))
        with pytest.raises(fleet_state.DiskError):
            two.at("one").held("r1", "h00")
    # What the actions ask: who cannot tell, changes nothing.
    lease = {"run": "r1", "state_dir": str(two.state.folder)}
    assert fleet_lease.lost(lease, "h00") is None
    assert fleet_lease.lost(None, "h00") is None
    shutil.rmtree(two.state.folder)
    assert (fleet_lease.lost(lease, "h00") or "").startswith("Nobody can tell whether the host still has its slot: ")
    fleet_lease.watch(lease)


@pytest.mark.parametrize("seconds", [61, 86400, 30 * 86400])
def test_a_heartbeat_of_the_future_is_bounded(two: Controllers, seconds: int) -> None:
    """The clock of the disk was wrong, or somebody has set it: an operator need not wait until then."""
    two.silent("r1", -seconds)
    assert two.at("two").force("h00").released is False
    assert abs(time.time() - two.state.beat_file("r1").stat().st_mtime) < 20
    two.silent("r1", 61)
    assert two.at("two").force("h00").released is True


def test_a_mark_of_the_future_keeps_nobody_waiting(state: State) -> None:
    register(state, "r2", [{"name": name, "seconds": 60} for name in ("a", "b", "c")], max_unavailable=1)
    assert state.take("r2", ask("a")).admitted
    order = state.run("r2")["plan"]["order"]
    first, second = (name for name in order if name != "a")
    assert state.take("r2", ask(first)).waits
    mark = state.folder / "runs" / "r2.waiting" / first
    os.utime(mark, (time.time() + 86400,) * 2)
    state.release("r2", "a")
    assert state.take("r2", ask(second)).admitted


# --- many processes ----------------------------------------------------------------------------------------------


def fight(folder: Path, run: str, host: str, out: Any, most: Any) -> None:
    """Go out three times, and count who else is out: apart from what the state directory knows."""
    state = State(folder)
    group = int(host[1:]) % 2
    for _round in range(3):
        while not state.take(run, ask(host)).admitted:
            os.sched_yield()
        with out.get_lock():
            out[2] += 1
            out[group] += 1
            for index in range(3):
                most[index] = max(most[index], out[index])
        # Long enough that others could come: until as many were out as may be, or for some looks.
        looks = 0
        while list(most) != [2, 2, 3] and looks < 500:
            state.leases()
            looks += 1
        with out.get_lock():
            out[2] -= 1
            out[group] -= 1
        assert state.release(run, host, {"outcome": "restarted", "failed": False}).released


def test_twenty_processes_of_two_runs_fight_for_slots(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    for run in ("r1", "r2"):
        register(state, run, max_unavailable=3, groups={"g0": {"max_unavailable": 2}, "g1": {"max_unavailable": 2}})
    out, most = FORK.Array("i", 3), FORK.Array("i", 3)
    fighters = [
        FORK.Process(target=fight, args=(state.folder, f"r{1 + index % 4 // 2}", f"h{index:02}", out, most))
        for index in range(20)
    ]
    for fighter in fighters:
        fighter.start()
    for fighter in fighters:
        fighter.join(120)
    assert [fighter.exitcode for fighter in fighters] == [0] * 20
    assert list(out) == [0, 0, 0]
    assert list(most) == [2, 2, 3]
    assert state.leases() == []
    assert sorted([*state.run("r1")["finished"], *state.run("r2")["finished"]]) == [one["name"] for one in HOSTS]


def in_child(work: Callable[[], object]) -> int:
    """Do it in a process that is its own controller; its exit status."""
    pid = os.fork()
    if not pid:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for the disk: SIGKILL leaves the system's own memory alone."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


def killed_at(step: int, work: Callable[[], object]) -> None:
    """Do it, with SIGKILL before the given touch of the disk."""
    done = [0]

    def counted(real: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        done[0] += 1
        if done[0] == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)

    for module, names in ((os, ("fsync", "utime", "open", "close", "replace", "unlink", "mkdir")), (fcntl, ("flock",))):
        for name in names:
            setattr(module, name, functools.partial(counted, getattr(module, name)))
    work()


def a_whole_life(state: State) -> None:
    """A run with every kind of write."""
    register(state, "r2", max_unavailable=2)
    state.take("r2", ask("h00", "install"))
    state.take("r2", ask("h00"), "restarting")
    state.take("r2", ask("h01"))
    state.take("r2", ask("h02"))
    state.release("r2", "h00", {"outcome": "failed", "failed": True})
    state.take("r2", ask("h02"))


def is_whole(state: State, run: str) -> None:
    """Everything can be read, every host that may be out is named as an orphan, and the next run goes on."""
    leases = state.leases()
    assert all(lease["run"] == run and lease["alive"] is False for lease in leases)
    if state.known(run):
        found = state.run(run)
        assert set(found["started"]) <= {lease["host"] for lease in leases} | set(found["finished"])
        assert state.gate(run).open == (not any(one["failed"] for one in found["finished"].values()))
    after = f"{run}-after"
    register(state, after, max_unavailable=2)
    for lease in leases:
        assert state.take(after, ask(lease["host"])).adopted is not None
        assert state.release(after, lease["host"], {"outcome": "restarted", "failed": False}).released
    assert state.take(after, ask("h09")).admitted
    assert state.release(after, "h09").released


@pytest.mark.usefixtures("no_disk")
def test_killed_before_every_touch_of_the_disk(tmp_path: Path) -> None:
    step, status = 0, -signal.SIGKILL
    while status == -signal.SIGKILL:
        step += 1
        state = State(tmp_path / str(step))
        status = in_child(functools.partial(killed_at, step, functools.partial(a_whole_life, state)))
        is_whole(state, "r2")
    assert status == 0
    assert step > 60


def endless(state: State, run: str, told: int) -> None:
    """Take and give back for ever, a byte for each."""
    register(state, run, max_unavailable=2, budget={"failed": "100%"})
    rolled = random.Random(run)
    while True:
        host = f"h{rolled.randrange(4):02}"
        if state.take(run, ask(host), rolled.choice(["drain", "restarting", None])).waits or rolled.random() < 0.3:
            state.release(run, host, {"outcome": "restarted", "failed": False})
        os.write(told, b".")


@pytest.mark.usefixtures("no_disk")
def test_killed_at_random(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    rolled = random.Random(6)
    for number in range(20):
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            endless(state, f"r{number}", writing)
        os.close(writing)
        for _byte in range(rolled.randrange(1, 12)):
            assert os.read(reading, 1) == b"."
        until = time.perf_counter() + rolled.random() * 0.01
        while time.perf_counter() < until:
            pass
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reading)
        leases = state.leases()
        assert len(leases) <= 2
        assert all(lease["run"] == f"r{number}" and not lease["alive"] for lease in leases)
        is_whole(state, f"r{number}")


# --- heartbeat ---------------------------------------------------------------------------------------------------

CONTROLLER = """
import sys
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import plan as fleet_plan
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import spec as fleet_spec
from ansible_collections.rebootless.patching.plugins.plugin_utils.store.leases import State
state, spec = State(sys.argv[1]), fleet_spec.FleetSpec.load({})
state.register("r1", [], {}, fleet_plan.plan([], spec, 5))
state.start_beat("r1")
print("ready", flush=True)
sys.stdin.read()
"""


def heartbeats(folder: Path) -> list[int]:
    """The processes that touch files of a state directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and fleet_beat.started(int(entry.name)) is not None:
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(b"heartbeat.py" in word for word in words) and any(bytes(folder) in word for word in words):
                found.append(int(entry.name))
    return found


def ended(pid: int, seconds: float) -> bool:
    """Whether a process ends in time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


@pytest.fixture
def beating(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path, int]]:
    """A controller that is a process of its own, its state directory and its heartbeat."""
    folder = tmp_path / "state"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    whole = [sys.executable, "-c", CONTROLLER, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(whole, env=environment, text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        (pid,) = heartbeats(folder)
        yield process, folder, pid
        process.kill()


def test_heartbeat_ends_with_a_killed_controller(beating: tuple[subprocess.Popen[str], Path, int]) -> None:
    process, folder, pid = beating
    beat = folder / "runs" / "r1.beat"
    before = beat.stat().st_mtime
    assert os.getsid(pid) != os.getsid(0)
    assert sorted(os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")) == ["/dev/null"] * 3
    process.kill()
    # The controller waits to be buried by the test: a process that has ended is no living one.
    assert ended(pid, 20)
    assert before > LONG_AGO
    assert beat.stat().st_mtime == 0


def test_heartbeat_ends_with_a_controller_that_is_done(beating: tuple[subprocess.Popen[str], Path, int]) -> None:
    process, folder, pid = beating
    process.communicate("")
    assert process.returncode == 0
    assert ended(pid, 20)
    assert heartbeats(folder) == []


def test_heartbeat_ends_with_its_folder(beating: tuple[subprocess.Popen[str], Path, int]) -> None:
    process, folder, pid = beating
    shutil.rmtree(folder)
    assert ended(pid, 20)
    assert process.poll() is None
    assert not folder.exists()


def test_heartbeat_beats(beating: tuple[subprocess.Popen[str], Path, int]) -> None:
    process, folder, pid = beating
    beat = folder / "runs" / "r1.beat"
    os.utime(beat, (LONG_AGO, LONG_AGO))
    until = time.monotonic() + 20
    while beat.stat().st_mtime == LONG_AGO and time.monotonic() < until:
        assert not ended(pid, 0.2)
    assert time.time() - beat.stat().st_mtime < 30
    assert process.poll() is None


def test_a_heartbeat_that_cannot_be_started(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(StateError, match=r"^The heartbeat of run r1 cannot be started: .*/nowhere/python"):
        state.start_beat("r1")
    assert not state.known("r1")


def test_start_of_a_process(tmp_path: Path) -> None:
    assert fleet_beat.started(os.getpid()) == fleet_beat.started(os.getpid())
    assert fleet_beat.started(1 << 22) is None
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        # Ended and not yet buried.
        assert ended(process.pid, 20)
        assert fleet_beat.started(process.pid) is None


def whose(sender: Any) -> None:
    """Tell who the controller of a worker is."""
    sender.send(fleet_state.controller())


def test_controller_of_a_worker_is_its_parent() -> None:
    reading, writing = FORK.Pipe(duplex=False)
    worker = FORK.Process(target=whose, args=(writing,))
    worker.start()
    assert reading.recv() == fleet_state.controller()
    worker.join()
    assert fleet_state.controller()["pid"] == os.getpid()


def test_a_controller_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_beat, "started", lambda _pid: None)
    with pytest.raises(StateError, match=rf"^The ansible-playbook process {os.getpid()} has ended\.$"):
        fleet_state.controller()
