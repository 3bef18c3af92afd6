# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that tells who runs a host survives in an anonymised recording, whatever kind of name it is and wherever it stands."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.recording import anonymiser, worlds
from fleet import fast
from fleet import worlds as library

POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate"
SESSION = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"
NT = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
ON_TRACK = "s25-arc-on-track"
WORLD = library.load(Path(library.__file__).resolve().parents[1] / "worlds", [ON_TRACK])[ON_TRACK]
NOW = datetime(2026, 9, 20, 12, tzinfo=UTC)
# A text that a host may tell, and what of it must be gone.
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "name in plain words": ("hotpatch failed for Petra Quarzwerk", ("petra", "quarzwerk")),
    "name with an umlaut": ("gemeldet von Jürgen Groß", ("jürgen", "groß")),
    "name in Japanese": ("山田太郎 が失敗", ("山田",)),
    "name in Cyrillic": ("ошибка Иванов", ("иванов",)),
    "customer": ("Zeppelin Ltd. update failed", ("zeppelin",)),
    "site": ("server of site Wolfenbuettel", ("wolfenbuettel",)),
    "share with slashes": ("//nas/zeppelin/patches", ("nas", "zeppelin")),
    "share": (r"\\nas01\zeppelin$\hotpatch.msu", ("nas01", "zeppelin")),
    "share as a device": (r"\??\UNC\nas01\zeppelin\x", ("nas01", "zeppelin")),
    "share by address": (r"\\10.20.30.40\zeppelin\x", ("10.20.30.40", "zeppelin")),
    "product folder": (r"C:\Program Files\Quarzwerk Monitor\agent.exe", ("quarzwerk",)),
    "folder of another drive": (r"D:\Zeppelin\data.bin", ("zeppelin",)),
    "profile": (r"C:\Users\mmustermann\x.tmp", ("mustermann",)),
    "profile, short": (r"C:\Users\MMUSTE~1.QUA\x.tmp", ("muste", "qua")),
    "profile elsewhere": (r"D:\Profiles\mmustermann\x.tmp", ("mustermann",)),
    "profile in German": (r"C:\Benutzer\mmustermann\x.tmp", ("mustermann",)),
    "profile of old": (r"C:\Documents and Settings\mmustermann\x.tmp", ("mustermann",)),
    "domain .cloud": ("asked wsus.zeppelin.cloud", ("zeppelin",)),
    "domain .jp": ("asked wsus.zeppelin.co.jp", ("zeppelin",)),
    "domain .ca": ("asked wsus.zeppelin.ca", ("zeppelin",)),
    "domain of one's own": ("asked wsus.zeppelin", ("zeppelin",)),
    "domain with an umlaut": ("asked wsus.zürich-netz.ch", ("zürich", "netz")),
    "domain in punycode": ("asked xn--zrich-kva.ch", ("zrich",)),
    "account": (r"QUARZWERK\mmustermann", ("quarzwerk", "mustermann")),
    "account of a long domain": (r"QUARZWERKEVERWALTUNG\mmustermann", ("quarzwerk", "mustermann")),
    "account of a service": (r"QUARZWERK\svc-zeppelin$", ("quarzwerk", "zeppelin")),
    "principal name": ("mmustermann@quarzwerk.intern", ("mustermann", "quarzwerk")),
    "mail": ("Erika.Mustermann+it@quarzwerk.de", ("erika", "mustermann", "quarzwerk")),
    "distinguished name": (
        "CN=zeppelin-db1,OU=Werk Nord,DC=quarzwerk,DC=de",
        ("zeppelin", "nord", "quarzwerk", "werk"),
    ),
    "SID of a domain": ("S-1-5-21-1004336348-1177238915-682003330-512", ("1004336348", "1177238915")),
    "SID of Entra ID": ("S-1-12-1-1004336348-1177238915-682003330-512", ("1004336348", "1177238915")),
    "tenant": ("tenant 72f988bf-86f1-41af-91ab-2d7cd011db47", ("72f988bf", "2d7cd011db47")),
    "subscription in braces": ("{72F988BF-86F1-41AF-91AB-2D7CD011DB47}", ("72f988bf",)),
    "volume": (r"\\?\Volume{72f988bf-86f1-41af-91ab-2d7cd011db47}\x", ("72f988bf",)),
    "resource group": ("/subscriptions/1/resourceGroups/rg-zeppelin-prod/providers/x", ("zeppelin",)),
    "MAC with colons": ("00:1A:2B:3C:4D:5E", ("1a:2b", "4d:5e")),
    "MAC with dashes": ("00-1A-2B-3C-4D-5E", ("1a-2b", "4d-5e")),
    "MAC without anything": ("001A2B3C4D5E", ("1a2b3c",)),
    "serial number": ("Serial 5CG1234XYZ", ("5cg1234", "xyz")),
    "serial number of digits": ("Serial 4471188123", ("4471188",)),
    "asset tag": ("Asset ZPL-00471", ("zpl",)),
    "onmicrosoft": ("zeppelin.onmicrosoft.com", ("zeppelin",)),
    "blob": ("https://zeppelinpatches.blob.core.windows.net/x", ("zeppelin",)),
    "host below a vendor's name": ("zeppelin.westeurope.cloudapp.azure.com", ("zeppelin",)),
    "user in a URL": ("https://mmustermann:geheim@wsus.zeppelin.de/x", ("mustermann", "geheim", "zeppelin")),
    "token in a query": ("https://wsus.zeppelin.de/x?sv=2024&sig=kR7aQz", ("kr7aqz", "zeppelin")),
    "path of a URL": ("https://download.windowsupdate.com/zeppelin/x.cab", ("zeppelin",)),
    "password in words": ("password is Sommer2026!", ("sommer",)),
    "IPv4": ("10.20.30.40 and 172.16.9.9:443", ("10.20.30", "172.16")),
    "IPv6": ("fd12:3456:789a::7", ("fd12", "789a")),
    "IPv6 with a zone": ("fe80::1a2b:3c4d%12", ("1a2b",)),
    "key of a product": ("TX9XD-98N7V-6WMQ6-BX7FG-H8Q99", ("tx9xd", "98n7v")),
}


def host(**parts: Any) -> dict[str, Any]:
    """A healthy host with some parts replaced."""
    return dict(library.merge(WORLD, parts))


def event(text: str) -> dict[str, Any]:
    """An event that the collector reads, with this text."""
    return {
        "log": "Application",
        "provider": "hpatchmon",
        "id": 1001,
        "level": 2,
        "time": "2026-08-18T04:12:09Z",
        "properties": [f"hotpatch {text}"],
    }


# Where a host can say it.
PLACES = {
    "event": lambda text: host(events=[event(text)]),
    "policy": lambda text: host(registry={POLICY: {"WUServer": text}}),
    "unknown policy": lambda text: host(registry={POLICY: {text: 1}}),
    "rename": lambda text: host(registry={SESSION: {"PendingFileRenameOperations": [rf"\??\C:\Temp\{text}", ""]}}),
    "edition": lambda text: host(registry={NT: {"EditionID": text}}),
    "provider": lambda text: host(events=[event("x") | {"provider": f"hpatchmon {text}"}]),
    "time zone": lambda text: host(time_zone={"id": text, "utc_offset_minutes": 60}),
    "agent": lambda text: host(azcmagent={"status": text, "errorCode": text, "agentVersion": text}),
    "update": lambda text: host(hotfixes=[{"kb": text, "installed_on": text}]),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_survives(kind: str, place: str) -> None:
    text, secrets = KINDS[kind]
    signals = fast.signals(PLACES[place](text), {})
    found = worlds.world_from_signals(signals, NOW, anonymise=anonymiser.Anonymiser(), name="zeppelin-db1.quarzwerk.de")
    told = json.dumps(found, ensure_ascii=False).casefold()
    assert [secret for secret in (*secrets, "zeppelin", "quarzwerk") if secret in told] == []
