# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of states and reasons is made of the code, and has an entry for each word of it."""

from __future__ import annotations

import make_states
import pytest
from ansible_collections.rebootless.patching.plugins.plugin_utils.decision import decide
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import pending_restart as pending_reboot
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import reasons, track
from ansible_collections.rebootless.patching.plugins.plugin_utils.report.vocabulary import OUTCOMES

PAGE = make_states.DEST.read_text(encoding="utf-8")
WORDS = {*track.STATES, *pending_reboot.CLASSES, *decide.DECISIONS, *decide.OFFER_DECISIONS, *OUTCOMES}


def test_page_is_current() -> None:
    """Stale? `make role-docs` makes it anew."""
    assert make_states.page() == PAGE


@pytest.mark.parametrize("word", sorted(WORDS))
def test_word_has_its_row(word: str) -> None:
    assert f"\n   * - ``{word}``\n     - " in PAGE


@pytest.mark.parametrize("code", [*reasons.REASONS, *(risk[0] for risk in make_states.RISKS)])
def test_reason_has_its_entry(code: str) -> None:
    assert f"\n``{code}``\n   " in PAGE


def test_page_follows_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    new = reasons.Kind(reasons.WARNING, "Something *new*.", "Look.", "nowhere")
    monkeypatch.setitem(reasons.REASONS, "new_code", new)
    assert "``new_code``\n   Something \\*new\\*.\n\n   *What puts it right:* Look.\n" in make_states.page()
