# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# A failover cluster and one file of %ProgramData% for windows_drain. What is changed is only told, one line of JSON each,
# in the file that the world names under `changes`; fast_drain.py carries it out afterwards.
$ErrorActionPreference = 'Stop'

$world = ConvertFrom-Json -InputObject ([FakeWindows.World]::Rest) -DateKind String -AsHashtable
$place = 'C:\ProgramData\rebootless'
$parts = $world['memory_parts']
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
        $owner = if ($world['cluster']['owner_groups']) { $world['cluster']['owner_groups'][$name] }
        if (-not $owner) { $owner = $name }
        [pscustomobject]@{ Name = $name; State = $world['cluster']['resources'][$name]; OwnerGroup = [pscustomobject]@{ Name = $owner } }
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

function Get-Part {
    # Which part of the world a path is, or nothing.
    param([string]$Path)

    switch ($Path) {
        'C:\ProgramData' { 'base' }
        $place { 'folder' }
        "$place\drain.json" { 'file' }
        "$place\drain.json.new" { 'new' }
    }
}

function Get-Item {
    [CmdletBinding()]
    param([string[]]$Path, [string[]]$LiteralPath, [switch]$Force)

    $part = Get-Part "$LiteralPath"
    if (-not $part) { return Microsoft.PowerShell.Management\Get-Item @PSBoundParameters }
    $problem = Get-Fault -Name 'Get-Item'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    $found = $parts[$part]
    if ($null -eq $found) {
        $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
                [System.Management.Automation.ItemNotFoundException]::new("Cannot find path '$LiteralPath' because it does not exist."),
                'PathNotFound', 'ObjectNotFound', $LiteralPath))
    }
    $attributes = if ($found['link']) { [System.IO.FileAttributes]::ReparsePoint } else { [System.IO.FileAttributes]::Normal }
    $item = [pscustomobject]@{ PSIsContainer = $part -in 'base', 'folder'; Attributes = $attributes }
    if ($part -in 'file', 'new') { $item.PSObject.Properties.Add([psnoteproperty]::new('Length', [long]$found['size'])) }
    $item
}

function Get-Acl {
    [CmdletBinding()]
    param([string[]]$LiteralPath)

    $problem = Get-Fault -Name 'Get-Acl'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    $found = $parts[(Get-Part "$LiteralPath")]
    if ($found['link']) { throw 'Nothing behind a link is looked at.' }
    $acl = [pscustomobject]@{ Sddl = $found['sddl'] }
    $acl | Add-Member -MemberType ScriptMethod -Name SetSecurityDescriptorSddlForm -Value {
        param([string]$Sddl, [string]$Sections)

        if ($Sections -ne 'Owner, Access') { throw 'Only owner and access are set.' }
        $this.Sddl = $Sddl
    }
    $acl
}

function Set-Acl {
    [CmdletBinding()]
    param([string[]]$LiteralPath, $AclObject)

    $problem = Get-Fault -Name 'Set-Acl'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    $part = Get-Part "$LiteralPath"
    $inherited = if ($part -eq 'folder') { 'OICI' } else { '' }
    if ($AclObject.Sddl -ne ('O:BAD:PAI(A;{0};FA;;;SY)(A;{0};FA;;;BA)' -f $inherited)) { throw 'Others than administrators may write there.' }
    $fresh[$part] = $true
}

function Get-Content {
    [CmdletBinding()]
    param([string[]]$Path, [string[]]$LiteralPath, [switch]$Raw, $Encoding)

    if ("$LiteralPath" -ne "$place\drain.json") { return Microsoft.PowerShell.Management\Get-Content @PSBoundParameters }
    $problem = Get-Fault -Name 'Get-Content'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    $world['memory']
}

function New-Item {
    [CmdletBinding()]
    param([string[]]$Path, [string]$Name, [string]$ItemType, $Value, [switch]$Force)

    $part = Get-Part "$Path"
    if ($part -notin 'folder', 'new') { return Microsoft.PowerShell.Management\New-Item @PSBoundParameters }
    $problem = Get-Fault -Name 'New-Item'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    if ($Force -or $null -ne $parts[$part]) { throw 'What is there already may be somebody else''s.' }
    if ($ItemType -ne $(if ($part -eq 'folder') { 'Directory' } else { 'File' })) { throw 'That is not what it must be.' }
    if ($part -eq 'new' -and -not $fresh['folder']) { throw 'The folder is not safe.' }
    $parts[$part] = @{ sddl = ''; link = $false; size = 0 }
}

function Set-Content {
    [CmdletBinding()]
    param([string[]]$Path, [string[]]$LiteralPath, $Value, $Encoding, [switch]$NoNewline, [switch]$Force)

    if ("$LiteralPath" -ne "$place\drain.json.new") { return Microsoft.PowerShell.Management\Set-Content @PSBoundParameters }
    $problem = Get-Fault -Name 'Set-Content'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    if (-not $fresh['folder'] -or -not $fresh['new']) { throw 'Folder and file are not safe.' }
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

    $part = Get-Part "$LiteralPath"
    if ($part -notin 'file', 'new') { return Microsoft.PowerShell.Management\Remove-Item @PSBoundParameters }
    $problem = Get-Fault -Name 'Remove-Item'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    if ($parts[$part]['link']) { throw 'That is a link.' }
    $parts[$part] = $null
    if ($part -eq 'file') { Write-Change -Do forget }
}

$env:ProgramData = 'C:\ProgramData'
$env:COMPUTERNAME = if ($world['cluster']) { $world['cluster']['own'] } else { 'SIM' }
$functions = 'Get-Item', 'Get-Acl', 'Set-Acl', 'Get-Content', 'New-Item', 'Set-Content', 'Move-Item', 'Remove-Item'
if ($world['cluster']) {
    $functions += 'Get-ClusterNode', 'Get-ClusterGroup', 'Get-ClusterResource', 'Get-StorageJob', 'Suspend-ClusterNode', 'Resume-ClusterNode'
}
Export-ModuleMember -Function $functions
