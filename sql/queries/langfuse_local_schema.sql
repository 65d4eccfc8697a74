-- The ledger as a local file of SQLite; the same tables as in PostgreSQL, `sql/migrations/0003_langfuse.sql`.
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
