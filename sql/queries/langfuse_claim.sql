-- Takes those of the requests that nobody has sent or is sending, and gives the starts they are sent with.
INSERT INTO langfuse_spans (target, request_id, started_ms, segment, state, owner, changed_at)
SELECT %(target)s, r.request_id, r.started_ms, r.segment, 'inflight', %(owner)s, now()
FROM unnest(%(ids)s::text[], %(starts)s::bigint[], %(segments)s::text[]) AS r (request_id, started_ms, segment)
ORDER BY r.request_id
ON CONFLICT (target, request_id) DO UPDATE
SET state = 'inflight', owner = excluded.owner, changed_at = excluded.changed_at
WHERE langfuse_spans.state = 'planned'
RETURNING request_id, started_ms
