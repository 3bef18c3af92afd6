# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MSRC documents: exact products, families and classes, everything else counted, and no document that is not whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update import msrc
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update.msrc import Document, Fix, MsrcError
from hypothesis import given, settings
from hypothesis import strategies as st

S25, S22, W24, W25 = (
    "windows_server_2025",
    "windows_server_2022_azure_edition",
    "windows_11_24h2",
    "windows_11_25h2",
)


def remediation(subtype: str, kb: str, build: str, *products: str, **fields: Any) -> dict[str, Any]:
    """A Vendor Fix as the JSON documents have it."""
    return {
        "Type": 2,
        "SubType": subtype,
        "Description": {"Value": kb},
        "FixedBuild": build,
        "RestartRequired": {"Value": "Yes"},
        "ProductID": list(products),
        "URL": "",
        **fields,
    }


def document(*remediations: dict[str, Any], name: str = "2026-Mar", title: str = "March 2026 Security Updates") -> Any:
    """A JSON document of one vulnerability with remediations and one without any."""
    return {
        "DocumentTitle": {"Value": title},
        "DocumentTracking": {"Identification": {"ID": {"Value": name}}, "InitialReleaseDate": "2026-03-10T07:00:00"},
        "ProductTree": {"FullProductName": [{"ProductID": "11923", "Value": "Windows Server 2022"}]},
        "Vulnerability": [
            {"CVE": "CVE-2026-0001", "Remediations": list(remediations)},
            {"CVE": "CVE-2026-0002", "Title": {"Value": "Sample without remediation"}},
        ],
    }


LCU = remediation("Security Update", "5078740", "10.0.26100.32522", "12436", Supercedence="5075899")
# release-sources.md section 6.
SAMPLE = [
    LCU,
    remediation("Security Hotpatch Update", "5078736", "10.0.26100.32463", "12436", RestartRequired={"Value": "No"}),
    remediation("AzureHotpatch", "5078737", "10.0.20348.4830", "11923"),
    remediation("SecurityHotpatchUpdate", "5075942", "10.0.26100.32313", "12436"),
    remediation("Security Hotpatch Update", "5084597", "10.0.26100.7982", "20437", "12390"),
    remediation("Security Only", "5074353", "10.0.20348.4467", "11923"),
    remediation("Security Update", "Release Notes", "", "12079-11923", RestartRequired={}),
    {
        "Type": 3,
        "SubType": "5078736",
        "URL": "https://support.microsoft.com/help/5078736",
        "ProductID": ["12436"],
    },
]
EARLY = """\
<cvrf:cvrfdoc xmlns:cvrf="http://www.icasi.org/CVRF/schema/cvrf/1.1" xmlns:vuln="http://www.icasi.org/CVRF/schema/vuln/1.1">
<cvrf:DocumentTitle>October 2026 Early Security Updates</cvrf:DocumentTitle>
<vuln:Vulnerability>
<vuln:Remediations>
<vuln:Remediation Type="Vendor Fix">
<vuln:Description>5120228</vuln:Description>
<vuln:URL />
<vuln:ProductID>12437</vuln:ProductID>
<vuln:ProductID>12436</vuln:ProductID>
<vuln:AffectedFiles />
<vuln:RestartRequired>Yes</vuln:RestartRequired>
<vuln:SubType>Security Hotpatch Update</vuln:SubType>
<vuln:FixedBuild>10.0.26100.33222</vuln:FixedBuild>
</vuln:Remediation>
</vuln:Remediations>
</vuln:Vulnerability>
</cvrf:cvrfdoc>
"""


def read(*remediations: dict[str, Any], month: str | None = None, **fields: str) -> Document:
    """A document of remediations."""
    return msrc.read(json.dumps(document(*remediations, **fields)), month)


# What a remediation that counts is called in XML, and others that do not, before and after it in the alphabet.
TYPES = {0: "Workaround", 2: "Vendor Fix", 3: "Release Notes"}


def xml(*remediations: dict[str, Any], name: str = "2026-Mar", title: str = "March 2026 Security Updates") -> str:
    """The same document as XML."""
    body = "".join(
        f'<vuln:Remediation Type="{TYPES.get(one["Type"], "Release Notes")}">'
        f"<vuln:Description>{one.get('Description', {}).get('Value', '')}</vuln:Description><vuln:URL />"
        + "".join(f"<vuln:ProductID> {product} </vuln:ProductID>" for product in one["ProductID"])
        + f"<vuln:SubType>{one['SubType']}</vuln:SubType><vuln:FixedBuild>{one.get('FixedBuild', '')}</vuln:FixedBuild>"
        "</vuln:Remediation>"
        for one in remediations
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<cvrf:cvrfdoc xmlns:cvrf="http://www.icasi.org/CVRF/schema/cvrf/1.1"'
        ' xmlns:vuln="http://www.icasi.org/CVRF/schema/vuln/1.1">'
        f"<cvrf:DocumentTitle>{title}</cvrf:DocumentTitle>"
        f"<cvrf:DocumentTracking><cvrf:Identification><cvrf:ID> {name} </cvrf:ID></cvrf:Identification></cvrf:DocumentTracking>"
        f"<vuln:Vulnerability><vuln:Remediations>{body}</vuln:Remediations></vuln:Vulnerability>"
        "<vuln:Vulnerability></vuln:Vulnerability></cvrf:cvrfdoc>"
    )


def error(text: str, month: str | None = None) -> str:
    """What a document in doubt is told."""
    with pytest.raises(MsrcError) as caught:
        msrc.read(text, month)
    assert isinstance(caught.value, ValueError)
    return str(caught.value)


def as_json(*remediations: dict[str, Any], **fields: str) -> str:
    """A JSON document as text."""
    return json.dumps(document(*remediations, **fields))


@pytest.mark.parametrize("form", [as_json, xml])
def test_sample_gives_what_the_facts_say(form: Callable[..., str]) -> None:
    found = msrc.read(form(*SAMPLE), "2026-03")
    assert found.fixes == (
        Fix(W24, "KB5084597", "26100.7982", True, "Security Hotpatch Update", 1),
        Fix(S22, "KB5074353", "20348.4467", False, "Security Only", 1),
        Fix(S22, "KB5078737", "20348.4830", True, "AzureHotpatch", 1),
        Fix(S25, "KB5075942", "26100.32313", True, "SecurityHotpatchUpdate", 1),
        Fix(S25, "KB5078736", "26100.32463", True, "Security Hotpatch Update", 1),
        Fix(S25, "KB5078740", "26100.32522", False, "Security Update", 1),
    )
    assert found.ignored == {"MSRC fix without a KB number": 1, "MSRC remediation that is no vendor fix": 1}
    assert found.notes == (
        "MSRC 2026-Mar: KB5084597: build 26100.7982 is not one of windows_11_25h2, which is named with it.",
    )
    assert (found.id, found.month, found.title) == ("2026-Mar", "2026-03", "March 2026 Security Updates")
    assert found.fixes[0].key == (W24, "KB5084597", "26100.7982")


@pytest.mark.parametrize("month", [None, "2026-10", "2026-Oct"])
def test_early_document_is_refused_by_its_title(month: str | None) -> None:
    said = (
        "'October 2026 Early Security Updates' is an early document, which has no Windows fixes yet;"
        " wait for the month's own."
    )
    assert error(EARLY, month) == said
    assert error(as_json(LCU, name="2026-Oct", title="October 2026 Early Security Updates"), month) == said


@pytest.mark.parametrize(
    "spelling", ["Azure Hotpatch", "AzureHotpatch", "SecurityHotpatchUpdate", "security hot-patch"]
)
def test_every_spelling_of_a_hotpatch(spelling: str) -> None:
    assert read(LCU, remediation(spelling, "5078736", "10.0.26100.32463", "12436")).fixes[0].hotpatch is True


@pytest.mark.parametrize("spelling", ["Security Update", "Security Only", "Monthly Rollup", "", "Hot Pat"])
def test_every_other_class(spelling: str) -> None:
    assert read(LCU, remediation(spelling, "5078736", "10.0.26100.32463", "12436")).fixes[0].hotpatch is False


@pytest.mark.parametrize(
    ("product", "family", "wanted"),
    [
        ("11923", "20348", S22),
        ("11924", "20348", S22),
        ("12436", "26100", S25),
        ("12437", "26100", S25),
        ("12389", "26100", W24),
        ("12390", "26100", W24),
        ("20437", "26200", W25),
        ("20438", "26200", W25),
    ],
)
def test_every_product(product: str, family: str, wanted: str) -> None:
    fixes = read(LCU, remediation("Security Update", "5000001", f"10.0.{family}.7", product)).fixes
    assert [fix.key for fix in fixes if fix.kb == "KB5000001"] == [(wanted, "KB5000001", f"{family}.7")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (LCU | {"Type": 3}, "MSRC remediation that is no vendor fix"),
        (LCU | {"Type": "2"}, "MSRC remediation that is no vendor fix"),
        (LCU | {"Type": None}, "MSRC remediation that is no vendor fix"),
        (LCU | {"Description": {"Value": "KB5078740"}}, "MSRC fix without a KB number"),
        (LCU | {"Description": {"Value": "12345"}}, "MSRC fix without a KB number"),
        (LCU | {"Description": {"Value": "123456789"}}, "MSRC fix without a KB number"),
        (LCU | {"Description": {"Value": 5078740}}, "MSRC fix without a KB number"),
        (LCU | {"Description": "5078740"}, "MSRC fix without a KB number"),
        (LCU | {"Description": None}, "MSRC fix without a KB number"),
        (LCU | {"ProductID": ["12244"]}, "MSRC fix of other products"),
        (LCU | {"ProductID": ["12079-11923"]}, "MSRC fix of other products"),
        (LCU | {"ProductID": None}, "MSRC fix of other products"),
        (LCU | {"FixedBuild": ""}, "MSRC fix without a build of Windows"),
        (LCU | {"FixedBuild": None}, "MSRC fix without a build of Windows"),
        (LCU | {"FixedBuild": "6.6.130.1-1"}, "MSRC fix without a build of Windows"),
        (LCU | {"FixedBuild": "26100.32522"}, "MSRC fix without a build of Windows"),
        (LCU | {"FixedBuild": "10.0.26100.1234567"}, "MSRC fix without a build of Windows"),
        (LCU | {"FixedBuild": "10.0.20348.1"}, "MSRC fix with a build of another product"),
    ],
)
def test_other_remediations_are_counted(row: dict[str, Any], reason: str) -> None:
    found = read(LCU, row, row)
    assert found.ignored == {reason: 2}
    assert [fix.kb for fix in found.fixes] == ["KB5078740"]


def test_fix_is_counted_for_each_product_it_fits() -> None:
    row = remediation("Security Update", "5077181", "10.0.26100.1", "12437", "12436", "12390", "11923", "99999")
    found = read(row, row)
    assert [(fix.product, fix.count) for fix in found.fixes] == [(W24, 2), (S25, 2)]
    assert found.ignored == {}
    assert found.notes == (f"MSRC 2026-Mar: KB5077181: build 26100.1 is not one of {S22}, which is named with it.",)


@pytest.mark.parametrize("product", ["11923", "12436"])
def test_document_is_whole_with_a_fix_for_a_server(product: str) -> None:
    family = {"11923": "20348", "12436": "26100"}[product]
    assert len(read(remediation("Security Update", "5078740", f"10.0.{family}.9", product)).fixes) == 1


@pytest.mark.parametrize("form", [as_json, xml])
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [LCU | {"Type": 0}],
        [LCU | {"Type": 3}],
        [LCU | {"ProductID": ["12390"]}],
        [LCU | {"ProductID": ["12437"]}],
        [LCU | {"FixedBuild": ""}],
    ],
)
def test_document_without_a_server_is_not_whole(rows: list[dict[str, Any]], form: Callable[..., str]) -> None:
    assert error(form(*rows)) == (
        "document 2026-Mar has no fix for product 11923 (windows_server_2022_azure_edition) or 12436 (windows_server_2025);"
        " it is not whole."
    )


@pytest.mark.parametrize("month", ["January", "February", "October", "December"])
def test_document_of_any_month(month: str) -> None:
    assert (
        msrc.read(as_json(LCU, name=f"2026-{month[:3]}", title=f"{month} 2026 Security Updates")).id
        == f"2026-{month[:3]}"
    )


@pytest.mark.parametrize("month", ["2026-03", "2026-Mar", None])
def test_document_of_the_month_that_was_asked_for(month: str | None) -> None:
    assert read(LCU, month=month).id == "2026-Mar"


@pytest.mark.parametrize(
    ("text", "month", "said"),
    [
        (as_json(LCU), "2026-04", "document 2026-Mar came for 2026-Apr; the month that was asked for is expected."),
        (as_json(LCU), "2026-11", "document 2026-Mar came for 2026-Nov; the month that was asked for is expected."),
        (as_json(LCU), "2025-Mar", "document 2026-Mar came for 2025-Mar; the month that was asked for is expected."),
        (as_json(LCU), "March", "month 'March' is not a month; one like '2026-03' is expected."),
        (as_json(LCU), "2026-13", "month '2026-13' is not a month; one like '2026-03' is expected."),
        (
            as_json(LCU, title="April 2026 Security Updates"),
            None,
            "document 2026-Mar is titled 'April 2026 Security Updates'; 'March 2026 Security Updates' is expected.",
        ),
        (
            as_json(LCU, title=""),
            None,
            "document 2026-Mar is titled ''; 'March 2026 Security Updates' is expected.",
        ),
        (as_json(LCU, name=""), None, "document id '' is not known; one like '2026-Mar' is expected."),
        (as_json(LCU, name="2018-FEB"), None, "document id '2018-FEB' is not known; one like '2026-Mar' is expected."),
        (as_json(LCU, name="2017-May-B"), None, "document id '2017-May-B' is not known; one like"),
        ("[]", None, "document id '' is not known"),
        ("", None, "this is not JSON ("),
        ("{", None, "this is not JSON ("),
        ("[" * 100_000, None, "this is not JSON ("),
        (as_json(LCU)[:-9], None, "this is not JSON ("),
        ("<!DOCTYPE html><html></html>", None, "this is HTML; a CVRF document in JSON or XML is expected."),
        ("\ufeff\n<HTML>", None, "this is HTML; a CVRF document in JSON or XML is expected."),
        (xml(LCU)[:-9], None, "this is not XML ("),
        ("<a/>", None, "the root of the document is 'a'; cvrfdoc is expected."),
        ("<rss/>", None, "the root of the document is 'rss'; cvrfdoc is expected."),
        (
            xml(LCU).replace("<cvrf:cvrfdoc", '<!DOCTYPE x [<!ENTITY a "b">]><cvrf:cvrfdoc', 1),
            None,
            "the document holds <!DOCTYPE; a CVRF document has no document type and no entities.",
        ),
        (xml(LCU) + "<!ENTITY a>", None, "the document holds <!ENTITY; a CVRF document has no document type"),
        ('{"Vulnerability": 1}', None, "document id '' is not known"),
        (
            json.dumps(document(LCU) | {"Vulnerability": {"a": 1}}),
            None,
            "field Vulnerability is {'a': 1}; a list is expected.",
        ),
        (
            json.dumps(document(LCU) | {"Vulnerability": [{"Remediations": "x"}]}),
            None,
            "Vulnerability[0] (no CVE): field Remediations is 'x'; a list is expected.",
        ),
        (
            as_json(LCU | {"ProductID": "12436"}),
            None,
            "Vulnerability[0] (CVE-2026-0001): field ProductID is '12436'; a list is expected.",
        ),
    ],
)
def test_document_in_doubt_is_refused(text: str, month: str | None, said: str) -> None:
    assert error(text, month).startswith(said)


def test_fields_may_be_missing() -> None:
    found = read(LCU, {}, {"Type": 2})
    assert found.ignored == {"MSRC fix without a KB number": 1, "MSRC remediation that is no vendor fix": 1}
    whole = document(LCU)
    whole["Vulnerability"] += [{}, None, {"Remediations": None}]
    assert len(msrc.read(json.dumps(whole)).fixes) == 1


@pytest.mark.parametrize(
    ("month", "name"), [(f"2026-{number:02}", f"2026-{msrc.MONTHS[number - 1][:3]}") for number in range(1, 13)]
)
def test_months_and_ids(month: str, name: str) -> None:
    assert msrc.document_id(month) == name == msrc.document_id(name)
    assert msrc.month_of(name) == month


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just([]) | st.just({})


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(range(len(SAMPLE))), st.sampled_from(list(LCU)), VALUES | st.just("drop")), max_size=6
    ),
    st.booleans(),
)
def test_every_remediation_is_a_fix_or_counted(changes: list[tuple[int, str, Any]], cut: bool) -> None:
    rows = [dict(row) for row in SAMPLE]
    for index, field, value in changes:
        rows[index][field] = value
        if value == "drop":
            del rows[index][field]
    text = as_json(*rows)
    try:
        found = msrc.read(text[: len(text) // 2] if cut else text)
    except MsrcError:
        return
    assert not cut
    assert sum(found.ignored.values()) + sum(fix.count for fix in found.fixes) == len(SAMPLE)
    assert {fix.kb for fix in found.fixes} <= {f"KB{row['Description']['Value']}" for row in SAMPLE[:6]}
