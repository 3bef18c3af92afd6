# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's PowerShell runs on Windows PowerShell 5.1 too: the check, and that each of its bans works."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = ROOT / "tests" / "powershell" / "check_syntax.ps1"
PWSH = ROOT / "tools" / "pwsh-path" / "pwsh"

# What is banned, and a word of the finding.
BANNED = {
    "if (": "(",
    "$a = $true ? 1 : 2": "ternary",
    "$a = $b ?? 1": "?? is not",
    "$a ??= 1": "??= is not",
    "${a}?.Length": "?. and ?[]",
    "${a}?.Trim()": "?. and ?[]",
    "${a}?[0]": "?. and ?[]",
    "Get-Date && Get-Date": "&& and ||",
    "Get-Date || Get-Date": "&& and ||",
    "function f { process { 1 } clean { 2 } }": "block clean",
    "ConvertFrom-Json -InputObject $a -AsHashtable": "-AsHashtable",
    "ConvertFrom-Json -InputObject $a -DateKind String": "-DateKind",
    "1 | ForEach-Object -Parallel { $_ }": "-Parallel",
    "[Microsoft.Win32.Registry]::LocalMachine": "type Microsoft.Win32.Registry",
    "[Microsoft.Win32.RegistryKey]$a = $b": "type Microsoft.Win32.RegistryKey",
    "New-Object -TypeName Microsoft.Win32.RegistryKey": "type Microsoft.Win32.RegistryKey",
    "1 | % { $_ }": "alias %",
    "ls": "alias ls",
    "1 | where { $_ }": "alias where",
    r"Get-Item -Path HKLM:\SOFTWARE": "Get-Item -Path where -LiteralPath exists",
    r"Get-ItemProperty HKLM:\SOFTWARE": "Get-ItemProperty without -LiteralPath",
    r"Test-Path HKLM:\SOFTWARE": "Test-Path without -LiteralPath",
    "Write-Host 1": "banned command Write-Host",
    "Invoke-Expression '1'": "banned command Invoke-Expression",
    "Get-WmiObject -Class Win32_Service": "banned command Get-WmiObject",
    "Get-CimInstance -ClassName Win32_Service": "Get-CimInstance without -OperationTimeoutSec",
    "$a = 'ä'": "not ASCII",
}
ALLOWED = r"""
$query = @{ LiteralPath = 'HKLM:\SOFTWARE'; ErrorAction = 'Stop' }
Get-Item @query | ForEach-Object { $_.Name } | Where-Object { $_ -like '*?*' }
if ($a -and ($b -or $c)) { $d = [System.StringComparer]::Ordinal } else { Test-Path -LiteralPath $a }
Get-CimInstance -ClassName Win32_Service -OperationTimeoutSec 20
[string[]]$names = @('&&', '??', 'a ? b : c')
function f { begin { 1 } process { 2 } end { 3 } }
"""


@pytest.fixture(scope="module")
def pwsh() -> str:
    """The launcher the repository uses for pwsh; skips where there is none behind it."""
    given = (os.environ.get("REBOOTLESS_PWSH"), shutil.which("pwsh"), ROOT.parent / "shared" / "powershell" / "pwsh")
    if not any(path and os.access(path, os.X_OK) for path in given):
        message = "no pwsh: put PowerShell 7.5 or newer on PATH or name it in REBOOTLESS_PWSH"
        if os.environ.get("REBOOTLESS_REQUIRE_PWSH") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return str(PWSH)


def check(pwsh: str, *files: Path) -> subprocess.CompletedProcess[str]:
    command = [pwsh, "-NoProfile", "-NonInteractive", "-File", str(CHECK), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_the_collections_powershell_is_clean(pwsh: str) -> None:
    files = sorted((ROOT / "plugins").rglob("*.ps*1"))
    assert files
    done = check(pwsh, *files)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_ban_is_found_with_file_and_line(pwsh: str, tmp_path: Path) -> None:
    files = {}
    for number, code in enumerate(BANNED):
        files[code] = tmp_path / f"{number}.ps1"
        files[code].write_text(f"# A first line.\n\n{code}\n", encoding="utf-8")
    done = check(pwsh, *files.values())
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    missed = {
        code: lines
        for code, word in BANNED.items()
        if not any(line.startswith(f"{files[code]}:3: ") and word in line for line in lines)
    }
    assert not missed


def test_one_finding_is_enough_to_fail_and_nothing_else_is_found(pwsh: str, tmp_path: Path) -> None:
    clean, dirty = tmp_path / "clean.ps1", tmp_path / "dirty.ps1"
    clean.write_text(ALLOWED, encoding="utf-8")
    dirty.write_text("Write-Host 1\n", encoding="utf-8")
    assert (check(pwsh, clean).returncode, check(pwsh, clean).stdout) == (0, "")
    done = check(pwsh, clean, dirty)
    assert (done.returncode, done.stdout.splitlines()) == (1, [f"{dirty}:1: banned command Write-Host"])
