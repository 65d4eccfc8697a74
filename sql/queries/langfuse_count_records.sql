-- How many records a period has.
SELECT count(*) FROM usage_records WHERE created_at >= %(since)s AND created_at < %(until)s
