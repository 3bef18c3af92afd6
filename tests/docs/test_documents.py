# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents show works: links lead somewhere, YAML is what the code takes, commands name what is there."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import documents
import pytest
import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.consent import Consent
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import Policy
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import FleetSpec
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import drain, hooks, preflight
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.health import Wanted
from documents import ROOT, Block

PATHS = documents.paths()
BLOCKS = [block for path in PATHS for block in documents.blocks(path)]
LANGUAGES = {"sh", "yaml", "json", "python", "text"}
BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections")}
COLLECTION = "rebootless.patching"
PREFIXES = ("rebootless_", *(f"{role.name}_" for role in (ROOT / "roles").iterdir() if role.is_dir()))
# What the README of the simulated hosts shows has tests of its own.
OWN_TESTS = ROOT / "tests" / "fleet" / "README.md"


class _Loader(yaml.SafeLoader):
    """Takes tags of Ansible for plain values."""


_Loader.add_multi_constructor("!", lambda loader, _tag, node: loader.construct_scalar(node))


def of(lang: str) -> list[Block]:
    return [block for block in BLOCKS if block.lang == lang and block.path != OWN_TESTS]


def told(blocks: list[Block]) -> dict[str, Any]:
    return {"argvalues": blocks, "ids": list(map(str, blocks))}


def variables() -> set[str]:
    """Every variable that a role documents or a playbook reads."""
    known = set()
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        for point in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            known |= set(point.get("options", {}))
    for path in [*ROOT.glob("playbooks/**/*.yml"), *ROOT.glob("extensions/**/*.yml")]:
        known |= set(re.findall(r"(?<![\w])rebootless_\w+", path.read_text(encoding="utf-8")))
    progress = (ROOT / "plugins" / "callback" / "progress.py").read_text(encoding="utf-8")
    # Facts that roles leave behind are read, never given.
    return known | set(re.findall(r"rebootless_progress_\w+", progress))


KNOWN = variables()
LOADERS: dict[str, Callable[[Any], Any]] = {
    "rebootless_policy": Policy.load,
    "rebootless_fleet": FleetSpec.load,
    "rebootless_consent": Consent.load,
    "baseline_adapters": drain.load,
    "drain_adapters": drain.load,
    "baseline_preflight": preflight.Settings.load,
}


def given(data: object) -> Iterator[tuple[str, Any]]:
    """The variables of this collection that a document sets, wherever they stand."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            if isinstance(key, str) and key.startswith(PREFIXES):
                yield key, value
            yield from given(value)
    elif isinstance(data, list):
        for item in data:
            yield from given(item)


def filled(value: Any) -> Any:
    """The value with a word in place of each template."""
    if isinstance(value, str):
        return re.sub(r"\{\{.*?\}\}", "filled", value)
    if isinstance(value, Mapping):
        return {key: filled(item) for key, item in value.items()}
    return [filled(item) for item in value] if isinstance(value, list) else value


def wrong(data: object) -> list[str]:
    """What the code would say about the variables that a document sets."""
    problems = []
    health = {}
    for name, value in given(data):
        template = isinstance(value, str) and "{{" in value
        if name not in KNOWN:
            problems.append(f"{name}: no role documents it and no playbook reads it")
        elif name in LOADERS and not template:
            try:
                LOADERS[name](filled(value))
            except ValueError as error:
                problems.append(str(error))
        elif name in ("baseline_hooks", "hotpatch_hooks"):
            problems += hooks.phase_problems(value, name)
        elif name in ("verify_services", "verify_ports", "verify_urls", "verify_running", "verify_ignore_services"):
            health[name] = filled(value)
    try:
        Wanted.load({name.removeprefix("verify_"): value for name, value in health.items()}, "verify_")
    except ValueError as error:
        problems.append(str(error))
    return problems


def is_play(data: object) -> bool:
    return isinstance(data, list) and all(
        isinstance(play, Mapping) and ("hosts" in play or any(key.endswith("import_playbook") for key in play))
        for play in data
    )


def command_problems(text: str) -> list[str]:
    """What a block of shell names that is not there."""
    problems = []
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    playbooks = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
    plain = text.replace("\\\n", " ")
    for line in plain.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            problems += [f"make {word}" for word in words[1:] if "=" not in word and word not in targets]
        if any(word.endswith("ansible-playbook") for word in words):
            for word in words:
                name = word.removeprefix(f"{COLLECTION}.")
                # `-e NAME=VALUE` and callbacks begin otherwise.
                if word != name and name not in playbooks:
                    problems.append(word)
        for word in words:
            name, equals, _value = word.partition("=")
            if equals and name.startswith(PREFIXES) and name not in KNOWN:
                problems.append(name)
            if re.match(r"(tools|tests|docs|playbooks|roles|plugins|extensions|changelogs)/[\w./-]+$", word):
                problems += [] if (ROOT / word).exists() or "NAME" in word else [word]
    return problems


def test_there_are_documents() -> None:
    assert len(PATHS) > 15
    assert len(BLOCKS) > 50


@pytest.mark.parametrize("path", PATHS, ids=[str(path.relative_to(ROOT)) for path in PATHS])
def test_links_lead_somewhere(path: Path) -> None:
    assert documents.broken(path) == []


@pytest.mark.parametrize("path", PATHS, ids=[str(path.relative_to(ROOT)) for path in PATHS])
def test_files_that_are_named_are_there(path: Path) -> None:
    folders = "docs|playbooks|plugins|requirements|roles|tests|tools"
    text = path.read_text(encoding="utf-8")
    named = re.findall(rf"`((?:{folders})/[\w./-]+)`", text) if path != OWN_TESTS else []
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("block", **told(BLOCKS))
def test_block_says_its_language(block: Block) -> None:
    assert block.lang in LANGUAGES


@pytest.mark.parametrize("block", **told(of("json")))
def test_json(block: Block) -> None:
    json.loads(block.text)


def test_python() -> None:
    for block in BLOCKS:
        if block.lang == "python":
            ast.parse(block.text, filename=str(block))


@pytest.mark.parametrize("block", **told(of("yaml")))
def test_yaml_is_what_the_code_takes(block: Block) -> None:
    assert wrong(yaml.load(block.text, _Loader)) == []


@pytest.mark.parametrize("block", **told(of("sh")))
def test_commands_name_what_is_there(block: Block) -> None:
    assert command_problems(block.text) == []


def test_commands_are_shell() -> None:
    bad = {}
    for block in BLOCKS:
        if block.lang == "sh":
            done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
            bad |= {str(block): done.stderr} if done.returncode else {}
    assert bad == {}


def test_playbooks_are_playbooks(tmp_path: Path) -> None:
    """By ansible-playbook itself, all at once."""
    files = []
    for number, block in enumerate(of("yaml")):
        if is_play(yaml.load(block.text, _Loader)):
            files.append(tmp_path / f"{number}-{block.path.parent.name}-{block.path.stem}-{block.line}.yml")
            files[-1].write_text(block.text, encoding="utf-8")
    assert len(files) >= 5
    command = [str(BIN / "ansible-playbook"), "--syntax-check", "-i", "localhost,", *map(str, files)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_sample_inventories_are_inventories() -> None:
    files = sorted((ROOT / "docs" / "inventories").glob("*.yml"))
    assert files
    command = [str(BIN / "ansible-inventory"), "--list", *(part for file in files for part in ("-i", str(file)))]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["windows"]["hosts"]
    # What a file that is no inventory makes ansible-inventory say.
    assert "Failed to parse" not in done.stderr


# --- the checks find what is wrong -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"rebootless_policy": {"wnidows": []}}, "wnidows"),
        ({"rebootless_policy": {"windows": [{"start": "22:00", "duration": "4h"}]}}, "windows"),
        ([{"hosts": "all", "vars": {"rebootless_fleet": {"canary": -1}}}], "canary"),
        ({"rebootless_consent": {"ticket": "CHG-1"}}, "agreed"),
        ({"baseline_adapters": [{"type": "switch"}]}, "type"),
        ({"baseline_hooks": {"before_lunch": []}}, "before_lunch"),
        ({"verify_ports": ["https"]}, "verify_ports"),
        ({"rebootless_polciy": {}}, "rebootless_polciy"),
    ],
)
def test_wrong_yaml_is_found(data: object, word: str) -> None:
    assert any(word in problem for problem in wrong(data))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("make domo", "make domo"),
        ("ansible-playbook -i x.yml rebootless.patching.statsu", "rebootless.patching.statsu"),
        ("ansible-playbook x \\\n  -e rebootless_policies=1", "rebootless_policies"),
        ("tools/nothing.py --now", "tools/nothing.py"),
        ("make demo && make test", "make &&"),
    ],
)
def test_wrong_command_is_found(text: str, problem: str) -> None:
    assert problem in command_problems(text)


@pytest.mark.parametrize(
    ("name", "text", "target"),
    [
        ("README.md", "[a](docs/nothing.md)", "docs/nothing.md"),
        ("README.md", "[a](docs/policy.md#nothing)", "docs/policy.md#nothing"),
        ("docs/policy.md", "[a](../../etc/passwd)", "../../etc/passwd"),
        ("docs/docsite/rst/windows.rst", "`a <nothing.html>`_", "nothing.html"),
    ],
)
def test_broken_link_is_found(name: str, text: str, target: str) -> None:
    assert documents.broken(ROOT / name, text) == [target]


def test_blocks_are_found_with_their_lines() -> None:
    markdown = "a\n\n```sh run\nmake demo\n```\n\n* b\n\n  ```json\n  {}\n  ```\n"
    found = [(block.line, block.lang, block.text, block.run) for block in documents.blocks(ROOT / "a.md", markdown)]
    assert found == [(3, "sh", "make demo\n", True), (9, "json", "{}\n", False)]
    rst = "a\n\n.. code-block:: sh\n   :class: run\n\n   make \\\n     demo\n\n   make\n\nb\n\n.. code-block:: text\n\n   c\n"
    found = [(block.line, block.lang, block.text, block.run) for block in documents.blocks(ROOT / "a.rst", rst)]
    assert found == [(3, "sh", "make \\\n  demo\n\nmake\n", True), (13, "text", "c\n", False)]
