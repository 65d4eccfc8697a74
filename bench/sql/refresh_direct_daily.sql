-- As usage_daily is refreshed.
REFRESH MATERIALIZED VIEW CONCURRENTLY direct_daily
