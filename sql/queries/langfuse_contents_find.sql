-- Where the content of a request stands.
SELECT segment, byte_offset FROM places WHERE request_id = ?
