# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kinds of values the steps of a record hold: held when a step is written, and again when it is read.

A step may say more than stands here, and less, except in a Whole. Without native Jinja (the default of ansible-core 2.18)
what a playbook records of a number or of nothing is a text; it becomes what it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

# Larger numbers have no meaning here, and cannot be divided.
MOST = 2**53


class Kind(NamedTuple):
    """A kind of single values: `read` gives the value, or the given marker when it is of another kind."""

    name: str
    read: Callable[[object], object]


class Maybe(NamedTuple):
    """A shape or null."""

    of: Shape


class Each(NamedTuple):
    """A list of values of one shape."""

    of: Shape


class Keys(NamedTuple):
    """A mapping; `whole` when none of the keys may be missing but those of `older`, which older versions do not have."""

    of: Mapping[str, Shape]
    whole: bool = False
    older: tuple[str, ...] = ()


Shape = Kind | Maybe | Each | Keys
WRONG = object()


def _text(value: object) -> object:
    return str(value) if isinstance(value, str) else WRONG


def _time(value: object) -> object:
    try:
        return value if isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None else WRONG
    except ValueError:
        return WRONG


def _truth(value: object) -> object:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower(), WRONG) if isinstance(value, str) else WRONG


def _whole(value: object) -> object:
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii() and len(value) < 20:
        value = int(value)
    good = isinstance(value, int) and not isinstance(value, bool) and -MOST < value < MOST
    return value if good else WRONG


def _number(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) and -MOST < value < MOST else WRONG
    return _whole(value)


def _words(value: object) -> object:
    """Sentences; one may stand alone."""
    said = [value] if isinstance(value, str) and value else value
    return [str(one) for one in said] if isinstance(said, list) and all(isinstance(one, str) for one in said) else WRONG


def _consent(value: object) -> object:
    """What was said to a restart, as it was given."""
    return value if isinstance(value, Mapping) else _truth(value)


def _boot(value: object) -> object:
    """A boot time; older versions recorded all that was seen at that moment."""
    return value if isinstance(value, str | Mapping) else WRONG


TEXT = Kind("a text", _text)
TIME = Kind("a time with a zone", _time)
TRUTH = Kind("true or false", _truth)
WHOLE = Kind("a whole number", _whole)
NUMBER = Kind("a number", _number)
CONSENT = Kind("true, false or a mapping", _consent)
BOOT = Kind("a boot time", _boot)
TEXTS = Each(TEXT)
WORDS = Kind("a list of sentences", _words)
MAP = Keys({})

_WINDOW = Maybe(Keys({"start": TIME, "end": TIME, "name": Maybe(TEXT)}, whole=True))
_CONSENT_BY = Maybe(Keys({key: Maybe(TEXT) for key in ("ticket", "approver", "expires")}, whole=True))
_OFFER = Keys(
    {
        **dict.fromkeys(("id", "title", "restart", "restart_source", "decision", "code"), TEXT),
        **dict.fromkeys(("kb", "severity", "released", "missing_since", "until", "limit"), Maybe(TEXT)),
        **dict.fromkeys(("kbs", "categories", "why"), TEXTS),
        **dict.fromkeys(("driver", "optional", "keeps_track"), Maybe(TRUTH)),
        **dict.fromkeys(("size", "waited"), Maybe(WHOLE)),
    },
    whole=True,
)
_RESTART = Keys(
    {
        **dict.fromkeys(("due", "now"), TRUTH),
        **dict.fromkeys(("by", "why"), Maybe(TEXT)),
        "window": _WINDOW,
        "offers": TEXTS,
        "consent": Maybe(TRUTH),
        "consent_by": _CONSENT_BY,
    },
    whole=True,
    older=("consent_by",),
)
# What a decision lacks as a whole is told with its host (run_host.lacking).
DECISION = Keys(
    {
        "name": TEXT,
        "reached": Maybe(TRUTH),
        "problem": Maybe(Keys({"kind": TEXT, "message": TEXT}, whole=True)),
        **dict.fromkeys(("product", "build", "last_boot", "decided_at", "next_baseline_expected"), Maybe(TEXT)),
        **dict.fromkeys(("state", "track", "decision", "summary", "restart_required"), TEXT),
        "offers": Each(_OFFER),
        **dict.fromkeys(("install", "put_off", "refuse", "blocked"), TEXTS),
        "restart": _RESTART,
        "exposure": Keys({"seconds": Maybe(WHOLE), "since": Maybe(TEXT), "offers": TEXTS}, whole=True),
        "pending": Keys(
            {
                "pending": Maybe(TRUTH),
                **dict.fromkeys(("classes", "unknown_sources"), TEXTS),
                "reasons": Each(Keys(dict.fromkeys(("class", "source", "detail"), TEXT), whole=True)),
            },
            whole=True,
        ),
        "missing": Each(Keys(dict.fromkeys(("what", "why", "fix"), TEXT), whole=True)),
        "window": Keys({"current": _WINDOW, "following": _WINDOW}, whole=True),
        "stale_when": MAP,
    }
)
_MOMENT = Keys(
    {
        **dict.fromkeys(("boot", "build", "restart_required"), Maybe(TEXT)),
        **dict.fromkeys(("kbs", "pending"), Maybe(TEXTS)),
    }
)
_PROOF = Keys(
    {
        "before": Maybe(_MOMENT),
        "after": Maybe(_MOMENT),
        **dict.fromkeys(("restarted", "build_changed", "track_kept"), Maybe(TRUTH)),
        "kbs_added": Maybe(TEXTS),
        "restart_wanted_by": Maybe(Each(MAP)),
    }
)
_FAILURE = Keys({"id": TEXT, "title": TEXT, **dict.fromkeys(("kb", "hresult", "message"), Maybe(TEXT))}, whole=True)
_UPDATE = Keys(
    {
        **dict.fromkeys(("id", "title", "result"), TEXT),
        **dict.fromkeys(("kb", "hresult", "message"), Maybe(TEXT)),
        "reoffered": Maybe(TRUTH),
    },
    whole=True,
    older=("hresult", "message", "reoffered"),
)
INSTALL = Keys(
    {
        "outcome": Maybe(TEXT),
        **dict.fromkeys(("installed", "still_installing", "unknown", "reoffered"), Maybe(TEXTS)),
        "failed_updates": Each(_FAILURE),
        "left_out": Maybe(Each(Keys({"id": TEXT, "why": Maybe(TEXT)}, whole=True))),
        "updates": Maybe(Each(_UPDATE)),
        "words": Maybe(TEXTS),
        "changed": TRUTH,
        "proof": Maybe(_PROOF),
        **dict.fromkeys(("started_at", "ended_at"), Maybe(TEXT)),
        "seconds": Maybe(NUMBER),
    }
)
_CHECK = Keys({**dict.fromkeys(("kind", "name", "detail"), TEXT), "ok": Maybe(TRUTH)}, whole=True)
LOOK = Keys({"healthy": Maybe(TRUTH), "checks": Each(_CHECK)})
DRAIN = Keys({"state": Maybe(TEXT), "why": Maybe(TEXT), "changed": TRUTH})
RESTARTING = {
    "consent": Maybe(TRUTH),
    "consent_by": _CONSENT_BY,
    **dict.fromkeys(("reason", "build", "state"), Maybe(TEXT)),
    **dict.fromkeys(("before", "after"), Maybe(BOOT)),
}
END = {"outcome": Maybe(TEXT), "failed": Maybe(TRUTH)}
# A step that is not here may say anything.
STEPS: dict[str, Keys] = {
    "run_started": Keys(
        {"playbook": TEXT, "hosts": TEXTS, "plan": MAP, "orphans": Each(MAP), "kb": TEXT, "consent": Maybe(CONSENT)}
    ),
    "decided": DECISION,
    "slot_taken": Keys(
        {
            "kind": TEXT,
            "wave": Maybe(WHOLE),
            "canary": Maybe(TRUTH),
            "groups": TEXTS,
            "waited": NUMBER,
            "adopted": Maybe(MAP),
        }
    ),
    "downloaded": INSTALL,
    "verified_before": LOOK,
    "verified_after": LOOK,
    "announced": Keys({"restarts": WHOLE, "words": TEXTS, "lead": WHOLE}),
    "drained": DRAIN,
    "undrained": DRAIN,
    "installing": Keys({"install": TEXTS}),
    "installed": INSTALL,
    "removing": Keys({"consent": Maybe(TRUTH), "consent_by": _CONSENT_BY, "plan": MAP}),
    "bitlocker_suspending": Keys({"restarts": WHOLE}),
    "restarting": Keys({**RESTARTING, "lead": WHOLE}),
    "restarted": Keys({**RESTARTING, "done": Maybe(TRUTH)}),
    "host_finished": Keys({**END, "words": WORDS, "next_step": Maybe(TEXT)}),
    "slot_released": Keys({**END, "kept": Maybe(TRUTH)}),
}


def held(step: str, data: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The data of a step in the kinds that it is read in, and what of it is of a wrong kind, in words."""
    wrong: list[str] = []
    shape = STEPS.get(step)
    return dict(data) if shape is None else _read(shape, data, "", wrong), wrong


def _read(shape: Shape, value: Any, where: str, wrong: list[str]) -> Any:
    if isinstance(shape, Maybe):
        # Jinja that is not native makes an empty text of nothing, except where a text may stand.
        nothing = value is None or (value == "" and shape.of is not TEXT)
        return None if nothing else _read(shape.of, value, where, wrong)
    if isinstance(shape, Each):
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return [_read(shape.of, one, f"{where}[{number}]", wrong) for number, one in enumerate(value)]
        wrong.append(f"{where} is {_named(value)}, not a list")
    elif isinstance(shape, Keys):
        if isinstance(value, Mapping):
            dot = f"{where}." if where else ""
            if shape.whole:
                wrong += [f"{dot}{key} is missing" for key in shape.of if key not in {*value, *shape.older}]
            return {
                key: _read(shape.of[key], one, f"{dot}{key}", wrong) if key in shape.of else one
                for key, one in value.items()
            }
        wrong.append(f"{where} is {_named(value)}, not a mapping")
    else:
        found = shape.read(value)
        if found is not WRONG:
            return found
        wrong.append(f"{where} is {_named(value)}, not {shape.name}")
    return value


def _named(value: object) -> str:
    """The kind of a value; the value itself may be long, or a secret."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    kinds = ((str, "a text"), (int | float, "a number"), (Mapping, "a mapping"), (Sequence, "a list"))
    return next((name for kind, name in kinds if isinstance(value, kind)), f"a {type(value).__name__}")
