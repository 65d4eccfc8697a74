-- A new reason for rejects of a segment.
UPDATE etl_rejects SET reason = %s WHERE segment = %s AND line_number = ANY(%s)
