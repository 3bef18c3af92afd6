# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a host healthy, at the edges: documented limits, checks that share a name, services that stay as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import health as verify
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.health import VerifyError, Wanted
from test_health import look, service

ROLES = Path(__file__).resolve().parents[5] / "roles"


@pytest.mark.parametrize(
    ("role", "option", "most"),
    [
        ("verify", "verify_deadline", verify.LONGEST_DEADLINE),
        ("verify", "verify_interval", verify.LONGEST_INTERVAL),
        ("drain", "drain_interval", verify.LONGEST_INTERVAL),
    ],
)
def test_the_longest_times_are_the_documented_ones(role: str, option: str, most: int) -> None:
    specs = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    text = specs["argument_specs"]["main"]["options"][option]["description"]
    least, documented = map(int, re.findall(r"from (\d+) to (\d+)", text)[0])
    assert verify.whole(documented, option, least, most) == documented
    with pytest.raises(VerifyError) as caught:
        verify.whole(documented + 1, option, least, most)
    assert f"give a whole number from {least} to {documented}." in str(caught.value)


@pytest.mark.parametrize("kind", [kind for kind in verify.KINDS if kind != "service"])
def test_a_check_of_any_kind_that_fails_after_is_a_change(kind: str) -> None:
    before, after = (look(asked=[verify.check(kind, "x", ok, "")]) for ok in (True, False))
    assert verify.compare(before, after) == [{"kind": kind, "name": "x", "before": "ok", "after": "failed"}]


@pytest.mark.parametrize("kind", [kind for kind in verify.KINDS if kind != "service"])
def test_a_service_is_not_listed_by_a_check_of_its_name(kind: str) -> None:
    asked = [verify.check(kind, "Web", True, "")]
    before, after = (look(service("Web", state, "manual"), asked=asked) for state in ("started", "stopped"))
    assert verify.compare(before, after) == []


@pytest.mark.parametrize(
    ("state", "start"), [("started", "auto"), ("stopped", "disabled"), ("started", "disabled"), (None, "disabled")]
)
def test_a_listed_service_that_stays_as_it_is_has_not_changed(state: str | None, start: str) -> None:
    both = look(service("SQL", state, start), wanted=Wanted(services=("SQL",)))
    assert verify.compare(both, both) == []
