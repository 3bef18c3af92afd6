# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a plan and of a run: the published schemas, counts, words, widths, escaping, and that nothing is left out."""

from __future__ import annotations

import copy
import json
import re
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import run_examples as examples
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.text import clean, columns_of
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import decide, policy
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import host_entry as run_host
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import host_view as run_view
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import page as report_parts
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import render as run_report
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import totals as run_totals
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import vocabulary as run_words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from realistic import NOW, TABLE

DOCS = Path(__file__).resolve().parents[5] / "docs"
SCHEMAS = {kind: json.loads((DOCS / f"{kind}.schema.json").read_text()) for kind in ("plan", "run")}
VALIDATORS = {kind: jsonschema.Draft202012Validator(schema) for kind, schema in SCHEMAS.items()}
FACTS: dict[str, Any] = {"generated_at": "2026-09-20T22:15:00Z", "version": "0.2.0"}
CUT = "/var/lib/rebootless/record.jsonl line 91: cut off after 40 bytes."
Json = dict[str, Any]


def plan(decisions: list[Json] | None = None, **changes: Any) -> Json:
    """The plan of the example fleet, or of these decisions."""
    return run_report.plan(examples.decisions() if decisions is None else decisions, **FACTS, **changes)


def run(results: list[Json] | None = None, **changes: Any) -> Json:
    """The run of the example fleet, or of these results."""
    given_to = {"about": examples.ABOUT, "problems": [], **FACTS, **changes}
    return run_report.run(examples.results() if results is None else results, **given_to)


def view(result: Json) -> run_view.View:
    """A host of a run as it is shown."""
    return run_view.views(run([result]))[0]


def planned(decision: Json) -> run_view.View:
    """A host of a plan as it is shown."""
    return run_view.views(plan([decision]))[0]


def renderings(doc: Json) -> list[str]:
    """Every rendering of a document."""
    return [run_report.terminal(doc, 80), run_report.terminal(doc, 200), run_report.markdown(doc), run_report.html(doc)]


class Page(HTMLParser):
    """The tags and attributes of a page, and its visible text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.raw = False
        self.feed(source)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.raw = tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self.raw = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self.raw else data


# --- the documents -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plan", "run"])
def test_schema_is_a_schema_and_describes_every_property(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])

    def bare(node: Any, where: str) -> list[str]:
        if not isinstance(node, dict):
            return []
        found = [
            f"{where}.{name}"
            for name, value in node.get("properties", {}).items()
            if not {"description", "$ref"} & set(value)
        ]
        if node.get("type") == "object" and "additionalProperties" not in node:
            found.append(f"{where} is open")
        for key, value in node.items():
            for item in value if isinstance(value, list) else [value]:
                found += bare(item, f"{where}.{key}")
        return found

    assert bare(SCHEMAS[kind], "") == []


def test_both_schemas_say_the_same_of_a_decision() -> None:
    shared = SCHEMAS["plan"]["$defs"]
    assert {name: SCHEMAS["run"]["$defs"][name] for name in shared} == shared
    assert set(shared["decision"]["enum"]) == set(run_words.DECISIONS) == set(run_words.DECISION_ORDER)
    assert set(decide.DECISIONS) == set(run_words.DECISIONS)
    assert set(decide.OFFER_DECISIONS) == set(run_words.OFFER_DECISIONS)
    assert set(run_words.OUTCOMES) == set(run_words.OUTCOME_ORDER)


def test_documents_are_valid_sorted_and_survive_json() -> None:
    for doc in (plan(), run(problems=[CUT], query="[?failed]")):
        VALIDATORS[doc["kind"]].validate(json.loads(json.dumps(doc)))
        names = [host["name"] for host in doc["hosts"]]
        assert names == sorted(names)
    assert plan(examples.decisions()[::-1]) == plan()
    assert run(examples.results()[::-1]) == run()


def test_decisions_of_the_core_are_valid_and_render() -> None:
    rules = policy.Policy.load({})
    offers: Json = {"agent_offers": {"ok": True, "value": [], "error": None}}
    lost = {"kind": "timeout", "message": "timed out"}
    decided = [
        decide.decide("a", None, TABLE, rules, NOW, problem=lost),
        decide.decide("b", {}, TABLE, rules, NOW),
        decide.decide("c", offers, TABLE, rules, NOW, consent=True),
    ]
    doc = plan(decided)
    VALIDATORS["plan"].validate(json.loads(json.dumps(doc)))
    assert len(renderings(doc)) == 4
    ended = run([{**run_report.blank(one["name"], "unknown"), "decision": one} for one in decided])
    VALIDATORS["run"].validate(json.loads(json.dumps(ended)))
    assert [run_report.lacking(one) for one in decided] == [[], [], []]


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("plan", ("hosts", 0, "decision"), "reboot"),
        ("plan", ("hosts", 0, "extra"), 1),
        ("plan", ("hosts", 0, "offers", 0, "restart"), "maybe"),
        ("plan", ("hosts", 0, "restart", "by"), "2026-09-20 12:00"),
        ("plan", ("kind",), "run"),
        ("plan", ("summary", "offers", "install"), None),
        ("run", ("hosts", 0, "failed"), None),
        ("run", ("hosts", 0, "outcome"), "All good"),
        ("run", ("hosts", 1, "install", "proof", "before", "extra"), 1),
        ("run", ("run", "started_at"), "yesterday"),
    ],
)
def test_schema_refuses(kind: str, path: tuple[Any, ...], value: Any) -> None:
    broken = copy.deepcopy(plan() if kind == "plan" else run())
    place: Any = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not VALIDATORS[kind].is_valid(broken)


def test_plan_is_counted() -> None:
    assert plan()["summary"] == {
        "hosts": 9,
        "reached": 8,
        "states": {"on_track": 4, "restart_pending": 1, "behind": 2, "not_capable": 1, "unknown": 1},
        "decisions": {
            "install_without_restart": 3,
            "restart_due": 2,
            "wait_for_window": 1,
            "blocked": 1,
            "nothing": 1,
            "unknown": 1,
        },
        "offers": {"install": 8, "put_off": 4, "refuse": 1, "blocked": 3},
        "put_off": {"updates": 2, "hosts": 3, "longest": 1_047_600},
        "restarts": {"due": 2, "agreed": 1, "now": 1},
        "exposure": {
            "hosts": 6,
            "unknown": 1,
            "longest": {"name": "muc-file-03", "seconds": 1_047_600, "since": "2026-09-08T17:00:00Z"},
        },
        "missing": 3,
    }


def test_run_is_counted() -> None:
    summary = run()["summary"]
    assert summary["outcomes"] == {
        "installed": 2,
        "restart_due": 1,
        "wait_for_window": 1,
        "nothing_to_do": 1,
        "not_started": 1,
        "partly_installed": 1,
        "blocked": 1,
        "verify_failed": 1,
        "not_reached": 1,
        "not_finished": 1,
    }
    assert summary["updates"] == {"installed": 7, "failed": 1, "still_installing": 0, "unknown": 0, "reoffered": 0}
    assert summary["restarts"] == {"due": 2, "agreed": 1, "now": 1, "made": 1, "done": 2, "unproved": 0, "unasked": 1}
    assert (summary["out"], summary["waves"]) == (0, [])
    assert (summary["hosts"], summary["reached"], summary["exposure"]["unknown"]) == (11, 8, 3)


def test_longest_exposure_is_found() -> None:
    short = examples.decision("a", "nothing", exposure={"seconds": 5, "since": "2026-09-20T12:00:00Z", "offers": []})
    long = examples.decision("b", "nothing", exposure={"seconds": 9, "since": "2026-09-19T12:00:00Z", "offers": []})
    none = examples.decision("c", "nothing")
    assert plan([short, long, none])["summary"]["exposure"] == {
        "hosts": 2,
        "unknown": 0,
        "longest": {"name": "b", "seconds": 9, "since": "2026-09-19T12:00:00Z"},
    }
    assert plan([none])["summary"]["exposure"] == {"hosts": 0, "unknown": 0, "longest": None}


def test_words_that_nobody_knows_are_counted_and_stand_last_in_the_counts() -> None:
    doc = run([examples.result("a", "zap"), examples.result("b", "installed"), examples.result("c", "abducted")])
    assert list(doc["summary"]["outcomes"]) == ["installed", "abducted", "zap"]
    assert run_report.failed(doc) == ["a", "c"]
    page = Page(run_report.html(doc))
    first = next(attrs for tag, attrs in page.tags if tag == "tbody")
    assert (first["data-host"], first["data-outcome"], first["data-key-outcome"]) == ("a", "zap", "1")
    assert "zap" in page.text


def test_empty_documents_are_valid_and_render() -> None:
    for doc in (plan([], query="[?state=='behind']"), run([])):
        VALIDATORS[doc["kind"]].validate(doc)
        for text in renderings(doc):
            assert re.search(r"\b0\b", text)


def test_hosts_given_are_not_changed() -> None:
    decisions, results = examples.decisions(), examples.results()
    before = json.dumps([decisions, results])
    renderings(plan(decisions)), renderings(run(results))
    assert json.dumps([decisions, results]) == before


def test_hosts_that_need_hands() -> None:
    assert run_report.failed(plan()) == ["muc-hv-04"]
    assert run_report.failed(plan([examples.decision("a", "unknown"), examples.decision("b", "blocked")])) == ["a"]
    assert run_report.failed(run()) == [
        "ber-db-02.corp.example",
        "ber-web-02.corp.example",
        "muc-app-07",
        "muc-hv-04",
        "zrh-new-03",
    ]


@pytest.mark.parametrize(
    ("outcome", "bad"),
    [
        ("installed", False),
        ("restarted", False),
        ("nothing_to_do", False),
        ("check_mode", False),
        ("wait_for_window", False),
        ("blocked", False),
        ("not_started", False),
        ("failed", True),
        ("verify_failed", True),
        ("not_reached", True),
        ("unknown", True),
        ("not_finished", True),
        ("partly_installed", True),
        ("still_installing", True),
        ("stale", True),
    ],
)
def test_bad_ends_have_a_next_step(outcome: str, bad: bool) -> None:
    host = run([examples.result("a", outcome)])["hosts"][0]
    assert host["failed"] is bad
    assert bool(host["next_step"]) >= bad
    assert run([examples.result("a", outcome, next_step="Do it.")])["hosts"][0]["next_step"] == "Do it."
    assert run([examples.result("a", outcome, failed=not bad)])["hosts"][0]["failed"] is not bad


def test_restart_that_nobody_agreed_to_is_a_bad_end_and_one_refused_is_not() -> None:
    for consent, bad in ((None, True), (False, False)):
        decision = examples.decision("a", "restart_due", restart=examples.due("why", consent=consent))
        assert run([examples.result("a", "restart_due", decision=decision)])["hosts"][0]["failed"] is bad


def test_result_of_the_module_is_taken_as_it_is() -> None:
    failure = {"id": "x", "kb": None, "title": "A driver", "hresult": None, "message": "No."}
    given_to = {"failed": True, "failed_updates": [failure], "msg": "No.", "changed": True, "outcome": "failed"}
    host = run([examples.result("a", "failed", install=given_to)])["hosts"][0]
    assert host["install"] == {
        "outcome": "failed",
        "installed": [],
        "still_installing": [],
        "unknown": [],
        "reoffered": [],
        "left_out": [],
        "updates": [],
        "words": [],
        "failed": [failure],
        "proof": None,
        "started_at": None,
        "ended_at": None,
        "seconds": None,
    }
    plain = run([examples.result("a", "failed", install={"failed": [failure]})])["hosts"][0]["install"]
    assert (plain["failed"], plain["outcome"]) == ([failure], "unknown")
    assert run([examples.result("a", "failed", install={"failed": False})])["hosts"][0]["install"]["failed"] == []


def test_snapshot_of_a_look_is_left_out() -> None:
    host = run([examples.result("a", "installed", verify={"before": examples.SOUND, "after": None})])["hosts"][0]
    assert set(host["verify"]["before"]) == {"healthy", "checks", "changed_since_before", "summary", "waited"}
    assert host["verify"]["after"] is None


# --- was it restarted --------------------------------------------------------------------------------------------

OLD, NEW, LITTLE = "2026-07-15T02:10:00Z", "2026-09-20T21:03:12Z", "2026-07-15T02:11:59Z"


def boots(before: str | None, after: str | None, **changes: Any) -> Json:
    """The result of an installation with these boot times."""
    one = {"boot": before, "build": "1", "kbs": [], "pending": [], "restart_required": "no"}
    return {"outcome": "installed", "proof": {"before": one, "after": {**one, "boot": after}, **changes}}


@pytest.mark.parametrize(
    ("decided", "install", "restart", "said"),
    [
        (OLD, None, None, None),
        (OLD, boots(OLD, OLD), None, False),
        (OLD, boots(OLD, NEW), None, True),
        (OLD, boots(NEW, NEW), None, True),
        (OLD, boots(OLD, LITTLE), None, False),
        (OLD, boots(OLD, "2026-07-15T02:12:00Z"), None, False),
        (OLD, boots(OLD, "2026-07-15T02:12:01Z"), None, True),
        (OLD, boots("2026-07-15T02:07:59Z", OLD), None, True),
        (OLD, boots(OLD, None), None, None),
        (None, boots(None, OLD), None, None),
        (None, boots(None, None, restarted=True), None, True),
        (None, boots(None, None, restarted=False), None, None),
        (OLD, boots(OLD, OLD), {"done": True, "after": NEW}, True),
        (OLD, boots(OLD, OLD), {"done": True, "after": OLD}, False),
        (OLD, boots(OLD, OLD), {"done": True, "after": {"boot": NEW}}, True),
        (OLD, boots(OLD, OLD), {"done": None, "after": None}, None),
        (OLD, boots(OLD, OLD), {"done": False, "after": None}, False),
        (OLD, None, {"done": True, "before": OLD, "after": NEW}, True),
        ("yesterday", boots("2026-07-15T02:10:00", OLD), None, None),
        (OLD, {"outcome": "failed", "proof": {"before": {"boot": OLD}, "after": None}}, None, None),
    ],
)
def test_restarted_by_its_boot_times(decided: str | None, install: Any, restart: Any, said: bool | None) -> None:
    keys = ("done", "consent", "reason", "before", "after")
    host = examples.result(
        "a",
        "installed",
        decision=examples.decision("a", "nothing", last_boot=decided),
        install=install,
        restart=restart and {**dict.fromkeys(keys), **restart},
    )
    assert run_host.restarted(host) is said
    surprise = said is True and not (restart and restart["done"] is not False)
    assert run_host.unasked(host, said) is surprise
    restarts = run([host])["summary"]["restarts"]
    assert restarts["done"] == (said is True)
    assert restarts["unasked"] == surprise
    assert restarts["unproved"] == (restart is not None and restart["done"] is not False and said is not True)


# --- words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (0, "0 seconds"),
        (60, "60 seconds"),
        (120, "2 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (172_799, "47 hours"),
        (172_800, "2 days"),
        (1_047_600, "12 days"),
    ],
)
def test_spans(seconds: int | None, said: str) -> None:
    assert run_words.span(seconds) == said


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (None, ""),
        (0, "0 bytes"),
        (999_999, "999999 bytes"),
        (1_000_000, "1 MB"),
        (214_300_000, "214 MB"),
        (1_000_000_000, "1.0 GB"),
        (1_912_000_000, "1.9 GB"),
    ],
)
def test_sizes(size: int | None, said: str) -> None:
    assert run_words.size_words(size) == said


@pytest.mark.parametrize(
    ("start", "end", "name", "said"),
    [
        ("2026-09-20T20:00:00Z", "2026-09-21T00:00:00Z", None, "2026-09-20 20:00 to 00:00 UTC"),
        ("2026-09-20T20:00:00Z", "2026-09-21T19:59:00Z", "s", "2026-09-20 20:00 to 19:59 UTC (s)"),
        ("2026-09-20T20:00:00Z", "2026-09-21T20:00:00Z", "", "2026-09-20 20:00 to 2026-09-21 20:00 UTC"),
    ],
)
def test_windows(start: str, end: str, name: str | None, said: str) -> None:
    assert run_words.window_words({"start": start, "end": end, "name": name}) == said
    assert run_words.window_words(None) == ""


def test_kbs_are_shortened_only_when_they_must() -> None:
    assert run_words.kb_words([]) == ""
    assert run_words.kb_words(["KB1", "KB2"]) == "KB1, KB2"
    assert run_words.kb_words(["KB1", "KB2"], 8) == "KB1, KB2"
    assert run_words.kb_words(["KB1", "KB2"], 7) == "KB1 +1"
    assert run_words.kb_words(["KB1234567"], 7) == "KB1234567"


def test_updates_are_named_by_kb_title_or_id() -> None:
    host = planned(examples.decision("a", "nothing", examples.offer("tools"), examples.offer("driver")))
    ids = [examples.IDS["tools"], examples.IDS["driver"], "other"]
    assert host.named(ids) == ["KB890830", "Intel - net - 1.1.4.43", "other"]
    assert host.kbs == ["KB890830"]


def test_what_became_of_an_update() -> None:
    failure = {"id": "b", "kb": None, "title": "B", "hresult": None, "message": None}
    told = {
        "installed": ["a"],
        "failed_updates": [failure],
        "still_installing": ["c"],
        "unknown": ["d"],
        "left_out": [{"id": "e", "why": "w"}],
        "reoffered": ["f"],
    }
    host = view(examples.result("x", "failed", install=told))
    words = {
        "a": "installed",
        "b": "failed",
        "c": "still installing",
        "d": "unknown",
        "e": "left out",
        "f": "",
        "g": "",
    }
    assert {name: host.ended(name) for name in words} == words
    assert planned(examples.decision("a", "nothing")).ended("a") == ""
    page = Page(run_report.html(run()))
    assert "Install → failed Security Intelligence Update" in page.text
    assert "Install → installed 2026-09 Hotpatch" in page.text
    assert "- Install → failed: Security Intelligence Update" in run_report.markdown(run())


def test_put_off_until_the_first_of_them() -> None:
    first, second = examples.offer("net"), examples.offer("baseline")
    assert (
        run_view.put_off_words(planned(examples.decision("a", "wait_for_window", second, first)))
        == "2 until 2026-10-08"
    )
    first["until"] = None
    assert run_view.put_off_words(planned(examples.decision("a", "wait_for_window", first))) == "1"
    assert run_view.put_off_words(planned(examples.decision("a", "nothing"))) == ""


def owed(**changes: Any) -> Json:
    """A decision with a restart."""
    return examples.decision("a", "restart_due", restart={**examples.due("w", consent=True), **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "due 2026-09-20 20:00"),
        ({"window": None}, "due 2026-09-22 17:00"),
        ({"window": None, "by": None}, "due"),
        ({"now": True}, "now, agreed"),
        ({"due": False}, "by 2026-09-22"),
        ({"due": False, "by": None}, ""),
    ],
)
def test_restarts_in_words(changes: Json, said: str) -> None:
    assert run_view.restart_words(planned(owed(**changes))) == said


def test_restart_that_is_done_is_owed_no_more() -> None:
    told = {"done": True, "consent": True, "reason": "r", "before": OLD, "after": NEW}
    done = view(examples.result("a", "restarted", decision=owed(now=True), restart=told))
    assert (done.owes, run_view.restart_words(done)) == (False, "done")
    same = view(examples.result("a", "unknown", decision=owed(now=True), restart={**told, "after": OLD}))
    assert (same.owes, run_view.restart_words(same)) == (True, "due 2026-09-20 20:00")
    alone = view(examples.result("a", "restart_due", decision=owed(), install=boots(OLD, NEW)))
    assert alone.owes


REFUSED = examples.offer("lcu", why=["First.", "It throws the host off."])


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        (examples.decision("a", "nothing"), "Nothing to do."),
        (examples.decision("a", "install_without_restart", summary="Install KB1."), "Install KB1."),
        (examples.decision("a", "install_without_restart", REFUSED), "KB5122900: It throws the host off."),
        (
            examples.decision("a", "wait_for_window", examples.offer("net", why=["Wait."]), REFUSED),
            "KB5122900: It throws the host off.",
        ),
        (examples.decision("a", "wait_for_window", examples.offer("net", why=["Wait."])), "KB5121990: Wait."),
        (
            examples.decision("a", "blocked", REFUSED, examples.offer("driver", why=["No."])),
            "Intel - net - 1.1.4.43: No.",
        ),
        (
            examples.decision("a", "blocked", examples.offer("net", decision="blocked", why=["KB5121990 is held."])),
            "KB5121990 is held.",
        ),
        (examples.decision("a", "blocked", examples.offer("net", decision="blocked", why=[]), summary="S."), "S."),
        (owed(why="It is late."), "It is late."),
        (owed(why=None), "Nothing to do."),
        (
            examples.decision("a", "unknown", reached=False, problem={"kind": "auth", "message": "401"}),
            "Not reached: not authorised. 401",
        ),
        (examples.decision("a", "unknown", reached=False, problem=None), "Not reached: failed."),
    ],
)
def test_first_reason_of_a_plan(decision: Json, why: str) -> None:
    assert run_view.reason(planned(decision)) == (why, "")


def test_first_reason_of_a_result() -> None:
    failure = {"id": "x", "kb": "KB1", "title": "T", "hresult": "0x80070070", "message": "Full."}
    bare = {"id": "x", "kb": None, "title": "T", "hresult": None, "message": None}

    def why(outcome: str, **changes: Any) -> tuple[str, str]:
        return run_view.reason(view(examples.result("a", outcome, **changes)))

    step = run_words.NEXT_STEPS["failed"]
    assert why("failed", install={"failed_updates": [failure]}) == ("KB1 failed with 0x80070070: Full.", step)
    assert why("failed", install={"failed_updates": [bare, failure]}) == ("T failed. (+1 more)", step)
    assert why("failed", words=["It broke.", "Then more."]) == ("It broke.", step)
    assert why("not_reached", words=["timed out"])[0] == "Not reached: failed. timed out"
    assert why("not_started") == ("No decision of this run is recorded.", "Run again.")
    surprise = ("It has restarted although this run did not restart it.", "Find out what restarted it.")
    assert why("installed", install=boots(OLD, NEW), words=["Fine."]) == surprise
    decision = examples.decision("a", "nothing")
    assert why("nothing_to_do", decision=decision) == ("Nothing to do.", "")


def test_facts_of_an_offer() -> None:
    assert run_view.offer_facts(examples.offer("hotpatch")) == [
        "security",
        "Critical",
        "installs without a restart, says the agent's answer for this host",
        "keeps the host on its track",
        "released 2026-09-08 (12 days ago)",
        "214 MB",
    ]
    odd = examples.offer(
        "driver", categories=[], released=None, waited=None, optional=True, size=None, limit="2026-10-01T00:00:00Z",
        until="2026-10-02T00:00:00Z", keeps_track=False, categories_=[], restart="odd",
    )  # fmt: skip
    assert run_view.offer_facts(odd) == [
        "odd, says nobody",
        "throws the host off its track",
        "must be in effect by 2026-10-01 00:00 UTC",
        "until 2026-10-02 00:00 UTC",
        "driver",
        "optional",
    ]
    assert "until" not in " ".join(run_view.offer_facts(examples.offer("net")))


def test_proof_before_and_after() -> None:
    known = {one["name"]: view(one) for one in examples.results()}
    assert run_view.proof_lines(known["ber-web-01.corp.example"]) == [
        ("Last start", "2026-07-15 02:10 UTC", "2026-07-15 02:10 UTC"),
        ("Build", "26100.33158", "26100.33222"),
        ("KBs", "KB5099536", "KB5099536, KB5122871"),
        ("Pending", "none", "none"),
        ("Restart required", "no", "no"),
    ]
    # What waited before the restart is no proof of anything after it.
    assert run_view.proof_lines(known["ber-db-02.corp.example"]) == [
        ("Last start", "2026-07-15 02:10 UTC", "2026-09-20 21:03 UTC"),
        ("Build", "26100.33158", "26100.33400"),
    ]
    assert run_view.proof_lines(known["muc-app-07"]) == []
    lost = {"outcome": "unknown", "proof": {"before": examples.OLD, "after": None}}
    assert run_view.proof_lines(view(examples.result("a", "unknown", install=lost))) == [
        ("Last start", "2026-07-15 02:10 UTC", "–")
    ]
    told = {"done": True, "consent": True, "reason": "r", "before": examples.OLD, "after": examples.OLD}
    assert ("KBs", "KB5099536", "KB5099536") in run_view.proof_lines(
        view(examples.result("a", "restarted", restart=told))
    )


@pytest.mark.parametrize(("kept", "said"), [(True, "kept"), (False, "lost"), (None, "unknown")])
def test_track_after_an_installation(kept: bool | None, said: str) -> None:
    assert (
        run_view.track_words(view(examples.result("a", "installed", install=boots(OLD, OLD, track_kept=kept)))) == said
    )
    assert run_view.track_words(view(examples.result("a", "installed", install=boots(OLD, OLD)))) == ""


def checked(before: Any, after: Any) -> list[tuple[str, str, str]]:
    """The lines of these looks."""
    return run_view.verify_lines(view(examples.result("a", "installed", verify={"before": before, "after": after})))


def test_checks_that_failed_or_changed_are_told_and_the_others_counted() -> None:
    sound, broken = examples.SOUND, examples.BROKEN
    failed = "failed: stopped, exit code 1067, ran before"
    assert checked(sound, broken) == [("service MSSQLSERVER", "ok", failed), ("passed", "3 checks", "2 checks")]
    assert checked(sound, None) == [("passed", "3 checks", "–")]
    assert checked(None, broken) == [("service MSSQLSERVER", "–", failed), ("passed", "–", "2 checks")]
    change = {"kind": "service", "name": "Spooler", "before": "running", "after": "absent"}
    assert checked(sound, {**sound, "changed_since_before": [change]}) == [
        ("service Spooler", "running", "absent"),
        ("passed", "3 checks", "3 checks"),
    ]
    unknown = {"checks": [{"kind": "port", "name": "443", "ok": None, "detail": "no answer"}]}
    assert checked(unknown, unknown) == [("port 443", "unknown: no answer", "unknown: no answer")]
    assert run_view.verify_lines(view(examples.result("a", "installed"))) == []


def test_looks_of_another_shape_are_told_as_they_are() -> None:
    look = {"ok": True, "services": {"W3SVC": "running"}, "ports": [{"name": "443", "open": False}, "80"], "none": None}
    assert checked(look, {"ok": None}) == [
        ("ok", "yes", "–"),
        ("services W3SVC", "running", "–"),
        ("ports 443 open", "no", "–"),
        ("ports 2", "80", "–"),
    ]


def test_missing_answers_are_told_once_with_their_hosts() -> None:
    groups = run_view.missing_groups(run_view.views(plan()))
    assert [(one["what"], one["hosts"]) for one in groups] == [
        ("the agent's own answer whether KB5121990 restarts this host", ["ber-web-02.corp.example", "zrh-legacy-01"]),
        ("what the update agent offers", ["muc-hv-04"]),
    ]
    twice = examples.decision("a", "unknown", missing=[examples.DENIED, examples.DENIED])
    assert [one["hosts"] for one in run_view.missing_groups(run_view.views(plan([twice])))] == [["a"]]
    assert run_words.name_list(["a", "b", "c", "d"]) == "a, b, c, d"
    assert run_words.name_list(["a", "b", "c", "d", "e", "f"]) == "a, b, c, d and 2 more"


def test_totals() -> None:
    assert run_totals.totals(plan()) == [
        ("Hosts", "9, 8 reached"),
        ("Decisions", "3 install now, 2 restart due, 1 wait for window, 1 blocked, 1 nothing to do, 1 unknown"),
        ("Offers", "8 install, 4 put off, 1 refuse, 3 blocked"),
        ("Put off", "2 updates on 3 hosts, missing for up to 12 days"),
        ("Restarts", "2 due, 1 agreed, 1 in this run"),
        ("Exposure", "6 hosts, at most 12 days (muc-file-03); unknown for 1 host"),
        ("Missing", "3 answers that the decisions lack"),
    ]
    told = dict(run_totals.totals(run()))
    assert told["Updates"] == "7 installed, 1 failed"
    assert told["Restarts"] == "2 done by proof of the boot time, 2 were due, 1 agreed, 1 NOT ASKED FOR by this run"
    assert told["Exposure"] == "6 hosts, at most 12 days (muc-file-03); unknown for 3 hosts; as decided, before the run"
    quiet = dict(run_totals.totals(run([examples.result("ber-web-03.corp.example", "nothing_to_do")])))
    assert quiet["Updates"] == "none installed"
    assert quiet["Restarts"] == "0 done by proof of the boot time, 0 were due, 0 agreed"
    assert quiet["Exposure"] == "no security update is known to be open; as decided, before the run"
    assert "Missing" not in quiet
    begun = {"done": None, "consent": True, "reason": None, "before": OLD, "after": None}
    lost = run([examples.result("muc-app-07", "not_finished", restart=begun)])
    assert dict(run_totals.totals(lost))["Restarts"].endswith(", 1 not proved")
    assert dict(run_totals.totals(plan([])))["Decisions"] == "none"


def test_about() -> None:
    made = "Generated 2026-09-20 22:15 UTC by rebootless.patching 0.2.0."
    assert run_totals.about(plan()) == made
    times = "started 2026-09-20 20:00 UTC, ended 2026-09-20 22:14 UTC"
    assert run_totals.about(run()) == f"Run 2026-09-patch: {times}. {made}"
    open_end = run(about={"id": "r", "started_at": None, "ended_at": None})
    assert run_totals.about(open_end) == f"Run r: started at an unknown time, its end is not recorded. {made}"


# --- terminal ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [20, 64, 79, 80, 100, 119, 120, 140, 160, 200, 320])
@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("doc", [plan(), run(problems=[CUT] * 7, query="[?failed]")], ids=["plan", "run"])
def test_terminal_keeps_to_its_width(doc: Json, width: int, color: bool) -> None:
    for line in run_report.terminal(doc, width, color).splitlines():
        plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
        assert columns_of(plain) <= max(width, report_parts.NARROWEST)
        assert plain == plain.rstrip()


@pytest.mark.parametrize("width", [80, 160, 240])
def test_terminal_of_a_plan_says_it_all(width: int) -> None:
    text = run_report.terminal(plan(), width)
    lines = text.splitlines()
    assert lines[0].split()[:4] == ["HOST", "STATE", "DECISION", "INSTALL"]
    place = lines[0].index("DECISION")
    for host in examples.decisions():
        row = next(line for line in lines[2:] if line.startswith(host["name"][:15]))
        assert row[place:].startswith(run_words.DECISIONS[host["decision"]].label)
    words = " ".join(text.split())
    for said in (
        "KB5122871 +2",
        "2 until 2026-10-08",
        "due 2026-09-20 20:00",
        "now, agreed",
        "by 2026-10-08",
        "KB5122871: 1.4 GB free on the system disk, the policy wants 4.7 GB.",
        "Not reached: timed out. Connection to muc-hv-04 timed out after 30 s",
        "ber-web-02.corp.example, zrh-legacy-01: the agent's own answer whether KB5121990",
        "Restarts: 2 due, 1 agreed, 1 in this run.",
    ):
        assert said in words
    # What the decision says already is not said again.
    assert "Nothing to do." not in text


def test_terminal_of_a_run_says_it_all() -> None:
    text = run_report.terminal(run(problems=[CUT]), 160)
    lines = text.splitlines()
    heads = ["HOST", "OUTCOME", "INSTALLED", "RESTARTED", "PUT", "OFF", "REFUSED", "RESTART"]
    assert lines[0].split() == heads
    place = lines[0].index("RESTARTED")
    said = {line.split()[0]: line[place:].split()[0] for line in lines[2:] if line[:3] in {"ber", "muc", "zrh"}}
    assert said == {
        "ber-db-01.corp.example": "-",
        "ber-db-02.corp.example": "yes",
        "ber-web-01.corp.example": "no",
        "ber-web-02.corp.example": "no",
        "ber-web-03.corp.example": "-",
        "muc-app-07": "-",
        "muc-file-03": "-",
        "muc-hv-04": "-",
        "zrh-legacy-01": "yes",
        "zrh-new-02": "-",
        "zrh-new-03": "-",
    }
    assert "  KB2267602 failed with 0x80070070: There is not enough space on the disk.\n  → Free space" in text
    assert f"Lines of the record that could not be read\n  {CUT}" in text


def test_terminal_puts_the_reason_beside_when_there_is_room() -> None:
    assert "WHY" in run_report.terminal(plan(), 200).splitlines()[0]
    assert "WHY" not in run_report.terminal(plan(), 160).splitlines()[0]
    row = next(line for line in run_report.terminal(plan(), 240).splitlines() if line.startswith("muc-file-03"))
    assert row.endswith("KB5122871: 1.4 GB free on the system disk, the policy wants 4.7 GB.")


def test_terminal_colours_only_when_asked() -> None:
    assert "\x1b" not in run_report.terminal(run(problems=[CUT]), 160)
    assert "\x1b[31mCheck failed" in run_report.terminal(run(), 160, color=True)
    assert "\x1b[34mWait for window" in run_report.terminal(plan(), 160, color=True)


def test_terminal_lists_at_most_five_of_what_would_fill_the_screen() -> None:
    many = [
        examples.decision(f"h{number}", "unknown", missing=[{"what": f"w{number}", "why": "y", "fix": "f"}])
        for number in range(7)
    ]
    text = run_report.terminal(plan(many), 160)
    assert text.count(" (y). → f") == 5
    assert "  and 2 more, all in the files of this report\n" in text
    assert run_report.terminal(run(problems=[CUT] * 7), 160).count(CUT) == 5
    assert "  and 2 more\n" in run_report.terminal(run(problems=[CUT] * 7), 160)


# --- Markdown and HTML -------------------------------------------------------------------------------------------


def cells(row: str) -> list[str]:
    """The cells of a Markdown row, as a renderer splits it."""
    return re.split(r"(?<!\\)\|", row.strip())[1:-1]


@pytest.mark.parametrize("doc", [plan(), run(problems=[CUT])], ids=["plan", "run"])
def test_markdown_tables_are_whole_and_nothing_is_left_out(doc: Json) -> None:
    text = run_report.markdown(doc)
    widths: set[int] = set()
    for line in text.splitlines():
        if line.startswith("|"):
            widths.add(len(cells(line)))
    assert widths == ({2, 4, 5, 8} if doc["kind"] == "plan" else {2, 4, 5, 9})
    plain = text.replace("\\", "").replace("&gt;", ">")
    for shown in run_view.views(doc):
        for offer in shown.decision["offers"]:
            assert offer["title"] in plain
            for said in offer["why"]:
                assert said in plain
        for failure in shown.failures:
            assert failure["hresult"] in plain


@pytest.mark.parametrize("doc", [plan(), run(problems=[CUT])], ids=["plan", "run"])
def test_html_holds_what_the_json_holds(doc: Json) -> None:
    source = run_report.html(doc)
    page = Page(source)
    rows = {attrs["data-host"]: attrs for tag, attrs in page.tags if tag == "tbody"}
    assert set(rows) == {host["name"] for host in doc["hosts"]}
    for shown in run_view.views(doc):
        row = rows[shown.name]
        assert (row["data-state"], row["data-decision"]) == (shown.decision["state"], shown.decision["decision"])
        assert row.get("data-outcome") == (shown.result["outcome"] if shown.result else None)
        said = [shown.decision["restart"]["why"] or ""]
        said += [why for offer in shown.decision["offers"] for why in [*offer["why"], offer["code"], offer["title"]]]
        said += [text for one in shown.decision["missing"] for text in one.values()]
        said += [one["detail"] for one in shown.decision["pending"]["reasons"]]
        said += [text for one in shown.failures for text in (one["hresult"], one["message"])]
        said += [shown.result["next_step"] or "", *shown.result["words"]] if shown.result else []
        said += [text for line in [*run_view.proof_lines(shown), *run_view.verify_lines(shown)] for text in line]
        for text in said:
            assert text in page.text
    offers = [attrs["data-offer"] for _tag, attrs in page.tags if "data-offer" in attrs]
    assert sorted(offers) == sorted(
        name for name, count in doc["summary"]["offers"].items() for _number in range(count)
    )


@pytest.mark.parametrize("doc", [plan(), run(problems=[CUT])], ids=["plan", "run"])
def test_html_loads_nothing_and_allows_only_its_own_script(doc: Json) -> None:
    source = run_report.html(doc)
    page = Page(source)
    assert not [tag for tag, attrs in page.tags if tag in {"link", "img", "iframe", "object", "base"} or "src" in attrs]
    symbols = {f"#{attrs['id']}" for tag, attrs in page.tags if tag == "symbol"}
    links = {attrs["href"] for _tag, attrs in page.tags if attrs.get("href")}
    assert links <= symbols | {"#hosts", "#lost"}
    assert not re.search(r"url\((?!#)|@import", source)
    assert not [attrs for _tag, attrs in page.tags if any(name.startswith("on") or name == "style" for name in attrs)]
    policies = [attrs["content"] for _tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert str(policies[0]).startswith("default-src 'none'")
    assert "unsafe" not in str(policies[0])
    ids = [attrs["id"] for _tag, attrs in page.tags if "id" in attrs and attrs["id"] != "hatch"]
    assert len(ids) == len(set(ids))


def test_html_ranks_what_needs_hands_first() -> None:
    for doc, order in ((plan(), run_words.DECISION_ORDER), (run(), run_words.OUTCOME_ORDER)):
        kind = "decision" if doc["kind"] == "plan" else "outcome"
        words = [attrs[f"data-{kind}"] for tag, attrs in Page(run_report.html(doc)).tags if tag == "tbody"]
        assert words == sorted(words, key=lambda word, order=order: order.index(str(word)))


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></script><!--",
    "{{ 7 * 7 }}{% raw %}",
    "a|b`c`*d*_e_[f](javascript:alert(1))",
    "\x1b[31mred\x1b[0m\x07\u202etxt.exe",
    "one\ntwo\r\n| three | four |",
    "日本語ホスト名-" * 6,
]


def poisoned(value: Any, text: str, key: str = "") -> Any:
    """A copy in which every text that comes from a host is `text`; words that the collection chooses stay."""
    chosen = {"schema", "decision", "state", "restart", "outcome", "kind", "class", "classes", "id", "start", "end"}
    times = {"by", "until", "limit", "released", "missing_since", "since", "decided_at", "boot", "last_boot", "at"}
    kept = chosen | times | set(run_words.OFFER_DECISIONS)
    if key in kept and not isinstance(value, dict):
        return value
    if isinstance(value, dict):
        return {name: poisoned(item, text, name) for name, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item, text, key) for item in value]
    return text if isinstance(value, str) else value


def hostile(kind: str, text: str) -> Json:
    """A document of two hosts in which every text is `text`."""
    results = [
        one
        for one in examples.results()
        if one["name"] in {"ber-db-02.corp.example", "ber-web-02.corp.example", "muc-hv-04"}
    ]
    bad = [{**poisoned(one, text), "name": f"{text} {number}"} for number, one in enumerate(results)]
    for one, was in zip(bad, results, strict=True):
        one["decision"]["name"] = one["name"]
        one["decision"]["offers"] = [
            {**offer, "decision": kept["decision"], "id": kept["id"]}
            for offer, kept in zip(one["decision"]["offers"], was["decision"]["offers"], strict=True)
        ]
    if kind == "plan":
        return plan([one["decision"] for one in bad], query=text)
    return run(bad, query=text, problems=[text], about={"id": text, "started_at": None, "ended_at": None})


@pytest.mark.parametrize("kind", ["plan", "run"])
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_host_becomes_markup_or_steers_a_terminal(kind: str, text: str) -> None:
    bad, good = hostile(kind, text), hostile(kind, "plain")
    page, plain = Page(run_report.html(bad)), Page(run_report.html(good))
    assert [tag for tag, _attrs in page.tags] == [tag for tag, _attrs in plain.tags]
    assert clean(text) in page.text
    for width in (80, 200):
        shown = run_report.terminal(bad, width)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", shown)
        assert max(map(columns_of, shown.splitlines())) <= width
    marked = run_report.markdown(bad)
    assert not re.search(r"<(?!br>)", marked)
    assert not re.search(r"(?<!\\)[`\[\]*]", marked)
    for row in (line for line in marked.splitlines() if line.startswith("|")):
        assert len(cells(row)) in {2, 4, 5, 6, 8, 9}


# --- any decision, any result ------------------------------------------------------------------------------------

TEXT = st.text(max_size=12)
SECONDS = st.none() | st.integers(0, 10**8)
TIMES = st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0"))
MAYBE_TIME = st.none() | TIMES
BY = st.none() | st.fixed_dictionaries(
    {"ticket": st.none() | st.text(max_size=12), "approver": st.none() | st.text(max_size=12), "expires": MAYBE_TIME}
)
TRI = st.sampled_from([True, False, None])
WINDOWS = st.none() | st.fixed_dictionaries({"start": TIMES, "end": TIMES, "name": st.none() | TEXT})
OFFERS = st.fixed_dictionaries(
    {
        "id": TEXT,
        "revision": st.none() | st.integers(),
        "title": TEXT,
        "kb": st.none() | TEXT,
        "kbs": st.lists(TEXT, max_size=2),
        "categories": st.lists(TEXT, max_size=2),
        "severity": st.none() | TEXT,
        "size": SECONDS,
        "released": MAYBE_TIME,
        "missing_since": MAYBE_TIME,
        "driver": TRI,
        "optional": TRI,
        "restart": st.sampled_from(list(run_words.RESTARTS)),
        "restart_source": TEXT,
        "keeps_track": TRI,
        "decision": st.sampled_from(list(run_words.OFFER_DECISIONS)),
        "code": st.just("some_code"),
        "until": MAYBE_TIME,
        "waited": SECONDS,
        "limit": MAYBE_TIME,
        "why": st.lists(TEXT, max_size=2),
    }
)
PENDING = st.fixed_dictionaries(
    {
        "pending": TRI,
        "classes": st.just(["servicing"]),
        "reasons": st.lists(
            st.fixed_dictionaries(
                {
                    "class": st.sampled_from(["servicing", "legacy"]),
                    "source": TEXT,
                    "detail": TEXT,
                    "since": MAYBE_TIME,
                    "blocks_updates": TRI,
                }
            ),
            max_size=2,
        ),
        "unknown_sources": st.lists(TEXT, max_size=1),
        "rests_on": st.lists(TEXT, max_size=1),
    }
)


@st.composite
def decided(draw: st.DrawFn) -> Json:
    """Any decision in the shape of a decision."""
    found = examples.decision(
        "x", draw(st.sampled_from(list(run_words.DECISIONS))), *draw(st.lists(OFFERS, max_size=3))
    )
    return {
        **found,
        "name": draw(st.text(min_size=1, max_size=30)),
        "state": draw(st.sampled_from(list(report_parts.STATES))),
        "build": draw(st.none() | st.just("26100.1")),
        "last_boot": draw(MAYBE_TIME),
        "reached": draw(st.booleans()),
        "problem": draw(
            st.none() | st.fixed_dictionaries({"kind": st.sampled_from(["auth", "failed"]), "message": TEXT})
        ),
        "summary": draw(TEXT),
        "restart": {
            "due": draw(st.booleans()),
            "now": draw(st.booleans()),
            "by": draw(MAYBE_TIME),
            "window": draw(WINDOWS),
            "offers": draw(st.lists(TEXT, max_size=1)),
            "why": draw(st.none() | TEXT),
            "consent": draw(TRI),
            "consent_by": draw(BY),
        },
        "exposure": {"seconds": draw(SECONDS), "since": draw(MAYBE_TIME), "offers": []},
        "pending": draw(PENDING),
        "missing": draw(st.lists(st.fixed_dictionaries({"what": TEXT, "why": TEXT, "fix": TEXT}), max_size=2)),
        "window": {"current": draw(WINDOWS), "following": draw(WINDOWS)},
    }


MOMENTS = st.fixed_dictionaries(
    {
        "boot": MAYBE_TIME,
        "build": st.none() | TEXT,
        "kbs": st.none() | st.lists(TEXT, max_size=2),
        "pending": st.lists(TEXT, max_size=1),
        "restart_required": st.none() | TEXT,
    }
)
UPDATE = {"id": TEXT, "kb": st.none() | TEXT, "title": TEXT, "hresult": st.none() | TEXT, "message": st.none() | TEXT}
INSTALLS = st.fixed_dictionaries(
    {
        "outcome": TEXT,
        **{key: st.lists(TEXT, max_size=2) for key in run_host.ID_LISTS},
        "left_out": st.just([]),
        "failed": st.booleans() | st.lists(st.fixed_dictionaries(UPDATE), max_size=2),
        "updates": st.lists(st.fixed_dictionaries({**UPDATE, "result": TEXT}), max_size=2),
        "words": st.lists(TEXT, max_size=1),
        "proof": st.none()
        | st.fixed_dictionaries(
            {
                "before": MOMENTS,
                "after": st.none() | MOMENTS,
                "restarted": TRI,
                "kbs_added": st.none() | st.lists(TEXT, max_size=1),
                "build_changed": TRI,
                "track_kept": TRI,
                "restart_wanted_by": st.none(),
            }
        ),
    }
)
LOOKS = st.none() | st.fixed_dictionaries(
    {
        "healthy": TRI,
        "checks": st.lists(st.fixed_dictionaries({"kind": TEXT, "name": TEXT, "ok": TRI, "detail": TEXT}), max_size=2),
        "changed_since_before": st.lists(
            st.fixed_dictionaries({"kind": TEXT, "name": TEXT, "before": TEXT, "after": TEXT}), max_size=1
        ),
    }
)
RESTARTED = st.fixed_dictionaries(
    {
        "done": TRI,
        "consent": TRI,
        "reason": st.none() | TEXT,
        "before": MAYBE_TIME,
        "after": MAYBE_TIME | MOMENTS,
    },
    optional={"consent_by": BY},
)
RESULTS = st.fixed_dictionaries(
    {
        "name": st.text(min_size=1, max_size=30),
        "decision": st.none() | decided(),
        "install": st.none() | INSTALLS,
        "verify": st.none() | st.fixed_dictionaries({"before": LOOKS, "after": LOOKS}),
        "restart": st.none() | RESTARTED,
        "restarts": st.none() | st.lists(RESTARTED, max_size=3),
        "out": TRI,
        "drain": st.none() | st.fixed_dictionaries({"state": st.none() | TEXT, "why": st.none() | TEXT}),
        "preflight": st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
        "outcome": st.sampled_from([*run_words.OUTCOMES, "brand_new"]),
        "words": st.lists(TEXT, max_size=2),
        "next_step": st.none() | TEXT,
    }
)
SLOW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def check(doc: Json) -> None:
    """A document is valid, and every rendering of it is sound."""
    VALIDATORS[doc["kind"]].validate(json.loads(json.dumps(doc)))
    for width in (80, 200):
        assert max(map(columns_of, run_report.terminal(doc, width).splitlines())) <= width
    assert run_report.markdown(doc).endswith("\n")
    rows = [attrs for tag, attrs in Page(run_report.html(doc)).tags if tag == "tbody" and "data-host" in attrs]
    assert len(rows) == len(doc["hosts"])
    assert set(run_report.failed(doc)) <= {host["name"] for host in doc["hosts"]}


@SLOW
@given(decisions=st.lists(decided(), max_size=3, unique_by=lambda one: one["name"]))
def test_any_plan_renders(decisions: list[Json]) -> None:
    check(plan(decisions))


# Of a record, which the controller's clock has written.
WRITTEN = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"))
SPANS = st.tuples(WRITTEN, st.none() | WRITTEN).map(
    lambda pair: {"from": min(pair[0], pair[1] or pair[0]), "to": pair[1] and max(pair[0], pair[1])}
)
SLOTS = st.fixed_dictionaries(
    {
        "host": st.text(min_size=1, max_size=30),
        "wave": st.none() | st.integers(0, 20),
        "canary": st.none() | st.booleans(),
        "kind": st.none() | TEXT,
        "groups": st.lists(TEXT, max_size=2),
        "waited": st.none() | st.integers(0, 10**6) | st.floats(0, 10**6),
        "taken_at": WRITTEN,
        "released_at": st.none() | WRITTEN,
        "out": st.lists(SPANS, max_size=2),
        "restarts": st.lists(SPANS, max_size=2),
        "outcome": st.none() | TEXT,
        "failed": TRI,
        "kept": TRI,
    }
)


@SLOW
@given(
    results=st.lists(RESULTS, max_size=3, unique_by=lambda one: one["name"]),
    slots=st.lists(SLOTS, max_size=3),
    previous=st.none() | st.lists(RESULTS, max_size=2, unique_by=lambda one: one["name"]),
    named=st.booleans(),
)
def test_any_run_renders(results: list[Json], slots: list[Json], previous: list[Json] | None, named: bool) -> None:
    if named:
        # Slots of hosts of the run.
        slots = [{**slot, "host": one["name"]} for slot, one in zip(slots, results, strict=False)]
    before = None if previous is None else {"about": examples.ABOUT, "results": previous}
    check(run(results, slots=slots, previous=before))
