# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# A warm process. One request per line from the pipe -Requests (pwsh itself reads the standard input of a script):
#   {"world": path of a world as JSON, "script": bootstrap text, "payload": its stdin as base64}
# One answer per line on stdout: {"rc", "stdout", "stderr"}. Each request gets a new runspace; a time-out is the caller's: it kills the process.
param([string]$Cache, [string]$Requests)

$ErrorActionPreference = 'Stop'
$utf8 = [System.Text.UTF8Encoding]::new($false)
$incoming = [System.IO.StreamReader]::new([System.IO.File]::OpenRead($Requests), $utf8)
$answers = [System.IO.StreamWriter]::new([System.Console]::OpenStandardOutput(), $utf8)
$answers.AutoFlush = $true

$sources = 'RegistryProvider.cs', 'UpdateAgent.cs' | ForEach-Object -Process { Join-Path -Path $PSScriptRoot -ChildPath $_ }
$hash = -join @(Get-FileHash -LiteralPath $sources -Algorithm SHA256 | ForEach-Object -Process { $_.Hash.Substring(0, 16) })
$assembly = Join-Path -Path $Cache -ChildPath "FakeWindows-$($PSVersionTable.PSVersion)-$hash.dll"
if (-not (Test-Path -LiteralPath $assembly)) {
    $null = New-Item -ItemType Directory -Path $Cache -Force
    # Under another name first: several workers may start at once.
    $new = Join-Path -Path $Cache -ChildPath "FakeWindows-$PID.dll"
    Add-Type -Path $sources -OutputAssembly $new
    [System.IO.File]::Move($new, $assembly, $true)
}
Add-Type -LiteralPath $assembly

# Nothing but the world's own programs on PATH, above all no real shutdown.
$bin = Join-Path -Path ([System.IO.Path]::GetTempPath()) -ChildPath "fake-windows-$PID"
$null = New-Item -ItemType Directory -Path $bin -Force
$env:PATH = $bin
$env:SIM_BIN = $bin
$env:SIM_SHIM = Join-Path -Path $PSScriptRoot -ChildPath 'Sim.Shim.psm1'
$env:SystemDrive = 'C:'
$env:SystemRoot = 'C:\Windows'
$env:ProgramFiles = 'C:\Program Files'
$env:TEMP = $bin
$environment = [System.Environment]::GetEnvironmentVariables()

function Invoke-Request {
    param($Request)

    [FakeWindows.World]::Load([System.IO.File]::ReadAllText($Request.world))
    $payload = $utf8.GetString([System.Convert]::FromBase64String($Request.payload))
    $engine = [FakeWindows.WorkerHost]::new()
    $runspace = [runspacefactory]::CreateRunspace($engine, [initialsessionstate]::CreateDefault2())
    $console = [System.IO.StringWriter]::new()
    [System.Console]::SetOut($console)
    $errors = [System.Collections.Generic.List[string]]::new()
    $rc = $null
    try {
        $runspace.Open()
        $engine.Runspace = $runspace
        $powershell = [powershell]::Create($runspace)
        $null = $powershell.AddScript($Request.script)
        $lines = [string[]]@($payload.Split("`n") | ForEach-Object -Process { $_.TrimEnd("`r") })
        try { $output = @($powershell.Invoke($lines)) }
        catch {
            $output = @()
            $rc = 1
            $errors.Add("$($_.Exception.GetBaseException().Message)")
        }
        foreach ($problem in $powershell.Streams.Error) { $errors.Add("$problem") }
        if ($null -eq $rc) { $rc = $engine.ExitCode }
        if ($rc -eq 0 -and $powershell.HadErrors -and $output.Count -eq 0) { $rc = 1 }
    }
    finally {
        $runspace.Dispose()
        [System.Console]::SetOut([System.IO.TextWriter]::Null)
        foreach ($name in [System.Environment]::GetEnvironmentVariables().Keys) {
            if ($environment[$name] -cne [System.Environment]::GetEnvironmentVariable($name)) {
                [System.Environment]::SetEnvironmentVariable($name, $environment[$name])
            }
        }
    }
    $text = $engine.Output + $console.ToString() + (@($output | ForEach-Object -Process { "$_`r`n" }) -join '')
    @{ rc = $rc; stdout = $text; stderr = $engine.Errors + ($errors -join "`n") }
}

try {
    while ($null -ne ($line = $incoming.ReadLine())) {
        try { $answer = Invoke-Request -Request (ConvertFrom-Json -InputObject $line) }
        catch { $answer = @{ rc = 1; stdout = ''; stderr = "worker: $($_.Exception.GetBaseException().Message)" } }
        $answers.WriteLine((ConvertTo-Json -InputObject $answer -Compress))
    }
}
finally {
    Remove-Item -LiteralPath $bin -Recurse -Force -ErrorAction Ignore
}
