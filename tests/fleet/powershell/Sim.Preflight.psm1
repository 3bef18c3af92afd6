# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The methods of an encryptable volume and the processes, for windows_preflight_info. The volumes themselves are CIM instances,
# which fast_preflight.py puts into the world.
$ErrorActionPreference = 'Stop'

$world = ConvertFrom-Json -InputObject ([FakeWindows.World]::Rest) -DateKind String -AsHashtable

function Set-FakeProtection {
    param([int]$Protection, $SuspendedFor)

    # A module that only reads has no such file, and may not do this.
    if (-not $world['changes']) { throw 'A reading module must not change BitLocker.' }
    $world['bitlocker']['protection'] = $Protection
    $world['bitlocker']['suspended_for'] = $SuspendedFor
    $change = ConvertTo-Json -InputObject @{ protection = $Protection; suspended_for = $SuspendedFor } -Compress
    [System.IO.File]::AppendAllText($world['changes'], "$change`n")
}

function Update-FakeVolume {
    param($Volume)

    if ($Volume.DriveLetter -eq 'C:') { $Volume.ProtectionStatus = $world['bitlocker']['protection'] }
}

function Get-FakeVolumeAnswer {
    param($Volume, [string]$Name, [hashtable]$Arguments)

    # The other volume's answers, which nobody should ask for.
    $volume = if ($Volume.DriveLetter -eq 'C:') { $world['bitlocker'] } else { @{ protectors = @(8); suspended_for = 0; profile = @(3); binding = 2 } }
    if ($volume['fails'] -and $volume['fails'][$Name]) { return [pscustomobject]@{ ReturnValue = $volume['fails'][$Name] } }
    switch ($Name) {
        'GetKeyProtectors' {
            if ($null -eq $volume['protectors']) { return [pscustomobject]@{ ReturnValue = 2150694920 } }
            $ids = for ($number = 0; $number -lt $volume['protectors'].Count; $number++) { "{$number}" }
            [pscustomobject]@{ ReturnValue = 0; VolumeKeyProtectorID = $ids }
        }
        'GetKeyProtectorType' {
            [pscustomobject]@{ ReturnValue = 0; KeyProtectorType = $volume['protectors'][[int]$Arguments.VolumeKeyProtectorID.Trim('{}')] }
        }
        'GetKeyProtectorPlatformValidationProfile' {
            [pscustomobject]@{ ReturnValue = 0; PlatformValidationProfile = [byte[]]$volume['profile'] }
        }
        'GetSecureBootBindingState' {
            if ($null -eq $volume['binding']) { return [pscustomobject]@{ ReturnValue = 50; BindingState = 0 } }
            [pscustomobject]@{ ReturnValue = 0; BindingState = $volume['binding'] }
        }
        'GetSuspendCount' {
            if ($null -eq $volume['suspended_for']) { return [pscustomobject]@{ ReturnValue = 50; SuspendCount = 0 } }
            [pscustomobject]@{ ReturnValue = 0; SuspendCount = $volume['suspended_for'] }
        }
        'DisableKeyProtectors' {
            Set-FakeProtection -Protection 0 -SuspendedFor ([int]$Arguments.DisableCount)
            [pscustomobject]@{ ReturnValue = 0 }
        }
        'EnableKeyProtectors' {
            Set-FakeProtection -Protection 1
            [pscustomobject]@{ ReturnValue = 0 }
        }
        default { throw "The fake volume has no method $Name." }
    }
}

function Get-Process {
    [CmdletBinding()]
    param()

    $kind = if ($world['broken'] -and $world['broken']['commands']) { $world['broken']['commands']['Get-Process'] }
    if ($kind) { $PSCmdlet.ThrowTerminatingError([FakeWindows.Fault]::Command($kind, 'Get-Process')) }
    foreach ($name in @('svchost') + @($world['processes'])) { [pscustomobject]@{ ProcessName = $name } }
}

Export-ModuleMember -Function Get-FakeVolumeAnswer, Update-FakeVolume, Get-Process
