# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is given: variables of a name that nobody reads, settings that differ among hosts, names that the inventory lacks.

Answers are sentences to refuse the run with, before any host is asked; an empty list is a run that may begin.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import SHOWN, meant
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import shown
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.plan import named

OWN = "rebootless"
ROLES = ("assess", "baseline", "drain", "hotpatch", "rollback", "verify")
# Roles and playbooks keep what they know of a host under such names, with underscores before it where users need not see it.
OURS = re.compile(rf"_*(?:{'|'.join((OWN, *ROLES))})_.*", re.IGNORECASE | re.DOTALL)
# What playbooks pass on; each may have the name of a service domain behind it.
ARTIFACT = re.compile(
    r"rebootless_(?:(?:plan|status|patch|baseline|hotpatch|wave_[0-9]+)(?:_.+)?|report|releases|rollback)"
)
# What is no setting: the content for AWX has two of its own, and roles leave results, which a play before this one may have used.
OTHERS = frozenset(
    {
        "rebootless_awx",
        "rebootless_service_token",
        "assess_became",
        "assess_decision",
        "baseline_result",
        "drain_result",
        "hotpatch_failure",
        "hotpatch_hook_failures",
        "hotpatch_ordered",
        "hotpatch_result",
        "rollback_result",
        "verify_result",
    }
)
# How alike two words must be to be taken for one another: about one letter in five more, less, or another.
ALIKE = 0.8

# Asked for each host by itself, so they may differ among hosts; all others are settings of the whole run.
PER_HOST = frozenset(
    {
        "rebootless_azure",
        "rebootless_consent",
        "rebootless_deadline",
        "rebootless_kb",
        "rebootless_lead",
        "rebootless_now",
        "rebootless_package",
        "rebootless_policy",
        "rebootless_restart_answer",
        "rebootless_slot_interval",
        "rebootless_verify",
    }
)
# They choose the hosts, so they are read before there is a host whose variables could be looked at.
BEFORE_HOSTS = frozenset(
    {
        "rebootless_domain",
        "rebootless_hosts",
        "rebootless_plan",
        "rebootless_serial",
        "rebootless_wave",
        "rebootless_wave_last",
    }
)
MISSING = object()

# The connections of which the address alone tells which machine is reached.
BY_ADDRESS = {"winrm": "winrm", "psrp": "psrp", "ssh": "ssh"}
NOT_CHOSEN = "not_chosen"
PART = "part"


# --- names -------------------------------------------------------------------------------------------------------


def unknown(names: Iterable[str], known: Collection[str], ignored: Collection[str] = ()) -> list[str]:
    """Variables that look like settings and that nothing reads: a guard with a misspelt name does not guard.

    Names that begin with `rebootless_`, or almost so, are all ours. Those of the roles are words that others use too:
    there only what comes close to a name of ours is refused, unless the user says that it is his own.
    """
    return [
        f"{shown(name, SHOWN)}: there is no variable of this name{meant(name, _nearest(name, known))}."
        + ("" if _is_own(name) else f" If it is one of your own, name it in {OWN}_ignore_variables.")
        for name in sorted(names)
        if not (name in known or name in OTHERS or name.startswith("_") or ARTIFACT.fullmatch(name))
        and (_is_own(name) or (name not in ignored and _nearest(name, known)))
    ]


def _is_own(name: str) -> bool:
    """Whether a name is meant to begin with `rebootless_`."""
    first, separator, _rest = name.lower().partition("_")
    return first.startswith(OWN) or (bool(separator) and _alike(first, OWN))


def _alike(one: str, other: str) -> bool:
    return difflib.SequenceMatcher(None, one, other).ratio() >= ALIKE


def _nearest(name: str, known: Iterable[str]) -> list[str]:
    """The known names that somebody may have meant: both parts are alike, or the part after a role's name is another role's."""
    first, _separator, rest = name.lower().partition("_")
    if first not in (OWN, *ROLES) and not any(_alike(first, one) for one in (OWN, *ROLES)):
        return []
    found = []
    for one in known:
        prefix, _separator, suffix = one.partition("_")
        near = first == prefix or _alike(first, prefix)
        others = first in ROLES and prefix in ROLES and rest == suffix
        if others or (near and (first == OWN or rest == suffix or _alike(rest, suffix))):
            found.append(one)
    return found


def of_facts(
    facts: Mapping[str, Iterable[str]], known: Collection[str] = (), ignored: Collection[str] = ()
) -> list[str]:
    """Facts of hosts (by host) that have names of ours: a fact stands above the inventory, and a host says what its facts are."""
    where: dict[str, list[str]] = {}
    for host, names in facts.items():
        for name in names:
            if OURS.fullmatch(name) and not (
                name in ignored and name not in known and name not in OTHERS and not _reserved(name)
            ):
                where.setdefault(name, []).append(host)
    return [
        f"{shown(name, SHOWN)} is a fact of {named(sorted(hosts))}: settings are never taken from a host. Clear the fact cache "
        "(ansible-playbook --flush-cache), and look for who sets it."
        for name, hosts in sorted(where.items())
    ]


def _reserved(name: str) -> bool:
    return name.startswith("_") or name.lower().startswith(f"{OWN}_")


# --- settings ----------------------------------------------------------------------------------------------------


def differing(settings: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Settings of the whole run that hosts do not have alike: `{name: {host: value}}`, MISSING where a host has none."""
    found = []
    for name, values in sorted(settings.items()):
        if name in PER_HOST or name in BEFORE_HOSTS:
            continue
        first = next(iter(values.values()), MISSING)
        others = [host for host, value in values.items() if value is not first and value != first]
        if others:
            found.append(
                f"{name}: it is a setting of the whole run, and {named(others)} {_have(others)} another than "
                f"{next(iter(values))}. Set it for all hosts of the run: with -e, as a variable of the playbook, or in group all."
            )
    return found


def _have(names: Collection[str]) -> str:
    return "have" if len(names) > 1 else "has"


def unread(of_play: Collection[str], of_hosts: Mapping[str, Collection[str]]) -> list[str]:
    """Settings that choose the hosts and stand where they are not read: hosts (by name of the setting) have them, the play does not."""
    return [
        f"{name}: it chooses the hosts, so it is read before any host's variables, and it stands in those of "
        f"{named(sorted(hosts))}. Give it with -e, or as a variable of import_playbook."
        for name, hosts in sorted(of_hosts.items())
        if name in BEFORE_HOSTS and hosts and name not in of_play
    ]


def nowhere(
    policies: Iterable[object],
    fleet: object,
    groups: Collection[str],
    hosts: Collection[str],
    optional: Collection[str],
) -> list[str]:
    """Groups and hosts that a policy or fleet names and no inventory has: what is said of them holds for nobody.

    What is wrong with the form of a policy or fleet is for others to say.
    """
    asked = [("rebootless_policy.groups", name, groups, "group") for one in policies for name in _names(one, "groups")]
    asked += [("rebootless_policy.hosts", name, hosts, "host") for one in policies for name in _names(one, "hosts")]
    asked += [("rebootless_fleet.groups", name, groups, "group") for name in _names(fleet, "groups")]
    either = {*groups, *hosts}
    asked += [("rebootless_fleet.durations", name, either, "group or host") for name in _names(fleet, "durations")]
    canary = fleet.get("canary") if isinstance(fleet, Mapping) else None
    named_ones = canary if isinstance(canary, list) else []
    asked += [("rebootless_fleet.canary", name, hosts, "host") for name in named_ones if isinstance(name, str)]
    return [
        f"{where}: {shown(name, SHOWN)} is no {what} of the inventory{meant(name, there)}. If it comes and goes, name it in "
        f"{OWN}_optional_names."
        for where, name, there, what in dict.fromkeys((a, b, tuple(c), d) for a, b, c, d in asked)
        if name not in there and name not in optional
    ]


def _names(given: object, key: str) -> Iterator[str]:
    inside = given.get(key) if isinstance(given, Mapping) else None
    if isinstance(inside, Mapping):
        yield from (name for name in inside if isinstance(name, str))


# --- machines ----------------------------------------------------------------------------------------------------


def one_machine(connections: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Hosts (by name) that reach one machine: `{connection, address, port, way}`, `way` being what else leads there.

    Nothing is looked up: two names of one address in the domain name system are not seen.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    for host, one in connections.items():
        kind = BY_ADDRESS.get(str(one["connection"]).rpartition(".")[2])
        if kind is not None:
            address = str(one["address"]).rstrip(".").lower()
            found.setdefault((kind, address, str(one["port"] or ""), str(one["way"] or "")), []).append(host)
    return [
        f"{' and '.join(hosts)} are one machine: all reach it at {address}{f' port {port}' if port else ''} over {kind}."
        for (kind, address, port, _way), hosts in found.items()
        if len(hosts) > 1
    ]


# --- tags --------------------------------------------------------------------------------------------------------


def part(only: Collection[str], given: Collection[str]) -> str | None:
    """What --tags make of a playbook of ours: PART of it, NOT_CHOSEN, or None when all of it runs.

    Its tasks have no tags but those that an import gives to all of them, so it runs wholly or not at all.
    """
    if "all" in only or "always" in given or set(only).intersection(given) or ("tagged" in only and given):
        return None
    return NOT_CHOSEN if given else PART


# --- files -------------------------------------------------------------------------------------------------------


def state_folder(environment: Mapping[str, str], home: str | None) -> str | None:
    """The state directory that holds where none is given: one for a user and machine, wherever a run is started.

    None when nobody knows where that is. A relative XDG_STATE_HOME counts for nothing, as its standard says.
    """
    given = environment.get("XDG_STATE_HOME", "")
    if PurePosixPath(given).is_absolute():
        return str(PurePosixPath(given, "rebootless-patching", "fleet"))
    return str(PurePosixPath(home, ".local", "state", "rebootless-patching", "fleet")) if home else None


FILES = {
    "plan": ("plan.html", "plan.json", "plan.md"),
    "record": (),
    "status": ("status.html", "status.json", "status.md", "history.json"),
}
RUN_FILES = ("run.html", "run.json", "run.md", "record.jsonl")


def files(playbook: str) -> tuple[str, ...]:
    """The files that a playbook writes into its directory under names that are always the same."""
    return FILES.get(playbook, RUN_FILES)
