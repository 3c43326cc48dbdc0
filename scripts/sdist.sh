#!/usr/bin/env bash
# Builds the source archive into dist/, which holds every file of the repository and nothing else.
#
#   scripts/sdist.sh                           builds it, and compares it with what git knows
#   scripts/sdist.sh --prove FOLDER [...]      then unpacks it in FOLDER, which must be empty or absent, builds a wheel there
#                                              without network, installs it, and runs the Python tests; what follows goes
#                                              to pytest
#
# The wheel is built from libraries that are installed: Boost's headers, and Cap'n Proto in $SCALER_PREFIX, or .cache/prefix
# of this tree (scripts/library_tool.sh). The network is cut off by a network namespace, which needs root; without, pip is
# told not to use it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
prove=no folder=''

say() { printf '[sdist] %s\n' "$*"; }
fail() { printf '[sdist] error: %s\n' "$*" >&2; exit 1; }
# shellcheck source=build_tools.sh
source "$root/scripts/build_tools.sh"

build_archive() {
    local raw=$1 archive
    "$python" -m venv "$raw/environment"
    "$raw/environment/bin/python" -m pip --disable-pip-version-check install --quiet build
    "$raw/environment/bin/python" -m build --sdist --outdir "$raw/built" "$root" > "$raw/build.log" 2>&1 ||
        { tail -n 30 "$raw/build.log" >&2; fail "the source archive could not be built"; }
    archive=$(echo "$raw"/built/*.tar.gz)
    if git -C "$root" rev-parse --git-dir > /dev/null 2>&1; then compare "$archive" "$raw"; fi
    mkdir -p dist
    mv "$archive" dist/
    archive=dist/$(basename "$archive")
    say "$archive: $(tar -tzf "$archive" | wc -l) files, $(stat -c %s "$archive") bytes"
}

# PKG-INFO is the only file that is made.
compare() {
    local archive=$1 raw=$2
    tar -tzf "$archive" | cut -d/ -f2- | grep -vx PKG-INFO | LC_ALL=C sort > "$raw/archived"
    git -C "$root" ls-files | LC_ALL=C sort > "$raw/known"
    diff "$raw/known" "$raw/archived" > "$raw/difference" ||
        { cat "$raw/difference" >&2; fail "the archive (>) differs from what git knows (<)"; }
}

build_requirements() {
    "$python" - << 'PYTHON'
import re
text = open("pyproject.toml").read()
print("\n".join(re.findall(r'"([^"]+)"', re.search(r"^requires = \[(.*?)\]", text, re.MULTILINE | re.DOTALL)[1])))
PYTHON
}

prove() {
    local archive offline=() requirements
    [ -z "$(ls -A "$folder" 2> /dev/null)" ] || fail "$folder is not empty"
    archive=$(echo "$root"/dist/*"$(cat src/scaler/version.txt)".tar.gz)
    export SCALER_PREFIX=${SCALER_PREFIX:-$root/.cache/prefix}
    mkdir -p "$folder"
    cd "$folder"
    tar -xzf "$archive" --strip-components=1
    say "installing what builds and tests need"
    "$python" -m venv .venv
    mapfile -t requirements < <(build_requirements)
    .venv/bin/python -m pip --disable-pip-version-check install --quiet "${requirements[@]}"
    if [ "$(id -u)" -eq 0 ] && unshare --net true 2> /dev/null; then offline=(unshare --net); fi
    say "building the wheel without network"
    "${offline[@]}" .venv/bin/python -m pip --disable-pip-version-check wheel --quiet --no-index --no-build-isolation \
        --no-deps --wheel-dir build/wheel .
    "$python" scripts/check_wheel.py build/wheel
    say "installing it, and running the tests"
    .venv/bin/python -m pip --disable-pip-version-check install --quiet \
        "$(echo build/wheel/*.whl)[dev,docs,examples,test]"
    env -u PYTHONPATH .venv/bin/python -m pytest "$@"
}

if [ "${1:-}" = --prove ] && [ -n "${2:-}" ]; then
    prove=yes folder=$2
    shift 2
elif [ $# -gt 0 ]; then
    fail "usage: scripts/sdist.sh [--prove FOLDER [arguments of pytest]]"
fi
python=$(find_python)
raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT
build_archive "$raw"
if [ "$prove" = yes ]; then prove "$@"; fi
