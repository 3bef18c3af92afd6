# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a release table up to date from the vendor's own pages. Documentation: plugins/modules/release_table.py."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.urls import open_url
from ansible_collections.rebootless.patching.plugins.plugin_utils.base import patch_tuesday as calendar
from ansible_collections.rebootless.patching.plugins.plugin_utils.controller import action_base as collector
from ansible_collections.rebootless.patching.plugins.plugin_utils.host import releases
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update import learn_page, msrc
from ansible_collections.rebootless.patching.plugins.plugin_utils.release_update import merge as release_merge

LEARN = "https://learn.microsoft.com/en-us/windows/release-health/"
URLS = {
    "learn_server": f"{LEARN}windows-server-release-info?accept=text/markdown",
    "learn_windows_11": f"{LEARN}windows11-release-information?accept=text/markdown",
    "msrc": "https://api.msrc.microsoft.com/cvrf/v3.0/cvrf/{id}",
}
# What an answer of the kind may be; a page that comes as HTML is refused.
ACCEPT = {
    "learn_server": ("text/markdown", "text/plain"),
    "learn_windows_11": ("text/markdown", "text/plain"),
    "msrc": ("application/json", "application/xml", "text/xml"),
}
MIB = 1024 * 1024
# The largest seen were 68 kB and 20 MB.
LARGEST = {"learn_server": 4 * MIB, "learn_windows_11": 4 * MIB, "msrc": 64 * MIB}
CHUNK = 64 * 1024
# Seconds without a byte, and for a whole answer.
SILENCE = 30
LONGEST = 300
DOCUMENTS = 3
SPEC = {
    "accept": {"type": "list", "elements": "str", "default": []},
    "base": {"type": "path"},
    "dest": {"type": "path", "required": True},
    "now": {"type": "str"},
    "sources": {
        "type": "list",
        "elements": "dict",
        "options": {
            "kind": {"type": "str", "choices": sorted(URLS), "required": True},
            "month": {"type": "str"},
            "path": {"type": "path"},
            "url": {"type": "str"},
        },
        "mutually_exclusive": [["path", "url"]],
    },
}


class SourceError(Exception):
    """A source or the table's file that cannot be used; the message names it and what is expected."""


def default_sources(now: datetime) -> list[dict[str, Any]]:
    """The two pages, and the documents of the last months whose Patch Tuesday is out at `now`."""
    days = list(calendar.patch_tuesdays(now.date() - timedelta(days=31 * (DOCUMENTS + 1)), now))[-DOCUMENTS:]
    pages: list[dict[str, Any]] = [{"kind": kind} for kind in ("learn_server", "learn_windows_11")]
    return pages + [{"kind": "msrc", "month": day.isoformat()[:7]} for day in days]


def fetch(url: str, kind: str) -> bytes:
    """The body of an answer from the network.

    :raises SourceError: naming the address and what is wrong with the answer
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise SourceError(f"{url}: only http and https are allowed.")
    wanted, most = ACCEPT[kind], LARGEST[kind]
    until = time.monotonic() + LONGEST
    parts: list[bytes] = []
    try:
        with open_url(
            url, headers={"Accept": wanted[0]}, timeout=SILENCE, http_agent="rebootless.patching", use_netrc=False
        ) as answer:
            kind_of_body = answer.headers.get_content_type()
            if kind_of_body not in wanted:
                raise SourceError(f"{url}: the answer is {kind_of_body}; {' or '.join(wanted)} is expected.")
            while part := answer.read(CHUNK):
                parts.append(part)
                if sum(map(len, parts)) > most:
                    raise SourceError(f"{url}: the answer is longer than {most} bytes.")
                if time.monotonic() > until:
                    raise SourceError(f"{url}: the answer takes longer than {LONGEST} seconds.")
            length = answer.headers.get("Content-Length")
            coded = answer.headers.get("Content-Encoding")
    except (OSError, EOFError, HTTPException, ValueError) as error:
        raise SourceError(f"{url} cannot be read: {' '.join(str(error).split()) or type(error).__name__}.") from error
    body = b"".join(parts)
    if length is not None and not coded and len(body) != int(length):
        raise SourceError(f"{url}: the answer was cut after {len(body)} of {length} bytes.")
    return body


def from_file(path: str, kind: str) -> bytes:
    """The content of a source's file.

    :raises SourceError: naming the file
    """
    try:
        with Path(path).open("rb") as file:
            body = file.read(LARGEST[kind] + 1)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    if len(body) > LARGEST[kind]:
        raise SourceError(f"{path} is longer than {LARGEST[kind]} bytes.")
    return body


class Sources:
    """What the sources of a task state."""

    def __init__(self) -> None:
        self.pages: list[learn_page.Page] = []
        self.documents: list[msrc.Document] = []
        self.notes: list[str] = []

    def take(self, source: Mapping[str, Any]) -> None:
        """Read one source.

        :raises SourceError: naming the source and what is wrong with it
        """
        kind, month = source["kind"], source.get("month")
        try:
            name = msrc.document_id(month) if month and kind == "msrc" else None
            if not source.get("url") and not source.get("path") and kind == "msrc" and name is None:
                raise SourceError("sources: a source of kind msrc needs month, url or path.")
            place = source.get("path") or source.get("url") or URLS[kind].format(id=name)
        except msrc.MsrcError as error:
            raise SourceError(f"sources: {error}") from error
        body = from_file(place, kind) if source.get("path") else fetch(place, kind)
        try:
            text = body.decode("utf-8")
            if kind == "msrc":
                self.documents.append(msrc.read(text, name))
                front: Mapping[str, str] = {}
            else:
                self.pages.append(learn_page.read(kind, text))
                front = self.pages[-1].front
        except UnicodeDecodeError as error:
            raise SourceError(f"{place}: the text is not UTF-8.") from error
        except (learn_page.PageError, msrc.MsrcError) as error:
            raise SourceError(f"{place}: {error}") from error
        told = [f"{key} {front[key]}" for key in ("updated_at", "git_commit_id") if key in front]
        self.notes.append(
            f"Read {kind} from {place}: " + ", ".join([f"sha256 {hashlib.sha256(body).hexdigest()}", *told]) + "."
        )


def read_table(path: Path) -> tuple[bytes, Any]:
    """A table's file: its bytes and what they hold.

    :raises SourceError: naming the file
    """
    try:
        body = path.read_bytes()
        return body, json.loads(body.decode("utf-8"))
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise SourceError(f"{path} is not JSON: {error}.") from error


def write(path: Path, text: str, before: bytes | None) -> None:
    """Put the table's file in place whole or not at all, if nobody has changed it since.

    :raises SourceError: naming the file
    """
    scratch = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8"
        ) as file:
            scratch = Path(file.name)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.chmod(path.stat().st_mode & 0o7777 if before is not None else 0o644)
        if (path.read_bytes() if path.exists() else None) != before:
            raise SourceError(f"dest: {path} was changed by somebody else meanwhile; it was left as it is.")
        scratch.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SourceError(f"dest: {path} cannot be written: {error.strerror}.") from error
    finally:
        if scratch is not None:
            scratch.unlink(missing_ok=True)


class ActionModule(collector.SignalsAction):
    """Read the sources, ask the core, put the table in place."""

    ASKS_HOST = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.options(SPEC)
        now = collector.moment(arguments["now"], "now")
        dest = Path(arguments["dest"]).resolve()
        result.update(
            changed=False,
            added=[],
            updated=[],
            planned_changed=[],
            contradictions=[],
            review=[],
            ignored={},
            notes=[],
            dest=str(dest),
            newest=None,
            outdated=None,
        )
        try:
            self.update(result, dest, arguments, now)
        except (SourceError, release_merge.MergeError, releases.TableError) as error:
            result.update(failed=True, msg=f"{error} The table was left as it is.")
        return result

    def update(self, result: dict[str, Any], dest: Path, arguments: Mapping[str, Any], now: datetime) -> None:
        """Fill the result, and write the table when nothing speaks against it."""
        before, table = self.start(dest, arguments["base"])
        self.age(result, table, now)
        sources = Sources()
        for source in default_sources(now) if arguments["sources"] is None else arguments["sources"]:
            sources.take(source)
        merged = release_merge.merge(table, sources.pages, sources.documents, now, arguments["accept"])
        result.update(
            added=list(merged.added),
            updated=list(merged.updated),
            planned_changed=list(merged.planned_changed),
            contradictions=[finding.plain() for finding in merged.contradictions],
            review=[finding.plain() for finding in merged.review],
            ignored=dict(merged.ignored),
            notes=[*sources.notes, *merged.notes, *(finding.message for finding in merged.carry_overs)],
        )
        if merged.contradictions:
            words = " ".join(f"{finding.id}: {finding.message}" for finding in merged.contradictions)
            result.update(
                failed=True,
                msg=f"{len(merged.contradictions)} contradictions, and the table was left as it is; look at each and"
                f" name in accept those that are right. {words}",
            )
            return
        if before is not None and not merged.changed:
            self.tell(result, merged.table, now)
            return
        text = json.dumps(merged.table, indent=1) + "\n"
        if self._task.diff:
            result["diff"] = {
                "before": "" if before is None else before.decode("utf-8"),
                "after": text,
                "before_header": str(dest),
                "after_header": str(dest),
            }
        if not self._task.check_mode:
            write(dest, text, before)
        result["changed"] = True
        self.tell(result, merged.table, now)

    @staticmethod
    def start(dest: Path, base: str | None) -> tuple[bytes | None, Any]:
        """The table to start from, and the bytes of `dest`: None when it does not exist yet."""
        if dest.exists():
            before, table = read_table(dest)
        else:
            before, table = None, read_table(Path(base))[1] if base else releases.shipped()
        try:
            releases.ReleaseTable.load(table)
        except releases.TableError as error:
            raise SourceError(f"{dest if before is not None else base}: {error}") from error
        return before, table

    @staticmethod
    def age(result: dict[str, Any], table: Any, now: datetime) -> dict[str, Any]:
        """Put `newest` and `outdated` of a table into the result."""
        told = release_merge.freshness(releases.ReleaseTable.load(table), now)
        result.update(newest=told["newest_release"], outdated=told["outdated"])
        return told

    def tell(self, result: dict[str, Any], table: Any, now: datetime) -> None:
        """Say what the table has now, and what it still lacks."""
        told = self.age(result, table, now)
        if told["missing"]:
            lacking = ", ".join(told["missing"])
            result["notes"].append(f"The release of {told['newest_patch_tuesday']} is still missing for {lacking}.")
