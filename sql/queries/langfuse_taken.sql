-- Requests that Langfuse took long enough ago and that began in a time, in their order from a place on.
SELECT request_id, started_ms FROM langfuse_spans
WHERE target = %(target)s AND state IN ('accepted', 'verified') AND started_ms < %(until_ms)s
  AND changed_at <= now() - make_interval(secs => %(quiet)s)
  AND (started_ms, request_id) > (%(after_ms)s, %(after_id)s)
ORDER BY started_ms, request_id
LIMIT %(limit)s
