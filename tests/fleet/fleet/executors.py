# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs the collection's own modules: their PowerShell under pwsh, or the same answers in Python."""

from __future__ import annotations

import copy
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import fast, fast_drain, fast_offers, fast_packages, fast_preflight, model, pwsh
from .host import Host
from .payload import Payload
from .server import OWN, Executor

SIGNALS = OWN + "windows_signals_info"
OFFERS = OWN + "windows_offers_info"
DRAIN = OWN + "windows_drain"
PREFLIGHT = OWN + "windows_preflight_info"
PACKAGES = OWN + "windows_packages"
BITLOCKER = OWN + "windows_bitlocker"
LISTS = ("gather_subset", "services", "processes")


class ExecutorError(Exception):
    """The executor that was asked for cannot be had."""


@dataclass(frozen=True)
class Chosen:
    """An executor, and what the user is to be told about the choice."""

    name: str
    executor: Executor
    notice: str = ""


class Fast:
    """Answers the collection's own modules from the world, in Python."""

    async def run(self, host: Host, run: Payload, script: str, stdin: bytes, timeout: float) -> model.Answer:
        """The module's JSON result."""
        if run.name not in (SIGNALS, OFFERS, DRAIN, PREFLIGHT, PACKAGES, BITLOCKER):
            known = f"{SIGNALS}, {OFFERS}, {DRAIN}, {PREFLIGHT}, {PACKAGES} and {BITLOCKER}"
            said = f"{run.name}: the fast executor only answers {known}; use --executor powershell."
            return model.module_result(run, {"failed": True, "changed": False, "msg": said})
        check_mode = bool(run.arguments.get("_ansible_check_mode"))
        arguments = {key: value for key, value in run.arguments.items() if not key.startswith("_ansible_")}
        for name in LISTS:
            # As Ansible.Basic does.
            if isinstance(arguments.get(name), str):
                arguments[name] = [item.strip() for item in arguments[name].split(",")]
        try:
            world = live(host, run)
            if run.name == DRAIN:
                asked = fast_drain.Module(fast_drain.shown(world), arguments, check_mode)
                result = asked.run()
                for what, value in asked.changes:
                    fast_drain.change(host, what, value)
                return model.module_result(run, result)
            if run.name == PACKAGES:
                servicing = fast_packages.Module(world, arguments, check_mode)
                result = servicing.run()
                if servicing.removed:
                    host.remove_package(servicing.removed)
                return model.module_result(run, result)
            if run.name == BITLOCKER:
                protection = fast_preflight.Module(fast_preflight.shown(world), arguments, check_mode)
                result = protection.run()
                for to, count in protection.changes:
                    fast_preflight.change(host.state, to, count)
                return model.module_result(run, result)
            if run.name == OFFERS:
                signals = fast_offers.signals(world, arguments, check_mode)
                fast_offers.searched(host.state)
            elif run.name == PREFLIGHT:
                signals = fast_preflight.signals(fast_preflight.shown(world), arguments)
            else:
                signals = fast.signals(world, arguments)
        except ValueError as error:
            return model.module_result(run, {"failed": True, "changed": False, "msg": str(error)})
        return model.module_result(run, {"changed": False, "schema": 1, "signals": signals})

    async def close(self) -> None:
        """Nothing to end."""


class PowerShell:
    """Runs the payload under a pool of warm pwsh processes."""

    def __init__(self, pool: pwsh.Pool) -> None:
        self.pool = pool

    async def run(self, host: Host, run: Payload, script: str, stdin: bytes, timeout: float) -> model.Answer:
        """What the payload printed."""
        with tempfile.TemporaryDirectory(prefix="simfleet-changes-") as folder:
            told = Path(folder) / "changes"
            world = shown(live(host, run))
            if run.name == DRAIN:
                world = {**fast_drain.shown(world), "changes": str(told)}
            if run.name == PREFLIGHT:
                world = fast_preflight.shown(world)
            if run.name == BITLOCKER:
                world = {**fast_preflight.shown(world), "changes": str(told)}
            if run.name == PACKAGES:
                world = {**fast_packages.shown(world), "changes": str(told)}
            try:
                code, out, err = await self.pool.run(world, script, stdin, timeout)
            except TimeoutError:
                return 1, b"", f"simfleet: {run.name} took longer than {timeout:.0f} s\r\n".encode()
            finally:
                if told.exists():
                    take_in = {PACKAGES: fast_packages.take_in, BITLOCKER: fast_preflight.take_in}
                    take_in.get(run.name, fast_drain.take_in)(host, told.read_text(encoding="utf-8"))
        if run.name == OFFERS:
            fast_offers.searched(host.state)
        return code, out, err

    async def close(self) -> None:
        """End the processes."""
        await self.pool.close()


def live(host: Host, run: Payload) -> dict[str, Any]:
    """The host's world as it is now; a task with become has the rights of a local logon."""
    fast_drain.settle(host)
    state = copy.deepcopy(host.state)
    if any(wrapper.startswith("become") for wrapper in run.wrappers):
        state["logon"] = "local"
    return state


def shown(world: dict[str, Any]) -> dict[str, Any]:
    """A world as the fake Windows of `powershell/` takes it: with the offers filled in."""
    return {**world, "agent_offers": fast_offers.filled(world)} if world.get("offers") else world


def choose(wanted: str | None, hosts: int) -> Chosen:
    """The executor asked for; without a wish PowerShell where there is one.

    :raises ExecutorError: PowerShell is asked for and there is none
    """
    if wanted == "fast":
        return Chosen("fast", Fast())
    if pwsh.find_pwsh() is None:
        if wanted == "powershell":
            raise ExecutorError("--executor powershell: no pwsh 7.5 or newer was found; --executor fast needs none")
        notice = "no pwsh 7.5 or newer was found: the fast executor answers in PowerShell's place"
        return Chosen("fast", Fast(), notice)
    return Chosen("powershell", PowerShell(pwsh.Pool(max(1, min(hosts, os.cpu_count() or 1)))))
