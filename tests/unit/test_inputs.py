# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""roles/inputs documents the variables of the playbooks: each has just those that it uses, and has them looked at first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import inputs

ROOT = Path(__file__).resolve().parents[2]
SPECS: dict[str, Any] = yaml.safe_load((ROOT / "roles/inputs/meta/argument_specs.yml").read_text(encoding="utf-8"))[
    "argument_specs"
]
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
IMPORTED = re.compile(r"import_(?:playbook|tasks): *(\S+\.yml)")
VARIABLE = re.compile(r"(?<![\w.])rebootless_[a-z_]+(?![\w.*\[])")
# What roles and action plugins take from the variables by themselves; groups of our own; artifacts.
BY_ITSELF = {
    "rebootless_azure",
    "rebootless_ignore_variables",
    "rebootless_known_issues_extend",
    "rebootless_optional_names",
    "rebootless_plan",
}
BY_ACTION = {"rebootless_run"}
NOT_GIVEN = {"rebootless_releases", "rebootless_wave_"}


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
    assert options - used - BY_ITSELF - BY_ACTION == set()


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_the_playbook_has_its_variables_looked_at_first(playbook: str) -> None:
    whole = text(ROOT / "playbooks" / f"{playbook}.yml")
    assert "rebootless.patching.run_inputs" in whole
    named = re.findall(r"^ +playbook: (\w+)\n +(?:run_once|state_dir|tags)", whole, flags=re.MULTILINE)
    assert playbook in named or f"__rebootless_playbook: {playbook}\n" in whole


def test_only_the_task_that_looks_at_them_has_a_tag() -> None:
    """What an import gives to all tasks is then all that --tags can choose by."""
    for path in [*(ROOT / "playbooks").rglob("*.yml"), *(ROOT / "roles").glob("*/tasks/*.yml")]:
        tagged = re.findall(
            r"rebootless\.patching\.run_inputs:\n(?:  .*\n)*? +tags: always\n", path.read_text(encoding="utf-8")
        )
        assert len(re.findall(r"^ *tags:", path.read_text(encoding="utf-8"), flags=re.MULTILINE)) == len(tagged), path


def test_nothing_that_a_host_keeps_stands_above_a_variable_of_a_play() -> None:
    """What is registered or set as a fact is kept until ansible-playbook ends, and goes before variables of plays and tasks."""
    kept, given = set(), set()
    for path in (ROOT / "playbooks").rglob("*.yml"):
        for found in re.findall(r"^ +register: (\w+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            kept.add(found)
        for entry in walk(yaml.safe_load(path.read_text(encoding="utf-8"))):
            kept |= set(entry.get("ansible.builtin.set_fact") or {})
            given |= {name for name in entry.get("vars") or {} if name.startswith("__")}
    assert len(kept) > 20
    assert len(given) > 10
    assert kept & given == set()


def test_what_roles_leave_is_known_to_be_no_setting() -> None:
    left = set()
    for path in (ROOT / "roles").glob("*/tasks/*.yml"):
        for entry in walk(yaml.safe_load(path.read_text(encoding="utf-8"))):
            left |= {name for name in entry.get("ansible.builtin.set_fact") or {} if not name.startswith("_")}
    assert left == {name for name in inputs.OTHERS if not name.startswith("rebootless_")}


def walk(found: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in YAML."""
    if isinstance(found, dict):
        yield found
    for one in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from walk(one)


def test_every_option_says_what_it_is() -> None:
    for name, spec in SPECS.items():
        assert spec["short_description"], name
        for option, about in spec["options"].items():
            assert option.startswith("rebootless_")
            assert about["description"], f"{name}.{option}"
            assert about["type"], f"{name}.{option}"
