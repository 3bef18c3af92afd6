# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of a host in its fixed form, the summary of a fleet, and what has changed since the last status."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import pending_restart as pending_reboot
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import restart_risks, status
from realistic import NOW, TABLE, build, codes, failed, judge, message, signals

KEYS = [
    "name",
    "reached",
    "problem",
    "product",
    "edition",
    "build",
    "architecture",
    "last_boot",
    "state",
    "track",
    "reasons",
    "last_baseline",
    "next_baseline_expected",
    "covered_until",
    "restart_required",
    "pending",
    "restart_risks",
    "restart_risks_looked_at",
    "judged_at",
]


def lost(problem: Any) -> dict[str, Any]:
    """A host that was not reached."""
    return status.host_status("lost", None, problem, TABLE, NOW)


def test_healthy_host() -> None:
    host = judge(signals())
    risks = host.pop("restart_risks")
    assert [risk["code"] for risk in risks] == ["automatic_updates_default"]
    assert host == {
        "name": "host",
        "reached": True,
        "problem": None,
        "product": "windows_server_2025_arc",
        "edition": "ServerStandard",
        "build": "26100.33438",
        "architecture": "AMD64",
        "last_boot": "2026-09-10T02:31:00Z",
        "state": "on_track",
        "track": "hotpatch",
        "reasons": [],
        "last_baseline": {"kb": "KB5122871", "build": "26100.33438", "date": "2026-09-08"},
        "next_baseline_expected": "2026-10-13",
        "covered_until": "2026-10-13",
        "restart_required": "no",
        "pending": {
            "pending": False,
            "classes": ["identity", "management", "servicing"],
            "reasons": [],
            "unknown_sources": [],
            "rests_on": [one.probe for one in pending_reboot.SOURCES if one.klass in pending_reboot.DEFAULT_CLASSES],
        },
        "restart_risks_looked_at": dict.fromkeys(restart_risks.LOOKED_AT, "read"),
        "judged_at": "2026-09-20T12:00:00Z",
    }


def test_host_off_its_track() -> None:
    host = judge(signals(build=build("26100.33451")))
    assert (host["state"], host["track"], codes(host)) == ("off_track", "standard", ["off_track_update"])
    assert (host["covered_until"], host["next_baseline_expected"]) == (None, "2026-10-13")
    assert host["last_baseline"]["kb"] == "KB5122871"


def test_host_whose_update_waits_for_a_restart_is_not_covered_yet() -> None:
    host = judge(signals(cbs_reboot_pending=True))
    assert (host["state"], host["covered_until"]) == ("restart_pending", None)


def test_a_restart_that_no_update_waits_for_leaves_the_host_on_its_track() -> None:
    host = judge(signals(dsc_lcm_state="PendingReboot"))
    assert [reason["class"] for reason in host["pending"]["reasons"]] == ["management"]
    assert (host["state"], host["covered_until"]) == ("on_track", "2026-10-13")


def test_host_not_reached() -> None:
    host = lost({"kind": "timeout", "message": "no answer\nin 30 s\x1b[31m"})
    assert list(host) == KEYS
    assert (host["reached"], host["state"], host["track"]) == (False, "unknown", "unknown")
    assert host["problem"] == {"kind": "timeout", "message": "no answer in 30 s?[31m"}
    assert codes(host) == ["host_not_reached"]
    assert "could not be asked (timeout): no answer in 30 s?[31m" in message(host, "host_not_reached")
    assert (host["pending"]["pending"], host["restart_required"], host["restart_risks"]) == (None, "unknown", [])
    assert {host[key] for key in ("product", "edition", "build", "architecture", "last_boot", "last_baseline")} == {
        None
    }


def test_words_of_a_problem_are_cut() -> None:
    assert lost({"kind": "failed", "message": "x" * 600})["problem"] == {"kind": "failed", "message": "x" * 500}


@pytest.mark.parametrize("problem", [None, {}])
def test_host_not_reached_without_a_word(problem: object) -> None:
    host = lost(problem)
    assert host["problem"] is None
    assert "(failed): no answer" in message(host, "host_not_reached")


@pytest.mark.parametrize("raw", [{}, [], "x", 5, {"build": 5}])
def test_signals_that_are_none(raw: object) -> None:
    host = judge(raw)
    assert list(host) == KEYS
    assert (host["reached"], host["state"], codes(host)) == (True, "unknown", ["signals_missing"])
    assert (host["pending"]["pending"], host["restart_required"]) == (None, "unknown")


def test_causes_come_before_warnings() -> None:
    host = judge(signals(system_disk={"free_bytes": 0}, vbs_running=failed(), arc_hotpatch_subscription=1))
    assert [reason["severity"] for reason in host["reasons"]] == ["cause", "warning", "warning"]


def test_texts_of_the_host_are_shown_only_when_harmless() -> None:
    host = judge(signals(edition_id="\x1b[31mx", architecture="a" * 300))
    assert (host["edition"], host["architecture"]) == (None, None)


def test_classes_are_the_users() -> None:
    host = judge(signals(cbs_reboot_pending=True, dvd_reboot_signal=True), classes=["legacy"])
    assert host["pending"]["classes"] == ["legacy"]
    assert host["pending"]["pending"] is True
    assert host["restart_required"] == "deferrable"


def test_moment_of_another_zone_is_told_in_utc() -> None:
    now = datetime.fromisoformat("2026-09-20T14:00:00+02:00")
    assert judge(signals(), now)["judged_at"] == "2026-09-20T12:00:00Z"


def test_status_is_stable_json() -> None:
    assert json.dumps(judge(signals()), allow_nan=False) == json.dumps(judge(signals()), allow_nan=False)


def test_summary() -> None:
    hosts = [
        judge(signals()),
        judge(signals(cbs_reboot_pending=True)),
        judge(signals(build=build("26100.33222"))),
        judge(signals()),
        lost(None),
    ]
    assert status.summary(hosts) == {
        "hosts": 5,
        "reached": 4,
        "states": {"on_track": 2, "behind": 1, "restart_pending": 1, "unknown": 1},
        "pending": {"yes": 1, "no": 3, "unknown": 1},
    }
    assert list(status.summary(hosts)["states"]) == ["on_track", "behind", "restart_pending", "unknown"]


def test_summary_of_nothing() -> None:
    assert status.summary([]) == {"hosts": 0, "reached": 0, "states": {}, "pending": {"yes": 0, "no": 0, "unknown": 0}}


def short(name: str, state: str, **more: object) -> dict[str, Any]:
    """A host as `compare` needs it."""
    return {"name": name, "state": state, **more}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("on_track", "on_track", None),
        ("on_track", "off_track", "left_track"),
        ("on_track", "unknown", "left_track"),
        ("on_track", "restart_pending", "left_track"),
        ("off_track", "on_track", "returned"),
        ("unknown", "on_track", "returned"),
        ("off_track", "behind", "changed"),
        ("off_track", "restart_pending", "changed"),
        ("unknown", "not_ready", "changed"),
        (None, "on_track", "new"),
        (None, "off_track", "new"),
        ("on_track", None, "gone"),
    ],
)
def test_change(before: str | None, after: str | None, expected: str | None) -> None:
    previous = [short("a", before)] if before else []
    present = [short("a", after, reached=True)] if after else []
    change = {"name": "a", "change": expected, "from": before, "to": after}
    assert status.compare(previous, present) == ([change] if expected else [])
    # As they come out of two files.
    previous, present = json.loads(json.dumps(previous)), json.loads(json.dumps(present))
    assert status.compare(previous, present) == ([change] if expected else [])


def test_options_of_a_status_are_named() -> None:
    with pytest.raises(TypeError):
        status.host_status(*("host", signals(), None, TABLE, NOW, None))


def test_changes_are_sorted_by_weight() -> None:
    previous = [
        short("a", "on_track"),
        short("b", "behind"),
        short("c", "behind"),
        short("d", "behind"),
        short("e", "on_track"),
    ]
    present = [
        short("f", "behind"),
        short("e", "behind"),
        short("d", "off_track"),
        short("c", "on_track"),
        short("a", "behind"),
    ]
    found = [(change["name"], change["change"]) for change in status.compare(iter(previous), iter(present))]
    assert found == [
        ("a", "left_track"),
        ("e", "left_track"),
        ("c", "returned"),
        ("d", "changed"),
        ("f", "new"),
        ("b", "gone"),
    ]


def test_host_that_was_not_reached_is_not_compared() -> None:
    assert status.compare([short("a", "on_track")], [short("a", "unknown", reached=False)]) == []
    assert status.compare([], [short("a", "unknown", reached=False)]) == []
