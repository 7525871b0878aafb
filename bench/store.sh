#!/usr/bin/env bash
# Loads the same logs, metrics and audit events into Trailwatch and its peers, one engine after the other, asks all of them
# the same questions, and prints the table of docs/benchmarks.md.
# Usage: bench/store.sh [--scale S] [--only logs|metrics|events]... [--no-peers] [--out DIR] [--keep-data]
#   --scale S      1.0 (default) is the full size: 2 M lines, 14.4 M samples, 1 M events; 0.1 is a quick look
#   --out DIR      where the JSON of each engine and the table go [default: TARGET/bench-store]
#   --keep-data    keep the generated data in DIR/data and use them again next time
# chdb, DuckDB and moto are installed from PyPI into an environment of their own. prometheus, victoria-metrics and
# victoria-logs are asked when they are on PATH, or named in PROMETHEUS, VICTORIA_METRICS and VICTORIA_LOGS.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scale=1.0
peers=yes
keep=no
out=""
only=()
while [ $# -gt 0 ]; do
  case "$1" in
    --scale) scale="$2"; shift 2 ;;
    --only) only+=("$2"); shift 2 ;;
    --out) out="$2"; shift 2 ;;
    --no-peers) peers=no; shift ;;
    --keep-data) keep=yes; shift ;;
    *) echo "bench/store.sh: what is '$1'? See the head of the script" >&2; exit 2 ;;
  esac
done

target="$(scripts/target-dir.sh)"
bench="$target/release/bench"
server="$target/release/trailwatch"
venv="$target/bench-store-venv"
out="${out:-$target/bench-store}"
for program in "$bench" "$server"; do
  [ -x "$program" ] || { echo "bench/store.sh: $program is not built; run 'make bench-store'" >&2; exit 1; }
done
mkdir -p "$out"
work="$(mktemp -d "$out/work.XXXXXX")"
pids=()
ours() { # pids of what this run started: the work folder, whose name is of this run only, is in their command lines
  local line
  for line in /proc/[0-9]*/cmdline; do
    if grep -qaF "$work" "$line" 2>/dev/null; then basename "${line%/cmdline}"; fi
  done
}
finish() { # ends what this run started, and waits for it; a run that was broken off leaves no server behind
  for pid in "${pids[@]}" $(ours); do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  for _ in $(seq 100); do
    if [ -z "$(ours)" ]; then break; fi
    sleep 0.1
  done
  rm -rf "$work"
  if [ "$keep" = no ]; then rm -rf "$out/data"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM

wanted() { # wanted KIND: is it measured in this run?
  [ ${#only[@]} -eq 0 ] || [[ " ${only[*]} " == *" $1 "* ]]
}

install_peers() {
  if [ -f "$venv/.made" ]; then return; fi
  echo "installing chdb, duckdb and moto into $venv (a few minutes)" >&2
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check chdb duckdb 'moto[server,cloudwatch,logs]'
  touch "$venv/.made"
}

run_moto() { # the calls that moto serves too, on its own data: it keeps all in memory and verifies nothing
  local port pid version
  port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
  "$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$work/moto.log" 2>&1 &
  pid=$!
  pids+=("$pid")
  for _ in $(seq 600); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
    sleep 0.1
  done
  version="$("$venv/bin/python" -c 'import moto; print(moto.__version__)')"
  for only_these in put-log-events-1 put-metric-data-json-1000 put-metric-data-cbor-1000 put-metric-data-query-1000; do
    # A call that takes it more than a minute ends that workload only.
    AWS_ACCESS_KEY_ID=123456789012 "$bench" run --name "moto $version" --endpoint "http://127.0.0.1:$port" --pid "$pid" \
      --seconds 3 --only "$only_these" --save "$work/moto.$only_these.json" >/dev/null || true
  done
  kill "$pid" && wait "$pid" 2>/dev/null || true
  # One file of all four runs.
  python3 - "$work"/moto.*.json >"$out/moto.json" <<'PYTHON'
import json, sys
reports = [json.load(open(path)) for path in sys.argv[1:]]
json.dump({"server": reports[0]["server"], "results": [r for report in reports for r in report["results"]]}, sys.stdout)
PYTHON
}

run_server() { # run_server KIND NAME PROGRAM: a peer that is a server of its own, when it is here
  local kind=$1 name=$2 program
  if ! wanted "$kind"; then return; fi
  if ! program="$(command -v "$3")"; then
    absent+=("$name (not here)")
  elif "$bench" peer --engine "$name" --program "$program" --data "$out/data" --work "$work/$name" --save "$out/$name.json"; then
    files+=("$out/$name.json")
  else
    absent+=("$name (failed)")
  fi
  rm -rf "${work:?}/$name"
}

only_flags=()
for kind in "${only[@]}"; do only_flags+=(--only "$kind"); done
rm -f "$out"/*.json "$out/table.md"
made="scale $scale, ${only[*]:-all}"
if [ "$(cat "$out/data/.made" 2>/dev/null)" != "$made" ]; then
  rm -rf "$out/data"
  "$bench" generate --out "$out/data" --scale "$scale" "${only_flags[@]}"
  echo "$made" >"$out/data/.made"
fi

files=("$out/trailwatch.json")
"$bench" store --data "$out/data" --server "$server" --work "$work/trailwatch" --save "${files[0]}" "${only_flags[@]}" >/dev/null
if [ -s "$work/trailwatch/server.log" ]; then
  echo "Trailwatch complained meanwhile:" >&2
  tail -20 "$work/trailwatch/server.log" >&2
fi

absent=()
if [ "$peers" = yes ]; then
  install_peers
  for peer in chdb duckdb; do
    # A peer that fails is left out and named; ours stand.
    if "$venv/bin/python" "bench/peers/${peer}_peer.py" --data "$out/data" --work "$work/$peer" --threads "$(nproc)" --save "$out/$peer.json"; then
      files+=("$out/$peer.json")
    else
      absent+=("$peer (failed)")
    fi
    rm -rf "${work:?}/$peer"
  done
  run_server logs victoria-logs "${VICTORIA_LOGS:-victoria-logs}"
  run_server metrics prometheus "${PROMETHEUS:-prometheus}"
  run_server metrics victoria-metrics "${VICTORIA_METRICS:-victoria-metrics}"
  if wanted logs || wanted metrics; then
    run_moto
    files+=("$out/moto.json")
  fi
  absent+=("loki (no driver)")
fi

{
  echo "Trailwatch $(git describe --always --dirty 2>/dev/null || echo unknown), scale $scale, $(nproc) cores, $(date -u +%F)."
  if [ ${#absent[@]} -gt 0 ]; then echo "Not in this run: $(IFS=,; echo "${absent[*]}" | sed 's/,/, /g')."; fi
  echo
  "$bench" store-table "${files[@]}"
} | tee "$out/table.md"
