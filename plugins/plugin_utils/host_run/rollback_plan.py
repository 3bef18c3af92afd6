# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking an installed update off a host: which servicing package it is, whether it may go, what that does to the track.

Every rule's source stands in roles/rollback/README.md. What nobody knows is `unknown`, and then nothing is removed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import UNKNOWN, Signals, Unknown, text
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import track, untouchable
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import (
    BASELINES,
    HOTPATCHES,
    OFF_TRACK,
    Release,
    ReleaseTable,
    revision,
)

VERDICTS = ("remove", "restart_left", "nothing_to_do", "blocked", "unknown")
# The verdicts after which something is left to do.
TO_DO = VERDICTS[:2]
# Installed but for the restart.
WAITING = ("InstallPending",)
IN_PLACE = ("Installed", *WAITING)
OUTDONE = ("Superseded",)
LEAVING = "UninstallPending"
# States of a host that has no hotpatch track to lose.
NEVER = ("not_capable", "not_ready", "not_enrolled")
# Known to the servicing stack, and not in effect.
NOT_IN_PLACE = ("NotPresent", "Staged", "Removed", "Resolved")
ABSENT = "absent"
MARKS = ("cbs_reboot_pending", "cbs_reboot_in_progress", "cbs_packages_pending")
STACK, ROLLUP, DOTNET = "Package_for_ServicingStack", "Package_for_RollupFix", "Package_for_DotNetRollup"
KB = re.compile(r"(?:KB)?([0-9]{6,8})", re.IGNORECASE)
IN_NAME = re.compile(r"KB([0-9]{6,8})(?![0-9])", re.IGNORECASE)
IN_DETAILS = re.compile(r"(?:\bKB|/help/|/kb/|[?&]kbid=)([0-9]{6,8})(?![0-9])", re.IGNORECASE)
# A rollup's own parts: they go with it.
PART = re.compile(r"Package_[0-9]+_for_", re.IGNORECASE)
OF_WINDOWS = re.compile(r"[0-9]{5}\.([0-9]+)\.[0-9]+\.[0-9]+")


class RollbackError(ValueError):
    """What a user has given is none; its text names the option, the value and what is allowed."""


class Package(NamedTuple):
    """One servicing package: its identity, its state in DISM's words, and the KBs it is of (UNKNOWN when it does not tell)."""

    name: str
    state: str
    kbs: frozenset[str] | Unknown

    @property
    def family(self) -> str:
        """The first part of its identity."""
        return self.name.partition("~")[0]

    @property
    def revision(self) -> int | None:
        """The revision that Windows shows with it; None for a version that is not Windows' own.

        24H2 and 25H2 share one package, so the family says nothing. Single updates count their own versions from 1.
        """
        found = OF_WINDOWS.fullmatch(self.name.rpartition("~")[2])
        if found is None or self.is_stack:
            return None
        number = int(found[1])
        return number if number > 1 else None

    @property
    def is_stack(self) -> bool:
        """Whether it is a servicing stack."""
        return self.family.startswith(STACK)


class Choice(NamedTuple):
    """What to do, the word and the sentence why, and the package."""

    verdict: str
    code: str
    why: str
    package: Package | None = None


def kb_number(value: object, where: str = "kb") -> str:
    """`KB5120228` of what a user writes: with or without KB, also as a number.

    :raises RollbackError: it is none
    """
    found = KB.fullmatch(str(value).strip()) if isinstance(value, str | int) else None
    if found is None:
        raise RollbackError(f"{where}: {value!r} is not the number of an update; give one like KB5120228.")
    return f"KB{found[1]}"


def packages(probe: object) -> tuple[Package, ...] | Unknown:
    """The packages of windows_packages; UNKNOWN when the list or an entry of it cannot be read."""
    value = Signals({"packages": probe}).value("packages")
    if not isinstance(value, list):
        return UNKNOWN
    found = []
    for entry in value:
        given = entry if isinstance(entry, Mapping) else {}
        name, state = text(given.get("name")), text(given.get("state"))
        if isinstance(name, Unknown) or isinstance(state, Unknown):
            return UNKNOWN
        found.append(Package(name, state, _kbs(name, given.get("details"))))
    return tuple(found)


def _kbs(name: str, details: object) -> frozenset[str] | Unknown:
    """The KBs that name, description and support address tell; a rollup has them in the last two alone."""
    family = name.partition("~")[0]
    told = Signals({"details": details}).table("details")
    numbers = IN_NAME.findall(family)
    if isinstance(told, Mapping):
        numbers += IN_DETAILS.findall(f"{told.get('description')} {told.get('support')}")
    if numbers or family.startswith(STACK):
        return frozenset(f"KB{number}" for number in numbers)
    return frozenset() if isinstance(told, Mapping) and not family.startswith(ROLLUP) else UNKNOWN


def state_of(found: Sequence[Package] | Unknown, name: str) -> str | None:
    """The state of a package, `absent` when the host does not list it; None when nobody knows."""
    if isinstance(found, Unknown):
        return None
    return next((one.state for one in found if one.name.casefold() == name.casefold()), ABSENT)


# May it go


def plan(
    kb: str,
    wanted: str | None,
    probe: object,
    signals: Signals,
    host: Mapping[str, Any],
    table: ReleaseTable,
    now: datetime,
) -> dict[str, Any]:
    """`{kb, verdict, code, why, package, state, packages, effect}`: what a removal would do, and whether it may.

    `wanted` is the identity of the package where the user names it; `host` the status of the host; `effect` is null when
    there is no package to remove.
    """
    read = packages(probe)
    if isinstance(read, Unknown):
        cause = Signals({"packages": probe}).numbered("packages")
        found: tuple[Package, ...] = ()
        choice = Choice("unknown", "packages_unreadable", f"The servicing packages could not be read ({cause}).")
    else:
        found = tuple(_by_build(one, host, table) for one in read)
        chosen = _choose(kb, wanted, found, signals)
        choice = chosen if isinstance(chosen, Choice) else _may(kb, chosen, signals, _own(kb, chosen, host, table))
    package = choice.package
    told = effect(kb, package, found, host, table, now) if package and choice.verdict in TO_DO else None
    return {
        "kb": kb,
        "verdict": choice.verdict,
        "code": choice.code,
        "why": choice.why,
        "package": package.name if package else None,
        "state": package.state if package else None,
        "packages": [one.name for one in found if _of(one, kb)],
        "effect": told,
    }


def _of(package: Package, kb: str) -> bool:
    return not isinstance(package.kbs, Unknown) and kb in package.kbs


def _rows_of(host: Mapping[str, Any]) -> str:
    """The product's name in the release table; empty for a host that hotpatching does not cover."""
    product = host["product"] or ""
    return track.TABLE_PRODUCT.get(product, product)


def _as_build(number: int, host: Mapping[str, Any]) -> str | None:
    """A revision as the build that this host shows with it."""
    return f"{host['build'].partition('.')[0]}.{number}" if host["build"] else None


def _by_build(package: Package, host: Mapping[str, Any], table: ReleaseTable) -> Package:
    """A rollup that does not tell its KB, with the one that alone has its build in the release table."""
    build = _as_build(package.revision, host) if package.revision is not None else None
    if not isinstance(package.kbs, Unknown) or build is None:
        return package
    rows = table.at(_rows_of(host), build)
    return package._replace(kbs=frozenset(row.kb for row in rows)) if len(rows) == 1 else package


def _choose(kb: str, wanted: str | None, found: Sequence[Package], signals: Signals) -> Package | Choice:
    """The one package to remove, or why there is none."""
    if wanted is not None:
        return _named(kb, wanted, found, signals)
    mine = [one for one in found if _of(one, kb)]
    mine = [one for one in mine if not PART.match(one.name)] or mine
    here = [one for one in mine if one.state not in NOT_IN_PLACE]
    here = [one for one in here if one.state not in OUTDONE] or here
    if len(here) > 1:
        names = ", ".join(one.name for one in here)
        return Choice("unknown", "package_ambiguous", f"{kb} has more than one package here; name one of {names}.")
    # The first of those that are left over says why none is to be removed.
    for one in here or mine:
        return one
    return _none(kb, found, signals)


def _named(kb: str, wanted: str, found: Sequence[Package], signals: Signals) -> Package | Choice:
    """The package that the user names; one that tells other updates is not taken for this one."""
    named = next((one for one in found if one.name.casefold() == wanted.casefold()), None)
    if named is None:
        # A name with a mistake in it must not look like an update that is gone.
        listed = signals.kbs()
        if isinstance(listed, Unknown) or kb in listed or any(_of(one, kb) for one in found):
            why = f"No servicing package {wanted} is here, and nothing shows that {kb} is not installed."
            return Choice("unknown", "package_not_here", why)
        return Choice("nothing_to_do", "not_installed", f"No servicing package {wanted} is here.")
    if not isinstance(named.kbs, Unknown) and named.kbs and kb not in named.kbs:
        why = f"{named.name} is of {', '.join(sorted(named.kbs))}, not of {kb}."
        return Choice("blocked", "package_of_another", why, named)
    return named


def _none(kb: str, found: Sequence[Package], signals: Signals) -> Choice:
    """No package tells that it is of this update: is it not installed, or does only nobody tell."""
    unclear = [one.name for one in found if isinstance(one.kbs, Unknown)]
    if unclear:
        names = ", ".join(unclear)
        return Choice(
            "unknown", "package_unclear", f"No package tells that it is {kb}, and these tell nothing: {names}."
        )
    if kb in signals.listed():
        why = f"Windows lists {kb} as installed and no package tells that it is; name the package."
        return Choice("unknown", "package_unnamed", why)
    if cause := signals.kbs_cause():
        why = f"No package tells that it is {kb}, and the list of updates could not be read in full ({cause})."
        return Choice("unknown", "package_unclear", why)
    return Choice("nothing_to_do", "not_installed", f"{kb} is not installed.")


def _may(kb: str, package: Package, signals: Signals, own: int | None) -> Choice:
    """Whether this package may be removed now, as far as anybody can tell before trying; `own` is its revision of Windows."""
    name, state = package.name, package.state
    if package.is_stack:
        return Choice("blocked", "servicing_stack", f"{name} is a servicing stack: it cannot be removed.", package)
    if state == LEAVING:
        alone = _alone(package, signals)
        if alone is not None:
            return alone
        return Choice("restart_left", "restart_left", f"{kb} is removed already, but for the restart.", package)
    if state in NOT_IN_PLACE:
        return Choice("nothing_to_do", "not_installed", f"{kb} is not installed: its package is {state}.", package)
    if state in OUTDONE:
        why = f"{kb} is superseded: a newer update has taken its place, and removing it would change nothing."
        return Choice("blocked", "superseded", why, package)
    if state not in IN_PLACE:
        why = f"{name} is {state}: nobody knows what a removal would do."
        return Choice("unknown", "state_unclear", why, package)
    return _now(kb, package, signals) or _newest(kb, package, signals, own)


def _now(kb: str, package: Package, signals: Signals) -> Choice | None:
    """Why servicing must not be given this work now; None when it may.

    What waits for its restart may go for the same restart.
    """
    alone = _alone(package, signals)
    if alone is not None:
        return alone
    marks = () if package.state in WAITING else MARKS
    answers = {mark: signals.flag(mark) for mark in marks}
    waiting = [mark for mark, answer in answers.items() if answer is True]
    unread = [f"{mark}: {signals.cause(mark)}" for mark, answer in answers.items() if isinstance(answer, Unknown)]
    if waiting:
        why = f"Servicing has work left for a restart ({', '.join(waiting)}): restart the host before {kb} is removed."
        return Choice("blocked", "restart_pending", why, package)
    if unread:
        why = f"Whether servicing has work left for a restart is not known ({', '.join(unread)})."
        return Choice("unknown", "restart_unknown", why, package)
    return None


def _alone(package: Package, signals: Signals) -> Choice | None:
    """Why the host must not be touched at all; None when it may be."""
    waits = untouchable.reasons_to_wait(signals, "remove")
    if not waits:
        return None
    return Choice("blocked" if waits[0].known else "unknown", waits[0].code, untouchable.in_words(waits), package)


def _newest(kb: str, package: Package, signals: Signals, own: int | None) -> Choice:
    """Only the newest update of Windows may go: what builds on it would stand on nothing."""
    build = signals.build()
    if own is not None and isinstance(build, Unknown):
        why = f"Whether a newer update builds on {kb} is not known: the build could not be read ({signals.cause('build')})."
        return Choice("unknown", "build_unknown", why, package)
    if own is not None and isinstance(build, str) and revision(build)[1] > own:
        why = f"The host is at build {build} and {kb} brought revision {own}: remove the newer update first."
        return Choice("blocked", "newer_on_top", why, package)
    why = f"{kb} is {package.state}. Whether Windows lets it go, only trying tells: some updates are permanent."
    return Choice("remove", "remove", why, package)


# What it does to the track


def effect(
    kb: str,
    package: Package,
    found: Sequence[Package],
    host: Mapping[str, Any],
    table: ReleaseTable,
    now: datetime,
) -> dict[str, Any]:
    """`{type, build_before, build_after, track_before, track_after, words}`; null is a build that nobody can tell."""
    row, own = _row(kb, host, table), _own(kb, package, host, table)
    build = _build_after(package, own, found, host)
    after = _track_after(package, row, build, host, table, now)
    told = {
        "type": row.type if row else "dotnet" if package.family.startswith(DOTNET) else None,
        "build_before": host["build"],
        "build_after": build,
        "track_before": host["track"],
        "track_after": after,
    }
    never = f"The host is {host['state']}, so it has no hotpatch track to lose."
    words = [
        _build_words(kb, package, own, told),
        never if host["state"] in NEVER else _track_words(kb, package, row, told, table, now),
        "Its fixes are missing until it or a later update is installed. "
        f"The next run installs it again, unless hold_kbs of the policy names {kb}.",
    ]
    return {**told, "words": words}


def _row(kb: str, host: Mapping[str, Any], table: ReleaseTable) -> Release | None:
    """The update's row in the release table."""
    return next((one for one in table.releases if one.kb == kb and one.product == _rows_of(host)), None)


def _own(kb: str, package: Package, host: Mapping[str, Any], table: ReleaseTable) -> int | None:
    """The revision that Windows shows with an update, by its package or by the release table."""
    row = _row(kb, host, table)
    return package.revision if package.revision is not None or row is None else revision(row.build)[1]


def _build_after(package: Package, own: int | None, found: Sequence[Package], host: Mapping[str, Any]) -> str | None:
    """The build that the host shows afterwards: that of the next lower package of Windows that is here."""
    # What waits has not shown its build yet, and what has versions of its own never does.
    if package.state in WAITING or own is None:
        return str(host["build"]) if host["build"] else None
    below = [
        one.revision
        for one in found
        if one.revision is not None and one.revision < own and one.state in (*IN_PLACE, *OUTDONE)
    ]
    return _as_build(max(below), host) if below else None


def _track_after(
    package: Package,
    row: Release | None,
    build: str | None,
    host: Mapping[str, Any],
    table: ReleaseTable,
    now: datetime,
) -> str:
    before = str(host["track"])
    if host["state"] in NEVER or (row is not None and row.type in BASELINES):
        # Whatever is left lies below a baseline that is out.
        return "standard"
    if row is None:
        return before if package.revision is None else "unknown"
    if row.type in OFF_TRACK and package.state not in WAITING:
        return "unknown"
    return _lane(row.product, build, table, now) if before == "hotpatch" else before


def _lane(product: str, build: str | None, table: ReleaseTable, now: datetime) -> str:
    """The track of a host at a build, by the release table alone."""
    rows = table.at(product, build) if build else ()
    if len({row.keeps_track for row in rows}) != 1:
        return "unknown"
    # They are alike in all that counts here.
    row = next(iter(rows))
    newer = [one for one in table.baselines(product, now) if revision(one.build) > revision(row.build)]
    if newer or not row.keeps_track:
        return "standard"
    return "unknown" if table.unknown_months(product, now, row.date)[1] else "hotpatch"


def _build_words(kb: str, package: Package, own: int | None, told: Mapping[str, Any]) -> str:
    if package.state in WAITING:
        return f"{kb} waits for its restart and is not in effect yet: the host runs {told['build_before']}."
    if own is None:
        return "The build stays as it is."
    if told["build_after"] is None:
        return "Which build the host shows afterwards is not known."
    return f"The host shows build {told['build_after']} afterwards (inferred: the one below it here)."


def _track_words(
    kb: str, package: Package, row: Release | None, told: Mapping[str, Any], table: ReleaseTable, now: datetime
) -> str:
    expected = table.next_baseline(row.product, now) if row else None
    following = f"the next baseline, expected on {expected}," if expected else "the next baseline"
    if row is not None and row.type in BASELINES:
        return (
            f"{kb} is the baseline of {row.date}. Without it no hotpatch is offered: "
            f"the host is off the hotpatch track until {kb} or {following} is installed, which restarts it."
        )
    if row is not None and row.type in OFF_TRACK and package.state not in WAITING:
        return (
            f"{kb} ends the hotpatch track. Whether a host is back on it without {kb} is not known: "
            f"Microsoft only names {following.rstrip(',')}."
        )
    if told["track_after"] == "unknown":
        return "What this does to the hotpatch track is not known."
    if row is None:
        return f"{kb} is no part of the hotpatch program, so the track stays {told['track_after']}."
    if told["track_after"] == told["track_before"] == "hotpatch":
        what = "a hotpatch" if row.type in HOTPATCHES else "an update that would end the track"
        return f"{kb} is {what}, and the baseline stays: the host stays on the hotpatch track (inferred)."
    return f"The host's updates restart it afterwards (track {told['track_after']})."
