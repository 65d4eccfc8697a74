-- name: langfuse_contents_add
-- Notes where the content of a request stands.
INSERT OR REPLACE INTO places (request_id, segment, byte_offset) VALUES (?, ?, ?)

-- name: langfuse_contents_find
-- Where the content of a request stands.
SELECT segment, byte_offset FROM places WHERE request_id = ?

-- name: langfuse_contents_schema
-- Where the content of each request stands, in a file that nobody needs tomorrow.
CREATE TABLE places (request_id TEXT PRIMARY KEY, segment TEXT NOT NULL, byte_offset INTEGER NOT NULL) STRICT, WITHOUT ROWID

-- name: langfuse_seen_add
-- Notes that a request was met; changes nothing when it had been before.
INSERT OR IGNORE INTO seen (request_id) VALUES (?)

-- name: langfuse_seen_schema
-- The requests that were met, in a file that nobody needs tomorrow.
CREATE TABLE seen (request_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID
