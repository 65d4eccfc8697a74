-- How many requests are in which state, when the last was taken, and up to which start all are verified.
SELECT count(*) FILTER (WHERE state = 'planned') AS planned,
       count(*) FILTER (WHERE state = 'inflight') AS inflight,
       count(*) FILTER (WHERE state = 'accepted') AS accepted,
       count(*) FILTER (WHERE state = 'verified') AS verified,
       count(*) FILTER (WHERE state = 'rejected') AS rejected,
       (:now_ms - max(changed_at) FILTER (WHERE state = 'accepted')) / 1000.0 AS quiet_seconds,
       min(started_ms) FILTER (WHERE state IN ('planned', 'inflight', 'accepted')) AS first_open_ms,
       max(started_ms) FILTER (WHERE state = 'verified') AS last_verified_ms
FROM spans
WHERE target = :target
