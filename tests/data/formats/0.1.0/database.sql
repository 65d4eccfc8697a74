CREATE TABLE schema_migrations (version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
-- Records, their rollups, and the ledger that says which segment brought them.
--
-- Identifiers are COLLATE "C": compared byte by byte they sort the same on every machine, in DuckDB too,
-- and faster than by a language's rules.

CREATE TABLE usage_records (
    request_id         text COLLATE "C" NOT NULL,
    created_at         timestamptz NOT NULL,
    user_id            text COLLATE "C" NOT NULL,
    team_id            text COLLATE "C" NOT NULL,
    key_id             text COLLATE "C" NOT NULL,
    model              text COLLATE "C" NOT NULL,
    upstream_model     text COLLATE "C",
    provider           text COLLATE "C" NOT NULL,
    endpoint           text COLLATE "C" NOT NULL,
    stream             boolean NOT NULL,
    status             integer NOT NULL,
    prompt_tokens      bigint NOT NULL,
    completion_tokens  bigint NOT NULL,
    total_tokens       bigint NOT NULL,
    cache_read_tokens  bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens   bigint NOT NULL,
    usage_source       text COLLATE "C" NOT NULL,
    cost_usd           numeric,
    price_source       text COLLATE "C",
    latency_ms         numeric NOT NULL,
    ttft_ms            numeric,
    cache_hit          boolean NOT NULL,
    limit_type         text COLLATE "C",
    error_type         text COLLATE "C",
    PRIMARY KEY (created_at, request_id)
) PARTITION BY RANGE (created_at);

COMMENT ON TABLE usage_records IS 'One row per request, never edited; partitions are UTC months, made by the ETL.';

CREATE TABLE usage_hourly (
    hour               timestamptz NOT NULL,
    user_id            text COLLATE "C" NOT NULL,
    team_id            text COLLATE "C" NOT NULL,
    model              text COLLATE "C" NOT NULL,
    requests           bigint NOT NULL,
    errors             bigint NOT NULL,
    cache_hits         bigint NOT NULL,
    prompt_tokens      bigint NOT NULL,
    completion_tokens  bigint NOT NULL,
    total_tokens       bigint NOT NULL,
    cost_usd           numeric,
    unpriced_requests  bigint NOT NULL,
    estimated_requests bigint NOT NULL,
    estimated_cost_usd numeric,
    latency_ms         numeric NOT NULL,
    PRIMARY KEY (hour, user_id, team_id, model)
);

COMMENT ON TABLE usage_hourly IS 'usage_records per UTC hour, written in the transaction that writes the records.';
COMMENT ON COLUMN usage_hourly.errors IS 'Requests whose status is 400 or more, or that have an error.';
COMMENT ON COLUMN usage_hourly.cost_usd IS 'Sum over the requests with a known price; NULL when there is none.';
COMMENT ON COLUMN usage_hourly.estimated_cost_usd IS 'The part of cost_usd whose tokens were estimated; NULL when none is.';
COMMENT ON COLUMN usage_hourly.latency_ms IS 'The sum; whoever reads it divides by requests.';

CREATE MATERIALIZED VIEW usage_daily AS
SELECT (hour AT TIME ZONE 'UTC')::date AS day,
       user_id,
       team_id,
       model,
       sum(requests)::bigint AS requests,
       sum(errors)::bigint AS errors,
       sum(cache_hits)::bigint AS cache_hits,
       sum(prompt_tokens)::bigint AS prompt_tokens,
       sum(completion_tokens)::bigint AS completion_tokens,
       sum(total_tokens)::bigint AS total_tokens,
       sum(cost_usd) AS cost_usd,
       sum(unpriced_requests)::bigint AS unpriced_requests,
       round(sum(latency_ms) / sum(requests), 3) AS avg_latency_ms
FROM usage_hourly
GROUP BY 1, 2, 3, 4;

CREATE UNIQUE INDEX usage_daily_key ON usage_daily (day, user_id, team_id, model);

COMMENT ON MATERIALIZED VIEW usage_daily IS 'usage_hourly per UTC day; refreshed by relayctl etl run and etl refresh.';

CREATE TABLE etl_segments (
    name          text COLLATE "C" PRIMARY KEY,
    writer        text COLLATE "C" NOT NULL,
    number        bigint NOT NULL,
    sha256        text NOT NULL,
    previous      text,
    first_seq     bigint,
    last_seq      bigint,
    missing_lines bigint NOT NULL,
    lines         bigint NOT NULL,
    loaded        bigint NOT NULL,
    duplicate     bigint NOT NULL,
    rejected      bigint NOT NULL,
    intents       bigint NOT NULL,
    recovered     boolean NOT NULL,
    seal_problem  text,
    loaded_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT etl_segments_every_line_is_accounted_for CHECK (lines = loaded + duplicate + rejected)
);

CREATE INDEX etl_segments_writer ON etl_segments (writer, number, name);

COMMENT ON TABLE etl_segments IS 'The ledger: a segment that has a row here is loaded, and is never loaded again.';
COMMENT ON COLUMN etl_segments.sha256 IS 'Of the whole file.';
COMMENT ON COLUMN etl_segments.previous IS 'SHA-256 of the writer''s segment before, as the open line says.';
COMMENT ON COLUMN etl_segments.missing_lines IS 'Line numbers between first_seq and last_seq that no line has.';
COMMENT ON COLUMN etl_segments.lines IS 'Lines that are records or ought to be: all but open, intent and seal.';
COMMENT ON COLUMN etl_segments.seal_problem IS 'What in the file contradicts its seal or its name; NULL when nothing.';

CREATE TABLE etl_rejects (
    segment     text COLLATE "C" NOT NULL REFERENCES etl_segments DEFERRABLE INITIALLY DEFERRED,
    line_number bigint NOT NULL,
    byte_offset bigint NOT NULL,
    reason      text NOT NULL,
    line        text NOT NULL,
    PRIMARY KEY (segment, line_number)
);

COMMENT ON TABLE etl_rejects IS 'Lines that could not be loaded; line is cut, the file has it whole at byte_offset.';

CREATE TABLE etl_intents (
    request_id text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    segment    text COLLATE "C" NOT NULL REFERENCES etl_segments DEFERRABLE INITIALLY DEFERRED,
    user_id    text COLLATE "C" NOT NULL,
    team_id    text COLLATE "C" NOT NULL,
    model      text COLLATE "C" NOT NULL,
    PRIMARY KEY (created_at, request_id)
);

COMMENT ON TABLE etl_intents IS 'Requests that had begun in a segment and not ended in it; their records may come later.';

-- A row per load that usage_daily does not show yet. A refresh deletes the rows it sees in the transaction
-- in which it refreshes, so a load that commits meanwhile keeps its row, and no load ever waits for a refresh.
CREATE TABLE etl_unrefreshed (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    loaded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE etl_state (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    as_of        timestamptz,
    refreshed_at timestamptz
);

INSERT INTO etl_state DEFAULT VALUES;

COMMENT ON COLUMN etl_state.as_of IS 'Every segment that was sealed before this moment is loaded.';

CREATE VIEW etl_gaps AS
WITH chain AS (
    SELECT s.name, s.writer, s.number, s.previous, s.first_seq, s.missing_lines, s.seal_problem, s.loaded_at,
           lag(s.number, 1, 0::bigint) OVER w AS number_before,
           lag(s.last_seq, 1, 0::bigint) OVER w AS seq_before,
           lag(s.sha256) OVER w AS sha256_before,
           last_value(s.recovered) OVER (PARTITION BY s.writer ORDER BY s.number, s.name
               ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS writer_died
    FROM etl_segments s
    WINDOW w AS (PARTITION BY s.writer ORDER BY s.number, s.name)
)
SELECT 'missing_segment'::text AS kind, c.writer, c.name AS segment,
       c.number - c.number_before - 1 AS missing, c.loaded_at AS since,
       format('segments %s to %s of the writer are missing before this one', c.number_before + 1, c.number - 1)
           AS detail
FROM chain c
WHERE c.number > c.number_before + 1
UNION ALL
SELECT 'missing_lines'::text, c.writer, c.name, c.missing_lines, c.loaded_at,
       format('%s line numbers are missing in the segment', c.missing_lines)
FROM chain c
WHERE c.missing_lines > 0
UNION ALL
SELECT 'missing_lines'::text, c.writer, c.name, c.first_seq - c.seq_before - 1, c.loaded_at,
       format('lines %s to %s of the writer are missing before this segment', c.seq_before + 1, c.first_seq - 1)
FROM chain c
WHERE c.number = c.number_before + 1 AND c.first_seq > c.seq_before + 1
UNION ALL
SELECT 'unended_intent'::text, c.writer, c.name, 1::bigint, i.created_at,
       format('request %s of user %s began and has no record', i.request_id, i.user_id)
FROM etl_intents i
JOIN chain c ON c.name = i.segment
WHERE (c.writer_died OR i.created_at < now() - interval '1 hour')
  AND NOT EXISTS (SELECT FROM usage_records r
                  WHERE r.created_at = i.created_at AND r.request_id = i.request_id)
UNION ALL
SELECT 'seal_mismatch'::text, c.writer, c.name, 1::bigint, c.loaded_at,
       COALESCE(c.seal_problem, 'the open line names another file as the segment before than the one loaded')
FROM chain c
WHERE c.seal_problem IS NOT NULL
   OR (c.number = c.number_before + 1 AND c.previous IS DISTINCT FROM c.sha256_before);

COMMENT ON VIEW etl_gaps IS 'What is missing or contradicts itself; empty when the bill is whole.';
-- What keeping and pruning need: which hours a segment brought, where it is archived, what is pruned.
-- Token sums in usage_daily have no bound any more, so no group can make a refresh fail for all; and months that
-- only a wrong clock tells share two partitions, so that a transaction never needs thousands of locks.

ALTER TABLE etl_segments
    ADD COLUMN retried     bigint NOT NULL DEFAULT 0,
    ADD COLUMN first_hour  timestamptz,
    ADD COLUMN last_hour   timestamptz,
    ADD COLUMN archived_at timestamptz,
    ADD COLUMN archive     text;

COMMENT ON COLUMN etl_segments.retried IS 'Lines that were rejected once and are accepted since.';
COMMENT ON COLUMN etl_segments.first_hour IS 'UTC hour of the earliest record it brought; NULL when it brought none.';
COMMENT ON COLUMN etl_segments.last_hour IS 'UTC hour of the latest record it brought; NULL when it brought none.';
COMMENT ON COLUMN etl_segments.archived_at IS 'When all that is loaded of it was in the archive; NULL when it is not.';
COMMENT ON COLUMN etl_segments.archive IS 'The archive it is in: a directory or s3://bucket/prefix.';

-- Of segments loaded before it is not known which hours they brought, so any: then nothing is pruned too early.
UPDATE etl_segments SET first_hour = '0001-01-01 00:00:00+00', last_hour = '9999-12-31 23:00:00+00' WHERE loaded > 0;

ALTER TABLE etl_segments
    ADD CONSTRAINT etl_segments_hours_are_known CHECK (loaded = 0 OR (first_hour IS NOT NULL AND last_hour IS NOT NULL));

ALTER TABLE etl_state ADD COLUMN pruned_before timestamptz;

COMMENT ON COLUMN etl_state.pruned_before IS 'Records of requests before this moment may be pruned; rollups keep them.';

DROP MATERIALIZED VIEW usage_daily;

CREATE MATERIALIZED VIEW usage_daily AS
SELECT (hour AT TIME ZONE 'UTC')::date AS day,
       user_id,
       team_id,
       model,
       sum(requests)::bigint AS requests,
       sum(errors)::bigint AS errors,
       sum(cache_hits)::bigint AS cache_hits,
       sum(prompt_tokens) AS prompt_tokens,
       sum(completion_tokens) AS completion_tokens,
       sum(total_tokens) AS total_tokens,
       sum(cost_usd) AS cost_usd,
       sum(unpriced_requests)::bigint AS unpriced_requests,
       round(sum(latency_ms) / sum(requests), 3) AS avg_latency_ms
FROM usage_hourly
GROUP BY 1, 2, 3, 4;

CREATE UNIQUE INDEX usage_daily_key ON usage_daily (day, user_id, team_id, model);

COMMENT ON MATERIALIZED VIEW usage_daily IS 'usage_hourly per UTC day; refreshed by relayctl etl run and etl refresh.';

-- Months before 2020 and from 2050 on move into the two partitions that hold all of their kind.
DO $$
DECLARE
    month  text;
    target text;
BEGIN
    FOR month IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'usage_records'::regclass AND c.relname ~ '^usage_records_[0-9]{4}_[0-9]{2}$'
          AND substr(c.relname, 15, 4) NOT BETWEEN '2020' AND '2049'
    LOOP
        target := CASE WHEN substr(month, 15, 4) < '2020' THEN 'usage_records_early' ELSE 'usage_records_late' END;
        EXECUTE format('ALTER TABLE usage_records DETACH PARTITION %I', month);
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I (LIKE usage_records INCLUDING DEFAULTS)', target);
        EXECUTE format('INSERT INTO %I SELECT * FROM %I', target, month);
        EXECUTE format('DROP TABLE %I', month);
    END LOOP;
    IF to_regclass('usage_records_early') IS NOT NULL THEN
        ALTER TABLE usage_records ATTACH PARTITION usage_records_early
            FOR VALUES FROM (MINVALUE) TO ('2020-01-01 00:00:00+00');
    END IF;
    IF to_regclass('usage_records_late') IS NOT NULL THEN
        ALTER TABLE usage_records ATTACH PARTITION usage_records_late
            FOR VALUES FROM ('2050-01-01 00:00:00+00') TO (MAXVALUE);
    END IF;
END
$$;
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
-- Rollups that a load only appends to. A load writes the hourly sums of what it brings as rows of its own, parts,
-- instead of adding them to rows that are there: that was half of its work. A refresh puts parts of the same hour
-- together where they are many, and keeps each UTC day's sums, so that it adds up only the days that changed.

ALTER TABLE usage_hourly RENAME TO usage_hourly_parts;
ALTER TABLE usage_hourly_parts DROP CONSTRAINT usage_hourly_pkey;
CREATE INDEX usage_hourly_parts_hour ON usage_hourly_parts USING brin (hour) WITH (pages_per_range = 32, autosummarize = on);
-- One user among thousands: a report on somebody would read the hours of everybody.
CREATE INDEX usage_hourly_parts_user ON usage_hourly_parts (user_id, hour);

COMMENT ON TABLE usage_hourly_parts IS 'Sums per UTC hour of what each load brought, written in the transaction that writes the records; sums of sums are right.';

CREATE VIEW usage_hourly AS
SELECT hour,
       user_id,
       team_id,
       model,
       sum(requests)::bigint AS requests,
       sum(errors)::bigint AS errors,
       sum(cache_hits)::bigint AS cache_hits,
       sum(prompt_tokens) AS prompt_tokens,
       sum(completion_tokens) AS completion_tokens,
       sum(total_tokens) AS total_tokens,
       sum(cost_usd) AS cost_usd,
       sum(unpriced_requests)::bigint AS unpriced_requests,
       sum(estimated_requests)::bigint AS estimated_requests,
       sum(estimated_cost_usd) AS estimated_cost_usd,
       sum(latency_ms) AS latency_ms
FROM usage_hourly_parts
GROUP BY 1, 2, 3, 4;

COMMENT ON VIEW usage_hourly IS 'usage_records per UTC hour: the parts of each hour, user, team and model as one row.';
COMMENT ON COLUMN usage_hourly.errors IS 'Requests whose status is 400 or more, or that have an error.';
COMMENT ON COLUMN usage_hourly.cost_usd IS 'Sum over the requests with a known price; NULL when there is none.';
COMMENT ON COLUMN usage_hourly.estimated_cost_usd IS 'The part of cost_usd whose tokens were estimated; NULL when none is.';
COMMENT ON COLUMN usage_hourly.latency_ms IS 'The sum; whoever reads it divides by requests.';

CREATE TABLE usage_days (
    day               date NOT NULL,
    user_id           text COLLATE "C" NOT NULL,
    team_id           text COLLATE "C" NOT NULL,
    model             text COLLATE "C" NOT NULL,
    requests          bigint NOT NULL,
    errors            bigint NOT NULL,
    cache_hits        bigint NOT NULL,
    prompt_tokens     numeric NOT NULL,
    completion_tokens numeric NOT NULL,
    total_tokens      numeric NOT NULL,
    cost_usd          numeric,
    unpriced_requests bigint NOT NULL,
    avg_latency_ms    numeric NOT NULL
);

COMMENT ON TABLE usage_days IS 'usage_hourly per UTC day as of the last refresh; usage_daily is made from it.';

INSERT INTO usage_days (
    day, user_id, team_id, model, requests, errors, cache_hits, prompt_tokens, completion_tokens, total_tokens,
    cost_usd, unpriced_requests, avg_latency_ms
)
SELECT (hour AT TIME ZONE 'UTC')::date, user_id, team_id, model, sum(requests), sum(errors), sum(cache_hits),
       sum(prompt_tokens), sum(completion_tokens), sum(total_tokens), sum(cost_usd), sum(unpriced_requests),
       round(sum(latency_ms) / sum(requests), 3)
FROM usage_hourly_parts
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4;

CREATE INDEX usage_days_day ON usage_days (day);

DROP MATERIALIZED VIEW usage_daily;

CREATE MATERIALIZED VIEW usage_daily AS
SELECT day, user_id, team_id, model, requests, errors, cache_hits, prompt_tokens, completion_tokens, total_tokens,
       cost_usd, unpriced_requests, avg_latency_ms
FROM usage_days;

CREATE UNIQUE INDEX usage_daily_key ON usage_daily (day, user_id, team_id, model);

COMMENT ON MATERIALIZED VIEW usage_daily IS 'usage_hourly per UTC day; refreshed by relayctl etl run and etl refresh.';

ALTER TABLE etl_unrefreshed ADD COLUMN days date[] NOT NULL DEFAULT '{}';

COMMENT ON COLUMN etl_unrefreshed.days IS 'The UTC days of the records that the load brought.';
CREATE TABLE usage_records_2026_11 PARTITION OF usage_records FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00');
TRUNCATE etl_segments, etl_intents, etl_rejects, etl_state, etl_unrefreshed, langfuse_owners, langfuse_segments, langfuse_spans, langfuse_targets, schema_migrations, usage_days, usage_hourly_parts, usage_records;
INSERT INTO "etl_segments" ("name", "writer", "number", "sha256", "previous", "first_seq", "last_seq", "missing_lines", "lines", "loaded", "duplicate", "rejected", "intents", "recovered", "seal_problem", "loaded_at", "retried", "first_hour", "last_hour", "archived_at", "archive") OVERRIDING SYSTEM VALUE VALUES
('usage-20261102T060000Z-host-7-a1b2c3d4-000001.jsonl', 'host-7-a1b2c3d4', '1', '4c1712531a2a8f56fc02d4105eeb192e182b1e380b04223b390a14d458e21e81', NULL, '1', '102', '0', '50', '50', '0', '0', '50', 'false', NULL, '2026-11-05 01:00:00+00', '0', '2026-11-02 06:00:00+00', '2026-11-02 19:00:00+00', '2026-11-05 01:00:00+00', '/var/lib/relay/archive'),
('usage-20261102T201000Z-host-8-e5f60718-000001.jsonl', 'host-8-e5f60718', '1', '25bbc2dcb4ccb0d29140008a4ac77ecb7e58a5d93e810b361830717618beebb8', NULL, '1', '62', '0', '30', '30', '0', '0', '30', 'false', NULL, '2026-11-05 01:00:00+00', '0', '2026-11-02 20:00:00+00', '2026-11-03 04:00:00+00', '2026-11-05 01:00:00+00', '/var/lib/relay/archive'),
('usage-20261103T044000Z-host-7-a1b2c3d4-000002.jsonl', 'host-7-a1b2c3d4', '2', '7087e755abbb4f1cae20c71f03a43bb8f28a15b9b25021c7e82612795a6c3a54', '4c1712531a2a8f56fc02d4105eeb192e182b1e380b04223b390a14d458e21e81', '103', '185', '0', '41', '40', '0', '1', '40', 'false', NULL, '2026-11-05 01:00:00+00', '0', '2026-11-03 04:00:00+00', '2026-11-03 15:00:00+00', '2026-11-05 01:00:00+00', '/var/lib/relay/archive'),
('usage-20261103T160000Z-host-8-e5f60718-000002.jsonl', 'host-8-e5f60718', '2', 'b55b6c4f036195082147437bdf8b40b75e192f480fe5884a54dce914c0154059', '25bbc2dcb4ccb0d29140008a4ac77ecb7e58a5d93e810b361830717618beebb8', '63', '125', '0', '30', '30', '0', '0', '31', 'true', NULL, '2026-11-05 01:00:00+00', '0', '2026-11-03 16:00:00+00', '2026-11-04 00:00:00+00', '2026-11-05 01:00:00+00', '/var/lib/relay/archive'),
('usage-20261104T003001Z-host-7-a1b2c3d4-000003.jsonl', 'host-7-a1b2c3d4', '3', '9e3769e29180fd559ac5c06cd3c176191fd1e8064cf0524b4b8d7d1917058e5c', '7087e755abbb4f1cae20c71f03a43bb8f28a15b9b25021c7e82612795a6c3a54', '186', '287', '0', '50', '50', '0', '0', '50', 'false', NULL, '2026-11-05 01:00:00+00', '0', '2026-11-04 00:00:00+00', '2026-11-04 14:00:00+00', '2026-11-05 01:00:00+00', '/var/lib/relay/archive');
INSERT INTO "etl_intents" ("request_id", "created_at", "segment", "user_id", "team_id", "model") OVERRIDING SYSTEM VALUE VALUES
('req_00000000000000000000000301', '2026-11-05 19:17:02.383619+00', 'usage-20261103T160000Z-host-8-e5f60718-000002.jsonl', 'bob', 'ads', 'claude-opus-4-5');
INSERT INTO "etl_rejects" ("segment", "line_number", "byte_offset", "reason", "line") OVERRIDING SYSTEM VALUE VALUES
('usage-20261103T044000Z-host-7-a1b2c3d4-000002.jsonl', '82', '39410', 'total_tokens is not prompt_tokens + completion_tokens', '{"v":1,"event":"request","seq":999,"request_id":"req_00000000000000000000000300","created_at":"2026-11-05T19:00:02.375700Z","user_id":"ada","team_id":"search","key_id":"key_0","model":"gpt-5","upstream_model":null,"provider":"openai","endpoint":"/v1/chat/completions","stream":false,"status":200,"prompt_tokens":3218,"completion_tokens":914,"total_tokens":14132,"cache_read_tokens":0,"cache_write_tokens":0,"reasoning_tokens":457,"usage":{"prompt_tokens":3218,"completion_tokens":914,"x_new":{"n":300}},"usage_source":"provider","cost_usd":"0.0131625","price_source":"genai-prices 0.2.3","latency_ms":505.125,"ttft_ms":null,"cache_hit":false,"limit_type":null,"pii_entities":{},"error":null,"provider_request_id":null,"attempts":[],"unit_prices":{"input_mtok":"1.25","output_mtok":"10"}}');
INSERT INTO "etl_state" ("only_row", "as_of", "refreshed_at", "pruned_before") OVERRIDING SYSTEM VALUE VALUES
('true', '2026-11-05 01:00:00+00', '2026-11-05 01:00:00+00', NULL);
SELECT setval(pg_get_serial_sequence('etl_unrefreshed', 'id'), 1000);
SELECT setval(pg_get_serial_sequence('langfuse_owners', 'owner'), 1000);
SELECT setval(pg_get_serial_sequence('langfuse_targets', 'target'), 1000);
INSERT INTO "schema_migrations" ("version", "name", "sha256", "applied_at") OVERRIDING SYSTEM VALUE VALUES
('1', '0001_usage', '4fc682cb5e7407a4b241cd91f71259a061f9b21170c28c3298dd8e316b8ded60', '2026-11-05 01:00:00+00'),
('2', '0002_keeping', 'f0cf9036abc8d24c4bad3c8563d48987009a5f205acba7c6e502736ee8647475', '2026-11-05 01:00:00+00'),
('3', '0003_langfuse', '8dfb2129d5b7aea57b0261a81348d30f589c7acaa121b3e0595331a064bf9a88', '2026-11-05 01:00:00+00'),
('4', '0004_parts', '1d3abca17c712ca592bf82045b576863538ba9e4b1c41997df7fd63af455acd3', '2026-11-05 01:00:00+00');
INSERT INTO "usage_days" ("day", "user_id", "team_id", "model", "requests", "errors", "cache_hits", "prompt_tokens", "completion_tokens", "total_tokens", "cost_usd", "unpriced_requests", "avg_latency_ms") OVERRIDING SYSTEM VALUE VALUES
('2026-11-02', '', 'ads', 'claude-opus-4-5', '1', '0', '0', '1933', '642', '2575', '0.008836250000', '0', '970.625'),
('2026-11-02', '', 'ads', 'gpt-5', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '206.875'),
('2026-11-02', '', 'ads', 'local/llama', '1', '0', '0', '823', '252', '1075', NULL, '1', '44.500'),
('2026-11-02', '', 'ads', 'text-embedding-3-small', '1', '0', '0', '1378', '0', '1378', '0.001722500000', '0', '1133.000'),
('2026-11-02', '', 'ops', 'claude-opus-4-5', '1', '0', '0', '1193', '382', '1575', '0.005311250000', '0', '1187.125'),
('2026-11-02', '', 'ops', 'gpt-5', '1', '0', '0', '1748', '577', '2325', '0.007955000000', '0', '1024.750'),
('2026-11-02', '', 'ops', 'local/llama', '1', '0', '1', '2303', '772', '3075', '0.000000000000', '0', '862.375'),
('2026-11-02', '', 'ops', 'text-embedding-3-small', '1', '0', '0', '638', '0', '638', '0.000797500000', '0', '98.625'),
('2026-11-02', '', 'search', 'claude-opus-4-5', '1', '0', '0', '453', '122', '575', '0.001786250000', '0', '152.750'),
('2026-11-02', '', 'search', 'gpt-5', '1', '0', '0', '1008', '317', '1325', '0.004430000000', '0', '1241.250'),
('2026-11-02', '', 'search', 'local/llama', '1', '0', '0', '1563', '512', '2075', '0.007073750000', '0', '1078.875'),
('2026-11-02', '', 'search', 'text-embedding-3-small', '1', '1', '0', '0', '0', '0', NULL, '1', '916.500'),
('2026-11-02', 'Zoë', 'ads', 'claude-opus-4-5', '1', '1', '0', '0', '0', '0', NULL, '1', '350.000'),
('2026-11-02', 'Zoë', 'ads', 'gpt-5', '1', '0', '0', '2044', '681', '2725', '0.009365000000', '0', '187.625'),
('2026-11-02', 'Zoë', 'ads', 'local/llama', '1', '0', '1', '379', '96', '475', '0.000000000000', '0', '674.750'),
('2026-11-02', 'Zoë', 'ads', 'text-embedding-3-small', '1', '0', '0', '934', '0', '934', '0.001167500000', '0', '512.375'),
('2026-11-02', 'Zoë', 'ops', 'claude-opus-4-5', '1', '0', '0', '749', '226', '975', '0.003196250000', '0', '566.500'),
('2026-11-02', 'Zoë', 'ops', 'gpt-5', '1', '0', '0', '1304', '421', '1725', '0.005840000000', '0', '404.125'),
('2026-11-02', 'Zoë', 'ops', 'local/llama', '1', '0', '0', '1859', '616', '2475', NULL, '1', '241.750'),
('2026-11-02', 'Zoë', 'ops', 'text-embedding-3-small', '2', '0', '0', '2608', '0', '2608', '0.003260000000', '0', '404.125'),
('2026-11-02', 'Zoë', 'search', 'claude-opus-4-5', '1', '0', '0', '2229', '746', '2975', '0.010246250000', '0', '133.500'),
('2026-11-02', 'Zoë', 'search', 'gpt-5', '1', '0', '0', '564', '161', '725', '0.002315000000', '0', '620.625'),
('2026-11-02', 'Zoë', 'search', 'local/llama', '1', '0', '0', '1119', '356', '1475', NULL, '1', '458.250'),
('2026-11-02', 'Zoë', 'search', 'text-embedding-3-small', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '295.875'),
('2026-11-02', 'ada', 'ads', 'claude-opus-4-5', '1', '0', '0', '1045', '330', '1375', '0.004606250000', '0', '980.250'),
('2026-11-02', 'ada', 'ads', 'gpt-5', '1', '0', '0', '1600', '525', '2125', '0.007250000000', '0', '817.875'),
('2026-11-02', 'ada', 'ads', 'local/llama', '1', '0', '0', '2155', '720', '2875', NULL, '1', '655.500'),
('2026-11-02', 'ada', 'ads', 'text-embedding-3-small', '1', '0', '0', '490', '0', '490', '0.000612500000', '0', '1142.625'),
('2026-11-02', 'ada', 'ops', 'claude-opus-4-5', '1', '1', '0', '305', '70', '375', '0.001081250000', '0', '1196.750'),
('2026-11-02', 'ada', 'ops', 'gpt-5', '1', '1', '0', '0', '0', '0', NULL, '1', '1034.375'),
('2026-11-02', 'ada', 'ops', 'local/llama', '1', '0', '0', '1415', '460', '1875', NULL, '1', '872.000'),
('2026-11-02', 'ada', 'ops', 'text-embedding-3-small', '1', '0', '0', '1970', '0', '1970', '0.002462500000', '0', '709.625'),
('2026-11-02', 'ada', 'search', 'claude-opus-4-5', '1', '0', '0', '1785', '590', '2375', '0.008131250000', '0', '763.750'),
('2026-11-02', 'ada', 'search', 'gpt-5', '2', '0', '0', '2460', '790', '3250', '0.010975000000', '0', '300.688'),
('2026-11-02', 'ada', 'search', 'local/llama', '1', '0', '0', '675', '200', '875', NULL, '1', '1088.500'),
('2026-11-02', 'ada', 'search', 'text-embedding-3-small', '1', '0', '0', '1230', '0', '1230', '0.001537500000', '0', '926.125'),
('2026-11-02', 'bob', 'ads', 'claude-opus-4-5', '2', '1', '0', '157', '18', '175', '0.000376250000', '0', '665.125'),
('2026-11-02', 'bob', 'ads', 'gpt-5', '1', '0', '0', '712', '213', '925', '0.003020000000', '0', '827.500'),
('2026-11-02', 'bob', 'ads', 'local/llama', '1', '0', '0', '1267', '408', '1675', NULL, '1', '665.125'),
('2026-11-02', 'bob', 'ads', 'text-embedding-3-small', '1', '0', '1', '1822', '0', '1822', '0.000000000000', '0', '502.750'),
('2026-11-02', 'bob', 'ops', 'claude-opus-4-5', '1', '0', '0', '1637', '538', '2175', '0.007426250000', '0', '556.875'),
('2026-11-02', 'bob', 'ops', 'gpt-5', '1', '0', '0', '2192', '733', '2925', '0.010070000000', '0', '394.500'),
('2026-11-02', 'bob', 'ops', 'local/llama', '1', '0', '0', '527', '148', '675', NULL, '1', '881.625'),
('2026-11-02', 'bob', 'ops', 'text-embedding-3-small', '1', '0', '0', '1082', '0', '1082', '0.001352500000', '0', '719.250'),
('2026-11-02', 'bob', 'search', 'claude-opus-4-5', '1', '0', '0', '897', '278', '1175', '0.003901250000', '0', '773.375'),
('2026-11-02', 'bob', 'search', 'gpt-5', '1', '0', '0', '1452', '473', '1925', '0.006545000000', '0', '611.000'),
('2026-11-02', 'bob', 'search', 'local/llama', '1', '1', '0', '2007', '668', '2675', NULL, '1', '448.625'),
('2026-11-02', 'bob', 'search', 'text-embedding-3-small', '1', '0', '0', '342', '0', '342', '0.000427500000', '0', '935.750'),
('2026-11-02', 'eve', 'ads', 'claude-opus-4-5', '1', '0', '0', '601', '174', '775', '0.002491250000', '0', '359.625'),
('2026-11-02', 'eve', 'ads', 'gpt-5', '1', '1', '0', '1156', '369', '1525', '0.005135000000', '0', '197.250'),
('2026-11-02', 'eve', 'ads', 'local/llama', '1', '0', '0', '1711', '564', '2275', NULL, '1', '34.875'),
('2026-11-02', 'eve', 'ads', 'text-embedding-3-small', '1', '0', '0', '2266', '0', '2266', '0.002832500000', '0', '1123.375'),
('2026-11-02', 'eve', 'ops', 'claude-opus-4-5', '1', '0', '0', '2081', '694', '2775', '0.009541250000', '0', '1177.500'),
('2026-11-02', 'eve', 'ops', 'gpt-5', '1', '0', '0', '416', '109', '525', '0.001610000000', '0', '413.750'),
('2026-11-02', 'eve', 'ops', 'local/llama', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '251.375'),
('2026-11-02', 'eve', 'ops', 'text-embedding-3-small', '1', '0', '0', '1526', '0', '1526', '0.001907500000', '0', '89.000'),
('2026-11-02', 'eve', 'search', 'claude-opus-4-5', '1', '0', '1', '1341', '434', '1775', '0.000000000000', '0', '143.125'),
('2026-11-02', 'eve', 'search', 'gpt-5', '1', '0', '0', '1896', '629', '2525', '0.008660000000', '0', '1231.625'),
('2026-11-02', 'eve', 'search', 'local/llama', '2', '1', '0', '2451', '824', '3275', NULL, '2', '768.563'),
('2026-11-02', 'eve', 'search', 'text-embedding-3-small', '1', '0', '0', '786', '0', '786', '0.000982500000', '0', '305.500'),
('2026-11-03', '', 'ads', 'claude-opus-4-5', '1', '0', '0', '152', '425', '577', '0.004440000000', '0', '321.125'),
('2026-11-03', '', 'ads', 'gpt-5', '2', '0', '1', '3195', '1457', '4652', '0.011480000000', '0', '483.500'),
('2026-11-03', '', 'ads', 'local/llama', '2', '1', '0', '3043', '35', '3078', NULL, '2', '946.563'),
('2026-11-03', '', 'ads', 'text-embedding-3-small', '1', '0', '0', '3598', '0', '3598', '0.004497500000', '0', '483.500'),
('2026-11-03', '', 'ops', 'claude-opus-4-5', '1', '0', '0', '3413', '165', '3578', '0.005916250000', '0', '537.625'),
('2026-11-03', '', 'ops', 'gpt-5', '1', '0', '0', '3968', '360', '4328', '0.008560000000', '0', '375.250'),
('2026-11-03', '', 'ops', 'local/llama', '1', '0', '0', '522', '555', '1077', NULL, '1', '212.875'),
('2026-11-03', '', 'ops', 'text-embedding-3-small', '2', '1', '0', '3935', '0', '3935', '0.004918750000', '0', '375.250'),
('2026-11-03', '', 'search', 'claude-opus-4-5', '2', '0', '0', '3565', '1587', '5152', '0.020326250000', '0', '429.375'),
('2026-11-03', '', 'search', 'gpt-5', '2', '0', '0', '4675', '980', '5655', '0.015643750000', '0', '892.438'),
('2026-11-03', '', 'search', 'local/llama', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '429.375'),
('2026-11-03', '', 'search', 'text-embedding-3-small', '1', '0', '0', '337', '0', '337', '0.000421250000', '0', '267.000'),
('2026-11-03', 'Zoë', 'ads', 'claude-opus-4-5', '1', '1', '0', '3709', '269', '3978', '0.007326250000', '0', '951.375'),
('2026-11-03', 'Zoë', 'ads', 'gpt-5', '1', '0', '0', '263', '464', '727', '0.004968750000', '0', '789.000'),
('2026-11-03', 'Zoë', 'ads', 'local/llama', '2', '0', '0', '3417', '1535', '4952', '0.007612500000', '1', '325.938'),
('2026-11-03', 'Zoë', 'ads', 'text-embedding-3-small', '2', '0', '0', '4527', '0', '4527', '0.005658750000', '0', '789.000'),
('2026-11-03', 'Zoë', 'ops', 'claude-opus-4-5', '2', '1', '0', '2969', '9', '2978', '0.003801250000', '0', '843.125'),
('2026-11-03', 'Zoë', 'ops', 'gpt-5', '1', '0', '0', '3524', '204', '3728', '0.006445000000', '0', '1005.500'),
('2026-11-03', 'Zoë', 'ops', 'local/llama', '1', '0', '0', '4079', '399', '4478', NULL, '1', '843.125'),
('2026-11-03', 'Zoë', 'ops', 'text-embedding-3-small', '1', '1', '0', '0', '0', '0', NULL, '1', '680.750'),
('2026-11-03', 'Zoë', 'search', 'claude-opus-4-5', '1', '0', '0', '448', '529', '977', '0.005850000000', '0', '734.875'),
('2026-11-03', 'Zoë', 'search', 'gpt-5', '2', '0', '0', '3787', '1665', '5452', '0.021383750000', '0', '897.250'),
('2026-11-03', 'Zoë', 'search', 'local/llama', '2', '0', '0', '4897', '1058', '5955', NULL, '2', '734.875'),
('2026-11-03', 'Zoë', 'search', 'text-embedding-3-small', '1', '0', '0', '3894', '0', '3894', '0.004867500000', '0', '897.250'),
('2026-11-03', 'ada', 'ads', 'claude-opus-4-5', '2', '0', '1', '4749', '1006', '5755', '0.010785000000', '0', '631.438'),
('2026-11-03', 'ada', 'ads', 'gpt-5', '1', '0', '0', '3820', '308', '4128', '0.007855000000', '0', '168.375'),
('2026-11-03', 'ada', 'ads', 'local/llama', '1', '0', '0', '374', '503', '877', NULL, '1', '6.000'),
('2026-11-03', 'ada', 'ads', 'text-embedding-3-small', '2', '0', '0', '3639', '0', '3639', '0.004548750000', '0', '793.813'),
('2026-11-03', 'ada', 'ops', 'claude-opus-4-5', '2', '0', '0', '3269', '1483', '4752', '0.018916250000', '0', '847.938'),
('2026-11-03', 'ada', 'ops', 'gpt-5', '2', '1', '0', '1299', '828', '2127', '0.009903750000', '0', '685.563'),
('2026-11-03', 'ada', 'ops', 'local/llama', '1', '0', '0', '3635', '243', '3878', NULL, '1', '222.500'),
('2026-11-03', 'ada', 'ops', 'text-embedding-3-small', '1', '0', '0', '189', '0', '189', '0.000236250000', '0', '60.125'),
('2026-11-03', 'ada', 'search', 'claude-opus-4-5', '1', '1', '0', '0', '0', '0', NULL, '1', '114.250'),
('2026-11-03', 'ada', 'search', 'gpt-5', '1', '1', '0', '559', '568', '1127', '0.006378750000', '0', '1202.750'),
('2026-11-03', 'ada', 'search', 'local/llama', '2', '0', '0', '4009', '1743', '5752', NULL, '2', '739.688'),
('2026-11-03', 'ada', 'search', 'text-embedding-3-small', '1', '0', '0', '3450', '0', '3450', '0.004312500000', '0', '276.625'),
('2026-11-03', 'bob', 'ads', 'claude-opus-4-5', '1', '0', '0', '596', '581', '1177', '0.006555000000', '0', '941.750'),
('2026-11-03', 'bob', 'ads', 'gpt-5', '2', '0', '0', '4083', '1769', '5852', '0.022793750000', '0', '478.688'),
('2026-11-03', 'bob', 'ads', 'local/llama', '1', '0', '0', '3487', '191', '3678', NULL, '1', '15.625'),
('2026-11-03', 'bob', 'ads', 'text-embedding-3-small', '1', '0', '0', '4042', '0', '4042', '0.005052500000', '0', '1104.125'),
('2026-11-03', 'bob', 'ops', 'claude-opus-4-5', '1', '0', '0', '3857', '321', '4178', '0.008031250000', '0', '1158.250'),
('2026-11-03', 'bob', 'ops', 'gpt-5', '1', '0', '0', '411', '516', '927', '0.005673750000', '0', '995.875'),
('2026-11-03', 'bob', 'ops', 'local/llama', '2', '1', '0', '966', '711', '1677', NULL, '2', '532.813'),
('2026-11-03', 'bob', 'ops', 'text-embedding-3-small', '2', '0', '0', '4823', '0', '4823', '0.006028750000', '0', '370.438'),
('2026-11-03', 'bob', 'search', 'claude-opus-4-5', '2', '0', '0', '4453', '902', '5355', '0.014586250000', '0', '424.563'),
('2026-11-03', 'bob', 'search', 'gpt-5', '1', '0', '0', '3672', '256', '3928', '0.007150000000', '0', '1212.375'),
('2026-11-03', 'bob', 'search', 'local/llama', '1', '0', '1', '226', '451', '677', '0.000000000000', '0', '1050.000'),
('2026-11-03', 'bob', 'search', 'text-embedding-3-small', '2', '0', '0', '3343', '0', '3343', '0.004178750000', '0', '586.938'),
('2026-11-03', 'eve', 'ads', 'claude-opus-4-5', '2', '0', '0', '3861', '1691', '5552', '0.021736250000', '0', '636.250'),
('2026-11-03', 'eve', 'ads', 'gpt-5', '2', '1', '0', '1595', '932', '2527', '0.011313750000', '1', '473.875'),
('2026-11-03', 'eve', 'ads', 'local/llama', '1', '0', '0', '3931', '347', '4278', NULL, '1', '636.250'),
('2026-11-03', 'eve', 'ads', 'text-embedding-3-small', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '473.875'),
('2026-11-03', 'eve', 'ops', 'claude-opus-4-5', '1', '0', '0', '300', '477', '777', '0.005145000000', '0', '528.000'),
('2026-11-03', 'eve', 'ops', 'gpt-5', '2', '0', '0', '3491', '1561', '5052', '0.019973750000', '0', '690.375'),
('2026-11-03', 'eve', 'ops', 'local/llama', '2', '1', '0', '4601', '954', '5555', '0.004858750000', '1', '528.000'),
('2026-11-03', 'eve', 'ops', 'text-embedding-3-small', '1', '0', '1', '3746', '0', '3746', '0.000000000000', '0', '690.375'),
('2026-11-03', 'eve', 'search', 'claude-opus-4-5', '1', '0', '0', '3561', '217', '3778', '0.006621250000', '0', '744.500'),
('2026-11-03', 'eve', 'search', 'gpt-5', '1', '0', '0', '4116', '412', '4528', '0.009265000000', '0', '582.125'),
('2026-11-03', 'eve', 'search', 'local/llama', '1', '0', '0', '670', '607', '1277', NULL, '1', '419.750'),
('2026-11-03', 'eve', 'search', 'text-embedding-3-small', '2', '0', '0', '4231', '0', '4231', '0.005288750000', '0', '582.125'),
('2026-11-04', '', 'ads', 'claude-opus-4-5', '1', '0', '0', '2372', '208', '2580', '0.005045000000', '0', '922.500'),
('2026-11-04', '', 'ads', 'gpt-5', '1', '0', '0', '2927', '403', '3330', '0.007688750000', '0', '760.125'),
('2026-11-04', '', 'ads', 'local/llama', '1', '0', '0', '3482', '598', '4080', NULL, '1', '597.750'),
('2026-11-04', '', 'ads', 'text-embedding-3-small', '1', '0', '0', '1817', '0', '1817', '0.002271250000', '0', '1084.875'),
('2026-11-04', '', 'ops', 'claude-opus-4-5', '1', '0', '0', '1632', '945', '2577', '0.011490000000', '0', '1139.000'),
('2026-11-04', '', 'ops', 'gpt-5', '1', '0', '0', '2187', '143', '2330', '0.004163750000', '0', '976.625'),
('2026-11-04', '', 'ops', 'local/llama', '1', '0', '0', '2742', '338', '3080', NULL, '1', '814.250'),
('2026-11-04', '', 'ops', 'text-embedding-3-small', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '651.875'),
('2026-11-04', '', 'search', 'claude-opus-4-5', '1', '1', '0', '3112', '468', '3580', '0.008570000000', '0', '706.000'),
('2026-11-04', '', 'search', 'local/llama', '1', '0', '0', '2002', '78', '2080', NULL, '1', '1030.750'),
('2026-11-04', '', 'search', 'text-embedding-3-small', '1', '0', '0', '2557', '0', '2557', '0.003196250000', '0', '868.375'),
('2026-11-04', 'Zoë', 'ads', 'claude-opus-4-5', '1', '0', '0', '1928', '52', '1980', '0.002930000000', '0', '301.875'),
('2026-11-04', 'Zoë', 'ads', 'gpt-5', '1', '0', '0', '2483', '247', '2730', '0.005573750000', '0', '139.500'),
('2026-11-04', 'Zoë', 'ads', 'local/llama', '1', '0', '0', '3038', '442', '3480', NULL, '1', '1228.000'),
('2026-11-04', 'Zoë', 'ops', 'claude-opus-4-5', '1', '0', '0', '3408', '572', '3980', '0.009980000000', '0', '1119.750'),
('2026-11-04', 'Zoë', 'ops', 'gpt-5', '1', '0', '0', '1743', '984', '2727', '0.012018750000', '0', '356.000'),
('2026-11-04', 'Zoë', 'ops', 'local/llama', '1', '0', '0', '2298', '182', '2480', NULL, '1', '193.625'),
('2026-11-04', 'Zoë', 'ops', 'text-embedding-3-small', '1', '0', '0', '2853', '0', '2853', '0.003566250000', '0', '31.250'),
('2026-11-04', 'Zoë', 'search', 'claude-opus-4-5', '1', '0', '0', '2668', '312', '2980', '0.006455000000', '0', '85.375'),
('2026-11-04', 'Zoë', 'search', 'gpt-5', '1', '0', '0', '3223', '507', '3730', '0.009098750000', '0', '1173.875'),
('2026-11-04', 'Zoë', 'search', 'text-embedding-3-small', '1', '0', '0', '2113', '0', '2113', '0.002641250000', '0', '247.750'),
('2026-11-04', 'ada', 'ads', 'gpt-5', '1', '0', '0', '2039', '91', '2130', '0.003458750000', '0', '769.750'),
('2026-11-04', 'ada', 'ads', 'local/llama', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '607.375'),
('2026-11-04', 'ada', 'ads', 'text-embedding-3-small', '1', '1', '0', '0', '0', '0', NULL, '1', '445.000'),
('2026-11-04', 'ada', 'ops', 'claude-opus-4-5', '1', '0', '0', '2964', '416', '3380', '0.007865000000', '0', '499.125'),
('2026-11-04', 'ada', 'ops', 'local/llama', '1', '0', '0', '1854', '26', '1880', NULL, '1', '823.875'),
('2026-11-04', 'ada', 'ops', 'text-embedding-3-small', '1', '0', '0', '2409', '0', '2409', '0.003011250000', '0', '661.500'),
('2026-11-04', 'ada', 'search', 'claude-opus-4-5', '1', '0', '0', '2224', '156', '2380', '0.004340000000', '0', '715.625'),
('2026-11-04', 'ada', 'search', 'gpt-5', '1', '0', '0', '2779', '351', '3130', '0.006983750000', '0', '553.250'),
('2026-11-04', 'ada', 'search', 'local/llama', '1', '0', '0', '3334', '546', '3880', NULL, '1', '390.875'),
('2026-11-04', 'ada', 'search', 'text-embedding-3-small', '1', '0', '1', '1669', '0', '1669', '0.000000000000', '0', '878.000'),
('2026-11-04', 'bob', 'ads', 'claude-opus-4-5', '1', '0', '0', '2816', '364', '3180', '0.007160000000', '0', '292.250'),
('2026-11-04', 'bob', 'ads', 'gpt-5', '1', '0', '0', '3371', '559', '3930', '0.009803750000', '0', '129.875'),
('2026-11-04', 'bob', 'ads', 'local/llama', '1', '0', '0', '1706', '971', '2677', NULL, '1', '617.000'),
('2026-11-04', 'bob', 'ads', 'text-embedding-3-small', '1', '1', '0', '2261', '0', '2261', '0.002826250000', '0', '454.625'),
('2026-11-04', 'bob', 'ops', 'claude-opus-4-5', '1', '0', '0', '2076', '104', '2180', '0.003635000000', '0', '508.750'),
('2026-11-04', 'bob', 'ops', 'gpt-5', '1', '0', '1', '2631', '299', '2930', '0.000000000000', '0', '346.375'),
('2026-11-04', 'bob', 'ops', 'local/llama', '1', '0', '0', '3186', '494', '3680', NULL, '1', '184.000'),
('2026-11-04', 'bob', 'search', 'gpt-5', '1', '1', '0', '0', '0', '0', NULL, '1', '562.875'),
('2026-11-04', 'bob', 'search', 'local/llama', '1', '0', '0', '2446', '234', '2680', '0.005397500000', '0', '400.500'),
('2026-11-04', 'bob', 'search', 'text-embedding-3-small', '1', '0', '0', '3001', '0', '3001', '0.003751250000', '0', '238.125'),
('2026-11-04', 'eve', 'ads', 'claude-opus-4-5', '1', '0', '0', '3260', '520', '3780', '0.009275000000', '0', '912.875'),
('2026-11-04', 'eve', 'ads', 'local/llama', '1', '0', '1', '2150', '130', '2280', '0.000000000000', '0', '1237.625'),
('2026-11-04', 'eve', 'ads', 'text-embedding-3-small', '1', '0', '0', '2705', '0', '2705', '0.003381250000', '0', '1075.250'),
('2026-11-04', 'eve', 'ops', 'claude-opus-4-5', '1', '1', '0', '0', '0', '0', NULL, '1', '1129.375'),
('2026-11-04', 'eve', 'ops', 'gpt-5', '1', '0', '0', '3075', '455', '3530', '0.008393750000', '0', '967.000'),
('2026-11-04', 'eve', 'ops', 'text-embedding-3-small', '1', '0', '0', '1965', '0', '1965', '0.002456250000', '0', '40.875'),
('2026-11-04', 'eve', 'search', 'claude-opus-4-5', '1', '0', '0', '1780', '997', '2777', '0.012195000000', '0', '95.000'),
('2026-11-04', 'eve', 'search', 'gpt-5', '1', '0', '0', '2335', '195', '2530', '0.004868750000', '0', '1183.500'),
('2026-11-04', 'eve', 'search', 'local/llama', '1', '0', '0', '2890', '390', '3280', NULL, '1', '1021.125'),
('2026-11-04', 'eve', 'search', 'text-embedding-3-small', '1', '0', '0', '3445', '0', '3445', '0.004306250000', '0', '858.750');
INSERT INTO "usage_hourly_parts" ("hour", "user_id", "team_id", "model", "requests", "errors", "cache_hits", "prompt_tokens", "completion_tokens", "total_tokens", "cost_usd", "unpriced_requests", "estimated_requests", "estimated_cost_usd", "latency_ms") OVERRIDING SYSTEM VALUE VALUES
('2026-11-02 06:00:00+00', 'Zoë', 'ops', 'text-embedding-3-small', '1', '0', '0', '194', '0', '194', '0.000242500000', '0', '0', NULL, '728.875000'),
('2026-11-02 06:00:00+00', 'ada', 'search', 'gpt-5', '1', '0', '0', '120', '5', '125', '0.000200000000', '0', '0', NULL, '0.000000'),
('2026-11-02 06:00:00+00', 'bob', 'ads', 'claude-opus-4-5', '1', '0', '0', '157', '18', '175', '0.000376250000', '0', '0', NULL, '989.875000'),
('2026-11-02 06:00:00+00', 'eve', 'search', 'local/llama', '1', '1', '0', '0', '0', '0', NULL, '1', '0', NULL, '467.875000'),
('2026-11-02 07:00:00+00', '', 'ads', 'gpt-5', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '0', NULL, '206.875000'),
('2026-11-02 07:00:00+00', 'Zoë', 'ads', 'local/llama', '1', '0', '1', '379', '96', '475', '0.000000000000', '0', '0', NULL, '674.750000'),
('2026-11-02 07:00:00+00', 'ada', 'ops', 'claude-opus-4-5', '1', '1', '0', '305', '70', '375', '0.001081250000', '0', '0', NULL, '1196.750000'),
('2026-11-02 07:00:00+00', 'bob', 'search', 'text-embedding-3-small', '1', '0', '0', '342', '0', '342', '0.000427500000', '0', '1', '0.000427500000', '935.750000'),
('2026-11-02 08:00:00+00', '', 'search', 'claude-opus-4-5', '1', '0', '0', '453', '122', '575', '0.001786250000', '0', '0', NULL, '152.750000'),
('2026-11-02 08:00:00+00', 'ada', 'ads', 'text-embedding-3-small', '1', '0', '0', '490', '0', '490', '0.000612500000', '0', '0', NULL, '1142.625000'),
('2026-11-02 08:00:00+00', 'eve', 'ops', 'gpt-5', '1', '0', '0', '416', '109', '525', '0.001610000000', '0', '0', NULL, '413.750000'),
('2026-11-02 09:00:00+00', '', 'ops', 'text-embedding-3-small', '1', '0', '0', '638', '0', '638', '0.000797500000', '0', '0', NULL, '98.625000'),
('2026-11-02 09:00:00+00', 'Zoë', 'search', 'gpt-5', '1', '0', '0', '564', '161', '725', '0.002315000000', '0', '0', NULL, '620.625000'),
('2026-11-02 09:00:00+00', 'bob', 'ops', 'local/llama', '1', '0', '0', '527', '148', '675', NULL, '1', '0', NULL, '881.625000'),
('2026-11-02 09:00:00+00', 'eve', 'ads', 'claude-opus-4-5', '1', '0', '0', '601', '174', '775', '0.002491250000', '0', '0', NULL, '359.625000'),
('2026-11-02 10:00:00+00', 'Zoë', 'ops', 'claude-opus-4-5', '1', '0', '0', '749', '226', '975', '0.003196250000', '0', '1', '0.003196250000', '566.500000'),
('2026-11-02 10:00:00+00', 'ada', 'search', 'local/llama', '1', '0', '0', '675', '200', '875', NULL, '1', '0', NULL, '1088.500000'),
('2026-11-02 10:00:00+00', 'bob', 'ads', 'gpt-5', '1', '0', '0', '712', '213', '925', '0.003020000000', '0', '0', NULL, '827.500000'),
('2026-11-02 11:00:00+00', '', 'ads', 'local/llama', '1', '0', '0', '823', '252', '1075', NULL, '1', '0', NULL, '44.500000'),
('2026-11-02 11:00:00+00', 'ada', 'ops', 'gpt-5', '1', '1', '0', '0', '0', '0', NULL, '1', '0', NULL, '1034.375000'),
('2026-11-02 11:00:00+00', 'bob', 'search', 'claude-opus-4-5', '1', '0', '0', '897', '278', '1175', '0.003901250000', '0', '0', NULL, '773.375000'),
('2026-11-02 11:00:00+00', 'eve', 'search', 'text-embedding-3-small', '1', '0', '0', '786', '0', '786', '0.000982500000', '0', '0', NULL, '305.500000'),
('2026-11-02 12:00:00+00', '', 'search', 'gpt-5', '1', '0', '0', '1008', '317', '1325', '0.004430000000', '0', '0', NULL, '1241.250000'),
('2026-11-02 12:00:00+00', 'Zoë', 'ads', 'text-embedding-3-small', '1', '0', '0', '934', '0', '934', '0.001167500000', '0', '0', NULL, '512.375000'),
('2026-11-02 12:00:00+00', 'eve', 'ops', 'local/llama', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '0', NULL, '251.375000'),
('2026-11-02 13:00:00+00', 'Zoë', 'search', 'local/llama', '1', '0', '0', '1119', '356', '1475', NULL, '1', '0', NULL, '458.250000'),
('2026-11-02 13:00:00+00', 'ada', 'ads', 'claude-opus-4-5', '1', '0', '0', '1045', '330', '1375', '0.004606250000', '0', '0', NULL, '980.250000'),
('2026-11-02 13:00:00+00', 'bob', 'ops', 'text-embedding-3-small', '1', '0', '0', '1082', '0', '1082', '0.001352500000', '0', '0', NULL, '719.250000'),
('2026-11-02 13:00:00+00', 'eve', 'ads', 'gpt-5', '1', '1', '0', '1156', '369', '1525', '0.005135000000', '0', '0', NULL, '197.250000'),
('2026-11-02 14:00:00+00', '', 'ops', 'claude-opus-4-5', '1', '0', '0', '1193', '382', '1575', '0.005311250000', '0', '0', NULL, '1187.125000'),
('2026-11-02 14:00:00+00', 'ada', 'search', 'text-embedding-3-small', '1', '0', '0', '1230', '0', '1230', '0.001537500000', '0', '0', NULL, '926.125000'),
('2026-11-02 14:00:00+00', 'bob', 'ads', 'local/llama', '1', '0', '0', '1267', '408', '1675', NULL, '1', '0', NULL, '665.125000'),
('2026-11-02 15:00:00+00', '', 'ads', 'text-embedding-3-small', '1', '0', '0', '1378', '0', '1378', '0.001722500000', '0', '0', NULL, '1133.000000'),
('2026-11-02 15:00:00+00', 'Zoë', 'ops', 'gpt-5', '1', '0', '0', '1304', '421', '1725', '0.005840000000', '0', '0', NULL, '404.125000'),
('2026-11-02 15:00:00+00', 'ada', 'ops', 'local/llama', '1', '0', '0', '1415', '460', '1875', NULL, '1', '0', NULL, '872.000000'),
('2026-11-02 15:00:00+00', 'eve', 'search', 'claude-opus-4-5', '1', '0', '1', '1341', '434', '1775', '0.000000000000', '0', '0', NULL, '143.125000'),
('2026-11-02 16:00:00+00', 'Zoë', 'ads', 'claude-opus-4-5', '1', '1', '0', '0', '0', '0', NULL, '1', '0', NULL, '350.000000'),
('2026-11-02 16:00:00+00', 'bob', 'search', 'gpt-5', '1', '0', '0', '1452', '473', '1925', '0.006545000000', '0', '0', NULL, '611.000000'),
('2026-11-02 16:00:00+00', 'eve', 'ops', 'text-embedding-3-small', '1', '0', '0', '1526', '0', '1526', '0.001907500000', '0', '0', NULL, '89.000000'),
('2026-11-02 17:00:00+00', '', 'search', 'local/llama', '1', '0', '0', '1563', '512', '2075', '0.007073750000', '0', '1', '0.007073750000', '1078.875000'),
('2026-11-02 17:00:00+00', 'Zoë', 'search', 'text-embedding-3-small', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '0', NULL, '295.875000'),
('2026-11-02 17:00:00+00', 'ada', 'ads', 'gpt-5', '1', '0', '0', '1600', '525', '2125', '0.007250000000', '0', '0', NULL, '817.875000'),
('2026-11-02 17:00:00+00', 'bob', 'ops', 'claude-opus-4-5', '1', '0', '0', '1637', '538', '2175', '0.007426250000', '0', '0', NULL, '556.875000'),
('2026-11-02 18:00:00+00', '', 'ops', 'gpt-5', '1', '0', '0', '1748', '577', '2325', '0.007955000000', '0', '0', NULL, '1024.750000'),
('2026-11-02 18:00:00+00', 'ada', 'search', 'claude-opus-4-5', '1', '0', '0', '1785', '590', '2375', '0.008131250000', '0', '0', NULL, '763.750000'),
('2026-11-02 18:00:00+00', 'eve', 'ads', 'local/llama', '1', '0', '0', '1711', '564', '2275', NULL, '1', '0', NULL, '34.875000'),
('2026-11-02 19:00:00+00', '', 'ads', 'claude-opus-4-5', '1', '0', '0', '1933', '642', '2575', '0.008836250000', '0', '0', NULL, '970.625000'),
('2026-11-02 19:00:00+00', 'Zoë', 'ops', 'local/llama', '1', '0', '0', '1859', '616', '2475', NULL, '1', '0', NULL, '241.750000'),
('2026-11-02 19:00:00+00', 'bob', 'ads', 'text-embedding-3-small', '1', '0', '1', '1822', '0', '1822', '0.000000000000', '0', '0', NULL, '502.750000'),
('2026-11-02 19:00:00+00', 'eve', 'search', 'gpt-5', '1', '0', '0', '1896', '629', '2525', '0.008660000000', '0', '0', NULL, '1231.625000'),
('2026-11-02 20:00:00+00', 'Zoë', 'ads', 'gpt-5', '1', '0', '0', '2044', '681', '2725', '0.009365000000', '0', '0', NULL, '187.625000'),
('2026-11-02 20:00:00+00', 'ada', 'ops', 'text-embedding-3-small', '1', '0', '0', '1970', '0', '1970', '0.002462500000', '0', '1', '0.002462500000', '709.625000'),
('2026-11-02 20:00:00+00', 'bob', 'search', 'local/llama', '1', '1', '0', '2007', '668', '2675', NULL, '1', '0', NULL, '448.625000'),
('2026-11-02 21:00:00+00', '', 'search', 'text-embedding-3-small', '1', '1', '0', '0', '0', '0', NULL, '1', '0', NULL, '916.500000'),
('2026-11-02 21:00:00+00', 'ada', 'ads', 'local/llama', '1', '0', '0', '2155', '720', '2875', NULL, '1', '0', NULL, '655.500000'),
('2026-11-02 21:00:00+00', 'bob', 'ops', 'gpt-5', '1', '0', '0', '2192', '733', '2925', '0.010070000000', '0', '0', NULL, '394.500000'),
('2026-11-02 21:00:00+00', 'eve', 'ops', 'claude-opus-4-5', '1', '0', '0', '2081', '694', '2775', '0.009541250000', '0', '0', NULL, '1177.500000'),
('2026-11-02 22:00:00+00', '', 'ops', 'local/llama', '1', '0', '1', '2303', '772', '3075', '0.000000000000', '0', '0', NULL, '862.375000'),
('2026-11-02 22:00:00+00', 'Zoë', 'search', 'claude-opus-4-5', '1', '0', '0', '2229', '746', '2975', '0.010246250000', '0', '0', NULL, '133.500000'),
('2026-11-02 22:00:00+00', 'eve', 'ads', 'text-embedding-3-small', '1', '0', '0', '2266', '0', '2266', '0.002832500000', '0', '0', NULL, '1123.375000'),
('2026-11-02 23:00:00+00', 'Zoë', 'ops', 'text-embedding-3-small', '1', '0', '0', '2414', '0', '2414', '0.003017500000', '0', '0', NULL, '79.375000'),
('2026-11-02 23:00:00+00', 'ada', 'search', 'gpt-5', '1', '0', '0', '2340', '785', '3125', '0.010775000000', '0', '0', NULL, '601.375000'),
('2026-11-02 23:00:00+00', 'bob', 'ads', 'claude-opus-4-5', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '0', NULL, '340.375000'),
('2026-11-02 23:00:00+00', 'eve', 'search', 'local/llama', '1', '0', '0', '2451', '824', '3275', NULL, '1', '0', NULL, '1069.250000'),
('2026-11-03 00:00:00+00', '', 'ads', 'gpt-5', '1', '0', '0', '2488', '837', '3325', '0.011480000000', '0', '0', NULL, '808.250000'),
('2026-11-03 00:00:00+00', 'Zoë', 'ads', 'local/llama', '1', '0', '0', '2599', '876', '3475', NULL, '1', '0', NULL, '25.250000'),
('2026-11-03 00:00:00+00', 'ada', 'ops', 'claude-opus-4-5', '1', '0', '0', '2525', '850', '3375', '0.011656250000', '0', '0', NULL, '547.250000'),
('2026-11-03 00:00:00+00', 'bob', 'search', 'text-embedding-3-small', '1', '0', '0', '2562', '0', '2562', '0.003202500000', '0', '0', NULL, '286.250000'),
('2026-11-03 01:00:00+00', '', 'search', 'claude-opus-4-5', '1', '0', '0', '2673', '902', '3575', '0.012361250000', '0', '0', NULL, '754.125000'),
('2026-11-03 01:00:00+00', 'ada', 'ads', 'text-embedding-3-small', '1', '0', '0', '2710', '0', '2710', '0.003387500000', '0', '0', NULL, '493.125000'),
('2026-11-03 01:00:00+00', 'eve', 'ops', 'gpt-5', '1', '0', '0', '2636', '889', '3525', '0.012185000000', '0', '0', NULL, '1015.125000'),
('2026-11-03 02:00:00+00', '', 'ops', 'text-embedding-3-small', '1', '1', '0', '2858', '0', '2858', '0.003572500000', '0', '0', NULL, '700.000000'),
('2026-11-03 02:00:00+00', 'Zoë', 'search', 'gpt-5', '1', '0', '0', '2784', '941', '3725', '0.012890000000', '0', '1', '0.012890000000', '1222.000000'),
('2026-11-03 02:00:00+00', 'bob', 'ops', 'local/llama', '1', '1', '0', '0', '0', '0', NULL, '1', '0', NULL, '232.125000'),
('2026-11-03 02:00:00+00', 'eve', 'ads', 'claude-opus-4-5', '1', '0', '0', '2821', '954', '3775', '0.013066250000', '0', '0', NULL, '961.000000'),
('2026-11-03 03:00:00+00', 'Zoë', 'ops', 'claude-opus-4-5', '1', '0', '0', '2969', '9', '2978', '0.003801250000', '0', '0', NULL, '1167.875000'),
('2026-11-03 03:00:00+00', 'ada', 'search', 'local/llama', '1', '0', '0', '2895', '980', '3875', NULL, '1', '0', NULL, '439.000000'),
('2026-11-03 03:00:00+00', 'bob', 'ads', 'gpt-5', '1', '0', '0', '2932', '993', '3925', '0.013595000000', '0', '0', NULL, '178.000000'),
('2026-11-03 04:00:00+00', '', 'ads', 'local/llama', '1', '0', '0', '3043', '35', '3078', NULL, '1', '0', NULL, '645.875000'),
('2026-11-03 04:00:00+00', 'ada', 'ops', 'gpt-5', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '0', NULL, '384.875000'),
('2026-11-03 04:00:00+00', 'bob', 'search', 'claude-opus-4-5', '1', '0', '0', '3117', '61', '3178', '0.004506250000', '0', '0', NULL, '123.875000'),
('2026-11-03 04:00:00+00', 'eve', 'search', 'text-embedding-3-small', '1', '0', '0', '3006', '0', '3006', '0.003757500000', '0', '0', NULL, '906.875000'),
('2026-11-03 05:00:00+00', '', 'search', 'gpt-5', '1', '0', '0', '3228', '100', '3328', '0.005035000000', '0', '0', NULL, '591.750000'),
('2026-11-03 05:00:00+00', 'Zoë', 'ads', 'text-embedding-3-small', '1', '0', '0', '3154', '0', '3154', '0.003942500000', '0', '0', NULL, '1113.750000'),
('2026-11-03 05:00:00+00', 'eve', 'ops', 'local/llama', '1', '0', '0', '3191', '87', '3278', '0.004858750000', '0', '1', '0.004858750000', '852.750000'),
('2026-11-03 06:00:00+00', 'Zoë', 'search', 'local/llama', '1', '0', '0', '3339', '139', '3478', NULL, '1', '0', NULL, '1059.625000'),
('2026-11-03 06:00:00+00', 'ada', 'ads', 'claude-opus-4-5', '1', '0', '1', '3265', '113', '3378', '0.000000000000', '0', '0', NULL, '330.750000'),
('2026-11-03 06:00:00+00', 'bob', 'ops', 'text-embedding-3-small', '1', '0', '0', '3302', '0', '3302', '0.004127500000', '0', '0', NULL, '69.750000'),
('2026-11-03 06:00:00+00', 'eve', 'ads', 'gpt-5', '1', '1', '0', '0', '0', '0', NULL, '1', '0', NULL, '798.625000'),
('2026-11-03 07:00:00+00', '', 'ops', 'claude-opus-4-5', '1', '0', '0', '3413', '165', '3578', '0.005916250000', '0', '0', NULL, '537.625000'),
('2026-11-03 07:00:00+00', 'ada', 'search', 'text-embedding-3-small', '1', '0', '0', '3450', '0', '3450', '0.004312500000', '0', '0', NULL, '276.625000'),
('2026-11-03 07:00:00+00', 'bob', 'ads', 'local/llama', '1', '0', '0', '3487', '191', '3678', NULL, '1', '0', NULL, '15.625000'),
('2026-11-03 08:00:00+00', '', 'ads', 'text-embedding-3-small', '1', '0', '0', '3598', '0', '3598', '0.004497500000', '0', '1', '0.004497500000', '483.500000'),
('2026-11-03 08:00:00+00', 'Zoë', 'ops', 'gpt-5', '1', '0', '0', '3524', '204', '3728', '0.006445000000', '0', '0', NULL, '1005.500000'),
('2026-11-03 08:00:00+00', 'ada', 'ops', 'local/llama', '1', '0', '0', '3635', '243', '3878', NULL, '1', '0', NULL, '222.500000'),
('2026-11-03 08:00:00+00', 'eve', 'search', 'claude-opus-4-5', '1', '0', '0', '3561', '217', '3778', '0.006621250000', '0', '0', NULL, '744.500000'),
('2026-11-03 09:00:00+00', 'Zoë', 'ads', 'claude-opus-4-5', '1', '1', '0', '3709', '269', '3978', '0.007326250000', '0', '0', NULL, '951.375000'),
('2026-11-03 09:00:00+00', 'bob', 'search', 'gpt-5', '1', '0', '0', '3672', '256', '3928', '0.007150000000', '0', '0', NULL, '1212.375000'),
('2026-11-03 09:00:00+00', 'eve', 'ops', 'text-embedding-3-small', '1', '0', '1', '3746', '0', '3746', '0.000000000000', '0', '0', NULL, '690.375000'),
('2026-11-03 10:00:00+00', '', 'search', 'local/llama', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '0', NULL, '429.375000'),
('2026-11-03 10:00:00+00', 'Zoë', 'search', 'text-embedding-3-small', '1', '0', '0', '3894', '0', '3894', '0.004867500000', '0', '0', NULL, '897.250000'),
('2026-11-03 10:00:00+00', 'ada', 'ads', 'gpt-5', '1', '0', '0', '3820', '308', '4128', '0.007855000000', '0', '0', NULL, '168.375000'),
('2026-11-03 10:00:00+00', 'bob', 'ops', 'claude-opus-4-5', '1', '0', '0', '3857', '321', '4178', '0.008031250000', '0', '0', NULL, '1158.250000'),
('2026-11-03 11:00:00+00', '', 'ops', 'gpt-5', '1', '0', '0', '3968', '360', '4328', '0.008560000000', '0', '0', NULL, '375.250000'),
('2026-11-03 11:00:00+00', 'ada', 'search', 'claude-opus-4-5', '1', '1', '0', '0', '0', '0', NULL, '1', '0', NULL, '114.250000'),
('2026-11-03 11:00:00+00', 'eve', 'ads', 'local/llama', '1', '0', '0', '3931', '347', '4278', NULL, '1', '0', NULL, '636.250000'),
('2026-11-03 12:00:00+00', '', 'ads', 'claude-opus-4-5', '1', '0', '0', '152', '425', '577', '0.004440000000', '0', '0', NULL, '321.125000'),
('2026-11-03 12:00:00+00', 'Zoë', 'ops', 'local/llama', '1', '0', '0', '4079', '399', '4478', NULL, '1', '0', NULL, '843.125000'),
('2026-11-03 12:00:00+00', 'bob', 'ads', 'text-embedding-3-small', '1', '0', '0', '4042', '0', '4042', '0.005052500000', '0', '0', NULL, '1104.125000'),
('2026-11-03 12:00:00+00', 'eve', 'search', 'gpt-5', '1', '0', '0', '4116', '412', '4528', '0.009265000000', '0', '0', NULL, '582.125000'),
('2026-11-03 13:00:00+00', 'Zoë', 'ads', 'gpt-5', '1', '0', '0', '263', '464', '727', '0.004968750000', '0', '0', NULL, '789.000000'),
('2026-11-03 13:00:00+00', 'ada', 'ops', 'text-embedding-3-small', '1', '0', '0', '189', '0', '189', '0.000236250000', '0', '0', NULL, '60.125000'),
('2026-11-03 13:00:00+00', 'bob', 'search', 'local/llama', '1', '0', '1', '226', '451', '677', '0.000000000000', '0', '0', NULL, '1050.000000'),
('2026-11-03 14:00:00+00', '', 'search', 'text-embedding-3-small', '1', '0', '0', '337', '0', '337', '0.000421250000', '0', '0', NULL, '267.000000'),
('2026-11-03 14:00:00+00', 'ada', 'ads', 'local/llama', '1', '0', '0', '374', '503', '877', NULL, '1', '0', NULL, '6.000000'),
('2026-11-03 14:00:00+00', 'bob', 'ops', 'gpt-5', '1', '0', '0', '411', '516', '927', '0.005673750000', '0', '1', '0.005673750000', '995.875000'),
('2026-11-03 14:00:00+00', 'eve', 'ops', 'claude-opus-4-5', '1', '0', '0', '300', '477', '777', '0.005145000000', '0', '0', NULL, '528.000000'),
('2026-11-03 15:00:00+00', '', 'ops', 'local/llama', '1', '0', '0', '522', '555', '1077', NULL, '1', '0', NULL, '212.875000'),
('2026-11-03 15:00:00+00', 'Zoë', 'search', 'claude-opus-4-5', '1', '0', '0', '448', '529', '977', '0.005850000000', '0', '0', NULL, '734.875000'),
('2026-11-03 15:00:00+00', 'eve', 'ads', 'text-embedding-3-small', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '0', NULL, '473.875000'),
('2026-11-03 16:00:00+00', 'Zoë', 'ops', 'text-embedding-3-small', '1', '1', '0', '0', '0', '0', NULL, '1', '0', NULL, '680.750000'),
('2026-11-03 16:00:00+00', 'ada', 'search', 'gpt-5', '1', '1', '0', '559', '568', '1127', '0.006378750000', '0', '0', NULL, '1202.750000'),
('2026-11-03 16:00:00+00', 'bob', 'ads', 'claude-opus-4-5', '1', '0', '0', '596', '581', '1177', '0.006555000000', '0', '0', NULL, '941.750000'),
('2026-11-03 16:00:00+00', 'eve', 'search', 'local/llama', '1', '0', '0', '670', '607', '1277', NULL, '1', '0', NULL, '419.750000'),
('2026-11-03 17:00:00+00', '', 'ads', 'gpt-5', '1', '0', '1', '707', '620', '1327', '0.000000000000', '0', '0', NULL, '158.750000'),
('2026-11-03 17:00:00+00', 'Zoë', 'ads', 'local/llama', '1', '0', '0', '818', '659', '1477', '0.007612500000', '0', '1', '0.007612500000', '626.625000'),
('2026-11-03 17:00:00+00', 'ada', 'ops', 'claude-opus-4-5', '1', '0', '0', '744', '633', '1377', '0.007260000000', '0', '0', NULL, '1148.625000'),
('2026-11-03 17:00:00+00', 'bob', 'search', 'text-embedding-3-small', '1', '0', '0', '781', '0', '781', '0.000976250000', '0', '0', NULL, '887.625000'),
('2026-11-03 18:00:00+00', '', 'search', 'claude-opus-4-5', '1', '0', '0', '892', '685', '1577', '0.007965000000', '0', '0', NULL, '104.625000'),
('2026-11-03 18:00:00+00', 'ada', 'ads', 'text-embedding-3-small', '1', '0', '0', '929', '0', '929', '0.001161250000', '0', '0', NULL, '1094.500000'),
('2026-11-03 18:00:00+00', 'eve', 'ops', 'gpt-5', '1', '0', '0', '855', '672', '1527', '0.007788750000', '0', '0', NULL, '365.625000'),
('2026-11-03 19:00:00+00', '', 'ops', 'text-embedding-3-small', '1', '0', '0', '1077', '0', '1077', '0.001346250000', '0', '0', NULL, '50.500000'),
('2026-11-03 19:00:00+00', 'Zoë', 'search', 'gpt-5', '1', '0', '0', '1003', '724', '1727', '0.008493750000', '0', '0', NULL, '572.500000'),
('2026-11-03 19:00:00+00', 'bob', 'ops', 'local/llama', '1', '0', '0', '966', '711', '1677', NULL, '1', '0', NULL, '833.500000'),
('2026-11-03 19:00:00+00', 'eve', 'ads', 'claude-opus-4-5', '1', '0', '0', '1040', '737', '1777', '0.008670000000', '0', '0', NULL, '311.500000'),
('2026-11-03 20:00:00+00', 'Zoë', 'ops', 'claude-opus-4-5', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '0', NULL, '518.375000'),
('2026-11-03 20:00:00+00', 'ada', 'search', 'local/llama', '1', '0', '0', '1114', '763', '1877', NULL, '1', '0', NULL, '1040.375000'),
('2026-11-03 20:00:00+00', 'bob', 'ads', 'gpt-5', '1', '0', '0', '1151', '776', '1927', '0.009198750000', '0', '0', NULL, '779.375000'),
('2026-11-03 21:00:00+00', '', 'ads', 'local/llama', '1', '1', '0', '0', '0', '0', NULL, '1', '0', NULL, '1247.250000'),
('2026-11-03 21:00:00+00', 'ada', 'ops', 'gpt-5', '1', '0', '0', '1299', '828', '2127', '0.009903750000', '0', '0', NULL, '986.250000'),
('2026-11-03 21:00:00+00', 'bob', 'search', 'claude-opus-4-5', '1', '0', '0', '1336', '841', '2177', '0.010080000000', '0', '0', NULL, '725.250000'),
('2026-11-03 21:00:00+00', 'eve', 'search', 'text-embedding-3-small', '1', '0', '0', '1225', '0', '1225', '0.001531250000', '0', '1', '0.001531250000', '257.375000'),
('2026-11-03 22:00:00+00', '', 'search', 'gpt-5', '1', '0', '0', '1447', '880', '2327', '0.010608750000', '0', '0', NULL, '1193.125000'),
('2026-11-03 22:00:00+00', 'Zoë', 'ads', 'text-embedding-3-small', '1', '0', '0', '1373', '0', '1373', '0.001716250000', '0', '0', NULL, '464.250000'),
('2026-11-03 22:00:00+00', 'eve', 'ops', 'local/llama', '1', '1', '0', '1410', '867', '2277', NULL, '1', '0', NULL, '203.250000'),
('2026-11-03 23:00:00+00', 'Zoë', 'search', 'local/llama', '1', '0', '0', '1558', '919', '2477', NULL, '1', '0', NULL, '410.125000'),
('2026-11-03 23:00:00+00', 'ada', 'ads', 'claude-opus-4-5', '1', '0', '0', '1484', '893', '2377', '0.010785000000', '0', '0', NULL, '932.125000'),
('2026-11-03 23:00:00+00', 'bob', 'ops', 'text-embedding-3-small', '1', '0', '0', '1521', '0', '1521', '0.001901250000', '0', '0', NULL, '671.125000'),
('2026-11-03 23:00:00+00', 'eve', 'ads', 'gpt-5', '1', '0', '0', '1595', '932', '2527', '0.011313750000', '0', '0', NULL, '149.125000'),
('2026-11-04 00:00:00+00', '', 'ops', 'claude-opus-4-5', '1', '0', '0', '1632', '945', '2577', '0.011490000000', '0', '1', '0.011490000000', '1139.000000'),
('2026-11-04 00:00:00+00', 'ada', 'search', 'text-embedding-3-small', '1', '0', '1', '1669', '0', '1669', '0.000000000000', '0', '0', NULL, '878.000000'),
('2026-11-04 00:00:00+00', 'bob', 'ads', 'local/llama', '1', '0', '0', '1706', '971', '2677', NULL, '1', '0', NULL, '617.000000'),
('2026-11-04 01:00:00+00', '', 'ads', 'text-embedding-3-small', '1', '0', '0', '1817', '0', '1817', '0.002271250000', '0', '0', NULL, '1084.875000'),
('2026-11-04 01:00:00+00', 'Zoë', 'ops', 'gpt-5', '1', '0', '0', '1743', '984', '2727', '0.012018750000', '0', '0', NULL, '356.000000'),
('2026-11-04 01:00:00+00', 'ada', 'ops', 'local/llama', '1', '0', '0', '1854', '26', '1880', NULL, '1', '0', NULL, '823.875000'),
('2026-11-04 01:00:00+00', 'eve', 'search', 'claude-opus-4-5', '1', '0', '0', '1780', '997', '2777', '0.012195000000', '0', '0', NULL, '95.000000'),
('2026-11-04 02:00:00+00', 'Zoë', 'ads', 'claude-opus-4-5', '1', '0', '0', '1928', '52', '1980', '0.002930000000', '0', '0', NULL, '301.875000'),
('2026-11-04 02:00:00+00', 'bob', 'search', 'gpt-5', '1', '1', '0', '0', '0', '0', NULL, '1', '0', NULL, '562.875000'),
('2026-11-04 02:00:00+00', 'eve', 'ops', 'text-embedding-3-small', '1', '0', '0', '1965', '0', '1965', '0.002456250000', '0', '0', NULL, '40.875000'),
('2026-11-04 03:00:00+00', '', 'search', 'local/llama', '1', '0', '0', '2002', '78', '2080', NULL, '1', '0', NULL, '1030.750000'),
('2026-11-04 03:00:00+00', 'Zoë', 'search', 'text-embedding-3-small', '1', '0', '0', '2113', '0', '2113', '0.002641250000', '0', '0', NULL, '247.750000'),
('2026-11-04 03:00:00+00', 'ada', 'ads', 'gpt-5', '1', '0', '0', '2039', '91', '2130', '0.003458750000', '0', '1', '0.003458750000', '769.750000'),
('2026-11-04 03:00:00+00', 'bob', 'ops', 'claude-opus-4-5', '1', '0', '0', '2076', '104', '2180', '0.003635000000', '0', '0', NULL, '508.750000'),
('2026-11-04 04:00:00+00', '', 'ops', 'gpt-5', '1', '0', '0', '2187', '143', '2330', '0.004163750000', '0', '0', NULL, '976.625000'),
('2026-11-04 04:00:00+00', 'ada', 'search', 'claude-opus-4-5', '1', '0', '0', '2224', '156', '2380', '0.004340000000', '0', '0', NULL, '715.625000'),
('2026-11-04 04:00:00+00', 'eve', 'ads', 'local/llama', '1', '0', '1', '2150', '130', '2280', '0.000000000000', '0', '0', NULL, '1237.625000'),
('2026-11-04 05:00:00+00', '', 'ads', 'claude-opus-4-5', '1', '0', '0', '2372', '208', '2580', '0.005045000000', '0', '0', NULL, '922.500000'),
('2026-11-04 05:00:00+00', 'Zoë', 'ops', 'local/llama', '1', '0', '0', '2298', '182', '2480', NULL, '1', '0', NULL, '193.625000'),
('2026-11-04 05:00:00+00', 'bob', 'ads', 'text-embedding-3-small', '1', '1', '0', '2261', '0', '2261', '0.002826250000', '0', '0', NULL, '454.625000'),
('2026-11-04 05:00:00+00', 'eve', 'search', 'gpt-5', '1', '0', '0', '2335', '195', '2530', '0.004868750000', '0', '0', NULL, '1183.500000'),
('2026-11-04 06:00:00+00', 'Zoë', 'ads', 'gpt-5', '1', '0', '0', '2483', '247', '2730', '0.005573750000', '0', '0', NULL, '139.500000'),
('2026-11-04 06:00:00+00', 'ada', 'ops', 'text-embedding-3-small', '1', '0', '0', '2409', '0', '2409', '0.003011250000', '0', '0', NULL, '661.500000'),
('2026-11-04 06:00:00+00', 'bob', 'search', 'local/llama', '1', '0', '0', '2446', '234', '2680', '0.005397500000', '0', '1', '0.005397500000', '400.500000'),
('2026-11-04 07:00:00+00', '', 'search', 'text-embedding-3-small', '1', '0', '0', '2557', '0', '2557', '0.003196250000', '0', '0', NULL, '868.375000'),
('2026-11-04 07:00:00+00', 'ada', 'ads', 'local/llama', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '0', NULL, '607.375000'),
('2026-11-04 07:00:00+00', 'bob', 'ops', 'gpt-5', '1', '0', '1', '2631', '299', '2930', '0.000000000000', '0', '0', NULL, '346.375000'),
('2026-11-04 07:00:00+00', 'eve', 'ops', 'claude-opus-4-5', '1', '1', '0', '0', '0', '0', NULL, '1', '0', NULL, '1129.375000'),
('2026-11-04 08:00:00+00', '', 'ops', 'local/llama', '1', '0', '0', '2742', '338', '3080', NULL, '1', '0', NULL, '814.250000'),
('2026-11-04 08:00:00+00', 'Zoë', 'search', 'claude-opus-4-5', '1', '0', '0', '2668', '312', '2980', '0.006455000000', '0', '0', NULL, '85.375000'),
('2026-11-04 08:00:00+00', 'eve', 'ads', 'text-embedding-3-small', '1', '0', '0', '2705', '0', '2705', '0.003381250000', '0', '0', NULL, '1075.250000'),
('2026-11-04 09:00:00+00', 'Zoë', 'ops', 'text-embedding-3-small', '1', '0', '0', '2853', '0', '2853', '0.003566250000', '0', '1', '0.003566250000', '31.250000'),
('2026-11-04 09:00:00+00', 'ada', 'search', 'gpt-5', '1', '0', '0', '2779', '351', '3130', '0.006983750000', '0', '0', NULL, '553.250000'),
('2026-11-04 09:00:00+00', 'bob', 'ads', 'claude-opus-4-5', '1', '0', '0', '2816', '364', '3180', '0.007160000000', '0', '0', NULL, '292.250000'),
('2026-11-04 09:00:00+00', 'eve', 'search', 'local/llama', '1', '0', '0', '2890', '390', '3280', NULL, '1', '0', NULL, '1021.125000'),
('2026-11-04 10:00:00+00', '', 'ads', 'gpt-5', '1', '0', '0', '2927', '403', '3330', '0.007688750000', '0', '0', NULL, '760.125000'),
('2026-11-04 10:00:00+00', 'Zoë', 'ads', 'local/llama', '1', '0', '0', '3038', '442', '3480', NULL, '1', '0', NULL, '1228.000000'),
('2026-11-04 10:00:00+00', 'ada', 'ops', 'claude-opus-4-5', '1', '0', '0', '2964', '416', '3380', '0.007865000000', '0', '0', NULL, '499.125000'),
('2026-11-04 10:00:00+00', 'bob', 'search', 'text-embedding-3-small', '1', '0', '0', '3001', '0', '3001', '0.003751250000', '0', '0', NULL, '238.125000'),
('2026-11-04 11:00:00+00', '', 'search', 'claude-opus-4-5', '1', '1', '0', '3112', '468', '3580', '0.008570000000', '0', '0', NULL, '706.000000'),
('2026-11-04 11:00:00+00', 'ada', 'ads', 'text-embedding-3-small', '1', '1', '0', '0', '0', '0', NULL, '1', '0', NULL, '445.000000'),
('2026-11-04 11:00:00+00', 'eve', 'ops', 'gpt-5', '1', '0', '0', '3075', '455', '3530', '0.008393750000', '0', '0', NULL, '967.000000'),
('2026-11-04 12:00:00+00', '', 'ops', 'text-embedding-3-small', '1', '1', '0', '0', '0', '0', '0.000000000000', '0', '0', NULL, '651.875000'),
('2026-11-04 12:00:00+00', 'Zoë', 'search', 'gpt-5', '1', '0', '0', '3223', '507', '3730', '0.009098750000', '0', '0', NULL, '1173.875000'),
('2026-11-04 12:00:00+00', 'bob', 'ops', 'local/llama', '1', '0', '0', '3186', '494', '3680', NULL, '1', '0', NULL, '184.000000'),
('2026-11-04 12:00:00+00', 'eve', 'ads', 'claude-opus-4-5', '1', '0', '0', '3260', '520', '3780', '0.009275000000', '0', '1', '0.009275000000', '912.875000'),
('2026-11-04 13:00:00+00', 'Zoë', 'ops', 'claude-opus-4-5', '1', '0', '0', '3408', '572', '3980', '0.009980000000', '0', '0', NULL, '1119.750000'),
('2026-11-04 13:00:00+00', 'ada', 'search', 'local/llama', '1', '0', '0', '3334', '546', '3880', NULL, '1', '0', NULL, '390.875000'),
('2026-11-04 13:00:00+00', 'bob', 'ads', 'gpt-5', '1', '0', '0', '3371', '559', '3930', '0.009803750000', '0', '0', NULL, '129.875000'),
('2026-11-04 14:00:00+00', '', 'ads', 'local/llama', '1', '0', '0', '3482', '598', '4080', NULL, '1', '0', NULL, '597.750000'),
('2026-11-04 14:00:00+00', 'eve', 'search', 'text-embedding-3-small', '1', '0', '0', '3445', '0', '3445', '0.004306250000', '0', '0', NULL, '858.750000');
INSERT INTO "usage_records" ("request_id", "created_at", "user_id", "team_id", "key_id", "model", "upstream_model", "provider", "endpoint", "stream", "status", "prompt_tokens", "completion_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "usage_source", "cost_usd", "price_source", "latency_ms", "ttft_ms", "cache_hit", "limit_type", "error_type") OVERRIDING SYSTEM VALUE VALUES
('req_00000000000000000000000000', '2026-11-02 06:00:00+00', 'ada', 'search', '', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '120', '5', '125', '0', '0', '2', 'provider', '0.000200000000', 'genai-prices 0.2.3', '0.000000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000001', '2026-11-02 06:17:00.007919+00', 'bob', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '157', '18', '175', '39', '19', '0', 'provider', '0.000376250000', 'genai-prices 0.2.3', '989.875000', '1.250000', 'false', NULL, NULL),
('req_00000000000000000000000002', '2026-11-02 06:34:00.015838+00', 'Zoë', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '194', '0', '194', '0', '0', '0', 'provider', '0.000242500000', 'genai-prices 0.2.3', '728.875000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000003', '2026-11-02 06:51:00.023757+00', 'eve', 'search', 'key_3', 'local/llama', NULL, 'vllm', '/v1/responses', 'false', '502', '0', '0', '0', '0', '0', '0', 'none', NULL, NULL, '467.875000', NULL, 'false', NULL, 'upstream_error'),
('req_00000000000000000000000004', '2026-11-02 07:08:00.031676+00', '', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '429', '0', '0', '0', '0', '0', '0', 'none', '0.000000000000', NULL, '206.875000', NULL, 'false', 'rpm', 'rate_limit_exceeded'),
('req_00000000000000000000000005', '2026-11-02 07:25:00.039595+00', 'ada', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '305', '70', '375', '76', '0', '0', 'provider', '0.001081250000', 'genai-prices 0.2.3', '1196.750000', NULL, 'false', NULL, 'overloaded_error'),
('req_00000000000000000000000006', '2026-11-02 07:42:00.047514+00', 'bob', 'search', 'key_0', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '342', '0', '342', '0', '0', '0', 'estimated', '0.000427500000', 'genai-prices 0.2.3', '935.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000007', '2026-11-02 07:59:00.055433+00', 'Zoë', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '379', '96', '475', '0', '0', '0', 'cache', '0.000000000000', NULL, '674.750000', '7.250000', 'true', NULL, NULL),
('req_00000000000000000000000008', '2026-11-02 08:16:00.063352+00', 'eve', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '416', '109', '525', '0', '0', '54', 'provider', '0.001610000000', 'genai-prices 0.2.3', '413.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000009', '2026-11-02 08:33:00.071271+00', '', 'search', '', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '453', '122', '575', '113', '56', '0', 'provider', '0.001786250000', 'genai-prices 0.2.3', '152.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000010', '2026-11-02 08:50:00.07919+00', 'ada', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '490', '0', '490', '0', '0', '0', 'provider', '0.000612500000', 'genai-prices 0.2.3', '1142.625000', '10.250000', 'false', NULL, NULL),
('req_00000000000000000000000011', '2026-11-02 09:07:00.087109+00', 'bob', 'ops', 'key_5', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '527', '148', '675', '0', '0', '0', 'provider', NULL, NULL, '881.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000012', '2026-11-02 09:24:00.095028+00', 'Zoë', 'search', 'key_0', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '564', '161', '725', '0', '0', '80', 'provider', '0.002315000000', 'genai-prices 0.2.3', '620.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000013', '2026-11-02 09:41:00.102947+00', 'eve', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '601', '174', '775', '150', '0', '0', 'provider', '0.002491250000', 'genai-prices 0.2.3', '359.625000', '13.250000', 'false', NULL, NULL),
('req_00000000000000000000000014', '2026-11-02 09:58:00.110866+00', '', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '638', '0', '638', '0', '0', '0', 'provider', '0.000797500000', 'genai-prices 0.2.3', '98.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000015', '2026-11-02 10:15:00.118785+00', 'ada', 'search', 'key_3', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '675', '200', '875', '0', '0', '0', 'provider', NULL, NULL, '1088.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000016', '2026-11-02 10:32:00.126704+00', 'bob', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '712', '213', '925', '0', '0', '106', 'provider', '0.003020000000', 'genai-prices 0.2.3', '827.500000', '16.250000', 'false', NULL, NULL),
('req_00000000000000000000000017', '2026-11-02 10:49:00.134623+00', 'Zoë', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '749', '226', '975', '187', '93', '0', 'estimated', '0.003196250000', 'genai-prices 0.2.3', '566.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000018', '2026-11-02 11:06:00.142542+00', 'eve', 'search', '', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '786', '0', '786', '0', '0', '0', 'provider', '0.000982500000', 'genai-prices 0.2.3', '305.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000019', '2026-11-02 11:23:00.150461+00', '', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '823', '252', '1075', '0', '0', '0', 'provider', NULL, NULL, '44.500000', '19.250000', 'false', NULL, NULL),
('req_00000000000000000000000020', '2026-11-02 11:40:00.15838+00', 'ada', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '502', '0', '0', '0', '0', '0', '0', 'none', NULL, NULL, '1034.375000', NULL, 'false', NULL, 'upstream_error'),
('req_00000000000000000000000021', '2026-11-02 11:57:00.166299+00', 'bob', 'search', 'key_3', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '897', '278', '1175', '224', '0', '0', 'provider', '0.003901250000', 'genai-prices 0.2.3', '773.375000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000022', '2026-11-02 12:14:00.174218+00', 'Zoë', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '934', '0', '934', '0', '0', '0', 'provider', '0.001167500000', 'genai-prices 0.2.3', '512.375000', '22.250000', 'false', NULL, NULL),
('req_00000000000000000000000023', '2026-11-02 12:31:00.182137+00', 'eve', 'ops', 'key_5', 'local/llama', NULL, 'vllm', '/v1/responses', 'false', '429', '0', '0', '0', '0', '0', '0', 'none', '0.000000000000', NULL, '251.375000', NULL, 'false', 'rpm', 'rate_limit_exceeded'),
('req_00000000000000000000000024', '2026-11-02 12:48:00.190056+00', '', 'search', 'key_0', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '1008', '317', '1325', '0', '0', '158', 'provider', '0.004430000000', 'genai-prices 0.2.3', '1241.250000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000025', '2026-11-02 13:05:00.197975+00', 'ada', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '1045', '330', '1375', '261', '130', '0', 'provider', '0.004606250000', 'genai-prices 0.2.3', '980.250000', '25.250000', 'false', NULL, NULL),
('req_00000000000000000000000026', '2026-11-02 13:22:00.205894+00', 'bob', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '1082', '0', '1082', '0', '0', '0', 'provider', '0.001352500000', 'genai-prices 0.2.3', '719.250000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000027', '2026-11-02 13:39:00.213813+00', 'Zoë', 'search', '', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '1119', '356', '1475', '0', '0', '0', 'provider', NULL, NULL, '458.250000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000028', '2026-11-02 13:56:00.221732+00', 'eve', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '1156', '369', '1525', '0', '0', '184', 'provider', '0.005135000000', 'genai-prices 0.2.3', '197.250000', '28.250000', 'false', NULL, 'overloaded_error'),
('req_00000000000000000000000029', '2026-11-02 14:13:00.229651+00', '', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '1193', '382', '1575', '298', '0', '0', 'provider', '0.005311250000', 'genai-prices 0.2.3', '1187.125000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000030', '2026-11-02 14:30:00.23757+00', 'ada', 'search', 'key_0', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '1230', '0', '1230', '0', '0', '0', 'provider', '0.001537500000', 'genai-prices 0.2.3', '926.125000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000031', '2026-11-02 14:47:00.245489+00', 'bob', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '1267', '408', '1675', '0', '0', '0', 'provider', NULL, NULL, '665.125000', '31.250000', 'false', NULL, NULL),
('req_00000000000000000000000032', '2026-11-02 15:04:00.253408+00', 'Zoë', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '1304', '421', '1725', '0', '0', '210', 'provider', '0.005840000000', 'genai-prices 0.2.3', '404.125000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000033', '2026-11-02 15:21:00.261327+00', 'eve', 'search', 'key_3', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '1341', '434', '1775', '335', '167', '0', 'cache', '0.000000000000', NULL, '143.125000', NULL, 'true', NULL, NULL),
('req_00000000000000000000000034', '2026-11-02 15:38:00.269246+00', '', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '1378', '0', '1378', '0', '0', '0', 'provider', '0.001722500000', 'genai-prices 0.2.3', '1133.000000', '34.250000', 'false', NULL, NULL),
('req_00000000000000000000000035', '2026-11-02 15:55:00.277165+00', 'ada', 'ops', 'key_5', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '1415', '460', '1875', '0', '0', '0', 'provider', NULL, NULL, '872.000000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000036', '2026-11-02 16:12:00.285084+00', 'bob', 'search', '', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '1452', '473', '1925', '0', '0', '236', 'provider', '0.006545000000', 'genai-prices 0.2.3', '611.000000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000037', '2026-11-02 16:29:00.293003+00', 'Zoë', 'ads', 'key_1', 'claude-opus-4-5', NULL, 'anthropic', '/v1/messages', 'true', '502', '0', '0', '0', '0', '0', '0', 'none', NULL, NULL, '350.000000', NULL, 'false', NULL, 'upstream_error'),
('req_00000000000000000000000038', '2026-11-02 16:46:00.300922+00', 'eve', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '1526', '0', '1526', '0', '0', '0', 'provider', '0.001907500000', 'genai-prices 0.2.3', '89.000000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000039', '2026-11-02 17:03:00.308841+00', '', 'search', 'key_3', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '1563', '512', '2075', '0', '0', '0', 'estimated', '0.007073750000', 'genai-prices 0.2.3', '1078.875000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000040', '2026-11-02 17:20:00.31676+00', 'ada', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '1600', '525', '2125', '0', '0', '262', 'provider', '0.007250000000', 'genai-prices 0.2.3', '817.875000', '40.250000', 'false', NULL, NULL),
('req_00000000000000000000000041', '2026-11-02 17:37:00.324679+00', 'bob', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '1637', '538', '2175', '409', '204', '0', 'provider', '0.007426250000', 'genai-prices 0.2.3', '556.875000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000042', '2026-11-02 17:54:00.332598+00', 'Zoë', 'search', 'key_0', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '429', '0', '0', '0', '0', '0', '0', 'none', '0.000000000000', NULL, '295.875000', NULL, 'false', 'rpm', 'rate_limit_exceeded'),
('req_00000000000000000000000043', '2026-11-02 18:11:00.340517+00', 'eve', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '1711', '564', '2275', '0', '0', '0', 'provider', NULL, NULL, '34.875000', '43.250000', 'false', NULL, NULL),
('req_00000000000000000000000044', '2026-11-02 18:28:00.348436+00', '', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '1748', '577', '2325', '0', '0', '288', 'provider', '0.007955000000', 'genai-prices 0.2.3', '1024.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000045', '2026-11-02 18:45:00.356355+00', 'ada', 'search', '', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '1785', '590', '2375', '446', '0', '0', 'provider', '0.008131250000', 'genai-prices 0.2.3', '763.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000046', '2026-11-02 19:02:00.364274+00', 'bob', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '1822', '0', '1822', '0', '0', '0', 'cache', '0.000000000000', NULL, '502.750000', '46.250000', 'true', NULL, NULL),
('req_00000000000000000000000047', '2026-11-02 19:19:00.372193+00', 'Zoë', 'ops', 'key_5', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '1859', '616', '2475', '0', '0', '0', 'provider', NULL, NULL, '241.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000048', '2026-11-02 19:36:00.380112+00', 'eve', 'search', 'key_0', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '1896', '629', '2525', '0', '0', '314', 'provider', '0.008660000000', 'genai-prices 0.2.3', '1231.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000049', '2026-11-02 19:53:00.388031+00', '', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '1933', '642', '2575', '483', '241', '0', 'provider', '0.008836250000', 'genai-prices 0.2.3', '970.625000', '49.250000', 'false', NULL, NULL),
('req_00000000000000000000000050', '2026-11-02 20:10:00.39595+00', 'ada', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '1970', '0', '1970', '0', '0', '0', 'estimated', '0.002462500000', 'genai-prices 0.2.3', '709.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000051', '2026-11-02 20:27:00.403869+00', 'bob', 'search', 'key_3', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '2007', '668', '2675', '0', '0', '0', 'provider', NULL, NULL, '448.625000', NULL, 'false', NULL, 'overloaded_error'),
('req_00000000000000000000000052', '2026-11-02 20:44:00.411788+00', 'Zoë', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '2044', '681', '2725', '0', '0', '340', 'provider', '0.009365000000', 'genai-prices 0.2.3', '187.625000', '52.250000', 'false', NULL, NULL),
('req_00000000000000000000000053', '2026-11-02 21:01:00.419707+00', 'eve', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '2081', '694', '2775', '520', '0', '0', 'provider', '0.009541250000', 'genai-prices 0.2.3', '1177.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000054', '2026-11-02 21:18:00.427626+00', '', 'search', '', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '502', '0', '0', '0', '0', '0', '0', 'none', NULL, NULL, '916.500000', NULL, 'false', NULL, 'upstream_error'),
('req_00000000000000000000000055', '2026-11-02 21:35:00.435545+00', 'ada', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '2155', '720', '2875', '0', '0', '0', 'provider', NULL, NULL, '655.500000', '55.250000', 'false', NULL, NULL),
('req_00000000000000000000000056', '2026-11-02 21:52:00.443464+00', 'bob', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '2192', '733', '2925', '0', '0', '366', 'provider', '0.010070000000', 'genai-prices 0.2.3', '394.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000057', '2026-11-02 22:09:00.451383+00', 'Zoë', 'search', 'key_3', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '2229', '746', '2975', '557', '278', '0', 'provider', '0.010246250000', 'genai-prices 0.2.3', '133.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000058', '2026-11-02 22:26:00.459302+00', 'eve', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '2266', '0', '2266', '0', '0', '0', 'provider', '0.002832500000', 'genai-prices 0.2.3', '1123.375000', '58.250000', 'false', NULL, NULL),
('req_00000000000000000000000059', '2026-11-02 22:43:00.467221+00', '', 'ops', 'key_5', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '2303', '772', '3075', '0', '0', '0', 'cache', '0.000000000000', NULL, '862.375000', NULL, 'true', NULL, NULL),
('req_00000000000000000000000060', '2026-11-02 23:00:00.47514+00', 'ada', 'search', 'key_0', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '2340', '785', '3125', '0', '0', '392', 'provider', '0.010775000000', 'genai-prices 0.2.3', '601.375000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000061', '2026-11-02 23:17:00.483059+00', 'bob', 'ads', 'key_1', 'claude-opus-4-5', NULL, 'anthropic', '/v1/messages', 'true', '429', '0', '0', '0', '0', '0', '0', 'none', '0.000000000000', NULL, '340.375000', NULL, 'false', 'rpm', 'rate_limit_exceeded'),
('req_00000000000000000000000062', '2026-11-02 23:34:00.490978+00', 'Zoë', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '2414', '0', '2414', '0', '0', '0', 'provider', '0.003017500000', 'genai-prices 0.2.3', '79.375000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000063', '2026-11-02 23:51:00.498897+00', 'eve', 'search', '', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '2451', '824', '3275', '0', '0', '0', 'provider', NULL, NULL, '1069.250000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000064', '2026-11-03 00:08:00.506816+00', '', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '2488', '837', '3325', '0', '0', '418', 'provider', '0.011480000000', 'genai-prices 0.2.3', '808.250000', '64.250000', 'false', NULL, NULL),
('req_00000000000000000000000065', '2026-11-03 00:25:00.514735+00', 'ada', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '2525', '850', '3375', '631', '315', '0', 'provider', '0.011656250000', 'genai-prices 0.2.3', '547.250000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000066', '2026-11-03 00:42:00.522654+00', 'bob', 'search', 'key_0', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '2562', '0', '2562', '0', '0', '0', 'provider', '0.003202500000', 'genai-prices 0.2.3', '286.250000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000067', '2026-11-03 00:59:00.530573+00', 'Zoë', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '2599', '876', '3475', '0', '0', '0', 'provider', NULL, NULL, '25.250000', '67.250000', 'false', NULL, NULL),
('req_00000000000000000000000068', '2026-11-03 01:16:00.538492+00', 'eve', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '2636', '889', '3525', '0', '0', '444', 'provider', '0.012185000000', 'genai-prices 0.2.3', '1015.125000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000069', '2026-11-03 01:33:00.546411+00', '', 'search', 'key_3', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '2673', '902', '3575', '668', '0', '0', 'provider', '0.012361250000', 'genai-prices 0.2.3', '754.125000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000070', '2026-11-03 01:50:00.55433+00', 'ada', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '2710', '0', '2710', '0', '0', '0', 'provider', '0.003387500000', 'genai-prices 0.2.3', '493.125000', '70.250000', 'false', NULL, NULL),
('req_00000000000000000000000071', '2026-11-03 02:07:00.562249+00', 'bob', 'ops', 'key_5', 'local/llama', NULL, 'vllm', '/v1/responses', 'false', '502', '0', '0', '0', '0', '0', '0', 'none', NULL, NULL, '232.125000', NULL, 'false', NULL, 'upstream_error'),
('req_00000000000000000000000072', '2026-11-03 02:24:00.570168+00', 'Zoë', 'search', '', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '2784', '941', '3725', '0', '0', '470', 'estimated', '0.012890000000', 'genai-prices 0.2.3', '1222.000000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000073', '2026-11-03 02:41:00.578087+00', 'eve', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '2821', '954', '3775', '705', '352', '0', 'provider', '0.013066250000', 'genai-prices 0.2.3', '961.000000', '73.250000', 'false', NULL, NULL),
('req_00000000000000000000000074', '2026-11-03 02:58:00.586006+00', '', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '2858', '0', '2858', '0', '0', '0', 'provider', '0.003572500000', 'genai-prices 0.2.3', '700.000000', NULL, 'false', NULL, 'overloaded_error'),
('req_00000000000000000000000075', '2026-11-03 03:15:00.593925+00', 'ada', 'search', 'key_3', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '2895', '980', '3875', '0', '0', '0', 'provider', NULL, NULL, '439.000000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000076', '2026-11-03 03:32:00.601844+00', 'bob', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '2932', '993', '3925', '0', '0', '496', 'provider', '0.013595000000', 'genai-prices 0.2.3', '178.000000', '76.250000', 'false', NULL, NULL),
('req_00000000000000000000000077', '2026-11-03 03:49:00.609763+00', 'Zoë', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '2969', '9', '2978', '742', '0', '0', 'provider', '0.003801250000', 'genai-prices 0.2.3', '1167.875000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000078', '2026-11-03 04:06:00.617682+00', 'eve', 'search', 'key_0', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '3006', '0', '3006', '0', '0', '0', 'provider', '0.003757500000', 'genai-prices 0.2.3', '906.875000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000079', '2026-11-03 04:23:00.625601+00', '', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '3043', '35', '3078', '0', '0', '0', 'provider', NULL, NULL, '645.875000', '79.250000', 'false', NULL, NULL),
('req_00000000000000000000000080', '2026-11-03 04:40:00.63352+00', 'ada', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '429', '0', '0', '0', '0', '0', '0', 'none', '0.000000000000', NULL, '384.875000', NULL, 'false', 'rpm', 'rate_limit_exceeded'),
('req_00000000000000000000000081', '2026-11-03 04:57:00.641439+00', 'bob', 'search', '', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '3117', '61', '3178', '779', '389', '0', 'provider', '0.004506250000', 'genai-prices 0.2.3', '123.875000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000082', '2026-11-03 05:14:00.649358+00', 'Zoë', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '3154', '0', '3154', '0', '0', '0', 'provider', '0.003942500000', 'genai-prices 0.2.3', '1113.750000', '82.250000', 'false', NULL, NULL),
('req_00000000000000000000000083', '2026-11-03 05:31:00.657277+00', 'eve', 'ops', 'key_5', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '3191', '87', '3278', '0', '0', '0', 'estimated', '0.004858750000', 'genai-prices 0.2.3', '852.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000084', '2026-11-03 05:48:00.665196+00', '', 'search', 'key_0', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '3228', '100', '3328', '0', '0', '50', 'provider', '0.005035000000', 'genai-prices 0.2.3', '591.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000085', '2026-11-03 06:05:00.673115+00', 'ada', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '3265', '113', '3378', '816', '0', '0', 'cache', '0.000000000000', NULL, '330.750000', '85.250000', 'true', NULL, NULL),
('req_00000000000000000000000086', '2026-11-03 06:22:00.681034+00', 'bob', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '3302', '0', '3302', '0', '0', '0', 'provider', '0.004127500000', 'genai-prices 0.2.3', '69.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000087', '2026-11-03 06:39:00.688953+00', 'Zoë', 'search', 'key_3', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '3339', '139', '3478', '0', '0', '0', 'provider', NULL, NULL, '1059.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000088', '2026-11-03 06:56:00.696872+00', 'eve', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '502', '0', '0', '0', '0', '0', '0', 'none', NULL, NULL, '798.625000', NULL, 'false', NULL, 'upstream_error'),
('req_00000000000000000000000089', '2026-11-03 07:13:00.704791+00', '', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '3413', '165', '3578', '853', '426', '0', 'provider', '0.005916250000', 'genai-prices 0.2.3', '537.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000090', '2026-11-03 07:30:00.71271+00', 'ada', 'search', '', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '3450', '0', '3450', '0', '0', '0', 'provider', '0.004312500000', 'genai-prices 0.2.3', '276.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000091', '2026-11-03 07:47:00.720629+00', 'bob', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '3487', '191', '3678', '0', '0', '0', 'provider', NULL, NULL, '15.625000', '91.250000', 'false', NULL, NULL),
('req_00000000000000000000000092', '2026-11-03 08:04:00.728548+00', 'Zoë', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '3524', '204', '3728', '0', '0', '102', 'provider', '0.006445000000', 'genai-prices 0.2.3', '1005.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000093', '2026-11-03 08:21:00.736467+00', 'eve', 'search', 'key_3', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '3561', '217', '3778', '890', '0', '0', 'provider', '0.006621250000', 'genai-prices 0.2.3', '744.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000094', '2026-11-03 08:38:00.744386+00', '', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '3598', '0', '3598', '0', '0', '0', 'estimated', '0.004497500000', 'genai-prices 0.2.3', '483.500000', '94.250000', 'false', NULL, NULL),
('req_00000000000000000000000095', '2026-11-03 08:55:00.752305+00', 'ada', 'ops', 'key_5', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '3635', '243', '3878', '0', '0', '0', 'provider', NULL, NULL, '222.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000096', '2026-11-03 09:12:00.760224+00', 'bob', 'search', 'key_0', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '3672', '256', '3928', '0', '0', '128', 'provider', '0.007150000000', 'genai-prices 0.2.3', '1212.375000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000097', '2026-11-03 09:29:00.768143+00', 'Zoë', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '3709', '269', '3978', '927', '463', '0', 'provider', '0.007326250000', 'genai-prices 0.2.3', '951.375000', '97.250000', 'false', NULL, 'overloaded_error'),
('req_00000000000000000000000098', '2026-11-03 09:46:00.776062+00', 'eve', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '3746', '0', '3746', '0', '0', '0', 'cache', '0.000000000000', NULL, '690.375000', NULL, 'true', NULL, NULL),
('req_00000000000000000000000099', '2026-11-03 10:03:00.783981+00', '', 'search', '', 'local/llama', NULL, 'vllm', '/v1/responses', 'false', '429', '0', '0', '0', '0', '0', '0', 'none', '0.000000000000', NULL, '429.375000', NULL, 'false', 'rpm', 'rate_limit_exceeded'),
('req_00000000000000000000000100', '2026-11-03 10:20:00.7919+00', 'ada', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '3820', '308', '4128', '0', '0', '154', 'provider', '0.007855000000', 'genai-prices 0.2.3', '168.375000', '100.250000', 'false', NULL, NULL),
('req_00000000000000000000000101', '2026-11-03 10:37:00.799819+00', 'bob', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '3857', '321', '4178', '964', '0', '0', 'provider', '0.008031250000', 'genai-prices 0.2.3', '1158.250000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000102', '2026-11-03 10:54:00.807738+00', 'Zoë', 'search', 'key_0', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '3894', '0', '3894', '0', '0', '0', 'provider', '0.004867500000', 'genai-prices 0.2.3', '897.250000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000103', '2026-11-03 11:11:00.815657+00', 'eve', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '3931', '347', '4278', '0', '0', '0', 'provider', NULL, NULL, '636.250000', '103.250000', 'false', NULL, NULL),
('req_00000000000000000000000104', '2026-11-03 11:28:00.823576+00', '', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '3968', '360', '4328', '0', '0', '180', 'provider', '0.008560000000', 'genai-prices 0.2.3', '375.250000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000105', '2026-11-03 11:45:00.831495+00', 'ada', 'search', 'key_3', 'claude-opus-4-5', NULL, 'anthropic', '/v1/messages', 'false', '502', '0', '0', '0', '0', '0', '0', 'none', NULL, NULL, '114.250000', NULL, 'false', NULL, 'upstream_error'),
('req_00000000000000000000000106', '2026-11-03 12:02:00.839414+00', 'bob', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '4042', '0', '4042', '0', '0', '0', 'provider', '0.005052500000', 'genai-prices 0.2.3', '1104.125000', '106.250000', 'false', NULL, NULL),
('req_00000000000000000000000107', '2026-11-03 12:19:00.847333+00', 'Zoë', 'ops', 'key_5', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '4079', '399', '4478', '0', '0', '0', 'provider', NULL, NULL, '843.125000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000108', '2026-11-03 12:36:00.855252+00', 'eve', 'search', '', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '4116', '412', '4528', '0', '0', '206', 'provider', '0.009265000000', 'genai-prices 0.2.3', '582.125000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000109', '2026-11-03 12:53:00.863171+00', '', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '152', '425', '577', '38', '0', '0', 'provider', '0.004440000000', 'genai-prices 0.2.3', '321.125000', '109.250000', 'false', NULL, NULL),
('req_00000000000000000000000110', '2026-11-03 13:10:00.87109+00', 'ada', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '189', '0', '189', '0', '0', '0', 'provider', '0.000236250000', 'genai-prices 0.2.3', '60.125000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000111', '2026-11-03 13:27:00.879009+00', 'bob', 'search', 'key_3', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '226', '451', '677', '0', '0', '0', 'cache', '0.000000000000', NULL, '1050.000000', NULL, 'true', NULL, NULL),
('req_00000000000000000000000112', '2026-11-03 13:44:00.886928+00', 'Zoë', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '263', '464', '727', '0', '0', '232', 'provider', '0.004968750000', 'genai-prices 0.2.3', '789.000000', '112.250000', 'false', NULL, NULL),
('req_00000000000000000000000113', '2026-11-03 14:01:00.894847+00', 'eve', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '300', '477', '777', '75', '37', '0', 'provider', '0.005145000000', 'genai-prices 0.2.3', '528.000000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000114', '2026-11-03 14:18:00.902766+00', '', 'search', 'key_0', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '337', '0', '337', '0', '0', '0', 'provider', '0.000421250000', 'genai-prices 0.2.3', '267.000000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000115', '2026-11-03 14:35:00.910685+00', 'ada', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '374', '503', '877', '0', '0', '0', 'provider', NULL, NULL, '6.000000', '115.250000', 'false', NULL, NULL),
('req_00000000000000000000000116', '2026-11-03 14:52:00.918604+00', 'bob', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '411', '516', '927', '0', '0', '258', 'estimated', '0.005673750000', 'genai-prices 0.2.3', '995.875000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000117', '2026-11-03 15:09:00.926523+00', 'Zoë', 'search', '', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '448', '529', '977', '112', '0', '0', 'provider', '0.005850000000', 'genai-prices 0.2.3', '734.875000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000118', '2026-11-03 15:26:00.934442+00', 'eve', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '429', '0', '0', '0', '0', '0', '0', 'none', '0.000000000000', NULL, '473.875000', NULL, 'false', 'rpm', 'rate_limit_exceeded'),
('req_00000000000000000000000119', '2026-11-03 15:43:00.942361+00', '', 'ops', 'key_5', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '522', '555', '1077', '0', '0', '0', 'provider', NULL, NULL, '212.875000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000120', '2026-11-03 16:00:00.95028+00', 'ada', 'search', 'key_0', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '559', '568', '1127', '0', '0', '284', 'provider', '0.006378750000', 'genai-prices 0.2.3', '1202.750000', NULL, 'false', NULL, 'overloaded_error'),
('req_00000000000000000000000121', '2026-11-03 16:17:00.958199+00', 'bob', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '596', '581', '1177', '149', '74', '0', 'provider', '0.006555000000', 'genai-prices 0.2.3', '941.750000', '121.250000', 'false', NULL, NULL),
('req_00000000000000000000000122', '2026-11-03 16:34:00.966118+00', 'Zoë', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '502', '0', '0', '0', '0', '0', '0', 'none', NULL, NULL, '680.750000', NULL, 'false', NULL, 'upstream_error'),
('req_00000000000000000000000123', '2026-11-03 16:51:00.974037+00', 'eve', 'search', 'key_3', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '670', '607', '1277', '0', '0', '0', 'provider', NULL, NULL, '419.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000124', '2026-11-03 17:08:00.981956+00', '', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '707', '620', '1327', '0', '0', '310', 'cache', '0.000000000000', NULL, '158.750000', '124.250000', 'true', NULL, NULL),
('req_00000000000000000000000125', '2026-11-03 17:25:00.989875+00', 'ada', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '744', '633', '1377', '186', '0', '0', 'provider', '0.007260000000', 'genai-prices 0.2.3', '1148.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000126', '2026-11-03 17:42:00.997794+00', 'bob', 'search', '', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '781', '0', '781', '0', '0', '0', 'provider', '0.000976250000', 'genai-prices 0.2.3', '887.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000127', '2026-11-03 17:59:01.005713+00', 'Zoë', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '818', '659', '1477', '0', '0', '0', 'estimated', '0.007612500000', 'genai-prices 0.2.3', '626.625000', '127.250000', 'false', NULL, NULL),
('req_00000000000000000000000128', '2026-11-03 18:16:01.013632+00', 'eve', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '855', '672', '1527', '0', '0', '336', 'provider', '0.007788750000', 'genai-prices 0.2.3', '365.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000129', '2026-11-03 18:33:01.021551+00', '', 'search', 'key_3', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '892', '685', '1577', '223', '111', '0', 'provider', '0.007965000000', 'genai-prices 0.2.3', '104.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000130', '2026-11-03 18:50:01.02947+00', 'ada', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '929', '0', '929', '0', '0', '0', 'provider', '0.001161250000', 'genai-prices 0.2.3', '1094.500000', '130.250000', 'false', NULL, NULL),
('req_00000000000000000000000131', '2026-11-03 19:07:01.037389+00', 'bob', 'ops', 'key_5', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '966', '711', '1677', '0', '0', '0', 'provider', NULL, NULL, '833.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000132', '2026-11-03 19:24:01.045308+00', 'Zoë', 'search', 'key_0', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '1003', '724', '1727', '0', '0', '362', 'provider', '0.008493750000', 'genai-prices 0.2.3', '572.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000133', '2026-11-03 19:41:01.053227+00', 'eve', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '1040', '737', '1777', '260', '0', '0', 'provider', '0.008670000000', 'genai-prices 0.2.3', '311.500000', '133.250000', 'false', NULL, NULL),
('req_00000000000000000000000134', '2026-11-03 19:58:01.061146+00', '', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '1077', '0', '1077', '0', '0', '0', 'provider', '0.001346250000', 'genai-prices 0.2.3', '50.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000135', '2026-11-03 20:15:01.069065+00', 'ada', 'search', '', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '1114', '763', '1877', '0', '0', '0', 'provider', NULL, NULL, '1040.375000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000136', '2026-11-03 20:32:01.076984+00', 'bob', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '1151', '776', '1927', '0', '0', '388', 'provider', '0.009198750000', 'genai-prices 0.2.3', '779.375000', '136.250000', 'false', NULL, NULL),
('req_00000000000000000000000137', '2026-11-03 20:49:01.084903+00', 'Zoë', 'ops', 'key_5', 'claude-opus-4-5', NULL, 'anthropic', '/v1/messages', 'false', '429', '0', '0', '0', '0', '0', '0', 'none', '0.000000000000', NULL, '518.375000', NULL, 'false', 'rpm', 'rate_limit_exceeded'),
('req_00000000000000000000000138', '2026-11-03 21:06:01.092822+00', 'eve', 'search', 'key_0', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '1225', '0', '1225', '0', '0', '0', 'estimated', '0.001531250000', 'genai-prices 0.2.3', '257.375000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000139', '2026-11-03 21:23:01.100741+00', '', 'ads', 'key_1', 'local/llama', NULL, 'vllm', '/v1/responses', 'true', '502', '0', '0', '0', '0', '0', '0', 'none', NULL, NULL, '1247.250000', NULL, 'false', NULL, 'upstream_error'),
('req_00000000000000000000000140', '2026-11-03 21:40:01.10866+00', 'ada', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '1299', '828', '2127', '0', '0', '414', 'provider', '0.009903750000', 'genai-prices 0.2.3', '986.250000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000141', '2026-11-03 21:57:01.116579+00', 'bob', 'search', 'key_3', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '1336', '841', '2177', '334', '0', '0', 'provider', '0.010080000000', 'genai-prices 0.2.3', '725.250000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000142', '2026-11-03 22:14:01.124498+00', 'Zoë', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '1373', '0', '1373', '0', '0', '0', 'provider', '0.001716250000', 'genai-prices 0.2.3', '464.250000', '142.250000', 'false', NULL, NULL),
('req_00000000000000000000000143', '2026-11-03 22:31:01.132417+00', 'eve', 'ops', 'key_5', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '1410', '867', '2277', '0', '0', '0', 'provider', NULL, NULL, '203.250000', NULL, 'false', NULL, 'overloaded_error'),
('req_00000000000000000000000144', '2026-11-03 22:48:01.140336+00', '', 'search', '', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '1447', '880', '2327', '0', '0', '440', 'provider', '0.010608750000', 'genai-prices 0.2.3', '1193.125000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000145', '2026-11-03 23:05:01.148255+00', 'ada', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '1484', '893', '2377', '371', '185', '0', 'provider', '0.010785000000', 'genai-prices 0.2.3', '932.125000', '145.250000', 'false', NULL, NULL),
('req_00000000000000000000000146', '2026-11-03 23:22:01.156174+00', 'bob', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '1521', '0', '1521', '0', '0', '0', 'provider', '0.001901250000', 'genai-prices 0.2.3', '671.125000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000147', '2026-11-03 23:39:01.164093+00', 'Zoë', 'search', 'key_3', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '1558', '919', '2477', '0', '0', '0', 'provider', NULL, NULL, '410.125000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000148', '2026-11-03 23:56:01.172012+00', 'eve', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '1595', '932', '2527', '0', '0', '466', 'provider', '0.011313750000', 'genai-prices 0.2.3', '149.125000', '148.250000', 'false', NULL, NULL),
('req_00000000000000000000000149', '2026-11-04 00:13:01.179931+00', '', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '1632', '945', '2577', '408', '0', '0', 'estimated', '0.011490000000', 'genai-prices 0.2.3', '1139.000000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000150', '2026-11-04 00:30:01.18785+00', 'ada', 'search', 'key_0', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '1669', '0', '1669', '0', '0', '0', 'cache', '0.000000000000', NULL, '878.000000', NULL, 'true', NULL, NULL),
('req_00000000000000000000000151', '2026-11-04 00:47:01.195769+00', 'bob', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '1706', '971', '2677', '0', '0', '0', 'provider', NULL, NULL, '617.000000', '151.250000', 'false', NULL, NULL),
('req_00000000000000000000000152', '2026-11-04 01:04:01.203688+00', 'Zoë', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '1743', '984', '2727', '0', '0', '492', 'provider', '0.012018750000', 'genai-prices 0.2.3', '356.000000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000153', '2026-11-04 01:21:01.211607+00', 'eve', 'search', '', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '1780', '997', '2777', '445', '222', '0', 'provider', '0.012195000000', 'genai-prices 0.2.3', '95.000000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000154', '2026-11-04 01:38:01.219526+00', '', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '1817', '0', '1817', '0', '0', '0', 'provider', '0.002271250000', 'genai-prices 0.2.3', '1084.875000', '154.250000', 'false', NULL, NULL),
('req_00000000000000000000000155', '2026-11-04 01:55:01.227445+00', 'ada', 'ops', 'key_5', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '1854', '26', '1880', '0', '0', '0', 'provider', NULL, NULL, '823.875000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000156', '2026-11-04 02:12:01.235364+00', 'bob', 'search', 'key_0', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '502', '0', '0', '0', '0', '0', '0', 'none', NULL, NULL, '562.875000', NULL, 'false', NULL, 'upstream_error'),
('req_00000000000000000000000157', '2026-11-04 02:29:01.243283+00', 'Zoë', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '1928', '52', '1980', '482', '0', '0', 'provider', '0.002930000000', 'genai-prices 0.2.3', '301.875000', '157.250000', 'false', NULL, NULL),
('req_00000000000000000000000158', '2026-11-04 02:46:01.251202+00', 'eve', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '1965', '0', '1965', '0', '0', '0', 'provider', '0.002456250000', 'genai-prices 0.2.3', '40.875000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000159', '2026-11-04 03:03:01.259121+00', '', 'search', 'key_3', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '2002', '78', '2080', '0', '0', '0', 'provider', NULL, NULL, '1030.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000160', '2026-11-04 03:20:01.26704+00', 'ada', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '2039', '91', '2130', '0', '0', '45', 'estimated', '0.003458750000', 'genai-prices 0.2.3', '769.750000', '160.250000', 'false', NULL, NULL),
('req_00000000000000000000000161', '2026-11-04 03:37:01.274959+00', 'bob', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '2076', '104', '2180', '519', '259', '0', 'provider', '0.003635000000', 'genai-prices 0.2.3', '508.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000162', '2026-11-04 03:54:01.282878+00', 'Zoë', 'search', '', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '2113', '0', '2113', '0', '0', '0', 'provider', '0.002641250000', 'genai-prices 0.2.3', '247.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000163', '2026-11-04 04:11:01.290797+00', 'eve', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '2150', '130', '2280', '0', '0', '0', 'cache', '0.000000000000', NULL, '1237.625000', '163.250000', 'true', NULL, NULL),
('req_00000000000000000000000164', '2026-11-04 04:28:01.298716+00', '', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '2187', '143', '2330', '0', '0', '71', 'provider', '0.004163750000', 'genai-prices 0.2.3', '976.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000165', '2026-11-04 04:45:01.306635+00', 'ada', 'search', 'key_3', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '2224', '156', '2380', '556', '0', '0', 'provider', '0.004340000000', 'genai-prices 0.2.3', '715.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000166', '2026-11-04 05:02:01.314554+00', 'bob', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '2261', '0', '2261', '0', '0', '0', 'provider', '0.002826250000', 'genai-prices 0.2.3', '454.625000', '166.250000', 'false', NULL, 'overloaded_error'),
('req_00000000000000000000000167', '2026-11-04 05:19:01.322473+00', 'Zoë', 'ops', 'key_5', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '2298', '182', '2480', '0', '0', '0', 'provider', NULL, NULL, '193.625000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000168', '2026-11-04 05:36:01.330392+00', 'eve', 'search', 'key_0', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '2335', '195', '2530', '0', '0', '97', 'provider', '0.004868750000', 'genai-prices 0.2.3', '1183.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000169', '2026-11-04 05:53:01.338311+00', '', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '2372', '208', '2580', '593', '296', '0', 'provider', '0.005045000000', 'genai-prices 0.2.3', '922.500000', '169.250000', 'false', NULL, NULL),
('req_00000000000000000000000170', '2026-11-04 06:10:01.34623+00', 'ada', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '2409', '0', '2409', '0', '0', '0', 'provider', '0.003011250000', 'genai-prices 0.2.3', '661.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000171', '2026-11-04 06:27:01.354149+00', 'bob', 'search', '', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '2446', '234', '2680', '0', '0', '0', 'estimated', '0.005397500000', 'genai-prices 0.2.3', '400.500000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000172', '2026-11-04 06:44:01.362068+00', 'Zoë', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '2483', '247', '2730', '0', '0', '123', 'provider', '0.005573750000', 'genai-prices 0.2.3', '139.500000', '172.250000', 'false', NULL, NULL),
('req_00000000000000000000000173', '2026-11-04 07:01:01.369987+00', 'eve', 'ops', 'key_5', 'claude-opus-4-5', NULL, 'anthropic', '/v1/messages', 'false', '502', '0', '0', '0', '0', '0', '0', 'none', NULL, NULL, '1129.375000', NULL, 'false', NULL, 'upstream_error'),
('req_00000000000000000000000174', '2026-11-04 07:18:01.377906+00', '', 'search', 'key_0', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '2557', '0', '2557', '0', '0', '0', 'provider', '0.003196250000', 'genai-prices 0.2.3', '868.375000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000175', '2026-11-04 07:35:01.385825+00', 'ada', 'ads', 'key_1', 'local/llama', NULL, 'vllm', '/v1/responses', 'true', '429', '0', '0', '0', '0', '0', '0', 'none', '0.000000000000', NULL, '607.375000', NULL, 'false', 'rpm', 'rate_limit_exceeded'),
('req_00000000000000000000000176', '2026-11-04 07:52:01.393744+00', 'bob', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '2631', '299', '2930', '0', '0', '149', 'cache', '0.000000000000', NULL, '346.375000', NULL, 'true', NULL, NULL),
('req_00000000000000000000000177', '2026-11-04 08:09:01.401663+00', 'Zoë', 'search', 'key_3', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '2668', '312', '2980', '667', '333', '0', 'provider', '0.006455000000', 'genai-prices 0.2.3', '85.375000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000178', '2026-11-04 08:26:01.409582+00', 'eve', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '2705', '0', '2705', '0', '0', '0', 'provider', '0.003381250000', 'genai-prices 0.2.3', '1075.250000', '178.250000', 'false', NULL, NULL),
('req_00000000000000000000000179', '2026-11-04 08:43:01.417501+00', '', 'ops', 'key_5', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '2742', '338', '3080', '0', '0', '0', 'provider', NULL, NULL, '814.250000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000180', '2026-11-04 09:00:01.42542+00', 'ada', 'search', '', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '2779', '351', '3130', '0', '0', '175', 'provider', '0.006983750000', 'genai-prices 0.2.3', '553.250000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000181', '2026-11-04 09:17:01.433339+00', 'bob', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '2816', '364', '3180', '704', '0', '0', 'provider', '0.007160000000', 'genai-prices 0.2.3', '292.250000', '181.250000', 'false', NULL, NULL),
('req_00000000000000000000000182', '2026-11-04 09:34:01.441258+00', 'Zoë', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '2853', '0', '2853', '0', '0', '0', 'estimated', '0.003566250000', 'genai-prices 0.2.3', '31.250000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000183', '2026-11-04 09:51:01.449177+00', 'eve', 'search', 'key_3', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '2890', '390', '3280', '0', '0', '0', 'provider', NULL, NULL, '1021.125000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000184', '2026-11-04 10:08:01.457096+00', '', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '2927', '403', '3330', '0', '0', '201', 'provider', '0.007688750000', 'genai-prices 0.2.3', '760.125000', '184.250000', 'false', NULL, NULL),
('req_00000000000000000000000185', '2026-11-04 10:25:01.465015+00', 'ada', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '2964', '416', '3380', '741', '370', '0', 'provider', '0.007865000000', 'genai-prices 0.2.3', '499.125000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000186', '2026-11-04 10:42:01.472934+00', 'bob', 'search', 'key_0', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '3001', '0', '3001', '0', '0', '0', 'provider', '0.003751250000', 'genai-prices 0.2.3', '238.125000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000187', '2026-11-04 10:59:01.480853+00', 'Zoë', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '3038', '442', '3480', '0', '0', '0', 'provider', NULL, NULL, '1228.000000', '187.250000', 'false', NULL, NULL),
('req_00000000000000000000000188', '2026-11-04 11:16:01.488772+00', 'eve', 'ops', 'key_2', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '3075', '455', '3530', '0', '0', '227', 'provider', '0.008393750000', 'genai-prices 0.2.3', '967.000000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000189', '2026-11-04 11:33:01.496691+00', '', 'search', '', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '3112', '468', '3580', '778', '0', '0', 'provider', '0.008570000000', 'genai-prices 0.2.3', '706.000000', NULL, 'false', NULL, 'overloaded_error'),
('req_00000000000000000000000190', '2026-11-04 11:50:01.50461+00', 'ada', 'ads', 'key_4', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '502', '0', '0', '0', '0', '0', '0', 'none', NULL, NULL, '445.000000', NULL, 'false', NULL, 'upstream_error'),
('req_00000000000000000000000191', '2026-11-04 12:07:01.512529+00', 'bob', 'ops', 'key_5', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '3186', '494', '3680', '0', '0', '0', 'provider', NULL, NULL, '184.000000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000192', '2026-11-04 12:24:01.520448+00', 'Zoë', 'search', 'key_0', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'false', '200', '3223', '507', '3730', '0', '0', '253', 'provider', '0.009098750000', 'genai-prices 0.2.3', '1173.875000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000193', '2026-11-04 12:41:01.528367+00', 'eve', 'ads', 'key_1', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'true', '200', '3260', '520', '3780', '815', '407', '0', 'estimated', '0.009275000000', 'genai-prices 0.2.3', '912.875000', '193.250000', 'false', NULL, NULL),
('req_00000000000000000000000194', '2026-11-04 12:58:01.536286+00', '', 'ops', 'key_2', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '429', '0', '0', '0', '0', '0', '0', 'none', '0.000000000000', NULL, '651.875000', NULL, 'false', 'rpm', 'rate_limit_exceeded'),
('req_00000000000000000000000195', '2026-11-04 13:15:01.544205+00', 'ada', 'search', 'key_3', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'false', '200', '3334', '546', '3880', '0', '0', '0', 'provider', NULL, NULL, '390.875000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000196', '2026-11-04 13:32:01.552124+00', 'bob', 'ads', 'key_4', 'gpt-5', NULL, 'openai', '/v1/chat/completions', 'true', '200', '3371', '559', '3930', '0', '0', '279', 'provider', '0.009803750000', 'genai-prices 0.2.3', '129.875000', '196.250000', 'false', NULL, NULL),
('req_00000000000000000000000197', '2026-11-04 13:49:01.560043+00', 'Zoë', 'ops', 'key_5', 'claude-opus-4-5', 'claude-opus-4-5-2026-10-01', 'anthropic', '/v1/messages', 'false', '200', '3408', '572', '3980', '852', '0', '0', 'provider', '0.009980000000', 'genai-prices 0.2.3', '1119.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000198', '2026-11-04 14:06:01.567962+00', 'eve', 'search', '', 'text-embedding-3-small', NULL, 'openai', '/v1/embeddings', 'false', '200', '3445', '0', '3445', '0', '0', '0', 'provider', '0.004306250000', 'genai-prices 0.2.3', '858.750000', NULL, 'false', NULL, NULL),
('req_00000000000000000000000199', '2026-11-04 14:23:01.575881+00', '', 'ads', 'key_1', 'local/llama', 'local/llama-2026-10-01', 'vllm', '/v1/responses', 'true', '200', '3482', '598', '4080', '0', '0', '0', 'provider', NULL, NULL, '597.750000', '199.250000', 'false', NULL, NULL);
REFRESH MATERIALIZED VIEW usage_daily;
