# Prepares a machine and the environment .venv; sourced by quickstart.sh, test.sh, benchmark.sh and dev_container.sh, does
# nothing that is done already.
# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
environment=$root/.venv
stamp=$environment/.scaler-installed
# What working on the project needs; scripts that install the same do not install it anew.
every_extra=dev,docs,examples,test

say() { printf '[setup] %s\n' "$*"; }
fail() { printf '[setup] error: %s\n' "$*" >&2; exit 1; }

have() { command -v "$1" >/dev/null 2>&1; }

# The header may lie beside the compiler's own ones or in a multi-architecture folder: the compiler knows.
have_header() { printf '#include <%s>\n' "$1" | g++ -x c++ -E - >/dev/null 2>&1; }

have_boost() {
    printf '#include <boost/asio/version.hpp>\n#include <boost/version.hpp>\n#if BOOST_VERSION < 108100\n#error\n#endif\n' |
        g++ -x c++ -E - >/dev/null 2>&1
}

have_python() {
    have python3 && python3 - <<'PYTHON' >/dev/null 2>&1
import ensurepip, os, sys, sysconfig, venv
sys.exit(sys.version_info < (3, 10) or not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))
PYTHON
}

boost_package() {
    if apt-cache policy libboost1.81-dev 2>/dev/null | grep -q 'Candidate: [0-9]'; then
        echo libboost1.81-dev
    else
        echo libboost-dev
    fi
}

# Prints the packages that are missing, one per line; Boost's name is settled when apt is known to work. Tests need more than
# builds, developers more than tests.
purpose=build
missing_packages() {
    have g++ || echo g++
    have cmake || echo cmake
    have ninja || echo ninja-build
    have readelf || echo binutils
    have capnp || echo capnproto
    if [ "$purpose" = development ]; then
        have git || echo git
        have sudo || echo sudo
        have clang-format-14 || echo clang-format-14
        have clang-tidy-19 || echo clang-tidy-19
        have shellcheck || echo shellcheck
        have ccache || echo ccache
        have gdb || echo gdb
    fi
    if [ "$purpose" != build ]; then
        have valgrind || echo valgrind
        have strace || echo strace
        have chromium || echo chromium
        have chromedriver || echo chromium-driver
        have tmux || echo tmux
    fi
    if have g++; then
        have_boost || echo libboost1.81-dev
        have_header capnp/message.h || echo libcapnp-dev
        have_header gtest/gtest.h || echo libgtest-dev
    else
        printf '%s\n' libboost1.81-dev libcapnp-dev libgtest-dev
    fi
    have_python || printf '%s\n' python3 python3-venv python3-dev
}

# Installs what is missing for "build", for "tests", or for "development".
ensure_packages() {
    purpose=$1
    local missing administrator=()
    mapfile -t missing < <(missing_packages)
    if [ "${#missing[@]}" -eq 0 ]; then
        say "system packages: all there"
        return
    fi
    local sentence="these system packages are missing and apt cannot install them here: ${missing[*]}"
    have apt-get || fail "$sentence"
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || fail "$sentence (neither root nor sudo)"
        administrator=(sudo)
    fi
    say "installing system packages: ${missing[*]}"
    "${administrator[@]}" apt-get -qq update || fail "$sentence (apt-get update failed)"
    missing=("${missing[@]/libboost1.81-dev/$(boost_package)}")
    "${administrator[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
        ca-certificates "${missing[@]}" >/dev/null || fail "$sentence (apt-get install failed)"
    mapfile -t missing < <(missing_packages)
    [ "${#missing[@]}" -eq 0 ] || fail "still missing after the installation: ${missing[*]}"
}

ensure_environment() {
    if ! "$environment/bin/python" -m pip --version >/dev/null 2>&1; then
        say "making the environment .venv with $(python3 --version)"
        python3 -m venv --clear "$environment"
    fi
    export PIP_DISABLE_PIP_VERSION_CHECK=1
}

# What the wheel is made of, and the interpreter it is made for.
sources_hash() {
    (
        cd "$root"
        "$environment/bin/python" --version
        find src cpp cmake CMakeLists.txt pyproject.toml scripts/library_tool.sh README.md LICENSE LICENSE.spdx NOTICE \
            LICENSES -type f \
            ! -name '*.so' ! -name '*.pyc' ! -path '*/object_storage/bin/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    ) | sha256sum | cut -d' ' -f1
}

build_requirements() {
    "$environment/bin/python" - "$root/pyproject.toml" <<'PYTHON'
import sys
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
with open(sys.argv[1], "rb") as file:
    print("\n".join(tomllib.load(file)["build-system"]["requires"]))
PYTHON
}

# Installs the project as a wheel, with the extras given as "a,b" or none, unless the same sources are installed already.
install_project() {
    local extras=$1 hash wheel requirements
    hash=$(sources_hash)
    if [ "$(cat "$stamp" 2>/dev/null)" = "$hash $extras" ] ||
        { [ -z "$extras" ] && [ "$(cut -d' ' -f1 "$stamp" 2>/dev/null)" = "$hash" ]; }; then
        say "the package is installed and up to date"
        return
    fi
    mapfile -t requirements < <(build_requirements)
    say "installing what the build needs: ${requirements[*]}"
    "$environment/bin/pip" install --quiet "${requirements[@]}"
    say "building the package (the first time takes some minutes)"
    rm -rf "$root/build/wheel"
    "$environment/bin/pip" wheel --quiet --no-build-isolation --no-deps --wheel-dir "$root/build/wheel" "$root"
    wheel=$(echo "$root"/build/wheel/*.whl)
    say "installing $(basename "$wheel")"
    rm -f "$stamp"
    "$environment/bin/pip" uninstall --quiet --yes opengris-scaler 2>/dev/null || true
    "$environment/bin/pip" install --quiet "$wheel${extras:+[$extras]}"
    printf '%s\n' "$hash $extras" > "$stamp"
}
