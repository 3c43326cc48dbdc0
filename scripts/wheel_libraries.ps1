# Makes a Windows machine ready to build wheels of the client part: Boost's headers and Cap'n Proto go into $env:SCALER_PREFIX.
$ErrorActionPreference = "Stop"

if (-not $env:SCALER_PREFIX) {
    throw "SCALER_PREFIX is not set: it names the folder that the libraries are installed into"
}
foreach ($library in "boost", "capnp") {
    & "$PSScriptRoot\library_tool.ps1" $library all "--prefix=$env:SCALER_PREFIX"
    if ($LASTEXITCODE -ne 0) {
        throw "library_tool.ps1 could not install $library into $env:SCALER_PREFIX"
    }
}
