# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that every package uses: signals, what a host says let in, Patch Tuesdays, checks of input, texts.

Internal: no promise to other collections. May import nothing of ours.
"""
