# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that lie, in this process: everything is real but the wire, on which a module's answer is whatever a test says.

`LIAR` is a host whose restart is due; `HONEST` stands beside it in every report and must be told of as if it were alone.
"""

from __future__ import annotations

import copy
import functools
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible_collections.rebootless.patching.plugins.action import (
    fleet_report,
    health_info,
    hotpatch_info,
    run_report,
    updates_info,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record
from fleet import fast, fast_offers, months

HONEST, LIAR = "honest", "liar"
NOW = "2026-04-15T12:00:00Z"
MOMENT = datetime.fromisoformat(NOW)
SIGNALS, OFFERS = "windows_signals_info", "windows_offers_info"
SERVICES = "win_service_info"
REBOOT = "win_reboot"
Answers = dict[str, dict[str, Any]]
Wire = Callable[[Answers], Any]


@functools.cache
def _world() -> dict[str, Any]:
    return months.advance(months.start(months.SERVER_2025, "2026-04-14"), "2026-04-15")


def answers() -> Answers:
    """What the modules answer on a host whose restart is due, by module; a test may change all of it."""
    world = {**_world(), "logon": "local"}
    service = {"name": "Spooler", "display_name": "Spooler", "state": "started", "start_mode": "auto"}
    return copy.deepcopy(
        {
            SIGNALS: {"changed": False, "schema": 1, "signals": fast.signals(world, {})},
            OFFERS: {
                "changed": False,
                "schema": 1,
                "signals": fast_offers.signals(world, {"restart_answer": "auto"}, False),
            },
            REBOOT: {"rebooted": True},
            SERVICES: {"changed": False, "exists": True, "services": [service], "warnings": []},
        }
    )


def perform(plugin: Any, arguments: Mapping[str, Any], given: Answers, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Run one of our action plugins with these answers on the wire."""
    task = SimpleNamespace(args=dict(arguments), async_val=0, check_mode=False, diff=False, action=plugin.__name__)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None), reset=lambda: None)
    module = plugin.ActionModule(task, connection, SimpleNamespace(check_mode=False), None, None, None)
    module._load_name = plugin.__name__.rpartition(".")[2]

    def execute(module_name: str, **_more: Any) -> Any:
        printed = json.dumps(given[module_name.rpartition(".")[2]])
        # What ansible-core's own `_parse_returned_data` is given, and what it makes of no JSON.
        left = collector.through_the_door({"rc": 0, "stdout": printed, "stderr": ""})["stdout"]
        try:
            return json.loads(left)
        except ValueError:
            return {"failed": True, "msg": "Module result deserialization failed.", "module_stdout": left}

    module._execute_module = execute
    result: dict[str, Any] = module.run(task_vars=dict(variables))
    return result


def ask(plugin: Any, given: Answers, name: str, **arguments: Any) -> dict[str, Any]:
    """What an action plugin says of one host."""
    return perform(plugin, arguments, given, {"inventory_hostname": name, "group_names": []})


def told(dest: Path) -> dict[str, str]:
    """The files of a report by the end of their name."""
    return {path.suffix[1:]: path.read_text(encoding="utf-8") for path in dest.iterdir() if path.stem != "history"}


def seen(given: Answers, name: str) -> dict[str, Any]:
    """What `playbooks/status.yml` registers of a host."""
    return ask(hotpatch_info, given, name, on_problem="report", return_signals=True, now=NOW)


@functools.cache
def honestly(look: Callable[[Answers, str], Any]) -> Any:
    """What is found on the honest host, once for all tests."""
    return look(answers(), HONEST)


def status(given: Answers, dest: Path) -> dict[str, str]:
    """The report of `playbooks/status.yml` on the liar and an honest host."""
    variables = {HONEST: {"answer": honestly(seen)}, LIAR: {"answer": seen(given, LIAR)}}
    arguments = {"dest": str(dest), "result_var": "answer", "show": False, "now": NOW}
    result = perform(fleet_report, arguments, {}, {"hostvars": variables})
    assert result["problems"] == []
    return told(dest)


def decision(given: Answers, name: str) -> dict[str, Any]:
    """What is decided on a host; the administrator agrees to its restart."""
    found: dict[str, Any] = ask(updates_info, given, name, on_problem="report", now=NOW, consent=True)["decision"]
    return found


def health(given: Answers, name: str) -> dict[str, Any]:
    """What role verify keeps of a look at a host."""
    look = ask(health_info, given, name, services=["Spooler"])
    return {key: look[key] for key in ("healthy", "checks", "changed_since_before")}


def run(given: Answers, dest: Path) -> dict[str, str]:
    """The report of a run that has decided on both hosts and looked at their health, from its record."""
    path = dest / "record.jsonl"
    results = {}
    for name, decided, checked in (
        (HONEST, honestly(decision), honestly(health)),
        (LIAR, decision(given, LIAR), health(given, LIAR)),
    ):
        failure = host_run.told(given[REBOOT])["why"] if name == LIAR else None
        results[name] = host_run.result(name, decided, None, {"after": checked}, None, failure)
        for step, data in (("decided", decided), ("verified_after", checked), ("host_finished", results[name])):
            record.append(path, record.entry("r", step, name, data, MOMENT))
    record.append(path, record.entry("r", "run_started", None, {"hosts": [HONEST, LIAR]}, MOMENT))
    variables = {name: {"result": one} for name, one in results.items()}
    arguments = {"kind": "run", "dest": str(dest), "record": str(path), "result_var": "result", "show": False}
    result = perform(run_report, arguments, {}, {"hostvars": variables})
    assert result["problems"] == []
    files = told(dest)
    return {form: files[form] for form in ("html", "json", "md")}


REPORTS: dict[str, Callable[[Answers, Path], dict[str, str]]] = {"status": status, "run": run}


# --- what must hold of every report


def strict(text: str) -> Any:
    """JSON as its standard has it."""

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def steering(text: str) -> list[str]:
    """The characters of a text that steer a terminal or turn it around."""
    return sorted(
        {char for char in text if char not in "\n\t" and unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    )


def texts(value: object) -> list[str]:
    """Every text in a value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [one for pair in value.items() for part in pair for one in texts(part)]
    if isinstance(value, Sequence):
        return [one for part in value for one in texts(part)]
    return []


def of(files: Mapping[str, str], name: str) -> dict[str, Any]:
    """A host of a report's JSON."""
    return next(dict(host) for host in strict(files["json"])["hosts"] if host["name"] == name)


SCRIPTS = re.compile(r"<script[^>]*>", re.IGNORECASE)


def check(files: Mapping[str, str], alone: Mapping[str, Any]) -> None:
    """Everybody has a report, and the honest host's is what it would be without the liar."""
    assert set(files) == {"html", "json", "md"}
    assert of(files, HONEST) == alone
    assert of(files, LIAR)["name"] == LIAR
    for form in ("html", "md"):
        assert steering(files[form]) == [], form
    # The page has one script and it is ours.
    assert len(SCRIPTS.findall(files["html"])) == 1
    assert sum(map(len, files.values())) < 4_000_000
