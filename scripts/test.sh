#!/usr/bin/env bash
# Builds everything, runs the C++ tests, then the Python tests against the installed package. Arguments go to pytest.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

ensure_packages tests
ensure_environment
install_project "dev,test"

say "building the C++ tests"
cd "$root" && mkdir -p build
cmake --preset dev -DPython_EXECUTABLE="$environment/bin/python" -Wno-dev > build/configure-dev.log 2>&1 ||
    { tail -n 30 build/configure-dev.log >&2; fail "cmake could not configure: see build/configure-dev.log"; }
cmake --build --preset dev
say "running the C++ tests"
ctest --preset dev

say "running the Python tests against the installed package"
exec env -u PYTHONPATH "$environment/bin/pytest" "$@"
