-- Says what became of requests that this process sent.
UPDATE langfuse_spans SET state = %(state)s, reason = %(reason)s, owner = NULL, changed_at = now()
WHERE target = %(target)s AND request_id = ANY (%(ids)s) AND state = 'inflight' AND owner = %(owner)s
