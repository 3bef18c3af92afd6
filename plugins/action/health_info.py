# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this host healthy, and what has changed since a look before. Documentation: plugins/modules/health_info.py."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

from ansible.module_utils.urls import ConnectionError as UrlError
from ansible.module_utils.urls import MissingModuleError, open_url
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import health as verify

SERVICES = "ansible.windows.win_service_info"
PORTS = "ansible.windows.win_wait_for"
BODY = 1 << 20
SPEC = {
    "before": {"type": "dict"},
    "deadline": {"type": "raw", "default": 0},
    "delay": {"type": "raw", "default": 0},
    "ignore_services": {"type": "raw", "default": []},
    "interval": {"type": "raw", "default": 15},
    "ports": {"type": "raw", "default": []},
    "prefix": {"type": "str", "default": ""},
    "running": {"type": "bool", "default": True},
    "services": {"type": "raw", "default": []},
    "since": {"type": "str"},
    "tasks": {"type": "list", "elements": "dict", "default": []},
    "urls": {"type": "raw", "default": []},
    "validate_only": {"type": "bool", "default": False},
}


class ActionModule(collector.SignalsAction):
    """Look at a host until it is healthy or the time is over, and let the core judge."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = self.options(SPEC)
        prefix = arguments["prefix"]
        try:
            wanted = verify.Wanted.load(arguments, prefix)
            before = verify.known(arguments["before"])
            deadline = verify.whole(arguments["deadline"], f"{prefix}deadline", 0, verify.LONGEST_DEADLINE)
            interval = verify.whole(arguments["interval"], f"{prefix}interval", 1, verify.LONGEST_INTERVAL)
            delay = verify.whole(arguments["delay"], f"{prefix}delay", 0, verify.LONGEST_INTERVAL)
        except verify.VerifyError as error:
            # Not raised: a task that hides its headers hides its own error too, and somebody else has to say it.
            return result | {"failed": True, "msg": str(error)}
        since = collector.moment(arguments["since"], "since").timestamp()
        result.update(changed=False, healthy=None, checks=[], changed_since_before=[], waited=0, snapshot=None)
        if arguments["validate_only"]:
            return result | {"summary": "The input is good."}
        tasks = [verify.task_check(readable(entry)) for entry in arguments["tasks"]]

        time.sleep(delay)
        after = self.look(wanted, variables, tasks)
        while True:
            verdict = verify.judge(wanted, before, after)
            waited = max(0, time.time() - since)
            if verdict["healthy"] is True or waited >= deadline:
                break
            time.sleep(min(interval, deadline - waited))
            after = self.look(wanted, variables, tasks, again=True)
        summary = verify.summary(verdict["checks"])
        return result | verdict | {"waited": int(waited), "snapshot": after, "summary": summary}

    def look(
        self, wanted: verify.Wanted, variables: Mapping[str, Any], tasks: list[verify.Check], again: bool = False
    ) -> dict[str, Any]:
        """One snapshot of the host."""
        name = str(variables.get("inventory_hostname", ""))
        answer, problem = self.ask(SERVICES, {}, variables, again=again)
        asked = []
        for port in wanted.ports:
            if port.source == "controller":
                asked.append(ask_port(port, self.address(variables)))
            elif problem and problem["kind"] != "failed":
                asked.append(verify.check("port", port.name, None, "the host was not reached"))
            else:
                asked.append(self.ask_host(port, variables))
        asked += [ask_url(url) for url in wanted.urls]
        return verify.snapshot(wanted, name, answer, problem, [*asked, *tasks])

    def ask(
        self, module: str, arguments: Mapping[str, Any], variables: Mapping[str, Any], again: bool = False
    ) -> tuple[Mapping[str, Any], dict[str, str] | None]:
        """A module's result, and the problem when there is none to use; nothing that happens to a host is raised."""
        try:
            if again:
                # The shell of the last look may have gone with a restart.
                self._connection.reset()
            result = self.run_module(module, arguments, variables)
        except Exception as error:  # pywinrm's own errors have no common base
            return {}, lost(error)
        result["warnings"] = result.pop(collector.WARNINGS, [])
        if result.get("unreachable"):
            return result, lost(result.get("msg"))
        if result.get("failed"):
            return result, collector.problem(result.get("msg") or f"{module} failed")
        return result, None

    def ask_host(self, port: verify.Port, variables: Mapping[str, Any]) -> verify.Check:
        """Whether the host itself can connect to a port."""
        wanted = {"port": port.port, "host": port.host or "127.0.0.1", "timeout": port.timeout}
        wanted["connect_timeout"] = port.timeout
        result, problem = self.ask(PORTS, wanted, variables)
        if problem is None:
            return verify.check("port", port.name, True, "open")
        # A module that has waited says how often it tried; any other failure tells nothing about the port.
        closed = "wait_attempts" in result
        return verify.check("port", port.name, False if closed else None, problem["message"])

    def address(self, variables: Mapping[str, Any]) -> str:
        """Where the controller reaches the host."""
        found = variables.get("ansible_host") or variables.get("inventory_hostname", "")
        return str(self._templar.template(found))


def lost(error: object) -> dict[str, str]:
    """The problem of a host that was not reached, whatever its text."""
    problem = collector.problem(error)
    return problem if problem["kind"] != "failed" else problem | {"kind": "dropped"}


def readable(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A result of own checks, whose `result` may be JSON text."""
    result = entry.get("result")
    if isinstance(result, str):
        try:
            result = json.loads(result)
        except ValueError:
            result = {"msg": result}
    return dict(entry) | {"result": result}


def ask_port(port: verify.Port, address: str) -> verify.Check:
    """Whether the controller can connect to a port."""
    try:
        with socket.create_connection((port.host or address, port.port), timeout=port.timeout):
            return verify.check("port", port.name, True, "open")
    except TimeoutError:
        return verify.check("port", port.name, False, f"no answer within {port.timeout} s")
    except (OSError, UnicodeError) as error:
        return verify.check("port", port.name, False, getattr(error, "strerror", None) or error)


def ask_url(url: verify.Url) -> verify.Check:
    """Whether a URL answers as it must. Values of its headers never get into the detail."""
    ok, detail = False, ""
    try:
        status, body = fetch(url)
        ok, detail = status in url.status, f"status {status}"
        if not ok:
            detail += f", wanted {' or '.join(map(str, url.status))}"
        elif url.text is not None and url.text not in body:
            ok, detail = False, f"{detail}, but without the text {url.text!r}"
    except (OSError, ValueError, HTTPException, UrlError, MissingModuleError) as error:
        detail = why(error, url.timeout)
    for value in url.headers.values():
        detail = detail.replace(value, "***") if value else detail
    return verify.check("url", url.name, ok, verify.masked(detail))


def why(error: Exception, timeout: int) -> str:
    """An error of a request in words."""
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, TimeoutError):
        return f"no answer within {timeout} s"
    return getattr(reason, "strerror", None) or str(reason) or type(error).__name__


def fetch(url: verify.Url) -> tuple[int, str]:
    """Status and body of an answer; the body is empty when nobody wants to know it.

    :raises OSError, ValueError, HTTPException, UrlError, MissingModuleError: there is no answer
    """
    redirect_wanted = any(300 <= status < 400 for status in url.status)
    try:
        answer = open_url(
            url.url,
            headers=dict(url.headers),
            # A redirect to somewhere else must not take a password along.
            unredirected_headers=list(url.headers),
            timeout=url.timeout,
            validate_certs=url.validate_certs,
            follow_redirects="none" if redirect_wanted else "safe",
            http_agent="rebootless.patching",
            decompress=False,
            force=True,
            use_netrc=False,
        )
    except HTTPError as error:
        answer = error
    with answer:
        return answer.code, "" if url.text is None else read(answer, url.timeout)


def read(answer: Any, timeout: int) -> str:
    """The text of an answer, at most BODY bytes of it.

    :raises TimeoutError: it drips in for longer than `timeout` seconds
    """
    end = time.monotonic() + timeout
    body = b""
    while len(body) < BODY:
        part = answer.read1(1 << 16)
        if not part:
            break
        body += part
        if time.monotonic() > end:
            raise TimeoutError
    charset = answer.headers.get_content_charset() or "utf-8"
    try:
        return body.decode(charset, errors="replace")
    except LookupError:
        return body.decode("utf-8", errors="replace")
