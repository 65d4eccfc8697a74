-- Waits until nobody else refreshes or checks usage_daily; held until it is released or the connection ends.
SELECT pg_advisory_lock(hashtextextended('relay refresh', 0))
