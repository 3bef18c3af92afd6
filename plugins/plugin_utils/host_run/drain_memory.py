# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host remembers of its drain (drain.json), and whether it may be believed.

Everybody may make files below %ProgramData%. So a memory counts only where nobody but an administrator can have written it:
folder and file belong to Administrators, SYSTEM or TrustedInstaller, nobody else may change them, and nothing is a link.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import shown

SCHEMA = 2
TYPES = ("cluster", "load_balancer", "tasks")
# active: in service; drained: out of service; absent: there is nothing to drain; unknown: nobody asked or could tell.
FOUND = ("active", "drained", "absent", "unknown")
# As much of one text as door.py lets in.
LARGEST = 16384
NAME = 300
UNREADABLE = "what the host remembers of its drain (drain.json) cannot be read; look at it, and remove it"
PARTS = {"base": "%ProgramData%", "folder": "%ProgramData%\\rebootless", "file": "drain.json"}

TRUSTED_INSTALLER = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
OWNERS = frozenset({"BA", "S-1-5-32-544", "SY", "S-1-5-18", TRUSTED_INSTALLER})
# CREATOR OWNER and OWNER RIGHTS are whoever the owner is.
WRITERS = OWNERS | {"CO", "S-1-3-0", "OW", "S-1-3-4"}
DENY = frozenset({"D", "OD", "XD"})
# The letters of SDDL, as bits of an access mask.
RIGHTS = {
    **{"CC": 0x1, "DC": 0x2, "LC": 0x4, "SW": 0x8, "RP": 0x10, "WP": 0x20, "DT": 0x40, "LO": 0x80, "CR": 0x100},
    **{"SD": 0x10000, "RC": 0x20000, "WD": 0x40000, "WO": 0x80000},
    **{"GA": 0x10000000, "GX": 0x20000000, "GW": 0x40000000, "GR": 0x80000000},
    **{"FA": 0x1F01FF, "FR": 0x120089, "FW": 0x120116, "FX": 0x1200A0},
}
# Whoever may delete, replace or hand on a folder may put another one in its place; what is in it is judged by its own rights.
REPLACE = 0x40 | 0x10000 | 0x40000 | 0x80000 | RIGHTS["GA"]
WRITE = 0x2 | 0x4 | 0x10000 | 0x40000 | 0x80000 | RIGHTS["GA"] | RIGHTS["GW"]
_SDDL = re.compile(
    r"O:(?P<owner>[A-Z]{2}|S-[0-9-]+)(?:G:(?:[A-Z]{2}|S-[0-9-]+))?"
    r"D:(?P<flags>[A-Z_]*)(?P<aces>(?:\([^()]*\))*)(?:S:.*)?"
)
_ACE = re.compile(r"\(([^()]*)\)")


class MemoryProblem(ValueError):
    """A memory that cannot be used, in one sentence."""


class Place(NamedTuple):
    """The memory of a host: the text that may be believed, why what lies there may not be, and why nothing can be written there."""

    text: str | None
    foreign: str
    blocked: str


def place(value: object) -> Place:
    """Judge what windows_drain has read.

    :raises MemoryProblem: there is a memory of administrators, and it cannot be read
    """
    if not isinstance(value, Mapping):
        raise MemoryProblem("what the host says of its memory (drain.json) cannot be read")
    for part, name in PARTS.items():
        one = value.get(part)
        if one is None:
            continue
        if not isinstance(one, Mapping) or one.get("plain") is not True:
            what = f"{name} is a link, or not what it must be"
            return Place(None, "" if part == "base" else what, f"{what}; look at it, and remove it")
        why = "" if part == "base" else _insecure(one.get("sddl"), REPLACE if part == "folder" else WRITE)
        if why and part == "folder":
            there = value.get("file") is not None
            return Place(None, f"{name} {why}" if there else "", f"{name} {why}; look at it, and remove it")
        if why:
            return Place(None, f"it {why}", "")
    if value.get("file") is None:
        return Place(None, "", "")
    if not isinstance(value.get("text"), str):
        raise MemoryProblem(UNREADABLE)
    return Place(str(value["text"]), "", "")


def _insecure(sddl: object, rights: int) -> str:
    """How somebody else than an administrator may have had a hand in it, in words; empty when nobody can have."""
    told = _SDDL.fullmatch(sddl) if isinstance(sddl, str) and len(sddl) <= LARGEST else None
    if told is None:
        return "has an owner or rights that cannot be read"
    if told["owner"] not in OWNERS:
        return f"belongs to {told['owner']}, not to Administrators or SYSTEM"
    if "NO_ACCESS_CONTROL" in told["flags"]:
        return "may be changed by everybody"
    for ace in _ACE.findall(told["aces"]):
        kind, flags, mask, _object, _inherited, who = ([*ace.split(";"), "", "", "", "", "", ""])[:6]
        # An entry that is only inherited (IO) says nothing of the object itself.
        inherited_only = "IO" in [flags[at : at + 2] for at in range(0, len(flags), 2)]
        if kind not in DENY and not inherited_only and who not in WRITERS and _mask(mask) & rights:
            return f"may be changed by {shown(who, 100)}"
    return ""


def _mask(text: str) -> int:
    """The bits of an access mask; all of them when it cannot be read."""
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}", text):
        return int(text, 16)
    pairs = [text[at : at + 2] for at in range(0, len(text), 2)]
    bits = 0
    for pair in pairs:
        bits |= RIGHTS.get(pair, 0xFFFFFFFF)
    return bits


def write(made: Mapping[str, Any], entries: list[dict[str, Any]]) -> str:
    """The text to keep on the host: ASCII, and no word of it is ever carried out."""
    kept = [{key: entry[key] for key in ("type", "name", "found")} for entry in entries]
    return json.dumps({"schema": SCHEMA, **{key: made[key] for key in ("since", "run", "boot")}, "adapters": kept})


def recall(text: str | None) -> dict[str, Any] | None:
    """What a host remembers: `{since, run, boot, adapters: [{type, name, found}]}`; None when it remembers nothing.

    Schema 1 had neither run nor boot.

    :raises MemoryProblem: what lies there is none of ours
    """
    if text is None:
        return None
    try:
        memory = json.loads(text[: LARGEST + 1])
        entries = [{key: entry[key] for key in ("type", "name", "found")} for entry in memory["adapters"]]
        known = {(entry["type"], entry["name"]) for entry in entries}
        good = (
            len(text) <= LARGEST
            and memory["schema"] in (1, SCHEMA)
            and len(known) == len(entries)
            and isinstance(memory["since"], str)
            and all(isinstance(memory.get(key), str | None) for key in ("run", "boot"))
            and all(isinstance(entry["name"], str) for entry in entries)
            and all(entry["type"] in TYPES and entry["found"] in FOUND for entry in entries)
        )
    # Brackets within brackets are too much for the parser before they are too long.
    except (ValueError, TypeError, KeyError, RecursionError):
        good = False
    if not good:
        raise MemoryProblem(UNREADABLE)
    made: dict[str, Any] = {"since": shown(memory["since"], 40)}
    made |= {key: shown(memory[key], 100) if memory.get(key) else None for key in ("run", "boot")}
    return {**made, "adapters": [{**entry, "name": shown(entry["name"], NAME)} for entry in entries]}


def settle(now: str | None, remembered: str | None) -> str | None:
    """What an adapter was like before the first drain: what is seen beats what is remembered, where it can.

    Out of service now may be the work of an earlier drain. In service now it was not found out of service.
    """
    if remembered is None or now == "active" or (now == "drained" and remembered == "absent"):
        return now
    return remembered
