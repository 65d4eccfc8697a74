-- The migrations a database has had.
SELECT version, name, sha256 FROM schema_migrations ORDER BY version
