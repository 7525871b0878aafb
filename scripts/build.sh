#!/usr/bin/env bash
# Builds the server and says what it is doing: the first build compiles the dependencies and takes minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary="$(scripts/target-dir.sh)/release/trailwatch"
features=()
if [ -z "${SQL:-}" ]; then
  # DataFusion is two thirds of a first build; who wants to ask in SQL waits for it.
  features=(--no-default-features)
fi
if [ ! -x "$binary" ]; then
  echo "First build: compiling Trailwatch and its dependencies. About 7 minutes on 2 cores (SQL=1: about twice that); later builds take seconds."
fi
started=$SECONDS
scripts/console.sh
cargo build --release --locked -p trailwatch "${features[@]}"
echo "built in $((SECONDS - started)) s: $binary"
