#!/bin/bash
# Runs once, when PostgreSQL's volume is empty: creates a read-only role for Grafana, and a role and a database for Langfuse.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  --set grafana="$GRAFANA_DATABASE_PASSWORD" --set langfuse="$LANGFUSE_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE grafana LOGIN PASSWORD :'grafana';
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';
-- The tables are created later, by the role that runs this script.
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO grafana;
REVOKE ALL ON DATABASE relay FROM PUBLIC;
GRANT CONNECT ON DATABASE relay TO grafana;
CREATE ROLE langfuse LOGIN PASSWORD :'langfuse';
CREATE DATABASE langfuse OWNER langfuse;
REVOKE ALL ON DATABASE langfuse FROM PUBLIC;
SQL
