-- name: copy_usage_records
-- Copies records directly into their partitions.
COPY usage_records ({columns}) FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\')

-- name: copy_usage_hourly_parts
-- Copies the hourly sums of a part of a load.
COPY usage_hourly_parts (hour, {dimensions}, {measures}) FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\')

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
-- Copies records with the position of their line into the staging table.
COPY loading_records ({columns}, line_number, byte_offset) FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\')

-- name: insert_staged_records
-- Stores each staged record whose identity is not stored yet (the first line where several share one)
-- and marks it as new.
WITH firsts AS (
    SELECT created_at, request_id, min(line_number) AS line_number
    FROM loading_records
    GROUP BY created_at, request_id
),
stored AS (
    INSERT INTO usage_records ({columns})
    SELECT {columns}
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
  AND ROW({staged_values}) IS DISTINCT FROM ROW({stored_values})
ORDER BY l.line_number

-- name: sum_staged_records
-- Appends the hourly sums of new staged records; returns their first and last hour and their days.
WITH part AS (
    INSERT INTO usage_hourly_parts (hour, {dimensions}, {measures})
    SELECT date_trunc('hour', created_at, 'UTC'), {dimensions}, {measures_of_records}
    FROM loading_records
    WHERE is_new
    GROUP BY 1, {dimensions}
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
