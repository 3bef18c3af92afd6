# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vendor's security documents (MSRC CVRF, JSON or XML): which KB brings which product to which build.

A witness only: it confirms or contradicts what the release pages say, and never creates a record. Its word on restarts
is wrong for hotpatches, so it is not even read.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from xml.etree import ElementTree

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import shown
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import PRODUCTS, SHOWN
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update.learn_page import MONTHS

PRODUCT_IDS = {
    "11923": "windows_server_2022_azure_edition",
    "11924": "windows_server_2022_azure_edition",
    "12436": "windows_server_2025",
    "12437": "windows_server_2025",
    "12389": "windows_11_24h2",
    "12390": "windows_11_24h2",
    "20437": "windows_11_25h2",
    "20438": "windows_11_25h2",
}
# A document is whole when one of these has a fix in it.
WITNESSES = frozenset({"11923", "12436"})
DOCUMENT_ID = re.compile(r"([0-9]{4})-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)")
MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
DIGITS = re.compile(r"[0-9]{6,8}")
FIXED = re.compile(r"10\.0\.([0-9]{5})\.([0-9]{1,6})")
VENDOR_FIX = 2
NOT_A_FIX = "MSRC remediation that is no vendor fix"
NO_KB = "MSRC fix without a KB number"
NO_PRODUCT = "MSRC fix of other products"
NO_BUILD = "MSRC fix without a build of Windows"
NO_FAMILY = "MSRC fix with a build of another product"


class MsrcError(ValueError):
    """A document that cannot be trusted; the message says what was found and what is expected."""


class Remediation(NamedTuple):
    """One remediation of one vulnerability, the same from JSON and XML."""

    fix: bool
    description: str
    subtype: str
    build: str
    products: tuple[str, ...]


@dataclass(frozen=True)
class Fix:
    """One KB that brings one product to one build, and how often the document says so."""

    product: str
    kb: str
    build: str
    hotpatch: bool
    subtype: str
    count: int

    @property
    def key(self) -> tuple[str, str, str]:
        """Product, KB and build, as the release table knows a record."""
        return self.product, self.kb, self.build


@dataclass(frozen=True)
class Document:
    """What a month's document says about the products of the release table; `ignored` counts all other remediations."""

    id: str
    title: str
    fixes: tuple[Fix, ...]
    ignored: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def month(self) -> str:
        """The month as `2026-03`."""
        return month_of(self.id)


def month_of(name: str) -> str:
    """The month `2026-03` of a document id `2026-Mar`.

    :raises MsrcError: naming the value and what is allowed
    """
    match = DOCUMENT_ID.fullmatch(name)
    if match is None:
        raise MsrcError(f"document id {shown(name, SHOWN)!r} is not known; one like '2026-Mar' is expected.")
    number = next(index for index, month in enumerate(MONTHS, 1) if month.startswith(match[2]))
    return f"{match[1]}-{number:02}"


def document_id(month: str) -> str:
    """The document id `2026-Mar` of a month, given as `2026-03` or as that id.

    :raises MsrcError: naming the value and what is allowed
    """
    match = MONTH.fullmatch(month)
    if match:
        return f"{match[1]}-{MONTHS[int(match[2]) - 1][:3]}"
    if not DOCUMENT_ID.fullmatch(month):
        raise MsrcError(f"month {shown(month, SHOWN)!r} is not a month; one like '2026-03' is expected.")
    return month


def hotpatch_class(subtype: str) -> bool:
    """Whether a SubType means a hotpatch; it has been spelled in four ways."""
    return "hotpatch" in "".join(letter for letter in subtype.lower() if letter.isalpha())


def _value(node: object, *names: str) -> Any:
    """What lies under names in nested mappings; None when there is nothing."""
    for name in names:
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def _text(node: object, *names: str) -> str:
    found = _value(node, *names)
    return found.strip() if isinstance(found, str) else ""


def _list(node: object, name: str, where: str = "") -> list[Any]:
    """A list of a JSON document; absent is empty. `where` names what it belongs to.

    :raises MsrcError: when something else stands there
    """
    found = _value(node, name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise MsrcError(f"{where}field {name} is {shown(repr(found), SHOWN)}; a list is expected.")
    return found


def _from_json(text: str) -> tuple[str, str, Iterator[Remediation]]:
    """Id, title and remediations of a JSON document."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MsrcError(f"this is not JSON ({shown(error, SHOWN)}); a CVRF document is expected.") from error

    def remediations() -> Iterator[Remediation]:
        for number, vulnerability in enumerate(_list(data, "Vulnerability")):
            where = f"Vulnerability[{number}] ({shown(_text(vulnerability, 'CVE') or 'no CVE', SHOWN)}): "
            for one in _list(vulnerability, "Remediations", where):
                yield Remediation(
                    fix=_value(one, "Type") == VENDOR_FIX,
                    description=_text(one, "Description", "Value"),
                    subtype=_text(one, "SubType"),
                    build=_text(one, "FixedBuild"),
                    products=tuple(str(product) for product in _list(one, "ProductID", where)),
                )

    name = _text(data, "DocumentTracking", "Identification", "ID", "Value")
    return name, _text(data, "DocumentTitle", "Value"), remediations()


def _local(element: ElementTree.Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def _children(element: ElementTree.Element, *names: str) -> list[ElementTree.Element]:
    """The elements on a path below an element."""
    found = [element]
    for name in names:
        found = [child for parent in found for child in parent if _local(child) == name]
    return found


def _said(element: ElementTree.Element, *names: str) -> str:
    """The text of the first element on a path; empty when there is none."""
    return next(((child.text or "").strip() for child in _children(element, *names)), "")


def _from_xml(text: str) -> tuple[str, str, Iterator[Remediation]]:
    """Id, title and remediations of an XML document; one that declares a document type or entities is refused."""
    for word in ("<!DOCTYPE", "<!ENTITY"):
        if word in text:
            raise MsrcError(f"the document holds {word}; a CVRF document has no document type and no entities.")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise MsrcError(f"this is not XML ({shown(error, SHOWN)}); a CVRF document is expected.") from error
    if _local(root) != "cvrfdoc":
        raise MsrcError(f"the root of the document is {shown(_local(root), SHOWN)!r}; cvrfdoc is expected.")

    def remediations() -> Iterator[Remediation]:
        for one in _children(root, "Vulnerability", "Remediations", "Remediation"):
            yield Remediation(
                fix=one.get("Type") == "Vendor Fix",
                description=_said(one, "Description"),
                subtype=_said(one, "SubType"),
                build=_said(one, "FixedBuild"),
                products=tuple((child.text or "").strip() for child in _children(one, "ProductID")),
            )

    name = _said(root, "DocumentTracking", "Identification", "ID")
    return name, _said(root, "DocumentTitle"), remediations()


def _accept(name: str, title: str, wanted: str | None) -> None:
    """Refuse a document that is not the month's whole one.

    :raises MsrcError: saying which document it is
    """
    if "early" in title.lower():
        raise MsrcError(
            f"{shown(title, SHOWN)!r} is an early document, which has no Windows fixes yet; wait for the month's own."
        )
    month = month_of(name)
    if wanted is not None and document_id(wanted) != name:
        raise MsrcError(f"document {name} came for {document_id(wanted)}; the month that was asked for is expected.")
    words = f"{MONTHS[int(month[5:]) - 1]} {month[:4]}"
    if not title.startswith(f"{words} "):
        raise MsrcError(f"document {name} is titled {shown(title, SHOWN)!r}; '{words} Security Updates' is expected.")


class _Reader:
    """Sorts remediations into fixes and counted rest."""

    def __init__(self) -> None:
        self.found: Counter[tuple[str, str, str, str]] = Counter()
        self.ignored: Counter[str] = Counter()
        self.refused: set[str] = set()
        self.whole = False

    def take(self, one: Remediation) -> None:
        """Take one remediation for each product that its build fits, or count it."""
        reason = self.reason(one)
        if reason:
            self.ignored[reason] += 1
            return
        self.whole = self.whole or bool(WITNESSES & set(one.products))
        build = one.build.removeprefix("10.0.")
        family = build.partition(".")[0]
        mine = {PRODUCT_IDS[product] for product in one.products if product in PRODUCT_IDS}
        fitting = sorted(product for product in mine if PRODUCTS[product] == family)
        for product in sorted(mine.difference(fitting)):
            self.refused.add(f"KB{one.description}: build {build} is not one of {product}, which is named with it.")
        if not fitting:
            self.ignored[NO_FAMILY] += 1
        for product in fitting:
            self.found[product, f"KB{one.description}", build, one.subtype] += 1

    @staticmethod
    def reason(one: Remediation) -> str:
        """Why a remediation says nothing about our products; empty when it does."""
        if not one.fix:
            return NOT_A_FIX
        if not DIGITS.fullmatch(one.description):
            return NO_KB
        if not PRODUCT_IDS.keys() & set(one.products):
            return NO_PRODUCT
        return "" if FIXED.fullmatch(one.build) else NO_BUILD


def read(text: str, month: str | None = None) -> Document:
    """A month's document; `month`, `2026-03` or `2026-Mar`, is the one that was asked for.

    :raises MsrcError: not a CVRF document, an early one, one of another month, or one without Windows fixes
    """
    text = text.removeprefix("\ufeff").lstrip()
    if text[:14].lower().startswith(("<!doctype html", "<html")):
        raise MsrcError("this is HTML; a CVRF document in JSON or XML is expected.")
    name, title, remediations = (_from_xml if text.startswith("<") else _from_json)(text)
    _accept(name, title, month)
    reader = _Reader()
    for one in remediations:
        reader.take(one)
    if not reader.whole:
        ids = " or ".join(f"{one} ({PRODUCT_IDS[one]})" for one in sorted(WITNESSES))
        raise MsrcError(f"document {name} has no fix for product {ids}; it is not whole.")
    fixes = [
        Fix(product, kb, build, hotpatch_class(subtype), subtype, count)
        for (product, kb, build, subtype), count in sorted(reader.found.items())
    ]
    notes = tuple(f"MSRC {name}: {words}" for words in sorted(reader.refused))
    return Document(name, title, tuple(fixes), dict(reader.ignored), notes)
