# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow the page of the first run literally: its marked commands, in their order, in an empty directory.

usage: tools/follow_first_run.py [--print]

`git clone` of the page gets the last commit of this checkout; nothing else is put in the commands' place.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "docs"))

import documents

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "docsite" / "rst" / "first_run.rst"
CLONE = re.compile(r"^git clone (\S+)$", re.M)
NAMED = re.compile(r"``(build/[\w./-]+)``")
GIVEN_PWSH = ROOT.parent / "shared" / "powershell" / "pwsh"


def commands(text: str) -> str:
    """What a reader types: every block that is marked to be run."""
    found = [block.text for block in documents.blocks(PAGE, text) if block.run]
    if not found or len(CLONE.findall(found[0])) != 1:
        sys.exit(f"follow_first_run: {PAGE.name}: a first block with one `git clone` is expected")
    return "\n".join(found)


def named(text: str) -> list[str]:
    """What the page says is there afterwards."""
    return sorted(set(NAMED.findall(text)))


def environment(url: str) -> dict[str, str]:
    """A reader's: nothing of this checkout, but that git takes the page's address for it."""
    mine = ("ANSIBLE_", "PYTHONPATH", "MAKE", "MFLAGS", "VIRTUAL_ENV", "REBOOTLESS_", "GIT_")
    made = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    made |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf", "GIT_CONFIG_VALUE_0": url}
    pwsh = os.environ.get("REBOOTLESS_PWSH") or (str(GIVEN_PWSH) if GIVEN_PWSH.exists() else "")
    return made | ({"REBOOTLESS_PWSH": pwsh} if pwsh else {})


def main() -> int:
    """Follow the page; 0 when each command ended well and everything that it names is there."""
    text = PAGE.read_text(encoding="utf-8")
    script = commands(text)
    if "--print" in sys.argv[1:]:
        print(script)
        return 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="first-run-") as scratch:
        url = CLONE.findall(script)[0]
        shell = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(shell, cwd=scratch, env=environment(url), check=False)
        if done.returncode:
            print(f"follow_first_run: a command of {PAGE.name} ended with {done.returncode}", file=sys.stderr)
            return 1
        clone = Path(scratch) / url.rpartition("/")[2].removesuffix(".git")
        lacking = [name for name in named(text) if not (clone / name).exists()]
        if lacking:
            print(f"follow_first_run: {PAGE.name} names what is not there: {', '.join(lacking)}", file=sys.stderr)
            return 1
    print(
        f"follow_first_run: every command of {PAGE.name} ended well in a fresh clone ({time.monotonic() - began:.0f} s)"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
