-- Hourly sums of a part of a load.
COPY usage_hourly_parts (
    hour, user_id, team_id, model, requests, errors, cache_hits, prompt_tokens, completion_tokens, total_tokens,
    cost_usd, unpriced_requests, estimated_requests, estimated_cost_usd, latency_ms
) FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\')
