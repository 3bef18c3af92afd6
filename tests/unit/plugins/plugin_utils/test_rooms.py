# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages of plugins/plugin_utils: each imports only what it may, and what decides has no I/O, no clock and no Ansible."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.rebootless.patching.plugins import plugin_utils

ROOT = Path(next(iter(plugin_utils.__path__)))
OURS = "ansible_collections.rebootless.patching.plugins."
ANY = {
    "base",
    "host",
    "decision",
    "host_run",
    "fleet",
    "report",
    "progress",
    "awx",
    "release_update",
    "recording",
    "store",
}
# Package to the packages that it may import beside itself.
MAY: dict[str, set[str]] = {
    "base": set(),
    "host": {"base"},
    "decision": {"base", "host"},
    "host_run": {"base", "host", "decision"},
    "fleet": {"base", "decision"},
    "report": {"base", "host", "host_run"},
    "progress": {"base", "fleet"},
    "awx": {"base", "host_run", "fleet", "report"},
    "release_update": {"base", "host"},
    "recording": {"base"},
    "store": {"base", "host_run", "fleet"},
    "controller": ANY,
}
# Files and times are theirs; `page` reads its templates, the two tables are data files of the collection.
IMPURE = {"store", "controller"}
READS = {"report/page.py", "host/releases.py", "host_run/known_issues.py"}
FORBIDDEN = {"os", "subprocess", "socket", "fcntl", "time", "shutil", "tempfile", "ansible", "random"}


def modules() -> list[Path]:
    """Every module of every package."""
    return sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT)


def imports(path: Path) -> Iterator[str]:
    """The modules that a module imports; of our own the package, as `host` or `modules`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def packages(path: Path) -> set[str]:
    """The packages of ours that a module imports."""
    prefix = f"{OURS}plugin_utils."
    return {name.removeprefix(prefix).split(".")[0] for name in imports(path) if name.startswith(prefix)}


def test_every_package_is_in_the_table() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found == set(MAY)
    assert [path.name for path in ROOT.glob("*.py")] == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_module_imports_what_its_package_may(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert packages(path) <= MAY[package] | {package}


@pytest.mark.parametrize("path", modules(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_decides_has_no_input_and_no_output(path: Path) -> None:
    package, name = path.relative_to(ROOT).parts[0], str(path.relative_to(ROOT))
    if package in IMPURE:
        return
    roots = {one.split(".")[0] for one in imports(path)}
    assert roots & FORBIDDEN == set()
    text = path.read_text(encoding="utf-8")
    assert "datetime.now(" not in text
    assert "utcnow(" not in text
    if name not in READS:
        assert "open(" not in text.replace("reopen(", "")
        assert ".read_text(" not in text
