# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A source that code, docs or worlds cite is in the repository: docs/facts has the file, and the file has the section."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FACTS = ROOT / "docs" / "facts"
CITED = re.compile(r"\bfacts/([\w-]+\.md)(?:,? sections? ([0-9]+(?:\.[0-9]+)?))?")
HEADING = re.compile(r"(?m)^#{2,3} ([0-9]+(?:\.[0-9]+)?)\.? ")


def citations() -> dict[tuple[str, str], list[str]]:
    """Each cited file and section, and where it is cited."""
    command = ["git", "ls-files", "-z", "--", ".", ":!changelogs", ":!COPYING"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    found: dict[tuple[str, str], list[str]] = {}
    for name in filter(None, names):
        path = ROOT / name
        if (
            path.is_file()
            and path.suffix in {".py", ".md", ".rst", ".yml", ".json", ".ps1", ".psm1"}
            and path != Path(__file__)
        ):
            for file, section in CITED.findall(path.read_text(encoding="utf-8")):
                found.setdefault((file, section), []).append(name)
    return found


def test_cited_sections_exist() -> None:
    cited = citations()
    assert len(cited) > 10
    sections = {path.name: {"", *HEADING.findall(path.read_text(encoding="utf-8"))} for path in FACTS.glob("*.md")}
    dangling = {key: where[:3] for key, where in cited.items() if key[1] not in sections.get(key[0], ())}
    assert dangling == {}
