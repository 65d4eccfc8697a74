-- Generated from the migrations, to be read; a database is made by the migrations themselves.

CREATE TABLE etl_intents (
    request_id text COLLATE "C" NOT NULL,
    created_at timestamp with time zone NOT NULL,
    segment text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL
);

CREATE TABLE etl_rejects (
    segment text COLLATE "C" NOT NULL,
    line_number bigint NOT NULL,
    byte_offset bigint NOT NULL,
    reason text NOT NULL,
    line text NOT NULL
);

CREATE TABLE etl_segments (
    name text COLLATE "C" NOT NULL,
    writer text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    sha256 text NOT NULL,
    previous text,
    first_seq bigint,
    last_seq bigint,
    missing_lines bigint NOT NULL,
    lines bigint NOT NULL,
    loaded bigint NOT NULL,
    duplicate bigint NOT NULL,
    rejected bigint NOT NULL,
    intents bigint NOT NULL,
    recovered boolean NOT NULL,
    seal_problem text,
    loaded_at timestamp with time zone NOT NULL DEFAULT now(),
    retried bigint NOT NULL DEFAULT 0,
    first_hour timestamp with time zone,
    last_hour timestamp with time zone,
    archived_at timestamp with time zone,
    archive text
);

CREATE TABLE etl_state (
    only_row boolean NOT NULL DEFAULT true,
    as_of timestamp with time zone,
    refreshed_at timestamp with time zone,
    pruned_before timestamp with time zone,
    dimensions_since timestamp with time zone
);

CREATE TABLE etl_unrefreshed (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    loaded_at timestamp with time zone NOT NULL DEFAULT now(),
    days date[] NOT NULL DEFAULT '{}'::date[]
);

CREATE TABLE langfuse_owners (
    owner integer NOT NULL GENERATED ALWAYS AS IDENTITY,
    started_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE langfuse_segments (
    target integer NOT NULL,
    segment text COLLATE "C" NOT NULL
);

CREATE TABLE langfuse_spans (
    target integer NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    started_ms bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    owner integer,
    changed_at timestamp with time zone NOT NULL,
    segment text COLLATE "C",
    reason text
);

CREATE TABLE langfuse_targets (
    target integer NOT NULL GENERATED ALWAYS AS IDENTITY,
    base_url text COLLATE "C" NOT NULL,
    project_id text COLLATE "C" NOT NULL
);

CREATE TABLE schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE usage_days (
    day date NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    requests bigint NOT NULL,
    errors bigint NOT NULL,
    cache_hits bigint NOT NULL,
    prompt_tokens numeric NOT NULL,
    completion_tokens numeric NOT NULL,
    total_tokens numeric NOT NULL,
    cost_usd numeric,
    unpriced_requests bigint NOT NULL,
    avg_latency_ms numeric NOT NULL
);

CREATE TABLE usage_hourly_parts (
    hour timestamp with time zone NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    requests bigint NOT NULL,
    errors bigint NOT NULL,
    cache_hits bigint NOT NULL,
    prompt_tokens bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    total_tokens bigint NOT NULL,
    cost_usd numeric,
    unpriced_requests bigint NOT NULL,
    estimated_requests bigint NOT NULL,
    estimated_cost_usd numeric,
    latency_ms numeric NOT NULL,
    provider text COLLATE "C",
    key_id text COLLATE "C",
    endpoint text COLLATE "C",
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint
);

CREATE TABLE usage_records (
    request_id text COLLATE "C" NOT NULL,
    created_at timestamp with time zone NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    upstream_model text COLLATE "C",
    provider text COLLATE "C" NOT NULL,
    endpoint text COLLATE "C" NOT NULL,
    stream boolean NOT NULL,
    status integer NOT NULL,
    prompt_tokens bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    total_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    usage_source text COLLATE "C" NOT NULL,
    cost_usd numeric,
    price_source text COLLATE "C",
    latency_ms numeric NOT NULL,
    ttft_ms numeric,
    cache_hit boolean NOT NULL,
    limit_type text COLLATE "C",
    error_type text COLLATE "C"
) PARTITION BY RANGE (created_at);

ALTER TABLE etl_intents ADD CONSTRAINT etl_intents_pkey PRIMARY KEY (created_at, request_id);

ALTER TABLE etl_rejects ADD CONSTRAINT etl_rejects_pkey PRIMARY KEY (segment, line_number);

ALTER TABLE etl_segments ADD CONSTRAINT etl_segments_every_line_is_accounted_for CHECK ((lines = ((loaded + duplicate) + rejected)));

ALTER TABLE etl_segments ADD CONSTRAINT etl_segments_hours_are_known CHECK (((loaded = 0) OR ((first_hour IS NOT NULL) AND (last_hour IS NOT NULL))));

ALTER TABLE etl_segments ADD CONSTRAINT etl_segments_pkey PRIMARY KEY (name);

ALTER TABLE etl_state ADD CONSTRAINT etl_state_only_row_check CHECK (only_row);

ALTER TABLE etl_state ADD CONSTRAINT etl_state_pkey PRIMARY KEY (only_row);

ALTER TABLE etl_unrefreshed ADD CONSTRAINT etl_unrefreshed_pkey PRIMARY KEY (id);

ALTER TABLE langfuse_owners ADD CONSTRAINT langfuse_owners_pkey PRIMARY KEY (owner);

ALTER TABLE langfuse_segments ADD CONSTRAINT langfuse_segments_pkey PRIMARY KEY (target, segment);

ALTER TABLE langfuse_spans ADD CONSTRAINT langfuse_spans_in_flight_have_an_owner CHECK (((state = 'inflight'::text) = (owner IS NOT NULL)));

ALTER TABLE langfuse_spans ADD CONSTRAINT langfuse_spans_pkey PRIMARY KEY (target, request_id);

ALTER TABLE langfuse_spans ADD CONSTRAINT langfuse_spans_state_check CHECK ((state = ANY (ARRAY['planned'::text, 'inflight'::text, 'accepted'::text, 'verified'::text, 'rejected'::text])));

ALTER TABLE langfuse_targets ADD CONSTRAINT langfuse_targets_base_url_project_id_key UNIQUE (base_url, project_id);

ALTER TABLE langfuse_targets ADD CONSTRAINT langfuse_targets_pkey PRIMARY KEY (target);

ALTER TABLE schema_migrations ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE usage_records ADD CONSTRAINT usage_records_pkey PRIMARY KEY (created_at, request_id);

ALTER TABLE etl_intents ADD CONSTRAINT etl_intents_segment_fkey FOREIGN KEY (segment) REFERENCES etl_segments(name) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE etl_rejects ADD CONSTRAINT etl_rejects_segment_fkey FOREIGN KEY (segment) REFERENCES etl_segments(name) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE langfuse_segments ADD CONSTRAINT langfuse_segments_target_fkey FOREIGN KEY (target) REFERENCES langfuse_targets(target);

ALTER TABLE langfuse_spans ADD CONSTRAINT langfuse_spans_target_fkey FOREIGN KEY (target) REFERENCES langfuse_targets(target);

CREATE VIEW etl_gaps AS
 WITH chain AS (
         SELECT s.name,
            s.writer,
            s.number,
            s.previous,
            s.first_seq,
            s.missing_lines,
            s.seal_problem,
            s.loaded_at,
            lag(s.number, 1, (0)::bigint) OVER w AS number_before,
            lag(s.last_seq, 1, (0)::bigint) OVER w AS seq_before,
            lag(s.sha256) OVER w AS sha256_before,
            last_value(s.recovered) OVER (PARTITION BY s.writer ORDER BY s.number, s.name ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS writer_died
           FROM etl_segments s
          WINDOW w AS (PARTITION BY s.writer ORDER BY s.number, s.name)
        )
 SELECT 'missing_segment'::text AS kind,
    c.writer,
    c.name AS segment,
    ((c.number - c.number_before) - 1) AS missing,
    c.loaded_at AS since,
    format('segments %s to %s of the writer are missing before this one'::text, (c.number_before + 1), (c.number - 1)) AS detail
   FROM chain c
  WHERE (c.number > (c.number_before + 1))
UNION ALL
 SELECT 'missing_lines'::text AS kind,
    c.writer,
    c.name AS segment,
    c.missing_lines AS missing,
    c.loaded_at AS since,
    format('%s line numbers are missing in the segment'::text, c.missing_lines) AS detail
   FROM chain c
  WHERE (c.missing_lines > 0)
UNION ALL
 SELECT 'missing_lines'::text AS kind,
    c.writer,
    c.name AS segment,
    ((c.first_seq - c.seq_before) - 1) AS missing,
    c.loaded_at AS since,
    format('lines %s to %s of the writer are missing before this segment'::text, (c.seq_before + 1), (c.first_seq - 1)) AS detail
   FROM chain c
  WHERE ((c.number = (c.number_before + 1)) AND (c.first_seq > (c.seq_before + 1)))
UNION ALL
 SELECT 'unended_intent'::text AS kind,
    c.writer,
    c.name AS segment,
    (1)::bigint AS missing,
    i.created_at AS since,
    format('request %s of user %s began and has no record'::text, i.request_id, i.user_id) AS detail
   FROM (etl_intents i
     JOIN chain c ON ((c.name = i.segment)))
  WHERE ((c.writer_died OR (i.created_at < (now() - '01:00:00'::interval))) AND (NOT (EXISTS ( SELECT
           FROM usage_records r
          WHERE ((r.created_at = i.created_at) AND (r.request_id = i.request_id))))))
UNION ALL
 SELECT 'seal_mismatch'::text AS kind,
    c.writer,
    c.name AS segment,
    (1)::bigint AS missing,
    c.loaded_at AS since,
    COALESCE(c.seal_problem, 'the open line names another file as the segment before than the one loaded'::text) AS detail
   FROM chain c
  WHERE ((c.seal_problem IS NOT NULL) OR ((c.number = (c.number_before + 1)) AND (c.previous IS DISTINCT FROM c.sha256_before)));

CREATE MATERIALIZED VIEW usage_daily AS
 SELECT day,
    user_id,
    team_id,
    model,
    requests,
    errors,
    cache_hits,
    prompt_tokens,
    completion_tokens,
    total_tokens,
    cost_usd,
    unpriced_requests,
    avg_latency_ms
   FROM usage_days;

CREATE VIEW usage_hourly AS
 SELECT hour,
    user_id,
    team_id,
    model,
    (sum(requests))::bigint AS requests,
    (sum(errors))::bigint AS errors,
    (sum(cache_hits))::bigint AS cache_hits,
    sum(prompt_tokens) AS prompt_tokens,
    sum(completion_tokens) AS completion_tokens,
    sum(total_tokens) AS total_tokens,
    sum(cost_usd) AS cost_usd,
    (sum(unpriced_requests))::bigint AS unpriced_requests,
    (sum(estimated_requests))::bigint AS estimated_requests,
    sum(estimated_cost_usd) AS estimated_cost_usd,
    sum(latency_ms) AS latency_ms,
    provider,
    key_id,
    endpoint,
    sum(cache_read_tokens) AS cache_read_tokens,
    sum(cache_write_tokens) AS cache_write_tokens,
    sum(reasoning_tokens) AS reasoning_tokens
   FROM usage_hourly_parts
  GROUP BY hour, user_id, team_id, model, provider, key_id, endpoint;

CREATE INDEX etl_segments_writer ON etl_segments USING btree (writer, number, name);

CREATE INDEX langfuse_spans_inflight ON langfuse_spans USING btree (target, owner) WHERE (state = 'inflight'::text);

CREATE INDEX langfuse_spans_planned ON langfuse_spans USING btree (target, segment) WHERE (state = 'planned'::text);

CREATE INDEX langfuse_spans_started ON langfuse_spans USING btree (target, started_ms, request_id);

CREATE UNIQUE INDEX usage_daily_key ON usage_daily USING btree (day, user_id, team_id, model);

CREATE INDEX usage_days_day ON usage_days USING btree (day);

CREATE INDEX usage_hourly_parts_hour ON usage_hourly_parts USING brin (hour) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX usage_hourly_parts_user ON usage_hourly_parts USING btree (user_id, hour);

COMMENT ON VIEW etl_gaps IS 'What is missing or contradicts itself; empty when the bill is whole.';

COMMENT ON TABLE etl_intents IS 'Requests that had begun in a segment and not ended in it; their records may come later.';

COMMENT ON TABLE etl_rejects IS 'Lines that could not be loaded; line is cut, the file has it whole at byte_offset.';

COMMENT ON TABLE etl_segments IS 'The ledger: a segment that has a row here is loaded, and is never loaded again.';

COMMENT ON COLUMN etl_segments.sha256 IS 'Of the whole file.';

COMMENT ON COLUMN etl_segments.previous IS 'SHA-256 of the writer''s segment before, as the open line says.';

COMMENT ON COLUMN etl_segments.missing_lines IS 'Line numbers between first_seq and last_seq that no line has.';

COMMENT ON COLUMN etl_segments.lines IS 'Lines that are records or ought to be: all but open, intent and seal.';

COMMENT ON COLUMN etl_segments.seal_problem IS 'What in the file contradicts its seal or its name; NULL when nothing.';

COMMENT ON COLUMN etl_segments.retried IS 'Lines that were rejected once and are accepted since.';

COMMENT ON COLUMN etl_segments.first_hour IS 'UTC hour of the earliest record it brought; NULL when it brought none.';

COMMENT ON COLUMN etl_segments.last_hour IS 'UTC hour of the latest record it brought; NULL when it brought none.';

COMMENT ON COLUMN etl_segments.archived_at IS 'When all that is loaded of it was in the archive; NULL when it is not.';

COMMENT ON COLUMN etl_segments.archive IS 'The archive it is in: a directory or s3://bucket/prefix.';

COMMENT ON COLUMN etl_state.as_of IS 'Every segment that was sealed before this moment is loaded.';

COMMENT ON COLUMN etl_state.pruned_before IS 'Records of requests before this moment may be pruned; rollups keep them.';

COMMENT ON COLUMN etl_state.dimensions_since IS 'From this hour on usage_hourly has provider, key_id and endpoint; NULL: in every hour.';

COMMENT ON COLUMN etl_unrefreshed.days IS 'The UTC days of the records that the load brought.';

COMMENT ON TABLE langfuse_owners IS 'A number for each process that used the ledger; while it lives it holds an advisory lock on it.';

COMMENT ON TABLE langfuse_segments IS 'Segments whose requests all have a row in langfuse_spans, so that they need not be read again.';

COMMENT ON TABLE langfuse_spans IS 'What became of each request at each target; a request without a row was never sent.';

COMMENT ON COLUMN langfuse_spans.started_ms IS 'The start that was sent, in ms since 1970: another one would be another span.';

COMMENT ON COLUMN langfuse_spans.state IS 'planned: to be sent (again); inflight: committed before sending; accepted: taken; verified: counted in Langfuse.';

COMMENT ON COLUMN langfuse_spans.owner IS 'The process that is sending it, of langfuse_owners.';

COMMENT ON COLUMN langfuse_spans.segment IS 'The segment it was read from; NULL when it was read from usage_records.';

COMMENT ON COLUMN langfuse_spans.reason IS 'Why it was rejected.';

COMMENT ON TABLE langfuse_targets IS 'The projects of Langfuse servers that requests were sent to.';

COMMENT ON MATERIALIZED VIEW usage_daily IS 'usage_hourly per UTC day; refreshed by relayctl etl run and etl refresh.';

COMMENT ON TABLE usage_days IS 'usage_hourly per UTC day as of the last refresh; usage_daily is made from it.';

COMMENT ON VIEW usage_hourly IS 'usage_records per UTC hour, user, team, model, provider, key and endpoint, one row for each.';

COMMENT ON COLUMN usage_hourly.errors IS 'Requests whose status is 400 or more, or that have an error.';

COMMENT ON COLUMN usage_hourly.cost_usd IS 'Sum over the requests with a known price; NULL when there is none.';

COMMENT ON COLUMN usage_hourly.estimated_cost_usd IS 'The part of cost_usd whose tokens were estimated; NULL when none is.';

COMMENT ON COLUMN usage_hourly.latency_ms IS 'The sum; whoever reads it divides by requests.';

COMMENT ON COLUMN usage_hourly.provider IS 'As in usage_records; NULL in sums made before migration 0005 whose records were pruned.';

COMMENT ON TABLE usage_hourly_parts IS 'Sums per UTC hour of what each load brought, written in the transaction that writes the records; sums of sums are right.';

COMMENT ON COLUMN usage_hourly_parts.errors IS 'Requests whose status is 400 or more, or that have an error.';

COMMENT ON COLUMN usage_hourly_parts.cost_usd IS 'Sum over the requests with a known price; NULL when there is none.';

COMMENT ON COLUMN usage_hourly_parts.estimated_cost_usd IS 'The part of cost_usd whose tokens were estimated; NULL when none is.';

COMMENT ON COLUMN usage_hourly_parts.latency_ms IS 'The sum; whoever reads it divides by requests.';

COMMENT ON COLUMN usage_hourly_parts.provider IS 'As in usage_records; NULL in sums made before migration 0005 whose records were pruned.';

COMMENT ON COLUMN usage_hourly_parts.cache_read_tokens IS 'NULL where provider is NULL; so are cache_write_tokens and reasoning_tokens.';

COMMENT ON TABLE usage_records IS 'One row per request, never edited; partitions are UTC months, made by the ETL.';
