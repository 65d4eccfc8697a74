-- Segments that may have brought records of this time and are not in the archive.
SELECT count(*) FROM etl_segments
WHERE loaded > 0 AND archived_at IS NULL
  AND last_hour >= COALESCE(%s::timestamptz, '-infinity') AND first_hour < %s::timestamptz
