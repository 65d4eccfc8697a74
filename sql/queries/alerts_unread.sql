-- How many lines are no requests with a time, a status and a duration.
SELECT count(*) FROM line
WHERE event IS DISTINCT FROM 'request' OR try_cast(created_at AS TIMESTAMP) IS NULL
   OR try_cast(status AS INTEGER) IS NULL OR try_cast(latency_ms AS DOUBLE) IS NULL
