-- The records of the first part once more: other ids, each moved on within the period by some days and hours.
INSERT INTO usage_records (
    request_id, created_at, user_id, team_id, key_id, model, upstream_model, provider, endpoint, stream,
    status, prompt_tokens, completion_tokens, total_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, usage_source, cost_usd, price_source, latency_ms, ttft_ms, cache_hit, limit_type,
    error_type
)
SELECT request_id || '-' || %(part)s::text,
    %(begin)s + mod(extract(epoch FROM created_at - %(begin)s)::numeric + %(part)s * 200003.000007,
                    %(days)s * 86400) * interval '1 second',
    user_id, team_id, key_id, model, upstream_model, provider, endpoint, stream, status, prompt_tokens,
    completion_tokens, total_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
    usage_source, cost_usd, price_source, latency_ms, ttft_ms, cache_hit, limit_type, error_type
FROM usage_records
WHERE request_id NOT LIKE '%%-%%'
