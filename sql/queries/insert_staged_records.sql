-- Stores each staged record whose identity is not stored yet (of several with one identity, the first line)
-- and marks it as new.
WITH firsts AS (
    SELECT created_at, request_id, min(line_number) AS line_number
    FROM loading_records
    GROUP BY created_at, request_id
),
stored AS (
    INSERT INTO usage_records (
    request_id, created_at, user_id, team_id, key_id, model, upstream_model, provider, endpoint,
    stream, status, prompt_tokens, completion_tokens, total_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, usage_source, cost_usd, price_source, latency_ms, ttft_ms, cache_hit, limit_type, error_type
    )
    SELECT
    request_id, created_at, user_id, team_id, key_id, model, upstream_model, provider, endpoint,
    stream, status, prompt_tokens, completion_tokens, total_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, usage_source, cost_usd, price_source, latency_ms, ttft_ms, cache_hit, limit_type, error_type
    FROM loading_records
    JOIN firsts USING (created_at, request_id, line_number)
    ORDER BY created_at, request_id
    ON CONFLICT (created_at, request_id) DO NOTHING
    RETURNING created_at, request_id
)
UPDATE loading_records AS l
SET is_new = true
FROM firsts
JOIN stored USING (created_at, request_id)
WHERE l.line_number = firsts.line_number
