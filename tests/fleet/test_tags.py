# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`--tags` would leave everything out, and the run would end well with nothing done: every playbook refuses it before any host is asked."""

from __future__ import annotations

import subprocess

import pytest
from conftest import ROOT, environment

PLAYBOOKS = sorted(file.stem for file in (ROOT / "playbooks").glob("*.yml"))


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_tags_are_refused(playbook: str) -> None:
    command = ["ansible-playbook", "-i", "host-1,", f"rebootless.patching.{playbook}", "--tags", "notify,patch"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "--tags notify,patch: the playbooks of rebootless.patching have no tags" in " ".join(ran.stdout.split())
    recap = ran.stdout[ran.stdout.index("PLAY RECAP") :].splitlines()[1:]
    assert [word for word in recap[0].split() if word.startswith(("ok", "unr"))] == ["ok=0", "unreachable=0"]
