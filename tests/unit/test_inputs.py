# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""roles/inputs: each playbook calls it, and its entry point has just the variables that the playbook uses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SPECS: dict[str, Any] = yaml.safe_load((ROOT / "roles/inputs/meta/argument_specs.yml").read_text(encoding="utf-8"))[
    "argument_specs"
]
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
IMPORTED = re.compile(r"import_(?:playbook|tasks): *(\S+\.yml)")
VARIABLE = re.compile(r"(?<![\w.])rebootless_[a-z_]+(?![\w.*\[])")
# What roles and action plugins take from the variables by themselves; groups of our own; artifacts.
BY_ITSELF = {"rebootless_azure", "rebootless_known_issues_extend", "rebootless_plan"}
NOT_GIVEN = {"rebootless_planned", "rebootless_releases", "rebootless_wave_"}


def text(path: Path) -> str:
    """A playbook and everything that it imports, without comments."""
    whole = re.sub(r"^ *#.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return whole + "".join(text(path.parent / name) for name in IMPORTED.findall(whole))


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_the_entry_point_has_the_variables_of_the_playbook(playbook: str) -> None:
    options = set(SPECS[playbook]["options"])
    used = set(VARIABLE.findall(text(ROOT / "playbooks" / f"{playbook}.yml"))) - NOT_GIVEN
    # The artifact has the name of its playbook.
    assert used - options - {f"rebootless_{playbook}"} == set()
    assert options - used - BY_ITSELF == set()


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_the_playbook_calls_its_entry_point(playbook: str) -> None:
    whole = text(ROOT / "playbooks" / f"{playbook}.yml")
    assert "rebootless.patching.inputs" in whole
    named = re.findall(r"tasks_from: (\w+)\n", whole)
    assert playbook in named or f"__rebootless_playbook: {playbook}\n" in whole
    assert (ROOT / "roles/inputs/tasks" / f"{playbook}.yml").exists()


def test_every_option_says_what_it_is() -> None:
    for name, spec in SPECS.items():
        assert spec["short_description"], name
        for option, about in spec["options"].items():
            assert option.startswith("rebootless_")
            assert about["description"], f"{name}.{option}"
            assert about["type"], f"{name}.{option}"
