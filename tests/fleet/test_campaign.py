# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault campaign's own tables; `make campaign` plays them, `make long` a part."""

from __future__ import annotations

import pytest
from campaign import controller, planted, random_rows
from campaign.rows import ROWS
from conftest import ROOT

SEED = 20261129


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
