# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run record: lines never mix, a broken one takes no other with it, no secret is written, and what it says of hosts."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import stat
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import run_rolling as rolling
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 9, 20, 12, 0, 31, 999, tzinfo=UTC)
TREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def line(step: str = "decided", host: str | None = "web1", run: str = "r1", **data: Any) -> dict[str, Any]:
    """An entry of the record, as it is read from a file."""
    entry: dict[str, Any] = json.loads(json.dumps(record.entry(run, step, host, data, NOW)))
    return entry


# --- an entry ----------------------------------------------------------------------------------------------------


def test_entry_is_what_the_contract_says() -> None:
    zone = timezone(timedelta(hours=2))
    assert record.entry("r1", "installed", "web1", {"a": 1}, NOW.astimezone(zone)) == {
        "schema": 1,
        "run": "r1",
        "at": "2026-09-20T12:00:31Z",
        "host": "web1",
        "step": "installed",
        "data": {"a": 1},
    }


@pytest.mark.parametrize("step", record.RUN_STEPS)
def test_steps_of_the_run_need_no_host(step: str) -> None:
    assert record.entry("r1", step, None, {}, NOW)["host"] is None


@pytest.mark.parametrize(
    ("run", "step", "host", "said"),
    [
        (" ", "decided", "web1", "run: ' ' is no name of a run; give a text that no other run has."),
        ("r1", "rebooted", "web1", "step: 'rebooted' is unknown; it is one of run_started, decided, "),
        ("r1", "decided", None, "host: None is no host, and decided is a step of one."),
        ("r1", "host_finished", "", "host: '' is no host, and host_finished is a step of one."),
    ],
)
def test_entry_refuses(run: str, step: str, host: str | None, said: str) -> None:
    with pytest.raises(record.RecordError) as caught:
        record.entry(run, step, host, {}, NOW)
    assert str(caught.value).startswith(said)


def test_steps_in_their_order() -> None:
    assert record.STEPS == (
        "run_started",
        "decided",
        "slot_taken",
        "preflight",
        "downloaded",
        "verified_before",
        "announced",
        "drained",
        "installing",
        "installed",
        "removing",
        "removed",
        "verified_after",
        "bitlocker_suspending",
        "restarting",
        "restarted",
        "bitlocker_resumed",
        "undrained",
        "host_finished",
        "slot_released",
        "run_finished",
    )


def test_how_long_hosts_held_their_slots(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    assert record.slot_seconds(path) == {}

    def hold(host: str, seconds: float, kind: str = "restart", failed: object = False, run: str = "r1") -> None:
        at = {"slot_taken": NOW, "slot_released": NOW + timedelta(seconds=seconds)}
        for step, data in (("slot_taken", {"kind": kind}), ("slot_released", {"failed": failed})):
            record.append(path, record.entry(run, step, host, data, at[step]))

    hold("last", 10)
    hold("last", 20, run="r2")
    hold("installs", 10, "install")
    hold("fails", 10, failed=True)
    hold("nobody knows", 10, failed=None)
    hold("failed later", 10)
    hold("failed later", 99, failed=True, run="r2")
    hold("back in time", -5)
    record.append(path, line("slot_taken", "no kind told"))
    record.append(path, line("slot_released", "no kind told", failed=False))
    record.append(path, line("slot_taken", "killed", kind="restart"))
    record.append(path, line("slot_released", "never taken", failed=False))
    record.append(path, line("slot_released", "killed", "r2", failed=False))
    record.append(path, line("slot_taken", "by hand", kind="restart") | {"at": "noon"})
    record.append(path, line("slot_released", "by hand", failed=False))
    assert record.slot_seconds(path) == {"last": 20, "failed later": 10, "back in time": 0}


# --- secrets and JSON --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "ansible_password",
        "Passwords",
        "ANSIBLE_BECOME_PASSWD",
        "passphrase",
        "userPasswordText",
        "pwd",
        "token",
        "token_value",
        "access-token",
        "clientSecret",
        "secretValue",
        "secrets",
        "credential",
        "Authorization",
        "cookie",
        "api_key",
        "apikey",
        "AccountKey",
        "private-key",
        "token2",
        "pass",
        "smtp_pass",
        "auth",
        "proxy-auth",
        "bearer",
        "sas",
        "sas_url",
        "pin",
        "tpm_pin",
        "connectionString",
        "connection_string",
    ],
)
def test_secrets_are_replaced_however_deep(key: str) -> None:
    given_data = {"a": [{"b": {key: "hunter2", "c": 1}}], key: {"inner": "hunter2"}}
    assert record.plain(given_data) == {"a": [{"b": {key: "(not recorded)", "c": 1}}], key: "(not recorded)"}
    assert record.plain({key: 1234}) == {key: "(not recorded)"}
    # Whether there is one is no secret.
    assert record.plain({key: None}) == {key: None}
    assert record.plain({key: True}) == {key: True}


@pytest.mark.parametrize(
    "key",
    [
        "passed",
        "author",
        "spin",
        "pinned",
        "atlas",
        "connection",
        "TokenBroker",
        "keeps_track",
        "keyboard",
        "secretary",
        "public_key",
        "bypass",
        "compass",
        "name",
    ],
)
def test_what_is_no_secret_stays(key: str) -> None:
    assert record.plain({key: "running"}) == {key: "running"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (datetime(2026, 9, 20, 12, tzinfo=UTC), "2026-09-20T12:00:00+00:00"),
        (date(2026, 9, 20), "2026-09-20"),
        (("a", 1), ["a", 1]),
        ({"b", "a"}, ["a", "b"]),
        (float("nan"), None),
        (float("inf"), None),
        (1.5, 1.5),
        (Path("/x"), "/x"),
        (b"ab", "b'ab'"),
        (bytearray(b"ab"), "bytearray(b'ab')"),
        ({1: 2}, {"1": 2}),
        (10**30, 10**30),
    ],
)
def test_what_json_does_not_know(value: object, said: object) -> None:
    assert record.plain({"a": value}) == {"a": said}


def test_kinds_of_text_become_plain_ones() -> None:
    class Tagged(str):
        """A text with something attached, as Ansible has them."""

    class Counted(int):
        """A number with something attached."""

    assert record.plain(Tagged("a")).__class__ is str
    assert record.plain(Counted(1)).__class__ is int


# --- the file ----------------------------------------------------------------------------------------------------


def test_appends_lines_that_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state" / "record.jsonl"
    first, second = line(a="ü\n\x00"), line("installed", b=[1, None])
    record.append(path, first)
    record.append(str(path), second)
    assert record.read(path) == ([first, second], [])
    content = path.read_bytes()
    assert content.count(b"\n") == 2
    assert content.endswith(b"}\n")
    assert content.isascii()
    assert stat.S_IMODE(path.stat().st_mode) & 0o137 == 0


# Keys with a shape of their own (`restart`) are another test's.
@given(data=st.dictionaries(st.text(max_size=8).map("odd {}".format), TREE, max_size=5))
def test_any_data_comes_back_as_json_knows_it(data: dict[str, Any]) -> None:
    entry = record.entry("r1", "decided", "web1", data, NOW)
    text = json.dumps(record.plain(entry)).encode() + b"\n"
    entries, problems = record.parse(text)
    assert problems == []
    assert entries[0]["data"] == record.plain(data)


def test_no_value_of_a_header_is_recorded() -> None:
    given_data = {"drain": {"headers": {"X-Anything": "hunter2", "Accept": None}}, "request_header": {"a": "hunter2"}}
    hidden = {"drain": {"headers": {"X-Anything": "(not recorded)", "Accept": "(not recorded)"}}}
    assert record.plain(given_data) == {**hidden, "request_header": {"a": "(not recorded)"}}
    assert record.plain({"headers": ["Host"], "ahead": {"a": "b"}}) == {"headers": ["Host"], "ahead": {"a": "b"}}


def test_secret_is_not_on_disk(tmp_path: Path) -> None:
    record.append(tmp_path / "r", line(connection={"ansible_password": "hunter2"}))
    assert b"hunter2" not in (tmp_path / "r").read_bytes()


def test_line_is_on_disk_in_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    write, sync, lock = os.write, os.fsync, fcntl.flock
    monkeypatch.setattr(os, "write", lambda *given_to: calls.append("write") or write(*given_to))
    monkeypatch.setattr(os, "fsync", lambda handle: calls.append("fsync") or sync(handle))
    monkeypatch.setattr(fcntl, "flock", lambda handle, how: calls.append(f"lock {how}") or lock(handle, how))
    record.append(tmp_path / "r", line())
    assert calls == [f"lock {fcntl.LOCK_EX}", "write", "fsync", "fsync"]
    calls.clear()
    # The folder is as it was.
    record.append(tmp_path / "r", line())
    assert calls == [f"lock {fcntl.LOCK_EX}", "write", "fsync"]
    calls.clear()
    record.read(tmp_path / "r")
    assert calls == [f"lock {fcntl.LOCK_SH}"]


def _writer(path: Path, name: str, count: int) -> None:
    """A fork of a controller."""
    for number in range(count):
        record.append(path, line(host=name, number=number, filling="x" * (1 + number * 531 % 9001)))


def test_lines_of_many_writers_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    start = multiprocessing.get_context("fork")
    writers = [start.Process(target=_writer, args=(path, f"host{number}", 40)) for number in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 6
    entries, problems = record.read(path)
    assert problems == []
    for number in range(6):
        mine = [one["data"]["number"] for one in entries if one["host"] == f"host{number}"]
        assert mine == list(range(40))
    assert len(entries) == 240


def test_writer_waits_for_the_lock_of_another(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    record.append(path, line())
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        writer = multiprocessing.get_context("fork").Process(target=_writer, args=(path, "web2", 1))
        writer.start()
        writer.join(0.3)
        assert writer.is_alive()
        assert path.read_bytes().count(b"\n") == 1
        fcntl.flock(held, fcntl.LOCK_UN)
        writer.join()
    assert [one["host"] for one in record.read(path)[0]] == ["web1", "web2"]


def test_full_disk_is_an_error_that_names_the_file() -> None:
    with pytest.raises(record.RecordError) as caught:
        record.append("/dev/full", line())
    assert str(caught.value) == "The run record /dev/full cannot be written: No space left on device."


def test_disk_that_fills_up_within_a_line_leaves_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r"
    record.append(path, line())
    before = path.read_bytes()
    write = os.write
    taken: list[int] = []

    def full(handle: int, text: bytes) -> int:
        if taken:
            raise OSError(28, "No space left on device")
        taken.append(write(handle, text[:20]))
        return taken[0]

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(record.RecordError, match="No space left on device"):
        record.append(path, line("installed"))
    assert taken == [20]
    assert path.read_bytes() == before


def test_short_write_is_carried_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, text: write(handle, text[:7]))
    record.append(tmp_path / "r", line())
    assert record.read(tmp_path / "r") == ([line()], [])


def test_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(record.RecordError) as caught:
        record.read(tmp_path / "none")
    assert str(caught.value) == f"The run record {tmp_path}/none cannot be read: No such file or directory."
    with pytest.raises(record.RecordError, match=r"cannot be written: Is a directory\."):
        record.append(tmp_path, line())
    (tmp_path / "file").touch()
    with pytest.raises(record.RecordError, match="cannot be written: "):
        record.append(tmp_path / "file" / "record", line())


def test_lines_follow_each_other_with_nothing_between(tmp_path: Path) -> None:
    path = tmp_path / "r"
    for length in range(4):
        record.append(path, line(text="x" * length))
    assert [len(json.loads(one)["data"]["text"]) for one in path.read_bytes().splitlines()] == [0, 1, 2, 3]


# A file system that lost its power may have filled the rest with NUL.
@pytest.mark.parametrize("left", [b'{"schema":1,"run":"r1"', b'{"schema":1\x00\x00\x00', b"{ \t"])
def test_next_writer_keeps_clear_of_what_a_crash_left(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "r"
    path.write_bytes(left)
    record.append(path, line())
    assert record.read(path) == ([line()], [f"{path} line 1: not JSON."])


def test_cut_last_line_is_named_and_the_next_writer_keeps_clear_of_it(tmp_path: Path) -> None:
    path = tmp_path / "r"
    record.append(path, line(number=1))
    with path.open("ab") as file:
        file.write(b'{"schema":1,"run":"r1"')
    assert record.read(path) == ([line(number=1)], [f"{path} line 2: cut off after 22 bytes."])
    record.append(path, line(number=2))
    assert record.read(path) == ([line(number=1), line(number=2)], [f"{path} line 2: not JSON."])


@given(cut=st.integers(min_value=0, max_value=400))
def test_a_record_cut_anywhere_loses_the_cut_line_alone(cut: int) -> None:
    whole = [line(number=number, text="ü" * number) for number in range(4)]
    texts = [json.dumps(one).encode() + b"\n" for one in whole]
    content = b"".join(texts)
    cut = min(cut, len(content))
    entries, problems = record.parse(content[:cut])
    done = sum(sum(map(len, texts[: count + 1])) - 1 <= cut for count in range(4))
    assert entries == whole[:done]
    # A line without its line feed is whole.
    rest = cut - sum(map(len, texts[:done]))
    assert problems == ([f"the record line {done + 1}: cut off after {rest} bytes."] if rest > 0 else [])


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (b"\x00\x00\x00", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not an object"),
        (b"null", "not an object"),
        (b'{"schema": 2}', "schema 2 is unknown, it should be 1"),
        (b"{}", "schema null is unknown, it should be 1"),
        (
            b'{"schema": 1, "run": "r", "at": "x", "host": 5, "step": "decided"}',
            "host, data missing or of a wrong kind",
        ),
        (b'{"schema": 1, "at": null, "data": []}', "run, at, host, step, data missing or of a wrong kind"),
    ],
)
def test_broken_line_is_named_and_takes_no_other_with_it(broken: bytes, said: str) -> None:
    good = json.dumps(line()).encode()
    entries, problems = record.parse(b"\n".join([good, broken, b"", good, b""]), "r.jsonl")
    assert entries == [line(), line()]
    assert problems == [f"r.jsonl line 2: {said}."]


def test_cut_last_line_of_a_long_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r"
    path.write_bytes((json.dumps(line()).encode() + b"\n") * 1000 + b"{")
    assert record.read(path) == ([line()] * 1000, [f"{path} line 1001: cut off after 1 bytes."])


def test_schema_is_a_number_however_it_is_written() -> None:
    written = json.dumps(line()).replace('"schema": 1,', '"schema": 1.0,')
    assert "1.0" in written
    assert record.parse(written.encode()) == ([line()], [])


@given(content=st.binary(max_size=200))
def test_any_bytes_can_be_read(content: bytes) -> None:
    entries, problems = record.parse(content)
    assert entries == []
    assert len(problems) <= content.count(b"\n") + 1


# --- the results -------------------------------------------------------------------------------------------------

DECISION = {"schema": 1, "decision": "install_without_restart", "reached": True, "install": ["a"]}
INSTALL = {"outcome": "installed", "words": ["Installed one update."], "proof": {}}


def result(*steps: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """The result of a host with these steps."""
    found = record.results([line(step, **data) for step, data in steps], "r1")
    assert [one["name"] for one in found] == ["web1"]
    return found[0]


def test_a_host_from_start_to_end() -> None:
    assert result(
        ("decided", DECISION),
        ("verified_before", {"ok": True}),
        ("installing", {"ids": ["a"]}),
        ("installed", INSTALL),
        ("restarting", {"consent": True, "reason": "a baseline", "before": "2026-09-01T00:00:00Z"}),
        ("restarted", {"after": "2026-09-20T00:00:00Z", "build": "26100.33222"}),
        ("verified_after", {"ok": False}),
        ("host_finished", {"outcome": "failed", "words": "It broke.", "next_step": "Look.", "failed": True}),
    ) == {
        "name": "web1",
        "decision": DECISION,
        "install": INSTALL,
        "verify": {"before": {"ok": True}, "after": {"ok": False}},
        "restart": {
            "done": True,
            "consent": True,
            "consent_by": None,
            "reason": "a baseline",
            "before": "2026-09-01T00:00:00Z",
            "after": "2026-09-20T00:00:00Z",
            "build": "26100.33222",
            "state": None,
        },
        "outcome": "failed",
        "words": ["It broke."],
        "next_step": "Look.",
        "failed": True,
    }


def test_host_with_nothing_to_do_has_nothing_else() -> None:
    assert result(("decided", {"decision": "nothing", "reached": True}), ("host_finished", {})) == {
        "name": "web1",
        "decision": {"decision": "nothing", "reached": True},
        "install": None,
        "verify": None,
        "restart": None,
        "outcome": "nothing_to_do",
        "words": [],
        "next_step": None,
        "failed": None,
    }


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ([("decided", {"reached": False}), ("host_finished", {})], "not_reached"),
        ([("decided", {"reached": False})], "not_reached"),
        ([("decided", {"reached": None}), ("host_finished", {})], "unknown"),
        ([("decided", DECISION)], "not_finished"),
        ([("decided", DECISION), ("installed", INSTALL)], "not_finished"),
        ([("decided", DECISION), ("installed", INSTALL), ("host_finished", {})], "installed"),
        ([("installed", {"outcome": "partly_installed"}), ("host_finished", {})], "partly_installed"),
        ([("installed", {}), ("host_finished", {})], "unknown"),
        ([("decided", DECISION), ("host_finished", {})], "unknown"),
        ([("decided", {"decision": "restart_due"}), ("host_finished", {})], "restart_due"),
        ([("decided", {"decision": "wait_for_window"}), ("host_finished", {})], "wait_for_window"),
        ([("decided", {"decision": "blocked"}), ("host_finished", {})], "blocked"),
        ([("decided", {"decision": "unknown"}), ("host_finished", {})], "unknown"),
        ([("host_finished", {})], "unknown"),
        ([("decided", {"reached": False}), ("host_finished", {"outcome": "other"})], "other"),
    ],
)
def test_outcome(steps: list[tuple[str, dict[str, Any]]], outcome: str) -> None:
    assert result(*steps)["outcome"] == outcome


def test_decision_is_the_one_that_the_last_installation_carried_out() -> None:
    one, two, three = ({"decision": word} for word in ("install_without_restart", "restart_due", "nothing"))
    assert result(("decided", one), ("decided", two))["decision"] == two
    assert result(("decided", one), ("installed", INSTALL), ("decided", two))["decision"] == one
    steps = [("decided", one), ("decided", two), ("installing", {}), ("installed", INSTALL), ("decided", three)]
    assert result(*steps)["decision"] == two
    steps = [("decided", one), ("installed", INSTALL), ("decided", two), ("installing", {}), ("decided", three)]
    assert result(*steps)["decision"] == two
    assert result(("installed", INSTALL))["decision"] is None


def test_last_installation_counts() -> None:
    again = {"outcome": "installed", "words": ["Again."]}
    found = result(("installed", {"outcome": "failed", "words": ["No."]}), ("installed", again), ("host_finished", {}))
    assert (found["install"], found["outcome"], found["words"]) == (again, "installed", ["Again."])


def installed(update: str, **more: Any) -> dict[str, Any]:
    """The result of an installation with what it takes to tell several as one."""
    told = {
        "id": update,
        "kb": None,
        "title": update,
        "result": "installed",
        "hresult": None,
        "message": None,
        "reoffered": False,
    }
    whole = {"outcome": "installed", "updates": [told], "words": [f"{update}."], "changed": True, "started_at": "x"}
    return {**whole, "seconds": 5, "proof": None, **more}


def test_all_rounds_of_installation_count() -> None:
    rounds = [("installed", installed(update)) for update in ("a", "b")]
    found = result(*rounds, ("host_finished", {}))
    assert found["install"]["installed"] == ["a", "b"]
    assert (found["install"]["seconds"], found["words"], found["outcome"]) == (10, ["a.", "b."], "installed")
    # A later version may tell more.
    more = result(rounds[0], ("installed", installed("b", a_new_key=1)), ("host_finished", {}))
    assert more["install"]["installed"] == ["a", "b"]
    alone = result(rounds[0], ("installed", {"outcome": "failed"}), ("host_finished", {}))
    assert (alone["install"], alone["outcome"]) == ({"outcome": "failed"}, "failed")


def test_restart_whose_end_is_not_recorded_is_not_said_to_be_done() -> None:
    assert result(("restarting", {"consent": True}))["restart"] == {
        "done": None,
        "consent": True,
        "consent_by": None,
        "reason": None,
        "before": None,
        "after": None,
        "build": None,
        "state": None,
    }
    twice = result(("restarting", {}), ("restarted", {"after": "x"}), ("restarting", {"reason": "again"}))["restart"]
    assert (twice["done"], twice["reason"], twice["after"]) == (None, "again", None)
    assert result(("restarted", {"done": False, "consent": False}))["restart"]["done"] is False


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ([], False),
        (["bitlocker_suspending", "restarting"], True),
        (["bitlocker_suspending", "restarting", "restarted", "bitlocker_resumed"], False),
        (["bitlocker_suspending", "bitlocker_resumed", "bitlocker_suspending"], True),
    ],
)
def test_bitlocker_that_nobody_has_seen_on_again_is_told(steps: list[str], left: bool) -> None:
    """A run that was killed between the two leaves a host that somebody must look at."""
    ends: list[tuple[str, dict[str, Any]]] = [
        ("host_finished", {"outcome": "restarted", "words": ["Done."], "failed": False})
    ]
    found = result(*((step, {}) for step in steps), *ends)
    assert (record.LEFT_SUSPENDED in found["words"], found["failed"]) == (left, left)


def test_verified_once_is_verified() -> None:
    assert result(("verified_before", {"ok": True}))["verify"] == {"before": {"ok": True}, "after": None}
    assert result(("verified_after", {"ok": True}))["verify"] == {"before": None, "after": {"ok": True}}


def test_runs_are_kept_apart_and_hosts_not_begun_are_named() -> None:
    entries = [
        line("run_started", None, run="r1", hosts=["web2", "web1"], limit=1),
        line("run_started", None, run="r2"),
        line("decided", "web1", run="r1", **DECISION),
        line("decided", "web9", run="r2", **DECISION),
        line("run_finished", None, run="r2"),
    ]
    assert record.runs(entries) == ["r1", "r2"]
    assert [(one["name"], one["outcome"]) for one in record.results(entries, "r1")] == [
        ("web1", "not_finished"),
        ("web2", "not_started"),
    ]
    assert [one["name"] for one in record.results(entries, "r2")] == ["web9"]
    assert record.decisions(entries, "r1") == [DECISION]
    at = "2026-09-20T12:00:31Z"
    data = {"hosts": ["web2", "web1"], "limit": 1}
    assert record.about(entries, "r1") == {"id": "r1", "started_at": at, "ended_at": None, "data": data}
    assert record.about(entries, "r2") == {"id": "r2", "started_at": at, "ended_at": at, "data": {}}
    again = [*entries, line("run_started", None, run="r1", limit=2) | {"at": "2026-09-20T13:00:00Z"}]
    assert record.about(again, "r1") == record.about(entries, "r1")
    bare = record.about([line("decided")], "r1")
    assert bare == {"id": "r1", "started_at": None, "ended_at": None, "data": {}}


def test_run_begins_with_its_first_start_and_ends_with_its_last_end() -> None:
    others = [line(step, "web1", hosts=["web7"]) for step in ("announced", "verified_after")]
    later = {**line("run_finished", None, hosts=["web7"]), "at": "2026-09-20T13:00:00Z"}
    entries = [*others, line("run_finished", None), line("run_started", None, hosts=["web2"]), later]
    found = record.about(entries, "r1")
    assert (found["ended_at"], found["data"]) == ("2026-09-20T13:00:00Z", {"hosts": ["web2"]})
    assert [one["name"] for one in record.results(entries, "r1")] == ["web1", "web2"]
    # A step of a later version is no step of this one.
    unknown = {**line("decided", "web1", decision="nothing"), "step": "a_new_step", "data": {"hosts": ["web8"]}}
    assert record.results([line("decided", "web1", **DECISION), unknown], "r1")[0]["decision"] == DECISION


def test_hosts_of_a_run_that_are_no_list_are_left_out() -> None:
    assert record.results([{**line("run_started", None), "data": {"hosts": "web1"}}], "r1") == []


@pytest.mark.parametrize("ask", [record.results, record.about, record.decisions])
def test_run_that_is_not_there_is_told_with_those_that_are(ask: Any) -> None:
    entries = [line(run=f"r{number:02}") for number in range(12)]
    with pytest.raises(record.RecordError) as caught:
        ask(entries, "r99")
    known = ", ".join(f"r{number:02}" for number in range(2, 12))
    assert str(caught.value) == f"run: 'r99' is not in the record; its last runs are: {known}."
    with pytest.raises(record.RecordError, match=r"its last runs are: none\."):
        ask([], "r99")


@pytest.mark.parametrize("name", [rolling.QUIET[0], rolling.SLOW])
def test_a_decision_comes_back_as_it_was_made(name: str) -> None:
    """Roles act on what fleet_record gives back, so nothing in a decision may look like a secret."""
    assert record.plain(rolling.decided(name)) == rolling.decided(name)
