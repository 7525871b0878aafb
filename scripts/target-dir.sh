#!/usr/bin/env bash
# Prints the folder that cargo builds into.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
printf '%s\n' "${CARGO_TARGET_DIR:-$PWD/target}"
