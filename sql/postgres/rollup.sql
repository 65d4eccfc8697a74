-- name: insert_unrefreshed
-- Marks the days of a load that usage_daily does not show yet.
INSERT INTO etl_unrefreshed (days) VALUES (%s::date[])

-- name: take_unrefreshed
-- Deletes the marks of the loads that the refresh in this transaction will show; returns their number and days.
WITH taken AS (
    DELETE FROM etl_unrefreshed RETURNING days
)
SELECT (SELECT count(*) FROM taken), ARRAY(SELECT DISTINCT unnest(days) FROM taken)

-- name: lock_refresh
-- Waits for other refreshes and verifications; held until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('relay refresh', 0))

-- name: lock_refresh_for_session
-- Waits for other refreshes and verifications; held until it is released or the connection ends.
SELECT pg_advisory_lock(hashtextextended('relay refresh', 0))

-- name: unlock_refresh
-- Releases the lock of the session.
SELECT pg_advisory_unlock(hashtextextended('relay refresh', 0))

-- name: merge_parts
-- On those of the given days whose groups have two parts or more on average: replaces the parts of each group by one
-- part per hour. Sums too large for one part stay in several.
WITH crowded AS (
    SELECT day
    FROM (
        SELECT (hour AT TIME ZONE 'UTC')::date AS day, count(*) AS parts, sum(total_tokens) AS tokens
        FROM usage_hourly_parts
        WHERE hour >= (SELECT min(d) FROM unnest(%(days)s::date[]) d)::timestamp AT TIME ZONE 'UTC'
          AND hour < (SELECT max(d) + 1 FROM unnest(%(days)s::date[]) d)::timestamp AT TIME ZONE 'UTC'
          AND (hour AT TIME ZONE 'UTC')::date = ANY (%(days)s::date[])
        -- By a hash, which takes little memory; a collision at worst gathers a day in vain.
        GROUP BY day, hour, hash_record_extended(ROW({dimensions}), 0)
    ) part
    GROUP BY day
    HAVING sum(parts) >= 2 * count(*) AND max(tokens) < 9223372036854775807
),
taken AS (
    DELETE FROM usage_hourly_parts p
    USING crowded c
    WHERE p.hour >= c.day::timestamp AT TIME ZONE 'UTC' AND p.hour < (c.day + 1)::timestamp AT TIME ZONE 'UTC'
    RETURNING p.*
)
INSERT INTO usage_hourly_parts (hour, {dimensions}, {measures})
SELECT hour, {dimensions}, {sums}
FROM taken
GROUP BY hour, {dimensions}
ORDER BY hour, {dimensions}

-- name: delete_days
-- Deletes the sums of days that are to be summed again; without days, all.
DELETE FROM usage_days
WHERE %(days)s::date[] IS NULL OR day = ANY (%(days)s::date[])

-- name: sum_days
-- Sums days from their hours; without days, all.
INSERT INTO usage_days (
    day, user_id, team_id, model, requests, errors, cache_hits, prompt_tokens, completion_tokens, total_tokens,
    cost_usd, unpriced_requests, avg_latency_ms
)
SELECT (hour AT TIME ZONE 'UTC')::date, user_id, team_id, model, sum(requests), sum(errors), sum(cache_hits),
       sum(prompt_tokens), sum(completion_tokens), sum(total_tokens), sum(cost_usd), sum(unpriced_requests),
       round(sum(latency_ms) / sum(requests), 3)
FROM usage_hourly_parts
WHERE %(days)s::date[] IS NULL
   OR (hour >= (SELECT min(d) FROM unnest(%(days)s::date[]) d)::timestamp AT TIME ZONE 'UTC'
       AND hour < (SELECT max(d) + 1 FROM unnest(%(days)s::date[]) d)::timestamp AT TIME ZONE 'UTC'
       AND (hour AT TIME ZONE 'UTC')::date = ANY (%(days)s::date[]))
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4

-- name: refresh_usage_daily
-- Refreshes usage_daily without blocking its readers.
REFRESH MATERIALIZED VIEW CONCURRENTLY usage_daily

-- name: set_refreshed_at
-- Stores the time of the refresh.
UPDATE etl_state SET refreshed_at = now()

-- name: daily_differences
-- Measures of usage_daily that differ from the records' sums, from the prune horizon on.
WITH horizon AS (
    SELECT COALESCE(pruned_before, '-infinity') AS at FROM etl_state
),
stored AS (
    SELECT v.* FROM usage_daily v, horizon WHERE v.day >= horizon.at AT TIME ZONE 'UTC'
),
made AS (
    SELECT (created_at AT TIME ZONE 'UTC')::date AS day, user_id, team_id, model, count(*) AS requests,
           count(*) FILTER (WHERE status >= 400 OR error_type IS NOT NULL) AS errors,
           count(*) FILTER (WHERE cache_hit) AS cache_hits, sum(prompt_tokens) AS prompt_tokens,
           sum(completion_tokens) AS completion_tokens, sum(total_tokens) AS total_tokens,
           sum(cost_usd) AS cost_usd, count(*) FILTER (WHERE cost_usd IS NULL) AS unpriced_requests,
           round(sum(latency_ms) / count(*), 3) AS avg_latency_ms
    FROM usage_records, horizon
    WHERE created_at >= horizon.at
    GROUP BY 1, 2, 3, 4
)
SELECT 'usage_daily' AS rollup, day::timestamp AT TIME ZONE 'UTC' AS since, user_id, team_id, model, NULL AS provider,
       NULL AS key_id, NULL AS endpoint, d.measure, d.stored, d.recomputed
FROM stored s
FULL JOIN made m USING (day, user_id, team_id, model)
CROSS JOIN LATERAL (VALUES
    ('requests', s.requests::numeric, m.requests::numeric),
    ('errors', s.errors, m.errors),
    ('cache_hits', s.cache_hits, m.cache_hits),
    ('prompt_tokens', s.prompt_tokens, m.prompt_tokens),
    ('completion_tokens', s.completion_tokens, m.completion_tokens),
    ('total_tokens', s.total_tokens, m.total_tokens),
    ('cost_usd', s.cost_usd, m.cost_usd),
    ('unpriced_requests', s.unpriced_requests, m.unpriced_requests),
    ('avg_latency_ms', s.avg_latency_ms, m.avg_latency_ms)
) AS d (measure, stored, recomputed)
WHERE d.stored IS DISTINCT FROM d.recomputed
ORDER BY day, user_id, team_id, model, d.measure
LIMIT %s

-- name: hourly_differences
-- Measures of usage_hourly that differ from the records' sums, from the prune horizon on.
WITH horizon AS (
    SELECT COALESCE(pruned_before, '-infinity') AS at FROM etl_state
),
stored AS (
    SELECT h.* FROM usage_hourly h, horizon WHERE h.hour >= horizon.at
),
made AS (
    SELECT date_trunc('hour', created_at, 'UTC') AS hour, {dimensions}, {measures_of_records}
    FROM usage_records, horizon
    WHERE created_at >= horizon.at
    GROUP BY 1, {dimensions}
)
SELECT 'usage_hourly' AS rollup, hour AS since, {dimensions}, d.measure, d.stored, d.recomputed
FROM stored s
FULL JOIN made m USING (hour, {dimensions})
CROSS JOIN LATERAL (VALUES {compared}) AS d (measure, stored, recomputed)
WHERE d.stored IS DISTINCT FROM d.recomputed
ORDER BY hour, {dimensions}, d.measure
LIMIT %s
