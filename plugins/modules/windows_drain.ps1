#!powershell

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.Probe

$spec = @{
    options = @{
        cluster = @{ type = 'bool'; default = $true }
        memory = @{ type = 'str' }
        names = @{ type = 'list'; elements = 'str'; default = @() }
        state = @{ type = 'str'; default = 'read'; choices = @('read', 'suspend', 'resume', 'remember', 'forget') }
    }
    required_if = @(, @('state', 'remember', @('memory')))
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$state = $module.Params.state
$base = $env:ProgramData
$folder = "$base\rebootless"
$file = "$folder\drain.json"
$largest = 16384
# Full control for SYSTEM and Administrators, nothing for anybody else, nothing inherited; for a folder with what is in it.
$rights = 'O:BAD:PAI(A;{0};FA;;;SY)(A;{0};FA;;;BA)'
$owners = '^O:(BA|SY|S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464)[GD]:'
$ended = 'Completed', 'Terminated', 'Killed', 'Exception'

function Get-Boot {
    $system = Get-CimInstance -ClassName Win32_OperatingSystem -Property LastBootUpTime -OperationTimeoutSec 30
    $system.LastBootUpTime.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", [cultureinfo]::InvariantCulture)
}

function Get-Place {
    param([string]$Path, [bool]$Folder)

    try { $item = Get-Item -LiteralPath $Path -Force } catch [Management.Automation.ItemNotFoundException] { return $null }
    # A link is told, and nothing behind it is looked at.
    $plain = $item.PSIsContainer -eq $Folder -and -not ($item.Attributes -band [IO.FileAttributes]::ReparsePoint)
    $large = $plain -and -not $Folder -and $item.Length -gt $largest
    [ordered]@{ plain = $plain; large = $large; sddl = if ($plain) { [string](Get-Acl -LiteralPath $Path).Sddl } else { '' } }
}

function Get-Memory {
    # Everybody may make files below ProgramData, so whose they are belongs to what they say.
    $found = [ordered]@{ base = Get-Place $base $true; folder = $null; file = $null; text = $null }
    if ($found.base.plain) { $found.folder = Get-Place $folder $true }
    if ($null -ne $found.folder -and $found.folder.plain) { $found.file = Get-Place $file $false }
    if ($null -ne $found.file -and $found.file.plain -and -not $found.file.large) {
        $found.text = [string](Get-Content -LiteralPath $file -Raw)
    }
    $found
}

function Get-Look {
    # Without this service, or before it is set up, the host is no node. A node without the commands is a problem.
    # A pattern, because it may find nothing; a refusal is still an error.
    $service = Get-Service -Name 'ClusSv[c]' -ErrorAction Stop
    if ($null -eq $service -or $service.StartType -eq 'Disabled') { return $null }
    $name = $env:COMPUTERNAME
    $nodes = @(Get-ClusterNode)
    $groups = @(Get-ClusterGroup)
    $resources = @(Get-ClusterResource)
    $here = @($groups + $resources | ForEach-Object { [string]$_.Name })
    [ordered]@{
        own = $name
        nodes = [object[]]@($nodes | ForEach-Object {
                [ordered]@{ name = [string]$_.Name; state = [string]$_.State; drain = [string]$_.DrainStatus }
            })
        groups = [object[]]@($groups | Where-Object { $_.OwnerNode.Name -eq $name -and $_.State -ne 'Offline' } | ForEach-Object { [string]$_.Name })
        failed = [object[]]@($resources | Where-Object { $_.State -eq 'Failed' } | ForEach-Object {
                [ordered]@{ name = [string]$_.Name; group = [string]$_.OwnerGroup.Name }
            })
        known = [object[]]@($module.Params.names | Where-Object { $here -contains $_ })
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

function Set-Owner {
    param([string]$Path, [string]$Inheritance)

    $acl = Get-Acl -LiteralPath $Path
    # Without these sections Windows would also want the right to change what is audited.
    $acl.SetSecurityDescriptorSddlForm(($rights -f $Inheritance), 'Owner, Access')
    Set-Acl -LiteralPath $Path -AclObject $acl
}

function Write-Memory {
    param([string]$Text)

    # Without Force: it fails when somebody else was faster.
    if ($null -eq $memory.value.folder) { $null = New-Item -Path $folder -ItemType Directory }
    Set-Owner $folder 'OICI'
    $new = Get-Place "$file.new" $false
    if ($null -ne $new) {
        if (-not $new.plain) { throw [InvalidOperationException]::new("$file.new is no ordinary file, so it is not written to.") }
        Remove-Item -LiteralPath "$file.new" -Force
    }
    $null = New-Item -Path "$file.new" -ItemType File
    Set-Owner "$file.new" ''
    # Under another name first: half a memory is none.
    Set-Content -LiteralPath "$file.new" -Value $Text -Encoding Ascii -NoNewline
    Move-Item -LiteralPath "$file.new" -Destination $file -Force
}

function Set-Memory {
    param([string]$Text)

    if (-not $memory.ok) { throw [InvalidOperationException]::new($memory.error.message) }
    $found = $memory.value
    foreach ($part in 'base', 'folder', 'file') {
        if ($null -ne $found[$part] -and -not $found[$part].plain) {
            throw [InvalidOperationException]::new("$((Get-Variable -Name $part -ValueOnly)) is a link or not what it must be, so nothing is written there.")
        }
    }
    # Never taken over: whoever owns it can put a link in its place at any moment.
    if ($null -ne $found.folder -and $found.folder.sddl -notmatch $owners) {
        throw [InvalidOperationException]::new("$folder does not belong to Administrators or SYSTEM, so nothing is written there.")
    }
    $mine = $null -ne $found.file -and $found.file.sddl -match $owners
    if (-not $Text -and $null -eq $found.file) { return $false }
    if ($Text -and $mine -and $found.text -ceq $Text) { return $false }
    $module.Diff.before = if ($mine) { [string]$found.text } else { '' }
    $module.Diff.after = $Text
    if ($module.CheckMode) { return $true }
    if ($Text) { Write-Memory $Text } else { Remove-Item -LiteralPath $file -Force }
    $true
}

$memory = Invoke-Probe { Get-Memory }
$boot = Invoke-Probe { if ($state -eq 'read') { Get-Boot } }
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
$module.Result.schema = 2
$module.Result.boot = $boot
$module.Result.change = $change
$module.Result.cluster = $look
$module.Result.memory = $memory
$module.ExitJson()
