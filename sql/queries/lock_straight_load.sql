-- Waits while a staged load runs; any number of straight loads run together.
SELECT pg_advisory_xact_lock_shared(hashtextextended('relay staged load', 0))
