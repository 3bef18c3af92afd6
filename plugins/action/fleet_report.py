# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of a fleet: terminal table, HTML, Markdown, JSON. Documentation: plugins/modules/fleet_report.py."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.rebootless.patching.plugins.plugin_utils.awx import workflow
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import door
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import pending_restart as pending_reboot
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import query, status, track
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import ReleaseTable
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update import merge as release_merge
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import rendering
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import status_report as report
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.rendering import Doc

SPEC = {
    "artifact_bytes": {"type": "int"},
    "azure_var": {"type": "str", "default": "rebootless_azure"},
    "classes": {
        "type": "list",
        "elements": "str",
        "choices": list(pending_reboot.CLASSES),
        "default": list(pending_reboot.DEFAULT_CLASSES),
    },
    "dest": {"type": "path", "required": True},
    "hosts": {"type": "list", "elements": "str"},
    "now": {"type": "str"},
    "query": {"type": "str"},
    "release_table": {"type": "path"},
    "release_table_extend": {"type": "path"},
    "result_var": {"type": "str", "required": True},
    "show": {"type": "bool", "default": True},
    "validate_only": {"type": "bool", "default": False},
}
Excuse = Callable[[str, str], Mapping[str, Any]]
NO_ANSWER = {"kind": "failed", "message": "No result was recorded for this host."}


def version() -> str:
    """The collection's version, from its manifest when installed, else from galaxy.yml."""
    root = Path(__file__).resolve().parents[2]
    manifest = root / "MANIFEST.json"
    if manifest.exists():
        return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
    lines = (root / "galaxy.yml").read_text(encoding="utf-8").splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith("version:"))


def write(path: Path, text: str) -> None:
    """Put a file in place whole or not at all.

    :raises AnsibleActionFail: naming the file
    """
    # Whatever is no character in it takes nobody's report away.
    content = text.encode("utf-8", errors="replace")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
            try:
                scratch.write(content)
                scratch.flush()
                # A scratch file is for its owner alone; a report is for those whom the user's umask lets read it.
                mask = os.umask(0)
                os.umask(mask)
                os.chmod(scratch.name, 0o666 & ~mask)
                os.replace(scratch.name, path)
            except OSError:
                os.unlink(scratch.name)
                raise
    except OSError as error:
        raise AnsibleActionFail(f"dest: {path} cannot be written: {error.strerror}.") from error


def publish(
    files: Mapping[str, str], makers: Mapping[str, Callable[[Doc], str]], docs: Mapping[str, Doc], excuse: Excuse
) -> list[str]:
    """Write the renderings in their order, each for itself; sentences for what is not in them."""
    problems = []
    for form, make in makers.items():
        made = rendering.render(Path(files[form]).name, make, docs[form], excuse)
        problems += made.problems
        if made.text is not None:
            write(Path(files[form]), made.text)
    return problems


def show(make: Callable[[Doc], str], doc: Doc, excuse: Excuse) -> list[str]:
    """Print the table; sentences for what is not in it."""
    made = rendering.render("The table", make, doc, excuse)
    if made.text is not None:
        Display().display("\n" + made.text)
    return made.problems


def to_json(doc: Doc) -> str:
    """The document as a file."""
    return json.dumps(doc, indent=1, sort_keys=True) + "\n"


def unjudged(name: str, why: str, table: ReleaseTable, now: str | None) -> dict[str, Any]:
    """A host of which nothing can be told but this."""
    trouble = {"kind": "failed", "message": why}
    return status.host_status(name, None, trouble, table, collector.moment(now, "now"))


class ActionModule(collector.SignalsAction):
    """Judge what the hosts answered, render it, and say by failing when hosts were not reached."""

    ASKS_HOST = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.options(SPEC)
        table = collector.release_table(arguments["release_table"], arguments["release_table_extend"])
        collector.moment(arguments["now"], "now")
        self.select([], arguments["query"])
        if arguments["validate_only"]:
            return result | {
                "changed": False,
                "summary": None,
                "changes": [],
                "files": {},
                "not_reached": [],
                "problems": [],
                "artifact": None,
            }
        variables = (task_vars or {}).get("hostvars", {})
        names = arguments["hosts"]
        if names is None:
            names = [name for name in variables if arguments["result_var"] in variables[name]]
        if not names:
            raise AnsibleActionFail(
                "No host was asked: no host of the inventory matches, so there is nothing to report."
            )
        hosts = [self.judge(name, variables[name], table, arguments) for name in sorted(names)]
        shown = self.select(hosts, arguments["query"])

        dest = Path(arguments["dest"])
        history = self.history(dest / "history.json")
        previous = [one for one in history.values() if one["name"] in names or one["name"] not in variables]
        generated = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        facts: dict[str, Any] = {"generated_at": generated, "version": version(), "table": self.about(table, hosts)}
        whole = report.document(hosts, previous=previous or None, **facts)
        view = whole
        if arguments["query"]:
            selected = {host["name"] for host in shown}
            view = report.document(shown, query=arguments["query"], **facts)
            view["changes"] = [change for change in whole["changes"] if change["name"] in selected]
        files = {kind: str(dest / f"status.{kind}") for kind in ("html", "json", "md")}

        def excuse(name: str, why: str) -> dict[str, Any]:
            return unjudged(name, why, table, facts["generated_at"])

        problems = []
        if not self._task.check_mode:
            makers = {"json": to_json, "html": report.html, "md": report.markdown}
            problems += publish(files, makers, {"json": whole, "html": view, "md": view}, excuse)
            # A host that left the inventory is named once, then forgotten.
            kept = {name: one for name, one in history.items() if name in variables}
            write(dest / "history.json", json.dumps(kept | self.remembered(hosts), indent=1, sort_keys=True) + "\n")

        if arguments["show"]:
            width = shutil.get_terminal_size((160, 24)).columns
            problems += show(lambda doc: report.terminal(doc, width), view, excuse)
        for problem in problems:
            Display().warning(problem)
        lost = [host["name"] for host in hosts if not host["reached"]]
        result.update(changed=False, summary=view["summary"], changes=view["changes"], files=files, not_reached=lost)
        result["problems"] = problems
        most = arguments["artifact_bytes"]
        result["artifact"] = None if most is None else workflow.artifact(json.loads(json.dumps(whole)), most)
        if lost:
            result.update(failed=True, msg=f"{len(lost)} of {len(hosts)} hosts could not be asked: {', '.join(lost)}.")
        return result

    @staticmethod
    def about(table: ReleaseTable, hosts: list[dict[str, Any]]) -> dict[str, str | None]:
        """The table, and the newest Patch Tuesday if the table lacks it for a product of these hosts."""
        judged = max(collector.moment(host["judged_at"], "now") for host in hosts)
        fresh = release_merge.freshness(table, judged)
        products = {track.TABLE_PRODUCT.get(host["product"], host["product"]) for host in hosts}
        lacking = fresh["newest_patch_tuesday"] if products & set(fresh["missing"]) else None
        return {**table.about(), "lacks_patch_tuesday": lacking}

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
    def judge(name: str, variables: Mapping[str, Any], table: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """One host of the status, from the result that the status play has registered."""
        try:
            answer = variables.get(arguments["result_var"]) or {}
            # Another module's answer has not come through the door yet.
            signals = door.admit(answer.get("signals"))
            trouble = answer.get("problem")
            if signals is None and trouble is None:
                trouble = collector.problem(answer["msg"]) if answer.get("msg") else NO_ANSWER
            now = collector.moment(answer.get("judged_at") or arguments["now"], "now")
            azure = variables.get(arguments["azure_var"])
            return status.host_status(name, signals, trouble, table, now, azure=azure, classes=arguments["classes"])
        except Exception as error:
            # Nobody knows what a host's words can bring about, and the others are to have their report.
            why = f"What it said cannot be judged ({rendering.said(error)})."
            return unjudged(name, why, table, arguments["now"])

    @staticmethod
    def history(path: Path) -> dict[str, dict[str, Any]]:
        """What each host's last status said, `{name: {name, state, track, reached}}`; empty on a first run."""
        return dict(collector.read_json(str(path), "dest")) if path.exists() else {}

    @staticmethod
    def remembered(hosts: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """What to compare the next status with; a host that was not reached keeps its last known state."""
        keys = ("name", "state", "track", "reached", "judged_at")
        return {host["name"]: {key: host[key] for key in keys} for host in hosts if host["reached"]}
