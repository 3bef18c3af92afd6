# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time that a run still takes while more hosts are out than its limits have places; the rest is in test_progress.py.

An operator who gives back the slot that an ended run left taken makes it so: the plan still counts it.
"""

from __future__ import annotations

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.plan import Host
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.time_left import Turn, Wave, time_left


def turns(out: dict[str, float], waiting: int, group: str) -> list[Turn]:
    """Hosts of a hundred seconds, out for so many or waiting."""
    groups = frozenset({group}) if group else frozenset()
    return [
        *(Turn(Host(name, groups, 100), been) for name, been in out.items()),
        *(Turn(Host(f"waits{index}", groups, 100)) for index in range(waiting)),
    ]


@pytest.mark.parametrize("group", ["sql", ""], ids=["a group", "the run"])
@pytest.mark.parametrize(
    ("out", "places", "waiting", "left"),
    [
        ({"a": 40}, 0, 0, 60),
        ({"a": 40}, 0, 1, None),
        ({"a": 40, "b": 10}, 1, 1, 90 + 100),
        ({"a": 40, "b": 10}, 1, 2, 90 + 200),
        ({"a": 40, "b": 10, "c": 20}, 2, 2, 80 + 110),
    ],
    ids=["none waits", "no place ever", "after the last", "then one by one", "two places"],
)
def test_who_waits_goes_when_enough_are_back(
    group: str, out: dict[str, float], places: int, waiting: int, left: float | None
) -> None:
    most = {"": 9, "sql": places} if group else {"": places}
    assert time_left([Wave(turns(out, waiting, group))], most, 0) == left
