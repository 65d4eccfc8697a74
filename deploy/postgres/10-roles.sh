#!/bin/bash
# Runs once, in an empty PostgreSQL: Grafana's role that can only read, and Langfuse's own role and database.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  --set grafana="$GRAFANA_DATABASE_PASSWORD" --set langfuse="$LANGFUSE_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE grafana LOGIN PASSWORD :'grafana';
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';
-- The tables come later, made by the same role that runs this.
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO grafana;
REVOKE ALL ON DATABASE relay FROM PUBLIC;
GRANT CONNECT ON DATABASE relay TO grafana;
CREATE ROLE langfuse LOGIN PASSWORD :'langfuse';
CREATE DATABASE langfuse OWNER langfuse;
REVOKE ALL ON DATABASE langfuse FROM PUBLIC;
SQL
