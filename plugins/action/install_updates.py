# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install exactly what was decided, and prove it. Documentation: plugins/modules/install_updates.py."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import door
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals, Unknown
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import deciding
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import decide, offers
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import status, untouchable
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import install
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import fencing as fleet_lease

WIN_UPDATES = "ansible.windows.win_updates"
SPEC = {
    **deciding.SPEC,
    "deadline": {"type": "int", "default": 7200},
    "decision": {"type": "dict", "required": True},
    "download_only": {"type": "bool", "default": False},
    "lease": fleet_lease.OPTION,
    "poll_interval": {"type": "float", "default": 15.0},
}
NEEDED = ("name", "install", "offers", "restart", "stale_when", "state", "track")


class LeftRunning(AnsibleError):
    """The time is over, and the installation is left to end by itself."""


class DeadlineOver(BaseException):
    """The alarm in the middle of a call; no Exception, because the connection takes those for trouble of its own."""


@contextlib.contextmanager
def alarm(ends: float) -> Iterator[None]:
    """Interrupt what blocks when the time is over: a poll of win_updates waits without end for its next record.

    A `timeout` of the task has the alarm before us, and then it is what interrupts.

    :raises DeadlineOver: at `ends`
    """
    taken = signal.getsignal(signal.SIGALRM) not in (signal.SIG_DFL, signal.SIG_IGN)
    if taken or threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(_number: int, _frame: object) -> None:
        raise DeadlineOver

    before = signal.signal(signal.SIGALRM, over)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(ends - time.monotonic(), 0.001))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def renew(connection: Any) -> None:
    """A new connection for the next call, or the trouble is left to that call: the host may still be away."""
    with contextlib.suppress(*collector.TROUBLE):
        connection.reset()


class Seen(NamedTuple):
    """A host at one moment: its raw signals, its status, and what a decision made now would rest on."""

    signals: Signals
    host: Mapping[str, Any]
    current: Mapping[str, Any]
    offered: offers.Offers | Unknown

    @property
    def snapshot(self) -> dict[str, Any]:
        """For the proof."""
        return install.snapshot(self.signals, self.current, self.host["restart_required"])


class Watch:
    """Stands between win_updates' own action plugin and the host: asks again when the connection is lost, until the deadline.

    The real plugin cancels the installation when a poll fails twice; here a lost connection cancels nothing. `ended`:
    the run has said its last word; `lost`: something that it said before may be lost.
    """

    def __init__(self, action: Any, ends: float, interval: float, lease: Mapping[str, Any] | None = None) -> None:
        self.ends, self.interval, self.lease = ends, interval, lease
        self.ended = self.lost = False
        self._execute, self._connection = action._execute_module, action._connection
        action._execute_module = self.call

    def call(self, **wanted: Any) -> dict[str, Any]:
        """In place of the plugin's `_execute_module`."""
        operation = wanted["module_args"].get("_operation")
        if operation == "cancel":
            return self.cancel(wanted)
        while True:
            if time.monotonic() >= self.ends:
                raise LeftRunning("the deadline is over")
            fleet_lease.watch(self.lease)
            try:
                with alarm(self.ends):
                    result = door.result(self._execute(**wanted))
            except DeadlineOver:
                self.lost = True
                raise LeftRunning("the deadline is over") from None
            except collector.TROUBLE:
                self.lost = True
                if operation != "poll":
                    raise
                renew(self._connection)
                time.sleep(min(self.interval, max(0.0, self.ends - time.monotonic())))
                continue
            if operation == "start" and result.get("failed"):
                # The module says that its task has not begun; whether that is so the host is asked.
                self.ended = self.lost = True
            self.ended |= any(entry["task"] == "exit" for entry in result.get("output") or [])
            return result

    def cancel(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Only what has ended is cancelled, and all that it had to say is said then: nothing can fail any more."""
        if not self.ended:
            raise LeftRunning("the installation is left to end by itself")
        try:
            with alarm(self.ends):
                self._execute(**wanted)
        except (*collector.TROUBLE, DeadlineOver):
            renew(self._connection)
        return {}


class ActionModule(deciding.DecidingAction):
    """Ask again, install, ask once more."""

    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = self.options(SPEC)
        decision = self.decision(arguments["decision"], variables)
        self.now = collector.moment(arguments["now"], "now")
        self.table = collector.release_table(arguments["release_table"], arguments["release_table_extend"])
        began, ends = datetime.now(UTC), time.monotonic() + arguments["deadline"]
        wanted = install.waiting(decision) if arguments["download_only"] else list(decision["install"])
        result.update(self.blank(wanted, began))
        if not wanted:
            return self.done(result, "nothing_to_do", began)
        before = self.look(arguments, variables)
        if isinstance(before, collector.Answer):
            return self.not_asked(result, before.problem, arguments, began)
        if not arguments["download_only"]:
            result["proof"] = install.proof(before.snapshot, None, kept=None, wanted_by=None, names={})
        download = bool(arguments["download_only"])
        waits = untouchable.reasons_to_wait(before.signals, "download" if download else "install")
        changed = install.stale(decision, before.current, self.now, wanted, waits=waits, download_only=download)
        if changed:
            result["words"] = changed
            said = f"The decision is stale, so nothing was installed: {' '.join(changed)} Decide again."
            return self.trouble(result, "stale", said, arguments, began)
        offered = before.offered.known if isinstance(before.offered, offers.Offers) else ()
        chosen = offers.accept(wanted, offered)
        result["left_out"] = [{"id": one, "why": why} for one, why in chosen.left_out.items()]
        labels = {offer.id: offer.label for offer in offered}
        result["words"] = [f"{labels[one]} is left out: {why}" for one, why in chosen.left_out.items()]
        result["accept_list"] = chosen.patterns
        todo = [offer for offer in offered if offer.id in chosen.ids]
        if self._task.check_mode:
            result.update(changed=bool(todo), would_install=[offer.id for offer in todo])
            if self._task.diff and not arguments["download_only"]:
                result["diff"] = self.expected(before.snapshot["kbs"] or [], todo)
            return self.done(result, "check_mode", began)
        state = "downloaded" if arguments["download_only"] else "installed"
        lost = fleet_lease.lost(arguments["lease"], decision["name"]) if todo else None
        if lost:
            said = f"{lost} So nothing was {state}."
            result["words"].append(said)
            return self.trouble(result, "stale", said, arguments, began)
        interval, lease = arguments["poll_interval"], arguments["lease"]
        report = self.install(chosen.patterns, variables, ends, interval, state, lease) if todo else None
        if arguments["download_only"]:
            self.tell(result, todo, report)
        else:
            self.prove(result, decision, before, todo, report, arguments, variables, ends)
        if self._task.diff and result["proof"] and result["proof"]["after"] is not None:
            result["diff"] = self.difference(result["proof"])
        outcome = result["outcome"]
        if outcome in host_run.BAD_INSTALL:
            return self.trouble(result, outcome, " ".join(result["words"]) or outcome, arguments, began)
        return self.done(result, outcome, began)

    @staticmethod
    def decision(given: Mapping[str, Any], variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The decision, which must be one, and of this host.

        :raises AnsibleActionFail: naming what is wrong
        """
        missing = [key for key in NEEDED if key not in given]
        if missing:
            raise AnsibleActionFail(
                f"decision: {', '.join(missing)} is missing; give the decision of rebootless.patching.updates_info as it is."
            )
        host = str(variables.get("inventory_hostname", ""))
        if given["name"] != host:
            raise AnsibleActionFail(f"decision: it is the decision on {given['name']!r}; this host is {host!r}.")
        return given

    @staticmethod
    def blank(wanted: list[str], began: datetime) -> dict[str, Any]:
        """Every key of the result, whatever the outcome."""
        return {
            "changed": False,
            "outcome": None,
            **{
                name: []
                for name in ("installed", "failed_updates", "left_out", "still_installing", "unknown", "reoffered")
            },
            "updates": [],
            "words": [],
            "proof": None,
            "accept_list": [],
            "would_install": list(wanted),
            "problem": None,
            "started_at": status.iso(began),
        }

    def look(self, arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> Seen | collector.Answer:
        """The host as it is now, or the problem."""
        answer = self.everything(arguments, variables)
        if answer.signals is None:
            return answer
        name = str(variables.get("inventory_hostname", ""))
        host = status.host_status(name, answer.signals, None, self.table, self.now, azure=arguments["azure"])
        signals = Signals(answer.signals)
        offered = offers.read(signals)
        return Seen(signals, host, decide.stale_when(host, offered), offered)

    def install(
        self,
        patterns: list[str],
        variables: dict[str, Any],
        ends: float,
        interval: float,
        state: str = "installed",
        lease: Mapping[str, Any] | None = None,
    ) -> install.Report:
        """Let win_updates do it, watched."""
        task = self._task.copy()
        task.args = {
            "accept_list": patterns,
            "category_names": ["*"],
            "reboot": False,
            "skip_optional": False,
            "state": state,
        }
        action = self._shared_loader_obj.action_loader.get(
            WIN_UPDATES,
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        collector.screen(action)
        watch = Watch(action, ends, interval, lease)
        said = action.run(task_vars=variables)
        failed = said.get("failed") or said.get("unreachable")
        message = door.line(said.get("msg") or "win_updates failed and did not say why") if failed else None
        if watch.lost or not watch.ended:
            renew(self._connection)
        return install.Report(said.get("updates") or {}, message, watch.ended, watch.lost)

    @staticmethod
    def tell(result: dict[str, Any], todo: list[offers.Offer], report: install.Report | None) -> None:
        """What became of the downloads; they change nothing that a proof could show."""
        updates = [install.download_of(offer, report) for offer in todo] if report else []
        left_out = result["left_out"]
        result.update(install.downloads(updates))
        result["left_out"] = left_out + result["left_out"]
        result["words"] += install.words(updates, None, ())
        result["changed"] = any(one["result"] in ("downloaded", "unknown") for one in updates)

    def prove(
        self,
        result: dict[str, Any],
        decision: Mapping[str, Any],
        before: Seen,
        todo: list[offers.Offer],
        report: install.Report | None,
        arguments: Mapping[str, Any],
        variables: Mapping[str, Any],
        ends: float,
    ) -> None:
        """Ask the host what became of it, again and again while that is open and the deadline is not over."""
        said = report or install.Report({}, None, True)
        while True:
            seen = self.look(arguments, variables)
            after = seen if isinstance(seen, Seen) else None
            state = install.After(after.signals, after.offered) if after else install.After(Signals({}), offers.UNKNOWN)
            updates = [install.result_of(offer, said, state) for offer in todo]
            # What has ended becomes no clearer by waiting.
            waited_for = ("still_installing",) if said.ended else ("still_installing", "unknown")
            settled = after is not None and not any(one["result"] in waited_for for one in updates)
            if settled or time.monotonic() >= ends:
                break
            fleet_lease.watch(arguments["lease"])
            renew(self._connection)
            time.sleep(min(arguments["poll_interval"], max(0.0, ends - time.monotonic())))
        left_out = result["left_out"]
        result.update(install.told(updates))
        result["left_out"] = left_out + result["left_out"]
        names = {offer["id"]: offer["kb"] for offer in decision["offers"]}
        wanted_by = None
        if after is not None:
            wanted_by = install.restart_wanted_by(before.signals, after.signals, after.host["pending"]["pending"])
        result["proof"] = install.proof(
            before.snapshot,
            after.snapshot if after else None,
            kept=install.track_kept(before.host, after.host, install.effects(decision, updates)) if after else None,
            wanted_by=wanted_by,
            names=names,
        )
        result["words"] += install.words(updates, result["proof"], install.promised(decision))
        result["changed"] = any(result[name] for name in ("installed", "still_installing", "unknown"))
        if isinstance(seen, collector.Answer):
            result["problem"] = seen.problem
            why = (seen.problem or {}).get("message", "no answer")
            result["words"].append(f"The host could not be asked after the installation: {why}")

    @staticmethod
    def difference(proof: Mapping[str, Any]) -> dict[str, str]:
        """Build and KBs before and after, for diff mode."""

        def text(moment: Mapping[str, Any]) -> str:
            return "\n".join([f"build: {moment['build']}", *[f"kb: {kb}" for kb in moment["kbs"] or []], ""])

        return {"before": text(proof["before"]), "after": text(proof["after"])}

    @staticmethod
    def expected(kbs: list[str], todo: list[offers.Offer]) -> dict[str, str]:
        """KBs before, and with what would be installed, for diff in check mode; what the build would be only the host can tell."""
        after = sorted({*kbs, *(kb for offer in todo for kb in offer.kbs)})
        return {"before": "".join(f"kb: {kb}\n" for kb in kbs), "after": "".join(f"kb: {kb}\n" for kb in after)}

    def not_asked(
        self, result: dict[str, Any], problem: Mapping[str, str] | None, arguments: Mapping[str, Any], began: datetime
    ) -> dict[str, Any]:
        """The host could not be asked before anything was done."""
        result["problem"] = problem
        said = f"The host could not be asked, so nothing was installed: {(problem or {}).get('message', 'no answer')}"
        return self.trouble(result, "failed", said, arguments, began)

    def trouble(
        self, result: dict[str, Any], outcome: str, said: str, arguments: Mapping[str, Any], began: datetime
    ) -> dict[str, Any]:
        """An outcome that fails the task, or is reported if the task asks for that."""
        result = self.done(result, outcome, began)
        result["words"] = result["words"] or [said]
        result["msg"] = said
        result["failed"] = arguments["on_problem"] == "fail"
        return result

    @staticmethod
    def done(result: dict[str, Any], outcome: str, began: datetime) -> dict[str, Any]:
        """The end: outcome and times."""
        ended = datetime.now(UTC)
        result.update(outcome=outcome, ended_at=status.iso(ended), seconds=int((ended - began).total_seconds()))
        return result
