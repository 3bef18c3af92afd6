# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door through which a managed host's words come in: bounded in size and depth, of JSON's kinds, and harmless to print.

A host may be broken or lie. What is said of every host afterwards (a decision, a record, a report for a whole fleet) must not
depend on it, so its answer is made good once, here. What is too large is replaced as a whole by a sentence that says so: a part
of a list of offers or of pending restarts would be judged as if it were all.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

BAD = "\N{REPLACEMENT CHARACTER}"
# What moves a cursor, hides or turns text around, or is no text at all; marks that some scripts need are none of it.
_HARMLESS = (
    "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}\N{LEFT-TO-RIGHT MARK}\N{RIGHT-TO-LEFT MARK}\N{ARABIC LETTER MARK}"
)
_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_PLAIN = re.compile(r"[ -~]*")
# Said by ansible-core itself, which prints them as they are, or of no use here.
_DROPPED = ("warnings", "deprecations", "exception", "ansible_facts", "diff", "invocation")


class Limits(NamedTuple):
    """How much of an answer is let in."""

    depth: int = 24
    # Values in all, with those inside of others; and of one list or mapping.
    values: int = 200_000
    entries: int = 20_000
    # Characters of one text, of all texts together, and of a key.
    text: int = 16_384
    size: int = 8_000_000
    key: int = 255


LIMITS = Limits()
LARGEST = 2**63


class _TooMuchError(Exception):
    """The answer as a whole is too large."""


def admit(value: object, limits: Limits = LIMITS) -> Any:
    """The value with nothing in it but what JSON knows, within the limits.

    A text is cut at its limit, and says so. A list or mapping that is too long or too deep, and a number that is none or beyond
    64 bits, become a text that says so; so does the whole when it holds too much.
    """
    try:
        return _Door(limits).value(value, 0)
    except _TooMuchError as error:
        return f"({error})"


def result(value: object, limits: Limits = LIMITS) -> dict[str, Any]:
    """A module's result, let in without what ansible-core would print by itself; a failure when it is none or too large."""
    given = value
    if isinstance(value, Mapping):
        given = {name: item for name, item in value.items() if name not in _DROPPED}
    admitted = admit(given, limits)
    if isinstance(admitted, dict):
        return admitted
    return {
        "failed": True,
        "msg": f"The host's answer cannot be used: {admitted if isinstance(admitted, str) else 'no mapping'}.",
    }


def text(value: object, most: int = LIMITS.text) -> str:
    """A text that steers no terminal; line feeds and tabs are left. One that is cut says so."""
    said = str(value)
    if len(said) > most:
        said = f"{said[:most]}… (cut at {most} characters)"
    said = said.replace("\r\n", "\n")
    if _PLAIN.fullmatch(said):
        return said
    return "".join(BAD if char not in "\n\t" and _steers(char) else char for char in said)


def line(value: object, most: int = 500) -> str:
    """The same on one line."""
    return text(" ".join(str(value).split()), most)


def exact(value: str, most: int) -> bool:
    """Whether a text is on one line and as the host wrote it: nothing of it cut or replaced."""
    return len(value) <= most and not any(char == BAD or _steers(char) for char in value)


def _steers(char: str) -> bool:
    return char not in _HARMLESS and unicodedata.category(char) in _HARMFUL


class _Door:
    """Counts what has been let in."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.values = self.size = 0

    def value(self, value: object, depth: int) -> Any:
        """One value and what is in it."""
        self.values += 1
        if self.values > self.limits.values:
            raise _TooMuchError(f"more than {self.limits.values} values")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            # As a text of its digits it might be endless.
            return int(value) if -LARGEST <= value < LARGEST else "(a number of more than 64 bits)"
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else "(no number)"
        if isinstance(value, Mapping | Sequence) and not isinstance(value, str | bytes | bytearray):
            return self.many(value, depth)
        return self.text(value, self.limits.text)

    def many(self, value: Mapping[Any, Any] | Sequence[Any], depth: int) -> Any:
        """A list or a mapping."""
        if depth >= self.limits.depth:
            return f"(nested deeper than {self.limits.depth})"
        if len(value) > self.limits.entries:
            return f"(more than {self.limits.entries} entries)"
        if isinstance(value, Mapping):
            return {self.text(key, self.limits.key): self.value(item, depth + 1) for key, item in value.items()}
        return [self.value(item, depth + 1) for item in value]

    def text(self, value: object, most: int) -> str:
        """A text."""
        said = text(value, most)
        self.size += len(said)
        if self.size > self.limits.size:
            raise _TooMuchError(f"more than {self.limits.size} characters")
        return said
