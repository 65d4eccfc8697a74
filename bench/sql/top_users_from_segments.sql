-- The top users straight from the segments: nothing is proved, nothing counted twice is noticed.
SELECT user_id, sum(total_tokens) AS tokens, count(*) AS requests, sum(CAST(cost_usd AS decimal(38, 12))) AS cost_usd
FROM read_json($files, format = 'newline_delimited', columns = {
    event: 'VARCHAR', created_at: 'TIMESTAMP', user_id: 'VARCHAR', total_tokens: 'BIGINT', cost_usd: 'VARCHAR'
})
WHERE event = 'request' AND created_at >= CAST($since AS timestamp) AND created_at < CAST($until AS timestamp)
GROUP BY user_id
ORDER BY tokens DESC
LIMIT 10
