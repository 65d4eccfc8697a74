-- The records of segments as rows of `records`, and NULL for their lines. Only for segments of which report_facts
-- says that DuckDB reads them exactly, and for strict copies.
SELECT $places[file_index::BIGINT + 1] AS file, created_at, request_id, user_id, team_id, model,
       status >= 400 OR error IS NOT NULL AS is_error, prompt_tokens, completion_tokens, total_tokens,
       usage_source = 'estimated' AS is_estimated, cost_usd::DECIMAL(38, 12) AS cost_usd, latency_ms, ttft_ms,
       cache_hit, NULL::BIGINT AS line
FROM (
    SELECT *, file_index
    FROM read_json($files, format = 'newline_delimited', columns = {
        event: 'VARCHAR', created_at: 'TIMESTAMP', request_id: 'VARCHAR', user_id: 'VARCHAR', team_id: 'VARCHAR',
        model: 'VARCHAR', status: 'INTEGER', prompt_tokens: 'BIGINT', completion_tokens: 'BIGINT',
        total_tokens: 'BIGINT', usage_source: 'VARCHAR', cost_usd: 'VARCHAR', latency_ms: 'DECIMAL(18, 6)',
        ttft_ms: 'DECIMAL(18, 6)', cache_hit: 'BOOLEAN', error: 'JSON'})
)
WHERE event = 'request' AND created_at >= $since AND created_at < $until
