-- The records of an archive's Parquet files as rows of `fresh`: exact, because the archive was proved when it was made.
-- $pieces are the numbers of the files.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT $pieces[file_index::BIGINT + 1] AS piece, created_at::TIMESTAMP AS created_at, hash(created_at::TIMESTAMP, request_id) AS id,
       user_id, team_id, model, status >= 400 OR error_type IS NOT NULL AS is_error, cache_hit,
       prompt_tokens, completion_tokens, total_tokens, cost_usd, usage_source = 'estimated' AS is_estimated,
       latency_ms, true AS is_exact
FROM (SELECT *, file_index FROM read_parquet($files, hive_partitioning = false))
