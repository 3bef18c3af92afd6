# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hypothesis' profile `few`: for another Python or ansible-core, where it is the language that is tested and not the rules."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("few", max_examples=25, derandomize=True, database=None, deadline=None)
