# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins share: read a host's signals once, name what went wrong, load the release table.

Not part of the core: this package is the only one of plugin_utils that knows Ansible.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.json_utils import _filter_non_json_lines
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import door
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import inputs
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases

TROUBLE: tuple[type[Exception], ...] = (AnsibleError, ConnectionError, TimeoutError)
try:
    from requests.exceptions import RequestException

    # The winrm connection lets these through when a host goes away in the middle of a module.
    TROUBLE += (RequestException,)
except ImportError:
    # ssh needs no requests.
    TROUBLE += ()
try:
    from winrm import exceptions as winrm_errors

    # It lets these through too, and they have no base of their own: 401 is the first, an answer that is no SOAP the second.
    TROUBLE += (winrm_errors.WinRMError, winrm_errors.WinRMTransportError, winrm_errors.WinRMOperationTimeoutError)
except ImportError:
    # psrp and ssh need no pywinrm.
    TROUBLE += ()

WARNINGS = "said_warnings"
COLLECTOR = "rebootless.patching.windows_signals_info"

# Texts of ansible-core and pywinrm on the controller, so never in the host's language.
PROBLEMS = (
    ("become", re.compile(r"become plugin \S+ is not supported|invalid become method|running commands via", re.I)),
    (
        "controller",
        re.compile(
            r"connection plugin .* was not found|(winrm or requests|pypsrp or dependencies) (is|are) not installed"
            r"|install the sshpass program",
            re.I,
        ),
    ),
    ("auth", re.compile(r"credentials were rejected|\b401\b|authenticat|permission denied|InvalidCredentials", re.I)),
    (
        "name",
        re.compile(
            r"name or service not known|name resolution|nodename nor servname|no address associated|getaddrinfo|resolve",
            re.I,
        ),
    ),
    ("refused", re.compile(r"refused|unreachable|no route", re.I)),
    ("timeout", re.compile(r"timed out|timeout", re.I)),
    ("dropped", re.compile(r"aborted|reset by peer|broken pipe|RemoteDisconnected|closed", re.I)),
)


class Answer(NamedTuple):
    """A host's raw signals, or the problem that kept them away: `{kind, message}`."""

    signals: Mapping[str, Any] | None
    problem: Mapping[str, str] | None


def problem(error: object) -> dict[str, str]:
    """`{kind: refused|name|timeout|auth|become|controller|dropped|failed, message}` of an error, on one line."""
    message = door.line(error)
    kind = next((name for name, pattern in PROBLEMS if pattern.search(message)), "failed")
    return {"kind": kind, "message": message}


def moment(value: str | None, option: str) -> datetime:
    """The time of judgement: ISO 8601 with a zone, or the present.

    :raises AnsibleActionFail: naming the option, the value and what is allowed
    """
    if value in (None, ""):
        return datetime.now(UTC)
    try:
        parsed = datetime.fromisoformat(str(value))
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise AnsibleActionFail(
            f"{option}: {value!r} is not a time; give ISO 8601 with a zone, for example 2026-09-20T12:00:00Z."
        )
    return parsed.astimezone(UTC)


def tell_now(said: str) -> None:
    """A warning that is shown at once: ansible-core keeps those of a task until the task has ended."""
    Display().display(f"[WARNING]: {said}", color="bright purple", stderr=True)


def read_json(path: str, option: str) -> Any:
    """The content of a JSON file named by an option.

    :raises AnsibleActionFail: naming the option and the file
    """
    try:
        return json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise AnsibleActionFail(f"{option}: {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise AnsibleActionFail(f"{option}: {path} is not JSON: {error}.") from error


def release_table(replace: str | None, extend: str | None) -> releases.ReleaseTable:
    """The release table: the collection's, or the user's file, extended by another file of the user's.

    :raises AnsibleActionFail: naming file, record and field of a broken table
    """
    try:
        data = read_json(replace, "release_table") if replace else releases.shipped()
        more = read_json(extend, "release_table_extend") if extend else None
        return releases.ReleaseTable.load(data, extend=more)
    except releases.TableError as error:
        source = " and ".join(str(path) for path in (replace, extend) if path) or "the collection's release table"
        raise AnsibleActionFail(f"{source}: {error}") from error


def through_the_door(res: Mapping[str, Any]) -> dict[str, Any]:
    """What the host's shell printed for a module, before ansible-core reads it: the module's answer as it may come in.

    Its warnings are left under another name, as ansible-core prints those by itself. What is no JSON is for ansible-core to tell.
    """
    printed = str(res.get("stdout") or "")
    screened = {key: door.text(value) if isinstance(value, str) else value for key, value in res.items()}
    try:
        answer = json.loads(_filter_non_json_lines(printed, objects_only=True)[0])
    except RecursionError:
        answer = "nested too deep"
    except ValueError:
        return screened
    if isinstance(answer, dict) and isinstance(answer.get("warnings"), list):
        answer[WARNINGS] = answer["warnings"]
    return {**screened, "stdout": json.dumps(door.result(answer))}


def screen(action: Any) -> None:
    """Let the answers in through the door that another collection's action plugin gets from a host."""
    parse = action._parse_returned_data
    action._parse_returned_data = lambda res, *more, **named: parse(through_the_door(res), *more, **named)


class SignalsAction(ActionBase):
    """An action plugin that judges a host by its signals: collects them once, or takes them as an option."""

    _supports_check_mode = True
    _supports_async = False
    # Actions that ask no host write down and give back, which must go on whatever a host says.
    ASKS_HOST = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Begin the task.

        :raises AnsibleActionFail: the host has a fact with the name of a setting; a hook may have gathered it in mid-run
        """
        if self.ASKS_HOST:
            held = task_vars or {}
            lies = inputs.of_facts({str(held.get("inventory_hostname")): held.get("ansible_facts") or {}})
            if lies:
                raise AnsibleActionFail(" ".join(lies))
        return dict(super().run(tmp, task_vars))

    def options(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The task's arguments, held against `spec`. Of a path only `~` is filled in: a `$` is a letter like others."""
        _result, arguments = self.validate_argument_spec(argument_spec=dict(spec))
        paths = {name for name, option in spec.items() if option.get("type") == "path"}
        given = {name: os.path.expanduser(str(self._task.args[name])) for name in paths & self._task.args.keys()}
        return {**arguments, **{name: path for name, path in given.items() if arguments[name] is not None}}

    def _parse_returned_data(self, res: Mapping[str, Any], *more: Any, **named: Any) -> Any:
        """In place of ansible-core's, which prints what a module warns of as it is."""
        return super()._parse_returned_data(through_the_door(res), *more, **named)

    def run_module(self, module: str, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Run a module on the host; its answer comes in through the door."""
        return door.result(
            self._execute_module(module_name=module, module_args=dict(arguments), task_vars=dict(task_vars))
        )

    def collect(self, arguments: Mapping[str, Any], task_vars: Mapping[str, Any], module: str = COLLECTOR) -> Answer:
        """Run a collector on the host, or say why there is no answer. Raises nothing for a host's trouble."""
        try:
            result = self.run_module(module, arguments, task_vars)
        except TROUBLE as error:
            return Answer(None, problem(error))
        signals = result.get("signals")
        if result.get("failed") or not isinstance(signals, Mapping):
            return Answer(None, problem(result.get("msg") or "the collector gave no signals"))
        return Answer(signals, None)

    def signals(
        self, arguments: Mapping[str, Any], task_vars: Mapping[str, Any], collector: Mapping[str, Any]
    ) -> Answer:
        """What to judge by: the signals given as an option, else the host's own; see `insist`."""
        if arguments["signals"] is not None:
            return Answer(door.admit(arguments["signals"]), None)
        answer = self.collect(collector, task_vars)
        self.insist(answer, arguments)
        return answer

    @staticmethod
    def insist(answer: Answer, arguments: Mapping[str, Any]) -> None:
        """Fail the task for a host's trouble, where `on_problem` says so.

        :raises AnsibleConnectionFailure: the host was not reached
        :raises AnsibleActionFail: the host answered with an error
        """
        if answer.problem is not None and arguments["on_problem"] == "fail":
            failure = AnsibleActionFail if answer.problem["kind"] == "failed" else AnsibleConnectionFailure
            raise failure(answer.problem["message"])
