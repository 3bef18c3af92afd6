# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""World files: load, extend, check. A world says what Windows would show; tests/fleet/README.md documents every key."""

from __future__ import annotations

import copy
import difflib
import fnmatch
import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import jsonschema
import yaml

from . import categories

KINDS = ("String", "ExpandString", "DWord", "QWord", "MultiString", "Binary")
LIMITS = {"DWord": (-(2**31), 2**32 - 1), "QWord": (-(2**63), 2**64 - 1)}
Path_ = tuple[str | int, ...]


class WorldError(Exception):
    """Mistakes in the files of a fleet, one line each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


try:
    from yaml import CSafeLoader as _Base
except ImportError:
    # PyYAML without libyaml: slower, the same result.
    from yaml import SafeLoader as _Base


class _Loader(_Base):
    """YAML without dates (they stay text) and without keys written twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping, whose keys must be different."""
        seen: set[Any] = set()
        for key_node, _value in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key}: written twice", key_node.start_mark)
            seen.add(key)
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping.

    :raises WorldError: it cannot be read, is not YAML, or holds something else
    """
    try:
        with path.open(encoding="utf-8") as stream:
            # A subclass of SafeLoader.
            data = yaml.load(stream, Loader=_Loader)
    except OSError as error:
        raise WorldError([f"{path}: cannot be read: {error.strerror}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise WorldError([f"{path}:{line} {getattr(error, 'problem', None) or error}"]) from error
    if not isinstance(data, dict):
        raise WorldError([f"{path}: a mapping is needed, this is {_shown(data)}"])
    return data


@functools.cache
def schema(name: str = "world.schema.json") -> dict[str, Any]:
    """A schema that lies beside this package."""
    return dict(json.loads((Path(__file__).resolve().parent.parent / name).read_text(encoding="utf-8")))


def load(folder: Path | str, only: Iterable[str] = ("*",)) -> dict[str, dict[str, Any]]:
    """The worlds of a folder whose names match one of `only`, by host name, extended and checked.

    :raises WorldError: naming file, key and what is allowed, for every mistake
    """
    folder = Path(folder)
    chosen = [name for name in names(folder) if any(fnmatch.fnmatchcase(name, glob) for glob in only)]
    problems = [f"{path}: must be named {path.stem}.yml to be a world" for path in sorted(folder.glob("*.yaml"))]
    found = {}
    read = functools.cache(read_yaml)
    for name in chosen:
        try:
            found[name] = load_file(folder / f"{name}.yml", read)
        except WorldError as error:
            problems += error.problems
    if problems:
        raise WorldError(dict.fromkeys(problems))
    return found


def names(folder: Path) -> list[str]:
    """The host names that a folder has worlds for.

    :raises WorldError: there is none
    """
    if not folder.is_dir():
        raise WorldError([f"{folder}: no such folder"])
    found = sorted(path.stem for path in folder.glob("*.yml") if not path.name.startswith("_"))
    if not found:
        raise WorldError(
            [f"{folder}: no world here; a world is a file NAME.yml, and files that start with _ are fragments"]
        )
    return found


def load_file(path: Path, read: Callable[[Path], dict[str, Any]] = read_yaml) -> dict[str, Any]:
    """One world, extended and checked.

    :raises WorldError: naming file, key and what is allowed, for every mistake
    """
    chain = _chain(path, read)
    world: dict[str, Any] = {}
    for _path, layer in reversed(chain):
        world = merge(world, layer)
    world.pop("extends", None)
    problems = list(_problems(world))
    if problems:
        raise WorldError(f"{_origin(where, chain)}: {dotted(where)}: {said}" for where, said in problems)
    return world


def _chain(path: Path, read: Callable[[Path], dict[str, Any]]) -> list[tuple[Path, dict[str, Any]]]:
    """The file and what it extends, nearest first."""
    chain: list[tuple[Path, dict[str, Any]]] = []
    at: Path | None = path
    while at is not None:
        if at in [seen for seen, _layer in chain]:
            raise WorldError(
                [f"{path}: extends: goes round in a circle: {' → '.join(p.stem for p, _data in chain)} → {at.stem}"]
            )
        layer = read(at)
        chain.append((at, layer))
        name = layer.get("extends")
        at = _fragment(at, name) if name is not None else None
    return chain


def _fragment(path: Path, name: object) -> Path:
    """The file that `extends: name` means: beside the file, or in a folder _base there."""
    home = path.parent.parent if path.parent.name == "_base" else path.parent
    places = (home, home / "_base")
    if isinstance(name, str):
        for place in places:
            if (place / f"{name}.yml").is_file():
                return place / f"{name}.yml"
    there = sorted(
        file.stem for place in places for file in place.glob("*.yml") if place.name == "_base" or file.stem[0] == "_"
    )
    raise WorldError(
        [f"{path}: extends: no fragment {_shown(name)}; allowed: {', '.join(there) or 'none, there is no fragment'}"]
    )


def unmet(expect: Mapping[str, Any], verdict: Mapping[str, Any]) -> list[str]:
    """Where a verdict is not what a world expects, in words; what `expect` does not name may be anything."""
    found = []
    for key, wanted in expect.items():
        if key == "fact":
            continue
        said = verdict[key]
        part = wanted if isinstance(wanted, Mapping) else {}
        if not part and said != wanted:
            found.append(f"{key}: {_shown(said)}, expected {_shown(wanted)}")
        if "one_of" in part and said not in part["one_of"]:
            found.append(f"{key}: {_shown(said)}, expected one of {_shown(part['one_of'])}")
        found += [f"{key}: must say {one}, says {_shown(said)}" for one in part.get("must_say", ()) if one not in said]
        found += [f"{key}: must not say {one}" for one in part.get("must_not_say", ()) if one in said]
    return found


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid upon `base`: mappings deep, everything else replaced; null deletes what `base` has."""
    merged = copy.deepcopy(dict(base))
    for key, value in over.items():
        if value is None and key in merged:
            del merged[key]
        elif isinstance(value, Mapping):
            below = merged.get(key)
            merged[key] = merge(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def _problems(world: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    wrong = list(_schema_problems(world, schema()))
    yield from wrong
    # The checks below may count on the schema.
    if not wrong:
        yield from _times(world)
        yield from _registry(world.get("registry", {}))
        yield from _same_name(world.get("services", {}), ("services",), "service")
        yield from _broken(world)
        yield from _offers(world)


def _times(world: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    dates: list[Path_] = [(key,) for key in ("clock", "judged_at", "boot") if key in world]
    dates += [("azcmagent", "lastHeartbeat")] if "lastHeartbeat" in world.get("azcmagent", {}) else []
    dates += [("events", index, "time") for index in range(len(world.get("events", [])))]
    dates += [(*where, "released") for where, offer in _each_offer(world) if "released" in offer]
    wrong = [where for where in dates if _moment(_at(world, where)) is None]
    for where in wrong:
        yield where, f"{_shown(_at(world, where))} is no date of the calendar; allowed: yyyy-MM-ddTHH:mm:ssZ"


def _moment(text: str) -> datetime | None:
    if not text:
        return datetime.min
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _registry(registry: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    yield from _same_name(registry, ("registry",), "key")
    for key, values in registry.items():
        yield from _same_name(values, ("registry", key), "value")
        for name, value in values.items():
            said = _value_problem(value)
            if said:
                yield ("registry", key, name), said


def _same_name(named: Mapping[str, Any], where: Path_, what: str) -> Iterator[tuple[Path_, str]]:
    seen: dict[str, str] = {}
    for name in named:
        if name.lower() in seen:
            yield (*where, name), f"is the same {what} as {seen[name.lower()]}; Windows does not tell capitals apart"
        seen[name.lower()] = name


def _value_problem(value: object) -> str | None:
    """What is wrong with a registry value as written in a world."""
    if isinstance(value, str):
        return None
    if isinstance(value, int):
        return _data_problem("DWord", value)
    if isinstance(value, list):
        like = {kind.lower(): kind for kind in KINDS}.get(str(value[0]).lower()) if len(value) == 2 else None
        if like is not None and like != value[0]:
            return f"{value[0]} is no kind; allowed: {', '.join(KINDS)} (meant {like}?)"
        if like is not None:
            return _data_problem(like, value[1])
        if all(isinstance(item, str) for item in value):
            return None
        if len(value) == 2 and isinstance(value[0], str):
            return f"{value[0]} is no kind; allowed: {', '.join(KINDS)}"
    return f"{_shown(value)} is no registry value; allowed: text, an integer, a list of texts, or [KIND, DATA]"


def _data_problem(kind: str, data: Any) -> str | None:
    number = isinstance(data, int) and not isinstance(data, bool)
    if kind in LIMITS:
        low, high = LIMITS[kind]
        good, allowed = number and low <= data <= high, f"an integer from {low} to {high}"
    elif kind == "MultiString":
        good, allowed = isinstance(data, list) and all(isinstance(item, str) for item in data), "a list of texts"
    elif kind == "Binary":
        good = isinstance(data, list) and all(
            isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 256 for item in data
        )
        allowed = "a list of integers from 0 to 255"
    else:
        good, allowed = isinstance(data, str), "a text"
    return None if good else f"{_shown(data)} is no {kind}; allowed: {allowed}"


def _broken(world: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    broken = world.get("broken", {})
    yield from _same_name(broken.get("registry", {}), ("broken", "registry"), "key")


def _each_offer(world: dict[str, Any]) -> Iterator[tuple[Path_, dict[str, Any]]]:
    """Every offer of a world and where it stands."""
    for home in (("offers",), ("update_agent", "offers_after_search")):
        found: Any = world
        for key in home:
            found = found.get(key, {})
        for index, offer in enumerate(found):
            yield (*home, index), offer


def _offers(world: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    seen: dict[Path_, set[str]] = {}
    for where, offer in _each_offer(world):
        ids = seen.setdefault(where[:-1], set())
        if offer["id"].lower() in ids:
            yield (*where, "id"), f"{offer['id']} is offered twice"
        ids.add(offer["id"].lower())
        if "kb" in offer and "kbs" in offer:
            yield (*where, "kbs"), "stands beside kb; allowed: one of them"
        for index, name in enumerate(offer.get("categories", [])):
            if isinstance(name, str) and name not in categories.KNOWN:
                close = difflib.get_close_matches(name, categories.KNOWN, 1)
                meant = f" (meant {close[0]}?)" if close else ""
                known = ", ".join(categories.KNOWN)
                yield (
                    (*where, "categories", index),
                    f"{_shown(name)} has no known id; allowed: {known}, or {{id, name}}{meant}",
                )


def _schema_problems(data: Any, of: Mapping[str, Any]) -> Iterator[tuple[Path_, str]]:
    validator = jsonschema.validators.validator_for(of)(of)
    for error in sorted(validator.iter_errors(data), key=lambda error: [str(part) for part in error.absolute_path]):
        yield from _said(error)


def describe(data: Any, of: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a schema finds wrong: where, and what is allowed there."""
    return ((dotted(where), said) for where, said in _schema_problems(data, of))


def _said(error: jsonschema.ValidationError) -> Iterator[tuple[Path_, str]]:
    """A schema's error in words that name what is allowed."""
    where = tuple(error.absolute_path)
    rule, found = error.validator, error.instance
    limit: Any = error.validator_value
    of: Any = error.schema
    if rule == "additionalProperties":
        yield from _unknown_keys(error, where)
    elif rule == "required":
        # One error a missing key, and the key is in no other place than the text.
        missing = error.message.split("'")[1]
        yield (*where, missing), f"is missing{_hint(of, missing)}"
    elif rule == "enum":
        close = difflib.get_close_matches(str(found), [str(value) for value in limit], 1)
        meant = f" (meant {close[0]}?)" if close else ""
        yield where, f"{_shown(found)} is not allowed; allowed: {', '.join(str(value) for value in limit)}{meant}"
    elif rule == "anyOf" and of.get("description", "").endswith("]}"):
        # A value, or an object that states a part of it: the mistake is in the one that was meant.
        meant_index = next(
            index for index, way in enumerate(limit) if (way.get("type") == "object") is isinstance(found, dict)
        )
        for inner in error.context or ():
            if inner.schema_path[0] == meant_index:
                yield from _said(inner)
    elif rule == "type":
        kinds = limit if isinstance(limit, list) else [limit]
        nothing = "; there is nothing to delete here" if found is None else ""
        yield where, f"{_shown(found)} is not allowed; allowed: {' or '.join(kinds)}{nothing}"
    else:
        yield where, f"{_shown(found)} is not allowed; allowed: {of.get('description', error.message)}"


def _unknown_keys(error: jsonschema.ValidationError, where: Path_) -> Iterator[tuple[Path_, str]]:
    of, found = cast("dict[str, Any]", error.schema), cast("dict[str, Any]", error.instance)
    known = list(of.get("properties", {}))
    for key in (key for key in found if key not in known):
        close = difflib.get_close_matches(str(key), known, 1)
        meant = f" (meant {close[0]}?)" if close else ""
        yield (*where, key), f"unknown key; allowed: {', '.join(known) or 'none'}{meant}"


def _hint(of: Mapping[str, Any], key: str) -> str:
    description = of.get("properties", {}).get(key, {}).get("description")
    return f": {description}" if description else ""


def _at(data: Any, where: Path_) -> Any:
    for part in where:
        data = data[part]
    return data


def _origin(where: Path_, chain: list[tuple[Path, dict[str, Any]]]) -> Path:
    """The file of the chain that says the most of `where`: there the mistake is."""

    def depth(layer: Any) -> int:
        for count, part in enumerate(where):
            inside = (
                part in layer
                if isinstance(layer, dict)
                else isinstance(layer, list) and isinstance(part, int) and part < len(layer)
            )
            if not inside:
                return count
            layer = layer[part]
        return len(where)

    return max(chain, key=lambda entry: depth(entry[1]))[0]


def dotted(where: Path_) -> str:
    """A place in a file: keys with dots, list positions in brackets."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the file"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."
