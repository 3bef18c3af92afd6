# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents of the repository: their code blocks, links and headings, in Markdown and in reStructuredText."""

from __future__ import annotations

import re
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(?P<indent> *)```(?P<words>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```[ ]*$", re.M | re.S)
DIRECTIVE = re.compile(
    r"^(?P<indent> *)\.\. code-block:: *(?P<lang>\w+)\n(?P<options>(?:(?P=indent) +:[^\n]*\n)*)\n"
    r"(?P<text>(?:(?:(?P=indent) {2,}[^\n]*)?\n)+)",
    re.M,
)
MARKDOWN_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
RST_LINK = re.compile(r"`[^`<]*<([^`>]+)>`__?")
HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.M)


class Block(NamedTuple):
    """A code block: where it begins, its language and its text."""

    path: Path
    line: int
    lang: str
    text: str
    run: bool

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def paths() -> list[Path]:
    """Every document that is or will be tracked."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md", "*.rst"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted(ROOT / name for name in names if name and (ROOT / name).exists())


def blocks(path: Path, text: str | None = None) -> Iterator[Block]:
    """The code blocks of a document."""
    text = path.read_text(encoding="utf-8") if text is None else text
    for found in (FENCE if path.suffix == ".md" else DIRECTIVE).finditer(text):
        if path.suffix == ".md":
            lang, _space, rest = found["words"].strip().partition(" ")
            run = "run" in rest.split()
        else:
            lang, run = found["lang"], re.search(r":class: .*\brun\b", found["options"]) is not None
        line = text.count("\n", 0, found.start()) + 1
        yield Block(path, line, lang, textwrap.dedent(found["text"]).strip("\n") + "\n", run)


def links(path: Path, text: str | None = None) -> Iterator[str]:
    """The targets of a document's links, without those of code blocks."""
    text = path.read_text(encoding="utf-8") if text is None else text
    if path.suffix == ".md":
        prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))
        yield from MARKDOWN_LINK.findall(prose)
    else:
        # `:ref:` and `:doc:` are Sphinx's to check.
        yield from RST_LINK.findall(re.sub(r":\w+:`[^`]*`", "", DIRECTIVE.sub("\n", text)))


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a Markdown document."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
        words = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number = sum(known == words or re.fullmatch(rf"{re.escape(words)}-\d+", known) is not None for known in found)
        found.add(f"{words}-{number}" if number else words)
    return found


def broken(path: Path, text: str | None = None) -> list[str]:
    """The relative links of a document that lead nowhere."""
    wrong = []
    for target in links(path, text):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _hash, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        inside = there == ROOT or ROOT in there.parents
        if not inside or not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            wrong.append(target)
    return wrong
