-- What usage_daily was made from, and its rows.
SELECT sum(requests), count(*), (SELECT count(*) FROM usage_daily)
FROM usage_hourly
