# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What CI, make and the execution environment take from elsewhere is pinned by content, not by a name that can move."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "requirements").glob("*.in"))
PINNED = re.compile(r"(?m)^([A-Za-z0-9_.-]+)==[^ ;]+[^\n]*\n(?:    [^\n]*\n)*?    --hash=sha256:[0-9a-f]{64}")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def names(text: str) -> list[str]:
    """The packages that a file of requirements names, as PyPI compares them."""
    found = re.findall(r"(?m)^([A-Za-z0-9][A-Za-z0-9_.-]*)", text)
    return [re.sub(r"[-_.]+", "-", name).lower() for name in found]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_package_has_a_hash(source: Path) -> None:
    locked = source.with_suffix(".txt").read_text(encoding="utf-8")
    hashed = [re.sub(r"[-_.]+", "-", name).lower() for name in PINNED.findall(locked)]
    assert hashed
    assert hashed == names(locked)
    assert set(names(source.read_text(encoding="utf-8"))) <= set(hashed), "make lock"


def test_pip_takes_nothing_without_a_hash() -> None:
    bootstrap = (ROOT / "tools" / "bootstrap.py").read_text(encoding="utf-8")
    calls = re.findall(r'pip\(python, "(?:install|download)".*', bootstrap)
    assert len(calls) == 2
    assert bootstrap.count('"--require-hashes"') == 2


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_has_least_rights_and_pinned_actions(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        for step in job["steps"]:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step.get("uses", f"x@{'0' * 40}"))


def test_a_workflow_runs_all_gates_for_each_pull_request() -> None:
    found = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in WORKFLOWS]
    runs = [
        step.get("run")
        for workflow in found
        if "pull_request" in workflow["on"]
        for job in workflow["jobs"].values()
        for step in job["steps"]
    ]
    assert ".ci/run" in runs


def test_the_base_image_is_named_by_digest() -> None:
    text = (ROOT / "extensions" / "awx" / "execution-environment.yml").read_text(encoding="utf-8")
    assert re.search(r"@sha256:[0-9a-f]{64}$", yaml.safe_load(text)["images"]["base_image"]["name"])
