# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in extensions/awx/content, fitted to one AWX: names, parts, waves, domains, schedules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError, mapping, wrong
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import FleetSpec

# In the order of application: each part refers to earlier ones only.
PARTS = {
    "labels": "controller_labels",
    "execution_environments": "controller_execution_environments",
    "credential_types": "controller_credential_types",
    "notifications": "controller_notifications",
    "inventories": "controller_inventories",
    "projects": "controller_projects",
    "templates": "controller_templates",
    "workflows": "controller_workflows",
    "schedules": "controller_schedules",
}
# Where the API lists the objects of each part that have an owner. AWX itself drops a label with the last object that has it.
ENDPOINTS = {
    "execution_environments": "execution_environments",
    "credential_types": "credential_types",
    "notifications": "notification_templates",
    "inventories": "inventories",
    "projects": "projects",
    "templates": "job_templates",
    "workflows": "workflow_job_templates",
    "schedules": "schedules",
}
# These are found by their name alone; the others in their organization.
WITHOUT_ORGANIZATION = ("execution_environments", "credential_types", "schedules")
# Ends the description of every object that was applied from here.
MARK = "(applied by rebootless.patching)"
# What a part cannot do without.
NEEDS = {"templates": ("projects",), "workflows": ("templates",), "schedules": ("templates", "workflows")}
FOLDER = "extensions/awx/project"
BY_DOMAIN = "wave.yml"
ROLLING = (BY_DOMAIN, "patch.yml", "baseline.yml")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MONTHS = re.compile(r"BYMONTH=([0-9,]+)")
# The last of the month that a rule can name in every month.
LAST_DAY = 28
MOST_FORKS = 200
MOST_WAVES = 20
HOUR = 3600
# Of ansible-core, for the start and the report of a job.
MARGIN = HOUR
START = re.compile(r"[0-9]{8}T[0-9]{6}")
ZONE = re.compile(r"[A-Za-z]+(?:[/_+-][A-Za-z0-9_+-]+)*")
DOMAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

DEFAULTS: dict[str, Any] = {
    "prefix": "",
    "organization": "Default",
    "parts": [part for part in PARTS if part != "notifications"],
    "project": {},
    "project_folder": FOLDER,
    "inventory": None,
    "credentials": [],
    "execution_environment_image": None,
    "notification_url": None,
    "waves": 3,
    "domains": {},
    "fleet": {},
    "hosts": 500,
    "days_after_patch_tuesday": 4,
    "schedule_start": "20260101T020000",
    "schedule_zone": "Etc/UTC",
    "consent": False,
    "take_over": False,
}


@dataclass(frozen=True)
class Settings:
    """Checked settings."""

    prefix: str
    organization: str
    parts: tuple[str, ...]
    project: Mapping[str, Any]
    project_folder: str
    inventory: str | None
    credentials: tuple[str, ...]
    execution_environment_image: str | None
    notification_url: str | None
    waves: int
    domains: Mapping[str, str | None]
    fleet: Mapping[str, Any]
    hosts: int
    days_after_patch_tuesday: int
    schedule_start: str
    schedule_zone: str
    consent: bool
    take_over: bool

    @classmethod
    def load(cls, given: Mapping[str, Any] | None, where: str = "rebootless_awx") -> Settings:
        """From the mapping that a user writes.

        :raises PolicyError: naming the key, the value and what is expected
        """
        values = {**DEFAULTS, **mapping({} if given is None else given, where, DEFAULTS, "the content for AWX")}
        for key in ("organization", "schedule_start", "schedule_zone"):
            _text(values[key], f"{where}.{key}")
        for key in ("prefix", "project_folder"):
            if not isinstance(values[key], str):
                raise wrong(f"{where}.{key}", values[key], "a text")
        for key in ("inventory", "execution_environment_image", "notification_url"):
            if values[key] is not None:
                _text(values[key], f"{where}.{key}")
        if not START.fullmatch(values["schedule_start"]):
            raise wrong(f"{where}.schedule_start", values["schedule_start"], 'a local time like "20270101T020000"')
        if not ZONE.fullmatch(values["schedule_zone"]):
            raise wrong(f"{where}.schedule_zone", values["schedule_zone"], 'a time zone like "Europe/Berlin"')
        for key in ("consent", "take_over"):
            if not isinstance(values[key], bool):
                raise wrong(f"{where}.{key}", values[key], "true or false")
        _number(values["waves"], f"{where}.waves", 1, MOST_WAVES)
        _number(values["hosts"], f"{where}.hosts", 1, 1_000_000)
        _number(values["days_after_patch_tuesday"], f"{where}.days_after_patch_tuesday", 0, LAST_DAY - 14)
        FleetSpec.load(values["fleet"], f"{where}.fleet")
        if not isinstance(values["project"], Mapping):
            raise wrong(f"{where}.project", values["project"], "a mapping of options of awx.awx.project")
        return cls(
            **{
                **values,
                "parts": _parts(values["parts"], f"{where}.parts", values["notification_url"]),
                "credentials": tuple(_texts(values["credentials"], f"{where}.credentials")),
                "domains": _domains(values["domains"], f"{where}.domains"),
            }
        )


def _text(value: object, where: str) -> None:
    if not isinstance(value, str) or not value.strip():
        raise wrong(where, value, "a text that is not empty")


def _texts(value: object, where: str) -> list[str]:
    if not isinstance(value, list):
        raise wrong(where, value, "a list of texts")
    for index, one in enumerate(value):
        _text(one, f"{where}[{index}]")
    return list(value)


def _number(value: object, where: str, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise wrong(where, value, f"a whole number from {least} to {most}")


def _parts(value: object, where: str, url: str | None) -> tuple[str, ...]:
    chosen = _texts(value, where)
    for index, part in enumerate(chosen):
        if part not in PARTS:
            raise wrong(f"{where}[{index}]", part, f"one of {', '.join(PARTS)}")
    for part in chosen:
        for needed in NEEDS.get(part, ()):
            if needed not in chosen:
                raise PolicyError(f"{where}: {part} cannot be applied without {needed}.")
    if "notifications" in chosen and url is None:
        raise PolicyError(f"{where}: notifications need rebootless_awx.notification_url.")
    return tuple(part for part in PARTS if part in chosen)


def _domains(value: object, where: str) -> dict[str, str | None]:
    """Name of the domain to its instance group; null for the one that AWX takes by itself."""
    if not isinstance(value, Mapping):
        raise wrong(where, value, "a mapping from a group of the inventory to an instance group or null")
    for name, group in value.items():
        if not isinstance(name, str) or not DOMAIN.fullmatch(name):
            raise wrong(f"a key of {where}", name, "the name of a group of the inventory")
        if group is not None:
            _text(group, f"{where}.{name}")
    return {str(name): group for name, group in value.items()}


def patch_tuesday_rule(days: int, start: str, zone: str, months: Sequence[int] = ()) -> str:
    """The rule for so many days after the second Tuesday of each month, or of some."""
    parts = [
        "FREQ=MONTHLY",
        "INTERVAL=1",
        *([f"BYMONTH={','.join(map(str, months))}"] if months else []),
        f"BYDAY={WEEKDAYS[(1 + days) % 7]}",
        f"BYMONTHDAY={','.join(str(day) for day in range(8 + days, 15 + days))}",
    ]
    return f"DTSTART;TZID={zone}:{start} RRULE:{';'.join(parts)}"


def job_timeout(fleet: Mapping[str, Any]) -> int:
    """Seconds after which AWX may end a job of a rolling run: beyond everything that the run itself waits for."""
    spec = FleetSpec.load(fleet)
    return int((spec.slot_wait + spec.deadline + spec.soak).total_seconds()) + MARGIN


def job_forks(fleet: Mapping[str, Any], hosts: int) -> int:
    """As many as may be out at once, and as many again that are decided on meanwhile."""
    limit = FleetSpec.load(fleet).max_unavailable.of(hosts, 1)
    return min(MOST_FORKS, max(10, 2 * min(limit, hosts)))


def workflow_nodes(waves: int, domains: Sequence[str] = ()) -> list[dict[str, Any]]:
    """status, plan, approval, canary, waves, report: the nodes of the workflow, plan to last wave once for each domain."""
    nodes: list[dict[str, Any]] = [
        {
            "identifier": "status",
            "unified_job_template": "Rebootless status",
            "extra_data": {"rebootless_fail_not_reached": False},
            "always_nodes": [_named("plan", domain) for domain in domains or [""]],
        }
    ]
    for domain in domains or [""]:
        nodes.append(
            {
                "identifier": _named("plan", domain),
                "unified_job_template": "Rebootless plan",
                "extra_data": {**_of(domain), **_all(domains), "rebootless_fail_not_reached": False},
                "success_nodes": ["approval"],
                "failure_nodes": ["report"],
            }
        )
    nodes.append(
        {
            "identifier": "approval",
            "approval_node": {
                "name": "Rebootless approve plan",
                "description": "The plan stands in the output and the artifacts of the job before.",
                "timeout": 86400,
            },
            "all_parents_must_converge": True,
            "success_nodes": [_named("canary", domain) for domain in domains or [""]],
            "failure_nodes": ["report"],
        }
    )
    for domain in domains or [""]:
        template = _named("Rebootless wave", domain, " ")
        for wave in range(waves + 1):
            last = wave == waves
            node = {
                "identifier": _named(_wave(wave), domain),
                "unified_job_template": template,
                "extra_data": {**_of(domain), "rebootless_wave": wave, "rebootless_wave_last": last},
            }
            if last:
                node["always_nodes"] = ["report"]
            else:
                node |= {"success_nodes": [_named(_wave(wave + 1), domain)], "failure_nodes": ["report"]}
            nodes.append(node)
    nodes.append(
        {
            "identifier": "report",
            "unified_job_template": "Rebootless report",
            **({"extra_data": _all(domains)} if domains else {}),
        }
    )
    return nodes


def _wave(number: int) -> str:
    return f"wave-{number}" if number else "canary"


def _named(name: str, domain: str, between: str = "-") -> str:
    return f"{name}{between}{domain}" if domain else name


def _of(domain: str) -> dict[str, Any]:
    return {"rebootless_domain": domain} if domain else {}


def _all(domains: Sequence[str]) -> dict[str, Any]:
    return {"rebootless_domains": list(domains)} if domains else {}


def fit(content: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The content with these settings, by `controller_*`; parts that are not chosen are empty.

    Adds `nodes`, those of each workflow as awx.awx wants them: approvals, jobs, links; `named`, where AWX is to be asked for each
    object, as `awx_owned` wants the answers; and `take_over`.
    """
    settings = Settings.load(given)
    fitted = {
        key: [_fit(part, dict(entry), settings) for entry in content.get(key, []) if part in settings.parts]
        for part, key in PARTS.items()
    }
    if settings.inventory is not None:
        fitted["controller_inventories"] = []
    fitted["controller_templates"] = [
        one for template in fitted["controller_templates"] for one in _by_domain(template, settings)
    ]
    return {
        **fitted,
        "nodes": [node for one in fitted["controller_workflows"] for node in _steps(one)],
        "named": [_question(part, entry) for part in ENDPOINTS for entry in fitted[PARTS[part]]],
        "take_over": settings.take_over,
    }


def _question(part: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What finds an object of the same name."""
    query = {"name": entry["name"]}
    if part not in WITHOUT_ORGANIZATION:
        query["organization__name"] = entry["organization"]
    return {"part": part, "endpoint": ENDPOINTS[part], "query": query}


def owned(fitted: Mapping[str, Any], found: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Tell what was applied from here from what only has the same name.

    :param fitted: what `fit` returned
    :param found: for each entry of `named` the descriptions of the objects that AWX has
    :returns: `content`, as fitted without what is of others; `foreign`, what is of others, in words
    """
    others = {
        (one["part"], one["query"]["name"])
        for one, descriptions in zip(fitted["named"], found, strict=True)
        if not all(description.endswith(MARK) for description in descriptions)
    }
    return {
        "content": {
            **fitted,
            **{
                PARTS[part]: [entry for entry in fitted[PARTS[part]] if (part, entry["name"]) not in others]
                for part in ENDPOINTS
            },
        },
        "foreign": [f"{part.replace('_', ' ')}: {name}" for part, name in sorted(others)],
    }


def _fit(part: str, entry: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """One object with its names, and those of what it refers to, prefixed."""
    prefix = settings.prefix
    entry["name"] = prefix + entry["name"]
    if "organization" in entry:
        entry["organization"] = settings.organization
    for key in ("project", "execution_environment", "unified_job_template"):
        if key in entry:
            entry[key] = prefix + entry[key]
    for key in [key for key in entry if key == "labels" or key.startswith("notification_templates_")]:
        used = "labels" if key == "labels" else "notifications"
        entry[key] = [prefix + name for name in entry[key]]
        if used not in settings.parts:
            del entry[key]
    if "execution_environment" in entry and "execution_environments" not in settings.parts:
        del entry["execution_environment"]
    if part == "templates":
        _fit_template(entry, settings)
    elif part == "projects":
        entry |= settings.project
    elif part == "execution_environments" and settings.execution_environment_image is not None:
        entry["image"] = settings.execution_environment_image
    elif part == "notifications":
        entry["notification_configuration"] = {**entry["notification_configuration"], "url": settings.notification_url}
    elif part == "workflows":
        entry["simplified_workflow_nodes"] = [
            _fit_node(node, prefix) for node in workflow_nodes(settings.waves, tuple(settings.domains))
        ]
    elif part == "schedules":
        _fit_schedule(entry, settings)
    if part in ENDPOINTS:
        entry["description"] = f"{entry['description']} {MARK}"
    return entry


def _fit_template(entry: dict[str, Any], settings: Settings) -> None:
    entry["playbook"] = "/".join(
        filter(None, (settings.project_folder.strip("/"), entry["playbook"].rsplit("/", 1)[-1]))
    )
    entry["inventory"] = settings.inventory if settings.inventory is not None else settings.prefix + entry["inventory"]
    entry["forks"] = job_forks(settings.fleet, settings.hosts)
    if entry["playbook"].endswith(ROLLING):
        entry["timeout"] = job_timeout(settings.fleet)
    if settings.fleet:
        entry["extra_vars"] = {**entry.get("extra_vars", {}), "rebootless_fleet": dict(settings.fleet)}
    if settings.credentials:
        entry["credentials"] = list(settings.credentials)


def _fit_schedule(entry: dict[str, Any], settings: Settings) -> None:
    if "BYMONTHDAY" in entry["rrule"]:
        named = MONTHS.search(entry["rrule"])
        entry["rrule"] = patch_tuesday_rule(
            settings.days_after_patch_tuesday,
            settings.schedule_start,
            settings.schedule_zone,
            [int(month) for month in named[1].split(",")] if named else (),
        )
    if "rebootless_consent" in entry.get("extra_data", {}):
        entry["extra_data"] = {**entry["extra_data"], "rebootless_consent": str(settings.consent).lower()}


def _fit_node(node: dict[str, Any], prefix: str) -> dict[str, Any]:
    if "unified_job_template" in node:
        return {**node, "unified_job_template": prefix + node["unified_job_template"]}
    return {**node, "approval_node": {**node["approval_node"], "name": prefix + node["approval_node"]["name"]}}


def _by_domain(template: dict[str, Any], settings: Settings) -> list[dict[str, Any]]:
    """The template of waves once for each domain, on its instance group."""
    if not settings.domains or not template["playbook"].endswith(BY_DOMAIN):
        return [template]
    return [
        {
            **template,
            "name": _named(template["name"], domain, " "),
            **({"instance_groups": [group]} if group is not None else {}),
        }
        for domain, group in settings.domains.items()
    ]


def _steps(workflow: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Options of awx.awx.workflow_job_template_node, one entry a task.

    A node with an approval and links in one task is refused, so the links come when all nodes are there.
    """
    links = ("success_nodes", "failure_nodes", "always_nodes")
    common = {"workflow_job_template": workflow["name"], "organization": workflow["organization"]}
    nodes = workflow["simplified_workflow_nodes"]
    return [
        *({**common, **{key: value for key, value in node.items() if key not in links}} for node in nodes),
        *(
            {**common, "identifier": node["identifier"], **{key: node[key] for key in links if key in node}}
            for node in nodes
            if any(key in node for key in links)
        ),
    ]
