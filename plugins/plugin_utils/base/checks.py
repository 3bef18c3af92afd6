# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a broken policy, by all parts that read one: its windows, its fleet, itself."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import shown

SHOWN = 80


class PolicyError(ValueError):
    """A broken policy; the message names the key, the value and what is allowed."""


def wrong(where: str, value: object, allowed: str) -> PolicyError:
    """The error of a value that is none of what is allowed."""
    words = repr(value)
    return PolicyError(f"{where} is {words[:SHOWN]}{'...' if len(words) > SHOWN else ''}; {allowed} is expected.")


def meant(value: object, allowed: Iterable[str]) -> str:
    """` (meant security?)`: what of the allowed comes close to a value; empty when nothing does."""
    close = difflib.get_close_matches(str(value), list(allowed), 1)
    return f" (meant {close[0]}?)" if close else ""


def mapping(value: object, where: str, keys: Collection[str], what: str) -> Mapping[str, Any]:
    """A mapping that has none but known keys.

    :raises PolicyError: it is no mapping, or naming the key that nobody knows
    """
    allowed = ", ".join(keys)
    if not isinstance(value, Mapping):
        raise wrong(where, value, f"a mapping with {allowed}")
    for key in value:
        if key not in keys:
            place = f"{where}.{shown(key, SHOWN)}"
            raise PolicyError(f"{place} is no key of {what}; one of {allowed}{meant(key, keys)} is expected.")
    return value
