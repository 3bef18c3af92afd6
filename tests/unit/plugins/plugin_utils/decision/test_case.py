# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules look at beside an offer: whether a host has a track to lose, and when its next run can be expected."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import UNKNOWN, Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.case import Case
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.consent import Consent
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import Policy
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases

TABLE = releases.ReleaseTable.load(releases.shipped())


def case(now: str, **host: Any) -> Case:
    """A case of a host of which no more is known than this."""
    given = {"state": "unknown", "track": "unknown", "product": None, **host}
    return Case(
        datetime.fromisoformat(now),
        Policy.load({}),
        TABLE,
        Signals({}),
        given,
        Consent.load(False),
        {},
        UNKNOWN,
    )


@pytest.mark.parametrize(
    ("state", "track", "protected"),
    [
        ("on_track", "hotpatch", True),
        ("restart_pending", "hotpatch", True),
        ("on_track", "baseline", False),
        ("restart_pending", "baseline", False),
        ("on_track", "unknown", False),
        ("behind", "hotpatch", False),
        ("off_track", "hotpatch", False),
        ("unknown", "hotpatch", False),
    ],
)
def test_a_host_that_is_known_to_be_on_its_track_has_one_to_lose(state: str, track: str, protected: bool) -> None:
    assert case("2026-08-12T12:00:00+00:00", state=state, track=track).protected is protected


# In 2026 Patch Tuesday is August 11, September 8 (28 days later) and October 13 (35 days later); updates come at 17:00.
@pytest.mark.parametrize(
    ("now", "review"),
    [
        # As long after its Patch Tuesday as now.
        ("2026-08-11T17:00:00+00:00", "2026-09-08T17:00:00+00:00"),
        ("2026-08-12T12:00:00+00:00", "2026-09-09T12:00:00+00:00"),
        # The new month has not begun before its updates are out.
        ("2026-08-11T16:59:59+00:00", "2026-09-08T16:59:59+00:00"),
        # A week before the next Patch Tuesday is still counted from the last; later than that the later of both.
        ("2026-09-01T17:00:00+00:00", "2026-09-29T17:00:00+00:00"),
        ("2026-09-01T17:00:01+00:00", "2026-10-06T17:00:01+00:00"),
        ("2026-09-08T16:00:00+00:00", "2026-10-13T16:00:00+00:00"),
        # A long month goes before a short one: the last Patch Tuesday says the later time.
        ("2026-10-10T12:00:00+00:00", "2026-11-14T12:00:00+00:00"),
    ],
)
def test_when_the_next_run_can_be_expected(now: str, review: str) -> None:
    assert case(now).next_review == datetime.fromisoformat(review)
