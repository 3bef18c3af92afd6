# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile and broken pages of the vendor: each is refused in one short printable sentence, or gives only rows that are whole."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update import learn_page, msrc
from test_learn_page import GOOD
from test_msrc import SAMPLE as REMEDIATIONS
from test_msrc import document

LONGEST = 2000
ESC = "\x1b]0;owned\x07\x1b[2J"
TABLE = "| --- | --- | --- | --- | --- | --- |\n"
ROW = "| February | 2026.02 B | Hotpatch | 2026-02-10 | 26100.32313 | [KB5075942](https://s/help/5075942) |  |"


def row(**cells: str) -> str:
    """The page with February's row changed: the text of one cell for another."""
    changed = ROW
    for old, new in zip(
        ("2026.02 B", "Hotpatch", "2026-02-10", "26100.32313", "KB5075942"), cells.values(), strict=False
    ):
        changed = changed.replace(old, new) if new else changed
    assert ROW in GOOD
    return GOOD.replace(ROW, changed)


PAGES: dict[str, str] = {
    "empty": "",
    "blank": " \n" * 1000,
    "binary": "\x00\x01\x02" * 1000,
    "one endless line": "|" + "x" * 2_000_000,
    "a million pipes": "|" * 1_000_000,
    "a million lines": "|\n" * 300_000,
    "twenty thousand columns": GOOD.replace(ROW, "|" + " x |" * 20_000),
    "header of twenty thousand columns": GOOD.replace("| Month |", "| Month |" + " x |" * 20_000),
    "ESC in a product": GOOD.replace("Windows Server 2022", f"Windows {ESC}"),
    "ESC in a column": GOOD.replace("| Month |", f"| {ESC} |"),
    "ESC in a date": row(label="", kind="", day=ESC),
    "ESC in a build": row(label="", kind="", day="", build=ESC),
    "ESC in a KB": row(label="", kind="", day="", build="", kb=ESC),
    "long product": GOOD.replace("Windows Server 2022", "W" * 100_000),
    "right to left": row(label="", kind="\u202ehctaptoH"),
    "zero width": row(label="", kind="Hot\u200bpatch"),
    "lone surrogate": row(label="", kind="\ud800"),
    "unknown kind": row(label="", kind="Coldpatch"),
    "month that is none": row(label="2026.13 B"),
    "year 9999": row(label="9999.02 B", kind="", day="9999-02-09"),
    "day that is none": row(label="", kind="", day="2026-02-31"),
    "day of another month": row(label="", kind="", day="2026-03-10"),
    "build of another product": row(label="", kind="", day="", build="20348.5000"),
    "build of letters": row(label="", kind="", day="", build="26100.abc"),
    "build without end": row(label="", kind="", day="", build="26100." + "9" * 5000),
    "KB of letters": row(label="", kind="", day="", build="", kb="KBABCDEFG"),
    "KB without end": row(label="", kind="", day="", build="", kb="KB" + "5" * 5000),
    "row twice with another build": GOOD.replace(ROW, f"{ROW}\n{ROW.replace('32313', '32314')}"),
    "no calendar": GOOD[: GOOD.index("## Windows Server hotpatch calendar")],
    "two calendars": GOOD + GOOD[GOOD.index("## Windows Server hotpatch calendar") :],
    "HTML": "<!DOCTYPE html><html><body><script>alert(1)</script></body></html>",
    "JSON": json.dumps({"a": [GOOD]}),
    "headings only": "## Windows Server release history\n## Windows Server hotpatch calendar\n",
    "deep headings": "#" * 50_000 + " x\n" + GOOD,
    "unclosed bold": "**" * 100_000 + GOOD,
    "brackets without end": GOOD.replace("[KB5075942]", "[" * 100_000),
    "template": row(label="", kind="{{ lookup('pipe', 'id') }}"),
}


def whole(text: str) -> bool:
    """Whether a sentence is printable and short enough for a terminal."""
    return text.isprintable() and 0 < len(text) <= LONGEST


def said(read: Callable[[], Any], refusal: type[Exception]) -> str | None:
    """The sentence by which a reader refuses; None when it takes what it was given."""
    try:
        read()
    except refusal as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_refused_in_a_sentence_or_gives_whole_rows(name: str) -> None:
    refused = said(lambda: learn_page.read("learn_server", PAGES[name]), learn_page.PageError)
    assert refused is None or whole(refused), refused[:300]
    if refused is None:
        page = learn_page.read("learn_server", PAGES[name])
        told = [*page.notes, *page.ignored, *(str(one) for one in page.review + page.doubts)]
        assert [one for one in told if not whole(one)] == []
        for one in page.calendar + page.ordinary + page.oob:
            assert re.fullmatch(r"KB\d{4,8}", one.kb)
            assert re.fullmatch(r"\d{5}\.\d{1,6}", one.build)


def changed(change: Callable[[Any], Any]) -> str:
    """The month's document as text, after a change."""
    made = document(*REMEDIATIONS)
    return json.dumps(change(made) or made)


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


DOCUMENTS: dict[str, str] = {
    "empty": "",
    "text": "no document",
    "HTML": "<html><body>sign in</body></html>",
    "null": "null",
    "list": "[]",
    "number": "1",
    "deep": nested(100_000),
    "deep in a field": changed(lambda made: made).replace('"Vulnerability": [', f'"Vulnerability": [{nested(2000)},'),
    "digits without end": '{"DocumentTitle": ' + "9" * 100_000 + "}",
    "no title": changed(lambda made: {key: value for key, value in made.items() if key != "DocumentTitle"}),
    "ESC in the title": changed(lambda made: {**made, "DocumentTitle": {"Value": ESC}}),
    "long title": changed(lambda made: {**made, "DocumentTitle": {"Value": "x" * 1_000_000}}),
    "another month": changed(lambda made: {**made, "DocumentTitle": {"Value": "April 2026 Security Updates"}}),
    "vulnerabilities that are none": changed(lambda made: {**made, "Vulnerability": "x"}),
    "vulnerabilities of wrong kinds": changed(lambda made: {**made, "Vulnerability": [1, None, [], "x"]}),
    "remediations of wrong kinds": changed(
        lambda made: {**made, "Vulnerability": [{"Remediations": [1, None, {"Type": []}]}]}
    ),
    "bomb of entities": (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
        + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
        + "]><x>&j;</x>"
    ),
    "external entity": '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
    "XML that is none": "<?xml version='1.0'?><a><b></a>",
    "deep XML": "<a>" * 100_000,
}


# What may be counted as no fix, beside the fixes of the document; an older Python refuses the depth.
HARMLESS = ("deep in a field",)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_refused_in_a_sentence(name: str) -> None:
    refused = said(lambda: msrc.read(DOCUMENTS[name], "2026-Mar"), msrc.MsrcError)
    assert refused is not None or name in HARMLESS
    assert refused is None or whole(refused), refused[:300]
