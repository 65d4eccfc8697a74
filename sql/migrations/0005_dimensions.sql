-- Rollups by provider, key and endpoint too, with the parts of prompt and completion tokens as measures. Hours whose
-- records are all stored are computed anew from them. All other hours (their month is pruned) stay at their old grain:
-- NULL in the new columns means unknown. usage_daily stays as it is.

ALTER TABLE usage_hourly_parts
    ADD COLUMN provider           text COLLATE "C",
    ADD COLUMN key_id             text COLLATE "C",
    ADD COLUMN endpoint           text COLLATE "C",
    ADD COLUMN cache_read_tokens  bigint,
    ADD COLUMN cache_write_tokens bigint,
    ADD COLUMN reasoning_tokens   bigint;

COMMENT ON COLUMN usage_hourly_parts.provider IS 'As in usage_records; NULL in sums made before migration 0005 whose records were pruned.';
COMMENT ON COLUMN usage_hourly_parts.cache_read_tokens IS 'NULL where provider is NULL; so are cache_write_tokens and reasoning_tokens.';

ALTER TABLE etl_state ADD COLUMN dimensions_since timestamptz;

COMMENT ON COLUMN etl_state.dimensions_since IS 'From this hour on usage_hourly has provider, key_id and endpoint; NULL: in every hour.';

WITH stored AS MATERIALIZED (
    SELECT hour, sum(requests) AS requests, sum(total_tokens) AS tokens FROM usage_hourly_parts GROUP BY hour
),
recorded AS MATERIALIZED (
    SELECT date_trunc('hour', created_at, 'UTC') AS hour, count(*) AS requests FROM usage_records GROUP BY 1
),
complete AS MATERIALIZED (
    -- Sums that one part could not hold (bigint) get a part per record.
    SELECT hour, s.tokens < 9223372036854775807 AS is_small
    FROM stored s
    JOIN recorded r USING (hour, requests)
),
replaced AS (
    DELETE FROM usage_hourly_parts p USING complete c WHERE p.hour = c.hour
)
INSERT INTO usage_hourly_parts (
    hour, user_id, team_id, model, provider, key_id, endpoint, requests, errors, cache_hits, prompt_tokens,
    completion_tokens, total_tokens, cost_usd, unpriced_requests, estimated_requests, estimated_cost_usd, latency_ms,
    cache_read_tokens, cache_write_tokens, reasoning_tokens
)
SELECT c.hour, user_id, team_id, model, provider, key_id, endpoint, count(*),
       count(*) FILTER (WHERE status >= 400 OR error_type IS NOT NULL), count(*) FILTER (WHERE cache_hit),
       sum(prompt_tokens), sum(completion_tokens), sum(total_tokens), sum(cost_usd),
       count(*) FILTER (WHERE cost_usd IS NULL), count(*) FILTER (WHERE usage_source = 'estimated'),
       sum(cost_usd) FILTER (WHERE usage_source = 'estimated'), sum(latency_ms),
       sum(cache_read_tokens), sum(cache_write_tokens), sum(reasoning_tokens)
FROM usage_records r
JOIN complete c ON c.hour = date_trunc('hour', r.created_at, 'UTC')
GROUP BY c.hour, user_id, team_id, model, provider, key_id, endpoint, CASE WHEN c.is_small THEN '' ELSE r.request_id END
ORDER BY 1, 2, 3, 4, 5, 6, 7;

UPDATE etl_state SET dimensions_since = (
    SELECT LEAST(max(hour) + interval '1 hour', '9999-12-31 23:00:00+00') FROM usage_hourly_parts WHERE provider IS NULL
);

-- The same columns in the same order, then the new ones: views that are made from it stay valid.
CREATE OR REPLACE VIEW usage_hourly AS
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
       sum(latency_ms) AS latency_ms,
       provider,
       key_id,
       endpoint,
       sum(cache_read_tokens) AS cache_read_tokens,
       sum(cache_write_tokens) AS cache_write_tokens,
       sum(reasoning_tokens) AS reasoning_tokens
FROM usage_hourly_parts
GROUP BY hour, user_id, team_id, model, provider, key_id, endpoint;

COMMENT ON VIEW usage_hourly IS 'usage_records per UTC hour, user, team, model, provider, key and endpoint, one row for each.';
COMMENT ON COLUMN usage_hourly.provider IS 'As in usage_records; NULL in sums made before migration 0005 whose records were pruned.';
