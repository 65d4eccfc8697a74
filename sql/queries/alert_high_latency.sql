-- The 95th percentile of the duration in seconds, over five minutes, at each step. Prometheus estimates it within a
-- bucket of its histogram; since 5 s is the border of one, both are above it or neither is.
SELECT step.at, quantile_disc(ended.seconds, 0.95)
FROM step JOIN ended ON ended.ended_at > step.at - INTERVAL 5 MINUTE AND ended.ended_at <= step.at
GROUP BY step.at
