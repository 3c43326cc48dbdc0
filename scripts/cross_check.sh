#!/usr/bin/env bash
# Compiles the C++ core for other systems, and runs its tests there as far as an emulator goes.
#
#   scripts/cross_check.sh mingw     the client side (cpp/protocol, cpp/ymq) for Windows; tests run under wine
#   scripts/cross_check.sh aarch64   everything but the extension modules for Linux on aarch64; tests run under qemu
#   scripts/cross_check.sh macos     the client side for macOS on arm64; its tests are built, for nothing here can run them
#   scripts/cross_check.sh           all three
#
# What Debian has for it is installed first: cross compilers, emulators, the sources of GoogleTest, the schema compiler
# and Boost; nanobind, and Zig's compiler for macOS, come from PyPI. Cap'n Proto is compiled for the system from its sources
# (scripts/library_tool.sh). Results are in build/mingw, build/aarch64 and build/macos. $JOBS are the jobs of a build, one
# per processor without it. The sources of the two client modules are compiled for Windows and macOS, too, with the
# headers of this machine's Python, and not linked.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
jobs=${JOBS:-$(nproc)}

say() { printf '[cross_check] %s\n' "$*"; }
fail() { printf '[cross_check] error: %s\n' "$*" >&2; exit 1; }
# shellcheck source=build_tools.sh
source "$root/scripts/build_tools.sh"

have() { command -v "$1" >/dev/null 2>&1; }

# Prints the packages that are missing for a system, one per line.
missing_packages() {
    have cmake || echo cmake
    have ninja || echo ninja-build
    have capnp || echo capnproto
    [ -e /usr/include/boost/asio.hpp ] || echo libboost1.81-dev
    [ -e /usr/src/googletest/CMakeLists.txt ] || echo googletest
    case $1 in
        mingw)
            have x86_64-w64-mingw32-g++-posix || echo g++-mingw-w64-x86-64-posix
            have wine || printf '%s\n' wine wine64 ;;
        aarch64)
            have aarch64-linux-gnu-g++ || echo g++-aarch64-linux-gnu
            have qemu-aarch64 || echo qemu-user ;;
    esac
    python3 -c 'import ensurepip, venv' 2> /dev/null || echo python3-venv
}

ensure_packages() {
    local missing administrator=() sentence
    mapfile -t missing < <(missing_packages "$1")
    if [ "${#missing[@]}" -eq 0 ]; then return; fi
    sentence="these system packages are missing and apt cannot install them here: ${missing[*]}"
    have apt-get || fail "$sentence"
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || fail "$sentence (neither root nor sudo)"
        administrator=(sudo)
    fi
    say "installing system packages: ${missing[*]}"
    "${administrator[@]}" apt-get -qq update || fail "$sentence (apt-get update failed)"
    "${administrator[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
        "${missing[@]}" > /dev/null || fail "$sentence (apt-get install failed)"
    mapfile -t missing < <(missing_packages "$1")
    [ "${#missing[@]}" -eq 0 ] || fail "still missing after the installation: ${missing[*]}"
}

# Installs a package from PyPI into an environment of this script's own.
environment=$root/.cache/cross/environment
ensure_module() {
    local module=$1 requirement=$2
    [ -x "$environment/bin/python" ] || "$(find_python)" -m venv "$environment"
    if "$environment/bin/python" -c "import $module" 2> /dev/null; then return; fi
    say "installing $requirement from PyPI"
    "$environment/bin/python" -m pip --disable-pip-version-check install --quiet "$requirement" ||
        fail "pip could not install '$requirement'"
}

# Makes the commands that cmake/toolchains/macos-arm64.cmake names.
ensure_zig() {
    local commands=$root/.cache/cross/zig command target
    ensure_module ziglang 'ziglang>=0.13'
    mkdir -p "$commands"
    for command in cc c++ ar ranlib; do
        case $command in cc | c++) target='-target aarch64-macos.13.3' ;; *) target='' ;; esac
        printf '#!/bin/sh\nexec "%s" -m ziglang %s %s "$@"\n' "$environment/bin/python" "$command" "$target" \
            > "$commands/$command"
        chmod +x "$commands/$command"
    done
}

# Compiles the sources of the client's extension modules, one by one; there is no Python of that system to link them with.
check_modules() {
    local system=$1 compiler=() headers source
    ensure_module nanobind 'nanobind>=3.1'
    case $system in
        mingw)
            # What Python's headers for Linux ask for, and those for Windows would not.
            mkdir -p build/mingw/python/sys
            : > build/mingw/python/sys/select.h
            compiler=(x86_64-w64-mingw32-g++-posix -D_WIN32_WINNT=0x0A00 -DWIN32_LEAN_AND_MEAN -DNOMINMAX
                -isystem build/mingw/python) ;;
        macos) compiler=("$root/.cache/cross/zig/c++" -include cmake/kj_comparison.h) ;;
    esac
    headers=$("$environment/bin/python" -c 'import nanobind, sysconfig
print(nanobind.include_dir(), sysconfig.get_path("include"))')
    say "compiling the client's extension modules"
    for source in cpp/bindings/exit_guard.cpp cpp/bindings/ymq*.cpp cpp/bindings/codec*.cpp; do
        "${compiler[@]}" -c -std=c++20 -o "build/$system/module.o" -Wall -Wextra -DBOOST_ASIO_NO_DEPRECATED \
            -DBOOST_ASIO_SEPARATE_COMPILATION -Icpp -isystem "${headers% *}" -isystem "${headers#* }" \
            -isystem "build/$system/cpp/protocol/generated" -isystem ".cache/prefix-$system/include" "$source" ||
            fail "$source does not compile"
    done
}

# Boost's headers are the same for all systems, but nothing else of /usr/include is.
offer_boost() {
    mkdir -p "$1/include"
    ln -sfn /usr/include/boost "$1/include/boost"
}

check() {
    local system=$1
    ensure_packages "$system"
    if [ "$system" = macos ]; then ensure_zig; fi
    offer_boost "$root/.cache/prefix-$system"
    say "configuring preset '$system'"
    configure "build/configure-$system.log" --preset "$system"
    say "building with $jobs jobs"
    cmake --build --preset "$system" --parallel "$jobs"
    if [ "$system" != aarch64 ]; then check_modules "$system"; fi
    if [ "$system" = macos ]; then say "macos: everything is compiled and linked, and nothing was run"; return; fi
    say "running the tests"
    # Wine's own messages are about what it lacks, and not about what is tested.
    WINEDEBUG=-all WINEPREFIX=$root/build/$system/wine ctest --preset "$system"
    say "$system: everything passed"
}

case ${1:-all} in
    mingw | aarch64 | macos) check "$1" ;;
    all) check mingw; check aarch64; check macos ;;
    *) fail "usage: scripts/cross_check.sh [mingw|aarch64|macos]" ;;
esac
