-- Rejects, those of the segments loaded last first.
SELECT r.segment, r.line_number, r.byte_offset, r.reason, r.line
FROM etl_rejects r
JOIN etl_segments s ON s.name = r.segment
ORDER BY s.loaded_at DESC, r.segment DESC, r.line_number
LIMIT %s
