# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts, offers and months for the tests of decisions, and how to judge them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import decide
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.consent import Consent
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import CATEGORIES, Policy
from healthy import S25_ARC, healthy
from realistic import TABLE, Raw, build, kbs, ok

Decision = dict[str, Any]
NEVER, ALWAYS, CAN_REQUEST = 0, 1, 2
GB = 2**30
SQL_SERVER = "aeefa997-63b8-4c01-b19c-c19e1081b4ce"
SUNDAYS = {"start": "22:00", "duration": "4h", "weekdays": ["sunday"]}
PLUS_12 = {"start": "22:00", "duration": "4h", "patch_tuesday_plus": 12, "name": "monthly"}


def at(text: str) -> datetime:
    """A moment in UTC, written `2026-07-15 12:00`; noon of a day."""
    return datetime.fromisoformat(f"{text if ':' in text else text + ' 12:00'}:00+00:00")


def known(kb: str | None) -> bool:
    """Whether an update is one of Windows; those of other products are numbered from KB9800000 here, or have no KB."""
    return kb is not None and not kb.startswith("KB98")


def offer(kb: str | None = None, **changes: object) -> Raw:
    """A raw offer of a security update that may ask for a restart."""
    raw = {
        "id": f"00000000-0000-4000-8000-0000{(kb or 'KB0000000')[2:].zfill(8)}",
        "revision": 200,
        "title": f"Update ({kb})" if kb else "Contoso - Net - 1.2",
        "kbs": [kb] if kb else [],
        "categories": [CATEGORIES["security"], *([] if known(kb) else [SQL_SERVER])],
        "severity": "Critical",
        "size": 1000,
        "released": "2026-07-14T17:00:00Z",
        "browse_only": False,
        "eula_accepted": True,
        "hidden": False,
        "downloaded": False,
        "driver": False,
        "reboot_behaviour": CAN_REQUEST,
        "impact": 0,
        "requires_user_input": False,
        "bootstrapper": ok(False),
        "requires_restart": None,
        "unread": [],
    }
    return {**raw, **changes}


# The months of the release table that the tests play in: host's build and KBs, the day after Patch Tuesday.
JULY = {"build": build("26100.32995"), "hotfixes": kbs("KB5087423", "KB5094125")}
JULY_NOW, JULY_KB, AUGUST_KB = at("2026-07-15"), "KB5099536", "KB5120228"
AUGUST = {"build": build("26100.33158"), "hotfixes": kbs("KB5087423", "KB5099536")}
AUGUST_NOW = at("2026-08-12")
OCTOBER = {"build": build("26100.6899"), "hotfixes": kbs("KB5065474", "KB5066835")}
OCTOBER_NOW, OFF_TRACK_KB = at("2025-10-25"), "KB5070881"


def host(month: Raw, *offered: Raw, product: str = S25_ARC, **changes: object) -> Raw:
    """The signals of a healthy host of a month, and what it is offered."""
    asked = {"agent_offers": list(offered), "agent_busy": False, "search_warnings": []}
    return healthy(product, **{**month, **asked, **changes})


def judge(raw: object, now: datetime, consent: Consent | bool | None = None, **policy: object) -> Decision:
    """The decision, which has to be plain JSON."""
    made = decide.decide("host", raw, TABLE, Policy.load(policy), now, consent=consent)
    assert json.loads(json.dumps(made)) == made
    return made


def july(
    consent: Consent | bool | None = None, now: datetime = JULY_NOW, changes: Raw | None = None, **policy: object
) -> Decision:
    """A host of June 2026 that is offered the baseline of July, which the hotpatch of 2026-08-11 needs."""
    return judge(host(JULY, offer(JULY_KB), **(changes or {})), now, consent, **policy)


def august(one: Raw, now: datetime = AUGUST_NOW, consent: Consent | bool | None = None, **policy: object) -> Decision:
    """A host on the baseline of July 2026 that is offered one update in August, a hotpatch month."""
    return judge(host(AUGUST, one), now, consent, **policy)


def only(made: Decision) -> dict[str, Any]:
    """The one offer of a decision."""
    (one,) = made["offers"]
    return dict(one)


HOT = offer(AUGUST_KB, requires_restart=ok(False), bootstrapper=ok(True))
QUIET = offer("KB890830", reboot_behaviour=NEVER, categories=[CATEGORIES["rollups"]], severity=None)
