# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make plugins/plugin_utils/host/data/releases.json from the researched history, sources and trust kept.

usage: tools/make_releases.py HOTPATCH_RELEASES_YML
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import yaml

DEST = Path(__file__).resolve().parent.parent / "plugins" / "plugin_utils" / "host" / "data" / "releases.json"
CVRF = "MSRC CVRF documents of that month (release-sources.md section 7); date is the Patch Tuesday of the month"
HISTORY = "Microsoft Learn, Windows Server release history (release-sources.md section 7)"
SECONDARY = "Third parties that quote Microsoft (release-sources.md section 7)"
S22, S25, W24, W25 = "windows_server_2022_azure_edition", "windows_server_2025", "windows_11_24h2", "windows_11_25h2"
# Section 7 of release-sources.md: product, date, KB, build, type, restart, confidence, source.
FILLERS: list[tuple[str, str, str, str, str, bool | None, str, str]] = [
    *[
        (S22, date, kb, f"20348.{revision}", "hotpatch", False, "vendor_page", CVRF)
        for date, kb, revision in (
            ("2022-02-08", "KB5010456", 525),
            ("2022-03-08", "KB5011580", 580),
            ("2022-06-14", "KB5014677", 770),
            ("2022-09-13", "KB5017392", 916),
            ("2022-11-08", "KB5019080", 1251),
            ("2023-03-14", "KB5023786", 1600),
            ("2023-05-09", "KB5026456", 1724),
            ("2023-08-08", "KB5029367", 1903),
            ("2023-09-12", "KB5030325", 1964),
            ("2023-11-14", "KB5032304", 2091),
            ("2023-12-12", "KB5033464", 2144),
        )
    ],
    (S25, "2026-01-17", "KB5077793", "26100.32234", "oob_lcu", None, "vendor_page", HISTORY),
    (S25, "2026-01-24", "KB5078135", "26100.32236", "oob_lcu", None, "vendor_page", HISTORY),
    (S25, "2026-04-19", "KB5091157", "26100.32698", "oob_lcu", None, "vendor_page", HISTORY),
    (S22, "2026-01-17", "KB5077800", "20348.4650", "oob_lcu", None, "vendor_page", HISTORY),
    (S22, "2026-01-24", "KB5078136", "20348.4651", "oob_lcu", None, "vendor_page", HISTORY),
    (S22, "2026-03-02", "KB5082314", "20348.4776", "oob_lcu", None, "vendor_page", HISTORY),
    (S22, "2026-04-19", "KB5091575", "20348.5024", "oob_lcu", None, "vendor_page", HISTORY),
    (S25, "2026-05-12", "KB5087539", "26100.32860", "ordinary", True, "vendor_page", HISTORY),
    (S22, "2026-05-12", "KB5087545", "20348.5139", "ordinary", True, "vendor_page", HISTORY),
    (W25, "2026-08-11", "KB5121003", "26200.9168", "ordinary", True, "secondary", "Note of the record of KB5120994"),
    (W24, "2026-08-11", "KB5120994", "26100.9106", "hotpatch", False, "vendor_page", CVRF),
    (
        W24,
        "2026-03-13",
        "KB5084597",
        "26100.7982",
        "oob_hotpatch",
        False,
        "vendor_page",
        "MSRC CVRF, and the support article's title for the day (release-sources.md sections 3 and 7)",
    ),
    (W25, "2026-03-13", "KB5084597", "26200.7982", "oob_hotpatch", False, "secondary", SECONDARY),
    (W24, "2026-01-24", "KB5078167", "26100.7634", "oob_hotpatch", False, "secondary", SECONDARY),
    (W25, "2026-01-24", "KB5078167", "26200.7634", "oob_hotpatch", False, "secondary", SECONDARY),
]
# What section 7 of release-sources.md adds to the months that the given file leaves out.
FILLED = {
    (S22, "2022-02 to 2023-12"): "The hotpatches of eleven of these months; their baselines are still missing.",
    (S25, "2026-01 and 2026-04"): "All three, with day and build.",
    (S22, "2026-01 and 2026-03"): "All three, with their days; KB5123303 is still unclear.",
    ("windows_11", "2026-03-13 and 2026-03-16"): "KB5084597, with its builds; KB5084897 is still missing.",
    (W24, "2024-11 to 2025-04 and 2025-07, 2025-08, 2026-04, 2026-08"): "2026-08.",
}
MISSING = [
    {
        "product": S22,
        "period": "2023-02",
        "reason": "KB5022921 is known only as superseded; its build is in no source.",
        "filled": None,
    }
]
CALENDAR = "Microsoft Learn, Windows Server hotpatch calendar, as read on 2026-10-02"
PLANNED = [("2026-10", "baseline"), ("2026-11", "hotpatch"), ("2026-12", "hotpatch")]


def patch_tuesday(month: str) -> str:
    """The second Tuesday of a month `YYYY-MM`, as the histories leave out the day."""
    year, number = map(int, month.split("-"))
    first = date(year, number, 1)
    return date(year, number, 1 + (1 - first.weekday()) % 7 + 7).isoformat()


def rows(given: dict[str, Any]) -> list[dict[str, Any]]:
    """Every record, the given ones first; keys are the same in each."""
    made = [
        {
            "product": record["product"],
            "date": record["date"],
            "kb": record["kb"],
            "build": record["build"],
            "type": record["type"],
            "restart": record["reboot"],
            "confidence": record["confidence"],
            "source": " ".join(record["source"].split()),
            "note": " ".join(record["note"].split()) if record.get("note") else None,
        }
        for record in given["releases"]
    ]
    source = " ".join(given["ordinary_updates_source"].split())
    made += [
        {
            "product": record["product"],
            "date": patch_tuesday(str(record["month"])[:7]),
            "kb": record["kb"],
            "build": record["build"],
            "type": "ordinary",
            "restart": True,
            "confidence": "secondary",
            "source": source,
            "note": "The ordinary cumulative update of a hotpatch month.",
        }
        for record in given["ordinary_updates_in_hotpatch_months"]
    ]
    keys = ("product", "date", "kb", "build", "type", "restart", "confidence", "source")
    made += [{**dict(zip(keys, row, strict=True)), "note": None} for row in FILLERS]
    return sorted(made, key=lambda record: (record["product"], record["date"], record["kb"]))


def omitted(given: dict[str, Any]) -> list[dict[str, str | None]]:
    """What the table is known to lack, and what of it another source has filled since."""
    made: list[dict[str, str | None]] = [
        {
            **{key: " ".join(str(record[key]).split()) for key in ("product", "period", "reason")},
            "filled": FILLED.get((record["product"], str(record["period"]))),
        }
        for record in given["omitted"]
    ]
    unused = FILLED.keys() - {(record["product"], str(record["period"])) for record in given["omitted"]}
    if unused:
        raise SystemExit(f"make_releases: the given file no longer omits {sorted(unused)}; look at FILLED.")
    return made + MISSING


def main() -> None:
    """Write the table."""
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} HOTPATCH_RELEASES_YML")
    given = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    table: dict[str, Any] = {
        "schema": 1,
        "compiled": str(given["compiled"]),
        "releases": rows(given),
        "planned": [
            {"product": product, "month": month, "type": kind, "source": CALENDAR}
            for product in (S22, S25)
            for month, kind in PLANNED
        ],
        "omitted": omitted(given),
    }
    DEST.parent.mkdir(parents=True, exist_ok=True)
    DEST.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    print(f"{DEST.name}: {len(table['releases'])} releases, {len(table['planned'])} planned")


if __name__ == "__main__":
    main()
