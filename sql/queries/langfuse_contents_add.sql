-- Notes where the content of a request stands.
INSERT OR REPLACE INTO places (request_id, segment, byte_offset) VALUES (?, ?, ?)
