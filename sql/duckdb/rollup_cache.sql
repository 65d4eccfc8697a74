-- name: report_add_volumes
-- Adds up what the volumes $days of a file hold of whole hours or days; no record is in two volumes.
INSERT INTO sums
SELECT (epoch_us(hour) + $shift_us) // $slot_us,
       true,
       CASE WHEN $by_user THEN user_id END,
       CASE WHEN $by_team THEN team_id END,
       CASE WHEN $by_model THEN model END,
       sum(requests),
       sum(errors),
       sum(cache_hits),
       sum(prompt_tokens),
       sum(completion_tokens),
       sum(total_tokens),
       sum(cost_usd),
       sum(unpriced_requests),
       sum(estimated_requests),
       sum(estimated_cost_usd),
       sum(latency_ms),
       NULL
FROM read_parquet($file)
WHERE hour >= $since AND hour < $until AND day IN (SELECT unnest($days))
  AND ($users IS NULL OR list_contains($users, user_id))
  AND ($teams IS NULL OR list_contains($teams, team_id))
  AND ($models IS NULL OR list_contains($models, model))
GROUP BY ALL

-- name: report_fresh_archive
-- The records of an archive's Parquet files as rows of `fresh`: exact, because the archive was proved when it was made.
-- $pieces are the numbers of the files.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT $pieces[file_index::BIGINT + 1] AS piece, created_at::TIMESTAMP AS created_at, hash(created_at::TIMESTAMP, request_id) AS id,
       user_id, team_id, model, status >= 400 OR error_type IS NOT NULL AS is_error, cache_hit,
       prompt_tokens, completion_tokens, total_tokens, cost_usd, usage_source = 'estimated' AS is_estimated,
       latency_ms, true AS is_exact
FROM (SELECT *, file_index FROM read_parquet($files, hive_partitioning = false))

-- name: report_fresh_facts
-- What there is in each piece that was just read, one row each.
SELECT piece, count(*) AS records, sum(prompt_tokens)::HUGEINT, sum(completion_tokens)::HUGEINT,
       coalesce(sum(cost_usd), 0), min(created_at) AS first, max(created_at) AS last, bool_and(is_exact) AS is_exact
FROM fresh
GROUP BY piece

-- name: report_fresh_hours
-- Adds up by hour what was just read of the pieces $pieces, for the volumes $days, one for each of them.
INSERT INTO hours
SELECT day, date_trunc('hour', created_at), user_id, team_id, model,
       count(*),
       count(*) FILTER (is_error),
       count(*) FILTER (cache_hit),
       sum(prompt_tokens),
       sum(completion_tokens),
       sum(total_tokens),
       sum(cost_usd),
       count(*) FILTER (cost_usd IS NULL),
       count(*) FILTER (is_estimated),
       sum(cost_usd) FILTER (is_estimated),
       sum(latency_ms)
FROM fresh JOIN (SELECT unnest($pieces) AS piece, unnest($days) AS day) AS belongs USING (piece)
GROUP BY ALL

-- name: report_fresh_ids
-- Keeps the identities, as hashes, of what was just read of the pieces $pieces, whose numbers among all are $numbers.
INSERT INTO ids
SELECT number, id
FROM fresh JOIN (SELECT unnest($pieces) AS piece, unnest($numbers) AS number) AS numbered USING (piece)

-- name: report_fresh_segments
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

-- name: report_ids_clashing
-- The numbers of the pieces that hold a record which they, or another of them, hold too; a colliding hash only makes us
-- look closer.
SELECT DISTINCT number
FROM ids
WHERE id IN (SELECT id FROM ids GROUP BY id HAVING count(*) > 1)

-- name: report_volume_before
-- What a volume held so far goes into the one that takes its place.
INSERT INTO hours SELECT * FROM read_parquet($file) WHERE day = $day

-- name: report_volume_days
-- The sums of the volumes $days by day, in an order in which few users stand in each part of the file.
SELECT day, date_trunc('day', hour)::TIMESTAMP AS hour, user_id, team_id, model,
       sum(requests)::BIGINT AS requests,
       sum(errors)::BIGINT AS errors,
       sum(cache_hits)::BIGINT AS cache_hits,
       sum(prompt_tokens)::BIGINT AS prompt_tokens,
       sum(completion_tokens)::BIGINT AS completion_tokens,
       sum(total_tokens)::BIGINT AS total_tokens,
       sum(cost_usd) AS cost_usd,
       sum(unpriced_requests)::BIGINT AS unpriced_requests,
       sum(estimated_requests)::BIGINT AS estimated_requests,
       sum(estimated_cost_usd) AS estimated_cost_usd,
       sum(latency_ms)::DECIMAL(18, 6) AS latency_ms
FROM hours
WHERE list_contains($days, day)
GROUP BY ALL
ORDER BY user_id, model

-- name: report_volume_hours
-- The sums of the volumes $days by hour; those of one hour may stand in several rows.
SELECT * FROM hours WHERE list_contains($days, day)

-- name: report_volume_tables
-- Where the sums of pieces wait until they are written, and the identities of their records. Tokens and durations that
-- are too large for these columns are an error, and their days have no sums then.
CREATE OR REPLACE TEMP TABLE hours (
    day          VARCHAR,
    hour         TIMESTAMP,
    user_id      VARCHAR,
    team_id      VARCHAR,
    model        VARCHAR,
    requests     BIGINT,
    errors       BIGINT,
    cache_hits   BIGINT,
    prompt_tokens     BIGINT,
    completion_tokens BIGINT,
    total_tokens      BIGINT,
    cost_usd     DECIMAL(38, 12),
    unpriced_requests  BIGINT,
    estimated_requests BIGINT,
    estimated_cost_usd DECIMAL(38, 12),
    latency_ms   DECIMAL(18, 6)
);
CREATE OR REPLACE TEMP TABLE ids (number INTEGER, id UBIGINT)

-- name: report_volume_written
-- Makes room: the sums of these volumes are in their file.
DELETE FROM hours WHERE list_contains($days, day)

-- name: report_volumes_joined
-- Volumes of several files, to be written as one: of file number $files[i] the volume $days[i].
SELECT sums.* EXCLUDE (file_index)
FROM (SELECT *, file_index FROM read_parquet($paths)) AS sums
JOIN (SELECT unnest($files) AS file_index, unnest($days) AS day) AS valid USING (file_index, day)
