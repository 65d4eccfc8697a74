-- The other processes that are, or were when they died, sending.
SELECT DISTINCT owner FROM langfuse_spans
WHERE target = %(target)s AND state = 'inflight' AND owner <> %(owner)s
