# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts for people: made harmless to look at, counted with their noun, fitted into a width."""

from __future__ import annotations

import unicodedata


def clean(text: object) -> str:
    """One line without control and direction characters: a host's text must not steer a terminal or a reader's eye."""
    flat = " ".join(str(text).split())
    if flat.isascii() and flat.isprintable():
        return flat
    steers = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in steers else char for char in flat)


def counted(number: int, word: str) -> str:
    """`1 host`, `2 hosts`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def columns_of(text: str) -> int:
    """How many columns a text takes in a terminal."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    return 1 + (unicodedata.east_asian_width(char) in "WF") - (unicodedata.combining(char) != 0)


def shorten(text: str, width: int) -> str:
    """The text in at most `width` columns; a domain is cut from its end, anything else in the middle."""
    if columns_of(text) <= width:
        return text
    if columns_of(text.partition(".")[0]) < width:
        return _head(text, width - 1) + "…"
    head, room = _head(text, width - 1 - (width - 1) // 2), (width - 1) // 2
    start = len(text)
    while start and (room := room - _columns(text[start - 1])) >= 0:
        start -= 1
    return f"{head}…{text[start:]}"


def pad(text: str, width: int) -> str:
    """The text, shortened or filled to exactly `width` columns."""
    short = shorten(text, width)
    return short + " " * (width - columns_of(short))


def wrap(text: str, width: int, lines: int, indent: str = "") -> list[str]:
    """The text in at most `lines` lines of `width` columns; what does not fit is marked by … ."""
    found = [""]
    for word in text.split():
        joined = f"{found[-1]} {word}" if found[-1].strip() else found[-1] + word
        # A long word is looked at once, whatever its length.
        if len(word) <= 2 * width and columns_of(joined) <= width:
            found[-1] = joined
            continue
        if found[-1].strip():
            found.append(indent)
        used = columns_of(found[-1])
        begun = False
        for char in word:
            if begun and used + _columns(char) > width:
                found.append(indent)
                if len(found) > lines:
                    break
                used = columns_of(indent)
            found[-1] += char
            used += _columns(char)
            begun = True
        if len(found) > lines:
            break
    if len(found) > lines:
        found = [*found[: lines - 1], _head(found[lines - 1], width - 2) + " …"]
    return found


def _head(text: str, width: int) -> str:
    """As much of the beginning of a text as fits, at least one character."""
    used = 0
    for place, char in enumerate(text):
        used += _columns(char)
        if used > width:
            return text[: max(place, 1)]
    return text


def paint(text: str, code: str, color: bool) -> str:
    """The text in a terminal colour, when colours are wanted."""
    return f"\x1b[{code}m{text}\x1b[0m" if color and code else text
