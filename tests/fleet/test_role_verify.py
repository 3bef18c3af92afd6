# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role verify and health_info through ansible-playbook: services, ports, URLs, own checks, and hosts that go away."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.rebootless.patching.plugins.action import health_info
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import health as core
from conftest import HERE, Run, nearest
from fleet import worlds as library

SERVICE_INFO = "ansible.windows.win_service_info"
BASE = library.load(HERE / "worlds", only=["s25-arc-on-track"])["s25-arc-on-track"]
RUNNING = {"status": "Running", "start_type": "Automatic"}
STOPPED = {"status": "Stopped", "start_type": "Automatic"}
GOOD = {
    "SQL": RUNNING,
    "Late": RUNNING,
    "ByHand": {"status": "Running", "start_type": "Manual"},
    "sppsvc": RUNNING,
    "AcmeUpdater7": RUNNING,
    "Idle": STOPPED,
}
SECRET = "Bearer-s3cr3t-of-the-shop"

BEFORE_AND_AFTER = """
- name: Before
  hosts: old
  gather_facts: false
  roles:
    - {role: rebootless.patching.verify, verify_phase: before}

- name: After, on a host that is what the first one has become
  hosts: new
  gather_facts: false
  tasks:
    - name: Become the first one
      ansible.builtin.set_fact:
        __verify_before: "{{ hostvars['old'].__verify_before }}"

    - name: Check again and keep the result
      block:
        - name: Check
          ansible.builtin.include_role:
            name: rebootless.patching.verify
          vars:
            verify_phase: "{{ phase }}"
          loop: "{{ phases }}"
          loop_control: {loop_var: phase}
      always:
        - name: Write the result
          ansible.legacy.keep:
            content: "{{ verify_result | default({}) | to_json }}"
            dest: "{{ results }}/{{ inventory_hostname }}.json"
"""
ONE_HOST = """
- name: Both phases
  hosts: new
  gather_facts: false
  tasks:
    - name: Check and keep the result
      block:
        - name: Check
          ansible.builtin.include_role:
            name: rebootless.patching.verify
          vars:
            verify_phase: "{{ phase }}"
          loop: "{{ phases }}"
          loop_control: {loop_var: phase}
      always:
        - name: Write the result
          ansible.legacy.keep:
            content: "{{ verify_result | default({}) | to_json }}"
            dest: "{{ results }}/{{ inventory_hostname }}.json"
"""


class Shop(BaseHTTPRequestHandler):
    """Answers that a health page gives: good, wrong, broken, moved, and only to those who know the word."""

    def do_GET(self) -> None:
        allowed = self.headers.get("Authorization") == SECRET
        status = {"/good": 200, "/broken": 503, "/moved": 302, "/secret": 200 if allowed else 401}.get(self.path, 404)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/secret")
        self.end_headers()
        self.wfile.write('{"status":"up","größe":1}'.encode())

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def shop() -> Iterator[str]:
    """The URL of a server on the loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def listener() -> Iterator[int]:
    """A port that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> Iterator[int]:
    """A port that nobody can listen on while the test runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def verify(on_fleet: Callable[..., Run], tmp_path: Path) -> Callable[..., tuple[Run, dict[str, Any]]]:
    """`verify(play, after=..., **variables)`: a playbook against the hosts old and new; the run, and new's verify_result."""

    def run(
        play: str = ONE_HOST,
        *arguments: str,
        after: dict[str, Any] | None = None,
        faults: list[dict[str, Any]] | None = None,
        executor: str = "fast",
        **variables: Any,
    ) -> tuple[Run, dict[str, Any]]:
        folder = tmp_path / "worlds"
        folder.mkdir(exist_ok=True)
        for name, services in (("old", GOOD), ("new", after or GOOD)):
            (folder / f"{name}.yml").write_text(yaml.safe_dump({**BASE, "services": services}))
        (tmp_path / "play.yml").write_text("---\n" + play)
        given = {"phases": ["before"], "verify_interval": 1, "results": str(tmp_path), **variables}
        command = ["ansible-playbook", str(tmp_path / "play.yml"), *arguments, "-e", json.dumps(given)]
        options: list[str] = []
        if faults:
            (tmp_path / "faults.yml").write_text(yaml.safe_dump({"new": faults}))
            options = ["--faults", str(tmp_path / "faults.yml")]
        done = on_fleet(command, worlds=folder, executor=executor, options=tuple(options))
        kept = tmp_path / "new.json"
        return done, json.loads(kept.read_text()) if kept.exists() else {}

    return run


Verify = Callable[..., tuple[Run, dict[str, Any]]]


def failures(result: dict[str, Any]) -> dict[str, tuple[bool | None, str]]:
    """The checks of a result that did not pass."""
    return {f"{one['kind']} {one['name']}": (one["ok"], one["detail"]) for one in result["checks"] if not one["ok"]}


@pytest.mark.parametrize("executor", nearest())
def test_a_service_that_ran_before_must_run_after(verify: Verify, executor: str) -> None:
    after = {
        **GOOD,
        "SQL": STOPPED,
        "sppsvc": STOPPED,
        "AcmeUpdater7": STOPPED,
        "ByHand": {**STOPPED, "start_type": "Manual"},
        "Idle": RUNNING,
    }
    options = {
        "phases": ["after"],
        "verify_deadline": 0,
        "verify_ignore_services": ["acmeupdater*"],
        "verify_services": ["late"],
    }
    run, result = verify(BEFORE_AND_AFTER, after=after, executor=executor, **options)
    run.check(2)
    assert failures(result) == {"service SQL": (False, "stopped, ran before")}
    assert result["healthy"] is False
    assert result["changed_since_before"] == [
        {"kind": "service", "name": "Idle", "before": "stopped", "after": "running"},
        {"kind": "service", "name": "SQL", "before": "running", "after": "stopped"},
    ]
    assert set(result) == {"healthy", "checks", "changed_since_before", "waited"}
    assert "new after the update: Not healthy (3 checks, 1 failed): service SQL: stopped, ran before." in run.output
    assert run.counters["hosts"]["old"]["module_runs"] == {SERVICE_INFO: 1}
    assert run.counters["hosts"]["new"]["module_runs"] == {SERVICE_INFO: 1}


@pytest.mark.parametrize("executor", nearest())
def test_all_is_well(verify: Verify, executor: str, shop: str, listener: int) -> None:
    urls = [f"{shop}/good", {"url": f"{shop}/broken", "status": [503]}, {"url": f"{shop}/moved", "status": 302}]
    urls.append({"url": f"{shop}/secret", "text": "größe", "headers": {"Authorization": SECRET}})
    run, result = verify(
        phases=["before", "after"],
        executor=executor,
        verify_services=["ByHand"],
        verify_ports=[{"port": str(listener), "host": "127.0.0.1"}, listener],
        verify_urls=urls,
    )
    run.check()
    assert result["healthy"] is True
    assert result["changed_since_before"] == []
    assert 0 <= result["waited"] < 60
    names = [(one["kind"], one["name"], one["detail"]) for one in result["checks"]]
    assert names == [
        ("host", "new", "answers"),
        ("service", "ByHand", "running"),
        ("port", f"127.0.0.1:{listener}", "open"),
        ("port", str(listener), "open"),
        ("url", f"{shop}/good", "status 200"),
        ("url", f"{shop}/broken", "status 503"),
        ("url", f"{shop}/moved", "status 302"),
        ("url", f"{shop}/secret", "status 200"),
        ("service", "AcmeUpdater7", "running"),
        ("service", "Late", "running"),
        ("service", "SQL", "running"),
    ]
    assert run.counters["hosts"]["new"]["module_runs"] == {SERVICE_INFO: 2}


def test_everything_that_fails_before_the_update_is_named(verify: Verify, shop: str, closed: int) -> None:
    urls = [f"{shop}/broken", {"url": f"{shop}/good", "text": "down"}, {"url": f"{shop}/moved", "text": "up"}]
    urls += [f"http://anna:{SECRET}@127.0.0.1:{closed}/x"]
    urls.append({"url": f"{shop}/secret", "headers": {"Authorization": "Wrong"}})
    run, result = verify(verify_services=["Idle", "NoSuch"], verify_ports=[closed], verify_urls=urls)
    run.check(2)
    assert failures(result) == {
        "service Idle": (False, "stopped"),
        "service NoSuch": (False, "does not exist"),
        f"port {closed}": (False, "Connection refused"),
        f"url {shop}/broken": (False, "status 503, wanted 200"),
        f"url {shop}/good": (False, "status 200, but without the text 'down'"),
        # Followed, but the header is not taken along.
        f"url {shop}/moved": (False, "status 401, wanted 200"),
        f"url http://***@127.0.0.1:{closed}/x": (False, "Connection refused"),
        f"url {shop}/secret": (False, "status 401, wanted 200"),
    }
    assert "new before the update: Not healthy (9 checks, 8 failed): service Idle: stopped; " in run.output
    assert 0 <= result["waited"] < 60


def test_a_redirect_gets_no_header(verify: Verify, shop: str) -> None:
    url = {"url": f"{shop}/moved", "headers": {"Authorization": SECRET}}
    run, result = verify(verify_urls=[url], verify_fail_before=False)
    run.check()
    assert failures(result) == {f"url {shop}/moved": (False, "status 401, wanted 200")}


def test_a_host_that_was_ill_before_is_told_apart(verify: Verify) -> None:
    run, result = verify(
        phases=["before", "after"],
        verify_services=["Idle"],
        verify_fail_before=False,
        verify_fail_after=False,
        verify_deadline=0,
    )
    run.check()
    assert failures(result) == {"service Idle": (False, "stopped (as before)")}
    assert result["changed_since_before"] == []
    assert result["healthy"] is False


def test_headers_are_nowhere(verify: Verify, shop: str, closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not in titles that show what tasks are given, with every template filled in."""
    monkeypatch.setenv("ANSIBLE_DISPLAY_ARGS_TO_STDOUT", "1")
    monkeypatch.setenv("ANSIBLE_DISPLAY_SKIPPED_HOSTS", "0")
    headers = {"Authorization": SECRET}
    urls = [{"url": f"{shop}/good", "headers": headers}, {"url": f"http://127.0.0.1:{closed}", "headers": headers}]
    play = ONE_HOST.replace("hosts: new\n", f"hosts: new\n  vars:\n    verify_urls: {json.dumps(urls)}\n")
    run, result = verify(play, "-vvv", verify_fail_before=False)
    assert len(failures(result)) == 1
    assert SECRET not in run.check().output


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "verify_ports",
            [{"port": 99999}],
            "verify_ports[0].port: 99999 is not allowed; give a whole number from 1 to",
        ),
        (
            "verify_ports",
            [{"port": 1, "hst": "x"}],
            "verify_ports[0]: the key 'hst' is not known; known are port, host,",
        ),
        (
            "verify_urls",
            ["shop.example.com"],
            "verify_urls[0].url: a text of 16 characters is not allowed; give a URL as",
        ),
        (
            "verify_urls",
            [{"url": "http://a", "headers": {"A": f"{SECRET}\n"}}],
            "verify_urls[0].headers.A: its value is",
        ),
        ("verify_services", ["SQL*"], "verify_services[0]: 'SQL*' is not allowed; give the name of one service"),
        ("verify_tasks", ["no/such.yml"], "verify_tasks: no/such.yml is not a file; give a full path"),
        ("verify_interval", 0, "verify_interval: 0 is not allowed; give a whole number from 1 to 3600"),
        ("verify_deadline", -1, "verify_deadline: -1 is not allowed; give a whole number from 0 to 86400"),
        (
            "phases",
            ["after"],
            "verify_phase: after compares with what before has found, and before has not run for new",
        ),
        ("phases", ["during"], "value of verify_phase must be one of: before, after, got: during"),
    ],
)
def test_bad_input_ends_before_anything_is_asked(verify: Verify, variable: str, value: object, said: str) -> None:
    given: dict[str, Any] = {variable: value}
    if variable == "verify_deadline":
        given |= {"phases": ["after"], "verify_running": False}
    run, _result = verify(**given)
    assert said in " ".join(run.check(2).output.split())
    assert SECRET not in run.output
    assert run.counters["hosts"]["new"]["requests"] == 0


OWN = """
- name: See the host
  ansible.windows.win_ping:

- name: Count the tries
  ansible.builtin.tempfile:
    path: "{{ results }}/tries"
  delegate_to: localhost
  vars: {ansible_connection: local}
  check_mode: false

- name: Want three of them
  ansible.builtin.assert:
    that: tried | length >= wanted_tries
    fail_msg: only {{ tried | length }} tries
  vars:
    tried: "{{ query('ansible.builtin.fileglob', results ~ '/tries/*') }}"
"""

SECRETIVE = f"""---
- name: Know a secret
  ansible.builtin.command: sh -c 'echo {SECRET} >&2; exit 3'
  changed_when: false
  delegate_to: localhost
  no_log: true
  vars: {{ansible_connection: local}}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file of own checks beside the playbook that passes from the third time on."""
    (tmp_path / "checks").mkdir()
    (tmp_path / "tries").mkdir()
    (tmp_path / "checks" / "own.yml").write_text("---\n" + OWN)
    return tmp_path


@pytest.mark.parametrize("executor", nearest())
def test_own_checks_are_repeated_until_they_pass(verify: Verify, own: Path, executor: str) -> None:
    options = {"phases": ["after"], "verify_running": False, "wanted_tries": 3, "verify_deadline": 120}
    run, result = verify(verify_tasks=["checks/own.yml"], executor=executor, **options)
    run.check()
    assert result["healthy"] is True
    assert result["checks"][-1] == {"kind": "task", "name": "checks/own.yml", "ok": True, "detail": "passed"}
    assert len(list((own / "tries").iterdir())) == 3
    assert 2 <= result["waited"] <= 120


def test_own_checks_that_fail_are_failed_checks_with_their_words(verify: Verify, own: Path) -> None:
    (own / "checks" / "secret.yml").write_text(SECRETIVE)
    run, result = verify(verify_tasks=["checks/own.yml", str(own / "checks" / "secret.yml")], wanted_tries=3)
    run.check(2)
    task, hidden = failures(result).items()
    assert task == ("task checks/own.yml", (False, "Want three of them: only 1 tries: tried | length >= wanted_tries"))
    assert hidden[1] == (False, "Know a secret: failed; what it said is hidden by no_log")
    assert SECRET not in run.output


def test_own_checks_on_a_host_that_is_away_have_no_answer(verify: Verify, own: Path) -> None:
    run, result = verify(verify_tasks=["checks/own.yml"], wanted_tries=1, faults=[{"kind": "refused"}])
    run.check(2)
    assert failures(result)["task checks/own.yml"] == (None, "not run, the host was not reached")
    assert not list((own / "tries").iterdir())


def test_a_host_that_goes_away_in_own_checks_is_not_healthy(verify: Verify, own: Path) -> None:
    fault = {"kind": "refused", "when": {"module": "win_ping"}}
    run, result = verify(verify_tasks=["checks/own.yml"], wanted_tries=1, faults=[fault])
    run.check(2)
    assert result["healthy"] is None
    assert failures(result)["task checks/own.yml"][0] is None
    assert "unreachable=0" in run.output.split("PLAY RECAP")[1].split("new")[1]


@pytest.mark.parametrize("kind", ["refused", "unauthorized", "cut"])
def test_a_host_that_cannot_be_asked_is_an_ordinary_failure(verify: Verify, kind: str) -> None:
    run, result = verify(faults=[{"kind": kind}], verify_services=["SQL"], verify_ports=[{"port": 1, "from": "host"}])
    run.check(2)
    assert result["healthy"] is None
    assert [one["ok"] for one in result["checks"]] == [None, None, None]
    assert "new before the update: Health unknown (3 checks, 3 without an answer): host new: " in run.output
    assert "unreachable=0" in run.output.split("PLAY RECAP")[1].split("new")[1]


@pytest.mark.parametrize("kind", ["refused", "unauthorized", "cut"])
def test_a_host_that_is_away_for_a_while_is_waited_for(verify: Verify, kind: str) -> None:
    # With `before` the host is asked once, so the second run is the first one after the update.
    fault = {"kind": kind, "when": {"module": "win_service_info", "nth": 2}}
    if kind != "cut":
        fault["seconds"] = 3
    run, result = verify(phases=["before", "after"], faults=[fault], verify_deadline=60)
    run.check()
    assert result["healthy"] is True
    assert 1 <= result["waited"] <= 60
    assert run.counters["hosts"]["new"]["faults"][kind] >= 1


@pytest.mark.parametrize("executor", nearest())
def test_a_host_that_stays_away_is_unknown_at_the_deadline(verify: Verify, executor: str) -> None:
    fault = {"kind": "refused", "when": {"module": "win_service_info", "nth": 2}}
    run, result = verify(phases=["before", "after"], faults=[fault], verify_deadline=3, executor=executor)
    run.check(2)
    assert result["healthy"] is None
    assert {one["ok"] for one in result["checks"]} == {None}
    assert result["waited"] >= 3
    assert result["changed_since_before"] == [{"kind": "host", "name": "new", "before": "ok", "after": "unknown"}]


def test_what_could_not_be_asked_before_is_not_known_after(verify: Verify) -> None:
    fault = {"kind": "cut", "when": {"module": "win_service_info", "nth": 1}}
    options = {"verify_fail_before": False, "verify_deadline": 0}
    run, result = verify(phases=["before", "after"], faults=[fault], **options)
    run.check(2)
    assert result["healthy"] is None
    ok, detail = failures(result)["service those that ran before"]
    assert (ok, detail.partition(":")[0]) == (None, "not known, their states before could not be read")


def test_a_port_asked_from_the_host_needs_its_answer(verify: Verify) -> None:
    """The simulated host refuses win_wait_for, so nobody knows about the port."""
    run, result = verify(verify_ports=[{"port": 445, "from": "host"}])
    run.check(2)
    ok, detail = failures(result)["port 445 from the host"]
    assert ok is None
    assert detail.startswith("ansible.windows.win_wait_for: simfleet does not simulate")


@pytest.mark.parametrize(
    ("result", "problem", "ok", "detail"),
    [
        ({"wait_attempts": 3}, None, True, "open"),
        ({"wait_attempts": 3}, {"kind": "timeout", "message": "timeout while waiting"}, False, "timeout while waiting"),
        ({}, {"kind": "dropped", "message": "connection aborted"}, None, "connection aborted"),
    ],
)
def test_what_win_wait_for_says_of_a_port(
    monkeypatch: pytest.MonkeyPatch,
    result: dict[str, Any],
    problem: dict[str, str] | None,
    ok: bool | None,
    detail: str,
) -> None:
    asked: list[Any] = []

    def ask(_self: object, *arguments: Any) -> tuple[dict[str, Any], dict[str, str] | None]:
        asked.append(arguments)
        return result, problem

    monkeypatch.setattr(health_info.ActionModule, "ask", ask)
    action = object.__new__(health_info.ActionModule)
    one = action.ask_host(core.Port(445, None, "host", 7), {})
    assert one == {"kind": "port", "name": "445 from the host", "ok": ok, "detail": detail}
    wanted = {"port": 445, "host": "127.0.0.1", "timeout": 7, "connect_timeout": 7}
    assert asked == [("ansible.windows.win_wait_for", wanted, {})]


def test_check_mode_sees_the_same(verify: Verify, closed: int) -> None:
    run, result = verify(ONE_HOST, "--check", phases=["before", "after"], verify_ports=[closed])
    run.check(2)
    assert failures(result) == {f"port {closed}": (False, "Connection refused")}


def test_validate_only_asks_nobody(verify: Verify) -> None:
    task = "rebootless.patching.health_info: {validate_only: true, ports: [443]}"
    play = f"- name: Look\n  hosts: new\n  gather_facts: false\n  tasks:\n    - name: Check the input\n      {task}\n"
    run, _result = verify(play)
    assert run.check().counters["hosts"]["new"]["requests"] == 0
