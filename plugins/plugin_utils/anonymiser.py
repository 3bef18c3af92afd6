# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Invented names, addresses and users in recorded worlds, the same one for the same thing everywhere.

What Windows itself calls things (keys, classes, services, KBs) stays; what people may have written is searched:
computer names, policy values, pending renames, event texts.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

World = dict[str, Any]

# Words of every Windows: a computer or user that is called so gives nothing away by them.
_PUBLIC = {
    *("windows", "system32", "syswow64", "winsxs", "system", "drivers", "servicing", "temp", "users", "public"),
    *("default", "appdata", "local", "roaming", "programdata", "program", "files", "microsoft", "config", "security"),
    *("config.msi", "installed", "staged", "absent", "user", "host", "localhost", "server", "client", "update"),
    *("administrator", "updates", "agent", "hotpatch", "hpatchmon", "package", "packages", "plugins", "example"),
    *("services", "service", "wsus", "policymanager", "policies", "unc"),
}
_PUBLIC_DOMAINS = ("microsoft.com", "windowsupdate.com", "windows.com", "azure.com", "windows.net", "example.invalid")
_NO_DOMAINS = {"authority", "builtin", "hklm", "hkcu", "hkey_local_machine", "hkey_current_user", "software"}
# Ends of names that are domains, not file names.
_TOP = (
    "ad|at|be|biz|ch|com|corp|de|dk|domain|edu|es|eu|fi|fr|gov|home|info|int|intern|internal|intra|intranet|invalid|it|"
    "lan|local|net|nl|no|org|pl|private|se|test|uk|us"
)
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
_IPV6 = re.compile(r"(?<![\w:])(?=[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:)[0-9A-Fa-f:]{2,39}(?:%\w+)?(?![\w:])")
_URL = re.compile(r"(?<=://)(?:[^\s/@]*@)?(\[[^\]\s]+\]|[^\s/:?#]+)")
_MAIL = re.compile(r"([\w.+-]+)@((?:[\w-]+\.)+[\w-]+)")
_SHARE = re.compile(r"(?:(?<![\w\\:?])\\\\(?![?.]\\)|\bUNC\\)([^\\\s]+)(?=\\)")
_ACCOUNT = re.compile(r"(?<![\w\\:./?-])([\w-]{1,15})\\([\w.$-]+)(?![\w\\])")
_PROFILE = re.compile(r"(?<=\\Users\\)[^\\/:*?\"<>|]+|(?<=\\Documents and Settings\\)[^\\/:*?\"<>|]+", re.I)
_QUALIFIED = re.compile(rf"(?<![\w.-])((?:[\w-]+\.)+(?:{_TOP}))(?![\w-]|\.\w)", re.I)
_SID = re.compile(r"S-1-5-21(?:-\d+){3,4}")
_INVENTED = re.compile(r"(?:host|user)-\d{3,}")
# Shorter names are replaced as whole words only: they are parts of too many words.
_SHORT = 5
_UNTOUCHED = {
    "clock",
    "boot",
    "time_zone",
    "logon",
    "cim",
    "cim_methods",
    "hotfixes",
    "services",
    "update_agent",
    "expect",
}


class Anonymiser:
    """Puts invented names in the place of a fleet's own.

    Teach it every host first (`learn`), so that what one host says of another is replaced too.
    """

    def __init__(self) -> None:
        self._hosts: dict[str, str] = {}
        self._users: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._domains: dict[str, str] = {}

    def host(self, name: str) -> str:
        """The invented name of a host, without a domain."""
        plain = name.casefold()
        if _address(plain) is not None:
            return self._numbered(self._hosts, plain, "host")
        self._learn_name(plain)
        return self._hosts[plain.partition(".")[0]]

    def learn(self, world: World, names: Iterable[str] = ()) -> None:
        """Take in the names and addresses that a host goes by, and those its world holds."""
        for name in names:
            self._learn_name(name)
        registry = world.get("registry", {})
        for value in (value for key, values in registry.items() if _names_computer(key) for value in values.values()):
            self._learn_name(str(value))
        for text in _free_texts(world):
            self._learn_text(text)

    def world(self, world: World) -> World:
        """A world with every name replaced."""
        return {key: value if key in _UNTOUCHED else self._part(key, value) for key, value in world.items()}

    def text(self, text: str) -> str:
        """A text with every name, address and user's path in it replaced."""
        text = _SID.sub("S-1-5-21-1-2-3-1000", text)
        text = _MAIL.sub(lambda found: f"{self._user(found[1])}@{self._domain(found[2])}", text)
        text = _PROFILE.sub(lambda found: self._profile(found[0]), text)
        text = _IPV4.sub(lambda found: self._ip(found[0]), text)
        text = _IPV6.sub(lambda found: self._ip(found[0]), text)
        known = self._known_names()
        if not known:
            return text
        alternatives = (_word(name) for name in sorted(known, key=len, reverse=True))
        pattern = f"{_INVENTED.pattern}|example\\.invalid|{'|'.join(alternatives)}"
        return re.sub(pattern, lambda found: known.get(found[0].casefold(), found[0]), text, flags=re.I)

    def _part(self, key: str, value: Any) -> Any:
        if key == "registry":
            return {path: self._values(path, values) for path, values in value.items()}
        if key == "azcmagent":
            # Not its version, which can look like an address.
            return {name: self.text(one) if name == "errorCode" else one for name, one in value.items()}
        if key == "events":
            return [one | {"properties": [self.text(text) for text in one["properties"]]} for one in value]
        if key == "files":
            return [self.text(one) for one in value]
        return self.text(value) if isinstance(value, str) else value

    def _values(self, path: str, values: Mapping[str, Any]) -> dict[str, Any]:
        if "\\Windows NT\\" in path:
            return dict(values)
        if _names_computer(path):
            return {name: self.host(str(value)) for name, value in values.items()}
        return {name: self._registry_value(value) for name, value in values.items()}

    def _registry_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._registry_value(one) for one in value]
        return self.text(value) if isinstance(value, str) else value

    def _known_names(self) -> dict[str, str]:
        known = self._domains | self._users | self._hosts
        return {name: new for name, new in known.items() if len(name) > 1 and name not in _PUBLIC}

    def _learn_name(self, name: str) -> None:
        """A host's name, with or without a domain, or its address."""
        plain = name.strip("[]").casefold()
        if _address(plain) is not None:
            self._ip(plain)
            return
        short, _dot, domain = plain.partition(".")
        if not short:
            return
        if domain:
            self._domain(domain)
        # NetBIOS knows the first 15 characters of a name.
        same = next((new for old, new in self._hosts.items() if old[:15] == short[:15]), None)
        if same is not None and min(len(short), 15) == 15:
            self._hosts[short] = same
        self._numbered(self._hosts, short, "host")

    def _learn_text(self, text: str) -> None:
        hosts = [found[1] for pattern in (_URL, _SHARE, _QUALIFIED) for found in pattern.finditer(text)]
        for name in hosts:
            if not name.casefold().endswith(_PUBLIC_DOMAINS):
                self._learn_name(name)
        for found in _MAIL.finditer(text):
            self._user(found[1])
            self._domain(found[2])
        for found in _PROFILE.finditer(text):
            self._profile(found[0])
        for found in _ACCOUNT.finditer(text):
            if found[1].casefold() not in _NO_DOMAINS | _PUBLIC:
                self._domain(found[1])
                self._user(found[2])

    def _user(self, name: str) -> str:
        return name if _INVENTED.fullmatch(name) else self._numbered(self._users, name.casefold(), "user")

    def _profile(self, name: str) -> str:
        return name if name.casefold() in _PUBLIC else self._user(name)

    def _domain(self, name: str) -> str:
        """All domains become one; the first label of a domain is its NetBIOS name."""
        plain = name.casefold()
        if plain.endswith(_PUBLIC_DOMAINS):
            return name
        labels = plain.split(".")
        for start in range(max(len(labels) - 1, 1)):
            rest = labels[start:]
            self._domains[".".join(rest)] = "example.invalid" if len(rest) > 1 else "EXAMPLE"
        for label in labels[:-1]:
            self._domains.setdefault(label, "EXAMPLE")
        return self._domains[plain]

    def _ip(self, text: str) -> str:
        address = _address(text)
        if address is None or address.is_loopback or address.is_unspecified or text in self._addresses.values():
            return text
        count = len(self._addresses)
        new = f"192.0.2.{count + 1}" if count < 254 else f"198.18.{count // 250}.{count % 250 + 1}"
        if address.version == 6:
            new = f"2001:db8::{count + 1:x}"
        return self._addresses.setdefault(str(address), new)

    @staticmethod
    def _numbered(names: dict[str, str], name: str, kind: str) -> str:
        return names.setdefault(name, f"{kind}-{len(set(names.values())) + 1:03}")


def _names_computer(key: str) -> bool:
    return "\\Control\\ComputerName\\" in key or key.endswith("\\Tcpip\\Parameters")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _word(name: str) -> str:
    if len(name) >= _SHORT:
        return re.escape(name)
    return rf"(?<![^\W_]){re.escape(name)}(?![^\W_])"


def _free_texts(world: World) -> Iterator[str]:
    """The texts of a world that others than Windows may have written."""
    yield from world.get("files", [])
    for event in world.get("events", []):
        yield from (str(text) for text in event["properties"])
    for key, values in world.get("registry", {}).items():
        if "\\Windows NT\\" not in key:
            yield from _texts(values)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
