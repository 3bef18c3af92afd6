# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every decision, over generated hosts: products, builds, offers, policies, mangled answers.

Hypothesis chooses seeds, and each seed makes a batch of hosts: plain random draws are twenty times as fast.
"""

from __future__ import annotations

import copy
import functools
import json
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base import patch_tuesday as calendar
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import decide
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.consent import Consent
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.policy import CATEGORIES, Policy
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision.windows import Window, Windows
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases
from healthy import PRODUCTS, S22_AZURE, S25_ARC, S25_AZURE, healthy
from hypothesis import given, settings
from hypothesis import strategies as st
from realistic import Raw, build, failed, kbs, ok

# The mutation tool asks for few examples, and every mutant runs all of this.
FEW = settings().max_examples < 100
BATCH = 25
HOSTS = 25 if FEW else 10_000
SEEDS = st.integers(0, 2**32 - 1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Decision = dict[str, Any]


class Table(releases.ReleaseTable):
    """The release table, which is asked here many thousand times at few moments."""

    __hash__ = object.__hash__
    of = functools.cache(releases.ReleaseTable.of)
    baselines = functools.cache(releases.ReleaseTable.baselines)
    next_baseline = functools.cache(releases.ReleaseTable.next_baseline)


TABLE = Table.load(releases.shipped())
ROWS_OF = {product: "windows_server_2025" if product in (S25_ARC, S25_AZURE) else product for product in PRODUCTS}
ROWS = {product: [row for row in TABLE.releases if row.product == name] for product, name in ROWS_OF.items()}
FIRST = datetime(2024, 1, 9, 17, tzinfo=UTC)
LAST = datetime(2026, 11, 20, tzinfo=UTC)
# Few moments, so that the table's answers can be kept.
MOMENTS = [FIRST + HOUR * hours for hours in random.Random(5).sample(range(int((LAST - FIRST) / HOUR)), 300)]

WINDOWS: list[list[Raw]] = [
    [],
    [],
    [{"start": "22:00", "duration": "4h", "weekdays": ["sunday"]}],
    [{"start": "00:00", "duration": "24h", "weekdays": ["monday", "tuesday", "wednesday", "thursday", "friday"]}],
    [{"start": "20:00", "duration": "6h", "time_zone": "Europe/Berlin", "weekdays": ["saturday"], "name": "weekend"}],
    [{"start": "22:00", "duration": "3h", "patch_tuesday_plus": 5}],
    [{"start": "22:00", "duration": "2d", "patch_tuesday_plus": 12}],
    [{"start": "01:00", "duration": "4h", "rrule": "FREQ=MONTHLY;BYDAY=3SA", "time_zone": "America/New_York"}],
    [
        {"start": "01:00", "duration": "30m", "patch_tuesday_plus": 27},
        {"start": "22:00", "duration": "1h", "weekdays": ["friday"]},
    ],
    [{"start": "05:00", "duration": "4h", "rrule": "FREQ=YEARLY;BYMONTH=2;BYDAY=1SA"}],
]
WAITS = ("1h", "1d", "5d", "14d", "30d", "45d", "95d", "180d", "400d")
EMERGENCY = ("KB5070881", "KB5099536", "KB9800001", "KB9800003")


def _policy(draw: random.Random) -> Policy:
    """A policy with a few of its keys set."""

    def sometimes(one_of: int) -> bool:
        return draw.randrange(one_of) == 0

    given: dict[str, Any] = {"windows": draw.choice(WINDOWS), "possible": draw.choice(("put_off", "in_window", "any"))}
    given["max_wait"] = {name: draw.choice(WAITS) for name in ("critical", "important", "moderate", "low")}
    given["restart_at"] = draw.choice(("last", "first"))
    if sometimes(3):
        given["blackouts"] = [{"from": "2025-11-20", "to": "2026-01-12"}, {"from": "2026-07-15", "to": "2026-08-01"}]
    if sometimes(8):
        given["hold"] = draw.choice((True, {"reason": "freeze", "until": "2026-03-01"}))
    if sometimes(5):
        given["hold_kbs"] = draw.sample(EMERGENCY, 2)
    if sometimes(5):
        given["emergency"] = draw.sample(EMERGENCY, 2)
    if sometimes(5):
        given["reject"] = draw.choice((["KB9800002"], ["preview"], ["Update"]))
    if sometimes(5):
        given["accept"] = draw.choice((["KB9800002"], ["preview"], ["Contoso"]))
    if sometimes(3):
        given |= {"drivers": True, "optional": True, "accept_eula": True, "categories": ["security", "tools"]}
    if sometimes(6):
        given["min_free_disk"] = "80GB"
    return Policy.load(given)


POLICIES = [_policy(random.Random(seed)) for seed in range(400)]
# Neither of any type that a field has, nor absent.
JUNK: tuple[object, ...] = (
    None,
    "",
    " ",
    "x" * 300,
    "KB\x1b[31m",
    -1,
    1.5,
    2**70,
    math.nan,
    [],
    [[]],
    [None],
    {},
    {"ok": 1},
    True,
)
STRANGE_KBS = tuple(f"KB98{number:05d}" for number in range(1, 8))


def _probe(draw: random.Random) -> object:
    """The agent's answer to a question of yes or no."""
    return draw.choice((None, ok(True), ok(False), ok(None), ok("no"), failed("denied"), failed("timeout"), failed()))


def _offer(draw: random.Random, product: str, now: datetime, number: int) -> Raw:
    """A real update of the product's history, or an invented one; sometimes with a broken field."""
    out = [row for row in ROWS[product] if calendar.released(row.date, now)]
    row = draw.choice(out[-8:]) if out and draw.randrange(2) else None
    kb = row.kb if row else draw.choice((*STRANGE_KBS, None))
    released = calendar.release_moment(row.date) if row else now - HOUR * draw.randrange(24 * 200)
    raw = {
        "id": f"{number:08x}-0000-4000-8000-{draw.randrange(2**40):012x}",
        "revision": draw.randrange(1, 300),
        "title": draw.choice((f"2026-09 Security Update ({kb})", "Contoso - Net - 1.2", f"Cumulative preview ({kb})")),
        "kbs": [kb] if kb else [],
        "categories": [*draw.sample(sorted(CATEGORIES.values()), draw.randrange(3)), CATEGORIES["security"]],
        "severity": draw.choice(("Critical", "Critical", "Important", "Moderate", "Low", None)),
        "size": draw.choice((1000, None)),
        "released": f"{released:%Y-%m-%dT%H:%M:%SZ}",
        "browse_only": draw.choice((False, False, False, True, None)),
        "eula_accepted": draw.choice((True, True, True, False)),
        "hidden": draw.choice((False, False, False, True)),
        "driver": draw.choice((False, False, False, True, None)),
        "reboot_behaviour": draw.choice((0, 1, 2, 2, 2, None)),
        "bootstrapper": draw.choice((None, ok(True), ok(False))),
        "requires_restart": _probe(draw),
    }
    if draw.randrange(6) == 0:
        raw[draw.choice(sorted(raw))] = draw.choice(JUNK)
    return raw


class Host(NamedTuple):
    """A generated host and what is asked of the core."""

    raw: Any
    now: datetime
    policy: Policy
    consent: Consent | bool | None

    def decide(self, raw: object = None, **other: Any) -> Decision:
        """The decision on it, or on the same host with other signals."""
        asked = self._replace(**other)
        return decide.decide(
            "host", self.raw if raw is None else raw, TABLE, asked.policy, asked.now, consent=asked.consent
        )


def _host(draw: random.Random) -> Host:
    """A host of one of the products somewhere in its history; every third has a broken probe."""
    product = draw.choice(tuple(PRODUCTS))
    now = draw.choice(MOMENTS)
    rows = [row for row in ROWS[product] if calendar.released(row.date, now)] or ROWS[product][:1]
    running = draw.choice(rows[-5:])
    installed = [row.kb for row in rows if row.date <= running.date][-3:]
    changes: Raw = {"build": build(running.build), "hotfixes": kbs(*installed)}
    for probe in ("cbs_reboot_pending", "agent_reboot_before_install", "agent_reboot_required"):
        if draw.randrange(8) == 0:
            changes[probe] = True
    if draw.randrange(10) == 0:
        changes["vbs_running"] = 0
    offered = [_offer(draw, product, now, number) for number in range(draw.randrange(9))]
    raw = healthy(product, **changes)
    raw |= {
        "agent_offers": ok(offered),
        "agent_busy": draw.choice((ok(False), ok(False), ok(True), failed("denied"))),
        "search_warnings": ok([]),
        "clock": ok({"utc": f"{now:%Y-%m-%dT%H:%M:%SZ}", "time_zone": "UTC", "utc_offset_minutes": 0}),
    }
    if draw.randrange(3) == 0:
        broken = draw.choice(sorted(raw))
        raw[broken] = draw.choice((*JUNK, failed(), failed("denied"), failed("timeout"), *map(ok, JUNK)))
    return Host(raw, now, draw.choice(POLICIES), draw.choice((None, False, True)))


def _offered(raw: object) -> list[Any]:
    probe = raw.get("agent_offers") if isinstance(raw, dict) else None
    value = probe.get("value") if isinstance(probe, dict) else None
    return value if isinstance(value, list) else []


def _shuffled(host: Host, draw: random.Random) -> Raw:
    """The same signals with offers, categories and probes in another order."""
    raw = copy.deepcopy(host.raw)
    draw.shuffle(_offered(raw))
    for one in _offered(raw):
        if isinstance(one, dict) and isinstance(one.get("categories"), list):
            draw.shuffle(one["categories"])
    names = list(raw)
    draw.shuffle(names)
    return {name: raw[name] for name in names}


def complaints(host: Host, made: Decision) -> Iterator[str]:
    """How a decision breaks a promise."""
    ids = [one["id"] for one in made["offers"]]
    listed = [each for name in decide.OFFER_DECISIONS for each in made[name]]
    if sorted(listed) != sorted(ids) or len(set(ids)) != len(ids):
        yield "an offer is not in exactly one list"
    for one in made["offers"]:
        yield from (f"{one['kb']}: {words}" for words in _of_offer(host, made, one))
    if made["decision"] not in decide.DECISIONS:
        yield f"decision {made['decision']}"
    restart = made["restart"]
    if restart["now"] and not (restart["due"] and host.consent is True and _good_time(host)):
        yield "restarts without consent, or outside of every window"
    if not set(restart["offers"]) <= set(ids):
        yield "a restart for what is not offered"
    if not restart["now"] and any(one["code"] == "agreed_restart" for one in made["offers"]):
        yield "an update goes along with no restart"
    if json.loads(json.dumps(made)) != made:
        yield "not plain JSON"


def _good_time(host: Host) -> bool:
    windows = host.policy.windows
    return windows.blackout(host.now) is None and (windows.always or windows.current(host.now) is not None)


def _of_offer(host: Host, made: Decision, one: Decision) -> Iterator[str]:
    if one["decision"] not in decide.OFFER_DECISIONS or one["id"] not in made[one["decision"]]:
        yield f"decision {one['decision']} stands in another list"
    if not one["code"] or not one["why"] or not all(words.endswith(".") for words in one["why"]):
        yield f"no reason: {one['code']} {one['why']}"
    if one["decision"] == "install":
        if one["restart"] in ("always", "unknown") and not (host.consent is True and made["restart"]["now"]):
            yield f"restart class {one['restart']} is installed without an agreed restart"
        if one["restart"] == "possible" and host.policy.possible == "put_off" and not made["restart"]["now"]:
            yield "restart class possible is installed without an agreed restart"
        if host.policy.windows.blackout(host.now) is not None:
            yield "installed in a blackout"
    if one["code"] == "waits_for_restart" and one["limit"] is None:
        yield "waits without a limit"
    if one["limit"] is not None and (one["restart"] == "none" or one["decision"] == "refuse"):
        yield "a limit on what does not wait for a restart"
    if one["code"] == "waits_for_restart" and one["until"] != one["limit"]:
        yield "is put off until something else than its limit"
    protected = made["state"] in ("on_track", "restart_pending") and made["track"] == "hotpatch"
    emergency = bool(host.policy.emergency & set(one["kbs"]))
    if protected and one["keeps_track"] is False and one["decision"] in ("install", "put_off") and not emergency:
        yield "would end the track"
    yield from _unknown(host, one)


def _unknown(host: Host, one: Decision) -> Iterator[str]:
    """Whether an answer was made out of none."""
    same = [raw for raw in _offered(host.raw) if isinstance(raw, dict) and str(raw.get("id")).lower() == one["id"]]
    for key, field in (("driver", "driver"), ("optional", "browse_only")):
        if one[key] is not None and not any(raw.get(field) is one[key] for raw in same):
            yield f"{key} is {one[key]} out of {[raw.get(field) for raw in same]}"
    answers = [raw.get("requires_restart") for raw in same]
    said = [answer["value"] for answer in answers if isinstance(answer, dict) and answer.get("ok") is True]
    if one["restart_source"] == "the agent's answer for this host" and (one["restart"] == "always") not in said:
        yield f"restart {one['restart']} is not what the agent says: {said}"
    static = {0: "none", 1: "always", 2: "possible"}
    behaviours = [raw.get("reboot_behaviour") for raw in same]
    words = [static.get(value) for value in behaviours if isinstance(value, int) and not isinstance(value, bool)]
    if one["restart_source"] == "the agent's static answer" and one["restart"] not in words:
        yield f"restart {one['restart']} is not the static answer: {behaviours}"
    if one["restart_source"] == "nobody" and one["restart"] != "unknown":
        yield f"restart {one['restart']} out of nothing"


@settings(deadline=None, max_examples=max(1, HOSTS // BATCH))
@given(SEEDS)
def test_every_decision(seed: int) -> None:
    draw = random.Random(seed)
    for number in range(BATCH):
        host = _host(draw)
        kept = copy.deepcopy(host.raw)
        made = host.decide()
        found = list(complaints(host, made))
        if repr(kept) != repr(host.raw):
            found.append("the signals were changed")
        if host.decide(_shuffled(host, draw)) != made:
            found.append("the order of the offers matters")
        if host.decide() != made:
            found.append("deciding twice gives another decision")
        assert not found, f"host {number} of seed {seed}: {found} {host} {made}"


@settings(deadline=None, max_examples=10 if FEW else 100)
@given(SEEDS)
def test_consent_and_nothing_else_lets_it_restart(seed: int) -> None:
    """Without consent the same offers are decided the same, whether it was refused or not said."""
    draw = random.Random(seed)
    for _number in range(5):
        host = _host(draw)
        unsaid, refused = host.decide(consent=None), host.decide(consent=False)
        assert (unsaid["restart"].pop("consent"), refused["restart"].pop("consent")) == (None, False)
        assert unsaid == refused
        expired = Consent(True, expires=host.now)
        over = json.loads(json.dumps(host.decide(consent=expired)).replace(f" {expired.words(host.now)}", ""))
        assert (over["restart"].pop("consent"), over["restart"].pop("consent_by")["ticket"]) == (False, None)
        assert refused["restart"].pop("consent_by") is None
        assert over == refused
        agreed = host.decide(consent=True)
        assert set(unsaid["install"]) <= set(agreed["install"])
        assert agreed["restart"]["due"] is unsaid["restart"]["due"]
        assert (agreed["refuse"], agreed["blocked"]) == (unsaid["refuse"], unsaid["blocked"])


@settings(deadline=None, max_examples=10 if FEW else 150)
@given(SEEDS)
def test_broken_answer_of_an_offer_installs_nothing_more(seed: int) -> None:
    """Where the agent does not say whether an update restarts, it is not installed on that account."""
    draw = random.Random(seed)
    for _number in range(5):
        host = _host(draw)
        raw = copy.deepcopy(host.raw)
        offered = [one for one in _offered(raw) if isinstance(one, dict)]
        for one in offered:
            one |= {"kbs": [], "requires_restart": failed(), "reboot_behaviour": draw.choice((None, "0", 0.0, False))}
        made = host.decide(raw)
        assert {one["restart"] for one in made["offers"]} <= {"unknown"}
        assert made["restart"]["now"] or not made["install"]


@settings(deadline=None, max_examples=10 if FEW else 200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(("ok", "value", "id", "kbs", "title", "revision", "x")), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_nothing_raises(value: Any) -> None:
    """Whatever is in the place of the signals, of the offers or of one of them."""
    now, policy = MOMENTS[0], POLICIES[0]
    good = healthy(S22_AZURE)
    offered = {"id": "a", "revision": 1, "title": "b"}
    for raw in (
        value,
        {"agent_offers": value},
        {**good, "agent_offers": ok(value)},
        {**good, "agent_offers": ok([value])},
        {**good, "agent_busy": ok(value), "system_disk": ok(value), "agent_offers": ok([offered])},
        *({**good, "agent_offers": ok([{**offered, key: value}])} for key in ("kbs", "categories", "bootstrapper")),
        *({**good, "agent_offers": ok([{**offered, key: value}])} for key in ("requires_restart", "severity", "id")),
    ):
        made = Host(raw, now, policy, True).decide()
        assert list(made) == list(Host(good, now, policy, True).decide())
        assert not made["install"]


# Limits are met: a host is asked once a month, and says that a restart is due before the last window for it has passed.


class Month(NamedTuple):
    """A host that waits, and the moments at which it is asked."""

    raw: Raw
    policy: Policy
    released: datetime
    runs: list[datetime]


def _runs(draw: random.Random, released: datetime, plus: int, hour: int) -> list[datetime]:
    """Monthly runs so many days after each Patch Tuesday, from the first one after the release on."""
    day = calendar.next_patch_tuesday((released - 70 * DAY).date())
    runs = []
    while len(runs) < 20:
        run = datetime(day.year, day.month, day.day, hour, draw.randrange(60), tzinfo=UTC) + plus * DAY
        if run >= released:
            runs.append(run)
        day = calendar.next_patch_tuesday(day)
    return runs


LANES = [
    (S25_ARC, "26100.32995", ("KB5087423", "KB5094125"), ("KB5099536",)),
    (S25_ARC, "26100.32772", ("KB5082063", "KB5087423"), ("KB5094125",)),
    (S22_AZURE, "20348.2522", ("KB5036909", "KB5039330"), ("KB5040437",)),
    (S25_ARC, "26100.33158", ("KB5087423", "KB5099536"), ()),
]


def _month(draw: random.Random, plus: int, hour: int) -> Month:
    """A host with one to four updates that wait, and no windows, or windows of any kind."""
    product, running, installed, baseline = draw.choice(LANES)
    rows = [row for row in TABLE.releases if row.kb in baseline and row.product == ROWS_OF[product]]
    released = calendar.release_moment(rows[0].date) if rows else datetime(2026, 7, 15, tzinfo=UTC)
    offered = []
    for number in range(draw.randrange(0 if rows else 1, 4)):
        later = released - HOUR * draw.randrange(24 * 20)
        offered.append((STRANGE_KBS[number], draw.choice(("Critical", "Important", "Low", None)), later))
    offered += [(row.kb, "Critical", released) for row in rows]
    raws = [
        {
            "id": f"{number:036x}",
            "revision": 1,
            "title": kb,
            "kbs": [kb],
            "categories": [CATEGORIES["security"]],
            "severity": severity,
            "released": f"{day:%Y-%m-%dT%H:%M:%SZ}",
            "browse_only": False,
            "driver": False,
            "reboot_behaviour": 2,
        }
        for number, (kb, severity, day) in enumerate(offered)
    ]
    raw = healthy(product, build=build(running), hotfixes=kbs(*installed))
    raw |= {"agent_offers": ok(raws), "agent_busy": ok(False), "search_warnings": ok([])}
    waits = {name: draw.choice(WAITS[1:]) for name in ("critical", "important", "low")}
    blackouts = [{"from": "2026-08-10", "to": "2026-08-20"}] if draw.randrange(4) == 0 else []
    windows = draw.choice(WINDOWS)
    policy = Policy.load({"windows": windows, "max_wait": waits, "blackouts": blackouts})
    return Month(raw, policy, released, _runs(draw, released, plus, hour))


def _windows(windows: Windows, first: datetime, last: datetime) -> list[Window]:
    """Those that start at `first` or later and end at `last` or before, found one after the other."""
    found = []
    at = first - timedelta(seconds=1)
    while (window := windows.following(at)) is not None and window.start <= last:
        if window.end <= last:
            found.append(window)
        at = window.start
    return found


def late(month: Month) -> str | None:
    """How a limit is missed although it could have been said in time; None when it is not."""
    first = month.runs[0]
    asked = [(run, Host(month.raw, run, month.policy, None).decide()) for run in month.runs[:1]]
    for one in asked[0][1]["offers"]:
        if one["code"] != "waits_for_restart":
            continue
        limit = datetime.fromisoformat(one["limit"])
        good = _windows(month.policy.windows, first, limit)
        # Without windows the limit is the last moment; a limit that nothing can meet any more is said at once.
        latest = max((window.start for window in good), default=first)
        if month.policy.windows.always:
            latest = max(limit, first)
        runs = [run for run in month.runs if run <= latest]
        said = [Host(month.raw, run, month.policy, None).decide() for run in runs]
        due = [made for made in said if made["restart"]["due"]]
        # A blackout blocks the run itself, and then nothing is known to wait.
        if not due and not any(made["blocked"] for made in said):
            return f"{one['kb']} by {limit}: not due at {[str(run) for run in runs]}, windows {good[-1:]}"
        window = due[-1]["restart"]["window"] if due else None
        if good and due and window and datetime.fromisoformat(window["end"]) > limit:
            return f"{one['kb']} by {limit}: the window said is {window}"
    return None


@settings(deadline=None, max_examples=10 if FEW else 200)
@given(SEEDS, st.integers(17, 23))
def test_limits_are_said_in_time_on_the_evening_of_each_patch_tuesday(seed: int, hour: int) -> None:
    draw = random.Random(seed)
    for _number in range(3):
        assert late(_month(draw, 0, hour)) is None


@settings(deadline=None, max_examples=10 if FEW else 200)
@given(SEEDS, st.integers(0, 27), st.integers(0, 23))
def test_limits_are_said_in_time_on_any_day_of_the_month(seed: int, plus: int, hour: int) -> None:
    draw = random.Random(seed)
    for _number in range(3):
        month = _month(draw, plus, hour)
        assert late(month) is None, f"runs {plus} days after Patch Tuesday at {hour}:00"


def test_generated_hosts_meet_the_rules() -> None:
    """The generator reaches what the properties are about."""
    draw = random.Random(1)
    codes, words = set(), set()
    for _number in range(1500):
        made = _host(draw).decide()
        words.add(made["decision"])
        codes |= {one["code"] for one in made["offers"]}
    assert words == set(decide.DECISIONS)
    assert codes >= {
        "already_in_effect",
        "hidden",
        "held",
        "held_kb",
        "rejected",
        "driver",
        "optional",
        "category",
        "licence_terms",
        "off_track",
        "blackout",
        "agent_busy",
        "restart_pending",
        "disk",
        "no_restart",
        "possible_any",
        "possible_in_window",
        "waits_for_window",
        "waits_for_restart",
        "agreed_restart",
    }
