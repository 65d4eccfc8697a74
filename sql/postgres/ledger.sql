-- name: insert_segment
-- Inserts the ledger row of a segment, in the transaction that loads it.
INSERT INTO etl_segments (
    name, writer, number, sha256, previous, first_seq, last_seq, missing_lines,
    lines, loaded, duplicate, rejected, intents, recovered, seal_problem, first_hour, last_hour
) VALUES (
    %(name)s, %(writer)s, %(number)s, %(sha256)s, %(previous)s, %(first_seq)s, %(last_seq)s, %(missing_lines)s,
    %(lines)s, %(loaded)s, %(duplicate)s, %(rejected)s, %(intents)s, %(recovered)s, %(seal_problem)s,
    %(first_hour)s, %(last_hour)s
)

-- name: loaded_segments
-- The names of those segments that are loaded.
SELECT name FROM etl_segments WHERE name = ANY(%s)

-- name: lock_segment
-- Locks the ledger row of a segment until the end of the transaction; returns the hash of its file.
SELECT sha256 FROM etl_segments WHERE name = %s FOR UPDATE

-- name: try_lock_segment
-- Tries to lock a segment for this transaction.
SELECT pg_try_advisory_xact_lock(hashtextextended('relay segment ' || %s::text, 0))

-- name: insert_intent
-- Stores the intent of a request that did not end in its segment.
INSERT INTO etl_intents (created_at, request_id, segment, user_id, team_id, model)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING

-- name: delete_ended_intents
-- Deletes intents whose record is stored; skips rows that another process has locked.
DELETE FROM etl_intents i
USING (
    SELECT n.created_at, n.request_id
    FROM etl_intents n
    WHERE EXISTS (SELECT FROM usage_records r WHERE r.created_at = n.created_at AND r.request_id = n.request_id)
    FOR UPDATE OF n SKIP LOCKED
) ended
WHERE i.created_at = ended.created_at AND i.request_id = ended.request_id

-- name: set_as_of
-- Moves as_of forward; a stored time in the future came from a wrong clock and is replaced.
UPDATE etl_state
SET as_of = GREATEST(LEAST(%s::timestamptz, now()), CASE WHEN as_of <= now() THEN as_of END)

-- name: as_of
-- The time before which every sealed segment is loaded.
SELECT as_of FROM etl_state
