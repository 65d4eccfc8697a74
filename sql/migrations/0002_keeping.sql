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
