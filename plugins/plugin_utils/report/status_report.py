# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of a fleet as data, terminal table, Markdown and HTML. Judges nothing: renders what `status` says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.text import (
    clean,
    columns_of,
    counted,
    pad,
    paint,
    shorten,
    wrap,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import status
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.page import (
    CLASSES,
    NARROWEST,
    PROBLEMS,
    PRODUCTS,
    STATES,
    URGENCY,
    lost,
    md,
    moment,
    page,
    pending_words,
    problem_words,
    segments,
    urgency,
)

__all__ = [
    "CHANGES",
    "CLASSES",
    "NARROWEST",
    "PRODUCTS",
    "STATES",
    "URGENCY",
    "clean",
    "columns_of",
    "document",
    "html",
    "markdown",
    "md",
    "moment",
    "pending_words",
    "shorten",
    "terminal",
    "wrap",
]

SCHEMA = 1
CHANGES = {
    "left_track": "left the track",
    "returned": "returned to the track",
    "new": "is new",
    "gone": "is gone",
    "changed": "changed",
}


def document(
    hosts: Sequence[Mapping[str, Any]],
    *,
    generated_at: str,
    version: str,
    table: Mapping[str, Any],
    query: str | None = None,
    previous: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The status JSON (docs/status.schema.json); without `previous` there is nothing to compare with."""
    ordered = sorted((dict(host) for host in hosts), key=lambda host: str(host["name"]))
    return {
        "schema": SCHEMA,
        "generated_at": generated_at,
        "collection_version": version,
        "query": query,
        "table": dict(table),
        "summary": status.summary(ordered),
        "changes": [] if previous is None else list(status.compare(list(previous), ordered)),
        "hosts": ordered,
    }


# --- words that every rendering shares ---------------------------------------------------------------------------


def change_words(change: Mapping[str, Any]) -> str:
    """`web1 left the track: on_track → not_ready`."""
    said = f"{clean(change['name'])} {CHANGES.get(change['change'], clean(change['change']))}"
    ends = [str(state) for state in (change["from"], change["to"]) if state]
    return f"{said}: {' → '.join(ends)}" if ends else said


def looked_at_words(host: Mapping[str, Any]) -> str:
    """Where restart risks were looked for, and what of it could not be read."""
    looked_at = host["restart_risks_looked_at"]
    read = ", ".join(probe for probe, how in looked_at.items() if how == "read") or "nothing"
    unread = ", ".join(f"{probe} ({how})" for probe, how in looked_at.items() if how != "read")
    none = "" if host["restart_risks"] else "no restart risk seen; "
    return clean(f"{none}restart risks were looked for in {read}" + (f"; not read: {unread}" if unread else ""))


def timed(doc: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Restarts that hosts name a time for, the nearest first: time, and host with what it said."""
    found = [
        (str(risk["at"]), f"{clean(host['name'])}: {clean(risk['detail'])}")
        for host in doc["hosts"]
        for risk in host["restart_risks"]
        if risk["at"]
    ]
    return sorted(found)


def summary_words(doc: Mapping[str, Any]) -> str:
    """The fleet in one line."""
    summary = doc["summary"]
    states = [f"{summary['states'][name]} {name}" for name in STATES if summary["states"].get(name)]
    waits = [f"{summary['pending'].get(key, 0)} {key}" for key in ("yes", "no", "unknown")]
    head = f"{counted(summary['hosts'], 'host')}, {summary['reached']} reached"
    return f"{head}: {', '.join(states) or 'nothing to show'}. Pending restart: {', '.join(waits)}."


def about(doc: Mapping[str, Any]) -> str:
    """What the verdicts stand on."""
    table = doc["table"]
    lacks = table.get("lacks_patch_tuesday")
    old = f" It lacks the Patch Tuesday of {clean(lacks)}: run rebootless.patching.update_releases." if lacks else ""
    return (
        f"Generated {moment(doc['generated_at'])} by rebootless.patching {clean(doc['collection_version'])}; "
        f"release table up to {clean(table['newest'])}, compiled {clean(table['compiled'])}.{old}"
    )


# --- terminal ----------------------------------------------------------------------------------------------------


def why(host: Mapping[str, Any]) -> tuple[str, str]:
    """The first reason of a host with the number of further ones, and what puts it right."""
    reasons = host["reasons"]
    if not reasons:
        return "", ""
    more = f" (+{len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return clean(reasons[0]["message"]) + more, clean(reasons[0]["fix"])


class _Layout(NamedTuple):
    """The columns of the terminal table; `reason` 0 puts the reasons on lines of their own."""

    host: int
    baseline: int
    pending: int
    reason: int


def layout(hosts: Sequence[Mapping[str, Any]], width: int) -> _Layout:
    """As wide as the content needs, as narrow as the terminal asks."""
    names = max((columns_of(clean(host["name"])) for host in hosts), default=4)
    waits = max((columns_of(pending_words(host["pending"])) for host in hosts), default=7)
    host = min(max(names, 4), width - 51, 20 if width < 100 else 28 if width < 140 else 36)
    baseline = 21 if width >= 140 else 10
    fixed = host + 2 + 15 + 2 + 11 + 2 + baseline + 2
    pending = min(max(waits, 7), max(7, width - fixed) if width < 100 else 22)
    reason = width - fixed - pending - 2
    return _Layout(host, baseline, pending, reason if reason >= 36 else 0)


def _rows(host: Mapping[str, Any], shape: _Layout, width: int, color: bool) -> Iterator[str]:
    """The lines of one host."""
    base = host["last_baseline"]
    day = "-" if not base else clean(base["date"] or base["build"] or "-")
    if base and base["kb"] and shape.baseline > 10:
        day = f"{day} {clean(base['kb'])}"
    state = str(host["state"])
    cells = [
        pad(clean(host["name"]), shape.host),
        paint(pad(state, 15), STATES[state].color if state in STATES else "", color),
        pad(clean(host["build"] or "-"), 11),
        pad(day, shape.baseline),
        pad(pending_words(host["pending"], shape.pending), shape.pending),
    ]
    reason, fix = why(host)
    if shape.reason:
        beside = wrap(reason, shape.reason, 3) + (wrap(f"→ {fix}", shape.reason, 3, "  ") if fix else [])
        left = "  ".join(cells)
        blank = " " * (width - shape.reason)
        yield f"{left}  {beside[0]}".rstrip()
        yield from (f"{blank}{line}".rstrip() for line in beside[1:])
        return
    yield "  ".join(cells).rstrip()
    if reason:
        yield from (f"  {line}" for line in wrap(reason, width - 2, 3))
    if fix:
        yield from (f"  {line}" for line in wrap(f"→ {fix}", width - 2, 3, "  "))


def terminal(doc: Mapping[str, Any], width: int, color: bool = False) -> str:
    """The status as an aligned table with what could not be reached, what has changed and a summary below it."""
    width = max(width, NARROWEST)
    hosts = doc["hosts"]
    shape = layout(hosts, width)
    heads = [
        ("HOST", shape.host),
        ("STATE", 15),
        ("BUILD", 11),
        ("BASELINE", shape.baseline),
        ("PENDING", shape.pending),
    ]
    head = "  ".join(pad(name, size) for name, size in heads) + ("  REASON AND FIX" if shape.reason else "")
    lines: list[str] = []
    if hosts:
        lines += [paint(head.rstrip(), "1", color), "─" * width]
    for host in hosts:
        lines += _rows(host, shape, width, color)
    missed = lost(doc)
    if missed:
        lines += ["", paint(f"Not reached: {counted(len(missed), 'host')}", "1;31", color)]
        for host in missed:
            kind, message = problem_words(host)
            lines += (f"  {line}" for line in wrap(f"{clean(host['name'])}: {kind}. {message}", width - 2, 3, "  "))
    restarts = timed(doc)
    if restarts:
        lines += ["", paint("Will restart without this collection", "1;31", color)]
        for at, said in restarts:
            lines += (f"  {line}" for line in wrap(f"{moment(at)} {said}", width - 2, 3, "  "))
    if doc["changes"]:
        lines += ["", paint("Since the last status", "1", color)]
        for change in doc["changes"]:
            code = {"left_track": "31", "returned": "32"}.get(change["change"], "")
            lines += (f"  {paint(line, code, color)}" for line in wrap(change_words(change), width - 2, 2, "  "))
    lines += ["", *wrap(summary_words(doc), width, 6)]
    if doc["query"]:
        lines += wrap(f"Shown is what the query selects: {clean(doc['query'])}", width, 4)
    return "\n".join([*lines, *wrap(about(doc), width, 4)]) + "\n"


# --- Markdown ----------------------------------------------------------------------------------------------------


def _md_row(host: Mapping[str, Any]) -> str:
    """One host as a row of the Markdown table."""
    base = host["last_baseline"]
    day = " ".join(md(base[key]) for key in ("date", "kb") if base[key]) if base else ""
    reason, fix = why(host)
    told = md(reason) + (f"<br>→ {md(fix)}" if fix else "")
    waits = md(pending_words(host["pending"]))
    return f"| {md(host['name'])} | {md(host['state'])} | {md(host['build'] or '')} | {day} | {waits} | {told} |"


def _md_details(host: Mapping[str, Any]) -> Iterator[str]:
    """Everything that is to be said of one host beyond its row."""
    yield from ("", f"### {md(host['name'])}", "")
    for reason in host["reasons"]:
        yield f"- {md(reason['severity'])} {md(reason['code'])}: {md(reason['message'])} → {md(reason['fix'])}"
    for reason in host["pending"]["reasons"]:
        since = f", since {moment(reason['since'])}" if reason["since"] else ""
        blocks = ", blocks further updates" if reason["blocks_updates"] else ""
        source = md(f"{reason['class']}, {reason['source']}")
        yield f"- pending restart ({source}): {md(reason['detail'])}{since}{blocks}"
    if host["pending"]["unknown_sources"]:
        yield f"- could not be read: {md(', '.join(host['pending']['unknown_sources']))}"
    for risk in host["restart_risks"]:
        yield f"- restart risk {md(risk['code'])}: {md(risk['detail'])}"
    if host["reached"]:
        yield f"- {md(looked_at_words(host))}"


def markdown(doc: Mapping[str, Any]) -> str:
    """The status as GitHub-flavoured Markdown."""
    lines = ["# Hotpatch status", "", md(summary_words(doc)), "", md(about(doc))]
    if doc["query"]:
        lines += ["", f"Shown is what the query selects: {md(doc['query'])}"]
    if lost(doc):
        lines += ["", "## Not reached", "", "| host | problem | message |", "| --- | --- | --- |"]
        for host in lost(doc):
            kind, message = problem_words(host)
            lines.append(f"| {md(host['name'])} | {md(kind)} | {md(message)} |")
    if doc["changes"]:
        lines += ["", "## Since the last status", "", *(f"- {md(change_words(change))}" for change in doc["changes"])]
    heads = ["host", "state", "build", "last baseline", "pending restart", "reason and fix"]
    lines += ["", "## Hosts", "", f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    lines += [_md_row(host) for host in doc["hosts"]]
    told = [host for host in doc["hosts"] if any(_details(host))]
    if told:
        lines += ["", "## Details"]
    for host in told:
        lines += _md_details(host)
    return "\n".join(lines) + "\n"


def _details(host: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a host's details would hold."""
    pending = host["pending"]
    unread = host["reached"] and any(how != "read" for how in host["restart_risks_looked_at"].values())
    return host["reasons"], pending["reasons"], pending["unknown_sources"], host["restart_risks"], unread


# --- HTML --------------------------------------------------------------------------------------------------------


def html(doc: Mapping[str, Any]) -> str:
    """The status as one self-contained page that loads nothing and runs no script but its own."""
    return page(
        "status.html.j2",
        ["status.css"],
        doc=doc,
        hosts=sorted(doc["hosts"], key=lambda host: (urgency(host["state"]), host["name"])),
        lost=lost(doc),
        products=PRODUCTS,
        problems=PROBLEMS,
        changes=CHANGES,
        states=STATES,
        segments=_segments(doc["summary"]["states"]),
        waits=_waits(doc["hosts"]),
        urgency=urgency,
        looked_at=looked_at_words,
    )


def _segments(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """The segments of the state bar in percent of its width."""
    return [{"state": part["name"], **part} for part in segments(counts, STATES)]


def _waits(hosts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How many hosts wait for a restart, by class; a class that counts for no host is told apart."""
    found = []
    for name in CLASSES:
        count = sum(any(reason["class"] == name for reason in host["pending"]["reasons"]) for host in hosts)
        counts = any(name in host["pending"]["classes"] for host in hosts)
        found.append(
            {"class": name, "count": count, "counts": counts, "width": round(100 * count / max(len(hosts), 1), 3)}
        )
    return found
