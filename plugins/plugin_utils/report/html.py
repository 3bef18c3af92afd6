# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan or a run as one self-contained page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.host_run.slot import stays
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import timeline as run_timeline
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.host_entry import unasked
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.host_view import (
    done_words,
    missing_groups,
    offer_facts,
    proof_lines,
    reason,
    restart_groups,
    restart_when,
    restart_words,
    restarted_word,
    track_words,
    urgency,
    verify_lines,
    views,
    word_of,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.page import (
    PROBLEMS,
    PRODUCTS,
    STATES,
    page,
    segments,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.totals import (
    comparison_words,
    exposure_total,
    out_total,
    put_off_total,
    restart_totals,
    wave_total,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.vocabulary import (
    DECISIONS,
    OFFER_DECISIONS,
    OUTCOMES,
    age_words,
    consent_words,
    failure_words,
    kb_words,
    name_list,
    span,
    wave_words,
    window_words,
)

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
        failures=[
            view for view in hosts if view.reached and not view.good and not view.out and view.result is not None
        ],
        surprises=[view for view in hosts if view.result is not None and unasked(view.result, view.proof)],
        due=sorted((view for view in hosts if view.owes), key=lambda view: (view.restart_at or "", view.name)),
        missing=missing_groups(hosts),
        out=[view for view in hosts if view.out],
        made=restart_groups(hosts),
        put_off=doc["put_off"],
        compared=comparison_words(doc["comparison"]) if doc.get("comparison") else [],
        line=doc.get("timeline"),
        chart=run_timeline.bars(doc["timeline"]) if doc.get("timeline") else None,
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
        say=SAY,
    )


# What the template says of a host.
SAY = {
    "age": age_words,
    "stays": stays,
    "caption": run_timeline.caption,
    "consent": consent_words,
    "done": done_words,
    "ended": run_timeline.ended,
    "held": run_timeline.held_words,
    "out": run_timeline.out_words,
    "out_total": out_total,
    "put_off_total": put_off_total,
    "restarted_at": run_timeline.restart_words,
    "wave": wave_words,
    "wave_total": wave_total,
    "when": restart_when,
    "exposure_total": exposure_total,
    "failure": failure_words,
    "facts": offer_facts,
    "kbs": kb_words,
    "names": name_list,
    "proof": proof_lines,
    "reason": reason,
    "restart_totals": restart_totals,
    "restart": restart_words,
    "restarted": restarted_word,
    "span": span,
    "track": track_words,
    "urgency": urgency,
    "verify": verify_lines,
    "window": window_words,
    "word": word_of,
}
