-- Says what became of requests that this process sent.
UPDATE spans SET state = :state, reason = :reason, owner = NULL, changed_at = :now_ms
WHERE target = :target AND request_id IN (SELECT value FROM json_each(:ids))
  AND state = 'inflight' AND owner = :owner
