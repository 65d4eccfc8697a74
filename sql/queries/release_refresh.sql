-- Lets others refresh usage_daily again.
SELECT pg_advisory_unlock(hashtextextended('relay refresh', 0))
