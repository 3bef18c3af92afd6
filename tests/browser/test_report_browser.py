# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTML report in a real browser: it shows what the JSON says, sorts, filters, loads nothing, can be read by all."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chromium
import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import status_report as report
from chromium import BEYOND, CONTRAST, WIDTHS, drain, head, look, names, rows
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

SAMPLE = Path(__file__).resolve().parents[1] / "unit" / "plugins" / "plugin_utils" / "fixtures" / "status.json"
NASTY = '<img src=x onerror="document.title=1">'


def document(hosts: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The status that is rendered."""
    sample = json.loads(SAMPLE.read_text())
    return report.document(
        sample["hosts"] if hosts is None else hosts,
        generated_at="2026-09-20T12:00:31Z",
        version="0.1.0",
        table=sample["table"],
        previous=sample["previous"],
    )


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A fresh headless Chromium."""
    yield from chromium.session(tmp_path_factory.mktemp("profile"))


@pytest.fixture
def page(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """The sample report, seen wide; afterwards nothing was fetched and nothing complained."""
    file = tmp_path / "status.html"
    file.write_text(report.html(document()), encoding="utf-8")
    look(browser)
    drain(browser)
    browser.get(file.as_uri())
    yield browser
    look(browser)
    assert drain(browser) <= {file.as_uri()}
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def test_shows_what_the_json_says(page: webdriver.Chrome) -> None:
    doc = document()
    assert dict(rows(page)) == {host["name"]: host["state"] for host in doc["hosts"]}
    for row in page.find_elements(By.CSS_SELECTOR, "tbody.host"):
        state = row.get_attribute("data-state") or ""
        assert row.find_element(By.CLASS_NAME, "badge").text == report.STATES[state].label
    legend = {
        one.get_attribute("data-state"): " ".join(one.text.split())
        for one in page.find_elements(By.CSS_SELECTOR, ".legend button")
    }
    counts = {name: count for name, count in doc["summary"]["states"].items() if count}
    assert legend == {name: f"{report.STATES[name].label} {count}" for name, count in counts.items()}
    lost = [one.text for one in page.find_elements(By.CSS_SELECTOR, "#lost li b")]
    assert lost == [host["name"] for host in doc["hosts"] if not host["reached"]]
    assert page.find_element(By.ID, "lost").location["y"] < page.find_element(By.ID, "fleet").location["y"]
    changes = {one.text for one in page.find_elements(By.CSS_SELECTOR, ".changes b")}
    assert changes == {change["name"] for change in doc["changes"]}


def test_sorts_by_every_column_in_both_directions(page: webdriver.Chrome) -> None:
    hosts = {host["name"]: host for host in document()["hosts"]}
    assert head(page, "state").get_attribute("aria-sort") == "ascending"
    for key in ("name", "state", "build", "baseline", "covered", "pending"):
        button = head(page, key).find_element(By.TAG_NAME, "button")
        button.click()
        if head(page, key).get_attribute("aria-sort") == "descending":
            button.click()
        assert head(page, key).get_attribute("aria-sort") == "ascending"
        up = names(page)
        button.click()
        assert head(page, key).get_attribute("aria-sort") == "descending"
        down = names(page)
        assert sorted(up) == sorted(down) == sorted(hosts)
        # The hosts of the sample that are covered at all are covered until the same day.
        assert (up == down) is (key == "covered")
        others = page.find_elements(By.CSS_SELECTOR, f"thead th:not([data-key={key}])")
        assert {one.get_attribute("aria-sort") for one in others} == {"none"}
    head(page, "name").find_element(By.TAG_NAME, "button").click()
    assert names(page) == sorted(hosts)
    head(page, "build").find_element(By.TAG_NAME, "button").click()
    builds = [hosts[name]["build"] for name in names(page)]
    numbers = [tuple(int(part) for part in build.split(".")) for build in builds if build]
    assert numbers == sorted(numbers)
    assert builds[-1] is None


def test_sorts_by_the_keyboard(page: webdriver.Chrome) -> None:
    button = head(page, "name").find_element(By.TAG_NAME, "button")
    page.execute_script("arguments[0].focus({focusVisible: true})", button)
    assert page.switch_to.active_element == button
    assert page.execute_script("return getComputedStyle(arguments[0]).outlineStyle", button) == "solid"
    button.send_keys("\ue007")
    assert names(page) == sorted(names(page))


def test_filters_by_text_and_state(page: webdriver.Chrome) -> None:
    text = page.find_element(By.ID, "text")
    text.send_keys("KB5122345 wsus")
    assert names(page) == ["ber-db-01.corp.example"]
    assert page.find_element(By.ID, "shown").text == "1 of 12"
    text.send_keys(" nothing like it")
    assert names(page) == []
    page.find_element(By.ID, "clear").click()
    assert len(names(page)) == 12
    Select(page.find_element(By.ID, "state")).select_by_value("on_track")
    assert {state for _name, state in rows(page)} == {"on_track"}
    button = page.find_element(By.CSS_SELECTOR, ".legend [data-state=behind]")
    button.click()
    assert rows(page) == [("muc-dc-01", "behind")]
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert len(names(page)) == 12


def test_details_open_one_by_one_and_all(page: webdriver.Chrome) -> None:
    row = page.find_element(By.CSS_SELECTOR, "[data-host='ber-file-03']")
    assert "cbs_reboot_pending" not in row.text
    row.find_element(By.TAG_NAME, "summary").click()
    assert "cbs_reboot_pending" in row.text
    assert "Configuration Manager restarts the host" in row.text
    page.find_element(By.ID, "unfold").click()
    assert len(page.find_elements(By.CSS_SELECTOR, "details[open]")) == 12
    page.find_element(By.ID, "unfold").click()
    assert page.find_elements(By.CSS_SELECTOR, "details[open]") == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_screen(page: webdriver.Chrome, width: int) -> None:
    look(page, width=width)
    page.find_element(By.ID, "unfold").click()
    assert page.execute_script("return [document.documentElement.scrollWidth, innerWidth]") == [width, width]
    assert page.execute_script(BEYOND) == []


def test_phone_shows_cards(page: webdriver.Chrome) -> None:
    look(page, width=390)
    cell = page.find_element(By.CSS_SELECTOR, "tbody.host td[data-label=Build]")
    assert page.execute_script("return getComputedStyle(arguments[0], '::before').content", cell) == '"Build"'
    Select(page.find_element(By.ID, "order")).select_by_value("name")
    assert names(page) == sorted(names(page))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1400])
def test_text_has_contrast(page: webdriver.Chrome, dark: bool, width: int) -> None:
    look(page, width=width, dark=dark)
    page.find_element(By.ID, "unfold").click()
    found = page.execute_script(CONTRAST)
    assert found["seen"] > 200
    assert found["poor"] == []


def test_works_without_script(page: webdriver.Chrome) -> None:
    look(page, script=False)
    page.refresh()
    assert not page.find_element(By.ID, "filter").is_displayed()
    assert len(page.find_elements(By.CSS_SELECTOR, "thead button")) == 0
    page.find_element(By.CSS_SELECTOR, "[data-host='ber-file-03'] summary").click()
    assert "cbs_reboot_pending" in page.find_element(By.CSS_SELECTOR, "[data-host='ber-file-03']").text


@pytest.mark.parametrize("script", [True, False])
def test_prints_the_details(page: webdriver.Chrome, script: bool) -> None:
    look(page, script=script, media="print")
    page.refresh()
    row = page.find_element(By.CSS_SELECTOR, "[data-host='ber-file-03']")
    assert row.find_element(By.CLASS_NAME, "reasons").rect["height"] > 0
    assert not page.find_element(By.ID, "filter").is_displayed()
    look(page, script=script)


def test_table_keeps_its_meaning(page: webdriver.Chrome) -> None:
    for width in (390, 1400):
        look(page, width=width)
        tree = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        roles = [node["role"]["value"] for node in tree if not node["ignored"]]
        assert roles.count("columnheader") == 6
        assert roles.count("rowheader") >= 12
        unnamed = [
            node
            for node in tree
            if not node["ignored"]
            and node["role"]["value"] in {"button", "searchbox", "combobox", "image", "link"}
            and not node.get("name", {}).get("value")
        ]
        assert unnamed == []


def test_hostile_hosts_stay_text(browser: webdriver.Chrome, tmp_path: Path) -> None:
    hosts = copy.deepcopy(json.loads(SAMPLE.read_text())["hosts"])
    for number, host in enumerate(hosts):
        host["name"] = f"{NASTY} n{number:02} {'x' * 120}"
        for reason in host["reasons"]:
            reason["message"] = f"</script><script>document.title = 2</script>{'y' * 300}"
    file = tmp_path / "status.html"
    file.write_text(report.html(document(hosts)), encoding="utf-8")
    look(browser, width=390)
    drain(browser)
    browser.get(file.as_uri())
    assert browser.title.startswith("Hotpatch status")
    assert len(names(browser)) == len(hosts)
    assert {name[: len(NASTY)] for name in names(browser)} == {NASTY}
    browser.find_element(By.ID, "text").send_keys("n07")
    assert len(names(browser)) == 1
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    assert browser.find_elements(By.TAG_NAME, "img") == []
    assert drain(browser) == {file.as_uri()}
    assert browser.get_log("browser") == []
    look(browser)


def test_the_demo_shows_the_states_of_its_json(browser: webdriver.Chrome) -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, str(root / "tools" / "demo.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    demo = root / "build" / "demo"
    assert (demo / "status.html").as_uri() in done.stdout
    hosts = json.loads((demo / "status.json").read_text())["hosts"]
    look(browser)
    browser.get((demo / "status.html").as_uri())
    words = {host["name"]: host["state"] for host in hosts}
    assert len(words) == 12
    assert len(set(words.values())) >= 7
    assert dict(rows(browser)) == words
