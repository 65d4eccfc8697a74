-- Percentiles per model, and of all models together (NULL): the smallest value that at least so many percent of
-- the requests do not exceed. Nearest rank, counted here, because databases differ in how they count it.
WITH chosen AS MATERIALIZED (
    SELECT model, latency_ms, ttft_ms
    FROM usage_records
    WHERE created_at >= %(since)s AND created_at < %(until)s
      AND (%(users)s::text[] IS NULL OR user_id = ANY (%(users)s))
      AND (%(teams)s::text[] IS NULL OR team_id = ANY (%(teams)s))
      AND (%(models)s::text[] IS NULL OR model = ANY (%(models)s))
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
SELECT model, min(number),
       min(latency_ms) FILTER (WHERE place * 100 >= number * 50),
       min(latency_ms) FILTER (WHERE place * 100 >= number * 90),
       min(latency_ms) FILTER (WHERE place * 100 >= number * 95),
       min(latency_ms) FILTER (WHERE place * 100 >= number * 99),
       min(ttft_ms) FILTER (WHERE ttft_place * 100 >= ttft_number * 50),
       min(ttft_ms) FILTER (WHERE ttft_place * 100 >= ttft_number * 95)
FROM ranked
GROUP BY model
ORDER BY model NULLS FIRST
