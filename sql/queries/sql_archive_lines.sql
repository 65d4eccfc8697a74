-- Every stored field of the records of an archive's Parquet files; see `report_archive_lines`.
SELECT place.file AS file, line, request_id, created_at::TIMESTAMP, user_id, team_id, key_id, model, upstream_model,
       provider, endpoint, stream, status, prompt_tokens, completion_tokens, total_tokens, cache_read_tokens,
       cache_write_tokens, reasoning_tokens, usage_source, cost_usd, price_source, latency_ms, ttft_ms, cache_hit,
       limit_type, error_type
FROM read_parquet($files, hive_partitioning = false)
JOIN (SELECT unnest($segments) AS segment, unnest($places) AS file) AS place USING (segment)
WHERE created_at >= $since::TIMESTAMP::TIMESTAMPTZ AND created_at < $until::TIMESTAMP::TIMESTAMPTZ
  AND user_id BETWEEN $first_user AND $last_user
  AND ($users IS NULL OR list_contains($users, user_id))
