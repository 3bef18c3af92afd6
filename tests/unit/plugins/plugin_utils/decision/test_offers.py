# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Offers: what is read of them and what is not believed, whether they restart, and how win_updates is told which."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
from collections.abc import Collection
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import UNKNOWN, Signals, Unknown
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import offers
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.offers import (
    Accept,
    Offer,
    Offers,
    RestartClass,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import CATEGORIES
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import TYPES, Release, ReleaseTable
from fleet.pwsh import find_pwsh
from hypothesis import given
from hypothesis import strategies as st
from realistic import failed, ok

ID = "0a1b2c3d-0000-4000-8000-00000000000a"
OTHER = "0a1b2c3d-0000-4000-8000-00000000000b"
TITLE = "2026-09 Cumulative Update for Windows Server 2025 (KB5122871) (26100.33438)"
OUT = datetime(2026, 9, 8, 17, tzinfo=UTC)
PWSH = find_pwsh()


def raw(**changes: Any) -> dict[str, Any]:
    """An offer as the module returns it; a change is a property's value."""
    return {
        "id": ID,
        "revision": 200,
        "title": TITLE,
        "kbs": ["KB5122871"],
        "categories": [CATEGORIES["security"]],
        "severity": "Critical",
        "size": 1_500_000_000,
        "released": "2026-09-08T17:00:00Z",
        "browse_only": False,
        "eula_accepted": True,
        "hidden": False,
        "downloaded": True,
        "driver": False,
        "reboot_behaviour": 2,
        "impact": 0,
        "requires_user_input": False,
        "bootstrapper": ok(None),
        "requires_restart": None,
        "unread": [],
        **changes,
    }


def read(*entries: object) -> Offers:
    """What is read of a list of entries."""
    found = offers.read(Signals({"agent_offers": ok(list(entries))}))
    assert isinstance(found, Offers)
    return found


def one(**changes: Any) -> Offer:
    """The one offer that is read."""
    found = read(raw(**changes))
    assert found.malformed == 0
    (offer,) = found.known
    return offer


# --- reading ---------------------------------------------------------------------------------------------------------


def test_an_offer_is_read_whole() -> None:
    assert one() == Offer(
        id=ID,
        revision=200,
        title=TITLE,
        kbs=("KB5122871",),
        categories=frozenset({CATEGORIES["security"]}),
        severity="Critical",
        size=1_500_000_000,
        released=OUT,
        driver=False,
        optional=False,
        hidden=False,
        eula_accepted=True,
        behaviour=2,
        requires_restart=UNKNOWN,
        unanswered=None,
    )


def test_an_offer_cannot_be_changed() -> None:
    offer = one()
    with pytest.raises(FrozenInstanceError):
        offer.__setattr__("revision", 201)


@pytest.mark.parametrize(
    "probe",
    [None, failed(), failed("denied"), ok(None), ok("x"), ok({}), {"ok": True}, "x", {"ok": False, "value": []}],
)
def test_no_list_is_no_answer(probe: object) -> None:
    assert offers.read(Signals({"agent_offers": probe})) is UNKNOWN
    assert offers.read(Signals({})) is UNKNOWN


def test_an_empty_list_is_an_answer() -> None:
    assert read() == Offers((), 0)


JUNK: list[Any] = [None, "", " ", 0, 1, -1, 2**40, True, 1.5, [], {}, ["x"], [None], {"x": 1}, "x\x1b[31m", "x\n"]
# Without one of these an offer cannot be told from others, or not be found in a policy.
NEEDED: dict[str, list[Any]] = {
    "id": [value for value in JUNK if value != "x"],
    "revision": [value for value in JUNK if value is True or not isinstance(value, int) or not 0 <= value <= 2**32],
    "title": [value for value in JUNK if not isinstance(value, str)],
    "kbs": [value for value in JUNK if not isinstance(value, list)],
}


@pytest.mark.parametrize("name", NEEDED)
def test_malformed(name: str) -> None:
    for value in NEEDED[name]:
        assert read(raw(**{name: value}), raw(id=OTHER)) == Offers(read(raw(id=OTHER)).known, 1)


@pytest.mark.parametrize("name", NEEDED)
def test_a_needed_property_is_missing(name: str) -> None:
    entry = raw()
    del entry[name]
    assert read(entry) == Offers((), 1)


@pytest.mark.parametrize("entry", [None, "KB5122871", 1, True, [], ["id"], {}])
def test_no_offer_at_all(entry: object) -> None:
    assert read(entry, raw(), entry) == Offers(read(raw()).known, 2)


# The field, and what is a value of it among the junk; everything else is UNKNOWN.
FIELDS: dict[str, tuple[str, dict[str, object]]] = {
    "size": ("size", {"0": 0, "1": 1}),
    "released": ("released", {}),
    "driver": ("driver", {"True": True}),
    "browse_only": ("optional", {"True": True}),
    "hidden": ("hidden", {"True": True}),
    "eula_accepted": ("eula_accepted", {"True": True}),
    "reboot_behaviour": ("behaviour", {"0": 0, "1": 1}),
    "requires_restart": ("requires_restart", {}),
}


@pytest.mark.parametrize("name", FIELDS)
def test_what_cannot_be_read_is_unknown(name: str) -> None:
    field, good = FIELDS[name]
    for value in JUNK:
        offer = one(**{name: value})
        assert getattr(offer, field) is good.get(repr(value), UNKNOWN)
        assert {**vars(offer), field: None} == {**vars(one()), field: None}


@pytest.mark.parametrize("name", FIELDS)
def test_what_is_not_told_is_unknown(name: str) -> None:
    entry = raw()
    del entry[name]
    (offer,) = read(entry).known
    assert getattr(offer, FIELDS[name][0]) is UNKNOWN


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Critical", "Critical"),
        ("Unrated", "Unrated"),
        *[(value, None) for value in JUNK],
    ],
)
def test_severity(value: object, expected: str | None) -> None:
    assert one(severity=value).severity == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([CATEGORIES["tools"].upper(), "x"], {CATEGORIES["tools"], "x"}),
        ([None, 5, "x\x1b[31m", "", ["x"], "y"], {"y"}),
        *[(value, {"x"} if value == ["x"] else set()) for value in JUNK],
    ],
)
def test_categories(value: object, expected: set[str]) -> None:
    assert one(categories=value).categories == expected


def test_words_of_categories() -> None:
    unknown = "ffffffff-0000-4000-8000-000000000000"
    guids = [unknown, CATEGORIES["updates"], CATEGORIES["drivers"], CATEGORIES["critical"]]
    assert one(categories=guids).words() == ["critical", "drivers", unknown, "updates"]
    assert one(categories=list(CATEGORIES.values())).words() == sorted(CATEGORIES)
    assert one(categories=[]).words() == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], ()),
        (["KB5122871", "kb890830"], ("KB5122871", "KB890830")),
        (["KB5000002", "KB5000001"], ("KB5000002", "KB5000001")),
        (["KB1234", "KB12345678"], ("KB1234", "KB12345678")),
        (
            ["KB123", "KB123456789", "5122871", " KB5122871", "KB5122871\n", None, 5, ["KB5122871"], "KB5122872"],
            ("KB5122872",),
        ),
    ],
)
def test_kbs(value: object, expected: tuple[str, ...]) -> None:
    offer = one(kbs=value)
    assert offer.kbs == expected
    assert offer.kb == (expected[0] if expected else None)
    assert offer.label == (expected[0] if expected else TITLE)


def test_ids_are_lower_case() -> None:
    assert one(id=ID.upper()).id == ID


def test_a_title_steers_no_terminal() -> None:
    offer = one(title="Driver\n\x1b[31m 1.0", kbs=[])
    assert offer.title == "Driver\n\x1b[31m 1.0"
    assert offer.label == "Driver ?[31m 1.0"
    assert offers.brief(offer) == {"id": ID, "revision": 200, "title": "Driver ?[31m 1.0", "kb": None, "kbs": []}


def test_brief() -> None:
    kbs = ["KB5122871", "KB5122872"]
    assert offers.brief(one(kbs=kbs)) == {"id": ID, "revision": 200, "title": TITLE, "kb": kbs[0], "kbs": kbs}


# --- an answer for this host -----------------------------------------------------------------------------------------

ANSWERS: list[tuple[Any, bool | Unknown, str | None]] = [
    (ok(True), True, None),
    (ok(False), False, None),
    (None, UNKNOWN, "not asked"),
    (failed("denied"), UNKNOWN, "access denied"),
    (failed("timeout"), UNKNOWN, "timed out"),
    (failed("unavailable"), UNKNOWN, "not available on the host"),
    (failed(), UNKNOWN, "failed"),
    (ok(None), UNKNOWN, "no value"),
    (ok(1), UNKNOWN, "unusable value"),
    (True, UNKNOWN, "malformed answer"),
]


@pytest.mark.parametrize(("answer", "expected", "why"), ANSWERS)
def test_answer_for_this_host(answer: object, expected: object, why: str | None) -> None:
    offer = one(bootstrapper=ok(True), requires_restart=answer)
    assert (offer.requires_restart, offer.unanswered) == (expected, why)
    # What decides nothing per machine has no answer to lack.
    for bootstrapper in (None, ok(False), ok(None), ok(1), failed(), True):
        offer = one(bootstrapper=bootstrapper, requires_restart=answer)
        assert (offer.requires_restart, offer.unanswered) == (expected, None)


# --- the same whatever the order -------------------------------------------------------------------------------------


def test_the_newest_revision_counts() -> None:
    assert [offer.revision for offer in read(raw(revision=2), raw(revision=10), raw(revision=9)).known] == [10]
    assert read(raw(revision=2), raw(id=ID.upper(), revision=2)).known == read(raw(revision=2)).known
    assert [offer.title for offer in read(raw(title="a"), raw(title="c"), raw(title="b")).known] == ["c"]
    assert [offer.title for offer in read(raw(title="c", revision=1), raw(title="a", revision=2)).known] == ["a"]


def test_of_two_that_differ_elsewhere_always_the_same_one_counts() -> None:
    first, second = raw(kbs=["KB5122871"]), raw(kbs=["KB5122872"])
    for order in ((first, second), (second, first)):
        assert [offer.kb for offer in read(*order).known] == ["KB5122871"]


def test_offers_are_sorted_by_kbs_and_id() -> None:
    entries = [
        raw(id="c", kbs=["KB5122871"]),
        raw(id="b", kbs=["KB5122871"]),
        raw(id="z", kbs=[]),
        raw(id="a", kbs=["KB5122872"]),
        raw(id="d", kbs=["KB5122871", "KB5000000"]),
    ]
    for order in itertools.permutations(entries):
        assert [offer.id for offer in read(*order).known] == ["z", "b", "c", "d", "a"]


ENTRIES = st.lists(
    st.one_of(
        st.sampled_from([None, 5, {}]),
        st.builds(
            raw,
            id=st.sampled_from(["a", "A", "b", None]),
            revision=st.sampled_from([1, 2, "x"]),
            title=st.sampled_from(["t", "u"]),
            kbs=st.sampled_from([[], ["KB5122871"], ["KB5122872"], None]),
            severity=st.sampled_from(["Low", None]),
        ),
    ),
    max_size=6,
)


@given(ENTRIES.flatmap(lambda entries: st.tuples(st.just(entries), st.permutations(entries))))
def test_the_order_of_the_answer_says_nothing(both: tuple[list[Any], list[Any]]) -> None:
    first, second = read(*both[0]), read(*both[1])
    assert first == second
    ids = [offer.id for offer in first.known]
    assert len(set(ids)) == len(ids)
    assert len(ids) + first.malformed <= len(both[0])


# --- the release table's row -----------------------------------------------------------------------------------------


def release(
    kb: str = "KB5122871", day: str = "2026-09-08", kind: str = "baseline", restart: bool | None = None
) -> Release:
    """A row of the release table."""
    record = {
        "product": "windows_server_2025",
        "date": day,
        "kb": kb,
        "build": "26100.1",
        "type": kind,
        "restart": restart,
        "confidence": "calendar",
        "source": "A page.",
    }
    return ReleaseTable.load({"schema": 1, "compiled": "2026-11-22", "releases": [record]}).releases[0]


def test_the_row_of_an_offer() -> None:
    july, august, september = (
        release("KB5099536", "2026-07-14"),
        release("KB5120228", "2026-08-11", "hotpatch"),
        release("KB5122871", "2026-09-08"),
    )
    rows = (july, august, september)
    assert offers.row_of(one(), rows) is september
    assert offers.row_of(one(), ()) is None
    assert offers.row_of(one(kbs=["KB5122872"]), rows) is None
    assert offers.row_of(one(kbs=[]), rows) is None
    for kbs in itertools.permutations(["KB5099536", "KB5122872", "KB5120228"]):
        for order in itertools.permutations(rows):
            assert offers.row_of(one(kbs=list(kbs)), order) is august
    # Two builds of one KB on one day: the first of the table.
    twin = release("KB5122871", "2026-09-08", "ordinary")
    assert offers.row_of(one(), (september, twin)) is september
    assert offers.row_of(one(), (twin, september)) is twin


# --- restart class ---------------------------------------------------------------------------------------------------

BY_HOST, BY_STATIC, BY_TABLE, BY_NOBODY = (
    "the agent's answer for this host",
    "the agent's static answer",
    "the release table",
    "nobody",
)
# What each type of row says where it does not say `restart` itself.
TABLE_SAYS: dict[str, str | None] = {
    "baseline": "always",
    "unplanned_baseline": "always",
    "ordinary": "always",
    "oob_lcu": "always",
    "hotpatch": "none",
    "oob_hotpatch": "none",
    "oob_wsus_fix": None,
}
ROWS: list[tuple[str | None, bool | None, str | None]] = [
    (None, None, None),
    *[(kind, None, said) for kind, said in TABLE_SAYS.items()],
    *[(kind, restart, "always" if restart else "none") for kind in TABLE_SAYS for restart in (True, False)],
]
HOST_SAYS: list[tuple[Any, str | None]] = [
    (ok(True), "always"),
    (ok(False), "none"),
    (None, None),
    (failed("denied"), None),
    (ok(None), None),
]
STATIC_SAYS: list[tuple[Any, str | None, str | None]] = [
    (0, "none", None),
    (1, "always", None),
    (2, None, "possible"),
    (3, None, None),
    (None, None, None),
]


def test_the_table_of_types_is_whole() -> None:
    assert set(TABLE_SAYS) == TYPES
    assert (offers.BY_HOST, offers.BY_STATIC, offers.BY_TABLE, offers.BY_NOBODY) == (
        BY_HOST,
        BY_STATIC,
        BY_TABLE,
        BY_NOBODY,
    )


@pytest.mark.parametrize(("kind", "restart", "table_says"), ROWS)
def test_restart_class(kind: str | None, restart: bool | None, table_says: str | None) -> None:
    row = release(kind=kind, restart=restart) if kind else None
    for (answer, host_says), (static, surely, maybe) in itertools.product(HOST_SAYS, STATIC_SAYS):
        said = [
            (host_says, BY_HOST),
            (surely, BY_STATIC),
            (table_says, BY_TABLE),
            (maybe, BY_STATIC),
            ("unknown", BY_NOBODY),
        ]
        first = next(RestartClass(name, source) for name, source in said if name)
        assert offers.restart_class(one(reboot_behaviour=static, requires_restart=answer), row) == first


# --- what win_updates is told ----------------------------------------------------------------------------------------


def offer(number: int, title: str, kbs: Collection[str] = ()) -> Offer:
    """An offer that differs from others by number and title."""
    return one(id=f"id-{number:02}", title=title, kbs=list(kbs))


def selected(patterns: Collection[str], offered: Collection[Offer]) -> list[str]:
    """The ids that the patterns select, by Python's expressions."""
    found = [each for each in offered if any(re.search(one, each.compared, re.IGNORECASE) for one in patterns)]
    return sorted(each.id for each in found)


def test_the_text_that_is_compared() -> None:
    # PowerShell: a text plus a list is the list joined with blanks.
    assert offer(1, "Title", ["KB5122871", "KB5122872"]).compared == "TitleKB5122871 KB5122872"
    assert offer(1, "Title ").compared == "Title "


def test_accept() -> None:
    offered = [
        offer(1, "2026-09 Update (x64)", ["KB5122871"]),
        offer(2, "2026-09 Update (x64)", ["KB5122872"]),
        offer(3, "2026-09 Update", ["KB5122871"]),
        offer(4, "b. Driver", []),
    ]
    assert offers.accept(["id-01", "id-04", "id-09"], offered) == Accept(
        patterns=[r"^2026\-09\ Update\ \(x64\)KB5122871$(?!\n)", r"^b\.\ Driver$(?!\n)"],
        ids=["id-01", "id-04"],
        left_out={},
    )
    assert offers.accept([], offered) == offers.accept(["id-01"], []) == Accept([], [], {})


@pytest.mark.parametrize("title", ["Update\n", "Up\tdate", "Up\x1bdate", "Up\ufffddate", "Up\u202edate", "U" * 301])
def test_what_its_title_cannot_tell_is_left_out(title: str) -> None:
    """What came through the door was cut or changed there, or may have been."""
    told = offers.accept(["id-01", "id-02"], [offer(1, title, ["KB5122871"]), offer(2, "Update")])
    assert told == Accept([r"^Update$(?!\n)"], ["id-02"], {"id-01": offers.UNTOLD})


@pytest.mark.parametrize("title", ["Mise à jour\u00a0: x64", "\u200fעדכון", "به\u200cروز", "更新プログラム", "T" * 300])
def test_titles_as_windows_has_them_are_told(title: str) -> None:
    assert offers.accept(["id-01"], [offer(1, title)]).ids == ["id-01"]


TWINS: list[tuple[str, str]] = [
    ("Update", "Update"),
    ("Update", "UPDATE"),
    ("Straße", "STRASSE"),
    # To Turkish hosts capital I and dotless i are one, elsewhere the dotted capital and i.
    ("Intel", "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}ntel"),
    ("Intel", "\N{LATIN SMALL LETTER DOTLESS I}ntel"),
    ("\N{LATIN SMALL LETTER DOTLESS I}ntel", "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}ntel"),
    ("Kelvin", "\N{KELVIN SIGN}elvin"),
    ("σ", "ς"),
]


@pytest.mark.parametrize(("title", "other"), TWINS)
def test_two_that_nothing_tells_apart(title: str, other: str) -> None:
    offered = [offer(1, title), offer(2, other), offer(3, "Unlike")]
    assert offers.accept(["id-01", "id-03"], offered) == Accept([r"^Unlike$(?!\n)"], ["id-03"], {"id-01": offers.ALIKE})
    assert offers.accept(["id-02"], offered) == Accept([], [], {"id-02": offers.ALIKE})
    both = offers.accept(["id-01", "id-02"], offered)
    assert (both.patterns, both.ids, both.left_out) == (
        sorted({f"^{title}$(?!\\n)", f"^{other}$(?!\\n)"}),
        ["id-01", "id-02"],
        {},
    )
    assert selected(both.patterns, offered) == ["id-01", "id-02"]


ALPHABET = st.sampled_from(list("aAbK1 \n\t.*+?()[]{}^$|\\#&~-/'\"`,;:<>=!@%_€ßsSſiIİıKkσς\x00\x85\u2028"))
TITLES = st.lists(
    st.one_of(
        st.text(ALPHABET, max_size=4),
        st.sampled_from(
            ["Update", "Update\n", "Update\n\n", "Update (x64)", "Update KB5122871", "^Update$", "", "\\n"]
        ),
    ),
    min_size=1,
    max_size=8,
)
KBS = st.sampled_from([(), (), ("KB5122871",), ("KB5122871", "KB5122872")])


@st.composite
def choices(draw: st.DrawFn) -> tuple[list[Offer], list[str]]:
    """Offers, and the ids of those that are wanted."""
    offered = [offer(number, title, draw(KBS)) for number, title in enumerate(draw(TITLES))]
    wanted = draw(st.lists(st.sampled_from([each.id for each in offered]), unique=True))
    return offered, wanted


@given(choices())
def test_accept_selects_exactly_the_wanted(case: tuple[list[Offer], list[str]]) -> None:
    offered, wanted = case
    told = offers.accept(wanted, offered)
    assert sorted([*told.ids, *told.left_out]) == sorted(wanted)
    assert selected(told.patterns, offered) == sorted(told.ids)
    # Left out is only what has an unwanted twin or is told by no title, and the rest does not change with the order of the offers.
    others = {
        each.compared.casefold().replace("i\u0307", "i").replace("ı", "i") for each in offered if each.id not in wanted
    }
    for each in offered:
        if told.left_out.get(each.id) == offers.UNTOLD:
            twins = [one for one in offered if one.compared.casefold() == each.compared.casefold()]
            assert not all(one.selectable for one in twins)
        elif each.id in told.left_out:
            assert each.compared.casefold().replace("i\u0307", "i").replace("ı", "i") in others
    again = offers.accept(set(wanted), offered[::-1])
    assert (again.patterns, sorted(again.ids), sorted(again.left_out)) == (
        told.patterns,
        sorted(told.ids),
        sorted(told.left_out),
    )


POWERSHELL = """
$given = Get-Content -Raw -Encoding utf8 -LiteralPath $args[0] | ConvertFrom-Json
$answer = [ordered]@{}
foreach ($culture in 'invariant', 'en-US', 'de-DE', 'tr-TR') {
    # Where .NET has no data on languages only the invariant one can be asked.
    if ($culture -ne 'invariant') {
        try { [cultureinfo]::CurrentCulture = [cultureinfo]::new($culture) } catch { continue }
    }
    $answer[$culture] = @(foreach ($case in $given) {
            , @(foreach ($text in $case.texts) {
                    [bool]@(foreach ($pattern in $case.patterns) { if ($text -imatch $pattern) { $true; break } }).Count
                })
        })
}
ConvertTo-Json -InputObject $answer -Depth 5 -Compress
"""
TEXTS = [
    "",
    "Update",
    "update ",
    "Update\n",
    "Update\n\n",
    "Update\r\n",
    "2026-09 Cumulative Update for Windows Server 2025 (KB5122871) (26100.33438)",
    "2026-09 Cumulative Update for Windows Server 2025 (KB5122871) (26100.33439)",
    ".NET Framework 3.5 & 4.8.1 #1 ~ [x64] {a|b} ^$ a*b+c? \\d \\n \t end",
    "Straße",
    "STRASSE",
    "Intel Driver",
    "\u0130ntel Driver",
    "\u0131ntel Driver",
    "INTEL DRIVER 2",
    "\u212aelvin",
    "kelvin",
    "σ",
    "ς",
    "Mise à jour de sécurité Œuvre",
    "セキュリティ更新プログラム",
    "Обновление",
    "quote ' \" ` $(whoami) ${x} {{ jinja }}",
    "null\x00byte",
    "next\x85line\u2028separator\u00a0blank",
    *[f"x{character}y" for character in map(chr, range(1, 128))],
]


@pytest.mark.skipif(PWSH is None, reason="no pwsh on this machine")
def test_powershell_matches_as_python_does(tmp_path: Path) -> None:
    """One process of the real -imatch over many patterns, in several languages."""
    assert PWSH is not None
    offered = [offer(number, text) for number, text in enumerate(TEXTS)]
    offered += [offer(len(TEXTS) + number, text, ["KB5122871", "KB890830"]) for number, text in enumerate(TEXTS[:9])]
    every = [each.id for each in offered]
    wanted = [every, every[::2], every[1::2], every[:20], every[20:], *[[each] for each in every[:25]]]
    told = [offers.accept(chosen, offered) for chosen in wanted]
    cases = [{"patterns": one.patterns, "texts": [each.compared for each in offered]} for one in told]
    script, cases_file = tmp_path / "match.ps1", tmp_path / "given.json"
    script.write_text(POWERSHELL, encoding="utf-8")
    cases_file.write_text(json.dumps(cases), encoding="utf-8")
    command = [PWSH, "-NoProfile", "-NonInteractive", "-File", str(script), str(cases_file)]
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "0", "TMPDIR": str(tmp_path)}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)
    if ended.returncode:
        # No library for languages here: .NET does not start without, unless it is told to.
        environment["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1"
        ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, timeout=120)
    answers = json.loads(ended.stdout)
    assert "invariant" in answers
    for culture, found in answers.items():
        for one, flags in zip(told, found, strict=True):
            assert sorted(each.id for each, flag in zip(offered, flags, strict=True) if flag) == sorted(one.ids), (
                culture
            )
