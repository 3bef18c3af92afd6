# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of a rolling run: what each event is worth, what the screen shows, how long it will take."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.text import columns_of
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet import plan as fleet_plan
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.plan import Host
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.spec import FleetSpec
from ansible_collections.rebootless.patching.plugins.plugin_utils.fleet.time_left import Pace, Turn, Wave, time_left
from ansible_collections.rebootless.patching.plugins.plugin_utils.progress import tracker as progress
from ansible_collections.rebootless.patching.plugins.plugin_utils.progress.screen import screen
from ansible_collections.rebootless.patching.plugins.plugin_utils.progress.tracker import OURS, Line, Progress, Seen
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 9, 20, 12, 0, tzinfo=UTC)
FLEET = {"w1": ["web"], "w2": ["web"], "w3": ["web"], "s1": ["sql"], "s2": ["sql"], "o1": []}
SPEC: dict[str, Any] = {
    "canary": ["w1"],
    "waves": [3],
    "max_unavailable": 2,
    "groups": {"sql": {"max_unavailable": 1}},
    "durations": {"web": "10m", "sql": "20m", "o1": "10m"},
}
SGR = re.compile(r"\x1b\[[0-9;]*m")


def at(seconds: float) -> datetime:
    """So long after the start."""
    return NOW + timedelta(seconds=seconds)


def planned(
    spec: Mapping[str, Any] | None = None,
    orphans: Sequence[Mapping[str, Any]] = (),
    forks: int = 20,
    facts: bool = True,
) -> Seen:
    """The task that plans the run."""
    given_hosts = [{"name": name, "groups": groups} for name, groups in FLEET.items()]
    spec = SPEC if spec is None else spec
    loaded = FleetSpec.load(spec)
    hosts = [one._asdict() | {"groups": sorted(one.groups)} for one in fleet_plan.hosts(given_hosts, loaded)]
    plan = fleet_plan.plan(given_hosts, loaded, forks)
    result = {"plan": plan, "run": "2026-09", "orphans": list(orphans), **({"hosts": hosts} if facts else {})}
    return Seen("ok", "w1", f"{OURS}fleet_plan", "Plan the run", {"spec": spec}, result)


def asks(host: str, **more: Any) -> Seen:
    """A host asks for a slot."""
    return Seen("started", host, f"{OURS}fleet_slot", "Wait", {"state": "taken", **more})


def let_out(host: str, kind: str = "restart", waited: float = 0) -> Seen:
    """A host may go out."""
    result = {"admitted": True, "code": "admitted", "why": "The host may go out.", "waited": waited}
    return Seen("ok", host, f"{OURS}fleet_slot", "Wait", {"state": "taken", "kind": kind}, result)


def refused(host: str, code: str, why: str) -> Seen:
    """A host may not go out."""
    return Seen(
        "ok", host, f"{OURS}fleet_slot", "Wait", {"state": "taken"}, {"admitted": False, "code": code, "why": why}
    )


def released(host: str, outcome: str = "restarted", failed: bool = False, state: str = "released") -> Seen:
    """A host has ended."""
    args = {"state": state, "outcome": {"outcome": outcome, "failed": failed}}
    return Seen("ok", host, f"{OURS}fleet_slot", "Release", args, {"released": state == "released", "why": None})


def recorded(host: str, step: str, **data: Any) -> Seen:
    """A step of a host."""
    return Seen("ok", host, f"{OURS}fleet_record", "Record", {"data": data}, {"entry": {"host": host, "step": step}})


def started(host: str, action: str) -> Seen:
    """A task begins."""
    return Seen("started", host, action, "x")


def troubled(host: str, status: str, task: str) -> Seen:
    """A task that did not end well."""
    return Seen(status, host, "ansible.builtin.fail", task)


def run(*events: tuple[float, Seen], plan: Seen | None = None) -> tuple[Progress, list[str]]:
    """A run, and the texts of its lines without their time."""
    made = Progress(NOW)
    lines = made.feed(plan or planned(), NOW)
    for seconds, seen in events:
        lines += made.feed(seen, at(seconds))
    return made, [line.text.partition(" ")[2] for line in lines]


def shown(made: Progress, seconds: float, width: int = 80, height: int = 24) -> list[str]:
    """The screen without colours."""
    return screen(made, at(seconds), width, height)


# --- words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0:00"), (0, "0:00"), (59.9, "0:59"), (60, "1:00"), (3599, "59:59"), (3600, "1:00:00"), (7325, "2:02:05")],
)
def test_ticking(seconds: float, words: str) -> None:
    assert progress.ticking(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (89, "1 min"),
        (91, "2 min"),
        (3569, "59 min"),
        (3571, "1 h"),
        (3600, "1 h"),
        (4860, "1 h 21 min"),
    ],
)
def test_span(seconds: float, words: str) -> None:
    assert progress.span(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 min"),
        (60, "1 min"),
        (61, "2 min"),
        (600, "10 min"),
        (601, "15 min"),
        (3601, "1 h 5 min"),
        (7200, "2 h"),
        (7201, "2 h 15 min"),
    ],
)
def test_about_rounds_up(seconds: float, words: str) -> None:
    assert progress.about(seconds) == f"about {words}"


# --- lines -------------------------------------------------------------------------------------------------------


def test_a_whole_run_in_lines() -> None:
    made, lines = run(
        (1, asks("w1")),
        (2, let_out("w1")),
        (3, recorded("w1", "slot_taken")),
        (4, recorded("w1", "installing")),
        (5, recorded("w1", "restarting")),
        (602, recorded("w1", "host_finished", outcome="restarted", failed=False)),
        (602, released("w1")),
        (602, recorded("w1", "slot_released", kept=False)),
        (603, let_out("s1", waited=602)),
        (604, let_out("w2", "install", waited=0.4)),
        (704, released("w2", "installed")),
        (705, released("s1", "verify_failed", failed=True, state="kept")),
    )
    assert lines == [
        "Run 2026-09: 6 hosts in 3 waves, a canary of 1 first; 2 may be out of service at once (sql 1); about 50 min left.",
        "w1 goes out.",
        "w1 restarts.",
        "w1: restarted after 10 min (1 of 6 ended, about 40 min left)",
        "The canary has ended: 1 well.",
        "s1 goes out after waiting 10 min.",
        "w2 begins.",
        "w2: installed after 2 min (2 of 6 ended, about 25 min left)",
        "BAD s1: verify failed after 2 min (3 of 6 ended)",
    ]
    said = [line.text.partition(" ")[2] for line in made.end(at(800), 6)]
    assert said == [
        "Ended after 13 min: 6 hosts, 2 well, 1 badly, 3 not ended.",
        "Ended badly: s1 (verify failed).",
        "Still out of service, with the slot kept: s1.",
    ]


def test_lines_have_the_time_and_loud_ones_are_marked() -> None:
    made = Progress(NOW)
    assert made.play("Check it", NOW) == [Line("12:00:00Z Check it")]
    assert made.play("", at(1)) == []
    assert made.play("Go", at(1), checking=True) == [Line("12:00:01Z Go (check mode: nothing is changed)")]
    made.feed(planned(), NOW)
    good, bad = made.feed(released("w1"), at(5)), made.feed(released("w2", "failed"), at(6))
    assert good[0] == Line("12:00:05Z w1: restarted (1 of 6 ended, about 40 min left)", progress.GOOD, False)
    assert (bad[0].color, bad[0].loud, bad[0].text[10:13]) == (progress.BAD, True, "BAD")


def test_an_end_is_told_once_and_may_only_get_worse() -> None:
    made, lines = run((5, released("w1")), (6, recorded("w1", "host_finished", outcome="failed", failed=True)))
    assert [line for line in lines if line.startswith(("w1", "BAD"))] == [
        "w1: restarted (1 of 6 ended, about 40 min left)"
    ]
    assert (made.members["w1"].outcome, made.members["w1"].bad) == ("restarted", True)
    made, _lines = run((5, recorded("w1", "host_finished")), (6, released("w1")))
    assert (made.members["w1"].outcome, made.members["w1"].bad) == ("unknown", True)


@pytest.mark.parametrize("code", progress.STOPPED)
def test_a_stop_is_told_once(code: str) -> None:
    made, lines = run((5, refused("w1", code, "It is over.")), (6, refused("w2", code, "It is over.")))
    assert lines[1:] == ["No further host goes out. It is over."]
    assert "No further host goes out: It is over." in shown(made, 10)
    _made, lines = run((5, released("w1", "not_started")), plan=planned({**SPEC, "soak": "1h"}))
    assert lines[-2:] == [
        "w1: not started (1 of 6 ended, about 2 h 45 min left)",
        "The canary has ended: 0 well, 1 not started; wave 2 begins at 13:00:05Z.",
    ]


def test_a_refusal_of_one_host_concerns_it_alone() -> None:
    made, lines = run((5, refused("w1", "window_too_short", "Too late.")))
    assert lines[1:] == ["w1 does not go out. Too late."]
    assert made.stopped == ""


def test_orphans_are_named_until_somebody_has_taken_them_over() -> None:
    left = [{"host": "s1", "groups": ["sql"]}, {"host": "x", "groups": []}]
    made, lines = run(plan=planned(orphans=left))
    assert lines == [
        "Run 2026-09: 6 hosts in 3 waves, a canary of 1 first; 2 may be out of service at once (sql 1).",
        "Left out of service by an earlier run: s1, x.",
    ]
    assert "Slots  2 of 2 out, sql 1 of 1" in shown(made, 1)
    made.feed(let_out("s1"), at(2))
    assert list(made.orphans) == ["x"]


SECRET = "https://user:hunter2@example"


@pytest.mark.parametrize(
    ("status", "action", "said"),
    [
        ("failed", f"{OURS}fleet_plan", f"w1 failed: Do it: {SECRET}"),
        ("failed", "ansible.builtin.fail", f"w1 failed: Do it: {SECRET}"),
        ("failed", "ansible.builtin.uri", "w1 failed: Do it"),
        ("failed", "ansible.windows.win_shell", "w1 failed: Do it"),
        ("unreachable", f"{OURS}updates_info", "w1 is unreachable: Do it"),
    ],
)
def test_only_words_of_ours_are_repeated(status: str, action: str, said: str) -> None:
    seen = Seen(status, "w1", action, "Do it", {"password": "p"}, {"msg": SECRET, "stdout": "s"})
    assert Progress(NOW).feed(seen, NOW) == [Line(f"12:00:00Z {said}", progress.BAD, True)]
    if status == "failed":
        assert SECRET in Progress(NOW, talkative=True).feed(seen, NOW)[0].text


def test_the_same_failure_is_told_once_and_counted() -> None:
    made = Progress(NOW)
    lines = []
    for host in ("a", "b", "c"):
        lines += made.feed(Seen("failed", host, "ansible.builtin.fail", "Check", {}, {"msg": "No."}), NOW)
    lines += made.feed(Seen("failed", "a", "ansible.builtin.fail", "Check", {}, {"msg": "Never."}), NOW)
    lines += made.feed(Seen("ignored", "a", "ansible.builtin.fail", "Other", {}, {"msg": "No."}), NOW)
    lines += made.feed(Seen("failed", "a", "ansible.builtin.command"), NOW)
    assert [line.text[10:] for line in lines] == [
        "a failed: Check: No.",
        "a failed: Check: Never.",
        "a failed: ansible.builtin.command",
    ]
    assert [line.text[10:] for line in made.end(at(3), 7, ["a", "b", "c"], ["d"])] == [
        "Check: failed so on 3 hosts.",
        "Ended after 3 s: 7 hosts; failed: a, b, c; unreachable: d.",
    ]


def test_texts_cannot_steer_the_terminal_and_end_somewhere() -> None:
    seen = Seen("failed", "a\x1b[2J", "ansible.builtin.fail", "t\nt", {}, {"msg": "x" * 600})
    text = Progress(NOW).feed(seen, NOW)[0].text
    assert text.startswith("12:00:00Z a\N{REPLACEMENT CHARACTER}[2J failed: t t: xxx")
    assert len(text) == 10 + progress.LONGEST
    assert text.endswith("x…")


def test_the_report_is_named() -> None:
    for status in ("ok", "failed"):
        seen = Seen(
            status, "w1", f"{OURS}run_report", "Report", {}, {"files": {"html": "/d/run.html"}, "msg": "2 bad."}
        )
        assert Progress(NOW).feed(seen, NOW)[0] == Line("12:00:00Z Report: /d/run.html", "", True)
    assert Progress(NOW).feed(Seen("ok", "w1", f"{OURS}run_report", "R", {}, {"files": {}}), NOW) == []


def test_hosts_outside_the_plan_and_answers_without_meaning_are_nothing() -> None:
    _made, lines = run(
        (1, let_out("other")),
        (1, released("other")),
        (1, recorded("other", "restarting")),
        (1, Seen("ok", "w1", f"{OURS}fleet_slot", "x", {"state": "looked"}, {"released": True})),
        (1, Seen("ok", "w1", f"{OURS}fleet_slot", "x", {}, {"censored": "hidden"})),
        (
            1,
            Seen(
                "ok",
                "w1",
                f"{OURS}fleet_record",
                "x",
                {"data": "text"},
                {"entry": {"host": "w1", "step": "restarting"}},
            ),
        ),
        (1, Seen("ok", "w1", f"{OURS}fleet_record", "x", {}, {"censored": "hidden"})),
    )
    assert len(lines) == 1


# --- steps -------------------------------------------------------------------------------------------------------


def test_steps_and_since_when() -> None:
    made = run((1, asks("w1", kind="{{ kind }}")))[0]
    member = made.members["w1"]
    assert (member.step, member.since, member.kind) == (progress.WAITS, at(1), None)
    made.feed(asks("w1", kind="install"), at(2))
    assert (member.since, member.kind) == (at(1), "install")
    made.feed(let_out("w1"), at(3))
    assert (member.step, member.taken, member.kind, member.out) == ("has its slot", at(3), "restart", True)
    made.feed(started("w1", f"{OURS}install_updates"), at(4))
    made.feed(started("w1", "ansible.builtin.set_fact"), at(5))
    assert (member.step, member.since) == ("installing", at(4))
    made.feed(recorded("w1", "installing"), at(6))
    assert member.since == at(4)
    made.feed(recorded("w1", "verified_after"), at(7))
    assert (member.step, member.since) == ("verified after", at(7))
    made.feed(let_out("w1"), at(8))
    assert member.taken == at(3)
    made.feed(released("w1"), at(9))
    made.feed(started("w1", f"{OURS}updates_info"), at(10))
    assert (member.step, member.since, member.taken, member.took) == ("", None, None, 6)


def test_what_has_ended_goes_out_no_more() -> None:
    made, lines = run((1, released("w1")), (2, let_out("w1")), (3, refused("w1", "stop_file", "Halt.")))
    assert len(lines) == 3
    assert (made.members["w1"].step, made.members["w1"].taken, made.stopped) == ("", None, "")


def test_a_skipped_task_was_no_step() -> None:
    made = run((1, let_out("w1")), (2, asks("w1")))[0]
    made.feed(asks("w1")._replace(status="skipped"), at(3))
    assert (made.members["w1"].step, made.members["w1"].since) == ("has its slot", at(1))
    for status in ("started", "skipped"):
        made.feed(started("w1", f"{OURS}drain")._replace(status=status), at(4))
    made.feed(started("w1", "ansible.builtin.debug")._replace(status="skipped"), at(4))
    made.feed(started("other", f"{OURS}drain")._replace(status="skipped"), at(4))
    assert (made.members["w1"].step, made.members["w1"].since) == ("has its slot", at(1))
    made.feed(released("w1"), at(5))
    made.feed(asks("w1")._replace(status="skipped"), at(6))
    assert made.members["w1"].step == ""


# --- screen ------------------------------------------------------------------------------------------------------


def test_the_screen_before_there_is_a_plan() -> None:
    made = Progress(NOW)
    made.play("Check the input", NOW)
    assert shown(made, 65, 40) == ["Check the input                     1:05"]


def test_the_screen_of_a_run() -> None:
    made = run(
        (2, let_out("w1")),
        (602, released("w1")),
        (603, let_out("s1")),
        (604, asks("w2")),
        (605, let_out("o1", "install")),
        (610, recorded("s1", "restarting")),
    )[0]
    assert shown(made, 670) == [
        "Run 2026-09                                             11:10, about 40 min left",
        "[######..................................]  1 of 6 ended: 1 well",
        "Waves  canary over; wave 2: 0 of 3 ended; 1 to come with 2 hosts",
        "Slots  1 of 2 out, sql 1 of 1; 1 at work without a restart; 1 waiting",
        "",
        "s1  restarting                  1:00",
        "o1  has its slot                1:05",
    ]
    made.feed(released("s1", "failed", True, "kept"), at(680))
    assert shown(made, 680)[1:] == [
        "[######!!!!!!!...........................]  2 of 6 ended: 1 well, 1 badly",
        "Waves  canary over; wave 2: 1 of 3 ended; 1 to come with 2 hosts",
        "Slots  1 of 2 out, sql 1 of 1; 1 at work without a restart; 1 waiting",
        "Ended badly: s1 (failed)",
        "Still out of service: s1",
        "",
        "o1  has its slot                1:15",
    ]


def test_a_soak_is_shown_with_its_end() -> None:
    made = run((2, let_out("w1")), (602, released("w1")), plan=planned({**SPEC, "soak": "1h"}))[0]
    assert shown(made, 700)[2] == "Waves  canary over; wave 2 begins at 13:10:02Z; 1 to come with 2 hosts"
    assert shown(made, 602 + 3600)[2] == "Waves  canary over; wave 2: 0 of 3 ended; 1 to come with 2 hosts"
    made.feed(let_out("s1"), at(650))
    assert shown(made, 700)[2] == "Waves  canary over; wave 2: 0 of 3 ended; 1 to come with 2 hosts"


def test_waves_that_are_over() -> None:
    made = run(*((5, released(name)) for name in FLEET))[0]
    assert shown(made, 9)[1:] == [
        "[########################################]  6 of 6 ended: 6 well",
        "Waves  3 of 3 over",
        "Slots  0 of 2 out, sql 0 of 1",
    ]
    made = run(plan=planned({"durations": {"web": "10m"}}))[0]
    assert shown(made, 1)[1:] == ["[........................................]  0 of 6 ended", "Slots  0 of 6 out"]
    made.checking = True
    assert len(shown(made, 1)) == 2
    assert shown(made, 1)[0].startswith("Run 2026-09 (check mode)  ")


def test_rows_stand_side_by_side_and_the_rest_is_a_number() -> None:
    made = run(*((number, let_out(name)) for number, name in enumerate(FLEET)))[0]
    assert shown(made, 60, 120)[4:] == [
        "",
        "w1  has its slot                1:00                         w3  has its slot                0:58",
        "s1  has its slot                0:57                         s2  has its slot                0:56",
        "w2  has its slot                0:59                         o1  has its slot                0:55",
    ]
    assert [line[:3].strip() for line in shown(made, 60, 80, 8)[4:]] == ["", "w1", "s1", "and"]
    assert shown(made, 60, 80, 8)[-1] == "and 4 more hosts"
    assert shown(made, 60, 120, 7)[4:] == [
        "",
        "w1  has its slot                1:00                         s1  has its slot                0:57",
        "and 4 more hosts",
    ]
    assert len(shown(made, 60, 80, 11)) == 11
    assert shown(made, 60, 80, 11)[-1].startswith("o1")
    assert shown(made, 60, 80, 5) == shown(made, 60, 80, 4) == shown(made, 60)[:4]
    assert shown(made, 60, 80, 2) == shown(made, 60)[:2]


def test_colours_carry_nothing_alone() -> None:
    made = run(
        (2, let_out("w1")), (5, released("w1")), (6, released("s1", "failed")), (7, refused("w2", "stop_file", "Halt."))
    )[0]
    colored = screen(made, at(9), 80, 24, color=True)
    assert "\x1b[31m" in "".join(colored)
    assert [SGR.sub("", line) for line in colored] == shown(made, 9)


# --- time left ---------------------------------------------------------------------------------------------------


def test_nobody_knows_how_long_it_takes() -> None:
    made, lines = run(plan=planned({"max_unavailable": 1}))
    assert lines == ["Run 2026-09: 6 hosts in 1 wave; 1 may be out of service at once."]
    assert made.left(NOW) is None
    made.feed(let_out("w1"), at(0))
    assert made.left(at(50)) is None
    made.feed(released("w1"), at(100))
    assert made.left(at(100)) == 500
    assert Progress(NOW).left(NOW) is None
    assert run(plan=planned(facts=False))[0].left(NOW) is None


def test_a_half_hour_that_was_said_is_known() -> None:
    spec = {"max_unavailable": 1, "durations": dict.fromkeys(FLEET, "30m")}
    assert run(plan=planned(spec))[0].left(NOW) == 6 * 1800
    assert (
        run(plan=planned({**spec, "durations": {"web": "30m", "sql": "30m", "o1": "29m"}}))[0].left(NOW)
        == 5 * 1800 + 1740
    )


def test_a_spec_that_is_text_is_no_trouble() -> None:
    plan = planned()
    made = run(plan=plan._replace(args={"spec": '{"canary": 1}'}))[0]
    assert made.left(NOW) == 3000


def test_the_pace_of_the_run_corrects_the_plan() -> None:
    made = run((0, let_out("w1")), (300, released("w1")))[0]
    assert made.left(at(300)) == 2400 / 2
    # Hosts that ended badly measure nothing.
    made = run((0, let_out("w1")), (300, released("w1", "failed")))[0]
    assert made.left(at(300)) == 2400


def test_a_host_that_is_lost_says_nothing() -> None:
    made = run((0, let_out("w1")))[0]
    assert [made.left(at(seconds)) for seconds in (0, 500, 590, 1200, 1201)] == [3000, 2500, 2460, 2460, None]


def test_what_holds_slots_for_good_takes_room() -> None:
    spec = {**SPEC, "canary": 0, "waves": None, "groups": {}}
    assert run(plan=planned(spec))[0].left(NOW) == 2400
    made = run((0, let_out("o1")), (0, released("o1", "failed", True, "kept")), plan=planned(spec))[0]
    assert made.left(NOW) == 4200
    made = run(plan=planned(spec, orphans=[{"host": "x", "groups": []}]))[0]
    assert made.left(NOW) == 4800
    left = [{"host": "x", "groups": []}, {"host": "y", "groups": []}]
    assert run(plan=planned(spec, orphans=left))[0].left(NOW) is None


def test_a_stopped_run_ends_with_the_hosts_that_are_out() -> None:
    made = run((0, let_out("w1")), (10, refused("w2", "gate_closed", "x")))[0]
    assert made.left(at(100)) == 500
    made.feed(released("w1"), at(600))
    assert made.left(at(600)) == 0
    assert made.left_words(at(600)) == ""


def test_installs_know_no_limits_but_the_forks() -> None:
    spec = {"max_unavailable": 1, "durations": dict.fromkeys(FLEET, "10m")}
    made = run((0, let_out("w1", "install")), plan=planned(spec, forks=3))[0]
    assert made.left(NOW) == 1200
    made.feed(let_out("w2"), NOW)
    made.feed(let_out("w3"), NOW)
    assert made.left(NOW) is not None
    assert made.left(NOW) > 1200


@pytest.mark.parametrize(
    ("waves", "most", "soak", "left"),
    [
        ([], {"": 1}, 60, 0),
        ([Wave([])], {"": 1}, 60, 0),
        ([Wave([], 30)], {"": 1}, 60, 0),
        ([Wave([Turn(Host("a", frozenset(), 100))])], {"": 1}, 60, 100),
        ([Wave([Turn(Host("a", frozenset(), 100))], 5)], {"": 1}, 60, 100),
        ([Wave([], 30), Wave([Turn(Host("a", frozenset(), 100))])], {"": 1}, 60, 130),
        ([Wave([], 90), Wave([Turn(Host("a", frozenset(), 100))])], {"": 1}, 60, 100),
        ([Wave([], 30), Wave([Turn(Host("a", frozenset(), 100))], 5)], {"": 1}, 60, 100),
        ([Wave([Turn(Host("a", frozenset(), 100), 40)]), Wave([Turn(Host("b", frozenset(), 9))])], {"": 1}, 7, 76),
        ([Wave([Turn(Host("a", frozenset(), 100), 95)])], {"": 1}, 0, 10),
        ([Wave([Turn(Host("a", frozenset(), 100), 200)])], {"": 1}, 0, 10),
        ([Wave([Turn(Host("a", frozenset(), 100), 201)])], {"": 1}, 0, None),
        ([Wave([Turn(Host("a", frozenset(), 100), 40), Turn(Host("b", frozenset(), 10))])], {"": 1}, 0, 70),
        ([Wave([Turn(Host("a", frozenset(), 100), 40), Turn(Host("b", frozenset(), 10))])], {"": 2}, 0, 60),
        ([Wave([Turn(Host("a", frozenset(), 100), 40, False), Turn(Host("b", frozenset(), 10))])], {"": 1}, 0, 60),
        ([Wave([Turn(Host("b", frozenset(), 10))])], {"": 0}, 0, None),
        (
            [
                Wave(
                    [
                        Turn(Host("a", frozenset("g"), 100), 40),
                        Turn(Host("b", frozenset("g"), 10)),
                        Turn(Host("c", frozenset(), 20)),
                    ]
                )
            ],
            {"": 9, "g": 1},
            0,
            70,
        ),
    ],
)
def test_time_left(waves: list[Wave], most: dict[str, int], soak: float, left: float | None) -> None:
    assert time_left(waves, most, soak) == left


def test_pace() -> None:
    assert Pace.of([]) == (None, None)
    assert Pace.of([(10, None), (30, 20), (5, 10)]) == (1.0, 10)
    assert Pace.of([(10, 0)]) == (None, 10)
    assert Pace(None, 7).expected(None) == 7
    assert Pace(2.0, 7).expected(10) == 20
    assert Pace(None, 7).expected(10) == 10
    assert Pace().expected(None) is None


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 500), min_size=1, max_size=12), st.lists(st.integers(1, 500), max_size=3), st.integers(1, 5)
)
def test_time_left_lies_between_the_bounds(waiting: list[int], out: list[int], slots: int) -> None:
    turns = [Turn(Host(f"w{index}", frozenset(), seconds)) for index, seconds in enumerate(waiting)]
    turns += [Turn(Host(f"o{index}", frozenset(), seconds), 0.0) for index, seconds in enumerate(out[:slots])]
    left = time_left([Wave(turns)], {"": slots}, 0)
    work = sum(waiting) + sum(out[:slots])
    assert left is not None
    assert max(work / slots, *waiting, *out[:slots]) <= left <= work


# --- anything ----------------------------------------------------------------------------------------------------

NAMES = st.sampled_from([*FLEET, "other"])
EVENTS = st.one_of(
    NAMES.map(asks),
    st.builds(let_out, NAMES, st.sampled_from(["restart", "install"]), st.floats(0, 9999)),
    st.builds(refused, NAMES, st.sampled_from([*progress.STOPPED, "window_too_short"]), st.text(max_size=90)),
    st.builds(
        released,
        NAMES,
        st.sampled_from(["restarted", "failed", "not_started"]),
        st.booleans(),
        st.sampled_from(["released", "kept"]),
    ),
    st.builds(recorded, NAMES, st.sampled_from(["installing", "restarting", "host_finished", "slot_released"])),
    st.builds(started, NAMES, st.sampled_from(sorted(progress.DOING))),
    st.builds(troubled, NAMES, st.sampled_from(["failed", "unreachable", "skipped"]), st.text(max_size=9)),
    st.just(planned()),
)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3000), EVENTS), max_size=60),
    st.integers(1, 200),
    st.integers(0, 40),
    st.booleans(),
)
def test_whatever_comes_the_screen_fits(
    events: list[tuple[int, Seen]], width: int, height: int, planned_first: bool
) -> None:
    made, now = Progress(NOW), NOW
    if planned_first:
        made.feed(planned(), now)
    for seconds, seen in events:
        now += timedelta(seconds=seconds)
        for line in made.feed(seen, now):
            assert "\n" not in line.text
        lines = screen(made, now, width, height, color=True)
        assert 1 <= len(lines) <= max(height, 1)
        assert all(columns_of(SGR.sub("", line)) <= max(width, 40) for line in lines)
    for member in made.members.values():
        assert member.step == "" or member.ended is None
    assert made.end(now, 1)
