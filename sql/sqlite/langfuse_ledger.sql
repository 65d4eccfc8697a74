-- name: langfuse_local_claim_uncertain
-- Takes over what a dead process was sending.
UPDATE spans SET owner = :owner WHERE target = :target AND state = 'inflight' AND owner = :other
RETURNING request_id, started_ms

-- name: langfuse_local_claim
-- Claims those of the requests that no process has sent or is sending; returns their starts.
INSERT INTO spans (target, request_id, started_ms, segment, state, owner, changed_at)
SELECT :target, value ->> 0, value ->> 1, value ->> 2, 'inflight', :owner, :now_ms FROM json_each(:rows) WHERE true
ON CONFLICT (target, request_id) DO UPDATE
SET state = 'inflight', owner = excluded.owner, changed_at = excluded.changed_at
WHERE spans.state = 'planned'
RETURNING request_id, started_ms

-- name: langfuse_local_counts
-- Requests by state, the time since the last acceptance, and the starts that bound what is verified.
SELECT count(*) FILTER (WHERE state = 'planned') AS planned,
       count(*) FILTER (WHERE state = 'inflight') AS inflight,
       count(*) FILTER (WHERE state = 'accepted') AS accepted,
       count(*) FILTER (WHERE state = 'verified') AS verified,
       count(*) FILTER (WHERE state = 'rejected') AS rejected,
       (:now_ms - max(changed_at) FILTER (WHERE state = 'accepted')) / 1000.0 AS quiet_seconds,
       min(started_ms) FILTER (WHERE state IN ('planned', 'inflight', 'accepted')) AS first_open_ms,
       max(started_ms) FILTER (WHERE state = 'verified') AS last_verified_ms
FROM spans
WHERE target = :target

-- name: langfuse_local_complete_segments
-- Records that each request of these segments has a row.
INSERT INTO segments (target, segment) SELECT :target, value FROM json_each(:names) WHERE true
ON CONFLICT DO NOTHING

-- name: langfuse_local_completed_segments
-- Those of the segments that need not be read again, because no request of them is planned.
SELECT s.segment FROM segments s
WHERE s.target = :target AND s.segment IN (SELECT value FROM json_each(:names))
  AND NOT EXISTS (SELECT 1 FROM spans p
                  WHERE p.target = s.target AND p.segment = s.segment AND p.state = 'planned')

-- name: langfuse_local_plan_resend
-- Plans to resend requests that Langfuse accepted at least min_age seconds ago and does not have.
UPDATE spans SET state = 'planned', changed_at = :now_ms
WHERE target = :target AND request_id IN (SELECT value FROM json_each(:ids))
  AND state IN ('accepted', 'verified') AND changed_at <= :now_ms - :min_age * 1000

-- name: langfuse_local_other_owners
-- The other processes, alive or dead, that have requests inflight.
SELECT DISTINCT owner FROM spans WHERE target = :target AND state = 'inflight' AND owner <> :owner

-- name: langfuse_local_rejections
-- Rejected requests with the reason, latest first.
SELECT request_id, started_ms, COALESCE(reason, '') AS reason FROM spans
WHERE target = :target AND state = 'rejected'
ORDER BY started_ms DESC, request_id
LIMIT :limit

-- name: langfuse_local_schema
-- The ledger in a local SQLite file, with the tables of sql/migrations/0003_langfuse.sql.
CREATE TABLE IF NOT EXISTS targets (
    target     INTEGER PRIMARY KEY,
    base_url   TEXT NOT NULL,
    project_id TEXT NOT NULL,
    UNIQUE (base_url, project_id)
) STRICT;
CREATE TABLE IF NOT EXISTS spans (
    target     INTEGER NOT NULL REFERENCES targets,
    request_id TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('planned', 'inflight', 'accepted', 'verified', 'rejected')),
    owner      TEXT,
    changed_at INTEGER NOT NULL,
    segment    TEXT,
    reason     TEXT,
    PRIMARY KEY (target, request_id),
    CHECK ((state = 'inflight') = (owner IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS spans_started ON spans (target, started_ms, request_id);
CREATE INDEX IF NOT EXISTS spans_inflight ON spans (target, owner) WHERE state = 'inflight';
CREATE INDEX IF NOT EXISTS spans_planned ON spans (target, segment) WHERE state = 'planned';
CREATE TABLE IF NOT EXISTS segments (
    target  INTEGER NOT NULL REFERENCES targets,
    segment TEXT NOT NULL,
    PRIMARY KEY (target, segment)
) STRICT, WITHOUT ROWID;

-- name: langfuse_local_set_state
-- Sets the state of requests that this process has inflight.
UPDATE spans SET state = :state, reason = :reason, owner = NULL, changed_at = :now_ms
WHERE target = :target AND request_id IN (SELECT value FROM json_each(:ids))
  AND state = 'inflight' AND owner = :owner

-- name: langfuse_local_states
-- The states of these requests; a request without a row was never sent.
SELECT request_id, state FROM spans
WHERE target = :target AND request_id IN (SELECT value FROM json_each(:ids))

-- name: langfuse_local_accepted
-- A page of requests of a period that Langfuse accepted at least min_age seconds ago, by start.
SELECT request_id, started_ms FROM spans
WHERE target = :target AND state IN ('accepted', 'verified') AND started_ms < :until_ms
  AND changed_at <= :now_ms - :min_age * 1000
  AND (started_ms, request_id) > (:after_ms, :after_id)
ORDER BY started_ms, request_id
LIMIT :limit

-- name: langfuse_local_target
-- The number of a project of a Langfuse server; created if it is new.
INSERT INTO targets (base_url, project_id) VALUES (:base_url, :project_id)
ON CONFLICT (base_url, project_id) DO UPDATE SET base_url = excluded.base_url
RETURNING target

-- name: langfuse_local_mark_verified
-- Marks accepted requests of a period as verified.
UPDATE spans SET state = 'verified', changed_at = :now_ms
WHERE target = :target AND state = 'accepted' AND started_ms >= :since_ms AND started_ms < :until_ms
