#!/usr/bin/env bash
# Installs what a fresh Debian or Ubuntu machine lacks: `install-deps.sh build` for the binary, `install-deps.sh build test` for the
# tests too, `install-deps.sh build bench` for the benchmark. Says nothing when nothing is missing. Without root, or `sudo` that asks no
# password, it changes nothing: it prints what to install and exits 1.
set -euo pipefail

readonly rust_minor=89 # `rust-version` of Cargo.toml: 1.89
readonly node_major=18 # oldest that the interop suite runs on
missing=() # Debian packages

have() { command -v "$1" > /dev/null 2>&1; }

needs_rust() {
    if ! have cargo; then
        echo "install-deps: there is no Rust toolchain; install one from https://rustup.rs and run this again" >&2
        exit 1
    fi
    local version
    version=$(cargo --version | cut -d' ' -f2)
    if [[ $version =~ ^1\.([0-9]+)\. ]] && ((BASH_REMATCH[1] < rust_minor)); then
        echo "install-deps: Rust $version is too old, 1.$rust_minor is needed; run: rustup update stable" >&2
        exit 1
    fi
}

# OpenSSL, SQLite and AWS-LC compile from C. AWS-LC needs no CMake and no assembler on Linux.
needs_for_build() {
    needs_rust
    # A compiler without the headers of the C library compiles nothing of ours.
    have cc && echo '#include <stdio.h>' | cc -E - > /dev/null 2>&1 || missing+=(gcc libc6-dev)
    have make || missing+=(make)
    # OpenSSL's Configure wants more than the `perl-base` that every Debian has.
    perl -MFindBin -MIPC::Cmd -MFile::Compare -e 1 2> /dev/null || missing+=(perl)
    # The roots that outbound HTTPS trusts.
    [[ -s /etc/ssl/certs/ca-certificates.crt ]] || missing+=(ca-certificates)
}

needs_redis() {
    have redis-server && have redis-cli || missing+=(redis-server)
}

needs_for_test() {
    have curl || missing+=(curl)
    needs_redis
    have node || missing+=(nodejs)
    have npm || missing+=(npm)
    python3 -c 'import ensurepip, venv' 2> /dev/null || missing+=(python3 python3-venv)
}

install_missing() {
    ((${#missing[@]} > 0)) || return 0
    local root=()
    if ((EUID != 0)); then
        if have sudo && sudo -n true 2> /dev/null; then root=(sudo -n); else refuse; fi
    fi
    have apt-get || refuse
    echo "install-deps: installing ${missing[*]}"
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" > /dev/null
}

refuse() {
    {
        echo "install-deps: these packages are missing, and this user may not install them: ${missing[*]}"
        echo "install-deps: on Debian or Ubuntu run, as root: apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    } >&2
    exit 1
}

# The distribution's Node may be older than the interop suite can use; then only a newer one from elsewhere helps.
checks_node() {
    local major
    major=$(node -p 'process.versions.node.split(".")[0]')
    if ((major < node_major)); then
        echo "install-deps: Node $major is too old, $node_major is needed for the interop tests; see https://nodejs.org/en/download" >&2
        exit 1
    fi
}

(($# > 0)) || set -- build test
for part in "$@"; do
    case $part in
        build) needs_for_build ;;
        test) needs_for_test ;;
        bench) needs_redis ;;
        *) echo "usage: install-deps.sh [build] [test] [bench]" >&2 && exit 2 ;;
    esac
done
install_missing
[[ " $* " != *" test "* ]] || checks_node
