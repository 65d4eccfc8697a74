-- Where the staged records stand that were not stored and are not what is stored under their identity.
SELECT l.line_number, l.byte_offset
FROM loading_records l
JOIN usage_records r USING (created_at, request_id)
WHERE NOT l.is_new
  AND ROW(l.user_id, l.team_id, l.key_id, l.model, l.upstream_model, l.provider, l.endpoint, l.stream,
         l.status, l.prompt_tokens, l.completion_tokens, l.total_tokens, l.cache_read_tokens,
         l.cache_write_tokens, l.reasoning_tokens, l.usage_source, l.cost_usd, l.price_source, l.latency_ms,
         l.ttft_ms, l.cache_hit, l.limit_type, l.error_type)
  IS DISTINCT FROM
      ROW(r.user_id, r.team_id, r.key_id, r.model, r.upstream_model, r.provider, r.endpoint, r.stream,
         r.status, r.prompt_tokens, r.completion_tokens, r.total_tokens, r.cache_read_tokens,
         r.cache_write_tokens, r.reasoning_tokens, r.usage_source, r.cost_usd, r.price_source, r.latency_ms,
         r.ttft_ms, r.cache_hit, r.limit_type, r.error_type)
ORDER BY l.line_number
