-- Waits until no other process migrates this database; held until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('relay migrations', 0))
