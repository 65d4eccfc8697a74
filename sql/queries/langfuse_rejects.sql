-- Requests that Langfuse refused, and why; the latest first.
SELECT request_id, started_ms, COALESCE(reason, '') AS reason FROM langfuse_spans
WHERE target = %(target)s AND state = 'rejected'
ORDER BY started_ms DESC, request_id
LIMIT %(limit)s
