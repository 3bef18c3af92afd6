# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`rebootless_fleet`: how a run goes through a fleet: canary, waves, how many hosts may be out, how many may end badly."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any, NamedTuple, TypeVar

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import SHOWN, PolicyError, mapping, wrong
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import shown
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.windows import duration

DEFAULTS: dict[str, Any] = {
    "canary": 0,
    "waves": None,
    "soak": "0m",
    "max_unavailable": "100%",
    "groups": {},
    "budget": {"failed": 0, "per_wave": None},
    "deadline": "3h",
    "slot_wait": "12h",
    "durations": {},
}
ESTIMATE = timedelta(minutes=30)
PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)%")
NOTHING = re.compile(r"0[mhdw]")
MOST_HOSTS = 1_000_000
MOST_GROWTH = 100
Checked = TypeVar("Checked")


class Amount(NamedTuple):
    """A number of hosts, or a percentage of some; the other of the two is None."""

    number: int | None
    percent: Fraction | None

    def of(self, total: int, least: int = 0) -> int:
        """How many of `total` hosts are meant: a percentage rounds down, with `least` in place of none.

        A number is what it is, even above the total.
        """
        if self.percent is None:
            return self.number or 0
        return self.percent * total // 100 or least


@dataclass(frozen=True)
class FleetSpec:
    """A checked `rebootless_fleet`; `given` is what it was made from, as JSON knows it."""

    canary: Amount | tuple[str, ...]
    waves: tuple[Amount, ...]
    growth: float | None
    soak: timedelta
    max_unavailable: Amount
    groups: Mapping[str, Amount]
    failed: Amount
    failed_per_wave: Amount | None
    deadline: timedelta
    slot_wait: timedelta
    durations: Mapping[str, timedelta]
    given: Mapping[str, Any]

    @classmethod
    def load(cls, given: object, where: str = "rebootless_fleet") -> FleetSpec:
        """From the mapping that a user writes; what it leaves out has its default. None is an empty one.

        :raises PolicyError: naming the key, the value and what is allowed
        """
        written = mapping({} if given is None else given, where, DEFAULTS, "the fleet")
        spec = {**DEFAULTS, **written}
        waves, growth = _waves(spec["waves"], f"{where}.waves")
        failed, per_wave = _budget(spec["budget"], f"{where}.budget")
        return cls(
            canary=_canary(spec["canary"], f"{where}.canary"),
            waves=waves,
            growth=growth,
            soak=_soak(spec["soak"], f"{where}.soak"),
            max_unavailable=_amount(spec["max_unavailable"], f"{where}.max_unavailable"),
            groups=_groups(spec["groups"], f"{where}.groups"),
            failed=failed,
            failed_per_wave=per_wave,
            deadline=duration(spec["deadline"], f"{where}.deadline"),
            slot_wait=duration(spec["slot_wait"], f"{where}.slot_wait"),
            durations=_named(spec["durations"], f"{where}.durations", "a host or group", duration),
            given=dict(written),
        )

    def estimate(self, name: str, groups: Collection[str]) -> timedelta:
        """How long a host is likely to take: its own duration, else the longest of its groups', else half an hour."""
        if name in self.durations:
            return self.durations[name]
        return max((self.durations[group] for group in groups if group in self.durations), default=ESTIMATE)


def _amount(value: object, where: str, least: int = 1) -> Amount:
    """A count or a percentage, of which `least` is the smallest that is allowed."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= MOST_HOSTS:
        return Amount(int(value), None)
    match = PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match:
        percent = Fraction(match[1])
        if percent <= 100 and (percent or not least):
            return Amount(None, percent)
    raise wrong(where, value, f'a number of hosts, {least} or more, or a percentage up to 100 like "25%",')


def _canary(value: object, where: str) -> Amount | tuple[str, ...]:
    if not isinstance(value, list):
        return _amount(value, where, 0)
    for index, name in enumerate(value):
        if not isinstance(name, str) or not name or name in value[:index]:
            raise wrong(f"{where}[{index}]", name, "the name of a host, each once,")
    return tuple(str(name) for name in value)


def _waves(value: object, where: str) -> tuple[tuple[Amount, ...], float | None]:
    """The sizes of waves and by how much they grow; no sizes for one wave, no growth where all sizes are given."""
    if value is None:
        return (), None
    if isinstance(value, list):
        if not value:
            raise wrong(where, value, "at least one size of a wave")
        return tuple(_amount(size, f"{where}[{index}]") for index, size in enumerate(value)), None
    if not isinstance(value, Mapping):
        raise wrong(where, value, "a list of sizes, a mapping with first, growth, or null")
    entry = mapping(value, where, ("first", "growth"), "the fleet")
    if "first" not in entry:
        raise PolicyError(f'{where}.first is missing; a number of hosts or a percentage like "10%" is expected.')
    growth = entry.get("growth", 2)
    if isinstance(growth, bool) or not isinstance(growth, int | float) or not 1 <= growth <= MOST_GROWTH:
        raise wrong(f"{where}.growth", growth, f"a number from 1 to {MOST_GROWTH}")
    return (_amount(entry["first"], f"{where}.first"),), float(growth)


def _soak(value: object, where: str) -> timedelta:
    """A duration, or none at all."""
    if isinstance(value, str) and NOTHING.fullmatch(value):
        return timedelta()
    return duration(value, where)


def _named(value: object, where: str, what: str, check: Callable[[object, str], Checked]) -> dict[str, Checked]:
    """A mapping by name, each value checked."""
    if not isinstance(value, Mapping):
        raise wrong(where, value, f"a mapping by the name of {what}")
    for name in value:
        if not isinstance(name, str) or not name:
            raise wrong(f"a key of {where}", name, f"the name of {what}")
    return {str(name): check(entry, f"{where}.{shown(name, SHOWN)}") for name, entry in value.items()}


def _group(value: object, where: str) -> Amount:
    entry = mapping(value, where, ("max_unavailable",), "the fleet")
    if "max_unavailable" not in entry:
        raise PolicyError(
            f'{where}.max_unavailable is missing; a number of hosts or a percentage like "34%" is expected.'
        )
    return _amount(entry["max_unavailable"], f"{where}.max_unavailable")


def _groups(value: object, where: str) -> dict[str, Amount]:
    return _named(value, where, "a group", _group)


def _budget(value: object, where: str) -> tuple[Amount, Amount | None]:
    """How many hosts may end badly in the run, and in each wave: None when only the run counts."""
    entry = {**DEFAULTS["budget"], **mapping(value, where, DEFAULTS["budget"], "the fleet")}
    per_wave = entry["per_wave"]
    return (
        _amount(entry["failed"], f"{where}.failed", 0),
        None if per_wave is None else _amount(per_wave, f"{where}.per_wave", 0),
    )
