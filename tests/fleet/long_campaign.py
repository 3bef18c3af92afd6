# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of the fault campaign that ends in minutes; `make campaign` plays all of it."""

from __future__ import annotations

from pathlib import Path

from campaign import invariants, random_rows
from campaign.play import play
from campaign.rows import ROWS

PLAYED = ("none", "refused", "drain-refuses", "undrain-fails", "consent-expires", "restart-refused")
SEED = 20261129


def test_named_and_random_faults_in_one_run(tmp_path: Path) -> None:
    """Every host ends as stated, none restarts unasked, what is left drained is said, and the record has it all."""
    drawn = random_rows.draw(SEED, 3)
    rows = {name: ROWS[name] for name in PLAYED} | drawn.rows
    played = play(tmp_path / "1", rows, tmp_path / "run")
    assert invariants.broken(rows, played) == []
    assert {played.report[name]["outcome"] for name in PLAYED} == {
        "restarted",
        "not_reached",
        "blocked",
        "failed",
        "restart_due",
    }
