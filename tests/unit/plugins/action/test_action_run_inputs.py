# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""plugins/action/run_inputs.py: places that cannot be written, names of runs that are taken. The rest needs ansible-playbook."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.rebootless.patching.plugins.action import run_inputs
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import inputs
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record


def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = inputs.files("patch")
    assert "run.json" in names
    assert run_inputs.unwritable("rebootless_dest", str(tmp_path / "not" / "there"), names) == []
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    (tmp_path / "run.json").mkdir()
    (tmp_path / "record.jsonl").symlink_to(tmp_path / "nowhere")
    assert run_inputs.unwritable("rebootless_dest", str(tmp_path / "file" / "below"), names) == [
        f"rebootless_dest: {tmp_path}/file is no directory."
    ]
    assert run_inputs.unwritable("rebootless_dest", str(tmp_path), names) == [
        f"rebootless_dest: {tmp_path}/run.json is no file, and the run writes one there.",
        f"rebootless_dest: {tmp_path}/record.jsonl is no file, and the run writes one there.",
    ]
    # Root may write anywhere, so the system's answer stands in.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert run_inputs.unwritable("rebootless_state", str(tmp_path), ()) == [
        f"rebootless_state: {tmp_path} cannot be written by the user of Ansible."
    ]


def test_a_relative_place_where_the_present_directory_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert run_inputs.unwritable("rebootless_dest", "out", ()) == [
        "rebootless_dest: out is relative, and the present directory is gone."
    ]


def test_a_name_that_another_run_has(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    assert run_inputs.ActionModule.recorded("r1", str(path)) == []
    line = {
        "schema": record.SCHEMA,
        "run": "r1",
        "at": "2026-01-01T00:00:00Z",
        "host": None,
        "step": "run_started",
        "data": {},
    }
    path.write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert run_inputs.ActionModule.recorded("r2", str(path)) == []
    assert run_inputs.ActionModule.recorded("r1", str(path)) == [
        f"rebootless_run: r1 is in {path} already; give a name that no other run has."
    ]
