# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-core sends to a Windows host: the command line and the payload on standard input, of 2.18 to 2.22."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
from dataclasses import dataclass, field
from typing import Any

SEPARATOR = b"\0\0\0\0"
ENCODED = re.compile(
    r"""(?is)^\s*&?\s*["']?(?:\S*\\)?(?:powershell|pwsh)(?:\.exe)?["']?\s.*?-e(?:nc|ncodedcommand)?\s+["']?([A-Za-z0-9+/=]+)"""
)
COLLECTION_PART = re.compile(r"^ansible_collections\.(.+?)\.plugins\.modules\.")


class PayloadError(Exception):
    """Standard input holds no payload of a known shape."""


@dataclass(frozen=True)
class Payload:
    """One run of a module or of a helper script."""

    kind: str
    name: str
    arguments: dict[str, Any]
    wrappers: tuple[str, ...] = ()
    extra: bytes = b""
    variables: dict[str, Any] = field(default_factory=dict)


def script_of(line: str) -> str | None:
    """The script of a PowerShell command line, however often it was encoded; None when it is no PowerShell."""
    found = None
    while match := ENCODED.match(line):
        try:
            found = base64.b64decode(match[1], validate=True).decode("utf-16-le")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise PayloadError(f"the -EncodedCommand cannot be decoded: {error}") from error
        # Up to 2.18, and in win_reboot of any, the encoded script starts PowerShell with another encoded script.
        line = found
    return found


def expanded(stdin: bytes) -> bytes:
    """The payload with a manifest that can be read: ansible-core 2.22 compresses it, and says so in the part before it.

    :raises ValueError: what is said to be compressed is not
    """
    head, separator, rest = stdin.partition(SEPARATOR)
    if not separator or b'"DecompressInput": true' not in head:
        return stdin
    body, separator_of_data, data = rest.partition(SEPARATOR)
    try:
        manifest = gzip.decompress(base64.b64decode(body, validate=False))
    except (binascii.Error, EOFError, OSError) as error:
        raise ValueError(f"the manifest cannot be decompressed: {error}") from error
    head = head.replace(b'"DecompressInput": true', b'"DecompressInput": false')
    ending = b"\n" if separator_of_data else b""
    return head + separator + b"\n" + manifest + ending + separator_of_data + data


def parse(stdin: bytes) -> Payload | None:
    """The payload on standard input; None when there is none.

    :raises PayloadError: it is broken
    """
    if SEPARATOR not in stdin:
        return None
    try:
        head, body, *rest = expanded(stdin).split(SEPARATOR)
        manifest = json.loads(body)
        if head.lstrip().startswith(b"{"):
            return _since_2_19(manifest, SEPARATOR.join(rest).lstrip(b"\r\n")) if "actions" in manifest else None
        return _up_to_2_18(manifest)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise PayloadError(f"the payload cannot be read: {type(error).__name__}: {error}") from error


def module_name(name: str) -> str:
    """`namespace.collection.module`, however ansible-core spells it."""
    # ansible.legacy.setup, which gathers facts, is the one of ansible.windows here.
    return COLLECTION_PART.sub(r"\1.", name.removesuffix(".ps1")).replace("ansible.legacy.", "ansible.windows.", 1)


def _since_2_19(manifest: dict[str, Any], extra: bytes) -> Payload:
    actions = manifest["actions"]
    parameters = actions[-1].get("params") or {}
    last = actions[-1]["name"]
    wrappers = tuple(action["name"].removesuffix(".ps1") for action in actions[:-1])
    if last.startswith("module_wrapper"):
        variables = {variable["Name"]: variable["Value"] for variable in parameters.get("Variables") or []}
        name = module_name(parameters["Script"])
        # Since 2.22 the arguments are one text of JSON.
        given = (
            json.loads(parameters["ArgumentJSON"]) if parameters.get("ArgumentJSON") else variables.get("complex_args")
        )
        return Payload("module", name, dict(given or {}), wrappers, extra)
    return Payload("script", last.removesuffix(".ps1"), dict(parameters), wrappers, extra)


def _up_to_2_18(manifest: dict[str, Any]) -> Payload:
    arguments = dict(manifest["module_args"])
    name = module_name(str(arguments.get("_ansible_module_name") or "unknown"))
    wrappers = tuple(action for action in manifest["actions"] if action != "module_wrapper")
    return Payload("module", name, arguments, wrappers)
