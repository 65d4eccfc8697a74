-- The lines of segments, sealed or open; one that is no JSON object has no event.
INSERT INTO line
SELECT event, created_at, status, limit_type, latency_ms, cost_usd
FROM read_json($files, format = 'newline_delimited', ignore_errors = true, columns = {
    event: 'VARCHAR', created_at: 'VARCHAR', status: 'VARCHAR', limit_type: 'VARCHAR', latency_ms: 'VARCHAR',
    cost_usd: 'VARCHAR'})
WHERE event IS NULL OR event NOT IN ('open', 'intent', 'seal')
