-- name: insert_reject
-- Stores a line that could not be loaded.
INSERT INTO etl_rejects (segment, line_number, byte_offset, reason, line) VALUES (%s, %s, %s, %s, %s)

-- name: list_rejects
-- Rejects, those of the most recently loaded segments first.
SELECT r.segment, r.line_number, r.byte_offset, r.reason, r.line
FROM etl_rejects r
JOIN etl_segments s ON s.name = r.segment
ORDER BY s.loaded_at DESC, r.segment DESC, r.line_number
LIMIT %s

-- name: rejected_lines
-- The next rejects of a segment by line number, and whether each contradicted a stored record.
SELECT line_number, reason = %s FROM etl_rejects
WHERE segment = %s AND line_number > %s
ORDER BY line_number
LIMIT %s

-- name: rejected_segments
-- The segments that have rejects, by name.
SELECT DISTINCT segment FROM etl_rejects ORDER BY segment

-- name: delete_rejects
-- Deletes rejects of a segment.
DELETE FROM etl_rejects WHERE segment = %s AND line_number = ANY(%s)

-- name: set_reject_reason
-- Changes the reason of rejects of a segment.
UPDATE etl_rejects SET reason = %s WHERE segment = %s AND line_number = ANY(%s)

-- name: update_segment_after_retry
-- Updates the ledger row after rejects were accepted; a segment with new records is no longer archived whole.
UPDATE etl_segments SET
    first_seq = %(first_seq)s,
    last_seq = %(last_seq)s,
    missing_lines = %(missing_lines)s,
    previous = %(previous)s,
    intents = %(intents)s,
    recovered = %(recovered)s,
    seal_problem = %(seal_problem)s,
    lines = lines - %(others)s,
    loaded = loaded + %(loaded)s,
    duplicate = duplicate + %(duplicate)s,
    rejected = rejected - %(loaded)s - %(duplicate)s - %(others)s,
    retried = retried + %(loaded)s + %(duplicate)s + %(others)s,
    first_hour = LEAST(first_hour, %(first_hour)s),
    last_hour = GREATEST(last_hour, %(last_hour)s),
    archived_at = CASE WHEN %(loaded)s = 0 THEN archived_at END,
    archive = CASE WHEN %(loaded)s = 0 THEN archive END
WHERE name = %(name)s
