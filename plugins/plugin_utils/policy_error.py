# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a broken policy, by all parts that read one."""

from __future__ import annotations


class PolicyError(ValueError):
    """A broken policy; the message names the key, the value and what is allowed."""
