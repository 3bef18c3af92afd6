# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutants of functions, each tried in a fork of a process that has the tests collected already.

To import the tests and the core takes a second, and most mutants are noticed by the first tests that reach the mutated
line. So the tests run once to see which lines each of them reaches; then a fork swaps the function's code for the mutated one and
runs what reaches its line, the quickest first. A mutant of what runs at import is not judged here.
"""

from __future__ import annotations

import bisect
import collections
import difflib
import functools
import gc
import itertools
import mmap
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import TypeVar

import pytest

# What becomes of a mutant here.
NOTICED, TIMED_OUT, LET_THROUGH, NOT_JUDGED = "noticed", "timed out", "let through", "not judged"
IS_FUNCTION = 0x1  # CO_OPTIMIZED: code of a module or a class does not have it
TOOL = 4  # an identifier that sys.monitoring reserves for nobody
LIMIT_OF_CLOCK = 600

Key = tuple[str, int]
Result = TypeVar("Result")


def swaps(original: CodeType, mutated: CodeType) -> Iterator[tuple[Key, CodeType]]:
    """The functions that differ, as name and first line of the original; ValueError where what runs at import does."""
    if _own(original) != _own(mutated):
        raise ValueError("what runs at import differs")
    for before, after in zip(_nested(original), _nested(mutated), strict=True):
        if not before.co_flags & IS_FUNCTION:
            yield from swaps(before, after)
        elif _all(before) != _all(after):
            yield (before.co_qualname, before.co_firstlineno), after


def _nested(code: CodeType) -> list[CodeType]:
    return [one for one in code.co_consts if isinstance(one, CodeType)]


def _own(code: CodeType) -> object:
    constants = [(type(one), repr(one)) for one in code.co_consts if not isinstance(one, CodeType)]
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_exceptiontable, constants


def _all(code: CodeType) -> object:
    return _own(code), [_all(one) for one in _nested(code)]


def changed_lines(before: str, after: str) -> set[int]:
    """The lines of the first text that differ in the second."""
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    return {
        line
        for kind, first, last, _from, _to in matcher.get_opcodes()
        if kind != "equal"
        for line in range(first + 1, max(last, first + 1) + 1)
    }


class Reach:
    """Which tests reach a line of a file, the quickest first."""

    def __init__(self, runs: Sequence[tuple[float, set[int]]]) -> None:
        self.seconds = [seconds for seconds, _lines in runs]
        self._by_line: dict[int, list[int]] = collections.defaultdict(list)
        for test in sorted(range(len(runs)), key=self.seconds.__getitem__):
            for line in runs[test][1]:
                self._by_line[line].append(test)
        self._lines = sorted(self._by_line)

    def tests(self, lines: set[int], noticed: Mapping[int, int]) -> list[int]:
        """Those that reach one of the lines or, as a statement's later lines have no event of their own, the one before.

        First the quick ones that have noticed many mutants.
        """
        place = bisect.bisect_left(self._lines, min(lines))
        near = lines | set(self._lines[place - 1 : place])
        found = {test for line in near for test in self._by_line.get(line, ())}
        return sorted(found, key=lambda test: self.seconds[test] / (1 + noticed.get(test, 0)))


class Trial:
    """A plugin of pytest that tries mutants with the collected tests in place of running them once."""

    def __init__(self, path: Path, codes: Sequence[str], workers: int) -> None:
        self._path, self._codes, self._workers = path, codes, workers
        self.outcomes = [NOT_JUDGED] * len(codes)
        self.ended = False
        # Which test noticed a mutant, told by the process that tried it; and how many each has.
        self._told = mmap.mmap(-1, 4 * max(1, len(codes)))
        self._noticed: collections.Counter[int] = collections.Counter()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Find the reach of each test, then try each mutant."""
        source = self._path.read_text(encoding="utf-8")
        original = compile(source, str(self._path), "exec", dont_inherit=True)
        functions = _live_functions(self._path)
        names = {one.__code__.co_filename for found in functions.values() for one in found}
        reach = Reach(_in_fork(lambda: _runs(session, names)))
        self._sound(session, reach)
        running: dict[int, int] = {}
        for number, code in enumerate(self._codes):
            mutated = compile(code, str(self._path), "exec", dont_inherit=True)
            try:
                pairs = [(one, after) for key, after in swaps(original, mutated) for one in functions.get(key, [])]
            except ValueError:
                continue
            tests = reach.tests(changed_lines(source, code), self._noticed)
            if not pairs or not tests:
                continue
            if len(running) == self._workers:
                self._wait(running)
            order = [(session.items[test], reach.seconds[test]) for test in tests]
            running[_start(session, pairs, order, functools.partial(self._tell, number, tests))] = number
        while running:
            self._wait(running)
        self.ended = True
        return True

    @staticmethod
    def _sound(session: pytest.Session, reach: Reach) -> None:
        """In this order, too, the tests are green without any mutant: else each mutant would count as noticed."""
        order = sorted(range(len(session.items)), key=reach.seconds.__getitem__)
        child = _start(session, [], [(session.items[test], reach.seconds[test]) for test in order], lambda _place: None)
        if os.waitpid(child, 0)[1]:
            raise RuntimeError("the tests fail or hang without any mutant when the quickest is run first")

    def _wait(self, running: dict[int, int]) -> None:
        child, status = os.wait()
        number = running.pop(child)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM):
            self.outcomes[number] = TIMED_OUT
        elif os.WIFEXITED(status) and os.WEXITSTATUS(status) == 1:
            self.outcomes[number] = NOTICED
            self._noticed[int.from_bytes(self._told[4 * number : 4 * number + 4], "big")] += 1
        elif os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
            self.outcomes[number] = LET_THROUGH

    def _tell(self, number: int, tests: Sequence[int], place: int) -> None:
        self._told[4 * number : 4 * number + 4] = tests[place].to_bytes(4, "big")


def _live_functions(path: Path) -> dict[Key, list[FunctionType]]:
    found: dict[Key, list[FunctionType]] = collections.defaultdict(list)
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and Path(one.__code__.co_filename).resolve() == path:
            found[one.__code__.co_qualname, one.__code__.co_firstlineno].append(one)
    return found


def _runs(session: pytest.Session, names: Container[str]) -> list[tuple[float, set[int]]]:
    """Seconds and lines of the file with these names that each test takes and reaches."""
    lines: set[int] = set()

    def reached(code: CodeType, line: int) -> object:
        if code.co_filename in names:
            lines.add(line)
        return sys.monitoring.DISABLE

    sys.monitoring.use_tool_id(TOOL, "mutants")
    sys.monitoring.register_callback(TOOL, sys.monitoring.events.LINE, reached)
    sys.monitoring.set_events(TOOL, sys.monitoring.events.LINE)
    runs = []
    for item, after in itertools.pairwise([*session.items, None]):
        lines.clear()
        sys.monitoring.restart_events()
        began = time.process_time()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        runs.append((time.process_time() - began, set(lines)))
    return runs


def _start(
    session: pytest.Session,
    pairs: Sequence[tuple[FunctionType, CodeType]],
    items: Sequence[tuple[pytest.Item, float]],
    tell: Callable[[int], None],
) -> int:
    """Fork a process that ends with 1 where a test fails on the mutant, and tells the place of that test."""
    child = os.fork()
    if child:
        return child
    signal.alarm(LIMIT_OF_CLOCK)
    status = 0
    try:
        for function, code in pairs:
            function.__code__ = code
        following = [*(item for item, _seconds in items[1:]), None]
        for place, ((item, seconds), after) in enumerate(zip(items, following, strict=True)):
            signal.setitimer(signal.ITIMER_PROF, 2 + 10 * seconds)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if session.testsfailed:
                tell(place)
                status = 1
                break
    finally:
        os._exit(status)


def _in_fork(work: Callable[[], Result]) -> Result:
    """What the work gives in a process of its own, so that nothing which it leaves behind is left here."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as stream:
                pickle.dump(work(), stream)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        told = stream.read()
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("the work ended with an error")
    return pickle.loads(told)


def outcomes(path: Path, codes: Sequence[str], tests: Sequence[str], workers: int) -> list[str]:
    """For each mutated source of a file what its tests say: NOTICED, TIMED_OUT, LET_THROUGH or NOT_JUDGED.

    Python 3.11 cannot tell which lines a test reaches: all are NOT_JUDGED there.
    """
    if not hasattr(sys, "monitoring"):
        return [NOT_JUDGED] * len(codes)

    def work() -> list[str]:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        trial = Trial(path, codes, workers)
        pytest.main(["-q", "-s", "-p", "no:cacheprovider", "-p", "no:xdist", *tests], plugins=[trial])
        if not trial.ended:
            raise RuntimeError(f"the tests of {path.stem} could not be tried")
        return trial.outcomes

    return _in_fork(work)
