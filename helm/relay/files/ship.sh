#!/bin/sh
# The sidecar of a proxy without a persistent volume: loads and archives what is sealed, every SHIP_EVERY seconds,
# and once more after SIGTERM, which Kubernetes sends when the proxy has stopped and sealed its last segment.
# It goes on after every failure; what is not archived is tried again. A local segment is removed only when the
# archive has given it back whole and, with a database, when it is loaded.
set -u
mkdir -p "$RELAY_LOG_DIR" "$METRICS_DIR"

stopping=""
trap 'stopping=yes' TERM INT # heard between two commands: none is cut off

# A load that takes longer goes on in the next round (a segment is one transaction), so that a stop need not wait.
load() {
  [ -z "${RELAY_DATABASE_URL:-}" ] ||
    timeout "$LOAD_SECONDS" relayctl etl run --metrics-file "$METRICS_DIR/etl.prom"
}

# The database may be down: the archive does without, and the ledger is told by a later run. Nothing is removed then.
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
archive # before the load: what is archived is safe
load
