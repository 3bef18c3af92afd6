# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the documentation site with antsibull-docs and Sphinx; a warning is an error.

usage: PYTHON_OF_THE_DOCS_ENVIRONMENT tools/docs_site.py

Nothing is fetched: links into the documentation of Ansible go by a list of the few labels that are used here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "docsite"
SOURCE, HTML = OUT / "rst", OUT / "html"
BIN = Path(sys.executable).parent
COLLECTION = "rebootless.patching"
REPOSITORY = "https://github.com/rebootless/patching/blob/main/docs/"
# Markdown pages of docs/ that the site holds beside the guide.
PAGES = ("policy.md", "reasons.md", "decisions.md")
LINK = re.compile(r"\]\((?!https?://|#)([^)\s]+)\)")
ANSIBLE = "https://docs.ansible.com/ansible/latest/"
# Where Ansible's documentation has the labels that antsibull-docs refers to.
LABELS = {
    "ansible_configuration_settings": "reference_appendices/config.html#ansible-configuration-settings",
    "action_plugins": "plugins/action.html#action-plugins",
    "callback_plugins": "plugins/callback.html#callback-plugins",
    "common_return_values": "reference_appendices/common_return_values.html#common-return-values",
}
# antsibull-docs gives the anchor of a role no title, so a reference needs words of its own.
ROLE = re.compile(r":ref:`(ansible_collections\.([a-z0-9_.]+)_role)`")
CONF = f"""\
project = "{COLLECTION}"
copyright = "rebootless.patching maintainers"
title = html_short_title = "{COLLECTION}"
extensions = ["myst_parser", "sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
html_theme = "sphinx_ansible_theme"
html_theme_options = {{"vcs_pageview_mode": "edit", "documentation_home_url": ""}}
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
default_role = "any"
nitpicky = False
html_use_smartypants = True
intersphinx_mapping = {{"ansible": ("{ANSIBLE}", "ansible.inv")}}
myst_heading_anchors = 3
"""


def run(*command: str) -> None:
    """Run a program of the environment; its output is shown when it fails."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "build" / "collections")
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}docs_site: {command[0]} failed, see above")


def inventory(labels: set[str]) -> bytes:
    """An inventory of Sphinx in which every label leads to the module's page."""
    rows = [f"{label} std:label -1 {place} {label}" for label, place in LABELS.items()]
    for label in sorted(labels):
        name, kind = re.sub(r"^ansible_collections\.", "", label).rsplit("_", 1)
        place = f"collections/{name.replace('.', '/')}_{kind}.html"
        rows.append(f"{label} std:label -1 {place}#{label.replace('.', '-').replace('_', '-')} {name}")
    head = "# Sphinx inventory version 2\n# Project: ansible\n# Version: \n# The remainder of this file is compressed using zlib.\n"
    return head.encode() + zlib.compress("".join(f"{row}\n" for row in rows).encode())


def foreign_labels() -> set[str]:
    """The labels of other collections that the pages refer to."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.rst"):
        found |= set(re.findall(r"ansible_collections\.[a-z0-9_.]+_[a-z]+\b", path.read_text(encoding="utf-8")))
    return {label for label in found if not label.startswith(f"ansible_collections.{COLLECTION}.")}


def page(name: str) -> str:
    """A Markdown page of docs/, whose links to files that are no pages lead to the repository."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    return LINK.sub(lambda link: link[0] if link[1].partition("#")[0] in PAGES else f"]({REPOSITORY}{link[1]})", text)


def main() -> None:
    """Make the sources, then the site."""
    shutil.rmtree(OUT, ignore_errors=True)
    # antsibull-docs refuses a folder that others may write to.
    SOURCE.mkdir(parents=True)
    OUT.chmod(0o700)
    SOURCE.chmod(0o700)
    flags = ("--use-current", "--squash-hierarchy", "--fail-on-error", "--no-add-antsibull-docs-version")
    run("antsibull-docs", "collection", *flags, "--dest-dir", str(SOURCE), COLLECTION)
    for path in SOURCE.glob("*.rst"):
        text = path.read_text(encoding="utf-8")
        path.write_text(ROLE.sub(r":ref:`role \2 <\1>`", text), encoding="utf-8")
    for name in PAGES:
        (SOURCE / "docsite" / name).write_text(page(name), encoding="utf-8")
    index = SOURCE / "index.rst"
    listed = "".join(f"   docsite/{name.removesuffix('.md')}\n" for name in PAGES)
    pages = f"\nMore pages\n----------\n\n.. toctree::\n   :maxdepth: 1\n\n{listed}"
    index.write_text(index.read_text(encoding="utf-8") + pages, encoding="utf-8")
    (SOURCE / "conf.py").write_text(CONF, encoding="utf-8")
    (SOURCE / "ansible.inv").write_bytes(inventory(foreign_labels()))
    run("sphinx-build", "-W", "--keep-going", "-q", "-j", "2", "-b", "html", str(SOURCE), str(HTML))
    count = len(list(HTML.rglob("*.html")))
    print(f"docs-site: {count} pages without a warning, file://{HTML / 'index.html'}")


if __name__ == "__main__":
    main()
