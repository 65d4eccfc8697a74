-- Takes over what a dead process was sending.
UPDATE langfuse_spans SET owner = %(owner)s
WHERE target = %(target)s AND state = 'inflight' AND owner = %(other)s
RETURNING request_id, started_ms
