-- Forgets the rejects of a segment whose lines are in the staging table: they are accepted now.
DELETE FROM etl_rejects r
USING loading_records l
WHERE r.segment = %s AND r.line_number = l.line_number
