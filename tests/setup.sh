#!/usr/bin/env bash
# Makes the two Python environments of the client tests under the target folder. Does nothing when they are there already.
# UPGRADE=1 tests/setup.sh makes them anew, with today's newest clients.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target="$(scripts/target-dir.sh)"
mkdir -p "$target"

# A python that is there, at least 3.10 (boto3's floor), with venv and pip.
python=""
for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10 /usr/bin/python3; do
  if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    python="$candidate"
    break
  fi
done
if [ -z "$python" ]; then
  echo "tests/setup.sh: needs python3 >= 3.10 with venv (Debian: apt-get install python3-venv)" >&2
  exit 1
fi

environment() { # environment NAME: makes $target/venv-NAME from tests/clients/requirements-NAME.txt
  local name=$1
  local requirements="tests/clients/requirements-$name.txt" folder="$target/venv-$name"
  local stamp="$folder/.made-from" wanted
  wanted="$("$python" -c 'import sys; print(sys.version)')
$(cat "$requirements")"
  if [ -z "${UPGRADE:-}" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    echo "venv-$name: there"
    return
  fi
  echo "venv-$name: installing $(grep -v '^#' "$requirements" | tr '\n' ' ')(about half a minute)"
  rm -rf "$folder"
  "$python" -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
  # The stamp comes last: an installation that was cut short is made again.
  printf '%s\n' "$wanted" >"$stamp"
  "$folder/bin/pip" list --disable-pip-version-check 2>/dev/null | grep -E '^(awscli|boto3|botocore|pytest) ' | tr -s ' ' | sed 's/^/  /'
}

environment newest
environment botocore-1.40
