# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report of many hosts although one of them cannot be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.report import rendering

DOC = {"title": "t", "hosts": [{"name": "a", "size": 1}, {"name": "b\x1b", "size": 0}, {"name": "c", "size": 2}]}


def inverse(doc: Mapping[str, Any]) -> str:
    """A rendering that fails of a host without a size."""
    return " ".join(f"{one['name']}={1 / one['size']:g}" for one in doc["hosts"])


def excuse(name: str, why: str) -> dict[str, Any]:
    return {"name": name, "size": 4, "why": why}


def test_nothing_wrong() -> None:
    doc = {**DOC, "hosts": [DOC["hosts"][0]]}
    assert rendering.render("X", inverse, doc, excuse) == ("a=1", [])


def test_the_host_that_cannot_be_shown_is_named() -> None:
    made = rendering.render("The page", inverse, DOC, excuse)
    assert made.text == "a=1 b\x1b=0.25 c=0.5"
    assert made.problems == ["b\ufffd: The page cannot show it (ZeroDivisionError: division by zero)."]


def test_a_rendering_that_is_broken_itself_is_told() -> None:
    def broken(doc: Mapping[str, Any]) -> str:
        raise KeyError("\x1bsummary")

    made = rendering.render("The page", broken, DOC, excuse)
    assert made.text is None
    assert made.problems == ["The page cannot be made (KeyError: '\\x1bsummary')."]
