-- name: report_postgres
-- Sums per bucket and group. Whole UTC hours from hours_from to hours_until come from the parts of the rollup, what the
-- period has before and after them from the records; both are exact, and one statement sees one state.
-- inner_boundaries cut the period into buckets 0, 1, 2, …
WITH part AS (
    SELECT hour AS at, user_id, team_id, model, requests, errors, cache_hits, prompt_tokens,
           completion_tokens, total_tokens, cost_usd, unpriced_requests, estimated_requests,
           estimated_cost_usd, latency_ms
    FROM usage_hourly_parts
    WHERE hour >= %(hours_from)s AND hour < %(hours_until)s
    UNION ALL
    SELECT created_at, user_id, team_id, model, 1, (status >= 400 OR error_type IS NOT NULL)::int, cache_hit::int, prompt_tokens,
           completion_tokens, total_tokens, cost_usd, (cost_usd IS NULL)::int,
           (usage_source = 'estimated')::int,
           CASE WHEN usage_source = 'estimated' THEN cost_usd END, latency_ms
    FROM usage_records
    WHERE (created_at >= %(since)s AND created_at < %(hours_from)s)
       OR (created_at >= %(hours_until)s AND created_at < %(until)s)
)
SELECT width_bucket(at, %(inner_boundaries)s::timestamptz[]) AS bucket,
       CASE WHEN %(by_user)s THEN user_id END AS user_id,
       CASE WHEN %(by_team)s THEN team_id END AS team_id,
       CASE WHEN %(by_model)s THEN model END AS model,
       sum(requests)::bigint AS requests, sum(errors)::bigint AS errors, sum(cache_hits)::bigint AS cache_hits,
       sum(prompt_tokens) AS prompt_tokens, sum(completion_tokens) AS completion_tokens, sum(total_tokens) AS total_tokens,
       NULL AS cache_read_tokens, NULL AS cache_write_tokens, NULL AS reasoning_tokens,
       sum(cost_usd) AS cost_usd, sum(unpriced_requests)::bigint AS unpriced_requests,
       sum(estimated_requests)::bigint AS estimated_requests,
       coalesce(sum(estimated_cost_usd), 0) AS estimated_cost_usd, sum(latency_ms) AS latency_ms
FROM part
WHERE (%(only_user)s::text[] IS NULL OR user_id = ANY (%(only_user)s))
  AND (%(only_team)s::text[] IS NULL OR team_id = ANY (%(only_team)s))
  AND (%(only_model)s::text[] IS NULL OR model = ANY (%(only_model)s))
GROUP BY 1, 2, 3, 4

-- name: report_postgres_latencies
-- Percentiles per model, and of all models together (NULL): the smallest value that at least so many percent of
-- the requests do not exceed. Nearest rank, counted here, because databases differ in how they count it.
WITH chosen AS MATERIALIZED (
    SELECT model, latency_ms, ttft_ms
    FROM usage_records
    WHERE created_at >= %(since)s AND created_at < %(until)s
      AND (%(only_user)s::text[] IS NULL OR user_id = ANY (%(only_user)s))
      AND (%(only_team)s::text[] IS NULL OR team_id = ANY (%(only_team)s))
      AND (%(only_model)s::text[] IS NULL OR model = ANY (%(only_model)s))
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
