# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch between win_updates and the host: what a lost connection, a silent host and the deadline come to."""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.rebootless.patching.plugins.action import install_updates
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from winrm import exceptions as winrm_errors

LATER = 3600.0
EXIT = {"output": [{"task": "install_result", "result": {}}, {"task": "exit", "result": {}}]}
NOTHING_YET: dict[str, Any] = {"output": []}
GONE = AnsibleConnectionFailure("refused")
# What the winrm connection lets through, and what it is to the user.
ESCAPING = [
    (winrm_errors.InvalidCredentialsError("the specified credentials were rejected by the server"), "auth"),
    (winrm_errors.WinRMTransportError("http", 500, "no SOAP"), "failed"),
    (winrm_errors.WinRMOperationTimeoutError(), "failed"),
    (winrm_errors.WinRMError("something else"), "failed"),
]


class Host:
    """Stands for action and connection: answers or raises one thing after the other, and counts."""

    def __init__(self, *answers: Any, reset: Exception | None = None) -> None:
        self.answers, self.asked, self.resets, self._reset = list(answers), [], 0, reset
        self._connection = self
        self._execute_module: Callable[..., dict[str, Any]] = self.execute

    def execute(self, **wanted: Any) -> dict[str, Any]:
        self.asked.append(wanted["module_args"]["_operation"])
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return dict(answer() if callable(answer) else answer)

    def reset(self) -> None:
        self.resets += 1
        if self._reset is not None:
            raise self._reset

    def call(self, operation: str) -> dict[str, Any]:
        """As the real plugin calls."""
        return self._execute_module(module_name="ansible.windows.win_updates", module_args={"_operation": operation})


def watched(host: Host, seconds: float = LATER) -> install_updates.Watch:
    return install_updates.Watch(host, time.monotonic() + seconds, 0.0)


@pytest.fixture(autouse=True)
def no_alarm_is_left() -> Iterator[None]:
    """Whatever happens, the process has its alarm back afterwards."""
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == before


def silent() -> dict[str, Any]:
    """A host that never answers, in code that takes every Exception for a sign of trouble and goes on."""
    try:
        threading.Event().wait(60)
    except Exception:
        threading.Event().wait(60)
    return NOTHING_YET


def test_all_is_said() -> None:
    host = Host({"poll_options": {}}, NOTHING_YET, EXIT, {})
    watch = watched(host)
    assert host.call("start") == {"poll_options": {}}
    assert host.call("poll") == NOTHING_YET
    assert (watch.ended, watch.lost) == (False, False)
    assert host.call("poll") == EXIT
    assert host.call("cancel") == {}
    assert (watch.ended, watch.lost, host.resets) == (True, False, 0)
    assert host.asked == ["start", "poll", "poll", "cancel"]


@pytest.mark.parametrize("trouble", [GONE, ConnectionError("reset"), *(error for error, _kind in ESCAPING)])
@pytest.mark.parametrize("reset", [None, GONE, ESCAPING[0][0]])
def test_a_lost_poll_is_asked_again_on_a_new_connection(trouble: Exception, reset: Exception | None) -> None:
    host = Host(trouble, trouble, trouble, EXIT, reset=reset)
    watch = watched(host)
    assert host.call("poll") == EXIT
    assert (watch.ended, watch.lost, host.resets) == (True, True, 3)


def test_a_lost_start_is_not_repeated() -> None:
    host = Host(GONE)
    watch = watched(host)
    with pytest.raises(AnsibleConnectionFailure):
        host.call("start")
    assert (watch.ended, watch.lost, host.asked) == (False, True, ["start"])


def test_a_start_that_the_module_calls_failed_has_ended() -> None:
    host = Host({"failed": True, "msg": "no task"})
    watch = watched(host)
    assert host.call("start")["msg"] == "no task"
    assert (watch.ended, watch.lost) == (True, True)


def test_a_poll_that_failed_has_not_ended() -> None:
    host = Host({"failed": True, "msg": "no pipe"})
    watch = watched(host)
    host.call("poll")
    assert (watch.ended, watch.lost) == (False, False)


def test_what_has_not_ended_is_not_cancelled() -> None:
    host = Host(NOTHING_YET)
    watched(host)
    host.call("poll")
    with pytest.raises(install_updates.LeftRunning):
        host.call("cancel")
    assert host.asked == ["poll"]


@pytest.mark.parametrize("answer", [GONE, ESCAPING[0][0], {"failed": True, "msg": "no process"}])
def test_a_cancel_that_fails_takes_nothing_back(answer: Any) -> None:
    host = Host(EXIT, answer)
    watch = watched(host)
    host.call("poll")
    assert host.call("cancel") == {}
    assert (watch.ended, watch.lost) == (True, False)


@pytest.mark.parametrize("operation", ["start", "poll"])
def test_nothing_is_asked_after_the_deadline(operation: str) -> None:
    host = Host()
    watched(host, 0.0)
    with pytest.raises(install_updates.LeftRunning):
        host.call(operation)
    assert host.asked == []


@pytest.mark.parametrize("operation", ["start", "poll"])
def test_a_silent_host_is_left_at_the_deadline(operation: str) -> None:
    host = Host(silent)
    watch, began = watched(host, 0.2), time.monotonic()
    with pytest.raises(install_updates.LeftRunning):
        host.call(operation)
    assert time.monotonic() - began < 30
    assert (watch.ended, watch.lost) == (False, True)


def test_a_silent_cancel_is_left_too() -> None:
    host = Host(EXIT, silent)
    watched(host, 0.5)
    host.call("poll")
    assert host.call("cancel") == {}


def test_the_alarm_of_a_task_with_a_timeout_stays() -> None:
    def theirs(_number: int, _frame: object) -> None:
        raise AssertionError

    before = signal.signal(signal.SIGALRM, theirs)
    try:
        with install_updates.alarm(time.monotonic()):
            assert signal.getsignal(signal.SIGALRM) is theirs
            assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_outside_the_main_thread_there_is_no_alarm() -> None:
    done: list[dict[str, Any]] = []
    host = Host(EXIT)
    watched(host)
    thread = threading.Thread(target=lambda: done.append(host.call("poll")))
    thread.start()
    thread.join()
    assert done == [EXIT]


def test_win_updates_is_given_the_patterns_and_never_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own action plugin gets these options and no others, and is watched."""
    given: list[Any] = []
    printed: list[Any] = []

    class Real:
        _connection = SimpleNamespace(reset=lambda: None)

        def __init__(self, task: Any) -> None:
            self.task = task

        def _execute_module(self, **_wanted: Any) -> dict[str, Any]:
            return EXIT

        def _parse_returned_data(self, res: dict[str, Any]) -> Any:
            return json.loads(res["stdout"])

        def run(self, task_vars: dict[str, Any]) -> dict[str, Any]:
            given.append((self.task.args, task_vars))
            self._execute_module(module_args={"_operation": "poll"})
            printed.append(self._parse_returned_data({"stdout": '{"warnings": ["\\u001b"], "output": ["\\u001b"]}'}))
            return {"updates": {"a": {"installed": True}}, "failed": True, "msg": "one failed"}

    def get(name: str, task: Any, **_more: Any) -> Real:
        assert name == "ansible.windows.win_updates"
        return Real(task)

    task = SimpleNamespace(args={"decision": {}}, copy=SimpleNamespace)
    loader = SimpleNamespace(action_loader=SimpleNamespace(get=get))
    action = install_updates.ActionModule(task, Real._connection, SimpleNamespace(), None, None, loader)
    # Newer ansible-core does not take it as an argument any more.
    monkeypatch.setattr(action, "_shared_loader_obj", loader)
    report = action.install(["^One$"], {"x": 1}, time.monotonic() + LATER, 0.0)
    options = {"accept_list": ["^One$"], "category_names": ["*"], "reboot": False, "skip_optional": False}
    assert given == [({**options, "state": "installed"}, {"x": 1})]
    assert report == ({"a": {"installed": True}}, "one failed", True, False)
    # It would print a module's warnings as they are.
    assert printed == [{"output": ["\ufffd"], collector.WARNINGS: ["\ufffd"]}]
    action.install(["^One$"], {}, time.monotonic() + LATER, 0.0, "downloaded")
    assert given[-1] == ({**options, "state": "downloaded"}, {})


@pytest.mark.parametrize(("error", "kind"), ESCAPING)
def test_errors_of_pywinrm_are_a_problem_of_the_host(error: Exception, kind: str) -> None:
    def run_module(*_wanted: Any) -> dict[str, Any]:
        raise error

    answer = collector.SignalsAction.collect(SimpleNamespace(run_module=run_module), {}, {})
    assert answer.signals is None
    assert answer.problem is not None
    assert answer.problem["kind"] == kind


def test_without_pywinrm_the_rest_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "winrm", None)
    spec = importlib.util.spec_from_file_location("collector_without_pywinrm", collector.__file__)
    assert spec is not None
    assert spec.loader is not None
    without = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(without)
    assert set(collector.TROUBLE) - set(without.TROUBLE) == {
        winrm_errors.WinRMError,
        winrm_errors.WinRMTransportError,
        winrm_errors.WinRMOperationTimeoutError,
    }


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        ('{"signals": {"a": "\\u001b[2J"}}', {"signals": {"a": "\ufffd[2J"}}),
        ('profile says hello\n{"a": 1}\nand goodbye', {"a": 1}),
        (
            '{"warnings": ["w\\u001b"], "deprecations": [{"msg": "d"}], "exception": "e"}',
            {collector.WARNINGS: ["w\ufffd"]},
        ),
        ('{"a": "\\ud800", "b": NaN}', {"a": "\ufffd", "b": "(no number)"}),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, None),
    ],
)
def test_an_answer_comes_in_through_the_door(printed: str, read: dict[str, Any] | None) -> None:
    made = collector.through_the_door({"stdout": printed, "stderr": "\x1b", "rc": 0})
    assert (made["stderr"], made["rc"]) == ("\ufffd", 0)
    if read is None:
        assert json.loads(made["stdout"])["failed"] is True
    else:
        assert json.loads(made["stdout"]) == read


def test_what_is_no_json_is_left_to_ansible_core_without_what_steers() -> None:
    made = collector.through_the_door({"stdout": "\x1b[2Jno JSON", "stderr": "", "rc": 1})
    assert made == {"stdout": "\ufffd[2Jno JSON", "stderr": "", "rc": 1}
