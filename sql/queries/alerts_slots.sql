-- Counts per slot of $step_us microseconds, each named by its end, which belongs to it; $at ends one.
CREATE OR REPLACE TEMP TABLE slot AS
SELECT $at::TIMESTAMP - to_microseconds((epoch_us($at::TIMESTAMP) - epoch_us(ended_at)) // $step_us::BIGINT * $step_us::BIGINT) AS at,
       count(*) AS requests,
       count(*) FILTER (status >= 500) AS failed,
       count(*) FILTER (status = 502) AS bad_gateway,
       count(*) FILTER (seconds > 5) AS slow,
       count(*) FILTER (limit_type IS NOT NULL) AS limited,
       count(*) FILTER (is_unpriced) AS unpriced
FROM ended
GROUP BY 1
