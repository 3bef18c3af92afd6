# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutation testing of the core: each mutant of cosmic-ray's operators must turn a unit test red, or ruff.

usage: tools/mutants.py [MODULE...] [--most N] [--own] [--list]

A mutant of a function is tried first on the tests that reach its line (mutant_swap). What they let through, and what runs at
import, is tried on all of the module's own tests, in a fork of a process that has the test tools loaded already, with the
mutated source in place of the file's own; nothing on disk is changed. A survivor must stand in tests/mutants-harmless-*.yml
with the reason why it is harmless, and a mutant that stands there must survive its module's own tests.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib.machinery
import itertools
import os
import pickle
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import hypothesis
import mutant_swap
import pytest
import yaml
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names
from parso.tree import NodeOrLeaf as Node

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "plugins" / "plugin_utils"
TESTS = ROOT / "tests" / "unit" / "plugins" / "plugin_utils"
MODULES = (
    "awx/workflow",
    "base/checks",
    "base/patch_tuesday",
    "base/signals",
    "decision/case",
    "decision/consent",
    "decision/decide",
    "decision/exposure",
    "decision/offers",
    "decision/policy",
    "decision/windows",
    "fleet/admission",
    "fleet/plan",
    "fleet/spec",
    "fleet/time_left",
    "host/cautions",
    "host/pending_restart",
    "host/reasons",
    "host/releases",
    "host/restart_risks",
    "host/status",
    "host/track",
    "host_run/bitlocker",
    "host_run/drain",
    "host_run/drain_memory",
    "host_run/health",
    "host_run/hooks",
    "host_run/install",
    "host_run/known_issues",
    "host_run/outcome",
    "host_run/preflight",
    "host_run/rollback_plan",
    "host_run/rollback_result",
    "host_run/rounds",
    "host_run/slot",
    "release_update/learn_page",
    "release_update/merge",
    "release_update/msrc",
    "store/record",
)
# Whose rules are tested through another module.
TESTED_BY = {"exposure": "decide", "checks": "policy", "case": "decide", "time_left": "tracker"}
# Which hold every module to the same.
TESTS_OF_ALL = ("test_frozen.py",)
HARMLESS = sorted((ROOT / "tests").glob("mutants-harmless-*.yml"))
# Seconds of computing for a module's own tests, and for all. Time on the clock proves nothing on a busy machine; a mutant
# that waits for ever without computing is ended by the longer limit.
LIMIT, LIMIT_OF_ALL, LIMIT_OF_CLOCK = 30, 600, 3600
# `|` joins dictionaries and flags here, and is no arithmetic. Whether equal words are one object is CPython's business.
SKIPPED_OPERATORS = (
    "core/ReplaceComparisonOperator_Eq_Is",
    "core/ReplaceComparisonOperator_NotEq_IsNot",
    "core/VariableInserter",
    "core/VariableReplacer",
    "core/ReplaceBinaryOperator_BitOr",
    "core/RemoveDecorator",
    "core/ExceptionReplacer",
)


class Mutant(NamedTuple):
    """One change of one source file."""

    path: Path
    code: str

    def __str__(self) -> str:
        """How the change looks, in one line."""
        source = self.path.read_text(encoding="utf-8")
        changed = [
            text.strip()
            for text in difflib.unified_diff(source.splitlines(), self.code.splitlines(), lineterm="", n=0)
            if text[:1] in "+-" and text[:3] not in ("+++", "---")
        ]
        return f"{self.path.stem}: {' '.join(' '.join(changed).split())}"


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of a file."""
    source = path.read_text(encoding="utf-8")
    seen = {source}
    operators = [get_operator(name)() for name in sorted(operator_names()) if not name.startswith(SKIPPED_OPERATORS)]
    # A mutation changes its tree: to copy that of one statement for each takes a tenth of the time.
    parts = [part.get_code() for part in get_ast(source).children]
    for number, part in enumerate(parts):
        tree = get_ast(part)
        frozen, evaluated = pickle.dumps(tree), without_annotations(part)
        head, tail = "".join(parts[:number]), "".join(parts[number + 1 :])
        for operator, (place, node) in itertools.product(operators, enumerate(ast_nodes(tree))):
            for index in range(len(list(operator.mutation_positions(node)))):
                changed = mutated(pickle.loads(frozen), operator, place, index)
                code = head + changed + tail
                if code not in seen and without_annotations(changed) not in (None, evaluated):
                    seen.add(code)
                    yield Mutant(path, code)


def without_annotations(code: str) -> str | None:
    """What is evaluated of a source: annotations are not, under `from __future__ import annotations`. None: it is no Python."""
    try:
        compile(code, "mutant", "exec", dont_inherit=True)
        tree = ast.parse(code)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
    return ast.dump(tree)


def mutated(tree: Node, operator: Operator, place: int, index: int) -> str:
    """The source of a tree whose node at this place was changed."""
    node = next(itertools.islice(ast_nodes(tree), place, None))
    parent = node.parent
    changed = operator.mutate(node, index)
    if changed is None:
        parent.children.remove(node)
    elif changed is not node:
        parent.children[parent.children.index(node)] = changed
    return tree.get_code()


def own_tests(path: Path) -> list[str]:
    """The test files of a module."""
    subjects = {path.stem, TESTED_BY.get(path.stem, path.stem)}
    files = [one for name in subjects for one in TESTS.glob(f"*/test_{name}*.py")]
    return sorted(map(str, [*files, *(TESTS / name for name in TESTS_OF_ALL)]))


def not_noticed_at_once(queue: Sequence[Mutant], workers: int) -> tuple[list[Mutant], list[Mutant]]:
    """The mutants that the tests which reach them let through, and those that cannot be tried this way."""
    through: list[Mutant] = []
    untried: list[Mutant] = []
    for path, group in itertools.groupby(queue, key=lambda mutant: mutant.path):
        began, those = time.monotonic(), list(group)
        outcomes = mutant_swap.outcomes(path, [one.code for one in those], own_tests(path), workers)
        noticed = 0
        for mutant, outcome in zip(those, outcomes, strict=True):
            if outcome == mutant_swap.LET_THROUGH:
                through.append(mutant)
            elif outcome == mutant_swap.NOT_JUDGED:
                untried.append(mutant)
            else:
                noticed += 1
            if outcome == mutant_swap.TIMED_OUT:
                print(f"timed out {mutant}", flush=True)
        print(f"  {path.stem}: {noticed} of {len(those)} noticed at once, {time.monotonic() - began:.0f} s", flush=True)
    return through, untried


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
    noticed = int(pytest.main([*options, *own_tests(mutant.path)]))
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
        child = start(Mutant(path, path.read_text(encoding="utf-8")), own_only)
        if os.waitpid(child, 0)[1]:
            print(f"the tests of {module} fail or hang without any mutant", flush=True)
            return False
        # The whole suite is the same for each module.
        own_only = True
    return True


def survivors(queue: list[Mutant], workers: int, own_only: bool, reasons: Container[str]) -> list[Mutant]:
    """The mutants that no test noticed; a hang or a crash counts as noticed.

    The whole suite takes minutes and is not run for those that are known to be harmless.
    """
    alive: list[Mutant] = []
    running: dict[int, Mutant] = {}
    done = 0
    while queue or running:
        while queue and len(running) < workers:
            mutant = queue.pop()
            running[start(mutant, own_only or str(mutant) in reasons)] = mutant
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
    # A word compared by `is` warns, which is ruff's to find.
    warnings.simplefilter("ignore", SyntaxWarning)
    # What was found needs no smaller example, and a busy machine is no finding.
    hypothesis.settings.register_profile(
        "mutants",
        max_examples=25,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        suppress_health_check=(hypothesis.HealthCheck.too_slow,),
    )
    hypothesis.settings.load_profile("mutants")
    queue = [mutant for module in options.modules for mutant in mutants(CORE / f"{module}.py")]
    if options.most and len(queue) > options.most:
        queue = sorted(random.Random(1).sample(queue, options.most), key=lambda mutant: mutant.path)
    if options.list:
        print("\n".join(map(str, queue)))
        return 0
    reasons: dict[str, str] = {}
    for file in HARMLESS:
        reasons |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    if not sound(options.modules, options.own):
        return 2
    total, began = len(queue), time.monotonic()
    print(f"{total} mutants of {', '.join(options.modules)}", flush=True)
    workers = os.cpu_count() or 1
    found = not_noticed_at_once(queue, workers)
    # To lint one takes a tenth of a second, the whole suite minutes.
    through, untried = ([one for one in those if not linted(one)] for those in found)
    refused = sum(map(len, found)) - len(through) - len(untried)
    unclear = [*untried, *(one for one in through if str(one) not in reasons)]
    alive = {str(one) for one in through if str(one) in reasons}
    alive |= set(map(str, survivors(unclear, workers, options.own, reasons)))
    print(
        f"\n{total} mutants, {total - refused - len(alive)} killed by tests, {refused} that ruff refuses let through at once,"
    )
    print(f"{len(alive)} survived, {time.monotonic() - began:.0f} s")
    for mutant in sorted(alive):
        print(f"  {mutant}\n      {reasons.get(mutant, 'NOT EXPLAINED')}")
    # A sample does not hold them all.
    stale = (
        [] if options.most else [one for one in reasons if one.split(":")[0] in options.modules and one not in alive]
    )
    for mutant in stale:
        print(f"explained, and no survivor:\n  {mutant}")
    return 1 if stale or alive - reasons.keys() else 0


if __name__ == "__main__":
    raise SystemExit(main())
