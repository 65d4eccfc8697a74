-- Adds the hourly sums of a load to usage_hourly; in key order, so that two loads never wait for each other.
-- COALESCE: an unknown cost adds nothing to a known one, and stays unknown beside another unknown one.
INSERT INTO usage_hourly AS h (
    hour, user_id, team_id, model, requests, errors, cache_hits, prompt_tokens, completion_tokens, total_tokens,
    cost_usd, unpriced_requests, estimated_requests, estimated_cost_usd, latency_ms
)
SELECT hour, user_id, team_id, model, requests, errors, cache_hits, prompt_tokens, completion_tokens, total_tokens,
       cost_usd, unpriced_requests, estimated_requests, estimated_cost_usd, latency_ms
FROM loading_hours
ORDER BY hour, user_id, team_id, model
ON CONFLICT (hour, user_id, team_id, model) DO UPDATE SET
    requests = h.requests + EXCLUDED.requests,
    errors = h.errors + EXCLUDED.errors,
    cache_hits = h.cache_hits + EXCLUDED.cache_hits,
    prompt_tokens = h.prompt_tokens + EXCLUDED.prompt_tokens,
    completion_tokens = h.completion_tokens + EXCLUDED.completion_tokens,
    total_tokens = h.total_tokens + EXCLUDED.total_tokens,
    cost_usd = COALESCE(h.cost_usd + EXCLUDED.cost_usd, h.cost_usd, EXCLUDED.cost_usd),
    unpriced_requests = h.unpriced_requests + EXCLUDED.unpriced_requests,
    estimated_requests = h.estimated_requests + EXCLUDED.estimated_requests,
    estimated_cost_usd = COALESCE(h.estimated_cost_usd + EXCLUDED.estimated_cost_usd,
                                  h.estimated_cost_usd, EXCLUDED.estimated_cost_usd),
    latency_ms = h.latency_ms + EXCLUDED.latency_ms
