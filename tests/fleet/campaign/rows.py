# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of named faults: a host each, how it must end, and how when it is run again without its fault."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet import months
from fleet.host import CBS

World = dict[str, Any]

NOW, LATE = "2026-04-15T12:00:00Z", "2026-04-15T14:00:00Z"
SPRING = months.advance(months.start(months.SERVER_2025, "2026-04-14"), "2026-04-15", companions=("defender",))
BASELINE, DEFENDER = "KB5082063", "KB2267602"
SIGNALS, OFFERS, WIN_UPDATES, DRAIN = "windows_signals_info", "windows_offers_info", "win_updates", "windows_drain"
NO_SERVICE, NOT_DOWNLOADED, FATAL = 0x80240438, 0x80240034, 0x80070643
GUARD = "root/Microsoft/Windows/DeviceGuard"
IN_PROGRESS, PENDING = CBS + r"\RebootInProgress", CBS + r"\RebootPending"
WINDOW = {"windows": [{"start": "11:00", "duration": "2h", "patch_tuesday_plus": 1}]}
CLUSTER = {"own": "A", "nodes": {"A": "Up", "B": "Up"}, "groups": {"SQL": "A"}, "drain_seconds": 0.1}
SERVES = {"Spooler": {"status": "Running", "start_type": "Automatic"}}
SHORT = {"rebootless_deadline": 8}
# For both roles: how long a host that is told to restart may be away.
GONE = {
    f"{role}_{what}_timeout": seconds
    for role in ("baseline", "hotpatch")
    for what, seconds in (("restart", 3), ("back", 1))
}
HANGS = {"ansible_winrm_operation_timeout_sec": 3, "ansible_winrm_read_timeout_sec": 5}
# Judged later as soon as the host has its slot: it has waited for two hours.
WAITED = "{{ '" + LATE + "' if __rebootless_slot.admitted | default(false) else '" + NOW + "' }}"

INSTALLED = "{{ '" + LATE + "' if __hotpatch_install | default({}) | length > 0 else '" + NOW + "' }}"


def due(*kbs: str, keys: Mapping[str, World] | None = None, agent: World | None = None, **more: Any) -> World:
    """A healthy Server 2025 whose April baseline is due and that is offered these KBs; further keys of offers, agent, world."""
    made = copy.deepcopy(SPRING)
    wanted = kbs or (BASELINE,)
    made["offers"] = [{**one, **(keys or {}).get(one["kb"], {})} for one in made["offers"] if one["kb"] in wanted]
    made["update_agent"] = {**made["update_agent"], **(agent or {})}
    made["reboot"] = {"down_seconds": 0.3}
    return {**made, **more}


def node(*kbs: str, cluster: World | None = None, **more: Any) -> World:
    """As due, a node of a cluster that is drained for the restart."""
    return due(*kbs, cluster={**copy.deepcopy(CLUSTER), **(cluster or {})}, **more)


def marked(key: str) -> World:
    """As due, with a mark in the registry."""
    made = due()
    made["registry"][key] = {}
    return made


def full_disk() -> World:
    """As due, with one gigabyte left."""
    made = due()
    made["cim"]["root/cimv2"]["Win32_LogicalDisk"][0]["FreeSpace"] = 2**30
    return made


def fault(
    kind: str,
    module: str | None = None,
    nth: int | None = None,
    seconds: float | None = None,
    restarts: int | None = None,
    **world: Any,
) -> World:
    """A fault as the faults file has it."""
    pairs = (("module", module), ("nth", nth), ("restarts", restarts))
    when = {key: value for key, value in pairs if value is not None}
    made: World = {"kind": kind, "when": when, "seconds": seconds, "world": world}
    return {key: value for key, value in made.items() if value not in (None, {})}


@dataclass(frozen=True)
class Row:
    """A host with a fault."""

    what: str
    # One outcome, or several where timing decides between them.
    outcome: tuple[str, ...]
    failed: bool
    # Restarts that were ordered in the first run, as the host counts them; and how many were agreed to at all.
    restarts: int = 0
    allowed: int = 1
    again: tuple[str, ...] = ("restarted",)
    # Whether the host is left out of service, and has to be said to be.
    out: bool = False
    world: World = field(default_factory=due)
    faults: tuple[World, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    consent: Any = True
    # Restarts in both runs together: more than one only where Windows has undone the first, or a pending one blocks.
    most: int = 1
    # Outcomes of playbook hotpatch where they are others; None where the fault is none of its own.
    hotpatch: tuple[str, ...] | None = ()

    def ends(self, playbook: str) -> tuple[str, ...]:
        """The outcomes that are right in a playbook; none where it has no such fault."""
        return self.outcome if playbook != "hotpatch" or self.hotpatch == () else self.hotpatch or ()


def well(what: str, **more: Any) -> Row:
    """The run gets over it: one restart, and nothing is left to do."""
    again = more.pop("again", ("nothing_to_do",))
    return Row(what, ("restarted",), False, more.pop("restarts", 1), again=again, **more)


def stays(what: str, outcome: str, *, failed: bool = True, **more: Any) -> Row:
    """The host is left as it is, and patched when it is run again."""
    return Row(what, (outcome,), failed, **more)


ROWS: dict[str, Row] = {
    "none": well("no fault", world=node()),
    # connection
    "refused": stays("refuses connections", "not_reached", faults=(fault("refused"),)),
    "unauthorized": stays("refuses the credentials", "not_reached", faults=(fault("unauthorized"),)),
    "cut-at-search": well(
        "cut while searching",
        faults=(fault("cut", OFFERS, 1),),
        hotpatch=("not_reached",),
        again=("nothing_to_do", "restarted"),
    ),
    "hangs": stays(
        "never answers", "not_reached", faults=(fault("slow_answer", SIGNALS, seconds=30),), variables=HANGS
    ),
    "slow": well("answers slowly", faults=(fault("slow_answer", SIGNALS, 1, 1),)),
    "garbled": well("garbled answer", faults=(fault("garbled", OFFERS, 1),)),
    "garbled-installing": well(
        "garbled answer while installing", faults=(fault("garbled", WIN_UPDATES, 5),), hotpatch=None
    ),
    "lost-installing": Row(
        *("lost for good while installing", ("unknown",), True),
        out=True,
        world=node(),
        faults=(fault("refused", WIN_UPDATES, 5),),
        variables=SHORT,
        hotpatch=None,
    ),
    "away-installing": well(
        "lost for a second while installing", faults=(fault("refused", WIN_UPDATES, 5, 1),), hotpatch=None
    ),
    # update agent
    "search-fails": stays("search fails", "unknown", world=due(agent={"search": {"fails": NO_SERVICE}})),
    "search-hangs": stays(
        *("search hangs", "unknown"),
        world=due(agent={"search": {"hangs": True}}),
        variables={f"{role}_search_timeout": 1 for role in ("assess", "baseline", "hotpatch")},
    ),
    "agent-busy": stays("the agent installs already", "blocked", failed=False, world=due(agent={"busy": True})),
    "offers-change": stays(
        *("the offer changes between decision and installation", "failed"),
        world=due(agent={"offers_after_search": [{**due()["offers"][0], "revision": 2}]}),
        hotpatch=("stale",),
    ),
    "download-fails": stays(
        *("download fails", "failed"),
        world=due(keys={BASELINE: {"fails": {"stage": "download", "hresult": NOT_DOWNLOADED}}}),
    ),
    "install-fails": stays(
        *("installation fails", "failed"),
        world=node(keys={BASELINE: {"fails": {"stage": "install", "hresult": FATAL}}}),
    ),
    "one-fails": Row(
        *("one of two fails", ("partly_installed",), True, 1),
        again=("installed",),
        world=due(BASELINE, DEFENDER, keys={DEFENDER: {"fails": {"stage": "install", "hresult": FATAL}}}),
    ),
    "install-hangs": stays(
        "installation hangs to the deadline",
        "still_installing",
        world=due(agent={"install_hangs": True}),
        variables=SHORT,
    ),
    "disk-full": stays("the disk is full while installing", "failed", world=due(agent={"disk_full": True})),
    "disk-low": stays("the disk is nearly full", "blocked", failed=False, world=full_disk()),
    "reoffered": well("offered again for ever", world=due(keys={BASELINE: {"installs_but_reoffered": True}})),
    # restart
    "restart-refused": stays("restart refused", "failed", world=node(reboot={"refuses": True})),
    "never-back": Row(
        *("does not come back", ("failed",), True, 1),
        again=("nothing_to_do",),
        out=True,
        world=node(),
        faults=(fault("never_back"),),
        variables=GONE,
    ),
    "slow-boot": well("restarts slowly", faults=(fault("slow_boot", seconds=4),)),
    "old-build": Row(
        "boots into the old build", ("failed",), True, 1, most=2, faults=(fault("rolls_back"),), hotpatch=("restarted",)
    ),
    "vbs-off": well(
        "VBS is off after the restart",
        faults=(fault("boots_as", cim={GUARD: {"Win32_DeviceGuard": [{"VirtualizationBasedSecurityStatus": 0}]}}),),
    ),
    "by-itself": Row(
        *("restarts by itself after installing", ("restarted", "installed", "failed", "nothing_to_do"), False),
        again=("nothing_to_do",),
        allowed=2,
        most=2,
        faults=(fault("restarts_by_itself", WIN_UPDATES, 6, 0.2),),
        hotpatch=None,
    ),
    "servicing": Row(
        *("servicing does not finish", ("failed",), True, 1),
        again=("nothing_to_do",),
        out=True,
        faults=(fault("boots_as", registry={IN_PROGRESS: {}}),),
        variables=GONE,
    ),
    "lost-after-restart": Row(
        *("lost for good after the restart", ("failed",), True, 1),
        again=("nothing_to_do",),
        out=True,
        world=node(),
        faults=(fault("refused", SIGNALS, 1, restarts=1),),
        variables=GONE,
    ),
    # health
    "service-broken": Row(
        *("a service is down after the restart", ("verify_failed",), True, 1),
        again=("nothing_to_do",),
        out=True,
        world=node(services={**SPRING["services"], **SERVES}),
        faults=(fault("boots_as", services={"Spooler": {"status": "Stopped"}}),),
        variables={"rebootless_verify": True},
    ),
    "port-down": stays(
        "a port is down", "blocked", variables={"rebootless_verify": True, "verify_ports": [1]}, hotpatch=None
    ),
    "url-down": stays(
        *("a page is down", "blocked"),
        variables={"rebootless_verify": True, "verify_urls": ["http://127.0.0.1:1/"]},
        hotpatch=None,
    ),
    # drain
    "drain-refuses": stays("drain refuses", "blocked", world=node(cluster={"drain": "refuses"}), hotpatch=None),
    "undrain-fails": Row(
        *("undrain fails", ("failed",), True, 1),
        again=("nothing_to_do",),
        out=True,
        world=node(broken={"commands": {"Resume-ClusterNode": "failed"}}),
        hotpatch=None,
    ),
    "lost-drained": Row(
        *("lost for good while drained", ("failed",), True),
        out=True,
        world=node(),
        faults=(fault("refused", "boot_time", 1),),
        variables=GONE,
        hotpatch=None,
    ),
    # time
    "clock-jumps": well(
        "its clock jumps by a day", faults=(fault("becomes", OFFERS, 2, clock="2026-04-16T12:00:00Z"),)
    ),
    "zone-wrong": well(
        "a wrong time zone", world=due(time_zone={"id": "Line Islands Standard Time", "utc_offset_minutes": 840})
    ),
    "window-closes": stays(
        *("the window closes while it waits", "restart_due"),
        failed=False,
        allowed=0,
        variables={"rebootless_policy": WINDOW, "rebootless_now": WAITED},
        hotpatch=None,
    ),
    "window-closes-installing": stays(
        *("the window closes while it installs", "restart_due"),
        failed=False,
        allowed=0,
        variables={"rebootless_policy": WINDOW, "rebootless_now": INSTALLED},
        hotpatch=None,
    ),
    "consent-expires": stays(
        *("the consent expires while it waits", "restart_due"),
        failed=False,
        allowed=0,
        consent={"agreed": True, "ticket": "CHG1", "expires": "2026-04-15T13:00:00Z"},
        variables={"rebootless_now": WAITED},
        hotpatch=None,
    ),
    # consent and what is in the way
    "bitlocker": stays(
        "BitLocker would ask at boot",
        "blocked",
        world=due(bitlocker={"protection": 1, "protectors": [4, 3]}),
        hotpatch=None,
    ),
    "backup": stays("a backup runs", "blocked", world=due(processes=["wbengine"]), hotpatch=None),
    "consent-false": stays("consent is false", "restart_due", failed=False, allowed=0, consent=False),
    "consent-null": stays("consent is null", "restart_due", allowed=0, consent=None),
    "pending": well("a restart is pending", world=marked(PENDING)),
    "pending-blocks": well(
        "a pending restart blocks installing",
        world=due(agent={"reboot_required": True, "reboot_required_before_installation": True}),
        restarts=2,
        allowed=2,
        most=2,
        hotpatch=None,
    ),
}


def healed(row: Row, found: World) -> World:
    """The world with its fault gone; a host that never came back was switched on by somebody."""
    made = copy.deepcopy(found)
    agent = made["update_agent"]
    for key in ("search", "busy", "disk_full", "install_hangs", "offers_after_search"):
        agent.pop(key, None)
    for key in ("processes", "bitlocker", "broken"):
        made.pop(key, None)
    for offer in made["offers"]:
        offer.pop("fails", None)
    made["cim"]["root/cimv2"]["Win32_LogicalDisk"][0]["FreeSpace"] = 50 * 2**30
    made["cim"][GUARD] = copy.deepcopy(SPRING["cim"][GUARD])
    made["registry"].pop(IN_PROGRESS, None)
    made["reboot"] = {"down_seconds": 0.3}
    if "Spooler" in made["services"]:
        made["services"]["Spooler"]["status"] = "Running"
    if "cluster" in made:
        made["cluster"].pop("drain", None)
    return made
