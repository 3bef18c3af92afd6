# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of a plan or a run as every rendering shows it, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.text import clean, counted
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.host_entry import (
    ID_LISTS,
    NO_DECISION,
    restarted,
    restarts_of,
    unasked,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.page import Word, moment, problem_words
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.vocabulary import (
    ANSWERS,
    DECISION_ORDER,
    DECISIONS,
    OUTCOME_ORDER,
    OUTCOMES,
    RESTARTS,
    consent_words,
    failure_words,
    size_words,
    span,
)


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
    def out(self) -> bool:
        """Whether it was left out of service, as far as anybody knows."""
        return self.result is not None and self.result["out"] is True

    @property
    def out_because(self) -> str:
        """Why it is out of service: what the drain says, else how it ended."""
        result = self.result or {}
        words = [(result.get("drain") or {}).get("why"), *(result.get("words") or [])]
        return clean(next((one for one in words if one), "Nothing is recorded that put it back into service."))

    @property
    def restarts(self) -> Sequence[Mapping[str, Any]]:
        """What this run restarted, in order."""
        return [] if self.result is None else restarts_of(self.result)

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
    """Where a host stands in the order of what needs hands first: out of service, then what nobody knows."""
    if view.out:
        return 0
    order = DECISION_ORDER if view.result is None else OUTCOME_ORDER
    word = word_of(view)[1]
    return order.index(word) + 2 if word in order else 1


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


def reason(view: View) -> tuple[str, str]:
    """The first thing to know of a host, and what is to be done about it."""
    step = clean(view.result["next_step"] or "") if view.result else ""
    if not view.reached:
        kind, message = problem_words({"problem": view.problem})
        return f"Not reached: {kind}. {message}".rstrip(), step
    if view.out:
        return f"Left out of service. {view.out_because}", step
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
    states = [one if isinstance(one, Mapping) else {"boot": one} for one in _moments(proof, view.restarts)]
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


def _moments(proof: Mapping[str, Any], restarts: Sequence[Mapping[str, Any]]) -> tuple[Any, Any]:
    """The state before everything and after everything."""
    first, last = (restarts[0], restarts[-1]) if restarts else ({}, {})
    before = proof.get("before") or first.get("before") or {}
    begin = first.get("before")
    if len(restarts) > 1 and isinstance(begin, str) and isinstance(before, Mapping) and before.get("boot") != begin:
        # The proof is only of the installation between the restarts.
        before = {"boot": begin}
    after = last.get("after")
    if isinstance(after, str):
        # What the installation left behind is no longer so after a restart.
        after = {"boot": after, "build": last.get("build")}
    return before, after or proof.get("after") or {}


def _proved(value: Any, key: str) -> str:
    """A value of a proof in words."""
    if key == "boot":
        return moment(value) if isinstance(value, str) and value else "–"
    if isinstance(value, list):
        return clean(", ".join(str(one) for one in value)) or "none"
    return "–" if value is None else clean(value)


def done_words(restart: Mapping[str, Any]) -> str:
    """Whether a restart has been made, and with whose consent."""
    done = {True: "restarted", False: "not restarted", None: "begun, its end is not recorded"}[restart["done"]]
    return f"{done}; {consent_words(restart['consent'], restart['consent_by'])}"


def restart_when(restart: Mapping[str, Any]) -> str:
    """When the host came back, by its boot time; empty when that is not known."""
    after = restart["after"]
    boot = after.get("boot") if isinstance(after, Mapping) else after
    return moment(boot) if isinstance(boot, str) else ""


def restart_groups(hosts: Sequence[View]) -> list[dict[str, Any]]:
    """The restarts of a run as `{said, reason, hosts}`: those with the same reason and consent together."""
    found: dict[tuple[str, str], list[str]] = {}
    for view in hosts:
        for one in view.restarts:
            names = found.setdefault((done_words(one), clean(one["reason"] or "")), [])
            if view.name not in names:
                names.append(view.name)
    return [{"said": said, "reason": why, "hosts": names} for (said, why), names in found.items()]


def restarted_word(view: View) -> str:
    """Whether the host has restarted; `no` also where nothing was tried and nothing says otherwise."""
    if view.proof is None and view.result is not None and not view.result["install"] and not view.result["restart"]:
        return "-"
    return ANSWERS[view.proof]


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
