# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook that updates the release table: from files, from a server on the loopback, and never half a table."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, controller, environment

S25 = "windows_server_2025"
NOW = "2026-08-20T12:00:00Z"
KEYS = {
    "added",
    "changed",
    "contradictions",
    "dest",
    "ignored",
    "newest",
    "notes",
    "outdated",
    "planned_changed",
    "review",
    "updated",
}
PAGE = """\
---
updated_at: 2026-08-12T01:40:00.0000000Z
git_commit_id: 0000000000000000000000000000000000000000
---

## Windows Server release history

**Windows Server 2025 (OS build 26100)**

| Servicing option | Update type | Availability date | Build | KB article |
| --- | --- | --- | --- | --- |
| LTSC | 2026-08 B | 2026-08-11 | 26100.33296 | [KB5120233](https://support.microsoft.com/help/5120233) |
| LTSC | 2026-07 B | 2026-07-14 | 26100.33158 | [KB5099536](https://support.microsoft.com/help/5099536) |

## Windows Server hotpatch calendar

**Windows Server 2025 (OS build 26100)**
**Calendar year 2026**

| Month | Update type | Type | Availability date | Build | KB article |
| --- | --- | --- | --- | --- | --- |
| July | 2026.07 B | Baseline (Restart) | 2026-07-14 | 26100.33158 | KB5099536 |
| August | 2026.08 B | Hotpatch | 2026-08-11 | 26100.33222 | KB5120228 |  |
| September | 2026.09 B | Hotpatch |  |  |  |
X1 | November | 2026.11 B | Coldpatch |  |  |  |
X2 | November | 2026.11 B | Hotpatch | 2026-11-10 | 20348.2240 | KB5042880 |
X3 | November | 2026.11 B | Hotpatch | 2026-11-10 | 26100.34000 |  |
"""
GOOD = "\n".join(line for line in PAGE.split("\n") if line[:1] != "X")
TITLE = "August 2026 Security Updates"


def cvrf(build: str = "26100.33222", title: str = TITLE) -> str:
    """The MSRC document of August 2026."""
    rows = [("Security Hotpatch Update", "5120228", build), ("Security Only", "5123303", "26100.33222")]
    return json.dumps(
        {
            "DocumentTitle": {"Value": title},
            "DocumentTracking": {"Identification": {"ID": {"Value": "2026-Aug"}}},
            "Vulnerability": [
                {
                    "Remediations": [
                        {
                            "Type": 2,
                            "SubType": subtype,
                            "Description": {"Value": kb},
                            "FixedBuild": f"10.0.{number}",
                            "ProductID": ["12436"],
                        }
                        for subtype, kb, number in rows
                    ]
                }
            ],
        }
    )


def table(*more: dict[str, Any], **fields: Any) -> str:
    """A table with the baseline of July, written otherwise than the module writes it."""
    july = {
        "product": S25,
        "date": "2026-07-14",
        "kb": "KB5099536",
        "build": "26100.33158",
        "type": "baseline",
        "restart": True,
        "confidence": "calendar",
        "source": "A page.",
        "note": None,
        **fields,
    }
    return json.dumps({"schema": 1, "compiled": "2026-07-20", "releases": [july, *more]})


class Answer:
    """What the playbook left behind."""

    def __init__(self, done: subprocess.CompletedProcess[str], folder: Path) -> None:
        self.status = done.returncode
        self.output = done.stdout + done.stderr
        # The result of the first task after the check of the variables, on one line.
        found = re.findall(r"^(?:ok|changed|fatal): \[localhost\].*? => (\{.*\})$", done.stdout, re.MULTILINE)
        results: list[dict[str, Any]] = [json.loads(one) for one in found]
        self.result = next((one for one in results if one.get("msg") or "state_dir" not in one), {})
        self.left = sorted(path.name for path in folder.iterdir())


def play(folder: Path, sources: Sequence[dict[str, Any]] | None, *extra: str, **variables: Any) -> Answer:
    """Run the playbook on `releases.json` of a folder."""
    found = environment() | {
        "ANSIBLE_CALLBACK_FORMAT_PRETTY": "false",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        "ANSIBLE_HOME": str(folder.parent / "home"),
    }
    given = {"rebootless_release_table": str(folder / "releases.json"), "rebootless_now": NOW, **variables}
    if sources is not None:
        given["rebootless_release_sources"] = list(sources)
    command = [str(controller() / "ansible-playbook"), "rebootless.patching.update_releases", "-v", *extra]
    done = subprocess.run(
        [*command, "-e", json.dumps({key: value for key, value in given.items() if value is not None})],
        capture_output=True,
        text=True,
        env=found,
        cwd=folder,
        timeout=300,
        check=False,
    )
    return Answer(done, folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a table alone in it."""
    made = tmp_path / "table"
    made.mkdir()
    (made / "releases.json").write_text(table())
    return made


@pytest.fixture
def files(tmp_path: Path) -> list[dict[str, str]]:
    """Sources as files."""
    (tmp_path / "page.md").write_text(GOOD)
    (tmp_path / "2026-Aug.json").write_text(cvrf())
    return [
        {"kind": "learn_server", "path": str(tmp_path / "page.md")},
        {"kind": "msrc", "month": "2026-08", "path": str(tmp_path / "2026-Aug.json")},
    ]


def refused(folder: Path, answer: Answer, said: str) -> None:
    """The run failed, said why, and left the table as it was, byte for byte."""
    assert answer.status == 2, answer.output
    assert said in answer.result["msg"]
    assert answer.result.keys() >= KEYS
    assert answer.result["changed"] is False
    assert (folder / "releases.json").read_text() == table()
    assert answer.left == ["releases.json"]


# --- from files ------------------------------------------------------------------------------------------------------


def test_files_bring_the_table_up_to_date_once(folder: Path, files: list[dict[str, str]]) -> None:
    (folder / "releases.json").chmod(0o640)
    first = play(folder, files)
    assert first.status == 0, first.output
    result = first.result
    assert result.keys() >= KEYS
    assert result["changed"] is True
    assert [one["kb"] for one in result["added"]] == ["KB5120228", "KB5120233"]
    assert result["planned_changed"] == [{"product": S25, "month": "2026-09", "before": None, "after": "hotpatch"}]
    assert [one["id"] for one in result["review"]] == [f"{S25}/KB5123303/26100.33222"]
    assert (result["newest"], result["outdated"]) == ("2026-08-11", False)
    assert (result["updated"], result["contradictions"], result["ignored"]) == ([], [], {})
    assert any("git_commit_id 0000" in note and "sha256 " in note for note in result["notes"])
    written = (folder / "releases.json").read_text()
    data = json.loads(written)
    assert written == json.dumps(data, indent=1) + "\n"
    assert [one["kb"] for one in data["releases"]] == ["KB5099536", "KB5120228", "KB5120233"]
    assert data["compiled"] == "2026-08-20"
    assert (folder / "releases.json").stat().st_mode & 0o777 == 0o640
    assert first.left == ["releases.json"]
    before = (folder / "releases.json").stat()
    second = play(folder, files)
    assert (second.status, second.result["changed"]) == (0, False)
    assert second.result.keys() == first.result.keys()
    assert (folder / "releases.json").stat() == before


def test_check_mode_says_what_would_be_and_diff_mode_shows_it(folder: Path, files: list[dict[str, str]]) -> None:
    answer = play(folder, files, "--check", "--diff")
    assert answer.status == 0, answer.output
    assert answer.result["changed"] is True
    assert answer.result["newest"] == "2026-08-11"
    assert f"-{table()}" in answer.output
    assert '+   "kb": "KB5120228",' in answer.output
    assert (folder / "releases.json").read_text() == table()
    assert answer.left == ["releases.json"]


def test_new_table_starts_from_a_base(folder: Path, files: list[dict[str, str]]) -> None:
    base = folder.parent / "base.json"
    base.write_text(table())
    (folder / "releases.json").unlink()
    made = {"rebootless_release_table": str(folder / "new" / "releases.json"), "rebootless_release_base": str(base)}
    assert play(folder, files, "--check", **made).left == []
    answer = play(folder, files, **made)
    assert (answer.status, answer.result["changed"]) == (0, True)
    assert len(json.loads((folder / "new" / "releases.json").read_text())["releases"]) == 3
    assert base.read_text() == table()


def test_new_table_starts_from_the_collections_own(folder: Path) -> None:
    (folder / "releases.json").unlink()
    answer = play(folder, [])
    assert (answer.status, answer.result["changed"]) == (0, True)
    shipped = ROOT / "plugins" / "plugin_utils" / "host" / "data" / "releases.json"
    assert json.loads((folder / "releases.json").read_text()) == json.loads(shipped.read_text())


def test_table_that_lacks_a_month_is_outdated(folder: Path, files: list[dict[str, str]]) -> None:
    answer = play(folder, files, rebootless_now="2026-09-09T12:00:00Z")
    assert (answer.status, answer.result["outdated"]) == (0, True)
    assert f"The release of 2026-09-08 is still missing for {S25}." in answer.result["notes"]


# --- what keeps the table as it is -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("X1", "line 25: type 'Coldpatch' is not known; Baseline (Restart) or Hotpatch is expected."),
        ("X2", "line 25: build '20348.2240' is not one of family 26100, as the heading says."),
        (
            "X3",
            "line 25: date '2026-11-10', build '26100.34000' and KB '' are filled in part; all or none is expected.",
        ),
    ],
)
def test_bad_row_is_named_and_the_table_stays(folder: Path, files: list[dict[str, str]], mark: str, said: str) -> None:
    lines = [line.removeprefix(f"{mark} ") for line in PAGE.split("\n")]
    Path(files[0]["path"]).write_text("\n".join(line for line in lines if line[:1] != "X"))
    where = f"Windows Server hotpatch calendar, Windows Server 2025 ({S25}), "
    refused(folder, play(folder, files), where + said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (cvrf(title="August 2026 Early Security Updates"), "is an early document"),
        (cvrf().replace("2026-Aug", "2026-Jul"), "document 2026-Jul came for 2026-Aug"),
        ("<!DOCTYPE html><html></html>", "this is HTML"),
        ("", "this is not JSON"),
    ],
)
def test_bad_document_is_refused_and_the_table_stays(
    folder: Path, files: list[dict[str, str]], text: str, said: str
) -> None:
    Path(files[1]["path"]).write_text(text)
    refused(folder, play(folder, files), said)


def test_contradiction_fails_by_name_until_it_is_accepted(folder: Path, files: list[dict[str, str]]) -> None:
    Path(files[1]["path"]).write_text(cvrf("26100.33223"))
    name = f"{S25}/KB5120228/26100.33223"
    answer = play(folder, files)
    refused(
        folder,
        answer,
        f"1 contradictions, and the table was left as it is; look at each and name in accept those that are right. {name}: ",
    )
    assert [one["id"] for one in answer.result["contradictions"]] == [name]
    assert [one["kb"] for one in answer.result["added"]] == ["KB5120228", "KB5120233"]
    assert (answer.result["newest"], answer.result["outdated"]) == ("2026-07-14", True)
    answer = play(folder, files, rebootless_release_accept=[name])
    assert (answer.status, answer.result["changed"], answer.result["contradictions"]) == (0, True, [])


@pytest.mark.parametrize(
    ("source", "variables", "said"),
    [
        ({"kind": "learn_server", "path": "/nowhere.md"}, {}, "/nowhere.md cannot be read: No such file or directory."),
        ({"kind": "msrc"}, {}, "a source of kind msrc needs month, url or path"),
        ({"kind": "msrc", "month": "August"}, {}, "month 'August' is not a month"),
        ({"kind": "learn_server", "url": "file:///etc/hostname"}, {}, "only http and https are allowed"),
        ({"kind": "learn_server", "url": "http://127.0.0.1:9/"}, {}, "http://127.0.0.1:9/ cannot be read: "),
        (None, {"rebootless_release_accept": ["all"]}, "accept: 'all' is not known; 'product/KB/build' is expected"),
    ],
)
def test_bad_input_is_named(
    folder: Path, files: list[dict[str, str]], source: dict[str, str] | None, variables: dict[str, Any], said: str
) -> None:
    refused(folder, play(folder, [source] if source else files, **variables), said)


def test_options_are_checked(folder: Path) -> None:
    both = {"kind": "learn_server", "url": "http://127.0.0.1:9/", "path": "/x"}
    for source, said in ((both, "mutually exclusive"), ({"kind": "atom"}, "atom"), ({"path": "/x"}, "kind")):
        answer = play(folder, [source])
        assert answer.status == 2
        assert said in answer.result["msg"]
    assert "rebootless_release_table" in play(folder, None, rebootless_release_table=None).output


@pytest.mark.parametrize("text", ["{", table(build="x"), "\udcff"])
def test_broken_table_is_not_touched(folder: Path, files: list[dict[str, str]], text: str) -> None:
    body = text.encode("utf-8", "surrogateescape")
    (folder / "releases.json").write_bytes(body)
    answer = play(folder, files)
    assert answer.status == 2
    assert str(folder / "releases.json") in answer.result["msg"]
    assert answer.result.keys() >= KEYS
    assert (answer.result["newest"], answer.result["outdated"]) == (None, None)
    assert (folder / "releases.json").read_bytes() == body
    assert answer.left == ["releases.json"]


def test_folder_that_cannot_be_made_is_named(folder: Path, files: list[dict[str, str]]) -> None:
    base = folder.parent / "base.json"
    base.write_text(table())
    dest = str(folder / "releases.json" / "new.json")
    answer = play(folder, files, rebootless_release_table=dest, rebootless_release_base=str(base))
    refused(folder, answer, f"dest: {dest} cannot be written: ")


# --- from a server ---------------------------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """Answers each path with what it was given, and remembers what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[str, bytes, dict[str, str]]] = {}
        self.asked: list[tuple[str, str | None]] = []

    def url(self, path: str) -> str:
        """The address of a path."""
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_GET(self) -> None:
        """Answer it."""
        path = self.path.partition("?")[0]
        self.server.asked.append((self.path, self.headers["Accept"]))
        if path not in self.server.answers:
            self.send_error(404)
            return
        kind, body, headers = self.server.answers[path]
        self.send_response(200)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server with a good page and document."""
    with Server() as made:
        made.answers["/page"] = ("text/markdown; charset=utf-8", GOOD.encode(), {})
        made.answers["/2026-Aug"] = ("application/json; charset=utf-8", cvrf().encode(), {})
        thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def online(server: Server) -> list[dict[str, str]]:
    """The sources of a server."""
    return [
        {"kind": "learn_server", "url": server.url("/page?accept=text/markdown")},
        {"kind": "msrc", "month": "2026-Aug", "url": server.url("/2026-Aug")},
    ]


def test_server_brings_the_table_up_to_date(folder: Path, server: Server) -> None:
    answer = play(folder, online(server))
    assert answer.status == 0, answer.output
    assert [one["kb"] for one in answer.result["added"]] == ["KB5120228", "KB5120233"]
    assert server.asked == [("/page?accept=text/markdown", "text/markdown"), ("/2026-Aug", "application/json")]


@pytest.mark.parametrize(
    ("path", "answer", "said"),
    [
        (
            "/page",
            ("text/html; charset=utf-8", GOOD.encode(), {}),
            "the answer is text/html; text/markdown or text/plain",
        ),
        ("/2026-Aug", ("application/json", cvrf(title=f"Early {TITLE}").encode(), {}), "is an early document"),
        ("/2026-Aug", None, "cannot be read: HTTP Error 404: Not Found."),
    ],
)
def test_bad_answer_leaves_the_table(
    folder: Path, server: Server, path: str, answer: tuple[str, bytes, dict[str, str]] | None, said: str
) -> None:
    if answer is None:
        del server.answers[path]
    else:
        server.answers[path] = answer
    run = play(folder, online(server))
    refused(folder, run, said)
    assert path in run.result["msg"]
