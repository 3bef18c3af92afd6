# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold the content for AWX against what AWX takes, and what it takes although it is wrong. No AWX is needed.

usage: PYTHON tools/awx_check.py [FOLDER]      (default: extensions/awx)
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.rebootless.patching.plugins.plugin_utils.awx import content as awx_content
from dateutil.rrule import rrulestr
from dateutil.tz import gettz

ROOT = Path(__file__).resolve().parent.parent
MODULES = {
    "controller_labels": "label",
    "controller_execution_environments": "execution_environment",
    "controller_credential_types": "credential_type",
    "controller_notifications": "notification_template",
    "controller_inventories": "inventory",
    "controller_projects": "project",
    "controller_templates": "job_template",
    "controller_workflows": "workflow_job_template",
    "controller_schedules": "schedule",
    "nodes": "workflow_job_template_node",
}
NOT_OF_MODULE = {"controller_workflows": {"simplified_workflow_nodes"}}
LINKS = ("success_nodes", "failure_nodes", "always_nodes")
ROLLING = ("wave.yml", "patch.yml", "baseline.yml")
TYPES = ("text", "textarea", "password", "multiplechoice", "multiselect", "integer", "float")
QUESTION_KEYS = {
    "question_name",
    "question_description",
    "variable",
    "type",
    "required",
    "default",
    "choices",
    "min",
    "max",
    "new_question",
}
# Of argument_specs, by the type of a question.
ANSWERS = {
    "text": {"str", "path", "raw"},
    "textarea": {"str", "raw"},
    "password": {"str"},
    "multiplechoice": {"str", "bool", "raw"},
    "multiselect": {"list"},
    "integer": {"int"},
    "float": {"float"},
}
# AWX lists no file below these (awx/main/utils/ansible.py).
NEVER_LISTED = {"roles", "tasks", "group_vars", "host_vars"}
LISTED = re.compile(r"^(\s*-)?\s*['\"]?(ansible\.builtin\.)?(hosts|import_playbook|include)['\"]?:")


class Finding(NamedTuple):
    """What is wrong, and where."""

    file: str
    object: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.object}: {self.key}: {self.message}"


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML with the tag of texts that are no templates."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def load(path: Path) -> Any:
    """A YAML file."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)


def content_of(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """All content, and the file of each of its variables."""
    content: dict[str, Any] = {}
    files: dict[str, str] = {}
    for path in sorted((folder / "content").glob("*.yml")):
        for key, value in load(path).items():
            content[key] = value
            files[key] = f"content/{path.name}"
    return content, files


class Captured(Exception):
    """The argument spec of a module, at the moment when it would have begun."""


@cache
def argument_spec(module: str) -> dict[str, Any]:
    """Of the real awx.awx module: what it gives to its base class."""
    from ansible_collections.awx.awx.plugins.module_utils import controller_api  # noqa: PLC0415 - a test may do without

    spec: dict[str, Any] = {}

    def capture(_self: object, argument_spec: dict[str, Any], **_more: object) -> None:
        spec.update(argument_spec)
        raise Captured

    loaded = importlib.import_module(f"ansible_collections.awx.awx.plugins.modules.{module}")
    with mock.patch.object(controller_api.ControllerAPIModule, "__init__", capture):
        try:
            loaded.main()
        except Captured:
            return spec
    raise RuntimeError(f"awx.awx.{module} did not give its argument spec")


def module_findings(content: Mapping[str, Any], files: Mapping[str, str]) -> Iterator[Finding]:
    """Keys, types and choices, by the argument specs."""
    for key, module in MODULES.items():
        if key not in content:
            continue
        validator = ArgumentSpecValidator(argument_spec(module))
        for entry in content[key]:
            given = {name: value for name, value in entry.items() if name not in NOT_OF_MODULE.get(key, ())}
            # Survey answers and inputs are told by the rules of their own.
            result = validator.validate(json.loads(json.dumps(given)))
            name = str(entry.get("name", entry.get("identifier", "?")))
            for message in result.error_messages:
                told = re.search(r"(?:value of |parameters?: |argument '?|required arguments?: )(\w+)", message)
                unknown = re.match(r"(\w+)\. Supported", message)
                where = (unknown or told)[1] if unknown or told else "options"
                yield Finding(files.get(key, key), name, where, f"awx.awx.{module}: {message.split('. Supported')[0]}")


def survey_findings(file: str, name: str, spec: Mapping[str, Any]) -> Iterator[Finding]:
    """The server's rules, then what it takes although it is wrong."""
    for key in ("name", "description"):
        if not isinstance(spec.get(key), str):
            yield Finding(file, name, f"survey_spec.{key}", f"Field '{key}' is missing from survey spec.")
    questions = spec.get("spec")
    if not isinstance(questions, list) or not questions:
        yield Finding(file, name, "survey_spec.spec", "'spec' doesn't contain any items.")
        return
    seen: set[str] = set()
    for index, question in enumerate(questions):
        variable = str(question.get("variable", f"[{index}]"))
        if variable in seen:
            yield Finding(file, name, variable, f"'variable' '{variable}' duplicated in survey question {index}.")
        seen.add(variable)
        for key, message in _question(question, index):
            yield Finding(file, name, f"{variable}.{key}", message)


def _question(question: Mapping[str, Any], index: int) -> Iterator[tuple[str, str]]:
    kind = question.get("type")
    for key in ("type", "question_name", "variable", "required"):
        if key not in question:
            yield key, f"'{key}' missing from survey question {index}"
    if kind is not None and kind not in TYPES:
        yield "type", f"'{kind}' in survey question {index} is not one of '{', '.join(TYPES)}' allowed question types."
    if not isinstance(question.get("required", False), bool):
        yield "required", f"'required' in survey question {index} expected to be boolean."
    if not re.fullmatch(r"[A-Za-z_]\w*", str(question.get("variable", "x"))):
        yield "variable", "is no name of a variable (AWX takes it)."
    for key in sorted(set(question) - QUESTION_KEYS):
        yield key, "is no key of a question (AWX drops it)."
    limits = {key: question[key] for key in ("min", "max") if question.get(key) is not None}
    for key, value in limits.items():
        if isinstance(value, bool) or not isinstance(value, int):
            yield key, f"The {key} limit in survey question {index} expected to be integer."
            return
    if len(limits) == 2 and limits["min"] > limits["max"]:
        yield "min", "is above max (AWX takes it)."
    if kind in ("multiplechoice", "multiselect"):
        yield from _choice(question, index)
    else:
        yield from _value(question, index, limits)


def _choice(question: Mapping[str, Any], index: int) -> Iterator[tuple[str, str]]:
    choices, default = question.get("choices"), question.get("default", "")
    if choices is None:
        yield "choices", f"Survey question {index} of type {question['type']} must specify choices."
        return
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
        yield "choices", "a list of texts is expected: AWX looks for the default in any part of a single text."
        return
    if not choices:
        yield "choices", "is empty (AWX takes it)."
    if not isinstance(default, str):
        yield "default", f"Default value {default} in survey question {index} expected to be string."
        return
    chosen = [line for line in default.split("\n") if line]
    if question["type"] == "multiplechoice" and len(chosen) > 1:
        yield "default", "Multiple Choice (Single Select) can only have one default value."
    elif any(line not in choices for line in chosen):
        yield "default", "Default choice must be answered from the choices listed."


def _value(question: Mapping[str, Any], index: int, limits: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    kind, default = question.get("type"), question.get("default", "")
    if default == "":
        return
    expected = {"integer": int, "float": (int, float)}.get(str(kind), str)
    if isinstance(default, bool) or not isinstance(default, expected):
        word = {"integer": "integer", "float": "float"}.get(str(kind), "string")
        yield "default", f"Default value {default} in survey question {index} expected to be {word}."
        return
    if kind == "password":
        yield "default", "a password with a default is sent again at each application."
    size = len(default) if isinstance(default, str) else default
    if not limits.get("min", size) <= size <= limits.get("max", size):
        yield "default", "is outside min and max (AWX takes it)."


def rule_findings(rule: str, now: datetime | None = None) -> Iterator[str]:
    """The server's rules for `rrule`, then those that it lacks."""
    starts = re.findall(r"\bDTSTART(;[^:\s]*)?:(\d{8}T\d{6})(Z?)", rule)
    if len(starts) != 1 or not rule.startswith("DTSTART"):
        yield "Valid DTSTART required in rrule. Value should start with: DTSTART:YYYYMMDDTHHMMSSZ"
        return
    zone = re.search(r"TZID=([^:;\s]+)", starts[0][0])
    if not starts[0][2] and not zone:
        yield "DTSTART cannot be a naive datetime.  Specify ;TZINFO= or YYYYMMDDTHHMMSSZZ."
        return
    if zone and gettz(zone[1]) is None:
        yield "rrule parsing failed validation: A valid TZID must be provided (e.g., America/New_York)"
        return
    rules = re.findall(r"(?<!X)RULE:([^\s]+)", rule)
    if not rules:
        yield "One or more rule required in rrule."
    if len(rules) > 1 or "EXRULE" in rule:
        yield "more than one rule, or an EXRULE (AWX takes it): one RRULE is expected."
    if "\n" in rule:
        yield "a newline between the parts (AWX stores a blank): a blank is expected."
    for word in ("EXDATE", "RDATE"):
        if word in rule:
            yield f"{word} not allowed in rrule."
    for one in rules:
        if "INTERVAL=" not in one:
            yield f"INTERVAL required in rrule: RULE:{one}"
        if "SECONDLY" in one:
            yield "SECONDLY is not supported"
        if re.search(r"BYDAY=[^;]*\d", one):
            yield f"BYDAY with numeric prefix not supported: RULE:{one}"
        if "COUNT=" in one and "UNTIL=" in one:
            yield "RRULE may not contain both COUNT and UNTIL"
        count = re.search(r"COUNT=(\d+)", one)
        if count and int(count[1]) > 999:
            yield "COUNT > 999 is unsupported"
        if re.search(r"UNTIL=\d{8}T\d{6}(?!Z)", one):
            yield "UNTIL without Z is sent again at each application."
    try:
        parsed = rrulestr(rule, tzinfos=None)
        if parsed.after(now or datetime.now(gettz("UTC")).astimezone(), inc=False) is None:
            yield "has no next run (AWX takes it)."
    except (ValueError, TypeError) as problem:
        yield f"rrule parsing failed validation: {problem}"


def workflow_findings(file: str, workflow: Mapping[str, Any]) -> Iterator[Finding]:
    """All nodes are reached from a root, and no way leads back."""
    name, nodes = workflow["name"], workflow.get("simplified_workflow_nodes", [])
    for identifier, count in Counter(node["identifier"] for node in nodes).items():
        if count > 1:
            yield Finding(file, name, identifier, "two nodes have this identifier.")
    links: dict[str, list[str]] = {}
    for node in nodes:
        children = [(key, child) for key in LINKS for child in node.get(key, [])]
        links[node["identifier"]] = [child for _key, child in children]
        for child, count in Counter(child for _key, child in children).items():
            if count > 1:
                yield Finding(file, name, node["identifier"], f"Relationship not allowed: {child} twice.")
        if ("approval_node" in node) == ("unified_job_template" in node):
            yield Finding(file, name, node["identifier"], "either approval_node or unified_job_template is expected.")
        if node.get("approval_node", {}).get("timeout", 0) < 0:
            yield Finding(file, name, f"{node['identifier']}.timeout", "is negative (AWX takes it).")
    for identifier, children in links.items():
        for child in children:
            if child not in links:
                yield Finding(file, name, identifier, f"Could not find success_nodes entry with name {child}")
    yield from (Finding(file, name, one, "Cycle detected.") for one in _circular(links))
    children = {child for linked in links.values() for child in linked}
    reached = [identifier for identifier in links if identifier not in children]
    for identifier in reached:
        reached += [child for child in links.get(identifier, []) if child not in reached]
    for identifier in sorted(set(links) - set(reached)):
        yield Finding(file, name, identifier, "no root leads to this node (AWX takes it).")


def _circular(links: Mapping[str, list[str]]) -> list[str]:
    """Nodes from which a way leads back to themselves."""

    def reach(start: str) -> set[str]:
        found: set[str] = set()
        todo = list(links.get(start, []))
        while todo:
            one = todo.pop()
            if one not in found:
                found.add(one)
                todo += links.get(one, [])
        return found

    return [identifier for identifier in links if identifier in reach(identifier)]


def listed(project: Path, playbook: str) -> bool:
    """Whether AWX lists the file as a playbook of the project."""
    path = project / playbook
    parts = Path(playbook).parts
    if not path.is_file() or path.suffix not in (".yml", ".yaml"):
        return False
    if any(part in NEVER_LISTED or part.startswith(".") for part in parts[:-1]):
        return False
    return any(LISTED.match(line) for line in path.read_text(encoding="utf-8").splitlines())


def option_findings(file: str, name: str, question: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[Finding]:
    """A question is a documented option, with its type, default and choices."""
    variable = question.get("variable")
    option = options.get(str(variable))
    if option is None:
        yield Finding(file, name, str(variable), "is no documented option of the playbook or of a role that it uses.")
        return
    kind = option.get("type", "str")
    if kind not in ANSWERS.get(str(question.get("type")), set()):
        yield Finding(
            file, name, f"{variable}.type", f"a question of type {question.get('type')} for an option of type {kind}."
        )
        return
    if "choices" in option and question.get("choices") != option["choices"]:
        yield Finding(file, name, f"{variable}.choices", f"the option has {option['choices']}.")
    if kind == "bool" and sorted(question.get("choices", [])) != ["false", "true"]:
        yield Finding(file, name, f"{variable}.choices", "the option is true or false.")
    default = question.get("default", "")
    wanted = option.get("default")
    # A bool is a text in a survey; an option without a default takes any, so it has none to differ from.
    if isinstance(wanted, bool):
        wanted = str(wanted).lower()
    if wanted is not None and default != wanted:
        yield Finding(file, name, f"{variable}.default", f"{default!r}, but the option has {wanted!r}.")


@cache
def options_of(roles: Path, playbook: str) -> dict[str, Any] | None:
    """The options of one playbook: its entry point of role inputs. None where there is none."""
    specs = roles / "inputs" / "meta" / "argument_specs.yml"
    if not specs.is_file():
        return None
    entry = load(specs)["argument_specs"].get(Path(playbook).stem)
    return entry and entry.get("options", {})


def reference_findings(content: Mapping[str, Any], files: Mapping[str, str]) -> Iterator[Finding]:
    """Names that one object has for another are names of ours."""

    def names(*keys: str) -> set[str]:
        return {entry["name"] for key in keys for entry in content.get(key, [])}

    jobs = names("controller_templates", "controller_workflows")
    known = {
        "project": names("controller_projects"),
        "inventory": names("controller_inventories"),
        "execution_environment": names("controller_execution_environments"),
        "labels": names("controller_labels"),
        "unified_job_template": jobs,
        **{
            f"notification_templates_{when}": names("controller_notifications")
            for when in ("started", "success", "error", "approvals")
        },
    }
    for part in awx_content.PARTS.values():
        for name, count in Counter(entry["name"] for entry in content.get(part, [])).items():
            if count > 1:
                yield Finding(files[part], name, "name", "two objects have this name.")
        for entry in content.get(part, []):
            nodes = entry.get("simplified_workflow_nodes", [])
            for holder, at in [(entry, ""), *((node, f"{node['identifier']}.") for node in nodes)]:
                for key in known.keys() & holder.keys():
                    wanted = holder[key] if isinstance(holder[key], list) else [holder[key]]
                    for one in wanted:
                        if one not in known[key]:
                            yield Finding(files[part], entry["name"], f"{at}{key}", f"{one} is not in the content.")


def template_findings(
    content: Mapping[str, Any],
    files: Mapping[str, str],
    project: Path,
    options: Callable[[str], Mapping[str, Any] | None],
) -> Iterator[Finding]:
    """Playbooks, limits of jobs, and questions."""
    file = files.get("controller_templates", "content/templates.yml")
    for entry in content.get("controller_templates", []):
        name, playbook = entry["name"], entry.get("playbook", "")
        if not listed(project, playbook):
            yield Finding(file, name, "playbook", f"{playbook}: Playbook not found for project.")
        if entry.get("job_slice_count", 1) != 1:
            yield Finding(file, name, "job_slice_count", "slices have limits of their own; 1 is expected.")
        if entry.get("allow_simultaneous", False):
            yield Finding(
                file, name, "allow_simultaneous", "runs at the same time do not know each other; false is expected."
            )
        least = awx_content.job_timeout({}) if playbook.endswith(ROLLING) else 1
        if entry.get("timeout", 0) < least:
            yield Finding(
                file, name, "timeout", f"{least} or more is expected, or AWX ends the job before its own deadline."
            )
        if "inventory" not in entry and not entry.get("ask_inventory_on_launch"):
            yield Finding(file, name, "inventory", "You must either set a default value or ask to prompt on launch.")
        known = options(playbook)
        if known is None and (ROOT / "roles" / "inputs").is_dir():
            yield Finding(file, name, "playbook", f"{playbook} has no entry point in roles/inputs.")
        for question in entry.get("survey_spec", {}).get("spec", []):
            if known is not None:
                yield from option_findings(file, name, question, known)


def answer_findings(
    content: Mapping[str, Any], files: Mapping[str, str], options: Callable[[str], Mapping[str, Any] | None]
) -> Iterator[Finding]:
    """What schedules and nodes answer is asked for, and what is required is answered."""
    jobs = {
        entry["name"]: entry
        for key in ("controller_templates", "controller_workflows")
        for entry in content.get(key, [])
    }
    asked: list[tuple[str, str, str, Mapping[str, Any]]] = []
    for entry in content.get("controller_schedules", []):
        asked.append((files["controller_schedules"], entry["name"], "extra_data", entry))
    for flow in content.get("controller_workflows", []):
        asked += [
            (files["controller_workflows"], flow["name"], f"{node['identifier']}.extra_data", node)
            for node in flow.get("simplified_workflow_nodes", [])
        ]
    for file, name, key, entry in asked:
        job = jobs.get(entry.get("unified_job_template", ""))
        if job is None:
            continue
        given = entry.get("extra_data", {})
        questions = {one.get("variable"): one for one in job.get("survey_spec", {}).get("spec", [])}
        for variable, question in questions.items():
            if question.get("required") and variable not in given:
                yield Finding(file, name, key, f"'{variable}' value missing")
            choices = question.get("choices")
            if variable in given and choices and given[variable] not in choices:
                yield Finding(
                    file, name, key, f"Value {given[variable]} for '{variable}' expected to be one of {choices}."
                )
        known = options(job["playbook"]) if "playbook" in job else None
        for variable in given:
            if variable not in questions and not job.get("ask_variables_on_launch"):
                yield Finding(file, name, key, f"Variables {variable} are not allowed on launch.")
            elif known is not None and variable not in known:
                yield Finding(file, name, key, f"{variable} is no documented option of {job['playbook']}.")


def check(
    content: Mapping[str, Any],
    files: Mapping[str, str],
    project: Path,
    options: Callable[[str], Mapping[str, Any] | None],
) -> list[Finding]:
    """Everything that is wrong with the content."""
    found = [*module_findings(content, files), *reference_findings(content, files)]
    found += template_findings(content, files, project, options)
    found += answer_findings(content, files, options)
    for key in ("controller_templates", "controller_workflows"):
        for entry in content.get(key, []):
            if entry.get("survey_enabled") or "survey_spec" in entry:
                found += survey_findings(files[key], entry["name"], entry.get("survey_spec", {}))
    for entry in content.get("controller_workflows", []):
        found += workflow_findings(files["controller_workflows"], entry)
        if entry.get("survey_spec"):
            for question in entry["survey_spec"].get("spec", []):
                used = _options_below(entry, content, options)
                if used:
                    found += option_findings(files["controller_workflows"], entry["name"], question, used)
    for entry in content.get("controller_schedules", []):
        for message in rule_findings(str(entry.get("rrule", ""))):
            found.append(Finding(files["controller_schedules"], entry["name"], "rrule", message))
    return found


def _options_below(
    workflow: Mapping[str, Any], content: Mapping[str, Any], options: Callable[[str], Mapping[str, Any] | None]
) -> dict[str, Any]:
    """The options of all playbooks of a workflow; those of the wave, which restarts, count first."""
    playbooks = {entry["name"]: entry.get("playbook", "") for entry in content.get("controller_templates", [])}
    used = [playbooks.get(node.get("unified_job_template", ""), "") for node in workflow["simplified_workflow_nodes"]]
    merged: dict[str, Any] = {}
    for playbook in sorted(used, key=lambda one: not one.endswith("wave.yml")):
        merged = {**(options(playbook) or {}), **merged}
    return merged


def main(folder: Path) -> int:
    """Say what is wrong; 1 when something is."""
    content, files = content_of(folder)
    fitted = awx_content.fit(content, {"parts": list(awx_content.PARTS), "notification_url": "https://example.org"})
    found = check(fitted, files, ROOT, lambda playbook: options_of(ROOT / "roles", playbook))
    for finding in found:
        print(finding)
    print(f"awx_check: {len(found)} finding(s) in {sum(len(value) for value in content.values())} objects")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "extensions" / "awx"))
