# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# A Windows for modules that only read: the world last given to [FakeWindows.World]::Load.
# Imported first in the module's own runspace; functions go before commands of the same name.
$ErrorActionPreference = 'Stop'

Import-Module -Assembly ([FakeWindows.World].Assembly) -Scope Global
foreach ($drive in @('HKLM', 'Registry', 'HKEY_LOCAL_MACHINE'), @('HKCU', 'Registry', 'HKEY_CURRENT_USER'), @('C', 'FakeDisk', 'DISK_C')) {
    if (-not (Get-PSDrive -Name $drive[0] -ErrorAction Ignore)) {
        $null = New-PSDrive -Name $drive[0] -PSProvider $drive[1] -Root $drive[2] -Scope Global
    }
}
$world = ConvertFrom-Json -InputObject ([FakeWindows.World]::Rest) -DateKind String

function Get-Part {
    param([Parameter(Mandatory)][string[]]$Path)

    $at = $world
    foreach ($name in $Path) {
        $member = if ($null -ne $at) { $at.PSObject.Properties[$name] }
        if ($null -eq $member) { return $null }
        $at = $member.Value
    }
    , $at
}

function ConvertTo-Time {
    param([string]$Text)

    [datetime]::Parse($Text, [cultureinfo]::InvariantCulture, [System.Globalization.DateTimeStyles]'AssumeUniversal, AdjustToUniversal').ToLocalTime()
}

function ConvertTo-Instance {
    param($Properties, [string]$ClassName, [string[]]$Wanted)

    $all = [ordered]@{}
    foreach ($name in $Wanted) { $all[$name] = $null }
    foreach ($member in $Properties.PSObject.Properties) {
        $value = $member.Value
        if ($value -is [string] -and $value -match '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$') { $value = ConvertTo-Time -Text $value }
        $all[$member.Name] = $value
    }
    $instance = [pscustomobject]$all
    $raw = @{}
    foreach ($name in $all.Keys) { $raw[$name] = [pscustomobject]@{ Name = $name; Value = $all[$name] } }
    $instance.PSObject.Properties.Add([psnoteproperty]::new('CimInstanceProperties', $raw))
    if ($ClassName -eq 'Win32_QuickFixEngineering') {
        # PowerShell's own type data shadows the text with a date.
        $instance.PSObject.Properties.Remove('InstalledOn')
        $parse = { [datetime]::Parse($this.CimInstanceProperties['InstalledOn'].Value, [cultureinfo]::InvariantCulture) }
        $instance.PSObject.Properties.Add([psscriptproperty]::new('InstalledOn', $parse))
    }
    $instance
}

function Get-CommandFault {
    param([string]$Name)

    $kind = Get-Part -Path broken, commands, $Name
    if ($kind) { [FakeWindows.Fault]::Command($kind, ($Name -split ':')[0]) }
}

function Get-CimFault {
    param([string]$Namespace, [string]$ClassName)

    $faults = Get-Part -Path broken, cim
    if ($faults) {
        foreach ($member in $faults.PSObject.Properties) {
            $path = $member.Name -replace '\\', '/'
            if ($path -eq "$Namespace/$ClassName") { return [FakeWindows.Fault]::Cim($member.Value) }
            if ($path -eq $Namespace) { return [FakeWindows.Fault]::Cim(($member.Value -replace '^missing$', 'namespace')) }
        }
    }
}

function Find-Class {
    param([string]$Root, [string]$Namespace, [string]$ClassName)

    $namespaces = Get-Part -Path $Root
    if ($null -eq $namespaces) { return }
    foreach ($member in $namespaces.PSObject.Properties) {
        if (($member.Name -replace '\\', '/') -eq $Namespace) {
            $class = $member.Value.PSObject.Properties[$ClassName]
            if ($null -ne $class) { return , $class.Value }
        }
    }
}

function Test-Namespace {
    param([string]$Namespace)

    if ($Namespace -eq 'root/cimv2') { return $true }
    foreach ($root in 'cim', 'cim_methods') {
        $namespaces = Get-Part -Path $root
        if ($null -ne $namespaces -and @($namespaces.PSObject.Properties.Name -replace '\\', '/') -contains $Namespace) { return $true }
    }
    $false
}

function Get-CimInstance {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)][string]$ClassName, [string]$Namespace = 'root/cimv2', [string[]]$Property, [string]$Filter,
        # Mandatory here: a query without a time limit can keep a host for ever.
        [Parameter(Mandatory)][uint32]$OperationTimeoutSec
    )

    $problem = Get-CommandFault -Name 'Get-CimInstance'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    $Namespace = $Namespace -replace '\\', '/'
    $problem = Get-CimFault -Namespace $Namespace -ClassName $ClassName
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    $found = Find-Class -Root cim -Namespace $Namespace -ClassName $ClassName
    if ($Namespace -eq 'root/cimv2') {
        $boot = Get-Part -Path boot
        if ($ClassName -eq 'Win32_OperatingSystem' -and ($found -or $boot)) {
            if (-not $found) { $found = @([pscustomobject]@{}) }
            foreach ($each in $found) {
                if ($boot -and -not $each.PSObject.Properties['LastBootUpTime']) {
                    $each.PSObject.Properties.Add([psnoteproperty]::new('LastBootUpTime', $boot))
                }
            }
        }
        if ($ClassName -eq 'Win32_QuickFixEngineering' -and $null -eq $found) {
            $found = @(foreach ($fix in (Get-Part -Path hotfixes)) { [pscustomobject]@{ HotFixID = $fix.kb; InstalledOn = $fix.installed_on } })
        }
    }
    if ($null -eq $found) {
        $kind = if (Test-Namespace -Namespace $Namespace) { 'missing' } else { 'namespace' }
        $PSCmdlet.ThrowTerminatingError([FakeWindows.Fault]::Cim($kind))
    }
    foreach ($properties in $found) {
        $instance = ConvertTo-Instance -Properties $properties -ClassName $ClassName -Wanted $Property
        if ($Filter) {
            if ($Filter -notmatch "^\s*(\w+)\s*=\s*'([^']*)'\s*$") { throw "The fake Get-CimInstance does not know the filter $Filter." }
            if ($instance.($Matches[1]) -ne $Matches[2]) { continue }
        }
        if ($ClassName -eq 'Win32_EncryptableVolume') { Update-FakeVolume -Volume $instance }
        $instance
    }
}

function Invoke-CimMethod {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, ParameterSetName = 'Class')][string]$ClassName, [Parameter(ParameterSetName = 'Class')][string]$Namespace = 'root/cimv2',
        [Parameter(Mandatory, ParameterSetName = 'Instance')]$InputObject, [Parameter(Mandatory)][string]$MethodName,
        [hashtable]$Arguments, [Parameter(Mandatory)][uint32]$OperationTimeoutSec
    )

    $problem = Get-CommandFault -Name 'Invoke-CimMethod'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    if ($InputObject) { return Get-FakeVolumeAnswer -Volume $InputObject -Name $MethodName -Arguments $Arguments }
    $Namespace = $Namespace -replace '\\', '/'
    $problem = Get-CimFault -Namespace $Namespace -ClassName $ClassName
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    $class = Find-Class -Root cim_methods -Namespace $Namespace -ClassName $ClassName
    if ($null -eq $class) {
        $kind = if (Test-Namespace -Namespace $Namespace) { 'missing' } else { 'namespace' }
        $PSCmdlet.ThrowTerminatingError([FakeWindows.Fault]::Cim($kind))
    }
    $method = $class.PSObject.Properties[$MethodName]
    if ($null -eq $method) { $PSCmdlet.ThrowTerminatingError([FakeWindows.Fault]::Cim('method')) }
    $outputs = @{
        DetermineIfRebootPending = 'ReturnValue', 'RebootPending', 'IsHardRebootPending', 'RebootDeadline'
        GetMetaConfiguration = 'ReturnValue', 'MetaConfiguration'
    }
    ConvertTo-Instance -Properties $method.Value -ClassName $ClassName -Wanted $outputs[$MethodName]
}

function New-Object {
    [CmdletBinding()]
    param([string]$TypeName, [object[]]$ArgumentList, [string]$ComObject, [System.Collections.IDictionary]$Property)

    if ($PSBoundParameters.ContainsKey('ComObject')) {
        $fault = Get-Part -Path broken, com, $ComObject
        $known = 'Microsoft.Update.SystemInfo', 'Microsoft.Update.Session', 'Microsoft.Update.UpdateColl'
        if ($fault -eq 'missing' -or $known -notcontains $ComObject) {
            $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
                    [FakeWindows.Fault]::Com('missing'), 'NoCOMClassIdentified', 'ResourceUnavailable', $ComObject))
        }
        if ($ComObject -eq $known[2]) {
            if ($fault) { throw [FakeWindows.Fault]::Com($fault) }
            return , [FakeWindows.UpdateCollection]::new()
        }
        # A network logon gets the object, and no answer from it but to a search.
        $refused = (Get-Part -Path logon) -ne 'local'
        if (-not $fault) { $fault = [NullString]::Value }
        if ($ComObject -eq $known[1]) { return [FakeWindows.UpdateSession]::new($fault, $refused) }
        if ($refused -and $fault -is [NullString]) { $fault = 'denied' }
        return [FakeWindows.SystemInformation]::new($fault)
    }
    if ($TypeName -eq 'System.Diagnostics.ProcessStartInfo' -and (Get-Part -Path broken, commands, azcmagent) -eq 'denied') {
        throw [FakeWindows.Fault]::Start()
    }
    if ($Property -and $Property['FileName'] -eq [FakeWindows.World]::ArcAgent) { $Property['FileName'] = $agent }
    Microsoft.PowerShell.Utility\New-Object @PSBoundParameters
}

function Get-Service {
    [CmdletBinding()]
    param([string[]]$Name = '*')

    $problem = Get-CommandFault -Name 'Get-Service'
    if ($problem -and $problem.FullyQualifiedErrorId -eq 'AccessDenied') {
        $PSCmdlet.WriteError($problem)
        return
    }
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    $services = Get-Part -Path services
    foreach ($pattern in $Name) {
        $found = @(if ($services) { $services.PSObject.Properties | Where-Object -FilterScript { $_.Name -like $pattern -and $null -ne $_.Value } })
        if ($found.Count -eq 0 -and -not [wildcardpattern]::ContainsWildcardCharacters($pattern)) {
            $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new(
                    [System.ArgumentException]::new("Cannot find any service with service name '$pattern'."),
                    'NoServiceFoundForGivenName', 'ObjectNotFound', $pattern))
        }
        foreach ($service in $found) {
            [pscustomobject]@{ Name = $service.Name; Status = $service.Value.status; StartType = $service.Value.start_type }
        }
    }
}

function Get-WinEvent {
    [CmdletBinding()]
    param([Parameter(Mandatory)][hashtable]$FilterHashtable, [long]$MaxEvents = [long]::MaxValue)

    $log = [string]$FilterHashtable.LogName
    $problem = Get-CommandFault -Name 'Get-WinEvent'
    if (-not $problem) { $problem = Get-CommandFault -Name "Get-WinEvent:$log" }
    $missing = (Get-Part -Path broken, commands, "Get-WinEvent:$log") -eq 'missing'
    if ($problem -and $problem.FullyQualifiedErrorId -eq 'AccessDenied') {
        $PSCmdlet.WriteError($problem)
        return
    }
    if ($problem -and -not $missing) { $PSCmdlet.ThrowTerminatingError($problem) }
    $events = Get-Part -Path events
    $known = 'Application', 'System', 'Setup', 'Microsoft-Windows-DeviceManagement-Enterprise-Diagnostics-Provider/Admin'
    if ($missing -or $known -notcontains $log) {
        $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new(
                [System.Exception]::new("There is not an event log on the localhost computer that matches `"$log`"."),
                'NoMatchingLogsFound', 'ObjectNotFound', $log))
        return
    }
    $found = @(foreach ($record in $events) {
            if ($null -eq $record -or $record.log -ne $log) { continue }
            if ($FilterHashtable.ContainsKey('Level') -and $FilterHashtable.Level -notcontains $record.level) { continue }
            if ($FilterHashtable.ContainsKey('Id') -and $FilterHashtable.Id -notcontains $record.id) { continue }
            if ($FilterHashtable.ContainsKey('ProviderName') -and $FilterHashtable.ProviderName -notcontains $record.provider) { continue }
            $texts = if ($record.PSObject.Properties['properties']) { $record.properties }
            [pscustomobject]@{
                Id = $record.id
                Level = $record.level
                ProviderName = $record.provider
                LogName = $record.log
                TimeCreated = ConvertTo-Time -Text $record.time
                Properties = @(foreach ($text in $texts) { [pscustomobject]@{ Value = $text } })
            }
        })
    if ($found.Count -eq 0) {
        $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new(
                [System.Exception]::new('No events were found that match the specified selection criteria.'),
                'NoMatchingEventsFound', 'ObjectNotFound', $log))
        return
    }
    $found | Sort-Object -Property TimeCreated -Descending -Stable | Select-Object -First $MaxEvents
}

function Get-Date {
    if ($args.Count) { return Microsoft.PowerShell.Utility\Get-Date @args }
    $problem = Get-CommandFault -Name 'Get-Date'
    if ($problem) { throw $problem }
    $clock = Get-Part -Path clock
    if ($clock) { return ConvertTo-Time -Text $clock }
    [datetime]::Now
}

function Get-TimeZone {
    [CmdletBinding()]
    param()

    $problem = Get-CommandFault -Name 'Get-TimeZone'
    if ($problem) { $PSCmdlet.ThrowTerminatingError($problem) }
    $zone = Get-Part -Path time_zone
    if ($zone) { return [FakeWindows.Zone]::new($zone.id, $zone.utc_offset_minutes) }
    [FakeWindows.Zone]::new('UTC', 0)
}

function Get-HotFix {
    foreach ($fix in (Get-Part -Path hotfixes)) { [pscustomobject]@{ HotFixID = $fix.kb; InstalledOn = $fix.installed_on } }
}

function Wait-Process {
    [CmdletBinding()]
    param($InputObject, [int]$Timeout)

    if ((Get-Part -Path broken, commands, azcmagent) -eq 'timeout') {
        if ($InputObject.WaitForExit(50)) { throw 'The process that is to hang has ended.' }
        $PSCmdlet.ThrowTerminatingError([FakeWindows.Fault]::Command('timeout', 'azcmagent'))
    }
    Microsoft.PowerShell.Management\Wait-Process @PSBoundParameters
}

function Restart-Computer { throw 'A reading module must not restart the computer.' }

function Stop-Computer { throw 'A reading module must not stop the computer.' }

# The agent is a program and a real process. It is not on PATH: only the place where Windows has it leads to it.
$agent = [System.IO.Path]::Combine($env:SIM_BIN, 'arc', 'azcmagent')
$null = [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($agent))
if ((Get-Part -Path powershell) -eq '32-bit') {
    $env:PROCESSOR_ARCHITECTURE = 'x86'
    $env:PROCESSOR_ARCHITEW6432 = 'AMD64'
}
$installed = Get-Part -Path azcmagent
$fault = Get-Part -Path broken, commands, azcmagent
if (($null -eq $installed -and -not $fault) -or $fault -eq 'missing') {
    if ([System.IO.File]::Exists($agent)) { [System.IO.File]::Delete($agent) }
}
else {
    $text = if ($null -eq $installed) { '{}' } else { ConvertTo-Json -InputObject $installed -Depth 9 }
    $body = switch ($fault) {
        'timeout' { 'exec /bin/sleep 60' }
        'failed' { 'echo "error" >&2; exit 1' }
        default { "[ `"`$*`" = 'show -j' ] || exit 64`nexec /bin/cat <<'END'`n$text`nEND" }
    }
    [System.IO.File]::WriteAllText($agent, "#!/bin/sh`n$body`n")
    [System.IO.File]::SetUnixFileMode($agent, [System.IO.UnixFileMode]'UserRead, UserWrite, UserExecute')
}

if ($null -ne (Get-Part -Path processes)) { Import-Module -Name (Join-Path -Path $PSScriptRoot -ChildPath 'Sim.Preflight.psm1') -Scope Global -DisableNameChecking }
# Only a run that may change something has them.
if (Get-Part -Path changes) {
    foreach ($part in 'Sim.Cluster.psm1', 'Sim.Packages.psm1') { Import-Module -Name (Join-Path -Path $PSScriptRoot -ChildPath $part) -Scope Global -DisableNameChecking }
}

Export-ModuleMember -Function 'Get-CimInstance', 'Invoke-CimMethod', 'New-Object', 'Get-Service', 'Get-WinEvent', 'Get-Date', 'Get-TimeZone', 'Get-HotFix', 'Wait-Process', 'Restart-Computer', 'Stop-Computer'
