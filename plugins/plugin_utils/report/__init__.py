# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was decided and done, as documents and in words: JSON, terminal, Markdown, HTML.

Internal: no promise to other collections. May import base, host, host_run.
"""
