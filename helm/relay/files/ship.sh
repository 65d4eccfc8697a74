#!/bin/sh
# The sidecar of a proxy without a persistent volume: loads and archives sealed segments every SHIP_EVERY seconds,
# and once more after SIGTERM, which Kubernetes sends after the proxy has stopped and sealed its last segment.
# It continues after failures and retries. A local segment is removed only after it is verified in the archive and,
# with a database, loaded.
set -u
mkdir -p "$RELAY_LOG_DIR" "$METRICS_DIR"

stopping=""
trap 'stopping=yes' TERM INT # handled between two commands, so that none is interrupted

# A load is limited to LOAD_SECONDS so that a stop does not wait; the next round continues (one transaction per
# segment).
load() {
  [ -z "${RELAY_DATABASE_URL:-}" ] ||
    timeout "$LOAD_SECONDS" relayctl etl run --metrics-file "$METRICS_DIR/etl.prom"
}

# If the database is down, archive without it; a later run updates the ledger. Nothing is removed meanwhile.
archive() {
  relayctl etl archive "$@" || [ -z "${RELAY_DATABASE_URL:-}" ] || env -u RELAY_DATABASE_URL relayctl etl archive
}

while [ -z "$stopping" ]; do
  load
  archive --older-than 1h
  left=$SHIP_EVERY
  while [ -z "$stopping" ] && [ "$left" -gt 0 ]; do
    sleep 1
    left=$((left - 1))
  done
done
archive # before the load: archived segments are safe
load
