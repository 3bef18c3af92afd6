# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy: its defaults, what each key takes and is told otherwise, and how groups and hosts override it."""

from __future__ import annotations

import copy
import json
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import policy
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import Hold, Policy, merge
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.windows import Windows
from hypothesis import given
from hypothesis import strategies as st

NIGHT: dict[str, Any] = {"start": "22:00", "duration": "4h", "weekdays": ["saturday"]}
YEAR_END: dict[str, Any] = {"from": "2026-12-20", "to": "2027-01-04"}
ALL_CATEGORIES = (
    "applications",
    "critical",
    "definitions",
    "feature_packs",
    "rollups",
    "security",
    "service_packs",
    "tools",
    "updates",
    "upgrades",
)
ONE_CATEGORY = f"one of {', '.join(ALL_CATEGORIES)}"
KEYS = (
    "categories, accept, reject, drivers, optional, accept_eula, hold, hold_kbs, emergency, max_wait, possible,"
    " windows, blackouts, restart_at, min_free_disk"
)
DAYS = {"critical": 30, "important": 95, "moderate": 95, "low": 180}
GIGABYTE = 1 << 30
A_KB = "a KB like KB5120228"
A_MATCH = "a KB like KB5120228 or a regular expression for the title"
A_MOMENT = "a day like 2026-09-20, or a time with a zone like 2026-09-20T12:00:00Z,"
A_DURATION = "a duration above zero like 30m, 4h, 14d, 2w or 1d12h"
A_SIZE = "bytes, or a size like 10GB,"
NO_DRIVERS = "no drivers here: `drivers: true` takes them in, so another category"


def parsed(data: Any) -> Any:
    """The same data as it comes from elsewhere: equal, and not the same objects."""
    return json.loads(json.dumps(data))


def load(host: str = "", **keys: Any) -> Policy:
    """A policy out of its keys."""
    return Policy.load(keys, host=host)


def error(given: object, **options: Any) -> str:
    """What a broken policy is told."""
    with pytest.raises(PolicyError) as caught:
        Policy.load(given, **options)
    assert isinstance(caught.value, ValueError)
    return str(caught.value)


# --- defaults --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [None, {}, {"groups": {}, "hosts": {}}, {"groups": {"web": {}}, "hosts": {"": {}}}])
def test_defaults(nothing: object) -> None:
    assert Policy.load(nothing) == Policy(
        categories=frozenset({"security", "critical", "rollups", "definitions"}),
        accept=(),
        reject=(),
        drivers=False,
        optional=False,
        accept_eula=False,
        hold=None,
        hold_kbs=frozenset(),
        emergency=frozenset(),
        max_wait={name: timedelta(days=days) for name, days in DAYS.items()},
        possible="put_off",
        windows=Windows((), ()),
        restart_at="last",
        min_free_disk=5 * GIGABYTE,
    )


def test_every_key_has_a_default_and_a_check() -> None:
    assert list(policy.DEFAULTS) == list(policy.CHECKS) == KEYS.split(", ")
    assert {field.name for field in fields(Policy)} == set(policy.CHECKS) - {"blackouts"}


def test_the_defaults_are_a_policy_too() -> None:
    assert Policy.load(copy.deepcopy(policy.DEFAULTS)) == Policy.load()


def test_the_host_is_named_by_word() -> None:
    arguments: list[Any] = [{}, "sql01"]
    with pytest.raises(TypeError):
        Policy.load(*arguments)


def test_a_policy_cannot_be_changed() -> None:
    loaded = Policy.load()
    with pytest.raises(FrozenInstanceError):
        loaded.__setattr__("drivers", True)


# --- good values -----------------------------------------------------------------------------------------------------

GOOD: list[tuple[str, Any, Any]] = [
    ("categories", [], frozenset()),
    ("categories", ["security", "security"], frozenset({"security"})),
    ("categories", list(ALL_CATEGORIES), frozenset(ALL_CATEGORIES)),
    *[(key, value, value) for key in ("drivers", "optional", "accept_eula") for value in (True, False)],
    *[
        (key, given, expected)
        for key in ("hold_kbs", "emergency")
        for given, expected in (
            ([], frozenset()),
            (["KB123456", "KB12345678"], frozenset({"KB123456", "KB12345678"})),
            (["kb5120228", "KB5120228", "Kb5122871"], frozenset({"KB5120228", "KB5122871"})),
        )
    ],
    ("possible", "put_off", "put_off"),
    ("possible", "in_window", "in_window"),
    ("possible", "any", "any"),
    ("restart_at", "last", "last"),
    ("restart_at", "first", "first"),
    ("min_free_disk", 0, 0),
    ("min_free_disk", 1, 1),
    ("min_free_disk", 2**50, 2**50),
    ("min_free_disk", "0MB", 0),
    ("min_free_disk", "1KB", 1024),
    ("min_free_disk", "3 mb", 3 * 1024**2),
    ("min_free_disk", " 10GB ", 10 * GIGABYTE),
    ("min_free_disk", "1.5gb", 1536 * 1024**2),
    ("min_free_disk", "0.25 \t Tb", 256 * GIGABYTE),
    ("min_free_disk", "1.123456KB", 1150),
    ("min_free_disk", "999999999999TB", 999999999999 * 1024**4),
]


@pytest.mark.parametrize(("key", "value", "expected"), GOOD)
def test_good_value(key: str, value: object, expected: object) -> None:
    for loaded in (
        load(**{key: value}),
        Policy.load({"groups": {"web": {key: value}}}, groups=["web"]),
        Policy.load({"hosts": {"srv01": {key: value}}}, host="srv01"),
    ):
        assert getattr(loaded, key) == expected
        others = {field.name for field in fields(Policy)} - {key}
        assert all(getattr(loaded, other) == getattr(Policy.load(), other) for other in others)


# --- bad values ------------------------------------------------------------------------------------------------------

NO_FLAGS: list[Any] = [None, 0, 1, "", "true", "no", [], {}]
BAD_KBS: list[tuple[str, Any, str]] = [
    *[("", value, "a list of KBs") for value in (None, True, "KB5120228", 5120228, {"KB5120228": True})],
    *[
        ("[0]", value, A_KB)
        for value in (None, 5120228, "5120228", "KB12345", "KB123456789", "KB 5120228", "KB5120228 ", "xKB5120228", "")
    ],
]
BAD: list[tuple[str, str, Any, str]] = [
    *[("categories", "", value, "a list of categories") for value in (None, "security", {"security": True}, 1)],
    ("categories", "[0]", "drivers", NO_DRIVERS),
    ("categories", "[0]", "Security", f"{ONE_CATEGORY} (meant security?)"),
    ("categories", "[0]", "rollup", f"{ONE_CATEGORY} (meant rollups?)"),
    ("categories", "[0]", "0fa1201d-4330-4fa8-8ae9-b877473b6441", ONE_CATEGORY),
    ("categories", "[0]", None, ONE_CATEGORY),
    ("categories", "[0]", ["security"], f"{ONE_CATEGORY} (meant security?)"),
    *[(key, "", value, "true or false") for key in ("drivers", "optional", "accept_eula") for value in NO_FLAGS],
    *[(key, place, value, what) for key in ("hold_kbs", "emergency") for place, value, what in BAD_KBS],
    *[
        (key, "", value, "a list of KBs and expressions")
        for key in ("accept", "reject")
        for value in (None, "KB5120228", {}, 5)
    ],
    *[(key, "[0]", value, A_MATCH) for key in ("accept", "reject") for value in (None, 5120228, "", "  \n", ["x"], {})],
    ("hold", "", None, "true, false, or {reason, until}"),
    ("hold", "", "true", "true, false, or {reason, until}"),
    ("hold", "", 1, "true, false, or {reason, until}"),
    ("hold", "", ["freeze"], "true, false, or {reason, until}"),
    ("max_wait", "", None, "a mapping with critical, important, moderate, low"),
    ("max_wait", "", "30d", "a mapping with critical, important, moderate, low"),
    ("max_wait", "", 30, "a mapping with critical, important, moderate, low"),
    ("possible", "", None, "one of put_off, in_window, any"),
    ("possible", "", True, "one of put_off, in_window, any"),
    ("possible", "", "window", "one of put_off, in_window, any (meant in_window?)"),
    ("possible", "", "never", "one of put_off, in_window, any"),
    ("restart_at", "", "latest", "one of last, first (meant last?)"),
    ("restart_at", "", "", "one of last, first"),
    ("restart_at", "", ["last"], "one of last, first (meant last?)"),
    *[
        ("min_free_disk", "", value, A_SIZE)
        for value in (
            None,
            True,
            False,
            -1,
            5.5,
            "",
            "5",
            "-5GB",
            "5G",
            "5.GB",
            ".5GB",
            "5,5GB",
            "5GB free",
            "x5GB",
            "9" * 13 + "GB",
            "1.1234567GB",
            [5],
        )
    ],
    ("windows", "", None, "a list of windows"),
    ("windows", "", NIGHT, "a list of windows"),
    ("blackouts", "", None, "a list of blackouts"),
    ("blackouts", "", "christmas", "a list of blackouts"),
]


@pytest.mark.parametrize(("key", "place", "value", "allowed"), BAD)
def test_bad_value(key: str, place: str, value: object, allowed: str) -> None:
    broken = {key: [value] if place else value}
    shown = f"{repr(value)[:80]}{'...' if len(repr(value)) > 80 else ''}"
    said = f".{key}{place} is {shown}; {allowed} is expected."
    assert error(broken) == f"rebootless_policy{said}"
    assert error(broken, where="policy") == f"policy{said}"
    # Every layer is checked, also those that are not this host's, and where a layer above would replace it.
    assert error({"groups": {"db": broken}}) == f"rebootless_policy.groups.db{said}"
    assert error({"hosts": {"sql01": broken}}, host="web01") == f"rebootless_policy.hosts.sql01{said}"
    good = {key: policy.DEFAULTS[key]}
    assert error({**broken, "hosts": {"sql01": good}}, host="sql01") == f"rebootless_policy{said}"


def test_the_place_of_a_bad_entry() -> None:
    assert error({"hold_kbs": ["KB5120228", "x"]}).startswith("rebootless_policy.hold_kbs[1] is 'x';")
    drivers = parsed(["security", "drivers"])
    assert error({"categories": drivers}) == f"rebootless_policy.categories[1] is 'drivers'; {NO_DRIVERS} is expected."
    assert error({"reject": ["KB5120228", " "]}).startswith("rebootless_policy.reject[1] is ' ';")
    assert error({"accept": ["x", "KB5120228", "("]}).startswith("rebootless_policy.accept[2] is '(';")


@pytest.mark.parametrize("key", ["accept", "reject"])
def test_a_broken_expression_is_told_what_breaks_it(key: str) -> None:
    assert error({key: ["Preview("]}) == (
        f"rebootless_policy.{key}[0] is 'Preview('; a regular expression"
        " (missing ), unterminated subpattern at position 7) is expected."
    )


def test_a_long_wrong_value_is_cut() -> None:
    # The quotes count: 78 characters make 80.
    assert f" is '{'x' * 78}'; " in error({"possible": "x" * 78})
    assert f" is '{'x' * 79}...; " in error({"possible": "x" * 79})


@pytest.mark.parametrize("value", [[], "hold", 0, False, True])
def test_a_policy_is_a_mapping(value: object) -> None:
    assert error(value) == f"rebootless_policy is {value!r}; a mapping is expected."


@pytest.mark.parametrize(
    ("kind", "name"),
    [("groups", "web"), ("hosts", "web01")],
)
def test_overrides_are_mappings(kind: str, name: str) -> None:
    for value in (None, [], "web", 1):
        assert (
            error({kind: value})
            == f"rebootless_policy.{kind} is {value!r}; a mapping of names to policies is expected."
        )
        assert error({kind: {name: value}}) == f"rebootless_policy.{kind}.{name} is {value!r}; a mapping is expected."


# --- unknown keys ----------------------------------------------------------------------------------------------------

ALL_KEYS = f"one of {KEYS}, groups, hosts"
UNKNOWN: list[tuple[Any, str]] = [
    ({"categorys": []}, f"categorys is no key of the policy; {ALL_KEYS} (meant categories?)"),
    ({"group": {}}, f"group is no key of the policy; {ALL_KEYS} (meant groups?)"),
    ({"Hold": True}, f"Hold is no key of the policy; {ALL_KEYS} (meant hold?)"),
    ({"zzz": 1}, f"zzz is no key of the policy; {ALL_KEYS}"),
    ({7: 1}, f"7 is no key of the policy; {ALL_KEYS}"),
    ({None: 1}, f"None is no key of the policy; {ALL_KEYS}"),
    ({"\x1b[31m\n": 1}, f"?[31m is no key of the policy; {ALL_KEYS}"),
    ({"q" * 90: 1}, f"{'q' * 80} is no key of the policy; {ALL_KEYS}"),
    (
        {"groups": {"db": {"hosts": {}}}},
        f"groups.db.hosts is no key of the policy; one of {KEYS}",
    ),
    (
        {"hosts": {"sql01": {"groups": {}}}},
        f"hosts.sql01.groups is no key of the policy; one of {KEYS}",
    ),
    (
        {"hosts": {"sql01": {"optionl": True}}},
        f"hosts.sql01.optionl is no key of the policy; one of {KEYS} (meant optional?)",
    ),
    (
        {"max_wait": {"crit": "1d"}},
        "max_wait.crit is no key of the policy; one of critical, important, moderate, low (meant critical?)",
    ),
    (
        {"max_wait": {"Low": "1d"}},
        "max_wait.Low is no key of the policy; one of critical, important, moderate, low (meant low?)",
    ),
    ({"hold": {"reason": "x", "to": "x"}}, "hold.to is no key of the policy; one of reason, until"),
    ({"hold": {"reson": "x"}}, "hold.reson is no key of the policy; one of reason, until (meant reason?)"),
]


@pytest.mark.parametrize(("broken", "said"), UNKNOWN)
def test_unknown_key(broken: object, said: str) -> None:
    assert error(broken) == f"rebootless_policy.{said} is expected."


def test_an_unknown_key_is_told_before_a_bad_value() -> None:
    assert "rebootless_policy.zzz" in error({"drivers": 1, "zzz": 1})


# --- hold ------------------------------------------------------------------------------------------------------------

UNTIL = datetime(2026, 9, 20, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 9, 20, tzinfo=UTC)
HOLDS: list[tuple[Any, Hold | None]] = [
    (False, None),
    (True, Hold("no reason given", None)),
    ({"reason": "freeze"}, Hold("freeze", None)),
    ({"reason": "freeze", "until": None}, Hold("freeze", None)),
    ({"reason": "freeze", "until": "2026-09-20"}, Hold("freeze", MIDNIGHT)),
    ({"reason": "freeze", "until": date(2026, 9, 20)}, Hold("freeze", MIDNIGHT)),
    ({"reason": "freeze", "until": "2026-09-20T12:00:00Z"}, Hold("freeze", UNTIL)),
    ({"reason": "freeze", "until": "2026-09-20T14:00:00+02:00"}, Hold("freeze", UNTIL)),
    (
        {"reason": "freeze", "until": datetime(2026, 9, 20, 7, tzinfo=timezone(timedelta(hours=-5)))},
        Hold("freeze", UNTIL),
    ),
    ({"reason": "freeze", "until": "2000-01-01"}, Hold("freeze", datetime(2000, 1, 1, tzinfo=UTC))),
    (
        {"reason": "freeze", "until": "2999-12-31T23:59:59Z"},
        Hold("freeze", datetime(2999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ),
]


@pytest.mark.parametrize(("value", "expected"), HOLDS)
def test_hold(value: object, expected: Hold | None) -> None:
    hold = load(hold=value).hold
    assert hold == expected
    if hold is not None and hold.until is not None:
        assert hold.until.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "until",
    [
        "",
        "tomorrow",
        "2026-9-20",
        "2026-02-30",
        "2026-13-01",
        "2026-09-20T12:00:00",
        datetime(2026, 9, 20, 12),
        20260920,
        "20260920",
        True,
        ["2026-09-20"],
        "1999-12-31",
        "3000-01-01",
        # Of these the zone alone leads out of all dates.
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_bad_end_of_a_hold(until: object) -> None:
    assert error({"hold": {"reason": "freeze", "until": until}}) == (
        f"rebootless_policy.hold.until is {until!r}; {A_MOMENT} is expected."
    )


@pytest.mark.parametrize("reason", [None, "", " \n", 5, True, ["freeze"]])
def test_a_hold_needs_a_reason(reason: object) -> None:
    for hold in ({"reason": reason}, {"reason": reason, "until": "2026-09-20"}):
        assert error({"hold": hold}) == (
            f"rebootless_policy.hold.reason is {reason!r}; a text that says why is expected."
        )
    assert error({"hold": {}}) == "rebootless_policy.hold.reason is None; a text that says why is expected."


def test_a_hold_ends_at_its_end() -> None:
    second = timedelta(seconds=1)
    assert Hold("x", None).active(UNTIL)
    assert Hold("x", UNTIL).active(UNTIL - second)
    assert not Hold("x", UNTIL).active(UNTIL)
    assert not Hold("x", UNTIL).active(UNTIL + second)


# --- waiting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "days"),
    [
        ("Critical", 30),
        ("Important", 95),
        ("moderate", 95),
        ("LOW", 180),
        (None, 30),
        ("", 30),
        ("Unrated", 30),
        ("critical ", 30),
    ],
)
def test_wait(severity: str | None, days: int) -> None:
    assert Policy.load().wait(severity) == timedelta(days=days)


def test_the_strictest_is_the_shortest_whatever_its_name() -> None:
    strange = load(max_wait={"critical": "20d", "low": "12h"})
    assert strange.wait(None) == strange.wait("low") == timedelta(hours=12)
    assert strange.wait("critical") == timedelta(days=20)
    assert strange.wait("important") == timedelta(days=95)


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [("1m", 60), ("4h", 14400), ("14d", 1209600), ("2w", 1209600), ("1d12h", 129600), ("1w1d1h1m", 694860)],
)
def test_durations(wait: str, seconds: int) -> None:
    assert load(max_wait={"low": wait}).max_wait["low"].total_seconds() == seconds


@pytest.mark.parametrize("value", [None, 30, "30", "0d", "0m", "", "-1d", "1h1d", "1.5d", "30 d", "1y", ["1d"], True])
def test_bad_durations(value: object) -> None:
    assert error({"max_wait": {"low": "1d", "moderate": value}}) == (
        f"rebootless_policy.max_wait.moderate is {value!r}; {A_DURATION} is expected."
    )


# --- accept and reject -----------------------------------------------------------------------------------------------

TITLE = "2026-09 Cumulative Update for .NET Framework 3.5 and 4.8.1 (KB5120228)"
MATCHES: list[tuple[str, str, tuple[str, ...], bool]] = [
    ("KB5120228", TITLE, ("KB5120228",), True),
    ("kb5120228", "", ("KB5122871", "KB5120228"), True),
    # A KB is compared with the KBs, not with the title.
    ("KB5120228", TITLE, (), False),
    ("KB5120228", TITLE, ("KB51202281",), False),
    ("KB512022", TITLE, ("KB5120228",), False),
    (r"\.net framework", TITLE, (), True),
    ("^2026-09", TITLE, (), True),
    ("^Cumulative", TITLE, (), False),
    (r"4\.8\.1 \(", TITLE, (), True),
    ("preview", TITLE, ("KB5120228",), False),
    # Too short for a KB: an expression.
    ("KB512", TITLE, (), True),
    ("KB5120228|preview", TITLE, (), True),
    ("KB.*", "Definition", ("KB5120228",), False),
]


@pytest.mark.parametrize(("entry", "title", "kbs", "fits"), MATCHES)
@pytest.mark.parametrize("key", ["accept", "reject"])
def test_match(key: str, entry: str, title: str, kbs: tuple[str, ...], fits: bool) -> None:
    loaded = load(**{key: ["zzz", entry]})
    first, match = getattr(loaded, key)
    assert (first.given, first.fits(title, kbs)) == ("zzz", False)
    assert match.given == (entry.upper() if entry.lower() == "kb5120228" or entry == "KB512022" else entry)
    assert match.fits(title, kbs) is fits
    assert getattr(loaded, "accept" if key == "reject" else "reject") == ()


# --- merging ---------------------------------------------------------------------------------------------------------

LAYERS: dict[str, Any] = {
    "possible": "any",
    "max_wait": {"critical": "10d", "low": "100d"},
    "hold_kbs": ["KB5000001"],
    "hold": {"reason": "base", "until": "2026-10-01"},
    "windows": [NIGHT],
    # Not in the order of the alphabet, and not in that of the host's groups.
    "groups": {
        "web": {"possible": "in_window", "max_wait": {"critical": "11d", "important": "50d"}, "restart_at": "first"},
        "db": {"possible": "put_off", "max_wait": {"critical": "12d"}, "hold_kbs": ["KB5000002"], "windows": []},
    },
    "hosts": {"sql01": {"max_wait": {"critical": "13d"}, "hold": {"reason": "host"}}, "sql02": {"hold": False}},
}


def waits(loaded: Policy) -> list[int]:
    """Its waiting times in days, by severity."""
    return [loaded.max_wait[name].days for name in policy.SEVERITIES]


def test_base_alone() -> None:
    base = Policy.load(LAYERS, host="other", groups=["unnamed"])
    assert (base.possible, waits(base), base.restart_at) == ("any", [10, 95, 95, 100], "last")
    assert base.hold == Hold("base", datetime(2026, 10, 1, tzinfo=UTC))
    assert [window.lasts for window in base.windows.recurring] == [timedelta(hours=4)]


@pytest.mark.parametrize("groups", [("web", "db"), ("db", "web"), ("zzz", "db", "web")])
def test_groups_override_in_the_order_written(groups: tuple[str, ...]) -> None:
    merged = Policy.load(LAYERS, groups=groups)
    assert (merged.possible, waits(merged), merged.restart_at) == ("put_off", [12, 50, 95, 100], "first")
    assert merged.hold_kbs == {"KB5000002"}
    assert merged.windows.always
    swapped = {**LAYERS, "groups": dict(reversed(LAYERS["groups"].items()))}
    merged = Policy.load(swapped, groups=groups)
    assert (merged.possible, waits(merged)) == ("in_window", [11, 50, 95, 100])


def test_one_group() -> None:
    web = Policy.load(LAYERS, groups=["web"])
    assert (web.possible, waits(web), web.hold_kbs) == ("in_window", [11, 50, 95, 100], {"KB5000001"})
    assert not web.windows.always


def test_the_host_overrides_its_groups() -> None:
    host = Policy.load(LAYERS, host="sql01", groups=["web", "db"])
    assert (host.possible, waits(host)) == ("put_off", [13, 50, 95, 100])


def test_a_hold_is_replaced_as_a_whole() -> None:
    # The date of the base would end the host's hold.
    assert Policy.load(LAYERS, host="sql01").hold == Hold("host", None)
    assert Policy.load(LAYERS, host="sql02").hold is None


def test_a_group_named_like_a_host_is_not_that_host() -> None:
    given = {"groups": {"sql01": {"drivers": True}}, "hosts": {"db": {"optional": True}}}
    assert not Policy.load(given, host="sql01").drivers
    assert not Policy.load(given, groups=["db"]).optional
    assert Policy.load(given, groups=["sql01"]).drivers
    assert Policy.load(given, host="db").optional


def test_names_of_hosts_are_texts() -> None:
    assert Policy.load({"hosts": {7: {"drivers": True}}}, host="7").drivers
    assert error({"hosts": {7: {"drivers": 1}}}).startswith("rebootless_policy.hosts.7.drivers is 1;")


def test_merging_leaves_its_sources_alone() -> None:
    given, defaults = copy.deepcopy(LAYERS), copy.deepcopy(policy.DEFAULTS)
    Policy.load(given, host="sql01", groups=["web", "db"])
    assert (given, policy.DEFAULTS) == (LAYERS, defaults)


def test_merge() -> None:
    base = {"a": 1, "b": {"x": 1, "y": {"z": 1}}, "c": {"x": 1}, "d": [1], "hold": {"reason": "x", "until": 1}}
    over = {"b": {"y": {"w": 2}}, "c": 3, "d": [2], "e": {"n": 1}, "hold": {"reason": "y"}}
    assert merge(parsed(base), parsed(over)) == {
        "a": 1,
        "b": {"x": 1, "y": {"z": 1, "w": 2}},
        "c": 3,
        "d": [2],
        "e": {"n": 1},
        "hold": {"reason": "y"},
    }
    assert merge({"a": 1}, {"a": {"x": 1}}) == {"a": {"x": 1}}


LAYER = st.dictionaries(
    st.sampled_from(["critical", "important", "low"]), st.integers(1, 300).map(lambda days: f"{days}d"), max_size=3
)


@given(LAYER, LAYER, LAYER)
def test_merging_is_associative_and_the_last_word_counts(
    base: dict[str, str], group: dict[str, str], host: dict[str, str]
) -> None:
    assert merge(merge(base, group), host) == merge(base, merge(group, host)) == {**base, **group, **host}
    given = {"max_wait": base, "groups": {"g": {"max_wait": group}}, "hosts": {"h": {"max_wait": host}}}
    expected = {**policy.DEFAULTS["max_wait"], **base, **group, **host}
    loaded = Policy.load(given, host="h", groups=["g"])
    assert {name: f"{wait.days}d" for name, wait in loaded.max_wait.items()} == expected


# --- windows and blackouts -------------------------------------------------------------------------------------------


def test_windows_and_blackouts_are_loaded_together() -> None:
    loaded = load(windows=[NIGHT], blackouts=[{**YEAR_END, "reason": "year end"}])
    assert not loaded.windows.always
    # Saturday, 26 December lies in the blackout.
    window = loaded.windows.following(datetime(2026, 12, 20, tzinfo=UTC))
    assert window is not None
    assert window.start == datetime(2027, 1, 9, 22, tzinfo=UTC)
    blackout = loaded.windows.blackout(datetime(2026, 12, 24, tzinfo=UTC))
    assert blackout is not None
    assert blackout.reason == "year end"
    assert load(blackouts=[YEAR_END]).windows.always


def test_a_layer_may_replace_windows_and_keep_blackouts() -> None:
    loaded = load(
        host="sql01", windows=[NIGHT], blackouts=[YEAR_END], hosts={"sql01": {"windows": [{**NIGHT, "duration": "2h"}]}}
    )
    assert [window.lasts for window in loaded.windows.recurring] == [timedelta(hours=2)]
    assert len(loaded.windows.blackouts) == 1


BROKEN_WINDOW = {"start": "22:00", "weekdays": ["saturday"]}
BROKEN_BLACKOUT = {"from": "2027-01-04", "to": "2026-12-20"}


@pytest.mark.parametrize("place", ["", ".groups.db", ".hosts.sql01"])
def test_errors_of_windows_carry_the_place(place: str) -> None:
    def laid(value: dict[str, Any]) -> dict[str, Any]:
        for name in reversed(place.split(".")[1:]):
            value = {name: value}
        return value

    assert error(laid({"windows": [NIGHT, BROKEN_WINDOW]})) == (
        f"rebootless_policy{place}.windows[1].duration is missing; {A_DURATION} is expected."
    )
    for broken in ({"blackouts": [BROKEN_BLACKOUT]}, {"windows": [NIGHT], "blackouts": [BROKEN_BLACKOUT]}):
        assert error(laid(broken)).startswith(f"rebootless_policy{place}.blackouts[0].to is '2026-12-20';")


# --- the categories --------------------------------------------------------------------------------------------------


def test_categories_are_the_known_classifications() -> None:
    # Microsoft Learn, "Use of GUIDs for classifications" and wsus classification ids.
    assert policy.CATEGORIES == {
        "applications": "5c9376ab-8ce6-464a-b136-22113dd69801",
        "critical": "e6cf1350-c01b-414d-a61f-263d14d133b4",
        "definitions": "e0789628-ce08-4437-be74-2495b842f43b",
        "drivers": "ebfc1fc5-71a4-4f7b-9aca-3b9a503104a0",
        "feature_packs": "b54e7d24-7add-428f-8b75-90a396fa584f",
        "rollups": "28bc880e-0592-4cbf-8f95-c79b17911d5f",
        "security": "0fa1201d-4330-4fa8-8ae9-b877473b6441",
        "service_packs": "68c5b0a3-d1a6-4553-ae49-01d3a7827828",
        "tools": "b4832bd8-e735-4761-8daf-37f882276dab",
        "updates": "cd5ffd1e-e932-4e3a-bf74-18bf0b1bbd83",
        "upgrades": "3689bdc8-b205-4af4-8d4a-a63924c5e9d5",
    }


ENDLESS = ["(a+)*", "(a*)+b", "(?:x|a+)+$", r"((\d+) ?)*", "(a{2,})*", "([a-z]+)+", "(?:(?:a+)b)+", "(.*)*", r"(\(a+)+"]
BOUNDED = [
    "(a+)?",
    "(a|b)+",
    "a+b*",
    "SQL Server.*Cumulative Update",
    r"\(a+\)+",
    "[(a+)]+",
    "(a{1,3})*",
    "(a+){2}",
    "[]+)]*",
    "(a+)(b)*",
]


@pytest.mark.parametrize("expression", ENDLESS)
def test_an_expression_that_a_title_keeps_busy_for_ever_is_refused(expression: str) -> None:
    said = error({"accept": [expression]})
    assert said.startswith("rebootless_policy.accept[0] is ")
    assert "without a repetition within a repetition" in said


@pytest.mark.parametrize("expression", BOUNDED)
def test_other_expressions_are_taken(expression: str) -> None:
    assert policy.Policy.load({"reject": [expression]}).reject[0].given == expression


def test_a_title_is_not_read_to_its_end() -> None:
    (match,) = policy.Policy.load({"reject": ["end$"]}).reject
    assert match.fits("x" * (policy.LONGEST_TITLE - 3) + "end", ())
    assert match.fits("x" * (policy.LONGEST_TITLE - 3) + "end" + "more", ())
    assert not match.fits("x" * policy.LONGEST_TITLE + "end", ())
