-- Forgets rejects of a segment.
DELETE FROM etl_rejects WHERE segment = %s AND line_number = ANY(%s)
