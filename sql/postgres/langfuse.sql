-- name: langfuse_adopt
-- Takes over what a dead process was sending.
UPDATE langfuse_spans SET owner = %(owner)s
WHERE target = %(target)s AND state = 'inflight' AND owner = %(other)s
RETURNING request_id, started_ms

-- name: langfuse_claim
-- Takes those of the requests that nobody has sent or is sending, and gives the starts they are sent with.
INSERT INTO langfuse_spans (target, request_id, started_ms, segment, state, owner, changed_at)
SELECT %(target)s, r.request_id, r.started_ms, r.segment, 'inflight', %(owner)s, now()
FROM unnest(%(ids)s::text[], %(starts)s::bigint[], %(segments)s::text[]) AS r (request_id, started_ms, segment)
ORDER BY r.request_id
ON CONFLICT (target, request_id) DO UPDATE
SET state = 'inflight', owner = excluded.owner, changed_at = excluded.changed_at
WHERE langfuse_spans.state = 'planned'
RETURNING request_id, started_ms

-- name: langfuse_count_records
-- How many records a period has.
SELECT count(*) FROM usage_records WHERE created_at >= %(since)s AND created_at < %(until)s

-- name: langfuse_counts
-- How many requests are in which state, when the last was taken, and up to which start all are verified.
SELECT count(*) FILTER (WHERE state = 'planned') AS planned,
       count(*) FILTER (WHERE state = 'inflight') AS inflight,
       count(*) FILTER (WHERE state = 'accepted') AS accepted,
       count(*) FILTER (WHERE state = 'verified') AS verified,
       count(*) FILTER (WHERE state = 'rejected') AS rejected,
       (extract(epoch FROM now() - max(changed_at) FILTER (WHERE state = 'accepted')))::float8 AS quiet_seconds,
       min(started_ms) FILTER (WHERE state IN ('planned', 'inflight', 'accepted')) AS first_open_ms,
       max(started_ms) FILTER (WHERE state = 'verified') AS last_verified_ms
FROM langfuse_spans
WHERE target = %(target)s

-- name: langfuse_finish
-- Says that each request of these segments has a row.
INSERT INTO langfuse_segments (target, segment)
SELECT %(target)s, name FROM unnest(%(names)s::text[]) AS name
ON CONFLICT DO NOTHING

-- name: langfuse_finished
-- Those of the segments that need not be read again: all of their requests are dealt with.
SELECT s.segment FROM langfuse_segments s
WHERE s.target = %(target)s AND s.segment = ANY (%(names)s)
  AND NOT EXISTS (SELECT FROM langfuse_spans p
                  WHERE p.target = s.target AND p.segment = s.segment AND p.state = 'planned')

-- name: langfuse_free_owner
-- Gives the lock of a dead process back.
SELECT pg_advisory_unlock(hashtext('relay langfuse'), %(other)s)

-- name: langfuse_lose
-- Plans to send again what Langfuse took long enough ago and does not have.
UPDATE langfuse_spans SET state = 'planned', changed_at = now()
WHERE target = %(target)s AND request_id = ANY (%(ids)s) AND state IN ('accepted', 'verified')
  AND changed_at <= now() - make_interval(secs => %(quiet)s)

-- name: langfuse_owner
-- A number for this process, locked until its connection ends: so others know whether it lives.
WITH mine AS (INSERT INTO langfuse_owners DEFAULT VALUES RETURNING owner)
SELECT owner, pg_advisory_lock(hashtext('relay langfuse'), owner) FROM mine

-- name: langfuse_owners
-- The other processes that are, or were when they died, sending.
SELECT DISTINCT owner FROM langfuse_spans
WHERE target = %(target)s AND state = 'inflight' AND owner <> %(owner)s

-- name: langfuse_records
-- Records of a period in their order, from a place on.
SELECT request_id, created_at, user_id, team_id, key_id, model, upstream_model, provider, endpoint, stream, status,
       prompt_tokens, completion_tokens, total_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
       usage_source, cost_usd, price_source, latency_ms, ttft_ms, cache_hit, limit_type, error_type
FROM usage_records
WHERE created_at >= %(since)s AND created_at < %(until)s
  AND (created_at, request_id) > (%(since)s, %(after_id)s)
ORDER BY created_at, request_id
LIMIT %(limit)s

-- name: langfuse_rejects
-- Requests that Langfuse refused, and why; the latest first.
SELECT request_id, started_ms, COALESCE(reason, '') AS reason FROM langfuse_spans
WHERE target = %(target)s AND state = 'rejected'
ORDER BY started_ms DESC, request_id
LIMIT %(limit)s

-- name: langfuse_settle
-- Says what became of requests that this process sent.
UPDATE langfuse_spans SET state = %(state)s, reason = %(reason)s, owner = NULL, changed_at = now()
WHERE target = %(target)s AND request_id = ANY (%(ids)s) AND state = 'inflight' AND owner = %(owner)s

-- name: langfuse_states
-- What became of these requests; one that has no row was never sent.
SELECT request_id, state FROM langfuse_spans WHERE target = %(target)s AND request_id = ANY (%(ids)s)

-- name: langfuse_taken
-- Requests that Langfuse took long enough ago and that began in a time, in their order from a place on.
SELECT request_id, started_ms FROM langfuse_spans
WHERE target = %(target)s AND state IN ('accepted', 'verified') AND started_ms < %(until_ms)s
  AND changed_at <= now() - make_interval(secs => %(quiet)s)
  AND (started_ms, request_id) > (%(after_ms)s, %(after_id)s)
ORDER BY started_ms, request_id
LIMIT %(limit)s

-- name: langfuse_target
-- The number of a project of a Langfuse server, a new one where it has none.
INSERT INTO langfuse_targets (base_url, project_id) VALUES (%(base_url)s, %(project_id)s)
ON CONFLICT (base_url, project_id) DO UPDATE SET base_url = excluded.base_url
RETURNING target

-- name: langfuse_try_owner
-- Takes the lock of a process, which only succeeds when it is dead.
SELECT pg_try_advisory_lock(hashtext('relay langfuse'), %(other)s)

-- name: langfuse_verify
-- What Langfuse took of a time is proved to be there.
UPDATE langfuse_spans SET state = 'verified', changed_at = now()
WHERE target = %(target)s AND state = 'accepted' AND started_ms >= %(since_ms)s AND started_ms < %(until_ms)s
