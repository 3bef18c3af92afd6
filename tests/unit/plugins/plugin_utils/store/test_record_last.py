# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the record remembers of a host from run to run."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record

NOW = datetime(2026, 9, 20, 12, tzinfo=UTC)


def written(folder: Path, *steps: tuple[str, str, dict[str, Any]]) -> Path:
    """A record with these steps of hosts."""
    path = folder / "record.jsonl"
    for step, host, data in steps:
        record.append(path, record.entry("2026-09", step, host, data, NOW))
    return path


def test_nothing_is_remembered_without_a_record(tmp_path: Path) -> None:
    assert record.last(tmp_path / "record.jsonl", "app-01") == (None, None)


def test_a_record_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(record.RecordError, match="cannot be read"):
        record.last(tmp_path, "app-01")


@pytest.mark.parametrize(
    ("steps", "remembered"),
    [
        ([], (None, None)),
        ([("decided", "app-01", 1)], ({"n": 1}, None)),
        ([("decided", "app-01", 1), ("installed", "app-01", 2)], ({"n": 1}, {"n": 2})),
        ([("decided", "app-01", 1), ("installed", "app-01", 2), ("decided", "app-01", 3)], ({"n": 3}, None)),
        ([("decided", "app-01", 1), ("installed", "app-01", 2), ("installed", "app-01", 3)], ({"n": 1}, {"n": 3})),
        ([("decided", "app-01", 1), ("installed", "app-01", 2), ("host_finished", "app-01", 3)], ({"n": 1}, {"n": 2})),
        ([("decided", "app-01", 1), ("announced", "app-01", 2), ("drained", "app-01", 3)], ({"n": 1}, None)),
        ([("decided", "app-01", 1), ("decided", "web-01", 2), ("installed", "web-01", 3)], ({"n": 1}, None)),
        ([("decided", "zoo-01", 1), ("installed", "zoo-01", 2)], (None, None)),
        ([("decided", "aaa-01", 1), ("installed", "aaa-01", 2)], (None, None)),
        ([("verified_before", "app-01", 1), ("restarted", "app-01", 2)], (None, None)),
    ],
)
def test_last_decision_and_what_was_installed_by_it(
    tmp_path: Path, steps: list[tuple[str, str, int]], remembered: tuple[Any, Any]
) -> None:
    other = ("run_started", "", 0)
    path = written(tmp_path, *((step, host, {"n": number}) for step, host, number in [other, *steps]))
    assert record.last(path, "app-01") == remembered


@pytest.mark.parametrize("between", [("decided", "installing"), ("restarted", "undrained"), ("verified_after",), ()])
def test_slot_is_held_until_it_is_released_whatever_the_host_does(tmp_path: Path, between: tuple[str, ...]) -> None:
    path = tmp_path / "record.jsonl"
    for number, step in enumerate(["slot_taken", *between, "host_finished", "slot_released", "verified_after"]):
        data = {"slot_taken": {"kind": "restart"}, "slot_released": {"failed": False}}.get(step, {})
        record.append(path, record.entry("2026-09", step, "app-01", data, NOW + timedelta(seconds=10 * number)))
    assert record.slot_seconds(path) == {"app-01": 10 * (len(between) + 2)}


# After all but `}` and the line feed of it, too, and where a cut line stands before it.
@pytest.mark.parametrize("cut", [b"", b"{"])
@pytest.mark.parametrize("taken", [1, 2, 20, 60, -2])
def test_disk_that_fills_up_anywhere_within_a_line_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int, cut: bytes
) -> None:
    path = written(tmp_path, ("decided", "app-01", {}))
    path.write_bytes(path.read_bytes() + cut)
    before = path.read_bytes()
    write = os.write
    rest = [taken]

    def full(handle: int, text: bytes) -> int:
        if not rest:
            raise OSError(28, "No space left on device")
        return write(handle, text[: rest.pop()])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(record.RecordError, match="No space left on device"):
        record.append(path, record.entry("2026-09", "decided", "app-01", {}, NOW))
    assert path.read_bytes() == before
