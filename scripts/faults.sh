#!/usr/bin/env bash
# The whole fault plan, then the search for secrets in what was logged meanwhile. Words choose scenarios, by number, topology or title.
set -euo pipefail
cd "$(dirname "$0")/.."

# What earlier runs logged is no business of this one.
rm -rf target/test-trail
status=0
cargo test --locked --test faults -- "$@" || status=$?
scripts/no-secrets-in-logs.sh || status=1
exit "$status"
