# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""apply.yml and remove.yml, by the real ansible-playbook and the real awx.awx, against a simulated AWX."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from controller import TYPES, Controller, running

ROOT = Path(__file__).resolve().parents[2]
AWX = ROOT / "extensions" / "awx"
SETTINGS = {
    "prefix": "Test ",
    "parts": [
        "labels",
        "execution_environments",
        "credential_types",
        "notifications",
        "inventories",
        "projects",
        "templates",
        "workflows",
        "schedules",
    ],
    "notification_url": "https://chat.example.org/hook",
    "waves": 1,
    "domains": {"sql": "db"},
}


def play(playbook: str, address: str, settings: dict[str, object]) -> subprocess.CompletedProcess[str]:
    """Run one of the two playbooks."""
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "CONTROLLER_HOST": address,
        "CONTROLLER_USERNAME": "admin",
        "CONTROLLER_PASSWORD": "secret",
        # Certificates are loaded for each request otherwise.
        "CONTROLLER_VERIFY_SSL": "false",
    }
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(AWX / playbook), "-e"]
    return subprocess.run(
        [*command, json.dumps({"rebootless_awx": settings})],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def names(controller: Controller) -> set[tuple[str, str]]:
    """What there is, but for tokens."""
    return {
        (endpoint, str(one.get("name", one.get("identifier"))))
        for endpoint in TYPES
        if endpoint != "tokens"
        for one in controller.objects[endpoint].values()
    }


def test_applied_twice_changes_nothing_the_second_time_and_is_removed_without_a_trace() -> None:
    with running(ROOT) as (controller, address):
        controller.create("instance_groups", {"name": "db"})
        organization = next(iter(controller.objects["organizations"]))
        foreign = controller.create("inventories", {"name": "Test of others", "organization": organization})
        before = names(controller)

        first = play("apply.yml", address, SETTINGS)
        assert first.returncode == 0, first.stdout + first.stderr
        assert ("job_templates", "Test Rebootless wave sql") in names(controller)
        assert ("workflow_job_template_nodes", "wave-1-sql") in names(controller)
        assert not controller.objects["tokens"]
        kinds = {endpoint for endpoint, _name in names(controller) - before}
        assert len(kinds) == 11

        controller.writes.clear()
        second = play("apply.yml", address, SETTINGS)
        assert second.returncode == 0, second.stdout + second.stderr
        assert re.search(r"\bchanged=0\b", second.stdout), second.stdout
        assert controller.writes == []

        removed = play("remove.yml", address, SETTINGS)
        assert removed.returncode == 0, removed.stdout + removed.stderr
        assert names(controller) == before
        assert controller.objects["inventories"] == {foreign["id"]: foreign}
        assert not controller.objects["tokens"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        pytest.param({"prefx": "x"}, "rebootless_awx.prefx", id="a key that is unknown"),
        pytest.param({"parts": ["schedules"]}, "schedules cannot be applied without templates", id="a part alone"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_sent(settings: dict[str, object], told: str) -> None:
    with running(ROOT) as (controller, address):
        done = play("apply.yml", address, settings)
        assert done.returncode != 0
        assert told in re.sub(r"\s+", " ", done.stdout + done.stderr)
        assert controller.writes == []


def test_what_others_made_is_neither_taken_over_nor_removed() -> None:
    settings: dict[str, object] = {"prefix": "Test ", "parts": ["inventories"]}
    with running(ROOT) as (controller, address):
        organization = next(iter(controller.objects["organizations"]))
        theirs = {"name": "Test Rebootless fleet", "organization": organization, "description": "Of others", "kind": ""}
        foreign = controller.create("inventories", theirs)
        before = dict(foreign)

        applied = play("apply.yml", address, settings)
        assert applied.returncode != 0
        said = re.sub(r"\s+", " ", applied.stdout + applied.stderr)
        assert "not applied from here: inventories: Test Rebootless fleet." in said
        removed = play("remove.yml", address, settings)
        assert removed.returncode == 0, removed.stdout + removed.stderr
        assert "left: inventories: Test Rebootless fleet." in removed.stdout
        assert controller.writes == []
        assert controller.objects["inventories"] == {foreign["id"]: before}
        assert not controller.objects["tokens"]

        taken = play("apply.yml", address, {**settings, "take_over": True})
        assert taken.returncode == 0, taken.stdout + taken.stderr
        removed = play("remove.yml", address, settings)
        assert removed.returncode == 0, removed.stdout + removed.stderr
        assert controller.objects["inventories"] == {}
