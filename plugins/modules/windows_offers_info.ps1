#!powershell

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -CSharpUtil ..module_utils.AgentCall
#AnsibleRequires -PowerShell ..module_utils.Probe

$spec = @{
    options = @{
        bootstrapper_timeout = @{ type = 'int'; default = 300 }
        restart_answer = @{ type = 'str'; default = 'auto'; choices = @('auto', 'always', 'never') }
        search_timeout = @{ type = 'int'; default = 600 }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$answer = $module.Params.restart_answer
$asked = $answer -eq 'always' -or ($answer -eq 'auto' -and -not $module.CheckMode)
$criteria = "IsInstalled=0 and DeploymentAction='Installation'"
$firstBuild = 26100
# What has more is told by an entry that no file is called.
$mostFiles = 20

function Get-ComValue {
    param($InputObject, [string]$Name, [object[]]$Argument = @())

    $values = [object[]]::new($Argument.Count)
    # COM must not get PowerShell's wrappers.
    for ($index = 0; $index -lt $Argument.Count; $index++) { $values[$index] = $Argument[$index].PSObject.BaseObject }
    # By reflection, because PowerShell may turn a member that throws into null. COM itself hardly tells methods from properties.
    , $InputObject.GetType().InvokeMember($Name, 'InvokeMethod, GetProperty', $null, $InputObject, $values)
}

function Get-KnownValue {
    param($InputObject, [string]$Name, [object[]]$Argument = @())

    $value = Get-ComValue $InputObject $Name $Argument
    if ($null -eq $value) { throw [InvalidOperationException]::new("$Name has no value.") }
    , $value
}

function Get-Flag {
    param($InputObject, [string]$Name, [object[]]$Argument = @())

    $value = Get-KnownValue $InputObject $Name $Argument
    # A cast would make an answer of anything.
    if ($value -isnot [bool]) { throw [InvalidOperationException]::new("$Name is neither true nor false.") }
    $value
}

function Get-Number {
    param($InputObject, [string]$Name)

    [int](Get-KnownValue $InputObject $Name)
}

function Get-CollectionItem {
    param($Collection)

    $count = Get-Number $Collection 'Count'
    for ($index = 0; $index -lt $count; $index++) { Get-KnownValue $Collection 'Item' $index }
}

function Get-Build {
    $key = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
    $value = $null
    try { $value = (Get-Item -LiteralPath $key).GetValue('CurrentBuild') } catch [Management.Automation.ItemNotFoundException] { $value = $null }
    if ($null -eq $value) { throw [InvalidOperationException]::new('CurrentBuild is not in the registry.') }
    [int]$value
}

function Wait-Call {
    param($Target, [string]$Name, $Argument, [int]$Seconds)

    $task = [ansible_collections.rebootless.patching.plugins.module_utils.AgentCall.Call]::Start($Target.PSObject.BaseObject, $Name, $Argument)
    # Nothing can abort it, but nobody has to wait: it ends with this process.
    if (-not $task.Wait([timespan]::FromSeconds($Seconds))) { throw [TimeoutException]::new() }
    , $task.Result
}

function Wait-Search {
    param($Job)

    $watch = [Diagnostics.Stopwatch]::StartNew()
    while (-not (Get-Flag $Job 'IsCompleted')) {
        if ($watch.Elapsed.TotalSeconds -ge $module.Params.search_timeout) {
            # That the search took too long stays the answer, whatever aborting it says.
            try { $null = Get-ComValue $Job 'RequestAbort' } catch { $null = $_ }
            throw [TimeoutException]::new()
        }
        Start-Sleep -Milliseconds 100
    }
}

function Get-SearchResult {
    $searcher = Get-KnownValue $session.value 'CreateUpdateSearcher'
    $callback = [ansible_collections.rebootless.patching.plugins.module_utils.AgentCall.SearchCallback]::new()
    try {
        $job = Get-ComValue $searcher 'BeginSearch' @($criteria, $callback, 'rebootless.patching')
    }
    catch {
        if ((ConvertTo-ProbeError $_).type -ne 'denied') { throw }
        # A network logon may search, only not in the background.
        $job = $null
    }
    if ($null -eq $job) { $result = Wait-Call $searcher 'Search' $criteria $module.Params.search_timeout }
    else {
        Wait-Search $job
        $result = Get-KnownValue $searcher 'EndSearch' @($job)
    }
    $code = Get-Number $result 'ResultCode'
    # 2: succeeded, 3: succeeded with errors.
    if (@(2, 3) -notcontains $code) { throw [InvalidOperationException]::new("The search ended with result code $code.") }
    $result
}

function Get-RestartAnswer {
    param($Update)

    $updates = New-Object -ComObject 'Microsoft.Update.UpdateColl'
    $null = Get-ComValue $updates 'Add' @($Update)
    $downloader = Get-KnownValue $session.value 'CreateUpdateDownloader'
    $downloader.Updates = $updates
    # 1: the bootstrapper alone.
    $result = Wait-Call $downloader 'Download2' 1 $module.Params.bootstrapper_timeout
    $hresult = Get-Number $result 'HResult'
    if ($hresult -lt 0) { throw [Runtime.InteropServices.COMException]::new('The update bootstrapper was not downloaded.', $hresult) }
    Get-Flag $Update 'EvaluateExtendedDynamicProperty' 'DoesUpdateRequireReboot'
}

function Get-Bootstrapper {
    param($Update)

    if (-not $build.ok) { return $build }
    Invoke-Probe { if ($build.value -ge $firstBuild) { Get-Flag $Update 'ExtendedStaticProperty' 'ContainsUpdateBootstrapper' } else { $null } }
}

function Get-FileName {
    param($Update)

    $found = 0
    # What is offered is a bundle, and the files are those of its parts.
    foreach ($part in @($Update) + @(Get-CollectionItem (Get-KnownValue $Update 'BundledUpdates'))) {
        foreach ($content in Get-CollectionItem (Get-KnownValue $part 'DownloadContents')) {
            $found++
            if ($found -eq $mostFiles) { return '*' }
            ([string](Get-KnownValue $content 'DownloadUrl') -split '[?#]')[0].Split('/')[-1].ToLowerInvariant()
        }
    }
}

$properties = [ordered]@{
    id = { ([string](Get-KnownValue (Get-KnownValue $update 'Identity') 'UpdateID')).ToLowerInvariant() }
    revision = { Get-Number (Get-KnownValue $update 'Identity') 'RevisionNumber' }
    title = { [string](Get-KnownValue $update 'Title') }
    kbs = { , [object[]]@(Get-CollectionItem (Get-KnownValue $update 'KBArticleIDs') | ForEach-Object { 'KB' + ($_ -replace '^KB', '') }) }
    categories = {
        , [object[]]@(foreach ($category in Get-CollectionItem (Get-KnownValue $update 'Categories')) {
                ([string](Get-KnownValue $category 'CategoryID')).ToLowerInvariant()
            })
    }
    supersedes = {
        , [object[]]@(Get-CollectionItem (Get-KnownValue $update 'SupersededUpdateIDs') | ForEach-Object { ([string]$_).ToLowerInvariant() })
    }
    files = { , [object[]]@(Get-FileName $update) }
    severity = {
        $severity = Get-ComValue $update 'MsrcSeverity'
        if ($severity) { [string]$severity } else { $null }
    }
    size = { [long](Get-KnownValue $update 'MaxDownloadSize') }
    released = {
        # In UTC, though it does not say so.
        $time = [datetime](Get-KnownValue $update 'LastDeploymentChangeTime')
        # Before 1981 lie only the defaults of dates nobody set.
        if ($time.Year -lt 1981) { throw [InvalidOperationException]::new('LastDeploymentChangeTime is not set.') }
        $time.ToString('yyyy-MM-ddTHH:mm:ssZ', [cultureinfo]::InvariantCulture)
    }
    browse_only = { Get-Flag $update 'BrowseOnly' }
    eula_accepted = { Get-Flag $update 'EulaAccepted' }
    hidden = { Get-Flag $update 'IsHidden' }
    downloaded = { Get-Flag $update 'IsDownloaded' }
    driver = { (Get-Number $update 'Type') -eq 2 }
    reboot_behaviour = { Get-Number (Get-KnownValue $update 'InstallationBehavior') 'RebootBehavior' }
    impact = { Get-Number (Get-KnownValue $update 'InstallationBehavior') 'Impact' }
    requires_user_input = { Get-Flag (Get-KnownValue $update 'InstallationBehavior') 'CanRequestUserInput' }
}

function Get-Offer {
    param($Result)

    $list = @(foreach ($update in Get-CollectionItem (Get-KnownValue $Result 'Updates')) {
        $offer = [ordered]@{}
        $unread = @()
        foreach ($name in $properties.Keys) {
            try { $offer[$name] = & $properties[$name] }
            catch {
                $offer[$name] = $null
                $unread += $name
            }
        }
        $offer.bootstrapper = Get-Bootstrapper $update
        $offer.requires_restart = $null
        if ($asked -and $offer.bootstrapper.value) { $offer.requires_restart = Invoke-Probe { Get-RestartAnswer $update } }
        $offer.unread = [object[]]$unread
        $offer
    })
    , [object[]]$list
}

$build = Invoke-Probe { Get-Build }
$session = Invoke-Probe { New-Object -ComObject 'Microsoft.Update.Session' }
$search = $session
if ($session.ok) { $search = Invoke-Probe { Get-SearchResult } }
$signals = [ordered]@{ agent_offers = $search; agent_busy = $session; search_warnings = $search }
if ($search.ok) {
    $signals.agent_offers = Invoke-Probe { Get-Offer $search.value }
    $signals.search_warnings = Invoke-Probe {
        , [object[]]@(foreach ($warning in Get-CollectionItem (Get-KnownValue $search.value 'Warnings')) { Get-Number $warning 'HResult' })
    }
}
if ($session.ok) { $signals.agent_busy = Invoke-Probe { Get-Flag (Get-KnownValue $session.value 'CreateUpdateInstaller') 'IsBusy' } }
$module.Result.schema = 1
$module.Result.signals = $signals
$module.ExitJson()
