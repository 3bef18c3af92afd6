#!powershell

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.Probe
#AnsibleRequires -PowerShell ..module_utils.Volume

$spec = @{
    options = @{
        cim_timeout = @{ type = 'int'; default = 20 }
        restarts = @{ type = 'int'; default = 1; choices = @(1..15) }
        state = @{ type = 'str'; default = 'read'; choices = @('read', 'suspended', 'resumed') }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$timeout = $module.Params.cim_timeout
$words = @{ 0 = 'off'; 1 = 'on'; 2 = 'unknown' }

function Set-Protection {
    param([string]$State)

    if (-not $before.ok) { throw [InvalidOperationException]::new($before.error.message) }
    $from = [int]$before.value.protection
    $to = if ($State -eq 'suspended') { 0 } else { 1 }
    # What somebody else has suspended stays as it is; what nobody can read is not touched.
    if ($from -eq $to -or $from -eq 2) { return $false }
    $module.Diff.before = "protection: $($words[$from])`n"
    $module.Diff.after = "protection: $($words[$to])`n"
    if ($module.CheckMode) { return $true }
    if ($to -eq 0) { $null = Invoke-VolumeMethod (Get-SystemVolume $timeout) 'DisableKeyProtectors' $timeout @{ DisableCount = [uint32]$module.Params.restarts } }
    else { $null = Invoke-VolumeMethod (Get-SystemVolume $timeout) 'EnableKeyProtectors' $timeout }
    $true
}

$state = $module.Params.state
$before = Invoke-Probe { Get-VolumeState (Get-SystemVolume $timeout) $timeout }
$change = Invoke-Probe { if ($state -eq 'read') { $false } else { Set-Protection $state } }
$module.Result.changed = [bool]$change.value
$module.Result.schema = 1
$module.Result.before = $before
$module.Result.change = $change
# Asked anew: what counts is what Windows shows.
$module.Result.after = Invoke-Probe { Get-VolumeState (Get-SystemVolume $timeout) $timeout }
$module.ExitJson()
