# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`keep: {content, dest}` writes a text on the controller, in check mode too; a copy to localhost starts two Pythons for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Write one file."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        content = self._task.args["content"]
        # Ansible-core 2.18 makes data of a text that looks like it.
        text = content if isinstance(content, str) else json.dumps(content)
        Path(self._task.args["dest"]).write_text(text, encoding="utf-8")
        return {**result, "changed": False}
