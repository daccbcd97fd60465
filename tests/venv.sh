# What suites in Python share, to be sourced: a virtual environment below target/, made once for each state of requirements.txt.
# Needs $suite, the name, and $here, the folder. Sets $root, $target, $venv, and `once`.
# shellcheck shell=bash

root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
venv=$target/$suite-venv
python=${PYTHON:-python3}

fail() {
    echo "$suite: $*" >&2
    echo "$suite: 0 passed, 1 failed"
    exit 1
}

# Runs the command unless it succeeded before for the same files: `once NAME FILE… -- COMMAND…`.
once() {
    local stamp=$target/$suite-stamps/$1 files=() now
    shift
    while [ "$1" != -- ]; do files+=("$1") && shift; done
    shift
    now=$(sha256sum "${files[@]}" && echo "$*")
    if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$now" ]; then
        "$@"
        mkdir -p "$(dirname "$stamp")"
        echo "$now" > "$stamp"
    fi
}

make_venv() {
    rm -rf "$venv"
    "$python" -m venv "$venv" || fail "$python cannot make a virtual environment; on Debian: apt-get install python3-venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
}

binary=${CAMBIST_BIN:-$target/debug/cambist}
[ -x "$binary" ] || fail "there is no $binary; build it first: cargo build --bin cambist"
command -v "$python" > /dev/null || fail "there is no $python; on Debian: apt-get install python3 python3-venv"
export CAMBIST_BIN
CAMBIST_BIN=$(realpath "$binary")

[ -x "$venv/bin/python" ] || rm -rf "$target/$suite-stamps"
once python "$here/requirements.txt" -- make_venv

# Everything listens on loopback: no proxy of the environment has a part in this.
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
export PYTHONDONTWRITEBYTECODE=1
