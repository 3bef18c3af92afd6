# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AWX that keeps objects and answers as AWX 24.6.1 does to what awx.awx asks. It runs no job."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import awx_check

TYPES = {
    "organizations": "organization",
    "labels": "label",
    "execution_environments": "execution_environment",
    "credential_types": "credential_type",
    "credentials": "credential",
    "notification_templates": "notification_template",
    "inventories": "inventory",
    "instance_groups": "instance_group",
    "projects": "project",
    "job_templates": "job_template",
    "workflow_job_templates": "workflow_job_template",
    "workflow_approval_templates": "workflow_approval_template",
    "workflow_job_template_nodes": "workflow_job_template_node",
    "schedules": "schedule",
    "tokens": "o_auth2_access_token",
}
UNIFIED = ("projects", "job_templates", "workflow_job_templates", "workflow_approval_templates")
LINKS = ("success_nodes", "failure_nodes", "always_nodes")
# What goes with an object, by the field that names it.
CASCADE = {
    "job_templates": [("schedules", "unified_job_template")],
    "workflow_job_templates": [
        ("schedules", "unified_job_template"),
        ("workflow_job_template_nodes", "workflow_job_template"),
    ],
}


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


class Controller:
    """The objects, and what may be done with them."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.lock = threading.Lock()
        self.objects: dict[str, dict[int, dict[str, Any]]] = {endpoint: {} for endpoint in TYPES}
        self.linked: dict[tuple[str, int, str], list[int]] = {}
        self.surveys: dict[int, dict[str, Any]] = {}
        self.writes: list[str] = []
        self.last = 0
        self.create("organizations", {"name": "Default"})

    def create(self, endpoint: str, given: dict[str, Any]) -> dict[str, Any]:
        """A new object."""
        entry = {key: value for key, value in given.items() if key != "type"}
        self.valid(endpoint, entry)
        same = ("name", "organization") if "name" in entry else ("workflow_job_template", "identifier")
        if endpoint not in ("tokens", "workflow_approval_templates") and any(
            all(old.get(key) == entry.get(key) for key in same) for old in self.objects[endpoint].values()
        ):
            raise Refused(400, {"__all__": [f"{TYPES[endpoint]} with this {same[0]} already exists."]})
        self.last += 1
        url = f"/api/v2/{endpoint}/{self.last}/"
        entry |= {
            "description": entry.get("description", ""),
            "id": self.last,
            "type": TYPES[endpoint],
            "url": url,
            "related": {"survey_spec": f"{url}survey_spec/"},
        }
        if endpoint == "projects":
            entry["status"] = "successful"
        if endpoint == "tokens":
            entry["token"] = f"secret-{self.last}"
        self.objects[endpoint][self.last] = entry
        return entry

    def valid(self, endpoint: str, entry: dict[str, Any]) -> None:
        """Refuse what AWX refuses, in its words."""
        if endpoint == "job_templates":
            if not awx_check.listed(self.project, entry.get("playbook", "")):
                raise Refused(400, {"playbook": ["Playbook not found for project."]})
            if not entry.get("inventory") and not entry.get("ask_inventory_on_launch"):
                raise Refused(400, {"inventory": ["You must either set a default value or ask to prompt on launch."]})
            if entry.get("forks", 0) < 0:
                raise Refused(400, {"forks": ["Ensure this value is greater than or equal to 0."]})
        if endpoint == "notification_templates" and "headers" not in entry.get("notification_configuration", {}):
            message = "Missing required fields for Notification Configuration: ['headers']."
            raise Refused(400, {"notification_configuration": [message]})
        if endpoint == "schedules":
            refused = [one for one in awx_check.rule_findings(entry["rrule"]) if "AWX takes it" not in one]
            if refused:
                raise Refused(400, {"rrule": refused})
        if endpoint in ("schedules", "workflow_job_template_nodes"):
            self.answered(entry)

    def answered(self, entry: dict[str, Any]) -> None:
        """Required answers are there, and nothing that is not asked for."""
        job = entry.get("unified_job_template")
        if job is None:
            return
        given = entry.get("extra_data") or {}
        questions = {one["variable"]: one for one in self.surveys.get(job, {}).get("spec", [])}
        missing = [name for name, one in questions.items() if one["required"] and name not in given]
        if missing:
            raise Refused(400, {"variables_needed_to_start": [f"'{name}' value missing" for name in missing]})
        template = self.find(f"/api/v2/unified_job_templates/{job}/")[2]
        foreign = [name for name in given if name not in questions]
        if foreign and not template.get("ask_variables_on_launch"):
            message = (
                f"Variables {', '.join(foreign)} are not allowed on launch. Check the Prompt on Launch setting on the "
                "Job Template to include Extra Variables."
            )
            raise Refused(400, {"extra_data": [message]})

    def find(self, path: str) -> tuple[str, int, dict[str, Any]]:
        """Endpoint, id and object of a path."""
        endpoint, identifier = path.removeprefix("/api/v2/").strip("/").split("/")[:2]
        for one in UNIFIED if endpoint == "unified_job_templates" else (endpoint,):
            if identifier.isdigit() and int(identifier) in self.objects.get(one, {}):
                return one, int(identifier), self.objects[one][int(identifier)]
        raise Refused(404, {"detail": "Not found."})

    def listing(self, endpoint: str, query: dict[str, str]) -> dict[str, Any]:
        """The objects that match all filters."""
        if endpoint != "unified_job_templates" and endpoint not in self.objects:
            raise Refused(404, {"detail": "Not found."})
        pools = UNIFIED if endpoint == "unified_job_templates" else (endpoint,)
        wanted = dict(query)
        if "organization__name" in wanted:
            name = wanted.pop("organization__name")
            found = [one for one in self.objects["organizations"].values() if one["name"] == name]
            wanted["organization"] = str(found[0]["id"]) if found else "none"
        results = [
            entry
            for pool in pools
            for entry in self.objects[pool].values()
            if all(str(entry.get(key)) == value for key, value in wanted.items())
        ]
        return {"count": len(results), "next": None, "previous": None, "results": results}

    def delete(self, endpoint: str, identifier: int) -> None:
        """The object, what goes with it, and labels that nothing has any more."""
        gone = self.objects[endpoint].pop(identifier)
        self.surveys.pop(identifier, None)
        for pool, field in CASCADE.get(endpoint, []):
            for entry in [one for one in self.objects[pool].values() if one.get(field) == identifier]:
                self.delete(pool, entry["id"])
        if endpoint == "workflow_job_template_nodes":
            self.objects["workflow_approval_templates"].pop(gone.get("unified_job_template"), None)
        had = self.linked.get((endpoint, identifier, "labels"), [])
        self.linked = {key: value for key, value in self.linked.items() if key[:2] != (endpoint, identifier)}
        used = {label for key, value in self.linked.items() if key[2] == "labels" for label in value}
        for label in set(had) - used:
            self.objects["labels"].pop(label)

    def associate(self, endpoint: str, identifier: int, kind: str, body: dict[str, Any]) -> None:
        """Link, or unlink."""
        linked = self.linked.setdefault((endpoint, identifier, kind), [])
        if body.get("disassociate"):
            linked.remove(body["id"])
            return
        if kind in LINKS:
            if endpoint != "workflow_job_template_nodes":
                raise Refused(404, {"detail": "Not found."})
            if any(
                body["id"] in self.linked.get((endpoint, identifier, other), []) for other in LINKS if other != kind
            ):
                raise Refused(400, {"Error": "Relationship not allowed."})
            if identifier in {body["id"], *self.below(body["id"])}:
                raise Refused(400, {"Error": "Cycle detected."})
        linked.append(body["id"])

    def below(self, node: int) -> set[int]:
        """All nodes to which a way leads."""
        found: set[int] = set()
        todo = [node]
        while todo:
            one = todo.pop()
            children = {
                child for kind in LINKS for child in self.linked.get(("workflow_job_template_nodes", one, kind), [])
            }
            todo += children - found
            found |= children
        return found

    def answer(
        self, method: str, path: str, query: dict[str, str], body: dict[str, Any], known: bool
    ) -> tuple[int, Any]:
        """Status and body."""
        if path == "/api/v2/ping/":
            return 200, {"version": "24.6.1"}
        if not known:
            raise Refused(401, {"detail": "Authentication credentials were not provided."})
        parts = path.removeprefix("/api/v2/").strip("/").split("/")
        if method != "GET" and parts[0] != "tokens":
            self.writes.append(f"{method} {path}")
        if len(parts) == 1:
            return (200, self.listing(parts[0], query)) if method == "GET" else (201, self.create(parts[0], body))
        endpoint, identifier, entry = self.find(path)
        if len(parts) == 2:
            if method == "DELETE":
                self.delete(endpoint, identifier)
                return 204, None
            if method == "PATCH":
                self.valid(endpoint, {**entry, **body})
                entry.update({key: value for key, value in body.items() if key != "type"})
            return 200, entry
        return self.below_object(method, endpoint, entry, parts[2], body)

    def below_object(
        self, method: str, endpoint: str, entry: dict[str, Any], kind: str, body: dict[str, Any]
    ) -> tuple[int, Any]:
        """A survey, an approval, or the objects linked to one."""
        if kind == "survey_spec":
            if method == "GET":
                return 200, self.surveys.get(entry["id"], {})
            refused = [
                one
                for one in awx_check.survey_findings("", entry["name"], body)
                if "AWX" not in one.message and "again" not in one.message
            ]
            if refused:
                raise Refused(400, {"error": refused[0].message})
            self.surveys[entry["id"]] = body
            return 200, {}
        if kind == "create_approval_template":
            approval = self.create("workflow_approval_templates", body)
            entry["unified_job_template"] = approval["id"]
            entry["related"]["unified_job_template"] = approval["url"]
            return 201, approval
        if method == "GET":
            linked = self.linked.get((endpoint, entry["id"], kind), [])
            return 200, {"count": len(linked), "next": None, "results": [{"id": one} for one in linked]}
        self.associate(endpoint, entry["id"], kind, body)
        return 204, None


class Handler(BaseHTTPRequestHandler):
    """HTTP in front of a controller."""

    controller: Controller
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""

    def serve(self) -> None:
        """Any request."""
        url = urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or b"{}")
        try:
            known = "Authorization" in self.headers
            with self.controller.lock:
                status, answer = self.controller.answer(self.command, url.path, dict(parse_qsl(url.query)), body, known)
                payload = b"" if answer is None else json.dumps(answer).encode()
        except Refused as refused:
            status, payload = refused.status, json.dumps(refused.body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("X-API-Product-Name", "AWX")
        self.send_header("X-API-Product-Version", "24.6.1")
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PATCH = do_DELETE = serve


@contextmanager
def running(project: Path) -> Iterator[tuple[Controller, str]]:
    """A controller on a free port of the loopback, and its address."""
    controller = Controller(project)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"controller": controller}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield controller, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
