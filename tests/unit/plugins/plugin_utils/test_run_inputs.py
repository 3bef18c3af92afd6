# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""plugin_utils/fleet/inputs.py: what a run is refused for before any host is asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import inputs
from hypothesis import given, settings
from hypothesis import strategies as st

KNOWN = (
    "rebootless_policy",
    "rebootless_consent",
    "rebootless_hosts",
    "rebootless_fleet",
    "baseline_hooks",
    "baseline_adapters",
    "hotpatch_hooks",
    "hotpatch_policy",
    "verify_urls",
    "verify_ports",
    "drain_adapters",
    "drain_state",
    "drain_interval",
)


# --- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("rebootless_polcy", "rebootless_policy"),
        ("rebootless_concent", "rebootless_consent"),
        ("Rebootless_policy", "rebootless_policy"),
        ("rebootles_policy", "rebootless_policy"),
        ("reboootless_fleet", "rebootless_fleet"),
        ("rebootlessPolicy", None),
        ("rebootless_zzzzzzzzzzzzzzzz", None),
        ("baseline_hook", "baseline_hooks"),
        ("baseline_Hooks", "baseline_hooks"),
        ("basline_hooks", "baseline_hooks"),
        ("baseline_adaptors", "baseline_adapters"),
        ("verify_url", "verify_urls"),
        # The name of an option with another role before it.
        ("hotpatch_adapters", "_adapters"),
    ],
)
def test_misspelt_names_are_refused_with_what_was_meant(name: str, close: str | None) -> None:
    (said,) = inputs.unknown([name, *KNOWN], KNOWN)
    assert said.startswith(f"{name}: there is no variable of this name")
    assert ("(meant " in said) == (close is not None)
    assert close is None or f"{close}?)" in said


@pytest.mark.parametrize(
    "name",
    [
        "rebootless_plan_web",
        "rebootless_wave_0",
        "rebootless_wave_12_web",
        "rebootless_hotpatch",
        "rebootless_report",
        "rebootless_service_token",
        "rebootless_awx",
        "baseline_result",
        "__rebootless_given",
        "baseline_image",
        "baseline_version",
        "verify_ssl",
        "verify_hosts",
        "drain_timeout",
        "patch_policy",
        "patch_hooks",
        "reboot_window",
        "ansible_host",
        "base_hooks",
    ],
)
def test_names_of_others_are_theirs(name: str) -> None:
    assert inputs.unknown([name], KNOWN) == []


def test_a_near_miss_can_be_said_to_be_ones_own_and_a_name_of_ours_cannot() -> None:
    assert inputs.unknown(["verify_url"], KNOWN, ["verify_url"]) == []
    assert len(inputs.unknown(["rebootless_polcy"], KNOWN, ["rebootless_polcy"])) == 1
    assert "rebootless_ignore_variables" in inputs.unknown(["verify_url"], KNOWN)[0]
    assert "rebootless_ignore_variables" not in inputs.unknown(["rebootless_polcy"], KNOWN)[0]


@settings(deadline=None)
@given(st.sampled_from(KNOWN), st.data())
def test_a_letter_more_or_less_never_passes(name: str, data: st.DataObject) -> None:
    """Property: no known name with one letter lost or put in is ignored in silence."""
    start = name.index("_") + 1
    place = data.draw(st.integers(start, len(name) - 1))
    letter = data.draw(st.sampled_from(["", *"aeioxyz"]))
    changed = name[:place] + letter + name[place + (letter == "") :]
    assert changed in KNOWN or len(inputs.unknown([changed], KNOWN)) == 1


@pytest.mark.parametrize(
    "name",
    [
        "rebootless_consent",
        "REBOOTLESS_consent",
        "baseline_adapters",
        "verify_urls",
        "baseline_result",
        "assess_decision",
        "__rebootless_kind",
        "__baseline_rounds",
        "_drain_x",
        "verify_anything",
    ],
)
def test_facts_with_names_of_ours_are_refused(name: str) -> None:
    (said,) = inputs.of_facts({"evil": [name, "os_family"], "good": ["os_family"], "worse": [name]}, KNOWN)
    assert said.startswith(f"{name} is a fact of evil, worse: settings are never taken from a host.")


def test_only_a_fact_that_nothing_of_ours_reads_can_be_said_to_be_ones_own() -> None:
    names = ["verify_anything", "verify_result", "verify_urls", "rebootless_x", "__verify_y"]
    said = inputs.of_facts({"one": names}, KNOWN, names)
    assert [one.split()[0] for one in said] == ["__verify_y", "rebootless_x", "verify_result", "verify_urls"]


# --- settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values", "others"),
    [
        ("rebootless_fleet", {"a": inputs.MISSING, "b": {}, "c": {}}, "b, c have"),
        ("rebootless_fleet", {"a": {}, "b": inputs.MISSING}, "b has"),
        ("rebootless_dest", {"a": "x", "b": "x", "c": "y"}, "c has"),
        ("rebootless_state", {"a": "x", "b": "x"}, None),
        ("rebootless_query", {"a": inputs.MISSING, "b": inputs.MISSING}, None),
        # Decided on by itself for each host.
        ("rebootless_policy", {"a": {}, "b": {"install": "all"}}, None),
        ("rebootless_consent", {"a": True, "b": False}, None),
        ("rebootless_now", {"a": "2026-01-01T00:00:00Z", "b": inputs.MISSING}, None),
    ],
)
def test_settings_of_the_whole_run_must_be_alike(name: str, values: dict[str, Any], others: str | None) -> None:
    said = inputs.differing({name: values})
    assert len(said) == (others is not None)
    if others is not None:
        assert said[0].startswith(f"{name}: it is a setting of the whole run, and {others} another than a.")


def test_what_chooses_the_hosts_is_not_read_from_hosts() -> None:
    of_hosts = {"rebootless_hosts": ["b", "a"], "rebootless_domain": [], "rebootless_policy": ["a"]}
    (said,) = inputs.unread([], of_hosts)
    assert said.startswith("rebootless_hosts: it chooses the hosts, so it is read before any host's variables")
    assert "of a, b." in said
    assert inputs.unread(["rebootless_hosts"], of_hosts) == []


POLICY = {"groups": {"web": {}, "sqll": {}}, "hosts": {"web-1": {}, "web-9": {}}}
FLEET = {"groups": {"wbe": {}}, "durations": {"web": "1h", "web-1": "1h", "nobody": "1h"}, "canary": ["web-1", "web-7"]}


def test_groups_and_hosts_that_are_in_no_inventory() -> None:
    said = inputs.nowhere([POLICY, POLICY], FLEET, ["web", "sql"], ["web-1", "sql-1"], [])
    assert [one.partition(".  ")[0].split(" is no ")[0] for one in said] == [
        "rebootless_policy.groups: sqll",
        "rebootless_policy.hosts: web-9",
        "rebootless_fleet.groups: wbe",
        "rebootless_fleet.durations: nobody",
        "rebootless_fleet.canary: web-7",
    ]
    assert "sqll is no group of the inventory (meant sql?)." in said[0]
    optional = ["sqll", "web-9", "wbe", "nobody", "web-7"]
    assert inputs.nowhere([POLICY], FLEET, ["web", "sql"], ["web-1", "sql-1"], optional) == []
    # Their form is for others to refuse.
    assert inputs.nowhere([None, "text", {"groups": []}], [1], [], [], []) == []
    assert inputs.nowhere([], {"canary": 2, "groups": {3: {}}}, [], [], []) == []


# --- machines ----------------------------------------------------------------------------------------------------


def reached(address: str, connection: str = "winrm", port: object = None, way: str = "") -> dict[str, Any]:
    return {"connection": connection, "address": address, "port": port, "way": way}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (reached("10.0.0.1"), reached("10.0.0.1"), True),
        (reached("SQL-01.example.com"), reached("sql-01.example.com."), True),
        (reached("10.0.0.1", port=5986), reached("10.0.0.1", port="5986"), True),
        (reached("10.0.0.1", "ansible.builtin.winrm"), reached("10.0.0.1"), True),
        (reached("10.0.0.1", port=5986), reached("10.0.0.1", port=5987), False),
        (reached("10.0.0.1"), reached("10.0.0.2"), False),
        # The same private address behind two jump hosts.
        (reached("10.0.0.1", "ssh", way="-J a"), reached("10.0.0.1", "ssh", way="-J b"), False),
        # Of other connections the address says nothing.
        (reached("x", "community.aws.aws_ssm"), reached("x", "community.aws.aws_ssm"), False),
        (reached("localhost", "local"), reached("localhost", "local"), False),
    ],
)
def test_two_names_of_one_machine(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    said = inputs.one_machine({"sql-01": one, "alias": other, "web-01": reached("192.0.2.9")})
    assert len(said) == same
    assert not same or said[0].startswith("sql-01 and alias are one machine: all reach it at ")


# --- tags and folders --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only", "given_tags", "expected"),
    [
        (["all"], [], None),
        (["all"], ["status"], None),
        (["status"], ["status", "x"], None),
        (["tagged"], ["status"], None),
        (["status"], ["always"], None),
        (["status"], [], inputs.PART),
        (["tagged"], [], inputs.PART),
        (["untagged"], [], inputs.PART),
        (["status"], ["patch"], inputs.NOT_CHOSEN),
    ],
)
def test_a_playbook_runs_wholly_or_not_at_all(only: list[str], given_tags: list[str], expected: str | None) -> None:
    assert inputs.part(only, given_tags) == expected


@pytest.mark.parametrize(
    ("environment", "home", "folder"),
    [
        ({}, "/home/ops", "/home/ops/.local/state/rebootless-patching/fleet"),
        ({"XDG_STATE_HOME": "/var/lib/x"}, "/home/ops", "/var/lib/x/rebootless-patching/fleet"),
        ({"XDG_STATE_HOME": "/var/lib/x"}, None, "/var/lib/x/rebootless-patching/fleet"),
        ({"XDG_STATE_HOME": "relative", "PWD": "/elsewhere"}, "/h", "/h/.local/state/rebootless-patching/fleet"),
        ({"XDG_STATE_HOME": ""}, None, None),
    ],
)
def test_the_state_stays_where_it_is(environment: dict[str, str], home: str | None, folder: str | None) -> None:
    assert inputs.state_folder(environment, home) == folder
