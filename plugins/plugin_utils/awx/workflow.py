# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as a workflow of jobs that share no file: the plan that goes from node to node, its waves, and one report of all.

Artifacts are JSON under keys of their own; a domain is a part of the fleet that has its own jobs.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import JITTER
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import plan as fleet_plan
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.plan import RUN, named
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import DEFAULTS, FleetSpec
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.drain import STATES
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import document as run_data
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.host_entry import blank

SCHEMA = 1
# An empty pattern means all hosts to Ansible.
NOBODY = ["!all"]
PLAN = re.compile(r"rebootless_plan(?:_(?P<domain>.+))?")
RESULT = re.compile(r"rebootless_(?:wave_(?P<wave>[0-9]+)|patch|baseline|hotpatch)(?:_(?P<domain>.+))?")
DOMAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DETAILS = ("verify", "preflight")
GOOD_LEFT = "offers, proof and checks of hosts that ended well"
ALL_LEFT = "offers, proof and checks of all hosts"
HOSTS_LEFT = "hosts that ended well, but for their number"
OUT_STEP = "Put the host back into service (role drain, drain_state: active), or relaunch: the next run does it."
UNSAID_STEP = "Relaunch the workflow: what is done already is recognised."


# --- artifacts ---------------------------------------------------------------------------------------------------


def packed(doc: Mapping[str, Any], summary: object) -> dict[str, Any]:
    """`{summary, json}`: a document as it goes from job to job, `summary` for people who look at the artifacts.

    AWX marks every text of an extra variable as unsafe, and ansible-core 2.19 and later make of a text so marked what YAML
    makes of it without quotes: of the build 26100.3246 a number, of yes a truth. A text of JSON stays one.
    """
    return {"summary": summary, "json": json.dumps(doc, separators=(",", ":"), default=str)}


def unpacked(key: str, value: object) -> Mapping[str, Any] | None:
    """The document of an artifact; None when it is none.

    :raises PolicyError: its JSON cannot be read
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("json"), str):
        return None
    try:
        doc = json.loads(value["json"])
    except ValueError as error:
        raise PolicyError(f"{key}.json: this is no JSON ({error}); pass artifacts on as they are.") from None
    return doc if isinstance(doc, dict) else None


def artifact(doc: Mapping[str, Any], most: int) -> dict[str, Any]:
    """A document, packed, of at most so many bytes of JSON; `left_out` says what it lacks."""
    return packed(smaller(doc, most), doc["summary"])


def smaller(doc: Mapping[str, Any], most: int) -> dict[str, Any]:
    """A document of at most so many bytes of JSON, as far as hosts that ended badly allow."""
    made = {**doc, "left_out": None}
    if _size(made) <= most:
        return made
    bad = set(run_data.failed(doc)) if "kind" in doc else {one["name"] for one in doc["hosts"] if not one["reached"]}
    for left, spared in ((GOOD_LEFT, bad), (ALL_LEFT, set())):
        hosts = [one if one["name"] in spared else _bare(one) for one in doc["hosts"]]
        made = {**doc, "hosts": hosts, "put_off": [], "left_out": left}
        if _size(made) <= most:
            return made
    hosts = [_bare(one) for one in doc["hosts"] if one["name"] in bad]
    return {**doc, "hosts": hosts, "put_off": [], "timeline": None, "left_out": HOSTS_LEFT}


def _size(value: object) -> int:
    return len(json.dumps(value, separators=(",", ":"), default=str))


def _bare(host: Mapping[str, Any]) -> dict[str, Any]:
    """A host without what takes room: still enough for its row in a report."""
    made = {**host, **{key: None for key in DETAILS if key in host}}
    lists = ("offers", "missing", "install", "put_off", "refuse", "blocked")
    if isinstance(host.get("decision"), Mapping):
        made["decision"] = {**host["decision"], **{key: [] for key in lists}}
    elif isinstance(host.get("decision"), str):
        made.update({key: [] for key in lists})
    if isinstance(made.get("install"), Mapping):
        made["install"] = {**made["install"], "updates": [], "words": [], "proof": None}
    return made


# --- plan --------------------------------------------------------------------------------------------------------


def plan(
    decisions: Sequence[Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    spec: object,
    forks: int,
    domain: str | None = None,
) -> dict[str, Any]:
    """`{schema, domain, waves, most, limits, budget, forks_needed, seconds, warnings, groups, hosts}` of the hosts, packed.

    :raises PolicyError: naming what is wrong with the fleet
    """
    checked = FleetSpec.load(spec)
    given = [{"name": one["name"], "groups": list(groups.get(one["name"], ()))} for one in decisions]
    made = fleet_plan.plan(given, checked, forks)
    whole = {
        "schema": SCHEMA,
        "domain": domain or None,
        "waves": [wave["hosts"] for wave in made["waves"]],
        # Not under an empty key, as plans have it: AWX hands that on as null.
        "most": made["limits"][RUN],
        "limits": {group: made["limits"][group] for group in checked.groups},
        "budget": checked.failed.of(len(given)),
        **{key: made[key] for key in ("forks_needed", "seconds", "warnings")},
        "groups": {group: [one["name"] for one in given if group in one["groups"]] for group in checked.groups},
        "hosts": {
            str(one["name"]): {
                "decision": one["decision"],
                "state": one["state"],
                "restart": bool(one["restart"]["now"]),
                "reached": bool(one["reached"]),
                "last_boot": one["last_boot"],
                "build": one["build"],
            }
            for one in decisions
        },
    }
    return packed(whole, {"hosts": len(given), "waves": [len(one) for one in whole["waves"]]})


def wave(
    given_plan: object,
    number: int,
    spec: object = None,
    *,
    now: datetime,
    last: bool = False,
    results: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """`{hosts, fleet, soak}`: whom a wave is for, and how it goes through them: within limits and budget of the whole plan.

    Earlier waves count: hosts that they left out of service take from the limits, hosts that ended badly from the budget;
    `soak` is the seconds that are left of the soak time after them.

    :raises PolicyError: there is no plan, no room is left, or too many have ended badly
    """
    made = unpacked("rebootless_plan", given_plan)
    if not made or made.get("schema") != SCHEMA:
        raise PolicyError(
            "rebootless_plan: the artifact of playbook plan is expected; run it before, in the same workflow."
        )
    if number < 0:
        raise PolicyError(f"rebootless_wave is {number}; 0 or more is expected.")
    members = [name for one in made["waves"][number : None if last else number + 1] for name in one]
    ended = {name: one for name, one in heard(results or {}).items() if name in made["hosts"] and name not in members}
    bad = sorted(name for name, one in ended.items() if one["failed"])
    if members and len(bad) > made["budget"]:
        raise PolicyError(f"{named(bad)} ended badly in earlier waves; the plan's budget is {made['budget']}.")
    out = {name for name, one in ended.items() if one["out"]}
    left = {}
    inside = {RUN: made["hosts"], **made["groups"]}
    for limit, most in {RUN: made["most"], **made["limits"]}.items():
        mine = sorted(out.intersection(inside[limit]))
        left[limit] = most - len(mine)
        if left[limit] < 1 and set(members).intersection(inside[limit]):
            what = f"Of group {limit}" if limit else "Of the plan"
            raise PolicyError(f"{what} {most} may be out, and nobody puts back {named(mine)}.")
    checked = FleetSpec.load(spec)
    given = dict(checked.given)
    fleet: dict[str, Any] = {key: given[key] for key in ("deadline", "slot_wait", "durations") if key in given}
    per_wave = {**DEFAULTS["budget"], **given.get("budget", {})}["per_wave"]
    fleet["max_unavailable"] = max(1, left[RUN])
    fleet["groups"] = {group: {"max_unavailable": max(1, left[group])} for group in made["limits"]}
    fleet["budget"] = {"failed": max(0, made["budget"] - len(bad)), "per_wave": per_wave}
    return {"hosts": members or NOBODY, "fleet": fleet, "soak": _soak(results or {}, number, checked.soak, now)}


def _soak(results: Mapping[str, Any], number: int, time: timedelta, now: datetime) -> int:
    """The seconds that are left of the soak time after the waves before."""
    before = [doc["run"]["ended_at"] for wave, doc in documents(results) if wave is not None and wave < number]
    ends = [datetime.fromisoformat(end) for end in before if end is not None]
    return max(0, math.ceil((max(ends) + time - now).total_seconds())) if ends else 0


def drained_first(planned: Mapping[str, Any], looks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """`{fleet, soak}` of a wave some of whose hosts may be out already: they go first and at once, and the others wait for them."""
    out = sorted(name for name, look in looks.items() if look.get("state") == "drained")
    if out:
        return {"fleet": {**planned["fleet"], "canary": out}, "soak": 0}
    return {"fleet": dict(planned["fleet"]), "soak": planned["soak"]}


# --- report ------------------------------------------------------------------------------------------------------


def plans(artifacts: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The plans among artifacts, by key."""
    found = {key: unpacked(key, one) for key, one in sorted(artifacts.items()) if PLAN.fullmatch(key)}
    return {key: one for key, one in found.items() if one is not None}


def documents(artifacts: Mapping[str, Any]) -> Iterator[tuple[int | None, Mapping[str, Any]]]:
    """The results among artifacts with the number of their wave, in the order of waves."""
    found = [(match, unpacked(key, one)) for key, one in artifacts.items() if (match := RESULT.fullmatch(key))]
    told = [(int(match["wave"]) if match["wave"] else None, one) for match, one in found if one is not None]
    yield from sorted(told, key=lambda one: (one[0] is not None, one[0]))


def heard(artifacts: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The results of hosts among artifacts, the latest of each."""
    return {host["name"]: host for _wave, doc in documents(artifacts) for host in doc["hosts"]}


def unheard(artifacts: Mapping[str, Any]) -> list[str]:
    """A pattern of the planned hosts that no result tells of."""
    told = heard(artifacts)
    planned = (name for one in plans(artifacts).values() for wave in one["waves"] for name in wave)
    return sorted(name for name in planned if name not in told) or NOBODY


def _same(one: object, other: object) -> bool:
    """Whether two builds are the same, or two times but for what a clock that is set right moves them."""
    try:
        two = [datetime.fromisoformat(str(each)) for each in (one, other)]
        return abs((two[1] - two[0]).total_seconds()) <= JITTER
    except (ValueError, TypeError):
        return one == other


def looked(name: str, planned: Mapping[str, Any], look: Mapping[str, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a host that no job reported on: `look` is what role drain finds, `seen` what hotpatch_info does.

    A job that was cancelled leaves no result, and one that was not begun neither: the host itself tells them apart.
    """
    made = blank(name, "not_started") | {"out": False, "next_step": UNSAID_STEP}
    if look.get("state") not in STATES or not seen or seen.get("problem") is not None:
        why = (seen.get("problem") or {}).get("message") or look.get("why") or "It was not asked."
        words = ["No job reported on it, and nobody knows whether it is in service.", str(why)]
        return made | {"outcome": "not_reached", "failed": True, "out": True, "words": words}
    changes = [
        f"its {what} was {planned.get(key)} at the plan and is {seen.get(key)}"
        for key, what in (("last_boot", "last boot"), ("build", "build"))
        if planned.get(key) and not _same(planned[key], seen.get(key))
    ]
    begun = (
        f"Its job did not come to its end: {' and '.join(changes)}."
        if changes
        else "Its wave was not begun, or ended before its turn."
    )
    outcome = "not_finished" if changes else "not_started"
    if look["state"] == "drained":
        since = f" since {look['remembered_since']}" if look.get("remembered_since") else ""
        words = [begun, f"It is out of service: drained{since}."]
        return made | {"outcome": "not_finished", "failed": True, "out": True, "words": words, "next_step": OUT_STEP}
    return made | {"outcome": outcome, "failed": bool(changes), "words": [begun, "It is in service."]}


def merge(
    artifacts: Mapping[str, Any],
    looks: Mapping[str, Mapping[str, Mapping[str, Any]]],
    *,
    generated_at: str,
    version: str,
    domains: Collection[str] = (),
) -> dict[str, Any]:
    """The run's JSON of all jobs of a workflow. `looks` are `{look, seen}` of hosts without a result."""
    known = plans(artifacts)
    docs = list(documents(artifacts))
    results = {name: dict(one) for name, one in heard(artifacts).items()}
    problems = [said for _wave, doc in docs for said in doc["problems"]]
    problems += [f"A result leaves out {doc['left_out']}." for _wave, doc in docs if doc.get("left_out")]
    missing = [one for one in domains if artifact_key("plan", one) not in known]
    problems += [f"There is no plan of domain {one}, so nothing was run there." for one in missing if known or not docs]
    if not known and not docs:
        problems.append("There is no plan and no result: the workflow ended before its plan.")
    for one in known.values():
        for name, planned in one["hosts"].items():
            if name not in results:
                asked = looks.get(name, {})
                results[name] = looked(name, planned, asked.get("look") or {}, asked.get("seen") or {})
    slots = [
        # The first wave of a workflow is its canary; a job's own is who was out already.
        {**slot, **({} if wave is None else {"wave": wave, "canary": wave == 0})}
        for wave, doc in docs
        for slot in (doc["timeline"] or {"slots": ()})["slots"]
    ]
    runs = [doc["run"] for _wave, doc in docs]
    starts, ends = ([one[key] for one in runs if one[key]] for key in ("started_at", "ended_at"))
    about = {
        "id": ", ".join(dict.fromkeys(str(one["id"]) for one in runs)) or "none",
        "started_at": min(starts, default=None),
        "ended_at": max(ends, default=None),
    }
    return run_data.run(
        list(results.values()), about=about, problems=problems, generated_at=generated_at, version=version, slots=slots
    )


# --- service domains ---------------------------------------------------------------------------------------------


def pattern(hosts: str | Sequence[str] | None, domain: str | None) -> str:
    """The hosts of a job: those of a pattern of Ansible, all without one, as far as they are in the job's domain."""
    wanted = (hosts if isinstance(hosts, str) else ",".join(hosts or ())) or "all"
    return f"{wanted}:&{domain}" if domain else wanted


def artifact_key(name: str, domain: str | None) -> str:
    """The key of an artifact: one for each domain, since those of jobs side by side would take each other's place."""
    return f"rebootless_{name}_{domain}" if domain else f"rebootless_{name}"


def service_domains(
    groups: Mapping[str, Sequence[str]], names: Sequence[str], spec: object = None, hosts: Collection[str] | None = None
) -> dict[str, dict[str, Any]]:
    """`{domain: {hosts, fleet}}`: the fleet split by groups of the inventory, so that every limit holds without the others.

    The limit of the whole run is divided in proportion: the parts run side by side.

    :raises PolicyError: a domain is no group, a host is in none or in two, or a limited group spans two
    """
    checked = FleetSpec.load(spec)
    for name in names:
        if not DOMAIN.fullmatch(name) or not groups.get(name):
            raise PolicyError(f"rebootless_domains: {name} is no group with hosts in the inventory.")
    fleet = sorted(groups["all"] if hosts is None else hosts)
    of_host = {host: [name for name in names if host in groups[name]] for host in fleet}
    nowhere = [host for host, found in of_host.items() if not found]
    if nowhere:
        raise PolicyError(f"{named(nowhere)}: in no service domain ({', '.join(names)}); put each host into one.")
    twice = [host for host, found in of_host.items() if len(found) > 1]
    if twice:
        raise PolicyError(f"{named(twice)}: in more than one service domain; put each host into one.")
    members = {name: [host for host in fleet if of_host[host] == [name]] for name in names}
    for group in checked.groups:
        spans = sorted(name for name, mine in members.items() if set(groups.get(group, ())).intersection(mine))
        if len(spans) > 1:
            raise PolicyError(
                f"rebootless_fleet.groups.{group}: its hosts are in {' and '.join(spans)}, so no domain can hold its limit; "
                "give each domain a group of its own, or put the group into one."
            )
    return {
        name: {"hosts": mine, "fleet": _part(checked, groups, mine, len(fleet), members)}
        for name, mine in members.items()
    }


def _part(
    spec: FleetSpec,
    groups: Mapping[str, Sequence[str]],
    mine: Sequence[str],
    total: int,
    members: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """The fleet of one domain: limited groups that are in it, canaries of its own, its share of the limit of the run."""
    made = dict(spec.given)
    made["groups"] = {
        group: entry for group, entry in made.get("groups", {}).items() if set(groups.get(group, ())).intersection(mine)
    }
    if isinstance(made.get("canary"), list):
        made["canary"] = [name for name in made["canary"] if name in mine]
    if spec.max_unavailable.number is not None:
        used = [one for one in members.values() if one]
        if spec.max_unavailable.number < len(used):
            raise PolicyError(
                f"rebootless_fleet.max_unavailable is {spec.max_unavailable.number}, and {len(used)} domains run side by side; "
                "at least one for each is expected."
            )
        # One for each, the rest in proportion, rounded down: never more in all than was given.
        made["max_unavailable"] = 1 + (spec.max_unavailable.number - len(used)) * len(mine) // max(1, total)
    return made
