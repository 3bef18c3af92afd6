# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of a fleet as data, terminal table, Markdown and HTML. Judges nothing: renders what `status` says."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import markupsafe
from ansible_collections.rebootless.patching.plugins.plugin_utils import status

SCHEMA = 1
NARROWEST = 64
TEMPLATES = Path(__file__).parent / "templates"


class State(NamedTuple):
    """How a state is shown: its label, what it means, and its terminal colour (SGR)."""

    label: str
    meaning: str
    color: str


# In the order of the state bar: on the track first, then by how soon somebody has to act.
STATES: dict[str, State] = {
    "on_track": State("On track", "gets this month's security updates without a restart", "32"),
    "restart_pending": State("Restart pending", "an installed update waits for a restart", "36"),
    "behind": State("Behind", "older than the current baseline", "33"),
    "off_track": State("Off track", "left the track; cumulative updates restart it until the next baseline", "31"),
    "not_enrolled": State("Not enrolled", "ready, but hotpatching is not switched on", "34"),
    "not_ready": State("Not ready", "a prerequisite is missing", "35"),
    "not_capable": State("Not capable", "this edition or version gets no hotpatches", "2"),
    "unknown": State("Unknown", "could not be proved either way", "1"),
}
# What needs hands first stands first where the order is ours to choose.
URGENCY = ("off_track", "restart_pending", "behind", "not_ready", "not_enrolled", "unknown", "not_capable", "on_track")
PRODUCTS = {
    "windows_server_2025_arc": "Windows Server 2025 through Azure Arc",
    "windows_server_2025_azure_edition": "Windows Server 2025 Azure Edition",
    "windows_server_2022_azure_edition": "Windows Server 2022 Azure Edition",
    "windows_11_24h2": "Windows 11 24H2",
    "windows_11_25h2": "Windows 11 25H2",
}
PROBLEMS = {
    "refused": "connection refused",
    "timeout": "timed out",
    "auth": "not authorised",
    "dropped": "connection dropped",
    "failed": "failed",
}
CHANGES = {
    "left_track": "left the track",
    "returned": "returned to the track",
    "new": "is new",
    "gone": "is gone",
    "changed": "changed",
}
CLASSES = ("servicing", "identity", "management", "file_rename", "legacy")


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


def clean(text: object) -> str:
    """One line without control and direction characters: a host's text must not steer a terminal or a reader's eye."""
    flat = " ".join(str(text).split())
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in {"Cc", "Cf"} else char for char in flat)


def moment(value: str | None) -> str:
    """`2026-09-20T12:00:00Z` as `2026-09-20 12:00 UTC`."""
    return "" if not value else clean(value.replace("T", " ")[:16] + " UTC" if value.endswith("Z") else value)


def counted(number: int, word: str) -> str:
    """`1 host`, `2 hosts`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def pending_words(pending: Mapping[str, Any], width: int = 0) -> str:
    """`no`, `unknown`, or the classes that wait for a restart; those that do not count stand in brackets.

    Longer than `width`, when one is given: the first class and the number of further ones.
    """
    classes = list(dict.fromkeys(clean(reason["class"]) for reason in pending["reasons"]))
    counting = [name for name in classes if name in pending["classes"]]
    ignored = [name for name in classes if name not in pending["classes"]]
    aside = f" ({', '.join(ignored)})" if ignored else ""
    if pending["pending"] is None:
        full, short = "unknown" + aside, f"unknown +{len(ignored)}"
    else:
        full = (", ".join(counting) or ("yes" if pending["pending"] else "no")) + aside
        short = f"{(counting or [full.partition(' ')[0]])[0]} +{len(classes) - bool(counting)}"
    return short if width and columns_of(full) > width else full


def change_words(change: Mapping[str, Any]) -> str:
    """`web1 left the track: on_track → not_ready`."""
    said = f"{clean(change['name'])} {CHANGES.get(change['change'], clean(change['change']))}"
    ends = [str(state) for state in (change["from"], change["to"]) if state]
    return f"{said}: {' → '.join(ends)}" if ends else said


def summary_words(doc: Mapping[str, Any]) -> str:
    """The fleet in one line."""
    summary = doc["summary"]
    states = [f"{summary['states'][name]} {name}" for name in STATES if summary["states"].get(name)]
    waits = [f"{summary['pending'].get(key, 0)} {key}" for key in ("yes", "no", "unknown")]
    head = f"{counted(summary['hosts'], 'host')}, {summary['reached']} reached"
    return f"{head}: {', '.join(states) or 'nothing to show'}. Pending restart: {', '.join(waits)}."


def lost(doc: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The hosts that could not be asked."""
    return [host for host in doc["hosts"] if not host["reached"]]


def problem_words(host: Mapping[str, Any]) -> tuple[str, str]:
    """The kind of a host's problem and its message."""
    problem = host["problem"] or {"kind": "failed", "message": ""}
    return PROBLEMS.get(problem["kind"], clean(problem["kind"])), clean(problem["message"])


def about(doc: Mapping[str, Any]) -> str:
    """What the verdicts stand on."""
    table = doc["table"]
    return (
        f"Generated {moment(doc['generated_at'])} by rebootless.patching {clean(doc['collection_version'])}; "
        f"release table up to {clean(table['newest'])}, compiled {clean(table['compiled'])}."
    )


# --- terminal ----------------------------------------------------------------------------------------------------


def columns_of(text: str) -> int:
    """How many columns a text takes in a terminal."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) != 0 for char in text)


def shorten(text: str, width: int) -> str:
    """The text in at most `width` columns; a domain is cut from its end, anything else in the middle."""
    if columns_of(text) <= width:
        return text
    if columns_of(text.partition(".")[0]) < width:
        return _head(text, width - 1) + "…"
    head, tail = _head(text, width - 1 - (width - 1) // 2), text
    while columns_of(tail) > (width - 1) // 2:
        tail = tail[1:]
    return f"{head}…{tail}"


def pad(text: str, width: int) -> str:
    """The text, shortened or filled to exactly `width` columns."""
    short = shorten(text, width)
    return short + " " * (width - columns_of(short))


def wrap(text: str, width: int, lines: int, indent: str = "") -> list[str]:
    """The text in at most `lines` lines of `width` columns; what does not fit is marked by … ."""
    found = [""]
    for word in text.split():
        rest = word
        joined = f"{found[-1]} {word}" if found[-1].strip() else found[-1] + word
        if columns_of(joined) <= width:
            found[-1] = joined
            continue
        if found[-1].strip():
            found.append(indent)
        while columns_of(found[-1] + rest) > width:
            part = _head(rest, width - columns_of(found[-1]))
            found[-1] += part
            rest = rest[len(part) :]
            found.append(indent)
        found[-1] += rest
    if len(found) > lines:
        found = [*found[: lines - 1], _head(found[lines - 1], width - 2) + " …"]
    return found


def _head(text: str, width: int) -> str:
    """As much of the beginning of a text as fits, at least one character."""
    while len(text) > 1 and columns_of(text) > width:
        text = text[:-1]
    return text


def paint(text: str, code: str, color: bool) -> str:
    """The text in a terminal colour, when colours are wanted."""
    return f"\x1b[{code}m{text}\x1b[0m" if color and code else text


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

_MARKDOWN = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])")


def md(text: object) -> str:
    """Text that Markdown shows as it is, inside a table cell too."""
    escaped = _MARKDOWN.sub(lambda match: "\\" + match.group(), clean(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


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
    return host["reasons"], pending["reasons"], pending["unknown_sources"], host["restart_risks"]


# --- HTML --------------------------------------------------------------------------------------------------------


def html(doc: Mapping[str, Any]) -> str:
    """The status as one self-contained page that loads nothing and runs no script but its own."""
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(clean=clean, moment=moment, counted=counted, pending_words=pending_words)
    style, script = (
        markupsafe.Markup((TEMPLATES / name).read_text(encoding="utf-8")) for name in ("status.css", "status.js")
    )
    ranked = sorted(doc["hosts"], key=lambda host: (_urgency(host["state"]), host["name"]))
    return environment.get_template("status.html.j2").render(
        doc=doc,
        hosts=ranked,
        lost=lost(doc),
        products=PRODUCTS,
        problems=PROBLEMS,
        changes=CHANGES,
        states=STATES,
        segments=_segments(doc["summary"]["states"]),
        waits=_waits(doc["hosts"]),
        urgency=_urgency,
        style=style,
        script=script,
        style_hash=_digest(style),
        script_hash=_digest(script),
    )


def _urgency(state: str) -> int:
    """Where a state stands in the order of what needs hands first."""
    return URGENCY.index(state) if state in URGENCY else len(URGENCY)


def _digest(text: str) -> str:
    """A content security policy's name for an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _segments(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """The segments of the state bar in percent of its width."""
    total = sum(counts.values())
    found, left = [], 0.0
    for name in STATES:
        if counts.get(name):
            width = 100 * counts[name] / total
            found.append({"state": name, "count": counts[name], "x": round(left, 3), "width": round(width, 3)})
            left += width
    return found


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
