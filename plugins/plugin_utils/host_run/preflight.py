# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host would come back from a restart by itself, and whether it comes at a bad moment. Sources: preflight_info.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import mapping, wrong
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals, Unknown, shown, text
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import untouchable
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import bitlocker
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.known_issues import Found, KnownIssues, look

CHOICES = {
    "bitlocker": ("stop", "ignore"),
    "backup": ("stop", "ignore"),
    "known_issues": ("stop", "ignore"),
    "unknown": ("go_on", "stop"),
}
KEYS = ("backup", "bitlocker", "known_issues", "processes", "suspend_bitlocker", "unknown")
# The engine of Windows Server Backup.
PROCESSES = ("wbengine",)
# What no name of a file has, so no process either.
NO_NAME = frozenset('\\/:*?"<>|')
# As Suspend-BitLocker has it; its 0, until somebody resumes it, is never asked for here.
MOST_RESTARTS = 15
# Offers that are not installed by this decision, and may be after the restart.
LATER = frozenset({"restart_pending", "waits_for_restart"})


@dataclass(frozen=True)
class Settings:
    """What is looked at, and what an answer that is missing means."""

    bitlocker: bool = True
    processes: tuple[str, ...] = PROCESSES
    unknown_stops: bool = False
    known_issues: bool = True
    # For how many restarts to suspend BitLocker where it might ask; 0 never does.
    suspend: int = 0

    @classmethod
    def load(cls, given: object, where: str = "settings") -> Settings:
        """The settings from what the user wrote; `processes` is empty where backups are ignored.

        :raises PolicyError: naming the key, the value and what is allowed
        """
        known = mapping({} if given is None else given, where, KEYS, "the preflight")
        words = {key: known.get(key, allowed[0]) for key, allowed in CHOICES.items()}
        for key, word in words.items():
            if word not in CHOICES[key]:
                raise wrong(f"{where}.{key}", word, " or ".join(CHOICES[key]))
        names = _names(known.get("processes", PROCESSES), f"{where}.processes")
        suspend = known.get("suspend_bitlocker", 0)
        if isinstance(suspend, bool) or not isinstance(suspend, int) or not 0 <= suspend <= MOST_RESTARTS:
            raise wrong(f"{where}.suspend_bitlocker", suspend, f"a number of restarts from 0 to {MOST_RESTARTS}")
        if suspend and words["bitlocker"] == "ignore":
            raise wrong(f"{where}.suspend_bitlocker", suspend, f"0 while {where}.bitlocker is ignore")
        return cls(
            bitlocker=words["bitlocker"] == "stop",
            processes=names if words["backup"] == "stop" else (),
            unknown_stops=words["unknown"] == "stop",
            known_issues=words["known_issues"] == "stop",
            suspend=suspend,
        )


def _names(given: object, where: str) -> tuple[str, ...]:
    """Names of processes as Windows lists them, without the ending `.exe`."""
    if not isinstance(given, (list, tuple)) or not given:
        raise wrong(where, given, "a list of one or more names of processes")
    names = []
    for place, value in enumerate(given):
        name = text(value)
        if isinstance(name, Unknown) or NO_NAME & set(name):
            raise wrong(f"{where}[{place}]", value, "the name of a process such as wbengine")
        names.append(name[:-4] if name.lower().endswith(".exe") else name)
    return tuple(names)


@dataclass(frozen=True)
class Check:
    """One answer: True nothing is in the way, False something is, None nobody knows. With the facts that it rests on."""

    name: str
    ok: bool | None
    words: str
    facts: tuple[str, ...] = ()
    # Never gone on with, though nobody knows.
    holds: bool = False
    # BitLocker is in the way or may be, and suspending it would take it out of the way.
    suspend: bool = False


def judge(
    signals: object,
    settings: Settings,
    decision: Mapping[str, Any] | None = None,
    problem: Mapping[str, str] | None = None,
    issues: KnownIssues | None = None,
) -> dict[str, Any]:
    """`{ok, go_on, checks: [{name, ok, words, rests_on}], suspend_bitlocker, why}` for a restart of this host, as plain JSON.

    `signals` are those of windows_preflight_info, `problem` says why there are none. Known issues, free disk and the pending restart
    are taken from the decision; without one they are not among the checks. A host that could not be asked is never gone on with.
    """
    given = Signals(signals)
    checks = [*_asked(given, settings, decision, problem), *_issues(given, settings, decision, problem, issues)]
    suspend = settings.suspend if any(check.suspend for check in checks) and _can_suspend(given) else 0
    if suspend:
        checks = [_taken_care_of(check, suspend) for check in checks]
    checks += _decided(decision)
    ok = _all(check.ok for check in checks)
    # What is never gone on with is told first.
    first = sorted(checks, key=lambda check: not check.holds)
    held = problem is not None or any(check.holds for check in checks)
    return {
        "ok": ok,
        "go_on": not held and (ok is True or (ok is None and not settings.unknown_stops)),
        "checks": [
            {"name": check.name, "ok": check.ok, "words": check.words, "rests_on": list(check.facts)}
            for check in checks
        ],
        "suspend_bitlocker": suspend,
        "why": None if ok else " ".join(dict.fromkeys(check.words for check in first if check.ok is ok)),
    }


def _all(answers: Iterable[bool | None]) -> bool | None:
    """False when one is, None when one is not known, else True."""
    given = list(answers)
    if False in given:
        return False
    return None if None in given else True


def _asked(
    signals: Signals, settings: Settings, decision: Mapping[str, Any] | None, problem: Mapping[str, str] | None
) -> Iterator[Check]:
    """What only the host can tell."""
    lost = _lost(problem)
    if settings.bitlocker and lost:
        yield Check("bitlocker", None, lost)
    elif settings.bitlocker:
        answer = bitlocker.at_boot(signals, _restarts(decision))
        yield Check("bitlocker", *answer, suspend=answer.ok is not True)
    if settings.processes:
        yield Check("backup", None, lost) if lost else Check("backup", *_backup(signals, settings.processes))


def _lost(problem: Mapping[str, str] | None) -> str:
    return f"The host could not be asked: {shown(problem.get('message')).rstrip('.')}." if problem else ""


# Suspending BitLocker


def _can_suspend(signals: Signals) -> bool:
    """Whether it is known to be on: only what is on is suspended, so that only that is resumed."""
    volume = bitlocker.volume(signals)
    return isinstance(volume, bitlocker.Volume) and volume.protection == bitlocker.ON


def _taken_care_of(check: Check, restarts: int) -> Check:
    """A check whose answer the suspension changes."""
    if not check.suspend:
        return check
    times = "1 restart" if restarts == 1 else f"{restarts} restarts"
    said = f"This run suspends BitLocker for {times} right before it restarts the host, and sees to it that it is on again."
    return replace(check, ok=True, holds=False, words=f"{check.words.removesuffix(bitlocker.FIX).rstrip()} {said}")


# Known issues of updates


def _issues(
    signals: Signals,
    settings: Settings,
    decision: Mapping[str, Any] | None,
    problem: Mapping[str, str] | None,
    known: KnownIssues | None,
) -> Iterator[Check]:
    """Whether an update that lies ahead is known to keep a host such as this one from coming back."""
    if not decision or known is None or not settings.known_issues:
        return
    lost = _lost(problem)
    if lost:
        yield Check("known_issues", None, lost)
        return
    ahead = [
        one for one in decision.get("offers") or [] if one.get("decision") == "install" or one.get("code") in LATER
    ]
    kbs = {str(kb) for one in ahead for kb in one.get("kbs") or [one.get("kb")] if kb}
    nameless = [one for one in ahead if not (one.get("kbs") or one.get("kb"))]
    restarts = _restarts(decision)
    found = [look(issue, signals, restarts) for issue in known.of(kbs) if settings.bitlocker or not issue.conditions]
    hits = [one for one in found if one.applies is not False]
    if hits:
        yield _hit(hits, signals, kbs)
        return
    if (decision.get("pending") or {}).get("pending") is not False:
        # What is pending carries no KB, and the restart finishes it too.
        rest = [look(issue, signals, restarts) for issue in known.issues if issue.conditions and settings.bitlocker]
        open_ = [one for one in rest if one.applies is not False]
        if open_:
            kb = ", ".join(sorted({kb for one in open_ for kb in one.issue.kbs}))
            words = (
                f"A restart is or may be pending, and whether it finishes {kb} is not known: {open_[0].issue.message}"
            )
            yield Check("known_issues", None, words, ("offers", "pending", *_facts(open_)), suspend=True)
            return
    facts = _facts(found)
    if nameless:
        titles = ", ".join(shown(one.get("title"), 80) for one in nameless)
        words = f"Whether an issue is known is not told for what has no KB number: {titles}."
        yield Check("known_issues", None, words, ("offers", *facts))
        return
    named = ", ".join(sorted(kbs)) or "what is pending alone"
    if not found:
        words = f"No issue that keeps a host from coming back is on record for {named} (records of {known.compiled})."
    else:
        named = ", ".join(f"{one.issue.id} ({one.deciding[0].replace('_', ' ')}: no)" for one in found)
        words = f"The known issues of the updates do not concern this host: {named}."
    yield Check("known_issues", True, words, ("offers", *facts))


def _facts(found: Iterable[Found]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in found for name in one.facts))


def _hit(hits: list[Found], signals: Signals, kbs: set[str]) -> Check:
    """Issues that this host has, or that nobody can rule out: neither is gone on with."""
    words = []
    for one in hits:
        kb = ", ".join(sorted(kbs & set(one.issue.kbs)))
        unless = "" if one.applies else f" It is not ruled out for this host. Not known: {one.unread(signals)}."
        words.append(f"Known issue of {kb}: {one.issue.message}{unless} {one.issue.fix} Source: {one.issue.source}.")
    ok = False if any(one.applies for one in hits) else None
    by_bitlocker = all("bitlocker_on" in one.issue.conditions for one in hits)
    return Check("known_issues", ok, " ".join(words), ("offers", *_facts(hits)), holds=True, suspend=by_bitlocker)


# Backups


def _backup(signals: Signals, wanted: Iterable[str]) -> tuple[bool | None, str, tuple[str, ...]]:
    facts = (untouchable.BACKUP,)
    if isinstance(untouchable.backups(signals), Unknown):
        return None, f"Whether a backup runs is not known: {signals.numbered(untouchable.BACKUP)}.", facts
    running = [wait for wait in untouchable.says(signals) if wait.code == "backup"]
    if running:
        return False, untouchable.in_words(running), facts
    return True, f"No backup runs (looked for {', '.join(wanted)}).", facts


# What the decision has


def _blocked(decision: Mapping[str, Any] | None, code: str) -> list[Mapping[str, Any]]:
    """The offers that a rule has blocked."""
    return [offer for offer in (decision or {}).get("offers") or [] if offer.get("code") == code]


def _restarts(decision: Mapping[str, Any] | None) -> int:
    """How many restarts lie ahead: one that is pending and blocks the installation is a restart of its own."""
    return 2 if _blocked(decision, "restart_pending") else 1


def _decided(decision: Mapping[str, Any] | None) -> Iterator[Check]:
    if not decision:
        return
    yield Check("disk", *_disk(decision), ("offers", "system_disk"))
    yield Check("pending_restart", *_pending(decision), ("pending",))


def _disk(decision: Mapping[str, Any]) -> tuple[bool | None, str]:
    blocked = _blocked(decision, "disk")
    if blocked:
        return False, f"{blocked[0]['why'][-1]} The restart would bring nothing."
    if (decision.get("stale_when") or {}).get("offers") is None:
        return None, "Whether the disk has room for the updates is not known: nobody knows what is offered."
    free = decision.get("free_disk")
    if not isinstance(free, int) or isinstance(free, bool):
        return None, "Whether the disk has room for the updates is not known: its free space was not read."
    return True, f"The decision blocks no update for want of free disk ({free / 2**30:.1f} GB free)."


def _pending(decision: Mapping[str, Any]) -> tuple[bool | None, str]:
    """A pending restart is never in the way: it is said, because it may cost a restart more."""
    blocked = _blocked(decision, "restart_pending")
    if blocked:
        return True, f"{blocked[0]['why'][-1]} It costs a restart of its own, before the updates."
    pending = (decision.get("pending") or {}).get("pending")
    if pending is None:
        return None, "Whether a restart is pending is not known."
    return True, "A restart is pending and is taken along." if pending else "No restart is pending."
