-- The ledger of the Langfuse export: which request was sent where, so that none is sent twice.

CREATE TABLE langfuse_owners (
    owner      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE langfuse_owners IS 'A number for each process that used the ledger; while it lives it holds an advisory lock on it.';

CREATE TABLE langfuse_targets (
    target     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    base_url   text COLLATE "C" NOT NULL,
    project_id text COLLATE "C" NOT NULL,
    UNIQUE (base_url, project_id)
);

COMMENT ON TABLE langfuse_targets IS 'The projects of Langfuse servers that requests were sent to.';

CREATE TABLE langfuse_spans (
    target     integer NOT NULL REFERENCES langfuse_targets,
    request_id text COLLATE "C" NOT NULL,
    started_ms bigint NOT NULL,
    state      text COLLATE "C" NOT NULL
               CHECK (state IN ('planned', 'inflight', 'accepted', 'verified', 'rejected')),
    owner      integer,
    changed_at timestamptz NOT NULL,
    segment    text COLLATE "C",
    reason     text,
    PRIMARY KEY (target, request_id),
    CONSTRAINT langfuse_spans_in_flight_have_an_owner CHECK ((state = 'inflight') = (owner IS NOT NULL))
);

CREATE INDEX langfuse_spans_started ON langfuse_spans (target, started_ms, request_id);
CREATE INDEX langfuse_spans_inflight ON langfuse_spans (target, owner) WHERE state = 'inflight';
CREATE INDEX langfuse_spans_planned ON langfuse_spans (target, segment) WHERE state = 'planned';

COMMENT ON TABLE langfuse_spans IS 'What became of each request at each target; a request without a row was never sent.';
COMMENT ON COLUMN langfuse_spans.started_ms IS 'The start that was sent, in ms since 1970: another one would be another span.';
COMMENT ON COLUMN langfuse_spans.state IS 'planned: to be sent (again); inflight: committed before sending; accepted: taken; verified: counted in Langfuse.';
COMMENT ON COLUMN langfuse_spans.owner IS 'The process that is sending it, of langfuse_owners.';
COMMENT ON COLUMN langfuse_spans.segment IS 'The segment it was read from; NULL when it was read from usage_records.';
COMMENT ON COLUMN langfuse_spans.reason IS 'Why it was rejected.';

CREATE TABLE langfuse_segments (
    target  integer NOT NULL REFERENCES langfuse_targets,
    segment text COLLATE "C" NOT NULL,
    PRIMARY KEY (target, segment)
);

COMMENT ON TABLE langfuse_segments IS 'Segments whose requests all have a row in langfuse_spans, so that they need not be read again.';
