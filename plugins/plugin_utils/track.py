# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a host on the hotpatch track, and if not, why not.

Four questions in this order: can it (product), is it ready, is it enrolled, where does its build stand. The first that
is answered with no decides; one that nobody can answer makes the state `unknown`. Rules and their sources:
facts/windows-hotpatch.md sections 1, 2, 4 and 5; the codes of all reasons: reasons.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ansible_collections.rebootless.patching.plugins.plugin_utils.reasons import CAUSE, reason
from ansible_collections.rebootless.patching.plugins.plugin_utils.releases import (
    HOTPATCHES,
    NO_RESTART,
    Release,
    ReleaseTable,
    revision,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.signals import (
    UNKNOWN,
    Signals,
    Unknown,
    number,
    shown,
    text,
)

STATES = (
    "not_capable",
    "not_ready",
    "not_enrolled",
    "on_track",
    "off_track",
    "behind",
    "restart_pending",
    "unknown",
)
S22_AZURE = "windows_server_2022_azure_edition"
S25_AZURE = "windows_server_2025_azure_edition"
S25_ARC = "windows_server_2025_arc"
W11_24H2 = "windows_11_24h2"
W11_25H2 = "windows_11_25h2"
SERVER_2025 = (S25_AZURE, S25_ARC)
CLIENTS = (W11_24H2, W11_25H2)
# Both editions of Server 2025 share the rows of the release table.
TABLE_PRODUCT = {S25_AZURE: "windows_server_2025", S25_ARC: "windows_server_2025"}

S22_BUILD, S25_BUILD, S22_23H2_BUILD = 20348, 26100, 25398
CLIENT_BUILDS = {26100: W11_24H2, 26200: W11_25H2}
ARC_EDITION = re.compile(r"Server(Standard|Datacenter)(Cor|Core)?")
CLIENT_EDITION = re.compile(r"EnterpriseN?")
VBS_RUNNING = 2
FIRST_REVISION = 1742
SERVER_TYPES = (2, 3)
# Longer than the time between two hotpatches around an unplanned and a planned baseline in a row.
RECENT = timedelta(days=120)


@dataclass
class Verdict:
    """What is known of a host's place so far; `state` is None while nothing has decided."""

    state: str | None = None
    track: str = "unknown"
    product: str | None = None
    reasons: list[dict[str, str]] = field(default_factory=list)
    last_baseline: Release | None = None

    @property
    def rows_of(self) -> str:
        """The product's name in the release table."""
        return TABLE_PRODUCT.get(self.product or "", self.product or "")

    def say(self, code: str, *, severity: str | None = None, **words: object) -> None:
        """Add a reason."""
        self.reasons.append(reason(code, severity=severity, **words))

    def settle(self, state: str, code: str, **words: object) -> None:
        """Decide the state if nothing more important has, and say why; what is unknown explains no known state."""
        if state == "unknown" and self.state not in (None, "unknown"):
            return
        self.say(code, severity=CAUSE, **words)
        if self.state is None:
            self.state = state
            if state != "unknown":
                self.track = "standard"


def _product(verdict: Verdict, signals: Signals, build: str, edition: str) -> None:
    """Which product this is, or why it is none that hotpatching covers; all server editions are named Server…"""
    family = revision(build)[0]
    system = signals.table("operating_system")
    product_type = number(system.get("product_type")) if isinstance(system, Mapping) else UNKNOWN
    if edition.startswith("Server") or product_type in SERVER_TYPES:
        _server_product(verdict, build, family, edition)
    elif family < S25_BUILD:
        verdict.settle("not_capable", "build_not_covered", build=build)
    elif family not in CLIENT_BUILDS:
        verdict.settle("unknown", "product_unclear", build=build)
    elif CLIENT_EDITION.fullmatch(edition):
        verdict.product = CLIENT_BUILDS[family]
    else:
        verdict.settle("unknown", "edition_unclear", edition=edition)


def _server_product(verdict: Verdict, build: str, family: int, edition: str) -> None:
    azure = edition.startswith("ServerTurbine")
    if family < S22_BUILD or family == S22_23H2_BUILD:
        verdict.settle("not_capable", "build_not_covered", build=build)
    elif family == S22_BUILD and azure:
        verdict.product = S22_AZURE
    elif family == S22_BUILD:
        verdict.settle("not_capable", "edition_not_covered", edition=edition)
    elif family != S25_BUILD:
        verdict.settle("unknown", "product_unclear", build=build)
    elif azure:
        verdict.product = S25_AZURE
    elif ARC_EDITION.fullmatch(edition):
        verdict.product = S25_ARC
    else:
        verdict.settle("unknown", "edition_unclear", edition=edition)


def _ready(verdict: Verdict, signals: Signals, build: str) -> None:
    """Every prerequisite that a host can be seen to lack; those nobody can read make the state unknown at the end."""
    status = signals.number("vbs_running")
    if isinstance(status, int) and status < VBS_RUNNING:
        asked_for = status == 0 and signals.number("vbs_configured") == 1
        code = "vbs_restart_needed" if asked_for else "vbs_not_running"
        verdict.settle("not_ready", code, status=status)
    if verdict.product == S22_AZURE and signals.number("hotpatch_table_size") in (0, None):
        verdict.settle("not_ready", "table_size_not_set")
    if verdict.product in SERVER_2025 and revision(build)[1] < FIRST_REVISION:
        verdict.settle("not_ready", "build_too_old", build=build)
    if verdict.product == S25_ARC and _arc_agent(signals) is False:
        verdict.settle("not_ready", "arc_agent_missing")
    if verdict.product in CLIENTS and _arm64(signals) is True and signals.number("chpe_off") in (0, None):
        verdict.settle("not_ready", "chpe_active")


def _arc_agent(signals: Signals) -> bool | Unknown:
    """Whether the Arc agent is installed: its command or its service tells; it takes both to tell that it is not."""
    agent, service = signals.table("arc_agent"), signals.service("himds")
    if (isinstance(agent, Mapping) and "status" in agent) or isinstance(service, str):
        return True
    return False if agent is None and service is None else UNKNOWN


def _arm64(signals: Signals) -> bool | Unknown:
    """Whether the processor is one that needs CHPE off."""
    architecture = signals.text("architecture")
    word = architecture.upper() if isinstance(architecture, str) else ""
    return word == "ARM64" if word in ("AMD64", "ARM64") else UNKNOWN


def _missing(verdict: Verdict, signals: Signals, **probes: str) -> None:
    """Settle for unknown, telling what is missing and why."""
    what = " and ".join(f"{words} ({signals.cause(probe)})" for probe, words in probes.items())
    verdict.settle("unknown", "signals_missing", what=what)


def _unread(verdict: Verdict, signals: Signals) -> None:
    """The prerequisites that nobody can read."""
    status = signals.number("vbs_running")
    if not isinstance(status, int) or status > VBS_RUNNING:
        verdict.settle("unknown", "vbs_unknown", why=signals.cause("vbs_running"))
    if verdict.product == S22_AZURE and isinstance(signals.number("hotpatch_table_size"), Unknown):
        _missing(verdict, signals, hotpatch_table_size="HotPatchTableSize")
    if verdict.product == S25_ARC and isinstance(_arc_agent(signals), Unknown):
        _missing(verdict, signals, arc_agent="whether the Azure Connected Machine agent is installed")
    if verdict.product not in CLIENTS:
        return
    arm64, chpe = _arm64(signals), signals.number("chpe_off")
    if isinstance(arm64, Unknown):
        _missing(verdict, signals, architecture="the processor architecture")
    elif arm64 and (isinstance(chpe, Unknown) or (chpe is not None and chpe > 1)):
        _missing(verdict, signals, chpe_off="HotPatchRestrictions")


@dataclass(frozen=True)
class Place:
    """Where the build stands in the release table: its row, or why there is none that decides."""

    row: Release | None
    rows: tuple[Release, ...]

    @property
    def ambiguous(self) -> bool:
        """Whether rows of different effect share the build and the installed KBs do not tell."""
        return self.row is None and bool(self.rows)


def _place(verdict: Verdict, signals: Signals, releases: ReleaseTable, build: str) -> Place:
    rows = releases.at(verdict.rows_of, build)
    if len({row.keeps_track for row in rows}) == 1:
        return Place(rows[0], rows)
    kbs = signals.kbs()
    if isinstance(kbs, Unknown):
        return Place(None, rows)
    installed = [row for row in rows if row.kb in kbs]
    # The one that ends the track does so whatever else is installed.
    installed.sort(key=lambda row: row.keeps_track)
    return Place(installed[0] if installed else None, rows)


def _hotpatch_proven(
    verdict: Verdict, signals: Signals, releases: ReleaseTable, place: Place, now: datetime
) -> bool | Unknown:
    """Whether the host took a hotpatch lately: only an enrolled host is offered one."""
    if place.row is not None and place.row.type in HOTPATCHES:
        return True
    kbs = signals.kbs()
    if isinstance(kbs, Unknown):
        return UNKNOWN
    return any(
        release.type in HOTPATCHES and release.kb in kbs and now.date() - release.date <= RECENT
        for release in releases.of(verdict.rows_of, now)
    )


def _azure_word(azure: object) -> str | None:
    """`Enabled`, `Disabled` or another status in Azure's own words; None when it says nothing."""
    given = azure if isinstance(azure, Mapping) else {}
    words = [given.get(key) for key in ("hotpatch_enablement_status", "subscription_status")]
    said = [word for word in words if isinstance(word, str) and word and word != "Unknown"]
    for word in ("Disabled", "Enabled"):
        if word in said:
            return word
    return said[0] if said else None


def _enrolled(verdict: Verdict, signals: Signals, azure: object, proven: bool | Unknown) -> bool:
    """Whether the host is known to be enrolled; settles the state where it is known not to be, or not known."""
    word = _azure_word(azure)
    if word == "Disabled":
        verdict.settle("not_enrolled", "hotpatch_disabled_in_azure")
        return False
    if word not in (None, "Enabled"):
        verdict.say("azure_pending", status=shown(word, 40))
    said = proven is True or word == "Enabled"
    if verdict.product in CLIENTS:
        return _client_enrolled(verdict, signals, said, proven)
    package = signals.table("enrollment_package")
    if isinstance(package, Mapping) and isinstance(text(package.get("Name")), Unknown):
        # A key that lost its name marks nothing any more.
        package = UNKNOWN
    if said or (isinstance(package, Mapping) and verdict.product != S25_ARC):
        return True
    if verdict.product != S22_AZURE:
        verdict.settle("unknown", "enrolment_not_provable")
    elif isinstance(package, Unknown):
        _missing(verdict, signals, enrollment_package="the Hotpatch Enrollment Package")
    elif isinstance(proven, Unknown):
        # Absence says nothing while a hotpatch may be installed.
        _missing(verdict, signals, hotfixes="the installed updates")
    else:
        verdict.settle("not_enrolled", "enrollment_package_missing")
    return False


def _client_enrolled(verdict: Verdict, signals: Signals, said: bool, proven: bool | Unknown) -> bool:
    """Enrolment by policy: 0 ends it whatever was installed before, and so may a policy that nobody can read."""
    policy = signals.number("allow_rebootless_policy")
    if policy == 0:
        verdict.settle("not_enrolled", "policy_off")
    elif isinstance(policy, Unknown) or (policy is not None and policy > 1):
        _missing(verdict, signals, allow_rebootless_policy="the policy AllowRebootlessUpdates")
    elif said:
        return True
    elif policy == 1:
        if verdict.state is None:
            verdict.say("licence_not_provable")
        return True
    elif isinstance(proven, Unknown):
        _missing(verdict, signals, hotfixes="the installed updates")
    else:
        verdict.settle("not_enrolled", "policy_missing")
    return False


def _licence(verdict: Verdict, signals: Signals, azure: object, place: Place) -> None:
    """The licensing fault of October 2025; Azure Edition was not hit."""
    mark = signals.flag("licensing_mutex")
    if verdict.product not in (S25_ARC, *CLIENTS) or mark is False:
        return
    newer = _azure_word(azure) == "Enabled" or (place.row is not None and place.row.type in HOTPATCHES)
    if mark is True and (newer or verdict.state is not None):
        verdict.say("licence_fault")
    elif mark is True:
        verdict.settle("unknown", "licence_fault")
    elif not newer:
        _missing(verdict, signals, licensing_mutex="whether the licensing fault has left its mark")


def _hint(releases: ReleaseTable, product: str, build: str) -> str:
    """Where an unlisted build lies."""
    known = sorted(revision(row.build) for row in releases.releases if row.product == product)
    if not known:
        return "the table holds nothing of this product"
    if revision(build) > known[-1]:
        return "it is newer than the table's newest row"
    if revision(build) < known[0]:
        return "it is older than the table's oldest row"
    return "it lies between two rows, so it may be a preview or an update the table leaves out"


def _position(
    verdict: Verdict, releases: ReleaseTable, place: Place, build: str, now: datetime, enrolled: bool
) -> None:
    """On the track, off it, or behind, by the build's row in the release table."""
    product, row = verdict.rows_of, place.row
    if place.ambiguous:
        kbs = " and ".join(sorted(shared.kb for shared in place.rows))
        verdict.settle("unknown", "build_ambiguous", build=build, kbs=kbs)
        return
    if row is None:
        verdict.settle("unknown", "build_not_in_table", build=build, hint=_hint(releases, product, build))
        return
    newer = [one for one in releases.baselines(product, now) if revision(one.build) > revision(build)]
    if not row.keeps_track:
        _off_track(verdict, releases, row, newer, now, enrolled)
        return
    if newer:
        verdict.settle("behind", "baseline_missing", kb=newer[-1].kb, date=newer[-1].date)
        return
    hotpatch_months, other_months = releases.unknown_months(product, now, row.date)
    if other_months:
        what = ", which may have been a baseline"
        verdict.settle("unknown", "release_table_outdated", date=other_months[0], what=what)
    elif hotpatch_months:
        what = ", which was planned as a hotpatch"
        verdict.say("release_table_outdated", date=hotpatch_months[0], what=what)
    later = [
        one for one in releases.of(product, now) if one.type in NO_RESTART and revision(one.build) > revision(build)
    ]
    if later:
        verdict.say("hotpatch_waiting", kb=later[-1].kb, date=later[-1].date)


def _off_track(
    verdict: Verdict, releases: ReleaseTable, row: Release, newer: list[Release], now: datetime, enrolled: bool
) -> None:
    expected = releases.next_baseline(row.product, now)
    if not enrolled:
        # Whatever its enrolment is, this build's updates restart this month.
        following = f", expected on {expected}" if expected else ""
        verdict.say("build_is_ordinary_update", kb=row.kb, date=row.date, next=following)
    else:
        baseline = "the next baseline" + (f", expected on {expected}," if expected else "")
        if newer:
            baseline = f"the baseline {newer[-1].kb} of {newer[-1].date}"
        verdict.settle("off_track", "off_track_update", kb=row.kb, date=row.date, baseline=baseline)
    verdict.track = "standard"


@dataclass(frozen=True)
class Servicing:
    """What of Windows' own servicing waits for a restart.

    `waiting` says it in words, `update` whether that may be an update, `unread` which sources gave no answer.
    """

    waiting: tuple[str, ...]
    update: bool
    unread: tuple[str, ...]


def _identify(verdict: Verdict, signals: Signals) -> str | None:
    """The build of a host that hotpatching covers; None when the verdict is settled without it."""
    build, edition = signals.build(), signals.text("edition_id")
    if isinstance(build, str) and isinstance(edition, str):
        _product(verdict, signals, build, edition)
        return build if verdict.product else None
    asked = (("build", build, "its build"), ("edition_id", edition, "its edition"))
    _missing(verdict, signals, **{probe: words for probe, value, words in asked if not isinstance(value, str)})
    return None


def judge(
    signals: Signals,
    releases: ReleaseTable,
    now: datetime,
    azure: object,
    servicing: Servicing,
) -> Verdict:
    """The state on the track, with its causes and the warnings that belong to the track itself."""
    verdict = Verdict()
    build = _identify(verdict, signals)
    if build is None or verdict.product is None:
        return verdict
    _ready(verdict, signals, build)
    place = _place(verdict, signals, releases, build)
    proven = _hotpatch_proven(verdict, signals, releases, place, now)
    enrolled = _enrolled(verdict, signals, azure, proven)
    _unread(verdict, signals)
    _licence(verdict, signals, azure, place)
    held = [row for row in releases.baselines(verdict.rows_of, now) if revision(row.build) <= revision(build)]
    verdict.last_baseline = held[-1] if held else None
    if verdict.state in ("not_ready", "not_enrolled"):
        return verdict
    if verdict.state is None and servicing.waiting:
        verdict.settle("restart_pending", "restart_pending", detail=" ".join(servicing.waiting))
    if verdict.state == "restart_pending":
        _after_restart(verdict, releases, place, build, now, servicing)
        return verdict
    _position(verdict, releases, place, build, now, enrolled)
    if verdict.state is None and servicing.unread:
        what = ", ".join(f"{probe}: {signals.cause(probe)}" for probe in servicing.unread)
        verdict.settle("unknown", "restart_unknown", what=what)
    elif verdict.state is None:
        verdict.state, verdict.track = "on_track", "hotpatch"
    return verdict


def _after_restart(
    verdict: Verdict, releases: ReleaseTable, place: Place, build: str, now: datetime, servicing: Servicing
) -> None:
    """The track and the further causes of a host that waits for a restart; a baseline that it lacks may be what waits."""
    running = Verdict(product=verdict.product)
    _position(running, releases, place, build, now, enrolled=True)
    verdict.track = "hotpatch" if running.state is None else running.track
    dropped = {"hotpatch_waiting", "baseline_missing" if servicing.update else ""}
    verdict.reasons += [one for one in running.reasons if one["code"] not in dropped]


def next_baseline(verdict: Verdict, releases: ReleaseTable, now: datetime) -> str | None:
    """The day of the product's next planned baseline; None when none is planned."""
    day = releases.next_baseline(verdict.rows_of, now)
    return day.isoformat() if day else None
