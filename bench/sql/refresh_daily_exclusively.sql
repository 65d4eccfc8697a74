-- What making usage_daily costs by itself, without comparing it with the old one so that readers go on.
REFRESH MATERIALIZED VIEW usage_daily
