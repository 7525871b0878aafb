#!/usr/bin/env bash
# Builds Trailwatch with the feature `cluster` and tests wide queries on Ballista: the crate, then processes on loopback.
# Unoptimised: Ballista would take half an hour otherwise, and nothing here is measured.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0
target="$(scripts/target-dir.sh)"
scripts/console.sh
# One selection of packages for all: another one would have other features, and compile DataFusion once more.
selection=(--locked -p distributed -p trailwatch --features distributed/cluster,trailwatch/cluster)
cargo build "${selection[@]}" --all-targets
cargo clippy "${selection[@]}" --all-targets -- -D warnings
cargo test "${selection[@]}"
[ -x "$target/venv-newest/bin/pytest" ] || tests/setup.sh
# Client tests look for the server in a folder `release`.
mkdir -p "$target/cluster/release"
target="$(cd "$target" && pwd)"
ln -sf "$target/debug/trailwatch" "$target/cluster/release/trailwatch"
ln -sfn "$target/venv-newest" "$target/cluster/venv-newest"
cd tests
TRAILWATCH_TARGET="$target/cluster" exec "$target/venv-newest/bin/pytest" -c pytest.ini -rs clients/test_wide_queries.py clients/test_sql.py "$@"
