# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions for the tests of how a host ends."""

from __future__ import annotations

from typing import Any

WINDOW = {"start": "2026-09-20T22:00:00Z", "end": "2026-09-21T02:00:00Z", "name": None}
PROBLEM = {"kind": "timeout", "message": "timed out"}


def decision(word: str = "install_without_restart", **changes: Any) -> dict[str, Any]:
    """A decision, with nothing due; `restart` changes keys of its restart."""
    restart = {"due": False, "now": False, "window": None, "why": None, "consent": False, "offers": []}
    restart |= changes.pop("restart", {})
    return {
        "reached": True,
        "problem": None,
        "decision": word,
        "summary": "The summary.",
        "offers": [],
        "put_off": [],
        "restart_required": "no",
        "restart": restart,
        **changes,
    }


def agreed(**changes: Any) -> dict[str, Any]:
    """A decision whose restart is agreed, in an open window."""
    restart = {"due": True, "now": True, "window": WINDOW, "why": "Why.", "consent": True, **changes.pop("restart", {})}
    return decision("restart_due", restart=restart, **changes)
