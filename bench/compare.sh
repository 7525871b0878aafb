#!/usr/bin/env bash
# Runs the same calls against Trailwatch and moto_server in one run and prints the table of docs/benchmarks.md.
# moto is installed from PyPI into its own environment and only ever run as another process.
# Usage: bench/compare.sh [--connections N] [--seconds N] [--only NAME]      (arguments go to `bench run`)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target="$(scripts/target-dir.sh)"
bench="$target/release/bench"
server="$target/release/trailwatch"
venv="$target/bench-venv"
for program in "$bench" "$server"; do
  [ -x "$program" ] || { echo "bench/compare.sh: $program is not built; run 'make bench'" >&2; exit 1; }
done

if [ ! -f "$venv/.made" ]; then
  echo "installing moto_server into $venv (about a minute)" >&2
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server,cloudwatch,logs]'
  touch "$venv/.made"
fi

work="$(mktemp -d)"
pids=()
finish() { # ends what this script started, by process id, and waits for it
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

wait_for() { # wait_for DESCRIPTION COMMAND...: until it succeeds, 60 s at most
  local what=$1
  shift
  for _ in $(seq 600); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  echo "bench/compare.sh: $what did not start" >&2
  exit 1
}

RUST_LOG="${RUST_LOG:-warn}" "$server" serve --data-dir "$work/data" --listen 127.0.0.1:0 >"$work/out" 2>"$work/log" &
ours=$!
pids+=("$ours")
wait_for trailwatch grep -q '^export AWS_SECRET_ACCESS_KEY=' "$work/out"
endpoint="$(sed -n 's/^export AWS_ENDPOINT_URL=//p' "$work/out")"

port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
"$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$work/moto.log" 2>&1 &
peer=$!
pids+=("$peer")
wait_for moto_server bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"

( # the exports that the server printed, in a shell of their own
  eval "$(grep '^export ' "$work/out")"
  "$bench" run --name Trailwatch --endpoint "$endpoint" --pid "$ours" --data-dir "$work/data" --save "$work/ours.json" "$@" >"$work/ours.md"
)
AWS_ACCESS_KEY_ID=123456789012 "$bench" run --name moto --endpoint "http://127.0.0.1:$port" --pid "$peer" --save "$work/peer.json" "$@" >"$work/peer.md"

moto_version="$("$venv/bin/pip" list --disable-pip-version-check 2>/dev/null | awk '$1 == "moto" { print $2 }')"
echo
echo "Trailwatch ($(git describe --always --dirty 2>/dev/null || echo unknown)) and moto_server $moto_version, $(nproc) cores, $(date -u +%F):"
echo "signatures verified and every write durable in Trailwatch; moto verifies nothing and keeps all in memory."
echo
"$bench" compare "$work/ours.json" "$work/peer.json"
echo
grep '^|' "$work/ours.md"
echo
grep '^|' "$work/peer.md"
if grep -qE ' (WARN|ERROR) ' "$work/log"; then
  echo
  echo "Trailwatch complained meanwhile:"
  grep -E ' (WARN|ERROR) ' "$work/log" | tail -20
fi
