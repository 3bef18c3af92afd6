# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make docs/reasons.md from the catalogue of reasons; the core's modules must be importable (PYTHONPATH).

usage: tools/make_reasons.py
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ansible_collections.rebootless.patching.plugins.plugin_utils.host.reasons import (
    ADVICE,
    CAUSE,
    REASONS,
    WARNING,
    Kind,
)

DEST = Path(__file__).resolve().parent.parent / "docs" / "reasons.md"
HEAD = """\
# Reasons

Every code that a status can give, what it says, what puts it right, and the fact it rests on. A `cause` explains the
state; a `warning` must be seen and does not turn the state. `{…}` is filled in per host. A unit test holds this page
against the catalogue in `plugins/plugin_utils/host/reasons.py`.

How trustworthy a fact is stands where it is named: facts that only one public place gives, or that are inferred, never
decide alone here.
"""
SECTIONS = {
    CAUSE: (
        "Causes",
        "What explains a state. The state is told beside them: `state` of `hotpatch_info` and of the status.",
    ),
    WARNING: (
        "Warnings",
        "`licence_fault` becomes a cause, with state `unknown`, where enrolment rests on nothing newer than it; so do "
        "`arc_not_onboarded`, `enrolment_key_gone`, `boot_before_build` and `boot_in_future` where nothing known has settled the state. "
        "`release_table_outdated` and `release_table_gap` become one, with state `unknown`, when a month that the table does "
        "not know may have been a baseline.",
    ),
}
ADVICE_HEAD = """\
## What was not read

`{advice}` above is what helps against the cause, which stands in brackets in the message.

| cause | what helps |
| --- | --- |
"""
RISKS_HEAD = """\
## Restart risks

What may restart a host without a run of this collection (`restart_risks`). They explain no state. Sources: \
facts/windows-hotpatch.md section 6 (platform patching), facts/pending-restart.md section 1.1, source 19 \
(Configuration Manager); the policies are Windows' own.
"""
# Code, meaning, fix; the details of a host are made in restart_risks.py.
RISKS = (
    (
        "automatic_updates_default",
        "No policy rules Automatic Updates, so Windows' own default applies; it may install and restart outside active "
        "hours.",
        "Set a policy for Automatic Updates (NoAutoUpdate 1 or AUOptions 3), so that only your runs install.",
    ),
    (
        "automatic_updates_schedule",
        "A policy lets Automatic Updates install on a schedule (AUOptions 4); it restarts when an update wants it.",
        "Set AUOptions to 3 or NoAutoUpdate to 1.",
    ),
    (
        "automatic_restart",
        "A policy restarts the host after an installation, also with users logged on (AlwaysAutoRebootAtScheduledTime).",
        "Remove that policy.",
    ),
    (
        "update_deadline",
        "A policy installs updates and restarts a number of days after they were found (ConfigureDeadlineForQualityUpdates, "
        "ConfigureDeadlineForFeatureUpdates), whatever AUOptions says.",
        "Remove that policy (SetComplianceDeadline, or the deadline of the device management), or let your runs come before it.",
    ),
    (
        "configmgr_deadline",
        "Configuration Manager wants a restart and has a deadline for it.",
        "Restart in a window before the deadline, or move the deadline.",
    ),
    (
        "azure_platform_patching",
        "Azure's patch extension is on the host, so the platform may pick the time, also for baselines that restart.",
        "Look at the patch mode of the VM, and at its maintenance configuration.",
    ),
)


def _rests_on(kind: Kind) -> str:
    """The line that names the probes of a reason; empty when it names none."""
    return f"* Rests on: {', '.join(f'`{probe}`' for probe in kind.rests_on)}\n" if kind.rests_on else ""


def page(catalogue: Mapping[str, Kind]) -> str:
    """The whole page."""
    parts = [HEAD]
    for severity, (title, words) in SECTIONS.items():
        parts.append(f"## {title}\n\n{words}\n")
        parts += [
            f"### `{code}`\n\n{kind.message}\n\n"
            f"* Severity: {kind.severity}\n* What puts it right: {kind.fix}\n* Source: {kind.source}\n{_rests_on(kind)}"
            for code, kind in catalogue.items()
            if kind.severity == severity
        ]
    parts.append(ADVICE_HEAD + "".join(f"| {cause} | {words} |\n" for cause, words in ADVICE.items()))
    parts.append(RISKS_HEAD)
    parts += [f"### `{code}`\n\n{message}\n\n* What puts it right: {fix}\n" for code, message, fix in RISKS]
    return "\n".join(parts)


if __name__ == "__main__":
    DEST.write_text(page(REASONS), encoding="utf-8")
