# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What release_table takes from the network and from files, and how it puts a file in place. The playbook's tests do the rest."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rebootless.patching.plugins.action import release_table
from ansible_collections.rebootless.patching.plugins.action.release_table import SourceError, Sources

BODY = b"A page."


class Server(ThreadingHTTPServer):
    """Gives one answer: content type, body and further headers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: tuple[str, bytes, dict[str, str]] = ("text/markdown; charset=utf-8", BODY, {})
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        """The address of a page."""
        return f"http://127.0.0.1:{self.server_address[1]}/page?accept=text/markdown"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_GET(self) -> None:
        """Answer it."""
        self.server.asked.append((self.path, self.headers["Accept"]))
        kind, body, headers = self.server.answer
        self.send_response(200)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server with a good answer."""
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def refused(source: dict[str, Any]) -> str:
    """What a bad source is told."""
    with pytest.raises(SourceError) as caught:
        Sources().take(source)
    return str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        ("text/markdown; charset=utf-8", BODY, {}),
        ("text/plain", BODY, {}),
        ("Text/Markdown", gzip.compress(BODY), {"Content-Encoding": "gzip"}),
    ],
)
def test_answer_of_the_right_kind(server: Server, answer: tuple[str, bytes, dict[str, str]]) -> None:
    server.answer = answer
    assert release_table.fetch(server.url, "learn_server") == BODY
    assert server.asked == [("/page?accept=text/markdown", "text/markdown")]


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/xml", "text/xml"])
def test_document_is_asked_for_as_json(server: Server, kind: str) -> None:
    server.answer = (kind, BODY, {})
    assert release_table.fetch(server.url, "msrc") == BODY
    assert server.asked[0][1] == "application/json"


@pytest.mark.parametrize(
    ("kind", "answer", "said"),
    [
        ("learn_server", ("text/html", BODY, {}), "the answer is text/html; text/markdown or text/plain is expected."),
        ("learn_windows_11", ("application/json", BODY, {}), "the answer is application/json; text/markdown or"),
        ("msrc", ("text/html", BODY, {}), "the answer is text/html; application/json or application/xml or text/xml"),
        ("msrc", ("text/markdown", BODY, {}), "the answer is text/markdown; application/json or"),
        ("learn_server", ("text/markdown", BODY, {"Content-Length": "9"}), "the answer was cut after 7 of 9 bytes."),
        ("learn_server", ("text/markdown", b"x" * (4 * 2**20 + 1), {}), "the answer is longer than 4194304 bytes."),
        (
            "learn_server",
            ("text/markdown", gzip.compress(bytes(5 * 2**20)), {"Content-Encoding": "gzip"}),
            "the answer is longer than 4194304 bytes.",
        ),
        ("learn_server", ("text/markdown", gzip.compress(BODY)[:-9], {"Content-Encoding": "gzip"}), "cannot be read: "),
        ("learn_server", ("text/markdown", b"\xff\xfe", {}), "the text is not UTF-8."),
        ("learn_server", ("text/markdown", b"<!DOCTYPE html>", {}), "this is HTML"),
        ("learn_server", ("text/markdown", BODY, {}), "there is no section"),
        ("msrc", ("application/xml", b'<!DOCTYPE x [<!ENTITY a "b">]><cvrfdoc/>', {}), "no document type"),
    ],
)
def test_bad_answer_is_named(server: Server, kind: str, answer: tuple[str, bytes, dict[str, str]], said: str) -> None:
    server.answer = answer
    message = refused({"kind": kind, "url": server.url})
    assert message.startswith(server.url)
    assert said in message


def test_answer_that_never_ends_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_table, "LONGEST", -1)
    assert refused({"kind": "learn_server", "url": server.url}).endswith("the answer takes longer than -1 seconds.")


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "/etc/hostname"])
def test_only_http_is_asked(url: str) -> None:
    assert refused({"kind": "learn_server", "url": url}) == f"{url}: only http and https are allowed."


def test_file_that_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_bytes(b"x" * (4 * 2**20 + 1))
    assert refused({"kind": "learn_server", "path": str(path)}) == f"{path} is longer than 4194304 bytes."
    assert refused({"kind": "learn_server", "path": str(tmp_path)}) == f"{tmp_path} cannot be read: Is a directory."


@pytest.mark.parametrize(
    ("now", "months"),
    [
        ("2026-09-08T16:59:59", ["2026-06", "2026-07", "2026-08"]),
        ("2026-09-08T17:00:00", ["2026-07", "2026-08", "2026-09"]),
        ("2026-01-02T00:00:00", ["2025-10", "2025-11", "2025-12"]),
        ("2026-03-31T00:00:00", ["2026-01", "2026-02", "2026-03"]),
    ],
)
def test_default_sources_are_those_that_are_out(now: str, months: list[str]) -> None:
    assert release_table.default_sources(datetime.fromisoformat(now).replace(tzinfo=UTC)) == [
        {"kind": "learn_server"},
        {"kind": "learn_windows_11"},
        *({"kind": "msrc", "month": month} for month in months),
    ]


def test_default_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(url: str, _kind: str) -> bytes:
        asked.append(url)
        raise SourceError(url)

    monkeypatch.setattr(release_table, "fetch", refuse)
    for source in release_table.default_sources(datetime(2026, 9, 20, tzinfo=UTC)):
        refused(source)
    assert asked == [
        "https://learn.microsoft.com/en-us/windows/release-health/windows-server-release-info?accept=text/markdown",
        "https://learn.microsoft.com/en-us/windows/release-health/windows11-release-information?accept=text/markdown",
        "https://api.msrc.microsoft.com/cvrf/v3.0/cvrf/2026-Jul",
        "https://api.msrc.microsoft.com/cvrf/v3.0/cvrf/2026-Aug",
        "https://api.msrc.microsoft.com/cvrf/v3.0/cvrf/2026-Sep",
    ]


def test_file_is_written_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "releases.json"
    release_table.write(path, "one", None)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("one", 0o644)
    path.chmod(0o600)
    release_table.write(path, "two", b"one")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two", 0o600)
    assert [one.name for one in path.parent.iterdir()] == ["releases.json"]


@pytest.mark.parametrize("before", [b"other", None])
def test_file_that_somebody_else_changed_is_left(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "releases.json"
    path.write_text("theirs")
    with pytest.raises(SourceError, match="was changed by somebody else meanwhile; it was left as it is"):
        release_table.write(path, "ours", before)
    assert path.read_text() == "theirs"
    assert [one.name for one in tmp_path.iterdir()] == ["releases.json"]


def test_disk_that_is_full_leaves_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "releases.json"
    path.write_text("before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SourceError) as caught:
        release_table.write(path, "after", b"before")
    assert str(caught.value) == f"dest: {path} cannot be written: No space left on device."
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["releases.json"]
