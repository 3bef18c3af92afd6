# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rollback.yml through ansible-playbook: what is removed and what is not, consent, the one restart, lost connections, check mode."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record
from conftest import HERE, Run, nearest, simfleet
from fleet import worlds as library
from monthly import of_hosts, saved, write

KB = "KB5120228"
HOTPATCH = "Package_for_KB5120228~31bf3856ad364e35~amd64~~26100.33222.1.3"
JULY = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.33158.1.11"
SEPTEMBER = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.33438.1.5"
DOTNET = "Package_for_DotNetRollup_481~31bf3856ad364e35~amd64~~10.0.9344.1"
CBS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing"
VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
PERMANENT = 0x800F0825
PLAYBOOK = ["ansible-playbook", "rebootless.patching.rollback"]
QUICK = {"verify_interval": 1, "verify_deadline": 5, "rollback_poll_interval": 0.2, "rebootless_lead": 2}
BASES = library.load(HERE / "worlds", only=["s25-hotpatched-august", "s25-september-baseline"])
NOBODY = f"Nothing was removed: taking {KB} off restarts the host, and nobody has said yes or no to that."
NOT_AGREED = f"Nothing was removed: taking {KB} off restarts the host, and that is not agreed to."


def world(*packages: dict[str, Any], base: str = "s25-hotpatched-august", **changes: Any) -> dict[str, Any]:
    """A Server 2025 with these servicing packages: a hotpatch on its baseline without any."""
    made = {key: value for key, value in copy.deepcopy(BASES[base]).items() if key != "expect"}
    made["packages"] = list(packages) or list(hotpatch())
    return library.merge(made, {"reboot": {"down_seconds": 0.2}, **changes})


def hotpatch(state: str = "Installed", **removal: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The packages of a host whose hotpatch goes off in this way."""
    return {"name": JULY, "kb": "KB5099536"}, {"name": HOTPATCH, "kb": KB, "state": state, "removal": removal}


def marks(*names: str) -> dict[str, Any]:
    """Servicing's marks in the registry."""
    return {f"{CBS}\\{name}": {} for name in names}


class Played:
    """What a run left behind: output, counters, the worlds, the record, and the report's hosts."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run = run
        self.worlds = saved(folder / "after")
        path = folder / "run" / "record.jsonl"
        self.entries = record.read(path)[0] if path.exists() else []
        report = folder / "run" / "run.json"
        hosts = json.loads(report.read_text(encoding="utf-8"))["hosts"] if report.exists() else []
        self.hosts: dict[str, dict[str, Any]] = {host["name"]: host for host in hosts}

    def steps(self, host: str) -> list[str]:
        """The steps of a host in the record, in order."""
        return [one["step"] for one in self.entries if one["host"] == host]

    def data(self, host: str, step: str) -> dict[str, Any]:
        """What the record holds of a step."""
        found = [one["data"] for one in self.entries if (one["host"], one["step"]) == (host, step)]
        assert len(found) == 1, self.steps(host)
        data: dict[str, Any] = found[0]
        return data

    def end(self, host: str) -> tuple[str, bool, list[str]]:
        """Outcome, whether the host has failed, and the words, by the report; the record says the same."""
        one = self.hosts[host]
        if self.steps(host):
            last = self.data(host, "host_finished")
            assert (last["outcome"], last["failed"], last["words"]) == (one["outcome"], one["failed"], one["words"])
        return one["outcome"], one["failed"], one["words"]

    def restarts(self, host: str) -> int:
        """How often the simulated host itself has restarted."""
        return int(self.run.counters["hosts"][host]["restarts"])

    def states(self, host: str) -> dict[str, str]:
        """The packages of the host and their states."""
        return {one["name"]: one.get("state", "Installed") for one in self.worlds[host]["packages"]}

    def build(self, host: str) -> int:
        """The revision that the host shows."""
        return int(self.worlds[host]["registry"][VERSION]["UBR"])


def play(
    folder: Path,
    worlds: Mapping[str, Mapping[str, Any]],
    *more: str,
    variables: Mapping[str, Mapping[str, Any]] | None = None,
    faults: Mapping[str, Any] | None = None,
    executor: str = "fast",
    status: int = 0,
    **extra: Any,
) -> Played:
    """The playbook over these worlds, with consent unless a host's own variables say otherwise."""
    folder.mkdir(exist_ok=True)
    options = ["--save-worlds", str(folder / "after")]
    if faults:
        (folder / "faults.yml").write_text(yaml.safe_dump(dict(faults)), encoding="utf-8")
        options += ["--faults", str(folder / "faults.yml")]
    command = [*PLAYBOOK, *more, "-e", json.dumps({**QUICK, "rebootless_dest": str(folder / "run"), **extra})]
    own = {
        name: {"rebootless_kb": KB, "rebootless_consent": True, **(variables or {}).get(name, {})} for name in worlds
    }
    done = simfleet(
        of_hosts(folder, command, own),
        folder,
        worlds=write(folder / "worlds", worlds),
        executor=executor,
        options=tuple(options),
    )
    return Played(done.check(status), folder)


# One run for all hosts that do not depend on others: what each is, its variables, and what goes wrong with it.
STACK = "Package_for_ServicingStack_33150~31bf3856ad364e35~amd64~~26100.33150.1.2"
OTHER = "Package_for_X~~amd64~~26100.33222.1.3"
BASELINE = ({"name": JULY, "kb": "KB5099536", "state": "Superseded"}, {"name": SEPTEMBER, "kb": "KB5122871"})
STAGED = {"name": SEPTEMBER, "kb": "KB5122871", "state": "InstallPending"}
WORLDS = {
    "hotpatch": world(*hotpatch(finish_seconds=0.5)),
    "baseline": world(*BASELINE, base="s25-september-baseline"),
    "staged": world(
        *(*hotpatch(), STAGED),
        clock="2026-09-20T12:00:00Z",
        registry={**marks("RebootPending", "PackagesPending"), f"{CBS}\\Packages\\{SEPTEMBER}": {"CurrentState": 0x60}},
    ),
    "absent": world(),
    "dotnet": world(
        {"name": JULY, "kb": "KB5099536"}, {"name": DOTNET, "kb": "KB5120708", "removal": {"restart": False}}
    ),
    "at-once": world(*hotpatch(restart=False)),
    "silent": world(*hotpatch(silent=True)),
    "half": world(*hotpatch("UninstallPending"), registry=marks("RebootPending", "PackagesPending")),
    "newer": world(),
    "pending": world(registry=marks("RebootPending")),
    "stack": world({"name": STACK}),
    "unnamed": world({"name": JULY, "kb": "KB5099536"}),
    "ambiguous": world({"name": HOTPATCH, "kb": KB}, {"name": OTHER, "kb": KB}),
    "denied": world(broken={"commands": {"Get-WindowsPackage": "denied"}}),
    "permanent": world(*hotpatch(fails=PERMANENT)),
    "full": world(*hotpatch(fails=0x80070070)),
    "undone": world(*hotpatch(undone=True)),
    "stubborn": world(reboot={"refuses": True}),
    "nobody-said": world(),
    "not-agreed": world(),
    "no-ticket": world(),
    "ticket": world(),
    "cut": world(),
    "gone": world(),
    "lost": world(*hotpatch(fails=0x80070070)),
    "never-back": world(),
    "ends-first": world(),
    "ends-meanwhile": world(),
}
CLOCK = datetime.fromisoformat(world()["clock"])
ENDS = (CLOCK + timedelta(seconds=1)).isoformat()
VARIABLES: dict[str, dict[str, Any]] = {
    "baseline": {"rebootless_kb": "5122871"},
    "staged": {"rebootless_kb": "kb5122871"},
    "absent": {"rebootless_kb": "KB5122871"},
    "dotnet": {"rebootless_kb": "KB5120708"},
    "newer": {"rebootless_kb": "KB5099536"},
    "stack": {"rebootless_package": STACK},
    "nobody-said": {"rebootless_consent": None},
    "not-agreed": {"rebootless_consent": False},
    "no-ticket": {"rebootless_consent": {"agreed": False, "ticket": "CHG1"}},
    "ticket": {"rebootless_consent": {"agreed": True, "ticket": "CHG1", "approver": "Ada"}, "rollback_become": True},
    # Agreed now, and not when the warning to the users is over.
    "ends-first": {"rebootless_consent": {"agreed": True, "expires": ENDS}},
    "ends-meanwhile": {
        "rebootless_consent": {"agreed": True, "expires": (CLOCK + timedelta(hours=1)).isoformat()},
        "rebootless_now": f"{{{{ '{CLOCK + timedelta(hours=2)}' if __rollback_removal | default({{}}) else '{CLOCK}' }}}}",
    },
    "lost": {"rollback_deadline": 2},
    "never-back": {"rollback_restart_timeout": 3, "rollback_back_timeout": 1},
}
# The third run of windows_packages is the removal: one for each look, then the removal itself.
FAULTS = {
    "cut": [{"kind": "cut", "when": {"module": "windows_packages", "nth": 3}}],
    "lost": [{"kind": "cut", "when": {"module": "windows_packages", "nth": 3}}],
    "gone": [{"kind": "refused", "seconds": 0.5, "when": {"module": "windows_packages", "nth": 3}}],
    "never-back": [{"kind": "never_back"}],
}
EXECUTED = ("hotpatch", "permanent", "dotnet", "cut", "not-agreed")


@pytest.fixture(scope="module")
def fleets(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Played]:
    """`fleets(executor)`: the run of all these hosts, with PowerShell of some; run once."""
    scratch = tmp_path_factory.mktemp("rollback")

    def run(executor: str) -> Played:
        names = WORLDS if executor == "fast" else EXECUTED
        return play(
            scratch / executor,
            {name: WORLDS[name] for name in names},
            *("--forks", "25"),
            variables=VARIABLES,
            faults={name: FAULTS[name] for name in names if name in FAULTS},
            executor=executor,
            status=2,
            rebootless_serial=50,
        )

    return cache(run)


@pytest.fixture
def fleet(fleets: Callable[[str], Played]) -> Played:
    """The run of all hosts."""
    return fleets("fast")


# What is removed


@pytest.mark.parametrize("executor", nearest())
def test_a_hotpatch_goes_off_with_one_restart(fleets: Callable[[str], Played], executor: str) -> None:
    played, host = fleets(executor), "hotpatch"
    assert (played.restarts(host), played.states(host), played.build(host)) == (1, {JULY: "Installed"}, 33158)
    assert KB not in [fix["kb"] for fix in played.worlds[host]["hotfixes"]]
    assert played.steps(host) == [
        *("announced", "verified_before", "removing", "removed"),
        *("restarting", "restarted", "verified_after", "host_finished"),
    ]
    plan = played.data(host, "removing")["plan"]
    assert (plan["package"], plan["effect"]["type"]) == (HOTPATCH, "hotpatch")
    assert (plan["effect"]["build_after"], plan["effect"]["track_after"]) == ("26100.33158", "hotpatch")
    removed = played.data(host, "removed")
    assert (removed["outcome"], removed["removal"]["restart_needed"]) == ("removed", True)
    assert removed["proof"]["after"]["package"] == "UninstallPending"
    restarted = played.data(host, "restarted")
    assert (restarted["done"], restarted["consent"], restarted["build"]) == (True, True, "26100.33158")
    assert (restarted["before"], restarted["after"]) == ("2026-07-15T02:10:00Z", "2026-08-20T12:02:00Z")
    words = [f"{KB} is off the host, which shows build 26100.33158 and is on_track (track hotpatch)."]
    assert played.end(host) == ("removed", False, words)
    assert played.hosts[host]["restart"]["done"] is True
    # The restart is announced before anything is removed.
    said = f"{host}: {KB} is taken off ({HOTPATCH}), and the host restarts 2 seconds after that. The host shows build"
    assert played.run.output.index(said) < played.run.output.index("Remove the package")


def test_a_baseline_goes_off_and_the_track_with_it(fleet: Played) -> None:
    host = "baseline"
    assert (fleet.restarts(host), fleet.states(host), fleet.build(host)) == (1, {JULY: "Installed"}, 33158)
    effect = fleet.data(host, "removing")["plan"]["effect"]
    assert (effect["type"], effect["track_before"], effect["track_after"]) == (
        "unplanned_baseline",
        "hotpatch",
        "standard",
    )
    following = "off the hotpatch track until KB5122871 or the next baseline.* is installed, which restarts it"
    assert re.search(following, " ".join(effect["words"]))
    words = ["KB5122871 is off the host, which shows build 26100.33158 and is behind (track standard)."]
    assert fleet.end(host) == ("removed", False, words)


def test_a_baseline_that_waits_for_its_restart_goes_for_the_same_one(fleet: Played) -> None:
    host = "staged"
    assert (fleet.restarts(host), fleet.build(host)) == (1, 33222)
    assert fleet.states(host) == {JULY: "Installed", HOTPATCH: "Installed"}
    assert fleet.end(host)[0] == "removed"


def test_an_update_that_is_not_there_costs_no_restart(fleet: Played) -> None:
    host = "absent"
    assert (fleet.restarts(host), fleet.steps(host)) == (0, ["host_finished"])
    assert fleet.end(host) == ("nothing_to_do", False, ["KB5122871 is not installed."])
    assert fleet.states(host) == {JULY: "Installed", HOTPATCH: "Installed"}
    assert fleet.run.counters["hosts"][host]["module_runs"]["rebootless.patching.windows_packages"] == 1


@pytest.mark.parametrize("executor", nearest())
def test_an_update_that_needs_no_restart_gets_none(fleets: Callable[[str], Played], executor: str) -> None:
    played, host = fleets(executor), "dotnet"
    assert (played.restarts(host), played.states(host)) == (0, {JULY: "Installed"})
    assert played.data(host, "removed")["restart"] == {
        "needed": False,
        "why": "Windows says that no restart is needed.",
    }
    words = ["KB5120708 is off the host, which shows build 26100.33222 and is on_track (track hotpatch)."]
    assert (played.end(host), played.hosts[host]["restart"]) == (("removed", False, words), None)


@pytest.mark.parametrize("host", ["at-once", "silent"])
def test_a_hotpatch_leaves_memory_with_a_restart_whatever_windows_says(fleet: Played, host: str) -> None:
    assert (fleet.restarts(host), fleet.states(host), fleet.end(host)[0]) == (1, {JULY: "Installed"}, "removed")


def test_a_run_that_ended_before_the_restart_is_taken_up(fleet: Played) -> None:
    host = "half"
    assert (fleet.restarts(host), fleet.states(host), fleet.build(host)) == (1, {JULY: "Installed"}, 33158)
    assert fleet.data(host, "removed")["outcome"] == "restart_left"
    assert fleet.end(host)[0] == "removed"


# What is not


@pytest.mark.parametrize(
    ("host", "outcome", "why"),
    [
        (
            "newer",
            "blocked",
            "The host is at build 26100.33222 and KB5099536 brought revision 33158: remove the newer update first.",
        ),
        (
            "pending",
            "blocked",
            f"Servicing has work left for a restart (cbs_reboot_pending): restart the host before {KB} is removed.",
        ),
        ("stack", "blocked", f"{STACK} is a servicing stack: it cannot be removed."),
        (
            "unnamed",
            "unknown",
            f"Windows lists {KB} as installed and no package tells that it is; name the package.",
        ),
        ("ambiguous", "unknown", f"{KB} has more than one package here; name one of {HOTPATCH}, {OTHER}."),
        ("denied", "unknown", "The servicing packages could not be read (access denied)."),
    ],
)
def test_what_must_not_be_removed_stays(fleet: Played, host: str, outcome: str, why: str) -> None:
    assert (fleet.restarts(host), fleet.steps(host)) == (0, ["host_finished"])
    assert fleet.end(host) == (outcome, True, [why])
    assert set(fleet.states(host).values()) == {"Installed"}


def refusal(played: Played, host: str, words: str) -> None:
    """A host whose package stayed, and which was not restarted."""
    assert (played.restarts(host), played.states(host)[HOTPATCH]) == (0, "Installed")
    assert played.steps(host) == ["announced", "verified_before", "removing", "removed", "host_finished"]
    assert played.end(host) == ("failed", True, [words])


@pytest.mark.parametrize("executor", nearest())
def test_a_package_that_is_permanent_stays(fleets: Callable[[str], Played], executor: str) -> None:
    words = f"Windows does not let {KB} go: its package is permanent (0x800F0825). Nothing was changed."
    refusal(fleets(executor), "permanent", words)


def test_a_removal_that_fails(fleet: Played) -> None:
    refusal(fleet, "full", f"Taking {KB} off failed (0x80070070): Exception from HRESULT: 0x80070070")


def test_a_removal_that_the_boot_takes_back(fleet: Played) -> None:
    assert (fleet.restarts("undone"), fleet.states("undone")[HOTPATCH]) == (1, "Installed")
    assert fleet.end("undone") == ("failed", True, [f"{KB} is still Installed."])


def test_a_host_that_refuses_to_restart(fleet: Played) -> None:
    host = "stubborn"
    assert (fleet.restarts(host), fleet.states(host)[HOTPATCH]) == (0, "UninstallPending")
    outcome, bad, words = fleet.end(host)
    assert (outcome, bad, words[0]) == ("failed", True, f"{KB} is removed but for the restart.")
    assert words[1].endswith("Reboot command failed Access is denied.(5)")
    assert fleet.hosts[host]["restart"]["done"] is not True


# Consent


@pytest.mark.parametrize(
    ("host", "why", "bad"),
    [("nobody-said", NOBODY, True), ("not-agreed", NOT_AGREED, False), ("no-ticket", NOT_AGREED, False)],
)
def test_nothing_is_removed_without_consent(fleet: Played, host: str, why: str, bad: bool) -> None:
    assert (fleet.restarts(host), fleet.states(host)[HOTPATCH], fleet.steps(host)) == (
        0,
        "Installed",
        ["host_finished"],
    )
    outcome, failed, words = fleet.end(host)
    assert (outcome, failed, words[0]) == ("restart_due", bad, why)
    # And what it would do.
    assert f"{KB} is a hotpatch, and the baseline stays" in " ".join(words)


def test_a_consent_that_ends_before_the_restart_removes_nothing(fleet: Played) -> None:
    assert (fleet.restarts("ends-first"), fleet.states("ends-first")[HOTPATCH]) == (0, "Installed")
    outcome, failed, words = fleet.end("ends-first")
    assert (outcome, failed) == ("restart_due", False)
    assert words[0].startswith(NOT_AGREED)


def test_a_consent_that_ends_during_the_removal_restarts_nothing(fleet: Played) -> None:
    assert (fleet.restarts("ends-meanwhile"), fleet.states("ends-meanwhile")[HOTPATCH]) == (0, "UninstallPending")
    assert fleet.steps("ends-meanwhile")[-3:] == ["removing", "removed", "host_finished"]
    outcome, failed, words = fleet.end("ends-meanwhile")
    assert (outcome, failed) == ("restart_due", True)
    assert words[0].startswith(
        f"The host was not restarted: taking {KB} off restarts the host, and that is not agreed to."
    )


def test_who_agreed_is_recorded(fleet: Played) -> None:
    assert fleet.restarts("ticket") == 1
    by = {"ticket": "CHG1", "approver": "Ada", "expires": None}
    assert [fleet.data("ticket", step)["consent_by"] for step in ("removing", "restarting")] == [by, by]


# Hosts that are lost


@pytest.mark.parametrize("executor", nearest())
def test_a_connection_that_is_lost_during_the_removal(fleets: Callable[[str], Played], executor: str) -> None:
    """The removal goes on; the host says what became of it."""
    played, host = fleets(executor), "cut"
    removed = played.data(host, "removed")
    assert (removed["outcome"], removed["removal"]["restart_needed"]) == ("removed", None)
    assert removed["removal"]["message"] == "The host says so: nobody saw the removal end."
    assert (played.restarts(host), played.states(host), played.end(host)[0]) == (1, {JULY: "Installed"}, "removed")


def test_a_host_that_goes_away_during_the_removal_is_waited_for(fleet: Played) -> None:
    assert fleet.data("gone", "removed")["removal"]["message"] == "The host says so: nobody saw the removal end."
    assert (fleet.restarts("gone"), fleet.states("gone"), fleet.end("gone")[0]) == (1, {JULY: "Installed"}, "removed")


def test_a_removal_that_nobody_saw_fail_is_unknown(fleet: Played) -> None:
    """The update is in place, and whether something is still at work nobody knows."""
    assert (fleet.restarts("lost"), fleet.states("lost")[HOTPATCH]) == (0, "Installed")
    words = f"Whether {KB} is off is not known. Nobody saw the removal end, and the package is Installed."
    assert fleet.end("lost") == ("unknown", True, [words])


def test_a_host_that_does_not_come_back_from_its_restart(fleet: Played) -> None:
    assert (fleet.restarts("never-back"), fleet.steps("never-back")[-2:]) == (1, ["restarting", "host_finished"])
    assert fleet.end("never-back") == ("unknown", True, ["The host could not be asked what became of it."])
    assert fleet.hosts["never-back"]["restart"]["done"] is None


# The fleet


def test_one_host_at_a_time_until_one_does_not_end_well(tmp_path: Path) -> None:
    worlds = {"a": world(), "b": world(*hotpatch(fails=PERMANENT)), "c": world(), "d": world()}
    played = play(tmp_path, worlds, status=2)
    assert [played.hosts[name]["outcome"] for name in worlds] == ["removed", "failed", "not_started", "not_started"]
    assert [played.restarts(name) for name in worlds] == [1, 0, 0, 0]
    assert played.hosts["c"]["words"] == ["b did not end well, so no further host was begun."]
    assert [played.run.counters["hosts"][name]["requests"] for name in ("c", "d")] == [0, 0]
    assert [one["host"] for one in played.entries if one["step"] == "host_finished"] == ["a", "b"]


def test_a_host_that_is_away_stops_the_run_too(tmp_path: Path) -> None:
    """More than one at once when it is asked for; the hosts of a batch end together."""
    worlds = {"a": world(), "b": world(), "c": world()}
    played = play(tmp_path, worlds, faults={"a": [{"kind": "refused"}]}, status=2, rebootless_serial=2)
    assert [played.hosts[name]["outcome"] for name in worlds] == ["not_reached", "removed", "not_started"]
    assert played.steps("c") == []


def test_a_second_run_finds_nothing_to_do(tmp_path: Path) -> None:
    first = play(tmp_path, {"srv": world()})
    again = play(tmp_path, first.worlds)
    assert (again.restarts("srv"), again.hosts["srv"]["outcome"]) == (0, "nothing_to_do")
    assert len([one for one in again.entries if one["step"] == "run_started"]) == 2


@pytest.mark.parametrize("executor", nearest())
def test_check_mode_says_what_would_be_done_and_does_nothing(tmp_path: Path, executor: str) -> None:
    worlds = {"srv": world(), "half": world(*hotpatch("UninstallPending"))}
    more = ("--check", "--diff")
    played = play(tmp_path, worlds, *more, executor=executor, rebootless_serial=2)
    assert [played.restarts(name) for name in worlds] == [0, 0]
    assert {name: played.worlds[name]["packages"] for name in worlds} == {
        name: worlds[name]["packages"] for name in worlds
    }
    assert (played.entries, played.hosts) == ([], {})
    for said in (
        f"-{HOTPATCH}: Installed",
        f"+{HOTPATCH}: absent",
        "Whether Windows lets it go, only trying tells",
        "The host shows build 26100.33158 afterwards",
        "is removed already, but for the restart",
    ):
        assert said in played.run.output


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"rebootless_kb": "latest"}, "kb: 'latest' is not the number of an update; give one like KB5120228."),
        ({"rebootless_kb": ""}, "kb: '' is not the number of an update; give one like KB5120228."),
        ({"rebootless_consent": "perhaps"}, "consent is 'perhaps'"),
    ],
)
def test_bad_input_of_one_host_ends_the_run_before_any_is_asked(
    tmp_path: Path, variables: dict[str, Any], said: str
) -> None:
    played = play(tmp_path, {"a": world(), "b": world()}, variables={"b": variables}, status=2)
    assert said in played.run.output
    assert {host["requests"] for host in played.run.counters["hosts"].values()} == {0}
