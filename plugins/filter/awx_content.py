# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content for AWX, fitted to one AWX. Documentation: the .yml beside this file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.rebootless.patching.plugins.plugin_utils.awx import content as awx_content
from ansible_collections.rebootless.patching.plugins.plugin_utils.base.checks import PolicyError


def fit(content: Mapping[str, Any], settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The content with these settings."""
    try:
        return awx_content.fit(content, settings)
    except PolicyError as problem:
        raise AnsibleFilterError(str(problem)) from problem


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"awx_content": fit, "awx_owned": awx_content.owned}
