# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What waits for a restart, by class. Sources and their meaning: facts/pending-restart.md section 1.1."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import (
    UNKNOWN,
    Signals,
    Unknown,
    flag,
    moment,
    number,
    shown,
    text,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import ReleaseTable, revision

CLASSES = ("servicing", "identity", "management", "file_rename", "legacy")
DEFAULT_CLASSES = ("identity", "management", "servicing")
# Not work that waits for a restart but the restart's own work: what it leaves behind nobody knows before it has ended.
AT_WORK = "cbs_reboot_in_progress"
# Where an update that waits shows; the other sources of servicing also stand for roles and features.
AGENT = ("agent_reboot_required", "agent_reboot_before_install")
UPDATES = ("wu_reboot_required", *AGENT, "hotfixes")
# Who tells for a refused agent; the registry's list goes when somebody restarts from the menu without updating.
WITNESSES = ("wu_reboot_required", "update_screen", "hotfixes", "build")
SYSTEM_FOLDERS = re.compile(r"^[a-z]:\\windows\\(system32|syswow64|winsxs|servicing)\\|\\drivers\\", re.IGNORECASE)
SHOWN_NAMES = 3
LCM_QUIET = ("Idle", "Busy", "PendingConfiguration")


class Found(NamedTuple):
    """Something that waits for a restart: what it is, since when where the host tells, whether it blocks updates."""

    detail: str
    blocks_updates: bool = False
    since: str | None = None


Check = Callable[[Signals, str], "Found | Unknown | None"]


def _present(detail: str, *, blocks_updates: bool = False) -> Check:
    def check(signals: Signals, probe: str) -> Found | Unknown | None:
        found = signals.flag(probe)
        if isinstance(found, Unknown):
            return UNKNOWN
        return Found(detail, blocks_updates) if found else None

    return check


def _above_zero(detail: str) -> Check:
    def check(signals: Signals, probe: str) -> Found | Unknown | None:
        value = signals.number(probe)
        if isinstance(value, Unknown):
            return UNKNOWN
        return Found(detail) if value else None

    return check


def _update_ids(signals: Signals, probe: str) -> Found | Unknown | None:
    """The registry's list stands in for the agent's own answer where that is refused: it then blocks as well."""
    names = signals.value(probe)
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return UNKNOWN
    ids = ", ".join(shown(name, 40) for name in names[:SHOWN_NAMES]) + (" ..." if len(names) > SHOWN_NAMES else "")
    detail = f"Windows Update has installed updates that wait for a restart ({ids or 'no ids given'})."
    fallback = isinstance(signals.flag("agent_reboot_required"), Unknown)
    if fallback:
        detail += " Source registry: the update agent gave no answer."
    return Found(detail, blocks_updates=fallback)


def _file_renames(signals: Signals, probe: str) -> Found | Unknown | None:
    """Pairs with a destination whose source is still there; the rest is noise.

    A source nobody could look at, or a pair beyond those listed, could be work as well as noise.
    """
    table = signals.table(probe)
    if table is None or isinstance(table, Unknown):
        return table
    pairs, total = table.get("pairs"), number(table.get("total"))
    if not isinstance(pairs, list) or isinstance(total, Unknown):
        return UNKNOWN
    kept = []
    hidden = total > len(pairs)
    for pair in pairs:
        destination = pair.get("destination") if isinstance(pair, Mapping) else UNKNOWN
        exists = flag(pair.get("source_exists")) if isinstance(pair, Mapping) else UNKNOWN
        if not isinstance(destination, str) or (destination and isinstance(exists, Unknown)):
            hidden = True
        elif destination and exists:
            kept.append(destination)
    if not kept:
        return UNKNOWN if hidden else None
    system = sum(1 for destination in kept if SYSTEM_FOLDERS.search(destination))
    return Found(f"{len(kept)} of {total} file renames have work to do, {system} of them in Windows' own folders.")


def _renamed(signals: Signals, probe: str) -> Found | Unknown | None:
    table = signals.table(probe)
    if not isinstance(table, Mapping):
        return UNKNOWN
    active, configured = text(table.get("active")), text(table.get("configured"))
    if isinstance(active, Unknown) or isinstance(configured, Unknown):
        return UNKNOWN
    host_name = table.get("nv_hostname", UNKNOWN)
    if active.lower() != configured.lower():
        return Found(f"The computer is to be renamed from {active} to {configured}.")
    if host_name is None:
        return None
    host_name = text(host_name)
    if isinstance(host_name, Unknown):
        return UNKNOWN
    # The NetBIOS name is the host name's first 15 characters.
    if host_name[:15].lower() != active.lower():
        return Found(f"The computer is to be renamed from {active} to {host_name}.")
    return None


def _domain_join(signals: Signals, probe: str) -> Found | Unknown | None:
    table = signals.table(probe)
    if not isinstance(table, Mapping):
        return UNKNOWN
    marks = [flag(table.get(name)) for name in ("JoinDomain", "AvoidSpnSet")]
    if True in marks:
        return Found("A domain join waits for a restart.")
    return UNKNOWN if UNKNOWN in marks else None


def _update_exe(signals: Signals, probe: str) -> Found | Unknown | None:
    table = signals.table(probe)
    if not isinstance(table, Mapping):
        return UNKNOWN
    values = [
        None if table.get(name, UNKNOWN) is None else number(table.get(name)) for name in ("native", "wow64", "flags")
    ]
    if any(isinstance(value, int) and value > 0 for value in values):
        return Found("An old update.exe wants a restart (UpdateExeVolatile).")
    return UNKNOWN if UNKNOWN in values else None


def _configmgr(signals: Signals, probe: str) -> Found | Unknown | None:
    table = signals.table(probe)
    if table is None or isinstance(table, Unknown):
        return table
    if number(table.get("return_value")) != 0:
        return UNKNOWN
    marks = [flag(table.get(name)) for name in ("reboot_pending", "hard_reboot_pending")]
    if True in marks:
        deadline = moment(table.get("deadline"))
        until = "" if isinstance(deadline, Unknown) else f" It will do so by {table['deadline']}."
        return Found(f"Configuration Manager wants a restart.{until}")
    return UNKNOWN if UNKNOWN in marks else None


def _configmgr_countdown(signals: Signals, probe: str) -> Found | Unknown | None:
    table = signals.table(probe)
    if table is None or isinstance(table, Unknown):
        return table
    return Found("Configuration Manager counts down to a restart.") if "RebootBy" in table else UNKNOWN


def _dsc(signals: Signals, probe: str) -> Found | Unknown | None:
    state = signals.text(probe)
    if state is None or isinstance(state, Unknown):
        return state
    if state == "PendingReboot":
        return Found("Desired State Configuration wants a restart (LCM state PendingReboot).")
    return None if state in LCM_QUIET else UNKNOWN


class Source(NamedTuple):
    """A probe, its class and how it is read."""

    probe: str
    klass: str
    check: Check


SOURCES = (
    Source("cbs_reboot_pending", "servicing", _present("The servicing stack has work for the next boot.")),
    Source(
        AT_WORK,
        "servicing",
        _present("Windows is in the boot phase of servicing: leave it alone and wait.", blocks_updates=True),
    ),
    Source("cbs_packages_pending", "servicing", _present("Packages are in a pending state.")),
    Source("wu_reboot_required", "servicing", _update_ids),
    Source("agent_reboot_required", "servicing", _present("The update agent wants a restart.", blocks_updates=True)),
    Source(
        "agent_reboot_before_install",
        "servicing",
        _present("The update agent installs nothing more before a restart.", blocks_updates=True),
    ),
    Source("server_component_cache", "servicing", _above_zero("A role or feature change wants a restart.")),
    Source("computer_name", "identity", _renamed),
    Source("domain_join", "identity", _domain_join),
    Source("ccm_reboot", "management", _configmgr),
    Source("ccm_reboot_data", "management", _configmgr_countdown),
    Source("dsc_lcm_state", "management", _dsc),
    Source("file_renames", "file_rename", _file_renames),
    Source("server_manager_attempts", "legacy", _above_zero("Server Manager counts restart attempts.")),
    Source("update_exe_volatile", "legacy", _update_exe),
    Source("dvd_reboot_signal", "legacy", _present("A setup from DVD wants a restart.")),
)


def _unshown(signals: Signals, releases: ReleaseTable | None) -> Found | Unknown | None:
    """An installed update whose build Windows does not show waits for its restart (facts/windows-hotpatch.md 5).

    None only when the newest installed update of the table is the one whose build is shown.
    """
    build, kbs = signals.build(), signals.kbs()
    if releases is None or isinstance(build, Unknown) or isinstance(kbs, Unknown):
        return UNKNOWN
    family, shown_revision = revision(build)
    installed = [row for row in releases.releases if row.kb in kbs and revision(row.build)[0] == family]
    newest = max(installed, key=lambda row: revision(row.build), default=None)
    if newest is None or revision(newest.build)[1] < shown_revision:
        return UNKNOWN
    if newest.build == build:
        return None
    detail = (
        f"{newest.kb} is installed, and Windows shows build {build}, not its {newest.build}: it waits for a restart."
    )
    return Found(detail, blocks_updates=True)


def _for_the_agent(signals: Signals, releases: ReleaseTable | None) -> Found | Unknown | None:
    """What the other witnesses tell where the update agent refuses, as it does a network logon (facts 1.4).

    A list that is there says yes. One that is absent says nothing by itself: no takes an update screen that says
    nothing else, and the build of the newest installed update. The screen's yes has one public source, so it only
    withholds the no.
    """
    listed = _update_ids(signals, "wu_reboot_required")
    if listed is not None:
        return listed
    unshown = _unshown(signals, releases)
    return UNKNOWN if unshown is None and signals.number("update_screen") not in (0, None) else unshown


def _covered(signals: Signals, probe: str, releases: ReleaseTable | None) -> bool:
    """Whether others answer for the refused update agent."""
    if probe not in AGENT or not signals.denied(probe):
        return False
    return not isinstance(_for_the_agent(signals, releases), Unknown)


def pending_restart(
    raw: object, classes: Collection[str] = DEFAULT_CLASSES, releases: ReleaseTable | None = None
) -> dict[str, Any]:
    """`{pending, classes, reasons, unknown_sources, rests_on}` of a host's raw signals (None: nothing is known).

    `pending` is true when a reason of the chosen classes exists, None when it could be hidden behind a source of
    these classes that has no answer or behind servicing that is at work, else false. `reasons` holds those of every
    class. `rests_on` names the probes that a yes or a no stands on. Without `releases` nobody knows the build of an
    installed update.
    """
    signals = Signals(raw)
    reasons: list[dict[str, Any]] = []
    unknown: list[str] = []
    hidden = False
    read = []
    for source in SOURCES:
        found = source.check(signals, source.probe)
        if isinstance(found, Unknown):
            unknown.append(source.probe)
            hidden |= source.klass in classes and not _covered(signals, source.probe, releases)
            continue
        read += [source.probe] if source.klass in classes else []
        if found is not None:
            reasons.append({"class": source.klass, "source": source.probe, **found._asdict()})
            hidden |= source.klass in classes and source.probe == AT_WORK
    if signals.denied(AGENT[0]) and isinstance(found := _unshown(signals, releases), Found):
        reasons.append({"class": "servicing", "source": "hotfixes", **found._asdict()})
    counted = [reason["source"] for reason in reasons if reason["class"] in classes and reason["source"] != AT_WORK]
    pending = True if counted else None if hidden else False
    if "servicing" in classes and any(probe in unknown for probe in AGENT):
        read += [probe for probe in WITNESSES if probe not in read]
    return {
        "pending": pending,
        "classes": sorted(classes),
        "reasons": reasons,
        "unknown_sources": unknown,
        "rests_on": {True: counted, False: read, None: []}[pending],
    }


def unread(signals: Signals, klass: str, releases: ReleaseTable | None = None) -> tuple[str, ...]:
    """The sources of a class behind which a pending restart could hide."""
    return tuple(
        source.probe
        for source in SOURCES
        if source.klass == klass
        and isinstance(source.check(signals, source.probe), Unknown)
        and not _covered(signals, source.probe, releases)
    )


def restart_required(raw: object, answer: Mapping[str, Any], releases: ReleaseTable | None = None) -> str:
    """`yes` when servicing or identity waits, `deferrable` when only others of the chosen classes do, `no`, `unknown`.

    Nothing is deferrable while servicing is at work, or a source of servicing or identity unread: what they hide may not be.
    """
    if answer["pending"] is None:
        return "unknown"
    counted = {
        reason["class"]
        for reason in answer["reasons"]
        if reason["class"] in answer["classes"] and reason["source"] != AT_WORK
    }
    if not counted:
        return "no"
    urgent = {"servicing", "identity"} & set(answer["classes"])
    # Whatever blocks updates is of class servicing.
    if counted & urgent:
        return "yes"
    at_work = "servicing" in urgent and any(reason["source"] == AT_WORK for reason in answer["reasons"])
    return "unknown" if at_work or any(unread(Signals(raw), klass, releases) for klass in urgent) else "deferrable"
