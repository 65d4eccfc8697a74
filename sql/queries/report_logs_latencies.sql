-- Percentiles per model, and of all models together (NULL): the smallest value that at least so many percent of
-- the requests do not exceed. Nearest rank, counted here, because databases differ in how they count it.
WITH chosen AS (
    SELECT model, latency_ms, ttft_ms
    FROM records
    WHERE created_at >= $since AND created_at < $until
      AND ($users IS NULL OR list_contains($users, user_id))
      AND ($teams IS NULL OR list_contains($teams, team_id))
      AND ($models IS NULL OR list_contains($models, model))
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
SELECT model, any_value(number),
       min(latency_ms) FILTER (place * 100 >= number * 50),
       min(latency_ms) FILTER (place * 100 >= number * 90),
       min(latency_ms) FILTER (place * 100 >= number * 95),
       min(latency_ms) FILTER (place * 100 >= number * 99),
       min(ttft_ms) FILTER (ttft_place * 100 >= ttft_number * 50),
       min(ttft_ms) FILTER (ttft_place * 100 >= ttft_number * 95)
FROM ranked
GROUP BY model
ORDER BY model NULLS FIRST
