# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do with a host now: policy, consent, windows, offers, and the decision made from them.

Internal: no promise to other collections. May import base, host.
"""
