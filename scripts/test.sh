#!/usr/bin/env bash
# Every test there is, then one table of what ran. `make test` installs what it needs before.
set -euo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
summary=()
failed=0

# stage <name> <command…>: runs a command, shows its output, remembers how it went.
stage() {
    local name=$1 started=$SECONDS verdict=ok
    shift
    echo "== $name: $*"
    if ! "$@" 2>&1 | tee "$log/$name"; then
        verdict=FAILED
        failed=1
    fi
    summary+=("$(printf '%-10s %-8s %5s s' "$name" "$verdict" "$((SECONDS - started))")")
}

# Which test binary passed how many, from what cargo printed.
suites() {
    awk '
        /^ *Running .*\(/ { suite = $0; sub(/^ *Running /, "", suite); sub(/ \(.*/, "", suite) }
        /^ *Doc-tests / { suite = "documentation examples" }
        /^test result: / { printf "             %-40s %s passed, %s failed, %s ignored\n", suite, $4, $6, $8 }
    ' "$1"
}

# What earlier runs logged is no business of this one.
rm -rf target/test-trail

stage cargo cargo test --locked --no-fail-fast
stage faults cargo test --locked --test faults -- core
stage interop tests/interop/run.sh
stage deploy tests/deploy/run.sh
# The last, when everything that logs has ended.
stage secrets scripts/no-secrets-in-logs.sh

echo
echo "== what ran"
for line in "${summary[@]}"; do
    echo "  $line"
    [[ $line != cargo* ]] || suites "$log/cargo"
    # A suite that is not cargo's tells its own story in lines that begin with `ran:`.
    for suite in faults interop deploy secrets; do
        [[ $line != "$suite"* ]] || sed -n 's/^ran: /             /p' "$log/$suite"
    done
done
exit "$failed"
