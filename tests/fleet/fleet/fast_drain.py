# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failover cluster and the memory of a world: `windows_drain` answered without PowerShell, and what its changes do to a host."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from .fast import COMMAND_FAULTS, Failure, Windows, operating_system
from .host import Host

World = Mapping[str, Any]

STATES = ("read", "suspend", "resume", "remember", "forget")
SERVICE = "ClusSvc"
LARGEST = 16384
# What Windows shows of a folder or file that the module has made.
OURS = "O:BAG:BAD:PAI(A;{0};FA;;;SY)(A;{0};FA;;;BA)"
# Of ProgramData itself: everybody may make files and folders there.
BASE = "O:SYG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICIIO;GA;;;CO)(A;OICI;0x1200a9;;;BU)(A;CI;DCLCRPCR;;;BU)"
OWNERS = re.compile(r"O:(BA|SY|S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464)[GD]:")
FOLDER = "C:\\ProgramData\\rebootless"
PATHS = {"base": "C:\\ProgramData", "folder": FOLDER, "file": f"{FOLDER}\\drain.json"}
INVALID_OPERATION = 0x80131509
# When what is under way on a host ends, in seconds of the monotonic clock.
_drained: WeakKeyDictionary[Host, float] = WeakKeyDictionary()
_synced: WeakKeyDictionary[Host, float] = WeakKeyDictionary()


def shown(world: dict[str, Any]) -> dict[str, Any]:
    """A world with what it implies: a node has the cluster's service."""
    world = {**world, "memory_parts": parts(world)}
    if "cluster" not in world:
        return world
    return {
        **world,
        "services": {SERVICE: {"status": "Running", "start_type": "Automatic"}, **world.get("services", {})},
    }


def parts(world: World) -> dict[str, Any]:
    """ProgramData, the folder, the file and what an interrupted run left beside it, as `{sddl, link, size}` or null."""
    told = world.get("memory_place") or {}
    there = {
        "base": True,
        "folder": "memory" in world or "file" in told or "new" in told,
        "file": "memory" in world,
        "new": False,
    }
    sddl = {"base": BASE, "folder": OURS.format("OICI"), "file": OURS.format(""), "new": OURS.format("")}
    return {
        part: {"sddl": sddl[part], "link": False, "size": len(world.get("memory") or ""), **(told.get(part) or {})}
        if part in told or there[part]
        else None
        for part in there
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
    else:
        place = host.state.get("memory_place") or {}
        # The folder stays, and is the module's own from now on.
        kept = {part: one for part, one in place.items() if part == "base"}
        host.state["memory_place"] = (
            {**kept, "folder": {}} if what == "remember" else {**place, "folder": place.get("folder", {})}
        )
        host.state["memory_place"].pop("file", None)
        if what == "remember":
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
        self.names = [str(name) for name in arguments.get("names") or ()]
        self.check_mode = check_mode
        self.changes: list[tuple[str, Any]] = []
        self.parts = parts(world)
        self.memory = _probe(self._memory)
        self.boot = _probe(self._boot)
        self.look = _probe(self._look)

    def _fault(self, command: str) -> None:
        kind = ((self.world.get("broken") or {}).get("commands") or {}).get(command)
        if kind:
            fault = COMMAND_FAULTS[kind]
            raise Failure(fault.kind, fault.hresult, fault.message.format(name=command))

    def _memory(self) -> dict[str, Any]:
        found: dict[str, Any] = {"base": self._place("base"), "folder": None, "file": None, "text": None}
        if found["base"]["plain"]:
            found["folder"] = self._place("folder")
        if found["folder"] and found["folder"]["plain"]:
            found["file"] = self._place("file")
        if found["file"] and found["file"]["plain"] and not found["file"]["large"]:
            self._fault("Get-Content")
            found["text"] = self.world.get("memory") or ""
        return found

    def _place(self, part: str) -> dict[str, Any] | None:
        self._fault("Get-Item")
        one = self.parts[part]
        if one is None:
            return None
        if one["link"]:
            return {"plain": False, "large": False, "sddl": ""}
        self._fault("Get-Acl")
        large = part in ("file", "new") and one["size"] > LARGEST
        return {"plain": True, "large": large, "sddl": one["sddl"]}

    def _boot(self) -> str | None:
        if self.state != "read":
            return None
        system = operating_system(Windows(self.world, ()))
        return None if system is None else str(system["last_boot"])

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
        owners = cluster.get("owner_groups", {})
        known = {
            name.casefold() for name in (*cluster.get("groups", {}), "Available Storage", *cluster.get("resources", {}))
        }
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
            "failed": [
                {"name": name, "group": owners.get(name, name)}
                for name, state in cluster.get("resources", {}).items()
                if state == "Failed"
            ],
            "known": [name for name in self.names if name.casefold() in known],
            "storage_jobs": cluster.get("storage_jobs", 0),
        }

    def run(self) -> dict[str, Any]:
        """The module's result; what it did is in `changes`."""
        diff: dict[str, str] = {}
        change = _probe(lambda: self._change(diff))
        result = {
            "changed": bool(change["value"]),
            "schema": 2,
            "boot": self.boot,
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
        found = self.memory["value"]
        for part in ("base", "folder", "file"):
            if found[part] and not found[part]["plain"]:
                raise _invalid(f"{PATHS[part]} is a link or not what it must be, so nothing is written there.")
        if found["folder"] and not OWNERS.match(found["folder"]["sddl"]):
            raise _invalid(f"{FOLDER} does not belong to Administrators or SYSTEM, so nothing is written there.")
        mine = bool(found["file"] and OWNERS.match(found["file"]["sddl"]))
        if (not text and found["file"] is None) or (text and mine and found["text"] == text):
            return False
        diff.update(before=(found["text"] or "") if mine else "", after=text or "")
        if not self.check_mode:
            if text:
                self._write()
            else:
                self._fault("Remove-Item")
            self.changes.append(("remember" if text else "forget", text or None))
        return True

    def _write(self) -> None:
        """What may go wrong before the file is in its place."""
        self._fault("New-Item") if self.parts["folder"] is None else None
        self._fault("Get-Acl")
        self._fault("Set-Acl")
        new = self._place("new")
        if new and not new["plain"]:
            raise _invalid(f"{PATHS['file']}.new is no ordinary file, so it is not written to.")
        if new:
            self._fault("Remove-Item")
        self._fault("Set-Content")


def _invalid(message: str) -> Failure:
    return Failure("failed", INVALID_OPERATION, message)


def _probe(ask: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"ok": True, "value": ask(), "error": None}
    except Failure as failure:
        return {"ok": False, "value": None, "error": failure.error}
