# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What refuses a release, and what the artifact may hold. `make release DRY=1` goes the whole way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import release
from release import ReleaseError

ROOT = Path(__file__).resolve().parents[2]
IN_ORDER = ["0.1.0", "0.2.0-alpha", "0.2.0-rc.1", "0.2.0-rc.2", "0.2.0-rc.10", "0.2.0", "0.10.0", "1.0.0"]


@pytest.mark.parametrize(
    "version", ["", "1", "0.2", "v0.2.0", "0.2.0.1", "01.2.0", "0.2.0-", "0.2.0+x", "0.2.0\n", "0.2.0 "]
)
def test_a_malformed_version_is_refused(version: str) -> None:
    with pytest.raises(ReleaseError, match="is no version"):
        release.check_version(version, [])


def test_the_order_of_versions() -> None:
    mixed = IN_ORDER[1::2] + IN_ORDER[::2]
    assert sorted(mixed, key=release.parsed) == IN_ORDER


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0-rc.1", "0.2.0", "0.1.9"])
def test_what_is_not_newer_is_refused(version: str) -> None:
    with pytest.raises(ReleaseError, match=r"not newer than 0\.2\.0,"):
        release.check_version(version, ["0.1.0", "0.2.0", "0.2.0-rc.1"])


def test_what_is_newer_is_not() -> None:
    release.check_version("0.2.1", ["0.1.0", "0.2.0"])
    release.check_version("0.1.0", [])
    assert release.next_minor(["0.2.3", "0.10.1-rc.1"]) == "0.11.0"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small repository that could be released."""
    (tmp_path / "changelogs" / "fragments").mkdir(parents=True)
    (tmp_path / "changelogs" / "changelog.yaml").write_text("releases: {0.1.0: {}}\n", encoding="utf-8")
    (tmp_path / "changelogs" / "fragments" / "new.yml").write_text("minor_changes: [a]\n", encoding="utf-8")
    (tmp_path / "galaxy.yml").write_text("version: 0.1.0\n", encoding="utf-8")
    (tmp_path / "CHANGELOG.rst").write_text("0.1.0\n", encoding="utf-8")
    me = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (["init", "-q"], ["add", "-A"], [*me, "commit", "-qm", "a"], [*me, "tag", "v0.3.0"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def status(root: Path) -> str:
    command = ["git", "status", "--porcelain"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


def test_a_tag_counts_as_a_release(checkout: Path) -> None:
    with pytest.raises(ReleaseError, match=r"not newer than 0\.3\.0"):
        release.check(checkout, "0.2.0")
    release.check(checkout, "0.4.0")


@pytest.mark.parametrize("name", ["galaxy.yml", "new.txt"])
def test_a_dirty_tree_is_refused(checkout: Path, name: str) -> None:
    (checkout / name).write_text("changed\n", encoding="utf-8")
    with pytest.raises(ReleaseError, match=rf"not committed \({name}\)"):
        release.check(checkout, "0.4.0")


def test_nothing_to_tell_is_refused(checkout: Path) -> None:
    subprocess.run(
        ["git", "mv", "changelogs/fragments/new.yml", "changelogs/fragments/.keep"], cwd=checkout, check=True
    )
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@x", "commit", "-qm", "b"], cwd=checkout, check=True)
    with pytest.raises(ReleaseError, match="holds nothing"):
        release.check(checkout, "0.4.0")
    release.check(checkout, "0.4.0", news=False)


def test_a_release_goes_into_the_checkout_as_a_whole(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("made")
    (place / "changelogs" / "fragments").mkdir(parents=True)
    (place / "galaxy.yml").write_text("version: 0.4.0\n", encoding="utf-8")
    with pytest.raises(ReleaseError, match="as they were"):
        release.put_back(checkout, place)
    assert status(checkout) == ""
    (place / "CHANGELOG.rst").write_text("0.4.0\n", encoding="utf-8")
    release.put_back(checkout, place)
    assert (checkout / "galaxy.yml").read_text(encoding="utf-8") == "version: 0.4.0\n"
    assert not (checkout / "changelogs" / "fragments" / "new.yml").exists()


def test_a_refusal_is_one_sentence_and_changes_nothing() -> None:
    command = [sys.executable, str(ROOT / "tools" / "release.py"), "0.1"]
    before = status(ROOT)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "release: VERSION: '0.1' is no version; give one as 0.2.0 or 0.2.0-rc.1.",
        "release: nothing in the checkout was changed.",
    ]
    assert status(ROOT) == before


def test_every_file_of_the_artifact_has_a_purpose(tmp_path: Path) -> None:
    galaxy = Path(sys.executable).parent / "ansible-galaxy"
    command = [str(galaxy), "collection", "build", "--output-path", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (artifact,) = tmp_path.glob("*.tar.gz")
    names = release.files_of(artifact)
    assert release.unexpected(names) == []
    # Nothing in the list that is no more; what Ansible's folders are for is known.
    optional = {"extensions/"}
    unused = [p for p in release.PURPOSE if not any(n == p or n.startswith(p) for n in names)]
    assert set(unused) <= optional
    tracked = subprocess.run(
        ["git", "ls-files", "plugins", "roles", "playbooks"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(tracked.stdout.split()) <= set(names)


@pytest.mark.parametrize(
    "name",
    [
        "tests/unit/test_a.py",
        "build/x",
        "Makefile",
        "plugins/__pycache__/a.pyc",
        "docs/.cache/x",
        "roles/a/tests/t.yml",
        "docs/record.jsonl",
    ],
)
def test_what_has_no_purpose_is_found(name: str) -> None:
    assert release.unexpected(["README.md", "plugins/modules/drain.py", name]) == [name]
