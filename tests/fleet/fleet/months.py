# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated months: what Windows Update would offer a host on a day, made from the release history.

A model of Microsoft, not of us: it reads the history as plain JSON and shares no code with the collection, so that a
mistake in the core cannot hide here. Pure: every function takes the time and returns new worlds.
"""

from __future__ import annotations

import copy
import functools
import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from . import worlds
from .host import CBS, INSTALL_PENDING, VERSION, data, number

FRAGMENTS = Path(__file__).resolve().parent.parent / "worlds"
HISTORY = Path(__file__).resolve().parents[3] / "plugins" / "plugin_utils" / "host" / "data" / "releases.json"
ID_SPACE = uuid.UUID("6a2b1c0e-93f4-4b0c-8d57-51f1ee7a0f00")
RELEASE_TIME = time(17, tzinfo=UTC)
TUESDAY = 1

BASELINES = ("baseline", "unplanned_baseline")
HOT = ("hotpatch", "oob_hotpatch")
# Builds that keep a host in the lane of the current baseline.
LANE = (*BASELINES, *HOT, "oob_wsus_fix")
MONTHLY = (*BASELINES, "hotpatch")
CUMULATIVE = (*BASELINES, "ordinary")
COMPANIONS = ("dotnet", "defender", "tool", "driver", "preview", "out_of_band")

SERVER_2022, SERVER_2025 = "windows_server_2022_azure_edition", "windows_server_2025"
WINDOWS_11_24H2, WINDOWS_11_25H2 = "windows_11_24h2", "windows_11_25h2"
PRODUCTS = (SERVER_2022, SERVER_2025, WINDOWS_11_24H2, WINDOWS_11_25H2)
FRAGMENT_OF = {
    SERVER_2022: "_server-2022-azure",
    SERVER_2025: "_server-2025",
    WINDOWS_11_24H2: "_windows-11-24h2",
    WINDOWS_11_25H2: "_windows-11",
}
NAMES = {
    SERVER_2022: "Microsoft server operating system version 21H2",
    SERVER_2025: "Microsoft server operating system version 24H2",
    WINDOWS_11_24H2: "Windows 11, version 24H2",
    WINDOWS_11_25H2: "Windows 11, version 25H2",
}
# Since then the titles of Server 2025 are short, and the word Cumulative is gone.
SHORT_TITLES_SINCE = "2025-11"
# Numbers that Microsoft has never given: an update that the history lacks, a companion, a preview.
INVENTED, COMPANION, PREVIEW = 99, 98, 97
VBS_RUNNING = 2
ENROLLED = VERSION + r"\Update\TargetingInfo\DynamicInstalled\Hotpatch.amd64"
MEMORY = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management"
MDM = r"HKLM\SOFTWARE\Microsoft\PolicyManager\current\device\Update"
ENVIRONMENT = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
DEVICE_GUARD = "root/Microsoft/Windows/DeviceGuard"

World = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Row:
    """One release of a product; `invented` when no history has it."""

    product: str
    day: date
    kb: str
    build: str
    type: str
    invented: bool = False

    @property
    def number(self) -> tuple[int, int]:
        """The build as numbers."""
        return number(self.build)

    @property
    def month(self) -> str:
        """Such as 2026-09."""
        return f"{self.day:%Y-%m}"


@dataclass(frozen=True)
class Month:
    """A Patch Tuesday of a product: its baseline or hotpatch, and the ordinary update of a hotpatch month.

    `type` is baseline, unplanned_baseline, hotpatch, or missing, and then `why` says what the history lacks.
    """

    day: date
    type: str
    row: Row | None
    ordinary: Row | None
    why: str = ""

    @property
    def month(self) -> str:
        """Such as 2026-09."""
        return f"{self.day:%Y-%m}"


@functools.cache
def _shipped() -> dict[str, Any]:
    return dict(json.loads(HISTORY.read_text(encoding="utf-8")))


def history() -> list[dict[str, Any]]:
    """The rows of the release history, as they are written."""
    return list(_shipped()["releases"])


def patch_tuesday(year: int, month: int) -> date:
    """The second Tuesday of a month."""
    first = date(year, month, 1)
    return first.replace(day=8 + (TUESDAY - first.weekday()) % 7)


def out(day: date) -> datetime:
    """When what is released on a day can be had."""
    return datetime.combine(day, RELEASE_TIME)


def patch_tuesdays(product: str, rows: Rows | None = None) -> list[Month]:
    """Every Patch Tuesday from the product's first row to its last, oldest first; also those that the history lacks.

    :raises ValueError: no such product
    """
    if product not in PRODUCTS:
        raise ValueError(f"product {product}: one of {', '.join(PRODUCTS)} is expected")
    found = _rows(product, history() if rows is None else rows)
    monthly = {row.month: row for row in found if row.type in MONTHLY}
    ordinary = {row.month: row for row in found if row.type == "ordinary"}
    months = []
    for day in _tuesdays(found[0].day, found[-1].day) if found else ():
        name = f"{day:%Y-%m}"
        row = monthly.get(name)
        if row is None:
            months.append(Month(day, "missing", None, ordinary.get(name), _why(product, name)))
        elif row.type in BASELINES:
            months.append(Month(day, row.type, row, None))
        else:
            months.append(Month(day, row.type, row, ordinary.get(name) or _invented(row, found)))
    return months


def _rows(product: str, rows: Rows) -> list[Row]:
    found = [
        Row(product, date.fromisoformat(row["date"]), row["kb"], row["build"], row["type"])
        for row in rows
        if row["product"] == product
    ]
    return sorted(found, key=lambda row: (row.day, row.number))


def _tuesdays(first: date, last: date) -> Iterable[date]:
    at = first.replace(day=1)
    while at <= last:
        day = patch_tuesday(at.year, at.month)
        if first <= day <= last:
            yield day
        at = (at + timedelta(days=32)).replace(day=1)


def _why(product: str, month: str) -> str:
    """What the history says about a month it lacks."""
    for entry in _shipped()["omitted"]:
        spans = re.findall(r"(\d{4}-\d{2})(?: to (\d{4}-\d{2}))?", entry["period"])
        if entry["product"] == product and any(first <= month <= (last or first) for first, last in spans):
            return str(entry["reason"])
    return "The history has no row for it."


def _invented(hot: Row, found: Sequence[Row]) -> Row:
    """The ordinary update of a hotpatch month that the history lacks: a build between the hotpatch and what follows."""
    after = min((row.number[1] for row in found if row.type in (*MONTHLY, "ordinary") and row.day > hot.day), default=0)
    taken = {row.number[1] for row in found}
    family, revision = hot.number
    revision = _between(revision, after, taken)
    return Row(hot.product, hot.day, _kb(INVENTED, hot.product, hot.day), f"{family}.{revision}", "ordinary", True)


def _between(low: int, high: int, taken: Iterable[int]) -> int:
    """A free number above `low`, some 70 like Microsoft's, and below `high` if that is higher."""
    made = low + (min(70, max(1, (high - low) // 2)) if high > low else 70)
    while made in taken:
        made += 1
    return made


def _kb(kind: int, product: str, day: date) -> str:
    return f"KB{kind}{day:%y%m}{PRODUCTS.index(product) + 1:02d}"


def product_of(world: World) -> str | None:
    """The product of the history that a world is; None when it is none."""
    version = _key(world, VERSION)
    build, server = str(version.get("CurrentBuild")), str(version.get("EditionID")).startswith("Server")
    if build == "26100":
        return SERVER_2025 if server else WINDOWS_11_24H2
    if build == "20348" and str(version.get("EditionID")).startswith("ServerTurbine"):
        return SERVER_2022
    return WINDOWS_11_25H2 if build == "26200" and not server else None


def offers(world: World, rows: Rows, now: datetime, companions: Iterable[str] = ()) -> list[dict[str, Any]]:
    """What Windows Update offers this host at `now`: one update of Windows at most, and the companions asked for.

    A host in the lane of the current baseline that is entitled gets the newest hotpatch, every other one the newest
    cumulative update. In a month that the history lacks nothing new comes.

    :raises ValueError: no such companion
    """
    companions = list(companions)
    wrong = [name for name in companions if name not in COMPANIONS]
    if wrong:
        raise ValueError(f"companion {wrong[0]}: one of {', '.join(COMPANIONS)} is expected")
    product = product_of(world)
    if product is None:
        return []
    found = [row for row in _rows(product, rows) if out(row.day) <= now]
    months = [month for month in patch_tuesdays(product, rows) if out(month.day) <= now]
    has = max(_build(world), _staged(world))
    lane = _lane(found, months)
    cumulative = [row for row in found if row.type in CUMULATIVE]
    cumulative += [month.ordinary for month in months if month.ordinary and month.ordinary.invented]
    on_track = entitled(world) and _in_lane(world, lane, found)
    best = [row for row in lane if row.type in HOT] if on_track else cumulative
    newest = max(best, key=lambda row: row.number, default=None)
    result = [_offer(world, newest)] if newest is not None and newest.number > has else []
    extra = _Companions(world, product, rows, now)
    return result + [offer for name in companions if (offer := extra.made(name, has)) is not None]


def _lane(found: Sequence[Row], months: Sequence[Month]) -> list[Row]:
    """The rows since the current baseline. A missing month in between may have been one, so a lane never spans it."""
    known = list(months)
    while known and known[-1].row is None:
        known.pop()
    first: date | None = None
    for month in known:
        if month.row is None:
            first = None
        elif first is None or month.type in BASELINES:
            first = month.day
    return [row for row in found if row.type in LANE and first is not None and row.day >= first]


def _in_lane(world: World, lane: Sequence[Row], found: Sequence[Row]) -> bool:
    """Whether the running build is one of the lane's; of two updates with the same build the installed KB tells."""
    build = _build(world)
    if not any(row.number == build for row in lane):
        return False
    same = {row.kb: row.type for row in found if row.number == build}
    if len(same) == 1:
        return True
    installed = [same[fix["kb"]] for fix in world.get("hotfixes", ()) if fix["kb"] in same]
    return bool(installed) and all(kind in LANE for kind in installed)


def entitled(world: World) -> bool:
    """Whether Microsoft would give this host hotpatches: VBS runs, and it is enrolled in its product's own way."""
    guard = world.get("cim", {}).get(DEVICE_GUARD, {}).get("Win32_DeviceGuard") or [{}]
    azure = world.get("azure", {}).get("hotpatch_enablement_status", "Enabled")
    if guard[0].get("VirtualizationBasedSecurityStatus") != VBS_RUNNING or azure != "Enabled":
        return False
    memory = _key(world, MEMORY)
    product = product_of(world)
    if product in (WINDOWS_11_24H2, WINDOWS_11_25H2):
        arm = _key(world, ENVIRONMENT).get("PROCESSOR_ARCHITECTURE") == "ARM64"
        ready = memory.get("HotPatchRestrictions") == 1 or not arm
        return ready and _key(world, MDM).get("AllowRebootlessUpdates") == 1
    if str(_key(world, VERSION).get("EditionID")).startswith("ServerTurbine"):
        enrolled = "Name" in _key(world, ENROLLED)
        return enrolled and (product != SERVER_2022 or bool(memory.get("HotPatchTableSize")))
    return "azcmagent" in world


def _key(world: World, path: str) -> dict[str, Any]:
    """The data of a registry key's values."""
    registry: Mapping[str, Mapping[str, Any]] = world.get("registry", {})
    found: Mapping[str, Any] = next((values for key, values in registry.items() if key.lower() == path.lower()), {})
    return {name: data(value) for name, value in found.items()}


def _build(world: World) -> tuple[int, int]:
    version = _key(world, VERSION)
    return int(version["CurrentBuild"]), int(version.get("UBR", 0))


def _staged(world: World) -> tuple[int, int]:
    """The highest build that waits for a restart."""
    prefix = (CBS + "\\Packages\\Package_for_RollupFix~").lower()
    waiting = [
        re.search(r"~~(\d+\.\d+)\.1\.0$", key)
        for key, values in world.get("registry", {}).items()
        if key.lower().startswith(prefix) and data(values.get("CurrentState")) == INSTALL_PENDING
    ]
    return max((number(match[1]) for match in waiting if match), default=(0, 0))


def _offer(world: World, row: Row) -> dict[str, Any]:
    """An update of Windows as the agent shows it."""
    hot = row.type in HOT
    offer = {
        "id": _id(row.product, row.kb, row.build),
        "title": _title(world, row, hot=hot),
        "kb": row.kb,
        "categories": ["Security Updates"],
        "severity": "Critical",
        "size": 180_000_000 if hot else 1_400_000_000,
        "released": _text(out(row.day)),
        "restart": "possible",
        "does": "none" if hot else "always",
        "build": row.build,
    }
    # The agent of Server 2022 cannot say in advance whether this host will restart.
    if row.product != SERVER_2022:
        offer |= {"bootstrapper": True, "dynamic": offer["does"]}
    return offer


def _title(world: World, row: Row, *, hot: bool = False) -> str:
    """In the style of the product and the time. No title of a hotpatch is known but that it has the word Hotpatch."""
    kind = "Hotpatch" if hot else "Cumulative"
    if row.product == SERVER_2025 and row.month >= SHORT_TITLES_SINCE:
        return f"{row.month} Security {'Hotpatch ' if hot else ''}Update ({row.kb}) ({row.build})"
    build = f" ({row.build})" if row.product in (WINDOWS_11_24H2, WINDOWS_11_25H2) else ""
    return f"{row.month} {kind} Update for {NAMES[row.product]} for {_processor(world)}-based Systems ({row.kb}){build}"


def _processor(world: World) -> str:
    return "arm64" if _key(world, ENVIRONMENT).get("PROCESSOR_ARCHITECTURE") == "ARM64" else "x64"


def _id(*parts: object) -> str:
    return str(uuid.uuid5(ID_SPACE, " ".join(map(str, parts))))


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


class _Companions:
    """What comes beside the update of Windows; a KB that the host lists since it came out is not offered again."""

    def __init__(self, world: World, product: str, rows: Rows, now: datetime) -> None:
        self.world, self.product, self.rows, self.now = world, product, rows, now
        self.day = self._last_tuesday()
        self.month = f"{self.day:%Y-%m}"

    def _last_tuesday(self) -> date:
        this = patch_tuesday(self.now.year, self.now.month)
        before = this.replace(day=1) - timedelta(days=1)
        return this if out(this) <= self.now else patch_tuesday(before.year, before.month)

    def made(self, name: str, has: tuple[int, int]) -> dict[str, Any] | None:
        """The companion of this name, or None when there is none for this host."""
        if name == "preview":
            return self._preview(has)
        if name == "out_of_band":
            return self._out_of_band(has)
        made: dict[str, Any] = {"dotnet": self._dotnet, "defender": self._defender, "tool": self._tool}.get(
            name, self._driver
        )()
        return None if self._listed(made.get("kb"), datetime.fromisoformat(made["released"]).date()) else made

    def _listed(self, kb: str | None, since: date) -> bool:
        for fix in self.world.get("hotfixes", ()):
            if fix["kb"] == kb:
                month, day, year = map(int, fix["installed_on"].split("/"))
                return date(year, month, day) >= since
        return False

    def _dotnet(self) -> dict[str, Any]:
        kb = _kb(COMPANION, self.product, self.day)
        earlier = list(_tuesdays(self.day - timedelta(days=366), self.day - timedelta(days=1)))
        name = f".NET Framework 3.5, 4.8 and 4.8.1 for {NAMES[self.product]} for {_processor(self.world)}"
        return {
            "id": _id(self.product, kb),
            "title": f"{self.month} Cumulative Update for {name} ({kb})",
            "kb": kb,
            "files": [f"windows10.0-{kb.lower()}-x64-ndp48_{_id(self.product, kb).replace('-', '')}.cab"],
            "categories": ["Security Updates"],
            "supersedes": [_id(self.product, _kb(COMPANION, self.product, day)) for day in earlier],
            "severity": "Important",
            "released": _text(out(self.day)),
            "restart": "possible",
        }

    def _defender(self) -> dict[str, Any]:
        version = f"1.{437 + self._months_since(2026, 9)}.{self.now.timetuple().tm_yday}.0"
        return {
            "id": _id("defender", self.now.date()),
            "title": f"Security Intelligence Update for Microsoft Defender Antivirus - KB2267602 (Version {version})",
            "kb": "KB2267602",
            "categories": ["Definition Updates", "Microsoft Defender Antivirus"],
            "released": _text(datetime.combine(self.now.date(), time(tzinfo=UTC))),
            "restart": "none",
        }

    def _tool(self) -> dict[str, Any]:
        return {
            "id": _id("tool", self.month),
            "title": f"Windows Malicious Software Removal Tool x64 - v5.{139 + self._months_since(2026, 2)} (KB890830)",
            "kb": "KB890830",
            "categories": ["Update Rollups"],
            "released": _text(out(self.day)),
            "restart": "none",
        }

    def _driver(self) -> dict[str, Any]:
        return {
            "id": _id("driver", self.month),
            "title": f"Contoso - Net - 12.19.{self.day:%y}.{self.day.month}",
            "kbs": [],
            "categories": ["Drivers"],
            "driver": True,
            "released": _text(out(self.day)),
            "restart": "always",
        }

    def _months_since(self, year: int, month: int) -> int:
        return (self.day.year - year) * 12 + self.day.month - month

    def _preview(self, has: tuple[int, int]) -> dict[str, Any] | None:
        """Two weeks after Patch Tuesday; the newest of the months that the history knows."""
        rows = _rows(self.product, self.rows)
        for month in reversed(patch_tuesdays(self.product, self.rows)):
            day = month.day + timedelta(days=14)
            if month.row is None or out(day) > self.now:
                continue
            last = month.ordinary or month.row
            later = [row.number[1] for row in rows if row.type in MONTHLY and row.day > month.day]
            revision = _between(last.number[1], min(later, default=0), {row.number[1] for row in rows})
            build = f"{last.number[0]}.{revision}"
            row = Row(self.product, day, _kb(PREVIEW, self.product, day), build, "preview", True)
            title = _title(self.world, row).replace("Cumulative Update", "Cumulative Update Preview")
            made = _offer(self.world, row) | {
                "title": title.replace("Security Update", "Preview Update"),
                "categories": ["Updates"],
                "browse_only": True,
            }
            del made["severity"]
            newer = [
                each for each in rows if each.type in MONTHLY and month.day < each.day and out(each.day) <= self.now
            ]
            return made if row.number > has and not newer else None
        return None

    def _out_of_band(self, has: tuple[int, int]) -> dict[str, Any] | None:
        rows = [row for row in _rows(self.product, self.rows) if out(row.day) <= self.now]
        last = max((row.number for row in rows if row.type in CUMULATIVE), default=(0, 0))
        found = [row for row in rows if row.type == "oob_lcu" and row.number > max(has, last)]
        return _offer(self.world, found[-1]) if found else None


def advance(
    world: World, to: date | datetime | str, *, rows: Rows | None = None, companions: Iterable[str] = ()
) -> dict[str, Any]:
    """The world at a later time, with what is offered then. A date means noon.

    :raises ValueError: the time is before the world's clock
    """
    now, before = moment(to), datetime.fromisoformat(world["clock"])
    if now < before:
        raise ValueError(f"to {_text(now)}: not before the world's clock, {world['clock']}, is expected")
    made = copy.deepcopy({key: value for key, value in world.items() if key != "expect"})
    made["clock"] = _text(now)
    if "judged_at" in made:
        made["judged_at"] = _text(datetime.fromisoformat(made["judged_at"]) + (now - before))
    beat = made.get("azcmagent", {}).get("lastHeartbeat")
    if beat and made["azcmagent"].get("status") == "Connected":
        made["azcmagent"]["lastHeartbeat"] = _text(datetime.fromisoformat(beat) + (now - before))
    made["offers"] = offers(made, history() if rows is None else rows, now, companions)
    return made


def moment(to: date | datetime | str) -> datetime:
    """A time in UTC; a date means noon, as in worlds."""
    if isinstance(to, str):
        to = datetime.fromisoformat(to) if "T" in to else date.fromisoformat(to)
    if not isinstance(to, datetime):
        return datetime.combine(to, time(12), tzinfo=UTC)
    return to.astimezone(UTC) if to.tzinfo else to.replace(tzinfo=UTC)


def start(
    product: str, day: date | datetime | str, *, rows: Rows | None = None, companions: Iterable[str] = ()
) -> dict[str, Any]:
    """A healthy, enrolled host of the product on the newest baseline or hotpatch of that day, restarted onto the baseline.

    :raises ValueError: no such product, or nothing of it was out by then
    """
    now = moment(day)
    given = history() if rows is None else rows
    months = [month for month in patch_tuesdays(product, given) if out(month.day) <= now]
    found = [row for row in _rows(product, given) if out(row.day) <= now]
    lane = [row for row in _lane(found, months) if row.type in (*BASELINES, *HOT)]
    if not lane:
        raise ValueError(f"day {now:%Y-%m-%d}: the history of {product} has no baseline or hotpatch by then")
    current = max(lane, key=lambda row: row.number)
    world = _fragment(FRAGMENT_OF[product])
    world |= {"title": f"{product}, {current.type} {current.kb} of {current.month}", "clock": _text(now)}
    booted = out(lane[0].day) + timedelta(hours=10)
    world["boot"] = _text(min(booted, now - timedelta(hours=1)))
    world["registry"][VERSION] |= {"CurrentBuild": str(current.number[0]), "UBR": current.number[1]}
    # A hotpatch of the time before shows that it was enrolled then already.
    earlier = [row for row in found if row.type in HOT and row.day < lane[0].day][-1:]
    world["hotfixes"] = [
        {"kb": row.kb, "installed_on": f"{row.day.month}/{row.day.day}/{row.day.year}"}
        for row in dict.fromkeys((*earlier, lane[0], current))
    ]
    if "azcmagent" in world:
        world["azcmagent"]["lastHeartbeat"] = _text(now - timedelta(minutes=4))
        # Nothing on the host itself proves an enrolment through Arc for longer than a quarter.
        world["azure"] = {"hotpatch_enablement_status": "Enabled"}
    return advance(world, now, rows=given, companions=companions)


def _fragment(name: str) -> dict[str, Any]:
    layer = worlds.read_yaml(FRAGMENTS / f"{name}.yml")
    base = layer.pop("extends", None)
    return worlds.merge(_fragment(base), layer) if base else copy.deepcopy(layer)
