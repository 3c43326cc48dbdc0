#!/usr/bin/env bash
# Builds the fuzz targets with clang and libFuzzer, runs each over its saved corpus, and prints what they found.
#
#   scripts/fuzz.sh                      60 seconds per target
#   scripts/fuzz.sh 600 protocol_codec   ten minutes of one target (any number of them may be named)
#   scripts/fuzz.sh --save [...]         afterwards takes inputs that reach new code over into tests/fuzz/corpus
#
# What is found is kept in build/fuzz: inputs of interest in corpus, failures in findings. An input that failed is run
# again with build/fuzz/tests/fuzz/fuzz_TARGET FILE; put it into tests/fuzz/corpus/TARGET as regression_NAME with the
# correction.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
build=build/fuzz
saved=tests/fuzz/corpus
# A corpus is read by every run of the tests, so it stays small: the number of files per target, and their size.
readonly most_files=200 most_bytes=4096

say() { printf '[fuzz] %s\n' "$*"; }
fail() { printf '[fuzz] error: %s\n' "$*" >&2; exit 1; }
# shellcheck source=build_tools.sh
source "$root/scripts/build_tools.sh"

have_fuzzer() {
    local object
    command -v clang++-19 > /dev/null || return 1
    object=$(mktemp)
    printf 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n' |
        clang++-19 -x c++ -fsanitize=fuzzer,address,undefined - -o "$object" 2> /dev/null
    local result=$?
    rm -f "$object"
    return $result
}

ensure_fuzzer() {
    if have_fuzzer; then return; fi
    local administrator=() sentence="clang-19 with libFuzzer is needed and apt cannot install it here: clang-19, libclang-rt-19-dev"
    command -v apt-get > /dev/null || fail "$sentence"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo > /dev/null || fail "$sentence (neither root nor sudo)"
        administrator=(sudo)
    fi
    say "installing clang-19 and libclang-rt-19-dev"
    "${administrator[@]}" apt-get -qq update || fail "$sentence (apt-get update failed)"
    "${administrator[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
        clang-19 libclang-rt-19-dev > /dev/null || fail "$sentence (apt-get install failed)"
    have_fuzzer || fail "clang-19 is installed, but cannot link a fuzzer"
}

build_targets() {
    configure "$build/configure.log" --preset fuzz
    cmake --build --preset fuzz --parallel "${JOBS:-$(nproc)}"
}

# Runs one target; returns false when it found something.
run_target() {
    local target=$1 seconds=$2
    local log=$build/fuzz-$target.log found=$build/corpus/$target findings=$build/findings/$target
    mkdir -p "$found" "$findings"
    say "$target: $seconds seconds"
    if "$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$findings/" -print_final_stats=1 "$found" "$saved/$target" > "$log" 2>&1; then
        say "$target: $(grep -E '^Done' "$log" | tail -n 1), $(grep -oE 'cov: [0-9]+ ft: [0-9]+' "$log" | tail -n 1)"
        return 0
    fi
    grep -E '^violated|ERROR:|runtime error:|SUMMARY|Test unit written' "$log" || tail -n 20 "$log"
    say "$target: a finding, see $log"
    return 1
}

# Keeps the seeds, and of what was found the fewest files that together reach the same code.
save_corpus() {
    local target=$1 merged=$build/merged/$1 file count
    rm -rf "$merged"
    mkdir -p "$merged"
    "$build/tests/fuzz/fuzz_$target" -set_cover_merge=1 -max_len="$most_bytes" "$merged" "$saved/$target" \
        "$build/corpus/$target" > "$build/merge-$target.log" 2>&1 || fail "cannot merge: see $build/merge-$target.log"
    find "$saved/$target" -type f ! -name 'seed_*' ! -name 'regression_*' -delete
    count=$(find "$saved/$target" -type f | wc -l)
    while IFS= read -r file; do
        if [ "$count" -ge "$most_files" ]; then
            say "$target: more than $most_files files; the largest are left out"
            break
        fi
        if ! same_content "$file" "$saved/$target"; then
            cp "$file" "$saved/$target/"
            count=$((count + 1))
        fi
    done < <(find "$merged" -type f -printf '%s %p\n' | sort -n | cut -d' ' -f2-)
    say "$target: $count files saved"
}

same_content() {
    local other
    for other in "$2"/*; do
        if cmp -s "$1" "$other"; then return 0; fi
    done
    return 1
}

seconds=60
save=no
targets=()
for argument in "$@"; do
    case $argument in
        --save) save=yes ;;
        -*) fail "usage: scripts/fuzz.sh [--save] [seconds] [target...]" ;;
        *[!0-9]*) targets+=("$argument") ;;
        *) seconds=$argument ;;
    esac
done
if [ ${#targets[@]} -eq 0 ]; then
    for folder in "$saved"/*/; do targets+=("$(basename "$folder")"); done
fi
for target in "${targets[@]}"; do
    [ -d "$saved/$target" ] || fail "there is no target '$target': see $saved"
done

ensure_fuzzer
build_targets
failed=()
for target in "${targets[@]}"; do
    run_target "$target" "$seconds" || failed+=("$target")
done
if [ "$save" = yes ]; then
    for target in "${targets[@]}"; do save_corpus "$target"; done
fi
if [ ${#failed[@]} -gt 0 ]; then
    say "findings in: ${failed[*]}"
    find "$build/findings" -type f -printf '  %p\n'
    exit 1
fi
say "nothing found"
