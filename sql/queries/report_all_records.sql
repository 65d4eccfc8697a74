-- The records of a period, of those that are kept.
SELECT * FROM records WHERE created_at >= $since AND created_at < $until
