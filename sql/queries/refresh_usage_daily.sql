-- Makes usage_daily anew from usage_hourly while readers go on reading the old one.
REFRESH MATERIALIZED VIEW CONCURRENTLY usage_daily
