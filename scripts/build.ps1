# Builds the C++ core and puts the extension modules of the client side into src\scaler, so that the source tree can be
# imported (PYTHONPATH=src). For Windows; see build.sh for other systems.
#
#   scripts\build.ps1            preset "dev": optimised, with debug information and C++ tests
#   scripts\build.ps1 release    another preset of CMakePresets.json that builds modules
#
# Run it in a developer shell of Visual Studio. $env:PYTHON names the interpreter the modules are for; without it,
# .venv\Scripts\python.exe is taken when it is there, or python. Jobs of the build: $env:JOBS, or one per processor.
param([string]$Preset = "dev")

$ErrorActionPreference = "Stop"
$Root = Split-Path -Parent $PSScriptRoot

function Say([string]$Text) { Write-Host "[build] $Text" }
function Fail([string]$Text) { [Console]::Error.WriteLine("[build] error: $Text"); exit 1 }

function Find-Python {
    $Own = Join-Path $Root ".venv\Scripts\python.exe"
    if ($env:PYTHON) { $Name = $env:PYTHON } elseif (Test-Path $Own) { $Name = $Own } else { $Name = "python" }
    $Command = Get-Command $Name -ErrorAction SilentlyContinue
    if (-not $Command) { Fail "python is missing: install it, or name an interpreter with `$env:PYTHON" }
    return $Command.Source
}

function Invoke-CMake([string[]]$Arguments) {
    & cmake @Arguments
    if ($LASTEXITCODE -ne 0) { Fail "cmake $Arguments failed with status $LASTEXITCODE" }
}

foreach ($Tool in "cmake", "ninja") {
    if (-not (Get-Command $Tool -ErrorAction SilentlyContinue)) {
        Fail "$Tool is missing: install it, or open a developer shell of Visual Studio, which has it"
    }
}
$Python = Find-Python
$Jobs = if ($env:JOBS) { $env:JOBS } else { [Environment]::ProcessorCount }

Set-Location $Root
Say "installing Boost and Cap'n Proto into the prefix of the project"
foreach ($Library in "boost", "capnp") {
    & (Join-Path $PSScriptRoot "library_tool.ps1") $Library all
    if ($LASTEXITCODE -ne 0) { Fail "library_tool.ps1 $Library all failed" }
}
Say "configuring preset '$Preset' for $Python"
Invoke-CMake @("--preset", $Preset, "-DPython_EXECUTABLE=$Python", "-DSCALER_BUILD_TESTS=OFF")
Say "building with $Jobs jobs"
Invoke-CMake @("--build", "build/$Preset", "--parallel", "$Jobs")
# A module of an earlier build would be imported in place of the source beside it.
Get-ChildItem -Path (Join-Path $Root "src\scaler") -Recurse -Filter "*.pyd" | Remove-Item
Say "installing into src"
Invoke-CMake @("--install", "build/$Preset", "--prefix", "src", "--component", "python")
Say "done"
