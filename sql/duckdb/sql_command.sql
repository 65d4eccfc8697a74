-- name: sql_lock
-- Restricts statements to the open database: no other file, no network, no extension, no change of a setting.
SET TimeZone = 'UTC';
SET default_null_order = 'nulls_last_on_asc_first_on_desc'; -- as PostgreSQL
SET enable_progress_bar = false; -- it would be shown on stdout, among the data
SET autoinstall_known_extensions = false;
SET autoload_known_extensions = false;
SET allow_community_extensions = false;
SET python_enable_replacements = false; -- else an unknown table name could refer to a Python variable
SET enable_external_access = false;
SET lock_configuration = true

-- name: sql_names
-- The names that a prompt completes: the views and their columns.
SELECT table_name, column_name FROM duckdb_columns() WHERE table_name IN ('usage_records', 'usage_daily')

-- name: sql_views
-- The views of `relayctl sql`: usage_records and usage_daily with PostgreSQL's names and meanings. Money and durations
-- are decimal.
CREATE VIEW usage_records AS
SELECT * EXCLUDE (load_order, line) REPLACE (created_at AT TIME ZONE 'UTC' AS created_at)
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
