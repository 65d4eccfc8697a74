-- name: report_archive_lines
-- The records of an archive's Parquet files as rows of `records`, but for other users' where only some are asked
-- for. $segments are those that count, $places their places in the order of loading; rows of any other are left out.
SELECT place.file AS file, created_at::TIMESTAMP AS created_at, request_id, user_id, team_id, model,
       status >= 400 OR error_type IS NOT NULL AS is_error, prompt_tokens, completion_tokens, total_tokens,
       usage_source = 'estimated' AS is_estimated, cost_usd, latency_ms, ttft_ms, cache_hit, line
FROM read_parquet($files, hive_partitioning = false)
JOIN (SELECT unnest($segments) AS segment, unnest($places) AS file) AS place USING (segment)
WHERE created_at >= $since::TIMESTAMP::TIMESTAMPTZ AND created_at < $until::TIMESTAMP::TIMESTAMPTZ
  -- The range is what lets DuckDB pass over parts of a file, which are sorted by user.
  AND user_id BETWEEN $first_user AND $last_user
  AND ($users IS NULL OR list_contains($users, user_id))

-- name: report_archive_twins
-- Records of other users that may have the identity of a wanted one: the first of them is the one that counts, so
-- they must be seen before duplicates are forgotten. Only their identity and place matter: no report shows them.
INSERT INTO records (file, created_at, request_id, user_id, line)
SELECT place.file, created_at::TIMESTAMP, request_id, user_id, line
FROM read_parquet($files, hive_partitioning = false)
JOIN (SELECT unnest($segments) AS segment, unnest($places) AS file) AS place USING (segment)
WHERE NOT list_contains($users, user_id)
  AND created_at::TIMESTAMP IN (SELECT created_at FROM wanted)

-- name: report_archive_wanted
-- The times of the records of the users who are asked for.
CREATE OR REPLACE TEMP TABLE wanted AS
SELECT DISTINCT created_at FROM records WHERE list_contains($users, user_id)
