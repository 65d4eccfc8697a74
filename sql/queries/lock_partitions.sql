-- Waits until no other process makes a partition; held until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('relay partitions', 0))
