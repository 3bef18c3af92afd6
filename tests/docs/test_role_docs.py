# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The READMEs of the roles are those that their argument_specs give."""

from __future__ import annotations

from pathlib import Path

import pytest
import role_docs
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.parent.parent for path in ROOT.glob("roles/*/meta/argument_specs.yml"))


def test_readmes_are_current() -> None:
    """Stale? `make role-docs` makes them anew."""
    assert [str(path.relative_to(ROOT)) for path in role_docs.stale()] == []


def test_every_role_has_specs_and_a_readme() -> None:
    roles = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
    assert roles == ROLES
    assert [role.name for role in roles if not (role / "README.md").exists()] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_defaults_are_those_of_the_specs(role: Path) -> None:
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    held = role / "defaults" / "main.yml"
    defaults = yaml.safe_load(held.read_text(encoding="utf-8")) if held.exists() else {}
    options = specs.get("main", {}).get("options", {})
    told = {name: option["default"] for name, option in options.items() if "default" in option}
    assert told == {name: value for name, value in defaults.items() if name in told}
    assert [name for name in defaults if name not in options] == []


@pytest.fixture
def role(tmp_path: Path) -> Path:
    """A role with two entry points, nested options and no README."""
    role = tmp_path / "roles" / "sample"
    (role / "meta").mkdir(parents=True)
    (role / "defaults").mkdir()
    (role / "defaults" / "main.yml").write_text("sample_how: null\n", encoding="utf-8")
    point = {"type": "dict", "options": {"port": {"type": "int", "required": True, "description": ["A V(1|2)."]}}}
    options = {
        "sample_how": {"description": ["See O(x.y.z#module:how).", "Not O(sample_at=5)."], "choices": ["a", True]},
        "sample_at": {"type": "list", "elements": "dict", "description": "Where.", **point, "default": [1]},
    }
    specs = {
        "argument_specs": {
            "later": {"short_description": "Do it later"},
            "main": {"short_description": "Do it", "description": "Calls P(x.y.z#module).", "options": options},
        }
    }
    (role / "meta" / "argument_specs.yml").write_text(yaml.safe_dump(specs), encoding="utf-8")
    return role


def test_a_role_without_a_readme_gets_one(role: Path) -> None:
    made = role_docs.readme(role, None)
    assert made.startswith("# Role `rebootless.patching.sample`\n\nDo it.\n")
    assert "\n* Calls module `x.y.z`.\n" in made
    assert "| `sample_how` | str | `null` | See `how` of `x.y.z`. Not `sample_at: 5`. One of `a`, `true`. |" in made
    assert "| `sample_at` | dict | `[1]` | Where. |\n| `sample_at.port` | int | required | A `1\\|2`. |" in made
    assert made.index("## Variables") < made.index("## Entry point `later`") < made.index("No variables.")


def test_what_a_person_wrote_stays(role: Path) -> None:
    made = role_docs.readme(role, None)
    text = made.replace("# Role", "By hand.\n\n# Role") + "By hand too.\n"
    assert role_docs.readme(role, text.replace("| Where. |", "| Elsewhere. |")) == text


def test_stale_is_told(role: Path) -> None:
    root = role.parent.parent
    path = role / "README.md"
    assert list(role_docs.stale(root)) == [path]
    path.write_text(role_docs.stale(root)[path], encoding="utf-8")
    assert role_docs.stale(root) == {}
    path.write_text(path.read_text(encoding="utf-8").replace("Where.", "There."), encoding="utf-8")
    assert list(role_docs.stale(root)) == [path]


def test_a_readme_without_the_part_is_refused(role: Path) -> None:
    with pytest.raises(SystemExit, match="exactly one part"):
        role_docs.readme(role, "# By hand alone\n")
