# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the administrator says to a restart: yes, no or nothing, and by which ticket, by whom, until when it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import mapping, wrong
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.status import iso

KEYS = ("agreed", "ticket", "approver", "expires")
ALLOWED = f"true, false, null, or a mapping with {', '.join(KEYS)}"
# What `-e rebootless_consent=true` and a survey of AWX send. Empty is what a template makes of null in ansible-core 2.18.
TEXTS = {"true": True, "false": False, "null": None, "": None}


@dataclass(frozen=True)
class Consent:
    """What was said; `expires` is in UTC."""

    said: bool | None = None
    ticket: str | None = None
    approver: str | None = None
    expires: datetime | None = None

    @classmethod
    def load(cls, value: object, where: str = "consent") -> Consent:
        """From what a user writes: true, false or null (also as a text), or {agreed, ticket, approver, expires}.

        :raises PolicyError: naming the key, the value and what is allowed
        """
        if not isinstance(value, Mapping):
            return cls(_said(value, where, ALLOWED))
        given = mapping(value, where, KEYS, "a consent")
        agreed = _said(given.get("agreed"), f"{where}.agreed", "true or false")
        if agreed is None:
            raise wrong(f"{where}.agreed", given.get("agreed"), "true or false")
        ticket, approver = (_text(given.get(key), f"{where}.{key}") for key in ("ticket", "approver"))
        return cls(agreed, ticket, approver, _moment(given.get("expires"), f"{where}.expires"))

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires is not None and now >= self.expires

    def at(self, now: datetime) -> bool | None:
        """What it says at this moment: one that has expired says no."""
        return False if self.said is True and self.expired(now) else self.said

    def words(self, now: datetime) -> str:
        """That it has expired, in a sentence; empty while it holds, and of one that never said yes."""
        if self.said is not True or self.expires is None or now < self.expires:
            return ""
        source = " ".join(filter(None, (self.ticket, f"by {self.approver}" if self.approver else "")))
        named = f" ({source})" if source else ""
        return f"The consent{named} expired at {self.expires:%Y-%m-%d %H:%M} UTC and counts as no."

    @property
    def by(self) -> dict[str, Any] | None:
        """`{ticket, approver, expires}` as JSON; None when none of them was given."""
        if (self.ticket, self.approver, self.expires) == (None, None, None):
            return None
        return {
            "ticket": self.ticket,
            "approver": self.approver,
            "expires": iso(self.expires) if self.expires else None,
        }


def _said(value: object, where: str, allowed: str) -> bool | None:
    """Yes, no or nothing, also as a text in any case."""
    if value is None or isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word not in TEXTS:
        raise wrong(where, value, allowed)
    return TEXTS[word]


def _text(value: object, where: str) -> str | None:
    """A text on one line; an empty one is none."""
    if value is None or isinstance(value, str):
        return " ".join((value or "").split()) or None
    raise wrong(where, value, "a text (a number in quotes)")


def _moment(value: object, where: str) -> datetime | None:
    """A time with a zone, of a text or as YAML reads one without quotes."""
    if value is None or value == "":
        return None
    parsed = value if isinstance(value, datetime) else None
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            parsed = None
    # Beyond these years another zone may lie outside of all dates.
    if parsed is None or parsed.tzinfo is None or not 2000 <= parsed.year <= 2999:
        raise wrong(where, value, "a time with a zone like 2026-09-20T22:00:00+02:00")
    return parsed.astimezone(UTC)
