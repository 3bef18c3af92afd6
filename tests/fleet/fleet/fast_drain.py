# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failover cluster and the memory of a world: `windows_drain` answered without PowerShell, and what its changes do to a host."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from .fast import COMMAND_FAULTS, Failure
from .host import Host

World = Mapping[str, Any]

STATES = ("read", "suspend", "resume", "remember", "forget")
SERVICE = "ClusSvc"
INVALID_OPERATION = 0x80131509
# When what is under way on a host ends, in seconds of the monotonic clock.
_drained: WeakKeyDictionary[Host, float] = WeakKeyDictionary()
_synced: WeakKeyDictionary[Host, float] = WeakKeyDictionary()


def shown(world: dict[str, Any]) -> dict[str, Any]:
    """A world with what it implies: a node has the cluster's service."""
    if "cluster" not in world:
        return world
    return {
        **world,
        "services": {SERVICE: {"status": "Running", "start_type": "Automatic"}, **world.get("services", {})},
    }


# What happens to a host


def settle(host: Host) -> None:
    """Let what was under way go as far as it has come by now."""
    now = time.monotonic()
    if _drained.get(host, now + 1) <= now:
        del _drained[host]
        _finish(host.state["cluster"])
    if _synced.get(host, now + 1) <= now:
        del _synced[host]
        host.state["cluster"]["storage_jobs"] = 0


def change(host: Host, what: str, value: Any) -> None:
    """Carry out what the module did on a host."""
    if what == "suspend":
        _suspend(host)
    elif what == "resume":
        _resume(host, value)
    elif what == "remember":
        host.state["memory"] = value
    else:
        host.state.pop("memory", None)


def take_in(host: Host, told: str) -> None:
    """Carry out what the fake Windows told, one line of JSON for each change."""
    for line in told.splitlines():
        entry = json.loads(line)
        change(host, entry["do"], entry["value"])


def _suspend(host: Host) -> None:
    cluster = host.state["cluster"]
    cluster["nodes"][cluster["own"]] = "Paused"
    cluster["drain_status"] = "Failed" if cluster.get("drain") == "refuses" else "InProgress"
    if cluster.get("drain", "ok") == "ok":
        _drained[host] = time.monotonic() + cluster.get("drain_seconds", 0) * host.time_scale
        settle(host)


def _finish(cluster: dict[str, Any]) -> None:
    """The roles have moved to the first other node that is up, if there is one."""
    own = cluster["own"]
    if cluster.get("drain_status") != "InProgress":
        return
    others = [name for name, state in cluster["nodes"].items() if name != own and state == "Up"]
    cluster["drain_status"] = "Completed" if others else "Failed"
    groups = cluster.get("groups", {})
    mine = [name for name, owner in groups.items() if owner == own] if others else []
    cluster["moved"] = mine
    groups.update(dict.fromkeys(mine, *others[:1]))


def _resume(host: Host, failback: str) -> None:
    cluster = host.state["cluster"]
    _drained.pop(host, None)
    cluster["nodes"][cluster["own"]] = "Up"
    cluster.pop("drain_status", None)
    moved = cluster.pop("moved", [])
    if failback == "Immediate":
        cluster.get("groups", {}).update(dict.fromkeys(moved, cluster["own"]))
    if "resync_seconds" in cluster:
        cluster["storage_jobs"] = 1
        _synced[host] = time.monotonic() + cluster["resync_seconds"] * host.time_scale


# The module


class Module:
    """One run of windows_drain over a world."""

    def __init__(self, world: World, arguments: Mapping[str, Any], check_mode: bool) -> None:
        self.world = world
        self.state = arguments.get("state") or "read"
        if self.state not in STATES:
            raise ValueError(f"value of state must be one of: {', '.join(STATES)}. Got no match for: {self.state}")
        self.text = arguments.get("memory")
        if self.state == "remember" and self.text is None:
            raise ValueError("state is remember but all of the following are missing: memory")
        self.ask = bool(arguments.get("cluster", True))
        self.check_mode = check_mode
        self.changes: list[tuple[str, Any]] = []
        self.memory = _probe(self._memory)
        self.look = _probe(self._look)

    def _fault(self, command: str) -> None:
        kind = ((self.world.get("broken") or {}).get("commands") or {}).get(command)
        if kind:
            fault = COMMAND_FAULTS[kind]
            raise Failure(fault.kind, fault.hresult, fault.message.format(name=command))

    def _memory(self) -> str | None:
        self._fault("Get-Content")
        found: str | None = self.world.get("memory")
        return found

    def _look(self) -> dict[str, Any] | None:
        if not self.ask:
            return None
        self._fault("Get-Service")
        service = self.world.get("services", {}).get(SERVICE)
        if service is None or service["start_type"] == "Disabled":
            return None
        cluster = self.world.get("cluster")
        if cluster is None:
            fault = COMMAND_FAULTS["missing"]
            raise Failure(fault.kind, fault.hresult, fault.message.format(name="Get-ClusterNode"))
        for command in ("Get-ClusterNode", "Get-ClusterGroup", "Get-ClusterResource", "Get-StorageJob"):
            self._fault(command)
        own = cluster["own"]
        return {
            "own": own,
            "nodes": [
                {
                    "name": name,
                    "state": state,
                    "drain": cluster.get("drain_status", "NotInitiated") if name == own else "NotInitiated",
                }
                for name, state in cluster["nodes"].items()
            ],
            "groups": [name for name, owner in cluster.get("groups", {}).items() if owner == own],
            "failed": [name for name, state in cluster.get("resources", {}).items() if state == "Failed"],
            "storage_jobs": cluster.get("storage_jobs", 0),
        }

    def run(self) -> dict[str, Any]:
        """The module's result; what it did is in `changes`."""
        diff: dict[str, str] = {}
        change = _probe(lambda: self._change(diff))
        result = {
            "changed": bool(change["value"]),
            "schema": 1,
            "change": change,
            "cluster": self.look,
            "memory": self.memory,
        }
        return {**result, "diff": diff} if diff else result

    def _change(self, diff: dict[str, str]) -> bool:
        if self.state == "suspend":
            return self._node(diff, "Up", "Paused")
        if self.state == "resume":
            return self._node(diff, "Paused", "Up")
        if self.state in ("remember", "forget"):
            return self._file(diff, self.text if self.state == "remember" else "")
        return False

    def _node(self, diff: dict[str, str], before: str, after: str) -> bool:
        if not self.ask:
            raise _invalid("cluster is false, so the cluster is left alone.")
        if not self.look["ok"]:
            raise _invalid(self.look["error"]["message"])
        look = self.look["value"]
        if look is None or self.world["cluster"]["nodes"].get(look["own"]) != before:
            return False
        diff.update(before=f"state of the node: {before}\n", after=f"state of the node: {after}\n")
        if not self.check_mode:
            self._fault("Suspend-ClusterNode" if after == "Paused" else "Resume-ClusterNode")
            self.changes.append((self.state, look["own"] if after == "Paused" else "Immediate"))
        return True

    def _file(self, diff: dict[str, str], text: str | None) -> bool:
        if not self.memory["ok"]:
            raise _invalid(self.memory["error"]["message"])
        before = self.memory["value"] or ""
        if before == text:
            return False
        diff.update(before=before, after=text or "")
        if not self.check_mode:
            self._fault("Set-Content" if text else "Remove-Item")
            self.changes.append(("remember" if text else "forget", text or None))
        return True


def _invalid(message: str) -> Failure:
    return Failure("failed", INVALID_OPERATION, message)


def _probe(ask: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"ok": True, "value": ask(), "error": None}
    except Failure as failure:
        return {"ok": False, "value": None, "error": failure.error}
