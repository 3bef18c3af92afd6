# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

Set-StrictMode -Version Latest

# The system volume as BitLocker's WMI provider knows it. Nothing here reads a key or a recovery password.

function Get-SystemVolume {
    <#
    .SYNOPSIS
    The encryptable volume that Windows runs from.
    #>
    param([uint32]$Timeout)

    $query = @{
        Namespace = 'root/cimv2/Security/MicrosoftVolumeEncryption'
        ClassName = 'Win32_EncryptableVolume'
        Filter = "DriveLetter = '$env:SystemDrive'"
        OperationTimeoutSec = $Timeout
        ErrorAction = 'Stop'
    }
    $volume = Get-CimInstance @query
    if ($null -eq $volume) { throw [InvalidOperationException]::new("$env:SystemDrive is not among the volumes that BitLocker knows.") }
    $volume
}

function Invoke-VolumeMethod {
    <#
    .SYNOPSIS
    What a method of the volume answers; a code that is not among those accepted is an error with that number.
    #>
    param($Volume, [string]$Name, [uint32]$Timeout, [hashtable]$Arguments = @{}, [long[]]$Accept = @(0))

    $call = @{ MethodName = $Name; Arguments = $Arguments; OperationTimeoutSec = $Timeout; ErrorAction = 'Stop' }
    $answer = Invoke-CimMethod -InputObject $Volume @call
    if ($Accept -notcontains $answer.ReturnValue) {
        $code = '{0:X8}' -f $answer.ReturnValue
        throw [Runtime.InteropServices.COMException]::new("$Name ended with 0x$code.", [convert]::ToInt32($code, 16))
    }
    $answer
}

function Get-VolumeState {
    <#
    .SYNOPSIS
    {protection, suspended_for} of a volume; suspended_for is null when it is not suspended.
    #>
    param($Volume, [uint32]$Timeout)

    $count = $null
    if ($Volume.ProtectionStatus -eq 0) {
        # Any other code than 0 says that the volume is not suspended.
        $answer = Invoke-CimMethod -InputObject $Volume -MethodName 'GetSuspendCount' -OperationTimeoutSec $Timeout -ErrorAction Stop
        if ($answer.ReturnValue -eq 0) { $count = $answer.SuspendCount }
    }
    [ordered]@{ protection = $Volume.ProtectionStatus; suspended_for = $count }
}

Export-ModuleMember -Function Get-SystemVolume, Invoke-VolumeMethod, Get-VolumeState
