#!/usr/bin/env bash
# Builds the native libraries that extension modules link statically, into a cached prefix of the project.
#
#   scripts/library_tool.sh capnp download   fetch Debian's own Cap'n Proto source package
#   scripts/library_tool.sh capnp compile    build kj and capnp: static, position-independent, hidden symbols
#   scripts/library_tool.sh capnp install    copy the two archives into the prefix
#   scripts/library_tool.sh capnp all        the three steps, each skipped when its result is there
#
# The prefix is $SCALER_PREFIX, or .cache/prefix in the source tree; --prefix=DIR overrides both.
# Debian's own libkj.a is not position-independent and its shared libraries clash with the copy inside pycapnp, so
# modules link these archives; headers and the schema compiler still come from libcapnp-dev and capnproto.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${SCALER_CACHE:-$root/.cache}
prefix=${SCALER_PREFIX:-$root/.cache/prefix}

say() { printf '[library_tool] %s\n' "$*"; }
fail() { printf '[library_tool] error: %s\n' "$*" >&2; exit 1; }
usage() { fail "usage: library_tool.sh capnp download|compile|install|all [--prefix=DIR]"; }

need() { command -v "$1" >/dev/null 2>&1 || fail "'$1' is missing: install the package '$2'"; }

# The version of the headers decides the version of the archives: they must be the same release.
capnp_version() {
    need dpkg-query dpkg
    local version
    version=$(dpkg-query -W -f '${Version}' libcapnp-dev 2>/dev/null) || true
    [ -n "$version" ] || fail "the headers are missing: install the package 'libcapnp-dev' (and 'capnproto')"
    printf '%s' "$version" | sed -E 's/^[0-9]+://; s/-[^-]*$//'
}

# A private source list: the machine's own Debian sources, with deb-src, so that no system file is touched.
write_source_list() {
    local list=$1 file
    : > "$list"
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -e "$file" ] || continue
        sed -nE 's/^deb( |\t)/deb-src\1/p' "$file" | grep -iE 'debian|ubuntu' >> "$list" || true
    done
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -e "$file" ] || continue
        awk -v RS= -v ORS='\n' '
            function field(name,   value) {
                if (match($0, "(^|\n)" name ":[^\n]*")) {
                    value = substr($0, RSTART, RLENGTH); sub("^\n?" name ":[ \t]*", "", value); return value
                }
                return ""
            }
            field("Types") ~ /deb/ && field("URIs") ~ /(debian|ubuntu)/ {
                key = field("Signed-By"); option = key == "" ? "" : "[signed-by=" key "] "
                count = split(field("Suites"), suites, /[ \t]+/)
                split(field("URIs"), uris, /[ \t]+/)
                for (i = 1; i <= count; i++) print "deb-src " option uris[1] " " suites[i] " " field("Components")
            }' "$file" >> "$list"
    done
    [ -s "$list" ] || fail "no Debian source is configured for apt: put capnproto_$version.orig.tar.gz into $cache/downloaded"
}

capnp_archive() { printf '%s/downloaded/capnproto_%s.orig.tar.gz' "$cache" "$version"; }

capnp_download() {
    local archive list
    archive=$(capnp_archive)
    if [ -e "$archive" ]; then say "already downloaded: $(basename "$archive")"; return; fi
    need apt-get apt
    say "downloading the source package of Cap'n Proto $version"
    mkdir -p "$cache/downloaded" "$cache/apt/lists/partial"
    list=$cache/apt/source.list
    write_source_list "$list"
    local options=(-o "Dir::Etc::sourcelist=$list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$cache/apt/lists" -o APT::Sandbox::User=root)
    apt-get -qq "${options[@]}" update || fail "apt cannot read the source index of Debian"
    (cd "$cache/downloaded" && apt-get -qq "${options[@]}" source --download-only capnproto) ||
        fail "apt cannot download the source package 'capnproto'"
    [ -e "$archive" ] || fail "apt's capnproto source is not version $version, the version of libcapnp-dev"
}

capnp_compile() {
    local archive source build
    archive=$(capnp_archive)
    source=$cache/source/capnproto-$version
    build=$cache/compiled/capnproto-$version
    if [ -e "$build/src/capnp/libcapnp.a" ] && [ -e "$build/src/kj/libkj.a" ]; then say "already compiled"; return; fi
    [ -e "$archive" ] || fail "$(basename "$archive") is missing: run '$0 capnp download' first"
    need cmake cmake
    need g++ g++
    say "compiling kj and capnp (about half a minute)"
    rm -rf "$source" "$build"
    mkdir -p "$source"
    tar -xzf "$archive" -C "$source" --strip-components=1
    local tree=$source
    [ -e "$tree/CMakeLists.txt" ] || tree=$source/c++
    cmake -S "$tree" -B "$build" -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF -DBUILD_SHARED_LIBS=OFF \
        -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_CXX_VISIBILITY_PRESET=hidden \
        -DCMAKE_VISIBILITY_INLINES_HIDDEN=ON -DWITH_OPENSSL=OFF -DWITH_ZLIB=OFF > "$cache/capnp-configure.log" 2>&1 ||
        fail "cmake could not configure Cap'n Proto: see $cache/capnp-configure.log"
    cmake --build "$build" -j"$(nproc)" --target kj capnp > "$cache/capnp-build.log" 2>&1 ||
        fail "Cap'n Proto did not compile: see $cache/capnp-build.log"
}

capnp_install() {
    local archives build
    build=$cache/compiled/capnproto-$version
    mapfile -t archives < <(find "$build" -name libkj.a -o -name libcapnp.a 2>/dev/null)
    [ "${#archives[@]}" -eq 2 ] || fail "nothing to install: run '$0 capnp compile' first"
    mkdir -p "$prefix/lib"
    install -m 0644 "${archives[@]}" "$prefix/lib/"
    printf '%s\n' "$version" > "$prefix/lib/capnp.version"
    say "installed libkj.a and libcapnp.a $version into $prefix/lib"
}

[ $# -ge 2 ] || usage
library=$1 verb=$2
shift 2
for argument in "$@"; do
    case $argument in
        --prefix=*) prefix=${argument#--prefix=} ;;
        *) usage ;;
    esac
done
[ "$library" = capnp ] || usage
# Here, and not where it is used: what fails inside an argument would not end the script.
version=$(capnp_version)
case $verb in
    download) capnp_download ;;
    compile) capnp_compile ;;
    install) capnp_install ;;
    all)
        if [ -e "$prefix/lib/libkj.a" ] && [ -e "$prefix/lib/libcapnp.a" ] &&
            [ "$(cat "$prefix/lib/capnp.version" 2>/dev/null)" = "$version" ]; then
            say "Cap'n Proto $version is already in $prefix"
        else
            capnp_download; capnp_compile; capnp_install
        fi ;;
    *) usage ;;
esac
