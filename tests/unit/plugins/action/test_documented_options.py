# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of each action, its fragments included, has the options of the code; ansible-test sees no action's spec."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[4]
OURS = "ansible_collections.rebootless.patching.plugins"
ACTIONS = sorted(path.stem for path in (ROOT / "plugins" / "action").glob("*.py") if path.stem != "__init__")
GROUPS = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]


def documented(name: str) -> dict[str, Any]:
    """The documented options of a module; an option stands in one place only, the module or one of its fragments."""
    text = yaml.safe_load(importlib.import_module(f"{OURS}.modules.{name}").DOCUMENTATION)
    options = dict(text.get("options") or {})
    for fragment in text.get("extends_documentation_fragment", ()):
        file, _dot, part = fragment.removeprefix("rebootless.patching.").partition(".")
        found = importlib.import_module(f"{OURS}.doc_fragments.{file}").ModuleDocFragment
        more = yaml.safe_load(getattr(found, part.upper() or "DOCUMENTATION")).get("options") or {}
        assert not set(options) & set(more), (name, fragment)
        options |= more
    return options


def told(options: dict[str, Any], spec: dict[str, Any], nested: str) -> dict[str, Any]:
    """What is said of each option, as far as the spec says it: of a `raw` one the core holds the value against its own rules."""
    said = {}
    for name, one in options.items():
        keys = ("default",) if spec.get(name, {}).get("type") == "raw" else ("type", "default", "choices", "elements")
        said[name] = {"required": one.get("required", False), **{key: one.get(key) for key in keys}}
        if "options" in spec.get(name, {}):
            said[name]["options"] = told(one[nested], spec[name]["options"], nested)
    return said


def tasks_of(examples: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The tasks of examples, those of plays and blocks as well."""
    for one in examples:
        inner = [task for key in ("tasks", "block", "rescue", "always") for task in one.get(key, ())]
        yield from tasks_of(inner) if inner else [one]


@pytest.mark.parametrize("name", ACTIONS)
def test_documentation_has_the_options_of_the_code(name: str) -> None:
    spec = importlib.import_module(f"{OURS}.action.{name}").SPEC
    assert told(documented(name), spec, "suboptions") == told(spec, spec, "options")


@pytest.mark.parametrize("name", ACTIONS)
def test_examples_use_documented_options_and_the_action_has_its_group(name: str) -> None:
    options = documented(name)
    tasks = list(tasks_of(yaml.safe_load(importlib.import_module(f"{OURS}.modules.{name}").EXAMPLES)))
    used = [task[f"rebootless.patching.{name}"] for task in tasks if f"rebootless.patching.{name}" in task]
    assert used
    assert {key for one in used for key in one or ()} <= set(options)
    assert name in GROUPS["all"]
