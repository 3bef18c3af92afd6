# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is: its product and place on the track, what waits for a restart, its status.

Internal: no promise to other collections. May import base.
"""
