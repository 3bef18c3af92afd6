# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an installation came to: when a decision is stale, what became of each update, and what can be proved of it."""

from __future__ import annotations

import copy
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import UNKNOWN, Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.offers import Offer, Offers
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import install
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.install import After, Report
from hypothesis import given
from hypothesis import strategies as st
from realistic import failed, kbs, ok

NOW = datetime(2026, 9, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BOOT, LATER = "2026-09-10T02:31:00Z", "2026-09-20T11:00:00Z"
BUILD, NEWER = "26100.33158", "26100.33438"


def parsed(data: Any) -> Any:
    """The same data as it comes from elsewhere: equal, and not the same objects."""
    return json.loads(json.dumps(data))


def decision(**changes: Any) -> dict[str, Any]:
    """A decision: to install `a` and `c`, with a restart in a window."""
    return {
        "install": ["a", "c"],
        "offers": [
            {"id": "a", "kb": "KB5120228", "title": "Hotpatch"},
            {"id": "b", "kb": "KB5122871", "title": "Baseline"},
            {"id": "c", "kb": None, "title": "Driver"},
        ],
        "restart": {"now": True, "window": {"start": LATER, "end": "2026-09-20T14:00:00Z", "name": None}},
        "stale_when": {
            "build": BUILD,
            "last_boot": BOOT,
            "pending": ["file_rename:Session Manager", "servicing:CBS"],
            "offers": {"a": 2000, "b": 201, "c": 1},
        },
        **changes,
    }


def current(**changes: Any) -> dict[str, Any]:
    """What the host is now: nothing has changed but `changes`."""
    return {**copy.deepcopy(decision()["stale_when"]), **changes}


# --- stale -----------------------------------------------------------------------------------------------------------

STALE: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"build": NEWER}, [f"The build was {BUILD}, and is {NEWER} now."]),
    ({"build": None}, [f"The build was {BUILD}, and is None now."]),
    ({"last_boot": LATER}, [f"The last boot was {BOOT}, and is {LATER} now."]),
    # The order says nothing.
    ({"pending": ["servicing:CBS", "file_rename:Session Manager"]}, []),
    (
        {"pending": ["file_rename:Session Manager", "servicing:CBS", "servicing:WU", "identity:Join"]},
        ["New reasons for a restart: identity:Join, servicing:WU."],
    ),
    ({"pending": ["servicing:CBS"]}, ["No longer a reason for a restart: file_rename:Session Manager."]),
    ({"pending": []}, ["No longer a reason for a restart: file_rename:Session Manager, servicing:CBS."]),
    (
        {"pending": ["file_rename:Session Manager", "identity:Join"]},
        ["New reasons for a restart: identity:Join.", "No longer a reason for a restart: servicing:CBS."],
    ),
    ({"offers": {"b": 201, "c": 1}}, ["KB5120228 is no longer offered."]),
    ({"offers": {"a": 2000, "b": 201}}, ["Driver is no longer offered."]),
    ({"offers": {}}, ["KB5120228 is no longer offered.", "Driver is no longer offered."]),
    # Not to know is not to be offered no longer.
    ({"offers": None}, ["What the host is offered now is not known."]),
    ({"offers": {"a": 201, "c": 1}}, ["KB5120228 was offered as revision 2000, and is revision 201 now."]),
    ({"offers": {"a": 2000, "c": 0}}, ["Driver was offered as revision 1, and is revision 0 now."]),
    # What is not to be installed may change, come and go.
    ({"offers": {"a": 2000, "b": 999, "c": 1, "d": 1}}, []),
    ({"offers": {"a": 2000, "c": 1}}, []),
    (
        {"build": NEWER, "last_boot": LATER, "pending": ["x:y"], "offers": {"a": 1}},
        [
            f"The build was {BUILD}, and is {NEWER} now.",
            f"The last boot was {BOOT}, and is {LATER} now.",
            "New reasons for a restart: x:y.",
            "No longer a reason for a restart: file_rename:Session Manager, servicing:CBS.",
            "KB5120228 was offered as revision 2000, and is revision 1 now.",
            "Driver is no longer offered.",
        ],
    ),
]


def test_results_sorted_out() -> None:
    names = ("installed", "failed", "left_out", "still_installing", "unknown")
    entry = {"kb": "KB1", "title": "t", "hresult": "0x80070070", "message": "why", "reoffered": False}
    results = [{"id": name[0], "result": name, **entry} for name in names]
    results[0]["reoffered"] = True
    # As they come back from the record: no word of it is an object of this module.
    assert install.told(json.loads(json.dumps(results))) == {
        "updates": results,
        "installed": ["i"],
        "still_installing": ["s"],
        "unknown": ["u"],
        "failed_updates": [{"id": "f", "kb": "KB1", "title": "t", "hresult": "0x80070070", "message": "why"}],
        "left_out": [{"id": "l", "why": "why"}],
        "reoffered": ["i"],
        "outcome": "still_installing",
    }


def test_promised_is_what_was_to_install_without_a_restart() -> None:
    offered = [
        {"id": "a", "decision": "install", "restart": "none"},
        {"id": "b", "decision": "install", "restart": "possible"},
        {"id": "c", "decision": "install", "restart": "always"},
        *({"id": each, "decision": each, "restart": "none"} for each in ("put_off", "refuse", "blocked")),
    ]
    assert install.promised({"offers": offered, "restart": {"now": False}}) == ["a"]
    assert install.promised({"offers": offered, "restart": {"now": True}}) == []


@pytest.mark.parametrize(("changes", "words"), STALE)
def test_stale(changes: dict[str, Any], words: list[str]) -> None:
    assert install.stale(decision(), parsed(current(**changes)), NOW) == words


def test_an_offer_that_the_decision_does_not_name() -> None:
    given_one = decision(install=["z"], offers=[])
    assert install.stale(given_one, current(), NOW) == ["z is no longer offered."]
    assert install.stale(given_one, current(offers={"z": 5}), NOW) == [
        "z was offered as revision None, and is revision 5 now."
    ]


@pytest.mark.parametrize("unknown", [None, BUILD])
def test_what_stayed_unknown_has_not_changed(unknown: object) -> None:
    before = decision(stale_when=current(build=unknown, last_boot=None))
    assert install.stale(before, current(build=unknown, last_boot=None), NOW) == []


def test_the_window_of_the_restart_closes() -> None:
    end = datetime(2026, 9, 20, 14, tzinfo=UTC)
    closed = ["The window for the restart closed at 2026-09-20T14:00:00Z."]
    assert install.stale(decision(), current(), end - SECOND) == []
    assert install.stale(decision(), current(), end) == closed
    assert install.stale(decision(), current(), end + SECOND) == closed
    assert install.stale(decision(), current(build=NEWER), end)[1:] == closed
    window = decision()["restart"]["window"]
    for restart in (
        {"now": False, "window": window},
        {"now": True, "window": None},
        {"now": True, "window": {**window, "end": "whenever"}},
    ):
        assert install.stale(decision(restart=restart), current(), end) == []


def test_a_download_needs_no_window() -> None:
    """The host is decided on anew before anything is installed, and is reported as one whose restart is due."""
    end = datetime(2026, 9, 20, 14, tzinfo=UTC)
    assert install.stale(decision(), current(), end, download_only=True) == []
    [newer] = install.stale(decision(), current(build=NEWER), end, download_only=True)
    assert newer.startswith("The build was")


STATE = st.fixed_dictionaries(
    {
        "build": st.sampled_from([None, BUILD, NEWER]),
        "last_boot": st.sampled_from([None, BOOT, LATER]),
        "pending": st.lists(st.sampled_from(["a:b", "a:c", "b:c"]), unique=True),
        "offers": st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2)),
    }
)
ONLY_BUILD = ("build", "last_boot")


@given(STATE, STATE)
def test_stale_of_equal_is_empty_and_of_different_is_not(before: dict[str, Any], now: dict[str, Any]) -> None:
    wanted = [one for one in ("a", "b") if one in before["offers"]]
    made = decision(stale_when=before, install=wanted)
    assert install.stale(made, copy.deepcopy(before), NOW) == []
    same = (
        all(before[key] == now[key] for key in ONLY_BUILD)
        and set(before["pending"]) == set(now["pending"])
        and all(before["offers"][one] == now["offers"].get(one) for one in wanted)
    )
    assert (install.stale(made, now, NOW) == []) is same


# --- snapshot --------------------------------------------------------------------------------------------------------


def test_snapshot() -> None:
    signals = Signals({"hotfixes": ok(kbs("KB5122871", "kb5099536"))})
    state = current(pending=["servicing:CBS"])
    assert install.snapshot(signals, state, "deferrable") == {
        "boot": BOOT,
        "build": BUILD,
        "kbs": ["KB5099536", "KB5122871"],
        "pending": ["servicing:CBS"],
        "restart_required": "deferrable",
        "leave_alone": [
            "Not known is whether Windows is in the boot phase of servicing (not asked).",
            "Not known is whether the update agent is installing something (not asked).",
        ],
    }


@pytest.mark.parametrize("hotfixes", [failed(), ok(None), ok([{"kb": None}]), ok([]), None])
def test_snapshot_of_a_silent_host(hotfixes: object) -> None:
    state = current(build=None, last_boot=None, pending=[])
    quiet = {"cbs_reboot_in_progress": ok(False), "agent_busy": ok(False)}
    assert install.snapshot(Signals({"hotfixes": hotfixes, **quiet}), state, "unknown") == {
        "boot": None,
        "build": None,
        "kbs": None,
        "pending": [],
        "restart_required": "unknown",
        "leave_alone": [],
    }


# --- the result of each update ---------------------------------------------------------------------------------------


def offer(name: str = "a", **changes: Any) -> Offer:
    """An offer that was to be installed."""
    properties: dict[str, Any] = {
        "id": name,
        "revision": 2000,
        "title": "Hotpatch\n(KB5120228)",
        "kbs": ("KB5120228", "KB5120229"),
        "categories": frozenset(),
        "severity": None,
        "size": 1,
        "released": NOW,
        "driver": False,
        "optional": False,
        "hidden": False,
        "eula_accepted": True,
        "behaviour": 0,
        "requires_restart": UNKNOWN,
        "unanswered": None,
        **changes,
    }
    return Offer(**properties)


def after(*offered: Offer, silent: bool = False, **probes: Any) -> After:
    """The host afterwards: its probes' values (or whole answers made by `failed`), and what it offers."""
    answers = {
        name: value if isinstance(value, dict) and "ok" in value else ok(value) for name, value in probes.items()
    }
    return After(Signals(answers), UNKNOWN if silent else Offers(offered, 0))


def result(report: Report, state: After, one: Offer | None = None) -> tuple[str, str | None, str | None]:
    """What became of the one update: result, hresult and message."""
    found = install.result_of(one or offer(), report, state)
    assert list(found) == ["id", "kb", "title", "result", "hresult", "message", "reoffered"]
    assert (found["id"], found["kb"], found["title"]) == ("a", "KB5120228", "Hotpatch (KB5120228)")
    assert found["result"] in install.RESULTS
    return found["result"], found["hresult"], found["message"]


INSTALLED = {"installed": True, "downloaded": True}
FAILED = {"installed": False, "failure_hresult_code": 0x80070070, "failure_msg": "There is not\nenough space.\x1b"}
SEEN = {"installed": False, "downloaded": True}
STILL = ("still_installing", None, "The update agent is still installing.")
SILENT = ("unknown", None, "The host did not say what it offers now.")
AGAIN = ("unknown", None, "It is still offered and nobody saw its installation end; the next run asks again.")
PROVED = ("installed", None, "The host says so: nobody saw the installation end.")
GONE = ("unknown", None, "It is not offered any more, and the host does not list it as installed.")
LEFT_OUT = ("left_out", None, "win_updates did not find it any more.")
FULL = ("failed", "0x80070070", "There is not enough space.?")
Said = tuple[str, str | None, str | None]


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("message", [None, "Failed to install one or more updates"])
@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (INSTALLED, ("installed", None, None)),
        # A download that had to be tried twice: installed is what counts.
        ({**FAILED, "installed": True}, ("installed", None, None)),
        (FAILED, FULL),
        ({**FAILED, "failure_hresult_code": -2147024784}, FULL),
        ({"failure_hresult_code": 5}, ("failed", "0x00000005", "")),
        ({"failure_hresult_code": 5, "failure_msg": "m" * 301}, ("failed", "0x00000005", "m" * 300)),
        ({"failure_hresult_code": 5, "failure_msg": None, "installed": None}, ("failed", "0x00000005", "None")),
    ],
)
def test_what_win_updates_says_counts(entry: dict[str, Any], expected: Said, message: str | None, ended: bool) -> None:
    for state in (after(agent_busy=True), after(silent=True), after(offer(), agent_busy=False)):
        assert result(Report({"a": entry, "b": SEEN}, message, ended), state) == expected


ASKED: list[tuple[After, Said]] = [
    (after(agent_busy=True), STILL),
    (after(agent_busy=True, silent=True), STILL),
    (after(offer(), agent_busy=True, hotfixes=kbs("KB5120228")), STILL),
    (after(silent=True, agent_busy=False), SILENT),
    (after(silent=True, hotfixes=kbs("KB5120228"), wu_reboot_required=["a"]), SILENT),
    (after(offer(), agent_busy=False), AGAIN),
    (after(offer(revision=2001), hotfixes=kbs("KB5120228")), AGAIN),
    (after(offer("A"), offer("b"), hotfixes=kbs("KB5120228")), PROVED),
    (after(hotfixes=kbs("KB5000000", "kb5120229"), agent_busy=failed()), PROVED),
    (after(hotfixes=kbs("KB5000000"), wu_reboot_required=["B", "A"]), PROVED),
    (after(hotfixes=failed(), wu_reboot_required=["a"]), PROVED),
    (after(hotfixes=kbs("KB5120228"), wu_reboot_required=failed()), PROVED),
    (after(hotfixes=kbs("KB5000000"), wu_reboot_required=["b", 5, None]), GONE),
    (after(hotfixes=kbs("KB5000000"), wu_reboot_required=None), GONE),
    (after(hotfixes=failed(), wu_reboot_required="a"), GONE),
    (after(agent_busy=False), GONE),
    (after(), GONE),
]


@pytest.mark.parametrize(("state", "expected"), ASKED)
def test_when_nobody_saw_the_end_the_host_is_asked(state: After, expected: Said) -> None:
    # Only true is true.
    for updates in ({}, {"a": SEEN}, {"b": INSTALLED}, {"a": {"installed": 1}}):
        for message in (None, "the deadline is over"):
            assert result(Report(updates, message, ended=False), state) == expected
    # It was found, and nothing was said of its end.
    assert result(Report({"a": SEEN}, None, ended=True), state) == expected


@pytest.mark.parametrize("state", [state for state, _said in ASKED])
def test_when_the_end_was_seen_the_host_is_not_asked(state: After) -> None:
    assert result(Report({}, None, ended=True), state) == LEFT_OUT
    assert result(Report({}, "", ended=True), state) == LEFT_OUT
    assert result(Report({"b": INSTALLED}, None, ended=True), state) == LEFT_OUT
    # The message is about the others.
    assert result(Report({"b": FAILED}, "Failed to install", ended=True), state) == LEFT_OUT
    failure = ("failed", None, "Failed to search")
    assert result(Report({}, "Failed to\nsearch", ended=True), state) == failure
    assert result(Report({"a": SEEN}, "Failed to search", ended=True), state) == failure
    assert result(Report({}, "m" * 301, ended=True), state) == ("failed", None, "m" * 300)


def test_an_update_without_kbs() -> None:
    driver = offer(kbs=())
    found = install.result_of(driver, Report({}, None, ended=False), after(hotfixes=kbs("KB5120228")))
    assert (found["kb"], found["result"]) == (None, "unknown")


@pytest.mark.parametrize(
    ("report", "offered", "again"),
    [
        (Report({"a": INSTALLED}, None, True), (offer(),), True),
        (Report({"a": INSTALLED}, None, True), (offer("b"), offer()), True),
        # A new revision is another update.
        (Report({"a": INSTALLED}, None, True), (offer(revision=2001),), False),
        (Report({"a": INSTALLED}, None, True), (offer(revision=1999), offer("b")), False),
        (Report({"a": INSTALLED}, None, True), (), False),
        (Report({"a": INSTALLED}, None, True), (offer("A"), offer("b")), False),
        (Report({"a": FAILED}, None, True), (offer(),), False),
        (Report({}, None, False), (offer(),), False),
    ],
)
def test_reoffered(report: Report, offered: tuple[Offer, ...], again: bool) -> None:
    fresh = [offer(each.id, revision=parsed(each.revision)) for each in offered]
    assert install.result_of(offer(), report, after(*fresh))["reoffered"] is again
    assert install.result_of(offer(), report, after(silent=True))["reoffered"] is False


def test_ids_come_from_elsewhere() -> None:
    one, again = (offer(parsed("0a1b2c3d")) for number in range(2))
    assert install.result_of(one, Report({"0a1b2c3d": INSTALLED}, None, True), after(again))["reoffered"]
    asked = install.result_of(one, Report({}, None, False), after(again, hotfixes=kbs("KB5120228")))
    assert (asked["result"], asked["message"]) == (AGAIN[0], AGAIN[2])


# --- one word for the host -------------------------------------------------------------------------------------------

OUTCOMES: dict[tuple[str, ...], str] = {
    (): "nothing_to_do",
    ("installed",): "installed",
    ("failed",): "failed",
    ("left_out",): "nothing_to_do",
    ("failed", "installed"): "partly_installed",
    ("installed", "left_out"): "partly_installed",
    ("failed", "left_out"): "failed",
    ("failed", "installed", "left_out"): "partly_installed",
}


@given(st.lists(st.sampled_from(install.RESULTS)))
def test_outcome(results: list[str]) -> None:
    found = install.outcome([{"result": one} for one in results])
    assert found in install.OUTCOMES
    if "still_installing" in results:
        assert found == "still_installing"
    elif "unknown" in results:
        assert found == "unknown"
    else:
        assert found == OUTCOMES[tuple(sorted(set(results)))]


def test_every_outcome() -> None:
    for some in itertools.chain.from_iterable(itertools.combinations(install.RESULTS, size) for size in range(6)):
        found = install.outcome([{"result": one} for one in (*some, *some)])
        known = {"still_installing", "unknown"} & set(some)
        expected = min(known) if known else OUTCOMES[tuple(sorted(some))]
        assert found == expected
    assert install.OUTCOMES == (
        "nothing_to_do",
        "installed",
        "partly_installed",
        "downloaded",
        "failed",
        "still_installing",
        "unknown",
        "stale",
        "check_mode",
    )
    assert install.RESULTS == ("installed", "failed", "left_out", "still_installing", "unknown")


# --- who wants the restart -------------------------------------------------------------------------------------------


def waiting(value: object) -> Signals:
    """A host whose update agent names these ids; a whole answer made by `failed` is taken as it is."""
    return Signals({"wu_reboot_required": value if isinstance(value, dict) and "ok" in value else ok(value)})


@pytest.mark.parametrize(
    ("before", "then", "expected"),
    [
        (None, ["B", "a"], ["a", "b"]),
        (None, ["A", "a"], ["a"]),
        ([], ["a"], ["a"]),
        (["b"], ["B", "a"], ["a"]),
        (["b"], ["a"], ["a"]),
        (["A"], ["a"], None),
        ("b", ["a"], ["a"]),
        ([5], ["5", "a"], ["a"]),
        (None, [], None),
        (None, None, None),
        (None, "a", None),
        (None, {"a": 1}, None),
        (None, ["a", 5], None),
        (None, failed(), None),
        # Whether it was named before nobody knows.
        (failed(), ["a"], None),
    ],
)
def test_restart_wanted_by(before: object, then: object, expected: list[str] | None) -> None:
    for pending in (True, None):
        assert install.restart_wanted_by(waiting(before), waiting(then), pending) == expected
    assert install.restart_wanted_by(waiting(before), waiting(then), False) == []


# --- the track -------------------------------------------------------------------------------------------------------


def host(track: str, state: str) -> dict[str, str]:
    """What counts of a host's status."""
    return {"track": track, "state": state}


def test_track_kept() -> None:
    was = {
        True: [host("hotpatch", "on_track"), host("hotpatch", "restart_pending")],
        None: [
            *[host(track, "on_track") for track in ("aaa", "standard", "livepatch", "unknown", "zzz")],
            *[host("hotpatch", state) for state in ("behind", "off_track", "unknown", "not_ready", "not_enrolled")],
        ],
    }
    then: list[tuple[dict[str, str], bool | None]] = [
        (host("hotpatch", "on_track"), True),
        (host("hotpatch", "restart_pending"), True),
        (host("hotpatch", "behind"), True),
        (host("standard", "off_track"), False),
        (host("zzz", "zzz"), False),
        (host("aaa", "aaa"), False),
        (host("hotpatch", "unknown"), None),
        (host("unknown", "on_track"), None),
        (host("standard", "unknown"), None),
    ]
    for state, expected in then:
        for before in was[True]:
            assert install.track_kept(parsed(before), parsed(state)) is expected
        for before in was[None]:
            assert install.track_kept(parsed(before), parsed(state)) is None


# --- proof -----------------------------------------------------------------------------------------------------------


def moment(**changes: Any) -> dict[str, Any]:
    """A snapshot."""
    return {
        "boot": BOOT,
        "build": BUILD,
        "kbs": ["KB5099536"],
        "pending": [],
        "restart_required": "no",
        **changes,
    }


def proof(
    before: dict[str, Any], then: dict[str, Any] | None, wanted_by: list[str] | None = None, kept: bool | None = None
) -> dict[str, Any]:
    """The proof of an installation."""
    names = {"a": "KB5120228", "c": None}
    return install.proof(before, then, kept=kept, wanted_by=wanted_by, names=names)


def test_proof() -> None:
    before, then = moment(), moment(boot=LATER, build=NEWER, kbs=["KB5122871", "KB5099536", "KB5120228"])
    assert proof(before, then, ["a", "c", "z"], True) == {
        "before": before,
        "after": then,
        "restarted": True,
        "kbs_added": ["KB5120228", "KB5122871"],
        "build_changed": True,
        "track_kept": True,
        "restart_wanted_by": [
            {"id": "a", "kb": "KB5120228"},
            {"id": "c", "kb": None},
            {"id": "z", "kb": None},
        ],
    }
    back = proof(then, before)
    assert (back["restarted"], back["kbs_added"], back["build_changed"]) == (True, [], True)
    assert proof(before, parsed(moment()), [], False) == {
        "before": before,
        "after": before,
        "restarted": False,
        "kbs_added": [],
        "build_changed": False,
        "track_kept": False,
        "restart_wanted_by": [],
    }


def test_the_parts_of_a_proof_are_named_by_word() -> None:
    arguments: list[Any] = [moment(), moment(), None, None, {}]
    with pytest.raises(TypeError):
        vars(install)["proof"](*arguments)


def test_proof_without_an_after() -> None:
    assert proof(moment(), None) == {
        "before": moment(),
        "after": None,
        "restarted": None,
        "kbs_added": None,
        "build_changed": None,
        "track_kept": None,
        "restart_wanted_by": None,
    }


@pytest.mark.parametrize(
    ("key", "found", "other"),
    [("boot", "restarted", LATER), ("build", "build_changed", NEWER), ("kbs", "kbs_added", ["KB5122871"])],
)
def test_proof_of_what_is_unknown_is_unknown(key: str, found: str, other: object) -> None:
    for before, then in ((None, other), (other, None), (None, None)):
        made = proof(moment(**{key: before}), moment(**{key: then}))
        assert made[found] is None
        known = {"restarted": False, "build_changed": False, "kbs_added": []}
        assert {name: made[name] for name in known if name != found} == {
            name: value for name, value in known.items() if name != found
        }


def test_kbs_that_went_are_no_kbs_added() -> None:
    assert proof(moment(kbs=["KB1", "KB2"]), moment(kbs=["KB2", "KB3"]))["kbs_added"] == ["KB3"]


def test_the_proof_is_a_copy() -> None:
    before, then = moment(), moment()
    made = proof(before, then)
    before["build"] = then["build"] = "x"
    assert made["before"]["build"] == made["after"]["build"] == BUILD


# --- words -----------------------------------------------------------------------------------------------------------


def became(name: str, **changes: Any) -> dict[str, Any]:
    """A result."""
    return {
        "kb": "KB5120228",
        "title": "Hotpatch",
        "result": name,
        "hresult": None,
        "message": "m.",
        "reoffered": False,
    } | changes


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (became("installed"), []),
        (
            became("installed", reoffered=True),
            ["KB5120228 is installed and offered again: it counts as done, and is not installed a second time."],
        ),
        (became("failed"), ["KB5120228 failed: m."]),
        (became("failed", hresult="0x80070070"), ["KB5120228 failed (0x80070070): m."]),
        (became("failed", kb=None), ["Hotpatch failed: m."]),
        (became("left_out"), ["KB5120228 is left out: m."]),
        (became("still_installing"), ["KB5120228 is still installing: m."]),
        (became("unknown", kb=None), ["Hotpatch is unknown: m."]),
    ],
)
def test_words_of_an_update(one: dict[str, Any], said: list[str]) -> None:
    for shown_proof in (None, proof(moment(), None), proof(moment(), moment())):
        assert install.words(parsed([one]), shown_proof, ["a"]) == said
    assert install.words([one, became("failed"), one], None, []) == [*said, "KB5120228 failed: m.", *said]


NOBODY_SAID = "A restart is pending that nobody announced ("
PENDING: list[tuple[list[str] | None, str]] = [
    (["a"], "KB5120228"),
    (["c", "a"], "c, KB5120228"),
    ([], "unknown"),
    (None, "unknown"),
]


@pytest.mark.parametrize(("wanted_by", "names"), PENDING)
def test_words_of_a_restart_that_nobody_announced(wanted_by: list[str] | None, names: str) -> None:
    before, then = moment(pending=["b:b"]), moment(pending=["c:c", "b:b", "a:a"])
    made = proof(before, then, wanted_by)
    expected = [f"{NOBODY_SAID}a:a, c:c); the updates behind it: {names}."]
    assert install.words([], made, ["a"]) == expected
    # It was announced when nothing was promised.
    assert install.words([], made, []) == []
    assert install.words([], proof(then, then, wanted_by), ["a"]) == []
    assert install.words([], proof(then, before, wanted_by), ["a"]) == []


def test_words_of_the_host() -> None:
    restarted = "The host restarted meanwhile, and not by this collection."
    left = "The host has left the hotpatch track."
    assert install.words([], proof(moment(), moment(boot=LATER)), []) == [restarted]
    assert install.words([], proof(moment(boot=None), moment(boot=LATER)), []) == []
    assert install.words([], proof(moment(), moment(), None, False), []) == [left]
    for kept in (True, None):
        assert install.words([], proof(moment(), moment(), None, kept), []) == []
    made = proof(moment(), moment(boot=LATER, pending=["a:a"]), None, False)
    assert install.words([became("failed")], made, ["a"]) == [
        "KB5120228 failed: m.",
        f"{NOBODY_SAID}a:a); the updates behind it: unknown.",
        restarted,
        left,
    ]


# --- downloads -------------------------------------------------------------------------------------------------------


def test_what_waits_can_be_downloaded_ahead() -> None:
    assert install.waiting({"install": ["a"], "put_off": ["c", "b"], "refuse": ["d"], "blocked": ["e"]}) == [
        "a",
        "c",
        "b",
    ]


def test_a_decision_is_stale_for_what_is_wanted() -> None:
    now = current(offers={"a": 2000, "c": 1})
    assert install.stale(decision(), now, NOW) == []
    assert install.stale(decision(), now, NOW, ["a", "b"]) == ["KB5122871 is no longer offered."]
    assert install.stale(decision(), current(offers={}), NOW, []) == []


FETCHED = {"downloaded": True}
UNSEEN_DOWNLOAD = ("unknown", None, "Nobody saw its download end; the installation asks again.")
DOWNLOADS: list[tuple[Report, tuple[str, str | None, str | None]]] = [
    (Report({"a": FETCHED}, None, True), ("downloaded", None, None)),
    # What is known of this update goes before what is said of the run.
    (Report({"a": FETCHED}, "Failed to download", True), ("downloaded", None, None)),
    (Report({"a": FETCHED}, None, False, True), ("downloaded", None, None)),
    # It was there before.
    (Report({"a": {"downloaded": False}}, None, True), ("downloaded", None, None)),
    (
        Report({"a": {"failure_hresult_code": -2145124300, "failure_msg": "no"}}, "x", False),
        ("failed", "0x80240034", "no"),
    ),
    (Report({"a": {}}, "It failed (0x8024402C).", True), ("failed", "0x8024402C", "It failed (0x8024402C).")),
    (Report({}, "It failed.", True), ("failed", None, "It failed.")),
    (Report({"b": FETCHED}, None, True), ("left_out", None, install.GONE)),
    (Report({"a": {}}, None, False), UNSEEN_DOWNLOAD),
    (Report({"a": {}}, None, True, True), UNSEEN_DOWNLOAD),
    (Report({"a": {}}, "It failed.", False), UNSEEN_DOWNLOAD),
]


@pytest.mark.parametrize(("report", "expected"), DOWNLOADS)
def test_what_became_of_a_download(report: Report, expected: tuple[str, str | None, str | None]) -> None:
    made = install.download_of(offer(), report)
    assert (made["result"], made["hresult"], made["message"]) == expected
    assert {key: made[key] for key in ("id", "kb", "title", "reoffered")} == {
        "id": "a",
        "kb": "KB5120228",
        "title": "Hotpatch (KB5120228)",
        "reoffered": False,
    }


@pytest.mark.parametrize(
    ("results", "outcome"),
    [
        ([], "nothing_to_do"),
        (["left_out"], "nothing_to_do"),
        (["downloaded", "left_out"], "downloaded"),
        (["downloaded", "failed"], "failed"),
        (["failed", "unknown", "downloaded"], "unknown"),
    ],
)
def test_downloads_sorted_out(results: list[str], outcome: str) -> None:
    entry = {"kb": "KB1", "title": "t", "hresult": None, "message": "why", "reoffered": False}
    updates = [{"id": name, "result": name, **entry} for name in results]
    assert install.downloads(updates) == {**install.told(updates), "outcome": outcome}


def test_words_of_downloads() -> None:
    fetched = {"kb": "KB1", "title": "t", "result": "downloaded", "hresult": None, "message": None, "reoffered": False}
    assert install.words([fetched, {**fetched, "result": "failed", "message": "no"}], None, []) == ["KB1 failed: no"]
