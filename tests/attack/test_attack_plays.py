# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks over hosts that lie, with the controller that REBOOTLESS_CONTROLLER names."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hosts
import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record
from conftest import HERE, environment
from fleet import months

SEQUENCES = "\x1b[2J\x1b]8;;http://evil.example/\x07"
SIGNALS, OFFERS = "*windows_signals_info", "*windows_offers_info"
# The arguments of shutdown.exe as win_reboot writes them: a number, and one text in PowerShell's single quotes.
ARGUMENTS = re.compile(r"shutdown\.exe /r /t [0-9]+ /c '([^']*)'")


def due() -> dict[str, Any]:
    """A host whose restart is due."""
    return months.advance(months.start(months.SERVER_2025, "2026-04-14"), "2026-04-15")


def play(
    folder: Path, playbook: str, worlds: Mapping[str, Mapping[str, Any]], lies: Mapping[str, Any], *extra: str
) -> subprocess.CompletedProcess[str]:
    """Run a playbook over these hosts."""
    (folder / "worlds").mkdir()
    for name, world in worlds.items():
        (folder / "worlds" / f"{name}.yml").write_text(yaml.safe_dump(world, sort_keys=False), encoding="utf-8")
    (folder / "lies.json").write_text(json.dumps(lies), encoding="utf-8")
    hostile = [sys.executable, str(Path(__file__).with_name("hostile")), str(folder / "lies.json")]
    fleet = [*hostile, "--worlds", str(folder / "worlds"), "--executor", "fast", "--time-scale", "0.1", "--"]
    command = [
        "ansible-playbook",
        f"rebootless.patching.{playbook}",
        "-e",
        json.dumps({"rebootless_dest": str(folder / "out")}),
    ]
    found = environment() | {"ANSIBLE_ACTION_PLUGINS": str(HERE / "playbooks" / "action_plugins"), "COLUMNS": "160"}
    # The run's name is the same each time, so its leases are not to be found by the next one.
    found["XDG_STATE_HOME"] = str(folder / "state")
    return subprocess.run(
        [*fleet, *command, *extra], capture_output=True, text=True, env=found, cwd=folder, timeout=300, check=False
    )


def files(folder: Path, name: str) -> dict[str, str]:
    """A report's files by form."""
    return {form: (folder / "out" / f"{name}.{form}").read_text(encoding="utf-8") for form in ("html", "json", "md")}


def test_status_of_liars(tmp_path: Path) -> None:
    """Deep, odd and steering answers; each takes nothing but its own verdict away."""
    odd = {f"signals.{name}.value": f"@{kind}@" for name, kind in (("edition_id", "deep"), ("build", "nan"))}
    more = {"signals.architecture.value": "@long@", "signals.vbs_running.value": "@number@"}
    spoken = {"warnings": [SEQUENCES], "deprecations": [{"msg": SEQUENCES, "version": "9"}]}
    lies = {
        "deep": [{"module": SIGNALS, "set": odd}],
        "odd": [{"module": SIGNALS, "set": {**more, **spoken}}],
        "half": [{"module": SIGNALS, "set": {"signals.architecture.value": "@surrogate@"}}],
        "silent": [{"module": SIGNALS, "set": {"failed": True, "msg": SEQUENCES + "x" * 20_000, **spoken}}],
        "noise": [{"module": SIGNALS, "raw": SEQUENCES + "no JSON"}],
    }
    run = play(tmp_path, "status", {name: due() for name in ("honest", *lies)}, lies)
    said = run.stdout + run.stderr
    assert run.returncode == 2, said[-3000:]
    found = files(tmp_path, "status")
    states = {host["name"]: (host["state"], host["reached"]) for host in hosts.strict(found["json"])["hosts"]}
    assert states["honest"] == ("behind", True)
    assert (states["deep"][1], states["odd"][1]) == (True, True)
    assert (states["silent"], states["noise"]) == (("unknown", False), ("unknown", False))
    assert hosts.steering(found["html"]) == hosts.steering(found["md"]) == []
    # ansible-core 2.21 takes no half of a character from a module, 2.18 does.
    lost = sorted(name for name, (_state, reached) in states.items() if not reached)
    assert lost in (["noise", "silent"], ["half", "noise", "silent"])
    assert f"{len(lost)} of 6 hosts could not be asked: {', '.join(lost)}." in said
    assert hosts.steering(said) == []


def test_run_with_liars(tmp_path: Path) -> None:
    """An update whose title is arguments, and a Windows that refuses to restart in many words."""
    evil = due()
    evil["offers"] = [copy.deepcopy(offer) for offer in evil["offers"]]
    evil["offers"][0].update(title='x" /m \\\\dc01 "', kbs=[])
    evil["offers"][0].pop("kb", None)
    refused = json.dumps({"stdout": "", "stderr": SEQUENCES, "rc": 1})[:-1] + ', "more": "@long@"}'
    refused = refused.replace("\\u0007", "\\u0007\\ud800" + "y" * 20_000)
    lies = {"wordy": [{"module": "shutdown", "raw": refused}], "evil": []}
    quick = {"verify_interval": 1, "verify_deadline": 3, "baseline_poll_interval": 1, "baseline_lead": 2}
    consent = {"rebootless_consent": {"agreed": True, "ticket": 'CHG "4711" /f'}, "rebootless_run": "r1"}
    worlds = {"honest": due(), "wordy": due(), "evil": evil}
    policy = {"rebootless_policy": {"max_wait": {"critical": "1d"}}}
    run = play(tmp_path, "patch", worlds, lies, "-e", json.dumps({**quick, **consent, **policy}))
    said = run.stdout + run.stderr
    assert run.returncode == 2, said[-3000:]
    entries, problems = record.read(tmp_path / "out" / "record.jsonl")
    assert problems == []
    ended = {one["name"]: (one["outcome"], one["failed"]) for one in record.results(entries, "r1")}
    assert ended["honest"] == ("restarted", False)
    assert ended["wordy"] == ("failed", True)
    found = files(tmp_path, "run")
    assert {host["name"] for host in hosts.strict(found["json"])["hosts"]} == set(worlds)
    assert hosts.steering(found["html"]) == hosts.steering(found["md"]) == hosts.steering(said) == []
    lines = [json.loads(line) for line in (tmp_path / "shutdown").read_text(encoding="utf-8").splitlines()]
    messages = {one["host"]: ARGUMENTS.findall(one["script"]) for one in lines if "/r" in one["script"]}
    assert messages["honest"] == ["Agreed restart of rebootless.patching for KB5082063 (ticket CHG 4711 f, run r1)."]
    assert messages["evil"] == ["Agreed restart of rebootless.patching (ticket CHG 4711 f, run r1)."]
