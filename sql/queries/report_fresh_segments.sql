-- The records of segments whose lines their seals vouch for, as rows of `fresh`; $pieces are their numbers. is_exact
-- says whether DuckDB reads the line exactly as it stands. It may be false for a good line (its segment is then read
-- strictly), but never true for one that would be read wrongly: numbers pass through a double, which loses none of so few
-- digits, and money must be text. A line that is no JSON, or names one of these fields twice, is an error.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT $pieces[file_index::BIGINT + 1] AS piece, TRY_CAST(created_at AS TIMESTAMP) AS created_at,
       hash(TRY_CAST(created_at AS TIMESTAMP), request_id) AS id, user_id, team_id, model,
       status >= 400 OR error IS NOT NULL AS is_error, cache_hit, prompt_tokens, completion_tokens, total_tokens,
       TRY_CAST(trim(cost_usd::VARCHAR, '"') AS DECIMAL(38, 12)) AS cost_usd,
       usage_source = 'estimated' AS is_estimated, TRY_CAST(latency_ms::VARCHAR AS DECIMAL(18, 6)) AS latency_ms,
       coalesce(
           regexp_full_match(created_at, '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z')
           AND created_at[1:4] != '0000' AND TRY_CAST(created_at AS TIMESTAMP) IS NOT NULL
           AND seq <= 9007199254740992
           -- What the database has no room for, the ETL refuses.
           AND strlen(user_id) + strlen(team_id) + strlen(model) <= 2500
           AND request_id IS NOT NULL AND status IS NOT NULL AND prompt_tokens + completion_tokens = total_tokens
           AND usage_source IS NOT NULL AND cache_hit IS NOT NULL
           AND (cost_usd IS NULL OR regexp_full_match(cost_usd::VARCHAR, '"[0-9]{1,12}(\.[0-9]{1,12})?"'))
           AND regexp_full_match(latency_ms::VARCHAR, '[0-9]{1,9}(\.[0-9]{1,6})?')
           AND (ttft_ms IS NULL OR regexp_full_match(ttft_ms::VARCHAR, '[0-9]{1,9}(\.[0-9]{1,6})?')),
           false) AS is_exact
FROM (
    SELECT *, file_index
    FROM read_json($files, format = 'newline_delimited', columns = {
        event: 'VARCHAR', seq: 'BIGINT', created_at: 'VARCHAR', request_id: 'VARCHAR', user_id: 'VARCHAR', team_id: 'VARCHAR',
        model: 'VARCHAR', status: 'INTEGER', prompt_tokens: 'BIGINT', completion_tokens: 'BIGINT',
        total_tokens: 'BIGINT', usage_source: 'VARCHAR', cost_usd: 'JSON', latency_ms: 'JSON', ttft_ms: 'JSON',
        cache_hit: 'BOOLEAN', error: 'JSON'})
)
WHERE event = 'request'
