#!/usr/bin/env bash
# Builds the server and says what it is doing: the first build compiles the dependencies and takes minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary="$(scripts/target-dir.sh)/release/trailwatch"
if [ ! -x "$binary" ]; then
  echo "First build: compiling Trailwatch and its dependencies. About 7 minutes on 2 cores; later builds take seconds."
fi
started=$SECONDS
cargo build --release --locked -p trailwatch
echo "built in $((SECONDS - started)) s: $binary"
