# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded hosts are worlds: they load, answer as the hosts did, and name nobody when asked to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import HERE, Run
from fleet import fast, worlds

LIBRARY = HERE / "worlds"
HOSTS = ("s25-arc-on-track", "s25-deutsch", "s25-everything-broken", "s25-wsus-policy")


def record(on_fleet: Callable[..., Run], dest: Path, *extra: str, faults: str = "{}") -> Run:
    """A recording of some hosts with the fast executor."""
    (dest / "faults.yml").write_text(faults)
    options = [word for name in HOSTS for word in ("--only", name)]
    options += ["--faults", str(dest / "faults.yml")]
    command = ["ansible-playbook", "rebootless.patching.record", "-e", f"rebootless_dest={dest}/recorded", *extra]
    return on_fleet(command, worlds=LIBRARY, executor="fast", options=tuple(options))


def test_recorded_hosts_answer_and_are_judged_as_before(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    record(on_fleet, tmp_path).check()
    made = worlds.load(tmp_path / "recorded")
    assert sorted(made) == sorted(HOSTS)
    library = worlds.load(LIBRARY)
    for name, world in made.items():
        assert fast.signals(world, {}) == fast.signals(library[name], {})
        said = {key: value for key, value in world["expect"].items() if key != "fact"}
        assert said == {key: value for key, value in library[name]["expect"].items() if key != "fact"}


def test_anonymised_recording_names_nobody(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    record(on_fleet, tmp_path, "-e", '{"rebootless_anonymise": true}').check()
    made = worlds.load(tmp_path / "recorded")
    assert sorted(made) == [f"host-{number:03}" for number in sorted(int(name[-3:]) for name in made)]
    assert len(made) == len(HOSTS)
    text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "recorded").iterdir()).lower()
    for name in (*HOSTS, "münchen", "srv01", "wsus.corp", "corp.example", "127.0.0.1"):
        assert name not in text


def test_lost_host_is_named_and_the_others_are_recorded(on_fleet: Callable[..., Run], tmp_path: Path) -> None:
    run = record(on_fleet, tmp_path, faults=yaml.safe_dump({"s25-deutsch": [{"kind": "refused"}]})).check(2)
    assert "1 of 4 hosts could not be asked: s25-deutsch" in run.output
    assert sorted(worlds.load(tmp_path / "recorded")) == sorted(set(HOSTS) - {"s25-deutsch"})


@pytest.mark.parametrize("extra", ["--check"])
def test_check_mode_writes_nothing(on_fleet: Callable[..., Run], tmp_path: Path, extra: str) -> None:
    record(on_fleet, tmp_path, extra).check()
    assert not (tmp_path / "recorded").exists()
