# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do with a host now: for each offer install, put off, refuse or blocked; for the host one word and its restart.

Each offer goes through RULES in order; the first that applies decides, and every rule that fired says so in words.
What waits for a restart has a limit: its exposure limit, and for a baseline the next hotpatch that needs it. A restart
is due when no later run could still meet that limit; it happens with consent, and inside a window or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.signals import Signals, Unknown
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import exposure, offers, placing
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.case import Case, Ruling, in_words
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.consent import Consent
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.offers import Offer
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import CATEGORIES, Policy
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.windows import Window
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import pending_restart as pending_reboot
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import status, untouchable
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.releases import ReleaseTable, revision
from ansible_collections.rebootless.patching.plugins.plugin_utils.host.status import iso

SCHEMA = 1
DECISIONS = ("nothing", "install_without_restart", "restart_due", "wait_for_window", "blocked", "unknown")
OFFER_DECISIONS = ("install", "put_off", "refuse", "blocked")
DENIED = "access denied"
BECOME = "Run it with become (become_method runas, become_user SYSTEM): a network logon is refused by the update agent."
TRACK_UNKNOWN = "whether this host has a hotpatch track to lose is not known: see the reasons of its status."
PLACE_IT = "Bring the release table up to date, or name its KB under emergency."
# By these the status says that the host lacks a release that is out.
LACKS = ("hotpatch_waiting", "baseline_missing")
# What is put off until somebody can say what it does to the track: it waits for no restart, and forces none.
UNPLACED = ("unplaced", "track_unknown")
ANSWERS = {
    DENIED: BECOME,
    "not asked": "Ask for it with restart_answer: always; that downloads the update's bootstrapper.",
}


# Rules: each may decide (True), or add a word and let the next one look.


def _in_effect(case: Case, one: Ruling) -> bool:
    """Done is what the build says, not what is still offered (KB5068966 was offered again on every scan)."""
    build = case.host["build"]
    if one.row is None or build is None:
        return False
    listed = one.row.kb in case.signals.listed()
    if revision(build) > revision(one.row.build) or (build == one.row.build and listed):
        return one.unwanted(
            "already_in_effect", f"Build {build} already holds {one.row.kb}: it is offered again for nothing."
        )
    return False


def _hidden(case: Case, one: Ruling) -> bool:
    if one.offer.hidden is False:
        return False
    if one.offer.hidden is True:
        return one.unwanted("hidden", "Somebody has hidden this update on the host.")
    return one.unwanted("hidden", "The host does not say that nobody has hidden this update.")


def _emergency(case: Case, one: Ruling) -> bool:
    named = sorted(case.policy.emergency & set(one.offer.kbs))
    if named:
        one.emergency = True
        one.why.append(
            f"The policy names {named[0]} an emergency: hold, rejections, categories and the track do not stop it."
        )
    return False


def _held(case: Case, one: Ruling) -> bool:
    hold = case.policy.hold
    if one.emergency or hold is None or not hold.active(case.now):
        return False
    until = f" until {in_words(hold.until)}" if hold.until else ""
    return one.settle("blocked", "held", f"The policy holds all installations{until}: {hold.reason}.", hold.until)


def _held_kb(case: Case, one: Ruling) -> bool:
    named = sorted(case.policy.hold_kbs & set(one.offer.kbs))
    if one.emergency or not named:
        return False
    return one.settle("blocked", "held_kb", f"The policy holds {named[0]}.")


def _rejected(case: Case, one: Ruling) -> bool:
    hit = next((match for match in case.policy.reject if match.fits(one.offer.title, one.offer.kbs)), None)
    if one.emergency or hit is None:
        return False
    return one.unwanted("rejected", f"The policy rejects {hit.given}.")


def _chosen(case: Case, one: Ruling) -> bool:
    """Kinds that are off by default, and categories; an entry of `accept` goes before both."""
    hit = next((match for match in case.policy.accept if match.fits(one.offer.title, one.offer.kbs)), None)
    if one.emergency:
        return False
    if hit is not None:
        one.why.append(f"The policy accepts {hit.given}.")
        return False
    if one.offer.driver is not False and not case.policy.drivers:
        what = "It is a driver" if one.offer.driver is True else "The host does not say that it is no driver"
        return one.unwanted("driver", f"{what}, and the policy takes no drivers.")
    if one.offer.optional is not False and not case.policy.optional:
        what = "It is optional" if one.offer.optional is True else "The host does not say that it is not optional"
        return one.unwanted("optional", f"{what}, and the policy takes no optional updates.")
    wanted = {CATEGORIES[word] for word in case.policy.categories}
    if one.offer.driver is True or wanted & one.offer.categories:
        return False
    listed = ", ".join(word for word in one.offer.words() if word in CATEGORIES) or "none that the policy knows"
    return one.unwanted("category", f"Its category ({listed}) is not among those of the policy.")


def _licence(case: Case, one: Ruling) -> bool:
    if one.offer.eula_accepted is True or case.policy.accept_eula:
        return False
    what = "are not accepted on the host" if one.offer.eula_accepted is False else "may not be accepted on the host"
    return one.unwanted("licence_terms", f"Its licence terms {what}, and installing would accept them.")


def _untold(case: Case, one: Ruling) -> bool:
    return not one.offer.selectable and one.settle("blocked", "title_unusable", offers.UNTOLD)


def _off_track(case: Case, one: Ruling) -> bool:
    if one.row is None or one.row.keeps_track or not case.may_have_track:
        return False
    what = f"{one.row.kb} of {one.row.date} is a cumulative update outside the baseline"
    if one.emergency:
        one.why.append(f"{what}: it ends the hotpatch track until the next baseline.")
        return False
    if not (case.protected or case.returning):
        return one.settle("put_off", "track_unknown", f"{what}, and {TRACK_UNKNOWN}")
    return one.settle("refuse", "off_track", f"{what}: it would throw the host off its track until the next baseline.")


def _unplaced(case: Case, one: Ruling) -> bool:
    """What nobody can place may end the track: it goes in by no way but an emergency."""
    if not case.may_have_track or one.place.name in (placing.LISTED, placing.BESIDE):
        return False
    if one.place.name == placing.LIVE:
        one.why.append(
            f"The release table does not know it. It needs no restart here, says {one.place.by}, and a cumulative update "
            "needs one: it is taken for a hotpatch. Whether it is one the build tells afterwards."
        )
        return False
    what = "The release table does not know it, and neither its categories nor its files say that it is none of Windows' own"
    if one.emergency:
        one.why.append(f"{what}: it may end the hotpatch track until the next baseline.")
        return False
    lose = "it may throw the host off its hotpatch track." if case.protected or case.returning else TRACK_UNKNOWN
    return one.settle("put_off", "unplaced", f"{what}: {lose} {PLACE_IT}")


def _limited(case: Case, one: Ruling) -> bool:
    """What waits for a restart has a limit, whatever stops its installation at this moment."""
    taken_at_once = one.restart.name == "possible" and case.policy.possible != "put_off"
    if one.restart.name != "none" and not taken_at_once:
        one.limit = exposure.limit(case, one)
    return False


def _blackout(case: Case, one: Ruling) -> bool:
    blackout = case.policy.windows.blackout(case.now)
    if blackout is None:
        return False
    return one.settle("blocked", "blackout", f"Blackout until {in_words(blackout.end)}.", blackout.end)


def _leave_alone(case: Case, one: Ruling) -> bool:
    """Whatever says that the host must not be touched now, also that the host does not say whether it may be."""
    waits = untouchable.reasons_to_wait(case.signals, "install")
    return bool(waits) and one.settle("blocked", waits[0].code, untouchable.in_words(waits))


def _restart_first(case: Case, one: Ruling) -> bool:
    blocking = [reason for reason in case.host["pending"]["reasons"] if reason["blocks_updates"]]
    if not blocking:
        return False
    return one.settle("blocked", "restart_pending", f"Nothing installs before a restart. {blocking[0]['detail']}")


def _free(signals: Signals) -> int | None:
    """Free bytes on the system disk; None when nobody knows."""
    disk = signals.table("system_disk")
    free = disk.get("free_bytes") if isinstance(disk, Mapping) else None
    return None if isinstance(free, bool) or not isinstance(free, int) else free


def _disk(case: Case, one: Ruling) -> bool:
    free = _free(case.signals)
    if free is None or free >= case.policy.min_free_disk:
        return False
    words = (
        f"{free / 2**30:.1f} GB free on the system disk, the policy wants {case.policy.min_free_disk / 2**30:.1f} GB."
    )
    return one.settle("blocked", "disk", words)


def _no_restart(case: Case, one: Ruling) -> bool:
    if one.restart.name != "none":
        return False
    return one.settle("install", "no_restart", f"It installs without a restart, says {one.restart.source}.")


def _possible(case: Case, one: Ruling) -> bool:
    """What may ask for a restart, where the policy takes that chance."""
    choice = case.policy.possible
    if one.restart.name != "possible" or choice == "put_off":
        return False
    if choice == "any":
        return one.settle(
            "install", "possible_any", "It may ask for a restart; the policy installs such updates at any time."
        )
    if case.in_window:
        return one.settle(
            "install", "possible_in_window", "It may ask for a restart; the policy allows that in this window."
        )
    following = case.policy.windows.following(case.now)
    words = "It may ask for a restart; the policy installs such updates in a window."
    return one.settle("put_off", "waits_for_window", words, following.start if following else None)


CLASS_WORDS = {
    "always": "It restarts the host, says {source}.",
    "possible": "It may ask for a restart ({source}).",
    "unknown": "Nobody knows whether it restarts the host.",
}


def _waits(case: Case, one: Ruling) -> bool:
    """Everything else waits for an agreed restart, until its limit."""
    word = CLASS_WORDS[one.restart.name].format(source=one.restart.source)
    return one.settle("put_off", "waits_for_restart", f"{word} It waits for an agreed restart.", one.limit)


RULES: tuple[Callable[[Case, Ruling], bool], ...] = (
    _in_effect,
    _hidden,
    _emergency,
    _held,
    _held_kb,
    _rejected,
    _chosen,
    _licence,
    _untold,
    _off_track,
    _unplaced,
    _limited,
    _blackout,
    _leave_alone,
    _restart_first,
    _disk,
    _no_restart,
    _possible,
    _waits,
)


@dataclass
class Restart:
    """The restart that the host owes: whether it is due, by when, in which window, and whether this run may do it."""

    due: bool = False
    now: bool = False
    by: datetime | None = None
    window: Window | None = None
    forced_by: list[Ruling] = field(default_factory=list)
    why: str | None = None


def _restart(case: Case, rulings: Collection[Ruling]) -> Restart:
    waiting = sorted(
        (one for one in rulings if one.limit is not None), key=lambda one: (one.limit or case.now, one.offer.id)
    )
    pending = case.host["restart_required"] == "yes"
    if not waiting and not pending:
        return Restart()
    # What is installed and waits is not in effect: it gains nothing by waiting for a later window.
    by = case.now if pending else waiting[0].limit or case.now
    restart = Restart(by=by, window=_target(case, by))
    windows = case.policy.windows
    # Without windows those force it that no later run could bring in time.
    horizon = max(by, case.next_review)
    restart.forced_by = [
        one
        for one in waiting
        if one.limit and (one.limit <= horizon if windows.always else _target(case, one.limit) == restart.window)
    ]
    # Later than now there is no run that could still say it.
    late = not windows.always and windows.last_before(by, case.now) is None
    last_run = by if windows.always or restart.window is None else restart.window.start
    restart.due = pending or late or last_run <= case.next_review
    open_now = case.window
    reached = restart.window is None or (open_now is not None and open_now.end >= restart.window.end)
    good_time = windows.always or (open_now is not None and reached)
    calm = windows.blackout(case.now) is None and not untouchable.reasons_to_wait(case.signals, "restart")
    ready = pending or any(one.code == "waits_for_restart" for one in waiting)
    restart.now = restart.due and ready and case.consent.at(case.now) is True and good_time and calm
    restart.why = _why_restart(case, restart, pending)
    return restart


def _target(case: Case, by: datetime) -> Window | None:
    """The window for a restart that is needed by then: the last that ends in time, else the nearest; None without windows."""
    windows = case.policy.windows
    nearest = windows.current(case.now) or windows.following(case.now)
    if case.policy.restart_at == "first":
        return nearest
    return windows.last_before(by, case.now) or nearest


def _why_restart(case: Case, restart: Restart, pending: bool) -> str:
    names = ", ".join(one.offer.label for one in restart.forced_by)
    if pending:
        reasons = case.host["pending"]["reasons"]
        details = [reason["detail"] for reason in reasons if reason["source"] != pending_reboot.AT_WORK]
        what = " ".join(("A restart is pending.", *details))
    else:
        by = restart.by or case.now
        what = f"{names} must be in effect by {in_words(by)}."
        if by < case.now:
            what = f"{names} had to be in effect by {in_words(by)}: overdue."
    if not case.policy.windows.always:
        window = restart.window
        what += (
            f" The window for it: {in_words(window.start)} to {in_words(window.end)}."
            if window
            else " No window lies ahead within a year."
        )
    waits = untouchable.in_words(untouchable.reasons_to_wait(case.signals, "restart"))
    return " ".join(filter(None, (what, _consent_over(case, restart), f"Not now: {waits}" if waits else "")))


def _consent_over(case: Case, restart: Restart) -> str:
    """That the consent has expired, or will have before its window opens; empty when it holds."""
    until, window = case.consent.expires, restart.window
    if case.consent.at(case.now) is True and until and window and until <= window.start:
        return f"The consent expires at {in_words(until)}, before that window opens."
    return case.consent.words(case.now)


def _ruling(case: Case, offer: Offer) -> Ruling:
    row = offers.row_of(offer, case.rows)
    one = Ruling(offer, row, offers.restart_class(offer, row), since=exposure.since(case, offer, row))
    for rule in RULES:
        if rule(case, one):
            break
    return one


def _agree(rulings: Collection[Ruling]) -> None:
    """With consent in the right window everything that waited is installed for the one restart."""
    for one in rulings:
        if one.code == "waits_for_restart":
            words = "The restart is agreed and its window is open: it is installed now."
            one.settle("install", "agreed_restart", words)


def _missing(case: Case, rulings: Collection[Ruling]) -> list[dict[str, str]]:
    """The answers that the decision lacks: what, why, and how to get them."""
    missing = []

    def lack(what: str, why: str, fix: str) -> None:
        missing.append({"what": what, "why": why, "fix": fix})

    if not case.host["reached"]:
        return missing
    if isinstance(case.offered, Unknown):
        why = case.signals.cause("agent_offers")
        fix = (
            BECOME
            if why == DENIED
            else "Look at the Windows Update service and its source on the host, then ask again."
        )
        lack("what the update agent offers", offers.cause(case.signals), fix)
    elif case.offered.malformed:
        lack(
            f"{case.offered.malformed} offers that could not be read",
            "malformed answer",
            "Report this with the raw signals.",
        )
    warnings = case.signals.value("search_warnings")
    codes = (
        [f"0x{code & 0xFFFFFFFF:08X}" for code in warnings if isinstance(code, int)]
        if isinstance(warnings, list)
        else []
    )
    if codes:
        why = f"the search ended with warnings ({', '.join(codes)})"
        lack("a complete list of what is offered", why, "Look at the sources of updates of this host, then ask again.")
    elif not isinstance(case.offered, Unknown) and warnings != []:
        lack("whether the search was complete", case.signals.cause("search_warnings"), "Ask again.")
    for mark in untouchable.MARKS:
        if isinstance(case.signals.flag(mark.probe), Unknown):
            lack(mark.asks, case.signals.cause(mark.probe), BECOME)
    for one in rulings:
        if one.wanted and one.offer.unanswered is not None:
            lack(
                f"the agent's own answer whether {one.offer.label} restarts this host",
                one.offer.unanswered,
                ANSWERS.get(
                    one.offer.unanswered, "Ask again; until then the static answer or the release table stands in."
                ),
            )
    return missing


def _complete(case: Case) -> bool:
    """Whether what is offered can be taken for all there is.

    Not where an offer could not be read. A search with warnings may have missed something: it has where it does not list a
    release that the table says the host lacks, and it tells nothing where it lists nothing and the table cannot say either.
    """
    if isinstance(case.offered, Unknown) or case.offered.malformed:
        return False
    if case.signals.value("search_warnings") == []:
        return True
    lacks = any(reason["code"] in LACKS for reason in case.host["reasons"])
    build = case.host["build"]
    rows = [offers.row_of(offer, case.rows) for offer in case.offered.known]
    seen = any(row is not None and build and revision(row.build) > revision(build) for row in rows)
    return seen if lacks else bool(rows) or case.host["state"] == "on_track"


def _decision(rulings: Collection[Ruling], restart: Restart) -> str:
    """One word for the host."""
    of = {name: [one for one in rulings if one.decision == name] for name in OFFER_DECISIONS}
    stuck = [one for one in of["blocked"] if one.wanted]
    if stuck and not of["install"] and not of["put_off"]:
        return "blocked"
    if restart.due:
        return "restart_due"
    if of["install"]:
        return "install_without_restart"
    return "wait_for_window" if of["put_off"] else "nothing"


def _summary(rulings: Collection[Ruling], restart: Restart) -> str:
    def names(what: str) -> str:
        return ", ".join(one.offer.label for one in rulings if one.decision == what and one.wanted)

    parts = []
    if names("install"):
        calm = all(one.restart.name == "none" for one in rulings if one.decision == "install")
        how = " and restart" if restart.now else " without a restart" if calm else ""
        parts.append(f"Install {names('install')}{how}.")
    elif restart.now:
        parts.append("Restart now.")
    if names("refuse"):
        parts.append(f"Refuse {names('refuse')}.")
    unplaced = ", ".join(one.offer.label for one in rulings if one.code in UNPLACED)
    waiting = ", ".join(one.offer.label for one in rulings if one.decision == "put_off" and one.code not in UNPLACED)
    if waiting:
        parts.append(f"Put off {waiting}.")
    if unplaced:
        parts.append(f"Put off {unplaced}: nobody knows what that does to the hotpatch track.")
    if names("blocked"):
        parts.append(f"Blocked: {names('blocked')}.")
    if restart.due and not restart.now and restart.why:
        parts.append(f"A restart is due: {restart.why}")
    return " ".join(parts) or "Nothing to do."


def _shown(one: Ruling, case: Case) -> dict[str, Any]:
    released, since = one.released, one.since
    known = [value if not isinstance(value, Unknown) else None for value in (one.offer.driver, one.offer.optional)]
    return {
        **offers.brief(one.offer),
        "categories": one.offer.words(),
        "severity": one.offer.severity,
        "size": None if isinstance(one.offer.size, Unknown) else one.offer.size,
        "released": iso(released) if released else None,
        "missing_since": iso(since) if since else None,
        "driver": known[0],
        "optional": known[1],
        "restart": one.restart.name,
        "restart_source": one.restart.source,
        "keeps_track": one.keeps_track,
        "decision": one.decision,
        "code": one.code,
        "until": iso(one.until) if one.until else None,
        "waited": None if since is None else max(0, int((case.now - since).total_seconds())),
        "limit": iso(one.limit) if one.limit else None,
        "why": list(one.why),
    }


def _window(window: Window | None) -> dict[str, Any] | None:
    return {"start": iso(window.start), "end": iso(window.end), "name": window.name} if window else None


def stale_when(host: Mapping[str, Any], read: offers.Offers | Unknown) -> dict[str, Any]:
    """What a decision rests on; when any of it has changed, the decision is stale. `offers` is None when nobody knows.

    Whether the host may be touched is none of it: that is asked anew before each step.
    """
    pending = host["pending"]["reasons"]
    return {
        "build": host["build"],
        "last_boot": host["last_boot"],
        "pending": sorted(f"{reason['class']}:{reason['source']}" for reason in pending),
        "offers": None if isinstance(read, Unknown) else {offer.id: offer.revision for offer in read.known},
    }


def decide(
    name: str,
    signals: object,
    releases: ReleaseTable,
    policy: Policy,
    now: datetime,
    *,
    azure: object = None,
    problem: Mapping[str, object] | None = None,
    consent: Consent | bool | None = None,
    remembered: Mapping[str, object] | None = None,
    classes: Collection[str] = pending_reboot.DEFAULT_CLASSES,
) -> dict[str, Any]:
    """The decision on a host and on each of its offers, as plain JSON; the same keys whatever the outcome.

    `signals` are those of windows_signals_info and windows_offers_info together; None when the host was not reached.
    `consent` is what the administrator says to a restart: a Consent, or plainly true, false, or None for not said.
    `remembered` is the `memory` of the last decision on this host: without it an update that supersedes another counts
    from its own day.
    """
    said = consent if isinstance(consent, Consent) else Consent(consent)
    host = status.host_status(name, signals, problem, releases, now, azure=azure, classes=classes)
    given = Signals(signals)
    read = offers.read(given)
    case = Case(now, policy, releases, given, host, said, remembered or {}, read)
    rulings = [] if isinstance(read, Unknown) else [_ruling(case, offer) for offer in read.known]
    restart = _restart(case, rulings)
    if restart.now:
        _agree(rulings)
    if isinstance(read, Unknown):
        decision = "restart_due" if restart.due else "unknown"
        what = offers.cause(case.signals) if host["reached"] else (host["problem"] or {}).get("message", "no answer")
        summary = f"What the host is offered is not known: {what}."
    else:
        decision = _decision(rulings, restart)
        summary = _summary(rulings, restart)
    complete = _complete(case)
    alone = untouchable.in_words(untouchable.reasons_to_wait(given, "install"))
    if decision == "nothing" and not complete:
        decision, summary = "unknown", "What the host is offered is not known in full: see what is missing."
        if not isinstance(read, Unknown) and read.malformed:
            summary = f"{read.malformed} offers could not be read: whether there is anything to do is not known."
    elif decision == "nothing" and alone:
        # What there is to do is seen when that is over.
        decision, summary = "blocked", alone
    following = policy.windows.following(now)
    return {
        "schema": SCHEMA,
        "name": name,
        "decided_at": iso(now),
        "reached": host["reached"],
        "problem": host["problem"],
        **{key: host[key] for key in ("product", "state", "track", "build", "last_boot", "last_baseline")},
        "next_baseline_expected": host["next_baseline_expected"],
        "decision": decision,
        "summary": summary,
        "offers": [_shown(one, case) for one in rulings],
        **{what: [one.offer.id for one in rulings if one.decision == what] for what in OFFER_DECISIONS},
        "restart": {
            "due": restart.due,
            "now": restart.now,
            "by": iso(restart.by) if restart.by else None,
            "window": _window(restart.window),
            "offers": [one.offer.id for one in restart.forced_by],
            "why": restart.why,
            "consent": said.at(now),
            "consent_by": said.by,
        },
        "exposure": exposure.of(case, rulings),
        "pending": host["pending"],
        "restart_required": host["restart_required"],
        "missing": _missing(case, rulings),
        "offers_complete": complete,
        "window": {"current": _window(case.window), "following": _window(following)},
        "free_disk": _free(given),
        "stale_when": stale_when(host, read),
    }
