-- Waits until no other load runs, and keeps others waiting until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('relay staged load', 0))
