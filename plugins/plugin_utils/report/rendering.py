# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report of many hosts although one of them cannot be shown: that one is named, and the others keep their report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible_collections.rebootless.patching.plugins.plugin_utils.base import door

Doc = Mapping[str, Any]


class Rendered(NamedTuple):
    """A rendering, None when there is none at all; and a sentence for whatever is not in it."""

    text: str | None
    problems: list[str]


def said(error: BaseException) -> str:
    """An error that nobody expected, in a few words."""
    return door.line(f"{type(error).__name__}: {error}", 200)


def render(
    what: str, make: Callable[[Doc], str], doc: Doc, excuse: Callable[[str, str], Mapping[str, Any]]
) -> Rendered:
    """What `make` makes of the document; of a host that it breaks on `excuse(name, why)` stands in its place.

    Every error is taken, since nobody knows which one a host's words can bring about.
    """
    try:
        return Rendered(make(doc), [])
    except Exception as error:
        whole = error
    shown, problems = [], []
    for host in doc["hosts"]:
        try:
            make({**doc, "hosts": [host]})
            shown.append(host)
        except Exception as error:
            why = f"{what} cannot show it ({said(error)})."
            problems.append(f"{door.line(host.get('name'), 255)}: {why}")
            shown.append(excuse(str(host.get("name")), why))
    try:
        return Rendered(make({**doc, "hosts": shown}), problems)
    except Exception as error:
        whole = error
    return Rendered(None, [f"{what} cannot be made ({said(whole)})."])
