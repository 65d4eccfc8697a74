-- A record's identity is (created_at, request_id); the first in order of segment and line is the one that counts.
DELETE FROM records
WHERE rowid IN (
    SELECT unnest(list(rowid ORDER BY file, line, rowid)[2:])
    FROM records
    GROUP BY created_at, request_id
    HAVING count(*) > 1
)
