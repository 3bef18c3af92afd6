# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium, and what the tests of all reports look at."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
WIDTHS = [320, 390, 600, 699, 700, 768, 1024, 1400, 1920]

# Text against what lies behind it, by the formula of WCAG 2.2; gives the texts below 4.5.
CONTRAST = r"""
const parse = (text) => {
  const numbers = text.match(/[\d.]+(?:e-?\d+)?/g).map(Number);
  const scale = text.startsWith("color(srgb") ? 1 : 255;
  return { rgb: numbers.slice(0, 3).map((one) => one / scale), alpha: numbers[3] ?? 1 };
};
const light = (rgb) => {
  const [r, g, b] = rgb.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const found = parse(getComputedStyle(at).backgroundColor);
    if (found.alpha === 1) return found.rgb;
  }
  return [1, 1, 1];
};
const poor = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let seen = 0;
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const at = node.parentElement;
  if (!node.data.trim() || at.closest("script, style, title, option") || !at.checkVisibility()) continue;
  const inBar = at.closest("svg.bar");
  let back = behind(at);
  if (inBar) {
    const fill = getComputedStyle(at.parentElement.querySelector(".fill")).fill;
    back = parse(fill.startsWith("url") ? getComputedStyle(document.querySelector(".hatch-a")).fill : fill).rgb;
  }
  const front = parse(inBar ? getComputedStyle(at).fill : getComputedStyle(at).color).rgb;
  const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  seen += 1;
  if (ratio < 4.5) poor.push(node.data.trim().slice(0, 40) + " " + ratio.toFixed(2));
}
return { seen, poor: [...new Set(poor)] };
"""

# What of a page reaches beyond the right edge of the screen.
BEYOND = """
return [...document.querySelectorAll("body *")]
  .filter((one) => one.checkVisibility() && !one.closest("thead, .skip, .sprite, svg"))
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
  .map((one) => one.outerHTML.slice(0, 80));
"""


def session(profile: Path) -> Iterator[webdriver.Chrome]:
    """A fresh browser with its profile in this folder; the test is skipped where there is none."""
    missing = [path for path in (CHROMIUM, DRIVER) if not shutil.which(path)]
    if missing and os.environ.get("REBOOTLESS_REQUIRE_BROWSER") == "1":
        pytest.fail(f"no {' and no '.join(missing)}; install Debian's chromium and chromium-driver")
    if missing:
        pytest.skip(f"no {' and no '.join(missing)}; with REBOOTLESS_REQUIRE_BROWSER=1 this fails")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def look(
    browser: webdriver.Chrome, *, width: int = 1400, dark: bool = False, script: bool = True, media: str = "screen"
) -> None:
    """Set what the next page is seen with."""
    phone = width < 700
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": phone}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [feature]})
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})


def drain(browser: webdriver.Chrome) -> set[str]:
    """Every address that was asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return {one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"}


def rows(page: webdriver.Chrome) -> list[tuple[str, str]]:
    """The hosts that can be seen, from top to bottom, with their states."""
    return [
        (row.get_attribute("data-host") or "", row.get_attribute("data-state") or "")
        for row in page.find_elements(By.CSS_SELECTOR, "tbody.host")
        if row.is_displayed()
    ]


def names(page: webdriver.Chrome) -> list[str]:
    """The hosts that can be seen, from top to bottom."""
    return [name for name, _state in rows(page)]


def head(page: webdriver.Chrome, key: str) -> Any:
    """The head of a column."""
    return page.find_element(By.CSS_SELECTOR, f"thead th[data-key={key}]")
