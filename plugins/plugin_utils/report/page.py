# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reports share: words, terminal and Markdown text, and the page that the HTML reports are made on."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import markupsafe
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.text import clean, columns_of, counted

NARROWEST = 64
TEMPLATES = Path(__file__).parent / "templates"


class Word(NamedTuple):
    """How a state, a decision or an outcome is shown: its label, what it means, its terminal colour (SGR).

    `look` is the state whose colour and icon it has in a page; empty for a state itself.
    """

    label: str
    meaning: str
    color: str
    look: str = ""


# In the order of the state bar: on the track first, then by how soon somebody has to act.
STATES: dict[str, Word] = {
    "on_track": Word("On track", "gets this month's security updates without a restart", "32"),
    "restart_pending": Word("Restart pending", "an installed update waits for a restart", "36"),
    "behind": Word("Behind", "older than the current baseline", "33"),
    "off_track": Word("Off track", "left the track; cumulative updates restart it until the next baseline", "31"),
    "not_enrolled": Word("Not enrolled", "ready, but hotpatching is not switched on", "34"),
    "not_ready": Word("Not ready", "a prerequisite is missing", "35"),
    "not_capable": Word("Not capable", "this edition or version gets no hotpatches", "2"),
    "unknown": Word("Unknown", "could not be proved either way", "1"),
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
    "name": "unknown name",
    "become": "become set wrongly",
    "controller": "controller lacks something",
    "timeout": "timed out",
    "auth": "not authorised",
    "dropped": "connection dropped",
    "failed": "failed",
}
CLASSES = ("servicing", "identity", "management", "file_rename", "legacy")


# --- words -------------------------------------------------------------------------------------------------------


def moment(value: str | None) -> str:
    """`2026-09-20T12:00:00Z` as `2026-09-20 12:00 UTC`."""
    return "" if not value else clean(value.replace("T", " ")[:16] + " UTC" if value.endswith("Z") else value)


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


def lost(doc: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The hosts that could not be asked."""
    return [host for host in doc["hosts"] if not host["reached"]]


def problem_words(host: Mapping[str, Any]) -> tuple[str, str]:
    """The kind of a host's problem and its message."""
    problem = host["problem"] or {"kind": "failed", "message": ""}
    return PROBLEMS.get(problem["kind"], clean(problem["kind"])), clean(problem["message"])


# --- terminal ----------------------------------------------------------------------------------------------------


# --- Markdown ----------------------------------------------------------------------------------------------------

_MARKDOWN = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])")


def md(text: object) -> str:
    """Text that Markdown shows as it is, inside a table cell too."""
    escaped = _MARKDOWN.sub(lambda match: "\\" + match.group(), clean(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# --- HTML --------------------------------------------------------------------------------------------------------


def urgency(state: str) -> int:
    """Where a state stands in the order of what needs hands first."""
    return URGENCY.index(state) if state in URGENCY else len(URGENCY)


def look(words: Mapping[str, Word], name: str) -> str:
    """The state whose colour and icon a word is shown with."""
    return (words[name].look or name) if name in words else "unknown"


def label(words: Mapping[str, Word], name: str) -> str:
    """The label of a word; the word itself when there is none."""
    return words[name].label if name in words else clean(name)


def segments(counts: Mapping[str, int], words: Mapping[str, Word]) -> list[dict[str, Any]]:
    """The segments of a bar in percent of its width, in the order of `words`; what is in none of them stands last."""
    total = sum(counts.values())
    found, left = [], 0.0
    for name in [*words, *(name for name in counts if name not in words)]:
        if counts.get(name):
            width = 100 * counts[name] / total
            found.append({"name": name, "count": counts[name], "x": round(left, 3), "width": round(width, 3)})
            left += width
    return found


def page(template: str, styles: Sequence[str], **values: Any) -> str:
    """A self-contained page that loads nothing and runs no script but its own."""
    style = markupsafe.Markup("".join(_asset(name) for name in styles))
    script = markupsafe.Markup(_asset("status.js"))
    return (
        _environment()
        .get_template(template)
        .render(style=style, script=script, style_hash=_digest(style), script_hash=_digest(script), **values)
    )


@functools.cache
def _environment() -> jinja2.Environment:
    """What the templates may use."""
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(clean=clean, moment=moment, counted=counted, pending_words=pending_words)
    environment.globals.update(look=look, label=label)
    return environment


def _asset(name: str) -> str:
    """A file beside the templates."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """A content security policy's name for an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
