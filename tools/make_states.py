# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make docs/docsite/rst/states.rst from the words of the code; the core's modules must be importable (PYTHONPATH).

usage: tools/make_states.py
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ansible_collections.rebootless.patching.plugins.plugin_utils.host import pending_restart as pending_reboot
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.reasons import CAUSE, REASONS, WARNING
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import page as report_parts
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.page import Word
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.vocabulary import (
    DECISIONS,
    NEXT_STEPS,
    OFFER_DECISIONS,
    OUTCOMES,
    RESTARTS,
)
from make_reasons import RISKS

DEST = Path(__file__).resolve().parent.parent / "docs" / "docsite" / "rst" / "states.rst"
LABEL = "ansible_collections.rebootless.patching.docsite.states"
HEAD = f"""\
.. _{LABEL}:

States and reasons
==================

Every word that a status, a plan or a run can say of a host, what it means and what to do. Made of the code by
``tools/make_states.py``; a test says when it is stale. ``{{…}}`` is filled in per host.
"""
# What to do; the reasons of a host say it more exactly.
DO = {
    "on_track": "Nothing. Run it each month.",
    "restart_pending": "Let it restart in its next window: role ``baseline``, or playbook ``patch`` with consent.",
    "behind": "Bring it to the current baseline, which takes one restart. Until then it gets no hotpatches.",
    "off_track": "Plan one restart a month until the next baseline, which brings it back.",
    "not_enrolled": "Switch hotpatching on; the reason says where.",
    "not_ready": "Put right what the reason names. It may take one restart.",
    "not_capable": "Plan one restart a month, or move to a product that gets hotpatches.",
    "unknown": "Put right what could not be read, then ask again. It is never taken for a yes or a no.",
}
CLASSES = {
    "servicing": "Windows' own servicing and the update agent",
    "identity": "a change of the computer's name or of its domain",
    "management": "Configuration Manager, or the local configuration manager of DSC",
    "file_rename": "files to be replaced at the next boot; mostly noise",
    "legacy": "old signs that are mostly noise",
}
SECTIONS = {CAUSE: "Reasons for a state", WARNING: "Warnings"}


def code(text: str) -> str:
    """A word of the code."""
    return f"``{text}``"


def plain(text: str) -> str:
    """Text in which nothing is markup."""
    marks = str.maketrans({mark: f"\\{mark}" for mark in "\\*`_|"})
    return " ".join(text.translate(marks).split())


def title(text: str, line: str = "-") -> str:
    """A heading."""
    return f"{text}\n{line * len(text)}\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; a list takes long cells better than a grid does."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (head, *rows):
        lines += [f"   {'*' if number == 0 else ' '} - {cell}".rstrip() for number, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def words(named: Mapping[str, Word], steps: Mapping[str, str | None]) -> str:
    """Words, their meaning, and what to do."""
    return table(
        ("word", "meaning", "what to do"),
        ((code(name), plain(word.meaning) + ".", steps.get(name) or "Nothing.") for name, word in named.items()),
    )


def reasons() -> Iterator[str]:
    """Every reason, by severity."""
    for severity, heading in SECTIONS.items():
        yield title(heading)
        for name, kind in REASONS.items():
            if kind.severity == severity:
                yield f"{code(name)}\n   {plain(kind.message)}\n\n   *What puts it right:* {plain(kind.fix)}\n"
    yield title("Restart risks")
    yield "What may restart a host without a run of this collection. They explain no state.\n"
    for name, message, fix in RISKS:
        yield f"{code(name)}\n   {plain(message)}\n\n   *What puts it right:* {plain(fix)}\n"


def page() -> str:
    """The whole page."""
    decided = {**dict.fromkeys(DECISIONS), **host_run.NEXT_STEPS, "wait_for_window": "Nothing: it comes in its window."}
    offers = ((code(name), plain(word.meaning) + ".") for name, word in OFFER_DECISIONS.items())
    restarts = ((code(name), plain(text) + ".") for name, text in RESTARTS.items())
    counting = pending_reboot.DEFAULT_CLASSES
    classes = ((code(name), CLASSES[name], "yes" if name in counting else "no") for name in pending_reboot.CLASSES)
    parts = [
        HEAD,
        title("States on the track"),
        words(report_parts.STATES, DO),
        title("Classes of pending restarts"),
        table(("class", "what waits", "counts by default"), classes),
        title("Decisions on a host"),
        words(DECISIONS, decided),
        title("Decisions on an offer"),
        table(("word", "meaning"), offers),
        title("What an offer does to a host"),
        table(("word", "meaning"), restarts),
        title("How a host ended in a run"),
        words(OUTCOMES, NEXT_STEPS),
        *reasons(),
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    DEST.write_text(page(), encoding="utf-8")
