# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The renderings of a status: the published schema, widths, escaping, and that nothing is left out."""

from __future__ import annotations

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import status_report as report

ROOT = Path(__file__).resolve().parents[5]
SAMPLE: dict[str, Any] = json.loads((Path(__file__).parents[1] / "fixtures" / "status.json").read_text())
SCHEMA = json.loads((ROOT / "docs" / "status.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
FACTS: dict[str, Any] = {"generated_at": "2026-09-20T12:00:31Z", "version": "0.1.0", "table": SAMPLE["table"]}
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></script><!--",
    "{{ 7 * 7 }}{% raw %}",
    "a|b`c`*d*_e_[f](javascript:alert(1))",
    "\x1b[31mred\x1b[0m\x07\u202etxt.exe",
    "one\ntwo\r\n| three | four |",
    "日本語ホスト名-" * 6,
    "&amp;&lt;",
]


@pytest.fixture
def doc() -> dict[str, Any]:
    return report.document(SAMPLE["hosts"], previous=SAMPLE["previous"], **FACTS)


def hostile(text: str) -> dict[str, Any]:
    """A status in which every text that comes from a host is `text`."""
    host = copy.deepcopy(next(one for one in SAMPLE["hosts"] if one["name"] == "ber-file-03"))
    missed = copy.deepcopy(next(one for one in SAMPLE["hosts"] if not one["reached"]))
    host["name"], host["edition"], missed["name"] = text, text, f"{text} 2"
    missed["problem"]["message"] = text
    host["reasons"] = [{"code": "code", "severity": "cause", "message": text, "fix": text}]
    host["pending"]["reasons"][0]["detail"] = text
    host["pending"]["unknown_sources"] = [text]
    host["restart_risks"] = [{"code": "risk", "detail": text, "at": host["judged_at"]}]
    previous = [
        {"name": f"{text} 3", "state": "on_track", "track": "hotpatch", "reached": True, "judged_at": host["judged_at"]}
    ]
    return report.document([host, missed], query=text, previous=previous, **FACTS)


class Page(HTMLParser):
    """The tags and attributes of a page, and its visible text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.raw = False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.raw = tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self.raw = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self.raw else data


# --- the document ------------------------------------------------------------------------------------------------


def test_a_table_that_lacks_the_newest_patch_tuesday_is_named() -> None:
    table = {"newest": "2026-09-14", "compiled": "2026-11-22", "lacks_patch_tuesday": "2026-11-10"}
    doc = report.document([], **{**FACTS, "table": table})
    jsonschema.validate(doc, SCHEMA)
    said = "lacks the Patch Tuesday of 2026-11-10"
    assert said in report.terminal(doc, 200)
    assert said in report.html(doc)
    assert said in report.markdown(doc)
    assert "lacks" not in report.terminal(report.document([], **FACTS), 200)


def test_schema_is_a_schema_and_describes_every_property() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def bare(node: Any, where: str) -> list[str]:
        if not isinstance(node, dict):
            return []
        found = [
            f"{where}.{name}"
            for name, value in node.get("properties", {}).items()
            if not {"description", "$ref"} & set(value)
        ]
        if node.get("type") == "object" and "additionalProperties" not in node:
            found.append(f"{where} is open")
        for key, value in node.items():
            for item in value if isinstance(value, list) else [value]:
                found += bare(item, f"{where}.{key}")
        return found

    assert bare(SCHEMA, "") == []


def test_document_is_valid_sorted_and_survives_json(doc: dict[str, Any]) -> None:
    VALIDATOR.validate(json.loads(json.dumps(doc)))
    shuffled = report.document(SAMPLE["hosts"][::-1], previous=SAMPLE["previous"], **FACTS)
    assert shuffled == doc
    assert [host["name"] for host in doc["hosts"]] == sorted(host["name"] for host in SAMPLE["hosts"])


def test_document_of_no_hosts_is_valid() -> None:
    empty = report.document([], query="[?state=='behind']", **FACTS)
    VALIDATOR.validate(empty)
    assert empty["summary"]["hosts"] == 0
    for text in (report.terminal(empty, 80), report.markdown(empty), report.html(empty)):
        assert "0 hosts" in text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("hosts", 0, "state"), "fine"),
        (("hosts", 0, "extra"), 1),
        (("hosts", 0, "judged_at"), "2026-09-20 12:00"),
        (("hosts", 0, "pending", "pending"), "no"),
        (("hosts", 0, "reached"), None),
        (("summary", "states", "fine"), 1),
        (("changes", 0, "change"), "broke"),
        (("schema",), 2),
    ],
)
def test_schema_refuses(doc: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    broken = copy.deepcopy(doc)
    place: Any = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not VALIDATOR.is_valid(broken)


def test_first_run_has_no_changes() -> None:
    first = report.document(SAMPLE["hosts"], **FACTS)
    assert first["changes"] == []
    for text in (report.terminal(first, 120), report.markdown(first), report.html(first)):
        assert "Since the last status" not in text


def test_the_hosts_given_are_not_changed() -> None:
    before = json.dumps(SAMPLE)
    given = report.document(SAMPLE["hosts"], previous=SAMPLE["previous"], **FACTS)
    report.html(given), report.markdown(given), report.terminal(given, 80)
    assert json.dumps(SAMPLE) == before


# --- terminal ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [20, 60, 72, 80, 100, 120, 139, 140, 160, 200, 320])
@pytest.mark.parametrize("color", [False, True])
def test_terminal_keeps_to_its_width(doc: dict[str, Any], width: int, color: bool) -> None:
    for line in report.terminal(doc, width, color).splitlines():
        plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
        assert report.columns_of(plain) <= max(width, report.NARROWEST)


@pytest.mark.parametrize("width", [80, 120, 160])
def test_terminal_is_aligned_and_complete(doc: dict[str, Any], width: int) -> None:
    text = report.terminal(doc, width)
    lines = text.splitlines()
    place = lines[0].index("STATE")
    for host in doc["hosts"]:
        row = next(line for line in lines[2:] if line.startswith(host["name"][:15]))
        assert row[place:].split()[0] == host["state"]
        assert row[place - 1] == " "
    assert "12 hosts, 11 reached: 4 on_track" in text
    assert "Pending restart: 2 yes, 8 no, 2 unknown." in " ".join(text.split())
    assert "Not reached: 1 host\n  muc-hv-04: timed out." in text
    assert "ber-db-01.corp.example left the track: on_track → off_track" in text
    assert "muc-web-01 returned to the track: off_track → on_track" in text
    assert "zrh-app-09 is new" in text
    assert "old-print-01 is gone" in text
    assert "release table up to 2026-09-14" in " ".join(text.split())


def test_terminal_tells_restarts_that_have_a_time_nearest_first(doc: dict[str, Any]) -> None:
    said = "Configuration Manager restarts the host at"
    assert f"Will restart without this collection\n  2026-09-24 22:00 UTC ber-file-03: {said}" in report.terminal(
        doc, 120
    )
    sooner = {"code": "configmgr_deadline", "detail": "Sooner.", "at": "2026-09-20T20:00:00Z"}
    doc["hosts"][-1]["restart_risks"] = [sooner]
    lines = report.terminal(doc, 120).splitlines()
    place = lines.index("Will restart without this collection")
    assert lines[place + 1] == "  2026-09-20 20:00 UTC zrh-app-09: Sooner."
    assert lines[place + 2].startswith("  2026-09-24 22:00 UTC ber-file-03: ")
    for host in doc["hosts"]:
        host["restart_risks"] = [{**risk, "at": None} for risk in host["restart_risks"]]
    assert "Will restart" not in report.terminal(doc, 120)


def test_reports_say_where_restart_risks_were_looked_for(doc: dict[str, Any]) -> None:
    read = "automatic_updates_policy, azure_patch_extensions, mdm_update_policy, windows_update_policy"
    said = f"no restart risk seen; restart risks were looked for in {read}; not read: ccm_reboot (access denied)"
    assert report.md(said) in report.markdown(doc)
    assert said in report.html(doc)
    assert f"<dd>restart risks were looked for in {read.replace(', mdm', ', ccm_reboot, mdm')}</dd>" in report.html(doc)


def test_terminal_puts_reasons_beside_when_there_is_room(doc: dict[str, Any]) -> None:
    assert "REASON AND FIX" not in report.terminal(doc, 80)
    assert "REASON AND FIX" in report.terminal(doc, 160)
    assert "→ Restart the host in its window." in report.terminal(doc, 80)
    assert "servicing +1" in report.terminal(doc, 80)
    assert "servicing, management" in report.terminal(doc, 160)
    assert "2026-09-08 KB5122345" in report.terminal(doc, 160)


def test_terminal_colours_only_when_asked(doc: dict[str, Any]) -> None:
    assert "\x1b" not in report.terminal(doc, 120)
    assert "\x1b[31moff_track" in report.terminal(doc, 120, color=True)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("width", [80, 160])
def test_terminal_passes_no_control_characters_on(text: str, width: int) -> None:
    shown = report.terminal(hostile(text), width)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", shown)
    for line in shown.splitlines():
        assert report.columns_of(line) <= width


@pytest.mark.parametrize(
    ("text", "width", "short"),
    [
        ("short", 10, "short"),
        ("web-01.corp.example.com", 16, "web-01.corp.exa…"),
        ("a-very-long-name-0017", 12, "a-very…-0017"),
        ("日本語日本語", 7, "日…語"),
    ],
)
def test_names_are_cut_where_they_differ_least(text: str, width: int, short: str) -> None:
    assert report.columns_of(report.shorten(text, width)) <= width
    assert report.shorten(text, width)[0] == short[0]
    assert "…" in report.shorten(text, width) or report.shorten(text, width) == text
    if text.isascii():
        assert report.shorten(text, width) == short


@pytest.mark.parametrize(
    ("pending", "classes", "said"),
    [
        (False, [], "no"),
        (True, ["servicing", "servicing", "identity"], "servicing, identity"),
        (False, ["file_rename"], "no (file_rename)"),
        (True, ["legacy", "servicing"], "servicing (legacy)"),
        (None, [], "unknown"),
        (None, ["file_rename"], "unknown (file_rename)"),
    ],
)
def test_pending_in_words(pending: bool | None, classes: list[str], said: str) -> None:
    counting = ["identity", "management", "servicing"]
    assert (
        report.pending_words(
            {"pending": pending, "classes": counting, "reasons": [{"class": name} for name in classes]}
        )
        == said
    )


# --- Markdown ----------------------------------------------------------------------------------------------------


def cells(row: str) -> list[str]:
    """The cells of a Markdown table row."""
    return [cell.strip() for cell in re.split(r"(?<!\\)(?:\\\\)*\|", row)[1:-1]]


def test_markdown_has_every_host_and_section(doc: dict[str, Any]) -> None:
    text = report.markdown(doc)
    table = text.partition("## Hosts\n\n")[2].partition("\n\n")[0].splitlines()
    assert [cells(row)[:2] for row in table[2:]] == [[host["name"], host["state"]] for host in doc["hosts"]]
    assert {len(cells(row)) for row in table} == {6}
    assert "## Not reached" in text
    assert "- ber-db-01.corp.example left the track: on_track → off_track" in text
    assert "- restart risk auto_reboot_scheduled:" in text
    assert "C:\\\\Program Files" in text


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_escapes(text: str) -> None:
    shown = report.markdown(hostile(text))
    for row in (line for line in shown.splitlines() if line.startswith("|")):
        assert len(cells(row)) in {3, 6}
    assert not re.search(r"<(?!br>)", shown)
    assert not re.search(r"(?<!\\)[`\[\]*]", shown)


# --- HTML --------------------------------------------------------------------------------------------------------


def test_html_holds_what_the_json_holds(doc: dict[str, Any]) -> None:
    page = Page(report.html(doc))
    hosts = {attrs["data-host"]: attrs["data-state"] for tag, attrs in page.tags if tag == "tbody"}
    assert hosts == {host["name"]: host["state"] for host in doc["hosts"]}
    changes = [attrs["data-change"] for tag, attrs in page.tags if "data-change" in attrs]
    assert changes == [change["change"] for change in doc["changes"]]
    words = " ".join(page.text.split())
    for host in doc["hosts"]:
        for reason in host["reasons"]:
            assert reason["message"] in words
            assert reason["fix"] in words
        for wait in host["pending"]["reasons"]:
            assert wait["detail"] in words
        for risk in host["restart_risks"]:
            assert risk["detail"] in words
    assert SAMPLE["table"]["newest"] in words


def test_html_loads_nothing_and_allows_only_its_own_script(doc: dict[str, Any]) -> None:
    source = report.html(doc)
    page = Page(source)
    assert not [tag for tag, attrs in page.tags if tag in {"link", "img", "iframe", "object", "base"} or "src" in attrs]
    assert {attrs["href"] for _tag, attrs in page.tags if attrs.get("href")} <= {
        f"#i-{name}" for name in report.STATES
    } | {"#hosts", "#lost"}
    assert not re.search(r"url\((?!#)|@import", source)
    assert not [attrs for _tag, attrs in page.tags if any(name.startswith("on") or name == "style" for name in attrs)]
    policy = next(attrs["content"] for _tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


@pytest.mark.parametrize("text", HOSTILE)
def test_html_escapes(text: str) -> None:
    page = Page(report.html(hostile(text)))
    plain = Page(report.html(hostile("plain")))
    assert [tag for tag, _attrs in page.tags] == [tag for tag, _attrs in plain.tags]
    assert report.clean(text) in " ".join(page.text.split())


def test_state_bar_fills_its_width(doc: dict[str, Any]) -> None:
    parts = report._segments(doc["summary"]["states"])
    assert sum(part["width"] for part in parts) == pytest.approx(100, abs=0.1)
    assert [part["x"] for part in parts] == sorted(part["x"] for part in parts)
    assert {part["state"]: part["count"] for part in parts} == {
        name: n for name, n in doc["summary"]["states"].items() if n
    }


def test_every_state_has_its_words() -> None:
    states = set(SCHEMA["$defs"]["state"]["enum"])
    assert set(report.STATES) == states
    assert set(report.URGENCY) == states
    assert set(report.CLASSES) == set(SCHEMA["$defs"]["class"]["enum"])
    assert set(report.CHANGES) == set(SCHEMA["$defs"]["change"]["properties"]["change"]["enum"])
    assert set(report.PRODUCTS) == set(SCHEMA["$defs"]["host"]["properties"]["product"]["enum"]) - {None}
