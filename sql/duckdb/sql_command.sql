-- name: sql_archive_lines
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

-- name: sql_lines
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

-- name: sql_lock
-- Ends what a statement may reach: no file but the open one, no network, no extension, and no setting any more.
SET TimeZone = 'UTC';
SET default_null_order = 'nulls_last_on_asc_first_on_desc'; -- as PostgreSQL
SET enable_progress_bar = false; -- it would be shown on stdout, among the data
SET autoinstall_known_extensions = false;
SET autoload_known_extensions = false;
SET allow_community_extensions = false;
SET python_enable_replacements = false; -- else a name that is no table could be one of our own variables
SET enable_external_access = false;
SET lock_configuration = true

-- name: sql_names
-- What a prompt can complete: the views and their columns.
SELECT table_name, column_name FROM duckdb_columns() WHERE table_name IN ('usage_records', 'usage_daily')

-- name: sql_tables
-- What `relayctl sql` asks: usage_records and usage_daily with PostgreSQL's names and meanings. Money and durations are
-- decimal; file and line say which of two records with one identity came first.
CREATE TABLE records (
    file         INTEGER,
    line         BIGINT,
    request_id   VARCHAR,
    created_at   TIMESTAMP,
    user_id      VARCHAR,
    team_id      VARCHAR,
    key_id       VARCHAR,
    model        VARCHAR,
    upstream_model VARCHAR,
    provider     VARCHAR,
    endpoint     VARCHAR,
    stream       BOOLEAN,
    status       INTEGER,
    prompt_tokens      BIGINT,
    completion_tokens  BIGINT,
    total_tokens       BIGINT,
    cache_read_tokens  BIGINT,
    cache_write_tokens BIGINT,
    reasoning_tokens   BIGINT,
    usage_source VARCHAR,
    cost_usd     DECIMAL(38, 12),
    price_source VARCHAR,
    latency_ms   DECIMAL(18, 6),
    ttft_ms      DECIMAL(18, 6),
    cache_hit    BOOLEAN,
    limit_type   VARCHAR,
    error_type   VARCHAR
);
CREATE VIEW usage_records AS
SELECT * EXCLUDE (file, line) REPLACE (created_at AT TIME ZONE 'UTC' AS created_at)
FROM records;
CREATE VIEW usage_daily AS
SELECT created_at::DATE AS day, user_id, team_id, model,
       count(*) AS requests,
       count(*) FILTER (status >= 400 OR error_type IS NOT NULL) AS errors,
       count(*) FILTER (cache_hit) AS cache_hits,
       sum(prompt_tokens) AS prompt_tokens,
       sum(completion_tokens) AS completion_tokens,
       sum(total_tokens) AS total_tokens,
       sum(cost_usd) AS cost_usd,
       count(*) FILTER (cost_usd IS NULL) AS unpriced_requests,
       -- Rounded half-up as PostgreSQL does; DuckDB's own division of decimals is one of doubles.
       ((2 * (sum(latency_ms) * 1000000)::HUGEINT + 1000 * count(*)) // (2000 * count(*)))::DECIMAL(18, 0)
           * 0.001::DECIMAL(3, 3) AS avg_latency_ms
FROM records
GROUP BY ALL
