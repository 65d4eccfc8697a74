-- Says that a migration was applied, in its own transaction.
INSERT INTO schema_migrations (version, name, sha256) VALUES (%s, %s, %s)
