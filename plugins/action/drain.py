# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a host out of service, or put it back. Documentation: plugins/modules/drain.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError

from ansible.errors import AnsibleActionFail
from ansible.module_utils.urls import ConnectionError as UrlError
from ansible.module_utils.urls import MissingModuleError, open_url
from ansible_collections.rebootless.patching.plugins.action import health_info
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import drain, drain_memory
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import health as verify
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import fencing as fleet_lease

MODULE = "rebootless.patching.windows_drain"
SPEC = {
    "adapters": {"type": "raw", "default": []},
    "answer": {"type": "dict"},
    "earlier": {"type": "dict", "default": {}},
    "interval": {"type": "raw", "default": 5},
    "lease": fleet_lease.OPTION,
    "prefix": {"type": "str", "default": ""},
    "progress": {"type": "dict"},
    "run": {"type": "str", "default": ""},
    "state": {"type": "str", "choices": list(drain.STATES), "required": True},
    "validate_only": {"type": "bool", "default": False},
}
CHANGES = ("remember", "forget", "drain", "restore")
FILES = {"ask": "check_file", "drain": "drain_file", "restore": "restore_file"}
REQUEST_TROUBLE = (OSError, ValueError, HTTPException, UrlError, MissingModuleError)


class Look(NamedTuple):
    """What windows_drain answered, or the problem `{kind, message}` that kept it away."""

    answer: Mapping[str, Any]
    problem: Mapping[str, str] | None

    @property
    def cluster(self) -> Mapping[str, Any]:
        """The probe of the cluster; one that failed when there was no answer."""
        return self.answer["cluster"] if self.problem is None else {"ok": False, "error": self.problem}


class ActionModule(collector.SignalsAction):
    """Carry out the core's steps until it is done, or until a file of tasks has to be run by the role."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        self.variables = task_vars or {}
        self.lost = False
        arguments = self.options(SPEC)
        prefix, self.lease = arguments["prefix"], arguments["lease"]
        try:
            self.adapters = drain.load(arguments["adapters"], f"{prefix}adapters")
            self.interval = verify.whole(arguments["interval"], f"{prefix}interval", 0, verify.LONGEST_INTERVAL)
        except (drain.DrainError, verify.VerifyError) as error:
            if arguments["validate_only"]:
                # Not raised: the task hides what it is given, and so its own error, and somebody else has to say it.
                return result | {"failed": True, "msg": str(error)}
            raise AnsibleActionFail(str(error)) from error
        files = [name for one in self.adapters for name in (one.drain_file, one.restore_file, one.check_file) if name]
        result.update(changed=False, files=files, next=None)
        progress = arguments["progress"] or drain.begin(
            arguments["state"], self.adapters, run=arguments["run"], earlier=arguments["earlier"]
        )
        if arguments["validate_only"]:
            return result | drain.result(progress) | {"state": None, "progress": progress}

        answer = arguments["answer"]
        while (step := drain.step(progress))["do"] != "end":
            file = self.file(step)
            changes = step["do"] in CHANGES and answer is None and not self._task.check_mode
            lost = fleet_lease.lost(self.lease, self.variables["inventory_hostname"]) if changes else None
            if file and answer is None and not lost:
                wanted = {"do": step["do"], "file": file}
                return result | drain.result(progress) | {"state": None, "progress": progress, "next": wanted}
            if step["do"] == "remember":
                progress = drain.before_remember(progress)
            done = {"ok": False, "changed": False, "detail": lost}
            if not lost:
                done = self.own(step, answer) if file else self.do(step, progress)
            answer = None if file else answer
            progress = drain.take(progress, step, done)
        ended = drain.result(progress)
        if ended["changed"]:
            result["diff"] = difference(progress)
        return result | ended | {"progress": progress}

    # Steps

    def file(self, step: Mapping[str, Any]) -> str:
        """The file of tasks that a step is; empty when it is none, as in check mode."""
        if step["adapter"] is None or self._task.check_mode or step["do"] not in FILES:
            return ""
        return str(getattr(self.adapters[step["adapter"]], FILES[step["do"]]))

    def own(self, step: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
        """What a file of tasks says. It ignores a host that is away, so the host is asked whether it is there."""
        passed = bool(answer.get("ok"))
        if step["do"] == "ask":
            return {"ok": True, "changed": False, "detail": "", "now": "drained" if passed else "active"}
        detail = verify.task_check(health_info.readable({"name": "", **answer}))["detail"]
        look = self.ask("read", cluster=False)
        if look.problem is not None:
            return {"ok": None, "changed": True, "detail": f"{detail}, but {look.problem['message']}"}
        return {"ok": passed, "changed": True, "detail": detail}

    def do(self, step: Mapping[str, Any], progress: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a step that is no file of tasks; `{ok, changed, detail}`."""
        place = step["adapter"]
        if step["do"] == "read":
            return self.read()
        if step["do"] in ("remember", "forget"):
            return self.memory(step["do"], drain.remember(dict(progress)))
        adapter, entry = self.adapters[place], progress["adapters"][place]
        allowed = drain.exceptions_of(entry)
        if step["do"] == "wait":
            return self.storage(adapter, allowed)
        if step["do"] == "ask":
            return {"ok": True, "changed": False, "detail": "", "now": self.found(adapter)}
        if self._task.check_mode:
            there = step["do"] == "restore" and adapter.type == "cluster" and entry["now"] == "active"
            detail = "is back already" if there else f"would be {step['do']}{'d' if step['do'][-1] == 'e' else 'ed'}"
            return {"ok": True, "changed": not there, "detail": detail}
        if adapter.type == "cluster":
            return (
                self.suspend(adapter) if step["do"] == "drain" else self.resume(adapter, allowed, not progress["undo"])
            )
        return self.balance(adapter, step["do"])

    def read(self) -> dict[str, Any]:
        """What the host remembers and what its cluster is like."""
        clusters = [one for one in self.adapters if one.type == "cluster"]
        names = [name for one in clusters for name in one.ignore_failed]
        look = self.ask("read", cluster=bool(clusters), names=names)
        if look.problem is not None:
            return {"ok": False, "detail": f"the host was not reached: {look.problem['message']}"}
        memory = look.answer["memory"]
        if not memory["ok"]:
            return {"ok": False, "detail": f"drain.json cannot be read: {memory['error']['message']}"}
        now = f"{collector.moment(None, 'now'):%Y-%m-%dT%H:%M:%SZ}"
        boot = look.answer["boot"].get("value")
        return {"ok": True, "memory": memory["value"], "boot": boot, "cluster": look.cluster, "now": now}

    def memory(self, state: str, text: str) -> dict[str, Any]:
        """Write or remove what the host remembers."""
        if len(text) > drain_memory.LARGEST:
            said = "drain.json: there is too much to remember; give fewer adapters, or shorter names"
            return {"ok": False, "changed": False, "detail": said}
        look = self.ask(state, cluster=False, **({"memory": text} if state == "remember" else {}))
        if look.problem is not None:
            return {"ok": None, "changed": False, "detail": f"drain.json: {look.problem['message']}"}
        change = look.answer["change"]
        detail = "" if change["ok"] else f"drain.json: {change['error']['message']}"
        return {"ok": change["ok"], "changed": bool(change["value"]), "detail": detail}

    def found(self, adapter: drain.Adapter) -> str:
        """What a load balancer is like now; nobody knows what a file of tasks without a check is like."""
        if adapter.check is None:
            return "unknown"
        ok, detail = visit(adapter.check)
        return "drained" if ok else "active" if detail.startswith("status ") else "unknown"

    def storage(self, adapter: drain.Adapter, allowed: drain.Exceptions) -> dict[str, Any]:
        """Wait until the storage of a cluster is whole, so that it may lose a node."""
        now = ""

        def verdict() -> tuple[bool | None, str, bool]:
            nonlocal now
            seen = self.ask("read")
            look, why = drain.cluster_look(seen.cluster)
            if why:
                return None, why, seen.problem is not None
            now = drain.cluster_state(look)
            return *drain.may_drain(look, allowed), False

        if self._task.check_mode:
            ok, why, _silent = verdict()
            waited = {"ok": ok is True, "detail": f"{why}; that would be waited for"}
        else:
            waited = self.wait(verdict, adapter.storage_timeout)
        return waited | {"changed": False, "now": now}

    def suspend(self, adapter: drain.Adapter) -> dict[str, Any]:
        """Drain a cluster node and wait for it."""
        look = self.ask("suspend")
        if look.problem is None and not look.answer["change"]["ok"]:
            return {"ok": False, "changed": False, "detail": look.answer["change"]["error"]["message"]}

        def verdict() -> tuple[bool | None, str, bool]:
            seen = self.ask("read")
            found, why = drain.cluster_look(seen.cluster)
            if why:
                return None, why, seen.problem is not None
            return *drain.drained(found), False

        return self.wait(verdict, adapter.timeout) | {"changed": True}

    def resume(self, adapter: drain.Adapter, allowed: drain.Exceptions, whole: bool) -> dict[str, Any]:
        """Put a cluster node back and wait until it is up, and the cluster `whole`. It may just be starting.

        The storage of the cluster has a time of its own. When that is over the node is in service all the same.
        """
        changed = up = False
        whole_by: tuple[bool | None, str] = (None, "")

        def back() -> tuple[bool | None, str, bool]:
            nonlocal changed, whole_by
            seen = self.ask("resume")
            look, why = drain.cluster_look(seen.cluster)
            if why:
                return None, why, seen.problem is not None
            change = seen.answer["change"]
            changed = changed or bool(change["value"])
            if not change["ok"]:
                return None, change["error"]["message"], False
            whole_by = drain.repaired(look, allowed)
            return *drain.released(look, whole, allowed), False

        def repaired() -> tuple[bool | None, str, bool]:
            # Only read: a node that somebody pauses now is left paused.
            nonlocal up
            seen = self.ask("read")
            look, why = drain.cluster_look(seen.cluster)
            up = not why and drain.released(look, whole, allowed)[0] is True
            return *((None, why) if why else drain.repaired(look, allowed)), seen.problem is not None

        waited = self.wait(back, adapter.timeout)
        if waited["ok"] and whole:
            waited = (
                {"ok": True, "detail": whole_by[1]} if whole_by[0] else self.wait(repaired, adapter.storage_timeout)
            )
            if not waited["ok"] and up:
                waited = {
                    "ok": True,
                    "repairing": True,
                    "detail": f"up, its storage is still repaired: {waited['detail']}",
                }
        return waited | {"changed": changed}

    def balance(self, adapter: drain.Adapter, what: str) -> dict[str, Any]:
        """Call a load balancer, and wait until it shows the drain."""
        request = adapter.drain if what == "drain" else adapter.restore
        if request is None:
            return {"ok": True, "changed": False, "detail": f"no {what} request is configured"}
        ok, detail = visit(request.url, request)
        page = adapter.wait
        if what == "restore" or not ok or page is None:
            return {"ok": ok, "changed": True, "detail": detail}

        def verdict() -> tuple[bool | None, str, bool]:
            seen, words = visit(page)
            return seen or None, words, False

        return self.wait(verdict, adapter.timeout) | {"changed": True}

    def wait(self, verdict: Callable[[], tuple[bool | None, str, bool]], timeout: int) -> dict[str, Any]:
        """Ask until there is a verdict or the time is over; nobody knows then when the host is the one that is silent."""
        end = time.monotonic() + timeout
        while True:
            # The last look begins when the time is over, so a slow one before it costs no verdict.
            last = time.monotonic() >= end
            ok, detail, silent = verdict()
            if ok is not None:
                return {"ok": ok, "detail": detail}
            fleet_lease.watch(self.lease)
            if last:
                return {"ok": None if silent else False, "detail": f"not within {timeout} s: {detail}"}
            time.sleep(max(0.0, min(self.interval, end - time.monotonic())))

    def ask(self, state: str, *, cluster: bool = True, **more: Any) -> Look:
        """Run windows_drain; nothing that happens to a host is raised."""
        try:
            if self.lost:
                # The shell of the last run may have gone with the host.
                self._connection.reset()
            given = {"state": state, "cluster": cluster, **more}
            answer = self.run_module(MODULE, given, self.variables)
        except Exception as error:  # pywinrm's own errors have no common base
            answer = {"unreachable": True, "msg": str(error)}
        self.lost = bool(answer.get("unreachable") or answer.get("failed"))
        if self.lost or not all(drain.is_probe(answer.get(key)) for key in ("memory", "change", "cluster", "boot")):
            return Look(answer, collector.problem(answer.get("msg") or f"{MODULE} failed"))
        return Look(answer, None)


def difference(progress: Mapping[str, Any]) -> dict[str, str]:
    """What a diff shows: the adapters before and after."""
    names = [(f"{entry['type']} {entry['name']}", entry) for entry in progress["adapters"]]
    before = "".join(
        f"{name}: {'drained' if progress['wanted'] == 'active' else entry['now']}\n" for name, entry in names
    )
    after = "".join(f"{name}: {entry['done'] if entry['done'] != 'none' else entry['now']}\n" for name, entry in names)
    return {"before": before, "after": after}


def visit(url: verify.Url, request: drain.Request | None = None) -> tuple[bool, str]:
    """Whether a request is answered as it must be, and how it was; no header's value and no body gets into that."""
    try:
        status, body = fetch(url, request)
        ok, detail = status in url.status, f"status {status}"
        if not ok:
            detail += f", wanted {' or '.join(map(str, url.status))}"
        elif url.text is not None and url.text not in body:
            ok, detail = False, f"{detail}, but without the text {url.text!r}"
    except REQUEST_TROUBLE as error:
        ok, detail = False, health_info.why(error, url.timeout)
    for value in [*url.headers.values(), request.body if request else ""]:
        detail = detail.replace(value, "***") if value else detail
    return ok, verify.masked(detail)


def fetch(url: verify.Url, request: drain.Request | None) -> tuple[int, str]:
    """Status and body of an answer; the body is empty when nobody wants to know it.

    :raises OSError, ValueError, HTTPException, UrlError, MissingModuleError: there is no answer
    """
    headers = dict(url.headers)
    if request and request.json and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = "application/json"
    try:
        answer = open_url(
            url.url,
            method=request.method if request else "GET",
            data=request.body.encode() if request and request.body is not None else None,
            headers=headers,
            # A redirect to somewhere else must not take a password along, and a change is made where it was asked for.
            unredirected_headers=list(headers),
            follow_redirects="none" if request else "safe",
            timeout=url.timeout,
            validate_certs=url.validate_certs,
            http_agent="rebootless.patching",
            decompress=False,
            force=True,
            use_netrc=False,
        )
    except HTTPError as error:
        answer = error
    with answer:
        return answer.code, "" if url.text is None else health_info.read(answer, url.timeout)
