#!/usr/bin/env bash
# Runs the client tests against the server that is built. Arguments go to pytest: tests/run.sh -k alarm
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
# --target-dir tells the tests where the server and the second environment are; -rs names every skipped test.
exec "$target/venv-newest/bin/pytest" -c tests/pytest.ini --target-dir "$target" -rs --durations 5 "$@"
