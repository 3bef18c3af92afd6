# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does an offered update touch the hotpatch track? By its KB, its category ids and its files, never by its title.

The release table places what it knows. Beside the track lie drivers, definitions, other products and .NET Framework
(facts/windows-hotpatch.md section 3). A security update of Windows carries no more than the classification Security
Updates, and so may any other update: what nothing places may be a cumulative update that ends the track.

An update that the agent itself says to need no restart here is taken for a hotpatch: cumulative updates restart
(facts section 5). That is inferred, so it says nothing about the track: the build tells, afterwards.

Where the ids come from: classifications from Microsoft Learn (ff357803); products from public translations of the
categories of WSUS and Configuration Manager, those marked "seen" also from updates on a real machine:
- KB5101650 of Windows 11: Security Updates alone
- KB890830: Update Rollups, Windows 11, EU Browser Choice
- KB5002886: Security Updates, Office 2016
- KB4052623: Updates, Microsoft Defender Antivirus
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.offers import Offer
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import CATEGORIES
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import Release

LISTED, BESIDE, LIVE, UNPLACED = "listed", "beside", "live", "unplaced"

# The same number every month; tools and definitions. KB2267602, KB890830 and KB4052623 are seen.
BESIDE_KBS = {
    "KB2267602": "definitions of Microsoft Defender",
    "KB4052623": "the platform of Microsoft Defender",
    "KB5007651": "the Windows Security platform",
    "KB890830": "the Malicious Software Removal Tool",
}
BESIDE_CLASSES = {CATEGORIES["definitions"]: "definitions", CATEGORIES["drivers"]: "a driver"}
# No product: what an update is, not what it is of. Of those that the policy cannot name: connectors, developer kits, guidance.
NO_PRODUCT = frozenset(
    {
        *CATEGORIES.values(),
        "434de588-ed14-48f5-8eed-a15e09a991f6",
        "e140075d-8433-45c3-ad87-e72345b36078",
        "9511d615-35b2-47bb-927f-f73d8e9260bb",
        # The company: Microsoft.
        "56309036-4c77-4dd9-951a-99ee9c246a94",
    }
)
BESIDE_PRODUCTS = {
    # Seen.
    "8c3fcc84-7410-4a95-8b89-a166a0190486": "Microsoft Defender Antivirus",
    "25aed893-7c2d-4a31-ae22-28ff8ac150ed": "Office 2016",
    "2ff883b0-b409-4328-ab13-ec77f5bdb864": "PowerShell",
    # From translations alone.
    "52561474-cdfa-4717-8692-bf8d58abc425": "Microsoft Defender for Endpoint",
    "2d2a68ab-50ca-4d80-b96c-757bc32024c7": "Windows Security platform",
    "30eb551c-6288-4716-9a78-f300ec36d72b": "Microsoft 365 Apps, Office 2019 and LTSC",
    "477b856e-65c4-4473-b621-a8b230bb70d9": "Office",
    "704a0a4a-518f-4d69-9e03-10ba44198bd5": "Office 2013",
    "69010383-ff55-4227-bd6c-d91c26f2643b": "Microsoft Edge",
    "589e5715-19b7-44c2-a532-5775dea30c0f": "Azure Connected Machine Agent",
    "93f0b0bc-9c20-4ca5-b630-06eb4706a447": "SQL Server 2016",
    "97b8b817-fce1-44e4-ac26-61127d4604c0": "SQL Server 2019",
    "aeefa997-63b8-4c01-b19c-c19e1081b4ce": "SQL Server 2022",
    "05baacdd-c45a-4e37-b95c-ee0453061d89": "SQL Server Management Studio",
    "49c3ddde-4df2-4534-980c-83f4e27b23b5": "Exchange Server 2016",
    "bc0fee21-742f-4d06-8b37-4fd520873c74": "SharePoint Server Subscription Edition",
    "3a8f2a23-211a-4969-9f10-50ee09f0a2db": ".NET 6",
    "49114095-a4ab-4aa2-9ad1-59e851fcb53a": ".NET 7",
    "64ccdfc7-8e8c-4404-a572-a3daf7dff673": ".NET 8",
    "682005f1-54fd-440f-b3b3-b9c652351d01": "Visual Studio 2017",
    "12c24e87-bd40-451b-9477-2c2bf501e0d7": "Visual Studio 2022",
    "b1b8f641-1ff2-4ae6-b247-4fe7503787be": "Windows Admin Center",
}
# .NET Framework has no product of its own: its updates carry that of Windows. Its packages are named
# windows10.0-kb5087068-x64-ndp48_HASH.msu, those of Windows windows11.0-kb5044284-x64_HASH.msu.
DOTNET_FILE = re.compile(
    r"windows1[01]\.0-kb[0-9]{6,8}-(x64|x86|arm64)-ndp[0-9]{2,3}([_.-][^/\\]*)?\.(cab|msu|psf)", re.I
)


class Place(NamedTuple):
    """Where an update lies and who says so, for a sentence."""

    name: str
    by: str

    @property
    def keeps_track(self) -> bool | None:
        """Whether a host stays on its track with an update that the release table does not know; None when nobody knows."""
        return True if self.name == BESIDE else None


def place(offer: Offer, row: Release | None) -> Place:
    """Whether an update belongs to the releases of Windows, lies beside them, goes in live, or cannot be placed."""
    if row is not None:
        return Place(LISTED, "the release table")
    beside = _beside(offer)
    if beside:
        return Place(BESIDE, beside)
    if offer.requires_restart is False:
        return Place(LIVE, "the agent's answer for this host")
    return Place(UNPLACED, "nobody")


def _beside(offer: Offer) -> str | None:
    """What an update is that leaves the track alone; None when that cannot be told."""
    if offer.driver is True:
        return "a driver"
    for known, name in BESIDE_CLASSES.items():
        if known in offer.categories:
            return name
    if offer.kbs and all(kb in BESIDE_KBS for kb in offer.kbs):
        return BESIDE_KBS[offer.kbs[0]]
    products = offer.categories - NO_PRODUCT
    # Each of its products has to be one of these: an update can be for several.
    if products and products <= BESIDE_PRODUCTS.keys():
        return " and ".join(sorted(BESIDE_PRODUCTS[one] for one in products))
    if offer.files and all(DOTNET_FILE.fullmatch(name) for name in offer.files):
        return ".NET Framework"
    return None
