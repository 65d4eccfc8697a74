-- Records into the staging table, in the order of etl/rows.py, with the place of their line.
COPY loading_records (
    request_id, created_at, user_id, team_id, key_id, model, upstream_model, provider, endpoint,
    stream, status, prompt_tokens, completion_tokens, total_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, usage_source, cost_usd, price_source, latency_ms, ttft_ms, cache_hit, limit_type, error_type,
    line_number, byte_offset
) FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\')
