-- name: report_logs
-- Sums per bucket and group, of all sources that were added. $inner_boundaries divide the period into buckets, numbered
-- from 0.
WITH boundary AS (
    SELECT unnest($inner_boundaries::TIMESTAMP[]) AS start,
           unnest(range(1, len($inner_boundaries) + 1)) AS number
),
moment AS (
    SELECT DISTINCT moment FROM part
),
bucket AS (
    SELECT moment, coalesce(number, 0) AS bucket
    FROM moment ASOF LEFT JOIN boundary ON moment.moment >= boundary.start
)
SELECT bucket, {dimensions} {sums}
FROM part JOIN bucket USING (moment)
GROUP BY ALL
HAVING count(*) > 0

-- name: report_logs_add_durations
-- Adds the durations of the records that another statement selects.
INSERT INTO durations
SELECT model, latency_ms, ttft_ms
FROM ({records})
WHERE created_at >= $since AND created_at < $until AND {filters}

-- name: report_logs_add_sums
-- Adds the sums per moment and group of a source: records, or sums of the rollup cache. No boundary of the buckets lies
-- between two times with the same {moment}.
INSERT INTO part BY NAME
SELECT {moment} AS moment, {dimensions} {measures}
FROM ({source})
WHERE {time} >= $since AND {time} < $until AND {filters}
GROUP BY ALL
HAVING count(*) > 0

-- name: report_logs_create_tables
-- The table rollup_records: records of files whose sums are in the rollup cache, for parts of hours.
CREATE TEMP TABLE rollup_records AS FROM records LIMIT 0

-- name: report_logs_durations
-- The durations of the requests of the current query.
CREATE OR REPLACE TEMP TABLE durations (model VARCHAR, latency_ms DECIMAL(18, 6), ttft_ms DECIMAL(18, 6))

-- name: report_logs_latencies
-- Percentiles per model, and over all models (NULL): the smallest value that at least so many percent of the requests
-- do not exceed. Nearest rank, computed here because databases differ in how they compute it: whole milliseconds are
-- counted first, and only requests of a millisecond that holds a percentile are sorted, which takes little memory.
WITH duration AS (
    SELECT model, 'latency' AS measured, latency_ms AS ms FROM durations
    UNION ALL
    SELECT model, 'ttft', ttft_ms FROM durations WHERE ttft_ms IS NOT NULL
),
counted AS (
    SELECT model, measured, floor(ms) AS whole, count(*) AS number
    FROM duration
    GROUP BY GROUPING SETS ((model, measured, whole), (measured, whole))
),
cumulative AS (
    SELECT *, sum(number) OVER (PARTITION BY model, measured ORDER BY whole) AS until,
           sum(number) OVER (PARTITION BY model, measured) AS requests
    FROM counted
),
wanted AS (
    SELECT model, measured, whole, percent, requests,
           -- The rank among the requests of this millisecond.
           (requests * percent + 99) // 100 - (until - number) AS rank
    FROM cumulative, (SELECT unnest([50, 90, 95, 99]) AS percent) AS percents
    WHERE rank BETWEEN 1 AND number
),
ordered AS (
    SELECT wanted.*, duration.ms,
           row_number() OVER (PARTITION BY wanted.model, wanted.measured, percent ORDER BY duration.ms) AS number
    FROM wanted JOIN duration
      ON duration.measured = wanted.measured AND floor(duration.ms) = wanted.whole
     AND coalesce(wanted.model, duration.model) = duration.model
)
SELECT model, max(requests) FILTER (measured = 'latency')::BIGINT AS requests,
       max(ms) FILTER (measured = 'latency' AND percent = 50) AS p50_ms,
       max(ms) FILTER (measured = 'latency' AND percent = 90) AS p90_ms,
       max(ms) FILTER (measured = 'latency' AND percent = 95) AS p95_ms,
       max(ms) FILTER (measured = 'latency' AND percent = 99) AS p99_ms,
       max(ms) FILTER (measured = 'ttft' AND percent = 50) AS ttft_p50_ms,
       max(ms) FILTER (measured = 'ttft' AND percent = 95) AS ttft_p95_ms
FROM ordered
WHERE number = rank
GROUP BY model
ORDER BY model NULLS FIRST

-- name: report_logs_parts
-- The sums of each source of the current query.
CREATE OR REPLACE TEMP TABLE part (moment TIMESTAMP, {rollup_types})

-- name: report_logs_rollups
-- The sums of some files in the rollup cache {cache}, by hour or by day ({table}).
FROM {cache}.{table} WHERE file IN ({file_ids})
