#!/usr/bin/env bash
# The image and the composition, without Docker; README.md says what that means. Ends with `deploy: N passed, N failed, N skipped`.
#
# CAMBIST_BIN   the binary to test (default: target/debug/cambist)
# PYTHON        a Python of 3.11 or later with venv (default: python3)
# Arguments go to pytest, for example: tests/deploy/run.sh -k smoke -x
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
suite=deploy
# shellcheck source=tests/venv.sh
source "$here/../venv.sh"

# Mounts and fixed ports that are nobody else's. Without root this takes a range of subordinate users.
alone=(unshare --mount --net)
[ "$(id -u)" = 0 ] || alone+=(--map-root-user --map-auto)
if "${alone[@]}" true 2> /dev/null; then
    export CAMBIST_CONTAINED=1
else
    echo "deploy: this machine lets this user make no namespaces: nothing is run in an empty root" >&2
    alone=()
fi
exec "${alone[@]}" "$venv/bin/python" -m pytest -p no:cacheprovider --rootdir "$here" --basetemp "$target/deploy-run" --verbosity 1 \
    --tb short "$here" "$@"
