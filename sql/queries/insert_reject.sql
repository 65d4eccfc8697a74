-- A line that could not be loaded.
INSERT INTO etl_rejects (segment, line_number, byte_offset, reason, line) VALUES (%s, %s, %s, %s, %s)
