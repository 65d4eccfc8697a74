-- name: archived_segments
-- The names of those segments that are loaded and archived.
SELECT name FROM etl_segments WHERE name = ANY(%s) AND archived_at IS NOT NULL

-- name: count_unarchived
-- Counts unarchived segments that may have records in a period.
SELECT count(*) FROM etl_segments
WHERE loaded > 0 AND archived_at IS NULL
  AND last_hour >= COALESCE(%s::timestamptz, '-infinity') AND first_hour < %s::timestamptz

-- name: mark_archived
-- Marks segments as archived if the loaded content is the archived content; keeps the first archive.
UPDATE etl_segments s
SET archived_at = now(), archive = %(archive)s
FROM unnest(%(names)s::text[], %(hashes)s::text[]) AS archived (name, sha256)
WHERE s.name = archived.name AND s.sha256 = archived.sha256 AND s.archived_at IS NULL
