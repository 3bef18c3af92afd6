# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing of a run outlives it inside one ansible-playbook, and nothing that cannot be meant gets as far as a host."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record
from conftest import Run, environment
from monthly import FORKS
from rolling import ROLLING, fleet, of_groups, one_by_one, roll, write

WEB = {"agreed": True, "ticket": "CHG-7", "approver": "web team"}


def site(folder: Path, *imports: Mapping[str, Any]) -> list[str]:
    """A playbook of the user's own that imports ours, and the command for it."""
    file = folder / "site.yml"
    plays = [
        {"ansible.builtin.import_playbook": f"rebootless.patching.{one['playbook']}", **one, "playbook": None}
        for one in imports
    ]
    for one in plays:
        del one["playbook"]
    file.write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    folders = {"rebootless_dest": str(folder / "run"), "rebootless_state": str(folder / "run" / "fleet")}
    return ["ansible-playbook", str(file), *FORKS, "-e", json.dumps({**ROLLING, **folders})]


def test_two_imports_are_two_runs(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """The first run says no for sql, the second has a consent for web: nothing of the one is in the other."""
    worlds, groups = fleet(web=[1, 1], sql=[1])
    words = site(
        tmp_path,
        {"playbook": "status", "tags": ["look"], "vars": {"rebootless_fail_not_reached": False}},
        {"playbook": "patch", "tags": ["sql"], "vars": {"rebootless_hosts": "sql", "rebootless_consent": False}},
        {"playbook": "patch", "tags": ["web"], "vars": {"rebootless_hosts": "web", "rebootless_consent": WEB}},
        # Two of the same hosts; the run before is over.
        {"playbook": "patch", "tags": ["web"], "vars": {"rebootless_hosts": "web", "rebootless_consent": False}},
    )
    rolled = roll(on_fleet, tmp_path, worlds, words, groups)
    assert rolled.restarts() == {"sql-01": 0, "web-01": 1, "web-02": 1}
    first, second, third = rolled.names
    assert rolled.outcomes(first) == {"restart_due": 1}
    assert rolled.outcomes(second) == {"restarted": 2}
    assert list(rolled.hosts(third)) == ["web-01", "web-02"]
    assert rolled.outcomes(third) == {"nothing_to_do": 2}
    ends = [(one["run"], one["step"]) for one in rolled.entries if one["step"] in record.RUN_STEPS]
    assert ends == [(name, step) for name in (first, second, third) for step in ("run_started", "run_finished")]
    # The steps of a run stand between its beginning and its end.
    assert [one["run"] for one in rolled.entries] == sorted(
        (one["run"] for one in rolled.entries), key=rolled.names.index
    )
    started = {one["run"]: one["data"] for one in rolled.entries if one["step"] == "run_started"}
    assert [(one["hosts"], one["consent"]) for one in started.values()] == [
        (["sql-01"], False),
        (["web-01", "web-02"], WEB),
        (["web-01", "web-02"], False),
    ]
    assert rolled.state.leases() == []
    assert len(list((tmp_path / "run" / "fleet" / "runs").glob("*.ended"))) == 3
    report = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in report["hosts"]] == ["web-01", "web-02"]
    status = json.loads((tmp_path / "run" / "status.json").read_text(encoding="utf-8"))
    assert [one["reached"] for one in status["hosts"]] == [True, True, True]


def test_a_limit_that_leaves_nobody_to_a_run_leaves_it_nobody_of_the_run_before(
    on_fleet: Callable[..., Run], tmp_path: Path
) -> None:
    worlds, groups = fleet(web=[1], sql=[1])
    words = site(
        tmp_path,
        {"playbook": "patch", "vars": {"rebootless_hosts": "sql", "rebootless_consent": False}},
        {"playbook": "patch", "vars": {"rebootless_hosts": "web", "rebootless_consent": WEB}},
    )
    rolled = roll(on_fleet, tmp_path, worlds, [*words, "--limit", "sql-01"], groups)
    assert rolled.restarts() == {"sql-01": 0, "web-01": 0}
    assert len(rolled.names) == 1


def test_a_tag_of_an_import_chooses_the_whole_of_it(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    worlds, groups = fleet(web=[1], sql=[1])
    words = site(
        tmp_path,
        {"playbook": "status", "tags": ["look"]},
        {"playbook": "patch", "tags": ["web"], "vars": {"rebootless_hosts": "web", "rebootless_consent": WEB}},
        {"playbook": "hotpatch", "tags": ["all_others"], "vars": {"rebootless_consent": WEB}},
    )
    run = on_fleet(
        of_groups(tmp_path, [*words, "--tags", "look"], groups),
        worlds=write(tmp_path / "worlds", worlds),
        executor="fast",
    ).check()
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "status.html",
        "status.json",
        "status.md",
        "history.json",
    }
    assert {one["restarts"] for one in run.counters["hosts"].values()} == {0}


def hosts_asked(run: Run) -> int:
    """How many requests the hosts have seen."""
    return sum(one["requests"] for one in run.counters["hosts"].values())


def refused(
    on_fleet: Callable[..., Run],
    tmp_path: Path,
    words: Sequence[str],
    groups: Mapping[str, Any],
    *,
    status: int = 2,
    **how: Any,
) -> str:
    """What a run is refused with that must not ask any host."""
    folder = write(tmp_path / "worlds", fleet(web=[1, 1], sql=[1])[0])
    run = on_fleet(of_groups(tmp_path, words, groups, **how), worlds=folder, executor="fast").check(status)
    assert hosts_asked(run) == 0
    return " ".join(run.output.split())


def test_all_that_cannot_be_meant_is_said_at_once(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """One run with a fault of each kind."""
    _worlds, groups = fleet(web=[1, 1], sql=[1])
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").mkdir()
    words = site(tmp_path, {"playbook": "patch", "vars": {"rebootless_consent": True, "rebootless_polcy": {}}})
    of_hosts = {
        "web-02": {"rebootless_hosts": "web", "rebootless_fleet": {"groups": {"wbe": {}}}, "baseline_hook": {}},
        # Another name for web-01.
        "sql-01": {"rebootless_deadline": "soon", "ansible_port": "{{ hostvars['web-01'].ansible_port }}"},
    }
    said = refused(on_fleet, tmp_path, words, groups, variables=of_hosts)
    for sentence in (
        "rebootless_polcy: there is no variable of this name (meant rebootless_policy?).",
        "baseline_hook: there is no variable of this name (meant baseline_hooks?).",
        "rebootless_fleet: it is a setting of the whole run, and web-02 has another than",
        "rebootless_hosts: it chooses the hosts, so it is read before any host's variables, and it stands in those of web-02.",
        "sql-01: argument 'rebootless_deadline' is of type str and",
        "sql-01 and web-01 are one machine: all reach it at 127.0.0.1 port",
        f"rebootless_dest: {tmp_path}/run/run.json is no file, and the run writes one there.",
    ):
        assert sentence in said, said


def test_facts_of_a_cache_decide_nothing(
    on_fleet: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that was made to say so: with facts as variables, as is Ansible's default, they would stand above the inventory."""
    cache = {"CACHE_PLUGIN": "jsonfile", "CACHE_PLUGIN_CONNECTION": str(tmp_path), "INJECT_FACT_VARS": "True"}
    for name, value in cache.items():
        monkeypatch.setenv(f"ANSIBLE_{name}", value)
    facts = {
        "rebootless_consent": True,
        "rebootless_dest": "/else/where",
        "baseline_adapters": [],
        "__rebootless_this": {},
    }
    planted = {"ansible.builtin.set_fact": {**facts, "cacheable": True}, "delegate_to": "localhost"}
    plant = tmp_path / "plant.yml"
    plant.write_text(yaml.safe_dump([{"hosts": "web-01", "gather_facts": False, "tasks": [planted]}]), encoding="utf-8")
    _worlds, groups = fleet(web=[1, 1], sql=[1])
    words = one_by_one(["ansible-playbook", str(plant)], site(tmp_path, {"playbook": "patch"}))
    said = refused(on_fleet, tmp_path, words, groups, status=0)
    for name in facts:
        assert f"{name} is a fact of web-01: settings are never taken from a host." in said, said
    # A role in a play of one's own has no run that could be refused: the task is.
    task = {"rebootless.patching.updates_info": {"policy": {}}}
    own = tmp_path / "own.yml"
    own.write_text(yaml.safe_dump([{"hosts": "web-01", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
    assert "rebootless_consent is a fact of web-01" in refused(
        on_fleet, tmp_path, ["ansible-playbook", str(own)], groups
    )


def test_a_host_without_a_connection_ends_the_run_of_nobody_else(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """The first host of the inventory has a connection plugin that does not exist."""
    worlds, groups = fleet(web=[1, 1])
    words = one_by_one(
        site(
            tmp_path,
            {"playbook": "patch", "vars": {"rebootless_consent": WEB, "rebootless_fleet": {"budget": {"failed": 1}}}},
        ),
        ["ansible-playbook", "rebootless.patching.plan", "-e", f"rebootless_dest={tmp_path}/plan"],
        ["ansible-playbook", "rebootless.patching.status", "-e", f"rebootless_dest={tmp_path}/status"],
    )
    rolled = roll(on_fleet, tmp_path, worlds, words, groups, variables={"web-01": {"ansible_connection": "wnrm"}})
    assert rolled.statuses == [2, 2, 2]
    assert rolled.restarts() == {"web-01": 0, "web-02": 1}
    report = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    ends = {one["name"]: one for one in report["hosts"]}
    assert ends["web-02"]["outcome"] == "restarted"
    assert ends["web-01"]["failed"] is True
    assert "the connection plugin 'wnrm' was not found" in " ".join(ends["web-01"]["words"])
    assert rolled.state.leases() == []
    status = json.loads((tmp_path / "status" / "status.json").read_text(encoding="utf-8"))
    assert [(one["reached"], (one["problem"] or {}).get("kind")) for one in status["hosts"]] == [
        (False, "controller"),
        (True, None),
    ]
    plan = json.loads((tmp_path / "plan" / "plan.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in plan["hosts"]] == ["web-01", "web-02"]


# --- without any host --------------------------------------------------------------------------------------------


def nobody(folder: Path, *words: str, **environment_: str) -> subprocess.CompletedProcess[str]:
    """A rolling run over a host that refuses connections, started from a folder."""
    found = environment() | {"XDG_STATE_HOME": str(folder / "state"), "COLUMNS": "160", **environment_}
    inventory = (
        "host-1 ansible_connection=winrm ansible_host=127.0.0.1 ansible_port=1 ansible_user=x ansible_password=x\n"
    )
    # Ansible itself fills in a $ in the name of an inventory.
    (folder.parent / "inventory").write_text(inventory, encoding="utf-8")
    argv = ["ansible-playbook", "-i", str(folder.parent / "inventory"), "rebootless.patching.patch", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=found, cwd=folder)


def test_files_go_where_the_process_is_and_leases_where_they_always_go(tmp_path: Path) -> None:
    here = tmp_path / "a $HOME b"
    here.mkdir()
    ran = nobody(here, PWD=str(tmp_path / "elsewhere"))
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert (here / "rebootless-run" / "run.json").is_file()
    state = here / "state" / "rebootless-patching" / "fleet"
    assert len(list((state / "runs").glob("*.json"))) == 1
    assert f"Leases are shared with all runs that use {state}; record and reports: {here}/rebootless-run" in ran.stderr
    assert "Leases are shared" not in ran.stdout
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("words", [("--start-at-task", "Report the run"), ("--skip-tags", "always")])
def test_a_run_without_its_beginning_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = nobody(tmp_path, *words)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    said = "The beginning of this run was left out: leave --start-at-task, --step and --skip-tags out."
    assert said in " ".join(ran.stdout.split()) + " ".join(ran.stderr.split())
    assert not (tmp_path / "rebootless-run").exists()
