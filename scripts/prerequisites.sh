#!/usr/bin/env bash
# Installs what is missing and can be installed; names what cannot. Usage: prerequisites.sh build|test
set -euo pipefail

need_apt=()
command -v cc >/dev/null || need_apt+=(gcc libc6-dev)
if [ "${1:-build}" = test ]; then
  command -v python3 >/dev/null || need_apt+=(python3)
  python3 -c 'import venv, ensurepip' 2>/dev/null || need_apt+=(python3-venv)
  # Version 2 of the aws cli, which PyPI does not have, knows `aws logs tail`.
  [ -x /usr/bin/aws ] || need_apt+=(awscli)
  # Real clients of tests; what is missing of them is skipped, visibly.
  [ -x /usr/sbin/rsyslogd ] || need_apt+=(rsyslog)
  [ -x /lib/systemd/systemd-journal-remote ] || need_apt+=(systemd systemd-journal-remote)
  command -v logger >/dev/null || need_apt+=(bsdutils)
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || need_apt+=(postgresql)
  command -v prometheus >/dev/null || need_apt+=(prometheus)
  # The console's tests drive it.
  [ -x "${CHROMIUM:-/usr/bin/chromium}" ] || need_apt+=(chromium)
fi
if [ "${#need_apt[@]}" -gt 0 ]; then
  echo "installing: ${need_apt[*]}"
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${need_apt[@]}"
fi
if [ "${1:-build}" = test ] && ! command -v npm >/dev/null; then
  echo "npm is missing: install Node.js 20 or newer, then run this again (without it the console is neither built nor tested)" >&2
  exit 1
fi
if ! command -v cargo >/dev/null; then
  echo "cargo is missing: install Rust 1.95 or newer (rustup), then run this again" >&2
  exit 1
fi
