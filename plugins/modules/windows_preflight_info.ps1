#!powershell

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.Probe

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
$namespace = 'root/cimv2/Security/MicrosoftVolumeEncryption'
# FVE_E_NOT_ACTIVATED: no protector was ever added.
$notActivated = 2150694920

function Invoke-VolumeMethod {
    param($Volume, [string]$Name, [hashtable]$Arguments = @{}, [long[]]$Accept = @(0))

    $answer = Invoke-CimMethod -InputObject $Volume -MethodName $Name -Arguments $Arguments -OperationTimeoutSec $timeout
    if ($Accept -notcontains $answer.ReturnValue) {
        $code = '{0:X8}' -f $answer.ReturnValue
        throw [Runtime.InteropServices.COMException]::new("$Name ended with 0x$code.", [convert]::ToInt32($code, 16))
    }
    $answer
}

function Get-Protector {
    param($Volume)

    $list = Invoke-VolumeMethod $Volume 'GetKeyProtectors' -Accept 0, $notActivated
    if ($list.ReturnValue -eq $notActivated) { return }
    foreach ($id in $list.VolumeKeyProtectorID) {
        (Invoke-VolumeMethod $Volume 'GetKeyProtectorType' @{ VolumeKeyProtectorID = $id }).KeyProtectorType
    }
}

function Get-SuspendCount {
    param($Volume)

    # Any other code than 0 says that the volume is not suspended.
    $answer = Invoke-CimMethod -InputObject $Volume -MethodName 'GetSuspendCount' -OperationTimeoutSec $timeout
    if ($answer.ReturnValue -ne 0) { return $null }
    $answer.SuspendCount
}

function Get-SystemVolume {
    $query = @{ Namespace = $namespace; ClassName = 'Win32_EncryptableVolume'; OperationTimeoutSec = $timeout }
    $volume = Get-CimInstance @query -Filter "DriveLetter = '$env:SystemDrive'"
    if ($null -eq $volume) { throw [InvalidOperationException]::new("$env:SystemDrive is not among the volumes that BitLocker knows.") }
    [ordered]@{
        protection = $volume.ProtectionStatus
        protectors = [object[]]@(Get-Protector $volume)
        suspended_for = $(if ($volume.ProtectionStatus -eq 0) { Get-SuspendCount $volume } else { $null })
    }
}

function Get-Running {
    $running = @(Get-Process | ForEach-Object { $_.ProcessName })
    , [object[]]@($module.Params.processes | Where-Object { $running -contains $_ })
}

$signals = [ordered]@{}
# Where BitLocker is not installed there is no class to ask: that is the answer.
if ($module.Params.bitlocker) { $signals.bitlocker_system_volume = Invoke-Probe { Get-SystemVolume } -Optional }
if (@($module.Params.processes).Count) { $signals.backup_processes = Invoke-Probe { Get-Running } }
$module.Result.changed = $false
$module.Result.schema = 1
$module.Result.signals = $signals
$module.ExitJson()
