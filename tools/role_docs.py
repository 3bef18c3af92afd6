# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the reference part of each role's README from its meta/argument_specs.yml.

usage: tools/role_docs.py [--check]

The part stands between two comments, so what a person writes before and after it stays. A role without a README gets one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
COLLECTION = "rebootless.patching"
BEGIN = "<!-- Made of meta/argument_specs.yml by `make role-docs`. -->"
END = "<!-- End of what is made. -->"
PART = re.compile(re.escape(BEGIN) + r"\n.*?" + re.escape(END), re.DOTALL)
MARK = re.compile(r"\b(RV|HORIZONTALLINE|[OVCPMIBEUL])\(((?:[^()\\]|\\.|\([^()]*\))*)\)")


def plain(mark: str, text: str) -> str:
    """One piece of Ansible markup as Markdown."""
    text = re.sub(r"\\(.)", r"\1", text)
    if mark == "L":
        words, _comma, url = text.partition(",")
        return f"[{words.strip()}]({url.strip()})"
    if mark == "U":
        return f"<{text}>"
    if mark in "IB":
        return f"*{text}*" if mark == "I" else f"**{text}**"
    if mark == "P":
        name, _hash, kind = text.partition("#")
        return f"{kind} `{name}`" if kind and kind != "role" else f"`{name}`"
    if mark in ("O", "RV"):
        plugin, _colon, option = text.rpartition(":")
        # `role:entry_point:option` and `plugin#type:option`: the last part is the option, the first the plugin.
        where = plugin.partition("#")[0]
        return f"`{option.partition('=')[0].rstrip()}` of `{where}`" if where else f"`{option.replace('=', ': ')}`"
    return f"`{text}`"


def markdown(text: object) -> str:
    """Ansible markup as one line of Markdown."""
    return MARK.sub(lambda match: plain(match[1], match[2]), " ".join(str(text).split()))


def lines(value: object) -> list[str]:
    """A description, which may be a text or a list."""
    if value is None:
        return []
    return [markdown(part) for part in (value if isinstance(value, list) else [value])]


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return text.replace("|", "\\|")


def literal(value: object) -> str:
    """A value as one would write it in YAML."""
    flow = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False).strip()
    return flow.removesuffix("...").strip()


def default(name: str, option: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """What holds when nothing is given."""
    if option.get("required"):
        return "required"
    value = option.get("default", defaults.get(name))
    if isinstance(value, str) and "{{" in value:
        # The name of the variable that stands in says more than its expression.
        variable = re.search(r"\{\{\s*(\w+)", value)
        return f"`{variable[1]}`" if variable else ""
    if value is None:
        return "`null`" if name in defaults else ""
    return f"`{literal(value)}`"


def kind(option: Mapping[str, Any]) -> str:
    """The type, with that of the elements."""
    name = str(option.get("type", "str"))
    return f"{name} of {option['elements']}" if name == "list" and "elements" in option else name


def rows(options: Mapping[str, Any], defaults: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """The lines of a table; options of an option stand below it, with its name before theirs."""
    for name, option in options.items():
        said = " ".join(
            part if part.endswith((".", ":", "?")) else f"{part}." for part in lines(option.get("description"))
        )
        if option.get("choices"):
            said += " One of " + ", ".join(f"`{literal(choice)}`" for choice in option["choices"]) + "."
        held = default(name, option, {} if above else defaults)
        yield f"| `{above}{name}` | {kind(option)} | {cell(held)} | {cell(said)} |"
        yield from rows(option.get("options") or {}, {}, f"{above}{name}.")


def entry(name: str, spec: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
    """One entry point."""
    yield f"## {'Variables' if name == 'main' else f'Entry point `{name}`'}"
    yield ""
    if name != "main":
        yield markdown(spec.get("short_description", name)).rstrip(".") + f" (`tasks_from: {name}`)."
        yield ""
    described = lines(spec.get("description"))
    if described:
        yield from (f"* {line}" for line in described)
        yield ""
    if spec.get("options"):
        yield "| variable | type | default | meaning |"
        yield "| --- | --- | --- | --- |"
        yield from rows(spec["options"], defaults)
    else:
        yield "No variables."
    yield ""


def reference(role: Path) -> str:
    """The part of the README that is made."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    held = role / "defaults" / "main.yml"
    defaults = (yaml.safe_load(held.read_text(encoding="utf-8")) if held.exists() else None) or {}
    points: Iterable[tuple[str, Any]] = sorted(specs.items(), key=lambda point: (point[0] != "main", point[0]))
    made = [line for name, spec in points for line in entry(name, spec, defaults)]
    return "\n".join([BEGIN, "", *made, END])


def readme(role: Path, text: str | None) -> str:
    """The whole README, made anew around what a person wrote."""
    made = reference(role)
    if text is None:
        specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
        first = specs.get("main") or next(iter(specs.values()))
        about = markdown(first.get("short_description", "")).rstrip(".") + ".\n\n" if "main" in specs else ""
        return f"# Role `{COLLECTION}.{role.name}`\n\n{about}{made}\n"
    if len(PART.findall(text)) != 1:
        raise SystemExit(
            f"role_docs: roles/{role.name}/README.md: exactly one part between {BEGIN} and {END} is expected"
        )
    return PART.sub(lambda _match: made, text)


def stale(root: Path = ROOT) -> dict[Path, str]:
    """The READMEs that are not what they should be, and what they should be."""
    found = {}
    for specs in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        role = specs.parent.parent
        path = role / "README.md"
        text = path.read_text(encoding="utf-8") if path.exists() else None
        wanted = readme(role, text)
        if wanted != text:
            found[path] = wanted
    return found


def main() -> int:
    """Write what is stale, or only say so."""
    found = stale()
    for path, text in found.items():
        print(path.relative_to(ROOT))
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
    return 1 if found and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    raise SystemExit(main())
