# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JMESPath over the hosts of a status: choose the hosts to show, for example `[?state=='off_track']`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

try:
    import jmespath
    import jmespath.exceptions
except ImportError:
    # ansible-core does not bring it, and a status without a query needs none.
    jmespath = None

EXAMPLE = "[?state=='off_track']"
_ADVICE = f"Select whole hosts, as {EXAMPLE} does, without a .field, [*].field or {{…}} after them."
_VALUES = {"field", "subexpression", "multi_select_dict", "multi_select_list", "literal", "index_expression"}


class QueryError(ValueError):
    """A query that cannot be used; its text says what is wrong, where, and what to do."""


def select(hosts: Sequence[Mapping[str, Any]], expression: str) -> list[dict[str, Any]]:
    """The hosts that a JMESPath expression over the list of hosts selects, in the order it gives.

    :raises QueryError: showing the expression, pointing at the place where it is known
    """
    compiled = _compile(expression)
    _refuse_values(compiled.parsed, expression)
    _refuse_double_quotes(compiled.parsed, expression)
    by_name = {host["name"]: dict(host) for host in hosts}
    try:
        found = compiled.search([dict(host) for host in hosts])
    except jmespath.exceptions.JMESPathError as error:
        raise QueryError(_said(expression, _first_line(error), _place(error))) from error
    if not isinstance(found, list):
        kind = "nothing (null)" if found is None else f"a single {_kind(found)}"
        raise QueryError(_said(expression, f"It gives {kind}, but a list of hosts is needed, as {EXAMPLE} gives."))
    for item in found:
        if not isinstance(item, Mapping) or by_name.get(str(item.get("name"))) != dict(item):
            raise QueryError(_said(expression, f"Its list holds a {_kind(item)} that is no host. {_ADVICE}"))
    return [by_name[name] for name in dict.fromkeys(item["name"] for item in found)]


def _compile(expression: str) -> Any:
    """The compiled expression.

    :raises QueryError: it cannot be read, or jmespath is missing
    """
    if jmespath is None:
        raise QueryError(
            "A query needs the Python package jmespath on the controller; install it with: pip install jmespath"
        )
    try:
        return jmespath.compile(expression)
    except jmespath.exceptions.JMESPathError as error:
        raise QueryError(_said(expression, _first_line(error), _place(error))) from error


def _refuse_values(node: Mapping[str, Any], expression: str) -> None:
    """Refuse what takes values out of the hosts, so that it is found before any host is asked.

    :raises QueryError: what is kept of each host is not the host
    """
    children = node.get("children", [])
    if node["type"] in {"projection", "filter_projection"} and children[1]["type"] in _VALUES:
        raise QueryError(_said(expression, f"It takes values out of the hosts. {_ADVICE}"))
    if node["type"] in {"pipe", "projection"}:
        _refuse_values(children[-1], expression)


def _refuse_double_quotes(node: Mapping[str, Any], expression: str) -> None:
    """Refuse a comparison with a "text" in double quotes: JMESPath reads it as a field and silently finds nothing.

    :raises QueryError: naming the text and how to write it
    """
    children = [child for child in node.get("children", []) if isinstance(child, Mapping)]
    if node["type"] == "comparator" and all(child["type"] == "field" for child in children):
        for child in children:
            quoted = f'"{child["value"]}"'
            if quoted in expression:
                said = (
                    f"{quoted} in double quotes is the name of a field; write text in single quotes: '{child['value']}'"
                )
                raise QueryError(_said(expression, said, expression.index(quoted)))
    for child in children:
        _refuse_double_quotes(child, expression)


def _said(expression: str, problem: str, place: int | None = None) -> str:
    """The problem, then the expression with ^ under the place."""
    lines = expression.splitlines() or [""]
    if place is None:
        return "\n".join([problem, *(f"  {line}" for line in lines)])
    shown = []
    for line in lines:
        shown.append(f"  {line}")
        if place is not None and place <= len(line):
            shown.append(f"  {' ' * place}^")
            place = None
        elif place is not None:
            place -= len(line) + 1
    return "\n".join([problem, *shown])


def _place(error: Exception) -> int | None:
    """Where in the expression the parser stopped, when it says so."""
    place = getattr(error, "lex_position", None)
    if place is None:
        place = getattr(error, "lexer_position", None)
    if isinstance(error, jmespath.exceptions.IncompleteExpressionError):
        return len(getattr(error, "expression", "") or "")
    return place if isinstance(place, int) else None


def _first_line(error: Exception) -> str:
    """What jmespath says, without its own drawing of the expression."""
    if isinstance(error, jmespath.exceptions.EmptyExpressionError):
        return f"The expression is empty; write for example {EXAMPLE}."
    text = str(error).splitlines()[0].partition(": Parse error at")[0].rstrip(":").strip()
    for prefix in ("Invalid jmespath expression: ", "Bad jmespath expression: "):
        text = text.removeprefix(prefix)
    return f"This JMESPath expression cannot be used: {text.rstrip('.')}."


def _kind(value: object) -> str:
    """A JSON word for the kind of a value."""
    words = {
        dict: "object",
        list: "list",
        str: "string",
        bool: "boolean",
        int: "number",
        float: "number",
        type(None): "null",
    }
    return words.get(type(value), type(value).__name__)
