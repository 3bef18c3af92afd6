# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for get-pip.py where only PyPI is reachable: pip from ensurepip, then the pinned packages asked for."""

from __future__ import annotations

import subprocess
import sys

subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
pinned = [argument for argument in sys.argv[1:] if "==" in argument]
if pinned:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", *pinned], check=True)
