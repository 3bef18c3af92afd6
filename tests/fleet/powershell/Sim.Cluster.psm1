# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# A failover cluster and one file of %ProgramData% for windows_drain. What is changed is only told, one line of JSON each,
# in the file that the world names under `changes`; fast_drain.py carries it out afterwards.
$ErrorActionPreference = 'Stop'

$world = ConvertFrom-Json -InputObject ([FakeWindows.World]::Rest) -DateKind String -AsHashtable
$place = 'C:\ProgramData\rebootless'
$fresh = @{}

function Get-Fault {
    param([string]$Name)

    $kind = if ($world['broken'] -and $world['broken']['commands']) { $world['broken']['commands'][$Name] }
    if ($kind) { [FakeWindows.Fault]::Command($kind, $Name) }
}

function Write-Change {
    param([string]$Do, $Value)

    [System.IO.File]::AppendAllText($world['changes'], (ConvertTo-Json -InputObject @{ do = $Do; value = $Value } -Compress) + "`n")
}

function Get-ClusterNode {
    [CmdletBinding()]
    param()

    $problem = Get-Fault -Name 'Get-ClusterNode'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    foreach ($name in $world['cluster']['nodes'].Keys) {
        $drain = if ($name -eq $world['cluster']['own']) { $world['cluster']['drain_status'] }
        if (-not $drain) { $drain = 'NotInitiated' }
        [pscustomobject]@{ Name = $name; State = $world['cluster']['nodes'][$name]; DrainStatus = $drain }
    }
}

function Get-ClusterGroup {
    [CmdletBinding()]
    param()

    $problem = Get-Fault -Name 'Get-ClusterGroup'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    if (-not $world['cluster']['groups']) { return }
    foreach ($name in $world['cluster']['groups'].Keys) {
        [pscustomobject]@{ Name = $name; State = 'Online'; OwnerNode = [pscustomobject]@{ Name = $world['cluster']['groups'][$name] } }
    }
    [pscustomobject]@{ Name = 'Available Storage'; State = 'Offline'; OwnerNode = [pscustomobject]@{ Name = $world['cluster']['own'] } }
}

function Get-ClusterResource {
    [CmdletBinding()]
    param()

    $problem = Get-Fault -Name 'Get-ClusterResource'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    if (-not $world['cluster']['resources']) { return }
    foreach ($name in $world['cluster']['resources'].Keys) {
        [pscustomobject]@{ Name = $name; State = $world['cluster']['resources'][$name] }
    }
}

function Get-StorageJob {
    [CmdletBinding()]
    param()

    $problem = Get-Fault -Name 'Get-StorageJob'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    [pscustomobject]@{ Name = 'Rebalance'; JobState = 'Completed' }
    for ($number = 1; $number -le $world['cluster']['storage_jobs']; $number++) { [pscustomobject]@{ Name = "Repair $number"; JobState = 'Running' } }
}

function Suspend-ClusterNode {
    [CmdletBinding()]
    param([Parameter(Mandatory)][string]$Name, [Parameter(Mandatory)][switch]$Drain)

    $problem = Get-Fault -Name 'Suspend-ClusterNode'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    if ($Name -ne $world['cluster']['own']) { throw 'Another node is left alone.' }
    Write-Change -Do suspend -Value $Name
}

function Resume-ClusterNode {
    [CmdletBinding()]
    param([Parameter(Mandatory)][string]$Name, [Parameter(Mandatory)][ValidateSet('Immediate', 'NoFailback', 'Policy')][string]$Failback)

    $problem = Get-Fault -Name 'Resume-ClusterNode'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    if ($Name -ne $world['cluster']['own']) { throw 'Another node is left alone.' }
    Write-Change -Do resume -Value $Failback
}

function Get-Content {
    [CmdletBinding()]
    param([string[]]$Path, [string[]]$LiteralPath, [switch]$Raw, $Encoding)

    if ("$LiteralPath" -ne "$place\drain.json") { return Microsoft.PowerShell.Management\Get-Content @PSBoundParameters }
    $problem = Get-Fault -Name 'Get-Content'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    if ($null -eq $world['memory']) {
        $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
                [System.Management.Automation.ItemNotFoundException]::new("Cannot find path '$LiteralPath' because it does not exist."),
                'PathNotFound', 'ObjectNotFound', $LiteralPath))
    }
    $world['memory']
}

function New-Item {
    [CmdletBinding()]
    param([string[]]$Path, [string]$Name, [string]$ItemType, $Value, [switch]$Force)

    if ("$Path" -ne $place) { return Microsoft.PowerShell.Management\New-Item @PSBoundParameters }
    if (-not $Force -or $ItemType -ne 'Directory') { throw 'The folder may be there.' }
    $fresh['folder'] = $true
}

function Set-Content {
    [CmdletBinding()]
    param([string[]]$Path, [string[]]$LiteralPath, $Value, $Encoding, [switch]$NoNewline, [switch]$Force)

    if ("$LiteralPath" -ne "$place\drain.json.new") { return Microsoft.PowerShell.Management\Set-Content @PSBoundParameters }
    $problem = Get-Fault -Name 'Set-Content'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    if (-not $fresh['folder']) { throw 'The folder is not there.' }
    $fresh['text'] = $Value
}

function Move-Item {
    [CmdletBinding()]
    param([string[]]$Path, [string[]]$LiteralPath, [string]$Destination, [switch]$Force)

    if ("$LiteralPath" -ne "$place\drain.json.new") { return Microsoft.PowerShell.Management\Move-Item @PSBoundParameters }
    if ($Destination -ne "$place\drain.json" -or -not $Force) { throw 'That is not the place.' }
    Write-Change -Do remember -Value $fresh['text']
}

function Remove-Item {
    [CmdletBinding()]
    param([string[]]$Path, [string[]]$LiteralPath, [switch]$Recurse, [switch]$Force)

    if ("$LiteralPath" -ne "$place\drain.json") { return Microsoft.PowerShell.Management\Remove-Item @PSBoundParameters }
    $problem = Get-Fault -Name 'Remove-Item'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    Write-Change -Do forget
}

$env:ProgramData = 'C:\ProgramData'
$env:COMPUTERNAME = if ($world['cluster']) { $world['cluster']['own'] } else { 'SIM' }
$functions = 'Get-Content', 'New-Item', 'Set-Content', 'Move-Item', 'Remove-Item'
if ($world['cluster']) {
    $functions += 'Get-ClusterNode', 'Get-ClusterGroup', 'Get-ClusterResource', 'Get-StorageJob', 'Suspend-ClusterNode', 'Resume-ClusterNode'
}
Export-ModuleMember -Function $functions
