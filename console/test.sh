#!/usr/bin/env bash
# Runs the console's tests, the browser against the server that is built. Arguments go to vitest: console/test.sh -t alarms
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target="$(scripts/target-dir.sh)"
TRAILWATCH_TARGET="$(cd "$target" && pwd)"
export TRAILWATCH_TARGET
cd console
if [ ! -d node_modules ]; then
  npm ci --no-audit --no-fund --loglevel=error
fi
npm run --silent lint
# Without colours, so that the closing line can be read by scripts/test.sh.
NO_COLOR=1 npx vitest run "$@"
echo "screenshots: $TRAILWATCH_TARGET/console-screenshots"
