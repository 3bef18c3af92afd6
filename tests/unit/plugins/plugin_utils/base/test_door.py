# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door: what comes in is of JSON's kinds, bounded, harmless, and otherwise what it was."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import door
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.door import Limits
from hypothesis import given
from hypothesis import strategies as st

SMALL = Limits(depth=3, values=20, entries=4, text=10, size=40, key=5)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1,
        2**63 - 1,
        1.5,
        "",
        "a b",
        "line\nfeed\ttab",
        "Mise à jour\u00a0: x64",
        "更新",
        "\u200fעדכון",
        [],
        {},
    ],
)
def test_what_is_good_is_left(value: object) -> None:
    assert door.admit({"a": [value]}) == {"a": [value]}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "(no number)"),
        (float("inf"), "(no number)"),
        (2**63, "(a number of more than 64 bits)"),
        (10**4000, "(a number of more than 64 bits)"),
        ("a\x1b[2Jb", "a\ufffd[2Jb"),
        ("a\r\nb\rc", "a\nb\ufffdc"),
        ("\ud800\x9b\u202e\u2028\x00", "\ufffd" * 5),
        ("x" * 11, "xxxxxxxxxx… (cut at 10 characters)"),
        ([1, 2, 3, 4, 5], "(more than 4 entries)"),
        ({str(one): one for one in range(5)}, "(more than 4 entries)"),
        ({"a\x1b": 1}, {"a\ufffd": 1}),
        ({5: (1, 2)}, {"5": [1, 2]}),
        ([[[[]]]], [["(nested deeper than 3)"]]),
        (b"\xff", "b'\\xff'"),
    ],
)
def test_what_is_not_good_is_said(value: object, said: object) -> None:
    assert door.admit({"v": value}, SMALL) == {"v": said}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([[0] * 4] * 4, "(more than 20 values)"),
        (["x" * 10] * 5, "(more than 4 entries)"),
        ([["x" * 10] * 3, ["x" * 10] * 3], "(more than 40 characters)"),
    ],
)
def test_the_whole_is_bounded(value: object, said: str) -> None:
    assert door.admit(value, SMALL) == said


def test_a_result_brings_nothing_that_ansible_prints() -> None:
    given_ = {"signals": {}, "warnings": ["\x1b"], "deprecations": [1], "exception": "x", "ansible_facts": {"a": 1}}
    assert door.result(given_) == {"signals": {}}


@pytest.mark.parametrize("value", [None, [], "x", {"a": [0] * 30}, {"a": [[0] * 4] * 4, "b": [0] * 4}])
def test_what_is_no_result_failed(value: object) -> None:
    found = door.result(value, SMALL)
    if isinstance(value, Mapping) and "b" not in value:
        assert found == {"a": "(more than 4 entries)"}
    else:
        assert found["failed"] is True
        assert found["msg"].startswith("The host's answer cannot be used: ")


def test_lines() -> None:
    assert door.line(" a\r\n b\t\x1bc ") == "a b \ufffdc"
    assert door.line("x " * 500, 9) == "x x x x x… (cut at 9 characters)"
    assert door.line(None) == "None"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=30),
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=6)
    ),
    max_leaves=40,
)


def texts(value: Any) -> list[str]:
    """Every text in a value."""
    if isinstance(value, dict):
        return [one for pair in value.items() for part in pair for one in texts(part)]
    return (
        [one for part in value for one in texts(part)] if isinstance(value, list) else [value] * isinstance(value, str)
    )


def depth(value: Any) -> int:
    """How deep a value is nested."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(JSON)
def test_whatever_comes_can_be_written_and_printed(value: Any) -> None:
    for limits in (SMALL, door.LIMITS):
        found = door.admit(value, limits)
        json.dumps(found, allow_nan=False, sort_keys=True).encode("utf-8")
        assert depth(found) <= limits.depth
        for text in texts(found):
            text.encode("utf-8")
            assert not [
                char for char in text if char not in "\n\t" and unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}
            ]
            assert len(text) <= max(limits.text, limits.key) + 40
        # Once in, a value is let in again as it is.
        assert limits is SMALL or door.admit(found, limits) == found


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("Update (x64)\u00a0é", True),
        ("\u200fעדכון", True),
        ("x" * 10, True),
        ("x" * 11, False),
        ("a\nb", False),
        ("a\tb", False),
        ("a\ufffdb", False),
        ("a\x1bb", False),
        ("a\u202eb", False),
    ],
)
def test_exact(text: str, yes: bool) -> None:
    assert door.exact(text, 20 if yes and len(text) > 10 else 10) is yes
