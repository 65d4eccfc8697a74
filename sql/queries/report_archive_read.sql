-- Reads the Parquet files of an archive into records, but for other users' where only some are asked for. $segments
-- are those that count, $places their places in the order of loading; the rows of any other are left out.
INSERT INTO records
SELECT place.file, true, created_at::TIMESTAMP, request_id, user_id, team_id, model,
       status >= 400 OR error_type IS NOT NULL, prompt_tokens, completion_tokens, total_tokens,
       usage_source = 'estimated', cost_usd, latency_ms, cache_hit, line
FROM read_parquet($files, hive_partitioning = false)
JOIN (SELECT unnest($segments) AS segment, unnest($places) AS file) AS place USING (segment)
WHERE created_at >= $since::TIMESTAMP::TIMESTAMPTZ AND created_at < $until::TIMESTAMP::TIMESTAMPTZ
  -- The range is what lets DuckDB pass over parts of a file, which are sorted by user.
  AND user_id BETWEEN $first_user AND $last_user
  AND ($users IS NULL OR list_contains($users, user_id))
