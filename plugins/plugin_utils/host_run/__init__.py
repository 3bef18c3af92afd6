# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a host in a run and how it ended: preflight, health, drain, installation, restart, rollback.

Internal: no promise to other collections. May import base, host, decision.
"""
