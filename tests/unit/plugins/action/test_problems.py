# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps the controller from a host is told by kind, and each kind has advice that fits it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import reasons, releases, status
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import page as report_parts

ROOT = Path(__file__).resolve().parents[4]
TABLE = releases.ReleaseTable.load(releases.shipped())
NOW = datetime(2026, 9, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "kind", "advice"),
    [
        # ansible-core 2.21 and 2.18, with sudo for all; ansible_become_method of no plugin.
        ("Become plugin sudo is not supported by the Windows exec wrapper. Make sure ...", "become", "take become out"),
        ("Invalid become method specified, could not find matching plugin: 'nope'.", "become", "take become out"),
        ("the connection plugin 'wnrm' was not found", "controller", "mend ansible_connection"),
        ("winrm or requests is not installed: No module named 'winrm'", "controller", "install what is missing"),
        ("pypsrp or dependencies are not installed: No module named 'pypsrp'", "controller", "install what is missing"),
        (
            "to use the 'ssh' connection type with passwords, you must install the sshpass program",
            "controller",
            "install",
        ),
        ("ssh: Could not resolve hostname nowhere: Name or service not known", "name", "mend the host's name"),
        (
            "Failed to resolve 'nowhere' ([Errno -3] Temporary failure in name resolution)",
            "name",
            "mend the host's name",
        ),
        ("ntlm: [Errno 111] Connection refused", "refused", "power, port"),
        ("the specified credentials were rejected by the server", "auth", "account that may log on"),
        ("Connection timed out", "timeout", "in time"),
        ("Connection reset by peer", "dropped", "cut the connection"),
        ("Failed to become user SYSTEM: access is denied", "failed", "look at the message"),
    ],
)
def test_a_problem_has_a_kind_and_advice_that_fits(text: str, kind: str, advice: str) -> None:
    problem = collector.problem(text)
    assert problem["kind"] == kind
    (said,) = status.host_status("web-01", None, problem, TABLE, NOW)["reasons"]
    assert advice in said["fix"].lower()
    step = host_run.result("web-01", {"reached": False, "problem": problem, "restart": {"consent": None}})["next_step"]
    assert step == said["fix"].replace(" and ask again.", ", then run again.")


def test_every_kind_has_words_and_a_place_in_the_schemas() -> None:
    kinds = {*(kind for kind, _pattern in collector.PROBLEMS), "failed"}
    assert kinds == set(report_parts.PROBLEMS) == set(reasons.UNREACHED)
    for name in ("plan", "run", "status"):
        text = (ROOT / "docs" / f"{name}.schema.json").read_text(encoding="utf-8")
        found = [one for one in enums(json.loads(text)) if "refused" in one and "auth" in one]
        assert [set(one) for one in found] == [kinds] * len(found)
        assert found


def enums(schema: object) -> list[list[str]]:
    """All lists of choices in a schema."""
    inside = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    mine = [schema["enum"]] if isinstance(schema, dict) and isinstance(schema.get("enum"), list) else []
    return mine + [one for part in inside for one in enums(part)]
