-- Records of a period in their order, from a place on.
SELECT request_id, created_at, user_id, team_id, key_id, model, upstream_model, provider, endpoint, stream, status,
       prompt_tokens, completion_tokens, total_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
       usage_source, cost_usd, price_source, latency_ms, ttft_ms, cache_hit, limit_type, error_type
FROM usage_records
WHERE created_at >= %(since)s AND created_at < %(until)s
  AND (created_at, request_id) > (%(since)s, %(after_id)s)
ORDER BY created_at, request_id
LIMIT %(limit)s
