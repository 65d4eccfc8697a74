-- name: applied_migrations
-- The applied migrations.
SELECT version, name, sha256 FROM schema_migrations ORDER BY version

-- name: create_schema_migrations
-- Creates the table of applied migrations, before the first migration.
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- name: insert_migration
-- Records that a migration was applied, in the transaction of that migration.
INSERT INTO schema_migrations (version, name, sha256) VALUES (%s, %s, %s)

-- name: lock_migrations
-- Waits until no other process migrates this database; held until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('relay migrations', 0))

-- name: server_time
-- The current time of the server's clock.
SELECT clock_timestamp();
