-- The next rejects of a segment in order of their lines, and whether each contradicted a stored record.
SELECT line_number, reason = %s FROM etl_rejects
WHERE segment = %s AND line_number > %s
ORDER BY line_number
LIMIT %s
