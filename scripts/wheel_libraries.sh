#!/usr/bin/env bash
# Makes a machine ready to build wheels: installs what compiling the libraries needs, then Boost's headers and Cap'n Proto
# into $SCALER_PREFIX, or .cache/prefix. Runs on Debian, in the images of manylinux and musllinux, and on macOS.
#
# Archives that lie in $SCALER_CACHE/downloaded, or .cache/downloaded, are used, and need no network then:
# scripts/library_tool.sh boost download; scripts/library_tool.sh capnp download.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '[wheel_libraries] %s\n' "$*"; }
fail() { printf '[wheel_libraries] error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" > /dev/null 2>&1; }

# Prints the commands that are missing.
missing_commands() {
    local command
    for command in c++ cmake make curl tar bzip2 xz; do
        have "$command" || printf '%s\n' "$command"
    done
}

# The package that has a command, by the package manager: only where the two names differ.
package_of() {
    case $1/$2 in
        apt-get/c++ | apk/c++) echo g++ ;;
        dnf/c++) echo gcc-c++ ;;
        apt-get/xz) echo xz-utils ;;
        *) echo "$2" ;;
    esac
}

install_missing() {
    local manager=$1 command administrator=() packages=()
    shift
    for command in "$@"; do packages+=("$(package_of "$manager" "$command")"); done
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || fail "these commands are missing, and only root may install them: $*"
        administrator=(sudo)
    fi
    say "installing ${packages[*]} with $manager"
    case $manager in
        apt-get)
            "${administrator[@]}" apt-get -qq update
            "${administrator[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
                ca-certificates "${packages[@]}" > /dev/null ;;
        dnf) "${administrator[@]}" dnf -q -y install "${packages[@]}" ;;
        apk) "${administrator[@]}" apk add --quiet --no-cache "${packages[@]}" ;;
    esac
}

ensure_commands() {
    local missing manager
    mapfile -t missing < <(missing_commands)
    if [ ${#missing[@]} -eq 0 ]; then return; fi
    for manager in apt-get dnf apk; do
        if have "$manager"; then
            install_missing "$manager" "${missing[@]}"
            return
        fi
    done
    fail "these commands are missing, and none of apt-get, dnf and apk is here to install them: ${missing[*]}"
}

ensure_commands
for library in boost capnp; do
    "$root/scripts/library_tool.sh" "$library" all "--prefix=${SCALER_PREFIX:-$root/.cache/prefix}"
done
