#!/usr/bin/env bash
# Runs the tests with everything of ours compiled for sanitizers.
#
#   scripts/sanitize.sh            all of the following
#   scripts/sanitize.sh asan       the C++ tests under the address and undefined behaviour sanitizers
#   scripts/sanitize.sh tsan       the C++ tests under the thread sanitizer
#   scripts/sanitize.sh python     the Python tests of the extension modules, with modules under the first two
#
# The modules are built and installed into a copy of the package in build/asan-python; those in src stay as they are.
# $PYTHON names the interpreter with the project's test requirements (.venv/bin/python when it is there); $JOBS the jobs
# of a build.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
jobs=${JOBS:-$(nproc)}
python_tests=(tests/io tests/protocol tests/object_storage tests/worker/agent/test_task_gate.py)
# The sanitizer opens a pipe to look at the memory of an object, and takes the object for a wrong one when it cannot: a
# process without descriptors is tested without it. The preset "asan" leaves out the C++ test of the same.
without_descriptors=running_out_of_descriptors

# Everything that is wrong ends the process, so that a test fails; a report has a stack with names. To ask for more memory
# than there is, is not wrong: tests do.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1:allocator_may_return_null=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1:allocator_may_return_null=1}

say() { printf '[sanitize] %s\n' "$*"; }
fail() { printf '[sanitize] error: %s\n' "$*" >&2; exit 1; }
# shellcheck source=build_tools.sh
source "$root/scripts/build_tools.sh"

run_cpp() {
    local preset=$1
    configure "build/$preset/configure.log" --preset "$preset"
    cmake --build --preset "$preset" --parallel "$jobs"
    say "running the C++ tests of preset '$preset'"
    ctest --preset "$preset"
}

# A copy of the package, its tests and the pages they read, so that nothing finds the ordinary modules in src.
copy_package() {
    local copy=$1 component
    rm -rf "$copy"
    mkdir -p "$copy"
    tar -C "$root" --exclude='*.so' --exclude=__pycache__ --exclude=src/scaler/object_storage/bin -cf - \
        pyproject.toml README.md CONTRIBUTING.md SECURITY.md docs src tests | tar -C "$copy" -xf -
    for component in python daemon; do
        cmake --install "$(dirname "$copy")" --prefix "$copy/src" --component "$component" > /dev/null
    done
}

run_python() {
    local folder=build/asan-python copy python preload
    copy=$root/$folder/package
    python=$(find_python)
    configure "$folder/configure.log" -S . -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSCALER_SANITIZE=address,undefined \
        -DSCALER_WARNINGS_AS_ERRORS=ON "-DPython_EXECUTABLE=$python"
    cmake --build "$folder" --parallel "$jobs"
    copy_package "$copy"
    # The interpreter is not built with the sanitizer, whose library must come first; exceptions need the C++ library to
    # be known to it. Python's own allocator would hide small objects.
    preload="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libstdc++.so)"
    say "running the Python tests with sanitized modules"
    # The interpreter and libraries that were not built with it keep memory until they end: no search for leaks.
    (
        cd "$copy"
        env LD_PRELOAD="$preload" PYTHONMALLOC=malloc PYTHONPATH="$copy/src" PYTHONDONTWRITEBYTECODE=1 \
            ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" \
            "$python" -m pytest -p no:cacheprovider --timeout=240 -k "not $without_descriptors" \
            "${python_tests[@]}"
    )
}

case ${1:-all} in
    asan | tsan) steps=("run_cpp $1") ;;
    python) steps=(run_python) ;;
    all) steps=("run_cpp asan" "run_cpp tsan" run_python) ;;
    *) fail "usage: scripts/sanitize.sh [asan|tsan|python|all]" ;;
esac
failed=()
for step in "${steps[@]}"; do
    # A shell of its own, so that the first failure ends the step, and the other steps still run.
    set +e
    (set -e; $step)
    result=$?
    set -e
    if [ "$result" -ne 0 ]; then failed+=("${step#run_}"); fi
done
if [ ${#failed[@]} -gt 0 ]; then fail "failed: ${failed[*]}"; fi
say "nothing found"
