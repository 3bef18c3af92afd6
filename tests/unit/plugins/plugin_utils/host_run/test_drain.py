# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking a host out of service and back: input, the memory, a cluster's state, and the chain of steps against a made-up host."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import drain, drain_memory
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.drain import DrainError
from hypothesis import given
from hypothesis import strategies as st

SINCE = "2026-09-20T12:00:00Z"
SECRET = "s3cr3t"
DRAIN = {"url": "https://lb/out?token=1", "headers": {"X-Key": SECRET}, "body": {"state": "out"}}
BALANCER = {"type": "load_balancer", "drain": DRAIN, "restore": {"url": "https://lb/in", "body": "in", "method": "PUT"}}
FILES = {"type": "tasks", "drain": "out.yml", "restore": "in.yml"}


def look(own: str = "Up", other: str = "Up", **more: Any) -> dict[str, Any]:
    """A cluster of two nodes as windows_drain shows it."""
    nodes = [
        {"name": "a", "state": own, "drain": more.pop("drain", "NotInitiated")},
        {"name": "b", "state": other, "drain": "Failed"},
    ]
    seen = {"own": "A", "nodes": nodes, "groups": [], "failed": [], "known": [], "storage_jobs": 0, **more}
    return seen | {"failed": [{"name": name, "group": f"role {name}"} for name in seen["failed"]]}


OURS = "O:BAG:BAD:PAI(A;;FA;;;SY)(A;;FA;;;BA)"


def lies(text: str | None, **parts: Any) -> dict[str, Any]:
    """What windows_drain shows of a memory of administrators; parts that are told are otherwise."""
    one = {"plain": True, "large": False, "sddl": OURS}
    there = None if text is None else one
    return {"base": one, "folder": there, "file": there, "text": text, **parts}


def third(state: str, **more: Any) -> dict[str, Any]:
    """A cluster of three nodes, the host not the first of them, all up but one that is in this state."""
    seen = look(**more)
    return seen | {"nodes": [{"name": "c", "state": state, "drain": ""}, *reversed(seen["nodes"])]}


# Input


def test_nothing_given() -> None:
    assert drain.load(None) == drain.load([]) == ()


def test_defaults() -> None:
    cluster, balancer, files = drain.load([{"type": "cluster"}, BALANCER, FILES])
    assert cluster == drain.Adapter("cluster", "cluster", 600, storage_timeout=600)
    assert (balancer.name, balancer.timeout, balancer.wait) == ("https://lb/out", 300, None)
    assert balancer.drain is not None
    assert balancer.restore is not None
    assert (balancer.drain.method, balancer.drain.body, balancer.drain.json) == ("POST", '{"state": "out"}', True)
    assert balancer.drain.url.status == (200, 201, 202, 204)
    assert (balancer.restore.method, balancer.restore.body, balancer.restore.json) == ("PUT", "in", False)
    assert files == drain.Adapter("tasks", "out.yml", 0, drain_file="out.yml", restore_file="in.yml")


def test_a_file_of_tasks_is_the_one_that_was_given() -> None:
    """Only what is shown of it is put on one short line."""
    far = f"my  own/{'x' * 300}.yml"
    [made] = drain.load([{"type": "tasks", "drain": far, "restore": f"{far}2", "check": f"{far}3"}])
    assert (made.drain_file, made.restore_file, made.check_file) == (far, f"{far}2", f"{far}3")
    assert (made.name[:10], len(made.name)) == ("my own/xxx", drain.DETAIL)


def test_a_name_is_one_line_of_at_most_300_characters() -> None:
    (files,) = drain.load([{**FILES, "name": "Web\nfarm " + "n" * 300}])
    assert files.name == "Web farm " + "n" * 291


def test_everything_given() -> None:
    wait = {
        "url": "http://lb/c",
        "status": 204,
        "text": "0",
        "timeout": "7",
        "headers": {"A": "b"},
        "validate_certs": False,
    }
    restore = {"url": "http://lb", "status": [200], "timeout": 3, "validate_certs": False}
    check = {"url": "http://lb/s", "text": "drained"}
    given = [
        {
            "type": "cluster",
            "timeout": "9",
            "storage_timeout": 7200,
            "ignore_failed": ["Old VM"],
            "paused_nodes": ["c"],
        },
        {**BALANCER, "name": "n", "wait": wait, "restore": restore, "check": check},
        {**FILES, "name": "own", "check": "look.yml"},
    ]
    cluster, balancer, files = drain.load(given)
    assert (cluster.timeout, balancer.timeout, balancer.name) == (9, 7, "n")
    assert (cluster.storage_timeout, cluster.ignore_failed, cluster.paused_nodes) == (7200, ("Old VM",), ("c",))
    assert balancer.wait is not None
    assert (balancer.wait.url, balancer.wait.status, balancer.wait.text) == ("http://lb/c", (204,), "0")
    assert balancer.check is not None
    assert (balancer.check.url, balancer.check.text) == ("http://lb/s", "drained")
    assert (balancer.wait.timeout, balancer.wait.validate_certs, balancer.wait.headers) == (10, False, {"A": "b"})
    assert balancer.restore is not None
    assert (balancer.restore.body, balancer.restore.url.timeout, balancer.restore.url.status) == (None, 3, (200,))
    assert (files.name, files.check_file) == ("own", "look.yml")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("x", "x_adapters: str is not allowed; give a list."),
        ({}, "x_adapters: dict is not allowed; give a list."),
        ([1], "x_adapters[0]: this is no mapping; give type and what belongs to it."),
        ([{}], "x_adapters[0].type: None is not allowed; give cluster, load_balancer, tasks."),
        (
            [{"type": "cluster", "name": "a"}],
            "x_adapters[0]: the key 'name' is not known; known are type, timeout, storage_timeout, ignore_failed, paused_nodes.",
        ),
        (
            [{"type": "cluster", "timeout": -1}],
            "x_adapters[0].timeout: -1 is not allowed; give a whole number from 0 to 86400.",
        ),
        (
            [{"type": "cluster", "storage_timeout": "x"}],
            "x_adapters[0].storage_timeout: 'x' is not allowed; give a whole number from 0 to 86400.",
        ),
        (
            [{"type": "cluster", "ignore_failed": "VM1"}],
            "x_adapters[0].ignore_failed: a text of 3 characters is not allowed; give a list of at most 100 names of roles or resources.",
        ),
        (
            [{"type": "cluster", "paused_nodes": ["b", ""]}],
            "x_adapters[0].paused_nodes[1]: '' is not allowed; give a name of nodes.",
        ),
        (
            [{"type": "cluster", "paused_nodes": [{}]}],
            "x_adapters[0].paused_nodes[0]: a mapping is not allowed; give a name of nodes.",
        ),
        (
            [{"type": "cluster", "ignore_failed": [str(number) for number in range(101)]}],
            "x_adapters[0].ignore_failed: a list is not allowed; give a list of at most 100 names of roles or resources.",
        ),
        ([{"type": "cluster"}] * 2, "x_adapters[1]: there are two adapters cluster cluster; give each its own name."),
        (
            [{**FILES, "wait": {}}],
            "x_adapters[0]: the key 'wait' is not known; known are type, name, drain, restore, check.",
        ),
        ([{**FILES, "drain": ""}], "x_adapters[0].drain: '' is not allowed; give a file of tasks."),
        ([{"type": "tasks", "drain": "a"}], "x_adapters[0].restore: None is not allowed; give a file of tasks."),
        ([{**FILES, "check": 1}], "x_adapters[0].check: 1 is not allowed; give a file of tasks."),
        ([{**FILES, "name": " "}], "x_adapters[0].name: ' ' is not allowed; give a name."),
        (
            [{**BALANCER, "look": "a"}],
            "x_adapters[0]: the key 'look' is not known; known are type, name, drain, restore, wait, check.",
        ),
        (
            [{**BALANCER, "check": "a"}],
            "x_adapters[0].check: the key url is missing; known are url, status, text, timeout, validate_certs, headers.",
        ),
        ([{**BALANCER, "name": 3}], "x_adapters[0].name: 3 is not allowed; give a name."),
        (
            [{"type": "load_balancer", "drain": DRAIN}],
            "x_adapters[0].restore: the key url is missing; known are url, method, headers, body, status, timeout, validate_certs.",
        ),
        (
            [{**BALANCER, "wait": {"text": "a"}}],
            "x_adapters[0].wait: the key url is missing; known are url, status, text, timeout, validate_certs, headers.",
        ),
        (
            [{**BALANCER, "wait": {"url": "http://a", "timeout": 86401}}],
            "x_adapters[0].wait.timeout: 86401 is not allowed; give a whole number from 0 to 86400.",
        ),
        (
            [{**BALANCER, "wait": {"url": "http://a", "status": 20}}],
            "x_adapters[0].wait.status: 20 is not allowed; give a whole number from 100 to 599.",
        ),
        (
            [{**BALANCER, "drain": {"url": "http://a", "method": "get"}}],
            "x_adapters[0].drain.method: 'get' is not allowed; give GET, POST, PUT, PATCH, DELETE, HEAD.",
        ),
        (
            [{**BALANCER, "drain": {"url": "http://a", "body": 7}}],
            "x_adapters[0].drain.body: it is not allowed; give a text, a mapping or a list.",
        ),
        (
            [{**BALANCER, "drain": {"url": "http://a", "text": "b"}}],
            "x_adapters[0].drain: the key 'text' is not known; known are url, method, headers, body, status, timeout, validate_certs.",
        ),
        (
            [{**BALANCER, "restore": {"url": "lb"}}],
            "x_adapters[0].restore.url: 'lb' is not allowed; give a URL as https://host/path.",
        ),
        (
            [{**BALANCER, "restore": {"url": "urls[0]"}}],
            "x_adapters[0].restore.url: a text of 7 characters is not allowed; give a URL as https://host/path.",
        ),
        (
            [{**BALANCER, "drain": {**DRAIN, "headers": {"A": f"{SECRET}\n"}}}],
            "x_adapters[0].drain.headers.A: its value is not allowed; give printable ASCII text on one line.",
        ),
    ],
)
def test_mistakes_name_option_value_and_what_is_allowed(value: object, said: str) -> None:
    with pytest.raises(DrainError) as caught:
        drain.load(value, "x_adapters")
    assert str(caught.value) == said


# What a host remembers


def test_the_memory_is_ascii_and_has_no_request() -> None:
    progress = drain.begin("drained", drain.load([{**BALANCER, "name": "größe"}]))
    progress.update(made={"since": SINCE, "run": "night", "boot": None})
    progress["adapters"][0].update(found="unknown")
    text = drain.remember(progress)
    assert text.isascii()
    assert SECRET not in text
    assert json.loads(text) == {
        "schema": 2,
        "since": SINCE,
        "run": "night",
        "boot": None,
        "adapters": [{"type": "load_balancer", "name": "größe", "found": "unknown"}],
    }


# A cluster


@pytest.mark.parametrize(
    ("seen", "state", "why"),
    [
        (None, "absent", ""),
        (look(), "active", ""),
        (look(groups=["SQL"]), "active", ""),
        (look("Paused"), "drained", ""),
        (look("Paused", "Down"), "drained", ""),
        (
            look("Paused", groups=["A", "B"]),
            "drained",
            "this node is paused and still owns A, B; resume it, or move them",
        ),
        (look("Joining"), "unknown", "this node is Joining"),
        (look("Down"), "unknown", "this node is Down"),
        (look() | {"own": "c"}, "unknown", "this node is missing"),
        (look(other="Paused"), "active", "node b is Paused"),
        (third("Up"), "active", ""),
        (third("Down", own="Paused"), "drained", ""),
        # A state that no Windows has yet is not up.
        (third("Upgrading"), "active", "node c is Upgrading"),
        (
            look(failed=["X", "Y"], storage_jobs=1),
            "active",
            "resource X has failed; resource Y has failed; 1 storage job running",
        ),
        (look(storage_jobs=2), "active", "2 storage jobs running"),
        (look() | {"nodes": look()["nodes"][:1]}, "active", "there is no other node"),
    ],
)
def test_may_a_node_be_drained(seen: Any, state: str, why: str) -> None:
    ok = None if why == "2 storage jobs running" else not why
    assert (drain.cluster_state(seen), *drain.may_drain(seen)) == (state, ok, why)


@pytest.mark.parametrize(
    ("seen", "ok", "why"),
    [
        (None, False, "the cluster is gone"),
        (look("Paused", drain="Completed"), True, "paused, its roles have moved"),
        (look("Paused", "Down", drain="Completed"), True, "paused, its roles have moved"),
        (look("Paused", drain="Completed", groups=["A"]), None, "the drain is Completed, it still owns A"),
        (look("Up", drain="Completed"), None, "the drain is Completed"),
        (look("Paused", drain="InProgress"), None, "the drain is InProgress"),
        (look("Paused", drain=""), None, "the drain is not begun"),
        (look("Paused", drain="Failed"), False, "the cluster could not move its roles"),
        (look("Paused", drain="Failed", groups=["A"]), False, "the cluster could not move its roles, it still owns A"),
        (look("Down", drain="InProgress"), False, "this node is Down"),
        (look("Down", drain="Completed"), False, "this node is Down"),
    ],
)
def test_is_a_node_drained(seen: Any, ok: bool | None, why: str) -> None:
    assert drain.drained(seen) == (ok, why)


@pytest.mark.parametrize(
    ("seen", "whole", "alone"),
    [
        (None, (None, "the cluster is gone"), (None, "the cluster is gone")),
        (look(), (True, "up"), (True, "up")),
        (look("Paused"), (None, "this node is Paused"), (None, "this node is Paused")),
        (look("Joining", "Down"), (None, "this node is Joining; node b is Down"), (None, "this node is Joining")),
        (look() | {"own": "c"}, (None, "this node is missing"), (None, "this node is missing")),
        (look(storage_jobs=1), (True, "up"), (True, "up")),
        (look(failed=["X"]), (None, "resource X has failed"), (True, "up")),
    ],
)
def test_is_a_node_released(seen: Any, whole: Any, alone: Any) -> None:
    assert drain.released(seen) == whole
    assert drain.released(seen, False) == alone
    if whole[0]:
        repaired = (None, "1 storage job running") if seen["storage_jobs"] else (True, "up, the cluster is whole")
        assert drain.repaired(seen) == repaired
    else:
        assert drain.repaired(seen) == whole


# What an adapter lets pass by name


@pytest.mark.parametrize(
    ("seen", "failed", "paused", "ok", "why", "passed"),
    [
        (look(failed=["X"]), ["x"], [], True, "", ["resource X has failed"]),
        # By its role, whatever the capitals.
        (look(failed=["X", "Y"]), ["ROLE X"], [], False, "resource Y has failed", ["resource X has failed"]),
        (look(failed=["X"]), ["Y"], [], False, "resource X has failed", []),
        (third("Paused"), [], ["C"], True, "", ["node c is Paused"]),
        # Known to be paused is not known to be down.
        (third("Down"), [], ["c"], False, "node c is Down", []),
        (third("Paused"), [], ["b"], False, "node c is Paused", []),
        # Somebody has to take the roles.
        (look(other="Paused"), [], ["b"], False, "there is no other node that is up", ["node b is Paused"]),
        (third("Paused", failed=["X"]), ["X"], ["c"], True, "", ["node c is Paused", "resource X has failed"]),
        (third("Paused", storage_jobs=1), [], ["c"], None, "1 storage job running", ["node c is Paused"]),
        # An exception for this node lets nothing pass.
        (
            look("Paused", groups=["A"]),
            [],
            ["a"],
            False,
            "this node is paused and still owns A; resume it, or move them",
            [],
        ),
    ],
)
def test_exceptions_by_name(seen: Any, failed: Any, paused: Any, ok: bool | None, why: str, passed: Any) -> None:
    allowed = drain.Exceptions(failed, paused)
    assert (*drain.may_drain(seen, allowed), allowed.of(seen)) == (ok, why, passed)


def test_exceptions_hold_for_the_way_back_too() -> None:
    seen, allowed = third("Paused", failed=["X"]), drain.Exceptions(["X"], ["c"])
    assert drain.released(seen) == (None, "node c is Paused; resource X has failed")
    assert drain.released(seen, exceptions=allowed) == (True, "up")
    assert drain.repaired(seen, allowed) == (True, "up, the cluster is whole")


def test_an_exception_that_names_nothing_is_told() -> None:
    allowed = drain.Exceptions(["sql", "gone"], ["B", "d"])
    assert allowed.unknown(look(known=["SQL"])) == [
        "ignore_failed: the cluster has no role and no resource gone",
        "paused_nodes: the cluster has no node d",
    ]


def taken(wanted: str, adapter: dict[str, Any], seen: Any) -> dict[str, Any]:
    """The progress after the first look at a cluster."""
    progress = drain.begin(wanted, drain.load([{"type": "cluster", **adapter}]))
    probe = {"ok": True, "value": seen, "error": None}
    return drain.take(
        progress, drain.step(progress), {"ok": True, "memory": lies(None), "boot": None, "now": SINCE, "cluster": probe}
    )


def test_what_was_let_pass_is_in_the_result() -> None:
    exceptions = {"ignore_failed": ["X", "gone"], "paused_nodes": ["c"]}
    progress = taken("drained", exceptions, third("Paused", failed=["X"], known=["X"]))
    out = drain.result(progress)
    assert drain.step(progress)["do"] == "remember"
    assert out["adapters"][0]["ignored"] == ["node c is Paused", "resource X has failed"]
    assert out["notes"] == [
        "cluster cluster: ignore_failed: the cluster has no role and no resource gone",
        "cluster cluster: let pass by name: node c is Paused, resource X has failed",
    ]


# The storage of a cluster


def test_a_drain_waits_for_the_storage() -> None:
    progress = taken("drained", {}, look(storage_jobs=1))
    step = drain.step(progress)
    assert step == {"do": "wait", "adapter": 0}
    whole = drain.take(progress, step, {"ok": True, "changed": False, "detail": "", "now": "active"})
    assert drain.step(whole)["do"] == "remember"
    assert drain.before_remember(whole)["adapters"][0]["found"] == "active"


@pytest.mark.parametrize(("ok", "state"), [(False, "refused"), (None, "unknown")])
def test_storage_that_is_not_whole_in_time_is_a_refusal(ok: bool | None, state: str) -> None:
    progress = taken("drained", {}, look(storage_jobs=1))
    said = "not within 5 s: 1 storage job running"
    out = drain.result(
        drain.take(progress, drain.step(progress), {"ok": ok, "changed": False, "detail": said, "now": ""})
    )
    assert (out["state"], out["why"], out["changed"]) == (state, f"cluster: {said}", False)


def test_other_troubles_are_not_waited_for() -> None:
    out = drain.result(taken("drained", {}, look(storage_jobs=1, failed=["X"])))
    assert (out["state"], out["why"]) == ("refused", "cluster: resource X has failed; 1 storage job running")


def test_a_node_whose_storage_is_still_repaired_is_in_service() -> None:
    host = Host(["active"])
    host.run("drained", THREE[2:])
    host.more = {"repairing": True}
    back = host.run("active", THREE[2:])
    assert (back["state"], back["repairing"], back["adapters"][0]["ok"], host.memory) == ("active", True, True, None)
    assert back["notes"] == [
        "cluster cluster: restore said so; the host is in service, the next node of the cluster has to wait"
    ]
    assert host.run("drained", THREE[2:])["repairing"] is False


@pytest.mark.parametrize(
    ("value", "probe"),
    [
        (None, False),
        ("x", False),
        ({}, False),
        ({"ok": True}, False),
        ({"ok": True, "value": None}, True),
        ({"ok": "yes", "value": None}, False),
        ({"ok": False, "error": None}, False),
        ({"ok": False, "error": {"message": "x"}}, True),
    ],
)
def test_what_is_a_probe(value: Any, probe: bool) -> None:
    assert drain.is_probe(value) is probe


@pytest.mark.parametrize("change", [{"nodes": [{}]}, {"failed": ["X"]}, {"storage_jobs": "many"}, {"groups": None}])
def test_a_cluster_of_another_form_cannot_be_read(change: dict[str, Any]) -> None:
    found = drain.cluster_look({"ok": True, "value": look() | change, "error": None})
    assert found == (None, "the cluster cannot be read: the answer of the host has another form")


# The chain of steps, carried out on a made-up host


class Host:
    """A host, and how each step on it goes: `fails` names `(do, adapter)` with False (refused) or None (nobody knows)."""

    def __init__(self, services: list[str], fails: dict[tuple[str, int | None], bool | None] | None = None) -> None:
        self.services = list(services)
        self.fails = fails or {}
        self.memory: str | None = None
        self.parts: dict[str, Any] = {}
        self.boot: str | None = None
        self.more: dict[str, Any] = {}
        self.did: list[tuple[str, int | None]] = []

    def run(self, wanted: str, given: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """The result of a whole run."""
        self.did = []
        progress = drain.begin(wanted, drain.load(given), **more)
        while (step := drain.step(progress))["do"] != "end":
            assert step["do"] in drain.DOS
            assert len(self.did) < 50, self.did
            if step["do"] == "remember":
                progress = drain.before_remember(progress)
            self.did.append((step["do"], step["adapter"]))
            progress = drain.take(progress, step, self.answer(step, progress, given))
        return drain.result(progress)

    def answer(self, step: dict[str, Any], progress: dict[str, Any], given: list[dict[str, Any]]) -> dict[str, Any]:
        do, place = step["do"], step["adapter"]
        ok = self.fails.get((do, place), True)
        said = {"ok": ok, "changed": False, "detail": f"{do} said so"}
        if do == "read":
            clusters = [self.services[at] for at, one in enumerate(given) if one["type"] == "cluster"]
            seen = {"active": look(), "drained": look("Paused"), "absent": None}[clusters[0] if clusters else "absent"]
            return said | {
                "memory": lies(self.memory, **self.parts),
                "boot": self.boot,
                "now": SINCE,
                "cluster": {"ok": True, "value": seen, "error": None},
            }
        if do == "ask":
            return said | {"now": self.services[place]}
        if ok and do == "remember":
            self.memory = drain.remember(progress)
        elif ok and do == "forget":
            self.memory = None
        elif do in ("drain", "restore") and ok is not None:
            # A step that was refused may still have done something.
            self.services[place] = "drained" if do == "drain" else "active" if ok else self.services[place]
        return said | {"changed": True, **self.more}


THREE: list[dict[str, Any]] = [BALANCER, FILES, {"type": "cluster"}]


def test_out_and_back() -> None:
    host = Host(["active"] * 3)
    out = host.run("drained", THREE)
    assert host.did == [
        *[("read", None), ("ask", 0), ("ask", 1), ("remember", None)],
        *[("drain", 0), ("drain", 1), ("drain", 2)],
    ]
    assert (out["state"], out["why"], out["changed"], out["remembered_since"]) == ("drained", None, True, SINCE)
    assert set(out["adapters"][0]) == {"type", "name", "found", "done", "ok", "detail", "ignored"}
    back = host.run("active", THREE)
    assert host.did == [("read", None), ("restore", 2), ("restore", 1), ("restore", 0), ("forget", None)]
    assert (back["state"], back["why"], back["changed"], back["remembered_since"]) == ("active", None, True, None)
    assert [one["done"] for one in back["adapters"]] == ["restored"] * 3
    again = host.run("active", THREE)
    assert (again["state"], again["changed"]) == ("active", False)
    assert again["why"] == "the host remembers no drain, so nothing was done"
    assert [(one["ok"], one["done"]) for one in again["adapters"]] == [(True, "none")] * 3


def test_a_second_drain_restores_what_the_first_one_found() -> None:
    host = Host(["active", "drained", "active"])
    host.run("drained", THREE)
    memory = host.memory
    host.run("drained", THREE)
    assert ("drain", 0) not in host.did
    assert host.memory == memory
    host.run("active", THREE)
    assert host.services == ["active", "drained", "active"]
    assert host.did == [("read", None), ("restore", 2), ("restore", 0), ("forget", None)]


def test_a_second_drain_that_is_refused_keeps_the_first_memory() -> None:
    host = Host(["active"] * 3)
    host.run("drained", THREE)
    host.memory = memory = (host.memory or "").replace(SINCE, "2026-01-01T00:00:00Z")
    host.services[0], host.fails = "active", {("drain", 0): False}
    out = host.run("drained", THREE)
    assert host.did[-2:] == [("drain", 0), ("restore", 0)]
    assert (out["state"], out["remembered_since"]) == ("refused", "2026-01-01T00:00:00Z")
    assert (host.services, host.memory) == (["active", "drained", "drained"], memory)


def test_what_was_out_before_is_said() -> None:
    host = Host(["drained", "unknown", "absent"])
    out = host.run("drained", THREE)
    assert [(one["ok"], one["done"], one["detail"]) for one in out["adapters"]] == [
        (True, "none", "was drained already"),
        (True, "drained", "drain said so"),
        (True, "none", "there is none here"),
    ]
    back = host.run("active", THREE)
    assert [(one["ok"], one["done"], one["detail"]) for one in back["adapters"]] == [
        (True, "none", "was drained before, and stays so"),
        (True, "restored", "restore said so"),
        (True, "none", "was absent before, and stays so"),
    ]


def test_a_refusal_takes_back_in_the_opposite_order() -> None:
    host = Host(["active"] * 3, {("drain", 2): False})
    out = host.run("drained", THREE)
    assert host.did[4:] == [
        ("drain", 0),
        ("drain", 1),
        ("drain", 2),
        ("restore", 2),
        ("restore", 1),
        ("restore", 0),
        ("forget", None),
    ]
    assert (out["state"], out["why"], out["remembered_since"]) == ("refused", "cluster cluster: drain said so", None)


@pytest.mark.parametrize("ok", [False, None])
def test_a_refusal_that_cannot_be_taken_back(ok: bool | None) -> None:
    host = Host(["active"] * 3, {("drain", 2): False, ("restore", 1): ok})
    out = host.run("drained", THREE)
    assert host.did[-3:] == [("restore", 2), ("restore", 1), ("restore", 0)]
    assert (out["state"], out["remembered_since"]) == ("unknown", SINCE)
    assert out["why"] == "cluster cluster: drain said so; not put back: tasks out.yml"
    assert out["adapters"][1]["detail"] == "drain said so; not restored: restore said so"


@pytest.mark.parametrize("ok", [False, None])
def test_a_memory_that_stays_after_a_refusal_is_said(ok: bool | None) -> None:
    host = Host(["active"] * 3, {("drain", 0): False, ("forget", None): ok})
    out = host.run("drained", THREE)
    assert (out["state"], out["remembered_since"]) == ("refused", SINCE)
    assert out["why"].endswith("drain said so; the memory of it could not be removed: forget said so")


@pytest.mark.parametrize(
    ("fails", "state"),
    [
        ({("read", None): False}, "unknown"),
        ({("remember", None): None}, "unknown"),
        ({("remember", None): False}, "refused"),
        ({("drain", 1): None}, "unknown"),
    ],
)
def test_how_a_drain_ends_early(fails: dict[Any, Any], state: str) -> None:
    host = Host(["active"] * 3, fails)
    assert host.run("drained", THREE)["state"] == state
    assert host.did[-1] == next(iter(fails))


@pytest.mark.parametrize(
    ("fails", "state"),
    [
        ({("read", None): False}, "unknown"),
        ({("restore", 1): None}, "unknown"),
        ({("restore", 1): False}, "drained"),
        ({("forget", None): False}, "drained"),
        ({("forget", None): None}, "unknown"),
    ],
)
def test_how_putting_back_ends_early(fails: dict[Any, Any], state: str) -> None:
    host = Host(["active"] * 3)
    host.run("drained", THREE)
    host.fails = fails
    assert host.run("active", THREE)["state"] == state
    assert host.did[-1] == next(iter(fails))
    assert host.memory is not None


@pytest.mark.parametrize(("wanted", "state"), [("drained", "refused"), ("active", "unknown")])
def test_a_memory_that_cannot_be_read(wanted: str, state: str) -> None:
    """Nothing is done: a drain is refused, and whether the host is in service nobody knows."""
    host = Host(["active"] * 3)
    host.memory = "[]"
    out = host.run(wanted, THREE)
    assert (out["state"], out["remembered_since"], host.did) == (state, None, [("read", None)])
    assert out["why"] == "what the host remembers of its drain (drain.json) cannot be read; look at it, and remove it"


def test_an_adapter_that_nobody_names_any_more() -> None:
    host = Host(["active"] * 3)
    host.run("drained", THREE)
    out = host.run("drained", THREE[1:2])
    assert out["state"] == "drained"
    assert sorted((one["type"], one["ok"], one["done"]) for one in out["adapters"]) == [
        ("cluster", True, "none"),
        ("load_balancer", True, "none"),
        ("tasks", True, "none"),
    ]
    assert json.loads(host.memory or "")["adapters"][1]["found"] == "active"
    back = host.run("active", [])
    said = "load_balancer https://lb/out, tasks out.yml, cluster cluster: remembered on the host, and not among the adapters"
    assert (back["state"], host.did) == ("drained", [("read", None)])
    assert sorted(back["why"].partition(": ")[0].split(", ")) == sorted(said.partition(": ")[0].split(", "))


@pytest.mark.parametrize("found", ["drained", "absent"])
def test_what_was_out_before_needs_no_adapter_any_more(found: str) -> None:
    host = Host(["active", found, "active"])
    host.run("drained", THREE)
    back = host.run("active", [BALANCER, {"type": "cluster"}])
    assert (back["state"], back["remembered_since"], host.memory) == ("active", None, None)
    one = {"type": "tasks", "name": "out.yml", "found": found, "done": "none", "ok": True}
    assert back["adapters"][2] == one | {"detail": f"was {found} before, and stays so", "ignored": []}


def test_no_adapters() -> None:
    host = Host([])
    assert (host.run("drained", [])["state"], host.did) == ("drained", [])
    assert (host.run("active", [])["state"], host.did) == ("active", [("read", None)])


def test_the_cluster_cannot_be_read() -> None:
    progress = drain.begin("drained", drain.load([{"type": "cluster"}]))
    probe = {"ok": False, "value": None, "error": {"message": "Access is denied."}}
    answer = {"ok": True, "memory": lies(None), "boot": None, "cluster": probe, "now": SINCE}
    out = drain.result(drain.take(progress, {"do": "read", "adapter": None}, answer))
    assert (out["state"], out["why"]) == ("refused", "cluster: the cluster cannot be read: Access is denied.")
    assert out["adapters"][0]["ok"] is False


OUTCOMES = st.sampled_from([True, True, True, False, None])
STEPS = st.tuples(st.sampled_from(["drain", "restore"]), st.integers(0, 2)) | st.tuples(
    st.sampled_from(["read", "remember", "forget"]), st.none()
)


@given(
    st.tuples(*[st.sampled_from(["active", "drained"])] * 3),
    st.lists(st.tuples(st.sampled_from(drain.STATES), st.dictionaries(STEPS, OUTCOMES, max_size=4)), max_size=5),
)
def test_whatever_happens_the_host_is_as_it_was_or_remembers(before: tuple[str, ...], runs: list[Any]) -> None:
    host = Host(list(before))
    for wanted, fails in runs:
        host.fails, at_first = fails, list(host.services)
        out = host.run(wanted, THREE)
        drains = [step for step in host.did if step[0] == "drain"]
        if out["state"] == "drained" and wanted == "drained":
            assert host.services == ["drained"] * 3
        if out["state"] == "refused":
            assert host.services == at_first
        if host.memory is None:
            assert host.services == list(before)
        if drains:
            assert host.memory is not None or ("forget", None) in host.did
            assert host.did.index(("remember", None)) < host.did.index(drains[0])
        assert (out["state"] == wanted) or out["why"]
    host.fails = {}
    assert host.run("active", THREE)["state"] == "active"
    assert (host.services, host.memory) == (list(before), None)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_input_is_taken_or_refused_in_a_sentence(value: Any) -> None:
    for option in (value, [value], [{"type": "load_balancer", "drain": value}], [{**BALANCER, "wait": value}]):
        said = ""
        try:
            drain.load(option)
        except DrainError as error:
            said = str(error)
        assert "\n" not in said
    assert drain.is_probe({"ok": True, "value": value, "error": None})
    assert drain.cluster_look({"ok": True, "value": value, "error": None})[0] is None
    for read in (drain_memory.place, lambda one: drain_memory.recall(json.dumps(one))):
        with contextlib.suppress(drain_memory.MemoryProblem):
            read(value)
