#!/usr/bin/env bash
# Shows that a wheel needs nothing but Python: installs it in a bare Debian without compiler, Boost and Cap'n Proto, and
# without network, and runs the smoke test and examples/code_metrics.py there.
#
#   scripts/wheel_in_chroot.sh dist/WHEEL                    Debian 12, which has Python 3.11
#   scripts/wheel_in_chroot.sh dist/WHEEL --suite trixie     another release: Debian 13 has Python 3.13
#   --mirror URL                                             where debootstrap gets its packages, instead of its default
#   --files N                                                how many files the example measures, instead of all
#
# Needs root, debootstrap, unshare and ip. The dependencies of the wheel are downloaded before, by pip of $PYTHON, .venv or
# python3. What runs inside has namespaces of its own, so nothing of it is left: no process, mount or file.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
suite=bookworm mirror=() wheel='' files=''
readonly limit_seconds=1800

say() { printf '[wheel_in_chroot] %s\n' "$*"; }
fail() { printf '[wheel_in_chroot] error: %s\n' "$*" >&2; exit 1; }
usage() { fail "usage: scripts/wheel_in_chroot.sh WHEEL [--suite NAME] [--mirror URL] [--files N]"; }
need() { command -v "$1" > /dev/null || fail "'$1' is missing: install the package '$2'"; }
# shellcheck source=build_tools.sh
source "$root/scripts/build_tools.sh"

# Runs as the first process of the new namespaces; its end is the end of all others.
inside() {
    local folder=$1
    ip link set lo up
    mount -t proc proc "$folder/proc"
    mount -t tmpfs tmpfs "$folder/dev/shm"
    exec chroot "$folder" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/root LANG=C.UTF-8 FILES="$files" /bin/sh -eu /wheel/run.sh
}

write_steps() {
    cat > "$1" << 'STEPS'
for command in cc c++ gcc g++ clang cmake make capnp; do
    if command -v $command; then echo "the machine is not bare: it has $command" >&2; exit 1; fi
done
found=$(find / -xdev \( -name 'libcapnp*' -o -name 'libkj*' -o -path '*/include/boost' \) -print)
if [ -n "$found" ]; then echo "the machine is not bare: $found" >&2; exit 1; fi
python3 -m venv /environment
/environment/bin/pip install --quiet --no-index --find-links /wheel/packages /wheel/packages/opengris_scaler-*.whl
cd /tmp
/environment/bin/python /wheel/smoke_test.py
/environment/bin/python /wheel/code_metrics.py ${FILES:+--files "$FILES"}
STEPS
}

if [ "${1:-}" = --inside ]; then
    files=$3
    inside "$2"
fi
while [ $# -gt 0 ]; do
    case $1 in
        --suite) suite=${2:-} ; shift ;;
        --mirror) [ -n "${2:-}" ] || usage; mirror=("$2") ; shift ;;
        --files) files=${2:-} ; shift ;;
        -*) usage ;;
        *) wheel=$1 ;;
    esac
    shift
done
if [ -z "$wheel" ] || [ -z "$suite" ]; then usage; fi
[ -f "$wheel" ] || fail "$wheel: there is no such file; scripts/wheel.sh builds it"
[ "$(id -u)" -eq 0 ] || fail "only root may make a chroot: call it with sudo"
need debootstrap debootstrap
need unshare util-linux
need ip iproute2
python=$(find_python)

folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
say "making a bare Debian '$suite'"
debootstrap --variant=minbase --include=python3,python3-venv "$suite" "$folder" "${mirror[@]}" > "$folder.log" 2>&1 ||
    { tail -n 20 "$folder.log" >&2; rm -f "$folder.log"; fail "debootstrap failed"; }
rm -f "$folder.log"
version=$(chroot "$folder" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
say "downloading the dependencies for Python $version"
mkdir -p "$folder/wheel/packages"
"$python" -m pip --disable-pip-version-check download --quiet --only-binary :all: --python-version "$version" \
    --dest "$folder/wheel/packages" "$wheel" || fail "pip could not download the dependencies of $wheel for Python $version"
install -m 0644 "$root/scripts/smoke_test.py" "$root/examples/code_metrics.py" "$folder/wheel/"
write_steps "$folder/wheel/run.sh"
say "installing $(basename "$wheel") there, without network, and running it"
timeout --kill-after 5 "$limit_seconds" unshare --mount --net --pid --ipc --uts --fork --kill-child \
    "${BASH_SOURCE[0]}" --inside "$folder" "$files" || fail "the wheel does not work in a bare Debian '$suite'"
say "the wheel works in a bare Debian '$suite' with Python $version"
