# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The raw signals of real hosts as world files. Documentation: plugins/modules/signals_record.py."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.rebootless.patching.plugins.action import fleet_report
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases, status
from ansible_collections.rebootless.patching.plugins.plugin_utils.recording import anonymiser, worlds

SPEC = {
    "anonymise": {"type": "bool", "default": False},
    "azure_var": {"type": "str", "default": "rebootless_azure"},
    "dest": {"type": "path", "required": True},
    "hosts": {"type": "list", "elements": "str"},
    "result_var": {"type": "str", "required": True},
}
# What else a host is called by in an inventory.
NAME_VARIABLES = ("ansible_host", "ansible_ssh_host", "ansible_winrm_host")
# Bytes of a name, with room for a number, the ending and the name under which a file is written first.
LONGEST = 200
FACT = "recorded from a real host, the verdict is what the collection said; not reviewed"


def plain(value: object) -> Any:
    """A value without Ansible's own kinds of text, which YAML does not know."""
    return json.loads(json.dumps(value))


def expectation(host: Mapping[str, Any]) -> dict[str, Any]:
    """A verdict in the words of a world's `expect`."""
    codes = {
        severity: [reason["code"] for reason in host["reasons"] if reason["severity"] == severity]
        for severity in ("cause", "warning")
    }
    pending = host["pending"]
    return {
        "state": host["state"],
        "track": host["track"],
        "reasons": codes["cause"],
        "warnings": codes["warning"],
        "pending": pending["pending"],
        "pending_reasons": sorted(f"{reason['class']}:{reason['source']}" for reason in pending["reasons"]),
        "fact": FACT,
    }


def file_names(hosts: Iterable[str]) -> dict[str, str]:
    """The name of each host's file: none twice, none too long, no fragment, and nothing that leads out of the folder."""
    found: dict[str, str] = {}
    for host in sorted(hosts):
        letters = (
            re.sub(r"[^\w.-]", "-", host).lstrip("_.-").encode(errors="replace")[:LONGEST].decode(errors="ignore")
            or "host"
        )
        numbered = (letters if number == 1 else f"{letters}-{number}" for number in itertools.count(1))
        # A disk may not tell large letters from small ones.
        taken = {name.casefold() for name in found.values()}
        found[host] = next(name for one in numbered if (name := f"{one}.yml").casefold() not in taken)
    return found


class ActionModule(collector.SignalsAction):
    """Turn what the hosts answered into files, and say by failing when hosts were not reached."""

    ASKS_HOST = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.options(SPEC)
        variables = (task_vars or {}).get("hostvars", {})
        names = arguments["hosts"]
        if names is None:
            names = [name for name in variables if arguments["result_var"] in variables[name]]
        answers = {name: variables[name].get(arguments["result_var"]) or {} for name in sorted(names)}
        reached = {name: answer for name, answer in answers.items() if isinstance(answer.get("signals"), Mapping)}
        if not answers:
            raise AnsibleActionFail(
                "No host was asked: no host of the inventory matches, so there is nothing to record."
            )

        dest = Path(arguments["dest"])
        files: dict[str, str] = {}
        changed = False
        made = self.worlds(reached, variables, arguments)
        own = file_names(made)
        for name, world in made.items():
            path = dest / own[name]
            text = yaml.safe_dump(
                world, explicit_start=True, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120
            )
            files[name] = str(path)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                changed = True
                if not self._task.check_mode:
                    fleet_report.write(path, text)

        lost = sorted(answers.keys() - reached.keys())
        result.update(changed=changed, files=files, not_reached=lost)
        if lost:
            result.update(
                failed=True, msg=f"{len(lost)} of {len(answers)} hosts could not be asked: {', '.join(lost)}."
            )
        return result

    @staticmethod
    def worlds(
        answers: Mapping[str, Any], variables: Mapping[str, Any], arguments: Mapping[str, Any]
    ) -> dict[str, worlds.World]:
        """The worlds by the name under which they are written."""
        table = releases.ReleaseTable.load(releases.shipped())
        recorded: dict[str, worlds.World] = {}
        invented = anonymiser.Anonymiser()
        for name, answer in answers.items():
            signals = plain(answer["signals"])
            now = collector.moment(answer.get("judged_at"), "judged_at")
            world = worlds.world_from_signals(signals, now, name=name)
            azure = plain(variables[name].get(arguments["azure_var"]) or {})
            said = azure.get("hotpatch_enablement_status")
            if said:
                world["azure"] = {"hotpatch_enablement_status": said}
            # A world is judged by its own clock.
            clock = datetime.fromisoformat(world["clock"])
            verdict = status.host_status(name, signals, None, table, clock, azure=world.get("azure"))
            recorded[name] = world | {"expect": expectation(verdict)}
            invented.learn(
                world, [name, *(str(variables[name][key]) for key in NAME_VARIABLES if key in variables[name])]
            )
        if not arguments["anonymise"]:
            return recorded
        return {invented.host(name): invented.world(world) for name, world in recorded.items()}
