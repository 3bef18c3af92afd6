#!powershell

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.Probe
#AnsibleRequires -PowerShell ..module_utils.Volume

$spec = @{
    options = @{
        bitlocker = @{ type = 'bool'; default = $true }
        cim_timeout = @{ type = 'int'; default = 20 }
        processes = @{ type = 'list'; elements = 'str'; default = @('wbengine') }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$timeout = $module.Params.cim_timeout
# FVE_E_NOT_ACTIVATED: no protector was ever added.
$notActivated = 2150694920
# The protectors that the TPM has a part in; only these have a profile.
$withTpm = 1, 4, 5, 6
$policies = 'HKLM:\SOFTWARE\Policies\Microsoft\FVE'
$secureBoot = 'HKLM:\SYSTEM\CurrentControlSet\Control\SecureBoot'
$profileValues = @('Enabled') + @(0..23 | ForEach-Object { [string]$_ })

function Get-Protector {
    param($Volume)

    $list = Invoke-VolumeMethod $Volume 'GetKeyProtectors' $timeout -Accept 0, $notActivated
    if ($list.ReturnValue -eq $notActivated) { return }
    foreach ($id in $list.VolumeKeyProtectorID) {
        $answer = Invoke-VolumeMethod $Volume 'GetKeyProtectorType' $timeout @{ VolumeKeyProtectorID = $id }
        [pscustomobject]@{ Id = $id; Type = $answer.KeyProtectorType }
    }
}

function Get-Protection {
    param($Volume)

    $state = Get-VolumeState $Volume $timeout
    [ordered]@{
        protection = $state.protection
        protectors = [object[]]@(Get-Protector $Volume | ForEach-Object { $_.Type })
        suspended_for = $state.suspended_for
    }
}

function Get-TpmProfile {
    param($Volume)

    $found = [Collections.Generic.List[object]]::new()
    foreach ($protector in @(Get-Protector $Volume | Where-Object { $withTpm -contains $_.Type })) {
        $which = @{ VolumeKeyProtectorID = $protector.Id }
        $answer = Invoke-VolumeMethod $Volume 'GetKeyProtectorPlatformValidationProfile' $timeout $which
        $found.Add([object[]]@($answer.PlatformValidationProfile))
    }
    , $found.ToArray()
}

function Get-KeyTable {
    param([string]$Key, [string[]]$Name)

    # Opened, not tested: Test-Path says true for a key that may not be read.
    try { $item = Get-Item -LiteralPath $Key } catch [Management.Automation.ItemNotFoundException] { return $null }
    $there = @($item.GetValueNames())
    $table = [ordered]@{}
    foreach ($each in $Name) { if ($there -contains $each) { $table[$each] = $item.GetValue($each) } }
    $table
}

function Get-Running {
    $running = @(Get-Process | ForEach-Object { $_.ProcessName })
    , [object[]]@($module.Params.processes | Where-Object { $running -contains $_ })
}

$signals = [ordered]@{}
if ($module.Params.bitlocker) {
    $found = Invoke-Probe { Get-SystemVolume $timeout }
    $asked = [ordered]@{
        bitlocker_system_volume = { Get-Protection $found.value }
        bitlocker_profiles = { Get-TpmProfile $found.value }
        bitlocker_binding = { (Invoke-VolumeMethod $found.value 'GetSecureBootBindingState' $timeout).BindingState }
    }
    # Where there is no volume to ask, that is why there is no answer.
    foreach ($name in $asked.Keys) { $signals[$name] = if ($found.ok) { Invoke-Probe $asked[$name] } else { $found } }
    $signals.bitlocker_policy_uefi = Invoke-Probe { Get-KeyTable "$policies\OSPlatformValidation_UEFI" $profileValues }
    $signals.bitlocker_policy_bios = Invoke-Probe { Get-KeyTable "$policies\OSPlatformValidation_BIOS" $profileValues }
    $signals.bitlocker_policy_old = Invoke-Probe { Get-KeyTable "$policies\PlatformValidation" $profileValues }
    $signals.secure_boot = Invoke-Probe { Get-KeyTable "$secureBoot\State" 'UEFISecureBootEnabled' }
    $signals.secure_boot_servicing = Invoke-Probe { Get-KeyTable "$secureBoot\Servicing" 'WindowsUEFICA2023Capable' }
}
if (@($module.Params.processes).Count) { $signals.backup_processes = Invoke-Probe { Get-Running } }
$module.Result.changed = $false
$module.Result.schema = 1
$module.Result.signals = $signals
$module.ExitJson()
