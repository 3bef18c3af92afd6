# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a plan and of a run as data, terminal table, Markdown and HTML. Decides nothing: shows what was decided and done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils import host_run
from ansible_collections.rebootless.patching.plugins.plugin_utils.report_parts import (
    NARROWEST,
    PROBLEMS,
    PRODUCTS,
    STATES,
    Word,
    clean,
    columns_of,
    counted,
    label,
    md,
    moment,
    pad,
    page,
    paint,
    problem_words,
    segments,
    wrap,
)

SCHEMA = 1
# In the order of the bar.
DECISIONS: dict[str, Word] = {
    "install_without_restart": Word("Install now", "installs what needs no restart, now", "32", "on_track"),
    "restart_due": Word("Restart due", "needs its restart before the next run could do it", "36", "restart_pending"),
    "wait_for_window": Word("Wait for window", "what is left waits for an agreed restart", "34", "not_enrolled"),
    "blocked": Word("Blocked", "nothing can be installed before something is put right", "31", "off_track"),
    "nothing": Word("Nothing to do", "nothing is offered that the policy wants", "2", "not_capable"),
    "unknown": Word("Unknown", "not asked, or what it is offered could not be read", "1", "unknown"),
}
OUTCOMES: dict[str, Word] = {
    "installed": Word("Installed", "everything that was decided is installed", "32", "on_track"),
    "restarted": Word("Restarted", "restarted as agreed", "32", "on_track"),
    "restart_due": Word("Restart due", "waits for a restart that nobody has agreed to yet", "36", "restart_pending"),
    "wait_for_window": Word("Wait for window", "what is left waits for an agreed restart", "34", "not_enrolled"),
    "nothing_to_do": Word("Nothing to do", "nothing was to be installed", "2", "not_capable"),
    "check_mode": Word("Check mode", "decided only, nothing was changed", "2", "not_capable"),
    "not_started": Word("Not started", "the run ended before its turn", "34", "not_enrolled"),
    "partly_installed": Word("Partly installed", "some updates failed", "33", "behind"),
    "stale": Word(
        "Stale decision", "the host had changed since the decision, so nothing was installed", "33", "behind"
    ),
    "still_installing": Word(
        "Still installing", "the installation had not ended when the run stopped waiting", "35", "not_ready"
    ),
    "blocked": Word("Blocked", "nothing can be installed before something is put right", "31", "off_track"),
    "failed": Word("Failed", "the updates or the restart failed", "31", "off_track"),
    "verify_failed": Word("Check failed", "a health check failed that had passed before", "31", "off_track"),
    "not_reached": Word("Not reached", "could not be asked", "31", "off_track"),
    "not_finished": Word("Not finished", "the record ends before the host's end", "1", "unknown"),
    "unknown": Word("Unknown", "how it ended could not be proved", "1", "unknown"),
}
# What stands first where the order is ours to choose.
DECISION_ORDER = ("blocked", "unknown", "restart_due", "wait_for_window", "install_without_restart", "nothing")
OUTCOME_ORDER = (
    "failed",
    "verify_failed",
    "not_reached",
    "unknown",
    "not_finished",
    "partly_installed",
    "still_installing",
    "stale",
    "blocked",
    "not_started",
    "restart_due",
    "wait_for_window",
    "restarted",
    "installed",
    "check_mode",
    "nothing_to_do",
)
# An outcome that is not listed is no good end.
GOOD = frozenset(OUTCOME_ORDER[OUTCOME_ORDER.index("blocked") :])
NEXT_STEPS = {
    **host_run.NEXT_STEPS,
    "not_finished": "Look at the host, then run again: it is asked before anything is done to it.",
    "not_started": "Run again.",
}
OFFER_DECISIONS: dict[str, Word] = {
    "install": Word("Install", "installed now", "32", "on_track"),
    "put_off": Word("Put off", "waits for a restart or a window", "34", "not_enrolled"),
    "refuse": Word("Refuse", "would throw the host off its track", "31", "off_track"),
    "blocked": Word("Blocked", "not wanted, or not possible now", "33", "behind"),
}
RESTARTS = {
    "none": "installs without a restart",
    "possible": "may ask for a restart",
    "always": "restarts the host",
    "unknown": "nobody knows whether it restarts",
}
CONSENTS = {True: "agreed", False: "not agreed: reported only", None: "nobody has said yes or no"}
ANSWERS = {True: "yes", False: "no", None: "unknown"}
# A restart moves the boot time by more than what a clock that is set right moves it.
JITTER = 120
# The decision of a host that has none in the record.
NO_DECISION: dict[str, Any] = {
    "reached": None,
    "problem": None,
    "product": None,
    "state": "unknown",
    "track": "unknown",
    "build": None,
    "last_boot": None,
    "decided_at": None,
    "decision": "unknown",
    "summary": "",
    "offers": [],
    "install": [],
    "put_off": [],
    "refuse": [],
    "blocked": [],
    "restart": {
        "due": False,
        "now": False,
        "by": None,
        "window": None,
        "offers": [],
        "why": None,
        "consent": None,
    },
    "exposure": {"seconds": None, "since": None, "offers": []},
    "pending": {"pending": None, "classes": [], "reasons": [], "unknown_sources": []},
    "restart_required": "unknown",
    "missing": [],
    "next_baseline_expected": None,
    "window": {"current": None, "following": None},
}


# --- the documents -----------------------------------------------------------------------------------------------


def plan(
    decisions: Sequence[Mapping[str, Any]], *, generated_at: str, version: str, query: str | None = None
) -> dict[str, Any]:
    """The plan's JSON (docs/plan.schema.json) from the hosts' decisions."""
    hosts = sorted((dict(one) for one in decisions), key=lambda one: str(one["name"]))
    return {
        "schema": SCHEMA,
        "kind": "plan",
        "generated_at": generated_at,
        "collection_version": version,
        "query": query,
        "summary": _decided([(str(one["name"]), one) for one in hosts]),
        "hosts": hosts,
    }


def run(
    results: Sequence[Mapping[str, Any]],
    *,
    about: Mapping[str, Any],
    problems: Sequence[str],
    generated_at: str,
    version: str,
    query: str | None = None,
) -> dict[str, Any]:
    """The run's JSON (docs/run.schema.json) from the hosts' results; a next step that nobody named is filled in."""
    hosts = [_filled(one) for one in sorted(results, key=lambda one: str(one["name"]))]
    proved = [(one, restarted(one)) for one in hosts]
    summary = _decided([(one["name"], one["decision"] or NO_DECISION) for one in hosts])
    summary["outcomes"] = _counts([one["outcome"] for one in hosts], OUTCOMES)
    summary["restarts"] |= {
        "done": sum(1 for _host, proof in proved if proof is True),
        "unproved": sum(
            1 for one, proof in proved if one["restart"] and one["restart"]["done"] is not False and not proof
        ),
        "unasked": sum(1 for one, proof in proved if unasked(one, proof)),
    }
    lists = ("installed", "failed", "still_installing", "unknown", "reoffered")
    summary["updates"] = {key: sum(len((one["install"] or {}).get(key, [])) for one in hosts) for key in lists}
    return {
        "schema": SCHEMA,
        "kind": "run",
        "generated_at": generated_at,
        "collection_version": version,
        "query": query,
        "run": {key: about[key] for key in ("id", "started_at", "ended_at")},
        "problems": list(problems),
        "summary": summary,
        "hosts": hosts,
    }


def lacking(decision: Mapping[str, Any]) -> list[str]:
    """The keys that a decision lacks; with none of them missing it can be shown."""
    return [key for key in ("name", *NO_DECISION) if key not in decision]


def blank(name: str, outcome: str) -> dict[str, Any]:
    """The result of a host of which nothing is known but this."""
    keys = ("decision", "install", "verify", "restart", "next_step", "failed")
    return {"name": name, "outcome": outcome, "words": [], **dict.fromkeys(keys)}


def failed(doc: Mapping[str, Any]) -> list[str]:
    """The hosts that could not be asked, or whose end is no good one or not known."""
    if doc["kind"] == "plan":
        return [one["name"] for one in doc["hosts"] if not one["reached"] or one["decision"] == "unknown"]
    return [one["name"] for one in doc["hosts"] if one["failed"]]


def restarted(result: Mapping[str, Any]) -> bool | None:
    """Whether a host has restarted since it was decided, by its boot times; None when they do not tell."""
    proof = (result["install"] or {}).get("proof") or {}
    restart = result["restart"] or {}
    decision = result["decision"] or NO_DECISION
    places = [
        decision["last_boot"],
        proof.get("before"),
        proof.get("after"),
        restart.get("before"),
        restart.get("after"),
    ]
    boots = [found for one in places if (found := _boot(one)) is not None]
    if any(abs((two - one).total_seconds()) > JITTER for one, two in pairwise(boots)):
        return True
    if proof.get("restarted") is True:
        return True
    # Of a restart that has begun only the boot time after it tells.
    begun = bool(result["restart"]) and restart["done"] is not False
    ended = _boot(restart["after"]) if begun else _boot(restart.get("after")) or _boot(proof.get("after"))
    return False if ended is not None and len(boots) > 1 else None


def unasked(result: Mapping[str, Any], proof: bool | None) -> bool:
    """Whether a host has restarted although the run did not restart it."""
    restart = result["restart"]
    return proof is True and (restart is None or restart["done"] is False)


def _boot(value: object) -> datetime | None:
    """A boot time, given as such or in a proof."""
    text = value.get("boot") if isinstance(value, Mapping) else value
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _filled(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result with the keys of the report and no others; `failed` and the next step are filled in where nobody said."""
    bad = result.get("failed")
    if not isinstance(bad, bool):
        decision = result["decision"] or NO_DECISION
        unsaid = result["outcome"] == "restart_due" and decision["restart"]["consent"] is None
        bad = result["outcome"] not in GOOD or unsaid
    step = result["next_step"] or NEXT_STEPS.get(result["outcome"])
    verify, install, restart = result["verify"], result["install"], result["restart"]
    return {
        **{key: result[key] for key in ("name", "decision", "outcome", "words")},
        "failed": bad,
        "next_step": step or (NEXT_STEPS["unknown"] if bad else None),
        "install": _install(install) if install else None,
        "verify": {key: _look(verify.get(key)) for key in ("before", "after")} if verify else None,
        "restart": {key: restart.get(key) for key in RESTART_KEYS} if restart else None,
    }


RESTART_KEYS = ("done", "consent", "reason", "before", "after", "build", "state")
ID_LISTS = ("installed", "still_installing", "unknown", "reoffered")


def _install(given: Mapping[str, Any]) -> dict[str, Any]:
    """The result of an installation. Ansible's own `failed` is none of its keys: the list is called `failed_updates` there."""
    failures = given.get("failed_updates", given.get("failed"))
    return {
        "outcome": str(given.get("outcome") or "unknown"),
        **{key: list(given.get(key) or []) for key in (*ID_LISTS, "left_out", "updates", "words")},
        "failed": list(failures) if isinstance(failures, Sequence) else [],
        **{key: given.get(key) for key in ("proof", "started_at", "ended_at", "seconds")},
    }


def _look(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A look at a host's health without the snapshot, which only the next look needs."""
    return {key: value for key, value in given.items() if key != "snapshot"} if given else None


def _counts(found: Sequence[str], order: Mapping[str, Word]) -> dict[str, int]:
    """How often each word was found, in the order given; words that nobody knows last."""
    counts = Counter(found)
    return {name: counts[name] for name in [*order, *sorted(set(counts) - set(order))] if counts[name]}


def _decided(hosts: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Counts of what was decided."""
    decided = [decision for _name, decision in hosts]
    exposed = [(one["exposure"]["seconds"], name, one) for name, one in hosts if one["exposure"]["seconds"] is not None]
    longest = max(exposed, key=lambda item: (item[0], item[1])) if exposed else None
    return {
        "hosts": len(decided),
        "reached": sum(1 for one in decided if one["reached"]),
        "states": _counts([one["state"] for one in decided], STATES),
        "decisions": _counts([one["decision"] for one in decided], DECISIONS),
        "offers": {name: sum(len(one[name]) for one in decided) for name in OFFER_DECISIONS},
        "restarts": {
            "due": sum(1 for one in decided if one["restart"]["due"]),
            "agreed": sum(1 for one in decided if one["restart"]["due"] and one["restart"]["consent"] is True),
            "now": sum(1 for one in decided if one["restart"]["now"]),
        },
        "exposure": {
            "hosts": len(exposed),
            "unknown": sum(1 for one in decided if one["decision"] == "unknown"),
            "longest": None
            if longest is None
            else {"name": longest[1], "seconds": longest[0], "since": longest[2]["exposure"]["since"]},
        },
        "missing": sum(len(one["missing"]) for one in decided),
    }


# --- words -------------------------------------------------------------------------------------------------------


def span(seconds: int | None) -> str:
    """A duration in the largest unit of which it has at least two: `12 days`, `30 hours`, `5 minutes`."""
    if seconds is None:
        return ""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size or size == 60:
            return counted(int(seconds // size), unit)
    raise AssertionError("minutes fit any duration")


def size_words(size: int | None) -> str:
    """Bytes as `312 MB`."""
    if size is None:
        return ""
    return (
        f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 0.1):.0f} MB" if size >= 1e6 else f"{size} bytes"
    )


def window_words(window: Mapping[str, Any] | None) -> str:
    """`2026-09-26 22:00 to 02:00 UTC (sundays)`; with the day of its end when it lasts a day or longer."""
    if window is None:
        return ""
    start, end = moment(window["start"]), moment(window["end"])
    lasts = datetime.fromisoformat(window["end"]) - datetime.fromisoformat(window["start"])
    until = end[11:] if lasts < timedelta(days=1) else end
    name = f" ({clean(window['name'])})" if window["name"] else ""
    return f"{start.removesuffix(' UTC')} to {until}{name}"


class View(NamedTuple):
    """A host as every rendering shows it; of a plan `result` is None."""

    name: str
    decision: Mapping[str, Any]
    result: Mapping[str, Any] | None

    @property
    def reached(self) -> bool:
        """Whether the host could be asked, as far as anybody knows."""
        lost = self.result is not None and self.result["outcome"] == "not_reached"
        return self.decision["reached"] is not False and not lost

    @property
    def problem(self) -> Mapping[str, Any]:
        """Why it could not be asked."""
        said = self.result["words"][0] if self.result and self.result["words"] else ""
        return self.decision["problem"] or {"kind": "failed", "message": said}

    @property
    def install(self) -> Mapping[str, Any]:
        """The result of the installation; empty when there is none."""
        return (self.result or {}).get("install") or {}

    def named(self, ids: Sequence[str]) -> list[str]:
        """Updates by KB, else by title, else by id."""
        known = {one["id"]: one for one in [*(self.install.get("updates") or []), *self.decision["offers"]]}
        return [clean(known[one]["kb"] or known[one]["title"] or one) if one in known else clean(one) for one in ids]

    @property
    def kbs(self) -> list[str]:
        """What is to be installed; in a run, what is installed."""
        return self.named(self.decision["install"] if self.result is None else self.install.get("installed") or [])

    def ended(self, update: str) -> str:
        """What became of an update in a word; empty when nothing is known to have been tried."""
        for key in ("failed", *ID_LISTS[:3]):
            if update in [one["id"] if isinstance(one, Mapping) else one for one in self.install.get(key) or []]:
                return key.replace("_", " ")
        return "left out" if update in [one["id"] for one in self.install.get("left_out") or []] else ""

    @property
    def until(self) -> str | None:
        """When the first of the put-off updates may come."""
        put_off = [one["until"] for one in self.decision["offers"] if one["decision"] == "put_off" and one["until"]]
        return min(put_off, default=None)

    @property
    def restart(self) -> Mapping[str, Any]:
        """The restart that the host owes."""
        found: Mapping[str, Any] = self.decision["restart"]
        return found

    @property
    def proof(self) -> bool | None:
        """Whether the host has restarted, by its boot time."""
        return None if self.result is None else restarted(self.result)

    @property
    def good(self) -> bool:
        """Whether nobody has to look at the host."""
        if self.result is None:
            return self.reached and self.decision["decision"] != "unknown"
        return not self.result["failed"]

    @property
    def restart_at(self) -> str | None:
        """When the owed restart comes at the latest: in its window, else by its limit."""
        window = self.restart["window"]
        at: str | None = window["start"] if window else self.restart["by"]
        return at

    @property
    def owes(self) -> bool:
        """Whether the restart is due and has not been done."""
        done = self.result is not None and bool(self.result["restart"]) and self.proof is True
        return self.restart["due"] is True and not done

    @property
    def failures(self) -> Sequence[Mapping[str, Any]]:
        """The updates that failed."""
        return self.install.get("failed") or []


def views(doc: Mapping[str, Any]) -> list[View]:
    """The hosts of a document, by name."""
    if doc["kind"] == "plan":
        return [View(one["name"], one, None) for one in doc["hosts"]]
    return [View(one["name"], one["decision"] or NO_DECISION, one) for one in doc["hosts"]]


def word_of(view: View) -> tuple[Mapping[str, Word], str]:
    """The table of words and the word that stand for a host: its outcome, in a plan its decision."""
    if view.result is None:
        return DECISIONS, str(view.decision["decision"])
    return OUTCOMES, str(view.result["outcome"])


def urgency(view: View) -> int:
    """Where a host stands in the order of what needs hands first; what nobody knows stands first."""
    order = DECISION_ORDER if view.result is None else OUTCOME_ORDER
    word = word_of(view)[1]
    return order.index(word) + 1 if word in order else 0


def kb_words(kbs: Sequence[str], width: int = 0) -> str:
    """`KB1, KB2`; longer than `width`, when one is given: the first and the number of further ones."""
    full = ", ".join(kbs)
    return f"{kbs[0]} +{len(kbs) - 1}" if width and len(kbs) > 1 and columns_of(full) > width else full


def put_off_words(view: View) -> str:
    """`2 until 2026-10-13`; empty when nothing is put off."""
    count = len(view.decision["put_off"])
    if not count:
        return ""
    return f"{count} until {clean(view.until)[:10]}" if view.until else str(count)


def restart_words(view: View) -> str:
    """`due 2026-09-26 22:00`, `by 2026-10-13` or nothing."""
    restart = view.restart
    if restart["due"] and not view.owes:
        return "done"
    if restart["now"] and view.result is None:
        return "now, agreed"
    at = moment(view.restart_at).removesuffix(" UTC")
    if restart["due"]:
        return f"due {at}" if at else "due"
    return f"by {moment(restart['by'])[:10]}" if restart["by"] else ""


def failure_words(failure: Mapping[str, Any]) -> str:
    """`KB5122871 failed with 0x80070070: The disk is full.`"""
    code = f" with {clean(failure['hresult'])}" if failure["hresult"] else ""
    said = f": {clean(failure['message'])}" if failure["message"] else "."
    return f"{clean(failure['kb'] or failure['title'] or failure['id'])} failed{code}{said}"


def reason(view: View) -> tuple[str, str]:
    """The first thing to know of a host, and what is to be done about it."""
    step = clean(view.result["next_step"] or "") if view.result else ""
    if not view.reached:
        kind, message = problem_words({"problem": view.problem})
        return f"Not reached: {kind}. {message}".rstrip(), step
    if view.failures:
        more = f" (+{len(view.failures) - 1} more)" if len(view.failures) > 1 else ""
        return failure_words(view.failures[0]) + more, step
    if view.result is not None and unasked(view.result, view.proof):
        return "It has restarted although this run did not restart it.", step or "Find out what restarted it."
    if view.result is not None and view.result["words"]:
        return clean(view.result["words"][0]), step
    if view.result is not None and view.result["decision"] is None:
        return "No decision of this run is recorded.", step
    return clean(_decided_because(view.decision)), step


def _decided_because(decision: Mapping[str, Any]) -> str:
    """The sentence that decided: of the restart that is due, else of the offer that the decision is about."""
    if decision["restart"]["due"] and decision["restart"]["why"]:
        return str(decision["restart"]["why"])
    about = {"blocked": ("blocked",), "wait_for_window": ("refuse", "put_off"), "install_without_restart": ("refuse",)}
    for what in about.get(decision["decision"], ()):
        for offer in decision["offers"]:
            if offer["decision"] == what and offer["why"]:
                name, said = offer["kb"] or offer["title"], offer["why"][-1]
                return said if said.startswith(name) else f"{name}: {said}"
    return str(decision["summary"])


def offer_facts(offer: Mapping[str, Any]) -> list[str]:
    """What there is to say of an offer beside its decision."""
    keeps = {True: "keeps the host on its track", False: "throws the host off its track", None: ""}[
        offer["keeps_track"]
    ]
    waited = f" ({span(offer['waited'])} ago)" if offer["waited"] is not None else ""
    facts = [
        clean(", ".join(offer["categories"])).replace("_", " "),
        clean(offer["severity"] or ""),
        f"{RESTARTS.get(offer['restart'], clean(offer['restart']))}, says {clean(offer['restart_source'])}",
        keeps,
        f"released {moment(offer['released'])[:10]}{waited}" if offer["released"] else "",
        f"must be in effect by {moment(offer['limit'])}" if offer["limit"] else "",
        f"until {moment(offer['until'])}" if offer["until"] and offer["until"] != offer["limit"] else "",
        size_words(offer["size"]),
        "driver" if offer["driver"] else "",
        "optional" if offer["optional"] else "",
    ]
    return [fact for fact in facts if fact]


def proof_lines(view: View) -> list[tuple[str, str, str]]:
    """What the installation and the restart have changed: `(what, before, after)`; equal when nothing did."""
    proof = view.install.get("proof") or {}
    restart = (view.result or {}).get("restart") or {}
    states = [one if isinstance(one, Mapping) else {"boot": one} for one in _moments(proof, restart)]
    if not any(states):
        return []
    told = []
    for what, key in (
        ("Last start", "boot"),
        ("Build", "build"),
        ("KBs", "kbs"),
        ("Pending", "pending"),
        ("Restart required", "restart_required"),
    ):
        first, last = (_proved(one.get(key), key) for one in states)
        # What nobody asked for again after a restart proves nothing.
        if last != "–" or (key == "boot" and first != "–"):
            told.append((what, first, last))
    return told


def _moments(proof: Mapping[str, Any], restart: Mapping[str, Any]) -> tuple[Any, Any]:
    """The state before everything and after everything."""
    before = proof.get("before") or restart.get("before") or {}
    after = restart.get("after")
    if isinstance(after, str):
        # What the installation left behind is no longer so after a restart.
        after = {"boot": after, "build": restart.get("build")}
    return before, after or proof.get("after") or {}


def _proved(value: Any, key: str) -> str:
    """A value of a proof in words."""
    if key == "boot":
        return moment(value) if isinstance(value, str) and value else "–"
    if isinstance(value, list):
        return clean(", ".join(str(one) for one in value)) or "none"
    return "–" if value is None else clean(value)


def track_words(view: View) -> str:
    """Whether the host has kept its track; empty without a proof."""
    proof = view.install.get("proof") or {}
    if "track_kept" not in proof:
        return ""
    return {True: "kept", False: "lost", None: "unknown"}[proof["track_kept"]]


def verify_lines(view: View) -> list[tuple[str, str, str]]:
    """The checks before and after as `(what, before, after)`: those that did not pass and those that changed, then how many passed."""
    verify = (view.result or {}).get("verify")
    if not verify:
        return []
    looks = [dict(_checks(verify[key] or {})) for key in ("before", "after")]
    names = list(dict.fromkeys([*looks[0], *looks[1]]))
    lines = [(name, looks[0].get(name, "–"), looks[1].get(name, "–")) for name in names]
    told = [line for line in lines if {line[1], line[2]} - {PASSED, "–"}]
    known = {line[0] for line in told}
    for one in (verify["after"] or {}).get("changed_since_before") or []:
        what = clean(f"{one['kind']} {one['name']}")
        if what not in known:
            told.append((what, clean(one["before"]), clean(one["after"])))
    passed = [counted(sum(1 for said in look.values() if said == PASSED), "check") if look else "–" for look in looks]
    if PASSED in {said for look in looks for said in look.values()}:
        told.append(("passed", passed[0], passed[1]))
    return told


PASSED = "ok"


def _checks(look: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every check of a look in words; what is no look of health_info is flattened."""
    if not isinstance(look.get("checks"), list):
        yield from _flat(look)
        return
    for one in look["checks"]:
        words = {True: PASSED, False: f"failed: {clean(one['detail'])}", None: f"unknown: {clean(one['detail'])}"}
        yield clean(f"{one['kind']} {one['name']}"), words[one["ok"]]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of a result of checks, each with the words on the way to it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{name} {clean(key).replace('_', ' ')}".strip())
    elif isinstance(value, list):
        for number, item in enumerate(value, 1):
            title = item.get("name") if isinstance(item, Mapping) else None
            if isinstance(item, Mapping):
                rest = {key: one for key, one in item.items() if key != "name"}
                yield from _flat(rest, f"{name} {clean(title or number)}".strip())
            else:
                yield f"{name} {number}".strip(), clean(item)
    elif value is not None:
        yield name or "result", ANSWERS[value] if isinstance(value, bool) else clean(value)


def missing_groups(hosts: Sequence[View]) -> list[dict[str, Any]]:
    """The missing answers, each once with the hosts it is missing of; what most hosts lack first."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for view in hosts:
        for one in view.decision["missing"]:
            names = found.setdefault((clean(one["what"]), clean(one["why"]), clean(one["fix"])), [])
            if view.name not in names:
                names.append(view.name)
    ranked = sorted(found.items(), key=lambda item: -len(item[1]))
    return [{"what": what, "why": why, "fix": fix, "hosts": names} for (what, why, fix), names in ranked]


def name_list(names: Sequence[str], most: int = 4) -> str:
    """`a, b, c, d and 3 more`."""
    shown = ", ".join(clean(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def about(doc: Mapping[str, Any]) -> str:
    """When and by what the report was made, and of which run."""
    said = f"Generated {moment(doc['generated_at'])} by rebootless.patching {clean(doc['collection_version'])}."
    if doc["kind"] == "plan":
        return said
    ran = doc["run"]
    times = f"started {moment(ran['started_at']) or 'at an unknown time'}, "
    times += f"ended {moment(ran['ended_at'])}" if ran["ended_at"] else "its end is not recorded"
    return f"Run {clean(ran['id'])}: {times}. {said}"


def totals(doc: Mapping[str, Any]) -> list[tuple[str, str]]:
    """`(what, counts)`: hosts, offers, restarts, exposure, missing answers."""
    summary = doc["summary"]

    def counts(found: Mapping[str, int], words: Mapping[str, Word]) -> str:
        return ", ".join(f"{count} {label(words, name).lower()}" for name, count in found.items()) or "none"

    lines = [("Hosts", f"{summary['hosts']}, {summary['reached']} reached")]
    if doc["kind"] == "run":
        lines.append(("Outcomes", counts(summary["outcomes"], OUTCOMES)))
        updates = {key: count for key, count in summary["updates"].items() if count}
        told = ", ".join(f"{count} {key.replace('_', ' ')}" for key, count in updates.items())
        lines.append(("Updates", told or "none installed"))
    lines += [
        ("Decisions", counts(summary["decisions"], DECISIONS)),
        ("Offers", counts(summary["offers"], OFFER_DECISIONS)),
        ("Restarts", restart_totals(doc)),
        ("Exposure", exposure_total(doc)),
    ]
    if summary["missing"]:
        lines.append(("Missing", f"{counted(summary['missing'], 'answer')} that the decisions lack"))
    return lines


def restart_totals(doc: Mapping[str, Any]) -> str:
    """The restarts of a plan or run in words."""
    restarts = doc["summary"]["restarts"]
    if doc["kind"] == "plan":
        return f"{restarts['due']} due, {restarts['agreed']} agreed, {restarts['now']} in this run"
    said = f"{restarts['done']} done by proof of the boot time, {restarts['due']} were due, {restarts['agreed']} agreed"
    if restarts["unproved"]:
        said += f", {restarts['unproved']} not proved"
    if restarts["unasked"]:
        said += f", {restarts['unasked']} NOT ASKED FOR by this run"
    return said


def exposure_total(doc: Mapping[str, Any]) -> str:
    """How long the fleet is exposed at most."""
    exposure = doc["summary"]["exposure"]
    longest = exposure["longest"]
    if longest is None:
        said = "no security update is known to be open"
    else:
        hosts = counted(exposure["hosts"], "host")
        said = f"{hosts}, at most {span(longest['seconds'])} ({clean(longest['name'])})"
    if exposure["unknown"]:
        said += f"; unknown for {counted(exposure['unknown'], 'host')}"
    return said if doc["kind"] == "plan" else f"{said}; as decided, before the run"


# --- terminal ----------------------------------------------------------------------------------------------------


class _Column(NamedTuple):
    """A column of the terminal table."""

    head: str
    width: int
    cells: Sequence[tuple[str, str]]  # text and colour


def _columns(hosts: Sequence[View], width: int) -> list[_Column]:
    """The columns that fit: all, or only the first four with a host's name as short as it must be."""
    plan_only = not hosts or hosts[0].result is None

    def column(head: str, most: int, cells: Sequence[tuple[str, str]]) -> _Column:
        needed = max((columns_of(text) for text, _color in cells), default=0)
        return _Column(head, min(max(needed, columns_of(head)), most), cells)

    def state(view: View) -> tuple[str, str]:
        name = str(view.decision["state"])
        return clean(name), STATES[name].color if name in STATES else ""

    def word(view: View) -> tuple[str, str]:
        words, name = word_of(view)
        return label(words, name), words[name].color if name in words else "1"

    installed = "INSTALL" if plan_only else "INSTALLED"
    most = 12 if width < 80 else 21
    found = [
        column("HOST", 20 if width < 100 else 28, [(clean(view.name), "") for view in hosts]),
        column("DECISION" if plan_only else "OUTCOME", 19, [word(view) for view in hosts]),
        column(installed, most, [(kb_words(view.kbs, most) or "-", "") for view in hosts]),
    ]
    if plan_only:
        found.insert(1, column("STATE", 15, [state(view) for view in hosts]))
    else:
        found.append(column("RESTARTED", 9, [(_restarted_word(view), "") for view in hosts]))
    more = [
        column("PUT OFF", 18, [(put_off_words(view) or "-", "") for view in hosts]),
        column("REFUSED", 7, [(str(len(view.decision["refuse"]) or "-"), "") for view in hosts]),
        column("RESTART", 20, [(restart_words(view) or "-", "") for view in hosts]),
    ]
    if _used([*found, *more]) <= width:
        return [*found, *more]
    over = max(0, _used(found) - width)
    return [found[0]._replace(width=found[0].width - over), *found[1:]]


def _used(columns: Sequence[_Column]) -> int:
    """How wide columns are side by side."""
    return sum(one.width for one in columns) + 2 * (len(columns) - 1)


def _restarted_word(view: View) -> str:
    """Whether the host has restarted; `no` also where nothing was tried and nothing says otherwise."""
    if view.proof is None and view.result is not None and not view.result["install"] and not view.result["restart"]:
        return "-"
    return ANSWERS[view.proof]


def _left_words(view: View) -> str:
    """What is left out and when the restart comes, on one line."""
    said = []
    if view.decision["put_off"]:
        said.append(f"put off {put_off_words(view)}")
    if view.decision["refuse"]:
        said.append(f"refused {len(view.decision['refuse'])}")
    if restart_words(view):
        said.append(f"restart {restart_words(view)}")
    return ", ".join(said)


def terminal(doc: Mapping[str, Any], width: int, color: bool = False) -> str:
    """The plan or run as an aligned table, what needs hands, and totals."""
    width = max(width, NARROWEST)
    hosts = views(doc)
    columns = _columns(hosts, width)
    used = _used(columns) + 2
    beside = width - used if width - used >= 36 else 0
    lines: list[str] = []
    if hosts:
        head = "  ".join(pad(one.head, one.width) for one in columns) + ("  WHY" if beside else "")
        lines += [paint(head.rstrip(), "1", color), "─" * width]
    for number, view in enumerate(hosts):
        row = "  ".join(paint(pad(one.cells[number][0], one.width), one.cells[number][1], color) for one in columns)
        why, step = reason(view)
        if why.removesuffix(".") == label(*word_of(view)):
            why = ""
        if beside:
            told = (wrap(why, beside, 2) if why else []) + (wrap(f"→ {step}", beside, 2, "  ") if step else [])
            lines.append(f"{row}  {(told or [''])[0]}".rstrip())
            lines += (f"{' ' * used}{line}".rstrip() for line in told[1:])
            continue
        lines.append(row.rstrip())
        texts = [] if len(columns) > 4 else [_left_words(view)]
        for text in [*texts, why, f"→ {step}" if step else ""]:
            if text:
                lines += (f"  {line}" for line in wrap(text, width - 2, 2, "  "))
    lines += _alarms(doc, hosts, width, color)
    lines.append("")
    for what, said in totals(doc):
        lines += wrap(f"{what + ':':<11}{said}.", width, 4, " " * 11)
    if doc["query"]:
        lines += wrap(f"Shown is what the query selects: {clean(doc['query'])}", width, 4)
    return "\n".join([*lines, *wrap(about(doc), width, 4)]) + "\n"


def _alarms(doc: Mapping[str, Any], hosts: Sequence[View], width: int, color: bool) -> Iterator[str]:
    """What must not be overlooked: answers that are missing, and lines of the record that could not be read."""
    groups = missing_groups(hosts)
    if groups:
        yield from ("", paint("Answers that the decisions lack", "1", color))
    for group in groups[:5]:
        said = f"{name_list(group['hosts'])}: {group['what']} ({group['why']}). → {group['fix']}"
        yield from (f"  {line}" for line in wrap(said, width - 2, 3, "  "))
    if len(groups) > 5:
        yield f"  and {len(groups) - 5} more, all in the files of this report"
    problems = doc.get("problems") or []
    if problems:
        yield from ("", paint("Lines of the record that could not be read", "1;31", color))
    for problem in problems[:5]:
        yield from (f"  {line}" for line in wrap(clean(problem), width - 2, 2, "  "))
    if len(problems) > 5:
        yield f"  and {len(problems) - 5} more"


# --- Markdown ----------------------------------------------------------------------------------------------------


def _md_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table of cells that are escaped already."""
    return [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads), *(f"| {' | '.join(row)} |" for row in rows)]


def _md_row(view: View) -> list[str]:
    """One host as a row."""
    why, step = reason(view)
    words, name = word_of(view)
    cells = [view.name, label(STATES, str(view.decision["state"])), label(words, name), kb_words(view.kbs)]
    if view.result is not None:
        cells.append(_restarted_word(view).replace("-", ""))
    cells += [put_off_words(view), str(len(view.decision["refuse"]) or ""), restart_words(view)]
    return [*(md(cell) for cell in cells), md(why) + (f"<br>→ {md(step)}" if step else "")]


def _md_details(view: View) -> Iterator[str]:
    """Everything that is to be said of one host beyond its row."""
    yield from ("", f"### {md(view.name)}", "")
    for said in (view.result or {}).get("words") or ([view.decision["summary"]] if view.decision["summary"] else []):
        yield f"- {md(said)}"
    for failure in view.failures:
        yield f"- {md(failure_words(failure))}"
    if view.result is not None and view.result["next_step"]:
        yield f"- next: {md(view.result['next_step'])}"
    for offer in view.decision["offers"]:
        kbs = f" ({', '.join(offer['kbs'])})" if offer["kbs"] else ""
        ended = f" → {view.ended(offer['id'])}" if view.ended(offer["id"]) else ""
        yield f"- {md(label(OFFER_DECISIONS, offer['decision']) + ended)}: {md(offer['title'])}{md(kbs)}"
        yield from (f"  - {md(said)}" for said in offer["why"])
        yield f"  - {md('; '.join(offer_facts(offer)))}"
    restart = view.restart
    if restart["due"] or restart["by"]:
        forced = f", because of {', '.join(view.named(restart['offers']))}" if restart["offers"] else ""
        window = f", window {window_words(restart['window'])}" if restart["window"] else ""
        due = "restart due" if restart["due"] else "restart not due yet"
        by = f" by {moment(restart['by'])}" if restart["by"] else ""
        yield f"- {md(due + by + window + forced)}; {md(CONSENTS[restart['consent']])}"
    for wait in view.decision["pending"]["reasons"]:
        yield f"- pending restart ({md(wait['class'])}, {md(wait['source'])}): {md(wait['detail'])}"
    for one in view.decision["missing"]:
        yield f"- missing: {md(one['what'])} ({md(one['why'])}) → {md(one['fix'])}"
    for title, lines in (("proof", proof_lines(view)), ("check", verify_lines(view))):
        for what, before, after in lines:
            yield f"- {title}, {md(what)}: {md(before)}" + (f" → {md(after)}" if after != before else ", unchanged")


def markdown(doc: Mapping[str, Any]) -> str:
    """The plan or run as GitHub-flavoured Markdown."""
    hosts = views(doc)
    title = "# Patch plan" if doc["kind"] == "plan" else "# Patch run"
    lines = [title, "", md(about(doc)), "", *_md_table(["", "total"], [[what, md(said)] for what, said in totals(doc)])]
    if doc["query"]:
        lines += ["", f"Shown is what the query selects: {md(doc['query'])}"]
    problems = doc.get("problems") or []
    if problems:
        lines += ["", "## Lines of the record that could not be read", "", *(f"- {md(one)}" for one in problems)]
    groups = missing_groups(hosts)
    if groups:
        rows = [[md(one["what"]), md(one["why"]), md(one["fix"]), md(", ".join(one["hosts"]))] for one in groups]
        lines += ["", "## Answers that the decisions lack", ""]
        lines += _md_table(["answer", "why it is missing", "how to get it", "hosts"], rows)
    heads = ["host", "state", "decision", "install"]
    if doc["kind"] == "run":
        heads = ["host", "state", "outcome", "installed", "restarted"]
    heads += ["put off", "refused", "restart", "why"]
    lines += ["", "## Hosts", "", *_md_table(heads, [_md_row(view) for view in hosts])]
    if hosts:
        lines += ["", "## Details"]
    for view in hosts:
        lines += _md_details(view)
    return "\n".join(lines) + "\n"


# --- HTML --------------------------------------------------------------------------------------------------------

COLUMNS = {
    "plan": (
        ("name", "Host"),
        ("state", "State"),
        ("decision", "Decision"),
        ("install", "Installs now"),
        ("left", "Left out"),
        ("restart", "Restart"),
        ("exposed", "Exposed"),
    ),
    "run": (
        ("name", "Host"),
        ("state", "State"),
        ("outcome", "Outcome"),
        ("install", "Installed"),
        ("restarted", "Restarted"),
        ("left", "Left out"),
        ("restart", "Restart owed"),
    ),
}


def html(doc: Mapping[str, Any]) -> str:
    """The plan or run as one self-contained page that loads nothing and runs no script but its own."""
    hosts = sorted(views(doc), key=lambda view: (urgency(view), view.name))
    summary = doc["summary"]
    words, kind = (DECISIONS, "decision") if doc["kind"] == "plan" else (OUTCOMES, "outcome")
    offers = sum(summary["offers"].values())
    return page(
        "run.html.j2",
        ["status.css", "run.css"],
        doc=doc,
        hosts=hosts,
        lost=[{"name": view.name, "problem": view.problem} for view in hosts if not view.reached],
        failures=[view for view in hosts if view.reached and not view.good and view.result is not None],
        surprises=[view for view in hosts if view.result is not None and unasked(view.result, view.proof)],
        due=sorted((view for view in hosts if view.owes), key=lambda view: (view.restart_at or "", view.name)),
        missing=missing_groups(hosts),
        columns=COLUMNS[doc["kind"]],
        words=words,
        kind=kind,
        bars={
            "main": segments(summary[f"{kind}s"], words),
            "decision": segments(summary["decisions"], DECISIONS),
            "state": segments(summary["states"], STATES),
        },
        offers=[
            {"name": name, "count": count, "width": round(100 * count / max(offers, 1), 3)}
            for name, count in summary["offers"].items()
        ],
        all_offers=offers,
        products=PRODUCTS,
        problems=PROBLEMS,
        states=STATES,
        decisions=DECISIONS,
        offer_decisions=OFFER_DECISIONS,
        consents=CONSENTS,
        say=SAY,
    )


# What the template says of a host.
SAY = {
    "exposure_total": exposure_total,
    "failure": failure_words,
    "facts": offer_facts,
    "kbs": kb_words,
    "names": name_list,
    "proof": proof_lines,
    "reason": reason,
    "restart_totals": restart_totals,
    "restart": restart_words,
    "restarted": _restarted_word,
    "span": span,
    "track": track_words,
    "urgency": urgency,
    "verify": verify_lines,
    "window": window_words,
    "word": word_of,
}
