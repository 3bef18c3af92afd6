# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Consent: what may be written, what it says when, and that everything else is named and never taken for a yes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.consent import Consent
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run
from hypothesis import given
from hypothesis import strategies as st

END = datetime(2026, 9, 20, 22, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PLAIN = "true, false, null, or a mapping with agreed, ticket, approver, expires is expected."
FULL = {"agreed": True, "ticket": "CHG-1", "approver": "Ada", "expires": "2026-09-21T00:00:00+02:00"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (True, True),
        (False, False),
        (None, None),
        ("true", True),
        ("false", False),
        ("null", None),
        ("", None),
        ("True", True),
        ("FALSE", False),
        (" true\n", True),
        ({"agreed": True}, True),
        ({"agreed": False}, False),
        ({"agreed": "true"}, True),
        ({"agreed": "false", "ticket": None, "approver": "", "expires": None}, False),
        ({"agreed": True, "ticket": " ", "expires": ""}, True),
    ],
)
def test_what_is_said(written: object, said: bool | None) -> None:
    found = Consent.load(written)
    assert found == Consent(said)
    assert (found.at(END), found.by, found.words(END), found.expired(END)) == (said, None, "", False)


def test_everything_given() -> None:
    found = Consent.load(FULL)
    assert found == Consent(True, "CHG-1", "Ada", END)
    assert found.by == {"ticket": "CHG-1", "approver": "Ada", "expires": "2026-09-20T22:00:00Z"}
    assert json.loads(json.dumps(found.by)) == found.by


@pytest.mark.parametrize("key", ["ticket", "approver", "expires"])
def test_one_of_them_is_enough_to_be_told(key: str) -> None:
    told = Consent.load({"agreed": True, key: FULL[key]}).by
    assert told is not None
    assert [name for name, value in told.items() if value is not None] == [key]


def test_texts_are_on_one_line() -> None:
    found = Consent.load({"agreed": True, "ticket": " CHG\n1 ", "approver": "Ada\tLovelace"})
    assert (found.ticket, found.approver) == ("CHG 1", "Ada Lovelace")


@pytest.mark.parametrize(
    ("expires", "end"),
    [
        ("2026-09-20T22:00:00Z", END),
        ("2026-09-20 23:00+01:00", END),
        (END, END),
        (END.astimezone(timezone(timedelta(hours=-5))), END),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
        ("2999-12-31T23:59:59Z", datetime(2999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_ends(expires: object, end: datetime) -> None:
    found = Consent.load({"agreed": True, "expires": expires}).expires
    assert found == end
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "The consent (CHG-1 by Ada) expired at 2026-09-20 22:00 UTC and counts as no."),
        ({"approver": None}, "The consent (CHG-1) expired at 2026-09-20 22:00 UTC and counts as no."),
        ({"ticket": None}, "The consent (by Ada) expired at 2026-09-20 22:00 UTC and counts as no."),
        (
            {"ticket": None, "approver": None},
            "The consent expired at 2026-09-20 22:00 UTC and counts as no.",
        ),
    ],
)
def test_one_that_has_expired_says_no(changes: dict[str, Any], words: str) -> None:
    found = Consent.load({**FULL, **changes})
    before, after = END - SECOND, END + SECOND
    assert [found.at(now) for now in (before, END, after)] == [True, False, False]
    assert [found.expired(now) for now in (before, END, after)] == [False, True, True]
    assert [found.words(now) for now in (before, END, after)] == ["", words, words]


def test_a_no_that_has_expired_stays_a_no_and_is_not_spoken_of() -> None:
    found = Consent.load({**FULL, "agreed": False})
    assert (found.at(END), found.words(END), found.expired(END)) == (False, "", True)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("maybe", f"consent is 'maybe'; {PLAIN}"),
        ("yes", f"consent is 'yes'; {PLAIN}"),
        ("on", f"consent is 'on'; {PLAIN}"),
        ("none", f"consent is 'none'; {PLAIN}"),
        (1, f"consent is 1; {PLAIN}"),
        (0, f"consent is 0; {PLAIN}"),
        (1.0, f"consent is 1.0; {PLAIN}"),
        ([True], f"consent is [True]; {PLAIN}"),
        ([], f"consent is []; {PLAIN}"),
        ("{'agreed': true}", f"consent is \"{{'agreed': true}}\"; {PLAIN}"),
        ({}, "consent.agreed is None; true or false is expected."),
        ({"agreed": None}, "consent.agreed is None; true or false is expected."),
        ({"agreed": ""}, "consent.agreed is ''; true or false is expected."),
        ({"agreed": "null"}, "consent.agreed is 'null'; true or false is expected."),
        ({"agreed": "yes"}, "consent.agreed is 'yes'; true or false is expected."),
        ({"agreed": 1}, "consent.agreed is 1; true or false is expected."),
        ({"agreed": {"agreed": True}}, "consent.agreed is {'agreed': True}; true or false is expected."),
        (
            {"agreed": True, "approved": "Ada"},
            "consent.approved is no key of a consent; one of agreed, ticket, approver, expires (meant approver?) is expected.",
        ),
        ({"agreed": True, "ticket": 4711}, "consent.ticket is 4711; a text (a number in quotes) is expected."),
        (
            {"agreed": True, "approver": ["Ada"]},
            "consent.approver is ['Ada']; a text (a number in quotes) is expected.",
        ),
        *(
            (
                {"agreed": True, "expires": value},
                f"consent.expires is {value!r}; a time with a zone like 2026-09-20T22:00:00+02:00 is expected.",
            )
            for value in (
                "tomorrow",
                "2026-09-20",
                "2026-09-20T22:00:00",
                "1999-12-31T23:59:59Z",
                "3000-01-01T00:00:00Z",
                "9999-12-31T23:59:59-12:00",
                date(2026, 9, 20),
                datetime(2026, 9, 20),
                1_790_000_000,
                True,
            )
        ),
    ],
)
def test_everything_else_is_named(written: object, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Consent.load(written)
    assert str(caught.value) == message


def test_the_place_is_named() -> None:
    with pytest.raises(PolicyError, match=r"^rebootless_consent\.agreed is 'x'; "):
        Consent.load({"agreed": "x"}, "rebootless_consent")


DECIDED = {"due": True, "now": True, "consent": True, "why": "Why.", "window": None}


@pytest.mark.parametrize(
    ("by", "lead", "now"),
    [
        ({}, 0, True),
        ({"consent_by": None}, 0, True),
        ({"consent_by": {"ticket": "CHG-1", "approver": None, "expires": None}}, 0, True),
        ({"consent_by": {"expires": "2026-09-20T22:00:01Z"}}, 0, True),
        ({"consent_by": {"expires": "2026-09-20T22:00:00Z"}}, 0, False),
        ({"consent_by": {"expires": "2026-09-20T21:00:00Z"}}, 0, False),
        # It must still hold when the host goes down.
        ({"consent_by": {"expires": "2026-09-20T22:10:00Z"}}, 599, True),
        ({"consent_by": {"expires": "2026-09-20T22:10:00Z"}}, 600, False),
        ({"consent_by": {"expires": "tomorrow"}}, 0, False),
    ],
)
def test_no_restart_after_the_end_of_the_consent(by: dict[str, Any], lead: int, now: bool) -> None:
    decision = {"restart": {**DECIDED, **by}, "restart_required": "yes"}
    found = host_run.restart_agreed(decision, None, END, lead)
    assert found.now is now
    if not now:
        expires = by["consent_by"]["expires"]
        assert found.why == f"The consent holds only until {expires}, so the host is not restarted."


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["agreed", "ticket", "expires", "x"]), inner)
    ),
    max_leaves=5,
)


@given(ANYTHING)
def test_nothing_but_a_yes_is_a_yes(value: object) -> None:
    try:
        found = Consent.load(value)
    except PolicyError:
        return
    agreed = value.get("agreed") if isinstance(value, dict) else value
    yes = agreed is True or (isinstance(agreed, str) and agreed.strip().lower() == "true")
    assert (found.said is True) == yes


@given(st.none() | st.datetimes(datetime(2000, 1, 2), datetime(2999, 12, 30), timezones=st.timezones()), st.booleans())
def test_a_yes_holds_until_its_end_and_not_longer(expires: datetime | None, agreed: bool) -> None:
    given_end = expires.isoformat() if expires else None
    found = Consent.load({"agreed": agreed, "expires": given_end})
    # Arithmetic in a zone is on the wall clock.
    end = expires.astimezone(UTC) if expires else None
    for now in (END, *((end - SECOND, end) if end else ())):
        assert found.at(now) is (agreed and (end is None or now < end))
        assert bool(found.words(now)) == (agreed and not found.at(now))
