# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host would come back from a restart by itself, and whether it comes at a bad moment. Sources: preflight_info.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.policy_error import mapping, wrong
from ansible_collections.rebootless.patching.plugins.plugin_utils.signals import (
    UNKNOWN,
    Signals,
    Unknown,
    number,
    shown,
    text,
)

CHOICES = {"bitlocker": ("stop", "ignore"), "backup": ("stop", "ignore"), "unknown": ("go_on", "stop")}
KEYS = ("backup", "bitlocker", "processes", "unknown")
# The engine of Windows Server Backup.
PROCESSES = ("wbengine",)
# What no name of a file has, so no process either.
NO_NAME = frozenset('\\/:*?"<>|')

# Key protectors, by the numbers of Win32_EncryptableVolume.
TPM, NETWORK = 1, 9
PERSON = {
    2: "an external key",
    3: "the recovery password",
    4: "TPM and PIN",
    5: "TPM and startup key",
    6: "TPM, PIN and startup key",
    8: "a passphrase",
}
# Beside others a public key and an account say nothing about the boot.
KNOWN = frozenset({*PERSON, TPM, 7, NETWORK, 10})
OFF, ON = 0, 1
RECOVERY = 3
FIX = "Suspend it for the restart (Suspend-BitLocker), or have somebody there and set bitlocker to ignore."


@dataclass(frozen=True)
class Settings:
    """What is looked at, and what an answer that is missing means."""

    bitlocker: bool = True
    processes: tuple[str, ...] = PROCESSES
    unknown_stops: bool = False

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
        return cls(
            bitlocker=words["bitlocker"] == "stop",
            processes=names if words["backup"] == "stop" else (),
            unknown_stops=words["unknown"] == "stop",
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
    """One answer: True nothing is in the way, False something is, None nobody knows."""

    name: str
    ok: bool | None
    words: str


def judge(
    signals: object,
    settings: Settings,
    decision: Mapping[str, Any] | None = None,
    problem: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """`{ok, go_on, checks: [{name, ok, words}], why}` for a restart of this host, as plain JSON.

    `signals` are those of windows_preflight_info, `problem` says why there are none. Free disk and the pending restart are taken
    from the decision; without one they are not among the checks. A host that could not be asked is never gone on with.
    """
    checks = [*_asked(Signals(signals), settings, decision, problem), *_decided(decision)]
    ok = _all(check.ok for check in checks)
    return {
        "ok": ok,
        "go_on": problem is None and (ok is True or (ok is None and not settings.unknown_stops)),
        "checks": [{"name": check.name, "ok": check.ok, "words": check.words} for check in checks],
        "why": None if ok else " ".join(dict.fromkeys(check.words for check in checks if check.ok is ok)),
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
    lost = f"The host could not be asked: {shown(problem.get('message')).rstrip('.')}." if problem else None
    if settings.bitlocker:
        yield Check("bitlocker", None, lost) if lost else Check("bitlocker", *_bitlocker(signals, _restarts(decision)))
    if settings.processes:
        yield Check("backup", None, lost) if lost else Check("backup", *_backup(signals, settings.processes))


# BitLocker


def opens(protectors: Iterable[int]) -> bool | None:
    """Whether the system volume opens at boot with nobody there.

    A TPM alone does. By the network it opens where a server answers, which nobody can know before.
    """
    kinds = frozenset(protectors)
    if TPM in kinds:
        return True
    if NETWORK in kinds or kinds - KNOWN or not kinds & PERSON.keys():
        return None
    return False


def _bitlocker(signals: Signals, restarts: int) -> tuple[bool | None, str]:
    volume = signals.table("bitlocker_system_volume")
    if volume is None:
        return True, "The host has no BitLocker."
    if isinstance(volume, Unknown):
        hint = " It takes an administrator's rights." if signals.denied("bitlocker_system_volume") else ""
        cause = signals.numbered("bitlocker_system_volume")
        return None, f"Whether BitLocker asks for something at the boot is not known: {cause}.{hint}"
    protection, protectors = number(volume.get("protection")), _numbers(volume.get("protectors"))
    if protection not in (OFF, ON) or isinstance(protectors, Unknown):
        return None, "Whether BitLocker asks for something at the boot is not known: Windows itself does not tell."
    alone = opens(protectors)
    if protection == ON:
        return alone, _at_boot(alone, protectors)
    if alone or not protectors:
        return True, "BitLocker's protection of the system volume is off."
    return _suspended(volume.get("suspended_for"), restarts, alone, protectors)


def _suspended(given: object, restarts: int, alone: bool | None, protectors: Iterable[int]) -> tuple[bool | None, str]:
    """Protection is off, and on it would ask: whether it stays off for as long as it has to."""
    count = number(given)
    if isinstance(count, Unknown):
        return None, "BitLocker is off and not suspended: encryption may be under way, and then asks at the boot."
    if count == 0:
        return True, "BitLocker is suspended until somebody resumes it."
    if count >= restarts:
        return True, f"BitLocker is suspended for {_times(count)}."
    ahead = f"BitLocker is suspended for {_times(count)}, and {_times(restarts)} lie ahead."
    return alone, f"{ahead} {_at_boot(alone, protectors)}"


def _at_boot(alone: bool | None, protectors: Iterable[int]) -> str:
    kinds = sorted(set(protectors))
    if alone:
        return "The TPM opens the system volume by itself."
    if alone is False:
        # Nearly every volume has a recovery password beside what opens it.
        names = [PERSON[kind] for kind in kinds if kind in PERSON and kind != RECOVERY] or [PERSON[RECOVERY]]
        return f"BitLocker would wait at the boot for {' or '.join(names)}. {FIX}"
    if NETWORK in kinds:
        return "The system volume opens by the network where a server answers; else BitLocker asks at the boot."
    return f"What opens the system volume at the boot is not known (protectors {', '.join(map(str, kinds)) or 'none'})."


def _times(count: int) -> str:
    return "1 restart" if count == 1 else f"{count} restarts"


def _numbers(given: object) -> tuple[int, ...] | Unknown:
    """A list of numbers; UNKNOWN when an entry is none."""
    if not isinstance(given, list):
        return UNKNOWN
    found = [number(value) for value in given]
    return UNKNOWN if UNKNOWN in found else tuple(value for value in found if not isinstance(value, Unknown))


# Backups


def _backup(signals: Signals, wanted: Iterable[str]) -> tuple[bool | None, str]:
    running = signals.value("backup_processes")
    names = [text(name) for name in running] if isinstance(running, list) else [UNKNOWN]
    if UNKNOWN in names:
        return None, f"Whether a backup runs is not known: {signals.numbered('backup_processes')}."
    if names:
        return False, f"A backup may be running (process {', '.join(map(str, names))}). Wait until it has ended."
    return True, f"No backup runs (looked for {', '.join(wanted)})."


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
    yield Check("disk", *_disk(decision))
    yield Check("pending_restart", *_pending(decision))


def _disk(decision: Mapping[str, Any]) -> tuple[bool | None, str]:
    blocked = _blocked(decision, "disk")
    if blocked:
        return False, f"{blocked[0]['why'][-1]} The restart would bring nothing."
    if (decision.get("stale_when") or {}).get("offers") is None:
        return None, "Whether the disk has room for the updates is not known: nobody knows what is offered."
    return True, "The decision blocks no update for want of free disk."


def _pending(decision: Mapping[str, Any]) -> tuple[bool | None, str]:
    """A pending restart is never in the way: it is said, because it may cost a restart more."""
    blocked = _blocked(decision, "restart_pending")
    if blocked:
        return True, f"{blocked[0]['why'][-1]} It costs a restart of its own, before the updates."
    pending = (decision.get("pending") or {}).get("pending")
    if pending is None:
        return None, "Whether a restart is pending is not known."
    return True, "A restart is pending and is taken along." if pending else "No restart is pending."
