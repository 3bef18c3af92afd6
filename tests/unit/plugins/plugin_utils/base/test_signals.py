# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw signals: what is trusted, and what reads as UNKNOWN and why."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import UNKNOWN, Signals, span
from realistic import failed, kbs, ok


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[(value, value) for value in (0, 1, 4096, 2**32 - 1, 2**32)],
        *[(value, UNKNOWN) for value in (-1, 2**32 + 1, True, False, 1.0, math.nan, math.inf, "1", "", None, [1])],
    ],
)
def test_number(value: object, expected: object) -> None:
    found = signals.number(value)
    assert found is expected or found == expected
    assert not isinstance(found, bool)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[(value, value) for value in ("x", "Server Standard", "Zürich", "a" * 255)],
        *[
            (value, UNKNOWN)
            for value in ("", "  ", "a" * 256, "a\x1b[31mb", "a\nb", "\u202e", "\ud800", 5, None, ["x"])
        ],
    ],
)
def test_text(value: object, expected: object) -> None:
    assert signals.text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), (False, False), (1, UNKNOWN), (None, UNKNOWN), ("", UNKNOWN)]
)
def test_flag(value: object, expected: object) -> None:
    assert signals.flag(value) is expected


@pytest.mark.parametrize("value", ["2026-09-20", "2026-02-30T12:00:00Z", "2026-09-20T12:00:00", "x", "", None, 5])
def test_no_moment(value: object) -> None:
    assert signals.moment(value) is UNKNOWN


def test_moment() -> None:
    assert signals.moment("2026-09-20T12:00:01Z") == datetime(2026, 9, 20, 12, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\n b\t c", "a b c"),
        ("a\x1b[31m\u202e", "a?[31m?"),
        ("x" * 300, "x" * 255),
        (None, "None"),
        ({"a": 1}, "{'a': 1}"),
    ],
)
def test_shown(value: object, expected: str) -> None:
    assert signals.shown(value) == expected


def test_shown_is_cut_where_asked() -> None:
    assert signals.shown("abcdef", 3) == "abc"


@pytest.mark.parametrize(
    ("answer", "value", "cause"),
    [
        (ok(5), 5, "unusable value"),
        (ok(None), None, "no value"),
        ({"ok": True}, UNKNOWN, "no value"),
        ({"ok": 1, "value": 5}, UNKNOWN, "malformed answer"),
        ({"ok": "yes", "value": 5}, UNKNOWN, "malformed answer"),
        ({"value": 5}, UNKNOWN, "malformed answer"),
        (5, UNKNOWN, "malformed answer"),
        (None, UNKNOWN, "malformed answer"),
        ([], UNKNOWN, "malformed answer"),
        ({"ok": False, "value": 5}, UNKNOWN, "failed"),
        (failed("denied"), UNKNOWN, "access denied"),
        (failed("timeout"), UNKNOWN, "timed out"),
        (failed("unavailable"), UNKNOWN, "not available on the host"),
        (failed("failed"), UNKNOWN, "failed"),
        (failed("\x1b[31m"), UNKNOWN, "failed"),
        ({"ok": False, "error": {"type": ["denied"]}}, UNKNOWN, "failed"),
        ({"ok": False, "error": "denied"}, UNKNOWN, "failed"),
    ],
)
def test_value_and_cause(answer: object, value: object, cause: str) -> None:
    read = Signals({"probe": answer})
    assert read.value("probe") == value
    assert read.cause("probe") == cause
    assert read.denied("probe") == (cause == "access denied")


@pytest.mark.parametrize("raw", [None, [], "x", 5, {}])
def test_no_signals_at_all(raw: object) -> None:
    read = Signals(raw)
    assert read.value("probe") is UNKNOWN
    assert read.cause("probe") == "not asked"
    assert read.build() is UNKNOWN
    assert read.kbs() is UNKNOWN
    assert read.last_boot() is UNKNOWN
    assert read.service("himds") is UNKNOWN
    assert read.setting("active_hours", "ActiveHoursStart") is UNKNOWN


@pytest.mark.parametrize(
    ("value", "number", "text", "flag", "table"),
    [
        (None, None, None, UNKNOWN, None),
        (7, 7, UNKNOWN, UNKNOWN, UNKNOWN),
        ("x", UNKNOWN, "x", UNKNOWN, UNKNOWN),
        (True, UNKNOWN, UNKNOWN, True, UNKNOWN),
        ({"a": 1}, UNKNOWN, UNKNOWN, UNKNOWN, {"a": 1}),
    ],
)
def test_typed_access(value: object, number: object, text: object, flag: object, table: object) -> None:
    read = Signals({"probe": ok(value)})
    assert (read.number("probe"), read.text("probe"), read.flag("probe"), read.table("probe")) == (
        number,
        text,
        flag,
        table,
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ({"days": None}, None),
        ({"days": 3}, 3),
        ({"days": "3"}, UNKNOWN),
        ({}, UNKNOWN),
        ("x", UNKNOWN),
    ],
)
def test_setting(value: object, expected: object) -> None:
    assert Signals({"probe": ok(value)}).setting("probe", "days") == expected


@pytest.mark.parametrize(
    ("value", "listed", "cause"),
    [
        # Whole, listed, and why it is not whole.
        (kbs("KB5000001", "kb5000002"), {"KB5000001", "KB5000002"}, None),
        ([*kbs("KB5000001", "File 1")], {"KB5000001", "FILE 1"}, None),
        ([], set(), "empty list"),
        (kbs("File 1"), {"FILE 1"}, "empty list"),
        ([{"kb": ""}], set(), "unusable entry"),
        ([*kbs("KB5000001"), {}], {"KB5000001"}, "unusable entry"),
        ([{"kb": None}, *kbs("kb5000001")], {"KB5000001"}, "unusable entry"),
        ([*kbs("KB5000001"), "KB5000002"], {"KB5000001"}, "unusable entry"),
        ({}, set(), "unusable value"),
        (None, set(), "no value"),
        ("KB5000001", set(), "unusable value"),
    ],
)
def test_one_bad_entry_costs_that_entry(value: object, listed: set[str], cause: str | None) -> None:
    read = Signals({"hotfixes": ok(value)})
    assert (read.listed(), read.kbs_cause()) == (listed, cause)
    assert read.kbs() == (UNKNOWN if cause else listed)


def test_list_of_updates_that_was_not_read() -> None:
    read = Signals({"hotfixes": failed("timeout")})
    assert (read.listed(), read.kbs(), read.kbs_cause()) == (frozenset(), UNKNOWN, "timed out")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (-59, "59 s"),
        (60, "1 minute"),
        (-301, "5 minutes"),
        (3600, "1 hour"),
        (7199, "1 hour"),
        (86399, "23 hours"),
        (86400, "1 day"),
        (-40 * 86400, "40 days"),
    ],
)
def test_length_of_time_in_its_largest_unit(seconds: int, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"CurrentBuild": "26100", "UBR": 33222}, "26100.33222"),
        ({"CurrentBuild": "9600", "UBR": 0}, "9600.0"),
        ({"CurrentBuild": 26100, "UBR": 33222}, UNKNOWN),
        ({"CurrentBuild": "26100 ", "UBR": 1}, UNKNOWN),
        ({"CurrentBuild": "٢٦١٠٠", "UBR": 1}, UNKNOWN),
        ({"CurrentBuild": "999", "UBR": 1}, UNKNOWN),
        ({"CurrentBuild": "1234567", "UBR": 1}, UNKNOWN),
        ({"CurrentBuild": "26100", "UBR": None}, UNKNOWN),
        ({"CurrentBuild": "26100", "UBR": -1}, UNKNOWN),
        ({"CurrentBuild": "26100"}, UNKNOWN),
        ({"CurrentBuild": None, "UBR": 5}, UNKNOWN),
        (None, UNKNOWN),
        ("26100.1", UNKNOWN),
    ],
)
def test_build(value: object, expected: object) -> None:
    assert Signals({"build": ok(value)}).build() == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"last_boot": "2026-09-20T12:00:01Z"}, datetime(2026, 9, 20, 12, 0, 1, tzinfo=UTC)),
        ({"last_boot": ""}, UNKNOWN),
        ({}, UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_last_boot(value: object, expected: object) -> None:
    assert Signals({"operating_system": ok(value)}).last_boot() == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"himds": None}, None),
        ({"himds": {"status": "Running", "start_type": "Automatic"}}, "Running"),
        ({"himds": {"status": ""}}, UNKNOWN),
        ({"himds": "Running"}, UNKNOWN),
        ({}, UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_service(value: object, expected: object) -> None:
    assert Signals({"services": ok(value)}).service("himds") == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"type": "failed", "hresult": -2145107924}, "failed (0x8024402C)"),
        ({"type": "failed", "hresult": 0x80240017}, "failed (0x80240017)"),
        ({"type": "failed", "hresult": 1}, "failed (0x00000001)"),
        ({"type": "failed", "hresult": -(2**31)}, "failed (0x80000000)"),
        ({"type": "failed", "hresult": -(2**31) - 1}, "failed"),
        ({"type": "failed", "hresult": 2**32 - 1}, "failed (0xFFFFFFFF)"),
        ({"type": "failed", "hresult": 2**32}, "failed"),
        ({"type": "failed", "hresult": 2**32 + 5}, "failed"),
        ({"type": "failed", "hresult": 0}, "failed"),
        ({"type": "failed", "hresult": True}, "failed"),
        ({"type": "failed", "hresult": "5"}, "failed"),
        ({"type": "failed"}, "failed"),
        ("failed", "failed"),
        # Where the words say it all the number is left out.
        ({"type": "denied", "hresult": 5}, "access denied"),
        ({"type": "timeout", "hresult": 5}, "timed out"),
    ],
)
def test_the_number_of_an_error(error: object, expected: str) -> None:
    assert Signals({"agent_offers": {"ok": False, "value": None, "error": error}}).numbered("agent_offers") == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [({}, "not asked"), ({"agent_offers": None}, "malformed answer"), ({"agent_offers": []}, "malformed answer")],
)
def test_no_answer_has_no_number(raw: dict[str, object], expected: str) -> None:
    assert Signals(raw).numbered("agent_offers") == expected
