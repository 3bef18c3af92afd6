# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays a workflow as AWX does: a job for each node under ansible-runner, in a directory of its own.

usage: awx.py WORKFLOW.json RESULT.json, under simfleet. Artifacts of a node and of all before it are the extra variables of
the next; those of the workflow win, later keys win; texts are marked unsafe, as AWX writes them (awx/main/utils/safe_yaml.py).

A node is `{name, playbook, vars, after: {name: success|failure|always}, cancel_at}`; `cancel_at` is a part of the name of the
task at whose first event the job is cancelled. `together: true` starts all nodes at once.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import ansible_runner
import yaml

PROJECT = Path(__file__).resolve().parents[2] / "extensions" / "awx" / "project"


class Unsafe(yaml.SafeDumper):
    """All texts, keys too, as AWX marks what no administrator has written."""

    def represent_data(self, data: Any) -> Any:
        """A text with its mark."""
        return self.represent_scalar("!unsafe", data) if isinstance(data, str) else super().represent_data(data)


def job(node: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """One job; `{status, artifacts, stdout}`. Its directory is gone when it has ended."""
    cancelled = threading.Event()
    told: dict[str, Any] = {}

    def event(one: dict[str, Any]) -> bool:
        if one["event"] == "playbook_on_stats":
            told.update(one["event_data"].get("artifact_data", {}))
        wanted = node.get("cancel_at")
        if wanted and one["event"] == "runner_on_start" and wanted in one["event_data"].get("task", ""):
            # Runner looks whether it is cancelled at its leisure; nothing more may happen until then.
            os.kill(one["pid"], signal.SIGSTOP)
            cancelled.set()
        return True

    with tempfile.TemporaryDirectory() as folder:
        variables = Path(folder) / "extra.yml"
        # Under AWX all of it is in the container; here the present directory is the checkout's.
        extra = {"rebootless_dest": f"{folder}/reports", **extra}
        variables.write_text(yaml.dump(extra, Dumper=Unsafe, default_flow_style=False), encoding="utf-8")
        done = ansible_runner.run(
            private_data_dir=folder,
            project_dir=str(PROJECT),
            playbook=node["playbook"],
            # simfleet's inventory, and a second one with groups.
            cmdline=" ".join(
                [
                    f"-i {os.environ['ANSIBLE_INVENTORY']} -i {os.environ['AWX_GROUPS']} --forks 25 -e @{variables}",
                    node.get("more", ""),
                ]
            ),
            envvars={"XDG_STATE_HOME": folder},
            quiet=True,
            event_handler=event,
            cancel_callback=cancelled.is_set,
        )
        return {"status": done.status, "artifacts": told, "stdout": done.stdout.read()}


def ready(node: dict[str, Any], done: dict[str, dict[str, Any]]) -> bool:
    """Whether a node is to run: one of its links holds."""
    ends = {name: done[name]["status"] for name in node.get("after", {}) if name in done}
    return not node.get("after") or any(
        kind == "always" or (kind == "success") == (ends[name] == "successful")
        for name, kind in node["after"].items()
        if name in ends
    )


def play(workflow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All nodes; what they passed on goes to those behind them."""
    done: dict[str, dict[str, Any]] = {}

    def run(node: dict[str, Any]) -> None:
        passed: dict[str, Any] = {}
        for name in node.get("after", {}):
            passed.update(done.get(name, {}).get("passed", {}))
        extra = {
            **passed,
            **node.get("vars", {}),
            **workflow.get("vars", {}),
            "awx_job_id": 7,
            "awx_user_name": "{{ nobody }}",
        }
        # A process of its own for each: ansible-runner handles signals of its main thread.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            done[node["name"]] = one = pool.submit(job, node, extra).result()
        one["passed"] = {**passed, **one["artifacts"]}

    threads: list[threading.Thread] = []
    for node in workflow["nodes"]:
        if not node.get("together"):
            for thread in threads:
                thread.join()
        if not ready(node, done):
            continue
        if node.get("together"):
            threads.append(threading.Thread(target=run, args=(node,)))
            threads[-1].start()
        else:
            run(node)
    for thread in threads:
        thread.join()
    return done


if __name__ == "__main__":
    ended = play(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    Path(sys.argv[2]).write_text(json.dumps(ended), encoding="utf-8")
