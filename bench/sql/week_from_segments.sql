-- The same from the segments themselves.
SELECT count(*), sum(total_tokens), sum(CAST(cost_usd AS decimal(38, 12)))
FROM read_json($files, format = 'newline_delimited', columns = {
    event: 'VARCHAR', created_at: 'TIMESTAMP', user_id: 'VARCHAR', total_tokens: 'BIGINT', cost_usd: 'VARCHAR'
})
WHERE event = 'request' AND user_id = $user
  AND created_at >= CAST($since AS date) AND created_at < CAST($until AS date)
