#!/usr/bin/env bash
# Builds the C++ core and puts the extension modules and the native daemon into src/scaler, so that the source tree can
# be imported (PYTHONPATH=src).
#
#   scripts/build.sh             preset "dev": optimised, with debug information and C++ tests, warnings are errors
#   scripts/build.sh release     another preset of CMakePresets.json that builds modules
#
# $PYTHON names the interpreter the modules are for; without it, .venv/bin/python is taken when it is there, or python3.
# Jobs of the build: $JOBS, or one per processor.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
preset=${1:-dev}

say() { printf '[build] %s\n' "$*"; }
fail() { printf '[build] error: %s\n' "$*" >&2; exit 1; }
# shellcheck source=build_tools.sh
source "$root/scripts/build_tools.sh"

find_ninja() {
    local beside
    beside=$(dirname "$1")/ninja
    if [ -x "$beside" ]; then
        printf '%s\n' "$beside"
    else
        command -v ninja || fail "ninja is missing: install the package 'ninja-build', or pip install ninja"
    fi
}

python=$(find_python)
ninja=$(find_ninja "$python")
command -v cmake > /dev/null || fail "cmake is missing: install the package 'cmake' (3.25 or newer)"
jobs=${JOBS:-$(nproc)}

say "configuring preset '$preset' for $("$python" --version)"
configure "build/configure-$preset.log" --preset "$preset" "-DPython_EXECUTABLE=$python" "-DCMAKE_MAKE_PROGRAM=$ninja"
say "building with $jobs jobs"
cmake --build "build/$preset" --parallel "$jobs"
# A module of an earlier build would be imported in place of the source beside it.
find src/scaler -name '*.so' -delete
for component in python daemon; do
    say "installing component '$component' into src"
    cmake --install "build/$preset" --prefix src --component "$component" > /dev/null
done
say "done"
