# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault campaign's own tables, and the part of it that CI plays; `make campaign` plays all of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from campaign import controller, invariants, planted, random_rows
from campaign.play import play
from campaign.rows import ROWS
from conftest import ROOT

SEED = 20261129
# Connection, drain, time, restart: what is left to do, what is left out of service, and what is not touched.
PLAYED = {
    "none": "restarted",
    "refused": "not_reached",
    "drain-refuses": "blocked",
    "undrain-fails": "failed",
    "consent-expires": "restart_due",
    "restart-refused": "failed",
    "lost-after-restart": "failed",
}


def test_the_table_names_at_least_forty_faults_and_ten_bugs() -> None:
    assert len(ROWS) + len(controller.FAULTS) - 1 >= 40
    assert len(planted.BUGS) >= 10


@pytest.mark.parametrize("name", planted.BUGS)
def test_a_planted_bug_still_has_its_place(name: str) -> None:
    """One that no longer fits the code would be noticed by nobody but in hours."""
    bug = planted.BUGS[name]
    assert (ROOT / bug.file).read_text(encoding="utf-8").count(bug.old) == 1


def test_the_same_seed_draws_the_same_fleet() -> None:
    assert random_rows.draw(SEED, 50) == random_rows.draw(SEED, 50)
    assert random_rows.draw(SEED, 50) != random_rows.draw(SEED + 1, 50)


def test_named_and_random_faults_in_one_run(tmp_path: Path) -> None:
    """Every host ends as stated, none restarts unasked, what is left drained is said, and the record has it all."""
    rows = {name: ROWS[name] for name in PLAYED} | random_rows.draw(SEED, 3).rows
    played = play(tmp_path / "1", rows, tmp_path / "run")
    assert invariants.broken(rows, played) == []
    assert {name: played.report[name]["outcome"] for name in PLAYED} == PLAYED


def test_a_planted_bug_turns_it_red(tmp_path: Path) -> None:
    """A run that ignores the consent, and the host's own count of restarts says so."""
    assert "consent: consent-false: restarted 1 times" in planted.noticed(planted.BUGS["consent ignored"], tmp_path)
