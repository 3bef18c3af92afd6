# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan or a run as a table in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.text import (
    clean,
    columns_of,
    counted,
    pad,
    paint,
    wrap,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.host_view import (
    View,
    missing_groups,
    put_off_words,
    reason,
    restart_groups,
    restart_words,
    restarted_word,
    views,
    word_of,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.page import NARROWEST, STATES, label
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.totals import about, totals
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.vocabulary import (
    kb_words,
    name_list,
    wave_name,
    wave_words,
)

# Lines of a list that may stand in the terminal.
MOST = 5


class _Column(NamedTuple):
    """A column of the terminal table."""

    head: str
    width: int
    cells: Sequence[tuple[str, str]]  # text and colour


def _columns(hosts: Sequence[View], width: int) -> list[_Column]:
    """The columns that fit: all, or only the first four with a host's name as short as it must be."""
    plan_only = not hosts or hosts[0].result is None

    def column(head: str, most: int, cells: Sequence[tuple[str, str]]) -> _Column:
        needed = max((columns_of(text) for text, _color in cells), default=0)
        return _Column(head, min(max(needed, columns_of(head)), most), cells)

    def state(view: View) -> tuple[str, str]:
        name = str(view.decision["state"])
        return clean(name), STATES[name].color if name in STATES else ""

    def word(view: View) -> tuple[str, str]:
        words, name = word_of(view)
        return label(words, name), words[name].color if name in words else "1"

    installed = "INSTALL" if plan_only else "INSTALLED"
    most = 12 if width < 80 else 21
    found = [
        column("HOST", 20 if width < 100 else 28, [(clean(view.name), "") for view in hosts]),
        column("DECISION" if plan_only else "OUTCOME", 19, [word(view) for view in hosts]),
        column(installed, most, [(kb_words(view.kbs, most) or "-", "") for view in hosts]),
    ]
    if plan_only:
        found.insert(1, column("STATE", 15, [state(view) for view in hosts]))
    else:
        found.append(column("RESTARTED", 9, [(restarted_word(view), "") for view in hosts]))
    waves = [wave_name(view.result or {}) or "-" for view in hosts]
    more = [column("WAVE", 6, [(wave, "") for wave in waves])] if set(waves) - {"-"} else []
    more += [
        column("PUT OFF", 18, [(put_off_words(view) or "-", "") for view in hosts]),
        column("REFUSED", 7, [(str(len(view.decision["refuse"]) or "-"), "") for view in hosts]),
        column("RESTART", 20, [(restart_words(view) or "-", "") for view in hosts]),
    ]
    if _used([*found, *more]) <= width:
        return [*found, *more]
    over = max(0, _used(found) - width)
    return [found[0]._replace(width=found[0].width - over), *found[1:]]


def _used(columns: Sequence[_Column]) -> int:
    """How wide columns are side by side."""
    return sum(one.width for one in columns) + 2 * (len(columns) - 1)


def _left_words(view: View) -> str:
    """What is left out and when the restart comes, on one line."""
    said = []
    if view.result is not None and view.result["wave"] is not None:
        said.append(wave_words(view.result))
    if view.decision["put_off"]:
        said.append(f"put off {put_off_words(view)}")
    if view.decision["refuse"]:
        said.append(f"refused {len(view.decision['refuse'])}")
    if restart_words(view):
        said.append(f"restart {restart_words(view)}")
    return ", ".join(said)


def terminal(doc: Mapping[str, Any], width: int, color: bool = False) -> str:
    """The plan or run as an aligned table, what needs hands, and totals."""
    width = max(width, NARROWEST)
    hosts = views(doc)
    columns = _columns(hosts, width)
    used = _used(columns) + 2
    beside = width - used if width - used >= 36 else 0
    lines = list(_left_out(hosts, width, color))
    if hosts:
        head = "  ".join(pad(one.head, one.width) for one in columns) + ("  WHY" if beside else "")
        lines += [paint(head.rstrip(), "1", color), "─" * width]
    for number, view in enumerate(hosts):
        row = "  ".join(paint(pad(one.cells[number][0], one.width), one.cells[number][1], color) for one in columns)
        why, step = reason(view)
        if why.removesuffix(".") == label(*word_of(view)):
            why = ""
        if beside:
            told = (wrap(why, beside, 2) if why else []) + (wrap(f"→ {step}", beside, 2, "  ") if step else [])
            lines.append(f"{row}  {(told or [''])[0]}".rstrip())
            lines += (f"{' ' * used}{line}".rstrip() for line in told[1:])
            continue
        lines.append(row.rstrip())
        texts = [] if len(columns) > 4 else [_left_words(view)]
        for text in [*texts, why, f"→ {step}" if step else ""]:
            if text:
                lines += (f"  {line}" for line in wrap(text, width - 2, 2, "  "))
    lines += _alarms(doc, hosts, width, color)
    lines += _restarts(hosts, width, color)
    lines.append("")
    for what, said in totals(doc):
        lines += wrap(f"{what + ':':<11}{said}.", width, 4, " " * 11)
    if doc["query"]:
        lines += wrap(f"Shown is what the query selects: {clean(doc['query'])}", width, 4)
    return "\n".join([*lines, *wrap(about(doc), width, 4)]) + "\n"


def _left_out(hosts: Sequence[View], width: int, color: bool) -> Iterator[str]:
    """The hosts that are out of service, before everything else."""
    out = [view for view in hosts if view.out]
    if not out:
        return
    yield paint(f"OUT OF SERVICE, LEFT BY THIS RUN: {counted(len(out), 'host')}", "1;31", color)
    for view in out:
        said = f"! {clean(view.name)}: {view.out_because}"
        step = reason(view)[1]
        yield from (f"  {line}" for line in wrap(said + (f" → {step}" if step else ""), width - 2, 3, "  "))
    yield ""


def _restarts(hosts: Sequence[View], width: int, color: bool) -> Iterator[str]:
    """What this run restarted, why, and with whose consent."""
    groups = restart_groups(hosts)
    if groups:
        yield from ("", paint("Restarts of this run", "1", color))
    for group in groups[:MOST]:
        said = f"{name_list(group['hosts'])}: {group['said']}. {group['reason']}"
        yield from (f"  {line}" for line in wrap(said.rstrip(), width - 2, 3, "  "))
    if len(groups) > MOST:
        yield f"  and {len(groups) - MOST} more, all in the files of this report"


def _alarms(doc: Mapping[str, Any], hosts: Sequence[View], width: int, color: bool) -> Iterator[str]:
    """What must not be overlooked: answers that are missing, and lines of the record that could not be read."""
    groups = missing_groups(hosts)
    if groups:
        yield from ("", paint("Answers that the decisions lack", "1", color))
    for group in groups[:MOST]:
        said = f"{name_list(group['hosts'])}: {group['what']} ({group['why']}). → {group['fix']}"
        yield from (f"  {line}" for line in wrap(said, width - 2, 3, "  "))
    if len(groups) > MOST:
        yield f"  and {len(groups) - MOST} more, all in the files of this report"
    problems = doc.get("problems") or []
    if problems:
        yield from ("", paint("Lines of the record that could not be read", "1;31", color))
    for problem in problems[:MOST]:
        yield from (f"  {line}" for line in wrap(clean(problem), width - 2, 2, "  "))
    if len(problems) > MOST:
        yield f"  and {len(problems) - MOST} more"
