-- The requests that ended within the period.
INSERT INTO ended
WITH request AS (
    SELECT try_cast(created_at AS TIMESTAMP) + to_microseconds((try_cast(latency_ms AS DOUBLE) * 1000)::BIGINT) AS ended_at,
           try_cast(status AS INTEGER) AS status, limit_type, try_cast(latency_ms AS DOUBLE) / 1000 AS seconds,
           cost_usd IS NULL AS is_unpriced
    FROM line
    WHERE event = 'request'
)
SELECT * FROM request WHERE ended_at > $since AND ended_at <= $until AND status IS NOT NULL
