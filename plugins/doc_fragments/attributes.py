# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several modules promise in the same words: check mode, diff mode, platform."""

from __future__ import annotations


class ModuleDocFragment:
    """`attributes.info`, `attributes.controller`, `attributes.products`."""

    # Of an _info module.
    INFO = r"""
attributes:
  check_mode:
    support: full
    description: Changes nothing, so check mode makes no difference.
  diff_mode:
    support: none
    description: Changes nothing, so there is nothing to show.
"""

    # Of what never leaves the controller.
    CONTROLLER = r"""
attributes:
  platform:
    support: full
    platforms: posix
    description: Runs on the controller.
"""

    # Of what judges a host by its product.
    PRODUCTS = r"""
attributes:
  platform:
    support: full
    platforms: windows
    description: Windows Server 2022, Windows Server 2025 and Windows 11.
"""
