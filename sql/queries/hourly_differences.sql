-- Measures of usage_hourly that are not what the records make, of the time that is not pruned.
WITH horizon AS (
    SELECT COALESCE(pruned_before, '-infinity') AS at FROM etl_state
),
stored AS (
    SELECT h.* FROM usage_hourly h, horizon WHERE h.hour >= horizon.at
),
made AS (
    SELECT date_trunc('hour', created_at, 'UTC') AS hour, user_id, team_id, model, count(*) AS requests,
           count(*) FILTER (WHERE status >= 400 OR error_type IS NOT NULL) AS errors,
           count(*) FILTER (WHERE cache_hit) AS cache_hits, sum(prompt_tokens) AS prompt_tokens,
           sum(completion_tokens) AS completion_tokens, sum(total_tokens) AS total_tokens,
           sum(cost_usd) AS cost_usd, count(*) FILTER (WHERE cost_usd IS NULL) AS unpriced_requests,
           count(*) FILTER (WHERE usage_source = 'estimated') AS estimated_requests,
           sum(cost_usd) FILTER (WHERE usage_source = 'estimated') AS estimated_cost_usd,
           sum(latency_ms) AS latency_ms
    FROM usage_records, horizon
    WHERE created_at >= horizon.at
    GROUP BY 1, 2, 3, 4
)
SELECT 'usage_hourly' AS rollup, hour AS since, user_id, team_id, model, d.measure, d.stored, d.recomputed
FROM stored s
FULL JOIN made m USING (hour, user_id, team_id, model)
CROSS JOIN LATERAL (VALUES
    ('requests', s.requests::numeric, m.requests::numeric),
    ('errors', s.errors, m.errors),
    ('cache_hits', s.cache_hits, m.cache_hits),
    ('prompt_tokens', s.prompt_tokens, m.prompt_tokens),
    ('completion_tokens', s.completion_tokens, m.completion_tokens),
    ('total_tokens', s.total_tokens, m.total_tokens),
    ('cost_usd', s.cost_usd, m.cost_usd),
    ('unpriced_requests', s.unpriced_requests, m.unpriced_requests),
    ('estimated_requests', s.estimated_requests, m.estimated_requests),
    ('estimated_cost_usd', s.estimated_cost_usd, m.estimated_cost_usd),
    ('latency_ms', s.latency_ms, m.latency_ms)
) AS d (measure, stored, recomputed)
WHERE d.stored IS DISTINCT FROM d.recomputed
ORDER BY hour, user_id, team_id, model, d.measure
LIMIT %s
