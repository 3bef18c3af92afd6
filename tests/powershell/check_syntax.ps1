# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Holds PowerShell for managed hosts to what Windows PowerShell 5.1 and PowerShell 7 both run, and to this collection's rules.
# usage: pwsh -NoProfile -File check_syntax.ps1 FILE...    prints file:line: what, exits 1 when it found something

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

$newParameters = 'AsHashtable', 'DateKind', 'Parallel', 'AsByteStream', 'EscapeHandling', 'AsArray', 'EnumsAsStrings', 'SkipCertificateCheck'
$banned = 'Write-Host', 'Invoke-Expression', 'Get-WmiObject', 'Invoke-WmiMethod'
$literal = 'Get-Item', 'Get-ItemProperty', 'Get-ItemPropertyValue', 'Get-ChildItem', 'Test-Path', 'Resolve-Path', 'Clear-Item',
    'Clear-ItemProperty', 'Remove-Item', 'Remove-ItemProperty', 'Rename-ItemProperty', 'Set-Item', 'Set-ItemProperty', 'Get-Acl'
$timed = 'Get-CimInstance', 'Invoke-CimMethod', 'New-CimSession'
# pwsh on Linux lacks the aliases that hide its programs.
$aliases = [System.Collections.Generic.HashSet[string]]::new([string[]]@(
        (Get-Alias).Name
        'ac asnp cat clear compare copy cp cpp curl del diff dir erase gwmi ise iwmi kill lp ls man md mount move mv nsn ogv ps pwd'.Split(' ')
        'rd ren ri rm rmdir rwmi sasv sc set shcm sleep sort sp spps spsv start sasl swmi tee trcm type wget write'.Split(' ')
    ), [System.StringComparer]::OrdinalIgnoreCase)

function Get-CommandFinding {
    param($Command)

    $name = $Command.GetCommandName()
    if (-not $name) { return }
    $rest = @($Command.CommandElements | Select-Object -Skip 1)
    $given = @($rest | Where-Object { $_.GetType().Name -eq 'CommandParameterAst' } | ForEach-Object { $_.ParameterName })
    $splatted = @($rest | Where-Object { $_.GetType().Name -eq 'VariableExpressionAst' -and $_.Splatted }).Count -gt 0
    if ($aliases.Contains($name)) { "alias $name" }
    if ($banned -contains $name) { "banned command $name" }
    foreach ($each in $given) { if ($newParameters -contains $each) { "-$each is not in Windows PowerShell 5.1" } }
    if ($literal -contains $name) {
        if ($given -contains 'Path') { "$name -Path where -LiteralPath exists" }
        elseif (-not $splatted -and $given -notcontains 'LiteralPath') { "$name without -LiteralPath" }
    }
    if ($timed -contains $name -and -not $splatted -and $given -notcontains 'OperationTimeoutSec') { "$name without -OperationTimeoutSec" }
}

function Get-Finding {
    param($Ast)

    switch ($Ast.GetType().Name) {
        'CommandAst' { Get-CommandFinding -Command $Ast }
        'TernaryExpressionAst' { 'the ternary operator is not in Windows PowerShell 5.1' }
        'PipelineChainAst' { '&& and || are not in Windows PowerShell 5.1' }
        'BinaryExpressionAst' { if ("$($Ast.Operator)" -eq 'QuestionQuestion') { '?? is not in Windows PowerShell 5.1' } }
        'AssignmentStatementAst' { if ("$($Ast.Operator)" -eq 'QuestionQuestionEquals') { '??= is not in Windows PowerShell 5.1' } }
        { $_ -in 'MemberExpressionAst', 'InvokeMemberExpressionAst', 'IndexExpressionAst' } {
            if ($Ast.NullConditional) { '?. and ?[] are not in Windows PowerShell 5.1' }
        }
        'ScriptBlockAst' { if ($null -ne $Ast.CleanBlock) { 'the block clean is not in Windows PowerShell 5.1' } }
        { $_ -in 'TypeExpressionAst', 'TypeConstraintAst' } {
            if ($Ast.TypeName.FullName -match '^Microsoft\.Win32\.') { "type $($Ast.TypeName.FullName): read the registry with provider commands" }
        }
        'StringConstantExpressionAst' {
            if ($Ast.Value -match '^Microsoft\.Win32\.') { "type $($Ast.Value): read the registry with provider commands" }
        }
    }
}

$found = 0
foreach ($file in $args) {
    $problems = $null
    $path = (Resolve-Path -LiteralPath $file).ProviderPath
    $ast = [System.Management.Automation.Language.Parser]::ParseFile($path, [ref]$null, [ref]$problems)
    $findings = @(
        foreach ($problem in $problems) { [pscustomobject]@{ Line = $problem.Extent.StartLineNumber; Text = $problem.Message } }
        foreach ($node in $ast.FindAll({ $true }, $true)) {
            foreach ($text in @(Get-Finding -Ast $node)) { [pscustomobject]@{ Line = $node.Extent.StartLineNumber; Text = $text } }
        }
        $number = 0
        foreach ($line in [System.IO.File]::ReadAllLines($path)) {
            $number++
            if ($line -match '[^\x00-\x7f]') { [pscustomobject]@{ Line = $number; Text = 'not ASCII: Windows PowerShell 5.1 would guess an encoding' } }
        }
    )
    foreach ($finding in @($findings | Sort-Object -Property Line, Text)) {
        $found++
        "${file}:$($finding.Line): $($finding.Text)"
    }
}
if ($found -gt 0) {
    # The given pwsh forgets the code of a plain exit in a -File script.
    $host.SetShouldExit(1)
    exit 1
}
