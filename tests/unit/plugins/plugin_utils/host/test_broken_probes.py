# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario library with broken probes: what nobody knows never becomes a yes or a no, and nothing raises."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import pending_restart as pending_reboot
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases, status
from hypothesis import given, settings
from hypothesis import strategies as st
from realistic import Raw, Status, failed, ok

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "fleet"))

from fleet import fast, worlds

MISSING = object()
LIBRARY = Path(__file__).resolve().parents[4] / "fleet" / "worlds"
# The mutation tool asks for few examples, and every mutant runs all of this.
FEW = settings().max_examples < 100
PROBES = sorted(probe for subset in fast.PROBES.values() for probe in subset)
TYPES = {
    str: {"edition_id", "architecture", "allow_rebootless_provider", "dsc_lcm_state"},
    int: {
        "vbs_running",
        "vbs_configured",
        "hotpatch_table_size",
        "chpe_off",
        "arc_hotpatch_subscription",
        "hotpatch_environment",
        "allow_rebootless_policy",
        "licensing_override",
        "server_manager_attempts",
        "server_component_cache",
        "update_screen",
    },
    bool: {
        "licensing_mutex",
        "cbs_reboot_pending",
        "cbs_reboot_in_progress",
        "cbs_packages_pending",
        "agent_reboot_required",
        "agent_reboot_before_install",
        "agent_busy",
        "dvd_reboot_signal",
    },
    list: {"hotfixes", "event_mdm", "event_app", "event_setup", "wu_reboot_required", "azure_patch_extensions"},
}
# Null says here that the host has no such thing: an answer, not a breakage.
ABSENCE_DECIDES = {
    "hotpatch_table_size",
    "chpe_off",
    "enrollment_package",
    "allow_rebootless_policy",
    "arc_agent",
    "wu_reboot_required",
    "file_renames",
    "server_manager_attempts",
    "server_component_cache",
    "update_screen",
    "ccm_reboot",
    "ccm_reboot_data",
    "dsc_lcm_state",
}
AGENT = ("agent_reboot_required", "agent_reboot_before_install")
# From any state to itself or to `unknown`; these lose what hid another state from sight.
FURTHER = {"not_capable": {"not_ready"}, "not_ready": {"not_enrolled"}, "restart_pending": {"off_track", "behind"}}


class Table(releases.ReleaseTable):
    """The release table, which is asked here a hundred thousand times at a few moments."""

    __hash__ = object.__hash__
    of = functools.cache(releases.ReleaseTable.of)


TABLE = Table.load(releases.shipped())


class Host(NamedTuple):
    """A world of the library as the core sees it, and the core's word on it."""

    raw: Raw
    now: datetime
    azure: object
    before: Status

    def judge(self, answers: Mapping[str, object]) -> Status:
        """The status with other answers of some probes."""
        raw = {probe: answer for probe, answer in {**self.raw, **answers}.items() if answer is not MISSING}
        return status.host_status("host", raw, None, TABLE, self.now, azure=self.azure)


def _host(world: Mapping[str, Any]) -> Host:
    raw, now = fast.signals(world, {}), datetime.fromisoformat(world["clock"])
    return Host(
        raw, now, world.get("azure"), status.host_status("host", raw, None, TABLE, now, azure=world.get("azure"))
    )


HOSTS = {name: _host(world) for name, world in worlds.load(LIBRARY).items()}
# One host for every way to be judged.
TYPICAL = {
    (host.before["state"], host.before["track"], host.before["pending"]["pending"], host.before["product"]): name
    for name, host in HOSTS.items()
}
STATES = {state: name for (state, _track, _pending, _product), name in TYPICAL.items()}
BROKEN = STATES.values() if FEW else HOSTS


def kind(probe: str) -> type:
    """The type of a probe's value."""
    return next((found for found, probes in TYPES.items() if probe in probes), dict)


def junk(expected: type) -> dict[str, object]:
    """Values that are none of this type."""
    wrong = {"a fraction": 1.5, "a list": [5]} if expected is dict else {"a fraction": 1.5, "a table": {"garbage": {}}}
    return {**wrong, "empty text": "", "negative": -1, "huge": 2**70, "no number": math.nan}


def breakages(probe: str) -> dict[str, object]:
    """What a probe may give instead of its answer, by name."""
    found: dict[str, object] = {
        "missing": MISSING,
        "no answer at all": None,
        **{word: failed(word) for word in ("failed", "timeout", "denied")},
        **{word: ok(value) for word, value in junk(kind(probe)).items()},
    }
    if probe in AGENT:
        # A refused update agent has the registry to stand in for it: the last test.
        del found["denied"]
    if probe not in ABSENCE_DECIDES:
        found["null"] = ok(None)
    return found


def fields(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], object]]:
    """Everything that lies inside a value, with the way to it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*path, key), part
        yield from fields(part, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: object) -> Any:
    """The value with another one at a place inside, or with nothing there."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(value, list):
        return [replaced(part, rest, new) if index == key else part for index, part in enumerate(value)]
    changed = {**value, key: replaced(value[key], rest, new)}
    return {name: part for name, part in changed.items() if part is not MISSING}


def inside(probe: str, value: object) -> dict[str, object]:
    """What a probe may give with one thing inside its value broken, by name."""
    found = {}
    for path, part in fields(value):
        # A destination without text is an answer: the file is to be deleted. So is a service that is not there.
        blank = path[-1] != "destination"
        absent = part is None or probe == "services" or path[-1] in ("nv_hostname", "deadline")
        ways: dict[str, object] = {} if part is None else junk(type(part))
        if part is not None and not blank:
            del ways["empty text"]
        if part is None:
            ways = {"negative": -1, "huge": 2**70, "no number": math.nan, "a list": []}
        if not absent:
            ways["null"] = None
        if isinstance(path[-1], str):
            ways["missing"] = MISSING
        where = ".".join(map(str, path))
        found |= {f"{where} {word}": ok(replaced(value, path, new)) for word, new in ways.items()}
    return found


def complaint(before: Status, after: Status) -> str | None:
    """How a status with broken probes says more than the one without; None when it keeps the promise."""
    if list(after) != list(before):
        return f"keys {list(after)}"
    was, now = before["state"], after["state"]
    if now not in {was, "unknown"} | FURTHER.get(was, set()):
        return f"state {was} became {now}"
    if after["track"] not in (before["track"], "unknown") and (after["track"] == "hotpatch" or was == "unknown"):
        return f"track {before['track']} became {after['track']}"
    waited, waits = before["pending"]["pending"], after["pending"]["pending"]
    if waits not in (waited, None):
        return f"pending {waited} became {waits}"
    if waits is None and after["restart_required"] != "unknown":
        return f"restart {after['restart_required']}"
    if now != "on_track" and after["covered_until"] is not None:
        return f"covered until {after['covered_until']} in state {now}"
    if not {source["source"] for source in after["pending"]["reasons"]} <= {
        source["source"] for source in before["pending"]["reasons"]
    }:
        return f"pending reasons {after['pending']['reasons']}"
    return None


def test_every_probe_has_its_type() -> None:
    assert len(PROBES) == len(set(PROBES))
    for host in HOSTS.values():
        assert sorted(host.raw) == PROBES
        for probe, answer in host.raw.items():
            assert answer["value"] is None or isinstance(answer["value"], kind(probe)), probe


def test_library_has_every_state_and_restart() -> None:
    assert set(STATES) == set(status.STATES)
    assert {pending for _state, _track, pending, _product in TYPICAL} == {True, False, None}
    assert {track for _state, track, _pending, _product in TYPICAL} == {"hotpatch", "standard", "unknown"}


@pytest.mark.parametrize("probe", PROBES)
def test_broken_probe(probe: str) -> None:
    ways = breakages(probe)
    found = [
        f"{name}: {word}: {said}"
        for name in BROKEN
        for word, answer in ways.items()
        if (said := complaint(HOSTS[name].before, HOSTS[name].judge({probe: answer})))
    ]
    assert not found


@pytest.mark.parametrize("name", sorted(STATES.values() if FEW else TYPICAL.values()))
def test_broken_field(name: str) -> None:
    host = HOSTS[name]
    found = [
        f"{probe}: {word}: {said}"
        for probe, answer in host.raw.items()
        for word, changed in inside(probe, answer["value"]).items()
        if (said := complaint(host.before, host.judge({probe: changed})))
    ]
    assert not found


@pytest.mark.parametrize("probe", sorted(ABSENCE_DECIDES))
def test_absence_keeps_the_keys(probe: str) -> None:
    for name in BROKEN:
        assert list(HOSTS[name].judge({probe: ok(None)})) == list(HOSTS[name].before)


@st.composite
def _broken(draw: st.DrawFn) -> tuple[str, dict[str, object]]:
    name = draw(st.sampled_from(sorted(HOSTS)))
    pair = draw(st.lists(st.sampled_from(PROBES), min_size=2, max_size=2, unique=True))
    answers = {}
    for probe in pair:
        ways = {**breakages(probe), **inside(probe, HOSTS[name].raw[probe]["value"])}
        answers[probe] = ways[draw(st.sampled_from(sorted(ways)))]
    return name, answers


@settings(deadline=None, max_examples=25 if FEW else 400)
@given(_broken())
def test_two_broken_probes(case: tuple[str, dict[str, object]]) -> None:
    name, answers = case
    assert complaint(HOSTS[name].before, HOSTS[name].judge(answers)) is None


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_refused_agent_says_what_the_registry_says(name: str) -> None:
    """Facts 1.4: a network logon is refused always, so the registry's list answers, or the newest update's build, or nobody."""
    host = HOSTS[name]
    refused = host.judge(dict.fromkeys(AGENT, failed("denied")))
    quiet = host.judge(dict.fromkeys(AGENT, ok(False)))
    unread = host.judge(dict.fromkeys(AGENT, failed("timeout")))
    if any(reason["source"] == "hotfixes" for reason in refused["pending"]["reasons"]):
        # An installed update that is not shown says yes; beside it no agent says no.
        assert (refused["pending"]["pending"], host.before["pending"]["pending"]) == (True, True)
        return
    raw = {**host.raw, **dict.fromkeys(AGENT, failed("denied"))}
    same = unread if set(AGENT) & set(pending_reboot.unread(Signals(raw), "servicing", TABLE)) else quiet
    assert (refused["state"], refused["track"]) == (same["state"], same["track"])
    assert refused["pending"]["pending"] == same["pending"]["pending"]
    assert set(AGENT) <= set(refused["pending"]["unknown_sources"])
