# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role baseline through ansible-playbook: each host with a case of its own, and how it must end."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import hooks
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record
from conftest import LONG, Run, executors, simfleet
from fleet import months
from monthly import of_hosts, saved, write

World = dict[str, Any]

SPRING = months.advance(months.start(months.SERVER_2025, "2026-04-14"), "2026-04-15", companions=("dotnet", "defender"))
BASELINE, DEFENDER = "KB5082063", "KB2267602"
DOTNET = next(offer["kb"] for offer in SPRING["offers"] if ".NET" in offer["title"])
WAITS = (BASELINE, DOTNET)
ALL = (*WAITS, DEFENDER)
ID = {offer["kb"]: offer["id"] for offer in SPRING["offers"]}
BUILD = next(offer["build"] for offer in SPRING["offers"] if offer["kb"] == BASELINE)
REBOOT_PENDING = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"
IN_PROGRESS = REBOOT_PENDING.replace("RebootPending", "RebootInProgress")
SIGNALS, WIN_UPDATES, DRAIN = "windows_signals_info", "win_updates", "windows_drain"
FATAL = 0x80070643
NOW, LATE = "2026-04-15T12:00:00Z", "2026-04-15T14:00:00Z"
WINDOW = {"windows": [{"start": "11:00", "duration": "2h", "patch_tuesday_plus": 1}]}
GONE_SOON = {"baseline_restart_timeout": 3, "baseline_back_timeout": 1}
ADAPTER = [{"type": "tasks", "name": "pool", "drain": "{files}/drain.yml", "restore": "{files}/restore.yml"}]

# Each writes its name to the host's log, on the controller.
LOG = {
    "name": "Log",
    "ansible.legacy.keep": {"line": "{name}", "dest": "{files}/{{{{ inventory_hostname }}}}.log"},
}
FILES: dict[str, list[World]] = {
    **{name: [] for name in (*hooks.PHASES, "drain", "restore")},
    "refuse": [{"name": "Refuse", "ansible.builtin.fail": {"msg": "three sessions are left"}}],
    "fail": [{"name": "Break", "ansible.builtin.fail": {"msg": "the ticket system is down"}}],
    "ping": [{"name": "Ping", "ansible.windows.win_ping": {}}],
    "lose": [{"name": "Ping", "ansible.windows.win_ping": {}, "ignore_errors": True}],
    "late": [{"name": "Take long", "ansible.builtin.set_fact": {"late": True}}],
    "sick": [{"name": "Fall ill", "ansible.builtin.set_fact": {"sick": True}}],
    "healthy": [{"name": "Serve", "ansible.builtin.fail": {"msg": "no page"}, "when": "sick | default(false)"}],
}

PLAY = """
- name: Patch
  hosts: windows
  gather_facts: false
  strategy: ansible.builtin.free
  tasks:
    - name: Patch the host
      ansible.builtin.include_role:
        name: rebootless.patching.baseline
      vars:
        baseline_consent: "{{ consent }}"
        baseline_fail: false
        baseline_now: "{{ judged_at | default(rebootless_now) }}"
        baseline_record: "{{ files }}/record.jsonl"
        baseline_run: run
        baseline_verify: "{{ look | default(true) }}"
    - name: Keep the result
      ansible.legacy.keep:
        content: "{{ baseline_result | to_json }}"
        dest: "{{ files }}/{{ inventory_hostname }}.json"
"""
QUICK = {
    "baseline_drain_interval": 0,
    "baseline_poll_interval": 0.2,
    "verify_deadline": 3,
    "verify_interval": 1,
}


def world(*kbs: str, keys: Mapping[str, World] | None = None, **more: Any) -> World:
    """A healthy Server 2025 on the day after April's Patch Tuesday that is offered these KBs; `keys` of single offers."""
    made = copy.deepcopy(SPRING)
    made["offers"] = [
        {**offer, **(keys or {}).get(offer["kb"], {})} for offer in made["offers"] if offer["kb"] in (kbs or WAITS)
    ]
    return {**made, **more}


def pending(**agent: Any) -> World:
    """A restart is pending: the agent says so, or else a role that was added."""
    made = world()
    if agent:
        return {**made, "update_agent": {**made.get("update_agent", {}), **agent}}
    made["registry"][REBOOT_PENDING] = {}
    return made


AT_WORK = {"registry": {IN_PROGRESS: {}}}
BUSY = {"update_agent": {"busy": True}}


def at_work() -> World:
    """Windows is in the boot phase of servicing, and a restart is pending besides."""
    made = pending()
    made["registry"][IN_PROGRESS] = {}
    return made


def becomes(nth: int, **changes: Any) -> World:
    """The fault of a host that is another from the `nth` time on that its signals are read."""
    return {"kind": "becomes", "when": {"module": SIGNALS, "nth": nth}, "world": changes}


def fault(kind: str, module: str | None = None, nth: int | None = None, seconds: float | None = None) -> World:
    """A fault as the faults file has it."""
    when = {key: value for key, value in (("module", module), ("nth", nth)) if value is not None}
    made = {"kind": kind, "when": when, "seconds": seconds}
    return {key: value for key, value in made.items() if value not in (None, {})}


@dataclass(frozen=True)
class Case:
    """A host, and how it must end."""

    outcome: str
    failed: bool
    # KBs that are installed at the end, and restarts begun, both as the host itself counts them.
    installed: tuple[str, ...] = ()
    restarts: int = 0
    # Whether each restart in the result is proved; as many as the host has begun, unless it refused.
    done: tuple[bool | None, ...] | None = None
    drain: str | None = "active"
    out: bool = False
    says: str = ""
    # What win_updates was asked for, in order.
    asked: tuple[str, ...] | None = None
    log: tuple[str, ...] | None = None
    world: World = field(default_factory=world)
    fault: World | None = None
    consent: bool | None = True
    adapter: bool = True
    hooks: Mapping[str, list[str]] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)


def well(**more: Any) -> Case:
    """Everything is in, by one restart, and the host is in service."""
    given = {"installed": WAITS, "restarts": 1, "asked": ("downloaded", "installed"), **more}
    return Case("restarted", False, **given)


def lost(outcome: str, kind: str, module: str, nth: int = 1, **more: Any) -> Case:
    """The host goes away for good when a module runs."""
    given = {"drain": "unknown", "out": True, "fault": fault(kind, module, nth), **more}
    return Case(outcome, True, variables={**GONE_SOON, "baseline_deadline": 5, **given.pop("variables", {})}, **given)


ONCE = ("downloaded", "installed")
CASES: dict[str, Case] = {
    # what is agreed
    "all": well(
        hooks={phase: [f"{phase}.yml"] for phase in hooks.PHASES},
        log=(
            *("before_preflight", "before_drain", "drain", "after_drain", "before_install", "after_install"),
            *("before_restart", "after_restart", "before_undrain", "restore", "after_undrain", "after_finish"),
        ),
    ),
    "present-time": well(variables={"judged_at": ""}),
    "no-adapter": well(adapter=False, drain=None, log=()),
    "consent-null": Case(
        "restart_due", True, consent=None, world=world(*ALL), asked=(), says="nobody has said", log=()
    ),
    "consent-false": Case(
        "restart_due", False, (DEFENDER,), consent=False, world=world(*ALL), asked=("installed",), log=()
    ),
    "stage": Case(
        "restart_due",
        False,
        (DEFENDER,),
        consent=False,
        world=world(*ALL),
        asked=ONCE,
        variables={"baseline_stage": True},
    ),
    "stage-fails": Case(
        "restart_due",
        False,
        (DEFENDER,),
        consent=False,
        world=world(*ALL, keys={BASELINE: {"fails": {"stage": "download", "hresult": 0x80240034}}}),
        says="0x80240034",
        variables={"baseline_stage": True},
    ),
    # windows
    "closed-in-the-drain": Case(
        "restart_due",
        False,
        (DEFENDER,),
        world=world(*ALL),
        asked=ONCE,
        log=("drain", "restore"),
        variables={
            "baseline_policy": WINDOW,
            "judged_at": f"{{{{ '{LATE}' if drain_result is defined else '{NOW}' }}}}",
        },
    ),
    "closed-before-the-restart": Case(
        "restart_due",
        False,
        WAITS,
        says="The window closed at 2026-04-15T13:00:00Z",
        hooks={"before_restart": ["late.yml"]},
        variables={"baseline_policy": WINDOW, "judged_at": f"{{{{ '{LATE}' if late is defined else '{NOW}' }}}}"},
    ),
    "closed-in-the-warning": Case(
        "restart_due",
        False,
        WAITS,
        says="before the 3600 seconds of warning are over",
        variables={"baseline_policy": WINDOW, "baseline_lead": 3600},
    ),
    # restarts that are pending, and rounds
    "pending": well(world=pending()),
    "pending-blocks": well(
        world=pending(reboot_required=True, reboot_required_before_installation=True),
        restarts=2,
        asked=("installed",),
    ),
    "pending-blocks-one-round": Case(
        "restarted",
        False,
        (),
        1,
        world=pending(reboot_required=True, reboot_required_before_installation=True),
        asked=(),
        variables={"baseline_rounds": 1},
    ),
    "one-fails-twice": Case(
        "partly_installed",
        True,
        WAITS,
        1,
        world=world(*ALL, keys={DEFENDER: {"fails": {"stage": "install", "hresult": FATAL}}}),
        asked=("downloaded", "installed", "installed"),
        says=f"0x{FATAL:08X}",
    ),
    "reoffered": well(world=world(keys={DOTNET: {"installs_but_reoffered": True}})),
    # what keeps a host from being touched
    "preflight": Case(
        "blocked",
        True,
        asked=(),
        world=world(processes=["wbengine"]),
        says="wbengine",
        log=("on_failure",),
        hooks={"on_failure": ["on_failure.yml"]},
    ),
    "download-fails": Case(
        "failed",
        True,
        world=world(keys={DOTNET: {"fails": {"stage": "download", "hresult": 0x80240034}}}),
        asked=("downloaded",),
        says="0x80240034",
        log=(),
    ),
    # Its signals are read to decide, before the download, the drain, the second decision, the installation, after it, before the restart.
    "at-work": Case(
        "restart_due", False, asked=(), world=at_work(), says="Not now: Windows is in the boot phase", log=()
    ),
    "busy-before-download": Case("failed", True, asked=(), says="is installing something", fault=becomes(2, **BUSY)),
    "at-work-before-drain": Case(
        "blocked", True, asked=("downloaded",), says="boot phase of servicing", log=(), fault=becomes(3, **AT_WORK)
    ),
    "at-work-before-installation": Case(
        "stale", True, asked=("downloaded",), says="boot phase of servicing", fault=becomes(5, **AT_WORK)
    ),
    "at-work-before-restart": Case(
        "restart_due",
        False,
        WAITS,
        says="The host is not restarted. Windows is in the boot phase",
        asked=ONCE,
        fault=becomes(7, **AT_WORK),
    ),
    "drain-refused": Case(
        "blocked",
        True,
        asked=("downloaded",),
        says="three sessions are left",
        variables={"baseline_adapters": [{**ADAPTER[0], "drain": "{files}/refuse.yml"}]},
    ),
    "sick-before": Case("blocked", True, asked=("downloaded",), says="no page", log=(), variables={"sick": True}),
    # the restart
    "restart-refused": Case("failed", True, WAITS, 0, (False,), world=world(reboot={"refuses": True}), says="denied"),
    "rolls-back": Case(
        "failed", True, WAITS, 1, fault=fault("rolls_back"), says=f"Windows has taken {BASELINE}", asked=ONCE
    ),
    "never-back": Case(
        "failed",
        True,
        WAITS,
        1,
        (None,),
        "unknown",
        True,
        fault=fault("never_back"),
        says="is not back",
        variables=GONE_SOON,
    ),
    "slow-back": well(fault=fault("slow_boot", seconds=4), variables={"baseline_restart_timeout": 1}),
    # health
    "sick-after": Case(
        "verify_failed",
        True,
        WAITS,
        1,
        drain="drained",
        out=True,
        says="not healthy",
        log=("drain",),
        hooks={"after_restart": ["sick.yml"]},
    ),
    "sick-after-put-back": Case(
        "verify_failed",
        True,
        WAITS,
        1,
        out=True,
        log=("drain", "restore"),
        hooks={"after_restart": ["sick.yml"]},
        variables={"baseline_keep_drained": False},
    ),
    # hooks
    "hook-before-preflight": Case(
        "failed",
        True,
        asked=(),
        says="before_preflight) failed: Break: the ticket system is down",
        log=(),
        hooks={"before_preflight": ["fail.yml"]},
    ),
    "hook-before-install": Case(
        "failed",
        True,
        asked=("downloaded",),
        says="the ticket system is down",
        log=("drain", "restore"),
        hooks={"before_install": ["fail.yml", "before_install.yml"]},
    ),
    "hook-before-restart": Case(
        "failed", True, WAITS, says="the ticket system is down", hooks={"before_restart": ["fail.yml"]}
    ),
    "hook-after-restart": Case(
        "failed",
        True,
        WAITS,
        1,
        says="the ticket system is down",
        log=("drain", "after_restart", "restore"),
        hooks={"after_restart": ["fail.yml", "after_restart.yml"]},
    ),
    "hook-before-undrain": Case(
        "failed", True, WAITS, 1, says="the ticket system is down", hooks={"before_undrain": ["fail.yml"]}
    ),
    "hook-at-the-end": Case(
        "failed", True, WAITS, 1, says="the ticket system is down", hooks={"after_finish": ["fail.yml"]}
    ),
    "hook-loses-the-host": lost(
        "failed", "refused", "win_ping", hooks={"before_install": ["ping.yml"]}, asked=("downloaded",)
    ),
    # the host goes away
    "lost-at-first": Case("not_reached", True, fault=fault("refused"), asked=(), drain=None, out=True),
    "lost-at-preflight": lost("blocked", "refused", "windows_preflight_info", asked=()),
    "lost-at-download": lost("failed", "refused", WIN_UPDATES),
    "lost-at-drain": lost("failed", "refused", DRAIN, asked=("downloaded",)),
    "lost-at-decision": lost("not_reached", "unauthorized", SIGNALS, 4, asked=("downloaded",)),
    "lost-at-installation": lost("unknown", "refused", WIN_UPDATES, 4, installed=WAITS, asked=ONCE),
    "lost-before-restart": lost(
        "failed",
        "refused",
        "win_ping",
        installed=WAITS,
        says="could not be asked",
        hooks={"before_restart": ["lose.yml"]},
    ),
    # Lost after all is installed, for which executed PowerShell takes longer on a busy machine than the others have.
    "lost-at-restart": lost(
        "failed", "refused", "boot_time", installed=WAITS, done=(None,), variables={"baseline_deadline": 120}
    ),
    "lost-after-restart": lost("failed", "refused", SIGNALS, 8, installed=WAITS, restarts=1, done=(None,)),
    "lost-at-verify": lost("unknown", "refused", "win_service_info", 3, installed=WAITS, restarts=1),
    "lost-at-undrain": lost("failed", "refused", DRAIN, 4, installed=WAITS, restarts=1),
    "cut-after-restart": well(fault=fault("cut", SIGNALS, 8)),
}
# Each has a like among the others; `make long` plays them too.
SELDOM = (
    *("present-time", "stage-fails", "closed-in-the-warning", "reoffered", "slow-back", "sick-after-put-back"),
    *("hook-before-install", "hook-after-restart", "hook-before-undrain", "hook-loses-the-host"),
    *("lost-at-preflight", "lost-at-download", "lost-before-restart", "lost-at-verify", "restart-refused"),
)
PLAYED = {name: case for name, case in CASES.items() if LONG or name not in SELDOM}
AT_ONCE = 12
WITH_POWERSHELL = ("all", "sick-after") if LONG else ("all",)
CHECKED = ("all", "consent-false", "pending-blocks", "preflight", "drain-refused")


class Played:
    """What a run left behind."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder = run, folder
        self.worlds = saved(folder / "saved")
        file = folder / "record.jsonl"
        self.entries = record.read(file)[0] if file.exists() else []

    def result(self, host: str) -> World:
        """The host's baseline_result."""
        return dict(json.loads((self.folder / f"{host}.json").read_text(encoding="utf-8")))

    def log(self, host: str) -> tuple[str, ...]:
        """What the files of tasks wrote, in order."""
        file = self.folder / f"{host}.log"
        return tuple(file.read_text(encoding="utf-8").split()) if file.exists() else ()

    def seen(self, host: str) -> World:
        """What the simulated host itself counted."""
        return dict(self.run.counters["hosts"][host])

    def steps(self, host: str) -> list[str]:
        """The host's steps in the record."""
        return [one["step"] for one in self.entries if one["host"] == host]


def play(folder: Path, cases: Mapping[str, Case], *more: str, executor: str = "fast", **given: Any) -> Played:
    """The role on every host of `cases` at once; `worlds` in place of theirs, without their faults then."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, tasks in FILES.items():
        text = yaml.safe_dump([*tasks, LOG] if name in hooks.PHASES or name in ("drain", "restore") else tasks)
        text = text.replace("{name}", name).replace("{files}", str(folder)).replace("{{{{", "{{").replace("}}}}", "}}")
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    variables = {
        name: {
            "consent": given.get("consent", one.consent),
            "baseline_adapters": ADAPTER if one.adapter else [],
            "baseline_hooks": one.hooks,
            "verify_tasks": ["{files}/healthy.yml"],
            **one.variables,
        }
        for name, one in cases.items()
    }
    variables = json.loads(json.dumps(variables).replace("{files}", str(folder)))
    (folder / "play.yml").write_text(PLAY, encoding="utf-8")
    faults = {name: [one.fault] for name, one in cases.items() if one.fault and "worlds" not in given}
    (folder / "faults.yml").write_text(yaml.safe_dump(faults), encoding="utf-8")
    worlds = write(folder / "worlds", given.get("worlds") or {name: one.world for name, one in cases.items()})
    extra = json.dumps({**QUICK, "files": str(folder)})
    command = of_hosts(
        folder, ["ansible-playbook", "-f", "25", str(folder / "play.yml"), "-e", extra, *more], variables
    )
    options = ("--faults", str(folder / "faults.yml"), "--save-worlds", str(folder / "saved"))
    options += ("--time-scale", "0.5", "--read-timeout", "20", "--operation-timeout", "10")
    return Played(simfleet(command, folder, worlds=worlds, executor=executor, options=options).check(0), folder)


def assert_ends_as_stated(name: str, case: Case, played: Played) -> None:
    """Result, record and what the host itself has seen."""
    result, seen = played.result(name), played.seen(name)
    words = " ".join(result["words"])
    assert (result["outcome"], result["failed"], result["out"]) == (case.outcome, case.failed, case.out), words
    assert seen["restarts"] == case.restarts
    assert sorted(set(seen["updates_installed"])) == sorted(ID[kb] for kb in case.installed)
    assert case.says in words, words
    done = (True,) * case.restarts if case.done is None else case.done
    assert tuple(one["done"] for one in result["restarts"]) == done
    assert result["restart"] == (result["restarts"][-1] if done else None)
    assert (result["drain"] or {}).get("state") == case.drain, result["drain"]
    assert bool(result["next_step"]) is (case.failed or case.outcome == "restart_due")
    if case.asked is not None:
        assert tuple(one["state"] for one in seen["updates_asked"]) == case.asked
    if case.log is not None:
        assert played.log(name) == case.log
    steps = played.steps(name)
    assert (steps[-1], steps.count("host_finished")) == ("host_finished", 1)
    assert steps.count("restarting") == len(done)
    assert steps.count("restarted") == done.count(True)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Played]:
    """`first(name)`: the run that a case was in. A task costs ansible-core the more the more hosts have included roles before."""
    names, runs = list(PLAYED), dict[int, Played]()

    def run(name: str) -> Played:
        number = names.index(name) // AT_ONCE
        if number not in runs:
            together = names[number * AT_ONCE : (number + 1) * AT_ONCE]
            runs[number] = play(tmp_path_factory.mktemp("first"), {one: CASES[one] for one in together})
        return runs[number]

    return run


@pytest.mark.parametrize("name", PLAYED)
def test_the_host_ends_as_stated(name: str, first: Callable[[str], Played]) -> None:
    assert_ends_as_stated(name, CASES[name], first(name))


def test_the_record_tells_every_step_in_order(first: Callable[[str], Played]) -> None:
    assert first("all").steps("all") == [
        *("decided", "announced", "preflight", "downloaded", "verified_before", "drained", "decided"),
        *(
            "installing",
            "installed",
            "restarting",
            "restarted",
            "decided",
            "verified_after",
            "undrained",
            "host_finished",
        ),
    ]


@pytest.mark.parametrize(
    ("name", "restarts"),
    [
        ("all", [1]),
        ("pending", [1]),
        ("pending-blocks", [2]),
        ("pending-blocks-one-round", [1]),
        ("consent-null", []),
        ("consent-false", []),
    ],
)
def test_restarts_are_announced(name: str, restarts: list[int], first: Callable[[str], Played]) -> None:
    entries = first(name).entries
    said = [one["data"]["restarts"] for one in entries if (one["step"], one["host"]) == ("announced", name)]
    assert said == restarts


def test_the_host_is_on_track_again(first: Callable[[str], Played]) -> None:
    restart = first("all").result("all")["restart"]
    assert (restart["build"], restart["state"], restart["consent"]) == (BUILD, "on_track", True)
    assert first("rolls-back").result("rolls-back")["restart"]["build"] != BUILD


def test_run_again_the_host_that_stayed_out_is_put_back_when_it_is_healthy(
    first: Callable[[str], Played], tmp_path: Path
) -> None:
    """Nothing is left to install; a host that is still ill stays out, and one that is well is put back."""
    ill = {"verify_tasks": ["{files}/fail.yml"]}
    cases = {name: Case("nothing_to_do", False, variables=more) for name, more in (("well", {}), ("ill", ill))}
    worlds = dict.fromkeys(cases, first("sick-after").worlds["sick-after"])
    assert "pool" in worlds["well"]["memory"]
    again = play(tmp_path, cases, worlds=worlds, consent=False)
    assert (again.result("well")["outcome"], again.result("well")["drain"]["state"]) == ("nothing_to_do", "active")
    assert again.log("well") == ("restore",)
    assert "memory" not in again.worlds["well"]
    kept = again.result("ill")
    assert (kept["drain"]["state"], kept["out"], kept["failed"], again.log("ill")) == ("drained", True, True, ())
    assert "memory" in again.worlds["ill"]


def test_check_mode_changes_nothing_and_tells_what_it_would_do(tmp_path: Path) -> None:
    cases = {name: CASES[name] for name in CHECKED}
    played = play(tmp_path, cases, "--check", "--diff")
    for name, case in cases.items():
        assert played.worlds[name] == case.world, name
        seen = played.seen(name)
        assert (seen["restarts"], seen["updates_asked"], seen["updates_installed"]) == (0, [], []), name
        assert played.log(name) == ()
    assert played.entries == []
    ends = {name: played.result(name)["outcome"] for name in cases}
    assert ends == {
        "all": "check_mode",
        "consent-false": "check_mode",
        "pending-blocks": "check_mode",
        "preflight": "blocked",
        "drain-refused": "check_mode",
    }
    for name, outcome in ends.items():
        assert ("only the run itself tells" in " ".join(played.result(name)["words"])) is (outcome == "check_mode"), (
            name
        )
    assert f"One restart for {BASELINE}, {DOTNET}." in played.result("all")["words"]
    assert "a second restart" in " ".join(played.result("pending-blocks")["words"])


# What names PCR 7 though Windows cannot bind it, the case of April 2026. The TPM does not open the volume at the next boot.
PCR7 = {"protection": 1, "protectors": [1, 3], "binding": 0, "asks_at_boot": True}
SUSPEND = {"baseline_preflight": {"suspend_bitlocker": 1}}


def locked(**more: Any) -> World:
    """A host whose BitLocker asks at the next boot, unless it is suspended; `more` of the volume."""
    made = world(bitlocker={**PCR7, **more})
    made["registry"] |= {
        r"HKLM\SOFTWARE\Policies\Microsoft\FVE\OSPlatformValidation_UEFI": {
            "Enabled": 1,
            "0": 1,
            "4": 1,
            "7": 1,
            "11": 1,
        },
        r"HKLM\SYSTEM\CurrentControlSet\Control\SecureBoot\State": {"UEFISecureBootEnabled": 1},
    }
    return made


BITLOCKER = {
    "stopped": Case("blocked", True, asked=(), log=(), world=locked(), says=f"Known issue of {BASELINE}"),
    "suspended": well(world=locked(), variables=SUSPEND),
    "resumed-by-us": well(world=locked(stays_suspended=True), variables=SUSPEND),
    "not-resumed": Case(
        "failed",
        True,
        WAITS,
        1,
        world=locked(stays_suspended=True, fails={"EnableKeyProtectors": 0x80310007}),
        says="BITLOCKER IS STILL SUSPENDED (failed (0x80310007))",
        variables=SUSPEND,
    ),
    "not-suspended": Case(
        "failed",
        True,
        WAITS,
        world=locked(fails={"DisableKeyProtectors": 0x80310000}),
        says="could not be suspended (failed (0x80310000)), so the host is not restarted",
        variables=SUSPEND,
    ),
    "not-restarted": Case(
        "failed", True, WAITS, 0, (False,), world={**locked(), "reboot": {"refuses": True}}, variables=SUSPEND
    ),
}


def test_bitlocker_is_suspended_for_the_restart_and_seen_to_be_on_again(tmp_path: Path) -> None:
    """Recorded before it is done; resumed whatever became of the restart; a host on which it is not on again has failed."""
    played = play(tmp_path, BITLOCKER)
    for name, case in BITLOCKER.items():
        assert_ends_as_stated(name, case, played)
    protection = {name: played.worlds[name]["bitlocker"]["protection"] for name in BITLOCKER}
    assert protection == {**dict.fromkeys(BITLOCKER, 1), "not-resumed": 0}
    told = ["bitlocker_suspending", "restarting", "restarted", "bitlocker_resumed"]
    around = {name: [step for step in played.steps(name) if step in told] for name in BITLOCKER}
    assert around == {
        "stopped": [],
        "suspended": told,
        "resumed-by-us": told,
        "not-resumed": told,
        "not-suspended": [told[0], told[3]],
        "not-restarted": [told[0], told[1], told[3]],
    }
    resumed = {one["host"]: one["data"] for one in played.entries if one["step"] == "bitlocker_resumed"}
    assert [resumed[name]["ok"] for name in ("suspended", "resumed-by-us", "not-resumed")] == [True, True, False]
    assert "by Windows itself" in resumed["suspended"]["words"]
    assert "because it was resumed" in resumed["resumed-by-us"]["words"]


@pytest.mark.skipif("powershell" not in executors(), reason="no pwsh 7.5 or newer: the cases run on the fast executor")
def test_with_powershell_executed(tmp_path: Path) -> None:
    cases = {name: CASES[name] for name in WITH_POWERSHELL}
    played = play(tmp_path, cases, executor="powershell")
    for name, case in cases.items():
        assert_ends_as_stated(name, case, played)


BAD = {
    "hook": ({"baseline_hooks": {"before_drain": ["{files}/bad.yml"]}}, "bad.yml: task 1 (Wait) uses pause"),
    "phase": ({"baseline_hooks": {"before_lunch": []}}, "baseline_hooks.before_lunch: there is no such phase"),
    "file": ({"baseline_hooks": {"before_drain": ["nowhere.yml"]}}, "baseline_hooks: nowhere.yml is not a file"),
    "adapter": ({"baseline_adapters": [{"type": "magic"}]}, "baseline_adapters"),
    "preflight": ({"baseline_preflight": {"bitlocker": "maybe"}}, "baseline_preflight.bitlocker is 'maybe'"),
    "rounds": ({"baseline_rounds": 0}, "baseline_rounds: 0 is less than 1."),
    "consent": ({"consent": "maybe"}, "consent is 'maybe'"),
}


def test_bad_input_ends_before_the_host_is_asked(tmp_path: Path) -> None:
    tasks = [{"name": "Wait", "ansible.builtin.pause": {"seconds": 1}}]
    (tmp_path / "bad.yml").write_text(yaml.safe_dump(tasks), encoding="utf-8")
    played = play(tmp_path, {name: Case("failed", True, variables=given) for name, (given, _said) in BAD.items()})
    for name, (_given, said) in BAD.items():
        result = played.result(name)
        assert (result["outcome"], result["failed"], result["out"]) == ("failed", True, False)
        assert said in " ".join(result["words"]), result["words"]
        assert played.seen(name)["requests"] == 0, name
