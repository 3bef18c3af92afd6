# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make what a command needs from a bare clone: a virtual environment and a collections path.

usage: PYTHON tools/bootstrap.py ENVIRONMENT [REQUIREMENTS...]

A stamp holds the digest of the requirements, so a second run has nothing to do and starts at once.
Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / "build" / "collections" / "ansible_collections"
# Collection to the file that pins, with its hash, the `ansible` package it is taken out of. The demo needs the first only.
PACKAGED = {"ansible.windows": "collections", "awx.awx": "awx"}


def digest(files: list[Path]) -> str:
    """What an environment was made from: these files and this Python."""
    total = hashlib.sha256(sys.version.encode())
    for file in files:
        total.update(file.read_bytes())
    return total.hexdigest()


def pip(python: Path, *arguments: str) -> None:
    """Run pip quietly; what it says is shown when it fails."""
    done = subprocess.run([str(python), "-m", "pip", "-q", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise SystemExit(f"bootstrap: 'pip {' '.join(arguments)}' failed, see above")


def environment(name: str, requirements: list[str]) -> Path:
    """The Python of the virtual environment, made or brought up to date when its requirements have changed."""
    folder = ROOT / ".venv" / name
    python = folder / "bin" / "python"
    for requirement in requirements:
        file = ROOT / "requirements" / f"{requirement}.txt"
        stamp = folder / f".{requirement}.stamp"
        wanted = digest([file])
        if python.exists() and stamp.exists() and stamp.read_text() == wanted:
            continue
        if not python.exists():
            print(f"Making the environment .venv/{name} (Python {sys.version.split()[0]}) ...", flush=True)
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        print(f"Installing requirements/{requirement}.txt into .venv/{name} ...", flush=True)
        pip(python, "install", "--require-hashes", "-r", str(file))
        stamp.write_text(wanted)
    return python


def collections(python: Path, names: list[str]) -> None:
    """The collections path: this checkout, and others out of the `ansible` package."""
    own = COLLECTIONS / "rebootless" / "patching"
    own.parent.mkdir(parents=True, exist_ok=True)
    if not own.is_symlink() or own.resolve() != ROOT:
        own.unlink(missing_ok=True)
        own.symlink_to(os.path.relpath(ROOT, own.parent), target_is_directory=True)
    for name in names:
        fetch(python, name)


def fetch(python: Path, collection: str) -> None:
    """One collection out of its `ansible` package, when its pin has changed."""
    namespace, name = collection.split(".")
    pin = ROOT / "requirements" / f"{PACKAGED[collection]}.txt"
    stamp = COLLECTIONS / f".{name}.stamp"
    wanted = hashlib.sha256(pin.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Fetching {collection} ...", flush=True)
    folder = f"ansible_collections/{namespace}/{name}/"
    with tempfile.TemporaryDirectory() as scratch:
        only = ("--no-deps", "--only-binary=:all:", "--python-version", "3.13", "--require-hashes")
        pip(python, "download", *only, "-d", scratch, "-r", str(pin))
        shutil.rmtree(COLLECTIONS / namespace / name, ignore_errors=True)
        with zipfile.ZipFile(next(Path(scratch).glob("ansible-*.whl"))) as wheel:
            wheel.extractall(COLLECTIONS.parent, [entry for entry in wheel.namelist() if entry.startswith(folder)])
    stamp.write_text(wanted)


if __name__ == "__main__":
    wanted_for = sys.argv[2:]
    collections(
        environment(sys.argv[1], wanted_for),
        list(PACKAGED) if "test" in wanted_for else ["ansible.windows"],
    )
