-- One user's week; the days are directories, and a file is sorted by user.
SELECT count(*), sum(total_tokens), sum(cost_usd)
FROM read_parquet($files, hive_partitioning = true)
WHERE day >= CAST($since AS date) AND day < CAST($until AS date) AND user_id = $user
