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
