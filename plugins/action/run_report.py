# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a plan or of a run: terminal table, HTML, Markdown, JSON. Documentation: plugins/modules/run_report.py."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.rebootless.patching.plugins.action import fleet_report
from ansible_collections.rebootless.patching.plugins.plugin_utils.awx import workflow
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import door
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import decide
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import Policy
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import query, releases
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import render as run_report
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import rendering
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record, run_history

SPEC = {
    "artifact_bytes": {"type": "int"},
    "decisions": {"type": "list", "elements": "dict"},
    "dest": {"type": "path", "required": True},
    "hosts": {"type": "list", "elements": "str"},
    "kind": {"type": "str", "required": True, "choices": ["plan", "run"]},
    "query": {"type": "str"},
    "record": {"type": "path"},
    "result_var": {"type": "str"},
    "run": {"type": "str"},
    "show": {"type": "bool", "default": True},
    "validate_only": {"type": "bool", "default": False},
}


# What a role that knows nothing of it leaves to the record.
RECORDED = ("restarts", "drain", "preflight", "out")


class Found(NamedTuple):
    """What a report is made of: the hosts' decisions or results, the run, and what else the record says of it."""

    hosts: list[dict[str, Any]]
    about: Mapping[str, Any]
    # What of the record could not be read.
    problems: list[str]
    slots: Sequence[Mapping[str, Any]] = ()
    previous: Mapping[str, Any] | None = None

    def only(self, names: Collection[str]) -> Found:
        """The same of these hosts alone."""
        before = self.previous
        if before is not None:
            before = {**before, "results": [one for one in before["results"] if one["name"] in names]}
        return self._replace(
            hosts=[host for host in self.hosts if host["name"] in names],
            slots=[slot for slot in self.slots if slot["host"] in names],
            previous=before,
        )


class ActionModule(collector.SignalsAction):
    """Gather what was decided and done, render it, and say by failing when hosts did not end well."""

    ASKS_HOST = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.options(SPEC)
        self.select([], arguments["query"])
        if arguments["kind"] == "run" and arguments["decisions"] is not None:
            raise AnsibleActionFail("decisions: they are a plan; for kind run give result_var or record.")
        if arguments["validate_only"]:
            return result | {
                "changed": False,
                "summary": None,
                "files": {},
                "failed_hosts": [],
                "problems": [],
                "artifact": None,
            }
        try:
            found = self.gather(arguments, (task_vars or {}).get("hostvars", {}))
        except record.RecordError as error:
            # The sentence is whole; with its cause ansible-core would say it twice.
            raise AnsibleActionFail(str(error)) from None
        if not found.hosts:
            raise AnsibleActionFail("No host was decided on, so there is nothing to report.")

        kind, dest = arguments["kind"], Path(arguments["dest"])
        found, problems = self.sound(kind, found)
        whole = self.document(kind, found, None)
        view = whole
        if arguments["query"]:
            chosen = {host["name"] for host in self.select(whole["hosts"], arguments["query"])}
            view = self.document(kind, found.only(chosen), arguments["query"])
        files = {form: str(dest / f"{kind}.{form}") for form in ("html", "json", "md")}

        def excuse(name: str, why: str) -> dict[str, Any]:
            # As a document has it, of one host alone.
            return self.document(kind, Found([run_report.unshown(kind, name, why)], found.about, []), None)["hosts"][0]

        if not self._task.check_mode:
            makers = {"json": fleet_report.to_json, "html": run_report.html, "md": run_report.markdown}
            problems += fleet_report.publish(files, makers, {"json": whole, "html": view, "md": view}, excuse)
        if arguments["show"]:
            width = shutil.get_terminal_size((160, 24)).columns
            problems += fleet_report.show(lambda doc: run_report.terminal(doc, width), view, excuse)
        for problem in problems:
            Display().warning(problem)

        bad = run_report.failed(whole)
        most = arguments["artifact_bytes"]
        passed_on = None if most is None else workflow.artifact(record.plain(whole), most)
        result.update(changed=False, summary=view["summary"], files=files, failed_hosts=bad, artifact=passed_on)
        result["problems"] = problems
        if bad:
            what = "could not be asked" if kind == "plan" else "could not be asked or did not end well"
            result.update(failed=True, msg=f"{len(bad)} of {len(whole['hosts'])} hosts {what}: {', '.join(bad)}.")
        return result

    @staticmethod
    def select(hosts: list[dict[str, Any]], expression: str | None) -> list[dict[str, Any]]:
        """The hosts that a JMESPath expression selects; all without one.

        :raises AnsibleActionFail: pointing at the place in a bad expression
        """
        try:
            return query.select(hosts, expression) if expression else hosts
        except query.QueryError as error:
            raise AnsibleActionFail(f"query: {error}") from error

    @staticmethod
    def document(kind: str, found: Found, expression: str | None) -> dict[str, Any]:
        """The JSON of the report."""
        facts: dict[str, Any] = {
            "generated_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "version": fleet_report.version(),
            "query": expression,
        }
        if kind == "plan":
            return run_report.plan(found.hosts, **facts)
        return run_report.run(
            found.hosts,
            about=found.about,
            problems=found.problems,
            slots=found.slots,
            previous=found.previous,
            **facts,
        )

    @classmethod
    def sound(cls, kind: str, found: Found) -> tuple[Found, list[str]]:
        """The same with a note in place of each host that no document can be made of; sentences that name them."""
        try:
            cls.document(kind, found, None)
        except Exception:
            # Nobody knows what a host's words or a damaged record can bring about, and the others are to have their report.
            hosts, problems = [], []
            for host in found.hosts:
                try:
                    cls.document(kind, found.only({host["name"]}), None)
                    hosts.append(host)
                except Exception as error:
                    why = f"What is known of it cannot be shown ({rendering.said(error)})."
                    problems.append(f"{door.line(host['name'], 255)}: {why}")
                    hosts.append(run_report.unshown(kind, host["name"], why))
            return found._replace(hosts=hosts, problems=[*found.problems, *problems]), problems
        return found, []

    def gather(self, arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> Found:
        """The decisions or results from where the task says.

        :raises AnsibleActionFail: naming the option that is missing or holds something else
        :raises RecordError: the record cannot be read, or does not hold the run
        """
        kind = arguments["kind"]
        if arguments["decisions"] is not None:
            return Found(self.decisions(arguments["decisions"], "decisions"), {}, [])
        if arguments["result_var"] is None and arguments["record"] is None:
            raise AnsibleActionFail(f"result_var: give it, or record{' or decisions' if kind == 'plan' else ''}.")
        found = Found([], {"id": arguments["run"] or "", "started_at": None, "ended_at": None}, [])
        if arguments["record"] is not None:
            found = self.recorded(arguments["record"], arguments["run"])
        results = {one["name"]: one for one in found.hosts}
        held: dict[str, dict[str, Any] | None] = {}
        if arguments["result_var"] is not None:
            held = self.registered(arguments["result_var"], arguments["hosts"], variables)
            results |= {name: self.newer(name, one, results.get(name)) for name, one in held.items()}
        if kind == "plan":
            known = [
                (name, one["decision"]) for name, one in results.items() if one["decision"] is not None or name in held
            ]
            decided = [decision or self.undecided(name) for name, decision in known]
            where = arguments["result_var"] or arguments["record"]
            return found._replace(hosts=self.decisions(decided, where))
        return found._replace(hosts=list(results.values()))

    @staticmethod
    def undecided(name: str) -> dict[str, Any]:
        """The decision on a host whose task Ansible ended before anything was asked, for one by its connection plugin."""
        problem = {"kind": "controller", "message": "It was not decided on: Ansible ended its task."}
        table = releases.ReleaseTable.load(releases.shipped())
        return decide.decide(name, None, table, Policy.load({}), datetime.now(UTC), problem=problem)

    @staticmethod
    def newer(name: str, held: dict[str, Any] | None, recorded: dict[str, Any] | None) -> dict[str, Any]:
        """What a host itself holds is newer than its last line in the record, which fills in what the host does not hold."""
        if held is None:
            # Lost before its first step; a host that was not let in has its end in the record.
            if recorded is None or (recorded["outcome"] == "not_started" and recorded["failed"] is None):
                return run_report.blank(name, "not_finished")
            return recorded
        extra = {key: recorded.get(key) for key in RECORDED if held[key] is None} if recorded else {}
        return {**held, **extra}

    @staticmethod
    def decisions(given: Sequence[Mapping[str, Any]], where: str) -> list[dict[str, Any]]:
        """Decisions as JSON knows them.

        :raises AnsibleActionFail: one is none, or two are on one host
        """
        found: dict[str, dict[str, Any]] = {}
        for one in given:
            lacks = run_report.lacking(one)
            if lacks:
                raise AnsibleActionFail(
                    f"{where}: the decision on {one.get('name')!r} lacks {', '.join(lacks)}; "
                    "give decisions of rebootless.patching.updates_info as they are."
                )
            if one["name"] in found:
                raise AnsibleActionFail(f"{where}: it holds two decisions on {one['name']!r}; give one of each host.")
            found[str(one["name"])] = record.plain(one)
        return list(found.values())

    @classmethod
    def recorded(cls, path: str, run: str | None) -> Found:
        """A run of the record, its last one when none is named, with the results of its hosts and of the run before it."""
        entries, problems = record.read(path)
        known = record.runs(entries)
        name = run or (known[-1] if known else "")
        results, steps = record.results(entries, name), run_history.told(entries, name)
        previous = run_history.previous(entries, name)
        for one in results:
            for key, said in steps.get(one["name"], {}).items():
                if one.get(key) is None:
                    one[key] = said
        for one in [*results, *(previous["results"] if previous else ())]:
            lacks = run_report.lacking(one["decision"]) if one["decision"] is not None else []
            if lacks:
                problems.append(f"{path}: the decision on {one['name']} lacks {', '.join(lacks)}.")
                one["decision"] = None
        return Found(results, record.about(entries, name), problems, run_history.slots(entries, name), previous)

    @staticmethod
    def registered(
        variable: str, hosts: Sequence[str] | None, variables: Mapping[str, Any]
    ) -> dict[str, dict[str, Any] | None]:
        """The results that the hosts hold in a variable; None of a host that should hold one and does not.

        :raises AnsibleActionFail: what a host holds is no result and no decision
        """
        names = hosts if hosts is not None else [name for name in variables if variable in variables[name]]
        found: dict[str, dict[str, Any] | None] = {}
        for name in names:
            held = record.plain(variables.get(name, {}).get(variable))
            blank = run_report.blank(name, "not_finished")
            if held is None:
                found[name] = None
                continue
            if isinstance(held, dict) and isinstance(held.get("decision"), str):
                held = {"decision": held}
            elif not isinstance(held, dict) or not isinstance(held.get("decision"), dict | None):
                raise AnsibleActionFail(f"result_var: {variable} of {name} is no decision and no result of a run.")
            result = {**blank, **{key: held[key] for key in blank if key in held}, "name": name}
            lacks = run_report.lacking(result["decision"]) if result["decision"] is not None else []
            if lacks:
                raise AnsibleActionFail(f"result_var: the decision in {variable} of {name} lacks {', '.join(lacks)}.")
            found[name] = result
        return found
