-- Requests that Langfuse took long enough ago and that began in a time, in their order from a place on.
SELECT request_id, started_ms FROM spans
WHERE target = :target AND state IN ('accepted', 'verified') AND started_ms < :until_ms
  AND changed_at <= :now_ms - :quiet * 1000
  AND (started_ms, request_id) > (:after_ms, :after_id)
ORDER BY started_ms, request_id
LIMIT :limit
