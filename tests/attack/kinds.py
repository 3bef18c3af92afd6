# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables: hostile texts, the fields that a host puts them into, and broken structures."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from typing import Any

from hosts import OFFERS, REBOOT, SERVICES, SIGNALS, Answers

TEXTS = {
    "jinja": "{{ 7 * 7 }}{% for x in [1] %}{{ lookup('pipe', 'id') }}{% endfor %}",
    "html": '"><svg onload=alert(1)><img src=x onerror=alert(1)>',
    "script": "</script></style><script>alert(1)</script>",
    "ansi": "\x1b[2J\x1b[31mred\x1b]8;;http://evil.example/\x07link\x1b]8;;\x07\x9b2J\r\noverwritten\x08\x08",
    "bidi": "\u202egnp.exe\u2066\u200b\ufeff\u2028line",
    "markdown": "| a | b |\n=cmd|' /C calc'!A1\n![x](http://evil.example/x.png) `x` **b** [l](javascript:alert(1))",
    "arguments": 'x" /m \\\\dc01 "; shutdown /s $(id) `id` ../../../etc/passwd %TEMP% \' --',
    "long": "x" * 400_000,
    "surrogate": "a\ud800b\udfff",
}


def probe(name: str, *path: str | int) -> Callable[[Answers, Any], None]:
    """Put a value into a probe's answer."""
    return lambda answers, value: put(answers[SIGNALS]["signals"][name], ("value", *path), value)


def put(into: Any, path: tuple[str | int, ...], value: Any) -> None:
    """Put a value where a path leads; what is not there on the way is made."""
    for step, following in itertools.pairwise(path):
        if isinstance(into, dict) and not isinstance(into.get(step), dict | list):
            into[step] = [None] if isinstance(following, int) else {}
        if isinstance(into, list) and not isinstance(into[int(step)], dict | list):
            into[int(step)] = [None] if isinstance(following, int) else {}
        into = into[step]
    into[path[-1]] = value


def offer(*path: str | int) -> Callable[[Answers, Any], None]:
    """Put a value into the first offer."""
    return lambda answers, value: put(answers[OFFERS]["signals"]["agent_offers"]["value"][0], path, value)


def service(*path: str | int) -> Callable[[Answers, Any], None]:
    """Put a value into the first service."""
    return lambda answers, value: put(answers[SERVICES], ("services", 0, *path), value)


def failing(name: str, key: str) -> Callable[[Answers, Any], None]:
    """Let a probe fail with a value in its error."""

    def change(answers: Answers, value: Any) -> None:
        error = {"type": "failed", "hresult": -1, "message": "no"}
        answers[SIGNALS]["signals"][name] = {"ok": False, "value": None, "error": {**error, key: value}}

    return change


def module(name: str) -> Callable[[Answers, Any], None]:
    """Let a module fail with a message, and say it in all other places that ansible-core knows."""

    def change(answers: Answers, value: Any) -> None:
        answers[name] = {
            "failed": True,
            "msg": value,
            "exception": value,
            "warnings": [value],
            "deprecations": [{"msg": value}],
            "module_stderr": value,
        }

    return change


def renames(answers: Answers, value: Any) -> None:
    """File renames with a hostile destination."""
    pair = {"source": value, "destination": value, "source_exists": True}
    answers[SIGNALS]["signals"]["file_renames"]["value"] = {"total": 1, "pairs": [pair]}


def key(answers: Answers, value: Any) -> None:
    """A probe of that name."""
    answers[SIGNALS]["signals"][str(value)] = {"ok": True, "value": value}


def warning(answers: Answers, value: Any) -> None:
    """A service that could not be opened, of that name."""
    answers[SERVICES]["warnings"] = [f"Failed to open service '{value}' to get more info, ignoring: no"]


def refusal(answers: Answers, value: Any) -> None:
    """Windows refuses to restart, in these words."""
    answers[REBOOT] = {"failed": True, "msg": "shutdown failed", "rc": 1, "stderr": value}


FIELDS: dict[str, Callable[[Answers, Any], None]] = {
    "edition": probe("edition_id"),
    "build": probe("build", "CurrentBuild"),
    "architecture": probe("architecture"),
    "last boot": probe("operating_system", "last_boot"),
    "installed KB": probe("hotfixes", 0, "kb"),
    "state of a service of Windows": probe("services", "himds", "status"),
    "Arc's status": probe("arc_agent", "status"),
    "Arc's error": probe("arc_agent", "error_code"),
    "Arc's version": probe("arc_agent", "version"),
    "computer name": probe("computer_name", "configured"),
    "host name": probe("computer_name", "nv_hostname"),
    "ids that wait": probe("wu_reboot_required", 0),
    "file renames": renames,
    "DSC's state": probe("dsc_lcm_state"),
    "ConfigMgr's deadline": probe("ccm_reboot", "deadline"),
    "Azure's extension": probe("azure_patch_extensions", 0),
    "pause of updates": probe("windows_update_policy", "PauseQualityUpdatesStartTime"),
    "message of an error": failing("vbs_running", "message"),
    "type of an error": failing("vbs_running", "type"),
    "name of a probe": key,
    "title of an offer": offer("title"),
    "id of an offer": offer("id"),
    "KB of an offer": offer("kbs", 0),
    "category of an offer": offer("categories", 0),
    "severity of an offer": offer("severity"),
    "date of an offer": offer("released"),
    "name of a service": service("name"),
    "start type of a service": service("start_mode"),
    "warning on a service": warning,
    "error of shutdown.exe": refusal,
    "message of the collector": module(SIGNALS),
    "message of the offers": module(OFFERS),
    "message of the services": module(SERVICES),
}


RUN_ONLY = {field for field in FIELDS if re.search(r"(offers?|services?|shutdown\.exe)$", field)}


def deep(levels: int) -> Any:
    """Lists in lists."""
    made: Any = []
    for _level in range(levels):
        made = [made]
    return made


# What JSON makes of it stands on the wire; Python's own reader takes more than the standard has.
STRUCTURES: dict[str, Callable[[], Any]] = {
    "not a number": lambda: float("nan"),
    "infinity": lambda: float("-inf"),
    "a number of 4,200 digits": lambda: int("9" * 4200),
    "a number of 5,000 digits in a text": lambda: "9" * 5000,
    "duplicate keys": lambda: json.loads('{"ok": true, "ok": {"value": 1}, "value": []}'),
    "NUL": lambda: "a\x00b",
    "bytes that are no UTF-8": lambda: b"\xff\xfe\x80".decode("utf-8", errors="surrogateescape"),
    "250 levels": lambda: deep(250),
    "900 levels of mappings": lambda: json.loads('{"a":' * 900 + "1" + "}" * 900),
    "a list": lambda: [1, "a", None],
    "lists of lists": lambda: [[[]], [[1]]],
    "a mapping": lambda: {"value": {"value": {}}},
    "null": lambda: None,
    "false": lambda: False,
    "a number": lambda: -(2**70),
    "an empty key": lambda: {"": {"": ""}},
    "100,000 keys": lambda: {str(number): number for number in range(100_000)},
    "a list of 300,000": lambda: [0] * 300_000,
    "12 MB of text": lambda: ["x" * 12_000] * 1_000,
}


def everywhere(answers: Answers, value: Any) -> None:
    """In the place of each probe's answer."""
    for name in (SIGNALS, OFFERS):
        for one in answers[name]["signals"].values():
            one.update(ok=True, value=value)
    answers[SERVICES]["services"] = value


def entries(answers: Answers, value: Any) -> None:
    """In the place of each entry of a list."""
    answers[SIGNALS]["signals"]["hotfixes"]["value"] = [value, value]
    answers[OFFERS]["signals"]["agent_offers"]["value"] = [value]
    answers[SERVICES]["services"] = [value]


def whole(answers: Answers, value: Any) -> None:
    """In the place of all signals."""
    for name in (SIGNALS, OFFERS):
        answers[name]["signals"] = value
    answers[SERVICES] = {"services": value}


def results(answers: Answers, value: Any) -> None:
    """In the place of a module's whole answer."""
    for name in (SIGNALS, OFFERS, SERVICES):
        answers[name] = value


PLACES = {"each probe": everywhere, "each entry": entries, "all signals": whole, "the whole answer": results}
