# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One step of a run, written to the run record. Documentation: plugins/modules/fleet_record.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import disk, record
from ansible_collections.rebootless.patching.plugins.plugin_utils.store import fencing as fleet_lease

SPEC = {
    "data": {"type": "dict", "default": {}},
    "host": {"type": "str"},
    "lease": fleet_lease.OPTION,
    "path": {"type": "path", "required": True},
    "run": {"type": "str", "required": True},
    "step": {"type": "str", "required": True, "choices": list(record.STEPS)},
    "validate_only": {"type": "bool", "default": False},
}


# Seconds for which it is tried to record what has been done.
PATIENCE = 300.0


class ActionModule(collector.SignalsAction):
    """Append one line; the host is not contacted."""

    ASKS_HOST = False

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
                lost = fleet_lease.lost(arguments["lease"], str(host))
                if lost:
                    return result | {"failed": True, "msg": f"{lost} So nothing is done."}
                self.append(arguments["path"], line)
        except record.RecordError as error:
            return result | {"failed": True, "msg": str(error)}
        return result | {"entry": {key: line[key] for key in ("run", "at", "host", "step")}}

    @staticmethod
    def append(path: str, line: Mapping[str, Any]) -> None:
        """Append it; what has been done again and again while the disk is full.

        :raises RecordError: it is full still, or something else is wrong
        """
        longest = PATIENCE if line["step"] in record.DONE_STEPS else 0.0
        disk.patiently(lambda: record.append(path, line), lambda: longest, collector.tell_now)
