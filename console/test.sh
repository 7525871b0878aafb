#!/usr/bin/env bash
# Runs the console's tests, the browser against the server that is built. Arguments go to vitest: console/test.sh -t alarms
# With --live first, the pages come from the sources as they are now, before that server: no build is needed to see a change.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TRAILWATCH_TARGET="$(cd "${TRAILWATCH_TARGET:-$(scripts/target-dir.sh)}" && pwd)"
export TRAILWATCH_TARGET
if [ "${1:-}" = --live ]; then
  export CONSOLE_LIVE=1
  shift
fi
cd console
if [ ! -d node_modules ]; then
  npm ci --no-audit --no-fund --loglevel=error
fi
npm run --silent lint
# Without colours, so that the closing line can be read by scripts/test.sh.
NO_COLOR=1 npx vitest run "$@"
echo "screenshots: $TRAILWATCH_TARGET/console-screenshots"
