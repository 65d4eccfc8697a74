-- name: langfuse_claim_uncertain
-- Takes over what a dead process was sending.
UPDATE langfuse_spans SET owner = %(owner)s
WHERE target = %(target)s AND state = 'inflight' AND owner = %(other)s
RETURNING request_id, started_ms

-- name: langfuse_claim
-- Claims those of the requests that no process has sent or is sending; returns their starts.
INSERT INTO langfuse_spans (target, request_id, started_ms, segment, state, owner, changed_at)
SELECT %(target)s, r.request_id, r.started_ms, r.segment, 'inflight', %(owner)s, now()
FROM unnest(%(ids)s::text[], %(starts)s::bigint[], %(segments)s::text[]) AS r (request_id, started_ms, segment)
ORDER BY r.request_id
ON CONFLICT (target, request_id) DO UPDATE
SET state = 'inflight', owner = excluded.owner, changed_at = excluded.changed_at
WHERE langfuse_spans.state = 'planned'
RETURNING request_id, started_ms

-- name: langfuse_count_records
-- The number of records of a period.
SELECT count(*) FROM usage_records WHERE created_at >= %(since)s AND created_at < %(until)s

-- name: langfuse_counts
-- Requests by state, the time since the last acceptance, and the starts that bound what is verified.
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

-- name: langfuse_complete_segments
-- Records that each request of these segments has a row.
INSERT INTO langfuse_segments (target, segment)
SELECT %(target)s, name FROM unnest(%(names)s::text[]) AS name
ON CONFLICT DO NOTHING

-- name: langfuse_completed_segments
-- Those of the segments that need not be read again, because no request of them is planned.
SELECT s.segment FROM langfuse_segments s
WHERE s.target = %(target)s AND s.segment = ANY (%(names)s)
  AND NOT EXISTS (SELECT FROM langfuse_spans p
                  WHERE p.target = s.target AND p.segment = s.segment AND p.state = 'planned')

-- name: langfuse_unlock_owner
-- Releases the lock of a dead process.
SELECT pg_advisory_unlock(hashtext('relay langfuse'), %(other)s)

-- name: langfuse_plan_resend
-- Plans to resend requests that Langfuse accepted at least min_age seconds ago and does not have.
UPDATE langfuse_spans SET state = 'planned', changed_at = now()
WHERE target = %(target)s AND request_id = ANY (%(ids)s) AND state IN ('accepted', 'verified')
  AND changed_at <= now() - make_interval(secs => %(min_age)s)

-- name: langfuse_create_owner
-- Creates a number for this process and locks it until the connection ends, as a sign of life.
WITH mine AS (INSERT INTO langfuse_owners DEFAULT VALUES RETURNING owner)
SELECT owner, pg_advisory_lock(hashtext('relay langfuse'), owner) FROM mine

-- name: langfuse_other_owners
-- The other processes, alive or dead, that have requests inflight.
SELECT DISTINCT owner FROM langfuse_spans
WHERE target = %(target)s AND state = 'inflight' AND owner <> %(owner)s

-- name: langfuse_records
-- The next records of a period by time and id.
SELECT request_id, created_at, user_id, team_id, key_id, model, upstream_model, provider, endpoint, stream, status,
       prompt_tokens, completion_tokens, total_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
       usage_source, cost_usd, price_source, latency_ms, ttft_ms, cache_hit, limit_type, error_type
FROM usage_records
WHERE created_at >= %(since)s AND created_at < %(until)s
  AND (created_at, request_id) > (%(since)s, %(after_id)s)
ORDER BY created_at, request_id
LIMIT %(limit)s

-- name: langfuse_rejections
-- Rejected requests with the reason, latest first.
SELECT request_id, started_ms, COALESCE(reason, '') AS reason FROM langfuse_spans
WHERE target = %(target)s AND state = 'rejected'
ORDER BY started_ms DESC, request_id
LIMIT %(limit)s

-- name: langfuse_set_state
-- Sets the state of requests that this process has inflight.
UPDATE langfuse_spans SET state = %(state)s, reason = %(reason)s, owner = NULL, changed_at = now()
WHERE target = %(target)s AND request_id = ANY (%(ids)s) AND state = 'inflight' AND owner = %(owner)s

-- name: langfuse_states
-- The states of these requests; a request without a row was never sent.
SELECT request_id, state FROM langfuse_spans WHERE target = %(target)s AND request_id = ANY (%(ids)s)

-- name: langfuse_accepted
-- A page of requests of a period that Langfuse accepted at least min_age seconds ago, by start.
SELECT request_id, started_ms FROM langfuse_spans
WHERE target = %(target)s AND state IN ('accepted', 'verified') AND started_ms < %(until_ms)s
  AND changed_at <= now() - make_interval(secs => %(min_age)s)
  AND (started_ms, request_id) > (%(after_ms)s, %(after_id)s)
ORDER BY started_ms, request_id
LIMIT %(limit)s

-- name: langfuse_target
-- The number of a project of a Langfuse server; created if it is new.
INSERT INTO langfuse_targets (base_url, project_id) VALUES (%(base_url)s, %(project_id)s)
ON CONFLICT (base_url, project_id) DO UPDATE SET base_url = excluded.base_url
RETURNING target

-- name: langfuse_try_lock_owner
-- Tries to lock the number of a process, which succeeds only if it is dead.
SELECT pg_try_advisory_lock(hashtext('relay langfuse'), %(other)s)

-- name: langfuse_mark_verified
-- Marks accepted requests of a period as verified.
UPDATE langfuse_spans SET state = 'verified', changed_at = now()
WHERE target = %(target)s AND state = 'accepted' AND started_ms >= %(since_ms)s AND started_ms < %(until_ms)s
