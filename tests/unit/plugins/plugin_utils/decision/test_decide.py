# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision on a host, rule by rule: each offer's decision and code, the track, what is in effect, restart classes."""

from __future__ import annotations

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import decide
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import CATEGORIES
from decide_cases import (
    ALWAYS,
    AUGUST,
    AUGUST_KB,
    AUGUST_NOW,
    GB,
    HOT,
    OCTOBER,
    OCTOBER_NOW,
    OFF_TRACK_KB,
    QUIET,
    SUNDAYS,
    at,
    august,
    host,
    judge,
    july,
    offer,
    only,
)
from healthy import S22_AZURE, W11_25H2
from realistic import Raw, build, failed, kbs, ok


def test_decision_on_a_hotpatch() -> None:
    made = august(HOT)
    assert (made["state"], made["track"], made["decision"]) == ("on_track", "hotpatch", "install_without_restart")
    assert made["summary"] == "Install KB5120228 without a restart."
    assert only(made) == {
        "id": HOT["id"],
        "revision": 200,
        "title": "Update (KB5120228)",
        "kb": "KB5120228",
        "kbs": ["KB5120228"],
        "categories": ["security"],
        "severity": "Critical",
        "size": 1000,
        "released": "2026-08-11T17:00:00Z",
        "missing_since": "2026-08-11T17:00:00Z",
        "driver": False,
        "optional": False,
        "restart": "none",
        "restart_source": "the agent's answer for this host",
        "keeps_track": True,
        "decision": "install",
        "code": "no_restart",
        "until": None,
        "waited": 19 * 3600,
        "limit": None,
        "why": ["It installs without a restart, says the agent's answer for this host."],
    }
    assert (made["install"], made["put_off"], made["refuse"], made["blocked"]) == ([HOT["id"]], [], [], [])
    assert made["restart"] == {
        "due": False,
        "now": False,
        "by": None,
        "window": None,
        "offers": [],
        "why": None,
        "consent": None,
        "consent_by": None,
    }
    assert made["missing"] == []
    assert made["window"] == {"current": None, "following": None}
    assert made["stale_when"] == {
        "build": "26100.33158",
        "last_boot": "2026-09-10T02:31:00Z",
        "pending": [],
        "offers": {HOT["id"]: 200},
    }
    assert made["decided_at"] == "2026-08-12T12:00:00Z"


def test_keys_are_the_same_whatever_the_outcome() -> None:
    assert list(judge(None, AUGUST_NOW)) == list(august(HOT)) == list(judge(host(AUGUST), AUGUST_NOW))


def test_words_of_a_put_off_baseline() -> None:
    one = only(july())
    assert one["why"] == [
        "Released 2026-07-14 17:00 UTC, may wait 30 days (Critical): until 2026-08-13 17:00 UTC.",
        "The hotpatch of 2026-08-11 needs this baseline.",
        "It restarts the host, says the release table. It waits for an agreed restart.",
    ]
    assert (one["decision"], one["code"]) == ("put_off", "waits_for_restart")
    assert one["until"] == one["limit"] == "2026-08-11T17:00:00Z"
    assert (one["restart"], one["restart_source"], one["keeps_track"]) == ("always", "the release table", True)


# Rules

RULES: list[tuple[str, Raw, dict[str, object], str, str, str | None, str]] = [
    ("hidden", offer(AUGUST_KB, hidden=True), {}, "blocked", "hidden", None, "hidden this update on the host"),
    # An update that somebody may have hidden on purpose is not installed on nobody's word.
    ("hidden unknown", offer(AUGUST_KB, hidden=None), {}, "blocked", "hidden", None, "does not say that nobody"),
    ("held", HOT, {"hold": True}, "blocked", "held", None, "holds all installations: no reason given."),
    (
        "held until",
        HOT,
        {"hold": {"reason": "freeze", "until": "2026-08-13"}},
        "blocked",
        "held",
        "2026-08-13T00:00:00Z",
        "holds all installations until 2026-08-13 00:00 UTC: freeze.",
    ),
    ("hold over", HOT, {"hold": {"reason": "x", "until": "2026-08-12"}}, "install", "no_restart", None, "installs"),
    ("held KB", HOT, {"hold_kbs": [AUGUST_KB.lower()]}, "blocked", "held_kb", None, "The policy holds KB5120228."),
    ("another KB held", HOT, {"hold_kbs": ["KB5120229"]}, "install", "no_restart", None, "installs"),
    ("rejected KB", HOT, {"reject": [AUGUST_KB]}, "blocked", "rejected", None, "The policy rejects KB5120228."),
    ("rejected title", HOT, {"reject": ["^update "]}, "blocked", "rejected", None, "The policy rejects ^update ."),
    (
        "reject before accept",
        HOT,
        {"reject": ["Update"], "accept": [AUGUST_KB]},
        "blocked",
        "rejected",
        None,
        "rejects",
    ),
    (
        "driver",
        {**QUIET, "driver": True},
        {},
        "blocked",
        "driver",
        None,
        "It is a driver, and the policy takes no drivers.",
    ),
    ("driver?", {**QUIET, "driver": None}, {}, "blocked", "driver", None, "does not say that it is no driver"),
    ("driver taken", {**QUIET, "driver": True}, {"drivers": True}, "install", "no_restart", None, "static answer"),
    (
        "driver of its category",
        {**QUIET, "driver": True, "categories": [CATEGORIES["drivers"]]},
        {"drivers": True},
        "install",
        "no_restart",
        None,
        "static answer",
    ),
    ("optional", {**QUIET, "browse_only": True}, {}, "blocked", "optional", None, "It is optional, and"),
    (
        "optional?",
        {**QUIET, "browse_only": None},
        {},
        "blocked",
        "optional",
        None,
        "does not say that it is not optional",
    ),
    ("optional taken", {**QUIET, "browse_only": True}, {"optional": True}, "install", "no_restart", None, "static"),
    (
        "category",
        {**QUIET, "categories": [CATEGORIES["tools"]]},
        {},
        "blocked",
        "category",
        None,
        "Its category (tools) is not among those of the policy.",
    ),
    (
        "categories",
        {**QUIET, "categories": [CATEGORIES["updates"], "f" * 8, CATEGORIES["feature_packs"]]},
        {},
        "blocked",
        "category",
        None,
        "Its category (feature_packs, updates) is not",
    ),
    ("no category", {**QUIET, "categories": []}, {}, "blocked", "category", None, "(none that the policy knows)"),
    (
        "one good category",
        {**QUIET, "categories": [CATEGORIES["tools"], CATEGORIES["security"]]},
        {},
        "install",
        "no_restart",
        None,
        "static",
    ),
    (
        "category chosen",
        {**QUIET, "categories": [CATEGORIES["tools"]]},
        {"categories": ["tools"]},
        "install",
        "no_restart",
        None,
        "st",
    ),
    ("categories all out", HOT, {"categories": []}, "blocked", "category", None, "(security)"),
    (
        "accepted past driver, optional, category",
        {**QUIET, "driver": True, "browse_only": True, "categories": []},
        {"accept": ["kb890830"]},
        "install",
        "no_restart",
        None,
        "The policy accepts KB890830.",
    ),
    (
        "accepted by title",
        {**QUIET, "categories": []},
        {"accept": ["UPDATE"]},
        "install",
        "no_restart",
        None,
        "accepts UPDATE.",
    ),
    ("accepts another", {**QUIET, "categories": []}, {"accept": ["KB890831"]}, "blocked", "category", None, "category"),
    (
        "licence",
        {**QUIET, "eula_accepted": False},
        {},
        "blocked",
        "licence_terms",
        None,
        "installing would accept them",
    ),
    (
        "licence not known",
        {**QUIET, "eula_accepted": None},
        {},
        "blocked",
        "licence_terms",
        None,
        "may not be accepted",
    ),
    (
        "licence taken",
        {**QUIET, "eula_accepted": False},
        {"accept_eula": True},
        "install",
        "no_restart",
        None,
        "static",
    ),
    (
        "blackout",
        HOT,
        {"blackouts": [{"from": "2026-08-12", "to": "2026-08-13"}]},
        "blocked",
        "blackout",
        "2026-08-14T00:00:00Z",
        "Blackout until 2026-08-14 00:00 UTC.",
    ),
    (
        "blackout over",
        HOT,
        {"blackouts": [{"from": "2026-08-01", "to": "2026-08-11"}]},
        "install",
        "no_restart",
        None,
        "",
    ),
    ("class by the table", offer(AUGUST_KB), {}, "install", "no_restart", None, "says the release table."),
    ("static never", QUIET, {}, "install", "no_restart", None, "says the agent's static answer."),
    (
        "static always",
        offer("KB9800001", reboot_behaviour=ALWAYS),
        {},
        "put_off",
        "waits_for_restart",
        "2026-08-13T17:00:00Z",
        "It restarts the host, says the agent's static answer. It waits for an agreed restart.",
    ),
    (
        "the host's answer beats the table",
        offer(AUGUST_KB, requires_restart=ok(True), bootstrapper=ok(True)),
        {},
        "put_off",
        "waits_for_restart",
        "2026-09-10T17:00:00Z",
        "It restarts the host, says the agent's answer for this host.",
    ),
    (
        "possible",
        offer("KB9800001"),
        {},
        "put_off",
        "waits_for_restart",
        "2026-08-13T17:00:00Z",
        "It may ask for a restart (the agent's static answer). It waits for an agreed restart.",
    ),
    (
        "possible at any time",
        offer("KB9800001"),
        {"possible": "any"},
        "install",
        "possible_any",
        None,
        "It may ask for a restart; the policy installs such updates at any time.",
    ),
    (
        "possible in a window, none configured",
        offer("KB9800001"),
        {"possible": "in_window"},
        "install",
        "possible_in_window",
        None,
        "It may ask for a restart; the policy allows that in this window.",
    ),
    (
        "possible in a window, none open",
        offer("KB9800001"),
        {"possible": "in_window", "windows": [SUNDAYS]},
        "put_off",
        "waits_for_window",
        "2026-08-16T22:00:00Z",
        "It may ask for a restart; the policy installs such updates in a window.",
    ),
    (
        "always is never possible",
        offer("KB9800001", reboot_behaviour=ALWAYS),
        {"possible": "any"},
        "put_off",
        "waits_for_restart",
        "2026-08-13T17:00:00Z",
        "It restarts the host",
    ),
    (
        "unknown restart behaviour",
        offer("KB9800001", reboot_behaviour=None),
        {"possible": "any"},
        "put_off",
        "waits_for_restart",
        "2026-08-13T17:00:00Z",
        "Nobody knows whether it restarts the host. It waits for an agreed restart.",
    ),
]


@pytest.mark.parametrize(
    ("one", "policy", "decision", "code", "until", "words"),
    [case[1:] for case in RULES],
    ids=[case[0] for case in RULES],
)
def test_rule(one: Raw, policy: dict[str, object], decision: str, code: str, until: str | None, words: str) -> None:
    made = august(one, **policy)
    shown = only(made)
    assert (shown["decision"], shown["code"], shown["until"]) == (decision, code, until)
    assert words in " ".join(shown["why"])
    assert shown["limit"] == (until if code == "waits_for_restart" else None)
    assert made[decision] == [one["id"]]
    assert sum(len(made[name]) for name in decide.OFFER_DECISIONS) == 1


UNWANTED = {"already_in_effect", "hidden", "rejected", "driver", "optional", "category", "licence_terms"}


@pytest.mark.parametrize(
    ("one", "policy"),
    [(case[1], case[2]) for case in RULES if case[3] == "blocked"],
    ids=[case[0] for case in RULES if case[3] == "blocked"],
)
def test_what_nobody_wants_blocks_nothing(one: Raw, policy: dict[str, object]) -> None:
    made = august({**one, "severity": "Low"}, **policy)
    wanted = only(made)["code"] not in UNWANTED
    assert made["decision"] == ("blocked" if wanted else "nothing")
    assert made["exposure"]["offers"] == ([one["id"]] if wanted else [])
    assert made["summary"].startswith("Blocked: " if wanted else "Nothing to do.")


def test_blocked_beside_others() -> None:
    """A host is blocked only where nothing can be done with it."""
    both = host(AUGUST, HOT, QUIET)
    made = judge(both, AUGUST_NOW, hold_kbs=["KB890830"])
    assert (made["decision"], made["install"], made["blocked"]) == (
        "install_without_restart",
        [HOT["id"]],
        [QUIET["id"]],
    )
    assert made["summary"] == "Install KB5120228 without a restart. Blocked: KB890830."
    put_off = judge(
        host(AUGUST, offer("KB9800001"), HOT), AUGUST_NOW, hold_kbs=[AUGUST_KB], max_wait={"critical": "90d"}
    )
    assert put_off["decision"] == "wait_for_window"
    assert put_off["summary"] == "Put off KB9800001. Blocked: KB5120228."


def test_agent_busy() -> None:
    one = only(judge(host(AUGUST, HOT, agent_busy=True), AUGUST_NOW))
    assert (one["decision"], one["code"], one["until"]) == ("blocked", "agent_busy", None)
    assert one["why"] == ["The update agent is installing something: ask again when it has ended."]


@pytest.mark.parametrize("answer", [failed("denied"), None, "yes", 1])
def test_agent_busy_unknown_stops_nothing(answer: object) -> None:
    assert judge(host(AUGUST, HOT, agent_busy=answer), AUGUST_NOW)["install"] == [HOT["id"]]


def test_restart_before_anything_installs() -> None:
    made = judge(host(AUGUST, HOT, agent_reboot_before_install=True), AUGUST_NOW)
    one = only(made)
    assert (one["decision"], one["code"]) == ("blocked", "restart_pending")
    assert one["why"] == ["Nothing installs before a restart. The update agent installs nothing more before a restart."]
    assert (made["decision"], made["restart"]["due"]) == ("blocked", True)
    both = judge(host(AUGUST, HOT, agent_reboot_before_install=True, agent_reboot_required=True), AUGUST_NOW)
    assert len([reason for reason in both["pending"]["reasons"] if reason["blocks_updates"]]) == 2
    assert only(both)["why"] == [f"Nothing installs before a restart. {both['pending']['reasons'][0]['detail']}"]


def test_pending_restart_that_blocks_nothing() -> None:
    made = judge(host(AUGUST, HOT, cbs_reboot_pending=True), AUGUST_NOW)
    assert (made["decision"], made["install"]) == ("restart_due", [HOT["id"]])
    assert made["restart"]["why"] == "A restart is pending. The servicing stack has work for the next boot."
    assert made["restart"]["by"] == "2026-08-12T12:00:00Z"
    assert made["restart"]["offers"] == []


def test_deferrable_restart_is_not_due() -> None:
    made = judge(host(AUGUST, dsc_lcm_state="PendingReboot"), AUGUST_NOW)
    assert (made["restart_required"], made["decision"], made["restart"]["due"]) == ("deferrable", "nothing", False)
    assert made["summary"] == "Nothing to do."


@pytest.mark.parametrize(
    ("disk", "policy", "code"),
    [
        ({"free_bytes": 5 * GB}, {}, "no_restart"),
        ({"free_bytes": 5 * GB - 1}, {}, "disk"),
        ({"free_bytes": 0}, {}, "disk"),
        ({"free_bytes": 9 * GB}, {"min_free_disk": "10GB"}, "disk"),
        ({"free_bytes": 0}, {"min_free_disk": 0}, "no_restart"),
        ({"free_bytes": None}, {}, "no_restart"),
        ({"free_bytes": True}, {}, "no_restart"),
        (None, {}, "no_restart"),
        (failed(), {}, "no_restart"),
    ],
)
def test_disk(disk: object, policy: dict[str, object], code: str) -> None:
    one = only(judge(host(AUGUST, HOT, system_disk=disk), AUGUST_NOW, **policy))
    assert one["code"] == code
    if code == "disk":
        assert one["decision"] == "blocked"


def test_disk_in_words() -> None:
    raw = host(AUGUST, HOT, system_disk={"free_bytes": 3 * GB // 2})
    assert only(judge(raw, AUGUST_NOW))["why"] == ["1.5 GB free on the system disk, the policy wants 5.0 GB."]
    one = only(judge(raw, AUGUST_NOW, min_free_disk="2560MB"))
    assert one["why"] == ["1.5 GB free on the system disk, the policy wants 2.5 GB."]


# Order of the rules: what each pair of them decides when both apply.

ORDER: list[tuple[str, Raw, dict[str, object], dict[str, object]]] = [
    ("hidden", {"hidden": True}, {}, {"hold": True, "emergency": [AUGUST_KB]}),
    ("held", {}, {"hold": True}, {"hold_kbs": [AUGUST_KB]}),
    ("held_kb", {}, {"hold_kbs": [AUGUST_KB]}, {"reject": [AUGUST_KB]}),
    ("rejected", {}, {"reject": [AUGUST_KB]}, {"categories": []}),
    ("driver", {"driver": True, "browse_only": True}, {}, {"categories": []}),
    ("optional", {"browse_only": True}, {}, {"categories": []}),
    ("category", {"eula_accepted": False}, {"categories": []}, {}),
    ("licence_terms", {"eula_accepted": False}, {}, {"blackouts": [{"from": "2026-08-12", "to": "2026-08-12"}]}),
    ("blackout", {}, {"blackouts": [{"from": "2026-08-12", "to": "2026-08-12"}]}, {}),
]


@pytest.mark.parametrize(("code", "change", "policy", "later"), ORDER, ids=[case[0] for case in ORDER])
def test_order_of_rules(code: str, change: Raw, policy: dict[str, object], later: dict[str, object]) -> None:
    raw = host(AUGUST, {**HOT, **change}, agent_busy=True, system_disk={"free_bytes": 0})
    assert only(judge(raw, AUGUST_NOW, **{**later, **policy}))["code"] == code


def test_order_of_the_host_s_own_reasons() -> None:
    full: Raw = {"free_bytes": 0}
    busy = host(AUGUST, HOT, agent_busy=True, agent_reboot_required=True, system_disk=full)
    assert only(judge(busy, AUGUST_NOW))["code"] == "agent_busy"
    waiting = host(AUGUST, HOT, agent_reboot_required=True, system_disk=full)
    assert only(judge(waiting, AUGUST_NOW))["code"] == "restart_pending"
    assert only(judge(host(AUGUST, HOT, system_disk=full), AUGUST_NOW))["code"] == "disk"


def test_track_before_blackout_after_licence() -> None:
    bad = offer(OFF_TRACK_KB)
    blackout = [{"from": "2025-10-25", "to": "2025-10-25"}]
    assert only(judge(host(OCTOBER, bad), OCTOBER_NOW, blackouts=blackout))["code"] == "off_track"
    unread = {**bad, "eula_accepted": False}
    assert only(judge(host(OCTOBER, unread), OCTOBER_NOW))["code"] == "licence_terms"


# The track


def test_refused_off_track() -> None:
    made = judge(host(OCTOBER, offer(OFF_TRACK_KB)), OCTOBER_NOW)
    one = only(made)
    assert made["state"] == "on_track"
    assert (one["decision"], one["code"], one["keeps_track"], one["until"]) == ("refuse", "off_track", False, None)
    assert one["why"] == [
        "KB5070881 of 2025-10-23 is a cumulative update outside the baseline: "
        "it would throw the host off its track until the next baseline."
    ]
    assert (made["decision"], made["summary"]) == ("nothing", "Refuse KB5070881.")
    assert made["exposure"]["offers"] == [one["id"]]
    assert not made["restart"]["due"]


def test_refused_whatever_the_agent_says() -> None:
    sure = offer(OFF_TRACK_KB, requires_restart=ok(False), bootstrapper=ok(True))
    assert only(judge(host(OCTOBER, sure), OCTOBER_NOW, consent=True, possible="any"))["code"] == "off_track"


def test_refused_while_a_restart_is_pending() -> None:
    made = judge(host(OCTOBER, offer(OFF_TRACK_KB), cbs_packages_pending=True), OCTOBER_NOW, consent=True)
    assert (made["state"], made["refuse"], made["install"]) == ("restart_pending", [offer(OFF_TRACK_KB)["id"]], [])


def test_safe_fix_of_the_same_build_is_not_refused() -> None:
    made = judge(host(OCTOBER, offer("KB5070893")), OCTOBER_NOW)
    one = only(made)
    # Whether it restarts is not stated anywhere, so the static answer stands.
    assert (one["decision"], one["keeps_track"], one["restart"]) == ("put_off", True, "possible")


def test_host_off_its_track_has_nothing_to_lose() -> None:
    off = {"build": build("26100.6905"), "hotfixes": kbs("KB5065474", "KB5066835", OFF_TRACK_KB)}
    made = judge(host(off, offer("KB5068861")), at("2025-11-12"))
    assert (made["state"], made["track"]) == ("off_track", "standard")
    assert (only(made)["decision"], only(made)["code"]) == ("put_off", "waits_for_restart")


def test_behind_host_takes_the_baseline_and_refuses_what_ends_the_track() -> None:
    """A host of September 2025 that is offered the baseline of October has it still before it to stay on its track."""
    behind = {"build": build("26100.6508"), "hotfixes": kbs("KB5062553", "KB5065474")}
    made = judge(
        host(behind, offer("KB5066835"), offer(OFF_TRACK_KB)), OCTOBER_NOW, consent=True, max_wait={"critical": "1d"}
    )
    assert made["state"] == "behind"
    assert made["restart"]["now"]
    assert made["install"] == [offer("KB5066835")["id"]]
    assert made["refuse"] == [offer(OFF_TRACK_KB)["id"]]


@pytest.mark.parametrize("consent", [None, False, True])
@pytest.mark.parametrize("policy", [{}, {"windows": [SUNDAYS]}])
@pytest.mark.parametrize("moment", ["2025-10-25 12:00", "2025-10-26 23:00"])
def test_emergency(consent: bool | None, policy: dict[str, object], moment: str) -> None:
    """KB5070881 forced by the policy waits for nothing but consent and a window."""
    made = judge(
        host(OCTOBER, offer(OFF_TRACK_KB, categories=[])),
        at(moment),
        consent,
        emergency=[OFF_TRACK_KB],
        hold=True,
        hold_kbs=[OFF_TRACK_KB],
        reject=[OFF_TRACK_KB],
        **policy,
    )
    one = only(made)
    agreed = consent is True and (not policy or moment.startswith("2025-10-26"))
    assert (one["decision"], one["code"]) == (
        ("install", "agreed_restart") if agreed else ("put_off", "waits_for_restart")
    )
    assert one["why"][:3] == [
        "The policy names KB5070881 an emergency: hold, rejections, categories and the track do not stop it.",
        "KB5070881 of 2025-10-23 is a cumulative update outside the baseline: "
        "it ends the hotpatch track until the next baseline.",
        "An emergency waits for nothing but consent and a window.",
    ]
    assert one["limit"] == moment.replace(" ", "T") + ":00Z"
    assert (made["restart"]["due"], made["restart"]["now"]) == (True, agreed)
    assert made["restart"]["offers"] == [one["id"]]
    assert made["decision"] == "restart_due"


@pytest.mark.parametrize(
    ("changes", "policy", "code"),
    [
        ({"agent_busy": True}, {}, "agent_busy"),
        ({"agent_reboot_required": True}, {}, "restart_pending"),
        ({"system_disk": {"free_bytes": 0}}, {}, "disk"),
        ({}, {"blackouts": [{"from": "2025-10-25", "to": "2025-10-25"}]}, "blackout"),
    ],
)
def test_emergency_goes_before_none_of_these(changes: Raw, policy: dict[str, object], code: str) -> None:
    raw = host(OCTOBER, offer(OFF_TRACK_KB), **changes)
    assert only(judge(raw, OCTOBER_NOW, True, emergency=[OFF_TRACK_KB], **policy))["code"] == code


def test_emergency_that_does_not_restart_is_installed_under_a_hold() -> None:
    made = august(HOT, emergency=[AUGUST_KB], hold=True)
    assert (only(made)["code"], made["install"]) == ("no_restart", [HOT["id"]])


@pytest.mark.parametrize(
    ("policy", "words"),
    [("emergency", "The policy names KB5120228 an emergency"), ("hold_kbs", "The policy holds KB5120228.")],
)
def test_of_several_that_the_policy_names_the_lowest_is_told(policy: str, words: str) -> None:
    both = {**HOT, "kbs": ["KB5120999", AUGUST_KB]}
    made = august(both, **{policy: ["KB5120999", AUGUST_KB]})
    assert only(made)["why"][0].startswith(words)
    assert made["schema"] == 1


# Already in effect


@pytest.mark.parametrize(
    ("running", "installed", "decision", "code"),
    [
        ("26200.7092", ("KB5066835", "KB5068966"), "blocked", "already_in_effect"),
        ("26200.7093", ("KB5066835", "KB5072753"), "blocked", "already_in_effect"),
        ("26200.7092", ("KB5066835",), "install", "no_restart"),
        ("26200.6899", ("KB5066835", "KB5068966"), "install", "no_restart"),
        # 899 is below 7092, whatever the alphabet says.
        ("26200.899", ("KB5066835", "KB5068966"), "install", "no_restart"),
    ],
)
def test_reoffered(running: str, installed: tuple[str, ...], decision: str, code: str) -> None:
    """KB5068966 was offered again on every scan of 25H2."""
    month = {"build": build(running), "hotfixes": kbs(*installed)}
    made = judge(host(month, offer("KB5068966"), product=W11_25H2), at("2025-11-21"))
    one = only(made)
    assert (one["decision"], one["code"]) == (decision, code)
    if code == "already_in_effect":
        assert one["why"] == [f"Build {running} already holds KB5068966: it is offered again for nothing."]
        assert (made["decision"], made["exposure"]["seconds"]) == ("nothing", None)


@pytest.mark.parametrize("unread", [{"hotfixes": failed()}, {"hotfixes": None}, {"build": failed()}])
def test_in_effect_is_not_guessed(unread: Raw) -> None:
    month = {"build": build("26200.7092"), "hotfixes": kbs("KB5066835", "KB5068966"), **unread}
    made = judge(host(month, offer("KB5068966"), product=W11_25H2), at("2025-11-21"))
    assert only(made)["code"] != "already_in_effect"


def test_in_effect_of_another_family_is_nothing() -> None:
    """The same KB has a build of each family."""
    month = {"build": build("26200.9999"), "hotfixes": kbs("KB5066835")}
    raw = host(month, offer("KB5066782"), product=W11_25H2)
    assert only(judge(raw, at("2025-11-21")))["code"] != "already_in_effect"


# Restart classes beside the track


@pytest.mark.parametrize("policy", [{}, {"possible": "put_off"}])
def test_server_2022_hotpatch_by_the_table(policy: dict[str, object]) -> None:
    """There is no answer per host, and the static one says can-request."""
    month = {"build": build("20348.5386"), "hotfixes": kbs("KB5087424", "KB5099540")}
    raw = host(month, offer("KB5120229", bootstrapper=None), product=S22_AZURE)
    made = judge(raw, AUGUST_NOW, **policy)
    one = only(made)
    assert made["state"] == "on_track"
    assert (one["restart"], one["restart_source"], one["decision"]) == ("none", "the release table", "install")
    assert made["missing"] == []


def test_update_that_the_table_does_not_know() -> None:
    one = only(august(offer("KB5199999", requires_restart=failed("timeout"), bootstrapper=ok(True))))
    assert (one["restart"], one["restart_source"], one["keeps_track"]) == (
        "possible",
        "the agent's static answer",
        None,
    )
    assert one["released"] == "2026-07-14T17:00:00Z"
