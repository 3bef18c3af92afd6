# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a plan and of a run as data, terminal table, Markdown and HTML. Decides nothing: shows what was decided and done.

`run_data` makes the document, from the hosts (`run_host`) and the record (`run_history`); `run_view`, `run_totals` and
`run_timeline` put it into words, and `run_terminal`, `run_markdown` and `run_page` render it.
"""

from __future__ import annotations

from ansible_collections.rebootless.patching.plugins.plugin_utils.report.document import failed, plan, run
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.host_entry import blank, lacking, unshown
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.html import html
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.markdown import markdown
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.terminal import terminal

__all__ = ["blank", "failed", "html", "lacking", "markdown", "plan", "run", "terminal", "unshown"]
