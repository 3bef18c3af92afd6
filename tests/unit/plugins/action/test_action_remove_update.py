# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action remove_update: what it asks a host, when it asks again, and when it fails; how it is documented."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible_collections.rebootless.patching.plugins.action import remove_update as action
from ansible_collections.rebootless.patching.plugins.modules import remove_update as documented
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import rollback_result as rollback_end

ROOT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "tests" / "unit" / "plugins" / "plugin_utils"))
realistic: Any = __import__("realistic")
KB = "KB5122871"
PACKAGE = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.33438.1.5"
BELOW = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.33158.1.11"
GONE = AnsibleConnectionFailure("connection refused")
NOW = {"now": "2026-09-20T12:00:00Z"}
RETURNED = set(yaml.safe_load(documented.RETURN))


def packages(state: str | None = "Installed", **more: Any) -> dict[str, Any]:
    """What windows_packages answers: the baseline in this state on the one below it."""
    listed = [
        {
            "name": name,
            "state": one,
            "type": "SecurityUpdate",
            "details": realistic.ok({"description": f"Fix for {kb}"}),
        }
        for name, kb, one in ((BELOW, "KB5099536", "Superseded"), (PACKAGE, KB, state))
        if one is not None
    ]
    nothing = realistic.ok({"changed": False, "restart_needed": None})
    return {"changed": False, "packages": realistic.ok(listed), "change": nothing, **more}


def removed(needed: bool | None = True) -> dict[str, Any]:
    """What it answers to a removal."""
    return packages(change=realistic.ok({"changed": True, "restart_needed": needed}))


def signals(**changes: object) -> dict[str, Any]:
    """What windows_signals_info answers."""
    return {"signals": realistic.signals("server_2025", **changes)}


class Host:
    """Answers one thing after the other, and remembers what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked, self.resets = list(answers), [], 0
        self.known: list[list[str]] = []
        self._shell = SimpleNamespace(tmpdir=None)

    def execute(self, module_name: str, module_args: dict[str, Any], task_vars: object) -> dict[str, Any]:
        """In place of the action's `_execute_module`."""
        self.asked.append((module_name.rpartition(".")[2], module_args.get("state")))
        answer = copy.deepcopy(self.answers.pop(0))
        if "known" in module_args:
            self.known.append(module_args["known"])
        if isinstance(answer, Exception):
            raise answer
        for one in answer.get("packages", {}).get("value") or ():
            if one["name"] in module_args["known"]:
                one["details"] = None
        return dict(answer)

    def reset(self) -> None:
        """Count."""
        self.resets += 1


def act(host: Host, check: bool = False, **arguments: Any) -> dict[str, Any]:
    """Run the action on this host."""
    given = {"kb": KB, "poll_interval": 0, "on_problem": "report", **NOW, **arguments}
    task = SimpleNamespace(args=given, async_val=0, check_mode=check, diff=False, action="remove_update")
    module = action.ActionModule(task, host, SimpleNamespace(check_mode=check), None, None, None)
    module._load_name = "remove_update"
    module._execute_module = host.execute
    result: dict[str, Any] = module.run(task_vars={"inventory_hostname": "srv"})
    assert set(result) >= RETURNED
    assert host.answers == []
    return result


LOOK = [("windows_signals_info", None), ("windows_packages", None)]
REMOVE = [("windows_packages", "absent")]


def test_what_a_package_says_of_itself_is_asked_once() -> None:
    """Each question costs the host a session of DISM, and every look but the first needs no answer."""
    host = Host(signals(), packages(), removed(), signals(cbs_reboot_pending=True), packages("UninstallPending"))
    act(host)
    assert host.known == [[], [BELOW, PACKAGE], [BELOW, PACKAGE]]


def test_a_removal_is_one_look_the_removal_and_one_look() -> None:
    host = Host(signals(), packages(), removed(), signals(cbs_reboot_pending=True), packages("UninstallPending"))
    result = act(host)
    assert host.asked == [*LOOK, *REMOVE, *LOOK]
    assert (result["outcome"], result["changed"], host.resets) == ("removed", True, 0)
    assert result["removal"] == {"restart_needed": True, "hresult": None, "message": None}
    assert result["restart"] == {"needed": True, "why": f"{KB} is removed but for the restart."}
    assert result["words"] == [f"{KB} is removed but for the restart."]
    assert result["diff"] == {"before": f"{PACKAGE}: Installed\n", "after": f"{PACKAGE}: UninstallPending\n"}
    assert result["proof"]["after"]["pending"] == ["servicing:cbs_reboot_pending"]
    assert "failed" not in result


def test_a_lost_removal_is_asked_for_once_and_the_host_until_it_tells() -> None:
    host = Host(
        *(signals(), packages(), GONE),
        *(GONE, signals(), GONE, signals(), {"failed": True, "msg": "busy"}),
        *(signals(), packages(), signals(), packages("UninstallPending")),
    )
    result = act(host)
    assert (result["outcome"], host.resets) == ("removed", 4)
    assert host.asked.count(REMOVE[0]) == 1
    assert result["removal"]["message"] == "The host says so: nobody saw the removal end."


def test_a_removal_that_was_seen_waits_for_the_host_to_be_asked_again() -> None:
    host = Host(signals(), packages(), removed(False), GONE, signals(), packages(None))
    result = act(host)
    assert (result["outcome"], result["proof"]["after"]["package"]) == ("removed", "absent")
    assert result["restart"]["needed"] is False


def test_after_the_deadline_there_is_one_last_look() -> None:
    host = Host(signals(), packages(), GONE, GONE)
    result = act(host, deadline=0, on_problem="fail")
    assert (result["outcome"], result["failed"], result["changed"]) == ("unknown", True, True)
    assert result["problem"] == {"kind": "refused", "message": "connection refused"}
    said = f"Whether {KB} is off is not known. Nobody saw the removal end, and the host did not say what became of it."
    assert (result["msg"], result["words"]) == (said, [said])
    assert result["diff"]["after"] == f"{PACKAGE}: unknown\n"
    assert result["restart"]["needed"] is False


def test_a_seen_removal_of_a_lost_host_needs_its_restart() -> None:
    result = act(Host(signals(), packages(), removed(), GONE), deadline=0)
    assert (result["outcome"], result["restart"]["needed"]) == ("removed", True)
    assert result["proof"]["after"] is None


def test_a_refusal_changes_nothing() -> None:
    error = {"type": "failed", "hresult": -2146498523, "message": "no"}
    refused = packages(change={"ok": False, "value": None, "error": error})
    result = act(Host(signals(), packages(), refused, signals(), packages()), on_problem="fail")
    assert (result["outcome"], result["changed"], result["failed"]) == ("refused", False, True)
    assert "diff" not in result
    assert result["msg"].endswith("its package is permanent (0x800F0825). Nothing was changed.")


@pytest.mark.parametrize("answers", [(GONE,), (signals(), GONE), (signals(), {"failed": True, "msg": "no module"})])
def test_a_host_that_is_not_reached_is_left_alone(answers: tuple[Any, ...]) -> None:
    result = act(Host(*answers))
    assert (result["outcome"], result["changed"], result["plan"], result["proof"]) == ("not_reached", False, None, None)
    assert result["words"] == [f"The host could not be asked, so nothing was done: {result['problem']['message']}"]
    assert result["failed"] is False


@pytest.mark.parametrize(
    ("state", "package", "outcome"), [("planned", "Installed", "planned"), *(("removed", one, word) for one, word in (
        ("UninstallPending", "restart_left"), ("Staged", "nothing_to_do"), ("Superseded", "blocked"), ("odd", "unknown")
    ))],
)  # fmt: skip
def test_what_is_not_to_be_removed_is_not_asked_for(state: str, package: str, outcome: str) -> None:
    host = Host(signals(), packages(package))
    result = act(host, state=state)
    assert (host.asked, result["outcome"], result["changed"]) == (LOOK, outcome, False)
    assert result["words"] == [result["plan"]["why"], *(result["plan"]["effect"] or {"words": []})["words"]]
    assert result["proof"]["before"]["package"] == package
    assert (result["restart"] or {}).get("needed", False) is (outcome == "restart_left")


@pytest.mark.parametrize(("package", "changed"), [("Installed", True), ("UninstallPending", False)])
def test_check_mode_only_looks(package: str, changed: bool) -> None:
    host = Host(signals(), packages(package))
    result = act(host, check=True)
    assert (host.asked, result["outcome"], result["changed"]) == (LOOK, "check_mode", changed)
    assert result["diff"] == {"before": f"{PACKAGE}: {package}\n", "after": f"{PACKAGE}: absent\n"}
    # A plan is the same in check mode.
    assert act(Host(signals(), packages(package)), check=True, state="planned")["outcome"] in (
        "planned",
        "restart_left",
    )


BOOTED = realistic.KINDS["server_2025"] | {
    "operating_system": {"sku": 7, "product_type": 3, "last_boot": "2026-09-20T12:02:00Z", "language": 1033},
    "build": realistic.build("26100.33158"),
    "hotfixes": realistic.kbs("KB5099536", "KB5120228"),
}


def before() -> dict[str, Any]:
    """The result of a removal."""
    return act(Host(signals(), packages(), removed(), signals(cbs_reboot_pending=True), packages("UninstallPending")))


def test_the_end_is_waited_for() -> None:
    host = Host(
        *(GONE, signals(**BOOTED, cbs_packages_pending=True), packages("UninstallPending")),
        *(signals(**BOOTED), packages(None)),
    )
    given = before()
    result = act(host, state="verified", before=given)
    assert (result["outcome"], host.resets, result["changed"]) == ("gone", 2, False)
    assert (result["proof"]["restarted"], result["proof"]["kbs_removed"]) == (True, [KB])
    assert [result[key] for key in ("plan", "removal", "restart")] == [
        given[key] for key in ("plan", "removal", "restart")
    ]
    assert result["words"] == [f"{KB} is off the host, which shows build 26100.33158 and is behind (track standard)."]


def test_an_end_that_nobody_sees() -> None:
    result = act(Host(GONE), state="verified", before=before(), deadline=0, on_problem="fail")
    assert (result["outcome"], result["failed"]) == ("unknown", True)
    assert (result["problem"]["kind"], result["proof"]["after"]) == ("refused", None)


def test_the_end_without_a_beginning_is_refused() -> None:
    for given in (None, {}, {"plan": {"kb": KB}}, {"plan": {"kb": KB}, "proof": {"before": None}}):
        with pytest.raises(AnsibleError, match="before: give the result of this module with state planned or removed"):
            act(Host(), state="verified", before=given)


def test_options_are_checked_before_the_host_is_asked() -> None:
    result = act(Host(), validate_only=True, kb="5122871")
    assert (result["kb"], result["outcome"]) == (KB, None)
    with pytest.raises(AnsibleError, match="kb: 'latest' is not the number of an update; give one like KB5120228"):
        act(Host(), kb="latest")
    with pytest.raises(AnsibleError, match="now: 'noon' is not a time"):
        act(Host(), now="noon")


def test_every_outcome_is_documented() -> None:
    words = "".join(yaml.safe_load(documented.RETURN)["outcome"]["description"])
    assert all(f"V({outcome})" in words for outcome in rollback_end.OUTCOMES)
