# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`ansible.legacy.keep: {content, dest}` writes a text on the controller, in check mode too.

With `line` in place of `content` it adds one, not in check mode. A copy to localhost, or a command there, would start a Python or two.
"""

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
        dest, line = Path(self._task.args["dest"]), self._task.args.get("line")
        if line is None:
            content = self._task.args["content"]
            # Ansible-core 2.18 makes data of a text that looks like it.
            dest.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        elif not self._task.check_mode:
            with dest.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
        return {**result, "changed": False}
