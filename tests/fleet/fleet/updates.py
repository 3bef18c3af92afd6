# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible.windows.win_updates as its action plugin sees it: start, poll, cancel over the world's `offers`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from .host import REBOOT_PENDING, REBOOT_REQUIRED, Host

DEFAULT_CATEGORIES = ["CriticalUpdates", "SecurityUpdates", "UpdateRollups"]
SUCCEEDED = 2


def start(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    """Begin: only remember what was asked."""
    host.updates = {key: value for key, value in arguments.items() if key != "_operation_options"}
    return {
        "changed": False,
        "cancel_options": {"cancel_id": "simfleet", "task_pid": 4242},
        "poll_options": {"pipe_name": "simfleet"},
    }


def poll(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    """Everything at once: what was found, downloaded and installed, and the end."""
    asked = host.updates
    if asked is None:
        return {
            "failed": True,
            "changed": False,
            "msg": "The update task has gone: it was not started, or the host restarted.",
        }
    offers = host.state.get("offers", [])
    found = [
        {"id": offer["id"], "title": offer["title"], "kb": [offer["kb"]], "categories": offer.get("categories", [])}
        for offer in offers
    ]
    filtered = [{"id": offer["id"], "reasons": reasons} for offer in offers if (reasons := _filtered(offer, asked))]
    out = {entry["id"] for entry in filtered}
    chosen = [offer for offer in offers if offer["id"] not in out]
    output: list[dict[str, Any]] = [{"task": "search_result", "result": {"updates": found, "filtered": filtered}}]
    state = asked.get("state") or "installed"
    agent = host.state.setdefault("update_agent", {})
    if chosen and state != "searched" and not asked.get("_ansible_check_mode"):
        for step in ("download", "install") if state == "installed" else ("download",):
            done = [{"id": offer["id"], "result_code": SUCCEEDED, "hresult": 0} for offer in chosen]
            output.append({"task": f"{step}_result", "result": {"info": done}})
        if state == "installed":
            _install(host, chosen)
    ended = {
        "changed": bool(chosen) and state != "searched",
        "reboot_required": bool(agent.get("reboot_required")),
        "failed": False,
    }
    output.append({"task": "exit", "result": ended})
    return {"changed": False, "output": output}


def cancel(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    """The end of a run."""
    host.updates = None
    return {"changed": False}


OPERATIONS: dict[str, Callable[[Host, dict[str, Any]], dict[str, Any]]] = {
    "start": start,
    "test": start,
    "poll": poll,
    "cancel": cancel,
}


def _filtered(offer: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    """Why an offer is left out, in the module's words."""
    wanted = [str(name).replace(" ", "").lower() for name in asked.get("category_names") or DEFAULT_CATEGORIES]
    categories = {str(name).replace(" ", "").lower() for name in offer.get("categories", [])}
    reasons = []
    if asked.get("accept_list") and not _listed(offer, asked["accept_list"]):
        reasons.append("accept_list")
    if asked.get("reject_list") and _listed(offer, asked["reject_list"]):
        reasons.append("reject_list")
    if "*" not in wanted and not categories & set(wanted):
        reasons.append("category_names")
    return reasons


def _listed(offer: dict[str, Any], patterns: list[Any]) -> bool:
    """Whether the title or the KB number matches one of the expressions."""
    return any(re.search(str(pattern), text, re.I) for pattern in patterns for text in (offer["title"], offer["kb"]))


def _install(host: Host, chosen: list[dict[str, Any]]) -> None:
    """Offers become hotfixes; those that always restart leave the marks of a pending restart."""
    today = datetime.fromisoformat(host.state["clock"])
    host.state["offers"] = [offer for offer in host.state["offers"] if offer not in chosen]
    host.state.setdefault("hotfixes", []).extend(
        {"kb": offer["kb"], "installed_on": f"{today.month}/{today.day}/{today.year}"} for offer in chosen
    )
    restarting = [offer["id"] for offer in chosen if offer.get("restart") == "always"]
    if restarting:
        registry = host.state.setdefault("registry", {})
        registry.setdefault(REBOOT_PENDING, {})
        registry.setdefault(REBOOT_REQUIRED, {}).update(dict.fromkeys(restarting, 1))
        host.state["update_agent"].update(reboot_required=True, reboot_required_before_installation=True)
