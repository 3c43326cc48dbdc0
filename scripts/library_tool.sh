#!/usr/bin/env bash
# Fetches, compiles and installs the native libraries that the project is built with, into a prefix of its own.
#
#   scripts/library_tool.sh boost|capnp download   the archive: from apt's own sources, or else from the library's authors
#   scripts/library_tool.sh boost|capnp compile    unpacks it; of Cap'n Proto everything is built, of Boost nothing
#   scripts/library_tool.sh boost|capnp install    puts it into the prefix
#   scripts/library_tool.sh boost|capnp all        the three steps; none when the result is in the prefix already
#
#   --prefix=DIR        where to install; without it $SCALER_PREFIX, or .cache/prefix in the source tree
#   --archive=FILE      takes this archive, and downloads nothing; so does one in $SCALER_CACHE/downloaded
#   --without-compiler  of Cap'n Proto only the headers and the archives kj and capnp, of the release that the schema
#                       compiler $CAPNP (or capnp) has: half a minute instead of five
#   --toolchain=FILE    compiles for another system, with this CMake toolchain file; implies --without-compiler
#
# Archives are static, position-independent and hide their symbols: Debian's own libkj.a is not position-independent, and
# its shared libraries clash with the copy inside pycapnp. Every archive is checked: by apt's signatures, or by the
# checksums below. Work goes on in $SCALER_CACHE, or .cache in the source tree; $JOBS are the jobs of a build.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${SCALER_CACHE:-$root/.cache}
prefix=${SCALER_PREFIX:-$root/.cache/prefix}

readonly pinned_boost=1.81.0 pinned_capnp=0.9.2
# Name, SHA-256 and origin of an archive; those without an origin come from Debian, which packs some of them anew.
known_archives="
boost1.81_1.81.0.orig.tar.xz 449afecf5ef98edc0a46826cde6af98d1fb95c2e92962fa8c9e3eb1e8a2928ec
boost_1_81_0.tar.bz2 71feeed900fbccca04a3b4f2f84a7c217186f28a940ed8b7ed4725986baf99fa https://archives.boost.io/release/1.81.0/source/
capnproto_0.9.2.orig.tar.gz 4031e9c9158fce1979baf3c5234315c1be74b273c0be9f6c4aaf4d0dfda52542
capnproto-c++-0.9.2.tar.gz 4031e9c9158fce1979baf3c5234315c1be74b273c0be9f6c4aaf4d0dfda52542 https://capnproto.org/
"

say() { printf '[library_tool] %s\n' "$*"; }
fail() { printf '[library_tool] error: %s\n' "$*" >&2; exit 1; }
usage() {
    fail "usage: library_tool.sh boost|capnp download|compile|install|all [--prefix=DIR] [--archive=FILE]" \
        "[--without-compiler] [--toolchain=FILE]"
}

have() { command -v "$1" >/dev/null 2>&1; }
need() { have "$1" || fail "'$1' is missing: install the package '$2'"; }

# The two functions print the field of an archive in the table, and nothing for an archive that is not in it.
checksum_of() { awk -v name="$1" '$1 == name { print $2 }' <<< "$known_archives"; }
origin_of() { awk -v name="$1" '$1 == name { print $3 }' <<< "$known_archives"; }

# The name that Debian gives the archive, and the name its authors give it.
debian_name() {
    case $library in
        boost) printf 'boost%s_%s.orig.tar.xz' "${version%.*}" "$version" ;;
        capnp) printf 'capnproto_%s.orig.tar.gz' "$version" ;;
    esac
}
authors_name() {
    case $library in
        boost) printf 'boost_%s.tar.bz2' "${version//./_}" ;;
        capnp) printf 'capnproto-c++-%s.tar.gz' "$version" ;;
    esac
}
debian_source() { if [ "$library" = boost ]; then printf 'boost%s' "${version%.*}"; else printf 'capnproto'; fi; }

check_archive() {
    local file=$1 expected=$2 actual
    need sha256sum coreutils
    actual=$(sha256sum "$file" | cut -d' ' -f1)
    [ "$actual" = "$expected" ] || fail "$file has the SHA-256 $actual instead of $expected: remove it, and download it anew"
}

# Prints the path of the archive when it is on disk; what is of a known name has been checked then.
find_archive() {
    local name file expected
    if [ -n "$given_archive" ]; then
        [ -f "$given_archive" ] || fail "--archive=$given_archive: there is no such file"
        for name in "$(debian_name)" "$(authors_name)"; do
            expected=$(checksum_of "$name")
            [ "$(sha256sum "$given_archive" | cut -d' ' -f1)" = "${expected:-none}" ] || continue
            printf '%s' "$given_archive"
            return
        done
        fail "--archive=$given_archive is none of the known archives of $library $version: its SHA-256 must be that of" \
            "$(debian_name) ($(checksum_of "$(debian_name)")) or $(authors_name) ($(checksum_of "$(authors_name)"))"
    fi
    for name in "$(debian_name)" "$(authors_name)"; do
        file=$cache/downloaded/$name
        [ -e "$file" ] || continue
        expected=$(checksum_of "$name")
        # Other releases come here by apt alone, which has checked their signature.
        if [ -n "$expected" ]; then check_archive "$file" "$expected"; fi
        printf '%s' "$file"
        return
    done
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
    [ -s "$list" ]
}

# Returns false when apt does not have the source of this release.
download_from_debian() {
    local list=$cache/apt/source.list source offered
    source=$(debian_source)
    have apt-get && have apt-cache || return 1
    mkdir -p "$cache/apt/lists/partial"
    write_source_list "$list" || return 1
    local options=(-o "Dir::Etc::sourcelist=$list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$cache/apt/lists" -o APT::Sandbox::User=root)
    apt-get -qq "${options[@]}" update || return 1
    offered=$(apt-cache "${options[@]}" showsrc --only-source "$source" 2>/dev/null |
        sed -nE "s/^Version: (${version//./\\.}-.*)/\\1/p" | sort -V | tail -n 1)
    [ -n "$offered" ] || return 1
    say "downloading the source package $source $offered"
    (cd "$cache/downloaded" && apt-get -qq "${options[@]}" source --download-only "$source=$offered") || return 1
    [ -e "$cache/downloaded/$(debian_name)" ]
}

download_from_authors() {
    local name url target
    name=$(authors_name)
    url=$(origin_of "$name")$name
    [ -n "$(checksum_of "$name")" ] ||
        fail "apt has no source package of $library $version here, and no checksum of $name is known: use release" \
            "$(if [ "$library" = boost ]; then echo $pinned_boost; else echo $pinned_capnp; fi)"
    need curl curl
    say "downloading $url"
    target=$cache/downloaded/$name
    curl --fail --silent --show-error --location --retry 10 --output "$target.part" "$url" ||
        fail "cannot download $url: put $name into $cache/downloaded, or name it with --archive=FILE"
    check_archive "$target.part" "$(checksum_of "$name")"
    mv "$target.part" "$target"
}

download() {
    local archive
    archive=$(find_archive)
    if [ -n "$archive" ]; then say "the archive is there: $archive"; return; fi
    mkdir -p "$cache/downloaded"
    download_from_debian || download_from_authors
    archive=$(find_archive)
    [ -n "$archive" ] || fail "the archive of $library $version did not arrive in $cache/downloaded"
}

# Unpacks into a folder of its own, unless it is there, without the outer folder of the archive; what else tar is told
# follows.
unpack() {
    local target=$1 archive
    shift
    if [ -d "$target" ]; then return; fi
    archive=$(find_archive)
    [ -n "$archive" ] || fail "$(authors_name) is missing: run '$0 $library download' first, or name it with --archive=FILE"
    case $archive in
        *.xz) need xz xz-utils ;;
        *.bz2) need bzip2 bzip2 ;;
    esac
    say "unpacking $(basename "$archive")"
    rm -rf "$target.part"
    mkdir -p "$target.part"
    tar -xf "$archive" -C "$target.part" --strip-components=1 "$@"
    mv "$target.part" "$target"
}

# --- Boost: of which only headers are used

boost_source() { printf '%s/source/boost-%s' "$cache" "$version"; }

# Boost's own archive has all headers in one folder, that of Debian those of each library in the library's.
boost_compile() {
    local source
    source=$(boost_source)
    unpack "$source" --wildcards '*/boost/*'
    if [ ! -e "$source/boost/asio.hpp" ]; then
        say "gathering the headers of Boost's libraries"
        find "$source/libs" -type d -path '*/include/boost' -prune -exec cp -R {} "$source/" \;
    fi
    [ -e "$source/boost/asio.hpp" ] || fail "$source holds no boost/asio.hpp: remove it, and compile anew"
}

boost_install() {
    local source
    source=$(boost_source)
    [ -e "$source/boost/version.hpp" ] || fail "nothing to install: run '$0 boost compile' first"
    mkdir -p "$prefix/include"
    rm -rf "$prefix/include/boost"
    cp -R "$source/boost" "$prefix/include/boost"
    say "installed the headers of Boost $version into $prefix/include"
}

boost_is_installed() {
    grep -qs "define BOOST_LIB_VERSION \"$(printf '%s' "${version%.0}" | tr . _)\"" "$prefix/include/boost/version.hpp"
}

# --- Cap'n Proto

capnp_source() { printf '%s/source/capnproto-%s' "$cache" "$version"; }

capnp_build() {
    printf '%s/compiled/capnproto-%s' "$cache" "$version"
    if [ -n "$toolchain" ]; then printf -- '-%s' "$(basename "$toolchain" .cmake)"; fi
    if [ "$compiler" = yes ]; then printf -- '-complete'; fi
}

capnp_compile() {
    local source build log targets=()
    source=$(capnp_source)
    build=$(capnp_build)
    log=$cache/$(basename "$build").log
    if [ -e "$build/finished" ]; then say "already compiled: $build"; return; fi
    need cmake cmake
    if [ -z "$toolchain" ]; then need "${CXX:-g++}" g++; fi
    unpack "$source"
    [ -e "$source/CMakeLists.txt" ] || source=$source/c++
    # Missing in the archive of 0.9.2: for Windows it says which version's functions are wanted, as toolchain files do.
    [ -e "$source/src/kj/win32-api-version.h" ] || printf '#pragma once\n' > "$source/src/kj/win32-api-version.h"
    local options=(-DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF -DBUILD_SHARED_LIBS=OFF
        -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_CXX_VISIBILITY_PRESET=hidden
        -DCMAKE_VISIBILITY_INLINES_HIDDEN=ON -DWITH_OPENSSL=OFF -DWITH_ZLIB=OFF
        -DCMAKE_INSTALL_LIBDIR=lib "-DCMAKE_INSTALL_PREFIX=$prefix")
    if [ -n "$toolchain" ]; then
        # For Windows, release 0.9.2 has a use of C++17 that does not compile.
        options+=("-DCMAKE_TOOLCHAIN_FILE=$toolchain" -DEXTERNAL_CAPNP=ON -DCMAKE_CXX_STANDARD=14)
    fi
    if [ "$compiler" = yes ]; then
        say "compiling all of Cap'n Proto $version (some minutes)"
    else
        say "compiling kj and capnp $version (about half a minute)"
        targets=(--target kj capnp)
    fi
    rm -rf "$build"
    cmake -S "$source" -B "$build" "${options[@]}" > "$log" 2>&1 ||
        fail "cmake could not configure Cap'n Proto: see $log"
    cmake --build "$build" -j"${JOBS:-$(nproc)}" "${targets[@]}" >> "$log" 2>&1 ||
        fail "Cap'n Proto did not compile: see $log"
    touch "$build/finished"
}

capnp_install() {
    local build log
    build=$(capnp_build)
    log=$cache/$(basename "$build")-install.log
    [ -e "$build/finished" ] || fail "nothing to install: run '$0 capnp compile' first, with the same options"
    if [ "$compiler" = yes ]; then
        # The files for CMake and pkg-config name the prefix.
        cmake "-DCMAKE_INSTALL_PREFIX=$prefix" "$build" > "$log" 2>&1 || fail "cmake could not configure: see $log"
        cmake --install "$build" >> "$log" 2>&1 || fail "Cap'n Proto could not be installed: see $log"
    else
        install_what_is_linked "$build"
    fi
    printf '%s\n' "$version" > "$prefix/lib/capnp.version"
    say "installed Cap'n Proto $version into $prefix"
}

install_what_is_linked() {
    local build=$1 source archives
    mapfile -t archives < <(find "$build" -name libkj.a -o -name libcapnp.a)
    [ "${#archives[@]}" -eq 2 ] || fail "$build does not hold libkj.a and libcapnp.a: remove it, and compile anew"
    source=$(capnp_source)
    [ -d "$source/src/capnp" ] || source=$source/c++
    mkdir -p "$prefix/lib" "$prefix/include"
    install -m 0644 "${archives[@]}" "$prefix/lib/"
    (cd "$source/src" && find kj capnp \( -name '*.h' -o -name 'c++.capnp' -o -name 'schema.capnp' \) \
        ! -name '*-test*' -print0 | tar --null --files-from=- -cf -) | tar -C "$prefix/include" -xf -
}

capnp_is_installed() {
    [ "$(cat "$prefix/lib/capnp.version" 2>/dev/null)" = "$version" ] &&
        [ -e "$prefix/lib/libkj.a" ] && [ -e "$prefix/lib/libcapnp.a" ] && [ -e "$prefix/include/capnp/message.h" ] ||
        return 1
    [ "$compiler" = no ] || { [ -x "$prefix/bin/capnp" ] && [ -e "$prefix/lib/cmake/CapnProto/CapnProtoConfig.cmake" ]; }
}

# What the compiler of the system writes, only headers and archives of the same release can be compiled with.
version_of_system_compiler() {
    local text compiler=${CAPNP:-capnp}
    have "$compiler" ||
        fail "the schema compiler is missing: install the package 'capnproto', or leave out --without-compiler"
    text=$("$compiler" --version)
    printf '%s' "${text##* }"
}

[ $# -ge 2 ] || usage
library=$1 verb=$2
shift 2
given_archive='' toolchain='' compiler=yes
for argument in "$@"; do
    case $argument in
        --prefix=?*) prefix=${argument#--prefix=} ;;
        --archive=?*) given_archive=${argument#--archive=} ;;
        --without-compiler) compiler=no ;;
        --toolchain=?*) toolchain=$(realpath "${argument#--toolchain=}") compiler=no ;;
        *) usage ;;
    esac
done
prefix=$(realpath -m "$prefix")
# Here, and not where it is used: what fails inside an argument would not end the script.
case $library in
    boost) version=$pinned_boost ;;
    capnp) if [ "$compiler" = yes ]; then version=$pinned_capnp; else version=$(version_of_system_compiler); fi ;;
    *) usage ;;
esac
case $verb in
    download) download ;;
    compile) "${library}_compile" ;;
    install) "${library}_install" ;;
    all)
        if "${library}_is_installed"; then
            say "$library $version is already in $prefix"
        else
            download
            "${library}_compile"
            "${library}_install"
        fi ;;
    *) usage ;;
esac
