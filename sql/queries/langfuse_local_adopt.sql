-- Takes over what a dead process was sending.
UPDATE spans SET owner = :owner WHERE target = :target AND state = 'inflight' AND owner = :other
RETURNING request_id, started_ms
