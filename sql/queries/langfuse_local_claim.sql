-- Takes those of the requests that nobody has sent or is sending, and gives the starts they are sent with.
INSERT INTO spans (target, request_id, started_ms, segment, state, owner, changed_at)
SELECT :target, value ->> 0, value ->> 1, value ->> 2, 'inflight', :owner, :now_ms FROM json_each(:rows) WHERE true
ON CONFLICT (target, request_id) DO UPDATE
SET state = 'inflight', owner = excluded.owner, changed_at = excluded.changed_at
WHERE spans.state = 'planned'
RETURNING request_id, started_ms
