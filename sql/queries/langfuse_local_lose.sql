-- Plans to send again what Langfuse took long enough ago and does not have.
UPDATE spans SET state = 'planned', changed_at = :now_ms
WHERE target = :target AND request_id IN (SELECT value FROM json_each(:ids))
  AND state IN ('accepted', 'verified') AND changed_at <= :now_ms - :quiet * 1000
