-- name: alert_availability_budget_burn_fast
-- The share of requests that ended with a 5xx, over an hour and over five minutes, at each step.
SELECT step.at,
       sum(slot.failed) / sum(slot.requests),
       sum(slot.failed) FILTER (slot.at > step.at - INTERVAL 5 MINUTE)
           / sum(slot.requests) FILTER (slot.at > step.at - INTERVAL 5 MINUTE)
FROM step JOIN slot ON slot.at > step.at - INTERVAL 1 HOUR AND slot.at <= step.at
GROUP BY step.at

-- name: alert_availability_budget_burn_slow
-- The share of requests that ended with a 5xx, over six hours and over half an hour, at each step.
SELECT step.at,
       sum(slot.failed) / sum(slot.requests),
       sum(slot.failed) FILTER (slot.at > step.at - INTERVAL 30 MINUTE)
           / sum(slot.requests) FILTER (slot.at > step.at - INTERVAL 30 MINUTE)
FROM step JOIN slot ON slot.at > step.at - INTERVAL 6 HOUR AND slot.at <= step.at
GROUP BY step.at

-- name: alert_high_latency
-- The 95th percentile of the duration in seconds, over five minutes, at each step. Prometheus estimates it within a
-- bucket of its histogram; since 5 s is a bucket boundary, both are above it or neither is.
SELECT step.at, quantile_disc(ended.seconds, 0.95)
FROM step JOIN ended ON ended.ended_at > step.at - INTERVAL 5 MINUTE AND ended.ended_at <= step.at
GROUP BY step.at

-- name: alert_high_rate_limit_hits
-- Requests per second that a limit rejected, over five minutes, at each step.
SELECT step.at, coalesce(sum(slot.limited), 0) / 300.0
FROM step LEFT JOIN slot ON slot.at > step.at - INTERVAL 5 MINUTE AND slot.at <= step.at
GROUP BY step.at

-- name: alert_latency_budget_burn_fast
-- The share of requests that took more than 5 s, over an hour and over five minutes, at each step.
SELECT step.at,
       sum(slot.slow) / sum(slot.requests),
       sum(slot.slow) FILTER (slot.at > step.at - INTERVAL 5 MINUTE)
           / sum(slot.requests) FILTER (slot.at > step.at - INTERVAL 5 MINUTE)
FROM step JOIN slot ON slot.at > step.at - INTERVAL 1 HOUR AND slot.at <= step.at
GROUP BY step.at

-- name: alert_latency_budget_burn_slow
-- The share of requests that took more than 5 s, over six hours and over half an hour, at each step.
SELECT step.at,
       sum(slot.slow) / sum(slot.requests),
       sum(slot.slow) FILTER (slot.at > step.at - INTERVAL 30 MINUTE)
           / sum(slot.requests) FILTER (slot.at > step.at - INTERVAL 30 MINUTE)
FROM step JOIN slot ON slot.at > step.at - INTERVAL 6 HOUR AND slot.at <= step.at
GROUP BY step.at

-- name: alert_unpriced_requests
-- Requests without a known price, over an hour, at each step.
SELECT step.at, coalesce(sum(slot.unpriced), 0)
FROM step LEFT JOIN slot ON slot.at > step.at - INTERVAL 1 HOUR AND slot.at <= step.at
GROUP BY step.at

-- name: alert_upstream_errors
-- Requests per second that ended with 502, over five minutes, at each step.
SELECT step.at, coalesce(sum(slot.bad_gateway), 0) / 300.0
FROM step LEFT JOIN slot ON slot.at > step.at - INTERVAL 5 MINUTE AND slot.at <= step.at
GROUP BY step.at

-- name: alerts_ended
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

-- name: alerts_read
-- The lines of sealed or open segments; a line that is not a JSON object has no event.
INSERT INTO line
SELECT event, created_at, status, limit_type, latency_ms, cost_usd
FROM read_json($files, format = 'newline_delimited', ignore_errors = true, columns = {
    event: 'VARCHAR', created_at: 'VARCHAR', status: 'VARCHAR', limit_type: 'VARCHAR', latency_ms: 'VARCHAR',
    cost_usd: 'VARCHAR'})
WHERE event IS NULL OR event NOT IN ('open', 'intent', 'seal')

-- name: alerts_slots
-- Counts per slot of $step_us microseconds, each named by its end, which belongs to it; $at ends one.
CREATE OR REPLACE TEMP TABLE slot AS
SELECT $at::TIMESTAMP - to_microseconds((epoch_us($at::TIMESTAMP) - epoch_us(ended_at)) // $step_us::BIGINT * $step_us::BIGINT) AS at,
       count(*) AS requests,
       count(*) FILTER (status >= 500) AS failed,
       count(*) FILTER (status = 502) AS bad_gateway,
       count(*) FILTER (seconds > 5) AS slow,
       count(*) FILTER (limit_type IS NOT NULL) AS limited,
       count(*) FILTER (is_unpriced) AS unpriced
FROM ended
GROUP BY 1

-- name: alerts_steps
-- The moments at which a rule is evaluated: $count of them, $step_us microseconds apart, the last of them $at.
CREATE OR REPLACE TEMP TABLE step AS
SELECT $at::TIMESTAMP - to_microseconds($step_us::BIGINT * number) AS at FROM range($count::BIGINT) AS steps(number)

-- name: alerts_tables
-- The requests that the SQL equivalents of alert rules measure, by the time they ended, as the proxy counts them.
CREATE TEMP TABLE line (
    event VARCHAR, created_at VARCHAR, status VARCHAR, limit_type VARCHAR, latency_ms VARCHAR, cost_usd VARCHAR
);
CREATE TEMP TABLE ended (ended_at TIMESTAMP, status INTEGER, limit_type VARCHAR, seconds DOUBLE, is_unpriced BOOLEAN)

-- name: alerts_unread
-- The number of lines that are not requests with a time, a status and a duration.
SELECT count(*) FROM line
WHERE event IS DISTINCT FROM 'request' OR try_cast(created_at AS TIMESTAMP) IS NULL
   OR try_cast(status AS INTEGER) IS NULL OR try_cast(latency_ms AS DOUBLE) IS NULL
