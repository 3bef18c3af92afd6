# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May a host be changed now? The one question that is asked before every step that changes one.

What a host says of itself stops every step: download, installation, drain, restart, removal. What it did not say is no
leave either: without the mark of the boot phase nothing is changed, and a host is neither taken out of service, nor
restarted, nor given a removal (which restarts it) while nobody knows whether its update agent is at work. An
installation goes on without that one answer: the agent itself refuses a second one (0x80240016).

TrustedInstaller is no witness: the service runs on for minutes after servicing has ended, so it would keep every host
from the restart that its own installation needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import (
    UNKNOWN,
    Signals,
    Unknown,
    shown,
    text,
)

STEPS = ("download", "install", "drain", "restart", "remove")
# These end in a restart, during which a work of the update agent would be cut off.
RESTARTING = ("drain", "restart", "remove")


class Wait(NamedTuple):
    """Why a host is not to be changed now; `known` is false where it did not say, and so has not said that it may be."""

    code: str
    words: str
    known: bool = True


class Mark(NamedTuple):
    """A question of yes or no: what a yes means, what an answer that is missing means, and for which steps it counts."""

    code: str
    probe: str
    says: str
    asks: str
    needed_for: tuple[str, ...]


MARKS = (
    Mark(
        # facts/pending-restart.md section 1.1, source 2: the host is mid-update, do not touch, wait.
        "servicing_in_progress",
        "cbs_reboot_in_progress",
        "Windows is in the boot phase of servicing: leave it alone and wait.",
        "whether Windows is in the boot phase of servicing",
        STEPS,
    ),
    Mark(
        "agent_busy",
        "agent_busy",
        "The update agent is installing something: ask again when it has ended.",
        "whether the update agent is installing something",
        RESTARTING,
    ),
)
BACKUP = "backup_processes"


def says(signals: Signals) -> list[Wait]:
    """What the host itself says against being touched."""
    found = [Wait(mark.code, mark.says) for mark in MARKS if signals.flag(mark.probe) is True]
    names = backups(signals)
    if isinstance(names, tuple) and names:
        found.append(Wait("backup", f"A backup may be running (process {', '.join(names)}). Wait until it has ended."))
    return found


def reasons_to_wait(signals: Signals, step: str) -> list[Wait]:
    """Why this step must not be done to the host now, what it says first; empty when it may."""
    unread = [
        Wait(f"{mark.code}_unknown", f"Not known is {mark.asks} ({signals.cause(mark.probe)}).", known=False)
        for mark in MARKS
        if step in mark.needed_for and isinstance(signals.flag(mark.probe), Unknown)
    ]
    return [*says(signals), *unread]


def asked(raw: object, problem: Mapping[str, object] | None, step: str) -> list[Wait]:
    """The reasons to wait of a host that was asked just now; one that could not be asked is left alone."""
    if problem is not None or raw is None:
        words = f"The host could not be asked: {shown((problem or {}).get('message', 'no answer'), 300).rstrip('.')}."
        return [Wait("not_asked", words, known=False)]
    return reasons_to_wait(Signals(raw), step)


def backups(signals: Signals) -> tuple[str, ...] | Unknown:
    """The processes of backups that run; UNKNOWN where nobody looked, or an entry cannot be read."""
    running = signals.value(BACKUP)
    if not isinstance(running, list):
        return UNKNOWN
    names = [text(name) for name in running]
    return UNKNOWN if UNKNOWN in names else tuple(str(name) for name in names)


def in_words(waits: Iterable[Wait]) -> str:
    """The reasons in one text."""
    return " ".join(wait.words for wait in waits)
