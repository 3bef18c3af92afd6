# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""windows_drain: its PowerShell over a fake cluster, held against the same answers in Python, and what it does to a host."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import HERE, LONG, executors, quickest, simfleet

WORLDS = HERE / "worlds-drain"
NAMES = sorted(path.stem for path in WORLDS.glob("[!_]*.yml"))
# One world of each kind that the PowerShell tells apart; `make long` executes it on all.
KINDS = (
    *("up", "paused", "no-cluster", "not-set-up", "no-commands", "services-denied", "cluster-hangs", "jobs-fail"),
    *("refuses-up", "memory-denied", "foreign-file", "foreign-folder", "left-new", "linked-folder", "linked-new"),
)
PLAYED = {"fast": NAMES, "powershell": [name for name in NAMES if LONG or name in KINDS]}
KEYS = ("changed", "schema", "boot", "change", "cluster", "memory", "diff", "failed", "msg")
RUNS = yaml.safe_load((HERE / "playbooks" / "drain.yml").read_text())[0]["vars"]["runs"]
NOTHING = {"ok": True, "value": None, "error": None}

Result = dict[str, Any]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all runs of this file."""
    return tmp_path_factory.mktemp("drain")


def play(scratch: Path, executor: str) -> dict[str, tuple[list[Result], Result]]:
    """The hosts that an executor plays in every way: the answers, and the world at the end."""
    folder = scratch / executor
    folder.mkdir()
    command = [
        "ansible-playbook",
        str(HERE / "playbooks" / "drain.yml"),
        "-e",
        json.dumps({"offers_dest": str(folder)}),
    ]
    only = [word for name in PLAYED[executor] for word in ("--only", name)]
    options = ("--save-worlds", str(folder / "after"), *only)
    simfleet(command, folder, worlds=WORLDS, executor=executor, options=options).check()
    return {
        name: (
            [{key: each.get(key) for key in KEYS} for each in json.loads((folder / f"{name}.json").read_text())],
            yaml.safe_load((folder / "after" / f"{name}.yml").read_text()),
        )
        for name in PLAYED[executor]
    }


@pytest.fixture(scope="module")
def all_of(scratch: Path) -> Any:
    """`all_of(executor)`: the answers of every host, asked once."""
    return cache(lambda executor: play(scratch, executor))


# What executed PowerShell says and does is held against it.
@pytest.fixture(params=quickest())
def answers(request: pytest.FixtureRequest, all_of: Any) -> dict[str, tuple[list[Result], Result]]:
    """The answers of every host with one executor."""
    found: dict[str, tuple[list[Result], Result]] = all_of(request.param)
    return found


@pytest.mark.skipif(len(executors()) < 2, reason="there is no PowerShell here")
@pytest.mark.parametrize("name", PLAYED["powershell"])
def test_both_executors_say_and_do_the_same(all_of: Any, name: str) -> None:
    (executed, world), (answered, same) = all_of("powershell")[name], all_of("fast")[name]
    for run, mine, its in zip(RUNS, executed, answered, strict=True):
        assert mine == its, run
    assert world == same


@pytest.mark.parametrize("name", NAMES)
def test_no_trouble_of_a_host_fails_the_module(answers: Any, name: str) -> None:
    for each in answers[name][0]:
        assert (each["schema"], each["failed"] or False) == (2, False), each
        assert each["changed"] is bool(each["change"]["value"])
        assert all(
            each[probe]["ok"] is (each[probe]["error"] is None) for probe in ("boot", "change", "cluster", "memory")
        )


def test_a_node_that_is_up(answers: Any) -> None:
    runs, world = answers["up"]
    changed = [each["changed"] for each in runs]
    assert changed == [
        *(False, False, False, True, False, True, False),
        *(False, True, False, False, True),
        *(True, False, True, True, False, False, False),
    ]
    nodes = [
        {"name": "SQL-01", "state": "Up", "drain": "NotInitiated"},
        {"name": "SQL-02", "state": "Up", "drain": "NotInitiated"},
    ]
    look = {"own": "SQL-01", "nodes": nodes, "groups": ["SQL"], "failed": [], "known": [], "storage_jobs": 0}
    assert runs[0]["cluster"]["value"] == look
    assert runs[1]["cluster"] == NOTHING
    assert runs[2]["change"]["error"]["message"] == "cluster is false, so the cluster is left alone."
    assert runs[3]["diff"] == {"before": "state of the node: Up\n", "after": "state of the node: Paused\n"}
    paused = runs[10]["cluster"]["value"]
    assert (paused["nodes"][0], paused["groups"]) == ({"name": "SQL-01", "state": "Paused", "drain": "Completed"}, [])
    assert runs[0]["memory"]["value"] | {"base": None} == {"base": None, "folder": None, "file": None, "text": None}
    assert runs[15]["memory"]["value"]["text"] == '{"NEW": 2}'
    assert runs[15]["diff"] == {"before": '{"NEW": 2}', "after": ""}
    assert runs[17]["memory"]["value"]["file"] is None
    assert runs[18]["cluster"]["value"]["known"] == ["sql", "SQL Server"]
    assert "memory" not in world
    assert world["cluster"]["nodes"] == {"SQL-01": "Up", "SQL-02": "Up"}
    assert world["cluster"]["groups"] == {"Cluster Group": "SQL-02", "SQL": "SQL-01"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("no-commands", "unavailable"),
        ("services-denied", "denied"),
        ("cluster-hangs", "timeout"),
        ("groups-fail", "failed"),
        ("resources-fail", "failed"),
        ("jobs-fail", "failed"),
    ],
)
def test_a_cluster_that_cannot_be_read_is_left_alone(answers: Any, name: str, kind: str) -> None:
    runs, world = answers[name]
    assert {each["cluster"]["error"]["type"] for each in runs if each["cluster"]["error"]} == {kind}
    said = [each["change"]["error"]["message"] for each in runs[8:10]]
    assert said == [runs[0]["cluster"]["error"]["message"]] * 2
    assert world["cluster"]["nodes"]["SQL-01"] == "Up"


@pytest.mark.parametrize("name", ["no-cluster", "not-set-up"])
def test_no_cluster_is_an_ordinary_answer(answers: Any, name: str) -> None:
    runs, _world = answers[name]
    assert runs[0]["cluster"] == NOTHING
    assert [each["change"] for each in runs[7:12]] == [{"ok": True, "value": False, "error": None}] * 5


def test_troubles_are_named(answers: Any) -> None:
    look = answers["troubled"][0][0]["cluster"]["value"]
    assert (look["nodes"][1]["state"], look["failed"], look["storage_jobs"]) == (
        "Down",
        [{"name": "SQL Server", "group": "SQL"}],
        2,
    )


def test_a_node_that_is_joining_is_neither_suspended_nor_resumed(answers: Any) -> None:
    runs, world = answers["joining"]
    assert [each["changed"] for each in runs[7:12]] == [False] * 5
    assert world["cluster"]["nodes"]["SQL-01"] == "Joining"


def test_what_is_refused_is_said(answers: Any) -> None:
    runs, world = answers["refuses-up"]
    assert [runs[run]["change"]["error"]["type"] for run in (8, 12)] == ["denied", "failed"]
    assert (world["cluster"]["nodes"]["SQL-01"], world.get("memory")) == ("Up", None)
    runs, world = answers["refuses-paused"]
    assert [runs[run]["change"]["error"]["type"] for run in (7, 15)] == ["failed", "denied"]
    assert (world["cluster"]["nodes"]["SQL-01"], world["memory"]) == ("Paused", '{"NEW": 2}')


def test_a_memory_that_cannot_be_read_is_not_overwritten(answers: Any) -> None:
    runs, world = answers["memory-denied"]
    assert runs[0]["memory"]["error"]["type"] == "denied"
    assert [runs[run]["change"]["ok"] for run in (12, 15)] == [False, False]
    assert world["memory"] == "secret"


# Whose the memory is


def test_what_is_written_belongs_to_administrators(answers: Any) -> None:
    """Who owns it and who may write there, as Windows tells it afterwards; also in the place of a file of somebody else."""
    for name in ("up", "foreign-file", "left-new"):
        found = answers[name][0][13]["memory"]["value"]
        assert found["text"] == '{"new": 2}'
        assert found["folder"]["sddl"] == "O:BAG:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
        assert found["file"]["sddl"] == "O:BAG:BAD:PAI(A;;FA;;;SY)(A;;FA;;;BA)"


def test_a_memory_of_somebody_else_is_replaced_although_it_says_the_same(answers: Any) -> None:
    runs, _world = answers["foreign-file"]
    assert runs[0]["memory"]["value"]["file"]["sddl"].startswith("O:S-1-5-21-")
    assert runs[12]["diff"] == {"before": "", "after": '{"new": 2}'}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "foreign-folder",
            r"C:\ProgramData\rebootless does not belong to Administrators or SYSTEM, so nothing is written there.",
        ),
        ("linked-base", r"C:\ProgramData is a link or not what it must be, so nothing is written there."),
        ("linked-folder", r"C:\ProgramData\rebootless is a link or not what it must be, so nothing is written there."),
        (
            "linked-file",
            r"C:\ProgramData\rebootless\drain.json is a link or not what it must be, so nothing is written there.",
        ),
        ("linked-new", r"C:\ProgramData\rebootless\drain.json.new is no ordinary file, so it is not written to."),
    ],
)
def test_nothing_is_written_where_somebody_else_has_a_hand(answers: Any, name: str, said: str) -> None:
    runs, world = answers[name]
    assert runs[12]["change"]["error"]["message"] == said
    assert world["memory_place"]
    if name.startswith("linked-") and name != "linked-new":
        assert runs[0]["memory"]["value"]["text"] is None
        assert world["memory"] == "behind the link"


def test_a_memory_too_large_to_be_ours_is_not_read(answers: Any) -> None:
    found = answers["left-new"][0][0]["memory"]["value"]
    assert (found["file"]["large"], found["text"]) == (True, None)


def test_a_right_that_is_missing_is_told(answers: Any) -> None:
    for name, probe in (("place-denied", "change"), ("rights-denied", "change"), ("rights-unread", "memory")):
        runs, world = answers[name]
        assert runs[12][probe]["error"]["type"] == "denied"
        assert "memory" not in world


def test_the_boot_is_told_where_it_is_known(answers: Any) -> None:
    assert answers["left-new"][0][0]["boot"]["value"] == "2026-09-01T02:10:00Z"
    assert answers["up"][0][0]["boot"]["error"]["type"] == "unavailable"
