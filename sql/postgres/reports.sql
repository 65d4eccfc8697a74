-- name: report_postgres
-- Sums per bucket and group. Whole UTC hours from hours_from to hours_until come from the parts of the rollup, the rest
-- of the period from the records; both are exact, and one statement sees one state. inner_boundaries divide the period
-- into buckets 0, 1, 2, …
WITH part AS (
    SELECT width_bucket(hour, %(inner_boundaries)s::timestamptz[]) AS bucket, {grouped}, {measures}
    FROM usage_hourly_parts
    WHERE hour >= %(hours_from)s AND hour < %(hours_until)s AND {filters}
    UNION ALL
    SELECT width_bucket(created_at, %(inner_boundaries)s::timestamptz[]), {grouped}, {measures_of_records}
    FROM usage_records
    WHERE ((created_at >= %(since)s AND created_at < %(hours_from)s)
           OR (created_at >= %(hours_until)s AND created_at < %(until)s))
      AND {filters}
    GROUP BY 1, {dimensions}
)
SELECT bucket, {dimensions}, {sums}
FROM part
GROUP BY bucket, {dimensions}

-- name: requests_of_unknown_dimensions
-- How many requests lie in hours whose rollup lacks the newer dimensions, and from when on all hours have them.
SELECT sum(p.requests) AS requests, min(s.dimensions_since) AS since
FROM etl_state s
JOIN usage_hourly_parts p ON p.hour < s.dimensions_since AND p.provider IS NULL
WHERE p.hour >= %(hours_from)s AND p.hour < %(hours_until)s AND {older_filters}

-- name: report_postgres_latencies
-- Percentiles per model, and over all models (NULL): the smallest value that at least so many percent of the requests
-- do not exceed. Nearest rank, counted here because databases differ in how they compute it.
WITH chosen AS MATERIALIZED (
    SELECT model, latency_ms, ttft_ms
    FROM usage_records
    WHERE created_at >= %(since)s AND created_at < %(until)s
      AND {filters}
),
member AS (
    SELECT model, latency_ms, ttft_ms FROM chosen
    UNION ALL
    SELECT NULL, latency_ms, ttft_ms FROM chosen
),
ranked AS (
    SELECT model, latency_ms, ttft_ms,
           row_number() OVER (PARTITION BY model ORDER BY latency_ms) AS place,
           count(*) OVER (PARTITION BY model) AS number,
           row_number() OVER (PARTITION BY model ORDER BY ttft_ms NULLS LAST) AS ttft_place,
           count(ttft_ms) OVER (PARTITION BY model) AS ttft_number
    FROM member
)
SELECT model, min(number) AS requests,
       min(latency_ms) FILTER (WHERE place * 100 >= number * 50) AS p50_ms,
       min(latency_ms) FILTER (WHERE place * 100 >= number * 90) AS p90_ms,
       min(latency_ms) FILTER (WHERE place * 100 >= number * 95) AS p95_ms,
       min(latency_ms) FILTER (WHERE place * 100 >= number * 99) AS p99_ms,
       min(ttft_ms) FILTER (WHERE ttft_place * 100 >= ttft_number * 50) AS ttft_p50_ms,
       min(ttft_ms) FILTER (WHERE ttft_place * 100 >= ttft_number * 95) AS ttft_p95_ms
FROM ranked
GROUP BY model
ORDER BY model NULLS FIRST
