# Two commands matter: `make run` and `make test`. Everything else is a part of them.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
DATA_DIR ?= trailwatch-data
LISTEN ?= 127.0.0.1:8792
# SQL=1 builds SQL in, which takes twice as long the first time.
SQL ?=
export SQL
# Whole builds are quicker and a tenth smaller without; who changes a line again and again calls cargo, or says 1 here.
CARGO_INCREMENTAL ?= 0
export CARGO_INCREMENTAL
# The whole server has one unit a crate, as dependencies have: a tenth of the binary. A first `make run` is minutes quicker with many.
ifeq ($(CARGO_INCREMENTAL),0)
ifneq ($(SQL)$(filter test lint docs bench-store,$(MAKECMDGOALS)),)
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS = 1
endif
endif
SCALE ?= 1.0

.PHONY: help build run test test-cluster lint docs bench bench-store clean

help: ## Say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s $$'\t'

build: ## Build the server (first time: a few minutes; later: seconds)
	@scripts/prerequisites.sh build
	@scripts/build.sh

run: build ## Build and start Trailwatch (LISTEN=127.0.0.1:8792 DATA_DIR=trailwatch-data; SQL=1 with SQL)
	@exec "$$(scripts/target-dir.sh)/release/trailwatch" serve --data-dir "$(DATA_DIR)" --listen "$(LISTEN)"

test: ## Run all tests: Rust, then real clients against the real server
	@scripts/prerequisites.sh test
	@scripts/test.sh

test-cluster: ## Test wide queries on Ballista, with a build of their own (some 15 minutes the first time)
	@scripts/test-cluster.sh

lint: ## Formatting and clippy, as the tests check them
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --release --workspace --exclude sdk-client --all-targets -- -D warnings
	@$(CARGO) clippy --release -p sdk-client -- -D warnings

docs: ## Regenerate docs/operations.md from the table of operations
	@UPDATE_DOCS=1 $(CARGO) test --release -p trailwatch --bin trailwatch operations_document

bench: build ## Compare with moto_server in the same run; prints the table of docs/benchmarks.md
	@$(CARGO) build --release -p bench
	@bench/compare.sh

bench-store: export SQL = 1
bench-store: build ## Measure the store at full size, with its peers (25 minutes; SCALE=0.1 for a quick look)
	@$(CARGO) build --release -p bench
	@bench/store.sh --scale "$(SCALE)"

clean: ## Remove what was built (data stay)
	@$(CARGO) clean
