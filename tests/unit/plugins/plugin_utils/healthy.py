# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A healthy host of each of the five products: complete raw signals, on the baseline of September 2026."""

from __future__ import annotations

from realistic import Raw, build, kbs, signals

S22_AZURE = "windows_server_2022_azure_edition"
S25_AZURE = "windows_server_2025_azure_edition"
S25_ARC = "windows_server_2025_arc"
W11_24H2 = "windows_11_24h2"
W11_25H2 = "windows_11_25h2"
# The kind of host, and where it differs from that kind.
PRODUCTS: dict[str, tuple[str, Raw]] = {
    S22_AZURE: ("server_2022", {}),
    S25_AZURE: ("server_2025_azure", {}),
    S25_ARC: ("server_2025", {}),
    W11_24H2: ("windows_11", {"build": build("26100.9445"), "hotfixes": kbs("KB5120994", "KB5124008")}),
    W11_25H2: ("windows_11", {}),
}
SERVERS = (S22_AZURE, S25_AZURE, S25_ARC)
CLIENTS = (W11_24H2, W11_25H2)


def healthy(product: str, **changes: object) -> Raw:
    """The raw signals of a healthy host; a change is a probe's value, or a whole answer made by `failed`."""
    kind, own = PRODUCTS[product]
    return signals(kind, **{**own, **changes})
