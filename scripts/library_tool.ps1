# Fetches, compiles and installs the native libraries that the project is built with, into a prefix of its own. For
# Windows; see library_tool.sh for other systems.
#
#   scripts\library_tool.ps1 boost|capnp download   the archive, from the library's authors
#   scripts\library_tool.ps1 boost|capnp compile    unpacks it; of Cap'n Proto everything is built, of Boost nothing
#   scripts\library_tool.ps1 boost|capnp install    puts it into the prefix
#   scripts\library_tool.ps1 boost|capnp all        the three steps; none when the result is in the prefix already
#
#   --prefix=DIR         where to install; without it $env:SCALER_PREFIX, or .cache\prefix in the source tree
#   --archive=FILE       takes this archive, and downloads nothing; so does one in $env:SCALER_CACHE\downloaded
#   --without-compiler   nothing, here: the schema compiler is always built, for Windows comes without one
#
# Every archive is checked against the SHA-256 below. Work goes on in $env:SCALER_CACHE, or .cache in the source tree.
$ErrorActionPreference = "Stop"
$Root = Split-Path -Parent $PSScriptRoot
$Cache = if ($env:SCALER_CACHE) { $env:SCALER_CACHE } else { Join-Path $Root ".cache" }
$Prefix = if ($env:SCALER_PREFIX) { $env:SCALER_PREFIX } else { Join-Path $Root ".cache\prefix" }

$Libraries = @{
    boost = @{
        Version = "1.81.0"
        File = "boost_1_81_0.tar.bz2"
        Sha256 = "71feeed900fbccca04a3b4f2f84a7c217186f28a940ed8b7ed4725986baf99fa"
        Origin = "https://archives.boost.io/release/1.81.0/source/"
    }
    capnp = @{
        Version = "0.9.2"
        File = "capnproto-c++-0.9.2.tar.gz"
        Sha256 = "4031e9c9158fce1979baf3c5234315c1be74b273c0be9f6c4aaf4d0dfda52542"
        Origin = "https://capnproto.org/"
    }
}

function Say([string]$Text) { Write-Host "[library_tool] $Text" }
function Fail([string]$Text) { [Console]::Error.WriteLine("[library_tool] error: $Text"); exit 1 }
function Fail-Usage {
    Fail "usage: library_tool.ps1 boost|capnp download|compile|install|all [--prefix=DIR] [--archive=FILE]"
}

function Invoke-Tool([string]$Name, [string[]]$Arguments) {
    if (-not (Get-Command $Name -ErrorAction SilentlyContinue)) { Fail "$Name is missing: install it" }
    & $Name @Arguments
    if ($LASTEXITCODE -ne 0) { Fail "$Name $Arguments failed with status $LASTEXITCODE" }
}

function Test-Archive([string]$File) {
    $Actual = (Get-FileHash -Algorithm SHA256 -Path $File).Hash.ToLowerInvariant()
    if ($Actual -ne $Library.Sha256) {
        Fail "$File has the SHA-256 $Actual instead of $($Library.Sha256): remove it, and download it anew"
    }
}

function Get-ArchivePath {
    if ($GivenArchive) { return $GivenArchive }
    return Join-Path (Join-Path $Cache "downloaded") $Library.File
}

function Save-Archive {
    $Archive = Get-ArchivePath
    if (Test-Path $Archive) {
        Test-Archive $Archive
        Say "the archive is there: $Archive"
        return
    }
    if ($GivenArchive) { Fail "--archive=${GivenArchive}: there is no such file" }
    New-Item -ItemType Directory -Force -Path (Split-Path -Parent $Archive) | Out-Null
    $Url = $Library.Origin + $Library.File
    Say "downloading $Url"
    Invoke-WebRequest -Uri $Url -OutFile "$Archive.part" -UseBasicParsing
    Test-Archive "$Archive.part"
    Move-Item -Force "$Archive.part" $Archive
}

# Unpacks into a folder of its own, without the outer folder of the archive. Windows brings tar along.
function Expand-Source {
    if (Test-Path $Source) { return }
    $Archive = Get-ArchivePath
    if (-not (Test-Path $Archive)) {
        Fail "$($Library.File) is missing: run 'library_tool.ps1 $Name download' first, or name it with --archive=FILE"
    }
    Test-Archive $Archive
    Say "unpacking $($Library.File)"
    $Part = "$Source.part"
    if (Test-Path $Part) { Remove-Item -Recurse -Force $Part }
    New-Item -ItemType Directory -Force -Path $Part | Out-Null
    Invoke-Tool "tar" @("-xf", $Archive, "-C", $Part, "--strip-components=1")
    Move-Item $Part $Source
}

function Build-Library {
    Expand-Source
    if ($Name -eq "boost") { return }
    Say "compiling all of Cap'n Proto $($Library.Version) (some minutes)"
    # Missing in the archive of 0.9.2; the functions of Windows 10 are asked for below.
    $Missing = Join-Path $Source "src\kj\win32-api-version.h"
    if (-not (Test-Path $Missing)) { Set-Content -Path $Missing -Value "#pragma once" }
    Invoke-Tool "cmake" @("-S", $Source, "-B", $Build, "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_TESTING=OFF",
        "-DBUILD_SHARED_LIBS=OFF", "-DWITH_OPENSSL=OFF", "-DWITH_ZLIB=OFF", "-DCMAKE_INSTALL_LIBDIR=lib",
        "-DCMAKE_INSTALL_PREFIX=$Prefix", "-DCMAKE_CXX_FLAGS=/EHsc /D_WIN32_WINNT=0x0A00")
    Invoke-Tool "cmake" @("--build", $Build, "--config", "Release", "--parallel")
}

function Install-Library {
    if ($Name -eq "boost") {
        if (-not (Test-Path (Join-Path $Source "boost\asio.hpp"))) {
            Fail "nothing to install: run 'library_tool.ps1 boost compile' first"
        }
        $Target = Join-Path $Prefix "include\boost"
        if (Test-Path $Target) { Remove-Item -Recurse -Force $Target }
        New-Item -ItemType Directory -Force -Path (Join-Path $Prefix "include") | Out-Null
        Copy-Item -Recurse (Join-Path $Source "boost") $Target
    } else {
        if (-not (Test-Path (Join-Path $Build "CMakeCache.txt"))) {
            Fail "nothing to install: run 'library_tool.ps1 capnp compile' first"
        }
        Invoke-Tool "cmake" @("--install", $Build, "--config", "Release", "--prefix", $Prefix)
        Set-Content -Path (Join-Path $Prefix "lib\capnp.version") -Value $Library.Version
    }
    Say "installed $Name $($Library.Version) into $Prefix"
}

function Test-Installed {
    if ($Name -eq "boost") {
        $Header = Join-Path $Prefix "include\boost\version.hpp"
        return (Test-Path $Header) -and [bool](Select-String -Quiet -Path $Header -Pattern 'BOOST_LIB_VERSION "1_81"')
    }
    $Stamp = Join-Path $Prefix "lib\capnp.version"
    return (Test-Path $Stamp) -and ((Get-Content $Stamp -TotalCount 1) -eq $Library.Version)
}

if ($args.Count -lt 2) { Fail-Usage }
$Name = $args[0]
$Verb = $args[1]
if (-not $Libraries.ContainsKey($Name)) { Fail-Usage }
$Library = $Libraries[$Name]
$GivenArchive = ""
for ($Index = 2; $Index -lt $args.Count; $Index++) {
    $Argument = $args[$Index]
    if ($Argument -match "^--prefix=(.+)$") { $Prefix = $Matches[1] }
    elseif ($Argument -match "^--archive=(.+)$") { $GivenArchive = $Matches[1] }
    elseif ($Argument -ne "--without-compiler") { Fail-Usage }
}
$Source = Join-Path $Cache "source\$Name-$($Library.Version)"
$Build = Join-Path $Cache "compiled\$Name-$($Library.Version)"
switch ($Verb) {
    "download" { Save-Archive }
    "compile" { Build-Library }
    "install" { Install-Library }
    "all" {
        if (Test-Installed) {
            Say "$Name $($Library.Version) is already in $Prefix"
        } else {
            Save-Archive
            Build-Library
            Install-Library
        }
    }
    default { Fail-Usage }
}
exit 0
