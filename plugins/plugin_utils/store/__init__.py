# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs leave on disk: records and leases. The only room beside `report/page` with I/O.

Internal: no promise to other collections. May import base, host_run, fleet.
"""
