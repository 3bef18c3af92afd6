# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Invented names, addresses and users in recorded worlds, the same one for the same thing everywhere.

Only what is known to be harmless stays: the words of Windows and its updates in VOCABULARY, versions, KBs, small numbers,
error codes. Every other word is replaced, whatever it is.
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
# What lies below these belongs to the vendor alone; below others, such as blob.core.windows.net, are customers' names.
_PUBLIC_DOMAINS = ("update.microsoft.com", "delivery.mp.microsoft.com", "windowsupdate.com", "example.invalid")
_NO_DOMAINS = {"authority", "builtin", "hklm", "hkcu", "hkey_local_machine", "hkey_current_user", "software"}
# Ends of names that are domains, not file names.
_TOP = (
    "ad|at|be|biz|ch|com|corp|de|dk|domain|edu|es|eu|fi|fr|gov|home|info|int|intern|internal|intra|intranet|invalid|it|"
    "lan|local|net|nl|no|org|pl|private|se|test|uk|us"
)
# Words that tell nothing of who runs a host: of Windows, its updates and policies, and of sentences about them.
_WORDS = """
    a about absent access account active administrator after agent allow always amd64 an and any appdata application arc
    arm64 as asked assembly at au authority auto automatic azure backup be because been before bin bits branch build builtin by
    business bytes c cab cannot cat cbs ccm change check client code com command component computer config configmgr
    configuration configure connect connected container control copy could cplat core corner cpu critical current dat data date
    datacenter day days deadline default defer delete denied deny detail device devices disable disabled disconnected disk display
    dll dns do documents domain done download driver drivers duration edition education elevate empty enable enabled end
    engine enrolled enrollment enterprise environment error errors event every example exception exclude exe exist expand
    expired explorer extension fail failed feature file files find finished first folder for force found frequency from
    grace group had has have hklm home host hotfix hotpatch hotpatches hour hours hpatchmon http https id if ignore in
    incremental index inf inner insider install installation installed installer integer interactive internal internet
    interval into invalid is it job kb kernel key known last lcu level licence license licensing list local localhost locked
    log logged logon machine machines manage management manager manifest max mdm memory message microsoft minute minutes mode
    module monitor monitoring msi msp msu multi name network new no none not notification nt number nv of off offer old on open
    operating operation operations option options or os out package packages paging patch patches path pending period permission plan
    platform plugins policies policy poll port possible preview process product pro profile program programdata programs
    properties provider providers public quality query queue quick rbf read ready reason reboot reboots recorded recommended
    registry release remote removed rename replace required reset restart restarts result retry roaming rollback root run
    running sched schedule scheduled scope sdk search secure security select serial server servers service services servicing
    session set setting settings setup shadow shared signal size smb software some source specify ssu stable stack standard
    start state status stderr stdout stop stopped store submit success support svc sys system system32 syswow64 table tenant target
    targeting task temp text txt that the then there this time timeout times tmp to token trusted turbine type ubr unc
    uninstall unknown update updates use user users ux value values vbs version via volume wait was week while win windows
    winlogon winning winsxs with workstation worker write wsus wu x64 x86 year zone
hostname virtualization based hot rebootless processor processors architecture attempts mutex join avoid spn restrictions
subscription notify ui hard locations smart major minor flags dvd protection connection winhttp wininet metered seeker throttle
"""
VOCABULARY = frozenset(_WORDS.split())
# Forms that tell nothing either: small numbers and parts of versions and times, KBs, error codes; and the number of the feature
# that the vendor's own instructions for the licensing fault name.
_HARMLESS = re.compile(r"\d{1,5}|4264695439|KB\d{4,8}|0x[0-9A-F]{1,8}|\d{1,2}T\d{2}|\d{1,2}Z|v\d{1,3}|\d{2}H[12]", re.I)
_WORD = re.compile(r"[^\W_]+")
# `UpdateAgentLCU` is three words.
_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|.")
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_MAC = re.compile(r"(?<![\w:-])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![\w:-])")
# Values by which the core judges, kept where they look like what Windows writes there.
_JUDGED = {
    "EditionID": re.compile(r"[A-Za-z]{1,40}"),
    "CurrentBuild": re.compile(r"\d{4,6}"),
    "Version": re.compile(r"[\d.]{1,40}"),
    "agentVersion": re.compile(r"[\d.]{1,40}"),
    "installed_on": re.compile(r"[0-9/.: -]{1,40}(?: [AP]M)?|[0-9A-Fa-f]{16}"),
    "InstalledOn": re.compile(r"[0-9/.: -]{1,40}(?: [AP]M)?|[0-9A-Fa-f]{16}"),
    "lastHeartbeat": re.compile(r"[\dTZ:.+-]{1,40}"),
}
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
_IPV6 = re.compile(r"(?<![\w:])(?=[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:)[0-9A-Fa-f:]{2,39}(?:%\w+)?(?![\w:])")
_URL = re.compile(r"(?<=://)(?:[^\s/@]*@)?(\[[^\]\s]+\]|[^\s/:?#]+)([^\s?#]*)(?:[?#]\S*)?")
_MAIL = re.compile(r"([\w.+-]+)@((?:[\w-]+\.)+[\w-]+)")
_SHARE = re.compile(r"(?:(?<![\w\\:?])\\\\(?![?.]\\)|\bUNC\\)([^\\\s]+)(?=\\)")
_ACCOUNT = re.compile(r"(?<![\w\\:./?-])([\w-]{1,15})\\([\w.$-]+)(?![\w\\])")
_PROFILE = re.compile(r"(?<=\\Users\\)[^\\/:*?\"<>|]+|(?<=\\Documents and Settings\\)[^\\/:*?\"<>|]+", re.I)
_QUALIFIED = re.compile(rf"(?<![\w.-])((?:[\w-]+\.)+(?:{_TOP}))(?![\w-]|\.\w)", re.I)
# Of a domain, or of Entra ID.
_SID = re.compile(r"S-1-(?:5-21|12-1)(?:-\d+){3,4}")
_INVENTED = re.compile(r"(?:host|user|word)-\d{3,}")
_INVENTED_GUID = "00000000-0000-4000-8000-{:012}"
# Shorter names are replaced as whole words only: they are parts of too many words.
_SHORT = 5
# Times and kinds, which the recorder wrote itself.
_UNTOUCHED = {"clock", "boot", "logon", "cim_methods", "services", "update_agent", "broken", "expect"}


class Anonymiser:
    """Puts invented names in the place of a fleet's own.

    Teach it every host first (`learn`), so that what one host says of another is replaced too.
    """

    def __init__(self) -> None:
        self._hosts: dict[str, str] = {}
        self._users: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._domains: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._guids: dict[str, str] = {}

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
        """A text in which everything is replaced that is not known to be harmless."""
        text = _SID.sub("S-1-5-21-1-2-3-1000", text)
        text = _GUID.sub(lambda found: self._guid(found[0]), text)
        text = _MAC.sub("00-00-5E-00-53-01", text)
        text = _MAIL.sub(lambda found: f"{self._user(found[1])}@{self._domain(found[2])}", text)
        text = _URL.sub(lambda found: f"{self._address_of(found[1])}{found[2]}", text)
        text = _PROFILE.sub(lambda found: self._profile(found[0]), text)
        text = _IPV4.sub(lambda found: self._ip(found[0]), text)
        text = _IPV6.sub(lambda found: self._ip(found[0]), text)
        known = self._known_names()
        alternatives = (_word(name) for name in sorted(known, key=len, reverse=True))
        vendors = "|".join(re.escape(domain) for domain in _PUBLIC_DOMAINS[:-1])
        kept = (
            rf"(?<![\w.-])[\w.-]+\.(?:{vendors})(?![\w.-])",
            "example\\.invalid",
            "S-1-5-21-1-2-3-1000",
            _GUID.pattern,
            _MAC.pattern,
            _IPV4.pattern,
            _IPV6.pattern,
        )
        pattern = "|".join((_INVENTED.pattern, *kept, *alternatives, _WORD.pattern))
        return re.sub(pattern, lambda found: known.get(found[0].casefold()) or self._word(found[0]), text, flags=re.I)

    def _word(self, word: str) -> str:
        """A word that is known to be harmless, or an invented one for it."""
        if not _WORD.fullmatch(word) or harmless(word):
            return word
        return self._numbered(self._words, word.casefold(), "word")

    def _guid(self, guid: str) -> str:
        if guid in self._guids.values():
            return guid
        return self._guids.setdefault(guid.casefold(), _INVENTED_GUID.format(len(self._guids) + 1))

    def _address_of(self, name: str) -> str:
        """The place that a URL names; of the vendor's own it stays."""
        plain = name.strip("[]").casefold()
        if _address(plain) is not None or _vendors(plain):
            return name
        short, _dot, domain = plain.partition(".")
        return f"{self.host(short)}{'.example.invalid' if domain else ''}"

    def _part(self, key: str, value: Any) -> Any:
        if key == "registry":
            return {path: self._values(path, values) for path, values in value.items()}
        if key == "time_zone":
            return {**value, "id": "UTC"}
        return self._value(key, value)

    def _values(self, path: str, values: Mapping[str, Any]) -> dict[str, Any]:
        if _names_computer(path):
            return {name: self.host(str(value)) for name, value in values.items()}
        return {self.text(name): self._value(name, value) for name, value in values.items()}

    def _value(self, name: str, value: Any) -> Any:
        """A value with all texts in it replaced; what the core judges by stays where it looks as it should."""
        if isinstance(value, Mapping):
            return {key: self._value(key, one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._value(name, one) for one in value]
        if not isinstance(value, str) or (name in _JUDGED and _JUDGED[name].fullmatch(value)):
            return value
        return self.text(value)

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
            if not _vendors(name):
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
        if _vendors(plain):
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


def harmless(word: str) -> bool:
    """Whether a word is known to tell nothing of who runs a host."""
    if word.casefold() in VOCABULARY or _HARMLESS.fullmatch(word) or (len(word) == 1 and word.isascii()):
        return True
    parts = _PARTS.findall(word)
    # More than one number among letters is the number of a device, whatever the letters are.
    numbers = [one for one in parts if one.isdigit()]
    return (
        len("".join(numbers)) < 6
        and len(numbers) < 2
        and all(one in numbers or one.casefold() in VOCABULARY for one in parts)
    )


def _vendors(name: str) -> bool:
    """Whether a name is one of the vendor's own, under which no customer has names."""
    return any(f".{name.casefold()}".endswith(f".{domain}") for domain in _PUBLIC_DOMAINS)


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
    for values in world.get("registry", {}).values():
        yield from _texts(values)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
