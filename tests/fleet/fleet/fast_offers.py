# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The offers of a world: filled in for the fake update agent, and `windows_offers_info` answered without PowerShell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import categories
from .fast import COM_FAULTS, COMMAND_FAULTS, NT, Failure, Windows, World, utc_text

FIRST_BUILD = 26100
RESTART_ANSWERS = ("auto", "always", "never")
SESSION, COLLECTION = "Microsoft.Update.Session", "Microsoft.Update.UpdateColl"
SIZE = 100 * 2**20
MOST_FILES = 20
# RebootBehavior of IInstallationBehavior; of "unknown" it cannot be read.
REBOOT_BEHAVIOUR = {"none": 0, "always": 1, "possible": 2, "unknown": 2}
DYNAMIC: dict[str, bool | int] = {
    "none": False,
    "always": True,
    "not_supported": 0x80240037,
    "not_downloaded": 0x80246007,
    "failed": 0x8024FFFF,
}
INVALID_OPERATION = 0x80131509
UNKNOWN_NAME = 0x80020006
SUCCEEDED = (2, 3)
BAD_ANSWERS = {"empty": "has no value", "nonsense": "is neither true nor false"}


def kbs(offer: Mapping[str, Any]) -> list[str]:
    """The KB numbers of an offer, as KB and digits."""
    return list(offer["kbs"]) if "kbs" in offer else [offer["kb"]]


def filled(world: World) -> list[dict[str, Any]]:
    """The world's offers as the update agent's objects have them, every default filled in.

    Names are those of the COM members; `Download2` is 0, an HRESULT or "hangs", `DoesUpdateRequireReboot` the answer or an HRESULT.
    """
    return [_filled(offer, world["clock"]) for offer in world.get("offers") or ()]


def _filled(offer: Mapping[str, Any], clock: str) -> dict[str, Any]:
    restart = offer.get("restart", "possible")
    unreadable = {"RebootBehavior": "failed"} if restart == "unknown" else {}
    download = offer.get("bootstrapper_download", {})
    return {
        "Identity": {"UpdateID": offer["id"], "RevisionNumber": offer.get("revision", 1)},
        "Title": offer["title"],
        "KBArticleIDs": [kb.removeprefix("KB") for kb in kbs(offer)],
        "Categories": [
            {"CategoryID": category["id"], "Name": category["name"]}
            for category in map(categories.resolve, offer.get("categories", ()))
        ],
        "SupersededUpdateIDs": list(offer.get("supersedes", ())),
        # What is offered is a bundle: the files are those of its parts.
        "DownloadContents": [],
        "BundledUpdates": [
            {"DownloadContents": [{"DownloadUrl": f"http://download.windowsupdate.com/c/software/secu/{name}"}]}
            for name in offer.get("files", ())
        ],
        "MsrcSeverity": offer.get("severity"),
        "MaxDownloadSize": offer.get("size", SIZE),
        "LastDeploymentChangeTime": offer.get("released", clock),
        "BrowseOnly": offer.get("browse_only", False),
        "EulaAccepted": offer.get("eula_accepted", True),
        "IsHidden": offer.get("hidden", False),
        "IsDownloaded": offer.get("downloaded", False),
        "Type": 2 if offer.get("driver") else 1,
        "InstallationBehavior": {
            "RebootBehavior": REBOOT_BEHAVIOUR[restart],
            "Impact": offer.get("impact", 0),
            "CanRequestUserInput": offer.get("user_input", False),
        },
        "ContainsUpdateBootstrapper": offer.get("bootstrapper", False),
        "Download2": "hangs" if download.get("hangs") else download.get("fails", 0),
        "DoesUpdateRequireReboot": DYNAMIC[offer.get("dynamic", "not_supported")],
        "broken": {**unreadable, **offer.get("broken", {})},
    }


def searched(world: dict[str, Any]) -> None:
    """After a search: from the next one on `offers_after_search` is what is offered."""
    agent = world.get("update_agent") or {}
    if "offers_after_search" in agent:
        world["offers"] = agent.pop("offers_after_search")


# Failures


# No right, a privilege is missing, elevation is required, the agent serves administrators alone.
REFUSALS = (0x80070005, 0x80070522, 0x800702E4, 0x80240044)


def hresult_failure(hresult: int, message: str | None = None) -> Failure:
    """What a COM call fails with."""
    unsigned = hresult & 0xFFFFFFFF
    kind = {0x800705B4: "timeout", 0x80040154: "unavailable", UNKNOWN_NAME: "unavailable"}
    kind |= dict.fromkeys(REFUSALS, "denied")
    return Failure(kind.get(unsigned, "failed"), unsigned, message or f"Exception from HRESULT: 0x{unsigned:08X}")


def _failure(faults: Mapping[str, Any], kind: str) -> Failure:
    fault = faults[kind]
    return Failure(fault.kind, fault.hresult, fault.message)


def _timeout() -> Failure:
    return _failure(COMMAND_FAULTS, "timeout")


def _invalid(message: str) -> Failure:
    return Failure("failed", INVALID_OPERATION, message)


# The probes


class Agent:
    """The update agent of a world, asked as the module asks."""

    def __init__(self, world: World, ask: bool) -> None:
        self.world = world
        self.ask = ask
        self.agent = world.get("update_agent") or {}
        self.local = world.get("logon") == "local"

    def _fault(self, prog_id: str) -> None:
        kind = ((self.world.get("broken") or {}).get("com") or {}).get(prog_id)
        if kind:
            raise _failure(COM_FAULTS, kind)

    def search(self) -> list[dict[str, Any]]:
        """The offers as COM shows them.

        :raises Failure: the search failed or took too long
        """
        self._fault(SESSION)
        how = self.agent.get("search") or {}
        if how.get("hangs"):
            raise _timeout()
        if "fails" in how:
            raise hresult_failure(how["fails"])
        if how.get("result_code", 2) not in SUCCEEDED:
            raise _invalid(f"The search ended with result code {how['result_code']}.")
        return filled(self.world)

    def offers(self) -> list[dict[str, Any]]:
        return [self._offer(update) for update in self.search()]

    def warnings(self) -> list[int]:
        self.search()
        return [_signed(number) for number in (self.agent.get("search") or {}).get("warnings", ())]

    def busy(self) -> bool:
        self._fault(SESSION)
        self._needs_local_logon()
        return bool(self.agent.get("busy"))

    def _needs_local_logon(self) -> None:
        if not self.local:
            raise _failure(COM_FAULTS, "denied")

    def build(self) -> int:
        windows = Windows(self.world, ())
        value = windows.value(NT, "CurrentBuild")
        if value is None:
            raise _invalid("CurrentBuild is not in the registry.")
        return int(value)

    def _offer(self, update: dict[str, Any]) -> dict[str, Any]:
        offer: dict[str, Any] = {}
        unread = []
        for name, (members, read) in PROPERTIES.items():
            faults = [update["broken"][member] for member in members if member in update["broken"]]
            offer[name] = None if faults else read(update)
            # No severity is an answer.
            broken = offer[name] is None if name != "severity" else faults not in ([], ["empty"])
            unread += [name] if broken else []
        offer["bootstrapper"] = _probe(lambda: self._bootstrapper(update))
        asked = self.ask and offer["bootstrapper"]["value"]
        offer["requires_restart"] = _probe(lambda: self._requires_restart(update)) if asked else None
        offer["unread"] = unread
        return offer

    def _bootstrapper(self, update: dict[str, Any]) -> bool | None:
        if self.build() < FIRST_BUILD:
            return None
        kind = update["broken"].get("ContainsUpdateBootstrapper")
        if kind in BAD_ANSWERS:
            raise _invalid(f"ExtendedStaticProperty {BAD_ANSWERS[kind]}.")
        if kind == "missing":
            raise hresult_failure(UNKNOWN_NAME)
        if kind:
            raise _failure(COM_FAULTS, kind)
        return bool(update["ContainsUpdateBootstrapper"])

    def _requires_restart(self, update: dict[str, Any]) -> bool:
        self._fault(COLLECTION)
        self._needs_local_logon()
        if update["Download2"] == "hangs":
            raise _timeout()
        if _signed(update["Download2"]) < 0:
            raise hresult_failure(update["Download2"], "The update bootstrapper was not downloaded.")
        answer = update["DoesUpdateRequireReboot"]
        if not isinstance(answer, bool):
            raise hresult_failure(answer)
        return answer


def _probe(ask: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"ok": True, "value": ask(), "error": None}
    except Failure as failure:
        return {"ok": False, "value": None, "error": failure.error}


def _signed(number: int) -> int:
    return number - (1 << 32) if number >> 31 > 0 else number


def _flag(member: str) -> tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Any]]:
    return (member,), lambda update: update[member]


def _behaviour(member: str) -> tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Any]]:
    return ("InstallationBehavior", member), lambda update: update["InstallationBehavior"][member]


def _file_names(update: Mapping[str, Any]) -> list[str]:
    parts = [update, *update["BundledUpdates"]]
    found = [content["DownloadUrl"].split("/")[-1].lower() for part in parts for content in part["DownloadContents"]]
    return found if len(found) < MOST_FILES else [*found[: MOST_FILES - 1], "*"]


# What the module reads: the COM members that must be readable, and how the value is made of them.
PROPERTIES: dict[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Any]]] = {
    "id": (("Identity",), lambda update: update["Identity"]["UpdateID"].lower()),
    "revision": (("Identity",), lambda update: update["Identity"]["RevisionNumber"]),
    "title": _flag("Title"),
    "kbs": (("KBArticleIDs",), lambda update: [f"KB{number}" for number in update["KBArticleIDs"]]),
    "categories": (("Categories",), lambda update: [each["CategoryID"].lower() for each in update["Categories"]]),
    "supersedes": (("SupersededUpdateIDs",), lambda update: [each.lower() for each in update["SupersededUpdateIDs"]]),
    "files": (("DownloadContents", "BundledUpdates"), _file_names),
    "severity": _flag("MsrcSeverity"),
    "size": _flag("MaxDownloadSize"),
    "released": (("LastDeploymentChangeTime",), lambda update: utc_text(update["LastDeploymentChangeTime"])),
    "browse_only": _flag("BrowseOnly"),
    "eula_accepted": _flag("EulaAccepted"),
    "hidden": _flag("IsHidden"),
    "downloaded": _flag("IsDownloaded"),
    "driver": (("Type",), lambda update: update["Type"] == 2),
    "reboot_behaviour": _behaviour("RebootBehavior"),
    "impact": _behaviour("Impact"),
    "requires_user_input": _behaviour("CanRequestUserInput"),
}


def signals(world: World, arguments: Mapping[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """The module's `signals` for a world and the module's arguments.

    :raises ValueError: an answer that `restart_answer` does not know, as Ansible.Basic says it
    """
    answer = arguments.get("restart_answer") or "auto"
    if answer not in RESTART_ANSWERS:
        allowed = ", ".join(RESTART_ANSWERS)
        raise ValueError(f"value of restart_answer must be one of: {allowed}. Got no match for: {answer}")
    agent = Agent(world, answer == "always" or (answer == "auto" and not check_mode))
    return {
        "agent_offers": _probe(agent.offers),
        "agent_busy": _probe(agent.busy),
        "search_warnings": _probe(agent.warnings),
    }
