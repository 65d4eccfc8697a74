-- name: create_records
-- The records that are not answered from the rollup cache, each once; load_order and line say which of two records with
-- one identity came first. Records of a segment are in its order and have no line.
CREATE TABLE records (load_order INTEGER, line BIGINT, {column_types})

-- name: delete_duplicate_records
-- Keeps the first of the records with one identity (created_at, request_id). Comparing hashes first takes far less
-- memory; a collision only makes the statement compare the identities.
DELETE FROM records
WHERE rowid IN (
    SELECT unnest(list(rowid ORDER BY load_order, line, rowid)[2:])
    FROM records
    WHERE hash(created_at, request_id) IN (
        SELECT hash(created_at, request_id) FROM records GROUP BY 1 HAVING count(*) > 1)
    GROUP BY created_at, request_id
    HAVING count(*) > 1
)

-- name: load_records
-- Loads the records that another statement selects.
INSERT INTO {table} BY NAME {records}

-- name: parquet_records
-- The records of archived Parquet files in a period; only rows of $segments, whose load orders are $load_orders. The
-- empty table stored_columns adds the columns that a file from an earlier version lacks, and they get their defaults.
SELECT segment_order.load_order AS load_order, line, {parquet_columns}
FROM (
    FROM read_parquet($files, union_by_name = true, hive_partitioning = false)
    UNION ALL BY NAME
    FROM stored_columns
)
JOIN (SELECT unnest($segments) AS segment, unnest($load_orders) AS load_order) AS segment_order USING (segment)
WHERE created_at >= $since::TIMESTAMP::TIMESTAMPTZ AND created_at < $until::TIMESTAMP::TIMESTAMPTZ

-- name: segment_records
-- The records of verified segments and of clean copies in a period. A field that an old line lacks has its default.
SELECT $load_orders[file_index::BIGINT + 1] AS load_order, NULL::BIGINT AS line, {json_columns}
FROM (
    SELECT *, file_index
    FROM read_json($files, format = 'newline_delimited', columns = {json_types})
)
WHERE event = 'request' AND created_at >= $since AND created_at < $until

-- name: stored_columns
-- An empty table with the columns of a Parquet file as this version writes it.
CREATE TEMP TABLE stored_columns ({parquet_types}, segment VARCHAR, line BIGINT)
