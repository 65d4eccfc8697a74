-- name: copy_usage_records
-- Copies records into their partitions; the columns are those of etl/records/columns.py.
COPY usage_records ({columns}) FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\')

-- name: copy_usage_hourly_parts
-- Appends hourly sums of a load.
COPY usage_hourly_parts (hour, {dimensions}, {measures}) FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\')

-- name: lock_straight_load
-- Waits for a staged load; any number of direct loads run together.
SELECT pg_advisory_xact_lock_shared(hashtextextended('relay staged load', 0))

-- name: lock_staged_load
-- Waits for all other loads, and blocks them until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('relay staged load', 0))

-- name: create_loading_tables
-- The staging table of a load; its rows end with the transaction, the table with the connection.
CREATE TEMPORARY TABLE IF NOT EXISTS loading_records (
    LIKE usage_records,
    line_number bigint NOT NULL,
    byte_offset bigint NOT NULL,
    is_new      boolean NOT NULL DEFAULT false
) ON COMMIT DELETE ROWS

-- name: copy_loading_records
-- Copies records into the staging table, with the number and the offset of their line.
COPY loading_records ({columns}, line_number, byte_offset) FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\')

-- name: insert_staged_records
-- Stores each staged record whose identity is not stored yet (of several with one identity, the first line)
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
-- The lines of staged records that were not stored and differ from the stored record of the same identity.
SELECT l.line_number, l.byte_offset
FROM loading_records l
JOIN usage_records r USING (created_at, request_id)
WHERE NOT l.is_new
  AND ROW({staged_values}) IS DISTINCT FROM ROW({stored_values})
ORDER BY l.line_number

-- name: sum_staged_records
-- Appends the hourly sums of the new staged records; returns their first and last hour and their days.
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
-- Deletes the rejects of a segment whose lines are in the staging table: they are accepted now.
DELETE FROM etl_rejects r
USING loading_records l
WHERE r.segment = %s AND r.line_number = l.line_number
