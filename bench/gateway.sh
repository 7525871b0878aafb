#!/usr/bin/env bash
# Added latency and throughput of `trailwatch gateway` against nginx as a plain proxy, in one run and to the same backend (nginx again,
# with a small answer from memory and a sink for uploads): small GETs, then one large PutObject. Prints a table.
# Usage: bench/gateway.sh [--connections N] [--seconds N] [--mib N] [--rounds N]
# Needs nginx (Debian: apt-get install nginx-light); every server listens on loopback and is ended at the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target="$(scripts/target-dir.sh)"
server="$target/release/trailwatch"
nginx="${NGINX:-$(command -v nginx || echo /usr/sbin/nginx)}"
[ -x "$server" ] || { echo "bench/gateway.sh: $server is not built; run 'make build'" >&2; exit 1; }
[ -x "$nginx" ] || { echo "bench/gateway.sh: nginx is missing (Debian: apt-get install nginx-light)" >&2; exit 1; }

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
  echo "bench/gateway.sh: $what did not start" >&2
  cat "$work"/*.log >&2
  exit 1
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

run_nginx() { # run_nginx NAME PORT SERVER-BLOCK: an nginx of its own, without privileges
  local name=$1 port=$2 block=$3
  mkdir -p "$work/$name"
  cat >"$work/$name.conf" <<EOF
worker_processes 1;
daemon off;
pid $work/$name/pid;
error_log $work/$name.log warn;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $work/$name/body;
  proxy_temp_path $work/$name/proxy;
  fastcgi_temp_path $work/$name/fastcgi;
  uwsgi_temp_path $work/$name/uwsgi;
  scgi_temp_path $work/$name/scgi;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  $block
}
EOF
  "$nginx" -c "$work/$name.conf" -e "$work/$name.log" >>"$work/$name.log" 2>&1 &
  pids+=("$!")
  wait_for "nginx ($name)" bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
}

backend="$(free_port)"
# The sink reads uploads to their end and keeps nothing.
sink="$(free_port)"
python3 bench/peers/sink.py "$sink" >"$work/sink.log" 2>&1 &
pids+=("$!")
wait_for "the sink" bash -c "exec 3<>/dev/tcp/127.0.0.1/$sink"
run_nginx backend "$backend" "
  server {
    listen 127.0.0.1:$backend backlog=4096;
    location / { default_type text/plain; return 200 '$(printf 'x%.0s' $(seq 256))'; }
  }"

proxy="$(free_port)"
run_nginx proxy "$proxy" "
  upstream backend { server 127.0.0.1:$backend; keepalive 256; keepalive_requests 1000000000; }
  upstream sink { server 127.0.0.1:$sink; keepalive 16; }
  server {
    listen 127.0.0.1:$proxy backlog=4096;
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_set_header Host \$http_host;
    proxy_request_buffering off;
    proxy_buffering on;
    location /sink/ { proxy_pass http://sink; }
    location / { proxy_pass http://backend; }
  }"

RUST_LOG="${RUST_LOG:-warn}" "$server" serve --data-dir "$work/data" --listen 127.0.0.1:0 >"$work/out" 2>"$work/server.log" &
pids+=("$!")
wait_for trailwatch grep -q '^export AWS_SECRET_ACCESS_KEY=' "$work/out"

run_gateway() { # run_gateway NAME UPSTREAM FLAGS...: prints its address
  local name=$1 upstream=$2
  shift 2
  (
    eval "$(grep '^export ' "$work/out")"
    RUST_LOG="${RUST_LOG:-warn}" exec "$server" gateway --listen 127.0.0.1:0 --upstream "all=http://127.0.0.1:$upstream" \
      --spool-dir "$work/$name" "$@" >"$work/$name.out" 2>"$work/$name.log"
  ) &
  pids+=("$!")
  wait_for "gateway ($name)" grep -q '^export AWS_ENDPOINT_URL=' "$work/$name.out"
  sed -n 's,^export AWS_ENDPOINT_URL=http://,,p' "$work/$name.out"
}

run_gateway open "$backend" >"$work/open.address"
run_gateway closed "$backend" --fail-closed >"$work/closed.address"
run_gateway open-sink "$sink" >"$work/open-sink.address"
run_gateway closed-sink "$sink" --fail-closed >"$work/closed-sink.address"

echo "nginx $("$nginx" -v 2>&1 | sed 's,.*/,,'), $(nproc) CPUs, $(uname -m)"
python3 bench/peers/gateway_load.py "$@" \
  "direct=127.0.0.1:$backend,127.0.0.1:$sink" \
  "nginx=127.0.0.1:$proxy,127.0.0.1:$proxy" \
  "gateway=$(cat "$work/open.address"),$(cat "$work/open-sink.address")" \
  "gateway --fail-closed=$(cat "$work/closed.address"),$(cat "$work/closed-sink.address")"
