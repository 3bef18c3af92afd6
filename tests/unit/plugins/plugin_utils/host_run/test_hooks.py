# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hooks: the phases, and what a task file must not hold."""

from __future__ import annotations

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import hooks

BEYOND = "which concerns more than one host."

REFUSED = {
    "- run_once: true": "task 1 uses run_once",
    "- run_once: '{{ often }}'": "task 1 uses run_once",
    "- any_errors_fatal: yes": "task 1 uses any_errors_fatal",
    "- max_fail_percentage: 0": "task 1 uses max_fail_percentage",
    "- pause:": "task 1 uses pause",
    "- ansible.builtin.pause: {seconds: 1}": "task 1 uses pause",
    "- ansible.legacy.pause: {seconds: 1}": "task 1 uses pause",
    "- action: pause seconds=1": "task 1 uses pause",
    "- action: ansible.builtin.pause": "task 1 uses pause",
    "- action: {module: pause, seconds: 1}": "task 1 uses pause",
    "- local_action: {module: ansible.builtin.pause}": "task 1 uses pause",
    "- meta: end_play": "task 1 uses meta: end_play",
    "- meta: end_host": "task 1 uses meta: end_host",
    "- ansible.builtin.meta: end_batch": "task 1 uses meta: end_batch",
    "- action: meta end_host": "task 1 uses meta: end_host",
    "- action: {module: meta, _raw_params: end_play}": "task 1 uses meta: end_play",
    "- {name: Wait for it, pause: }": "task 1 (Wait for it) uses pause",
    "- debug:\n- pause:": "task 2 uses pause",
    "- block: [{debug: }, {name: In, run_once: true}]": "task 1, block task 2 (In) uses run_once",
    "- {block: [], rescue: [{pause: }]}": "task 1, rescue task 1 uses pause",
    "- {name: All, block: [], always: [{block: [{pause: }]}]}": "task 1 (All), always task 1, block task 1 uses pause",
}
GOOD = (
    "",
    "---\n",
    "- run_once: false",
    "- {name: pause the queue, debug: {msg: pause}}",
    "- community.general.pause: {}",
    "- meta: flush_handlers",
    "- debug: {msg: !vault 'x'}\n- debug: {msg: !unsafe [a]}\n- !own {debug: {}}",
    "- block:",
    "- vars: {run_once: true}\n  debug:",
    "- action: debug msg=pause",
    "- command: end_host",
    "- shell: end_host",
)


@pytest.mark.parametrize("text", REFUSED)
def test_what_reaches_beyond_a_host_is_refused(text: str) -> None:
    assert hooks.file_problems(text, "a.yml") == [f"a.yml: {REFUSED[text]}, {BEYOND}"]


@pytest.mark.parametrize("text", GOOD)
def test_everything_else_is_not(text: str) -> None:
    assert hooks.file_problems(text, "a.yml") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a: [", "a.yml line 1: it is not YAML."),
        ("- debug:\n- a: [", "a.yml line 2: it is not YAML."),
        ("- \x00", "a.yml: it is not YAML."),
        ("a: b", "a.yml: it is no list of tasks."),
        ("false", "a.yml: it is no list of tasks."),
        ("- debug:\n- text", "a.yml: task 2 is no task."),
        ("- block: [7]", "a.yml: task 1, block task 1 is no task."),
    ],
)
def test_a_file_that_is_none(text: str, said: str) -> None:
    assert hooks.file_problems(text, "a.yml") == [said]


def test_everything_that_is_wrong_is_said() -> None:
    text = "- {run_once: true, any_errors_fatal: true, pause: }\n- meta: end_play"
    words = ["task 1 uses run_once", "task 1 uses any_errors_fatal", "task 1 uses pause", "task 2 uses meta: end_play"]
    assert hooks.file_problems(text, "a.yml") == [f"a.yml: {word}, {BEYOND}" for word in words]
    assert len(hooks.file_problems(f"- text\n{text}", "a.yml")) == 5


def test_the_phases() -> None:
    assert hooks.phase_problems({phase: ["a.yml"] for phase in hooks.PHASES}, "h") == []
    assert hooks.phase_problems({}, "h") == []
    assert hooks.phase_problems({"before_drain": []}, "h") == []
    listed = ", ".join(hooks.PHASES)
    assert hooks.phase_problems({"lunch": ["a.yml"], "after_drain": ["a", "b"]}, "h") == [
        f"h.lunch: there is no such phase; it is one of {listed}."
    ]
    assert hooks.phase_problems([], "h") == ["h: a list is no mapping; give phases with lists of task files."]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ("a.yml", "a text of 5 characters"),
        ([7], "a list"),
        ([" "], "a list"),
        ([["a.yml"]], "a list"),
        (None, "None"),
        ({}, "a mapping"),
    ],
)
def test_a_phase_without_a_list_of_files(files: object, told: str) -> None:
    assert hooks.phase_problems({"before_drain": files}, "h") == [f"h.before_drain: {told} is no list of task files."]


def nested(levels: int) -> str:
    """Each level names the one before it nine times."""
    lines = ["- &a0 {debug: {msg: lol}}"]
    lines += [f"- &a{level} {{block: [{', '.join([f'*a{level - 1}'] * 9)}]}}" for level in range(1, levels)]
    return "\n".join(lines)


def merged(levels: int) -> str:
    """The same by merging mappings."""
    lines = ["- &a0 {name: x}"]
    lines += [f"- &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 9)}]}}" for level in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (nested(10), "a.yml: it holds more than 20000 values, or names itself."),
        (merged(10), "a.yml: it holds more than 20000 values, or names itself."),
        ("&a [*a]", "a.yml: it holds more than 20000 values, or names itself."),
        ("- &a {block: [*a]}", "a.yml: it holds more than 20000 values, or names itself."),
        ("[" * 5000 + "]" * 5000, "a.yml: it is nested too deep."),
        ("- debug:\n" + "#" * hooks.LARGEST, f"a.yml: it has more than {hooks.LARGEST} characters."),
    ],
    ids=["aliases", "merges", "itself", "itself_in_a_block", "deep", "long"],
)
def test_a_file_without_end(text: str, said: str) -> None:
    assert hooks.file_problems(text, "a.yml") == [said]


def test_aliases_as_people_use_them() -> None:
    text = (
        "- &a {debug: {msg: x}, vars: &v {one: 1}}\n- {<<: *a, name: again, vars: {<<: *v, two: 2}}\n- run_once: true"
    )
    assert hooks.file_problems(text, "a.yml") == [f"a.yml: task 3 uses run_once, {BEYOND}"]
