-- name: langfuse_content_insert
-- Stores the position of the content of a request.
INSERT OR REPLACE INTO positions (request_id, segment, byte_offset) VALUES (?, ?, ?)

-- name: langfuse_content_find
-- The position of the content of a request.
SELECT segment, byte_offset FROM positions WHERE request_id = ?

-- name: langfuse_content_schema
-- The positions of captured content, in a temporary database.
CREATE TABLE positions (request_id TEXT PRIMARY KEY, segment TEXT NOT NULL, byte_offset INTEGER NOT NULL) STRICT, WITHOUT ROWID

-- name: langfuse_seen_insert
-- Stores the id of a request; changes nothing if it is stored already.
INSERT OR IGNORE INTO seen (request_id) VALUES (?)

-- name: langfuse_seen_schema
-- The ids of requests read so far, in a temporary database.
CREATE TABLE seen (request_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID
