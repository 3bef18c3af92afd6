# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing hosts by JMESPath: what is selected, and what a mistake is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import query

HOSTS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "fixtures" / "status.json").read_text())["hosts"]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("[?state=='off_track']", ["ber-db-01.corp.example"]),
        ("[?pending.pending]", ["ber-file-03", "muc-dc-01"]),
        ("[?!reached]", ["muc-hv-04"]),
        ("[?reasons[?code=='wsus_policy']]", ["ber-db-01.corp.example"]),
        ("[?pending.reasons[?class=='identity']]", ["muc-dc-01"]),
        ("[?starts_with(name, 'muc-web')]", ["muc-web-01", "muc-web-02"]),
        ("[?starts_with(name, 'muc-web')] | reverse(@)", ["muc-web-02", "muc-web-01"]),
        ("[:1]", ["ber-app-01"]),
        ("[?state=='no_such_state']", []),
        ("[?state=='not_ready' || state=='not_enrolled']", ["edge-kiosk-17", "edge-kiosk-18"]),
    ],
)
def test_selects(expression: str, names: list[str]) -> None:
    found = query.select(HOSTS, expression)
    assert [host["name"] for host in found] == names
    assert all(host in HOSTS for host in found)


def test_all_hosts_and_no_hosts() -> None:
    assert query.select(HOSTS, "@") == HOSTS
    assert query.select([], "[?state=='off_track']") == []


def test_a_host_is_selected_once() -> None:
    assert [host["name"] for host in query.select(HOSTS, "[[0], [0], [1]]")] == ["ber-app-01", "ber-app-02"]
    assert [host["name"] for host in query.select(HOSTS[:1], "[@, @] | []")] == ["ber-app-01"]


@pytest.mark.parametrize(
    ("expression", "said", "shown"),
    [
        ("[?state=='on_track'", "Incomplete expression", ["  [?state=='on_track'", "                     ^"]),
        ("[?state=on_track]", "Unknown token '='", ["  [?state=on_track]", "         ^"]),
        ("a b", "Unexpected token: b", ["  a b", "    ^"]),
        ("[?state==\n'a' foo", "Expecting", ["  [?state==", "  'a' foo", "      ^"]),
        ("[?a=='b]", "Unclosed '", ["  [?a=='b]", "       ^"]),
        ("[?nope(@)]", "Unknown function: nope()", ["  [?nope(@)]"]),
        ("", "empty", [f"  {''}"]),
        ("[].name", "takes values out of the hosts", ["  [].name"]),
        ("[*].{n: name}", "takes values out of the hosts", ["  [*].{n: name}"]),
        ("[?reached].pending.pending", "takes values out of the hosts", ["  [?reached].pending.pending"]),
        ("[?reached] | [].state", "takes values out of the hosts", ["  [?reached] | [].state"]),
        ('[?state=="on_track"]', "write text in single quotes: 'on_track'", ["           ^"]),
        ("[0]", "a single object", ["  [0]"]),
        ("length(@)", "a single number", ["  length(@)"]),
        ("@ == @", "a single boolean", ["  @ == @"]),
        ("name", "nothing (null)", ["  name"]),
        ("[?contains(product, '2025')]", "invalid type for value: None", ["  [?contains(product, '2025')]"]),
        ("[0].[name, state]", "holds a string that is no host", ["  [0].[name, state]"]),
        ("[merge([0], {state: 'on_track', extra: 'x'})]", "holds a object that is no host", []),
    ],
)
def test_says_what_is_wrong_and_where(expression: str, said: str, shown: list[str]) -> None:
    with pytest.raises(query.QueryError) as caught:
        query.select(HOSTS, expression)
    message = str(caught.value)
    assert said in message
    lines = message.splitlines()
    for line in shown:
        assert line in lines


@pytest.mark.parametrize("expression", ["[].name", "[?state=='on_track'", '[?state=="on_track"]', "length(@)"])
def test_mistakes_are_found_without_any_host(expression: str) -> None:
    with pytest.raises(query.QueryError):
        query.select([], expression)


def test_quoted_fields_stay_allowed() -> None:
    assert [host["name"] for host in query.select(HOSTS, "[?\"state\"=='behind']")] == ["muc-dc-01"]


def test_without_jmespath_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "jmespath", None)
    with pytest.raises(query.QueryError, match="pip install jmespath"):
        query.select(HOSTS, "@")


def test_hosts_are_not_changed() -> None:
    before = json.dumps(HOSTS)
    query.select(HOSTS, "[?merge(@, {state: 'x'}).reached]")
    assert json.dumps(HOSTS) == before
