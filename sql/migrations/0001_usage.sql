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
