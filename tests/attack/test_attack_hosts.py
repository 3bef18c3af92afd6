# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever one host says: every report is there, harmless, bounded, and tells of the others as if it were silent."""

from __future__ import annotations

import functools
import re
import tempfile
from pathlib import Path
from typing import Any

import hosts
import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import render as run_report
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import status_report as report
from kinds import FIELDS, PLACES, RUN_ONLY, STRUCTURES, TEXTS, offer

MESSAGE = re.compile(
    r"Agreed restart of rebootless\.patching( for KB[0-9]{4,8}(, KB[0-9]{4,8})*)?[A-Za-z0-9 ._:#+(),-]*\."
)


@functools.cache
def alone(kind: str) -> dict[str, Any]:
    """The honest host in a report beside an honest one."""
    with tempfile.TemporaryDirectory() as folder:
        return hosts.of(hosts.REPORTS[kind](hosts.answers(), Path(folder)), hosts.HONEST)


# A status asks nobody for offers and services.
ROWS = [(field, kind) for field in FIELDS for kind in hosts.REPORTS if kind == "run" or field not in RUN_ONLY]


@pytest.mark.parametrize(("field", "kind"), ROWS)
@pytest.mark.parametrize("text", TEXTS)
def test_hostile_text(text: str, field: str, kind: str, tmp_path: Path) -> None:
    given = hosts.answers()
    FIELDS[field](given, TEXTS[text])
    files = hosts.REPORTS[kind](given, tmp_path)
    hosts.check(files, alone(kind))
    doc = hosts.strict(files["json"])
    make = report.terminal if kind == "status" else run_report.terminal
    for width in (64, 160):
        assert hosts.steering(make(doc, width)) == []


@pytest.mark.parametrize("kind", hosts.REPORTS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_broken_structure(structure: str, place: str, kind: str, tmp_path: Path) -> None:
    given = hosts.answers()
    PLACES[place](given, STRUCTURES[structure]())
    files = hosts.REPORTS[kind](given, tmp_path)
    hosts.check(files, alone(kind))
    record = tmp_path / "record.jsonl"
    assert not record.exists() or record.stat().st_size < 2_000_000


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_of_a_host_is_an_argument_of_shutdown(text: str) -> None:
    given = hosts.answers()
    FIELDS["title of an offer"](given, TEXTS[text])
    offer("kbs")(given, [])
    decided = hosts.decision(given, hosts.LIAR)
    said = host_run.restart_message(f"{decided['restart']['why']} {TEXTS[text]}", TEXTS[text], {"ticket": TEXTS[text]})
    assert MESSAGE.fullmatch(said), said
    assert len(said) < 512
