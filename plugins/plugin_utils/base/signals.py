# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed access to a host's raw signals. What cannot be trusted reads as UNKNOWN, never as a default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final

LARGEST = 2**32
LONGEST = 255
# A restart moves the boot time by more seconds than a clock that is set right.
JITTER = 120
KB = re.compile(r"KB[0-9]{6,8}")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class Unknown(Enum):
    """The one value of what nobody knows; neither true nor false nor absent."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


def number(value: object) -> int | Unknown:
    """A count, a size of a setting or an enumeration of Windows: 0 to 2**32; a boolean is none."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        return UNKNOWN
    return value


def text(value: object) -> str | Unknown:
    """A text that says something: neither blank nor endless, and nothing in it that steers a terminal."""
    good = isinstance(value, str) and value.strip() and len(value) <= LONGEST and value.isprintable()
    return value if isinstance(value, str) and good else UNKNOWN


def shown(value: object, most: int = LONGEST) -> str:
    """Somebody else's text on one line, harmless in a terminal, and cut."""
    line = " ".join(str(value).split())
    return "".join(character if character.isprintable() else "?" for character in line)[:most]


def flag(value: object) -> bool | Unknown:
    """True or false, and nothing that merely looks like it."""
    return value if isinstance(value, bool) else UNKNOWN


def moment(value: object) -> datetime | Unknown:
    """A time as the collector writes it."""
    if not isinstance(value, str) or not TIME.fullmatch(value):
        return UNKNOWN
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return UNKNOWN


def span(length: timedelta) -> str:
    """A length of time in its largest unit: `3 days`, `1 hour`, `5 minutes`."""
    seconds = abs(round(length.total_seconds()))
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{seconds // size} {name}{'s' if seconds >= 2 * size else ''}"
    return f"{seconds} s"


# What every probe answers in a 32-bit PowerShell on a 64-bit Windows.
REDIRECTED = 0x80131539 - 2**32
CAUSES = {"denied": "access denied", "timeout": "timed out", "unavailable": "not available on the host"}


class Signals:
    """The probes of one host, as `windows_signals_info` returned them; anything but a mapping of probes tells nothing."""

    def __init__(self, raw: object) -> None:
        self._raw: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}

    def value(self, probe: str) -> Any:
        """What the probe answered, None where absence is the answer, UNKNOWN when it has no answer."""
        answer = self._raw.get(probe)
        if not isinstance(answer, Mapping) or answer.get("ok") is not True or "value" not in answer:
            return UNKNOWN
        return answer["value"]

    def cause(self, probe: str) -> str:
        """Why a probe reads as UNKNOWN, in a few words of ours."""
        if probe not in self._raw:
            return "not asked"
        answer = self._raw[probe]
        if not isinstance(answer, Mapping) or not isinstance(answer.get("ok"), bool):
            return "malformed answer"
        if answer["ok"]:
            return "no value" if answer.get("value") is None else "unusable value"
        error = answer.get("error")
        kind = error.get("type") if isinstance(error, Mapping) else None
        if isinstance(error, Mapping) and error.get("hresult") == REDIRECTED:
            return "read by a 32-bit PowerShell"
        return CAUSES.get(kind, "failed") if isinstance(kind, str) else "failed"

    def hresult(self, probe: str) -> int | None:
        """The number of a probe's error, as Windows writes it."""
        answer = self._raw.get(probe)
        error = answer.get("error") if isinstance(answer, Mapping) else None
        code = error.get("hresult") if isinstance(error, Mapping) else None
        if isinstance(code, bool) or not isinstance(code, int) or not -(2**31) <= code < 2**32:
            return None
        return code & 0xFFFFFFFF

    def numbered(self, probe: str) -> str:
        """The cause, with the error's number where the words are not enough: `failed (0x8024402C)`."""
        cause, code = self.cause(probe), self.hresult(probe)
        return f"{cause} (0x{code:08X})" if code and cause == "failed" else cause

    def denied(self, probe: str) -> bool:
        """Whether the host refused the answer, which a network logon meets at the update agent."""
        return self.cause(probe) == CAUSES["denied"]

    def number(self, probe: str) -> int | Unknown | None:
        """A number, or None when the host has no such value."""
        value = self.value(probe)
        return None if value is None else number(value)

    def text(self, probe: str) -> str | Unknown | None:
        """A text, or None when the host has no such value."""
        value = self.value(probe)
        return None if value is None else text(value)

    def flag(self, probe: str) -> bool | Unknown:
        """True or false; null is no answer to a question of yes or no."""
        return flag(self.value(probe))

    def table(self, probe: str) -> Mapping[str, Any] | Unknown | None:
        """Named values, or None when the host has no such key."""
        value = self.value(probe)
        return value if value is None or isinstance(value, Mapping) else UNKNOWN

    def setting(self, probe: str, name: str) -> int | Unknown | None:
        """One number among named values; None when the key or the value is absent."""
        table = self.table(probe)
        if table is None or isinstance(table, Unknown):
            return table
        value = table.get(name, UNKNOWN)
        return None if value is None else number(value)

    def listed(self) -> frozenset[str]:
        """The KBs that Windows lists as installed, entries that cannot be read left out: one not in here may be installed."""
        value = self.value("hotfixes")
        entries = value if isinstance(value, list) else []
        names = (text(entry.get("kb")) for entry in entries if isinstance(entry, Mapping))
        return frozenset(name.upper() for name in names if isinstance(name, str))

    def kbs(self) -> frozenset[str] | Unknown:
        """All installed KBs; UNKNOWN when one may be missing: no list, an entry that cannot be read, or no KB at all."""
        return self.listed() if self.kbs_cause() is None else UNKNOWN

    def kbs_cause(self) -> str | None:
        """Why the list of KBs is not whole; None when it is."""
        value = self.value("hotfixes")
        if not isinstance(value, list):
            return self.cause("hotfixes")
        if not all(isinstance(entry, Mapping) and isinstance(text(entry.get("kb")), str) for entry in value):
            return "unusable entry"
        # An updated Windows always has some: a list without any was not given in full.
        return None if any(KB.fullmatch(name) for name in self.listed()) else "empty list"

    def build(self) -> str | Unknown:
        """Build and revision, `26100.33222`."""
        table = self.table("build")
        if not isinstance(table, Mapping):
            return UNKNOWN
        family, revision = text(table.get("CurrentBuild")), number(table.get("UBR"))
        if isinstance(family, Unknown) or isinstance(revision, Unknown) or not re.fullmatch(r"[0-9]{4,6}", family):
            return UNKNOWN
        return f"{family}.{revision}"

    def last_boot(self) -> datetime | Unknown:
        """When the host last booted."""
        table = self.table("operating_system")
        return moment(table.get("last_boot")) if isinstance(table, Mapping) else UNKNOWN

    def clock(self) -> datetime | Unknown:
        """The host's own clock when it was asked."""
        table = self.table("clock")
        return moment(table.get("utc")) if isinstance(table, Mapping) else UNKNOWN

    def service(self, name: str) -> str | Unknown | None:
        """The status of a service (`Running`, `Stopped`...), or None when there is none of that name."""
        table = self.table("services")
        if not isinstance(table, Mapping):
            return UNKNOWN
        state = table.get(name, UNKNOWN)
        if state is None:
            return None
        return text(state.get("status")) if isinstance(state, Mapping) else UNKNOWN
