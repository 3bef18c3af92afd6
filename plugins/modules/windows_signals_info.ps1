#!powershell

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.Probe

$subsets = @('os', 'vbs', 'hotpatch', 'arc', 'policy', 'services', 'events', 'pending', 'restart_sources')
$choices = @('all') + $subsets
$spec = @{
    options = @{
        cim_timeout = @{ type = 'int'; default = 20 }
        gather_subset = @{
            type = 'list'
            elements = 'str'
            default = @('all')
            choices = $choices + @($choices | ForEach-Object { "!$_" })
        }
        services = @{ type = 'list'; elements = 'str'; default = @() }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$timeout = $module.Params.cim_timeout

# Missing products: that there is nothing to ask is the answer.
$optional = @('arc_agent', 'ccm_reboot', 'dsc_lcm_state', 'event_mdm', 'event_app', 'event_setup')

function ConvertTo-UtcText {
    param($Time)

    if ($null -eq $Time) { return $null }
    $culture = [cultureinfo]::InvariantCulture
    $parsed = $Time
    # A time without a zone is in UTC, also where JSON's text has become a time already, as in PowerShell 7.
    if ($Time -is [datetime]) { if ($Time.Kind -eq 'Unspecified') { $parsed = [datetime]::SpecifyKind($Time, 'Utc') } }
    else {
        $parsed = [DateTimeOffset]::MinValue
        $style = [Globalization.DateTimeStyles]::AssumeUniversal
        if (-not [DateTimeOffset]::TryParse([string]$Time, $culture, $style, [ref]$parsed)) { return $null }
    }
    # Before 1981 lie only the defaults of dates nobody set.
    if ($parsed.Year -lt 1981) { return $null }
    $parsed.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ', $culture)
}

function Get-MemberValue {
    param($InputObject, [string]$Name)

    $member = $InputObject.PSObject.Properties[$Name]
    if ($null -eq $member) { return $null }
    $member.Value
}

function Get-RegistryKey {
    param([string]$Key)

    # Opened, not tested: Test-Path says true for a key that may not be read.
    try { Get-Item -LiteralPath $Key } catch [Management.Automation.ItemNotFoundException] { return $null }
}

function Get-KeyValue {
    param($Item, [string]$Name)

    $value = $Item.GetValue($Name, $null, 'DoNotExpandEnvironmentNames')
    # A DWORD comes as a signed number.
    if ($value -is [int]) { return [long]$value -band 4294967295 }
    if ($value -is [array]) { return , [object[]]@($value) }
    $value
}

function Get-RegistryData {
    param([string]$Key, $Name)

    $item = Get-RegistryKey $Key
    if ($null -eq $item) { return $null }
    if ($Name -is [string]) { return Get-KeyValue $item $Name }
    $table = [ordered]@{}
    foreach ($each in $Name) { $table[$each] = Get-KeyValue $item $each }
    $table
}

function Test-RegistryKey {
    param([string]$Key)

    $null -ne (Get-RegistryKey $Key)
}

function Test-RegistryValue {
    param([string]$Key, [string]$Name)

    $item = Get-RegistryKey $Key
    $null -ne $item -and @($item.GetValueNames()) -contains $Name
}

function Get-ValueName {
    param([string]$Key)

    $item = Get-RegistryKey $Key
    if ($null -eq $item) { return $null }
    $names = [string[]]@($item.GetValueNames() | Where-Object { $_ })
    [array]::Sort($names, [StringComparer]::Ordinal)
    , [object[]]$names
}

function Get-Instance {
    param([string]$Namespace, [string]$ClassName, [string[]]$Property, [string]$Filter)

    $query = @{ Namespace = $Namespace; ClassName = $ClassName; Property = $Property; OperationTimeoutSec = $timeout }
    if ($Filter) { $query.Filter = $Filter }
    Get-CimInstance @query
}

function Get-MethodResult {
    param([string]$Namespace, [string]$ClassName, [string]$MethodName)

    $call = @{ Namespace = $Namespace; ClassName = $ClassName; MethodName = $MethodName; OperationTimeoutSec = $timeout }
    Invoke-CimMethod @call
}

function Get-ComProperty {
    param($InputObject, [string]$Name)

    # By reflection, because PowerShell may turn a property that throws into null. No cast: null is no answer.
    $InputObject.GetType().InvokeMember($Name, 'GetProperty', $null, $InputObject, $null)
}

function Get-OperatingSystem {
    foreach ($found in Get-Instance 'root/cimv2' 'Win32_OperatingSystem' @('OperatingSystemSKU', 'ProductType', 'LastBootUpTime', 'OSLanguage')) {
        [ordered]@{
            sku = $found.OperatingSystemSKU
            product_type = $found.ProductType
            last_boot = ConvertTo-UtcText $found.LastBootUpTime
            language = $found.OSLanguage
        }
    }
}

function Get-Clock {
    $now = (Get-Date).ToUniversalTime()
    $zone = Get-TimeZone
    [ordered]@{
        utc = ConvertTo-UtcText $now
        time_zone = [string]$zone.Id
        utc_offset_minutes = [int]$zone.GetUtcOffset($now).TotalMinutes
    }
}

function Get-SystemDisk {
    foreach ($found in Get-Instance 'root/cimv2' 'Win32_LogicalDisk' @('DeviceID', 'FreeSpace', 'Size') "DeviceID='$env:SystemDrive'") {
        [ordered]@{ device = $found.DeviceID; free_bytes = $found.FreeSpace; size_bytes = $found.Size }
    }
}

function Get-InstalledFix {
    $list = @(foreach ($fix in Get-Instance 'root/cimv2' 'Win32_QuickFixEngineering' @('HotFixID', 'InstalledOn')) {
        # PowerShell's own InstalledOn parses the text, and fails for the hexadecimal form.
        [ordered]@{ kb = $fix.HotFixID; installed_on = [string]$fix.CimInstanceProperties['InstalledOn'].Value }
    })
    , $list
}

function Get-VbsStatus {
    $name = 'VirtualizationBasedSecurityStatus'
    foreach ($found in Get-Instance 'root/Microsoft/Windows/DeviceGuard' 'Win32_DeviceGuard' @($name)) { $found.$name }
}

function Get-ArcAgent {
    # Never from PATH: what may run as SYSTEM must lie where only administrators write.
    $program = "$env:ProgramFiles\AzureConnectedMachineAgent\azcmagent.exe"
    if (-not (Test-Path -LiteralPath $program -PathType Leaf)) { return $null }
    $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo -Property @{
        FileName = $program
        Arguments = 'show -j'
        UseShellExecute = $false
        CreateNoWindow = $true
        RedirectStandardOutput = $true
        RedirectStandardError = $true
    }
    $process = [Diagnostics.Process]::Start($start)
    try {
        # Both pipes are read while it runs, a full one would stop it.
        $output = $process.StandardOutput.ReadToEndAsync()
        $null = $process.StandardError.ReadToEndAsync()
        Wait-Process -InputObject $process -Timeout $timeout
    }
    finally { if (-not $process.HasExited) { $process.Kill() } }
    if (-not $output.Wait(5000)) { throw [TimeoutException]::new() }
    $rc = $process.ExitCode
    if ($rc -ne 0) { throw [InvalidOperationException]::new("azcmagent show ended with exit code $rc") }
    $shown = ConvertFrom-Json -InputObject $output.Result
    [ordered]@{
        status = Get-MemberValue $shown 'status'
        last_heartbeat = ConvertTo-UtcText (Get-MemberValue $shown 'lastHeartbeat')
        version = Get-MemberValue $shown 'agentVersion'
        error_code = Get-MemberValue $shown 'errorCode'
    }
}

function Get-ServiceState {
    $table = [ordered]@{}
    foreach ($name in @('himds', 'hpatchmon', 'wuauserv', 'TrustedInstaller', 'WindowsAzureGuestAgent', 'CcmExec') + $module.Params.services) {
        if (-not $name -or $table.Contains($name)) { continue }
        $table[$name] = $null
        $problems = @()
        $query = @{
            Name = [Management.Automation.WildcardPattern]::Escape($name)
            ErrorAction = 'SilentlyContinue'
            ErrorVariable = 'problems'
        }
        $found = @(Get-Service @query)
        if ($found.Count -gt 0) {
            $table[$name] = [ordered]@{ status = [string]$found[0].Status; start_type = [string]$found[0].StartType }
        }
        elseif ($problems.Count -gt 0 -and $problems[0].FullyQualifiedErrorId -notlike 'NoServiceFoundForGivenName,*') {
            throw $problems[0]
        }
    }
    $table
}

function Get-EventMatch {
    param([hashtable]$Filter, [int]$Scan, [string]$Pattern)

    $problems = @()
    $query = @{ FilterHashtable = $Filter; MaxEvents = $Scan; ErrorAction = 'SilentlyContinue'; ErrorVariable = 'problems' }
    $found = @(Get-WinEvent @query)
    # With events at hand an error is about the text of one of them, which is not used.
    if ($found.Count -eq 0 -and $problems.Count -gt 0) {
        $id = $problems[0].FullyQualifiedErrorId
        if ($id -like 'NoMatchingLogsFound,*') { return $null }
        if ($id -notlike 'NoMatchingEventsFound,*') { throw $problems[0] }
    }
    $list = @(foreach ($record in $found) {
        $texts = @($record.Properties | ForEach-Object { [string]$_.Value })
        if (@(@($record.ProviderName) + $texts -match $Pattern).Count -eq 0) { continue }
        [ordered]@{
            id = [int]$record.Id
            level = [int]$record.Level
            time = ConvertTo-UtcText $record.TimeCreated
            provider = $record.ProviderName
            properties = [object[]]@($texts | ForEach-Object { $_.Substring(0, [math]::Min(200, $_.Length)) })
        }
    })
    , @($list | Select-Object -First 20)
}

function Get-FileRename {
    $item = Get-RegistryKey $sessionManager
    if ($null -eq $item) { return $null }
    $values = @(foreach ($name in 'PendingFileRenameOperations', 'PendingFileRenameOperations2') {
            $value = $item.GetValue($name, $null)
            if ($null -ne $value) { , @($value) }
        })
    if ($values.Count -eq 0) { return $null }
    # '!' replaces what is there; '*1' and '*2' are what Windows writes since 2025.
    $prefix = '^(?:[!*]\d*)*\\\?\?\\'
    $total = 0
    $pairs = @(foreach ($entries in $values) {
        for ($index = 0; $index -lt $entries.Count; $index += 2) {
            $total++
            if ($total -gt 50) { continue }
            $source = $entries[$index] -replace $prefix, ''
            $destination = ''
            if ($index + 1 -lt $entries.Count) { $destination = $entries[$index + 1] -replace $prefix, '' }
            $exists = $null
            # Only paths with a drive letter: a share could keep us waiting.
            if ($source -match '^[A-Za-z]:\\') { try { $exists = Test-Path -LiteralPath $source } catch { $exists = $null } }
            [ordered]@{ source = $source; destination = $destination; source_exists = $exists }
        }
    })
    [ordered]@{ total = $total; pairs = $pairs }
}

function Get-PatchExtension {
    $folder = "$env:SystemDrive\Packages\Plugins"
    if (-not (Test-Path -LiteralPath $folder)) { return $null }
    $names = [string[]]@(Get-ChildItem -LiteralPath $folder | Where-Object { $_.PSIsContainer } |
            ForEach-Object { [string]$_.PSChildName } |
            Where-Object { $_ -match '^Microsoft\.CPlat\.Core\.WindowsHotpatch|WindowsPatchExtension|WindowsOsUpdateExtension' })
    [array]::Sort($names, [StringComparer]::Ordinal)
    , [object[]]$names
}

function Get-CcmReboot {
    $answer = Get-MethodResult 'root/ccm/ClientSDK' 'CCM_ClientUtilities' 'DetermineIfRebootPending'
    [ordered]@{
        return_value = $answer.ReturnValue
        reboot_pending = $answer.RebootPending
        hard_reboot_pending = $answer.IsHardRebootPending
        deadline = ConvertTo-UtcText $answer.RebootDeadline
    }
}

$software = 'HKLM:\SOFTWARE\Microsoft'
$windows = "$software\Windows\CurrentVersion"
$nt = "$software\Windows NT\CurrentVersion"
$system = 'HKLM:\SYSTEM\CurrentControlSet'
$control = "$system\Control"
$services = "$system\Services"
$sessionManager = "$control\Session Manager"
$memory = "$sessionManager\Memory Management"
$mdm = "$software\PolicyManager\current\device\Update"
$policy = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate'
$cbs = "$windows\Component Based Servicing"
$netlogon = "$services\Netlogon"
$deadline = @(
    'ConfigureDeadlineForQualityUpdates', 'ConfigureDeadlineGracePeriod', 'ConfigureDeadlineForFeatureUpdates',
    'ConfigureDeadlineGracePeriodForFeatureUpdates', 'ConfigureDeadlineNoAutoReboot'
)

$probes = @{
    os = [ordered]@{
        edition_id = $nt, 'EditionID'
        build = $nt, @('CurrentBuild', 'UBR', 'DisplayVersion', 'InstallationType')
        architecture = "$sessionManager\Environment", 'PROCESSOR_ARCHITECTURE'
        operating_system = { Get-OperatingSystem }
        clock = { Get-Clock }
        system_disk = { Get-SystemDisk }
        hotfixes = { Get-InstalledFix }
    }
    vbs = [ordered]@{
        vbs_running = { Get-VbsStatus }
        vbs_configured = "$control\DeviceGuard", 'EnableVirtualizationBasedSecurity'
    }
    hotpatch = [ordered]@{
        hotpatch_table_size = $memory, 'HotPatchTableSize'
        chpe_off = $memory, 'HotPatchRestrictions'
        enrollment_package = "$nt\Update\TargetingInfo\DynamicInstalled\Hotpatch.amd64", @('Name', 'Version')
        arc_hotpatch_subscription = "$software\Azure Connected Machine Agent\Windows\Licenses\Features\Hotpatch", 'Subscription'
        hotpatch_environment = "$software\Windows\Hotpatch\Environment", 'AllowRebootlessUpdates'
        allow_rebootless_policy = $mdm, 'AllowRebootlessUpdates'
        allow_rebootless_provider = $mdm, 'AllowRebootlessUpdates_WinningProvider'
        licensing_mutex = { Test-RegistryValue "$nt\Subscriptions" 'DeviceLicensingServiceCommandMutex' }
        licensing_override = "$system\Policies\Microsoft\FeatureManagement\Overrides", '4264695439'
    }
    arc = @{ arc_agent = { Get-ArcAgent } }
    policy = [ordered]@{
        windows_update_policy = $policy, ($deadline + @(
            'WUServer', 'DoNotConnectToWindowsUpdateInternetLocations', 'DeferQualityUpdates', 'DeferQualityUpdatesPeriodInDays',
            'PauseQualityUpdatesStartTime', 'SetPolicyDrivenUpdateSourceForQualityUpdates', 'ExcludeWUDriversInQualityUpdate',
            'TargetReleaseVersionInfo', 'SetActiveHours', 'ActiveHoursStart', 'ActiveHoursEnd', 'SetComplianceDeadline'
        ))
        automatic_updates_policy = "$policy\AU", @(
            'UseWUServer', 'NoAutoUpdate', 'AUOptions', 'ScheduledInstallDay', 'ScheduledInstallTime', 'NoAutoRebootWithLoggedOnUsers',
            'AlwaysAutoRebootAtScheduledTime', 'AlwaysAutoRebootAtScheduledTimeMinutes'
        )
        mdm_update_policy = $mdm, ($deadline + @(
            'DeferQualityUpdatesPeriodInDays', 'PauseQualityUpdates', 'AllowAutoUpdate', 'ActiveHoursStart', 'ActiveHoursEnd'
        ))
        active_hours = "$software\WindowsUpdate\UX\Settings", @('ActiveHoursStart', 'ActiveHoursEnd', 'SmartActiveHoursState')
    }
    services = @{ services = { Get-ServiceState } }
    events = [ordered]@{
        event_mdm = {
            $log = 'Microsoft-Windows-DeviceManagement-Enterprise-Diagnostics-Provider/Admin'
            Get-EventMatch @{ LogName = $log } 500 'AllowRebootlessUpdates'
        }
        event_app = { Get-EventMatch @{ LogName = 'Application'; Level = 1, 2, 3 } 500 'hotpatch|hpatchmon' }
        event_setup = { Get-EventMatch @{ LogName = 'Setup'; Id = 1, 2, 4 } 200 '^Microsoft-Windows-Servicing$' }
    }
    restart_sources = @{ azure_patch_extensions = { Get-PatchExtension } }
    pending = [ordered]@{
        cbs_reboot_pending = { Test-RegistryKey "$cbs\RebootPending" }
        cbs_reboot_in_progress = { Test-RegistryKey "$cbs\RebootInProgress" }
        cbs_packages_pending = { Test-RegistryKey "$cbs\PackagesPending" }
        wu_reboot_required = { Get-ValueName "$windows\WindowsUpdate\Auto Update\RebootRequired" }
        update_screen = "$software\WindowsUpdate\UX\StateVariables", 'RebootRequired'
        agent_reboot_required = { Get-ComProperty (New-Object -ComObject 'Microsoft.Update.SystemInfo') 'RebootRequired' }
        agent_reboot_before_install = {
            $session = New-Object -ComObject 'Microsoft.Update.Session'
            Get-ComProperty $session.CreateUpdateInstaller() 'RebootRequiredBeforeInstallation'
        }
        agent_busy = {
            $session = New-Object -ComObject 'Microsoft.Update.Session'
            Get-ComProperty $session.CreateUpdateInstaller() 'IsBusy'
        }
        file_renames = { Get-FileRename }
        computer_name = {
            [ordered]@{
                active = Get-RegistryData "$control\ComputerName\ActiveComputerName" 'ComputerName'
                configured = Get-RegistryData "$control\ComputerName\ComputerName" 'ComputerName'
                nv_hostname = Get-RegistryData "$services\Tcpip\Parameters" 'NV Hostname'
            }
        }
        domain_join = {
            $answer = [ordered]@{}
            foreach ($name in 'JoinDomain', 'AvoidSpnSet') {
                $answer[$name] = (Test-RegistryKey "$netlogon\$name") -or (Test-RegistryValue $netlogon $name)
            }
            $answer
        }
        server_manager_attempts = "$software\ServerManager", 'CurrentRebootAttempts'
        server_component_cache = "$software\ServerManager\ServicingStorage\ServerComponentCache", 'RestartRequired'
        update_exe_volatile = {
            [ordered]@{
                native = Get-RegistryData "$software\Updates" 'UpdateExeVolatile'
                wow64 = Get-RegistryData 'HKLM:\SOFTWARE\Wow6432Node\Microsoft\Updates' 'UpdateExeVolatile'
                flags = Get-RegistryData "$software\Updates\UpdateExeVolatile" 'Flags'
            }
        }
        dvd_reboot_signal = { Test-RegistryValue "$windows\RunOnce" 'DVDRebootSignal' }
        ccm_reboot = { Get-CcmReboot }
        ccm_reboot_data = "$software\SMS\Mobile Client\Reboot Management\RebootData", @('RebootBy', 'NotifyUI', 'HardReboot')
        dsc_lcm_state = {
            $class = 'root/Microsoft/Windows/DesiredStateConfiguration', 'MSFT_DSCLocalConfigurationManager'
            [string](Get-MethodResult @class 'GetMetaConfiguration').MetaConfiguration.LCMState
        }
    }
}

$asked = $module.Params.gather_subset
$named = @($asked | Where-Object { $subsets -contains $_ })
$wanted = $named
if ($asked -contains 'all' -or ($named.Count -eq 0 -and $asked -notcontains '!all')) { $wanted = $subsets }

$signals = [ordered]@{}
foreach ($subset in $subsets) {
    if ($subset -ne 'os' -and ($wanted -notcontains $subset -or $asked -contains "!$subset")) { continue }
    foreach ($probe in $probes[$subset].GetEnumerator()) {
        $source = $probe.Value
        if ($source -isnot [scriptblock]) { $source = { Get-RegistryData $probe.Value[0] $probe.Value[1] } }
        $signals[$probe.Key] = Invoke-Probe $source -Optional:($optional -contains $probe.Key)
    }
}
$module.Result.schema = 1
$module.Result.signals = $signals
$module.ExitJson()
