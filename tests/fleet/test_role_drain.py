# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role drain through ansible-playbook: clusters, load balancers, task files, the memory, refusals, hosts that go away."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import HERE, Run, nearest, quickest
from fleet import worlds as library

BASE = library.load(HERE / "worlds", only=["s25-arc-on-track"])["s25-arc-on-track"]
SECRET = "Bearer-s3cr3t-of-the-shop"
BODY = "b0dy-with-a-pin"
CLUSTER = {
    "own": "SQL-01",
    "nodes": {"SQL-01": "Up", "SQL-02": "Up"},
    "groups": {"Cluster Group": "SQL-02", "SQL": "SQL-01", "Files": "SQL-01"},
    "resources": {"SQL Server": "Online", "Old disk": "Offline"},
}
DRAINED = ["drained"]
BOTH = ["drained", "active"]
NODE = [{"type": "cluster", "timeout": 1}]
SINCE = "2026-08-20T01:02:03Z"

PLAY = """
- name: Drain and put back
  hosts: windows
  gather_facts: false
  tasks:
    - name: Drain and keep each result
      block:
        - name: Drain
          ansible.builtin.include_role:
            name: rebootless.patching.drain
          vars:
            drain_state: "{{ state }}"
          loop: "{{ states }}"
          loop_control: {loop_var: state}
      always:
        - name: Write the last result
          ansible.legacy.keep:
            content: "{{ drain_result | default({}) | to_json }}"
            dest: "{{ results }}/result-{{ inventory_hostname }}.json"
"""


class Balancer(BaseHTTPRequestHandler):
    """A pool of one member that whoever knows the word may drain; /connections and /state show it, /slow never gets empty, /idle is."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.calls.append((self.path, body, self.headers.get("Content-Type")))
        status = 200 if self.headers.get("Authorization") == SECRET else 401
        status = 503 if self.path.startswith("/broken") else status
        if status == 200:
            self.server.drained = self.path.endswith("drain")
        self.send_response(status)
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        left = 0 if (self.server.drained and self.path == "/connections") or self.path == "/idle" else 3
        state = "out" if self.server.drained else "in"
        self.wfile.write(state.encode() if self.path == "/state" else f'{{"active":{left}}}'.encode())

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Pool(ThreadingHTTPServer):
    """The load balancer's state and the calls it got."""

    drained = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Balancer)
        self.calls: list[tuple[str, str, str | None]] = []

    @property
    def paths(self) -> list[str]:
        """The calls, in order."""
        return [path for path, _body, _kind in self.calls]

    def adapter(self, drain: str = "/drain", restore: str = "/restore", page: str = "/connections") -> dict[str, Any]:
        """The adapter of this load balancer."""
        url = f"http://127.0.0.1:{self.server_port}"
        headers = {"Authorization": SECRET}
        return {
            "type": "load_balancer",
            "name": "shop",
            "drain": {"url": url + drain, "headers": headers, "body": {"pin": BODY}},
            "restore": {"url": url + restore, "headers": headers, "body": BODY},
            "wait": {"url": url + page, "text": '"active":0', "timeout": 1},
        }


@pytest.fixture
def pool() -> Iterator[Pool]:
    """A load balancer on the loopback."""
    server = Pool()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Drained:
    """A run, the last drain_result, and the world that it left."""

    def __init__(self, run: Run, result: dict[str, Any], world: dict[str, Any]) -> None:
        self.run, self.result, self.world = run, result, world

    @property
    def state(self) -> str:
        """The host's state after the run."""
        return self.result["state"]

    @property
    def node(self) -> str:
        """The state of the host's node."""
        return self.world["cluster"]["nodes"]["SQL-01"]

    @property
    def did(self) -> list[tuple[str, str | None, str, bool | None]]:
        """What became of each adapter."""
        return [(one["type"], one["found"], one["done"], one["ok"]) for one in self.result["adapters"]]


Drain = Callable[..., Drained]


@pytest.fixture
def drain_all(
    on_fleet: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Drained]]:
    """`drain_all(states, adapters, worlds={...})`: the role on every host at once, once for each state.

    Titles show what tasks are given, with every template filled in: no secret may be among it.
    """
    monkeypatch.setenv("ANSIBLE_DISPLAY_ARGS_TO_STDOUT", "1")
    monkeypatch.setenv("ANSIBLE_DISPLAY_SKIPPED_HOSTS", "0")

    def run(
        states: list[str],
        adapters: list[dict[str, Any]],
        *arguments: str,
        worlds: dict[str, dict[str, Any]],
        faults: list[dict[str, Any]] | None = None,
        executor: str = "fast",
        status: int = 0,
        **variables: Any,
    ) -> dict[str, Drained]:
        folder, after = tmp_path / "worlds", tmp_path / "after"
        folder.mkdir(exist_ok=True)
        for name, world in worlds.items():
            (folder / f"{name}.yml").write_text(yaml.safe_dump({**BASE, **world}, sort_keys=False))
        (tmp_path / "play.yml").write_text("---\n" + PLAY)
        given = {
            "states": states,
            "drain_adapters": adapters,
            "drain_interval": 0,
            "results": str(tmp_path),
            **variables,
        }
        command = ["ansible-playbook", str(tmp_path / "play.yml"), *arguments, "-e", json.dumps(given)]
        options = ["--save-worlds", str(after)]
        if faults:
            (tmp_path / "faults.yml").write_text(yaml.safe_dump({"node": faults}))
            options += ["--faults", str(tmp_path / "faults.yml")]
        done = on_fleet(command, worlds=folder, executor=executor, options=tuple(options)).check(status)
        assert SECRET not in done.output
        assert BODY not in done.output
        return {
            name: Drained(
                done,
                json.loads((tmp_path / f"result-{name}.json").read_text()),
                yaml.safe_load((after / f"{name}.yml").read_text()),
            )
            for name in worlds
        }

    return run


@pytest.fixture
def drain(drain_all: Callable[..., dict[str, Drained]]) -> Drain:
    """`drain(states, adapters, world=...)`: the role on one host, a healthy node without a world."""

    def run(*given: Any, world: dict[str, Any] | None = None, **more: Any) -> Drained:
        return drain_all(*given, worlds={"node": {"cluster": CLUSTER} if world is None else world}, **more)["node"]

    return run


def memory(cluster: str = "active") -> str:
    """What an earlier run has left on the host."""
    kept = [{"type": "cluster", "name": "cluster", "found": cluster}]
    return json.dumps({"schema": 1, "since": SINCE, "adapters": kept})


@pytest.mark.parametrize("executor", nearest())
def test_a_node_is_drained_and_remembered(drain: Drain, executor: str) -> None:
    world = {"cluster": {**CLUSTER, "drain_seconds": 0.2}}
    adapters = [{"type": "cluster", "timeout": 60}]
    after = drain(DRAINED, adapters, executor=executor, world=world, drain_run="the night of the test")
    assert after.did == [("cluster", "active", "drained", True)]
    assert (after.state, after.node) == ("drained", "Paused")
    assert after.result["changed"] is True
    assert after.world["cluster"]["groups"] == {"Cluster Group": "SQL-02", "SQL": "SQL-02", "Files": "SQL-02"}
    kept = json.loads(after.world["memory"])
    assert kept["since"] == after.result["remembered_since"]
    assert kept["adapters"] == [{"type": "cluster", "name": "cluster", "found": "active"}]
    assert (kept["run"], kept["boot"]) == ("the night of the test", BASE["boot"])
    assert after.world["memory_place"] == {"folder": {}}


@pytest.mark.parametrize("executor", nearest())
def test_a_later_run_restores_it(drain: Drain, executor: str) -> None:
    moved = {"drain_status": "Completed", "moved": ["SQL"], "groups": {"SQL": "SQL-02"}, "resync_seconds": 0.2}
    cluster = {**CLUSTER, "nodes": {"SQL-01": "Paused", "SQL-02": "Up"}, **moved}
    adapters = [{"type": "cluster", "timeout": 60}]
    after = drain(["active"], adapters, executor=executor, world={"cluster": cluster, "memory": memory()})
    assert after.did == [("cluster", "active", "restored", True)]
    assert (after.state, after.node) == ("active", "Up")
    assert after.world["cluster"]["groups"] == {"SQL": "SQL-01"}
    assert "memory" not in after.world
    assert after.result["remembered_since"] is None


def test_one_after_the_other(drain: Drain) -> None:
    after = drain(["drained", "drained", "active", "active"], NODE)
    assert (after.state, after.node, after.result["changed"]) == ("active", "Up", False)
    assert after.result["why"] == "the host remembers no drain, so nothing was done"
    assert after.world["cluster"]["groups"] == CLUSTER["groups"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "down": ({"nodes": {"SQL-01": "Up", "SQL-02": "Down"}}, "node SQL-02 is Down"),
    "failed": ({"resources": {"SQL Server": "Failed"}}, "resource SQL Server has failed"),
    "storage": ({"storage_jobs": 2}, "not within 1 s: 2 storage jobs running"),
    "alone": ({"nodes": {"SQL-01": "Up"}}, "there is no other node"),
    "joining": ({"nodes": {"SQL-01": "Joining", "SQL-02": "Up"}}, "this node is Joining"),
    "paused": (
        {"nodes": {"SQL-01": "Paused", "SQL-02": "Up"}},
        "this node is paused and still owns SQL, Files; resume it, or move them",
    ),
}


@pytest.mark.parametrize("executor", quickest())
def test_a_cluster_that_must_not_lose_the_node_refuses(drain_all: Any, executor: str, pool: Pool) -> None:
    worlds = {name: {"cluster": {**CLUSTER, **changes}} for name, (changes, _why) in REFUSED.items()}
    for name, after in drain_all(DRAINED, [pool.adapter(), *NODE], executor=executor, worlds=worlds, status=2).items():
        why = f"cluster: {REFUSED[name][1]}"
        assert (after.state, after.result["why"], after.result["changed"]) == ("refused", why, False)
        assert after.world["cluster"] == worlds[name]["cluster"]
        assert "memory" not in after.world
        assert f"{name} is to be drained: refused, {why}" in after.run.output
    assert pool.paths == []


@pytest.mark.parametrize("executor", quickest())
@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("refuses", "cluster cluster: the cluster could not move its roles, it still owns SQL, Files"),
        ("hangs", "cluster cluster: not within 1 s: the drain is InProgress, it still owns SQL, Files"),
    ],
)
def test_a_drain_that_fails_is_taken_back(drain: Drain, executor: str, pool: Pool, how: str, why: str) -> None:
    world = {"cluster": {**CLUSTER, "drain": how}}
    after = drain(DRAINED, [pool.adapter(), *NODE], executor=executor, world=world, status=2)
    assert (after.state, after.result["why"], after.result["changed"]) == ("refused", why, True)
    assert after.did == [("load_balancer", "active", "restored", True), ("cluster", "active", "restored", False)]
    assert pool.paths == ["/drain", "/restore"]
    assert after.world["cluster"] == world["cluster"]
    assert "memory" not in after.world
    assert after.result["remembered_since"] is None


def test_a_command_that_is_denied_is_a_refusal(drain: Drain) -> None:
    broken = {"broken": {"commands": {"Suspend-ClusterNode": "denied"}}}
    after = drain(DRAINED, NODE, world={"cluster": CLUSTER, **broken}, status=2)
    assert after.state == "refused"
    assert after.result["why"] == "cluster cluster: Attempted to perform an unauthorized operation."
    assert (after.node, "memory" in after.world) == ("Up", False)


def test_what_is_remembered_cannot_be_written_so_nothing_is_drained(drain: Drain, pool: Pool) -> None:
    broken = {"broken": {"commands": {"Set-Content": "denied"}}}
    after = drain(DRAINED, [pool.adapter(), *NODE], world={"cluster": CLUSTER, **broken}, status=2)
    assert after.result["why"] == "drain.json: Attempted to perform an unauthorized operation."
    assert (after.state, after.node, pool.paths) == ("refused", "Up", [])
    many = [{**pool.adapter(), "name": f"{number} {'n' * 290}"} for number in range(60)]
    after = drain(DRAINED, many, world={}, status=2)
    assert after.result["why"] == "drain.json: there is too much to remember; give fewer adapters, or shorter names"
    assert (after.state, pool.paths) == ("refused", [])


@pytest.mark.parametrize("executor", quickest())
def test_a_node_that_was_paused_before_stays_paused(drain: Drain, executor: str) -> None:
    cluster = {**CLUSTER, "nodes": {"SQL-01": "Paused", "SQL-02": "Up"}, "groups": {"SQL": "SQL-02"}}
    after = drain(BOTH, NODE, executor=executor, world={"cluster": cluster})
    assert after.did == [("cluster", "drained", "none", True)]
    assert (after.state, after.node) == ("active", "Paused")
    assert "memory" not in after.world


def test_a_second_drain_keeps_the_first_memory(drain: Drain, pool: Pool) -> None:
    cluster = {**CLUSTER, "nodes": {"SQL-01": "Paused", "SQL-02": "Up"}, "groups": {"SQL": "SQL-02"}}
    after = drain(DRAINED, [*NODE, pool.adapter()], world={"cluster": cluster, "memory": memory()})
    assert after.did == [("cluster", "active", "none", True), ("load_balancer", "active", "drained", True)]
    assert after.result["remembered_since"] == SINCE
    kept = json.loads(after.world["memory"])
    assert (kept["since"], [one["found"] for one in kept["adapters"]]) == (SINCE, ["active", "active"])


def test_a_second_drain_that_is_refused_leaves_the_first_one_alone(drain: Drain, pool: Pool) -> None:
    cluster = {**CLUSTER, "nodes": {"SQL-01": "Paused", "SQL-02": "Up"}, "groups": {"SQL": "SQL-02"}}
    adapters = [*NODE, pool.adapter("/broken/drain")]
    after = drain(DRAINED, adapters, world={"cluster": cluster, "memory": memory()}, status=2)
    assert (after.state, after.node) == ("refused", "Paused")
    assert (after.result["remembered_since"], pool.paths) == (SINCE, ["/broken/drain", "/restore"])
    assert after.result["why"] == "load_balancer shop: status 503, wanted 200 or 201 or 202 or 204"


NOT_WHOLE: dict[str, tuple[dict[str, Any], str]] = {
    "down": ({"nodes": {"SQL-01": "Paused", "SQL-02": "Down"}}, "node SQL-02 is Down"),
    "failed": ({"resources": {"SQL Server": "Failed"}}, "resource SQL Server has failed"),
}


def test_a_node_is_released_only_into_a_whole_cluster(drain_all: Any, pool: Pool) -> None:
    both = json.loads(memory())
    both["adapters"].insert(0, {"type": "load_balancer", "name": "shop", "found": "active"})
    worlds = {
        name: {
            "cluster": {**CLUSTER, "nodes": {"SQL-01": "Paused", "SQL-02": "Up"}, **changes},
            "memory": json.dumps(both),
        }
        for name, (changes, _why) in NOT_WHOLE.items()
    }
    for name, after in drain_all(["active"], [pool.adapter(), *NODE], worlds=worlds, status=2).items():
        why = f"cluster cluster: not within 1 s: {NOT_WHOLE[name][1]}"
        assert (after.state, after.result["why"], after.node) == ("drained", why, "Up")
        assert after.result["remembered_since"] == SINCE
        assert after.world["memory"] == worlds[name]["memory"]
    assert pool.paths == []


@pytest.mark.parametrize("executor", quickest())
def test_storage_has_a_time_of_its_own(drain_all: Any, executor: str) -> None:
    """A node that is up is in service while storage is repaired; a drain waits for it, within its time."""
    paused = {"nodes": {"SQL-01": "Paused", "SQL-02": "Up"}, "drain_status": "Completed"}
    worlds: dict[str, Any] = {
        "long": {"cluster": {**CLUSTER, **paused, "resync_seconds": 3600}, "memory": memory()},
        "short": {"cluster": {**CLUSTER, **paused, "resync_seconds": 2}, "memory": memory()},
    }
    adapters = [{"type": "cluster", "timeout": 60, "storage_timeout": 4}]
    # The second drain of "short" has to wait for nothing, that of "long" is refused.
    done = drain_all(["active", "drained"], adapters, executor=executor, worlds=worlds, status=2)
    assert (done["short"].state, done["short"].node) == ("drained", "Paused")
    why = "cluster: not within 4 s: 1 storage job running"
    assert (done["long"].state, done["long"].result["why"], done["long"].node) == ("refused", why, "Up")
    done = drain_all(["active"], [{**adapters[0], "storage_timeout": 0}], worlds={"long": worlds["long"]})
    result = done["long"].result
    assert (result["state"], result["repairing"], result["adapters"][0]["ok"]) == ("active", True, True)
    said = "up, its storage is still repaired: not within 0 s: 1 storage job running"
    assert result["notes"] == [
        f"cluster cluster: {said}; the host is in service, the next node of the cluster has to wait"
    ]
    assert "memory" not in done["long"].world


@pytest.mark.parametrize("executor", quickest())
def test_exceptions_by_name_are_obeyed_and_kept(drain_all: Any, executor: str) -> None:
    cluster = {
        **CLUSTER,
        "nodes": {"SQL-01": "Up", "SQL-02": "Up", "WITNESS": "Paused"},
        "resources": {"SQL Server": "Online", "Old VM Configuration": "Failed"},
        "groups": {**CLUSTER["groups"], "Old VM": "SQL-02"},
        "owner_groups": {"Old VM Configuration": "Old VM"},
    }
    named = {
        "type": "cluster",
        "timeout": 5,
        "ignore_failed": ["old vm", "Gone"],
        "paused_nodes": ["witness", "SQL-09"],
    }
    worlds = {"node": {"cluster": cluster}}
    back = drain_all(BOTH, [named], executor=executor, worlds=worlds)["node"]
    assert (back.state, back.node) == ("active", "Up")
    passed = ["node WITNESS is Paused", "resource Old VM Configuration has failed"]
    assert back.result["adapters"][0]["ignored"] == passed
    assert back.result["notes"] == [
        "cluster cluster: ignore_failed: the cluster has no role and no resource Gone",
        "cluster cluster: paused_nodes: the cluster has no node SQL-09",
        f"cluster cluster: let pass by name: {', '.join(passed)}",
    ]
    bare = drain_all(DRAINED, NODE, worlds=worlds, status=2)["node"]
    assert (bare.state, bare.result["why"]) == ("refused", f"cluster: {'; '.join(passed)}")


@pytest.mark.parametrize("executor", quickest())
def test_a_load_balancer_and_a_host_without_a_cluster(drain: Drain, executor: str, pool: Pool) -> None:
    after = drain(BOTH, [pool.adapter(), *NODE], executor=executor, world={})
    assert after.did == [("load_balancer", "active", "restored", True), ("cluster", "absent", "none", True)]
    assert [(path, body) for path, body, _kind in pool.calls] == [
        ("/drain", json.dumps({"pin": BODY})),
        ("/restore", BODY),
    ]
    assert pool.calls[0][2] == "application/json"
    assert after.state == "active"


def test_a_member_that_was_out_before_stays_out(drain: Drain, pool: Pool) -> None:
    pool.drained = True
    after = drain(BOTH, [pool.adapter()], world={})
    assert after.did == [("load_balancer", "drained", "none", True)]
    assert pool.paths == []


def test_an_idle_member_is_not_out_of_service(drain: Drain, pool: Pool) -> None:
    """No connections at the moment; a page of states tells that it takes new ones."""
    adapter = {
        **pool.adapter(page="/idle"),
        "check": {"url": f"http://127.0.0.1:{pool.server_port}/state", "text": "out"},
    }
    after = drain(BOTH, [adapter], world={})
    assert after.did == [("load_balancer", "active", "restored", True)]
    assert pool.paths == ["/drain", "/restore"]


def test_connections_that_do_not_end_are_a_refusal(drain: Drain, pool: Pool) -> None:
    after = drain(DRAINED, [pool.adapter(page="/slow")], world={}, status=2)
    said = "load_balancer shop: not within 1 s: status 200, but without the text '\"active\":0'"
    assert (after.state, after.result["why"]) == ("refused", said)
    assert pool.paths == ["/drain", "/restore"]


def test_a_drain_that_cannot_be_taken_back_is_not_called_refused(drain: Drain, pool: Pool) -> None:
    adapters = [pool.adapter(restore="/broken/restore"), *NODE]
    after = drain(DRAINED, adapters, world={"cluster": {**CLUSTER, "drain": "refuses"}}, status=2)
    assert (after.state, after.node) == ("unknown", "Up")
    assert after.result["why"].endswith("; not put back: load_balancer shop")
    assert after.result["remembered_since"] is not None
    assert "not restored: status 503" in after.result["adapters"][0]["detail"]
    assert "memory" in after.world


def test_a_member_that_cannot_be_put_back_stays_remembered(drain: Drain, pool: Pool) -> None:
    after = drain(BOTH, [pool.adapter(restore="/broken/restore")], world={}, status=2)
    assert (after.state, after.did) == ("drained", [("load_balancer", "active", "none", False)])
    assert after.result["remembered_since"] is not None


def test_what_is_remembered_and_configured_no_more_is_said(drain: Drain, pool: Pool) -> None:
    after = drain(["active"], [pool.adapter()], world={"memory": memory()}, status=2)
    said = "cluster cluster: remembered on the host, and not among the adapters"
    assert (after.state, after.result["why"], pool.paths) == ("drained", said, [])
    assert after.world["memory"] == memory()


@pytest.mark.parametrize(("state", "ends"), [("drained", "refused"), ("active", "unknown")])
def test_a_memory_that_is_none_of_ours(drain: Drain, state: str, ends: str) -> None:
    after = drain([state], NODE, world={"cluster": CLUSTER, "memory": "garbage"}, status=2)
    assert (after.state, after.node, after.world["memory"]) == (ends, "Up", "garbage")
    assert after.result["why"].startswith("what the host remembers of its drain (drain.json) cannot be read")


# Files of tasks


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """An adapter of task files that put a mark on the controller, and take it away."""
    mark = tmp_path / "mark"
    here = {"delegate_to": "localhost", "vars": {"ansible_connection": "local"}}
    touch = {"name": "Mark", "ansible.builtin.file": {"path": str(mark), "state": "touch", "mode": "0644"}, **here}
    away = {"name": "Unmark", "ansible.builtin.file": {"path": str(mark), "state": "absent"}, **here}
    check = {"name": "Look", "ansible.builtin.command": {"cmd": f"test -e {mark}"}, "changed_when": False, **here}
    broken = {"name": "Break", "ansible.builtin.fail": {"msg": "no such pool"}}
    for name, task in {"out": touch, "back": away, "check": check, "broken": broken}.items():
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump([task], sort_keys=False))
    return {
        "type": "tasks",
        "name": "own",
        "drain": "out.yml",
        "restore": str(tmp_path / "back.yml"),
        "check": "check.yml",
    }


@pytest.mark.parametrize("executor", quickest())
def test_files_of_tasks_are_run_in_order(drain: Drain, executor: str, files: Any, pool: Pool, tmp_path: Path) -> None:
    after = drain(DRAINED, [pool.adapter(), files, *NODE], executor=executor)
    assert [one[1:] for one in after.did] == [("active", "drained", True)] * 3
    assert (tmp_path / "mark").exists()
    after = drain(["active"], [pool.adapter(), files, *NODE], world=after.world)
    assert [one[1:] for one in after.did] == [("active", "restored", True)] * 3
    assert (after.state, after.node, pool.paths) == ("active", "Up", ["/drain", "/restore"])
    assert not (tmp_path / "mark").exists()


def test_files_whose_check_passes_are_not_run(drain: Drain, files: Any, tmp_path: Path) -> None:
    (tmp_path / "mark").touch()
    after = drain(BOTH, [files], world={})
    assert after.did == [("tasks", "drained", "none", True)]
    assert (tmp_path / "mark").exists()


def test_files_that_fail_are_a_refusal(drain: Drain, files: Any, pool: Pool, tmp_path: Path) -> None:
    broken = {**files, "drain": "broken.yml", "name": "broken"}
    after = drain(DRAINED, [files, broken], world={}, status=2)
    assert (after.state, after.result["why"]) == ("refused", "tasks broken: Break: no such pool")
    assert not (tmp_path / "mark").exists()
    assert "memory" not in after.world


def test_files_without_a_check(drain: Drain, files: Any, tmp_path: Path) -> None:
    del files["check"]
    after = drain(BOTH, [files], world={})
    assert after.did == [("tasks", "unknown", "restored", True)]


def test_files_that_do_not_exist(drain: Drain, files: Any) -> None:
    after = drain(DRAINED, [{**files, "restore": "nowhere.yml"}], world={}, status=2)
    assert after.result == {}
    assert "drain_adapters: nowhere.yml is not a file" in after.run.output
    assert after.run.counters["hosts"]["node"]["requests"] == 0


# Hosts that go away, and check mode


def test_a_host_that_is_away_is_unknown_and_not_unreachable(drain: Drain, pool: Pool) -> None:
    after = drain(DRAINED, [pool.adapter(), *NODE], faults=[{"kind": "refused"}], status=2)
    assert (after.state, after.result["changed"], pool.paths) == ("unknown", False, [])
    assert "unreachable=0" in after.run.output
    assert after.result["why"].startswith("the host was not reached: ")


@pytest.mark.parametrize("nth", [2, 3, 4])
def test_a_host_that_goes_away_in_the_middle(drain: Drain, pool: Pool, nth: int) -> None:
    when = {"module": "windows_drain", "nth": nth}
    after = drain(DRAINED, [pool.adapter(), *NODE], faults=[{"kind": "refused", "when": when}], status=2)
    assert after.state == "unknown"
    assert "unreachable=0" in after.run.output
    assert pool.paths == ([] if nth == 2 else ["/drain"])
    assert (after.result["remembered_since"] is not None) is (nth > 2)
    assert after.node == ("Up" if nth == 2 else "Paused")
    # A later run puts back whatever came of it.
    later = drain(["active"], [pool.adapter(), *NODE], world=after.world)
    assert (later.state, later.node, pool.drained) == ("active", "Up", False)
    assert "memory" not in later.world


@pytest.mark.parametrize("executor", quickest())
def test_an_answer_that_is_lost_is_asked_for_again(drain: Drain, executor: str) -> None:
    faults = [{"kind": "cut", "when": {"module": "windows_drain", "nth": nth}} for nth in (3, 7)]
    after = drain(BOTH, [{"type": "cluster", "timeout": 60}], executor=executor, faults=faults)
    assert (after.state, after.node) == ("active", "Up")


def test_files_of_tasks_on_a_host_that_is_away_have_not_passed(drain: Drain, files: Any) -> None:
    del files["check"]
    when = {"module": "windows_drain", "nth": 3}
    after = drain(DRAINED, [files], world={}, faults=[{"kind": "refused", "when": when}], status=2)
    assert (after.state, after.did) == ("unknown", [("tasks", "unknown", "none", None)])


@pytest.mark.parametrize("executor", quickest())
@pytest.mark.parametrize("state", ["drained", "active"])
def test_check_mode_changes_nothing(
    drain: Drain, executor: str, state: str, files: Any, pool: Pool, tmp_path: Path
) -> None:
    node = {"SQL-01": "Paused" if state == "active" else "Up", "SQL-02": "Up"}
    names = [("load_balancer", "shop"), ("tasks", "own"), ("cluster", "cluster")]
    kept = {"schema": 1, "since": SINCE, "adapters": [{"type": t, "name": n, "found": "active"} for t, n in names]}
    world: dict[str, Any] = {"cluster": {**CLUSTER, "nodes": node}}
    world |= {"memory": json.dumps(kept)} if state == "active" else {}
    adapters = [pool.adapter(), files, *NODE]
    after = drain([state], adapters, "--check", "--diff", executor=executor, world=world)
    assert (after.state, after.result["changed"], pool.paths) == (state, True, [])
    assert {key: after.world.get(key) for key in ("cluster", "memory")} == {"memory": None, **world}
    assert not (tmp_path / "mark").exists()
    assert {one["detail"] for one in after.result["adapters"]} == {
        f"would be {'drained' if state == 'drained' else 'restored'}"
    }


def test_check_mode_predicts_a_refusal(drain: Drain) -> None:
    after = drain(DRAINED, NODE, "--check", world={"cluster": {**CLUSTER, "storage_jobs": 1}}, status=2)
    assert (after.state, after.result["why"]) == (
        "refused",
        "cluster: 1 storage job running; that would be waited for",
    )


def test_no_adapters_no_question(drain: Drain) -> None:
    after = drain(DRAINED, [])
    assert (after.state, after.result["changed"], after.run.counters["hosts"]["node"]["requests"]) == (
        "drained",
        False,
        0,
    )


def test_the_role_need_not_fail(drain: Drain) -> None:
    after = drain(DRAINED, NODE, world={"cluster": {**CLUSTER, "storage_jobs": 1}}, drain_fail=False)
    assert after.state == "refused"


def test_mistakes_are_named_without_secrets(drain: Drain, pool: Pool) -> None:
    adapter = {**pool.adapter(), "drain": {"url": "http://lb", "headers": {"Authorization": f"{SECRET}\n"}}}
    after = drain(DRAINED, [adapter], status=2)
    assert "drain_adapters[0].drain.headers.Authorization: its value is not allowed" in after.run.output
