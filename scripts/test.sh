#!/usr/bin/env bash
# Builds everything, runs the C++ tests, then the Python tests against the installed package. Arguments go to pytest.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
# shellcheck source=build_tools.sh
source "$root/scripts/build_tools.sh"

ensure_packages tests
ensure_environment
install_project "${every_extra:?}"

say "building the C++ tests"
cd "$root"
configure build/configure-dev.log --preset dev "-DPython_EXECUTABLE=${environment:?}/bin/python" -Wno-dev
cmake --build --preset dev
say "running the C++ tests"
ctest --preset dev

say "running the Python tests against the installed package"
exec env -u PYTHONPATH "$environment/bin/pytest" "$@"
