-- name: report_add_records
-- Keeps each record of another statement, which takes the place of the comment below.
INSERT INTO records SELECT * FROM (/* record */)

-- name: report_add_sums
-- Adds up the records of another statement, which takes the place of the comment below, and keeps none.
INSERT INTO sums
SELECT (epoch_us(created_at) + $shift_us) // $slot_us,
       ($users IS NULL OR list_contains($users, user_id)) AND ($teams IS NULL OR list_contains($teams, team_id))
           AND ($models IS NULL OR list_contains($models, model)) AS is_wanted,
       CASE WHEN $by_user AND is_wanted THEN user_id END,
       CASE WHEN $by_team AND is_wanted THEN team_id END,
       CASE WHEN $by_model AND is_wanted THEN model END,
       count(*),
       count(*) FILTER (is_error),
       count(*) FILTER (cache_hit),
       sum(prompt_tokens),
       sum(completion_tokens),
       sum(total_tokens),
       sum(cost_usd),
       count(*) FILTER (cost_usd IS NULL),
       count(*) FILTER (is_estimated),
       sum(cost_usd) FILTER (is_estimated),
       sum(latency_ms),
       list(hash(created_at, request_id))
FROM (/* record */)
GROUP BY ALL

-- name: report_all_records
-- The records of a period, of those that are kept.
SELECT * FROM records WHERE created_at >= $since AND created_at < $until

-- name: report_lines
-- The records of segments as rows of `records`, and NULL for their lines. Only for segments of which report_facts
-- says that DuckDB reads them exactly, and for strict copies.
SELECT $places[file_index::BIGINT + 1] AS file, created_at, request_id, user_id, team_id, model,
       status >= 400 OR error IS NOT NULL AS is_error, prompt_tokens, completion_tokens, total_tokens,
       usage_source = 'estimated' AS is_estimated, cost_usd::DECIMAL(38, 12) AS cost_usd, latency_ms, ttft_ms,
       cache_hit, NULL::BIGINT AS line
FROM (
    SELECT *, file_index
    FROM read_json($files, format = 'newline_delimited', columns = {
        event: 'VARCHAR', created_at: 'TIMESTAMP', request_id: 'VARCHAR', user_id: 'VARCHAR', team_id: 'VARCHAR',
        model: 'VARCHAR', status: 'INTEGER', prompt_tokens: 'BIGINT', completion_tokens: 'BIGINT',
        total_tokens: 'BIGINT', usage_source: 'VARCHAR', cost_usd: 'VARCHAR', latency_ms: 'DECIMAL(18, 6)',
        ttft_ms: 'DECIMAL(18, 6)', cache_hit: 'BOOLEAN', error: 'JSON'})
)
WHERE event = 'request' AND created_at >= $since AND created_at < $until

-- name: report_logs
-- Sums per bucket and group, from the sums per slot. $slot_us is the length of a slot in microseconds, and slot 0
-- begins $shift_us before 1970.
WITH boundary AS (
    SELECT unnest($inner_boundaries::TIMESTAMP[]) AS start,
           unnest(range(1, len($inner_boundaries) + 1)) AS bucket
),
slot AS (
    SELECT DISTINCT slot AS number FROM sums
),
bucketed AS (
    SELECT slot.number, coalesce(boundary.bucket, 0) AS bucket
    FROM slot ASOF LEFT JOIN boundary ON slot.number * $slot_us - $shift_us >= epoch_us(boundary.start)
)
SELECT bucketed.bucket,
       CASE WHEN $by_user THEN by_user END,
       CASE WHEN $by_team THEN by_team END,
       CASE WHEN $by_model THEN by_model END,
       sum(requests)::HUGEINT, sum(errors)::HUGEINT, sum(cache_hits)::HUGEINT,
       sum(prompt_tokens)::HUGEINT, sum(completion_tokens)::HUGEINT, sum(total_tokens)::HUGEINT,
       sum(cost_usd), sum(unpriced_requests)::HUGEINT, sum(estimated_requests)::HUGEINT,
       coalesce(sum(estimated_cost_usd), 0), sum(latency_ms)
FROM sums JOIN bucketed ON bucketed.number = sums.slot
WHERE is_wanted
  AND ($users IS NULL OR list_contains($users, by_user))
  AND ($teams IS NULL OR list_contains($teams, by_team))
  AND ($models IS NULL OR list_contains($models, by_model))
GROUP BY 1, 2, 3, 4

-- name: report_logs_duplicates
-- How many of the records added up have the identity of another one; a colliding hash only makes us look closer.
SELECT count(*) - count(DISTINCT id) FROM (SELECT unnest(ids) AS id FROM sums)

-- name: report_logs_durations
-- Notes the durations of the records of another statement, which takes the place of the comment below.
INSERT INTO durations
SELECT model, latency_ms, ttft_ms
FROM (/* record */)
WHERE created_at >= $since AND created_at < $until
  AND ($users IS NULL OR list_contains($users, user_id))
  AND ($teams IS NULL OR list_contains($teams, team_id))
  AND ($models IS NULL OR list_contains($models, model))

-- name: report_logs_forget_duplicates
-- A record's identity is (created_at, request_id); the first in order of segment and line is the one that counts.
-- Looking for hashes that meet takes far less memory; a collision only makes us look closer.
DELETE FROM records
WHERE rowid IN (
    SELECT unnest(list(rowid ORDER BY file, line, rowid)[2:])
    FROM records
    WHERE hash(created_at, request_id) IN (
        SELECT hash(created_at, request_id) FROM records GROUP BY 1 HAVING count(*) > 1)
    GROUP BY created_at, request_id
    HAVING count(*) > 1
)

-- name: report_logs_forget_durations
-- They are of another question.
TRUNCATE durations

-- name: report_logs_forget_sums
-- They are of another question, or hold a record twice, and are made again.
TRUNCATE sums

-- name: report_logs_latencies
-- Percentiles per model, and of all models together (NULL): the smallest value that at least so many percent of
-- the requests do not exceed. Nearest rank, counted here, because databases differ in how they count it: whole
-- milliseconds are counted first, and only in those that a percentile falls into are single requests put in order. So it
-- takes little memory, however many requests there are.
WITH spent AS (
    SELECT model, 'total' AS what, latency_ms AS ms FROM durations
    UNION ALL
    SELECT model, 'first', ttft_ms FROM durations WHERE ttft_ms IS NOT NULL
),
counted AS (
    SELECT model, what, floor(ms) AS whole, count(*) AS number
    FROM spent
    GROUP BY GROUPING SETS ((model, what, whole), (what, whole))
),
summed AS (
    SELECT *, sum(number) OVER (PARTITION BY model, what ORDER BY whole) AS until,
           sum(number) OVER (PARTITION BY model, what) AS requests
    FROM counted
),
wanted AS (
    SELECT model, what, whole, percent, requests,
           -- The place among those of this millisecond.
           (requests * percent + 99) // 100 - (until - number) AS place
    FROM summed, (SELECT unnest([50, 90, 95, 99]) AS percent) AS percents
    WHERE place BETWEEN 1 AND number
),
ordered AS (
    SELECT wanted.*, spent.ms,
           row_number() OVER (PARTITION BY wanted.model, wanted.what, percent ORDER BY spent.ms) AS number
    FROM wanted JOIN spent
      ON spent.what = wanted.what AND floor(spent.ms) = wanted.whole
     AND coalesce(wanted.model, spent.model) = spent.model
)
SELECT model, max(requests) FILTER (what = 'total')::BIGINT,
       max(ms) FILTER (what = 'total' AND percent = 50), max(ms) FILTER (what = 'total' AND percent = 90),
       max(ms) FILTER (what = 'total' AND percent = 95), max(ms) FILTER (what = 'total' AND percent = 99),
       max(ms) FILTER (what = 'first' AND percent = 50), max(ms) FILTER (what = 'first' AND percent = 95)
FROM ordered
WHERE number = place
GROUP BY model
ORDER BY model NULLS FIRST

-- name: report_logs_tables
-- What a report over segments holds of them. file is a segment's place in the order of loading, line the line of
-- a record that comes from an archive; those that come from a segment itself stand in its order.
CREATE TEMP TABLE records (
    file         INTEGER,
    created_at   TIMESTAMP,
    request_id   VARCHAR,
    user_id      VARCHAR,
    team_id      VARCHAR,
    model        VARCHAR,
    is_error     BOOLEAN,
    prompt_tokens     BIGINT,
    completion_tokens BIGINT,
    total_tokens      BIGINT,
    is_estimated BOOLEAN,
    cost_usd     DECIMAL(38, 12),
    latency_ms   DECIMAL(18, 6),
    ttft_ms      DECIMAL(18, 6),
    cache_hit    BOOLEAN,
    line         BIGINT
);
-- Sums per slot of time and group: slots are so small that none holds a bucket's boundary. ids are the identities,
-- as hashes, of all that was added up; what no filter let through is here for their sake alone.
CREATE TEMP TABLE sums (
    slot         BIGINT,
    is_wanted    BOOLEAN,
    by_user      VARCHAR,
    by_team      VARCHAR,
    by_model     VARCHAR,
    requests     BIGINT,
    errors       BIGINT,
    cache_hits   BIGINT,
    prompt_tokens     HUGEINT,
    completion_tokens HUGEINT,
    total_tokens      HUGEINT,
    cost_usd     DECIMAL(38, 12),
    unpriced_requests  BIGINT,
    estimated_requests BIGINT,
    estimated_cost_usd DECIMAL(38, 12),
    latency_ms   DECIMAL(38, 6),
    ids          UBIGINT[]
)
;
-- How long requests took, of the question that is asked just now.
CREATE TEMP TABLE durations (
    model        VARCHAR,
    latency_ms   DECIMAL(18, 6),
    ttft_ms      DECIMAL(18, 6)
)
