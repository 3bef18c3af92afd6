# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action run_report: where it takes decisions and results from, what it writes, and when it fails."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
import yaml
from ansible.errors import AnsibleError
from ansible_collections.rebootless.patching.plugins.action import run_report as action
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import render as run_report
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record

ROOT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "tests" / "unit" / "plugins" / "plugin_utils"))
examples: Any = __import__("run_examples")
rolling: Any = __import__("run_rolling")
NOW = datetime(2026, 9, 20, 20, 0, 2, tzinfo=UTC)
WEB = "ber-web-01.corp.example"


def act(arguments: dict[str, Any], hostvars: dict[str, Any] | None = None, check: bool = False) -> dict[str, Any]:
    """Run the action on the controller."""
    task = SimpleNamespace(
        args={"show": False, **arguments}, async_val=0, check_mode=check, diff=False, action="run_report"
    )
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    module = action.ActionModule(task, connection, SimpleNamespace(check_mode=check), None, None, None)
    module._load_name = "run_report"
    return module.run(task_vars={"hostvars": hostvars or {}})


def refused(arguments: dict[str, Any], hostvars: dict[str, Any] | None = None) -> str:
    """What the action says when it refuses."""
    with pytest.raises(AnsibleError) as caught:
        act(arguments, hostvars)
    return str(caught.value)


def read(path: Path, kind: str) -> dict[str, Any]:
    """The JSON of a report, which must be valid."""
    doc: dict[str, Any] = json.loads((path / f"{kind}.json").read_text())
    jsonschema.validate(doc, json.loads((ROOT / "docs" / f"{kind}.schema.json").read_text()))
    return doc


def recorded(path: Path, *names: str, run: str = "r1", finish: bool = True) -> None:
    """A record of the example's run."""
    results = [one for one in examples.results() if not names or one["name"] in names]
    record.append(path, record.entry(run, "run_started", None, {"hosts": [one["name"] for one in results]}, NOW))
    for one in results:
        steps = [("decided", one["decision"]), ("installed", one["install"]), ("restarted", one["restart"])]
        if one["verify"]:
            steps += [("verified_before", one["verify"]["before"]), ("verified_after", one["verify"]["after"])]
        if one["outcome"] not in {"not_started", "not_finished"}:
            steps.append(("host_finished", {key: one[key] for key in ("outcome", "words", "next_step")}))
        for step, data in steps:
            if data is not None:
                record.append(path, record.entry(run, step, one["name"], data, NOW))
    if finish:
        record.append(path, record.entry(run, "run_finished", None, {}, NOW))


def test_plan_of_decisions(tmp_path: Path) -> None:
    result = act({"kind": "plan", "dest": str(tmp_path / "new"), "decisions": examples.decisions()})
    doc = read(tmp_path / "new", "plan")
    assert doc["hosts"] == sorted(examples.decisions(), key=lambda one: one["name"])
    assert result["changed"] is False
    assert result["summary"] == doc["summary"]
    assert result["files"] == {form: str(tmp_path / "new" / f"plan.{form}") for form in ("html", "json", "md")}
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["plan.html", "plan.json", "plan.md"]
    assert result["failed_hosts"] == ["muc-hv-04"]
    assert result["failed"] is True
    assert result["msg"] == "1 of 9 hosts could not be asked: muc-hv-04."


def test_good_plan_does_not_fail(tmp_path: Path) -> None:
    result = act({"kind": "plan", "dest": str(tmp_path), "decisions": examples.decisions()[:1]})
    assert "failed" not in result
    assert result["failed_hosts"] == []


@pytest.mark.parametrize("held", ["decision", "updates_info", "result"])
def test_plan_of_what_the_hosts_hold(tmp_path: Path, held: str) -> None:
    decision = examples.decisions()[0]
    value: Any = {"decision": decision, "updates_info": {"decision": decision, "offers": []}}.get(held)
    hostvars = {WEB: {"found": value or examples.results()[0]}, "other": {}}
    act({"kind": "plan", "dest": str(tmp_path), "result_var": "found"}, hostvars)
    assert [one["name"] for one in read(tmp_path, "plan")["hosts"]] == [WEB]


def test_run_of_a_record(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    recorded(path, WEB, run="older")
    recorded(path)
    with path.open("ab") as file:
        file.write(b'{"schema": 1, "run"')
    result = act({"kind": "run", "dest": str(tmp_path), "record": str(path)})
    doc = read(tmp_path, "run")
    at = "2026-09-20T20:00:02Z"
    assert doc["run"] == {"id": "r1", "started_at": at, "ended_at": at}
    assert {one["name"]: one["outcome"] for one in doc["hosts"]} == {
        one["name"]: "not_started" if one["name"].startswith("zrh-new") else one["outcome"]
        for one in examples.results()
    }
    last = len(path.read_bytes().splitlines())
    assert doc["problems"] == [f"{path} line {last}: cut off after 19 bytes."]
    bad = ["ber-db-02.corp.example", "ber-web-02.corp.example", "muc-app-07", "muc-hv-04"]
    assert result["failed_hosts"] == bad
    assert result["msg"] == f"4 of 11 hosts could not be asked or did not end well: {', '.join(bad)}."
    older = act({"kind": "run", "dest": str(tmp_path), "record": str(path), "run": "older"})
    assert "failed" not in older
    assert older["summary"]["hosts"] == 1


def test_plan_of_a_record(tmp_path: Path) -> None:
    recorded(tmp_path / "r", finish=False)
    act({"kind": "plan", "dest": str(tmp_path), "record": str(tmp_path / "r")})
    assert len(read(tmp_path, "plan")["hosts"]) == 9


def test_run_of_what_the_hosts_hold(tmp_path: Path) -> None:
    hostvars = {one["name"]: {"hotpatch_result": {**one, "failed": False}} for one in examples.results()[:2]}
    arguments = {"kind": "run", "dest": str(tmp_path), "result_var": "hotpatch_result", "run": "r7"}
    result = act(arguments, hostvars)
    doc = read(tmp_path, "run")
    assert doc["run"] == {"id": "r7", "started_at": None, "ended_at": None}
    assert sorted(hostvars) == [one["name"] for one in doc["hosts"]]
    assert "failed" not in result
    # A host that should hold a result and does not has not come to its end.
    lost = act({**arguments, "hosts": [WEB, "gone"]}, hostvars)
    assert lost["failed_hosts"] == ["gone"]
    assert read(tmp_path, "run")["hosts"][1]["outcome"] == "not_finished"
    hostvars[WEB]["hotpatch_result"]["failed"] = True
    assert act(arguments, hostvars)["failed_hosts"] == [WEB]


def test_what_a_host_holds_goes_before_the_record_which_tells_of_the_others(tmp_path: Path) -> None:
    recorded(tmp_path / "r")
    held = {**examples.results()[0], "outcome": "failed", "words": ["Newer."]}
    arguments = {"kind": "run", "dest": str(tmp_path), "result_var": "found", "record": str(tmp_path / "r")}
    act(arguments, {WEB: {"found": held}})
    doc = read(tmp_path, "run")
    assert len(doc["hosts"]) == 11
    assert doc["run"]["id"] == "r1"
    assert [one["words"] for one in doc["hosts"] if one["name"] == WEB] == [["Newer."]]


def test_rolling_run_of_a_record(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in rolling.entries()))
    result = act({"kind": "run", "dest": str(tmp_path), "record": str(path)})
    doc, expected = read(tmp_path, "run"), rolling.document()
    for key in ("timeline", "comparison", "summary", "put_off", "hosts"):
        assert doc[key] == expected[key], key
    assert result["failed_hosts"] == [rolling.KEPT, rolling.LOST]
    # The run before has none before it.
    act({"kind": "run", "dest": str(tmp_path), "record": str(path), "run": rolling.BEFORE})
    doc = read(tmp_path, "run")
    assert (doc["timeline"], doc["comparison"]) == (None, None)


def test_query_chooses_the_slots_and_the_hosts_of_the_run_before(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in rolling.entries()))
    act({"kind": "run", "dest": str(tmp_path), "record": str(path), "query": "[?wave==`1`]"})
    assert len(read(tmp_path, "run")["timeline"]["slots"]) == 22
    marked = (tmp_path / "run.md").read_text()
    assert "hosts exposed then 2, now 2" in marked
    assert "not in this run" not in marked
    assert rolling.LOST not in marked


def test_what_a_role_does_not_know_comes_from_the_record(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in rolling.entries()))
    known = {one["name"]: one for one in rolling.document()["hosts"]}
    names = (rolling.TWICE, rolling.LOST, rolling.NAMES[0])
    keys = ("name", "decision", "install", "verify", "restart", "outcome", "words", "next_step", "failed")
    held = {name: {"found": {key: known[name][key] for key in keys}} for name in names}
    held[rolling.NAMES[0]]["found"] |= {"restarts": [], "out": True, "drain": {"state": "drained", "why": "Newer."}}
    arguments = {"kind": "run", "dest": str(tmp_path), "result_var": "found", "record": str(path)}
    act({**arguments, "hosts": list(rolling.NAMES)}, held)
    hosts = {one["name"]: one for one in read(tmp_path, "run")["hosts"]}
    for name in names[:2]:
        assert hosts[name] == known[name]
    newest = hosts[rolling.NAMES[0]]
    assert (newest["out"], newest["drain"]["why"], newest["preflight"]) == (
        True,
        "Newer.",
        known[rolling.NAMES[0]]["preflight"],
    )
    # What a host does not hold is as the record has it; one that began nothing was lost.
    assert hosts[rolling.KEPT] == known[rolling.KEPT]
    assert {hosts[name]["outcome"] for name in rolling.NOT_STARTED} == {"not_finished"}


def test_host_that_was_not_let_in_has_not_failed(tmp_path: Path) -> None:
    end = {"outcome": "not_started", "words": ["The file stop is there."], "next_step": "Take it out.", "failed": False}
    for host, step, data in ((None, "run_started", {"hosts": ["a", "b"]}), ("a", "host_finished", end)):
        record.append(tmp_path / "r", record.entry("r1", step, host, data, NOW))
    arguments = {"kind": "run", "dest": str(tmp_path), "record": str(tmp_path / "r"), "result_var": "found"}
    assert act({**arguments, "hosts": ["a", "b"]})["failed_hosts"] == ["b"]
    assert [one["outcome"] for one in read(tmp_path, "run")["hosts"]] == ["not_started", "not_finished"]


def test_broken_decision_of_the_run_before_is_named(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    lines = rolling.entries()
    next(line for line in lines if line["step"] == "decided")["data"] = {"decision": "nothing"}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    act({"kind": "run", "dest": str(tmp_path), "record": str(path)})
    doc = read(tmp_path, "run")
    assert doc["problems"][0].startswith(f"{path}: the decision on {rolling.NAMES[0]} lacks name, reached, ")
    assert doc["comparison"]["exposed"]["then"] == 22


def test_secrets_are_in_no_report(tmp_path: Path) -> None:
    held = {
        **examples.results()[0],
        "restart": {"done": True, "reason": "r", "before": {"token": "hunter2"}, "after": None},
    }
    act({"kind": "run", "dest": str(tmp_path), "result_var": "found"}, {WEB: {"found": held}})
    assert "hunter2" not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_broken_decision_in_a_record_is_named_and_the_host_is_still_there(tmp_path: Path) -> None:
    for name, data in (("a", {"decision": "nothing"}), ("b", examples.decision("b", "nothing"))):
        record.append(tmp_path / "r", record.entry("r1", "decided", name, data, NOW))
    act({"kind": "run", "dest": str(tmp_path), "record": str(tmp_path / "r")})
    doc = read(tmp_path, "run")
    assert [one["decision"] is None for one in doc["hosts"]] == [True, False]
    assert doc["problems"][0].startswith(f"{tmp_path}/r: the decision on a lacks name, reached, ")


def test_query_chooses_what_is_shown_and_not_what_is_kept(tmp_path: Path) -> None:
    arguments = {"kind": "plan", "dest": str(tmp_path), "decisions": examples.decisions()}
    result = act({**arguments, "query": "[?decision=='restart_due']"})
    assert len(read(tmp_path, "plan")["hosts"]) == 9
    assert result["summary"]["hosts"] == 2
    assert result["failed_hosts"] == ["muc-hv-04"]
    for form in ("html", "md"):
        text = (tmp_path / f"plan.{form}").read_text()
        assert "ber-db-02" in text
        assert "ber-web-01" not in text


def test_table_is_shown_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    shown: list[str] = []
    monkeypatch.setattr(action.fleet_report, "Display", lambda: SimpleNamespace(display=shown.append))
    arguments = {"kind": "plan", "dest": str(tmp_path), "decisions": examples.decisions()}
    act(arguments)
    assert shown == []
    act({**arguments, "show": True})
    doc = run_report.plan(
        examples.decisions(), generated_at="2026-09-20T22:15:00Z", version=action.fleet_report.version()
    )
    assert shown[0].splitlines()[1:-1] == run_report.terminal(doc, 160).splitlines()[:-1]


def test_check_mode_and_validate_only_write_nothing(tmp_path: Path) -> None:
    arguments = {"kind": "plan", "dest": str(tmp_path / "no"), "decisions": examples.decisions()}
    assert act(arguments, check=True)["failed_hosts"] == ["muc-hv-04"]
    only = {"kind": "run", "dest": str(tmp_path / "no"), "validate_only": True}
    assert act(only) == {
        "changed": False,
        "summary": None,
        "files": {},
        "failed_hosts": [],
        "problems": [],
        "artifact": None,
    }
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "month"}, "month"),
        ({"query": "[?state=='on_track'"}, "query: "),
        ({}, "result_var: give it, or record."),
        ({"kind": "plan"}, "result_var: give it, or record or decisions."),
        ({"decisions": []}, "decisions: they are a plan; for kind run give result_var or record."),
        ({"record": "/nowhere"}, "The run record /nowhere cannot be read: No such file or directory."),
        ({"record": "/dev/null"}, "run: '' is not in the record; its last runs are: none."),
        ({"result_var": "found"}, "No host was decided on, so there is nothing to report."),
        ({"kind": "plan", "decisions": []}, "No host was decided on, so there is nothing to report."),
        ({"kind": "plan", "decisions": [{"name": "a"}]}, "decisions: the decision on 'a' lacks reached, problem, "),
        (
            {"kind": "plan", "decisions": [examples.decision("a", "nothing")] * 2},
            "decisions: it holds two decisions on 'a'; give one of each host.",
        ),
        ({"result_var": "broken"}, "result_var: broken of a is no decision and no result of a run."),
        ({"result_var": "odd"}, "result_var: odd of a is no decision and no result of a run."),
        ({"result_var": "poor"}, "result_var: the decision in poor of a lacks name, reached, "),
    ],
)
def test_bad_input_is_an_error_and_nothing_is_written(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    hostvars = {"a": {"broken": "text", "odd": {"decision": 1}, "poor": {"decision": {"decision": "nothing"}}}}
    assert said in refused({"kind": "run", "dest": str(tmp_path / "no"), **changes}, hostvars)
    assert list(tmp_path.iterdir()) == []


def test_what_is_given_is_not_changed(tmp_path: Path) -> None:
    hostvars = {one["name"]: {"found": one} for one in examples.results()}
    before = copy.deepcopy(hostvars)
    act({"kind": "run", "dest": str(tmp_path), "result_var": "found"}, hostvars)
    assert hostvars == before


def test_in_a_play(tmp_path: Path) -> None:
    results = {one["name"]: one for one in examples.results()}
    inventory = {
        "all": {
            "hosts": {name: {"ansible_connection": "ssh", "known": results[name]} for name in (WEB, "muc-hv-04")},
            "vars": {"hotpatch_result": "{{ known | combine({'failed': inventory_hostname == 'muc-hv-04'}) }}"},
        }
    }
    report = {"kind": "run", "dest": str(tmp_path / "out"), "result_var": "found", "run": "r1"}
    play = [
        {
            "hosts": "all",
            "gather_facts": False,
            "tasks": [{"ansible.builtin.set_fact": {"found": "{{ hotpatch_result }}"}}],
        },
        {
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [{"rebootless.patching.run_report": report}],
        },
    ]
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play))
    (tmp_path / "ansible.cfg").touch()
    environment = os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
        "COLUMNS": "160",
    }
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "inventory.yml", "play.yml"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "1 of 2 hosts could not be asked or did not end well: muc-hv-04." in done.stdout + done.stderr
    assert f"{WEB}  Installed " in done.stdout
    assert [one["failed"] for one in read(tmp_path / "out", "run")["hosts"]] == [False, True]
