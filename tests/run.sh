#!/usr/bin/env bash
# Runs the client tests against the server that is built. Arguments go to pytest: tests/run.sh -k alarm, tests/run.sh clients/test_logs.py
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target="$(scripts/target-dir.sh)"
if [ ! -x "$target/release/trailwatch" ]; then
  echo "tests/run.sh: $target/release/trailwatch is not built; run 'make build' first" >&2
  exit 1
fi
if [ ! -x "$target/venv-newest/bin/pytest" ]; then
  tests/setup.sh
fi
# -rs names every skipped test.
TRAILWATCH_TARGET="$(cd "$target" && pwd)"
export TRAILWATCH_TARGET
cd tests
exec "$TRAILWATCH_TARGET/venv-newest/bin/pytest" -c pytest.ini -rs --durations 5 "$@"
