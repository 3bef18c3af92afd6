# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a release and try it, before anything in this checkout changes.

usage: tools/release.py [--dry-run] VERSION

Everything is done in a copy of the last commit: version, changelog, artifact, what Galaxy says of it, installation into an empty
place, and a status of simulated hosts from there. Only when all that is well the changed files are put into the checkout. Commit,
tag and upload are the maintainer's, who has the keys; the commands are told at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "main" / "bin"
FLEET = ROOT / "tests" / "fleet"
OUT = ROOT / "build" / "release"
HOSTS = ("s25-arc-on-track", "s22-on-track", "s22-baseline-staged")
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?")
CHANGED = ("galaxy.yml", "CHANGELOG.rst", "changelogs")
# What the artifact may hold, and what for. A folder ends with a slash.
PURPOSE = {
    "MANIFEST.json": "Galaxy's own: what the collection is",
    "FILES.json": "Galaxy's own: checksums",
    ".ansible-lint": "what Galaxy's own lint leaves out",
    "README.md": "what Galaxy shows",
    "CHANGELOG.rst": "what is new, for people",
    "COPYING": "the licence",
    "REUSE.toml": "the licence of files without a header",
    "changelogs/changelog.yaml": "what is new, for tools",
    "changelogs/config.yaml": "how that is made; ansible-lint and Galaxy read it",
    "docs/": "user guide, schemas and sample inventories, also without a network",
    "extensions/": "execution environment, project and content for AWX",
    "meta/": "what ansible-core and ansible-builder read",
    "playbooks/": "what users run",
    "plugins/": "modules, actions, filters, callback and the core",
    "roles/": "what is done to a host",
}
REFUSED = re.compile(
    r"(^|/)(__pycache__|\.[^/]+|tests?|output|rebootless-[a-z]+)(/|$)|\.(pyc|pyo|log|retry|orig|rej|tar\.gz|jsonl)$"
)


class ReleaseError(Exception):
    """Why there is no release: one sentence."""


def parsed(version: str) -> tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]:
    """A version in the order of semantic versioning.

    :raises ReleaseError: it is none
    """
    found = VERSION.fullmatch(version)
    if not found:
        raise ReleaseError(f"VERSION: {version!r} is no version; give one as 0.2.0 or 0.2.0-rc.1.")
    parts = tuple(
        (not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in (found[4] or "").split(".") if part
    )
    return int(found[1]), int(found[2]), int(found[3]), not parts, parts


def check_version(version: str, released: Iterable[str]) -> None:
    """Refuse what is not newer than every release there is.

    :raises ReleaseError: naming the newest one
    """
    wanted = parsed(version)
    newest = max(released, key=parsed, default=None)
    if newest is not None and wanted <= parsed(newest):
        raise ReleaseError(f"VERSION: {version} is not newer than {newest}, which has been released.")


def unexpected(names: Iterable[str]) -> list[str]:
    """The files of an artifact that have no purpose in it."""

    def allowed(name: str) -> bool:
        within = any(place.endswith("/") and name.startswith(place) for place in PURPOSE)
        return name in PURPOSE or (within and not REFUSED.search(name))

    return sorted(name for name in names if not allowed(name))


def files_of(artifact: Path) -> list[str]:
    """The names of the files of an artifact."""
    with tarfile.open(artifact) as tar:
        return [member.name for member in tar.getmembers() if not member.isdir()]


def run(*command: str, cwd: Path = ROOT, **more: str) -> str:
    """The output of a command.

    :raises ReleaseError: it failed, with what it said
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHONPATH", "GIT_"))
    }
    environment |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **more}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
        raise ReleaseError(f"'{Path(command[0]).name} {' '.join(command[1:4])} ...' failed:\n{said}")
    return done.stdout


def released(root: Path) -> set[str]:
    """The versions that the changelog or a tag names."""
    known = yaml.safe_load((root / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"))["releases"]
    tags = (tag.removeprefix("v") for tag in run("git", "tag", "--list", "v*", cwd=root).split())
    return {*known, *(tag for tag in tags if VERSION.fullmatch(tag))}


def next_minor(versions: Iterable[str]) -> str:
    """What comes after the newest version, to try with."""
    major, minor = max((parsed(version)[:2] for version in versions), default=(0, 0))
    return f"{major}.{minor + 1}.0"


def check(root: Path, version: str, *, news: bool = True) -> None:
    """Refuse a release that cannot be made of this checkout.

    :raises ReleaseError: naming why
    """
    check_version(version, released(root))
    dirty = run("git", "status", "--porcelain", cwd=root).splitlines()
    if dirty:
        raise ReleaseError(
            f"The tree has changes that are not committed ({', '.join(line[3:] for line in dirty[:3])}); commit or undo them."
        )
    if news and not [
        path for path in (root / "changelogs" / "fragments").iterdir() if path.suffix in (".yml", ".yaml")
    ]:
        raise ReleaseError("changelogs/fragments holds nothing that could be told of this release.")


def copy(root: Path, collections: Path) -> Path:
    """The last commit in a collections path of its own, with ansible.windows beside it."""
    place = collections / "ansible_collections" / "rebootless" / "patching"
    place.mkdir(parents=True)
    archive = place.parent / "commit.tar"
    run("git", "archive", "--output", str(archive), "HEAD", cwd=root)
    with tarfile.open(archive) as tar:
        tar.extractall(place, filter="data")
    archive.unlink()
    windows(collections)
    return place


def windows(collections: Path) -> None:
    """The collection that ours needs, as bootstrap has fetched it."""
    place = collections / "ansible_collections" / "ansible" / "windows"
    place.parent.mkdir(parents=True)
    place.symlink_to(ROOT / "build" / "collections" / "ansible_collections" / "ansible" / "windows")


def make(place: Path, version: str, collections: Path) -> Path:
    """Version, changelog and artifact in the copy."""
    galaxy = place / "galaxy.yml"
    text, count = re.subn(r"(?m)^version: .*$", f"version: {version}", galaxy.read_text(encoding="utf-8"))
    if count != 1:
        raise ReleaseError(f"galaxy.yml: one line 'version:' is expected, {count} are there.")
    galaxy.write_text(text, encoding="utf-8")
    today = datetime.now(UTC).date().isoformat()
    path = {"ANSIBLE_COLLECTIONS_PATH": str(collections)}
    run("antsibull-changelog", "release", "--version", version, "--date", today, cwd=place, **path)
    (place / "changelogs" / ".plugin-cache.yaml").unlink(missing_ok=True)
    artifacts = OUT / "artifact"
    run("ansible-galaxy", "collection", "build", "--output-path", str(artifacts), cwd=place, **path)
    artifact = artifacts / f"rebootless-patching-{version}.tar.gz"
    wrong = unexpected(files_of(artifact))
    if wrong:
        raise ReleaseError(
            f"The artifact holds what has no purpose in it: {', '.join(wrong[:10])}. See build_ignore of galaxy.yml, and PURPOSE here."
        )
    return artifact


def try_it(artifact: Path, version: str) -> None:
    """Install the artifact where nothing else is, and ask simulated hosts for their status from there."""
    place = OUT / "installed"
    windows(place)
    path = {"ANSIBLE_COLLECTIONS_PATH": str(place)}
    run("ansible-galaxy", "collection", "install", str(artifact), "-p", str(place), "--offline", cwd=place, **path)
    dest = OUT / "status"
    only = [part for host in HOSTS for part in ("--only", host)]
    fleet = [str(BIN / "python"), str(FLEET / "simfleet"), "--worlds", str(FLEET / "worlds"), *only, "--"]
    run(*fleet, "ansible-playbook", "rebootless.patching.status", "-e", f"rebootless_dest={dest}", cwd=place, **path)
    status = json.loads((dest / "status.json").read_text(encoding="utf-8"))
    if status["collection_version"] != version or status["summary"]["reached"] != len(HOSTS):
        raise ReleaseError(
            f"The status says version {status['collection_version']} and {status['summary']['reached']} hosts reached."
        )


def put_back(root: Path, place: Path) -> None:
    """The changed files into the checkout; all of them, or none."""
    try:
        for name in CHANGED:
            if (place / name).is_dir():
                shutil.rmtree(root / name)
                shutil.copytree(place / name, root / name)
            else:
                shutil.copyfile(place / name, root / name)
    except OSError as error:
        run("git", "checkout", "--quiet", "HEAD", "--", *CHANGED, cwd=root)
        raise ReleaseError(f"The files could not be written, and are as they were: {error}") from error


def release(version: str, *, dry: bool) -> None:
    """The whole way.

    :raises ReleaseError: why there is no release; the checkout is as it was
    """
    # CI tries what comes next, also right after a release.
    given = version or not dry
    version = version if given else next_minor(released(ROOT))
    check(ROOT, version, news=bool(given))
    shutil.rmtree(OUT, ignore_errors=True)
    print(f"Making {version} of a copy of the last commit ...", flush=True)
    place = copy(ROOT, OUT / "collections")
    artifact = make(place, version, OUT / "collections")
    print(
        f"{artifact.name}: {len(files_of(artifact))} files, each with a purpose. Asking galaxy-importer ...", flush=True
    )
    print(run(str(ROOT / "tools" / "import-check"), str(artifact)).strip(), flush=True)
    print(f"Installing it into an empty place, and asking {len(HOSTS)} simulated hosts from there ...", flush=True)
    try_it(artifact, version)
    if dry:
        print(f"{version} can be released. Nothing in the checkout was changed.")
        return
    put_back(ROOT, place)
    print(f"""{version} is ready, and the checkout holds its version and changelog. To release it:
  git add galaxy.yml CHANGELOG.rst changelogs && git commit -m 'Release {version}'
  git tag -a v{version} -m 'Release {version}' && git push --follow-tags
  ansible-galaxy collection publish {artifact.relative_to(ROOT)}""")


def main() -> int:
    """0 when the release was made, or could be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dry-run", action="store_true", help="change nothing in the checkout")
    parser.add_argument("version", nargs="?", default="", help="without one a dry run takes the next minor version")
    options = parser.parse_args()
    try:
        release(options.version, dry=options.dry_run)
    except ReleaseError as error:
        print(f"release: {error}\nrelease: nothing in the checkout was changed.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
