# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is given, looked at as a whole before any host is asked. Documentation: plugins/modules/run_inputs.py."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.utils.display import Display
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import inputs
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record

SPEC = {
    "dest": {"type": "path"},
    "playbook": {"type": "str", "required": True},
    "state_dir": {"type": "path"},
}
ROLES = Path(__file__).resolve().parents[2] / "roles"
# Restart or change hosts, so two of them must not have one machine in hand.
CHANGES = ("patch", "baseline", "wave", "hotpatch", "rollback")
# Share limits with other runs.
LIMITED = ("patch", "baseline", "wave")
# What leads to a machine beside its address.
WAYS = (
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
    "ansible_psrp_proxy",
    "ansible_winrm_proxy",
)
PART_SAID = (
    "--tags {tags}: the playbooks of rebootless.patching have no tags, and a part of a run is none. Leave --tags (in AWX: job tags) "
    "out, or in a playbook of your own give a tag to the whole import_playbook; --limit chooses hosts, --check changes nothing."
)


def specs() -> dict[str, dict[str, Any]]:
    """The argument specs of the collection's roles, by role; those of role `inputs` are of the playbooks."""
    found = {}
    for file in sorted(ROLES.glob("*/meta/argument_specs.yml")):
        found[file.parent.parent.name] = yaml.safe_load(file.read_text(encoding="utf-8"))["argument_specs"]
    return found


class Variables:
    """The variables of the play and of its hosts, as Ansible would give them to a task, without what this task has."""

    def __init__(self, action: ActionModule, hosts: list[str], task_vars: Mapping[str, Any]) -> None:
        self._action = action
        hostvars = task_vars["hostvars"]
        manager, play = action.manager(), action.play()
        self.of_play = manager.get_vars(play=play)
        self.of_host = {name: manager.get_vars(play=play, host=hostvars._inventory.get_host(name)) for name in hosts}

    def has(self, name: str) -> list[str]:
        """The hosts that have a variable."""
        return [host for host, found in self.of_host.items() if name in found]

    def value(self, host: str, name: str, default: object = None) -> Any:
        """A variable of a host, templates filled in.

        :raises AnsibleActionFail: it cannot be
        """
        found = self.of_host[host]
        if name not in found:
            return default
        if not _template(found[name]):
            return found[name]
        try:
            return self._action.templar(found).template(found[name])
        except AnsibleError as error:
            raise AnsibleActionFail(f"{name}: its value for {host} cannot be made: {error}") from None

    def each(self, name: str) -> dict[str, Any]:
        """A variable by host, MISSING of those that have none."""
        return {host: self.value(host, name, inputs.MISSING) for host in self.of_host}


def _template(value: object) -> bool:
    """Whether a value is to be filled in."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, Mapping):
        return any(_template(one) for pair in value.items() for one in pair)
    # A vaulted value, or anything else that is made when it is read.
    return any(map(_template, value)) if isinstance(value, list | tuple) else False


class ActionModule(collector.SignalsAction):
    """Look at all variables of all hosts of the play; no host is contacted."""

    ASKS_HOST = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.options(SPEC)
        known_specs = specs()
        playbook = arguments["playbook"]
        if playbook not in known_specs["inputs"]:
            raise AnsibleActionFail(
                f"playbook: {playbook!r} is none; one of {', '.join(known_specs['inputs'])} is expected."
            )
        play = self.play()
        missing = inputs.part(play.only_tags, play.tags)
        if missing == inputs.NOT_CHOSEN:
            return result | {"changed": False, "skipped": True, "skip_reason": "--tags does not name this run."}
        if missing == inputs.PART:
            raise AnsibleActionFail(PART_SAID.format(tags=",".join(sorted(play.only_tags))))
        whole = dict(task_vars or {})
        hosts = list(whole["ansible_play_hosts"])
        variables = Variables(self, hosts, whole)
        options = known_specs["inputs"][playbook]["options"]
        wrong = [
            *self.names(variables, known_specs),
            *inputs.differing({name: variables.each(name) for name in sorted(options) if variables.has(name)}),
            *inputs.unread(variables.of_play, {name: variables.has(name) for name in sorted(options)}),
            *self.types(variables, options),
        ]
        if not wrong:
            wrong += self.known_names(variables, options, whole["groups"])
        twice = inputs.one_machine({host: self.connection_of(variables, host) for host in hosts})
        if playbook in CHANGES:
            wrong += [f"{one} Leave all but one of them out of the run." for one in twice]
        dest, state = arguments["dest"], self.state_folder(arguments, playbook, wrong)
        if dest is not None:
            wrong += unwritable("rebootless_dest", dest, inputs.files(playbook))
        if state is not None:
            wrong += unwritable("rebootless_state", state, ())
        written = None if dest is None else str(Path(dest, "record.jsonl"))
        name = variables.value(hosts[0], "rebootless_run")
        if name and written:
            wrong += self.recorded(str(name), written)
        if wrong:
            raise AnsibleActionFail(" ".join(dict.fromkeys(wrong)))
        left = [name for name in whole["ansible_play_hosts_all"] if name not in hosts]
        if left:
            twice.append(
                f"{', '.join(left)}: failed before this run began, in the same ansible-playbook, so the run leaves them out."
            )
        if twice:
            result["warnings"] = [*result.get("warnings", []), *twice]
        if state is not None:
            # Beside the output of the run: that may be JSON.
            Display().display(
                f"Leases are shared with all runs that use {state}; record and reports: {dest}", stderr=True
            )
        # To the millisecond: two runs of one ansible-playbook may begin within a second.
        name = name or datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return result | {
            "changed": False,
            "dest": dest,
            "hosts": hosts,
            "record": written,
            "run": str(name),
            "state_dir": state,
        }

    # --- what Ansible knows --------------------------------------------------------------------------------------

    def manager(self) -> Any:
        """Who knows all variables."""
        return self._task.get_variable_manager()

    def play(self) -> Any:
        """The play of this task."""
        return self._task.get_play()

    def templar(self, variables: Mapping[str, Any]) -> Any:
        """Who fills in templates with these variables."""
        return self._templar.copy_with_new_env(available_variables=variables)

    # --- questions -----------------------------------------------------------------------------------------------

    @staticmethod
    def names(variables: Variables, known_specs: Mapping[str, Any]) -> list[str]:
        """Variables that nothing reads, and facts with names of ours."""
        known = {
            name for role in known_specs.values() for entry in role.values() for name in entry.get("options") or ()
        }
        ignored = {
            str(one) for found in variables.of_host.values() for one in _list(found.get("rebootless_ignore_variables"))
        }
        facts = {host: found.get("ansible_facts") or {} for host, found in variables.of_host.items()}
        lies = inputs.of_facts(facts, known, ignored)
        if lies:
            return lies
        names = {name for found in variables.of_host.values() for name in found}
        return inputs.unknown(names, known, ignored)

    @staticmethod
    def types(variables: Variables, options: Mapping[str, Any]) -> list[str]:
        """Values that are not of the type or choice that is documented; what hosts have alike is looked at once."""
        found: list[str] = []
        first: Mapping[str, Any] | None = None
        for host, given in variables.of_host.items():
            new = [name for name in options if name in given and (first is None or given[name] != first.get(name))]
            spec = options if first is None else {name: options[name] for name in new}
            first = given if first is None else first
            values = {name: variables.value(host, name) for name in new}
            if spec:
                done = ArgumentSpecValidator(dict(spec)).validate(values, validate_role_argument_spec=True)
                found += [f"{host}: {message}." for message in done.error_messages]
        return found

    @staticmethod
    def known_names(variables: Variables, options: Mapping[str, Any], groups: Mapping[str, Any]) -> list[str]:
        """Groups and hosts in policies and fleet that the inventory lacks."""
        first = next(iter(variables.of_host))
        policies = variables.each("rebootless_policy").values() if "rebootless_policy" in options else ()
        fleet = variables.value(first, "rebootless_fleet") if "rebootless_fleet" in options else None
        optional = _list(variables.value(first, "rebootless_optional_names"))
        return inputs.nowhere(policies, fleet, list(groups), list(groups["all"]), optional)

    @staticmethod
    def connection_of(variables: Variables, host: str) -> dict[str, Any]:
        """How a host is reached."""
        kind = variables.value(host, "ansible_connection") or "ssh"
        short = str(kind).rpartition(".")[2]
        address = variables.value(host, f"ansible_{short}_host") or variables.value(host, "ansible_host") or host
        port = variables.value(host, f"ansible_{short}_port") or variables.value(host, "ansible_port")
        way = [str(variables.value(host, name)) for name in WAYS if variables.value(host, name)]
        return {"connection": kind, "address": address, "port": port, "way": " ".join(way)}

    @staticmethod
    def recorded(name: str, path: str) -> list[str]:
        """Why a run may not have a name: another has it, in whose place or as whose steps it would be told."""
        if not Path(path).is_file():
            return []
        try:
            known = record.runs(record.read(path)[0])
        except record.RecordError as error:
            return [str(error)]
        return (
            [f"rebootless_run: {name} is in {path} already; give a name that no other run has."]
            if name in known
            else []
        )

    @staticmethod
    def state_folder(arguments: Mapping[str, Any], playbook: str, wrong: list[str]) -> str | None:
        """The state directory of a run that shares limits."""
        if playbook not in LIMITED or arguments["dest"] is None:
            return None
        home = os.path.expanduser("~")
        found = arguments["state_dir"] or inputs.state_folder(os.environ, home if os.path.isabs(home) else None)
        if found is None:
            wrong.append(
                "rebootless_state: it is not given, and the user of Ansible has no home directory for it; give one."
            )
        return found


def _list(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [value] if isinstance(value, str) else []


def unwritable(option: str, folder: str, names: tuple[str, ...]) -> list[str]:
    """Why files cannot be written into a folder, which need not be there yet; nothing is written to find out."""
    return list(_reasons(option, Path(folder), names))


def _reasons(option: str, folder: Path, names: tuple[str, ...]) -> Iterator[str]:
    try:
        there = folder.absolute()
    except FileNotFoundError:
        yield f"{option}: {folder} is relative, and the present directory is gone."
        return
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    if not there.is_dir():
        yield f"{option}: {there} is no directory."
    elif not os.access(there, os.W_OK | os.X_OK):
        yield f"{option}: {there} cannot be written by the user of Ansible."
    for name in names:
        if os.path.lexists(folder / name) and not (folder / name).is_file():
            yield f"{option}: {folder / name} is no file, and the run writes one there."
