-- Waits until nobody else refreshes or checks usage_daily; held until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('relay refresh', 0))
