# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret in a setting stands in no error, no record and no report."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hosts
import pytest
from ansible_collections.rebootless.patching.plugins.action import health_info
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import drain, hooks
from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run import health as verify
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import record

SECRET = "Tr0ub4dor-3-correct-horse"
# Every shape that a wrong setting has, with a secret in it.
SHAPES: dict[str, Any] = {
    "text": SECRET,
    "sentence": f"Bearer {SECRET}",
    "address": f"https://user:{SECRET}@host/ x",
    "query": f"ftp://host/?key={SECRET}",
    "list": [SECRET],
    "mapping": {"Authorization": SECRET},
    "key": {f"Authorization: {SECRET}": None},
    "bytes": SECRET.encode(),
}
URL = {"url": "https://host/", "status": 200, "text": "up", "timeout": 5, "validate_certs": True, "headers": {}}
PORT = {"port": 1, "host": "host", "from": "controller", "timeout": 5}
BALANCER = {
    "type": "load_balancer",
    "name": "x",
    "drain": {"url": "https://host/"},
    "restore": {"url": "https://host/"},
}
REQUEST = {**URL, "method": "POST", "body": "x"}
PLACES = [
    *((f"verify_{option}", {option: None}) for option in ("urls", "ports", "services", "running", "ignore_services")),
    *((f"verify_urls.{key}", {"urls": [{**URL, key: None}]}) for key in URL),
    *((f"verify_ports.{key}", {"ports": [{**PORT, key: None}]}) for key in PORT),
]


def filled(value: Any, shape: Any) -> Any:
    """The same with a shape in the place of None."""
    if isinstance(value, dict):
        return {key: filled(item, shape) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, shape) for item in value]
    return shape if value is None else value


def refusal(load: Callable[[], Any]) -> str:
    """What is said of settings that are refused; empty when they are good."""
    try:
        load()
    except (verify.VerifyError, drain.DrainError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("place", "options"), PLACES, ids=[name for name, _options in PLACES])
def test_no_mistake_in_the_checks_shows_a_secret(place: str, options: dict[str, Any], shape: str) -> None:
    said = refusal(lambda: verify.Wanted.load(filled(options, SHAPES[shape]), "verify_"))
    assert said.startswith("verify_") or not said
    assert SECRET not in said


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("key", [*BALANCER, *(f"drain.{key}" for key in REQUEST), ""])
def test_no_mistake_in_the_drain_shows_a_secret(key: str, shape: str) -> None:
    outer, _dot, inner = key.partition(".")
    adapter: Any = {**BALANCER, outer: {**REQUEST, inner: SHAPES[shape]} if inner else SHAPES[shape]}
    said = refusal(lambda: drain.load([adapter if key else SHAPES[shape]], "adapters"))
    assert said.startswith("adapters") or not said
    assert SECRET not in said


@pytest.mark.parametrize("shape", SHAPES)
def test_no_mistake_in_the_hooks_shows_a_secret(shape: str) -> None:
    said = [*hooks.phase_problems(SHAPES[shape], "h"), *hooks.phase_problems({"before_drain": SHAPES[shape]}, "h")]
    assert len(said) >= 1
    assert SECRET not in " ".join(said).partition("there is no such phase")[2]


def test_the_query_of_an_address_is_in_no_record_and_no_report(tmp_path: Path) -> None:
    urls = [
        {"url": f"https://user:{SECRET}@127.0.0.1:1/health?apikey={SECRET}&page=1#{SECRET}", "timeout": 1},
        {"url": f"http://127.0.0.1:1/?{SECRET}", "timeout": 1, "headers": {"Authorization": f"Bearer {SECRET}"}},
    ]
    look = hosts.ask(health_info, hosts.answers(), hosts.HONEST, urls=urls)
    names = [one["name"] for one in look["checks"] if one["kind"] == "url"]
    assert names == ["https://***@127.0.0.1:1/health?apikey=***&page=***&***", "http://127.0.0.1:1/?***"]
    assert SECRET not in str(look)
    path = tmp_path / "record.jsonl"
    settings = {"headers": {"X-Key": SECRET}, "sas": SECRET, "connectionString": SECRET, "pin": SECRET, "pass": SECRET}
    record.append(path, record.entry("r", "verified_after", hosts.HONEST, {**look, "settings": settings}, hosts.MOMENT))
    assert SECRET not in path.read_text(encoding="utf-8")


def test_every_place_is_tried() -> None:
    """A shape that is good in its place is no mistake; there are few of them."""
    tried = list(itertools.product(PLACES, SHAPES.values()))
    said = [refusal(lambda: verify.Wanted.load(filled(place[1], shape))) for place, shape in tried]  # noqa: B023
    assert sum(map(bool, said)) > 0.8 * len(tried)
