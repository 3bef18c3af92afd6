# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run never harms a host, whatever the host says and becomes meanwhile.

Each generated run drives the core as the roles do: decide, look again before the installation, look whether the agreed
restart may happen, look before it is ordered, decide on another round, plan a removal. What is harm is told here in
words of the raw signals, not by the core.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.consent import Consent
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import CATEGORIES, Policy
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import status, untouchable
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import install
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import outcome as host_run
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import rollback_plan as rollback
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import rollback_result as rollback_end
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import rounds as host_rounds
from decide_cases import SQL_SERVER
from hypothesis import given, settings
from realistic import Raw, failed, ok
from test_decide_properties import FEW, SEEDS, TABLE, WINDOWS, Host, _host
from test_rollback_plan import HOTPATCH, JULY, package

BATCH = 10
RUNS = 20 if FEW else 4_000
HOUR = timedelta(hours=1)
MARKS = ("cbs_reboot_in_progress", "agent_busy")
SILENT = (failed("denied"), failed("timeout"), None, ok(None), ok("no"), ok(1))


def forbids(raw: Any) -> bool:
    """Whether the host itself says that it must not be touched."""
    return any(_value(raw, mark) is True for mark in MARKS) or bool(_value(raw, "backup_processes"))


def silent(raw: Any) -> bool:
    """Whether one of the marks was not read."""
    return any(not isinstance(_value(raw, mark), bool) for mark in MARKS)


def _value(raw: Any, probe: str) -> Any:
    answer = raw.get(probe) if isinstance(raw, dict) else None
    return answer.get("value") if isinstance(answer, dict) and answer.get("ok") is True else None


def unplaced(raw: Any) -> bool:
    """Whether nothing says what an update does to the track: a security update without a known KB, of no known product."""
    known = {row.kb for row in TABLE.releases}
    return (
        not known & set(raw["kbs"])
        and raw["driver"] is not True
        and not {CATEGORIES["definitions"], CATEGORIES["drivers"]} & set(raw["categories"])
        and SQL_SERVER not in raw["categories"]
        and _value(raw, "requires_restart") is not False
    )


class Meets(NamedTuple):
    """One run: the host, and what it is at each later moment."""

    host: Host
    consent: Consent
    later: list[Raw]
    packages: Raw


def _changed(draw: random.Random, raw: Raw) -> Raw:
    """The same host a while later: it may be at work, or not say."""
    made = {**raw, **{mark: ok(False) for mark in MARKS}}
    for mark in MARKS:
        if draw.randrange(4) == 0:
            made[mark] = draw.choice((ok(True), ok(True), *SILENT))
    if draw.randrange(8) == 0:
        made["backup_processes"] = ok(["wbengine"])
    if draw.randrange(3) == 0:
        made["cbs_reboot_pending"] = ok(True)
    return made


def meets(draw: random.Random) -> Meets:
    """A run against a generated host."""
    host = _host(draw)
    raw: Raw = {**host.raw, **{mark: ok(False) for mark in MARKS}}
    if isinstance(_value(raw, "agent_offers"), list):
        raw["agent_offers"] = ok([_plain(draw, one) for one in raw["agent_offers"]["value"]])
    emergency = ["KB9800001"] if draw.randrange(6) == 0 else []
    windows = draw.choice(([], *WINDOWS))
    given = {"windows": windows, "possible": draw.choice(("put_off", "in_window", "any")), "emergency": emergency}
    policy = Policy.load({**given, "max_wait": {"critical": draw.choice(("1h", "30d"))}, "drivers": True})
    expires = draw.choice((None, host.now - HOUR, host.now + HOUR, host.now + 30 * HOUR))
    consent = Consent(draw.choice((True, True, True, False, None)), expires=expires)
    later = [_changed(draw, raw) for _moment in range(5)]
    states = [draw.choice(("Installed", "InstallPending", "UninstallPending")) for _package in range(2)]
    packages = [package(JULY, "KB5099536", states[0]), package(HOTPATCH, "KB5120228", states[1])]
    return Meets(host._replace(raw=_changed(draw, raw), policy=policy), consent, later, ok(packages))


def _plain(draw: random.Random, raw: Any) -> Raw:
    """An offer that the policy wants, so that the rules behind it are reached."""
    made = raw if isinstance(raw, dict) else {}
    kbs = [kb for kb in made.get("kbs") or () if isinstance(kb, str)] if isinstance(made.get("kbs"), list) else []
    beside = draw.choice(([], [], [], [CATEGORIES["definitions"]], [SQL_SERVER]))
    return {
        **made,
        "id": f"{draw.randrange(2**32):08x}-0000-4000-8000-000000000000",
        "revision": 1,
        "title": "Update",
        "kbs": kbs,
        "categories": [CATEGORIES["security"], *beside],
        "hidden": False,
        "eula_accepted": True,
        "browse_only": False,
        "driver": draw.randrange(8) == 0,
        "requires_restart": draw.choice((None, ok(False), ok(True), failed())),
    }


def harm(run: Meets) -> Iterator[str]:
    """Every harm that the core lets happen in a run."""
    host, now = run.host, run.host.now
    made = host.decide(consent=run.consent)
    yield from _decided(host, made, run.consent, now)

    at_install, after_install, at_restart, after_restart, at_removal = run.later
    waits = untouchable.reasons_to_wait(Signals(at_install), "install")
    may_install = not install.stale(made, made["stale_when"], now, waits=waits)
    if may_install and forbids(at_install):
        yield "installs on a host that says that it must not be touched"

    for step in untouchable.STEPS:
        looked = untouchable.asked(at_restart, None, step)
        if not looked and (forbids(at_restart) or not isinstance(_value(at_restart, MARKS[0]), bool)):
            yield f"{step}: a host that says that it must not be touched, or does not say whether it may be"
        if not looked and step in ("drain", "restart", "remove") and silent(at_restart):
            yield f"{step}: nobody knows whether the update agent is at work"

    seen = status.host_status("host", after_install, None, TABLE, now)
    proof = {"before": {}, "after": install.snapshot(Signals(after_install), made["stale_when"], "yes")}
    done = {"outcome": "installed", "problem": None, "proof": proof, "updates": [], "words": []}
    for decision in (made, {**made, "restart": {**made["restart"], "now": True}}):
        for lead in (0, 7200):
            may = host_run.restart_agreed(decision, done, now, lead).now
            if may and run.consent.at(now + timedelta(seconds=lead)) is not True:
                yield "restarts without the consent of this run for this host"
            if may and (forbids(after_install) or silent(after_install)):
                yield "restarts after an installation though the host must not be touched"
    if any(one["fix"].startswith("Restart") for one in seen["reasons"]) and forbids(after_install):
        yield "advises a restart of a host that must not be touched"

    again = host._replace(raw=after_restart)
    second = again.decide(consent=run.consent)
    following = host_rounds.next_round(second, [{"install": done, "restart": {"done": True}}], 5)
    yield from _decided(again, following.decision, run.consent, now)
    if following.go and forbids(after_restart):
        yield "another round on a host that must not be touched"

    seen = status.host_status("host", at_removal, None, TABLE, now)
    planned = rollback.plan("KB5120228", None, run.packages, Signals(at_removal), seen, TABLE, now)
    agreed = rollback_end.agreed(planned, run.consent, now, lead=0, removed=False)
    if agreed["now"] and (forbids(at_removal) or silent(at_removal)):
        yield "removes an update from a host that must not be touched"
    if agreed["now"] and run.consent.at(now) is not True:
        yield "removes an update without consent"


def _decided(host: Host, made: dict[str, Any], consent: Consent, now: datetime) -> Iterator[str]:
    if (forbids(host.raw) or not isinstance(_value(host.raw, MARKS[0]), bool)) and made["install"]:
        yield "decides to install on a host that must not be touched"
    if made["restart"]["now"] and (forbids(host.raw) or silent(host.raw)):
        yield "decides to restart a host that must not be touched"
    if made["restart"]["now"] and consent.at(now) is not True:
        yield "decides to restart without consent"
    on_track = made["state"] in ("on_track", "restart_pending") and made["track"] == "hotpatch"
    listed = _value(host.raw, "agent_offers") if made["install"] else None
    offered = {raw["id"]: raw for raw in listed or ()}
    for one in made["install"]:
        kbs = set(offered[one]["kbs"])
        if on_track and unplaced(offered[one]) and not host.policy.emergency & kbs:
            yield f"installs {kbs}, of which nobody knows what it does to the track"


@settings(deadline=None, max_examples=max(1, RUNS // BATCH))
@given(SEEDS)
def test_no_run_harms_its_host(seed: int) -> None:
    draw = random.Random(seed)
    for number in range(BATCH):
        run = meets(draw)
        kept = copy.deepcopy(run)
        found = list(harm(run))
        assert not found, f"run {number} of seed {seed}: {found} {kept}"


def test_generated_runs_come_to_each_step() -> None:
    """Hosts that must not be touched and others, consent that holds, and updates that nobody can place on a track."""
    draw = random.Random(3)
    came = dict.fromkeys(("install", "restart", "alone", "agreed", "unplaced", "emergency", "round", "removal"), 0)
    for _number in range(600):
        run = meets(draw)
        made = run.host.decide(consent=run.consent)
        came["install"] += bool(made["install"])
        came["restart"] += made["restart"]["now"]
        came["alone"] += forbids(run.host.raw)
        came["unplaced"] += any(one["code"] == "unplaced" for one in made["offers"])
        came["emergency"] += any("may end the hotpatch track" in " ".join(one["why"]) for one in made["offers"])
        done = {"outcome": "installed", "proof": {"after": {"restart_required": "yes"}}, "updates": []}
        came["agreed"] += host_run.restart_agreed(made, done, run.host.now).now
        came["round"] += host_rounds.next_round(made, [{"install": done, "restart": None}], 5).go
        seen = status.host_status("host", run.later[4], None, TABLE, run.host.now)
        plan = rollback.plan("KB5120228", None, run.packages, Signals(run.later[4]), seen, TABLE, run.host.now)
        came["removal"] += plan["verdict"] in rollback.TO_DO
    assert min(came.values()) >= 5, came
