# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`rebootless_policy`: what may be installed, how long it may wait, and when a host may restart.

One dictionary, published as docs/policy.schema.json. `groups` and `hosts` in it override: first the base, then the
host's groups in the order they are written, then the host. Mappings are merged by key, lists and values replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import mapping, meant, wrong
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.windows import Windows, duration

# Microsoft's update classifications by GUID: names are in the host's language.
# Source: Microsoft Learn, "Use of GUIDs for classifications" (previous-versions/windows/desktop/ff357803).
CATEGORIES = {
    "applications": "5c9376ab-8ce6-464a-b136-22113dd69801",
    "critical": "e6cf1350-c01b-414d-a61f-263d14d133b4",
    "definitions": "e0789628-ce08-4437-be74-2495b842f43b",
    "drivers": "ebfc1fc5-71a4-4f7b-9aca-3b9a503104a0",
    "feature_packs": "b54e7d24-7add-428f-8b75-90a396fa584f",
    "rollups": "28bc880e-0592-4cbf-8f95-c79b17911d5f",
    "security": "0fa1201d-4330-4fa8-8ae9-b877473b6441",
    "service_packs": "68c5b0a3-d1a6-4553-ae49-01d3a7827828",
    "tools": "b4832bd8-e735-4761-8daf-37f882276dab",
    "updates": "cd5ffd1e-e932-4e3a-bf74-18bf0b1bbd83",
    "upgrades": "3689bdc8-b205-4af4-8d4a-a63924c5e9d5",
}
SEVERITIES = ("critical", "important", "moderate", "low")
POSSIBLE = ("put_off", "in_window", "any")
RESTART_AT = ("last", "first")
KB = re.compile(r"KB[0-9]{6,8}", re.IGNORECASE)
# So many digits that no size is too large for a number.
SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(KB|MB|GB|TB)", re.IGNORECASE)
UNITS = {"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40}
# No title of an update is longer; what is longer is not read to its end.
LONGEST_TITLE = 300
# A character by itself, a set of them, or what stands for a repetition.
TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{[0-9]*,?[0-9]*\}|.", re.DOTALL)
REPEATS = re.compile(r"[*+]|\{[0-9]*,\}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DEFAULTS: dict[str, Any] = {
    "categories": ["security", "critical", "rollups", "definitions"],
    "accept": [],
    "reject": [],
    "drivers": False,
    "optional": False,
    "accept_eula": False,
    "hold": False,
    "hold_kbs": [],
    "emergency": [],
    # All but the critical may wait a quarter, so that they ride along with the next baseline's restart.
    "max_wait": {"critical": "30d", "important": "95d", "moderate": "95d", "low": "180d"},
    "possible": "put_off",
    "windows": [],
    "blackouts": [],
    "restart_at": "last",
    "min_free_disk": "5GB",
}
OVERRIDES = ("groups", "hosts")


class Hold(NamedTuple):
    """The stop of all installations: why, and until when (None: until it is taken away)."""

    reason: str
    until: datetime | None

    def active(self, now: datetime) -> bool:
        """Whether nothing may be installed at `now`."""
        return self.until is None or now < self.until


class Match(NamedTuple):
    """An entry of `accept` or `reject`: a KB, or an expression searched in the title."""

    given: str
    pattern: re.Pattern[str] | None

    def fits(self, title: str, kbs: Collection[str]) -> bool:
        """Whether an offer is meant."""
        return self.given in kbs if self.pattern is None else self.pattern.search(title[:LONGEST_TITLE]) is not None


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise wrong(where, value, "true or false")
    return value


def _list(value: object, where: str, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise wrong(where, value, f"a list of {what}")
    return value


def _choice(allowed: Collection[str]) -> Callable[[object, str], str]:
    def check(value: object, where: str) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise wrong(where, value, f"one of {', '.join(allowed)}{meant(value, allowed)}")
        return value

    return check


def _categories(value: object, where: str) -> frozenset[str]:
    words = _list(value, where, "categories")
    names = [name for name in CATEGORIES if name != "drivers"]
    for index, word in enumerate(words):
        if word == "drivers":
            raise wrong(
                f"{where}[{index}]", word, "no drivers here: `drivers: true` takes them in, so another category"
            )
        _choice(names)(word, f"{where}[{index}]")
    return frozenset(words)


def _kbs(value: object, where: str) -> frozenset[str]:
    found = set()
    for index, entry in enumerate(_list(value, where, "KBs")):
        if not isinstance(entry, str) or not KB.fullmatch(entry):
            raise wrong(f"{where}[{index}]", entry, "a KB like KB5120228")
        found.add(entry.upper())
    return frozenset(found)


def _endless(expression: str) -> bool:
    """Whether it repeats without end what repeats without end itself, as `(a+)*`: the time that takes doubles with each character."""
    # For each open group, the outermost first: does anything in it repeat without end?
    groups = [False]
    closed = False
    for token in TOKEN.findall(expression):
        if token == "(":
            groups.append(False)
        elif token == ")" and len(groups) > 1:
            closed = groups.pop()
            groups[-1] |= closed
            continue
        elif REPEATS.fullmatch(token):
            if closed:
                return True
            groups[-1] = True
        closed = False
    return False


def _matches(value: object, where: str) -> tuple[Match, ...]:
    found = []
    for index, entry in enumerate(_list(value, where, "KBs and expressions")):
        if not isinstance(entry, str) or not entry.strip():
            raise wrong(f"{where}[{index}]", entry, "a KB like KB5120228 or a regular expression for the title")
        if KB.fullmatch(entry):
            found.append(Match(entry.upper(), None))
            continue
        if _endless(entry):
            allowed = (
                "a regular expression without a repetition within a repetition, which a title can keep busy for ever,"
            )
            raise wrong(f"{where}[{index}]", entry, allowed)
        try:
            found.append(Match(entry, re.compile(entry, re.IGNORECASE)))
        except re.error as error:
            raise wrong(f"{where}[{index}]", entry, f"a regular expression ({error})") from error
    return tuple(found)


def _moment(value: object, where: str) -> datetime:
    """A day (its first moment in UTC) or a time with a zone."""
    try:
        if isinstance(value, datetime):
            parsed = value
        elif isinstance(value, date) or (isinstance(value, str) and DAY.fullmatch(value)):
            parsed = datetime.combine(date.fromisoformat(str(value)), time(), UTC)
        else:
            parsed = datetime.fromisoformat(str(value))
    except ValueError:
        parsed = None
    # Beyond these years another zone may lie outside of all dates.
    if parsed is None or parsed.tzinfo is None or not 2000 <= parsed.year <= 2999:
        raise wrong(where, value, "a day like 2026-09-20, or a time with a zone like 2026-09-20T12:00:00Z,")
    return parsed.astimezone(UTC)


def _hold(value: object, where: str) -> Hold | None:
    if isinstance(value, bool):
        return Hold("no reason given", None) if value else None
    if not isinstance(value, Mapping):
        raise wrong(where, value, "true, false, or {reason, until}")
    mapping(value, where, ("reason", "until"), "the policy")
    reason = value.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise wrong(f"{where}.reason", reason, "a text that says why")
    until = value.get("until")
    return Hold(reason, None if until is None else _moment(until, f"{where}.until"))


def _max_wait(value: object, where: str) -> dict[str, timedelta]:
    waits = mapping(value, where, SEVERITIES, "the policy")
    return {name: duration(wait, f"{where}.{name}") for name, wait in waits.items()}


def _bytes(value: object, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise wrong(where, value, "bytes, or a size like 10GB,")
    return int(float(match[1]) * UNITS[match[2].lower()])


def _unchecked(value: object, where: str) -> object:
    """Windows and blackouts are checked together, by `Windows.load`."""
    return value


CHECKS: dict[str, Callable[[object, str], Any]] = {
    "categories": _categories,
    "accept": _matches,
    "reject": _matches,
    "drivers": _flag,
    "optional": _flag,
    "accept_eula": _flag,
    "hold": _hold,
    "hold_kbs": _kbs,
    "emergency": _kbs,
    "max_wait": _max_wait,
    "possible": _choice(POSSIBLE),
    "windows": _unchecked,
    "blackouts": _unchecked,
    "restart_at": _choice(RESTART_AT),
    "min_free_disk": _bytes,
}


def _checked(layer: object, where: str, *, overrides: bool) -> Mapping[str, Any]:
    """A layer whose keys are known and whose values are good, each by itself."""
    if not isinstance(layer, Mapping):
        raise wrong(where, layer, "a mapping")
    mapping(layer, where, (*CHECKS, *OVERRIDES) if overrides else tuple(CHECKS), "the policy")
    for key, value in layer.items():
        if key in CHECKS:
            CHECKS[key](value, f"{where}.{key}")
    if "windows" in layer or "blackouts" in layer:
        Windows.load(layer.get("windows", []), layer.get("blackouts", []), where=f"{where}.windows")
    return layer


def _overrides(base: Mapping[str, Any], kind: str, where: str) -> dict[str, Mapping[str, Any]]:
    named = base.get(kind, {})
    if not isinstance(named, Mapping):
        raise wrong(f"{where}.{kind}", named, "a mapping of names to policies")
    return {str(name): _checked(layer, f"{where}.{kind}.{name}", overrides=False) for name, layer in named.items()}


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid upon `base`: mappings by key, everything else replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        # A hold is one statement: the reason of one layer says nothing about the date of another.
        if isinstance(value, Mapping) and isinstance(below, Mapping) and key != "hold":
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


@dataclass(frozen=True)
class Policy:
    """A host's policy, checked and merged."""

    categories: frozenset[str]
    accept: tuple[Match, ...]
    reject: tuple[Match, ...]
    drivers: bool
    optional: bool
    accept_eula: bool
    hold: Hold | None
    hold_kbs: frozenset[str]
    emergency: frozenset[str]
    max_wait: Mapping[str, timedelta]
    possible: str
    windows: Windows
    restart_at: str
    min_free_disk: int

    @classmethod
    def load(
        cls, given: object = None, *, host: str = "", groups: Collection[str] = (), where: str = "rebootless_policy"
    ) -> Policy:
        """The policy of a host out of the one dictionary; every layer of it is checked, also those of other hosts.

        :raises PolicyError: naming the key, the value and what is allowed
        """
        base = _checked({} if given is None else given, where, overrides=True)
        by_group, by_host = (_overrides(base, kind, where) for kind in OVERRIDES)
        merged = merge(DEFAULTS, {key: value for key, value in base.items() if key not in OVERRIDES})
        for name, layer in by_group.items():
            if name in groups:
                merged = merge(merged, layer)
        merged = merge(merged, by_host.get(host, {}))
        values = {key: check(merged[key], f"{where}.{key}") for key, check in CHECKS.items()}
        blackouts = values.pop("blackouts")
        values["windows"] = Windows.load(values["windows"], blackouts, where=f"{where}.windows")
        return cls(**values)

    def wait(self, severity: str | None) -> timedelta:
        """How long an update may wait; one without a severity as long as the strictest."""
        known = self.max_wait.get((severity or "").lower())
        return min(self.max_wait.values()) if known is None else known
