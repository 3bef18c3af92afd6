# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What anybody may write as a consent: only a yes that is one, and holds, restarts a host whose restart is due."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import decide, policy
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.consent import Consent
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases
from fleet import fast, fast_offers, months

NOW = datetime.fromisoformat("2026-04-15T12:00:00+00:00")
DUE = months.advance(months.start(months.SERVER_2025, "2026-04-14"), "2026-04-15")
SIGNALS = {**fast.signals(DUE, {}), **fast_offers.signals({**DUE, "logon": "local"}, {"restart_answer": "always"})}
TABLE = releases.ReleaseTable.load(releases.shipped())
REFUSED = "refused"
AGREED = {"agreed": True, "ticket": "CHG-1"}
# What is written, and what it means at NOW: yes, no, nothing, or no run.
WRITTEN: dict[str, tuple[Any, bool | str | None]] = {
    "true": (True, True),
    "text of -e": ("true", True),
    "text in capitals": ("TRUE", True),
    "text with blanks": (" true ", True),
    "false": (False, False),
    "text no": ("False", False),
    "null": (None, None),
    "empty, as a template makes of null": ("", None),
    "yes of YAML 1.1 as a text": ("yes", REFUSED),
    "on": ("on", REFUSED),
    "one": (1, REFUSED),
    "one as a text": ("1", REFUSED),
    "a float": (1.0, REFUSED),
    "a list with a yes": ([True], REFUSED),
    "a template that was not one": ("{{ true }}", REFUSED),
    "typo": ("ture", REFUSED),
    "zero width": ("true\u200b", REFUSED),
    "letters that look alike": ("truе", REFUSED),
    "mapping": (AGREED, True),
    "mapping that says no": ({"agreed": False}, False),
    "mapping without a word": ({"ticket": "CHG-1"}, REFUSED),
    "mapping with a typo": ({"agred": True}, REFUSED),
    "mapping with null": ({"agreed": None}, REFUSED),
    "mapping with a one": ({"agreed": 1}, REFUSED),
    "expires later": ({**AGREED, "expires": "2026-04-15T12:00:01Z"}, True),
    "expires now": ({**AGREED, "expires": "2026-04-15T12:00:00Z"}, False),
    "expired": ({**AGREED, "expires": "2026-04-15T11:59:59Z"}, False),
    "expires later in another zone": ({**AGREED, "expires": "2026-04-15T13:00:00+01:00"}, False),
    "expires as YAML reads it": (
        {**AGREED, "expires": NOW.astimezone(timezone(timedelta(hours=5))) + timedelta(hours=1)},
        True,
    ),
    "expires without a zone": ({**AGREED, "expires": "2026-04-16T12:00:00"}, REFUSED),
    "expires never": ({**AGREED, "expires": "9999-12-31T23:59:59Z"}, REFUSED),
    "expires in words": ({**AGREED, "expires": "tomorrow"}, REFUSED),
    "ticket that is a number": ({**AGREED, "ticket": 1}, REFUSED),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_only_a_yes_that_holds_restarts_a_host(name: str) -> None:
    written, means = WRITTEN[name]
    if means == REFUSED:
        with pytest.raises(PolicyError):
            Consent.load(written)
        return
    consent = Consent.load(written)
    assert consent.at(NOW) is means
    decision = decide.decide("a", SIGNALS, TABLE, policy.Policy.load({}), NOW, consent=consent)
    assert decision["restart"]["due"] is True
    assert decision["restart"]["now"] is (means is True)
    agreed = [one for one in decision["offers"] if one["id"] in decision["install"] and one["restart"] == "always"]
    assert bool(agreed) is (means is True)
