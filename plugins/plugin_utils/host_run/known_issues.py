# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known issues of updates: which KB does what to a host on which conditions are met, as data with a source."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import mapping, wrong
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals, Unknown, text
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.bitlocker import CONDITIONS, NAMES

SHIPPED = Path(__file__).parent / "data" / "known_issues.json"
SCHEMA = 1
KB = re.compile(r"KB[0-9]{6,8}")
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
CONFIDENCE = ("vendor_page", "secondary")
FILE_KEYS = ("$schema", "schema", "compiled", "issues")
KEYS = ("id", "kbs", "products", "conditions", "message", "fix", "fixed_by", "confidence", "source", "note")
NEEDED = ("id", "kbs", "conditions", "message", "fix", "confidence", "source")


@dataclass(frozen=True)
class Issue:
    """What an update is known to do to a host on which every condition is met; without conditions to every host."""

    id: str
    kbs: tuple[str, ...]
    conditions: tuple[str, ...]
    message: str
    fix: str
    source: str


@dataclass(frozen=True)
class Found:
    """What a host's facts make of an issue: True it has it, False it has not, None nobody can rule it out."""

    issue: Issue
    applies: bool | None
    # The conditions that decide: one that is not met, else those that nobody knows, else all.
    deciding: tuple[str, ...]
    facts: tuple[str, ...]

    def unread(self, signals: Signals) -> str:
        """The facts that are missing, and why."""
        missing = [name for name in self.facts if signals.value(name) is Unknown.UNKNOWN]
        return ", ".join(f"{NAMES[name]} ({signals.numbered(name)})" for name in missing or self.facts)


@dataclass(frozen=True)
class KnownIssues:
    """All that is on record."""

    compiled: str
    issues: tuple[Issue, ...]

    @classmethod
    def load(cls, data: object, extend: object = None) -> KnownIssues:
        """The issues of a file, and those of another one on top, which replace those of the same id.

        :raises PolicyError: naming the record, the key, the value and what is allowed
        """
        compiled, issues = _file(data, "known_issues")
        more = _file(extend, "known_issues_extend")[1] if extend is not None else ()
        together = {one.id: one for one in (*issues, *more)}
        return cls(compiled, tuple(together.values()))

    def of(self, kbs: Collection[str]) -> tuple[Issue, ...]:
        """The issues of these updates."""
        return tuple(one for one in self.issues if not set(one.kbs).isdisjoint(kbs))


def shipped() -> Any:
    """The collection's own file."""
    return json.loads(SHIPPED.read_text(encoding="utf-8"))


def look(issue: Issue, signals: Signals, restarts: int) -> Found:
    """Hold an issue against what a host says."""
    facts = {name: CONDITIONS[name](signals, restarts) for name in issue.conditions}
    for met in (False, None):
        deciding = tuple(name for name, fact in facts.items() if fact.met is met)
        if deciding:
            # One that is not met is enough.
            deciding = deciding[:1] if met is False else deciding
            return Found(issue, met, deciding, _probes(facts[name].facts for name in deciding))
    return Found(issue, True, issue.conditions, _probes(fact.facts for fact in facts.values()))


def _probes(facts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in facts for name in some))


def _file(data: object, where: str) -> tuple[str, tuple[Issue, ...]]:
    given = mapping(data, where, FILE_KEYS, "the known issues")
    if given.get("schema") != SCHEMA:
        raise wrong(f"{where}.schema", given.get("schema"), str(SCHEMA))
    compiled = _text(
        given.get("compiled"), f"{where}.compiled", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), "a day as 2026-04-14"
    )
    listed = given.get("issues")
    if not isinstance(listed, list):
        raise wrong(f"{where}.issues", listed, "a list of records")
    issues = tuple(_issue(one, f"{where}.issues[{place}]") for place, one in enumerate(listed))
    ids = [one.id for one in issues]
    for place, name in enumerate(ids):
        if name in ids[:place]:
            raise wrong(f"{where}.issues[{place}].id", name, "an id that no other record has")
    return compiled, issues


def _issue(data: object, where: str) -> Issue:
    given = mapping(data, where, KEYS, "a known issue")
    for key in NEEDED:
        if key not in given:
            raise wrong(f"{where}.{key}", None, "a value")
    for key in ("products", "fixed_by"):
        _list(
            given.get(key, []),
            f"{where}.{key}",
            KB if key == "fixed_by" else None,
            "a KB as KB5082063" if key == "fixed_by" else "a text",
        )
    if given["confidence"] not in CONFIDENCE:
        raise wrong(f"{where}.confidence", given["confidence"], " or ".join(CONFIDENCE))
    if not isinstance(given.get("note"), str | None):
        raise wrong(f"{where}.note", given["note"], "a text")
    kbs = _list(given["kbs"], f"{where}.kbs", KB, "a KB as KB5082063")
    if not kbs:
        raise wrong(f"{where}.kbs", [], "a list of one or more KBs")
    conditions = _list(given["conditions"], f"{where}.conditions", None, "a condition")
    for place, name in enumerate(conditions):
        if name not in CONDITIONS:
            raise wrong(f"{where}.conditions[{place}]", name, f"one of {', '.join(CONDITIONS)}")
    return Issue(
        _text(given["id"], f"{where}.id", ID, "small letters, digits and hyphens"),
        kbs,
        conditions,
        *(_text(given[key], f"{where}.{key}", None, "a text of one line") for key in ("message", "fix", "source")),
    )


def _list(given: object, where: str, pattern: re.Pattern[str] | None, allowed: str) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise wrong(where, given, "a list")
    return tuple(_text(value, f"{where}[{place}]", pattern, allowed) for place, value in enumerate(given))


def _text(given: object, where: str, pattern: re.Pattern[str] | None, allowed: str) -> str:
    found = text(given)
    if isinstance(found, Unknown) or (pattern is not None and not pattern.fullmatch(found)):
        raise wrong(where, given, allowed)
    return found
