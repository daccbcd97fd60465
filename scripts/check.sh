#!/usr/bin/env bash
# What a change must pass besides the tests: format, lints, documentation, dependencies.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --check
cargo clippy --locked --all-targets -- -D warnings
RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items

if ! command -v cargo-deny > /dev/null 2>&1; then
    echo "check: dependencies NOT checked: cargo-deny is not installed; run: cargo install --locked cargo-deny" >&2
    exit 0
fi
cargo deny --locked check bans licenses sources
# The advisory database lives on the network. Where it cannot be reached, the rest still counts.
if cargo deny --locked fetch db; then
    cargo deny --locked check advisories
else
    echo "check: advisories NOT checked: their database cannot be reached" >&2
fi
