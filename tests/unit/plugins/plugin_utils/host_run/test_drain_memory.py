# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a memory of a drain is believed, what it may decide, and that what is seen beats it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import door
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import drain, drain_memory
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.drain_memory import MemoryProblem
from hypothesis import given
from hypothesis import strategies as st

SINCE = "2026-04-01T00:00:00Z"
NOW = "2026-04-15T12:00:00Z"
BOOT = "2026-03-01T02:10:00Z"
USER = "S-1-5-21-1004336348-1177238915-682003330-1104"
FILE = "O:BAG:BAD:PAI(A;;FA;;;SY)(A;;FA;;;BA)"
FOLDER = "O:BAG:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
# What a folder inherits from ProgramData: everybody may make files in it.
INHERITED = "D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIIOID;GA;;;CO)(A;OICIID;0x1200a9;;;BU)(A;CIID;DCLCRPCR;;;BU)"
THERE = drain_memory.PARTS["folder"]


def part(sddl: str, **more: Any) -> dict[str, Any]:
    """A folder or file as windows_drain shows it."""
    return {"plain": True, "large": False, "sddl": sddl, **more}


LINK = {"plain": False, "large": False, "sddl": ""}


def lies(folder: Any = None, file: Any = None, base: Any = None, text: str | None = "{}") -> dict[str, Any]:
    """A memory and its place, of administrators where nothing else is said."""
    return {
        "base": base or part("O:SYG:SYD:PAI(A;CI;DCLCRPCR;;;BU)"),
        "folder": part(FOLDER) if folder is None else folder,
        "file": part(FILE) if file is None else file,
        "text": text,
    }


# Whose it is


@pytest.mark.parametrize("owner", ["BA", "SY", "S-1-5-32-544", "S-1-5-18", drain_memory.TRUSTED_INSTALLER])
def test_what_an_administrator_has_written_is_believed(owner: str) -> None:
    mine = lies(part(FOLDER.replace("O:BA", f"O:{owner}")), part(FILE.replace("O:BA", f"O:{owner}")))
    assert drain_memory.place(mine) == ("{}", "", "")


def test_a_folder_in_which_everybody_may_make_files_is_no_harm_to_a_file_of_administrators() -> None:
    """An older version left it so; whoever makes a file owns it."""
    assert drain_memory.place(lies(part(f"O:BAG:BA{INHERITED}"))) == ("{}", "", "")


BELONGS = f"belongs to {USER}, not to Administrators or SYSTEM"
UNREAD = "has an owner or rights that cannot be read"


@pytest.mark.parametrize(
    ("sddl", "why"),
    [
        (f"O:{USER}G:BAD:PAI(A;;FA;;;SY)(A;;FA;;;BA)", BELONGS),
        ("O:BUG:BAD:PAI(A;;FA;;;BA)", "belongs to BU, not to Administrators or SYSTEM"),
        (f"O:BAG:BAD:(A;;FA;;;{USER})", f"may be changed by {USER}"),
        *[
            (f"O:BAG:BAD:(A;;{right};;;WD)", "may be changed by WD")
            for right in ("DC", "LC", "SD", "WD", "WO", "GA", "GW", "FW")
        ],
        *[
            (f"O:BAD:(A;ID;{right};;;AU)", "may be changed by AU")
            for right in ("0x2", "0X4", "0x1301bf", "0x40000000", "RPWD")
        ],
        ("O:BAD:(OA;;FA;;;WD)", "may be changed by WD"),
        ("O:BAD:(XA;;FX;;;WD)(A;;FA;;;WD)", "may be changed by WD"),
        # What nobody can read lets anybody do anything.
        ("O:BAD:(A;;QQ;;;WD)", "may be changed by WD"),
        ("O:BAD:(A;;0x;;;WD)", "may be changed by WD"),
        ("O:BAD:NO_ACCESS_CONTROL", "may be changed by everybody"),
        ('O:BAD:(XA;;FA;;;WD;(@User.Title=="PM"))', UNREAD),
        ("O:BAG:BA", UNREAD),
        ("D:(A;;FA;;;BA)", UNREAD),
        ("", UNREAD),
        (None, UNREAD),
        (7, UNREAD),
        ("O:BAD:" + "(A;;FA;;;BA)" * 6000, UNREAD),
    ],
)
def test_a_file_that_somebody_else_may_have_written_is_not_believed(sddl: Any, why: str) -> None:
    assert drain_memory.place(lies(file=part(sddl))) == (None, f"it {why}", "")


@pytest.mark.parametrize(
    "aces",
    [
        # Reading, denying, what is only inherited, and whoever the owner is.
        *("(A;;0x1200a9;;;BU)", "(A;;FR;;;WD)", "(A;;FX;;;WD)", "(A;;RC;;;WD)", "(D;;FA;;;WD)", "(OD;;FA;;;WD)"),
        *("(A;OICIIO;GA;;;WD)", "(A;;FA;;;OW)", "(A;OICIIO;GA;;;CO)", "(A;;FA;;;S-1-5-18)", ""),
    ],
)
def test_rights_that_change_nothing(aces: str) -> None:
    assert drain_memory.place(lies(part(f"O:BAD:{aces}"), part(f"O:BAD:P{aces}S:AI(AU;;FA;;;WD)"))).text == "{}"


@pytest.mark.parametrize("right", ["DT", "SD", "WD", "WO", "GA", "FA"])
def test_whoever_may_replace_a_folder_may_replace_what_is_in_it(right: str) -> None:
    why = f"{THERE} may be changed by BU"
    assert drain_memory.place(lies(part(f"O:BAD:(A;;{right};;;BU)"))) == (
        None,
        why,
        f"{why}; look at it, and remove it",
    )


@pytest.mark.parametrize(
    ("parts", "foreign", "blocked"),
    [
        ({"base": LINK}, False, "%ProgramData% is a link, or not what it must be"),
        ({"folder": LINK}, True, f"{THERE} is a link, or not what it must be"),
        ({"file": LINK}, True, "drain.json is a link, or not what it must be"),
        ({"file": "x"}, True, "drain.json is a link, or not what it must be"),
        ({"folder": part(f"O:{USER}D:")}, True, f"{THERE} {BELONGS}"),
    ],
)
def test_nothing_is_written_where_somebody_else_has_a_hand(parts: dict[str, Any], foreign: bool, blocked: str) -> None:
    """Taking it over would follow the link that its owner puts in its place meanwhile."""
    found = drain_memory.place(lies(**parts))
    assert found == (None, blocked if foreign else "", f"{blocked}; look at it, and remove it")


def test_a_folder_of_somebody_else_without_a_memory() -> None:
    found = drain_memory.place({**lies(part(f"O:{USER}D:")), "file": None})
    assert (found.foreign, found.blocked) == ("", f"{THERE} {BELONGS}; look at it, and remove it")


def test_nothing_lies_there() -> None:
    nothing = {"base": part("O:SYD:"), "folder": None, "file": None, "text": None}
    assert drain_memory.place(nothing) == drain_memory.place({}) == (None, "", "")


@pytest.mark.parametrize("value", [None, "x", [], lies(text=None), lies(text=7)])  # type: ignore[arg-type]
def test_a_memory_of_administrators_that_cannot_be_read(value: Any) -> None:
    with pytest.raises(MemoryProblem, match="cannot be read"):
        drain_memory.place(value)


# What it says


def test_nothing_is_remembered() -> None:
    assert drain_memory.recall(None) is None


ENTRY = {"type": "cluster", "name": "a", "found": "active"}


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 0},
        {"schema": 3},
        {"schema": None},
        {"since": 1},
        {"run": 1},
        {"boot": []},
        {"adapters": None},
        {"adapters": [1]},
        {"adapters": [{"type": "cluster", "name": "a"}]},
        {"adapters": [{"type": "cluster", "name": "a", "found": "up"}]},
        {"adapters": [{"type": "x", "name": "a", "found": "active"}]},
        {"adapters": [{"type": "cluster", "name": 1, "found": "active"}]},
        # Twice the same adapter says two things of it.
        {"adapters": [ENTRY, {**ENTRY, "found": "drained"}]},
    ],
)
def test_a_memory_that_is_none_of_ours(change: dict[str, Any]) -> None:
    good = {"schema": 2, "since": SINCE, "run": "night", "boot": BOOT, "adapters": [{**ENTRY, "more": 1}]}
    assert drain_memory.recall(json.dumps(good)) == {"since": SINCE, "run": "night", "boot": BOOT, "adapters": [ENTRY]}
    with pytest.raises(MemoryProblem, match="cannot be read; look at it, and remove it"):
        drain_memory.recall(json.dumps(good | change))


def test_an_older_memory_has_neither_run_nor_boot() -> None:
    old = {"schema": 1, "since": SINCE, "adapters": [ENTRY]}
    assert drain_memory.recall(json.dumps(old)) == {"since": SINCE, "run": None, "boot": None, "adapters": [ENTRY]}


def test_what_is_remembered_is_cut_and_harmless() -> None:
    """A memory that somebody wrote into does not fill a report, and does not steer a terminal."""
    odd = {
        "schema": 2,
        "since": "s" * 50,
        "run": "r" * 200,
        "boot": "b\n\x1b[2J",
        "adapters": [{**ENTRY, "name": "\ud800\x1b" + "n" * 400}],
    }
    memory = drain_memory.recall(json.dumps(odd))
    assert memory is not None
    assert (memory["since"], memory["run"], memory["boot"]) == ("s" * 40, "r" * 100, "b ?[2J")
    assert memory["adapters"][0]["name"] == "??" + "n" * 298


@pytest.mark.parametrize("deep", [990, 20_000, 60_000])
def test_brackets_in_brackets_are_none_of_ours(deep: int) -> None:
    for text in ("[" * deep, "[" * deep + "]" * deep, '{"adapters":' * (deep // 12)):
        with pytest.raises(MemoryProblem):
            drain_memory.recall(text)


def test_a_memory_that_is_too_long() -> None:
    """What may be written comes in through the door as it is."""
    assert door.LIMITS.text >= drain_memory.LARGEST
    good = json.dumps({"schema": 2, "since": SINCE, "adapters": []})
    assert drain_memory.recall(good + " " * (drain_memory.LARGEST - len(good))) is not None
    with pytest.raises(MemoryProblem):
        drain_memory.recall(good + " " * (drain_memory.LARGEST + 1 - len(good)))


@pytest.mark.parametrize("text", ["", "x", "[]", "1", "null", '"a"'])
def test_a_memory_that_is_no_mapping(text: str) -> None:
    with pytest.raises(MemoryProblem):
        drain_memory.recall(text)


# What is seen against what is remembered


@pytest.mark.parametrize(
    ("now", "remembered", "found"),
    [
        # Nothing remembered: as it is.
        *[(now, None, now) for now in drain_memory.FOUND],
        # In service: whatever is remembered, it was not found out of service.
        *[("active", remembered, "active") for remembered in drain_memory.FOUND],
        # Out of service may be an earlier drain's doing.
        ("drained", "active", "active"),
        ("drained", "unknown", "unknown"),
        ("drained", "drained", "drained"),
        # There was none, so no drain of ours can have done it.
        ("drained", "absent", "drained"),
        # Nothing seen that says otherwise.
        *[("absent", remembered, remembered) for remembered in drain_memory.FOUND],
        *[("unknown", remembered, remembered) for remembered in drain_memory.FOUND],
    ],
)
def test_what_is_seen_beats_what_is_remembered(now: str, remembered: str | None, found: str) -> None:
    assert drain_memory.settle(now, remembered) == found


CLUSTER = [{"type": "cluster"}]
STATE = {"active": "Up", "drained": "Paused", "unknown": "Joining"}


class Node:
    """A host with one cluster node and perhaps a memory; drains and restores always go well."""

    def __init__(self, state: str, memory: dict[str, Any] | None, boot: str | None = BOOT) -> None:
        self.state, self.boot = state, boot
        self.place = (
            lies(text=json.dumps(memory))
            if memory
            else {"base": part("O:SYD:"), "folder": None, "file": None, "text": None}
        )
        self.did: list[str] = []

    def run(self, wanted: str, run: str = "tonight", earlier: Any = None) -> dict[str, Any]:
        progress = drain.begin(wanted, drain.load(CLUSTER), run=run, earlier=earlier)
        while (step := drain.step(progress))["do"] != "end":
            if step["do"] == "remember":
                progress = drain.before_remember(progress)
            self.did.append(step["do"])
            answer: dict[str, Any] = {"ok": True, "changed": True, "detail": "it went well"}
            if step["do"] == "read":
                nodes = [
                    {"name": "a", "state": STATE[self.state], "drain": ""},
                    {"name": "b", "state": "Up", "drain": ""},
                ]
                look = {"own": "a", "nodes": nodes, "groups": [], "failed": [], "known": [], "storage_jobs": 0}
                answer |= {"memory": self.place, "boot": self.boot, "now": NOW, "cluster": {"ok": True, "value": look}}
            elif step["do"] == "remember":
                self.place = lies(text=drain.remember(progress))
            elif step["do"] == "forget":
                self.place = lies() | {"file": None, "text": None}
            else:
                self.state = "drained" if step["do"] == "drain" else "active"
            progress = drain.take(progress, step, answer)
        return drain.result(progress)

    @property
    def memory(self) -> dict[str, Any] | None:
        return json.loads(self.place["text"]) if self.place["text"] else None


def memory(found: str, run: str | None = "tonight", boot: str | None = BOOT) -> dict[str, Any]:
    """A memory of the cluster."""
    entry = {"type": "cluster", "name": "cluster", "found": found}
    return {"schema": 2, "since": SINCE, "run": run, "boot": boot, "adapters": [entry]}


RUNS = ("tonight", "last night", None)
BOOTS = (BOOT, "2026-02-01T02:10:00Z", None)


@pytest.mark.parametrize(
    ("seen", "remembered", "run", "boot"),
    list(itertools.product(("active", "drained"), drain_memory.FOUND, RUNS, BOOTS)),
)
def test_every_memory_and_every_look(seen: str, remembered: str, run: str | None, boot: str | None) -> None:
    """Drained and put back: in service in the end unless it was out of service before, and everything odd is told."""
    node = Node(seen, memory(remembered, run, boot))
    out = node.run("drained")
    assert (out["state"], node.state) == ("drained", "drained")
    told = " ".join(out["notes"])
    contradicts = (seen, remembered) in {("active", "drained"), ("active", "absent"), ("drained", "absent")}
    assert (f"the host remembers it as {remembered}, and it is {seen}; what is seen counts" in told) is contradicts
    assert ("the host remembers a drain" in told) is True
    assert (f" of run {run} since" in told) is (run is not None)
    assert ("has restarted meanwhile" in told) is (boot == BOOTS[1])
    # The first memory stays, but for what is seen to be otherwise.
    before_it = drain_memory.settle(seen, remembered)
    goes_on = seen == "drained" and remembered in ("active", "unknown")
    first = memory(str(before_it), run, boot) if goes_on else memory(str(before_it)) | {"since": NOW}
    assert node.memory == first

    back = node.run("active", earlier=out)
    assert (back["state"], node.memory) == ("active", None)
    assert node.state == ("active" if before_it in ("active", "unknown") else "drained")
    if seen == "active":
        assert node.state == "active"
    if seen == "drained" and remembered == "drained":
        assert "restore" not in node.did


def test_a_clock_that_was_set_right_is_no_restart() -> None:
    node = Node("drained", memory("active", boot="2026-03-01T02:09:30Z"))
    assert node.run("drained")["notes"] == [f"the host remembers a drain of run tonight since {SINCE}"]


def test_a_run_that_puts_back_its_own_drain_has_nothing_to_tell() -> None:
    node = Node("active", None)
    out = node.run("drained")
    assert node.memory == memory("active") | {"since": NOW}
    node.boot = NOW
    back = node.run("active", earlier=out)
    assert (out["notes"], back["notes"]) == ([], [])


def test_the_drain_of_another_run_is_put_back_and_told() -> None:
    node = Node("drained", memory("active", "last night"))
    back = node.run("active")
    assert (back["state"], node.state) == ("active", "active")
    assert back["notes"] == [f"the host remembers a drain of run last night since {SINCE}"]


@pytest.mark.parametrize("kept", [None, memory("drained"), memory("absent")])
def test_what_this_run_has_found_beats_a_memory_that_was_changed_meanwhile(kept: dict[str, Any] | None) -> None:
    node = Node("active", None)
    out = node.run("drained")
    node.place = Node("drained", kept).place
    back = node.run("active", earlier=out)
    assert (back["state"], node.state, node.memory) == ("active", "active", None)
    if kept is None:
        assert back["notes"] == ["the host does not remember the drain of this run any more; this run does"]
    else:
        found = kept["adapters"][0]["found"]
        said = f"cluster cluster: the host remembers it as {found}, this run found it active, and that counts"
        assert back["notes"] == [said]


def test_a_drain_that_was_refused_is_not_put_back_again() -> None:
    refused = {"state": "refused", "adapters": [{"type": "cluster", "name": "cluster", "found": "active"}]}
    for earlier in (refused, {}, None, "x", {"state": "drained", "adapters": [1, {"found": "odd"}]}):
        node = Node("active", None)
        assert node.run("active", earlier=earlier)["why"] == "the host remembers no drain, so nothing was done"
        assert node.did == ["read"]


def test_what_this_run_drained_and_no_adapter_names_any_more_is_not_in_service() -> None:
    earlier = {"state": "drained", "adapters": [{"type": "tasks", "name": "queue", "found": "active"}]}
    back = Node("active", None).run("active", earlier=earlier)
    assert (back["state"], back["why"][:11]) == ("drained", "tasks queue")


# A memory that is not believed


def foreign(state: str, found: str = "drained", **parts: Any) -> Node:
    """A node with a memory that a user has put there."""
    node = Node(state, memory(found))
    node.place |= {"file": part(f"O:{USER}D:"), **parts}
    return node


NOT_OBEYED = f"what lies on the host as its memory (drain.json) is not obeyed: it {BELONGS}"


@pytest.mark.parametrize("found", drain_memory.FOUND)
def test_a_memory_of_somebody_else_is_told_and_not_obeyed(found: str) -> None:
    node = foreign("active", found)
    out = node.run("drained")
    assert out["notes"] == [NOT_OBEYED]
    assert node.memory == memory("active") | {"since": NOW}
    node.run("active", earlier=out)
    assert (node.state, node.memory) == ("active", None)


def test_a_memory_of_somebody_else_puts_nothing_back() -> None:
    """An administrator has paused the node; whoever plants a memory does not bring it back."""
    node = foreign("drained", "active")
    back = node.run("active")
    assert (back["state"], node.state, node.did, back["notes"][0]) == ("unknown", "drained", ["read"], NOT_OBEYED)
    assert back["why"] == f"cluster cluster: out of service, and nobody knows since when: {NOT_OBEYED}"
    node = foreign("active")
    back = node.run("active")
    assert (back["state"], back["notes"], node.did) == ("active", [NOT_OBEYED], ["read"])


def test_a_drain_is_refused_where_nothing_can_be_remembered_safely() -> None:
    node = foreign("active", folder=part(f"O:{USER}D:"))
    out = node.run("drained")
    assert (out["state"], node.state, node.did) == ("refused", "active", ["read"])
    assert out["why"] == f"nothing can be remembered on the host: {THERE} {BELONGS}; look at it, and remove it"
    # Put back is what this run itself knows of, and the place is told.
    node.state = "drained"
    earlier = {"state": "drained", "adapters": [{"type": "cluster", "name": "cluster", "found": "active"}]}
    assert (node.run("active", earlier=earlier)["state"], node.state) == ("active", "active")


def test_a_node_that_is_paused_without_a_memory_is_told() -> None:
    back = Node("drained", None).run("active")
    assert back["notes"] == ["cluster cluster: it is out of service, and no drain is remembered that did it"]


PLACES = st.sampled_from(
    [{}, {"file": part(f"O:{USER}D:")}, {"file": LINK}, {"folder": LINK}, {"folder": part(f"O:{USER}D:")}]
)


@given(
    st.sampled_from(["active", "drained"]),
    st.none() | st.builds(memory, st.sampled_from(drain_memory.FOUND), st.sampled_from(RUNS), st.sampled_from(BOOTS)),
    PLACES,
    st.none() | st.builds(memory, st.sampled_from(drain_memory.FOUND), st.sampled_from(RUNS), st.sampled_from(BOOTS)),
    PLACES,
)
def test_no_memory_takes_a_host_out_or_brings_one_back(
    seen: str, kept: Any, where: Any, planted: Any, there: Any
) -> None:
    """Whatever lies there at the drain, and whatever somebody puts there before the host is put back."""
    node = Node(seen, kept)
    node.place |= where if kept else {}
    legit = bool(kept) and not where
    out = node.run("drained")
    if out["state"] == "refused":
        assert node.state == seen
        return
    if planted:
        node.place = Node("drained", planted).place | there
    node.run("active", earlier=out)
    # Seen in service: never left out of service.
    if seen == "active":
        assert node.state == "active"
    # Out of service before the first run, as a memory of administrators proves, or because none says anything else.
    elif not legit or kept["adapters"][0]["found"] in ("drained", "absent"):
        assert node.state == "drained"
