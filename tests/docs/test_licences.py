# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every source file names its licence; the other files have theirs by REUSE.toml."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LICENCE = "SPDX-License-Identifier: GPL-3.0-or-later"
CODE = {".py", ".ps1", ".psm1", ".psd1", ".sh"}


def is_code(path: Path) -> bool:
    """By its ending, or a script by its first line."""
    if path.suffix in CODE:
        return True
    with path.open("rb") as file:
        return not path.suffix and file.read(2) == b"#!"


def named(text: str) -> bool:
    """Whether the first lines name the licence."""
    return any(line.strip("# \t") == LICENCE for line in text.splitlines()[:12])


def test_every_source_file_names_its_licence() -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    code = [ROOT / name for name in names if name and (ROOT / name).is_file() and is_code(ROOT / name)]
    assert len(code) > 100
    assert [str(path.relative_to(ROOT)) for path in code if not named(path.read_text(encoding="utf-8"))] == []


def test_all_others_have_one_too() -> None:
    (everything,) = tomllib.loads((ROOT / "REUSE.toml").read_text(encoding="utf-8"))["annotations"]
    assert (everything["path"], everything["SPDX-License-Identifier"]) == ("**", "GPL-3.0-or-later")
    assert "GNU GENERAL PUBLIC LICENSE" in (ROOT / "COPYING").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"#!/bin/sh\n# {LICENCE}\n", True),
        ("#!/bin/sh\n", False),
        (f"# {LICENCE.replace('GPL-3.0', 'MIT')}\n", False),
        ("\n" * 12 + f"# {LICENCE}\n", False),
    ],
)
def test_what_counts(text: str, *, expected: bool) -> None:
    assert named(text) is expected
