# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand-made mutations of the modules' PowerShell: each must turn a test red.

Works on a copy of the checkout, so nothing here is changed. With names of modules as arguments only these are mutated.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The tests that are to notice.
TESTS = {
    "Probe": (
        *("tests/fleet/test_collector.py", "tests/fleet/test_windows_drain.py", "tests/fleet/test_offers.py"),
        *("-k", "test_collector or same or (test_offers and not library and not fast)"),
    ),
    "windows_signals_info": ("tests/fleet/test_collector.py",),
    # The library takes long and has little that is odd; the fast executor is not PowerShell.
    "windows_offers_info": ("tests/fleet/test_offers.py", "-k", "not library and not fast"),
    "windows_drain": ("tests/fleet/test_windows_drain.py", "-k", "same"),
    "Volume": ("tests/fleet/test_preflight.py", "-k", "same"),
    "windows_preflight_info": ("tests/fleet/test_preflight.py", "-k", "same"),
    "windows_bitlocker": ("tests/fleet/test_preflight.py", "-k", "suspend_the_same"),
    "windows_packages": ("tests/fleet/test_windows_packages.py", "-k", "same"),
}
# What stands in a module once, and what a mistake would have made of it.
PROBE = {
    "a refusal is called a failure": ("$type = 'denied'", "$type = 'failed'"),
    "a time-out is called a failure": ("$type = 'timeout'", "$type = 'failed'"),
    "a missing command is called a failure": ("$type = 'unavailable'", "$type = 'failed'"),
    "a member that is not there is called a failure": (", 0x80020006)", ")"),
    "the number of a CIM error is not read": ("'^HRESULT 0x(", "'^CODE 0x("),
    "a missing product is an error": ("$Optional -and", "$false -and"),
    "every missing class is no error": ("$Optional -and", "$true -and"),
}
SIGNALS = {
    "a DWORD above 2**31 comes out negative": ("return [long]$value -band 4294967295", "return [long]$value"),
    "blank entries of the rename queue shift its pairs": (
        "if ($null -ne $value) { , @($value) }",
        "if ($null -ne $value) { , @($value | Where-Object -FilterScript { $_ }) }",
    ),
    "more than fifty pairs are listed": ("if ($total -gt 50) { continue }", "if ($total -gt 500) { continue }"),
    "a missing product is an error": ("-Optional:($optional -contains $probe.Key)", ""),
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
OFFERS = {
    "check mode downloads": (" -and -not $module.CheckMode)", ")"),
    "never means ask": ("$asked = $answer -eq 'always' -or", "$asked = $answer -ne 'auto' -or"),
    "only newer builds are asked": ("$build.value -ge $firstBuild", "$build.value -gt $firstBuild"),
    "an unknown build is an old one": ("if (-not $build.ok) { return $build }", ""),
    "the search is not aborted": ("try { $null = Get-ComValue $Job 'RequestAbort' } catch { $null = $_ }", ""),
    "the whole update is downloaded": ("'Download2' 1 ", "'Download2' 0 "),
    "updates without a bootstrapper are asked": ("if ($asked -and $offer.bootstrapper.value)", "if ($asked)"),
    "a bootstrapper that did not come is overlooked": ("if ($hresult -lt 0) {", "if ($false) {"),
    "a text passes for true": ("if ($value -isnot [bool]) {", "if ($false) {"),
    "no value passes for a value": (
        'if ($null -eq $value) { throw [InvalidOperationException]::new("$Name',
        'if ($false) { throw ("$Name',
    ),
    "a network logon gets no search": ("if ((ConvertTo-ProbeError $_).type -ne 'denied') { throw }", "throw"),
    "an incomplete search counts for nothing": ("if (@(2, 3) -notcontains $code)", "if (@(2) -notcontains $code)"),
    "an aborted search counts": ("if (@(2, 3) -notcontains $code)", "if (@(2, 3, 5) -notcontains $code)"),
    "an unreadable property is not named": ("$unread += $name", "$null = $name"),
    "an agent's time is taken for a local one": ("$time.ToString(", "$time.ToUniversalTime().ToString("),
    "an unset date is shown": ("if ($time.Year -lt 1981) { throw", "if ($time.Year -lt 1) { throw"),
    "an id keeps its capitals": ("'UpdateID')).ToLowerInvariant() }", "'UpdateID')) }"),
    "software is a driver": ("'Type') -eq 2 }", "'Type') -ge 1 }"),
    "the callback is left out": ("@($criteria, $callback, ", "@($criteria, $null, "),
}
DRAIN = {
    "a paused node is suspended": ("if ($own -ne $From) { return $false }", "if ($own -eq 'none') { return $false }"),
    "check mode suspends and resumes": (
        "    if ($module.CheckMode) { return $true }\n    # Neither",
        "    # Neither",
    ),
    "check mode writes": ("    if ($module.CheckMode) { return $true }\n    if ($Text)", "    if ($Text)"),
    "the node is paused and its roles stay": ("-Name $look.value.own -Drain }", "-Name $look.value.own }"),
    "the roles do not come back": ("-Failback Immediate", "-Failback NoFailback"),
    "the wrong node is suspended": ("Suspend-ClusterNode -Name $look.value.own", "Suspend-ClusterNode -Name 'SQL-02'"),
    "a refusal to show services means no cluster": (
        "-Name 'ClusSv[c]' -ErrorAction Stop",
        "-Name 'ClusSv[c]' -ErrorAction Ignore",
    ),
    "a cluster that is not set up is one": ("-or $service.StartType -eq 'Disabled'", ""),
    "roles of other nodes are named": ("$_.OwnerNode.Name -eq $name -and ", ""),
    "roles that are offline are named": (" -and $_.State -ne 'Offline' }", " }"),
    "resources that are offline have failed": ("$_.State -eq 'Failed'", "$_.State -ne 'Online'"),
    "storage jobs that have ended count": ("$ended -notcontains", "'x' -notcontains"),
    "a memory that cannot be read is overwritten": (
        "if (-not $memory.ok) { throw [InvalidOperationException]::new($memory.error.message) }",
        "",
    ),
    "no memory is an error": (
        "catch [Management.Automation.ItemNotFoundException] { return $null }",
        "catch [FormatException] { return $null }",
    ),
    "capitals of a memory do not count": ("-ceq $Text", "-eq $Text"),
    "a memory is written in place": ('-LiteralPath "$file.new" -Value', "-LiteralPath $file -Value"),
    "a new memory does not take the old one's place": ("-Destination $file -Force", "-Destination $file"),
    "the folder has to be there": ("if ($null -eq $memory.value.folder) { $null", "if ($false) { $null"),
    "the folder keeps the rights it has": ("    Set-Owner $folder 'OICI'\n", ""),
    "the file keeps the rights it gets": ("    Set-Owner \"$file.new\" ''\n", ""),
    "whose the folder is does not matter": ("-and $found.folder.sddl -notmatch $owners", "-and $false"),
    "whose the file is does not matter": ("-and $found.file.sddl -match $owners", ""),
    "a link is followed": ("-and -not ($item.Attributes -band [IO.FileAttributes]::ReparsePoint)", ""),
    "a link in the place of the new file is removed": ("if (-not $new.plain) { throw", "if ($false) { throw"),
    "a memory of any size is read": (" -and -not $found.file.large", ""),
    "exceptions know no roles": ("@($groups + $resources |", "@($resources |"),
    "a failed resource belongs to no role": ("group = [string]$_.OwnerGroup.Name", "group = ''"),
}
VOLUME = {
    "the wrong volume is read": ("        Filter = \"DriveLetter = '$env:SystemDrive'\"\n", ""),
    "a failed call is an answer": ("if ($Accept -notcontains $answer.ReturnValue) {", "if ($false) {"),
    "the number of a failed call is lost": (", [convert]::ToInt32($code, 16))", ")"),
    "every volume is suspended": ("if ($answer.ReturnValue -eq 0) { $count", "if ($true) { $count"),
    "no system volume is no BitLocker": (
        "if ($null -eq $volume) { throw",
        "if ($null -eq $volume) { return $null; throw",
    ),
}
PREFLIGHT = {
    "no protectors are an error": ("-Accept 0, $notActivated", "-Accept 0"),
    "the profile of one protector is no list": (", $found.ToArray()", "$found.ToArray()"),
    "protectors without a TPM have a profile": ("| Where-Object { $withTpm -contains $_.Type })", ")"),
    "a policy that is not set is an error": (
        "catch [Management.Automation.ItemNotFoundException] { return $null }",
        "finally { }",
    ),
    "values that are not there are named": ("if ($there -contains $each) { ", "if ($true) { "),
    "capitals of a process count": ("$running -contains $_", "$running -ccontains $_"),
    "all processes are named": ("$module.Params.processes | Where-Object { $running -contains $_ }", "$running"),
    "one process is no list": (
        "    , [object[]]@($module.Params.processes |",
        "    [object[]]@($module.Params.processes |",
    ),
    "BitLocker is asked for all the same": ("if ($module.Params.bitlocker) {", "if ($true) {"),
    "processes are asked for all the same": ("if (@($module.Params.processes).Count) {", "if ($true) {"),
}
BITLOCKER = {
    "what is off is suspended again": ("$from -eq $to -or ", ""),
    "what is not known is changed": (" -or $from -eq 2", ""),
    "check mode changes it": ("if ($module.CheckMode) { return $true }", ""),
    "the count is lost": (" @{ DisableCount = [uint32]$module.Params.restarts }", ""),
    "reading changes it": ("if ($state -eq 'read') { $false } else", "if ($false) { $false } else"),
}
PACKAGES = {
    "languages and features are listed": ("{ $kinds -contains [string]$_.ReleaseType }", "{ $true }"),
    "a rollup is no update": ("'Update', 'UpdateRollup'", "'Update'"),
    "one package is no list": (", [object[]]$updates", "[object[]]$updates"),
    "one that does not tell keeps all from telling": (
        "details = Invoke-Probe { Get-Detail $name }",
        "details = Get-Detail $name",
    ),
    "every package tells of the first": ("-Online -PackageName $Name", "-Online -PackageName $updates[0].name"),
    "the support address is left out": ("[string]$package.SupportInformation", "''"),
    "what is not in place is removed": (" -and $removable -contains $_.state }", " }"),
    "what waits for its restart stays": ("'Installed', 'InstallPending'", "'Installed', 'Installed'"),
    "part of a name is enough": ("$_.name -eq $module.Params.package", "$_.name -like ($module.Params.package + '*')"),
    "capitals of a name count": ("$_.name -eq $module.Params.package", "$_.name -ceq $module.Params.package"),
    "check mode removes": ("if (-not $module.CheckMode) {", "if ($true) {"),
    "the host restarts": (" -NoRestart", ""),
    "another one is removed": ("-PackageName $found[0].name", "-PackageName $packages.value[0].name"),
    "nobody hears of the restart": ("if ($needed.Count -eq 1) {", "if ($false) {"),
    "no word is no restart": ("if ($needed.Count -eq 1) { $change", "if ($needed.Count -ge 0) { $change"),
    "every removal restarts": ("[bool]$needed[0].Value", "$true"),
    "without a list it is removed all the same": (
        "if (-not $packages.ok) { throw [InvalidOperationException]::new($packages.error.message) }",
        "",
    ),
    "reading removes": ("if ($module.Params.state -eq 'absent') {", "if ($module.Params.package) {"),
    "a refusal is a change": ("$change.ok -and $change.value.changed", "$module.Params.state -eq 'absent'"),
    "nothing is a change": ("    $change.changed = $true\n    $module.Diff", "    $module.Diff"),
}
MUTATIONS = {
    "Probe": PROBE,
    "windows_signals_info": SIGNALS,
    "windows_offers_info": OFFERS,
    "windows_drain": DRAIN,
    "Volume": VOLUME,
    "windows_preflight_info": PREFLIGHT,
    "windows_bitlocker": BITLOCKER,
    "windows_packages": PACKAGES,
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


def noticed(checkout: Path, module: str) -> bool:
    """Whether a test of a module is red."""
    collections = str(checkout / "build" / "collections")
    environment = {**os.environ, "PYTHONPATH": collections, "ANSIBLE_COLLECTIONS_PATH": collections}
    tests = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", *TESTS[module]]
    done = subprocess.run(tests, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(done.stdout + done.stderr)
    return done.returncode == 1


def survivors(checkout: Path, module: str) -> int:
    """Try every mutation of a module; how many nobody notices."""
    [path] = (checkout / "plugins").rglob(f"{module}.ps*1")
    source = path.read_text(encoding="utf-8")
    if noticed(checkout, module):
        sys.exit(f"{module}: the tests are red without a mutation")
    survived = 0
    for words, (old, new) in MUTATIONS[module].items():
        if source.count(old) != 1:
            sys.exit(f"mutation '{words}': its text stands {source.count(old)} times in {path.name}, once is expected")
        path.write_text(source.replace(old, new), encoding="utf-8")
        red = noticed(checkout, module)
        survived += not red
        print(f"{'noticed' if red else 'SURVIVED'}  {words}", flush=True)
    path.write_text(source, encoding="utf-8")
    print(f"{module}: {len(MUTATIONS[module])} mutations, {len(MUTATIONS[module]) - survived} noticed", flush=True)
    return survived


def main() -> int:
    """Try every mutation; 1 when one is not noticed."""
    with tempfile.TemporaryDirectory() as scratch:
        checkout = copy(Path(scratch))
        return 1 if sum(survivors(checkout, module) for module in sys.argv[1:] or MUTATIONS) else 0


if __name__ == "__main__":
    raise SystemExit(main())
