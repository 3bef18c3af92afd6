# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One simulated host: its world as it is now, its power, its port, and what is counted."""

from __future__ import annotations

import asyncio
import copy
import re
import socket
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from . import fast_packages, fast_preflight, restart
from .faults import HostFaults
from .restart import CBS, REBOOT_PENDING, REBOOT_REQUIRED
from .worlds import KINDS, merge

if TYPE_CHECKING:
    from .updates import Run

LOOPBACK = "127.0.0.1"
VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
# Servicing keeps a package here that is installed but for the restart.
PACKAGE = CBS + r"\Packages\Package_for_RollupFix~31bf3856ad364e35~amd64~~{build}.1.0"
INSTALL_PENDING, PACKAGE_INSTALLED = 0x60, 0x70
ALREADY_SCHEDULED, ACCESS_DENIED, NONE_IN_PROGRESS = 1190, 5, 1116

Serve = Callable[["Host", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Counters:
    """What a host has seen since the start."""

    requests: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    connections: int = 0
    shells: int = 0
    module_runs: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    requests_by_module: Counter[str] = field(default_factory=Counter)
    bytes_by_module: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    out_of_service: list[dict[str, Any]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    updates_asked: list[dict[str, Any]] = field(default_factory=list)
    updates_installed: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """These counters as JSON."""
        return {key: dict(value) if isinstance(value, Counter) else value for key, value in vars(self).items()}


class Host:
    """A simulated host on a port of its own, which stays its own while the host is down."""

    def __init__(
        self,
        name: str,
        world: dict[str, Any],
        faults: HostFaults | None = None,
        *,
        origin: str = "",
        time_scale: float = 1.0,
    ) -> None:
        self.name = name
        self.time_scale = time_scale
        self.origin = origin or name
        self.state = copy.deepcopy(world)
        self.faults = faults or HostFaults()
        self.counters = Counters()
        self.shells: dict[str, Any] = {}
        self.unauthorized = False
        # The background task of win_updates, and how the installation ends that is under way.
        self.updates: Run | None = None
        self._finish_install: Callable[[], None] | None = None
        self._install_job: asyncio.Task[None] | None = None
        self._will_boot = False
        # The updates that wait for the restart, and what was offered before them.
        self._waiting: list[dict[str, Any]] = []
        self._offered: list[dict[str, Any]] = []
        # Whether servicing is still at work after a boot.
        self._servicing = False
        self.began = time.monotonic()
        self.socket = _bound(0)
        self.port: int = self.socket.getsockname()[1]
        self._serve: Serve | None = None
        self._tls: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self._shutdown: asyncio.Task[None] | None = None

    async def start(self, serve: Serve, tls: ssl.SSLContext | None) -> None:
        """Open the port, unless a fault keeps it shut."""
        self._serve, self._tls, self.began = serve, tls, time.monotonic()
        for fault in self.faults.from_the_start():
            if fault.kind == "unauthorized":
                self.refuse_credentials(fault.seconds)
            elif fault.kind == "refused":
                self.fail("refused")
                self.go_away("refused", fault.seconds)
        if not self._away:
            await self.up()

    @property
    def up_now(self) -> bool:
        """Whether the port is open."""
        return self._server is not None

    @property
    def _away(self) -> bool:
        return bool(self.counters.out_of_service) and self.counters.out_of_service[-1]["to"] is None

    async def up(self) -> None:
        """Open the port."""
        if self._server is not None:
            return
        self._server = await asyncio.start_server(self._connected, sock=self.socket, ssl=self._tls, limit=2**20)
        if self._away:
            self.counters.out_of_service[-1]["to"] = self.elapsed()

    def down(self, reason: str) -> None:
        """Cut every connection and shut the port; it stays bound, so nobody else gets it and connecting is refused."""
        if not self._away:
            self.counters.out_of_service.append({"from": self.elapsed(), "to": None, "reason": reason})
        if self._server is not None:
            self._server.close()
            self._server = None
            self.socket = _bound(self.port)
        self.cut()
        for shell in self.shells.values():
            shell.stop()
        self.shells.clear()

    def cut(self) -> None:
        """Cut every connection."""
        for task, writer in list(self._connections.items()):
            writer.transport.abort()
            task.cancel()

    def go_away(self, reason: str, seconds: float | None) -> None:
        """Be out of service: for a time, or for good."""
        self.down(reason)
        if seconds is not None:
            self._later(seconds, self.up)

    def refuse_credentials(self, seconds: float | None) -> None:
        """Answer 401 to everything: for a time, or for good."""

        async def accept() -> None:
            self.unauthorized = False

        self.unauthorized = True
        if seconds is not None:
            self._later(seconds, accept)

    def fail(self, kind: str) -> None:
        """Count a fault."""
        self.counters.faults[kind] += 1

    def elapsed(self) -> float:
        """Seconds since the start."""
        return round(time.monotonic() - self.began, 3)

    @property
    def boot(self) -> datetime:
        """The last boot; a world that does not say was started a month ago."""
        stated = self.state.get("boot")
        return datetime.fromisoformat(stated or self.state["clock"]) - timedelta(days=0 if stated else 30)

    def restart(self, delay: float) -> int:
        """What `shutdown /r` does; its exit code."""
        if self.state.get("reboot", {}).get("refuses"):
            return ACCESS_DENIED
        if self._shutdown is not None:
            return ALREADY_SCHEDULED
        # The answer to the shutdown command goes out first.
        self._shutdown = self._later(max(delay * self.time_scale, 0.1), self._restart)
        self._will_boot = True
        return 0

    def becomes(self, world: Mapping[str, Any] | None) -> None:
        """Lay a change upon the world: what it shows is another from now on."""
        self.state = merge(self.state, world or {})

    def restart_by_itself(self, seconds: float) -> None:
        """Restart though nobody told it to."""
        if self._shutdown is None:
            self._shutdown = self._later(seconds * self.time_scale, self._restart)
            self._will_boot = True

    def abort_restart(self) -> int:
        """What `shutdown /a` does; its exit code."""
        if self._shutdown is None or not self.up_now:
            return NONE_IN_PROGRESS
        self._shutdown.cancel()
        self._shutdown = None
        self._will_boot = False
        return 0

    async def _restart(self) -> None:
        faults = self.faults.at_restart()
        for fault in faults:
            self.fail(fault.kind)
        self.counters.restarts += 1
        kinds = {fault.kind for fault in faults}
        if fast_preflight.asks(self.state):
            kinds.add("never_back")
        self.down("never_back" if "never_back" in kinds else "restart")
        self._end_processes()
        if "never_back" in kinds:
            return
        more = sum(fault.seconds or 0 for fault in faults)
        down = float(self.state.get("reboot", {}).get("down_seconds", 2)) + more
        await asyncio.sleep(down * self.time_scale)
        if "rolls_back" in kinds:
            self._roll_back()
        seconds = self.booted()
        for fault in faults:
            if fault.kind == "boots_as":
                self.becomes(fault.world)
        self._shutdown = None
        await self.up()
        if seconds:
            self._later(seconds * self.time_scale, self._serviced)

    def booted(self) -> float:
        """The state after a boot, and the seconds that servicing still needs.

        The host's clock stands still otherwise, so it moves on here by a fixed time, and the time of judgement with it.
        """
        self.state["boot"] = later(self.state["clock"], timedelta(minutes=2))
        for key in ("clock", "judged_at"):
            if key in self.state:
                self.state[key] = later(self.state[key], timedelta(minutes=3))
        restart.carry_out(self.state, self.state.get("reboot", {}).get("keeps", ()))
        if "busy" in self.agent:
            self.agent["busy"] = False
        self._complete_packages()
        fast_preflight.boot(self.state)
        self._waiting, self._offered = [], []
        self._will_boot = False
        self._servicing = True
        seconds = fast_packages.boot(self.state)
        if not seconds:
            self._end_servicing()
        return seconds

    async def _serviced(self) -> None:
        self._end_servicing()

    def _end_servicing(self) -> None:
        """What servicing had to remove is gone."""
        if self._servicing:
            self._servicing = False
            self._show_revision(fast_packages.finish(self.state))

    def remove_package(self, name: str) -> None:
        """Remove a servicing package: at once, or with the next boot."""
        if not fast_packages.remove(self.state, name):
            self._show_revision(fast_packages.finish(self.state))

    @property
    def agent(self) -> dict[str, Any]:
        """The world's update agent."""
        found: dict[str, Any] = self.state.setdefault("update_agent", {})
        return found

    def search(self) -> list[dict[str, Any]]:
        """What a search of the update agent finds; from the second one on that is `offers_after_search`."""
        found: list[dict[str, Any]] = self.state.get("offers", [])
        if "offers_after_search" in self.agent:
            self.state["offers"] = self.agent.pop("offers_after_search")
        return found

    def mark(self, offers: list[dict[str, Any]], key: str, *, only_if_false: bool = False) -> None:
        """Set a mark on these offers, wherever they are kept."""
        ids = {offer["id"] for offer in offers}
        for offer in [*offers, *self.state.get("offers", ()), *self.agent.get("offers_after_search", ())]:
            if offer["id"] in ids and not (only_if_false and offer.get(key) is not False):
                offer[key] = True

    def install(self, finish: Callable[[], None], seconds: float | None) -> None:
        """Let an installation end after `seconds`, at once with 0, never with None; the agent is busy meanwhile."""
        if seconds == 0:
            finish()
            return
        self.agent["busy"] = True
        if seconds is None:
            return
        self._finish_install = finish

        async def end() -> None:
            self._end_install()

        self._install_job = self._later(seconds * self.time_scale, end)

    def _end_install(self) -> None:
        finish, self._finish_install = self._finish_install, None
        if finish is not None:
            self.agent["busy"] = False
            finish()

    def _end_processes(self) -> None:
        """What a shutdown ends: the task of win_updates, and an installation, which Windows then rolls back."""
        self.updates = self._finish_install = None
        if self._install_job is not None:
            self._install_job.cancel()
            self._install_job = None

    def take_in(self, offers: list[dict[str, Any]]) -> None:
        """The effects of installing these updates."""
        if not self._waiting:
            self._offered = list(self.state.get("offers", []))
        self._waiting += [offer for offer in offers if does(offer) == "always"]
        for offer in offers:
            self._list_hotfixes(offer)
            waits = does(offer) == "always"
            if "build" in offer and waits:
                self._registry_key(PACKAGE.format(build=offer["build"]))["CurrentState"] = INSTALL_PENDING
            elif "build" in offer:
                self._raise_build(offer["build"])
            if waits:
                self._registry_key(REBOOT_PENDING)
                self._registry_key(REBOOT_REQUIRED)[offer["id"]] = 1
                self.agent.update(reboot_required=True, reboot_required_before_installation=True)
            for holder, key in ((self.state, "offers"), (self.agent, "offers_after_search")):
                if key in holder:
                    holder[key] = [other for other in holder[key] if not takes_away(offer, other)]

    def _roll_back(self) -> None:
        """Windows cannot finish what waits for the restart: it undoes it, and offers it again."""
        for offer in self._waiting:
            if "build" in offer:
                del self.state["registry"][PACKAGE.format(build=offer["build"])]
            listed = self.state.get("hotfixes", [])
            listed[:] = [entry for entry in listed if entry["kb"] not in kbs(offer)]
        there = {offer["id"] for offer in self.state.get("offers", [])}
        undone = [offer for offer in self._offered if any(takes_away(one, offer) for one in self._waiting)]
        self.state.setdefault("offers", []).extend(offer for offer in undone if offer["id"] not in there)

    def _list_hotfixes(self, offer: dict[str, Any]) -> None:
        today = datetime.fromisoformat(self.state["clock"])
        listed = self.state.setdefault("hotfixes", [])
        listed[:] = [entry for entry in listed if entry["kb"] not in kbs(offer)]
        listed += [{"kb": kb, "installed_on": f"{today.month}/{today.day}/{today.year}"} for kb in kbs(offer)]

    def _registry_key(self, path: str) -> dict[str, Any]:
        """The values of a registry key, which is made if it is not there."""
        registry: dict[str, Any] = self.state.setdefault("registry", {})
        known = next((key for key in registry if key.lower() == path.lower()), path)
        values: dict[str, Any] = registry.setdefault(known, {})
        return values

    def _complete_packages(self) -> None:
        """At boot servicing carries out what waited for it."""
        pattern = re.compile(re.escape(PACKAGE).replace(r"\{build\}", r"(\d+\.\d+)"), re.I)
        for key, values in list(self.state.get("registry", {}).items()):
            match = pattern.fullmatch(key)
            if match and data(values.get("CurrentState")) == INSTALL_PENDING:
                values["CurrentState"] = PACKAGE_INSTALLED
                self._raise_build(match[1])

    def _raise_build(self, build: str) -> None:
        """Windows shows this build from now on, unless it shows a higher one."""
        values = self._registry_key(VERSION)
        names = {name.lower(): name for name in values}
        family, revision = names.get("currentbuild", "CurrentBuild"), names.get("ubr", "UBR")
        if number(build) > (int(data(values.get(family, 0))), int(data(values.get(revision, 0)))):
            values[family], values[revision] = build.partition(".")[0], number(build)[1]

    def _show_revision(self, revision: int | None) -> None:
        """Windows shows this revision from now on, when there is one."""
        if revision is not None:
            values = self._registry_key(VERSION)
            values[next((name for name in values if name.lower() == "ubr"), "UBR")] = revision

    def world(self) -> dict[str, Any]:
        """The world as it is when everybody has gone: a restart or an installation that is under way ends well.

        A host that has not come back is switched on by somebody.
        """
        if self._will_boot:
            self._end_processes()
            self.booted()
        self._end_servicing()
        self._end_install()
        return copy.deepcopy({key: value for key, value in self.state.items() if key != "expect"})

    async def settled(self) -> None:
        """Wait until nothing is under way: no restart, no fault that ends by itself."""
        while self._jobs:
            await asyncio.gather(*self._jobs, return_exceptions=True)

    def _later(self, seconds: float, action: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            await action()

        job = asyncio.ensure_future(wait())
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return job

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        assert self._serve is not None
        self._connections[task] = writer
        self.counters.connections += 1
        try:
            await self._serve(self, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            # The client has gone, or the host has.
            pass
        finally:
            del self._connections[task]
            writer.close()

    async def stop(self) -> None:
        """End everything."""
        for job in list(self._jobs):
            job.cancel()
        if self._server is not None:
            self._server.close()
            self._server = None
        for shell in self.shells.values():
            shell.stop()
        waiting = [*self._jobs, *self._connections]
        self.cut()
        await asyncio.gather(*waiting, return_exceptions=True)
        self.socket.close()


def later(time: str, by: timedelta) -> str:
    """A time of a world, moved on."""
    return f"{datetime.fromisoformat(time) + by:%Y-%m-%dT%H:%M:%SZ}"


def kbs(offer: Mapping[str, Any]) -> list[str]:
    """The KB numbers of an offer."""
    if "kbs" in offer:
        return list(offer["kbs"])
    return [offer["kb"]] if "kb" in offer else []


def does(offer: Mapping[str, Any]) -> str:
    """What installing an offer really does: `none`, or `always` when it takes a restart."""
    said = offer.get("dynamic")
    default = said if said in ("none", "always") else "always" if offer.get("restart") == "always" else "none"
    return str(offer.get("does", default))


def number(build: str) -> tuple[int, int]:
    """A build as numbers that compare: family and revision."""
    family, _dot, revision = build.partition(".")
    return int(family), int(revision)


def data(value: Any) -> Any:
    """The data of a registry value, which a world may write as [KIND, DATA]."""
    pair = isinstance(value, list) and len(value) == 2 and value[0] in KINDS
    return value[1] if pair else value


def takes_away(installed: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether an offer goes when this one is installed: the same one, or a build that it has within it."""
    if other["id"] == installed["id"]:
        return not installed.get("installs_but_reoffered")
    if "build" not in installed or "build" not in other:
        return False
    mine, its = number(installed["build"]), number(other["build"])
    return mine[0] == its[0] and mine >= its


def _bound(port: int) -> socket.socket:
    """A socket that owns a port of the loopback and does not listen: connecting to it is refused."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((LOOPBACK, port))
    bound.setblocking(False)
    return bound
