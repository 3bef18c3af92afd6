# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions of the fleet layer: their options and answers, and real runs of ansible-playbook, two at once and killed."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible_collections.rebootless.patching.plugins.action import fleet_gate, fleet_plan, fleet_slot
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record
from ansible_collections.rebootless.patching.plugins.plugin_utils.store.leases import State

ROOT = Path(__file__).resolve().parents[4]
HOSTS = [{"name": name, "groups": ["web"], "seconds": 60} for name in ("a", "b", "c")]


def act(module: ModuleType, check: bool = False, host: str | None = "a", **arguments: Any) -> dict[str, Any]:
    """Run an action for a host that cannot be reached: it has no connection at all."""
    task = SimpleNamespace(args=arguments, async_val=0, check_mode=check, diff=False, action=module.__name__)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    action = module.ActionModule(task, connection, SimpleNamespace(check_mode=check), None, None, None)
    action._load_name = module.__name__
    variables = {"ansible_forks": 2, "hostvars": {"a": {"group_names": ["web"]}}}
    result = action.run(task_vars={**variables, **({"inventory_hostname": host} if host else {})})
    assert result["changed"] is False
    return result


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory; heartbeats are started in the real runs alone."""
    monkeypatch.setattr(State, "start_beat", lambda state, run: (state.folder / f"{run} beats").touch())
    return tmp_path / "state"


@pytest.fixture
def planned(folder: Path) -> Path:
    """A state directory with a run of three hosts of which one may be out."""
    act(fleet_plan, state_dir=str(folder), run="r1", hosts=HOSTS, spec={"max_unavailable": 1, "deadline": "1h"})
    return folder


def orphan(folder: Path, host: str) -> None:
    """Let a lease look like one of a run that has ended."""
    file = folder / "leases" / f"{host}.json"
    lease = json.loads(file.read_bytes())
    lease["controller"]["pid_start"] = "1"
    file.write_text(json.dumps(lease | {"run": "r0"}))


# --- fleet_plan --------------------------------------------------------------------------------------------------


def test_plan_is_registered_and_beats(folder: Path) -> None:
    result = act(fleet_plan, state_dir=str(folder), run="r1", hosts=HOSTS, spec={"canary": 1})
    assert result["run"] == "r1"
    assert [wave["hosts"] for wave in result["plan"]["waves"]] == [["a"], ["b", "c"]]
    assert (result["plan"]["forks"], result["plan"]["forks_needed"]) == (2, 3)
    assert [words[:10] for words in result["warnings"]] == ["forks is 2"]
    assert result["orphans"] == []
    assert State(folder).run("r1")["plan"] == result["plan"]
    assert (folder / "r1 beats").exists()
    assert act(fleet_plan, state_dir=str(folder), run="r2", hosts=HOSTS, forks=9)["plan"]["forks"] == 9


def test_plan_in_check_mode_makes_nothing(folder: Path) -> None:
    result = act(fleet_plan, check=True, state_dir=str(folder), run="r1", hosts=HOSTS)
    assert sorted(result["plan"]["order"]) == ["a", "b", "c"]
    assert not folder.exists()


def test_hosts_by_name_have_their_groups_and_the_times_of_the_record(folder: Path) -> None:
    path = folder.parent / "record.jsonl"
    arguments: dict[str, Any] = {
        "state_dir": str(folder),
        "hosts": ["a", {"name": "b", "seconds": 7}, "c"],
        "record": str(path),
    }
    act(fleet_plan, run="r1", **arguments)
    assert State(folder).run("r1")["hosts"] == {
        "a": {"groups": ["web"], "seconds": 1800},
        "b": {"groups": [], "seconds": 7},
        "c": {"groups": [], "seconds": 1800},
    }
    for at, step, data in (
        ("12:00:00", "slot_taken", {"kind": "restart"}),
        ("12:00:50", "slot_released", {"failed": False}),
    ):
        line = record.entry("r0", step, "a", data, datetime.fromisoformat(f"2026-09-20T{at}Z"))
        record.append(path, line)
        record.append(path, line | {"host": "b"})
    act(fleet_plan, run="r2", **arguments)
    assert [one["seconds"] for one in State(folder).run("r2")["hosts"].values()] == [50, 7, 1800]
    path.unlink()
    path.mkdir()
    with pytest.raises(AnsibleError, match=r"^The run record .* cannot be read: Is a directory"):
        act(fleet_plan, run="r3", **arguments)


@pytest.mark.parametrize("check", [True, False])
def test_a_run_is_planned_once(planned: Path, check: bool) -> None:
    with pytest.raises(AnsibleError, match=r"^run: r1 is in .*/state already"):
        act(fleet_plan, check=check, state_dir=str(planned), run="r1", hosts=HOSTS)


@pytest.mark.parametrize("check", [True, False])
def test_plan_names_orphans(planned: Path, check: bool) -> None:
    act(fleet_slot, state_dir=str(planned), run="r1", state="taken", phase="drain")
    orphan(planned, "a")
    arguments = {"state_dir": str(planned), "run": "r2", "forks": 9}
    result = act(fleet_plan, check=check, hosts=HOSTS, spec={"canary": ["c"]}, **arguments)
    # Whoever waits for it would hold the forks that it needs.
    assert result["plan"]["order"] == ["a", "c", "b"]
    left = {"host": "a", "run": "r0", "kind": "restart", "phase": "drain", "groups": ["web"]}
    assert [{key: one[key] for key in left} for one in result["orphans"]] == [left]
    assert result["warnings"] == []
    told = act(fleet_plan, check=check, hosts=HOSTS[1:], **(arguments | {"run": "r3"}))["warnings"]
    assert told == [
        "a: an ended run left it out of service, which counts against the limits, and this run does not look; "
        "look, then release by name."
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"spec": {"canarry": 1}}, "spec.canarry is no key of the fleet"),
        ({"hosts": [{"name": ""}]}, "hosts[0].name is ''"),
        ({"run": " "}, "run: ' ' is no name of a run"),
        ({"state_dir": "/dev/null/x"}, "/dev/null/x/leases cannot be read: Not a directory."),
        ({"extra": 1}, "extra"),
    ],
)
def test_bad_plans(folder: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(AnsibleError) as caught:
        act(fleet_plan, **({"state_dir": str(folder), "run": "r1", "hosts": HOSTS} | changes))
    assert said in str(caught.value)


# --- fleet_slot --------------------------------------------------------------------------------------------------


def test_slot_is_taken_and_given_back(planned: Path) -> None:
    common = {"state_dir": str(planned), "run": "r1"}
    taken = act(fleet_slot, state="taken", **common)
    lease = State(planned).lease("a")
    assert lease is not None
    assert {key: taken[key] for key in ("admitted", "code", "why", "waited", "adopted")} == {
        "admitted": True,
        "code": "admitted",
        "why": "The host may go out.",
        "waited": 0,
        "adopted": None,
    }
    assert (lease["kind"], lease["phase"]) == ("restart", None)
    hour = datetime.fromisoformat(taken["deadline"]) - datetime.fromisoformat(lease["taken_at"])
    assert hour == timedelta(hours=1)
    assert (taken["wave"], taken["canary"], taken["groups"], taken["next_step"]) == (1, False, ["web"], None)
    assert 3540 < taken["seconds_left"] <= 3600
    given = act(fleet_slot, state="released", outcome={"outcome": "unreachable", "failed": True}, **common)
    assert (given["released"], given["lease"]) == (True, lease)
    assert act(fleet_slot, state="released", **common)["released"] is False
    refused = act(fleet_slot, host="b", state="taken", **common)
    assert (refused["admitted"], refused["code"], refused["deadline"]) == (False, "gate_closed", None)
    assert (refused["wave"], refused["canary"], refused["groups"], refused["seconds_left"]) == (None, None, [], None)
    assert refused["next_step"] == "Look at the hosts that ended badly, then run again."
    gate = act(fleet_gate, **common)
    assert (gate["open"], gate["bad"], gate["budget"]) == (False, ["a"], 0)


@pytest.mark.parametrize(
    ("end", "code"), [("2026-09-20T13:00:00Z", "admitted"), ("2026-09-20T14:59:59+02:00", "window_too_short")]
)
def test_window_is_judged_by_the_given_time(planned: Path, end: str, code: str) -> None:
    result = act(
        fleet_slot,
        state_dir=str(planned),
        run="r1",
        state="taken",
        now="2026-09-20T12:00:00Z",
        window_end=end,
        needs_seconds=3599 if code == "admitted" else 3600,
    )
    assert result["code"] == code


@pytest.mark.parametrize(
    ("kind", "needs", "left", "code"),
    [
        ("restart", None, 60, "admitted"),
        ("restart", None, 59, "window_too_short"),
        ("restart", 10, 10, "admitted"),
        ("install", None, 1, "admitted"),
    ],
)
def test_window_has_room_for_what_the_plan_expects(
    planned: Path, kind: str, needs: int | None, left: int, code: str
) -> None:
    more = {} if needs is None else {"needs_seconds": needs}
    window = {"now": "2026-09-20T12:00:00Z", "window_end": f"2026-09-20T12:{left // 60:02}:{left % 60:02}.5Z"}
    assert act(fleet_slot, state_dir=str(planned), run="r1", state="taken", kind=kind, **window, **more)["code"] == code


def test_a_host_that_stays_out_keeps_its_slot(planned: Path) -> None:
    common: dict[str, Any] = {"state_dir": str(planned), "run": "r1"}
    act(fleet_slot, state="taken", **common)
    lease = State(planned).lease("a")
    ended = {"outcome": "verify_failed", "failed": True}
    given = act(fleet_slot, state="kept", outcome=ended, **common)
    assert (given["released"], given["lease"]) == (False, lease)
    assert act(fleet_gate, **common)["bad"] == ["a"]
    assert [one["phase"] for one in State(planned).leases()] == ["verify_failed"]


@pytest.mark.parametrize("opened", [lambda state: state.release("r1", "a"), lambda state: state.force("a")])
def test_slot_waits_without_the_lock(planned: Path, opened: Any) -> None:
    state = State(planned)
    act(fleet_slot, host="a", state_dir=str(planned), run="r1", state="taken")
    order = iter(("b",))
    answers: list[dict[str, Any]] = []

    def wait() -> None:
        for host in order:
            answers.append(
                act(fleet_slot, host=host, state_dir=str(planned), run="r1", state="taken", poll_interval=0.01)
            )

    thread = threading.Thread(target=wait)
    thread.start()
    marks = planned / "runs" / "r1.waiting"
    while not (marks.is_dir() and list(marks.iterdir())):
        assert not answers
    if opened(state).released is False:
        orphan(planned, "a")
        assert opened(state).released
    thread.join(30)
    assert [answer["admitted"] for answer in answers] == [True]


def test_orphan_is_taken_over_looked_at_or_forced(planned: Path) -> None:
    common = {"state_dir": str(planned), "run": "r1"}
    act(fleet_slot, state="taken", **common)
    orphan(planned, "a")
    adopted = act(fleet_slot, state="taken", **common)["adopted"]
    assert (adopted["host"], adopted["run"], adopted["alive"]) == ("a", "r0", False)
    orphan(planned, "a")
    assert act(fleet_slot, state="looked", **common)["released"] is True
    act(fleet_slot, state="taken", **common)
    assert act(fleet_slot, state="released", force=True, host="a", state_dir=str(planned))["released"] is False
    orphan(planned, "a")
    assert act(fleet_slot, state="released", force=True, host="a", state_dir=str(planned))["released"] is True


def test_check_mode_takes_and_gives_nothing(planned: Path) -> None:
    common = {"check": True, "state_dir": str(planned), "run": "not there"}
    said = "In check mode no slot is taken or given back."
    taken = act(fleet_slot, state="taken", **common)
    assert (taken["admitted"], taken["code"], taken["why"]) == (True, "admitted", said)
    for state in ("released", "looked", "kept"):
        given = act(fleet_slot, state=state, outcome={"outcome": "x", "failed": False}, **common)
        assert (given["released"], given["lease"], given["why"]) == (False, None, said)
    gate = act(fleet_gate, **common)
    assert (gate["open"], gate["bad"], gate["budget"]) == (True, [], None)
    assert act(fleet_gate, **(common | {"run": "r1"}))["budget"] == 0
    assert State(planned).leases() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "hold"}, "hold"),
        ({"state": "kept"}, "outcome: it is missing; a host that stays out of service has ended somehow."),
        ({"kind": "nap"}, "nap"),
        ({"run": None}, "run: it is missing; only with force it is not needed."),
        ({"force": True}, "force: it is for state released alone."),
        ({"poll_interval": 0}, "poll_interval: 0.0 is out of range; 0.01 to 60 seconds are allowed."),
        ({"poll_interval": 61}, "poll_interval: 61.0 is out of range"),
        ({"poll_interval": "nan"}, "poll_interval: nan is out of range"),
        ({"needs_seconds": -1}, "needs_seconds: -1 is below zero."),
        ({"now": "soon"}, "now: 'soon' is not a time"),
        ({"window_end": "2026-09-20T12:00:00"}, "window_end: '2026-09-20T12:00:00' is not a time"),
        ({"state": "released", "outcome": {"outcome": "x"}}, "failed"),
        ({"extra": 1}, "extra"),
    ],
)
def test_bad_slots(planned: Path, changes: dict[str, Any], said: str) -> None:
    arguments = {"state_dir": str(planned), "run": "r1", "state": "taken"} | changes
    host = arguments.pop("host", "a")
    with pytest.raises(AnsibleError) as caught:
        act(fleet_slot, host=host, **{key: value for key, value in arguments.items() if value is not None})
    assert said in str(caught.value)
    assert State(planned).leases() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"run": "r9"}, "run: r9 is not in"), ({"host": "z"}, "host: z is not in the plan of run r1.")],
)
@pytest.mark.parametrize("state", ["taken", "held", "released", "kept"])
def test_what_the_state_directory_refuses_is_told_and_not_raised(
    planned: Path, state: str, changes: dict[str, Any], said: str
) -> None:
    """Of a task that raises ansible-core asks neither failed_when nor until."""
    ended = {"outcome": {"outcome": "x", "failed": False}} if state == "kept" else {}
    result = act(fleet_slot, **({"state_dir": str(planned), "run": "r1", "state": state, **ended} | changes))
    assert result["failed"] is True
    assert result["msg"].startswith(said)


def test_a_slot_is_for_a_host(planned: Path) -> None:
    with pytest.raises(AnsibleError, match="host: it is missing; give the name of a host"):
        act(fleet_slot, host=None, state_dir=str(planned), run="r1", state="taken")


def test_gate_of_an_unknown_run(planned: Path) -> None:
    with pytest.raises(AnsibleError, match="run: r9 is not in"):
        act(fleet_gate, state_dir=str(planned), run="r9")


# --- real runs ---------------------------------------------------------------------------------------------------

NAMES = [f"{kind}{number}" for kind in ("web", "sql") for number in range(6)]
SLOT = "rebootless.patching.fleet_slot"


def playbook(tmp_path: Path, run: str, seconds: float) -> list[str]:
    """The command of a run through twelve hosts, each out for some seconds, which it writes down itself."""
    kinds = {kind: {"hosts": {name: {} for name in NAMES if name.startswith(kind)}} for kind in ("web", "sql")}
    whole = {"all": {"vars": {"ansible_connection": "local"}, "children": kinds}}
    common = {"state_dir": str(tmp_path / "state"), "run": run}
    spec = {"canary": ["sql3"], "max_unavailable": 3, "groups": {kind: {"max_unavailable": 2} for kind in kinds}}
    fleet = [{"name": name, "groups": [name[:3]]} for name in NAMES]
    plan = {"rebootless.patching.fleet_plan": {**common, "spec": spec, "hosts": fleet}, "register": "planned"}
    add = {
        "ansible.builtin.add_host": {"name": "{{ item }}", "groups": "planned"},
        "loop": "{{ planned.plan.order }}",
    }
    log = tmp_path / "log"
    work = f"echo out {{{{ inventory_hostname }}}} >> {log}; sleep {seconds}; echo back {{{{ inventory_hostname }}}} >> {log}"
    tasks = [
        {SLOT: {**common, "state": "taken", "poll_interval": 0.1}, "register": "slot"},
        {"ansible.builtin.raw": work, "when": "slot.admitted"},
        {SLOT: {**common, "state": "released", "outcome": {"outcome": "restarted", "failed": False}}},
    ]
    plays = [
        {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [plan, add]},
        {"hosts": "planned", "strategy": "ansible.builtin.host_pinned", "gather_facts": False, "tasks": tasks},
    ]
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(whole))
    (tmp_path / f"{run}.yml").write_text(yaml.safe_dump(plays))
    (tmp_path / "ansible.cfg").touch()
    command = Path(sys.executable).parent / "ansible-playbook"
    return [str(command), "-i", str(tmp_path / "inventory.yml"), "-f", "8", str(tmp_path / f"{run}.yml")]


def start(tmp_path: Path, run: str, seconds: float) -> subprocess.Popen[str]:
    """Start a run through the twelve hosts."""
    environment = os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
    }
    command = playbook(tmp_path, run, seconds)
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=tmp_path, env=environment, text=True, **both)


def most_out(lines: Iterable[str]) -> Counter[str]:
    """The most hosts that were out at once, of all and of each kind, as they wrote it down."""
    out: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for line in lines:
        what, host = line.split()
        out.update(dict.fromkeys(("", host[:3]), 1 if what == "out" else -1))
        most |= out
    return most


def processes(words: bytes) -> Iterator[int]:
    """The processes with some words in their command line."""
    for entry in Path("/proc").iterdir():
        try:
            found = entry.name.isdigit() and words in (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if found:
            yield int(entry.name)


def all_end(words: bytes, seconds: float) -> bool:
    """Whether all processes with some words in their command line end in time."""
    for pid in processes(words):
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if not select.select([handle], [], [], seconds)[0]:
                return False
        finally:
            os.close(handle)
    return True


def test_limits_hold_in_two_real_runs_at_once(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    started = [start(tmp_path, run, 0.3) for run in ("r1", "r2")]
    for process in started:
        told, _nothing = process.communicate(timeout=300)
        assert process.returncode == 0, told
    lines = (tmp_path / "log").read_text().splitlines()
    assert Counter(lines) == Counter({f"{what} {name}": 2 for name in NAMES for what in ("out", "back")})
    assert most_out(lines) == {"": 3, "web": 2, "sql": 2}
    assert lines[0] == "out sql3"
    state = State(tmp_path / "state")
    assert state.leases() == []
    for run in ("r1", "r2"):
        assert sorted(state.run(run)["finished"]) == sorted(NAMES)
    assert all_end(bytes(tmp_path), 20)


def test_a_killed_run_leaves_orphans_and_no_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    process = start(tmp_path, "r1", 2)
    handle = os.pidfd_open(process.pid)
    # The canary, back again, and some of the next wave.
    while log.read_text().count("out") < 3:
        assert not select.select([handle], [], [], 0.1)[0], process.communicate()[0]
    os.close(handle)
    state = State(tmp_path / "state")
    beats = list(processes(b"heartbeat.py\0" + bytes(state.beat_file("r1"))))
    assert len(beats) == 1
    alive = [lease["alive"] for lease in state.leases()]
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert alive
    assert all(alive)
    leases = state.leases()
    assert leases
    assert len(leases) <= 3
    assert not any(lease["alive"] for lease in leases)
    # Also the workers that were waiting for a slot, which nobody will get.
    assert all_end(bytes(tmp_path), 30)
    assert "sql3" in state.run("r1")["finished"]
    assert state.beat_file("r1").stat().st_mtime == 0
