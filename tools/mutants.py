# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutation testing of the core: each mutant of cosmic-ray's operators must turn a unit test red, or ruff.

usage: tools/mutants.py [MODULE...] [--most N] [--own] [--list]

Every mutant runs in a fork of a process that has the test tools loaded already, with the mutated source in place of the
file's own; nothing on disk is changed. A survivor must stand in tests/mutants-harmless-*.yml with the reason why it is harmless.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.machinery
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pytest
import yaml
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "plugins" / "plugin_utils"
TESTS = ROOT / "tests" / "unit" / "plugins" / "plugin_utils"
MODULES = (
    "calendar",
    "consent",
    "decide",
    "exposure",
    "hooks",
    "host_run",
    "install",
    "learn_page",
    "msrc",
    "offers",
    "pending_reboot",
    "policy",
    "preflight",
    "reasons",
    "record",
    "release_merge",
    "releases",
    "restart_risks",
    "rollback",
    "rollback_end",
    "rolling",
    "rulings",
    "signals",
    "status",
    "track",
    "verify",
    "warnings",
    "windows",
    "workflow",
)
# Whose rules are tested through another module.
TESTED_BY = {"exposure": "decide", "rulings": "decide"}
HARMLESS = sorted((ROOT / "tests").glob("mutants-harmless-*.yml"))
# Seconds of computing for a module's own tests, and for all. Time on the clock proves nothing on a busy machine; a mutant
# that waits for ever without computing is ended by the longer limit.
LIMIT, LIMIT_OF_ALL, LIMIT_OF_CLOCK = 30, 300, 1800
# Annotations are never evaluated under `from __future__ import annotations`; `|` in them is not arithmetic.
SKIPPED_OPERATORS = (
    "core/VariableInserter",
    "core/VariableReplacer",
    "core/ReplaceBinaryOperator_BitOr",
    "core/RemoveDecorator",
    "core/ExceptionReplacer",
)


class Mutant(NamedTuple):
    """One change of one source file, and how it looks."""

    path: Path
    operator: str
    occurrence: int
    code: str
    line: str

    def __str__(self) -> str:
        return f"{self.path.stem}: {self.line}"


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of a file."""
    source = path.read_text(encoding="utf-8")
    seen = set()
    for name in sorted(operator_names()):
        if name.startswith(SKIPPED_OPERATORS):
            continue
        operator = get_operator(name)()
        count = sum(len(list(operator.mutation_positions(node))) for node in ast_nodes(get_ast(source)))
        for occurrence in range(count):
            code = mutate_code(source, operator, occurrence)
            if code is None or code in seen or code == source:
                continue
            seen.add(code)
            changed = [
                text.strip()
                for text in difflib.unified_diff(source.splitlines(), code.splitlines(), lineterm="", n=0)
                if text[:1] in "+-" and text[:3] not in ("+++", "---")
            ]
            yield Mutant(path, name, occurrence, code, " ".join(" ".join(changed).split()))


def tested(mutant: Mutant, own_only: bool) -> int:
    """Run the unit tests on a mutant in this (forked) process; the number of the pytest exit status."""
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(loader: importlib.machinery.SourceFileLoader, name: str) -> object:
        if Path(loader.path).resolve() == mutant.path:
            return compile(mutant.code, loader.path, "exec", dont_inherit=True)
        return original(loader, name)

    importlib.machinery.SourceFileLoader.get_code = get_code
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    # The module's own tests notice nearly all; the rest is run for those that they let through.
    subject = TESTED_BY.get(mutant.path.stem, mutant.path.stem)
    own = sorted(map(str, TESTS.glob(f"test_{subject}*.py")))
    noticed = int(pytest.main([*options, *own])) if own else 0
    if noticed or own_only:
        return noticed
    signal.setitimer(signal.ITIMER_PROF, LIMIT_OF_ALL)
    return int(pytest.main([*options, str(TESTS)]))


def start(mutant: Mutant, own_only: bool) -> int:
    """Fork a process that tests a mutant."""
    child = os.fork()
    if child == 0:
        signal.alarm(LIMIT_OF_CLOCK)
        signal.setitimer(signal.ITIMER_PROF, LIMIT)
        status = 99
        try:
            status = tested(mutant, own_only)
        finally:
            os._exit(status)
    return child


def sound(modules: Sequence[str], own_only: bool) -> bool:
    """Whether the tests are green on the sources as they are: on red ones every mutant would count as noticed."""
    for module in modules:
        path = CORE / f"{module}.py"
        child = start(Mutant(path, "", 0, path.read_text(encoding="utf-8"), ""), own_only)
        if os.waitpid(child, 0)[1]:
            print(f"the tests of {module} fail or hang without any mutant", flush=True)
            return False
        # The whole suite is the same for each module.
        own_only = True
    return True


def survivors(queue: list[Mutant], workers: int, own_only: bool) -> list[Mutant]:
    """The mutants that no test noticed; a hang or a crash counts as noticed."""
    alive: list[Mutant] = []
    running: dict[int, Mutant] = {}
    done = 0
    while queue or running:
        while queue and len(running) < workers:
            mutant = queue.pop()
            running[start(mutant, own_only)] = mutant
        child, status = os.wait()
        mutant = running.pop(child)
        done += 1
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM):
            print(f"timed out {mutant}", flush=True)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
            alive.append(mutant)
            print(f"survived  {mutant}", flush=True)
        if done % 100 == 0:
            print(f"  {done} tested, {len(alive)} survived", flush=True)
    return alive


def linted(mutant: Mutant) -> bool:
    """Whether ruff, the first gate of CI, refuses a mutant: a word compared by `is`, a truth by `==`."""
    ruff = [str(Path(sys.executable).parent / "ruff"), "check", "-q", "--stdin-filename", str(mutant.path), "-"]
    return (
        subprocess.run(ruff, input=mutant.code, text=True, capture_output=True, cwd=ROOT, check=False).returncode == 1
    )


def main() -> int:
    """Test all mutants, list the survivors, fail when one has no reason."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=MODULES)
    parser.add_argument("--most", type=int, default=0, help="a random sample of at most this many")
    parser.add_argument("--own", action="store_true", help="run only a module's own tests, not the whole suite")
    parser.add_argument("--list", action="store_true", help="only list the mutants")
    options = parser.parse_args()
    sys.dont_write_bytecode = True
    hypothesis.settings.register_profile("mutants", max_examples=25, derandomize=True, database=None, deadline=None)
    hypothesis.settings.load_profile("mutants")
    queue = [mutant for module in options.modules for mutant in mutants(CORE / f"{module}.py")]
    if options.most and len(queue) > options.most:
        queue = random.Random(1).sample(queue, options.most)
    if options.list:
        print("\n".join(map(str, queue)))
        return 0
    if not sound(options.modules, options.own):
        return 2
    total, began = len(queue), time.monotonic()
    print(f"{total} mutants of {', '.join(options.modules)}", flush=True)
    through = survivors(queue, os.cpu_count() or 1, options.own)
    alive = [mutant for mutant in through if not linted(mutant)]
    reasons: dict[str, str] = {}
    for file in HARMLESS:
        reasons |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    unexplained = [mutant for mutant in alive if str(mutant) not in reasons]
    print(f"\n{total} mutants, {total - len(through)} killed, {len(through) - len(alive)} refused by ruff alone,")
    print(f"{len(alive)} survived, {time.monotonic() - began:.0f} s")
    for mutant in sorted(alive, key=str):
        print(f"  {mutant}\n      {reasons.get(str(mutant), 'NOT EXPLAINED')}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    raise SystemExit(main())
