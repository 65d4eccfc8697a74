-- The requests that were met, in a file that nobody needs tomorrow.
CREATE TABLE seen (request_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID
