# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`rebootless_fleet`: what it may hold, what it means, and that a broken one is named."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import Amount, FleetSpec
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("given_spec", [None, {}])
def test_defaults(given_spec: object) -> None:
    spec = FleetSpec.load(given_spec)
    assert spec == FleetSpec(
        canary=Amount(0, None),
        waves=(),
        growth=None,
        soak=timedelta(),
        max_unavailable=Amount(None, Fraction(100)),
        groups={},
        failed=Amount(0, None),
        failed_per_wave=None,
        deadline=timedelta(hours=3),
        slot_wait=timedelta(hours=12),
        durations={},
        given={},
    )


def test_everything_given() -> None:
    written = {
        "canary": ["a", "b"],
        "waves": {"first": "10%", "growth": 1.5},
        "soak": "2h",
        "max_unavailable": 4,
        "groups": {"web": {"max_unavailable": "34%"}, "sql": {"max_unavailable": 1}},
        "budget": {"failed": "12.5%", "per_wave": 0},
        "deadline": "1d",
        "slot_wait": "30m",
        "durations": {"web": "10m", "a": "1h"},
    }
    spec = FleetSpec.load(written)
    assert spec == FleetSpec(
        canary=("a", "b"),
        waves=(Amount(None, Fraction(10)),),
        growth=1.5,
        soak=timedelta(hours=2),
        max_unavailable=Amount(4, None),
        groups={"web": Amount(None, Fraction(34)), "sql": Amount(1, None)},
        failed=Amount(None, Fraction(25, 2)),
        failed_per_wave=Amount(0, None),
        deadline=timedelta(days=1),
        slot_wait=timedelta(minutes=30),
        durations={"web": timedelta(minutes=10), "a": timedelta(hours=1)},
        given=written,
    )


@pytest.mark.parametrize(
    ("waves", "sizes", "growth"),
    [
        (None, (), None),
        ([1, "50%"], (Amount(1, None), Amount(None, Fraction(50))), None),
        ({"first": 2}, (Amount(2, None),), 2.0),
        ({"first": 1, "growth": 1}, (Amount(1, None),), 1.0),
        ({"first": 1, "growth": 100}, (Amount(1, None),), 100.0),
    ],
)
def test_waves(waves: object, sizes: tuple[Amount, ...], growth: float | None) -> None:
    spec = FleetSpec.load({"waves": waves})
    assert (spec.waves, spec.growth) == (sizes, growth)


@pytest.mark.parametrize("soak", ["0m", "0h", "0d", "0w"])
def test_no_soak(soak: str) -> None:
    assert FleetSpec.load({"soak": soak}).soak == timedelta()


A_NUMBER = 'a number of hosts, 1 or more, or a percentage up to 100 like "25%", is expected.'
OR_NONE = 'a number of hosts, 0 or more, or a percentage up to 100 like "25%", is expected.'
KEYS = "canary, waves, soak, max_unavailable, groups, budget, deadline, slot_wait, durations"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ([], f"fleet is []; a mapping with {KEYS} is expected."),
        ({"canarry": 1}, f"fleet.canarry is no key of the fleet; one of {KEYS} (meant canary?) is expected."),
        ({"zzz": 1}, f"fleet.zzz is no key of the fleet; one of {KEYS} is expected."),
        ({"canary": -1}, f"fleet.canary is -1; {OR_NONE}"),
        ({"canary": True}, f"fleet.canary is True; {OR_NONE}"),
        ({"canary": 1_000_001}, f"fleet.canary is 1000001; {OR_NONE}"),
        ({"canary": "5 %"}, f"fleet.canary is '5 %'; {OR_NONE}"),
        ({"canary": ["a", "a"]}, "fleet.canary[1] is 'a'; the name of a host, each once, is expected."),
        ({"canary": [""]}, "fleet.canary[0] is ''; the name of a host, each once, is expected."),
        ({"canary": [1]}, "fleet.canary[0] is 1; the name of a host, each once, is expected."),
        ({"max_unavailable": 0}, f"fleet.max_unavailable is 0; {A_NUMBER}"),
        ({"max_unavailable": "0%"}, f"fleet.max_unavailable is '0%'; {A_NUMBER}"),
        ({"max_unavailable": "101%"}, f"fleet.max_unavailable is '101%'; {A_NUMBER}"),
        ({"max_unavailable": "100.001%"}, f"fleet.max_unavailable is '100.001%'; {A_NUMBER}"),
        ({"max_unavailable": None}, f"fleet.max_unavailable is None; {A_NUMBER}"),
        ({"max_unavailable": 1.5}, f"fleet.max_unavailable is 1.5; {A_NUMBER}"),
        ({"waves": []}, "fleet.waves is []; at least one size of a wave is expected."),
        ({"waves": 3}, "fleet.waves is 3; a list of sizes, a mapping with first, growth, or null is expected."),
        ({"waves": [1, 0]}, f"fleet.waves[1] is 0; {A_NUMBER}"),
        (
            {"waves": {"growth": 2}},
            'fleet.waves.first is missing; a number of hosts or a percentage like "10%" is expected.',
        ),
        ({"waves": {"first": 0}}, f"fleet.waves.first is 0; {A_NUMBER}"),
        ({"waves": {"first": 1, "growth": 0.99}}, "fleet.waves.growth is 0.99; a number from 1 to 100 is expected."),
        ({"waves": {"first": 1, "growth": 101}}, "fleet.waves.growth is 101; a number from 1 to 100 is expected."),
        ({"waves": {"first": 1, "growth": True}}, "fleet.waves.growth is True; a number from 1 to 100 is expected."),
        (
            {"waves": {"first": 1, "growth": float("nan")}},
            "fleet.waves.growth is nan; a number from 1 to 100 is expected.",
        ),
        (
            {"waves": {"first": 1, "grow": 2}},
            "fleet.waves.grow is no key of the fleet; one of first, growth (meant growth?) is expected.",
        ),
        ({"soak": "0"}, "fleet.soak is '0'; a duration above zero like 30m, 4h, 14d, 2w or 1d12h is expected."),
        ({"soak": 0}, "fleet.soak is 0; a duration above zero like 30m, 4h, 14d, 2w or 1d12h is expected."),
        ({"groups": ["web"]}, "fleet.groups is ['web']; a mapping by the name of a group is expected."),
        ({"groups": {"": {}}}, "a key of fleet.groups is ''; the name of a group is expected."),
        ({"groups": {1: {}}}, "a key of fleet.groups is 1; the name of a group is expected."),
        (
            {"groups": {"web": {}}},
            'fleet.groups.web.max_unavailable is missing; a number of hosts or a percentage like "34%" is expected.',
        ),
        ({"groups": {"web": 1}}, "fleet.groups.web is 1; a mapping with max_unavailable is expected."),
        ({"groups": {"web": {"max_unavailable": 0}}}, f"fleet.groups.web.max_unavailable is 0; {A_NUMBER}"),
        ({"budget": 1}, "fleet.budget is 1; a mapping with failed, per_wave is expected."),
        ({"budget": {"failed": -1}}, f"fleet.budget.failed is -1; {OR_NONE}"),
        ({"budget": {"per_wave": "x"}}, f"fleet.budget.per_wave is 'x'; {OR_NONE}"),
        ({"budget": {"total": 1}}, "fleet.budget.total is no key of the fleet; one of failed, per_wave is expected."),
        (
            {"deadline": "0m"},
            "fleet.deadline is '0m'; a duration above zero like 30m, 4h, 14d, 2w or 1d12h is expected.",
        ),
        ({"slot_wait": 5}, "fleet.slot_wait is 5; a duration above zero like 30m, 4h, 14d, 2w or 1d12h is expected."),
        ({"durations": []}, "fleet.durations is []; a mapping by the name of a host or group is expected."),
        (
            {"durations": {"web": 5}},
            "fleet.durations.web is 5; a duration above zero like 30m, 4h, 14d, 2w or 1d12h is expected.",
        ),
        ({"canary": "x" * 200}, f"fleet.canary is '{'x' * 79}...; {OR_NONE}"),
    ],
)
def test_broken(written: object, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        FleetSpec.load(written, "fleet")
    assert str(caught.value) == said


def test_default_place_of_errors() -> None:
    with pytest.raises(PolicyError, match=r"^rebootless_fleet\.canary is -1"):
        FleetSpec.load({"canary": -1})


@pytest.mark.parametrize("key", ["canary", "max_unavailable"])
def test_most_hosts(key: str) -> None:
    assert getattr(FleetSpec.load({key: 1_000_000}), key) == Amount(1_000_000, None)


@pytest.mark.parametrize(
    ("amount", "total", "least", "hosts"),
    [
        (0, 10, 0, 0),
        ("0%", 10, 0, 0),
        (3, 10, 0, 3),
        (30, 10, 0, 30),
        ("25%", 10, 0, 2),
        ("25%", 12, 0, 3),
        ("25%", 3, 0, 0),
        ("25%", 3, 1, 1),
        ("100%", 7, 1, 7),
        ("0.1%", 1000, 0, 1),
        ("28%", 25, 0, 7),
    ],
)
def test_amount(amount: object, total: int, least: int, hosts: int) -> None:
    loaded = FleetSpec.load({"budget": {"failed": amount}}).failed
    assert loaded.of(total, least) == hosts


@given(percent=st.integers(0, 100), total=st.integers(0, 5000))
def test_percentages_are_exact(percent: int, total: int) -> None:
    assert FleetSpec.load({"budget": {"failed": f"{percent}%"}}).failed.of(total) == percent * total // 100


@pytest.mark.parametrize(
    ("name", "groups", "minutes"),
    [("a", ["web"], 60), ("b", ["web", "slow"], 50), ("b", ["web"], 10), ("b", ["other"], 30), ("b", [], 30)],
)
def test_estimate(name: str, groups: list[str], minutes: int) -> None:
    spec = FleetSpec.load({"durations": {"a": "1h", "web": "10m", "slow": "50m"}})
    assert spec.estimate(name, groups) == timedelta(minutes=minutes)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["5%", "1h", "0m"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["first", "growth", "failed", "per_wave", "max_unavailable", "web"]), inner)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(KEYS.split(", ")), ANYTHING, max_size=4))
def test_anything_is_read_or_refused(written: dict[str, Any]) -> None:
    said = ""
    try:
        spec = FleetSpec.load(written)
    except PolicyError as error:
        said = str(error)
    assert said.endswith(" is expected.") if said else FleetSpec.load(spec.given) == spec
