-- name: copy_usage_records
-- Copies records directly into their partitions, in the column order of etl/records/rows.py.
COPY usage_records (
    request_id, created_at, user_id, team_id, key_id, model, upstream_model, provider, endpoint,
    stream, status, prompt_tokens, completion_tokens, total_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, usage_source, cost_usd, price_source, latency_ms, ttft_ms, cache_hit, limit_type, error_type
) FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\')

-- name: copy_usage_hourly_parts
-- Copies the hourly sums of a part of a load.
COPY usage_hourly_parts (
    hour, user_id, team_id, model, requests, errors, cache_hits, prompt_tokens, completion_tokens, total_tokens,
    cost_usd, unpriced_requests, estimated_requests, estimated_cost_usd, latency_ms
) FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\')

-- name: lock_direct_load
-- Waits while a staged load runs; any number of direct loads run concurrently.
SELECT pg_advisory_xact_lock_shared(hashtextextended('relay staged load', 0))

-- name: lock_staged_load
-- Waits until no other load runs, and blocks other loads until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('relay staged load', 0))

-- name: create_staging_table
-- Creates the staging table; its rows last for a transaction, the table for a connection.
CREATE TEMPORARY TABLE IF NOT EXISTS loading_records (
    LIKE usage_records,
    line_number bigint NOT NULL,
    byte_offset bigint NOT NULL,
    is_new      boolean NOT NULL DEFAULT false
) ON COMMIT DELETE ROWS

-- name: copy_loading_records
-- Copies records with the position of their line into the staging table, in the order of etl/records/rows.py.
COPY loading_records (
    request_id, created_at, user_id, team_id, key_id, model, upstream_model, provider, endpoint,
    stream, status, prompt_tokens, completion_tokens, total_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, usage_source, cost_usd, price_source, latency_ms, ttft_ms, cache_hit, limit_type, error_type,
    line_number, byte_offset
) FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\')

-- name: insert_staged_records
-- Stores each staged record whose identity is not stored yet (the first line where several share one)
-- and marks it as new.
WITH firsts AS (
    SELECT created_at, request_id, min(line_number) AS line_number
    FROM loading_records
    GROUP BY created_at, request_id
),
stored AS (
    INSERT INTO usage_records (
    request_id, created_at, user_id, team_id, key_id, model, upstream_model, provider, endpoint,
    stream, status, prompt_tokens, completion_tokens, total_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, usage_source, cost_usd, price_source, latency_ms, ttft_ms, cache_hit, limit_type, error_type
    )
    SELECT
    request_id, created_at, user_id, team_id, key_id, model, upstream_model, provider, endpoint,
    stream, status, prompt_tokens, completion_tokens, total_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, usage_source, cost_usd, price_source, latency_ms, ttft_ms, cache_hit, limit_type, error_type
    FROM loading_records
    JOIN firsts USING (created_at, request_id, line_number)
    ORDER BY created_at, request_id
    ON CONFLICT (created_at, request_id) DO NOTHING
    RETURNING created_at, request_id
)
UPDATE loading_records AS l
SET is_new = true
FROM firsts
JOIN stored USING (created_at, request_id)
WHERE l.line_number = firsts.line_number

-- name: staged_contradictions
-- The positions of staged records whose identity is stored with other content.
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

-- name: sum_staged_records
-- Appends the hourly sums of new staged records; returns their first and last hour and their days.
WITH part AS (
    INSERT INTO usage_hourly_parts (
    hour, user_id, team_id, model, requests, errors, cache_hits, prompt_tokens, completion_tokens, total_tokens,
    cost_usd, unpriced_requests, estimated_requests, estimated_cost_usd, latency_ms
    )
    SELECT date_trunc('hour', created_at, 'UTC'), user_id, team_id, model, count(*),
           count(*) FILTER (WHERE status >= 400 OR error_type IS NOT NULL), count(*) FILTER (WHERE cache_hit),
           sum(prompt_tokens), sum(completion_tokens), sum(total_tokens),
           sum(cost_usd), count(*) FILTER (WHERE cost_usd IS NULL),
           count(*) FILTER (WHERE usage_source = 'estimated'),
           sum(cost_usd) FILTER (WHERE usage_source = 'estimated'), sum(latency_ms)
    FROM loading_records
    WHERE is_new
    GROUP BY 1, 2, 3, 4
    RETURNING hour
)
SELECT min(hour), max(hour), array_agg(DISTINCT (hour AT TIME ZONE 'UTC')::date)
FROM part

-- name: delete_staged_lines
-- Deletes lines from the staging table.
DELETE FROM loading_records WHERE line_number = ANY(%s)

-- name: delete_staged_rejects
-- Deletes the rejects of a segment whose lines are staged, because they are accepted now.
DELETE FROM etl_rejects r
USING loading_records l
WHERE r.segment = %s AND r.line_number = l.line_number
