-- Takes a segment for this transaction, unless another one has it.
SELECT pg_try_advisory_xact_lock(hashtextextended('relay segment ' || %s::text, 0))
