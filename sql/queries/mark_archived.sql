-- Of segments that are loaded with the content that is archived; the first archive is remembered.
UPDATE etl_segments s
SET archived_at = now(), archive = %(archive)s
FROM unnest(%(names)s::text[], %(hashes)s::text[]) AS archived (name, sha256)
WHERE s.name = archived.name AND s.sha256 = archived.sha256 AND s.archived_at IS NULL
