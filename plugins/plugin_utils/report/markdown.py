# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan or a run as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.base.text import counted
from ansible_collections.rebootless.patching.plugins.plugin_utils.report import timeline as run_timeline
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.host_view import (
    View,
    done_words,
    missing_groups,
    offer_facts,
    proof_lines,
    put_off_words,
    reason,
    restart_when,
    restart_words,
    restarted_word,
    verify_lines,
    views,
    word_of,
)
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.page import STATES, label, md, moment
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.totals import about, comparison_words, totals
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.vocabulary import (
    OFFER_DECISIONS,
    age_words,
    consent_words,
    failure_words,
    kb_words,
    wave_name,
    window_words,
)


def _md_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table of cells that are escaped already."""
    return [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads), *(f"| {' | '.join(row)} |" for row in rows)]


def _left_out(hosts: Sequence[View]) -> Iterator[str]:
    """The hosts that are out of service, before everything else."""
    out = [view for view in hosts if view.out]
    if out:
        yield f"> **OUT OF SERVICE, left by this run: {counted(len(out), 'host')}**"
        yield ">"
        for view in out:
            step = f" → {md(view.result['next_step'])}" if view.result and view.result["next_step"] else ""
            yield f"> - **{md(view.name)}**: {md(view.out_because)}{step}"
        yield ""


def _put_off(doc: Mapping[str, Any]) -> Iterator[str]:
    """The updates that wait, with how long they have been missing."""
    if doc["put_off"]:
        rows = [
            [
                md(one["name"]),
                age_words(one["waited"]),
                md(moment(one["until"])),
                md(moment(one["limit"])),
                md(", ".join(one["hosts"])),
            ]
            for one in doc["put_off"]
        ]
        yield from ("", "## Put off", "")
        yield from _md_table(["update", "missing for", "until", "in effect by", "hosts"], rows)


def _restarts(hosts: Sequence[View]) -> Iterator[str]:
    """What this run restarted, why, and with whose consent."""
    rows = [
        [md(view.name), md(restart_when(one)), md(done_words(one)), md(one["reason"] or "")]
        for view in hosts
        for one in view.restarts
    ]
    if rows:
        yield from ("", "## Restarts of this run", "", *_md_table(["host", "back", "consent", "why"], rows))


def _slots(line: Mapping[str, Any] | None) -> Iterator[str]:
    """Who was out of service when."""
    if line:
        rows = [
            [
                md(slot["host"]),
                md(wave_name(slot)),
                md(run_timeline.held_words(slot, line)),
                md(run_timeline.out_words(slot, line)),
                md(run_timeline.restart_words(slot, line)),
                md(run_timeline.ended(slot)),
            ]
            for slot in line["slots"]
        ]
        yield from ("", "## Who was out of service when", "", f"{md(run_timeline.caption(line))}", "")
        yield from _md_table(["host", "wave", "slot", "out of service", "restarted at", "ended"], rows)


def _compared(found: Mapping[str, Any] | None) -> Iterator[str]:
    """What is different from the run before."""
    if found:
        yield from ("", f"## Compared with run {md(found['run']['id'])}", "")
        yield from (f"- {md(said)}" for said in comparison_words(found))


def _md_row(view: View) -> list[str]:
    """One host as a row."""
    why, step = reason(view)
    words, name = word_of(view)
    cells = [view.name, label(STATES, str(view.decision["state"])), label(words, name), kb_words(view.kbs)]
    if view.result is not None:
        cells.append(restarted_word(view).replace("-", ""))
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
        yield f"- {md(due + by + window + forced)}; {md(consent_words(restart['consent'], restart['consent_by']))}"
    for one in view.restarts:
        at = f", back {restart_when(one)}" if restart_when(one) else ""
        yield f"- {md(done_words(one) + at)}{': ' + md(one['reason']) if one['reason'] else ''}"
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
    lines[2:2] = _left_out(hosts)
    problems = doc.get("problems") or []
    if problems:
        lines += ["", "## Lines of the record that could not be read", "", *(f"- {md(one)}" for one in problems)]
    groups = missing_groups(hosts)
    if groups:
        rows = [[md(one["what"]), md(one["why"]), md(one["fix"]), md(", ".join(one["hosts"]))] for one in groups]
        lines += ["", "## Answers that the decisions lack", ""]
        lines += _md_table(["answer", "why it is missing", "how to get it", "hosts"], rows)
    lines += _put_off(doc)
    if doc["kind"] == "run":
        lines += [*_restarts(hosts), *_slots(doc["timeline"]), *_compared(doc["comparison"])]
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
