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
