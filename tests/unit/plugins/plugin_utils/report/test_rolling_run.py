# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a rolling run: who is left out, restarts with consent, waves, what waits, the run before, whose words it shows."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import run_examples as examples
import run_rolling as rolling
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.text import clean, columns_of
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import document as run_data
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import host_entry as run_host
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import host_view as run_view
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import render as run_report
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import timeline as run_timeline
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import totals as run_totals
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import vocabulary as run_words
from test_render import HOSTILE, VALIDATORS, Page, cells, plan, planned, poisoned, run, view

Json = dict[str, Any]
DOC = rolling.document()
HOSTS = {host["name"]: host for host in DOC["hosts"]}
AGREED = "agreed (ticket CHG-4711, by Ada Lovelace, until 2026-09-21 06:00 UTC)"


def test_the_document_is_valid() -> None:
    VALIDATORS["run"].validate(json.loads(json.dumps(DOC)))
    assert len(HOSTS) == 24


def test_counts_of_the_run() -> None:
    summary = DOC["summary"]
    assert summary["out"] == 2
    assert summary["waves"] == [
        {"wave": 1, "canary": True, "hosts": 2, "failed": 0},
        {"wave": 2, "canary": False, "hosts": 6, "failed": 0},
        {"wave": 3, "canary": False, "hosts": 14, "failed": 2},
    ]
    assert summary["restarts"] == {
        "due": 19,
        "agreed": 19,
        "now": 19,
        "made": 19,
        "done": 18,
        "unproved": 1,
        "unasked": 0,
    }
    assert (DOC["timeline"]["most_out"], DOC["timeline"]["to"]) == (11, rolling.at(110))


def test_wave_restarts_drain_and_preflight_of_each_host() -> None:
    for name, host in HOSTS.items():
        started = name not in rolling.NOT_STARTED
        assert host["wave"] == (rolling.WAVES[name] if started else None)
        assert host["canary"] == (rolling.WAVES[name] == 1 if started else None)
        drained = started and name not in rolling.QUIET
        assert (host["drain"] is not None, host["preflight"] is not None) == (drained, drained)
    assert len(HOSTS[rolling.TWICE]["restarts"]) == 2
    assert HOSTS[rolling.TWICE]["restart"] == HOSTS[rolling.TWICE]["restarts"][-1]
    assert [one["done"] for one in HOSTS[rolling.LOST]["restarts"]] == [None]
    assert HOSTS[rolling.QUIET[0]]["restarts"] == []
    assert HOSTS[rolling.QUIET[0]]["restart"] is None


# --- left out of service -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "slot", "out"),
    [
        ({}, None, False),
        ({"out": None}, None, False),
        ({"out": True}, None, True),
        ({"out": False}, None, False),
        ({}, {"kept": True, "out": [], "wave": 1, "canary": True}, True),
        ({}, {"kept": False, "out": [], "wave": 1, "canary": False}, False),
        ({}, {"kept": None, "out": [{"from": "x", "to": None}], "wave": None, "canary": None}, True),
        # The host's own word is newer than the record.
        ({"out": False}, {"kept": True, "out": [], "wave": 1, "canary": True}, False),
        ({"out": "yes"}, {"kept": True, "out": [], "wave": 1, "canary": True}, True),
    ],
)
def test_whether_a_host_was_left_out(told: Json, slot: Json | None, out: bool) -> None:
    host = run_host.filled({**examples.result("a", "installed"), "failed": False, **told}, slot)
    assert (host["out"], host["failed"]) == (out, out)
    assert host["next_step"] == (run_words.OUT_STEP if out else None)
    assert (host["wave"], host["canary"]) == ((slot["wave"], slot["canary"]) if slot else (None, None))


def test_a_host_left_out_has_the_next_step_that_somebody_named() -> None:
    host = run_host.filled({**examples.result("a", "failed", next_step="Do it."), "out": True})
    assert host["next_step"] == "Do it."


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"drain": {"state": "drained", "why": "The balancer refuses."}, "words": ["W."]}, "The balancer refuses."),
        ({"drain": {"state": "drained", "why": None}, "words": ["W.", "X."]}, "W."),
        ({"words": ["W."]}, "W."),
        ({}, "Nothing is recorded that put it back into service."),
    ],
)
def test_why_a_host_is_out(changes: Json, why: str) -> None:
    shown = view({**examples.result("a", "installed"), "out": True, **changes})
    assert shown.out
    assert shown.out_because == why
    assert run_view.reason(shown)[0] == f"Left out of service. {why}"
    assert run_view.urgency(shown) == 0 < run_view.urgency(view(examples.result("b", "brand_new")))
    assert not shown.good


def test_hosts_left_out_stand_before_everything_else() -> None:
    out = {rolling.KEPT, rolling.LOST}
    text = run_report.terminal(DOC, 120)
    assert text.startswith("OUT OF SERVICE, LEFT BY THIS RUN: 2 hosts\n  ! ber-db-03.corp.example: The service")
    assert "\n\nHOST" in text
    assert run_report.terminal(DOC, 120, color=True).startswith("\x1b[1;31mOUT OF SERVICE")
    marked = run_report.markdown(DOC)
    assert marked.splitlines()[2] == "> **OUT OF SERVICE, left by this run: 2 hosts**"
    assert all(f"> - **{name}**: " in marked for name in out)
    source = run_report.html(DOC)
    page = Page(source)
    ids = [attrs["id"] for tag, attrs in page.tags if tag == "section" and "id" in attrs]
    assert ids[0] == "out"
    assert [attrs["data-host"] for tag, attrs in page.tags if "data-host" in attrs][:2] == sorted(out)
    assert "<title>2 OUT OF SERVICE. Patch run" in source
    assert '<a class="loud" href="#out">' in source
    # They are told of once.
    assert "failures" not in ids
    for told in (run(), plan()):
        for text in (run_report.terminal(told, 120), run_report.markdown(told), run_report.html(told)):
            assert "OUT OF SERVICE" not in text
            assert 'id="out"' not in text


# --- restarts and consent ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("consent", "by", "said"),
    [
        (None, None, "nobody has said yes or no"),
        (False, None, "not agreed: reported only"),
        (True, None, "agreed"),
        (True, examples.BY, AGREED),
        (True, {**examples.BY, "ticket": None, "expires": None}, "agreed (by Ada Lovelace)"),
        (False, {**examples.BY, "approver": None, "expires": None}, "not agreed: reported only (ticket CHG-4711)"),
        (True, dict.fromkeys(("ticket", "approver", "expires")), "agreed"),
    ],
)
def test_consent_in_words(consent: bool | None, by: Json | None, said: str) -> None:
    assert run_words.consent_words(consent, by) == said


@pytest.mark.parametrize(
    ("told", "by"),
    [
        ({"done": True, "consent": True}, examples.BY),
        ({"done": True, "consent": False}, None),
        ({"done": True, "consent": None}, None),
        # What was said when it was restarted goes before what the decision says.
        (
            {"done": True, "consent": True, "consent_by": {"ticket": 12, "x": 1}},
            {"ticket": "12", "approver": None, "expires": None},
        ),
        ({"done": True, "consent": True, "consent_by": "Ada"}, None),
    ],
)
def test_whose_consent_a_restart_had(told: Json, by: Json | None) -> None:
    decision = examples.decision("a", "restart_due", restart=examples.due("w", consent=True))
    (found,) = run_host.filled(examples.result("a", "restarted", decision=decision, restart=told))["restarts"]
    assert set(found) == {"done", "consent", "consent_by", "reason", "before", "after", "build", "state"}
    assert found["consent_by"] == by


def test_a_decision_of_an_older_version_does_not_say_whose_consent_it_had() -> None:
    decision = examples.decision("a", "nothing")
    del decision["restart"]["consent_by"]
    assert plan([decision])["hosts"][0]["restart"]["consent_by"] is None
    assert (
        run([examples.result("a", "installed", decision=decision)])["hosts"][0]["decision"]["restart"]["consent_by"]
        is None
    )


def test_all_restarts_of_a_host_count() -> None:
    told = {"consent": True, "reason": "r"}
    first = {**told, "done": True, "before": "2026-07-15T02:10:00Z", "after": "2026-09-20T20:10:00Z"}
    second = {**told, "done": True, "before": "2026-09-20T20:10:00Z", "after": "2026-09-20T20:20:00Z", "build": "2"}
    decision = examples.decision("a", "restart_due", last_boot="2026-09-20T20:20:00Z")
    host = {**examples.result("a", "restarted", decision=decision), "restarts": [first, second], "restart": first}
    shown = view(host)
    assert run_host.restarts_of(host) == [first, second]
    assert shown.proof is True
    assert not run_host.unasked(host, True)
    # From before the first to after the last.
    assert run_view.proof_lines(shown) == [
        ("Last start", "2026-07-15 02:10 UTC", "2026-09-20 20:20 UTC"),
        ("Build", "–", "2"),
    ]
    # A proof of all installations goes before, one of the last does not.
    for boot, build in (("2026-07-15T02:10:00Z", "1"), ("2026-09-20T20:10:00Z", "–")):
        whole = {"outcome": "installed", "proof": {"before": {"boot": boot, "build": "1"}, "after": None}}
        assert run_view.proof_lines(view({**host, "install": whole}))[1] == ("Build", build, "2")
    assert run([host])["summary"]["restarts"]["made"] == 2
    undone = {**host, "restarts": [{**first, "done": False}, {**second, "done": False}]}
    assert run_host.unasked(undone, True)
    assert run([undone])["summary"]["restarts"]["made"] == 0
    assert not run_host.unasked({**host, "restarts": [first, {**second, "done": False}]}, True)
    for several in (None, [], "x"):
        assert run_host.restarts_of({**host, "restarts": several}) == [first]


@pytest.mark.parametrize(
    ("done", "after", "said", "when"),
    [
        (True, "2026-09-20T20:10:00Z", f"restarted; {AGREED}", "2026-09-20 20:10 UTC"),
        (True, {"boot": "2026-09-20T20:10:00Z"}, f"restarted; {AGREED}", "2026-09-20 20:10 UTC"),
        (None, None, f"begun, its end is not recorded; {AGREED}", ""),
        (False, {"boot": None}, f"not restarted; {AGREED}", ""),
    ],
)
def test_a_restart_in_words(done: bool | None, after: Any, said: str, when: str) -> None:
    told = {"done": done, "consent": True, "consent_by": examples.BY, "after": after}
    assert (run_view.done_words(told), run_view.restart_when(told)) == (said, when)


def test_restarts_are_told_with_reason_and_consent() -> None:
    groups = run_view.restart_groups(run_view.views(DOC))
    assert [(group["said"], group["reason"], len(group["hosts"])) for group in groups] == [
        (f"restarted; {AGREED}", rolling.WHY, 18),
        (f"begun, its end is not recorded; {AGREED}", rolling.WHY, 1),
    ]
    flat = " ".join(run_report.terminal(DOC, 200).split())
    assert f"muc-app-04: begun, its end is not recorded; {AGREED}. {rolling.WHY}" in flat
    assert f"and 14 more: restarted; {AGREED}. {rolling.WHY}" in flat
    rows = [cells(line) for line in run_report.markdown(DOC).splitlines() if line.startswith(f"| {rolling.TWICE} |")]
    assert len([row for row in rows if len(row) == 4 and AGREED in row[2] and rolling.WHY in row[3]]) == 2
    text = Page(run_report.html(DOC)).text
    assert f"18 hosts restarted; {AGREED}{rolling.WHY}" in text
    assert "Restarts of this run 19" in text
    many = [
        examples.result(f"h{number}", "restarted", restart={"done": True, "consent": True, "reason": f"r{number}"})
        for number in range(7)
    ]
    text = run_report.terminal(run(many), 120)
    assert "  and 2 more, all in the files of this report\n" in text
    assert text.count(": restarted; agreed. r") == 5
    assert "Restarts of this run" not in run_report.terminal(run([examples.result("a", "installed")]), 120)


# --- what waits --------------------------------------------------------------------------------------------------


def test_put_off_updates_are_told_once_with_age_and_hosts() -> None:
    found = plan()["put_off"]
    assert [(one["name"], one["hosts"], one["waited"], one["until"], one["limit"]) for one in found] == [
        (
            "KB5121990",
            ["ber-db-01.corp.example", "ber-web-02.corp.example", "muc-app-07"],
            1_047_600,
            "2026-10-08T17:00:00Z",
            "2026-10-08T17:00:00Z",
        ),
        ("KB5125001", ["ber-db-01.corp.example"], 1_047_600, "2026-10-13T17:00:00Z", "2026-10-13T17:00:00Z"),
    ]
    text = run_report.markdown(plan())
    assert "| KB5125001 | 12 days | 2026-10-13 17:00 UTC | 2026-10-13 17:00 UTC | ber-db-01.corp.example |" in text
    assert "KB5125001 missing for 12 days in effect by 2026-10-13 17:00 UTC" in Page(run_report.html(plan())).text


def test_the_longest_missing_stands_first_and_before_it_what_nobody_knows_the_age_of() -> None:
    def net(title: str, waited: int | None, since: str | None, until: str | None = None) -> Json:
        return examples.offer("net", kb=None, title=title, waited=waited, missing_since=since, until=until, limit=None)

    one = examples.decision(
        "a", "wait_for_window", net("new", 5, "2026-09-20T00:00:05Z"), net("old", 9, "2026-09-20T00:00:01Z")
    )
    two = examples.decision(
        "b", "wait_for_window", net("new", 7, "2026-09-20T00:00:03Z", "2026-10-02T00:00:00Z"), net("odd", None, None)
    )
    three = examples.decision(
        "c",
        "wait_for_window",
        net("odd", 99, "2026-09-19T00:00:00Z"),
        net("new", 6, "2026-09-20T00:00:04Z", "2026-10-01T00:00:00Z"),
    )
    doc = plan([one, two, three])
    keys = ("name", "hosts", "waited", "since", "until", "limit")
    assert [tuple(found[key] for key in keys) for found in doc["put_off"]] == [
        ("odd", ["b", "c"], None, None, None, None),
        ("old", ["a"], 9, "2026-09-20T00:00:01Z", None, None),
        ("new", ["a", "b", "c"], 7, "2026-09-20T00:00:03Z", "2026-10-01T00:00:00Z", None),
    ]
    assert doc["summary"]["put_off"] == {"updates": 3, "hosts": 3, "longest": 9}
    assert dict(run_totals.totals(doc))["Put off"] == "3 updates on 3 hosts, missing for up to 9 seconds"
    assert "| odd | unknown |" in run_report.markdown(doc)
    unknown = plan([examples.decision("a", "wait_for_window", net("odd", None, None))])
    assert dict(run_totals.totals(unknown))["Put off"] == "1 update on 1 host"


def test_what_is_installed_after_all_waits_no_more() -> None:
    decision = examples.decision("a", "wait_for_window", examples.offer("net"), examples.offer("baseline"))
    done = examples.install("installed", examples.OLD, examples.OLD, "net")
    doc = run([examples.result("a", "installed", decision=decision, install=done)])
    assert [one["name"] for one in doc["put_off"]] == ["KB5125001"]
    quiet = run([examples.result("a", "not_started")])
    assert (quiet["put_off"], quiet["summary"]["put_off"]) == ([], {"updates": 0, "hosts": 0, "longest": None})
    assert "Put off" not in dict(run_totals.totals(quiet))
    assert "## Put off" not in run_report.markdown(quiet)


# --- who was out when --------------------------------------------------------------------------------------------


def test_the_timeline_is_in_every_file() -> None:
    line = DOC["timeline"]
    assert {slot["host"] for slot in line["slots"]} == set(HOSTS) - set(rolling.NOT_STARTED)
    text, marked = Page(run_report.html(DOC)).text, run_report.markdown(DOC)
    rows = [cells(row) for row in marked.splitlines() if row.startswith("| ") and len(cells(row)) == 6]
    assert len(rows) == 2 + len(line["slots"])
    for slot in line["slots"]:
        out = run_timeline.out_words(slot, line)
        wave = "canary" if slot["wave"] == 1 else f"wave {slot['wave']}"
        assert f"{slot['host']} {wave} {out} slot {run_timeline.held_words(slot, line)}" in text
        row = [slot["host"], wave.removeprefix("wave "), run_timeline.held_words(slot, line), out]
        assert [cell.strip() for cell in rows[2 + line["slots"].index(slot)]][:4] == row
    assert text.count("NOT BACK") == 2
    source = run_report.html(DOC)
    # Never by colour alone: what is open has a shape of its own and a word.
    assert source.count('class="outage open" x=') == 2
    assert source.count('<rect class="outage" x=') == 17
    assert source.count('class="stays"') == 2
    assert 'class="slots"' not in run_report.html(run())
    assert "## Who was out" not in run_report.markdown(run())


@pytest.mark.parametrize(
    ("slots", "out", "said"),
    [
        ([], True, "nothing is recorded of hosts out of service; 1 STILL OUT OF SERVICE"),
        ([{"out": []}], False, "no host was out of service"),
        ([{}], False, "1 host for 30 minutes in all, at most 1 at once"),
        ([{}, {"host": "b"}], True, "2 hosts for 60 minutes in all, at most 2 at once; 1 STILL OUT OF SERVICE"),
    ],
)
def test_the_fleet_out_of_service_in_words(slots: list[Json], out: bool, said: str) -> None:
    given = [
        {
            "host": "a", "wave": None, "canary": None, "kind": None, "groups": [], "waited": None, "taken_at": rolling.at(0), "released_at": None,
            "out": [{"from": rolling.at(0), "to": rolling.at(30)}], "restarts": [], "outcome": None, "failed": None, "kept": None, **one,
        }
        for one in slots
    ]  # fmt: skip
    doc = run([{**examples.result("a", "installed"), "out": out}], slots=given)
    assert dict(run_totals.totals(doc))["Out"] == said


def test_totals_of_a_rolling_run() -> None:
    told = dict(run_totals.totals(DOC))
    assert told["Out"] == "19 hosts for 6 hours in all, at most 11 at once; 2 STILL OUT OF SERVICE"
    assert told["Waves"] == "canary: 2 hosts, 2: 6 hosts, 3: 14 hosts (2 did not end well)"
    assert {"Out", "Waves", "Compared"} & set(dict(run_totals.totals(run()))) == set()
    assert {"Out", "Waves", "Compared"} & set(dict(run_totals.totals(plan()))) == set()


def test_the_wave_stands_in_the_terminal() -> None:
    lines = run_report.terminal(DOC, 160).splitlines()
    place = next(line.index("WAVE") for line in lines if line.startswith("HOST"))
    said = {line.split()[0]: line[place:].split()[0] for line in lines if line.split()[:1] and line.split()[0] in HOSTS}
    assert said == {name: {None: "-", 1: "canary"}.get(host["wave"], str(host["wave"])) for name, host in HOSTS.items()}
    assert {"canary", "2", "-"} <= set(said.values())
    assert "  canary, put off 1" in run_report.terminal(DOC, 80)
    assert "WAVE" not in run_report.terminal(run(), 200)


# --- the run before ----------------------------------------------------------------------------------------------


def test_compared_with_the_run_before() -> None:
    assert DOC["comparison"] == {
        "run": {"id": rolling.BEFORE, "started_at": "2026-08-23T20:00:00Z", "ended_at": "2026-08-23T20:03:00Z"},
        "newly_bad": [rolling.KEPT],
        "still_bad": [rolling.LOST],
        "mended": ["ber-web-03.corp.example"],
        "new": [rolling.NAMES[-1]] if rolling.NAMES[-1] not in HOSTS else [],
        "gone": [],
        "installed": {"then": 0, "now": 22},
        "restarted": {"then": 0, "now": 18},
        "exposed": {"then": 23, "now": 22},
        "longest_exposure": {"then": 259_200, "now": 1_047_600},
    }
    words = [
        "1 newly bad: ber-db-03.corp.example",
        "1 bad again: muc-app-04",
        "1 mended: ber-web-03.corp.example",
        "hosts restarted then 0, now 18",
        "updates installed then 0, now 22",
        "hosts exposed then 23, now 22",
        "longest exposure then 3 days, now 12 days",
    ]
    assert run_totals.comparison_words(DOC["comparison"]) == words
    assert dict(run_totals.totals(DOC))["Compared"] == f"with run {rolling.BEFORE}: {'; '.join(words)}"
    marked, text = run_report.markdown(DOC), Page(run_report.html(DOC)).text
    assert f"## Compared with run {rolling.BEFORE}" in marked
    for said in words:
        assert f"- {said}\n" in marked
        assert said in text


def result(name: str, bad: bool, seconds: int | None = None) -> Json:
    """The result of a host that ended well or badly."""
    exposure = {"seconds": seconds, "since": None, "offers": []}
    return examples.result(
        name, "failed" if bad else "installed", decision=examples.decision(name, "nothing", exposure=exposure)
    )


def test_hosts_newly_bad_mended_new_and_gone() -> None:
    before = {
        "about": examples.ABOUT,
        "results": [result("a", True), result("b", False), result("c", True, 5), result("gone", True)],
    }
    doc = run(
        [result("a", True), result("b", True), result("c", False), result("new", True), result("fine", False)],
        previous=before,
    )
    found = doc["comparison"]
    assert found["newly_bad"] == ["b", "new"]
    assert found["still_bad"] == ["a"]
    assert found["mended"] == ["c"]
    assert (found["new"], found["gone"]) == (["fine", "new"], ["gone"])
    assert (found["exposed"], found["longest_exposure"]) == ({"then": 1, "now": 0}, {"then": 5, "now": None})
    words = run_totals.comparison_words(found)
    assert words[:5] == [
        "2 newly bad: b, new",
        "1 bad again: a",
        "1 mended: c",
        "2 not in that run: fine, new",
        "1 not in this run: gone",
    ]
    assert words[-1] == "longest exposure then 5 seconds, now none"
    assert run([result("a", False)])["comparison"] is None


def test_what_is_given_is_not_changed() -> None:
    lines = rolling.entries()
    before = json.dumps(lines)
    rolling.document(lines)
    assert json.dumps(lines) == before


# --- whose words it shows ----------------------------------------------------------------------------------------


def hostile(text: str) -> Json:
    """The document with every text that comes from elsewhere replaced."""
    doc = json.loads(json.dumps(DOC))
    for host in doc["hosts"]:
        if host["decision"]:
            host["decision"]["restart"]["consent_by"] = {"ticket": text, "approver": text, "expires": None}
        for one in [*host["restarts"], *([host["restart"]] if host["restart"] else [])]:
            one |= {"reason": text, "consent_by": {"ticket": text, "approver": text, "expires": text}}
        if host["drain"]:
            host["drain"] = {"state": text, "why": text}
    for one in doc["put_off"]:
        one |= {"name": text, "title": text, "hosts": poisoned(one["hosts"], text)}
    for number, slot in enumerate(doc["timeline"]["slots"]):
        slot |= {"host": f"{text} {number}", "outcome": text}
    for key in ("newly_bad", "still_bad", "mended", "new", "gone"):
        doc["comparison"][key] = [text, text]
    doc["comparison"]["run"]["id"] = text
    return dict(doc)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_it_becomes_markup_or_steers_a_terminal(text: str) -> None:
    bad, good = hostile(text), hostile("plain")
    page, plain = Page(run_report.html(bad)), Page(run_report.html(good))
    assert [tag for tag, _attrs in page.tags] == [tag for tag, _attrs in plain.tags]
    assert clean(text) in page.text
    for width in (80, 200):
        shown = run_report.terminal(bad, width)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", shown)
        assert max(map(columns_of, shown.splitlines())) <= width
    marked = run_report.markdown(bad)
    assert not re.search(r"<(?!br>)", marked)
    for row in (line for line in marked.splitlines() if line.startswith("|")):
        assert len(cells(row)) in {2, 4, 5, 6, 9}


def test_html_loads_nothing_and_each_id_is_there_once() -> None:
    page = Page(run_report.html(DOC))
    symbols = {f"#{attrs['id']}" for tag, attrs in page.tags if tag == "symbol"}
    links = {attrs["href"] for _tag, attrs in page.tags if attrs.get("href")}
    assert links <= symbols | {"#hosts", "#out"}
    assert not [attrs for _tag, attrs in page.tags if any(name.startswith("on") or name == "style" for name in attrs)]
    ids = [attrs["id"] for _tag, attrs in page.tags if "id" in attrs and attrs["id"] != "hatch"]
    assert len(ids) == len(set(ids))


def test_a_plan_says_whose_consent_a_restart_has() -> None:
    decision = examples.decision("a", "restart_due", restart=examples.due("Why.", consent=True))
    doc = plan([decision])
    assert planned(decision).owes
    assert AGREED in run_report.markdown(doc)
    assert Page(run_report.html(doc)).text.count(AGREED) == 2
    assert run_data.timeline([], None) is None
