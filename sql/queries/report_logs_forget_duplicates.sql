-- A record's identity is (created_at, request_id); the first in order of segment and line is the one that counts.
-- Looking for hashes that meet takes far less memory; a collision only makes us look closer.
DELETE FROM records
WHERE rowid IN (
    SELECT unnest(list(rowid ORDER BY file, line, rowid)[2:])
    FROM records
    WHERE hash(created_at, request_id) IN (
        SELECT hash(created_at, request_id) FROM records GROUP BY 1 HAVING count(*) > 1)
    GROUP BY created_at, request_id
    HAVING count(*) > 1
)
