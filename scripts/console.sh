#!/usr/bin/env bash
# Builds the console into console/dist, which the server embeds. Does nothing when it is newer than its sources.
# Without npm there is no console: the server then says so at /.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../console"

sources=(src public index.html vite.config.ts tsconfig.json package-lock.json)
if [ -f dist/index.html ] && [ -z "$(find "${sources[@]}" -newer dist/index.html -print -quit)" ]; then
  exit 0
fi
if ! command -v npm >/dev/null; then
  echo "npm is missing: the server is built without its console (Node.js 20 or newer has npm)" >&2
  exit 0
fi
# The lock file says what is installed; its copy there says what was.
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund --loglevel=error
fi
npm run --silent build -- --logLevel warn
