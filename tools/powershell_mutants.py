# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand-made mutations of the collector's PowerShell: each must turn a test red.

Works on a copy of the checkout, so nothing here is changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE = Path("plugins/modules/windows_signals_info.ps1")
# What stands there once, and what a mistake would have made of it.
MUTATIONS = {
    "a DWORD above 2**31 comes out negative": ("return [long]$value -band 4294967295", "return [long]$value"),
    "blank entries of the rename queue shift its pairs": (
        "if ($null -ne $value) { , @($value) }",
        "if ($null -ne $value) { , @($value | Where-Object -FilterScript { $_ }) }",
    ),
    "more than fifty pairs are listed": ("if ($total -gt 50) { continue }", "if ($total -gt 500) { continue }"),
    "a refusal is called a failure": ("$type = 'denied'", "$type = 'failed'"),
    "a time-out is called a failure": ("$type = 'timeout'", "$type = 'failed'"),
    "a missing product is an error": ("-and $optional -contains $Name", "-and $false"),
    "a CIM query has no time limit": ("; OperationTimeoutSec = $timeout }\n    if ($Filter)", " }\n    if ($Filter)"),
    "an unset date is shown": (
        "if ($parsed.Year -lt 1981) { return $null }",
        "if ($parsed.Year -lt 1) { return $null }",
    ),
    "the key of a domain join is not looked for": (
        '(Test-RegistryKey "$netlogon\\$name") -or (Test-RegistryValue',
        "(Test-RegistryValue",
    ),
    "long event texts are not cut": ("[math]::Min(200, $_.Length)", "[math]::Min(20000, $_.Length)"),
    "the agent's flag is read from the wrong object": ("'Microsoft.Update.SystemInfo'", "'Microsoft.Update.Session'"),
    "a subset that was taken out is read": ('-or $asked -contains "!$subset"', "-or $false"),
    "update ids come in the host's order": (
        "GetValueNames() | Where-Object { $_ })\n    [array]::Sort($names, [StringComparer]::Ordinal)",
        "GetValueNames() | Where-Object { $_ })",
    ),
}


def copy(to: Path) -> Path:
    """The checkout's files under `to`, with the same environment and the same shared material beside it."""
    checkout = to / "main"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
    (checkout / ".venv").symlink_to(ROOT / ".venv")
    collections = checkout / "build" / "collections" / "ansible_collections"
    (collections / "rebootless").mkdir(parents=True)
    (collections / "rebootless" / "patching").symlink_to(checkout)
    (collections / "ansible").symlink_to(ROOT / "build/collections/ansible_collections/ansible")
    if (ROOT.parent / "shared").exists():
        (to / "shared").symlink_to(ROOT.parent / "shared")
    return checkout


def noticed(checkout: Path) -> bool:
    """Whether a test is red."""
    collections = str(checkout / "build" / "collections")
    environment = {**os.environ, "PYTHONPATH": collections, "ANSIBLE_COLLECTIONS_PATH": collections}
    tests = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "tests/fleet/test_collector.py"]
    done = subprocess.run(tests, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(done.stdout + done.stderr)
    return done.returncode == 1


def main() -> int:
    """Try every mutation; 1 when one is not noticed, or the tests are red without any."""
    with tempfile.TemporaryDirectory() as scratch:
        checkout = copy(Path(scratch))
        source = (checkout / MODULE).read_text(encoding="utf-8")
        if noticed(checkout):
            sys.exit("the tests are red without a mutation")
        survived = 0
        for words, (old, new) in MUTATIONS.items():
            if source.count(old) != 1:
                sys.exit(f"mutation '{words}': its text stands {source.count(old)} times in {MODULE}, once is expected")
            (checkout / MODULE).write_text(source.replace(old, new), encoding="utf-8")
            red = noticed(checkout)
            survived += not red
            print(f"{'noticed' if red else 'SURVIVED'}  {words}", flush=True)
    print(f"{len(MUTATIONS)} mutations, {len(MUTATIONS) - survived} noticed")
    return 1 if survived else 0


if __name__ == "__main__":
    raise SystemExit(main())
