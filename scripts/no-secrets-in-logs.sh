#!/usr/bin/env bash
# Looks for every secret that the tests made (token signatures, private keys, encryption keys: the lines of `*.secrets`) in everything
# that was logged at trace level (`*.log`). Fails with the names of the files, never with the secret.
set -euo pipefail

trail=${1:-$(dirname "$0")/../target/test-trail}
secrets=$(mktemp)
trap 'rm -f "$secrets"' EXIT
shopt -s nullglob

noted=("$trail"/*.secrets)
logs=("$trail"/*.log)
# An empty line would be found everywhere.
((${#noted[@]} == 0)) || sort -u "${noted[@]}" | grep -v '^[[:space:]]*$' > "$secrets" || true
if [[ ! -s $secrets ]]; then
    echo "no-secrets-in-logs: no secrets were noted in $trail: did the tests run?" >&2
    exit 1
fi
status=0
leaks=$(grep --recursive --include='*.log' --files-with-matches --text --fixed-strings --file="$secrets" -- "$trail") || status=$?
if ((status == 0)); then
    echo "no-secrets-in-logs: these logs hold a secret:" >&2
    echo "$leaks" >&2
    exit 1
fi
# 1 is "not found"; anything else says that not everything was read.
((status == 1)) || exit "$status"
echo "ran: $(wc -l < "$secrets") secrets looked for in ${#logs[@]} logs, none found"
