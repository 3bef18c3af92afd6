# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Categories of updates: the English names that a world may use, and their GUIDs, which are the same in every language."""

from __future__ import annotations

from typing import Any

# The classifications that Microsoft documents, then the product that every host is offered updates of.
KNOWN = {
    "Applications": "5c9376ab-8ce6-464a-b136-22113dd69801",
    "Connectors": "434de588-ed14-48f5-8eed-a15e09a991f6",
    "Critical Updates": "e6cf1350-c01b-414d-a61f-263d14d133b4",
    "Definition Updates": "e0789628-ce08-4437-be74-2495b842f43b",
    "Developer Kits": "e140075d-8433-45c3-ad87-e72345b36078",
    "Drivers": "ebfc1fc5-71a4-4f7b-9aca-3b9a503104a0",
    "Feature Packs": "b54e7d24-7add-428f-8b75-90a396fa584f",
    "Guidance": "9511d615-35b2-47bb-927f-f73d8e9260bb",
    "Security Updates": "0fa1201d-4330-4fa8-8ae9-b877473b6441",
    "Service Packs": "68c5b0a3-d1a6-4553-ae49-01d3a7827828",
    "Tools": "b4832bd8-e735-4761-8daf-37f882276dab",
    "Update Rollups": "28bc880e-0592-4cbf-8f95-c79b17911d5f",
    "Updates": "cd5ffd1e-e932-4e3a-bf74-18bf0b1bbd83",
    "Upgrades": "3689bdc8-b205-4af4-8d4a-a63924c5e9d5",
    "Microsoft Defender Antivirus": "8c3fcc84-7410-4a95-8b89-a166a0190486",
}


def resolve(category: str | dict[str, Any]) -> dict[str, str]:
    """A category of a world as `{id, name}`, the id in small letters.

    :raises KeyError: a name alone that is not one of KNOWN
    """
    if isinstance(category, str):
        return {"id": KNOWN[category], "name": category}
    return {"id": category["id"].lower(), "name": category["name"]}
