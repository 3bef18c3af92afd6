# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of reasons, and docs/reasons.md that shows it."""

from __future__ import annotations

import ast
import re
import string
import sys
from pathlib import Path

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import reasons, restart_risks
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.reasons import REASONS
from realistic import failed, kbs, ok
from realistic import signals as quiet_host

sys.path.insert(0, str(Path(__file__).resolve().parents[5] / "tools"))

import make_reasons

ANSWERS = (None, failed(), ok(None), ok("x"), ok([]), ok([*kbs("KB5000001"), {}]))
CORE = Path(reasons.__file__).parents[1]
DOCS = (Path(__file__).resolve().parents[5] / "docs" / "reasons.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", DOCS, re.M | re.S))


def words(text: str) -> set[str]:
    """The names that a template asks for."""
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name}


def said(module: str) -> set[str]:
    """The codes that a module of the core gives: arguments of `say` and `settle`, and texts named `code`."""
    found = set()
    for node in ast.walk(ast.parse(next(CORE.rglob(f"{module}.py")).read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("say", "settle", "doubt")
        ):
            # The code is the last of the plain arguments: `say(code)`, `settle(state, code)`.
            code = node.args[-1]
            found |= {code.value} if isinstance(code, ast.Constant) else set()
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "code":
            found |= {
                leaf.value
                for leaf in ast.walk(node.value)
                if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
            }
    return found


@pytest.mark.parametrize("code", REASONS)
def test_reason_is_documented(code: str) -> None:
    section = " ".join(SECTIONS.get(code, "").split())
    kind = REASONS[code]
    for part in (kind.severity, kind.message, kind.fix, kind.source):
        assert part in section, f"docs/reasons.md, section {code}: add {part!r}"


@pytest.mark.parametrize(
    "code", re.findall(r'_risk\("(\w+)"', Path(restart_risks.__file__).read_text(encoding="utf-8"))
)
def test_restart_risk_is_documented(code: str) -> None:
    assert SECTIONS.get(code, "").strip()


def test_nothing_else_is_documented() -> None:
    risks = set(re.findall(r'_risk\("(\w+)"', Path(restart_risks.__file__).read_text(encoding="utf-8")))
    assert len(risks) == 6
    assert set(SECTIONS) == set(REASONS) | risks


def test_page_is_made_of_the_catalogue() -> None:
    """Stale? tools/make_reasons.py makes it anew."""
    assert make_reasons.page(make_reasons.REASONS) == DOCS
    assert make_reasons.DEST.read_text(encoding="utf-8") == DOCS


def test_page_follows_the_catalogue() -> None:
    changed = {**REASONS, "new_code": reasons.Kind(reasons.WARNING, "Something new.", "Look.", "nowhere")}
    made = make_reasons.page(changed)
    assert "### `new_code`\n\nSomething new.\n\n* Severity: warning\n* What puts it right: Look.\n" in made
    assert made.index("## Warnings") < made.index("new_code") < made.index("## Restart risks")


def test_codes_given_are_those_of_the_catalogue() -> None:
    assert said("track") | said("cautions") | said("status") == set(REASONS)


@pytest.mark.parametrize("code", REASONS)
def test_reason_is_complete(code: str) -> None:
    kind = REASONS[code]
    assert kind.severity in (reasons.CAUSE, reasons.WARNING)
    assert kind.message
    assert kind.fix.endswith(".")
    assert kind.source
    filled = reasons.reason(code, **dict.fromkeys(words(kind.message) | words(kind.fix), "{x}"))
    assert filled["code"] == code
    assert filled["severity"] == kind.severity
    assert filled["message"].count("{") == filled["message"].count("{x}")


def test_every_cause_has_its_advice() -> None:
    """Those of `Signals.cause` and `Signals.kbs_cause`, and no other."""
    found = {
        *(Signals({"hotfixes": answer}).kbs_cause() for answer in ANSWERS),
        *(Signals({"hotfixes": failed(kind)}).kbs_cause() for kind in signals.CAUSES),
        Signals({}).kbs_cause(),
    }
    assert found == set(reasons.ADVICE)
    assert reasons.advice(["timed out", "odd", "failed", "timed out"]) == (
        f"A{reasons.ADVICE['timed out'][1:]}; {reasons.ADVICE['failed']}"
    )


@pytest.mark.parametrize("code", REASONS)
def test_reason_rests_on_probes_that_are_collected(code: str) -> None:
    assert set(REASONS[code].rests_on) <= set(quiet_host())


def test_severity_can_be_raised() -> None:
    assert reasons.reason("licence_fault")["severity"] == "warning"
    assert reasons.reason("licence_fault", severity="cause")["severity"] == "cause"


def test_severity_is_named() -> None:
    with pytest.raises(TypeError):
        reasons.reason(*("licence_fault", "cause"))


def test_words_of_a_host_are_not_templates() -> None:
    found = reasons.reason("edition_unclear", edition="{0.__class__}{edition}", why="{why}")
    assert "{0.__class__}{edition}" in found["message"]
