# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as jobs of AWX that share no file, and the content that AWX is given.

Internal: no promise to other collections. May import base, host_run, fleet, report.
"""
