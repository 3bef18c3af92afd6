# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many hosts: limits, waves and order, and when a host may go out of service.

Internal: no promise to other collections. May import base, decision.
"""
