-- Those of the segments that are loaded and, with the content that is loaded, in an archive.
SELECT name FROM etl_segments WHERE name = ANY(%s) AND archived_at IS NOT NULL
