-- name: rollup_cache_add_files
-- Adds files with their fingerprints and the times of their first and last record.
INSERT INTO {cache}.files
SELECT unnest($ids), unnest($names), unnest($fingerprints), unnest($verified::BOOLEAN[]), NULL,
       unnest($first::TIMESTAMP[]), unnest($last::TIMESTAMP[])

-- name: rollup_cache_add_hashes
-- Adds the identities, as hashes, of the records that were just read.
INSERT INTO {cache}.record_hashes
SELECT id, record_hash
FROM chunk JOIN (SELECT unnest($numbers) AS file, unnest($ids) AS id) AS added USING (file)

-- name: rollup_cache_add_sums
-- Adds the sums per file and hour or day ({grain}) of the records that were just read.
INSERT INTO {cache}.{table}
SELECT id AS file, date_trunc('{grain}', created_at) AS period_start, {dimensions}, {measures_of_records}
FROM chunk JOIN (SELECT unnest($numbers) AS file, unnest($ids) AS id) AS added USING (file)
GROUP BY ALL

-- name: rollup_cache_check_duplicates
-- Finds the files that hold a record which they, or another file, hold too. Compared are the files that were not
-- compared before, those with records of the same time, and those that had such a record. Equal hashes of different
-- records are harmless: the files are then read as records.
UPDATE {cache}.files SET has_duplicates = id IN (
    SELECT file FROM {cache}.record_hashes
    WHERE file IN (SELECT unnest($ids)) AND record_hash IN (
        SELECT record_hash FROM {cache}.record_hashes
        WHERE file IN (SELECT unnest($ids)) GROUP BY 1 HAVING count(*) > 1))
WHERE id IN (SELECT unnest($ids))

-- name: rollup_cache_create
-- The tables of the cache. has_duplicates is NULL until the records of a file were compared with those of all others.
CREATE TABLE {cache}.properties (format VARCHAR);
CREATE TABLE {cache}.files (
    id             INTEGER,
    name           VARCHAR,
    fingerprint    BIGINT[],
    is_verified    BOOLEAN,
    has_duplicates BOOLEAN,
    first          TIMESTAMP,
    last           TIMESTAMP
);
CREATE TABLE {cache}.hourly (file INTEGER, period_start TIMESTAMP, {rollup_types});
CREATE TABLE {cache}.daily (file INTEGER, period_start TIMESTAMP, {rollup_types});
CREATE TABLE {cache}.record_hashes (file INTEGER, record_hash UBIGINT)

-- name: rollup_cache_delete_files
-- Deletes the rows of files that were changed or removed, in the table {table}.
DELETE FROM {cache}.{table} WHERE {column} IN (SELECT unnest($ids))

-- name: rollup_cache_files
-- All files of the cache.
SELECT id, name, fingerprint, is_verified, has_duplicates, first, last FROM {cache}.files

-- name: rollup_cache_format
-- The format that the cache was written in.
SELECT format FROM {cache}.properties

-- name: rollup_cache_set_format
-- Marks the cache as written in this format.
INSERT INTO {cache}.properties VALUES ($format)

-- name: verify_chunk
-- Per file of the chunk: counts and sums to compare with its seal, and whether DuckDB reads all of its lines exactly.
SELECT file, count(*) AS records, sum(prompt_tokens)::HUGEINT AS prompt_tokens,
       sum(completion_tokens)::HUGEINT AS completion_tokens, coalesce(sum(cost_usd), 0) AS cost_usd,
       min(created_at) AS first, max(created_at) AS last, bool_and(is_exact) AS is_exact
FROM chunk
GROUP BY file

-- name: verify_read_parquet
-- Reads the records of archived Parquet files, whose hashes were compared, into the table chunk.
CREATE OR REPLACE TEMP TABLE chunk AS
SELECT $numbers[file_index::BIGINT + 1] AS file, {parquet_columns},
       hash(created_at::TIMESTAMP, request_id) AS record_hash
FROM (
    SELECT *, file_index FROM read_parquet($files, union_by_name = true, hive_partitioning = false)
    UNION ALL BY NAME
    FROM stored_columns
)

-- name: verify_read_segments
-- Reads the records of sealed segments into the table chunk. is_exact says whether DuckDB reads the line exactly as it
-- is written. It may be false for a correct line (its segment is then read by the ETL's parser), but is never true for a
-- line that DuckDB would read wrongly: numbers pass through a double, which keeps so few digits exactly, and money must
-- be text. A line that is not JSON, or has one of these fields twice, is an error.
CREATE OR REPLACE TEMP TABLE chunk AS
SELECT $numbers[file_index::BIGINT + 1] AS file, {checked_columns},
       hash(TRY_CAST(created_at AS TIMESTAMP), request_id) AS record_hash,
       coalesce(
           {exact}
           AND created_at[1:4] != '0000' AND TRY_CAST(created_at AS TIMESTAMP) IS NOT NULL
           AND seq <= 9007199254740992
           -- The ETL rejects a longer key, because PostgreSQL's index has no room for it.
           AND strlen(user_id) + strlen(team_id) + strlen(model) <= 2500
           AND prompt_tokens + completion_tokens = total_tokens,
           false) AS is_exact
FROM (
    SELECT *, file_index
    FROM read_json($files, format = 'newline_delimited', columns = {checked_types})
)
WHERE event = 'request'
