-- The parts of usage_hourly made anew from the records.
INSERT INTO usage_hourly_parts (
    hour, user_id, team_id, model, requests, errors, cache_hits, prompt_tokens, completion_tokens, total_tokens,
    cost_usd, unpriced_requests, estimated_requests, estimated_cost_usd, latency_ms, provider, key_id, endpoint,
    cache_read_tokens, cache_write_tokens, reasoning_tokens
)
SELECT date_trunc('hour', created_at, 'UTC'), user_id, team_id, model, count(*),
       count(*) FILTER (WHERE status >= 400 OR error_type IS NOT NULL), count(*) FILTER (WHERE cache_hit),
       sum(prompt_tokens), sum(completion_tokens), sum(total_tokens),
       sum(cost_usd), count(*) FILTER (WHERE cost_usd IS NULL),
       count(*) FILTER (WHERE usage_source = 'estimated'),
       sum(cost_usd) FILTER (WHERE usage_source = 'estimated'), sum(latency_ms), provider, key_id, endpoint,
       sum(cache_read_tokens), sum(cache_write_tokens), sum(reasoning_tokens)
FROM usage_records
GROUP BY 1, 2, 3, 4, provider, key_id, endpoint
