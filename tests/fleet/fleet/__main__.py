# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m fleet"""

from __future__ import annotations

import sys

from .cli import main

sys.exit(main())
