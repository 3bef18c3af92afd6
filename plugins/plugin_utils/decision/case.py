# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a decision is made from and made of: the case of a host, and the ruling on each of its offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base import patch_tuesday as calendar
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals, Unknown
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import offers, placing
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.consent import Consent
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.offers import Offer, Offers, RestartClass
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.placing import Place
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import Policy
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.windows import Window
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import BASELINES, Release, ReleaseTable
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.track import TABLE_PRODUCT

# Nearer to the next Patch Tuesday than this a run may belong to it.
SHORTLY = timedelta(days=7)


@dataclass
class Ruling:
    """One offer on its way through the rules."""

    offer: Offer
    row: Release | None
    restart: RestartClass
    decision: str = ""
    code: str = ""
    why: list[str] = field(default_factory=list)
    until: datetime | None = None
    # When the update must be in effect at the latest; only of what waits for a restart.
    limit: datetime | None = None
    # Whether the policy wants it at all: what nobody wants blocks nothing and is no exposure.
    wanted: bool = True
    emergency: bool = False
    # Since when what it brings has been missing on the host; None when nobody knows.
    since: datetime | None = None

    @property
    def place(self) -> Place:
        """Where it lies beside or on the hotpatch track."""
        return placing.place(self.offer, self.row)

    @property
    def keeps_track(self) -> bool | None:
        """Whether a host stays on the hotpatch track with it; None when nobody knows."""
        return self.row.keeps_track if self.row else self.place.keeps_track

    def settle(self, decision: str, code: str, words: str, until: datetime | None = None) -> bool:
        """Decide; the sentence stands last."""
        self.decision, self.code, self.until = decision, code, until
        self.why.append(words)
        return True

    def unwanted(self, code: str, words: str) -> bool:
        """Decide that the policy does not want it."""
        self.wanted = False
        return self.settle("blocked", code, words)

    @property
    def released(self) -> datetime | None:
        """When it came out: the table's day before the agent's, which moves with each change of a deployment."""
        if self.row is not None:
            return calendar.release_moment(self.row.date)
        return None if isinstance(self.offer.released, Unknown) else self.offer.released


@dataclass(frozen=True)
class Case:
    """All that the rules may look at beside the offer itself."""

    now: datetime
    policy: Policy
    releases: ReleaseTable
    signals: Signals
    host: Mapping[str, Any]
    consent: Consent
    memory: Mapping[str, object]
    offered: Offers | Unknown

    @property
    def rows_of(self) -> str:
        """The host's product in the release table; empty when there is none."""
        product = self.host["product"] or ""
        return TABLE_PRODUCT.get(product, product)

    @property
    def rows(self) -> tuple[Release, ...]:
        """The releases of the host's product that are out."""
        return self.releases.of(self.rows_of, self.now)

    @property
    def protected(self) -> bool:
        """Whether the host has a hotpatch track to lose: known to be on it."""
        on_track = self.host["state"] in ("on_track", "restart_pending")
        return on_track and self.host["track"] == "hotpatch"

    @property
    def may_have_track(self) -> bool:
        """Whether the host has a hotpatch track to lose or to come back to, or nobody knows.

        Not known is it also where a product that can have one, or the product itself, could not be read.
        """
        unread = self.host["product"] or not self.host["build"] or not self.host["edition"]
        return self.protected or self.returning or bool(self.host["state"] == "unknown" and unread)

    @property
    def returning(self) -> bool:
        """Whether a baseline is offered to a host that is behind or off its track: with it the host comes back."""
        if self.host["state"] not in ("behind", "off_track") or isinstance(self.offered, Unknown):
            return False
        rows = [offers.row_of(offer, self.rows) for offer in self.offered.known]
        return any(row is not None and row.type in BASELINES for row in rows)

    @property
    def window(self) -> Window | None:
        """The window that is open now."""
        return self.policy.windows.current(self.now)

    @property
    def in_window(self) -> bool:
        """Whether a restart would be at a good time; without windows any time is."""
        return self.policy.windows.always or self.window is not None

    @property
    def next_review(self) -> datetime:
        """When the next monthly run can be expected: as long after its Patch Tuesday as this one is after its own.

        Shortly before a Patch Tuesday the runs may as well be counted back from it; then the later of both.
        """
        last = calendar.patch_tuesday(self.now.year, self.now.month)
        while not calendar.released(last, self.now):
            # Any day of the month before.
            before = last.replace(day=1) - timedelta(days=1)
            last = calendar.patch_tuesday(before.year, before.month)
        following = calendar.next_patch_tuesday(last)
        review = calendar.release_moment(following) + (self.now - calendar.release_moment(last))
        if calendar.release_moment(following) - self.now >= SHORTLY:
            return review
        return max(review, self.now + (calendar.next_patch_tuesday(following) - following))


def in_words(moment: datetime) -> str:
    """A time in a sentence."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
