# The commands of the README. `make demo` and `make test` install what they need first.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test faults check bench deps

# Demo and tests share the dev profile, so that every dependency compiles once.
# `--locked`: what was reviewed is what is built.

help:
	@echo 'make demo    a complete exchange on this machine, with nothing configured'
	@echo 'make test    every test: unit, black box, interop; says what ran'
	@echo 'make faults  kill -9, partitions, lost data, wrong clocks: every fault that we promise to survive'
	@echo 'make check   format, lints, documentation, dependencies'
	@echo 'make bench   what an exchange costs'
	@echo 'make deps    install what building and testing need'

demo:
	@scripts/install-deps.sh build
	cargo build --locked
	@target/debug/cambist demo

test:
	@scripts/install-deps.sh build test
	@scripts/test.sh

faults:
	@scripts/install-deps.sh build test
	@scripts/faults.sh

check:
	@scripts/install-deps.sh build
	@scripts/check.sh

bench:
	@scripts/install-deps.sh build bench
	cargo bench --locked --profile quick --bench exchange

deps:
	@scripts/install-deps.sh build test
