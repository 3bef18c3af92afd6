# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live progress of a rolling run: hands over what ansible-core tells, and writes what plugin_utils/progress/tracker.py makes of it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: progress
type: stdout
short_description: Live progress of a rolling run
version_added: 0.2.0
description:
  - Takes the place of ansible-playbook's own output and tells where a run through a fleet stands, in place of every task of every host.
  - On a terminal it keeps one screen at the bottom, with waves, slots, counts, the hosts under way, and the time left; above it stand
    warnings, failures, hosts that ended badly, and the report.
  - Everywhere else (CI, AWX, a file) it writes a plain line for each event that matters, a few for each host.
    With a log file (C(log_path)) the lines go there in both cases.
  - The time left comes from the plan (durations that are given, or measured in earlier runs) and from what hosts of this run took.
    Nothing is said while nobody knows, or when a host has been out for twice as long as expected.
  - Only names, steps, and words of this collection are shown. What a failed task of another module says is shown with C(-v) only;
    it stands in the report of the run too.
  - Of playbooks without a plan it tells the plays, warnings, failures, and how they ended.
  - An error of its own is told once and never touches the run.
requirements:
  - Set it as stdout callback, C(ANSIBLE_STDOUT_CALLBACK=rebootless.patching.progress) or C(stdout_callback) in ansible.cfg. In AWX,
    where ansible-runner takes that place, it is used by ansible-runner's own callback, which keeps its events.
options:
  mode:
    description:
      - V(screen) and V(lines) as described above.
      - V(auto) is V(screen) when the standard output is a terminal that can move its cursor, and neither C(CI) nor ansible-runner is at work.
      - V(screen) without a terminal is V(lines).
      - As an extra variable it works with ansible-core 2.21 and newer.
    type: str
    choices: [auto, screen, lines]
    default: auto
    ini:
      - section: rebootless
        key: progress_mode
    env:
      - name: REBOOTLESS_PROGRESS_MODE
    vars:
      - name: rebootless_progress_mode
  interval:
    description:
      - Seconds after which the screen is made anew, at least 0.1.
      - As an extra variable it works with ansible-core 2.21 and newer.
    type: float
    default: 1.0
    ini:
      - section: rebootless
        key: progress_interval
    env:
      - name: REBOOTLESS_PROGRESS_INTERVAL
    vars:
      - name: rebootless_progress_interval
seealso:
  - module: rebootless.patching.fleet_plan
  - module: rebootless.patching.fleet_slot
author:
  - rebootless.patching maintainers (@rebootless)
"""

import atexit
import functools
import os
import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.text import columns_of, paint, wrap
from ansible_collections.rebootless.patching.plugins.plugin_utils.progress.screen import screen
from ansible_collections.rebootless.patching.plugins.plugin_utils.progress.tracker import Line, Progress, Seen

SGR = re.compile(r"\x1b\[[0-9;]*m")
QUICKEST = 0.1
# Below the time of a line when it is wrapped.
INDENT = " " * 10


def present() -> datetime:
    """The time, as a task's event gets it."""
    return datetime.now(UTC)


def size() -> tuple[int, int]:
    """Columns and lines of the terminal; 80 and 24 when it does not say."""
    try:
        columns, lines = os.get_terminal_size(sys.stdout.fileno())
    except (OSError, ValueError):
        columns, lines = 0, 0
    return columns or 80, lines or 24


class Block:
    """Lines that stay at the bottom of the terminal: everything that Ansible displays goes above them.

    The cursor always stands below the block and no mode of the terminal is changed, so whatever ends the process leaves it usable.
    """

    def __init__(self, display: Any, lock: Any, content: Callable[[int, int], list[str]], interval: float) -> None:
        self.lock, self.content, self.interval = lock, content, interval
        self.lines: list[str] = []
        self.drawn: list[int] = []
        self.process, self.over = os.getpid(), threading.Event()
        self.display, self.write_above = display, display.display
        # In this process everything passes here, from whatever thread; a worker's goes through the queue as ever.
        display.display = self.above
        threading.Thread(target=self.tick, name="rebootless progress", daemon=True).start()

    def above(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """In place of `Display.display`."""
        if os.getpid() != self.process or kwargs.get("log_only"):
            self.write_above(msg, *args, **kwargs)
            return
        with self.lock:
            self.write(self.erased())
            try:
                self.write_above(msg, *args, **kwargs)
            finally:
                self.draw(again=True)

    def tick(self) -> None:
        """Write the block anew until it is over; a terminal that is gone ends it too."""
        while not self.over.wait(self.interval):
            try:
                with self.lock:
                    self.draw()
            except Exception:
                # The next event meets the same trouble, where it is told.
                return

    def draw(self, again: bool = False) -> None:
        """Write the block over what stands there; `again`: as it was, since making it takes a while in a big fleet."""
        if self.over.is_set():
            return
        columns, lines = size()
        if not again:
            # A line that fills the last column would move the cursor on in some terminals.
            self.lines = self.content(columns - 1, lines - 1)
        up = self.up(columns)
        self.write(up + "".join(f"{line}\x1b[K\n" for line in self.lines) + "\x1b[J")
        self.drawn = [columns_of(SGR.sub("", line)) for line in self.lines]

    def erased(self) -> str:
        """What takes the block away."""
        up = self.up(size()[0])
        self.drawn = []
        return f"{up}\x1b[J" if up else ""

    def up(self, columns: int) -> str:
        """The way to the block's first line; a terminal that got narrower has wrapped the lines."""
        rows = sum(max(1, -(-width // columns)) for width in self.drawn)
        return f"\r\x1b[{rows}A" if rows else ""

    def close(self) -> None:
        """Take the block away for good."""
        if self.over.is_set():
            return
        with self.lock:
            self.over.set()
            # Only the instance has it; the class's own is behind it.
            vars(self.display).pop("display", None)
            self.write(self.erased())

    @staticmethod
    def write(text: str) -> None:
        """To the terminal, at once."""
        sys.stdout.write(text)
        sys.stdout.flush()


def guarded(method: Callable[..., None]) -> Callable[..., None]:
    """Let an event in alone, and no error out."""

    @functools.wraps(method)
    def handle(self: CallbackModule, *args: Any, **kwargs: Any) -> None:
        try:
            with self.lock:
                method(self, *args, **kwargs)
        except Exception as error:
            self.excuse(error)

    return handle


class CallbackModule(CallbackBase):
    """From ansible-core's events to `Seen`, from `Line` to the display."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "rebootless.patching.progress"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # ansible-core holds its own lock while it forks: nothing of ours is half written in a worker then.
        self.lock = getattr(self._display, "_lock", None) or threading.RLock()
        self.run = Progress(present(), talkative=self._display.verbosity > 0)
        self.block: Block | None = None
        self.excused = self.ended = False

    # --- how to write ---

    def option(self, name: str, otherwise: Any) -> Any:
        """An option; another callback that is built on this one does not know them."""
        try:
            return self.get_option(name)
        except KeyError:
            return otherwise

    def on_screen(self) -> bool:
        """Whether a screen is wanted and can be had."""
        mode = self.option("mode", "auto")
        if mode == "lines" or not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
            return False
        # ansible-runner gives its jobs a terminal that nobody looks at.
        return mode == "screen" or not ({"CI", "AWX_ISOLATED_DATA_DIR"} & os.environ.keys())

    @property
    def color(self) -> bool:
        """Whether the output is a terminal that is to have colours."""
        return sys.stdout.isatty() and not constants.ANSIBLE_NOCOLOR

    def content(self, columns: int, lines: int) -> list[str]:
        """The screen as it is now."""
        return screen(self.run, present(), columns, lines, self.color)

    def say(self, lines: Sequence[Line]) -> None:
        """Write lines, those that are not loud beside a screen to the log alone."""
        for line in lines:
            quiet = self.block is not None and not line.loud
            self._display.display(line.text, log_only=True)
            if not quiet:
                text = line.text
                if sys.stdout.isatty():
                    text = "\n".join(wrap(text, max(size()[0] - 1, 20), len(text), INDENT))
                self._display.display(paint(text, line.color, self.color), screen_only=True)
        # From 2.21 on ansible-core flushes at the end only, which is late for a pipe.
        sys.stdout.flush()

    def excuse(self, error: Exception) -> None:
        """Tell an error of this plugin, the first of them; the screen is given up."""
        try:
            block, self.block = self.block, None
            if block is not None:
                block.close()
            if not self.excused:
                self.excused = True
                said = f"The progress of the run cannot be shown as it should be ({type(error).__name__}: {error})."
                self._display.warning(f"{said} The run goes on; its record and its report are not touched.")
        except Exception:
            # There is nobody left to tell, and the run matters more.
            self.block = None

    # --- events ---

    @guarded
    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Begin."""
        if self.on_screen():
            interval = max(QUICKEST, float(self.option("interval", 1.0)))
            self.block = Block(self._display, self.lock, self.content, interval)
            atexit.register(self.leave)

    @guarded
    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A play begins."""
        self.say(self.run.play(play.get_name().strip(), present(), bool(play.check_mode)))
        if self.block is not None:
            self.block.draw()

    @guarded
    def v2_playbook_on_no_hosts_matched(self) -> None:
        """A play has no hosts."""
        self._display.display("No host matches the play.")

    @guarded
    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """A task begins; its arguments may hold templates still."""
        self.feed("started", host, task, {})

    @guarded
    def v2_runner_on_ok(self, result: Any) -> None:
        """A task has ended well."""
        self.result("ok", result)

    @guarded
    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task has failed; what the playbook ignores is no news."""
        self.result("ignored" if ignore_errors else "failed", result)

    @guarded
    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host could not be reached."""
        self.result("unreachable", result)

    @guarded
    def v2_runner_on_skipped(self, result: Any) -> None:
        """A task was not for the host."""
        self.result("skipped", result)

    @guarded
    def v2_runner_item_on_ok(self, result: Any) -> None:
        """A part of a loop has ended."""
        self._handle_warnings(self.values(result))

    @guarded
    def v2_runner_item_on_failed(self, result: Any) -> None:
        """A part of a loop has failed; the task as a whole tells so."""
        self._handle_warnings(self.values(result))

    @guarded
    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The end."""
        self.finish(sorted(stats.processed), sorted(stats.failures), sorted(stats.dark))

    # --- parts ---

    @staticmethod
    def values(result: Any) -> Any:
        """What a task returned, for ansible-core before and after 2.19."""
        return result.result if hasattr(result, "result") else result._result

    def result(self, status: str, result: Any) -> None:
        """A task's result."""
        task = result.task if hasattr(result, "task") else result._task
        host = result.host if hasattr(result, "host") else result._host
        values = self.values(result)
        self._handle_warnings(values)
        self.feed(status, host, task, values)

    def feed(self, status: str, host: Any, task: Any, result: Mapping[str, Any]) -> None:
        """Hand an event over and write what it is worth."""
        action = str(task.action)
        if "." not in action and "{{" not in action:
            # A template has no full name yet, and ansible-core would warn of the question.
            action = task.resolved_action or action
        self.say(self.run.feed(Seen(status, host.get_name(), action, task.name or "", task.args, result), present()))

    def finish(self, processed: Sequence[str], failed: Sequence[str], unreachable: Sequence[str]) -> None:
        """Take the screen away and say how it ended."""
        block, self.block = self.block, None
        if block is not None:
            block.close()
        if not self.ended:
            self.ended = True
            self.say(self.run.end(present(), len(processed), failed, unreachable))

    def leave(self) -> None:
        """The process ends: without the last event when somebody interrupted it."""
        if self.block is not None and os.getpid() == self.block.process:
            self.finish([], [], [])
