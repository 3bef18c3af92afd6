# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host's update agent offers, read from the raw answer of `windows_offers_info`, and whether an offer restarts.

Restart class, in this order: the agent's answer for this host, its static never or always, the release table, its
static can-request. Sources: facts/windows-hotpatch.md section 3.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base import door
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import (
    UNKNOWN,
    Signals,
    Unknown,
    flag,
    moment,
    number,
    shown,
    text,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import CATEGORIES, LONGEST_TITLE
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import (
    BASELINES,
    NO_RESTART,
    OFF_TRACK,
    Release,
)

# More than any host is offered: a list longer than that is no answer, and an offer with more KBs or categories is none.
MOST = 500
MOST_NAMES = 50
NEVER, ALWAYS, CAN_REQUEST = 0, 1, 2
KB = re.compile(r"KB[0-9]{4,8}")
WORDS = {guid: word for word, guid in CATEGORIES.items()}
BY_HOST, BY_STATIC, BY_TABLE, BY_NOBODY = (
    "the agent's answer for this host",
    "the agent's static answer",
    "the release table",
    "nobody",
)


class RestartClass(NamedTuple):
    """`none`, `possible`, `always` or `unknown`, and who says so."""

    name: str
    source: str


@dataclass(frozen=True)
class Offer:
    """One update that the agent offers; what the host did not tell is UNKNOWN."""

    id: str
    revision: int
    title: str
    kbs: tuple[str, ...]
    categories: frozenset[str]
    severity: str | None
    size: int | Unknown
    released: datetime | Unknown
    driver: bool | Unknown
    optional: bool | Unknown
    hidden: bool | Unknown
    eula_accepted: bool | Unknown
    behaviour: int | Unknown
    requires_restart: bool | Unknown
    # Why the agent gave no answer for this host; None when it has, or when this update has none to give.
    unanswered: str | None
    # Ids of the updates that it takes the place of.
    supersedes: frozenset[str] = frozenset()
    # The names of the files that it brings, in small letters; empty when the host does not tell.
    files: frozenset[str] = frozenset()

    @property
    def kb(self) -> str | None:
        """The KB that people know it by; None for drivers and the like."""
        return self.kbs[0] if self.kbs else None

    @property
    def label(self) -> str:
        """How a sentence names it."""
        return self.kb or shown(self.title)

    @property
    def compared(self) -> str:
        """The text that `win_updates` holds its accept_list against: the title and, with nothing between, the KBs."""
        return self.title + " ".join(self.kbs)

    @property
    def selectable(self) -> bool:
        """Whether `win_updates` can be told it by its title: as the host wrote it, on one line, and not endless."""
        return door.exact(self.title, LONGEST_TITLE)

    def words(self) -> list[str]:
        """Its classifications: words of the policy, GUIDs of what is none."""
        return sorted(WORDS.get(guid, guid) for guid in self.categories)


class Offers(NamedTuple):
    """What is offered, by id; and how many entries of the answer could not be read."""

    known: tuple[Offer, ...]
    malformed: int


def _probe(value: object, name: str) -> tuple[bool | Unknown, str | None]:
    """An answer of an offer, and in a few words why there is none."""
    if value is None:
        return UNKNOWN, "not asked"
    answers = Signals({name: value})
    answer = answers.flag(name)
    return answer, answers.cause(name) if isinstance(answer, Unknown) else None


def _ids(value: object) -> frozenset[str]:
    """The ids of a list, in small letters."""
    return frozenset(each.lower() for each in (value if isinstance(value, list) else ()) if isinstance(text(each), str))


def _files(value: object) -> frozenset[str]:
    """The names of files; empty where one cannot be read, because it is what all of them are that counts."""
    names = [text(name) for name in value] if isinstance(value, list) else []
    return frozenset() if UNKNOWN in names else frozenset(str(name).lower() for name in names)


def _one(raw: object) -> Offer | None:
    """An offer; None when it cannot be told from others, or by the KBs that a policy names."""
    if not isinstance(raw, Mapping):
        return None
    given, revision, title = text(raw.get("id")), number(raw.get("revision")), raw.get("title")
    kbs, severity = raw.get("kbs"), text(raw.get("severity"))
    if isinstance(given, Unknown) or isinstance(revision, Unknown) or not isinstance(title, str):
        return None
    # No KBs is an answer; not to have read them is none, and a held KB would go through.
    if not isinstance(kbs, list) or len(kbs) > MOST_NAMES:
        return None
    categories = _ids(raw.get("categories"))
    if len(categories) > MOST_NAMES:
        return None
    answer, unanswered = _probe(raw.get("requires_restart"), "requires_restart")
    # Only an update that decides per machine has an answer for this one.
    if _probe(raw.get("bootstrapper"), "bootstrapper")[0] is not True:
        unanswered = None
    return Offer(
        id=given.lower(),
        revision=revision,
        title=title,
        kbs=tuple(kb.upper() for kb in kbs if isinstance(kb, str) and KB.fullmatch(kb.upper())),
        categories=categories,
        severity=None if isinstance(severity, Unknown) else severity,
        size=number(raw.get("size")),
        released=moment(raw.get("released")),
        driver=flag(raw.get("driver")),
        optional=flag(raw.get("browse_only")),
        hidden=flag(raw.get("hidden")),
        eula_accepted=flag(raw.get("eula_accepted")),
        behaviour=number(raw.get("reboot_behaviour")),
        requires_restart=answer,
        unanswered=unanswered,
        supersedes=_ids(raw.get("supersedes")),
        files=_files(raw.get("files")),
    )


def read(signals: Signals) -> Offers | Unknown:
    """The offers of a host, the same whatever their order; UNKNOWN when its agent gave no list."""
    raw = signals.value("agent_offers")
    if not isinstance(raw, list) or len(raw) > MOST:
        return UNKNOWN
    known: dict[str, Offer] = {}
    malformed = 0
    # Sorted, so that of two that say different things of one update the same one counts whatever their order.
    for entry in sorted(raw, key=str):
        offer = _one(entry)
        if offer is None:
            malformed += 1
        elif offer.id not in known or (known[offer.id].revision, known[offer.id].title) < (offer.revision, offer.title):
            known[offer.id] = offer
    return Offers(tuple(sorted(known.values(), key=lambda offer: (offer.kbs, offer.id))), malformed)


def cause(signals: Signals) -> str:
    """Why the list reads as UNKNOWN, in a few words."""
    raw = signals.value("agent_offers")
    return f"more than {MOST} offers" if isinstance(raw, list) else signals.numbered("agent_offers")


def row_of(offer: Offer, rows: Collection[Release]) -> Release | None:
    """The row of the release table that an offer is, by KB; of several the newest."""
    found = [row for row in rows if row.kb in offer.kbs]
    return max(found, key=lambda row: row.date, default=None)


def _table_says(row: Release | None) -> str | None:
    if row is None:
        return None
    if row.restart is not None:
        return "always" if row.restart else "none"
    if row.type in NO_RESTART:
        return "none"
    return "always" if row.type in BASELINES | OFF_TRACK else None


def restart_class(offer: Offer, row: Release | None) -> RestartClass:
    """Whether installing an offer restarts this host, and who says so."""
    if isinstance(offer.requires_restart, bool):
        return RestartClass("always" if offer.requires_restart else "none", BY_HOST)
    if offer.behaviour in (NEVER, ALWAYS):
        return RestartClass("none" if offer.behaviour == NEVER else "always", BY_STATIC)
    said = _table_says(row)
    if said is not None:
        return RestartClass(said, BY_TABLE)
    if offer.behaviour == CAN_REQUEST:
        return RestartClass("possible", BY_STATIC)
    return RestartClass("unknown", BY_NOBODY)


def _folded(compared: str) -> str:
    """The same for all texts that .NET holds for equal without regard to case, in whatever language the host is."""
    # To Turkish i and dotless i are the small letters of two others; elsewhere the dotted capital goes with i.
    return (
        compared.replace("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "i")
        .casefold()
        .replace("\N{LATIN SMALL LETTER DOTLESS I}", "i")
    )


ALIKE = "Another offer has the same title and KBs and was decided differently."
UNTOLD = (
    "It cannot be selected: its title holds control characters or line feeds, or has more than "
    f"{LONGEST_TITLE} characters, and win_updates knows an update by its title alone."
)


class Accept(NamedTuple):
    """The `accept_list` for `win_updates`, the ids it selects, and those left out, with why."""

    patterns: list[str]
    ids: list[str]
    left_out: dict[str, str]


def accept(wanted: Collection[str], offered: Sequence[Offer]) -> Accept:
    """Patterns that select exactly the wanted offers.

    `win_updates` searches each pattern, without regard to case, in title and KBs; two offers with the same text are told
    apart by nothing, so where one of them is not wanted both are left out.
    """
    texts: dict[str, list[Offer]] = {}
    for offer in offered:
        texts.setdefault(_folded(offer.compared), []).append(offer)
    patterns: list[str] = []
    ids: list[str] = []
    left_out: dict[str, str] = {}
    for folded in sorted(texts):
        alike = texts[folded]
        chosen = [offer.id for offer in alike if offer.id in wanted]
        if len(chosen) < len(alike):
            left_out |= dict.fromkeys(chosen, ALIKE)
        elif not all(offer.selectable for offer in alike):
            left_out |= dict.fromkeys(chosen, UNTOLD)
        else:
            ids += chosen
            # Where `$` alone would also stand before a last line feed.
            patterns += [f"^{re.escape(one)}$(?!\\n)" for one in sorted({offer.compared for offer in alike})]
    return Accept(patterns, ids, left_out)


def brief(offer: Offer) -> dict[str, Any]:
    """`{id, revision, title, kb, kbs}`, harmless in a terminal."""
    return {
        "id": offer.id,
        "revision": offer.revision,
        "title": shown(offer.title),
        "kb": offer.kb,
        "kbs": list(offer.kbs),
    }
