-- What usage_daily would be without usage_hourly.
CREATE MATERIALIZED VIEW direct_daily AS
SELECT (created_at AT TIME ZONE 'UTC')::date AS day, user_id, team_id, model,
       count(*) AS requests,
       count(*) FILTER (WHERE status >= 400 OR error_type IS NOT NULL) AS errors,
       count(*) FILTER (WHERE cache_hit) AS cache_hits,
       sum(prompt_tokens) AS prompt_tokens,
       sum(completion_tokens) AS completion_tokens,
       sum(total_tokens) AS total_tokens,
       sum(cost_usd) AS cost_usd,
       count(*) FILTER (WHERE cost_usd IS NULL) AS unpriced_requests,
       round(sum(latency_ms) / count(*), 3) AS avg_latency_ms
FROM usage_records
GROUP BY 1, 2, 3, 4;
CREATE UNIQUE INDEX direct_daily_key ON direct_daily (day, user_id, team_id, model)
