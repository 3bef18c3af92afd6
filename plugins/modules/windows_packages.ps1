#!powershell

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.Probe

$spec = @{
    options = @{
        known = @{ type = 'list'; elements = 'str'; default = @() }
        package = @{ type = 'str' }
        state = @{ type = 'str'; default = 'read'; choices = @('read', 'absent') }
    }
    required_if = @(, @('state', 'absent', @('package')))
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
# The other kinds of packages are languages, features and Windows itself.
$kinds = 'CriticalUpdate', 'Hotfix', 'SecurityUpdate', 'ServicePack', 'SoftwareUpdate', 'Update', 'UpdateRollup'
$removable = 'Installed', 'InstallPending'

function Get-Detail {
    param([string]$Name)

    $package = Get-WindowsPackage -Online -PackageName $Name
    [ordered]@{ description = [string]$package.Description; support = [string]$package.SupportInformation }
}

function Get-Update {
    $updates = @(Get-WindowsPackage -Online | Where-Object { $kinds -contains [string]$_.ReleaseType } | ForEach-Object {
            $name = [string]$_.PackageName
            [ordered]@{
                name = $name
                state = [string]$_.PackageState
                type = [string]$_.ReleaseType
                # The list has no KBs, and a rollup has none in its name. Each one costs a session of DISM.
                details = $(if ($module.Params.known -contains $name) { $null } else { Invoke-Probe { Get-Detail $name } })
            }
        })
    , [object[]]$updates
}

function Remove-Update {
    if (-not $packages.ok) { throw [InvalidOperationException]::new($packages.error.message) }
    $change = [ordered]@{ changed = $false; restart_needed = $null }
    $found = @($packages.value | Where-Object { $_.name -eq $module.Params.package -and $removable -contains $_.state })
    if ($found.Count -eq 0) { return $change }
    if (-not $module.CheckMode) {
        $answer = Remove-WindowsPackage -Online -PackageName $found[0].name -NoRestart -WarningAction Ignore
        $needed = @($answer | ForEach-Object { $_.PSObject.Properties['RestartNeeded'] })
        # No cast: null is no answer.
        if ($needed.Count -eq 1) { $change.restart_needed = $needed[0].Value }
    }
    $change.changed = $true
    $module.Diff.before = "$($found[0].name): $($found[0].state)`n"
    $module.Diff.after = "$($found[0].name): removed`n"
    $change
}

$packages = Invoke-Probe { Get-Update }
$change = Invoke-Probe { if ($module.Params.state -eq 'absent') { Remove-Update } else { [ordered]@{ changed = $false; restart_needed = $null } } }
$module.Result.changed = $change.ok -and $change.value.changed
$module.Result.schema = 1
$module.Result.change = $change
$module.Result.packages = $packages
$module.ExitJson()
