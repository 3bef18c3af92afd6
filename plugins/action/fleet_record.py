# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One step of a run, written to the run record. Documentation: plugins/modules/fleet_record.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils import collector, record

SPEC = {
    "data": {"type": "dict", "default": {}},
    "host": {"type": "str"},
    "path": {"type": "path", "required": True},
    "run": {"type": "str", "required": True},
    "step": {"type": "str", "required": True, "choices": list(record.STEPS)},
    "validate_only": {"type": "bool", "default": False},
}


class ActionModule(collector.SignalsAction):
    """Append one line; the host is not contacted."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.options(SPEC)
        # A role keeps what it records by registering this, so the data comes back whatever becomes of the line.
        result |= {"changed": False, "path": arguments["path"], "data": record.plain(arguments["data"])}
        if not arguments["path"]:
            return result
        host = arguments["host"] or (task_vars or {}).get("inventory_hostname")
        if arguments["step"] in record.RUN_STEPS:
            host = arguments["host"]
        try:
            line = record.entry(arguments["run"], arguments["step"], host, arguments["data"], datetime.now(UTC))
            if not (arguments["validate_only"] or self._task.check_mode):
                record.append(arguments["path"], line)
        except record.RecordError as error:
            return result | {"failed": True, "msg": str(error)}
        return result | {"entry": {key: line[key] for key in ("run", "at", "host", "step")}}
