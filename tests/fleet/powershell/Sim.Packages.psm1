# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The servicing packages for windows_packages. What is removed is only told, one line of JSON each, in the file that the
# world names under `changes`; fast_packages.py carries it out afterwards.
$ErrorActionPreference = 'Stop'

$world = ConvertFrom-Json -InputObject ([FakeWindows.World]::Rest) -DateKind String -AsHashtable

function Get-Fault {
    param([string]$Name)

    $kind = if ($world['broken'] -and $world['broken']['commands']) { $world['broken']['commands'][$Name] }
    if ($kind) { [FakeWindows.Fault]::Command($kind, $Name) }
}

function Get-WindowsPackage {
    [CmdletBinding()]
    param([Parameter(Mandatory)][switch]$Online, [string]$PackageName)

    $problem = Get-Fault -Name 'Get-WindowsPackage'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    foreach ($package in $world['packages']) {
        if ($PackageName -and $package['name'] -ne $PackageName) { continue }
        $basic = [ordered]@{ PackageName = $package['name']; PackageState = $package['state']; ReleaseType = $package['type'] }
        if (-not $PackageName) { [pscustomobject]$basic; continue }
        if ($package['broken']) { $PSCmdlet.ThrowTerminatingError([FakeWindows.Fault]::Command($package['broken'], 'Get-WindowsPackage')) }
        [pscustomobject]($basic + @{ Description = $package['description']; SupportInformation = $package['support'] })
    }
}

function Remove-WindowsPackage {
    [CmdletBinding()]
    param([Parameter(Mandatory)][switch]$Online, [Parameter(Mandatory)][string]$PackageName, [Parameter(Mandatory)][switch]$NoRestart)

    $problem = Get-Fault -Name 'Remove-WindowsPackage'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    $package = $world['packages'] | Where-Object -FilterScript { $_['name'] -ceq $PackageName }
    $removal = if ($package['removal']) { $package['removal'] } else { @{} }
    if ($removal.Contains('fails')) {
        $code = [System.BitConverter]::ToInt32([System.BitConverter]::GetBytes([long]$removal['fails']), 0)
        throw [FakeWindows.Fault]::Com($code)
    }
    Write-Warning -Message 'Restart is suppressed because NoRestart is specified.'
    $change = ConvertTo-Json -InputObject @{ do = 'remove'; value = $PackageName } -Compress
    [System.IO.File]::AppendAllText($world['changes'], "$change`n")
    if ($removal['silent']) { return }
    $restart = if ($removal.Contains('restart')) { $removal['restart'] } else { $true }
    [pscustomobject]@{ Path = ''; Online = $true; RestartNeeded = $restart }
}

Export-ModuleMember -Function 'Get-WindowsPackage', 'Remove-WindowsPackage'
