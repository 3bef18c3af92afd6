#!powershell

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.Probe

$spec = @{
    options = @{
        cluster = @{ type = 'bool'; default = $true }
        memory = @{ type = 'str' }
        state = @{ type = 'str'; default = 'read'; choices = @('read', 'suspend', 'resume', 'remember', 'forget') }
    }
    required_if = @(, @('state', 'remember', @('memory')))
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$state = $module.Params.state
$folder = "$env:ProgramData\rebootless"
$file = "$folder\drain.json"
$ended = 'Completed', 'Terminated', 'Killed', 'Exception'

function Get-Memory {
    try { [string](Get-Content -LiteralPath $file -Raw) } catch [Management.Automation.ItemNotFoundException] { $null }
}

function Get-Look {
    # Without this service, or before it is set up, the host is no node. A node without the commands is a problem.
    # A pattern, because it may find nothing; a refusal is still an error.
    $service = Get-Service -Name 'ClusSv[c]' -ErrorAction Stop
    if ($null -eq $service -or $service.StartType -eq 'Disabled') { return $null }
    $name = $env:COMPUTERNAME
    [ordered]@{
        own = $name
        nodes = [object[]]@(Get-ClusterNode | ForEach-Object {
                [ordered]@{ name = [string]$_.Name; state = [string]$_.State; drain = [string]$_.DrainStatus }
            })
        groups = [object[]]@(Get-ClusterGroup | Where-Object { $_.OwnerNode.Name -eq $name -and $_.State -ne 'Offline' } | ForEach-Object { [string]$_.Name })
        failed = [object[]]@(Get-ClusterResource | Where-Object { $_.State -eq 'Failed' } | ForEach-Object { [string]$_.Name })
        storage_jobs = @(Get-StorageJob | Where-Object { $ended -notcontains [string]$_.JobState }).Count
    }
}

function Get-OwnState {
    if (-not $module.Params.cluster) { throw [InvalidOperationException]::new('cluster is false, so the cluster is left alone.') }
    if (-not $look.ok) { throw [InvalidOperationException]::new($look.error.message) }
    if ($null -eq $look.value) { return 'none' }
    @($look.value.nodes | Where-Object { $_.name -eq $look.value.own } | ForEach-Object { $_.state }) + 'none' | Select-Object -First 1
}

function Set-Node {
    param([string]$From, [string]$To)

    $own = Get-OwnState
    if ($own -ne $From) { return $false }
    $module.Diff.before = "state of the node: $From`n"
    $module.Diff.after = "state of the node: $To`n"
    if ($module.CheckMode) { return $true }
    # Neither waits: whoever reads afterwards sees how far the roles have moved, and has the time limit.
    if ($To -eq 'Paused') { $null = Suspend-ClusterNode -Name $look.value.own -Drain }
    else { $null = Resume-ClusterNode -Name $look.value.own -Failback Immediate }
    $true
}

function Set-Memory {
    param([string]$Text)

    if (-not $memory.ok) { throw [InvalidOperationException]::new($memory.error.message) }
    if ([string]$memory.value -ceq $Text) { return $false }
    $module.Diff.before = [string]$memory.value
    $module.Diff.after = $Text
    if ($module.CheckMode) { return $true }
    if (-not $Text) { Remove-Item -LiteralPath $file -Force }
    else {
        $null = New-Item -Path $folder -ItemType Directory -Force
        # Under another name first: half a memory is none.
        Set-Content -LiteralPath "$file.new" -Value $Text -Encoding Ascii -NoNewline
        Move-Item -LiteralPath "$file.new" -Destination $file -Force
    }
    $true
}

$memory = Invoke-Probe { Get-Memory }
$look = Invoke-Probe { if ($module.Params.cluster) { Get-Look } else { $null } }
$change = Invoke-Probe {
    switch ($state) {
        'suspend' { Set-Node 'Up' 'Paused' }
        'resume' { Set-Node 'Paused' 'Up' }
        'remember' { Set-Memory $module.Params.memory }
        'forget' { Set-Memory '' }
        default { $false }
    }
}
$module.Result.changed = [bool]$change.value
$module.Result.schema = 1
$module.Result.change = $change
$module.Result.cluster = $look
$module.Result.memory = $memory
$module.ExitJson()
