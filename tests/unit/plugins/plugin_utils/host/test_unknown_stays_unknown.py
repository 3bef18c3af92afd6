# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever breaks on a host: nothing raises, and nothing unknown becomes a yes or a no."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import UNKNOWN, Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import pending_restart as pending_reboot
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import status
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.reasons import REASONS
from hypothesis import given, settings
from hypothesis import strategies as st
from realistic import KINDS, NOW, Raw, Status, build, failed, judge, kbs, ok, service, signals

LATE = NOW + timedelta(days=40)
APRIL = datetime.fromisoformat("2026-04-20T12:00:00+00:00")
AUGUST = datetime.fromisoformat("2026-08-20T12:00:00+00:00")
OCTOBER = datetime.fromisoformat("2025-10-28T12:00:00+00:00")
JOIN = {"JoinDomain": True, "AvoidSpnSet": False}
BOOTED_IN_JUNE = {"sku": 7, "product_type": 3, "last_boot": "2026-06-10T02:31:00Z", "language": 1033}
GUEST = {"himds": None, "WindowsAzureGuestAgent": service("Running")}
ENABLED = {"hotpatch_enablement_status": "Enabled"}

# Hosts in every state: signals, time of judgement, Azure's word.
HOSTS: dict[str, tuple[Raw, datetime, object]] = {
    **{kind: (signals(kind), NOW, None) for kind in KINDS},
    "azure": (signals(hotfixes=[]), NOW, ENABLED),
    "disabled": (signals(), NOW, {"hotpatch_enablement_status": "Disabled"}),
    "hotpatched": (signals(build=build("26100.33222")), AUGUST, None),
    "old": (signals(build=build("17763.1")), NOW, None),
    "s22-standard": (signals("server_2022", edition_id="ServerStandard"), NOW, None),
    "vbs-off": (signals(vbs_running=0), NOW, None),
    "vbs-off-not-enrolled": (signals("server_2022", vbs_running=1, enrollment_package=None), NOW, None),
    "no-table-size": (signals("server_2022", hotpatch_table_size=0), NOW, None),
    "no-arc": (signals(arc_agent=None, services={"himds": None}), NOW, None),
    "arm64": (signals("windows_11", architecture="ARM64"), NOW, None),
    "arm64-ready": (signals("windows_11", architecture="ARM64", chpe_off=1), NOW, None),
    "s22-not-enrolled": (signals("server_2022", enrollment_package=None), NOW, None),
    "policy-off": (signals("windows_11", allow_rebootless_policy=0), NOW, None),
    "policy-missing": (signals("windows_11", allow_rebootless_policy=None, hotfixes=kbs("KB5066835")), APRIL, None),
    "policy-missing-now": (signals("windows_11", allow_rebootless_policy=None, hotfixes=kbs("KB5124008")), NOW, None),
    "not-provable": (signals(hotfixes=kbs("KB5122871")), NOW, None),
    "not-provable-ordinary": (signals(hotfixes=kbs("KB5122871"), build=build("26100.33296")), NOW, None),
    "boot-before-build": (signals(operating_system=BOOTED_IN_JUNE), NOW, None),
    "arc-never-connected": (signals(arc_agent={"status": "Disconnected", "last_heartbeat": None}), NOW, None),
    "azure-vm": (signals(arc_agent=None, services=GUEST), NOW, None),
    "vbs-kept-from-running": (signals(vbs_running=1), NOW, None),
    "s22-key-gone": (signals("server_2022", enrollment_package=None, hotfixes=kbs("KB5120229")), NOW, None),
    "licence": (signals(licensing_mutex=True), NOW, None),
    "licence-hotpatched": (signals(licensing_mutex=True, build=build("26100.33222")), AUGUST, None),
    "essentials": (signals(edition_id="ServerSolution"), NOW, None),
    "unlisted": (signals(build=build("26100.33300")), NOW, None),
    "ambiguous": (signals(build=build("26100.6905"), hotfixes=kbs("KB5064010")), OCTOBER, ENABLED),
    "kb5070893": (signals(build=build("26100.6905"), hotfixes=kbs("KB5070893")), OCTOBER, ENABLED),
    "kb5070881": (signals(build=build("26100.6905"), hotfixes=kbs("KB5070881")), OCTOBER, ENABLED),
    "table-ended": (signals(), LATE, ENABLED),
    "off-track": (signals(build=build("26100.33451")), NOW, None),
    "behind": (signals(build=build("26100.33222")), NOW, None),
    "restart": (signals(cbs_reboot_pending=True), NOW, None),
    "restart-behind": (signals(build=build("26100.33222"), wu_reboot_required=["a"]), NOW, None),
    "restart-off-track": (signals(build=build("26100.33296"), agent_reboot_required=True), NOW, None),
    "restart-role": (signals("server_2022", server_component_cache=1), NOW, None),
    "renamed": (
        signals(computer_name={"active": "A", "configured": "B", "nv_hostname": "A"}, domain_join=JOIN),
        NOW,
        None,
    ),
    "management": (signals(dsc_lcm_state="PendingReboot", ccm_reboot_data={"RebootBy": 1}), NOW, None),
    "no-answer": (signals(vbs_running=failed("timeout"), cbs_packages_pending=failed("denied")), NOW, None),
    "refused-agent": (
        signals(agent_reboot_required=failed("denied"), agent_reboot_before_install=failed("denied")),
        NOW,
        None,
    ),
}
PROBES = sorted(signals())
# Parts of sentences, and the probe that somebody must have read for them.
CLAIMS = {
    "no hotpatch of the last": "hotfixes",
    "no installed KB tells": "hotfixes",
    "the Hotpatch Enrollment Package is not registered": "enrollment_package",
    "EnableVirtualizationBasedSecurity is": "vbs_configured",
    "guest agent runs": "services",
    "its last heartbeat": "arc_agent",
    "after the host's own clock": "clock",
}
# What a probe may become when only one thing may follow from it.
STATES_AFTER = {
    # An Azure VM that nobody can tell from others lacks the Arc agent as they do.
    "not_capable": {"not_capable", "not_ready", "unknown"},
    "not_ready": {"not_ready", "not_enrolled", "unknown"},
    "not_enrolled": {"not_enrolled", "unknown"},
    "restart_pending": {"restart_pending", "off_track", "behind", "unknown"},
    "off_track": {"off_track", "unknown"},
    "behind": {"behind", "unknown"},
    "on_track": {"on_track", "unknown"},
    "unknown": {"unknown"},
}
# Absence is an answer of these probes, so null breaks the others only.
OPTIONAL = {name for name, answer in signals().items() if answer["value"] is None} | {"arc_agent", "vbs_configured"}
TEXTS = {"edition_id", "architecture", "allow_rebootless_provider"}
LISTS = {"hotfixes", "event_app", "event_setup", "event_mdm", "azure_patch_extensions", "wu_reboot_required"}
MISSING = object()
FAILURES = [failed(kind) for kind in ("unavailable", "failed", "\x1b[31m")]
MALFORMED: list[object] = [
    None,
    [],
    "x",
    7,
    {},
    {"ok": True},
    {"ok": 1, "value": 0},
    {"ok": "true", "value": False},
    {"ok": False, "error": "x"},
    {"ok": False, "value": True, "error": None},
]
JUNK: list[object] = ["  ", "a\x1b[31mb", "x" * 1000, 10**30, math.inf, 1.5, [{}], {"x": 1}]
WORST: list[object] = ["", -1, 2**32 + 1, math.nan, [5], {}]
FLAGS = {name for name, answer in signals().items() if answer["value"] is False}


def worst(probe: str) -> list[object]:
    """A way to break a probe of each kind: gone, failed, null, empty, absurd, of another type."""
    junk: list[object] = list(WORST)
    if probe not in OPTIONAL:
        junk.append(None)
    if probe not in LISTS:
        junk.append([])
    if probe not in TEXTS:
        junk.append("garbage")
    if probe not in FLAGS:
        junk.append(True)
    return [MISSING, failed("timeout"), None, *[ok(value) for value in junk]]


def breakages(probe: str) -> list[object]:
    """Every way to break a probe."""
    found = [*worst(probe), *FAILURES, *MALFORMED, *[ok(value) for value in JUNK]]
    # A refused update agent has the registry to stand in for it.
    return found if probe.startswith("agent_") else [*found, failed("denied")]


def inside(probe: str, value: object) -> list[object]:
    """Every way to break one field of a probe that has several."""
    if not isinstance(value, dict):
        return []
    fields = [
        name for name in value if name not in ("last_boot", "SmartActiveHoursState", "size_bytes", "device", "sku")
    ]
    junk: list[object] = [-1, math.nan, {}]
    return [ok({**value, name: broken}) for name, broken in product(fields, junk)]


def broken(raw: Raw, **answers: object) -> Raw:
    """Signals with other answers."""
    changed = {**raw, **answers}
    return {name: answer for name, answer in changed.items() if answer is not MISSING}


def holds(before: Status, after: Status) -> None:
    """The promise: what was known may get lost; what was not known stays so."""
    json.dumps(after, allow_nan=False).encode()
    assert list(after) == list(before)
    assert after["state"] in STATES_AFTER[before["state"]]
    if after["track"] == "hotpatch":
        assert before["track"] == "hotpatch"
    if before["track"] == "unknown":
        assert after["track"] == "unknown"
    waiting, still = before["pending"]["pending"], after["pending"]["pending"]
    assert still is None or waiting is not None
    assert not (waiting is False and still is True)
    if waiting is True and still is False:
        # What was seen waiting cannot be gone because nobody sees it.
        raise AssertionError(after["pending"])
    assert after["restart_required"] in ("unknown", before["restart_required"])
    assert still is not None or after["restart_required"] == "unknown"
    assert set(before["pending"]["unknown_sources"]) <= set(after["pending"]["unknown_sources"])
    assert (after["covered_until"] is None) or after["state"] == "on_track"
    causes = [reason for reason in after["reasons"] if reason["severity"] == "cause"]
    assert bool(causes) == (after["state"] != "on_track")
    for reason in after["reasons"]:
        assert all(line.isprintable() for line in reason.values())


def rests_on_what_was_read(host: Status, raw: Raw) -> None:
    """The other promise: no sentence is said without the probes that it rests on."""
    read = Signals(raw)
    for reason in host["reasons"]:
        for probe in REASONS[reason["code"]].rests_on:
            told = read.kbs() if probe == "hotfixes" else read.value(probe)
            assert told is not UNKNOWN, (reason, probe)
        for words, probe in CLAIMS.items():
            told = read.kbs() if probe == "hotfixes" else read.value(probe)
            assert words not in reason["message"] or told is not UNKNOWN, (reason, probe)


@pytest.mark.parametrize("name", HOSTS)
def test_hosts_are_in_every_state(name: str) -> None:
    raw, now, azure = HOSTS[name]
    holds(judge(raw, now, azure=azure), judge(raw, now, azure=azure))


def test_every_state_is_there() -> None:
    assert {judge(raw, now, azure=azure)["state"] for raw, now, azure in HOSTS.values()} == set(status.STATES)


@pytest.mark.parametrize("name", HOSTS)
def test_any_broken_probe(name: str) -> None:
    raw, now, azure = HOSTS[name]
    before = judge(raw, now, azure=azure)
    for probe in PROBES:
        if raw[probe]["ok"]:
            for answer in [*worst(probe), *inside(probe, raw[probe]["value"])]:
                changed = broken(raw, **{probe: answer})
                after = judge(changed, now, azure=azure)
                holds(before, after)
                rests_on_what_was_read(after, changed)


@st.composite
def _cases(draw: st.DrawFn) -> tuple[str, dict[str, object]]:
    name = draw(st.sampled_from(sorted(HOSTS)))
    raw = HOSTS[name][0]
    asked = [probe for probe in PROBES if raw[probe]["ok"]]
    chosen = draw(st.lists(st.sampled_from(asked), min_size=1, max_size=3, unique=True))
    ways = {probe: [*breakages(probe), *inside(probe, raw[probe]["value"])] for probe in chosen}
    return name, {probe: draw(st.sampled_from(ways[probe])) for probe in chosen}


@settings(deadline=None)
@given(_cases())
def test_any_broken_probes_together(case: tuple[str, dict[str, object]]) -> None:
    name, answers = case
    raw, now, azure = HOSTS[name]
    changed = broken(raw, **answers)
    after = judge(changed, now, azure=azure)
    holds(judge(raw, now, azure=azure), after)
    rests_on_what_was_read(after, changed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
ANSWERS = JSON | st.builds(ok, JSON) | st.sampled_from(FAILURES)


@settings(deadline=None)
@given(
    st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(PROBES), ANSWERS, max_size=6), JSON, st.datetimes()
)
def test_nothing_raises(kind: str, answers: dict[str, object], azure: Any, at: datetime) -> None:
    now = at.replace(tzinfo=NOW.tzinfo)
    host = judge(broken(signals(kind), **answers), now, azure=azure)
    json.dumps(host, allow_nan=False).encode()
    for reason in host["reasons"]:
        assert all(line.isprintable() for line in reason.values())


@settings(deadline=None)
@given(JSON)
def test_signals_of_any_kind_tell_nothing(raw: Any) -> None:
    host = judge(raw)
    assert host["state"] == "unknown"
    assert host["pending"]["pending"] is None


@pytest.mark.parametrize("probe", [source.probe for source in pending_reboot.SOURCES])
def test_every_broken_source_is_listed(probe: str) -> None:
    for answer in breakages(probe):
        host = judge(broken(signals(), **{probe: answer}))
        assert host["pending"]["unknown_sources"] == [probe]


def test_refused_agent_is_the_one_exception() -> None:
    raw = signals(agent_reboot_required=True)
    assert judge(raw)["pending"]["pending"] is True
    refused = judge(broken(raw, agent_reboot_required=failed("denied")))
    assert (refused["state"], refused["pending"]["pending"]) == ("on_track", False)
    assert refused["pending"]["unknown_sources"] == ["agent_reboot_required"]


def test_service_of_another_name_changes_nothing() -> None:
    services = {**signals()["services"]["value"], "MSSQLSERVER": service("Stopped"), "\x1b": 5}
    assert judge(signals(services=services)) == judge(signals())
