# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible.windows.win_updates as its action plugin sees it: start, poll, cancel over the world's `offers`.

Written after win_updates.ps1 of ansible.windows 3.8.0: same order of steps, same words, same records on its pipe.
test_updates_model.py holds the choice of updates against the functions of the installed module.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .host import does, kbs

if TYPE_CHECKING:
    from .host import Host

DEFAULT_CATEGORIES = ["CriticalUpdates", "SecurityUpdates", "UpdateRollups"]
# The module's older names of categories; it takes every other name as it is.
OLDER_NAMES = {
    "criticalupdates": "Critical Updates",
    "definitionupdates": "Definition Updates",
    "developerkits": "Developer Kits",
    "featurepacks": "Feature Packs",
    "securityupdates": "Security Updates",
    "servicepacks": "Service Packs",
    "updaterollups": "Update Rollups",
}
BEHAVIOURS = {"none": "NeverReboots", "always": "AlwaysRequiresReboot", "possible": "CanRequestReboot"}
IMPACTS = ("Normal", "Minor", "RequiresExclusiveHandling")
RESULTS = ("NotStarted", "InProgress", "Succeeded", "SuceededWithErrors", "Failed", "Aborted")
SUCCEEDED, SUCCEEDED_WITH_ERRORS, FAILED = 2, 3, 4
INSTALL_NOT_ALLOWED, DISK_FULL = 0x80240016, 0x80070070
NOT_STARTED = (
    "Failed to start new win_updates task with Task Scheduler: Expecting task started from remote pipe but got ''"
)
NO_PIPE = "Timed out waiting for server pipe to be available"
# What .NET writes otherwise than Python.
DOTNET = ((r"\z", r"\Z"), (r"\Z", r"(?=\n?\Z)"), ("(?<", "(?P<"))


class Thrown(Exception):
    """What ends the module's background task early."""

    def __init__(self, message: str, hresult: int | None = None) -> None:
        super().__init__(message)
        self.hresult = hresult

    def as_json(self) -> dict[str, Any]:
        """The record's `exception`."""
        shown = {"message": str(self), "exception": f"{self}\r\n\r\nat Install-WindowsUpdate, <No file>: line 1"}
        return shown if self.hresult is None else {**shown, "hresult": signed(self.hresult)}


@dataclass(frozen=True)
class Asked:
    """The module's options after its own defaults."""

    accept: list[str]
    reject: list[str]
    categories: list[str]
    state: str
    skip_optional: bool
    check_mode: bool

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> Asked:
        """The options of a task."""
        categories = arguments.get("category_names")
        return cls(
            _texts(arguments.get("accept_list")),
            _texts(arguments.get("reject_list")),
            DEFAULT_CATEGORIES if categories is None else _texts(categories),
            str(arguments.get("state") or "installed"),
            str(arguments.get("skip_optional")).lower() in ("true", "yes", "y", "on", "1", "t"),
            bool(arguments.get("_ansible_check_mode")),
        )

    def as_json(self) -> dict[str, Any]:
        """What the counters keep."""
        return {
            "accept_list": self.accept,
            "reject_list": self.reject,
            "category_names": self.categories,
            "state": self.state,
            "check_mode": self.check_mode,
        }


@dataclass
class Run:
    """The background task: what it has said since the last poll, and its last word, said until somebody cancels."""

    records: list[dict[str, Any]] = field(default_factory=list)
    ended: dict[str, Any] | None = None

    def say(self, task: str, result: dict[str, Any]) -> None:
        """Put a record on the pipe."""
        self.records.append({"task": task, "result": result})


def start(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    """The task begins and needs nobody who polls."""
    asked = Asked.of(arguments)
    host.counters.updates_asked.append(asked.as_json())
    if not asked.categories:
        # The task's own parameter refuses an empty list before it says a word.
        return {"failed": True, "changed": False, "msg": NOT_STARTED}
    host.updates = run = Run()
    _work(host, asked, run)
    return _begun()


def test(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    """The operation for that module's own tests: it does not even search."""
    host.updates = Run(ended=_ending(host))
    return _begun()


def _begun() -> dict[str, Any]:
    return {
        "changed": False,
        "cancel_options": {"cancel_id": "simfleet", "task_pid": 4242},
        "poll_options": {"pipe_name": "simfleet"},
    }


def poll(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    """What was said since the last poll; records are lost with a connection that is cut, the last word is not.

    The real module waits for the first record, without end; here an empty list says that there is none yet.
    """
    run = host.updates
    if run is None:
        return {"failed": True, "changed": False, "msg": NO_PIPE}
    output, run.records = run.records, []
    if run.ended is not None:
        output = [*output, {"task": "exit", "result": run.ended}]
    return {"changed": False, "output": output}


def cancel(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    """Nobody listens any more. An installation that has begun goes on: what is being installed is not aborted."""
    host.updates = None
    return {"changed": False}


OPERATIONS: dict[str, Callable[[Host, dict[str, Any]], dict[str, Any]]] = {
    "start": start,
    "test": test,
    "poll": poll,
    "cancel": cancel,
}


def _ending(host: Host) -> dict[str, Any]:
    return {"changed": False, "reboot_required": _restart_waits(host), "failed": False}


def _restart_waits(host: Host) -> bool:
    return bool(host.agent.get("reboot_required"))


def _work(host: Host, asked: Asked, run: Run) -> None:
    """Search, choose, download, install: until a step is the last one, throws, or has no end."""
    ended = _ending(host)
    try:
        if host.agent.get("search", {}).get("hangs"):
            return
        chosen = _search(host, asked, run)
        if asked.check_mode or asked.state == "searched" or not chosen:
            run.ended = {**ended, "changed": bool(chosen) and asked.state != "searched"}
            return
        _refuse_before_restart(ended)
        _download(host, run, chosen, ended)
        if asked.state == "downloaded":
            run.ended = ended
            return
        _begin_install(host, run, chosen, ended)
    except Thrown as thrown:
        _fail(run, ended, thrown)


def _fail(run: Run, ended: dict[str, Any], thrown: Thrown) -> None:
    run.ended = {**ended, "failed": True, "exception": thrown.as_json()}


def _search(host: Host, asked: Asked, run: Run) -> list[dict[str, Any]]:
    """The offers that the options choose. Their licence terms are accepted, in check mode too."""
    fails = host.agent.get("search", {}).get("fails")
    if fails is not None:
        raise Thrown(f"Searching for updates: Exception from HRESULT: 0x{fails & 0xFFFFFFFF:08X}", fails)
    code = host.agent.get("search", {}).get("result_code", SUCCEEDED)
    if code not in (SUCCEEDED, SUCCEEDED_WITH_ERRORS):
        raise Thrown(f"Failed to search for updates ({RESULTS[code]} {code})")
    offers = host.search()
    found = [info(offer) for offer in offers]
    filtered = [{"id": each["id"], "reasons": why} for each in found if (why := reasons(each, asked))]
    out = {entry["id"] for entry in filtered}
    chosen = [offer for offer in offers if offer["id"] not in out]
    host.mark(chosen, "eula_accepted", only_if_false=True)
    run.say("search_result", {"updates": found, "filtered": filtered})
    return chosen


def _refuse_before_restart(ended: Mapping[str, Any]) -> None:
    if ended["reboot_required"]:
        raise Thrown("A reboot is required before more updates can be installed")


def _download(host: Host, run: Run, chosen: list[dict[str, Any]], ended: dict[str, Any]) -> None:
    wanted = [offer for offer in chosen if not offer.get("downloaded")]
    if not wanted:
        return
    ended["changed"] = True
    results = [_result(offer, _failure(offer, "download")) for offer in wanted]
    host.mark([offer for offer in wanted if _failure(offer, "download") is None], "downloaded")
    run.say("download_result", {"info": results})
    if any(result["result_code"] != SUCCEEDED for result in results):
        raise Thrown("Failed to download all updates - see updates for more information")


def _begin_install(host: Host, run: Run, chosen: list[dict[str, Any]], ended: dict[str, Any]) -> None:
    """Install at once, or later in the background; a hanging one tells the poller nothing."""
    agent = host.agent
    if agent.get("busy") or agent.get("reboot_required_before_installation"):
        raise Thrown(f"Exception from HRESULT: 0x{INSTALL_NOT_ALLOWED:08X}", INSTALL_NOT_ALLOWED)
    hangs = bool(agent.get("install_hangs"))

    def finish() -> None:
        results = _install(host, chosen)
        if not hangs:
            _report(host, run, results, ended)

    host.install(finish, agent.get("install_seconds", None if hangs else 0))


def _install(host: Host, chosen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One result for each; what does not fail takes effect on the host."""
    failures = [DISK_FULL if host.agent.get("disk_full") else _failure(offer, "install") for offer in chosen]
    good = [offer for offer, failure in zip(chosen, failures, strict=True) if failure is None]
    host.take_in(good)
    host.counters.updates_installed += [offer["id"] for offer in good]
    return [
        {**_result(offer, failure), "reboot_required": failure is None and does(offer) == "always"}
        for offer, failure in zip(chosen, failures, strict=True)
    ]


def _report(host: Host, run: Run, results: list[dict[str, Any]], ended: dict[str, Any]) -> None:
    run.say("install_result", {"info": results})
    ended = {**ended, "changed": True}
    if any(result["result_code"] != SUCCEEDED for result in results):
        ended["reboot_required"] = ended["reboot_required"] or any(result["reboot_required"] for result in results)
        _fail(run, ended, Thrown("Failed to install all updates - see updates for more information"))
    else:
        run.ended = {**ended, "reboot_required": _restart_waits(host)}


def _result(offer: Mapping[str, Any], failure: int | None) -> dict[str, Any]:
    code = SUCCEEDED if failure is None else FAILED
    return {"id": offer["id"], "result_code": code, "hresult": signed(failure or 0)}


def _failure(offer: Mapping[str, Any], stage: str) -> int | None:
    """The HRESULT with which an offer fails at this stage."""
    fails = offer.get("fails") or {}
    return int(fails["hresult"]) if fails.get("stage") == stage else None


def signed(hresult: int) -> int:
    """An HRESULT as .NET shows it."""
    return ((hresult & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


def info(offer: Mapping[str, Any]) -> dict[str, Any]:
    """What the module tells of an offer (its Format-UpdateInfo)."""
    return {
        "id": offer["id"],
        "title": offer["title"],
        "description": "Install this update to resolve issues in Windows.",
        "kb": kbs(offer),
        "type": "Driver" if offer.get("driver") else "Software",
        "deployment_action": "Installation",
        "auto_select_on_websites": not offer.get("browse_only"),
        "browse_only": bool(offer.get("browse_only")),
        "revision_number": offer.get("revision", 1),
        "categories": [_category(category) for category in offer.get("categories", [])],
        "is_installed": False,
        "is_hidden": bool(offer.get("hidden")),
        "is_present": False,
        "reboot_required": False,
        "impact": IMPACTS[offer.get("impact", 0)],
        # Nothing follows the word when the property cannot be read.
        "reboot_behaviour": BEHAVIOURS.get(offer.get("restart", "possible"), "Unknown "),
        "is_beta": False,
        "is_downloaded": bool(offer.get("downloaded")),
        "is_mandatory": False,
        "is_uninstallable": False,
        "auto_selection": "LetWindowsUpdateDecide",
        "auto_download": "LetWindowsUpdateDecide",
    }


def _category(category: str | Mapping[str, Any]) -> str:
    return category if isinstance(category, str) else str(category["name"])


def reasons(update: Mapping[str, Any], asked: Asked) -> list[str]:
    """Why an update is left out, in the module's words and order.

    The lists are matched against one text, the title and the KBs with a space between KBs only: that is what adding a
    list to a text gives in PowerShell.
    """
    text = update["title"] + " ".join(update["kb"])
    wanted = [OLDER_NAMES.get(name.lower(), name).lower() for name in asked.categories]
    checks = {
        "accept_list": bool(asked.accept) and not _listed(text, asked.accept),
        "reject_list": bool(asked.reject) and _listed(text, asked.reject),
        "hidden": update["is_hidden"],
        "category_names": "*" not in wanted and not {name.lower() for name in update["categories"]} & set(wanted),
        "skip_optional": asked.skip_optional and update["browse_only"],
    }
    return [name for name, out in checks.items() if out]


def _listed(text: str, patterns: Iterable[str]) -> bool:
    """Whether one of the expressions is in the text.

    :raises Thrown: an expression is empty or cannot be read
    """
    patterns = list(patterns)
    if "" in patterns:
        raise Thrown("Cannot bind argument to parameter 'Match' because it is an empty string.")
    return any(_expression(pattern).search(text) for pattern in patterns)


@functools.cache
def _expression(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(_from_dotnet(pattern), re.I)
    except re.error as error:
        raise Thrown(f'parsing "{pattern}" - {error}.') from error


def _from_dotnet(pattern: str) -> str:
    """A .NET expression as Python writes it. What Python does not know stays, and fails loudly."""
    tokens = re.findall(r"\\.|\(\?<(?![=!])|.", pattern, re.S)
    return "".join(dict(DOTNET).get(token, token) for token in tokens)


def _texts(value: Any) -> list[str]:
    """A list option: a text is split at commas, as Ansible.Basic does."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",")]
    return [str(item) for item in value or []]
