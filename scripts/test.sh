#!/usr/bin/env bash
# Runs every test and closes with one line: "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT
status=0

step() { # step NAME COMMAND...: runs it, keeps its output for the count, goes on after a failure
  local name=$1
  shift
  echo "== $name"
  if ! "$@" 2>&1 | tee "$logs/$name.log"; then
    echo "== $name FAILED"
    status=1
  fi
}

lint() { # lint TOOL COMMAND...: a toolchain may come without its linters; then the check is passed over, visibly
  local tool=$1
  shift
  if cargo "$tool" --version >/dev/null 2>&1; then step "$tool" "$@"; else echo "== $tool skipped: cargo $tool is not installed"; fi
}

lint fmt cargo fmt --all --check
# Before the server, which embeds it.
step console-build scripts/console.sh
# The AWS SDK asks some shared libraries for more features. Built apart, it does not make the server be compiled a second time.
ours=(--workspace --exclude sdk-client)
# Tests that draw their inputs draw the same ones each time here; by hand they look for new ones.
export PROPTEST_RNG_SEED=20261127
# For what cargo builds as tests, here and below; clippy has a wrapper of its own.
unoptimised=(env RUSTC_WORKSPACE_WRAPPER="$PWD/scripts/rustc-for-tests.sh")
# The server that is tested has wide queries on Ballista as well. Clippy, which compiles nothing, looks at the one without.
wide=(--features trailwatch/cluster,distributed/cluster)
# All targets at once: the tests ask shared libraries for more features, and these must not be compiled twice.
step build "${unoptimised[@]}" cargo build --release --locked "${ours[@]}" "${wide[@]}" --all-targets
step build-sdk-client "${unoptimised[@]}" cargo build --release --locked -p sdk-client
lint clippy cargo clippy --release --locked "${ours[@]}" --all-targets -- -D warnings
lint clippy cargo clippy --release --locked -p sdk-client -- -D warnings
step rust "${unoptimised[@]}" cargo test --release --locked "${ours[@]}" "${wide[@]}" --no-fail-fast
step setup tests/setup.sh
step clients tests/run.sh
step console console/test.sh

# cargo test closes each binary with "test result: ... 12 passed; 0 failed; 0 ignored"; pytest with "12 passed, 1 skipped in 3s";
# vitest with "Tests  1 failed | 12 passed (13)".
count() { # count WORD: sum of the numbers before WORD in the runners' summaries
  {
    grep -hE '^test result:' "$logs/rust.log" 2>/dev/null
    grep -hE '^=+ .*(passed|failed|error|skipped).* in [0-9.]+s' "$logs/clients.log" 2>/dev/null
    grep -hE '^ *Tests +[0-9]' "$logs/console.log" 2>/dev/null
  } | grep -oE "[0-9]+ $1" | awk '{ total += $1 } END { print total + 0 }'
}
passed=$(count passed)
failed=$(($(count failed) + $(count errors?)))
[ "$status" = 0 ] || [ "$failed" -gt 0 ] || failed=1
echo
echo "$passed passed, $failed failed, $(count skipped) skipped"
[ "$status" = 0 ] && [ "$failed" = 0 ]
