# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the files of recordings: each host has one of its own that every disk takes."""

from __future__ import annotations

import pytest
from ansible_collections.rebootless.patching.plugins.action import signals_record
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("hosts", "files"),
    [
        (["web1.example.org"], ["web1.example.org.yml"]),
        (["a/b", "a b", "a-b"], ["a-b.yml", "a-b-2.yml", "a-b-3.yml"]),
        (["Web1", "web1"], ["Web1.yml", "web1-2.yml"]),
        (["a b", "a-b", "a-b-2"], ["a-b.yml", "a-b-2.yml", "a-b-2-2.yml"]),
        (["../up", "_fragment", "..", ""], ["host.yml", "host-2.yml", "up.yml", "fragment.yml"]),
        (["x" * 300], ["x" * 200 + ".yml"]),
    ],
)
def test_each_host_has_a_file_of_its_own(hosts: list[str], files: list[str]) -> None:
    assert sorted(signals_record.file_names(hosts).values()) == sorted(files)


@given(st.sets(st.text(), max_size=12))
def test_no_two_hosts_share_one_and_every_disk_takes_it(hosts: set[str]) -> None:
    found = signals_record.file_names(hosts)
    assert found.keys() == hosts
    assert len({name.casefold() for name in found.values()}) == len(hosts)
    for name in found.values():
        assert len(name.encode()) <= 220
        assert "/" not in name
        assert name[0] not in "._"
