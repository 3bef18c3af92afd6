# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a host on the hotpatch track, and if not, why not.

Four questions in this order: can it (product), is it ready, is it enrolled, where does its build stand. The first that
is answered with no decides; one that nobody can answer makes the state `unknown`. Rules and their sources:
facts/windows-hotpatch.md sections 1, 2, 4 and 5; the codes of all reasons: reasons.py.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import (
    UNKNOWN,
    Signals,
    Unknown,
    number,
    shown,
    span,
    text,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.reasons import CAUSE, advice, reason
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import (
    HOTPATCHES,
    NO_RESTART,
    Release,
    ReleaseTable,
    revision,
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
# Windows 11 Enterprise multi-session (Azure Virtual Desktop): a client with a server's name and product type.
MULTI_SESSION = "ServerRdsh"
# Why nobody knows whether an edition can get hotpatches; the first that fits.
UNCLEAR_EDITIONS = (
    (re.compile(MULTI_SESSION), "no source speaks of Enterprise multi-session (Azure Virtual Desktop)"),
    (
        re.compile("ServerSolution.*"),
        "Microsoft's page names Standard and Datacenter, and a public runbook says that Essentials gets none",
    ),
    (re.compile("Server.*"), "Microsoft's page names Standard and Datacenter"),
    (re.compile("Education.*"), "Microsoft's page names licences, Education A3 and A5 among them, and no editions"),
    (re.compile("Professional.*"), "Microsoft's page names licences and no editions, and sources disagree on Pro"),
    (re.compile(".*"), "Microsoft's page names licences and no editions"),
)
VBS_CONFIGURED, VBS_RUNNING = 1, 2
FIRST_REVISION = 1742
SERVER_TYPES = (2, 3)
# Words of Azure for what is not finished; it takes about ten minutes.
AZURE_AT_WORK = ("Enabling", "Disabling", "PendingEvaluation")
# Longer than the time between two hotpatches around an unplanned and a planned baseline in a row.
RECENT = timedelta(days=120)
# From here on hotpatching may be on without a policy of the device's own; the sources do not agree on it.
ON_BY_DEFAULT = datetime(2026, 5, 12, 17, tzinfo=UTC)
# Two clocks, or a clock and what was measured by it a moment before, differ by no more.
MOST_SKEW = timedelta(seconds=300)


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

    def doubt(self, code: str, **words: object) -> None:
        """Settle for unknown; only warn where something known has settled the state."""
        if self.state in (None, "unknown"):
            self.settle("unknown", code, **words)
        else:
            self.say(code, severity=None, **words)


def _product(verdict: Verdict, signals: Signals, releases: ReleaseTable, build: str, edition: str) -> None:
    """Which product this is, or why it is none that hotpatching covers; nearly all server editions are named Server…"""
    family = revision(build)[0]
    system = signals.table("operating_system")
    product_type = number(system.get("product_type")) if isinstance(system, Mapping) else UNKNOWN
    if edition != MULTI_SESSION and (edition.startswith("Server") or product_type in SERVER_TYPES):
        _server_product(verdict, signals, releases, build, edition)
    elif family < S25_BUILD:
        verdict.settle("not_capable", "build_not_covered", build=build)
    elif family not in CLIENT_BUILDS:
        verdict.settle("unknown", "product_unclear", build=build)
    else:
        _if_edition_can(verdict, releases, CLIENT_BUILDS[family], build, edition, CLIENT_EDITION)


def _server_product(verdict: Verdict, signals: Signals, releases: ReleaseTable, build: str, edition: str) -> None:
    family, azure = revision(build)[0], edition.startswith("ServerTurbine")
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
    elif signals.service("WindowsAzureGuestAgent") == "Running" and _arc_agent(signals) is False:
        verdict.settle("not_capable", "azure_image_not_covered", edition=edition)
    else:
        _if_edition_can(verdict, releases, S25_ARC, build, edition, ARC_EDITION)


def _if_edition_can(
    verdict: Verdict, releases: ReleaseTable, product: str, build: str, edition: str, known: re.Pattern[str]
) -> None:
    """The product, if the edition is known to get hotpatches or the build shows that this host got one."""
    rows = releases.at(TABLE_PRODUCT.get(product, product), build)
    if known.fullmatch(edition) or (rows and all(row.type in NO_RESTART for row in rows)):
        verdict.product = product
    else:
        why = next(words for pattern, words in UNCLEAR_EDITIONS if pattern.fullmatch(edition))
        verdict.settle("unknown", "edition_unclear", edition=edition, why=why)


def _ready(verdict: Verdict, signals: Signals, build: str) -> None:
    """Every prerequisite that a host can be seen to lack; those nobody can read make the state unknown at the end."""
    status, asked = signals.number("vbs_running"), signals.number("vbs_configured")
    if status == VBS_CONFIGURED:
        verdict.settle("not_ready", "vbs_kept_from_running", status=status)
    elif status == 0 and asked == 1:
        verdict.settle("not_ready", "vbs_restart_needed", status=status)
    elif status == 0:
        told = f"could not be read ({signals.cause('vbs_configured')})" if isinstance(asked, Unknown) else f"is {asked}"
        verdict.settle("not_ready", "vbs_not_running", status=status, asked="is not set" if asked is None else told)
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


def never_connected(signals: Signals) -> str | None:
    """The status of an Arc agent that tells of no heartbeat at all; None when it tells of one, or nothing."""
    agent = signals.table("arc_agent")
    status = text(agent.get("status")) if isinstance(agent, Mapping) else UNKNOWN
    if not isinstance(agent, Mapping) or not isinstance(status, str) or status.lower() != "disconnected":
        return None
    return status if agent.get("last_heartbeat", "") is None else None


def _arm64(signals: Signals) -> bool | Unknown:
    """Whether the processor is one that needs CHPE off."""
    architecture = signals.text("architecture")
    word = architecture.upper() if isinstance(architecture, str) else ""
    return word == "ARM64" if word in ("AMD64", "ARM64") else UNKNOWN


def _missing(verdict: Verdict, signals: Signals, **probes: str) -> None:
    """Settle for unknown, telling what is missing and why."""
    causes = {probe: _why(signals, probe) for probe in probes}
    what = " and ".join(f"{words} ({causes[probe]})" for probe, words in probes.items())
    verdict.settle("unknown", "signals_missing", what=what, advice=advice(causes.values()))


def _why(signals: Signals, probe: str) -> str:
    """Why a probe tells nothing, or not all."""
    return (signals.kbs_cause() if probe == "hotfixes" else None) or signals.cause(probe)


def _unread(verdict: Verdict, signals: Signals) -> None:
    """The prerequisites that nobody can read."""
    status = signals.number("vbs_running")
    if not isinstance(status, int) or status > VBS_RUNNING:
        why = signals.cause("vbs_running")
        verdict.settle("unknown", "vbs_unknown", why=why, advice=advice([why], sentence=False))
    if verdict.product == S22_AZURE and isinstance(signals.number("hotpatch_table_size"), Unknown):
        _missing(verdict, signals, hotpatch_table_size="HotPatchTableSize")
    if verdict.product == S25_ARC and isinstance(_arc_agent(signals), Unknown):
        # Where the command is not there, it is the service that did not tell.
        probe = "services" if signals.table("arc_agent") is None else "arc_agent"
        _missing(verdict, signals, **{probe: "whether the Azure Connected Machine agent is installed"})
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
    listed = [row for row in rows if row.kb in signals.listed()]
    # The one that ends the track does so whatever else is installed.
    listed.sort(key=lambda row: row.keeps_track)
    if listed and (not listed[0].keeps_track or not isinstance(signals.kbs(), Unknown)):
        return Place(listed[0], rows)
    return Place(None, rows)


def _hotpatch_proven(
    verdict: Verdict, signals: Signals, releases: ReleaseTable, place: Place, now: datetime
) -> bool | Unknown:
    """Whether the host took a hotpatch lately: only an enrolled host is offered one."""
    if place.row is not None and place.row.type in HOTPATCHES:
        return True
    listed = signals.listed()
    found = any(
        release.type in HOTPATCHES and release.kb in listed and now.date() - release.date <= RECENT
        for release in releases.of(verdict.rows_of, now)
    )
    return UNKNOWN if not found and isinstance(signals.kbs(), Unknown) else found


def _azure_word(azure: object) -> str | None:
    """`Enabled`, `Disabled` or another status in Azure's own words; None when it says nothing."""
    given = azure if isinstance(azure, Mapping) else {}
    words = [given.get(key) for key in ("hotpatch_enablement_status", "subscription_status")]
    said = [word for word in words if isinstance(word, str) and word and word != "Unknown"]
    for word in ("Disabled", "Enabled"):
        if word in said:
            return word
    return said[0] if said else None


def _enrolled(verdict: Verdict, signals: Signals, azure: object, proven: bool | Unknown, now: datetime) -> bool:
    """Whether the host is known to be enrolled; settles the state where it is known not to be, or not known."""
    word = _azure_word(azure)
    if word == "Disabled":
        verdict.settle("not_enrolled", "hotpatch_disabled_in_azure")
        return False
    if word not in (None, "Enabled"):
        step = "Wait some ten minutes and ask again; then look" if word in AZURE_AT_WORK else "Look"
        verdict.say("azure_pending", status=shown(word, 40), step=step)
    said = proven is True or word == "Enabled"
    if verdict.product in CLIENTS:
        return _client_enrolled(verdict, signals, said, proven, now)
    package = signals.table("enrollment_package")
    if isinstance(package, Mapping) and isinstance(text(package.get("Name")), Unknown):
        # A key that lost its name marks nothing any more.
        package = UNKNOWN
    if verdict.product == S22_AZURE and said and not isinstance(package, Mapping):
        return _without_package(verdict, signals, package, azure=word == "Enabled")
    if said or (isinstance(package, Mapping) and verdict.product != S25_ARC):
        return True
    if verdict.product != S22_AZURE:
        _not_provable(verdict, signals, package, proven, azure)
    elif isinstance(package, Unknown):
        _missing(verdict, signals, enrollment_package="the Hotpatch Enrollment Package")
    elif isinstance(proven, Unknown):
        # Absence says nothing while a hotpatch may be installed.
        _missing(verdict, signals, hotfixes="the installed updates")
    else:
        verdict.settle("not_enrolled", "enrollment_package_missing")
    return False


def _without_package(verdict: Verdict, signals: Signals, package: Unknown | None, *, azure: bool) -> bool:
    """Server 2022 whose enrolment something proves but the package: that it is gone is newer than any hotpatch."""
    if isinstance(package, Unknown):
        if not azure:
            _missing(verdict, signals, enrollment_package="the Hotpatch Enrollment Package")
    elif azure:
        verdict.say("enrolment_key_gone", proof="Azure says Enabled")
    else:
        verdict.doubt("enrolment_key_gone", proof="a hotpatch was installed lately")
    return azure


def _not_provable(verdict: Verdict, signals: Signals, package: object, proven: bool | Unknown, azure: object) -> None:
    """Nothing proves the enrolment: say which witnesses were heard, and which were not."""
    status = never_connected(signals) if verdict.product == S25_ARC else None
    if status is not None:
        verdict.settle("unknown", "arc_not_onboarded", status=status)
        return
    what, also = [], ""
    if verdict.product == S25_ARC:
        what.append("the agent leaves no documented trace on the host")
    elif isinstance(package, Unknown):
        what.append(f"the Hotpatch Enrollment Package was not read ({signals.cause('enrollment_package')})")
    else:
        what.append("the Hotpatch Enrollment Package is not registered, which Server 2025 may do without")
    why = signals.kbs_cause()
    if isinstance(proven, Unknown) and why:
        what.append(f"whether a recent hotpatch is installed was not read in full ({why})")
        also = f"; for the list of updates, {advice([why], sentence=False)}"
    else:
        what.append(f"no hotpatch of the last {RECENT.days} days is listed as installed")
    word = _azure_word(azure)
    silent = "Azure says nothing of it" if isinstance(azure, Mapping) and azure else "Azure's word was not given"
    what.append(f"Azure says {shown(word, 40)}" if word else silent)
    verdict.settle("unknown", "enrolment_not_provable", what="; ".join(what), also=also)


def _client_enrolled(verdict: Verdict, signals: Signals, said: bool, proven: bool | Unknown, now: datetime) -> bool:
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
    elif now >= ON_BY_DEFAULT:
        verdict.settle("unknown", "policy_not_provable")
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
    verdict: Verdict, signals: Signals, releases: ReleaseTable, place: Place, build: str, now: datetime, enrolled: bool
) -> None:
    """On the track, off it, or behind, by the build's row in the release table."""
    product, row = verdict.rows_of, place.row
    newer = [one for one in releases.baselines(product, now) if revision(one.build) > revision(build)]
    if row is None:
        _without_row(verdict, signals, releases, place, build, newer)
        return
    hotpatch_months, other_months = releases.unknown_months(product, now, newer[-1].date if newer else row.date)
    if not row.keeps_track:
        _off_track(verdict, releases, row, newer, now, enrolled)
    elif newer:
        verdict.settle("behind", "baseline_missing", kb=newer[-1].kb, date=newer[-1].date)
    elif other_months:
        code, words = _unread_month(releases, product, other_months[0], "may have been a baseline")
        verdict.settle("unknown", code, **words)
        return
    _warn_of_months(verdict, releases, hotpatch_months, other_months)
    if verdict.state is None:
        _next_hotpatch(verdict, releases, build, hotpatch_months, now)


def _without_row(
    verdict: Verdict, signals: Signals, releases: ReleaseTable, place: Place, build: str, newer: list[Release]
) -> None:
    """The table does not have the build, or nobody can tell which of its updates this is."""
    if place.ambiguous:
        kbs = " and ".join(sorted(shared.kb for shared in place.rows))
        why, step = "no installed KB tells which it is", "Settle it by the host's update history"
        if cause := signals.kbs_cause():
            why = f"the list of installed KBs was not read in full ({cause})"
            step = f"For the list, {advice([cause], sentence=False)}"
        verdict.settle("unknown", "build_ambiguous", build=build, kbs=kbs, why=why, step=step)
        return
    step = "Bring the release table up to date"
    if newer:
        step = f"Install the baseline {newer[-1].kb} of {newer[-1].date} and restart once"
    hint = _hint(releases, verdict.rows_of, build)
    verdict.settle("unknown", "build_not_in_table", build=build, hint=hint, step=step)


def _next_hotpatch(
    verdict: Verdict, releases: ReleaseTable, build: str, unread: Collection[date], now: datetime
) -> None:
    """Advise the newest hotpatch that the host can take."""
    later = [
        one
        for one in releases.of(verdict.rows_of, now)
        if one.type in NO_RESTART
        and revision(one.build) > revision(build)
        # Behind a month that nobody knows it may need a baseline that the host lacks.
        and all(one.date < day for day in unread)
    ]
    if later:
        verdict.say("hotpatch_waiting", kb=later[-1].kb, date=later[-1].date)


def _unread_month(releases: ReleaseTable, product: str, day: date, what: str) -> tuple[str, dict[str, object]]:
    """The code and the words for a month that the table lacks: its end, or a gap in it."""
    code = "release_table_gap" if releases.reaches(product, day) else "release_table_outdated"
    return code, {"date": day, "what": f", which {what}"}


def _warn_of_months(
    verdict: Verdict, releases: ReleaseTable, hotpatch_months: list[date], other_months: list[date]
) -> None:
    """Warn of the first month that the table lacks."""
    for days, what in ((other_months, "may have been a baseline"), (hotpatch_months, "was planned as a hotpatch")):
        if days:
            code, words = _unread_month(releases, verdict.rows_of, days[0], what)
            verdict.say(code, severity=None, **words)
            return


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


def _last_baseline(verdict: Verdict, releases: ReleaseTable, build: str, now: datetime) -> Release | None:
    """The newest baseline in the build; None when one that the table lacks may be in it."""
    product = verdict.rows_of
    held = [row for row in releases.baselines(product, now) if revision(row.build) <= revision(build)]
    above = [row.date for row in releases.releases if row.product == product and revision(row.build) >= revision(build)]
    if not held or not above or releases.gaps(product, held[-1].date, min(above)):
        return None
    return held[-1]


def _restarted_with(
    verdict: Verdict, releases: ReleaseTable, place: Place, build: str, now: datetime
) -> Release | None:
    """The newest update in the build that takes a restart to be in effect, as far as the table knows."""
    if place.row is not None and not place.row.keeps_track and place.row.restart:
        return place.row
    held = [row for row in releases.baselines(verdict.rows_of, now) if revision(row.build) <= revision(build)]
    return held[-1] if held else None


def _boot(verdict: Verdict, signals: Signals, update: Release | None, now: datetime) -> None:
    """Hold the last boot against the clock, and against the update that the build says is in effect (facts section 5)."""
    boot, clock = signals.last_boot(), signals.clock()
    if isinstance(boot, Unknown):
        return
    own = not isinstance(clock, Unknown)
    here = clock if isinstance(clock, datetime) else now
    if boot - here > MOST_SKEW:
        than = "the host's own clock" if own else "the time of judgement"
        verdict.doubt("boot_in_future", boot=f"{boot:%Y-%m-%d %H:%M} UTC", size=span(boot - here), than=than)
        return
    try:
        # A clock that is ahead told the boot too late; by the time since then it was earlier.
        started = min(boot, now - (here - boot))
    except OverflowError:
        # The year 1, or the year 9999.
        started = boot
    # Days, because the hour of a release is not known for each, and a clock may be some minutes off.
    if update is not None and started.date() < update.date:
        verdict.doubt("boot_before_build", kb=update.kb, date=update.date, boot=f"{started:%Y-%m-%d %H:%M} UTC")


@dataclass(frozen=True)
class Servicing:
    """What of Windows' own servicing waits for a restart.

    `waiting` says it in words, `update` whether that may be an update, `unread` which sources gave no answer, `working`
    whether it is at work at this moment, None where nobody knows.
    """

    waiting: tuple[str, ...]
    update: bool
    unread: tuple[str, ...]
    working: bool | None = False


def _identify(verdict: Verdict, signals: Signals, releases: ReleaseTable) -> str | None:
    """The build of a host that hotpatching covers; None when the verdict is settled without it."""
    build, edition = signals.build(), signals.text("edition_id")
    if isinstance(build, str) and isinstance(edition, str):
        _product(verdict, signals, releases, build, edition)
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
    build, update = _identify(verdict, signals, releases), None
    if build is not None:
        place = _place(verdict, signals, releases, build)
        update = _restarted_with(verdict, releases, place, build, now)
        _stand(verdict, signals, releases, place, build, now, azure, servicing)
    _boot(verdict, signals, update, now)
    if verdict.state is None and servicing.unread:
        _restart_unknown(verdict, signals, servicing)
    asked = (("operating_system", signals.last_boot(), "when it last booted"), ("clock", signals.clock(), "its clock"))
    unread = {probe: words for probe, value, words in asked if isinstance(value, Unknown)}
    if verdict.state is None and unread:
        _missing(verdict, signals, **unread)
    if verdict.state is None:
        verdict.state, verdict.track = "on_track", "hotpatch"
    return verdict


def _stand(
    verdict: Verdict,
    signals: Signals,
    releases: ReleaseTable,
    place: Place,
    build: str,
    now: datetime,
    azure: object,
    servicing: Servicing,
) -> None:
    """Readiness, enrolment and position of a host that hotpatching covers; the state stays open if nothing is in its way."""
    _ready(verdict, signals, build)
    proven = _hotpatch_proven(verdict, signals, releases, place, now)
    enrolled = _enrolled(verdict, signals, azure, proven, now)
    _unread(verdict, signals)
    _licence(verdict, signals, azure, place)
    verdict.last_baseline = _last_baseline(verdict, releases, build, now)
    if verdict.state in ("not_ready", "not_enrolled"):
        return
    if servicing.working:
        # What the build and the marks come to is seen when it has ended.
        verdict.settle("unknown", "servicing_in_progress")
    elif servicing.working is None:
        _restart_unknown(verdict, signals, servicing)
    elif verdict.state is None and servicing.waiting:
        verdict.settle("restart_pending", "restart_pending", detail=" ".join(servicing.waiting))
        _after_restart(verdict, signals, releases, place, build, now, servicing)
    else:
        _position(verdict, signals, releases, place, build, now, enrolled)


def _restart_unknown(verdict: Verdict, signals: Signals, servicing: Servicing) -> None:
    """Settle for unknown, telling which sources gave no answer."""
    causes = {probe: signals.cause(probe) for probe in servicing.unread}
    what = ", ".join(f"{probe}: {cause}" for probe, cause in causes.items())
    verdict.settle("unknown", "restart_unknown", what=what, advice=advice(causes.values()))


def _after_restart(
    verdict: Verdict,
    signals: Signals,
    releases: ReleaseTable,
    place: Place,
    build: str,
    now: datetime,
    servicing: Servicing,
) -> None:
    """The track and the further causes of a host that waits for a restart; a baseline that it lacks may be what waits."""
    running = Verdict(product=verdict.product)
    _position(running, signals, releases, place, build, now, enrolled=True)
    verdict.track = "hotpatch" if running.state is None else running.track
    dropped = {"hotpatch_waiting", "baseline_missing" if servicing.update else ""}
    verdict.reasons += [one for one in running.reasons if one["code"] not in dropped]


def next_baseline(verdict: Verdict, releases: ReleaseTable, now: datetime) -> str | None:
    """The day of the product's next planned baseline; None when none is planned."""
    day = releases.next_baseline(verdict.rows_of, now)
    return day.isoformat() if day else None
