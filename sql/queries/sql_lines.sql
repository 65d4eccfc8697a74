-- Every stored field of the records of segments, as `report_lines` reads them; a field that an old line lacks has its
-- default.
SELECT $places[file_index::BIGINT + 1] AS file, NULL::BIGINT AS line, request_id, created_at, user_id, team_id,
       coalesce(key_id, ''), model, upstream_model, coalesce(provider, ''), coalesce(endpoint, ''),
       coalesce(stream, false), status, prompt_tokens, completion_tokens, total_tokens,
       coalesce(cache_read_tokens, 0), coalesce(cache_write_tokens, 0), coalesce(reasoning_tokens, 0), usage_source,
       cost_usd::DECIMAL(38, 12), price_source, latency_ms, ttft_ms, cache_hit, limit_type, error->>'$.type'
FROM (
    SELECT *, file_index
    FROM read_json($files, format = 'newline_delimited', columns = {
        event: 'VARCHAR', request_id: 'VARCHAR', created_at: 'TIMESTAMP', user_id: 'VARCHAR', team_id: 'VARCHAR',
        key_id: 'VARCHAR', model: 'VARCHAR', upstream_model: 'VARCHAR', provider: 'VARCHAR', endpoint: 'VARCHAR',
        stream: 'BOOLEAN', status: 'INTEGER', prompt_tokens: 'BIGINT', completion_tokens: 'BIGINT',
        total_tokens: 'BIGINT', cache_read_tokens: 'BIGINT', cache_write_tokens: 'BIGINT',
        reasoning_tokens: 'BIGINT', usage_source: 'VARCHAR', cost_usd: 'VARCHAR', price_source: 'VARCHAR',
        latency_ms: 'DECIMAL(18, 6)', ttft_ms: 'DECIMAL(18, 6)', cache_hit: 'BOOLEAN', limit_type: 'VARCHAR',
        error: 'JSON'})
)
WHERE event = 'request' AND created_at >= $since AND created_at < $until
