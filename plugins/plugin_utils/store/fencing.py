# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The question that every action asks immediately before it changes a host of a rolling run: is the slot still the run's?

Not part of the pure core: it reads the state directory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.store.leases import State, StateError

OPTION = {
    "type": "dict",
    "options": {"run": {"type": "str", "required": True}, "state_dir": {"type": "path", "required": True}},
}


def lost(lease: Mapping[str, Any] | None, host: str) -> str | None:
    """Why a host must not be changed: its slot is no longer the run's, or nobody can tell. None when it may.

    Without a lease nobody shares the fleet, so there is nothing to lose.
    """
    if lease is None:
        return None
    try:
        answer = State(lease["state_dir"]).held(lease["run"], host)
    except StateError as error:
        return f"Nobody can tell whether the host still has its slot: {error}"
    return None if answer.held else answer.why


def watch(lease: Mapping[str, Any] | None) -> None:
    """Keep the run's heart beating while a change takes its time. What goes wrong is told by the next question."""
    if lease is not None:
        with contextlib.suppress(StateError):
            State(lease["state_dir"]).watch(lease["run"])
