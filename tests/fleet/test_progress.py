# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress callback in real runs of ansible-playbook: through a pipe, on a pseudo terminal, interrupted, on simulated hosts."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.utils.display import Display
from ansible_collections.rebootless.patching.plugins.callback import progress
from conftest import ROOT, Run, controller

HERE = Path(__file__).resolve().parent
WEB, SQL = [f"web-{number}" for number in range(1, 6)], ["sql-1", "sql-2"]
FLEET = {
    "canary": 1,
    "waves": [2, 4],
    "max_unavailable": 3,
    "groups": {"web": {"max_unavailable": 2}},
    "budget": {"failed": 2},
    "durations": {"web": "10m", "sql": "10m"},
}
PATIENCE = 120
ENDED = re.compile(r"\d\d:\d\d:\d\dZ (BAD )?(\S+): (\w[\w ]*) after \d+ s \((\d) of 7 ended(, about \d+ min left)?\)")


def environment(**more: str) -> dict[str, str]:
    """The environment of a run with the callback, on no CI."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "AWX_ISOLATED_DATA_DIR", "COLUMNS")}
    return {
        **kept,
        "PATH": f"{controller()}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
        "ANSIBLE_CONFIG": str(ROOT / "tools" / "demo.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "rebootless.patching.progress",
        "TERM": "xterm-256color",
        **more,
    }


def command(folder: Path, **variables: Any) -> list[str]:
    """ansible-playbook over a fleet of seven names of localhost."""
    local = {"ansible_connection": "local"}
    groups = {group: {"hosts": dict.fromkeys(names)} for group, names in (("web", WEB), ("sql", SQL))}
    (folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"vars": local, "children": groups}}))
    given = {"progress_dest": str(folder), "progress_fleet": FLEET, "progress_run": "2026-10", "progress_outcomes": {}}
    playbook = str(HERE / "playbooks" / "progress.yml")
    return ["ansible-playbook", "-i", str(folder / "inventory.yml"), playbook, "-e", json.dumps(given | variables)]


class Terminal:
    """What a terminal shows of a program: its lines from the first on, and each block that was drawn below them."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.lines: list[str] = [""]
        self.row = self.column = 0
        self.frames: list[list[str]] = []

    def feed(self, text: str) -> None:
        """Interpret what is written; everything that is not understood is an error."""
        for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
            if part == "\n":
                self.row += 1
                self.column = 0
                self.lines += [""] * (self.row - len(self.lines) + 1)
            elif part == "\r":
                self.column = 0
            elif not part.startswith("\x1b"):
                self.print(part)
            elif part[-1] == "A":
                self.frames.append([line for line in self.lines if line])
                self.row -= int(part[2:-1])
                assert self.row >= 0
            elif part == "\x1b[K":
                self.lines[self.row] = self.lines[self.row][: self.column]
            elif part == "\x1b[J":
                self.lines[self.row :] = [self.lines[self.row][: self.column]]
            else:
                assert part[-1] == "m", part

    def print(self, text: str) -> None:
        """Write over what stands there."""
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + text + line[self.column + len(text) :]
        self.column += len(text)

    @property
    def text(self) -> str:
        """What stands there now."""
        return "\n".join(self.lines)


def on_terminal(
    argv: list[str], env: dict[str, str], columns: int = 80, interrupt: Callable[[Terminal], bool] | None = None
) -> tuple[int, Terminal, str]:
    """Run a command on a pseudo terminal; send it an interrupt from the keyboard when `interrupt` says so."""
    child, leader = pty.fork()
    if child == 0:
        os.execvpe(argv[0], argv, env)
    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    terminal, raw, sent = Terminal(columns), b"", False
    pending, over = b"", time.monotonic() + PATIENCE
    with contextlib.closing(os.fdopen(leader, "rb", buffering=0)):
        while True:
            ready, _writable, _errors = select.select([leader], [], [], PATIENCE)
            if not ready or time.monotonic() > over:
                os.kill(child, signal.SIGKILL)
                pytest.fail(f"No end after {PATIENCE} seconds: {terminal.text}")
            try:
                got = os.read(leader, 65536)
            except OSError:
                # Linux says so when nobody holds the other end any more.
                break
            if not got:
                break
            raw += got
            pending += got
            # A sequence or a character may be cut in two: the last line is left for the next round.
            whole, _newline, pending = pending.rpartition(b"\n")
            terminal.feed((whole + _newline).decode())
            if interrupt is not None and not sent and interrupt(terminal):
                sent = True
                os.write(leader, b"\x03")
        terminal.feed(pending.decode())
    _pid, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), terminal, raw.decode()


# --- lines -------------------------------------------------------------------------------------------------------


def test_lines_through_a_pipe_come_while_the_run_goes_on(tmp_path: Path) -> None:
    argv = command(tmp_path, progress_outcomes={"web-3": "failed"}, progress_sleep=1)
    log = tmp_path / "ansible.log"
    with subprocess.Popen(
        argv, env=environment(ANSIBLE_LOG_PATH=str(log)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as done:
        assert done.stdout is not None
        lines = []
        early = False
        for line in done.stdout:
            lines.append(line.rstrip("\n"))
            early |= "goes out." in line and done.poll() is None
    text = "\n".join(lines)
    assert done.returncode == 0, text
    assert early
    assert "\x1b" not in text
    ended = [ENDED.fullmatch(line) for line in lines if " ended" in line and " after " in line and "Ended" not in line]
    assert [found and int(found[4]) for found in ended] == list(range(1, 8)), text
    assert {(found[2], found[3], found[1]) for found in ended if found} == {
        *((name, "restarted", None) for name in [*WEB, *SQL] if name != "web-3"),
        ("web-3", "failed", "BAD "),
    }
    for host in WEB:
        assert 3 <= sum(f" {host}" in line for line in lines) <= 6, text
    assert (
        "7 hosts in 3 waves, a canary of 1 first; 3 may be out of service at once (web 2); about 40 min left." in text
    )
    assert text.count("web-3 failed: Fail where it is told: The host did not come back.") == 1
    assert "7 hosts, 6 well, 1 badly." in lines[-3]
    assert lines[-1].endswith("Still out of service, with the slot kept: web-3.")
    assert "sql-1 restarts." in log.read_text()


@pytest.mark.parametrize(
    "more", [{"CI": "true"}, {"AWX_ISOLATED_DATA_DIR": "/tmp"}, {"REBOOTLESS_PROGRESS_MODE": "lines"}]
)
def test_a_terminal_that_nobody_looks_at_gets_lines(tmp_path: Path, more: dict[str, str]) -> None:
    status, terminal, raw = on_terminal(command(tmp_path), environment(NO_COLOR="1", **more), columns=60)
    assert status == 0, terminal.text
    assert "\x1b" not in raw
    assert all(len(line) < 60 for line in terminal.lines), terminal.text
    assert "7 hosts, 7 well." in terminal.text


# --- screen ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [80, 160])
def test_a_screen_on_a_terminal(tmp_path: Path, columns: int) -> None:
    argv = [*command(tmp_path, progress_outcomes={"web-3": "failed"}, progress_sleep=1), "-f", "2"]
    log = tmp_path / "ansible.log"
    env = environment(REBOOTLESS_PROGRESS_INTERVAL="0.2", ANSIBLE_LOG_PATH=str(log))
    status, terminal, raw = on_terminal(argv, env, columns)
    assert status == 0, terminal.text
    assert all(len(line) < columns for frame in terminal.frames for line in frame if "[WARNING]" not in line)
    # Whatever else is written stands above the block, whole, and nothing of the block is left at the end.
    left = " ".join(terminal.text.split())
    assert "forks is 2, and this plan needs" in left
    assert "web-3 failed: Fail where it is told: The host did not come back." in left
    assert "7 hosts, 6 well, 1 badly." in left
    assert not re.search(r"^(Run |\[#|Waves|Slots|Still out of service: )", terminal.text, re.MULTILINE), terminal.text
    assert "goes out." not in terminal.text
    assert "sql-1 goes out" in log.read_text()
    seen = ["\n".join(frame) for frame in terminal.frames]
    for pattern in (
        r"^Run 2026-10 +\d:\d\d, about \d+ min left$",
        r"^\[\.{40}\]  0 of 7 ended$",
        r"^\[#+\.*\]  \d of 7 ended: \d well$",
        r"^Waves  canary over; wave 2: \d of 2 ended; 1 to come with 4 hosts$",
        r"^Slots  \d of 3 out, web \d of 2(; \d waiting)?$",
        r"^(web|sql)-\d  restarting +\d:\d\d",
        r"^Still out of service: web-3$",
    ):
        assert any(re.search(pattern, frame, re.MULTILINE) for frame in seen), (pattern, seen[-1])
    assert "\x1b[32m" in raw


def test_an_interrupt_leaves_the_terminal_clean(tmp_path: Path) -> None:
    def out(terminal: Terminal) -> bool:
        # A quiet moment: ansible-core itself hangs when a worker is killed while it hands over a result.
        quiet = re.search(r"restarting +0:0[4-9]", terminal.text)
        return quiet is not None and "6 waiting" in terminal.text

    argv = command(tmp_path, progress_sleep=60)
    status, terminal, _raw = on_terminal(argv, environment(), interrupt=out)
    assert status == 99, terminal.text
    assert "User interrupted execution" in terminal.text
    assert re.search(r"7 hosts, 0 well, 7 not\s+ended\.", terminal.text), terminal.text
    assert not re.search(r"^(Run |\[\.|Waves|Slots)", terminal.text, re.MULTILINE), terminal.text


# --- nothing breaks the run --------------------------------------------------------------------------------------


class Broken:
    """A result, a play, or anything else, that raises whatever it is asked."""

    def __getattr__(self, name: str) -> Any:
        raise KeyError(name)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is displayed in this process."""
    texts: list[str] = []
    monkeypatch.setattr(Display, "display", lambda display, msg, *args, **kwargs: texts.append(msg))
    monkeypatch.setattr(Display(), "_warns", set() if isinstance(getattr(Display(), "_warns", None), set) else {})
    return texts


def test_an_error_is_told_once_and_goes_no_further(told: list[str]) -> None:
    callback = progress.CallbackModule()
    broken = Broken()
    for _time in range(2):
        callback.v2_playbook_on_play_start(broken)
        callback.v2_runner_on_ok(broken)
        callback.v2_runner_on_failed(broken)
        callback.v2_runner_on_unreachable(broken)
        callback.v2_runner_on_skipped(broken)
        callback.v2_runner_item_on_ok(broken)
        callback.v2_runner_item_on_failed(broken)
        callback.v2_runner_on_start(broken, broken)
        callback.v2_playbook_on_stats(broken)
    assert len(told) == 1
    assert "The progress of the run cannot be shown as it should be (KeyError: " in " ".join(told[0].split())
    callback.v2_playbook_on_play_start(SimpleNamespace(get_name=lambda: "Go on", check_mode=False))
    assert told[-1].endswith("Go on")


def test_an_error_ends_the_screen(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(progress.Block, "write", staticmethod(written.append))
    callback = progress.CallbackModule()
    callback.block = block = progress.Block(Display(), callback.lock, callback.content, 3600)
    block.draw()
    assert "display" in vars(Display())
    Display().display("above")
    assert (told, written[-2][-3:]) == (["above"], "\x1b[J")
    callback.v2_runner_on_ok(Broken())
    assert callback.block is None
    assert "display" not in vars(Display())
    assert written[-1].endswith("\x1b[J")
    drawn = len(written)
    block.draw()
    block.close()
    assert len(written) == drawn


def test_a_terminal_that_is_gone_ends_the_thread(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(text: str) -> None:
        raise BrokenPipeError(text)

    monkeypatch.setattr(progress.Block, "write", staticmethod(gone))
    before = set(threading.enumerate())
    block = progress.Block(Display(), threading.RLock(), lambda columns, lines: ["x"], 0.01)
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    block.over.set()
    vars(Display()).pop("display")


def test_a_callback_that_is_built_on_this_one_needs_no_options(told: list[str]) -> None:
    class Other(progress.CallbackModule):
        """As ansible-runner makes its own."""

        CALLBACK_NAME = "awx_display"

    other = Other()
    assert other.option("mode", "auto") == "auto"
    other.v2_playbook_on_start(None)
    other.v2_playbook_on_no_hosts_matched()
    assert (other.block, told) == (None, ["No host matches the play."])


@pytest.mark.parametrize(
    ("mode", "isatty", "env", "screen"),
    [
        ("auto", True, {}, True),
        ("auto", False, {}, False),
        ("auto", True, {"TERM": "dumb"}, False),
        ("auto", True, {"CI": "1"}, False),
        ("auto", True, {"AWX_ISOLATED_DATA_DIR": "/runner"}, False),
        ("screen", True, {"CI": "1"}, True),
        ("screen", True, {"TERM": "dumb"}, False),
        ("screen", False, {}, False),
        ("lines", True, {}, False),
    ],
)
def test_when_there_is_a_screen(
    mode: str, isatty: bool, env: dict[str, str], screen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CI", "AWX_ISOLATED_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", **env}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: isatty))
    callback = progress.CallbackModule()
    monkeypatch.setattr(callback, "option", lambda name, otherwise: mode)
    assert callback.on_screen() is screen


# --- the real playbook -------------------------------------------------------------------------------------------


def test_patch_on_simulated_hosts(
    on_fleet: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "rebootless.patching.progress")
    given = {
        "rebootless_consent": True,
        "rebootless_dest": str(tmp_path / "run"),
        "rebootless_fleet": {"canary": 1, "max_unavailable": 2, "budget": {"failed": 3}},
        "rebootless_run": "r1",
        "rebootless_slot_interval": 0.1,
    }
    names = ["s22-baseline-staged", "s22-hotpatch-waiting", "s22-on-track", "s22-offers-search-fails"]
    only = tuple(part for name in names for part in ("--only", name))
    argv = ["ansible-playbook", "rebootless.patching.patch", "-e", json.dumps(given)]
    options = (*only, "--time-scale", "0.1")
    text = on_fleet(argv, worlds=HERE / "worlds", executor="fast", options=options).check(2).output
    assert "Run r1: 4 hosts in 2 waves, a canary of 1 first; 2 may be out of service at once." in text
    for name in names:
        assert text.count(f"Z {name}: ") + text.count(f"Z BAD {name}: ") == 1, text
        assert re.search(rf"Z {name} (goes out|begins)", text), text
    assert "s22-baseline-staged restarts." in text
    assert re.search(r"s22-baseline-staged: restarted after \d+ s \(", text), text
    assert "BAD s22-offers-search-fails: unknown after " in text
    assert f"Report: {tmp_path}/run/run.html" in text
    assert "4 hosts, 3 well, 1 badly." in text
