# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long an update may wait and has waited, missing answers, hosts without an answer, superseded updates."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import UNKNOWN
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import decide, exposure, offers
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import CATEGORIES, Policy
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import ReleaseTable, shipped
from decide_cases import (
    AUGUST,
    AUGUST_NOW,
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
from healthy import S22_AZURE, S25_ARC, healthy
from realistic import TABLE, Raw, build, failed, kbs, ok

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
    assert [lack["why"] for lack in made["missing"]] == ["not asked"]


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


def test_nothing_to_do_is_not_known_of_offers_that_nobody_can_read() -> None:
    made = judge(host(AUGUST, {"id": None}), AUGUST_NOW)
    assert made["decision"] == "unknown"
    assert made["summary"] == "1 offers could not be read: whether there is anything to do is not known."
    assert judge(host(AUGUST), AUGUST_NOW)["decision"] == "nothing"


@pytest.mark.parametrize("title", ["Hot\npatch", "Hot\ufffdpatch", "H" * 301])
def test_an_update_that_no_title_tells_is_not_selected(title: str) -> None:
    made = judge(host(AUGUST, {**HOT, "title": title}, QUIET), AUGUST_NOW)
    (one,) = (offer for offer in made["offers"] if offer["id"] == HOT["id"])
    assert (one["decision"], one["code"], one["why"][-1]) == ("blocked", "title_unusable", offers.UNTOLD)
    assert made["install"] == [QUIET["id"]]


def test_more_offers_than_any_host_has() -> None:
    most = [{**QUIET, "id": f"id-{number}"} for number in range(offers.MOST + 1)]
    assert len(judge(host(AUGUST, *most[1:]), AUGUST_NOW)["offers"]) == offers.MOST
    made = judge(host(AUGUST, *most), AUGUST_NOW)
    assert (made["decision"], made["offers"]) == ("unknown", [])
    assert made["summary"] == "What the host is offered is not known: more than 500 offers."
    assert made["missing"][0]["why"] == "more than 500 offers"


@pytest.mark.parametrize("key", ["kbs", "categories"])
def test_an_offer_with_more_names_than_any_has_is_none(key: str) -> None:
    names = [f"KB{1000000 + number}" for number in range(offers.MOST_NAMES + 1)]
    assert judge(host(AUGUST, {**HOT, key: names}), AUGUST_NOW)["decision"] == "unknown"
    assert judge(host(AUGUST, {**HOT, key: names[1:]}), AUGUST_NOW)["decision"] != "unknown"


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


@pytest.mark.parametrize(
    ("vbs", "kb", "since"),
    [
        # It brings KB5070893; KB5070881 of the day before is nothing that a host on the track will ever take.
        (2, "KB5068966", "2025-10-24"),
        (1, "KB5068861", "2025-10-23"),
        # Of two with one build neither brings the other.
        (1, "KB5070893", "2025-10-24"),
    ],
)
def test_what_came_out_between_counts_where_it_could_have_been_taken(vbs: int, kb: str, since: str) -> None:
    made = judge(host({**OCTOBER, "vbs_running": vbs}, offer(kb)), at("2025-11-12"))
    assert only(made)["missing_since"] == f"{since}T17:00:00Z"


@pytest.mark.parametrize(
    ("number", "since"), [("26100.9000", "2025-12-30"), ("26100.32229", "2025-12-30"), ("26100.40000", "2026-01-13")]
)
def test_an_update_brings_no_earlier_one_of_a_higher_build(number: str, since: str) -> None:
    own = {"date": "2025-12-30", "kb": "KB9900001", "build": number, "type": "oob_hotpatch", "confidence": "secondary"}
    more = [{"product": "windows_server_2025", "restart": False, "source": "a test", "note": None, **own}]
    table = ReleaseTable.load(shipped(), {"schema": 1, "compiled": "2026-11-22", "releases": more})
    raw = host({"build": build("26100.7392"), "hotfixes": kbs("KB5072014")}, offer("KB5073379"))
    made = decide.decide("host", raw, table, Policy.load(), at("2026-01-14"))
    assert only(made)["missing_since"] == f"{since}T17:00:00Z"


@pytest.mark.parametrize(
    ("wait", "limit", "said"),
    [
        ("14d", "2026-07-28T17:00:00Z", False),
        # To the day of the hotpatch, so that it needs nothing earlier.
        ("28d", "2026-08-11T17:00:00Z", False),
        ("29d", "2026-08-11T17:00:00Z", True),
    ],
)
def test_the_earlier_of_limit_and_the_hotpatch_that_needs_it(wait: str, limit: str, said: bool) -> None:
    one = only(july(max_wait={"critical": wait}))
    assert one["limit"] == limit
    assert ("The hotpatch of 2026-08-11 needs this baseline." in one["why"]) is said


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


@pytest.mark.parametrize(
    ("released", "waited"),
    [("2026-08-12T11:59:50Z", 10), ("2026-08-12T12:00:00Z", 0), ("2026-08-12T13:00:00Z", 0)],
)
def test_nothing_has_waited_less_than_no_time(released: str, waited: int) -> None:
    assert only(august(offer("KB9800001", released=released)))["waited"] == waited


@pytest.mark.parametrize("choice", ["any", "in_window"])
def test_what_may_be_installed_without_waiting_has_no_limit(choice: str) -> None:
    made = august(offer("KB9800001"), windows=[SUNDAYS], possible=choice)
    assert only(made)["limit"] is None
    assert (made["restart"]["due"], made["restart"]["by"]) == (False, None)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(days=1), "1 day"),
        (timedelta(days=2), "2 days"),
        (timedelta(days=14), "14 days"),
        (timedelta(hours=12), "12 hours"),
        (timedelta(minutes=90), "1.5 hours"),
        (timedelta(days=1, hours=6), "30 hours"),
        (timedelta(days=10, hours=1), "241 hours"),
        (timedelta(minutes=100), "1.7 hours"),
        (timedelta(0), "0 hours"),
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


def test_what_says_no_day_is_counted_from_what_is_remembered() -> None:
    raw = host(AUGUST, {**NET_AUGUST, "released": None})
    remembered = {NET_AUGUST["id"]: {"since": "2026-08-01T00:00:00Z", "kbs": []}}
    one = only(decide.decide("host", raw, TABLE, Policy.load({}), AUGUST_NOW, remembered=remembered))
    assert (one["released"], one["missing_since"]) == (None, "2026-08-01T00:00:00Z")
    assert one["why"][0].startswith("Part of it has been missing since 2026-08-01 00:00 UTC, may wait 95 days")


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
        ([-2145107924, 0x80240017], ["the search ended with warnings (0x8024402C, 0x80240017)"]),
        (["x"], ["unusable value"]),
        (5, ["unusable value"]),
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
