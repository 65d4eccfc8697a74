-- name: archived_segments
-- Those of the segments that are loaded and, with the content that is loaded, in an archive.
SELECT name FROM etl_segments WHERE name = ANY(%s) AND archived_at IS NOT NULL

-- name: count_unarchived
-- Segments that may have brought records of this time and are not in the archive.
SELECT count(*) FROM etl_segments
WHERE loaded > 0 AND archived_at IS NULL
  AND last_hour >= COALESCE(%s::timestamptz, '-infinity') AND first_hour < %s::timestamptz

-- name: mark_archived
-- Of segments that are loaded with the content that is archived; the first archive is remembered.
UPDATE etl_segments s
SET archived_at = now(), archive = %(archive)s
FROM unnest(%(names)s::text[], %(hashes)s::text[]) AS archived (name, sha256)
WHERE s.name = archived.name AND s.sha256 = archived.sha256 AND s.archived_at IS NULL
