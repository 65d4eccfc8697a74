-- Measures of usage_daily that are not what the records make, of the time that is not pruned.
WITH horizon AS (
    SELECT COALESCE(pruned_before, '-infinity') AS at FROM etl_state
),
stored AS (
    SELECT v.* FROM usage_daily v, horizon WHERE v.day >= horizon.at AT TIME ZONE 'UTC'
),
made AS (
    SELECT (created_at AT TIME ZONE 'UTC')::date AS day, user_id, team_id, model, count(*) AS requests,
           count(*) FILTER (WHERE status >= 400 OR error_type IS NOT NULL) AS errors,
           count(*) FILTER (WHERE cache_hit) AS cache_hits, sum(prompt_tokens) AS prompt_tokens,
           sum(completion_tokens) AS completion_tokens, sum(total_tokens) AS total_tokens,
           sum(cost_usd) AS cost_usd, count(*) FILTER (WHERE cost_usd IS NULL) AS unpriced_requests,
           round(sum(latency_ms) / count(*), 3) AS avg_latency_ms
    FROM usage_records, horizon
    WHERE created_at >= horizon.at
    GROUP BY 1, 2, 3, 4
)
SELECT 'usage_daily' AS rollup, day::timestamp AT TIME ZONE 'UTC' AS since, user_id, team_id, model, d.measure, d.stored,
       d.recomputed
FROM stored s
FULL JOIN made m USING (day, user_id, team_id, model)
CROSS JOIN LATERAL (VALUES
    ('requests', s.requests::numeric, m.requests::numeric),
    ('errors', s.errors, m.errors),
    ('cache_hits', s.cache_hits, m.cache_hits),
    ('prompt_tokens', s.prompt_tokens, m.prompt_tokens),
    ('completion_tokens', s.completion_tokens, m.completion_tokens),
    ('total_tokens', s.total_tokens, m.total_tokens),
    ('cost_usd', s.cost_usd, m.cost_usd),
    ('unpriced_requests', s.unpriced_requests, m.unpriced_requests),
    ('avg_latency_ms', s.avg_latency_ms, m.avg_latency_ms)
) AS d (measure, stored, recomputed)
WHERE d.stored IS DISTINCT FROM d.recomputed
ORDER BY day, user_id, team_id, model, d.measure
LIMIT %s
