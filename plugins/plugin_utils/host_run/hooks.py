# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task files that users hang into a host's run: which phases there are, and what such a file must not hold.

A hook belongs to one host while others are under way. What reaches beyond it is refused: under strategy host_pinned
`run_once` runs on every host, `pause` stops all of them, and the words for whole plays do not work
(facts/rolling-runs.md section 1); a host that ends its play is never put back, and nobody records how it ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import shown
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.health import told

PHASES = (
    "before_preflight",
    "before_drain",
    "after_drain",
    "before_install",
    "after_install",
    "before_restart",
    "after_restart",
    "before_undrain",
    "after_undrain",
    "on_failure",
    "after_finish",
)
KEYWORDS = ("run_once", "any_errors_fatal", "max_fail_percentage")
ACTIONS = ("action", "local_action")
BUILTIN = ("", "ansible.builtin.", "ansible.legacy.")
ENDS = ("end_host", "end_play", "end_batch")
LARGEST, MOST = 1_000_000, 20_000
PARTS = ("block", "rescue", "always")


class _Loader(yaml.SafeLoader):
    """Reads task files as plain data: what a tag such as !vault makes of a value does not matter here."""


def _plain(loader: yaml.SafeLoader, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node)
    return str(node.value)


_Loader.add_multi_constructor("!", _plain)


def phase_problems(hooks: object, where: str) -> list[str]:
    """What is wrong with the mapping of phases to files, in sentences; the files are not looked at."""
    if not isinstance(hooks, Mapping):
        return [f"{where}: {told(hooks)} is no mapping; give phases with lists of task files."]
    said = []
    for phase, files in hooks.items():
        if phase not in PHASES:
            said.append(f"{where}.{shown(phase, 40)}: there is no such phase; it is one of {', '.join(PHASES)}.")
        elif not isinstance(files, list) or not all(isinstance(one, str) and one.strip() for one in files):
            said.append(f"{where}.{phase}: {told(files)} is no list of task files.")
    return said


def file_problems(text: str, name: str) -> list[str]:
    """What is wrong with the content of a task file, each in a sentence that names file and task."""
    if len(text) > LARGEST:
        return [f"{name}: it has more than {LARGEST} characters."]
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        # Each alias stands for all that it names, and what names itself has no end.
        if node is not None and _values(node, {}) > MOST:
            return [f"{name}: it holds more than {MOST} values, or names itself."]
        found = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark else ""
        return [f"{name}{place}: it is not YAML."]
    except RecursionError:
        return [f"{name}: it is nested too deep."]
    if found is None:
        return []
    if not isinstance(found, list):
        return [f"{name}: it is no list of tasks."]
    return [f"{name}: {said}" for said in _tasks(found, "task")]


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node stands for, with those of its aliases; more than MOST when it holds itself."""
    if id(node) not in known:
        known[id(node)] = MOST + 1
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        inner = (one for part in parts for one in (part if isinstance(part, tuple) else (part,)))
        known[id(node)] = 1 + sum(_values(one, known) for one in inner)
    return known[id(node)]


def _tasks(found: list[Any], where: str) -> Iterator[str]:
    for place, task in enumerate(found, 1):
        at = f"{where} {place}"
        if not isinstance(task, Mapping):
            yield f"{at} is no task."
            continue
        if task.get("name"):
            at = f"{at} ({shown(task['name'], 80)})"
        yield from (f"{at} uses {word}, which concerns more than one host." for word in _beyond(task))
        for part in PARTS:
            inner = task.get(part)
            if isinstance(inner, list):
                yield from _tasks(inner, f"{at}, {part} task")


def _beyond(task: Mapping[Any, Any]) -> Iterator[str]:
    """The refused words of one task."""
    yield from (word for word in KEYWORDS if task.get(word, False) is not False)
    for name, arguments in _actions(task):
        short = next((name.removeprefix(one) for one in reversed(BUILTIN) if name.startswith(one)), name)
        if short == "pause":
            yield short
        if short == "meta":
            words = arguments.get("_raw_params", "") if isinstance(arguments, Mapping) else arguments
            yield from (f"meta: {word}" for word in ENDS if word in str(words).split())


def _actions(task: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Every way to write a task's module, with its arguments."""
    for key, value in task.items():
        if key not in ACTIONS:
            yield str(key), value
        elif isinstance(value, Mapping):
            yield str(value.get("module", "")), value
        else:
            name, _space, rest = str(value).strip().partition(" ")
            yield name, rest
