# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The monthly run through ansible-playbook: the real release history month by month, refusals, consent, check mode."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Run, nearest
from fleet import months
from monthly import AGREED_NO, PLAYBOOK, Played, play

COMPANIONS = ("dotnet", "defender", "tool", "driver", "preview")
AFTER_A_GAP = ("windows-11-24h2-2025-09", "windows-11-24h2-2026-05")


def history(since: str) -> dict[str, tuple[months.Month, dict[str, Any]]]:
    """A healthy host of every product on the day after each Patch Tuesday that the history knows, with what is offered then."""
    made = {}
    for product in months.PRODUCTS:
        for month in months.patch_tuesdays(product):
            if month.row is None or str(month.day) < since:
                continue
            try:
                world = months.start(product, month.day)
            except ValueError:
                # The history begins here: nothing to stand on before.
                continue
            world = months.advance(world, month.day + timedelta(days=1), companions=COMPANIONS)
            name = f"{product.replace('_', '-')}-{month.day:%Y-%m}"
            if month.row.kb not in {offer.get("kb") for offer in world["offers"]}:
                # The history lacks the baseline before it, so nobody is in its lane.
                assert name in AFTER_A_GAP
                continue
            made[name] = (month, world)
    return made


def check_month(played: Played, host: str, month: months.Month) -> None:
    """One host in one month: no restart ever; the hotpatch in, or the baseline put off and its restart due."""
    row = month.row
    assert row is not None
    result, seen = played.hosts[host], played.counters(host)
    assert seen["restarts"] == 0, host
    decided = set(result["decision"]["install"])
    assert set(seen["updates_installed"]) == decided, host
    assert all(asked["check_mode"] is False and asked["category_names"] == ["*"] for asked in seen["updates_asked"])
    proof = (result["install"] or {}).get("proof")
    if month.type == "hotpatch":
        assert row.kb in played.installed(host), (host, result["decision"]["summary"])
        assert (proof["after"]["build"], proof["track_kept"], proof["restarted"]) == (row.build, True, False), host
        assert result["outcome"] == "installed", (host, result)
        return
    assert row.kb in played.kbs(host, "put_off"), (host, result["decision"]["summary"])
    assert result["decision"]["restart"]["due"] is True, host
    assert result["outcome"] == "restart_due", host
    names = {offer["id"]: offer["kb"] for offer in result["decision"]["offers"]}
    assert row.kb in {names[one] for one in result["decision"]["restart"]["offers"]}, host


def play_history(on_fleet: Callable[..., Run], tmp_path: Path, since: str, executor: str) -> int:
    """Assert that hotpatches go in on every healthy host, baselines are said to be due, nothing restarts; the number of hosts."""
    made = history(since)
    played = play(on_fleet, tmp_path, {name: world for name, (_month, world) in made.items()}, executor=executor)
    for name, (month, _world) in made.items():
        check_month(played, name, month)
    return len(made)


@pytest.mark.parametrize("executor", nearest())
def test_the_months_since_august_2026(executor: str, on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    """All of the history is played by `make long`."""
    assert play_history(on_fleet, tmp_path, "2026-08", executor) >= 8


def off_track_offered() -> dict[str, Any]:
    """A Server 2025 on its October 2025 baseline that is offered KB5070881."""
    world = months.start(months.SERVER_2025, "2025-10-20")
    return months.advance(world, "2025-10-25", companions=("out_of_band",))


def test_an_update_that_ends_the_track_is_refused(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    played = play(on_fleet, tmp_path, {"srv": off_track_offered()})
    assert played.kbs("srv", "refuse") == {"KB5070881"}
    assert played.counters("srv")["updates_asked"] == []
    assert played.hosts["srv"]["outcome"] == "nothing_to_do"


def test_forced_by_the_policy_it_ends_the_track_until_the_next_baseline(
    on_fleet: Callable[..., Run], tmp_path: Path
) -> None:
    saved = tmp_path / "saved"
    extra = {"rebootless_policy": {"emergency": ["KB5070881"]}, "rebootless_consent": True}
    played = play(on_fleet, tmp_path, {"srv": off_track_offered()}, extra=extra, options=("--save-worlds", str(saved)))
    result = played.hosts["srv"]
    assert played.installed("srv") == {"KB5070881"}
    assert (result["outcome"], played.counters("srv")["restarts"]) == ("restarted", 1)
    assert result["restart"]["consent"] is True
    after = yaml.safe_load((saved / "srv.yml").read_text(encoding="utf-8"))
    following = (
        ("2025-11-12", "KB5068861", "wait_for_window"),
        # What November's update would have brought has been missing for a month by then.
        ("2025-12-10", "KB5072033", "restart_due"),
        ("2026-01-14", "KB5073379", "restart_due"),
    )
    for day, offered, said in following:
        later = months.advance(after, day)
        step = tmp_path / day
        step.mkdir()
        seen = play(on_fleet, step, {"srv": later}).hosts["srv"]["decision"]
        assert [offer["kb"] for offer in seen["offers"]] == [offered]
        assert (seen["state"], seen["decision"]) == ("off_track", said)
    baseline = tmp_path / "baseline"
    baseline.mkdir()
    options = ("--save-worlds", str(saved))
    back = play(on_fleet, baseline, {"srv": later}, extra={"rebootless_consent": True}, options=options)
    assert back.hosts["srv"]["restart"]["state"] == "on_track"


def baseline_month() -> dict[str, Any]:
    world = months.start(months.SERVER_2025, "2026-04-14")
    return months.advance(world, "2026-04-15", companions=("defender",))


@pytest.mark.parametrize(("consent", "status"), [(None, 2), (False, 0)])
def test_a_due_restart_nobody_agreed_to(
    consent: bool | None, status: int, on_fleet: Callable[..., Run], tmp_path: Path
) -> None:
    """Not said: the run fails at its end. Said no: it is reported. Either way all the rest is installed."""
    played = play(on_fleet, tmp_path, {"srv": baseline_month()}, extra={"rebootless_consent": consent}, status=status)
    assert played.installed("srv") == {"KB2267602"}
    assert played.hosts["srv"]["outcome"] == "restart_due"
    assert played.counters("srv")["restarts"] == 0


def test_consent_outside_the_window_restarts_nothing(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    windows = [{"start": "22:00", "duration": "4h", "weekdays": ["sunday"]}]
    extra = {"rebootless_consent": True, "rebootless_policy": {"windows": windows}}
    played = play(on_fleet, tmp_path, {"srv": baseline_month()}, extra=extra)
    assert played.hosts["srv"]["outcome"] == "restart_due"
    assert played.hosts["srv"]["decision"]["restart"]["window"]["start"] == "2026-05-10T22:00:00Z"
    assert (played.counters("srv")["restarts"], played.installed("srv")) == (0, {"KB2267602"})


def test_check_mode_changes_nothing_and_says_what_would_be_installed(
    on_fleet: Callable[..., Run], tmp_path: Path
) -> None:
    world = months.advance(months.start(months.SERVER_2025, "2026-08-11"), "2026-08-12", companions=COMPANIONS)
    saved = tmp_path / "saved"
    folder = tmp_path / "worlds"
    folder.mkdir()
    (folder / "srv.yml").write_text(yaml.safe_dump(world, sort_keys=False), encoding="utf-8")
    command = [
        *PLAYBOOK,
        "--check",
        "--diff",
        "-e",
        json.dumps({**AGREED_NO, "rebootless_dest": str(tmp_path / "run")}),
    ]
    run = on_fleet(command, worlds=folder, executor="fast", options=("--save-worlds", str(saved))).check()
    assert run.counters["hosts"]["srv"]["updates_asked"] == []
    assert yaml.safe_load((saved / "srv.yml").read_text(encoding="utf-8"))["offers"] == world["offers"]
    assert not (tmp_path / "run" / "record.jsonl").exists()
    assert "KB5120228" in run.output


def test_limit_patches_and_reports_the_hosts_of_the_limit_alone(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    world = months.advance(months.start(months.SERVER_2025, "2026-08-11"), "2026-08-12")
    played = play(on_fleet, tmp_path, {"one": world, "two": world}, more=("--limit", "one"))
    assert set(played.hosts) == {"one"}
    assert played.installed("one") == {"KB5120228"}
    assert played.counters("two")["requests"] == 0
    report = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert [host["name"] for host in report["hosts"]] == ["one"]


def test_a_bad_policy_of_one_host_ends_the_run_before_any_is_touched(
    on_fleet: Callable[..., Run], tmp_path: Path
) -> None:
    world = months.advance(months.start(months.SERVER_2025, "2026-08-11"), "2026-08-12")
    policy = "{{ {'max_wait': {'critical': 'soon'}} if inventory_hostname == 'two' else {} }}"
    folder = tmp_path / "worlds"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.yml").write_text(yaml.safe_dump(world, sort_keys=False), encoding="utf-8")
    variables = {"rebootless_dest": str(tmp_path / "run"), "rebootless_policy": policy}
    run = on_fleet([*PLAYBOOK, "-e", json.dumps(variables)], worlds=folder, executor="fast").check(2)
    assert "policy.max_wait.critical is 'soon'" in run.output
    assert {host["requests"] for host in run.counters["hosts"].values()} == {0}
