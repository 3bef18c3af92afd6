# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

Set-StrictMode -Version Latest

# Access denied by Windows and by WMI; WMI misses a privilege; Windows misses a privilege; elevation is required; the update agent
# serves administrators alone.
$refusals = 0x80070005, 0x80041003, 0x80041062, 0x80070522, 0x800702E4, 0x80240044

# A 32-bit process on a 64-bit Windows is shown another registry and other folders, where nothing is pending and no agent is installed.
$redirected = $env:PROCESSOR_ARCHITECTURE -eq 'x86' -and $env:PROCESSOR_ARCHITEW6432

# A probe asks one question and answers {ok, value, error}: no question can fail the module that asks it.

function ConvertTo-ProbeError {
    <#
    .SYNOPSIS
    {type, hresult, message} of an error; type is denied, timeout, unavailable or failed, by numbers and classes alone.
    #>
    param([Management.Automation.ErrorRecord]$Record)

    $cause = $Record.Exception.GetBaseException()
    $hresult = $cause.HResult
    # A CIM error has its HRESULT in the error id (not translated); the exception's own is a general one.
    if ($Record.FullyQualifiedErrorId -match '^HRESULT 0x([0-9a-fA-F]{1,8})\b') { $hresult = [convert]::ToInt32($Matches[1], 16) }
    $native = $cause.PSObject.Properties['NativeErrorCode']
    $code = ''
    if ($null -ne $native) { $code = '{0} {1:d}' -f $cause.GetType().Name, $native.Value }

    if ($cause -is [UnauthorizedAccessException] -or $cause -is [Security.SecurityException] -or
        $refusals -contains $hresult -or @('CimException 2', 'Win32Exception 5', 'Win32Exception 740', 'Win32Exception 1314') -contains $code) {
        $type = 'denied'
    }
    elseif ($cause -is [TimeoutException] -or $Record.CategoryInfo.Category -eq 'OperationTimeout' -or
        @(0x80041069, 0x800705B4, 0x40004) -contains $hresult) {
        $type = 'timeout'
    }
    # No such command, class, namespace or member.
    elseif ($cause -is [Management.Automation.CommandNotFoundException] -or
        @(0x8004100E, 0x80041010, 0x80040154, 0x80020006) -contains $hresult -or @('CimException 3', 'CimException 5') -contains $code) {
        $type = 'unavailable'
    }
    else { $type = 'failed' }
    [ordered]@{ type = $type; hresult = $hresult; message = $cause.Message.Trim() }
}

function Invoke-Probe {
    <#
    .SYNOPSIS
    {ok, value, error} of a question; with Optional that there is nothing to ask is the answer null.
    #>
    param([scriptblock]$Source, [switch]$Optional)

    $value = $null
    $problem = $null
    try {
        if ($redirected) { throw [PlatformNotSupportedException]::new('This is a 32-bit PowerShell on a 64-bit Windows: what it reads is not what the host has.') }
        $value = & $Source
        # No output is not yet the null of JSON.
        if ($null -eq $value) { $value = $null }
    }
    catch {
        $problem = ConvertTo-ProbeError $_
        if ($Optional -and $problem.type -eq 'unavailable') { $problem = $null }
    }
    [ordered]@{ ok = $null -eq $problem; value = $value; error = $problem }
}

Export-ModuleMember -Function ConvertTo-ProbeError, Invoke-Probe
