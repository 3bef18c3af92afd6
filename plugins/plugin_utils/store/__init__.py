# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs leave on disk: records and leases. Others read only templates and tables of their own.

Internal: no promise to other collections. May import base, host_run, fleet.
"""
