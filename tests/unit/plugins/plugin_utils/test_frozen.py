# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules of the core look at cannot be changed by a rule."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest
from ansible_collections.rebootless.patching.plugins import plugin_utils

# No core: they ask hosts and need ansible-core.
ASKING = {"action_base", "deciding"}
# What the rules themselves fill in, step by step.
FILLED_IN = {"decide.Restart", "tracker.Member", "case.Ruling", "track.Verdict"}


def dataclasses_of_the_core() -> Iterator[type]:
    """Every dataclass that a module of the core defines."""
    for found in pkgutil.walk_packages(plugin_utils.__path__, f"{plugin_utils.__name__}."):
        if found.name.rsplit(".", 1)[-1] in ASKING:
            continue
        module = importlib.import_module(found.name)
        for _name, one in inspect.getmembers(module, inspect.isclass):
            if dataclasses.is_dataclass(one) and one.__module__ == module.__name__:
                yield one


def name_of(one: type) -> str:
    """`case.Case`."""
    return f"{one.__module__.rsplit('.', 1)[-1]}.{one.__name__}"


@pytest.mark.parametrize("one", list(dataclasses_of_the_core()), ids=name_of)
def test_only_what_is_filled_in_can_be_changed(one: type) -> None:
    first = dataclasses.fields(one)[0]
    blank = object.__new__(one)
    if name_of(one) in FILLED_IN:
        setattr(blank, first.name, "changed")
    else:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(blank, first.name, "changed")
