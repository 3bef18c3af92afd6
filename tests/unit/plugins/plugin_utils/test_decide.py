# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision on a host, rule by rule: each offer's decision, code, until and limit, and when a restart is due."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils import decide, exposure, offers
from ansible_collections.rebootless.patching.plugins.plugin_utils.consent import Consent
from ansible_collections.rebootless.patching.plugins.plugin_utils.policy import CATEGORIES, Policy
from ansible_collections.rebootless.patching.plugins.plugin_utils.signals import UNKNOWN
from healthy import S22_AZURE, S25_ARC, W11_25H2, healthy
from realistic import TABLE, Raw, build, failed, kbs, ok

Decision = dict[str, Any]
NEVER, ALWAYS, CAN_REQUEST = 0, 1, 2
GB = 2**30
SUNDAYS = {"start": "22:00", "duration": "4h", "weekdays": ["sunday"]}
PLUS_12 = {"start": "22:00", "duration": "4h", "patch_tuesday_plus": 12, "name": "monthly"}


def at(text: str) -> datetime:
    """A moment in UTC, written `2026-07-15 12:00`; noon of a day."""
    return datetime.fromisoformat(f"{text if ':' in text else text + ' 12:00'}:00+00:00")


def offer(kb: str | None = None, **changes: object) -> Raw:
    """A raw offer of a security update that may ask for a restart."""
    raw = {
        "id": f"00000000-0000-4000-8000-0000{(kb or 'KB0000000')[2:].zfill(8)}",
        "revision": 200,
        "title": f"Update ({kb})" if kb else "Contoso - Net - 1.2",
        "kbs": [kb] if kb else [],
        "categories": [CATEGORIES["security"]],
        "severity": "Critical",
        "size": 1000,
        "released": "2026-07-14T17:00:00Z",
        "browse_only": False,
        "eula_accepted": True,
        "hidden": False,
        "downloaded": False,
        "driver": False,
        "reboot_behaviour": CAN_REQUEST,
        "impact": 0,
        "requires_user_input": False,
        "bootstrapper": ok(False),
        "requires_restart": None,
        "unread": [],
    }
    return {**raw, **changes}


# The months of the release table that the tests play in: host's build and KBs, the day after Patch Tuesday.
JULY = {"build": build("26100.32995"), "hotfixes": kbs("KB5087423", "KB5094125")}
JULY_NOW, JULY_KB, AUGUST_KB = at("2026-07-15"), "KB5099536", "KB5120228"
AUGUST = {"build": build("26100.33158"), "hotfixes": kbs("KB5087423", "KB5099536")}
AUGUST_NOW = at("2026-08-12")
OCTOBER = {"build": build("26100.6899"), "hotfixes": kbs("KB5065474", "KB5066835")}
OCTOBER_NOW, OFF_TRACK_KB = at("2025-10-25"), "KB5070881"


def host(month: Raw, *offered: Raw, product: str = S25_ARC, **changes: object) -> Raw:
    """The signals of a healthy host of a month, and what it is offered."""
    asked = {"agent_offers": list(offered), "agent_busy": False, "search_warnings": []}
    return healthy(product, **{**month, **asked, **changes})


def judge(raw: object, now: datetime, consent: Consent | bool | None = None, **policy: object) -> Decision:
    """The decision, which has to be plain JSON."""
    made = decide.decide("host", raw, TABLE, Policy.load(policy), now, consent=consent)
    assert json.loads(json.dumps(made)) == made
    return made


def july(
    consent: Consent | bool | None = None, now: datetime = JULY_NOW, changes: Raw | None = None, **policy: object
) -> Decision:
    """A host of June 2026 that is offered the baseline of July, which the hotpatch of 2026-08-11 needs."""
    return judge(host(JULY, offer(JULY_KB), **(changes or {})), now, consent, **policy)


def august(one: Raw, now: datetime = AUGUST_NOW, consent: Consent | bool | None = None, **policy: object) -> Decision:
    """A host on the baseline of July 2026 that is offered one update in August, a hotpatch month."""
    return judge(host(AUGUST, one), now, consent, **policy)


def only(made: Decision) -> dict[str, Any]:
    """The one offer of a decision."""
    (one,) = made["offers"]
    return dict(one)


HOT = offer(AUGUST_KB, requires_restart=ok(False), bootstrapper=ok(True))
QUIET = offer("KB890830", reboot_behaviour=NEVER, categories=[CATEGORIES["rollups"]], severity=None)


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
    ("hidden unknown", offer(AUGUST_KB, hidden=None), {}, "install", "no_restart", None, "the release table"),
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
    ("licence not known", {**QUIET, "eula_accepted": None}, {}, "install", "no_restart", None, "static"),
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
    one = only(judge(host(AUGUST, HOT, system_disk={"free_bytes": 3 * GB // 2}), AUGUST_NOW))
    assert one["why"] == ["1.5 GB free on the system disk, the policy wants 5.0 GB."]


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


# Already in effect


@pytest.mark.parametrize(
    ("running", "installed", "decision", "code"),
    [
        ("26200.7092", ("KB5066835", "KB5068966"), "blocked", "already_in_effect"),
        ("26200.7093", ("KB5066835", "KB5072753"), "blocked", "already_in_effect"),
        ("26200.7092", ("KB5066835",), "install", "no_restart"),
        ("26200.6899", ("KB5066835", "KB5068966"), "install", "no_restart"),
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


# Limits


@pytest.mark.parametrize(
    ("severity", "policy", "limit", "words"),
    [
        ("Critical", {}, "2026-08-13T17:00:00Z", "may wait 30 days (Critical)"),
        ("Important", {}, "2026-10-17T17:00:00Z", "may wait 95 days (Important)"),
        ("Moderate", {}, "2026-10-17T17:00:00Z", "may wait 95 days (Moderate)"),
        ("Low", {}, "2027-01-10T17:00:00Z", "may wait 180 days (Low)"),
        (None, {}, "2026-08-13T17:00:00Z", "may wait 30 days (no severity, so the strictest)"),
        ("", {}, "2026-08-13T17:00:00Z", "(no severity, so the strictest)"),
        (None, {"max_wait": {"low": "1d"}}, "2026-07-15T17:00:00Z", "may wait 1 day (no"),
        ("Low", {"max_wait": {"low": "1d12h"}}, "2026-07-16T05:00:00Z", "may wait 36 hours (Low)"),
    ],
)
def test_exposure_limit(severity: str | None, policy: dict[str, object], limit: str, words: str) -> None:
    one = only(august(offer("KB9800001", severity=severity), now=at("2026-07-15"), **policy))
    assert one["limit"] == one["until"] == limit
    assert words in one["why"][0]
    assert one["waited"] == 19 * 3600


@pytest.mark.parametrize("released", [None, "", "yesterday", 5])
def test_nobody_knows_when_it_came_out(released: object) -> None:
    made = august(offer("KB9800001", released=released))
    one = only(made)
    assert one["limit"] == "2026-08-12T12:00:00Z"
    assert (one["released"], one["waited"]) == (None, None)
    assert one["why"][0] == "Nobody knows when it came out, so it is treated as overdue."
    assert made["decision"] == "restart_due"
    assert made["restart"]["offers"] == [one["id"]]


def test_baseline_before_a_planned_baseline_has_only_its_exposure_limit() -> None:
    """The unplanned baseline of June 2026: July was a baseline by plan, so no hotpatch needs it."""
    month = {"build": build("26100.32772"), "hotfixes": kbs("KB5082063", "KB5087423")}
    one = only(judge(host(month, offer("KB5094125")), at("2026-06-10")))
    assert one["limit"] == "2026-07-09T17:00:00Z"
    assert len(one["why"]) == 2
    late = only(judge(host(month, offer("KB5094125")), at("2026-06-10"), max_wait={"critical": "60d"}))
    assert late["limit"] == "2026-08-08T17:00:00Z"


def test_unplanned_baseline_was_planned_as_a_hotpatch() -> None:
    """July 2024 had to be in effect by August 2024, which turned out to be a baseline."""
    month = {"build": build("20348.2522"), "hotfixes": kbs("KB5036909", "KB5039330")}
    raw = host(month, offer("KB5040437", bootstrapper=None), product=S22_AZURE)
    one = only(judge(raw, at("2024-07-10"), max_wait={"critical": "60d"}))
    assert one["limit"] == "2024-08-13T17:00:00Z"
    assert "The hotpatch of 2024-08-13 needs this baseline." in one["why"]
    # Once it is out it is known as what it is.
    one = only(judge(raw, at("2024-08-13 17:00"), max_wait={"critical": "60d"}))
    assert one["limit"] == "2024-09-07T17:00:00Z"


def test_host_without_hotpatches_needs_no_baseline() -> None:
    made = july(changes={"vbs_running": 0}, max_wait={"critical": "60d"})
    assert made["state"] == "not_ready"
    assert only(made)["limit"] == "2026-09-12T17:00:00Z"


# Restart


@pytest.mark.parametrize(
    ("now", "policy", "due", "by", "start", "decision"),
    [
        # Without windows the next run has to be too late.
        ("2026-07-15", {}, True, "2026-08-11T17:00:00Z", None, "restart_due"),
        ("2026-07-15", {"max_wait": {"critical": "5d"}}, True, "2026-07-19T17:00:00Z", None, "restart_due"),
        ("2026-07-30", {"max_wait": {"critical": "5d"}}, True, "2026-07-19T17:00:00Z", None, "restart_due"),
        # The last of the weekly windows that end in time.
        ("2026-07-15", {"windows": [SUNDAYS]}, True, "2026-08-11T17:00:00Z", "2026-08-09T22:00:00Z", "restart_due"),
        (
            "2026-07-15",
            {"windows": [SUNDAYS], "restart_at": "first"},
            True,
            "2026-08-11T17:00:00Z",
            "2026-07-19T22:00:00Z",
            "restart_due",
        ),
        (
            "2026-07-15",
            {"windows": [SUNDAYS], "max_wait": {"critical": "12d9h"}},
            True,
            "2026-07-27T02:00:00Z",
            "2026-07-26T22:00:00Z",
            "restart_due",
        ),
        (
            "2026-07-15",
            {"windows": [SUNDAYS], "max_wait": {"critical": "12d8h59m"}},
            True,
            "2026-07-27T01:59:00Z",
            "2026-07-19T22:00:00Z",
            "restart_due",
        ),
        ("2026-07-15", {"windows": [PLUS_12]}, True, "2026-08-11T17:00:00Z", "2026-07-26T22:00:00Z", "restart_due"),
        # No window ends in time: the nearest, and said at once.
        (
            "2026-07-15",
            {"windows": [PLUS_12], "max_wait": {"critical": "5d"}},
            True,
            "2026-07-19T17:00:00Z",
            "2026-07-26T22:00:00Z",
            "restart_due",
        ),
        ("2026-08-20", {"windows": [PLUS_12]}, True, "2026-08-11T17:00:00Z", "2026-08-23T22:00:00Z", "restart_due"),
        # Open now.
        (
            "2026-08-09 23:00",
            {"windows": [SUNDAYS]},
            True,
            "2026-08-11T17:00:00Z",
            "2026-08-09T22:00:00Z",
            "restart_due",
        ),
    ],
)
def test_restart_due(now: str, policy: dict[str, object], due: bool, by: str, start: str | None, decision: str) -> None:
    made = july(now=at(now), **policy)
    restart = made["restart"]
    assert (restart["due"], restart["by"], made["decision"]) == (due, by, decision)
    assert (restart["window"] or {}).get("start") == start
    assert restart["offers"] == made["put_off"]
    assert not restart["now"]


@pytest.mark.parametrize(
    ("wait", "windows", "due"),
    [
        # Next run: 2026-07-14 17:00.
        ("35d", [], True),
        ("36d", [], False),
        ("60d", [], False),
        ("60d", [SUNDAYS], False),
        ("39d", [SUNDAYS], True),
        ("41d", [SUNDAYS], False),
        ("60d", [PLUS_12], False),
        ("45d", [PLUS_12], True),
    ],
)
def test_due_when_no_later_run_could_say_it(wait: str, windows: list[Raw], due: bool) -> None:
    """June 2026's baseline, which no hotpatch needs, on 2026-06-10."""
    month = {"build": build("26100.32772"), "hotfixes": kbs("KB5082063", "KB5087423")}
    made = judge(host(month, offer("KB5094125")), at("2026-06-10"), True, windows=windows, max_wait={"critical": wait})
    restart = made["restart"]
    assert restart["due"] is due
    assert made["decision"] == ("restart_due" if due else "wait_for_window")
    assert restart["now"] is (due and not windows)
    assert restart["why"].startswith(f"KB5094125 must be in effect by {restart['by'][:10]} 17:00 UTC.")


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        # Eleven days after a Patch Tuesday: the next run is eleven days after the next one.
        ("2026-06-20 17:00", True),
        ("2026-06-09 17:00", False),
        ("2026-06-09 22:59", False),
        ("2026-06-09 23:00", True),
    ],
)
def test_next_run_is_as_long_after_its_patch_tuesday(moment: str, due: bool) -> None:
    one = offer("KB9800001", released="2026-06-14T17:00:00Z", severity="Low")
    made = judge(host(AUGUST, one), at(moment), max_wait={"low": "30d6h"})
    assert (made["restart"]["by"], made["restart"]["due"]) == ("2026-07-14T23:00:00Z", due)


WINDOW_CASES = [
    # moment, restart_at, whether the right window is open
    ("2026-07-19 23:00", "last", False),
    ("2026-07-19 23:00", "first", True),
    ("2026-08-09 21:59", "last", False),
    ("2026-08-09 22:00", "last", True),
    ("2026-08-10 01:59", "last", True),
    ("2026-08-10 02:00", "last", False),
]


@pytest.mark.parametrize("consent", [None, False, True])
@pytest.mark.parametrize(("moment", "which", "open_now"), WINDOW_CASES)
def test_restart_now(moment: str, which: str, open_now: bool, consent: bool | None) -> None:
    made = july(consent, at(moment), windows=[SUNDAYS], restart_at=which)
    one, now = only(made), consent is True and open_now
    assert made["restart"]["due"]
    assert made["restart"]["now"] is now
    assert made["restart"]["consent"] is consent
    assert (one["decision"], one["code"]) == (
        ("install", "agreed_restart") if now else ("put_off", "waits_for_restart")
    )
    assert one["until"] == (None if now else "2026-08-11T17:00:00Z")
    if now:
        assert one["why"][-1] == "The restart is agreed and its window is open: it is installed now."
        assert made["summary"] == "Install KB5099536 and restart."


@pytest.mark.parametrize(("consent", "now"), [(None, False), (False, False), (True, True)])
def test_restart_now_without_windows(consent: bool | None, now: bool) -> None:
    made = july(consent, max_wait={"critical": "20d"})
    assert (made["restart"]["due"], made["restart"]["now"], made["restart"]["window"]) == (True, now, None)
    assert bool(made["install"]) is now


CONSENT = {"agreed": True, "ticket": "CHG-1", "approver": "Ada"}
AT_NOON, IN_WINDOW = at("2026-08-09 12:00"), at("2026-08-09 23:00")
WINDOW_WORDS = "The window for it: 2026-08-09 22:00 UTC to 2026-08-10 02:00 UTC."


@pytest.mark.parametrize(
    ("now", "expires", "restarts", "said", "words"),
    [
        (IN_WINDOW, None, True, True, ""),
        (IN_WINDOW, "2026-08-09T23:00:01Z", True, True, ""),
        (
            IN_WINDOW,
            "2026-08-09T23:00:00Z",
            False,
            False,
            " The consent (CHG-1 by Ada) expired at 2026-08-09 23:00 UTC and counts as no.",
        ),
        (AT_NOON, "2026-08-09T22:00:01Z", False, True, ""),
        (
            AT_NOON,
            "2026-08-09T22:00:00Z",
            False,
            True,
            " The consent expires at 2026-08-09 22:00 UTC, before that window opens.",
        ),
        (
            AT_NOON,
            "2026-08-09T12:00:00Z",
            False,
            False,
            " The consent (CHG-1 by Ada) expired at 2026-08-09 12:00 UTC and counts as no.",
        ),
    ],
)
def test_consent_that_expires(now: datetime, expires: str | None, restarts: bool, said: bool, words: str) -> None:
    consent = Consent.load({**CONSENT, "expires": expires})
    made = july(consent, now, windows=[SUNDAYS])
    restart = made["restart"]
    assert (restart["due"], restart["now"], restart["consent"]) == (True, restarts, said)
    assert restart["consent_by"] == {"ticket": "CHG-1", "approver": "Ada", "expires": expires}
    assert restart["why"].endswith(WINDOW_WORDS + words)
    assert bool(made["install"]) is restarts
    if not said:
        assert words in made["summary"]


def test_consent_that_has_expired_is_said_without_windows_and_where_no_restart_is_owed_nothing_is_said() -> None:
    over = Consent.load({"agreed": True, "expires": "2026-07-15T12:00:00Z"})
    made = july(over, max_wait={"critical": "20d"})
    assert (made["restart"]["now"], made["restart"]["consent"]) == (False, False)
    assert made["restart"]["why"] == (
        "KB5099536 must be in effect by 2026-08-03 17:00 UTC. "
        "The consent expired at 2026-07-15 12:00 UTC and counts as no."
    )
    quiet = august(HOT, consent=over)
    assert (quiet["restart"]["consent"], quiet["restart"]["why"]) == (False, None)


def test_refused_consent_keeps_its_ticket() -> None:
    made = july(Consent.load({"agreed": False, "ticket": "CHG-2"}), IN_WINDOW, windows=[SUNDAYS])
    assert (made["restart"]["now"], made["restart"]["consent"]) == (False, False)
    assert made["restart"]["consent_by"] == {"ticket": "CHG-2", "approver": None, "expires": None}


def test_overdue_in_any_window() -> None:
    made = july(True, at("2026-08-23 23:00"), windows=[SUNDAYS])
    assert made["restart"]["now"]
    assert made["restart"]["why"] == (
        "KB5099536 had to be in effect by 2026-08-11 17:00 UTC: overdue. "
        "The window for it: 2026-08-23 22:00 UTC to 2026-08-24 02:00 UTC."
    )


def test_words_of_a_due_restart() -> None:
    made = july(windows=[PLUS_12])
    why = (
        "KB5099536 must be in effect by 2026-08-11 17:00 UTC. "
        "The window for it: 2026-07-26 22:00 UTC to 2026-07-27 02:00 UTC."
    )
    assert made["restart"]["why"] == why
    assert made["restart"]["window"] == {
        "start": "2026-07-26T22:00:00Z",
        "end": "2026-07-27T02:00:00Z",
        "name": "monthly",
    }
    assert made["summary"] == f"Put off KB5099536. A restart is due: {why}"
    assert made["window"] == {"current": None, "following": made["restart"]["window"]}
    inside = july(now=at("2026-07-27 01:00"), windows=[PLUS_12])
    assert inside["window"]["current"] == made["restart"]["window"]
    assert inside["window"]["following"]["start"] == "2026-08-23T22:00:00Z"


def test_no_window_ahead() -> None:
    made = july(True, windows=[PLUS_12], blackouts=[{"from": "2026-07-16", "to": "2028-01-01"}])
    assert (made["restart"]["due"], made["restart"]["now"], made["restart"]["window"]) == (True, False, None)
    assert made["restart"]["why"] == (
        "KB5099536 must be in effect by 2026-08-11 17:00 UTC. No window lies ahead within a year."
    )


def test_several_limits_share_a_restart() -> None:
    """The tightest limit chooses the window, and all that share it force it."""
    tight = offer("KB9800001", severity="Low", released="2026-07-14T17:00:00Z")
    loose = offer("KB9800002", severity="Important", released="2026-07-14T17:00:00Z")
    raw = host(JULY, offer(JULY_KB), tight, loose)
    made = judge(raw, JULY_NOW, windows=[SUNDAYS], max_wait={"low": "27d"})
    assert made["restart"]["by"] == "2026-08-10T17:00:00Z"
    assert made["restart"]["offers"] == [tight["id"], offer(JULY_KB)["id"]]
    assert "KB9800001, KB5099536 must be in effect by" in made["restart"]["why"]
    agreed = judge(raw, at("2026-08-09 23:00"), True, windows=[SUNDAYS], max_wait={"low": "27d"})
    assert sorted(agreed["install"]) == sorted(one["id"] for one in (tight, loose, offer(JULY_KB)))


def test_pending_restart_takes_what_waits_along() -> None:
    raw = host(JULY, offer(JULY_KB), cbs_reboot_pending=True)
    later = judge(raw, at("2026-07-15"), True, windows=[SUNDAYS])
    assert (later["restart"]["due"], later["restart"]["now"]) == (True, False)
    assert later["restart"]["window"]["start"] == "2026-07-19T22:00:00Z"
    assert later["restart"]["by"] == "2026-07-15T12:00:00Z"
    made = judge(raw, at("2026-07-19 23:00"), True, windows=[SUNDAYS])
    assert (made["restart"]["now"], made["install"]) == (True, [offer(JULY_KB)["id"]])
    assert judge(raw, at("2026-07-19 23:00"), None, windows=[SUNDAYS])["restart"]["now"] is False


def test_pending_restart_alone_in_words() -> None:
    made = judge(host(AUGUST, cbs_reboot_pending=True), AUGUST_NOW, True)
    assert (made["decision"], made["summary"], made["restart"]["now"]) == ("restart_due", "Restart now.", True)
    assert made["restart"]["why"] == "A restart is pending. The servicing stack has work for the next boot."


@pytest.mark.parametrize(
    ("changes", "policy"),
    [({"agent_busy": True}, {}), ({}, {"blackouts": [{"from": "2026-08-12", "to": "2026-08-12"}]})],
)
def test_no_restart_while_the_agent_installs_or_in_a_blackout(changes: Raw, policy: dict[str, object]) -> None:
    made = judge(host(AUGUST, HOT, cbs_reboot_pending=True, **changes), AUGUST_NOW, True, **policy)
    assert (made["restart"]["due"], made["restart"]["now"]) == (True, False)
    assert made["decision"] == "blocked"


@pytest.mark.parametrize(
    ("now", "changes", "policy"),
    [
        ("2026-07-15", {"agent_busy": True}, {}),
        ("2026-07-15", {"system_disk": {"free_bytes": 0}}, {}),
        ("2026-07-15", {}, {"blackouts": [{"from": "2026-07-15", "to": "2026-07-15"}]}),
    ],
)
def test_restart_is_due_whatever_blocks_the_installation_now(now: str, changes: Raw, policy: dict[str, object]) -> None:
    """The month's only run may meet a full disk or a blackout; the limit comes nearer all the same."""
    made = july(None, at(now), changes, windows=[SUNDAYS], **policy)
    assert made["put_off"] == made["install"] == []
    assert made["restart"]["due"]
    assert made["restart"]["window"]["start"] == "2026-08-09T22:00:00Z"


def test_unplaced_update_goes_along_only_when_its_own_limit_forces_it() -> None:
    """What nobody can place on the track may end it: it is left out of another's restart."""
    stranger = offer("KB5199999", reboot_behaviour=ALWAYS, severity="Low")
    raw = host(AUGUST, stranger, cbs_reboot_pending=True)
    made = judge(raw, AUGUST_NOW, True)
    assert (made["restart"]["now"], made["install"], made["put_off"]) == (True, [], [stranger["id"]])
    windows = judge(raw, at("2026-08-16 23:00"), True, windows=[SUNDAYS])
    assert (windows["restart"]["now"], windows["install"], windows["put_off"]) == (True, [], [stranger["id"]])
    maybe = host(AUGUST, {**stranger, "reboot_behaviour": CAN_REQUEST}, cbs_reboot_pending=True)
    assert judge(maybe, at("2026-08-16 23:00"), True, windows=[SUNDAYS])["install"] == [stranger["id"]]


def test_host_without_a_track_takes_the_unplaced_update_along() -> None:
    stranger = offer("KB5199999", reboot_behaviour=ALWAYS, severity="Low")
    raw = host(AUGUST, stranger, cbs_reboot_pending=True, vbs_running=0)
    assert judge(raw, at("2026-08-16 23:00"), True, windows=[SUNDAYS])["install"] == [stranger["id"]]


@pytest.mark.parametrize(("moment", "words"), [("2026-08-13 17:00", "must be"), ("2026-08-13 17:01", "had to be")])
def test_overdue_is_after_the_limit(moment: str, words: str) -> None:
    why = august(offer("KB9800001"), now=at(moment))["restart"]["why"]
    assert why.startswith(f"KB9800001 {words} in effect by 2026-08-13 17:00 UTC")


# Exposure, missing answers, hosts without an answer


def test_exposure_is_the_oldest() -> None:
    old = offer("KB9800001", released="2026-08-01T00:00:00Z")
    new = offer("KB9800002", released="2026-08-10T00:00:00Z", categories=[CATEGORIES["rollups"]], severity="Low")
    tool = {**QUIET, "released": "2020-01-01T00:00:00Z"}
    made = judge(host(AUGUST, new, old, tool), AUGUST_NOW)
    assert made["exposure"] == {
        "seconds": 11 * 86400 + 43200,
        "since": "2026-08-01T00:00:00Z",
        "offers": [old["id"], new["id"]],
    }
    critical = {**QUIET, "categories": [CATEGORIES["critical"]], "released": "2026-08-13T00:00:00Z"}
    assert judge(host(AUGUST, critical), AUGUST_NOW)["exposure"]["seconds"] == 0
    assert judge(host(AUGUST, tool), AUGUST_NOW)["exposure"] == {"seconds": None, "since": None, "offers": []}


def test_exposure_of_nobody_knows_when_is_not_zero() -> None:
    """The update is listed, and how long it has been out stays unknown."""
    undated = offer("KB9800001", released=None)
    made = august(undated)
    assert made["exposure"] == {"seconds": None, "since": None, "offers": [undated["id"]]}


ASK = "Ask again; until then the static answer or the release table stands in."
FETCH = "Ask for it with restart_answer: always; that downloads the update's bootstrapper."


@pytest.mark.parametrize(
    ("answer", "why", "fix"),
    [
        (None, "not asked", FETCH),
        (failed("denied"), "access denied", decide.BECOME),
        (failed("timeout"), "timed out", ASK),
        (failed(), "failed", ASK),
        (ok("no"), "unusable value", ASK),
    ],
)
def test_missing_answer_of_an_offer(answer: object, why: str, fix: str) -> None:
    made = august({**HOT, "requires_restart": answer})
    what = "the agent's own answer whether KB5120228 restarts this host"
    assert made["missing"] == [{"what": what, "why": why, "fix": fix}]
    assert only(made)["restart_source"] == "the release table"
    assert august({**HOT, "requires_restart": answer, "hidden": True})["missing"] == []
    assert august({**HOT, "requires_restart": answer, "bootstrapper": None})["missing"] == []


def test_missing_answers_of_the_agent() -> None:
    made = judge(host(AUGUST, agent_busy=failed("denied")), AUGUST_NOW)
    what = "whether the update agent is installing something"
    assert made["missing"] == [{"what": what, "why": "access denied", "fix": decide.BECOME}]
    assert "become_user SYSTEM" in decide.BECOME


@pytest.mark.parametrize(
    ("answer", "why", "fix"),
    [
        (failed("denied"), "access denied", decide.BECOME),
        (failed("timeout"), "timed out", "Look at the Windows Update service"),
        (ok("nothing"), "unusable value", "Look at the Windows Update service"),
        (ok(None), "no value", "Look at the Windows Update service"),
    ],
)
def test_offers_that_nobody_can_read(answer: Raw, why: str, fix: str) -> None:
    raw = {**host(AUGUST), "agent_offers": answer}
    made = judge(raw, AUGUST_NOW)
    assert (made["decision"], made["offers"], made["install"]) == ("unknown", [], [])
    assert made["summary"] == f"What the host is offered is not known: {why}."
    (lack,) = made["missing"]
    assert (lack["what"], lack["why"]) == ("what the update agent offers", why)
    assert lack["fix"].startswith(fix)
    assert made["stale_when"]["offers"] is None
    pending = judge({**raw, "cbs_reboot_pending": ok(True)}, AUGUST_NOW)
    assert (pending["decision"], pending["restart"]["due"]) == ("restart_due", True)


def test_offers_that_were_never_asked_for() -> None:
    made = judge(healthy(S25_ARC, **AUGUST), AUGUST_NOW)
    assert made["decision"] == "unknown"
    assert [lack["why"] for lack in made["missing"]] == ["not asked", "not asked"]


def test_malformed_offers_are_counted() -> None:
    made = judge(host(AUGUST, HOT, {"id": None}, {**QUIET, "revision": "x"}), AUGUST_NOW)
    assert made["install"] == [HOT["id"]]
    assert made["missing"] == [
        {
            "what": "2 offers that could not be read",
            "why": "malformed answer",
            "fix": "Report this with the raw signals.",
        }
    ]


def test_host_that_was_not_reached() -> None:
    problem = {"kind": "unreachable", "message": "connection refused"}
    made = decide.decide("host", None, TABLE, Policy.load(), AUGUST_NOW, problem=problem)
    assert (made["decision"], made["reached"], made["problem"], made["missing"]) == ("unknown", False, problem, [])
    assert made["summary"] == "What the host is offered is not known: connection refused."
    assert judge(None, AUGUST_NOW)["summary"] == "What the host is offered is not known: no answer."


def test_stale_when_names_what_waits() -> None:
    raw = host(AUGUST, HOT, QUIET, cbs_reboot_pending=True, dsc_lcm_state="PendingReboot")
    stale = judge(raw, AUGUST_NOW)["stale_when"]
    assert stale["pending"] == ["management:dsc_lcm_state", "servicing:cbs_reboot_pending"]
    assert stale["offers"] == {HOT["id"]: 200, QUIET["id"]: 200}
    assert decide.stale_when({"build": None, "last_boot": None, "pending": {"reasons": []}}, UNKNOWN) == {
        "build": None,
        "last_boot": None,
        "pending": [],
        "offers": None,
    }


def test_order_and_doubles_of_the_answer_do_not_matter() -> None:
    older = {**HOT, "revision": 199, "title": "Older"}
    made = judge(host(AUGUST, QUIET, HOT, older), AUGUST_NOW)
    assert made == judge(host(AUGUST, older, HOT, QUIET), AUGUST_NOW)
    assert [one["title"] for one in made["offers"]] == ["Update (KB5120228)", "Update (KB890830)"]
    assert isinstance(offers.read(decide.Signals(host(AUGUST))), offers.Offers)


def test_summary_names_everything() -> None:
    waiting = offer("KB9800001")
    raw = host(OCTOBER, offer(OFF_TRACK_KB), waiting, {**QUIET, "kbs": ["KB890830"]}, offer("KB9800002"))
    made = judge(raw, OCTOBER_NOW, hold_kbs=["KB9800002"], max_wait={"critical": "365d"})
    assert made["summary"].startswith(
        "Install KB890830 without a restart. Refuse KB5070881. Put off KB9800001. Blocked: KB9800002."
    )


# Superseded updates


def test_newer_update_does_not_reset_the_limit() -> None:
    """A host that takes no hotpatches lacks the security fixes of July; August's update brings them a month later.

    Were its limit counted from August, each month's update would put it off once more, for ever.
    """
    month = {"build": build("26100.32995"), "hotfixes": kbs("KB5094125"), "vbs_running": 0}
    made = judge(host(month, offer("KB5120233")), at("2026-08-12"), max_wait={"critical": "45d"})
    assert made["state"] == "not_ready"
    assert only(made)["limit"] == "2026-08-28T17:00:00Z"
    assert made["restart"]["due"]
    assert made["exposure"]["since"] == "2026-07-14T17:00:00Z"


def test_limit_of_what_an_update_brings_in_words() -> None:
    month = {"build": build("26100.32995"), "hotfixes": kbs("KB5094125"), "vbs_running": 0}
    one = only(judge(host(month, offer("KB5120233")), at("2026-08-12"), max_wait={"critical": "45d"}))
    assert (one["released"], one["missing_since"]) == ("2026-08-11T17:00:00Z", "2026-07-14T17:00:00Z")
    assert one["why"][0] == (
        "Part of it has been missing since 2026-07-14 17:00 UTC, may wait 45 days (Critical): until 2026-08-28 17:00 UTC."
    )


@pytest.mark.parametrize(
    ("running", "installed", "kb", "now", "since"),
    [
        # A hotpatch has a lower build than the cumulative update of its day, and brings the same.
        ("26100.7392", "KB5072014", "KB5073379", "2026-01-14", "2026-01-13"),
        # What the host lacks is brought by the newest baseline, whatever it is a hotpatch or a baseline of.
        ("26100.7092", "KB5068966", "KB5073379", "2026-01-14", "2025-12-09"),
        ("26100.32772", "KB5087423", "KB5099536", "2026-07-15", "2026-06-09"),
        # Of a build that the table does not know nobody can tell what it lacks.
        ("26100.32771", "KB5087423", "KB5099536", "2026-07-15", "2026-07-14"),
    ],
)
def test_since_when_what_it_brings_has_been_missing(
    running: str, installed: str, kb: str, now: str, since: str
) -> None:
    made = judge(host({"build": build(running), "hotfixes": kbs(installed)}, offer(kb)), at(now))
    assert only(made)["missing_since"] == made["exposure"]["since"] == f"{since}T17:00:00Z"


def test_host_off_its_track_refuses_what_ends_it_when_a_baseline_is_offered() -> None:
    """With the baseline of January 2026 it comes back; KB5077793 of four days later would end the track once more."""
    off = {"build": build("26100.7462"), "hotfixes": kbs("KB5066835", "KB5068966", "KB5072033")}
    back, bad = offer("KB5073379"), offer("KB5077793")
    made = judge(host(off, back, bad), at("2026-01-19"))
    assert made["state"] == "off_track"
    assert (made["put_off"], made["refuse"]) == ([back["id"]], [bad["id"]])
    alone = judge(host(off, bad), at("2026-01-19"))
    assert (alone["put_off"], alone["refuse"]) == ([bad["id"]], [])


def test_host_that_is_not_ready_refuses_nothing_for_a_track_that_it_does_not_have() -> None:
    """VBS is not running, so the baseline of October 2025 brings no hotpatches; KB5070881 ends nothing."""
    without = {"build": build("26100.6508"), "hotfixes": kbs("KB5062553", "KB5065474"), "vbs_running": 1}
    made = judge(host(without, offer("KB5066835"), offer(OFF_TRACK_KB)), OCTOBER_NOW)
    assert made["state"] == "not_ready"
    assert (len(made["put_off"]), made["refuse"]) == (2, [])


def test_blocked_update_keeps_its_limit_and_restarts_nothing() -> None:
    full = {"system_disk": {"free_bytes": 0}}
    made = july(True, at("2026-08-09 23:00"), full, windows=[SUNDAYS])
    one = only(made)
    assert (one["code"], one["limit"], one["until"]) == ("disk", "2026-08-11T17:00:00Z", None)
    assert (made["restart"]["due"], made["restart"]["now"], made["install"]) == (True, False, [])
    assert made["restart"]["offers"] == [one["id"]]
    assert made["decision"] == "blocked"


@pytest.mark.parametrize("choice", ["any", "in_window"])
def test_what_may_be_installed_without_waiting_has_no_limit(choice: str) -> None:
    made = august(offer("KB9800001"), windows=[SUNDAYS], possible=choice)
    assert only(made)["limit"] is None
    assert (made["restart"]["due"], made["restart"]["by"]) == (False, None)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(days=1), "1 day"),
        (timedelta(days=14), "14 days"),
        (timedelta(hours=12), "12 hours"),
        (timedelta(minutes=90), "1.5 hours"),
        (timedelta(days=1, hours=6), "30 hours"),
    ],
)
def test_span_in_words(span: timedelta, words: str) -> None:
    assert exposure.span(span.total_seconds()) == words


NET_JULY, NET_AUGUST = offer("KB9800007", severity="Important"), offer("KB9800008", severity="Important")
NET_AUGUST = {**NET_AUGUST, "released": "2026-08-11T17:00:00Z", "supersedes": [NET_JULY["id"]]}


def august_after(july_month: Raw, remembered: dict[str, Any]) -> dict[str, Any]:
    """August's .NET update, on a host of which this is known."""
    raw = host(july_month, NET_AUGUST)
    made = decide.decide("host", raw, TABLE, Policy.load({}), AUGUST_NOW, remembered=remembered)
    return only(made)


def test_what_an_update_supersedes_counts_when_an_earlier_decision_knew_it() -> None:
    july_decision = judge(host(AUGUST, NET_JULY), at("2026-07-15"))
    assert exposure.memory(july_decision) == {NET_JULY["id"]: {"since": "2026-07-14T17:00:00Z", "kbs": ["KB9800007"]}}
    one = august_after(AUGUST, exposure.memory(july_decision))
    assert (one["released"], one["missing_since"]) == ("2026-08-11T17:00:00Z", "2026-07-14T17:00:00Z")
    assert one["limit"] == "2026-10-17T17:00:00Z"
    assert august_after(AUGUST, {})["missing_since"] == "2026-08-11T17:00:00Z"


def test_what_was_installed_is_not_remembered() -> None:
    july_decision = judge(host(AUGUST, NET_JULY), at("2026-07-15"))
    assert exposure.memory(july_decision, {"installed": [NET_JULY["id"]]}) == {}
    assert exposure.memory(july_decision, {"installed": []}) != {}


def test_what_came_in_by_another_way_is_not_missing() -> None:
    remembered = exposure.memory(judge(host(AUGUST, NET_JULY), at("2026-07-15")))
    listed = {**AUGUST, "hotfixes": [*AUGUST["hotfixes"], *kbs("KB9800007")]}
    assert august_after(listed, remembered)["missing_since"] == "2026-08-11T17:00:00Z"


def test_an_update_itself_is_remembered_when_its_deployment_changes() -> None:
    remembered = {NET_AUGUST["id"]: {"since": "2026-08-01T00:00:00Z", "kbs": []}}
    assert august_after(AUGUST, remembered)["missing_since"] == "2026-08-01T00:00:00Z"
    later = {NET_AUGUST["id"]: {"since": "2026-09-01T00:00:00Z", "kbs": []}}
    assert august_after(AUGUST, later)["missing_since"] == "2026-08-11T17:00:00Z"


@pytest.mark.parametrize(
    "remembered", [{"id": 5}, {"id": {"since": "July", "kbs": 5}}, {"id": {}}, {"id": {"since": None, "kbs": [None]}}]
)
def test_a_broken_memory_says_nothing(remembered: dict[str, Any]) -> None:
    assert august_after(AUGUST, {NET_JULY["id"]: remembered["id"]})["missing_since"] == "2026-08-11T17:00:00Z"


@pytest.mark.parametrize("decision", [None, {}, {"offers": None}, {"offers": [5, {}, {"id": "x"}]}, "text"])
def test_no_memory_of_what_is_no_decision(decision: object) -> None:
    assert exposure.memory(decision) == {}


def test_the_number_of_a_failed_search_is_told() -> None:
    error = {"type": "failed", "hresult": -2145107924, "message": "x"}
    raw = {**host(AUGUST), "agent_offers": {"ok": False, "value": None, "error": error}}
    made = judge(raw, AUGUST_NOW)
    assert made["summary"] == "What the host is offered is not known: failed (0x8024402C)."
    assert [one["why"] for one in made["missing"]] == ["failed (0x8024402C)"]


@pytest.mark.parametrize("code", [None, True, 0, 2**32, "5", -(2**31) - 1])
def test_no_number_is_made_up(code: object) -> None:
    error = {"type": "failed", "hresult": code, "message": "x"}
    raw = {**host(AUGUST), "agent_offers": {"ok": False, "value": None, "error": error}}
    assert judge(raw, AUGUST_NOW)["summary"] == "What the host is offered is not known: failed."


@pytest.mark.parametrize(
    ("warnings", "words"),
    [
        ([], []),
        ([-2145107924, 0x80240438], ["the search ended with warnings (0x8024402C, 0x80240438)"]),
        (["x"], []),
        (5, []),
    ],
)
def test_a_search_with_warnings_may_lack_offers(warnings: object, words: list[str]) -> None:
    raw = {**host(AUGUST), "search_warnings": {"ok": True, "value": warnings, "error": None}}
    assert [one["why"] for one in judge(raw, AUGUST_NOW)["missing"]] == words


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        # Runs on the morning of Patch Tuesday: after the one of 2026-06-09 comes that of 2026-07-14.
        ("2026-06-09 00:16", True),
        # A week or more before it they are counted from the last Patch Tuesday: the next is on 2026-06-30.
        ("2026-06-02 17:00", False),
        ("2026-06-02 17:01", False),
        ("2026-06-06 17:00", True),
    ],
)
def test_runs_shortly_before_a_patch_tuesday(moment: str, due: bool) -> None:
    one = offer("KB9800001", released="2026-06-11T17:00:00Z", severity="Low")
    made = judge(host(AUGUST, one), at(moment), max_wait={"low": "29d"})
    assert (made["restart"]["by"], made["restart"]["due"]) == ("2026-07-10T17:00:00Z", due)


def test_without_windows_only_what_no_later_run_could_bring_forces_the_restart() -> None:
    """July's baseline is needed by August's hotpatch; a .NET update of the same day may wait a quarter."""
    net = offer("KB9800007", severity="Important")
    month = {"build": build("26100.32995"), "hotfixes": kbs("KB5094125")}
    made = judge(host(month, offer("KB5099536"), net), at("2026-07-15"))
    assert made["restart"]["offers"] == [offer("KB5099536")["id"]]
    assert set(made["put_off"]) == {offer("KB5099536")["id"], net["id"]}
    alone = judge(host(AUGUST, net), at("2026-08-12"))
    assert (alone["restart"]["due"], alone["restart"]["offers"]) == (False, [net["id"]])


def test_summary_promises_no_restart_only_where_none_can_come() -> None:
    chance = offer("KB9800003", severity="Low")
    made = judge(host(AUGUST, chance), AUGUST_NOW, possible="any")
    assert made["summary"] == "Install KB9800003."
