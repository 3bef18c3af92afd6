# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a host healthy: what is to be checked, what a look at the host has shown, and what it has become since a look before.

A check is `{kind, name, ok, detail}`; `kind` is one of KINDS, `ok` is null when nobody knows.
A look is kept as a snapshot, `{schema: 1, problem, services, checks}`: plain JSON, null in `services` when they could not be read.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import shown

SCHEMA = 1
KINDS = ("host", "service", "port", "url", "task")
SOURCES = ("controller", "host")
LONGEST_TIMEOUT = 300
LONGEST_DEADLINE = 86400
LONGEST_INTERVAL = 3600
DETAIL = 300
SHOWN = 10

AUTOMATIC = ("auto", "delayed")
RUNNING = "started"
STATES = {
    "started": "running",
    "stopped": "stopped",
    "start_pending": "starting",
    "stop_pending": "stopping",
    "continue_pending": "continuing",
    "pause_pending": "pausing",
    "paused": "paused",
}
PER_USER = ("user_own_process", "user_share_process")

# Automatic services that stop by themselves though no trigger of theirs says so.
SELF_STOPPING = (
    "BITS",
    "clr_optimization_v*",
    "dbupdate*",
    "DoSvc",
    "edgeupdate*",
    "GISvc",
    "GoogleUpdater*",
    "gpsvc",
    "gupdate*",
    "IntelAudioService",
    "MapsBroker",
    "RemoteRegistry",
    "SgrmBroker",
    "sppsvc",
    "tiledatamodelsvc",
    "TrustedInstaller",
    "UsoSvc",
    "WaaSMedicSvc",
    "WbioSrvc",
    "wuauserv",
)

# What win_service_info says of a service that it cannot open, before and behind its name of at most 256 characters.
UNREADABLE = ("Failed to open service '", "' to get more info")
LONGEST_NAME = 256
# More than any host has: what is longer is no answer.
MOST_SERVICES = 5000
CREDENTIALS = re.compile(r"(?<=//)[^/?#]*@")
# A query may hold a key or a token.
QUERY = re.compile(r"(https?://[^\s?#'\"]*)[?#]([^\s'\"]*)", re.IGNORECASE)
WORD = re.compile(r"[A-Za-z_.-]{1,30}")
# What a wrong value may be told as it is, because nobody has such a password: a number, with a unit perhaps, and a short word.
TELLING = re.compile(r"-*[0-9]{1,12}([.,][0-9]{1,9})? ?[a-z%]{0,7}|[a-z]{0,5}", re.IGNORECASE)
SITE = re.compile(r"[a-z][a-z0-9+.-]{1,9}://[a-z0-9.:-]{1,100}", re.IGNORECASE)
SPACE = re.compile(r"[\s\x00-\x1f\x7f]")
DIGITS = re.compile(r"-?[0-9]{1,9}")

Check = dict[str, Any]
Services = Mapping[str, Mapping[str, Any]]


class VerifyError(ValueError):
    """Input that cannot be used: one sentence that names option, value and what is allowed."""


class Port(NamedTuple):
    """A TCP port that must take connections; without `host` it is the checked host's own."""

    port: int
    host: str | None
    source: str
    timeout: int

    @property
    def name(self) -> str:
        """What the check is called."""
        place = f"{self.host}:{self.port}" if self.host else str(self.port)
        return place if self.source == "controller" else f"{place} from the host"


class Url(NamedTuple):
    """A URL that must answer with one of `status`, and with `text` somewhere in its body."""

    url: str
    status: tuple[int, ...]
    text: str | None
    timeout: int
    validate_certs: bool
    headers: Mapping[str, str]

    @property
    def name(self) -> str:
        """What the check is called: the URL without what may be a secret."""
        return masked(self.url)


class Wanted(NamedTuple):
    """What makes a host healthy."""

    services: tuple[str, ...] = ()
    running: bool = True
    ignored: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    urls: tuple[Url, ...] = ()

    @classmethod
    def load(cls, options: Mapping[str, Any], prefix: str = "") -> Wanted:
        """Of the options `services`, `running`, `ignore_services`, `ports` and `urls`; `prefix` goes before their names in errors.

        :raises VerifyError: naming option, value and what is allowed
        """
        options = {f"{prefix}{name}": value for name, value in options.items()}
        running = options.get(f"{prefix}running")
        return cls(
            services=_names(options, f"{prefix}services"),
            running=True if running is None else _flag(running, f"{prefix}running"),
            ignored=_patterns(options, f"{prefix}ignore_services"),
            ports=tuple(_port(item, where) for where, item in _items(options, f"{prefix}ports")),
            urls=tuple(_url(item, where) for where, item in _items(options, f"{prefix}urls")),
        )


def check(kind: str, name: str, ok: bool | None, detail: object) -> Check:
    """One check; the detail becomes one harmless line."""
    return {"kind": kind, "name": name, "ok": ok, "detail": shown(detail, DETAIL)}


def masked(url: str) -> str:
    """A URL, or a text with some in it, without user, password and query."""
    return QUERY.sub(lambda found: f"{found[1]}?{_hidden(found[2])}", CREDENTIALS.sub("***@", url))


def _hidden(query: str) -> str:
    """A query with the names of its parameters alone, which tell two URLs apart."""
    names = (part.partition("=") for part in re.split(r"[&;#]", query))
    return "&".join(f"{name}=***" if is_one and WORD.fullmatch(name) else "***" for name, is_one, _value in names)


# Input


def told(value: object, allowed: Iterable[str] = ()) -> str:
    """A wrong value for an error: itself where it cannot hold a secret or is nearly one of the allowed, else what kind it is."""
    if value is None or isinstance(value, bool | int | float):
        return shown(repr(value), 40)
    if isinstance(value, str):
        close = difflib.get_close_matches(value.lower(), [one.lower() for one in allowed], 1, 0.7)
        return (
            repr(value) if close or TELLING.fullmatch(value.strip()) else f"a text of {_count(len(value), 'character')}"
        )
    kinds = ((Mapping, "a mapping"), (Sequence, "a list"))
    return next((words for kind, words in kinds if isinstance(value, kind)), type(value).__name__)


def key_error(where: str, key: object, allowed: Iterable[str]) -> str:
    """The sentence on a key that nobody knows."""
    name = f"the key {key!r}" if isinstance(key, str) and WORD.fullmatch(key) else "one of its keys"
    return f"{where}: {name} is not known; known are {', '.join(allowed)}."


def whole(value: object, where: str, least: int, most: int) -> int:
    """A whole number, also as digits, which templates give.

    :raises VerifyError: it is none, or not from `least` to `most`
    """
    if isinstance(value, str) and DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise VerifyError(f"{where}: {told(value)} is not allowed; give a whole number from {least} to {most}.")
    return value


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise VerifyError(f"{where}: {told(value)} is not allowed; give true or false.")
    return value


def _text(value: object, where: str, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise VerifyError(f"{where}: {told(value)} is not allowed; give {what}.")
    return value


def _items(options: Mapping[str, Any], option: str) -> Iterable[tuple[str, object]]:
    value = options.get(option)
    if value is None:
        return ()
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise VerifyError(f"{option}: {told(value)} is not allowed; give a list.")
    return [(f"{option}[{place}]", item) for place, item in enumerate(value)]


def _names(options: Mapping[str, Any], option: str) -> tuple[str, ...]:
    """Services by name, each once, whatever its capitals."""
    found: dict[str, str] = {}
    for where, item in _items(options, option):
        name = _text(item, where, "the name of a service").strip()
        if set("*?[]/\\") & set(name):
            raise VerifyError(f"{where}: {name!r} is not allowed; give the name of one service, without wildcards.")
        found.setdefault(name.casefold(), name)
    return tuple(found.values())


def _patterns(options: Mapping[str, Any], option: str) -> tuple[str, ...]:
    what = "the name of a service, with the wildcards * and ? if you like"
    return tuple(_text(item, where, what).strip() for where, item in _items(options, option))


def _keys(item: object, where: str, short: str, allowed: tuple[str, ...]) -> Mapping[str, Any]:
    """A mapping with known keys; anything else stands for its first key alone."""
    if not isinstance(item, Mapping):
        return {short: item}
    for key in item:
        if key not in allowed:
            raise VerifyError(key_error(where, key, allowed))
    if short not in item:
        raise VerifyError(f"{where}: the key {short} is missing; known are {', '.join(allowed)}.")
    return item


def _port(item: object, where: str) -> Port:
    given = _keys(item, where, "port", ("port", "host", "from", "timeout"))
    host, source = given.get("host"), given.get("from", "controller")
    if host is not None and (not isinstance(host, str) or not host or SPACE.search(host)):
        raise VerifyError(f"{where}.host: {told(host)} is not allowed; give a host name or an address.")
    if source not in SOURCES:
        raise VerifyError(f"{where}.from: {told(source, SOURCES)} is not allowed; give {' or '.join(SOURCES)}.")
    return Port(
        port=whole(given["port"], f"{where}.port", 1, 65535),
        host=host,
        source=source,
        timeout=whole(given.get("timeout", 5), f"{where}.timeout", 1, LONGEST_TIMEOUT),
    )


def _url(item: object, where: str) -> Url:
    given = _keys(item, where, "url", ("url", "status", "text", "timeout", "validate_certs", "headers"))
    text = given.get("text")
    return Url(
        url=_address(given["url"], f"{where}.url"),
        status=_statuses(given.get("status", 200), f"{where}.status"),
        text=None if text is None else _text(text, f"{where}.text", "a text that the answer contains"),
        timeout=whole(given.get("timeout", 10), f"{where}.timeout", 1, LONGEST_TIMEOUT),
        validate_certs=_flag(given.get("validate_certs", True), f"{where}.validate_certs"),
        headers=_headers(given.get("headers"), f"{where}.headers"),
    )


def _address(value: object, where: str) -> str:
    said = "is not allowed; give a URL as https://host/path."
    if not isinstance(value, str):
        raise VerifyError(f"{where}: {told(value)} {said}")
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or SPACE.search(value):
        site = SITE.match(value)
        # Before an @ stands a password.
        raise VerifyError(f"{where}: {f'{site[0]}...' if site and '@' not in value else told(value)} {said}")
    return value


def _statuses(value: object, where: str) -> tuple[int, ...]:
    values = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
    if not values:
        raise VerifyError(f"{where}: [] is not allowed; give at least one whole number from 100 to 599.")
    return tuple(whole(one, where, 100, 599) for one in values)


def _headers(value: object, where: str) -> Mapping[str, str]:
    """Headers of a request. No value of one is ever named."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise VerifyError(f"{where}: this is no mapping; give names of headers, each with its text.")
    for name, content in value.items():
        if not isinstance(name, str) or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise VerifyError(
                f"{where}: the name of one header is not allowed; give the name of a header, as Authorization."
            )
        if not isinstance(content, str) or not content.isascii() or not content.isprintable():
            raise VerifyError(f"{where}.{name}: its value is not allowed; give printable ASCII text on one line.")
    return dict(value)


# One look


def services(answer: object) -> dict[str, dict[str, Any]] | None:
    """The services of a host by name, from what `ansible.windows.win_service_info` returned; None when that is not readable.

    A service is `{state, start, alone, exit_code}`: `state` and `start` in the words of that module or null, `alone` whether it
    comes and goes by itself (it has triggers, or belongs to a user's session), `exit_code` 0 unless it says otherwise.
    """
    entries = answer.get("services") if isinstance(answer, Mapping) else None
    if not isinstance(answer, Mapping) or not isinstance(entries, Sequence) or isinstance(entries, str):
        return None
    if len(entries) > MOST_SERVICES:
        return None
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            return None
        found[entry["name"]] = {
            "state": entry["state"] if entry.get("state") in STATES else None,
            "start": entry["start_mode"] if isinstance(entry.get("start_mode"), str) else None,
            "alone": bool(entry.get("triggers")) or entry.get("service_type") in PER_USER,
            "exit_code": entry["win32_exit_code"] if isinstance(entry.get("win32_exit_code"), int) else 0,
        }
    # The module leaves out what it cannot open: such a service is there, but nobody knows how it does.
    for name in _unreadable(answer.get("warnings")):
        found.setdefault(name, {"state": None, "start": None, "alone": False, "exit_code": 0})
    return found


def _unreadable(warnings: object) -> Iterable[str]:
    """The services that the warnings name."""
    before, behind = UNREADABLE
    for warning in warnings if isinstance(warnings, Sequence) and not isinstance(warnings, str) else ():
        for part in str(warning).split(before)[1:]:
            name, ended, _rest = part[: LONGEST_NAME + len(behind)].partition(behind)
            if ended and name:
                yield name


def task_check(entry: Mapping[str, Any]) -> Check:
    """The check that a file of tasks is: `{name, ok}`, with `ok: false` the failed `task`, its `result`, and `hidden` when nobody may read it."""
    name = str(entry.get("name"))
    if entry.get("ok") is True:
        return check("task", name, True, "passed")
    if entry.get("ok") is not False:
        return check("task", name, None, entry.get("detail") or "not run")
    task = entry.get("task")
    said = "failed; what it said is hidden by no_log" if entry.get("hidden") else _message(entry.get("result"))
    return check("task", name, False, f"{task}: {said}" if task else said)


def _message(result: object) -> str:
    """Why a task failed, from its result; of a loop the first item that failed."""
    if not isinstance(result, Mapping):
        return "failed"
    items = result.get("results")
    for item in items if isinstance(items, Sequence) else ():
        if isinstance(item, Mapping) and item.get("failed"):
            return _message(item)
    texts = [result.get("msg") or "failed", result.get("assertion"), result.get("stderr")]
    return ": ".join(str(text) for text in texts if text)


def snapshot(
    wanted: Wanted, host: str, answer: object, problem: Mapping[str, str] | None, asked: Sequence[Check] = ()
) -> dict[str, Any]:
    """One look at a host: what the service module gave or the problem `{kind, message}` that kept it away, and the checks asked elsewhere."""
    found = None if problem else services(answer)
    said = problem["message"] if problem else "the answer is malformed"
    reached = not problem or problem["kind"] == "failed"
    checks = [check("host", host, True if reached else None, "answers" if reached else said)]
    why = None if found is not None else said
    folded = _folded(found)
    checks += [_service(name, folded, why) for name in wanted.services]
    if not reached:
        # Whether a task failed by itself or with the host is not known then.
        asked = [{**one, "ok": None} if one["kind"] == "task" and not one["ok"] else one for one in asked]
    return {
        "schema": SCHEMA,
        "problem": None if why is None else shown(why, DETAIL),
        "services": found,
        "checks": [*checks, *asked],
    }


def known(value: object, where: str = "before") -> dict[str, Any] | None:
    """A snapshot of an earlier look, or None when there is none.

    :raises VerifyError: it is no snapshot
    """
    if value is None or value == {}:
        return None
    good = isinstance(value, Mapping) and value.get("schema") == SCHEMA and isinstance(value.get("checks"), Sequence)
    if not isinstance(value, Mapping) or not good or not isinstance(value.get("services"), Mapping | None):
        raise VerifyError(f"{where}: this is no snapshot; give the snapshot that an earlier look returned.")
    return dict(value)


def _folded(found: Services | None) -> Services | None:
    """The services by name in small letters: Windows knows no capitals in them. Of two alike the first counts."""
    return None if found is None else {name.casefold(): one for name, one in reversed(list(found.items()))}


def _service(name: str, found: Services | None, why: object) -> Check:
    """Whether a service runs; `found` by name in small letters."""
    if found is None:
        return check("service", name, None, f"services cannot be read: {why}")
    service = found.get(name.casefold())
    if service is None:
        return check("service", name, False, "does not exist")
    state = service["state"]
    if state is None:
        return check("service", name, None, "its state cannot be read")
    detail = STATES[state]
    if service["start"] == "disabled":
        detail += ", disabled"
    if state == "stopped" and service["exit_code"]:
        detail += f", exit code {service['exit_code']}"
    return check("service", name, state == RUNNING, detail)


# The verdict


def healthy(checks: Iterable[Mapping[str, Any]]) -> bool | None:
    """False when a check failed, else None when one has no answer, else True."""
    answers = [one["ok"] for one in checks]
    if False in answers:
        return False
    return None if None in answers else True


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)


def _must_run_again(wanted: Wanted, before: Services) -> list[str]:
    """Services that ran and do not stop by themselves. One whose start type nobody knows counts as automatic."""
    listed = {name.casefold() for name in wanted.services}
    patterns = (*SELF_STOPPING, *wanted.ignored)
    return [
        name
        for name, service in sorted(before.items())
        if service["state"] == RUNNING
        and (service["start"] in AUTOMATIC or service["start"] is None)
        and not service["alone"]
        and name.casefold() not in listed
        and not _matches(name, patterns)
    ]


def _ran_before(wanted: Wanted, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Check]:
    """A check for each service that ran before and must run after."""
    if before["services"] is None:
        said = f"not known, their states before could not be read: {before['problem']}"
        return [check("service", "those that ran before", None, said)]
    checks, now = [], _folded(after["services"])
    for name in _must_run_again(wanted, before["services"]):
        one = _service(name, now, after["problem"])
        if one["ok"] is False:
            one["detail"] += ", ran before"
        checks.append(one)
    return checks


def judge(wanted: Wanted, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a host is healthy, by this look and the one before: `{healthy, checks, changed_since_before}`."""
    checks = [dict(one) for one in after["checks"]]
    changes: list[dict[str, str]] = []
    if before is not None:
        failed = {(one["kind"], one["name"]) for one in before["checks"] if one["ok"] is False}
        for one in checks:
            if one["ok"] is False and (one["kind"], one["name"]) in failed:
                one["detail"] += " (as before)"
        if wanted.running:
            checks += _ran_before(wanted, before, after)
        changes = compare(before, after, wanted.ignored)
    return {"healthy": healthy(checks), "checks": checks, "changed_since_before": changes}


def compare(before: Mapping[str, Any], after: Mapping[str, Any], ignored: Iterable[str] = ()) -> list[dict[str, str]]:
    """What has become different between two looks: `{kind, name, before, after}`, in words.

    Of services the listed ones, and the automatic ones that no pattern ignores and that do not come and go by themselves.
    """
    words = {True: "ok", False: "failed", None: "unknown"}
    earlier = {(one["kind"], one["name"]): one["ok"] for one in before["checks"]}
    changes = [
        {"kind": one["kind"], "name": one["name"], "before": words[was], "after": words[one["ok"]]}
        for one in after["checks"]
        for was in [earlier.get((one["kind"], one["name"]), one["ok"])]
        if one["kind"] != "service" and was is not one["ok"]
    ]
    then_by_name, now_by_name = _folded(before["services"]), _folded(after["services"])
    if then_by_name is None or now_by_name is None:
        return changes
    listed = {one["name"].casefold() for look in (before, after) for one in look["checks"] if one["kind"] == "service"}
    names = {name.casefold(): name for name in (*before["services"], *after["services"])}
    patterns = (*SELF_STOPPING, *ignored)
    for folded, name in sorted(names.items()):
        was, now = then_by_name.get(folded), now_by_name.get(folded)
        of_interest = folded in listed or (_automatic(was, now) and not _matches(name, patterns))
        if of_interest and _state(was) != _state(now):
            changes.append({"kind": "service", "name": name, "before": _state(was), "after": _state(now)})
    return changes


def _automatic(*looks: Mapping[str, Any] | None) -> bool:
    """Whether a service starts automatically in one of the looks, and comes and goes by itself in none."""
    there = [service for service in looks if service is not None]
    return any(service["start"] in AUTOMATIC for service in there) and not any(service["alone"] for service in there)


def _state(service: Mapping[str, Any] | None) -> str:
    """A service in words: state and start type, or that there is none."""
    if service is None:
        return "absent"
    state = STATES.get(service["state"], "unknown")
    return f"{state}, disabled" if service["start"] == "disabled" else state


def summary(checks: Sequence[Mapping[str, Any]]) -> str:
    """The verdict in one sentence, with the checks that did not pass."""
    failed = [one for one in checks if one["ok"] is False]
    unknown = [one for one in checks if one["ok"] is None]
    bad = [*failed, *unknown]
    if not bad:
        return f"Healthy: {_count(len(checks), 'check')} passed."
    counts = [f"{len(failed)} failed"] if failed else []
    counts += [f"{len(unknown)} without an answer"] if unknown else []
    named = [f"{one['kind']} {one['name']}: {one['detail']}" for one in bad[:SHOWN]]
    if len(bad) > SHOWN:
        named.append(f"and {len(bad) - SHOWN} more")
    word = "Not healthy" if failed else "Health unknown"
    return f"{word} ({_count(len(checks), 'check')}, {', '.join(counts)}): {'; '.join(named)}."


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
