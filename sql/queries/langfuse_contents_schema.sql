-- Where the content of each request stands, in a file that nobody needs tomorrow.
CREATE TABLE places (request_id TEXT PRIMARY KEY, segment TEXT NOT NULL, byte_offset INTEGER NOT NULL) STRICT, WITHOUT ROWID
