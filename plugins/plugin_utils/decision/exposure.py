# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long an update has been missing on a host, and how long it may wait.

The exposure limit counts from the oldest release that an update brings, not from its own day: each month's cumulative
update supersedes the last one, and a host that never restarts would never be late.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base import patch_tuesday as calendar
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Unknown, moment
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.case import Case, Ruling, in_words
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.offers import Offer
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import CATEGORIES
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import BASELINES, Release, revision
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.status import iso

# A host in one of these states has no hotpatches to lose and gains none from a baseline.
OUTSIDE = ("not_capable", "not_ready", "not_enrolled")
SECURITY = frozenset({CATEGORIES["security"], CATEGORIES["critical"]})


def since(case: Case, offer: Offer, row: Release | None) -> datetime | None:
    """Since when what an update brings has been missing: it brings what it supersedes as well; None when nobody knows."""
    known = [calendar.release_moment(release.date) for release in (_brings(case, row) if row else ())]
    remembered = [_remembered(case, each) for each in (offer.id, *offer.supersedes)]
    published = offer.released if row is None and not isinstance(offer.released, Unknown) else None
    known += [each for each in (published, *remembered) if each is not None]
    return min(known, default=None)


def _brings(case: Case, row: Release) -> tuple[Release, ...]:
    """An update of Windows, and the earlier ones that come with it and that the host lacks.

    By their days, because a hotpatch has a lower build than the cumulative update of its month and brings the same. On
    a host that has a track to lose only those of its lane count.
    """
    build = case.host["build"]
    own = [one.date for one in case.rows if one.build == build]
    if not own:
        return (row,)
    earlier = [
        one
        for one in case.rows
        if max(own) < one.date < row.date
        and revision(one.build) < revision(row.build)
        and (one.keeps_track or not case.protected)
    ]
    return (*earlier, row)


def _remembered(case: Case, update: str) -> datetime | None:
    """Since when an update has been missing, as the last decision says; None when it has come in by another way since."""
    told = case.memory.get(update)
    if not isinstance(told, Mapping):
        return None
    since, names = moment(told.get("since")), told.get("kbs")
    if isinstance(names, list) and case.signals.listed() & {str(name) for name in names}:
        return None
    return since if isinstance(since, datetime) else None


def limit(case: Case, one: Ruling) -> datetime:
    """When it must be in effect: its exposure limit, and for a baseline before the hotpatch that needs it."""
    since = one.since
    if one.emergency:
        one.why.append("An emergency waits for nothing but consent and a window.")
        return case.now
    if since is None:
        one.why.append("Nobody knows when it came out, so it is treated as overdue.")
        return case.now
    wait = case.policy.wait(one.offer.severity)
    end = since + wait
    severity = one.offer.severity or "no severity, so the strictest"
    what = "Released" if since == one.released else "Part of it has been missing since"
    one.why.append(
        f"{what} {in_words(since)}, may wait {span(wait.total_seconds())} ({severity}): until {in_words(end)}."
    )
    needed = needed_by(case, one)
    if needed is not None and needed < end:
        one.why.append(f"The hotpatch of {needed:%Y-%m-%d} needs this baseline.")
        return needed
    return end


def needed_by(case: Case, one: Ruling) -> datetime | None:
    """When the next hotpatch comes that builds on this baseline; None when the next month is a baseline itself."""
    if one.row is None or one.row.type not in BASELINES or case.host["state"] in OUTSIDE:
        return None
    following = calendar.next_patch_tuesday(one.row.date)
    # A month that nobody has announced may be a hotpatch.
    if case.releases.planned_type(case.rows_of, following, case.now) == "baseline":
        return None
    return calendar.release_moment(following)


def span(seconds: float) -> str:
    """A duration in words: `14 days`, `12 hours`."""
    days, rest = divmod(int(seconds), 86400)
    if days and not rest:
        return f"{days} day{'s' if days > 1 else ''}"
    hours = round(seconds / 3600, 1)
    return f"{hours:g} hours"


def of(case: Case, rulings: Collection[Ruling]) -> dict[str, Any]:
    """`{seconds, since, offers}`: since when the oldest wanted security update has not been in effect."""
    open_ones = [one for one in rulings if one.wanted and (one.offer.categories & SECURITY or one.offer.severity)]
    since = min((one.since for one in open_ones if one.since is not None), default=None)
    seconds = None if since is None else max(0, int((case.now - since).total_seconds()))
    return {
        "seconds": seconds,
        "since": iso(since) if since else None,
        "offers": [one.offer.id for one in open_ones],
    }


def memory(decision: object, install: object = None) -> dict[str, dict[str, Any]]:
    """What the next decision on this host has to know of this one: `{id: {since, kbs}}` of the updates that it lacked.

    `install` is what `install_updates` made of the decision; what it installed is not missing any more.
    """
    offered = decision.get("offers") if isinstance(decision, Mapping) else None
    done = install.get("installed") if isinstance(install, Mapping) else None
    return {
        str(one["id"]): {"since": one["missing_since"], "kbs": one.get("kbs") or []}
        for one in (offered if isinstance(offered, list) else ())
        if isinstance(one, Mapping) and one.get("id") and one.get("missing_since") and one["id"] not in (done or ())
    }
