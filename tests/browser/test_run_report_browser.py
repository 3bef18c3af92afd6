# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reports of a plan and of a run in a real browser: they show what the JSON says, sort, filter, load nothing, fit a phone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chromium
import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import host_entry as run_host
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import host_view as run_view
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import html as run_page
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import page as report_parts
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import render as run_report
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import timeline as run_timeline
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import vocabulary as run_words
from chromium import BEYOND, CONTRAST, WIDTHS, drain, head, look, names
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "plugins" / "plugin_utils"))
examples: Any = __import__("run_examples")
rolling: Any = __import__("run_rolling")
FACTS: dict[str, Any] = {"generated_at": "2026-09-20T22:15:00Z", "version": "0.2.0"}
PROBLEM = "/var/lib/rebootless/record.jsonl line 91: cut off after 40 bytes."
DOCUMENTS = {
    "plan": run_report.plan(examples.decisions(), **FACTS),
    "run": run_report.run(examples.results(), about=examples.ABOUT, problems=[PROBLEM], **FACTS),
}
ROLLING = rolling.document()
WORDS = {"plan": ("decision", run_words.DECISIONS), "run": ("outcome", run_words.OUTCOMES)}
both = pytest.mark.parametrize("kind", ["plan", "run"])


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A fresh headless Chromium."""
    yield from chromium.session(tmp_path_factory.mktemp("profile"))


@pytest.fixture
def page(browser: webdriver.Chrome, tmp_path: Path, kind: str) -> Iterator[webdriver.Chrome]:
    """A report, seen wide; afterwards nothing was fetched and nothing complained."""
    file = tmp_path / f"{kind}.html"
    file.write_text(run_report.html(DOCUMENTS[kind]), encoding="utf-8")
    look(browser)
    drain(browser)
    browser.get(file.as_uri())
    yield browser
    look(browser)
    assert drain(browser) <= {file.as_uri()}
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def hosts(page: webdriver.Chrome, word: str) -> dict[str, str]:
    """The hosts that can be seen with one of their words, from top to bottom."""
    return {
        row.get_attribute("data-host") or "": row.get_attribute(f"data-{word}") or ""
        for row in page.find_elements(By.CSS_SELECTOR, "tbody.host")
        if row.is_displayed()
    }


def words_of(kind: str, word: str) -> dict[str, str]:
    """The hosts of the JSON with one of their words."""
    if kind == "plan":
        return {one["name"]: one[word] for one in DOCUMENTS[kind]["hosts"]}
    decided = {one["name"]: one["decision"] or run_host.NO_DECISION for one in DOCUMENTS[kind]["hosts"]}
    if word == "outcome":
        return {one["name"]: one[word] for one in DOCUMENTS[kind]["hosts"]}
    return {name: one[word] for name, one in decided.items()}


@both
def test_shows_what_the_json_says(page: webdriver.Chrome, kind: str) -> None:
    word, words = WORDS[kind]
    assert hosts(page, word) == words_of(kind, word)
    assert hosts(page, "state") == words_of(kind, "state")
    assert hosts(page, "decision") == words_of(kind, "decision")
    for row in page.find_elements(By.CSS_SELECTOR, "tbody.host"):
        badge = row.find_element(By.CSS_SELECTOR, ".main .badge")
        assert badge.text == words[row.get_attribute(f"data-{word}") or ""].label
    for name, known, counts in (
        (word, words, DOCUMENTS[kind]["summary"][f"{word}s"]),
        ("state", report_parts.STATES, DOCUMENTS[kind]["summary"]["states"]),
    ):
        legend = {
            one.get_attribute(f"data-{name}"): " ".join(one.text.split())
            for one in page.find_elements(By.CSS_SELECTOR, f".legend [data-filter={name}]")
        }
        assert legend == {one: f"{known[one].label} {count}" for one, count in counts.items()}
    assert [one.text for one in page.find_elements(By.CSS_SELECTOR, "#lost li b")] == ["muc-hv-04"]


@both
def test_what_needs_hands_stands_before_the_hosts(page: webdriver.Chrome, kind: str) -> None:
    sections = {
        "plan": ["lost", "due", "missing"],
        "run": ["lost", "surprises", "failures", "due", "missing", "problems"],
    }
    for name in sections[kind]:
        notice = page.find_element(By.ID, name)
        assert notice.location["y"] < page.find_element(By.ID, "fleet").location["y"]
    due = [one.text for one in page.find_elements(By.CSS_SELECTOR, "#due li b")]
    # The restart of the run is done, the other one is still owed.
    assert due == {"plan": ["ber-db-02.corp.example", "muc-app-07"], "run": ["muc-app-07"]}[kind]
    if kind == "run":
        assert "zrh-legacy-01" in page.find_element(By.ID, "surprises").text
        assert PROBLEM in page.find_element(By.ID, "problems").text


@both
def test_sorts_by_every_column_in_both_directions(page: webdriver.Chrome, kind: str) -> None:
    word = WORDS[kind][0]
    assert head(page, word).get_attribute("aria-sort") == "ascending"
    for key, _title in run_page.COLUMNS[kind]:
        button = head(page, key).find_element(By.TAG_NAME, "button")
        button.click()
        if head(page, key).get_attribute("aria-sort") == "descending":
            button.click()
        up = names(page)
        button.click()
        down = names(page)
        assert head(page, key).get_attribute("aria-sort") == "descending"
        assert sorted(up) == sorted(down) == sorted(words_of(kind, "state"))
        # All that are exposed have been for as long.
        assert (up == down) is (key == "exposed")
    head(page, "name").find_element(By.TAG_NAME, "button").click()
    assert names(page) == sorted(names(page))
    head(page, "install").find_element(By.TAG_NAME, "button").click()
    counts = {view.name: len(view.kbs) for view in run_view.views(DOCUMENTS[kind])}
    known = [counts[name] for name in names(page) if counts[name]]
    assert known == sorted(known)
    assert counts[names(page)[-1]] == 0


@both
def test_filters_by_text_and_by_each_word(page: webdriver.Chrome, kind: str) -> None:
    everything = len(names(page))
    text = page.find_element(By.ID, "text")
    text.send_keys("KB5122900 track")
    assert names(page) == ["ber-web-01.corp.example"]
    assert page.find_element(By.ID, "shown").text == f"1 of {everything}"
    text.send_keys(" nothing like it")
    assert names(page) == []
    page.find_element(By.ID, "clear").click()
    assert len(names(page)) == everything
    for word in sorted({"state", "decision", WORDS[kind][0]}):
        choice = Select(page.find_element(By.ID, word))
        for option in [one.get_attribute("value") for one in choice.options]:
            choice.select_by_value(option or "")
            fitting = {name for name, said in words_of(kind, word).items() if option in {"", said}}
            assert set(names(page)) == fitting
        choice.select_by_value("")
    # Both at once.
    Select(page.find_element(By.ID, "state")).select_by_value("behind")
    Select(page.find_element(By.ID, "decision")).select_by_value("restart_due")
    assert names(page) == ["ber-db-02.corp.example"]
    page.find_element(By.ID, "text").send_keys("nothing like it")
    page.find_element(By.ID, "clear").click()
    assert len(names(page)) == everything


@both
def test_legends_filter(page: webdriver.Chrome, kind: str) -> None:
    everything = len(names(page))
    for word in ("state", WORDS[kind][0]):
        button = page.find_elements(By.CSS_SELECTOR, f".legend [data-filter={word}]")[1]
        button.click()
        assert set(hosts(page, word).values()) == {button.get_attribute(f"data-{word}")}
        pressed = page.find_elements(By.CSS_SELECTOR, ".legend [aria-pressed=true]")
        assert [one.get_attribute(f"data-{word}") for one in pressed] == [button.get_attribute(f"data-{word}")]
        button.click()
        assert len(names(page)) == everything


@both
def test_details_say_what_was_decided_and_why(page: webdriver.Chrome, kind: str) -> None:
    row = page.find_element(By.CSS_SELECTOR, "[data-host='ber-web-01.corp.example']")
    assert "It is a driver" not in row.text
    row.find_element(By.TAG_NAME, "summary").click()
    assert "It is a driver, and the policy takes no drivers." in row.text
    offers = [one.get_attribute("data-offer") for one in row.find_elements(By.CSS_SELECTOR, ".offers li")]
    assert offers == ["install", "install", "install", "refuse", "blocked"]
    if kind == "run":
        assert "26100.33158 → 26100.33222" in row.text
    page.find_element(By.ID, "unfold").click()
    assert len(page.find_elements(By.CSS_SELECTOR, "details[open]")) == len(names(page))
    page.find_element(By.ID, "unfold").click()
    assert page.find_elements(By.CSS_SELECTOR, "details[open]") == []


@pytest.mark.parametrize("width", WIDTHS)
@both
def test_nothing_is_wider_than_the_screen(page: webdriver.Chrome, kind: str, width: int) -> None:
    look(page, width=width)
    page.find_element(By.ID, "unfold").click()
    assert page.execute_script("return [document.documentElement.scrollWidth, innerWidth]") == [width, width]
    assert page.execute_script(BEYOND) == []


@both
def test_phone_shows_cards_and_sorts(page: webdriver.Chrome, kind: str) -> None:
    look(page, width=390)
    cell = page.find_element(By.CSS_SELECTOR, "tbody.host td[data-label='Left out']")
    assert page.execute_script("return getComputedStyle(arguments[0], '::before').content", cell) == '"Left out"'
    order = Select(page.find_element(By.ID, "order"))
    assert {one.get_attribute("value") for one in order.options} == {key for key, _title in run_page.COLUMNS[kind]}
    order.select_by_value("name")
    assert names(page) == sorted(names(page))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1400])
@both
def test_text_has_contrast(page: webdriver.Chrome, kind: str, width: int, dark: bool) -> None:
    look(page, width=width, dark=dark)
    page.find_element(By.ID, "unfold").click()
    found = page.execute_script(CONTRAST)
    assert found["seen"] > 200
    assert found["poor"] == []


@both
def test_works_without_script(page: webdriver.Chrome, kind: str) -> None:
    look(page, script=False)
    page.refresh()
    assert not page.find_element(By.ID, "filter").is_displayed()
    assert page.find_elements(By.CSS_SELECTOR, "thead button") == []
    page.find_element(By.CSS_SELECTOR, "[data-host='ber-db-01.corp.example'] summary").click()
    text = page.find_element(By.CSS_SELECTOR, "[data-host='ber-db-01.corp.example']").text
    assert "The hotpatch of 2026-10-13 needs this baseline." in text


@pytest.mark.parametrize("script", [True, False])
@both
def test_prints_the_details(page: webdriver.Chrome, kind: str, script: bool) -> None:
    look(page, script=script, media="print")
    page.refresh()
    row = page.find_element(By.CSS_SELECTOR, "[data-host='ber-web-01.corp.example']")
    assert row.find_element(By.CLASS_NAME, "offers").rect["height"] > 0
    assert not page.find_element(By.ID, "filter").is_displayed()
    look(page, script=script)


@both
def test_table_keeps_its_meaning(page: webdriver.Chrome, kind: str) -> None:
    for width in (390, 1400):
        look(page, width=width)
        tree = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        roles = [node["role"]["value"] for node in tree if not node["ignored"]]
        assert roles.count("columnheader") == len(run_page.COLUMNS[kind])
        assert roles.count("rowheader") >= len(DOCUMENTS[kind]["hosts"])
        unnamed = [
            node
            for node in tree
            if not node["ignored"]
            and node["role"]["value"] in {"button", "searchbox", "combobox", "image", "link"}
            and not node.get("name", {}).get("value")
        ]
        assert unnamed == []


# --- a rolling run -----------------------------------------------------------------------------------------------


@pytest.fixture
def rolled(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """The report of a rolling run over 24 hosts; afterwards nothing was fetched and nothing complained."""
    file = tmp_path / "rolling.html"
    file.write_text(run_report.html(ROLLING), encoding="utf-8")
    look(browser)
    drain(browser)
    browser.get(file.as_uri())
    yield browser
    look(browser)
    assert drain(browser) <= {file.as_uri()}
    assert [entry["message"] for entry in browser.get_log("browser")] == []


# Edges of the drawn bars of a row, in percent of the picture.
EDGES = """
const picture = arguments[0].querySelector(".bars svg").getBoundingClientRect();
return [...arguments[0].querySelectorAll(arguments[1])].map((one) => one.getBoundingClientRect())
  .map((one) => [one.left, one.right].map((at) => 100 * (at - picture.left) / picture.width));
"""


def test_what_is_left_out_stands_first(rolled: webdriver.Chrome) -> None:
    notice = rolled.find_element(By.ID, "out")
    assert [one.text for one in notice.find_elements(By.TAG_NAME, "b")] == [rolling.KEPT, rolling.LOST]
    assert notice.location["y"] < rolled.find_element(By.CLASS_NAME, "charts").location["y"]
    assert names(rolled)[:2] == [rolling.KEPT, rolling.LOST]
    assert "2 hosts left out of service." in rolled.find_element(By.TAG_NAME, "header").text
    assert rolled.title.startswith("2 OUT OF SERVICE.")


@pytest.mark.parametrize("width", [390, 1400])
def test_bars_lie_where_the_times_say(rolled: webdriver.Chrome, width: int) -> None:
    look(rolled, width=width)
    line = ROLLING["timeline"]
    whole = run_timeline.seconds(line["from"], line["to"])
    rows = {
        row.find_element(By.TAG_NAME, "th").text.split()[0]: row
        for row in rolled.find_elements(By.CSS_SELECTOR, ".slots tbody tr")
    }
    assert len(rows) == len(line["slots"])
    for slot in line["slots"]:
        row = rows[slot["host"]]
        spans = [[span["from"], span["to"] or line["to"]] for span in slot["out"]]
        wanted = [[100 * run_timeline.seconds(line["from"], time) / whole for time in span] for span in spans]
        drawn = rolled.execute_script(EDGES, row, ".outage")
        assert drawn == [pytest.approx(edges, abs=1.5) for edges in wanted]
        assert len(rolled.execute_script(EDGES, row, "path.restarts")) == len(slot["restarts"])
        open_ones = row.find_elements(By.CSS_SELECTOR, ".outage.open")
        # Without any colour an open bar is told from a closed one: by its outline and in words.
        assert len(open_ones) == sum(span["to"] is None for span in slot["out"])
        assert ("NOT BACK" in row.text) is bool(open_ones)
        assert all(one.value_of_css_property("fill") == "none" for one in open_ones)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_part_of_a_rolling_run_is_wider_than_the_screen(rolled: webdriver.Chrome, width: int) -> None:
    look(rolled, width=width)
    rolled.find_element(By.ID, "unfold").click()
    assert rolled.execute_script("return [document.documentElement.scrollWidth, innerWidth]") == [width, width]
    assert rolled.execute_script(BEYOND) == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1400])
def test_text_of_a_rolling_run_has_contrast(rolled: webdriver.Chrome, width: int, dark: bool) -> None:
    look(rolled, width=width, dark=dark)
    rolled.find_element(By.ID, "unfold").click()
    assert rolled.execute_script(CONTRAST)["poor"] == []


def test_the_timeline_is_a_table_for_all(rolled: webdriver.Chrome) -> None:
    for width in (390, 1400):
        look(rolled, width=width)
        tree = rolled.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        seen = [node for node in tree if not node["ignored"]]
        assert (
            len([node for node in seen if node["role"]["value"] == "table" and "Who was out" in node["name"]["value"]])
            == 1
        )
        heads = {node["name"]["value"] for node in seen if node["role"]["value"] == "rowheader"}
        slots = ROLLING["timeline"]["slots"]
        assert {f"{one['host']} {'canary' if one['canary'] else 'wave ' + str(one['wave'])}" for one in slots} <= heads


def test_a_long_timeline_rolls_by_the_keyboard(browser: webdriver.Chrome, tmp_path: Path) -> None:
    slots = [{**slot, "host": f"{slot['host']}-{number}"} for number in (1, 2) for slot in ROLLING["timeline"]["slots"]]
    doc = {**ROLLING, "timeline": {**ROLLING["timeline"], "slots": slots}}
    (tmp_path / "long.html").write_text(run_report.html(doc), encoding="utf-8")
    look(browser)
    browser.get((tmp_path / "long.html").as_uri())
    roll = browser.find_element(By.CLASS_NAME, "roll")
    assert roll.get_attribute("tabindex") == "0"
    assert browser.execute_script("return arguments[0].scrollHeight > arguments[0].clientHeight", roll)
